"""Bridges, paths between models, pilots and the tracker on the device: the same code, other arrays."""

from dataclasses import replace

import numpy as np
import pytest

from ebm.boltzmann.annealing import RBMPath
from ebm.boltzmann.between import ModelPath
from ebm.boltzmann.likelihood import bridge_log_partition, log_partition_between
from ebm.boltzmann.rbm import RBM as Model
from ebm.boltzmann.unit_types import Gaussian
from ebm.random import Random
from ebm.sampling.adaptive import adaptive_temperatures
from ebm.sampling.annealing import annealed_importance_sampling
from ebm.sampling.bridge_ladder import Draws, bridge_ladder
from ebm.sampling.population import follow, start_populations
from ebm_sklearn import RBM, LogPartitionTracker

pytestmark = pytest.mark.filterwarnings("ignore::ebm.errors.UntrustedEstimateWarning")
BETAS = np.array([0.0, 0.5, 1.0])


def models(device, seed=0):
    rng = np.random.default_rng(seed)
    parts = [rng.normal(size=shape).astype(np.float32) for shape in ((5, 3), (5,), (3,))]
    return Model(*parts), Model(*(device.upload(part) for part in parts))


def test_estimates_are_those_of_the_cpu(device):
    (cpu, gpu), (cpu_2, gpu_2) = models(device), models(device, 1)
    v = cpu.visible.states(5, np.float32)[:4]
    options = {"data_mean": np.full(5, 0.4), "random": Random(2), "n_temperatures": 3, "exact_below": 0}
    wanted = bridge_log_partition(cpu, v, **options)
    assert bridge_log_partition(gpu, device.upload(v), **options).value == pytest.approx(wanted.value, abs=1e-5)
    options = {"log_z": 1.0, "random": Random(2), "n_temperatures": 3}
    wanted = log_partition_between(cpu_2, cpu, v, **options)
    found = log_partition_between(gpu_2, gpu, device.upload(v), **options)
    np.testing.assert_allclose(found.log_weights, wanted.log_weights, atol=1e-5)


def test_ladders_and_populations_are_those_of_the_cpu(device):
    (cpu, gpu), (cpu_2, gpu_2) = models(device), models(device, 1)
    plan, random, values, weights = Draws(1, 2), Random(3), [], []
    for first, last in ((cpu, cpu_2), (gpu, gpu_2)):
        path = RBMPath(first, first.visible_bias)
        values.append(bridge_ladder(path, 4, BETAS, random, draws=plan).value)
        now = follow(path, start_populations(path, 2, 3, random), BETAS, random)
        now = follow(ModelPath(first, last, now.states), now, BETAS, random)
        weights.append((now.log_z[:, None] + now.log_weights, device.download(now.states)))
    assert values[1] == pytest.approx(values[0], abs=1e-5)
    for found, wanted in zip(weights[1], weights[0], strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_precisions_change_along_a_path_on_the_device(device):
    rows = []
    for place in (None, device):
        at = device.upload if place else np.asarray
        first, last = (
            replace(models(device, seed)[bool(place)], visible=Gaussian(at(precision)))
            for seed, precision in enumerate(np.random.default_rng(0).uniform(1, 2, (2, 5)).astype(np.float32))
        )
        v = at(np.random.default_rng(1).normal(size=(4, 5)).astype(np.float32))
        rows.append(annealed_importance_sampling(ModelPath(first, last, v), 4, BETAS, Random(0)).log_weights)
    np.testing.assert_allclose(rows[1], rows[0], atol=1e-4)


def test_pilots_are_those_of_the_cpu(device, monkeypatch):
    monkeypatch.setattr("ebm.sampling.adaptive.PARTS", 2)
    found = [
        adaptive_temperatures(RBMPath(model, model.visible_bias), 10, Random(1), n=4, n_pilot=4)
        for model in models(device)
    ]
    np.testing.assert_allclose(found[1], found[0], atol=1e-5)


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_the_tracker_follows_a_fit_on_the_device(device, visible):
    X = np.random.default_rng(0).random((12, 5)).astype(np.float32)
    X = X if visible == "gaussian" else (X < 0.4).astype(np.float32)
    tracker = LogPartitionTracker(n_populations=2, n_chains=3, n_temperatures=1, n_first=2)
    rows = [
        RBM(3, visible=visible, n_iter=2, batch_size=6, callbacks=[tracker], device=where, random_state=0)
        .fit(X)
        .history_
        for where in ("cpu", device)
    ]
    for cpu, gpu in zip(*rows, strict=True):
        assert gpu["log_partition"] == pytest.approx(cpu["log_partition"], abs=1e-5)
