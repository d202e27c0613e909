"""The Boltzmann machine's estimator: what it learns, says, draws and keeps, and what it refuses."""

import numpy as np
import pytest
from scipy.sparse import csr_array, issparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from ebm.boltzmann import graph_enumeration as enumeration
from ebm.boltzmann.boltzmann_machine import BoltzmannMachine as Model
from ebm.boltzmann.graph import grid, random_graph
from ebm.boltzmann.units import Bernoulli
from ebm_sklearn import BoltzmannMachine, Checkpoint, DivergenceError, ModelFileError, UntrustedEstimateWarning

RNG = np.random.default_rng(0)
CAUSE = RNG.integers(0, 2, (400, 1))
X = ((CAUSE ^ (RNG.random((400, 6)) < 0.15)) > 0).astype(np.float32)
EDGES = np.array([(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (0, 5)])


def small(**parameters):
    return BoltzmannMachine(**{"n_iter": 20, "batch_size": 50, "random_state": 0, **parameters})


def independent_score():
    p = X.mean(axis=0)
    return (X * np.log(p) + (1 - X) * np.log1p(-p)).sum(axis=1).mean()


VARIANTS = {
    "pcd": {},
    "exact": {"learning": "exact"},
    "pseudo": {"learning": "pseudo_likelihood", "n_iter": 3},
    "edges": {"graph": EDGES},
    "hidden": {"n_hidden": 2, "n_iter": 100},
    "restricted": {"n_hidden": 2, "graph": "restricted", "learning": "exact", "n_iter": 150},
    "warm": {"temperature": 2.5, "learning_rate": 0.5, "learning": "exact"},
    "cold": {"temperature": 0.5},
}


@pytest.fixture(scope="module")
def fitted():
    return {name: small(**parameters).fit(X) for name, parameters in VARIANTS.items()}


@pytest.mark.parametrize("name", VARIANTS)
def test_learning_finds_what_independent_units_cannot(fitted, name):
    assert fitted[name].score(X) > independent_score() + (0.5 if name == "edges" else 0.7)


@pytest.mark.parametrize("name", VARIANTS)
def test_fitted_attributes_agree_with_the_model(fitted, name):
    machine = fitted[name]
    n = 6 + machine.n_hidden
    assert machine.coupling_.shape == (n, n)
    np.testing.assert_array_equal(machine.coupling_, machine.coupling_.T)
    assert machine.coupling_.dtype == machine.intercept_.dtype == np.float32
    model = Model.from_matrix(machine.coupling_, machine.intercept_, 6, 1 / machine.temperature)
    np.testing.assert_allclose(machine.score_samples(X), enumeration.log_likelihood(model, X), atol=1e-4)
    assert machine.log_partition_.method == "exact"
    v = Bernoulli().states(6)
    np.testing.assert_allclose(np.exp(machine.score_samples(v)).sum(), 1, atol=1e-5)
    log_p = -machine.energy(v) / machine.temperature - machine.log_partition_.value
    np.testing.assert_allclose(log_p, machine.score_samples(v), atol=1e-10)
    assert hasattr(machine, "chains_") == (machine.learning == "pcd")
    features = machine.transform(X)
    assert features.shape == (400, machine.n_hidden or 6)
    assert features.dtype == np.float32
    assert len(machine.get_feature_names_out()) == features.shape[1]


def test_transform_without_hidden_units_is_the_prediction_of_each_from_the_rest(fitted):
    machine, v = fitted["exact"], Bernoulli().states(6)
    p = np.exp(machine.score_samples(v))
    for i in (0, 4):
        on = np.where(v[:, i] == 1, p, p[np.arange(64) ^ (1 << i)])
        np.testing.assert_allclose(machine.transform(v)[:, i], on / (p + p[np.arange(64) ^ (1 << i)]), atol=1e-5)


@pytest.mark.parametrize("name", ["pcd", "hidden", "warm", "restricted"])
def test_samples_are_those_of_the_model(fitted, name):
    machine = fitted[name]
    drawn = machine.sample(4000, n_gibbs=50, random_state=1)
    v = Bernoulli().states(6)
    p = np.exp(machine.score_samples(v))
    error = np.sqrt(0.25 / 4000)
    np.testing.assert_allclose(drawn.mean(axis=0), p @ v, atol=4.5 * error)
    pairs = drawn.T @ drawn / 4000
    np.testing.assert_allclose(pairs, (p[:, None] * v).T @ v, atol=4.5 * error)
    np.testing.assert_array_equal(machine.sample(3), machine.sample(3))


def test_gibbs_completes_what_is_not_clamped(fitted):
    machine = fitted["hidden"]
    start = np.tile([1.0, 1, 1, 0, 0, 0], (4000, 1))
    held = np.arange(6) < 3
    moved = machine.gibbs(start, n_gibbs=40, clamped=held, random_state=3)
    assert (moved[:, held] == 1).all()
    v = Bernoulli().states(6)
    p = np.exp(machine.score_samples(v)) * (v[:, :3] == 1).all(axis=1)
    np.testing.assert_allclose(moved.mean(axis=0), p @ v / p.sum(), atol=4.5 * np.sqrt(0.25 / 4000))
    assert machine.gibbs(X[:5]).shape == (5, 6)


GRAPHS = {
    "sparse": (csr_array(grid(3, 3).matrix(np.ones(12)), dtype=np.float32), 9, 0),
    "dense": (grid(3, 3).matrix(np.ones(12)).toarray(), 9, 0),
    "edges": (grid(3, 3).edges, 9, 0),
    "grid": ("grid", 9, 0),
    "full": ("full", 5, 2),
    "restricted": ("restricted", 5, 2),
    "grid with hidden": ("grid", 4, 2),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_graphs_are_given_in_many_ways(name):
    graph, n_features, n_hidden = GRAPHS[name]
    data = (np.random.default_rng(0).random((30, n_features)) < 0.5).astype(float)
    machine = small(graph=graph, n_hidden=n_hidden, n_iter=2).fit(data)
    counts = {"full": 21, "restricted": 10, "grid with hidden": 4 + 8}
    assert machine.graph_.n_edges == counts.get(name, 12)
    assert np.isfinite(machine.score(data))
    clone(machine).fit(data)


def test_a_large_sparse_machine_keeps_sparse_couplings_and_is_annealed():
    graph = random_graph(60, 3)
    data = (np.random.default_rng(0).random((50, 60)) < 0.4).astype(np.float32)
    machine = small(graph=graph.edges, n_iter=2).fit(data)
    assert issparse(machine.coupling_)
    assert machine.estimate_log_partition(n_temperatures=50).method == "ais"
    assert np.isfinite(machine.score_samples(data)).all()
    machine.coupling_ = graph.matrix(8 * np.random.default_rng(0).standard_normal(graph.n_edges, np.float32))
    with pytest.warns(UntrustedEstimateWarning):
        machine.estimate_log_partition(n_temperatures=3, n_chains=12)
    with pytest.warns(UntrustedEstimateWarning, match="not to be trusted"):
        machine.score_samples(data)


def test_annealing_agrees_with_enumeration(fitted):
    machine = clone(fitted["warm"]).fit(X)
    exact = machine.log_partition_.value
    found = machine.estimate_log_partition(exact=False, n_temperatures=300)
    assert found.method == "ais"
    assert abs(found.value - exact) < 3 * found.standard_error + 1e-5
    assert machine.estimate_log_partition(exact=True).value == exact


@pytest.mark.parametrize("name", ["pcd", "exact", "hidden"])
def test_partial_fit_goes_on_as_fit_does(name):
    parameters = {**VARIANTS[name], "n_iter": 4, "schedule": "constant"}
    whole, parts = small(**parameters).fit(X), small(**parameters)
    for _ in range(4):
        parts.partial_fit(X)
    np.testing.assert_array_equal(whole.coupling_, parts.coupling_)
    np.testing.assert_array_equal(whole.intercept_, parts.intercept_)
    assert parts.n_iter_ == 4
    np.testing.assert_allclose(parts.mean_, X.mean(axis=0), rtol=1e-6)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_machine_is_saved_and_goes_on(fitted, name, tmp_path):
    machine, path = clone(fitted[name]).fit(X), tmp_path / "machine.ebm"
    machine.score_samples(X)
    machine.save(path)
    loaded = BoltzmannMachine.load(path)
    np.testing.assert_array_equal(loaded.score_samples(X), machine.score_samples(X))
    np.testing.assert_array_equal(loaded.sample(5), machine.sample(5))
    np.testing.assert_array_equal(np.asarray(loaded.coupling_), np.asarray(machine.coupling_))
    for one in (machine, loaded):
        one.partial_fit(X)
    np.testing.assert_array_equal(loaded.intercept_, machine.intercept_)
    assert loaded.history_[:-1] == machine.history_[:-1]


def test_a_given_graph_is_saved_too(tmp_path):
    graph = random_graph(60, 3)
    data = (np.random.default_rng(0).random((20, 60)) < 0.4).astype(np.float32)
    machine = small(graph=csr_array(graph.matrix(np.ones(graph.n_edges))), n_iter=1).fit(data)
    machine.save(tmp_path / "machine")
    loaded = BoltzmannMachine.load(tmp_path / "machine")
    assert issparse(loaded.coupling_)
    np.testing.assert_array_equal(loaded.graph, graph.edges)
    loaded.fit(data)
    np.testing.assert_array_equal(loaded.coupling_.toarray(), machine.coupling_.toarray())


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda m: setattr(m, "mean_", m.mean_[:0]), "beside 0 features"),
        (lambda m: setattr(m, "intercept_", m.intercept_[:4]), "beside 6 features"),
        (lambda m: setattr(m, "mean_", np.append(m.mean_, 0.5)), "beside 7 features"),
        (lambda m: setattr(m, "_beta", 0.0), "beta is 0.0, not a number above 0"),
        (lambda m: setattr(m, "_motion", {"more": np.zeros(3)}), r"learning carries no \['more'\]"),
        (lambda m: setattr(m, "chains_", m.chains_[:, :2]), "array 'chains_' is float32"),
    ],
)
def test_a_file_that_does_not_fit_itself_is_refused(break_it, message, tmp_path):
    machine = small(n_iter=1).fit(X)
    break_it(machine)
    machine.save(tmp_path / "machine")
    with pytest.raises(ModelFileError, match=message):
        BoltzmannMachine.load(tmp_path / "machine")


