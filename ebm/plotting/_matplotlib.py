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
            f"pictures need matplotlib ({error}); install it with: pip install 'numba-ebm[plot]'"
        ) from error


def new_axes(size: tuple[float, float] | None = None) -> Any:
    """Axes of a new figure, ``size`` in inches."""
    _, axes = matplotlib().subplots(figsize=size, layout="constrained")
    return axes
