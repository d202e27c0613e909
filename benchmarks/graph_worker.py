"""A library in its own process that samples an Ising model: ``python -m benchmarks.graph_worker PEER UNITS``.

It speaks the lines of ``benchmarks.worker``: first {"versions": ...} or {"missing": ...}; then, for a line in,

- {"chains": c, "calls": n, "wait": b} -> {"seconds": ..., "foreign": ...}, see ``clock.Timing``: n calls of
  ``SWEEPS[c]`` sweeps in c chains

Both libraries get the same couplings on the same random graph, J ~ normal(0, 0.2) between spins, and the same colours.
"""

from __future__ import annotations

import json
import os
import sys
from importlib.metadata import version
from typing import Any

import numpy as np

from benchmarks.clock import Patience, timed
from ebm.boltzmann.boltzmann_machine import BoltzmannMachine, from_spins
from ebm.boltzmann.graph import Graph, random_graph
from ebm.random import Random

DEGREE = 8
SWEEPS = {1: 50, 32: 10}  # in a call, by the number of chains; thrml compiles anew for each


def ising(n_units: int) -> tuple[Graph, np.ndarray]:
    """Return the graph and its couplings J between spins, float32."""
    graph = random_graph(n_units, DEGREE)
    return graph, (0.2 * np.random.default_rng(0).standard_normal(graph.n_edges)).astype(np.float32)


class Ours:
    packages = ("numba", "numpy")

    def __init__(self, n_units: int) -> None:
        graph, j = ising(n_units)
        self.model: BoltzmannMachine = from_spins(graph.matrix(j), np.zeros(n_units))[0]
        self.random, self.states, self.done = Random(0), {}, 0

    def run(self, chains: int, calls: int) -> None:
        states = self.states.get(chains)
        if states is None:
            states = self.model.random_states(chains, self.random)
        for _ in range(calls):
            states = self.model.gibbs(states, SWEEPS[chains], self.random, first_step=self.done)
            self.done += SWEEPS[chains]
        self.states[chains] = states


class Thrml:
    packages = ("thrml", "jax")

    def __init__(self, n_units: int) -> None:
        import jax
        import jax.numpy as jnp
        from thrml import Block, SamplingSchedule, SpinNode, sample_states
        from thrml.models import IsingEBM, IsingSamplingProgram, hinton_init

        graph, j = ising(n_units)
        nodes = [SpinNode() for _ in range(n_units)]
        edges = [(nodes[a], nodes[b]) for a, b in graph.edges]
        model = IsingEBM(nodes, edges, jnp.zeros(n_units), jnp.asarray(j), jnp.array(1.0))
        members = [np.flatnonzero(graph.colours == colour) for colour in range(graph.colours.max() + 1)]
        blocks = [Block([nodes[i] for i in units]) for units in members]
        program, seen = IsingSamplingProgram(model, blocks, clamped_blocks=[]), [Block(nodes[:8])]

        def sample(chains: int) -> Any:
            schedule = SamplingSchedule(SWEEPS[chains], 1, 1)  # so many sweeps, then one sample of a few units
            one = lambda key, start: sample_states(key, program, schedule, start, [], seen)  # noqa: E731
            if chains == 1:
                return jax.jit(one)
            return jax.jit(lambda key, start: jax.vmap(one)(jax.random.split(key, chains), start))

        self.jax, self.done = jax, 0
        self.sample = {chains: sample(chains) for chains in SWEEPS}
        key = jax.random.key(0)
        self.start = {chains: hinton_init(key, model, blocks, (chains,) if chains > 1 else ()) for chains in SWEEPS}

    def run(self, chains: int, calls: int) -> None:
        for _ in range(calls):
            self.done += 1
            key = self.jax.random.key(self.done)
            self.jax.block_until_ready(self.sample[chains](key, self.start[chains]))


PEERS = {"ours": Ours, "thrml": Thrml}


def main(name: str, n_units: int) -> None:
    lines = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints must not come between the answers
    try:
        peer, patience = PEERS[name](n_units), Patience()
    except ModuleNotFoundError as missing:
        print(json.dumps({"missing": missing.name}), file=lines)
        return
    print(json.dumps({"versions": {package: version(package) for package in peer.packages}}), file=lines)
    for line in sys.stdin:
        request = json.loads(line)
        if request["wait"]:
            patience.settle()
        print(json.dumps(timed(lambda r=request: peer.run(r["chains"], r["calls"])).asdict()), file=lines)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
