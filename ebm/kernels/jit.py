"""The decorators of a kernel file: cell, inner, pasted, summing, core, cuda_loop and cuda_part; by_precision.

A **cell** is a scalar function, pasted into the loops of both devices; a **core** is a serial CPU loop over a
range of rows that releases the GIL, an **inner** a part of one (a **summing** may reorder its sums, a
**pasted** has one caller); a **cuda_loop** is a grid-stride loop, a **cuda_part** a part of one. Numba's disk
cache is keyed by the file a function stands in, and knows nothing of cells that it imports, so here the names
of the cache's files carry a hash of every source in this folder: after an upgrade or an edit nothing old can
be found.
"""

from __future__ import annotations

import functools
import gc
import hashlib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import llvmlite.binding as llvm
import numba
import numpy as np
from numba.core.caching import CompileResultCacheImpl, FunctionCache
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import AnalysisPass, register_pass
from numba.core.typed_passes import IRLegalization
from numba.extending import overload

from ebm.errors import KernelCacheWarning

FAST = {"contract", "nsz", "arcp"}  # as fast as all flags together, and NaN keeps its meaning


def _hash_of_sources(folder: Path) -> str:
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(folder.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


SOURCES = _hash_of_sources(Path(__file__).parent)


class _HashedNames(CompileResultCacheImpl):
    def get_filename_base(self, fullname: str, abiflags: str) -> str:
        return f"{super().get_filename_base(fullname, abiflags)}.{SOURCES}"


class _PackageCache(FunctionCache):
    _impl_class = _HashedNames

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        except OSError as error:  # a full disk, a quota: no reason to stop
            _warn_of_no_cache(error)


def _warn_of_no_cache(error: Exception) -> None:
    warnings.warn(
        f"compiled kernels cannot be kept, so every process compiles them anew, for seconds ({error}); "
        "set NUMBA_CACHE_DIR to a folder that can be written",
        KernelCacheWarning,
        stacklevel=3,
    )


class _PartLibrary(JITCodeLibrary):
    """Code of a part, optimised and turned into machine code with its caller's only: half of the time to compile."""

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        environments = [g.name for g in self._final_module.global_variables if g.name.startswith("_ZN08NumbaEnv")]
        declared = "".join(f'@"{name}" = common global i8* null\n' for name in environments)
        self._codegen._add_module(llvm.parse_assembly(declared))  # all that numba looks for in machine code
        self._codegen._engine.finalize_object()
        self._finalized = True


@register_pass(mutates_CFG=False, analysis_only=True)
class _LeaveToCaller(AnalysisPass):
    _name = "ebm_leave_to_caller"

    def __init__(self) -> None:
        pass

    def run_pass(self, state: Any) -> bool:
        state.library = _PartLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        return False


class _Part(CompilerBase):
    def define_pipelines(self) -> list[Any]:
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.add_pass_after(_LeaveToCaller, IRLegalization)
        passes.finalize()
        return [passes]


def cell(function: Callable) -> Any:
    """Compile a scalar function so that it is pasted into its caller and keeps the caller's flags."""
    return numba.njit(inline="always", error_model="numpy", fastmath=FAST)(function)


def _undisturbed(compile_: Callable) -> Callable:
    """Let no garbage collection walk through the compiler's many objects: a tenth of its time."""

    @functools.wraps(compile_)
    def undisturbed(signature: Any) -> Any:
        enabled = gc.isenabled()
        gc.disable()
        try:
            return compile_(signature)
        finally:
            if enabled:
                gc.enable()

    return undisturbed


def core(function: Callable | None = None, *, allocates: bool = True) -> Any:
    """Compile a serial CPU loop that releases the GIL and is kept in the disk cache.

    ``allocates=False`` leaves out the counting of references: a loop that is given all its arrays, and makes none,
    compiles faster.
    """
    if function is None:
        return lambda function: core(function, allocates=allocates)
    dispatcher = numba.njit(nogil=True, error_model="numpy", fastmath=FAST, no_cfunc_wrapper=True, _nrt=allocates)(
        function
    )
    dispatcher.compile = _undisturbed(dispatcher.compile)
    try:
        dispatcher._cache = _PackageCache(function)
    except RuntimeError as error:  # neither the installation nor the user's cache folder can be written
        _warn_of_no_cache(error)
    return dispatcher


def inner(function: Callable) -> Any:
    """Compile a part of a core, called from cores alone: without the wrappers that Python would need."""
    return _part(FAST)(function)


def _part_options(flags: set[str]) -> dict[str, Any]:
    bare = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "_nrt": False}  # nothing is allocated or counted
    return {"error_model": "numpy", "fastmath": flags, "pipeline_class": _Part, **bare}


