"""Truncated backpropagation through time on a real GPU: the simulator's tests."""

from tests.cuda_simulator.test_truncation import (  # noqa: F401  (the same tests, on the GPU)
    test_cells_equal_the_cpus,
    test_learning_equals_the_cpus,
    test_rows_are_copied,
)
