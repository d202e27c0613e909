"""Devices: which array library, which matrix product, uploads and downloads, and replaying captured work.

``get_device("cpu" | "cuda" | "auto")`` gives a ``Device``; a ``Device`` given is passed on. On the GPU
arrays are CuPy's, all work goes to the one stream that a device owns, and matrix products are cuBLAS by
nvmath-python's bindings: CuPy refuses its own cuBLAS while a CUDA graph is captured. Without them the
product is our tiled kernel.
"""

from __future__ import annotations

import contextlib
import gc
import warnings
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from ebm.errors import DeviceWarning
from ebm.kernels.jit import simulated
from ebm.kernels.program import Captured

EXTRA = 'pip install "numba-ebm[cuda]"'
WORKSPACE = 32 * 2**20  # bytes: what cuBLAS recommends on the newest GPUs


class Device:
    """The CPU, and what every device offers.

    Attributes
    ----------
    name : {"cpu", "cuda"}
    xp : module
        NumPy or CuPy.
    """

    name = "cpu"
    xp: Any = np

    def active(self) -> AbstractContextManager[Any]:
        """Make the device's stream current for the block, in this thread."""
        return contextlib.nullcontext()

    def upload(self, array: Any, dtype: Any = None) -> Any:
        """Copy a NumPy array to the device."""
        return self.xp.array(array, dtype=dtype, order="C")

    def download(self, array: Any) -> np.ndarray:
        """Copy an array of the device to NumPy."""
        return np.array(array, subok=False)

    def write(self, target: Any, source: np.ndarray) -> None:
        """Copy a NumPy array into an array of the device, which stays where it is."""
        target[...] = self.upload(source, target.dtype)

    def zeros(self, shape: Any, dtype: Any) -> Any:
        """Allocate zeros."""
        return self.xp.zeros(shape, dtype)

    def matmul(self, a: Any, b: Any, out: Any) -> None:
        """Write ``a @ b`` into ``out``; every row or every column contiguous."""
        np.matmul(a, b, out=out)

    def capture(self, function: Callable[[], None]) -> Callable[..., None]:
        """Return a callable that does ``function`` as often as it is told (once by default), without Python between.

        On the CPU loops are recorded at the first call (``ebm.kernels.program``), on a GPU a graph is captured at the
        second. ``function`` must consist of our loops and products alone, keep what it allocates, wait for nothing, and
        read what changes from arrays.
        """
        return Captured(function)

    def synchronize(self) -> None:
        """Wait until all work is done."""

    def __deepcopy__(self, memo: Any) -> Device:
        """Return the device itself: estimators that hold one can be cloned."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as the name: the process that loads it takes its own device."""
        return get_device, (self.name,)


class CudaDevice(Device):
    """An NVIDIA GPU.

    Raises
    ------
    RuntimeError
        When the ``cuda`` extra is not installed or no GPU can be used, naming the cause.
    """

    name = "cuda"

    def __init__(self) -> None:
        self.xp = _cupy()
        self.stream = self.xp.cuda.Stream(non_blocking=True)
        self._product: Callable[[Any, Any, Any], None] | None = None

    def active(self) -> AbstractContextManager[Any]:
        """Make the device's stream current for the block, in this thread."""
        return self.stream

    def upload(self, array: Any, dtype: Any = None) -> Any:
        """Copy a NumPy array to the GPU."""
        with self.stream:
            return self.xp.array(array, dtype=dtype, order="C")

    def download(self, array: Any) -> np.ndarray:
        """Copy an array of the GPU to NumPy, when the work before is done."""
        with self.stream:
            return self.xp.asnumpy(array)

    def write(self, target: Any, source: np.ndarray) -> None:
        """Copy a NumPy array into an array of the GPU; on the device's stream, whichever stream is current."""
        with self.stream:
            super().write(target, source)

    def zeros(self, shape: Any, dtype: Any) -> Any:
        """Allocate zeros on the device's stream, whichever stream is current."""
        with self.stream:
            return super().zeros(shape, dtype)

    def matmul(self, a: Any, b: Any, out: Any) -> None:
        """Write ``a @ b`` into ``out`` with cuBLAS, or with our own kernel where nvmath-python is missing."""
        if self._product is None:
            self._product = _best_product(self.xp, self.stream)
        self._product(a, b, out)

    def capture(self, function: Callable[[], None]) -> Callable[..., None]:
        """Return a callable that runs ``function`` once, captures it at its second call, and replays it."""
        return _Replay(function, self.stream)

    def synchronize(self) -> None:
        """Wait until all work of the device's stream is done."""
        self.stream.synchronize()


