"""Small Boltzmann machines on graphs, nothing at zero or one, and their slow references."""

import numpy as np

from ebm.boltzmann.boltzmann_machine import BoltzmannMachine
from ebm.boltzmann.graph import Graph, fully_connected, random_graph
from tests.reference.boltzmann_machine import SlowMachine

RING = Graph(7, np.array([(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, 0), (0, 3)]))  # with a chord


def machine(graph=RING, *, visible=None, beta=0.7, dtype=np.float64, seed=0, scale=1.0, base=0.5):
    rng = np.random.default_rng(seed)
    weights, bias, base_bias = (size * rng.normal(size=n) for size, n in (
        (scale, graph.n_edges), (scale, graph.n_units), (base, graph.n_units)
    ))  # fmt: skip
    return BoltzmannMachine(graph, weights.astype(dtype), bias.astype(dtype), visible, beta, base_bias.astype(dtype))


def slow(model):
    return SlowMachine(model.couplings.toarray(), model.bias, model.visible, model.beta)


def sparse_twelve(seed=1):
    """12 units of degree 4, as learning is tested on."""
    return machine(random_graph(12, 4, seed=seed), seed=2, beta=0.8)


def everything(n_units, visible=None, **more):
    return machine(fully_connected(n_units), visible=visible, **more)
