"""Rows of images one below the other, each with its name: what went in above what came out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ebm.plotting._matplotlib import new_axes
from ebm.plotting.images import GAP, image_grid, show_grid, value_range


def draw_rows(
    rows: Mapping[str, np.ndarray],
    *,
    limits: tuple[float, float] | None = None,
    difference: np.ndarray | None = None,
    cmap: str | None = None,
    ax: Any = None,
) -> list[Any]:
    """Draw rows of images that belong together by columns.

    Parameters
    ----------
    rows : mapping of str to array of shape (n_images, height, width) or (n_images, height, width, 3)
        Names and images of the rows, from top to bottom, all on one scale.
    limits : (float, float), optional
        Values shown darkest and lightest; by default the extremes of the first row.
    difference : array, optional
        One more row of the same shape, on a scale of its own about zero.
    cmap : str, optional
        Colour map; by default grey. The difference has ``"RdBu_r"``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    list of matplotlib.image.AxesImage
        One a row.

    Raises
    ------
    ImportError
        When matplotlib is not installed.
    ValueError
        When there is no row, their shapes differ, or they are no images.
    """
    given = [*rows.values()] + ([] if difference is None else [difference])
    shapes = [images.shape for images in given]
    if len(set(shapes)) != 1:
        raise ValueError(f"rows must be one or more of the same shape, got {shapes}")
    grids = [image_grid(images, len(images)) for images in given]
    scales = [limits or value_range(grids[0], symmetric=False)] * len(rows)
    maps, names = [cmap or "gray"] * len(rows), [*rows]
    if difference is not None:
        scales.append(value_range(difference, symmetric=True))
        maps.append("RdBu_r")
        names.append(f"difference\n±{scales[-1][1]:.2g}")
    return _stack(grids, scales, maps, names, ax)


def _stack(grids: list[np.ndarray], scales: list[Any], maps: list[str], names: list[str], ax: Any) -> list[Any]:
    height, width = grids[0].shape[:2]
    tops = np.arange(len(grids)) * (height + 1) - 0.5  # one pixel between rows, as between columns
    bottom = tops[-1] + height
    ax = new_axes(0.85 * (bottom + 0.5) / width) if ax is None else ax  # names take a part of the width
    drawn = [
        show_grid(grid, scale, cmap=cmap, ax=ax, extent=(-0.5, width - 0.5, top + height, top))
        for grid, scale, cmap, top in zip(grids, scales, maps, tops, strict=True)
    ]
    ax.set(xlim=(-0.5, width - 0.5), ylim=(bottom, -0.5), xticks=[], facecolor=str(GAP))
    ax.set_yticks(tops + height / 2, names)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return drawn
