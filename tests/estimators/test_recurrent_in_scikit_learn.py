"""Recurrent networks in scikit-learn's tools, on sequences of several lengths; and bad input."""

import numpy as np
import pytest
from sklearn.inspection import permutation_importance
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
    learning_curve,
    permutation_test_score,
)
from sklearn.multioutput import ClassifierChain
from sklearn.pipeline import make_pipeline

from ebm_sklearn._sequence_input import boxed
from ebm_sklearn.rnn_classifier import RNNClassifier
from ebm_sklearn.rnn_regressor import RNNRegressor
from ebm_sklearn.sequence_labeler import SequenceLabeler
from ebm_sklearn.sequence_regressor import SequenceRegressor
from ebm_sklearn.sequence_scaler import SequenceScaler
from tests.estimators.recurrent_data import ALIGNED, CLASSIFIERS, KINDS, made, problem, ragged, same

kinds = pytest.mark.parametrize("kind", KINDS)
QUICK = {"n_iter": 30, "units": 8, "learning_rate": 0.02}


@kinds
def test_grid_search_over_ragged_lists(kind):
    X, y = problem(kind, n=60)
    search = GridSearchCV(made(kind, **QUICK), {"cell": ["tanh", "gru"], "n_iter": [1, 40]}, cv=3, n_jobs=2).fit(X, y)
    assert search.best_params_["n_iter"] == 40
    assert search.best_score_ > 0.6
    assert same(search.predict(X), search.best_estimator_.predict(X))


@kinds
def test_after_a_scaler_units_do_not_matter(kind):
    X, y = problem(kind, dtype=np.float64)
    small = [x * [1e-3, 1e4] + [5.0, -3e5] for x in X]
    one, other = (make_pipeline(SequenceScaler(), made(kind)).fit(given, y) for given in (X, small))
    told = [np.concatenate([np.atleast_1d(part) for part in p.predict(g)]) for p, g in ((one, X), (other, small))]
    if kind in CLASSIFIERS:
        assert (told[0] == told[1]).all()
    else:
        np.testing.assert_allclose(told[0], told[1], atol=1e-6)


@pytest.mark.parametrize("kind", [RNNClassifier, RNNRegressor])
def test_curves_and_cross_validation_of_whole_sequences(kind):
    X, y = problem(kind, n=60)
    estimator = made(kind, **QUICK)
    sizes, _, scores = learning_curve(estimator, X, y, cv=3, train_sizes=[0.2, 1.0], shuffle=True, random_state=0)
    assert sizes.tolist() == [8, 40]
    assert scores[1].mean() > scores[0].mean()
    told = cross_val_predict(estimator, X, y, cv=KFold(3))
    parts = np.array_split(np.arange(60), 3)
    rest = np.concatenate(parts[1:])
    first = made(kind, **QUICK).fit([X[i] for i in rest], y[rest]).predict(X[: len(parts[0])])
    assert same(np.asarray(told[: len(parts[0])]), first)
    score, by_chance, p = permutation_test_score(estimator, X, y, cv=3, n_permutations=9, random_state=0)
    assert score > by_chance.max()
    assert p == 0.1


@pytest.mark.parametrize("kind", ALIGNED)
def test_cross_validation_of_frames(kind):
    X, y = problem(kind, n=60)
    assert cross_val_score(made(kind, **QUICK), X, y, cv=3).mean() > 0.6
    told = cross_val_predict(made(kind, **QUICK), boxed(X), boxed(y), cv=KFold(3))
    assert [part.shape for part in told] == [part.shape for part in y]


def test_probabilities_are_cross_validated_by_classes():
    X, y = problem(RNNClassifier, n=60)
    p = cross_val_predict(made(RNNClassifier, **QUICK), X, y, cv=StratifiedKFold(3), method="predict_proba")
    assert p.shape == (60, 2)
    assert np.mean(p.argmax(axis=1) == (y == "up")) > 0.7


