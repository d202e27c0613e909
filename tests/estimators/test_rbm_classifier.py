"""RBMClassifier: what it learns, what it says about classes, what it draws, what it refuses."""

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from ebm import storage
from ebm_sklearn import (
    RBM,
    AISMonitor,
    Checkpoint,
    ClassificationMonitor,
    DivergenceError,
    EarlyStopping,
    ModelFileError,
    PseudoLikelihood,
    RBMClassifier,
)
from tests.boltzmann.class_models import slow_classifier

DIGITS, LABELS = load_digits(return_X_y=True)
DIGITS = (DIGITS / 16).astype(np.float32)
RNG = np.random.default_rng(0)
Y = RNG.integers(0, 3, 120)
X = (RNG.random((120, 8)) < np.array([0.15, 0.5, 0.85])[Y, None]).astype(np.float32)
X[:, 4:] = X[:, :4]
ONES = X[:, :4].sum(axis=1).astype(int)  # all that tells the classes apart
BAYES = np.mean(np.array([0, 0, 1, 2, 2])[ONES] == Y)  # the best rule there is: 0.15, 0.5 or 0.85 of ones
NAMES = np.array(["low", "middle", "high"])
PARTS = ("components_", "label_weights_", "intercept_hidden_", "intercept_visible_", "intercept_label_")


def small(**parameters):
    return RBMClassifier(**{"n_components": 5, "n_iter": 8, "random_state": 0, **parameters})


def assert_same(one, two):
    for name in PARTS:
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name), err_msg=name)


@pytest.fixture(scope="module")
def fitted():
    return small(n_iter=60).fit(X, Y)


# ---- what it learns ----


@pytest.mark.parametrize("splits", [[2], pytest.param([0, 1, 2], marks=pytest.mark.slow)], ids=["one", "three"])
def test_discriminative_learning_beats_logistic_regression_on_digits(splits):
    """Means over splits; ours with its defaults, logistic regression with the C that is best on the test digits.

    (Of 0.1, 0.3, 1, 3 and 10 that is 3 or its neighbour 1.)
    """
    scores = {"discriminative": [], "hybrid": []}
    linear = {C: [] for C in (1.0, 3.0)}
    for split in splits:
        split_data = train_test_split(DIGITS, LABELS, test_size=0.3, random_state=split, stratify=LABELS)
        train, test, y, wanted = split_data
        for objective, found in scores.items():
            found.append(RBMClassifier(objective=objective, random_state=0).fit(train, y).score(test, wanted))
        for C, found in linear.items():
            found.append(LogisticRegression(C=C, max_iter=1000).fit(train, y).score(test, wanted))
    best = max(np.mean(found) for found in linear.values())
    assert np.mean(scores["discriminative"]) >= best
    assert np.mean(scores["hybrid"]) >= best + 0.005


@pytest.mark.parametrize("learning", ["pcd", "cd", "exact"])
@pytest.mark.parametrize("objective", ["discriminative", "generative", "hybrid"])
def test_every_objective_learns_what_the_classes_share(objective, learning):
    rate = 0.05 if objective == "generative" else None
    classifier = small(objective=objective, learning=learning, n_iter=60, learning_rate=rate).fit(X, Y)
    assert classifier.score(X, Y) > BAYES - 0.05
    assert ("chains_" in vars(classifier)) == (learning == "pcd" and objective != "discriminative")
    assert all(np.isfinite(getattr(classifier, name)).all() for name in PARTS)


def test_the_generative_part_makes_the_data_likelier():
    options = {"n_iter": 100, "learning": "exact", "learning_rate": 0.3}
    objectives = ("hybrid", "generative")
    likelihoods = [small(objective=o, **options).fit(X, Y).score_samples(X).mean() for o in objectives]
    assert likelihoods[1] > likelihoods[0]
    p = X.mean(axis=0)
    independent = (X * np.log(p) + (1 - X) * np.log1p(-p)).sum(axis=1).mean()
    assert likelihoods[1] > independent + 1.0


