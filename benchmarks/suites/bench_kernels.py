"""The parts of an update: states from inputs, and means from states, beside NumPy and torch."""

from __future__ import annotations

import numpy as np

SHAPES = ["10x500", "512x784"]
PEERS = ["ours", "numpy", "torch"]


def sampler(peer: str, inputs: np.ndarray):
    """Return a function that draws 0/1 states with probabilities sigma(inputs)."""
    if peer == "ours":
        from ebm.boltzmann.units import Bernoulli
        from ebm.random import Random, Stream

        return lambda: Bernoulli().sample(inputs, Random(0).at(Stream.HIDDEN))
    if peer == "numpy":
        from scipy.special import expit

        rng = np.random.default_rng(0)
        return lambda: (rng.random(inputs.shape, np.float32) < expit(inputs)).astype(np.float32)
    tensor = torch().from_numpy(inputs)
    return lambda: torch().bernoulli(torch().sigmoid(tensor))


def activator(peer: str, x: np.ndarray, weights: np.ndarray, bias: np.ndarray):
    """Return a function that computes sigma(x W + b)."""
    if peer == "ours":
        from ebm.boltzmann.rbm import RBM

        model = RBM(weights, np.zeros(len(weights), np.float32), bias)
        return lambda: model.hidden_mean(x)
    if peer == "numpy":
        from scipy.special import expit

        return lambda: expit(x @ weights + bias)
    x, weights, bias = (torch().from_numpy(a) for a in (x, weights, bias))
    return lambda: torch().sigmoid(torch().addmm(bias, x, weights))


def torch():
    """Return the module, or tell asv to show n/a."""
    try:
        import torch
    except ModuleNotFoundError as missing:
        raise NotImplementedError("torch is not installed") from missing
    return torch


class Sampling:
    """Bernoulli states of a layer."""

    params = (PEERS, SHAPES)
    param_names = ("peer", "shape")

    def setup(self, peer: str, shape: str) -> None:
        rows, columns = map(int, shape.split("x"))
        inputs = np.random.default_rng(0).standard_normal((rows, columns), np.float32)
        self.sample = sampler(peer, inputs)
        self.sample()

    def time_states(self, peer: str, shape: str) -> None:
        self.sample()


class Activation:
    """Means of 500 hidden units given 0/1 rows of 784, with this share of ones."""

    params = (PEERS, [10, 512], [0.05, 0.19, 0.5])
    param_names = ("peer", "rows", "density")

    def setup(self, peer: str, rows: int, density: float) -> None:
        rng = np.random.default_rng(0)
        x = (rng.random((rows, 784)) < density).astype(np.float32)
        self.activate = activator(peer, x, rng.standard_normal((784, 500), np.float32), np.zeros(500, np.float32))
        self.activate()

    def time_means(self, peer: str, rows: int, density: float) -> None:
        self.activate()
