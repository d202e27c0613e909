"""Samples at the door of a network: rows, or images as (n, height, width) or (n, height, width, channels)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ebm.boltzmann.unit_types import Gaussian
from ebm.boltzmann.units import Bernoulli
from ebm_sklearn._input import read_samples


def read_rows(estimator: Any, X: Any, *, reset: bool, warn: bool = True) -> Any:
    """Check samples and return them as rows (n_samples, n_features), dense or CSR, of a dtype that kernels know.

    When ``reset``, sets ``image_shape_`` ((height, width), (height, width, channels) or None), ``sample_shape_`` (what
    the network takes: (n_features,), or with channels) and ``_given_images`` of the estimator; else compares with them.
    ``warn`` is about values outside [0, 1], with ``loss="bernoulli"``.

    Raises
    ------
    ValueError
        When X is not of 2, 3 or 4 dimensions, images are of another shape than in `fit`, or ``image_shape`` does not
        fit.
    """
    shape = shape_of_images(X)
    if shape is not None:
        if not reset and estimator.image_shape_ is not None and shape != estimator.image_shape_:
            name, fitted = type(estimator).__name__, estimator.image_shape_
            raise ValueError(f"X has images of shape {shape}, but {name} was fitted to images of shape {fitted}")
        X = np.asarray(X)
        X = X.reshape(len(X), -1)
    unit = Bernoulli() if estimator.loss == "bernoulli" else Gaussian()
    X = read_samples(estimator, X, reset=reset, unit=unit, warn=warn)
    if reset:
        _remember(estimator, shape, X.shape[1])
    return X


def shape_of_images(X: Any) -> tuple[int, ...] | None:
    """Return (height, width[, channels]) of images, None of rows.

    Raises
    ------
    ValueError
        When there are more than 4 dimensions.
    """
    shape = tuple(X.shape) if hasattr(X, "shape") else np.asarray(X).shape
    if len(shape) > 4:
        raise ValueError(f"X has {len(shape)} dimensions; give rows, or images as (n, height, width[, channels])")
    return shape[1:] if len(shape) > 2 else None


def _remember(estimator: Any, given: tuple[int, ...] | None, n_features: int) -> None:
    asked = getattr(estimator, "image_shape", None)
    asked = None if asked is None else tuple(asked)
    if asked is not None and given is not None and asked != given:
        raise ValueError(f"image_shape={asked}, but X has images of shape {given}")
    shape = given or asked
    if shape is not None and (len(shape) not in (2, 3) or int(np.prod(shape)) != n_features):
        raise ValueError(f"image_shape={shape} has {int(np.prod(shape))} pixels, but X has {n_features} features")
    estimator.image_shape_, estimator._given_images = shape, given is not None
    estimator.sample_shape_ = (n_features,) if shape is None else shape if len(shape) == 3 else (*shape, 1)
