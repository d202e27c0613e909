"""Model files: what is written comes back; nothing hostile is believed; a full disk harms nothing."""

import errno
import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save as raw_save

import ebm
from ebm import storage
from ebm.storage import ModelFileError

ARRAYS = {
    "weights": np.arange(12, dtype=np.float32).reshape(3, 4),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "strided": np.arange(20, dtype=np.int64)[::3],
    "big_endian": np.arange(4, dtype=">u4"),
    "scalar": np.array(2.5),
    "empty": np.zeros((0, 7), np.uint8),
    "mask": np.array([True, False]),
}
METADATA = {"n": 3, "name": "Größe", "history": [{"epoch": 1, "loss": float("inf")}], "none": None, "f": 0.1}


def test_what_is_saved_comes_back(tmp_path):
    path = tmp_path / "model.safetensors"
    for array in ARRAYS.values():
        array.setflags(write=False)
    storage.save(path, "RBM", ARRAYS, METADATA)
    arrays, metadata = storage.load(path, "RBM")
    assert metadata == METADATA
    assert set(arrays) == set(ARRAYS)
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, ARRAYS[name], strict=name != "big_endian")
        assert array.flags.c_contiguous
        assert array.flags.writeable
    assert list(tmp_path.iterdir()) == [path]


def test_describe_reads_no_arrays(tmp_path):
    path = tmp_path / "model.safetensors"
    storage.save(path, "RBM", ARRAYS, METADATA)
    contents = storage.describe(path)
    assert contents.kind == "RBM"
    assert contents.format_version == storage.FORMAT_VERSION
    assert contents.library_version == ebm.__version__
    assert contents.arrays["weights"] == ("float32", (3, 4))
    assert contents.arrays["scalar"] == ("float64", ())
    assert contents.metadata == METADATA


@pytest.mark.parametrize("array", [np.array([1j]), np.array(["a"]), np.array([None])])
def test_arrays_that_cannot_be_stored(tmp_path, array):
    with pytest.raises(TypeError, match="'odd' has dtype"):
        storage.save(tmp_path / "m", "RBM", {"odd": array}, {})
    assert list(tmp_path.iterdir()) == []


def test_another_kind_is_named(tmp_path):
    storage.save(tmp_path / "m", "checkpoint", ARRAYS, {})
    with pytest.raises(ModelFileError, match=r"m holds a 'checkpoint', not a 'RBM'"):
        storage.load(tmp_path / "m", "RBM")


def test_a_newer_format_is_refused_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "FORMAT_VERSION", 7)
    monkeypatch.setattr(ebm, "__version__", "9.9")
    storage.save(tmp_path / "m", "RBM", ARRAYS, {})
    monkeypatch.undo()
    with pytest.raises(ModelFileError, match=r"m is of the newer format version '7' \(numba-ebm 9.9\).*upgrade"):
        storage.load(tmp_path / "m", "RBM")


# Hostile and damaged files


