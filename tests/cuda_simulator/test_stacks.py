"""Noise, sparse codes, stages and classes on the simulated device: the same as on the CPU."""

import numpy as np
import pytest

from ebm_sklearn.denoising_autoencoder import DenoisingAutoencoder
from ebm_sklearn.sparse_autoencoder import SparseAutoencoder
from ebm_sklearn.stacked_autoencoder import StackedAutoencoder
from ebm_sklearn.stacked_autoencoder_classifier import StackedAutoencoderClassifier

X = np.random.default_rng(0).random((6, 4))
Y = np.array([0, 1, 2, 0, 1, -1])
LAYERS = {"hidden_layer_sizes": (3,), "pretrain_iter": 1}


@pytest.mark.parametrize(
    "estimator",
    [
        *(DenoisingAutoencoder(3, corruption=noise) for noise in ("gaussian", "masking", "salt_and_pepper")),
        SparseAutoencoder(3),
        StackedAutoencoder(2, **LAYERS, kind="denoising", corruption="gaussian"),
        StackedAutoencoderClassifier(2, **LAYERS, unlabeled=-1),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_estimators(device, estimator):
    found = []
    for place in ("cuda", "cpu"):
        estimator.set_params(n_iter=1, batch_size=4, device=place, random_state=0).fit(X, Y)
        found.append((estimator.transform(X), [row["loss"] for row in estimator.history_ if "loss" in row]))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-9)
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-9)
