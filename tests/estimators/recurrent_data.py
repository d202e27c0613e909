"""Small ragged problems, and one estimator of each kind that can be fitted to them in a moment."""

import numpy as np

from ebm_sklearn.rnn_classifier import RNNClassifier
from ebm_sklearn.rnn_regressor import RNNRegressor
from ebm_sklearn.sequence_labeler import SequenceLabeler
from ebm_sklearn.sequence_regressor import SequenceRegressor


def ragged(n=40, n_features=2, dtype=np.float32, seed=0):
    """Return sequences of 1 to 9 frames."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(length, n_features)).astype(dtype) for length in rng.integers(1, 10, size=n)]


def problem(kind, **options):
    """Return X and y for an estimator of this type: signs and sums of what came so far."""
    X = ragged(**options)
    sums = [np.cumsum(x[:, 0]) for x in X]
    if kind is RNNClassifier:
        return X, np.array(["down", "up"])[[int(s[-1] > 0) for s in sums]]
    if kind is RNNRegressor:
        return X, np.array([[s[-1], x[-1, 1]] for s, x in zip(sums, X, strict=True)], X[0].dtype)
    if kind is SequenceLabeler:
        return X, [(s > 0).astype(int) for s in sums]
    return X, [s.astype(X[0].dtype) for s in sums]


KINDS = (RNNClassifier, RNNRegressor, SequenceLabeler, SequenceRegressor)
ALIGNED = KINDS[2:]
CLASSIFIERS = (RNNClassifier, SequenceLabeler)


def made(kind, **options):
    return kind(**{"units": 6, "n_iter": 3, "random_state": 0, **options})


def same(one, other):
    """Tell whether answers are equal to the last bit, whatever they are in."""
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one.dtype == other.dtype and np.array_equal(one, other)


def equal_parameters(one, other):
    return all(np.array_equal(array, other.parameters_[name]) for name, array in one.parameters_.items())
