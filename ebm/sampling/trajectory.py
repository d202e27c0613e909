"""A ladder of models, such as the checkpoints of one training: trajectory parallel tempering.

Level k is the model of an earlier time of learning than level k + 1. A phase transition met while learning is crossed
along the trajectory step by step, where lowering beta would meet a discontinuous one. States are visible ones; replicas
of levels k and k + 1 change places by the free energies of both models at both states,

    log f_k(v) = -F_k(v),

so hidden units are drawn within a sweep only, and each model may have its own number of them.

Source: Decelle, Furtlehner, Navas Gomez & Seoane 2024, "Fast and accurate sampling in restricted Boltzmann machines:
trajectory parallel tempering" (arXiv:2405.15376), section on the algorithm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ebm.random import Random, Stream

if TYPE_CHECKING:
    from ebm.random import Draw


class VisibleModel(Protocol):
    """What a ladder of models asks of each; an RBM has all of it."""

    @property
    def visible_bias(self) -> Any:
        """Its length is the number of visible units."""
        ...

    @property
    def visible(self) -> Any:
        """The visible units' type, which draws the first states."""
        ...

    def sample_hidden(self, v: Any, draw: Draw) -> Any:
        """Draw h from p(h | v)."""
        ...

    def sample_visible(self, h: Any, draw: Draw) -> Any:
        """Draw v from p(v | h)."""
        ...

    def free_energy(self, v: Any) -> Any:
        """F(v), shape (n_rows,)."""
        ...


@dataclass(frozen=True, eq=False)
class ModelLadder:
    """Levels that are models of the same visible units; satisfies ``ebm.sampling.ladder.Ladder``.

    Parameters
    ----------
    models : sequence of models
        From the easiest to sample, such as an early checkpoint, to the one whose samples are wanted.

    Raises
    ------
    ValueError
        When there are fewer than two models, or their visible units or dtypes are not the same.
    """

    models: Sequence[VisibleModel]

    def __post_init__(self) -> None:
        """Check that the models fit each other."""
        object.__setattr__(self, "models", tuple(self.models))
        if len(self.models) < 2:
            raise ValueError(f"models must be at least 2, got {len(self.models)}")
        kinds = {(*m.visible_bias.shape, str(m.visible_bias.dtype), m.visible.name) for m in self.models}
        if len(kinds) != 1:
            raise ValueError(f"models must share their visible units and dtype, got {sorted(kinds)}")

    @property
    def n_levels(self) -> int:
        """Models."""
        return len(self.models)

    def start(self, n_ladders: int, random: Random) -> Any:
        """Draw all replicas from independent units with the first model's visible biases."""
        first = self.models[0]
        rows = np.zeros_like(first.visible_bias, shape=(n_ladders * self.n_levels, first.visible_bias.size))
        return first.visible.sample(rows + first.visible_bias, random.at(Stream.BASE))

    def sweep(self, states: Any, levels: np.ndarray, random: Random, step: int) -> Any:
        """Draw h ~ p(h | v), then v ~ p(v | h), each replica by its level's model.

        Rows are drawn in the order of their levels, so that those of one model stand together.
        """
        out, first = np.empty_like(states), 0
        for level, model in enumerate(self.models):
            rows = np.flatnonzero(levels == level)
            if rows.size:
                h = model.sample_hidden(states[rows], random.at(Stream.TEMPERED_HIDDEN, step, first))
                out[rows] = model.sample_visible(h, random.at(Stream.TEMPERED_VISIBLE, step, first))
            first += rows.size
        return out

    def log_ratios(self, states: Any, levels: np.ndarray, others: np.ndarray) -> np.ndarray:
        """F_level(v) - F_other(v)."""
        out = np.zeros(levels.size)
        for level, model in enumerate(self.models):
            rows = np.flatnonzero((levels == level) ^ (others == level))
            if rows.size:
                found = model.free_energy(states[rows]).astype(np.float64)
                energies = found.get() if hasattr(found, "get") else np.asarray(found)
                out[rows] += np.where(levels[rows] == level, energies, -energies)
        return out
