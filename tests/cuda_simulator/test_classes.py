"""The CUDA loops of classes equal the CPU's, and a classification RBM learns on a device as it does on the CPU."""

import numpy as np
import pytest

from ebm.boltzmann.class_gradient import Objective
from ebm.boltzmann.class_learning import ClassLearner, initial_classifier
from ebm.boltzmann.classification_rbm import FIELDS, ClassificationRBM, labelled_sweeps
from ebm.boltzmann.rule import Rule
from ebm.data import TrainingData
from ebm.kernels.classes import class_scores, class_sums, draw_classes
from ebm.random import Draw, Random
from tests.boltzmann.class_models import small_classifier

DTYPES = [np.float32, np.float64]
SEED = Random((3 << 32) + 5)


def noise(shape, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 2, 1), (5, 3, 7)])
def test_scores_and_sums_equal_the_cpu(device, dtype, shape):
    rows, classes, n = shape
    x, u, d, q = (
        noise(part, dtype, seed) for seed, part in enumerate([(rows, n), (classes, n), (classes,), (rows, classes)])
    )
    there = [device.upload(part) for part in (x, u, d, q)]
    close = {"rtol": 32 * np.finfo(dtype).eps, "atol": 32 * np.finfo(dtype).eps}
    np.testing.assert_allclose(device.download(class_scores(*there[:3])), class_scores(x, u, d), **close)
    for here, moved in zip(class_sums(x, u, q), class_sums(*there[:2], there[3]), strict=True):
        np.testing.assert_allclose(device.download(moved), here, **close)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("column", [0, 5, 7])
def test_classes_drawn_equal_the_cpus(device, dtype, column):
    scores = 2 * noise((40, 4), dtype)
    draw = Draw(seed=(5 << 32) + 9, stream=3, step=11, first_row=100)
    drawn = draw_classes(device.upload(scores), draw, column)
    assert drawn.dtype == np.int64
    np.testing.assert_array_equal(device.download(drawn), draw_classes(scores, draw, column))


def test_arrays_of_two_devices_are_refused(device):
    with pytest.raises(ValueError, match="do not fit"):
        class_scores(device.upload(np.zeros((2, 3))), np.zeros((4, 3)), np.zeros(4))


def test_the_model_on_a_device_equals_the_cpus(device):
    model = small_classifier(4, 5, 3)
    there = ClassificationRBM(*(device.upload(getattr(model, name)) for name in FIELDS))
    v, y = model.visible.states(4), np.arange(16) % 3
    moved, labels = device.upload(v), device.upload(y)
    for here, found in (
        (model.class_log_probabilities(v), there.class_log_probabilities(moved)),
        (model.free_energy(v), there.free_energy(moved)),
        (model.hidden_mean(v), there.hidden_mean(moved)),
        (model.hidden_mean(v, y), there.hidden_mean(moved, labels)),
    ):
        np.testing.assert_allclose(device.download(found), here, rtol=1e-12)
    h = np.zeros((6, 5))
    for given in (None, np.arange(6) % 3):
        clamped = None if given is None else device.upload(given)
        *_, here = labelled_sweeps(model, h, 2, SEED, labels=given)
        *_, found = labelled_sweeps(there, device.upload(h), 2, SEED, labels=clamped)
        for a, b in zip(here, found, strict=True):
            np.testing.assert_array_equal(device.download(b), a)


@pytest.mark.parametrize(
    ("objective", "rule"),
    [
        (Objective(1, 0.1), Rule(batch_size=4, n_chains=3, n_gibbs=2, learning_rate=0.2, l1=1e-3)),
        (Objective(0, 1), Rule(learning="cd", batch_size=4, learning_rate=0.2)),
        (Objective(1, 0), Rule(batch_size=4, learning_rate=0.2, centered=False)),
    ],
    ids=["hybrid", "generative", "discriminative"],
)
def test_a_fit_equals_the_cpus(device, objective, rule):
    rng = np.random.default_rng(0)
    labels = rng.integers(-1 if objective.generative else 0, 3, 10)
    data = TrainingData.from_array((rng.random((10, 6)) < 0.4).astype(np.float64), rng.random(10) + 0.1)
    model = initial_classifier(data, labels, 5, 3, SEED, visible_bias=np.zeros(6))
    states = []
    for place in ("cpu", device):
        learner = ClassLearner(model, data, labels, rule, objective, SEED, n_epochs=2, device=place)
        for epoch in range(2):
            learner.begin_epoch(epoch)
            learner.update(0, learner.n_batches)
        assert learner.is_sound()
        states.append(learner.state())
    assert states[0].keys() == states[1].keys()
    for name, array in states[0].items():
        assert type(states[1][name]) is np.ndarray
        np.testing.assert_allclose(states[1][name], array, atol=1e-12, rtol=0, err_msg=name)


def test_an_estimator_fits_on_the_device(device):
    from ebm_sklearn import RBMClassifier

    X = (np.random.default_rng(1).random((8, 6)) < 0.4).astype(np.float64)
    y = np.array(["a", "b"] * 4)
    options = {"n_components": 3, "batch_size": 4, "n_iter": 1, "random_state": 2}
    cpu, gpu = RBMClassifier(**options).fit(X, y), RBMClassifier(**options, device=device).fit(X, y)
    np.testing.assert_allclose(gpu.components_, cpu.components_, atol=1e-12, rtol=0)
    np.testing.assert_allclose(gpu.predict_proba(X), cpu.predict_proba(X), atol=1e-12, rtol=0)