def safetensors_file(path: Path, header: dict | bytes, data: bytes = b"", length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def declared(dtype: str, shape: list[int], end: int, **metadata: str) -> dict:
    ours = {"format_version": "1", "kind": "RBM", "metadata": "{}"} | metadata
    return {"__metadata__": ours, "x": {"dtype": dtype, "shape": shape, "data_offsets": [0, end]}}


GOOD = (declared("F32", [1], 4), b"abcd")
HOSTILE = {
    "header longer than the file": (GOOD[0], GOOD[1], 1 << 40),
    "header of 2^63 bytes": (GOOD[0], GOOD[1], 1 << 63),
    "terabytes promised": (declared("F32", [1 << 38], 1 << 40), b"abcd"),
    "shape overflows": (declared("F32", [1 << 40, 1 << 40], 4), b"abcd"),
    "shape and bytes differ": (declared("F32", [2], 4), b"abcd"),
    "negative shape": (declared("F32", [-1], 4), b"abcd"),
    "empty but huge": (declared("F32", [0, 1 << 62], 0), b""),
    "too many dimensions": (declared("F32", [1] * 100, 4), b"abcd"),
    "bytes left over": (declared("F32", [1], 4), b"abcdefgh"),
    "a type NumPy lacks": (declared("BF16", [2], 4), b"abcd"),
    "an 8-bit float": (declared("F8_E4M3", [4], 4), b"abcd"),
    "no JSON": (b"\xff\xfe{}", b""),
    "deep JSON": (b"[" * 100_000, b""),
    "deep metadata": (declared("F32", [1], 4, metadata="[" * 100_000), b"abcd"),
    "metadata is a list": (declared("F32", [1], 4, metadata="[1]"), b"abcd"),
    "metadata is damaged": (declared("F32", [1], 4, metadata='{"a": '), b"abcd"),
    "metadata with an endless integer": (declared("F32", [1], 4, metadata="1" * 10_000), b"abcd"),
    "version is no number": (declared("F32", [1], 4, format_version="one"), b"abcd"),
    "version is endless": (declared("F32", [1], 4, format_version="9" * 10_000), b"abcd"),
}


def test_the_hostile_files_start_from_a_good_one(tmp_path):
    arrays, _ = storage.load(safetensors_file(tmp_path / "m", *GOOD), "RBM")
    assert arrays["x"].tobytes() == b"abcd"


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("read", [storage.describe, lambda path: storage.load(path, "RBM")], ids=["describe", "load"])
def test_hostile_files_are_refused(tmp_path, name, read):
    path = safetensors_file(tmp_path / "bad.safetensors", *HOSTILE[name])
    if read is storage.describe and name in {"empty but huge", "too many dimensions"}:
        read(path)  # declares what cannot be made, harmless until it is
    else:
        with pytest.raises(ModelFileError, match=r"bad\.safetensors.*\w"):
            read(path)


def test_every_truncation_is_refused(tmp_path):
    path = tmp_path / "bad.safetensors"
    storage.save(path, "RBM", {"x": np.arange(3.0)}, {"a": 1})
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelFileError, match=r"bad\.safetensors.*truncated"):
            storage.load(path, "RBM")


def test_files_that_are_no_models(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no model file .*nothing"):
        storage.load(tmp_path / "nothing", "RBM")
    with pytest.raises(ModelFileError, match="not a regular file"):
        storage.load(tmp_path, "RBM")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ModelFileError, match="not a regular file"):  # and does not wait for a writer
        storage.load(tmp_path / "pipe", "RBM")
    (tmp_path / "foreign").write_bytes(raw_save({"x": np.ones(2)}))
    with pytest.raises(ModelFileError, match="not one that numba-ebm wrote"):
        storage.load(tmp_path / "foreign", "RBM")


# Writing


def disk_full(self, data):
    with open(self, "wb") as file:
        file.write(data[: len(data) // 2])
    raise OSError(errno.ENOSPC, "No space left on device", str(self))


@pytest.mark.parametrize("before", [None, b"the old file"])
def test_disk_full_leaves_the_old_file(tmp_path, monkeypatch, before):
    path = tmp_path / "m"
    if before:
        path.write_bytes(before)
    monkeypatch.setattr(Path, "write_bytes", disk_full)
    with pytest.raises(OSError, match="No space left"):
        storage.save(path, "RBM", ARRAYS, {})
    assert [file.read_bytes() for file in tmp_path.iterdir()] == ([before] if before else [])


LIMITED = """
import resource, sys
import numpy as np
from ebm import storage
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    storage.save(sys.argv[1], "RBM", {"x": np.ones(100_000)}, {})
except OSError as error:
    print(error.strerror)
"""


def test_a_real_limit_on_file_size_leaves_the_old_file(tmp_path):
    path = tmp_path / "m"
    storage.save(path, "RBM", ARRAYS, METADATA)
    run = subprocess.run([sys.executable, "-c", LIMITED, path], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == os.strerror(errno.EFBIG)
    assert storage.load(path, "RBM")[1] == METADATA
    assert list(tmp_path.iterdir()) == [path]


def test_where_nothing_can_be_written(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder"):
        storage.save(tmp_path, "RBM", ARRAYS, {})
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        storage.save(tmp_path / "missing" / "m", "RBM", ARRAYS, {})


def test_a_link_is_followed_and_permissions_follow_the_umask(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "target")
    storage.save(tmp_path / "link", "RBM", ARRAYS, {})
    assert (tmp_path / "link").is_symlink()
    storage.load(tmp_path / "target", "RBM")
    (tmp_path / "plain").write_bytes(b"")
    assert (tmp_path / "target").stat().st_mode == (tmp_path / "plain").stat().st_mode
