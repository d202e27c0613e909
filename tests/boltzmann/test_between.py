"""From one model to another: the numbers of the loops, the exact ratio, and what is refused."""

import numpy as np
import pytest

from ebm.boltzmann.annealing import RBMPath
from ebm.boltzmann.between import ModelPath
from ebm.boltzmann.enumeration import log_partition as exact_log_partition
from ebm.boltzmann.enumeration import visible_distribution
from ebm.boltzmann.likelihood import log_partition_between
from ebm.boltzmann.rbm import RBM
from ebm.boltzmann.unit_types import Gaussian, ReLU, Spin
from ebm.boltzmann.units import Bernoulli
from ebm.errors import UntrustedEstimateWarning
from ebm.kernels import threads
from ebm.random import Random, Stream
from ebm.sampling.annealing import LogPartition, annealed_importance_sampling, temperatures
from tests.boltzmann.models import p_value, row_numbers, slow, small_model
from tests.boltzmann.pairs import exact_visible, pair_model
from tests.boltzmann.test_likelihood import exact_samples
from tests.reference import between

A, B = small_model(6, 4, seed=5), small_model(6, 4, seed=2)
DRAW = Random(0).at(2)


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


# ---- precisions that differ ----


def with_precisions(visible, hidden, *, seed, dtype=np.float64):
    """An RBM whose real units have precisions of their own."""
    rng = np.random.default_rng(seed)
    units = [
        type(unit)(rng.uniform(0.6, 3.0, n).astype(dtype)) if unit.levels is None else unit
        for unit, n in ((visible, 4), (hidden, 3))
    ]
    return pair_model(*units, 4, 3, dtype=dtype, seed=seed, scale=0.8)


REAL = [(Gaussian(), Spin()), (ReLU(), Bernoulli()), (Spin(), Gaussian()), (Bernoulli(), ReLU())]
REAL_PAIRS = pytest.mark.parametrize(("visible", "hidden"), REAL, ids=lambda unit: unit.name)


@REAL_PAIRS
def test_energies_in_between_are_mixtures_of_both(visible, hidden):
    first, last = (with_precisions(visible, hidden, seed=seed) for seed in (1, 2))
    rng = np.random.default_rng(0)
    v, h = visible.sample(rng.normal(size=(20, 4)), Random(0).at(1)), hidden.sample(rng.normal(size=(20, 3)), DRAW)
    path = ModelPath(first, last, v)
    for beta in (0.0, 0.3, 0.8, 1.0):
        wanted = (1 - beta) * first.energy(v, h) + beta * last.energy(v, h)
        np.testing.assert_allclose(path.at(beta).energy(v, h), wanted, rtol=1e-12)
    wanted = path.at(0.3).free_energy(v) - path.at(0.8).free_energy(v)
    np.testing.assert_allclose(path.log_ratio(v, 0.3, 0.8), wanted, rtol=1e-10)


def scores_between(kind, visible, hidden, dtype=np.float64):
    """Errors of log Z_B - log Z_A over twenty seeds, in standard errors."""
    first, last = (with_precisions(visible, hidden, seed=seed, dtype=dtype) for seed in (1, 2))
    exact, scores = exact_log_partition(last) - exact_log_partition(first), []
    for seed in range(20):
        if hidden.levels is None:
            p = visible_distribution(first)
            v = visible.states(4, dtype)[np.random.default_rng(seed).choice(len(p), 300, p=p)]
        else:
            v = exact_visible(first, 300, seed)
        found = annealed_importance_sampling(kind(first, last, v), 300, temperatures(40), Random(seed))
        assert found.standard_error < 0.2
        scores.append((found.value - exact) / found.standard_error)
    return np.array(scores)


@REAL_PAIRS
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_precisions_may_differ(visible, hidden, dtype):
    scores = scores_between(ModelPath, visible, hidden, dtype)
    assert abs(scores.mean()) < 1
    assert np.abs(scores).max() < 3.5


class ForgetsPrecisions(ModelPath):
    """Broken: what precisions add to the ratio is left out."""

    def _log_ratio(self, v, x, old, new):
        before, after = (self.at(float(beta)).visible.base_energy(v) for beta in (old, new))
        return super()._log_ratio(v, x, old, new) + after - before


def test_a_ratio_without_the_precisions_is_caught():
    assert abs(scores_between(ForgetsPrecisions, Gaussian(), Spin()).mean()) > 5


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
        (RBM(A.weights, A.visible_bias, A.hidden_bias, Gaussian()), np.zeros((3, 6)), "must have the same units"),
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
