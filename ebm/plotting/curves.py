"""Curves of what a history recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ebm.plotting._matplotlib import new_panels

CLOCK = ("epoch", "seconds")  # what stands on the horizontal axis, not on the vertical
COUNTED = "layer"  # tells of which layer a row is, and is no curve


def column(history: Sequence[Mapping[str, float]], name: str) -> np.ndarray:
    """One value of every row, NaN where it was not recorded (monitors may run every n epochs)."""
    return np.array([row.get(name, np.nan) for row in history], dtype=np.float64)


def recorded(history: Sequence[Mapping[str, float]]) -> list[str]:
    """Names in the order of their first appearance, without epoch and seconds."""
    return [name for name in dict.fromkeys(key for row in history for key in row) if name not in CLOCK]


def _curves(history: Sequence[Mapping[str, float]]) -> list[str]:
    return [name for name in recorded(history) if name != COUNTED]


def draw_curves(
    history: Sequence[Mapping[str, float]],
    names: Sequence[str] | None = None,
    *,
    x: str = "epoch",
    ax: Any = None,
) -> list[Any]:
    """Draw recorded values over epochs or seconds, each in a panel of its own: their scales differ.

    Parameters
    ----------
    history : sequence of mappings
        One row an epoch, as training records them.
    names : sequence of str, optional
        Values to draw; by default all but epoch, seconds and layer, or the seconds where nothing else was recorded.
    x : {"epoch", "seconds"}
        The horizontal axis; seconds are counted from the start of training.
    ax : matplotlib.axes.Axes, optional
        Where to draw all of them together; by default a new figure.

    Returns
    -------
    list of matplotlib.lines.Line2D
        One line a name.

    Raises
    ------
    ImportError
        When matplotlib is not installed.
    ValueError
        When the history is empty, or a name was never recorded.
    """
    if not history:
        raise ValueError("the history is empty: nothing was trained")
    if x not in CLOCK:
        raise ValueError(f"x must be one of {CLOCK}, got {x!r}")
    names = list(names) if names is not None else (_curves(history) or ["seconds"])
    unknown = [name for name in names if not any(name in row for row in history)]
    if unknown:
        raise ValueError(f"never recorded: {unknown}; the history has {[*CLOCK, *recorded(history)]}")
    panels = [ax] * len(names) if ax is not None else new_panels(len(names))
    places, lines = column(history, x), []
    for name, panel in zip(names, panels, strict=True):
        values = column(history, name)
        there = np.isfinite(values)
        style = "-o" if there.sum() < 20 else "-"
        label = name.replace("_", " ")
        lines += panel.plot(places[there], values[there], style, markersize=3, label=label)
        if ax is None:
            panel.set_ylabel(label)
    panels[-1].set_xlabel(x)
    if ax is not None:
        ax.legend()
    return lines