@kinds
def test_rows_are_sequences_of_one_frame(kind):
    """So tools that know plain arrays only can be used: here one that shuffles columns."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    y = (X[:, 1] > 0).astype(int) if kind in CLASSIFIERS else X[:, 1]
    found = made(kind, **QUICK).fit(X, y)
    importance = permutation_importance(found, X, y, n_repeats=3, random_state=0).importances_mean
    assert importance.argmax() == 1
    assert importance[1] > 5 * importance[[0, 2]].max()


def test_chains_of_classifiers_take_rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 3))
    y = np.stack([X[:, 0] > 0, X[:, 1] > 0], axis=1).astype(int)
    assert ClassifierChain(made(RNNClassifier, **QUICK)).fit(X, y).score(X, y) > 0.8


BAD = [
    ({}, lambda X: [*X[:3], np.zeros((0, 2))], None, r"sequence 3 of X is empty"),
    ({}, lambda X: [*X[:3], np.zeros((4, 3))], None, "sequence 3 of X has 3 features, but sequence 0 has 2"),
    ({}, lambda X: [*X[:3], np.full((2, 2), np.nan)], None, "Input X contains NaN: sequence 3, frame 0, feature 0"),
    ({}, lambda X: [*X[:3], np.full((2, 2), np.inf)], None, "Input X contains infinity"),
    ({}, lambda X: [], None, "at least one sequence"),
    ({}, None, lambda y: y[:-1], "inconsistent numbers of samples"),
    ({}, None, lambda y: None, "requires y to be passed, but the target y is None"),
    ({"units": 0}, None, None, "units"),
    ({"n_layers": 0}, None, None, "n_layers"),
    ({"cell": "elman"}, None, None, "cell"),
    ({"cell": "scrn"}, None, None, "cell"),
    ({"dropout": 1.0}, None, None, "dropout"),
    ({"recurrent_dropout": 1.0}, None, None, "recurrent_dropout"),
    ({"hidden_layer_sizes": (3, 0)}, None, None, "units must be an integer of at least 1, got 0"),
    ({"hidden_layer_sizes": (2.5,)}, None, None, r"units must be an integer of at least 1, got 2\.5"),
    ({"activation": "swish"}, None, None, "activation"),
    ({"bidirectional": 2}, None, None, "bidirectional"),
    ({"clip_norm": 0.0}, None, None, "clip_norm"),
    ({"optimizer": "lion"}, None, None, "optimizer"),
    ({"early_stopping": True, "validation_fraction": 0.99}, None, None, "leaves 0"),
]


@kinds
@pytest.mark.parametrize(("options", "x", "t", "message"), BAD)
def test_bad_input_is_refused(kind, options, x, t, message):
    X, y = problem(kind)
    given = (x or (lambda X: X))(X)
    told = y[: len(given)] if t is None else t(y)
    if kind in ALIGNED and told is not None and x is not None:
        told = [np.resize(part, len(sequence)) for part, sequence in zip(told, given, strict=True)]
    with pytest.raises(ValueError, match=message):
        made(kind, **options).fit(given, told)


@kinds
def test_bad_weights_are_refused(kind):
    X, y = problem(kind)
    for weights, message in ((np.zeros(40), "zero"), (np.full(40, -1.0), "negative|at least 0"), (np.ones(3), "40")):
        with pytest.raises(ValueError, match=message):
            made(kind).fit(X, y, sample_weight=weights)


@kinds
def test_other_features_than_before_are_refused(kind):
    X, y = problem(kind)
    found = made(kind).fit(X, y)
    with pytest.raises(ValueError, match="expecting 2 features"):
        found.predict(ragged(n_features=3))


@pytest.mark.parametrize("kind", ALIGNED)
def test_targets_of_other_lengths_are_refused(kind):
    X, y = problem(kind)
    y[4] = y[4][:-1]
    with pytest.raises(ValueError, match=rf"sequence 4 of y has {len(X[4]) - 1} frames, but sequence 4 of X has"):
        made(kind).fit(X, y)


def test_unknown_classes_are_refused():
    X, y = problem(RNNClassifier)
    found = made(RNNClassifier).partial_fit(X, y)
    with pytest.raises(ValueError, match="label 'sideways', which is none of the classes"):
        found.partial_fit(X, ["sideways"] * 40)
    with pytest.raises(ValueError, match="are not those of the first call"):
        found.partial_fit(X, y, classes=["up", "down", "sideways"])
    with pytest.raises(ValueError, match="needs all labels at once"):
        made(RNNClassifier, class_weight="balanced").partial_fit(X, y)
    with pytest.raises(ValueError, match="at least 2 classes"):
        made(RNNClassifier).fit(X, ["up"] * 40)
    X, y = problem(SequenceLabeler)
    with pytest.raises(ValueError, match="which is none of the classes"):
        made(SequenceLabeler).partial_fit(X, y).partial_fit(X, [part + 5 for part in y])


def test_other_targets_than_before_are_refused():
    X, y = problem(RNNRegressor)
    with pytest.raises(ValueError, match="y has 1 targets, but the first call had 2"):
        made(RNNRegressor).partial_fit(X, y).partial_fit(X, y[:, 0])
    with pytest.raises(ValueError, match="Input y contains NaN"):
        made(RNNRegressor).fit(X, np.full(40, np.nan))
    X, y = problem(SequenceRegressor)
    with pytest.raises(ValueError, match="Input y contains NaN: sequence 0"):
        made(SequenceRegressor).fit(X, [part * np.nan for part in y])
