"""Pyramids: Burt and Adelson's equations, exact reconstruction, sizes of all kinds, errors."""

import numpy as np
import pytest

from ebm.networks.pyramid import PyramidDown, PyramidUp, from_laplacian_pyramid, laplacian_pyramid
from ebm.networks.pyramid import pyramid_down as down
from ebm.networks.pyramid import pyramid_up as up
from tests.reference import network_layers as reference

SIZES = [(1, 1), (1, 5), (2, 3), (3, 4), (8, 5), (17, 16)]
DTYPES = [np.float32, np.float64]


def images(size, dtype=np.float64, n=2, channels=3):
    return np.random.default_rng(0).normal(size=(n, *size, channels)).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
def test_down_and_up_are_equations_1_and_2(size, dtype):
    x, tolerance = images(size, dtype), 10 * np.finfo(dtype).eps
    small = down(x)
    large = up(small, size)
    assert small.dtype == large.dtype == dtype
    for i in range(2):
        for c in range(3):
            exact = reference.pyramid_down(x[i, :, :, c])
            np.testing.assert_allclose(small[i, :, :, c], exact, rtol=0, atol=tolerance)
            exact = reference.pyramid_up(small[i, :, :, c], size)
            np.testing.assert_allclose(large[i, :, :, c], exact, rtol=0, atol=tolerance)


@pytest.mark.parametrize("size", SIZES)
def test_constant_images_stay_as_they_are(size):
    x = np.full((1, *size, 2), 0.7, np.float32)
    np.testing.assert_allclose(down(x), 0.7, rtol=1e-6)
    np.testing.assert_allclose(up(down(x), size), 0.7, rtol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("levels", [0, 1, 3])
def test_images_come_back_to_rounding(size, levels, dtype):
    x = images(size, dtype)
    pyramid = laplacian_pyramid(x, levels)
    assert len(pyramid) == levels + 1
    assert pyramid[0].shape == x.shape
    assert pyramid[-1].shape[1] == -(-size[0] // 2**levels)
    np.testing.assert_allclose(from_laplacian_pyramid(pyramid), x, rtol=0, atol=8 * np.finfo(dtype).eps)


def test_differences_hold_the_detail():
    """Of a smooth image little is lost by halving; of noise nearly all."""
    ramp = np.linspace(0, 1, 32)[None, :, None, None] * np.ones((1, 1, 32, 1))
    assert np.abs(laplacian_pyramid(ramp, 1)[0][:, 4:-4]).max() < 1e-12
    noise = images((32, 32))
    assert laplacian_pyramid(noise, 1)[0].var() > 0.7 * noise.var()


def test_views_are_taken_for_what_they_show():
    x = images((6, 8))
    np.testing.assert_array_equal(down(x[:, ::-1]), down(x[:, ::-1].copy()))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: down(np.zeros((2, 3))), r"images is float64\(2, 3\); give images"),
        (lambda: down(np.zeros((1, 4, 4, 1), np.uint8)), "images is uint8"),
        (lambda: down(np.zeros((1, 0, 4, 1))), r"images is float64\(1, 0, 4, 1\)"),
        (lambda: up(images((2, 3)), (5, 6)), r"size must be \(4 or 3, 6 or 5\) for images of 2 by 3, got \(5, 6\)"),
        (lambda: laplacian_pyramid(images((2, 3)), -1), "levels must be an integer of at least 0, got -1"),
        (lambda: from_laplacian_pyramid([]), "pyramid is empty"),
        (lambda: from_laplacian_pyramid([images((8, 8)), images((3, 4))]), r"size must be \(6 or 5, 8 or 7\)"),
        (lambda: PyramidDown().output_shape((4, 4)), r"not of samples of shape \(4, 4\)"),
        (lambda: PyramidUp((4, 4)).output_shape((3, 2, 1)), r"size must be \(6 or 5, 4 or 3\)"),
        (lambda: PyramidUp([4, 4]), r"size must be None or a tuple of two integers, got \[4, 4\]"),
        (lambda: PyramidUp((4, 0)), "size must be an integer of at least 1, got 0"),
    ],
)
def test_what_does_not_fit_is_told(call, message):
    with pytest.raises(ValueError, match=message):
        call()
