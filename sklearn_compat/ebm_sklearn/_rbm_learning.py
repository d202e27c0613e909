"""How the RBM estimator learns: from the beginning, or on from where it stands."""

from __future__ import annotations

from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from ebm.boltzmann.learners import make_learner
from ebm.boltzmann.learning import initial_model
from ebm.boltzmann.rbm import RBM as Model
from ebm.boltzmann.rule import PERSISTENT, Rule
from ebm.boltzmann.units import Unit
from ebm.data import TrainingData
from ebm.optimizers.schedules import Constant, Linear
from ebm.random import Random
from ebm_sklearn._input import above, columns, data_digest, read_samples
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
        unit = self._units()[0]
        if self.binarize is not None and unit.name != "bernoulli":
            raise ValueError(f"binarize={self.binarize} makes binary features, but visible is {self.visible!r}")
        X = read_samples(self, X, reset=reset, unit=unit, warn=self.binarize is None)
        precision = np.float64 if X.dtype == np.float64 else np.float32
        if self.binarize is not None:
            X = above(X, self.binarize)
        return TrainingData.from_array(X, sample_weight, precision if reset else self.components_.dtype)

    def _start(self, data: TrainingData, n_epochs: int, seen: dict[str, Any], *, rule: Rule) -> None:
        """Learn from the beginning."""
        for name in ("chains_", "noise_variance_"):
            self.__dict__.pop(name, None)
        random = draw_random(self.random_state)
        visible, hidden = self._units()
        n_hidden = self.n_components * columns(hidden)
        mean = first_mean(data, visible)
        model = initial_model(data, n_hidden, random, mean=mean, visible=visible, hidden=hidden)
        self._learn(model, data, rule, random.seed, n_epochs, _Past(), seen)

    def _go_on(self, data: TrainingData, seen: dict[str, Any]) -> None:
        """Learn one epoch more."""
        motion = {**self._motion, **({"chains": self.chains_} if self.learning in PERSISTENT else {})}
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
        names = ("learning", "n_gibbs", "batch_size", "n_chains", "n_temperatures", "momentum", "l2", "l1", "centered")
        rate = self.learning_rate
        if to_the_end and self.schedule == "linear" and not callable(rate):
            rate = Linear(rate, 0.0)
        return Rule(**{name: getattr(self, name) for name in names}, learning_rate=rate)

    def _fitted_from(self, learner: Any) -> dict[str, Any]:
        state = learner.state()
        if "log_variance" in state:  # learnt in other coordinates: those go on exactly
            model = learner.model
            weights, visible, hidden = (getattr(model, name) for name in PARAMETERS)
            variance = {"noise_variance_": 1 / model.visible.precision}
        else:
            weights, visible, hidden = (np.asarray(state.pop(name)) for name in PARAMETERS)
            variance = {}
        fitted = {
            "components_": np.ascontiguousarray(weights.T),
            "intercept_visible_": visible,
            "intercept_hidden_": hidden,
            "_log_partition": None,
            **variance,
        }
        if self.learning in PERSISTENT:
            fitted["chains_"] = state.pop("chains")
        return {**fitted, "_motion": state}


def first_mean(data: TrainingData, unit: Unit) -> np.ndarray:
    """Means of the data with two samples of evenly spread states added, where units have few.

    Or the first, small chunk of `partial_fit` could fix units at one state for a long time.
    """
    if unit.levels is None:
        return data.mean
    n, even = data.weights.sum(), np.resize(unit.levels.mean(axis=0), data.n_visible)
    return (n * data.mean + 2 * even) / (n + 2)
