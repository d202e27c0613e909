"""The autoencoder estimator: PCA, images, resumption, early stopping, files, bad input."""

import gc
import weakref

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.linalg import subspace_angles
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from ebm.networks.convolution import Convolution
from ebm.networks.dense import Dense
from ebm.networks.learning import NetworkLearner
from ebm.optimizers.schedules import Exponential, Linear
from ebm.optimizers.sgd import SGD
from ebm.random import Random
from ebm.storage import ModelFileError
from ebm.training import Checkpoint, CheckpointError, DivergenceError
from ebm_sklearn._warnings import OutOfRangeWarning
from ebm_sklearn.autoencoder import Autoencoder
from ebm_sklearn.variational_autoencoder import VariationalAutoencoder

X = (load_digits().data / 16).astype(np.float32)[:300]
HELD_OUT = "the samples that are held out are drawn by number, and a repeated row has two"


def expected_failures(estimator):
    checks = [f"check_sample_weight_equivalence_on_{kind}_data" for kind in ("dense", "sparse")]
    return dict.fromkeys(checks, HELD_OUT) if estimator.early_stopping else {}


@parametrize_with_checks(
    [
        Autoencoder(4, n_iter=5),
        Autoencoder(3, hidden_layer_sizes=(6,), loss="bernoulli", tied=True, n_iter=3, early_stopping=True),
    ],
    expected_failed_checks=expected_failures,
)
@pytest.mark.filterwarnings("ignore::ebm_sklearn.OutOfRangeWarning")
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize("tied", [True, False])
def test_linear_one_is_pca(tied):
    digits = load_digits().data / 16
    pca = PCA(5).fit(digits)
    descent = SGD(0.01, momentum=0.95 if tied else 0.98, nesterov=True)
    options = {"optimizer": descent, "batch_size": len(digits), "n_iter": 500 if tied else 2500, "random_state": 0}
    found = Autoencoder(5, tied=tied, **options).fit(digits)
    axes = found.parameters_["encoder.0.weights"] if tied else found.parameters_["decoder.0.weights"].T
    assert subspace_angles(axes, pca.components_.T).max() < 1e-3
    discarded = np.linalg.eigvalsh(np.cov(digits.T, bias=True))[:-5].sum()
    assert_allclose(-found.score(digits), discarded, rtol=1e-4)


def test_deep_one_beats_pca():
    digits = load_digits().data / 16
    pca = PCA(2).fit(digits)
    error = ((pca.inverse_transform(pca.transform(digits)) - digits) ** 2).sum(axis=1).mean()
    found = Autoencoder(2, hidden_layer_sizes=(64, 32), n_iter=60, learning_rate=3e-3, random_state=0).fit(digits)
    assert -found.score(digits) < 0.75 * error


def test_codes_reconstructions_and_scores_belong_together():
    found = Autoencoder(6, hidden_layer_sizes=(20,), loss="bernoulli", n_iter=2, random_state=0).fit(X)
    y = found.inverse_transform(found.transform(X))
    assert_array_equal(y, found.reconstruct(X))
    assert y.dtype == np.float32
    assert (y > 0).all()
    assert (y < 1).all()
    p = y.astype(np.float64)
    assert_allclose(found.score_samples(X), (X * np.log(p) + (1 - X) * np.log1p(-p)).sum(axis=1), rtol=1e-4)
    assert found.get_feature_names_out()[0] == "autoencoder0"
    directions = found.feature_dictionary_
    assert directions.shape == (20, 64)
    assert_allclose(np.linalg.norm(directions, axis=1), 1, rtol=1e-6)
    activity = directions @ found.parameters_["encoder.0.weights"]
    assert_array_equal(activity.argmax(axis=0), np.arange(20))  # w_j excites unit j more than any other direction does


def test_images_and_rows_are_the_same_samples():
    images = X.reshape(-1, 8, 8)
    by_images = Autoencoder(4, n_iter=2, random_state=0).fit(images)
    by_rows = Autoencoder(4, n_iter=2, random_state=0).fit(X)
    assert_array_equal(by_images.transform(images), by_rows.transform(X))
    assert_array_equal(by_images.transform(X), by_rows.transform(X))
    assert by_images.reconstruct(images).shape == images.shape
    assert by_images.reconstruct(X).shape == X.shape
    assert by_images.inverse_transform(by_images.transform(X)).shape == images.shape
    assert by_rows.inverse_transform(by_rows.transform(X)).shape == X.shape
    assert (by_images.image_shape_, by_rows.image_shape_) == ((8, 8), None)


