"""What densities whose log Z must be estimated share: it is found when first asked for, kept, and trusted or not."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ebm.sampling.annealing import LogPartition, told


class DensityWithPartition(ABC):
    """Base of estimators of a density p(x) = f(x) / Z.

    A subclass sets ``_log_partition`` to None wherever its parameters change, and gives:

    - ``score_samples``, which is ``_normalised`` of log f;
    - ``estimate_log_partition``, which sets ``_log_partition``.
    """

    _log_partition: LogPartition | None

    @abstractmethod
    def score_samples(self, X: Any) -> np.ndarray: ...

    @abstractmethod
    def estimate_log_partition(self) -> LogPartition: ...

    def _normalised(self, log_f: np.ndarray) -> np.ndarray:
        """Return log p of log f; to be called by ``score_samples``, whose caller a warning points to."""
        known = self._log_partition is not None  # else the estimate itself warns
        log_z = self.log_partition_
        return log_f - (told(log_z, stacklevel=4) if known else log_z).value

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean log-likelihood of the samples, in nats: the mean of `score_samples`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Whatever `score_samples` takes.
        y : None
            Ignored.

        Returns
        -------
        float
        """
        return float(np.mean(self.score_samples(X)))

    @property
    def log_partition_(self) -> LogPartition:
        """log Z of the model, with its standard error, effective sample size, method and verdict.

        Computed on first use by `estimate_log_partition` with its defaults (where its cost is told), kept, and dropped
        by `fit` and `partial_fit`.
        """
        check_is_fitted(self)
        return self._log_partition or self.estimate_log_partition()

    def __dir__(self) -> Iterable[str]:
        # scikit-learn asks for every member here, and its HTML view walks over them: that is no reason to
        # start the estimate.
        unknown = self.__dict__.get("_log_partition") is None
        names = (name for name in object.__dir__(self) if not (unknown and name == "log_partition_"))
        return [name for name in names if hasattr(self, name)]
