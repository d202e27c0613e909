"""Learning from long sequences in chunks: an update after every k1 frames, back through the last k2 of them.

Window j of a batch ends before time e = (j + 1) k1 (or where a sequence ends), and begins at time max(0, e - k2). Its
losses are those of the frames from j k1 on, its gradient goes back to its first frame, and no further: the state before
that is taken as it is. So states go on from window to window, and memory is that of a window however long sequences
are. With k1 >= T an epoch's updates are those of whole backpropagation.

Where k1 = k2, a window begins with the states that ended the one before. Where k2 > k1, windows overlap: after an
update's gradient its first frames go forward once more, by the same weights and with the same noise, to the states
before the next window. These are of the weights at that time, as they are where k1 = k2.

Source: Williams & Peng 1990 (doi:10.1162/neco.1990.2.4.490), BPTT(h; h') with h = k2 and h' = k1; Sutskever 2013,
"Training recurrent neural networks", section 2.8.6.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ebm.kernels.chunks import load_chunk
from ebm.kernels.frames import copy_rows
from ebm.networks.context import Context, Memory
from ebm.networks.packing import Packing
from ebm.optimizers.optimizer import Optimizer
from ebm.random import Random
from ebm.recurrent.batch import SequenceBatch, SequenceObjective, SequenceSamples
from ebm.recurrent.learning import Key, SequenceLearner, parts_of
from ebm.recurrent.truncation import Chunks, check_senses, checked_truncation


@dataclass(frozen=True, eq=False)
class Window:
    """What one update is of.

    Attributes
    ----------
    top : int
        Where the batch begins in the epoch's order of samples.
    begin : int
        Time of the first frame.
    lengths : ndarray of int64
        Frames of each sequence that has new ones, the longest first.
    known : int
        Frames at the beginning whose losses belong to windows before.
    advance : int
        Frames to the beginning of the next window.
    """

    top: int
    begin: int
    lengths: np.ndarray
    known: int
    advance: int


class Placed(NamedTuple):
    """How a window's frames stand, those before the next window alike, and how many are known."""

    packing: Packing
    ahead: Packing | None
    known: int


class Working(NamedTuple):
    """Where a window's pass, and that to the next window's beginning, have their arrays."""

    window: Context
    ahead: Context


