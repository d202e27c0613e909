"""How much a Markov chain's draws are worth: autocorrelation time, effective sample size, split R-hat.

::

    tau   = 1 + 2 sum_{t=1}^{M} rho_t, at the smallest window M >= c max(tau(M), 1)               (Sokal)
    ESS   = m n / tau, with rho_t = 1 - (W - mean_j c_j(t)) / V of m split chains of n draws, summed in pairs
            P_k = rho_2k + rho_2k+1 while they stay positive, made to fall             (Geyer, Vehtari et al.)
    R-hat = sqrt(V / W),  V = (n - 1) / n W + B / n, of split chains: W within them, B / n between their means

c_j(t) is the autocovariance of chain j at lag t, with divisor n; W is the chains' mean variance, with divisor n - 1.

Sources: Sokal 1997, "Monte Carlo methods in statistical mechanics", section 3; Geyer 1992
(doi:10.1214/ss/1177011137), section 3.3; Vehtari, Gelman, Simpson, Carpenter & Buerkner 2021 (doi:10.1214/20-BA1221),
eqs. 1 to 4 and 10 to 13, and section 4.1 for ranks.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.fft import irfft, next_fast_len, rfft
from scipy.special import ndtri
from scipy.stats import rankdata

LEAST = 4  # draws in a half chain, below which nothing can be said


class Mean(NamedTuple):
    """A mean over correlated draws, with its standard error."""

    mean: float
    error: float  # standard deviation of the draws over the root of the effective sample size
    effective_samples: float


def _chains(draws: ArrayLike, least: int) -> np.ndarray:
    x = np.atleast_2d(np.asarray(draws, np.float64))
    if x.ndim != 2 or x.shape[1] < least or not np.isfinite(x).all():
        raise ValueError(
            f"draws must be finite, of shape (n_draws,) or (n_chains, n_draws) with at least {least} draws, "
            f"got shape {x.shape}"
        )
    return x


def _split(x: np.ndarray) -> np.ndarray:
    half = x.shape[1] // 2
    return np.concatenate([x[:, :half], x[:, -half:]])


def autocovariance(draws: ArrayLike) -> np.ndarray:
    """Return c_j(t) = (1/n) sum_i (x_i - mean_j) (x_{i+t} - mean_j) for every chain and lag.

    Parameters
    ----------
    draws : array of shape (n_draws,) or (n_chains, n_draws)

    Returns
    -------
    ndarray of shape (n_chains, n_draws), float64

    Raises
    ------
    ValueError
        When there are no draws, or they are not finite.
    """
    x = _chains(draws, 1)
    n = x.shape[1]
    size = next_fast_len(2 * n, real=True)  # with as many zeros, the circle does not close
    spectrum = rfft(x - x.mean(axis=1, keepdims=True), size)
    return irfft(np.abs(spectrum) ** 2, size)[:, :n] / n


def autocorrelation_time(draws: ArrayLike, window: float = 5.0) -> float:
    """Estimate tau, the number of draws that are worth one independent draw, by Sokal's window.

    Parameters
    ----------
    draws : array of shape (n_draws,) or (n_chains, n_draws)
        Chains of one quantity in equilibrium; their autocovariances are averaged. Some 50 tau draws are needed.
    window : float
        c: the sum ends at the first lag M of at least c max(tau, 1). Larger is less biased, and noisier; 4 to 10 is
        usual.

    Returns
    -------
    float
        In draws; 1 for independent ones. NaN when all draws are equal.

    Raises
    ------
    ValueError
        When there are fewer than two draws, they are not finite, or ``window`` is not positive.
    """
    if not window > 0:
        raise ValueError(f"window must be positive, got {window}")
    c = autocovariance(_chains(draws, 2)).mean(axis=0)
    if c[0] <= 0:
        return float("nan")
    tau = 2 * np.cumsum(c / c[0]) - 1
    wide_enough = np.arange(tau.size) >= window * np.maximum(tau, 1)  # draws that alternate have tau below 1
    return float(tau[np.argmax(wide_enough) if wide_enough.any() else -1])


def effective_sample_size(draws: ArrayLike) -> float:
    """Estimate how many independent draws would give the mean as small an error.

    Parameters
    ----------
    draws : array of shape (n_draws,) or (n_chains, n_draws)
        Chains of one quantity. Each is split in two, so that drift within a chain counts against it.

    Returns
    -------
    float
        At most N log10 N for N draws in all, and above N for draws that alternate. NaN when all are equal.

    Raises
    ------
    ValueError
        When a chain has fewer than eight draws or they are not finite.
    """
    x = _split(_chains(draws, 2 * LEAST))
    m, n = x.shape
    covariance = autocovariance(x)
    within = covariance[:, 0].mean() * n / (n - 1)
    total = within * (n - 1) / n + x.mean(axis=1).var(ddof=1)
    if total <= 0:
        return float("nan")
    rho = 1 - (within - covariance.mean(axis=0)) / total
    rho[0] = 1.0
    pairs = rho[: n // 2 * 2].reshape(-1, 2).sum(axis=1)
    negative = np.flatnonzero(pairs < 0)
    pairs = np.minimum.accumulate(pairs[: negative[0] if negative.size else None])
    tau = max(2 * pairs.sum() - 1, 1 / np.log10(m * n))
    return float(m * n / tau)


def mean_with_error(draws: ArrayLike) -> Mean:
    """Return the mean with the standard error that its effective sample size gives; parameters as of that function."""
    size = effective_sample_size(draws)
    x = np.asarray(draws, np.float64)
    return Mean(float(x.mean()), float(x.std() / np.sqrt(size)), size)


def split_rhat(draws: ArrayLike, *, rank_normalized: bool = True) -> float:
    """Compare chains, and their halves, with each other: near 1 when they agree; above 1.01 do not trust them.

    Parameters
    ----------
    draws : array of shape (n_draws,) or (n_chains, n_draws)
        Chains of one quantity, started far from each other.
    rank_normalized : bool
        Take normal scores of ranks, of the draws and of their distances from the median, and of the two R-hats the
        larger: chains of different widths and infinite variances are noticed too. False: the draws themselves.

    Returns
    -------
    float
        NaN when all draws are equal.

    Raises
    ------
    ValueError
        When a chain has fewer than eight draws or they are not finite.
    """
    x = _split(_chains(draws, 2 * LEAST))
    if not rank_normalized:
        return _rhat(x)
    return float(np.max([_rhat(_normal_scores(part)) for part in (x, np.abs(x - np.median(x)))]))


def _normal_scores(x: np.ndarray) -> np.ndarray:
    return ndtri((rankdata(x).reshape(x.shape) - 0.375) / (x.size + 0.25))


def _rhat(x: np.ndarray) -> float:
    n = x.shape[1]
    within, between = x.var(axis=1, ddof=1).mean(), x.mean(axis=1).var(ddof=1)
    if within <= 0:
        return float("inf") if between > 0 else float("nan")
    return float(np.sqrt((n - 1) / n + between / within))
