"""Sweeps of few chains on large lattices: threads share the lines of a lattice, and meet after every colour.

Spins stand apart by colour: a line of side L has its L/2 even and its L/2 odd sites in two contiguous runs, so that
sums over neighbours and draws are vector loads. With o = (colour + coordinates of the line) mod 2, run position m
is column 2m + o; its neighbours in other lines stand at position m of their runs, those in its own line at m - 1 and m
of the other colour (o = 0) or at m and m + 1 (o = 1).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ebm.kernels.barrier import all_here, meet
from ebm.kernels.exponential import exponential
from ebm.kernels.jit import cell, core, inner, pasted, rows_by_precision
from ebm.kernels.philox import S32, columns_per_call, philox, u64, uniform32, uniform64

AT_ONCE = 512  # uniforms that are drawn together: short lines share a loop


class Tables(NamedTuple):
    """A lattice as the CPU loops read it: by colour, line and position in the line's run."""

    couplings: np.ndarray  # (2, 2d, lines, run): to the neighbours below and above along axis 0, ..., d - 1
    fields: np.ndarray  # (2, lines, run)
    lines: np.ndarray  # (lines, 2(d - 1)) int64: the lines below and above along axis 0, ..., d - 2
    odd: np.ndarray  # (lines,) int64: sum of the line's coordinates mod 2
    sites: np.ndarray  # (2, 2d, lines * run) int64: the neighbours' positions among those of the other colour
    order: np.ndarray  # (2, lines * run) int64: the site at each position


class Schedule(NamedTuple):
    """Inverse temperatures, and what follows from them for a uniform lattice."""

    twice: np.ndarray  # (n_sweeps, n_chains): 2 beta
    table: np.ndarray  # (n_sweeps, n_chains, 2d + 1): P(up) by the neighbours' sum; (1, n_chains, 0): not uniform


class Clock(NamedTuple):
    """Where the random numbers stand: sweep k draws at step + k, chain r at row + r."""

    row: Any  # int64
    step: Any  # uint64, as are the rest
    even: Any
    odd: Any
    key: Any
    first: Any = np.int64(0)  # the colour that a sweep draws first


@cell
def spin(x: Any, u: Any) -> Any:
    """Draw s = +1 with probability sigma(x), else -1, from a uniform u."""
    one = type(x)(1)
    return one if u * (one + exponential(-x)) < one else -one


