"""What every estimator that can be saved shares: files of arrays and JSON, no pickle."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ebm import storage
from ebm.storage import ModelFileError
from ebm_sklearn._files import restored_parameters, saved_parameters


class SavedEstimator(BaseEstimator, ABC):
    """Base of estimators with `save` and `load`.

    A subclass gives:

    - ``_saved()``: (arrays, JSON values) of a fitted estimator;
    - ``_restore(arrays, values, path)``: the reverse, refusing what does not fit by ModelFileError.
    """

    n_features_in_: int

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save the fitted estimator: its arrays in safetensors, the rest as JSON in the same file.

        The file is written whole or not at all. ``callbacks`` are not saved, and a RandomState becomes None.

        Parameters
        ----------
        path : str or os.PathLike
            The file to write or replace.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            When there is nothing to save.
        OSError
            When the file cannot be written; the old one, if any, stays.
        """
        check_is_fitted(self)
        arrays, values = self._saved()
        names = getattr(self, "feature_names_in_", None)
        metadata = {
            "parameters": self._saved_parameters(),
            "values": {**values, **self._progress()},
            "feature_names_in_": None if names is None else list(names),
        }
        storage.save(path, type(self).__name__, arrays, metadata)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Load an estimator that :meth:`save` wrote.

        Parameters
        ----------
        path : str or os.PathLike
            The file. It may come from anyone: nothing in it is executed, and its sizes are checked before
            any array is made.

        Returns
        -------
        estimator
            Fitted; `partial_fit` goes on where the saved one stopped.

        Raises
        ------
        FileNotFoundError
            When there is no such file.
        ebm.storage.ModelFileError
            When the file is truncated, damaged, newer than this library, or holds something else.
        """
        arrays, metadata = storage.load(path, cls.__name__)
        values = metadata.get("values")
        if not isinstance(values, dict):
            raise ModelFileError(f"{path} lacks the values of a fitted {cls.__name__}")
        estimator = cls(**restored_parameters(cls, metadata.get("parameters"), path))
        estimator._validate_loaded(path)
        estimator._restore(arrays, values, path)
        estimator._restore_progress(values, path)
        estimator._restore_names(metadata.get("feature_names_in_"), path)
        return estimator

    def _validate_loaded(self, path: str | os.PathLike[str]) -> None:
        try:
            self._validate_params()
        except (ValueError, TypeError) as error:
            raise ModelFileError(f"{path}: {error}") from error

    def _saved_parameters(self) -> dict[str, Any]:
        return saved_parameters(self)

    def _progress(self) -> dict[str, Any]:
        """Values of how training went, where there was an epoch loop."""
        return {}

    def _restore_progress(self, values: dict[str, Any], path: str | os.PathLike[str]) -> None:
        """Set what `_progress` gave."""

    def _restore_names(self, names: Any, path: str | os.PathLike[str]) -> None:
        if names is None:
            return
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ModelFileError(f"{path}: the feature names are no list of strings")
        if len(names) != self.n_features_in_:
            raise ModelFileError(f"{path}: {len(names)} feature names for {self.n_features_in_} features")
        self.feature_names_in_ = np.array(names, dtype=object)

    @abstractmethod
    def _saved(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]: ...

    @abstractmethod
    def _restore(self, arrays: dict[str, np.ndarray], values: dict[str, Any], path: str | os.PathLike[str]) -> None: ...
