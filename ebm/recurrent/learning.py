"""Learning from sequences of any lengths: mini-batches packed by time, and updates that are replayed where they can be.

Within a mini-batch the longest sequences come first. Batches of the same lengths are the same loops over the same
arrays: such an update is recorded (or captured, on a GPU) and replayed. Where every batch has lengths of its own its
loops run one by one, over memory that is kept from batch to batch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any
from weakref import proxy

import numpy as np

from ebm.device import Device
from ebm.kernels.batch import load_dense
from ebm.kernels.frames import load_frames
from ebm.networks.context import Context
from ebm.networks.descent import Descent
from ebm.networks.packing import Packing
from ebm.optimizers.clipping import Clipping
from ebm.optimizers.optimizer import Optimizer
from ebm.random import Random, Stream
from ebm.recurrent.batch import SequenceBatch, SequenceObjective, SequenceSamples
from ebm.recurrent.truncation import Chunks, check_senses, checked_truncation

SAMPLES_AT_ONCE = 256  # when values of many samples are asked for
MOST_RECORDED = 8  # updates of different lengths that are kept: each has its own arrays
Key = tuple[Any, ...]


class SequenceLearner(Descent):
    """Mini-batch descent on an objective of sequences; satisfies the training loop's protocol `Learner`.

    Parameters
    ----------
    parameters : dict of str to ndarray
        Where learning starts, on the CPU.
    objective : SequenceObjective
    samples : SequenceSamples
    optimizer : Optimizer
    random : Random
        Seeds order and noise.
    n_epochs : int
        Epochs of the whole fit, for the schedules.
    batch_size : int, default=32
        Samples of a mini-batch.
    clipping : Clipping, optional
    device : str or Device, default="cpu"
    truncation : int, optional
        Recurrent layers take what reaches their output at a frame back to so many frames before it, k + 1 in all; to
        the first by default. (For chunks see :func:`ebm.recurrent.chunk_learning.learner_of_sequences`.)

    Attributes
    ----------
    n_batches : int
        Mini-batches in an epoch.
    updates_done : int

    Raises
    ------
    ValueError
        When something does not fit.
    """

    def __init__(
        self,
        parameters: Mapping[str, np.ndarray],
        objective: SequenceObjective,
        samples: SequenceSamples,
        optimizer: Optimizer,
        random: Random,
        *,
        n_epochs: int,
        batch_size: int = 32,
        clipping: Clipping | None = None,
        device: str | Device = "cpu",
        truncation: Any = None,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size!r}")
        if others := sorted(samples.frame_weights.keys() - {objective.frames_of}):
            values = "samples" if objective.frames_of is None else f"frames of {objective.frames_of!r}"
            raise ValueError(f"frame_weights are of {others[0]!r}, but here {values} have a loss: weigh these")
        self._truncation = self._checked(truncation, objective)
        self._samples, self._objective = samples, objective
        self._size = min(batch_size, samples.n_samples)
        self._updates: dict[Key, Callable[..., None]] = {}
        self._seen: Counter[Key] = Counter()
        self._just_seen: Counter[Key] = Counter()
        super().__init__(
            parameters,
            objective.statistics,
            optimizer,
            random,
            n_epochs=n_epochs,
            n_batches=self._most_updates(),
            dtype=samples.dtype,
            clipping=clipping,
            device=device,
        )
        with self._device.active():
            self._place_samples()
        self._loose = self._working(resize=True)

    @staticmethod
    def _checked(truncation: Any, objective: SequenceObjective) -> Any:
        """Return a truncation that this learner knows."""
        found = checked_truncation(truncation)
        if isinstance(found, Chunks):
            raise ValueError(f"SequenceLearner has no chunks, got truncation={truncation!r}; use learner_of_sequences")
        check_senses(objective, found)
        return found

    def _most_updates(self) -> int:
        """Return how many updates an epoch has at most."""
        return -(-self._samples.n_samples // self._size)

    def _place_samples(self) -> None:
        """Put all samples on the device."""
        device, samples, names = self._device, self._samples, self._samples.sequences
        self._frames = {name: device.upload(names[name].frames) for name in names}
        self._begins = {name: device.upload(names[name].starts) for name in names}
        self._extra = {name: device.upload(_floats(array, self._dtype)) for name, array in samples.extra.items()}
        self._order = device.zeros(samples.n_samples, np.int64)
        weighted = self._objective.frames_of
        n = samples.n_samples if weighted is None else samples.sequences[weighted].n_frames
        self._shares = device.zeros((n, 1), self._dtype)

    # ---- what the loop asks ----

    def begin_epoch(self, epoch: int) -> None:
        """Shuffle the samples and take the rates of an epoch (0 is the first)."""
        samples, size = self._samples, self._size
        order = self._random.permutation(samples.n_samples, epoch)
        lengths = samples.main.lengths
        order = np.concatenate([part[np.argsort(-lengths[part], kind="stable")] for part in parts_of(order, size)])
        self._plan = self._planned(order)
        now = Counter(map(self._key, self._plan))  # of two epochs alone: lengths that never come again would pile up
        self._seen, self._just_seen = now + self._just_seen, now
        with self._device.active():
            self._device.write(self._order, order)
            self._device.write(self._shares, self._shares_of(order)[:, None])
        self._begin_epoch(epoch)

    def _planned(self, order: np.ndarray) -> Sequence[Any]:
        """Return of each update of an epoch what decides on its loops: the lengths of all its sequences."""
        return [
            {n: s.lengths[part] for n, s in self._samples.sequences.items()} for part in parts_of(order, self._size)
        ]

    def _key(self, planned: Any) -> Key:
        """Return what is equal for updates with equal loops."""
        return tuple(given.tobytes() for given in planned.values())

    def _follows(self, planned: Any) -> bool:
        """Tell whether an update may be replayed right after the one before; if not, `_before` is called first."""
        return True

    def _before(self, planned: Any) -> None:
        """Do what is no loop of an update."""

    def _shares_of(self, order: np.ndarray) -> np.ndarray:
        """Return what each sample, or frame, in the order of the data, has of its batch's loss."""
        samples, weighted = self._samples, self._objective.frames_of
        weights = samples.main.weights
        totals = weights if weighted is None else _totals(samples, weighted)
        shares = np.zeros(samples.n_samples)  # of a batch without a frame that counts
        for part in parts_of(order, self._size):
            if (total := totals[part].sum()) > 0:
                shares[part] = weights[part] / total
        return shares if weighted is None else samples.weights_of_frames(weighted, shares)

    def update(self, first: int, last: int) -> None:
        """Do the updates of mini-batches [first, last) of this epoch."""
        if first != self._batch:
            self._set_clock(first)
        with self._device.active():
            done = first
            while done < last:
                planned, n = self._plan[done], 1
                while done + n < last and self._goes_on(self._plan[done + n], planned):
                    n += 1
                if not self._follows(planned):
                    self._before(planned)
                self._run(planned, n)
                done += n
        self._device.synchronize()
        self._batch, self.updates_done = last, self.updates_done + last - first

    def _goes_on(self, planned: Any, before: Any) -> bool:
        return self._follows(planned) and self._key(planned) == self._key(before)

    def _run(self, planned: Any, times: int) -> None:
        """Do updates with equal loops."""
        key = self._key(planned)
        if key not in self._updates:
            if self._seen[key] < 2 or len(self._updates) >= MOST_RECORDED:
                places = self._places(planned)
                for _ in range(times):
                    self._update(places, self._loose)
                return
            this, working = proxy(self), self._working()  # a learner that holds itself would keep its arrays
            update = partial(type(self)._update, this, self._places(planned), working)
            self._updates[key] = self._device.capture(update)
        self._updates[key](times)

    def _working(self, *, resize: bool = False) -> Any:
        """Return where updates with equal loops, or loose ones, have their arrays."""
        return self._context(resize=resize, truncation=self._truncation)

    def _context(self, **options: Any) -> Context:
        return Context(self._device, training=True, random=self._random, clock=self._clock, reuse=True, **options)

    def _places(self, planned: Any) -> Any:
        """Return how each of a batch's sequences stand; those of the same lengths share it."""
        made: dict[bytes, Packing] = {}
        for given in planned.values():
            made.setdefault(given.tobytes(), Packing(given, self._device))
        return {name: made[given.tobytes()] for name, given in planned.items()}

    def _update(self, places: Any, working: Any) -> None:
        """Do one update: loops and products alone."""
        context: Context = working
        context.rewind()
        batch = self._load(places, context)
        values = self._objective.gradient(self._named(), batch, self._gradient.views, context)
        self._move(values, batch.weights)

    def _load(self, packings: Mapping[str, Packing], context: Context) -> SequenceBatch:
        found, size = {}, self._size
        for name, data in self._frames.items():
            found[name] = context.empty((packings[name].n_frames, data.shape[1]), data.dtype)
            load_frames(data, self._begins[name], self._order, self._clock, size, packings[name], found[name])
        extra = {name: self._rows(array, packings, context) for name, array in self._extra.items()}
        weighted = self._objective.frames_of
        if weighted is None:
            return SequenceBatch(found, packings, self._rows(self._shares, packings, context).reshape(-1), extra)
        weights = context.empty((packings[weighted].n_frames, 1), self._dtype)
        places = (self._begins[weighted], self._order, self._clock, size, packings[weighted])
        load_frames(self._shares, *places, weights)
        return SequenceBatch(found, packings, weights.reshape(-1), extra)

    def _rows(self, array: Any, packings: Mapping[str, Packing], context: Context) -> Any:
        """Load what belongs to the samples of the batch."""
        n = next(iter(packings.values())).n
        out = context.empty((n, array.shape[1]), array.dtype)
        load_dense(array, self._order, self._clock, self._size, out)
        return out

    # ---- what it has learnt ----

    def loss_of(self, samples: SequenceSamples) -> float:
        """Return the weighted mean loss of other samples, as the parameters stand; its noise is the same every time.

        Raises
        ------
        ValueError
            When all weights of frames are 0.
        """
        total, weight = 0.0, 0.0
        for block, rows in enumerate(parts_of(np.arange(samples.n_samples), SAMPLES_AT_ONCE)):
            some = samples.subset(rows)
            weighted = self._objective.frames_of
            weights = some.main.weights if weighted is None else some.weights_of_frames(weighted, some.main.weights)
            total, weight = total + float(weights @ self._values_of(some, block)), weight + float(weights.sum())
        if weight == 0:
            raise ValueError("frame_weights are 0 for all frames: there is no mean loss")
        return total / weight

    def _values_of(self, samples: SequenceSamples, block: int) -> np.ndarray:
        """Return the value of every sample or frame, in the order of the data."""
        device, weighted = self._device, self._objective.frames_of
        with device.active():
            clock = device.upload(np.array([block, 0], np.uint32))
            context = Context(device, random=self._random.child(Stream.VALIDATION), clock=clock)
            batch = upload_batch(samples, device)
            values = device.download(self._objective.values(self._named(), batch, context))
            return values if weighted is None else batch.packings[weighted].unpack(values)


def upload_batch(samples: SequenceSamples, device: Device) -> SequenceBatch:
    """Return all samples as one batch, without weights."""
    packings = {name: Packing(data.lengths, device) for name, data in samples.sequences.items()}
    frames = {name: packings[name].pack(data.frames) for name, data in samples.sequences.items()}
    extra = {name: device.upload(_floats(array, samples.dtype)) for name, array in samples.extra.items()}
    return SequenceBatch(frames, packings, None, extra)


def parts_of(order: np.ndarray, size: int) -> list[np.ndarray]:
    """Return an order cut into parts of a size, the last perhaps shorter."""
    return [order[top : top + size] for top in range(0, order.size, size)]


def _totals(samples: SequenceSamples, weighted: str) -> np.ndarray:
    """Return the weight of all frames of each sample."""
    starts = samples.sequences[weighted].starts
    return np.add.reduceat(samples.weights_of_frames(weighted, samples.main.weights), starts[:-1])


def _floats(array: np.ndarray, dtype: Any) -> np.ndarray:
    """Return numbers of classes as they are, and all else in the precision of learning."""
    return np.ascontiguousarray(array, None if array.dtype.kind == "i" else dtype)