def _part(flags: set[str]) -> Any:
    return numba.njit(**_part_options(flags))


def pasted(function: Callable) -> Any:
    """Paste a part that has one caller into it: its tuples of arrays are a hundred arguments to compile."""
    return numba.njit(inline="always", error_model="numpy", fastmath=FAST)(function)


def summing(function: Callable) -> Any:
    """Compile an ``inner`` whose sums may be reordered to vectorise (alike for any number of threads)."""
    return _part(FAST | {"reassoc"})(function)


PRECISIONS: list[tuple[Callable, Callable, str]] = []  # (name, chooser, inline): the launcher tells CUDA of them


def _of_one(single: Any, double: Any) -> tuple[Callable, Callable]:
    def choose(x: Any) -> Any:  # in the CUDA simulator, which runs plain Python
        return single.py_func(x) if isinstance(x, np.float32) else double.py_func(x)

    def chooser(x):  # type: ignore[no-untyped-def]  # numba compares this signature with the lambda's
        if str(x) == "float32":
            return lambda x: single(x)
        return lambda x: double(x)

    return choose, chooser


def _of_three(single: Any, double: Any) -> tuple[Callable, Callable]:
    def choose(x: Any, y: Any, z: Any) -> Any:
        return single.py_func(x, y, z) if isinstance(x, np.float32) else double.py_func(x, y, z)

    def chooser(x, y, z):  # type: ignore[no-untyped-def]
        if str(x) == "float32":
            return lambda x, y, z: single(x, y, z)
        return lambda x, y, z: double(x, y, z)

    return choose, chooser


def by_precision(single: Any, double: Any, *, paste: bool = True) -> Callable:
    """Join two cells under one name: ``single`` where the first argument is float32, else ``double``.

    They take one or three arguments: numba pastes no function with ``*args``, so each has its lambdas. With
    ``paste=False`` they stay functions that are called: cells with branches, which do not become vector code.
    """
    pair = {1: _of_one, 3: _of_three}[single.py_func.__code__.co_argcount]
    choose, chooser = pair(single, double)
    inline = "always" if paste else "never"
    overload(choose, inline=inline, jit_options=_part_options(FAST))(chooser)
    PRECISIONS.append((choose, chooser, inline))
    return choose


def rows_by_precision(single: Any, double: Any) -> Callable:
    """Join two parts that fill a row, its first argument of five, under one name, by the row's dtype."""

    def choose(row: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
        raise TypeError(f"{single.py_func.__name__} is a part of compiled loops; call it from one")

    @overload(choose, inline="always", jit_options=_part_options(FAST))
    def chooser(row, a, b, c, d):  # type: ignore[no-untyped-def]
        if str(row.dtype) == "float32":
            return lambda row, a, b, c, d: single(row, a, b, c, d)
        return lambda row, a, b, c, d: double(row, a, b, c, d)

    return choose


class cuda_loop:
    """A grid-stride CUDA loop; numba.cuda is imported, and the loop compiled, at its first launch.

    ``block``: threads a block must have, for a loop that works with no other number.
    """

    registry: ClassVar[list[cuda_loop]] = []

    def __init__(self, function: Callable, *, block: int | None = None) -> None:
        self.py_func, self.__doc__, self._block = function, function.__doc__, block
        self._kernel: Any = None
        cuda_loop.registry.append(self)

    def __call__(self, threads: int, *arguments: Any) -> None:
        """Launch over ``threads`` work items on the stream that the device holds current."""
        from ebm.kernels.launch import compiled, launch

        if self._kernel is None:
            self._kernel = compiled(self.py_func)
        launch(self._kernel, threads, arguments, self._block)


class cuda_part:
    """A part of CUDA loops that is more than a cell, such as a sum over a block; compiled by the launcher."""

    def __init__(self, function: Callable) -> None:
        self.py_func, self.__doc__ = function, function.__doc__
        self._device_function: Any = None

    def compiled(self, compiler: Callable[[Callable], Any]) -> Any:
        """Return the device function, made by ``compiler`` the first time."""
        if self._device_function is None:
            self._device_function = compiler(self.py_func)
        return self._device_function

    def __call__(self, *arguments: Any) -> Any:
        """Refuse: only CUDA loops call this."""
        raise TypeError(f"{self.py_func.__name__} is a part of CUDA loops; call it from one")


def simulated() -> bool:
    """Whether numba.cuda is its simulator in this process (NUMBA_ENABLE_CUDASIM=1)."""
    return bool(numba.config.ENABLE_CUDASIM)


def on_gpu(array: Any) -> bool:
    """Tell CuPy's arrays (and the simulator's) by the mark on their type, without importing CuPy."""
    return hasattr(type(array), "__cuda_array_interface__")
