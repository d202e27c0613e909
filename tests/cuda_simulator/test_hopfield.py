"""Recall in Hopfield networks by the CUDA loop equals that by the CPU loop."""

import numpy as np
import pytest
from sklearn.base import clone

from ebm.boltzmann.dense_associative import DenseAssociative
from ebm.boltzmann.hopfield import Hopfield
from ebm.boltzmann.hopfield_recall import recall_asynchronous, recall_synchronous
from ebm.boltzmann.storage_rules import hebb
from ebm.kernels import hopfield as kernel
from ebm.random import Random
from ebm_sklearn import DenseAssociativeMemory, HopfieldNetwork

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def network(n, dtype):
    rng = np.random.default_rng(0)
    w = rng.normal(size=(n, n)).astype(dtype)
    w += w.T.copy()
    np.fill_diagonal(w, 0)
    return w, rng.normal(size=n).astype(dtype), rng.choice(np.array([-1, 1], dtype), (5, n))


@DTYPES
@pytest.mark.parametrize("points", [0, 3])
def test_recall_equals_the_cpu_bit_for_bit(device, dtype, points):
    w, thresholds, s = network(13, dtype)
    orders = np.stack([np.random.default_rng(k).permutation(13) for k in range(4)])
    done = np.array([False, True, False, False, False])
    given = (w, thresholds, np.full(13, 1e-5, dtype), orders, s, s @ w - thresholds, done)
    here = [a.copy() for a in given]
    there = [device.upload(a) for a in given]
    results = kernel.asynchronous(*here, points=points)
    results_there = kernel.asynchronous(*there, points=points)
    for cpu, gpu in zip(here, there, strict=True):
        np.testing.assert_array_equal(device.download(gpu), cpu)
    for cpu, gpu in zip(results[:2], results_there[:2], strict=True):
        np.testing.assert_array_equal(device.download(gpu), cpu)
    np.testing.assert_allclose(device.download(results_there[2]), results[2], rtol=1e-5)
    assert here[6].sum() > 1
    np.testing.assert_array_equal(here[4][1], s[1])  # at rest from the start


@DTYPES
def test_models_on_the_device_recall_alike(device, dtype):
    w, thresholds, s = network(9, dtype)
    here, there = Hopfield(w, thresholds), Hopfield(device.upload(w), device.upload(thresholds))
    for recall, options in ((recall_asynchronous, {"random": Random(3)}), (recall_synchronous, {})):
        cpu, gpu = recall(here, s, points=1, **options), recall(there, device.upload(s), points=1, **options)
        for name in ("states", "period", "sweeps", "flips"):
            np.testing.assert_array_equal(device.download(getattr(gpu, name)), getattr(cpu, name))
        np.testing.assert_allclose(device.download(gpu.energies), cpu.energies, rtol=1e-4)


@DTYPES
def test_fields_of_zero_are_told_alike(device, dtype):
    x, s = (np.random.default_rng(k).choice(np.array([-1, 1], dtype), (rows, 21)) for k, rows in ((0, 4), (1, 30)))
    here = Hopfield(hebb(x))
    there = Hopfield(device.upload(here.weights))
    for recall, options in ((recall_asynchronous, {"random": Random(3)}), (recall_synchronous, {})):
        cpu, gpu = recall(here, s, **options), recall(there, device.upload(s), **options)
        for name in ("states", "period", "sweeps", "flips"):
            np.testing.assert_array_equal(device.download(getattr(gpu, name)), getattr(cpu, name))
        assert here.is_fixed_point(cpu.states)[cpu.converged].all()
    assert (abs(here.fields(s)) <= here.tolerances).any()


@pytest.mark.parametrize(
    "memory", [HopfieldNetwork(), HopfieldNetwork(updates="synchronous"), DenseAssociativeMemory()]
)
def test_estimators_recall_on_the_device(device, memory):
    x = np.random.default_rng(0).integers(0, 2, (4, 12)).astype(np.float32)
    cpu, gpu = (clone(memory).set_params(device=d, random_state=0).fit(x) for d in ("cpu", device))
    found, there = cpu.recall(1 - x), gpu.recall(1 - x)
    np.testing.assert_array_equal(there.states, found.states)
    np.testing.assert_array_equal(there.sweeps, found.sweeps)
    assert type(there.states) is type(there.sweeps) is np.ndarray
    np.testing.assert_allclose(gpu.energy_trace(x), cpu.energy_trace(x), rtol=1e-5)


def test_arrays_of_two_devices_are_refused(device):
    w, thresholds, s = network(4, np.float32)
    arrays = [device.upload(a) for a in (w, thresholds, thresholds, np.arange(4)[None], s, s, np.zeros(5, bool))]
    with pytest.raises(ValueError, match="thresholds is float32"):
        kernel.asynchronous(arrays[0], thresholds, *arrays[2:])


@DTYPES
@pytest.mark.parametrize("rectified", [False, True])
def test_dense_memories_recall_as_on_the_cpu(device, dtype, rectified):
    x, s = (np.random.default_rng(k).choice(np.array([-1, 1], dtype), (5, 9)) for k in (0, 1))
    here, there = (DenseAssociative(a, 3, rectified) for a in (x, device.upload(x)))
    cpu = recall_asynchronous(here, s, random=Random(3), points=2)
    gpu = recall_asynchronous(there, device.upload(s), random=Random(3), points=2)
    for name in ("states", "period", "sweeps", "flips"):
        np.testing.assert_array_equal(device.download(getattr(gpu, name)), getattr(cpu, name))
    np.testing.assert_allclose(device.download(gpu.energies), cpu.energies, rtol=1e-4, atol=1e-5)
