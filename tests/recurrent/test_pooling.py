"""Means over frames, and outputs in blocks."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ebm.networks.context import Context
from ebm.networks.dense import Dense
from ebm.networks.packing import Packing
from ebm.networks.sequential import Sequential
from ebm.random import Random
from ebm.recurrent import outputs as module
from ebm.recurrent.layer import Recurrent
from ebm.recurrent.lstm import LSTMCell
from ebm.recurrent.network import RecurrentNetwork
from ebm.recurrent.outputs import outputs
from ebm.recurrent.pooling import LastFrame, MeanFrame
from ebm.sequences import SequenceData
from tests.networks.differences import close, differences

LENGTHS = (3, 6, 1, 4, 6)


def mean_loops(x, packing):
    """From the formula, by plain loops."""
    found = np.zeros((packing.n, x.shape[1]))
    for i in range(packing.n):
        rows = packing.positions(i)
        for row in rows:
            for j in range(x.shape[1]):
                found[i, j] += float(x[row, j]) / len(rows)
    return found


@pytest.mark.parametrize(("dtype", "bound"), [(np.float32, 1e-6), (np.float64, 1e-14)])
def test_means_are_those_of_plain_loops(dtype, bound):
    packing = Packing(LENGTHS)
    x = np.random.default_rng(0).normal(size=(packing.n_frames, 5)).astype(dtype)
    y, _ = MeanFrame().forward({}, x, Context(packing=packing))
    assert y.dtype == dtype
    assert_allclose(y, mean_loops(x, packing), atol=bound)


def test_gradient_is_that_of_differences_and_the_adjoint():
    packing, rng = Packing(LENGTHS), np.random.default_rng(0)
    x, dy = rng.normal(size=(packing.n_frames, 3)), rng.normal(size=(packing.n, 3))
    context = Context(packing=packing)
    y, cache = MeanFrame().forward({}, x, context)
    dx = MeanFrame().backward({}, cache, dy, {}, context)
    close(dx, differences(lambda: float((mean_loops(x, packing) * dy).sum()), x))
    assert float((y * dy).sum()) == pytest.approx(float((x * dx).sum()), rel=1e-12)
    assert MeanFrame().backward({}, cache, dy, {}, context, wants_input=False) is None


def network(aligned):
    body = [Recurrent(LSTMCell(6)), *([] if aligned else [LastFrame()])]
    return RecurrentNetwork(3, Sequential(body), Sequential([Dense(4, "tanh"), Dense(2)]))


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("at_once", [1, 7, 13, 2**14])
def test_blocks_of_any_size_give_the_same_bits(monkeypatch, aligned, at_once):
    rng, layer = np.random.default_rng(0), network(aligned)
    sequences = [rng.normal(size=(length, 3)).astype(np.float32) for length in rng.integers(1, 10, size=20)]
    parameters = layer.initial((3,), Random(0), np.float32)
    data = SequenceData.from_list(sequences)
    monkeypatch.setattr(module, "FRAMES_AT_ONCE", at_once)
    found = outputs(layer, parameters, data, aligned=aligned)
    for number, sequence in enumerate(sequences):
        alone, _ = layer.forward(parameters, sequence, Context(packing=Packing([len(sequence)])))
        where = slice(data.starts[number], data.starts[number + 1]) if aligned else [number]
        assert_array_equal(found[where], alone)


def test_blocks_are_no_larger_than_they_may_be(monkeypatch):
    monkeypatch.setattr(module, "FRAMES_AT_ONCE", 10)
    lengths = np.array([3, 12, 1, 7, 5, 2])
    blocks = [block.tolist() for block in module.blocks(lengths)]
    assert blocks == [[1], [3], [4, 0, 5], [2]]


def test_data_of_another_precision_are_refused():
    layer = network(aligned=False)
    with pytest.raises(ValueError, match="data are float64, but parameters are float32"):
        outputs(
            layer, layer.initial((3,), Random(0), np.float32), SequenceData.from_list([np.ones((2, 3))]), aligned=False
        )
