"""Ladders of distributions with replicas on them: what parallel tempering goes over.

A ladder has levels 0 (easy to sample) to K - 1 (the model). Each of its K replicas stands at a level of its own. A
sweep moves every replica within its level's distribution; then neighbours change places with probability

::

    min(1, f_k(x') f_{k+1}(x) / (f_k(x) f_{k+1}(x'))),   x at level k, x' at level k + 1,

for even k after sweeps of an even number, and for odd k after the others. Both steps leave the product of all levels'
distributions as it is, so what stands at level K - 1 is the model's.

Sources: Swendsen & Wang 1986 (doi:10.1103/PhysRevLett.57.2607); Geyer 1991, "Markov chain Monte Carlo maximum
likelihood" (Interface); alternation: Okabe, Kawata, Okamoto & Mikami 2001 (doi:10.1016/S0009-2614(01)00055-0).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from scipy.interpolate import PchipInterpolator

from ebm.random import Random, Stream

if TYPE_CHECKING:
    from ebm.sampling.tempered import Tempered

LEAST_REJECTION = 1e-4  # that a pair is taken to have: levels between which nothing is rejected still stay apart


class Ladder(Protocol):
    """What parallel tempering asks of levels of distributions; it knows neither betas nor models."""

    @property
    def n_levels(self) -> int:
        """K, at least 2."""
        ...

    def start(self, n_ladders: int, random: Random) -> Any:
        """Draw states to start from, shape (n_ladders * n_levels, n_units)."""
        ...

    def sweep(self, states: Any, levels: np.ndarray, random: Random, step: int) -> Any:
        """Return new states, row r by a transition that leaves the distribution of level ``levels[r]`` as it is."""
        ...

    def log_ratios(self, states: Any, levels: np.ndarray, others: np.ndarray) -> np.ndarray:
        """log f_other(x) - log f_level(x) of every row, float64; 0 where both are the same."""
        ...


@dataclass(eq=False)
class Replicas:
    """Replicas of several ladders, and what became of their swaps: all that a run needs to go on.

    Parameters
    ----------
    states : array of shape (n_ladders * n_levels, n_units)
        Ladder l has rows ``l * n_levels`` to ``(l + 1) * n_levels - 1``.
    levels : ndarray of shape (n_ladders, n_levels), int64
        The level at which each replica stands.
    attempts, accepted : ndarray of shape (n_levels - 1,), int64
        Swaps of level k with k + 1.
    chances : ndarray of shape (n_levels - 1,), float64
        Sums of the probabilities with which they were accepted.
    ends : ndarray of shape (n_ladders, n_levels), int64
        1 where a replica has seen the top last, -1 where it has come to the base since, 0 at the start.
    trips : ndarray of shape (n_ladders, n_levels), int64
        Round trips of each replica: from the top to the base and back.
    step : int
        Number of the next sweep.
    """

    states: Any
    levels: np.ndarray
    attempts: np.ndarray
    accepted: np.ndarray
    chances: np.ndarray
    ends: np.ndarray
    trips: np.ndarray
    step: int = 0

    @classmethod
    def at(cls, states: Any, n_levels: int) -> Replicas:
        """Put replica i of every ladder at level i."""
        n_ladders = states.shape[0] // n_levels
        levels = np.tile(np.arange(n_levels), (n_ladders, 1))
        attempts, accepted = np.zeros((2, n_levels - 1), np.int64)
        chances, (ends, trips) = np.zeros(n_levels - 1), np.zeros((2, *levels.shape), np.int64)
        replicas = cls(states, levels, attempts, accepted, chances, ends, trips)
        note_ends(replicas)
        return replicas

    def rows_at(self, level: int) -> np.ndarray:
        """Rows of the replicas that stand at a level, one of each ladder."""
        n_ladders, n_levels = self.levels.shape
        return np.arange(n_ladders) * n_levels + np.argmax(self.levels == level, axis=1)

    def forget(self) -> None:
        """Set the counters to zero; states and levels stay."""
        for counter in (self.attempts, self.accepted, self.chances, self.ends, self.trips):
            counter[...] = 0
        note_ends(self)

    def arrays(self) -> dict[str, Any]:
        """Copy all fields, by name; ``Replicas(**arrays)`` goes on from them."""
        values = ((f.name, getattr(self, f.name)) for f in fields(self))
        return {name: value if name == "step" else value.copy() for name, value in values}


def note_ends(replicas: Replicas) -> None:
    """Count round trips that end now."""
    at_top, at_base = replicas.levels == replicas.levels.shape[1] - 1, replicas.levels == 0
    replicas.trips += at_top & (replicas.ends < 0)
    replicas.ends[at_base & (replicas.ends > 0)] = -1
    replicas.ends[at_top] = 1


def swap_neighbours(ladder: Ladder, replicas: Replicas, random: Random) -> None:
    """Let neighbours change places, even pairs at even steps and odd ones at odd steps."""
    n_ladders, n_levels = replicas.levels.shape
    lower = np.arange(replicas.step % 2, n_levels - 1, 2)
    partner = np.arange(n_levels)
    partner[lower], partner[lower + 1] = lower + 1, lower
    others = partner[replicas.levels]
    ratios = ladder.log_ratios(replicas.states, replicas.levels.ravel(), others.ravel()).reshape(n_ladders, n_levels)
    by_level = np.take_along_axis(ratios, np.argsort(replicas.levels, axis=1), axis=1)
    change = by_level[:, lower] + by_level[:, lower + 1]
    if np.isnan(change).any():
        raise ValueError(f"log densities of neighbouring levels differ by NaN at step {replicas.step}")
    u = random.uniform((n_ladders, n_levels - 1), Stream.SWAP, replicas.step, np.float64)[:, lower]
    accepted = np.log(u) < change
    replicas.attempts[lower] += n_ladders
    replicas.accepted[lower] += accepted.sum(axis=0)
    replicas.chances[lower] += np.exp(np.minimum(change, 0.0)).sum(axis=0)
    moves = np.zeros((n_ladders, n_levels), bool)  # by level
    moves[:, lower], moves[:, lower + 1] = accepted, accepted
    moved = np.take_along_axis(moves, replicas.levels, axis=1)
    replicas.levels[moved] = others[moved]
    note_ends(replicas)


def exchange_by_sweeps(ladder: Ladder, replicas: Replicas, n_sweeps: int, random: Random) -> None:
    """Sweep and swap, ``n_sweeps`` times, by the ladder's own methods."""
    for _ in range(n_sweeps):
        replicas.states = ladder.sweep(replicas.states, replicas.levels.ravel(), random, replicas.step)
        swap_neighbours(ladder, replicas, random)
        replicas.step += 1


