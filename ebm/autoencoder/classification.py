"""The objective of a classifier on top of an encoder: p(y | x) = softmax(f(x) W + b), by cross-entropy.

    L = -sum_n w_n sum_k t_nk log p(k | x_n)

with t the classes in one-hot rows. Its gradient goes through the encoder f too, which fine-tunes it.

Source: Vincent et al. 2010 (JMLR 11:3371), section 3.5; Bengio et al. 2007, "Greedy layer-wise training of deep
networks", section 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ebm.autoencoder.model import ENCODER, by_rows
from ebm.networks.context import Context
from ebm.networks.dense import Dense
from ebm.networks.layer import Parameters, Shape
from ebm.networks.losses import SoftmaxCrossEntropy
from ebm.networks.objective import Batch
from ebm.networks.sequential import Sequential, part, prefixed
from ebm.random import Random, Stream

HEAD = "head."
LABELS = "labels"  # in a batch's extra: (n, n_classes), rows that sum to 1


@dataclass(frozen=True)
class Classification:
    """What an encoder with a softmax on its code learns; satisfies `Objective`.

    Parameters
    ----------
    encoder : Sequential
        Gives codes (n, n_components) of samples of ``shape``.
    n_classes : int
    shape : tuple of int
        Of one sample.
    """

    encoder: Sequential
    n_classes: int
    shape: Shape

    @property
    def head(self) -> Dense:
        """The layer that gives logits."""
        return Dense(self.n_classes)

    @property
    def statistics(self) -> tuple[str, ...]:
        """Parameters that no gradient moves."""
        return tuple(ENCODER + name for name in self.encoder.statistics)

    def initial(self, random: Random, dtype: Any) -> dict[str, np.ndarray]:
        """Return first parameters: the encoder's, "encoder.0.weights", ..., and "head.weights", "head.bias"."""
        encoder = self.encoder.initial(self.shape, random.child(Stream.WEIGHTS, 1), dtype)
        head = self.head.initial(self.encoder.output_shape(self.shape), random.child(Stream.HEAD), dtype)
        return {**prefixed(encoder, ENCODER), **prefixed(head, HEAD)}

    def gradient(self, parameters: Parameters, batch: Batch, gradients: Parameters, context: Context) -> Any:
        """Write the gradient of L and return the cross-entropies of the samples."""
        x, own, top = self._input(batch.x), part(parameters, ENCODER), part(parameters, HEAD)
        z, encoded = self.encoder.forward(own, x, context)
        logits, headed = self.head.forward(top, z, context)
        values, slope = SoftmaxCrossEntropy().value_and_gradient(logits, batch.extra[LABELS], batch.weights, context)
        dz = self.head.backward(top, headed, slope, part(gradients, HEAD), context)
        self.encoder.backward(own, encoded, dz, part(gradients, ENCODER), context, wants_input=False)
        return values

    def values(self, parameters: Parameters, batch: Batch, context: Context) -> Any:
        """Return the cross-entropies of the samples."""
        logits = self._logits(parameters, batch.x, context)
        return SoftmaxCrossEntropy().values(logits, batch.extra[LABELS], context)

    def probabilities(self, parameters: Parameters, x: np.ndarray) -> np.ndarray:
        """Return p(y | x) of rows x, shape (n, n_classes)."""
        logits = by_rows(lambda rows, context: self._logits(parameters, rows, context), x, self.n_classes)
        shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
        return shifted / shifted.sum(axis=1, keepdims=True)

    def codes(self, parameters: Parameters, x: np.ndarray) -> np.ndarray:
        """Return f(x) of rows x, shape (n, n_components)."""
        (width,), own = self.encoder.output_shape(self.shape), part(parameters, ENCODER)
        return by_rows(lambda rows, context: self.encoder.forward(own, self._input(rows), context)[0], x, width)

    def _logits(self, parameters: Parameters, x: Any, context: Context) -> Any:
        z, _ = self.encoder.forward(part(parameters, ENCODER), self._input(x), context)
        return self.head.forward(part(parameters, HEAD), z, context)[0]

    def _input(self, x: Any) -> Any:
        return x.reshape(-1, *self.shape)