def test_a_checkpoint_is_resumed(tmp_path):
    whole = small(n_iter=6).fit(X)
    path = tmp_path / "checkpoint"

    class Stop:
        def on_epoch_end(self, run):
            run.stop = run.epoch == 2

    small(n_iter=6, callbacks=[Checkpoint(path), Stop()]).fit(X)
    resumed = small(n_iter=6, callbacks=[Checkpoint(path)]).fit(X)
    np.testing.assert_array_equal(whole.coupling_, resumed.coupling_)


def test_threads_do_not_change_results():
    one, two = (small(n_hidden=2, n_jobs=n, n_iter=3).fit(X) for n in (1, 2))
    np.testing.assert_array_equal(one.coupling_, two.coupling_)
    np.testing.assert_array_equal(one.sample(50), two.sample(50))


def test_it_works_in_a_pipeline():
    pipeline = make_pipeline(small(n_hidden=3, n_iter=40), LogisticRegression())
    assert pipeline.fit(X, CAUSE.ravel()).score(X, CAUSE.ravel()) > 0.85


# ---- what is refused ----


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"learning": "cd"}, "The 'learning' parameter"),
        ({"graph": "tree"}, "The 'graph' parameter"),
        ({"n_hidden": -1}, "The 'n_hidden' parameter"),
        ({"temperature": 0.0}, "The 'temperature' parameter"),
        ({"graph": np.array([(0, 6)])}, "edges must join units 0 to 5, got units 0 to 6"),
        ({"graph": np.array([(2, 2)])}, "no unit may be joined to itself, but unit 2 is"),
        ({"graph": np.array([(1, 2), (2, 1)])}, "joined twice"),
        ({"graph": np.array([(0.5, 1.0)])}, "edges must be integers"),
        ({"graph": np.zeros((4, 4))}, r"adjacency matrix of shape \(6, 6\).*got shape \(4, 4\)"),
        ({"graph": csr_array(np.zeros((5, 6)))}, r"got shape \(5, 6\)"),
        ({"graph": np.triu(np.ones((6, 6)), 1)}, "couplings must be symmetric"),
        ({"graph": np.ones((6, 6))}, "zero diagonal"),
        ({"graph": np.where(np.eye(6), 0, np.nan)}, "finite numbers"),
        ({"graph": "grid"}, "square number of features, got 6"),
        ({"learning": "pseudo_likelihood", "n_hidden": 1}, "without hidden units, this one has 1"),
        ({"learning": "exact", "n_hidden": 24}, "at most 25 can be enumerated"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        small(**parameters).fit(X)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.sample(0), "n_samples must be an integer of at least 1, got 0"),
        (lambda m: m.sample(y=1), "y must be None, got 1"),
        (lambda m: m.gibbs(X, n_gibbs=0), "n_gibbs must be"),
        (lambda m: m.gibbs(X, clamped=[True]), r"bool mask of shape \(6,\), one a feature; got bool\(1,\)"),
        (lambda m: m.gibbs(X, clamped=np.arange(6)), "got int64"),
        (lambda m: m.transform(X[:, :5]), "X has 5 features"),
        (lambda m: m.energy(np.where(X, np.nan, 0)), "contains NaN"),
    ],
)
def test_bad_calls_are_refused(fitted, call, message):
    with pytest.raises(ValueError, match=message):
        call(fitted["pcd"])


