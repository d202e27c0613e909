"""Recall in Hopfield networks: from a cue downhill to a memory.

Asynchronously, unit after unit: with symmetric weights and no diagonal every flip lowers the energy by 2 abs(h_i)
(or, at h_i = 0, leaves it but for rounding and switches a unit to +1), so recall ends at a fixed point. Synchronously,
all units at once, the energy may rise, and recall ends at a fixed point or goes to and fro between two states.

Source: Hopfield 1982 (doi:10.1073/pnas.79.8.2554); Goles & Olivos 1980, "Periodic behaviour of generalized threshold
functions" (Discrete Mathematics 30), for the cycles of length two.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ebm.device import beside
from ebm.random import Stream

if TYPE_CHECKING:
    from ebm.boltzmann.hopfield import Hopfield
    from ebm.random import Random

FIRST_LOT = 4  # sweeps handed to the kernel at a time, then twice as many: few cues need more


class Memory(Protocol):
    """What asynchronous recall asks of a network of spins."""

    @property
    def n_units(self) -> int:
        """Units."""
        ...

    @property
    def dtype(self) -> np.dtype:
        """Of the parameters."""
        ...

    def running_sums(self, s: Any) -> Any:
        """Return what is kept up to date at flips (fields, or overlaps), shape (n_rows, any)."""
        ...

    def energy_given(self, s: Any, sums: Any) -> Any:
        """E(s) of states whose running sums are known, shape (n_rows,)."""
        ...

    def visit_units(self, orders: Any, s: Any, sums: Any, done: Any, points: int) -> tuple[Any, Any, Any]:
        """Sweep over the units, changing s, sums and done in place; returns sweeps, flips and energies."""
        ...


@dataclass(frozen=True)
class Recall:
    """Where recall ended.

    Attributes
    ----------
    states : array of shape (n_rows, n_units)
        The last states, -1 and +1.
    period : array of shape (n_rows,), int64
        1 at a fixed point, 2 in a cycle of two states (synchronous recall), 0 where the sweeps ran out.
    sweeps : array of shape (n_rows,), int64
        Sweeps done, the last one, which only found that nothing changes, included.
    flips : array of shape (n_rows,), int64
        Units flipped, all sweeps together.
    energies : array of shape (n_points + 1, n_rows) or None
        The energy at the cue and after every sweep (or part of a sweep); a row at rest keeps its last one.
    """

    states: Any
    period: Any
    sweeps: Any
    flips: Any
    energies: Any = None

    @property
    def converged(self) -> Any:
        """Whether a row ended at a fixed point, shape (n_rows,), bool."""
        return self.period == 1


def recall_asynchronous(
    model: Memory, states: Any, *, random: Random | None = None, max_sweeps: int = 100, points: int = 0
) -> Recall:
    """Update one unit after the other until nothing changes.

    Parameters
    ----------
    model : Memory
        A `Hopfield` network or a `DenseAssociative` memory.
    states : array of shape (n_rows, n_units)
        Cues, -1 and +1; left as they are.
    random : Random, optional
        Draws a new order of the units for every sweep, the same for all rows: so a cue's recall does not depend on
        the cues beside it. Without it the order is 0, 1, 2, ...
    max_sweeps : int
        At least 0.
    points : int
        Energies to note in a sweep, 1 for its end, ``n_units`` for every update; 0 for none.

    Returns
    -------
    Recall

    Raises
    ------
    ValueError
        When a number is out of range or the states do not fit the model.
    """
    states = _cues(model, states, max_sweeps)
    sums = model.running_sums(states)
    done, sweeps, flips = (np.zeros_like(states, shape=(len(states),), dtype=kind) for kind in (bool, int, int))
    trace = [model.energy_given(states, sums)[None]]
    for lot in _lots(max_sweeps):
        orders = np.stack([unit_order(model.n_units, sweep, random) for sweep in lot])
        more = model.visit_units(beside(orders, states), states, sums, done, points)
        sweeps, flips = sweeps + more[0], flips + more[1]
        trace.append(more[2])
        if done.all():
            break
    energies = _carried(np.concatenate(trace)) if points else None
    return Recall(states, done.astype(np.int64), sweeps, flips, energies)


def recall_synchronous(model: Hopfield, states: Any, *, max_sweeps: int = 100, points: int = 0) -> Recall:
    """Update all units at once until nothing changes, or two states alternate.

    Parameters
    ----------
    model : Hopfield
    states : array of shape (n_rows, n_units)
        Cues, -1 and +1; left as they are.
    max_sweeps : int
        Steps, at least 0.
    points : {0, 1}
        1 to note the energy after every step.

    Returns
    -------
    Recall
        Of a cycle, whichever of the two states came last.

    Raises
    ------
    ValueError
        When a number is out of range or the states do not fit the model.
    """
    if points not in (0, 1):
        raise ValueError(f"points must be 0 or 1, since all units are updated at once; got {points}")
    before = states = _cues(model, states, max_sweeps)
    period, sweeps, flips = (np.zeros_like(states, shape=(len(states),), dtype=np.int64) for _ in range(3))
    fields = model.fields(states)
    trace = [model.energy_given(states, fields)]
    for step in range(max_sweeps):
        new = np.where((period == 0)[:, None], model.settled(fields), states)
        sweeps += period == 0
        changed = new != states
        flips += changed.sum(axis=1)
        at_rest, back = ~changed.any(axis=1), (new == before).all(axis=1) & (step > 0)
        period = np.where(period == 0, np.where(at_rest, 1, 2 * back), period)
        before, states = states, new
        fields = model.fields(states)
        if points:
            trace.append(model.energy_given(states, fields))
        if (period > 0).all():
            break
    return Recall(states, period, sweeps, flips, np.stack(trace) if points else None)


def unit_order(n: int, sweep: int, random: Random | None) -> np.ndarray:
    """Return the order in which sweep number ``sweep`` visits the units, shape (n,), int64."""
    if random is None:
        return np.arange(n)
    return np.argsort(random.uniform((1, n), Stream.UNIT_ORDER, sweep, np.float64)[0], kind="stable")


def _lots(max_sweeps: int) -> Iterator[range]:
    first, size = 0, FIRST_LOT
    while first < max_sweeps:
        yield range(first, min(first + size, max_sweeps))
        first, size = first + size, 2 * size


def _carried(energies: Any) -> Any:
    """Give rows at rest, whose energies are NaN, their last ones."""
    for here, last in zip(energies[1:], energies[:-1], strict=True):
        here[...] = np.where(np.isnan(here), last, here)
    return energies


def _cues(model: Memory, states: Any, max_sweeps: int) -> Any:
    if states.ndim != 2 or states.shape[1] != model.n_units:
        raise ValueError(f"states of shape {states.shape} do not fit {model.n_units} units; give (n_rows, n_units)")
    if not (abs(states) == 1).all():
        raise ValueError("states must be -1 and +1")
    if max_sweeps < 0:
        raise ValueError(f"max_sweeps must be at least 0, got {max_sweeps}")
    return states.astype(model.dtype, order="C", copy=True)
