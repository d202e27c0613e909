"""Leaky averages over time, with an alpha for each column: one scan for all columns of a batch of sequences.

    s_t = (1 - alpha) u_t + alpha s_{t-1}

Backwards, with e_t = dL/ds_t in all (what comes from above, and from time t + 1):

    e_t = (from above) + alpha e_{t+1},    du_t = (1 - alpha) e_t,    dL/ds_0 = alpha e_1
    dalpha = sum_t e_t (s_{t-1} - u_t),    dlogit = alpha (1 - alpha) dalpha    where alpha = sigma(logit)

The sum over time is taken for each sequence by itself, in the order of time going back, and those of sequences are
added up in their order, so it does not depend on threads.

Source: Mikolov, Joulin, Chopra, Mathieu & Ranzato 2014 (arXiv:1412.7753), section 3, for the context units of their
network, with a fixed alpha and with learnt ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ebm.kernels.column_totals import column_totals
from ebm.kernels.exponential import sigmoid
from ebm.kernels.jit import cell, core, cuda_loop, inner, on_gpu
from ebm.kernels.recurrence import clear_row, copy_row, recur, share, take_state
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from numba import cuda

WORK = 4  # a step costs about as much as so many plain elements


@cell
def leaked(s: Any, u: Any, alpha: Any) -> Any:
    """(1 - alpha) u + alpha s."""
    return (type(s)(1) - alpha) * u + alpha * s


@cell
def rest(e: Any, alpha: Any) -> Any:
    """(1 - alpha) e."""
    return (type(e)(1) - alpha) * e


# ---- CPU ----


@core(allocates=False)
def _rates_cpu(logits: Any, fixed: Any, out: Any, first: Any, last: Any) -> None:
    target = out[first:last]
    if logits.size == 0:
        for j in range(target.size):
            target[j] = fixed
    else:
        source = logits[first:last]
        for j in range(target.size):
            target[j] = sigmoid(source[j])


@inner
def _step(before: Any, u: Any, alpha: Any, out: Any) -> None:
    for j in range(out.size):
        out[j] = leaked(before[j], u[j], alpha[j])


@inner
def _step_from_zero(u: Any, alpha: Any, out: Any) -> None:
    zero = out.dtype.type(0)
    for j in range(out.size):
        out[j] = leaked(zero, u[j], alpha[j])


@core(allocates=False)
def _forward_cpu(
    u: Any, alpha: Any, initial: Any, s: Any, final: Any,
    starts: Any, active: Any, ends: Any, order: Any, first: Any, last: Any,
) -> None:  # fmt: skip
    low, high = share(ends, first, last)
    for t in range(active.size):
        for rank in range(low, min(high, active[t])):
            frame = starts[t] + rank
            if t > 0:
                _step(s[starts[t - 1] + rank], u[frame], alpha, s[frame])
            elif initial.shape[0] > 0:
                _step(initial[order[rank]], u[frame], alpha, s[frame])
            else:
                _step_from_zero(u[frame], alpha, s[frame])
            if t + 1 >= active.size or rank >= active[t + 1]:
                copy_row(s[frame], final[order[rank]])


@inner
def _gather(above: Any, below: Any, e: Any) -> None:
    """Add what comes from above to alpha e_{t+1}, which makes it e_t."""
    for j in range(e.size):
        e[j] += above[j] + below[j]


@inner
def _step_back(e: Any, alpha: Any, out: Any) -> None:
    """out = du."""
    for j in range(out.size):
        out[j] = rest(e[j], alpha[j])


@inner
def _shrink(e: Any, alpha: Any) -> None:
    for j in range(e.size):
        e[j] *= alpha[j]


@inner
def _add_slopes(e: Any, before: Any, u: Any, out: Any) -> None:
    for j in range(out.size):
        out[j] += e[j] * (before[j] - u[j])


@inner
def _add_first_slopes(e: Any, u: Any, out: Any) -> None:
    for j in range(out.size):
        out[j] -= e[j] * u[j]


@inner
def _finish(slopes: Any, alpha: Any) -> None:
    """From dL/dalpha to the logit of alpha."""
    for j in range(slopes.size):
        slopes[j] *= rest(alpha[j], alpha[j])


@core(allocates=False)
def _backward_cpu(
    u: Any, alpha: Any, initial: Any, s: Any, above: Any, left: Any, below: Any, d_final: Any, carried: Any,
    slopes: Any, du: Any, d_initial: Any,
    starts: Any, active: Any, ends: Any, order: Any, first: Any, last: Any,
) -> None:  # fmt: skip
    low, high = share(ends, first, last)
    right = left + du.shape[1]
    for rank in range(low, high):
        take_state(d_final, order[rank], carried[rank])
        if slopes.shape[0] > 0:
            clear_row(slopes[order[rank]])
    for back in range(active.size):
        t = active.size - 1 - back
        for rank in range(low, min(high, active[t])):
            frame = starts[t] + rank
            e = carried[rank]
            _gather(above[frame, left:right], below[frame], e)
            if slopes.shape[0] > 0:
                total = slopes[order[rank]]
                if t > 0:
                    _add_slopes(e, s[starts[t - 1] + rank], u[frame], total)
                elif initial.shape[0] > 0:
                    _add_slopes(e, initial[order[rank]], u[frame], total)
                else:
                    _add_first_slopes(e, u[frame], total)
            _step_back(e, alpha, du[frame])
            _shrink(e, alpha)
    for rank in range(low, high):
        if slopes.shape[0] > 0:
            _finish(slopes[order[rank]], alpha)
        if d_initial.shape[0] > 0:
            copy_row(carried[rank], d_initial[order[rank]])


# ---- GPU: one thread goes through time with one column of one sequence ----


@cuda_loop
def _rates_gpu(logits: Any, fixed: Any, out: Any) -> None:
    for j in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        out[j] = fixed if logits.size == 0 else sigmoid(logits[j])


@cuda_loop
def _forward_gpu(u: Any, alpha: Any, initial: Any, s: Any, final: Any, starts: Any, active: Any, order: Any) -> None:
    n = s.shape[1]
    for item in range(cuda.grid(1), order.size * n, cuda.gridsize(1)):
        rank, j = item // n, item % n
        state = type(u[0, 0])(0)
        if initial.shape[0] > 0:
            state = initial[order[rank], j]
        t = 0
        while t < active.size and rank < active[t]:
            frame = starts[t] + rank
            state = leaked(state, u[frame, j], alpha[j])
            s[frame, j] = state
            t += 1
        final[order[rank], j] = state


@cuda_loop
def _backward_gpu(
    u: Any, alpha: Any, initial: Any, s: Any, above: Any, left: Any, below: Any, d_final: Any, carried: Any,
    slopes: Any, du: Any, d_initial: Any, starts: Any, active: Any, order: Any,
) -> None:  # fmt: skip
    n = s.shape[1]
    for item in range(cuda.grid(1), order.size * n, cuda.gridsize(1)):
        rank, j = item // n, item % n
        zero, rate = type(u[0, 0])(0), alpha[j]
        e, total = zero, zero
        if d_final.shape[0] > 0:
            e = d_final[order[rank], j]
        t = 0
        while t < active.size and rank < active[t]:
            t += 1
        while t > 0:
            t -= 1
            frame = starts[t] + rank
            before = zero
            if t > 0:
                before = s[starts[t - 1] + rank, j]
            elif initial.shape[0] > 0:
                before = initial[order[rank], j]
            e += above[frame, left + j] + below[frame, j]
            total += e * (before - u[frame, j])
            du[frame, j] = rest(e, rate)
            e *= rate
        if slopes.shape[0] > 0:
            slopes[order[rank], j] = rest(rate, rate) * total
        if d_initial.shape[0] > 0:
            d_initial[order[rank], j] = e


# ---- what others call ----


def rates(logits: Any, fixed: float, out: Any) -> None:
    """Write alpha = sigma(logit) for every column, or the same fixed one for all where there are no logits.

    Parameters
    ----------
    logits : array of shape (n,), or (0,) for none
    fixed : float
    out : array of shape (n,)
    """
    arguments = (logits, out.dtype.type(fixed), out)
    if on_gpu(out):
        _rates_gpu(out.size, *arguments)
    else:
        over_rows(_rates_cpu, arguments, out.size, 8 * out.size)


def forward(u: Any, alpha: Any, initial: Any, s: Any, final: Any, packing: Any) -> None:
    """Go through time.

    Parameters
    ----------
    u : array of shape (n_frames, n), on the CPU or the GPU
        What is averaged.
    alpha : array of shape (n,)
    initial : array of shape (n_sequences, n), or (0, n) for zeros
        The state before the first frame.
    s : array of shape (n_frames, n)
        Written: the state after every frame.
    final : array of shape (n_sequences, n)
        Written: the state after the last frame.
    packing : Packing
    """
    arguments = (u, alpha, initial, s, final)
    if on_gpu(s):
        _forward_gpu(final.size, *arguments, packing.starts, packing.active, packing.order)
    else:
        recur(_forward_cpu, arguments, packing, WORK * s.size)


def backward(
    u: Any, alpha: Any, initial: Any, s: Any, above: Any, left: Any, below: Any, d_final: Any, carried: Any,
    slopes: Any, du: Any, d_initial: Any, packing: Any,
) -> None:  # fmt: skip
    """Go back through time, and write du.

    Parameters
    ----------
    u, alpha, initial, s : arrays
        Of the way forward.
    above : array of shape (n_frames, at least left + n)
        dL/ds of what reads the states after this, from column ``left`` on.
    left : int64
    below : array of shape (n_frames, n)
        More of dL/ds.
    d_final : array of shape (n_sequences, n), or (0, n) for zeros
        dL/ds after the last frame.
    carried : array of shape (n_sequences, n)
        Working memory of the CPU.
    slopes : array of shape (n_sequences, n), or (0, n) where they are not wanted
        Written: each sequence's share of the gradient of the logits of alpha; see `logit_gradient`.
    du : array of shape (n_frames, n)
        Written.
    d_initial : array of shape (n_sequences, n), or (0, n) where it is not wanted
        Written: dL/ds before the first frame.
    packing : Packing
    """
    arguments = (u, alpha, initial, s, above, left, below, d_final, carried, slopes, du, d_initial)
    if on_gpu(s):
        _backward_gpu(carried.size, *arguments, packing.starts, packing.active, packing.order)
    else:
        recur(_backward_cpu, arguments, packing, 2 * WORK * s.size)


def logit_gradient(slopes: Any, out: Any, *, add: bool = False) -> None:
    """Write the gradient of the logits, or add it: the sum over sequences of their shares, in their order."""
    column_totals(slopes, out, add=add)