def test_samples_without_a_label_help():
    few = np.full(len(LABELS), -1)
    for digit in range(10):
        few[np.flatnonzero(digit == LABELS)[:3]] = digit
    known = few >= 0
    options = {"n_components": 100, "n_iter": 20, "random_state": 0}
    alone = RBMClassifier(**options).fit(DIGITS[known], few[known])
    helped = RBMClassifier(**options, unlabeled=-1).fit(DIGITS, few)
    assert list(helped.classes_) == list(range(10))
    assert helped.score(DIGITS, LABELS) > alone.score(DIGITS, LABELS) + 0.04


# ---- what it says ----


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_probabilities_are_those_of_all_hidden_states(dtype):
    classifier = small().fit(X.astype(dtype), NAMES[Y])
    slow = slow_classifier(classifier._model())
    rows = X[:20].astype(np.float64)  # or the sums below would be taken in float32
    wanted = np.array([slow.class_probabilities(row) for row in rows])
    p = classifier.predict_proba(X[:20])
    assert p.dtype == dtype
    np.testing.assert_allclose(p, wanted, atol=50 * np.finfo(dtype).eps)
    np.testing.assert_allclose(classifier.predict_log_proba(X[:20]), np.log(wanted), rtol=1e-4)
    np.testing.assert_allclose(classifier.transform(X[:3]), [slow.hidden_given(row) for row in rows[:3]], rtol=1e-4)
    assert list(classifier.classes_) == ["high", "low", "middle"]
    np.testing.assert_array_equal(classifier.predict(X[:20]), classifier.classes_[p.argmax(axis=1)])


def test_likelihoods_of_all_states_sum_to_one(fitted):
    states = ((np.arange(256)[:, None] >> np.arange(8)) & 1).astype(np.float32)
    assert np.exp(fitted.score_samples(states)).sum() == pytest.approx(1.0, abs=1e-5)
    assert fitted.log_partition_.method == "exact"
    annealed = fitted.estimate_log_partition(exact=False, n_chains=300, n_temperatures=200)
    exact = fitted.estimate_log_partition()
    assert annealed.value == pytest.approx(exact.value, abs=4 * annealed.standard_error + 1e-3)


def test_fitted_attributes(fitted):
    assert fitted.components_.shape == (5, 8)
    assert fitted.label_weights_.shape == (3, 5)
    assert fitted.intercept_label_.shape == (3,)
    assert fitted.chains_.shape == (50, 5)
    np.testing.assert_allclose(fitted.mean_, X.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(fitted.class_mean_, [X[k == Y].mean(axis=0) for k in range(3)], rtol=1e-6)
    assert fitted.n_iter_ == len(fitted.history_) == 60
    assert list(fitted.get_feature_names_out())[:1] == ["rbmclassifier0"]


@pytest.mark.parametrize(
    "labels",
    [
        Y,
        Y - 1,
        Y.astype(np.uint8),
        Y.astype(float) / 2,
        NAMES[Y],
        NAMES[Y].astype(object),
        Y > 0,
        NAMES[Y].tolist(),
        pd.Series(NAMES[Y], dtype="category"),
    ],
    ids=["int", "-1", "uint8", "halves", "str", "object", "bool", "list", "category"],
)
def test_labels_of_any_kind_come_back(labels, tmp_path):
    labels = np.asarray(labels) if np.asarray(labels).dtype != float else (2 * np.asarray(labels))
    classifier = small().fit(X, labels)
    assert classifier.predict(X).dtype == classifier.classes_.dtype == np.unique(labels).dtype
    assert set(classifier.predict(X).tolist()) <= set(labels.tolist())
    classifier.save(tmp_path / "c")
    copy = RBMClassifier.load(tmp_path / "c")
    np.testing.assert_array_equal(copy.classes_, classifier.classes_)
    assert copy.classes_.dtype == classifier.classes_.dtype
    np.testing.assert_array_equal(copy.predict(X), classifier.predict(X))


# ---- what it draws ----


def test_samples_of_a_class_have_its_exact_means():
    classifier = small(objective="generative", n_iter=100).fit(X, NAMES[Y])
    joint, _ = slow_classifier(classifier._model()).joint()
    given = joint.sum(axis=2) / joint.sum(axis=(0, 2))
    states = (np.arange(256)[:, None] >> np.arange(8)) & 1
    for k, name in enumerate(classifier.classes_):
        drawn = classifier.sample(4000, y=name, n_gibbs=50, random_state=k)
        np.testing.assert_allclose(drawn.mean(axis=0), given[:, k] @ states, atol=4.5 * 0.5 / np.sqrt(4000))
    drawn = classifier.sample(8000, n_gibbs=100, random_state=9)
    # as many chains as 50 persistent ones started them: they have forgotten it after 100 sweeps
    np.testing.assert_allclose(drawn.mean(axis=0), joint.sum(axis=(1, 2)) @ states, atol=4.5 * 0.5 / np.sqrt(8000))


def test_another_classifier_recovers_the_label_of_most_digits_drawn():
    half = len(DIGITS) // 2
    wanted = np.repeat(np.arange(10), 20)
    drawn = RBMClassifier(random_state=0).fit(DIGITS[:half], LABELS[:half]).sample(200, y=wanted)
    other = LogisticRegression(max_iter=1000).fit(DIGITS[half:], LABELS[half:])
    assert (other.predict(drawn) == wanted).mean() > 0.7
    shuffled = np.roll(wanted, 20)
    assert (other.predict(drawn) == shuffled).mean() < 0.2


def test_sample_takes_a_label_for_all_or_one_for_each(fitted):
    assert fitted.sample().shape == (1, 8)
    np.testing.assert_array_equal(fitted.sample(4, y=2), fitted.sample(4, y=[2, 2, 2, 2]))
    assert not np.array_equal(fitted.sample(40, y=0), fitted.sample(40, y=2))
    assert fitted.sample(3, y=1).dtype == np.float32
    assert small(objective="discriminative").fit(X, Y).sample(3).shape == (3, 8)
    assert small().fit(X, NAMES[Y]).sample(2, y="low").shape == (2, 8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"y": 7}, r"y has the label 7, which is none of the classes \[0, 1, 2\]"),
        ({"y": "low"}, "y has the label 'low'"),
        ({"n_samples": 3, "y": [0, 1]}, r"y must be one label or have shape \(3,\).* got \(2,\)"),
        ({"n_samples": 1, "y": [[0]]}, r"got \(1, 1\)"),
        ({"n_samples": 0}, "n_samples must be an integer of at least 1, got 0"),
        ({"n_gibbs": 0}, "n_gibbs must be an integer of at least 1, got 0"),
    ],
)
def test_sample_refuses(fitted, arguments, message):
    with pytest.raises(ValueError, match=message):
        fitted.sample(**arguments)


