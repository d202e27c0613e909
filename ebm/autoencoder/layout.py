"""Encoders and decoders out of a few numbers: layer sizes for rows, channels for images, the decoder a mirror."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ebm.autoencoder.model import Architecture
from ebm.networks.convolution import Convolution, TransposedConvolution
from ebm.networks.dense import Dense, TransposedDense
from ebm.networks.layer import Layer, Shape
from ebm.networks.sequential import Sequential
from ebm.networks.shape import Reshape


def dense_layout(
    n_features: int,
    n_components: int,
    hidden_layer_sizes: Sequence[int] = (),
    *,
    activation: str = "relu",
    code_activation: str = "identity",
    output_activation: str = "identity",
    tied: bool = False,
) -> Architecture:
    """Return n_features - hidden layers - n_components - hidden layers, the other way round - n_features.

    Parameters
    ----------
    n_features, n_components : int
    hidden_layer_sizes : sequence of int, default=()
        From the data to the code.
    activation, code_activation, output_activation : str
        Of hidden layers, of the code, and of the decoder's last layer.
    tied : bool, default=False
        Whether the decoder's weights are the encoder's, transposed.

    Raises
    ------
    ValueError
        When a size or an activation is none.
    """
    sizes = [*hidden_layer_sizes, n_components]
    kinds = [activation] * len(hidden_layer_sizes) + [code_activation]
    encoder = [Dense(size, kind) for size, kind in zip(sizes, kinds, strict=True)]
    back = [*reversed(hidden_layer_sizes), n_features]
    kind_of = TransposedDense if tied else Dense
    decoder = [kind_of(size, activation) for size in back[:-1]] + [kind_of(n_features, output_activation)]
    names = {f"{i}.weights": f"{len(sizes) - 1 - i}.weights" for i in range(len(sizes))} if tied else {}
    return Architecture(Sequential(encoder), Sequential(decoder), (n_features,), names)


def convolutional_layout(
    shape: Shape,
    n_components: int,
    channels: Sequence[int],
    hidden_layer_sizes: Sequence[int] = (),
    *,
    kernel_size: int = 5,
    activation: str = "relu",
    code_activation: str = "identity",
    output_activation: str = "identity",
) -> Architecture:
    """Return convolutions of stride 2, dense layers, the code, and the same the other way round.

    Parameters
    ----------
    shape : tuple of int
        Of an image, (height, width, channels).
    n_components : int
    channels : sequence of int
        Of each convolution, from the data on; each halves height and width.
    hidden_layer_sizes : sequence of int, default=()
        Of dense layers between the convolutions and the code.
    kernel_size : int, default=5
        Height and width of every kernel; odd, so that half of it can stand out at either side.
    activation, code_activation, output_activation
        As of :func:`dense_layout`.

    Raises
    ------
    ValueError
        When samples are no images, or a size is none.
    """
    if len(shape) != 3:
        raise ValueError(f"channels={tuple(channels)} needs images, but samples have shape {shape}: give image_shape")
    if kernel_size % 2 != 1:
        raise ValueError(f"kernel_size must be odd, got {kernel_size!r}")
    options: dict[str, Any] = {"kernel_size": kernel_size, "stride": 2, "padding": kernel_size // 2}
    down: list[Layer] = []
    up: list[Layer] = []
    here: Shape = shape
    for k, n in enumerate(channels):
        down.append(Convolution(n, activation=activation, **options))
        small = down[-1].output_shape(here)
        extra = (here[0] - 2 * small[0] + 1, here[1] - 2 * small[1] + 1)  # what halving has rounded away
        last = output_activation if k == 0 else activation
        up.insert(0, TransposedConvolution(here[2], output_padding=extra, activation=last, **options))
        here = small
    n_flat = here[0] * here[1] * here[2]
    inside = dense_layout(
        n_flat, n_components, hidden_layer_sizes,
        activation=activation, code_activation=code_activation, output_activation=activation,
    )  # fmt: skip
    encoder, decoder = inside.encoder.layers, inside.decoder.layers
    return Architecture(Sequential([*down, *encoder]), Sequential([*decoder, Reshape(here), *up]), shape)


def own_layout(encoder: Sequence[Layer], decoder: Sequence[Layer], shape: Shape) -> Architecture:
    """Return an architecture of given layers; ValueError where they do not fit one another or the data."""
    return Architecture(Sequential(encoder), Sequential(decoder), shape)
