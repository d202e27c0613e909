"""Boltzmann machines on graphs: energies, conditionals and enumeration against plain loops; spins; what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse
from scipy.special import gammaln, logsumexp

from ebm.boltzmann import graph_enumeration as enumeration
from ebm.boltzmann.boltzmann_machine import BoltzmannMachine, from_spins, to_spins
from ebm.boltzmann.enumeration import log_partition as rbm_log_partition
from ebm.boltzmann.enumeration import moments as rbm_moments
from ebm.boltzmann.graph import Graph, bipartite, fully_connected, grid
from ebm.boltzmann.graph_likelihood import log_partition
from ebm.boltzmann.graph_posterior import hidden_mean
from ebm.boltzmann.rbm import RBM
from ebm.boltzmann.units import Bernoulli
from ebm.errors import UntrustedEstimateWarning
from ebm.random import Random
from ebm.sampling.annealing import annealed_importance_sampling, temperatures
from ebm.sampling.tempered import TemperedPath
from tests.boltzmann.graph_models import RING, everything, machine, slow

MIXED = np.array([True, False, True, True, False, False, True])
MODELS = {
    "ring, all visible": machine(),
    "ring, hidden": machine(visible=MIXED),
    "full, hidden joined": everything(7, visible=4),
    "restricted": machine(bipartite(4, 3), visible=4),
    "no edges": machine(Graph(7, []), visible=5),
    "one unit": machine(Graph(1, [])),
}
EACH = pytest.mark.parametrize("name", MODELS)


@EACH
def test_energies_fields_and_conditionals_are_those_of_the_formulas(name):
    model, reference = MODELS[name], slow(MODELS[name])
    states = Bernoulli().states(model.n_units)
    np.testing.assert_allclose(model.energy(states), [reference.energy(s) for s in reference.states], atol=1e-12)
    some = states[:: max(1, len(states) // 20)]
    wanted = [[reference.conditional(s, i) for i in range(model.n_units)] for s in some]
    np.testing.assert_allclose(model.conditional_mean(some), wanted, rtol=1e-10)
    single = model.astype(np.float32)
    np.testing.assert_allclose(single.conditional_mean(some.astype(np.float32)), wanted, rtol=1e-5)
    assert single.conditional_mean(some.astype(np.float32)).dtype == np.float32
    assert single.energy(some.astype(np.float32)).dtype == np.float64


@EACH
def test_enumeration_is_that_of_plain_loops(name):
    model, reference = MODELS[name], slow(MODELS[name])
    assert enumeration.log_partition(model) == pytest.approx(reference.log_partition(), abs=1e-11)
    found, pairs = enumeration.moments(model), reference.pairs()
    np.testing.assert_allclose(found.mean, reference.mean(), atol=1e-12)
    np.testing.assert_allclose(found.pairs, pairs[tuple(model.graph.edges.T)], atol=1e-12)
    visible = Bernoulli().states(model.n_visible)
    log_p = [reference.log_likelihood(v) for v in visible]
    np.testing.assert_allclose(enumeration.log_likelihood(model, visible), log_p, atol=1e-10)
    np.testing.assert_allclose(enumeration.distribution(model), np.exp(log_p), atol=1e-12)


def test_enumeration_goes_in_blocks_of_states_and_of_rows(monkeypatch):
    model = everything(15, visible=9)  # 2^14 states beside one unit: four blocks
    states = Bernoulli().states(15)
    f = np.exp(-model.beta * model.energy(states))
    assert enumeration.log_partition(model) == pytest.approx(np.log(f.sum()), abs=1e-10)
    found = enumeration.moments(model)
    np.testing.assert_allclose(found.mean, (f / f.sum()) @ states, atol=1e-10)
    v = Bernoulli().states(9)[::50]
    whole = enumeration.log_likelihood(model, v), enumeration.means_given(model, model.visible, v)
    monkeypatch.setattr(enumeration, "CELLS", 100)
    np.testing.assert_allclose(enumeration.log_likelihood(model, v), whole[0], atol=1e-12)
    np.testing.assert_allclose(enumeration.means_given(model, model.visible, v), whole[1], atol=1e-12)
    monkeypatch.setattr(enumeration, "SMALL", 0)  # pairs edge by edge
    np.testing.assert_allclose(enumeration.moments(model).pairs, found.pairs, atol=1e-12)


@pytest.mark.parametrize("n", [18, pytest.param(26, marks=pytest.mark.slow)])
def test_many_states_add_up(n):
    """Where all weights are w and all biases b, only the number k of units that are on matters."""
    w, b, beta = -0.21, 0.9, 1.3
    model = BoltzmannMachine(fully_connected(n), np.full(n * (n - 1) // 2, w), np.full(n, b), beta=beta)
    k = np.arange(n + 1)
    log_f = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1) + beta * (b * k + w * k * (k - 1) / 2)
    assert enumeration.log_partition(model) == pytest.approx(logsumexp(log_f), abs=1e-9)
    assert enumeration.n_enumerated(model) == n - 1


def test_deep_energies_do_not_overflow():
    model = machine(scale=1000.0)
    assert enumeration.log_partition(model) == pytest.approx((-model.beta * model.energy(Bernoulli().states(7))).max())
    assert np.isfinite(enumeration.moments(model).pairs).all()


def test_only_the_units_beside_a_colour_are_enumerated():
    wide = machine(bipartite(300, 3), visible=300, scale=0.3)
    assert enumeration.n_enumerated(wide) == 3
    assert enumeration.n_enumerated(everything(9)) == 8
    assert enumeration.n_enumerated(wide, wide.visible) == 0
    rbm = RBM(wide.weights.reshape(300, 3), wide.bias[:300], wide.bias[300:])
    scaled = RBM(*(wide.beta * part for part in (rbm.weights, rbm.visible_bias, rbm.hidden_bias)))
    assert enumeration.log_partition(wide) == pytest.approx(rbm_log_partition(scaled), rel=1e-12)


def test_a_restricted_machine_is_an_rbm():
    model = machine(bipartite(6, 4), visible=6, beta=1.0)
    rbm = RBM(model.weights.reshape(6, 4), model.bias[:6], model.bias[6:])
    states = Bernoulli().states(10)
    v, h = np.ascontiguousarray(states[:, :6]), np.ascontiguousarray(states[:, 6:])
    np.testing.assert_allclose(model.energy(states), rbm.energy(v, h), atol=1e-12)
    few = Bernoulli().states(6)
    free_energy = -enumeration.log_sums(model, model.visible, few)
    np.testing.assert_allclose(free_energy, rbm.free_energy(few), atol=1e-12)
    np.testing.assert_allclose(hidden_mean(model, few, Random(0)), rbm.hidden_mean(few), atol=1e-12)
    exact, ours = rbm_moments(rbm), enumeration.moments(model)
    np.testing.assert_allclose(ours.pairs.reshape(6, 4), exact.pairs, atol=1e-12)
    np.testing.assert_allclose(ours.mean, [*exact.visible, *exact.hidden], atol=1e-12)


def test_hidden_means_by_sampling_are_those_by_enumeration(monkeypatch):
    model = everything(8, visible=4)
    v = np.repeat(Bernoulli().states(4)[[3, 9]], 2000, axis=0)
    exact = enumeration.means_given(model, model.visible, v)[:, 4:]
    monkeypatch.setattr("ebm.boltzmann.graph_posterior.FEW", 0)
    found = hidden_mean(model, v, Random(1))
    for rows in (slice(2000), slice(2000, 4000)):
        error = found[rows].std(axis=0) / np.sqrt(2000)
        assert (np.abs(found[rows].mean(axis=0) - exact[rows].mean(axis=0)) < 4.5 * error).all()


# ---- as a tempered family ----


def test_log_z_by_annealing_is_within_three_standard_errors():
    model = machine(grid(4, 4), scale=1.0, beta=0.7)
    found = annealed_importance_sampling(TemperedPath(model), 200, temperatures(200), Random(0))
    assert found.trusted
    assert abs(found.value - enumeration.log_partition(model)) < 3 * found.standard_error
    assert 0 < found.standard_error < 0.1


def test_the_base_is_sampled_exactly_and_its_log_z_is_right():
    model = machine(base=1.5)
    p = 1 / (1 + np.exp(-model.base_bias))
    states = model.start(20_000, Random(0))
    assert (np.abs(states.mean(axis=0) - p) < 4.5 * np.sqrt(p * (1 - p) / 20_000)).all()
    assert model.log_base == pytest.approx(np.log1p(np.exp(model.base_bias)).sum())
    every = Bernoulli().states(7)
    log_f = -model.beta * model.energy(every)
    np.testing.assert_allclose(-model.potential(every) + every @ model.base_bias, log_f, atol=1e-12)
    assert model.potential(every.astype(np.float64)).dtype == np.float64


def test_log_partition_is_exact_or_annealed_from_the_means():
    model = machine(grid(4, 4))
    exact = log_partition(model, random=Random(0))
    assert (exact.method, exact.value) == ("exact", enumeration.log_partition(model))
    means = enumeration.moments(model).mean
    found = log_partition(model, means=means, random=Random(0), n_temperatures=100, exact_below=0)
    assert found.method == "ais"
    assert abs(found.value - exact.value) < 3 * found.standard_error
    with pytest.warns(UntrustedEstimateWarning, match="log Z is not to be trusted"):
        log_partition(machine(grid(4, 4), scale=6.0), random=Random(0), n_temperatures=3, exact_below=0)
    with pytest.raises(ValueError, match="means must be 16 finite numbers"):
        log_partition(model, means=means[:3], random=Random(0))


# ---- spins ----


def test_spins_translate_exactly_and_back():
    rng = np.random.default_rng(0)
    j, h = np.triu(rng.normal(size=(6, 6)), 1), rng.normal(size=6)
    j += j.T
    model, constant = from_spins(j, h, beta=0.6)
    states = Bernoulli().states(6)
    x = 2 * states - 1
    energies = -0.5 * np.einsum("ri,ij,rj->r", x, j, x) - x @ h
    np.testing.assert_allclose(model.energy(states) + constant, energies, atol=1e-12)
    log_z = np.log(np.exp(-0.6 * energies).sum())
    assert enumeration.log_partition(model) - 0.6 * constant == pytest.approx(log_z)
    back, fields, same = to_spins(model)
    np.testing.assert_allclose(back.toarray(), j, atol=1e-14)
    np.testing.assert_allclose(fields, h, atol=1e-14)
    assert same == pytest.approx(constant)


def test_spins_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="fields must be 2 finite numbers"):
        from_spins(np.zeros((2, 2)), np.zeros(3))
    with pytest.raises(ValueError, match="must be symmetric"):
        from_spins(np.array([[0, 1.0], [0, 0]]), np.zeros(2))


# ---- what is taken and refused ----


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_a_matrix_makes_a_machine(kind):
    model = machine(visible=MIXED)
    same = BoltzmannMachine.from_matrix(kind(model.couplings.toarray()), model.bias, MIXED, model.beta)
    assert (same.n_visible, same.n_hidden) == (4, 3)
    assert same.visible_units.tolist() == [0, 2, 3, 6]
    assert enumeration.log_partition(same) == pytest.approx(enumeration.log_partition(model))
    assert BoltzmannMachine.from_matrix(kind(model.couplings.toarray().astype(np.float32))).bias.dtype == np.float32


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": np.zeros(7)}, r"needs weights \(8,\).*got \(7,\), \(7,\) and \(7,\)"),
        ({"bias": np.zeros(8)}, r"got \(8,\), \(8,\) and \(7,\)"),
        ({"base_bias": np.zeros(2)}, r"and \(2,\)"),
        ({"bias": np.zeros(7, np.float32)}, "must share one dtype"),
        ({"beta": 0.0}, "beta must be a finite number above 0, got 0.0"),
        ({"beta": np.nan}, "beta must be a finite number above 0, got nan"),
        ({"visible": 0}, "visible must be at most n_units = 7, and at least 1; got 0"),
        ({"visible": 8}, "got 8"),
        ({"visible": np.zeros(7, bool)}, "one True or more"),
        ({"visible": np.ones(6, bool)}, r"got bool\(6,\)"),
        ({"visible": np.arange(3)}, "visible must be a number of units or a bool mask"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(machine(), **change)


def test_a_bias_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="bias must be finite"):
        BoltzmannMachine.from_matrix(np.zeros((2, 2)), [np.nan, 0.0])


def test_too_many_states_are_refused_before_the_work():
    large = BoltzmannMachine(fully_connected(27), np.ones(351), np.zeros(27), visible=26)
    for function in (enumeration.log_partition, enumeration.moments, enumeration.distribution):
        with pytest.raises(ValueError, match="at most 25"):
            function(large)


def test_the_slow_reference_agrees_with_itself():
    """The reference's joint is a distribution, and its conditionals are ratios of it."""
    reference = slow(machine(RING))
    joint = reference.joint()
    assert joint.sum() == pytest.approx(1)
    both = joint[[5, 5 | 8]]
    assert reference.conditional(reference.states[5], 3) == pytest.approx(both[1] / both.sum())
