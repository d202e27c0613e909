"""One frame at a time gives what whole sequences give."""

import gc
from weakref import ref

import numpy as np
import pytest

from ebm.networks.context import Context
from ebm.networks.dense import Dense
from ebm.networks.packing import Packing
from ebm.networks.sequential import Sequential
from ebm.random import Random
from ebm.recurrent.bidirectional import Bidirectional
from ebm.recurrent.deep_transition import DeepTransitionCell
from ebm.recurrent.dropout import SequenceDropout
from ebm.recurrent.layer import Recurrent
from ebm.recurrent.lstm import LSTMCell
from ebm.recurrent.scrn import SCRNCell
from ebm.recurrent.simple import SimpleCell
from ebm.recurrent.streaming import FrameStream

NETWORK = Sequential([Recurrent(LSTMCell(70)), Recurrent(SimpleCell(9)), Dense(3)])
OTHER = Sequential(
    [
        Recurrent(SCRNCell(9, 4, learn_alpha=True, recurrent_dropout=0.3)),
        SequenceDropout(0.3),
        Recurrent(DeepTransitionCell(8, depth=3, shortcut=True)),
        Dense(3),
    ]
)


@pytest.mark.parametrize("network", [NETWORK, OTHER], ids=["lstm, simple", "scrn, deep transition"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 5])
def test_steps_equal_whole_sequences_bit_for_bit(network, dtype, n):
    parameters = network.initial((6,), Random(1), dtype)
    x = np.random.default_rng(0).standard_normal((20, n, 6)).astype(dtype)
    stream = FrameStream(network, parameters, 6, n=n)
    found = np.array([stream.step(frame) for frame in x])
    whole, _ = network.forward(parameters, x.reshape(-1, 6), Context(packing=Packing([20] * n)))
    np.testing.assert_array_equal(found.reshape(-1, 3), whole)
    assert found.dtype == dtype
    stream.reset()
    np.testing.assert_array_equal(np.array([stream.step(frame) for frame in x]), found)


def test_a_stream_keeps_the_parameters_that_it_was_given():
    parameters = NETWORK.initial((6,), Random(1), np.float32)
    stream, frame = FrameStream(NETWORK, parameters, 6), np.ones(6, np.float32)
    before = stream.step(frame)
    for array in parameters.values():
        array[...] = 0
    stream.reset()
    np.testing.assert_array_equal(stream.step(frame), before)
    assert before.shape == (3,)


def test_a_stream_goes_with_the_last_who_holds_it():
    """Arrays of a stream in a circle of references would stay until Python looks for circles."""
    stream = FrameStream(NETWORK, NETWORK.initial((6,), Random(1), np.float32), 6)
    stream.step(np.ones(6))
    gone = ref(stream)
    gc.disable()
    try:
        del stream
        assert gone() is None
    finally:
        gc.enable()


def test_what_does_not_fit_is_refused():
    parameters = NETWORK.initial((6,), Random(1), np.float32)
    with pytest.raises(ValueError, match=r"frame has shape \(5,\)"):
        FrameStream(NETWORK, parameters, 6).step(np.zeros(5))
    for layer, told in (
        (Recurrent(SimpleCell(4), backwards=True), "backwards"),
        (Bidirectional(SimpleCell(4)), "ends"),
    ):
        network = Sequential([layer])
        with pytest.raises(ValueError, match=told):
            FrameStream(network, network.initial((6,), Random(1), np.float32), 6)
