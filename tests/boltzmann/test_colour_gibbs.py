"""Colour-block Gibbs sampling: what is stationary, what is caught; threads and the chains' places do not matter."""

from dataclasses import replace

import numpy as np
import pytest

from ebm.boltzmann.boltzmann_machine import BoltzmannMachine
from ebm.boltzmann.graph import Graph, bipartite, fully_connected, grid, random_graph
from ebm.boltzmann.graph_layout import make_layout
from ebm.boltzmann.units import Bernoulli
from ebm.kernels import colour_gibbs as kernel
from ebm.kernels.threads import limit_threads
from ebm.random import Random
from tests.boltzmann.graph_models import RING, machine, slow
from tests.boltzmann.models import p_value, row_numbers

N_CHAINS = 20_000
BACKWARDS = pytest.mark.parametrize("backwards", [False, True], ids=["", "backwards"])
LOOPS = pytest.mark.parametrize("loop", ["alone", "crowd"])


@pytest.fixture(autouse=True)
def chosen_loop(request, monkeypatch):
    """Send every number of chains through the loop that the test names."""
    loop = request.node.callspec.params.get("loop") if hasattr(request.node, "callspec") else None
    if loop:
        monkeypatch.setattr(kernel, "CROWD", {"alone": 10**9, "crowd": 0}[loop])


def at_the_target(model, probabilities, seed=0):
    drawn = np.random.default_rng(seed).choice(probabilities.size, N_CHAINS, p=probabilities)
    return Bernoulli().states(model.n_units)[drawn].astype(model.dtype)


def stationarity(model, sampler, n_sweeps, seed=0):
    """p-value of 'after so many sweeps, chains that started at the target are still there'."""
    probabilities = slow(model).joint()
    states = sampler(at_the_target(model, probabilities, seed), n_sweeps, Random(seed))
    return p_value(np.bincount(row_numbers(states), minlength=probabilities.size), probabilities)


@LOOPS
@pytest.mark.parametrize("n_sweeps", [1, 4, 16])
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_the_target_is_stationary(loop, dtype, n_sweeps):
    model = machine(dtype=dtype)
    assert stationarity(model, model.gibbs, n_sweeps) > 1e-3


@LOOPS
@pytest.mark.parametrize("clamped", [None, (1, 2, 6)])
def test_backwards_with_and_without_clamped_units_it_is_stationary_too(loop, clamped):
    model = machine()
    mask = None if clamped is None else np.isin(np.arange(7), clamped)
    assert stationarity(model, lambda *x: model.gibbs(*x, clamped=mask, backwards=True), 4) > 1e-3


@LOOPS
def test_a_tempered_target_is_stationary(loop):
    """p_t ~ exp(-(1 - t) E_0 - t beta E): the machine whose parameters are so mixed."""
    model, t = machine(scale=1.5), 0.6
    bias = t * model.beta * model.bias + (1 - t) * model.base_bias
    mixed = BoltzmannMachine(RING, t * model.beta * model.weights, bias)
    assert stationarity(mixed, lambda states, n, random: model.gibbs(states, n, random, betas=t), 4) > 1e-3


def forgets_bias(model):
    return replace(model, bias=0 * model.bias).gibbs


def squares_beta(model):
    return replace(model, beta=model.beta**2).gibbs


def one_noise_for_all_colours(model):
    """Every colour by itself: each then begins at place 0, and draws the same uniforms."""

    def sampler(states, n_sweeps, random):
        for step in range(n_sweeps):
            for colour in range(model.graph.colours.max() + 1):
                states = model.gibbs(states, 1, random, clamped=model.graph.colours != colour, first_step=step)
        return states

    return sampler


def one_noise_for_all_sweeps(model):
    def sampler(states, n_sweeps, random):
        for _ in range(n_sweeps):
            states = model.gibbs(states, 1, random)
        return states

    return sampler


def one_colour(model):
    """Neighbours are drawn at once, from each other's old states."""
    broken = replace(model, graph=Graph(RING.n_units, RING.edges))
    everyone = np.ones(7, bool)
    broken.graph._layouts[everyone.tobytes()] = make_layout(7, RING.edges, np.zeros(7, np.int64), everyone)
    return broken.gibbs


def one_neighbour_lost(model):
    lost = np.arange(8) == np.abs(model.weights).argmax()
    return replace(model, weights=np.where(lost, 0, model.weights)).gibbs


@pytest.mark.parametrize("loop", ["alone"])
@pytest.mark.parametrize(
    ("broken", "n_sweeps"),
    [
        *[(f, n) for f in (forgets_bias, squares_beta, one_colour, one_neighbour_lost) for n in (1, 4, 16)],
        (one_noise_for_all_colours, 1), (one_noise_for_all_colours, 4), (one_noise_for_all_sweeps, 4),
    ],
)  # fmt: skip
def test_a_broken_sampler_is_caught(loop, broken, n_sweeps):
    model = machine(scale=1.5)
    assert stationarity(model, broken(model), n_sweeps) < 1e-9


