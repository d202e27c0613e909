"""How the RBMClassifier estimator learns: from the beginning, or on from where it stands."""

from __future__ import annotations

import hashlib
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array

from ebm.boltzmann.class_gradient import Objective
from ebm.boltzmann.class_learning import ClassLearner, initial_classifier
from ebm.boltzmann.classification_rbm import ClassificationRBM
from ebm.boltzmann.rule import Rule
from ebm.boltzmann.units import Bernoulli
from ebm.data import TrainingData
from ebm.optimizers.schedules import Constant, Linear
from ebm.random import Random
from ebm_sklearn._input import above, data_digest, read_samples
from ebm_sklearn._labels import class_weighted, read_labels
from ebm_sklearn._random import draw_random
from ebm_sklearn._rbm_classifier_use import FittedRBMClassifier
from ebm_sklearn._rbm_learning import first_mean

ATTRIBUTES = {
    "weights": "components_",
    "label_weights": "label_weights_",
    "visible_bias": "intercept_visible_",
    "hidden_bias": "intercept_hidden_",
    "label_bias": "intercept_label_",
}
LARGEST_RATE, LARGEST_GENERATIVE = 2.0, 0.05  # above them learning gets unsteady on digits of 28x28


class _Given(NamedTuple):
    """What there is to learn from."""

    data: TrainingData
    labels: np.ndarray
    classes: np.ndarray
    class_mean: np.ndarray  # (n_classes, n_visible), float64
    class_weight: np.ndarray  # of the samples behind it


