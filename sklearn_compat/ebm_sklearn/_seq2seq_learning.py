"""How a `Seq2Seq` learns: what it is given, what shapes its network, and files."""

from __future__ import annotations

import os
from numbers import Integral, Real
from typing import Any, NamedTuple, Self

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_consistent_length

from ebm.random import Random
from ebm.recurrent.architecture import recurrent_cell
from ebm.recurrent.batch import SequenceSamples
from ebm.recurrent.cell import Cell
from ebm.recurrent.encoder_decoder import EncoderDecoder
from ebm.recurrent.encoder_decoder_layout import encoder_decoder
from ebm.recurrent.generation import inputs_and_targets
from ebm.recurrent.lstm import LSTMCell
from ebm.sequences import SequenceData
from ebm.storage import ModelFileError
from ebm_sklearn._files import take_count
from ebm_sklearn._network_learning import without_early_stopping
from ebm_sklearn._sequence_input import read_sequences, unboxed
from ebm_sklearn._sequence_learning import LAYER_CONSTRAINTS, SequenceEstimator, weighted
from ebm_sklearn._tokens import Tokens, given_vocabulary, holds_strings, read_tokens, restored_vocabulary
from ebm_sklearn.vocabulary import Vocabulary

SEQ2SEQ_CONSTRAINTS: dict[str, list[Any]] = {
    **LAYER_CONSTRAINTS,
    "bidirectional": ["boolean"],
    "attention": ["boolean"],
    "attention_size": [Interval(Integral, 1, None, closed="left"), None],
    "embedding_size": [Interval(Integral, 1, None, closed="left")],
    "source": [StrOptions({"auto", "tokens", "frames"})],
    "source_vocabulary": [Vocabulary, str, "array-like", None],
    "target_vocabulary": [Vocabulary, str, "array-like", None],
    "beam_width": [Interval(Integral, 1, None, closed="left")],
    "length_penalty": [Interval(Real, 0, 1, closed="both")],
    "max_length": [Interval(Integral, 1, None, closed="left"), None],
}
SHAPE = {  # what makes the network
    "cell", "n_layers", "bidirectional", "attention_size", "embedding_size", "dropout", "n_tokens", "n_source_tokens",
    "n_features",
}  # fmt: skip


class Read(NamedTuple):
    """Sources, and their vocabulary where they are tokens."""

    data: SequenceData
    vocabulary: Vocabulary | None


