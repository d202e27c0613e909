"""Cells on top of one another, with the states that they begin with and end with: for what carries states on itself.

Layer l's outputs are the frames of layer l + 1:  y^0 = x,  (y^l, s^l_T) = cell_l(y^{l-1}, s^l_0),  y = y^L.

A model of sequences starts from states that tell of something (one to many), an encoder hands its last states to a
decoder, and a sampler goes on where its last step ended.

Source: Graves 2013 (arXiv:1308.0850), eqs. 1 to 3 without skip connections; Zaremba, Sutskever & Vinyals 2014
(arXiv:1409.2329), section 3.1: dropout between layers only, never from frame to frame.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from ebm.kernels.frames import copy_rows
from ebm.networks.context import Context
from ebm.networks.dropout import Dropout
from ebm.networks.layer import Parameters
from ebm.networks.sequential import part, prefixed
from ebm.random import Random, Stream
from ebm.recurrent.cell import Cell, States, fitting
from ebm.recurrent.through_time import back_through_time

StackStates = tuple[States, ...]  # of each layer, from below


class StackBackward(NamedTuple):
    """What a backward pass through a stack returns.

    Attributes
    ----------
    dx : array of shape (n_frames, n_in), or None where it is not wanted
    d_states : tuple of tuples of arrays of shape (n, size), or None where they are not wanted
        With respect to the states before the first frames, of each layer.
    """

    dx: Any
    d_states: StackStates | None


class CellStack:
    """Cells one above the other.

    Parameters of cell l stand under its number: "0.input_weights", "0.recurrent_weights", ..., "1.input_weights", ...

    Parameters
    ----------
    cells : iterable of Cell
        At least one, the lowest first.
    dropout : float, default=0.0
        In training each output of a cell reaches the next with probability 1 - dropout (and is then divided by that).

    Raises
    ------
    ValueError
        When there is no cell, or dropout is not in [0, 1).
    """

    def __init__(self, cells: Iterable[Cell], dropout: float = 0.0) -> None:
        self.cells = tuple(cells)
        if not self.cells:
            raise ValueError("cells must be at least one, got none")
        self.dropout = Dropout(dropout)

    def __repr__(self) -> str:
        return f"CellStack([{', '.join(map(repr, self.cells))}], dropout={self.dropout.rate})"

    @property
    def output_size(self) -> int:
        """Width of the output at a frame: the highest cell's."""
        return self.cells[-1].output_size

    @property
    def state_sizes(self) -> tuple[tuple[int, ...], ...]:
        """Widths of the states of each layer."""
        return tuple(cell.state_sizes for cell in self.cells)

    def initial(self, n_in: int, random: Random, dtype: Any) -> dict[str, np.ndarray]:
        """Return first parameters for inputs of this width, by "number.name"."""
        found: dict[str, np.ndarray] = {}
        for number, cell in enumerate(self.cells):
            found |= prefixed(cell.initial(n_in, random.child(Stream.WEIGHTS, number), dtype), f"{number}.")
            n_in = cell.output_size
        return found

    def forward(
        self, parameters: Parameters, x: Any, states: StackStates | None, context: Context
    ) -> tuple[Any, StackStates, Any]:
        """Return the highest outputs at every frame, the states of each layer after the last, and the cache.

        Parameters
        ----------
        parameters : dict of arrays
        x : array of shape (n_frames, n_in)
            Packed as ``context.packing`` says.
        states : tuple of States, or None for zeros everywhere, or what the context remembers
            Before the first frames, a cell's states in the order of the batch.
        context : Context
        """
        finals, caches = [], []
        for number, cell in enumerate(self.cells):
            dropped = None
            if number > 0 and self.dropout.rate > 0:
                x, dropped = self.dropout.forward({}, x, context)
            kept = None if states else context.remembered(fitting(context.packing, x).n, cell.state_sizes, x.dtype)
            begin = states[number] if states else kept
            x, final, cache = cell.forward(part(parameters, f"{number}."), x, begin, context)
            for state, end in zip(kept or (), final, strict=False):
                copy_rows(end, state)
            finals.append(final)
            caches.append((dropped, cache))
        return x, tuple(finals), caches

    def backward(
        self,
        parameters: Parameters,
        cache: Any,
        dy: Any,
        d_finals: StackStates | None,
        gradients: Parameters,
        context: Context,
        *,
        wants_input: bool = True,
        wants_states: bool = False,
    ) -> StackBackward:
        """Write gradients, and return those of the input and of the first states; the cache is used up.

        Parameters
        ----------
        parameters, cache, context
            Of the forward pass.
        dy : array of shape (n_frames, output_size)
        d_finals : tuple of States, or None for zeros
            dL/d states after the last frame, of each layer.
        gradients : dict of arrays
        wants_input, wants_states : bool
        """
        d_states: list[Any] = []
        for number in reversed(range(len(self.cells))):
            own, of_own, (dropped, kept) = part(parameters, f"{number}."), part(gradients, f"{number}."), cache[number]
            d_final = None if d_finals is None else d_finals[number]
            wanted = wants_input or number > 0
            dy, d_first = back_through_time(
                self.cells[number], own, kept, dy, d_final, of_own, context, wants_input=wanted,
                wants_states=wants_states,
            )  # fmt: skip
            if dropped is not None:
                dy = self.dropout.backward({}, dropped, dy, {}, context)
            d_states.insert(0, d_first)
        return StackBackward(dy if wants_input else None, tuple(d_states) if wants_states else None)
