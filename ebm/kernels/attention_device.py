"""Additive attention on a GPU, one time of the target after the other; the equations are in `ebm.kernels.attention`.

A block of threads does one sequence: sums over a key or a frame are the block's, and the source frames of a sequence
are its own. The query stands in the last columns of a row of gates, where its gradient takes its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ebm.kernels.activations import tanh, tanh_slope
from ebm.kernels.block import BLOCK, block_max, block_sum
from ebm.kernels.exponential import exponential
from ebm.kernels.jit import cuda_loop
from ebm.kernels.recurrence import Moment

if TYPE_CHECKING:
    from numba import cuda


@cuda_loop
def _look_gpu(
    products: Any, gates: Any, keys: Any, values: Any, energy: Any, begins: Any, counts: Any, bases: Any, order: Any,
    weights: Any, contexts: Any, time: Any, top: Any, rows: Any,
) -> None:  # fmt: skip
    width, m = energy.size, values.shape[1]
    left = gates.shape[1] - width
    for rank in range(cuda.blockIdx.x, rows, cuda.gridDim.x):
        sequence = order[rank]
        n, begin = counts[sequence], begins[sequence]
        place = bases[sequence] + time * n
        for j in range(n):
            total = type(energy[0])(0)
            for k in range(cuda.threadIdx.x, width, cuda.blockDim.x):
                total += energy[k] * tanh(products[rank, left + k] + keys[begin + j, k])
            total = block_sum(total)
            if cuda.threadIdx.x == 0:
                weights[place + j] = total
        for k in range(cuda.threadIdx.x, width, cuda.blockDim.x):
            gates[top + rank, left + k] = products[rank, left + k]
        cuda.syncthreads()
        peak, mass = weights[place], type(energy[0])(0)
        for j in range(cuda.threadIdx.x, n, cuda.blockDim.x):
            peak = max(peak, weights[place + j])
        peak = block_max(peak)
        for j in range(cuda.threadIdx.x, n, cuda.blockDim.x):
            mass += exponential(weights[place + j] - peak)
        mass = block_sum(mass)
        for j in range(cuda.threadIdx.x, n, cuda.blockDim.x):
            weights[place + j] = exponential(weights[place + j] - peak) / mass
        cuda.syncthreads()
        for k in range(cuda.threadIdx.x, m, cuda.blockDim.x):
            total = type(energy[0])(0)
            for j in range(n):
                total += weights[place + j] * values[begin + j, k]
            contexts[top + rank, k] = total


@cuda_loop
def _look_back_gpu(
    gates: Any, keys: Any, values: Any, energy: Any, begins: Any, counts: Any, bases: Any, order: Any, weights: Any,
    slopes: Any, d_contexts: Any, d_keys: Any, d_values: Any, d_energy: Any, time: Any, top: Any, rows: Any,
) -> None:  # fmt: skip
    width, m = energy.size, values.shape[1]
    left = gates.shape[1] - width
    for rank in range(cuda.blockIdx.x, rows, cuda.gridDim.x):
        sequence = order[rank]
        n, begin = counts[sequence], begins[sequence]
        place = bases[sequence] + time * n
        mean = type(energy[0])(0)
        for j in range(n):
            total = type(energy[0])(0)
            for k in range(cuda.threadIdx.x, m, cuda.blockDim.x):
                total += d_contexts[top + rank, k] * values[begin + j, k]
                d_values[begin + j, k] += weights[place + j] * d_contexts[top + rank, k]
            total = block_sum(total)
            mean += weights[place + j] * total
            if cuda.threadIdx.x == 0:
                slopes[place + j] = total
        cuda.syncthreads()
        for k in range(cuda.threadIdx.x, width, cuda.blockDim.x):
            query, d_query, d_v = gates[top + rank, left + k], type(energy[0])(0), d_energy[rank, k]
            for j in range(n):
                slope, matched = weights[place + j] * (slopes[place + j] - mean), tanh(query + keys[begin + j, k])
                d_key = slope * energy[k] * tanh_slope(matched)
                d_keys[begin + j, k] += d_key
                d_query += d_key
                d_v += slope * matched
            gates[top + rank, left + k] = d_query
            d_energy[rank, k] = d_v


def look(
    products: Any, gates: Any, looking: tuple[Any, ...], order: Any, contexts: Any, time: int, moment: Moment
) -> None:
    """Write the weights and the contexts of one time.

    Parameters
    ----------
    products : array of shape (n, columns)
        In its last columns the queries, by rank; copied to the rows of ``gates`` (n_frames, columns).
    gates : array
    looking : tuple of arrays
        keys, values, energy, begins, counts, bases and weights, as in `ebm.kernels.attention_lstm.forward`.
    order : array of int64 of shape (n,)
    contexts : array of shape (n_frames, m)
        Written.
    time : int
    moment : Moment
    """
    *given, weights = looking
    _look_gpu(moment.rows * BLOCK, products, gates, *given, order, weights, contexts, time, moment.top, moment.rows)


def look_back(
    gates: Any, looking: tuple[Any, ...], order: Any, slopes: Any, gradients: tuple[Any, Any, Any, Any], time: int,
    moment: Moment,
) -> None:  # fmt: skip
    """Write the queries' gradients over them, and add to the others.

    Parameters
    ----------
    gates, looking, order, time, moment
        As in `look`.
    slopes : array of the weights' shape
        Working memory.
    gradients : tuple of arrays
        dL/d contexts (n_frames, m); added to are dL/d keys, dL/d values, and dL/d energy (n, width) by rank.
    """
    *given, weights = looking
    arrays = (gates, *given, order, weights, slopes, *gradients)
    _look_back_gpu(moment.rows * BLOCK, *arrays, time, moment.top, moment.rows)
