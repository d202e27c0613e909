"""A plane of images, each at the place that it was decoded from."""

from __future__ import annotations

from typing import Any

import numpy as np

from ebm.plotting.images import draw_images


def draw_plane(
    images: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    *,
    limits: tuple[float, float] | None = None,
    x_label: str = "",
    y_label: str = "",
    cmap: str | None = None,
    ax: Any = None,
) -> Any:
    """Draw images side by side at places of a plane, whose second axis points up.

    Parameters
    ----------
    images : array of shape (n_y, n_x, height, width) or (n_y, n_x, height, width, 3)
        ``images[j, i]`` belongs to the place (x[i], y[j]).
    x, y : array of shape (n_x,) and (n_y,)
        In rising order; the axes tell some of them.
    limits : (float, float), optional
        Values shown darkest and lightest; by default the extremes.
    x_label, y_label : str
        Names of the axes.
    cmap : str, optional
        Colour map; by default grey.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.image.AxesImage

    Raises
    ------
    ImportError
        When matplotlib is not installed.
    ValueError
        When the shapes do not fit.
    """
    images = np.asarray(images)
    if images.ndim < 4 or images.shape[:2] != (len(y), len(x)):
        raise ValueError(f"images must have shape ({len(y)}, {len(x)}, height, width), got {images.shape}")
    upside_down = images[::-1].reshape(-1, *images.shape[2:])
    drawn = draw_images(upside_down, n_columns=len(x), gap=0, limits=limits, cmap=cmap, ax=ax)
    height, width = images.shape[2:4]
    ax = drawn.axes
    ax.set_axis_on()
    columns, rows = _some(len(x)), _some(len(y))
    ax.set_xticks((columns + 0.5) * width - 0.5, _told(np.asarray(x)[columns]))
    ax.set_yticks((len(y) - rows - 0.5) * height - 0.5, _told(np.asarray(y)[rows]))
    ax.set(xlabel=x_label, ylabel=y_label)
    return drawn


def _some(n: int) -> np.ndarray:
    """Up to six places, all of them, or of more five from the first to the last."""
    return np.linspace(0, n - 1, n if n <= 6 else 5).round().astype(int)


def _told(values: np.ndarray) -> list[str]:
    return [f"{value:.2g}".replace("-", "−") for value in values]
