"""What a fitted `SequenceGenerator` can do: make sequences, and tell the probability of given ones."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ebm.networks.context import Context
from ebm.random import Random
from ebm.recurrent.batch import SequenceSamples
from ebm.recurrent.drawing import Drawing, Drawn, draw
from ebm.recurrent.next_token import last_outputs, log_probabilities, token_log_probabilities
from ebm_sklearn._generator_learning import LearningGenerator
from ebm_sklearn._random import random_for_sample
from ebm_sklearn._sequence_input import boxed
from ebm_sklearn._warnings import UnendedSequenceWarning

AT_ONCE = 1024  # sequences that are made together


def _makes_of_vectors(estimator: Any) -> bool:
    """Whether an estimator has `predict`: not where it was fitted to sequences alone."""
    if hasattr(estimator, "architecture_") and not estimator._of_vectors:
        raise AttributeError("predict makes sequences of vectors, and fit saw sequences alone: use sample")
    return True


class UsedGenerator(LearningGenerator):
    """`SequenceGenerator` without its constructor."""

    # ---- making sequences ----

    def sample(
        self,
        n_samples: int = 1,
        X: Any = None,
        *,
        temperature: float = 1.0,
        max_length: int | None = None,
        prefix: Any = None,
        return_ended: bool = False,
        random_state: Any = None,
    ) -> Any:
        """Draw sequences, token by token, each until its stop.

        Parameters
        ----------
        n_samples : int, default=1
            Sequences; of each vector where there are some.
        X : array-like of shape (n_vectors, n_features) or None, default=None
            What they are made of, where `fit` was given vectors.
        temperature : float, default=1.0
            At 1 sequences come with the model's probabilities; below, the likelier come more often, and with 0 the
            likeliest token is taken at every step; above, the less likely come more often.
        max_length : int, default=None
            Tokens after which a sequence is cut off. None takes the estimator's ``max_length``, or twice the longest
            sequence of `fit`.
        prefix : sequence of tokens, default=None
            What every sequence begins with, such as a string to go on from.
        return_ended : bool, default=False
            Return which sequences ended by themselves, too; there is no warning then.
        random_state : int, RandomState instance or None, default=None
            None takes the estimator's own; where that is an integer, every call gives the same sequences. The first
            of them do not depend on how many there are.

        Returns
        -------
        sequences : ndarray of shape (n_samples,) or (n_vectors * n_samples,), of objects
            Strings where `fit` was given strings, else lists of tokens. Those of one vector follow one another.
        ended : ndarray of bool of the same shape
            Only with ``return_ended``.

        Raises
        ------
        ValueError
            When a number is out of range, a token of the prefix unknown, or X is missing or not wanted.

        Warns
        -----
        UnendedSequenceWarning
            When sequences were cut off.
        """
        random = random_for_sample(self, None, random_state, n_samples=n_samples)
        vectors = self._vectors_for(X)
        if vectors is not None:
            vectors = np.repeat(vectors, n_samples, axis=0)
            n_samples = len(vectors)
        drawn = self._drawn(n_samples, vectors, random, self._how(temperature, max_length, prefix))
        return self._told(drawn, return_ended=return_ended)

    @available_if(_makes_of_vectors)
    def predict(self, X: Any) -> np.ndarray:
        """Return for each vector the sequence of the likeliest tokens, each given those before it.

        (Not always the likeliest sequence: a token that is likely now can make what follows unlikely.)

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,), of objects
            Strings where `fit` was given strings, else lists of tokens.

        Warns
        -----
        UnendedSequenceWarning
            When sequences were cut off at ``max_length``.
        """
        check_is_fitted(self)
        vectors = self._read_vectors(X, reset=False)
        return self._told(self._drawn(len(vectors), vectors, Random(0), self._how(0.0, None, None)), return_ended=False)

    def _vectors_for(self, X: Any) -> np.ndarray | None:
        if self._of_vectors and X is None:
            raise ValueError("this model makes sequences of vectors: give them as X")
        if not self._of_vectors and X is not None:
            raise ValueError("this model was fitted to sequences without vectors: X must be None")
        return None if X is None else self._read_vectors(X, reset=False)

    def _how(self, temperature: float, max_length: int | None, prefix: Any) -> Drawing:
        longest = self.max_length if max_length is None else max_length
        nothing = prefix is None or np.size(prefix) == 0 or (isinstance(prefix, str) and not prefix)
        begin = () if nothing else self.vocabulary_.encode([prefix], name="prefix")[0]
        return Drawing(temperature, 2 * self.longest_ if longest is None else longest, tuple(begin))

    def _drawn(self, n: int, vectors: np.ndarray | None, random: Random, how: Drawing) -> Drawn:
        """Draw in parts, so that memory does not grow with the number of sequences alone."""
        sequences, ended, model = [], [], self._model()
        with self._limited():
            for top in range(0, n, AT_ONCE):
                some = None if vectors is None else vectors[top : top + AT_ONCE]
                here = min(AT_ONCE, n - top)
                part = draw(model, self.parameters_, here, random, how, some, first_row=top)
                sequences += part.sequences
                ended.append(part.ended)
        return Drawn(sequences, np.concatenate(ended))

    def _told(self, drawn: Drawn, *, return_ended: bool) -> Any:
        sequences = boxed(self.vocabulary_.decode(drawn.sequences, text=self._text))
        if return_ended:
            return sequences, drawn.ended
        if not drawn.ended.all():
            warnings.warn(
                f"{(~drawn.ended).sum()} of {drawn.ended.size} sequences were cut off before they ended: give a larger "
                "max_length, or ask sample with return_ended=True for which they are",
                UnendedSequenceWarning,
                stacklevel=3,
            )
        return sequences

    # ---- probabilities ----

    def score_samples(self, X: Any, y: Any = None) -> np.ndarray:
        """Return log p of each sequence with its stop (given its vector), in nats: exact, and higher is likelier.

        Parameters
        ----------
        X, y
            Sequences, or vectors and their sequences, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,)
            float64.
        """
        check_is_fitted(self)
        return self._log_probabilities(self._read(X, y, None, reset=False))

    def score_symbols(self, X: Any, y: Any = None) -> list[np.ndarray]:
        """Return log p(y_t | y_<t) of every token of each sequence, its stop last, in nats.

        Parameters
        ----------
        X, y
            Sequences, or vectors and their sequences, as in `fit`.

        Returns
        -------
        list of ndarray of shape (length + 1,)
            float64; their sums are `score_samples`.
        """
        check_is_fitted(self)
        samples = self._read(X, y, None, reset=False)
        with self._limited():
            return token_log_probabilities(self._model(), self.parameters_, samples)

    def bits_per_symbol(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the mean of -log2 p(y_t | y_<t) over all tokens, stops included: the fewer, the better.

        2 to this power is the perplexity. A model that knows nothing of V tokens and a stop needs log2(V + 1) bits.

        Parameters
        ----------
        X, y
            Sequences, or vectors and their sequences, as in `fit`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of sequences.
        """
        check_is_fitted(self)
        samples = self._read(X, y, sample_weight, reset=False)
        weights = samples.main.weights
        total = weights @ self._log_probabilities(samples)
        return float(-total / (weights @ samples.main.lengths) / np.log(2))

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return minus `bits_per_symbol`, so that more is better.

        Parameters
        ----------
        X, y, sample_weight
            As there.
        """
        return -self.bits_per_symbol(X, y, sample_weight)

    def _log_probabilities(self, samples: SequenceSamples) -> np.ndarray:
        with self._limited():
            return log_probabilities(self._model(), self.parameters_, samples)

    # ---- features ----

    def transform(self, X: Any) -> np.ndarray:
        """Return the output of the highest layer that X brings the network to.

        Parameters
        ----------
        X : list of sequences, or array-like of shape (n_samples, n_features)
            Where `fit` was given sequences alone, sequences: the output after the last token is a summary of them. Else
            vectors: the first output is what the network makes of them before the first token.

        Returns
        -------
        ndarray of shape (n_samples, units)
        """
        check_is_fitted(self)
        model = self._model()
        with self._limited():
            if not self._of_vectors:
                return last_outputs(model, self.parameters_, self._read(X, None, None, reset=False))
            states, _ = model.first_states(self.parameters_, self._read_vectors(X, reset=False), Context())
            return np.array(states[-1][0][:, : model.stack.output_size])  # type: ignore[index]

    @property
    def _n_features_out(self) -> int:
        """Columns of `transform`, for the names of features."""
        return self._model().stack.output_size