class SimulatedArray(np.ndarray):
    """Stands for CuPy's array in the simulator: NumPy's mathematics with the mark of the GPU."""

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """The mark, by which kernels choose the CUDA loop."""
        return self.__array_interface__


class _SimulatedLibrary:
    """NumPy, but the arrays that it makes are marked."""

    def __getattr__(self, name: str) -> Any:
        made = getattr(np, name)
        if isinstance(made, type) or not callable(made):
            return made

        def marked(*arguments: Any, **options: Any) -> Any:
            result = made(*arguments, **options)
            return result.view(SimulatedArray) if isinstance(result, np.ndarray) else result

        return marked


class SimulatedDevice(Device):
    """numba.cuda's simulator (NUMBA_ENABLE_CUDASIM=1), for tests: CUDA loops run as Python, slowly."""

    name = "cuda"
    xp = _SimulatedLibrary()

    def capture(self, function: Callable[[], None]) -> Callable[..., None]:
        """Return a callable that does ``function`` as it is."""
        return repeated(function)


def repeated(function: Callable[[], None]) -> Callable[..., None]:
    """Return a callable that does ``function`` as often as it is told, from Python each time; replays are tested by it.

    Parameters
    ----------
    function : callable

    Returns
    -------
    callable
        Takes ``times``, 1 by default.
    """

    def call(times: int = 1) -> None:
        for _ in range(times):
            function()

    return call


class _Replay:
    """Run a function, then capture it in a CUDA graph, then replay the graph.

    The first call is not captured because kernels are compiled, and libraries load theirs, when first used.
    """

    def __init__(self, function: Callable[[], None], stream: Any) -> None:
        self._function, self._stream = function, stream
        self._ran = False
        self._graph: Any = None

    def __call__(self, times: int = 1) -> None:
        with self._stream:
            for _ in range(times):
                self._once()

    def _once(self) -> None:
        if not self._ran:
            self._function()
            self._ran = True
            return
        if self._graph is None:
            self._graph = self._captured()
        self._graph.launch(self._stream)

    def _captured(self) -> Any:
        """Capture without garbage collection: a library's handle that dies meanwhile waits for the device."""
        collects = gc.isenabled()
        gc.disable()
        try:
            return self._capture()
        finally:
            if collects:
                gc.enable()

    def _capture(self) -> Any:
        self._stream.begin_capture()
        try:
            self._function()
        except BaseException:
            with contextlib.suppress(Exception):  # the capture is broken: end it, and tell of the first error
                self._stream.end_capture()
            raise
        return self._stream.end_capture()


class _Cublas:
    """Matrix products by cuBLAS, float64 and float32 without TF32, on one stream with its own workspace."""

    def __init__(self, xp: Any, cublas: Any, stream: Any) -> None:
        self._cublas, self._handle = cublas, cublas.create()
        self._workspace = xp.empty(WORKSPACE, np.uint8)
        cublas.set_stream(self._handle, stream.ptr)  # before the workspace: it would be reset
        cublas.set_workspace(self._handle, self._workspace.data.ptr, WORKSPACE)
        self._scalars = {np.dtype(t): (np.ones(1, t), np.zeros(1, t)) for t in (np.float32, np.float64)}
        weakref.finalize(self, cublas.destroy, self._handle).atexit = False

    def __call__(self, a: Any, b: Any, out: Any) -> None:
        """C = A B in cuBLAS's order of columns is C^T = B^T A^T in ours of rows."""
        (transpose_a, width_a), (transpose_b, width_b), (transpose_out, width_out) = map(_layout, (a, b, out))
        (m, k), n = a.shape, b.shape[1]
        if b.shape[0] != k or out.shape != (m, n) or not a.dtype == b.dtype == out.dtype or transpose_out:
            raise ValueError(f"{a.dtype}{a.shape} @ {b.dtype}{b.shape} does not fit {out.dtype}{out.shape} in rows")
        gemm = self._cublas.sgemm if a.dtype == np.float32 else self._cublas.dgemm
        one, zero = (number.ctypes.data for number in self._scalars[np.dtype(a.dtype)])
        pointers = (b.data.ptr, width_b, a.data.ptr, width_a, zero, out.data.ptr, width_out)
        gemm(self._handle, int(transpose_b), int(transpose_a), n, m, k, one, *pointers)


