"""Threads change nothing but the time: not the results, not after a fork, not from several threads at once."""

import os
import threading

import numpy as np
import pytest
from joblib import Parallel, delayed, parallel_config

from ebm.boltzmann.learning import ContrastiveLearner
from ebm.boltzmann.rule import Rule
from ebm.data import TrainingData
from ebm.kernels import conditional, linear, threads
from ebm.kernels.bernoulli import bernoulli
from ebm.kernels.contrastive import contrastive_updates
from ebm.kernels.reduce import column_sums, softplus_rows
from ebm.kernels.update import update
from ebm.random import Draw, Random
from tests.boltzmann.models import small_model
from tests.kernels.scripts import run

DRAW = Draw(seed=5, stream=2, step=1)
rng = np.random.default_rng(0)
X = (rng.random((101, 40)) < 0.3).astype(np.float32)
A = rng.normal(size=(101, 70)).astype(np.float32)
PANELS, BIAS = linear.pack(rng.normal(size=(40, 70)).astype(np.float32)), A[0].copy()
KERNELS = {
    "bernoulli states": lambda: bernoulli(A, BIAS, DRAW),
    "bernoulli probabilities": lambda: bernoulli(A, BIAS, None, probabilities=np.empty_like(A)),
    "inputs": lambda: conditional.inputs(X, PANELS, BIAS),
    "mean": lambda: conditional.mean(X, PANELS, BIAS),
    "states": lambda: conditional.states(X, PANELS, BIAS, DRAW),
    "cumulant": lambda: conditional.cumulant(X, PANELS, BIAS),
    "softplus_rows": lambda: softplus_rows(A),
    "column_sums": lambda: column_sums(A),
    "update": lambda: ascended(A),
}


def ascended(gradient):
    w, velocity = gradient[::-1].copy(), gradient.copy()
    update(w, velocity, gradient, np.array([0.1, 0.9], np.float32), l2=0.1, l1=0.1)
    return w


@pytest.fixture
def eager(monkeypatch):
    """Share out even the smallest work, and count the parts."""
    monkeypatch.setattr(threads, "SMALL", 1)
    parts = []
    together = threads._together
    monkeypatch.setattr(
        threads, "_together", lambda core, calls, *rest: (parts.append(len(calls)), together(core, calls, *rest))
    )
    return parts


@pytest.mark.parametrize("name", KERNELS)
def test_one_thread_equals_several_bit_for_bit(name, eager):
    results = []
    for n in (1, 2, 3):
        with threads.limit_threads(n):
            results.append(KERNELS[name]())
    assert eager == [1, 2, 3]
    assert np.isfinite(results[0]).all()
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])


def test_small_work_stays_in_one_thread(monkeypatch):
    monkeypatch.setattr(threads, "_pool", lambda workers: pytest.fail("a thread was woken"))
    with threads.limit_threads(8):
        KERNELS["bernoulli states"]()


# ---- how many ----


@pytest.mark.parametrize(
    ("numba", "omp", "wanted"),
    [("3", None, 3), (None, "2", 2), ("3", "2", 3), (None, "4,2", 4), (" 5 ", None, 5)],
)
def test_the_environment_is_honoured(numba, omp, wanted, monkeypatch):
    for name, value in (("NUMBA_NUM_THREADS", numba), ("OMP_NUM_THREADS", omp)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert threads.n_threads() == threads.permitted_cores() == wanted


@pytest.mark.parametrize("nonsense", ["", "0", "-2", "many"])
def test_otherwise_the_permitted_cores_count(nonsense, monkeypatch):
    monkeypatch.setenv("NUMBA_NUM_THREADS", nonsense)
    monkeypatch.setenv("OMP_NUM_THREADS", nonsense)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert threads.n_threads() == cores


def test_limits_nest_and_belong_to_their_thread():
    free, seen = threads.n_threads(), []
    with threads.limit_threads(5) as limit:
        with threads.limit_threads(2):
            assert threads.n_threads() == 2
            with threads.limit_threads(None):
                assert threads.n_threads() == 2
        assert threads.n_threads() == limit == 5
        other = threading.Thread(target=lambda: seen.append(threads.n_threads()))
        other.start()
        other.join()
    assert threads.n_threads() == free
    assert seen == [free]
    with pytest.raises(KeyError), threads.limit_threads(7):
        raise KeyError
    assert threads.n_threads() == free


def limited_to_three():
    with threads.limit_threads(3):
        return threads.n_threads()


@pytest.mark.parametrize("backend", ["threading", "loky", "multiprocessing"])
@pytest.mark.filterwarnings("ignore:.*use of fork\\(\\) may lead to deadlocks:DeprecationWarning")
def test_a_joblib_worker_has_one_thread(backend, monkeypatch):
    for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, "4")
    assert Parallel(2, backend=backend)(delayed(threads.n_threads)() for _ in range(3)) == [1, 1, 1]
    assert Parallel(2, backend=backend)(delayed(limited_to_three)() for _ in range(2)) == [3, 3]
    with parallel_config(backend, n_jobs=2):
        assert threads.n_threads() == 4  # chosen, but nothing runs in it yet
    assert Parallel(1)([delayed(threads.n_threads)()]) == [4]


