"""An RBM that learns by device="cuda" on a GPU, as in the simulator."""

from tests.cuda_simulator.test_estimator import (  # noqa: F401  (the same tests, on the GPU)
    test_an_estimator_learns_the_same_on_the_device,
    test_exact_learning_stays_on_the_cpu,
)
