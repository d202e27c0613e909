"""How much a Hopfield network holds: retrieval against load, by mean-field theory and by simulation.

With P = alpha N random patterns stored by Hebb's rule, recall without noise (T = 0) ends at an overlap m = erf(y) with
the pattern, where in the limit of large N::

    y (sqrt(2 alpha) + 2 / sqrt(pi) exp(-y^2)) = erf(y)

For loads above alpha_c = 0.138 only y = 0 is left: all memories are lost at once.

Source: Amit, Gutfreund & Sompolinsky 1985 (doi:10.1103/PhysRevLett.55.1530) and 1987
(doi:10.1016/0003-4916(87)90092-3); Hertz, Krogh & Palmer 1991, section 2.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq, minimize_scalar
from scipy.special import erf

from ebm.boltzmann.hopfield import Hopfield
from ebm.boltzmann.hopfield_recall import recall_asynchronous
from ebm.boltzmann.storage_rules import hebb
from ebm.random import Random, Stream

if TYPE_CHECKING:
    from collections.abc import Callable


def _root_of_load(y: float) -> float:
    """sqrt(2 alpha) of the solution y: zero at y = 0, a maximum, and down again."""
    return erf(y) / y - 2 / np.sqrt(np.pi) * np.exp(-(y**2))


_PEAK = float(minimize_scalar(lambda y: -_root_of_load(y), bounds=(0.5, 4.0), method="bounded").x)


def critical_load() -> float:
    """Return alpha_c = 0.1379, the largest load P / N at which patterns are recalled, by the theory above."""
    return float(_root_of_load(_PEAK) ** 2 / 2)


def mean_field_overlap(load: float) -> float:
    """Return the overlap m of recalled and stored pattern at load alpha, by the theory above.

    Parameters
    ----------
    load : float
        alpha = P / N, at least 0.

    Returns
    -------
    float
        m of the retrieval state (the larger of the two solutions with m > 0), 0.0 above the critical load.

    Raises
    ------
    ValueError
        When the load is negative or not a number.
    """
    if not load >= 0:
        raise ValueError(f"load must be at least 0, got {load}")
    if load > critical_load():
        return 0.0
    wanted = np.sqrt(2 * load)
    if _root_of_load(1e3) >= wanted:
        return 1.0
    return float(erf(brentq(lambda y: _root_of_load(y) - wanted, _PEAK, 1e3, xtol=1e-14)))


@dataclass(frozen=True)
class Overlap:
    """Overlaps measured by simulation.

    Attributes
    ----------
    mean : float
        Mean over patterns and networks of m = (1 / N) sum_i x_i s_i, x stored and s recalled.
    error : float
        Standard error of the mean, from the spread between networks (NaN for one network).
    by_network : ndarray of shape (n_networks,)
        Mean over the patterns of each.
    """

    mean: float
    error: float
    by_network: np.ndarray


def retrieval_overlap(
    n_units: int,
    n_patterns: int,
    random: Random,
    *,
    n_networks: int = 1,
    noise: float = 0.0,
    max_cues: int = 500,
    max_sweeps: int = 100,
    store: Callable[[np.ndarray], np.ndarray] = hebb,
) -> Overlap:
    """Measure the overlap of random patterns with what is recalled from them, asynchronously.

    Parameters
    ----------
    n_units, n_patterns : int
        N and P = alpha N, at least 1.
    random : Random
        Draws patterns, cues and orders.
    n_networks : int
        Networks of patterns of their own.
    noise : float
        Probability in [0, 1] with which each unit of a cue is flipped; 0 starts at the patterns themselves.
    max_cues : int
        Patterns of a network that are recalled, at most.
    max_sweeps : int
        Of a recall.
    store : callable
        Makes weights from patterns: a rule of :mod:`ebm.boltzmann.storage_rules`.

    Returns
    -------
    Overlap

    Raises
    ------
    ValueError
        When a number is out of range.
    """
    for name, value in {"n_units": n_units, "n_patterns": n_patterns, "n_networks": n_networks}.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    if not 0 <= noise <= 1:
        raise ValueError(f"noise must be between 0 and 1, got {noise}")
    means = np.empty(n_networks)
    for network in range(n_networks):
        x = random_patterns(n_patterns, n_units, random, network)
        cues = x[:max_cues]
        flipped = random.uniform(cues.shape, Stream.CORRUPTION, network) < noise
        model = Hopfield(store(x))
        recalled = recall_asynchronous(model, np.where(flipped, -cues, cues), random=random, max_sweeps=max_sweeps)
        means[network] = (recalled.states * cues).mean(dtype=np.float64)
    error = means.std(ddof=1) / np.sqrt(n_networks) if n_networks > 1 else np.nan
    return Overlap(float(means.mean()), float(error), means)


def random_patterns(n_patterns: int, n_units: int, random: Random, step: int = 0) -> np.ndarray:
    """Return patterns of independent fair spins, shape (n_patterns, n_units), float32."""
    u = random.uniform((n_patterns, n_units), Stream.PATTERNS, step)
    return np.where(u < 0.5, np.float32(-1), np.float32(1))
