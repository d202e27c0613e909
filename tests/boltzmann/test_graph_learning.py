"""Learning Boltzmann machines on graphs: gradients against differences, and known weights recovered."""

from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from ebm.boltzmann import graph_enumeration as enumeration
from ebm.boltzmann import graph_pseudo_likelihood as pseudo
from ebm.boltzmann.graph import bipartite
from ebm.boltzmann.graph_learning import (
    GraphLearner,
    PseudoLikelihoodLearner,
    centre,
    clamped_moments,
    data_moments,
    exact_gradient,
    initial_model,
)
from ebm.boltzmann.rule import Rule
from ebm.boltzmann.units import Bernoulli
from ebm.data import TrainingData
from ebm.optimizers.schedules import Linear
from ebm.random import Random
from ebm.training import DivergenceError, train
from tests.boltzmann.graph_models import everything, machine, slow, sparse_twelve


@pytest.fixture(autouse=True)
def one_thread_of_blas():
    """Matrices are small: on busy cores two threads can take 40 times longer than one."""
    with threadpool_limits(1, "blas"):
        yield


MIXED = np.array([True, False, True, True, False, False, True])
MODELS = {
    "ring, all visible": machine(),
    "ring, hidden": machine(visible=MIXED),
    "full, hidden joined": everything(6, visible=4, beta=1.3),
    "restricted": machine(bipartite(4, 3), visible=4),
}


def some_data(model, n=9, seed=0):
    rng = np.random.default_rng(seed)
    v, share = (rng.random((n, model.n_visible)) < 0.5).astype(model.dtype), rng.random(n)
    return v, share / share.sum()


def differences(function, model, step=1e-5):
    """Central differences of a function of the machine, by weight and by bias."""
    out = {}
    for name in ("weights", "bias"):
        start = getattr(model, name)
        out[name] = np.empty(start.size)
        for k in range(start.size):
            shift = step * (np.arange(start.size) == k)
            up, down = (function(replace(model, **{name: start + s})) for s in (shift, -shift))
            out[name][k] = (up - down) / (2 * step)
    return out


@pytest.mark.parametrize("name", MODELS)
def test_the_gradient_is_that_of_the_log_likelihood(name):
    model = MODELS[name]
    v, share = some_data(model)
    wanted = differences(lambda m: share @ enumeration.log_likelihood(m, v), model)
    found = exact_gradient(model, v, share)
    for part in ("weights", "bias"):
        np.testing.assert_allclose(found[part], wanted[part], atol=1e-8)


def test_the_pseudo_likelihood_is_that_of_plain_loops_and_its_gradient_that_of_differences(monkeypatch):
    model = machine(beta=0.6)
    v, share = some_data(model)
    reference = slow(model)
    values = [reference.log_pseudo_likelihood(s) for s in v]
    np.testing.assert_allclose(pseudo.log_pseudo_likelihood(model, v), values, rtol=1e-10)
    wanted = differences(lambda m: share @ pseudo.log_pseudo_likelihood(m, v), model)
    for small in (pseudo.SMALL, 0):  # by a product of matrices, and edge by edge
        monkeypatch.setattr(pseudo, "SMALL", small)
        found = pseudo.gradient(model, v, share)
        for part in ("weights", "bias"):
            np.testing.assert_allclose(found[part], wanted[part], atol=1e-8)


def test_the_centred_gradient_is_the_gradient_in_centred_parameters():
    """With E = -b'.(s - mu) - sum W (s_i - mu_i)(s_j - mu_j): b = b' - W mu, and W is the same."""
    model, mu = machine(visible=MIXED), np.random.default_rng(3).random(7)
    v, share = some_data(model)

    def in_terms_of_centred(m):  # whose ``bias`` is b'
        moved = replace(m, bias=m.bias - m.couplings @ mu)
        return share @ enumeration.log_likelihood(moved, v)

    shown = replace(model, bias=model.bias + model.couplings @ mu)
    wanted = differences(in_terms_of_centred, shown)
    found = centre(exact_gradient(model, v, share), model.graph, mu)
    np.testing.assert_allclose(found["weights"], wanted["weights"], atol=1e-8)
    change = replace(model, weights=found["weights"]).couplings
    np.testing.assert_allclose(found["bias"], wanted["bias"] - change @ mu, atol=1e-8)


