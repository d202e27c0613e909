"""Tokens at the door: characters, words and integers, numbered by a vocabulary."""

import json
import pickle
import re

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator

from ebm_sklearn import Vocabulary
from ebm_sklearn._sequence_input import boxed
from ebm_sklearn._tokens import holds_strings, read_tokens


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
    reader = BaseEstimator()
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
        read_tokens(BaseEstimator(), X, vocabulary=vocabulary)


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
