"""What says a target token by token, given what an encoder made of a source.

    x_t = E[y_{t-1}],   s_0 = tanh(v W + b) of what sums the source up, v;   p(y_t | y_<t, source) = softmax(o_t)

Without attention cells read x_t, and the source is in their first states alone (Cho et al. 2014; Sutskever et al.
2014). With attention the lowest cell looks at all source frames before every step, and hands on [c_t, s_t] (Bahdanau et
al. 2015). o_t is affine in the highest output. In learning y_{t-1} is the true token (teacher forcing).

Tokens are numbered 0 to V - 1. Number V is the boundary: read, it is the start; predicted, the stop.

Sources: Cho et al. 2014 (arXiv:1406.1078), section 2.2; Sutskever, Vinyals & Le 2014 (arXiv:1409.3215), section 2;
Bahdanau, Cho & Bengio 2015 (arXiv:1409.0473), eqs. 3 to 6 and appendix A.2.2, whose output is a deeper one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ebm.networks.context import Context
from ebm.networks.dense import Dense
from ebm.networks.dropout import Dropout
from ebm.networks.embedding import Embedding
from ebm.networks.layer import Parameters
from ebm.networks.packing import Packing
from ebm.networks.ranges import count_from
from ebm.networks.sequential import part, prefixed
from ebm.random import Random, Stream
from ebm.recurrent.attention import Attended, AttentionCell, Source
from ebm.recurrent.cell import Cell
from ebm.recurrent.first_states import FirstStates
from ebm.recurrent.stack import CellStack, StackStates

EMBEDDING, ATTENTION, CELLS, OUTPUT = "embedding.", "attention.", "cells.", "output."  # before names of parameters


class Decoded(NamedTuple):
    """Caches of a decoder's parts, in their order; None for parts that it has not."""

    looked_up: Any
    attended: Attended | None
    dropped: Any
    cells: Any
    dropped_last: Any
    multiplied: Any


class DecoderBackward(NamedTuple):
    """What a backward pass returns.

    Attributes
    ----------
    d_states : tuple of tuples of arrays (n, size)
        With respect to the first states of each layer.
    d_source : array of shape (n_source_frames, m), or None without attention
        With respect to the source's frames, packed.
    """

    d_states: StackStates
    d_source: Any


