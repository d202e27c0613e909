"""Tempering on the device: the same states as on the CPU."""

import numpy as np
import pytest

from ebm.boltzmann.rbm import RBM
from ebm.boltzmann.tempered_rbm import TemperedRBM
from ebm.kernels.tempered import tempered_bernoulli
from ebm.random import Draw, Random
from ebm.sampling.ladder import BetaLadder
from ebm.sampling.parallel_tempering import ParallelTempering
from ebm.sampling.simulated_tempering import SimulatedTempering
from ebm.sampling.tempered_transitions import TemperedTransitions
from ebm.sampling.trajectory import ModelLadder

BETAS = np.array([0.0, 0.4, 1.0])


def families(device, dtype=np.float32, n_hidden=3):
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=shape).astype(dtype) for shape in ((5, n_hidden), (5,), (n_hidden,))]
    base = (0.3 * rng.normal(size=5)).astype(dtype)
    cpu = TemperedRBM(RBM(*parts), base)
    return cpu, TemperedRBM(RBM(*(device.upload(part) for part in parts)), device.upload(base))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 4, 6, 9])
def test_rows_at_their_betas_equal_the_cpu(device, dtype, n):
    rng, draw = np.random.default_rng(0), Draw(seed=(5 << 32) + 9, stream=50, step=11, first_row=100)
    parts = [rng.normal(size=shape).astype(dtype) for shape in ((7, n), (n,))] + [np.linspace(0, 1, 7).astype(dtype)]
    found = tempered_bernoulli(*(device.upload(part) for part in parts), draw)
    np.testing.assert_array_equal(device.download(found), tempered_bernoulli(*parts, draw))


def test_parallel_tempering_equals_the_cpu(device):
    runs = [ParallelTempering(BetaLadder(family, BETAS), 2, Random(3)) for family in families(device)]
    for run in runs:
        run.run(6)
    cpu, gpu = (run.replicas for run in runs)
    np.testing.assert_array_equal(device.download(gpu.states), cpu.states)
    np.testing.assert_array_equal(gpu.levels, cpu.levels)
    np.testing.assert_array_equal(gpu.accepted, cpu.accepted)
    assert type(gpu.states) is type(device.zeros(1, np.float32))


def test_simulated_tempering_and_transitions_equal_the_cpu(device):
    for kind in (SimulatedTempering, TemperedTransitions):
        cpu, gpu = (kind(family, BETAS, 3, Random(1)) for family in families(device))
        for chains in (cpu, gpu):
            chains.run(3)
        np.testing.assert_array_equal(device.download(gpu.states), cpu.states)


def test_a_ladder_of_models_equals_the_cpu(device):
    pairs = [families(device, n_hidden=n) for n in (2, 3)]
    cpu, gpu = (ParallelTempering(ModelLadder([pair[k].model for pair in pairs]), 2, Random(1)) for k in (0, 1))
    for run in (cpu, gpu):
        run.run(4)
    np.testing.assert_array_equal(device.download(gpu.replicas.states), cpu.replicas.states)
