"""Labels that a conditional model is given beside samples or codes: as one-hot rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from ebm_sklearn._labels import numbers_of


def numbers_given(y: Any, n: int, classes: np.ndarray) -> np.ndarray:
    """Return the places in ``classes`` of one label for all, or of n labels, int64.

    Raises
    ------
    ValueError
        When there are not n labels, or there is one that is no class.
    """
    labels = np.asarray(y)
    if labels.ndim == 0:
        labels = np.repeat(labels, n)
    if labels.shape != (n,):
        raise ValueError(f"y must be one label or have shape ({n},), one label a sample; got {labels.shape}")
    return numbers_of(labels, classes, "y")


def one_hot(numbers: np.ndarray, n_classes: int, dtype: Any) -> np.ndarray:
    """Return rows with a 1 in the place of each number."""
    out = np.zeros((len(numbers), n_classes), dtype)
    out[np.arange(len(numbers)), numbers] = 1
    return out
