"""How the Boltzmann machine's estimator learns: from the beginning, or on from where it stands."""

from __future__ import annotations

from math import isqrt
from numbers import Real
from typing import Any

import numpy as np
from scipy import sparse

from ebm.boltzmann.boltzmann_machine import DENSE
from ebm.boltzmann.boltzmann_machine import BoltzmannMachine as Model
from ebm.boltzmann.graph import Graph, bipartite, fully_connected, grid, weighted_graph
from ebm.boltzmann.graph_learning import GraphLearner, PseudoLikelihoodLearner, initial_model
from ebm.boltzmann.rule import Rule
from ebm.data import TrainingData
from ebm.optimizers.schedules import Constant, Linear
from ebm.random import Random
from ebm_sklearn._graph_use import FittedBoltzmannMachine
from ebm_sklearn._input import above, data_digest, read_samples
from ebm_sklearn._random import draw_random


class LearningBoltzmannMachine(FittedBoltzmannMachine):
    """The work behind `fit` and `partial_fit`; parameters as of `BoltzmannMachine`."""

    n_hidden: int
    graph: Any
    learning: str
    learning_rate: Any
    schedule: str
    temperature: float
    n_iter: int
    l2: float
    l1: float

    def _read_training(self, X: Any, sample_weight: Any, *, reset: bool) -> TrainingData:
        X = read_samples(self, X, reset=reset, warn=self.binarize is None)
        precision = np.float64 if X.dtype == np.float64 else np.float32
        if self.binarize is not None:
            X = above(X, self.binarize)
        return TrainingData.from_array(X, sample_weight, precision if reset else self.intercept_.dtype)

    def _start(self, data: TrainingData, n_epochs: int, seen: dict[str, Any], *, to_the_end: bool = False) -> None:
        """Learn from the beginning."""
        self.__dict__.pop("chains_", None)
        graph = resolved_graph(self.graph, data.n_visible, self.n_hidden)
        random = draw_random(self.random_state)
        model = initial_model(data, graph, random, n_visible=data.n_visible, beta=1.0 / self.temperature)
        also = {"_seed": random.seed, "_weight_seen": float(data.weights.sum()), "mean_": data.mean}
        self._learn(model, data, random, n_epochs, seen, also, to_the_end=to_the_end)

    def _go_on(self, data: TrainingData, seen: dict[str, Any]) -> None:
        """Learn one epoch more."""
        weight = self._weight_seen + float(data.weights.sum())
        mean = (self._weight_seen * self.mean_ + data.weights.sum() * data.mean) / weight
        also = {"_seed": self._seed, "_weight_seen": weight, "mean_": mean}
        motion = {**self._motion, **({"chains": self.chains_} if hasattr(self, "chains_") else {})}
        self._learn(self._model(), data, Random(self._seed), self.n_iter_ + 1, seen, also, motion=motion)

    def _learn(
        self,
        model: Model,
        data: TrainingData,
        random: Random,
        n_epochs: int,
        seen: dict[str, Any],
        also: dict[str, Any],
        *,
        to_the_end: bool = False,
        motion: dict[str, np.ndarray] | None = None,
    ) -> None:
        """Learn until ``n_epochs`` in all are done."""
        with self._limited():
            learner = self._learner(model, data, random, to_the_end)
            if motion is not None:
                learner.restore({**learner.state(), **motion})
            self._train(
                learner,
                n_epochs,
                first_epoch=0 if motion is None else self.n_iter_,
                history=None if motion is None else self.history_,
                also=also,
                seen=seen,
                memory=self._memory(data, random.seed),
            )

    def _learner(self, model: Model, data: TrainingData, random: Random, to_the_end: bool) -> Any:
        if self.learning == "pseudo_likelihood":
            return PseudoLikelihoodLearner(model, data, l2=self.l2, l1=self.l1)
        rate = self.learning_rate
        if to_the_end and self.schedule == "linear" and not callable(rate):
            rate = Linear(rate, 0.0)
        names = ("learning", "n_gibbs", "batch_size", "n_chains", "momentum", "l2", "l1", "centered")
        rule = Rule(**{name: getattr(self, name) for name in names}, learning_rate=rate)
        return GraphLearner(model, data, rule, random, n_epochs=self.n_iter)

    def _memory(self, data: TrainingData, seed: int) -> dict[str, Any]:
        """Return what callbacks find in the run: the data, and for a checkpoint what its run must share."""
        if not self._has_checkpoint():
            return {"data": data}
        fingerprint = {**self._what_matters(), "seed (drawn from random_state)": seed, "data": data_digest(data)}
        changing = self.schedule == "linear" or not isinstance(self.learning_rate, Real | Constant)
        if changing and self.learning != "pseudo_likelihood":
            fingerprint["n_iter"] = self.n_iter  # rates that change reach their end with the last epoch
        return {"data": data, "fingerprint": fingerprint}

    def _fitted_from(self, learner: Any) -> dict[str, Any]:
        state, model = learner.state(), learner.model
        couplings = model.couplings
        if couplings.nnz >= DENSE * model.n_units**2:
            couplings = couplings.toarray()
        fitted = {
            "coupling_": couplings,
            "intercept_": state.pop("bias"),
            "graph_": model.graph,
            "_beta": model.beta,
            "_log_partition": None,
        }
        state.pop("weights")
        chains = state.pop("chains", None)
        if self.learning == "pcd":
            fitted["chains_"] = chains
        return {**fitted, "_motion": state}


def resolved_graph(graph: Any, n_visible: int, n_hidden: int) -> Graph:
    """Return the graph that an estimator's parameter means.

    Raises
    ------
    ValueError
        When it does not fit the numbers of units, or is no graph.
    """
    n = n_visible + n_hidden
    if graph is None or (isinstance(graph, str) and graph == "full"):
        return fully_connected(n)
    if isinstance(graph, str):
        return bipartite(n_visible, n_hidden) if graph == "restricted" else _grid(n_visible, n_hidden)
    given = graph if sparse.issparse(graph) else np.asarray(graph)
    if given.shape == (n, n):
        return weighted_graph(given)[0]
    if sparse.issparse(given) or given.ndim != 2 or given.shape[1] != 2:
        raise ValueError(
            f"graph must be an adjacency matrix of shape ({n}, {n}), for {n_visible} features and {n_hidden} hidden "
            f"units, or edges of shape (n_edges, 2); got shape {given.shape}"
        )
    return Graph(n, given)


def _grid(n_visible: int, n_hidden: int) -> Graph:
    side = isqrt(n_visible)
    if side**2 != n_visible:
        raise ValueError(f"graph='grid' needs a square number of features, got {n_visible}: give edges instead")
    edges = np.concatenate([grid(side, side).edges, bipartite(n_visible, n_hidden).edges])
    return Graph(n_visible + n_hidden, edges)
