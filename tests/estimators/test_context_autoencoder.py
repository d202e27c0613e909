"""The context-sensitive autoencoder: the context is recovered, its weight counts, files, bad input."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from ebm.storage import ModelFileError
from ebm.training import Checkpoint
from ebm_sklearn.context_autoencoder import ContextAutoencoder
from tests.estimators.test_autoencoder import Kill, Killed

DIGITS = (load_digits().data / 16).astype(np.float32)
RIGHT, LEFT = DIGITS.reshape(-1, 8, 8)[:, :, 4:].reshape(-1, 32), DIGITS.reshape(-1, 8, 8)[:, :, :4].reshape(-1, 32)
FEW = slice(0, 200)
HELD_OUT = "the samples that are held out are drawn by number, and a repeated row has two"
DRAWN = "masks are drawn by the row of the batch, and a repeated row has two of them"


def expected_failures(estimator):
    reason = HELD_OUT if estimator.early_stopping else DRAWN if estimator.corruption is not None else ""
    checks = [f"check_sample_weight_equivalence_on_{kind}_data" for kind in ("dense", "sparse")]
    return dict.fromkeys(checks, reason) if reason else {}


@parametrize_with_checks(
    [ContextAutoencoder(3, n_iter=3), ContextAutoencoder(3, hidden_layer_sizes=(5,), corruption=None, n_iter=2)],
    expected_failed_checks=expected_failures,
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def fitted():
    """Right halves of digits, in the context of their left halves."""
    options = {"hidden_layer_sizes": (128,), "learning_rate": 3e-3, "n_iter": 60, "random_state": 0}
    return ContextAutoencoder(24, **options).fit(RIGHT[:1400], LEFT[:1400])


def test_context_is_recovered_from_the_sample():
    """What a digit is, from its picture alone: with a far smaller error than a linear guess."""
    labels = load_digits().target
    context = np.eye(10, dtype=np.float32)[labels]
    options = {"hidden_layer_sizes": (128,), "context_weight": 2.0, "learning_rate": 3e-3, "n_iter": 30}
    found = ContextAutoencoder(32, **options, random_state=0).fit(DIGITS[:1400], context[:1400])
    linear = LinearRegression().fit(DIGITS[:1400], context[:1400])
    ours, guess = found.reconstruct_context(DIGITS[1400:]), linear.predict(DIGITS[1400:])
    errors = [((x - context[1400:]) ** 2).sum(axis=1).mean() for x in (ours, guess)]
    assert errors[0] < 0.75 * errors[1]
    assert (ours.argmax(axis=1) == labels[1400:]).mean() > 0.84


def test_code_of_both_holds_both(fitted):
    with_context = fitted.reconstruct_context(RIGHT[1400:], LEFT[1400:])
    alone = fitted.reconstruct_context(RIGHT[1400:])
    errors = [((x - LEFT[1400:]) ** 2).sum() for x in (with_context, alone)]
    assert errors[0] < 0.5 * errors[1]
    z = fitted.transform(RIGHT[1400:], LEFT[1400:])
    assert_allclose(fitted.inverse_transform(z), fitted.reconstruct(RIGHT[1400:], LEFT[1400:]), rtol=1e-5, atol=1e-6)
    y, c = fitted.reconstruct(RIGHT[:9], LEFT[:9]), fitted.reconstruct_context(RIGHT[:9], LEFT[:9])
    loss = ((y - RIGHT[:9]) ** 2).sum(axis=1) + ((c - LEFT[:9]) ** 2).sum(axis=1)
    assert_allclose(-fitted.score_samples(RIGHT[:9], LEFT[:9]), loss, rtol=1e-4)


def test_weight_of_the_context_counts():
    """A linear one of 4 numbers learns the principal components of the weighted whole."""
    found = {}
    for weight in (0.01, 100.0):
        options = {"context_weight": weight, "corruption": None, "learning_rate": 0.01, "schedule": "linear"}
        one = ContextAutoencoder(4, **options, n_iter=150, random_state=0).fit(RIGHT[:600], LEFT[:600])
        pca = PCA(4).fit(np.hstack([RIGHT[:600], np.sqrt(weight) * LEFT[:600]]))
        whole = pca.inverse_transform(pca.transform(np.hstack([RIGHT[:600], np.sqrt(weight) * LEFT[:600]])))
        best = ((whole[:, :32] - RIGHT[:600]) ** 2).sum(axis=1).mean()
        ours = ((one.reconstruct(RIGHT[:600], LEFT[:600]) - RIGHT[:600]) ** 2).sum(axis=1).mean()
        assert_allclose(ours, best, rtol=0.03)
        found[weight] = ours
    assert found[0.01] < 0.7 * found[100.0]


def test_context_goes_through_a_pipeline_as_y():
    model = make_pipeline(FunctionTransformer(), ContextAutoencoder(4, n_iter=1)).fit(RIGHT[FEW], LEFT[FEW])
    assert model.transform(RIGHT[FEW]).shape == (200, 4)


def test_images_stay_images():
    images = DIGITS[FEW].reshape(-1, 8, 8)[:, :, 4:]
    found = ContextAutoencoder(4, n_iter=1, random_state=0).fit(images, LEFT[FEW])
    assert found.reconstruct(images).shape == images.shape
    assert found.inverse_transform(found.transform(images, LEFT[FEW])).shape == images.shape
    assert found.reconstruct_context(images).shape == (200, 32)


def test_killed_and_resumed_is_uninterrupted(tmp_path):
    options = {"n_iter": 4, "random_state": 1}
    through = ContextAutoencoder(4, **options).fit(RIGHT[FEW], LEFT[FEW])
    kept = Checkpoint(tmp_path / "run", resume=True)
    with pytest.raises(Killed):
        ContextAutoencoder(4, **options, callbacks=[kept, Kill(2)]).fit(RIGHT[FEW], LEFT[FEW])
    resumed = ContextAutoencoder(4, **options, callbacks=[kept]).fit(RIGHT[FEW], LEFT[FEW])
    assert_array_equal(through.transform(RIGHT[FEW]), resumed.transform(RIGHT[FEW]))


def test_saved_loaded_and_gone_on(tmp_path):
    whole = ContextAutoencoder(4, n_iter=2, random_state=0).fit(RIGHT[FEW], LEFT[FEW, 0])
    part = ContextAutoencoder(4, n_iter=2, random_state=0).partial_fit(RIGHT[FEW], LEFT[FEW, 0])
    part.save(tmp_path / "model")
    loaded = ContextAutoencoder.load(tmp_path / "model").partial_fit(RIGHT[FEW], LEFT[FEW, 0])
    assert_array_equal(whole.reconstruct_context(RIGHT[FEW]), loaded.reconstruct_context(RIGHT[FEW]))
    arrays, values = whole._saved()
    with pytest.raises(ModelFileError, match="context_mean_"):
        ContextAutoencoder()._restore(arrays, {**values, "n_context": 2}, "file")
    other = {**arrays, "context_mean_": np.float64(arrays["context_mean_"])}
    with pytest.raises(ModelFileError, match="'context_mean_' is float64"):
        ContextAutoencoder()._restore(other, values, "file")


@pytest.mark.parametrize(
    ("context", "message"),
    [
        (None, "target y is None"),
        (LEFT[:9], "inconsistent numbers of samples"),
        (np.full((200, 2), np.nan), "NaN"),
        (np.zeros((200, 2, 2)), "dim 3"),
        (np.array(["left", "right"] * 100), "contexts must be numbers; encode labels first"),
    ],
)
def test_bad_contexts_are_refused(context, message):
    with pytest.raises(ValueError, match=message):
        ContextAutoencoder(4, n_iter=1).fit(RIGHT[FEW], context)


def test_contexts_of_another_size_are_refused(fitted):
    with pytest.raises(ValueError, match="contexts have 5 numbers, those seen in fit had 32"):
        fitted.transform(RIGHT[:9], LEFT[:9, :5])


def test_dictionary_is_of_samples():
    found = ContextAutoencoder(4, n_iter=1).fit(RIGHT[FEW], LEFT[FEW, :7])
    weights = found.parameters_["encoder.0.weights"][:32]
    assert_allclose(found.feature_dictionary_, (weights / np.linalg.norm(weights, axis=0)).T, rtol=1e-6)