class LearningSeq2Seq(SequenceEstimator):
    """The work behind `Seq2Seq`, whose parameters these are."""

    cell: Any
    units: int
    n_layers: int
    bidirectional: bool
    attention: bool
    attention_size: int | None
    embedding_size: int
    dropout: float
    source: str
    source_vocabulary: Any
    target_vocabulary: Any
    max_length: int | None
    source_vocabulary_: Vocabulary | None
    target_vocabulary_: Vocabulary
    longest_: int
    _text: bool

    # ---- what is learnt ----

    def _shaped(self, n_tokens: int, source: Read) -> dict[str, Any]:
        """Return what shapes the network, by the parameters as they are."""
        cell = self.cell if isinstance(self.cell, Cell) else recurrent_cell(self.cell, self.units)
        if self.attention and type(cell) is not LSTMCell:
            raise ValueError(f"attention=True needs cell='lstm', got cell={self.cell!r}: with it set attention=False")
        of_tokens = source.vocabulary is not None
        width = self.attention_size or cell.state_sizes[0]
        return {
            "cell": cell,
            "n_layers": int(self.n_layers),
            "bidirectional": bool(self.bidirectional),
            "attention_size": int(width) if self.attention else None,
            "embedding_size": int(self.embedding_size),
            "dropout": float(self.dropout),
            "n_tokens": n_tokens,
            "n_source_tokens": len(source.vocabulary) if source.vocabulary is not None else None,
            "n_features": None if of_tokens else source.data.n_features,
        }

    def _model(self) -> EncoderDecoder:
        shape = dict(self.architecture_)
        if set(shape) != SHAPE:
            raise ValueError(f"the architecture tells {sorted(shape)}, but a Seq2Seq's tells {sorted(SHAPE)}")
        return encoder_decoder(shape.pop("n_tokens"), shape.pop("cell"), **shape)

    def _initial(self, random: Random, dtype: Any) -> dict[str, np.ndarray]:
        return self._model().initial(random, dtype)

    def _objective(self) -> Any:
        return self._model().log_likelihood()

    # ---- what it is given ----

    def _read(self, X: Any, y: Any, sample_weight: Any, *, reset: bool) -> SequenceSamples:
        """Check sources and targets, and take what `fit` takes of them."""
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        source = self._read_source(X, reset=reset)
        target = self._read_target(y, reset=reset)
        check_consistent_length(source.data.lengths, target.data.lengths)
        if reset:
            self.source_vocabulary_, self.target_vocabulary_ = source.vocabulary, target.vocabulary
            self._text, self.longest_ = target.text, int(target.data.lengths.max())
            self.architecture_ = self._shaped(len(target.vocabulary), source)
            self._model()  # refuses what does not fit, before any work
        return weighted(self._samples(source.data, target.data), sample_weight)

    def _samples(self, source: SequenceData, target: SequenceData) -> SequenceSamples:
        found = inputs_and_targets([part[:, 0] for part in target.sequences()], len(self.target_vocabulary_))
        precision = np.float32 if source.frames.dtype.kind == "i" else source.frames.dtype
        return SequenceSamples({"x": source, "read": found["x"], "y": found["y"]}, dtype=precision)

    def _read_source(self, X: Any, *, reset: bool) -> Read:
        if reset:
            tokens = self.source == "tokens" or (self.source == "auto" and holds_tokens(X))
            given = given_vocabulary(self.source_vocabulary, "source_vocabulary")
        else:
            tokens, given = self.source_vocabulary_ is not None, self.source_vocabulary_
        if not tokens:
            return Read(read_sequences(self, X, reset=reset, dtype=None if reset else self._dtype), None)
        found = read_tokens(self, X, vocabulary=given)
        if reset:  # read_tokens counts features only where it makes the vocabulary
            self.n_features_in_ = 1
        return Read(found.data, found.vocabulary)

    def _read_target(self, y: Any, *, reset: bool) -> Tokens:
        given = given_vocabulary(self.target_vocabulary, "target_vocabulary") if reset else self.target_vocabulary_
        return read_tokens(self, _as_sequences(y), vocabulary=given, name="y")

    # ---- learning ----

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn from pairs of sequences; what was learnt before is forgotten.

        Ctrl-C ends learning within a second, with a `FitInterruptedWarning` and the last parameters in place.

        Parameters
        ----------
        X : list of sequences, or array
            Sources. Strings (of characters), lists of strings, or lists or arrays (length,) of integers are tokens;
            arrays (length, n_features), an array (n_samples, length, n_features), or (n_samples, n_features) for
            sources of one frame, are frames of real numbers.
        y : list of sequences
            Targets: strings, or lists or arrays of strings or of integers. An array (n_samples,) of integers holds
            targets of one token.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of at least 0; a pair of weight 2 counts as if it were there twice.

        Returns
        -------
        estimator
            This estimator.

        Raises
        ------
        ValueError
            When X, y, the weights or a parameter are not as described, or a token is not in its vocabulary.
        ebm.training.DivergenceError
            When parameters cease to be finite; those of the last good epoch are kept.
        """
        self._fit_samples(self._read(X, y, sample_weight, reset=True), {"X": X, "y": y})
        return self

    @available_if(without_early_stopping)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn from one pass over a chunk of data, going on exactly where the last call stopped.

        Calls on the same data equal as many epochs of a `fit` with a constant learning rate. The first call decides on
        the vocabularies; give ``source_vocabulary`` and ``target_vocabulary`` where it may not see every token.

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
        source = None if self.source_vocabulary_ is None else list(self.source_vocabulary_.tokens)
        own = {"source_tokens": source, "target_tokens": list(self.target_vocabulary_.tokens)}
        return arrays, {**values, **own, "text": self._text, "longest": self.longest_}

    def _restore(self, arrays: dict[str, np.ndarray], values: dict[str, Any], path: str | os.PathLike[str]) -> None:
        super()._restore(arrays, values, path)
        self._check_width(self.architecture_["n_features"], path)
        n_source = self.architecture_["n_source_tokens"]
        self.source_vocabulary_ = (
            None if n_source is None else restored_vocabulary(values, "source_tokens", n_source, path)
        )
        self.target_vocabulary_ = restored_vocabulary(values, "target_tokens", self.architecture_["n_tokens"], path)
        self._text, self.longest_ = bool(values.get("text")), take_count(values, "longest", path)
        if self._text and not isinstance(self.target_vocabulary_.tokens[0], str):
            raise ModelFileError(f"{path}: targets cannot be text, since their tokens are integers")


def holds_tokens(X: Any) -> bool:
    """Tell whether X holds sequences of tokens: strings, or a container of lists or arrays (length,) of integers."""
    if holds_strings(X):
        return True
    X = unboxed(X)
    if isinstance(X, np.ndarray) and X.dtype != object:
        return False
    return isinstance(X, list | tuple | np.ndarray) and len(X) > 0 and all(map(_is_of_integers, X))


def _is_of_integers(part: Any) -> bool:
    if hasattr(part, "dtype"):
        return bool(getattr(part, "ndim", 0) == 1 and part.dtype.kind in "iu")
    return isinstance(part, list | tuple) and all(
        isinstance(token, int | np.integer) and not isinstance(token, bool) for token in part
    )


def _as_sequences(y: Any) -> Any:
    """Return an array of integers, one for each sample, as targets of one token."""
    y = unboxed(y)
    y = np.asarray(y) if hasattr(y, "__array__") else y
    if isinstance(y, list | tuple | np.ndarray) and len(y) and all(isinstance(part, int | np.integer) for part in y):
        return [[part] for part in y]
    return y
