"""The Hopfield network: energy, recall, and that the tests would notice an energy that rises."""

import numpy as np
import pytest

from ebm.boltzmann.hopfield import Hopfield, settled
from ebm.boltzmann.hopfield_recall import recall_asynchronous, recall_synchronous, unit_order
from ebm.boltzmann.storage_rules import hebb
from ebm.kernels import hopfield as kernel
from ebm.kernels import threads
from ebm.random import Random
from tests.reference import hopfield as slow

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


def network(n, *, dtype=np.float64, seed=0):
    """Symmetric couplings of both signs and thresholds, none of them zero."""
    rng = np.random.default_rng(seed)
    w = rng.normal(size=(n, n)) / np.sqrt(n)
    w = ((w + w.T) / 2).astype(dtype)
    np.fill_diagonal(w, 0)
    return Hopfield(w, (0.3 * rng.normal(size=n)).astype(dtype))


def spins(shape, *, dtype=np.float64, seed=1):
    return np.random.default_rng(seed).choice(np.array([-1, 1], dtype), shape)


def orders_of(n, n_sweeps, random):
    return [unit_order(n, sweep, random) for sweep in range(n_sweeps)]


# ---- energy ----


@DTYPES
def test_energy_and_fields_are_the_formulas(dtype):
    model, s = network(7, dtype=dtype), spins((5, 7), dtype=dtype)
    expected = [slow.energy(model.weights, model.thresholds, row) for row in s]
    np.testing.assert_allclose(model.energy(s), expected, rtol=20 * np.finfo(dtype).eps, atol=1e-6)
    np.testing.assert_allclose(model.fields(s), s @ model.weights - model.thresholds, rtol=1e-5, atol=1e-6)
    assert model.energy(s).dtype == model.fields(s).dtype == dtype


def test_a_threshold_is_what_the_input_must_reach():
    """The sign: a high threshold keeps a unit at -1, and lies in the energy with a plus."""
    alone = Hopfield(np.zeros((2, 2)), np.array([2.0, -2.0]))
    np.testing.assert_array_equal(recall_asynchronous(alone, spins((3, 2))).states, [[-1, 1]] * 3)
    assert alone.energy(np.array([[-1.0, 1.0]])) == -4
    exactly = Hopfield(np.array([[0, 1.5], [1.5, 0]]), np.array([1.5, -9]))  # inputs equal to a threshold reach it
    np.testing.assert_array_equal(recall_asynchronous(exactly, np.array([[-1.0, 1.0]])).states, [[1, 1]])


@DTYPES
def test_the_field_is_half_the_energy_of_a_flip(dtype):
    model, s = network(9, dtype=dtype), spins((1, 9), dtype=dtype)
    for i in range(9):
        flipped = s.copy()
        flipped[:, i] *= -1
        step = model.energy(flipped) - model.energy(s)
        np.testing.assert_allclose(step, 2 * s[:, i] * model.fields(s)[:, i], rtol=1e-4, atol=1e-5)


# ---- asynchronous recall ----


@DTYPES
@pytest.mark.parametrize("random", [None, Random(3)], ids=["in order", "random order"])
def test_asynchronous_recall_equals_the_loops(dtype, random):
    model, cues = network(40, dtype=dtype), spins((6, 40), dtype=dtype)
    found = recall_asynchronous(model, cues, random=random, points=1)
    assert found.converged.all()
    for row, cue in enumerate(cues):
        s, sweeps, flips, energies = slow.asynchronous(model.weights, model.thresholds, cue, orders_of(40, 30, random))
        np.testing.assert_array_equal(found.states[row], s)
        assert (found.sweeps[row], found.flips[row]) == (sweeps, flips)
        np.testing.assert_allclose(found.energies[1 : sweeps + 1, row], energies, rtol=1e-5)
        assert (found.energies[sweeps:, row] == found.energies[sweeps, row]).all()  # a row at rest keeps it
    assert found.sweeps.max() > 4  # more than a lot of sweeps