@inner
def noise_single(noise: Any, call: Any, row: Any, place: Any, key: Any) -> None:
    """Uniforms of columns 4 call, 4 call + 1, ...; place is (step, stream)."""
    k0, k1 = key & u64(0xFFFFFFFF), key >> S32
    for j in range(noise.size // 4):
        a, b, c, d = philox(call + j, row, place[0], place[1], k0, k1)
        noise[4 * j], noise[4 * j + 1] = uniform32(a), uniform32(b)
        noise[4 * j + 2], noise[4 * j + 3] = uniform32(c), uniform32(d)


@inner
def noise_double(noise: Any, call: Any, row: Any, place: Any, key: Any) -> None:
    """Uniforms of columns 2 call, 2 call + 1, ...; place is (step, stream)."""
    k0, k1 = key & u64(0xFFFFFFFF), key >> S32
    for j in range(noise.size // 2):
        a, b, c, d = philox(call + j, row, place[0], place[1], k0, k1)
        noise[2 * j], noise[2 * j + 1] = uniform64(a, b), uniform64(c, d)


fill_noise = rows_by_precision(noise_single, noise_double)


@inner
def add_pair(start: Any, below: Any, down: Any, above: Any, up: Any, out: Any) -> None:
    """out = start + below * down + above * up: couplings times spins of two neighbours."""
    for m in range(out.size):
        out[m] = start[m] + below[m] * down[m] + above[m] * up[m]


@inner
def add_three(start: Any, down: Any, up: Any, out: Any) -> None:
    """out = start + down + up, where all couplings are alike."""
    for m in range(out.size):
        out[m] = start[m] + down[m] + up[m]


@pasted
def add_own_line(start: Any, below: Any, above: Any, other: Any, offset: Any, out: Any) -> None:
    """Add the neighbours in the line itself: positions m - 1 and m of the other colour, or m and m + 1."""
    n, e = out.size, out.size - 1
    if offset == 0:
        add_pair(start[1:], below[1:], other[:e], above[1:], other[1:], out[1:])
        out[0] = start[0] + below[0] * other[e] + above[0] * other[0]
    else:
        add_pair(start[:e], below[:e], other[:e], above[:e], other[1:n], out[:e])
        out[e] = start[e] + below[e] * other[e] + above[e] * other[0]


@pasted
def add_own_line_alike(start: Any, other: Any, offset: Any, out: Any) -> None:
    """``add_own_line`` where all couplings are alike."""
    e = out.size - 1
    if offset == 0:
        add_three(start[1:], other[:e], other[1:], out[1:])
        out[0] = start[0] + other[e] + other[0]
    else:
        add_three(start[:e], other[:e], other[1:], out[:e])
        out[e] = start[e] + other[e] + other[0]


@pasted
def local_fields(tables: Any, colour: Any, line: Any, offset: Any, other: Any, work: Any) -> None:
    """work[0] = h + sum_j J_ij s_j for the sites of one line and colour; the rest of ``work`` is scratch."""
    j, around = tables.couplings[colour], tables.lines[line]
    n = around.size  # 2, or 4 in three dimensions
    add_pair(tables.fields[colour, line], j[0, line], other[around[0]], j[1, line], other[around[1]], work[3 - n // 2])
    if n == 4:
        add_pair(work[1], j[2, line], other[around[2]], j[3, line], other[around[3]], work[2])
    add_own_line(work[2], j[n, line], j[n + 1, line], other[line], offset, work[0])


@pasted
def neighbour_sums(tables: Any, line: Any, offset: Any, other: Any, work: Any) -> None:
    """work[0] = sum_j s_j over the neighbours, for the sites of one line and colour; work[3] must be zero."""
    around = tables.lines[line]
    add_three(work[3], other[around[0]], other[around[1]], work[3 - around.size // 2])
    if around.size == 4:
        add_three(work[1], other[around[2]], other[around[3]], work[2])
    add_own_line_alike(work[2], other[line], offset, work[0])


@inner
def draw_spins(x: Any, noise: Any, twice: Any, out: Any) -> None:
    """out = +1 with probability sigma(2 beta x), else -1."""
    for m in range(out.size):
        out[m] = spin(twice * x[m], noise[m])


@inner
def draw_by_sum_2d(x: Any, noise: Any, p: Any, out: Any) -> None:
    """out = +1 with the probability that p has for a sum of four spins, else -1."""
    one, three = type(p[0])(1), type(p[0])(3)
    p0, p1, p2, p3, p4 = p[0], p[1], p[2], p[3], p[4]
    for m in range(out.size):
        low = p0 if x[m] < -three else p1
        high = p4 if x[m] > three else p3
        up = low if x[m] < -one else (high if x[m] > one else p2)
        out[m] = one if noise[m] < up else -one


@inner
def draw_by_sum_3d(x: Any, noise: Any, p: Any, out: Any) -> None:
    """out = +1 with the probability that p has for a sum of six spins, else -1."""
    one, three, five = type(p[0])(1), type(p[0])(3), type(p[0])(5)
    p0, p1, p2, p3, p4, p5, p6 = p[0], p[1], p[2], p[3], p[4], p[5], p[6]
    for m in range(out.size):
        low = p0 if x[m] < -five else (p1 if x[m] < -three else p2)
        high = p6 if x[m] > five else (p5 if x[m] > three else p4)
        up = low if x[m] < -one else (high if x[m] > one else p3)
        out[m] = one if noise[m] < up else -one


@inner
def half_sweep(
    tables: Any, spins: Any, colour: Any, twice: Any, table: Any, row: Any, place: Any, key: Any,
    work: Any, noise: Any, first: Any, last: Any,
) -> None:  # fmt: skip
    """Draw the spins of one colour in lines [first, last), given those of the other."""
    run, width = spins.shape[2], np.int64(columns_per_call(twice))
    other, at_once = spins[1 - colour], max(1, AT_ONCE // spins.shape[2])
    for top in range(first, last, at_once):
        end = min(top + at_once, last)
        call = top * run // width
        before = top * run - call * width  # a call's columns that belong to the line before
        fill_noise(noise[: (before + (end - top) * run + 3) // 4 * 4], call, row, place, key)
        for line in range(top, end):
            offset, out = (colour + tables.odd[line]) & 1, spins[colour, line]
            start = before + (line - top) * run
            mine = noise[start : start + run]
            if table.size == 0:
                local_fields(tables, colour, line, offset, other, work)
                draw_spins(work[0], mine, twice, out)
            else:
                neighbour_sums(tables, line, offset, other, work)
                if table.size == 5:
                    draw_by_sum_2d(work[0], mine, table, out)
                else:
                    draw_by_sum_3d(work[0], mine, table, out)


@inner
def part_colours(x: Any, offset: Any, even: Any, odd: Any) -> None:
    """Split a line: the even colour has columns offset, offset + 2, ..."""
    first, second = x[offset:], x[1 - offset :]
    for m in range(even.size):
        even[m] = first[2 * m]
        odd[m] = second[2 * m]


@inner
def join_colours(even: Any, odd: Any, offset: Any, x: Any) -> None:
    """Put a line together again."""
    first, second = x[offset:], x[1 - offset :]
    for m in range(even.size):
        first[2 * m] = even[m]
        second[2 * m] = odd[m]


@core
def sweep_lines(
    tables: Any, states: Any, spins: Any, schedule: Any, clock: Any, shared: Any, part: Any, parts: Any, barrier: Any
) -> None:  # fmt: skip
    """Sweep all chains. ``shared``: every thread takes some lines of each chain; otherwise some of the chains."""
    n_chains, n_lines, run = states.shape[0], spins.shape[2], spins.shape[3]
    side, together = 2 * run, parts if shared else 1
    chain0, chain1 = (0, n_chains) if shared else (n_chains * part // parts, n_chains * (part + 1) // parts)
    first, last = (n_lines * part // parts, n_lines * (part + 1) // parts) if shared else (0, n_lines)
    work, noise = np.zeros((4, run), states.dtype), np.empty(max(run, AT_ONCE) + 8, states.dtype)
    twice, table = schedule.twice, schedule.table
    if not all_here(barrier, parts):
        return
    for chain in range(chain0, chain1):
        mine = spins[chain]
        for line in range(first, last):
            x = states[chain, line * side : (line + 1) * side]
            part_colours(x, tables.odd[line], mine[0, line], mine[1, line])
        meet(barrier, together)
        for k in range(twice.shape[0]):
            beta2, probabilities = twice[k, chain], table[min(k, table.shape[0] - 1), chain]
            step = clock.step + np.uint64(k)
            for turn in range(2):
                colour = turn ^ clock.first
                place = (step, clock.odd if colour else clock.even)
                half_sweep(
                    tables, mine, colour, beta2, probabilities, clock.row + chain, place, clock.key,
                    work, noise, first, last,
                )  # fmt: skip
                meet(barrier, together)
        for line in range(first, last):
            x = states[chain, line * side : (line + 1) * side]
            join_colours(mine[0, line], mine[1, line], tables.odd[line], x)
