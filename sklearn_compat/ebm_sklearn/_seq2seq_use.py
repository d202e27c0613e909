"""What a fitted `Seq2Seq` can do: say targets, tell the probability of given ones, and where it looks."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ebm.recurrent.decoding import Said, Speech
from ebm.recurrent.encoder_decoder_use import attention_weights, log_probabilities, summaries, targets
from ebm.sequences import SequenceData
from ebm_sklearn._seq2seq_learning import LearningSeq2Seq
from ebm_sklearn._sequence_input import boxed
from ebm_sklearn._warnings import UnendedSequenceWarning


class UsedSeq2Seq(LearningSeq2Seq):
    """`Seq2Seq` without its constructor."""

    beam_width: int
    length_penalty: float

    # ---- saying targets ----

    def predict(
        self, X: Any, *, beam_width: int | None = None, max_length: int | None = None,
        return_log_probability: bool = False,
    ) -> Any:  # fmt: skip
        """Return the target of each source.

        With a beam of width 1 (greedy) the likeliest token is taken at every step; a wider one goes on with as many
        prefixes side by side, and its target is never less likely (per token, to the degree of ``length_penalty``).

        Parameters
        ----------
        X : list of sequences, or array
            Sources, as in `fit`.
        beam_width : int, default=None
            None takes the estimator's.
        max_length : int, default=None
            Tokens after which a target is cut off. None takes the estimator's, or twice the longest target of `fit`.
        return_log_probability : bool, default=False
            Return the targets' log-probabilities, too.

        Returns
        -------
        targets : ndarray of shape (n_samples,), of objects
            Strings where `fit` was given strings, else lists of tokens. A target may be empty.
        log_probabilities : ndarray of shape (n_samples,)
            Only with ``return_log_probability``: log p(y, stop | x) in nats, without the stop where it was not reached.

        Raises
        ------
        ValueError
            When X is not as in `fit`, or a token is unknown: its sequence and place are told.

        Warns
        -----
        UnendedSequenceWarning
            When targets were cut off at ``max_length``.
        """
        check_is_fitted(self)
        said = self._said(self._read_source(X, reset=False).data, beam_width, max_length)
        if not said.ended.all():
            warnings.warn(
                f"{(~said.ended).sum()} of {said.ended.size} targets were cut off at max_length before they ended: "
                "give a larger one, or learn longer",
                UnendedSequenceWarning,
                stacklevel=2,
            )
        found = boxed(self.target_vocabulary_.decode(said.sequences, text=self._text))
        return (found, said.log_probabilities) if return_log_probability else found

    def _said(self, data: SequenceData, beam_width: int | None = None, max_length: int | None = None) -> Said:
        longest = self.max_length if max_length is None else max_length
        width = self.beam_width if beam_width is None else beam_width
        how = Speech(2 * self.longest_ if longest is None else longest, width, self.length_penalty)
        with self._limited():
            return targets(self._model(), self.parameters_, data, how)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the share of targets that are said exactly, token for token with their end.

        Parameters
        ----------
        X, y : as in `fit`
        sample_weight : array-like of shape (n_samples,), default=None
        """
        check_is_fitted(self)
        samples = self._read(X, y, sample_weight, reset=False)
        said, boundary = self._said(samples.main), len(self.target_vocabulary_)
        true = samples.sequences["y"].sequences()
        right = [
            ended and np.array_equal(np.append(got, boundary), target[:, 0])
            for got, ended, target in zip(said.sequences, said.ended, true, strict=True)
        ]
        return float(np.average(right, weights=samples.main.weights))

    # ---- probabilities, attention, features ----

    def score_samples(self, X: Any, y: Any) -> np.ndarray:
        """Return log p(y, stop | x) of each pair, in nats: exact, and higher is likelier.

        Parameters
        ----------
        X, y : as in `fit`

        Returns
        -------
        ndarray of shape (n_samples,)
            float64.
        """
        check_is_fitted(self)
        samples = self._read(X, y, None, reset=False)
        with self._limited():
            return log_probabilities(self._model(), self.parameters_, samples)

    def attention_weights(self, X: Any, y: Any = None) -> list[np.ndarray]:
        """Return where the decoder looks when it says each token.

        Parameters
        ----------
        X : list of sequences, or array
            Sources.
        y : list of sequences, default=None
            Targets. None takes what `predict` says.

        Returns
        -------
        list of ndarray of shape (target length, source length)
            Weights alpha_tj of source frame j when token t is said; rows sum to 1. (The row of the stop is left out, so
            an empty target has none.)

        Raises
        ------
        ValueError
            When the estimator was fitted with ``attention=False``, or X or y are not as in `fit`.
        """
        check_is_fitted(self)
        if self.architecture_["attention_size"] is None:
            raise ValueError("this estimator has no attention: it was fitted with attention=False")
        if y is None:
            source = self._read_source(X, reset=False).data
            samples = self._samples(source, _as_data(self._said(source).sequences))
        else:
            samples = self._read(X, y, None, reset=False)
        with self._limited():
            found = attention_weights(self._model(), self.parameters_, samples)
        return [weights[:-1] for weights in found]

    def transform(self, X: Any) -> np.ndarray:
        """Return what the encoder sums each source up to: its highest outputs where each direction ends.

        Parameters
        ----------
        X : list of sequences, or array
            Sources.

        Returns
        -------
        ndarray of shape (n_samples, n_directions * units)
        """
        check_is_fitted(self)
        data = self._read_source(X, reset=False).data
        with self._limited():
            return summaries(self._model(), self.parameters_, data)

    @property
    def _n_features_out(self) -> int:
        """Columns of `transform`, for the names of features."""
        return self._model().decoder.n_source


def _as_data(sequences: list[np.ndarray]) -> SequenceData:
    """Return targets, which may be empty."""
    starts = np.concatenate([[0], np.cumsum([part.size for part in sequences])]).astype(np.int64)
    return SequenceData(np.concatenate(sequences)[:, None], starts, np.ones(len(sequences)))
