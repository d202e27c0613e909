"""How much a Hopfield network holds: simulation beside the theory of Amit, Gutfreund and Sompolinsky."""

import numpy as np
import pytest
from scipy.special import erf

from ebm.boltzmann.capacity import critical_load, mean_field_overlap, random_patterns, retrieval_overlap
from ebm.boltzmann.storage_rules import pseudo_inverse
from ebm.random import Random


@pytest.mark.parametrize(("load", "overlap"), [(0.05, 0.999992), (0.10, 0.997999)])
def test_theory_gives_the_published_overlaps(load, overlap):
    assert mean_field_overlap(load) == pytest.approx(overlap, abs=1e-6)


@pytest.mark.parametrize("load", [0.03, 0.08, 0.137])
def test_the_overlap_solves_the_equation_by_plain_iteration(load):
    y = 5.0
    for _ in range(20_000):
        y = erf(y) / (np.sqrt(2 * load) + 2 / np.sqrt(np.pi) * np.exp(-(y**2)))
    assert mean_field_overlap(load) == pytest.approx(erf(y), abs=1e-9)


def test_memory_is_lost_at_once():
    assert critical_load() == pytest.approx(0.1379, abs=1e-4)
    assert mean_field_overlap(critical_load() - 1e-6) > 0.96
    assert mean_field_overlap(critical_load() + 1e-6) == 0
    assert mean_field_overlap(0) == 1
    loads = np.linspace(0, 0.13, 30)
    assert (np.diff([mean_field_overlap(a) for a in loads]) <= 0).all()


@pytest.mark.parametrize("load", [0.05, 0.10])
def test_simulated_overlap_is_that_of_the_theory(load):
    found = retrieval_overlap(2000, int(2000 * load), Random(1), n_networks=4)
    assert found.mean == pytest.approx(mean_field_overlap(load), abs=0.002)
    assert found.error < 0.0005
    assert found.by_network.shape == (4,)


def test_too_full_a_network_is_told_apart():
    """The twin: the bound of 0.002 tells loads of 0.10 and 0.12 apart; beyond the edge all is lost."""
    assert abs(retrieval_overlap(2000, 240, Random(1)).mean - mean_field_overlap(0.10)) > 0.002
    assert retrieval_overlap(2000, 400, Random(1), max_cues=50).mean < 0.6


def test_other_rules_and_noisy_cues():
    assert retrieval_overlap(300, 90, Random(0), store=pseudo_inverse).mean == 1
    assert retrieval_overlap(300, 9, Random(0), noise=0.2).mean > 0.99
    assert retrieval_overlap(300, 9, Random(0), noise=1.0).mean < -0.99  # the reversed pattern is recalled


def test_patterns_are_fair_and_differ():
    x = random_patterns(200, 100, Random(0))
    assert x.dtype == np.float32
    assert abs(x.mean()) < 4 / np.sqrt(x.size)
    assert not np.array_equal(x, random_patterns(200, 100, Random(0), 1))


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"n_units": 0}, "n_units must be at least 1, got 0"),
        ({"n_patterns": 0}, "n_patterns must be at least 1"),
        ({"n_networks": 0}, "n_networks must be at least 1"),
        ({"noise": 1.5}, "noise must be between 0 and 1"),
    ],
)
def test_numbers_out_of_range_are_refused(numbers, message):
    with pytest.raises(ValueError, match=message):
        retrieval_overlap(**{"n_units": 4, "n_patterns": 2, "random": Random(0), **numbers})


@pytest.mark.parametrize("load", [-0.1, np.nan])
def test_loads_that_are_none_are_refused(load):
    with pytest.raises(ValueError, match="load must be at least 0"):
        mean_field_overlap(load)
