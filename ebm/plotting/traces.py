"""Traces: how a number of each of several runs went over time."""

from __future__ import annotations

from typing import Any

import numpy as np

from ebm.plotting._matplotlib import new_axes


def draw_traces(values: np.ndarray, places: np.ndarray, *, x_label: str, y_label: str, ax: Any = None) -> list[Any]:
    """Draw one line for each column.

    Parameters
    ----------
    values : array of shape (n_points, n_runs)
    places : array of shape (n_points,)
        The horizontal axis.
    x_label, y_label : str
        Names of the axes.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    list of matplotlib.lines.Line2D
        One a run.

    Raises
    ------
    ImportError
        When matplotlib is not installed.
    ValueError
        When the shapes do not fit.
    """
    values, places = np.asarray(values), np.asarray(places)
    if values.ndim != 2 or places.shape != values.shape[:1]:
        raise ValueError(f"values {values.shape} must be (n_points, n_runs), and places {places.shape} (n_points,)")
    ax = new_axes() if ax is None else ax
    style = "-o" if len(places) < 30 else "-"
    lines = ax.plot(places, values, style, markersize=3, linewidth=1, alpha=1 if values.shape[1] < 8 else 0.6)
    ax.set(xlabel=x_label, ylabel=y_label)
    return lines
