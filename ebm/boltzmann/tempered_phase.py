"""The model's side of a gradient by parallel tempering: persistent chains that change places with hotter ones.

A chain of the model stays in its mode; replicas at smaller inverse temperatures, down to independent units, bring
others. Learning moves the parameters a little at every update and the replicas stay, as persistent chains do.

Source: Desjardins, Courville, Bengio, Vincent & Delalleau 2010, "Parallel tempering for training of restricted
Boltzmann machines" (AISTATS); Cho, Raiko & Ilin 2010, "Parallel tempering is efficient for learning restricted
Boltzmann machines" (IJCNN).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ebm.boltzmann.exact import has_precision, statistics
from ebm.boltzmann.phases import to_cpu
from ebm.boltzmann.rbm import RBM
from ebm.boltzmann.tempered_rbm import TemperedRBM
from ebm.device import beside
from ebm.random import Random
from ebm.sampling.ladder import BetaLadder, Replicas
from ebm.sampling.parallel_tempering import ParallelTempering

KEPT = ("levels", "attempts", "accepted", "chances", "ends", "trips")  # of the replicas, beside states and step


class TemperedPhase:
    """Ladders of replicas, swept and swapped ``n_gibbs`` times an update; the means are over their tops.

    Parameters
    ----------
    n_gibbs : int
        Sweeps of every replica an update.
    random : Random
    model : RBM
        As learning begins, where the replicas shall stand. The base at beta = 0 keeps its visible biases, or where
        there are precisions what they stand for: biases over precisions, which learning moves.
    n_ladders, n_temperatures : int
        Chains that count, and replicas of each, at betas evenly from 0 to 1.
    """

    def __init__(self, n_gibbs: int, random: Random, model: RBM, n_ladders: int, n_temperatures: int) -> None:
        self.n_gibbs, self.betas = n_gibbs, np.linspace(0.0, 1.0, n_temperatures)
        self.base = model.visible_bias / _precision(model)
        self.tempering = ParallelTempering(self._ladder(model), n_ladders, random)

    def _ladder(self, model: RBM) -> BetaLadder:
        return BetaLadder(TemperedRBM(model, self.base * _precision(model)), self.betas)

    def measure(self, model: RBM, v: Any) -> dict[str, Any]:
        """Sweep and swap under the model as it stands, and return means over the tops of the ladders."""
        ladder = self._ladder(model)
        self.tempering.ladder = ladder
        v = ladder.family.visible(self.tempering.run(self.n_gibbs))  # type: ignore[attr-defined]
        v = np.ascontiguousarray(v) if isinstance(v, np.ndarray) else v.copy()
        return statistics(model, v, np.full_like(v, 1 / v.shape[0], shape=v.shape[:1]))

    @property
    def chains(self) -> Any:
        """Hidden states at the tops, shape (n_ladders, n_hidden)."""
        return self.tempering.ladder.family.hidden(self.tempering.states)  # type: ignore[attr-defined]

    def learn(self, gradient: Mapping[str, Any]) -> None:
        """Learn nothing: replicas have the model's parameters."""

    def state(self) -> dict[str, np.ndarray]:
        """Copy the base, replicas, places and counters."""
        kept = self.tempering.replicas.arrays()
        places = {f"swap_{name}": kept[name] for name in KEPT}
        states = {"replicas": to_cpu(kept["states"]), "chains": to_cpu(self.chains), "base": to_cpu(self.base)}
        return {**places, **states, "sweeps_done": np.array([kept["step"]], np.int64)}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Put back what ``state`` gave."""
        now = self.tempering.replicas.states
        kept = {name: state[f"swap_{name}"].copy() for name in KEPT}
        states = beside(state["replicas"].astype(now.dtype), now)
        self.base = beside(state["base"], self.base)
        self.tempering.replicas = Replicas(states=states, **kept, step=int(state["sweeps_done"][0]))


def _precision(model: RBM) -> Any:
    """Return the visible units' precisions, ones where there are none."""
    if has_precision(model):
        return model.visible.parameter(model.visible_bias[None])  # type: ignore[attr-defined]
    return np.ones_like(model.visible_bias)