def test_sparse_and_dense_rows_are_the_same_samples():
    dense, sparse = (Autoencoder(4, n_iter=2, random_state=0).fit(given) for given in (X, csr_array(X)))
    assert_array_equal(dense.transform(X), sparse.transform(csr_array(X)))


def test_layers_of_ones_own():
    layers = {"encoder": [Dense(30, "tanh"), Dense(3)], "decoder": [Dense(30, "tanh"), Dense(64)]}
    own = Autoencoder(**layers, n_iter=2, random_state=0).fit(X)
    described = Autoencoder(3, hidden_layer_sizes=(30,), activation="tanh", n_iter=2, random_state=0).fit(X)
    assert_array_equal(own.transform(X), described.transform(X))


def test_convolutions(tmp_path):
    """Odd sizes come back whole, a picture is learnt better than by its mean, and the layers survive a file."""
    images = X.reshape(-1, 8, 8)[:, :7, :]
    options = {
        "channels": (4, 6),
        "kernel_size": 3,
        "hidden_layer_sizes": (20,),
        "learning_rate": 0.01,
        "batch_size": 25,
    }
    found = Autoencoder(6, **options, n_iter=30, random_state=0).fit(images)
    assert found.parameters_["encoder.0.weights"].shape == (3, 3, 1, 4)
    assert found.reconstruct(images).shape == images.shape
    assert -found.score(images) < 0.6 * ((images - images.mean(axis=0)) ** 2).sum(axis=(1, 2)).mean()
    with pytest.raises(AttributeError, match="first layer is Convolution"):
        _ = found.feature_dictionary_
    by_rows = Autoencoder(6, **options, image_shape=(7, 8), n_iter=30, random_state=0).fit(images.reshape(-1, 56))
    assert_array_equal(by_rows.transform(images), found.transform(images))
    own = Autoencoder(encoder=[Convolution(3, 3), Dense(2)], decoder=[Dense(56)], n_iter=1).fit(images)
    own.save(tmp_path / "model")
    assert_array_equal(Autoencoder.load(tmp_path / "model").transform(images), own.transform(images))


def test_partial_fit_is_fit(tmp_path):
    whole = Autoencoder(4, hidden_layer_sizes=(9,), n_iter=4, random_state=0).fit(X)
    parts = Autoencoder(4, hidden_layer_sizes=(9,), n_iter=4, random_state=0)
    for _ in range(2):
        parts.partial_fit(X)
    parts.save(tmp_path / "model")
    parts = Autoencoder.load(tmp_path / "model")
    for _ in range(2):
        parts.partial_fit(X)
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
def test_killed_and_resumed_is_uninterrupted(tmp_path, early_stopping):
    options = {"hidden_layer_sizes": (9,), "n_iter": 6, "learning_rate": 0.01, "schedule": "linear", "random_state": 1}
    options |= {"early_stopping": early_stopping, "n_iter_no_change": 2, "clip_norm": 0.5, "l2": 1e-4}
    through = Autoencoder(4, **options).fit(X)
    kept = Checkpoint(tmp_path / "run", resume=True)
    with pytest.raises(Killed):
        Autoencoder(4, **options, callbacks=[kept, Kill(3)]).fit(X)
    resumed = Autoencoder(4, **options, callbacks=[kept]).fit(X)
    for name, array in through.parameters_.items():
        assert_array_equal(array, resumed.parameters_[name])
    assert len(through.history_) == len(resumed.history_)


def test_early_stopping_keeps_the_best():
    found = Autoencoder(4, n_iter=200, learning_rate=0.05, early_stopping=True, n_iter_no_change=3, random_state=0)
    found.fit(X)
    losses = [row["validation_loss"] for row in found.history_]
    assert found.n_iter_ < 200
    assert len(losses) - 1 - int(np.argmin(losses)) <= 3
    with pytest.raises(AttributeError, match="partial_fit"):
        found.partial_fit(X)


def test_number_of_jobs_changes_nothing():
    one, two = (Autoencoder(16, hidden_layer_sizes=(200,), n_iter=2, n_jobs=n, random_state=0).fit(X) for n in (1, 2))
    assert_array_equal(one.transform(X), two.transform(X))


