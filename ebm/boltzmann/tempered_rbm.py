"""A restricted Boltzmann machine at many temperatures at once: whole states, each row at its own beta.

::

    p_beta(v, h) proportional to exp(-(1 - beta) E_0(v, h) - beta E(v, h)),   E_0(v, h) = -b0 . v

Rows of ``states`` hold v and h side by side. Given h the visible units have natural inputs beta (b + W h) + (1 - beta)
b0, given v the hidden ones beta (c + v W). The potential that tells neighbours apart is U = E - E_0 = -(b - b0) . v -
h . (c + v W); a measure that belongs to a unit type itself is in both energies, and not in U.

Sources: Desjardins, Courville, Bengio, Vincent & Delalleau 2010, "Parallel tempering for training of restricted
Boltzmann machines" (AISTATS); the base after Salakhutdinov & Murray 2008 (doi:10.1145/1390156.1390266), eqs. 13 to 18.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.boltzmann.annealing import RBMPath
from ebm.boltzmann.rbm import RBM
from ebm.device import beside, to_host
from ebm.kernels.linear import padded
from ebm.kernels.processor import plain
from ebm.kernels.tempered import tempered_bernoulli
from ebm.kernels.tempering import Parameters, Swaps, exchange
from ebm.random import Stream
from ebm.sampling.ladder import BetaLadder, Replicas, exchange_by_sweeps
from ebm.sampling.tempered import COLDEST

if TYPE_CHECKING:
    from ebm.boltzmann.units import Unit
    from ebm.random import Draw, Random


@dataclass(frozen=True, eq=False)
class TemperedRBM:
    """A family from independent units to an RBM; satisfies ``ebm.sampling.tempered.Tempered``.

    Parameters
    ----------
    model : RBM
        beta = 1, of any unit types, on the CPU or the GPU.
    base_visible_bias : array of shape (n_visible,)
        b0, beta = 0; the inputs of the data's means are a good choice. Of the model's dtype and device.

    Raises
    ------
    ValueError
        When the base's shape or dtype does not fit.
    """

    model: RBM
    base_visible_bias: Any

    def __post_init__(self) -> None:
        """Check that the base fits."""
        given, wanted = self.base_visible_bias, self.model.visible_bias
        if given.shape != wanted.shape or given.dtype != wanted.dtype:
            raise ValueError(f"base_visible_bias must be {wanted.dtype}{wanted.shape}, got {given.dtype}{given.shape}")

    @property
    def log_base(self) -> float:
        """Log Z_0, in float64."""
        return RBMPath(self.model, self.base_visible_bias).log_base

    @property
    def is_bounded(self) -> bool:
        """Whether no unit's values go to infinity, so that there are states of least potential."""
        return bool(np.isfinite([*self.model.visible.domain, *self.model.hidden.domain]).all())

    @cached_property
    def _no_input(self) -> Any:
        return np.zeros_like(self.model.hidden_bias)

    def start(self, n_chains: int, random: Random, *, step: int = 0) -> Any:
        """Draw states from the base, shape (n_chains, n_visible + n_hidden)."""
        v = RBMPath(self.model, self.base_visible_bias).start(n_chains, random, step=step)
        rows = np.zeros_like(self._no_input, shape=(n_chains, self.model.n_hidden))
        return self.joined(v, self.model.hidden.sample(rows, random.at(Stream.BASE_HIDDEN, step)))

    def joined(self, v: Any, h: Any) -> Any:
        """Lay v and h side by side."""
        states = np.empty_like(v, shape=(v.shape[0], self.model.n_visible + self.model.n_hidden))
        states[:, : self.model.n_visible], states[:, self.model.n_visible :] = v, h
        return states

    def visible(self, states: Any) -> Any:
        """Return v of whole states."""
        return states[:, : self.model.n_visible]

    def hidden(self, states: Any) -> Any:
        """Return h of whole states."""
        return states[:, self.model.n_visible :]

    def sweep(self, states: Any, betas: np.ndarray, random: Random, step: int, first_chain: int = 0) -> Any:
        """Draw v ~ p_beta(v | h), then h ~ p_beta(h | v), row r at ``betas[r]``."""
        at = beside(np.minimum(betas, COLDEST).astype(self.model.dtype), states)
        v = self._draw_visible(self.hidden(states), at, random, step, first_chain)
        return self.joined(v, self._draw_hidden(v, at, random, step, first_chain))

    def reversed_sweep(self, states: Any, betas: np.ndarray, random: Random, step: int, first_chain: int = 0) -> Any:
        """Draw h, then v: the reversal of ``sweep`` under p_beta, which tempered transitions need on their way down."""
        at = beside(np.minimum(betas, COLDEST).astype(self.model.dtype), states)
        h = self._draw_hidden(self.visible(states), at, random, step, first_chain)
        return self.joined(self._draw_visible(h, at, random, step, first_chain), h)

    def _draw_visible(self, h: Any, betas: Any, random: Random, step: int, first_chain: int) -> Any:
        draw = random.at(Stream.TEMPERED_VISIBLE, step, first_chain)
        return _sample(self.model.visible, self.model.visible_inputs(h), self.base_visible_bias, betas, draw)

    def _draw_hidden(self, v: Any, betas: Any, random: Random, step: int, first_chain: int) -> Any:
        draw = random.at(Stream.TEMPERED_HIDDEN, step, first_chain)
        return _sample(self.model.hidden, self.model.hidden_inputs(v), self._no_input, betas, draw)

    def potential(self, states: Any) -> np.ndarray:
        """U = -(b - b0) . v - h . (c + v W), shape (n_chains,), float64."""
        v, h, model = self.visible(states), self.hidden(states), self.model
        inputs = model.hidden_inputs(v).astype(np.float64)
        return to_host(-(v.astype(np.float64) @ self._lift) - (h * inputs).sum(axis=1))

    def exchange(self, betas: np.ndarray, replicas: Replicas, n_sweeps: int, random: Random) -> None:
        """Parallel tempering, fused where the units are binary and on the CPU, else by sweeps."""
        model = self.model
        if model.hidden_inputs.on_gpu or (model.visible.name, model.hidden.name) != ("bernoulli", "bernoulli"):
            exchange_by_sweeps(BetaLadder(self, betas), replicas, n_sweeps, random)
            return
        swaps = Swaps(
            replicas.levels, replicas.attempts, replicas.accepted, replicas.chances, replicas.ends, replicas.trips
        )
        streams = Stream.TEMPERED_VISIBLE, Stream.TEMPERED_HIDDEN, Stream.SWAP
        v, h = exchange(
            self._parameters(betas), self.hidden(replicas.states), swaps, n_sweeps,
            step=replicas.step, streams=streams, seed=random.seed,
        )  # fmt: skip
        replicas.states, replicas.step = self.joined(v, h), replicas.step + n_sweeps
        if np.isnan(replicas.chances).any():
            raise ValueError("energies of the model are not finite: its parameters are extreme")

    def _parameters(self, betas: np.ndarray) -> Parameters:
        model = self.model
        up, down = model.hidden_inputs.panels, model.visible_inputs.panels
        biases = padded(model.visible_bias, down), padded(model.hidden_bias, up)
        return Parameters(up, down, *biases, plain(self.base_visible_bias), self._lift, betas)

    @cached_property
    def _lift(self) -> Any:
        """b - b0 in float64."""
        return self.model.visible_bias.astype(np.float64) - self.base_visible_bias.astype(np.float64)


def _sample(unit: Unit, inputs: Any, base: Any, betas: Any, draw: Draw) -> Any:
    """Draw a layer from beta inputs + (1 - beta) base, each row at its own beta."""
    if unit.name == "bernoulli":
        return tempered_bernoulli(inputs, base, betas, draw)
    column = betas[:, None]
    return unit.sample(column * inputs + (1 - column) * base, draw)