@LOOPS
@pytest.mark.parametrize("clamped", [(0, 3), (1, 2, 6), (5,)])
def test_clamped_units_stay_and_the_others_have_their_conditional_distribution(loop, clamped):
    model = machine(scale=1.2)
    mask = np.isin(np.arange(7), clamped)
    states, joint = Bernoulli().states(7), slow(model).joint()
    start = states[(joint * (states[:, mask] == [1, 0, 1][: mask.sum()]).all(axis=1)).argmax()]
    found = model.gibbs(np.tile(start, (N_CHAINS, 1)), 40, Random(3), clamped=mask)
    assert (found[:, mask] == start[mask]).all()
    wanted = joint * (states[:, mask] == start[mask]).all(axis=1)
    counts = np.bincount(row_numbers(found), minlength=128)
    agreeing = wanted > 0
    assert p_value(counts[agreeing], wanted[agreeing] / wanted.sum()) > 1e-3


@LOOPS
def test_a_clamped_value_between_zero_and_one_counts_as_it_is(loop):
    graph = Graph(2, [(0, 1)])
    model = BoltzmannMachine(graph, np.array([2.0]), np.array([0.0, -0.5]))
    states = np.tile([0.3, 0.0], (N_CHAINS, 1))
    found = model.gibbs(states, 1, Random(0), clamped=np.array([True, False]))
    p = 1 / (1 + np.exp(-(2.0 * 0.3 - 0.5)))
    assert (found[:, 0] == 0.3).all()
    assert abs(found[:, 1].mean() - p) < 4 * np.sqrt(p * (1 - p) / N_CHAINS)


GRAPHS = {
    "random": random_graph(3000, 8),
    "grid": grid(90, 100),
    "star": Graph(600, [(0, i) for i in range(1, 600)]),
    "full": fully_connected(9),
    "restricted": bipartite(30, 11),
    "empty": Graph(5, []),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("name", GRAPHS)
@BACKWARDS
def test_one_chain_alone_is_the_same_as_in_a_crowd(name, dtype, backwards):
    model = machine(GRAPHS[name], dtype=dtype, scale=0.5)
    states = model.random_states(20, Random(0))
    betas = np.linspace(0.2, 1.4, 20)
    together = model.gibbs(states, 3, Random(1), betas=betas, first_step=2, backwards=backwards)
    for r in (0, 7, 19):
        place = {"first_step": 2, "first_chain": r, "backwards": backwards}
        alone = model.gibbs(states[r : r + 1], 3, Random(1), betas=betas[r], **place)
        np.testing.assert_array_equal(alone[0], together[r])


@pytest.mark.parametrize("n_chains", [1, 3, 20, 64, 150])
@BACKWARDS
def test_two_threads_give_what_one_gives(n_chains, backwards, monkeypatch):
    """With floors so low that two threads share whatever can be shared."""
    monkeypatch.setattr(kernel, "SHARE", 1)
    monkeypatch.setattr(kernel, "SMALL", 1)
    model = machine(GRAPHS["grid"], dtype=np.float32)
    states = model.random_states(n_chains, Random(0))
    results = []
    for n in (1, 2, 3):
        with limit_threads(n):
            results.append(model.gibbs(states, 4, Random(5), backwards=backwards))
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])
    assert 0.02 < (results[0] != states).mean() < 0.98


def test_a_run_can_be_cut_in_time_and_shared_out_by_chains():
    model = machine(GRAPHS["random"], dtype=np.float32, scale=0.3)
    states = model.random_states(10, Random(2))
    before = states.copy()
    whole = model.gibbs(states, 5, Random(3))
    cut = model.gibbs(model.gibbs(states, 2, Random(3)), 3, Random(3), first_step=2)
    part = model.gibbs(states[4:], 5, Random(3), first_chain=4)
    np.testing.assert_array_equal(whole, cut)
    np.testing.assert_array_equal(whole[4:], part)
    np.testing.assert_array_equal(states, before)
    assert model.gibbs(states, 0, Random(3)) is not states


@BACKWARDS
@LOOPS
def test_the_loop_equals_the_formula_unit_by_unit(loop, backwards):
    """One sweep by hand: fields from the matrix, uniforms from their addresses."""
    from ebm.kernels.philox import uniforms

    model, states = machine(dtype=np.float64), np.ones((1, 7))
    layout = model.graph.layout()
    u = uniforms((6, layout.n_places), 9, 4, 30, np.float64)[5]
    found = model.gibbs(states, 1, Random(9), first_step=4, first_chain=5, backwards=backwards)
    s = states[0].copy()
    for unit in np.argsort(layout.places)[:: -1 if backwards else 1]:  # in a colour any order does
        s[unit] = u[layout.places[unit]] < slow(model).conditional(s, unit)
    np.testing.assert_array_equal(found[0], s)


def test_everything_clamped_stays():
    model = machine()
    states = model.random_states(3, Random(0))
    for backwards in (False, True):
        found = model.gibbs(states, 5, Random(0), clamped=np.ones(7, bool), backwards=backwards)
        np.testing.assert_array_equal(found, states)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.gibbs(np.zeros((2, 6)), 1, Random(0)), r"states are float64\(2, 6\), but there are 7 units"),
        (lambda m: m.gibbs(np.zeros(7), 1, Random(0)), r"states are float64\(7,\)"),
        (lambda m: m.gibbs(np.zeros((2, 7), np.float32), 1, Random(0)), "scales are float64"),
        (lambda m: m.gibbs(np.zeros((2, 7), int), 1, Random(0)), "states are int64"),
        (lambda m: m.gibbs(np.zeros((2, 7)), -1, Random(0)), "n_sweeps must be at least 0, got -1"),
        (lambda m: m.gibbs(np.zeros((2, 7)), 1, Random(0), clamped=np.ones(3, bool)), r"shape \(7,\), got bool\(3,\)"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(machine())
