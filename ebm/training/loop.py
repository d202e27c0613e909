"""The only epoch loop. It knows no model: it is given a learner, and tells callbacks how far it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any

from ebm.training.errors import DivergenceError
from ebm.training.interrupt import CtrlC, listening
from ebm.training.run import Learner, Run

CHUNK_SECONDS = 0.05  # how long Ctrl-C and the progress bar wait for a call of update
GROWTH = 8  # a chunk is at most so many times the one before: the first may have been short by chance


def train(
    learner: Learner,
    n_epochs: int,
    *,
    callbacks: Sequence[object] = (),
    first_epoch: int = 0,
    history: Sequence[Mapping[str, float]] = (),
    memory: Mapping[Any, Any] | None = None,
) -> Run:
    """Run epochs ``first_epoch`` to ``n_epochs - 1``, or until a callback or Ctrl-C stops.

    Ctrl-C ends the run after the running chunk of updates (about 50 ms) and returns normally, with
    ``Run.interrupted`` set; a second one raises KeyboardInterrupt at once.

    Parameters
    ----------
    learner : Learner
        What learns; it is changed in place.
    n_epochs : int
        Epochs in all, the ``first_epoch`` earlier ones included.
    callbacks : sequence of object
        What listens, see `ebm.training`.
    first_epoch : int
        Epochs already done. A `Checkpoint` that resumes sets this itself.
    history : sequence of dict
        Rows of the epochs already done.
    memory : mapping or None
        What callbacks find in ``Run.memory``; "fingerprint" is a JSON-like dict of hyper-parameters and
        data that a resumed run must share.

    Returns
    -------
    Run
        Where training ended, and its history.

    Raises
    ------
    DivergenceError
        If a parameter is not finite after an epoch. The learner is put back to the last good epoch before.
    TypeError
        If a callback is a class or has no method that the loop would call.
    """
    run = Run(
        learner,
        n_epochs,
        callbacks=_in_order(callbacks),
        epoch=first_epoch - 1,
        history=[dict(row) for row in history],
        memory=dict(memory or {}),
    )
    with listening() as ctrl_c:
        try:
            with ctrl_c.held():
                run.tell("on_restore")
            run.state = learner.state()
            run.tell("on_train_begin")
            clock = perf_counter() - (run.row["seconds"] if run.history else 0.0)
            while run.epoch + 1 < n_epochs and not run.stop:
                _epoch(run, ctrl_c)
                _guard(run)
                run.state = learner.state()
                run.epoch += 1
                run.history.append({"epoch": run.epoch + 1, "seconds": perf_counter() - clock})
                run.tell("on_epoch_end")
        except KeyboardInterrupt:
            if ctrl_c.presses != 1:
                raise
            run.interrupted = True
            _guard(run)
        finally:
            with ctrl_c.held():
                run.tell("on_train_end")
    return run


def _epoch(run: Run, ctrl_c: CtrlC) -> None:
    """Do one epoch's updates, in chunks that last about CHUNK_SECONDS."""
    run.tell("on_epoch_begin")
    run.learner.begin_epoch(run.epoch + 1)
    done, n_batches = 0, run.learner.n_batches
    while done < n_batches:
        size = min(run.chunk, n_batches - done)
        start = perf_counter()
        with ctrl_c.held():
            run.learner.update(done, done + size)
        ctrl_c.check()
        fitting = size * CHUNK_SECONDS / max(perf_counter() - start, 1e-6)
        run.chunk = max(1, min(int(fitting), GROWTH * size))
        done += size
        run.tell("on_chunk", done, n_batches)


def _guard(run: Run) -> None:
    """Refuse parameters that are not finite or absurdly large: put the last good epoch's back and say so."""
    if not run.learner.is_sound():
        run.learner.restore(run.state)
        raise DivergenceError(run.epoch + 2, run.history)


HOOKS = ("on_restore", "on_train_begin", "on_epoch_begin", "on_chunk", "on_epoch_end", "on_train_end")


def _in_order(callbacks: Sequence[object]) -> list[object]:
    for callback in callbacks:
        if isinstance(callback, type):
            raise TypeError(f"callbacks: {callback.__name__} is a class; give an object, {callback.__name__}(...)")
        if not any(hasattr(callback, hook) for hook in HOOKS):
            raise TypeError(f"callbacks: {callback!r} has none of the methods {', '.join(HOOKS)}")
    return sorted(callbacks, key=lambda callback: getattr(callback, "order", 0))
