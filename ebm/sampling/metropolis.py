"""Metropolis sampling of any model that tells an energy or a log-density.

A move from x to x', proposed as readily as its reverse, is accepted with probability

::

    min(1, p(x') / p(x)) = min(1, e^{-(E(x') - E(x))}),

so only a difference is needed. Discrete states change at one site, chosen at random, to another of its values;
continuous ones by a Gaussian step. A flip that leaves the energy as it is, or stands at beta = 0, is accepted with
probability (q - 1) / q, for q values: accepting all of them would make chains periodic where the energy is flat.

Many chains move side by side on the CPU; chain r takes its numbers from row r of the streams.

Source: Metropolis, Rosenbluth, Rosenbluth, Teller & Teller 1953 (doi:10.1063/1.1699114); the rates to which steps are
adapted: Roberts, Gelman & Gilks 1997 (doi:10.1214/aoap/1034625254) and Roberts & Rosenthal 2001
(doi:10.1214/ss/1015346320); the adaptation: Robbins & Monro 1951 (doi:10.1214/aoms/1177729586).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ebm.random import Random, Stream
from ebm.sampling.tempered import COLDEST

TINY = np.finfo(np.float64).tiny

Energy = Callable[[np.ndarray], np.ndarray]  # of states, one a row
EnergyChange = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]  # of states, sites and new values, one a row


def _uniform(n: int, columns: int, stream: Stream, random: Random, step: int, first_chain: int) -> np.ndarray:
    return random.uniform((first_chain + n, columns), stream, step, np.float64)[first_chain:]


def _numbers(found: Any, what: str, n: int, step: int) -> np.ndarray:
    out = np.asarray(found, np.float64)
    if out.shape != (n,):
        raise ValueError(f"{what} must return one number for each of {n} rows, got shape {out.shape}")
    if np.isnan(out).any():
        raise ValueError(f"{what} returned NaN at step {step}, for row {int(np.flatnonzero(np.isnan(out))[0])}")
    return out


@dataclass(frozen=True)
class FlipMoves:
    """Single-site moves of discrete states, any number of chains, each at its own inverse temperature.

    Parameters
    ----------
    energy : callable
        E of states of shape (n_rows, n_units), returning (n_rows,) numbers; infinite where a state is forbidden.
    values : sequence of numbers
        What a unit may be: (0, 1), (-1, 1), or more; different.
    change : callable, optional
        ``change(states, sites, new)``: E after minus E before where unit ``sites[r]`` of row r becomes ``new[r]``. A
        model that knows it saves two energies a move.

    Raises
    ------
    ValueError
        When there are fewer than two values, or two are the same.
    """

    energy: Energy
    values: Sequence[float] = (0, 1)
    change: EnergyChange | None = None

    def __post_init__(self) -> None:
        """Check the values."""
        if len(self.values) < 2 or len(set(self.values)) != len(self.values):
            raise ValueError(f"values must be at least two different numbers, got {self.values!r}")

    def sweep(
        self, states: np.ndarray, betas: np.ndarray, random: Random, step: int, first_chain: int = 0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Try as many moves as there are units; return new states and how many moves of each chain were accepted."""
        (n, n_units), q = states.shape, len(self.values)
        betas = np.minimum(betas, COLDEST)  # infinity times a difference of 0 is NaN
        states, rows, accepted = states.copy(), np.arange(n), np.zeros(n, np.int64)
        where = _uniform(n, 2 * n_units, Stream.PROPOSAL, random, step, first_chain)
        u = _uniform(n, n_units, Stream.METROPOLIS, random, step, first_chain)
        values = np.asarray(self.values, states.dtype)
        now = None if self.change else _numbers(self.energy(states), "energy", n, step)
        for move in range(n_units):
            sites = (where[:, 2 * move] * n_units).astype(np.int64)
            place = np.argmax(states[rows, sites][:, None] == values, axis=1)
            new = values[(place + 1 + (where[:, 2 * move + 1] * (q - 1)).astype(np.int64)) % q]
            if now is None:
                difference = self._change(states, sites, new, step)
            else:
                after = self._after(states, rows, sites, new, step)
                difference = after - now
            log_a = np.where(betas > 0, -np.maximum(betas, TINY) * difference, 0.0)  # 0 times infinity is NaN
            taken = np.log(u[:, move]) < np.where(log_a == 0, np.log((q - 1) / q), log_a)
            states[rows[taken], sites[taken]] = new[taken]
            if now is not None:
                now = np.where(taken, after, now)
            accepted += taken
        return states, accepted

    def _after(self, states: np.ndarray, rows: Any, sites: np.ndarray, new: np.ndarray, step: int) -> np.ndarray:
        proposed = states.copy()
        proposed[rows, sites] = new
        return _numbers(self.energy(proposed), "energy", len(states), step)

    def _change(self, states: np.ndarray, sites: np.ndarray, new: np.ndarray, step: int) -> np.ndarray:
        assert self.change is not None
        return _numbers(self.change(states, sites, new), "change", len(states), step)