# ---- going on, threads, files ----


@pytest.mark.parametrize("objective", ["hybrid", "discriminative"])
def test_partial_fit_goes_on_exactly(objective, tmp_path):
    options = {"objective": objective, "schedule": "constant", "learning_rate": 0.3, "batch_size": 32, "n_iter": 4}
    whole, steps = small(**options).fit(X, NAMES[Y]), small(**options)
    for _ in range(2):
        steps.partial_fit(X, NAMES[Y], classes=NAMES)
    steps.save(tmp_path / "c")
    steps = pickle.loads(pickle.dumps(RBMClassifier.load(tmp_path / "c")))
    for _ in range(2):
        steps.partial_fit(X, NAMES[Y])
    assert_same(whole, steps)
    assert steps.n_iter_ == 4
    np.testing.assert_allclose(steps.class_mean_, whole.class_mean_, rtol=1e-12)


def test_chunks_need_not_have_every_class():
    classifier = small()
    for k in (0, 2, 1):
        classifier.partial_fit(X[k == Y], Y[k == Y], classes=[0, 1, 2])
    assert list(classifier.classes_) == [0, 1, 2]
    np.testing.assert_allclose(classifier.class_mean_, [X[k == Y].mean(axis=0) for k in range(3)], rtol=1e-6)
    np.testing.assert_allclose(classifier.mean_, X.mean(axis=0), rtol=1e-6)


def test_results_do_not_depend_on_threads():
    digits = {"n_components": 200, "n_iter": 1, "random_state": 0}
    one, two = (RBMClassifier(**digits, n_jobs=n).fit(DIGITS[:500], LABELS[:500]) for n in (1, 2))
    assert_same(one, two)
    np.testing.assert_array_equal(one.predict_proba(DIGITS), two.predict_proba(DIGITS))
    np.testing.assert_array_equal(one.transform(DIGITS), two.transform(DIGITS))


