"""Devices without a GPU: their names, their errors, and how cuBLAS is called."""

import copy
import ctypes
import pickle
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from ebm.device import CudaDevice, Device, _Cublas, get_device


def test_names_and_devices_are_taken():
    cpu = get_device("cpu")
    assert cpu.name == "cpu"
    assert get_device(cpu) is cpu
    assert copy.deepcopy(cpu) is cpu
    assert pickle.loads(pickle.dumps(cpu)).name == "cpu"
    with pytest.raises(ValueError, match="got 'gpu'"):
        get_device("gpu")


def cupy_that(answer):
    """A CuPy whose driver answers so when asked for the number of GPUs."""
    return SimpleNamespace(cuda=SimpleNamespace(runtime=SimpleNamespace(getDeviceCount=answer)))


def broken_driver():
    raise OSError("cudaErrorInsufficientDriver")


@pytest.mark.parametrize(
    ("cupy", "cause"),
    [
        (None, "needs CuPy"),
        (cupy_that(broken_driver), "cudaErrorInsufficientDriver"),
        (cupy_that(lambda: 0), "finds no NVIDIA GPU"),
    ],
)
def test_without_a_gpu_the_error_names_the_cause_and_the_extra(monkeypatch, cupy, cause):
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    with pytest.raises(RuntimeError, match=cause) as raised:
        get_device("cuda")
    assert 'pip install "numba-ebm[cuda]"' in str(raised.value)
    assert get_device("auto").name == "cpu"


def test_without_numba_cuda_the_error_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", cupy_that(lambda: 1))
    monkeypatch.setitem(sys.modules, "ebm.kernels.launch", None)
    with pytest.raises(RuntimeError, match="needs numba-cuda"):
        get_device("cuda")


def test_the_cpu_computes_with_numpy():
    device = get_device("cpu")
    a, out = device.upload([[1.0, 2.0]], np.float32), device.zeros((1, 1), np.float32)
    with device.active():
        device.matmul(a, a.T, out)
        device.capture(lambda: device.write(a, np.array([[3.0, 4.0]])))()
    device.synchronize()
    assert device.download(out).tolist() == [[5.0]]
    assert a.tolist() == [[3.0, 4.0]]


class Library:
    """cuBLAS's gemm in NumPy: matrices by columns, at addresses."""

    def create(self):
        return 1

    def destroy(self, handle):
        pass

    def set_stream(self, handle, stream):
        self.calls = ["stream"]

    def set_workspace(self, handle, address, size):
        self.calls.append("workspace")

    def sgemm(self, *arguments):
        self._gemm(ctypes.c_float, *arguments)

    def dgemm(self, *arguments):
        self._gemm(ctypes.c_double, *arguments)

    def _gemm(self, kind, handle, turn_a, turn_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc):
        def columns(address, rows, count, leading):
            assert leading >= rows
            flat = (kind * (leading * count)).from_address(address)
            return np.frombuffer(flat, kind).reshape(count, leading)[:, :rows].T

        assert (kind.from_address(alpha).value, kind.from_address(beta).value) == (1, 0)
        left = columns(a, k, m, lda).T if turn_a else columns(a, m, k, lda)
        right = columns(b, n, k, ldb).T if turn_b else columns(b, k, n, ldb)
        columns(c, m, n, ldc)[...] = left @ right


class Array:
    """What a matrix on the GPU tells of itself."""

    def __init__(self, array):
        self.shape, self.dtype, self.strides = array.shape, array.dtype, array.strides
        self.data = SimpleNamespace(ptr=array.ctypes.data)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("turned", ["", "a", "b", "ab"])
@pytest.mark.parametrize("shape", [(4, 6, 5), (1, 5, 3), (5, 1, 1), (3, 1, 4), (1, 1, 1)])
def test_cublas_is_called_with_the_right_order_and_leading_dimensions(dtype, turned, shape):
    library = Library()
    xp = SimpleNamespace(empty=lambda n, dtype: Array(np.empty(n, dtype)))
    multiply = _Cublas(xp, library, SimpleNamespace(ptr=0))
    assert library.calls == ["stream", "workspace"]
    m, k, n = shape
    rng = np.random.default_rng(0)
    wide = {"a": rng.random((m + 2, k + 3)), "b": rng.random((k + 2, n + 3))}
    parts = []
    for name, (rows, columns) in (("a", (m, k)), ("b", (k, n))):
        stored = wide[name].astype(dtype)
        matrix = np.asfortranarray(stored)[:rows, :columns] if name in turned else stored[:rows, :columns]
        parts.append(matrix)
    out = np.full((m, n + 2), 7, dtype)
    multiply(*map(Array, parts), Array(out[:, :n]))
    np.testing.assert_allclose(out[:, :n], parts[0] @ parts[1], rtol=1e-5)
    assert (out[:, n:] == 7).all()


def test_products_that_do_not_fit_are_refused():
    xp = SimpleNamespace(empty=lambda n, dtype: Array(np.empty(n, dtype)))
    multiply = _Cublas(xp, Library(), SimpleNamespace(ptr=0))
    a = np.zeros((3, 4))
    with pytest.raises(ValueError, match="does not fit"):
        multiply(Array(a), Array(a), Array(a))
    with pytest.raises(ValueError, match="contiguous"):
        multiply(Array(a[:, ::2]), Array(a[:2]), Array(a))


class Stream:
    """CuPy's stream, as far as capturing goes: a graph replays what was called meanwhile."""

    def __init__(self):
        self.log = []

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def begin_capture(self):
        self.log.append("begin")

    def end_capture(self):
        self.log.append("end")
        return SimpleNamespace(launch=lambda stream: self.log.append("launch"))


def test_arrays_are_cleared_and_written_on_the_devices_stream():
    """Another stream, which may be current, would not wait for it."""
    device, held = CudaDevice.__new__(CudaDevice), []

    class Held(Stream):
        def __enter__(self):
            held.append(self)

        def __exit__(self, *error):
            held.pop()

    class Target:
        dtype = np.float64

        def __setitem__(self, where, value):
            self.value, self.streams = value, [*held]

    def zeros(shape, dtype):
        return np.zeros(shape, dtype), [*held]

    device.stream, device.xp = Held(), SimpleNamespace(zeros=zeros, array=np.array)
    assert device.zeros(3, np.float32)[1] == [device.stream]
    target = Target()
    device.write(target, np.ones(2))
    assert target.streams == [device.stream]
    assert target.value.tolist() == [1, 1]


def test_work_is_run_once_then_captured_once_then_replayed():
    device = CudaDevice.__new__(CudaDevice)
    device.stream = stream = Stream()
    replay = device.capture(lambda: stream.log.append("work"))
    for _ in range(3):
        replay()
    assert stream.log == ["work", "begin", "work", "end", "launch", "launch"]


def test_an_error_while_capturing_ends_the_capture():
    device = CudaDevice.__new__(CudaDevice)
    device.stream = stream = Stream()
    calls = []

    def work():
        calls.append(1)
        if len(calls) == 2:
            raise KeyError("broken")

    replay = device.capture(work)
    replay()
    with pytest.raises(KeyError, match="broken"):
        replay()
    assert stream.log == ["begin", "end"]


def test_the_base_device_is_the_cpu():
    assert type(get_device("cpu")) is Device
