"""Many small images in one picture: filters, samples, reconstructions."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np

from ebm.plotting._matplotlib import matplotlib, new_axes

GAP = 0.75  # grey between images


def as_images(rows: np.ndarray, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """View flat rows as images.

    Parameters
    ----------
    rows : array of shape (n_images, n_pixels), (n_images, height, width) or (n_images, height, width, channels)
    shape : (int, int) or (int, int, int), optional
        Height and width, and for images in colour 3 channels; flat rows are square and grey by default.

    Returns
    -------
    array of shape (n_images, height, width) or (n_images, height, width, 3)
        A single channel is dropped.

    Raises
    ------
    ValueError
        When the rows do not fill images of this shape, the channels are neither 1 nor 3, or ``shape`` is left out and
        flat rows are not square.
    """
    rows = np.asarray(rows)
    if rows.ndim not in (2, 3, 4) or rows.shape[0] == 0:
        raise ValueError(f"images must be one or more rows of pixels, got an array of shape {rows.shape}")
    if shape is None:
        shape = rows.shape[1:] if rows.ndim > 2 else _square(rows.shape[1])
    if len(shape) not in (2, 3) or shape[2:] not in ((), (1,), (3,)):
        raise ValueError(f"images must have shape (height, width), or (height, width, 3) in colour, got {tuple(shape)}")
    n_pixels = math.prod(rows.shape[1:])
    if math.prod(shape) != n_pixels:
        raise ValueError(f"images of shape {tuple(shape)} have {math.prod(shape)} pixels, these have {n_pixels}")
    return rows.reshape(-1, *(shape[:2] if shape[2:] == (1,) else shape))


def _square(n_pixels: int) -> tuple[int, int]:
    side = math.isqrt(n_pixels)
    if side * side != n_pixels:
        raise ValueError(
            f"{n_pixels} pixels are not a square: give the images' shape as (height, width) or (height, width, 3)"
        )
    return side, side


def image_grid(images: np.ndarray, n_columns: int | None = None, gap: int = 1) -> np.ndarray:
    """Put images side by side into one.

    Parameters
    ----------
    images : array of shape (n_images, height, width) or (n_images, height, width, 3)
    n_columns : int, optional
        Images in a row; by default as many as make the whole about square.
    gap : int
        Pixels between neighbours.

    Returns
    -------
    float array of shape (n_rows (height + gap) - gap, n_columns (width + gap) - gap), in colour with 3 channels
        Gaps and empty places are NaN.

    Raises
    ------
    ValueError
        When ``images`` has another shape or is empty, or ``n_columns`` or ``gap`` is too small.
    """
    if images.shape[3:] not in ((), (3,)) or images.ndim < 3 or len(images) == 0:
        raise ValueError(f"images must have shape (n_images, height, width[, 3]), got {images.shape}")
    n_images, height, width, *colours = images.shape
    if n_columns is None:
        n_columns = math.ceil(math.sqrt(n_images * height / width))
    if n_columns < 1 or gap < 0:
        raise ValueError(f"n_columns must be at least 1 and gap at least 0, got {n_columns} and {gap}")
    n_columns = min(n_columns, n_images)
    n_rows = math.ceil(n_images / n_columns)
    dtype = np.result_type(images.dtype, np.float32)
    whole = np.full((n_rows, height + gap, n_columns, width + gap, *colours), np.nan, dtype)
    for i, image in enumerate(images):
        whole[i // n_columns, :height, i % n_columns, :width] = image
    whole = whole.reshape(n_rows * (height + gap), n_columns * (width + gap), *colours)
    return whole[: whole.shape[0] - gap, : whole.shape[1] - gap]


def value_range(images: np.ndarray, *, symmetric: bool) -> tuple[float, float]:
    """Lowest and highest finite value, or plus and minus the largest size (never two equal numbers)."""
    finite = images[np.isfinite(images)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if symmetric:
        high = max(abs(low), abs(high))
        low = -high
    return (low, high) if low < high else (low - 0.5, high + 0.5)


def unit_range(images: np.ndarray) -> tuple[float, float]:
    """From 0 to 1, or as much further as the finite values go."""
    finite = images[np.isfinite(images)]
    return float(finite.min(initial=0)), float(finite.max(initial=1))


def show_grid(
    grid: np.ndarray,
    limits: tuple[float, float],
    *,
    cmap: str,
    ax: Any,
    extent: tuple[float, float, float, float] | None = None,
) -> Any:
    """Draw one picture, pixel by pixel; what lies outside the limits is clipped, and NaN is the grey of gaps.

    Parameters
    ----------
    grid : array of shape (height, width) or (height, width, 3)
        The channels of colours become black at the lower limit and full at the upper one.
    limits : (float, float)
    cmap : str
        Colour map of a picture without colours.
    ax : matplotlib.axes.Axes
    extent : (float, float, float, float), optional
        Left, right, bottom and top in the coordinates of the axes.

    Returns
    -------
    matplotlib.image.AxesImage
    """
    style: dict[str, Any] = {"interpolation": "nearest", "aspect": "equal", "extent": extent}
    low, high = limits
    if grid.ndim == 3:
        colours = np.nan_to_num(np.clip((grid - low) / (high - low), 0, 1), nan=GAP)
        return ax.imshow(colours, **style)
    chosen = matplotlib().get_cmap(cmap).with_extremes(bad=str(GAP))
    return ax.imshow(grid, cmap=chosen, norm=matplotlib("colors").Normalize(low, high), **style)


def draw_images(
    images: np.ndarray,
    *,
    n_columns: int | None = None,
    gap: int = 1,
    symmetric: bool = False,
    limits: tuple[float, float] | None = None,
    cmap: str | None = None,
    colorbar: bool = False,
    ax: Any = None,
) -> Any:
    """Draw images as a grid, all on one scale.

    Parameters
    ----------
    images : array of shape (n_images, height, width) or (n_images, height, width, 3)
    n_columns : int, optional
        Images in a row; by default as many as make the picture about square.
    gap : int
        Pixels between neighbours.
    symmetric : bool
        Centre the scale on zero, with a diverging colour map: for weights.
    limits : (float, float), optional
        Values shown darkest and lightest; by default the extremes.
    cmap : str, optional
        Colour map; by default grey, or ``"RdBu_r"`` when symmetric. Images in colour need none.
    colorbar : bool
        Draw the scale beside the picture; images in colour have none.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.image.AxesImage
        Its ``axes`` and ``figure`` lead to the rest.

    Raises
    ------
    ImportError
        When matplotlib is not installed.
    ValueError
        As :func:`image_grid`.
    """
    grid = image_grid(np.asarray(images), n_columns, gap)
    ax = new_axes(grid.shape[0] / grid.shape[1]) if ax is None else ax
    limits = limits or value_range(grid, symmetric=symmetric)
    drawn = show_grid(grid, limits, cmap=cmap or ("RdBu_r" if symmetric else "gray"), ax=ax)
    ax.set_axis_off()
    if colorbar and grid.ndim == 2:
        ax.figure.colorbar(drawn, ax=ax, shrink=0.8)
    return drawn


def write_png(
    path: str | os.PathLike[str], images: np.ndarray, *, n_columns: int | None = None, magnify: int = 3
) -> None:
    """Write images with values in [0, 1] as one PNG, pixel by pixel; what lies outside is clipped.

    Parameters
    ----------
    path : str or os.PathLike
        File to write.
    images : array of shape (n_images, height, width) or (n_images, height, width, 3)
    n_columns : int, optional
        Images in a row.
    magnify : int
        Side of the square that one pixel becomes.

    Raises
    ------
    ImportError
        When matplotlib is not installed.
    OSError
        When the file cannot be written.
    """
    grid = np.nan_to_num(image_grid(np.asarray(images), n_columns), nan=0.5)
    pixels = np.clip(grid, 0, 1).repeat(magnify, axis=0).repeat(magnify, axis=1)
    matplotlib("image").imsave(path, pixels, cmap="gray", vmin=0.0, vmax=1.0, format="png")
