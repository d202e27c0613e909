"""Sequences as the kernels read them: frames one after the other, and what is refused."""

import numpy as np
import pytest

from ebm.sequences import SequenceData

RNG = np.random.default_rng(0)
RAGGED = [RNG.normal(size=(length, 3)) for length in (4, 1, 7)]


def pieces(data):
    return [part.tolist() for part in data.sequences()]


# ---- layout ----


def test_frames_stand_one_after_the_other():
    data = SequenceData.from_list(RAGGED)
    np.testing.assert_array_equal(data.frames, np.concatenate(RAGGED))
    np.testing.assert_array_equal(data.starts, [0, 4, 5, 12])
    np.testing.assert_array_equal(data.lengths, [4, 1, 7])
    assert (data.n_samples, data.n_frames, data.n_features) == (3, 12, 3)
    assert data.starts.dtype == np.int64
    assert data.weights.dtype == np.float64
    assert data.frames.flags.c_contiguous
    for part, given in zip(data.sequences(), RAGGED, strict=True):
        np.testing.assert_array_equal(part, given)
        assert part.base is data.frames


def test_subset_follows_the_numbers_given():
    data = SequenceData.from_list(RAGGED, [1.0, 2.0, 3.0])
    some = data.subset(np.array([2, 0, 2]))
    assert pieces(some) == [RAGGED[2].tolist(), RAGGED[0].tolist(), RAGGED[2].tolist()]
    np.testing.assert_array_equal(some.weights, [3, 1, 3])
    np.testing.assert_array_equal(some.starts, [0, 7, 11, 18])


def test_weight_zero_is_a_sequence_left_out():
    data = SequenceData.from_list(RAGGED, [0.5, 0.0, 2.0])
    assert pieces(data) == [RAGGED[0].tolist(), RAGGED[2].tolist()]
    np.testing.assert_array_equal(data.weights, [0.5, 2])
    assert pieces(SequenceData.from_list(RAGGED).weighted([0, 1, 0])) == [RAGGED[1].tolist()]
    assert data.weighted(None) is data


@pytest.mark.parametrize("weights", [[1, 1], [1, -1, 1], [0, 0, 0], [1, np.nan, 1]])
def test_bad_weights_are_refused(weights):
    with pytest.raises(ValueError, match="sample_weight"):
        SequenceData.from_list(RAGGED, weights)


def test_one_dimension_is_one_feature():
    data = SequenceData.from_list([[1.0, 2.0], np.array([3.0])])
    assert pieces(data) == [[[1], [2]], [[3]]]


def test_array_of_three_dimensions_is_shared_and_of_two_is_single_frames():
    X = RNG.normal(size=(5, 4, 3))
    data = SequenceData.from_array(X)
    assert np.shares_memory(data.frames, X)
    assert pieces(data) == X.tolist()
    single = SequenceData.from_array(X[:, 0])
    assert pieces(single) == X[:, :1].tolist()
    assert pieces(SequenceData.from_array(X.transpose(0, 2, 1))) == X.transpose(0, 2, 1).tolist()


def test_read_only_memory_is_no_obstacle():
    X = RNG.normal(size=(5, 4, 3))
    X.flags.writeable = False
    assert SequenceData.from_array(X).frames.flags.writeable  # as loops want it; they never write
    assert np.shares_memory(SequenceData.from_array(X).frames, X)


# ---- precision ----


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("float32", "float32"),
        ("float64", "float64"),
        ("float16", "float32"),
        ("longdouble", "float64"),
        (">f8", "float64"),
        ("bool", "float32"),
        ("uint8", "float32"),
        ("int64", "float32"),
    ],
)
def test_precision_follows_the_data(given, kept):
    for data in (
        SequenceData.from_list([np.ones((2, 3), given), np.ones((1, 3), given)]),
        SequenceData.from_array(np.ones((2, 4, 3), given)),
    ):
        assert data.dtype == data.frames.dtype == kept
        assert data.frames.dtype.isnative
        assert (data.frames == 1).all()


