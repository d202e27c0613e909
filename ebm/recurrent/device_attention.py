"""An LSTM that attends, on a GPU: as `ebm.recurrent.device_recurrence`, with a look at the source at every time.

Gates and query stand side by side, a row of [W, W_a] for each unit, so that one product a time makes both, and one
takes both gradients back to the state.
"""

from __future__ import annotations

from typing import Any

from ebm.kernels import lstm
from ebm.kernels.attention_device import look, look_back
from ebm.kernels.dense import add_into
from ebm.kernels.frames import clear_rows
from ebm.kernels.joining import join, take_left, take_right
from ebm.kernels.recurrence import Moment
from ebm.networks.context import Context
from ebm.networks.layer import Parameters
from ebm.networks.packing import Packing
from ebm.recurrent.cell import States
from ebm.recurrent.device_recurrence import go_back, go_forward, moments, product_of


def advance(
    parameters: Parameters, pre: Any, looking: tuple[Any, ...], states: States, previous: States, squashed: Any, y: Any,
    finals: States, packing: Packing, context: Context,
) -> Any:  # fmt: skip
    """Go through time, and return gates and queries (n_frames, 4 units + width).

    Parameters
    ----------
    parameters : dict of arrays
        Those of `AttentionCell`.
    pre : array of shape (n_frames, 4 units)
        x U + b.
    looking : tuple of arrays
        keys, values, energy, begins, counts, bases and weights, which are written.
    states, previous, squashed, y, finals, packing
        As in `ebm.kernels.attention_lstm.forward`.
    context : Context
    """
    keys, values = looking[:2]
    (n_frames, columns), dtype = pre.shape, pre.dtype
    units, width = columns // 4, keys.shape[1]
    gates = _beside(pre, width, context)
    hidden, contexts = context.empty((n_frames, units), dtype), context.empty((n_frames, values.shape[1]), dtype)
    weights, context_weights = _weights(parameters, context)
    from_context, times = product_of(contexts, context_weights, packing, context), _times(packing)
    none = context.empty((0, units), dtype)
    first, last = (previous[0], previous[1]), (finals[0], finals[1])

    def step(products: Any, moment: Moment) -> None:
        look(products, gates, looking, packing.order, contexts, times[moment], moment)
        add_into(from_context(moment)[: moment.rows], products[: moment.rows])
        lstm.step(gates, none, first, squashed, hidden, last, packing.order, products, moment)

    go_forward(weights, states, previous, packing, context, step)
    join(contexts, hidden, y)
    return gates


def retreat(
    parameters: Parameters, gates: Any, looking: tuple[Any, ...], previous_cell: Any, squashed: Any, dy: Any,
    gradients: tuple[Any, Any, Any], d_states: States, carried: States, d_initial: States, packing: Packing,
    context: Context,
) -> tuple[Any, Any]:  # fmt: skip
    """Go back through time, and return dL/d gates (n_frames, 4 units) and dL/d queries (n_frames, width).

    Parameters
    ----------
    parameters, looking, previous_cell, squashed, packing, context
        As in `advance`.
    gates : array
        What `advance` returned; used up.
    dy : array of shape (n_frames, m + units)
    gradients : tuple of arrays
        Written: dL/d keys, dL/d values, and dL/d energy (n, width) by rank.
    d_states, carried, d_initial : tuples of arrays of shape (n, units)
        As in `ebm.kernels.attention_lstm.backward`.
    """
    (n_frames, units), m, dtype = squashed.shape, dy.shape[1] - squashed.shape[1], dy.dtype
    above, d_hidden = context.empty((n_frames, m), dtype), context.empty((n_frames, units), dtype)
    take_left(dy, above)
    take_right(dy, d_hidden)
    d_contexts, slopes = context.empty((n_frames, m), dtype), context.empty(looking[-1].shape, dtype)
    weights, context_weights = _weights(parameters, context)
    times, none = _times(packing), context.empty((0, units), dtype)
    last, both = (d_states[0], d_states[1]), (carried[0], carried[1])
    for gradient in gradients:
        clear_rows(gradient)

    def step_back(moment: Moment) -> None:
        rows = slice(moment.top, moment.top + moment.rows)
        lstm.step_back(gates, none, previous_cell, squashed, d_hidden, last, both, none, packing.order, moment)
        context.device.matmul(gates[rows], context_weights.T, d_contexts[rows])
        add_into(above[rows], d_contexts[rows])
        look_back(gates, looking, packing.order, slopes, (d_contexts, *gradients), times[moment], moment)

    go_back(weights, gates, carried, d_initial, packing, context, step_back)
    widths = (4 * units, looking[0].shape[1])
    d_gates, d_query = (context.empty((n_frames, width), dtype) for width in widths)
    take_left(gates, d_gates)
    take_right(gates, d_query)
    return d_gates, d_query


def _weights(parameters: Parameters, context: Context) -> tuple[Any, Any]:
    """Return [W, W_a] and [C, 0]: what acts on a row of gates and query."""
    recurrent, query = parameters["recurrent_weights"], parameters["query_weights"]
    both = context.empty((recurrent.shape[0], recurrent.shape[1] + query.shape[1]), recurrent.dtype)
    join(recurrent, query, both)
    return both, _beside(parameters["context_weights"], query.shape[1], context)


def _beside(a: Any, width: int, context: Context) -> Any:
    """Return [a, 0]."""
    zeros = context.empty((a.shape[0], width), a.dtype)
    clear_rows(zeros)
    out = context.empty((a.shape[0], a.shape[1] + width), a.dtype)
    join(a, zeros, out)
    return out


def _times(packing: Packing) -> dict[Moment, int]:
    return {moment: time for time, moment in enumerate(moments(packing))}