def test_clamped_moments_by_sampling_are_those_by_enumeration():
    model = everything(6, visible=4)
    v, _ = some_data(model, 3)
    rows = np.repeat(v, 4000, axis=0)
    share = np.full(len(rows), 1 / len(rows))
    exact = clamped_moments(model, v, np.full(3, 1 / 3))
    found = clamped_moments(model, rows, share, random=Random(2), step=7)
    np.testing.assert_allclose(found.mean, exact.mean, atol=4.5 * 0.5 / np.sqrt(12_000))
    np.testing.assert_allclose(found.pairs, exact.pairs, atol=4.5 * 0.5 / np.sqrt(12_000))


def test_moments_of_the_data_are_weighted(monkeypatch):
    monkeypatch.setattr("ebm.boltzmann.graph_learning.ROWS", 4)
    model = machine()
    v, share = some_data(model)
    found = data_moments(model, TrainingData.from_array(v, 10 * share))
    np.testing.assert_allclose(found.mean, share @ v, atol=1e-12)
    i, j = model.graph.edges.T
    np.testing.assert_allclose(found.pairs, share @ (v[:, i] * v[:, j]), atol=1e-12)


# ---- known weights ----


@pytest.fixture(scope="module")
def recovering():
    """A machine, its distribution, and 40,000 exact samples."""
    true = sparse_twelve()
    p = enumeration.distribution(true)
    drawn = np.random.default_rng(0).choice(p.size, 40_000, p=p)
    return true, p, TrainingData.from_array(Bernoulli().states(12)[drawn])


def divergence(p, model):
    return float((p * np.log(p / enumeration.distribution(model))).sum())


RULES = {
    "exact": Rule(learning="exact", batch_size=20_000, learning_rate=0.5, momentum=0.9, l2=0.0),
    "pcd": Rule(learning="pcd", batch_size=2000, learning_rate=Linear(1.0, 0.0), n_gibbs=5, n_chains=500, l2=0.0),
}


@pytest.mark.parametrize("learning", ["exact", "pcd", "pseudo_likelihood"])
def test_known_weights_are_recovered(recovering, learning):
    true, p, data = recovering
    start = initial_model(data, true.graph, Random(0), beta=true.beta)
    if learning == "pseudo_likelihood":
        learner = PseudoLikelihoodLearner(start, data)
        train(learner, 2)
    else:
        learner = GraphLearner(start, data, RULES[learning], Random(1), n_epochs=30)
        train(learner, 30)
    assert divergence(p, start) > 0.1
    assert divergence(p, learner.model) < 0.002
    assert np.abs(learner.model.weights - true.weights).max() < 0.3


@pytest.mark.parametrize("learning", ["exact", "pcd"])
@pytest.mark.parametrize("graph", ["restricted", "full"])
def test_hidden_units_learn_what_pairs_cannot(learning, graph):
    """Parity of three: without hidden units pairs are independent, and no weight can help."""
    v = Bernoulli().states(3)
    data = TrainingData.from_array(v[v.sum(axis=1) % 2 == 0])
    shape = bipartite(3, 4) if graph == "restricted" else everything(7).graph
    start = replace(initial_model(data, shape, Random(0), n_visible=3), weights=_spread(shape))
    more = {"n_chains": 200, "n_gibbs": 5, "learning_rate": Linear(0.3, 0.0), "momentum": 0.9, "l2": 0.0}
    learner = GraphLearner(start, data, Rule(learning=learning, batch_size=4, **more), Random(1), n_epochs=500)
    train(learner, 500)
    score = enumeration.log_likelihood(learner.model, data.rows(np.arange(4))).mean()
    assert score > -1.386 - 0.2  # -log 4 is the best; without hidden units -log 8 = -2.08


def _spread(graph):
    return np.random.default_rng(6).normal(size=graph.n_edges)


