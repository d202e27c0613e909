"""Laplacian pyramids of images: each level holds what is lost by halving the next larger one.

G_0 = images,  G_{l+1} = down(G_l),  L_l = G_l - up(G_{l+1}),  and at the end what is left, G_levels

so that the images are up(... up(G_levels) + L_{levels-1} ...) + L_0, to rounding.

Source: Burt & Adelson 1983, "The Laplacian pyramid as a compact image code" (doi:10.1109/TCOM.1983.1095851),
eqs. 1 to 4.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ebm.kernels.pyramid import DOWN, DOWN_ADJOINT, UP, UP_ADJOINT, coarse, resample
from ebm.networks.context import Context
from ebm.networks.layer import Parameters, Shape
from ebm.networks.ranges import count_from
from ebm.random import Random

Empty = Callable[[tuple[int, ...], Any], Any]


def _both_axes(x: Any, size: tuple[int, int], kind: int, empty: Empty) -> Any:
    """Resample images (n, h, w, c) along height and width to another size."""
    (n, h, w, c), (height, width) = x.shape, size
    between, out = empty((n, height, w, c), x.dtype), empty((n, height, width, c), x.dtype)
    resample(x.reshape(n, h, w * c), between.reshape(n, height, w * c), kind)
    resample(between.reshape(n * height, w, c), out.reshape(n * height, width, c), kind)
    return out


def _images(x: Any, name: str) -> Any:
    if x.ndim != 4 or x.dtype not in (np.float32, np.float64) or 0 in x.shape[1:]:
        right = "images (n, height, width, channels), float32 or float64"
        raise ValueError(f"{name} is {x.dtype}{x.shape}; give {right}")
    return x if x.flags.c_contiguous else x.copy(order="C")


def _beside(x: Any) -> Empty:
    return lambda shape, dtype: np.empty_like(x, shape=shape, dtype=dtype)


def _halved(shape: tuple[int, ...]) -> tuple[int, int]:
    return coarse(shape[0]), coarse(shape[1])


def _checked_size(size: tuple[int, int], shape: tuple[int, ...]) -> tuple[int, int]:
    if tuple(shape[:2]) != _halved(size):
        h, w = shape[:2]
        right = f"({2 * h} or {2 * h - 1}, {2 * w} or {2 * w - 1})"
        raise ValueError(f"size must be {right} for images of {h} by {w}, got {size}")
    return size


def pyramid_down(images: Any) -> Any:
    """Blur images and keep every second row and column, beginning with the first.

    The blur is (1, 4, 6, 4, 1) / 16 along each axis. Edges are reflected without being repeated, so constant images
    stay as they are.

    Parameters
    ----------
    images : array of shape (n, height, width, channels), float32 or float64, on the CPU or the GPU

    Returns
    -------
    array of shape (n, ceil(height / 2), ceil(width / 2), channels)

    Raises
    ------
    ValueError
        When ``images`` are something else.
    """
    images = _images(images, "images")
    return _both_axes(images, _halved(images.shape[1:3]), DOWN, _beside(images))


def pyramid_up(images: Any, size: tuple[int, int] | None = None) -> Any:
    """Double images: place their rows and columns two apart, blur what is between, and multiply by 4.

    Parameters
    ----------
    images : array of shape (n, h, w, channels), float32 or float64, on the CPU or the GPU
    size : tuple of two int, optional
        Height and width to return, 2h or 2h - 1 and 2w or 2w - 1; by default (2h, 2w).

    Returns
    -------
    array of shape (n, height, width, channels)

    Raises
    ------
    ValueError
        When ``images`` are something else, or ``size`` does not fit them.
    """
    images = _images(images, "images")
    h, w = images.shape[1:3]
    size = (2 * h, 2 * w) if size is None else _checked_size(size, (h, w))
    return _both_axes(images, size, UP, _beside(images))


def laplacian_pyramid(images: Any, levels: int) -> list[Any]:
    """Split images into levels of detail.

    Parameters
    ----------
    images : array of shape (n, height, width, channels), float32 or float64, on the CPU or the GPU
    levels : int
        How often images are halved, at least 0.

    Returns
    -------
    list of levels + 1 arrays
        The differences L_0 (as large as ``images``) to L_{levels-1}, each of half the size, then what is left.

    Raises
    ------
    ValueError
        When ``images`` or ``levels`` are something else.
    """
    images = _images(images, "images")
    count_from("levels", levels, 0)
    pyramid = []
    for _ in range(levels):
        smaller = pyramid_down(images)
        pyramid.append(images - pyramid_up(smaller, images.shape[1:3]))
        images = smaller
    return [*pyramid, images]


def from_laplacian_pyramid(pyramid: Sequence[Any]) -> Any:
    """Return the images of a pyramid, to rounding.

    Parameters
    ----------
    pyramid : sequence of arrays
        As `laplacian_pyramid` returns it.

    Returns
    -------
    array of shape (n, height, width, channels)

    Raises
    ------
    ValueError
        When there is no array, or one does not fit the next.
    """
    if len(pyramid) == 0:
        raise ValueError("pyramid is empty; give at least one array")
    images = _images(pyramid[-1], f"pyramid[{len(pyramid) - 1}]")
    for i in range(len(pyramid) - 2, -1, -1):
        level = _images(pyramid[i], f"pyramid[{i}]")
        images = level + pyramid_up(images, level.shape[1:3])
    return images


class _Resampling(ABC):
    """What `PyramidDown` and `PyramidUp` share: linear layers without parameters."""

    statistics = ()
    kinds: tuple[int, int]  # the map and its adjoint

    @abstractmethod
    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of one output."""

    def initial(self, shape: Shape, random: Random, dtype: Any) -> dict[str, np.ndarray]:
        """Return an empty dict: there is nothing to learn."""
        return {}

    def forward(self, parameters: Parameters, x: Any, context: Context) -> tuple[Any, Any]:
        """Return the resampled images, and their former shape as the cache."""
        height, width, _ = self.output_shape(x.shape[1:])
        return _both_axes(x, (height, width), self.kinds[0], context.empty), x.shape

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
        """Return dx where it is wanted: the adjoint of the map."""
        return _both_axes(dy, cache[1:3], self.kinds[1], context.empty) if wants_input else None

    def jvp(self, parameters: Parameters, cache: Any, dx: Any, context: Context) -> Any:
        """Return the change of y along a change of x: the map itself."""
        return self.forward(parameters, dx, context)[0]


