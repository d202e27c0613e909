"""Points in a plane, coloured by what they belong to."""

from __future__ import annotations

from typing import Any

import numpy as np

from ebm.plotting._matplotlib import matplotlib, new_axes

MOST_CLASSES = 20  # as many colours as can be told apart


def draw_scatter(
    points: np.ndarray,
    labels: np.ndarray | None = None,
    *,
    x_label: str = "",
    y_label: str = "",
    ax: Any = None,
    **style: Any,
) -> list[Any]:
    """Draw points, coloured by their class with a legend, or by their number with a scale.

    Parameters
    ----------
    points : array of shape (n_points, 2)
    labels : array of shape (n_points,), optional
        Classes; more than 20 different numbers are taken for values.
    x_label, y_label : str
        Names of the axes.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.
    **style
        More for `matplotlib.axes.Axes.scatter`, such as ``s``.

    Returns
    -------
    list of matplotlib.collections.PathCollection
        One a class, in sorted order; a single one without classes.

    Raises
    ------
    ImportError
        When matplotlib is not installed.
    ValueError
        When the shapes do not fit, or more than 20 classes are no numbers.
    """
    points = np.asarray(points)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"points must have shape (n_points, 2), got {points.shape}")
    classes, members, values = _classes(labels, len(points))
    ax = new_axes() if ax is None else ax
    style = {"s": 12 if len(points) < 2000 else 5, "alpha": 0.7, "linewidths": 0, **style}
    if values is not None:
        drawn = [ax.scatter(*points.T, c=values, **style)]
        ax.figure.colorbar(drawn[0], ax=ax)
    elif classes is None:
        drawn = [ax.scatter(*points.T, **style)]
    else:
        colours = matplotlib().get_cmap("tab10" if len(classes) <= 10 else "tab20").colors
        drawn = [
            ax.scatter(*points[members == i].T, color=colours[i], label=str(name), **style)
            for i, name in enumerate(classes)
        ]
        legend = ax.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, markerscale=2)
        for handle in legend.legend_handles:
            handle.set_alpha(1)
    ax.set(xlabel=x_label, ylabel=y_label)
    return drawn


def _classes(labels: Any, n_points: int) -> tuple[Any, Any, Any]:
    """Classes and the number of each point's; or, third, the values of points that have no classes."""
    if labels is None:
        return None, None, None
    labels = np.asarray(labels)
    if labels.shape != (n_points,):
        raise ValueError(f"labels must have shape ({n_points},), one a point, got {labels.shape}")
    classes, members = np.unique(labels, return_inverse=True)
    if len(classes) <= MOST_CLASSES:
        return classes, members, None
    if not np.issubdtype(labels.dtype, np.number):
        raise ValueError(f"labels must be of at most {MOST_CLASSES} classes, or numbers; got {len(classes)} classes")
    return None, None, labels
