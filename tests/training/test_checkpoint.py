"""Checkpoints: a resumed run equals the uninterrupted one bit for bit, and takes no other run's file."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from random_walk import RandomWalk, Recorder, StopAfter

from ebm import storage
from ebm.training import Checkpoint, CheckpointError, load_checkpoint, train

FINGERPRINT = {"n_components": 256, "shape": (10, 5), "rate": 0.1, "schedule": None}


@pytest.mark.parametrize("every", [1, 2, 3])
@pytest.mark.parametrize("killed_after", [0, 3])
def test_resume_equals_the_uninterrupted_run(tmp_path, every, killed_after):
    whole = RandomWalk()
    expected = train(whole, 6, callbacks=[Recorder(range(6))])
    checkpoint = Checkpoint(tmp_path / "c", every=every, resume=True)
    with pytest.raises(RuntimeError, match="killed"):
        train(RandomWalk(), 6, callbacks=[Recorder(range(6)), StopAfter(killed_after), checkpoint])
    resumed = RandomWalk(seed=0)
    run = train(resumed, 6, callbacks=[Recorder(range(6)), checkpoint])
    np.testing.assert_array_equal(resumed.weights, whole.weights)
    np.testing.assert_array_equal(resumed.momentum, whole.momentum)
    assert resumed.calls[0][0] == killed_after + 1  # the epoch before was saved although something fell over
    assert [(row["epoch"], row["score"]) for row in run.history] == [
        (row["epoch"], row["score"]) for row in expected.history
    ]


def test_without_resume_training_starts_anew(tmp_path):
    for _ in range(2):
        learner = RandomWalk()
        train(learner, 2, callbacks=[Checkpoint(tmp_path / "c")])
        assert learner.calls[0][0] == 0
    assert load_checkpoint(tmp_path / "c").first_epoch == 2


def test_a_finished_run_is_only_read(tmp_path):
    whole = RandomWalk()
    train(whole, 2, callbacks=[Checkpoint(tmp_path / "c")])
    before = (tmp_path / "c").stat().st_mtime_ns
    learner = RandomWalk()
    run = train(learner, 2, callbacks=[Checkpoint(tmp_path / "c", resume=True)])
    assert learner.calls == []
    assert len(run.history) == 2
    np.testing.assert_array_equal(learner.weights, whole.weights)
    assert (tmp_path / "c").stat().st_mtime_ns == before


def test_more_epochs_go_on(tmp_path):
    checkpoint = Checkpoint(tmp_path / "c", resume=True)
    train(RandomWalk(), 2, callbacks=[checkpoint])
    learner, whole = RandomWalk(), RandomWalk()
    train(learner, 5, callbacks=[checkpoint])
    train(whole, 5)
    np.testing.assert_array_equal(learner.weights, whole.weights)


def test_another_runs_file_is_refused(tmp_path):
    checkpoint = Checkpoint(tmp_path / "c", resume=True)
    train(RandomWalk(), 1, callbacks=[checkpoint], memory={"fingerprint": FINGERPRINT})
    train(RandomWalk(), 2, callbacks=[checkpoint], memory={"fingerprint": dict(FINGERPRINT)})  # the same
    other = FINGERPRINT | {"n_components": 128, "centred": True}
    learner = RandomWalk()
    expected = r"c, it .* run: centred was 'not given' and is now True; n_components was 256 and is now 128\."
    with pytest.raises(CheckpointError, match=expected):
        train(learner, 3, callbacks=[checkpoint], memory={"fingerprint": other})
    assert learner.calls == []
    assert load_checkpoint(tmp_path / "c").first_epoch == 2  # and not written over


def test_a_parameter_that_was_none_is_not_missing(tmp_path):
    checkpoint = Checkpoint(tmp_path / "c", resume=True)
    train(RandomWalk(), 1, callbacks=[checkpoint], memory={"fingerprint": {"schedule": None}})
    with pytest.raises(CheckpointError, match="schedule was None and is now 'not given'"):
        train(RandomWalk(), 1, callbacks=[checkpoint], memory={"fingerprint": {}})


def test_every_counts_epochs(tmp_path):
    saved = []

    class Look:
        order = 25

        def on_epoch_end(self, run):
            saved.append(load_checkpoint(tmp_path / "c").first_epoch if (tmp_path / "c").exists() else 0)

    train(RandomWalk(), 5, callbacks=[Checkpoint(tmp_path / "c", every=2), Look()])
    assert saved == [0, 2, 2, 4, 4]
    assert load_checkpoint(tmp_path / "c").first_epoch == 5
    with pytest.raises(ValueError, match="every=0 must be at least 1"):
        Checkpoint("c", every=0)


def test_files_that_are_no_checkpoints(tmp_path):
    storage.save(tmp_path / "model", "RBM", {}, {})
    with pytest.raises(storage.ModelFileError, match="holds a 'RBM', not a 'checkpoint'"):
        train(RandomWalk(), 1, callbacks=[Checkpoint(tmp_path / "model", resume=True)])
    storage.save(tmp_path / "half", "checkpoint", {}, {"history": []})
    with pytest.raises(storage.ModelFileError, match="lacks fingerprint, first_epoch"):
        load_checkpoint(tmp_path / "half")


def test_a_folder_that_is_missing_is_named_before_training():
    learner = RandomWalk()
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        train(learner, 1, callbacks=[Checkpoint("/nowhere/c")])
    assert learner.calls == []


ENDLESS = """
import sys
from random_walk import RandomWalk
from ebm.training import Checkpoint, train
class Tell:
    order = 25
    def on_epoch_end(self, run):
        print("saved", flush=True)
train(RandomWalk(pause=0.001), 10**9, callbacks=[Checkpoint(sys.argv[1]), Tell()])
"""


def test_kill_9_and_resume(tmp_path):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    command = [sys.executable, "-c", ENDLESS, str(tmp_path / "c")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    for _ in range(3):
        assert process.stdout.readline() == "saved\n"
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    n_epochs = load_checkpoint(tmp_path / "c").first_epoch + 2
    resumed, whole = RandomWalk(), RandomWalk()
    train(resumed, n_epochs, callbacks=[Checkpoint(tmp_path / "c", resume=True)])
    train(whole, n_epochs)
    assert resumed.calls[0][0] == n_epochs - 2
    np.testing.assert_array_equal(resumed.weights, whole.weights)
