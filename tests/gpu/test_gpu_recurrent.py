"""Recurrent cells on a real GPU: the simulator's tests, graphs beside eager launches, larger shapes beside the CPU."""

import numpy as np
import pytest

from ebm.networks.context import Context
from ebm.networks.packing import Packing
from tests.cuda_simulator.test_recurrent import (  # noqa: F401  (the same tests, on the GPU)
    LAYERS,
    test_a_bias_has_more_than_one_block_of_rows,
    test_a_second_gradient_of_a_pass_is_added,
    test_cells_equal_the_cpus,
    test_frames_of_a_batch,
    test_layers_equal_the_cpus,
    test_one_sequence_and_one_frame,
    test_rows_are_gathered_scattered_copied_and_cleared,
    test_states_are_handed_on,
    test_states_given_are_dropped_from_as_on_the_cpu,
)
from tests.recurrent.cell_cases import CASES, cases, passes
from tests.recurrent.shape_cases import SEED

RAGGED = (*map(int, np.random.default_rng(0).integers(1, 51, 63)), 50)
LARGE = [case for case in cases(128, n_in=64, lengths=RAGGED) if "relu" not in case.name]  # a kink tells the last bit
SOME = {np.float32: 2e-5, np.float64: 1e-13}  # of the largest number: ten times what float32 differs by on the CPU


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", LARGE, ids=lambda case: case.name)
def test_larger_shapes_equal_the_cpus(device, case, dtype):
    here, there = passes(case, dtype, Context()), passes(case, dtype, Context(device))
    for name, array in there.items():
        found, exact = device.download(array), here[name]
        np.testing.assert_allclose(found, exact, rtol=0, atol=SOME[dtype] * np.abs(exact).max(), err_msg=name)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_replayed_graph_equals_eager_launches(device, case, dtype):
    """Launched, then captured and replayed, and at last replayed on other frames, which it reads anew."""
    parameters, x, states, dy, d_states = case.arrays(dtype)
    there = {name: device.upload(a) for name, a in parameters.items()}
    states, d_states = (tuple(map(device.upload, a)) for a in (states, d_states))
    packing, frames, above = Packing(case.lengths, device), device.upload(x), device.upload(dy)

    def work(context, gradients):
        context.rewind()
        with context.packed(packing):
            y, finals, cache = case.cell.forward(there, frames, states, context)
            dx, before = case.cell.backward(there, cache, above, d_states, gradients, context, wants_states=True)
        return [y, dx, *finals, *before, *gradients.values()]

    def zeros():
        return {name: device.zeros(a.shape, dtype) for name, a in parameters.items()}

    kept, gradients, found = Context(device, reuse=True), zeros(), []

    def update():
        found[:] = work(kept, gradients)

    replay = device.capture(update)
    for sign in (1, 1, 1, -1):
        device.write(frames, sign * x)
        replay()
        for a, b in zip(found, work(Context(device), zeros()), strict=True):
            np.testing.assert_array_equal(device.download(a), device.download(b))


@pytest.mark.parametrize("case", LAYERS, ids=lambda case: case.name)
def test_replays_of_layers_equal_eager_launches_and_draw_anew(device, case):
    dtype, options = np.float32, {"training": case.training, "random": SEED, "packing": Packing(case.lengths, device)}
    there = {name: device.upload(a) for name, a in case.parameters(dtype).items()}
    x, dy, found = device.upload(case.x(dtype)), device.upload(case.dy(dtype)), []
    kept, gradients = (
        Context(device, reuse=True, **options),
        {k: device.zeros(a.shape, dtype) for k, a in there.items()},
    )

    def work(context):
        context.rewind()
        y, cache = case.layer.forward(there, x, context)
        return [y, case.layer.backward(there, cache, dy, gradients, context), *gradients.values()]

    def update():
        found[:] = work(kept)

    replay = device.capture(update)
    for step in range(4):
        device.write(kept.clock, np.array([step, 0], np.uint32))
        replay()
        replayed = [device.download(a) for a in found]
        for a, b in zip(replayed, work(Context(device, clock=kept.clock, **options)), strict=True):
            np.testing.assert_array_equal(a, device.download(b))
