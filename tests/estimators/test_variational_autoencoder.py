"""Estimators of variational autoencoders: probabilistic PCA, bounds, samples, resumption, files, bad input."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import load_digits, load_wine
from sklearn.decomposition import FactorAnalysis
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from ebm.networks.dense import Dense
from ebm.optimizers.sgd import SGD
from ebm.storage import ModelFileError
from ebm.training import Checkpoint, DivergenceError
from ebm_sklearn import OutOfRangeWarning, VariationalAutoencoder

X = (load_digits().data / 16).astype(np.float32)[:300]
SMALL = {"hidden_layer_sizes": (9,), "n_iter": 2, "n_importance": 5, "random_state": 0}


def ppca_log_likelihood(data, k):
    """Largest mean log-likelihood of probabilistic PCA (Tipping & Bishop 1999, eq. 8), and the variance there."""
    d = data.shape[1]
    eigenvalues = np.sort(np.linalg.eigvalsh(np.cov(data.T, bias=True)))[::-1]
    variance = eigenvalues[k:].mean()
    log_determinant = np.log(eigenvalues[:k]).sum() + (d - k) * np.log(variance)
    return -0.5 * (d * np.log(2 * np.pi) + log_determinant + d), variance


def test_linear_one_is_probabilistic_pca():
    """The linear bound's maximum is the likelihood's (Lucas et al. 2019, theorem 1), so it is reached from below."""
    digits = load_digits().data / 16
    options = {"learning_rate": 0.02, "schedule": "linear", "n_iter": 150, "n_importance": 16, "random_state": 0}
    found = VariationalAutoencoder(5, hidden_layer_sizes=(), likelihood="gaussian", **options).fit(digits)
    best, variance = ppca_log_likelihood(digits, 5)
    elbo = found._model().elbo(digits, 20, found._bound_random()).mean()
    assert ppca_log_likelihood(digits, 4)[0] < best - 2  # so one component less would be seen
    assert best - 0.15 < elbo < found.score(digits) < best
    assert_allclose(found.noise_variance_, variance, rtol=0.02)


def test_with_a_variance_for_each_feature_it_is_factor_analysis():
    rng = np.random.default_rng(0)
    scales, loadings = np.array([0.5, 0.7, 2.0, 1.0, 0.3, 0.4]), np.array([[1.0, 1.0, 0.0, -1.0, 0.5, 1.0]])
    data = rng.normal(size=(2000, 1)) @ loadings + scales * rng.normal(size=(2000, 6))
    right = FactorAnalysis(1).fit(data)
    options = {"likelihood": "gaussian", "noise_variance": "features", "learning_rate": 0.02, "schedule": "linear"}
    options["batch_size"] = 128
    found = VariationalAutoencoder(1, hidden_layer_sizes=(), **options, n_iter=120, random_state=0).fit(data)
    assert_allclose(found.noise_variance_, right.noise_variance_, rtol=0.1)
    assert right.score(data) - 0.02 < found.score(data) < right.score(data)
    fixed = clone(found).set_params(noise_variance=0.3, n_iter=2).fit(data)
    assert_allclose(fixed.noise_variance_, 0.3)


def test_what_methods_give_belongs_together():
    found = VariationalAutoencoder(3, **SMALL).fit(X)
    mean, log_variance = found.posterior(X)
    assert_array_equal(found.transform(X), mean)
    assert log_variance.shape == (300, 3)
    assert_array_equal(found.inverse_transform(mean), found.reconstruct(X))
    assert found.get_feature_names_out()[2] == "variationalautoencoder2"
    assert found.feature_dictionary_.shape == (9, 64)
    assert_array_equal(found.score_samples(X), found.score_samples(X))
    assert_allclose(found.score_samples(X[::-1]), found.score_samples(X)[::-1], rtol=1e-6)
    assert_allclose(found.score(X), found.score_samples(X).mean())
    more = clone(found).set_params(n_importance=200).fit(X)
    assert more.score(X) > found.score(X)
    with pytest.raises(AttributeError, match="likelihood is 'bernoulli'"):
        _ = found.noise_variance_


def test_loss_is_the_negative_bound():
    found = VariationalAutoencoder(3, **{**SMALL, "n_iter": 40}).fit(X)
    elbo = found._model().elbo(X, 50, found._bound_random()).mean()
    assert_allclose(-found.history_[-1]["loss"], elbo, rtol=0.02)
    assert found.history_[-1]["loss"] < found.history_[0]["loss"]


def test_beta_presses_codes_towards_the_prior():
    divergences = []
    for beta in (0.1, 1.0, 10.0):
        found = VariationalAutoencoder(3, **{**SMALL, "n_iter": 60, "learning_rate": 0.005}, beta=beta).fit(X)
        mean, log_variance = found.posterior(X)
        divergences.append(0.5 * (np.exp(log_variance) + mean**2 - 1 - log_variance).sum(axis=1).mean())
    assert divergences[0] > 1.3 * divergences[1] > 1.3 * 1.3 * divergences[2]


def test_samples():
    found = VariationalAutoencoder(3, **SMALL).fit(X.reshape(-1, 8, 8))
    assert found.sample(4).shape == (4, 8, 8)
    assert_array_equal(found.sample(4), found.sample(6)[:4])
    assert (found.sample(4, random_state=1) != found.sample(4)).any()
    assert set(np.unique(found.sample(50, means=False))) == {0.0, 1.0}
    assert found.sample(1, random_state=np.random.RandomState(0)).dtype == np.float32
    for wrong, message in (({"n_samples": 0}, "n_samples"), ({"y": 3}, "samples no conditional distribution")):
        with pytest.raises(ValueError, match=message):
            found.sample(**wrong)


def test_images_sparse_rows_and_rows_are_the_same_samples():
    rows, images, sparse = (
        VariationalAutoencoder(3, **SMALL).fit(given) for given in (X, X.reshape(-1, 8, 8), csr_array(X))
    )
    assert_array_equal(rows.transform(X), images.transform(X.reshape(-1, 8, 8)))
    assert_array_equal(rows.transform(X), sparse.transform(csr_array(X)))
    assert_array_equal(rows.score_samples(X), sparse.score_samples(csr_array(X)))
    assert images.reconstruct(X.reshape(-1, 8, 8)).shape == (300, 8, 8)
    assert images.inverse_transform(images.transform(X)).shape == (300, 8, 8)


def test_layers_of_ones_own():
    layers = {"encoder": [Dense(9, "relu"), Dense(6)], "decoder": [Dense(9, "relu"), Dense(64)]}
    own = VariationalAutoencoder(**layers, **SMALL).fit(X)
    assert_array_equal(own.transform(X), VariationalAutoencoder(3, **SMALL).fit(X).transform(X))


def test_convolutions():
    found = VariationalAutoencoder(3, **SMALL, channels=(4, 8), kernel_size=3).fit(X.reshape(-1, 8, 8))
    assert found.parameters_["encoder.1.weights"].shape == (3, 3, 4, 8)
    assert found.reconstruct(X).shape == X.shape
    assert found.sample(2).shape == (2, 8, 8)
    assert found.transform(X).shape == (300, 3)
    assert np.isfinite(found.score(X))
    for wrong, message in (
        ({}, "needs images"),
        ({"image_shape": (8, 8), "kernel_size": 4}, "kernel_size must be odd"),
    ):
        with pytest.raises(ValueError, match=message):
            VariationalAutoencoder(3, **{**SMALL, "channels": (4,), **wrong}).fit(X)


def test_partial_fit_is_fit(tmp_path):
    options = {**SMALL, "n_iter": 4, "likelihood": "gaussian"}
    whole, parts = (VariationalAutoencoder(3, **options) for _ in range(2))
    whole.fit(X)
    parts.partial_fit(X).partial_fit(X).save(tmp_path / "model")
    parts = VariationalAutoencoder.load(tmp_path / "model").partial_fit(X).partial_fit(X)
    for name, array in whole.parameters_.items():
        assert_array_equal(array, parts.parameters_[name])
    assert [row["loss"] for row in whole.history_] == [row["loss"] for row in parts.history_]


class Killed(Exception):
    pass


class Kill:
    """Stops the process, as it were, after an epoch."""

    def __init__(self, after):
        self.after = after

    def on_epoch_begin(self, run):
        if run.epoch + 1 == self.after:
            raise Killed


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_killed_and_resumed_is_uninterrupted(tmp_path, likelihood, early_stopping):
    options = {**SMALL, "n_iter": 6, "schedule": "linear", "early_stopping": early_stopping, "likelihood": likelihood}
    through = VariationalAutoencoder(3, **options).fit(X)
    kept = Checkpoint(tmp_path / "run", resume=True)
    with pytest.raises(Killed):
        VariationalAutoencoder(3, **options, callbacks=[kept, Kill(3)]).fit(X)
    resumed = VariationalAutoencoder(3, **options, callbacks=[kept]).fit(X)
    for name, array in through.parameters_.items():
        assert_array_equal(array, resumed.parameters_[name])
    losses = [[row["loss"] for row in found.history_] for found in (through, resumed)]
    assert losses[0] == losses[1]


def test_early_stopping_keeps_the_best():
    options = {**SMALL, "n_iter": 300, "learning_rate": 0.05, "early_stopping": True, "n_iter_no_change": 3}
    found = VariationalAutoencoder(3, **options).fit(X)
    losses = [row["validation_loss"] for row in found.history_]
    assert found.n_iter_ < 300
    assert len(losses) - 1 - int(np.argmin(losses)) <= 3


def test_number_of_jobs_changes_nothing():
    options = {**SMALL, "hidden_layer_sizes": (200,)}
    one, two = (VariationalAutoencoder(16, **options, n_jobs=n).fit(X) for n in (1, 2))
    assert_array_equal(one.transform(X), two.transform(X))
    assert_array_equal(one.score_samples(X), two.score_samples(X))


def test_in_a_pipeline_and_a_grid_search():
    search = GridSearchCV(
        make_pipeline(
            MinMaxScaler(clip=True),
            VariationalAutoencoder(3, **SMALL, batch_size=32),
        ),
        {"variationalautoencoder__n_iter": [1, 30]},
        cv=2,
    ).fit(X)
    assert search.best_params_["variationalautoencoder__n_iter"] == 30


def test_saved_and_loaded(tmp_path):
    layers = {"encoder": [Dense(6, "tanh"), Dense(4)], "decoder": (Dense(64),)}
    options = {"likelihood": "gaussian", "noise_variance": np.float64(0.1), "optimizer": SGD(0.001), "n_iter": 2}
    found = VariationalAutoencoder(**layers, **options).fit(X.reshape(-1, 8, 8))
    found.save(tmp_path / "model")
    loaded = VariationalAutoencoder.load(tmp_path / "model")
    assert loaded.get_params() == found.get_params()
    for name in ("reconstruct", "transform", "score_samples"):
        assert_array_equal(getattr(loaded, name)(X), getattr(found, name)(X))
    assert_array_equal(loaded.sample(3, random_state=0), found.sample(3, random_state=0))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda arrays, values: arrays.pop("parameter/decoder.log_variance"), "lacks the array"),
        (lambda arrays, values: arrays.update({"parameter/decoder.log_variance": np.zeros(3, "f4")}), "model needs"),
        (lambda arrays, values: arrays.update({"parameter/encoder.1.bias": np.full(6, np.nan, "f4")}), "not finite"),
        (lambda arrays, values: arrays.update({"parameter/encoder.1.bias": np.zeros(7, "f4")}), "the model needs"),
        (lambda arrays, values: values.update(sample_shape=[65]), "the model needs"),
        (lambda arrays, values: values.update(seed=-1), "seed"),
    ],
)
def test_damaged_files_are_refused(tmp_path, monkeypatch, damage, message):
    found = VariationalAutoencoder(3, **SMALL, likelihood="gaussian").fit(X)
    arrays, values = found._saved()
    damage(arrays, values)
    monkeypatch.setattr(VariationalAutoencoder, "_saved", lambda self: (arrays, values))
    found.save(tmp_path / "model")
    with pytest.raises(ModelFileError, match=message):
        VariationalAutoencoder.load(tmp_path / "model")


@pytest.mark.parametrize(
    ("options", "given", "message"),
    [
        ({"likelihood": "poisson"}, X, "likelihood"),
        ({"noise_variance": -1.0}, X, "noise_variance"),
        ({"noise_variance": "each"}, X, "noise_variance"),
        ({"noise_variance": 1e9, "likelihood": "gaussian"}, X, "noise_variance must be"),
        ({"beta": -0.5}, X, "beta"),
        ({"n_importance": 0}, X, "n_importance"),
        ({"n_components": 0}, X, "n_components"),
        ({"hidden_layer_sizes": (0,)}, X, "units must be an integer of at least 1, got 0"),
        ({"encoder": [Dense(4)]}, X, "encoder and decoder go together"),
        ({"encoder": [Dense(3)], "decoder": [Dense(64)]}, X, "even number of outputs"),
        ({"encoder": [Dense(4)], "decoder": [Dense(60)]}, X, r"samples of shape \(60,\), but the data's are \(64,\)"),
        ({}, np.where(X == 0, np.nan, X), "NaN"),
    ],
)
def test_bad_input_is_refused(options, given, message):
    with pytest.raises(ValueError, match=message):
        VariationalAutoencoder(**{**SMALL, **options}).fit(given)


def test_wrong_codes_are_refused():
    found = VariationalAutoencoder(3, **SMALL).fit(X)
    with pytest.raises(ValueError, match="X has 6 columns, but the codes of this VariationalAutoencoder have 3"):
        found.inverse_transform(np.zeros((2, 6)))
    with pytest.raises(ValueError, match="features"):
        found.transform(X[:, :60])


def test_values_outside_the_decoders_range_are_told():
    with pytest.warns(OutOfRangeWarning, match=r"values from .* to 2"):
        VariationalAutoencoder(3, **SMALL).fit(X * 2)
    VariationalAutoencoder(3, **SMALL, likelihood="gaussian").fit(X * 2)


def test_divergence_is_told():
    with pytest.raises(DivergenceError, match="smaller learning_rate"):
        VariationalAutoencoder(3, **SMALL, optimizer=SGD(1e6)).fit(X)


def test_noise_variance_is_the_one_that_counts():
    found = VariationalAutoencoder(3, **SMALL, likelihood="gaussian").fit(X)
    found.parameters_["decoder.log_variance"][:] = -13
    assert_allclose(found.noise_variance_, np.exp(-12), rtol=1e-6)


def test_defaults_learn_from_a_small_table():
    X = StandardScaler().fit_transform(load_wine().data)
    found = VariationalAutoencoder(likelihood="gaussian", random_state=0).fit(X)
    alone = -0.5 * X.shape[1] * (1 + np.log(2 * np.pi))  # of features that tell nothing of one another
    assert found.score(X) > alone + 2  # 3.5 above it; 1.4 in batches of 128 at a rate of 1e-3
