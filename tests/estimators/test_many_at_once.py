"""Fits that are killed, interrupted, forked, or run beside each other."""

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from ebm.optimizers.schedules import Linear
from ebm.training import CheckpointError
from ebm_sklearn import RBM, BernoulliRBM, Checkpoint, EarlyStopping, FitInterruptedWarning, PseudoLikelihood

X = (np.random.default_rng(0).random((600, 100)) < 0.3).astype(np.float32)
ROOT = Path(__file__).parents[2]
LEARNT = ("components_", "intercept_hidden_", "intercept_visible_", "mean_")


def large(**parameters):
    """An RBM whose updates are enough work for two threads."""
    fixed = {"batch_size": 50, "learning_rate": 0.05, "schedule": "constant", "l2": 1e-4}
    return RBM(**{"n_components": 120, "n_iter": 6, "random_state": 0, "n_jobs": 2, **fixed, **parameters})


def assert_same(one, two):
    for name in LEARNT:
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


def run_script(script, *arguments):
    """Run Python with what this module has; warnings are errors there too."""
    head = "from tests.estimators.test_many_at_once import *\n"
    command = [sys.executable, "-W", "error", "-c", head + textwrap.dedent(script), *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


# ---- kill -9 and resume ----


class KilledIn:
    """kill -9 in the middle of an epoch, where the last checkpoint is older than the parameters."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_chunk(self, run, done, n_batches):
        if run.epoch + 2 == self.epoch:
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("learning", ["pcd", "cd"])
def test_a_killed_fit_resumes_bit_for_bit(tmp_path, learning):
    path = tmp_path / "run.checkpoint"
    killed = run_script(
        "large(learning=sys.argv[1], callbacks=[Checkpoint(sys.argv[2]), KilledIn(4)]).fit(X)", learning, path
    )
    _, errors = killed.communicate(timeout=300)
    assert killed.returncode == -signal.SIGKILL, errors
    epochs = []

    class Epochs:
        def on_epoch_begin(self, run):
            epochs.append(run.epoch + 2)

    resumed = large(learning=learning, callbacks=[Checkpoint(path, resume=True), Epochs()]).fit(X)
    whole = large(learning=learning).fit(X)
    assert epochs == [4, 5, 6]
    assert_same(resumed, whole)
    assert [row["epoch"] for row in resumed.history_] == [1, 2, 3, 4, 5, 6]
    if learning == "pcd":
        np.testing.assert_array_equal(resumed.chains_, whole.chains_)


def test_a_finished_checkpoint_can_be_extended(tmp_path):
    path = tmp_path / "run.checkpoint"
    large(n_iter=3, callbacks=[Checkpoint(path)]).fit(X)
    assert_same(large(callbacks=[Checkpoint(path, resume=True)]).fit(X), large().fit(X))


@pytest.mark.parametrize(
    ("change", "data", "named"),
    [
        ({"l2": 0.5}, X, "l2 was '0.0001' and is now '0.5'"),
        ({"random_state": 1}, X, "seed"),
        ({}, 1 - X, "data was"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused_by_name(tmp_path, change, data, named):
    path = tmp_path / "run.checkpoint"
    large(n_iter=1, callbacks=[Checkpoint(path)]).fit(X)
    other = large(**change, callbacks=[Checkpoint(path, resume=True)])
    with pytest.raises(CheckpointError, match=named):
        other.fit(data)
    assert not hasattr(other, "components_")


@pytest.mark.parametrize("falling", [{"schedule": "linear"}, {"momentum": Linear(0.5, 0.9)}])
def test_rates_that_fall_to_the_end_cannot_be_extended(tmp_path, falling):
    path = tmp_path / "run.checkpoint"
    large(n_iter=3, **falling, callbacks=[Checkpoint(path)]).fit(X)
    with pytest.raises(CheckpointError, match="n_iter was 3 and is now 6"):
        large(**falling, callbacks=[Checkpoint(path, resume=True)]).fit(X)


def test_early_stopping_stops_and_keeps_the_best():
    callbacks = [PseudoLikelihood(n_samples=100), EarlyStopping("pseudo_likelihood", patience=2)]
    rbm = large(n_iter=200, learning_rate=0.5, callbacks=callbacks).fit(X)
    values = [row["pseudo_likelihood"] for row in rbm.history_]
    best = int(np.argmax(values))
    assert rbm.n_iter_ == len(values) == best + 3 < 200
    assert_same(rbm, large(n_iter=best + 1, learning_rate=0.5).fit(X))


# ---- Ctrl-C ----


class CtrlCIn:
    def __init__(self, epoch):
        self.epoch = epoch

    def on_chunk(self, run, done, n_batches):
        if run.epoch + 2 == self.epoch:
            signal.raise_signal(signal.SIGINT)


def test_ctrl_c_warns_and_keeps_the_last_parameters():
    rbm = large(callbacks=[CtrlCIn(3)])
    with pytest.warns(FitInterruptedWarning, match="Ctrl-C ended the fit in epoch 3 of 6"):
        assert rbm.fit(X) is rbm
    assert rbm.n_iter_ == len(rbm.history_) == 2
    assert np.isfinite(rbm.components_).all()
    assert not np.array_equal(rbm.components_, large(n_iter=2).fit(X).components_)  # some updates of epoch 3
    assert_same(rbm.set_params(callbacks=None).fit(X), large().fit(X))


class PressesCtrlC(BernoulliRBM):
    """Where scikit-learn's class prints its first line."""

    def score_samples(self, data):
        signal.raise_signal(signal.SIGINT)
        return super().score_samples(data)


def test_ctrl_c_in_the_twin():
    rbm = PressesCtrlC(8, n_iter=50, verbose=1, random_state=0)
    with pytest.warns(FitInterruptedWarning, match="Ctrl-C ended the fit in epoch 2 of 50"):
        assert rbm.fit(X) is rbm
    np.testing.assert_array_equal(rbm.components_, BernoulliRBM(8, n_iter=1, random_state=0).fit(X).components_)


def test_ctrl_c_from_outside_ends_an_endless_fit():
    fit = run_script("""
        class Ready:
            def on_epoch_end(self, run):
                if run.epoch == 0:
                    print("ready", flush=True)

        with pytest.warns(FitInterruptedWarning):
            rbm = large(n_iter=10**7, callbacks=[Ready()]).fit(X)
        assert 1 <= rbm.n_iter_ < 10**7
        assert rbm.n_iter_ == len(rbm.history_)
        before = rbm.components_
        assert not np.array_equal(rbm.set_params(callbacks=None).partial_fit(X).components_, before)
        assert_same(large().fit(X), large().fit(X))
        print("done")
        """)
    assert fit.stdout.readline() == "ready\n", fit.stderr.read()
    fit.send_signal(signal.SIGINT)
    output, errors = fit.communicate(timeout=300)
    assert output == "done\n", errors


# ---- beside each other ----


def limits():
    return [(pool["filepath"], pool["num_threads"]) for pool in threadpool_info()]


def test_two_fits_at_once_agree_and_leave_blas_as_it_was():
    before, expected = limits(), [large(random_state=seed).fit(X) for seed in (0, 1)]
    fitted, start = {}, threading.Barrier(2)

    def fit(seed):
        start.wait()
        fitted[seed] = large(random_state=seed).fit(X)
        fitted[seed].transform(X)

    workers = [threading.Thread(target=fit, args=(seed,)) for seed in (0, 1)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=300)
    assert sorted(fitted) == [0, 1]
    for seed in (0, 1):
        assert_same(fitted[seed], expected[seed])
    assert limits() == before != []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_fits_after_its_parent():
    """In a process of its own. Python >= 3.12 warns of a fork with more than one thread, and that is an error here."""
    script = run_script("""
        parent = large().fit(X)
        assert any(thread.name.startswith("ebm") for thread in threading.enumerate())
        left = []
        os.register_at_fork(after_in_parent=lambda: left.extend(threading.enumerate()))
        child = os.fork()
        if child == 0:
            same = all(np.array_equal(getattr(large().fit(X), name), getattr(parent, name)) for name in LEARNT)
            os._exit(0 if same else 1)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        assert left == [threading.main_thread()]
        assert_same(large().fit(X), parent)
        print("agree")
        """)
    output, errors = script.communicate(timeout=300)
    assert output == "agree\n", errors


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="there is no fork here")
def test_a_pool_of_forked_workers_agrees():
    script = run_script("""
        parent = large().fit(X)
        with multiprocessing.get_context("fork").Pool(2) as pool:
            fits = pool.map(fit_in_child, [0, 1, 0])
        np.testing.assert_array_equal(fits[0], parent.components_)
        np.testing.assert_array_equal(fits[0], fits[2])
        assert not np.array_equal(fits[0], fits[1])
        print("agree")
        """)
    output, errors = script.communicate(timeout=300)
    assert output == "agree\n", errors


def fit_in_child(seed):
    return large(random_state=seed).fit(X).components_
