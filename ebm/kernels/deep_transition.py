"""A recurrence whose step from one state to the next is itself deep, of L levels.

    z^1_t = x_t U + h_{t-1} W_1 + b_1,    z^l_t = y^{l-1}_t W_l + b_l,    y^l_t = f(z^l_t),    h_t = y^L_t

and with a shortcut h_{t-1} S is added to z^L_t. Backwards, with delta^l = dL/dy^l in all:

    dz^l = delta^l f'(z^l),    delta^{l-1} = dz^l W_l^T,    dL/dh_{t-1} = dz^1 W_1^T + dz^L S^T

Gradients of W_l and S are products over all frames at the end. With a mask m of each sequence (variational dropout) W_1
and S see m h_{t-1}, and what comes back from their products is times m.

Source: Pascanu, Gulcehre, Cho & Bengio 2014 (arXiv:1312.6026), section 3: the deep transition RNN, and the one with
shortcuts, DT(S)-RNN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.kernels.activations import activate_row, activated, slope_row
from ebm.kernels.dense import MULTIPLY
from ebm.kernels.jit import core, cuda_loop, inner
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
    recur,
    see,
    share,
    take_state,
)

if TYPE_CHECKING:
    from numba import cuda


@inner
def _put_bias(bias: Any, level: Any, top: Any, rows: Any, gates: Any) -> None:
    units = bias.size // gates.shape[0]
    own, rest = bias[level * units : (level + 1) * units], gates[level]
    for row in range(top, top + rows):
        target = rest[row]
        clear_row(target)
        copy_row(own, target[:units])


@inner
def _activate(gates: Any, top: Any, rows: Any, kind: Any, out: Any) -> None:
    units = out.shape[1]
    for row in range(top, top + rows):
        copy_row(gates[row, :units], out[row])
        activate_row(out[row], units, kind)


@inner
def _slope(out: Any, top: Any, rows: Any, kind: Any, gates: Any, carried: Any, bottom: Any) -> None:
    """From dL/dy in ``carried`` to dz in ``gates``; ``carried`` is 0 then, for the product that comes next."""
    units = out.shape[1]
    for r in range(rows):
        state = carried[bottom + r]
        slope_row(out[top + r], state[:units], gates[top + r, :units], kind)
        clear_row(state)


@core(allocates=False)
def _forward(
    gates: Any, deeper: Any, panels: Any, transitions: Any, bias: Any, shortcut: Any, kind: Any, initial: Any,
    previous: Any, masks: Any, seen: Any, between: Any, hidden: Any, final: Any,
    starts: Any, active: Any, ends: Any, order: Any, first: Any, last: Any,
) -> None:  # fmt: skip
    low, high = share(ends, first, last)
    units, more = hidden.shape[1], transitions.shape[0]
    begin(initial, order, previous, low, high)
    for t in range(active.size):
        rows = min(high, active[t]) - low
        if rows <= 0:
            break
        top = starts[t] + low
        see(previous, top, rows, masks, order, low, seen)
        multiply_rows(seen, top, rows, panels, units, gates, top)
        _activate(gates, top, rows, kind, between[0] if more > 0 else hidden)
        for k in range(more):
            _put_bias(bias, k, top, rows, deeper)
            multiply_rows(between[k], top, rows, transitions[k], units, deeper[k], top)
            if k + 1 == more and shortcut.shape[0] > 0:
                multiply_rows(seen, top, rows, shortcut, units, deeper[k], top)
            _activate(deeper[k], top, rows, kind, between[k + 1] if k + 1 < more else hidden)
        for r in range(rows):
            hand_on(hidden[top + r], following(t, starts, active, low + r), order, low + r, previous, final)


@core(allocates=False)
def _backward(
    gates: Any, deeper: Any, panels: Any, transitions: Any, shortcut: Any, kind: Any, masks: Any, between: Any,
    hidden: Any, dy: Any, d_final: Any, carried: Any, d_initial: Any,
    starts: Any, active: Any, ends: Any, order: Any, first: Any, last: Any,
) -> None:  # fmt: skip
    """Write dz into ``gates`` and ``deeper``; ``carried`` (ranks, padded units) brings dL/dh from time to time."""
    low, high = share(ends, first, last)
    units, done, more = hidden.shape[1], low, transitions.shape[0]
    for back in range(active.size):
        t = active.size - 1 - back
        rows = min(high, active[t]) - low
        for rank in range(done, low + rows):  # their last frame
            take_state(d_final, order[rank], carried[rank, :units])
        done = max(done, low + rows)
        top = starts[t] + low
        for r in range(rows):
            above, state = dy[top + r], carried[low + r]
            for j in range(units):
                state[j] += above[j]
        _slope(hidden, top, rows, kind, deeper[more - 1] if more > 0 else gates, carried, low)
        for k in range(more - 1, -1, -1):
            multiply_rows(deeper[k], top, rows, transitions[k], units, carried, low)
            _slope(between[k], top, rows, kind, deeper[k - 1] if k > 0 else gates, carried, low)
        if rows > 0 and (t > 0 or d_initial.shape[0] > 0):
            multiply_rows(gates, top, rows, panels, units, carried, low)
            if shortcut.shape[0] > 0:
                multiply_rows(deeper[more - 1], top, rows, shortcut, units, carried, low)
            mask_back(carried, masks, order, low, rows)
    if d_initial.shape[0] > 0:
        for rank in range(low, high):
            copy_row(carried[rank, :units], d_initial[order[rank]])


@cuda_loop
def _level_gpu(
    gates: Any, bias: Any, products: Any, beside: Any, left: Any, kind: Any, is_last: Any, out: Any, previous: Any,
    final: Any, order: Any, top: Any, rows: Any, going: Any,
) -> None:  # fmt: skip
    units = out.shape[1]
    for item in range(cuda.grid(1), rows * units, cuda.gridsize(1)):
        rank, j = item // units, item % units
        z = products[rank, j]
        if gates.shape[0] > 0:
            z += gates[top + rank, j]
        else:
            z += bias[j]
        if beside.shape[0] > 0:
            z += beside[rank, left + j]
        y = activated(z, kind)
        out[top + rank, j] = y
        if is_last:
            pass_on(y, rank, j, top, rows, going, order, previous, final)


def _work(hidden: Any, transitions: Any) -> int:
    return hidden.size * (transitions.shape[0] + 1) * (hidden.shape[1] // MULTIPLY + 8)


def forward(
    gates: Any, deeper: Any, weights: tuple[Any, Any, Any, Any], kind: Any, initial: Any,
    previous: Any, between: Any, hidden: Any, final: Any, packing: Any, dropped: tuple[Any, Any] | None = None,
) -> None:  # fmt: skip
    """Go through time.

    Parameters
    ----------
    gates : ndarray of shape (n_frames, gate_columns(units))
        x U + b_1 for every frame; z^1 afterwards.
    deeper : ndarray of shape (L - 1, n_frames, gate_columns(units))
        Written: z^2 to z^L.
    weights : tuple of ndarray
        W_1 in panels; W_2 to W_L, each in panels, in one array of four axes; b_2 to b_L in a row; and S in panels, or
        none of these for no shortcut.
    kind : int64
        Of `ebm.kernels.activations.KINDS`.
    initial : ndarray of shape (n, units), or (0, units) for zeros
        The state before the first frame.
    previous, hidden : ndarray of shape (n_frames, units)
        Written: the state before and after every frame.
    between : ndarray of shape (L - 1, n_frames, units)
        Written: y^1 to y^{L-1}.
    final : ndarray of shape (n, units)
        Written: the state after the last frame.
    packing : Packing
    dropped : tuple of two ndarrays of shape (n, units) and (n_frames, units), optional
        A mask m of each sequence, and, written, m h before every frame: what W sees. By default it sees h.
    """
    masks, seen = dropped or (previous[:0], previous)
    arguments = (gates, deeper, *weights, kind, initial, previous, masks, seen, between, hidden, final)
    recur(_forward, arguments, packing, _work(hidden, weights[1]))


def backward(
    gates: Any, deeper: Any, weights: tuple[Any, Any, Any], kind: Any, between: Any, hidden: Any, dy: Any,
    d_final: Any, carried: Any, d_initial: Any, packing: Any, masks: Any = None,
) -> None:  # fmt: skip
    """Go back through time, and write dz^1 into ``gates`` and the others into ``deeper``.

    Parameters
    ----------
    gates, deeper : ndarray
        Written.
    weights : tuple of ndarray
        W_1^T, W_2^T to W_L^T and S^T, in panels, as `forward` has them.
    kind : int64
    between, hidden : ndarray
        Of the way forward.
    dy : ndarray of shape (n_frames, units)
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
    arguments = (gates, deeper, *weights, kind, masks, between, hidden, dy, d_final, carried, d_initial)
    recur(_backward, arguments, packing, _work(hidden, weights[1]))


def level(
    start: Any, products: Any, beside: Any, kind: Any, out: Any, handed: tuple[Any, Any, Any], moment: Moment,
    *, is_last: bool,
) -> None:  # fmt: skip
    """Go through one level of one time, on a GPU.

    Parameters
    ----------
    start : array of shape (n_frames, units) or (units,)
        x U + b_1 for every frame, or another level's bias.
    products : array of shape (n, at least units)
        Of the state, or of what is below, with the level's weights, for the ranks of the time.
    beside : array of shape (n, m), or (0, m) for no shortcut
        Its last columns are the product of the shortcut.
    kind : int64
    out : array of shape (n_frames, units)
        Written: y.
    handed : tuple of arrays
        ``previous`` and ``final``, where the last level's y goes, too, and the packing's order.
    moment : Moment
    is_last : bool
    """
    none = start[:0]
    gates, bias = (start, none.reshape(0)) if start.ndim == 2 else (none.reshape(0, 1), start)
    units = out.shape[1]
    arguments = (gates, bias, products, beside, np.int64(beside.shape[1] - units), kind, is_last, out, *handed)
    _level_gpu(moment.rows * units, *arguments, *moment)
