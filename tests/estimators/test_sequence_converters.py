"""Sequences from other libraries' forms and back: channels first, one after the other, padded."""

import numpy as np
import pytest

from ebm_sklearn import from_channels, from_lengths, from_padded, to_padded
from ebm_sklearn._sequence_input import boxed

RNG = np.random.default_rng(0)
RAGGED = [RNG.normal(size=(length, 3)).astype(np.float32) for length in (4, 1, 7)]
CUBE = RNG.normal(size=(5, 4, 3))


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
