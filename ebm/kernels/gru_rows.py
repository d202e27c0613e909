"""One frame of one sequence through a GRU, forward and back, on the CPU; the equations are in `ebm.kernels.gru`.

Each loop goes over few arrays: LLVM makes vector code only where few checks show that arrays do not overlap.
"""

from __future__ import annotations

from typing import Any

from ebm.kernels.activations import sigmoid_slope, tanh, tanh_slope
from ebm.kernels.exponential import sigmoid
from ebm.kernels.jit import cell, inner


@cell
def mixed(z: Any, n: Any, h: Any) -> Any:
    """(1 - z) n + z h."""
    return n + z * (h - n)


@inner
def open_gates(gates: Any, step: Any, units: Any) -> None:
    """r and z in place: sigma(a + what comes from h)."""
    pair, more = gates[: 2 * units], step[: 2 * units]
    for j in range(pair.size):
        pair[j] = sigmoid(pair[j] + more[j])


@inner
def reset_product(gates: Any, step: Any, bias: Any, seen: Any) -> None:
    """m = h W_n + c, and n = tanh(a_n + r m) in place."""
    units = seen.size
    r, n, more = gates[:units], gates[2 * units : 3 * units], step[2 * units : 3 * units]
    for j in range(units):
        seen[j] = more[j] + bias[j]
        n[j] = tanh(n[j] + r[j] * seen[j])


@inner
def reset_state(gates: Any, h: Any, out: Any) -> None:
    """r h, of which a product follows."""
    r = gates[: out.size]
    for j in range(out.size):
        out[j] = r[j] * h[j]


@inner
def make_candidate(gates: Any, step: Any, units: Any) -> None:
    """n = tanh(a_n + what comes from r h) in place."""
    n, more = gates[2 * units : 3 * units], step[2 * units : 3 * units]
    for j in range(units):
        n[j] = tanh(n[j] + more[j])


@inner
def mix(gates: Any, h: Any, hidden: Any) -> None:
    """(1 - z) n + z h."""
    units = hidden.size
    z, n = gates[units : 2 * units], gates[2 * units : 3 * units]
    for j in range(units):
        hidden[j] = mixed(z[j], n[j], h[j])


@inner
def back_from_mix(gates: Any, h: Any, dy: Any, dh: Any) -> None:
    """da_z and da_n in place, and delta z in place of dL/dh."""
    units = dy.size
    z, n = gates[units : 2 * units], gates[2 * units : 3 * units]
    for j in range(units):
        delta = dy[j] + dh[j]
        d_z, d_n = delta * (h[j] - n[j]) * sigmoid_slope(z[j]), (delta - delta * z[j]) * tanh_slope(n[j])
        dh[j] = delta * z[j]
        z[j], n[j] = d_z, d_n


@inner
def back_from_product(gates: Any, seen: Any, d_step: Any, total: Any) -> None:
    """da_r in place, and what goes to h W: da_r, da_z and dm = r da_n, which is added to this sequence's dc, too."""
    units = seen.size
    r, d_n, d_seen = gates[:units], gates[2 * units : 3 * units], d_step[2 * units : 3 * units]
    for j in range(units):
        d_r, d_m = d_n[j] * seen[j] * sigmoid_slope(r[j]), d_n[j] * r[j]
        r[j], d_seen[j] = d_r, d_m
    for j in range(units):
        total[j] += d_seen[j]
    pair, d_pair = gates[: 2 * units], d_step[: 2 * units]
    for j in range(pair.size):
        d_pair[j] = pair[j]


@inner
def back_from_state(gates: Any, h: Any, d_reset: Any, dh: Any) -> None:
    """da_r in place, and what comes through r h added to dL/dh."""
    units = h.size
    r = gates[:units]
    for j in range(units):
        d_r = d_reset[j] * h[j] * sigmoid_slope(r[j])
        dh[j] += d_reset[j] * r[j]
        r[j] = d_r
