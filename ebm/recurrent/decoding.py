"""The target that a decoder says of a source: token by token, or the best that a beam finds.

Greedy: y_t = argmax_k p(k given y_1 ... y_{t-1} and the source), until it is the stop.

Beam: each of the k likeliest prefixes y_1 ... y_t is continued by every token and by the stop; of these, the k
likeliest that do not stop go on, and those that stop and are among the k likeliest of all are candidates. The best
candidate wins, the greedy target being one of them.

What is best is log p(y, stop | source) / T^a, T tokens with the stop, and a the length penalty (0 for none). A beam
ends when no prefix can get better than the best candidate: log p only falls. With a beam as wide as there are
continuations the search is exhaustive; the greedy target is never better than what is found.

Source: Sutskever, Vinyals & Le 2014 (arXiv:1409.3215), section 3.2; Wu et al. 2016 (arXiv:1609.08144), section 7, for a
penalty of lengths, here without their constant 5.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ebm.device import Device
from ebm.kernels.frames import gather_rows
from ebm.networks.context import Context
from ebm.networks.layer import Parameters
from ebm.networks.packing import Packing
from ebm.networks.ranges import count_from
from ebm.networks.sequential import part
from ebm.recurrent.attention import Source
from ebm.recurrent.drawing import gathered
from ebm.recurrent.encoder_decoder import DECODER, Encoded, EncoderDecoder
from ebm.recurrent.stack import StackStates


class Said(NamedTuple):
    """Targets, and how they came about.

    Attributes
    ----------
    sequences : list of ndarray of int64, (length,)
        Numbers of tokens, without the stop.
    log_probabilities : ndarray of float64, (n,)
        log p(y, stop | source); without the stop where a target did not end.
    ended : ndarray of bool, (n,)
        Whether the target ends with a stop; False where it was cut off.
    """

    sequences: list[np.ndarray]
    log_probabilities: np.ndarray
    ended: np.ndarray


@dataclass(frozen=True)
class Speech:
    """How targets are said.

    Parameters
    ----------
    max_length : int or array of int of shape (n,)
        Tokens after which a target is cut off if it has not ended; of all, or of each.
    beam_width : int, default=1
        Prefixes that go on side by side; 1 is greedy.
    length_penalty : float, default=0.0
        a, from 0 (the likeliest target) to 1 (the likeliest per token).

    Raises
    ------
    ValueError
        When one of them is out of range.
    """

    max_length: int | np.ndarray
    beam_width: int = 1
    length_penalty: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        if np.min(self.max_length) < 1:
            raise ValueError(f"max_length must be at least 1, got {self.max_length!r}")
        count_from("beam_width", self.beam_width)
        if not 0 <= self.length_penalty <= 1:
            raise ValueError(f"length_penalty must be in [0, 1], got {self.length_penalty!r}")

    def score(self, log_p: np.ndarray, tokens: np.ndarray | int) -> np.ndarray:
        """Return log p / T^a."""
        score: np.ndarray = log_p / np.maximum(tokens, 1) ** self.length_penalty
        return score


def say(model: EncoderDecoder, parameters: Parameters, frames: np.ndarray, packing: Packing, how: Speech) -> Said:
    """Say the targets of sources.

    Parameters
    ----------
    model : EncoderDecoder
    parameters : dict of arrays
        On the packing's device.
    frames : array (n_frames, n_features), or of tokens (n_frames, 1)
        On the device, packed.
    packing : Packing
    how : Speech
    """
    device = packing.device
    encoded = model.encode(parameters, frames, packing, Context(device))
    limits = np.broadcast_to(np.asarray(how.max_length, np.int64), packing.n)
    steps = _Steps(model, parameters, device)
    found = _greedy(steps, encoded, limits)
    return found if how.beam_width == 1 else _beam(steps, encoded, limits, how, found)


@dataclass(frozen=True)
class _Steps:
    """One token of many prefixes at a time."""

    model: EncoderDecoder
    parameters: Parameters
    device: Device

    def read(self, tokens: np.ndarray, source: Source | None, states: StackStates) -> tuple[np.ndarray, StackStates]:
        """Return log p of every next token, float64 on the CPU, and the states."""
        context = Context(self.device, packing=Packing(np.ones(tokens.size, np.int64), self.device))
        read = self.device.upload(tokens, np.int64)
        own = part(self.parameters, DECODER)
        logits, states, _ = self.model.decoder.forward(own, read, source, states, context)
        a = self.device.download(logits).astype(np.float64)
        a -= a.max(axis=1, keepdims=True)
        return a - np.log(np.exp(a).sum(axis=1, keepdims=True)), states

    def chosen(self, states: StackStates, rows: np.ndarray) -> StackStates:
        """Return the states of these rows, in their order."""
        index, context = self.device.upload(rows, np.int64), Context(self.device)

        def taken(state: np.ndarray) -> np.ndarray:
            out = context.empty((rows.size, state.shape[1]), state.dtype)
            gather_rows(state, index, out)
            return out

        return tuple(tuple(taken(state) for state in layer) for layer in states)

    def source(self, encoded: Encoded, samples: np.ndarray) -> Source | None:
        """Return what prefixes of these samples look at."""
        return None if encoded.source is None else encoded.source.of(samples, Context(self.device))

    @property
    def boundary(self) -> int:
        return self.model.decoder.boundary


def _greedy(steps: _Steps, encoded: Encoded, limits: np.ndarray) -> Said:
    n = limits.size
    taken: list[tuple[np.ndarray, np.ndarray]] = []
    ended = np.zeros(n, bool)
    totals, going, read, states = np.zeros(n), np.arange(n), np.full(n, steps.boundary), encoded.states
    for t in range(limits.max() + 1):
        log_p, states = steps.read(read, steps.source(encoded, going), states)
        chosen = log_p.argmax(axis=1)
        stops = chosen == steps.boundary
        ended[going[stops]] = True
        on = ~stops & (limits[going] > t)
        counted = stops | on
        totals[going[counted]] += log_p[np.flatnonzero(counted), chosen[counted]]
        if not on.any():
            break
        going, read, states = going[on], chosen[on], steps.chosen(states, np.flatnonzero(on))
        taken.append((going, read))
    return Said(gathered(taken, n), totals, ended)


@dataclass
class _Best:
    """The best candidate of each sample so far: ended ones before those cut off."""

    how: Speech
    said: Said
    scores: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        lengths = np.array([s.size for s in self.said.sequences]) + self.said.ended
        self.scores = self.how.score(self.said.log_probabilities, lengths)

    def offer(self, sample: int, tokens: np.ndarray, log_p: float, score: float, *, ended: bool) -> None:
        said = self.said
        better = score > self.scores[sample] if ended == said.ended[sample] else ended
        if better:
            said.sequences[sample], self.scores[sample] = tokens.copy(), score
            said.log_probabilities[sample], said.ended[sample] = log_p, ended


def _beam(steps: _Steps, encoded: Encoded, limits: np.ndarray, how: Speech, greedy: Said) -> Said:
    """Go on with ``beam_width`` prefixes of each sample; a prefix is a row of ``prefixes``, sample after sample."""
    best = _Best(how, greedy)
    owners, log_p = np.arange(limits.size), np.zeros(limits.size)
    prefixes, read, states = np.zeros((limits.size, 0), np.int64), np.full(limits.size, steps.boundary), encoded.states
    for t in range(limits.max() + 1):
        ahead, states = steps.read(read, steps.source(encoded, owners), states)
        ahead += log_p[:, None]
        stops = _among_best(owners, ahead, how.beam_width)[:, steps.boundary]
        _offer(best, owners[stops], prefixes[stops], ahead[stops, steps.boundary], t + 1, ended=True)
        cut = limits[owners] == t
        _offer(best, owners[cut], prefixes[cut], log_p[cut], t, ended=False)
        rows, chosen = _continued(best, owners, ahead[:, : steps.boundary], limits, t, how)
        if rows.size == 0:
            break
        owners, log_p, read = owners[rows], ahead[rows, chosen], chosen
        prefixes, states = np.column_stack([prefixes[rows], chosen]), steps.chosen(states, rows)
    return best.said


def _offer(
    best: _Best, owners: np.ndarray, prefixes: np.ndarray, log_p: np.ndarray, tokens: int, *, ended: bool
) -> None:
    """Offer each sample its best prefix, as it stands."""
    for row in _firsts(owners, log_p):
        score = float(best.how.score(log_p[row], tokens))
        best.offer(int(owners[row]), prefixes[row], float(log_p[row]), score, ended=ended)


def _firsts(owners: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the row with the largest value of each owner."""
    order, rank = _ranked(owners, values)
    return order[rank == 0]