class ChunkLearner(SequenceLearner):
    """Descent on an objective of long sequences, an update for every chunk of a batch; otherwise a `SequenceLearner`.

    Parameters
    ----------
    parameters, objective, samples, optimizer, random, **options
        See `SequenceLearner`.
    truncation : Chunks

    Attributes
    ----------
    n_batches : int
        Updates of this epoch: the chunks of the longest sequence of each batch, so epochs differ.

    Raises
    ------
    ValueError
        When the objective has no output at every frame, the network reads from both ends, or samples have what does
        not go along with their frames.
    """

    def __init__(
        self,
        parameters: Mapping[str, np.ndarray],
        objective: SequenceObjective,
        samples: SequenceSamples,
        optimizer: Optimizer,
        random: Random,
        *,
        truncation: Any,
        **options: Any,
    ) -> None:
        self._checked(truncation, objective)
        lengths = samples.main.lengths
        if samples.extra:
            raise ValueError(f"chunks are of sequences alone, but samples have {', '.join(samples.extra)} as wholes")
        if any(not np.array_equal(data.lengths, lengths) for data in samples.sequences.values()):
            raise ValueError(f"chunks need sequences of equal lengths, but {', '.join(samples.sequences)} differ")
        self._memory = Memory()
        super().__init__(parameters, objective, samples, optimizer, random, truncation=truncation, **options)

    @staticmethod
    def _checked(truncation: Any, objective: SequenceObjective) -> Any:
        found = checked_truncation(truncation)
        if not isinstance(found, Chunks):
            raise ValueError(f"ChunkLearner takes truncation=(k1, k2), got {truncation!r}")
        check_senses(objective, found)
        return found

    def _most_updates(self) -> int:
        """Return the chunks of the longest sequences, one in each batch."""
        n_batches = super()._most_updates()
        longest = np.sort(self._samples.main.lengths)[::-1][:n_batches]
        return int((-(-longest // self._truncation.k1)).sum())

    def _place_samples(self) -> None:
        super()._place_samples()
        self._windows = self._device.zeros((self.n_batches, 2), np.int64)

    # ---- an epoch ----

    def _planned(self, order: np.ndarray) -> Sequence[Any]:
        lengths, found, top = self._samples.main.lengths, list[Window](), 0
        for part in parts_of(order, self._size):
            found += _windows_of(lengths[part], top, self._truncation)
            top += part.size
        self.n_batches = len(found)
        table = np.zeros(self._windows.shape, np.int64)
        table[: len(found)] = [(window.top, window.begin) for window in found]
        with self._device.active():
            self._device.write(self._windows, table)
        return found

    def _shares_of(self, order: np.ndarray) -> np.ndarray:
        """Return what each frame, in the order of the data, has of the loss of the window in which it is new."""
        samples, k1 = self._samples, self._truncation.k1
        weights = samples.weights_of_frames(samples_name(self._objective), samples.main.weights)
        starts, found = samples.main.starts, np.empty(weights.size)
        for part in parts_of(order, self._size):
            rows = np.concatenate([np.arange(starts[s], starts[s + 1]) for s in part])
            number = np.concatenate([np.arange(starts[s + 1] - starts[s]) // k1 for s in part])
            totals = np.maximum(np.bincount(number, weights[rows]), np.finfo(float).tiny)
            found[rows] = weights[rows] / totals[number]
        return found

    def _key(self, planned: Any) -> Key:
        return planned.lengths.tobytes(), planned.known, planned.advance

    def _follows(self, planned: Any) -> bool:
        return bool(planned.begin or planned.known)

    def _before(self, planned: Any) -> None:
        """Begin a batch with states of zero."""
        self._memory.forget()

    # ---- an update ----

    def _working(self, *, resize: bool = False) -> Working:
        k1, k2 = self._truncation
        window = self._context(resize=resize, memory=self._memory, holds=k2 > k1)
        return Working(window, self._context(resize=resize, memory=self._memory))

    def _places(self, planned: Any) -> Placed:
        packing, ahead = Packing(planned.lengths, self._device), None
        if planned.advance and self._truncation.k2 > self._truncation.k1:
            ahead = Packing(np.minimum(planned.lengths, planned.advance), self._device)
        return Placed(packing, ahead, planned.known)

    def _update(self, places: Any, working: Any) -> None:
        """Do one update: loops and products alone."""
        window, ahead = working
        window.rewind()
        ahead.rewind()
        batch = self._load_window(places, window)
        values = self._objective.gradient(self._named(), batch, self._gradient.views, window)
        if places.ahead is not None:  # its frames are the first rows of the window
            first, packing = {name: rows[: places.ahead.n_frames] for name, rows in batch.frames.items()}, places.ahead
            short = SequenceBatch(first, dict.fromkeys(first, packing), batch.weights[: packing.n_frames])
            self._objective.values(self._weights.views | self._statistics_apart(ahead), short, ahead)
        self._move(values, batch.weights)

    def _statistics_apart(self, context: Context) -> dict[str, Any]:
        """Return copies of what passes move, for one that repeats frames: they must not count twice."""
        found = {}
        for name, array in self._statistics.items():
            found[name] = context.empty(array.shape, array.dtype)
            copy_rows(array.reshape(1, -1), found[name].reshape(1, -1))
        return found

    def _load_window(self, places: Placed, context: Context) -> SequenceBatch:
        packing, found = places.packing, {}
        for name, data in self._frames.items():
            found[name] = context.empty((packing.n_frames, data.shape[1]), data.dtype)
            load_chunk(data, self._begins[name], *self._where, packing, found[name])
        weights, begins = context.empty((packing.n_frames, 1), self._dtype), next(iter(self._begins.values()))
        load_chunk(self._shares, begins, *self._where, packing, weights, known=places.known)
        return SequenceBatch(found, dict.fromkeys(found, packing), weights.reshape(-1))

    @property
    def _where(self) -> tuple[Any, Any, Any]:
        return self._order, self._windows, self._clock


def learner_of_sequences(
    parameters: Mapping[str, np.ndarray],
    objective: SequenceObjective,
    samples: SequenceSamples,
    optimizer: Optimizer,
    random: Random,
    *,
    truncation: int | tuple[int, int] | None = None,
    **options: Any,
) -> SequenceLearner:
    """Return the learner for a truncation of backpropagation through time.

    Parameters
    ----------
    parameters, objective, samples, optimizer, random, **options
        See `SequenceLearner`.
    truncation : None, int, or (int, int)
        None: gradients go back to the first frame. k >= 0: the loss of every frame (or, many to one, of the last) goes
        back through k frames before its own, in each recurrent layer. (k1, k2) with 1 <= k1 <= k2: an update after
        every k1 frames of a batch, whose losses go back through the last k2, see `ebm.recurrent.chunk_learning`.

    Returns
    -------
    SequenceLearner

    Raises
    ------
    ValueError
        When the truncation is none of these, or has no meaning for the objective.
    """
    found = checked_truncation(truncation)
    kind = ChunkLearner if isinstance(found, Chunks) else SequenceLearner
    return kind(parameters, objective, samples, optimizer, random, truncation=found, **options)


def samples_name(objective: SequenceObjective) -> str:
    """Return the name of the sequences whose every frame has a value; ValueError where there are none."""
    if objective.frames_of is None:
        raise ValueError("chunks need an objective with a value for every frame")
    return objective.frames_of


def _windows_of(lengths: np.ndarray, top: int, chunks: Chunks) -> list[Window]:
    """Return the windows of a batch, the longest sequence first."""
    (k1, k2), found = chunks, []
    for fresh in range(0, int(lengths[0]), k1):
        begin, end = max(0, fresh + k1 - k2), fresh + k1
        inside = lengths[lengths > fresh]
        advance = max(0, end + k1 - k2) - begin if lengths[0] > end else 0
        found.append(Window(top, begin, np.minimum(inside, end) - begin, fresh - begin, advance))
    return found
