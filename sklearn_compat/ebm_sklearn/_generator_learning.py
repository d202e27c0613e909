"""How a `SequenceGenerator` learns: what it is given, what shapes its network, and files."""

from __future__ import annotations

import os
from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_consistent_length, validate_data

from ebm.networks.ranges import count_from
from ebm.random import Random
from ebm.recurrent.architecture import recurrent_cell
from ebm.recurrent.batch import SequenceSamples
from ebm.recurrent.cell import Cell
from ebm.recurrent.first_states import FirstStates
from ebm.recurrent.generation import TokenModel, inputs_and_targets
from ebm.recurrent.next_token import VECTORS, NextToken
from ebm.recurrent.stack import CellStack
from ebm.storage import ModelFileError
from ebm_sklearn._files import take_count
from ebm_sklearn._network_learning import without_early_stopping
from ebm_sklearn._sequence_input import unboxed
from ebm_sklearn._sequence_learning import LAYER_CONSTRAINTS, SequenceEstimator, layer_sizes, weighted
from ebm_sklearn._tokens import Tokens, given_vocabulary, read_tokens, restored_vocabulary
from ebm_sklearn.vocabulary import Vocabulary

GENERATOR_CONSTRAINTS: dict[str, list[Any]] = {
    **LAYER_CONSTRAINTS,
    "embedding_size": [Interval(Integral, 1, None, closed="left")],
    "hidden_layer_sizes": ["array-like"],
    "vocabulary": [Vocabulary, str, "array-like", None],
    "max_length": [Interval(Integral, 1, None, closed="left"), None],
}


