"""Observers give what the kept states would give."""

import numpy as np
import pytest

from ebm.boltzmann.rbm import RBM
from ebm.random import Random
from ebm.sampling.diagnostics import autocorrelation_time, mean_with_error, split_rhat
from ebm.sampling.gibbs import sweeps
from ebm.sampling.metropolis import RandomWalkMetropolis
from ebm.sampling.observers import Histogram, Moments, Trace, observe
from ebm.sampling.simulated_tempering import SimulatedTempering
from tests.sampling.families import sparse


def batches(offset=0.0, dtype=np.float64):
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(5, 5))
    return [(rng.normal(size=(n, 5)) @ mixing + offset).astype(dtype) for n in (3, 0, 1, 40, 7)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_moments_are_those_of_all_states_together(dtype):
    states = batches(dtype=dtype)
    single, pairs = Moments(), Moments(pairs=True)
    observe(states, single, pairs)
    x = np.concatenate(states).astype(np.float64)
    assert single.n == pairs.n == len(x)
    for found in (single, pairs):
        np.testing.assert_allclose(found.mean, x.mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(found.variance, x.var(axis=0), rtol=1e-12)
    np.testing.assert_allclose(pairs.covariance, np.cov(x.T, bias=True), rtol=1e-10)
    np.testing.assert_allclose(pairs.second, x.T @ x / len(x), rtol=1e-10)
    np.testing.assert_allclose(single.second, (x**2).mean(axis=0), rtol=1e-12)


def test_a_large_mean_costs_no_digits():
    """Sums of squares minus squared sums would have lost all of them here."""
    found, near = Moments(pairs=True), Moments(pairs=True)
    observe(batches(1e9), found)
    observe(batches(), near)
    np.testing.assert_allclose(found.covariance, near.covariance, rtol=1e-5)


def test_histogram_counts_all_that_is_seen():
    states = batches()
    edges = np.linspace(-2, 2, 9)
    found = Histogram(lambda x: x[:, 0], edges)
    observe(states, found)
    x = np.concatenate(states)[:, 0]
    np.testing.assert_array_equal(found.counts, np.histogram(x, edges)[0])
    assert (found.below, found.above) == ((x < -2).sum(), (x > 2).sum())
    assert found.below > 0
    np.testing.assert_allclose((found.density * 0.5).sum(), found.counts.sum() / len(x))


def test_traces_tell_what_the_draws_are_worth():
    chains = RandomWalkMetropolis(lambda x: -0.5 * x[:, 0] ** 2, np.zeros((4, 1)), Random(0), scale=2.0)
    trace = Trace(lambda x: x[:, 0])
    kept = []
    for states in chains.sweeps(400):
        trace.update(states)
        kept.append(states[:, 0])
    draws = np.array(kept).T
    np.testing.assert_array_equal(trace.draws, draws)
    np.testing.assert_allclose(trace.mean(), mean_with_error(draws), rtol=1e-9)
    assert trace.autocorrelation_time() == pytest.approx(autocorrelation_time(draws))
    assert trace.rhat() == pytest.approx(split_rhat(draws))


def test_gibbs_pairs_and_energies():
    rng = np.random.default_rng(0)
    model = RBM(rng.normal(size=(4, 3)), rng.normal(size=4), rng.normal(size=3))
    start = np.zeros((6, 3))
    pairs = list(sweeps(model, start, 30, Random(0)))
    visible, energies = Moments(of=lambda pair: pair[0]), Trace(lambda pair: model.energy(*pair))
    observe(iter(pairs), visible, energies)
    np.testing.assert_allclose(visible.mean, np.concatenate([v for v, _ in pairs]).mean(axis=0))
    np.testing.assert_allclose(energies.draws[:, -1], model.energy(*pairs[-1]))


def test_simulated_tempering_yields_from_none_to_all():
    chains = SimulatedTempering(sparse(), [0.0, 0.5, 1.0], 5, Random(0))
    found = Moments()
    observe(chains.sweeps(50), found)
    assert found.n == chains.visits[-1]
    with pytest.raises(ValueError, match="a trace needs one number for each chain"):
        observe(chains.sweeps(50), Trace(lambda x: x[:, 0]))


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="edges must be at least two rising numbers"):
        Histogram(lambda x: x, [1.0, 1.0])
    with pytest.raises(ValueError, match="the observed quantity is NaN"):
        Histogram(lambda x: x, [0.0, 1.0]).update(np.array([np.nan]))
    with pytest.raises(ValueError, match=r"states must have shape \(n_rows, n_units\)"):
        Moments().update(np.zeros(3))
    moments = Moments()
    moments.update(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="states must keep their 3 units"):
        moments.update(np.zeros((2, 4)))
    with pytest.raises(ValueError, match="give pairs=True"):
        _ = moments.covariance
    with pytest.raises(ValueError, match=r"shape \(n_chains,\), got \(2, 3\)"):
        Trace(lambda x: x).update(np.zeros((2, 3)))
