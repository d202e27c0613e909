"""RBM and BernoulliRBM at home in scikit-learn: frames, pipelines, routing, searches, clones, pickles, callbacks."""

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
import skops.io
from joblib import Parallel, delayed, parallel_config
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler

from ebm.kernels.threads import permitted_cores
from ebm.optimizers.schedules import Linear
from ebm_sklearn import RBM, BernoulliRBM, EarlyStopping, FreeEnergyGap, Progress, PseudoLikelihood
from ebm_sklearn._jobs import threads

DIGITS, LABELS = load_digits(return_X_y=True)
DIGITS = (DIGITS[:300] / 16).astype(np.float32)
LABELS = LABELS[:300]
X = (np.random.default_rng(0).random((40, 4)) < 0.4).astype(np.float64)
# Our own threads end before a fork, but Python >= 3.12 warns of those of other libraries (pyarrow's jemalloc) too.
FORKS = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
BOTH = pytest.mark.parametrize("estimator", [RBM, BernoulliRBM])


# ---- frames and names ----


@BOTH
@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames_in_and_out(estimator, frame):
    data = frame({name: X[:, i] for i, name in enumerate("abcd")})
    fitted = estimator(2, n_iter=2, random_state=0).fit(data)
    plain = estimator(2, n_iter=2, random_state=0).fit(X)
    seen = getattr(MinMaxScaler().fit(data), "feature_names_in_", ())  # scikit-learn 1.7 reads no new polars frames
    assert list(getattr(fitted, "feature_names_in_", ())) == list(seen)
    assert list(seen) == list("abcd") or frame is pl.DataFrame
    np.testing.assert_array_equal(fitted.transform(data), plain.transform(X))
    names = [f"{estimator.__name__.lower()}{j}" for j in range(2)]
    assert list(fitted.get_feature_names_out()) == names
    for kind, module in (("pandas", pd), ("polars", pl)):
        out = fitted.set_output(transform=kind).transform(data)
        assert isinstance(out, module.DataFrame)
        assert list(out.columns) == names
        np.testing.assert_array_equal(out.to_numpy(), plain.transform(X))
    if frame is pd.DataFrame:
        with pytest.raises(ValueError, match="feature names"):
            fitted.transform(data.rename(columns={"a": "z"}))


def test_boolean_frames_are_learnt_in_float32():
    assert RBM(2, n_iter=1).fit(pd.DataFrame(X > 0)).components_.dtype == np.float32
    assert RBM(2, n_iter=1).fit(pl.DataFrame(X > 0)).components_.dtype == np.float32


# ---- pipelines ----


def test_pipeline_transforms_scores_and_comes_back_from_features():
    pipeline = make_pipeline(MinMaxScaler(), RBM(16, n_iter=5, random_state=0))
    h = pipeline.fit_transform(DIGITS)
    assert h.shape == (300, 16)
    assert pipeline.inverse_transform(h).shape == DIGITS.shape
    assert pipeline.score(DIGITS) == pytest.approx(pipeline.score_samples(DIGITS).mean())


def test_sample_weights_are_routed():
    weights = np.random.default_rng(0).random(40)
    labels = X[:, 0] > 0
    with config_context(enable_metadata_routing=True):
        rbm = RBM(2, n_iter=3, random_state=0).set_fit_request(sample_weight=True)
        pipeline = Pipeline([("rbm", rbm), ("linear", RidgeClassifier().set_fit_request(sample_weight=False))])
        pipeline.fit(X, labels, sample_weight=weights)
    alone = RBM(2, n_iter=3, random_state=0).fit(X, sample_weight=weights)
    unweighted = RBM(2, n_iter=3, random_state=0).fit(X)
    np.testing.assert_array_equal(pipeline["rbm"].components_, alone.components_)
    assert not np.array_equal(alone.components_, unweighted.components_)


@FORKS
@BOTH
@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_grid_search_with_two_jobs_equals_one_with_one(estimator, backend):
    rbm = estimator(n_iter=20, learning_rate=0.1, batch_size=20, random_state=0)
    pipeline = Pipeline([("rbm", rbm), ("linear", RidgeClassifier())])
    grid = {"rbm__n_components": [4, 16]}
    scores = []
    for jobs in (1, 2):
        with parallel_config(backend=backend):
            search = GridSearchCV(pipeline, grid, n_jobs=jobs, cv=2).fit(DIGITS, LABELS)
        scores.append(search.cv_results_["mean_test_score"])
    np.testing.assert_array_equal(*scores)
    assert scores[0][1] > scores[0][0]


def test_likelihood_chooses_in_a_search_without_labels():
    search = GridSearchCV(RBM(8, n_iter=30, random_state=0), {"learning_rate": [1e-5, 0.1]}, cv=2)
    assert search.fit(DIGITS > 0.5).best_params_ == {"learning_rate": 0.1}


