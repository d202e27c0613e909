"""RBM(device="cuda"), the whole way through the simulated device, beside device="cpu"."""

import numpy as np
import pytest
from sklearn.base import clone

from ebm_sklearn import RBM

X = (np.random.default_rng(0).random((12, 7)) < 0.4).astype(np.float32)


@pytest.mark.parametrize("learning", ["pcd", "cd"])
def test_an_estimator_learns_the_same_on_the_device(device, learning, tmp_path):
    cpu = RBM(4, n_iter=2, batch_size=5, learning=learning, random_state=0).fit(X)
    on_device = clone(cpu).set_params(device=device).fit(X)
    named = clone(cpu).set_params(device="cuda").fit(X).partial_fit(X)
    on_device.partial_fit(X)
    cpu.partial_fit(X)
    for name in ("components_", "intercept_hidden_", "intercept_visible_"):
        for fitted in (on_device, named):
            assert type(getattr(fitted, name)) is np.ndarray
            np.testing.assert_allclose(getattr(fitted, name), getattr(cpu, name), atol=1e-6)
    if learning == "pcd":
        np.testing.assert_array_equal(on_device.chains_, cpu.chains_)
    named.save(tmp_path / "model")
    np.testing.assert_array_equal(RBM.load(tmp_path / "model").score_samples(X), named.score_samples(X))


def test_exact_learning_stays_on_the_cpu(device):
    with pytest.raises(ValueError, match="learning='exact' runs on the CPU"):
        RBM(4, learning="exact", device="cuda").fit(X)
