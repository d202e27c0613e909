"""How recurrent networks learn an answer for every sequence (many to one) or for every frame (aligned)."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import StrOptions

from ebm.kernels.activations import KINDS
from ebm.networks.dense import Dense
from ebm.networks.layer import Layer
from ebm.networks.losses import Loss
from ebm.networks.sequential import Sequential
from ebm.random import Random
from ebm.recurrent.architecture import recurrent_layers
from ebm.recurrent.batch import SequenceSamples
from ebm.recurrent.network import RecurrentNetwork
from ebm.recurrent.objective import SequenceLoss
from ebm.recurrent.pooling import BothEnds, LastFrame, MeanFrame
from ebm_sklearn._sequence_learning import LAYER_CONSTRAINTS, SequenceEstimator, layer_sizes

RECURRENT_CONSTRAINTS: dict[str, list[Any]] = {
    **LAYER_CONSTRAINTS,
    "bidirectional": ["boolean"],
    "recurrent_dropout": LAYER_CONSTRAINTS["dropout"],
    "hidden_layer_sizes": ["array-like"],
    "activation": [StrOptions(set(KINDS))],
}
POOLING_CONSTRAINTS: dict[str, list[Any]] = {"pooling": [StrOptions({"last", "mean"})]}
X, Y = "x", "y"  # names of what is read and what is to be answered, as `SequenceLoss` has them


class RecurrentEstimator(SequenceEstimator):
    """The work behind `fit` and `partial_fit` of `RNNClassifier` and the like, whose parameters these are.

    A subclass gives ``ALIGNED``, ``_loss()``, and
    ``_read(X, y, sample_weight, reset=)``: samples, after everything was checked and, when ``reset``, kept.
    """

    cell: Any
    units: int
    n_layers: int
    bidirectional: bool
    dropout: float
    recurrent_dropout: float
    hidden_layer_sizes: Any
    activation: str

    ALIGNED: ClassVar[bool]  # whether every frame has an answer

    @abstractmethod
    def _loss(self) -> Loss: ...

    def _described(self, n_inputs: int, n_outputs: int) -> dict[str, Any]:
        """Return what shapes the network, by the parameters as they are; ValueError where there is no such network."""
        found = {
            "cell": self.cell,
            "units": int(self.units),
            "n_layers": int(self.n_layers),
            "bidirectional": bool(self.bidirectional),
            "dropout": float(self.dropout),
            "recurrent_dropout": float(self.recurrent_dropout),
            "hidden_layer_sizes": layer_sizes(self.hidden_layer_sizes),
            "activation": self.activation,
            "pooling": None if self.ALIGNED else self.pooling,  # type: ignore[attr-defined]
            "n_inputs": n_inputs,
            "n_outputs": n_outputs,
        }
        recurrent_network(**found)
        return found

    def _network(self) -> RecurrentNetwork:
        return recurrent_network(**self.architecture_)

    def _initial(self, random: Random, dtype: Any) -> dict[str, np.ndarray]:
        return self._network().initial((self.architecture_["n_inputs"],), random, dtype)

    def _objective(self) -> Any:
        return SequenceLoss(self._network(), self._loss(), aligned=self.ALIGNED)

    @abstractmethod
    def _read(self, X: Any, y: Any, sample_weight: Any, *, reset: bool) -> SequenceSamples: ...


def recurrent_network(
    *,
    cell: Any,
    units: int,
    n_layers: int,
    bidirectional: bool,
    dropout: float,
    recurrent_dropout: float,
    hidden_layer_sizes: list[int],
    activation: str,
    pooling: str | None,
    n_inputs: int,
    n_outputs: int,
) -> RecurrentNetwork:
    """Return the network that these describe: recurrent layers, what is read of them, dense layers, and the answer.

    Raises
    ------
    ValueError
        When something is out of range.
    """
    dropped: dict[str, Any] = {"dropout": dropout, "recurrent_dropout": recurrent_dropout}
    body = recurrent_layers(cell, units, depth=n_layers, bidirectional=bidirectional, **dropped)
    if pooling is not None:
        body.append(_pooling(pooling, bidirectional=bidirectional))
    head = [*(Dense(size, activation) for size in hidden_layer_sizes), Dense(n_outputs)]
    return RecurrentNetwork(n_inputs, Sequential(body), Sequential(head))


def _pooling(name: str, *, bidirectional: bool) -> Layer:
    if name not in ("last", "mean"):
        raise ValueError(f"pooling must be 'last' or 'mean', got {name!r}")
    return MeanFrame() if name == "mean" else BothEnds() if bidirectional else LastFrame()
