"""Bridge sampling: the ratio of two normalising constants from samples, or annealing runs, of both ends.

With weights l = log f_1 / f_0 of n_0 draws x from p_0, and l' = log f_0 / f_1 of n_1 draws y from p_1, the bridge with
the least error gives r = log Z_1 / Z_0 as the root of

    sum_x s(l - r - m)  =  sum_y s(l' + r + m),    m = log n_0 / n_1,   s the logistic function

which is also where the iteration r <- r + log sum_x s - log sum_y s comes to rest. The left side falls and the right
one rises with r: there is one root. Each sum has a relative variance, and for independent draws

    Var(r) = (<s^2> / <s>^2 - 1) / n_0 + (<s'^2> / <s'>^2 - 1) / n_1 .

The *overlap* of the two ends, sum p_0 p_1 / (a_0 p_0 + a_1 p_1) with a_i = n_i / (n_0 + n_1), is 1 for equal ends and
0 for ends that have no state in common; Var(r) is about (1 / overlap - 1) / (n a_0 a_1).

The same holds for the log weights of annealing, forwards (l) and in reverse (l'), by Crooks' theorem: whole
trajectories are the draws then, and the result has a smaller error than either direction alone.

Sources: Bennett 1976 (doi:10.1016/0021-9991(76)90078-4), eqs. 10 and 12; Meng & Wong 1996 (Statistica Sinica 6,
831-860), sections 3 and 4, for the optimal bridge and its iteration; Crooks 2000 (doi:10.1103/PhysRevE.61.2361) and
Shirts, Bair, Hooker & Pande 2003 (doi:10.1103/PhysRevLett.91.140601) for annealing in both directions.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import logsumexp

from ebm.sampling.annealing import FEWEST, LEAST_SHARE, LogPartition, not_finite
from ebm.sampling.diagnostics import effective_sample_size

LARGEST_GAP = 1.0  # nats between forward and reverse estimates, beyond 3 standard errors of each, that pass
SHORTEST = 8  # draws of a chain from which its correlations can be judged


class LogRatio(NamedTuple):
    """log Z_1 / Z_0.

    Parameters
    ----------
    value : float
        In nats.
    standard_error : float
        Of ``value``.
    overlap : float
        Of the two ends, between 0 and 1; NaN, with the others, where the weights are not finite.
    effective_draws : float
        How many independent draws those of both ends are worth together.
    """

    value: float
    standard_error: float
    overlap: float
    effective_draws: float


def bennett_acceptance_ratio(log_w_forward: ArrayLike, log_u_reverse: ArrayLike) -> LogRatio:
    """Return log Z_1 / Z_0 by the optimal bridge, with its error.

    Parameters
    ----------
    log_w_forward : array of shape (n,) or (n_chains, n_draws)
        log f_1 / f_0 of draws from p_0, or log weights of forward annealing. Of two dimensions, draws of a row belong
        to one Markov chain, and the error is that of correlated draws.
    log_u_reverse : array of shape (n,) or (n_chains, n_draws)
        log f_0 / f_1 of draws from p_1, or log weights of reverse annealing.

    Returns
    -------
    LogRatio

    Raises
    ------
    ValueError
        When there are fewer than two draws of an end, the arrays have other shapes, or chains are shorter than 8.
    """
    forward, reverse = _draws(log_w_forward, "log_w_forward"), _draws(log_u_reverse, "log_u_reverse")
    if not (np.isfinite(forward).all() and np.isfinite(reverse).all()):
        return LogRatio(np.nan, np.nan, np.nan, 0.0)
    shift = np.log(forward.size / reverse.size)
    r = _root(forward.ravel(), reverse.ravel(), shift)
    x, y = log_logistic(forward - r - shift), log_logistic(reverse + r + shift)
    worth = [_effective(part) for part in (x, y)]
    errors = [_relative_variance(part) / n for part, n in zip((x, y), worth, strict=True)]
    overlap = float(np.exp(logsumexp(x) - np.log(x.size))) * (1 + forward.size / reverse.size)
    return LogRatio(r, float(np.sqrt(sum(errors))), min(overlap, 1.0), float(sum(worth)))


def _draws(x: ArrayLike, name: str) -> np.ndarray:
    found = np.asarray(x, np.float64)
    if found.ndim not in (1, 2) or found.size < 2:
        raise ValueError(f"{name} must have shape (n,) or (n_chains, n_draws) and at least 2 draws, got {found.shape}")
    if found.ndim == 2 and found.shape[1] < SHORTEST:
        raise ValueError(f"{name} must have at least {SHORTEST} draws in each chain, got shape {found.shape}")
    return found


def log_logistic(x: Any) -> Any:
    """Return log s(x), which does not underflow."""
    return -np.logaddexp(0.0, -x)


def _root(forward: np.ndarray, reverse: np.ndarray, shift: float) -> float:
    def excess(r: float) -> float:
        return logsumexp(log_logistic(forward - r - shift)) - logsumexp(log_logistic(reverse + r + shift))

    ends = np.concatenate([forward, -reverse]) - shift
    margin = 1.0 + np.log(max(forward.size, reverse.size)) + abs(shift)
    return float(brentq(excess, ends.min() - margin, ends.max() + margin, xtol=1e-12, rtol=1e-14))


def _relative_variance(log_s: np.ndarray) -> float:
    """<s^2> / <s>^2 - 1, with the divisor n - 1."""
    s = np.exp(log_s - log_s.max())
    return float(s.var(ddof=1) / s.mean() ** 2)


def _effective(log_s: np.ndarray) -> float:
    if log_s.ndim == 1:
        return float(log_s.size)
    size = effective_sample_size(np.exp(log_s - log_s.max()))
    return float(log_s.size) if np.isnan(size) else min(size, float(log_s.size))


# ---- estimates with a verdict ----


def bridge_runs(forward: LogPartition, reverse: LogPartition, log_base: float = 0.0) -> LogPartition:
    """Join a forward and a reverse annealing run into one estimate of log Z.

    Parameters
    ----------
    forward, reverse : LogPartition
        Of :func:`ebm.sampling.annealing.annealed_importance_sampling` and its reverse on one path and the same betas,
        with their log weights. The runs must be independent.
    log_base : float
        Log Z_0 of that path.

    Returns
    -------
    LogPartition
        With method "bridge". Its effective sample size is the overlap of the two directions times the number of chains
        of both. It is trusted where this share is at least a tenth and both directions agree, as for an
        ``Enclosure``: to within 1 nat beyond three standard errors of each.

    Raises
    ------
    ValueError
        When a run has no log weights, being exact.
    """
    if forward.log_weights is None or reverse.log_weights is None:
        raise ValueError("both runs must have log weights, exact values have none: there is nothing to join")
    found = bennett_acceptance_ratio(forward.log_weights, reverse.log_weights)
    n = forward.n_chains + reverse.n_chains
    if np.isnan(found.value):
        return not_finite("bridge", n)
    gap = reverse.value - forward.value
    allowed = LARGEST_GAP + 3.0 * (forward.standard_error + reverse.standard_error)
    figures = f"forwards and in reverse the {n} chains overlap by {found.overlap:.1%} and differ by {gap:.2f} nats"
    doubts = []
    if min(forward.n_chains, reverse.n_chains) < FEWEST:
        doubts.append(f"at least {FEWEST} chains each are needed")
    if found.overlap < LEAST_SHARE:
        doubts.append(f"an overlap of {LEAST_SHARE:.0%} is needed; use more temperatures")
    if not abs(gap) <= allowed:
        doubts.append(f"a difference of {allowed:.2f} would pass; one of them missed regions that the other met")
    verdict = f"not to be trusted: {figures}; {'; '.join(doubts)}" if doubts else f"consistent: {figures}"
    value = float(log_base) + found.value
    return LogPartition(value, found.standard_error, found.overlap * n, n, "bridge", not doubts, verdict)
