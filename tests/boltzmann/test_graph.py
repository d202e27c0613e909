"""Graphs: what they take and refuse, their colours, and the places of a layout."""

import copy
import pickle

import numpy as np
import pytest
from scipy import sparse

from ebm.boltzmann.graph import Graph, bipartite, fully_connected, grid, random_graph, weighted_graph

W = np.array([[0, 1.5, 0, -2], [1.5, 0, 0.5, 0], [0, 0.5, 0, 0], [-2, 0, 0, 0]])


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array, sparse.coo_matrix, sparse.csc_array, np.asfortranarray])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_matrix_and_its_graph_say_the_same(kind, dtype):
    graph, weights = weighted_graph(kind(W.astype(dtype)))
    assert graph.edges.tolist() == [[0, 1], [0, 3], [1, 2]]
    assert weights.tolist() == [1.5, -2, 0.5]
    assert weights.dtype == dtype
    np.testing.assert_array_equal(graph.matrix(weights).toarray(), W)
    np.testing.assert_array_equal(graph.weights(graph.matrix(weights)), weights)
    np.testing.assert_array_equal(graph.weights(W), weights)
    assert graph.degrees.tolist() == [2, 2, 1, 1]


def test_integers_become_float64_and_stored_zeros_are_edges():
    _, weights = weighted_graph(np.array([[0, 3], [3, 0]]))
    assert weights.dtype == np.float64
    stored = sparse.csr_array((np.zeros(2), (np.array([0, 1]), np.array([1, 0]))), shape=(2, 2))
    assert weighted_graph(stored)[0].n_edges == 1
    assert Graph(3, []).n_edges == 0


def test_edges_are_put_in_order():
    assert Graph(4, [(3, 0), (2, 1), (1, 0)]).edges.tolist() == [[0, 1], [0, 3], [1, 2]]


@pytest.mark.parametrize(
    ("couplings", "message"),
    [
        (np.zeros((2, 3)), r"square matrix of real numbers, got float64\(2, 3\)"),
        (np.zeros(3), "square matrix"),
        (np.array([[0, 1j], [1j, 0]]), "real numbers, got complex128"),
        (np.array([["a", "b"], ["c", "d"]]), "real numbers, got <U1"),
        (np.array([[0, 1.0], [2.0, 0]]), r"symmetric, but \[0, 1\] is 1.0 and \[1, 0\] 2.0"),
        (np.array([[0, 1.0], [0, 0]]), "must be symmetric"),
        (sparse.csr_array(np.array([[0, 1.0, 0], [0, 0, 0], [0, 0, 0]])), "must be symmetric"),
        (np.array([[0, 1.0], [1.0, 3.0]]), r"zero diagonal, but \[1, 1\] is 3.0"),
        (np.array([[0, np.nan], [np.nan, 0]]), "finite numbers, got NaN"),
        (np.array([[0, np.inf], [np.inf, 0]]), "finite numbers, got NaN or infinity"),
    ],
)
def test_what_are_no_couplings_is_refused(couplings, message):
    with pytest.raises(ValueError, match=message):
        weighted_graph(couplings)


@pytest.mark.parametrize(
    ("n", "edges", "message"),
    [
        (3, [(0, 3)], "units 0 to 2, got units 0 to 3"),
        (3, [(-1, 2)], "got units -1 to 2"),
        (3, [(1, 1)], "no unit may be joined to itself, but unit 1 is"),
        (3, [(0, 1), (1, 0)], r"units \(0, 1\) are joined twice"),
        (3, [(0, 1, 2)], r"shape \(n_edges, 2\), got int64\(1, 3\)"),
        (3, [(0.0, 1.0)], "integers of shape"),
        (0, [], "n_units must be an integer of at least 1, got 0"),
        (2.5, [], "n_units must be an integer"),
    ],
)
def test_what_are_no_edges_is_refused(n, edges, message):
    with pytest.raises(ValueError, match=message):
        Graph(n, edges)


def test_too_many_pairs_are_refused():
    with pytest.raises(ValueError, match="every pair of 100000 units is too much, at most 10000"):
        fully_connected(100_000)


def test_a_random_graph_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="degree must lie in"):
        random_graph(5, 3)


GRAPHS = {
    "empty": Graph(5, []),
    "one": Graph(1, []),
    "full": fully_connected(6),
    "grid": grid(5, 7),
    "restricted": bipartite(9, 4),
    "star": Graph(40, [(0, i) for i in range(1, 40)]),
    "random": random_graph(1500, 8),
    "odd ring": Graph(7, [(i, (i + 1) % 7) for i in range(7)]),
}
COLOURS = {"empty": 1, "one": 1, "full": 6, "grid": 2, "restricted": 2, "star": 2, "odd ring": 3}


@pytest.mark.parametrize("name", GRAPHS)
def test_neighbours_have_different_colours(name):
    graph = GRAPHS[name]
    i, j = graph.edges.T
    assert (graph.colours[i] != graph.colours[j]).all()
    assert graph.colours.max() + 1 <= graph.degrees.max() + 1
    if name in COLOURS:
        assert graph.colours.max() + 1 == COLOURS[name]


def fields_by_layout(graph, layout, weights, states):
    """Read the padded columns as the kernel does."""
    at = np.zeros(layout.n_places)
    at[layout.places] = states
    columns, fields = layout.weights(weights), np.full(layout.n_places, np.nan)
    for first, width, degree, offset in layout.slices:
        assert first % 4 == 0
        here = slice(offset, offset + width * degree)
        products = columns[here] * at[layout.neighbours[here]]
        fields[first : first + width] = products.reshape(degree, width).sum(axis=0)
    return fields[layout.places]


@pytest.mark.parametrize("clamped", [False, True])
@pytest.mark.parametrize("name", GRAPHS)
def test_a_layout_holds_every_neighbour_once(name, clamped):
    graph, rng = GRAPHS[name], np.random.default_rng(0)
    weights, states = rng.normal(size=graph.n_edges), rng.normal(size=graph.n_units)
    free = rng.random(graph.n_units) < 0.6 if clamped else np.ones(graph.n_units, bool)
    layout = graph.layout(free)
    assert np.unique(layout.places).size == graph.n_units
    found = fields_by_layout(graph, layout, weights, states)
    np.testing.assert_allclose(found[free], (graph.matrix(weights) @ states)[free], atol=1e-12)
    assert np.isnan(found[~free]).all()
    drawn = [layout.slices[a:b, 1].sum() for a, b in zip(layout.colours, layout.colours[1:], strict=False)]
    assert sum(drawn) == free.sum()


def test_a_layout_is_kept_and_few_are():
    graph = grid(3, 3)
    assert graph.layout() is graph.layout()
    for i in range(9):
        graph.layout(np.arange(9) != i)
    assert len(graph._layouts) <= 8
    with pytest.raises(ValueError, match=r"bool of shape \(9,\), got float64\(2,\)"):
        graph.layout(np.ones(2))


def test_a_graph_is_copied_and_pickled_without_its_layouts():
    graph = grid(3, 3)
    graph.layout()
    for other in (copy.deepcopy(graph), pickle.loads(pickle.dumps(graph))):
        np.testing.assert_array_equal(other.edges, graph.edges)
        assert not other._layouts
