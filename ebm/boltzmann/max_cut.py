"""Max-cut as an energy: part a graph's vertices in two so that the edges between the parts weigh most.

With s_i = +-1 for the two parts,

    cut(s) = sum_{i<j} w_ij (1 - s_i s_j) / 2 = (W - E(s)) / 2,   E(s) = -sum_{i<j} J_ij s_i s_j,   J = -w

where W is the weight of all edges: the largest cut is a ground state of the couplings -w, without fields. Graphs come
as a symmetric matrix (dense or of scipy.sparse) or a pair (edges, weights), and couplings go out in the same form.

Source: Barahona, Groetschel, Juenger & Reinelt 1988 (doi:10.1287/opre.36.3.493).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse


def edge_list(graph: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the edges (n_edges, 2) and weights (n_edges,), float64, of a graph.

    Parameters
    ----------
    graph : sparse or dense matrix of shape (n, n), or (edges, weights)
        A symmetric matrix of weights, whose diagonal counts for nothing; or pairs of vertices, each edge once, and a
        weight for each or one for all. Edges given twice add up.

    Raises
    ------
    ValueError
        When it is neither, the matrix is not square or not symmetric, or a weight is not finite.
    """
    if isinstance(graph, tuple):
        edges, weights = np.asarray(graph[0]), np.asarray(graph[1], np.float64)
        if edges.ndim != 2 or edges.shape[1] != 2 or edges.dtype.kind not in "iu" or weights.shape not in (
            (), (len(edges),),
        ):  # fmt: skip
            raise ValueError(
                "a graph's edges must be integers of shape (n_edges, 2) with a weight each, got "
                f"{edges.dtype}{edges.shape} and weights of shape {weights.shape}"
            )
        weights = np.broadcast_to(weights, len(edges)).copy()
    else:
        matrix = sparse.coo_array(graph, dtype=np.float64)
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or abs(matrix - matrix.T).max() > 0:
            raise ValueError(f"a graph's matrix must be square and symmetric, got one of shape {matrix.shape}")
        upper = sparse.triu(matrix, 1).tocoo()
        edges, weights = np.stack([upper.row, upper.col], axis=1), upper.data
    if not np.isfinite(weights).all():
        raise ValueError(f"a graph's weights must be finite, got {weights[~np.isfinite(weights)][0]}")
    return edges.astype(np.int64), weights


def max_cut_couplings(graph: Any) -> Any:
    """Return the couplings J = -w whose ground states are the largest cuts, in the form of ``graph``.

    Parameters
    ----------
    graph
        As of :func:`edge_list`.

    Returns
    -------
    (edges, couplings) for edges; for a matrix a symmetric ``scipy.sparse.csr_array`` without diagonal
    """
    edges, weights = edge_list(graph)
    if isinstance(graph, tuple):
        return edges, -weights
    ends = np.concatenate([edges, edges[:, ::-1]])
    return sparse.csr_array((np.tile(-weights, 2), tuple(ends.T)), shape=graph.shape)


def max_cut_value(graph: Any, spins: Any) -> np.ndarray:
    """Compute the weight of the edges that are cut.

    Parameters
    ----------
    graph
        As of :func:`edge_list`.
    spins : array of shape (n,) or (n_chains, n)
        The part of each vertex: +-1, or 0 and 1.

    Returns
    -------
    ndarray of shape () or (n_chains,), float64

    Raises
    ------
    ValueError
        When the graph is not as described, or has vertices that ``spins`` lacks.
    """
    edges, weights = edge_list(graph)
    spins = np.asarray(spins)
    if edges.size and (edges.min() < 0 or edges.max() >= spins.shape[-1]):
        raise ValueError(f"the graph's vertices are {edges.min()} to {edges.max()}, but spins has {spins.shape[-1]}")
    return (spins[..., edges[:, 0]] != spins[..., edges[:, 1]]) @ weights


def lattice_graph(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the edges and weights of a torus: ``weights[a, i]`` joins site i and the next along axis a.

    With it a cut of a toroidal grid is a state of ``IsingLattice(weights.shape[1:], -weights)``.

    Parameters
    ----------
    weights : ndarray of shape ``(d, *shape)``
    """
    shape = weights.shape[1:]
    numbers = np.arange(np.prod(shape)).reshape(shape)
    pairs = [np.stack([numbers, np.roll(numbers, -1, axis)], axis=-1).reshape(-1, 2) for axis in range(len(shape))]
    return np.concatenate(pairs), np.asarray(weights, np.float64).ravel()
