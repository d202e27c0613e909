"""Populations of weighted chains: what loops give, unbiased, and with the error that their spread shows."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from ebm.random import Random, Stream
from ebm.sampling import population
from ebm.sampling.annealing import temperatures
from ebm.sampling.population import Populations, follow, resampled, start_populations, systematic
from tests.reference import population as slow
from tests.sampling.test_annealing import Coins

A = np.linspace(-2, 2.5, 6)
EXACT = np.log1p(np.exp(A)).sum()
BETAS = np.linspace(0, 1, 3)


@dataclass(frozen=True)
class Onwards(Coins):
    """From e^{first . x} to e^{a . x}."""

    first: np.ndarray
    keep: float = 0.7  # units that a move leaves as they are, so that chains are correlated

    @property
    def log_base(self):
        return np.log1p(np.exp(self.first)).sum()

    def draw(self, beta, n, random, step):
        u = np.random.default_rng((random.seed, step)).random((n, len(self.a)))
        return (u < 1 / (1 + np.exp(-(1 - beta) * self.first - beta * self.a))).astype(float)

    def move(self, states, old, new, random, step):
        fresh = self.draw(new, len(states), random, step)
        stay = np.random.default_rng((random.seed, step, 1)).random(states.shape) < self.keep
        return np.where(stay, states, fresh), (new - old) * (states @ (self.a - self.first))


class MovesFirst(Onwards):
    """Broken: weighs the states after the move."""

    def move(self, states, old, new, random, step):
        moved, _ = super().move(states, old, new, random, step)
        return moved, (new - old) * (moved @ (self.a - self.first))


def stages(kind=Onwards, n=4):
    """Targets A / n, 2 A / n, ..., A, one after the other."""
    return [kind(a=A * (k + 1) / n, first=A * k / n) for k in range(n)]


def followed(random, n_populations=20, n_chains=10, kind=Onwards, betas=BETAS):
    paths = stages(kind)
    now = start_populations(paths[0], n_populations, n_chains, random)
    for path in paths:
        now = follow(path, now, betas, random)
    return now


def test_the_numbers_are_those_of_the_loops(monkeypatch):
    monkeypatch.setattr(population, "HALF", 0.5)
    random, paths = Random(4), [replace(path, a=3 * path.a, first=3 * path.first) for path in stages()]
    now = start_populations(paths[0], 5, 8, random)
    for path in paths:
        now = follow(path, now, BETAS, random)

    def uniforms(step):
        return random.uniform((5, 1), Stream.RESAMPLING, step, np.float64)[:, 0]

    log_z, states = slow.population(paths[0], 5, 8, [(path, BETAS) for path in paths], random, uniforms)
    found = now.estimate()
    np.testing.assert_allclose(found.log_weights, log_z, atol=1e-12)
    np.testing.assert_array_equal(now.states, states)
    assert (now.log_z != paths[0].log_base).any(), "if nothing was resampled the example has lost its point"
    assert now.step == 8
    assert found.value == pytest.approx(np.log(np.mean(np.exp(log_z))))


def ratios(kind=Onwards, n_runs=40, betas=BETAS):
    """Z_p / Z of independent populations that resample after every stage."""
    found = [followed(Random(seed), 200, 5, kind, betas).estimate().log_weights for seed in range(n_runs)]
    return np.exp(np.concatenate(found) - EXACT)


def is_unbiased(x):
    return abs(x.mean() - 1) < 4 * x.std() / np.sqrt(len(x))


def test_the_estimate_is_unbiased_however_much_is_resampled(monkeypatch):
    for half in (0.0, 0.9):
        monkeypatch.setattr(population, "HALF", half)
        assert is_unbiased(ratios())


def test_weights_of_moved_states_are_caught():
    assert not is_unbiased(ratios(MovesFirst))


def test_resampling_that_forgets_the_mean_weight_is_caught(monkeypatch):
    def forgetful(populations, random):
        return replace(resampled(populations, random), log_z=populations.log_z)

    monkeypatch.setattr(population, "HALF", 0.9)
    monkeypatch.setattr(population, "resampled", forgetful)
    assert not is_unbiased(ratios())


def test_the_error_is_the_spread_over_seeds():
    found = [followed(Random(seed)).estimate() for seed in range(300)]
    scores = np.array([(one.value - EXACT) / one.standard_error for one in found])
    assert abs(scores.mean()) < 4 / np.sqrt(300) + 0.1  # log of a mean is a little too small
    assert 0.85 < scores.std() < 1.2
    assert all(one.trusted and one.method == "trajectory" for one in found)


def test_resampling_leaves_the_target_as_it_is():
    """Weighted draws of p_0 become draws of the target, moved or not."""
    path = Onwards(a=A, first=np.zeros(6))
    now = start_populations(path, 4000, 20, Random(0))
    moved = follow(path, now, np.array([0.0, 1.0]), Random(0))
    p = 1 / (1 + np.exp(-A))
    assert (moved.log_z != now.log_z).mean() > 0.9
    kept = moved.states.reshape(4000, 20, 6)[moved.log_z != now.log_z].mean(axis=1)
    z = np.exp(moved.log_z - path.log_base)[moved.log_z != now.log_z, None]
    ratio = (z * kept).sum(axis=0) / z.sum()
    np.testing.assert_allclose(ratio, p, atol=0.02)


@pytest.mark.parametrize("seed", range(5))
def test_systematic_resampling_draws_each_its_share(seed):
    rng = np.random.default_rng(seed)
    w, n = rng.exponential(size=12), 12
    total = np.zeros(n)
    for u in (np.arange(2000) + 0.5) / 2000:
        counts = np.bincount(systematic(w, u), minlength=n)
        assert counts.sum() == n
        assert (np.abs(counts - n * w / w.sum()) < 1).all()
        total += counts
    np.testing.assert_allclose(total / 2000, n * w / w.sum(), atol=2e-3)
    np.testing.assert_array_equal(systematic(w, 0.3), slow.systematic(list(w), 0.3))


def test_doubts_are_told():
    few = followed(Random(0), n_populations=5).estimate()
    assert not few.trusted
    assert "at least 10 populations" in few.verdict
    far = [Onwards(a=np.full(30, 3.0), first=np.full(30, -3.0), keep=1.0)]
    once = follow(far[0], start_populations(far[0], 20, 50, Random(0)), np.array([0.0, 1.0]), Random(0))
    assert once.share == once.least_share < 0.1
    assert not once.estimate().trusted
    at_rest = replace(once, log_z=np.zeros(20))  # even where populations happen to agree
    assert not at_rest.estimate().trusted
    assert "on the way only" in at_rest.estimate().verdict
    states, log_z = np.zeros((200, 6)), np.zeros(20)
    spread = Populations(states, np.zeros((20, 10)), np.linspace(-5, 5, 20)).estimate()
    assert not spread.trusted
    assert "populations are effective" in spread.verdict
    broken = Populations(states, np.full((20, 10), np.nan), log_z).estimate()
    assert np.isnan(broken.value)
    assert "weights are not finite" in broken.verdict


def test_bad_numbers_are_refused():
    path = stages()[0]
    with pytest.raises(ValueError, match="n_populations must be at least 2, got 1"):
        start_populations(path, 1, 5, Random(0))
    with pytest.raises(ValueError, match="n_chains must be at least 2, got 1"):
        start_populations(path, 5, 1, Random(0))


def test_temperatures_of_any_spacing_serve():
    assert is_unbiased(ratios(betas=temperatures(4), n_runs=10))
