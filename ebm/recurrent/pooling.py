"""Many to one: what is read of a whole sequence, as layers from packed frames (n_frames, m) to rows (n, m)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ebm.kernels.ends import put_ends, take_ends
from ebm.kernels.frames import clear_rows, gather_rows, scatter_rows
from ebm.kernels.sequence_means import mean_frames, spread_means
from ebm.networks.context import Context
from ebm.networks.layer import Parameters, Shape
from ebm.networks.packing import Packing
from ebm.random import Random
from ebm.recurrent.cell import fitting
from ebm.recurrent.layer import frames_of_vectors


class Pooling(ABC):
    """What such layers share: no parameters, and a linear map whose transpose is the way back."""

    statistics: ClassVar[tuple[str, ...]] = ()

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape that comes in; ValueError where frames are no vectors."""
        frames_of_vectors(shape)
        return shape

    def initial(self, shape: Shape, random: Random, dtype: Any) -> dict[str, np.ndarray]:
        """Return nothing: there are no parameters."""
        return {}

    def forward(self, parameters: Parameters, x: Any, context: Context) -> tuple[Any, Any]:
        """Return a row for every sequence, in the order of the batch, and the packing as the cache."""
        packing = fitting(context.packing, x)
        out = context.empty((packing.n, x.shape[1]), x.dtype)
        self._take(x, packing, out)
        return out, packing

    def backward(
        self,
        parameters: Parameters,
        cache: Any,
        dy: Any,
        gradients: Parameters,
        context: Context,
        *,
        wants_input: bool = True,
    ) -> Any:
        """Return the gradient of all frames where it is wanted."""
        if not wants_input:
            return None
        dx = context.empty((cache.n_frames, dy.shape[1]), dy.dtype)
        self._put(dy, cache, dx)
        return dx

    @abstractmethod
    def _take(self, x: Any, packing: Packing, out: Any) -> None:
        """Write what is read of the frames."""

    @abstractmethod
    def _put(self, dy: Any, packing: Packing, dx: Any) -> None:
        """Write the gradient of every frame."""


@dataclass(frozen=True)
class LastFrame(Pooling):
    """The last frame of every sequence."""

    def _take(self, x: Any, packing: Packing, out: Any) -> None:
        gather_rows(x, packing.last, out)

    def _put(self, dy: Any, packing: Packing, dx: Any) -> None:
        clear_rows(dx)
        scatter_rows(dy, packing.last, dx)


@dataclass(frozen=True)
class BothEnds(Pooling):
    """What a `Bidirectional` layer knows of whole sequences, of width 2 m.

    The left half is the forward direction's at the last frame, the right half the backward direction's at the first
    one: where each has read everything, which is what torch returns as the last layer's ``h_n``. (`LastFrame` would
    take the backward direction where it has read a single frame.)
    """

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape that comes in; ValueError where it has no two halves."""
        super().output_shape(shape)
        if shape[0] % 2:
            raise ValueError(f"both ends are halves of a frame, of two directions, but frames have width {shape[0]}")
        return shape

    def _take(self, x: Any, packing: Packing, out: Any) -> None:
        take_ends(x, packing, out)

    def _put(self, dy: Any, packing: Packing, dx: Any) -> None:
        put_ends(dy, packing, dx)


@dataclass(frozen=True)
class MeanFrame(Pooling):
    """(1/T) sum_t x_t of every sequence."""

    def _take(self, x: Any, packing: Packing, out: Any) -> None:
        mean_frames(x, packing, out)

    def _put(self, dy: Any, packing: Packing, dx: Any) -> None:
        spread_means(dy, packing, dx)
