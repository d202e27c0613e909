"""Experts' energies, normal numbers and Hamiltonian moves on the simulated device, beside the CPU's."""

import numpy as np
import pytest

from ebm.boltzmann.experts import Logistic, StudentT
from ebm.boltzmann.product_of_experts import ProductOfExperts
from ebm.kernels.box_muller import normals
from ebm.kernels.experts import LOGISTIC, STUDENT_T, expert_energies
from ebm.random import Draw, Random
from ebm.sampling.hamiltonian import hamiltonian_move

DTYPES = [np.float32, np.float64]


def noise(shape, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", [STUDENT_T, LOGISTIC])
def test_energies_equal_the_cpu(device, dtype, kind):
    y, alpha = 3 * noise((5, 7), dtype), np.linspace(0.6, 2, 7).astype(dtype)
    here, there = expert_energies(y, alpha, kind), expert_energies(device.upload(y), device.upload(alpha), kind)
    eps = np.finfo(dtype).eps
    for a, b in zip(here, there, strict=True):  # the logistic slope is a difference, so small ones are less exact
        np.testing.assert_allclose(device.download(b), a, rtol=32 * eps, atol=4 * eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 4, 7])
def test_normal_numbers_equal_the_cpu(device, dtype, n):
    draw = Draw(seed=(5 << 32) + 9, stream=3, step=11, first_row=100)
    there = normals(3, n, draw, device.zeros((1,), dtype))
    here = normals(3, n, draw, np.empty(0, dtype))
    np.testing.assert_allclose(device.download(there), here, rtol=1e-5, atol=20 * np.finfo(dtype).eps)


def test_arrays_of_two_devices_are_refused(device):
    with pytest.raises(ValueError, match="another device"):
        expert_energies(device.upload(np.ones((2, 3))), np.ones(3), STUDENT_T)


@pytest.mark.parametrize("expert", [StudentT(), Logistic()], ids=lambda expert: expert.name)
def test_a_hamiltonian_move_equals_the_cpus(device, expert):
    parts = noise((3, 4), np.float64), noise(4, np.float64, 1), np.full(4, 1.2)
    x = noise((6, 3), np.float64, 2)
    here, kept = hamiltonian_move(ProductOfExperts(*parts, expert), x, 0.9, 2, Random(4), 5)
    model = ProductOfExperts(*(device.upload(part) for part in parts), expert)
    there, accepted = hamiltonian_move(model, device.upload(x), 0.9, 2, Random(4), 5)
    assert kept.sum() > 0
    np.testing.assert_array_equal(device.download(accepted), kept)
    np.testing.assert_allclose(device.download(there), here, rtol=1e-9)
