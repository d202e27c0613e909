"""Calling a compiled loop by its address, with its arguments from a record in memory.

A compiled function takes an array as seven or more separate values: a reference to count (none here), a parent (none),
the number of elements, their size, the address of the first, the shape, the strides. A record is these values one after
the other, eight bytes each; a trampoline loads them and calls. Functions of the same types share a trampoline.
"""

from __future__ import annotations

from functools import cache
from itertools import count
from typing import Any

import numpy as np
from llvmlite import ir
from numba import typeof, types
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target

WORD, STATUS = ir.IntType(64), ir.IntType(32)
SUCCESS = (0, -2)  # numba's codes: done, and done with None; -1 is an exception on its way up
_numbers = count()


class Call:
    """A loop with its arguments, to be called by ``address(record, first, last)``.

    Parameters
    ----------
    loop : core
    arguments : tuple
        Arrays, integers and NumPy's floats; the last two, first and last, are placeholders.

    Raises
    ------
    TypeError
        When an argument is something else.
    """

    def __init__(self, loop: Any, arguments: tuple[Any, ...]) -> None:
        words = [word for argument in arguments[:-2] for word in _words(argument)]
        kinds = tuple(typeof(argument) for argument in arguments)
        loop.compile(kinds)
        self._compiled = loop.overloads[kinds]
        self._arguments = arguments  # the record holds addresses of these arrays
        pointer = self._compiled.library.get_pointer_to_function(self._compiled.fndesc.llvm_func_name)
        self.record = np.array([pointer, *words], np.int64)
        self.address = _trampoline(tuple(_flat(kind) for kind in kinds[:-2]))


def _words(argument: Any) -> list[int]:
    """Return what a compiled function takes for an argument, as integers of eight bytes."""
    if isinstance(argument, np.ndarray):
        return [0, 0, argument.size, argument.itemsize, argument.ctypes.data, *argument.shape, *argument.strides]
    if isinstance(argument, np.floating):
        wide = np.zeros(8 // argument.itemsize, argument.dtype)
        wide[0] = argument
        return [int(wide.view(np.int64)[0])]
    if isinstance(argument, int | np.integer | np.bool_):
        return [int(np.array(int(argument) & (2**64 - 1), np.uint64).view(np.int64))]
    raise TypeError(f"a loop with the argument {argument!r} cannot be recorded: give arrays, integers, NumPy's floats")


def _flat(kind: Any) -> str:
    """Name the LLVM types that an argument becomes: w a word, p a pointer, f and d floats, and a digit for integers."""
    if isinstance(kind, types.Array):
        return f"ppwwp{'w' * 2 * kind.ndim}"
    if isinstance(kind, types.Float):
        return "f" if kind.bitwidth == 32 else "d"
    return {64: "w", 32: "i", 16: "s", 8: "b", 1: "b"}[1 if isinstance(kind, types.Boolean) else kind.bitwidth]


LLVM = {
    "w": WORD,
    "p": ir.IntType(8).as_pointer(),
    "f": ir.FloatType(),
    "d": ir.DoubleType(),
    "i": ir.IntType(32),
    "s": ir.IntType(16),
    "b": ir.IntType(8),
}


@cache
@global_compiler_lock
def _trampoline(flat: tuple[str, ...]) -> int:
    """Compile ``i32 trampoline(record, first, last)`` for arguments of these types, and return its address."""
    letters = "".join(flat)
    pointer = LLVM["p"]
    kind = ir.FunctionType(
        STATUS, [pointer.as_pointer(), pointer.as_pointer(), *(LLVM[c] for c in letters), WORD, WORD]
    )
    library = cpu_target.target_context.codegen().create_library(f"ebm_trampoline_{next(_numbers)}")
    module = library.create_ir_module(library.name)
    function = ir.Function(module, ir.FunctionType(STATUS, [WORD, WORD, WORD]), library.name)
    builder = ir.IRBuilder(function.append_basic_block())
    record, first, last = function.args

    def slot(i: int, of: Any) -> Any:
        return builder.load(builder.inttoptr(builder.add(record, WORD(8 * i)), of.as_pointer()))

    result, error = builder.alloca(pointer), builder.alloca(pointer)
    target = builder.inttoptr(slot(0, WORD), kind.as_pointer())
    values = [slot(i + 1, LLVM[c]) for i, c in enumerate(letters)]
    status = builder.call(target, [result, error, *values, first, last])
    good = builder.or_(*(builder.icmp_signed("==", status, STATUS(code)) for code in SUCCESS))
    builder.ret(builder.select(good, STATUS(0), STATUS(1)))
    library.add_ir_module(module)
    library.finalize()
    _kept.append(library)
    return library.get_pointer_to_function(library.name)


_kept: list[Any] = []  # a library's code goes with it
