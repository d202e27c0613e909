"""Labels and targets of every frame at the door: as many as each sequence has frames."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.exceptions import DataConversionWarning

from ebm_sklearn._sequence_input import boxed, read_sequences
from ebm_sklearn._sequence_targets import read_frame_labels, read_frame_targets

RNG = np.random.default_rng(0)
RAGGED = [RNG.normal(size=(length, 3)).astype(np.float32) for length in (4, 1, 7)]
CUBE = RNG.normal(size=(5, 4, 3))


class Reader(BaseEstimator):
    """Reads sequences, and no more."""

    def fit(self, X, y=None):
        self.data_ = read_sequences(self, X, reset=True)
        return self


def holed(value):
    parts = [part.copy() for part in RAGGED]
    parts[2][5, 1] = value
    return parts


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
        (
            [np.ones((4, 2)), np.ones((1, 2)), np.ones((7, 2))],
            r"sequence 0 of y must have shape \(length,\), a label a frame; got \(4, 2\)",
        ),
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
