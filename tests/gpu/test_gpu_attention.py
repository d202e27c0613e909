"""Attention on a real GPU: the simulator's tests, and a larger model beside the CPU."""

import numpy as np

from ebm.networks.context import Context
from tests.cuda_simulator.test_attention import (  # noqa: F401  (the same tests, on the GPU)
    test_a_cell_that_attends_equals_the_cpus,
    test_learning_goes_the_cpus_way,
    test_models_have_the_cpus_gradients,
)
from tests.recurrent.attending import Case


def test_many_sequences_of_many_lengths(device):
    lengths = np.random.default_rng(0).integers(1, 40, (2, 70))
    case = Case(np.float64, sources=lengths[0], targets=lengths[1])
    here, there = case.backward(), case.backward(Context(device))
    for name, array in here.items():
        np.testing.assert_allclose(there[name], array, rtol=0, atol=1e-10 * np.abs(array).max(), err_msg=name)