def check_betas(betas: Any, *, base: bool = False) -> np.ndarray:
    """Return betas as float64 when they rise to 1, with ``base`` from 0; ValueError when they do not."""
    found = np.array(betas, np.float64)
    rises = found.ndim == 1 and found.size >= 2 and found[0] >= 0 and found[-1] == 1 and (np.diff(found) > 0).all()
    if not rises or (base and found[0] != 0):
        raise ValueError(f"betas must be at least 2 that rise {'from 0 ' if base else ''}to 1, got {betas!r}")
    return found


@dataclass(frozen=True, eq=False)
class BetaLadder:
    """Levels that are inverse temperatures of one family.

    Parameters
    ----------
    family : Tempered
    betas : array of shape (n_levels,)
        Rising, not below 0, the last is 1; the first is best 0, where a sweep makes independent states.

    Raises
    ------
    ValueError
        When the betas do not rise to 1, or are fewer than 2.
    """

    family: Tempered
    betas: np.ndarray

    def __post_init__(self) -> None:
        """Check the betas."""
        object.__setattr__(self, "betas", check_betas(self.betas))

    @property
    def n_levels(self) -> int:
        """Temperatures."""
        return self.betas.size

    def start(self, n_ladders: int, random: Random) -> Any:
        """Draw all replicas from the base."""
        return self.family.start(n_ladders * self.n_levels, random)

    def sweep(self, states: Any, levels: np.ndarray, random: Random, step: int) -> Any:
        """Move each replica at its temperature."""
        return self.family.sweep(states, self.betas[levels], random, step)

    def log_ratios(self, states: Any, levels: np.ndarray, others: np.ndarray) -> np.ndarray:
        """-(beta_other - beta_level) U."""
        return (self.betas[levels] - self.betas[others]) * self.family.potential(states)

    def advance(self, replicas: Replicas, n_sweeps: int, random: Random) -> None:
        """Do what ``exchange_by_sweeps`` does; a family may have ``exchange``, a faster way for it."""
        fused = getattr(self.family, "exchange", None)
        if fused is None:
            exchange_by_sweeps(self, replicas, n_sweeps, random)
        else:
            fused(self.betas, replicas, n_sweeps, random)

    def respaced(self, acceptance: np.ndarray) -> BetaLadder:
        """Return a ladder of as many betas between which rejections are even, judged by ``acceptance`` of the pairs.

        The rate of rejection between two close betas is the integral of a density between them, so the sums of rates
        up to each beta are points of one rising curve; the new betas cut it into equal parts (Syed, Bouchard-Cote,
        Deligiannidis & Doucet 2022, doi:10.1111/rssb.12464, section on tuning the schedule).
        """
        rejection = np.maximum(1.0 - np.asarray(acceptance, np.float64), LEAST_REJECTION)
        barrier = np.concatenate([[0.0], np.cumsum(rejection)])
        inner = PchipInterpolator(barrier, self.betas)(np.linspace(0.0, barrier[-1], self.n_levels)[1:-1])
        return BetaLadder(self.family, np.concatenate([self.betas[:1], inner, [1.0]]))
