"""From sequence to sequence: an encoder reads the source, and a decoder says the target, given what was read.

    h = encoder(source),    p(target | source) = prod_t p(y_t | y_<t, h),    y_{T+1} = stop

Source: Sutskever, Vinyals & Le 2014 (arXiv:1409.3215); Bahdanau, Cho & Bengio 2015 (arXiv:1409.0473), section 3.2, for
an encoder that goes both ways.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ebm.kernels.dense import add_into
from ebm.networks.context import Context
from ebm.networks.layer import Layer, Parameters, Shape
from ebm.networks.losses import SoftmaxCrossEntropy
from ebm.networks.packing import Packing
from ebm.networks.sequential import part, prefixed
from ebm.random import Random, Stream
from ebm.recurrent.attention import Source
from ebm.recurrent.batch import SequenceBatch
from ebm.recurrent.decoder import Decoder
from ebm.recurrent.stack import StackStates

ENCODER, SUMMARY, FIRST, DECODER = "encoder.", "summary.", "first_states.", "decoder."  # before names of parameters


class Encoded(NamedTuple):
    """What a source became.

    Attributes
    ----------
    states : tuple of tuples of arrays (n, size)
        The decoder's first states.
    source : Source or None
        What attention looks at.
    caches : tuple
        Of encoder, summary and first states.
    """

    states: StackStates
    source: Source | None
    caches: tuple[Any, Any, Any]


@dataclass(frozen=True)
class EncoderDecoder:
    """A model of targets given sources, log p(target | source).

    Parameters
    ----------
    shape : tuple of int
        Of a source's frame: (n_features,), or () for tokens.
    encoder : Layer
        From packed frames to the frames that the decoder knows of, (n_frames, m).
    summary : Layer
        From these to a vector (n, k) for each source, of which first states are made.
    decoder : Decoder

    Raises
    ------
    ValueError
        When the encoder gives frames of another width than the decoder takes.
    """

    shape: Shape
    encoder: Layer
    summary: Layer
    decoder: Decoder

    def __post_init__(self) -> None:
        """Refuse what does not fit."""
        given = self.encoder.output_shape(self.shape)
        if given != (self.decoder.n_source,):
            raise ValueError(f"the encoder gives frames of shape {given}, the decoder takes ({self.decoder.n_source},)")

    @property
    def _first(self) -> Any:
        return self.decoder.first_states(self.summary.output_shape((self.decoder.n_source,))[0])

    def initial(self, random: Random, dtype: Any) -> dict[str, np.ndarray]:
        """Return first parameters."""
        seeds = [random.child(Stream.DECODER, 10 + number) for number in range(4)]
        return {
            **prefixed(self.encoder.initial(self.shape, seeds[0], dtype), ENCODER),
            **prefixed(self.summary.initial((self.decoder.n_source,), seeds[1], dtype), SUMMARY),
            **prefixed(self._first.initial(seeds[2], dtype), FIRST),
            **prefixed(self.decoder.initial(seeds[3], dtype), DECODER),
        }

    def encode(self, parameters: Parameters, frames: Any, packing: Packing, context: Context) -> Encoded:
        """Read sources: frames (n_frames, n_features), or tokens (n_frames, 1), packed as ``packing`` says."""
        frames = frames.reshape(-1) if self.shape == () else frames
        with context.packed(packing):
            h, encoding = self.encoder.forward(part(parameters, ENCODER), frames, context)
            v, summing = self.summary.forward(part(parameters, SUMMARY), h, context)
            states, beginning = self._first.forward(part(parameters, FIRST), v, context)
            source = self.decoder.look_at(part(parameters, DECODER), h, packing, context)
        return Encoded(states, source, (encoding, summing, beginning))

    def summarise(self, parameters: Parameters, frames: Any, packing: Packing, context: Context) -> Any:
        """Return the vector of each source, (n, k)."""
        frames = frames.reshape(-1) if self.shape == () else frames
        with context.packed(packing):
            h, _ = self.encoder.forward(part(parameters, ENCODER), frames, context)
            return self.summary.forward(part(parameters, SUMMARY), h, context)[0]

    def encode_back(
        self, parameters: Parameters, encoded: Encoded, d_states: StackStates, d_source: Any, gradients: Parameters,
        packing: Packing, context: Context,
    ) -> None:  # fmt: skip
        """Write the encoder's gradients, given those of what the source became."""
        encoding, summing, beginning = encoded.caches

        def own(prefix: str) -> tuple[Any, Any]:
            return part(parameters, prefix), part(gradients, prefix)

        with context.packed(packing):
            weights, of_weights = own(FIRST)
            dv = self._first.backward(weights, beginning, d_states, of_weights, context, wants_input=True)
            weights, of_weights = own(SUMMARY)
            dh = self.summary.backward(weights, summing, dv, of_weights, context)
            if d_source is not None:
                add_into(d_source, dh)
            weights, of_weights = own(ENCODER)
            self.encoder.backward(weights, encoding, dh, of_weights, context, wants_input=False)

    def log_likelihood(self) -> Transduction:
        """Return what is learnt."""
        return Transduction(self)


@dataclass(frozen=True)
class Transduction:
    """The loss -log p(y_t | y_<t, source) of every target token, stops included; satisfies `SequenceObjective`.

    A batch has the sequences "x" (source), "read" (start, y_1, ..., y_T) and "y" (y_1, ..., y_T, stop).

    Parameters
    ----------
    model : EncoderDecoder
    """

    model: EncoderDecoder

    frames_of: ClassVar[str | None] = "y"

    @property
    def statistics(self) -> tuple[str, ...]:
        """The encoder's."""
        return tuple(ENCODER + name for name in self.model.encoder.statistics)

    def gradient(self, parameters: Parameters, batch: SequenceBatch, gradients: Parameters, context: Context) -> Any:
        """Write the gradient, and return -log p of every token, (n_target_frames,)."""
        model, packing = self.model, batch.packings["x"]
        encoded, logits, cache = self._passed(parameters, batch, context)
        values, d_logits = SoftmaxCrossEntropy().value_and_gradient(logits, batch.tokens("y"), batch.weights, context)
        with context.packed(batch.packings["y"]):
            own, of_own = part(parameters, DECODER), part(gradients, DECODER)
            d_states, d_source = model.decoder.backward(own, cache, d_logits, of_own, context, packing)
        model.encode_back(parameters, encoded, d_states, d_source, gradients, packing, context)
        return values

    def values(self, parameters: Parameters, batch: SequenceBatch, context: Context) -> Any:
        """Return -log p of every token, (n_target_frames,)."""
        _, logits, _ = self._passed(parameters, batch, context)
        return SoftmaxCrossEntropy().values(logits, batch.tokens("y"), context)

    def weights(self, parameters: Parameters, batch: SequenceBatch, context: Context) -> list[np.ndarray]:
        """Return the attention of every target token, stop included: arrays (target frames, source frames)."""
        _, _, cache = self._passed(parameters, batch, context)
        if cache.attended is None:
            raise ValueError("this decoder has no attention")
        return cache.attended.matrices(context)

    def _passed(self, parameters: Parameters, batch: SequenceBatch, context: Context) -> tuple[Encoded, Any, Any]:
        encoded = self.model.encode(parameters, batch.frames["x"], batch.packings["x"], context)
        with context.packed(batch.packings["y"]):
            given = batch.frames["read"].reshape(-1), encoded.source, encoded.states
            logits, _, cache = self.model.decoder.forward(part(parameters, DECODER), *given, context)
        return encoded, logits, cache
