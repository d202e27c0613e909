"""Layers that give samples another shape, without moving anything."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from ebm.networks.context import Context
from ebm.networks.layer import Parameters, Shape
from ebm.networks.ranges import count_from
from ebm.random import Random


class _Reshaping(ABC):
    """What `Reshape` and `Flatten` share."""

    statistics = ()

    @abstractmethod
    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of one output."""

    def initial(self, shape: Shape, random: Random, dtype: Any) -> dict[str, np.ndarray]:
        """Return an empty dict: there is nothing to learn."""
        return {}

    def forward(self, parameters: Parameters, x: Any, context: Context) -> tuple[Any, Any]:
        """Return x in the other shape, in the same memory, and as the cache the shape that it had."""
        return x.reshape(x.shape[0], *self.output_shape(x.shape[1:])), x.shape

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
        """Return dy in the shape of x where it is wanted."""
        return dy.reshape(cache) if wants_input else None

    def jvp(self, parameters: Parameters, cache: Any, dx: Any, context: Context) -> Any:
        """Return the change of y along a change of x."""
        return dx.reshape(dx.shape[0], *self.output_shape(cache[1:]))


@dataclass(frozen=True)
class Reshape(_Reshaping):
    """Give each sample another shape, its elements in the order of C.

    Parameters
    ----------
    shape : tuple of int
        Of one sample, such as (7, 7, 16).

    Raises
    ------
    ValueError
        When ``shape`` is empty or holds anything but positive integers.
    """

    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.shape, tuple) or not self.shape:
            raise ValueError(f"shape must be a tuple of positive integers, got {self.shape!r}")
        for side in self.shape:
            count_from("shape", side)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the new shape; ValueError where samples have another number of elements."""
        if prod(shape) != prod(self.shape):
            have, want = prod(shape), prod(self.shape)
            raise ValueError(f"samples of shape {shape} have {have} elements, but shape={self.shape} takes {want}")
        return self.shape


@dataclass(frozen=True)
class Flatten(_Reshaping):
    """Make a row of each sample, its elements in the order of C."""

    def output_shape(self, shape: Shape) -> Shape:
        """Return (number of elements,)."""
        return (prod(shape),)
