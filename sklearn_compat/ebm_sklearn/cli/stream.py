"""Row blocks of a table, one after the other: a file larger than memory goes through in little of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from ebm.storage import replacing
from ebm_sklearn.cli import tables

BLOCK_BYTES = 64 << 20  # what a block's input and output may take, as float32
MOST_ROWS = 8192


class Rate(NamedTuple):
    """How fast rows were read.

    Attributes
    ----------
    rows, megabytes : float
        Per second.
    """

    rows: float
    megabytes: float


def block_rows(n_columns: int, n_outputs: int) -> int:
    """Return the rows of a block that is large enough to be fast and small beside any memory."""
    return max(1, min(MOST_ROWS, BLOCK_BYTES // (4 * (n_columns + n_outputs))))


def blocks(table: Any, rows: int, *, progress: bool = True) -> Iterator[Any]:
    """Yield a table's rows in blocks, under a progress bar.

    Parameters
    ----------
    table : MappedRows, ndarray, CSR matrix or pandas.DataFrame
        What to go through.
    rows : int
        Rows of a block; the last may be shorter.
    progress : bool
        Show the bar.

    Yields
    ------
    ndarray, CSR matrix or pandas.DataFrame
        The next rows.
    """
    from tqdm import tqdm  # imported when used: it is slow to import

    source = getattr(table, "iloc", table)
    with tqdm(total=table.shape[0], unit=" rows", unit_scale=True, disable=not progress) as bar:
        for first in range(0, table.shape[0], rows):
            block = source[first : first + rows]
            yield block
            bar.update(block.shape[0])


def transform(
    function: Callable[[Any], np.ndarray],
    table: Any,
    target: Path,
    *,
    rows: int,
    names: list[str] | None = None,
    progress: bool = True,
) -> Rate:
    """Apply a function to blocks of rows and write what it returns, row for row.

    From .npy to .npy neither table is ever whole in memory; other formats are.

    Parameters
    ----------
    function : callable
        From (n, n_columns) to an array of shape (n, n_outputs).
    table : MappedRows, ndarray, CSR matrix or pandas.DataFrame
        The input.
    target : pathlib.Path
        The file to write; it appears, or is replaced, when all is done.
    rows : int
        Rows of a block.
    names : list of str or None
        Columns of a .parquet or .csv file.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Rate
        How fast the input went through, as it is stored.
    """
    start = perf_counter()
    size = 0
    if tables.check_writable(target) == ".npy":
        with replacing(target) as temporary, NpyWriter(temporary, table.shape[0]) as writer:
            for block in blocks(table, rows, progress=progress):
                size += _bytes(block)
                writer.append(function(block))
    else:
        parts = []
        for block in blocks(table, rows, progress=progress):
            size += _bytes(block)
            parts.append(function(block))
        tables.write(target, np.concatenate(parts), names)
    seconds = max(perf_counter() - start, 1e-9)
    return Rate(table.shape[0] / seconds, size / 1e6 / seconds)


def _bytes(block: Any) -> int:
    if hasattr(block, "memory_usage"):  # a data frame
        return int(block.memory_usage(index=False).sum())
    return int(block.data.nbytes)  # of a CSR matrix: its stored values


class NpyWriter:
    """A .npy file written row block by row block, in a stream.

    A stream and not a memory map: written pages leave this process at once, and a full disk is an OSError
    where a map would end the process with SIGBUS. The result can be memory-mapped.

    Parameters
    ----------
    path : pathlib.Path
        The file, which must not exist.
    n_rows : int
        Rows that will be written.
    """

    def __init__(self, path: Path, n_rows: int) -> None:
        self._file = path.open("xb")
        self._n_rows = n_rows
        self._header: tuple[Any, ...] | None = None

    def __enter__(self) -> NpyWriter:
        return self

    def __exit__(self, *error: Any) -> None:
        self._file.close()

    def append(self, rows: np.ndarray) -> None:
        """Write the next rows; the first fix width and dtype.

        Parameters
        ----------
        rows : ndarray of shape (n, width)
            The rows.
        """
        header = (rows.dtype, rows.shape[1:])
        if self._header is None:
            self._header = header
            self._write_header(*header)
        if header != self._header:
            raise ValueError(f"rows of {header} follow rows of {self._header}")
        self._file.write(np.ascontiguousarray(rows).data)

    def _write_header(self, dtype: np.dtype, width: tuple[int, ...]) -> None:
        descr = np.lib.format.dtype_to_descr(dtype)
        np.lib.format.write_array_header_1_0(
            self._file, {"descr": descr, "fortran_order": False, "shape": (self._n_rows, *width)}
        )
