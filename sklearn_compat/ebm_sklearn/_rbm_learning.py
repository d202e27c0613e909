"""How the RBM estimator learns: from the beginning, or on from where it stands."""

from __future__ import annotations

from dataclasses import replace
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from ebm.boltzmann.data import TrainingData
from ebm.boltzmann.learners import make_learner
from ebm.boltzmann.learning import initial_model
from ebm.boltzmann.rbm import RBM as Model
from ebm.boltzmann.rule import Rule
from ebm.boltzmann.units import Bernoulli
from ebm.optimizers.schedules import Constant, Linear
from ebm.random import Random
from ebm_sklearn._input import above, data_digest, read_samples
from ebm_sklearn._random import draw_random
from ebm_sklearn._rbm_use import FittedRBM

PARAMETERS = ("weights", "visible_bias", "hidden_bias")


class _Past(NamedTuple):
    """What was learnt from before."""

    n_epochs: int = 0
    history: list[dict[str, float]] | None = None
    weight: float = 0.0  # of the data
    mean: Any = 0.0
    motion: dict[str, np.ndarray] | None = None  # velocities, moving averages, chains


class LearningRBM(FittedRBM):
    """The work behind `fit` and `partial_fit`; parameters as of `RBM`."""

    n_components: int
    n_iter: int
    learning: str
    centered: bool
    learning_rate: Any
    schedule: str
    device: Any
    _motion: dict[str, np.ndarray]

    def _read_training(self, X: Any, sample_weight: Any, *, reset: bool) -> TrainingData:
        X = read_samples(self, X, reset=reset, warn=self.binarize is None)
        precision = np.float64 if X.dtype == np.float64 else np.float32
        if self.binarize is not None:
            X = above(X, self.binarize)
        return TrainingData.from_array(X, sample_weight, precision if reset else self.components_.dtype)

    def _start(self, data: TrainingData, n_epochs: int, seen: dict[str, Any], *, rule: Rule) -> None:
        """Learn from the beginning."""
        self.__dict__.pop("chains_", None)
        random = draw_random(self.random_state)
        model = initial_model(data, self.n_components, random)
        model = replace(model, visible_bias=first_bias(data))
        self._learn(model, data, rule, random.seed, n_epochs, _Past(), seen)

    def _go_on(self, data: TrainingData, seen: dict[str, Any]) -> None:
        """Learn one epoch more."""
        motion = {**self._motion, **({"chains": self.chains_} if self.learning == "pcd" else {})}
        past = _Past(self.n_iter_, self.history_, self._weight_seen, self.mean_, motion)
        self._learn(self._model(), data, self._rule(), self._seed, self.n_iter_ + 1, past, seen)

    def _learn(
        self, model: Model, data: TrainingData, rule: Rule, seed: int, n_epochs: int, past: _Past, seen: dict[str, Any]
    ) -> None:
        """Learn until ``n_epochs`` in all are done."""
        weight = past.weight + float(data.weights.sum())
        mean = (past.weight * past.mean + data.weights.sum() * data.mean) / weight
        with self._limited() as n_threads:
            learner = make_learner(
                model,
                data,
                rule,
                Random(seed),
                n_epochs=self.n_iter,
                device=self.device,
                n_threads=n_threads,
            )
            if past.motion is not None:
                learner.restore({**learner.state(), **past.motion})
            self._train(
                learner,
                n_epochs,
                first_epoch=past.n_epochs,
                history=past.history,
                also={"_seed": seed, "_weight_seen": weight, "mean_": mean},
                seen=seen,
                memory=self._memory(data, rule, seed),
            )

    def _memory(self, data: TrainingData, rule: Rule, seed: int) -> dict[str, Any]:
        """Return what callbacks find in the run: the data, and for a checkpoint what its run must share."""
        if not self._has_checkpoint():
            return {"data": data}
        fingerprint = {**self._what_matters(), "seed (drawn from random_state)": seed, "data": data_digest(data)}
        if not all(isinstance(rate, Real | Constant) for rate in (rule.learning_rate, rule.momentum)):
            fingerprint["n_iter"] = self.n_iter  # rates that change reach their end with the last epoch
        return {"data": data, "fingerprint": fingerprint}

    def _rule(self, *, to_the_end: bool = False) -> Rule:
        names = ("learning", "n_gibbs", "batch_size", "n_chains", "momentum", "l2", "l1", "centered")
        rate = self.learning_rate
        if to_the_end and self.schedule == "linear" and not callable(rate):
            rate = Linear(rate, 0.0)
        return Rule(**{name: getattr(self, name) for name in names}, learning_rate=rate)

    def _fitted_from(self, learner: Any) -> dict[str, Any]:
        state = learner.state()
        weights, visible, hidden = (np.asarray(state.pop(name)) for name in PARAMETERS)
        fitted = {
            "components_": np.ascontiguousarray(weights.T),
            "intercept_visible_": visible,
            "intercept_hidden_": hidden,
            "_log_partition": None,
        }
        if self.learning == "pcd":
            fitted["chains_"] = state.pop("chains")
        return {**fitted, "_motion": state}


def first_bias(data: TrainingData) -> np.ndarray:
    """Log-odds of the data's means with one sample of zeros and one of ones added.

    Or the first, small chunk of `partial_fit` could fix units at 0 or 1 for a long time.
    """
    n = data.weights.sum()
    return Bernoulli().bias_from_mean((n * data.mean + 1) / (n + 2)).astype(data.dtype)
