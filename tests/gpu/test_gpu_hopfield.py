"""On a GPU: recall in Hopfield networks, as in the simulator."""

from tests.cuda_simulator.test_hopfield import (  # noqa: F401  (the same tests, on the GPU)
    test_arrays_of_two_devices_are_refused,
    test_dense_memories_recall_as_on_the_cpu,
    test_estimators_recall_on_the_device,
    test_fields_of_zero_are_told_alike,
    test_models_on_the_device_recall_alike,
    test_recall_equals_the_cpu_bit_for_bit,
)
