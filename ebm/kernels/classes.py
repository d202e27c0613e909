"""Classes beside a layer of binary units: scores, what their gradients sum, and a class drawn.

With inputs x_r of a row and weights U_k of a class, the layer summed out gives the class's log-score

    a_rk = d_k + sum_j log(1 + e^{x_rj + U_kj}),   p(k | r) = e^{a_rk} / sum_l e^{a_rl}

and every mean or gradient that involves the layer is one of two sums, with factors q_rk of its own:

    rows_rj = sum_k q_rk sigma(x_rj + U_kj),   classes_kj = sum_r q_rk sigma(x_rj + U_kj)

so the three-dimensional array of sigma's is never stored.

Source: Larochelle & Bengio 2008 (doi:10.1145/1390156.1390224), sections on the model and discriminative training.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.kernels.bernoulli import add_bias
from ebm.kernels.block import BLOCK, block_sum
from ebm.kernels.exponential import exponential, sigmoid, softplus
from ebm.kernels.jit import cell, core, cuda_loop, inner, on_gpu
from ebm.kernels.philox import S32, philox, uniform
from ebm.kernels.reduce import row_sum, softplus_row
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from numba import cuda

    from ebm.random import Draw

u32, u64 = np.uint32, np.uint64
WIDTH = 64  # columns done together: their sums stay in the first cache, whichever thread has them


@cell
def weighted_sigmoid(factor: Any, x: Any, u: Any) -> Any:
    """Return q sigma(x + u)."""
    return factor * sigmoid(x + u)


@inner
def add_weighted(factor: Any, x: Any, u: Any, terms: Any) -> None:
    """Write q sigma(x + u) for some columns."""
    for j in range(x.size):
        terms[j] = weighted_sigmoid(factor, x[j], u[j])


@inner
def add_to(terms: Any, out: Any) -> None:
    """out += terms."""
    for j in range(out.size):
        out[j] += terms[j]


@core
def _scores_cpu(inputs: Any, weights: Any, bias: Any, out: Any, first: Any, last: Any) -> None:
    terms = np.empty(inputs.shape[1], inputs.dtype)
    for row in range(first, last):
        for k in range(weights.shape[0]):
            add_bias(inputs[row], weights[k], terms)
            softplus_row(terms, terms.size)
            out[row, k] = bias[k] + row_sum(terms, terms.size)


@cuda_loop
def _scores_gpu(inputs: Any, weights: Any, bias: Any, out: Any) -> None:
    """One block sums one row's score of one class."""
    n_classes = weights.shape[0]
    for item in range(cuda.blockIdx.x, inputs.shape[0] * n_classes, cuda.gridDim.x):
        row, k = u32(item) // u32(n_classes), u32(item) % u32(n_classes)
        total = type(bias[0])(0)
        for j in range(cuda.threadIdx.x, inputs.shape[1], cuda.blockDim.x):
            total += softplus(inputs[row, j] + weights[k, j])
        total = block_sum(total)
        if cuda.threadIdx.x == 0:
            out[row, k] = bias[k] + total


@core
def _sums_cpu(inputs: Any, weights: Any, factors: Any, rows: Any, classes: Any, first: Any, last: Any) -> None:
    """Sum over blocks [first, last) of columns: a column's sums are one thread's."""
    n = inputs.shape[1]
    terms = np.empty(WIDTH, inputs.dtype)
    for block in range(first, last):
        left, right = block * WIDTH, min(block * WIDTH + WIDTH, n)
        for row in range(inputs.shape[0]):
            for k in range(weights.shape[0]):
                here = terms[: right - left]
                add_weighted(factors[row, k], inputs[row, left:right], weights[k, left:right], here)
                add_to(here, rows[row, left:right])
                add_to(here, classes[k, left:right])