def test_too_many_joined_hidden_units_have_no_exact_likelihood():
    machine = small(n_hidden=30, n_iter=1).fit(X)
    assert machine.transform(X[:3]).shape == (3, 30)
    with pytest.raises(ValueError, match="at most 25 can be enumerated"):
        machine.score_samples(X)


def test_an_unfitted_machine_says_so():
    for method in ("transform", "score_samples", "energy", "gibbs"):
        with pytest.raises(NotFittedError):
            getattr(small(), method)(X)
    with pytest.raises(NotFittedError):
        small().sample()


def test_divergence_is_told_and_the_last_good_parameters_stay():
    machine = small(learning_rate=1e9, momentum=0.0)
    with pytest.raises(DivergenceError):
        machine.fit(X)
    assert np.isfinite(machine.coupling_).all()


def test_features_that_are_sampled_do_not_depend_on_how_samples_are_cut(monkeypatch):
    monkeypatch.setattr("ebm.boltzmann.graph_posterior.FEW", 0)
    machine = small(n_hidden=3, n_iter=2).fit(X)
    same = np.repeat(X[:1], 40, axis=0)
    whole = machine.transform(same)
    monkeypatch.setattr("ebm_sklearn._input.BLOCK_ROWS", 16)
    np.testing.assert_array_equal(machine.transform(same), whole)
    np.testing.assert_array_equal(machine.transform(csr_array(same)), whole)
    assert len(np.unique(whole, axis=0)) > 35  # every row has noise of its own
