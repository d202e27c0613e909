"""Recall in Hopfield networks and storing of patterns, beside NumPy loops over units."""

from __future__ import annotations

import numpy as np

PEERS = ["ours", "numpy"]
N_UNITS, N_PATTERNS, NOISE, N_SWEEPS = 1000, 100, 0.2, 3


def recaller(peer: str, weights: np.ndarray, cues: np.ndarray):
    """Return a function that recalls from the cues, N_SWEEPS sweeps of one unit after the other."""
    if peer == "ours":
        from ebm.boltzmann.hopfield import Hopfield
        from ebm.boltzmann.hopfield_recall import recall_asynchronous

        model = Hopfield(weights)
        return lambda: recall_asynchronous(model, cues, max_sweeps=N_SWEEPS).states

    def recall() -> np.ndarray:
        """All cues at once: a product of the states with one column of W for each unit in turn."""
        states = cues.copy()
        for _ in range(N_SWEEPS):
            for i in range(len(weights)):
                states[:, i] = np.where(states @ weights[i] >= 0, 1, -1)
        return states

    return recall


def problem(n_cues: int) -> tuple[np.ndarray, np.ndarray]:
    """Return weights by Hebb's rule, and corrupted cues."""
    rng = np.random.default_rng(0)
    x = rng.choice(np.array([-1, 1], np.float32), (N_PATTERNS, N_UNITS))
    weights = x.T @ x / np.float32(N_UNITS)
    np.fill_diagonal(weights, 0)
    chosen = x[rng.integers(0, N_PATTERNS, n_cues)]
    return weights, np.where(rng.random(chosen.shape) < NOISE, -chosen, chosen)


class Recall:
    """Three asynchronous sweeps over 1,000 units that hold 100 patterns, from cues with a fifth of them flipped."""

    params = (PEERS, [1, 100])
    param_names = ("peer", "cues")
    timeout = 120

    def setup(self, peer: str, n_cues: int) -> None:
        self.recall = recaller(peer, *problem(n_cues))
        self.recall()

    def time_recall(self, peer: str, n_cues: int) -> None:
        self.recall()


class Storing:
    """100 patterns of 1,000 units by each rule; ours only."""

    params = (["hebb", "storkey", "pseudo_inverse"],)
    param_names = ("rule",)
    timeout = 120

    def setup(self, rule: str) -> None:
        from ebm.boltzmann import storage_rules

        self.rule = getattr(storage_rules, rule)
        self.patterns = np.random.default_rng(0).choice(np.array([-1, 1], np.float32), (N_PATTERNS, N_UNITS))

    def time_store(self, rule: str) -> None:
        self.rule(self.patterns)
