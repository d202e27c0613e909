"""Losses, codes, steps and clipping on a GPU, as in the simulator."""

from tests.cuda_simulator.test_losses_and_steps import (  # noqa: F401  (the same tests, on the GPU)
    test_arrays_of_two_devices_are_refused,
    test_clipping_equals_the_cpu,
    test_losses_equal_the_cpu,
    test_posteriors_equal_the_cpu,
    test_sparse_codes_equal_the_cpu,
    test_steps_equal_the_cpu,
    test_totals_equal_the_cpu,
)
