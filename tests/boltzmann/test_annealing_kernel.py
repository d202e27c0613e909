"""The fused chains of annealed importance sampling against the same moves one by one."""

import numpy as np
import pytest

from ebm.boltzmann.annealing import RBMPath
from ebm.boltzmann.rbm import RBM
from ebm.kernels.threads import limit_threads
from ebm.random import Random
from ebm.sampling.annealing import anneal_by_moves, temperatures


def make_path(dtype, n_visible=30, n_hidden=12):
    rng = np.random.default_rng(0)
    parts = (0.8 * rng.normal(size=(n_visible, n_hidden)), rng.normal(size=n_visible), rng.normal(size=n_hidden))
    return RBMPath(RBM(*(part.astype(dtype) for part in parts)), (0.3 * rng.normal(size=n_visible)).astype(dtype))


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 2e-4), (np.float64, 1e-12)])
@pytest.mark.parametrize("backwards", [False, True])
def test_fused_chains_are_the_moves(dtype, tolerance, backwards):
    path, random = make_path(dtype), Random(3)
    betas = temperatures(100)[:: -1 if backwards else 1]
    start = path.start(40, random)
    states, log_weights = path.anneal(start, betas, random, 7)
    one_by_one, expected = anneal_by_moves(path, start, betas, random, 7)
    np.testing.assert_array_equal(states, one_by_one)
    np.testing.assert_allclose(log_weights, expected, rtol=0, atol=tolerance)


def test_stretches_join():
    path, random, betas = make_path(np.float64), Random(5), temperatures(60)
    start = path.start(10, random)
    whole, log_weights = path.anneal(start, betas, random, 0)
    half, first = path.anneal(start, betas[:31], random, 0)
    joined, second = path.anneal(half, betas[30:], random, 30)
    np.testing.assert_array_equal(joined, whole)
    np.testing.assert_allclose(first + second, log_weights, rtol=0, atol=1e-12)


def test_threads_do_not_matter():
    path, random, betas = make_path(np.float32, 200, 100), Random(5), temperatures(50)
    start = path.start(64, random)
    results = []
    for n in (1, 2):
        with limit_threads(n):
            results.append(path.anneal(start, betas, random, 0))
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)
