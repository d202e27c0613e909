"""The GRU through time that resets the state before the product; the equations are in `ebm.kernels.gru`.

A step takes two products: h W_rz first, and (r h) W_n when r is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ebm.kernels.activations import sigmoid_slope, tanh, tanh_slope
from ebm.kernels.dense import MULTIPLY
from ebm.kernels.exponential import sigmoid
from ebm.kernels.gru_rows import back_from_mix, back_from_state, make_candidate, mix, mixed, open_gates, reset_state
from ebm.kernels.jit import core, cuda_loop
from ebm.kernels.linear import NONE
from ebm.kernels.recurrence import (
    Moment,
    begin,
    clear_row,
    copy_row,
    following,
    hand_on,
    mask_back,
    multiply_back,
    multiply_part,
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
    gates: Any, panels: Any, initial: Any, previous: Any, masks: Any, seen: Any, step: Any, reset: Any, hidden: Any,
    final: Any,
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
        multiply_part(seen, top, rows, NONE, units, panels, NONE, 2 * units, step, low)
        for r in range(rows):
            open_gates(gates[top + r], step[low + r], units)
            reset_state(gates[top + r], seen[top + r], reset[top + r])
            clear_row(step[low + r])
        multiply_part(reset, top, rows, NONE, units, panels, 2 * units, 3 * units, step, low)
        for r in range(rows):
            frame, rank = top + r, low + r
            make_candidate(gates[frame], step[rank], units)
            mix(gates[frame], previous[frame], hidden[frame])
            hand_on(hidden[frame], following(t, starts, active, rank), order, rank, previous, final)


@core(allocates=False)
def _backward(
    gates: Any, panels: Any, previous: Any, masks: Any, dy: Any, d_final: Any, carried: Any, d_reset: Any,
    d_initial: Any,
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
        done = max(done, low + rows)
        top = starts[t] + low
        for r in range(rows):
            back_from_mix(gates[top + r], previous[top + r], dy[top + r], carried[low + r])
            clear_row(d_reset[low + r])
        multiply_part(gates, top, rows, 2 * units, 3 * units, panels, NONE, units, d_reset, low)
        mask_back(d_reset, masks, order, low, rows)
        for r in range(rows):
            back_from_state(gates[top + r], previous[top + r], d_reset[low + r], carried[low + r])
        if t > 0 or d_initial.shape[0] > 0:
            multiply_back(gates, top, rows, 2 * units, panels, units, carried, low, masks, order, d_reset)
    if d_initial.shape[0] > 0:
        for rank in range(low, high):
            copy_row(carried[rank, :units], d_initial[order[rank]])


@cuda_loop
def _open_gpu(gates: Any, seen: Any, reset: Any, products: Any, top: Any, rows: Any) -> None:
    """r and z in place, and r h."""
    units = reset.shape[1]
    for item in range(cuda.grid(1), rows * units, cuda.gridsize(1)):
        rank, j = item // units, item % units
        row, second = top + rank, units + j
        r = sigmoid(gates[row, j] + products[rank, j])
        gates[row, j], reset[row, j] = r, r * seen[row, j]
        gates[row, second] = sigmoid(gates[row, second] + products[rank, second])


@cuda_loop
def _mix_gpu(
    gates: Any, previous: Any, hidden: Any, final: Any, order: Any, products: Any, top: Any, rows: Any, going: Any
) -> None:
    """n in place, and h."""
    units = hidden.shape[1]
    for item in range(cuda.grid(1), rows * units, cuda.gridsize(1)):
        rank, j = item // units, item % units
        row, third = top + rank, 2 * units + j
        n = tanh(gates[row, third] + products[rank, j])
        h = mixed(gates[row, units + j], n, previous[row, j])
        gates[row, third], hidden[row, j] = n, h
        pass_on(h, rank, j, top, rows, going, order, previous, final)


@cuda_loop
def _back_from_mix_gpu(
    gates: Any, previous: Any, dy: Any, d_final: Any, carried: Any, beside: Any, order: Any,
    top: Any, rows: Any, going: Any,
) -> None:  # fmt: skip
    """da_z and da_n in place, and delta z."""
    units = dy.shape[1]
    for item in range(cuda.grid(1), rows * units, cuda.gridsize(1)):
        rank, j = item // units, item % units
        row, second, third = top + rank, units + j, 2 * units + j
        z, n = gates[row, second], gates[row, third]
        delta = dy[row, j] + passed_back(rank, j, going, order, carried, d_final)
        if rank < going:
            delta += beside[rank, j]
        gates[row, second] = delta * (previous[row, j] - n) * sigmoid_slope(z)
        gates[row, third] = (delta - delta * z) * tanh_slope(n)
        beside[rank, j] = delta * z


@cuda_loop
def _back_from_state_gpu(gates: Any, previous: Any, d_reset: Any, beside: Any, top: Any, rows: Any) -> None:
    """da_r in place, and what comes through r h."""
    units = beside.shape[1]
    for item in range(cuda.grid(1), rows * units, cuda.gridsize(1)):
        rank, j = item // units, item % units
        row, r = top + rank, gates[top + rank, j]
        gates[row, j] = d_reset[rank, j] * previous[row, j] * sigmoid_slope(r)
        beside[rank, j] += d_reset[rank, j] * r


def forward(
    gates: Any, panels: Any, initial: Any, previous: Any, step: Any, reset: Any, hidden: Any, final: Any, packing: Any,
    dropped: tuple[Any, Any] | None = None,
) -> None:  # fmt: skip
    """Go through time; as `ebm.kernels.gru.forward`, but for ``reset``.

    Parameters
    ----------
    gates, panels, initial, previous, step, hidden, final, packing, dropped
        See there.
    reset : ndarray of shape (n_frames, units)
        Written: r h_{t-1}, of the masked state where there are masks.
    """
    masks, seen = dropped or (previous[:0], previous)
    work = hidden.size * (3 * hidden.shape[1] // MULTIPLY + 18)
    recur(_forward, (gates, panels, initial, previous, masks, seen, step, reset, hidden, final), packing, work)


def backward(
    gates: Any, panels: Any, previous: Any, dy: Any, d_final: Any, carried: Any, d_reset: Any, d_initial: Any,
    packing: Any, masks: Any = None,
) -> None:  # fmt: skip
    """Go back through time; as `ebm.kernels.gru.backward`, but for ``d_reset``.

    Parameters
    ----------
    gates, panels, previous, dy, d_final, carried, d_initial, packing, masks
        See there.
    d_reset : ndarray of shape (n, gate_columns(units))
        Working memory.
    """
    masks = dy[:0] if masks is None else masks
    work = dy.size * (3 * dy.shape[1] // MULTIPLY + 8)
    recur(_backward, (gates, panels, previous, masks, dy, d_final, carried, d_reset, d_initial), packing, work)


def step(
    gates: Any, previous: Any, seen: Any, reset: Any, hidden: Any, final: Any, order: Any, multiply: Any, products: Any,
    moment: Moment,
) -> None:  # fmt: skip
    """Go through one time on a GPU: as `forward`, but rows of gates are not padded.

    ``products`` (n, 2 units) hold h W_rz for the ranks of the time, and ``multiply(moment)`` returns (r h) W_n. What
    products see of h is ``seen``.
    """
    threads = moment.rows * hidden.shape[1]
    _open_gpu(threads, gates, seen, reset, products, moment.top, moment.rows)
    _mix_gpu(threads, gates, previous, hidden, final, order, multiply(moment), *moment)


def step_back(
    gates: Any, previous: Any, dy: Any, d_final: Any, carried: Any, beside: Any, order: Any, multiply: Any,
    moment: Moment,
) -> None:  # fmt: skip
    """Go back through one time on a GPU: as `backward`; ``multiply(moment)`` returns da_n W_n^T, (n, units).

    Of dL/dh of the time after, ``carried`` holds the product, and ``beside`` (n, units) the rest.
    """
    threads = moment.rows * dy.shape[1]
    _back_from_mix_gpu(threads, gates, previous, dy, d_final, carried, beside, order, *moment)
    _back_from_state_gpu(threads, gates, previous, multiply(moment), beside, moment.top, moment.rows)