@DTYPES
@pytest.mark.parametrize("seed", range(3))
def test_the_energy_never_rises(dtype, seed):
    model, cues = network(60, dtype=dtype, seed=seed), spins((20, 60), dtype=dtype, seed=seed)
    states, before = cues, model.energy(cues)
    for sweep in range(6):  # recomputed from the states, not the kernel's word
        states = recall_asynchronous(model, states, random=Random(sweep), max_sweeps=1).states
        energy = model.energy(states)
        assert (energy <= before + 100 * np.finfo(dtype).eps).all()
        before = energy
    trace = recall_asynchronous(model, cues, random=Random(seed), points=60).energies
    assert (np.diff(trace, axis=0) <= 100 * np.finfo(dtype).eps).all()  # after every single update
    assert trace[0].mean() - trace[-1].mean() > 10


@pytest.mark.parametrize("what", ["asymmetric", "diagonal"])
def test_an_energy_that_rises_is_caught(what):
    """The twin: weights that the model refuses, given to the kernel itself."""
    model, cues = network(60), spins((20, 60))
    weights = np.random.default_rng(5).normal(size=(60, 60))
    weights = weights - np.diag(np.diag(weights)) if what == "asymmetric" else model.weights - np.eye(60)
    zero = np.zeros(60)

    def energy(s):
        return -0.5 * ((s @ weights) * s).sum(axis=1)

    rises, states, fields = 0, cues.copy(), cues @ weights.T
    for sweep in range(6):
        before = energy(states)
        order = unit_order(60, sweep, Random(0))[None]
        kernel.asynchronous(weights, zero, zero, order, states, fields, np.zeros(20, bool))
        fields = states @ weights.T
        rises += (energy(states) > before + 1e-9).sum()
    assert rises > 10
    with pytest.raises(ValueError, match="not symmetric" if what == "asymmetric" else "have a diagonal"):
        Hopfield(weights)


@DTYPES
@pytest.mark.parametrize(("n", "n_patterns"), [(100, 19), (100, 20), (101, 20), (101, 60)])
@pytest.mark.parametrize("recall", [recall_asynchronous, recall_synchronous])
def test_what_is_said_to_be_a_fixed_point_is_one(dtype, n, n_patterns, recall):
    """With Hebb's weights many fields are zero but for rounding, which differs from sum to sum."""
    model, cues = Hopfield(hebb(spins((n_patterns, n), dtype=dtype, seed=0))), spins((2000, n), dtype=dtype)
    found = recall(model, cues)
    assert found.converged.sum() > 100
    assert model.is_fixed_point(found.states)[found.converged].all()


@DTYPES
def test_fields_of_zero_send_to_plus_one_whatever_the_rounding(dtype):
    """Whole numbers for weights, where nothing is rounded, and the same over N: recall must be the same."""
    x, cues = spins((20, 101), dtype=dtype, seed=0), spins((40, 101), dtype=dtype)
    whole = np.rint(hebb(x.astype(np.float64)) * 101)
    fields = cues @ whole
    assert (fields == 0).sum() > 40
    model = Hopfield(hebb(x))
    np.testing.assert_array_equal(model.settled(model.fields(cues)), settled(fields, dtype))
    found, exact = (recall_asynchronous(m, cues, random=Random(1)) for m in (model, Hopfield(whole)))
    for row in range(5):
        s, sweeps, flips, _ = slow.asynchronous(whole, np.zeros(101), cues[row], orders_of(101, 30, Random(1)))
        np.testing.assert_array_equal(exact.states[row], s)
        assert (exact.sweeps[row], exact.flips[row]) == (sweeps, flips)
    for name in ("states", "sweeps", "flips"):
        np.testing.assert_array_equal(getattr(found, name), getattr(exact, name))


@DTYPES
def test_flips_at_zero_raise_the_energy_by_rounding_at_most(dtype):
    model, cues = Hopfield(hebb(spins((20, 101), dtype=dtype, seed=0))), spins((200, 101), dtype=dtype)
    trace = recall_asynchronous(model, cues, points=101).energies
    assert np.diff(trace, axis=0).max() <= 101 * model.tolerances.max()
    assert model.tolerances.max() < 1e-2 / 101 * (1 if dtype == np.float32 else 1e-8)  # against steps of 2 / 101