SCRIPT = """
import os, signal, sys
import numpy as np
from ebm_sklearn import Checkpoint
from tests.estimators.test_rbm_classifier import X, Y, small

class KilledIn:
    order = 99
    def on_epoch_end(self, run):
        if run.epoch == 3:
            os.kill(os.getpid(), signal.SIGKILL)

small(objective=sys.argv[1], callbacks=[Checkpoint(sys.argv[2]), KilledIn()]).fit(X, Y)
"""


@pytest.mark.parametrize("objective", ["hybrid"])
def test_a_killed_fit_resumes_exactly(objective, tmp_path):
    path = tmp_path / "checkpoint"
    run = subprocess.run([sys.executable, "-c", SCRIPT, objective, str(path)])
    assert run.returncode == -9
    resumed = small(objective=objective, callbacks=[Checkpoint(path, resume=True)]).fit(X, Y)
    assert_same(resumed, small(objective=objective).fit(X, Y))
    with pytest.raises(ValueError, match="labels"):
        small(objective=objective, callbacks=[Checkpoint(path, resume=True)]).fit(X, 2 - Y)


@pytest.mark.parametrize("parameters", [{}, {"objective": "discriminative"}, {"class_weight": {0: 2.0, 1: 1.0}}])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_loaded_is_what_was_saved_and_goes_on_exactly(tmp_path, parameters, dtype):
    classifier = small(**parameters).fit(X.astype(dtype), Y)
    classifier.save(tmp_path / "c")
    copy = RBMClassifier.load(tmp_path / "c")
    assert copy.get_params() == classifier.get_params()
    assert_same(copy, classifier)
    np.testing.assert_array_equal(copy.sample(3, y=1), classifier.sample(3, y=1))
    np.testing.assert_array_equal(copy.score_samples(X), classifier.score_samples(X))
    assert_same(copy.partial_fit(X, Y), classifier.partial_fit(X, Y))


@pytest.mark.parametrize(
    ("arrays", "values", "message"),
    [
        ({"label_weights_": None}, {}, "lacks the array 'label_weights_'"),
        ({"label_weights_": np.zeros((3, 4), np.float32)}, {}, "'label_weights_' is float32"),
        ({"intercept_label_": None}, {}, "lacks an array 'intercept_label_'"),
        ({"intercept_label_": np.zeros(1, np.float32)}, {}, "at least 2 classes"),
        ({"class_mean_": np.zeros((3, 7))}, {}, "class_mean_"),
        ({"motion/label_weights_velocity": np.zeros((2, 5), np.float32)}, {}, "label_weights_velocity"),
        ({"motion/label_offset": np.full(3, np.nan, np.float32)}, {}, "not finite"),
        ({}, {"classes": {"dtype": "<i8", "values": [0, 1]}}, "2 classes for 3 label units"),
        ({}, {"classes": {"dtype": "<i8", "values": [0, 1, 1]}}, "or some twice"),
        ({}, {"classes": {"dtype": "<i8", "values": ["a", "b", "c"]}}, "classes are damaged"),
        ({}, {"classes": {"dtype": "V8", "values": [0, 1, 2]}}, "classes are damaged"),
        ({}, {"classes": {"dtype": "evil", "values": [0, 1, 2]}}, "classes are damaged"),
        ({}, {"classes": [0, 1, 2]}, "classes are damaged"),
        ({}, {"classes": None}, "classes are damaged"),
    ],
)
def test_files_that_do_not_fit_together_are_refused(tmp_path, arrays, values, message):
    path = tmp_path / "c"
    small(n_iter=1).fit(X, Y).save(path)
    old_arrays, metadata = storage.load(path, "RBMClassifier")
    kept = {name: array for name, array in {**old_arrays, **arrays}.items() if array is not None}
    storage.save(path, "RBMClassifier", kept, {**metadata, "values": {**metadata["values"], **values}})
    with pytest.raises(ModelFileError, match=message):
        RBMClassifier.load(path)


def test_an_rbms_file_is_refused(tmp_path):
    RBM(2, n_iter=1).fit(X).save(tmp_path / "rbm")
    with pytest.raises(ModelFileError, match="holds a 'RBM', not a 'RBMClassifier'"):
        RBMClassifier.load(tmp_path / "rbm")


# ---- in scikit-learn, callbacks ----


