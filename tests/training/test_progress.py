"""The progress bar, and what all callbacks promise: to be cloned, pickled and used twice."""

import copy
import dataclasses
import pickle
import subprocess
import sys

import pytest
from random_walk import RandomWalk, Recorder, StopAfter

from ebm.training import Checkpoint, EarlyStopping, Progress, train


def last_line(text):
    return text.rstrip("\n").rsplit("\n", 1)[-1].rsplit("\r", 1)[-1]


def test_it_shows_epochs_updates_and_values(capsys):
    train(RandomWalk(), 3, callbacks=[Progress(), Recorder([1.5, 2.5, None])])
    line = last_line(capsys.readouterr().err)
    assert line.startswith("epoch 3/3: 100%")
    assert "21.0/21.0" in line
    assert "updates/s" in line or "s/ updates" in line
    assert "score=2.5" in line  # the last one recorded
    assert "seconds" not in line


@pytest.mark.parametrize("monitor", ["score", ["score"]])
def test_it_shows_only_what_is_asked_for(capsys, monitor):
    class Another:
        def on_epoch_end(self, run):
            run.record("other", 1.0)

    train(RandomWalk(), 2, callbacks=[Progress(monitor), Another(), Recorder([1, 2])])
    line = last_line(capsys.readouterr().err)
    assert "score=2" in line
    assert "other" not in line


def test_it_says_why_training_stopped(capsys):
    callbacks = [Progress(), EarlyStopping("score", patience=1), Recorder([2, 1, 1])]
    train(RandomWalk(), 3, callbacks=callbacks)
    assert last_line(capsys.readouterr().err) == (
        "stopped after epoch 2: score has not improved for 1 recordings; best: 2 at epoch 1"
    )


def test_a_resumed_run_goes_on_in_the_middle(tmp_path, capsys):
    train(RandomWalk(), 2, callbacks=[Checkpoint(tmp_path / "c")])
    train(RandomWalk(), 4, callbacks=[Checkpoint(tmp_path / "c", resume=True), Progress()])
    shown = capsys.readouterr().err
    assert "50%" in shown.replace("\n", "\r").split("\r")[1]
    assert last_line(shown).startswith("epoch 4/4: 100%")


def test_an_error_closes_the_bar(capsys):
    with pytest.raises(RuntimeError, match="killed"):
        train(RandomWalk(), 3, callbacks=[Progress(), StopAfter(1)])
    assert capsys.readouterr().err.endswith("\n")


@pytest.mark.parametrize(
    "callback",
    [Progress("score"), EarlyStopping("score", patience=1), Checkpoint("c.ckpt", every=2)],
    ids=repr,
)
def test_callbacks_are_values(callback, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = dataclasses.asdict(callback)
    for _ in range(2):  # what they learn in a run stays in the run
        train(RandomWalk(), 3, callbacks=[callback, Recorder([3, 2, 1])])
        assert vars(callback) == before
    assert copy.deepcopy(callback) == callback
    assert pickle.loads(pickle.dumps(callback)) == callback
    with pytest.raises(dataclasses.FrozenInstanceError):
        callback.every = 3


def test_tqdm_is_imported_when_used():
    script = "import sys, ebm.training; print('tqdm' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "False\n"
    )


def test_epochs_of_other_lengths(capsys):
    """A learner in stages has more mini-batches in some epochs: the bar ends full all the same."""

    class Stages(RandomWalk):
        def begin_epoch(self, epoch):
            super().begin_epoch(epoch)
            self.n_batches = 7 if epoch < 2 else 2

    train(Stages(), 4, callbacks=[Progress()])
    line = last_line(capsys.readouterr().err)
    assert line.startswith("epoch 4/4: 100%")
    assert "18.0/18.0" in line
