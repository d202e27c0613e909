"""What every recurrence in time shares: who takes which sequences, the products of a time step, and states handed on.

Sequences are packed by time and ranked by length (``ebm.networks.packing``). A thread takes a range of ranks through
all time: at time t these are neighbouring rows, so the product of a step, gates += h_{t-1} W, is one tile after the
other on W in panels, which stay in the thread's cache. The state that a frame starts from is kept at its own row
(``previous``), so that the gradient of W is a single product over all frames at the end, dW = previous^T d gates.

Rows of gates are padded to whole panels (``gate_columns``).

A GPU takes one time after the other (``Moment``): the product of all its rows, then one loop over these and the units.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ebm.kernels.dense import MULTIPLY
from ebm.kernels.jit import core, cuda_part, inner
from ebm.kernels.linear import NEXT, NONE, THIRD, tile_rows
from ebm.kernels.processor import leading
from ebm.kernels.threads import over_rows
from ebm.kernels.vector import at, tile_wide

ROWS_TOGETHER = 96  # rows that take one panel after the other while it is in the cache


def gate_columns(n: int, dtype: Any, *, gpu: bool = False) -> int:
    """Columns that n numbers of a row take on the CPU: whole panels, and rows no power of two apart."""
    return n if gpu else leading(n, dtype)


@inner
def share(ends: Any, first: Any, last: Any) -> Any:
    """Return which ranks [low, high) a part takes that has the frames [first, last) of sequences one by one."""
    low = 0
    while low < ends.size - 1 and ends[low] < first:
        low += 1
    high = low
    while high < ends.size - 1 and ends[high] < last:
        high += 1
    return low, high


@inner
def multiply_part(
    a: Any, top: Any, rows: Any, first: Any, last: Any, panels: Any, left: Any, right: Any, out: Any, bottom: Any
) -> None:
    """out[bottom + r, left:right] += a[top + r, first:last] @ B[first:last, left:right] for r < rows; B is in panels.

    Columns beside these, to the borders of panels, get sums that mean nothing. The few rows that are left over by tiles
    go through a panel one by one, in four vectors: two would wait for sums.
    """
    _, height, width = panels.shape
    half, depth = width // 2, last - first
    for done in range(0, rows, ROWS_TOGETHER):
        here = min(ROWS_TOGETHER, rows - done)
        many = here // THIRD * THIRD
        for p in range(left // width, (right + width - 1) // width):
            source, target = (top + done) * a.shape[1] + first, (bottom + done) * out.shape[1] + p * width
            panel = (p * height + first) * width
            for h in range(max(left - p * width, 0) // half * half, min(width, right - p * width), half):
                tile_rows(
                    at(a, source), a.shape[1], NEXT, at(panels, panel + h), width, depth,
                    at(out, target + h), out.shape[1], many,
                )  # fmt: skip
            for r in range(many, here):
                tile_wide(
                    at(a, source + r * a.shape[1]), a.shape[1], NEXT, at(panels, panel), width, depth,
                    at(out, target + r * out.shape[1]), out.shape[1],
                )  # fmt: skip


@inner
def multiply_rows(a: Any, top: Any, rows: Any, panels: Any, n: Any, out: Any, bottom: Any) -> None:
    """out[bottom + r, :n] += a[top + r] @ B for r < rows; B (a's columns, n) is in panels, out is padded to these."""
    multiply_part(a, top, rows, NONE, panels.shape[1], panels, NONE, n, out, bottom)


@inner
def copy_row(x: Any, out: Any) -> None:
    """out = x."""
    for j in range(out.size):
        out[j] = x[j]


@inner
def clear_row(out: Any) -> None:
    """out = 0."""
    for j in range(out.size):
        out[j] = 0


@inner
def take_state(state: Any, number: Any, out: Any) -> None:
    """Copy a sequence's state; zeros where none is given (``state`` has no rows)."""
    if state.shape[0] == 0:
        clear_row(out)
    else:
        copy_row(state[number], out)


@inner
def begin(state: Any, order: Any, previous: Any, low: Any, high: Any) -> None:
    """Put the first states of ranks [low, high) at the rows of time 0."""
    for rank in range(low, high):
        take_state(state, order[rank], previous[rank])


@inner
def following(t: Any, starts: Any, active: Any, rank: Any) -> Any:
    """Return the row of a sequence's next frame, or -1 after its last."""
    if t + 1 < active.size and rank < active[t + 1]:
        return starts[t + 1] + rank
    return -1


@inner
def hand_on(state: Any, row: Any, order: Any, rank: Any, previous: Any, final: Any) -> None:
    """Put the state after a frame where the next frame begins, or among the final states after the last (row -1)."""
    if row >= 0:
        copy_row(state, previous[row])
    else:
        copy_row(state, final[order[rank]])


@inner
def see(previous: Any, top: Any, rows: Any, masks: Any, order: Any, low: Any, seen: Any) -> None:
    """Write the states of a time that products see, m h; without masks ``seen`` is ``previous`` itself, and stays."""
    for r in range(rows if masks.shape[0] > 0 else 0):
        source, mask, target = previous[top + r], masks[order[low + r]], seen[top + r]
        for j in range(target.size):
            target[j] = mask[j] * source[j]


@inner
def mask_back(carried: Any, masks: Any, order: Any, low: Any, rows: Any) -> None:
    """From gradients of m h to those of h, in place, for ranks [low, low + rows); without masks they are the same."""
    for rank in range(low, low + rows if masks.shape[0] > 0 else low):
        mask = masks[order[rank]]
        state = carried[rank, : mask.size]
        for j in range(mask.size):
            state[j] *= mask[j]


@inner
def multiply_back(
    gates: Any, top: Any, rows: Any, end: Any, panels: Any, units: Any, carried: Any, low: Any, masks: Any, order: Any,
    working: Any,
) -> None:  # fmt: skip
    """Add gates[:, :end] W^T, times masks where there are any, to dL/dh of ranks that bring other terms along."""
    if masks.shape[0] == 0:
        multiply_part(gates, top, rows, NONE, end, panels, NONE, units, carried, low)
        return
    for rank in range(low, low + rows):
        clear_row(working[rank])
    multiply_part(gates, top, rows, NONE, end, panels, NONE, units, working, low)
    mask_back(working, masks, order, low, rows)
    for rank in range(low, low + rows):
        source, target = working[rank], carried[rank]
        for j in range(units):
            target[j] += source[j]


class Moment(NamedTuple):
    """Where the frames of one time stand, for a loop of the GPU; those of the next time stand right after them.

    Attributes
    ----------
    top, rows : int
        First row, and how many.
    going : int
        How many have a next frame: the first ones.
    """

    top: int
    rows: int
    going: int


@cuda_part
def pass_on(
    value: Any, rank: Any, j: Any, top: Any, rows: Any, going: Any, order: Any, previous: Any, final: Any
) -> None:
    """Put a number of a state where the next frame begins, or among the final states: `hand_on` of a GPU."""
    if rank < going:
        previous[top + rows + rank, j] = value
    else:
        final[order[rank], j] = value


@cuda_part
def passed_back(rank: Any, j: Any, going: Any, order: Any, carried: Any, d_final: Any) -> Any:
    """Return dL/d state after a frame: from the next frame, from what is given after the last, or 0."""
    if rank < going:
        return carried[rank, j]
    if d_final.shape[0] > 0:
        return d_final[order[rank], j]
    return type(carried[rank, j])(0)


@cuda_part
def add_up(value: Any, rank: Any, j: Any, going: Any, sums: Any) -> None:
    """Add to a sequence's sum over its frames, which begins at its last one."""
    if rank < going:
        sums[rank, j] += value
    else:
        sums[rank, j] = value


@core(allocates=False)
def _project(x: Any, panels: Any, bias: Any, n: Any, out: Any, first: Any, last: Any) -> None:
    for top in range(first, last, ROWS_TOGETHER):
        rows = min(ROWS_TOGETHER, last - top)
        for row in range(top, top + rows):
            target = out[row]
            clear_row(target)
            copy_row(bias, target[: bias.size])
        multiply_rows(x, top, rows, panels, n, out, top)


@core(allocates=False)
def _multiply(a: Any, panels: Any, n: Any, out: Any, first: Any, last: Any) -> None:
    for top in range(first, last, ROWS_TOGETHER):
        multiply_rows(a, top, min(ROWS_TOGETHER, last - top), panels, n, out, top)


def project(x: np.ndarray, panels: np.ndarray, bias: np.ndarray, n: int, out: np.ndarray) -> None:
    """Write x W + b for all frames into padded rows.

    Parameters
    ----------
    x : ndarray of shape (n_frames, n_in), C-contiguous
    panels : ndarray
        W (n_in, n), packed.
    bias : ndarray of shape (n,), or (0,) for none
    n : int
    out : ndarray of shape (n_frames, gate_columns(n))
    """
    work = x.shape[0] * (x.shape[1] * n // MULTIPLY + n)
    over_rows(_project, (x, panels, bias, np.int64(n), out), x.shape[0], work)


def add_product(a: np.ndarray, panels: np.ndarray, n: int, out: np.ndarray) -> None:
    """Add a W for all frames to padded rows; as `project`, but ``a`` may have more columns than W has rows."""
    work = a.shape[0] * (panels.shape[1] * n // MULTIPLY + n)
    over_rows(_multiply, (a, panels, np.int64(n), out), a.shape[0], work)


def recur(core_: Any, arguments: tuple[Any, ...], packing: Any, work: int) -> None:
    """Run a core through time: each thread takes its share of the sequences, by their frames."""
    places = (packing.starts, packing.active, packing.ends, packing.order)
    over_rows(core_, (*arguments, *places), packing.n_frames, work)
