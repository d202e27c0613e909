"""Sequences at the door of estimators: their forms, targets of frames, tokens, other libraries' forms."""

import json
import pickle
import re

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import DataConversionWarning
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted

from ebm_sklearn import Vocabulary, from_channels, from_lengths, from_padded, to_padded
from ebm_sklearn._labels import read_labels
from ebm_sklearn._sequence_input import as_given, boxed, read_sequences, sequences_digest
from ebm_sklearn._sequence_targets import read_frame_labels, read_frame_targets
from ebm_sklearn._tokens import holds_strings, read_tokens

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
        (CUBE[None], "dim 4"),
        (np.zeros((0, 3, 2)), r"0 sample\(s\)"),
        (np.zeros((2, 0, 2)), r"none of them 0; got \(2, 0, 2\)"),
        ([RAGGED[0] * 1j], "Complex data not supported: sequence 0"),
        (CUBE * 1j, "Complex data not supported"),
        (None, "Expected 2D array"),
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


# ---- targets of frames ----


def test_labels_of_frames_are_numbered():
    reader = Reader().fit(RAGGED)
    words = [list("abca"), ["c"], list("aaaaaab")]
    for y in (words, boxed([np.array(part) for part in words]), [np.array(part) for part in words], tuple(words)):
        labels = read_frame_labels(reader, y, reader.data_)
        assert labels.classes.tolist() == ["a", "b", "c"]
        assert labels.numbers.frames.ravel().tolist() == [0, 1, 2, 0, 2, 0, 0, 0, 0, 0, 0, 1]
        assert labels.numbers.starts is reader.data_.starts
    assert labels.numbers.weighted([1, 0, 1]).n_frames == 11
    cube = Reader().fit(CUBE)
    assert read_frame_labels(cube, np.arange(20).reshape(5, 4), cube.data_).numbers.frames.ravel().tolist() == [
        *range(20)
    ]


def test_labels_of_rows_are_plain():
    reader = Reader().fit(CUBE[:, 0])
    for y in (np.arange(5), list(range(5)), pd.Series(range(5)), [[k] for k in range(5)]):
        assert read_frame_labels(reader, y, reader.data_).numbers.frames.ravel().tolist() == [0, 1, 2, 3, 4]
    with pytest.warns(DataConversionWarning):
        read_frame_labels(reader, np.arange(5)[:, None], reader.data_)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "requires y to be passed, but the target y is None"),
        (3, "y must have a sequence of targets for each of X, got 3"),
        ([[1], [2]], r"inconsistent numbers of samples: \[3, 2\]"),
        ([1, 2, 3], "sequence 0 of y is one value, 1, but there must be one for each of 4 frames"),
        (["abcd", "a", "abcdefg"], "sequence 0 of y is one value, 'abcd'"),
        ([[1, 2, 3, 4], [1], [1]], "sequence 2 of y has 1 frames, but sequence 2 of X has 7"),
        ([[1, 2, 3, 4], [1], [1, 2, 3, 4, 5, 6, np.nan]], "Input y contains NaN: sequence 2, frame 6"),
        ([[1, 2, 3, 4], [1], list("abcdefg")], "numbers or strings, not both: those of sequence 0 and sequence 2"),
        ([[1] * 4, [1], [1] * 7], "at least 2 classes, but the data has 1 class"),
        ([[0.5, 2, 3, 4], [1], [1] * 7], "Unknown label type: continuous"),
        ([np.ones((4, 2)), np.ones((1, 2)), np.ones((7, 2))], "y should be a 1d array"),
    ],
)
def test_labels_that_do_not_belong_to_the_frames_are_refused(y, message):
    reader = Reader().fit(RAGGED)
    with pytest.raises(ValueError, match=message):
        read_frame_labels(reader, y, reader.data_)


def test_unknown_class_is_named():
    reader = Reader().fit(RAGGED)
    with pytest.raises(ValueError, match=r"label 3, which is none of the classes \[1, 2\]"):
        read_frame_labels(reader, [[1, 2, 3, 2], [1], [1] * 7], reader.data_, classes=[1, 2])