def test_in_a_pipeline_and_a_grid_search():
    search = GridSearchCV(
        make_pipeline(MinMaxScaler(), Autoencoder(n_iter=40, learning_rate=0.02, batch_size=32, random_state=0)),
        {"autoencoder__hidden_layer_sizes": [(), (16,)], "autoencoder__n_components": [2, 10]},
        cv=2,
    ).fit(X)
    assert search.best_params_["autoencoder__n_components"] == 10
    best = search.best_estimator_
    assert best.inverse_transform(best.transform(X)).shape == X.shape


def test_saved_and_loaded(tmp_path):
    found = Autoencoder(
        encoder=[Dense(5, "tanh")], decoder=(Dense(64),), optimizer=SGD(Exponential(0.01, 0.001)), n_iter=2
    ).fit(X.reshape(-1, 8, 8))
    found.save(tmp_path / "model")
    loaded = Autoencoder.load(tmp_path / "model")
    assert loaded.get_params() == found.get_params()
    assert_array_equal(loaded.reconstruct(X), found.reconstruct(X))
    assert (loaded.image_shape_, loaded.history_) == ((8, 8), found.history_)
    assert clone(loaded).get_params() == found.get_params()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda arrays, values: arrays.pop("parameter/encoder.0.bias"), "lacks the array"),
        (lambda arrays, values: arrays.update({"parameter/encoder.0.bias": np.zeros(3, "f4")}), "the model needs"),
        (lambda arrays, values: arrays.update({"parameter/other": np.zeros(3, "f4")}), "has no parameter/other"),
        (lambda arrays, values: arrays.update({"parameter/encoder.0.bias": np.full(4, np.nan, "f4")}), "not finite"),
        (lambda arrays, values: values.update(sample_shape=[-1]), "no shape of a sample"),
        (lambda arrays, values: values.update(sample_shape=[65]), "the model needs"),
        (lambda arrays, values: arrays.pop("motion/updates_done"), "how many updates"),
    ],
)
def test_damaged_files_are_refused(tmp_path, monkeypatch, damage, message):
    found = Autoencoder(4, n_iter=1).fit(X)
    arrays, values = found._saved()
    damage(arrays, values)
    monkeypatch.setattr(Autoencoder, "_saved", lambda self: (arrays, values))
    found.save(tmp_path / "model")
    with pytest.raises(ModelFileError, match=message):
        Autoencoder.load(tmp_path / "model")


@pytest.mark.parametrize(
    ("options", "given", "message"),
    [
        ({"hidden_layer_sizes": (10, 0)}, X, "units must be an integer of at least 1, got 0"),
        ({"hidden_layer_sizes": (2.5,)}, X, r"units must be an integer of at least 1, got 2\.5"),
        ({"n_components": 0}, X, "n_components"),
        ({"image_shape": (8, 9)}, X, r"image_shape=\(8, 9\) has 72 pixels, but X has 64 features"),
        ({"image_shape": (4, 16)}, X.reshape(-1, 8, 8), r"image_shape=\(4, 16\), but X has images of shape \(8, 8\)"),
        ({}, X.reshape(-1, 2, 2, 4, 4), "5 dimensions"),
        ({"encoder": [Dense(3)]}, X, "encoder and decoder go together"),
        ({"encoder": [Dense(3)], "decoder": [Dense(60)]}, X, r"samples of shape \(60,\), but the data's are \(64,\)"),
        ({"channels": (4,)}, X, "give image_shape"),
        ({"channels": (4,), "image_shape": (8, 8), "kernel_size": 4}, X, "kernel_size must be odd, got 4"),
        ({"channels": (4,), "image_shape": (8, 8), "tied": True}, X, "tied=True goes with dense layers alone"),
        ({"early_stopping": True, "validation_fraction": 0.9}, X[:2], "leaves 0"),
        ({"optimizer": "lion"}, X, "optimizer"),
        ({}, np.where(X == 0, np.nan, X), "NaN"),
    ],
)
def test_bad_input_is_refused(options, given, message):
    with pytest.raises(ValueError, match=message):
        Autoencoder(**{"n_iter": 1, **options}).fit(given)


def test_wrong_images_and_codes_are_refused():
    found = Autoencoder(4, n_iter=1).fit(X.reshape(-1, 8, 8))
    with pytest.raises(ValueError, match=r"images of shape \(4, 16\)"):
        found.transform(X.reshape(-1, 4, 16))
    with pytest.raises(ValueError, match="X has 5 columns, but the codes of this Autoencoder have 4"):
        found.inverse_transform(np.zeros((2, 5)))


