"""What variational autoencoders add for a GPU, in the simulator: loops, and the whole gradient with labels."""

import numpy as np
import pytest

from ebm.autoencoder.likelihood import BernoulliLikelihood, GaussianLikelihood
from ebm.autoencoder.variational import Variational
from ebm.autoencoder.variational_layout import variational_layout
from ebm.data import TrainingData
from ebm.kernels import bound, joining
from ebm.kernels.importance import draw_codes
from ebm.networks.learning import NetworkLearner
from ebm.optimizers.adam import Adam
from ebm.random import Draw, Random
from ebm.training import train

DTYPES = [np.float32, np.float64]


def close(found, right, dtype):
    np.testing.assert_allclose(found, right, rtol=100 * np.finfo(dtype).eps, atol=20 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3,), (2, 2, 3)])
def test_joining_equals_the_cpu(device, dtype, shape):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, *shape)).astype(dtype), rng.normal(size=(2, 4)).astype(dtype)
    expected = np.empty((2, *shape[:-1], 7), dtype)
    joining.join(a, b, expected)
    out = device.zeros(expected.shape, dtype)
    joining.join(device.upload(a), device.upload(b), out)
    np.testing.assert_array_equal(device.download(out), expected)
    if len(shape) == 1:
        left = device.zeros((2, 3), dtype)
        joining.take_left(out, left)
        np.testing.assert_array_equal(device.download(left), a)


@pytest.mark.parametrize("dtype", DTYPES)
def test_parts_of_the_bound_equal_the_cpu(device, dtype):
    a, b = np.random.default_rng(0).normal(size=(2, 5)).astype(dtype)
    expected, out = np.empty(5, dtype), device.zeros(5, dtype)
    bound.negative_bound(a, 0.7, b, expected)
    bound.negative_bound(device.upload(a), 0.7, device.upload(b), out)
    close(device.download(out), expected, dtype)
    bound.fill(0.3, out)
    assert (device.download(out) == dtype(0.3)).all()
    bound.repeat(device.upload(a[:1]), out)
    assert (device.download(out) == a[0]).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("m", [1, 3, 6])
def test_codes_equal_the_cpu(device, dtype, m):
    posterior = np.random.default_rng(0).normal(size=(3, 2 * m)).astype(dtype)
    numbers, draw = (np.array([7, 2**32 - 1, 0]), np.array([0, 5, 2])), Draw((3 << 32) + 1, 96)
    z, ratios = np.empty((3, m), dtype), np.empty(3, dtype)
    draw_codes(posterior, *numbers, draw, z, ratios)
    there = device.zeros((3, m), dtype), device.zeros(3, dtype)
    draw_codes(device.upload(posterior), *(device.upload(n) for n in numbers), draw, *there)
    close(device.download(there[0]), z, dtype)
    close(device.download(there[1]), ratios, dtype)


@pytest.mark.parametrize(
    "likelihood", [BernoulliLikelihood(), GaussianLikelihood(), GaussianLikelihood("features"), GaussianLikelihood(0.5)]
)
def test_learning_with_labels_equals_the_cpu(device, likelihood):
    rng = np.random.default_rng(0)
    X, labels = rng.random((5, 4)), np.eye(2)[rng.integers(0, 2, 5)]
    layout = variational_layout(4, 2, (3,), activation="tanh", likelihood=likelihood, n_classes=2)
    found = []
    for where in ("cpu", device):
        learner = NetworkLearner(
            layout.initial(Random(0), np.float64), Variational(layout, 0.7), TrainingData.from_array(X),
            Adam(0.01), Random(1), n_epochs=2, batch_size=3, extra={"labels": labels}, device=where,
        )  # fmt: skip
        train(learner, 2)
        found.append({**learner.parameters, "loss": np.array(learner.mean_loss)})
    for name, right in found[0].items():
        np.testing.assert_allclose(found[1][name], right, rtol=1e-9, atol=1e-12)