def test_pipelines_searches_and_clones():
    pipeline = make_pipeline(MinMaxScaler(clip=True), RBMClassifier(40, n_iter=20, random_state=0))
    digits, labels = DIGITS[:400] * 16, LABELS[:400].astype(str)
    assert cross_val_score(pipeline, digits, labels, cv=2).mean() > 0.8
    grid = {"rbmclassifier__objective": ["hybrid", "discriminative"]}
    search = GridSearchCV(pipeline, grid, cv=2, scoring="neg_log_loss").fit(digits, labels)
    assert search.best_score_ < 0
    features = make_pipeline(RBMClassifier(40, n_iter=20, random_state=0), LogisticRegression(max_iter=1000))
    assert features.fit(digits / 16, labels).score(digits / 16, labels) > 0.9
    assert clone(pipeline[1]).get_params() == pipeline[1].get_params()


def test_early_stopping_by_validation_accuracy_restores_the_best_epoch():
    validation = X[80:], NAMES[Y[80:]]
    callbacks = [ClassificationMonitor(validation), EarlyStopping("log_loss", patience=3, mode="min")]
    options = {"n_iter": 200, "learning_rate": 1.0, "l2": 0.0, "n_components": 30, "objective": "discriminative"}
    classifier = small(**options, callbacks=callbacks).fit(X[:80], NAMES[Y[:80]])
    assert classifier.n_iter_ < 200
    losses = [row["log_loss"] for row in classifier.history_]
    log_p = classifier.predict_log_proba(validation[0])
    places = np.searchsorted(classifier.classes_, validation[1])
    assert -log_p[np.arange(40), places].mean() == pytest.approx(min(losses), rel=1e-5)
    best = int(np.argmin(losses))
    assert classifier.score(*validation) == pytest.approx(classifier.history_[best]["accuracy"])


def test_monitors_of_rbms_know_of_the_label():
    """Likelihood and pseudo-likelihood are those with the label summed out."""
    callbacks = [AISMonitor(every=1), PseudoLikelihood(n_samples=120), ClassificationMonitor()]
    classifier = small(n_iter=2, callbacks=callbacks).fit(X, Y)
    row = classifier.history_[-1]
    assert row["log_likelihood"] == pytest.approx(classifier.score_samples(X).mean(), abs=1e-4)
    assert row["accuracy"] == pytest.approx(classifier.score(X, Y))
    states = ((np.arange(256)[:, None] >> np.arange(8)) & 1).astype(np.float32)
    log_p = classifier.score_samples(states)
    numbers = X.astype(int) @ (1 << np.arange(8))
    flipped = numbers[:, None] ^ (1 << np.arange(8))
    wanted = -np.logaddexp(0, log_p[flipped] - log_p[numbers][:, None]).sum(axis=1).mean()
    assert row["pseudo_likelihood"] == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (X, "must be a pair"),
        ((X, Y[1:]), "120 samples and 119 labels"),
        ((X, Y + 1), r"label 3, which is none of the classes"),
    ],
)
def test_a_monitor_refuses(data, message):
    with pytest.raises(ValueError, match=message):
        small(callbacks=[ClassificationMonitor(data)]).fit(X, Y)


# ---- weights, layouts, bad input ----


def test_weights_of_samples_and_of_classes_multiply():
    weights = RNG.random(120) + 0.1
    factors = np.array([3.0, 1.0, 0.5])
    both = small(class_weight=dict(enumerate(factors))).fit(X, Y, sample_weight=weights)
    assert_same(both, small().fit(X, Y, sample_weight=weights * factors[Y]))
    balanced = small(class_weight="balanced").fit(X, Y)
    assert_same(balanced, small().fit(X, Y, sample_weight=(120 / 3 / np.bincount(Y))[Y]))


def test_weight_zero_is_a_row_left_out_and_doubled_rows_a_weight_of_two():
    weights = (np.arange(120) % 3 > 0).astype(float)
    assert_same(small().fit(X, Y, sample_weight=weights), small().fit(X[weights > 0], Y[weights > 0]))
    options = {"objective": "discriminative", "batch_size": 300, "n_iter": 20}
    doubled = small(**options).fit(np.repeat(X, 2, axis=0).astype(np.float64), np.repeat(Y, 2))
    weighted = small(**options).fit(X.astype(np.float64), Y, sample_weight=np.full(120, 2.0))
    np.testing.assert_allclose(doubled.components_, weighted.components_, atol=1e-2)


