"""Simulated tempering: a chain whose temperature is a state too.

::

    p(x, k) proportional to f_{beta_k}(x) e^{g_k},   k = 0, ..., K - 1,

so among the draws at beta = 1 the states are the model's, whatever the weights g are; the chain spends p_k ~ Z_k
e^{g_k} of its time at level k, evenly where g_k = -log Z_k. Each sweep moves x at its beta and then draws k from p(k |
x). A burn-in finds g: the mean potential at each beta gives a first guess, since d log Z / d beta = -E[U]; then every
sweep lowers g_k where chains stand, by a gain that falls like 1 / t. Then g is fixed.

Sources: Marinari & Parisi 1992 (doi:10.1209/0295-5075/19/6/002); drawing k from its conditional: Chodera & Shirts 2011
(doi:10.1063/1.3660669); adapting g: Wang & Landau 2001 (doi:10.1103/PhysRevLett.86.2050), in the form of Tan 2017,
"Optimally adjusted mixture sampling and locally weighted histogram analysis" (doi:10.1080/10618600.2015.1113975).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.device import beside
from ebm.random import Random, Stream
from ebm.sampling.ladder import check_betas

if TYPE_CHECKING:
    from ebm.sampling.tempered import Tempered


class SimulatedTempering:
    """Chains that walk over temperatures; those at beta = 1 are samples of the model.

    Parameters
    ----------
    family : Tempered
    betas : array of shape (n_levels,)
        Rising, not below 0, the last is 1.
    n_chains : int
        Independent chains, at least 1.
    random : Random
    log_weights : array of shape (n_levels,), optional
        g, for instance minus estimates of log Z_k. Without them they are zero, and ``adapt`` should find them.
    states, levels : arrays of shape (n_chains, n_units) and (n_chains,), optional
        To start from; by default states of the base, at level 0.

    Attributes
    ----------
    states, levels : arrays
        Where the chains stand. With ``log_weights``, ``visits`` and ``step`` they are all that a run needs to go on.
    visits : ndarray of shape (n_levels,), int64
        Draws at each level since the weights were fixed.
    step : int
        Number of the next sweep.

    Raises
    ------
    ValueError
        When a parameter is not as described.
    """

    def __init__(
        self, family: Tempered, betas: Any, n_chains: int, random: Random, *, log_weights: Any = None,
        states: Any = None, levels: Any = None,
    ) -> None:  # fmt: skip
        if n_chains < 1:
            raise ValueError(f"n_chains must be at least 1, got {n_chains}")
        self.family, self.betas, self.random = family, check_betas(betas), random
        self.states = family.start(n_chains, random) if states is None else states
        self.levels = np.zeros(n_chains, np.int64) if levels is None else np.array(levels, np.int64)
        if self.states.shape[0] != n_chains or self.levels.shape != (n_chains,):
            raise ValueError(
                f"n_chains is {n_chains}, but states have shape {self.states.shape} and levels {self.levels.shape}"
            )
        if self.levels.min() < 0 or self.levels.max() >= self.betas.size:
            raise ValueError(f"levels must lie within 0 and {self.betas.size - 1}, got {self.levels}")
        weights = np.zeros(self.betas.size) if log_weights is None else np.array(log_weights, np.float64)
        if weights.shape != self.betas.shape or not np.isfinite(weights).all():
            raise ValueError(f"log_weights must be {self.betas.size} finite numbers, got {log_weights!r}")
        self.log_weights, self.visits, self.step = weights, np.zeros(self.betas.size, np.int64), 0

    def _sweep(self) -> np.ndarray:
        """Move states, then levels; return p(k | x) of every chain before the level was drawn."""
        self.states = self.family.sweep(self.states, self.betas[self.levels], self.random, self.step)
        log_p = self.log_weights - self.betas * self.family.potential(self.states)[:, None]
        if np.isnan(log_p).any():
            raise ValueError(f"the family's potential is NaN at step {self.step}")
        p = np.exp(log_p - log_p.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        u = self.random.uniform((len(p), 1), Stream.LEVEL, self.step, np.float64)
        self.levels = np.minimum((np.cumsum(p, axis=1) < u).sum(axis=1), self.betas.size - 1)
        self.step += 1
        return p

    @property
    def at_model(self) -> np.ndarray:
        """Numbers of the chains that stand at beta = 1."""
        return np.flatnonzero(self.levels == self.betas.size - 1)

    def sweeps(self, n_sweeps: int) -> Iterator[Any]:
        """Yield after each sweep the states of those chains that stand at beta = 1: from none to all of them."""
        for _ in range(n_sweeps):
            self._sweep()
            self.visits += np.bincount(self.levels, minlength=self.betas.size)
            yield self.states[beside(self.at_model, self.states)]

    def run(self, n_sweeps: int) -> Any:
        """Do ``n_sweeps`` (at least 1) sweeps and return the states that then stand at beta = 1."""
        if n_sweeps < 1:
            raise ValueError(f"n_sweeps must be at least 1, got {n_sweeps}")
        return deque(self.sweeps(n_sweeps), maxlen=1).pop()

    def adapt(self, n_sweeps: int) -> np.ndarray:
        """Find weights under which all levels are visited evenly, and fix them; for burn-in, so it yields no states.

        For the first half all chains go up the levels together, which gives -log Z_k as the integral of the mean
        potential over beta, by trapezia. For the second, sweep t lowers g_k by p(k | x), averaged over the chains,
        times min(1, K / t) (Tan 2017). ``visits`` are zero afterwards.

        Raises
        ------
        ValueError
            When there are fewer than four sweeps for each level.
        """
        n_levels = self.betas.size
        if n_sweeps < 4 * n_levels:
            raise ValueError(f"n_sweeps must be at least 4 for each of {n_levels} levels, got {n_sweeps}")
        each = n_sweeps // (2 * n_levels)
        means = np.array([self._mean_potential(level, each) for level in range(n_levels)])
        areas = np.diff(self.betas) * (means[1:] + means[:-1]) / 2
        self.log_weights = np.concatenate([[0.0], np.cumsum(areas)])
        for t in range(1, n_sweeps - each * n_levels + 1):
            self.log_weights = self.log_weights - min(1.0, n_levels / t) * self._sweep().mean(axis=0)
        self.log_weights = self.log_weights - self.log_weights[0]
        self.visits[:] = 0
        return self.log_weights

    def _mean_potential(self, level: int, n_sweeps: int) -> float:
        """Sweep all chains at one level; return their mean potential in the second half."""
        self.levels, means = np.full(self.levels.size, level), []
        for _ in range(n_sweeps):
            self.states = self.family.sweep(self.states, self.betas[self.levels], self.random, self.step)
            self.step += 1
            means.append(self.family.potential(self.states).mean())
        return float(np.mean(means[n_sweeps // 2 :]))

    @property
    def log_partition(self) -> float:
        """Estimate of log Z: log Z_0 + g_0 - g_K + log(visits_K / visits_0); NaN before both ends were visited.

        Without an error bar; for one that has it, see ``ebm.sampling.annealing``.
        """
        base, model = self.visits[[0, -1]]
        if not (base and model) or self.betas[0] != 0:
            return float("nan")
        g = self.log_weights
        return float(self.family.log_base + g[0] - g[-1] + np.log(model / base))
