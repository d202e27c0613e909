"""A network for sequences in two named parts: what reads them, and what makes answers of what was read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ebm.networks.context import Context
from ebm.networks.layer import Parameters, Shape
from ebm.networks.sequential import Sequential, part, prefixed
from ebm.random import Random, Stream


@dataclass(frozen=True)
class RecurrentNetwork:
    """head(body(x)), a layer itself: from packed frames to an answer for every sequence, or for every frame.

    Parameters of the parts stand under "body." and "head.".

    Parameters
    ----------
    n_in : int
        Width of a frame.
    body : Sequential
        Recurrent layers, and for many to one what is read of their outputs: the features of a sequence.
    head : Sequential
        Layers without a memory.
    """

    n_in: int
    body: Sequential
    head: Sequential

    @property
    def statistics(self) -> tuple[str, ...]:
        """Those of both parts."""
        return (*(f"body.{n}" for n in self.body.statistics), *(f"head.{n}" for n in self.head.statistics))

    @property
    def n_features(self) -> int:
        """Width of what the body gives."""
        return self.body.output_shape((self.n_in,))[0]

    def output_shape(self, shape: Shape) -> Shape:
        """Return the head's."""
        return self.head.output_shape(self.body.output_shape(shape))

    def initial(self, shape: Shape, random: Random, dtype: Any) -> dict[str, np.ndarray]:
        """Return first parameters of both parts."""
        own = self.body.initial(shape, random, dtype)
        above = self.head.initial(self.body.output_shape(shape), random.child(Stream.HEAD), dtype)
        return prefixed(own, "body.") | prefixed(above, "head.")

    def forward(self, parameters: Parameters, x: Any, context: Context) -> tuple[Any, Any]:
        """Return the head's output and the caches of both."""
        features, below = self.body.forward(part(parameters, "body."), x, context)
        y, above = self.head.forward(part(parameters, "head."), features, context)
        return y, (below, above)

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
        """Write the gradients of both parts, and return dx where it is wanted."""
        below, above = cache
        d_features = self.head.backward(part(parameters, "head."), above, dy, part(gradients, "head."), context)
        own, of_own = part(parameters, "body."), part(gradients, "body.")
        return self.body.backward(own, below, d_features, of_own, context, wants_input=wants_input)
