"""What a fitted recurrent network can do whatever it answers: features, frame by frame, files."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ebm.networks.sequential import Sequential, part
from ebm.recurrent.network import RecurrentNetwork
from ebm.recurrent.outputs import outputs
from ebm.recurrent.streaming import FrameStream
from ebm.sequences import SequenceData
from ebm.storage import ModelFileError
from ebm_sklearn._recurrent_learning import RecurrentEstimator
from ebm_sklearn._sequence_input import as_given, read_sequences


class Answers(NamedTuple):
    """What the network makes of sequences: (n_samples, m), or (n_frames, m) where it is aligned."""

    data: SequenceData
    values: np.ndarray


class FittedRecurrent(  # type: ignore[call-arg]  # mypy does not see scikit-learn's keywords of classes
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, RecurrentEstimator, auto_wrap_output_keys=None
):
    """Methods that all estimators of recurrent networks share."""

    _stream: FrameStream | None = None

    def _answers(self, X: Any) -> Answers:
        check_is_fitted(self)
        data = read_sequences(self, X, reset=False, dtype=self._dtype)
        with self._limited():
            return Answers(data, outputs(self._network(), self.parameters_, data, aligned=self.ALIGNED))

    def transform(self, X: Any) -> Any:
        """Return the features on which answers rest: what the recurrent layers have made of the frames.

        Parameters
        ----------
        X : list of arrays (length, n_features), or array (n_samples, length, n_features) or (n_samples, n_features)
            As in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_features_out), or such for every frame
            Where every frame has an answer: in the kind of container that X is, arrays (length, n_features_out). There
            are ``units`` features, twice as many when ``bidirectional``, in the dtype of learning.
        """
        check_is_fitted(self)
        data = read_sequences(self, X, reset=False, dtype=self._dtype)
        own = part(self.parameters_, "body.")
        with self._limited():
            found = outputs(self._network().body, own, data, aligned=self.ALIGNED)
        return as_given(X, found, data.starts) if self.ALIGNED else found

    @property
    def _n_features_out(self) -> int:
        return self._network().n_features

    def _recurrent_part(self, X: Any) -> tuple[Sequential, list[np.ndarray]]:
        """Return the layers that recurrent ones are among, and the sequences as these read them."""
        return self._network().body, read_sequences(self, X, reset=False, dtype=self._dtype).sequences()

    # ---- frame by frame ----

    def reset_state(self) -> None:
        """Let the next `step` be the first frame of a sequence."""
        if self._stream is not None:
            self._stream.reset()

    def _stepped(self, frame: Any) -> np.ndarray:
        """Return the answer after one more frame, (m,)."""
        check_is_fitted(self)
        if self._stream is None:
            self._stream = FrameStream(self._frame_by_frame(), self.parameters_, self.n_features_in_)
        frame = np.asarray(frame)
        if frame.shape != (self.n_features_in_,):
            raise ValueError(f"frame has shape {frame.shape}, but a frame here is ({self.n_features_in_},)")
        with self._limited():
            return self._stream.step(frame)

    def _frame_by_frame(self) -> RecurrentNetwork:
        """Return the network with an answer at every frame, the one that a sequence has which ends there."""
        network, pooling = self._network(), self.architecture_["pooling"]
        if pooling is None:
            return network
        if pooling == "mean":
            raise ValueError("step needs pooling='last': a mean over frames is known at the end only")
        return RecurrentNetwork(network.n_in, Sequential(network.body.layers[:-1]), network.head)

    def _keep(self, fitted: Any, book: Any) -> None:
        super()._keep(fitted, book)
        self._stream = None  # it is a stream of the network as it was

    def __getstate__(self) -> Any:
        state = super().__getstate__()  # type: ignore[no-untyped-call]
        return {name: value for name, value in state.items() if name != "_stream"}

    # ---- files ----

    def _restore(self, arrays: dict[str, np.ndarray], values: dict[str, Any], path: str | os.PathLike[str]) -> None:
        super()._restore(arrays, values, path)
        n_inputs, pooling = (self.architecture_[name] for name in ("n_inputs", "pooling"))
        if n_inputs != self.n_features_in_ or (pooling is None) != self.ALIGNED:
            raise ModelFileError(
                f"{path}: the network reads {n_inputs} features with pooling={pooling!r}, which is no "
                f"{type(self).__name__} of {self.n_features_in_} features"
            )
