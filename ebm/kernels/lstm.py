"""The LSTM through time, with gates i, f, g, o side by side in this order.

    i, f, o = sigma(a_i), sigma(a_f), sigma(a_o),  g = tanh(a_g),  a_t = x_t U + h_{t-1} W + b
    c_t = f_t c_{t-1} + i_t g_t,    h_t = o_t tanh(c_t)

Backwards, with delta_t = dL/dh_t in all (from above and from time t + 1), and e_t = dL/dc_t:

    e_t = delta_t o_t (1 - tanh^2 c_t) + e_{t+1} f_{t+1}
    da_i = e g i (1 - i),  da_f = e c_{t-1} f (1 - f),  da_g = e i (1 - g^2),  da_o = delta tanh(c) o (1 - o)

Source: Hochreiter & Schmidhuber 1997 (doi:10.1162/neco.1997.9.8.1735), with the forget gate of Gers, Schmidhuber &
Cummins 2000 (doi:10.1162/089976600300015015), eqs. 4.4 to 4.9.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ebm.kernels.activations import tanh
from ebm.kernels.dense import MULTIPLY
from ebm.kernels.exponential import sigmoid
from ebm.kernels.jit import cell, core, cuda_loop, inner
from ebm.kernels.recurrence import (
    Moment,
    begin,
    clear_row,
    copy_row,
    following,
    hand_on,
    multiply_rows,
    pass_on,
    passed_back,
    recur,
    share,
    take_state,
)

if TYPE_CHECKING:
    from numba import cuda


@cell
def sigmoid_slope(y: Any) -> Any:
    """y (1 - y), the slope of y = sigma(a)."""
    return y * (type(y)(1) - y)


@cell
def tanh_slope(y: Any) -> Any:
    """1 - y^2, the slope of y = tanh(a)."""
    return type(y)(1) - y * y


@inner
def _activate(gates: Any, previous: Any, cell_: Any, squashed: Any, hidden: Any) -> None:
    """One frame of one sequence: gates in place, c, tanh c and h."""
    units = hidden.size
    i, f, g, o = gates[:units], gates[units : 2 * units], gates[2 * units : 3 * units], gates[3 * units : 4 * units]
    for j in range(units):
        i[j], f[j], g[j], o[j] = sigmoid(i[j]), sigmoid(f[j]), tanh(g[j]), sigmoid(o[j])
        c = f[j] * previous[j] + i[j] * g[j]
        cell_[j] = c
        squashed[j] = tanh(c)
        hidden[j] = o[j] * squashed[j]


@inner
def _slopes(gates: Any, previous: Any, squashed: Any, dy: Any, dh: Any, dc: Any) -> None:
    """One frame back: d pre-activations in place, and dL/dc of the frame before."""
    units = dy.size
    i, f, g, o = gates[:units], gates[units : 2 * units], gates[2 * units : 3 * units], gates[3 * units : 4 * units]
    for j in range(units):
        delta, s = dy[j] + dh[j], squashed[j]
        e = dc[j] + delta * o[j] * tanh_slope(s)
        d_i, d_f = e * g[j] * sigmoid_slope(i[j]), e * previous[j] * sigmoid_slope(f[j])
        d_g, d_o = e * i[j] * tanh_slope(g[j]), delta * s * sigmoid_slope(o[j])
        dc[j] = e * f[j]
        i[j], f[j], g[j], o[j] = d_i, d_f, d_g, d_o


@core(allocates=False)
def _forward(
    gates: Any, panels: Any, initial: Any, initial_cell: Any, previous: Any, previous_cell: Any, squashed: Any,
    hidden: Any, final: Any, final_cell: Any,
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
        multiply_rows(previous, top, rows, panels, 4 * units, gates, top)
        for r in range(rows):
            frame, row = top + r, following(t, starts, active, low + r)
            c = previous_cell[row] if row >= 0 else final_cell[order[low + r]]
            _activate(gates[frame], previous_cell[frame], c, squashed[frame], hidden[frame])
            hand_on(hidden[frame], row, order, low + r, previous, final)


@core(allocates=False)
def _backward(
    gates: Any, panels: Any, previous_cell: Any, squashed: Any, dy: Any, d_final: Any, d_final_cell: Any,
    carried: Any, carried_cell: Any, d_initial: Any, d_initial_cell: Any,
    starts: Any, active: Any, ends: Any, order: Any, first: Any, last: Any,
) -> None:  # fmt: skip
    """Write d pre-activations into ``gates``; ``carried`` bring dL/dh and dL/dc from time to time."""
    low, high = share(ends, first, last)
    units, done = dy.shape[1], low
    for back in range(active.size):
        t = active.size - 1 - back
        rows = min(high, active[t]) - low
        for rank in range(done, low + rows):  # their last frame
            take_state(d_final, order[rank], carried[rank, :units])
            take_state(d_final_cell, order[rank], carried_cell[rank])
        done = max(done, low + rows)
        top = starts[t] + low
        for r in range(rows):
            _slopes(
                gates[top + r], previous_cell[top + r], squashed[top + r], dy[top + r], carried[low + r],
                carried_cell[low + r],
            )  # fmt: skip
            clear_row(carried[low + r])
        if rows > 0 and (t > 0 or d_initial.shape[0] > 0):
            multiply_rows(gates, top, rows, panels, units, carried, low)
    if d_initial.shape[0] > 0:
        for rank in range(low, high):
            copy_row(carried[rank, :units], d_initial[order[rank]])
            copy_row(carried_cell[rank], d_initial_cell[order[rank]])


@cuda_loop
def _step_gpu(
    gates: Any, previous: Any, previous_cell: Any, squashed: Any, hidden: Any, final: Any, final_cell: Any,
    order: Any, products: Any, top: Any, rows: Any, going: Any,
) -> None:  # fmt: skip
    units = hidden.shape[1]
    for item in range(cuda.grid(1), rows * units, cuda.gridsize(1)):
        rank, j = item // units, item % units
        row, second, third, fourth = top + rank, units + j, 2 * units + j, 3 * units + j
        i = sigmoid(gates[row, j] + products[rank, j])
        f = sigmoid(gates[row, second] + products[rank, second])
        g = tanh(gates[row, third] + products[rank, third])
        o = sigmoid(gates[row, fourth] + products[rank, fourth])
        c = f * previous_cell[row, j] + i * g
        s = tanh(c)
        h = o * s
        gates[row, j], gates[row, second], gates[row, third], gates[row, fourth] = i, f, g, o
        squashed[row, j], hidden[row, j] = s, h
        pass_on(h, rank, j, top, rows, going, order, previous, final)
        pass_on(c, rank, j, top, rows, going, order, previous_cell, final_cell)


@cuda_loop
def _step_back_gpu(
    gates: Any, previous_cell: Any, squashed: Any, dy: Any, d_final: Any, d_final_cell: Any, carried: Any,
    carried_cell: Any, order: Any, top: Any, rows: Any, going: Any,
) -> None:  # fmt: skip
    units = dy.shape[1]
    for item in range(cuda.grid(1), rows * units, cuda.gridsize(1)):
        rank, j = item // units, item % units
        row, second, third, fourth = top + rank, units + j, 2 * units + j, 3 * units + j
        i, f, g, o = gates[row, j], gates[row, second], gates[row, third], gates[row, fourth]
        s = squashed[row, j]
        delta = dy[row, j] + passed_back(rank, j, going, order, carried, d_final)
        e = passed_back(rank, j, going, order, carried_cell, d_final_cell) + delta * o * tanh_slope(s)
        gates[row, j] = e * g * sigmoid_slope(i)
        gates[row, second] = e * previous_cell[row, j] * sigmoid_slope(f)
        gates[row, third] = e * i * tanh_slope(g)
        gates[row, fourth] = delta * s * sigmoid_slope(o)
        carried_cell[rank, j] = e * f


def forward(
    gates: Any, panels: Any, initial: tuple[Any, Any], previous: tuple[Any, Any], squashed: Any, hidden: Any,
    final: tuple[Any, Any], packing: Any,
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
    """
    work = hidden.size * (4 * hidden.shape[1] // MULTIPLY + 24)
    recur(_forward, (gates, panels, *initial, *previous, squashed, hidden, *final), packing, work)


def backward(
    gates: Any, panels: Any, previous_cell: Any, squashed: Any, dy: Any, d_final: tuple[Any, Any],
    carried: tuple[Any, Any], d_initial: tuple[Any, Any], packing: Any,
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
    """
    work = dy.size * (4 * dy.shape[1] // MULTIPLY + 8)
    recur(_backward, (gates, panels, previous_cell, squashed, dy, *d_final, *carried, *d_initial), packing, work)


def step(
    gates: Any, previous: tuple[Any, Any], squashed: Any, hidden: Any, final: tuple[Any, Any], order: Any,
    products: Any, moment: Moment,
) -> None:  # fmt: skip
    """Go through one time on a GPU: as `forward`, but rows of gates are not padded.

    ``products`` (n, 4 units) hold h W for the ranks of the time.
    """
    arrays = (gates, *previous, squashed, hidden, *final, order, products)
    _step_gpu(moment.rows * hidden.shape[1], *arrays, *moment)


def step_back(
    gates: Any, previous_cell: Any, squashed: Any, dy: Any, d_final: tuple[Any, Any], carried: tuple[Any, Any],
    order: Any, moment: Moment,
) -> None:  # fmt: skip
    """Go back through one time on a GPU: as `backward`; the first of ``carried`` holds da W^T of the time after."""
    arrays = (gates, previous_cell, squashed, dy, *d_final, *carried, order)
    _step_back_gpu(moment.rows * dy.shape[1], *arrays, *moment)
