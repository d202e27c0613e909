"""Ctrl-C: the loop ends after the running chunk, and whoever else handles SIGINT goes on doing so."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from random_walk import RandomWalk, StopAfter

from ebm.training import Checkpoint, DivergenceError, EarlyStopping, load_checkpoint, train
from ebm.training.interrupt import listening


def ctrl_c():
    signal.raise_signal(signal.SIGINT)


class PressDuring(RandomWalk):
    """Ctrl-C in the middle of an update of epoch 1."""

    presses = 1

    def update(self, first, last):
        super().update(first, last)
        if self.epoch == 1:
            for _ in range(self.presses):
                ctrl_c()
            self.finished_chunk = self.weights.copy()


def test_in_an_update_it_waits_for_the_chunk():
    learner = PressDuring()
    run = train(learner, 100)
    assert run.interrupted
    assert run.epoch == 0
    assert len(run.history) == 1
    np.testing.assert_array_equal(learner.weights, learner.finished_chunk)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_in_a_callback_it_does_not_wait():
    learner = RandomWalk()
    never = []
    run = train(learner, 100, callbacks=[StopAfter(1, lambda: (ctrl_c(), never.append(1)))])
    assert run.interrupted
    assert run.epoch == 1
    assert never == []


def test_the_second_is_raised_at_once():
    learner = PressDuring()
    learner.presses = 2
    with pytest.raises(KeyboardInterrupt):
        train(learner, 100)
    assert not hasattr(learner, "finished_chunk")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_that_is_not_ours_passes():
    def elsewhere():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(RandomWalk(), 100, callbacks=[StopAfter(1, elsewhere)])


def test_a_handler_of_the_user_stays():
    seen = []
    before = signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
    try:
        run = train(RandomWalk(), 3, callbacks=[StopAfter(0, ctrl_c)])
    finally:
        signal.signal(signal.SIGINT, before)
    assert not run.interrupted
    assert run.epoch == 2
    assert seen == [signal.SIGINT]


def test_other_threads_install_no_handler():
    runs = []
    thread = threading.Thread(target=lambda: runs.append(train(RandomWalk(), 3)))
    thread.start()
    thread.join()
    assert runs[0].epoch == 2


def test_parameters_that_diverged_are_not_kept():
    learner = PressDuring(diverge_at=(1, 0))
    with pytest.raises(DivergenceError, match="epoch 2"):
        train(learner, 100)
    assert learner.is_sound()


def test_the_last_parameters_stay_and_the_last_epoch_is_saved(tmp_path):
    learner = PressDuring()
    stopping = EarlyStopping("epoch", patience=3, mode="min")  # the first epoch is the best
    run = train(learner, 100, callbacks=[stopping, Checkpoint(tmp_path / "c", every=50)])
    np.testing.assert_array_equal(learner.weights, learner.finished_chunk)
    saved = load_checkpoint(tmp_path / "c")
    assert saved.first_epoch == 1
    np.testing.assert_array_equal(saved.state["weights"], run.state["weights"])


def test_check_raises_what_was_held_back():
    with listening() as handler, handler.held():
        ctrl_c()
        with pytest.raises(KeyboardInterrupt):
            handler.check()


SLOW = """
import sys, time
from random_walk import RandomWalk
from ebm.training import train
class Ready:
    def on_chunk(self, run, done, n_batches):
        print("running", flush=True)
learner = RandomWalk(pause=0.02)
learner.n_batches = 10**6
run = train(learner, 10, callbacks=[Ready()])
print("interrupted", run.interrupted, learner.calls[-1][2], flush=True)
"""


def test_from_outside_while_it_runs():
    here = Path(__file__).parent
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(here), *sys.path])}
    process = subprocess.Popen([sys.executable, "-c", SLOW], stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout.readline() == "running\n"
        process.send_signal(signal.SIGINT)
        last = process.communicate(timeout=60)[0].splitlines()[-1].split()
    finally:
        process.kill()
    assert process.returncode == 0
    assert last[:2] == ["interrupted", "True"]
    assert int(last[2]) < 10**6  # it would have taken hours