@dataclass(frozen=True)
class TemperedFlips:
    """A tempered family made of nothing but an energy of discrete states; satisfies ``ebm.sampling.tempered.Tempered``.

    The base is uniform, E_0 = 0. A site is chosen at random, so a sweep is its own reversal.

    Parameters
    ----------
    moves : FlipMoves
    n_units : int
    dtype : dtype
        Of the states.
    """

    moves: FlipMoves
    n_units: int
    dtype: Any = np.float64

    @property
    def log_base(self) -> float:
        """n_units log q."""
        return self.n_units * float(np.log(len(self.moves.values)))

    def start(self, n_chains: int, random: Random, *, step: int = 0) -> np.ndarray:
        """Draw every unit uniformly from the values."""
        u = random.uniform((n_chains, self.n_units), Stream.BASE, step, np.float64)
        return np.asarray(self.moves.values, self.dtype)[(u * len(self.moves.values)).astype(np.int64)]

    def sweep(
        self, states: np.ndarray, betas: np.ndarray, random: Random, step: int, first_chain: int = 0
    ) -> np.ndarray:
        """Try as many moves as there are units, row r at ``betas[r]``."""
        return self.moves.sweep(states, betas, random, step, first_chain)[0]

    reversed_sweep = sweep

    def potential(self, states: np.ndarray) -> np.ndarray:
        """E, float64; ValueError where it is not finite."""
        found = np.asarray(self.moves.energy(states), np.float64)
        if found.shape != states.shape[:1] or not np.isfinite(found).all():
            raise ValueError(f"energy must return {len(states)} finite numbers, as the base reaches every state")
        return found


class FlipMetropolis:
    """Chains of discrete states that move by single-site Metropolis.

    Parameters
    ----------
    moves : FlipMoves
    states : ndarray of shape (n_chains, n_units)
        To start from; every element is one of the values.
    random : Random

    Attributes
    ----------
    states, step
        Where the chains stand, and the number of the next sweep: all that a run needs to go on.
    accepted, attempts : int
        Moves of all chains.

    Raises
    ------
    ValueError
        When states are not two-dimensional, or an element is not one of the values.
    """

    def __init__(self, moves: FlipMoves, states: np.ndarray, random: Random) -> None:
        if states.ndim != 2 or not states.size:
            raise ValueError(f"states must have shape (n_chains, n_units), got {states.shape}")
        if not np.isin(states, moves.values).all():
            raise ValueError(f"states must consist of the values {tuple(moves.values)}")
        if not np.isfinite(_numbers(moves.energy(states), "energy", len(states), 0)).all():
            raise ValueError("states must start where the energy is finite")
        self.moves, self.states, self.random = moves, states, random
        self.accepted = self.attempts = self.step = 0

    @property
    def acceptance_rate(self) -> float:
        """Share of moves that were accepted; NaN before the first."""
        return self.accepted / self.attempts if self.attempts else float("nan")

    def run(self, n_sweeps: int) -> np.ndarray:
        """Do ``n_sweeps`` (at least 1) sweeps and return the states."""
        if n_sweeps < 1:
            raise ValueError(f"n_sweeps must be at least 1, got {n_sweeps}")
        for _ in range(n_sweeps):
            self.states, accepted = self.moves.sweep(self.states, np.ones(len(self.states)), self.random, self.step)
            self.accepted, self.attempts = self.accepted + int(accepted.sum()), self.attempts + self.states.size
            self.step += 1
        return self.states

    def sweeps(self, n_draws: int) -> Iterator[np.ndarray]:
        """Yield the states after each sweep."""
        for _ in range(n_draws):
            yield self.run(1)


