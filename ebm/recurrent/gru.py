"""The GRU cell, with either meaning of its reset gate."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from ebm.kernels import gru, gru_before
from ebm.kernels.column_totals import column_totals
from ebm.kernels.jit import on_gpu
from ebm.kernels.recurrence import gate_columns
from ebm.networks.context import Context
from ebm.networks.layer import Parameters
from ebm.networks.packing import Packing
from ebm.random import Random
from ebm.recurrent.cell import Dropped, GatedCell, Gates, States, recurrent_panels
from ebm.recurrent.device_recurrence import go_back, go_forward, product_of
from ebm.recurrent.products import input_gradients, outer_into, outer_parts_into

RESETS = ("after", "before")


@dataclass(frozen=True)
class GRUCell(GatedCell):
    """Gated recurrent unit: gates r, z and the candidate n, side by side in that order (torch's, too).

        r, z = sigma(x_t U + h_{t-1} W + b)
        n = tanh(x_t U_n + b_n + r (h_{t-1} W_n + c))     reset="after"
        n = tanh(x_t U_n + b_n + (r h_{t-1}) W_n)         reset="before"
        h_t = (1 - z) n + z h_{t-1}

    **z weights the old state**, as in torch, cuDNN and ONNX. Other texts write h_t = z n + (1 - z) h_{t-1}: their z is
    1 - z here, and their parameters of z are these with the sign turned.

    Parameters
    ----------
    units : int
        Width of h.
    init, recurrent_init, recurrent_dropout
        How weights are drawn, and variational dropout, see `GatedCell`.
    reset : {"after", "before"}, default="after"
        Whether r resets the product of the state ("after", as torch, cuDNN and ONNX's linear_before_reset=1), or the
        state that is multiplied ("before", as the paper and ONNX's linear_before_reset=0: two products a step, so
        slower). "after" has one parameter more, ``recurrent_bias`` c (units,).

    Raises
    ------
    ValueError
        When a parameter is none of these.

    Notes
    -----
    There are 3/4 as many weights and biases as an LSTM's of as many units has, but for c.

    Source: Cho et al. 2014 (arXiv:1406.1078), eqs. 5 to 8 ("before"); Chung et al. 2014 (arXiv:1412.3555), section 3.2.
    """

    reset: str = "after"

    n_gates: ClassVar[int] = 3

    def __post_init__(self) -> None:
        """Refuse another reset."""
        super().__post_init__()
        if self.reset not in RESETS:
            raise ValueError(f"reset must be one of {RESETS}, got {self.reset!r}")

    def initial(self, n_in: int, random: Random, dtype: Any) -> dict[str, np.ndarray]:
        """Return U, W with every gate drawn by itself, and biases of 0."""
        found = super().initial(n_in, random, dtype)
        return found | ({"recurrent_bias": np.zeros(self.units, dtype)} if self.reset == "after" else {})

    def _advance(
        self, parameters: Parameters, pre: Any, states: States, previous: Any, dropped: Dropped, hidden: Any,
        finals: States, packing: Packing, context: Context,
    ) -> tuple[Any, ...]:  # fmt: skip
        kept = context.empty(hidden.shape, hidden.dtype)
        if on_gpu(pre):
            ends = (kept, hidden, finals[0], packing.order)
            self._advance_on_gpu(parameters, pre, states, (previous, dropped), ends, packing, context)
            return (kept,)
        panels = recurrent_panels(parameters, context)
        step = context.empty((packing.n, gate_columns(3 * self.units, hidden.dtype)), hidden.dtype)
        given = (states[0], previous, step, kept, hidden, finals[0], packing, dropped)
        if self.reset == "after":
            gru.forward(pre, panels, parameters["recurrent_bias"], *given)
        else:
            gru_before.forward(pre, panels, *given)
        return (kept,)

    def _advance_on_gpu(
        self, parameters: Parameters, pre: Any, states: States, before: tuple[Any, Dropped],
        ends: tuple[Any, Any, Any, Any], packing: Packing, context: Context,
    ) -> None:  # fmt: skip
        weights, (previous, dropped) = parameters["recurrent_weights"], before
        if self.reset == "after":
            step = partial(gru.step, pre, parameters["recurrent_bias"], previous, *ends)
        else:
            weights, candidate = self._parts(weights)
            multiply = product_of(ends[0], candidate, packing, context)
            step = partial(gru_before.step, pre, previous, dropped.seen, *ends, multiply)
        go_forward(weights, states, (previous,), packing, context, step, dropped)

    def _parts(self, columns: Any) -> tuple[Any, Any]:
        """Return the columns of the gates, and those of the candidate."""
        return columns[:, : 2 * self.units], columns[:, 2 * self.units :]

    def _retreat(
        self, parameters: Parameters, cache: Gates, dy: Any, d_states: States, d_initial: States,
        gradients: Parameters, context: Context,
    ) -> None:  # fmt: skip
        shape = (cache.packing.n, gate_columns(self.units, dy.dtype, gpu=on_gpu(dy)))
        working = context.empty(shape, dy.dtype), context.empty(shape, dy.dtype)
        given = (parameters, cache, dy, d_states[0], *working, d_initial, gradients, context)
        if self.reset == "after":
            self._retreat_after(*given)
        else:
            self._retreat_before(*given)

    def _retreat_after(
        self, parameters: Parameters, cache: Gates, dy: Any, d_final: Any, carried: Any, beside: Any,
        d_initial: States, gradients: Parameters, context: Context,
    ) -> None:  # fmt: skip
        pre, previous, (masks, seen), packing, (product,) = cache[1:]
        d_step, sums = context.empty(pre.shape, dy.dtype), context.empty((packing.n, self.units), dy.dtype)
        if on_gpu(dy):
            ends = (d_final, carried, beside, d_step, sums, packing.order)
            back, weights = partial(gru.step_back, pre, previous, product, dy, *ends), parameters["recurrent_weights"]
            go_back(weights, d_step, (carried,), d_initial, packing, context, back, beside=beside, masks=masks)
        else:
            panels = recurrent_panels(parameters, context, transposed=True)
            given = (pre, panels, previous, product, dy)
            gru.backward(*given, d_final, carried, beside, d_step, sums, d_initial[0], packing, masks)
        if not gradients:
            return
        outer_into(seen, d_step, gradients["recurrent_weights"], context)
        column_totals(sums, gradients["recurrent_bias"], add=context.adds(gradients["recurrent_bias"]))

    def _retreat_before(
        self, parameters: Parameters, cache: Gates, dy: Any, d_final: Any, carried: Any, working: Any,
        d_initial: States, gradients: Parameters, context: Context,
    ) -> None:  # fmt: skip
        (pre, previous, (masks, seen), packing, (reset,)), units = cache[1:], self.units
        if on_gpu(dy):
            (weights, candidate), (d_gates, d_n) = self._parts(parameters["recurrent_weights"]), self._parts(pre)
            ends = (d_final, carried, working, packing.order)
            multiply = product_of(d_n, candidate.T, packing, context, masks=masks)
            back = partial(gru_before.step_back, pre, previous, dy, *ends, multiply)
            go_back(weights, d_gates, (carried,), d_initial, packing, context, back, beside=working, masks=masks)
        else:
            panels = recurrent_panels(parameters, context, transposed=True)
            gru_before.backward(pre, panels, previous, dy, d_final, carried, working, d_initial[0], packing, masks)
        if not gradients:
            return
        parts = [(seen, 0, 2 * units), (reset, 2 * units, 3 * units)]
        outer_parts_into(parts, pre, gradients["recurrent_weights"], context)

    def _weight_gradients(
        self, parameters: Parameters, cache: Gates, gradients: Parameters, context: Context, *, wants_input: bool
    ) -> Any:
        """Write dU and db; dW is of other products, and written already."""
        return input_gradients(parameters, cache.x, cache.pre, gradients, context, wants_input=wants_input)