def test_l1_makes_weights_exactly_zero_and_l2_makes_them_smaller(recovering):
    true, _, data = recovering
    few = data.rows(np.arange(2000))
    share = np.full(2000, 1 / 2000)
    start = initial_model(data, everything(12).graph, Random(0))
    free, ridge, sparse = (pseudo.maximize(start, few, share, **more) for more in ({}, {"l2": 0.1}, {"l1": 0.01}))
    assert np.abs(ridge.weights).sum() < 0.8 * np.abs(free.weights).sum()
    assert (free.weights == 0).sum() == 0
    assert (sparse.weights == 0).sum() > 15
    joined = set(map(tuple, true.graph.edges))
    strong = [tuple(edge) in joined for edge in start.graph.edges[np.argsort(-np.abs(sparse.weights))[:8]]]
    assert sum(strong) >= 7


def test_l1_and_l2_are_taken_from_the_gradient():
    model = machine()
    data = TrainingData.from_array(some_data(model)[0])
    steps = []
    for more in ({"l2": 0.0}, {"l2": 0.3}, {"l2": 0.0, "l1": 0.2}):
        rule = Rule(learning="exact", learning_rate=1.0, momentum=0.0, **more)
        learner = GraphLearner(model, data, rule, Random(0), n_epochs=1)
        train(learner, 1)
        steps.append(learner.model.weights)
    np.testing.assert_allclose(steps[0] - steps[1], 0.3 * model.weights, atol=1e-12)
    np.testing.assert_allclose(steps[0] - steps[2], 0.2 * np.sign(model.weights), atol=1e-12)


# ---- the learners as such ----


def learners(learning, model, data):
    if learning == "pseudo_likelihood":
        return PseudoLikelihoodLearner(model, data, l2=0.01)
    rule = Rule(learning=learning, batch_size=4, n_chains=6, n_gibbs=2)
    return GraphLearner(model, data, rule, Random(4), n_epochs=6)


@pytest.mark.parametrize(
    ("learning", "name"),
    [
        *[(learning, name) for learning in ("exact", "pcd") for name in MODELS],
        ("pseudo_likelihood", "ring, all visible"),
    ],
)
def test_a_learner_resumes_exactly(learning, name):
    model = MODELS[name]
    data = TrainingData.from_array(some_data(model)[0])
    whole, cut = learners(learning, model, data), learners(learning, model, data)
    train(whole, 4)
    train(cut, 2)
    resumed = learners(learning, model, data)
    resumed.restore(cut.state())
    train(resumed, 4, first_epoch=2)
    for name, array in whole.state().items():
        np.testing.assert_array_equal(resumed.state()[name], array)
    assert not np.array_equal(whole.state()["bias"], cut.state()["bias"])
    with pytest.raises(ValueError, match="this learner needs shape"):
        resumed.restore({**cut.state(), "bias": np.zeros(2)})


def test_what_does_not_fit_is_refused():
    model = machine()
    data = TrainingData.from_array(np.eye(6))
    contrastive = lambda: GraphLearner(model, data, Rule(), Random(0), n_epochs=1)  # noqa: E731
    for make in (contrastive, lambda: PseudoLikelihoodLearner(model, data)):
        with pytest.raises(ValueError, match="model of 7 visible units in float64 does not fit data of 6 columns"):
            make()
    with pytest.raises(ValueError, match="learning must be 'pcd' or 'exact' for a machine on a graph, got 'cd'"):
        GraphLearner(model, TrainingData.from_array(np.eye(7)), Rule(learning="cd"), Random(0), n_epochs=1)
    large = everything(30)
    with pytest.raises(ValueError, match="at most 25 can be enumerated"):
        GraphLearner(large, TrainingData.from_array(np.eye(30)), Rule(learning="exact"), Random(0), n_epochs=1)
    with pytest.raises(ValueError, match="without hidden units, this one has 3"):
        pseudo.log_pseudo_likelihood(machine(visible=4), np.eye(4))


def test_divergence_is_noticed():
    model = machine()
    data = TrainingData.from_array(some_data(model)[0])
    learner = GraphLearner(model, data, Rule(learning_rate=1e9, momentum=0.0), Random(0), n_epochs=3)
    with pytest.raises(DivergenceError):
        train(learner, 3)
    np.testing.assert_array_equal(learner.model.weights, model.weights)
