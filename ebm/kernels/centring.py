"""What a contrastive update on the GPU does beside products: batches, centred rows, biases and offsets.

The mathematics is that of ``contrastive.py``. Rows of data and, below them, of chains stand in two matrices,
visible and hidden. Three more columns on either side make one product G = visible^T hidden give every sum:

    visible row:  v - mu | 1 - e | 1 | 1 for data, 0 for chains        hidden row:  q | w - a | w for data | a

    G[:n, :m] = dW;  G[n, :m] = dc;  G[n + 1, :m] = sum_r q_r;  G[n + 2, :m] = sum over data of q_r
    G[:n, m] + mu sum_r w_r = db;    G[:n, m + 1] + mu sum w = sum over data of w_r v_r

for n visible and m hidden units. ``clock`` holds the sweeps since learning began and the number of the batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.kernels.block import BLOCK, block_sum
from ebm.kernels.exponential import sigmoid
from ebm.kernels.jit import cuda_loop
from ebm.kernels.update import moved

if TYPE_CHECKING:
    from numba import cuda

u32, i64 = np.uint32, np.int64  # uint64 + int64 would be float64
EXTRA = 3  # columns beside the units
ONE = u32(1)


@cuda_loop
def _load_dense(
    data: Any, order: Any, clock: Any, batch: Any, rows: Any, schedule: Any, rates: Any, visible: Any
) -> None:
    """Copy the batch's samples into the first rows, and its rates to where the updates read them."""
    n = u32(data.shape[1])
    top = i64(clock[1]) * i64(batch)
    for item in range(cuda.grid(1), rows * n, cuda.gridsize(1)):
        row, i = u32(item) // n, u32(item) % n
        visible[row, i] = data[order[top + row], i]
    if cuda.grid(1) < 2:
        rates[cuda.grid(1)] = schedule[clock[1], cuda.grid(1)]


@cuda_loop
def _load_lists(
    starts: Any, indices: Any, values: Any, has_values: Any, order: Any, clock: Any, batch: Any, rows: Any,
    n_visible: Any, schedule: Any, rates: Any, visible: Any,
) -> None:  # fmt: skip
    """Do the same from rows of indices, one block a row; unless there are values, all of them are 1."""
    top = i64(clock[1]) * i64(batch)
    one = type(rates[0])(1)
    for row in range(cuda.blockIdx.x, rows, cuda.gridDim.x):
        for i in range(cuda.threadIdx.x, n_visible, cuda.blockDim.x):
            visible[row, i] = 0
        cuda.syncthreads()
        sample = order[top + row]
        for e in range(starts[sample] + cuda.threadIdx.x, starts[sample + 1], cuda.blockDim.x):
            visible[row, indices[e]] = values[e] if has_values else one
    if cuda.grid(1) < 2:
        rates[cuda.grid(1)] = schedule[clock[1], cuda.grid(1)]


@cuda_loop
def _centre_rows(
    visible: Any, hidden: Any, biases: Any, offsets: Any, n_visible: Any,
    shares: Any, clock: Any, batch: Any, rows: Any, chain_share: Any,
) -> None:  # fmt: skip
    """Turn pre-activations into q, v into v - mu, and fill the extra columns; one block a row."""
    n, m = n_visible, offsets.size - n_visible
    zero, one = type(chain_share)(0), type(chain_share)(1)
    for row in range(cuda.blockIdx.x, visible.shape[0], cuda.gridDim.x):
        of_data = row < rows
        share = shares[i64(clock[1]) * i64(batch) + row] if of_data else chain_share
        a, e = zero, zero
        for j in range(cuda.threadIdx.x, m, cuda.blockDim.x):
            q = share * (sigmoid(hidden[row, j] + biases[n + j]) - offsets[n + j])
            hidden[row, j] = q
            a += q * offsets[n + j]
        for i in range(cuda.threadIdx.x, n, cuda.blockDim.x):
            v = visible[row, i] - offsets[i]
            visible[row, i] = v
            e += v * offsets[i]
        a, e = block_sum(a), block_sum(e)
        if cuda.threadIdx.x == 0:
            visible[row, n], visible[row, n + 1], visible[row, n + 2] = one - e, one, one if of_data else zero
            hidden[row, m], hidden[row, m + 1], hidden[row, m + 2] = share - a, share if of_data else zero, a


@cuda_loop
def _move_biases(
    gradient: Any, biases: Any, velocities: Any, offsets: Any, n_visible: Any,
    rates: Any, offset_rate: Any, clock: Any, sweeps: Any,
) -> None:  # fmt: skip
    """Update b, c, mu and lambda from the borders of G, and set the clock for the next update."""
    n, m = n_visible, offsets.size - n_visible
    rate, momentum = rates[0], rates[1]
    zero = type(rate)(0)
    all_shares = gradient[n + 1, m] + gradient[n + 1, m + 2]
    data_shares = gradient[n + 1, m + 1]
    for k in range(cuda.grid(1), biases.size, cuda.gridsize(1)):
        if k < n:
            mu = offsets[k]
            d = gradient[k, m] + mu * all_shares
            drift = gradient[k, m + 1] + mu * data_shares - mu
        else:
            d, drift = gradient[n, k - n], gradient[n + 2, k - n]
        velocities[k] = moved(velocities[k], d, biases[k], rate, momentum, zero, zero)
        biases[k] += velocities[k]
        offsets[k] += offset_rate * drift
    if cuda.grid(1) == 0:  # nobody else here reads the clock
        clock[0] += sweeps
        clock[1] += ONE


def load_dense(
    data: Any, order: Any, clock: Any, batch: int, rows: int, schedule: Any, rates: Any, visible: Any
) -> None:
    """Launch the CUDA loop that copies ``rows`` samples of a batch of at most ``batch``."""
    _load_dense(rows * data.shape[1], data, order, clock, u32(batch), u32(rows), schedule, rates, visible)


def load_lists(
    starts: Any, indices: Any, values: Any, has_values: bool, order: Any, clock: Any, batch: int, rows: int,
    n_visible: int, schedule: Any, rates: Any, visible: Any,
) -> None:  # fmt: skip
    """Launch the CUDA loop that fills ``rows`` rows from their indices."""
    lists = (starts, indices, values, has_values, order, clock, u32(batch), u32(rows), u32(n_visible))
    _load_lists(rows * BLOCK, *lists, schedule, rates, visible)


def centre_rows(
    visible: Any, hidden: Any, biases: Any, offsets: Any, n_visible: int,
    shares: Any, clock: Any, batch: int, rows: int, chain_share: Any,
) -> None:  # fmt: skip
    """Launch the CUDA loop over rows of data (the first ``rows``) and of chains."""
    batches = (shares, clock, u32(batch), u32(rows), chain_share)
    _centre_rows(visible.shape[0] * BLOCK, visible, hidden, biases, offsets, np.int64(n_visible), *batches)


def move_biases(
    gradient: Any, biases: Any, velocities: Any, offsets: Any, n_visible: int,
    rates: Any, offset_rate: Any, clock: Any, sweeps: int,
) -> None:  # fmt: skip
    """Launch the CUDA loop that ends an update."""
    vectors = (gradient, biases, velocities, offsets, np.int64(n_visible))
    _move_biases(biases.size, *vectors, rates, offset_rate, clock, u32(sweeps))
