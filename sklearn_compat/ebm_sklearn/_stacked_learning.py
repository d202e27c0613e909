"""How stacks learn: layer by layer, then as one network, in one run of the training loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from ebm.autoencoder.stacked import Stack, StackLearner
from ebm.data import TrainingData
from ebm.kernels.activations import KINDS
from ebm.networks.codes import Sparsity
from ebm.networks.learning import NetworkLearner
from ebm.networks.stages import Learnt, Stage
from ebm.random import Random, Stream
from ebm.training import EarlyStopping
from ebm_sklearn._corruption import CORRUPTION_CONSTRAINTS, as_corruption
from ebm_sklearn._input import data_digest
from ebm_sklearn._network_learning import NETWORK_CONSTRAINTS, NetworkEstimator, Samples
from ebm_sklearn.autoencoder import first_parameters

STACK_CONSTRAINTS: dict[str, list[Any]] = {
    **NETWORK_CONSTRAINTS,
    **CORRUPTION_CONSTRAINTS,
    "n_components": [Interval(Integral, 1, None, closed="left")],
    "hidden_layer_sizes": ["array-like"],
    "kind": [StrOptions({"plain", "denoising", "sparse"})],
    "sparsity": [Interval(Real, 0, 1, closed="neither")],
    "sparsity_weight": [Interval(Real, 0, None, closed="left")],
    "activation": [StrOptions(set(KINDS))],
    "code_activation": [StrOptions(set(KINDS))],
    "loss": [StrOptions({"squared", "bernoulli"})],
    "tied": ["boolean"],
    "image_shape": [list, tuple, None],
    "pretrain_iter": [Interval(Integral, 0, None, closed="left")],
}
LAYER, PRETRAINING_LOSS = "layer", "pretraining_loss"  # columns of the history


class LearningStack(NetworkEstimator):
    """The work behind `fit` of estimators that learn layers first; parameters as of `StackedAutoencoder`."""

    n_components: int
    hidden_layer_sizes: Any
    kind: str
    corruption: Any
    corruption_level: float | None
    sparsity: float
    sparsity_weight: float
    activation: str
    code_activation: str
    loss: str
    tied: bool
    pretrain_iter: int

    @property
    def layer_losses_(self) -> list[np.ndarray]:
        """For each layer, the mean loss of each epoch in which it was learnt alone."""
        rows = [row for row in self.history_ if LAYER in row]
        n_layers = int(max((row[LAYER] for row in rows), default=0))
        return [np.array([row[PRETRAINING_LOSS] for row in rows if row[LAYER] == k + 1]) for k in range(n_layers)]

    def _stack(self) -> Stack:
        noise = as_corruption(self.corruption, self.corruption_level)
        penalty = Sparsity(float(self.sparsity), float(self.sparsity_weight))
        return Stack(
            int(np.prod(self.sample_shape_)),
            (*self.hidden_layer_sizes, self.n_components),
            self.activation,
            self.code_activation,
            self.loss,
            self.tied,
            noise if self.kind == "denoising" else None,
            penalty if self.kind == "sparse" else None,
        )

    def _fit_stack(
        self,
        data: TrainingData,
        samples: Samples,
        random: Random,
        seen: Mapping[str, Any],
        *,
        pretrain_iter: int,
        held_out: Samples | None = None,
        also: Mapping[str, Any] | None = None,
    ) -> None:
        """Learn layers from ``data``, and the network from ``samples``."""
        stack, start = self._stack(), self._first_parameters(random, samples)
        layers = range(len(stack.sizes) if pretrain_iter else 0)
        pretraining = [Stage(pretrain_iter, partial(self._layer_learner, stack, data, random)) for _ in layers]
        network = Stage(self.n_iter, partial(self._network_learner, stack, samples, random, start))
        listeners: list[Any] = [_StageLosses(held_out)]
        if held_out is not None:
            stop = EarlyStopping(self.HELD_OUT, patience=self.n_iter_no_change, min_delta=self.tol, mode="min")
            listeners.append(stop)
        memory = self._memory(samples, held_out, random.seed)
        if "fingerprint" in memory:
            memory["fingerprint"]["data of the layers"] = data_digest(data)
        with self._limited():
            self._train(
                StackLearner(stack, pretraining, network, start),
                len(pretraining) * pretrain_iter + self.n_iter,
                also={"_seed": random.seed, **(also or {})},
                seen=seen,
                memory=memory,
                listeners=listeners,
            )

    def _layer_learner(self, stack: Stack, data: TrainingData, random: Random, below: Learnt) -> NetworkLearner:
        k, objective = len(below), stack.objective(len(below))
        own, codes = random.child(Stream.PRETRAINING, k), stack.codes(data, below)
        start = first_parameters(objective.architecture, own, codes, objective.loss)
        return self._learner(start, objective, Samples(codes, {}), own, self.pretrain_iter, to_the_end=True)

    def _network_learner(
        self, stack: Stack, samples: Samples, random: Random, start: Mapping[str, np.ndarray], layers: Learnt
    ) -> NetworkLearner:
        parameters = stack.started(start, layers)
        return self._learner(parameters, self._objective(), samples, random, self.n_iter, to_the_end=True)

    def _fitted_from(self, learner: Any) -> dict[str, Any]:
        done = np.array([learner.updates_done], np.int64)
        return {"parameters_": learner.network, "_motion": {"updates_done": done}}

    def _keep(self, fitted: Callable[[], dict[str, Any]], book: Any) -> None:
        super()._keep(fitted, book)
        if book.run is not None:
            self.n_iter_ = sum(LAYER not in row for row in self.history_)


class _StageLosses:
    """Records the mean training loss of every epoch, by stage, and the loss of the samples held out."""

    order = 0

    def __init__(self, held_out: Samples | None) -> None:
        self._held_out = held_out
        names = (LAYER, PRETRAINING_LOSS, "loss")
        self.records = names if held_out is None else (*names, NetworkEstimator.HELD_OUT)

    def on_epoch_end(self, run: Any) -> None:
        if run.learner.pretrains:
            run.record(LAYER, run.learner.stage + 1)
            run.record(PRETRAINING_LOSS, run.learner.mean_loss)
            return
        run.record("loss", run.learner.mean_loss)
        if self._held_out is not None:
            run.record(NetworkEstimator.HELD_OUT, run.learner.loss_of(*self._held_out))
