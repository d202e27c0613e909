"""A model of sequences of tokens: each is predicted from those before it, and so is the end.

    p(y_1 ... y_T, stop | v) = prod_{t=1}^{T+1} p(y_t | y_1 ... y_{t-1}, v),    y_{T+1} = stop,

where p(. | y_<t, v) is the softmax of an affine function of the output of a stack of cells that has read start, y_1,
..., y_{t-1}. The stack begins with states made of a vector v (one to many: captions), or with zeros (a language
model). In learning it reads the true tokens, whatever it would have said (teacher forcing).

Tokens are numbered 0 to V - 1. Number V is the boundary: read, it is the start; predicted, the stop.

Source: Graves 2013 (arXiv:1308.0850), section 2, eqs. 5 to 7; Sutskever, Martens & Hinton 2011, "Generating text with
recurrent neural networks", section 3; Vinyals et al. 2015 (arXiv:1411.4555), eqs. 1 to 2, for v; Williams & Zipser
1989 (doi:10.1162/neco.1989.1.2.270), section 2.3, for teacher forcing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ebm.networks.context import Context
from ebm.networks.dense import Dense
from ebm.networks.embedding import Embedding
from ebm.networks.layer import Parameters
from ebm.networks.ranges import count_from
from ebm.networks.sequential import part, prefixed
from ebm.random import Random, Stream
from ebm.recurrent.first_states import FirstStates
from ebm.recurrent.stack import CellStack, StackStates
from ebm.sequences import TOKENS, SequenceData

EMBEDDING, CELLS, FIRST, OUTPUT = "embedding.", "cells.", "first_states.", "output."  # before names of parameters


@dataclass(frozen=True)
class TokenModel:
    """Embedding, cells, and logits of the next token; its first states, where they are made of vectors.

    Parameters
    ----------
    n_tokens : int
        V.
    stack : CellStack
        Its dropout is that of the highest outputs, too.
    embedding_size : int
        Width of a token's vector.
    first : FirstStates, optional
        What makes first states of vectors; zeros by default. (States learnt without a vector would add nothing: the
        start has a vector of its own, and so a first step of its own.)

    Raises
    ------
    ValueError
        When there are no tokens, or ``first`` makes states of other sizes.
    """

    n_tokens: int
    stack: CellStack
    embedding_size: int
    first: FirstStates | None = None

    def __post_init__(self) -> None:
        """Refuse what does not fit."""
        count_from("n_tokens", self.n_tokens)
        if self.first is not None and self.first.sizes != self.stack.state_sizes:
            raise ValueError(f"first makes states of {self.first.sizes}, but the stack has {self.stack.state_sizes}")

    @property
    def boundary(self) -> int:
        """V: the number of start and stop."""
        return self.n_tokens

    def _ends(self) -> tuple[Embedding, Dense]:
        return Embedding(self.n_tokens + 1, self.embedding_size), Dense(self.n_tokens + 1)

    def initial(self, random: Random, dtype: Any) -> dict[str, np.ndarray]:
        """Return first parameters."""
        embedding, dense = self._ends()
        seeds = [random.child(Stream.WEIGHTS, number) for number in range(4)]
        found = prefixed(embedding.initial((), seeds[0], dtype), EMBEDDING)
        found |= prefixed(self.stack.initial(self.embedding_size, seeds[1], dtype), CELLS)
        found |= prefixed(dense.initial((self.stack.output_size,), seeds[2], dtype), OUTPUT)
        return found if self.first is None else found | prefixed(self.first.initial(seeds[3], dtype), FIRST)

    def first_states(self, parameters: Parameters, vectors: Any, context: Context) -> tuple[StackStates | None, Any]:
        """Return the states before the first frame (None for zeros), and their cache.

        Raises
        ------
        ValueError
            When vectors are missing, or given to a model that takes none.
        """
        if (self.first is None) != (vectors is None):
            raise ValueError(f"vectors are {'missing' if vectors is None else 'given, but the model takes none'}")
        return (None, None) if self.first is None else self.first.forward(part(parameters, FIRST), vectors, context)

    def forward(
        self, parameters: Parameters, tokens: Any, states: StackStates | None, context: Context
    ) -> tuple[Any, StackStates, Any]:
        """Return the logits of what comes after every token, the states after the last, and the cache.

        Parameters
        ----------
        parameters : dict of arrays
        tokens : array of int64 of shape (n_frames,)
            What is read, packed as ``context.packing`` says.
        states : tuple of States, or None for zeros
        context : Context
        """
        embedding, dense = self._ends()
        x, looked_up = embedding.forward(part(parameters, EMBEDDING), tokens, context)
        h, finals, gone = self.stack.forward(part(parameters, CELLS), x, states, context)
        dropped = None
        if self.stack.dropout.rate > 0:
            h, dropped = self.stack.dropout.forward({}, h, context)
        logits, multiplied = dense.forward(part(parameters, OUTPUT), h, context)
        return logits, finals, (looked_up, gone, dropped, multiplied)

    def backward(
        self, parameters: Parameters, cache: Any, d_logits: Any, gradients: Parameters, context: Context,
    ) -> StackStates | None:  # fmt: skip
        """Write gradients, and return those of the first states where these are made of vectors."""
        (embedding, dense), (looked_up, gone, dropped, multiplied) = self._ends(), cache
        own, of_own = part(parameters, OUTPUT), part(gradients, OUTPUT)
        dh = dense.backward(own, multiplied, d_logits, of_own, context)
        dh = self.stack.dropout.backward({}, dropped, dh, {}, context)
        cells, of_cells = part(parameters, CELLS), part(gradients, CELLS)
        dx, d_states = self.stack.backward(
            cells, gone, dh, None, of_cells, context, wants_states=self.first is not None
        )  # fmt: skip
        embedding.backward(part(parameters, EMBEDDING), looked_up, dx, part(gradients, EMBEDDING), context)
        return d_states


def inputs_and_targets(
    sequences: Sequence[np.ndarray], boundary: int, weights: np.ndarray | None = None
) -> dict[str, SequenceData]:
    """Return what is read, start y_1 ... y_T ("x"), and what is to be predicted, y_1 ... y_T stop ("y").

    Parameters
    ----------
    sequences : sequence of arrays of int of shape (length,)
        Numbers of tokens; a sequence may have none.
    boundary : int
        The number of start and stop.
    weights : ndarray of shape (n,), optional
        Above 0; ones by default.

    Raises
    ------
    ValueError
        When a number is not in [0, boundary), with its sequence and place.
    """
    lengths = np.array([len(tokens) for tokens in sequences], np.int64)
    starts = np.concatenate([[0], np.cumsum(lengths + 1)]).astype(np.int64)
    frames = np.full((starts[-1], 1), boundary, TOKENS)
    for number, (tokens, first) in enumerate(zip(sequences, starts[:-1], strict=True)):
        bad = np.flatnonzero((np.asarray(tokens) < 0) | (np.asarray(tokens) >= boundary))
        if bad.size:
            raise ValueError(
                f"sequence {number} has the number {tokens[bad[0]]} at place {bad[0]}, but tokens are in "
                f"[0, {boundary})"
            )
        frames[first : first + len(tokens), 0] = tokens
    shares = np.ones(len(lengths)) if weights is None else np.asarray(weights, np.float64)
    read = np.empty_like(frames)
    read[0], read[1:] = boundary, frames[:-1]  # the stop of one sequence is the start of the next
    return {"x": SequenceData(read, starts, shares), "y": SequenceData(frames, starts, shares)}
