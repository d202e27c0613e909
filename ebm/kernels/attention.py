"""Additive attention of one state over the frames of a source, and back.

    e_j = v . tanh(q + k_j),   q = s W,  k_j = V h_j,    alpha = softmax(e),    c = sum_j alpha_j h_j

The keys k_j do not depend on the state, and are made once for all source frames. Backwards, with g = dL/dc in all:

    dalpha_j = g . h_j,   de_j = alpha_j (dalpha_j - sum_l alpha_l dalpha_l),   dh_j += alpha_j g
    dv += de_j tanh(q + k_j),   dk_j += de_j v (1 - tanh^2(q + k_j)),   dq = sum_j of the same

The source frames of a sequence stand one after the other, from ``begins`` on. Weights stand in one array: those of
sequence s and its target frame t are the ``counts[s]`` from ``bases[s] + t counts[s]`` on (`place_weights`).

Source: Bahdanau, Cho & Bengio 2015 (arXiv:1409.0473), eqs. 5 and 6, and appendix A.1.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.kernels.activations import tanh
from ebm.kernels.jit import core, cuda_loop, inner, on_gpu, summing
from ebm.kernels.recurrence import clear_row, copy_row
from ebm.kernels.reduce import row_sum
from ebm.kernels.softmax_loss import largest, weigh_row
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from numba import cuda

COST = 8  # what a number of a key costs, in plain elements: a tanh


@summing
def dot(x: Any, y: Any) -> Any:
    """x . y."""
    total = x.dtype.type(0)
    for k in range(x.size):
        total += x[k] * y[k]
    return total


@inner
def add_scaled(factor: Any, x: Any, out: Any) -> None:
    """out += factor x."""
    for k in range(out.size):
        out[k] += factor * x[k]


@inner
def scale(factor: Any, x: Any) -> None:
    """x = factor x."""
    for k in range(x.size):
        x[k] *= factor


@inner
def _match(query: Any, key: Any, out: Any) -> None:
    """tanh(q + k)."""
    for k in range(out.size):
        out[k] = tanh(query[k] + key[k])


@inner
def attend(query: Any, keys: Any, values: Any, energy: Any, begin: Any, work: Any, weights: Any, context: Any) -> None:
    """Write the weights of source frames ``begin`` to ``begin + weights.size``, and the context."""
    n, width = weights.size, energy.size
    matched, energies = work[:width], work[width : width + n]
    for j in range(n):
        _match(query, keys[begin + j], matched)
        energies[j] = dot(energy, matched)
    weigh_row(energies, largest(energies), weights)
    scale(energies.dtype.type(1) / row_sum(weights, n), weights)
    clear_row(context)
    for j in range(n):
        add_scaled(weights[j], values[begin + j], context)


@inner
def _back_from_energy(slope: Any, energy: Any, matched: Any, d_energy: Any) -> None:
    """Add to dv, and write dk over tanh(q + k)."""
    add_scaled(slope, matched, d_energy)
    for k in range(matched.size):
        matched[k] = slope * energy[k] * (matched.dtype.type(1) - matched[k] * matched[k])


@inner
def attend_back(
    query: Any, keys: Any, values: Any, energy: Any, begin: Any, work: Any, weights: Any, d_context: Any,
    d_keys: Any, d_values: Any, d_energy: Any,
) -> None:  # fmt: skip
    """Add to dk, dh and dv, and write dq over q."""
    n, width = weights.size, energy.size
    matched, d_query, slopes = work[:width], work[width : 2 * width], work[2 * width : 2 * width + n]
    for j in range(n):
        slopes[j] = dot(d_context, values[begin + j])
        add_scaled(weights[j], d_context, d_values[begin + j])
    mean = dot(weights, slopes)
    clear_row(d_query)
    for j in range(n):
        _match(query, keys[begin + j], matched)
        _back_from_energy(weights[j] * (slopes[j] - mean), energy, matched, d_energy)
        add_scaled(matched.dtype.type(1), matched, d_keys[begin + j])
        add_scaled(matched.dtype.type(1), matched, d_query)
    copy_row(d_query, query)


@inner
def clear_frames(array: Any, begin: Any, n: Any) -> None:
    """Rows [begin, begin + n) = 0."""
    for row in range(begin, begin + n):
        clear_row(array[row])


@core(allocates=False)
def _place(lengths: Any, counts: Any, bases: Any, first: Any, last: Any) -> None:
    total = np.int64(0)
    for s in range(bases.size):
        bases[s] = total
        total += lengths[s] * counts[s]


@cuda_loop
def _place_gpu(lengths: Any, counts: Any, bases: Any) -> None:
    for last in range(cuda.grid(1), bases.size, cuda.gridsize(1)):
        total = np.int64(0)
        for s in range(last):
            total += lengths[s] * counts[s]
        bases[last] = total


def place_weights(lengths: Any, counts: Any, bases: Any) -> None:
    """Write where each sequence's weights begin: after those of the sequences before it.

    Parameters
    ----------
    lengths, counts : array of int64 of shape (n,)
        Target frames, and source frames, of each sequence of the batch.
    bases : array of int64 of shape (n,)
        Written.
    """
    if on_gpu(bases):
        _place_gpu(bases.size, lengths, counts, bases)
    else:
        over_rows(_place, (lengths, counts, bases), 1, bases.size)


def working_columns(width: int, longest: int) -> int:
    """Columns of working memory that a sequence needs: a key and a query's gradient, and a number a source frame."""
    return 2 * width + longest
