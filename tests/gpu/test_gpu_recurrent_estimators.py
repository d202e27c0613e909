"""Recurrent networks that learn by device="cuda" on a GPU, as in the simulator."""

from tests.cuda_simulator.test_recurrent_estimators import (  # noqa: F401  (the same tests, on the GPU)
    test_an_estimator_learns_the_same_on_the_device,
    test_means_and_weights_of_frames_are_learnt_from_on_the_device,
)
