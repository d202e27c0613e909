"""Small models from sequence to sequence, with ragged samples, for the tests."""

import numpy as np

from ebm.networks.context import Context
from ebm.random import Random
from ebm.recurrent.batch import SequenceSamples
from ebm.recurrent.encoder_decoder_layout import encoder_decoder
from ebm.recurrent.generation import inputs_and_targets
from ebm.recurrent.learning import upload_batch
from ebm.recurrent.lstm import LSTMCell
from ebm.recurrent.simple import SimpleCell
from ebm.sequences import SequenceData

N_TOKENS = 3
KINDS = {  # name: (cell, options)
    "attention": (LSTMCell(3), {"attention_size": 4}),
    "attention, one way": (LSTMCell(3), {"attention_size": 4, "bidirectional": False}),
    "attention, two layers, frames": (LSTMCell(2), {"attention_size": 3, "n_layers": 2, "n_features": 2}),
    "none": (LSTMCell(3), {}),
    "none, two layers, one way": (SimpleCell(3), {"n_layers": 2, "bidirectional": False}),
    "none, frames": (SimpleCell(4), {"n_features": 2}),
}


def made(kind, **more):
    cell, options = KINDS[kind]
    options = {"embedding_size": 3, **options, **more}
    if "n_features" not in options:
        options["n_source_tokens"] = 4
    return encoder_decoder(N_TOKENS, cell, **options)


def parameters_of(model, dtype=np.float64, seed=3, spread=0.4):
    rng = np.random.default_rng(seed)
    first = model.initial(Random(5), dtype)
    return {name: (array + spread * rng.normal(size=array.shape)).astype(dtype) for name, array in first.items()}


def samples_of(model, n=4, seed=0, dtype=np.float64, longest=5):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, longest + 1, n)
    if model.shape == ():
        x = SequenceData.from_list([rng.integers(0, 4, length) for length in lengths], dtype=np.int64)
    else:
        x = SequenceData.from_list([rng.normal(size=(length, 2)) for length in lengths], dtype=dtype)
    targets = [rng.integers(0, N_TOKENS, length) for length in rng.integers(0, longest + 1, n)]
    found = inputs_and_targets(targets, N_TOKENS)
    return SequenceSamples({"x": x, "read": found["x"], "y": found["y"]}, dtype=dtype)


def with_weights(samples, seed=1):
    """A batch with a share for every token."""
    batch = upload_batch(samples, Context().device)
    weights = np.random.default_rng(seed).uniform(0.5, 1.5, batch.frames["y"].shape[0]).astype(samples.dtype)
    return batch.__class__(batch.frames, batch.packings, weights, batch.extra)
