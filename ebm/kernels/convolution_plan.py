"""A convolution as arrays that loops read: which patch of an image belongs to which output, forwards and transposed.

Along one axis of length n, with kernel k, stride s and padding (a, b), a convolution's output i sees the inputs
i s - a + t for taps t < k, and there are m = (n + a + b - k) // s + 1 outputs. Transposed, input position j receives
from outputs (j + a - t) / s where that is whole: positions with the same (j + a) mod s, a *phase*, see the same taps,
and each phase is an ordinary convolution of stride 1 with every s-th tap, in reverse order.

Source: Dumoulin & Visin 2016 (arXiv:1603.07285), relationship 14; the phases are those of Shi et al. 2016
(arXiv:1609.07009).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ebm.kernels.patches import LEAST, ROWS
from ebm.kernels.processor import VECTOR_BYTES
from ebm.kernels.window import Window

MOST_BYTES = 192 * 1024  # of padded images that a thread works on: they and a panel of weights stay in the second cache
FEW = 8 * ROWS  # outputs below which several images are worked on together


class Phase(NamedTuple):
    """Along one axis: number u in [low, high) takes sources source + u * step and on, and makes target + u * step."""

    low: int
    high: int
    target: int
    source: int
    taps: int


class Axis(NamedTuple):
    """One axis of a convolution: its phases, and the steps that they share."""

    phases: tuple[Phase, ...]
    kernel: tuple[tuple[int, ...], ...]  # which tap of the kernel each phase's taps are
    source_step: int
    target_step: int


def convolved(kernel: int, stride: int, before: int, targets: int) -> Axis:
    """Return the axis of a convolution."""
    return Axis((Phase(0, targets, 0, -before, kernel),), (tuple(range(kernel)),), stride, 1)


def transposed(kernel: int, stride: int, before: int, targets: int) -> Axis:
    """Return the axis of a transposed convolution."""
    phases, taps = [], []
    for p in range(stride):
        own = tuple(range(p, kernel, stride))[::-1]
        low, high = -((p - before) // stride), (targets - 1 + before - p) // stride + 1
        phases.append(Phase(low, max(low, high), p - before, 1 - max(1, len(own)), len(own)))
        taps.append(own)
    return Axis(tuple(phases), tuple(taps), 1, stride)


class Plan(NamedTuple):
    """A convolution as loops take it: arrays of the geometry alone.

    Attributes
    ----------
    rows, columns : ndarray of int64
        A phase in each row, as in ``Phase``.
    sizes : ndarray of int64
        As named by ``SIZES``.
    taps : ndarray of int64, shape (taps, 3)
        For every tap of every phase: its place in the kernel, its phase's first tap, and how many its phase has.
    steps : ndarray of int32
        For every tap and channel its place in a patch, phase after phase, filled up for a whole tile.
    chunks : ndarray of int32
        Where whole vectors of a patch begin, phase after phase; they lie within it, and may overlap.
    chunk_counts : ndarray of int64
        How many each phase has; -1 first where a phase's rows are shorter than a vector.
    elements : ndarray of int32, shape (chunks, lanes)
        Which weight, as tap of the kernel times channels + channel, each element meets; -1 where another chunk has it.
    """

    rows: np.ndarray
    columns: np.ndarray
    sizes: np.ndarray
    taps: np.ndarray
    steps: np.ndarray
    chunks: np.ndarray
    chunk_counts: np.ndarray
    elements: np.ndarray


LOW, HIGH, TARGET, SOURCE, TAPS = range(5)  # of a phase
SIZES = (
    "first", "last", "band", "group",  # rows u, how many of them and how many images are worked on at a time
    "row_step", "row_target", "column_step", "column_target",
    "top", "left",  # the source's row for u = 0, and its column, that the padded copy begins with
    "reach", "width", "height",  # rows of a copy for one u; its columns; its rows for a whole band
    "out_height", "out_width", "channels",  # of the output; of the source
)  # fmt: skip
(
    FIRST, LAST, BAND, GROUP, ROW_STEP, ROW_TARGET, COLUMN_STEP, COLUMN_TARGET, TOP, LEFT, REACH, WIDTH, HEIGHT,
    OUT_HEIGHT, OUT_WIDTH, CHANNELS,
) = range(len(SIZES))  # fmt: skip


@lru_cache(maxsize=256)
def forward_plan(window: Window, channels: int, targets: tuple[int, int], itemsize: int) -> Plan:
    """Plan a convolution of images with ``channels`` channels that makes ``targets``."""
    top, _, left, _ = window.padding
    (kh, kw), (sh, sw) = window.kernel, window.stride
    axes = convolved(kh, sh, top, targets[0]), convolved(kw, sw, left, targets[1])
    return _plan(*axes, targets, kw, channels, itemsize)


@lru_cache(maxsize=256)
def transposed_plan(window: Window, channels: int, targets: tuple[int, int], itemsize: int) -> Plan:
    """Plan a transposed convolution of images with ``channels`` channels that makes ``targets``."""
    top, _, left, _ = window.padding
    (kh, kw), (sh, sw) = window.kernel, window.stride
    axes = transposed(kh, sh, top, targets[0]), transposed(kw, sw, left, targets[1])
    return _plan(*axes, targets, kw, channels, itemsize)


def _plan(rows: Axis, columns: Axis, targets: tuple[int, int], kernel_width: int, channels: int, itemsize: int) -> Plan:
    first, last, top, reach = _extent(rows)
    left_u, right_u, left, reach_x = _extent(columns)
    width = (right_u - left_u - 1) * columns.source_step + reach_x
    band, group, height = _amounts(last - first, right_u - left_u, rows.source_step, reach, width * channels * itemsize)
    sizes = {
        "first": first, "last": last, "band": band, "group": group, "top": top, "reach": reach, "height": height,
        "row_step": rows.source_step, "row_target": rows.target_step, "width": width,
        "column_step": columns.source_step, "column_target": columns.target_step,
        "left": left + left_u * columns.source_step, "out_height": targets[0], "out_width": targets[1],
        "channels": channels,
    }  # fmt: skip
    return Plan(
        np.array(rows.phases, np.int64),
        np.array(columns.phases, np.int64),
        np.array([sizes[name] for name in SIZES], np.int64),
        *_taps(rows, columns, kernel_width, channels, width),
        *_chunks(rows, columns, kernel_width, channels, width, VECTOR_BYTES // itemsize),
    )


def _extent(axis: Axis) -> tuple[int, int, int, int]:
    """Return the first u, the last and one, the first source for u = 0, and how many sources one u needs."""
    first = min(phase.source for phase in axis.phases)
    end = max(phase.source + max(1, phase.taps) for phase in axis.phases)
    return min(p.low for p in axis.phases), max(p.high for p in axis.phases), first, end - first


def _amounts(rows: int, columns: int, step: int, reach: int, row_bytes: int) -> tuple[int, int, int]:
    """Choose the rows of a band, the images of a group, and the rows of a copy."""
    fitting = max(1, (MOST_BYTES // row_bytes - reach) // step + 1)
    bands = -(-rows // min(fitting, rows))
    band = -(-rows // bands)
    height = (band - 1) * step + reach
    group = max(1, min(-(-FEW // (rows * columns)), MOST_BYTES // (row_bytes * height))) if bands == 1 else 1
    return band, group, height


def _taps(rows: Axis, columns: Axis, kernel_width: int, channels: int, width: int) -> tuple[Any, Any]:
    table, steps, begin = [], [], 0
    for ys in rows.kernel:
        for xs in columns.kernel:
            n = len(ys) * len(xs)
            table += [(y * kernel_width + x, begin, n) for y in ys for x in xs]
            places = np.add.outer(np.arange(len(ys)) * width, np.arange(len(xs))).reshape(-1, 1)
            steps.append((places * channels + np.arange(channels)).ravel())
            begin += n
    spare = -len(steps[-1]) % LEAST
    steps.append(np.full(spare, steps[-1][-1] if len(steps[-1]) else 0))
    return np.array(table, np.int64).reshape(-1, 3), np.concatenate(steps).astype(np.int32)


def _chunks(
    rows: Axis, columns: Axis, kernel_width: int, channels: int, width: int, lanes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut every row of every phase's patches into vectors, the last of which ends where the row does."""
    begins, counts, elements = [], [], []
    for ys in rows.kernel:
        for xs in columns.kernel:
            length = len(xs) * channels
            if ys and xs and length < lanes:
                return np.zeros(0, np.int32), np.array([-1]), np.zeros((0, lanes), np.int32)
            starts = [min(k, length - lanes) for k in range(0, length, lanes)]
            places = np.array([x * channels + c for x in xs for c in range(channels)], np.int64)
            for r, y in enumerate(ys):
                for k, start in enumerate(starts):
                    own = y * kernel_width * channels + places[start : start + lanes]
                    elements.append(np.where(np.arange(start, start + lanes) < k * lanes, -1, own))
                    begins.append(r * width * channels + start)
            counts.append(len(ys) * len(starts))
    return np.array(begins, np.int32), np.array(counts), np.array(elements, np.int32).reshape(-1, lanes)