class LearningRBMClassifier(FittedRBMClassifier):
    """The work behind `fit` and `partial_fit`; parameters as of `RBMClassifier`."""

    n_components: int
    objective: str
    generative_weight: float
    learning: str
    learning_rate: Any
    schedule: str
    n_iter: int
    class_weight: Any
    unlabeled: Any
    device: Any
    _motion: dict[str, np.ndarray]

    def _read(self, X: Any, y: Any, sample_weight: Any, *, reset: bool, classes: Any = None) -> _Given:
        X = read_samples(self, X, reset=reset, warn=self.binarize is None)
        precision = np.float64 if X.dtype == np.float64 else np.float32
        labels = read_labels(self, X, y, unlabeled=self.unlabeled, classes=classes)
        numbers, n_unknown = labels.numbers, np.count_nonzero(labels.numbers < 0)
        if n_unknown and self._objective().generative == 0:
            raise ValueError(
                f"{n_unknown} samples have no label (unlabeled={self.unlabeled!r}), and "
                "objective='discriminative' learns nothing from them: leave them out, or take 'hybrid'"
            )
        if self.binarize is not None:
            X = above(X, self.binarize)
        weights = class_weighted(labels, self.class_weight, sample_weight)
        data = TrainingData.from_array(X, weights, precision if reset else self.components_.dtype)
        if data.n_samples < len(numbers):  # samples of weight 0 are left out
            kept = np.asarray(weights, np.float64) > 0
            X, numbers = X[np.flatnonzero(kept)], numbers[kept]
        return _Given(data, numbers, labels.classes, *_class_means(X, numbers, data.weights, len(labels.classes)))

    def _start(self, given: _Given, n_epochs: int, seen: dict[str, Any], *, rule: Rule) -> None:
        """Learn from the beginning."""
        self.__dict__.pop("chains_", None)
        random, data = draw_random(self.random_state), given.data
        bias = Bernoulli().bias_from_mean(first_mean(data, Bernoulli())).astype(data.dtype)
        model = initial_classifier(data, given.labels, self.n_components, len(given.classes), random, visible_bias=bias)
        self._learn(model, given, rule, random.seed, n_epochs, seen, go_on=False)

    def _go_on(self, given: _Given, seen: dict[str, Any]) -> None:
        """Learn one epoch more."""
        self._learn(self._model(), given, self._rule(), self._seed, self.n_iter_ + 1, seen, go_on=True)

    def _learn(
        self,
        model: ClassificationRBM,
        given: _Given,
        rule: Rule,
        seed: int,
        n_epochs: int,
        seen: dict[str, Any],
        *,
        go_on: bool,
    ) -> None:
        """Learn until ``n_epochs`` in all are done."""
        random, options = Random(seed), {"n_epochs": self.n_iter, "device": self.device}
        with self._limited():
            learner = ClassLearner(model, given.data, given.labels, rule, self._objective(), random, **options)
            if go_on:
                chains = {"chains": self.chains_} if hasattr(self, "chains_") else {}
                own, past = learner.state(), {**self._motion, **chains}
                learner.restore({**own, **{name: past[name] for name in own if name in past}})
            self._train(
                learner,
                n_epochs,
                first_epoch=self.n_iter_ if go_on else 0,
                history=self.history_ if go_on else None,
                also={"_seed": seed, **self._means(given, go_on)},
                seen=seen,
                memory=self._memory(given, rule, seed),
            )

    def _means(self, given: _Given, go_on: bool) -> dict[str, Any]:
        """Return means over all data seen, of all samples and of every class."""
        weight, mean = float(given.data.weights.sum()), given.data.mean
        of_class, class_mean = given.class_weight, given.class_mean
        if go_on:
            both = weight + self._weight_seen
            mean, weight = (weight * mean + self._weight_seen * self.mean_) / both, both
            both_classes = of_class + self._class_weight_seen
            total = of_class[:, None] * class_mean + self._class_weight_seen[:, None] * self.class_mean_
            class_mean = np.where(both_classes[:, None] > 0, total / np.maximum(both_classes, 1e-300)[:, None], 0.5)
            of_class = both_classes
        return {
            "_weight_seen": weight,
            "mean_": mean,
            "class_mean_": class_mean,
            "_class_weight_seen": of_class,
            "classes_": given.classes,
        }

    def _memory(self, given: _Given, rule: Rule, seed: int) -> dict[str, Any]:
        """Return what callbacks find in the run: data and labels, and for a checkpoint what its run must share."""
        memory = {"data": given.data, "labels": given.labels, "classes": given.classes}
        if not self._has_checkpoint():
            return memory
        fingerprint = {**self._what_matters(), "seed (drawn from random_state)": seed}
        fingerprint["data"] = data_digest(given.data)
        named = repr(given.classes.tolist()).encode() + given.labels.tobytes()
        fingerprint["labels"] = hashlib.blake2b(named, digest_size=16).hexdigest()
        if not all(isinstance(rate, Real | Constant) for rate in (rule.learning_rate, rule.momentum)):
            fingerprint["n_iter"] = self.n_iter  # rates that change reach their end with the last epoch
        return {**memory, "fingerprint": fingerprint}

    def _objective(self) -> Objective:
        if self.objective == "hybrid":
            return Objective(1.0, self.generative_weight)
        return Objective(1.0, 0.0) if self.objective == "discriminative" else Objective(0.0, 1.0)

    def _rule(self, *, to_the_end: bool = False) -> Rule:
        names = ("learning", "n_gibbs", "batch_size", "n_chains", "momentum", "l2", "l1", "centered")
        rate = self.learning_rate
        if rate is None:
            generative = self._objective().generative
            rate = min(LARGEST_RATE, LARGEST_GENERATIVE / generative) if generative else LARGEST_RATE
        if to_the_end and self.schedule == "linear" and not callable(rate):
            rate = Linear(rate, 0.0)
        return Rule(**{name: getattr(self, name) for name in names}, learning_rate=rate)

    def _fitted_from(self, learner: Any) -> dict[str, Any]:
        state = learner.state()
        fitted: dict[str, Any] = {ATTRIBUTES[name]: state.pop(name) for name in ATTRIBUTES}
        fitted["components_"] = np.ascontiguousarray(fitted["components_"].T)
        if "chains" in state:
            fitted["chains_"] = state.pop("chains")
        return {**fitted, "_motion": state, "_log_partition": None}


def _class_means(X: Any, numbers: np.ndarray, weights: np.ndarray, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Weighted mean of every class's samples (1/2 where it has none), and the weight behind it."""
    known = np.flatnonzero(numbers >= 0)
    members = csr_array((weights[known], (numbers[known], known)), shape=(n_classes, len(numbers)))
    weight = np.asarray(members.sum(axis=1)).ravel()
    total = members @ (csr_array(X) if hasattr(X, "tocsr") else X)
    total = np.asarray(total.todense() if hasattr(total, "todense") else total, np.float64)
    mean = np.full(total.shape, 0.5)
    seen = weight > 0
    mean[seen] = total[seen] / weight[seen, None]
    return mean, weight