def test_one_wide_sequence_makes_all_wide_and_dtype_decides_over_both():
    mixed = [np.ones((2, 3), np.float32), np.ones((1, 3))]
    assert SequenceData.from_list(mixed).dtype == np.float64
    assert SequenceData.from_list(mixed, dtype=np.float32).dtype == np.float32
    assert SequenceData.from_list(mixed[:1], dtype="float64").dtype == np.float64


def test_objects_that_are_numbers_are_float64():
    assert SequenceData.from_list([np.ones((2, 3), object)]).dtype == np.float64


# ---- tokens ----


def test_tokens_are_integers_one_a_frame():
    data = SequenceData.from_list([[3, 1], np.array([[2]], np.uint8)], dtype=np.int64)
    assert data.frames.dtype == np.int64
    assert pieces(data) == [[[3], [1]], [[2]]]


@pytest.mark.parametrize(
    ("sequences", "message"),
    [
        ([[1], [1.5]], "sequence 1 of X has float64 values, but tokens are integers"),
        ([[1], [-1]], "sequence 1 of X has int64 values, but tokens are integers of at least 0"),
        ([[1], [[1, 2]]], "sequence 1 of X has 2 features, but tokens are one a frame"),
    ],
)
def test_what_is_no_token_is_refused(sequences, message):
    with pytest.raises(ValueError, match=message):
        SequenceData.from_list(sequences, dtype=np.int64)


# ---- errors ----


def holed(value):
    parts = [part.copy() for part in RAGGED]
    parts[2][5, 1] = value
    return parts


@pytest.mark.parametrize(
    ("sequences", "message"),
    [
        ([], "Y must have at least one sequence, got none"),
        ([RAGGED[0], RAGGED[1][:0]], r"sequence 1 of Y is empty, of shape \(0, 3\)"),
        ([RAGGED[0], []], r"sequence 1 of Y is empty, of shape \(0,\)"),
        ([RAGGED[0][:, :0]], r"sequence 0 of Y is empty, of shape \(4, 0\)"),
        ([RAGGED[0], RAGGED[2], RAGGED[1][:, :2]], "sequence 2 of Y has 2 features, but sequence 0 has 3"),
        ([RAGGED[0], 3.0], r"sequence 1 of Y must have shape \(length, n_features\), or \(length,\); got \(\)"),
        ([RAGGED[0][None]], r"sequence 0 of Y must have shape .* got \(1, 4, 3\)"),
        ([RAGGED[0], [[1, 2, 3], [4]]], "sequence 1 of Y must have shape"),
        ([RAGGED[0], RAGGED[1] * 1j], "Complex data not supported: sequence 1 of Y is complex128"),
        ([RAGGED[0], [["a", "b", "c"]]], "sequence 1 of Y must hold real numbers, got <U1"),
        ([np.array([[1, "a"]], object)], "sequence 0 of Y must hold real numbers: could not convert"),
        ([np.array([[{}]])], "sequence 0 of Y must hold real numbers"),
        (holed(np.nan), "Input Y contains NaN: sequence 2, frame 5, feature 1"),
        (holed(-np.inf), r"Input Y contains infinity or a value too large for dtype\('float64'\): sequence 2, frame 5"),
    ],
)
def test_errors_name_the_sequence(sequences, message):
    with pytest.raises(ValueError, match=message):
        SequenceData.from_list(sequences, name="Y")


def test_too_large_for_float32_is_told_not_warned_of():
    with pytest.raises(ValueError, match=r"value too large for dtype\('float32'\): sequence 2, frame 5, feature 1"):
        SequenceData.from_list(holed(1e300), dtype=np.float32)
    with pytest.raises(ValueError, match=r"sequence 1, frame 2, feature 0"):
        SequenceData.from_array(np.where(np.arange(12).reshape(2, 3, 2) == 10, 1e300, 0), dtype=np.float32)


@pytest.mark.parametrize("shape", [(3,), (0, 2, 3), (2, 0, 3), (2, 3, 0), (2, 2, 2, 2)])
def test_arrays_of_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=r"X must have shape \(n_samples, length, n_features\)"):
        SequenceData.from_array(np.zeros(shape))
