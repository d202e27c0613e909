"""The LSTM cell whose gates see the cell itself."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ebm.kernels import lstm
from ebm.kernels.column_totals import column_totals
from ebm.kernels.jit import on_gpu
from ebm.kernels.recurrence import gate_columns
from ebm.networks.context import Context
from ebm.networks.layer import Parameters
from ebm.networks.packing import Packing
from ebm.random import Random
from ebm.recurrent.cell import Dropped, Gates, States, recurrent_panels
from ebm.recurrent.device_recurrence import go_back, go_forward
from ebm.recurrent.lstm import LSTMCell, pair


@dataclass(frozen=True)
class PeepholeLSTMCell(LSTMCell):
    """Long short-term memory with peepholes: i and f see c_{t-1}, o sees c_t, each unit its own.

        i = sigma(a_i + p_i c_{t-1}),    f = sigma(a_f + p_f c_{t-1}),    o = sigma(a_o + p_o c_t)

    Parameters are the LSTM's and ``peepholes`` p (3, units), in the order i, f, o (ONNX's P has the order i, o, f).

    Parameters
    ----------
    units : int
        Width of h and c.
    init, recurrent_init, recurrent_dropout
        How weights are drawn, and variational dropout, see `GatedCell`.
    forget_bias : float, default=1.0
        First bias of the forget gate.

    Notes
    -----
    Peepholes begin at 0, where the cell is an LSTM without. Their gradients are those of the whole past; the papers cut
    off what flows back through gates.

    Source: Gers & Schmidhuber 2000 (doi:10.1109/IJCNN.2000.861302); Gers, Schraudolph & Schmidhuber 2002
    (https://www.jmlr.org/papers/v3/gers02a.html), section 3.
    """

    def initial(self, n_in: int, random: Random, dtype: Any) -> dict[str, np.ndarray]:
        """Return the LSTM's first parameters, and peepholes of 0."""
        return super().initial(n_in, random, dtype) | {"peepholes": np.zeros((3, self.units), dtype)}

    def _advance(
        self, parameters: Parameters, pre: Any, states: States, previous: Any, dropped: Dropped, hidden: Any,
        finals: States, packing: Packing, context: Context,
    ) -> tuple[Any, ...]:  # fmt: skip
        before, squashed = context.empty(hidden.shape, hidden.dtype), context.empty(hidden.shape, hidden.dtype)
        peepholes, both, first, last = parameters["peepholes"], (previous, before), pair(states), pair(finals)
        if on_gpu(pre):
            step = partial(lstm.step, pre, peepholes, both, squashed, hidden, last, packing.order)
            go_forward(parameters["recurrent_weights"], states, both, packing, context, step, dropped)
        else:
            panels = recurrent_panels(parameters, context)
            lstm.forward(pre, panels, first, both, squashed, hidden, last, packing, peepholes, dropped)
        return before, squashed

    def _retreat(
        self, parameters: Parameters, cache: Gates, dy: Any, d_states: States, d_initial: States,
        gradients: Parameters, context: Context,
    ) -> None:  # fmt: skip
        pre, packing, masks, (before, squashed) = cache.pre, cache.packing, cache.dropped.masks, cache.saved
        peepholes = parameters["peepholes"]
        widths = (gate_columns(self.units, dy.dtype, gpu=on_gpu(dy)), self.units, 3 * self.units)
        d_hidden, d_cell, sums = (context.empty((packing.n, width), dy.dtype) for width in widths)
        carried, last, first = (d_hidden, d_cell), pair(d_states), pair(d_initial)
        if on_gpu(dy):
            back = partial(lstm.step_back, pre, peepholes, before, squashed, dy, last, carried, sums, packing.order)
            go_back(parameters["recurrent_weights"], pre, carried, d_initial, packing, context, back, masks=masks)
        else:
            panels = recurrent_panels(parameters, context, transposed=True)
            lstm.backward(pre, panels, before, squashed, dy, last, carried, first, packing, peepholes, sums, masks)
        if not gradients:
            return
        gradient = gradients["peepholes"]
        column_totals(sums, gradient.reshape(3 * self.units), add=context.adds(gradient))