@FORKS
def test_threads_of_n_jobs():
    assert threads(None) is None
    assert threads(3) == 3
    assert threads(-1) == permitted_cores()
    assert threads(-1000) == 1
    for backend in ("threading", "loky", "multiprocessing"):
        with parallel_config(backend=backend):
            assert Parallel(n_jobs=2)(delayed(threads)(n) for n in (None, 3, None)) == [1, 3, 1]


# ---- copies ----

CALLBACKS = [PseudoLikelihood(every=2), FreeEnergyGap(validation=X), EarlyStopping("free_energy_gap", mode="min")]


def test_clone_keeps_parameters_and_leaves_what_was_learnt():
    rbm = RBM(3, learning_rate=Linear(0.1), callbacks=CALLBACKS, n_iter=3, random_state=0).fit(X)
    copy = clone(rbm)
    assert not hasattr(copy, "components_")
    assert copy.learning_rate == Linear(0.1)
    assert [type(callback) for callback in copy.callbacks] == [type(callback) for callback in CALLBACKS]
    np.testing.assert_array_equal(copy.fit(X).components_, rbm.components_)
    assert [set(row) for row in copy.history_] == [set(row) for row in rbm.history_]


@BOTH
def test_pickle_goes_on_exactly(estimator):
    rbm = estimator(3, n_iter=3, random_state=0).partial_fit(X)
    if estimator is RBM:
        rbm.set_params(callbacks=[*CALLBACKS, Progress()]).partial_fit(X)
        assert rbm.log_partition_.trusted
    copy = pickle.loads(pickle.dumps(rbm))
    np.testing.assert_array_equal(copy.transform(X), rbm.transform(X))
    np.testing.assert_array_equal(copy.score_samples(X), rbm.score_samples(X))
    np.testing.assert_array_equal(copy.partial_fit(X).components_, rbm.partial_fit(X).components_)


@BOTH
def test_skops_keeps_a_pipeline(estimator, tmp_path):
    pipeline = make_pipeline(MinMaxScaler(), estimator(4, n_iter=2, random_state=0), RidgeClassifier())
    pipeline.fit(DIGITS, LABELS)
    skops.io.dump(pipeline, tmp_path / "pipeline.skops")
    kinds = skops.io.get_untrusted_types(file=tmp_path / "pipeline.skops")
    assert kinds == [f"{estimator.__module__}.{estimator.__name__}"]
    copy = skops.io.load(tmp_path / "pipeline.skops", trusted=kinds)
    np.testing.assert_array_equal(copy.decision_function(DIGITS), pipeline.decision_function(DIGITS))
    copy[1].partial_fit(DIGITS)
    np.testing.assert_array_equal(copy[1].components_, pipeline[1].partial_fit(DIGITS).components_)


# ---- scikit-learn's callbacks ----


class Recorder:
    """A callback of scikit-learn's protocol that stops after three epochs."""

    def __init__(self):
        self.told = []

    def setup(self, estimator, context):
        self.told.append("setup")

    def teardown(self, estimator, context):
        self.told.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.told.append(("begin", context.task_name, context.task_id))

    def on_fit_task_end(self, estimator, context, *, X, fitted_estimator):
        self.told.append(("end", context.task_name, context.task_id, fitted_estimator.transform(X).shape))
        return context.task_name == "epoch" and context.task_id == 2


def test_callbacks_of_scikit_learn_hear_of_every_epoch_and_may_stop():
    pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")
    recorder = Recorder()
    rbm = RBM(3, n_iter=10, schedule="constant", random_state=0).set_callbacks(recorder).fit(X)
    assert rbm.n_iter_ == 3
    epochs = [[("begin", "epoch", e), ("end", "epoch", e, (40, 3))] for e in range(3)]
    whole = [("begin", "fit", 0), *[told for epoch in epochs for told in epoch], ("end", "fit", 0, (40, 3))]
    assert recorder.told == ["setup", *whole, "teardown"]
    np.testing.assert_array_equal(
        rbm.components_, RBM(3, n_iter=3, schedule="constant", random_state=0).fit(X).components_
    )


def test_scikit_learns_monitor_scores_every_epoch():
    callback = pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")
    monitor = callback.ScoringMonitor(scoring=lambda rbm, data, y: {"likelihood": rbm.score(data)})
    RBM(3, n_iter=4, random_state=0).set_callbacks(monitor).fit(X, X[:, 0])
    scores = [row["likelihood"] for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(scores) == 4
    assert scores[-1] == pytest.approx(RBM(3, n_iter=4, random_state=0).fit(X).score(X))


# ---- imports ----


def test_import_is_light():
    heavy = {"torch", "cupy", "jax", "matplotlib", "tqdm", "typer", "numba.cuda"}
    script = f"from ebm_sklearn import *; import sys; print(*sorted({heavy} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []
