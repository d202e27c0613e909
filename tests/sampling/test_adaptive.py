"""Adaptive temperatures lie where the closed form has them, and make weights that spread less."""

import numpy as np
import pytest

from ebm.boltzmann.annealing import RBMPath
from ebm.kernels import threads
from ebm.random import Random, Stream
from ebm.sampling.adaptive import adaptive_temperatures
from ebm.sampling.annealing import annealed_importance_sampling, temperatures
from tests.boltzmann.models import small_model
from tests.sampling.test_annealing import Coins

COINS = Coins(np.array([-30.0, 0.5, 12.0, 4.0, 4.0, 40.0]))


def length(path, betas):
    """int sqrt(Var_beta(U)) d beta up to each beta, where draws are independent: by closed form."""
    fine = np.linspace(0, 1, 20_001)
    p = 1 / (1 + np.exp(-fine[:, None] * path.a))
    speed = np.sqrt((path.a**2 * p * (1 - p)).sum(axis=1))
    so_far = np.concatenate([[0], np.cumsum((speed[1:] + speed[:-1]) / 2 * np.diff(fine))])
    return np.interp(betas, fine, so_far)


def test_steps_have_equal_lengths_by_the_closed_form():
    betas = adaptive_temperatures(COINS, 500, Random(0), n=25)
    assert (betas[0], betas[-1], len(betas)) == (0.0, 1.0, 25)
    assert (np.diff(betas) > 0).all()
    steps = np.diff(length(COINS, betas))
    assert steps.max() < 1.35 * steps.mean()
    assert steps.min() > 0.65 * steps.mean()
    fixed = np.diff(length(COINS, temperatures(25)))
    assert fixed.max() > 2.5 * fixed.mean()


def spread(path, betas, seed=7):
    return annealed_importance_sampling(path, 1000, betas, Random(seed)).log_weights.var()


def test_a_target_is_met():
    for target in (0.5, 0.1):
        betas = adaptive_temperatures(COINS, 200, Random(1), target=target)
        assert len(betas) == pytest.approx(length(COINS, 1.0) ** 2 / target, rel=0.15)
        assert spread(COINS, betas) == pytest.approx(target, rel=0.25)


@pytest.mark.parametrize("n", [30, 100])
def test_weights_spread_less_at_an_equal_number_of_temperatures(n):
    path = RBMPath(small_model(20, 10, scale=2.0), np.zeros(20))
    adaptive = adaptive_temperatures(path, 100, Random(1), n=n)
    assert spread(path, adaptive) < 0.7 * spread(path, temperatures(n))
    assert spread(path, adaptive) < 0.95 * spread(path, np.linspace(0, 1, n))


def test_slow_chains_lengthen_a_path():
    """A chain that hardly moves gathers weights that all point one way: more temperatures are needed there."""

    class Lazy(Coins):
        def move(self, states, old, new, random, step):
            moved, log_ratio = super().move(states, old, new, random, step)
            stay = new > 0.5 and step % 8
            return (states if stay else moved), log_ratio

    even, lazy = Coins(np.full(8, 2.0)), Lazy(np.full(8, 2.0))
    share = [np.mean(adaptive_temperatures(path, 200, Random(0), n=200) > 0.5) for path in (even, lazy)]
    assert share[0] < 0.55
    assert share[1] > 0.65


def test_the_pilot_has_random_numbers_of_its_own():
    seen = []

    class Watched(Coins):
        def draw(self, beta, n, random, step):
            seen.append(random.seed)
            return super().draw(beta, n, random, step)

    path = Watched(np.ones(3))
    adaptive_temperatures(path, 10, Random(5), n=4)
    assert len(set(seen)) == 2
    assert 5 not in seen
    children = {Random(5).child(Stream.PILOT, k).seed for k in range(50)}
    assert len(children) == 50
    assert set(seen) <= children


def test_the_choice_is_a_function_of_the_seed_and_not_of_threads(monkeypatch):
    monkeypatch.setattr(threads, "SMALL", 1)
    path = RBMPath(small_model(30, 20, dtype=np.float32, scale=0.5), np.zeros(30, np.float32))
    found = []
    for n in (1, 2):
        with threads.limit_threads(n):
            found.append(adaptive_temperatures(path, 20, Random(3), n=12, n_pilot=50))
    np.testing.assert_array_equal(found[0], found[1])
    assert (adaptive_temperatures(path, 20, Random(4), n=12, n_pilot=50) != found[0]).any()


def test_a_path_that_costs_nothing_is_passed_evenly():
    betas = adaptive_temperatures(Coins(np.zeros(4)), 10, Random(0), n=5)
    np.testing.assert_allclose(betas, np.interp(np.linspace(0, 25, 5), np.arange(26), edges(200)), atol=0.02)


def edges(n):
    return temperatures(n)[np.linspace(0, n - 1, 26).astype(int)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_chains": 9, "n": 5}, "n_chains must be at least 10 for a pilot, got 9"),
        ({}, "give either n or target, got n=None and target=None"),
        ({"n": 5, "target": 0.1}, "give either n or target"),
        ({"n": 1}, "n must be at least 2"),
        ({"target": 0.0}, "target must be a positive variance, got 0.0"),
        ({"target": np.nan}, "target must be a positive variance, got nan"),
        ({"n": 5, "n_pilot": 49}, "n_pilot must be at least 50, got 49"),
    ],
)
def test_bad_numbers_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        adaptive_temperatures(COINS, options.pop("n_chains", 20), Random(0), **options)


def test_extreme_parameters_are_refused():
    with pytest.raises(FloatingPointError, match="weights of the pilot run are not finite"), np.errstate(all="ignore"):
        adaptive_temperatures(Coins(np.array([np.inf])), 10, Random(0), n=5)
