"""The structurally constrained recurrent network: a simple one beside context units that change slowly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ebm.kernels import leaky
from ebm.kernels.joining import join, take_left, take_right
from ebm.kernels.shift import shift_rows
from ebm.networks.context import Context
from ebm.networks.initial import initial_weights
from ebm.networks.layer import Parameters
from ebm.networks.packing import Packing
from ebm.networks.ranges import count_from, rate_within
from ebm.random import Random
from ebm.recurrent.cell import Backward, Cell, Gates, States, begun, fitting
from ebm.recurrent.products import (
    add_times,
    add_times_transposed,
    outer_into,
    project_inputs,
    times,
    times_transposed,
)
from ebm.recurrent.simple import SimpleCell


class Contexts(NamedTuple):
    """The context at every frame and after the last, u = x B, alpha for every unit, and the context at first."""

    s: Any
    last: Any
    u: Any
    alpha: Any
    first: Any


class Passed(NamedTuple):
    """What a way forward leaves for the way back."""

    gates: Gates
    memory: Contexts


@dataclass(frozen=True)
class SCRNCell(Cell):
    """Hidden units h on top of context units s, which are leaky averages of what comes in.

        s_t = (1 - alpha) x_t B + alpha s_{t-1},    h_t = sigma(s_t P + x_t A + h_{t-1} R + b)

    The output is [h_t, s_t], side by side: a layer that follows has the paper's [U; V] as its matrix.

    Parameters
    ----------
    units : int
        Width of h.
    context_units : int
        Width of s.
    alpha : float, default=0.95
        In [0, 1): after k frames a context has kept alpha^k of what it was.
    learn_alpha : bool, default=False
        Learn an alpha for each context unit, from this one on (then above 0).
    init, recurrent_init : str
        How A, B and P, and how R is drawn, see :func:`ebm.networks.initial.initial_weights`.
    recurrent_dropout : float, default=0.0
        Of what R sees, see `ebm.recurrent.cell.GatedCell`; the context is never dropped from.

    Raises
    ------
    ValueError
        When a number of units is below 1, or alpha or a rate out of range.

    Notes
    -----
    Parameters are ``context_weights`` B (n_in, context_units), ``context_to_hidden`` P (context_units, units),
    ``input_weights`` A (n_in, units), ``recurrent_weights`` R (units, units), ``bias`` b, which the paper does without,
    and where alpha is learnt ``context_logit``, of which alpha is the logistic function. The state that is handed on is
    [h_t, s_t], too. Since s does not see h, it is averaged over all time first; s P is then one more product.

    Source: Mikolov, Joulin, Chopra, Mathieu & Ranzato 2014 (arXiv:1412.7753), section 3.
    """

    units: int
    context_units: int
    alpha: float = 0.95
    learn_alpha: bool = False
    init: str = "glorot"
    recurrent_init: str = "orthogonal"
    recurrent_dropout: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        count_from("units", self.units)
        count_from("context_units", self.context_units)
        rate_within("alpha", self.alpha, below_one=True)
        rate_within("recurrent_dropout", self.recurrent_dropout, below_one=True)
        if self.learn_alpha and self.alpha == 0:
            raise ValueError("alpha must be above 0 where it is learnt, got 0")

    @property
    def state_sizes(self) -> tuple[int, ...]:
        """One state, [h, s]."""
        return (self.output_size,)

    @property
    def output_size(self) -> int:
        """``units + context_units``."""
        return self.units + self.context_units

    def initial(self, n_in: int, random: Random, dtype: Any) -> dict[str, np.ndarray]:
        """Return A, B, P and R as told, a bias of 0, and the logit of alpha where it is learnt."""
        n, k = self.units, self.context_units
        logit = np.full(k, np.log(self.alpha / (1 - self.alpha)), dtype) if self.learn_alpha else None
        return {
            "input_weights": initial_weights((n_in, n), n_in, n, random, dtype, self.init, number=0),
            "recurrent_weights": initial_weights((n, n), n, n, random, dtype, self.recurrent_init, number=1),
            "context_weights": initial_weights((n_in, k), n_in, k, random, dtype, self.init, number=2),
            "context_to_hidden": initial_weights((k, n), k, n, random, dtype, self.init, number=3),
            "bias": np.zeros(n, dtype),
            **({} if logit is None else {"context_logit": logit}),
        }

    def forward(
        self, parameters: Parameters, x: Any, states: States | None, context: Context
    ) -> tuple[Any, States, Any]:
        """Return [h, s] at every frame and after the last, and the cache; see `Cell`."""
        packing = fitting(context.packing, x)
        h_first, s_first = self._parts(begun(states, self.state_sizes, packing, x, context), x.dtype, context)
        memory = self._remember(parameters, x, s_first, packing, context)
        pre = project_inputs(parameters, x, self.units, context)
        add_times(memory.s, parameters["context_to_hidden"], pre, context)
        hidden, (last,), gates = self._simple.through_time(parameters, x, pre, (h_first,), context)
        y, final = self._joined(hidden, memory.s, context), self._joined(last, memory.last, context)
        return y, (final,), Passed(gates, memory)

    def backward(
        self,
        parameters: Parameters,
        cache: Any,
        dy: Any,
        d_states: States | None,
        gradients: Parameters,
        context: Context,
        *,
        wants_input: bool = True,
        wants_states: bool = False,
    ) -> Backward:
        """Write gradients, and return those of the input and of the first state; see `Cell`."""
        (gates, memory), (dh_last, ds_last) = cache, self._parts(d_states, dy.dtype, context)
        dh = context.empty((dy.shape[0], self.units), dy.dtype)
        take_left(dy, dh)
        given = (parameters, gates, dh, (dh_last,), gradients, context)
        dx, first = self._simple.backward(*given, wants_input=wants_input, wants_states=wants_states)
        if gradients:
            outer_into(memory.s, gates.pre, gradients["context_to_hidden"], context)
        ds = times_transposed(gates.pre, parameters["context_to_hidden"], context)
        ds_first = context.empty((gates.packing.n if wants_states else 0, self.context_units), dy.dtype)
        du = self._recall(cache, dy, ds, ds_last, ds_first, gradients, context)
        if gradients:
            outer_into(gates.x, du, gradients["context_weights"], context)
        if gradients and wants_input:
            add_times_transposed(du, parameters["context_weights"], dx, context)
        return Backward(dx, None if first is None else (self._joined(first[0], ds_first, context),))

    def alone(self, cache: Passed, packing: Packing, context: Context) -> Passed:
        """Return a cache in which every frame is a sequence of its own; see `Cell`."""
        (s, _, u, alpha, first), before = cache.memory, context.empty(cache.memory.s.shape, cache.memory.s.dtype)
        shift_rows(s, packing.before, first, packing.sequence, before)
        return Passed(self._simple.alone(cache.gates, packing, context), Contexts(s, s, u, alpha, before))

    @property
    def _simple(self) -> SimpleCell:
        """What goes through time on top of the context."""
        return SimpleCell(self.units, self.init, self.recurrent_init, self.recurrent_dropout, activation="sigmoid")

    def _remember(self, parameters: Parameters, x: Any, first: Any, packing: Packing, context: Context) -> Contexts:
        u, alpha = times(x, parameters["context_weights"], context), context.empty((self.context_units,), x.dtype)
        logits = parameters["context_logit"] if self.learn_alpha else context.empty((0,), x.dtype)
        leaky.rates(logits, self.alpha, alpha)
        s, last = context.empty(u.shape, u.dtype), context.empty((packing.n, self.context_units), u.dtype)
        leaky.forward(u, alpha, first, s, last, packing)
        return Contexts(s, last, u, alpha, first)

    def _recall(
        self, cache: Passed, dy: Any, ds: Any, ds_last: Any, ds_first: Any, gradients: Parameters, context: Context
    ) -> Any:
        """Return dL/du, and write the gradient of the logits of alpha where it is learnt."""
        (s, _, u, alpha, first), packing = cache.memory, cache.gates.packing
        n, k = packing.n, self.context_units
        du, carried = context.empty(ds.shape, ds.dtype), context.empty((n, k), ds.dtype)
        slopes = context.empty((n if self.learn_alpha else 0, k), ds.dtype)
        above = (dy, np.int64(self.units), ds)
        leaky.backward(u, alpha, first, s, *above, ds_last, carried, slopes, du, ds_first, packing)
        if self.learn_alpha and gradients:
            gradient = gradients["context_logit"]
            leaky.logit_gradient(slopes, gradient, add=context.adds(gradient))
        return du

    def _parts(self, states: States | None, dtype: Any, context: Context) -> tuple[Any, Any]:
        """Return h and s of a state [h, s], or arrays without rows where there is none."""
        rows = states[0].shape[0] if states else 0
        h, s = (context.empty((rows, size), dtype) for size in (self.units, self.context_units))
        if states and rows:
            take_left(states[0], h)
            take_right(states[0], s)
        return h, s

    def _joined(self, h: Any, s: Any, context: Context) -> Any:
        out = context.empty((h.shape[0], self.output_size), h.dtype)
        join(h, s, out)
        return out
