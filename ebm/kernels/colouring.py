"""Greedy colouring of a graph: units of one colour are no neighbours, so that a sampler may draw them at once.

Units take, one after another, the lowest colour that no neighbour has: at most one more than the largest degree. In
breadth-first order a bipartite graph gets two colours, since all coloured neighbours of a unit are then on the
other side; the order of falling degree is good for others. Both cost O(units + edges).

Source: Welsh & Powell 1967 (doi:10.1093/comjnl/10.1.85) for falling degrees; Kosowski & Manuszewski 2004, "Classical
coloring of graphs", for connected orders.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ebm.kernels.jit import core


@core(allocates=False)
def _first_fit(starts: Any, neighbours: Any, order: Any, colours: Any, taken: Any, first: Any, last: Any) -> None:
    """``colours`` is -1 where a unit has none yet; ``taken[c]`` is the last unit that had a neighbour of colour c."""
    for place in range(first, last):
        unit = order[place]
        for edge in range(starts[unit], starts[unit + 1]):
            colour = colours[neighbours[edge]]
            if colour >= 0:
                taken[colour] = unit
        colour = 0
        while taken[colour] == unit:
            colour += 1
        colours[unit] = colour


@core(allocates=False)
def _breadth_first(starts: Any, neighbours: Any, seeds: Any, order: Any, seen: Any, first: Any, last: Any) -> None:
    """Fill ``order``, beginning each component at the earliest of ``seeds``."""
    head = tail = first
    for place in range(first, last):
        if not seen[seeds[place]]:
            seen[seeds[place]] = True
            order[tail] = seeds[place]
            tail += 1
        while head < tail:
            unit = order[head]
            head += 1
            for edge in range(starts[unit], starts[unit + 1]):
                other = neighbours[edge]
                if not seen[other]:
                    seen[other] = True
                    order[tail] = other
                    tail += 1


def first_fit(starts: np.ndarray, neighbours: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Colour units in an order.

    Parameters
    ----------
    starts, neighbours : ndarray of int64, shape (n + 1,) and (2 n_edges,)
        Unit i has the neighbours ``neighbours[starts[i]:starts[i + 1]]``.
    order : ndarray of int64, shape (n,)
        A permutation of the units.

    Returns
    -------
    ndarray of int64, shape (n,)
        Colours from 0.
    """
    n = starts.size - 1
    colours, taken = np.full(n, -1, np.int64), np.full(np.diff(starts).max(initial=0) + 2, -1, np.int64)
    _first_fit(starts, neighbours, order, colours, taken, 0, n)
    return colours


def breadth_first(starts: np.ndarray, neighbours: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """Return the units in breadth-first order, each component from its first unit in ``seeds``; see `first_fit`."""
    n = starts.size - 1
    order = np.empty(n, np.int64)
    _breadth_first(starts, neighbours, seeds, order, np.zeros(n, np.bool_), 0, n)
    return order


def greedy_colours(starts: np.ndarray, neighbours: np.ndarray) -> np.ndarray:
    """Colour a graph, by falling degree or breadth first, whichever needs fewer colours; see `first_fit`."""
    falling = np.argsort(-np.diff(starts), kind="stable")
    tried = [first_fit(starts, neighbours, order) for order in (falling, breadth_first(starts, neighbours, falling))]
    return min(tried, key=lambda colours: colours.max(initial=-1))
