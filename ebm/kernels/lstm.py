"""The LSTM through time, with gates i, f, g, o side by side in this order.

    i, f, o = sigma(a_i), sigma(a_f), sigma(a_o),  g = tanh(a_g),  a_t = x_t U + h_{t-1} W + b
    c_t = f_t c_{t-1} + i_t g_t,    h_t = o_t tanh(c_t)

With peepholes p gates see the cell: a_i + p_i c_{t-1}, a_f + p_f c_{t-1} and a_o + p_o c_t stand for a_i, a_f and a_o.
Backwards, with delta_t = dL/dh_t in all (from above and from time t + 1), and e_t = dL/dc_t:

    da_o = delta tanh(c) o (1 - o),    e_t = delta_t o_t (1 - tanh^2 c_t) + p_o da_o + e'_{t+1}
    da_i = e g i (1 - i),  da_f = e c_{t-1} f (1 - f),  da_g = e i (1 - g^2)
    e'_t = e_t f_t + p_i da_i + p_f da_f,  which goes to time t - 1
    dp_i = sum_t da_i c_{t-1},  dp_f = sum_t da_f c_{t-1},  dp_o = sum_t da_o c_t

With a mask m of each sequence (variational dropout) W sees m h_{t-1}, and what comes back from its product is times m.

Source: Hochreiter & Schmidhuber 1997 (doi:10.1162/neco.1997.9.8.1735), with the forget gate of Gers, Schmidhuber &
Cummins 2000 (doi:10.1162/089976600300015015), eqs. 4.4 to 4.9; peepholes: Gers, Schraudolph & Schmidhuber 2002
(https://www.jmlr.org/papers/v3/gers02a.html), whose gradients were cut off in time, as these are not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.kernels.activations import sigmoid_slope, tanh, tanh_slope
from ebm.kernels.dense import MULTIPLY
from ebm.kernels.exponential import sigmoid
from ebm.kernels.jit import core, cuda_loop
from ebm.kernels.lstm_rows import activate_frame, retreat_frame
from ebm.kernels.recurrence import (
    Moment,
    add_up,
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
    gates: Any, panels: Any, peepholes: Any, initial: Any, initial_cell: Any, previous: Any, previous_cell: Any,
    masks: Any, seen: Any, squashed: Any, hidden: Any, final: Any, final_cell: Any,
    starts: Any, active: Any, ends: Any, order: Any, first: Any, last: Any,
) -> None:  # fmt: skip
    low, high = share(ends, first, last)
    units = hidden.shape[1]
    begin(initial, order, previous, low, high)
    begin(initial_cell, order, previous_cell, low, high)
    for t in range(active.size):
        rows = min(high, active[t]) - low
        if rows <= 0:
            break
        top = starts[t] + low
        see(previous, top, rows, masks, order, low, seen)
        multiply_rows(seen, top, rows, panels, 4 * units, gates, top)
        for r in range(rows):
            frame, row = top + r, following(t, starts, active, low + r)
            c = previous_cell[row] if row >= 0 else final_cell[order[low + r]]
            activate_frame(gates[frame], peepholes, previous_cell[frame], c, squashed[frame], hidden[frame])
            hand_on(hidden[frame], row, order, low + r, previous, final)


@core(allocates=False)
def _backward(
    gates: Any, panels: Any, peepholes: Any, previous_cell: Any, masks: Any, squashed: Any, dy: Any,
    d_final: Any, d_final_cell: Any, carried: Any, carried_cell: Any, d_initial: Any, d_initial_cell: Any, sums: Any,
    starts: Any, active: Any, ends: Any, order: Any, first: Any, last: Any,
) -> None:  # fmt: skip
    """Write d pre-activations into ``gates``; ``carried`` bring dL/dh and dL/dc from time to time.

    ``sums`` (ranks, 3 units, or no columns) are each sequence's part of dL/dp.
    """
    low, high = share(ends, first, last)
    units, done = dy.shape[1], low
    for back in range(active.size):
        t = active.size - 1 - back
        rows = min(high, active[t]) - low
        for rank in range(done, low + rows):  # their last frame
            take_state(d_final, order[rank], carried[rank, :units])
            take_state(d_final_cell, order[rank], carried_cell[rank])
            clear_row(sums[rank])
        done = max(done, low + rows)
        top = starts[t] + low
        for r in range(rows):
            dh = carried[low + r]
            retreat_frame(
                gates[top + r], peepholes, previous_cell[top + r], dh[:units], squashed[top + r], dy[top + r],
                dh[:units], carried_cell[low + r], sums[low + r],
            )  # fmt: skip
            clear_row(dh)
        if rows > 0 and (t > 0 or d_initial.shape[0] > 0):
            multiply_rows(gates, top, rows, panels, units, carried, low)
            mask_back(carried, masks, order, low, rows)
    if d_initial.shape[0] > 0:
        for rank in range(low, high):
            copy_row(carried[rank, :units], d_initial[order[rank]])
            copy_row(carried_cell[rank], d_initial_cell[order[rank]])


@cuda_loop
def _step_gpu(
    gates: Any, peepholes: Any, previous: Any, previous_cell: Any, squashed: Any, hidden: Any, final: Any,
    final_cell: Any, order: Any, products: Any, top: Any, rows: Any, going: Any,
) -> None:  # fmt: skip
    units = hidden.shape[1]
    for item in range(cuda.grid(1), rows * units, cuda.gridsize(1)):
        rank, j = item // units, item % units
        row, second, third, fourth = top + rank, units + j, 2 * units + j, 3 * units + j
        before = previous_cell[row, j]
        i, f = gates[row, j] + products[rank, j], gates[row, second] + products[rank, second]
        o = gates[row, fourth] + products[rank, fourth]
        if peepholes.shape[0] > 0:
            i, f = i + peepholes[0, j] * before, f + peepholes[1, j] * before
        i, f, g = sigmoid(i), sigmoid(f), tanh(gates[row, third] + products[rank, third])
        c = f * before + i * g
        if peepholes.shape[0] > 0:
            o += peepholes[2, j] * c
        o, s = sigmoid(o), tanh(c)
        h = o * s
        gates[row, j], gates[row, second], gates[row, third], gates[row, fourth] = i, f, g, o
        squashed[row, j], hidden[row, j] = s, h
        pass_on(h, rank, j, top, rows, going, order, previous, final)
        pass_on(c, rank, j, top, rows, going, order, previous_cell, final_cell)


@cuda_loop
def _step_back_gpu(
    gates: Any, peepholes: Any, previous_cell: Any, squashed: Any, dy: Any, d_final: Any, d_final_cell: Any,
    carried: Any, carried_cell: Any, sums: Any, order: Any, top: Any, rows: Any, going: Any,
) -> None:  # fmt: skip
    units = dy.shape[1]
    for item in range(cuda.grid(1), rows * units, cuda.gridsize(1)):
        rank, j = item // units, item % units
        row, second, third, fourth = top + rank, units + j, 2 * units + j, 3 * units + j
        i, f, g, o = gates[row, j], gates[row, second], gates[row, third], gates[row, fourth]
        before, s = previous_cell[row, j], squashed[row, j]
        delta = dy[row, j] + passed_back(rank, j, going, order, carried, d_final)
        e = passed_back(rank, j, going, order, carried_cell, d_final_cell) + delta * o * tanh_slope(s)
        d_o = delta * s * sigmoid_slope(o)
        if peepholes.shape[0] > 0:
            e += peepholes[2, j] * d_o
        d_i, d_f = e * g * sigmoid_slope(i), e * before * sigmoid_slope(f)
        d_before = e * f
        if peepholes.shape[0] > 0:
            d_before += peepholes[0, j] * d_i + peepholes[1, j] * d_f
            add_up(d_i * before, rank, j, going, sums)
            add_up(d_f * before, rank, second, going, sums)
            add_up(d_o * (f * before + i * g), rank, third, going, sums)
        carried_cell[rank, j] = d_before
        gates[row, j], gates[row, second], gates[row, third], gates[row, fourth] = d_i, d_f, e * i * tanh_slope(g), d_o


def forward(
    gates: Any, panels: Any, initial: tuple[Any, Any], previous: tuple[Any, Any], squashed: Any,
    hidden: Any, final: tuple[Any, Any], packing: Any, peepholes: Any = None,
    dropped: tuple[Any, Any] | None = None,
) -> None:  # fmt: skip
    """Go through time.

    Parameters
    ----------
    gates : ndarray of shape (n_frames, gate_columns(4 units))
        x U + b for every frame; i, f, g, o afterwards.
    panels : ndarray
        W (units, 4 units), packed.
    initial : tuple of two ndarrays of shape (n, units), or (0, units) for zeros
        h and c before the first frame.
    previous : tuple of two ndarrays of shape (n_frames, units)
        Written: h and c before every frame.
    squashed, hidden : ndarray of shape (n_frames, units)
        Written: tanh c and h after every frame.
    final : tuple of two ndarrays of shape (n, units)
        Written: h and c after the last frame.
    packing : Packing
    peepholes : ndarray of shape (3, units), optional
        p, in the order i, f, o; none by default.
    dropped : tuple of two ndarrays of shape (n, units) and (n_frames, units), optional
        A mask m of each sequence, and, written, m h before every frame: what W sees. By default it sees h.
    """
    masks, seen = dropped or (previous[0][:0], previous[0])
    if peepholes is None:
        peepholes = np.empty((0, hidden.shape[1]), hidden.dtype)
    work = hidden.size * (4 * hidden.shape[1] // MULTIPLY + 24)
    recur(
        _forward, (gates, panels, peepholes, *initial, *previous, masks, seen, squashed, hidden, *final), packing, work
    )


def backward(
    gates: Any, panels: Any, previous_cell: Any, squashed: Any, dy: Any, d_final: tuple[Any, Any],
    carried: tuple[Any, Any], d_initial: tuple[Any, Any], packing: Any, peepholes: Any = None,
    sums: Any = None, masks: Any = None,
) -> None:  # fmt: skip
    """Go back through time.

    Parameters
    ----------
    gates : ndarray of shape (n_frames, gate_columns(4 units))
        i, f, g, o; d pre-activations afterwards.
    panels : ndarray
        W^T, packed.
    previous_cell, squashed, dy : ndarray of shape (n_frames, units)
    d_final : tuple of two ndarrays of shape (n, units), or (0, units) for zeros
    carried : tuple of ndarrays of shape (n, gate_columns(units)) and (n, units)
        Working memory.
    d_initial : tuple of two ndarrays of shape (n, units), or (0, units) where they are not wanted
        Written: dL/dh and dL/dc before the first frame.
    packing : Packing
    peepholes : ndarray of shape (3, units), optional
        p, none by default.
    sums : ndarray of shape (n, 3 units), with peepholes
        Written: dL/dp of each sequence, by rank.
    masks : ndarray of shape (n, units), optional
        Those of the way forward.
    """
    masks = dy[:0] if masks is None else masks
    if peepholes is None:
        peepholes, sums = np.empty((0, dy.shape[1]), dy.dtype), np.empty((packing.n, 0), dy.dtype)
    work = dy.size * (4 * dy.shape[1] // MULTIPLY + 8)
    given = (gates, panels, peepholes, previous_cell, masks, squashed, dy, *d_final, *carried, *d_initial, sums)
    recur(_backward, given, packing, work)


def step(
    gates: Any, peepholes: Any, previous: tuple[Any, Any], squashed: Any, hidden: Any, final: tuple[Any, Any],
    order: Any, products: Any, moment: Moment,
) -> None:  # fmt: skip
    """Go through one time on a GPU: as `forward`, but rows of gates are not padded, and no peepholes are (0, units).

    ``products`` (n, 4 units) hold h W for the ranks of the time.
    """
    arrays = (gates, peepholes, *previous, squashed, hidden, *final, order, products)
    _step_gpu(moment.rows * hidden.shape[1], *arrays, *moment)


def step_back(
    gates: Any, peepholes: Any, previous_cell: Any, squashed: Any, dy: Any, d_final: tuple[Any, Any],
    carried: tuple[Any, Any], sums: Any, order: Any, moment: Moment,
) -> None:  # fmt: skip
    """Go back through one time on a GPU: as `backward`; the first of ``carried`` holds da W^T of the time after."""
    arrays = (gates, peepholes, previous_cell, squashed, dy, *d_final, *carried, sums, order)
    _step_back_gpu(moment.rows * dy.shape[1], *arrays, *moment)