def test_targets_of_frames():
    reader = Reader().fit(RAGGED)
    targets = read_frame_targets(reader, [part[:, :2] for part in RAGGED], reader.data_)
    np.testing.assert_array_equal(targets.values.frames, np.concatenate(RAGGED)[:, :2])
    assert targets.values.dtype == np.float32
    assert not targets.flat
    flat = read_frame_targets(reader, [part[:, 0] for part in RAGGED], reader.data_, dtype=np.float64)
    assert flat.flat
    assert flat.values.frames.shape == (12, 1)
    assert flat.values.dtype == np.float64
    rows = Reader().fit(CUBE[:, 0])
    assert read_frame_targets(rows, CUBE[:, 0, 0], rows.data_).flat
    assert read_frame_targets(rows, CUBE[:, 0, :2], rows.data_).values.frames.shape == (5, 2)
    cube = Reader().fit(CUBE)
    assert read_frame_targets(cube, CUBE[..., 0], cube.data_).values.frames.shape == (20, 1)
    np.testing.assert_array_equal(read_frame_targets(cube, CUBE, cube.data_).values.frames, CUBE.reshape(20, 3))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([RAGGED[0], RAGGED[1], RAGGED[2][:6]], "sequence 2 of y has 6 frames, but sequence 2 of X has 7"),
        ([RAGGED[0], RAGGED[1], RAGGED[2][:, :2]], "sequence 2 of y has 2 features, but sequence 0 has 3"),
        ([RAGGED[0], RAGGED[1], RAGGED[2][:, 0]], "give all of them alike"),
        (holed(np.nan), "Input y contains NaN: sequence 2, frame 5, feature 1"),
        ([["a"] * 4, ["a"], ["a"] * 7], "sequence 0 of y must hold real numbers"),
        ([part[:, None] for part in RAGGED], r"sequence 0 of y must have shape .* got \(4, 1, 3\)"),
    ],
)
def test_targets_that_do_not_belong_to_the_frames_are_refused(y, message):
    reader = Reader().fit(RAGGED)
    with pytest.raises(ValueError, match=message):
        read_frame_targets(reader, y, reader.data_)


# ---- tokens ----


@pytest.mark.parametrize(
    ("X", "tokens", "numbers", "text"),
    [
        (["abba", "cab"], ("a", "b", "c"), [0, 1, 1, 0, 2, 0, 1], True),
        (np.array(["abba", "cab"]), ("a", "b", "c"), [0, 1, 1, 0, 2, 0, 1], True),
        (pd.Series(["ab", "c"]), ("a", "b", "c"), [0, 1, 2], True),
        ([["to", "be"], ["or"]], ("be", "or", "to"), [2, 0, 1], False),
        ([[3, 17, 5], [99]], (3, 5, 17, 99), [0, 2, 1, 3], False),
        (np.array([[1, 2], [3, 9]]), (1, 2, 3, 9), [0, 1, 2, 3], False),
        ([np.array([7, 2], np.uint8)], (2, 7), [1, 0], False),
        (boxed([np.array([7, 2]), np.array([3])]), (2, 3, 7), [2, 0, 1], False),
    ],
)
def test_tokens_are_numbered(X, tokens, numbers, text):
    reader = Reader()
    read = read_tokens(reader, X)
    assert read.vocabulary.tokens == tokens
    assert read.data.frames.ravel().tolist() == numbers
    assert read.data.dtype == np.int64
    assert read.text is text
    assert reader.n_features_in_ == 1
    assert holds_strings(X) == isinstance(tokens[0], str)
    again = read_tokens(reader, X, vocabulary=read.vocabulary, sample_weight=[1] * len(X))
    np.testing.assert_array_equal(again.data.frames, read.data.frames)
    decoded = read.vocabulary.decode(read.data.sequences(), text=text)
    assert decoded == [str(part) if text else np.asarray(part).tolist() for part in X]


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ("abc", r"X is one string, but must be a list of sequences: give \[X\]"),
        ([], "X must have at least one sequence"),
        (["ab", ""], "sequence 1 of X is empty"),
        (["ab", [1]], "strings or integers, not both|unknown token 1"),
        ([[1.5]], "sequence 0 of X must hold strings or integers, got 1.5"),
        ([[True]], "must hold strings or integers, got True"),
        ([1, 2], "sequence 0 of X must be a string, or a list of strings or integers; got 1"),
        (np.zeros((2, 3)), "must hold strings or integers, got 0.0"),
        (None, "X must be a list of sequences of tokens, got None"),
    ],
)
@pytest.mark.parametrize("vocabulary", [None, Vocabulary(("a", "b"))])
def test_what_is_no_token_is_refused(X, message, vocabulary):
    with pytest.raises(ValueError, match=message):
        read_tokens(Reader(), X, vocabulary=vocabulary)


def test_unknown_token_is_named_with_its_place():
    vocabulary = Vocabulary.from_sequences(["abba", "cab"])
    with pytest.raises(ValueError, match=r"sequence 1 of y has the unknown token 'q' at place 2: .* none of the 3"):
        vocabulary.encode(["ab", "abqa"], name="y")


def test_vocabulary_goes_through_json_and_pickle():
    for sequences in (["abba", "cab"], [[np.int64(3), 17], [5]]):
        vocabulary = Vocabulary.from_sequences(sequences)
        assert Vocabulary(json.loads(json.dumps(list(vocabulary.tokens)))) == vocabulary
        assert pickle.loads(pickle.dumps(vocabulary)).index == vocabulary.index
        assert len(vocabulary) == 3
        with pytest.raises(AttributeError):
            vocabulary.tokens = ()


