"""Binary data at the door of models of spins: which two values stand for -1 and +1, and back."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from ebm.storage import ModelFileError
from ebm_sklearn._input import KEPT
from ebm_sklearn._warnings import OutOfRangeWarning


@dataclass(frozen=True)
class Coding:
    """How data tells -1 from +1: values above ``threshold`` are +1; recalled states are written ``low`` and 1."""

    low: int
    threshold: float

    @classmethod
    def of(cls, X: np.ndarray, binarize: float | None) -> Coding:
        """Tell the coding of the data of a fit: spins where there are negative values, else zeros and ones."""
        if binarize is not None:
            return cls(0, float(binarize))
        return cls(-1, 0.0) if X.dtype != bool and X.min() < 0 else cls(0, 0.5)

    @property
    def name(self) -> str:
        """ "spin" or "binary", as `coding_` tells it."""
        return "spin" if self.low else "binary"

    def spins(self, X: np.ndarray, dtype: Any, *, name: str = "X", binarize: float | None = None) -> np.ndarray:
        """Return X as -1 and +1; values that are neither of the coding's two give a warning, unless binarized."""
        if binarize is None and not np.isin(X, (self.low, 1)).all():
            warnings.warn(
                f"{name} has values from {X.min():.4g} to {X.max():.4g}, where only {self.low} and 1 are known from "
                f"the fit: those above {self.threshold:g} are taken for 1, the others for {self.low}. Set binarize= "
                "to a threshold of your choice",
                OutOfRangeWarning,
                stacklevel=5,
            )
        return np.where(self.threshold < X, 1, -1).astype(dtype)

    def values(self, spins: np.ndarray) -> np.ndarray:
        """Return spins as the data writes them."""
        return spins if self.low else (spins > 0).astype(spins.dtype)


def read_dense(estimator: Any, X: Any, *, reset: bool) -> np.ndarray:
    """Check samples and bring them to bool, uint8, float32 or float64, dense; float16 becomes float32."""
    return kept(validate_data(estimator, X, dtype="numeric", reset=reset))


def kept(X: np.ndarray) -> np.ndarray:
    """Return X in a dtype that is kept, float64 where it has another."""
    native = X.dtype.newbyteorder("=")
    return X.astype(native if native in KEPT else np.float32 if native == np.float16 else np.float64, copy=False)


def precision(X: np.ndarray) -> np.dtype:
    """Tell the dtype to compute in: float64 for float64, else float32."""
    return np.dtype(np.float64 if X.dtype == np.float64 else np.float32)


def take_coding(values: dict[str, Any], name: str, path: str | os.PathLike[str]) -> Coding:
    """Return the coding of data that a file tells.

    Raises
    ------
    ModelFileError
        When it is missing or damaged.
    """
    value: Any = values.get(name)
    fits = isinstance(value, dict) and value.keys() == {"low", "threshold"} and value["low"] in (-1, 0)
    if not fits or not isinstance(value["threshold"], float) or not np.isfinite(value["threshold"]):
        raise ModelFileError(f"{path}: {name!r} is {value!r}, which tells no coding of data")
    return Coding(**value)