class RandomWalkMetropolis:
    """Chains of continuous states that move by Gaussian steps.

    Parameters
    ----------
    log_density : callable
        log p up to a constant, of states of shape (n_rows, n_dimensions), returning (n_rows,) numbers; -inf outside the
        support.
    states : ndarray of shape (n_chains, n_dimensions)
        To start from, within the support. They are taken as float64.
    random : Random
    scale : float or ndarray of shape (n_dimensions,)
        Standard deviation of a step; 2.4 / sqrt(n_dimensions) times the target's is about best.

    Attributes
    ----------
    states, step, scale
        With the log-density, all that a run needs to go on.
    accepted, attempts : int
        Moves of all chains since the scale was fixed.

    Raises
    ------
    ValueError
        When a parameter is not as described, or the log-density is NaN or plus infinity anywhere a chain comes.
    """

    def __init__(
        self, log_density: Energy, states: np.ndarray, random: Random, *, scale: float | np.ndarray = 1.0
    ) -> None:  # fmt: skip
        self.states = np.array(states, np.float64)
        if self.states.ndim != 2 or not self.states.size or not np.isfinite(self.states).all():
            raise ValueError(f"states must be finite, of shape (n_chains, n_dimensions), got {self.states.shape}")
        self.scale = np.array(scale, np.float64)
        if self.scale.shape not in ((), self.states.shape[1:]) or not (self.scale > 0).all():
            raise ValueError(f"scale must be positive, one number or one for each dimension, got {scale!r}")
        self._log_density, self.random = log_density, random
        self.accepted = self.attempts = self.step = 0
        if not np.isfinite(start := self._density(self.states)).all():
            raise ValueError(f"states must start where the log-density is finite, got {start.min()}")

    def _density(self, states: np.ndarray) -> np.ndarray:
        found = _numbers(self._log_density(states), "log_density", len(states), self.step)
        if (found == np.inf).any():
            raise ValueError(f"log_density returned plus infinity at step {self.step}")
        return found

    @property
    def acceptance_rate(self) -> float:
        """Share of moves that were accepted; NaN before the first."""
        return self.accepted / self.attempts if self.attempts else float("nan")

    def _move(self) -> np.ndarray:
        """Do one move of every chain; return the probabilities with which they were accepted."""
        noise = self.random.normal(self.states.shape, Stream.PROPOSAL, self.step, np.float64)
        proposed = self.states + self.scale * noise
        change = self._density(proposed) - self._density(self.states)
        u = self.random.uniform((len(change), 1), Stream.METROPOLIS, self.step, np.float64)[:, 0]
        taken = np.log(u) < change
        self.states = np.where(taken[:, None], proposed, self.states)
        self.accepted, self.attempts = self.accepted + int(taken.sum()), self.attempts + taken.size
        self.step += 1
        return np.exp(np.minimum(change, 0.0))

    def run(self, n_sweeps: int) -> np.ndarray:
        """Do ``n_sweeps`` (at least 1) moves of every chain and return the states."""
        if n_sweeps < 1:
            raise ValueError(f"n_sweeps must be at least 1, got {n_sweeps}")
        for _ in range(n_sweeps):
            self._move()
        return self.states

    def sweeps(self, n_draws: int) -> Iterator[np.ndarray]:
        """Yield the states after each move."""
        for _ in range(n_draws):
            yield self.run(1)

    def adapt(self, n_sweeps: int, target: float | None = None) -> float:
        """Find the scale at which a share ``target`` of moves is accepted, and fix it; for burn-in.

        The logarithm of the scale moves by t^{-0.6} (share of all chains - target) after move t. It yields no states,
        and the counters are zero afterwards: states that come later are samples of one fixed chain.

        Parameters
        ----------
        n_sweeps : int
            At least 1.
        target : float in (0, 1), optional
            0.44 in one dimension and 0.234 in more, which are best for wide classes of targets.

        Returns
        -------
        float
            Mean probability of acceptance in the second half.

        Raises
        ------
        ValueError
            When a parameter is not as described.
        """
        target = (0.44 if self.states.shape[1] == 1 else 0.234) if target is None else target
        if n_sweeps < 1 or not 0 < target < 1:
            raise ValueError(f"n_sweeps must be at least 1 and target within (0, 1), got {n_sweeps} and {target}")
        shares = []
        for t in range(1, n_sweeps + 1):
            shares.append(self._move().mean())
            self.scale = self.scale * np.exp(t**-0.6 * (shares[-1] - target))
        self.accepted = self.attempts = 0
        return float(np.mean(shares[n_sweeps // 2 :]))
