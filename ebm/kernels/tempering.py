"""Parallel tempering of a Bernoulli RBM: many sweeps of many replicas in one call, with swaps between neighbours.

Replica r stands at beta = betas[level of r]. A sweep, from its hidden states::

    v_i ~ Bernoulli(sigma(beta (b + W h)_i + (1 - beta) b0_i)),   h_j ~ Bernoulli(sigma(beta x_j)),   x = c + v W
    U = -v . (b - b0) - h . x,   of the same x

then neighbouring levels k and k+1 change places with probability min(1, e^{(beta_{k+1} - beta_k) (U_{k+1} - U_k)}),
for even k after sweeps of an even number and for odd k after the others: U_k is that of the replica at level k. Levels
move, states stay where they are.

Threads share panels of W (a thread meets the same ones again, in its own cache) where they multiply, and replicas
where they draw; one of them swaps. Nothing depends on how many there are.

Sources: Swendsen & Wang 1986 (doi:10.1103/PhysRevLett.57.2607); Desjardins et al. 2010, "Parallel tempering for
training of restricted Boltzmann machines" (AISTATS); alternation of even and odd pairs: Okabe, Kawata, Okamoto & Mikami
2001 (doi:10.1016/S0009-2614(01)00055-0).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ebm.kernels.barrier import all_here, meet
from ebm.kernels.bernoulli import draw_row
from ebm.kernels.jit import core, inner, summing
from ebm.kernels.learning_state import blocks_of, share_of
from ebm.kernels.linear import activate_rows, list_binary, list_ones
from ebm.kernels.philox import fill_uniforms
from ebm.kernels.processor import aligned, leading
from ebm.kernels.tempered import mix_row
from ebm.kernels.threads import gang, n_threads

u64 = np.uint64
SHARE = 40_000  # multiplications in a sweep (some microseconds) below which a thread is not worth its barriers


class Parameters(NamedTuple):
    """What all replicas share."""

    up: np.ndarray  # W packed (hidden panels, n_visible, width)
    down: np.ndarray  # W^T packed (visible panels, n_hidden, width)
    visible_bias: np.ndarray  # b, padded to whole panels
    hidden_bias: np.ndarray  # c, padded to whole panels
    base: np.ndarray  # b0, (n_visible,)
    lift: np.ndarray  # b - b0, (n_visible,), float64
    betas: np.ndarray  # of the levels, rising, float64


class Swaps(NamedTuple):
    """Where the replicas of each ladder stand, and what became of swaps; changed in place."""

    levels: np.ndarray  # int64 (n_ladders, n_levels): level of each replica
    attempts: np.ndarray  # int64 (n_levels - 1,), of level k with k + 1
    accepted: np.ndarray  # int64 (n_levels - 1,)
    chances: np.ndarray  # float64 (n_levels - 1,): sum of the probabilities of acceptance
    ends: np.ndarray  # int64 (n_ladders, n_levels): 1: has seen the top last, -1: the base after it, else 0
    trips: np.ndarray  # int64 (n_ladders, n_levels): ways from the top to the base and back


class Rows(NamedTuple):
    """States and buffers, one row a replica."""

    visible: np.ndarray
    hidden: np.ndarray
    visible_ones: np.ndarray  # int32
    hidden_ones: np.ndarray  # int32
    visible_counts: np.ndarray
    hidden_counts: np.ndarray
    betas: np.ndarray  # in the dtype of W
    potentials: np.ndarray  # float64
    replica: np.ndarray  # int64 (n_ladders, n_levels): the replica at each level


class Scratch(NamedTuple):
    """Buffers that each thread has for itself."""

    noise: np.ndarray  # (threads, longest row in whole calls of four)
    inputs: np.ndarray  # (threads, leading n_hidden)
    uniforms: np.ndarray  # float64: of one ladder's swaps


@summing
def dot(a: Any, b: Any, n: Any) -> Any:
    """Sum a_j b_j over the first n, in float64."""
    total = np.float64(0)
    for j in range(n):
        total += np.float64(a[j]) * np.float64(b[j])
    return total


@inner
def draw_visible(parameters: Any, rows: Any, noise: Any, row: Any, step: Any, stream: Any, key: Any) -> None:
    """v ~ p_beta(v | h) for one replica, in place of its inputs b + W h."""
    n, v = parameters.base.size, rows.visible[row]
    mix_row(v, parameters.base, rows.betas[row], n)
    fill_uniforms(noise, row, step, stream, key)
    draw_row(v, n, noise)
    rows.visible_counts[row] = list_ones(v, n, rows.visible_ones[row])


@inner
def draw_hidden(parameters: Any, rows: Any, noise: Any, x: Any, row: Any, step: Any, stream: Any, key: Any) -> None:
    """h ~ p_beta(h | v) for one replica, in place of its inputs c + v W, and the potential; ``x`` is a buffer."""
    n, n_visible, beta = parameters.down.shape[1], parameters.base.size, rows.betas[row]
    h = rows.hidden[row]
    for j in range(n):
        x[j] = h[j]
        h[j] = beta * h[j]
    fill_uniforms(noise, row, step, stream, key)
    draw_row(h, n, noise)
    rows.hidden_counts[row] = list_ones(h, n, rows.hidden_ones[row])
    rows.potentials[row] = -dot(rows.visible[row], parameters.lift, n_visible) - dot(h, x, n)


@inner
def note_end(swaps: Any, ladder: Any, replica: Any, level: Any, top: Any) -> None:
    """Count a round trip where a replica comes to the top from the base, to which it had come from the top."""
    if level == top:
        if swaps.ends[ladder, replica] < 0:
            swaps.trips[ladder, replica] += 1
        swaps.ends[ladder, replica] = 1
    elif level == 0 and swaps.ends[ladder, replica] > 0:
        swaps.ends[ladder, replica] = -1


@inner
def swap_ladder(parameters: Any, rows: Any, swaps: Any, u: Any, ladder: Any, parity: Any) -> None:
    """Let neighbours of one ladder change places, those of even or of odd lower levels."""
    betas, replica, n_levels = parameters.betas, rows.replica[ladder], parameters.betas.size
    first = ladder * n_levels
    for k in range(parity, n_levels - 1, 2):
        a, b = replica[k], replica[k + 1]
        change = (betas[k + 1] - betas[k]) * (rows.potentials[first + b] - rows.potentials[first + a])
        swaps.attempts[k] += 1
        swaps.chances[k] += np.exp(change) if change < 0 else (1.0 if change >= 0 else change)  # NaN stays to be seen
        if np.log(u[k]) < change:
            swaps.accepted[k] += 1
            replica[k], replica[k + 1] = b, a
            swaps.levels[ladder, a], swaps.levels[ladder, b] = k + 1, k
            one = rows.betas[first + a]
            rows.betas[first + a] = rows.betas[first + b]
            rows.betas[first + b] = one
    for i in range(n_levels):
        note_end(swaps, ladder, i, swaps.levels[ladder, i], n_levels - 1)


@core(allocates=False)
def _exchange(
    parameters: Any, rows: Any, swaps: Any, scratch: Any, places: Any, n_sweeps: Any, step: Any, visible_stream: Any,
    hidden_stream: Any, swap_stream: Any, key: Any, part: Any, parts: Any, barrier: Any,
) -> None:  # fmt: skip
    place, n = places[part], rows.betas.size
    n_visible, n_hidden = parameters.up.shape[1], parameters.down.shape[1]
    noise_v, noise_h = scratch.noise[part, : -(-n_visible // 4) * 4], scratch.noise[part, : -(-n_hidden // 4) * 4]
    first, last = share_of(n, part, parts)
    top, bottom = share_of(n, place[0], place[1])
    if not all_here(barrier, parts):
        return
    for row in range(first, last):
        rows.hidden_counts[row] = list_binary(rows.hidden[row], n_hidden, rows.hidden_ones[row])
    meet(barrier, parts)
    for sweep in range(n_sweeps):
        now = step + u64(sweep)
        activate_rows(
            rows.hidden, rows.hidden_ones, rows.hidden_counts, parameters.down, parameters.visible_bias, rows.visible,
            top, bottom, place[2], place[3],
        )  # fmt: skip
        meet(barrier, parts)
        for row in range(first, last):
            draw_visible(parameters, rows, noise_v, row, now, visible_stream, key)
        meet(barrier, parts)
        activate_rows(
            rows.visible, rows.visible_ones, rows.visible_counts, parameters.up, parameters.hidden_bias, rows.hidden,
            top, bottom, place[4], place[5],
        )  # fmt: skip
        meet(barrier, parts)
        for row in range(first, last):
            draw_hidden(parameters, rows, noise_h, scratch.inputs[part], row, now, hidden_stream, key)
        meet(barrier, parts)
        if part == 0:
            for ladder in range(swaps.levels.shape[0]):
                fill_uniforms(scratch.uniforms, ladder, now, swap_stream, key)
                swap_ladder(parameters, rows, swaps, scratch.uniforms, ladder, np.int64(now & u64(1)))
        meet(barrier, parts)


def _places(parts: int, down: int, up: int) -> np.ndarray:
    """Threads in a grid: its columns share the panels of W, its rows the replicas."""
    columns = min(parts, down, up)
    while parts % columns:
        columns -= 1
    return np.array(
        [
            (p // columns, parts // columns, *blocks_of(down, 1, p % columns, columns),
             *blocks_of(up, 1, p % columns, columns))
            for p in range(parts)
        ],
        np.int64,
    )  # fmt: skip


def _rows(parameters: Parameters, h: np.ndarray, levels: np.ndarray) -> Rows:
    n, (n_visible, n_hidden), dtype = h.shape[0], (parameters.up.shape[1], parameters.down.shape[1]), h.dtype
    rows = Rows(
        aligned((n, leading(n_visible, dtype)), dtype),
        aligned((n, leading(n_hidden, dtype)), dtype),
        np.zeros((n, n_visible), np.int32),
        np.zeros((n, n_hidden), np.int32),
        np.zeros(n, np.int64),
        np.zeros(n, np.int64),
        parameters.betas[levels.ravel()].astype(dtype),
        np.zeros(n),
        np.argsort(levels, axis=1),
    )
    rows.hidden[:, :n_hidden] = h
    return rows


def exchange(
    parameters: Parameters, h: np.ndarray, swaps: Swaps, n_sweeps: int, *, step: int, streams: tuple[int, int, int],
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Do ``n_sweeps`` sweeps, each with its swaps; ``swaps`` changes in place.

    Parameters
    ----------
    parameters : Parameters
    h : ndarray of shape (n_ladders * n_levels, n_hidden)
        Hidden states, 0/1, in the dtype of W; ladder l has rows ``l * n_levels`` to ``(l + 1) * n_levels - 1``.
    swaps : Swaps
    n_sweeps : int
        At least 1.
    step : int
        Number of the first sweep: its draws stand there, and swaps are of even pairs where it is even.
    streams : (int, int, int)
        Of the visible states, the hidden states and the swaps.
    seed : int

    Returns
    -------
    v : ndarray of shape (n_ladders * n_levels, n_visible)
    h : ndarray of shape (n_ladders * n_levels, n_hidden)

    Raises
    ------
    ValueError
        When levels, rows or dtypes do not fit, or ``n_sweeps`` is below 1.
    """
    n_levels, (n_visible, n_hidden) = parameters.betas.size, (parameters.up.shape[1], parameters.down.shape[1])
    if n_sweeps < 1:
        raise ValueError(f"n_sweeps must be at least 1, got {n_sweeps}")
    wanted = (swaps.levels.size, n_hidden)
    if swaps.levels.shape[1:] != (n_levels,) or h.shape != wanted or h.dtype != parameters.up.dtype:
        raise ValueError(
            f"h {h.dtype}{h.shape} and levels {swaps.levels.shape} do not fit {n_levels} betas and {n_hidden} units"
            f" of {parameters.up.dtype}"
        )
    rows = _rows(parameters, h, swaps.levels)
    parts = max(1, min(n_threads(), h.shape[0], h.shape[0] * n_visible * n_hidden // SHARE))
    longest = leading(max(n_visible, n_hidden), h.dtype)
    scratch = Scratch(
        aligned((parts, longest), h.dtype), aligned((parts, longest), h.dtype), np.zeros(-(-n_levels // 4) * 4)
    )
    places = _places(parts, parameters.down.shape[0], parameters.up.shape[0])
    numbers = (np.int64(n_sweeps), u64(step), *(u64(stream) for stream in streams), u64(seed))
    gang(_exchange, (parameters, rows, swaps, scratch, places, *numbers), parts)
    return rows.visible[:, :n_visible].copy(), rows.hidden[:, :n_hidden].copy()
