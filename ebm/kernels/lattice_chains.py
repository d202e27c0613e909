"""Sweeps of many chains on small lattices: a block of chains side by side, site by site.

Vectors run over the chains of a block, each with its own inverse temperature, so that a lattice of 4 x 4 is as fast as
a large one. The result of a chain is that of ``lattice_lines``, bit for bit: the same uniforms, the same
order of additions.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ebm.kernels.jit import core, inner, rows_by_precision
from ebm.kernels.lattice_lines import spin
from ebm.kernels.philox import S32, philox, u64, uniform32, uniform64

WIDTH = 64  # chains of a block


@inner
def lanes_single(noise: Any, group: Any, row: Any, place: Any, key: Any) -> None:
    """noise[i, r]: uniform of column 4 group + i for chain row + r; place is (step, stream)."""
    k0, k1 = key & u64(0xFFFFFFFF), key >> S32
    for r in range(WIDTH):
        a, b, c, d = philox(group, row + r, place[0], place[1], k0, k1)
        noise[0, r], noise[1, r], noise[2, r], noise[3, r] = uniform32(a), uniform32(b), uniform32(c), uniform32(d)


@inner
def lanes_double(noise: Any, group: Any, row: Any, place: Any, key: Any) -> None:
    """Do the same in float64, where a call serves two columns."""
    k0, k1 = key & u64(0xFFFFFFFF), key >> S32
    for r in range(WIDTH):
        a, b, c, d = philox(2 * group, row + r, place[0], place[1], k0, k1)
        noise[0, r], noise[1, r] = uniform64(a, b), uniform64(c, d)
        a, b, c, d = philox(2 * group + 1, row + r, place[0], place[1], k0, k1)
        noise[2, r], noise[3, r] = uniform64(a, b), uniform64(c, d)


fill_lanes = rows_by_precision(lanes_single, lanes_double)


@inner
def start_pair(field: Any, below: Any, down: Any, above: Any, up: Any, x: Any) -> None:
    """x = h + below * down + above * up for one site, over the chains."""
    for r in range(WIDTH):
        x[r] = field + below * down[r] + above * up[r]


@inner
def add_pair(below: Any, down: Any, above: Any, up: Any, x: Any) -> None:
    """x += below * down + above * up, from left to right."""
    for r in range(WIDTH):
        x[r] = x[r] + below * down[r] + above * up[r]


@inner
def draw_site(x: Any, noise: Any, twice: Any, out: Any) -> None:
    """out = +1 with probability sigma(2 beta x), else -1, over the chains."""
    for r in range(WIDTH):
        out[r] = spin(twice[r] * x[r], noise[r])


@inner
def draw_colour(
    couplings: Any, fields: Any, sites: Any, other: Any, out: Any, twice: Any, row: Any, place: Any, key: Any,
    noise: Any, x: Any,
) -> None:  # fmt: skip
    """Draw all sites of one colour, for a block of chains."""
    half, pairs = out.shape[0], couplings.shape[0] // 2
    for group in range((half + 3) // 4):
        fill_lanes(noise, group, row, place, key)
        for lane in range(min(4, half - 4 * group)):
            q = 4 * group + lane
            down, up = other[sites[0, q]], other[sites[1, q]]
            start_pair(fields[q], couplings[0, q], down, couplings[1, q], up, x)
            for i in range(1, pairs):
                down, up = other[sites[2 * i, q]], other[sites[2 * i + 1, q]]
                add_pair(couplings[2 * i, q], down, couplings[2 * i + 1, q], up, x)
            draw_site(x, noise[lane], twice, out[q])


@core
def sweep_chains(
    couplings: Any, fields: Any, sites: Any, order: Any, states: Any, twice: Any, clock: Any, first: Any, last: Any
) -> None:
    """Sweep blocks [first, last) of chains, at 2 beta = ``twice`` (n_sweeps, n_chains); the lattice as in ``Tables``.

    Lines are not told apart: couplings (2, 2d, half), fields (2, half), for half of the sites in each colour.
    """
    half = order.shape[1]
    spins, beta = np.ones((2, half, WIDTH), states.dtype), np.ones(WIDTH, states.dtype)
    noise, x = np.empty((4, WIDTH), states.dtype), np.empty(WIDTH, states.dtype)
    for block in range(first, last):
        top = block * WIDTH
        n = min(WIDTH, states.shape[0] - top)
        for r in range(n):
            for q in range(half):
                spins[0, q, r], spins[1, q, r] = states[top + r, order[0, q]], states[top + r, order[1, q]]
        for k in range(twice.shape[0]):
            step = clock.step + np.uint64(k)
            for r in range(n):
                beta[r] = twice[k, top + r]
            for turn in range(2):
                colour = turn ^ clock.first
                place = (step, clock.odd if colour else clock.even)
                draw_colour(
                    couplings[colour], fields[colour], sites[colour], spins[1 - colour], spins[colour], beta,
                    clock.row + top, place, clock.key, noise, x,
                )  # fmt: skip
        for r in range(n):
            for q in range(half):
                states[top + r, order[0, q]], states[top + r, order[1, q]] = spins[0, q, r], spins[1, q, r]
