"""Networks on the simulated device: the same layers, learner and estimator as on the CPU."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from ebm.autoencoder.layout import dense_layout
from ebm.autoencoder.reconstruction import Reconstruction
from ebm.data import TrainingData
from ebm.kernels.activations import KINDS
from ebm.networks.context import Context
from ebm.networks.dense import Dense, TransposedDense
from ebm.networks.learning import NetworkLearner
from ebm.networks.sequential import Sequential
from ebm.optimizers.adam import Adam
from ebm.optimizers.clipping import ClipByNorm
from ebm.random import Random
from ebm.training import train
from ebm_sklearn.autoencoder import Autoencoder

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_layers(device, dtype):
    kinds = list(KINDS)
    layer = Sequential([(Dense, TransposedDense)[i % 2](2 + i % 3, kind) for i, kind in enumerate(kinds)])
    start = layer.initial((3,), Random(0), dtype)
    x, dy = RNG.normal(size=(2, 3)).astype(dtype), RNG.normal(size=(2, 2)).astype(dtype)
    found = []
    for place in ("cpu", device):
        context = Context(place)
        on = {name: context.device.upload(array) for name, array in start.items()}
        y, cache = layer.forward(on, context.device.upload(x), context)
        gradients = {name: context.device.zeros(array.shape, dtype) for name, array in start.items()}
        dx = layer.backward(on, cache, context.device.upload(dy), gradients, context)
        found.append([y, dx, *gradients.values()])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(device.download(theirs), ours, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("form", [np.asarray, csr_array])
def test_learner(device, form):
    X = np.where(RNG.random((5, 4)) < 0.5, RNG.random((5, 4)), 0)
    layout = dense_layout(4, 2, (3,), activation="tanh", tied=True)
    found = []
    for place in ("cpu", device):
        data, start = TrainingData.from_array(form(X)), layout.initial(Random(0), np.float64)
        options = {"n_epochs": 2, "batch_size": 2, "clipping": ClipByNorm(0.5), "device": place}
        learner = NetworkLearner(start, Reconstruction(layout, "bernoulli"), data, Adam(0.1), Random(1), **options)
        train(learner, 2)
        found.append({**learner.state(), "loss": learner.mean_loss})
    for name, array in found[0].items():
        np.testing.assert_allclose(found[1][name], array, rtol=1e-9, atol=1e-12)


def test_estimator(device):
    X = RNG.random((6, 4))
    there, here = (Autoencoder(2, n_iter=2, device=name, random_state=0).fit(X) for name in ("cuda", "cpu"))
    np.testing.assert_allclose(there.transform(X), here.transform(X), rtol=1e-9)
