"""Ours, as ``fit`` runs it: the learner, many updates in one call, shuffling at each epoch."""

from __future__ import annotations

import numpy as np

from benchmarks.cases import L2, MOMENTUM, Case
from benchmarks.peers import whole_batches
from benchmarks.start import Start
from ebm.boltzmann.learners import make_learner
from ebm.boltzmann.rbm import RBM
from ebm.boltzmann.rule import Rule
from ebm.data import TrainingData
from ebm.random import Random


class Trainer:
    def __init__(self, case: Case, start: Start, digits: np.ndarray) -> None:
        model = RBM(start.weights, start.visible_bias, start.hidden_bias)
        data = TrainingData.from_array(np.concatenate(whole_batches(digits, case.batch)))
        rule = Rule(
            learning=case.learning, n_gibbs=case.n_gibbs, batch_size=case.batch,
            learning_rate=case.learning_rate, momentum=MOMENTUM, l2=L2, centered=case.centered,
        )  # fmt: skip
        self.learner = make_learner(model, data, rule, Random(0), n_epochs=1)
        self.learner.restore(self.learner.state() | {"chains": start.chains[: case.batch]})
        self.done = 0

    def run(self, updates: int) -> None:
        end, n_batches = self.done + updates, self.learner.n_batches
        while self.done < end:
            epoch, first = divmod(self.done, n_batches)
            if first == 0:
                self.learner.begin_epoch(epoch)
            last = min(first + end - self.done, n_batches)
            self.learner.update(first, last)
            self.done += last - first

    def parameters(self) -> tuple[np.ndarray, ...]:
        model = self.learner.model
        return model.weights, model.visible_bias, model.hidden_bias
