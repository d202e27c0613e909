"""Colour-block Gibbs sampling of binary units on a graph: all units of a colour at once, colour after colour.

    s_i ~ Bernoulli(sigma(a (b_i + sum_j W_ij s_j) + c g_i)),   a, c of the chain, g a base model's input

Units of a colour are no neighbours, so given the others they are independent, and drawing them all is one transition
that leaves p(s) ~ exp(a (b.s + sum_{i<j} W_ij s_i s_j) + c g.s) as it is (Geman & Geman 1984,
doi:10.1109/TPAMI.1984.4767596, section XI; by colours, Gonzalez et al. 2011, "Parallel Gibbs sampling").

Units stand at the places of ``ebm.boltzmann.graph_layout``; the uniform of place p in chain r is Philox's at column
p, row r. Two loops with the same results, bit for bit: ``_alone`` has a chain's states side by side, and its threads
share the slices of a colour and meet after it; ``_crowd`` has a place's chains side by side, as vectors, and its
threads share chains, or slices where the chains are few.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ebm.kernels.barrier import all_here, meet
from ebm.kernels.bernoulli import state
from ebm.kernels.block_uniforms import GROUP, fill_block, fill_group
from ebm.kernels.jit import core, cuda_loop, inner, on_gpu, pasted
from ebm.kernels.philox import columns_per_call, philox, uniform
from ebm.kernels.processor import aligned
from ebm.kernels.threads import SMALL, gang, n_threads
from ebm.kernels.vector import add_four_columns, at

if TYPE_CHECKING:
    from numba import cuda  # the launcher puts it into the loop's globals: importing it costs 0.3 s

    from ebm.random import Draw

u8, u32, u64 = np.uint8, np.uint32, np.uint64
ONE, FOUR = u32(1), u32(4)
SLICE = 256  # units whose inputs stand in the first cache at a time
STRIP = 64  # chains side by side: a cache line of bytes
LANES = 16  # a strip is a multiple of it
NARROW = 8  # units of a slice below which each sums its neighbours by itself
CROWD = 8  # chains from which on they stand side by side
SHARE = 4096  # places of a colour that a thread must get, or meeting costs more
WORK = 4  # elements of ``threads.SMALL`` that an update is worth


class Couplings(NamedTuple):
    """What all chains share, at the places of a layout."""

    neighbours: np.ndarray  # int32, column by column of every slice
    weights: np.ndarray  # beside them
    bias: np.ndarray  # b, (n_places,)
    base: np.ndarray  # g, (n_places,)
    slices: np.ndarray  # int64, (n_slices, 4): first place, units, largest degree, offset of its columns
    colours: np.ndarray  # int64, (n_colours + 1,): the slices of each colour


@inner
def _add_neighbours(x: Any, states: Any, neighbours: Any, weights: Any) -> None:
    """x_i += w_i s_{n_i}: one column of a slice."""
    for i in range(x.size):
        x[i] += weights[i] * type(weights[i])(states[neighbours[i]])


@inner
def _field(states: Any, neighbours: Any, weights: Any, start: Any, degree: Any, width: Any) -> Any:
    """Return b + sum_d w_d s_{n_d} of one unit of a slice of few, whose columns are too short to loop over."""
    total, column = start, 0
    for _ in range(degree):
        total += weights[column] * type(weights[column])(states[neighbours[column]])
        column += width
    return total


@inner
def _draw_places(own: Any, x: Any, base: Any, noise: Any, scale: Any, base_scale: Any) -> None:
    """Draw s from the inputs scale x + base_scale g."""
    for i in range(own.size):
        own[i] = own.dtype.type(state(scale * x[i] + base_scale * base[i], noise[i]))


@inner
def _copy(x: Any, out: Any) -> None:
    for i in range(out.size):
        out[i] = x[i]


@pasted
def _fields(x: Any, own: Any, couplings: Any, place: Any, degree: Any, offset: Any) -> None:
    """Write b + W s for the units of a slice."""
    if x.size < NARROW:
        for i in range(x.size):
            neighbours, weights = couplings.neighbours[offset + i :], couplings.weights[offset + i :]
            x[i] = _field(own, neighbours, weights, couplings.bias[place + i], degree, x.size)
    else:
        _copy(couplings.bias[place : place + x.size], x)
        fours = degree // 4 * 4
        for d in range(0, fours, 4):
            column = offset + d * x.size
            neighbours, weights = at(couplings.neighbours, column), at(couplings.weights, column)
            add_four_columns(at(x, 0), at(own, 0), neighbours, weights, x.size)
        for d in range(fours, degree):
            column = offset + d * x.size
            last = column + x.size
            _add_neighbours(x, own, couplings.neighbours[column:last], couplings.weights[column:last])


@core(allocates=False)
def _alone(
    couplings: Any, states: Any, scales: Any, buffers: Any, row0: Any, step0: Any, n_sweeps: Any,
    stream: Any, key: Any, part: Any, parts: Any, barrier: Any,
) -> None:  # fmt: skip
    """One chain after another; ``buffers`` (parts, 2, SLICE) hold inputs and noise."""
    if not all_here(barrier, parts):
        return
    slices, colours = couplings.slices, couplings.colours
    for chain in range(states.shape[0]):
        own, scale, base_scale = states[chain], scales[0, chain], scales[1, chain]
        for sweep in range(n_sweeps):
            for colour in range(colours.size - 1):
                first, n = colours[colour], colours[colour + 1] - colours[colour]
                for number in range(first + n * part // parts, first + n * (part + 1) // parts):
                    place, width, degree, offset = (
                        slices[number, 0], slices[number, 1], slices[number, 2], slices[number, 3]
                    )  # fmt: skip
                    last, x = place + width, buffers[part, 0, :width]
                    noise = buffers[part, 1, : (width + GROUP - 1) // GROUP * GROUP]
                    _fields(x, own, couplings, place, degree, offset)
                    fill_block(noise, place, row0 + u64(chain), step0 + u64(sweep), stream, key)
                    _draw_places(own[place:last], x, couplings.base[place:last], noise, scale, base_scale)
                meet(barrier, parts)


@inner
def _fill(x: Any, value: Any) -> None:
    for k in range(x.size):
        x[k] = value


@inner
def _add_row(x: Any, weight: Any, row: Any) -> None:
    """x += w s for the chains of one neighbour."""
    for k in range(x.size):
        x[k] += weight * type(weight)(row[k])


@inner
def _add_four_rows(x: Any, a: Any, b: Any, c: Any, d: Any, s: Any, t: Any, u: Any, v: Any) -> None:
    """x += a s + b t + c u + d v, in this order: one pass over x for four neighbours."""
    for k in range(x.size):
        x[k] = (((x[k] + a * type(a)(s[k])) + b * type(a)(t[k])) + c * type(a)(u[k])) + d * type(a)(v[k])


@inner
def _add_neighbour_rows(x: Any, states: Any, weights: Any, neighbours: Any, degree: Any) -> None:
    """Add all neighbours of a place to its inputs in every chain, four at a time."""
    fours = degree // 4 * 4
    for d in range(0, fours, 4):
        a, b, c, e = neighbours[d], neighbours[d + 1], neighbours[d + 2], neighbours[d + 3]
        _add_four_rows(
            x, weights[d], weights[d + 1], weights[d + 2], weights[d + 3], states[a], states[b], states[c], states[e]
        )
    for d in range(fours, degree):
        _add_row(x, weights[d], states[neighbours[d]])


@inner
def _draw_chains(own: Any, x: Any, base: Any, noise: Any, scale: Any, base_scale: Any) -> None:
    """Draw s of one place in every chain."""
    for k in range(own.size):
        own[k] = u8(state(scale[k] * x[k] + base_scale[k] * base, noise[k]))


@core(allocates=False)
def _crowd(
    couplings: Any, states: Any, scales: Any, buffers: Any, shared: Any, row0: Any, step0: Any, n_sweeps: Any,
    stream: Any, key: Any, part: Any, parts: Any, barrier: Any,
) -> None:  # fmt: skip
    """Sweep strips of chains, states (n_strips, n_places, strip); ``buffers`` (parts, 5, strip): noise and inputs.

    Threads take strips, or where ``shared`` the slices of every colour of the same strips.
    """
    if not all_here(barrier, parts):
        return
    slices, colours, bias, base = couplings.slices, couplings.colours, couplings.bias, couplings.base
    noise, x = buffers[part, :4], buffers[part, 4]
    among, mine = (parts, part) if shared else (1, 0)
    n = states.shape[0]
    for strip in range(0 if shared else n * part // parts, n if shared else n * (part + 1) // parts):
        own, scale, base_scale, row = states[strip], scales[0, strip], scales[1, strip], row0 + u64(strip * x.size)
        for sweep in range(n_sweeps):
            for colour in range(colours.size - 1):
                first, many = colours[colour], colours[colour + 1] - colours[colour]
                for number in range(first + many * mine // among, first + many * (mine + 1) // among):
                    place, width, degree, offset = (
                        slices[number, 0], slices[number, 1], slices[number, 2], slices[number, 3]
                    )  # fmt: skip
                    for i in range(width):
                        if i % GROUP == 0:
                            fill_group(noise, place + i, row, step0 + u64(sweep), stream, key)
                        _fill(x, bias[place + i])
                        w, other = couplings.weights[offset + i :: width], couplings.neighbours[offset + i :: width]
                        _add_neighbour_rows(x, own, w, other, degree)
                        _draw_chains(own[place + i], x, base[place + i], noise[i % GROUP], scale, base_scale)
                meet(barrier, among)


@cuda_loop
def _gpu(
    states: Any, neighbours: Any, weights: Any, bias: Any, base: Any, slices: Any, scales: Any,
    first: Any, last: Any, row0: Any, step: Any, stream: Any, k0: Any, k1: Any,
) -> None:  # fmt: skip
    """Draw the places of slices ``first`` to ``last`` in states (n_places, n_chains); a thread draws a group."""
    n_chains, n_lanes = u32(states.shape[1]), columns_per_call(bias[0])
    start = slices[first, 0]
    n_groups = u32((slices[last - 1, 0] + slices[last - 1, 1] - start + n_lanes - 1) // n_lanes)
    for item in range(cuda.grid(1), n_groups * n_chains, cuda.gridsize(1)):
        group, chain = u32(item) // n_chains, u32(item) % n_chains
        place = start + group * n_lanes
        number = first + (place - start) // SLICE
        width, degree = slices[number, 1], slices[number, 2]
        words = philox(u32(place) // n_lanes, chain + row0, step, stream, k0, k1)
        for lane in range(min(n_lanes, slices[number, 0] + width - place)):
            column = slices[number, 3] + place - slices[number, 0] + lane
            x = bias[place + lane]
            for _ in range(degree):
                x += weights[column] * states[neighbours[column], chain]
                column += width
            x = scales[0, chain] * x + scales[1, chain] * base[place + lane]
            word = u32(lane) * (FOUR // n_lanes)
            states[place + lane, chain] = state(x, uniform(x, words[word], words[(word + ONE) & u32(3)]))


def colour_gibbs(
    states: np.ndarray, places: np.ndarray, couplings: Couplings, scales: np.ndarray, draw: Draw, n_sweeps: int
) -> np.ndarray:
    """Do sweeps of Gibbs sampling in every chain.

    Parameters
    ----------
    states : ndarray of shape (n_chains, n_units), float32 or float64
        Zeros and ones (units that are not drawn may have any values); left as they are.
    places : ndarray of int64, shape (n_units,)
        Where the units stand, as in ``ebm.boltzmann.graph_layout.Layout``.
    couplings : Couplings
        In the dtype of ``states``.
    scales : ndarray of shape (2, n_chains), in the same dtype
        a and c of every chain.
    draw : Draw
        Chain r draws at row ``first_row + r``, sweep t at step ``step + t``.
    n_sweeps : int
        At least 0.

    Returns
    -------
    ndarray of shape (n_chains, n_units)
        The states afterwards. They depend neither on the number of threads nor on the other chains.

    Raises
    ------
    ValueError
        When dtypes or shapes do not fit.
    """
    _check(states, places, couplings, scales)
    if states.size == 0 or n_sweeps == 0 or couplings.colours.size == 1:
        return states.copy()
    counters = (u64(draw.first_row), u64(draw.step), np.int64(n_sweeps), u64(draw.stream), u64(draw.seed))
    if states.shape[0] < CROWD:
        own = np.zeros((states.shape[0], couplings.bias.size), _kind(states))
        own[:, places] = states
        parts = _parts(couplings, states.size * n_sweeps)
        gang(_alone, (couplings, own, scales, aligned((parts, 2, SLICE), states.dtype), *counters), parts)
        return own[:, places].astype(states.dtype)
    return _in_strips(states, places, couplings, scales, counters)


def _check(states: np.ndarray, places: np.ndarray, couplings: Couplings, scales: np.ndarray) -> None:
    if states.ndim != 2 or states.dtype not in (np.float32, np.float64) or states.shape[1:] != places.shape:
        raise ValueError(f"states are {states.dtype}{states.shape}, but there are {places.size} units in float32 or 64")
    if scales.shape != (2, states.shape[0]) or scales.dtype != states.dtype:
        raise ValueError(f"scales are {scales.dtype}{scales.shape}, states ask for {states.dtype}(2, {len(states)})")
    for name in ("weights", "bias", "base"):
        if (found := getattr(couplings, name).dtype) != states.dtype:
            raise ValueError(f"{name} are {found}, but states are {states.dtype}")


def _parts(couplings: Couplings, updates: int) -> int:
    """Threads that are worth waking, and their meetings after each colour."""
    a_colour = couplings.bias.size // (couplings.colours.size - 1)
    return max(1, min(n_threads(), a_colour // SHARE, WORK * updates // SMALL))


def _kind(states: np.ndarray) -> np.dtype:
    """Bytes where states are zeros and ones (a fourth of the misses), else their own dtype: grey, clamped values."""
    return np.dtype(u8) if ((states == 0) | (states == 1)).all() else states.dtype


def _in_strips(
    states: np.ndarray, places: np.ndarray, couplings: Couplings, scales: np.ndarray, counters: tuple[Any, ...]
) -> np.ndarray:
    """Put chains side by side, sweep, and put them back."""
    n_chains, n_units = states.shape
    n_strips = -(-n_chains // STRIP)
    strip = -(-n_chains // (n_strips * LANES)) * LANES
    kind = _kind(states)
    chains = np.zeros((n_strips * strip, n_units), kind)
    chains[:n_chains] = states
    own = np.zeros((n_strips, couplings.bias.size, strip), kind)
    own[:, places] = chains.reshape(n_strips, strip, n_units).transpose(0, 2, 1)
    each = np.zeros((2, n_strips * strip), states.dtype)
    each[:, :n_chains] = scales
    shared = n_strips < n_threads()
    updates = states.size * int(counters[2])
    parts = _parts(couplings, updates) if shared else max(1, min(n_threads(), n_strips, WORK * updates // SMALL))
    buffers = aligned((parts, 5, strip), states.dtype)
    gang(_crowd, (couplings, own, each.reshape(2, n_strips, strip), buffers, shared, *counters), parts)
    back = own[:, places].transpose(0, 2, 1).reshape(-1, n_units)[:n_chains]
    return np.ascontiguousarray(back, states.dtype)


def on_device(
    states: Any, couplings: Couplings, slices: np.ndarray, colours: np.ndarray, scales: Any, draw: Draw, n_sweeps: int
) -> None:
    """Do the sweeps on the GPU, in place: states (n_places, n_chains), a launch for every colour.

    ``couplings`` and ``scales`` stand on the GPU; ``slices`` and ``colours`` are the layout's, on the CPU.
    """
    if not (on_gpu(states) and on_gpu(couplings.weights) and on_gpu(scales)):
        raise ValueError("states, couplings and scales must stand on the GPU")
    words = (draw.stream, draw.seed, draw.seed >> 32)
    stream, k0, k1 = (u32(word & 0xFFFFFFFF) for word in words)
    for step in range(draw.step, draw.step + n_sweeps):
        for first, last in pairwise(colours):
            threads = states.shape[1] * -(-int(slices[first:last, 1].sum()) // GROUP)
            now = (u32(draw.first_row), u32(step), stream, k0, k1)
            _gpu(threads, states, *couplings[:5], scales, np.int64(first), np.int64(last), *now)
