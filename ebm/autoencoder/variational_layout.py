"""Encoder and decoder of a variational autoencoder, without parameters, and how samples and labels go through them.

The encoder gives 2 k numbers a sample, the means and log-variances of q(z given x); the decoder takes z, k numbers.
With classes, both are given the label too, one-hot: beside the features (at every pixel of an image), and beside z.

Sources: Kingma & Welling 2014 (arXiv:1312.6114), section 3; Sohn, Lee & Yan 2015, "Learning structured output
representation using deep conditional generative models", section 4, for the labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ebm.autoencoder.layout import convolutional_layout
from ebm.autoencoder.likelihood import BernoulliLikelihood, Likelihood
from ebm.autoencoder.model import DECODER, ENCODER
from ebm.kernels.joining import join, take_left
from ebm.networks.context import Context
from ebm.networks.dense import Dense
from ebm.networks.layer import Layer, Parameters, Shape
from ebm.networks.sequential import Sequential, part, prefixed
from ebm.random import Random, Stream


@dataclass(frozen=True)
class VariationalArchitecture:
    """Encoder, decoder and likelihood.

    Parameters
    ----------
    encoder, decoder : Sequential
        The encoder takes samples of ``shape`` (its last axis longer by ``n_classes``) and gives rows of 2 k; the
        decoder takes rows of k + ``n_classes`` and gives the outputs that the likelihood reads.
    shape : tuple of int
        Of one sample: (n_features,), or (height, width, channels).
    likelihood : Likelihood, default=BernoulliLikelihood()
    n_classes : int, default=0
        0: no labels.

    Raises
    ------
    ValueError
        When layers do not fit one another.
    """

    encoder: Sequential
    decoder: Sequential
    shape: Shape
    likelihood: Likelihood = field(default_factory=BernoulliLikelihood)
    n_classes: int = 0

    def __post_init__(self) -> None:
        """Refuse layers that do not fit."""
        end = self.encoder.output_shape(self.input_shape)
        if len(end) != 1 or end[0] % 2:
            raise ValueError(
                f"the encoder must end with rows of an even number of outputs, means and log-variances, but its output "
                f"has shape {end}"
            )
        made = self.decoder.output_shape((self.n_components + self.n_classes,))
        if int(np.prod(made)) != self.n_features:
            raise ValueError(f"the decoder gives samples of shape {made}, but the data's are {self.shape}")

    @property
    def input_shape(self) -> Shape:
        """What the encoder takes."""
        return (*self.shape[:-1], self.shape[-1] + self.n_classes)

    @property
    def n_components(self) -> int:
        """Numbers in a code, k."""
        return self.encoder.output_shape(self.input_shape)[0] // 2

    @property
    def code_shape(self) -> Shape:
        """(k,)."""
        return (self.n_components,)

    @property
    def n_features(self) -> int:
        """Numbers in a sample."""
        return int(np.prod(self.shape))

    @property
    def statistics(self) -> tuple[str, ...]:
        """Parameters that no gradient moves."""
        decoder = (*self.decoder.statistics, *self.likelihood.statistics)
        return (*(ENCODER + name for name in self.encoder.statistics), *(DECODER + name for name in decoder))

    def initial(self, random: Random, dtype: Any, variance: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """Return first parameters: "encoder.0.weights", ..., "decoder.log_variance" with a normal likelihood.

        Parameters
        ----------
        random : Random
        dtype : {float32, float64}
        variance : ndarray of shape (n_features,), optional
            The data's, where a learnt variance begins; 1 by default.
        """
        encoder = self.encoder.initial(self.input_shape, random.child(Stream.WEIGHTS, 1), dtype)
        takes = (self.n_components + self.n_classes,)
        decoder = self.decoder.initial(takes, random.child(Stream.WEIGHTS, 2), dtype)
        decoder |= self.likelihood.initial(self.n_features, dtype, variance)
        return {**prefixed(encoder, ENCODER), **prefixed(decoder, DECODER)}

    def of_encoder(self, arrays: Mapping[str, Any]) -> dict[str, Any]:
        """Return the encoder's share of parameters or gradients, by its own names."""
        return part(arrays, ENCODER)

    def of_decoder(self, arrays: Mapping[str, Any]) -> dict[str, Any]:
        """Return the decoder's share, the likelihood's among it, by its own names."""
        return part(arrays, DECODER)

    # ---- passes ----

    def posterior(self, parameters: Parameters, x: Any, labels: Any, context: Context) -> tuple[Any, Any]:
        """Return means and log-variances (n, 2 k) of rows (n, n_features), and the encoder's cache."""
        x = self._joined(x.reshape(-1, *self.shape), labels, context)
        return self.encoder.forward(self.of_encoder(parameters), x, context)

    def outputs(self, parameters: Parameters, z: Any, labels: Any, context: Context) -> tuple[Any, Any]:
        """Return the decoder's outputs (n, n_features) of codes, and the cache for `backward`."""
        z = self._joined(z, labels, context)
        y, cache = self.decoder.forward(self.of_decoder(parameters), z, context)
        return y.reshape(y.shape[0], -1), (y.shape, cache)

    def backward(self, parameters: Parameters, cache: Any, dy: Any, gradients: Parameters, context: Context) -> Any:
        """Write the decoder's gradients, and return that along z, (n, k)."""
        shape, decoded = cache
        own, of_own = self.of_decoder(parameters), self.of_decoder(gradients)
        dz = self.decoder.backward(own, decoded, dy.reshape(shape), of_own, context)
        if not self.n_classes:
            return dz
        codes = context.empty((dz.shape[0], self.n_components), dz.dtype)
        take_left(dz, codes)
        return codes

    def _joined(self, a: Any, labels: Any, context: Context) -> Any:
        if (labels is None) != (self.n_classes == 0):
            given = "none were given" if labels is None else "labels were given"
            raise ValueError(f"the network takes labels of {self.n_classes} classes, but {given}")
        if labels is None:
            return a
        out = context.empty((*a.shape[:-1], a.shape[-1] + labels.shape[1]), a.dtype)
        join(a, labels, out)
        return out


