"""The cell whose transition from state to state is deep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ebm.kernels import activations, deep_transition, elman
from ebm.kernels.activations import KINDS
from ebm.kernels.jit import on_gpu
from ebm.kernels.joining import join
from ebm.kernels.recurrence import Moment, gate_columns
from ebm.networks.context import Context
from ebm.networks.initial import initial_weights, piled_up
from ebm.networks.layer import Parameters
from ebm.networks.packing import Packing
from ebm.networks.panels import packed
from ebm.networks.ranges import count_from
from ebm.random import Random
from ebm.recurrent.cell import Dropped, Gates, States, copied, recurrent_panels
from ebm.recurrent.device_recurrence import go_back, go_forward, product_of
from ebm.recurrent.products import outer_into, packed_stack, sum_into
from ebm.recurrent.simple import SimpleCell


@dataclass(frozen=True)
class DeepTransitionCell(SimpleCell):
    """A simple cell with several levels between one state and the next.

        h_t = f(... f(f(x_t U + h_{t-1} W_1 + b_1) W_2 + b_2) ... W_L + b_L)

    With a shortcut h_{t-1} S is added before the last f, so that what is to be remembered has a short way too.

    Parameters
    ----------
    units : int
        Width of h, and of what is between.
    init, recurrent_init, recurrent_dropout
        How U, and how all other weights are drawn, and variational dropout of what W_1 and S see, see `GatedCell`.
    activation : {"tanh", "relu", "sigmoid", "identity"}, default="tanh"
        f, on every level.
    depth : int, default=2
        Levels L; 1 is `SimpleCell`.
    shortcut : bool, default=False
        The paper's DT(S)-RNN; it takes a depth of at least 2.

    Raises
    ------
    ValueError
        When a parameter is none of these.

    Notes
    -----
    Beside those of `GatedCell`, with W_1 as ``recurrent_weights``, parameters are ``transition_weights``
    (L - 1, units, units) and ``transition_bias`` ((L - 1) units,) for W_2 to W_L and b_2 to b_L, and
    ``shortcut_weights`` S (units, units). The paper's deep output (DO-RNN; both together are its DOT-RNN) is dense
    layers that follow, see :func:`ebm.recurrent.architecture.recurrent_layers`.

    Source: Pascanu, Gulcehre, Cho & Bengio 2014 (arXiv:1312.6026), section 3.
    """

    depth: int = 2
    shortcut: bool = False

    def __post_init__(self) -> None:
        """Refuse a depth below 1, and a shortcut around a single level."""
        super().__post_init__()
        count_from("depth", self.depth)
        if self.shortcut and self.depth == 1:
            raise ValueError("shortcut=True needs a depth of at least 2: around one level S would only add to W")

    def initial(self, n_in: int, random: Random, dtype: Any) -> dict[str, np.ndarray]:
        """Return U and every level's weights drawn by themselves, and biases of 0."""
        found, n, more = super().initial(n_in, random, dtype), self.units, self.depth - 1
        drawn = [
            initial_weights((n, n), n, n, random, dtype, self.recurrent_init, number=2 + k)
            for k in range(more + self.shortcut)
        ]
        if more:
            found["transition_weights"] = piled_up(drawn[:more], random)
            found["transition_bias"] = np.zeros(more * n, dtype)
        if self.shortcut:
            found["shortcut_weights"] = drawn[-1]
        return found

    def _advance(
        self, parameters: Parameters, pre: Any, states: States, previous: Any, dropped: Dropped, hidden: Any,
        finals: States, packing: Packing, context: Context,
    ) -> tuple[Any, ...]:  # fmt: skip
        kind = KINDS[self.activation]
        more, (n_frames, n) = self.depth - 1, hidden.shape
        deeper = context.empty((more, n_frames, gate_columns(n, pre.dtype, gpu=on_gpu(pre))), pre.dtype)
        between = context.empty((more, n_frames, n), pre.dtype)
        bias = parameters["transition_bias"] if more else context.empty((0,), pre.dtype)
        if on_gpu(pre):
            weights, step = self._levels(parameters, pre, bias, previous, [*between, hidden], finals, packing, context)
            go_forward(weights, states, (previous,), packing, context, step, dropped)
        else:
            first, rest, shortcut = self._panels(parameters, context)
            ends = (states[0], previous, between, hidden, finals[0], packing, dropped)
            deep_transition.forward(pre, deeper, (first, rest, bias, shortcut), kind, *ends)
        return hidden, deeper, between

    def _retreat(
        self, parameters: Parameters, cache: Gates, dy: Any, d_states: States, d_initial: States,
        gradients: Parameters, context: Context,
    ) -> None:  # fmt: skip
        (hidden, deeper, between), packing = cache.saved, cache.packing
        carried = context.empty((packing.n, gate_columns(self.units, dy.dtype, gpu=on_gpu(dy))), dy.dtype)
        if on_gpu(dy):
            weights, d_products, back = self._levels_back(parameters, cache, dy, d_states[0], carried, context)
            go_back(weights, d_products, (carried,), d_initial, packing, context, back, masks=cache.dropped.masks)
        else:
            weights, kind = self._panels(parameters, context, transposed=True), KINDS[self.activation]
            ends = (d_states[0], carried, d_initial[0], packing, cache.dropped.masks)
            deep_transition.backward(cache.pre, deeper, weights, kind, between, hidden, dy, *ends)
        if not gradients:
            return
        for k in range(self.depth - 1):
            outer_into(between[k], deeper[k], gradients["transition_weights"][k], context)
            bias = gradients["transition_bias"][k * self.units : (k + 1) * self.units]
            sum_into(deeper[k], bias, context)
        if self.shortcut:
            outer_into(cache.dropped.seen, deeper[-1], gradients["shortcut_weights"], context)

    def alone(self, cache: Gates, packing: Packing, context: Context) -> Gates:
        """Return a cache in which every frame is a sequence of its own; see `Cell`."""
        found, (hidden, deeper, between) = super().alone(cache, packing, context), cache.saved
        flat = deeper.reshape(-1, deeper.shape[-1])
        return found._replace(saved=(hidden, copied(flat, context).reshape(deeper.shape), between))

    def _panels(self, parameters: Parameters, context: Context, *, transposed: bool = False) -> tuple[Any, Any, Any]:
        """Return W_1, W_2 to W_L and S (or their transposes) as the CPU's products read them; none of S has no rows."""
        first = recurrent_panels(parameters, context, transposed=transposed)
        rest = context.empty((0, *first.shape), first.dtype)
        if self.depth > 1:
            rest = packed_stack(parameters["transition_weights"], context, transposed=transposed)
        if self.shortcut:
            return first, rest, packed(parameters["shortcut_weights"], context, transposed=transposed)
        return first, rest, context.empty((0, *first.shape[1:]), first.dtype)

    def _of_state(self, parameters: Parameters, context: Context) -> Any:
        """Return what a state is multiplied by: W_1, and S beside it."""
        first = parameters["recurrent_weights"]
        if not self.shortcut:
            return first
        out = context.empty((self.units, 2 * self.units), first.dtype)
        join(first, parameters["shortcut_weights"], out)
        return out

    def _levels(
        self, parameters: Parameters, pre: Any, bias: Any, previous: Any, outputs: list[Any], finals: States,
        packing: Packing, context: Context,
    ) -> tuple[Any, Callable[[Any, Moment], None]]:  # fmt: skip
        """Return what a state is multiplied by, and what goes through all levels of a time, on a GPU."""
        none, n, last = context.empty((0, self.units), pre.dtype), self.units, self.depth - 1
        kind, handed = KINDS[self.activation], (previous, finals[0], packing.order)
        multiply = [
            product_of(y, parameters["transition_weights"][k], packing, context) for k, y in enumerate(outputs[:-1])
        ]

        def step(products: Any, moment: Moment) -> None:
            deep_transition.level(pre, products, none, kind, outputs[0], handed, moment, is_last=last == 0)
            for k in range(1, self.depth):
                given = bias[(k - 1) * n : k * n], multiply[k - 1](moment)
                beside = products if self.shortcut and k == last else none
                deep_transition.level(*given, beside, kind, outputs[k], handed, moment, is_last=k == last)

        return self._of_state(parameters, context), step

    def _levels_back(
        self, parameters: Parameters, cache: Gates, dy: Any, d_final: Any, carried: Any, context: Context
    ) -> tuple[Any, Any, Callable[[Moment], None]]:
        """Return what a state is multiplied by, the gradients of this product, and what goes back through a time."""
        (hidden, deeper, between), packing, kind = cache.saved, cache.packing, KINDS[self.activation]
        slopes, n = [cache.pre, *deeper], self.units
        wide = context.empty((packing.n_frames, 2 * n), dy.dtype) if self.shortcut else cache.pre
        multiply = [
            product_of(dz, parameters["transition_weights"][k].T, packing, context) for k, dz in enumerate(deeper)
        ]

        def back(moment: Moment) -> None:
            rows = slice(moment.top, moment.top + moment.rows)
            elman.step_back(slopes[-1], kind, hidden, dy, d_final, carried, packing.order, moment)
            for k in reversed(range(self.depth - 1)):
                activations.backward(between[k][rows], multiply[k](moment)[: moment.rows], kind, slopes[k][rows])
            if self.shortcut:
                join(slopes[0][rows], slopes[-1][rows], wide[rows])

        return self._of_state(parameters, context), wide, back
