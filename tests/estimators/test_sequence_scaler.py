"""SequenceScaler: what StandardScaler makes of all frames, in every form that sequences have."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from ebm.storage import ModelFileError
from ebm_sklearn import SequenceScaler
from ebm_sklearn._sequence_input import boxed, read_sequences

RNG = np.random.default_rng(0)
SHIFT, SPREAD = np.array([1.0, -20.0, 300.0]), np.array([1.0, 7.0, 0.1])
RAGGED = [SHIFT + SPREAD * RNG.normal(size=(length, 3)) for length in (4, 1, 7, 30)]
FRAMES = np.concatenate(RAGGED)
CUBE = SHIFT + SPREAD * RNG.normal(size=(5, 4, 3))

CHECKS = parametrize_with_checks([SequenceScaler(), SequenceScaler(with_mean=False, with_std=False)])


# scikit-learn 1.7 gives a generator, and pytest 9 wants a list
@pytest.mark.parametrize(CHECKS.args[0], list(CHECKS.args[1]), **CHECKS.kwargs)
def test_estimator_keeps_the_contract(estimator, check):
    check(estimator)


def close(one, other):
    np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


# ---- what it computes ----


def test_it_is_the_standard_scaler_of_all_frames():
    ours, theirs = SequenceScaler().fit(RAGGED), StandardScaler().fit(FRAMES)
    close(ours.mean_, theirs.mean_)
    close(ours.var_, theirs.var_)
    close(ours.scale_, theirs.scale_)
    assert ours.n_frames_seen_ == len(FRAMES)
    assert isinstance(ours.n_frames_seen_, int)
    close(np.concatenate(ours.transform(RAGGED)), theirs.transform(FRAMES))
    close(np.concatenate(ours.inverse_transform(ours.transform(RAGGED))), FRAMES)
    close(ours.transform(FRAMES), theirs.transform(FRAMES))


def test_many_frames_are_joined_from_blocks():
    long = [RNG.normal(size=(length, 2)) + 1e6 for length in (5000, 7, 9000)]
    ours = SequenceScaler().fit(long)
    frames = np.concatenate(long).astype(np.longdouble)
    np.testing.assert_allclose(ours.mean_, frames.mean(axis=0).astype(float), rtol=1e-14)
    np.testing.assert_allclose(ours.var_, frames.var(axis=0).astype(float), rtol=1e-9)
    assert abs(np.concatenate(ours.transform(long)).mean(axis=0)).max() < 1e-8


@pytest.mark.parametrize(("with_mean", "with_std"), [(True, False), (False, True), (False, False)])
def test_mean_and_spread_can_be_left(with_mean, with_std):
    ours = SequenceScaler(with_mean=with_mean, with_std=with_std).fit(RAGGED)
    theirs = StandardScaler(with_mean=with_mean, with_std=with_std).fit(FRAMES)
    close(np.concatenate(ours.transform(RAGGED)), theirs.transform(FRAMES))
    close(np.concatenate(ours.inverse_transform(ours.transform(RAGGED))), FRAMES)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [0.0, 0.1, 1e8 / 3])
def test_constant_features_are_only_shifted(dtype, value):
    constant = [np.full((length, 1), value, dtype) for length in (300, 7, 5000)]
    ours = SequenceScaler().fit(constant)
    assert ours.scale_ == 1
    np.testing.assert_allclose(np.concatenate(ours.transform(constant)), 0, atol=1e-7)


def test_portions_give_what_the_whole_gives():
    whole, portions = SequenceScaler().fit(RAGGED), SequenceScaler()
    for portion in (RAGGED[:1], RAGGED[1:3], RAGGED[3:]):
        portions.partial_fit(portion)
    for name in ("mean_", "var_", "scale_", "n_frames_seen_"):
        close(getattr(portions, name), getattr(whole, name))
    assert isinstance(portions.n_frames_seen_, int)
    close(portions.fit(RAGGED[:1]).mean_, RAGGED[0].mean(axis=0))  # a fit forgets
    with pytest.raises(ValueError, match="X has 2 features, but SequenceScaler is expecting 3"):
        portions.partial_fit([part[:, :2] for part in RAGGED])


def test_weights_count_every_frame_of_a_sequence():
    weights = np.array([2, 0, 1, 3])
    weighted = SequenceScaler().fit(RAGGED, sample_weight=weights)
    repeated = SequenceScaler().fit([part for part, w in zip(RAGGED, weights, strict=True) for _ in range(w)])
    for name in ("mean_", "var_", "n_frames_seen_"):
        close(getattr(weighted, name), getattr(repeated, name))
    halves = SequenceScaler().partial_fit(RAGGED[:2], sample_weight=weights[:2])
    close(halves.partial_fit(RAGGED[2:], sample_weight=weights[2:]).var_, weighted.var_)
    with pytest.raises(ValueError, match=r"sample_weight must have shape \(4,\)"):
        SequenceScaler().fit(RAGGED, sample_weight=[1, 2])


# ---- forms ----


@pytest.mark.parametrize(
    ("X", "kind"),
    [
        (RAGGED, list),
        (tuple(RAGGED), list),
        (boxed(RAGGED), np.ndarray),
        (pd.Series(RAGGED), np.ndarray),
        (CUBE, np.ndarray),
        (CUBE[:, 0], np.ndarray),
        (list(CUBE), list),
        (boxed(list(CUBE)), np.ndarray),
        ([part[:, 0] for part in RAGGED], list),
        (boxed([part[:, 0] for part in RAGGED]), np.ndarray),
        ([part.tolist() for part in RAGGED], list),
        ([pd.DataFrame(part, columns=list("abc")) for part in RAGGED], list),
    ],
)
def test_the_container_stays_what_it_is(X, kind):
    scaler = SequenceScaler().fit(X)
    out = scaler.transform(X)
    assert type(out) is kind
    if kind is np.ndarray:
        assert out.dtype == (object if np.asarray(X).dtype == object else np.float64)
        assert out.shape == np.shape(X)
    for back, part, given in zip(scaler.inverse_transform(out), out, X, strict=True):
        assert isinstance(part, np.ndarray)
        assert part.shape == np.shape(given)
        np.testing.assert_allclose(back, given, rtol=1e-9)


@pytest.mark.parametrize(("given", "kept"), [("float32", "float32"), ("float64", "float64"), ("int64", "float32")])
def test_precision_follows_the_data_and_sums_do_not(given, kept):
    X = [part.astype(given) for part in RAGGED]
    scaler = SequenceScaler().fit(X)
    assert scaler.mean_.dtype == scaler.var_.dtype == scaler.scale_.dtype == np.float64
    assert {part.dtype for part in scaler.transform(X)} == {np.dtype(kept)}
    assert {part.dtype for part in scaler.inverse_transform(scaler.transform(X))} == {np.dtype(kept)}


def test_large_float32_values_lose_nothing_on_the_way():
    """Seconds since 1970, say: the mean is subtracted in float64."""
    X = [np.float32(1.7e9) + 128 * np.arange(50, dtype=np.float32)[:, None]]
    expected = StandardScaler().fit_transform(X[0].astype(np.float64))
    np.testing.assert_allclose(SequenceScaler().fit_transform(X)[0], expected, rtol=1e-6)


def test_input_is_left_as_it_was():
    before = [part.copy() for part in RAGGED]
    SequenceScaler().fit_transform(RAGGED)
    for part, given in zip(RAGGED, before, strict=True):
        np.testing.assert_array_equal(part, given)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([], "at least one sequence"),
        ([RAGGED[0], RAGGED[1] * np.nan], "Input X contains NaN: sequence 1, frame 0, feature 0"),
        ([RAGGED[0], RAGGED[1][:, :2]], "sequence 1 of X has 2 features"),
        ([RAGGED[0], RAGGED[1][:0]], "sequence 1 of X is empty"),
    ],
)
def test_what_is_no_sequences_is_refused(X, message):
    scaler = SequenceScaler().fit(RAGGED)
    for method in (SequenceScaler().fit, scaler.partial_fit, scaler.transform, scaler.inverse_transform):
        with pytest.raises(ValueError, match=message):
            method(X)


def test_nothing_is_transformed_before_a_fit():
    for method in ("transform", "inverse_transform"):
        with pytest.raises(NotFittedError):
            getattr(SequenceScaler(), method)(RAGGED)


@pytest.mark.parametrize("parameter", ["with_mean", "with_std"])
def test_bad_parameters_are_named(parameter):
    with pytest.raises(ValueError, match=f"The '{parameter}' parameter of SequenceScaler must be"):
        SequenceScaler(**{parameter: "yes"}).fit(RAGGED)


# ---- at home ----


class SignOfMean(ClassifierMixin, BaseEstimator):
    """Tells classes by the sign of a feature's mean over frames."""

    def __init__(self, feature=0):
        self.feature = feature

    def fit(self, X, y):
        read_sequences(self, X, reset=True)
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        means = [part.mean(axis=0)[self.feature] for part in read_sequences(self, X, reset=False).sequences()]
        return self.classes_[(np.array(means) > 0).astype(int)]


