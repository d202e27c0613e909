"""Bridges, paths between models, pilots and the tracker on a GPU, as in the simulator."""

from tests.cuda_simulator.test_log_partition import (  # noqa: F401  (the same tests, on the GPU)
    pytestmark,
    test_estimates_are_those_of_the_cpu,
    test_ladders_and_populations_are_those_of_the_cpu,
    test_pilots_are_those_of_the_cpu,
    test_precisions_change_along_a_path_on_the_device,
    test_the_tracker_follows_a_fit_on_the_device,
)
