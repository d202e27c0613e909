"""Heat-bath sweeps of Ising spins on a torus, one colour of a checkerboard after the other.

    s_i = +1 with probability sigma(2 beta x_i),  else -1;   x_i = h_i + sum_j J_ij s_j   (j next to i)

Sites whose coordinates have an even sum have odd neighbours only, and the reverse, so all of one colour are drawn at
once, given the other: exact Gibbs sampling. It takes even sides, because an odd ring has no two colours. At side 2 the
neighbours below and above are one site, joined by two edges whose couplings add.

Each colour of a sweep draws in its own stream, at the sweep's step; the column is the site's number among those of its
colour, line by line, and the row is the chain. The CPU has two loops, ``lattice_lines`` for large lattices and
``lattice_chains`` for many small ones; both give the same spins, bit for bit. On the GPU each half-sweep is one launch,
of the same cells. Where all couplings and fields are alike, lines look probabilities up in a table, which may round
otherwise, so there the lattice alone decides on the loop.

Source: Geman & Geman 1984 (doi:10.1109/TPAMI.1984.4767596), section XI.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.kernels.jit import cuda_loop
from ebm.kernels.lattice_chains import WIDTH, sweep_chains
from ebm.kernels.lattice_lines import Clock, Schedule, Tables, spin, sweep_lines
from ebm.kernels.philox import columns_per_call, philox, uniform
from ebm.kernels.threads import SMALL, gang, n_threads, over_rows

if TYPE_CHECKING:
    from numba import cuda  # the launcher puts it into the loop's globals

u32, u64 = np.uint32, np.uint64
ONE, TWO, FOUR = u32(1), u32(2), u32(4)
LARGE = 4096  # sites, beyond which a block of chains side by side does not fit in a core's cache
SHARED = 2000  # sites of a colour that each thread must get, if threads are to share one chain


def colour_order(shape: tuple[int, ...]) -> np.ndarray:
    """Return the sites of each colour in the order of their columns, shape (2, n_sites / 2), int64."""
    odd = np.indices(shape).sum(axis=0).ravel() % 2
    return np.stack([np.flatnonzero(odd == colour) for colour in range(2)])


def sides_of(shape: tuple[int, ...]) -> np.ndarray:
    """Return the sides as the loops take them."""
    return np.array(shape, u32)


def make_tables(couplings: np.ndarray, fields: np.ndarray) -> Tables:
    """Sort couplings and fields by colour.

    Parameters
    ----------
    couplings : ndarray of shape (d, *shape)
        ``couplings[a][i]`` joins site i and the next along axis a, around the torus; d is 2 or 3, sides are even.
    fields : ndarray of shape ``shape``
    """
    shape, d = fields.shape, fields.ndim
    order, n, run = colour_order(shape), fields.size, shape[-1] // 2
    position = np.empty(n, np.int64)
    position[order] = np.arange(n // 2)
    numbers, around, joined = np.arange(n).reshape(shape), [], []
    for axis in range(d):
        around += [np.roll(numbers, 1, axis).ravel(), np.roll(numbers, -1, axis).ravel()]
        joined += [np.roll(couplings[axis], 1, axis).ravel(), couplings[axis].ravel()]
    sites = np.stack([position[np.stack(around)[:, sites]] for sites in order])
    by_colour = np.stack([np.stack(joined)[:, sites] for sites in order])
    lines = np.ascontiguousarray(np.stack(around[:-2])[:, :: shape[-1]].T // shape[-1])
    odd = np.indices(shape[:-1]).sum(axis=0).ravel() % 2
    split = (2, 2 * d, n // shape[-1], run)
    return Tables(
        np.ascontiguousarray(by_colour).reshape(split),
        np.ascontiguousarray(fields.ravel()[order]).reshape(2, -1, run),
        lines, odd.astype(np.int64), np.ascontiguousarray(sites), order,
    )  # fmt: skip


def heat_bath(
    tables: Tables, states: np.ndarray, twice: np.ndarray, table: np.ndarray | None, clock: Clock
) -> np.ndarray:
    """Sweep chains on the CPU, in place.

    Parameters
    ----------
    tables : Tables
    states : ndarray of shape (n_chains, n_sites), C-contiguous
        Spins +-1 in the dtype of the tables; overwritten, and returned.
    twice : ndarray of shape (n_sweeps, n_chains)
        2 beta of every sweep and chain, in the same dtype.
    table : ndarray of shape (n_sweeps, n_chains, 2d + 1) or None
        On a uniform lattice, P(up) by the sum of the 2d neighbours, -2d, ..., 2d.
    clock : Clock
    """
    n_sweeps, n_chains = twice.shape
    work, run = n_sweeps * states.size, tables.fields.shape[2]
    if work == 0:
        return states
    if table is None and states.shape[1] <= LARGE and n_chains >= 2 * run:  # longer vectors than along a line
        flat = tables.couplings.reshape(*tables.couplings.shape[:2], -1), tables.fields.reshape(2, -1)
        blocks = -(-n_chains // WIDTH)
        over_rows(sweep_chains, (*flat, tables.sites, tables.order, states, twice, clock), blocks, work)
        return states
    shared, threads = n_chains < n_threads(), n_threads()
    parts = min(threads, tables.lines.shape[0], states.shape[1] // 2 // SHARED) if shared else min(threads, n_chains)
    parts = max(1, min(parts, work // SMALL))
    schedule = Schedule(twice, np.empty((1, n_chains, 0), states.dtype) if table is None else table)
    spins = np.empty((n_chains, *tables.fields.shape), states.dtype)
    gang(sweep_lines, (tables, states, spins, schedule, clock, shared), parts)
    return states


@cuda_loop
def _half_sweep(
    states: Any, couplings: Any, fields: Any, twice: Any, sides: Any,
    colour: Any, step: Any, stream: Any, row0: Any, k0: Any, k1: Any,
) -> None:  # fmt: skip
    """One thread does the columns that share a call; it reads spins of the other colour only."""
    n, axes = u32(fields.size), sides.size
    side, width = u32(sides[axes - 1]), columns_per_call(fields[0])
    run, half = side // TWO, n // TWO
    calls, words_each = (half + width - ONE) // width, FOUR // width
    for item in range(cuda.grid(1), states.shape[0] * calls, cuda.gridsize(1)):
        chain, call = u32(item) // calls, u32(item) % calls
        words = philox(call, chain + row0, step, stream, k0, k1)
        for lane in range(width):
            q = call * width + u32(lane)
            if q < half:
                line, offset = q // run, colour
                rest = line
                for axis in range(axes - 2, -1, -1):
                    offset += rest % sides[axis]
                    rest = rest // sides[axis]
                site = line * side + TWO * (q % run) + (offset & ONE)
                x, stride = fields[site], n
                for axis in range(axes):
                    length = sides[axis]
                    stride = stride // length
                    place = site // stride % length
                    below = site + (length - ONE) * stride if place == 0 else site - stride
                    above = site - (length - ONE) * stride if place == length - ONE else site + stride
                    x = x + couplings[axis, below] * states[chain, below]
                    x = x + couplings[axis, site] * states[chain, above]
                high, low = words[lane * words_each], words[(lane * words_each + 1) & 3]
                states[chain, site] = spin(twice[chain] * x, uniform(x, high, low))


def heat_bath_on_gpu(couplings: Any, fields: Any, sides: Any, states: Any, twice: Any, clock: tuple[int, ...]) -> None:
    """Sweep chains on the GPU, in place; couplings (d, n_sites), fields (n_sites,); clock as the CPU's, plain."""
    row, step, even, odd, seed, first = clock
    threads = states.shape[0] * -(-fields.size // 2 // (16 // states.dtype.itemsize))
    for k in range(twice.shape[0]):
        for colour, stream in ((1, odd), (0, even)) if first else ((0, even), (1, odd)):
            words = (colour, step + k, stream, row, seed, seed >> 32)
            numbers = (u32(word & 0xFFFFFFFF) for word in words)
            _half_sweep(threads, states, couplings, fields, twice[k], sides, *numbers)
