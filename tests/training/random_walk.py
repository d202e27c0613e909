"""The smallest learner: parameters walk at random, one step a mini-batch."""

import time

import numpy as np


class RandomWalk:
    n_batches = 7

    def __init__(self, seed=0, pause=0.0, diverge_at=None):
        self.seed, self.pause, self.diverge_at = seed, pause, diverge_at
        self.weights = np.zeros(5)
        self.momentum = np.zeros(5)
        self.epoch = -1
        self.calls = []

    def begin_epoch(self, epoch):
        self.epoch = epoch

    def update(self, first, last):
        self.calls.append((self.epoch, first, last))
        for batch in range(first, last):
            time.sleep(self.pause)
            step = np.random.default_rng((self.seed, self.epoch, batch)).normal(size=5)
            self.momentum = 0.9 * self.momentum + step
            self.weights = self.weights + self.momentum
            if (self.epoch, batch) == self.diverge_at:
                self.weights = self.weights * np.inf

    def state(self):
        return {"weights": self.weights.copy(), "momentum": self.momentum.copy()}

    def restore(self, state):
        self.weights, self.momentum = state["weights"].copy(), state["momentum"].copy()

    def is_sound(self):
        return bool(np.isfinite(self.weights).all())


class Recorder:
    """Record given values, one an epoch; None records nothing."""

    records = ("score",)

    def __init__(self, values):
        self.values = values

    def on_epoch_end(self, run):
        if self.values[run.epoch] is not None:
            run.record("score", self.values[run.epoch])


class StopAfter:
    """Do something after an epoch, by default: fall over."""

    def __init__(self, epoch, action=None):
        self.epoch, self.action = epoch, action

    def on_epoch_end(self, run):
        if run.epoch == self.epoch:
            if self.action is None:
                raise RuntimeError("killed")
            self.action()
