"""Bad input, each with a clear error or a stated treatment."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csc_array, csr_array, csr_matrix

from ebm.device import get_device
from ebm.kernels import conditional, contrastive
from ebm.optimizers.schedules import Linear
from ebm_sklearn import (
    RBM,
    AISMonitor,
    BernoulliRBM,
    DivergenceError,
    EarlyStopping,
    OutOfRangeWarning,
    PseudoLikelihood,
)

X = (np.random.default_rng(0).random((40, 8)) < 0.3).astype(np.float32)
BOTH = pytest.mark.parametrize("estimator", [RBM, BernoulliRBM])


def small(**parameters):
    return RBM(**{"n_components": 4, "n_iter": 2, "schedule": "constant", "random_state": 0, **parameters})


def parameters_of(rbm):
    return rbm.components_, rbm.intercept_hidden_, rbm.intercept_visible_


# ---- data ----


@BOTH
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros(8), "Expected 2D array, got 1D array"),
        (np.zeros((2, 3, 4)), "Found array with dim 3|expected <= 2"),
        (np.zeros((0, 8)), r"Found array with 0 sample\(s\)"),
        (np.zeros((3, 0)), r"0 feature\(s\)"),
        (np.array([[0.0, np.nan]]), "contains NaN"),
        (np.array([[0.0, np.inf]]), "contains infinity"),
        (csr_array([[0.0, np.nan]]), "contains NaN"),
        ([["a", "b"]], "could not convert string to float|dtype='numeric'"),
        (np.array([[1j, 0]]), "Complex data not supported"),
    ],
)
def test_what_is_no_data_is_refused(estimator, data, message):
    with pytest.raises(ValueError, match=message):
        estimator(2).fit(data)


@BOTH
def test_other_features_than_in_fit_are_refused(estimator):
    fitted = estimator(2, n_iter=1).fit(X)
    for method in (fitted.transform, fitted.score_samples, fitted.partial_fit):
        with pytest.raises(ValueError, match=r"X has 7 features, but .* is expecting 8 features"):
            method(X[:, :7])


@BOTH
def test_one_row_is_learnt(estimator):
    fitted = estimator(2, n_iter=2, random_state=0).fit(X[:1])
    assert fitted.transform(X[:1]).shape == (1, 2)
    assert np.isfinite(fitted.components_).all()


@BOTH
def test_constant_columns_are_learnt_and_stay_finite(estimator):
    data = X.copy()
    data[:, 0], data[:, 1] = 0, 1
    fitted = estimator(2, n_iter=30, random_state=0).fit(data)
    assert all(np.isfinite(part).all() for part in parameters_of(fitted))
    if estimator is RBM:
        assert fitted.inverse_transform(fitted.transform(data))[:, 0].max() < 0.1
        assert fitted.inverse_transform(fitted.transform(data))[:, 1].min() > 0.9


@pytest.mark.parametrize("form", [np.asarray, csr_array, csr_matrix])
def test_values_outside_the_range_warn_by_name_and_are_used(form):
    data = X * 3 - (0 if form is not np.asarray else 0.5)
    for method in ("fit", "partial_fit", "transform", "score_samples", "gibbs"):
        rbm = small().fit(X)
        with pytest.warns(OutOfRangeWarning, match=r"X has values from -?[\d.]+ to [\d.]+.*binarize="):
            getattr(rbm, method)(form(data))


@pytest.mark.parametrize("data", [X, X > 0, X.astype(np.uint8), X.astype(np.int64), X * 0.5, csr_array(X)])
def test_values_inside_the_range_do_not_warn(data):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        small().fit(data).transform(data)


@pytest.mark.parametrize("form", [np.asarray, csr_array])
def test_binarize_is_a_threshold_in_every_method(form):
    grey = np.random.default_rng(0).integers(0, 256, (40, 8)).astype(np.uint8)
    zeros_and_ones = (grey > 100).astype(np.float32)
    rbm, plain = small(binarize=100).fit(form(grey)), small().fit(zeros_and_ones)
    np.testing.assert_array_equal(rbm.components_, plain.components_)
    np.testing.assert_array_equal(rbm.transform(form(grey)), plain.transform(zeros_and_ones))
    np.testing.assert_array_equal(rbm.score_samples(form(grey)), plain.score_samples(zeros_and_ones))
    np.testing.assert_array_equal(rbm.gibbs(form(grey)), plain.gibbs(zeros_and_ones))
    again = small(binarize=100).partial_fit(form(grey)).partial_fit(form(grey))
    np.testing.assert_array_equal(again.components_, plain.components_)


def test_a_negative_threshold_would_make_sparse_data_dense():
    with pytest.raises(ValueError, match=r"binarize=-1 is below 0"):
        small(binarize=-1).fit(csr_array(X))
    np.testing.assert_allclose(small(binarize=-1).fit(X).mean_, 1)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.full(40, -1.0), "sample_weight must be finite and at least 0; got values from -1.0"),
        (np.where(np.arange(40) == 3, np.nan, 1.0), "sample_weight must be finite"),
        (np.ones(39), r"sample_weight must have shape \(40,\), .* got \(39,\)"),
        (np.ones((40, 1)), "sample_weight must have shape"),
        (np.zeros(40), "sample_weight is zero for every sample"),
    ],
)
def test_bad_weights_are_refused(weights, message):
    for method in (small().fit, small().partial_fit, small().fit(X).partial_fit):
        with pytest.raises(ValueError, match=message):
            method(X, sample_weight=weights)


def test_weight_zero_is_a_row_left_out():
    weights = np.ones(40)
    weights[7:] = 0
    weighted, fewer = small().fit(X, sample_weight=weights), small().fit(X[:7])
    np.testing.assert_array_equal(weighted.components_, fewer.components_)


# ---- forms that are welcome ----


@BOTH
@pytest.mark.parametrize(
    "form",
    [
        np.asfortranarray,
        lambda x: x[::1, :].astype(">f4"),
        lambda x: np.repeat(x, 2, axis=1)[:, ::2],
        lambda x: x.tolist(),
        csr_array,
        csr_matrix,
        csc_array,
        lambda x: np.lib.stride_tricks.as_strided(x, writeable=False),
    ],
    ids=["fortran", "big-endian", "strided", "list", "csr", "csr-matrix", "csc", "read-only"],
)
def test_any_layout_gives_the_same(estimator, form):
    data = X.astype(np.float64) if form(X).__class__ is list else X
    one, two = (estimator(4, n_iter=2, random_state=0).fit(part) for part in (data, form(data)))
    if one.components_.dtype == two.components_.dtype:
        np.testing.assert_array_equal(one.components_, two.components_)
        np.testing.assert_array_equal(one.transform(data), one.transform(form(data)))
    else:  # scikit-learn turns other byte orders into float64, and the twin does as it does
        assert estimator is BernoulliRBM
    np.testing.assert_allclose(one.transform(data), two.transform(form(data)), atol=0.2)


@pytest.mark.parametrize(
    ("given", "learnt"),
    [
        ("float32", "float32"),
        ("float64", "float64"),
        ("bool", "float32"),
        ("uint8", "float32"),
        ("float16", "float32"),
        ("int64", "float64"),
    ],
)
@pytest.mark.parametrize("binarize", [None, 0.5])
def test_precision_follows_the_data(given, learnt, binarize):
    rbm = small(binarize=binarize).fit(X.astype(given))
    assert rbm.components_.dtype == rbm.transform(X.astype("float64")).dtype == learnt
    assert rbm.inverse_transform(np.zeros((1, 4))).dtype == learnt
    assert rbm.sample().dtype == rbm.chains_.dtype == learnt
    assert rbm.partial_fit(X.astype(np.float64)).components_.dtype == learnt


def test_real_values_are_alike_dense_and_sparse():
    grey = X * np.random.default_rng(1).random(X.shape, dtype=np.float32)
    dense, sparse = small().fit(grey), small().fit(csr_array(grey))
    np.testing.assert_allclose(dense.components_, sparse.components_, rtol=1e-4, atol=1e-6)


def test_read_only_data_compile_nothing_anew(tmp_path):
    """As joblib's memory maps in workers and pandas' frames give it: compiling takes many seconds."""
    grey = np.random.default_rng(1).random((40, 8), dtype=np.float32)
    np.save(tmp_path / "grey.npy", grey)
    frozen = grey.copy()
    frozen.flags.writeable = False
    loops = (contrastive.contrastive_updates, conditional._conditional)
    expected = small().fit(grey).transform(grey)
    compiled = [list(loop.signatures) for loop in loops]
    for data in (frozen, np.load(tmp_path / "grey.npy", mmap_mode="r"), pd.DataFrame(grey)):
        rbm = small().fit(data)
        rbm.score_samples(data), rbm.gibbs(data)
        np.testing.assert_array_equal(rbm.transform(data), expected)
        for part in (rbm.components_, rbm.intercept_hidden_, rbm.intercept_visible_, rbm.chains_):
            part.flags.writeable = False
        np.testing.assert_array_equal(rbm.transform(data), expected)
        rbm.partial_fit(data)
    assert [list(loop.signatures) for loop in loops] == compiled


def test_input_is_left_as_it_was():
    before = X.copy()
    rbm = small().fit(X)
    rbm.transform(X), rbm.gibbs(X), rbm.score_samples(X), rbm.partial_fit(X)
    np.testing.assert_array_equal(X, before)


# ---- parameters ----


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("n_gibbs", 0),
        ("n_gibbs", 1.5),
        ("learning", "CD-1"),
        ("n_components", 0),
        ("batch_size", 0),
        ("n_chains", 0),
        ("n_iter", -1),
        ("learning_rate", 0.0),
        ("learning_rate", -0.1),
        ("momentum", 1.0),
        ("l2", -1e-3),
        ("l1", -1e-3),
        ("centered", "yes"),
        ("n_jobs", 0),
        ("callbacks", PseudoLikelihood()),
        ("binarize", "0.5"),
        ("verbose", -1),
        ("random_state", "seed"),
    ],
)
def test_bad_parameters_are_named_before_any_work(parameter, value):
    with pytest.raises(ValueError, match=f"The '{parameter}' parameter of RBM must be"):
        small(**{parameter: value}).fit(X)


def test_unknown_devices_and_missing_gpus_are_named():
    with pytest.raises(ValueError, match="device must be"):
        small(device="tpu").fit(X)
    try:
        get_device("cuda")
    except RuntimeError:
        rbm = small(device="cuda")
        with pytest.raises(RuntimeError, match=r"numba-ebm\[cuda\]"):
            rbm.fit(X)
        assert not hasattr(rbm, "components_")
        with pytest.raises(ValueError, match="not fitted"):
            rbm.transform(X)
    np.testing.assert_array_equal(small(device="cpu").fit(X).components_, small().fit(X).components_)


def test_enumeration_of_a_large_model_is_refused():
    with pytest.raises(ValueError, match="25"):
        RBM(30, learning="exact").fit(np.zeros((3, 30), np.float32))


def test_schedules_are_taken_for_rates():
    rbm = small(learning_rate=Linear(0.1, 0.0), momentum=Linear(0.0, 0.9)).fit(X)
    assert not np.array_equal(rbm.components_, small(learning_rate=0.1, momentum=0.0).fit(X).components_)


def test_callbacks_that_are_none_are_refused():
    with pytest.raises(TypeError, match="is a class; give an object"):
        small(callbacks=[EarlyStopping]).fit(X)
    rbm = small(callbacks=["progress"])
    with pytest.raises(TypeError, match="has none of the methods"):
        rbm.fit(X)
    assert not hasattr(rbm, "components_")


# ---- learning ----


def test_divergence_names_the_epoch_and_keeps_the_last_good_parameters():
    good = small(learning_rate=1e20, n_iter=10)
    with pytest.raises(DivergenceError, match=r"in epoch (\d+).*learning_rate") as raised:
        good.fit(X)
    assert good.n_iter_ == len(good.history_) == raised.value.epoch - 1
    assert all(np.isfinite(part).all() for part in parameters_of(good))
    assert np.isfinite(good.transform(X)).all()


def test_parameters_of_absurd_size_are_divergence_too():
    """Finite in float64, and useless: 1e6 a step."""
    with pytest.raises(DivergenceError, match=r"beyond a million, in epoch \d+; .* are kept"):
        small(learning_rate=1e6, n_iter=3).fit(X.astype(np.float64))


def test_callbacks_record_what_they_see_in_the_history():
    callbacks = [PseudoLikelihood(), AISMonitor(every=2), EarlyStopping("pseudo_likelihood", patience=3)]
    rbm = small(n_iter=4, callbacks=callbacks).fit(X)
    assert all("pseudo_likelihood" in row for row in rbm.history_)
    assert ["log_likelihood" in row for row in rbm.history_] == [False, True, False, True]
    assert rbm.history_[-1]["log_likelihood"] == pytest.approx(rbm.score(X), abs=1e-4)
