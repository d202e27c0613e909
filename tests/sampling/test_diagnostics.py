"""Diagnostics of chains against loops over their formulas, and on autoregressive chains whose truth is known."""

import numpy as np
import pytest
from scipy.signal import lfilter

from ebm.sampling import diagnostics as d
from tests.reference import diagnostics as slow


def autoregressive(phi, chains, n, seed=0):
    """x_t = phi x_{t-1} + noise, in equilibrium: rho_t = phi^t and tau = (1 + phi) / (1 - phi)."""
    noise = np.random.default_rng(seed).normal(size=(chains, n))
    noise[:, 0] /= np.sqrt(1 - phi**2)
    return lfilter([1.0], [1.0, -phi], noise, axis=1)


@pytest.mark.parametrize("shape", [(1, 8), (1, 31), (3, 40), (4, 25)], ids=str)
@pytest.mark.parametrize("phi", [-0.6, 0.0, 0.8])
def test_the_fast_ways_equal_the_loops(shape, phi):
    x = autoregressive(phi, *shape) + 1e3
    for chain, found in zip(x, d.autocovariance(x), strict=True):
        want = [slow.autocovariance(list(chain), lag) for lag in range(shape[1])]
        np.testing.assert_allclose(found, want, rtol=0, atol=1e-9)
    assert d.split_rhat(x, rank_normalized=False) == pytest.approx(slow.rhat(x.tolist()), rel=1e-9)
    assert d.effective_sample_size(x) == pytest.approx(slow.effective_sample_size(x.tolist()), rel=1e-6)


@pytest.mark.parametrize("phi", [-0.5, 0.0, 0.5, 0.9])
def test_autoregressive_chains_have_their_known_time(phi):
    tau = (1 + phi) / (1 - phi)
    x = autoregressive(phi, 4, 40_000)
    assert d.autocorrelation_time(x, window=8) == pytest.approx(tau, rel=0.1)
    assert d.effective_sample_size(x) == pytest.approx(x.size / tau, rel=0.1)


def test_errors_of_means_are_as_large_as_they_say():
    found = [d.mean_with_error(autoregressive(0.8, 2, 2000, seed)) for seed in range(300)]
    z = np.array([mean / error for mean, error, _ in found])  # the true mean is 0
    assert 0.85 < z.std() < 1.15
    naive = np.array([mean * np.sqrt(4000 * (1 - 0.8**2)) for mean, _, _ in found])  # as if draws were independent
    assert naive.std() > 2  # the mistake, which the bound above would refuse


def test_chains_that_agree_and_chains_that_do_not():
    x = autoregressive(0.5, 4, 4000)
    assert d.split_rhat(x) < 1.01
    assert d.split_rhat(x + np.arange(4)[:, None]) > 1.2
    wide = x * np.array([1.0, 1.0, 1.0, 6.0])[:, None]  # equal means: only the folded ranks tell
    assert d.split_rhat(wide) > 1.2 > 1.01 > d.split_rhat(wide, rank_normalized=False)


def test_drift_within_chains_is_seen_only_by_halves():
    x = autoregressive(0.2, 4, 4000) + np.linspace(-2, 2, 4000)
    unsplit = np.sqrt(1 + x.mean(1).var(ddof=1) / x.var(axis=1, ddof=1).mean())  # the mistake
    assert unsplit < 1.01
    assert d.split_rhat(x) > 1.2
    assert d.effective_sample_size(x) < 50


def test_ranks_do_not_care_for_monotone_maps_and_heavy_tails():
    x = autoregressive(0.5, 4, 500)
    assert d.split_rhat(np.exp(3 * x)) == pytest.approx(d.split_rhat(x), abs=0.05)
    cauchy = np.random.default_rng(0).standard_cauchy((4, 2000))
    assert d.split_rhat(cauchy) < 1.01


def test_constant_chains():
    same = np.ones((2, 20))
    assert np.isnan([d.autocorrelation_time(same), d.effective_sample_size(same), d.split_rhat(same)]).all()
    stuck = np.repeat([[0.0], [1.0]], 20, axis=1)  # each in a mode of its own
    assert d.split_rhat(stuck, rank_normalized=False) == np.inf
    assert d.effective_sample_size(stuck) < 5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: d.split_rhat(np.zeros(7)), r"at least 8 draws, got shape \(1, 7\)"),
        (lambda: d.effective_sample_size(np.full(9, np.nan)), "draws must be finite"),
        (lambda: d.autocorrelation_time(np.zeros((2, 3, 4))), r"got shape \(2, 3, 4\)"),
        (lambda: d.autocorrelation_time(np.zeros(9), window=0), "window must be positive, got 0"),
        (lambda: d.autocovariance([]), "at least 1 draws"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