def variational_layout(
    n_features: int,
    n_components: int,
    hidden_layer_sizes: Sequence[int] = (),
    *,
    activation: str = "relu",
    likelihood: Likelihood | None = None,
    n_classes: int = 0,
) -> VariationalArchitecture:
    """Return n_features - hidden layers - 2 n_components, and n_components - hidden layers, reversed - n_features.

    Parameters
    ----------
    n_features, n_components : int
    hidden_layer_sizes : sequence of int, default=()
        From the data to the code.
    activation : str
        Of hidden layers.
    likelihood : Likelihood, optional
        Bernoulli by default.
    n_classes : int, default=0

    Raises
    ------
    ValueError
        When a size or an activation is none.
    """
    encoder: list[Any] = [Dense(size, activation) for size in hidden_layer_sizes] + [Dense(2 * n_components)]
    decoder: list[Any] = [Dense(size, activation) for size in reversed(hidden_layer_sizes)] + [Dense(n_features)]
    return own_variational_layout(encoder, decoder, (n_features,), likelihood=likelihood, n_classes=n_classes)


def convolutional_variational_layout(
    shape: Shape,
    n_components: int,
    channels: Sequence[int],
    hidden_layer_sizes: Sequence[int] = (),
    *,
    kernel_size: int = 5,
    activation: str = "relu",
    likelihood: Likelihood | None = None,
    n_classes: int = 0,
) -> VariationalArchitecture:
    """Return convolutions of stride 2 and dense layers to 2 n_components, and from n_components back.

    Parameters
    ----------
    shape : tuple of int
        Of an image, (height, width, channels).
    n_components : int
    channels, hidden_layer_sizes, kernel_size, activation
        As of :func:`ebm.autoencoder.layout.convolutional_layout`.
    likelihood, n_classes
        As of :func:`variational_layout`.

    Raises
    ------
    ValueError
        When samples are no images, or a size is none.
    """
    sizes = shape, n_components, channels, hidden_layer_sizes
    plain = convolutional_layout(*sizes, kernel_size=kernel_size, activation=activation)
    encoder = [*plain.encoder.layers[:-1], Dense(2 * n_components)]
    return own_variational_layout(encoder, plain.decoder.layers, shape, likelihood=likelihood, n_classes=n_classes)


def own_variational_layout(
    encoder: Sequence[Layer],
    decoder: Sequence[Layer],
    shape: Shape,
    *,
    likelihood: Likelihood | None = None,
    n_classes: int = 0,
) -> VariationalArchitecture:
    """Return an architecture of given layers; ValueError where they do not fit one another or the data."""
    chains = Sequential(encoder), Sequential(decoder)
    return VariationalArchitecture(*chains, shape, likelihood or BernoulliLikelihood(), n_classes)
