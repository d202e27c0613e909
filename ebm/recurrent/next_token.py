"""What a model of tokens learns: the mean of -log p(y_t | y_<t, v) over all tokens, stops included; in nats."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ebm.networks.context import Context
from ebm.networks.layer import Parameters
from ebm.networks.losses import SoftmaxCrossEntropy
from ebm.networks.sequential import part
from ebm.recurrent.batch import SequenceBatch, SequenceSamples
from ebm.recurrent.generation import FIRST, TokenModel
from ebm.recurrent.learning import upload_batch
from ebm.recurrent.outputs import blocks
from ebm.recurrent.truncation import Chunks

VECTORS = "vectors"  # what belongs to whole samples, where first states are made of it


@dataclass(frozen=True)
class NextToken:
    """The loss of every token given those before it; satisfies `SequenceObjective`.

    Sequences are "x" and "y" of `inputs_and_targets`; vectors, if any, belong to samples as "vectors".

    Parameters
    ----------
    model : TokenModel
    """

    model: TokenModel

    statistics: ClassVar[tuple[str, ...]] = ()
    frames_of: ClassVar[str | None] = "x"

    def refusal_of(self, truncation: int | Chunks) -> str | None:
        """Return why a truncation has no meaning here; None where it has one."""
        if isinstance(truncation, Chunks) and self.model.first is not None:
            return (
                "goes on from chunk to chunk, but here first states are made of vectors, which only the first could see"
            )
        return None

    def gradient(self, parameters: Parameters, batch: SequenceBatch, gradients: Parameters, context: Context) -> Any:
        """Write the gradient, and return -log p of every token, (n_frames,)."""
        model = self.model
        with context.packed(batch.packings["x"]):
            logits, made, cache = self._logits(parameters, batch, context)
            values, d_logits = SoftmaxCrossEntropy().value_and_gradient(
                logits, batch.tokens("y"), batch.weights, context
            )
            d_states = model.backward(parameters, cache, d_logits, gradients, context)
        if model.first is not None and d_states is not None:
            model.first.backward(part(parameters, FIRST), made, d_states, part(gradients, FIRST), context)
        return values

    def values(self, parameters: Parameters, batch: SequenceBatch, context: Context) -> Any:
        """Return -log p of every token, (n_frames,)."""
        with context.packed(batch.packings["x"]):
            logits, _, _ = self._logits(parameters, batch, context)
            return SoftmaxCrossEntropy().values(logits, batch.tokens("y"), context)

    def _logits(self, parameters: Parameters, batch: SequenceBatch, context: Context) -> tuple[Any, Any, Any]:
        states, made = self.model.first_states(parameters, batch.extra.get(VECTORS), context)
        logits, _, cache = self.model.forward(parameters, batch.frames["x"].reshape(-1), states, context)
        return logits, made, cache


def token_log_probabilities(model: TokenModel, parameters: Parameters, samples: SequenceSamples) -> list[np.ndarray]:
    """Return log p(y_t | y_<t, v) of every token of each sequence, its stop last; float64 of shape (length + 1,)."""
    found: list[Any] = [None] * samples.n_samples
    for which, batch, context in _parts(samples):
        values = NextToken(model).values(parameters, batch, context)
        per_frame = -batch.packings["x"].unpack(values.reshape(-1, 1).astype(np.float64))[:, 0]
        ends = np.cumsum(samples.main.lengths[which])
        for number, of_one in zip(which, np.split(per_frame, ends[:-1]), strict=True):
            found[number] = of_one
    return found


def log_probabilities(model: TokenModel, parameters: Parameters, samples: SequenceSamples) -> np.ndarray:
    """Return log p(y, stop | v) of every sequence, in nats; float64 of shape (n_samples,), on the CPU."""
    return np.array([tokens.sum() for tokens in token_log_probabilities(model, parameters, samples)])


def last_outputs(model: TokenModel, parameters: Parameters, samples: SequenceSamples) -> np.ndarray:
    """Return the highest cell's output after each sequence's last token, before the stop; (n_samples, output_size)."""
    found = np.empty((samples.n_samples, model.stack.output_size), samples.dtype)
    for which, batch, context in _parts(samples):
        with context.packed(batch.packings["x"]):
            states, _ = model.first_states(parameters, batch.extra.get(VECTORS), context)
            _, finals, _ = model.forward(parameters, batch.frames["x"].reshape(-1), states, context)
        found[which] = finals[-1][0][:, : model.stack.output_size]
    return found


def _parts(samples: SequenceSamples) -> Iterator[tuple[np.ndarray, SequenceBatch, Context]]:
    """Yield numbers of samples, these as a batch, and a context for it, so that memory stays bounded."""
    context = Context(reuse=True, resize=True, constant=True)
    for which in blocks(samples.main.lengths):
        context.rewind()
        yield which, upload_batch(samples.subset(which), context.device), context