def test_values_outside_the_decoders_range_are_told():
    with pytest.warns(OutOfRangeWarning, match=r"values from .* to 2.*, or take loss='squared'"):
        Autoencoder(4, loss="bernoulli", n_iter=1).fit(X * 2)
    with pytest.warns(OutOfRangeWarning, match="or take likelihood='gaussian'"):
        VariationalAutoencoder(4, n_iter=1).fit(X * 2)


def test_divergence_is_told_and_the_last_good_epoch_kept():
    with pytest.raises(DivergenceError, match="smaller learning_rate"):
        Autoencoder(4, optimizer=SGD(1e5), n_iter=3, random_state=0).fit(X)


@pytest.mark.parametrize("changed", [{"n_components": 200}, {"hidden_layer_sizes": (90,)}])
def test_sizes_changed_after_fit_are_refused(changed):
    found = Autoencoder(4, hidden_layer_sizes=(6,), n_iter=1).fit(X).set_params(**changed)
    for method in (found.transform, found.reconstruct, found.score_samples, found.partial_fit):
        with pytest.raises(ValueError, match="learn anew after a size has changed"):
            method(X)


NESTED = {"list": []}
for _ in range(350):
    NESTED = {"list": [NESTED]}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_components": 10**8}, "the model needs"),
        ({"n_components": 10**17}, "allocate|too big"),
        ({"hidden_layer_sizes": {"list": [10**8]}}, "the model needs"),
        ({"encoder": {"list": [5]}, "decoder": {"list": []}}, "layer 0 is 5, which is no layer"),
        ({"encoder": {"list": [{"part": "SGD", "fields": {}}]}, "decoder": {"list": []}}, "which is no layer"),
        ({"optimizer": {"part": ["SGD"], "fields": {}}}, r"no part of a network is called \['SGD'\]"),
        ({"hidden_layer_sizes": NESTED}, "lists in lists without end"),
    ],
)
def test_files_of_other_networks_are_refused_before_any_is_made(tmp_path, monkeypatch, parameters, message):
    found = Autoencoder(4, n_iter=1).fit(X)
    saved = {**found._saved_parameters(), **parameters}
    monkeypatch.setattr(Autoencoder, "_saved_parameters", lambda self: saved)
    found.save(tmp_path / "model")
    monkeypatch.setattr(Random, "uniform", lambda *_: pytest.fail("weights are drawn"))
    with pytest.raises(ModelFileError, match=message):
        Autoencoder.load(tmp_path / "model")


def test_learners_are_let_go_of_at_once(monkeypatch):
    """Their arrays are large, and Python looks for circles seldom."""
    learners = weakref.WeakSet()
    place = NetworkLearner._place_samples
    keep = lambda self, *given: (learners.add(self), place(self, *given))  # noqa: E731
    monkeypatch.setattr(NetworkLearner, "_place_samples", keep)
    gc.disable()
    try:
        Autoencoder(4, n_iter=1).fit(X).partial_fit(X)
    finally:
        gc.enable()
    assert not learners


@pytest.mark.parametrize(
    "options", [{"schedule": "linear"}, {"learning_rate": Linear(0.01)}, {"optimizer": SGD(Linear(0.01))}]
)
def test_falling_rates_go_on_towards_their_own_end_only(tmp_path, options):
    kept = Checkpoint(tmp_path / "run", resume=True)
    with pytest.raises(Killed):
        Autoencoder(4, n_iter=4, random_state=1, **options, callbacks=[kept, Kill(2)]).fit(X)
    with pytest.raises(CheckpointError, match="n_iter was 4 and is now 8"):
        Autoencoder(4, n_iter=8, random_state=1, **options, callbacks=[kept]).fit(X)


def test_sizes_in_an_array_are_saved(tmp_path):
    found = Autoencoder(4, hidden_layer_sizes=np.array([7, 5]), n_iter=1).fit(X)
    found.save(tmp_path / "model")
    loaded = Autoencoder.load(tmp_path / "model")
    assert loaded.hidden_layer_sizes == [7, 5]
    assert_array_equal(loaded.transform(X), found.transform(X))


def test_defaults_come_near_to_principal_components():
    digits = load_digits().data / 16
    pca = PCA(32).fit(digits)
    theirs = ((pca.inverse_transform(pca.transform(digits)) - digits) ** 2).sum(axis=1).mean()
    assert -Autoencoder(random_state=0).fit(digits).score(digits) < 1.5 * theirs  # 3.4 of them in batches of 128
