"""The CUDA loops of recurrent cells, and of the frames of sequences, equal the CPU's."""

from dataclasses import replace

import numpy as np
import pytest

from ebm.kernels import frames
from ebm.kernels.column_totals import ROWS
from ebm.networks.context import Context
from ebm.networks.packing import Packing
from ebm.networks.sequential import Sequential
from ebm.recurrent.layer import Recurrent
from ebm.recurrent.lstm import LSTMCell
from ebm.recurrent.pooling import LastFrame, MeanFrame
from tests.recurrent.cell_cases import CASES, passes
from tests.recurrent.shape_cases import SEED, Case
from tests.recurrent.shape_table import CASES as SHAPES

DTYPES = [np.float32, np.float64]
LAYERS = [
    Case("forwards", Recurrent(LSTMCell(4))),
    Case("backwards, last frame", Sequential([Recurrent(LSTMCell(4), backwards=True), LastFrame()])),
    Case("mean of the frames", Sequential([Recurrent(LSTMCell(4)), MeanFrame()])),
    *SHAPES,
]
TOLERANCE = {np.float32: 1e-5, np.float64: 1e-12}


def close(found, exact, dtype, name=""):
    assert found.dtype == exact.dtype == dtype, name
    scale = max(1, np.abs(exact).max(initial=0))
    np.testing.assert_allclose(found, exact, rtol=0, atol=TOLERANCE[dtype] * scale, err_msg=name)