def _layout(a: Any) -> tuple[bool, int]:
    """Tell whether a matrix is stored by columns, and how many elements its rows (or columns) stand apart."""
    item = a.dtype.itemsize
    down, across = a.strides[0] // item, a.strides[1] // item
    if across == 1 or a.shape[1] == 1:
        return False, max(down, a.shape[1], 1)
    if down == 1 or a.shape[0] == 1:
        return True, max(across, a.shape[0], 1)
    raise ValueError(f"neither rows nor columns of a matrix with strides {a.strides} are contiguous")


def _best_product(xp: Any, stream: Any) -> Callable[[Any, Any, Any], None]:
    try:
        from nvmath.bindings import cublas

        return _Cublas(xp, cublas, stream)
    except Exception as error:  # not installed, or no cuBLAS: each library has an exception of its own
        from ebm.kernels.product import product

        warnings.warn(
            f"cuBLAS cannot be used through nvmath-python ({type(error).__name__}: {error}); matrix products"
            f" take numba-ebm's own kernel, which is slower. Install it with {EXTRA}",
            DeviceWarning,
            stacklevel=2,
        )
        return product


def _cupy() -> Any:
    """Import CuPy and numba-cuda and see that there is a GPU."""
    try:
        import cupy

        import ebm.kernels.launch  # noqa: F401
    except ImportError as error:
        missing = "CuPy" if "cupy" in str(error) else "numba-cuda"
        cause = f"needs {missing}, which cannot be imported ({error})"
        raise RuntimeError(f'device="cuda" {cause}: {EXTRA}') from error
    try:
        found = cupy.cuda.runtime.getDeviceCount()
    except Exception as error:
        cause = f"no usable NVIDIA GPU ({error})"
        raise RuntimeError(f'device="cuda": {cause}; it takes a GPU, its driver and {EXTRA}') from error
    if not found:
        raise RuntimeError(f'device="cuda": CuPy finds no NVIDIA GPU; it takes one, its driver and {EXTRA}')
    return cupy


def get_device(device: str | Device = "cpu") -> Device:
    """Return the device of a name.

    Parameters
    ----------
    device : {"cpu", "cuda", "auto"} or Device
        "auto" is the GPU where one can be used, else the CPU; a Device is returned as it is.

    Raises
    ------
    ValueError
        When the name is none of these.
    RuntimeError
        When "cuda" is asked for and no GPU can be used, naming the cause and the extra to install.
    """
    if isinstance(device, Device):
        return device
    if device not in ("cpu", "cuda", "auto"):
        raise ValueError(f'device must be "cpu", "cuda", "auto" or a Device, got {device!r}')
    if device == "cpu":
        return Device()
    if device == "cuda":
        return SimulatedDevice() if simulated() else CudaDevice()
    if not simulated():
        with contextlib.suppress(RuntimeError):
            return CudaDevice()
    return Device()


def beside(array: np.ndarray, other: Any) -> Any:
    """Copy a NumPy array to where ``other`` is."""
    out = np.empty_like(other, shape=array.shape, dtype=array.dtype)
    if hasattr(out, "set"):  # CuPy does not assign NumPy's arrays
        out.set(array)
    else:
        out[...] = array
    return out


def to_host(array: Any) -> np.ndarray:
    """Return an array of either device as NumPy's, without a copy where it is on the CPU."""
    return array.get() if hasattr(array, "get") else np.asarray(array)