@cuda_loop
def _rows_gpu(inputs: Any, weights: Any, factors: Any, out: Any) -> None:
    """One thread sums one unit of one row over the classes."""
    n = u32(inputs.shape[1])
    for item in range(cuda.grid(1), inputs.shape[0] * inputs.shape[1], cuda.gridsize(1)):
        row, j = u32(item) // n, u32(item) % n
        total = type(factors[0, 0])(0)
        for k in range(weights.shape[0]):
            total += weighted_sigmoid(factors[row, k], inputs[row, j], weights[k, j])
        out[row, j] = total


@cuda_loop
def _classes_gpu(inputs: Any, weights: Any, factors: Any, out: Any) -> None:
    """One thread sums one unit of one class over the rows, neighbours side by side."""
    n = u32(inputs.shape[1])
    for item in range(cuda.grid(1), weights.shape[0] * inputs.shape[1], cuda.gridsize(1)):
        k, j = u32(item) // n, u32(item) % n
        total = type(factors[0, 0])(0)
        for row in range(inputs.shape[0]):
            total += weighted_sigmoid(factors[row, k], inputs[row, j], weights[k, j])
        out[k, j] = total


@core
def _draw_cpu(
    scores: Any, out: Any, call: Any, lane: Any, row0: Any, step: Any, stream: Any, key: Any, first: Any, last: Any
) -> None:
    k0, k1 = key & u64(0xFFFFFFFF), key >> S32
    n = scores.shape[1]
    terms = np.empty(n, scores.dtype)
    for row in range(first, last):
        s = scores[row]
        top = s[0]
        for k in range(n):
            top = max(top, s[k])
        for k in range(n):
            terms[k] = exponential(s[k] - top)
        total = type(top)(0)
        for k in range(n):
            total += terms[k]
        words = philox(call, row0 + row, step, stream, k0, k1)
        aim = total * uniform(top, words[lane], words[(lane + 1) & 3])
        chosen, below = 0, type(top)(0)
        for k in range(n - 1):
            below += terms[k]
            chosen += below <= aim
        out[row] = chosen


@cuda_loop
def _draw_gpu(scores: Any, out: Any, call: Any, lane: Any, row0: Any, step: Any, stream: Any, k0: Any, k1: Any) -> None:
    """One thread draws one row's class; few classes, so e^a is taken twice rather than stored."""
    n = scores.shape[1]
    for row in range(cuda.grid(1), scores.shape[0], cuda.gridsize(1)):
        top = scores[row, 0]
        for k in range(n):
            top = max(top, scores[row, k])
        total = type(top)(0)
        for k in range(n):
            total += exponential(scores[row, k] - top)
        words = philox(call, u32(row) + row0, step, stream, k0, k1)
        aim = total * uniform(top, words[lane], words[(lane + u32(1)) & u32(3)])
        chosen, below = 0, type(top)(0)
        for k in range(n - 1):
            below += exponential(scores[row, k] - top)
            if below <= aim:
                chosen += 1
        out[row] = chosen


def _checked(inputs: Any, weights: Any, other: Any, name: str, shape: tuple[int, ...]) -> tuple[Any, Any, Any]:
    fits = inputs.ndim == weights.ndim == 2 and inputs.shape[1] == weights.shape[1] and other.shape == shape
    same = inputs.dtype == weights.dtype == other.dtype and on_gpu(inputs) == on_gpu(weights) == on_gpu(other)
    if not fits or not same or inputs.dtype not in (np.float32, np.float64) or 0 in weights.shape:
        raise ValueError(
            f"inputs {inputs.dtype}{inputs.shape}, weights {weights.dtype}{weights.shape} and {name} "
            f"{other.dtype}{other.shape} do not fit: (rows, n), (classes, n) and {shape} of one float dtype and device"
        )
    return _plain(inputs), _plain(weights), _plain(other)


def _plain(a: Any) -> Any:
    """Rows one after the other, and writeable as numba sees it: each other layout would be compiled anew."""
    return a if a.flags.c_contiguous and (on_gpu(a) or a.flags.writeable) else a.copy(order="C")


