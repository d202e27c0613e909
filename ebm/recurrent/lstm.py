"""The LSTM cell."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from ebm.kernels import lstm
from ebm.kernels.jit import on_gpu
from ebm.kernels.recurrence import gate_columns
from ebm.networks.context import Context
from ebm.networks.layer import Parameters
from ebm.networks.packing import Packing
from ebm.random import Random
from ebm.recurrent.cell import Dropped, GatedCell, Gates, States, recurrent_panels
from ebm.recurrent.device_recurrence import go_back, go_forward


@dataclass(frozen=True)
class LSTMCell(GatedCell):
    """Long short-term memory: gates i, f, g, o, side by side in that order (torch's, too).

        c_t = f_t c_{t-1} + i_t g_t,    h_t = o_t tanh(c_t)

    Parameters
    ----------
    units : int
        Width of h and c.
    init, recurrent_init, recurrent_dropout
        How weights are drawn, and variational dropout, see `GatedCell`.
    forget_bias : float, default=1.0
        First bias of the forget gate, so that cells remember at first.

    Notes
    -----
    Source: Hochreiter & Schmidhuber 1997 (doi:10.1162/neco.1997.9.8.1735); forget gates: Gers, Schmidhuber & Cummins
    2000 (doi:10.1162/089976600300015015); their first bias: Jozefowicz, Zaremba & Sutskever 2015, section 5.
    """

    forget_bias: float = 1.0

    n_gates: ClassVar[int] = 4
    n_states: ClassVar[int] = 2

    def initial(self, n_in: int, random: Random, dtype: Any) -> dict[str, np.ndarray]:
        """Return U, W with every gate drawn by itself, and a bias of 0 but for the forget gate's."""
        found = super().initial(n_in, random, dtype)
        found["bias"][self.units : 2 * self.units] = self.forget_bias
        return found

    def _advance(
        self, parameters: Parameters, pre: Any, states: States, previous: Any, dropped: Dropped, hidden: Any,
        finals: States, packing: Packing, context: Context,
    ) -> tuple[Any, ...]:  # fmt: skip
        before, squashed = context.empty(hidden.shape, hidden.dtype), context.empty(hidden.shape, hidden.dtype)
        both, first, last = (previous, before), pair(states), pair(finals)
        if on_gpu(pre):
            none = context.empty((0, self.units), pre.dtype)
            step = partial(lstm.step, pre, none, both, squashed, hidden, last, packing.order)
            go_forward(parameters["recurrent_weights"], states, both, packing, context, step, dropped)
        else:
            panels = recurrent_panels(parameters, context)
            lstm.forward(pre, panels, first, both, squashed, hidden, last, packing, dropped=dropped)
        return before, squashed

    def _retreat(
        self, parameters: Parameters, cache: Gates, dy: Any, d_states: States, d_initial: States,
        gradients: Parameters, context: Context,
    ) -> None:  # fmt: skip
        pre, packing, masks, (before, squashed) = cache.pre, cache.packing, cache.dropped.masks, cache.saved
        shape = (packing.n, gate_columns(self.units, dy.dtype, gpu=on_gpu(dy)))
        carried = context.empty(shape, dy.dtype), context.empty((packing.n, self.units), dy.dtype)
        last, first = pair(d_states), pair(d_initial)
        if on_gpu(dy):
            none = context.empty((0, self.units), dy.dtype)
            back = partial(lstm.step_back, pre, none, before, squashed, dy, last, carried, none, packing.order)
            go_back(parameters["recurrent_weights"], pre, carried, d_initial, packing, context, back, masks=masks)
        else:
            panels = recurrent_panels(parameters, context, transposed=True)
            lstm.backward(pre, panels, before, squashed, dy, last, carried, first, packing, masks=masks)


def pair(states: States) -> tuple[Any, Any]:
    """Return h and c."""
    h, c = states
    return h, c
