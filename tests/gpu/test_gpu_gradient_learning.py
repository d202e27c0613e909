"""Learning by phases on a GPU, as in the simulator."""

from tests.cuda_simulator.test_gradient_learning import (  # noqa: F401  (the same tests, on the GPU)
    test_the_device_learns_what_the_cpu_learns,
)