def test_a_row_is_not_done_by_fields_that_have_drifted():
    model = Hopfield(np.array([[0, 0.3, -0.3], [0.3, 0, 2], [-0.3, 2, 0]]))
    states, done = np.array([[-1.0, 1, 1], [1, 1, 1]]), np.zeros(2, bool)
    fields = model.fields(states)
    assert (fields[:, 0] == 0).all()  # so that the first state is no fixed point, and the second is one
    fields[:, 0] -= 1.1 * model.tolerances[0]
    fields[1, 0] = 0
    order = np.arange(3)[None]
    alone = [a.copy() for a in (states, fields, done)]
    kernel.asynchronous(model.weights, model.thresholds, model.tolerances, order, *alone)
    assert alone[2].all()  # by the kernel's word
    _, flips, _ = model.visit_units(order, states, fields, done, 0)
    np.testing.assert_array_equal(flips, 0)
    np.testing.assert_array_equal(done, [False, True])
    assert fields[0, 0] == 0
    model.visit_units(order, states, fields, done, 0)
    np.testing.assert_array_equal(states, 1)


def test_rows_do_not_depend_on_each_other():
    model, cues = network(50, dtype=np.float32), spins((9, 50), dtype=np.float32)
    whole = recall_asynchronous(model, cues, random=Random(2))
    for rows in (slice(0, 1), slice(4, 9), slice(None, None, -1)):
        part = recall_asynchronous(model, cues[rows], random=Random(2))
        np.testing.assert_array_equal(part.states, whole.states[rows])
        np.testing.assert_array_equal(part.sweeps, whole.sweeps[rows])


@DTYPES
def test_one_thread_equals_several_bit_for_bit(dtype, monkeypatch):
    monkeypatch.setattr(threads, "SMALL", 1)
    model, cues = network(50, dtype=dtype), spins((11, 50), dtype=dtype)
    results = []
    for n in (1, 2, 3):
        with threads.limit_threads(n):
            results.append(recall_asynchronous(model, cues, random=Random(2), points=3))
    for other in results[1:]:
        for name in ("states", "sweeps", "flips", "energies", "period"):
            np.testing.assert_array_equal(getattr(other, name), getattr(results[0], name))


def test_recall_can_run_out_of_sweeps_and_says_so():
    model, cues = network(60), spins((20, 60))
    short = recall_asynchronous(model, cues, max_sweeps=1)
    assert (short.sweeps == 1).all()
    assert not short.converged.any()
    assert not model.is_fixed_point(short.states).all()
    none = recall_asynchronous(model, cues, max_sweeps=0)
    np.testing.assert_array_equal(none.states, cues)
    done = recall_asynchronous(model, cues, max_sweeps=200)
    assert done.converged.all()
    assert model.is_fixed_point(done.states).all()
    again = recall_asynchronous(model, done.states, random=Random(1))
    np.testing.assert_array_equal(again.states, done.states)
    assert (again.sweeps == 1).all()
    assert (again.flips == 0).all()


def test_orders_are_permutations_and_change_from_sweep_to_sweep():
    orders = orders_of(30, 5, Random(4))
    assert all(sorted(order) == list(range(30)) for order in orders)
    assert len({tuple(order) for order in orders}) == 5
    np.testing.assert_array_equal(unit_order(30, 2, Random(4)), orders[2])


# ---- synchronous recall ----


def test_synchronous_recall_equals_the_loops():
    model, cues = network(30), spins((30, 30), seed=2)
    found = recall_synchronous(model, cues, points=1)
    assert set(found.period) == {1, 2}  # both ends occur here, and no others can
    for row, cue in enumerate(cues):
        states = slow.synchronous(model.weights, model.thresholds, cue, int(found.sweeps[row]) + 2)
        np.testing.assert_array_equal(found.states[row], states[found.sweeps[row]])
        period = int(found.period[row])
        assert states[found.sweeps[row]] == states[found.sweeps[row] - period]
        repeats = [i >= period and states[i] == states[i - period] for i in range(int(found.sweeps[row]))]
        assert not any(repeats)  # and not before
        flips = sum(a != b for i in range(found.sweeps[row]) for a, b in zip(states[i], states[i + 1], strict=True))
        assert found.flips[row] == flips
        expected = [slow.energy(model.weights, model.thresholds, s) for s in states[: found.sweeps[row] + 1]]
        np.testing.assert_allclose(found.energies[: found.sweeps[row] + 1, row], expected, rtol=1e-9, atol=1e-12)


