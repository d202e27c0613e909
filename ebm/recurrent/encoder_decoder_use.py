"""What a model from sequence to sequence tells of many samples, in blocks, so that memory stays bounded; on the CPU."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ebm.networks.context import Context
from ebm.networks.layer import Parameters
from ebm.networks.packing import Packing
from ebm.recurrent.batch import SequenceBatch, SequenceSamples
from ebm.recurrent.decoding import Said, Speech, say
from ebm.recurrent.encoder_decoder import EncoderDecoder
from ebm.recurrent.learning import upload_batch
from ebm.recurrent.outputs import blocks
from ebm.sequences import SequenceData

TARGETS_AT_ONCE = 256  # that are said together, at most: a beam has many prefixes of each


def targets(model: EncoderDecoder, parameters: Parameters, data: SequenceData, how: Speech) -> Said:
    """Say the targets of all sources, in their order."""
    n = data.n_samples
    sequences: list[np.ndarray] = [np.empty(0, np.int64)] * n
    log_p, ended = np.empty(n), np.empty(n, bool)
    for block in blocks(data.lengths):
        for top in range(0, block.size, TARGETS_AT_ONCE):
            which = block[top : top + TARGETS_AT_ONCE]
            packing = Packing(data.lengths[which])
            said = say(model, parameters, packing.pack(data.subset(which).frames), packing, how)
            log_p[which], ended[which] = said.log_probabilities, said.ended
            for number, sequence in zip(which, said.sequences, strict=True):
                sequences[number] = sequence
    return Said(sequences, log_p, ended)


def log_probabilities(model: EncoderDecoder, parameters: Parameters, samples: SequenceSamples) -> np.ndarray:
    """Return log p(y, stop | source) of every sample, in nats; float64 of shape (n_samples,)."""
    objective, found = model.log_likelihood(), np.empty(samples.n_samples)
    for which, batch, lengths in _batches(samples):
        values = objective.values(parameters, batch, Context())
        per_token = batch.packings["y"].unpack(values.astype(np.float64))
        found[which] = -np.add.reduceat(per_token, np.cumsum(lengths) - lengths)
    return found


def attention_weights(model: EncoderDecoder, parameters: Parameters, samples: SequenceSamples) -> list[np.ndarray]:
    """Return the attention of every target token, stop included: an array (target frames, source frames) a sample.

    Raises
    ------
    ValueError
        When the decoder has none.
    """
    objective = model.log_likelihood()
    found: list[np.ndarray] = [np.empty((0, 0))] * samples.n_samples
    for which, batch, _ in _batches(samples):
        for number, weights in zip(which, objective.weights(parameters, batch, Context()), strict=True):
            found[number] = weights
    return found


def summaries(model: EncoderDecoder, parameters: Parameters, data: SequenceData) -> np.ndarray:
    """Return the vector that each source is summed up to, of shape (n_samples, k)."""
    parts, order = [], []
    for which in blocks(data.lengths):
        packing = Packing(data.lengths[which])
        frames = packing.pack(data.subset(which).frames)
        parts.append(model.summarise(parameters, frames, packing, Context()))
        order.append(which)
    found = np.concatenate(parts)
    found[np.concatenate(order)] = found.copy()
    return found


def _batches(samples: SequenceSamples) -> Iterator[tuple[np.ndarray, SequenceBatch, np.ndarray]]:
    """Yield numbers of samples, these as a batch, and the lengths of their targets, stops included."""
    target = samples.sequences["y"].lengths
    for which in blocks(samples.main.lengths + target):
        yield which, upload_batch(samples.subset(which), Context().device), target[which]