@pytest.mark.parametrize("form", [list, boxed])
def test_pipeline_in_a_search_over_ragged_sequences(form):
    y = np.arange(60) % 2
    apart = np.array([0, 8, 0])
    X = form([SHIFT + SPREAD * (RNG.normal(size=(RNG.integers(1, 9), 3)) + c * apart) for c in y])
    search = GridSearchCV(
        make_pipeline(SequenceScaler(), SignOfMean()), {"signofmean__feature": [0, 1, 2]}, cv=3, n_jobs=2
    ).fit(X, y)
    assert search.best_params_ == {"signofmean__feature": 1}
    assert search.best_score_ == 1
    assert search.predict(X[:7]).tolist() == y[:7].tolist()


def test_names_go_through():
    frames = [pd.DataFrame(part, columns=list("abc")) for part in RAGGED]
    scaler = SequenceScaler().fit(frames)
    assert scaler.get_feature_names_out().tolist() == list("abc")
    assert SequenceScaler().fit(RAGGED).get_feature_names_out().tolist() == ["x0", "x1", "x2"]
    with pytest.raises(ValueError, match="X has 2 features, but SequenceScaler is expecting 3 features as input"):
        scaler.inverse_transform([part[:, :2] for part in RAGGED])


def test_sequences_stay_sequences_where_data_frames_are_asked_for():
    with config_context(transform_output="pandas"):
        for X in (RAGGED, CUBE, CUBE[:, 0]):
            assert type(SequenceScaler().fit_transform(X)) is type(X)
    assert not hasattr(SequenceScaler(), "set_output")


