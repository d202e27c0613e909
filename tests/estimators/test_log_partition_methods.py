"""The methods by which an estimator estimates log Z, and the tracker as one of its callbacks."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Binarizer

from ebm.boltzmann import enumeration
from ebm.boltzmann.rbm import RBM as Model
from ebm_sklearn import RBM, Checkpoint, LogPartitionTracker, UntrustedEstimateWarning

X = (np.random.default_rng(0).random((200, 12)) < np.linspace(0.1, 0.9, 12)).astype(np.float32)
METHODS = pytest.mark.parametrize("method", ["ais", "reverse_ais", "bridge"])


def exact(rbm):
    return enumeration.log_partition(Model(rbm.components_.T, rbm.intercept_visible_, rbm.intercept_hidden_))


@pytest.fixture(scope="module")
def fitted():
    return RBM(6, n_iter=30, random_state=0).fit(X)


@METHODS
@pytest.mark.parametrize("temperatures", ["fixed", "adaptive"])
def test_every_method_agrees_with_the_exact_value(fitted, method, temperatures):
    options = {"exact": False, "n_temperatures": 100, "n_gibbs": 50}
    found = fitted.estimate_log_partition(method=method, temperatures=temperatures, **options)
    assert found.method == method
    assert found.trusted, found.verdict
    assert abs(found.value - exact(fitted)) < 4 * found.standard_error
    assert fitted.log_partition_ is found
    again = fitted.estimate_log_partition(method=method, temperatures=temperatures, **options)
    assert again.value == found.value
    assert np.exp(fitted.score_samples(X)).max() < 1


@METHODS
def test_small_models_are_enumerated_whatever_the_method(fitted, method):
    assert fitted.estimate_log_partition(method=method).method == "exact"
    assert fitted.estimate_log_partition(method=method, exact=True).value == pytest.approx(exact(fitted))


def test_estimates_of_all_methods_are_saved(fitted, tmp_path):
    for method in ("ais", "reverse_ais", "bridge"):
        kept = fitted.estimate_log_partition(method=method, exact=False, n_temperatures=20)
        fitted.save(tmp_path / "m")
        found = RBM.load(tmp_path / "m").log_partition_
        assert (found.value, found.method, found.verdict) == (kept.value, method, kept.verdict)


@pytest.mark.parametrize("learning", ["pcd", "cd"])
def test_reverse_runs_start_where_sampling_would(learning):
    rbm = RBM(6, n_iter=5, learning=learning, random_state=0).fit(X)
    found = rbm.estimate_log_partition(method="reverse_ais", exact=False, n_temperatures=50, n_chains=300)
    assert abs(found.value - exact(rbm)) < 4 * found.standard_error


def test_a_bridge_that_is_not_trusted_warns():
    rbm = RBM(6, n_iter=2, random_state=0).fit(X)
    rbm.components_ = rbm.components_ + 4 * np.random.default_rng(0).normal(size=(6, 12)).astype(np.float32)
    with pytest.warns(UntrustedEstimateWarning, match="not to be trusted"):
        rbm.estimate_log_partition(method="bridge", exact=False, n_temperatures=2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "bennett"}, "method must be 'ais', 'reverse_ais' or 'bridge', got 'bennett'"),
        ({"temperatures": "even"}, "temperatures must be 'fixed' or 'adaptive', got 'even'"),
        ({"temperatures": "even", "method": "bridge", "exact": False}, "temperatures must be 'fixed' or 'adaptive'"),
        ({"n_gibbs": 0}, "n_gibbs must be an integer of at least 1, got 0"),
        ({"n_chains": 0}, "n_chains must be an integer of at least 1, got 0"),
        ({"method": "bridge", "exact": False, "n_chains": 1}, "n_chains must be at least 2, got 1"),
        ({"method": "bridge", "exact": False, "n_temperatures": 1}, "n_temperatures must be at least 2"),
    ],
)
def test_bad_arguments_are_refused(fitted, options, message):
    with pytest.raises(ValueError, match=message):
        fitted.estimate_log_partition(**options)


# ---- the tracker ----


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_tracker_follows_a_fit(dtype):
    tracker = LogPartitionTracker(n_chains=10)
    rbm = clone(RBM(6, n_iter=10, callbacks=[tracker], random_state=0)).fit(X.astype(dtype))
    last = rbm.history_[-1]
    assert len([row for row in rbm.history_ if "log_partition" in row]) == 10
    assert abs(last["log_partition"] - exact(rbm)) < 3 * last["log_likelihood_error"] + 1e-4
    assert last["log_likelihood"] == pytest.approx(rbm.score(X) + exact(rbm) - last["log_partition"], abs=1e-4)
    plain = RBM(6, n_iter=10, random_state=0).fit(X.astype(dtype))
    np.testing.assert_array_equal(plain.components_, rbm.components_)


class Exact:
    def on_epoch_end(self, run):
        run.record("exact", enumeration.log_partition(run.learner.model))


@pytest.mark.parametrize("options", [{}, {"hidden": "spin"}, {"learning": "exact"}], ids=str)
def test_the_tracker_follows_gaussian_units(options):
    iris = load_iris().data
    rbm = RBM(3, visible="gaussian", n_iter=15, callbacks=[LogPartitionTracker(), Exact()], random_state=0, **options)
    rows = rbm.fit(iris).history_
    assert len(rows) == 15
    for row in rows:
        assert abs(row["log_partition"] - row["exact"]) < 3.5 * row["log_likelihood_error"] + 1e-6
    assert rows[-1]["log_likelihood"] > rows[0]["log_likelihood"]


def test_the_tracker_in_a_pipeline_with_partial_fit_and_threads():
    tracker = LogPartitionTracker(n_populations=10, n_chains=5)
    found = []
    for n_jobs in (1, 2):
        rbm = RBM(6, n_iter=4, callbacks=[tracker], n_jobs=n_jobs, random_state=0)
        pipeline = make_pipeline(Binarizer(threshold=0.5), rbm).fit(X)
        rbm = pipeline[-1].partial_fit(X)
        found.append([row["log_partition"] for row in rbm.history_])
        assert len(found[-1]) == 5
    assert found[0] == found[1]


def test_a_resumed_fit_tracks_the_same_chains(tmp_path):
    tracker = LogPartitionTracker(n_populations=10, n_chains=5)
    options = {"schedule": "constant", "random_state": 0}
    whole = RBM(6, n_iter=6, callbacks=[tracker], **options).fit(X)
    checkpoint = Checkpoint(tmp_path / "c", resume=True)
    RBM(6, n_iter=3, callbacks=[tracker, checkpoint], **options).fit(X)
    resumed = RBM(6, n_iter=6, callbacks=[tracker, checkpoint], **options).fit(X)
    assert [row["log_partition"] for row in resumed.history_] == [row["log_partition"] for row in whole.history_]
