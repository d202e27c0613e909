"""Likelihoods on a GPU, as in the simulator."""

from tests.cuda_simulator.test_likelihood import (  # noqa: F401  (the same tests, on the GPU)
    pytestmark,
    test_annealing_both_ways,
    test_enumeration_asks_for_the_cpu,
    test_pseudo_likelihoods,
)
