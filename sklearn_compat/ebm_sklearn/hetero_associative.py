"""Hetero-associative memory as a scikit-learn predictor: from one pattern to another, and back."""

from __future__ import annotations

import dataclasses
import os
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_array, check_consistent_length, check_is_fitted

from ebm.boltzmann.associative import HeteroAssociative, PairRecall, hebb_pairs, pseudo_inverse_pairs
from ebm.storage import ModelFileError
from ebm_sklearn._base import TRAINING_CONSTRAINTS
from ebm_sklearn._files import take_array, take_count, take_rule
from ebm_sklearn._jobs import limited
from ebm_sklearn._saved import SavedEstimator
from ebm_sklearn._spins import Coding, kept, precision, read_dense, take_coding


def _stores_portions(memory: Any) -> bool:
    if memory.rule != "hebb":
        raise AttributeError(f"rule={memory.rule!r} needs all pairs at once; use fit, or rule='hebb'")
    return True


class HeteroAssociativeMemory(SavedEstimator):
    """Hetero-associative memory: stores pairs of binary patterns, and recalls one of a pair from the other.

    With x and y as -1 and +1, recall is one step, ``y = sign(x @ weights_)``, or goes to and fro until the pair stays,
    which with Hebb's rule is a bidirectional associative memory: it descends ``E(x, y) = -x @ weights_ @ y``.

    Parameters
    ----------
    rule : {"hebb", "pseudo_inverse"}, default="hebb"
        How pairs are stored. "hebb" sums outer products; "pseudo_inverse" recalls all pairs exactly while the
        patterns are linearly independent, but its way back has weights of its own, so there is no energy.
    bidirectional : bool, default=False
        Go to and fro, which cleans up cues, instead of one way.
    max_steps : int, default=100
        Of going to and fro, at most.
    binarize : float, default=None
        Turn features of X above this threshold into 1 and others into 0. With None, the samples of `fit` have
        values 0 and 1, or -1 and +1; others give an `OutOfRangeWarning`. y must be binary.
    n_jobs : int, default=None
        Threads, as in `HopfieldNetwork`.

    Attributes
    ----------
    weights_ : ndarray of shape (n_features, n_targets)
        From x to y.
    back_weights_ : ndarray of shape (n_targets, n_features)
        From y to x; with "hebb" the transpose of `weights_`.
    n_pairs_ : int
        Pairs stored, all calls of `partial_fit` included.
    n_features_in_ : int
        Features seen in `fit`.
    feature_names_in_ : ndarray of str
        Their names, when X had names that are all strings.

    See Also
    --------
    HopfieldNetwork : Recalls the patterns themselves.

    References
    ----------
    Kosko 1988, "Bidirectional associative memories" (doi:10.1109/21.87054); Kohonen 1972
    (doi:10.1109/TC.1972.5008975).

    Examples
    --------
    >>> import numpy as np
    >>> from ebm_sklearn import HeteroAssociativeMemory
    >>> rng = np.random.default_rng(0)
    >>> X, Y = rng.integers(0, 2, (5, 100)), rng.integers(0, 2, (5, 60))
    >>> memory = HeteroAssociativeMemory().fit(X, Y)
    >>> (memory.predict(X) == Y).all(), (memory.inverse_predict(Y) == X).all()
    (np.True_, np.True_)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "rule": [StrOptions({"hebb", "pseudo_inverse"})],
        "bidirectional": ["boolean"],
        "max_steps": [Interval(Integral, 0, None, closed="left")],
        "binarize": [Interval(Real, None, None, closed="neither"), None],
        "n_jobs": TRAINING_CONSTRAINTS["n_jobs"],
    }

    _trace_unit: ClassVar[tuple[str, int]] = ("steps", 2)  # of `energy_trace`: a unit of time, and energies in one

    weights_: np.ndarray
    back_weights_: np.ndarray
    n_pairs_: int
    _codings: tuple[Coding, Coding]  # of X and of y
    _rule: str  # by which the pairs were stored
    _flat: bool  # whether y was one-dimensional

    def __init__(
        self,
        rule: str = "hebb",
        *,
        bidirectional: bool = False,
        max_steps: int = 100,
        binarize: float | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.rule = rule
        self.bidirectional = bidirectional
        self.max_steps = max_steps
        self.binarize = binarize
        self.n_jobs = n_jobs

    # ---- storing ----

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any) -> Self:
        """Store pairs, forgetting what was stored before.

        Parameters
        ----------
        X : array-like of shape (n_pairs, n_features)
            Zeros and ones, or -1 and +1, or any that ``binarize`` makes so.
        y : array-like of shape (n_pairs, n_targets) or (n_pairs,)
            Zeros and ones, or -1 and +1.

        Returns
        -------
        HeteroAssociativeMemory
            This estimator.

        Raises
        ------
        ValueError
            When X, y or a parameter is not as described.
        """
        return self._store(X, y, first=True)

    @available_if(_stores_portions)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any) -> Self:
        """Store more pairs beside those stored before, exactly as one `fit` of all would; only with "hebb".

        Parameters
        ----------
        X : array-like of shape (n_pairs, n_features)
        y : array-like of shape (n_pairs, n_targets) or (n_pairs,)

        Returns
        -------
        HeteroAssociativeMemory
            This estimator.

        Raises
        ------
        ValueError
            When X, y or a parameter is not as described.
        """
        return self._store(X, y, first=not hasattr(self, "weights_"))

    def _store(self, X: Any, y: Any, *, first: bool) -> Self:
        X, (Y, flat) = read_dense(self, X, reset=first), self._read_targets(y)
        check_consistent_length(X, Y)
        if not first and (Y.shape[1], flat) != (self.weights_.shape[1], self._flat):
            raise ValueError(f"y has {Y.shape[1]} columns, the pairs before have {self.weights_.shape[1]}")
        if not first and self._rule != self.rule:
            raise ValueError(f"rule={self.rule!r}, but the pairs before were stored by {self._rule!r}; call fit")
        codings = (Coding.of(X, self.binarize), Coding.of(Y, None)) if first else self._codings
        dtype = precision(X) if first else self.weights_.dtype
        x_spins = codings[0].spins(X, dtype, binarize=self.binarize)
        y_spins = codings[1].spins(Y, dtype, name="y")
        if self.rule == "pseudo_inverse":
            self.weights_, self.back_weights_ = pseudo_inverse_pairs(x_spins, y_spins)
        else:
            self.weights_ = hebb_pairs(x_spins, y_spins, None if first else self.weights_)
            self.back_weights_ = self.weights_.T
        self._codings, self._flat, self._rule = codings, flat, self.rule
        self.n_pairs_ = len(X) + (0 if first else self.n_pairs_)
        return self

    def _read_targets(self, y: Any) -> tuple[np.ndarray, bool]:
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        Y = check_array(y, dtype="numeric", ensure_2d=False, input_name="y", estimator=self)
        flat = Y.ndim == 1
        return kept(Y[:, None] if flat else Y), flat

    # ---- recall ----

    def predict(self, X: Any) -> np.ndarray:
        """Recall y from x.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Cues, in the coding of `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_targets) or (n_samples,)
            In the coding and the form of the y of `fit`, in the dtype of `weights_`.
        """
        x = self._x_spins(X)
        with limited(self.n_jobs):
            model = self._model()
            y = model.recall(x, max_steps=self.max_steps).y if self.bidirectional else model.forward(x)
        values = self._codings[1].values(y)
        return values[:, 0] if self._flat else values

    def inverse_predict(self, y: Any) -> np.ndarray:
        """Recall x from y.

        Parameters
        ----------
        y : array-like of shape (n_samples, n_targets) or (n_samples,)
            In the coding of `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            In the coding of the X of `fit`.

        Raises
        ------
        ValueError
            When y has other columns than in `fit`.
        """
        y = self._y_spins(y)
        with limited(self.n_jobs):
            model = self._model().reversed()
            x = model.recall(y, max_steps=self.max_steps).y if self.bidirectional else model.forward(y)
        return self._codings[0].values(x)

    def decision_function(self, X: Any) -> np.ndarray:
        """Return the inputs ``x @ weights_`` of the units of y, whose signs are what one step recalls.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_targets) or (n_samples,)
            Where y is a code with one 1 for each class, the largest tells the class.
        """
        x = self._x_spins(X)
        with limited(self.n_jobs):
            fields = self._model().y_fields(x)
        return fields[:, 0] if self._flat else fields

    def energy(self, X: Any, y: Any) -> np.ndarray:
        """Return the energy ``E(x, y) = -x @ weights_ @ y`` of pairs.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples, n_targets) or (n_samples,)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        x, y = self._x_spins(X), self._y_spins(y)
        check_consistent_length(x, y)
        with limited(self.n_jobs):
            return self._model().energy(x, y)

    def energy_trace(self, X: Any) -> np.ndarray:
        """Return the energies of going to and fro from cues.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (2 n_steps + 1, n_samples)
            After the first y, then after every x and every y; a pair at rest keeps its last energy. With
            "pseudo_inverse" it may rise.
        """
        return self.recall(X).energies

    def recall(self, X: Any) -> PairRecall:
        """Go to and fro from cues, and tell how it went.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ebm.boltzmann.associative.PairRecall
            ``x`` and ``y`` in the codings of `fit` (y with two dimensions); ``converged``, ``steps``, ``energies``.
        """
        x = self._x_spins(X)
        with limited(self.n_jobs):
            found = self._model().recall(x, max_steps=self.max_steps)
        of_x, of_y = self._codings
        return dataclasses.replace(found, x=of_x.values(found.x), y=of_y.values(found.y))

    def score(self, X: Any, y: Any) -> float:
        """Return the share of units of y that are recalled from X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples, n_targets) or (n_samples,)

        Returns
        -------
        float
            1.0 when all are.
        """
        y = self._y_spins(y)
        found = self._codings[1].spins(np.asarray(self.predict(X)).reshape(len(y), -1), y.dtype)
        return float(np.mean(found == y))

    def _x_spins(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        X = read_dense(self, X, reset=False)
        return self._codings[0].spins(X, self.weights_.dtype, binarize=self.binarize)

    def _y_spins(self, y: Any) -> np.ndarray:
        check_is_fitted(self)
        Y = self._read_targets(y)[0]
        if Y.shape[1] != self.weights_.shape[1]:
            raise ValueError(f"y has {Y.shape[1]} columns, but {type(self).__name__} stores {self.weights_.shape[1]}")
        return self._codings[1].spins(Y, self.weights_.dtype, name="y")

    def _model(self) -> HeteroAssociative:
        return HeteroAssociative(self.weights_, self.back_weights_)

    # ---- files ----

    def _saved(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        of_x, of_y = map(dataclasses.asdict, self._codings)
        values = {"n_pairs": self.n_pairs_, "rule": self._rule, "coding_x": of_x, "coding_y": of_y, "flat": self._flat}
        return {"weights_": self.weights_, "back_weights_": self.back_weights_}, values

    def _restore(self, arrays: dict[str, np.ndarray], values: dict[str, Any], path: str | os.PathLike[str]) -> None:
        weights = arrays.get("weights_", np.empty(0))
        if weights.ndim != 2 or 0 in weights.shape or weights.dtype not in (np.float32, np.float64):
            raise ModelFileError(f"{path} lacks a matrix 'weights_' of float32 or float64")
        self.weights_ = take_array(arrays, "weights_", weights.shape, weights.dtype, path)
        self.back_weights_ = take_array(arrays, "back_weights_", weights.T.shape, weights.dtype, path)
        self._rule = take_rule(values, self, path)
        self.n_pairs_ = take_count(values, "n_pairs", path)
        self._codings = take_coding(values, "coding_x", path), take_coding(values, "coding_y", path)
        self._flat, self.n_features_in_ = values.get("flat") is True, len(weights)

    # ---- what scikit-learn asks ----

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "weights_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        return tags
