"""Sequences at the door of estimators: their forms, targets of frames, tokens, other libraries' forms."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted

from ebm_sklearn._labels import read_labels
from ebm_sklearn._sequence_input import as_given, boxed, read_sequences, sequences_digest

RNG = np.random.default_rng(0)
RAGGED = [RNG.normal(size=(length, 3)).astype(np.float32) for length in (4, 1, 7)]
CUBE = RNG.normal(size=(5, 4, 3))


class Reader(BaseEstimator):
    """Reads, and no more."""

    def fit(self, X, y=None):
        self.data_ = read_sequences(self, X, reset=True)
        return self

    def read(self, X, **options):
        return read_sequences(self, X, reset=False, **options)


class NearestMean(ClassifierMixin, BaseEstimator):
    """A classifier of sequences by their mean frame: the least that a search and the estimator checks can try."""

    def __init__(self, power=1.0):
        self.power = power

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def fit(self, X, y):
        data = read_sequences(self, X, reset=True)
        self.classes_, numbers = read_labels(self, data.weights, y)
        means = self._means(data)
        self.centres_ = np.array([means[numbers == c].mean(axis=0) for c in range(len(self.classes_))])
        return self

    def _means(self, data):
        return np.array([np.sign(m) * abs(m) ** self.power for m in (part.mean(axis=0) for part in data.sequences())])

    def predict(self, X):
        check_is_fitted(self)
        means = self._means(read_sequences(self, X, reset=False))
        return self.classes_[((means[:, None] - self.centres_) ** 2).sum(axis=2).argmin(axis=1)]


# ---- forms ----

CHECKS = parametrize_with_checks([NearestMean()])


# scikit-learn 1.7 gives a generator, and pytest 9 wants a list
@pytest.mark.parametrize(CHECKS.args[0], list(CHECKS.args[1]), **CHECKS.kwargs)
def test_a_plain_array_of_rows_keeps_the_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    "form",
    [
        list,
        tuple,
        boxed,
        pd.Series,
        lambda parts: [pd.DataFrame(part) for part in parts],
        lambda parts: [part.tolist() for part in parts],
        lambda parts: [[list(frame) for frame in part] for part in parts],
        lambda parts: [np.asfortranarray(part) for part in parts],
    ],
    ids=["list", "tuple", "object array", "series", "frames", "nested", "list of lists of lists", "fortran"],
)
def test_containers_of_sequences_are_alike(form):
    data = Reader().fit(form(RAGGED)).data_
    np.testing.assert_array_equal(data.lengths, [4, 1, 7])
    np.testing.assert_array_equal(data.frames, np.concatenate(RAGGED))


@pytest.mark.parametrize("form", [list, tuple, boxed, pd.Series])
def test_arrays_of_one_dimension_have_one_feature_whatever_their_lengths(form):
    for parts in ([np.arange(3.0), np.arange(2.0)], [np.arange(3.0), np.arange(3.0)]):
        reader = Reader().fit(form(parts))
        np.testing.assert_array_equal(reader.data_.lengths, [len(part) for part in parts])
        assert reader.n_features_in_ == 1


def test_an_array_is_sequences_of_its_length_and_rows_are_single_frames():
    assert Reader().fit(CUBE).data_.lengths.tolist() == [4] * 5
    for rows in (CUBE[:, 0], CUBE[:, 0].tolist(), CUBE[:, 0].astype(object), pd.DataFrame(CUBE[:, 0])):
        reader = Reader().fit(rows)
        assert reader.data_.lengths.tolist() == [1] * 5
        assert reader.n_features_in_ == 3
        np.testing.assert_array_equal(reader.data_.frames, CUBE[:, 0])


@pytest.mark.parametrize(
    ("given", "kept"),
    [("float32", "float32"), ("float64", "float64"), ("bool", "float32"), ("uint8", "float32"), ("int64", "float32")],
)
def test_precision_follows_the_data(given, kept):
    data = np.ones((2, 4, 3), given)
    for X in (list(data), data, data[:, 0]):
        reader = Reader().fit(X)
        assert reader.data_.dtype == kept
        assert reader.read(X, dtype=np.float64).dtype == np.float64


def test_weights_leave_sequences_out():
    assert Reader().fit(RAGGED).read(RAGGED, sample_weight=[1, 0, 2]).lengths.tolist() == [4, 7]


def test_input_is_left_as_it_was():
    before = [part.copy() for part in RAGGED]
    Reader().fit(RAGGED).read(RAGGED)
    for part, given in zip(RAGGED, before, strict=True):
        np.testing.assert_array_equal(part, given)


@pytest.mark.parametrize("X", [RAGGED, boxed(RAGGED), [part[:, 0] for part in RAGGED], CUBE, CUBE[:, 0]])
def test_values_of_frames_come_back_in_the_same_container(X):
    data = Reader().fit(X).data_
    labels, rows = np.arange(data.n_frames), np.ones((data.n_frames, 2))
    for values in (labels, rows):
        out = as_given(X, values, data.starts)
        assert type(out) is type(X)
        assert len(out) == len(X)
        flat = out.reshape(values.shape) if isinstance(X, np.ndarray) and X.dtype != object else np.concatenate(out)
        np.testing.assert_array_equal(flat, values)
        if isinstance(X, np.ndarray):
            assert out.dtype == (object if X.dtype == object else values.dtype)
            assert out.shape[: max(X.ndim - 1, 1)] == X.shape[: max(X.ndim - 1, 1)]


def test_digest_tells_sequences_cut_in_another_way_apart():
    data, again = Reader().fit(RAGGED).data_, Reader().fit(boxed(RAGGED)).data_
    other = Reader().fit([np.concatenate(RAGGED[:2]), RAGGED[2]]).data_
    assert sequences_digest(data) == sequences_digest(again) != sequences_digest(other)


# ---- what is refused ----


def holed(value):
    parts = [part.copy() for part in RAGGED]
    parts[2][5, 1] = value
    return parts


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([], "at least one sequence"),
        ([RAGGED[0], RAGGED[1][:0]], "sequence 1 of X is empty"),
        ([RAGGED[0], RAGGED[1][:, :2]], "sequence 1 of X has 2 features, but sequence 0 has 3"),
        ([RAGGED[0], 3.0], "sequence 1 of X must have shape"),
        (holed(np.nan), "Input X contains NaN: sequence 2, frame 5, feature 1"),
        (holed(np.inf), "Input X contains infinity .*: sequence 2, frame 5, feature 1"),
        (CUBE[:, 0] * np.nan, "Input X contains NaN: sequence 0, frame 0"),
        (
            np.where(np.arange(4)[:, None] < 3, CUBE, np.nan),
            "sequence 0, frame 3, feature 0 .* ebm_sklearn.from_padded",
        ),
        ([[1.0], [1.0, 2.0]], "list of lists of numbers, of lengths from 1 to 2.*give arrays"),
        (["abc", "d"], "X holds strings, but numbers are needed"),
        (np.zeros(3), "Expected 2D array, got 1D array"),
        ([1.0, 2.0], "Expected 2D array, got 1D array"),
        (CUBE[None], r"must have shape \(n_samples, length, n_features\)"),
        (np.zeros((0, 3, 2)), r"0 sample\(s\)"),
        (np.zeros((2, 0, 2)), r"none of them 0; got \(2, 0, 2\)"),
        ([RAGGED[0] * 1j], "Complex data not supported: sequence 0"),
        (CUBE * 1j, "Complex data not supported"),
        (None, "got NoneType"),
    ],
)
def test_what_is_no_sequences_is_refused(X, message):
    with pytest.raises(ValueError, match=message):
        Reader().fit(X)
    reader = Reader().fit(RAGGED)
    with pytest.raises(ValueError, match=message):
        reader.read(X)


def test_sparse_data_is_refused():
    for X, message in (
        (csr_array(CUBE[0]), "Sparse data"),
        ([RAGGED[0], csr_array(RAGGED[1])], "sequence 1 is sparse"),
    ):
        with pytest.raises(TypeError, match=message):
            Reader().fit(X)


@pytest.mark.parametrize("X", [[part[:, :2] for part in RAGGED], CUBE[:, :, :2], CUBE[:, 0, :2]])
def test_other_features_than_in_fit_are_told_in_scikit_learns_words(X):
    reader = Reader().fit(RAGGED)
    with pytest.raises(ValueError, match="X has 2 features, but Reader is expecting 3 features as input"):
        reader.read(X)


def test_names_of_features_are_remembered_compared_and_forgotten():
    frames = [pd.DataFrame(part, columns=list("abc")) for part in RAGGED]
    reader = Reader().fit(frames)
    assert reader.feature_names_in_.tolist() == list("abc")
    reader.read(frames)
    with pytest.raises(ValueError, match="feature names"):
        reader.read([frame.rename(columns={"a": "z"}) for frame in frames])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        reader.read(RAGGED)
    with pytest.raises(ValueError, match="sequence 1 of X has other feature names"):
        reader.read([frames[0], frames[1][list("bac")], frames[2]])
    assert not hasattr(reader.fit(RAGGED), "feature_names_in_")


# ---- searches ----


def ragged_classes(n=60):
    y = np.arange(n) % 3
    return [RNG.normal(size=(RNG.integers(1, 9), 2)) + 5 * np.array([c == 1, c == 2]) for c in y], y


@pytest.mark.parametrize("form", [list, boxed])
def test_searches_and_splits_take_ragged_sequences(form):
    X, y = ragged_classes()
    X = form(X)
    search = GridSearchCV(NearestMean(), {"power": [0.5, 1.0]}, cv=3, n_jobs=2).fit(X, y)
    assert search.best_score_ > 0.95
    assert cross_val_score(NearestMean(), X, y, cv=4).mean() > 0.9
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    assert NearestMean().fit(X_train, y_train).score(X_test, y_test) > 0.9
