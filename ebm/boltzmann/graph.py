"""Undirected graphs: which units of a Boltzmann machine are joined, and by what weight.

A graph is its edges (i, j) with i < j, each once; weights are an array with one number an edge. So a coupling stands
in one place only, learning moves it there, and the symmetric matrix W follows: W_ij = W_ji, W_ii = 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from ebm.boltzmann.graph_layout import Layout, make_layout
from ebm.kernels.colouring import greedy_colours

MOST_JOINED = 10_000  # units of a graph of all pairs
SEVERAL = 8  # layouts that a graph keeps: learning goes to and fro between two


@dataclass(frozen=True, eq=False)
class Graph:
    """Which units are joined.

    Parameters
    ----------
    n_units : int
        Units, at least 1, numbered from 0.
    edges : array of shape (n_edges, 2)
        Pairs of different units, each pair once, in any order; kept as int64 with i < j, sorted.

    Raises
    ------
    ValueError
        When a unit is out of range or joined to itself, or a pair comes twice.
    """

    n_units: int
    edges: np.ndarray
    _layouts: dict[bytes, Layout] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Check and sort the edges."""
        object.__setattr__(self, "edges", sorted_edges(self.n_units, self.edges)[0])

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy without what can be computed again."""
        return Graph, (self.n_units, self.edges)

    @property
    def n_edges(self) -> int:
        """Pairs that are joined."""
        return len(self.edges)

    @cached_property
    def rows(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """``starts, neighbours, edge_numbers``: unit i's are at ``starts[i]`` to ``starts[i + 1]``, int64."""
        return adjacency(self.n_units, self.edges)

    @cached_property
    def degrees(self) -> np.ndarray:
        """Neighbours of every unit, int64."""
        return np.diff(self.rows[0])

    @cached_property
    def colours(self) -> np.ndarray:
        """A colour for every unit, from 0; neighbours differ. Greedy, so not always the fewest."""
        return greedy_colours(*self.rows[:2])

    def layout(self, free: np.ndarray | None = None) -> Layout:
        """How colour-block Gibbs sampling keeps the units; those not ``free`` (bool, (n_units,)) stay as they are."""
        free = np.ones(self.n_units, bool) if free is None else np.asarray(free)
        if free.shape != (self.n_units,) or free.dtype != bool:
            raise ValueError(f"free must be bool of shape ({self.n_units},), got {free.dtype}{free.shape}")
        key = free.tobytes()
        if (found := self._layouts.get(key)) is None:
            found = make_layout(self.n_units, self.edges, self.colours_of(free), free)
            if len(self._layouts) >= SEVERAL:
                self._layouts.clear()  # whoever else uses one holds it
            self._layouts[key] = found
        return found

    def colours_of(self, free: np.ndarray) -> np.ndarray:
        """Colour the free units by themselves, since the others stand in nobody's way; shape (n_units,)."""
        if free.all():
            return self.colours
        among = self.edges[free[self.edges].all(axis=1)]
        return greedy_colours(*adjacency(self.n_units, among)[:2])

    def matrix(self, weights: np.ndarray) -> sparse.csr_array:
        """W, symmetric, shape (n_units, n_units), in the dtype of ``weights``."""
        starts, neighbours, numbers = self.rows
        return sparse.csr_array((weights[numbers], neighbours, starts), shape=(self.n_units, self.n_units))

    def weights(self, matrix: Any) -> np.ndarray:
        """Return the weights of the edges in a matrix: dense, or sparse as ``matrix`` made it."""
        if not sparse.issparse(matrix):
            return matrix[self.edges[:, 0], self.edges[:, 1]]
        out = np.empty(self.n_edges, matrix.dtype)
        out[self.rows[2]] = matrix.data
        return out


