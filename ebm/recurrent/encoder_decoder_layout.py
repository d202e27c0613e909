"""Encoders and decoders of one kind of cell: stacks of as many layers, read in both directions or one."""

from __future__ import annotations

from typing import Any

from ebm.networks.dropout import Dropout
from ebm.networks.embedding import Embedding
from ebm.networks.ranges import count_from
from ebm.networks.sequential import Sequential
from ebm.recurrent.attention import AttentionCell
from ebm.recurrent.bidirectional import Bidirectional
from ebm.recurrent.cell import Cell
from ebm.recurrent.decoder import Decoder
from ebm.recurrent.encoder_decoder import EncoderDecoder
from ebm.recurrent.layer import Recurrent
from ebm.recurrent.pooling import BothEnds, LastFrame


def encoder_decoder(
    n_tokens: int,
    cell: Cell,
    *,
    n_source_tokens: int | None = None,
    n_features: int | None = None,
    n_layers: int = 1,
    bidirectional: bool = True,
    attention_size: int | None = None,
    embedding_size: int = 32,
    dropout: float = 0.0,
) -> EncoderDecoder:
    """Return a model.

    Parameters
    ----------
    n_tokens : int
        Of the target.
    cell : Cell
        Of all layers.
    n_source_tokens, n_features : int, optional
        Sources are tokens, so many, or frames of so many features: one of both.
    n_layers : int, default=1
        Of the encoder, and of the decoder.
    bidirectional : bool, default=True
        Whether the encoder goes both ways.
    attention_size : int, optional
        Width of the queries of additive attention; without attention by default.
    embedding_size : int, default=32
        Width of a token's vector, of source and target.
    dropout : float, default=0.0
        Between layers, and of the highest outputs of the decoder.

    Raises
    ------
    ValueError
        When sizes are no positive integers, sources are not of one kind, or the cell cannot attend.
    """
    if not isinstance(cell, Cell):
        raise ValueError(f"cell must be a cell of ebm.recurrent, got {cell!r}")
    count_from("n_layers", n_layers)
    if (n_source_tokens is None) == (n_features is None):
        raise ValueError("sources are tokens or frames: give n_source_tokens or n_features, not both")
    reading: list[Any] = [] if n_source_tokens is None else [Embedding(n_source_tokens, embedding_size)]
    for number in range(n_layers):
        if number > 0 and dropout > 0:
            reading.append(Dropout(dropout))
        reading.append(Bidirectional(cell) if bidirectional else Recurrent(cell))
    encoder, shape = Sequential(reading), () if n_features is None else (n_features,)
    width = encoder.output_shape(shape)[0]
    attention = None if attention_size is None else AttentionCell(cell, attention_size)  # type: ignore[arg-type]
    above = (cell,) * (n_layers if attention is None else n_layers - 1)
    decoder = Decoder(n_tokens, embedding_size, width, attention, above, dropout)
    return EncoderDecoder(shape, encoder, BothEnds() if bidirectional else LastFrame(), decoder)
