"""scikit-learn's BernoulliRBM in float32: PCD-1 without momentum or weight decay.

Its ``fit`` calls ``_fit`` for every mini-batch; so do we, which leaves out the checks that ``partial_fit`` makes.
"""

from __future__ import annotations

import numpy as np
from sklearn.neural_network import BernoulliRBM

from benchmarks.cases import Case
from benchmarks.peers import whole_batches
from benchmarks.start import Start


class Trainer:
    def __init__(self, case: Case, start: Start, digits: np.ndarray) -> None:
        if (case.learning, case.n_gibbs) != ("pcd", 1):
            raise NotImplementedError("scikit-learn learns by PCD-1 alone")
        self.rng = np.random.RandomState(0)
        n_hidden = start.weights.shape[1]
        self.model = BernoulliRBM(n_hidden, learning_rate=case.learning_rate, batch_size=case.batch)
        self.model.partial_fit(digits[: case.batch])
        self.model.components_ = np.array(start.weights.T, order="F")  # the order that its own fit chooses
        self.model.intercept_visible_ = start.visible_bias.copy()
        self.model.intercept_hidden_ = start.hidden_bias.copy()
        self.model.h_samples_ = start.chains[: case.batch].copy()
        self.batches, self.done = whole_batches(digits, case.batch), 0

    def run(self, updates: int) -> None:
        for _ in range(updates):
            self.model._fit(self.batches[self.done % len(self.batches)], self.rng)
            self.done += 1

    def parameters(self) -> tuple[np.ndarray, ...]:
        return self.model.components_.T, self.model.intercept_visible_, self.model.intercept_hidden_