def adjacency(n: int, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return starts (n + 1,), neighbours and edge numbers (2 n_edges,) of all units, int64."""
    ends = edges.T.ravel()
    others, numbers = edges.T[::-1].ravel(), np.tile(np.arange(len(edges)), 2)
    order = np.argsort(ends * np.int64(n) + others)
    starts = np.concatenate([[0], np.cumsum(np.bincount(ends, minlength=n))]).astype(np.int64)
    return starts, others[order], numbers[order]


def sorted_edges(n_units: int, edges: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the edges as int64 with i < j, sorted, and the order in which they were given.

    Raises
    ------
    ValueError
        As of :class:`Graph`.
    """
    if not isinstance(n_units, int | np.integer) or isinstance(n_units, bool) or n_units < 1:
        raise ValueError(f"n_units must be an integer of at least 1, got {n_units!r}")
    edges = np.asarray(edges)
    edges = edges.reshape(0, 2) if edges.size == 0 else edges
    if edges.ndim != 2 or edges.shape[1] != 2 or (edges.size and edges.dtype.kind not in "iu"):
        raise ValueError(f"edges must be integers of shape (n_edges, 2), got {edges.dtype}{edges.shape}")
    pairs = np.sort(edges.astype(np.int64), axis=1)
    if pairs.size and (pairs.min() < 0 or pairs.max() >= n_units):
        raise ValueError(f"edges must join units 0 to {n_units - 1}, got units {pairs.min()} to {pairs.max()}")
    if (loops := pairs[pairs[:, 0] == pairs[:, 1], 0]).size:
        raise ValueError(f"no unit may be joined to itself, but unit {loops[0]} is: give it a bias instead")
    order = np.argsort(pairs[:, 0] * np.int64(n_units) + pairs[:, 1], kind="stable")
    pairs = pairs[order]
    if (twice := np.flatnonzero((np.diff(pairs, axis=0) == 0).all(axis=1))).size:
        raise ValueError(f"edges must be different, but units {tuple(map(int, pairs[twice[0]]))} are joined twice")
    return pairs, order


def weighted_graph(couplings: Any) -> tuple[Graph, np.ndarray]:
    """Take a graph and its weights from a symmetric matrix.

    Parameters
    ----------
    couplings : array or SciPy sparse matrix of shape (n_units, n_units)
        W, symmetric with a zero diagonal. Entries that are stored (sparse) or not zero (dense) are edges.

    Returns
    -------
    graph : Graph
    weights : ndarray of shape (n_edges,)
        In the matrix's dtype if that is float32 or float64, else float64.

    Raises
    ------
    ValueError
        When the matrix is not square, not symmetric, not finite, or has a diagonal.
    """
    given = couplings if sparse.issparse(couplings) else np.asarray(couplings)
    if len(given.shape) != 2 or given.shape[0] != given.shape[1] or given.dtype.kind not in "fiub":
        raise ValueError(f"couplings must be a square matrix of real numbers, got {given.dtype}{given.shape}")
    matrix = sparse.csr_array(given)
    matrix = matrix.astype(matrix.dtype if matrix.dtype in (np.float32, np.float64) else np.float64)
    matrix.sum_duplicates()
    matrix.sort_indices()
    check_symmetric(matrix)
    upper = sparse.triu(matrix, 1, format="coo")
    order = np.lexsort((upper.col, upper.row))
    edges = np.stack([upper.row, upper.col], axis=1)[order]
    return Graph(given.shape[0], edges), np.ascontiguousarray(upper.data[order])


def check_symmetric(matrix: sparse.csr_array) -> None:
    """Refuse a CSR matrix that is no matrix of couplings, with what is wrong and where."""
    if not np.isfinite(matrix.data).all():
        raise ValueError("couplings must be finite numbers, got NaN or infinity")
    if (loops := np.flatnonzero(matrix.diagonal())).size:
        i = loops[0]
        raise ValueError(
            f"couplings must have a zero diagonal, but [{i}, {i}] is {matrix[i, i]}: s^2 = s, so give it as a bias"
        )
    mirrored = sparse.csr_array(matrix.T)
    mirrored.sort_indices()
    if np.array_equal(mirrored.indptr, matrix.indptr) and np.array_equal(mirrored.indices, matrix.indices):
        differing = np.flatnonzero(mirrored.data != matrix.data)
        row = np.searchsorted(matrix.indptr, differing[:1], side="right") - 1
        column = matrix.indices[differing[:1]]
    else:  # zeros that only one half stores are forgiven
        difference = (matrix - mirrored).tocoo()
        differing = np.flatnonzero(difference.data)
        row, column = difference.row[differing[:1]], difference.col[differing[:1]]
    if differing.size:
        i, j = int(row[0]), int(column[0])
        raise ValueError(f"couplings must be symmetric, but [{i}, {j}] is {matrix[i, j]} and [{j}, {i}] {matrix[j, i]}")


def fully_connected(n_units: int) -> Graph:
    """Join every pair of units; a ValueError refuses more than 10,000 units (50 million pairs, gigabytes)."""
    if n_units > MOST_JOINED:
        raise ValueError(f"every pair of {n_units} units is too much, at most {MOST_JOINED}: choose a sparse graph")
    return Graph(n_units, np.stack(np.triu_indices(n_units, 1), axis=1))


def bipartite(n_visible: int, n_hidden: int) -> Graph:
    """Join every visible unit, 0 to n_visible - 1, to every hidden one: a restricted Boltzmann machine."""
    visible, hidden = np.meshgrid(np.arange(n_visible), n_visible + np.arange(n_hidden), indexing="ij")
    return Graph(n_visible + n_hidden, np.stack([visible.ravel(), hidden.ravel()], axis=1))


def grid(n_rows: int, n_columns: int) -> Graph:
    """Join every unit of an open grid, numbered row by row, to those beside, above and below."""
    units = np.arange(n_rows * n_columns).reshape(n_rows, n_columns)
    pairs = ((units[:, :-1], units[:, 1:]), (units[:-1], units[1:]))
    return Graph(units.size, np.concatenate([np.stack([a.ravel(), b.ravel()], axis=1) for a, b in pairs]))


def random_graph(n_units: int, degree: int, seed: int = 0) -> Graph:
    """Join units at random, almost all to ``degree`` others (pairs drawn twice or alone are left out).

    Source: the configuration model, Bollobas 1980 (doi:10.1016/S0195-6698(80)80030-8), without its rejections.
    """
    if not 0 <= degree < n_units or n_units * degree % 2:
        raise ValueError(f"degree must lie in [0, n_units), and n_units * degree be even; got {degree} and {n_units}")
    ends = np.random.default_rng(seed).permutation(np.repeat(np.arange(n_units), degree)).reshape(-1, 2)
    ends = np.sort(ends[ends[:, 0] != ends[:, 1]], axis=1)
    return Graph(n_units, np.unique(ends, axis=0))
