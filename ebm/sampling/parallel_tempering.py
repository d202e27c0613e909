"""Parallel tempering: replicas on a ladder that change places, so that the model's chain crosses between modes.

What stands at the top of each ladder is a sample of the model; the other levels are there to bring it from elsewhere.
Many independent ladders run side by side. The ladder may be set anew between calls, when learning has moved the
model's parameters, and replicas stay: persistent chains that mix (Desjardins et al. 2010, section 4).

Sources: see ``ebm.sampling.ladder``; Desjardins, Courville, Bengio, Vincent & Delalleau 2010, "Parallel tempering for
training of restricted Boltzmann machines" (AISTATS).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.device import beside
from ebm.sampling.ladder import Ladder, Replicas, exchange_by_sweeps

if TYPE_CHECKING:
    from ebm.random import Random

STRETCH = 100  # sweeps in one call, between which Ctrl-C is heard


@dataclass(frozen=True, eq=False)
class SwapStatistics:
    """What became of swaps since the counters were last set to zero.

    Parameters
    ----------
    acceptance : ndarray of shape (n_levels - 1,)
        Mean probability that levels k and k + 1 change places; NaN before the first try.
    accepted, attempts : ndarray of shape (n_levels - 1,), int64
    round_trips : int
        Ways of replicas from the top to the base and back, in all ladders together.
    levels : ndarray of shape (n_ladders, n_levels), int64
        Where each replica stands.
    """

    acceptance: np.ndarray
    accepted: np.ndarray
    attempts: np.ndarray
    round_trips: int
    levels: np.ndarray

    @property
    def barrier(self) -> float:
        """Sum of the rates of rejection; about twice as many levels serve a ladder best (Syed et al. 2022)."""
        return float((1.0 - self.acceptance).sum())


class ParallelTempering:
    """A sampler of the distribution at the top of a ladder.

    Parameters
    ----------
    ladder : Ladder
        :class:`~ebm.sampling.ladder.BetaLadder` or :class:`~ebm.sampling.trajectory.ModelLadder`, or another. It can be
        replaced between calls by one with as many levels.
    n_ladders : int
        Independent ladders, each with a replica at every level.
    random : Random
    states : array of shape (n_ladders * n_levels, n_units), optional
        To start from; by default the ladder makes them.

    Notes
    -----
    ``replicas`` holds all that a run needs: assign ``Replicas(**arrays)`` to go on from ``replicas.arrays()``, exactly.

    Raises
    ------
    ValueError
        When there is no ladder, or fewer than two levels, or the states do not fit.
    """

    def __init__(self, ladder: Ladder, n_ladders: int, random: Random, *, states: Any = None) -> None:
        if n_ladders < 1:
            raise ValueError(f"n_ladders must be at least 1, got {n_ladders}")
        if ladder.n_levels < 2:
            raise ValueError(f"a ladder must have at least 2 levels, got {ladder.n_levels}")
        states = ladder.start(n_ladders, random) if states is None else states
        if states.ndim != 2 or states.shape[0] != n_ladders * ladder.n_levels:
            raise ValueError(f"states must have {n_ladders} x {ladder.n_levels} rows, got shape {states.shape}")
        self._ladder, self.random = ladder, random
        self._replicas = Replicas.at(states, ladder.n_levels)

    @property
    def replicas(self) -> Replicas:
        """States, levels and counters; replace it to go on from somewhere else."""
        return self._replicas

    @replicas.setter
    def replicas(self, replicas: Replicas) -> None:
        n_levels = self._ladder.n_levels
        if replicas.levels.shape[1:] != (n_levels,) or replicas.states.shape[0] != replicas.levels.size:
            raise ValueError(
                f"replicas must have {n_levels} levels and a row of states for each, got levels of shape "
                f"{replicas.levels.shape} and states of shape {replicas.states.shape}"
            )
        if (np.sort(replicas.levels, axis=1) != np.arange(n_levels)).any():
            raise ValueError("each ladder of replicas must have one replica at every level")
        self._replicas = replicas

    @property
    def ladder(self) -> Ladder:
        """The ladder; a new one must have as many levels."""
        return self._ladder

    @ladder.setter
    def ladder(self, ladder: Ladder) -> None:
        if ladder.n_levels != self._ladder.n_levels:
            raise ValueError(f"the ladder must keep its {self._ladder.n_levels} levels, got {ladder.n_levels}")
        self._ladder = ladder

    @property
    def states(self) -> Any:
        """States at the top, shape (n_ladders, n_units)."""
        return self.states_at(self._ladder.n_levels - 1)

    def states_at(self, level: int) -> Any:
        """States at a level, one row a ladder."""
        states = self._replicas.states
        return states[beside(self._replicas.rows_at(level), states)]

    @property
    def statistics(self) -> SwapStatistics:
        """What became of swaps."""
        r = self.replicas
        with np.errstate(invalid="ignore"):
            acceptance = r.chances / r.attempts
        return SwapStatistics(acceptance, r.accepted.copy(), r.attempts.copy(), int(r.trips.sum()), r.levels.copy())

    def run(self, n_sweeps: int) -> Any:
        """Do ``n_sweeps`` (at least 1) sweeps with their swaps, and return the states at the top.

        Raises
        ------
        ValueError
            When ``n_sweeps`` is below 1, or energies are NaN.
        """
        if n_sweeps < 1:
            raise ValueError(f"n_sweeps must be at least 1, got {n_sweeps}")
        advance = getattr(self._ladder, "advance", None) or partial(exchange_by_sweeps, self._ladder)
        for done in range(0, n_sweeps, STRETCH):
            advance(self.replicas, min(STRETCH, n_sweeps - done), self.random)
        return self.states

    def sweeps(self, n_draws: int, every: int = 1) -> Iterator[Any]:
        """Yield the states at the top ``n_draws`` times, after ``every`` sweeps each."""
        for _ in range(n_draws):
            yield self.run(every)

    def adapt(self, n_sweeps: int, n_rounds: int = 6) -> SwapStatistics:
        """Respace the ladder's levels until swaps are accepted evenly; for burn-in, so it yields no states.

        Each of the rounds sweeps twice as often as the one before, and then respaces. The counters are zero
        afterwards, and the ladder stays as it is: states that come later are samples of one fixed chain.

        Parameters
        ----------
        n_sweeps : int
            In all rounds together, at least ``2 ** (n_rounds + 1)``: two sweeps try every pair once.
        n_rounds : int
            At least 1.

        Returns
        -------
        SwapStatistics
            Of the last round, before its respacing.

        Raises
        ------
        TypeError
            When the ladder has no ``respaced``: only temperatures can be chosen at will.
        ValueError
            When ``n_rounds`` is below 1, or there are too few sweeps.
        """
        if not hasattr(self._ladder, "respaced"):
            raise TypeError(f"{type(self._ladder).__name__} cannot be respaced; BetaLadder can")
        if n_rounds < 1 or n_sweeps < 2 ** (n_rounds + 1):
            raise ValueError(f"n_sweeps must be at least 2 ** (n_rounds + 1), got {n_sweeps} for {n_rounds} rounds")
        for share in n_sweeps * 2.0 ** np.arange(n_rounds) // (2**n_rounds - 1):
            self.replicas.forget()
            self.run(max(int(share), 2))
            statistics = self.statistics
            self._ladder = self._ladder.respaced(statistics.acceptance)
        self.replicas.forget()
        return statistics