def _ranked(owners: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return places owner by owner, the largest values first, and of each its rank among its owner's."""
    order = np.lexsort((-values, owners))
    first = np.flatnonzero(np.diff(owners[order], prepend=-1))
    return order, np.arange(order.size) - np.repeat(first, np.diff(first, append=order.size))


def _among_best(owners: np.ndarray, ahead: np.ndarray, width: int) -> np.ndarray:
    """Tell which continuations (prefixes, tokens) are among the ``width`` likeliest of their sample."""
    order, rank = _ranked(np.repeat(owners, ahead.shape[1]), ahead.reshape(-1))
    found = np.zeros(ahead.size, bool)
    found[order[rank < width]] = True
    return found.reshape(ahead.shape)


def _continued(
    best: _Best, owners: np.ndarray, ahead: np.ndarray, limits: np.ndarray, t: int, how: Speech
) -> tuple[np.ndarray, np.ndarray]:
    """Return which prefixes go on, by which tokens: the best of each sample that can still win."""
    n_tokens = ahead.shape[1]
    values, owner = ahead.reshape(-1), np.repeat(owners, n_tokens)
    hope = how.score(values, limits[owner] + 1)  # log p only falls, and the longest target divides it by most
    able = (limits[owner] > t) & ((hope > best.scores[owner]) | ~best.said.ended[owner])
    places = np.flatnonzero(able)
    order, rank = _ranked(owner[places], values[places])
    kept = places[order[rank < how.beam_width]]
    return kept // n_tokens, kept % n_tokens
