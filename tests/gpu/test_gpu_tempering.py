"""Tempering on a GPU, as in the simulator."""

from tests.cuda_simulator.test_tempering import (  # noqa: F401  (the same tests, on the GPU)
    test_a_ladder_of_models_equals_the_cpu,
    test_parallel_tempering_equals_the_cpu,
    test_rows_at_their_betas_equal_the_cpu,
    test_simulated_tempering_and_transitions_equal_the_cpu,
)