def test_synchronous_updates_may_raise_the_energy():
    """The other twin: what keeps the energy from rising is that units move one at a time."""
    trace = recall_synchronous(network(60), spins((40, 60)), points=1).energies
    assert (np.diff(trace, axis=0) > 1e-9).any()


def test_two_units_that_follow_each_other_alternate():
    pair = Hopfield(np.array([[0.0, 1.0], [1.0, 0.0]]))
    found = recall_synchronous(pair, np.array([[1.0, -1.0], [1.0, 1.0]]))
    np.testing.assert_array_equal(found.period, [2, 1])
    np.testing.assert_array_equal(found.converged, [False, True])
    assert recall_asynchronous(pair, np.array([[1.0, -1.0]])).converged.all()


# ---- bad input ----


def test_parameters_that_do_not_fit_are_refused():
    good = network(4)
    for weights, message in (
        (np.zeros((2, 3)), "square matrix"),
        (np.zeros((2, 2), int), "square matrix of float32 or float64"),
        (np.full((2, 2), np.nan), "not symmetric"),
        (np.array([[0, 1.0], [0.5, 0]]), "not symmetric"),
        (np.eye(2), "diagonal"),
    ):
        with pytest.raises(ValueError, match=message):
            Hopfield(weights)
    with pytest.raises(ValueError, match=r"thresholds are float64\(3,\)"):
        Hopfield(good.weights, np.zeros(3))
    with pytest.raises(ValueError, match="thresholds are float32"):
        Hopfield(good.weights, np.zeros(4, np.float32))


@pytest.mark.parametrize("recall", [recall_asynchronous, recall_synchronous])
def test_cues_that_do_not_fit_are_refused(recall):
    model = network(4)
    for cues, message in (
        (np.ones(4), "do not fit 4 units"),
        (np.ones((2, 5)), "do not fit 4 units"),
        (np.zeros((2, 4)), "must be -1 and"),
        (np.full((2, 4), np.nan), "must be -1 and"),
    ):
        with pytest.raises(ValueError, match=message):
            recall(model, cues)
    with pytest.raises(ValueError, match="max_sweeps must be at least 0, got -1"):
        recall(model, np.ones((1, 4)), max_sweeps=-1)
    with pytest.raises(ValueError, match="points must be"):
        recall(model, np.ones((1, 4)), points=9)


def test_the_kernel_refuses_what_does_not_fit():
    s = np.ones((2, 4))
    good = {
        "weights": np.zeros((4, 4)), "thresholds": np.zeros(4), "tolerances": np.zeros(4), "orders": np.arange(4)[None],
        "states": s, "fields": s.copy(), "done": np.zeros(2, bool),
    }  # fmt: skip
    for name, bad in (
        ("weights", np.zeros((4, 5))),
        ("weights", np.zeros((4, 4), np.float32)),
        ("weights", np.asfortranarray(np.arange(16.0).reshape(4, 4))),
        ("thresholds", np.zeros(3)),
        ("tolerances", np.zeros(4, np.float32)),
        ("orders", np.arange(4)[None].astype(np.int32)),
        ("fields", np.ones((3, 4))),
        ("done", np.zeros(2)),
    ):
        with pytest.raises(ValueError, match=f"^{name} "):
            kernel.asynchronous(**{**good, name: bad})
    with pytest.raises(ValueError, match="states are int64"):
        kernel.asynchronous(**{**good, "states": s.astype(int)})


def test_inputs_are_left_as_they_were():
    model, cues = network(20), spins((5, 20))
    before = cues.copy()
    recall_asynchronous(model, cues), recall_synchronous(model, cues)
    np.testing.assert_array_equal(cues, before)


def test_settled_takes_zero_for_up():
    np.testing.assert_array_equal(settled(np.array([-0.1, 0.0, -0.0, 2.0]), np.float32), [-1, 1, 1, 1])


def test_a_stored_pattern_is_a_valley():
    patterns = spins((3, 100), dtype=np.float32, seed=3)
    model = Hopfield(hebb(patterns))
    assert model.is_fixed_point(patterns).all()
    assert model.energy(patterns).max() < model.energy(spins((500, 100), dtype=np.float32, seed=4)).min()
