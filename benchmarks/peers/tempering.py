"""Parallel tempering of an RBM of 784 x 500 units, ours and as one writes it in torch; one replica a level.

Each class has ``run(sweeps)``: sweep and swap so many times, from beta = 0 to beta = 1 in even steps.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

N_VISIBLE, N_HIDDEN = 784, 500


def parameters() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return weights of standard deviation 0.05, as learning leaves them, and biases of zero, float32."""
    weights = np.random.default_rng(0).standard_normal((N_VISIBLE, N_HIDDEN)) * 0.05
    return weights.astype(np.float32), np.zeros(N_VISIBLE, np.float32), np.zeros(N_HIDDEN, np.float32)


class Ours:
    """Everything in one call."""

    package = "numba"

    def __init__(self, replicas: int) -> None:
        from ebm.boltzmann.rbm import RBM
        from ebm.boltzmann.tempered_rbm import TemperedRBM
        from ebm.random import Random
        from ebm.sampling.ladder import BetaLadder
        from ebm.sampling.parallel_tempering import ParallelTempering

        weights, visible_bias, hidden_bias = parameters()
        family = TemperedRBM(RBM(weights, visible_bias, hidden_bias), np.zeros_like(visible_bias))
        self.tempering = ParallelTempering(BetaLadder(family, np.linspace(0, 1, replicas)), 1, Random(0))

    def run(self, sweeps: int) -> None:
        self.tempering.run(sweeps)


class Torch:
    """As one writes it: draws by torch.bernoulli, energies from the same products, whole states change places."""

    package = "torch"

    def __init__(self, replicas: int) -> None:
        import torch

        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
        self.torch = torch
        self.W, self.b, self.c = map(torch.from_numpy, parameters())
        self.h = torch.bernoulli(torch.full((replicas, N_HIDDEN), 0.5))
        self.beta, self.step = torch.linspace(0, 1, replicas), 0

    def run(self, sweeps: int) -> None:
        with self.torch.inference_mode():
            for _ in range(sweeps):
                self.sweep()

    def sweep(self) -> None:
        torch, beta = self.torch, self.beta[:, None]
        v = torch.bernoulli(torch.sigmoid(beta * self.affine(self.b, self.h, self.W.t())))
        inputs = self.affine(self.c, v, self.W)
        h = torch.bernoulli(torch.sigmoid(beta * inputs))
        energy = -(h * inputs).sum(1) - v @ self.b
        low = torch.arange(self.step & 1, len(self.beta) - 1, 2)
        change = (self.beta[low + 1] - self.beta[low]) * (energy[low + 1] - energy[low])
        low = low[torch.rand(len(low)) < torch.exp(change)]
        order = torch.arange(len(self.beta))
        order[low], order[low + 1] = low + 1, low
        self.v, self.h = v[order], h[order]
        self.step += 1

    def affine(self, bias: Any, x: Any, weights: Any) -> Any:
        return x @ weights + bias


class Addmm(Torch):
    """The same with products that add the bias."""

    def affine(self, bias: Any, x: Any, weights: Any) -> Any:
        return self.torch.addmm(bias, x, weights)


SIDES: dict[str, Any] = {"ours": Ours, "torch": Torch, "torch addmm": Addmm}
