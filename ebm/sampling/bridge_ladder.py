"""Bridges between neighbours on a ladder of temperatures, sampled by Markov chains.

    log Z_K - log Z_0 = sum_k log Z_{k+1} / Z_k,    each by the optimal bridge between rungs k and k + 1

A draw enters two bridges, with the rung above and the one below, and the draws of a chain are correlated along a rung
and from rung to rung. So errors come from whole chains: to first order a draw x of rung k adds

    s(l(x) - r - m) / <s> - 1  to the ratio above,    -(s(l'(x) + r + m) / <s'> - 1)  to the ratio below,

and the sums of what the chains add are independent of each other.

Sources: as of :mod:`ebm.sampling.bridge`; Geyer 1994 (technical report 568, University of Minnesota) for several
distributions at once, of which neighbouring pairs are the part that matters on a ladder.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ebm.device import to_host
from ebm.random import Random
from ebm.sampling.annealing import FEWEST, LEAST_SHARE, LogPartition, check_rising, not_finite, pass_along
from ebm.sampling.bridge import bennett_acceptance_ratio, log_logistic

LARGEST_DRIFT = 4.0  # standard errors between the first and the second halves of the draws
SMALL_DRIFT = 0.05  # nats that pass whatever the errors


@dataclass(frozen=True)
class Draws:
    """How chains sample each rung: sweeps that are thrown away, then draws with sweeps between them.

    Parameters
    ----------
    n_burn : int
        Sweeps before the first draw.
    n_draws : int
        Draws of a chain on a rung, at least 2.
    thin : int
        Sweeps from one draw to the next.

    Raises
    ------
    ValueError
        When a number is too small.
    """

    n_burn: int = 20
    n_draws: int = 20
    thin: int = 1

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name, least in (("n_burn", 1), ("n_draws", 2), ("thin", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)!r}")


class _Rung(NamedTuple):
    """Log weights of a rung's draws, (n_chains, n_draws): to the rung above, and to the one below."""

    up: np.ndarray
    down: np.ndarray


def bridge_ladder(
    path: Any, n_chains: int, betas: np.ndarray, random: Random, *, draws: Draws | None = None, first_step: int = 0
) -> LogPartition:
    """Estimate log Z by bridges between neighbouring temperatures.

    Each chain climbs from the base to the model and stays on every rung for some draws. The cost is that of
    ``n_burn + (n_draws - 1) thin`` sweeps of each chain on each rung.

    Parameters
    ----------
    path : Path
        With ``log_ratio(states, old, new)``, see :class:`ebm.sampling.annealing.Path`.
    n_chains : int
        At least 2. The error is taken from their spread: of 30 chains it is 5 to 10 % too small, of 60 it is right.
    betas : ndarray
        Rising from 0 to 1; a few tens, see :func:`ebm.sampling.adaptive.adaptive_temperatures`.
    random : Random
    draws : Draws, optional
        Sweeps and draws on each rung.
    first_step : int
        Sweeps draw at steps ``first_step + 1, ...``, the base at ``first_step``.

    Returns
    -------
    LogPartition
        With method "bridge". Its effective sample size is the smallest overlap of neighbours times ``n_chains``: a
        chain counts once, however many draws it gives. Trusted where that overlap is at least a tenth and the draws
        of a rung do not drift. Chains that climb from the base may all miss a region, as those of annealing may.

    Raises
    ------
    ValueError
        When ``n_chains`` or ``betas`` are not as described.
    """
    if n_chains < 2:
        raise ValueError(f"n_chains must be at least 2, got {n_chains}")
    check_rising(betas)
    value, least, parts = float(path.log_base), 1.0, 0.0
    rungs = _climb(path, n_chains, betas, random, draws or Draws(), first_step)
    below = next(rungs)
    for above in rungs:
        if not (np.isfinite(below.up).all() and np.isfinite(above.down).all()):
            return not_finite("bridge", n_chains)
        ratio = bennett_acceptance_ratio(below.up.ravel(), above.down.ravel())
        value, least = value + ratio.value, min(least, ratio.overlap)
        parts = parts + _relative(below.up - ratio.value) - _relative(above.down + ratio.value)
        below = above
    return _judged(value, np.asarray(parts), least, n_chains)


def _climb(path: Any, n_chains: int, betas: np.ndarray, random: Random, plan: Draws, step: int) -> Iterator[_Rung]:
    states = path.start(n_chains, random, step=step)
    for k, beta in enumerate(betas):
        above, below = betas[min(k + 1, len(betas) - 1)], betas[max(k - 1, 0)]
        up, down = [], []
        for draw in range(plan.n_draws):
            n_sweeps = plan.thin if draw else plan.n_burn
            states, _ = pass_along(path, states, np.full(n_sweeps + 1, beta), random, step)
            step += n_sweeps
            up.append(_wide(path.log_ratio(states, beta, above)))
            down.append(_wide(path.log_ratio(states, beta, below)))
        yield _Rung(np.stack(up, axis=1), np.stack(down, axis=1))


def _wide(x: Any) -> np.ndarray:
    return np.asarray(to_host(x), np.float64)


def _relative(x: np.ndarray) -> np.ndarray:
    """s / <s> - 1 of draws on one side of a bridge whose sides have equally many."""
    log_s = log_logistic(x)
    s = np.exp(log_s - log_s.max())
    return s / s.mean() - 1.0


def _judged(value: float, parts: np.ndarray, overlap: float, n: int) -> LogPartition:
    by_chain = parts.mean(axis=1)
    error = float(by_chain.std(ddof=1) / np.sqrt(n))
    half = parts.shape[1] // 2
    change = parts[:, -half:].mean(axis=1) - parts[:, :half].mean(axis=1)
    drift, slack = float(change.mean()), float(change.std(ddof=1) / np.sqrt(n))
    figures = f"neighbours overlap by at least {overlap:.1%}, draws drift by {drift:+.3f} nats along the rungs"
    doubts = []
    if n < FEWEST:
        doubts.append(f"at least {FEWEST} chains are needed")
    if overlap < LEAST_SHARE:
        doubts.append(f"an overlap of {LEAST_SHARE:.0%} is needed; use more temperatures")
    if abs(drift) > max(LARGEST_DRIFT * slack, SMALL_DRIFT):
        doubts.append("chains are not in equilibrium; use more sweeps")
    verdict = f"not to be trusted: {figures}; {'; '.join(doubts)}" if doubts else f"consistent: {figures}"
    return LogPartition(value, error, overlap * n, n, "bridge", not doubts, verdict)
