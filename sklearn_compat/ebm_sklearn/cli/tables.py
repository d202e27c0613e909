"""Tables on disk: .npy, .npz, .parquet and .csv, read and written; a .npy file may be larger than memory."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ebm.storage import replacing

SUFFIXES = (".npy", ".npz", ".parquet", ".csv")


class MappedRows:
    """Rows of a .npy file that need not fit into memory.

    Every slice is a memory map of its own: when it is dropped, so are the pages that were read through it.

    Parameters
    ----------
    path : pathlib.Path
        A .npy file of at least one dimension, without Python objects.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.shape = self[:].shape
        self.dtype = self[:].dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> np.ndarray:
        return np.load(self.path, mmap_mode="r", allow_pickle=False)[rows]


def read(path: Path, *, key: str | None = None, drop: Sequence[str] = ()) -> Any:
    """Open a table.

    Parameters
    ----------
    path : pathlib.Path
        Its suffix tells the format.
    key : str or None
        Which array of a .npz file; needed if it holds several.
    drop : sequence of str
        Columns of a .parquet or .csv file to leave out, labels for instance.

    Returns
    -------
    MappedRows, ndarray, scipy.sparse matrix or pandas.DataFrame
        From .npy, .npz, a .npz written by scipy.sparse, and the others.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If pandas or pyarrow is needed and missing; names the extra that brings them.
    ValueError
        If the format is unknown or the table is not two-dimensional and numeric.
    """
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}")
    suffix = _known_suffix(path)
    if suffix in (".npy", ".npz"):
        if drop:
            raise ValueError(f"--drop names columns, but {path} has none; it is for .parquet and .csv")
        table = MappedRows(path) if suffix == ".npy" else _read_npz(path, key)
    else:
        table = _read_frame(path, suffix, drop)
    if len(table.shape) != 2:
        raise ValueError(f"{path} holds an array of shape {table.shape}; needed is (n_samples, n_features)")
    return table


def _known_suffix(path: Path, suffixes: Sequence[str] = SUFFIXES) -> str:
    suffix = path.suffix.lower()
    if suffix not in suffixes:
        raise ValueError(f"{path}: unknown format {suffix!r}; this needs {' or '.join(suffixes)}")
    return suffix


def _read_npz(path: Path, key: str | None) -> Any:
    with np.load(path, allow_pickle=False) as file:
        if {"format", "shape", "data"} <= set(file.files):  # as scipy.sparse.save_npz names them
            from scipy import sparse

            return sparse.load_npz(path).tocsr()
        if key is None and len(file.files) == 1:
            key = file.files[0]
        if key not in file.files:
            raise ValueError(f"{path} holds the arrays {', '.join(file.files)}; choose one with --key")
        return file[key]


def _pandas(path: Path) -> Any:
    try:
        import pandas
        import pyarrow  # noqa: F401 (the engine of read_parquet and to_parquet)
    except ImportError as error:
        raise ImportError(
            f"{path}: {path.suffix} needs pandas and pyarrow ({error}); pip install 'numba-ebm[io]', in a clone '.[io]'"
        ) from error
    return pandas


def _read_frame(path: Path, suffix: str, drop: Sequence[str]) -> Any:
    pandas = _pandas(path)
    frame = pandas.read_parquet(path) if suffix == ".parquet" else _read_csv(pandas, path)
    missing = sorted(set(drop) - set(frame.columns))
    if missing:
        raise ValueError(f"--drop {missing[0]}: {path} has no such column; it has {_some(frame.columns)}")
    frame = frame.drop(columns=list(drop))
    text = frame.select_dtypes(exclude=["number", "bool"]).columns
    if len(text):
        raise ValueError(f"{path}: columns {_some(text)} are not numbers; leave them out with --drop")
    return frame


def _read_csv(pandas: Any, path: Path) -> Any:
    try:
        frame = pandas.read_csv(path)
    except (pandas.errors.ParserError, pandas.errors.EmptyDataError) as error:
        raise ValueError(f"{path}: {error}") from error
    counted = [str(i) for i in range(frame.shape[1])]  # the header that pandas and we give to nameless columns
    if list(frame.columns) != counted and all(map(_is_number, frame.columns)):  # a row, not a header
        return pandas.read_csv(path, header=None).rename(columns=str)
    return frame


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True


def _some(names: Sequence[str], most: int = 8) -> str:
    return ", ".join(map(str, names[:most])) + (", ..." if len(names) > most else "")


def write(path: Path, table: np.ndarray, names: Sequence[str] | None = None) -> None:
    """Write a table; a file of that name is replaced whole or stays as it was.

    Parameters
    ----------
    path : pathlib.Path
        Its suffix tells the format.
    table : ndarray of shape (n_rows, n_columns)
        What to write.
    names : sequence of str or None
        Columns of .parquet and .csv.

    Raises
    ------
    ImportError
        If pandas or pyarrow is needed and missing.
    OSError
        If the file cannot be written.
    ValueError
        If the format is unknown.
    """
    suffix = check_writable(path)
    with replacing(path) as temporary:
        if suffix in (".npy", ".npz"):
            with temporary.open("wb") as file:
                np.save(file, table) if suffix == ".npy" else np.savez(file, table)
        else:
            columns = [str(i) for i in range(table.shape[1])] if names is None else list(names)
            frame = _pandas(path).DataFrame(table, columns=columns)
            frame.to_parquet(temporary) if suffix == ".parquet" else frame.to_csv(temporary, index=False)


def check_writable(path: Path, suffixes: Sequence[str] = SUFFIXES) -> str:
    """Refuse a name that could not be written, before any work starts.

    Parameters
    ----------
    path : pathlib.Path
        Where something is to be written.
    suffixes : sequence of str
        What its name may end with.

    Returns
    -------
    str
        The suffix, in lower case.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
        If the folder does not exist or cannot be written, or the name is a folder's.
    ImportError
        If pandas or pyarrow is needed and missing.
    ValueError
        If the format is unknown.
    """
    suffix, folder = _known_suffix(path, suffixes), path.absolute().parent
    if suffix in (".parquet", ".csv"):
        _pandas(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; give the name of a file")
    if not folder.is_dir():
        raise FileNotFoundError(f"cannot write {path}: there is no folder {folder}")
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"cannot write {path}: no permission to write to {folder}")
    return suffix
