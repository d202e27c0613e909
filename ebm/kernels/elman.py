"""The simple recurrent network through time:  h_t = f(a_t),  a_t = x_t U + h_{t-1} W + b,  f = tanh, max(0, .), sigma.

Backwards, with delta_t = dL/dh_t in all (what comes from above, and from time t + 1):

    da_t = delta_t f'(a_t),    dL/dh_{t-1} = da_t W^T (+ what comes from above)

With a mask m of each sequence (variational dropout) W sees m h_{t-1}, and what comes back from its product is times m.

Source: Elman 1990 (doi:10.1207/s15516709cog1402_1); Werbos 1990 (doi:10.1109/5.58337) for the backward pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ebm.kernels.activations import activate_row, activated, slope, slope_row
from ebm.kernels.dense import MULTIPLY
from ebm.kernels.jit import core, cuda_loop
from ebm.kernels.recurrence import (
    Moment,
    begin,
    clear_row,
    copy_row,
    following,
    hand_on,
    mask_back,
    multiply_rows,
    pass_on,
    passed_back,
    recur,
    see,
    share,
    take_state,
)

if TYPE_CHECKING:
    from numba import cuda


@core(allocates=False)
def _forward(
    gates: Any, panels: Any, kind: Any, initial: Any, previous: Any, masks: Any, seen: Any, hidden: Any, final: Any,
    starts: Any, active: Any, ends: Any, order: Any, first: Any, last: Any,
) -> None:  # fmt: skip
    low, high = share(ends, first, last)
    units = hidden.shape[1]
    begin(initial, order, previous, low, high)
    for t in range(active.size):
        rows = min(high, active[t]) - low
        if rows <= 0:
            break
        top = starts[t] + low
        see(previous, top, rows, masks, order, low, seen)
        multiply_rows(seen, top, rows, panels, units, gates, top)
        for r in range(rows):
            h = hidden[top + r]
            copy_row(gates[top + r, :units], h)
            activate_row(h, units, kind)
            hand_on(h, following(t, starts, active, low + r), order, low + r, previous, final)


@core(allocates=False)
def _backward(
    gates: Any, panels: Any, kind: Any, masks: Any, hidden: Any, dy: Any, d_final: Any, carried: Any, d_initial: Any,
    starts: Any, active: Any, ends: Any, order: Any, first: Any, last: Any,
) -> None:  # fmt: skip
    """Write da into ``gates``; ``carried`` (ranks, padded units) brings dL/dh from time to time."""
    low, high = share(ends, first, last)
    units, done = hidden.shape[1], low
    for back in range(active.size):
        t = active.size - 1 - back
        rows = min(high, active[t]) - low
        for rank in range(done, low + rows):  # their last frame
            take_state(d_final, order[rank], carried[rank, :units])
        done = max(done, low + rows)
        for r in range(rows):
            frame, state = starts[t] + low + r, carried[low + r]
            above, target = dy[frame], gates[frame, :units]
            for j in range(units):
                target[j] = above[j] + state[j]
            copy_row(target, state[:units])
            slope_row(hidden[frame], state[:units], target, kind)
            clear_row(state)
        if rows > 0 and (t > 0 or d_initial.shape[0] > 0):
            multiply_rows(gates, starts[t] + low, rows, panels, units, carried, low)
            mask_back(carried, masks, order, low, rows)
    for rank in range(low, min(high, done) if d_initial.shape[0] > 0 else low):
        copy_row(carried[rank, :units], d_initial[order[rank]])


@cuda_loop
def _step_gpu(
    gates: Any, kind: Any, previous: Any, hidden: Any, final: Any, order: Any, products: Any,
    top: Any, rows: Any, going: Any,
) -> None:  # fmt: skip
    units = hidden.shape[1]
    for item in range(cuda.grid(1), rows * units, cuda.gridsize(1)):
        rank, j = item // units, item % units
        h = activated(gates[top + rank, j] + products[rank, j], kind)
        hidden[top + rank, j] = h
        pass_on(h, rank, j, top, rows, going, order, previous, final)


@cuda_loop
def _step_back_gpu(
    gates: Any, kind: Any, hidden: Any, dy: Any, d_final: Any, carried: Any, order: Any,
    top: Any, rows: Any, going: Any,
) -> None:  # fmt: skip
    units = hidden.shape[1]
    for item in range(cuda.grid(1), rows * units, cuda.gridsize(1)):
        rank, j = item // units, item % units
        delta = dy[top + rank, j] + passed_back(rank, j, going, order, carried, d_final)
        gates[top + rank, j] = delta * slope(hidden[top + rank, j], kind)


def forward(
    gates: Any, panels: Any, kind: Any, initial: Any, previous: Any, hidden: Any, final: Any, packing: Any,
    dropped: tuple[Any, Any] | None = None,
) -> None:  # fmt: skip
    """Go through time.

    Parameters
    ----------
    gates : ndarray of shape (n_frames, gate_columns(units))
        x U + b for every frame; a afterwards.
    panels : ndarray
        W (units, units), packed.
    kind : int64
        Of `ebm.kernels.activations.KINDS`.
    initial : ndarray of shape (n, units), or (0, units) for zeros
        The state before the first frame.
    previous, hidden : ndarray of shape (n_frames, units)
        Written: the state before and after every frame.
    final : ndarray of shape (n, units)
        Written: the state after the last frame.
    packing : Packing
    dropped : tuple of two ndarrays of shape (n, units) and (n_frames, units), optional
        A mask m of each sequence, and, written, m h before every frame: what W sees. By default it sees h.
    """
    masks, seen = dropped or (previous[:0], previous)
    work = hidden.size * (hidden.shape[1] // MULTIPLY + 8)
    recur(_forward, (gates, panels, kind, initial, previous, masks, seen, hidden, final), packing, work)


def backward(
    gates: Any, panels: Any, kind: Any, hidden: Any, dy: Any, d_final: Any, carried: Any, d_initial: Any, packing: Any,
    masks: Any = None,
) -> None:  # fmt: skip
    """Go back through time, and write da.

    Parameters
    ----------
    gates : ndarray of shape (n_frames, gate_columns(units))
        Written: da.
    panels : ndarray
        W^T, packed.
    kind : int64
    hidden, dy : ndarray of shape (n_frames, units)
    d_final : ndarray of shape (n, units), or (0, units) for zeros
        dL/dh after the last frame.
    carried : ndarray of shape (n, gate_columns(units))
        Working memory.
    d_initial : ndarray of shape (n, units), or (0, units) where it is not wanted
        Written: dL/dh before the first frame.
    packing : Packing
    masks : ndarray of shape (n, units), optional
        Those of the way forward.
    """
    masks = hidden[:0] if masks is None else masks
    work = hidden.size * (hidden.shape[1] // MULTIPLY + 4)
    recur(_backward, (gates, panels, kind, masks, hidden, dy, d_final, carried, d_initial), packing, work)


def step(
    gates: Any, kind: Any, previous: Any, hidden: Any, final: Any, order: Any, products: Any, moment: Moment
) -> None:
    """Go through one time on a GPU: as `forward`, but rows of gates are not padded and stay as they are.

    ``products`` (n, units) hold h W for the ranks of the time.
    """
    _step_gpu(moment.rows * hidden.shape[1], gates, kind, previous, hidden, final, order, products, *moment)


def step_back(
    gates: Any, kind: Any, hidden: Any, dy: Any, d_final: Any, carried: Any, order: Any, moment: Moment
) -> None:
    """Go back through one time on a GPU and write its da; ``carried`` (n, units) holds da W^T of the time after."""
    _step_back_gpu(moment.rows * hidden.shape[1], gates, kind, hidden, dy, d_final, carried, order, *moment)
