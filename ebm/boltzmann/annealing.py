"""The path from a base model to an RBM along which annealed importance sampling goes.

    p_beta(v, h) proportional to exp(-(1 - beta) E_0(v, h) - beta E(v, h)),   E_0(v, h) = -b0 . v

with the hidden layer summed out, f_beta(v) = exp(((1 - beta) b0 + beta b) . v) sum_h exp(beta h . (c + v
W)). The base has no weights and no hidden biases, so log Z_0 = log sum_v e^{b0 . v} + log sum_h 1, which is
sum_i log(1 + e^{b0_i}) + n_hidden log 2 for binary units. One product c + v W serves a temperature: it
weighs the chains at both betas, and h is drawn from beta times it.

Source: Salakhutdinov & Murray 2008 (doi:10.1145/1390156.1390266), eqs. 13 to 18, here with the base's
hidden biases zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.boltzmann.rbm import RBM
from ebm.kernels import annealing
from ebm.kernels.linear import padded
from ebm.random import Stream
from ebm.sampling.annealing import anneal_by_moves

if TYPE_CHECKING:
    from ebm.random import Random


@dataclass(frozen=True)
class RBMPath:
    """A path from independent units to an RBM; satisfies ``ebm.sampling.annealing.Path``.

    Parameters
    ----------
    model : RBM
        beta = 1, on the CPU or the GPU.
    base_visible_bias : array of shape (n_visible,)
        b0, beta = 0; the log-odds of the data's means are a good choice.

    Raises
    ------
    ValueError
        When the base's shape does not fit.
    """

    model: RBM
    base_visible_bias: Any

    def __post_init__(self) -> None:
        """Check that the base fits."""
        if self.base_visible_bias.shape != self.model.visible_bias.shape:
            raise ValueError(
                f"base_visible_bias must have shape {self.model.visible_bias.shape}, got {self.base_visible_bias.shape}"
            )

    @cached_property
    def log_base(self) -> float:
        """Log Z_0, in float64."""
        b0 = self.base_visible_bias[None].astype(np.float64)
        no_input = np.zeros_like(self.model.hidden_bias[None], dtype=np.float64)
        return float(self.model.visible.cumulant(b0)[0]) + float(self.model.hidden.cumulant(no_input)[0])

    def start(self, n_chains: int, random: Random, *, step: int = 0) -> Any:
        """Draw visible states, shape (n_chains, n_visible), from the base."""
        b0 = self.base_visible_bias
        inputs = np.zeros_like(b0, shape=(n_chains, b0.size)) + b0
        return self.model.visible.sample(inputs, random.at(Stream.BASE, step))

    def anneal(self, v: Any, betas: np.ndarray, random: Random, first_step: int) -> tuple[Any, np.ndarray]:
        """Move along betas and return v and the sum of the log ratios (float64): ``move`` after ``move``, but fused."""
        model = self.model
        if model.hidden_inputs.on_gpu or (model.visible.name, model.hidden.name) != ("bernoulli", "bernoulli"):
            return anneal_by_moves(self, v, betas, random, first_step)
        panels = model.hidden_inputs.panels, model.visible_inputs.panels
        biases = padded(model.visible_bias, panels[1]), padded(model.hidden_bias, panels[0])
        ladder = annealing.Ladder(*panels, *biases, self.base_visible_bias, betas.astype(model.dtype))
        streams = Stream.ANNEALING_VISIBLE, Stream.ANNEALING_HIDDEN
        return annealing.anneal(ladder, v, step=first_step, streams=streams, seed=random.seed)

    def log_ratio(self, v: Any, old: float, new: float) -> Any:
        """Return log(f_new / f_old) of every row of v, shape (n_chains,)."""
        return self._log_ratio(v, self.model.hidden_inputs(v), old, new)

    def _log_ratio(self, v: Any, x: Any, old: float, new: float) -> Any:
        kind, hidden = self.model.dtype.type, self.model.hidden
        change = hidden.cumulant(x * kind(new)) - hidden.cumulant(x * kind(old))
        return change + kind(new - old) * (v @ (self.model.visible_bias - self.base_visible_bias))

    def move(self, v: Any, old: float, new: float, random: Random, step: int) -> tuple[Any, Any]:
        """Return v after a sweep of Gibbs at beta = new, and log(f_new / f_old) of the v before."""
        model, b0 = self.model, self.base_visible_bias
        kind = model.dtype.type
        x = model.hidden_inputs(v)
        log_ratio = self._log_ratio(v, x, old, new)
        h = model.hidden.sample(x * kind(new), random.at(Stream.ANNEALING_HIDDEN, step))
        y = model.visible_inputs(h) * kind(new) + kind(1.0 - new) * b0
        return model.visible.sample(y, random.at(Stream.ANNEALING_VISIBLE, step)), log_ratio