@pytest.mark.parametrize(
    ("tokens", "message"),
    [((), "at least one token"), (("a", "b", "a"), "'a' is there twice"), (("a", 1), "not both"), ((1.5,), "got 1.5")],
)
def test_bad_vocabularies_are_refused(tokens, message):
    with pytest.raises(ValueError, match=message):
        Vocabulary(tokens)


def test_numbers_of_no_token_are_refused():
    vocabulary = Vocabulary(("a", "b"))
    for bad in ([2], [-1], [0.5]):
        with pytest.raises(ValueError, match=re.escape(f"sequence 1 must hold integers from 0 to 1, got {bad}")):
            vocabulary.decode([[0], bad])
    with pytest.raises(ValueError, match="tokens are integers"):
        Vocabulary((1, 2)).decode([[0]], text=True)


# ---- other libraries' forms ----


def same(sequences, others):
    assert isinstance(sequences, list)
    for one, other in zip(sequences, others, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def test_channels_first_and_back():
    same(from_channels([part.T for part in RAGGED]), RAGGED)
    same(from_channels(boxed([part.T for part in RAGGED])), RAGGED)
    same(from_channels(CUBE.transpose(0, 2, 1)), list(CUBE))
    same(from_channels(CUBE[:, :, 0]), list(CUBE[:, :, :1]))
    same(from_channels([part[:, 0] for part in RAGGED]), [part[:, :1] for part in RAGGED])
    same([part.T for part in from_channels(RAGGED[:1])], RAGGED[:1])
    assert from_channels(CUBE)[0].base is None


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros(3), r"from_channels takes \(n_samples, n_channels, length\), got an array of shape \(3,\)"),
        (np.zeros((1, 2, 3, 4)), r"got an array of shape \(1, 2, 3, 4\)"),
        ([], "at least one sequence"),
        (3.0, "from_channels takes"),
        ([np.zeros((2, 3)), np.zeros((3, 4))], "sequence 1 of X has 3 features, but sequence 0 has 2"),
        (CUBE * np.nan, "contains NaN: sequence 0"),
    ],
)
def test_what_has_no_channels_is_refused(X, message):
    with pytest.raises(ValueError, match=message):
        from_channels(X)


def test_lengths_and_back():
    lengths = [len(part) for part in RAGGED]
    same(from_lengths(np.concatenate(RAGGED), lengths), RAGGED)
    same(from_lengths(np.concatenate(RAGGED)[:, 0], np.array(lengths)), [part[:, 0] for part in RAGGED])


@pytest.mark.parametrize(
    ("X", "lengths", "message"),
    [
        (np.zeros((5, 2)), [2, 2], "lengths have the sum 4, but X has 5 frames"),
        (np.zeros((5, 2)), [2, 0, 3], r"lengths must be at least 1, but lengths\[1\] is 0"),
        (np.zeros((5, 2)), [6, -1], r"lengths\[1\] is -1"),
        (np.zeros((5, 2)), [2.0, 3.0], "lengths must be integers"),
        (np.zeros((5, 2)), [], "lengths must be integers"),
        (np.zeros((5, 2)), 5, "lengths must be integers"),
        (np.zeros((5, 2, 1)), [5], r"X must have shape \(n_frames, n_features\) or \(n_frames,\)"),
    ],
)
def test_lengths_that_do_not_fit_are_refused(X, lengths, message):
    with pytest.raises(ValueError, match=message):
        from_lengths(X, lengths)


def test_padding_and_back():
    padded = to_padded(RAGGED)
    assert padded.shape == (3, 7, 3)
    assert padded.dtype == np.float32
    assert np.isnan(padded).sum() == 3 * (3 + 6)
    same(from_padded(padded), RAGGED)
    same(from_padded(padded[:, :, 0]), [part[:, :1] for part in RAGGED])
    same(from_padded(to_padded(CUBE)), list(CUBE))
    same(from_padded(np.concatenate([padded, np.full((3, 2, 3), np.nan, np.float32)], axis=1)), RAGGED)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        ((2, 3), "contains NaN: sequence 2, frame 3, feature 0"),
        ((2, 6, 1), "contains NaN: sequence 2, frame 6, feature 1"),
        ((2,), "sequence 2 of X is NaN throughout"),
    ],
)
def test_nan_that_is_no_padding_is_refused(spoil, message):
    padded = to_padded(RAGGED)
    padded[spoil] = np.nan
    with pytest.raises(ValueError, match=message):
        from_padded(padded)


def test_what_cannot_be_padded_or_unpadded_is_refused():
    for bad in (np.zeros(3), np.zeros((2, 0, 3)), np.array([["a"]])):
        with pytest.raises(ValueError, match="from_padded takes real numbers of shape"):
            from_padded(bad)
    with pytest.raises(ValueError, match="sequence 1 of sequences has 2 features"):
        to_padded([RAGGED[0], RAGGED[1][:, :2]])
    with pytest.raises(ValueError, match="contains infinity"):
        from_padded([[np.inf, 1.0]])
