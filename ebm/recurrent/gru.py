"""The GRU cell, with either meaning of its reset gate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ebm.kernels import gru, gru_before
from ebm.kernels.column_totals import column_totals
from ebm.kernels.recurrence import gate_columns
from ebm.networks.context import Context
from ebm.networks.layer import Parameters
from ebm.networks.packing import Packing
from ebm.random import Random
from ebm.recurrent.cell import GatedCell, Gates, States, recurrent_panels
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
    init, recurrent_init : str
        How weights are drawn, see `GatedCell`.
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
        self, parameters: Parameters, pre: Any, states: States, previous: Any, hidden: Any, finals: States,
        packing: Packing, context: Context,
    ) -> tuple[Any, ...]:  # fmt: skip
        panels, kept = recurrent_panels(parameters, context), context.empty(hidden.shape, hidden.dtype)
        step = context.empty((packing.n, gate_columns(3 * self.units, hidden.dtype)), hidden.dtype)
        given = (states[0], previous, step, kept, hidden, finals[0], packing)
        if self.reset == "after":
            gru.forward(pre, panels, parameters["recurrent_bias"], *given)
        else:
            gru_before.forward(pre, panels, *given)
        return (kept,)

    def _retreat(
        self, parameters: Parameters, cache: Gates, dy: Any, d_states: States, d_initial: States,
        gradients: Parameters, context: Context,
    ) -> None:  # fmt: skip
        (pre, previous, packing), (kept,), units = cache[1:4], cache.saved, self.units
        panels = recurrent_panels(parameters, context, transposed=True)
        carried, working = (context.empty((packing.n, gate_columns(units, dy.dtype)), dy.dtype) for _ in range(2))
        if self.reset == "before":
            gru_before.backward(pre, panels, previous, dy, d_states[0], carried, working, d_initial[0], packing)
            if not gradients:
                return
            parts = [(previous, 0, 2 * units), (kept, 2 * units, 3 * units)]
            outer_parts_into(parts, pre, gradients["recurrent_weights"], context)
            return
        d_step, sums = context.empty(pre.shape, dy.dtype), context.empty((packing.n, units), dy.dtype)
        ends = (d_states[0], carried, d_step, sums, d_initial[0], packing)
        gru.backward(pre, panels, previous, kept, dy, *ends)
        if not gradients:
            return
        outer_into(previous, d_step, gradients["recurrent_weights"], context)
        column_totals(sums, gradients["recurrent_bias"], add=context.adds(gradients["recurrent_bias"]))

    def _weight_gradients(
        self, parameters: Parameters, cache: Gates, gradients: Parameters, context: Context, *, wants_input: bool
    ) -> Any:
        """Write dU and db; dW is of other products, and written already."""
        return input_gradients(parameters, cache.x, cache.pre, gradients, context, wants_input=wants_input)
