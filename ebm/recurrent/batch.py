"""What there is to learn from, where samples are sequences; and a mini-batch of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from ebm.networks.context import Context
from ebm.networks.layer import Parameters
from ebm.networks.packing import Packing
from ebm.sequences import TOKENS, SequenceData


@dataclass(frozen=True, eq=False)
class SequenceSamples:
    """Samples that consist of one sequence or more, and of what else belongs to them.

    Attributes
    ----------
    sequences : dict of str to SequenceData
        By name. The weights of the first are those of the samples. Mini-batches go by its lengths.
    extra : dict of str to ndarray of shape (n_samples, m)
        Labels or targets of whole samples.
    frame_weights : dict of str to ndarray of shape (n_frames,)
        Weights of single frames beside those of the samples, by the name of their sequences; ones by default. Learners
        take them of the sequences whose every frame has a value (`SequenceObjective.frames_of`).
    dtype : dtype
        float32 or float64: what is computed in, and what frames are where they are no tokens.

    Raises
    ------
    ValueError
        When numbers of samples or frames differ, frames are of another dtype, or weights are of no sequence.
    """

    sequences: Mapping[str, SequenceData]
    extra: Mapping[str, np.ndarray] = field(default_factory=dict)
    frame_weights: Mapping[str, np.ndarray] = field(default_factory=dict)
    dtype: Any = np.float32

    def __post_init__(self) -> None:
        """Refuse what is of other samples: loops would read beyond its end."""
        n = self.n_samples
        for name, data in self.sequences.items():
            if data.n_samples != n:
                raise ValueError(f"{name} has {data.n_samples} sequences, but there are {n} samples")
        for name, array in self.extra.items():
            if array.ndim != 2 or len(array) != n:
                raise ValueError(f"{name} has shape {array.shape}, but {n} samples need ({n}, m)")
        for name, weights in self.frame_weights.items():
            if name not in self.sequences:
                raise ValueError(f"frame_weights are of {name!r}, but sequences are {', '.join(self.sequences)}")
            if weights.shape != self.sequences[name].frames.shape[:1]:
                raise ValueError(f"{name} has {self.sequences[name].n_frames} frames, but {weights.shape} weights")
        for name, data in self.sequences.items():
            if data.dtype not in (self.dtype, TOKENS):
                raise ValueError(
                    f"{name} has {data.dtype} frames, but dtype is {np.dtype(self.dtype)}; give both alike"
                )

    @property
    def main(self) -> SequenceData:
        """The first of the sequences."""
        return next(iter(self.sequences.values()))

    @property
    def n_samples(self) -> int:
        """Samples."""
        return self.main.n_samples

    def subset(self, which: np.ndarray) -> SequenceSamples:
        """Return some samples, in the order of their numbers ``which``."""
        weights = {}
        for name, given in self.frame_weights.items():
            starts = self.sequences[name].starts
            weights[name] = np.concatenate([given[starts[s] : starts[s + 1]] for s in which])
        return SequenceSamples(
            {name: data.subset(which) for name, data in self.sequences.items()},
            {name: array[which] for name, array in self.extra.items()},
            weights,
            self.dtype,
        )

    def weights_of_frames(self, name: str, shares: np.ndarray) -> np.ndarray:
        """Return a weight for every frame: its sample's, times its own; float64."""
        per_frame = np.repeat(shares, self.sequences[name].lengths)
        return per_frame * self.frame_weights[name] if name in self.frame_weights else per_frame


@dataclass(frozen=True)
class SequenceBatch:
    """Samples of one update, in the order of the batch.

    Attributes
    ----------
    frames : dict of str to array of shape (n_frames, n_features)
        Packed as ``packings`` says.
    packings : dict of str to Packing
    weights : array
        Shares of what the objective has a value for, with sum 1: samples (n,), or frames (n_frames,), packed.
    extra : dict of str to array of shape (n, m)
    """

    frames: Mapping[str, Any]
    packings: Mapping[str, Packing]
    weights: Any
    extra: Mapping[str, Any] = field(default_factory=dict)

    def tokens(self, name: str) -> Any:
        """Return sequences of tokens as a vector of numbers, int64 (n_frames,), packed."""
        return self.frames[name].reshape(-1)


class SequenceObjective(Protocol):
    """A loss L = sum weights values, over samples or over frames, to be made small."""

    @property
    def statistics(self) -> tuple[str, ...]:
        """Parameters that no gradient moves (see `Layer`)."""
        ...

    @property
    def frames_of(self) -> str | None:
        """Name of the sequences whose every frame has a value; None where every sample has one."""
        ...

    def gradient(self, parameters: Parameters, batch: SequenceBatch, gradients: Parameters, context: Context) -> Any:
        """Write dL / d parameters into ``gradients``, by kernels alone, and return the values."""
        ...

    def values(self, parameters: Parameters, batch: SequenceBatch, context: Context) -> Any:
        """Return the values only."""
        ...
