"""Gibbs sampling: chains that start at the target stay there, and the tests would notice if they did not."""

from dataclasses import dataclass

import numpy as np
import pytest

from ebm.boltzmann.enumeration import moments
from ebm.boltzmann.rbm import RBM
from ebm.random import Random, Stream
from ebm.sampling.gibbs import gibbs, sweeps
from tests.boltzmann.models import p_value, row_numbers, slow, small_model

N_CHAINS = 20_000


def at_the_target(model, n, seed):
    """Exact samples (v, h) of the joint distribution, and its probabilities."""
    joint, _ = slow(model).joint()
    drawn = np.random.default_rng(seed).choice(joint.size, n, p=joint.ravel())
    v, h = np.divmod(drawn, joint.shape[1])
    states = model.visible.states(model.n_visible), model.hidden.states(model.n_hidden)
    return states[0][v].astype(model.dtype), states[1][h].astype(model.dtype), joint.ravel()


def stationarity(model, sampler, n_sweeps, seed=0):
    """p-value of 'after so many sweeps, chains that started at the target are still there'."""
    _, h, probabilities = at_the_target(model, N_CHAINS, seed)
    v, h = gibbs(sampler, h, n_sweeps, Random(seed))
    cells = row_numbers(v) * 2**model.n_hidden + row_numbers(h)
    return p_value(np.bincount(cells, minlength=probabilities.size), probabilities)


@pytest.mark.parametrize("n_sweeps", [1, 4, 16])
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_the_target_is_stationary(dtype, n_sweeps):
    model = small_model(4, 3, dtype=dtype, seed=1, scale=1.5)
    assert stationarity(model, model, n_sweeps) > 1e-3


@dataclass(frozen=True)
class ForgetsBias(RBM):
    """Broken: the visible units are drawn without their biases."""

    def sample_visible(self, h, draw):
        return RBM(self.weights, 0 * self.visible_bias, self.hidden_bias).sample_visible(h, draw)


@dataclass(frozen=True)
class SquaredBeta(RBM):
    """Broken: the hidden units are drawn at an inverse temperature of 0.8 that belongs nowhere."""

    def sample_hidden(self, v, draw):
        return RBM(0.8 * self.weights, 0.8 * self.visible_bias, 0.8 * self.hidden_bias).sample_hidden(v, draw)


@dataclass(frozen=True)
class OneNoise(RBM):
    """Broken: both layers, in every sweep, take the same uniforms."""

    def sample_visible(self, h, draw):
        return RBM.sample_visible(self, h, Random(draw.seed).at(Stream.CHAINS, 0))

    def sample_hidden(self, v, draw):
        return RBM.sample_hidden(self, v, Random(draw.seed).at(Stream.CHAINS, 0))


@dataclass(frozen=True)
class Rounds(RBM):
    """Broken: one visible unit takes its likelier state instead of a drawn one."""

    def sample_visible(self, h, draw):
        v = RBM.sample_visible(self, h, draw)
        v[:, 0] = self.visible_mean(h)[:, 0] > 0.5
        return v


@pytest.mark.parametrize("n_sweeps", [1, 4, 16])
@pytest.mark.parametrize("broken", [ForgetsBias, SquaredBeta, OneNoise, Rounds])
def test_a_broken_sampler_is_caught(broken, n_sweeps):
    model = small_model(4, 3, seed=1, scale=1.5)
    sampler = broken(model.weights, model.visible_bias, model.hidden_bias)
    assert stationarity(model, sampler, n_sweeps) < 1e-9


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_marginals_and_pairs_are_those_of_enumeration(dtype):
    model = small_model(6, 4, dtype=dtype, seed=3, scale=0.8)
    n_chains, n_sweeps, burn_in = 2000, 60, 30
    start = np.zeros((n_chains, 4), dtype)  # far from the target: this tests convergence too
    v_sum, h_sum, pairs = 0.0, 0.0, 0.0
    for step, (v, h) in enumerate(sweeps(model, start, n_sweeps, Random(7))):
        if step >= burn_in:
            v_sum, h_sum, pairs = v_sum + v, h_sum + h, pairs + v[:, :, None] * h[:, None, :]
    exact = moments(model)
    for total, wanted in ((v_sum, exact.visible), (h_sum, exact.hidden), (pairs, exact.pairs)):
        by_chain = total / (n_sweeps - burn_in)  # chains are independent, sweeps of one are not
        error = by_chain.std(axis=0, dtype=np.float64) / np.sqrt(n_chains)
        assert (np.abs(by_chain.mean(axis=0, dtype=np.float64) - wanted) < 4.5 * error).all()


def test_a_run_can_be_cut_in_time_and_shared_out_by_chains():
    model = small_model(5, 4, dtype=np.float32)
    h = np.zeros((7, 4), np.float32)
    v_whole, h_whole = gibbs(model, h, 6, Random(3))
    _, h_half = gibbs(model, h, 2, Random(3))
    v_cut, h_cut = gibbs(model, h_half, 4, Random(3), first_step=2)
    np.testing.assert_array_equal(v_whole, v_cut)
    np.testing.assert_array_equal(h_whole, h_cut)
    v_part, _ = gibbs(model, h[5:], 6, Random(3), first_chain=5)
    np.testing.assert_array_equal(v_whole[5:], v_part)


def test_fewer_than_one_sweep_is_refused():
    with pytest.raises(ValueError, match="n_sweeps must be at least 1, got 0"):
        gibbs(small_model(3, 2), np.zeros((1, 2)), 0, Random(0))
