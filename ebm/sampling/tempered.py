"""A family of distributions from an easy base to a model: what tempering and annealing ask for.

    p_beta(x) proportional to f_beta(x) = exp(-(1 - beta) E_0(x) - beta E(x)),   0 <= beta <= 1

so log f_beta(x) = -E_0(x) - beta U(x) with the potential U = E - E_0. At beta = 0 stands the base, which is sampled
exactly and whose Z_0 is known; at beta = 1 the model. States are rows of one array: a model of several layers
lays them side by side, so that whole states can be exchanged between temperatures.

The same formula holds beyond beta = 1, where simulated annealing goes: f_beta = exp(-E_0 - beta U), so all probability
goes to the states of least U as beta grows. These are the states of least E where the base has no energy (E_0 = 0).
Betas beyond ``COLDEST`` are that, and a family whose states are not bounded says so (``is_bounded``, else taken for
true): its potential need not have a minimum. Importance sampling and tempering stay within 0 and 1.

Source: Neal 2001 (doi:10.1023/A:1008923215028), section 2, eq. 3 (geometric bridges); Swendsen & Wang 1986
(doi:10.1103/PhysRevLett.57.2607) for replicas at several temperatures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from ebm.random import Random

# Stands for every larger beta, infinity included. Finite, so that beta x is 0 where x is, and a unit without an input
# still tosses a fair coin; so large that any other input of float32 decides; so small that float32 holds beta x.
COLDEST = 1e30


class Tempered(Protocol):
    """What tempering and annealing ask of a family; rows of ``states`` are chains."""

    @property
    def log_base(self) -> float:
        """Log Z_0, in nats."""
        ...

    def start(self, n_chains: int, random: Random, *, step: int = 0) -> Any:
        """Draw exact states of the base, shape (n_chains, n_units), at ``step`` of its streams."""
        ...

    def sweep(self, states: Any, betas: np.ndarray, random: Random, step: int, first_chain: int = 0) -> Any:
        """Return new states, row r by a transition that leaves p_beta with beta = ``betas[r]`` as it is.

        ``betas`` has shape (n_chains,), float64; ``states`` are left as they are. Chain r draws at row
        ``first_chain + r`` of the random streams, at ``step``: no two sweeps of a run may share a step.
        """
        ...

    def potential(self, states: Any) -> np.ndarray:
        """U(x) = E(x) - E_0(x) of every row, shape (n_chains,), float64."""
        ...


@dataclass(frozen=True)
class TemperedPath:
    """A tempered family as a path of annealed importance sampling (``ebm.sampling.annealing.Path``)."""

    family: Tempered

    @property
    def log_base(self) -> float:
        """Log Z_0."""
        return self.family.log_base

    def start(self, n_chains: int, random: Random, *, step: int = 0) -> Any:
        """Draw states from the base."""
        return self.family.start(n_chains, random, step=step)

    def move(self, states: Any, old: float, new: float, random: Random, step: int) -> tuple[Any, np.ndarray]:
        """Return states after a sweep at beta = new, and log(f_new / f_old) = -(new - old) U at the old ones."""
        log_ratio = self.log_ratio(states, old, new)
        betas = np.full(states.shape[0], new, np.float64)
        return self.family.sweep(states, betas, random, step), log_ratio

    def log_ratio(self, states: Any, old: float, new: float) -> np.ndarray:
        """Return log(f_new / f_old) = -(new - old) U of every row."""
        return -(new - old) * self.family.potential(states)
