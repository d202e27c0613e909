"""Tempering: sweeps with swaps beside torch, and the samplers that any model can have."""

from __future__ import annotations

import numpy as np


def sampler(peer: str, replicas: int):
    """Return a library's sampler, or tell asv to show n/a where the library is missing."""
    from benchmarks.peers.tempering import SIDES

    try:
        return SIDES[peer](replicas)
    except ModuleNotFoundError as missing:
        raise NotImplementedError(f"{missing.name} is not installed") from missing


class ParallelTempering:
    """Twenty sweeps of an RBM of 784 x 500 units, a replica at each temperature."""

    params = (["ours", "torch", "torch addmm"], [16, 32, 64])
    param_names = ("peer", "replicas")

    def setup(self, peer: str, replicas: int) -> None:
        self.sampler = sampler(peer, replicas)
        self.sampler.run(2)

    def time_sweeps(self, peer: str, replicas: int) -> None:
        self.sampler.run(20)


class OneChain:
    """Simulated tempering and tempered transitions of 50 chains, 100 x 80 units, ten temperatures."""

    params = (["simulated_tempering", "tempered_transitions"],)
    param_names = ("sampler",)

    def setup(self, sampler: str) -> None:
        from ebm.boltzmann.rbm import RBM
        from ebm.boltzmann.tempered_rbm import TemperedRBM
        from ebm.random import Random
        from ebm.sampling.simulated_tempering import SimulatedTempering
        from ebm.sampling.tempered_transitions import TemperedTransitions

        weights = 0.1 * np.random.default_rng(0).standard_normal((100, 80), np.float32)
        family = TemperedRBM(
            RBM(weights, np.zeros(100, np.float32), np.zeros(80, np.float32)), np.zeros(100, np.float32)
        )
        kind = {"simulated_tempering": SimulatedTempering, "tempered_transitions": TemperedTransitions}[sampler]
        self.chains = kind(family, np.linspace(0, 1, 10), 50, Random(0))
        self.chains.run(1)

    def time_moves(self, sampler: str) -> None:
        self.chains.run(10)
