"""Energies of Ising spins on a torus.

    E(s) = -sum_i h_i s_i - sum_a sum_i J_a(i) s_i s_{i + e_a}

for every chain: each edge once, from its lower end, around the torus.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.kernels.block import BLOCK, block_sum
from ebm.kernels.jit import core, cuda_loop, on_gpu, summing
from ebm.kernels.processor import plain
from ebm.kernels.threads import over_rows

if TYPE_CHECKING:
    from numba import cuda

u32 = np.uint32
ONE = u32(1)


@summing
def line_sum(s: Any, field: Any, along: Any) -> Any:
    """sum_i s_i (h_i + J_i s_{i+1}) over one line, without the edge that closes it."""
    total = type(s[0])(0)
    t, e = s[1:], s.size - 1
    for i in range(e):
        total += s[i] * (field[i] + along[i] * t[i])
    return total + s[e] * (field[e] + along[e] * s[0])


@summing
def pair_sum(s: Any, across: Any, above: Any) -> Any:
    """sum_i J_i s_i t_i for a line and the next one along another axis."""
    total = type(s[0])(0)
    for i in range(s.size):
        total += across[i] * s[i] * above[i]
    return total


@core
def _cpu(states: Any, couplings: Any, fields: Any, above: Any, out: Any, first: Any, last: Any) -> None:
    """``above[line, a]`` is the next line along axis a; couplings (d, lines, side), fields (lines, side)."""
    n_lines, side = fields.shape
    along = couplings.shape[0] - 1
    for chain in range(first, last):
        total = 0.0  # float64: line sums are short, their total is not
        for line in range(n_lines):
            s = states[chain, line * side : (line + 1) * side]
            part = line_sum(s, fields[line], couplings[along, line])
            for axis in range(along):
                start = above[line, axis] * side
                part += pair_sum(s, couplings[axis, line], states[chain, start : start + side])
            total += part
        out[chain] = -total


@cuda_loop
def _gpu(states: Any, couplings: Any, fields: Any, sides: Any, out: Any) -> None:
    """One block sums one chain, in the dtype of the states."""
    n, axes = u32(fields.size), sides.size
    for chain in range(cuda.blockIdx.x, states.shape[0], cuda.gridDim.x):
        total = type(fields[0])(0)
        for item in range(cuda.threadIdx.x, n, cuda.blockDim.x):
            site, stride = u32(item), n
            x = fields[site]
            for axis in range(axes):
                length = sides[axis]
                stride = stride // length
                at_end = site // stride % length == length - ONE
                above = site - (length - ONE) * stride if at_end else site + stride
                x = x + couplings[axis, site] * states[chain, above]
            total -= x * states[chain, site]
        total = block_sum(total)
        if cuda.threadIdx.x == 0:
            out[chain] = total


@lru_cache(maxsize=64)
def _next_lines(shape: tuple[int, ...]) -> np.ndarray:
    """Return the next line along each axis, shape (n_lines, d - 1)."""
    lines = np.arange(np.prod(shape)).reshape(shape)
    return np.stack([np.roll(lines, -1, axis).ravel() for axis in range(len(shape))], axis=1)


def energies(states: Any, couplings: Any, fields: Any, sides: Any) -> Any:
    """Compute the energy of every chain.

    Parameters
    ----------
    states : array of shape (n_chains, n_sites), C-contiguous, float32 or float64, on the CPU or the GPU
    couplings : array of shape (d, n_sites)
    fields : array of shape (n_sites,)
    sides : array of shape (d,), uint32

    Returns
    -------
    array of shape (n_chains,), float64 on the CPU, else of the dtype of the states
    """
    if on_gpu(states):
        out = np.zeros_like(states, shape=states.shape[:1])
        _gpu(states.shape[0] * BLOCK, states, couplings, fields, sides, out)
        return out
    *others, side = (int(side) for side in sides)
    out = np.empty(states.shape[0])
    by_line = couplings.reshape(len(couplings), -1, side), fields.reshape(-1, side)
    over_rows(_cpu, (plain(states), *by_line, _next_lines(tuple(others)), out), states.shape[0], states.size)
    return out