def class_scores(inputs: Any, weights: Any, bias: Any) -> Any:
    """Return a_rk = d_k + sum_j log(1 + e^{x_rj + U_kj}).

    Parameters
    ----------
    inputs : array of shape (n_rows, n), float32 or float64, on the CPU or the GPU
        x.
    weights : array of shape (n_classes, n), of the same dtype and device
        U.
    bias : array of shape (n_classes,)
        d.

    Returns
    -------
    array of shape (n_rows, n_classes)

    Raises
    ------
    ValueError
        When shapes, dtypes or devices do not fit.
    """
    inputs, weights, bias = _checked(inputs, weights, bias, "bias", weights.shape[:1])
    out = np.empty_like(inputs, shape=(inputs.shape[0], weights.shape[0]))
    if inputs.shape[0] == 0:
        pass
    elif on_gpu(inputs):
        _scores_gpu(out.size * BLOCK, inputs, weights, bias, out)
    else:
        over_rows(_scores_cpu, (inputs, weights, bias, out), inputs.shape[0], 2 * inputs.size * weights.shape[0])
    return out


def class_sums(inputs: Any, weights: Any, factors: Any) -> tuple[Any, Any]:
    """Sum q_rk sigma(x_rj + U_kj) over the classes, and over the rows.

    Parameters
    ----------
    inputs, weights
        As of :func:`class_scores`.
    factors : array of shape (n_rows, n_classes)
        q.

    Returns
    -------
    rows : array of shape (n_rows, n)
        Summed over the classes.
    classes : array of shape (n_classes, n)
        Summed over the rows.

    Raises
    ------
    ValueError
        When shapes, dtypes or devices do not fit.
    """
    wanted = (inputs.shape[0], weights.shape[0])
    inputs, weights, factors = _checked(inputs, weights, factors, "factors", wanted)
    rows, classes = np.zeros_like(inputs), np.zeros_like(weights)
    if inputs.shape[0] == 0:
        pass
    elif on_gpu(inputs):
        _rows_gpu(rows.size, inputs, weights, factors, rows)
        _classes_gpu(classes.size, inputs, weights, factors, classes)
    else:
        work = 2 * inputs.size * weights.shape[0]
        over_rows(_sums_cpu, (inputs, weights, factors, rows, classes), -(-inputs.shape[1] // WIDTH), work)
    return rows, classes


def draw_classes(scores: Any, draw: Draw, column: int = 0) -> Any:
    """Draw a class of every row, k with probability e^{a_rk} / sum_l e^{a_rl}.

    Parameters
    ----------
    scores : array of shape (n_rows, n_classes), float32 or float64, on the CPU or the GPU
        a, up to a constant a row.
    draw : Draw
        Where the uniforms stand.
    column : int
        Column of the one uniform that a row takes.

    Returns
    -------
    array of shape (n_rows,), int64
        Numbers of the classes, on the same device.

    Raises
    ------
    ValueError
        When ``scores`` is not a matrix of floats with a column at least.
    """
    if scores.ndim != 2 or scores.dtype not in (np.float32, np.float64) or scores.shape[1] == 0:
        raise ValueError(f"scores are {scores.dtype}{scores.shape}; give a matrix of float32 or float64")
    scores = _plain(scores)
    out = np.zeros_like(scores, shape=scores.shape[:1], dtype=np.int64)
    width = 16 // scores.dtype.itemsize
    call, lane = column // width, (column % width) * (4 // width)
    if scores.shape[0] == 0:
        pass
    elif on_gpu(scores):
        words = (call, lane, draw.first_row, draw.step, draw.stream, draw.seed, draw.seed >> 32)
        _draw_gpu(scores.shape[0], scores, out, *(u32(w & 0xFFFFFFFF) for w in words))
    else:
        counters = (np.int64(draw.first_row), u64(draw.step), u64(draw.stream), u64(draw.seed))
        over_rows(_draw_cpu, (scores, out, np.int64(call), np.int64(lane), *counters), scores.shape[0], 4 * scores.size)
    return out
