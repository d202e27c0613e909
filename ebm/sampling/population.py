"""Populations of weighted chains that follow a moving target: sequential Monte Carlo for a running log Z.

Chains move along one path after the other, from target to target, and gather log weights as in annealed importance
sampling: weighed first, moved after. In each *population* of n chains, when fewer than half are effective, chains are
drawn anew in proportion to their weights (systematic resampling), and the mean weight goes into the population's
estimate

    log Z_p = log Z_0 + sum over resamplings of log mean w + log mean of the present w,    E[Z_p] = Z .

Populations never meet, so the Z_p are independent, and log of their mean has the error that their spread shows,
however slowly chains mix and whatever resampling does within.

Sources: Neal 2001 (doi:10.1023/A:1008923215028) for the weights; Del Moral, Doucet & Jasra 2006
(doi:10.1111/j.1467-9868.2006.00553.x), sections 2 and 3, for samplers that resample, and their unbiased estimate of Z;
Kitagawa 1996 (doi:10.1080/10618600.1996.10474692), appendix, for systematic resampling.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ebm.device import beside
from ebm.random import Random, Stream
from ebm.sampling.annealing import LEAST_SHARE, LogPartition, Path, estimate, not_finite, pass_along

HALF = 0.5  # of a population's chains: resample when fewer are effective


@dataclass(frozen=True, eq=False)
class Populations:
    """Chains in populations of equal size, one after the other in ``states``.

    Parameters
    ----------
    states : array of shape (n_populations * n, n_units)
        The chains, where they are now.
    log_weights : ndarray of shape (n_populations, n), float64
        Gathered since the last resampling.
    log_z : ndarray of shape (n_populations,), float64
        log Z up to the last resampling.
    step : int
        Where the random numbers stand.
    share, least_share : float
        The mean share of a population's chains that were effective after the last move, before any resampling, and
        the least that ever were.
    """

    states: Any = field(repr=False)
    log_weights: np.ndarray = field(repr=False)
    log_z: np.ndarray
    step: int = 0
    share: float = 1.0
    least_share: float = 1.0

    def estimate(self, method: str = "trajectory") -> LogPartition:
        """Return log Z of the present target. Its "chains" are the populations, of which each is one unbiased run."""
        if not np.isfinite(self.log_weights).all():
            return not_finite(method, len(self.log_z))
        peak = self.log_weights.max(axis=1, keepdims=True)
        now = self.log_z + peak[:, 0] + np.log(np.exp(self.log_weights - peak).mean(axis=1))
        found = estimate(0.0, now, method, of="populations")
        if found.trusted and self.least_share < LEAST_SHARE:
            verdict = (
                f"not to be trusted: on the way only {self.least_share:.1%} of a population's chains were effective"
            )
            return replace(found, trusted=False, verdict=f"{verdict}; use more temperatures")
        return found


def start_populations(path: Path, n_populations: int, n_chains: int, random: Random) -> Populations:
    """Start ``n_populations`` of ``n_chains`` each at the base of a path, whose log Z_0 is exact.

    Raises
    ------
    ValueError
        When a number is less than 2.
    """
    for name, number in (("n_populations", n_populations), ("n_chains", n_chains)):
        if number < 2:
            raise ValueError(f"{name} must be at least 2, got {number}")
    states = path.start(n_populations * n_chains, random)
    log_z = np.full(n_populations, float(path.log_base))
    return Populations(states, np.zeros((n_populations, n_chains)), log_z)


def follow(path: Path, populations: Populations, betas: np.ndarray, random: Random) -> Populations:
    """Move populations along a path from its first target, where they stand, to its last; resample where needed.

    Parameters
    ----------
    path : Path
    populations : Populations
        Left as they are.
    betas : ndarray
        Rising from 0 to 1. Resampling may follow after the last.
    random : Random

    Returns
    -------
    Populations
    """
    states, gains = pass_along(path, populations.states, betas, random, populations.step)
    step = populations.step + len(betas) - 1
    log_weights = populations.log_weights + gains.reshape(populations.log_weights.shape)
    moved = replace(populations, states=states, log_weights=log_weights, step=step)
    if not np.isfinite(log_weights).all():
        return moved
    share = float(_shares(log_weights).mean())
    return resampled(replace(moved, share=share, least_share=min(share, populations.least_share)), random)


def resampled(populations: Populations, random: Random) -> Populations:
    """Draw chains anew in every population of which fewer than half are effective."""
    log_weights, log_z = populations.log_weights.copy(), populations.log_z.copy()
    n_populations, n = log_weights.shape
    order = np.arange(n_populations * n).reshape(n_populations, n)
    u = random.uniform((n_populations, 1), Stream.RESAMPLING, populations.step, np.float64)
    for p in np.flatnonzero(_shares(log_weights) < HALF):
        peak = log_weights[p].max()
        w = np.exp(log_weights[p] - peak)
        order[p] = order[p][systematic(w, u[p, 0])]
        log_z[p] += peak + np.log(w.mean())
        log_weights[p] = 0.0
    chosen = beside(order.ravel(), populations.states)
    return replace(populations, states=populations.states[chosen], log_weights=log_weights, log_z=log_z)


def systematic(weights: np.ndarray, u: float) -> np.ndarray:
    """Return the numbers of n chains drawn in proportion to weights, at (i + u) / n of their cumulated sum.

    Each is drawn ``floor`` or ``ceil`` of n times its share. Parameters: weights of shape (n,), u in (0, 1).
    """
    n = len(weights)
    so_far = np.cumsum(weights)
    return np.searchsorted(so_far / so_far[-1], (np.arange(n) + u) / n, side="left").clip(max=n - 1)


def _shares(log_weights: np.ndarray) -> np.ndarray:
    w = np.exp(log_weights - log_weights.max(axis=1, keepdims=True))
    return w.sum(axis=1) ** 2 / (w**2).sum(axis=1) / log_weights.shape[1]
