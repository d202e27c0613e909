"""Truncated backpropagation through time on CUDA equals the CPU's: per output, and in chunks."""

import numpy as np
import pytest

from ebm.kernels.chunks import load_chunk
from ebm.kernels.shift import shift_rows
from ebm.networks.context import Context
from ebm.networks.dense import Dense
from ebm.networks.losses import SquaredError
from ebm.networks.packing import Packing
from ebm.networks.sequential import Sequential
from ebm.optimizers.sgd import SGD
from ebm.random import Random
from ebm.recurrent.batch import SequenceSamples
from ebm.recurrent.chunk_learning import learner_of_sequences
from ebm.recurrent.layer import Recurrent
from ebm.recurrent.objective import SequenceLoss
from ebm.recurrent.simple import SimpleCell
from ebm.recurrent.through_time import back_through_time
from ebm.sequences import SequenceData
from tests.recurrent.cell_cases import CASES


def outcomes(case, context):
    """A pass back, cut off after one frame: gradients, dx, and those of the first states."""
    up, (parameters, x, states, dy, d_states) = context.device.upload, case.arrays(np.float64)
    there = {name: up(array) for name, array in parameters.items()}
    gradients = {name: up(np.full_like(array, 9)) for name, array in parameters.items()}
    with context.packed(Packing(case.lengths, context.device)):
        _, _, cache = case.cell.forward(there, up(x), tuple(map(up, states)), context)
        given = (case.cell, there, cache, up(dy), tuple(map(up, d_states)), gradients, context)
        dx, first = back_through_time(*given, wants_states=True)
    found = gradients | {"dx": dx} | {f"state {k}": state for k, state in enumerate(first)}
    return {name: context.device.download(array) for name, array in found.items()}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_cells_equal_the_cpus(device, case):
    here, there = (outcomes(case, Context(place, truncation=1)) for place in ("cpu", device))
    for name, array in here.items():
        np.testing.assert_allclose(there[name], array, rtol=1e-11, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("k", [(2, 2), (1, 3), 1], ids=str)
def test_learning_equals_the_cpus(device, k):
    rng, found = np.random.default_rng(0), []
    x, y = ([rng.normal(size=(length, m)) for length in (4, 2, 5)] for m in (2, 1))
    data = SequenceSamples({n: SequenceData.from_list(a) for n, a in (("x", x), ("y", y))}, dtype=np.float64)
    objective = SequenceLoss(Sequential([Recurrent(SimpleCell(3)), Dense(1)]), SquaredError(), aligned=True)
    for place in ("cpu", device):
        start = objective.network.initial((2,), Random(0), np.float64)
        made = learner_of_sequences(
            start, objective, data, SGD(0.1), Random(1), n_epochs=2, batch_size=2, truncation=k, device=place
        )
        for epoch in range(2):
            made.begin_epoch(epoch)
            made.update(0, made.n_batches)
        found.append(made.parameters)
    for name, array in found[0].items():
        np.testing.assert_allclose(found[1][name], array, rtol=1e-11, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_rows_are_copied(device, dtype):
    data, packing = np.arange(1, 19).reshape(9, 2).astype(dtype), {p: Packing([2, 3], p) for p in ("cpu", device)}
    begins, order, places = np.array([0, 3, 5]), np.array([2, 0]), np.array([[9, 9], [0, 1]])
    found = []
    for place in ("cpu", device):
        up = Context(place).device.upload
        out, moved = up(np.zeros((5, 2), dtype)), up(np.zeros((5, 2), dtype))
        clock = up(np.array([7, 1], np.uint32))
        load_chunk(up(data), up(begins), up(order), up(places), clock, packing[place], out, known=1)
        shift_rows(out, packing[place].after, up(data[:2]), packing[place].sequence, moved)
        found.append([Context(place).device.download(a) for a in (out, moved)])
    for here, there in zip(*found, strict=True):
        np.testing.assert_array_equal(there, here)
    rows = packing["cpu"].positions(1)  # sequence 0 of the data, from its frame 1 on, without the first of the window
    np.testing.assert_array_equal(found[0][0][rows], [[0, 0], data[2], data[3]])
