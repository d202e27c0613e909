"""Boltzmann machines on graphs: colours, layouts, sweeps of Gibbs sampling beside thrml, enumeration, learning."""

from __future__ import annotations

import numpy as np

PEERS = ["ours", "thrml"]


class Sweeps:
    """Sweeps in 1 or 32 chains on a random graph of degree 8; see benchmarks.graph_worker for how many in a call."""

    params = (PEERS, [1, 32])
    param_names = ("peer", "chains")
    timeout = 300
    n_units = 20_000  # thrml takes minutes to build more

    def setup(self, peer: str, chains: int) -> None:
        from benchmarks.graph_worker import PEERS as samplers

        try:
            self.sampler = samplers[peer](self.n_units)
        except ModuleNotFoundError as missing:
            raise NotImplementedError(f"{missing.name} is not installed") from missing
        self.sampler.run(chains, 1)

    def time_sweeps(self, peer: str, chains: int) -> None:
        self.sampler.run(chains, 1)


class Graphs:
    """What a graph of 100,000 units of degree 8 costs before the first sweep."""

    def setup(self) -> None:
        from ebm.boltzmann.graph import Graph, random_graph

        self.make = Graph
        self.graph = random_graph(100_000, 8)
        self.graph.layout()

    def time_colours(self) -> None:
        self.make(self.graph.n_units, self.graph.edges).colours  # noqa: B018

    def time_layout(self) -> None:
        self.make(self.graph.n_units, self.graph.edges).layout()


class Small:
    """A fully connected machine of 20 units."""

    def setup(self) -> None:
        from ebm.boltzmann.boltzmann_machine import BoltzmannMachine

        w = np.random.default_rng(0).normal(size=(20, 20))
        self.model = BoltzmannMachine.from_matrix(np.triu(w, 1) + np.triu(w, 1).T)

    def time_log_partition(self) -> None:
        from ebm.boltzmann.graph_enumeration import log_partition

        log_partition(self.model)


class Learning:
    """Ten epochs of persistent chains on digits of 8 x 8 pixels, joined as a grid and all with all."""

    params = (["grid", "full"],)
    param_names = ("graph",)

    def setup(self, graph: str) -> None:
        from sklearn.datasets import load_digits

        from ebm_sklearn import BoltzmannMachine

        self.X = (load_digits().data > 7).astype(np.float32)
        self.machine = BoltzmannMachine(graph=graph, n_iter=10, random_state=0)
        self.machine.fit(self.X)

    def time_fit(self, graph: str) -> None:
        self.machine.fit(self.X)
