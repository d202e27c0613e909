"""The conditional variational autoencoder: samples of a class, codes without labels, labels that do not fit."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.datasets import load_digits, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC

from ebm.networks.convolution import Convolution, TransposedConvolution
from ebm.networks.dense import Dense
from ebm.networks.normalisation import BatchNormalisation
from ebm.networks.shape import Flatten, Reshape
from ebm.storage import ModelFileError
from ebm.training import Checkpoint
from ebm_sklearn import ConditionalVAE
from ebm_sklearn.displays import SamplesDisplay
from ebm_sklearn.latent_displays import LatentGridDisplay
from tests.estimators.test_variational_autoencoder import Kill, Killed

DIGITS, LABELS = load_digits(return_X_y=True)
DIGITS = (DIGITS / 16).astype(np.float32)
X, Y = DIGITS[:300], LABELS[:300]
NAMES = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])
SMALL = {"hidden_layer_sizes": (9,), "n_iter": 2, "n_importance": 4, "random_state": 0}


@pytest.fixture(scope="module")
def learnt():
    return ConditionalVAE(8, hidden_layer_sizes=(64,), n_iter=60, n_importance=16, random_state=0).fit(DIGITS, LABELS)


def test_samples_are_of_the_class_asked_for(learnt):
    classifier, asked = SVC(C=5).fit(DIGITS, LABELS), np.repeat(np.arange(10), 50)
    assert np.mean(classifier.predict(learnt.sample(500, y=asked)) == asked) > 0.95
    sevens = learnt.sample(50, y=7)
    assert np.mean(classifier.predict(sevens) == 7) > 0.9
    assert_array_equal(sevens, learnt.sample(50, y=np.full(50, 7)))
    assert sevens.std(axis=0).max() > 0.1  # not one picture again and again


def test_samples_of_any_class_have_the_frequencies_of_the_data():
    kept = (LABELS == 0) | (LABELS == 3) & (np.arange(len(LABELS)) % 4 == 0)
    options = {"hidden_layer_sizes": (32,), "n_iter": 60, "batch_size": 16, "learning_rate": 0.005}
    found = ConditionalVAE(4, **options, random_state=0).fit(DIGITS[kept], LABELS[kept])
    share = np.mean(LABELS[kept] == 0)
    assert_allclose(found.class_prior_, [share, 1 - share])
    drawn = SVC().fit(DIGITS[kept], LABELS[kept]).predict(found.sample(1000))
    assert_allclose(np.mean(drawn == 0), share, atol=0.06)


def test_codes_without_labels_are_averages_by_the_bounds(learnt):
    some = DIGITS[:40]
    bounds = np.column_stack([learnt.score_samples(some, y=k) + np.log(learnt.class_prior_[k]) for k in range(10)])
    shares = np.exp(bounds - np.logaddexp.reduce(bounds, axis=1, keepdims=True))
    codes = np.stack([learnt.transform(some, y=k) for k in range(10)], axis=1)
    assert_allclose(learnt.transform(some), np.einsum("nk,nkj->nj", shares, codes), rtol=1e-4, atol=1e-5)
    assert_allclose(learnt.score_samples(some), np.logaddexp.reduce(bounds, axis=1), rtol=1e-9)
    assert np.mean(bounds.argmax(axis=1) == LABELS[:40]) > 0.9
    given, without = learnt.transform(some, LABELS[:40]), learnt.transform(some)
    assert np.median(np.abs(given - without)) < 1e-3


def test_codes_tell_less_of_the_class_than_pixels(learnt):
    codes = learnt.transform(DIGITS, LABELS)
    on_codes = LogisticRegression(max_iter=500).fit(codes[:900], LABELS[:900]).score(codes[900:], LABELS[900:])
    on_pixels = LogisticRegression(max_iter=500).fit(DIGITS[:900], LABELS[:900]).score(DIGITS[900:], LABELS[900:])
    assert on_codes < 0.6 < 0.9 < on_pixels


def test_labels_help_the_bound(learnt):
    right, wrong = learnt.score(X, Y), learnt.score(X, (Y + 1) % 10)
    assert right > wrong + 5
    assert_allclose(learnt.score(X, Y), learnt.score_samples(X, Y).mean())
    assert learnt.score(X) < right  # log p(x) = log p(x | y) + log p(y) - log p(y | x)


def test_what_methods_give_belongs_together():
    found = ConditionalVAE(3, **SMALL).fit(X.reshape(-1, 8, 8), NAMES[Y])
    assert_array_equal(found.classes_, np.sort(NAMES))
    mean, log_variance = found.posterior(X, NAMES[Y])
    assert log_variance.shape == (300, 3)
    assert_array_equal(found.transform(X, y=NAMES[Y]), mean)
    pictures = found.inverse_transform(mean, NAMES[Y])
    assert_array_equal(pictures, found.reconstruct(X.reshape(-1, 8, 8), NAMES[Y]))
    assert found.reconstruct(X, "six").shape == X.shape
    assert found.sample(2, y=["one", "two"]).shape == (2, 8, 8)
    assert_allclose(np.linalg.norm(found.feature_dictionary_, axis=1), np.ones(9), rtol=1e-6)
    assert found.feature_dictionary_.shape == (9, 64)
    assert LatentGridDisplay.from_estimator(found, X, n_side=3, given="two").images.shape == (3, 3, 8, 8)


def test_sparse_rows_and_layers_of_ones_own():
    found = ConditionalVAE(3, **SMALL).fit(X, Y)
    layers = {"encoder": [Dense(9, "relu"), Dense(6)], "decoder": [Dense(9, "relu"), Dense(64)]}
    for other, given in ((ConditionalVAE(3, **SMALL), csr_array(X)), (ConditionalVAE(**layers, **SMALL), X)):
        assert_array_equal(other.fit(given, Y).transform(given, Y), found.transform(X, Y))


def test_layers_of_images_get_the_label_at_every_pixel():
    layers = {
        "encoder": [Flatten(), Dense(9, "relu"), BatchNormalisation(), Dense(6)],
        "decoder": [Dense(9, "relu"), Dense(64), Reshape((8, 8, 1))],
    }
    found = ConditionalVAE(**layers, **SMALL).fit(X.reshape(-1, 8, 8), Y)
    assert found.parameters_["encoder.1.weights"].shape == (8 * 8 * 11, 9)
    assert found.reconstruct(X.reshape(-1, 8, 8), Y).shape == (300, 8, 8)
    rows = ConditionalVAE(**layers, **SMALL, image_shape=(8, 8)).fit(X, Y)
    assert_array_equal(rows.transform(X, Y), found.transform(X, Y))
    parts = ConditionalVAE(**layers, **SMALL).partial_fit(X.reshape(-1, 8, 8), Y).partial_fit(X.reshape(-1, 8, 8), Y)
    assert_array_equal(parts.transform(X, Y), found.transform(X, Y))  # running means go on too


def test_convolutions(tmp_path):
    halving = {"stride": 2, "padding": 1, "activation": "relu"}
    layers = {
        "encoder": [Convolution(16, 3, **halving), Convolution(32, 3, **halving), Flatten(), Dense(16)],
        "decoder": [
            Dense(128, "relu"),
            Reshape((2, 2, 32)),
            TransposedConvolution(16, 4, **halving),
            TransposedConvolution(1, 4, stride=2, padding=1),
        ],
    }
    images = DIGITS.reshape(-1, 8, 8)
    found = ConditionalVAE(**layers, n_iter=40, random_state=0).fit(images, LABELS)
    assert found.parameters_["encoder.0.weights"].shape == (3, 3, 11, 16)  # channels: grey, classes
    asked = np.repeat(np.arange(10), 20)
    samples = found.sample(200, y=asked)
    assert samples.shape == (200, 8, 8)
    assert np.mean(SVC(C=5).fit(DIGITS, LABELS).predict(samples.reshape(200, -1)) == asked) > 0.9
    found.save(tmp_path / "model")
    loaded = ConditionalVAE.load(tmp_path / "model")
    assert loaded.get_params() == found.get_params()
    assert_array_equal(loaded.sample(200, y=asked), samples)
    described = ConditionalVAE(3, **SMALL, channels=(4,)).fit(images, LABELS)
    assert described.parameters_["encoder.0.weights"].shape == (5, 5, 11, 4)
    assert described.sample(2, y=3).shape == (2, 8, 8)


def test_in_a_pipeline():
    pipeline = make_pipeline(MinMaxScaler(), ConditionalVAE(4, **SMALL), LogisticRegression(max_iter=500)).fit(X, Y)
    assert pipeline.predict(X).shape == (300,)


def test_weights_of_zero_leave_samples_out_with_their_labels():
    weights = (np.arange(300) % 3 > 0).astype(float)
    with_zeros = ConditionalVAE(3, **SMALL).fit(X, Y, sample_weight=weights)
    without = ConditionalVAE(3, **SMALL).fit(X[weights > 0], Y[weights > 0])
    assert_array_equal(with_zeros.transform(X, Y), without.transform(X, Y))
    assert_array_equal(with_zeros.class_count_, without.class_count_)


def test_partial_fit_is_fit(tmp_path):
    whole = ConditionalVAE(3, **{**SMALL, "n_iter": 4}).fit(X, Y)
    parts = ConditionalVAE(3, **{**SMALL, "n_iter": 4})
    parts.partial_fit(X, Y, classes=np.arange(10)).partial_fit(X, Y).save(tmp_path / "model")
    parts = ConditionalVAE.load(tmp_path / "model").partial_fit(X, Y, classes=np.arange(10)).partial_fit(X, Y)
    for name, array in whole.parameters_.items():
        assert_array_equal(array, parts.parameters_[name])
    assert_array_equal(parts.class_count_, 4 * whole.class_count_)


def test_classes_may_come_later():
    found = ConditionalVAE(3, **SMALL).partial_fit(X[Y < 5], Y[Y < 5], classes=np.arange(10))
    assert found.class_prior_[7] == 0
    assert np.isfinite(found.transform(X[:5])).all()
    found.partial_fit(X[Y >= 5], Y[Y >= 5])
    assert (found.class_prior_ > 0).all()
    with pytest.raises(ValueError, match="are not those of the first call"):
        found.partial_fit(X, Y, classes=np.arange(11))
    few = ConditionalVAE(3, **SMALL).partial_fit(X[Y < 5], Y[Y < 5])
    with pytest.raises(ValueError, match=r"y has the label \d, which is none of the classes \[0, 1, 2, 3, 4\]"):
        few.partial_fit(X, Y)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_killed_and_resumed_is_uninterrupted(tmp_path, early_stopping):
    options = {**SMALL, "n_iter": 6, "early_stopping": early_stopping}
    through = ConditionalVAE(3, **options).fit(X, Y)
    kept = Checkpoint(tmp_path / "run", resume=True)
    with pytest.raises(Killed):
        ConditionalVAE(3, **options, callbacks=[kept, Kill(3)]).fit(X, Y)
    with pytest.raises(ValueError, match="labels"):
        ConditionalVAE(3, **options, callbacks=[kept]).fit(X, Y[::-1])
    resumed = ConditionalVAE(3, **options, callbacks=[kept]).fit(X, Y)
    for name, array in through.parameters_.items():
        assert_array_equal(array, resumed.parameters_[name])


def test_number_of_jobs_changes_nothing():
    options = {**SMALL, "hidden_layer_sizes": (200,)}
    one, two = (ConditionalVAE(16, **options, n_jobs=n).fit(X, Y) for n in (1, 2))
    assert_array_equal(one.transform(X), two.transform(X))


@pytest.mark.parametrize("names", [False, True])
def test_saved_and_loaded(tmp_path, names):
    y = NAMES[Y] if names else Y
    found = ConditionalVAE(3, **SMALL, likelihood="gaussian").fit(X, y)
    found.save(tmp_path / "model")
    loaded = ConditionalVAE.load(tmp_path / "model")
    assert loaded.get_params() == found.get_params()
    assert_array_equal(loaded.classes_, found.classes_)
    assert_array_equal(loaded.class_prior_, found.class_prior_)
    assert_array_equal(loaded.transform(X), found.transform(X))
    assert_array_equal(loaded.sample(5), found.sample(5))
    assert_array_equal(loaded.score_samples(X, y), found.score_samples(X, y))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda arrays, values: arrays.pop("class_count_"), "lacks an array 'class_count_'"),
        (lambda arrays, values: arrays.update(class_count_=np.ones(9)), "10 classes for 9"),
        (lambda arrays, values: arrays.update(class_count_=-np.ones(10)), "counts below 0"),
        (lambda arrays, values: arrays.update(class_count_=np.ones(10, "f4")), "the model needs"),
        (lambda arrays, values: values.pop("classes"), "classes are damaged"),
        (lambda arrays, values: values["classes"].update(dtype="<U400000000"), "classes are damaged"),
        (lambda arrays, values: arrays.update({"parameter/decoder.0.bias": np.zeros(8, "f4")}), "the model needs"),
    ],
)
def test_damaged_files_are_refused(tmp_path, monkeypatch, damage, message):
    found = ConditionalVAE(3, **SMALL).fit(X, Y)
    arrays, values = found._saved()
    damage(arrays, values)
    monkeypatch.setattr(ConditionalVAE, "_saved", lambda self: (arrays, values))
    found.save(tmp_path / "model")
    with pytest.raises(ModelFileError, match=message):
        ConditionalVAE.load(tmp_path / "model")


def test_labels_that_do_not_fit_are_refused():
    for y, message in ((None, "requires y"), (Y[:-1], "inconsistent numbers"), (np.zeros(300), "at least 2 classes")):
        with pytest.raises(ValueError, match=message):
            ConditionalVAE(3, **SMALL).fit(X, y)
    found = ConditionalVAE(3, **SMALL).fit(X, Y)
    unseen = r"y has the label 11, which is none of the classes \[0, 1, 2, 3, 4, 5, 6, 7, 8, 9\]"
    codes = found.transform(X[:3], Y[:3])
    for call in (
        lambda: found.sample(y=11),
        lambda: found.transform(X, np.full(300, 11)),
        lambda: found.reconstruct(X, 11),
        lambda: found.inverse_transform(codes, [1, 2, 11]),
        lambda: found.score_samples(X, 11),
        lambda: found.posterior(X, 11),
    ):
        with pytest.raises(ValueError, match=unseen):
            call()
    for call in (lambda: found.sample(3, y=[1, 2]), lambda: found.reconstruct(X[:3], [1, 2])):
        with pytest.raises(ValueError, match=r"y must be one label or have shape \(3,\), .* got \(2,\)"):
            call()
    with pytest.raises(ValueError, match="X has 4 columns, but the codes of this ConditionalVAE have 3"):
        found.inverse_transform(np.zeros((2, 4)), 1)
    with pytest.raises(ValueError, match="n_samples must be an integer of at least 1, got 0"):
        found.sample(0)


def test_dictionary_of_images_with_labels_at_every_pixel():
    found = ConditionalVAE(encoder=[Dense(8)], decoder=[Dense(64)], image_shape=(8, 8), n_iter=1).fit(X, Y)
    weights = found.parameters_["encoder.0.weights"].reshape(64, 11, 8)[:, 0]
    assert_allclose(found.feature_dictionary_, (weights / np.linalg.norm(weights, axis=0)).T, rtol=1e-5)


@pytest.mark.parametrize("means", [True, False])
@pytest.mark.parametrize("y", [None, 3])
def test_display_shows_what_is_sampled(means, y):
    found = ConditionalVAE(3, **SMALL).fit(X.reshape(-1, 8, 8), Y)
    shown = SamplesDisplay.from_estimator(found, n_samples=4, means=means, y=y, random_state=1).samples
    assert_array_equal(shown, found.sample(4, means=means, y=y, random_state=1))


def test_defaults_make_samples_of_the_class_asked_for():
    X, y = load_wine(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    found = ConditionalVAE(likelihood="gaussian", random_state=0).fit(X, y)
    asked = np.repeat(np.arange(3), 200)
    assert SVC().fit(X, y).score(found.sample(600, y=asked, means=False, random_state=1), asked) > 0.9  # was 0.97
