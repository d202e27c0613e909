"""Files that hold a model: named arrays and metadata in one safetensors file, never a pickle.

A safetensors file is an 8-byte length, a JSON header that declares each array's type, shape and place, and
the arrays' bytes (https://github.com/huggingface/safetensors, "Format"). The header holds strings; ours::

    format_version   "1"             refused by name when newer than FORMAT_VERSION
    kind             "RBM"           what the file holds
    library_version  "0.1.0"         what wrote it
    metadata         "{...}"         JSON: hyper-parameters, history, ...

The library maps the file and compares every declared size with the file's before an array is made, so a file
that promises terabytes is refused, not allocated. A file is written beside its final place and renamed:
readers see the old or the new file, whole.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

import ebm

FORMAT_VERSION = 1
Pathlike = str | os.PathLike[str]
DTYPES = {"BOOL": "bool", "F16": "float16", "F32": "float32", "F64": "float64"}
DTYPES |= {f"I{bits}": f"int{bits}" for bits in (8, 16, 32, 64)}
DTYPES |= {f"U{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)}


class ModelFileError(ValueError):
    """A file that cannot be read as a model: truncated, damaged, of another kind, or of a newer format."""


@dataclass(frozen=True)
class Contents:
    """What a model file declares, without its arrays.

    Attributes
    ----------
    kind : str
        What the file holds, as its writer named it.
    format_version : int
        Version of the layout of arrays and metadata.
    library_version : str
        Version of numba-ebm that wrote the file.
    arrays : dict of str to (str, tuple of int)
        Each array's NumPy dtype name and shape.
    metadata : dict
        The JSON metadata.
    """

    kind: str
    format_version: int
    library_version: str
    arrays: dict[str, tuple[str, tuple[int, ...]]]
    metadata: dict[str, Any]


@contextmanager
def replacing(path: Pathlike) -> Iterator[Path]:
    """Give a temporary path in the folder of ``path``; on success it becomes ``path``, else it is removed.

    The bytes reach the disk before the name does (fsync, then ``os.replace``), so after a crash there is the
    old file or the new one. A symbolic link is followed, not replaced.

    Parameters
    ----------
    path : str or os.PathLike
        The file to write or replace. Its folder must exist.

    Yields
    ------
    pathlib.Path
        Where to write.

    Raises
    ------
    OSError
        If writing or renaming fails; the old file, if any, stays as it was.
    """
    final = Path(os.path.realpath(path))
    if final.is_dir():
        raise IsADirectoryError(f"{path} is a folder; give the name of a file in it")
    if not final.parent.is_dir():
        raise FileNotFoundError(f"cannot write {path}: there is no folder {final.parent}")
    temporary = final.with_name(f".{final.name[:200]}.{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
        _to_disk(temporary)
        os.replace(temporary, final)
        _to_disk(final.parent)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def save(path: Pathlike, kind: str, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, Any]) -> None:
    """Write arrays and metadata to one file, atomically.

    Parameters
    ----------
    path : str or os.PathLike
        The file to write or replace.
    kind : str
        What the file holds; ``load`` asks for it.
    arrays : mapping of str to ndarray
        Booleans, integers or real floats, of any shape and memory layout.
    metadata : mapping
        Anything JSON can hold. NaN and infinities are kept; tuples come back as lists.

    Raises
    ------
    TypeError
        If an array's dtype or something in the metadata cannot be stored.
    OSError
        If the disk is full or the folder cannot be written; an old file stays, and nothing is left over.
    """
    header = {
        "format_version": str(FORMAT_VERSION),
        "kind": kind,
        "library_version": ebm.__version__,
        "metadata": json.dumps(dict(metadata)),
    }
    content = to_bytes({name: _storable(name, array) for name, array in arrays.items()}, metadata=header)
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def _storable(name: str, array: np.ndarray) -> np.ndarray:
    array = np.asarray(array)
    if array.dtype.name not in DTYPES.values():
        raise TypeError(f"array {name!r} has dtype {array.dtype}, which a model file cannot hold")
    # safetensors writes memory as it lies and silently scrambles other layouts and byte orders. Not
    # ascontiguousarray alone: it makes 0-d arrays 1-d.
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    return np.ascontiguousarray(array).reshape(array.shape)


def describe(path: Pathlike) -> Contents:
    """Read what a model file declares, and none of its arrays.

    Parameters
    ----------
    path : str or os.PathLike
        A file written by `save`.

    Returns
    -------
    Contents
        Kind, versions, dtypes, shapes and metadata.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ModelFileError
        If it is no readable model file; the message names the file and the cause.
    """
    with _open(path) as file:
        return _contents(path, file)


def load(path: Pathlike, kind: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read the arrays and metadata of a model file.

    Parameters
    ----------
    path : str or os.PathLike
        A file written by `save`.
    kind : str
        What the file must hold.

    Returns
    -------
    arrays : dict of str to ndarray
        New, C-ordered, writable arrays.
    metadata : dict
        The metadata given to `save`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ModelFileError
        If it is no readable model file or holds something else; the message names the file and the cause.
    """
    with _open(path) as file:
        contents = _contents(path, file)
        if contents.kind != kind:
            raise ModelFileError(f"{path} holds a {contents.kind!r}, not a {kind!r}")
        return {name: file.get_tensor(name) for name in contents.arrays}, contents.metadata


@contextmanager
def _open(path: Pathlike) -> Iterator[Any]:
    if not Path(path).exists():
        raise FileNotFoundError(f"there is no model file {path}")
    if not Path(path).is_file():
        raise ModelFileError(f"{path} is not a regular file")
    try:
        with safe_open(path, framework="np") as file:
            yield file
    except ModelFileError:
        raise
    except (SafetensorError, ValueError, TypeError) as error:
        raise ModelFileError(f"{path} is not a readable model file, or is truncated: {error}") from error


def _contents(path: Pathlike, file: Any) -> Contents:
    header = file.metadata() or {}
    if "format_version" not in header or "kind" not in header:
        raise ModelFileError(f"{path} is a safetensors file, but not one that numba-ebm wrote")
    version = header["format_version"]
    written = f"format version {version[:20]!r} (numba-ebm {header.get('library_version', 'unknown')[:20]})"
    if not version.isdecimal() or len(version) > 9:
        raise ModelFileError(f"{path} declares {written}, which is no version number")
    if int(version) > FORMAT_VERSION:
        raise ModelFileError(
            f"{path} is of the newer {written}; numba-ebm {ebm.__version__} reads versions up to "
            f"{FORMAT_VERSION}: upgrade numba-ebm to read it"
        )
    return Contents(
        header["kind"],
        int(version),
        header.get("library_version", "unknown"),
        {name: _declared(path, name, file.get_slice(name)) for name in file.keys()},  # noqa: SIM118 (no mapping)
        _metadata(path, header.get("metadata", "{}")),
    )


def _declared(path: Pathlike, name: str, array: Any) -> tuple[str, tuple[int, ...]]:
    dtype = array.get_dtype()
    if dtype not in DTYPES:
        raise ModelFileError(f"{path}: array {name!r} has type {dtype}, which numba-ebm does not read")
    return DTYPES[dtype], tuple(array.get_shape())


def _metadata(path: Pathlike, text: str) -> dict[str, Any]:
    try:
        metadata = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{path}: the metadata is damaged: {error}") from error
    if not isinstance(metadata, dict):
        raise ModelFileError(f"{path}: the metadata is a {type(metadata).__name__}, not a mapping")
    return metadata
