"""Classes and the classification RBM on a GPU, as in the simulator."""

from tests.cuda_simulator.test_classes import (  # noqa: F401  (the same tests, on the GPU)
    test_a_fit_equals_the_cpus,
    test_an_estimator_fits_on_the_device,
    test_arrays_of_two_devices_are_refused,
    test_classes_drawn_equal_the_cpus,
    test_scores_and_sums_equal_the_cpu,
    test_the_model_on_a_device_equals_the_cpus,
)
