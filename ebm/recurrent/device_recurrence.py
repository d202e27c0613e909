"""The recurrence on a GPU, given a cell's step: time goes by in Python, a product and a CUDA loop for each step.

A batch's lengths decide on all that is launched, so a learner captures it in a graph for each of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ebm.kernels.frames import clear_rows, gather_rows, scatter_rows
from ebm.kernels.recurrence import Moment
from ebm.kernels.sequence_masks import mask_frames
from ebm.networks.context import Context
from ebm.networks.packing import Packing
from ebm.recurrent.cell import States


def moments(packing: Packing) -> list[Moment]:
    """Return where the frames of each time stand."""
    rows = [int(n) for n in packing.host_active]
    tops = map(int, packing.host_starts[:-1])
    return [Moment(*place) for place in zip(tops, rows, [*rows[1:], 0], strict=True)]


def product_of(
    a: Any, weights: Any, packing: Packing, context: Context, *, out: Any = None, masks: Any = None
) -> Callable[[Moment], Any]:
    """Return what multiplies the rows of a time.

    Parameters
    ----------
    a : array of shape (n_frames, k)
    weights : array of shape (k, m)
    packing : Packing
    context : Context
    out : array of shape (n, m), optional
        Where products go.
    masks : array of shape (n, m), or (0, m) for none, optional
        What products are multiplied by, for each sequence of the batch.

    Returns
    -------
    callable of (moment,)
        Returns ``out``, whose first rows are a W of the time's rows.
    """
    out = context.empty((packing.n, weights.shape[1]), weights.dtype) if out is None else out

    def multiply(moment: Moment) -> Any:
        rows = out[: moment.rows]
        context.device.matmul(a[moment.top : moment.top + moment.rows], weights, rows)
        _mask(rows, masks, packing, rows)
        return out

    return multiply


def _mask(states: Any, masks: Any, packing: Packing, out: Any) -> None:
    """Multiply states of one time by their sequences' masks: rows of time 0 have the ranks of those of any time."""
    if masks is not None and masks.shape[0] > 0:
        mask_frames(states, masks, packing, out)


def go_forward(
    weights: Any, states: States, previous: States, packing: Packing, context: Context,
    step: Callable[[Any, Moment], None], dropped: tuple[Any, Any] | None = None,
) -> None:  # fmt: skip
    """Go through time.

    Parameters
    ----------
    weights : array of shape (units, m)
    states, previous : tuples of arrays of shapes (n, units) and (n_frames, units)
        States before the first frames, without rows for zeros; and, written, those before every frame. h W is made of
        the first.
    packing : Packing
    context : Context
    step : callable of (products, moment)
        Does one time: given products (n, m), whose first rows are h W, it writes the states after the frames, also to
        where the next begin.
    dropped : tuple of two arrays, (n, units) or (0, units), and (n_frames, units), optional
        A mask m of each sequence, or none, and, written, m h before every frame, of which products are made.
    """
    masks, seen = dropped or (None, previous[0])
    for state, rows in zip(states, previous, strict=True):
        if state.shape[0] > 0:
            gather_rows(state, packing.order, rows[: packing.n])
        else:
            clear_rows(rows[: packing.n])
    multiply = product_of(seen, weights, packing, context)
    for moment in moments(packing):
        rows = slice(moment.top, moment.top + moment.rows)
        _mask(previous[0][rows], masks, packing, seen[rows])
        step(multiply(moment), moment)


def go_back(
    weights: Any, d_products: Any, carried: States, d_initial: States, packing: Packing, context: Context,
    step_back: Callable[[Moment], None], *, beside: Any = None,
    masks: Any = None,
) -> None:  # fmt: skip
    """Go back through time.

    Parameters
    ----------
    weights : array of shape (units, m)
    d_products : array of shape (n_frames, m)
        dL/d(h W) of every frame, as ``step_back`` writes it.
    carried : tuple of arrays of shape (n, units)
        Written: dL/d states before the time that was done last; the first by the product d_products W^T, others by
        ``step_back``.
    d_initial : tuple of arrays of shape (n, units), or (0, units) where they are not wanted
        Written: dL/d states before the first frames.
    packing : Packing
    context : Context
    step_back : callable of (moment,)
        Does one time.
    beside : array of shape (n, units), optional
        What reaches the first state beside the product: ``step_back`` writes it, and takes it at the time before.
    masks : array of shape (n, units), or (0, units) for none, optional
        Those of the way forward.
    """
    wanted = d_initial[0].shape[0] > 0
    multiply = product_of(d_products, weights.T, packing, context, out=carried[0], masks=masks)
    for moment in reversed(moments(packing)):
        step_back(moment)
        if wanted or moment.top > 0:
            multiply(moment)
    if wanted:
        for state, first in zip(carried, d_initial, strict=True):
            scatter_rows(state, packing.order, first)
        if beside is not None:
            scatter_rows(beside, packing.order, d_initial[0], add=True)