@pytest.mark.parametrize("given", [True, False], ids=["states given", "from zeros"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_cells_equal_the_cpus(device, case, dtype, given):
    here, there = passes(case, dtype, Context(), given=given), passes(case, dtype, Context(device), given=given)
    assert here.keys() == there.keys()
    for name, array in there.items():
        assert type(array) is type(device.zeros(1, dtype)), name
        close(device.download(array), here[name], dtype, name)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_states_given_are_dropped_from_as_on_the_cpu(device, case):
    case, found = replace(case, cell=replace(case.cell, recurrent_dropout=0.4)), []
    for place in ("cpu", device):
        found.append(passes(case, np.float64, Context(place, training=True, random=SEED)))
    plain = passes(case, np.float64, Context())
    assert any(np.abs(found[0][name] - plain[name]).max() > 0.01 for name in plain)
    for name, array in found[1].items():
        close(device.download(array), found[0][name], np.float64, name)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("lengths", [(1,), (3,), (1, 1, 1)], ids=str)
def test_one_sequence_and_one_frame(device, case, lengths):
    case = replace(case, lengths=lengths)
    here, there = passes(case, np.float64, Context()), passes(case, np.float64, Context(device))
    for name, array in there.items():
        close(device.download(array), here[name], np.float64, name)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_states_are_handed_on(device, case):
    """Two frames, then the next two from the states after them, are all four."""
    parameters, x, states, *_ = case.arrays(np.float64)
    there, n, context = {name: device.upload(a) for name, a in parameters.items()}, 3, Context(device)
    states = tuple(device.upload(state[:n]) for state in states)

    def go(rows, states):
        with context.packed(Packing([len(rows) // n] * n, device)):
            y, finals, _ = case.cell.forward(there, device.upload(rows), states, context)
        return device.download(y), finals

    whole, finals = go(x[: 4 * n], states)
    first, between = go(x[: 2 * n], states)
    second, last = go(x[2 * n : 4 * n], between)
    np.testing.assert_allclose(np.concatenate([first, second]), whole, atol=1e-14)
    for a, b in zip(last, finals, strict=True):
        np.testing.assert_allclose(device.download(a), device.download(b), atol=1e-14)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", LAYERS, ids=lambda case: case.name)
def test_layers_equal_the_cpus(device, case, dtype):
    found = []
    for place in ("cpu", device):
        context = Context(place, training=case.training, random=SEED, packing=Packing(case.lengths, place))
        up = context.device.upload
        context.device.write(context.clock, np.array([3, 0], np.uint32))
        on = {name: up(a) for name, a in case.parameters(dtype).items()}
        gradients = {name: up(np.full_like(a, 9)) for name, a in case.parameters(dtype).items()}
        y, cache = case.layer.forward(on, up(case.x(dtype)), context)
        dx = case.layer.backward(on, cache, up(case.dy(dtype)), gradients, context)
        found.append({"y": y, "dx": dx} | {f"d {name}": a for name, a in gradients.items()})
    for name, array in found[1].items():
        assert type(array) is type(device.zeros(1, dtype)), name
        close(device.download(array), found[0][name], dtype, name)


def test_a_bias_has_more_than_one_block_of_rows(device):
    case = replace(CASES[0], lengths=(ROWS + 2, 3))
    here, there = passes(case, np.float64, Context()), passes(case, np.float64, Context(device))
    close(device.download(there["d bias"]), here["d bias"], np.float64)


def test_a_second_gradient_of_a_pass_is_added(device):
    case, context, dtype = CASES[0], Context(device), np.float64
    parameters, x, _, dy, _ = case.arrays(dtype)
    there, found = {name: device.upload(a) for name, a in parameters.items()}, []
    gradients = {name: device.zeros(a.shape, dtype) for name, a in parameters.items()}
    for _ in range(2):
        with context.packed(Packing(case.lengths, device)):
            *_, cache = case.cell.forward(there, device.upload(x), None, context)
            case.cell.backward(there, cache, device.upload(dy), None, gradients, context)
        found.append({name: device.download(a) for name, a in gradients.items()})
    for name, array in found[0].items():
        np.testing.assert_allclose(found[1][name], 2 * array, rtol=1e-12, err_msg=name)


@pytest.mark.parametrize("dtype", DTYPES)
def test_frames_of_a_batch(device, dtype):
    """The second batch of two sequences of an epoch over five, out of the data of seven frames a time."""
    lengths = np.array([2, 4, 1, 3, 5])
    begins, order = np.concatenate([[0], np.cumsum(lengths)]), np.array([4, 0, 3, 1, 2])
    data, batch = np.random.default_rng(0).normal(size=(15, 3)).astype(dtype), order[2:4]
    packing, out = Packing(lengths[batch], device), device.zeros((7, 3), dtype)
    clock = device.upload(np.array([9, 1], np.uint32))
    frames.load_frames(device.upload(data), device.upload(begins), device.upload(order), clock, 2, packing, out)
    for k, sequence in enumerate(batch):
        rows = packing.positions(k)
        np.testing.assert_array_equal(device.download(out)[rows], data[begins[sequence] : begins[sequence + 1]])


@pytest.mark.parametrize("dtype", [*DTYPES, np.int64])
def test_rows_are_gathered_scattered_copied_and_cleared(device, dtype):
    rng = np.random.default_rng(0)
    a, index = rng.integers(-9, 9, (5, 3)).astype(dtype), np.array([3, 0, 6])
    there, at = device.upload(a), device.upload(index)
    out = device.upload(np.full((3, 3), 7, dtype))
    frames.gather_rows(there, device.upload(index[[1, 0, 0]]), out)
    np.testing.assert_array_equal(device.download(out), a[[0, 3, 3]])
    for add in (False, True):
        wide, exact = device.upload(np.full((8, 3), 7, dtype)), np.full((8, 3), 7, dtype)
        frames.scatter_rows(there[1:4], at, wide, add=add)
        exact[index] = exact[index] + a[1:4] if add else a[1:4]
        np.testing.assert_array_equal(device.download(wide), exact)
    frames.copy_rows(there[2:], wide[:3])
    exact[:3] = a[2:]
    frames.clear_rows(wide[2:7])
    exact[2:7] = 0
    np.testing.assert_array_equal(device.download(wide), exact)
