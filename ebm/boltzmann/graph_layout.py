"""How colour-block Gibbs sampling keeps a graph: units of a colour side by side, neighbours in padded columns.

Units move to *places*: colour after colour, in a colour by falling degree, every colour padded to a multiple of four
places (four neighbouring places share a call of the random generator). Places of a colour are cut into slices; in
a slice neighbour d of all units stands side by side, padded to the slice's largest degree by a weight of zero. So
the loop over a slice is a loop over vectors, and no unit waits for one of many more neighbours.

Source: sliced ELLPACK, Monakov, Lokhmotov & Avetisyan 2010 (doi:10.1007/978-3-642-11515-8_10).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ebm.kernels.colour_gibbs import GROUP, SLICE


@dataclass(frozen=True, eq=False)
class Layout:
    """Places of the units, and their neighbours.

    Attributes
    ----------
    n_places : int
        Places, paddings included.
    places : ndarray of int64, shape (n_units,)
        Where each unit stands; those that are not drawn stand last.
    slices : ndarray of int64, shape (n_slices, 4)
        First place, number of units, largest degree, and where the slice's columns begin in ``neighbours``.
    colours : ndarray of int64, shape (n_colours + 1,)
        Colour c has the slices ``colours[c]`` to ``colours[c + 1]``.
    neighbours : ndarray of int32
        Places of the neighbours, column by column.
    edge_numbers : ndarray of int32, or int64 where there are so many
        The edge of each of them; ``n_edges`` for padding.
    """

    n_places: int
    places: np.ndarray
    slices: np.ndarray
    colours: np.ndarray
    neighbours: np.ndarray
    edge_numbers: np.ndarray

    def weights(self, weights: np.ndarray) -> np.ndarray:
        """Put the edges' weights into the columns, zero in the padding."""
        return np.append(weights, weights.dtype.type(0))[self.edge_numbers]

    def backwards(self) -> tuple[np.ndarray, np.ndarray]:
        """Return slices and colours for the loops to visit colours from the last to the first; places stay."""
        pieces = [self.slices[first:last] for first, last in pairwise(self.colours)][::-1]
        starts = np.cumsum([0, *map(len, pieces)], dtype=np.int64)
        return np.concatenate([self.slices[:0], *pieces]), starts

    def at_places(self, values: np.ndarray) -> np.ndarray:
        """Bring (..., n_units) to (..., n_places), zero in the padding."""
        out = np.zeros((*values.shape[:-1], self.n_places), values.dtype)
        out[..., self.places] = values
        return out


def make_layout(n_units: int, edges: np.ndarray, colours: np.ndarray, free: np.ndarray) -> Layout:
    """Lay out the units that are ``free``, by their colours."""
    degrees = np.bincount(edges.ravel(), minlength=n_units)
    drawn = np.flatnonzero(free)
    order = drawn[np.lexsort((-degrees[drawn], colours[drawn]))]
    sizes = np.bincount(colours[order])
    padded = -(-sizes // GROUP) * GROUP
    first_places = np.concatenate([[0], np.cumsum(padded)]).astype(np.int64)
    places = np.empty(n_units, np.int64)
    starts = np.cumsum(sizes) - sizes
    places[order] = np.arange(order.size) + np.repeat(first_places[:-1] - starts, sizes)
    clamped = np.flatnonzero(~free)
    places[clamped] = first_places[-1] + np.arange(clamped.size)
    n_places = int(first_places[-1]) + -(-clamped.size // GROUP) * GROUP
    slices, colour_starts = _cut(first_places, sizes, places, degrees)
    return Layout(n_places, places, slices, colour_starts, *_columns(edges, places, slices, n_places))


def _cut(
    first_places: np.ndarray, sizes: np.ndarray, places: np.ndarray, degrees: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Cut colours into slices; return them and the first slice of every colour."""
    counts = -(-np.diff(first_places) // SLICE)
    colour_starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    within = np.arange(colour_starts[-1]) - np.repeat(colour_starts[:-1], counts)
    first = np.repeat(first_places[:-1], counts) + within * SLICE
    width = np.minimum(np.repeat(first_places[:-1] + sizes, counts) - first, SLICE)
    at_place = np.zeros(max(int(places.max(initial=0)), int(first_places[-1])) + 1, np.int64)
    at_place[places] = degrees
    degree = at_place[first]  # the first of a slice has the most neighbours
    offset = np.cumsum(width * degree) - width * degree
    return np.stack([first, width, degree, offset], axis=1).astype(np.int64), colour_starts


def _columns(edges: np.ndarray, places: np.ndarray, slices: np.ndarray, n_places: int) -> tuple[np.ndarray, np.ndarray]:
    """Return neighbours and edge numbers of all slices."""
    first, width, degree, offset = slices.T
    total = int((width * degree).sum())
    kind = np.int32 if len(edges) < 2**31 else np.int64
    neighbours, numbers = np.zeros(total, np.int32), np.full(total, len(edges), kind)
    here, there = places[edges[:, 0]], places[edges[:, 1]]
    source, target = np.concatenate([here, there]), np.concatenate([there, here])
    number = np.tile(np.arange(len(edges)), 2)
    end = int(first[-1] + width[-1]) if len(first) else 0
    drawn = np.flatnonzero(source < end)
    order = drawn[np.argsort(source[drawn] * np.int64(n_places) + target[drawn])]
    source, target, number = source[order], target[order], number[order]
    rank = np.arange(source.size) - np.searchsorted(source, source)  # 0, 1, ... among a place's neighbours
    slice_ = np.searchsorted(first, source, side="right") - 1
    where = offset[slice_] + rank * width[slice_] + source - first[slice_]
    neighbours[where], numbers[where] = target, number
    return neighbours, numbers
