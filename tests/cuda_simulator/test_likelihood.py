"""Likelihoods on the device are those on the CPU: the same code, other arrays."""

import numpy as np
import pytest

from ebm.boltzmann import enumeration
from ebm.boltzmann.annealing import RBMPath
from ebm.boltzmann.likelihood import log_partition, reverse_log_partition
from ebm.boltzmann.pseudo_likelihood import log_pseudo_likelihood, stochastic_log_pseudo_likelihood
from ebm.boltzmann.rbm import RBM
from ebm.random import Random

pytestmark = pytest.mark.filterwarnings("ignore::ebm.errors.UntrustedEstimateWarning")


def models(device):
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=shape).astype(np.float32) for shape in ((5, 3), (5,), (3,))]
    return RBM(*parts), RBM(*(device.upload(part) for part in parts))


def test_pseudo_likelihoods(device):
    cpu, gpu = models(device)
    v = cpu.visible.states(5, np.float32)[:7]
    on_device = device.upload(v)
    found = log_pseudo_likelihood(gpu, on_device)
    np.testing.assert_allclose(device.download(found), log_pseudo_likelihood(cpu, v), atol=1e-5)
    found = stochastic_log_pseudo_likelihood(gpu, on_device, Random(1))
    np.testing.assert_allclose(device.download(found), stochastic_log_pseudo_likelihood(cpu, v, Random(1)), atol=1e-5)


def test_annealing_both_ways(device):
    cpu, gpu = models(device)
    options = {"data_mean": np.full(5, 0.4), "random": Random(2), "n_temperatures": 4}
    found = log_partition(gpu, **options, n_chains=4)
    wanted = log_partition(cpu, **options, n_chains=4, exact_below=0)
    np.testing.assert_allclose(found.log_weights, wanted.log_weights, atol=1e-5)
    assert found.value == pytest.approx(wanted.value, abs=1e-5)
    v = cpu.visible.states(5, np.float32)[:4]
    found = reverse_log_partition(gpu, device.upload(v), **options)
    wanted = reverse_log_partition(cpu, v, **options)
    np.testing.assert_allclose(found.log_weights, wanted.log_weights, atol=1e-5)
    assert RBMPath(gpu, gpu.visible_bias).log_base == pytest.approx(RBMPath(cpu, cpu.visible_bias).log_base)


def test_enumeration_asks_for_the_cpu(device):
    _, gpu = models(device)
    for function in (enumeration.log_partition, enumeration.moments, enumeration.visible_distribution):
        with pytest.raises(TypeError, match="enumeration runs on the CPU"):
            function(gpu)
