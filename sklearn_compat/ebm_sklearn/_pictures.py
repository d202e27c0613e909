"""What displays ask of an estimator, and what they remember of a picture."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import signature
from typing import Any

import numpy as np

from ebm.plotting import as_images

Shape = tuple[int, ...] | None


def images_of(estimator: Any, rows: Any, image_shape: Shape = None) -> np.ndarray:
    """Rows as images of the given shape, or of the estimator's own, or square."""
    return as_images(rows, getattr(estimator, "image_shape_", None) if image_shape is None else image_shape)


def gives_means(estimator: Any) -> bool:
    """Whether `sample` tells means itself, as of models that decode noise: encoding these again would blur them."""
    return "means" in signature(estimator.sample).parameters


def encode(estimator: Any, X: Any, given: Any = None) -> np.ndarray:
    """Codes in rows."""
    codes = np.asarray(_ask(estimator.transform, X, given))
    if codes.ndim != 2:
        raise ValueError(f"codes must be rows, but transform gave an array of shape {codes.shape}")
    return codes


def decode(estimator: Any, codes: np.ndarray, given: Any = None) -> np.ndarray:
    """What the codes stand for; a conditional model needs the label of each."""
    return np.asarray(_ask(estimator.inverse_transform, codes, given))


def reconstruct(estimator: Any, X: Any, given: Any = None) -> np.ndarray:
    """There and back; estimators without a word for it encode and decode."""
    if hasattr(estimator, "reconstruct"):
        return np.asarray(_ask(estimator.reconstruct, X, given))
    return decode(estimator, encode(estimator, X, given), given)


def _ask(method: Any, X: Any, given: Any) -> Any:
    return method(X) if given is None else method(X, y=given)


def check_count(name: str, value: Any, least: int = 1) -> None:
    """Refuse what is no number of images."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}")


def check_dimensions(n_dimensions: int, dimensions: Sequence[int]) -> tuple[int, int]:
    """Two different dimensions of the code that span a plane."""
    if n_dimensions < 2:
        raise ValueError("a plane needs codes of 2 or more dimensions, this estimator's have 1")
    if len(dimensions) != 2 or dimensions[0] == dimensions[1]:
        raise ValueError(f"dimensions must be two different ones, got {dimensions!r}")
    if not all(0 <= d < n_dimensions for d in dimensions):
        raise ValueError(f"dimensions must be within 0 to {n_dimensions - 1}, got {dimensions!r}")
    return dimensions[0], dimensions[1]


def remember(display: Any, drawn: Any) -> Any:
    """Keep one picture with its axes and figure."""
    display.im_, display.ax_, display.figure_ = drawn, drawn.axes, drawn.figure
    return display


def remember_all(display: Any, name: str, drawn: Sequence[Any]) -> Any:
    """Keep several artists of the same axes."""
    setattr(display, name, drawn)
    display.ax_, display.figure_ = drawn[0].axes, drawn[0].axes.figure
    return display
