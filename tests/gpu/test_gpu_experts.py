"""Experts, normal numbers and Hamiltonian moves on a GPU, as in the simulator."""

from tests.cuda_simulator.test_experts import (  # noqa: F401  (the same tests, on the GPU)
    test_a_hamiltonian_move_equals_the_cpus,
    test_arrays_of_two_devices_are_refused,
    test_energies_equal_the_cpu,
    test_normal_numbers_equal_the_cpu,
)
