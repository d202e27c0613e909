"""Bridges: Bennett's ratio is the root that loops find, its error is the spread over seeds, and doubts are told."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.signal import lfilter
from scipy.stats import norm

from ebm.random import Random
from ebm.sampling.annealing import (
    annealed_importance_sampling,
    exact_value,
    reverse_annealed_importance_sampling,
    temperatures,
)
from ebm.sampling.bridge import bennett_acceptance_ratio, bridge_runs
from tests.reference import bridge as slow
from tests.sampling.test_annealing import Coins

MEAN, WIDTH = 1.2, 0.7  # of the second normal distribution; the first is standard, and so log Z_1 / Z_0 = log WIDTH


def log_ratio(x):
    """log f_1 / f_0 without the constants."""
    return -(((x - MEAN) / WIDTH) ** 2) / 2 + x**2 / 2


def normal_draws(shape_0, shape_1, seed):
    rng = np.random.default_rng(seed)
    return log_ratio(rng.normal(size=shape_0)), -log_ratio(MEAN + WIDTH * rng.normal(size=shape_1))


@pytest.mark.parametrize(("n", "m"), [(40, 40), (60, 11), (3, 80)])
def test_the_ratio_is_the_root_that_loops_find(n, m):
    forward, reverse = normal_draws(n, m, seed=1)
    found = bennett_acceptance_ratio(forward, reverse)
    assert found.value == pytest.approx(slow.bennett_root(forward, reverse), abs=1e-10)
    assert found.value == pytest.approx(slow.meng_wong(forward, reverse), abs=1e-8)
    variance = slow.bennett_variance(forward, reverse, found.value)
    assert found.standard_error == pytest.approx(np.sqrt(variance), rel=1e-9)
    assert found.effective_draws == n + m


def test_weights_of_any_size_will_do():
    forward, reverse = normal_draws(50, 50, seed=2)
    wanted = bennett_acceptance_ratio(forward, reverse)
    for shift in (-2000.0, 3000.0):
        found = bennett_acceptance_ratio(forward + shift, reverse - shift)
        assert found.value == pytest.approx(wanted.value + shift, abs=1e-9)
        assert found.standard_error == pytest.approx(wanted.standard_error, rel=1e-6)
    far = bennett_acceptance_ratio(np.full(10, -500.0), np.full(10, -500.0))  # nothing in common: says so
    assert far.value == pytest.approx(0.0, abs=1e-9)
    assert far.overlap < 1e-200


def test_the_overlap_is_the_integral():
    forward, reverse = normal_draws(200_000, 100_000, seed=3)
    p0, p1 = norm(0, 1).pdf, norm(MEAN, WIDTH).pdf
    wanted = quad(lambda x: p0(x) * p1(x) / (p0(x) * 2 / 3 + p1(x) / 3), -8, 8)[0]
    found = bennett_acceptance_ratio(forward, reverse)
    assert found.overlap == pytest.approx(wanted, abs=0.01)
    alike = (1 / found.overlap - 1) / (300_000 * 2 / 9)
    assert found.standard_error**2 == pytest.approx(alike, rel=0.05)


def standard_scores(results):
    return np.array([(found.value - np.log(WIDTH)) / found.standard_error for found in results])


def is_calibrated(scores):
    """Whether scores are those of right values with right errors."""
    n = len(scores)
    return abs(scores.mean()) < 4 / np.sqrt(n) and 0.85 < scores.std() < 1.15 and np.mean(np.abs(scores) < 1.96) > 0.92


@pytest.mark.parametrize(("n", "m"), [(100, 100), (300, 50)])
def test_the_error_is_the_spread_over_seeds(n, m):
    assert is_calibrated(standard_scores([bennett_acceptance_ratio(*normal_draws(n, m, s)) for s in range(400)]))


def correlated_draws(seed, rho=0.8, n_chains=8, n_draws=100):
    """Chains x_t = rho x_{t-1} + noise, standard normal at every t."""
    rng = np.random.default_rng(seed)
    parts = []
    for _ in range(2):
        noise = np.sqrt(1 - rho**2) * rng.normal(size=(n_chains, n_draws))
        noise[:, 0] /= np.sqrt(1 - rho**2)
        parts.append(lfilter([1.0], [1.0, -rho], noise, axis=1))
    return log_ratio(parts[0]), -log_ratio(MEAN + WIDTH * parts[1])


def test_draws_of_chains_have_the_error_of_chains():
    chains = [correlated_draws(seed) for seed in range(300)]
    assert is_calibrated(standard_scores([bennett_acceptance_ratio(*pair) for pair in chains]))
    # broken: taking them for independent
    assert standard_scores([bennett_acceptance_ratio(f.ravel(), r.ravel()) for f, r in chains]).std() > 1.5


class TestBrokenTwins:
    """What the calibration above catches."""

    def test_a_ratio_turned_round(self):
        pairs = [normal_draws(100, 100, s) for s in range(100)]
        found = [bennett_acceptance_ratio(reverse, forward) for forward, reverse in pairs]
        assert not is_calibrated(standard_scores(found))

    def test_reverse_weights_with_the_wrong_sign(self):
        pairs = [normal_draws(100, 100, s) for s in range(100)]
        found = [bennett_acceptance_ratio(forward, -reverse) for forward, reverse in pairs]
        assert not is_calibrated(standard_scores(found))

    def test_the_numbers_of_draws_forgotten(self, monkeypatch):
        found = []
        for seed in range(100):
            forward, reverse = normal_draws(150, 10, seed)
            r = bennett_acceptance_ratio(forward, np.repeat(reverse, 15)).value  # as if there were as many
            found.append(bennett_acceptance_ratio(forward, reverse)._replace(value=r))
        assert not is_calibrated(standard_scores(found))


# ---- annealing both ways ----


def runs(seed, n_temperatures=8, n_chains=100, scale=1.0):
    path = Coins(scale * np.linspace(-3, 4, 12))
    betas = temperatures(n_temperatures)
    v = path.draw(1.0, n_chains, Random(seed + 10_000), 0)
    forward = annealed_importance_sampling(path, n_chains, betas, Random(seed))
    back = reverse_annealed_importance_sampling(path, v, betas, Random(seed), first_step=1000)
    return forward, back, path.log_base, np.log1p(np.exp(path.a)).sum()


def test_a_bridge_of_both_directions_has_the_least_error():
    scores, errors, worst = [], [], []
    for seed in range(200):
        forward, back, log_base, exact = runs(seed)
        found = bridge_runs(forward, back, log_base)
        scores.append((found.value - exact) / found.standard_error)
        errors.append(found.value - exact)
        worst.append((forward.value - exact, back.value - exact))
        assert found.trusted, found.verdict
        assert (found.method, found.n_chains) == ("bridge", 200)
        assert 20 < found.effective_sample_size < 200
    assert is_calibrated(np.array(scores))
    one_way = np.sqrt(np.mean(np.square(worst), axis=0))
    assert np.sqrt(np.mean(np.square(errors))) < 0.8 * one_way.min()


def test_doubts_are_told():
    forward, back, log_base, _ = runs(0, n_temperatures=3, scale=3.0)
    found = bridge_runs(forward, back, log_base)
    assert not found.trusted
    assert "an overlap of 10% is needed; use more temperatures" in found.verdict
    few = bridge_runs(*runs(0, n_chains=5)[:3])
    assert not few.trusted
    assert "at least 10 chains each" in few.verdict
    forward, back, log_base, _ = runs(0, n_temperatures=30)
    moved = annealed_importance_sampling(Coins(np.linspace(-3, 4.5, 14)), 100, temperatures(30), Random(0))
    found = bridge_runs(moved, back, log_base)
    assert not found.trusted
    assert "one of them missed regions" in found.verdict


def test_weights_that_are_not_finite_give_nothing():
    found = bennett_acceptance_ratio([0.0, np.nan], [1.0, 2.0])
    assert np.isnan(found.value)
    assert np.isnan(found.standard_error)
    forward, back, log_base, _ = runs(0)
    back.log_weights[3] = np.inf
    found = bridge_runs(forward, back, log_base)
    assert not found.trusted
    assert "weights are not finite" in found.verdict


@pytest.mark.parametrize(
    ("forward", "reverse", "message"),
    [
        ([1.0], [1.0, 2.0], r"log_w_forward must have shape .* and at least 2 draws, got \(1,\)"),
        ([1.0, 2.0], np.zeros((2, 2, 2)), r"log_u_reverse must have shape .*, got \(2, 2, 2\)"),
        ([1.0, 2.0], np.zeros((3, 5)), r"log_u_reverse must have at least 8 draws in each chain, got shape \(3, 5\)"),
    ],
)
def test_other_shapes_are_refused(forward, reverse, message):
    with pytest.raises(ValueError, match=message):
        bennett_acceptance_ratio(forward, reverse)


def test_exact_values_are_no_runs():
    with pytest.raises(ValueError, match="both runs must have log weights"):
        bridge_runs(exact_value(1.0), runs(0)[1])
