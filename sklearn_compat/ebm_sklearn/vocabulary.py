"""Tokens and their numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ebm.sequences import TOKENS


@dataclass(frozen=True)
class Vocabulary:
    """The tokens that sequences may hold: strings (characters or words), or integers.

    ``list(vocabulary.tokens)`` is all there is to it, and JSON can hold that.

    Parameters
    ----------
    tokens : iterable of str, or of int
        Each once; their order numbers them from 0.

    Attributes
    ----------
    tokens : tuple of str, or of int
        The tokens.
    index : dict
        Token to number.

    Raises
    ------
    ValueError
        When there are no tokens, one is there twice, or they are not all strings or all integers.

    Examples
    --------
    >>> from ebm_sklearn import Vocabulary
    >>> vocabulary = Vocabulary.from_sequences(["abba", "cab"])
    >>> vocabulary.tokens
    ('a', 'b', 'c')
    >>> vocabulary.encode(["cab"])
    [array([2, 0, 1])]
    >>> vocabulary.decode([[2, 0, 1]], text=True)
    ['cab']
    """

    tokens: tuple[Any, ...]
    index: dict[Any, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        tokens = tuple(_token(token, "a vocabulary") for token in self.tokens)
        if not tokens:
            raise ValueError("a vocabulary must have at least one token")
        _one_kind(tokens, "a vocabulary")
        index = {token: number for number, token in enumerate(tokens)}
        if len(index) < len(tokens):
            twice = next(token for number, token in enumerate(tokens) if index[token] != number)
            raise ValueError(f"a vocabulary has each token once, but {twice!r} is there twice")
        object.__setattr__(self, "tokens", tokens)
        object.__setattr__(self, "index", index)

    def __len__(self) -> int:
        return len(self.tokens)

    @classmethod
    def from_sequences(cls, sequences: Iterable[Any], *, name: str = "X") -> Vocabulary:
        """Collect the tokens that occur, sorted.

        Parameters
        ----------
        sequences : iterable of str, or of lists or arrays of str or of int
            A string is a sequence of characters.
        name : str
            What errors call the sequences.

        Returns
        -------
        Vocabulary
            Strings sorted by code point, integers by value.

        Raises
        ------
        ValueError
            When there is no sequence, one is empty or holds something else, or some hold strings and some integers.
        """
        found: set[Any] = set()
        for tokens in _all_tokens(sequences, name):
            found.update(tokens)
        _one_kind(found, name)
        return cls(tuple(sorted(found)))

    def encode(self, sequences: Iterable[Any], *, name: str = "X") -> list[np.ndarray]:
        """Return the numbers of tokens.

        Parameters
        ----------
        sequences : iterable of str, or of lists or arrays of str or of int
        name : str
            What errors call the sequences.

        Returns
        -------
        list of ndarray of shape (length,), int64

        Raises
        ------
        ValueError
            When there is no sequence, one is empty or holds something else, or a token is unknown: it, the number of
            its sequence and its place there, counted from 0, are told.
        """
        return [self._numbers(tokens, number, name) for number, tokens in enumerate(_all_tokens(sequences, name))]

    def _numbers(self, tokens: list[Any], number: int, name: str) -> np.ndarray:
        try:
            return np.array([self.index[token] for token in tokens], TOKENS)
        except KeyError as error:
            unknown = error.args[0]
            raise ValueError(
                f"sequence {number} of {name} has the unknown token {unknown!r} at place {tokens.index(unknown)}: it "
                f"is none of the {len(self)} in the vocabulary, from {self.tokens[0]!r} to {self.tokens[-1]!r}"
            ) from None

    def decode(self, sequences: Iterable[Any], *, text: bool = False) -> list[Any]:
        """Return the tokens of numbers.

        Parameters
        ----------
        sequences : iterable of arrays of int, shape (length,) or (length, 1)
        text : bool
            Join each sequence's tokens, which must be strings, to one string.

        Returns
        -------
        list of lists of tokens, or of str

        Raises
        ------
        ValueError
            When a number is that of no token, or tokens are integers and ``text`` is asked for.
        """
        if text and not isinstance(self.tokens[0], str):
            raise ValueError("text=True joins strings, but the tokens are integers")
        lists = [self._tokens(numbers, place) for place, numbers in enumerate(sequences)]
        return ["".join(tokens) for tokens in lists] if text else lists

    def _tokens(self, numbers: Any, place: int) -> list[Any]:
        array = np.asarray(numbers).ravel()
        if array.size and (array.dtype.kind not in "iu" or array.min() < 0 or array.max() >= len(self)):
            raise ValueError(f"sequence {place} must hold integers from 0 to {len(self) - 1}, got {numbers!r}")
        return [self.tokens[number] for number in array.tolist()]


def _all_tokens(sequences: Iterable[Any], name: str) -> list[list[Any]]:
    if isinstance(sequences, str):
        raise ValueError(f"{name} is one string, but must be a list of sequences: give [{name}]")
    lists = [_tokens_of(sequence, f"sequence {number} of {name}") for number, sequence in enumerate(sequences)]
    if not lists:
        raise ValueError(f"{name} must have at least one sequence, got none")
    return lists


def _tokens_of(sequence: Any, what: str) -> list[Any]:
    """Return a sequence as a list of str or int."""
    if isinstance(sequence, str):
        tokens = list(sequence)
    elif isinstance(sequence, list | tuple):
        tokens = [_token(token, what) for token in sequence]
    else:
        array = np.asarray(sequence)
        if array.ndim == 2 and array.shape[1] == 1:
            array = array[:, 0]
        if array.ndim != 1:
            raise ValueError(f"{what} must be a string, or a list of strings or integers; got {sequence!r}")
        tokens = [_token(token, what) for token in array.tolist()]
    if not tokens:
        raise ValueError(f"{what} is empty: it must have at least one token")
    return tokens


def _token(token: Any, what: str) -> Any:
    if isinstance(token, str):
        return str(token)
    if isinstance(token, int | np.integer) and not isinstance(token, bool):
        return int(token)
    raise ValueError(f"{what} must hold strings or integers, got {token!r}")


def _one_kind(tokens: Iterable[Any], what: str) -> None:
    if len({type(token) for token in tokens}) > 1:
        raise ValueError(f"{what} must hold strings or integers, not both")
