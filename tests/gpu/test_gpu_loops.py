"""On a GPU: random words bit for bit, every loop against the CPU, and matrix products."""

import numpy as np
import pytest

from ebm.kernels import philox as philox_file
from ebm.kernels.philox import philox, uniform32, uniform64
from ebm.kernels.product import product
from tests.cuda_simulator.test_loops import (  # noqa: F401  (the same tests, on the GPU)
    test_arrays_of_two_devices_are_refused,
    test_bernoulli_equals_the_cpu,
    test_bernoulli_in_place_of_a_transposed_matrix_and_one_output_only,
    test_categorical_units_equal_the_cpu,
    test_our_own_product_equals_numpys,
    test_sums_equal_the_cpu,
    test_the_clock_joins_the_step,
    test_uniforms_are_those_of_the_cpu,
    test_units_equal_the_cpu,
    test_update_equals_the_cpu,
)

u32 = np.uint32


def _words(words, single, double, k0, k1):
    for row in range(cuda.grid(1), words.shape[0], cuda.gridsize(1)):  # noqa: F821  (the launcher's)
        a, b, c, d = philox(u32(row), u32(row * 7), u32(3), u32(5), k0, k1)
        words[row, 0], words[row, 1], words[row, 2], words[row, 3] = a, b, c, d
        single[row] = uniform32(a)
        double[row] = uniform64(a, b)


def test_random_words_and_uniforms_equal_the_cpus_bit_for_bit(device):
    from ebm.kernels.launch import compiled, launch

    n, k0, k1 = 1000, u32(0x243F6A88), u32(0x85A308D3)
    there = device.zeros((n, 4), np.uint32), device.zeros(n, np.float32), device.zeros(n, np.float64)
    launch(compiled(_words), n, (*there, k0, k1))
    words, single, double = map(device.download, there)
    expected = np.array([philox(r, r * 7, 3, 5, k0, k1) for r in range(n)], np.uint32)
    np.testing.assert_array_equal(words, expected)
    np.testing.assert_array_equal(single, np.array([uniform32(w[0]) for w in expected], np.float32))
    np.testing.assert_array_equal(double, np.array([uniform64(w[0], w[1]) for w in expected]))
    assert philox_file.uniforms((1, 4), 0, 0, 0).shape == (1, 4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(128, 784, 500), (787, 256, 503), (1, 5, 3), (5, 1, 1)])
@pytest.mark.parametrize("turned", ["", "a", "b", "ab"])
def test_products_equal_numpys(device, dtype, shape, turned):
    """Within sqrt(k) u |a| |b|, u = eps / 2: in float32 without TF32, which is 40 times beyond.

    Our product adds k terms one after the other; a sum of so many roundings, each of u at most and of either sign,
    grows as sqrt(k) (Higham & Mary 2019, doi:10.1137/18M1226312, theorem 3.1). For normal numbers the largest is about
    a third of this bound, and cuBLAS's blocked sums are below it.
    """
    m, k, n = shape
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((k, n)).astype(dtype)
    there = [device.upload(x.T).T if name in turned else device.upload(x) for x, name in ((a, "a"), (b, "b"))]
    wide = device.zeros((m, n + 3), dtype)
    exact = a.astype(np.longdouble) @ b.astype(np.longdouble)
    bound = np.sqrt(k) * np.finfo(dtype).eps / 2 * (np.abs(a) @ np.abs(b))
    for multiply in (device.matmul, product):
        wide[...] = 7
        multiply(*there, wide[:, :n])
        error = np.abs(device.download(wide[:, :n]) - exact)
        assert (error <= bound).all(), (multiply, (error / bound).max())
        assert (device.download(wide[:, n:]) == 7).all()


def test_products_that_do_not_fit_are_refused(device):
    a = device.zeros((3, 4), np.float32)
    with pytest.raises(ValueError, match="does not fit"):
        device.matmul(a, a, a)
    with pytest.raises(ValueError, match="contiguous"):
        device.matmul(device.zeros((4, 8), np.float32)[:, ::2], a.T, device.zeros((4, 3), np.float32))
