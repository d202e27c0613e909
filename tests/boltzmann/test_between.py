"""From one model to another: the numbers of the loops, the exact ratio, and what is refused."""

import numpy as np
import pytest

from ebm.boltzmann.annealing import RBMPath
from ebm.boltzmann.between import ModelPath
from ebm.boltzmann.enumeration import log_partition as exact_log_partition
from ebm.boltzmann.enumeration import visible_distribution
from ebm.boltzmann.likelihood import log_partition_between
from ebm.boltzmann.rbm import RBM
from ebm.boltzmann.units import Bernoulli
from ebm.errors import UntrustedEstimateWarning
from ebm.kernels import threads
from ebm.random import Random, Stream
from ebm.sampling.annealing import LogPartition, annealed_importance_sampling, temperatures
from tests.boltzmann.models import p_value, row_numbers, slow, small_model
from tests.boltzmann.test_likelihood import exact_samples
from tests.reference import between

A, B = small_model(6, 4, seed=5), small_model(6, 4, seed=2)


def test_the_weights_are_those_of_the_loops():
    v, betas = exact_samples(A, 12), np.array([0.0, 0.2, 0.5, 0.9, 1.0])
    found = annealed_importance_sampling(ModelPath(A, B, v), 12, betas, Random(9))
    wanted = between.log_weights(slow(A), slow(B), v, betas, 9)
    np.testing.assert_allclose(found.log_weights, wanted, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_from_independent_units_it_is_the_path_of_annealing(dtype):
    model = small_model(10, 6, dtype=dtype, seed=2)
    base = RBM(np.zeros((10, 6), dtype), np.linspace(-1, 1, 10).astype(dtype), np.zeros(6, dtype))
    path = RBMPath(model, base.visible_bias)
    v, betas = path.start(50, Random(1)), temperatures(15)
    wanted = annealed_importance_sampling(path, 50, betas, Random(1))
    found = annealed_importance_sampling(ModelPath(base, model, v, path.log_base), 50, betas, Random(1))
    np.testing.assert_allclose(found.log_weights, wanted.log_weights, atol=2000 * np.finfo(dtype).eps)


def stays(path, beta, n=20_000, n_sweeps=4):
    p = visible_distribution(path.at(beta))
    v = A.visible.states(6)[np.random.default_rng(0).choice(len(p), n, p=p)]
    for step in range(n_sweeps):
        v, _ = path.move(v, beta, beta, Random(5), step)
    return p_value(np.bincount(row_numbers(v), minlength=len(p)), p)


class HiddenOfTheLast(ModelPath):
    """Broken: hidden units are drawn from the last model at every beta."""

    def move(self, v, old, new, random, step):
        h = self.last.sample_hidden(v, random.at(Stream.ANNEALING_HIDDEN, step))
        return self.at(new).sample_visible(h, random.at(Stream.ANNEALING_VISIBLE, step)), self.log_ratio(v, old, new)


@pytest.mark.parametrize("beta", [0.0, 0.35, 1.0])
def test_moves_leave_the_distribution_at_beta_as_it_is(beta):
    path = ModelPath(A, B, exact_samples(A, 2))
    oracle = between.at(slow(A), slow(B), beta)
    f = np.array([sum(np.exp(-oracle.energy(v, h)) for h in oracle.hidden_states()) for v in oracle.visible_states()])
    np.testing.assert_allclose(visible_distribution(path.at(beta)), f / f.sum(), rtol=1e-10)
    assert stays(path, beta) > 1e-3
    if beta < 1:
        assert stays(HiddenOfTheLast(A, B, path.states), beta) < 1e-9


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_the_difference_is_within_three_errors_of_enumeration(dtype):
    first, last = A.astype(dtype), B.astype(dtype)
    exact = exact_log_partition(last) - exact_log_partition(first)
    for seed in range(20):
        v = exact_samples(first, 200, seed)
        found = log_partition_between(last, first, v, log_z=0.0, random=Random(seed), n_temperatures=40)
        assert found.trusted
        assert found.method == "ais_between"
        assert abs(found.value - exact) < 3 * found.standard_error < 0.5
        back = log_partition_between(
            first, last, exact_samples(last, 200, seed), log_z=0.0, random=Random(seed), n_temperatures=40
        )
        assert abs(back.value + exact) < 3.2 * back.standard_error


def test_the_error_and_the_doubts_of_the_other_model_are_taken_over():
    v = exact_samples(A, 200)
    options = {"random": Random(0), "n_temperatures": 40}
    alone = log_partition_between(B, A, v, log_z=exact_log_partition(A), **options)
    known = LogPartition(exact_log_partition(A), 0.3, 50.0, 100, "ais", True, "consistent")
    found = log_partition_between(B, A, v, log_z=known, **options)
    assert found.value == pytest.approx(alone.value)
    assert found.standard_error == pytest.approx(np.hypot(0.3, alone.standard_error))
    assert found.trusted
    doubtful = LogPartition(exact_log_partition(A), 0.3, 1.0, 100, "ais", False, "not to be trusted: made up")
    with pytest.warns(UntrustedEstimateWarning, match="log Z of the other model is not to be trusted: made up"):
        assert not log_partition_between(B, A, v, log_z=doubtful, **options).trusted


def test_too_few_temperatures_are_reported():
    first, last = small_model(12, 8, scale=2.5), small_model(12, 8, seed=1, scale=2.5)
    v = exact_samples(first, 100)
    with pytest.warns(UntrustedEstimateWarning, match="more temperatures"):
        found = log_partition_between(last, first, v, log_z=0.0, random=Random(0), n_temperatures=3)
    assert not found.trusted


def test_threads_do_not_matter(monkeypatch):
    monkeypatch.setattr(threads, "SMALL", 1)
    first, last = (small_model(40, 30, dtype=np.float32, seed=s, scale=0.3) for s in (0, 1))
    v = (np.random.default_rng(0).random((64, 40)) < 0.4).astype(np.float32)
    found = []
    for n in (1, 2):
        with threads.limit_threads(n):
            found.append(annealed_importance_sampling(ModelPath(first, last, v), 64, temperatures(6), Random(2)))
    np.testing.assert_array_equal(found[0].log_weights, found[1].log_weights)


class OtherBernoulli(Bernoulli):
    """Units that are not the same."""


@pytest.mark.parametrize(
    ("first", "states", "message"),
    [
        (small_model(6, 5), np.zeros((3, 6)), r"one shape and dtype, got \(6, 5\) in float64 and \(6, 4\) in float64"),
        (
            A.astype(np.float32),
            np.zeros((3, 6), np.float32),
            "one shape and dtype, got .* in float32 and .* in float64",
        ),
        (RBM(A.weights, A.visible_bias, A.hidden_bias, OtherBernoulli()), np.zeros((3, 6)), "must have the same units"),
        (A, np.zeros((3, 5)), r"states must be of shape \(n, 6\) in float64, got \(3, 5\) in float64"),
        (A, np.zeros(6), r"states must be of shape \(n, 6\)"),
        (A, np.zeros((3, 6), np.float32), r"states must be of shape \(n, 6\) in float64, got .* in float32"),
    ],
)
def test_what_does_not_fit_is_refused(first, states, message):
    with pytest.raises(ValueError, match=message):
        ModelPath(first, B, states)


def test_bad_numbers_are_refused():
    with pytest.raises(ValueError, match="n_chains must be at most 3, as many as states; got 4"):
        annealed_importance_sampling(ModelPath(A, B, np.zeros((3, 6))), 4, temperatures(3), Random(0))
    with pytest.raises(ValueError, match=r"n_temperatures must be at least 2 \(both models\), got 1"):
        log_partition_between(B, A, np.zeros((3, 6)), log_z=0.0, random=Random(0), n_temperatures=1)
    with pytest.raises(ValueError, match="n_chains must be at least 2, got 1"):
        log_partition_between(B, A, np.zeros((1, 6)), log_z=0.0, random=Random(0))
