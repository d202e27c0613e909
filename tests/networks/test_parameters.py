"""Parameters by name are views of one vector."""

import numpy as np
import pytest

from ebm.device import SimulatedDevice
from ebm.networks.parameters import FlatParameters

rng = np.random.default_rng(0)
ARRAYS = {
    name: rng.normal(size=shape).astype(np.float32)
    for name, shape in {"bias": (5,), "weights": (7, 5), "kernel": (3, 3, 1, 2), "scale": (20,), "one": ()}.items()
}
devices = pytest.mark.parametrize("device", ["cpu", SimulatedDevice()], ids=["cpu", "simulated"])


@devices
def test_views_hold_the_arrays_in_one_vector(device):
    flat = FlatParameters(ARRAYS, device=device)
    assert list(flat.views) == list(ARRAYS)
    for name, view in flat.views.items():
        assert view.shape == ARRAYS[name].shape
        assert view.flags.c_contiguous
        assert np.shares_memory(view, flat.vector)
        assert hasattr(type(view), "__cuda_array_interface__") == (device != "cpu")
        np.testing.assert_array_equal(view, ARRAYS[name])
    flat.vector[...] = 3
    assert all((view == 3).all() for view in flat.views.values())


def test_what_decays_comes_first_and_all_begin_on_a_line():
    flat = FlatParameters(ARRAYS)
    assert flat.n_decayed == 48 + 32
    assert flat.vector.size == flat.n_decayed + 16 + 32 + 16
    start = flat.vector.ctypes.data
    places = {name: (view.ctypes.data - start) // 4 for name, view in flat.views.items()}
    assert places == {"weights": 0, "kernel": 48, "bias": 80, "scale": 96, "one": 128}
    assert start % 64 == 0
    assert FlatParameters(ARRAYS, []).n_decayed == 0
    assert FlatParameters(ARRAYS, ["scale"]).n_decayed == 32


def test_between_parameters_there_are_zeros():
    flat = FlatParameters(ARRAYS)
    for view in flat.views.values():
        view[...] = 0
    assert not flat.vector.any()


@devices
def test_like_has_the_same_places_and_zeros(device):
    flat = FlatParameters(ARRAYS, device=device)
    gradients = flat.like()
    assert gradients.n_decayed == flat.n_decayed
    assert gradients.vector.shape == flat.vector.shape
    assert not gradients.vector.any()
    for name, view in gradients.views.items():
        view[...] = 1
        marked = np.flatnonzero(gradients.vector)
        assert marked.size == ARRAYS[name].size
        np.testing.assert_array_equal(np.asarray(flat.vector)[marked], ARRAYS[name].ravel())
        view[...] = 0
    assert flat.vector.any()


@devices
def test_downloads_are_copies_and_writes_stay_in_place(device):
    flat = FlatParameters(ARRAYS, device=device)
    copies = flat.download()
    assert list(copies) == list(ARRAYS)
    view = flat.views["weights"]
    flat.write({"weights": np.full((7, 5), 2.0)})
    assert (view == 2).all()
    np.testing.assert_array_equal(flat.views["bias"], ARRAYS["bias"])
    for name, copy in copies.items():
        np.testing.assert_array_equal(copy, ARRAYS[name])
        assert type(copy) is np.ndarray
    flat.write(copies)
    np.testing.assert_array_equal(view, ARRAYS["weights"])


def test_float64_is_kept():
    assert FlatParameters({"w": np.ones((2, 2))}).vector.dtype == np.float64


def test_what_does_not_fit_is_refused():
    flat = FlatParameters(ARRAYS)
    with pytest.raises(ValueError, match="there is no parameter 'wieghts'; there are"):
        flat.write({"wieghts": ARRAYS["weights"]})
    with pytest.raises(ValueError, match=r"weights has shape \(5, 7\), but the parameter has \(7, 5\)"):
        flat.write({"bias": np.zeros(5), "weights": ARRAYS["weights"].T})
    np.testing.assert_array_equal(flat.views["bias"], ARRAYS["bias"])
    with pytest.raises(ValueError, match="there are no parameters"):
        FlatParameters({})
    with pytest.raises(ValueError, match="b is float64; all parameters must be float32, or all float64"):
        FlatParameters({"a": np.zeros(3, np.float32), "b": np.zeros(3)})
    with pytest.raises(ValueError, match="a is int64"):
        FlatParameters({"a": np.zeros(3, int)})
    with pytest.raises(ValueError, match=r"a is empty, of shape \(0, 3\)"):
        FlatParameters({"a": np.zeros((0, 3))})
    with pytest.raises(ValueError, match=r"decayed names \['c'\], but the parameters are"):
        FlatParameters(ARRAYS, ["c"])
