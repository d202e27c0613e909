"""The mean over a sequence's frames, as a layer: many to one where every frame tells something."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ebm.kernels.sequence_means import mean_frames, spread_means
from ebm.networks.context import Context
from ebm.networks.layer import Parameters, Shape
from ebm.random import Random
from ebm.recurrent.cell import fitting
from ebm.recurrent.layer import frames_of_vectors


@dataclass(frozen=True)
class MeanFrame:
    """(1/T) sum_t x_t of every sequence, (n_frames, m) to (n, m)."""

    statistics: ClassVar[tuple[str, ...]] = ()

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape that comes in; frames must be vectors."""
        frames_of_vectors(shape)
        return shape

    def initial(self, shape: Shape, random: Random, dtype: Any) -> dict[str, np.ndarray]:
        """Return nothing: there are no parameters."""
        return {}

    def forward(self, parameters: Parameters, x: Any, context: Context) -> tuple[Any, Any]:
        """Return the means in the order of the batch, and the packing as the cache."""
        packing = fitting(context.packing, x)
        out = context.empty((packing.n, x.shape[1]), x.dtype)
        mean_frames(x, packing, out)
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
        """Return the gradient of all frames: that of the mean, shared out."""
        if not wants_input:
            return None
        dx = context.empty((cache.n_frames, dy.shape[1]), dy.dtype)
        spread_means(dy, cache, dx)
        return dx
