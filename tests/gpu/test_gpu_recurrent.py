"""Recurrent cells on a real GPU: the simulator's tests, graphs beside eager launches, larger shapes beside the CPU."""

import numpy as np
import pytest

from ebm.networks.context import Context
from ebm.networks.packing import Packing
from tests.cuda_simulator.test_recurrent import (  # noqa: F401  (the same tests, on the GPU)
    test_a_bias_has_more_than_one_block_of_rows,
    test_a_second_gradient_of_a_pass_is_added,
    test_cells_equal_the_cpus,
    test_frames_of_a_batch,
    test_layers_equal_the_cpus,
    test_one_sequence_and_one_frame,
    test_rows_are_gathered_scattered_and_cleared,
    test_states_are_handed_on,
)
from tests.recurrent.cell_cases import CASES, cases, passes

RAGGED = tuple(int(n) for n in np.random.default_rng(0).integers(1, 51, 63)) + (50,)
LARGE = cases(128, n_in=64, lengths=RAGGED)
LARGE = [case for case in LARGE if "identity" not in case.name and "relu" not in case.name]  # they explode
SOME = {np.float32: 5e-4, np.float64: 1e-11}  # of the largest number: fifty products, one after the other


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
    """Eager, then captured and replayed, then replayed on other frames, which a graph reads anew."""
    parameters, x, _, dy, _ = case.arrays(dtype)
    there = {name: device.upload(a) for name, a in parameters.items()}
    packing, frames, above = Packing(case.lengths, device), device.upload(x), device.upload(dy)
    found = {}

    def work(context):
        gradients = found["gradients"] if "gradients" in found else {}
        context.rewind()
        with context.packed(packing):
            y, finals, cache = case.cell.forward(there, frames, None, context)
            dx, _ = case.cell.backward(there, cache, above, None, gradients, context)
        found["arrays"] = [y, dx, *finals, *gradients.values()]

    found["gradients"] = {name: device.zeros(a.shape, dtype) for name, a in parameters.items()}
    graph = device.capture(lambda: work(kept))
    kept = Context(device, reuse=True)
    for round_ in range(4):
        if round_ == 3:
            device.write(frames, -x)
        graph()
        replayed = [device.download(a) for a in found["arrays"]]
        before = found["arrays"]
        work(Context(device))
        for a, b in zip(replayed, found["arrays"], strict=True):
            np.testing.assert_array_equal(a, device.download(b))
        found["arrays"] = before
