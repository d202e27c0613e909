"""Recurrent layers, as layers of a network: forward or backward in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ebm.kernels.frames import copy_rows, gather_rows
from ebm.networks.context import Context
from ebm.networks.layer import Parameters, Shape
from ebm.random import Random
from ebm.recurrent.cell import Cell, fitting
from ebm.recurrent.through_time import back_through_time


@dataclass(frozen=True)
class Recurrent:
    """A cell through time: frames (n_frames, n_in) to outputs (n_frames, n_out), packed as ``context.packing`` says.

    Parameters
    ----------
    cell : Cell
    backwards : bool, default=False
        Go from the last frame to the first.
    """

    cell: Cell
    backwards: bool = False

    statistics: ClassVar[tuple[str, ...]] = ()

    @property
    def looks_ahead(self) -> bool:
        """Whether outputs depend on later frames."""
        return self.backwards

    def output_shape(self, shape: Shape) -> Shape:
        """Return the cell's width; frames must be vectors."""
        frames_of_vectors(shape)
        return (self.cell.output_size,)

    def initial(self, shape: Shape, random: Random, dtype: Any) -> dict[str, np.ndarray]:
        """Return the cell's first parameters."""
        return self.cell.initial(shape[0], random, dtype)

    def forward(self, parameters: Parameters, x: Any, context: Context) -> tuple[Any, Any]:
        """Return the outputs at every frame, from states of zero, or those that the context remembers.

        Raises
        ------
        ValueError
            When the context remembers states, and the layer goes backwards: what comes later is not known yet.
        """
        states = context.remembered(fitting(context.packing, x).n, self.cell.state_sizes, x.dtype)
        if states is not None and self.backwards:
            raise ValueError("a layer that goes backwards cannot go on from states: its first frame is the last one")
        y, finals, cache = self.cell.forward(parameters, self._turned(x, context), states, context)
        for state, final in zip(states or (), finals, strict=False):
            copy_rows(final, state)
        return self._turned(y, context), cache

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
        """Write gradients by backpropagation through time, as far as ``context.truncation`` lets."""
        dy = self._turned(dy, context)
        dx, _ = back_through_time(
            self.cell, parameters, cache, dy, None, gradients, context, wants_input=wants_input
        )  # fmt: skip
        return self._turned(dx, context) if wants_input else None

    def _turned(self, frames: Any, context: Context) -> Any:
        return turned(frames, context) if self.backwards else frames


def frames_of_vectors(shape: Shape) -> None:
    """Refuse frames that are no vectors."""
    if len(shape) != 1:
        raise ValueError(f"a recurrent layer takes frames that are vectors, and these have shape {shape}")


def turned(frames: Any, context: Context) -> Any:
    """Return each sequence's frames from the last to the first."""
    out = context.empty(frames.shape, frames.dtype)
    gather_rows(frames, fitting(context.packing, frames).flip, out)
    return out
