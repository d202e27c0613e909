"""Recurrent networks by name."""

import numpy as np
import pytest

from ebm.networks.context import Context
from ebm.networks.dense import Dense
from ebm.networks.dropout import Dropout
from ebm.networks.packing import Packing
from ebm.networks.sequential import Sequential
from ebm.random import Random
from ebm.recurrent.architecture import CELLS, recurrent_cell, recurrent_layers
from ebm.recurrent.bidirectional import Bidirectional
from ebm.recurrent.deep_transition import DeepTransitionCell
from ebm.recurrent.dropout import SequenceDropout
from ebm.recurrent.layer import Recurrent
from ebm.recurrent.simple import SimpleCell

NEEDED = {"scrn": {"context_units": 3}}


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_every_name_goes_through_time(name, bidirectional):
    layers = recurrent_layers(name, 4, depth=2, bidirectional=bidirectional, options=NEEDED.get(name))
    network, packing = Sequential(layers), Packing((2, 3))
    parameters = network.initial((5,), Random(0), np.float32)
    x = np.random.default_rng(0).normal(size=(5, 5)).astype(np.float32)
    y, _ = network.forward(parameters, x, Context(packing=packing))
    assert y.shape == (5, (1 + bidirectional) * recurrent_cell(name, 4, **NEEDED.get(name, {})).output_size)
    assert np.isfinite(y).all()
    assert y.std() > 0


def test_dropout_stands_between_recurrent_layers():
    cell = SimpleCell(4, activation="relu")
    one = recurrent_layers("relu", 4, depth=3, dropout=0.2)
    assert one == [Recurrent(cell), Dropout(0.2), Recurrent(cell), Dropout(0.2), Recurrent(cell)]
    other = recurrent_layers("relu", 4, depth=2, dropout=0.2, variational=True, bidirectional=True)
    assert other == [Bidirectional(cell), SequenceDropout(0.2), Bidirectional(cell)]


def test_deep_output_is_dense_layers_at_every_frame():
    """With a deep transition below it is the paper's DOT-RNN."""
    options = {"depth": 3, "shortcut": True}
    layers = recurrent_layers("deep_transition", 4, options=options, deep_output=(6, 5), output_activation="relu")
    cell = DeepTransitionCell(4, depth=3, shortcut=True)
    assert layers == [Recurrent(cell), Dense(6, "relu"), Dense(5, "relu")]
    network, packing = Sequential(layers), Packing((4, 2))
    parameters = network.initial((3,), Random(0), np.float64)
    x = np.random.default_rng(0).normal(size=(6, 3))
    y, _ = network.forward(parameters, x, Context(packing=packing))
    below, _ = Recurrent(cell).forward(
        {name[2:]: a for name, a in parameters.items() if name.startswith("0.")}, x, Context(packing=packing)
    )
    for frame, h in enumerate(below):
        for layer in ("1", "2"):
            h = np.maximum(h @ parameters[f"{layer}.weights"] + parameters[f"{layer}.bias"], 0)
        np.testing.assert_allclose(y[frame], h, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"cell": "elman"}, "cell must be one of 'tanh', .*; got 'elman'"),
        ({"cell": "scrn"}, "cell 'scrn' needs context_units"),
        ({"options": {"alpha": 0.5}}, "cell 'lstm' has no parameter 'alpha'"),
        ({"depth": 0}, "depth must be an integer of at least 1, got 0"),
        ({"dropout": 1}, r"dropout must be a number in \[0, 1\), got 1"),
        ({"units": 0}, "units must be an integer of at least 1, got 0"),
        ({"deep_output": (0,)}, "units must be an integer of at least 1, got 0"),
    ],
)
def test_what_is_unknown_or_out_of_range_is_refused(given, told):
    with pytest.raises(ValueError, match=told):
        recurrent_layers(**given)
