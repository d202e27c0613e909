"""Bridges along a ladder: right values, errors that hold for correlated chains, and doubts that are told."""

from dataclasses import dataclass

import numpy as np
import pytest

from ebm.random import Random
from ebm.sampling.annealing import temperatures
from ebm.sampling.bridge import bennett_acceptance_ratio
from ebm.sampling.bridge_ladder import Draws, bridge_ladder
from ebm.sampling.tempered import TemperedPath

A = np.linspace(-3, 4, 8)
EXACT = np.log1p(np.exp(A)).sum()


@dataclass(frozen=True)
class SlowCoins:
    """f_beta(x) = e^{beta a . x} on {0, 1}^n, a ``Tempered`` family; a sweep keeps a unit with probability keep."""

    a: np.ndarray
    keep: float = 0.6

    @property
    def log_base(self):
        return len(self.a) * np.log(2)

    def start(self, n_chains, random, *, step=0):
        return self.sweep(np.zeros((n_chains, len(self.a))), np.zeros(n_chains), random, step, keep=0.0)

    def sweep(self, states, betas, random, step, first_chain=0, keep=None):
        u, stay = np.random.default_rng((random.seed, step)).random((2, *states.shape))
        fresh = (u < 1 / (1 + np.exp(-betas[:, None] * self.a))).astype(float)
        return np.where(stay < (self.keep if keep is None else keep), states, fresh)

    def potential(self, states):
        return -(states @ self.a)


def found(seed, n_chains=30, n_rungs=6, keep=0.6, scale=1.0, **draws):
    plan = Draws(**{"n_burn": 10, "n_draws": 8, "thin": 1, **draws})
    return bridge_ladder(
        TemperedPath(SlowCoins(scale * A, keep)), n_chains, temperatures(n_rungs), Random(seed), draws=plan
    )


def scores(n, **options):
    runs = [found(seed, **options) for seed in range(n)]
    return np.array([(run.value - EXACT) / run.standard_error for run in runs]), runs


def test_values_and_errors_are_right_though_draws_are_correlated():
    x, runs = scores(120, n_chains=60)
    assert abs(x.mean()) < 4 / np.sqrt(120)
    assert 0.85 < x.std() < 1.2
    assert np.mean(np.abs(x) < 1.96) > 0.9
    assert np.mean([run.trusted for run in runs]) > 0.95
    assert {run.method for run in runs} == {"bridge"}


def test_a_ladder_of_two_rungs_is_one_bridge():
    path, random = TemperedPath(SlowCoins(A / 3, keep=0.0)), Random(3)
    run = bridge_ladder(path, 20, np.array([0.0, 1.0]), random, draws=Draws(n_burn=1, n_draws=2))
    states, draws = path.start(20, random), []
    for step, beta in enumerate((0.0, 0.0, 1.0, 1.0), start=1):
        states, _ = path.move(states, beta, beta, random, step)
        draws.append(states)
    low, high = np.concatenate(draws[:2]), np.concatenate(draws[2:])
    wanted = bennett_acceptance_ratio(path.log_ratio(low, 0.0, 1.0), path.log_ratio(high, 1.0, 0.0))
    assert run.value == pytest.approx(path.log_base + wanted.value, abs=1e-10)
    assert run.effective_sample_size == pytest.approx(20 * wanted.overlap)
    assert run.standard_error == pytest.approx(wanted.standard_error, rel=0.5)


def test_errors_of_chains_taken_for_independent_draws_are_caught():
    """Broken: the sum over rungs of Bennett's own variances."""
    x, runs = scores(60, keep=0.9, n_burn=40)
    assert 0.8 < x.std() < 1.25
    naive = np.median([run.standard_error for run in runs]) / np.sqrt(19)  # 1.9 / 0.1 draws are worth one
    assert (x * np.array([run.standard_error for run in runs]) / naive).std() > 2


def test_doubts_are_told():
    far = found(0, n_rungs=2, scale=3.0)
    assert not far.trusted
    assert "an overlap of 10% is needed; use more temperatures" in far.verdict
    few = found(0, n_chains=5)
    assert not few.trusted
    assert "at least 10 chains are needed" in few.verdict
    drifting = found(0, n_chains=200, keep=0.97, n_burn=1, n_draws=40)
    assert not drifting.trusted
    assert "chains are not in equilibrium; use more sweeps" in drifting.verdict


def test_weights_that_are_not_finite_give_nothing():
    path = TemperedPath(SlowCoins(np.array([np.inf])))
    with np.errstate(all="ignore"):
        run = bridge_ladder(path, 20, temperatures(3), Random(0))
    assert np.isnan(run.value)
    assert "weights are not finite" in run.verdict


def test_bad_numbers_are_refused():
    path = TemperedPath(SlowCoins(A))
    with pytest.raises(ValueError, match="n_chains must be at least 2, got 1"):
        bridge_ladder(path, 1, temperatures(3), Random(0))
    with pytest.raises(ValueError, match="betas must rise from 0 to 1"):
        bridge_ladder(path, 10, np.array([0.0, 0.5]), Random(0))
    for name, value in (("n_burn", 0), ("n_draws", 1), ("thin", 0)):
        with pytest.raises(ValueError, match=f"{name} must be at least {value + 1}, got {value}"):
            Draws(**{name: value})