# ---- together ----


def learner_of(seed=1, n_threads=2):
    data = TrainingData.from_array(X)
    model = small_model(40, 70, dtype=np.float32, scale=0.1)
    return ContrastiveLearner(model, data, Rule(batch_size=30), Random(seed), n_epochs=3, n_threads=n_threads)


def fit(seed=1, n_threads=2):
    learner = learner_of(seed, n_threads)
    for epoch in range(3):
        learner.begin_epoch(epoch)
        learner.update(0, learner.n_batches)
    return learner.model.weights


def test_several_python_threads_at_once(eager, monkeypatch):
    monkeypatch.setattr("ebm.boltzmann.learning.WORK_A_THREAD", 1)
    work = [*KERNELS.values(), fit]
    wanted = [function() for function in work]
    failures = []

    def repeat(first):
        for i in range(30):
            place = (first + i) % len(work)
            with threads.limit_threads(2):
                if not np.array_equal(work[place](), wanted[place]):
                    failures.append(place)

    workers = [threading.Thread(target=repeat, args=(first,)) for first in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert not any(worker.is_alive() for worker in workers), "they wait for each other"
    assert failures == []


def test_an_error_in_one_part_is_raised_and_the_pool_lives(eager):
    def core(first, last):
        if first > 0:
            raise ZeroDivisionError

    with threads.limit_threads(2):
        with pytest.raises(ZeroDivisionError):
            threads.over_rows(core, (), 10, 10)
        np.testing.assert_array_equal(KERNELS["mean"](), KERNELS["mean"]())


def test_a_gang_whose_part_cannot_start_does_not_wait_for_ever(monkeypatch):
    monkeypatch.setattr("ebm.boltzmann.learning.WORK_A_THREAD", 1)
    wanted, real, submitted = fit(n_threads=3), threads._pool(2), []

    class Exhausted:
        def submit(self, *call):
            submitted.append(call)
            if len(submitted) == 2:  # the first of three is at the barrier by now, or will be
                real.submit(*call)  # as the pool does: queued first, then no thread can be started for it
                raise RuntimeError("can't start new thread")
            return real.submit(*call)

    with monkeypatch.context() as patch:
        patch.setattr(threads, "_pool", lambda workers: Exhausted())
        with pytest.raises(RuntimeError, match="can't start new thread"):
            fit(n_threads=3)
    np.testing.assert_array_equal(fit(n_threads=3), wanted)


def test_a_gang_whose_part_fails_changes_nothing(monkeypatch):
    monkeypatch.setattr("ebm.boltzmann.learning.WORK_A_THREAD", 1)
    learner, real = learner_of(n_threads=2), contrastive_updates
    learner.begin_epoch(0)
    before = learner.state()

    def failing(*arguments):
        if arguments[-3] == 1:
            raise MemoryError
        real(*arguments)

    monkeypatch.setattr("ebm.boltzmann.learning.contrastive_updates", failing)
    with pytest.raises(MemoryError):
        learner.update(0, 1)
    for name, part in learner.state().items():
        np.testing.assert_array_equal(part, before[name], err_msg=name)


FORK = """
import os, sys, warnings
import numpy as np
warnings.filterwarnings("ignore", ".*use of fork\\\\(\\\\) may lead to deadlocks", DeprecationWarning)
from ebm.kernels import threads
from tests.kernels.test_threads import KERNELS, fit
import ebm.boltzmann.learning as learning
threads.SMALL = learning.WORK_A_THREAD = 1

def everything():
    with threads.limit_threads(2):
        return [function() for function in KERNELS.values()] + [fit()]

before = everything()
assert threads._pools, "the parent has used no threads"
child = os.fork()
if child == 0:
    same = all(np.array_equal(a, b) for a, b in zip(before, everything(), strict=True))
    os._exit(0 if same else 3)
after = everything()
_, status = os.waitpid(child, 0)
same = all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
print(os.waitstatus_to_exitcode(status), same)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_has_threads_of_its_own():
    assert run(FORK).split() == ["0", "True"]
