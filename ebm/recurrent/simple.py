"""The simple recurrent cell: h_t = f(x_t U + h_{t-1} W + b)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from ebm.kernels import elman
from ebm.kernels.activations import KINDS
from ebm.kernels.jit import on_gpu
from ebm.kernels.recurrence import gate_columns
from ebm.networks.context import Context
from ebm.networks.layer import Parameters
from ebm.networks.packing import Packing
from ebm.recurrent.cell import Dropped, GatedCell, Gates, States, recurrent_panels
from ebm.recurrent.device_recurrence import go_back, go_forward

ACTIVATIONS = ("tanh", "relu", "sigmoid", "identity")


@dataclass(frozen=True)
class SimpleCell(GatedCell):
    """h_t = f(x_t U + h_{t-1} W + b), Elman's network.

    Parameters
    ----------
    units : int
        Width of h.
    init, recurrent_init, recurrent_dropout
        How weights are drawn, and variational dropout, see `GatedCell`.
    activation : {"tanh", "relu", "sigmoid", "identity"}, default="tanh"

    Raises
    ------
    ValueError
        When a parameter is none of these.

    Notes
    -----
    Source: Elman 1990 (doi:10.1207/s15516709cog1402_1).
    """

    activation: str = "tanh"

    def __post_init__(self) -> None:
        """Refuse what is no activation of these."""
        super().__post_init__()
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"activation must be one of {ACTIVATIONS}, got {self.activation!r}")

    def _advance(
        self, parameters: Parameters, pre: Any, states: States, previous: Any, dropped: Dropped, hidden: Any,
        finals: States, packing: Packing, context: Context,
    ) -> tuple[Any, ...]:  # fmt: skip
        kind = KINDS[self.activation]
        if on_gpu(pre):
            step = partial(elman.step, pre, kind, previous, hidden, finals[0], packing.order)
            go_forward(parameters["recurrent_weights"], states, (previous,), packing, context, step, dropped)
        else:
            panels = recurrent_panels(parameters, context)
            elman.forward(pre, panels, kind, states[0], previous, hidden, finals[0], packing, dropped)
        return (hidden,)

    def _retreat(
        self, parameters: Parameters, cache: Gates, dy: Any, d_states: States, d_initial: States,
        gradients: Parameters, context: Context,
    ) -> None:  # fmt: skip
        kind, packing, masks, (hidden,) = KINDS[self.activation], cache.packing, cache.dropped.masks, cache.saved
        carried = context.empty((packing.n, gate_columns(self.units, dy.dtype, gpu=on_gpu(dy))), dy.dtype)
        if on_gpu(dy):
            back = partial(elman.step_back, cache.pre, kind, hidden, dy, d_states[0], carried, packing.order)
            weights = parameters["recurrent_weights"]
            go_back(weights, cache.pre, (carried,), d_initial, packing, context, back, masks=masks)
        else:
            panels = recurrent_panels(parameters, context, transposed=True)
            elman.backward(cache.pre, panels, kind, hidden, dy, d_states[0], carried, d_initial[0], packing, masks)
