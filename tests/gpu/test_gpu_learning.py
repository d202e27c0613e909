"""On a GPU: whole fits beside the CPU's, graphs beside eager launches, two fits at once, a model."""

import threading

import numpy as np
import pytest

from ebm.boltzmann.device_learning import DeviceLearner
from ebm.boltzmann.learning import ContrastiveLearner, initial_model
from ebm.boltzmann.rbm import RBM
from ebm.boltzmann.rule import Rule
from ebm.data import TrainingData
from ebm.device import CudaDevice
from ebm.random import Random, Stream
from tests.cuda_simulator.test_learning import (  # noqa: F401  (the same tests, on the GPU)
    test_a_diverged_device_is_seen,
    test_a_fit_equals_the_cpus,
    test_a_fit_in_float32_equals_the_cpus,
    test_a_fit_moves_from_the_device_to_the_cpu_and_back,
    test_an_estimator_fits_on_the_device,
)
from tests.gpu.devices import Eager, OwnProduct

SEED = Random(2**40 + 17)


def problem(dtype, n_hidden=120):
    """Rows that lean on a few patterns, as images do; the last batch is smaller."""
    rng = np.random.default_rng(0)
    patterns = rng.random((8, 300)) < 0.2
    X = patterns[rng.integers(8, size=1030)] ^ (rng.random((1030, 300)) < 0.02)
    data = TrainingData.from_array(X, dtype=dtype)
    return data, initial_model(data, n_hidden, SEED, weight_scale=0.1)


def fit(learner, epochs=2):
    for epoch in range(epochs):
        learner.begin_epoch(epoch)
        learner.update(0, 4)
        learner.update(4, learner.n_batches)
    return learner.state()


RULES = [
    Rule(batch_size=100, n_chains=60),
    Rule(learning="cd", batch_size=100),
    Rule(n_gibbs=5, centered=False),
]


@pytest.mark.parametrize("rule", RULES, ids=["pcd-1", "cd-1", "pcd-5"])
def test_a_fit_in_float64_equals_the_cpus(device, rule):
    data, model = problem(np.float64)
    expected = fit(ContrastiveLearner(model, data, rule, SEED, n_epochs=2))
    state = fit(DeviceLearner(model, data, rule, SEED, n_epochs=2, device=device))
    np.testing.assert_array_equal(state["chains"], expected["chains"])
    for name, array in expected.items():
        np.testing.assert_allclose(state[name], array, atol=1e-10, rtol=0, err_msg=name)


@pytest.mark.parametrize("rule", RULES, ids=["pcd-1", "cd-1", "pcd-5"])
def test_an_epoch_in_float32_stays_by_the_cpus(device, rule):
    """Rounding flips a state in a million; chains that differ by one go their own ways, slowly."""
    data, model = problem(np.float32)
    expected = fit(ContrastiveLearner(model, data, rule, SEED, n_epochs=1), 1)
    state = fit(DeviceLearner(model, data, rule, SEED, n_epochs=1, device=device), 1)
    assert np.mean(state["chains"] != expected["chains"]) < 0.01
    for name in ("weights", "visible_bias", "hidden_bias"):
        assert np.abs(state[name] - expected[name]).max() < 0.01, name


@pytest.mark.parametrize("rule", RULES, ids=["pcd-1", "cd-1", "pcd-5"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_replayed_graph_equals_eager_launches(device, rule, dtype):
    data, model = problem(dtype)
    expected = fit(DeviceLearner(model, data, rule, SEED, n_epochs=2, device=Eager()))
    state = fit(DeviceLearner(model, data, rule, SEED, n_epochs=2, device=device))
    for name, array in expected.items():
        np.testing.assert_array_equal(state[name], array, err_msg=name)


def test_a_fit_with_our_own_product_equals_cublas(device):
    data, model = problem(np.float64)
    rule = RULES[0]
    expected = fit(DeviceLearner(model, data, rule, SEED, n_epochs=2, device=device))
    state = fit(DeviceLearner(model, data, rule, SEED, n_epochs=2, device=OwnProduct()))
    np.testing.assert_array_equal(state["chains"], expected["chains"])
    np.testing.assert_allclose(state["weights"], expected["weights"], atol=1e-10, rtol=0)


def test_two_fits_at_once_in_two_threads(device):
    data, model = problem(np.float32)
    expected = fit(DeviceLearner(model, data, RULES[0], SEED, n_epochs=2, device=device))
    found = {}

    def work(key):
        found[key] = fit(DeviceLearner(model, data, RULES[0], SEED, n_epochs=2, device=CudaDevice()))

    threads = [threading.Thread(target=work, args=(key,)) for key in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for state in found.values():
        np.testing.assert_array_equal(state["weights"], expected["weights"])
    assert len(found) == 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_models_mathematics_on_the_gpu(device, dtype):
    rng = np.random.default_rng(3)
    parts = [rng.standard_normal(shape).astype(dtype) for shape in ((30, 20), 30, 20)]
    v = (rng.random((9, 30)) < 0.5).astype(dtype)
    cpu, gpu = RBM(*parts), RBM(*map(device.upload, parts))
    there = device.upload(v)
    tolerance = {"rtol": 200 * np.finfo(dtype).eps, "atol": 200 * np.finfo(dtype).eps}
    for name in ("free_energy", "hidden_mean", "reconstruct"):
        found = device.download(getattr(gpu, name)(there))
        np.testing.assert_allclose(found, getattr(cpu, name)(v), **tolerance, err_msg=name)
    draw = SEED.at(Stream.HIDDEN, 4, 2)
    np.testing.assert_array_equal(device.download(gpu.sample_hidden(there, draw)), cpu.sample_hidden(v, draw))
