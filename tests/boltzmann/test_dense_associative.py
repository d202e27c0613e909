"""The dense associative memory: recall and energy against loops, and more patterns than a Hopfield network holds."""

import numpy as np
import pytest

from ebm.boltzmann.dense_associative import DenseAssociative
from ebm.boltzmann.hopfield import Hopfield
from ebm.boltzmann.hopfield_recall import recall_asynchronous, unit_order
from ebm.boltzmann.storage_rules import hebb
from ebm.kernels import threads
from ebm.kernels.dense_associative import dense_asynchronous
from ebm.random import Random
from tests.reference import hopfield as slow

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
KINDS = pytest.mark.parametrize(("degree", "rectified"), [(1, True), (2, False), (3, True), (3, False), (4, True)])


def spins(shape, *, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).choice(np.array([-1, 1], dtype), shape)


@DTYPES
@KINDS
def test_recall_and_energy_equal_the_loops(dtype, degree, rectified):
    model = DenseAssociative(spins((7, 15), dtype=dtype), degree, rectified)
    cues = spins((6, 15), dtype=dtype, seed=1)
    orders = [unit_order(15, sweep, Random(3)) for sweep in range(30)]
    found = recall_asynchronous(model, cues, random=Random(3), points=1)
    assert found.converged.all()
    for row, cue in enumerate(cues):
        s, sweeps, flips = slow.dense_asynchronous(model.patterns, degree, rectified, cue, orders)
        np.testing.assert_array_equal(found.states[row], s)
        assert (found.sweeps[row], found.flips[row]) == (sweeps, flips)
    for energies, states in ((found.energies[0], cues), (found.energies[-1], found.states)):
        expected = [slow.dense_energy(model.patterns, degree, rectified, s) for s in states]
        np.testing.assert_allclose(energies, expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(model.energy(states), expected, rtol=1e-4, atol=1e-5)


def test_degree_two_is_the_hopfield_network():
    x, cues = spins((5, 64)), spins((20, 64), seed=1)
    dense, hopfield = DenseAssociative(x, 2, False), Hopfield(hebb(x))
    np.testing.assert_allclose(dense.energy(cues), 2 * hopfield.energy(cues) - len(x), rtol=1e-12)
    states = [recall_asynchronous(model, cues, random=Random(1)).states for model in (dense, hopfield)]
    np.testing.assert_array_equal(*states)


@DTYPES
@KINDS
def test_the_energy_never_rises(dtype, degree, rectified):
    model, states = (
        DenseAssociative(spins((40, 50), dtype=dtype), degree, rectified),
        spins((20, 50), dtype=dtype, seed=1),
    )
    before = first = model.energy(states)
    for sweep in range(5):  # recomputed from the states
        states = recall_asynchronous(model, states, random=Random(sweep), max_sweeps=1).states
        energy = model.energy(states)
        assert (energy <= before + 10 * np.finfo(dtype).eps * np.abs(before)).all()
        before = energy
    assert (first - before).mean() > 0.1
    trace = recall_asynchronous(model, spins((5, 50), dtype=dtype, seed=2), points=50).energies
    assert (np.diff(trace, axis=0) <= 10 * np.finfo(dtype).eps * np.abs(trace[1:])).all()


def test_an_energy_that_rises_is_caught():
    """The twin: recall by another degree than the energy's."""
    model, twin = (DenseAssociative(spins((40, 50)), degree, False) for degree in (2, 3))
    states, rises = spins((20, 50), seed=1), 0
    for sweep in range(5):
        before, states = (
            model.energy(states),
            recall_asynchronous(twin, states, max_sweeps=1, random=Random(sweep)).states,
        )
        rises += (model.energy(states) > before + 1e-9).sum()
    assert rises > 0


@DTYPES
def test_higher_degrees_hold_more(dtype):
    x = spins((400, 100), dtype=dtype)  # four patterns a unit
    cues = np.where(np.random.default_rng(2).random((50, 100)) < 0.1, -x[:50], x[:50])
    right = {}
    for degree in (2, 3, 4):
        found = recall_asynchronous(DenseAssociative(x, degree), cues, random=Random(0))
        right[degree] = (found.states == x[:50]).all(axis=1).mean()
    assert right[2] == 0
    assert right[4] > 0.9
    assert right[2] < right[3] <= right[4]


@DTYPES
def test_one_thread_equals_several_bit_for_bit(dtype, monkeypatch):
    monkeypatch.setattr(threads, "SMALL", 1)
    model, cues = DenseAssociative(spins((30, 50), dtype=dtype)), spins((11, 50), dtype=dtype, seed=1)
    results = []
    for n in (1, 2, 3):
        with threads.limit_threads(n):
            results.append(recall_asynchronous(model, cues, random=Random(2), points=3))
    for other in results[1:]:
        for name in ("states", "sweeps", "flips", "energies"):
            np.testing.assert_array_equal(getattr(other, name), getattr(results[0], name))


def test_bad_input_is_refused():
    for patterns, message in (
        (np.ones(4), "patterns are"),
        (np.ones((0, 4)), "patterns are"),
        (np.ones((2, 4), int), "patterns are int64"),
        (np.zeros((2, 4)), "must be -1 and"),
    ):
        with pytest.raises(ValueError, match=message):
            DenseAssociative(patterns)
    for degree in (0, 1.5):
        with pytest.raises(ValueError, match=f"degree must be an integer of at least 1, got {degree}"):
            DenseAssociative(np.ones((2, 4)), degree)
    s = np.ones((2, 4))
    good = {"columns": np.ones((4, 3)), "orders": np.arange(4)[None], "states": s, "overlaps": np.ones((2, 3))}
    good |= {"done": np.zeros(2, bool), "unit": 0.25, "degree": 2, "rectified": True}
    for name, bad, message in (
        ("columns", np.ones((5, 3)), "^columns is"),
        ("overlaps", np.ones((2, 3), np.float32), "^overlaps is"),
        ("states", s.astype(int), "^states are int64"),
        ("degree", 0, "degree at least 1"),
    ):
        with pytest.raises(ValueError, match=message):
            dense_asynchronous(**{**good, name: bad})
