"""The parts of variational autoencoders on a GPU, as in the simulator."""

from tests.cuda_simulator.test_variational import (  # noqa: F401  (the same tests, on the GPU)
    test_codes_equal_the_cpu,
    test_joining_equals_the_cpu,
    test_learning_with_labels_equals_the_cpu,
    test_parts_of_the_bound_equal_the_cpu,
)
