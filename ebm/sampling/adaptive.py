"""Where annealing should put its temperatures: equal gains of variance, measured by a pilot run.

A path passed slowly, with m temperatures over a part j of it, adds a log weight B_j to every chain, and Var(B_j) falls
as 1 / m. So with the *length* of a part and of the path

    L_j = sqrt(m_j Var(B_j)),    L = sum_j L_j

n temperatures give log weights the least variance, L^2 / n, when every part has a share L_j / L of them: then each
step adds the same variance. Parts of several steps are taken, not single ones, because Var(B_j) then holds the
covariances of neighbouring steps too: where chains mix slowly, the path is longer.

The pilot has random numbers of its own: temperatures that are chosen beforehand are constants, and the mean weight
stays unbiased. Chosen by the very chains that are then weighted they would not be (by less than 0.03 of it, on small
RBMs with 10 chains).

Sources: Gelman & Meng 1998 (doi:10.1214/ss/1028905934), section 4, for the optimal density of temperatures; Sivak &
Crooks 2012 (doi:10.1103/PhysRevLett.108.190602) for the length of a path whose states lag behind; Jasra, Stephens,
Doucet & Tsagaris 2011 (doi:10.1111/j.1467-9469.2010.00723.x) and Zhou, Johansen & Aston 2016
(doi:10.1080/10618600.2015.1060885), section 3.3.2, for equal losses of effective sample size at every step.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from ebm.random import Random, Stream
from ebm.sampling.annealing import FEWEST, Path, pass_along, temperatures

PARTS = 25  # of a path, whose variances are measured
PILOTS = 2  # the second one follows the temperatures that the first one found
LEAST_GAIN = 0.05  # of the mean length: a part that seems to cost nothing gets some temperatures all the same


def adaptive_temperatures(
    path: Path,
    n_chains: int,
    random: Random,
    *,
    n: int | None = None,
    target: float | None = None,
    n_pilot: int = 200,
) -> np.ndarray:
    """Choose inverse temperatures for a path, so that every step adds about the same variance to the log weights.

    Parameters
    ----------
    path : Path
    n_chains : int
        Chains of the pilot runs, at least 10. Their cost is that of ``2 n_pilot`` moves of each.
    random : Random
        The pilot draws under other seeds, derived from this one: the run that counts may use ``random`` itself.
    n : int, optional
        How many temperatures, base and model included; or
    target : float, optional
        the variance of the log weights that is wanted, from which their number L^2 / target follows. Of chains whose
        log weights have variance s, e^{-s} are effective.
    n_pilot : int
        Temperatures of a pilot run, at least 50.

    Returns
    -------
    ndarray of shape (n,), float64
        Rising from 0 to 1, for :func:`ebm.sampling.annealing.annealed_importance_sampling`.

    Raises
    ------
    ValueError
        When not exactly one of ``n`` and ``target`` is given, or a number is out of range.
    FloatingPointError
        When weights of the pilot are not finite: the model's parameters are extreme.
    """
    _check(n_chains, n, target, n_pilot)
    betas = temperatures(n_pilot)
    for pilot in range(PILOTS):
        edges, lengths = _measure(path, n_chains, betas, random.child(Stream.PILOT, pilot))
        if pilot + 1 < PILOTS:
            betas = _spread(edges, lengths, n_pilot)
    if n is None:
        n = max(2, int(np.ceil(float(lengths.sum()) ** 2 / target)) + 1)  # type: ignore[operator]  # one is given
    return _spread(edges, lengths, n)


def _check(n_chains: int, n: int | None, target: float | None, n_pilot: int) -> None:
    if n_chains < FEWEST:
        raise ValueError(f"n_chains must be at least {FEWEST} for a pilot, got {n_chains}")
    if (n is None) == (target is None):
        raise ValueError(f"give either n or target, got n={n!r} and target={target!r}")
    if n is not None and n < 2:
        raise ValueError(f"n must be at least 2 (the base and the model), got {n}")
    if target is not None and not target > 0:
        raise ValueError(f"target must be a positive variance, got {target}")
    if n_pilot < 2 * PARTS:
        raise ValueError(f"n_pilot must be at least {2 * PARTS}, got {n_pilot}")


def _parts(betas: np.ndarray) -> Iterator[np.ndarray]:
    bounds = np.linspace(0, len(betas) - 1, PARTS + 1).astype(int)
    return (betas[first : last + 1] for first, last in pairwise(bounds))


def _measure(path: Path, n_chains: int, betas: np.ndarray, random: Random) -> tuple[np.ndarray, np.ndarray]:
    """Return the betas between which parts lie, and the parts' lengths."""
    states, step = path.start(n_chains, random), 0
    edges, lengths = [0.0], []
    for part in _parts(betas):
        states, gains = pass_along(path, states, part, random, step)
        step += len(part) - 1
        edges.append(float(part[-1]))
        lengths.append(np.sqrt((len(part) - 1) * np.var(gains, ddof=1)))
    if not np.isfinite(lengths).all():
        raise FloatingPointError("weights of the pilot run are not finite: the model's parameters are extreme")
    found = np.array(lengths)
    return np.array(edges), np.maximum(found, LEAST_GAIN * found.mean() + 1e-12)


def _spread(edges: np.ndarray, lengths: np.ndarray, n: int) -> np.ndarray:
    """Return n betas with equal lengths between them."""
    so_far = np.concatenate([[0.0], np.cumsum(lengths)])
    betas = np.interp(np.linspace(0.0, so_far[-1], n), so_far, edges)
    betas[0], betas[-1] = 0.0, 1.0
    return betas
