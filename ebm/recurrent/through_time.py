"""Backpropagation through time: to the first frame, or cut off a number of frames before each output.

Cut off after k frames, what reaches the output of frame t from above goes back through frames t, t - 1, ..., t - k, as
if the state before them were given. With B_t the way back through the single frame t, which is linear, and lambda_t
what frame t + 1 sends back to the states after frame t,

    lambda^0_t = 0,    lambda^{j+1}_{t-1} = B_t(dy_t, lambda^j_t),

lambda^j holds what all outputs send back over 1 to j frames. So k + 1 rounds, each through all frames at once as if
they were sequences of their own, give the sum over outputs, and gradients are those of the last round. With k + 1 >= T
it is the whole gradient.

Source: Williams & Peng 1990 (doi:10.1162/neco.1990.2.4.490), BPTT(h) with h = k + 1.
"""

from __future__ import annotations

from typing import Any

from ebm.kernels.frames import scatter_rows
from ebm.kernels.shift import shift_rows
from ebm.networks.context import Context
from ebm.networks.layer import Parameters
from ebm.networks.packing import Packing
from ebm.recurrent.cell import Backward, Cell, States, none


def back_through_time(
    cell: Cell, parameters: Parameters, cache: Any, dy: Any, d_states: States | None, gradients: Parameters,
    context: Context, *, wants_input: bool = True, wants_states: bool = False,
) -> Backward:  # fmt: skip
    """Write gradients, and return those of the input and of the first states, as far as ``context.truncation`` lets.

    Parameters
    ----------
    cell, parameters, cache
        As the cell went forward; the cache is used up.
    dy, d_states, gradients, context, wants_input, wants_states
        See `Cell.backward`.
    """
    limit, packing = context.truncation, context.packing
    if limit is None or packing is None or limit >= packing.n_times - 1:
        return cell.backward(
            parameters, cache, dy, d_states, gradients, context, wants_input=wants_input, wants_states=wants_states
        )
    return cut_off(
        cell, parameters, cache, dy, d_states, gradients, context, limit, packing,
        wants_input=wants_input, wants_states=wants_states,
    )  # fmt: skip


def cut_off(
    cell: Cell, parameters: Parameters, cache: Any, dy: Any, d_states: States | None, gradients: Parameters,
    context: Context, limit: int, packing: Packing, *, wants_input: bool, wants_states: bool,
) -> Backward:  # fmt: skip
    """Do the ``limit`` + 1 rounds."""
    last = d_states or none(cell.state_sizes, dy.dtype, context)
    carried = tuple(context.empty((packing.n_frames, size), dy.dtype) for size in cell.state_sizes)
    _carry(none(cell.state_sizes, dy.dtype, context), last, packing, carried)
    with context.packed(packing.alone):
        for _ in context.repeated(limit):
            alone = cell.alone(cache, packing, context)
            options = {"wants_input": False, "wants_states": True}
            sent = cell.backward(parameters, alone, dy, carried, {}, context, **options).d_states
            _carry(sent or (), last, packing, carried)
        alone = cell.alone(cache, packing, context)
        dx, sent = cell.backward(
            parameters, alone, dy, carried, gradients, context, wants_input=wants_input, wants_states=wants_states
        )
    return Backward(dx, _first(sent, packing, context) if sent is not None else None)


def _carry(sent: States, last: States, packing: Packing, carried: States) -> None:
    """Take what each frame sent to the frame before; after last frames stands what was given."""
    for source, end, out in zip(sent, last, carried, strict=True):
        shift_rows(source, packing.after, end, packing.sequence, out)


def _first(sent: States, packing: Packing, context: Context) -> States:
    """Return what first frames sent, in the order of the batch."""
    found = []
    for rows in sent:
        out = context.empty((packing.n, rows.shape[1]), rows.dtype)
        scatter_rows(rows[: packing.n], packing.order, out)
        found.append(out)
    return tuple(found)
