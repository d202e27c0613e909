"""Tempered transitions: a way through hot distributions and back that is accepted or rejected as a whole.

From x at beta_n = 1, sweeps at beta_{n-1}, ..., beta_0 lead up to the base and sweeps at beta_0, ..., beta_{n-1} down
again; with U the potential and every difference taken where the chain stands,

::

    log a = sum_up (beta_{k+1} - beta_k) U(x before the sweep at beta_k)
          - sum_down (beta_{k+1} - beta_k) U(x after the sweep at beta_k),

and the last state takes the first one's place with probability min(1, a). Sweeps down must be the reversals of those
up, p_beta(x) T(x, x') = p_beta(x') T~(x', x): layers or sites in the opposite order.

Source: Neal 1996, "Sampling from multimodal distributions using tempered transitions" (doi:10.1007/BF00143556),
section 2.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from ebm.device import beside
from ebm.random import Random, Stream
from ebm.sampling.ladder import check_betas
from ebm.sampling.tempered import Tempered


class Reversible(Tempered, Protocol):
    """A tempered family that also knows its sweeps' reversals."""

    def reversed_sweep(self, states: Any, betas: np.ndarray, random: Random, step: int, first_chain: int = 0) -> Any:
        """Return new states by the reversal of ``sweep`` under p_beta; parameters as there."""
        ...


class TemperedTransitions:
    """Chains of the model, each move of which is a sweep at beta = 1 and a tempered transition.

    Parameters
    ----------
    family : Reversible
    betas : array of shape (n_levels,)
        Rising, not below 0, the last is 1. Log acceptance varies with the spread of U along the way, so many levels
        are needed; one transition is 2 (n_levels - 1) sweeps.
    n_chains : int
        Independent chains, at least 1.
    random : Random
    states : array of shape (n_chains, n_units), optional
        To start from; by default states of the base.

    Attributes
    ----------
    states : array
        Where the chains stand; with ``step`` all that a run needs to go on.
    accepted, attempts : int
        Transitions of all chains.
    step : int
        Number of the next sweep.

    Raises
    ------
    TypeError
        When the family has no ``reversed_sweep``.
    ValueError
        When another parameter is not as described.
    """

    def __init__(
        self, family: Reversible, betas: Any, n_chains: int, random: Random, *, states: Any = None
    ) -> None:  # fmt: skip
        if not hasattr(family, "reversed_sweep"):
            raise TypeError(
                f"{type(family).__name__} has no reversed_sweep: the way down must undo the order of the way up"
            )
        if n_chains < 1:
            raise ValueError(f"n_chains must be at least 1, got {n_chains}")
        self.family, self.betas, self.random = family, check_betas(betas), random
        self.states = family.start(n_chains, random) if states is None else states
        if self.states.shape[0] != n_chains:
            raise ValueError(f"states must have n_chains = {n_chains} rows, got shape {self.states.shape}")
        self.accepted = self.attempts = self.step = 0

    @property
    def acceptance_rate(self) -> float:
        """Share of transitions that were accepted; NaN before the first."""
        return self.accepted / self.attempts if self.attempts else float("nan")

    def sweeps(self, n_draws: int) -> Iterator[Any]:
        """Yield the states after each move, shape (n_chains, n_units)."""
        for _ in range(n_draws):
            yield self.run(1)

    def run(self, n_moves: int) -> Any:
        """Do ``n_moves`` (at least 1) moves and return the states."""
        if n_moves < 1:
            raise ValueError(f"n_moves must be at least 1, got {n_moves}")
        for _ in range(n_moves):
            self.states = self._swept(self.states, 1.0)
            self._transition()
        return self.states

    def _swept(self, x: Any, beta: float, back: bool = False) -> Any:
        move = self.family.reversed_sweep if back else self.family.sweep
        x = move(x, np.full(x.shape[0], beta), self.random, self.step)
        self.step += 1
        return x

    def _transition(self) -> None:
        proposed, log_a = self._proposal(self.states)
        if np.isnan(log_a).any():
            raise ValueError(f"the family's potential is NaN at step {self.step}")
        u = self.random.uniform((len(log_a), 1), Stream.TRANSITION, self.step, np.float64)[:, 0]
        rows = beside(np.flatnonzero(np.log(u) < log_a), proposed)
        states = self.states.copy()
        states[rows] = proposed[rows]
        self.states = states
        self.accepted, self.attempts = self.accepted + rows.size, self.attempts + log_a.size

    def _proposal(self, x: Any) -> tuple[Any, np.ndarray]:
        """Go up and down; return the last states and log a."""
        log_a = np.zeros(x.shape[0])
        gaps = np.diff(self.betas)
        for k in range(gaps.size - 1, -1, -1):
            log_a += gaps[k] * self.family.potential(x)
            x = self._swept(x, self.betas[k])
        for k in range(gaps.size):
            x = self._swept(x, self.betas[k], back=True)
            log_a -= gaps[k] * self.family.potential(x)
        return x, log_a
