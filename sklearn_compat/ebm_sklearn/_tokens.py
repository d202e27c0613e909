"""Sequences of tokens at the door: numbered by a vocabulary."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import validate_data

from ebm.sequences import TOKENS, SequenceData
from ebm.storage import ModelFileError
from ebm_sklearn._sequence_input import unboxed
from ebm_sklearn.vocabulary import Vocabulary


class Tokens(NamedTuple):
    """Sequences of tokens.

    Attributes
    ----------
    data : SequenceData of int64 (n_frames, 1)
        The tokens' numbers.
    vocabulary : Vocabulary
    text : bool
        Whether every sequence was a string of characters.
    """

    data: SequenceData
    vocabulary: Vocabulary
    text: bool


def holds_strings(X: Any) -> bool:
    """Tell whether X is sequences of strings, which can only be tokens; integers may be one feature a frame as well."""
    first = next(iter(unboxed(X)), None) if isinstance(X, list | tuple | np.ndarray) or hasattr(X, "to_numpy") else None
    while isinstance(first, list | tuple | np.ndarray) and np.shape(first[:1]):
        first = first[0] if len(first) else None
    return isinstance(first, str)


def read_tokens(
    estimator: Any, X: Any, *, vocabulary: Vocabulary | None = None, sample_weight: Any = None, name: str = "X"
) -> Tokens:
    """Check sequences of tokens and number them.

    Parameters
    ----------
    estimator : estimator
        Its ``n_features_in_`` becomes 1 when X is read without a vocabulary.
    X : list, tuple, object array or Series of str, or of lists or arrays of str or int; or array (n_samples, length)
        A string is a sequence of characters.
    vocabulary : Vocabulary, optional
        That of `fit`; by default the tokens that occur.
    sample_weight : array-like of shape (n_samples,), optional
        As in `read_sequences`.
    name : str
        What errors call the sequences; other than "X", the estimator is left alone.

    Raises
    ------
    ValueError
        When there are no sequences, one is empty or holds what is no token, or a token is unknown; with sequence and
        place, counted from 0.
    """
    X = _whole(X, name)
    fitted = vocabulary is not None
    vocabulary = vocabulary or Vocabulary.from_sequences(X, name=name)
    data = SequenceData.from_list(vocabulary.encode(X, name=name), dtype=TOKENS, name=name)
    if name == "X":
        validate_data(estimator, data.frames[:1], reset=not fitted, skip_check_array=True)
    return Tokens(data.weighted(sample_weight), vocabulary, all(isinstance(sequence, str) for sequence in X))


def given_vocabulary(given: Any, name: str) -> Vocabulary | None:
    """Return the vocabulary that the parameter ``name`` gives; None where it gives none.

    Raises
    ------
    ValueError
        When tokens are none, or have no order of their own: that of a set changes from process to process.
    """
    if given is None or isinstance(given, Vocabulary):
        return given
    if isinstance(given, set | frozenset):
        raise ValueError(f"{name} is a set, whose tokens have no order to number them by: give sorted({name})")
    return Vocabulary(tuple(given))


def _whole(X: Any, name: str) -> Any:
    """Return X so that it can be gone through more than once."""
    X = unboxed(X)
    X = np.asarray(X) if hasattr(X, "__array__") else X
    if not isinstance(X, np.ndarray | list | tuple | str) or (isinstance(X, np.ndarray) and X.ndim == 0):
        raise ValueError(f"{name} must be a list of sequences of tokens, got {X!r}")
    return X


def restored_vocabulary(values: Mapping[str, Any], name: str, n: int, path: str | os.PathLike[str]) -> Vocabulary:
    """Return the vocabulary of a file, which must have ``n`` tokens; ModelFileError otherwise."""
    tokens = values.get(name)
    if not isinstance(tokens, list) or len(tokens) != n:
        raise ModelFileError(f"{path}: {name} are no list of {n} tokens")
    try:
        return Vocabulary(tuple(tokens))
    except (ValueError, TypeError) as error:
        raise ModelFileError(f"{path}: {error}") from error
