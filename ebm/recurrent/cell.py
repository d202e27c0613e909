"""What a cell is: how a recurrent layer's state goes from frame to frame, through whole sequences at once.

A cell is given the frames of a batch, packed by time (`ebm.networks.packing`, the context's ``packing``), and the
states before the first ones; it returns its output at every frame, and the states after the last. Products that do not
wait for the recurrence are made for all frames together: those with the input before, and weight gradients after.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ebm.kernels.frames import copy_rows, gather_rows
from ebm.kernels.sequence_masks import draw_masks
from ebm.networks.context import Context
from ebm.networks.initial import initial_weights, side_by_side
from ebm.networks.layer import Parameters
from ebm.networks.packing import Packing
from ebm.networks.panels import packed
from ebm.networks.ranges import count_from, rate_within
from ebm.random import Random, Stream
from ebm.recurrent.products import project_inputs, weight_gradients

States = tuple[Any, ...]  # arrays (n, size) in the order of the batch, the output's first


class Backward(NamedTuple):
    """What a backward pass returns.

    Attributes
    ----------
    dx : array of shape (n_frames, n_in), or None where it is not wanted
    d_states : tuple of arrays of shape (n, size), or None where they are not wanted
        With respect to the states before the first frames.
    """

    dx: Any
    d_states: States | None


class Cell(ABC):
    """What all cells offer."""

    @property
    @abstractmethod
    def state_sizes(self) -> tuple[int, ...]:
        """Widths of the states that are handed on from frame to frame; the first begins with what is put out."""

    @property
    @abstractmethod
    def output_size(self) -> int:
        """Width of the output at a frame."""

    @abstractmethod
    def initial(self, n_in: int, random: Random, dtype: Any) -> dict[str, np.ndarray]:
        """Return first parameters for inputs of this width."""

    @abstractmethod
    def forward(
        self, parameters: Parameters, x: Any, states: States | None, context: Context
    ) -> tuple[Any, States, Any]:
        """Return the output at every frame, the states after the last, and the cache.

        Parameters
        ----------
        parameters : dict of arrays
        x : array of shape (n_frames, n_in)
            Packed as ``context.packing`` says.
        states : tuple of arrays of shape (n, size), or None for zeros
        context : Context
        """

    @abstractmethod
    def backward(
        self,
        parameters: Parameters,
        cache: Any,
        dy: Any,
        d_states: States | None,
        gradients: Parameters,
        context: Context,
        *,
        wants_input: bool = True,
        wants_states: bool = False,
    ) -> Backward:
        """Write gradients, and return those of the input and of the first states; the cache is used up.

        ``d_states`` are dL/d states after the last frame (None for zeros). Without ``gradients`` (an empty dict) those
        of parameters and of the input are left out.
        """

    @abstractmethod
    def alone(self, cache: Any, packing: Packing, context: Context) -> Any:
        """Return a cache of the same pass in which every frame is a sequence of its own (``packing.alone``).

        What a backward pass uses up is copied, so that ``cache`` stays as it is.
        """


class Dropped(NamedTuple):
    """What products see of the state before a frame.

    Attributes
    ----------
    masks : array of shape (n, units), or (0, units) where nothing is dropped
        m of each sequence of the batch.
    seen : array of shape (n_frames, units)
        m h_{t-1}; without masks h_{t-1} itself, the same array as the cell's ``previous``.
    """

    masks: Any
    seen: Any


class Gates(NamedTuple):
    """What a gated cell's passes share.

    Attributes
    ----------
    x : array of shape (n_frames, n_in)
    pre : array of shape (n_frames, columns)
        Pre-activations of all gates, then what a backward pass needs, then their gradients.
    previous : array of shape (n_frames, units)
        The output's state before every frame.
    dropped : Dropped
        What products saw of it.
    packing : Packing
    saved : tuple
        What else the cell keeps.
    """

    x: Any
    pre: Any
    previous: Any
    dropped: Dropped
    packing: Packing
    saved: tuple[Any, ...]


@dataclass(frozen=True)
class GatedCell(Cell):
    """A cell whose pre-activations are a = x U + h W + b, of one or more gates side by side.

    Parameters are ``input_weights`` U (n_in, gates units), ``recurrent_weights`` W (units, gates units) and ``bias``.

    Parameters
    ----------
    units : int
        Width of a state.
    init : str, default="glorot"
        How input weights are drawn, see :func:`ebm.networks.initial.initial_weights`.
    recurrent_init : str, default="orthogonal"
        The same for each gate's recurrent weights.
    recurrent_dropout : float, default=0.0
        Rate in [0, 1) of variational dropout: in training W sees m h_{t-1}, with a mask m of 0 and 1 / (1 - rate) that
        is drawn once for each sequence (Gal & Ghahramani 2016, arXiv:1512.05287, section 4).

    Raises
    ------
    ValueError
        When a number is out of range.
    """

    units: int
    init: str = "glorot"
    recurrent_init: str = "orthogonal"
    recurrent_dropout: float = 0.0

    n_gates: ClassVar[int] = 1
    n_states: ClassVar[int] = 1

    def __post_init__(self) -> None:
        """Refuse a number of units below 1, and what is no rate."""
        count_from("units", self.units)
        rate_within("recurrent_dropout", self.recurrent_dropout, below_one=True)

    @property
    def state_sizes(self) -> tuple[int, ...]:
        """``units``, for every state."""
        return (self.units,) * self.n_states

    @property
    def output_size(self) -> int:
        """``units``."""
        return self.units

    def initial(self, n_in: int, random: Random, dtype: Any) -> dict[str, np.ndarray]:
        """Return U, W with every gate drawn by itself, and a bias of 0."""
        n, gates = self.units, range(self.n_gates)
        inputs = [initial_weights((n_in, n), n_in, n, random, dtype, self.init, number=2 * k) for k in gates]
        states = [initial_weights((n, n), n, n, random, dtype, self.recurrent_init, number=2 * k + 1) for k in gates]
        return {
            "input_weights": side_by_side(inputs, random),
            "recurrent_weights": side_by_side(states, random),
            "bias": np.zeros(n * self.n_gates, dtype),
        }

    def forward(
        self, parameters: Parameters, x: Any, states: States | None, context: Context
    ) -> tuple[Any, States, Any]:
        """Return the output at every frame, the states after the last, and the cache; see `Cell`."""
        fitting(context.packing, x)
        pre = project_inputs(parameters, x, self.units * self.n_gates, context)
        return self.through_time(parameters, x, pre, states, context)

    def through_time(
        self, parameters: Parameters, x: Any, pre: Any, states: States | None, context: Context
    ) -> tuple[Any, States, Gates]:
        """Return what `forward` does, given x U + b (and whatever else a cell around this one adds), used up."""
        packing = fitting(context.packing, x)
        shape = (packing.n_frames, self.units)
        previous, hidden = context.empty(shape, x.dtype), context.empty(shape, x.dtype)
        finals = tuple(context.empty((packing.n, size), x.dtype) for size in self.state_sizes)
        given = begun(states, self.state_sizes, packing, x, context)
        dropped = self._dropped(previous, packing, context)
        saved = self._advance(parameters, pre, given, previous, dropped, hidden, finals, packing, context)
        return hidden, finals, Gates(x, pre, previous, dropped, packing, saved)

    def _dropped(self, previous: Any, packing: Packing, context: Context) -> Dropped:
        if not (context.training and self.recurrent_dropout):
            return Dropped(previous[:0], previous)
        masks = context.empty((packing.n, self.units), previous.dtype)
        draw_masks(self.recurrent_dropout, context.noise(Stream.RECURRENT_DROPOUT), masks)
        return Dropped(masks, context.empty(previous.shape, previous.dtype))

    def backward(
        self,
        parameters: Parameters,
        cache: Any,
        dy: Any,
        d_states: States | None,
        gradients: Parameters,
        context: Context,
        *,
        wants_input: bool = True,
        wants_states: bool = False,
    ) -> Backward:
        """Write gradients, and return those of the input and of the first states; see `Cell`."""
        x, packing = cache.x, cache.packing
        given = d_states or none(self.state_sizes, x.dtype, context)
        rows = packing.n if wants_states else 0
        d_initial = tuple(context.empty((rows, size), x.dtype) for size in self.state_sizes)
        self._retreat(parameters, cache, dy, given, d_initial, gradients, context)
        if not gradients:
            return Backward(None, d_initial if wants_states else None)
        dx = self._weight_gradients(parameters, cache, gradients, context, wants_input=wants_input)
        return Backward(dx, d_initial if wants_states else None)

    def alone(self, cache: Gates, packing: Packing, context: Context) -> Gates:
        """Return a cache in which every frame is a sequence of its own; see `Cell`."""
        dropped = cache.dropped
        if dropped.masks.shape[0] > 0:
            masks = context.empty(cache.previous.shape, cache.previous.dtype)
            gather_rows(dropped.masks, packing.sequence, masks)
            dropped = dropped._replace(masks=masks)
        return cache._replace(pre=copied(cache.pre, context), dropped=dropped, packing=packing.alone)

    @abstractmethod
    def _advance(
        self, parameters: Parameters, pre: Any, states: States, previous: Any, dropped: Dropped, hidden: Any,
        finals: States, packing: Packing, context: Context,
    ) -> tuple[Any, ...]:  # fmt: skip
        """Go through time: write ``previous``, ``dropped.seen``, ``hidden`` and ``finals``.

        Returns what backward needs besides.
        """

    @abstractmethod
    def _retreat(
        self, parameters: Parameters, cache: Gates, dy: Any, d_states: States, d_initial: States,
        gradients: Parameters, context: Context,
    ) -> None:  # fmt: skip
        """Go back: turn ``cache.pre`` into gradients of pre-activations, and write ``d_initial`` where it has rows.

        The cell's own gradients are written here, where there are ``gradients``; those of U, W and b are not.
        """

    def _weight_gradients(
        self, parameters: Parameters, cache: Gates, gradients: Parameters, context: Context, *, wants_input: bool
    ) -> Any:
        """Write dU, dW and db of gradients of pre-activations, and return dx where it is wanted."""
        return weight_gradients(
            parameters, cache.x, cache.dropped.seen, cache.pre, gradients, context, wants_input=wants_input
        )


def fitting(packing: Packing | None, x: Any) -> Packing:
    """Return the packing of x; ValueError where there is none, or it is another's."""
    if packing is None:
        raise ValueError("a recurrent layer needs to know which rows follow one another: set the context's packing")
    if x.shape[0] != packing.n_frames:
        raise ValueError(f"x has {x.shape[0]} rows, but the packing has {packing.n_frames} frames")
    return packing


def begun(states: States | None, sizes: tuple[int, ...], packing: Packing, like: Any, context: Context) -> States:
    """Return the states before first frames, those without rows for None; ValueError for others than there must be."""
    if not states:
        return none(sizes, like.dtype, context)
    found, right = [state.shape for state in states], [(packing.n, size) for size in sizes]
    if found != right and found != [(0, size) for size in sizes]:
        raise ValueError(f"states have shapes {found}, but {packing.n} sequences here take {right}")
    return states


def copied(rows: Any, context: Context) -> Any:
    """Return a copy of a matrix."""
    out = context.empty(rows.shape, rows.dtype)
    copy_rows(rows, out)
    return out


def none(sizes: tuple[int, ...], dtype: Any, context: Context) -> States:
    """Return states without rows, which stand for zeros."""
    return tuple(context.empty((0, size), dtype) for size in sizes)


def recurrent_panels(parameters: Parameters, context: Context, *, transposed: bool = False) -> Any:
    """Return W (or its transpose) as the CPU's products read it."""
    return packed(parameters["recurrent_weights"], context, transposed=transposed)
