"""What is left of something, on a logarithmic axis, with the bounds below which it stays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ebm.plotting._matplotlib import new_axes

BESIDE = ("--", ":")  # of each curve's companions


def draw_decays(
    curves: Sequence[tuple[str, Sequence[tuple[str, np.ndarray]]]], *, x_label: str, y_label: str, ax: Any = None
) -> list[Any]:
    """Draw curves over 0, 1, 2, ..., on a logarithmic axis.

    Parameters
    ----------
    curves : sequence of (str, sequence of (str, ndarray of shape (n,)))
        Curves of one colour each: a name, then what is drawn of it, the first solid, up to two more dashed and dotted,
        each with what its label says beside the name. What is not above 0 is left out.
    x_label, y_label : str
        Names of the axes.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    list of matplotlib.lines.Line2D
        In the order in which they were given.

    Raises
    ------
    ImportError
        When matplotlib is not installed.
    ValueError
        When there is no curve, or one has more than two beside it.
    """
    if not curves or any(not 1 <= len(rows) <= 1 + len(BESIDE) for _, rows in curves):
        raise ValueError(f"curves must be at least one, each of 1 to {1 + len(BESIDE)} rows")
    ax, lines = new_axes() if ax is None else ax, []
    for number, (name, rows) in enumerate(curves):
        for style, (beside, values) in zip(("-", *BESIDE), rows, strict=False):
            shown = np.where(np.asarray(values) > 0, values, np.nan)
            label = ", ".join(part for part in (name, beside) if part)
            lines += ax.plot(np.arange(len(shown)), shown, style, color=f"C{number}", label=label or None)
    ax.set_yscale("log")
    ax.set(xlabel=x_label, ylabel=y_label)
    if any(not line.get_label().startswith("_") for line in lines):
        ax.legend()
    return lines
