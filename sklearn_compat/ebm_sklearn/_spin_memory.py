"""What memories of spins share: recall from cues, and energies."""

from __future__ import annotations

from abc import abstractmethod
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from sklearn.base import OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ebm.boltzmann.hopfield_recall import Recall
from ebm.device import Device, get_device
from ebm_sklearn._jobs import limited
from ebm_sklearn._saved import SavedEstimator
from ebm_sklearn._spins import Coding, read_dense


class SpinMemory(OneToOneFeatureMixin, TransformerMixin, SavedEstimator):
    """Base of memories that recall patterns of -1 and +1.

    A subclass has the parameters ``binarize, device, n_jobs``, keeps its ``_coding``, and gives:

    - ``_model(device)``: the model, with its arrays on the device;
    - ``_settle(model, cues, points)``: the recall;
    - ``_dtype``: of its arrays;
    - what `SavedEstimator` asks.
    """

    _trace_unit: ClassVar[tuple[str, int]] = ("sweeps", 1)  # of `energy_trace`: a unit of time, and energies in one

    binarize: float | None
    device: Any
    n_jobs: int | None
    coding_: str
    _coding: Coding

    def transform(self, X: Any) -> np.ndarray:
        """Recall from cues.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Cues, in the coding of `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Where recall ended, in the coding of `fit` and the dtype of what is stored.
        """
        return self.recall(X).states

    def recall(self, X: Any) -> Recall:
        """Recall from cues, and tell how it went.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Cues, in the coding of `fit`.

        Returns
        -------
        ebm.boltzmann.hopfield_recall.Recall
            ``states`` in the coding of `fit`; ``converged``, ``period``, ``sweeps`` and ``flips`` of every sample.
        """
        return self._recalled(X, 0)

    def energy_trace(self, X: Any, *, points: int = 1) -> np.ndarray:
        """Return the energies on the way from cues to where recall ends.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Cues, in the coding of `fit`.
        points : int, default=1
            Energies in a sweep: 1 for its end, ``n_features_in_`` for every single update. Synchronous recall
            has 1.

        Returns
        -------
        ndarray of shape (n_points + 1, n_samples)
            At the cue and after every sweep or part of one; a sample at rest keeps its last energy.
        """
        if isinstance(points, bool) or not isinstance(points, Integral) or points < 1:
            raise ValueError(f"points must be an integer of at least 1, got {points!r}")
        energies = self._recalled(X, int(points)).energies
        assert energies is not None
        return energies

    def energy(self, X: Any) -> np.ndarray:
        """Return the energy E(s) of states.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            States, in the coding of `fit`.

        Returns
        -------
        ndarray of shape (n_samples,)
            Low in the valleys, where recall ends.
        """
        check_is_fitted(self)
        spins = self._spins(X)
        with limited(self.n_jobs):
            return self._model(Device()).energy(spins)

    def score_samples(self, X: Any) -> np.ndarray:
        """Return minus the energy: log-probability but for a constant, at temperature 1.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            States, in the coding of `fit`.

        Returns
        -------
        ndarray of shape (n_samples,)
            Higher is likelier.
        """
        return -self.energy(X)

    def _recalled(self, X: Any, points: int) -> Recall:
        check_is_fitted(self)
        spins, device = self._spins(X), get_device(self.device)
        with limited(self.n_jobs), device.active():
            found = self._settle(self._model(device), device.upload(spins), points)
            parts: dict[str, Any] = dict(vars(found))
            parts = {name: None if part is None else device.download(part) for name, part in parts.items()}
        return Recall(**{**parts, "states": self._coding.values(parts["states"])})

    def _spins(self, X: Any) -> np.ndarray:
        return self._coding.spins(read_dense(self, X, reset=False), self._dtype, binarize=self.binarize)

    @property
    @abstractmethod
    def _dtype(self) -> np.dtype: ...

    @abstractmethod
    def _model(self, device: Device) -> Any: ...

    @abstractmethod
    def _settle(self, model: Any, cues: Any, points: int) -> Recall: ...

    # ---- what scikit-learn asks ----

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
