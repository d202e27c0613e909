"""Where a decoder looks: a row for each token that is said, a column for each frame of the source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ebm.plotting._matplotlib import new_axes

MOST_LABELS = 40  # more would lie on top of one another


def draw_attention(
    weights: np.ndarray,
    source: Sequence[Any] | None = None,
    target: Sequence[Any] | None = None,
    *,
    cmap: str = "gray_r",
    ax: Any = None,
) -> Any:
    """Draw weights of attention as a picture, the darker the larger.

    Parameters
    ----------
    weights : array of shape (target length, source length)
        From 0 to 1.
    source, target : sequence, optional
        Labels of columns and rows, such as tokens; numbers by default.
    cmap : str, default="gray_r"
        Colour map.
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
        When weights are no matrix with elements, or labels are not as many as its rows and columns.
    """
    weights = np.asarray(weights)
    if weights.ndim != 2 or weights.size == 0:
        raise ValueError(f"weights must have shape (target length, source length), got {weights.shape}")
    for name, labels, n in (("target", target, weights.shape[0]), ("source", source, weights.shape[1])):
        if labels is not None and len(labels) != n:
            raise ValueError(f"{name} has {len(labels)} labels, but the weights have shape {weights.shape}")
    ax = new_axes(weights.shape[0] / weights.shape[1]) if ax is None else ax
    drawn = ax.imshow(weights, vmin=0, vmax=1, cmap=cmap, aspect="equal", interpolation="nearest")
    ax.set(xlabel="source", ylabel="target")
    if source is not None and len(source) <= MOST_LABELS:
        ax.set_xticks(range(len(source)), [str(label) for label in source])
    if target is not None and len(target) <= MOST_LABELS:
        ax.set_yticks(range(len(target)), [str(label) for label in target])
    return drawn
