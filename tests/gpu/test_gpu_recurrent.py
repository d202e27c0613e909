"""Recurrent cells on a real GPU: the simulator's tests, graphs beside eager launches, larger shapes beside the CPU."""

import numpy as np

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
from tests.recurrent.cell_cases import cases

RAGGED = (*map(int, np.random.default_rng(0).integers(1, 51, 63)), 50)
LARGE = [case for case in cases(128, n_in=64, lengths=RAGGED) if "relu" not in case.name]  # a kink tells the last bit
