"""One training loop for every model, and what listens to it.

`train` is given a `Learner` and knows nothing else of the model. A callback is any object with some of
these methods, each given the `Run`:

===========================  ===========================================================================
``on_restore(run)``          before anything else: put an earlier run's state back
``on_train_begin(run)``      training is about to start
``on_epoch_begin(run)``      ``run.epoch`` still counts the finished epochs
``on_chunk(run, done, n)``   ``done`` of the epoch's ``n`` mini-batches are done, about every 50 ms
``on_epoch_end(run)``        ``run.record(name, value)`` adds to this epoch's row, ``run.stop = True`` stops
``on_train_end(run)``        always called at the end, also after an error or Ctrl-C
===========================  ===========================================================================

Callbacks are told in the order of their attribute ``order`` (0 if they have none), and in the order given
where that is equal: monitors (0) record before early stopping (10) looks, checkpoints (20) save what both
left, the progress bar (30) shows it. They keep no state of their own, it lives in the run (arrays that a
resumed run needs in ``run.kept``): so they can be cloned, pickled and used twice.
"""

from ebm.training.checkpoint import Checkpoint, CheckpointError, Snapshot, load_checkpoint
from ebm.training.early_stopping import EarlyStopping
from ebm.training.errors import DivergenceError
from ebm.training.history import columns
from ebm.training.loop import train
from ebm.training.progress import Progress
from ebm.training.run import Learner, Run

__all__ = [
    "Checkpoint",
    "CheckpointError",
    "DivergenceError",
    "EarlyStopping",
    "Learner",
    "Progress",
    "Run",
    "Snapshot",
    "columns",
    "load_checkpoint",
    "train",
]
