"""The whole path of learning on a device, in the simulator, equals the CPU's."""

import copy
import pickle

import numpy as np
import pytest

from ebm.boltzmann.device_learning import DeviceLearner
from ebm.boltzmann.learning import ContrastiveLearner, initial_model
from ebm.boltzmann.rule import Rule
from ebm.data import TrainingData
from ebm.device import SimulatedArray, get_device
from ebm.kernels.jit import on_gpu
from ebm.random import Random

SEED = Random((3 << 32) + 5)
CASES = {
    "lists": (0.15, False, Rule(batch_size=4, n_chains=3, learning_rate=0.2, l1=1e-3)),
    "bytes": (0.6, False, Rule(batch_size=4, n_gibbs=2, learning_rate=0.2, centered=False)),
    "dense": (0.5, True, Rule(learning="cd", batch_size=4, learning_rate=0.2)),
    "stored values": (0.15, True, Rule(learning="cd", n_gibbs=2, batch_size=4, learning_rate=0.2)),
}


def learners(device, name, dtype=np.float64):
    density, real, rule = CASES[name]
    rng = np.random.default_rng(0)
    X = (rng.random((10, 7)) < density).astype(dtype)
    if real:
        X *= rng.random(X.shape)
    if name == "stored values":
        from scipy.sparse import csr_array

        X = csr_array(X)
    data = TrainingData.from_array(X, sample_weight=rng.random(10) + 0.1, dtype=dtype)
    model = initial_model(data, 5, SEED, weight_scale=0.5)
    cpu = ContrastiveLearner(model, data, rule, SEED, n_epochs=2)
    return cpu, DeviceLearner(model, data, rule, SEED, n_epochs=2, device=device)


def fit(learner, first=0, last=2):
    for epoch in range(first, last):
        learner.begin_epoch(epoch)
        learner.update(0, 1)
        learner.update(1, learner.n_batches)
    return learner.state()


def assert_alike(state, expected, atol):
    assert state.keys() == expected.keys()
    for name, array in expected.items():
        assert state[name].dtype == array.dtype
        np.testing.assert_allclose(state[name], array, atol=atol, rtol=0, err_msg=name)
    np.testing.assert_array_equal(state["chains"], expected["chains"])


@pytest.mark.parametrize("name", CASES)
def test_a_fit_equals_the_cpus(device, name):
    """Batches of 4, 4 and 2, so that both shapes of an update run."""
    cpu, gpu = learners(device, name)
    assert_alike(fit(gpu), fit(cpu), atol=1e-12)
    assert gpu.is_sound()
    np.testing.assert_array_equal(gpu.model.weights, gpu.state()["weights"])


def test_a_fit_in_float32_equals_the_cpus(device):
    cpu, gpu = learners(device, "lists", np.float32)
    assert_alike(fit(gpu), fit(cpu), atol=1e-6)


def test_a_fit_moves_from_the_device_to_the_cpu_and_back(device):
    cpu, gpu = learners(device, "lists")
    expected = fit(cpu)
    cpu.restore(fit(gpu, 0, 1))
    assert_alike(fit(cpu, 1, 2), expected, atol=1e-12)
    again, gpu = learners(device, "lists")
    gpu.restore(fit(again, 0, 1))
    assert_alike(fit(gpu, 1, 2), expected, atol=1e-12)


def test_a_diverged_device_is_seen(device):
    _, gpu = learners(device, "lists")
    state = gpu.state()
    state["hidden_bias"][2] = np.nan
    gpu.restore(state)
    assert not gpu.is_sound()


def test_an_estimator_fits_on_the_device(device):
    from ebm_sklearn import RBM

    X = (np.random.default_rng(1).random((8, 6)) < 0.4).astype(np.float64)
    options = {"n_components": 3, "batch_size": 4, "n_iter": 1, "random_state": 2}
    cpu, gpu = RBM(**options).fit(X), RBM(**options, device=device).fit(X)
    np.testing.assert_allclose(gpu.components_, cpu.components_, atol=1e-12, rtol=0)
    np.testing.assert_allclose(gpu.intercept_visible_, cpu.intercept_visible_, atol=1e-12, rtol=0)


def test_the_device_is_kept_by_copies_and_marks_its_arrays(device):
    assert copy.deepcopy(device) is device
    assert pickle.loads(pickle.dumps(device)).name == "cuda"
    made = device.zeros((2, 3), np.float32)
    assert isinstance(made, SimulatedArray)
    assert on_gpu(made)
    assert on_gpu(made[:1] + 1)
    assert not on_gpu(device.download(made))


def test_auto_never_means_the_simulator():
    assert get_device("auto").name == "cpu"
