"""The one place that imports matplotlib."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def matplotlib(name: str = "pyplot") -> Any:
    """Import a module of matplotlib, or say which extra brings it."""
    try:
        return import_module(f"matplotlib.{name}")
    except ImportError as error:
        raise ImportError(
            f"pictures need matplotlib ({error}); install it with: pip install 'numba-ebm[plot]', in a clone '.[plot]'"
        ) from error


def new_axes(aspect: float = 0.75) -> Any:
    """Axes of a new figure, as low as a picture of this height by width allows."""
    height = min(4.8, 6.4 * aspect + 0.3)
    return matplotlib().subplots(figsize=(6.4, height), layout="constrained")[1]


def new_panels(n: int) -> list[Any]:
    """Axes one above the other in a new figure, with one horizontal axis."""
    size = (6.4, 1.2 + 1.8 * n)
    return list(matplotlib().subplots(n, squeeze=False, sharex=True, figsize=size, layout="constrained")[1][:, 0])
