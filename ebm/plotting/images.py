"""Many small images in one picture: filters, samples, reconstructions."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np

from ebm.plotting._matplotlib import matplotlib, new_axes


def as_images(rows: np.ndarray, shape: tuple[int, int] | None = None) -> np.ndarray:
    """View flat rows as images.

    Parameters
    ----------
    rows : array of shape (n_images, n_pixels) or (n_images, height, width)
    shape : (int, int), optional
        Height and width; by default the images are square.

    Returns
    -------
    array of shape (n_images, height, width)

    Raises
    ------
    ValueError
        When the rows have not height x width pixels, or ``shape`` is left out and they are not square.
    """
    rows = np.asarray(rows)
    if rows.ndim == 3 and shape is None:
        return rows
    if rows.ndim not in (2, 3) or rows.shape[0] == 0:
        raise ValueError(f"images must be one or more rows of pixels, got an array of shape {rows.shape}")
    rows = rows.reshape(rows.shape[0], -1)
    n_pixels = rows.shape[1]
    if shape is None:
        side = math.isqrt(n_pixels)
        if side * side != n_pixels:
            raise ValueError(f"{n_pixels} pixels are not a square: give the images' shape as (height, width)")
        shape = (side, side)
    if shape[0] * shape[1] != n_pixels:
        raise ValueError(f"images of shape {tuple(shape)} have {shape[0] * shape[1]} pixels, these have {n_pixels}")
    return rows.reshape(-1, *shape)


def image_grid(images: np.ndarray, n_columns: int | None = None, gap: int = 1) -> np.ndarray:
    """Put images side by side into one.

    Parameters
    ----------
    images : array of shape (n_images, height, width)
    n_columns : int, optional
        Images in a row; by default as many as make the whole about square.
    gap : int
        Pixels between neighbours.

    Returns
    -------
    float array of shape (n_rows (height + gap) - gap, n_columns (width + gap) - gap)
        Gaps and empty places are NaN.

    Raises
    ------
    ValueError
        When ``images`` is not three-dimensional or empty, or ``n_columns`` or ``gap`` is too small.
    """
    if images.ndim != 3 or len(images) == 0:
        raise ValueError(f"images must have shape (n_images, height, width), got {images.shape}")
    n_images, height, width = images.shape
    if n_columns is None:
        n_columns = math.ceil(math.sqrt(n_images * height / width))
    if n_columns < 1 or gap < 0:
        raise ValueError(f"n_columns must be at least 1 and gap at least 0, got {n_columns} and {gap}")
    n_columns = min(n_columns, n_images)
    n_rows = math.ceil(n_images / n_columns)
    dtype = np.result_type(images.dtype, np.float32)
    whole = np.full((n_rows, height + gap, n_columns, width + gap), np.nan, dtype)
    for i, image in enumerate(images):
        whole[i // n_columns, :height, i % n_columns, :width] = image
    whole = whole.reshape(n_rows * (height + gap), n_columns * (width + gap))
    return whole[: whole.shape[0] - gap, : whole.shape[1] - gap]


def value_range(images: np.ndarray, *, symmetric: bool) -> tuple[float, float]:
    """Lowest and highest finite value, or plus and minus the largest size (never two equal numbers)."""
    finite = images[np.isfinite(images)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if symmetric:
        high = max(abs(low), abs(high))
        low = -high
    return (low, high) if low < high else (low - 0.5, high + 0.5)


def draw_images(
    images: np.ndarray,
    *,
    n_columns: int | None = None,
    symmetric: bool = False,
    limits: tuple[float, float] | None = None,
    cmap: str | None = None,
    colorbar: bool = False,
    ax: Any = None,
) -> Any:
    """Draw images as a grid, all on one scale.

    Parameters
    ----------
    images : array of shape (n_images, height, width)
    n_columns : int, optional
        Images in a row; by default as many as make the picture about square.
    symmetric : bool
        Centre the scale on zero, with a diverging colour map: for weights.
    limits : (float, float), optional
        Values shown darkest and lightest; by default the extremes.
    cmap : str, optional
        Colour map; by default grey, or ``"RdBu_r"`` when symmetric.
    colorbar : bool
        Draw the scale beside the picture.
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
    grid = image_grid(np.asarray(images), n_columns)
    low, high = limits or value_range(grid, symmetric=symmetric)
    ax = new_axes() if ax is None else ax
    colours = matplotlib("colors")
    chosen = matplotlib().get_cmap(cmap or ("RdBu_r" if symmetric else "gray"))
    chosen = chosen.with_extremes(bad="0.75")  # gaps
    drawn = ax.imshow(grid, cmap=chosen, norm=colours.Normalize(low, high), interpolation="nearest", aspect="equal")
    ax.set_axis_off()
    if colorbar:
        ax.figure.colorbar(drawn, ax=ax, shrink=0.8)
    return drawn


def write_png(
    path: str | os.PathLike[str], images: np.ndarray, *, n_columns: int | None = None, magnify: int = 3
) -> None:
    """Write images with values in [0, 1] as one grey PNG, pixel by pixel; what lies outside is clipped.

    Parameters
    ----------
    path : str or os.PathLike
        File to write.
    images : array of shape (n_images, height, width)
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
    pixels = np.kron(grid, np.ones((magnify, magnify), grid.dtype))
    matplotlib("image").imsave(path, pixels, cmap="gray", vmin=0.0, vmax=1.0, format="png")
