"""Recurrent networks with device="cuda", the whole way through the simulated device, beside device="cpu"."""

import numpy as np
import pytest
from sklearn.base import clone

from tests.estimators.recurrent_data import KINDS, made, problem, same

DEEP = {"n_layers": 2, "bidirectional": True, "dropout": 0.2, "recurrent_dropout": 0.2, "hidden_layer_sizes": (3,)}


@pytest.mark.parametrize("kind", KINDS)
def test_an_estimator_learns_the_same_on_the_device(device, kind, tmp_path):
    X, y = problem(kind, n=6, dtype=np.float64)
    stop = {"early_stopping": True, "validation_fraction": 0.4}
    cpu = made(kind, n_iter=1, units=3, batch_size=3, **DEEP, **stop).fit(X, y)
    there = clone(cpu).set_params(device=device).fit(X, y)
    for name, array in cpu.parameters_.items():
        assert type(there.parameters_[name]) is np.ndarray
        np.testing.assert_allclose(there.parameters_[name], array, atol=1e-12)
    assert there.history_[0]["validation_loss"] == pytest.approx(cpu.history_[0]["validation_loss"], rel=1e-10)
    there.set_params(device="cuda").save(tmp_path / "model")
    assert same(kind.load(tmp_path / "model").predict(X), there.predict(X))


def test_means_and_weights_of_frames_are_learnt_from_on_the_device(device):
    X, y = problem(KINDS[0], n=6, dtype=np.float64)
    cpu = made(KINDS[0], n_iter=1, units=3, pooling="mean", class_weight="balanced").fit(X, y)
    there = clone(cpu).set_params(device=device).fit(X, y)
    for name, array in cpu.parameters_.items():
        np.testing.assert_allclose(there.parameters_[name], array, atol=1e-12)
