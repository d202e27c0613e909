"""One frame of one sequence through an LSTM, forward and back, on the CPU; the equations are in `ebm.kernels.lstm`.

Each loop goes over few arrays: LLVM makes vector code only where few checks show that arrays do not overlap.
"""

from __future__ import annotations

from typing import Any

from ebm.kernels.activations import sigmoid_slope, tanh, tanh_slope
from ebm.kernels.exponential import sigmoid
from ebm.kernels.jit import inner


@inner
def _open_gates(gates: Any, units: Any) -> None:
    """i, f and g in place."""
    pair, g = gates[: 2 * units], gates[2 * units : 3 * units]
    for j in range(pair.size):
        pair[j] = sigmoid(pair[j])
    for j in range(g.size):
        g[j] = tanh(g[j])


@inner
def _move_cell(gates: Any, previous: Any, c: Any) -> None:
    """c = f c_{t-1} + i g."""
    units = c.size
    i, f, g = gates[:units], gates[units : 2 * units], gates[2 * units : 3 * units]
    for j in range(units):
        c[j] = f[j] * previous[j] + i[j] * g[j]


@inner
def _put_out(o: Any, c: Any, squashed: Any, hidden: Any) -> None:
    """Write o, tanh c and h."""
    for j in range(hidden.size):
        o[j] = sigmoid(o[j])
        squashed[j] = tanh(c[j])
        hidden[j] = o[j] * squashed[j]


@inner
def _look(a: Any, p: Any, c: Any) -> None:
    """Let a gate see the cell: a + p c in place."""
    for j in range(c.size):
        a[j] += p[j] * c[j]


@inner
def activate_frame(gates: Any, peepholes: Any, previous: Any, c: Any, squashed: Any, hidden: Any) -> None:
    """One frame of one sequence: gates in place, c, tanh c and h."""
    units = hidden.size
    o = gates[3 * units : 4 * units]
    if peepholes.shape[0] > 0:
        _look(gates[:units], peepholes[0], previous)
        _look(gates[units : 2 * units], peepholes[1], previous)
    _open_gates(gates, units)
    _move_cell(gates, previous, c)
    if peepholes.shape[0] > 0:
        _look(o, peepholes[2], c)
    _put_out(o, c, squashed, hidden)


@inner
def _back_from_output(o: Any, squashed: Any, dy: Any, dh: Any, dc: Any) -> None:
    """da_o in place of o, and e without what comes through the peephole."""
    for j in range(dy.size):
        delta, s = dy[j] + dh[j], squashed[j]
        dc[j] += delta * o[j] * tanh_slope(s)
        o[j] = delta * s * sigmoid_slope(o[j])


@inner
def _back_from_cell(gates: Any, previous: Any, dc: Any) -> None:
    """da_i, da_f and da_g in place, and e f in place of e."""
    units = dc.size
    i, f, g = gates[:units], gates[units : 2 * units], gates[2 * units : 3 * units]
    for j in range(units):
        d_i, d_g = dc[j] * g[j] * sigmoid_slope(i[j]), dc[j] * i[j] * tanh_slope(g[j])
        i[j], g[j] = d_i, d_g
    for j in range(units):
        d_f, carried = dc[j] * previous[j] * sigmoid_slope(f[j]), dc[j] * f[j]
        f[j], dc[j] = d_f, carried


@inner
def _back_from_peephole(d_a: Any, p: Any, c: Any, dc: Any, dp: Any) -> None:
    """Add p da to dL/dc, and da c to this sequence's part of dL/dp."""
    for j in range(dc.size):
        dc[j] += p[j] * d_a[j]
        dp[j] += d_a[j] * c[j]


@inner
def retreat_frame(
    gates: Any, peepholes: Any, previous: Any, c: Any, squashed: Any, dy: Any, dh: Any, dc: Any, dp: Any
) -> None:
    """One frame back: d pre-activations in place, and dL/dc of the frame before; ``dh`` is free for c."""
    units = dy.size
    o = gates[3 * units : 4 * units]
    _back_from_output(o, squashed, dy, dh, dc)
    if peepholes.shape[0] > 0:
        _move_cell(gates, previous, c)  # once more, which is less to keep
        _back_from_peephole(o, peepholes[2], c, dc, dp[2 * units : 3 * units])
    _back_from_cell(gates, previous, dc)
    if peepholes.shape[0] > 0:
        _back_from_peephole(gates[:units], peepholes[0], previous, dc, dp[:units])
        _back_from_peephole(gates[units : 2 * units], peepholes[1], previous, dc, dp[units : 2 * units])
