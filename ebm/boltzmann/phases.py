"""The model's side of a gradient: <v h>, <v>, <h> under the model, exact or from chains.

Each phase is told to ``measure`` the model as it stands, gives expectations as ``ebm.boltzmann.exact.statistics`` does,
and carries its chains from update to update.

Source: contrastive divergence after Hinton 2002 (doi:10.1162/089976602760128018), section 4; persistent chains after
Tieleman 2008 (doi:10.1145/1390156.1390290); fast weights after Tieleman & Hinton 2009 (doi:10.1145/1553374.1553506),
section 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from ebm.boltzmann.exact import NAMES, exact_statistics, statistics
from ebm.boltzmann.rbm import RBM
from ebm.device import beside, to_host
from ebm.random import Random, Stream
from ebm.sampling.gibbs import gibbs

FAST_DECAY = 0.95  # of the fast weights, an update


class Phase(Protocol):
    """What a learner asks of the model's side."""

    def measure(self, model: RBM, v: Any) -> dict[str, Any]:
        """Return expectations under the model; ``v`` is the batch, where chains start from the data."""
        ...

    def learn(self, gradient: Mapping[str, Any]) -> None:
        """Hear of the centred gradient in the natural parameters, without decay, of the step that was made."""
        ...

    def state(self) -> dict[str, np.ndarray]:
        """Copy all that exact resumption needs."""
        ...

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Put back what ``state`` gave."""
        ...


class ExactPhase:
    """Expectations by enumeration."""

    def measure(self, model: RBM, v: Any) -> dict[str, Any]:
        """Return the exact expectations in the model's dtype."""
        return {name: part.astype(model.dtype) for name, part in exact_statistics(model).items()}

    def learn(self, gradient: Mapping[str, Any]) -> None:
        """Learn nothing: there are no chains."""

    def state(self) -> dict[str, np.ndarray]:
        """Return nothing: there are no chains."""
        return {}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Put back nothing."""


class ContrastivePhase(ExactPhase):
    """CD-k: chains start from the data at every update and run k sweeps."""

    def __init__(self, n_gibbs: int, random: Random) -> None:
        self.n_gibbs, self.random, self.sweeps_done = n_gibbs, random, 0

    def measure(self, model: RBM, v: Any) -> dict[str, Any]:
        """Run the chains and return means over their last states."""
        return _means(model, self._move(model, self._first(model, v)))

    def _first(self, model: RBM, v: Any) -> Any:
        return model.sample_hidden(v, self.random.at(Stream.START, self.sweeps_done))

    def _move(self, model: RBM, h: Any) -> tuple[Any, Any]:
        states = gibbs(model, h, self.n_gibbs, self.random, first_step=self.sweeps_done)
        self.sweeps_done += self.n_gibbs
        return states

    def state(self) -> dict[str, np.ndarray]:
        """Return the sweeps done: where the random numbers stand."""
        return {"sweeps_done": np.array([self.sweeps_done], np.int64)}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Put back the sweeps done."""
        self.sweeps_done = int(state["sweeps_done"][0])


class PersistentPhase(ContrastivePhase):
    """PCD-k: chains go on from where they were, k sweeps an update.

    Parameters
    ----------
    n_gibbs : int
    random : Random
    chains : array of shape (n_chains, n_hidden)
        Hidden states to start from.
    """

    def __init__(self, n_gibbs: int, random: Random, chains: Any) -> None:
        super().__init__(n_gibbs, random)
        self.chains = chains

    def measure(self, model: RBM, v: Any) -> dict[str, Any]:
        """Move the chains and return means over their states."""
        v, self.chains = self._move(model, self.chains)
        return _means(model, (v, self.chains))

    def state(self) -> dict[str, np.ndarray]:
        """Copy the chains, and where the random numbers stand."""
        return {**super().state(), "chains": to_cpu(self.chains)}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Put back the chains and the sweeps done."""
        super().restore(state)
        self.chains = beside(state["chains"].astype(self.chains.dtype), self.chains)


class FastPhase(PersistentPhase):
    """Fast PCD: chains run under the parameters plus fast ones, which decay, and learn at a rate that does not fall.

    The fast parameters raise the energy where the chains just were, so that they leave it soon.

    Parameters
    ----------
    n_gibbs, random, chains
        As of :class:`PersistentPhase`.
    fast : dict
        Zeros of the shapes of the weights and biases, where the chains stand.
    rate : float
        Of the fast parameters.
    """

    def __init__(self, n_gibbs: int, random: Random, chains: Any, fast: dict[str, Any], rate: float) -> None:
        super().__init__(n_gibbs, random, chains)
        self.fast, self.rate = fast, rate

    def measure(self, model: RBM, v: Any) -> dict[str, Any]:
        """Move the chains under the fast parameters; the hidden means are those of the model itself."""
        moving = replace(model, **{name: getattr(model, name) + self.fast[name] for name in NAMES})
        v, self.chains = self._move(moving, self.chains)
        return _means(model, (v, self.chains))

    def learn(self, gradient: Mapping[str, Any]) -> None:
        """fast = 0.95 fast + rate gradient."""
        kind = self.chains.dtype.type
        for name, part in self.fast.items():
            part *= kind(FAST_DECAY)
            part += kind(self.rate) * gradient[name]

    def state(self) -> dict[str, np.ndarray]:
        """Copy the chains and the fast parameters."""
        return {**super().state(), **{f"fast_{name}": to_cpu(part) for name, part in self.fast.items()}}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Put back the chains and the fast parameters."""
        super().restore(state)
        self.fast = {name: beside(state[f"fast_{name}"], part) for name, part in self.fast.items()}


def _means(model: RBM, states: tuple[Any, Any]) -> dict[str, Any]:
    v, _ = states
    return statistics(model, v, np.full_like(v, 1 / v.shape[0], shape=v.shape[:1]))


def to_cpu(array: Any) -> np.ndarray:
    """Copy an array to the CPU."""
    return np.array(to_host(array))
