"""A ladder of models, such as the checkpoints of one training: trajectory parallel tempering.

Level k is the model of an earlier time of learning than level k + 1. A phase transition met while learning is crossed
along the trajectory step by step, where lowering beta would meet a discontinuous one. States are visible ones; replicas
of levels k and k + 1 change places by the free energies of both models at both states,

::

    log f_k(v) = -F_k(v),

so hidden units are drawn within a sweep only, and each model may have its own number of them.

Source: Bereux, Decelle, Furtlehner, Rosset & Seoane 2024, "Fast training and sampling of restricted Boltzmann machines"
(arXiv:2405.15376), section on parallel trajectory tempering.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ebm.device import beside, to_host
from ebm.random import Random, Stream
from ebm.sampling.parallel_tempering import ParallelTempering

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
        kinds = {(*m.visible_bias.shape, str(m.visible_bias.dtype), _kind(m.visible)) for m in self.models}
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
            rows = beside(np.flatnonzero(levels == level), states)
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
                found = model.free_energy(states[beside(rows, states)]).astype(np.float64)
                energies = to_host(found)
                out[rows] += np.where(levels[rows] == level, energies, -energies)
        return out


def acceptance_between(tempering: ParallelTempering, n_draws: int) -> np.ndarray:
    """Estimate the mean probability with which any two levels would change places, neighbours or not.

    Parameters
    ----------
    tempering : ParallelTempering
        On any ladder; it goes on by ``n_draws`` sweeps.
    n_draws : int
        At least 1.

    Returns
    -------
    ndarray of shape (n_levels, n_levels), float64
        Symmetric, ones on the diagonal.
    """
    levels, n_ladders = np.arange(tempering.ladder.n_levels), tempering.replicas.levels.shape[0]
    total = np.zeros((levels.size, levels.size))
    for _ in range(n_draws):
        tempering.run(1)
        ratios = np.zeros((levels.size, levels.size, n_ladders))  # log f_j - log f_i of the states at level i
        for i in levels:
            states = tempering.states_at(int(i))
            for j in levels[levels != i]:
                ratios[i, j] = tempering.ladder.log_ratios(states, np.full(n_ladders, i), np.full(n_ladders, j))
        total += np.exp(np.minimum(ratios + ratios.transpose(1, 0, 2), 0.0)).mean(axis=2)
    return total / n_draws


def thinned(
    models: Sequence[VisibleModel], random: Random, *, least: float = 0.25, n_ladders: int = 20, burn_in: int = 200,
    n_draws: int = 20,
) -> list[VisibleModel]:  # fmt: skip
    """Choose few of many checkpoints, so that neighbours still change places often enough.

    Parallel tempering over all of them tells how often any two would; then each step down from the last model goes as
    far as its rate allows. The first and the last stay.

    Parameters
    ----------
    models : sequence of models
        As of :class:`ModelLadder`, as many as you like.
    random : Random
    least : float
        Mean probability of acceptance between neighbours, in (0, 1). Where two neighbours had less before, both stay.
    n_ladders, burn_in, n_draws : int
        Effort.

    Returns
    -------
    list of models

    Raises
    ------
    ValueError
        When ``least`` is not within (0, 1), or a number of sweeps is below 1.
    """
    if not 0 < least < 1 or min(burn_in, n_draws) < 1:
        raise ValueError(f"least must lie in (0, 1) and sweeps be at least 1, got {least}, {burn_in} and {n_draws}")
    tempering = ParallelTempering(ModelLadder(models), n_ladders, random)
    tempering.run(burn_in)
    enough = acceptance_between(tempering, n_draws) >= least
    chosen = [len(models) - 1]
    while chosen[-1] > 0:
        below = np.flatnonzero(enough[chosen[-1], : chosen[-1]])
        chosen.append(int(below[0]) if below.size else chosen[-1] - 1)
    return [models[i] for i in reversed(chosen)]


def _kind(unit: Any) -> tuple[Any, ...]:
    """Name a unit type with its number of states and columns."""
    levels = getattr(unit, "levels", None)
    return (unit.name,) if levels is None else (unit.name, *levels.shape)