def test_clone_and_pickle():
    scaler = SequenceScaler(with_std=False).fit(RAGGED)
    again = pickle.loads(pickle.dumps(scaler))
    np.testing.assert_array_equal(again.transform(RAGGED)[3], scaler.transform(RAGGED)[3])
    assert clone(scaler).get_params() == scaler.get_params()
    assert not hasattr(clone(scaler), "mean_")


@pytest.mark.parametrize("weights", [None, [0.5, 1, 2, 0.25]])
def test_files_go_on_where_they_stopped(tmp_path, weights):
    frames = [pd.DataFrame(part, columns=list("abc")) for part in RAGGED]
    scaler = SequenceScaler(with_mean=False).fit(frames, sample_weight=weights)
    scaler.save(tmp_path / "scaler.ebm")
    loaded = SequenceScaler.load(tmp_path / "scaler.ebm")
    assert loaded.get_params() == scaler.get_params()
    assert loaded.n_frames_seen_ == scaler.n_frames_seen_
    assert loaded.feature_names_in_.tolist() == list("abc")
    for part, other in zip(loaded.transform(frames), scaler.transform(frames), strict=True):
        np.testing.assert_array_equal(part, other)
    np.testing.assert_array_equal(loaded.partial_fit(frames).var_, scaler.partial_fit(frames).var_)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("n_frames_seen_", -1, "number of frames seen is -1"),
        ("n_frames_seen_", "many", "number of frames seen is 'many'"),
        ("scale_", np.zeros(3), "scales that are not above 0"),
        ("var_", np.full(3, -1.0), "variances below 0"),
        ("var_", np.ones(2), "array 'var_' is float64"),
        ("mean_", np.full(3, np.nan), "not finite"),
    ],
)
def test_damaged_files_are_refused(tmp_path, name, value, message):
    scaler = SequenceScaler().fit(RAGGED)
    setattr(scaler, name, value)
    scaler.save(tmp_path / "scaler.ebm")
    with pytest.raises(ModelFileError, match=message):
        SequenceScaler.load(tmp_path / "scaler.ebm")
