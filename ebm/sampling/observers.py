"""Observers: numbers gathered from a sampler's states while none of the states is kept.

::

    for states in sampler.sweeps(n): each observer.update(states)

which ``observe`` does. Moments of batches are joined by Chan's formula, in float64::

    mean_ab = mean_a + d n_b / n,   M_ab = M_a + M_b + d d^T n_a n_b / n,   d = mean_b - mean_a,   n = n_a + n_b,

where M is the sum of products of deviations: nothing large is subtracted from anything large.

Source: Chan, Golub & LeVeque 1983 (doi:10.1080/00031305.1983.10483115), section on updating; Welford 1962
(doi:10.1080/00401706.1962.10490022).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from ebm.device import to_host
from ebm.sampling.diagnostics import Mean, autocorrelation_time, mean_with_error, split_rhat


class Observer(Protocol):
    """What ``observe`` asks of an observer."""

    def update(self, states: Any) -> None:
        """Take states in, one a row; there may be none."""
        ...


def observe(states: Iterable[Any], *observers: Observer) -> None:
    """Show every array of states to every observer.

    Parameters
    ----------
    states : iterable of arrays of shape (n_rows, n_units)
        Such as a sampler's ``sweeps(n)``; of Gibbs' pairs, ``(v for v, h in sweeps(...))``.
    *observers : Observer
    """
    for batch in states:
        for observer in observers:
            observer.update(batch)


def _wide(states: Any) -> np.ndarray:
    return np.asarray(to_host(states), np.float64)


class Moments:
    """Means and variances of the units, and with ``pairs`` their covariances.

    Parameters
    ----------
    pairs : bool
        Keep an (n_units, n_units) matrix.
    of : callable, optional
        Observe ``of(states)``, shape (n_rows, n_values), instead of the states.

    Attributes
    ----------
    n : int
        Rows seen.
    mean : ndarray of shape (n_units,), float64
    """

    def __init__(self, *, pairs: bool = False, of: Callable[[Any], Any] | None = None) -> None:
        self.pairs, self._of, self.n = pairs, of, 0
        self.mean: Any = np.zeros(0)
        self._deviations: Any = 0.0

    def update(self, states: Any) -> None:
        """Take states in."""
        x = _wide(states if self._of is None else self._of(states))
        if x.ndim != 2:
            raise ValueError(f"states must have shape (n_rows, n_units), got {x.shape}")
        if not len(x):
            return
        if self.n and x.shape[1:] != self.mean.shape:
            raise ValueError(f"states must keep their {self.mean.size} units, got shape {x.shape}")
        mean, n = x.mean(axis=0), self.n + len(x)
        centred = x - mean
        within = centred.T @ centred if self.pairs else (centred**2).sum(axis=0)
        apart = mean - self.mean if self.n else np.zeros_like(mean)
        between = np.outer(apart, apart) if self.pairs else apart**2
        self._deviations = self._deviations + within + between * (self.n * len(x) / n)
        self.mean = mean if not self.n else self.mean + apart * (len(x) / n)
        self.n = n

    @property
    def variance(self) -> np.ndarray:
        """Mean squared deviation of every unit, divisor n."""
        deviations = np.diagonal(self._deviations) if self.pairs else self._deviations
        return deviations / self.n

    @property
    def covariance(self) -> np.ndarray:
        """Covariances, divisor n, shape (n_units, n_units); ``pairs`` only."""
        if not self.pairs:
            raise ValueError("covariances were not observed: give pairs=True")
        return self._deviations / self.n

    @property
    def second(self) -> np.ndarray:
        """E[x_i x_j], with ``pairs`` for all i and j, else E[x_i^2]."""
        if self.pairs:
            return self.covariance + np.outer(self.mean, self.mean)
        return self.variance + self.mean**2


class Histogram:
    """Counts of a quantity within bins.

    Parameters
    ----------
    of : callable
        The quantity of states, one number a row or several.
    edges : array of shape (n_bins + 1,)
        Rising borders; bins hold their lower one, the last also its upper.

    Attributes
    ----------
    counts : ndarray of shape (n_bins,), int64
    below, above : int
        What fell outside.

    Raises
    ------
    ValueError
        When the edges do not rise.
    """

    def __init__(self, of: Callable[[Any], Any], edges: ArrayLike) -> None:
        self._of, self.edges = of, np.asarray(edges, np.float64)
        if self.edges.ndim != 1 or self.edges.size < 2 or not (np.diff(self.edges) > 0).all():
            raise ValueError(f"edges must be at least two rising numbers, got {edges!r}")
        self.counts, self.below, self.above = np.zeros(self.edges.size - 1, np.int64), 0, 0

    def update(self, states: Any) -> None:
        """Take states in."""
        x = _wide(self._of(states)).ravel()
        if np.isnan(x).any():
            raise ValueError("the observed quantity is NaN")
        self.counts += np.histogram(x, self.edges)[0]
        self.below += int((x < self.edges[0]).sum())
        self.above += int((x > self.edges[-1]).sum())

    @property
    def density(self) -> np.ndarray:
        """Density in every bin; what fell outside counts as seen."""
        seen = self.counts.sum() + self.below + self.above
        return self.counts / (seen * np.diff(self.edges))


class Trace:
    """One number a chain and draw, such as the energy, with what it is worth.

    Parameters
    ----------
    of : callable
        The quantity of states, shape (n_chains,).
    """

    def __init__(self, of: Callable[[Any], Any]) -> None:
        self._of = of
        self._draws: list[np.ndarray] = []

    def update(self, states: Any) -> None:
        """Take states in, as many chains each time."""
        x = _wide(self._of(states))
        if x.ndim != 1 or (self._draws and x.shape != self._draws[0].shape):
            want = f"({self._draws[0].size},)" if self._draws else "(n_chains,)"
            raise ValueError(f"a trace needs one number for each chain, shape {want}, got {x.shape}")
        self._draws.append(x)

    @property
    def draws(self) -> np.ndarray:
        """What was seen, shape (n_chains, n_draws), float64."""
        return np.stack(self._draws, axis=1) if self._draws else np.zeros((0, 0))

    def mean(self) -> Mean:
        """Mean, its standard error and the effective sample size, see ``ebm.sampling.diagnostics``."""
        return mean_with_error(self.draws)

    def autocorrelation_time(self) -> float:
        """Draws that are worth one independent draw."""
        return autocorrelation_time(self.draws)

    def rhat(self) -> float:
        """Split R-hat of the chains."""
        return split_rhat(self.draws)
