"""The GRU through time.

From pre-activations of r, z and the candidate n, side by side in that order:

    r, z = sigma(a_r), sigma(a_z),  a_t = x_t U + h_{t-1} W + b
    n = tanh(a_n + r m),  a_n = x_t U_n + b_n,  m = h_{t-1} W_n + c
    h_t = (1 - z) n + z h_{t-1}

z weights the *old* state, as in torch and ONNX; other texts let it weight the new one. Here r resets after the product;
`ebm.kernels.gru_before` resets before it, n = tanh(a_n + s W_n) with s = r h_{t-1}. Backwards, with
delta_t = dL/dh_t in all:

    da_z = delta (h_{t-1} - n) z (1 - z),   da_n = delta (1 - z) (1 - n^2)
    after:   dm = r da_n,        da_r = m da_n r (1 - r),       dL/dh_{t-1} = delta z + (da_r | da_z | dm) W^T
    before:  ds = da_n W_n^T,    da_r = h_{t-1} ds r (1 - r),   dL/dh_{t-1} = delta z + r ds + (da_r | da_z) W_rz^T

With a mask of each sequence (variational dropout) products see the masked state, and the mixture with z sees all of it.

Source: Cho et al. 2014 (arXiv:1406.1078), eqs. 5 to 8, who reset before. After is what cuDNN and torch compute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ebm.kernels.activations import sigmoid_slope, tanh, tanh_slope
from ebm.kernels.dense import MULTIPLY
from ebm.kernels.exponential import sigmoid
from ebm.kernels.gru_rows import back_from_mix, back_from_product, mix, mixed, open_gates, reset_product
from ebm.kernels.jit import core, cuda_loop
from ebm.kernels.recurrence import (
    Moment,
    add_up,
    begin,
    clear_row,
    copy_row,
    following,
    hand_on,
    multiply_back,
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
    gates: Any, panels: Any, bias: Any, initial: Any, previous: Any, masks: Any, seen: Any, step: Any, product: Any,
    hidden: Any, final: Any,
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
        for rank in range(low, low + rows):
            clear_row(step[rank])
        see(previous, top, rows, masks, order, low, seen)
        multiply_rows(seen, top, rows, panels, 3 * units, step, low)
        for r in range(rows):
            frame, rank = top + r, low + r
            open_gates(gates[frame], step[rank], units)
            reset_product(gates[frame], step[rank], bias, product[frame])
            mix(gates[frame], previous[frame], hidden[frame])
            hand_on(hidden[frame], following(t, starts, active, rank), order, rank, previous, final)


@core(allocates=False)
def _backward(
    gates: Any, panels: Any, previous: Any, masks: Any, product: Any, dy: Any, d_final: Any, carried: Any,
    working: Any, d_step: Any, sums: Any, d_initial: Any,
    starts: Any, active: Any, ends: Any, order: Any, first: Any, last: Any,
) -> None:  # fmt: skip
    """Write da into ``gates``; ``carried`` (ranks, padded units) brings dL/dh from time to time."""
    low, high = share(ends, first, last)
    units, done = dy.shape[1], low
    for back in range(active.size):
        t = active.size - 1 - back
        rows = min(high, active[t]) - low
        for rank in range(done, low + rows):  # their last frame
            take_state(d_final, order[rank], carried[rank, :units])
            clear_row(sums[rank])
        done = max(done, low + rows)
        top = starts[t] + low
        for r in range(rows):
            frame = top + r
            back_from_mix(gates[frame], previous[frame], dy[frame], carried[low + r])
            back_from_product(gates[frame], product[frame], d_step[frame], sums[low + r])
        if rows > 0 and (t > 0 or d_initial.shape[0] > 0):
            multiply_back(d_step, top, rows, 3 * units, panels, units, carried, low, masks, order, working)
    if d_initial.shape[0] > 0:
        for rank in range(low, high):
            copy_row(carried[rank, :units], d_initial[order[rank]])


@cuda_loop
def _step_gpu(
    gates: Any, bias: Any, previous: Any, product: Any, hidden: Any, final: Any, order: Any, products: Any,
    top: Any, rows: Any, going: Any,
) -> None:  # fmt: skip
    units = hidden.shape[1]
    for item in range(cuda.grid(1), rows * units, cuda.gridsize(1)):
        rank, j = item // units, item % units
        row, second, third = top + rank, units + j, 2 * units + j
        r = sigmoid(gates[row, j] + products[rank, j])
        z = sigmoid(gates[row, second] + products[rank, second])
        m = products[rank, third] + bias[j]
        n = tanh(gates[row, third] + r * m)
        h = mixed(z, n, previous[row, j])
        gates[row, j], gates[row, second], gates[row, third] = r, z, n
        product[row, j], hidden[row, j] = m, h
        pass_on(h, rank, j, top, rows, going, order, previous, final)


@cuda_loop
def _step_back_gpu(
    gates: Any, previous: Any, product: Any, dy: Any, d_final: Any, carried: Any, beside: Any, d_step: Any, sums: Any,
    order: Any, top: Any, rows: Any, going: Any,
) -> None:  # fmt: skip
    units = dy.shape[1]
    for item in range(cuda.grid(1), rows * units, cuda.gridsize(1)):
        rank, j = item // units, item % units
        row, second, third = top + rank, units + j, 2 * units + j
        r, z, n = gates[row, j], gates[row, second], gates[row, third]
        delta = dy[row, j] + passed_back(rank, j, going, order, carried, d_final)
        if rank < going:
            delta += beside[rank, j]
        d_z = delta * (previous[row, j] - n) * sigmoid_slope(z)
        d_n = (delta - delta * z) * tanh_slope(n)
        d_r, d_m = d_n * product[row, j] * sigmoid_slope(r), d_n * r
        beside[rank, j] = delta * z
        add_up(d_m, rank, j, going, sums)
        gates[row, j], gates[row, second], gates[row, third] = d_r, d_z, d_n
        d_step[row, j], d_step[row, second], d_step[row, third] = d_r, d_z, d_m


def forward(
    gates: Any, panels: Any, bias: Any, initial: Any, previous: Any, step: Any, product: Any, hidden: Any, final: Any,
    packing: Any, dropped: tuple[Any, Any] | None = None,
) -> None:  # fmt: skip
    """Go through time.

    Parameters
    ----------
    gates : ndarray of shape (n_frames, gate_columns(3 units))
        x U + b for every frame; r, z, n afterwards.
    panels : ndarray
        W (units, 3 units), packed.
    bias : ndarray of shape (units,)
        c.
    initial : ndarray of shape (n, units), or (0, units) for zeros
        h before the first frame.
    previous : ndarray of shape (n_frames, units)
        Written: h before every frame.
    step : ndarray of shape (n, gate_columns(3 units))
        Working memory.
    product, hidden : ndarray of shape (n_frames, units)
        Written: m, and h after every frame.
    final : ndarray of shape (n, units)
        Written: h after the last frame.
    packing : Packing
    dropped : tuple of two ndarrays of shape (n, units) and (n_frames, units), optional
        A mask of each sequence, and, written, the masked h before every frame: what W sees. By default it sees h.
    """
    masks, seen = dropped or (previous[:0], previous)
    work = hidden.size * (3 * hidden.shape[1] // MULTIPLY + 18)
    recur(_forward, (gates, panels, bias, initial, previous, masks, seen, step, product, hidden, final), packing, work)


def backward(
    gates: Any, panels: Any, previous: Any, product: Any, dy: Any, d_final: Any, carried: Any, working: Any,
    d_step: Any, sums: Any, d_initial: Any, packing: Any, masks: Any = None,
) -> None:  # fmt: skip
    """Go back through time.

    Parameters
    ----------
    gates : ndarray of shape (n_frames, gate_columns(3 units))
        r, z, n; da_r, da_z, da_n afterwards.
    panels : ndarray
        W^T, packed.
    previous, product, dy : ndarray of shape (n_frames, units)
    d_final : ndarray of shape (n, units), or (0, units) for zeros
        dL/dh after the last frame.
    carried, working : ndarray of shape (n, gate_columns(units))
        Working memory.
    d_step : ndarray of shape (n_frames, gate_columns(3 units))
        Written: gradients of h W: da_r, da_z, dm.
    sums : ndarray of shape (n, units)
        Written: dL/dc of each sequence, by rank.
    d_initial : ndarray of shape (n, units), or (0, units) where it is not wanted
        Written: dL/dh before the first frame.
    packing : Packing
    masks : ndarray of shape (n, units), optional
        Those of the way forward.
    """
    masks = dy[:0] if masks is None else masks
    work = dy.size * (3 * dy.shape[1] // MULTIPLY + 8)
    given = (gates, panels, previous, masks, product, dy, d_final, carried, working, d_step, sums, d_initial)
    recur(_backward, given, packing, work)


def step(
    gates: Any, bias: Any, previous: Any, product: Any, hidden: Any, final: Any, order: Any, products: Any,
    moment: Moment,
) -> None:  # fmt: skip
    """Go through one time on a GPU: as `forward`, but rows of gates are not padded.

    ``products`` (n, 3 units) hold h W for the ranks of the time.
    """
    arrays = (gates, bias, previous, product, hidden, final, order, products)
    _step_gpu(moment.rows * hidden.shape[1], *arrays, *moment)


def step_back(
    gates: Any, previous: Any, product: Any, dy: Any, d_final: Any, carried: Any, beside: Any, d_step: Any, sums: Any,
    order: Any, moment: Moment,
) -> None:  # fmt: skip
    """Go back through one time on a GPU: as `backward`.

    Of dL/dh of the time after, ``carried`` holds the product, and ``beside`` (n, units) delta z.
    """
    arrays = (gates, previous, product, dy, d_final, carried, beside, d_step, sums, order)
    _step_back_gpu(moment.rows * dy.shape[1], *arrays, *moment)
