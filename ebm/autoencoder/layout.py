"""Encoders and decoders out of a few numbers: layer sizes for rows, channels for images, the decoder a mirror."""

from __future__ import annotations

from collections.abc import Sequence

from ebm.autoencoder.model import Architecture
from ebm.networks.dense import Dense, TransposedDense
from ebm.networks.layer import Layer, Shape
from ebm.networks.sequential import Sequential


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


def own_layout(encoder: Sequence[Layer], decoder: Sequence[Layer], shape: Shape) -> Architecture:
    """Return an architecture of given layers; ValueError where they do not fit one another or the data."""
    return Architecture(Sequential(encoder), Sequential(decoder), shape)
