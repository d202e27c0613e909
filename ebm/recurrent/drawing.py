"""Sequences drawn from a model of tokens, or its likeliest guesses, step by step.

    y_t ~ softmax(a_t / temperature),    a_t the logits after start, y_1, ..., y_{t-1};    until y_t = stop

As the temperature goes to 0 this goes to the largest logit (greedy). At 1 sequences come with the model's probability.
States are carried from step to step; sequences that have ended leave the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import NamedTuple

import numpy as np

from ebm.networks.context import Context
from ebm.networks.layer import Parameters
from ebm.networks.packing import Packing
from ebm.networks.ranges import count_from
from ebm.random import Random, Stream
from ebm.recurrent.generation import TokenModel
from ebm.recurrent.stack import StackStates


class Drawn(NamedTuple):
    """Sequences, and how they ended.

    Attributes
    ----------
    sequences : list of ndarray of int64, (length,)
        Numbers of tokens, without the stop.
    ended : ndarray of bool, (n,)
        Whether a sequence ended by itself; False where it was cut off.
    """

    sequences: list[np.ndarray]
    ended: np.ndarray


@dataclass(frozen=True)
class Drawing:
    """How sequences are drawn.

    Parameters
    ----------
    temperature : float, default=1.0
        0 takes the likeliest token of every step.
    max_length : int, default=100
        Tokens after which a sequence is cut off if it has not ended.
    prefix : sequence of int, default=()
        Tokens that every sequence begins with; they count as its first.

    Raises
    ------
    ValueError
        When the temperature is negative or not finite, max_length below 1, or the prefix longer than that.
    """

    temperature: float = 1.0
    max_length: int = 100
    prefix: Sequence[int] = ()

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        if not (isinstance(self.temperature, Real) and 0 <= self.temperature < np.inf):
            raise ValueError(f"temperature must be a finite number of at least 0, got {self.temperature!r}")
        count_from("max_length", self.max_length)
        if len(self.prefix) > self.max_length:
            raise ValueError(f"the prefix has {len(self.prefix)} tokens, but max_length is {self.max_length}")


def draw(
    model: TokenModel, parameters: Parameters, n: int, random: Random, how: Drawing,
    vectors: np.ndarray | None = None, *, first_row: int = 0,
) -> Drawn:  # fmt: skip
    """Draw sequences.

    Parameters
    ----------
    model : TokenModel
    parameters : dict of ndarray
    n : int
        Sequences.
    random : Random
        Sequence i takes the numbers of row first_row + i at step t, whatever n is and however the others end.
    how : Drawing
    vectors : ndarray of shape (n, n_in), optional
        What first states are made of, one for each sequence.
    first_row : int, default=0

    Returns
    -------
    Drawn

    Raises
    ------
    ValueError
        When the prefix holds what is no token, or vectors are missing or not wanted.
    """
    if unknown := [token for token in how.prefix if not 0 <= token < model.n_tokens]:
        raise ValueError(f"the prefix must hold tokens in [0, {model.n_tokens}), got {unknown[0]}")
    going, read = np.arange(n), np.full(n, model.boundary)
    steps: list[tuple[np.ndarray, np.ndarray]] = []
    ended = np.zeros(n, bool)
    states, _ = model.first_states(parameters, vectors, Context())
    context = Context(reuse=True, resize=True, constant=True)
    for t in range(how.max_length + 1):
        logits, states = _step(model, parameters, read, states, context)
        if t < len(how.prefix):
            chosen = np.full(going.size, how.prefix[t])
        else:
            chosen = _chosen(logits, random.uniform((n, 1), Stream.GENERATION, t, np.float64, first_row)[going, 0], how)
        stops = chosen == model.boundary
        ended[going[stops]] = True
        if t == how.max_length:
            break
        going, read = going[~stops], chosen[~stops]
        if going.size == 0:
            break
        steps.append((going, read))
        states = tuple(tuple(state[~stops] for state in layer) for layer in states)  # copies
    return Drawn(gathered(steps, n), ended)


def gathered(steps: Sequence[tuple[np.ndarray, np.ndarray]], n: int) -> list[np.ndarray]:
    """Return n sequences, in no more room than the longest of them takes of each.

    Parameters
    ----------
    steps : sequence of (ndarray, ndarray)
        For each time the sequences that go on, and their tokens then.
    n : int

    Returns
    -------
    list of ndarray of int64, (length,)
    """
    tokens, lengths = np.zeros((n, len(steps)), np.int64), np.zeros(n, np.int64)
    for t, (going, read) in enumerate(steps):
        tokens[going, t], lengths[going] = read, t + 1
    return [row[:length] for row, length in zip(tokens, lengths, strict=True)]


def _step(
    model: TokenModel, parameters: Parameters, read: np.ndarray, states: StackStates | None, context: Context
) -> tuple[np.ndarray, StackStates]:
    """Read one token of each sequence: logits of the next, and the states; both are overwritten by the next step."""
    context.rewind()
    if context.packing is None or context.packing.n != read.size:
        context.packing = Packing(np.ones(read.size, np.int64))
    logits, finals, _ = model.forward(parameters, read, states, context)
    return logits, finals


def _chosen(logits: np.ndarray, u: np.ndarray, how: Drawing) -> np.ndarray:
    """Return the likeliest numbers, or those whose interval of the cumulative distribution u falls into."""
    if how.temperature == 0:
        return logits.argmax(axis=1)
    scaled = (logits.astype(np.float64) - logits.max(axis=1, keepdims=True)) / how.temperature
    cumulative = np.cumsum(np.exp(scaled), axis=1)
    below: np.ndarray = cumulative < u[:, None] * cumulative[:, -1:]
    return below.sum(axis=1)
