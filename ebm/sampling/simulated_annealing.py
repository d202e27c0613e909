"""Simulated annealing: chains that are cooled until they sit in low states, for any tempered family.

Chains sweep at inverse temperatures beta_1, beta_2, ... that rise, and the lowest state that each has passed is kept.
While it is warm a chain leaves local minima; cooled at once (a *quench*, beta infinite from the start) it stays in the
first.

What is lowered is the potential U = E - E_0 of ``ebm.sampling.tempered``: p_beta is proportional to e^{-E_0 - beta U},
so as beta grows beyond 1 all probability goes to the minima of U. With a base of no energy (E_0 = 0) these are the
minima of E.

Sources: Kirkpatrick, Gelatt & Vecchi 1983 (doi:10.1126/science.220.4598.671); Geman & Geman 1984
(doi:10.1109/TPAMI.1984.4767596), theorem B, for logarithmic cooling, which finds the minimum with certainty, in
infinite time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from ebm.sampling.tempered import COLDEST

if TYPE_CHECKING:
    from ebm.random import Random
    from ebm.sampling.tempered import Tempered


@runtime_checkable
class ManySweeps(Protocol):
    """What a family may offer beside ``Tempered``: many sweeps in one call."""

    def sweeps(self, states: Any, betas: np.ndarray, random: Random, step: int, first_chain: int = 0) -> Any:
        """Return states after a sweep for each row of ``betas`` (n_sweeps, n_chains); sweep k draws at step + k."""
        ...


@dataclass(frozen=True, eq=False)
class Annealed:
    """What annealing found.

    Parameters
    ----------
    states : array of shape (n_chains, n_units)
        The lowest state that each chain passed, of those looked at.
    energies : ndarray of shape (n_chains,), float64
        Their potentials.
    trace : ndarray of shape (n_chains, n_looks), float64
        Potential of each chain at every look.
    betas : ndarray of shape (n_looks,), float64
        Inverse temperature of the sweep before each look.
    sweeps : ndarray of shape (n_looks,), int64
        Sweeps done before each look.
    last_states : array of shape (n_chains, n_units)
        Where the chains ended.
    """

    states: Any
    energies: np.ndarray
    trace: np.ndarray
    betas: np.ndarray
    sweeps: np.ndarray
    last_states: Any

    @property
    def best_chain(self) -> int:
        """Number of the chain that found the lowest state."""
        return int(self.energies.argmin())

    @property
    def best_state(self) -> Any:
        """The lowest state of all, shape (n_units,)."""
        return self.states[self.best_chain]

    @property
    def best_energy(self) -> float:
        """Its potential."""
        return float(self.energies.min())


def linear(n_sweeps: int, last: float, first: float = 0.0) -> np.ndarray:
    """Return betas that rise evenly from ``first`` to ``last``."""
    _check_schedule(n_sweeps, first, last, least=0.0)
    return np.linspace(first, last, n_sweeps)


def geometric(n_sweeps: int, last: float, first: float) -> np.ndarray:
    """Return betas from ``first`` (above 0) to ``last`` by equal factors: T_{k+1} = c T_k."""
    _check_schedule(n_sweeps, first, last, least=np.nextafter(0.0, 1.0))
    return np.geomspace(first, last, n_sweeps)


def logarithmic(n_sweeps: int, last: float) -> np.ndarray:
    """Return beta_k = last log(1 + k) / log(1 + n), k = 1, ..., n: T_k = C / log(1 + k), as of Geman & Geman."""
    _check_schedule(n_sweeps, 0.0, last, least=0.0)
    return last * np.log1p(np.arange(1, n_sweeps + 1)) / np.log1p(n_sweeps)


def quench(n_sweeps: int) -> np.ndarray:
    """Return infinite betas: descent into the nearest local minimum, for families with bounded states."""
    _check_schedule(n_sweeps, 0.0, np.inf, least=0.0)
    return np.full(n_sweeps, np.inf)


def _check_schedule(n_sweeps: int, first: float, last: float, least: float) -> None:
    if n_sweeps < 1:
        raise ValueError(f"n_sweeps must be at least 1, got {n_sweeps}")
    if not least <= first <= last:
        positive = "0 <= first" if least == 0 else "0 < first"
        raise ValueError(f"betas must satisfy {positive} <= last, got first = {first} and last = {last}")


def simulated_annealing(
    family: Tempered,
    n_chains: int,
    schedule: Any,
    random: Random,
    *,
    look_every: int = 1,
    start: Any = None,
    first_step: int = 0,
) -> Annealed:
    """Cool chains along a schedule of inverse temperatures.

    Parameters
    ----------
    family : Tempered
        Whose sweeps allow betas beyond 1. With a method ``sweeps`` (see :class:`ManySweeps`) the sweeps between two
        looks are one call.
    n_chains : int
        At least 1; each is a try of its own.
    schedule : array-like of shape (n_sweeps,)
        The beta of every sweep, 0 or larger: from :func:`linear`, :func:`geometric`, :func:`logarithmic`,
        :func:`quench` or any other source. Betas beyond ``ebm.sampling.tempered.COLDEST``, 1e30, are that: units
        follow their inputs, and toss a coin where these are 0.
    random : Random
        Sweep k, counted from 1, draws at step ``first_step + k``; states of the base at step ``first_step``.
    look_every : int
        Sweeps between two looks at the chains. Only states looked at can be found; the last one always is.
    start : array of shape (n_chains, n_units), optional
        Where to start; states of the base by default.
    first_step : int
        Give another for another, independent run, or the sweeps done to go on from ``last_states``.

    Returns
    -------
    Annealed

    Raises
    ------
    ValueError
        When a parameter is not as described, or betas are infinite and the family's states are not bounded.
    """
    betas = np.asarray(schedule, np.float64)
    if betas.ndim != 1 or betas.size == 0 or not (betas >= 0).all():
        raise ValueError(f"schedule must be a row of betas, each 0 or larger, got {schedule!r}")
    if betas.max() >= COLDEST and not getattr(family, "is_bounded", True):
        raise ValueError(
            f"schedule must stay below {COLDEST:g} for {type(family).__name__}, whose states are not bounded: they "
            f"would run away; got {betas.max()}"
        )
    for name, value in (("n_chains", n_chains), ("look_every", look_every)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    states = family.start(n_chains, random, step=first_step) if start is None else start
    if states.shape[0] != n_chains:
        raise ValueError(f"start must have n_chains = {n_chains} rows, got {states.shape[0]}")
    best, energies = states.copy(), family.potential(states)
    looks = np.append(np.arange(look_every, betas.size, look_every), betas.size)
    trace, done = np.empty((n_chains, looks.size)), 0
    for k, upto in enumerate(looks):
        states = _sweep(family, states, betas[done:upto], random, first_step + done + 1)
        done, trace[:, k] = upto, family.potential(states)
        better = np.flatnonzero(trace[:, k] < energies)
        best[better], energies[better] = states[better], trace[better, k]
    return Annealed(best, energies, trace, betas[looks - 1], looks, states)


def _sweep(family: Tempered, states: Any, betas: np.ndarray, random: Random, step: int) -> Any:
    by_chain = np.broadcast_to(np.minimum(betas, COLDEST)[:, None], (betas.size, states.shape[0]))
    if isinstance(family, ManySweeps):
        return family.sweeps(states, by_chain, random, step)
    for k, row in enumerate(by_chain):
        states = family.sweep(states, row.copy(), random, step + k)
    return states
