"""Networks that read sequences from both ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ebm.kernels.frames import scatter_rows
from ebm.kernels.joining import join, take_left, take_right
from ebm.networks.context import Context
from ebm.networks.layer import Parameters, Shape
from ebm.networks.packing import Packing
from ebm.networks.sequential import part, prefixed
from ebm.random import Random, Stream
from ebm.recurrent.cell import Cell, fitting
from ebm.recurrent.layer import frames_of_vectors, turned
from ebm.recurrent.through_time import back_through_time

DIRECTIONS = ("forward", "backward")


class Passed(NamedTuple):
    """What the passes of a layer share: each direction's cache."""

    packing: Packing
    forward: Any
    backward: Any


@dataclass(frozen=True)
class Bidirectional:
    """A cell through time in both directions, each with parameters of its own: (n_frames, n_in) to (n_frames, 2 m).

    At a frame of time t the output is [forward, backward]: the left half has read the frames up to t, the right one
    those from t to the end of the sequence.

    Parameters
    ----------
    cell : Cell

    Notes
    -----
    Parameters are the cell's, as "forward.name" and "backward.name".

    Source: Schuster & Paliwal 1997 (doi:10.1109/78.650093).
    """

    cell: Cell

    statistics: ClassVar[tuple[str, ...]] = ()
    looks_ahead: ClassVar[bool] = True

    def output_shape(self, shape: Shape) -> Shape:
        """Return twice the cell's width; frames must be vectors."""
        frames_of_vectors(shape)
        return (2 * self.cell.output_size,)

    def initial(self, shape: Shape, random: Random, dtype: Any) -> dict[str, np.ndarray]:
        """Return first parameters of both directions, drawn apart."""
        found: dict[str, np.ndarray] = {}
        for k, name in enumerate(DIRECTIONS):
            found |= prefixed(self.cell.initial(shape[0], random.child(Stream.WEIGHTS, k), dtype), f"{name}.")
        return found

    def forward(self, parameters: Parameters, x: Any, context: Context) -> tuple[Any, Any]:
        """Return both outputs at every frame, from states of zero.

        Raises
        ------
        ValueError
            When the context remembers states: what comes later is not known yet.
        """
        packing = fitting(context.packing, x)
        if context.remembers:
            raise ValueError("a bidirectional layer cannot go on from states: it reads sequences from their ends, too")
        ahead, _, cache = self.cell.forward(part(parameters, "forward."), x, None, context)
        back, _, other = self.cell.forward(part(parameters, "backward."), turned(x, context), None, context)
        out = context.empty((x.shape[0], 2 * self.cell.output_size), x.dtype)
        join(ahead, turned(back, context), out)
        return out, Passed(packing, cache, other)

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
        """Write both directions' gradients, and return the sum of those of the frames where it is wanted."""
        shape = (dy.shape[0], self.cell.output_size)
        d_ahead, d_back = context.empty(shape, dy.dtype), context.empty(shape, dy.dtype)
        take_left(dy, d_ahead)
        take_right(dy, d_back)
        found = []
        for name, kept, above in zip(DIRECTIONS, cache[1:], (d_ahead, turned(d_back, context)), strict=True):
            own, of_own = part(parameters, f"{name}."), part(gradients, f"{name}.")
            given = (self.cell, own, kept, above, None, of_own, context)
            found.append(back_through_time(*given, wants_input=wants_input).dx)
        if wants_input:
            scatter_rows(found[1], cache.packing.flip, found[0], add=True)
        return found[0]