class LearningGenerator(SequenceEstimator):
    """The work behind `SequenceGenerator`, whose parameters these are."""

    cell: Any
    units: int
    n_layers: int
    embedding_size: int
    dropout: float
    hidden_layer_sizes: Any
    vocabulary: Any
    max_length: int | None
    vocabulary_: Vocabulary
    longest_: int
    _text: bool

    # ---- what is learnt ----

    def _described(self, n_tokens: int, n_inputs: int | None) -> dict[str, Any]:
        """Return what shapes the network, by the parameters as they are; ValueError where there is no such network."""
        found = {
            "cell": self.cell,
            "units": int(self.units),
            "n_layers": int(self.n_layers),
            "embedding_size": int(self.embedding_size),
            "dropout": float(self.dropout),
            "hidden_layer_sizes": layer_sizes(self.hidden_layer_sizes),
            "n_tokens": n_tokens,
            "n_inputs": n_inputs,
        }
        token_model(**found)
        return found

    def _model(self) -> TokenModel:
        return token_model(**self.architecture_)

    def _initial(self, random: Random, dtype: Any) -> dict[str, np.ndarray]:
        return self._model().initial(random, dtype)

    def _objective(self) -> Any:
        return NextToken(self._model())

    @property
    def _of_vectors(self) -> bool:
        """Whether sequences are made of vectors."""
        return self.architecture_["n_inputs"] is not None

    # ---- what it is given ----

    def _read(self, X: Any, y: Any, sample_weight: Any, *, reset: bool) -> SequenceSamples:
        """Check sequences, with their vectors where there are two arguments, and take what `fit` takes of them."""
        if not reset:
            self._check_kind(y)
        vectors = None if y is None else self._read_vectors(X, reset=reset)
        tokens = self._read_tokens(*((X, "X") if y is None else (_as_sequences(y), "y")), reset=reset)
        if vectors is None:
            validate_data(self, tokens.data.frames[:1], reset=reset, skip_check_array=True)
        else:
            check_consistent_length(vectors, tokens.data.lengths)
        if reset:
            self.vocabulary_, self._text = tokens.vocabulary, tokens.text
            self.longest_ = int(tokens.data.lengths.max())
            n_inputs = None if vectors is None else vectors.shape[1]
            self.architecture_ = self._described(len(tokens.vocabulary), n_inputs)
        sequences = inputs_and_targets([part[:, 0] for part in tokens.data.sequences()], len(self.vocabulary_))
        extra = {} if vectors is None else {VECTORS: vectors}
        precision = self._dtype if not reset else np.float32 if vectors is None else vectors.dtype
        return weighted(SequenceSamples(sequences, extra, dtype=precision), sample_weight)

    def _check_kind(self, y: Any) -> None:
        """Refuse vectors where there were none, and the other way round."""
        if self._of_vectors and y is None:
            raise ValueError(
                "this model makes sequences of vectors: y must be the sequences that belong to X, got None"
            )
        if not self._of_vectors and y is not None:
            raise ValueError("this model was fitted to sequences without vectors: y must be None, and X the sequences")

    def _read_vectors(self, X: Any, *, reset: bool) -> np.ndarray:
        array: np.ndarray = validate_data(self, X, dtype="numeric", order="C", reset=reset)
        precision = (np.float64 if array.dtype == np.float64 else np.float32) if reset else self._dtype
        with np.errstate(over="ignore"):
            array = np.ascontiguousarray(array, precision)
        if not np.isfinite(array).all():
            raise ValueError(f"Input X contains infinity or a value too large for {array.dtype!r}.")
        return array

    def _read_tokens(self, sequences: Any, name: str, *, reset: bool) -> Tokens:
        given = given_vocabulary(self.vocabulary, "vocabulary") if reset else self.vocabulary_
        return read_tokens(self, sequences, vocabulary=given, name=name)

    # ---- learning ----

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn from sequences, or from vectors and the sequences that belong to them; what was learnt is forgotten.

        Ctrl-C ends learning within a second, with a `FitInterruptedWarning` and the last parameters in place.

        Parameters
        ----------
        X : list of sequences, or array-like of shape (n_samples, n_features)
            Without y the sequences: each a string (of characters), or a list or array of strings or of integers. With
            y the vectors that they are to be made of.
        y : list of sequences or None, default=None
            The sequences, where X are vectors. An array (n_samples,) of whole numbers holds sequences of one token.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of at least 0; a sequence of weight 2 counts as if it were there twice.

        Returns
        -------
        estimator
            This estimator.

        Raises
        ------
        ValueError
            When X, y, the weights or a parameter are not as described, or a token is not in ``vocabulary``.
        ebm.training.DivergenceError
            When parameters cease to be finite; those of the last good epoch are kept.
        """
        self._fit_samples(self._read(X, y, sample_weight, reset=True), {"X": X, "y": y})
        return self

    @available_if(without_early_stopping)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn from one pass over a chunk of data, going on exactly where the last call stopped.

        Calls on the same data equal as many epochs of a `fit` with a constant learning rate. The first call decides on
        the vocabulary; give ``vocabulary`` where it may not see every token.

        Parameters
        ----------
        X, y, sample_weight
            A chunk of any size, as in `fit`.

        Returns
        -------
        estimator
            This estimator.

        Raises
        ------
        ValueError, ebm.training.DivergenceError
            As in `fit`.
        """
        samples = self._read(X, y, sample_weight, reset=not hasattr(self, "parameters_"))
        self._fit_more(samples, {"X": X, "y": y})
        return self

    # ---- files ----

    def _saved(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        arrays, values = super()._saved()
        own = {"tokens": list(self.vocabulary_.tokens), "text": self._text, "longest": self.longest_}
        return arrays, {**values, **own}

    def _restore(self, arrays: dict[str, np.ndarray], values: dict[str, Any], path: str | os.PathLike[str]) -> None:
        super()._restore(arrays, values, path)
        self._check_width(self.architecture_["n_inputs"], path)
        self.vocabulary_ = restored_vocabulary(values, "tokens", self.architecture_["n_tokens"], path)
        self._text, self.longest_ = bool(values.get("text")), take_count(values, "longest", path)
        if self._text and not isinstance(self.vocabulary_.tokens[0], str):
            raise ModelFileError(f"{path}: sequences cannot be text, since their tokens are integers")


def token_model(
    *,
    cell: Any,
    units: int,
    n_layers: int,
    embedding_size: int,
    dropout: float,
    hidden_layer_sizes: list[int],
    n_tokens: int,
    n_inputs: int | None,
) -> TokenModel:
    """Return the model that these describe; ``n_inputs`` is the width of the vectors, None where there are none.

    Raises
    ------
    ValueError
        When something is out of range.
    """
    count_from("n_layers", n_layers)
    one = cell if isinstance(cell, Cell) else recurrent_cell(cell, units)
    stack = CellStack([one] * n_layers, dropout)
    hidden = tuple(hidden_layer_sizes)
    first = None if n_inputs is None else FirstStates(n_inputs, stack.state_sizes, hidden)
    return TokenModel(n_tokens, stack, embedding_size, first)


def _as_sequences(y: Any) -> Any:
    """Return an array of whole numbers, one for each sample, as sequences of one token."""
    y = unboxed(y)
    y = np.asarray(y) if hasattr(y, "__array__") else y
    numbers = isinstance(y, list | tuple | np.ndarray) and all(isinstance(part, int | float | np.number) for part in y)
    if not numbers or len(y) == 0:
        return y
    if unfit := [part for part in y if not float(part).is_integer()]:
        raise ValueError(f"y must hold sequences of tokens, or whole numbers as sequences of one token; got {unfit[0]}")
    return [[int(part)] for part in y]
