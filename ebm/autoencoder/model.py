"""An autoencoder: an encoder z = f(x) and a decoder x' = g(z), with their parameters.

Source: Hinton & Salakhutdinov 2006 (doi:10.1126/science.1127647); for the linear one, which finds the plane of the
principal components, Baldi & Hornik 1989 (doi:10.1016/0893-6080(89)90014-2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ebm.kernels import activations
from ebm.networks.context import Context
from ebm.networks.layer import Shape
from ebm.networks.sequential import Sequential, part, prefixed
from ebm.random import Random, Stream

ENCODER, DECODER = "encoder.", "decoder."
ROWS = 1024  # taken at a time, so that intermediate results of large data never stand in memory together
OUTPUTS = {"squared": "identity", "bernoulli": "sigmoid"}  # what the decoder's last values become, by loss


@dataclass(frozen=True)
class Architecture:
    """Encoder and decoder, without parameters.

    Parameters
    ----------
    encoder, decoder : Sequential
        The encoder takes samples of ``shape``; the decoder takes codes (n, width) and gives samples, as rows or images,
        before the function that the loss implies.
    shape : tuple of int
        Of one sample: (n_features,), or (height, width, channels).
    tied : dict of str to str, optional
        Names of the decoder's parameters that are the encoder's: {"1.weights": "0.weights"}. The decoder's layer takes
        them transposed (``TransposedDense``).

    Raises
    ------
    ValueError
        When layers do not fit one another.
    """

    encoder: Sequential
    decoder: Sequential
    shape: Shape
    tied: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        code = self.encoder.output_shape(self.shape)
        if len(code) != 1:
            raise ValueError(f"the encoder must end with rows, but its output has shape {code}: add Flatten or Dense")
        end = self.decoder.output_shape(self.code_shape)
        if int(np.prod(end)) != self.n_features:
            raise ValueError(f"the decoder gives samples of shape {end}, but the data's are {self.shape}")

    @property
    def code_shape(self) -> Shape:
        """What the decoder takes: (n_components,)."""
        return self.encoder.output_shape(self.shape)

    @property
    def n_features(self) -> int:
        """Numbers in a sample."""
        return int(np.prod(self.shape))

    @property
    def statistics(self) -> tuple[str, ...]:
        """Parameters that no gradient moves."""
        parts = ((ENCODER, self.encoder), (DECODER, self.decoder))
        return tuple(prefix + name for prefix, network in parts for name in network.statistics)

    def initial(self, random: Random, dtype: Any) -> dict[str, np.ndarray]:
        """Return first parameters: "encoder.0.weights", ..., those of tied layers once."""
        encoder = self.encoder.initial(self.shape, random.child(Stream.WEIGHTS, 1), dtype)
        decoder = self.decoder.initial(self.code_shape, random.child(Stream.WEIGHTS, 2), dtype)
        free = {name: array for name, array in decoder.items() if name not in self.tied}
        return {**prefixed(encoder, ENCODER), **prefixed(free, DECODER)}

    def of_encoder(self, arrays: Mapping[str, Any]) -> dict[str, Any]:
        """Return the encoder's share of parameters or gradients, by its own names."""
        return part(arrays, ENCODER)

    def of_decoder(self, arrays: Mapping[str, Any]) -> dict[str, Any]:
        """Return the decoder's share, by its own names; tied ones are the encoder's arrays."""
        tied = {name: arrays[ENCODER + other] for name, other in self.tied.items()}
        return {**part(arrays, DECODER), **tied}


@dataclass(frozen=True)
class AutoencoderModel:
    """An architecture with parameters on the CPU, ready for use.

    Parameters
    ----------
    architecture : Architecture
    parameters : dict of str to ndarray
    loss : {"squared", "bernoulli"}
        "bernoulli" means that the decoder gives logits, and reconstructions are their logistic function.
    """

    architecture: Architecture
    parameters: Mapping[str, np.ndarray]
    loss: str = "squared"

    @property
    def dtype(self) -> np.dtype:
        """Of the parameters."""
        return next(iter(self.parameters.values())).dtype

    def encode(self, x: np.ndarray) -> np.ndarray:
        """Return codes (n, n_components) of samples (n, n_features)."""
        a = self.architecture
        return by_rows(lambda rows, context: self._encoded(rows, context), x, a.code_shape[0])

    def decode(self, z: np.ndarray) -> np.ndarray:
        """Return samples (n, n_features) of codes."""
        return by_rows(lambda rows, context: self._decoded(rows, context), z, self.architecture.n_features)

    def reconstruct(self, x: np.ndarray) -> np.ndarray:
        """Return g(f(x)), of the shape of x."""
        return by_rows(lambda rows, context: self._decoded(self._encoded(rows, context), context), x, x.shape[1])

    def _encoded(self, rows: np.ndarray, context: Context) -> np.ndarray:
        a = self.architecture
        return a.encoder.forward(a.of_encoder(self.parameters), rows.reshape(-1, *a.shape), context)[0]

    def _decoded(self, z: np.ndarray, context: Context) -> np.ndarray:
        a = self.architecture
        y = a.decoder.forward(a.of_decoder(self.parameters), z, context)[0].reshape(z.shape[0], -1)
        out = context.empty(y.shape, y.dtype)  # y may be z itself, where the decoder only reshapes
        activations.activate(y, activations.KINDS[OUTPUTS[self.loss]], out)
        return out


def by_rows(function: Callable[[np.ndarray, Context], np.ndarray], x: np.ndarray, width: int) -> np.ndarray:
    """Apply a network to some rows at a time."""
    out = np.empty((x.shape[0], width), x.dtype)
    for top in range(0, x.shape[0], ROWS):
        rows = np.ascontiguousarray(x[top : top + ROWS])
        out[top : top + ROWS] = function(rows, Context())
    return out