@pytest.mark.parametrize("form", [np.asfortranarray, csr_array, pd.DataFrame, lambda x: x.astype(bool)])
def test_any_layout_gives_the_same(form):
    plain = small().fit(X, Y)
    other = small().fit(form(X), Y)
    assert_same(plain, other)
    np.testing.assert_array_equal(other.predict_proba(form(X)), plain.predict_proba(X))


def test_binarize_is_a_threshold_in_every_method():
    grey = RNG.integers(0, 100, X.shape) + 101.0 * X
    plain, other = small().fit(X.astype(np.float64), Y), small(binarize=100).fit(grey, Y)
    assert_same(plain, other)
    np.testing.assert_array_equal(other.predict_proba(grey), plain.predict_proba(X))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "requires y to be passed"),
        (Y[1:], "inconsistent numbers of samples"),
        (np.zeros(120), "at least 2 classes, but the data has 1 class"),
        (np.where(Y == 0, np.nan, Y), "contains NaN"),
        (np.linspace(0, 1, 120), "Unknown label type: continuous"),
        (np.eye(3)[Y], "y should be a 1d array"),
    ],
)
def test_bad_labels_are_refused(y, message):
    with pytest.raises(ValueError, match=message):
        small().fit(X, y)


def test_labels_that_were_not_promised_are_refused():
    with pytest.raises(ValueError, match="classes must be given in the first call"):
        small().partial_fit(X, Y)
    with pytest.raises(ValueError, match=r"y has the label 2, which is none of the classes \[0, 1\]"):
        small().partial_fit(X, Y, classes=[0, 1])
    classifier = small().partial_fit(X, Y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="y has the label 3"):
        classifier.partial_fit(X, Y + 1)
    with pytest.raises(ValueError, match="are not those of the first call"):
        classifier.partial_fit(X, Y, classes=[0, 1, 3])
    with pytest.raises(ValueError, match="cannot be known in partial_fit"):
        small(class_weight="balanced").partial_fit(X, Y, classes=[0, 1, 2])


def test_missing_labels_are_refused_where_nothing_is_learnt_from_them():
    some = np.where(np.arange(120) < 30, -1, Y)
    with pytest.raises(ValueError, match=r"30 samples have no label .*'discriminative' learns nothing"):
        small(objective="discriminative", unlabeled=-1).fit(X, some)
    with pytest.raises(ValueError, match="at least 2 classes, but the data has 0 classes"):
        small(unlabeled=-1).fit(X, np.full(120, -1))
    assert list(small().fit(X, some).classes_) == [-1, 0, 1, 2]
    words = NAMES[Y].astype(object)
    words[:30] = -1
    assert list(small(unlabeled=-1).fit(X, words).classes_) == ["high", "low", "middle"]


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("objective", "disc"),
        ("generative_weight", 0.0),
        ("generative_weight", -0.1),
        ("learning", "CD-1"),
        ("n_components", 0),
        ("learning_rate", -0.1),
        ("momentum", 1.0),
        ("class_weight", "even"),
        ("binarize", "0.5"),
        ("unlabeled", [0]),
        ("l2", -1.0),
    ],
)
def test_bad_parameters_are_named_before_any_work(parameter, value):
    with pytest.raises(ValueError, match=f"The '{parameter}' parameter of RBMClassifier must be"):
        small(**{parameter: value}).fit(X, Y)


def test_nan_features_and_unfitted_use_are_refused():
    with pytest.raises(ValueError, match="contains NaN"):
        small().fit(np.where(X == 0, np.nan, X), Y)
    for method in ("predict", "predict_proba", "transform", "score_samples"):
        with pytest.raises(NotFittedError):
            getattr(small(), method)(X)
    with pytest.raises(NotFittedError):
        small().sample(y=1)
    with pytest.raises(ValueError, match="X has 7 features"):
        small(n_iter=1).fit(X, Y).predict(X[:, :7])


def test_divergence_keeps_the_last_good_parameters():
    classifier = small(learning_rate=1e20, objective="generative")
    with pytest.raises(DivergenceError, match="learning_rate"):
        classifier.fit(X, Y)
    assert all(np.isfinite(getattr(classifier, name)).all() for name in PARTS)
