"""The modern Hopfield network as a scikit-learn transformer: from corrupted real patterns to stored ones."""

from __future__ import annotations

import os
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import OneToOneFeatureMixin, TransformerMixin, _fit_context
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from ebm.boltzmann.modern_hopfield import ContinuousRecall
from ebm.boltzmann.modern_hopfield import ModernHopfield as Model
from ebm.storage import ModelFileError
from ebm_sklearn._files import take_array
from ebm_sklearn._saved import SavedEstimator
from ebm_sklearn._spins import precision, read_dense


class ModernHopfield(OneToOneFeatureMixin, TransformerMixin, SavedEstimator):
    """Modern (continuous) Hopfield network: stores real patterns, and recalls them by attention.

    States z, of any real values, have an energy that recall descends; M is the largest norm of a pattern::

        E(z) = -1/beta log sum_p exp(beta patterns_[p] . z) + 1/2 z . z + 1/beta log n_patterns + 1/2 M^2
        z <- patterns_.T @ softmax(beta patterns_ @ z)

    `fit` stores samples, `transform` recalls from cues, and `score_samples` is minus the energy. Products say how
    near a pattern is only if patterns are apart and of one length: take the mean away and scale samples before
    (``StandardScaler(with_std=False)`` and ``Normalizer()``), or the brightest picture is recalled from every cue.

    Parameters
    ----------
    beta : float, default=1.0
        Sharpness. At large values recall takes the stored pattern that points most in the direction of the cue,
        in one step; at small ones it ends at a mean of several. What is large depends on the scale of the
        samples: beta times the differences between products of patterns should be well above 1.
    max_steps : int, default=100
        Updates, at most.
    tol : float, default=1e-6
        Recall ends when no feature moves by more than this times the largest stored value.

    Attributes
    ----------
    patterns_ : ndarray of shape (n_patterns, n_features)
        What was stored.
    n_features_in_ : int
        Features seen in `fit`.
    feature_names_in_ : ndarray of str
        Their names, when X had names that are all strings.

    See Also
    --------
    HopfieldNetwork : Stores binary patterns in weights.

    References
    ----------
    Ramsauer et al. 2020, "Hopfield networks is all you need" (arXiv:2008.02217).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.preprocessing import normalize
    >>> from ebm_sklearn import ModernHopfield
    >>> X = load_digits().data[:100]
    >>> X = normalize(X - X.mean(axis=0))
    >>> network = ModernHopfield(beta=100.0).fit(X)
    >>> cues = X.copy()
    >>> cues[:, 48:] = 0
    >>> (abs(network.transform(cues) - X).max(axis=1) < 0.01).mean() > 0.95
    np.True_
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "beta": [Interval(Real, 0, None, closed="neither")],
        "max_steps": [Interval(Integral, 0, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
    }

    _trace_unit: ClassVar[tuple[str, int]] = ("steps", 1)  # of `energy_trace`: a unit of time, and energies in one

    patterns_: np.ndarray

    def __init__(self, beta: float = 1.0, *, max_steps: int = 100, tol: float = 1e-6) -> None:
        self.beta = beta
        self.max_steps = max_steps
        self.tol = tol

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Store patterns, forgetting what was stored before.

        Parameters
        ----------
        X : array-like of shape (n_patterns, n_features)
            Kept in float64, or float32 for float32, bool and uint8.
        y : None
            Ignored.

        Returns
        -------
        ModernHopfield
            This estimator.

        Raises
        ------
        ValueError
            When X or a parameter is not as described.
        """
        X = read_dense(self, X, reset=True)
        self.patterns_ = X.astype(precision(X), order="C", copy=True)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Store more patterns beside those stored before.

        Parameters
        ----------
        X : array-like of shape (n_patterns, n_features)
            As in `fit`.
        y : None
            Ignored.

        Returns
        -------
        ModernHopfield
            This estimator.

        Raises
        ------
        ValueError
            When X or a parameter is not as described.
        """
        if not hasattr(self, "patterns_"):
            return self.fit(X)
        self.patterns_ = np.concatenate([self.patterns_, self._read(X)])
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Recall from cues.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Where recall ended, in the dtype of `patterns_`.
        """
        return self.recall(X).states

    def recall(self, X: Any) -> ContinuousRecall:
        """Recall from cues, and tell how it went.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ebm.boltzmann.modern_hopfield.ContinuousRecall
            ``states``, ``converged``, ``steps`` and ``energies``.
        """
        check_is_fitted(self)
        return self._model().recall(self._read(X), max_steps=self.max_steps, tol=self.tol)

    def attention(self, X: Any) -> np.ndarray:
        """Return how much of each stored pattern one step from a cue takes, ``softmax(beta patterns_ @ z)``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_patterns)
            Rows sum to 1.
        """
        check_is_fitted(self)
        return self._model().attention(self._read(X))

    def energy(self, X: Any) -> np.ndarray:
        """Return the energy E(z) of states.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
            At least 0; low where recall ends.
        """
        check_is_fitted(self)
        return self._model().energy(self._read(X))

    def score_samples(self, X: Any) -> np.ndarray:
        """Return minus the energy: higher is nearer to what is stored.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return -self.energy(X)

    def energy_trace(self, X: Any) -> np.ndarray:
        """Return the energies on the way from cues to where recall ends.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_steps + 1, n_samples)
            At the cue and after every step; a sample at rest keeps its last energy.
        """
        return self.recall(X).energies

    def _read(self, X: Any) -> np.ndarray:
        return read_dense(self, X, reset=False).astype(self.patterns_.dtype, copy=False)

    def _model(self) -> Model:
        return Model(self.patterns_, float(self.beta))

    # ---- files ----

    def _saved(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return {"patterns_": self.patterns_}, {}

    def _restore(self, arrays: dict[str, np.ndarray], values: dict[str, Any], path: str | os.PathLike[str]) -> None:
        patterns = arrays.get("patterns_", np.empty(0))
        if patterns.ndim != 2 or 0 in patterns.shape or patterns.dtype not in (np.float32, np.float64):
            raise ModelFileError(f"{path} lacks a matrix 'patterns_' of float32 or float64")
        self.patterns_ = take_array(arrays, "patterns_", patterns.shape, patterns.dtype, path)
        self.n_features_in_ = patterns.shape[1]

    # ---- what scikit-learn asks ----

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "patterns_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
