"""scikit-learn's own judgement of denoising, sparse and stacked autoencoders, and of the classifier on a stack."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from ebm_sklearn.denoising_autoencoder import DenoisingAutoencoder
from ebm_sklearn.sparse_autoencoder import SparseAutoencoder
from ebm_sklearn.stacked_autoencoder import StackedAutoencoder
from ebm_sklearn.stacked_autoencoder_classifier import StackedAutoencoderClassifier

pytestmark = pytest.mark.filterwarnings("ignore::ebm_sklearn.OutOfRangeWarning")

NOISE = "a row of weight 2 is corrupted once, and a repeated row twice"
HELD_OUT = "the samples that are held out are drawn by number, and a repeated row has two"


def expected_failures(estimator):
    checks = [f"check_sample_weight_equivalence_on_{kind}_data" for kind in ("dense", "sparse")]
    if estimator.early_stopping:
        return dict.fromkeys(checks, HELD_OUT)
    noisy = isinstance(estimator, DenoisingAutoencoder) or getattr(estimator, "kind", "") == "denoising"
    return dict.fromkeys(checks, NOISE) if noisy else {}


LAYERS = {"hidden_layer_sizes": (6,), "pretrain_iter": 3}
ESTIMATORS = [
    DenoisingAutoencoder(8, n_iter=3),
    DenoisingAutoencoder(4, corruption="masking", loss="bernoulli", n_iter=3, early_stopping=True),
    SparseAutoencoder(8, n_iter=3),
    StackedAutoencoder(4, **LAYERS, n_iter=3),
    StackedAutoencoder(4, **LAYERS, n_iter=3, kind="plain", tied=True, batch_size=500),
    StackedAutoencoderClassifier(16, hidden_layer_sizes=(32,), pretrain_iter=3, n_iter=100, learning_rate=0.01),
    StackedAutoencoderClassifier(
        16, hidden_layer_sizes=(), kind="sparse", pretrain_iter=5, n_iter=100, code_activation="sigmoid",
        activation="sigmoid", learning_rate=0.03, batch_size=500,
    ),
]  # fmt: skip


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected_failures)
def test_scikit_learn_contract(estimator, check):
    check(estimator)
