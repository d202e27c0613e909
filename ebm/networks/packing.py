"""How the frames of a batch of sequences stand in one matrix: packed by time, without any padding.

Sequences are ranked by length, the longest first, and row f holds

    time 0: ranks 0 .. active[0] - 1 | time 1: ranks 0 .. active[1] - 1 | ...

so those that are still running at time t are rows ``starts[t]`` to ``starts[t + 1]``, next to each other. What belongs
to whole sequences (states before the first and after the last frame, labels) stands in the order of the batch.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from ebm.device import Device, get_device


class Packing:
    """Where each frame of a batch of sequences stands.

    Parameters
    ----------
    lengths : array of int of shape (n,)
        Frames of each sequence of the batch, at least 1.
    device : str or Device, default="cpu"

    Attributes
    ----------
    n, n_frames, n_times : int
        Sequences, frames of all, and frames of the longest.
    host_active, host_starts : ndarray of int64, (n_times,) and (n_times + 1,)
        On the CPU: how many sequences have a frame at each time, and where the first of these stands.
    active, starts : arrays of int64 on the device
        The same.
    order : array of int64 of shape (n,)
        Number in the batch of the sequence of each rank.
    ends : array of int64 of shape (n + 1,)
        Frames of all sequences of lower rank: how work is shared.
    time, rank : arrays of int64 of shape (n_frames,)
        Time of each row, and the rank of its sequence.
    last : array of int64 of shape (n,)
        The row of each sequence's last frame, in the order of the batch.
    flip : array of int64 of shape (n_frames,)
        The row of the same sequence that is as far from the end as this is from the beginning.
    lengths, host_lengths : array of int64 of shape (n,)
        In the order of the batch, on the device and on the CPU.
    begins : array of int64 of shape (n,)
        Where each sequence begins when one stands after the other, in the order of the batch.
    serial : array of int64 of shape (n_frames,)
        Where each row stands then.
    signature : bytes
        Equal where all of this is equal.

    Raises
    ------
    ValueError
        When there is no sequence, or one without a frame.
    """

    def __init__(self, lengths: Any, device: str | Device = "cpu") -> None:
        given = np.asarray(lengths, np.int64)
        if given.ndim != 1 or given.size == 0 or given.min() < 1:
            raise ValueError(f"lengths must be at least one number of at least 1, got {lengths!r}")
        order = np.argsort(-given, kind="stable")
        ranked = given[order]
        self.n, self.n_frames, self.n_times = given.size, int(given.sum()), int(ranked[0])
        self.host_active = np.searchsorted(-ranked, -np.arange(self.n_times), side="left").astype(np.int64)
        self.host_starts = np.concatenate([[0], np.cumsum(self.host_active)]).astype(np.int64)
        time = np.repeat(np.arange(self.n_times), self.host_active)
        rank = np.arange(self.n_frames) - self.host_starts[time]
        last = np.empty(self.n, np.int64)
        last[order] = self.host_starts[ranked - 1] + np.arange(self.n)
        flip = self.host_starts[ranked[rank] - 1 - time] + rank
        ends = np.concatenate([[0], np.cumsum(ranked)])
        self.signature, self.device = given.tobytes(), get_device(device)
        put = self.device.upload
        self.active, self.starts, self.lengths = put(self.host_active), put(self.host_starts), put(given)
        self.order, self.ends, self.last, self.flip = (put(a, np.int64) for a in (order, ends, last, flip))
        begins = np.cumsum(given) - given
        self.begins, self.serial = put(begins, np.int64), put(begins[order[rank]] + time, np.int64)
        self.host_lengths = given
        self.time, self.rank = put(time, np.int64), put(rank, np.int64)

    @cached_property
    def sequence(self) -> Any:
        """Return the number in the batch of each row's sequence, int64 (n_frames,), on the device."""
        download = self.device.download
        return self.device.upload(download(self.order)[download(self.rank)], np.int64)

    @cached_property
    def after(self) -> Any:
        """Return the row of each row's next frame, -1 after the last one, int64 (n_frames,), on the device."""
        time, rank = (self.device.download(array) for array in (self.time, self.rank))
        time = time + 1
        running = time < self.n_times
        running[running] = rank[running] < self.host_active[time[running]]
        found = np.full(self.n_frames, -1)
        found[running] = self.host_starts[time[running]] + rank[running]
        return self.device.upload(found, np.int64)

    @cached_property
    def before(self) -> Any:
        """Return the row of each row's frame before, -1 before the first one, int64 (n_frames,), on the device."""
        after = self.device.download(self.after)
        found, rows = np.full(self.n_frames, -1), np.flatnonzero(after >= 0)
        found[after[rows]] = rows
        return self.device.upload(found, np.int64)

    @cached_property
    def alone(self) -> Packing:
        """Return the same rows as sequences of one frame each."""
        return Packing(np.ones(self.n_frames, np.int64), self.device)

    def places(self) -> np.ndarray:
        """Return for every row where its frame stands when the sequences come one after the other, on the CPU."""
        found: np.ndarray = self.device.download(self.serial)
        return found

    def pack(self, frames: np.ndarray) -> Any:
        """Return frames that stand one sequence after the other packed by time, on the device."""
        return self.device.upload(frames[self.places()])

    def unpack(self, frames: np.ndarray) -> np.ndarray:
        """Return packed frames, on the CPU, one sequence after the other."""
        out = np.empty_like(frames)
        out[self.places()] = frames
        return out

    def positions(self, sequence: int) -> np.ndarray:
        """Return the rows of one sequence of the batch, in time, on the CPU."""
        places = np.argsort(self.places())
        begins = np.concatenate([[0], np.cumsum(self.device.download(self.lengths))])
        return places[begins[sequence] : begins[sequence + 1]]