@dataclass(frozen=True)
class Decoder:
    """Embedding, a cell that attends if any, more cells, logits of the next token.

    Parameters
    ----------
    n_tokens : int
        V.
    embedding_size : int
        Width of a token's vector.
    n_source : int
        m, width of the source's frames.
    attention : AttentionCell, optional
        The lowest cell.
    cells : tuple of Cell
        Those above it, from below; without attention at least one.
    dropout : float, default=0.0
        In training each output of a cell goes on with probability 1 - dropout (and is then divided by that).

    Raises
    ------
    ValueError
        When sizes are no positive integers, there is no cell, or dropout is not in [0, 1).
    """

    n_tokens: int
    embedding_size: int
    n_source: int
    attention: AttentionCell | None = None
    cells: tuple[Cell, ...] = ()
    dropout: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what does not fit."""
        for name in ("n_tokens", "embedding_size", "n_source"):
            count_from(name, getattr(self, name))
        if self.attention is None and not self.cells:
            raise ValueError("a decoder needs a cell: give cells, or attention")
        Dropout(self.dropout)

    @property
    def boundary(self) -> int:
        """V: the number of start and stop."""
        return self.n_tokens

    @property
    def state_sizes(self) -> tuple[tuple[int, ...], ...]:
        """Widths of the states of each layer, from below."""
        lowest = () if self.attention is None else (self.attention.state_sizes,)
        return (*lowest, *(cell.state_sizes for cell in self.cells))

    def first_states(self, n_in: int) -> FirstStates:
        """Return what makes first states of vectors of this width."""
        return FirstStates(n_in, self.state_sizes)

    @property
    def _stack(self) -> CellStack | None:
        return CellStack(self.cells, self.dropout) if self.cells else None

    @property
    def _ends(self) -> tuple[Embedding, Dense]:
        return Embedding(self.n_tokens + 1, self.embedding_size), Dense(self.n_tokens + 1)

    def initial(self, random: Random, dtype: Any) -> dict[str, np.ndarray]:
        """Return first parameters."""
        embedding, dense = self._ends
        seeds = [random.child(Stream.DECODER, number) for number in range(4)]
        found = prefixed(embedding.initial((), seeds[0], dtype), EMBEDDING)
        width = self.embedding_size
        if self.attention is not None:
            found |= prefixed(self.attention.initial(width, self.n_source, seeds[1], dtype), ATTENTION)
            width = self.n_source + self.attention.cell.units
        if self._stack is not None:
            found |= prefixed(self._stack.initial(width, seeds[2], dtype), CELLS)
            width = self._stack.output_size
        return found | prefixed(dense.initial((width,), seeds[3], dtype), OUTPUT)

    def look_at(self, parameters: Parameters, frames: Any, packing: Packing, context: Context) -> Source | None:
        """Return what attention needs to know of a source's frames, made once; None without attention."""
        if self.attention is None:
            return None
        return self.attention.look_at(part(parameters, ATTENTION), frames, packing, context)

    def forward(
        self, parameters: Parameters, tokens: Any, source: Source | None, states: StackStates, context: Context
    ) -> tuple[Any, StackStates, Decoded]:
        """Return the logits of what comes after every token, the states after the last, and the cache.

        Parameters
        ----------
        parameters : dict of arrays
        tokens : array of int64 of shape (n_frames,)
            What is read, packed as ``context.packing`` says.
        source : Source, or None without attention
        states : tuple of tuples of arrays (n, size)
            Before the first frames, of each layer.
        context : Context

        Raises
        ------
        ValueError
            When there is attention, but nothing to look at.
        """
        embedding, dense = self._ends
        finals: StackStates = ()
        attended = dropped = gone = None
        x, looked_up = embedding.forward(part(parameters, EMBEDDING), tokens, context)
        if self.attention is not None:
            if source is None:
                raise ValueError("this decoder has attention, and needs a source to look at")
            own = part(parameters, ATTENTION)
            x, final, attended = self.attention.forward(own, x, source, states[0], context)
            finals, states = (final,), states[1:]
        if self._stack is not None:
            if self.attention is not None:
                x, dropped = self._drop(x, context)
            x, more, gone = self._stack.forward(part(parameters, CELLS), x, states, context)
            finals = (*finals, *more)
        x, dropped_last = self._drop(x, context)
        logits, multiplied = dense.forward(part(parameters, OUTPUT), x, context)
        return logits, finals, Decoded(looked_up, attended, dropped, gone, dropped_last, multiplied)

    def _drop(self, x: Any, context: Context) -> tuple[Any, Any]:
        return Dropout(self.dropout).forward({}, x, context) if self.dropout > 0 else (x, None)

    def backward(
        self, parameters: Parameters, cache: Decoded, d_logits: Any, gradients: Parameters, context: Context,
        source_packing: Packing,
    ) -> DecoderBackward:  # fmt: skip
        """Write gradients, and return those of the first states and of the source; the cache is used up."""
        embedding, dense = self._ends
        dropout, d_source = Dropout(self.dropout), None
        d_states: StackStates = ()

        def own(prefix: str) -> tuple[Any, Any]:
            return part(parameters, prefix), part(gradients, prefix)

        weights, of_weights = own(OUTPUT)
        dx = dense.backward(weights, cache.multiplied, d_logits, of_weights, context)
        dx = dropout.backward({}, cache.dropped_last, dx, {}, context)
        if self._stack is not None:
            weights, of_weights = own(CELLS)
            dx, above = self._stack.backward(weights, cache.cells, dx, None, of_weights, context, wants_states=True)
            d_states = above or ()
            dx = dropout.backward({}, cache.dropped, dx, {}, context)
        if self.attention is not None and cache.attended is not None:
            weights, of_weights = own(ATTENTION)
            dx, d_source, d_first = self.attention.backward(
                weights, cache.attended, dx, None, of_weights, context, source_packing=source_packing
            )  # fmt: skip
            d_states = (d_first, *d_states)
        weights, of_weights = own(EMBEDDING)
        embedding.backward(weights, cache.looked_up, dx, of_weights, context)
        return DecoderBackward(d_states, d_source)
