"""Models of tokens that tests share."""

from itertools import product

import numpy as np

from ebm.random import Random
from ebm.recurrent.batch import SequenceSamples
from ebm.recurrent.deep_transition import DeepTransitionCell
from ebm.recurrent.first_states import FirstStates
from ebm.recurrent.generation import TokenModel, inputs_and_targets
from ebm.recurrent.gru import GRUCell
from ebm.recurrent.lstm import LSTMCell
from ebm.recurrent.peephole import PeepholeLSTMCell
from ebm.recurrent.scrn import SCRNCell
from ebm.recurrent.simple import SimpleCell
from ebm.recurrent.stack import CellStack

KINDS = {
    "simple": [SimpleCell(4)],
    "lstm": [LSTMCell(3)],
    "peepholes": [PeepholeLSTMCell(3)],
    "gru": [GRUCell(3)],
    "scrn": [SCRNCell(3, 2)],
    "deep transition": [DeepTransitionCell(3)],
    "mixed": [LSTMCell(4), SimpleCell(3), LSTMCell(2)],
}


def token_model(kind="mixed", n_tokens=3, n_in=None, hidden=(), dropout=0.0):
    stack = CellStack(KINDS[kind], dropout)
    first = None if n_in is None else FirstStates(n_in, stack.state_sizes, hidden)
    return TokenModel(n_tokens, stack, 3, first)


def moved(model, seed=0, dtype=np.float64, spread=0.5):
    """First parameters, moved off what they begin with."""
    rng = np.random.default_rng(seed)
    found = model.initial(Random(seed), dtype)
    return {name: (array + spread * rng.normal(size=array.shape)).astype(dtype) for name, array in found.items()}


def samples_of(sequences, n_tokens=3, vectors=None, dtype=np.float64, weights=None):
    extra = {} if vectors is None else {"vectors": np.asarray(vectors, dtype)}
    return SequenceSamples(inputs_and_targets(sequences, n_tokens, weights), extra, dtype=dtype)


def all_sequences(n_tokens, longest):
    """Every sequence of 0 to ``longest`` tokens."""
    return [np.array(y, np.int64) for length in range(longest + 1) for y in product(range(n_tokens), repeat=length)]