def _sides(shape: Shape) -> Shape:
    if len(shape) != 3 or min(shape) < 1:
        raise ValueError(f"pyramids are of images (height, width, channels), not of samples of shape {shape}")
    return shape


@dataclass(frozen=True)
class PyramidDown(_Resampling):
    """Blur images and halve them, as `pyramid_down` does."""

    kinds = (DOWN, DOWN_ADJOINT)

    def output_shape(self, shape: Shape) -> Shape:
        """Return (ceil(height / 2), ceil(width / 2), channels); ValueError for anything but images."""
        return (*_halved(_sides(shape)), shape[2])


@dataclass(frozen=True)
class PyramidUp(_Resampling):
    """Double images, as `pyramid_up` does.

    Parameters
    ----------
    size : tuple of two int, optional
        Height and width of the output, as of `pyramid_up`.

    Raises
    ------
    ValueError
        When ``size`` does not hold two positive integers.
    """

    size: tuple[int, int] | None = None

    kinds = (UP, UP_ADJOINT)

    def __post_init__(self) -> None:
        if self.size is not None and (not isinstance(self.size, tuple) or len(self.size) != 2):
            raise ValueError(f"size must be None or a tuple of two integers, got {self.size!r}")
        for side in self.size or ():
            count_from("size", side)

    def output_shape(self, shape: Shape) -> Shape:
        """Return (height, width, channels); ValueError for anything but images that ``size`` fits."""
        h, w, c = _sides(shape)
        return (2 * h, 2 * w, c) if self.size is None else (*_checked_size(self.size, (h, w)), c)
