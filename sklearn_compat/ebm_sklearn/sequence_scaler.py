"""Standardising the features of sequences, over all frames of all of them."""

from __future__ import annotations

import os
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import OneToOneFeatureMixin, TransformerMixin, _fit_context
from sklearn.utils.validation import check_is_fitted

from ebm.sequences import SequenceData
from ebm.storage import ModelFileError
from ebm_sklearn._files import take_array
from ebm_sklearn._saved import SavedEstimator
from ebm_sklearn._sequence_input import as_given, read_sequences, with_dimensions_of

FRAMES_AT_ONCE = 4096  # frames in float64 at a time: keeps temporaries in the cache


class SequenceScaler(  # type: ignore[call-arg]  # mypy does not see scikit-learn's keywords of classes
    OneToOneFeatureMixin, TransformerMixin, SavedEstimator, auto_wrap_output_keys=None
):
    """Standardise features of sequences: mean 0 and variance 1 over all frames of all sequences.

    ::

        z = (x - mean_) / scale_ ,   scale_ = sqrt(var_)

    A frame counts alike in short and long sequences. Sums are float64 whatever the data are. On a plain array
    (n_samples, n_features) it does what scikit-learn's ``StandardScaler`` does. There is no `set_output`, and
    scikit-learn's setting ``transform_output`` changes nothing: a data frame cannot hold sequences.

    Parameters
    ----------
    with_mean : bool, default=True
        Take the mean away.
    with_std : bool, default=True
        Divide by the standard deviation.

    Attributes
    ----------
    mean_ : ndarray of shape (n_features,), float64
        Mean of each feature.
    var_ : ndarray of shape (n_features,), float64
        Variance of each feature, with the number of frames (not one less) as divisor.
    scale_ : ndarray of shape (n_features,), float64
        Standard deviations, 1 where a feature is constant to rounding or without ``with_std``.
    n_frames_seen_ : int or float
        Frames seen, all calls of `partial_fit` included; the sum of their weights where weights were given.
    n_features_in_ : int
        Features seen in `fit`.
    feature_names_in_ : ndarray of str
        Their names, when the sequences were data frames whose columns have names that are all strings.

    See Also
    --------
    sklearn.preprocessing.StandardScaler : The same for samples without a time.

    References
    ----------
    Chan, Golub & LeVeque 1983 (doi:10.1080/00031305.1983.10483115): variances in two passes with correction, their
    pairwise joining, and the bound on what rounding makes of a constant.

    Examples
    --------
    >>> import numpy as np
    >>> from ebm_sklearn import SequenceScaler
    >>> X = [np.array([[1.0], [2.0], [3.0]]), np.array([[2.0]])]
    >>> SequenceScaler(with_std=False).fit_transform(X)
    [array([[-1.],
           [ 0.],
           [ 1.]]), array([[0.]])]
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {"with_mean": ["boolean"], "with_std": ["boolean"]}

    mean_: np.ndarray
    var_: np.ndarray
    scale_: np.ndarray
    n_frames_seen_: float

    def __init__(self, *, with_mean: bool = True, with_std: bool = True) -> None:
        self.with_mean = with_mean
        self.with_std = with_std

    # ---- learning ----

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Take mean and variance of all frames, forgetting what was seen before.

        Parameters
        ----------
        X : list or object array of arrays (length, n_features) or (length,); array (n_samples, length, n_features); \
                or array-like (n_samples, n_features), sequences of one frame
            Real numbers.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of every frame of a sequence, at least 0.

        Returns
        -------
        SequenceScaler
            This estimator.

        Raises
        ------
        ValueError
            When X or weights are not as described, with the number of the sequence, counted from 0.
        TypeError
            When X is sparse.
        """
        data = read_sequences(self, X, reset=True, sample_weight=sample_weight)
        self._take(moments(data), whole=sample_weight is None)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Take more sequences into account beside those seen before.

        Portions give what one `fit` of all the sequences gives, but for rounding in float64.

        Parameters
        ----------
        X : sequences
            As in `fit`; the first call is a `fit`.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            As in `fit`.

        Returns
        -------
        SequenceScaler
            This estimator.

        Raises
        ------
        ValueError
            When X or weights are not as in `fit`, or frames have another number of features than before.
        TypeError
            When X is sparse.
        """
        first = not hasattr(self, "mean_")
        data = read_sequences(self, X, reset=first, sample_weight=sample_weight)
        new, whole = moments(data), sample_weight is None
        if not first:
            new = joined((float(self.n_frames_seen_), self.mean_, self.var_), new)
            whole &= isinstance(self.n_frames_seen_, int)
        self._take(new, whole=whole)
        return self

    def _take(self, seen: tuple[float, np.ndarray, np.ndarray], *, whole: bool) -> None:
        weight, self.mean_, self.var_ = seen
        self.n_frames_seen_ = int(weight) if whole else weight
        self.scale_ = np.where(_constant(seen) | (not self.with_std), 1.0, np.sqrt(self.var_))

    # ---- use ----

    def transform(self, X: Any) -> Any:
        """Standardise sequences.

        Parameters
        ----------
        X : sequences
            As in `fit`.

        Returns
        -------
        list, object array or ndarray
            Whatever X is, with arrays of the same shapes (data frames become arrays). float64 stays float64; anything
            else becomes float32.

        Raises
        ------
        ValueError
            When X is not as in `fit`, or has another number of features.
        sklearn.exceptions.NotFittedError
            Before `fit`.
        """
        shift = self._shift()
        return self._mapped(X, lambda frames: (frames - shift) / self.scale_)

    def inverse_transform(self, X: Any) -> Any:
        """Undo `transform`.

        Parameters
        ----------
        X : sequences
            Standardised, in any form that `fit` takes.

        Returns
        -------
        list, object array or ndarray
            As `transform` returns it.

        Raises
        ------
        ValueError
            When X is not as in `fit`, or has another number of features.
        sklearn.exceptions.NotFittedError
            Before `fit`.
        """
        shift = self._shift()
        return self._mapped(X, lambda frames: frames * self.scale_ + shift, named=False)

    def _shift(self) -> np.ndarray:
        check_is_fitted(self)
        return self.mean_ if self.with_mean else np.zeros_like(self.mean_)

    def _mapped(self, X: Any, function: Any, *, named: bool = True) -> Any:
        data = read_sequences(self, X, reset=False, named=named)
        out = np.empty_like(data.frames)
        for top in range(0, data.n_frames, FRAMES_AT_ONCE):
            here = slice(top, top + FRAMES_AT_ONCE)
            out[here] = function(data.frames[here].astype(np.float64))
        return with_dimensions_of(X, as_given(X, out, data.starts))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    # ---- files ----

    def _saved(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        arrays = {"mean_": self.mean_, "var_": self.var_, "scale_": self.scale_}
        return arrays, {"n_frames_seen": self.n_frames_seen_}

    def _restore(self, arrays: dict[str, np.ndarray], values: dict[str, Any], path: str | os.PathLike[str]) -> None:
        n = arrays.get("mean_", np.empty(0)).size
        for name in ("mean_", "var_", "scale_"):
            setattr(self, name, take_array(arrays, name, (n,), np.float64, path))
        seen = values.get("n_frames_seen")
        if isinstance(seen, bool) or not isinstance(seen, int | float) or not 0 < seen < np.inf:
            raise ModelFileError(f"{path}: the number of frames seen is {seen!r}")
        if n == 0 or (self.var_ < 0).any() or (self.scale_ <= 0).any():
            raise ModelFileError(f"{path}: variances below 0, scales that are not above 0, or none of them")
        self.n_frames_seen_, self.n_features_in_ = seen, n


def moments(data: SequenceData) -> tuple[float, np.ndarray, np.ndarray]:
    """Return (sum of weights, mean, variance) over frames, in float64 and two passes."""
    seen: tuple[float, np.ndarray, np.ndarray] | None = None
    weights = np.repeat(data.weights, data.lengths)
    for top in range(0, data.n_frames, FRAMES_AT_ONCE):
        here = slice(top, top + FRAMES_AT_ONCE)
        block = _block_moments(data.frames[here].astype(np.float64), weights[here])
        seen = block if seen is None else joined(seen, block)
    assert seen is not None  # there is at least one frame
    return seen


def _block_moments(frames: np.ndarray, weights: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    total = weights.sum()
    share = weights / total
    mean = share @ frames
    frames -= mean
    rest = share @ frames  # what rounding left in the mean
    return float(total), mean + rest, np.maximum(share @ frames**2 - rest**2, 0)


def joined(
    a: tuple[float, np.ndarray, np.ndarray], b: tuple[float, np.ndarray, np.ndarray]
) -> tuple[float, np.ndarray, np.ndarray]:
    """Return weight, mean and variance of two portions together (Chan, Golub & LeVeque 1983)."""
    total = a[0] + b[0]
    of_b, apart = b[0] / total, b[1] - a[1]
    return total, a[1] + of_b * apart, (1 - of_b) * a[2] + of_b * b[2] + of_b * (1 - of_b) * apart**2


def _constant(seen: tuple[float, np.ndarray, np.ndarray]) -> np.ndarray:
    """Features whose variance is within what rounding may make of a constant."""
    n, mean, var = seen
    rounding = max(n, 1.0) * np.finfo(np.float64).eps
    return var <= rounding * var + (rounding * mean) ** 2
