"""Noise, sparse codes, stages and classes on a GPU, as in the simulator."""

from tests.cuda_simulator.test_stacks import (  # noqa: F401  (the same tests, on the GPU)
    test_estimators,
)
