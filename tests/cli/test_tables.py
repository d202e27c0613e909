"""Tables on disk: all formats, and input that is none."""

import sys

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from ebm_sklearn.cli import stream, tables

X = np.arange(12, dtype=np.float32).reshape(4, 3)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".parquet", ".csv"])
def test_what_is_written_can_be_read(tmp_path, suffix):
    path = tmp_path / f"table{suffix}"
    tables.write(path, X, ["a", "b", "c"])
    table = tables.read(path)
    assert table.shape == (4, 3)
    np.testing.assert_array_equal(np.asarray(table[:]), X)
    if suffix in (".parquet", ".csv"):
        assert list(table.columns) == ["a", "b", "c"]
    assert list(tmp_path.iterdir()) == [path]


def test_columns_without_names_get_numbers(tmp_path):
    tables.write(tmp_path / "t.parquet", X)
    assert list(tables.read(tmp_path / "t.parquet").columns) == ["0", "1", "2"]


def test_a_csv_may_have_no_header(tmp_path):
    (tmp_path / "t.csv").write_text("0,1.5,1e-3\n1,2,3\n")
    frame = tables.read(tmp_path / "t.csv")
    assert frame.to_numpy().tolist() == [[0, 1.5, 1e-3], [1, 2, 3]]
    assert list(frame.columns) == ["0", "1", "2"]


def test_columns_that_are_no_numbers_are_named(tmp_path):
    pd.DataFrame({"a": [1, 2], "label": ["x", "y"]}).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(ValueError, match=r"columns label are not numbers; leave them out with --drop"):
        tables.read(tmp_path / "t.csv")
    assert list(tables.read(tmp_path / "t.csv", drop=["label"]).columns) == ["a"]
    with pytest.raises(ValueError, match=r"--drop lable: .* no such column; it has a, label"):
        tables.read(tmp_path / "t.csv", drop=["lable"])
    np.save(tmp_path / "t.npy", X)
    with pytest.raises(ValueError, match="--drop names columns"):
        tables.read(tmp_path / "t.npy", drop=["label"])


def test_one_of_several_arrays(tmp_path):
    np.savez(tmp_path / "t.npz", train=X, test=X + 1)
    np.testing.assert_array_equal(tables.read(tmp_path / "t.npz", key="test"), X + 1)
    for key in (None, "valid"):
        with pytest.raises(ValueError, match="holds the arrays train, test; choose one with --key"):
            tables.read(tmp_path / "t.npz", key=key)


def test_sparse_matrices_stay_sparse(tmp_path):
    sparse.save_npz(tmp_path / "t.npz", sparse.coo_matrix(X))
    table = tables.read(tmp_path / "t.npz")
    assert table.format == "csr"
    np.testing.assert_array_equal(table.toarray(), X)


def test_files_that_are_no_tables(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no file .*missing"):
        tables.read(tmp_path / "missing.npy")
    (tmp_path / "t.txt").write_text("1")
    with pytest.raises(ValueError, match=r"t\.txt: unknown format '\.txt'; this needs \.npy or \.npz"):
        tables.read(tmp_path / "t.txt")
    np.save(tmp_path / "t.npy", X[0])
    with pytest.raises(ValueError, match=r"array of shape \(3,\); needed is \(n_samples, n_features\)"):
        tables.read(tmp_path / "t.npy")
    np.save(tmp_path / "o.npy", np.array([[object()]]), allow_pickle=True)
    with pytest.raises(ValueError, match="object"):
        tables.read(tmp_path / "o.npy")
    (tmp_path / "e.csv").write_text("")
    with pytest.raises(ValueError, match=r"e\.csv"):
        tables.read(tmp_path / "e.csv")


def test_a_truncated_npy_is_refused(tmp_path):
    np.save(tmp_path / "t.npy", X)
    whole = (tmp_path / "t.npy").read_bytes()
    (tmp_path / "t.npy").write_bytes(whole[:-1])
    with pytest.raises(ValueError, match=r"mmap length is greater than file ?size"):
        tables.read(tmp_path / "t.npy")


@pytest.mark.parametrize("missing", ["pandas", "pyarrow"])
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_missing_package_names_its_extra(tmp_path, monkeypatch, missing, suffix):
    path = tmp_path / f"t{suffix}"
    tables.write(path, X)
    monkeypatch.setitem(sys.modules, missing, None)
    for function in (tables.read, tables.check_writable, lambda path: tables.write(path, X)):
        with pytest.raises(ImportError, match=r"needs pandas and pyarrow .*pip install 'numba-ebm\[io\]'"):
            function(path)


def test_names_that_cannot_be_written(tmp_path):
    with pytest.raises(ValueError, match="unknown format"):
        tables.check_writable(tmp_path / "t.txt")
    with pytest.raises(ValueError, match=r"unknown format '\.npy'; this needs \.safetensors"):
        tables.check_writable(tmp_path / "t.npy", (".safetensors",))
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        tables.check_writable(tmp_path / "no" / "t.npy")
    (tmp_path / "f.npy").mkdir()
    with pytest.raises(IsADirectoryError, match="is a folder"):
        tables.check_writable(tmp_path / "f.npy")


def tables_of_all_kinds(tmp_path, data):
    np.save(tmp_path / "c.npy", data)
    np.save(tmp_path / "f.npy", np.asfortranarray(data))
    yield tables.read(tmp_path / "c.npy")
    yield tables.read(tmp_path / "f.npy")
    yield data
    yield sparse.csr_matrix(data)
    yield pd.DataFrame(data)


@pytest.mark.parametrize("rows", [1, 3, 7, 100])
@pytest.mark.parametrize("target", ["out.npy", "out.npz", "out.csv"])
def test_blocks_of_any_size_give_the_same(tmp_path, rows, target):
    data = np.arange(21, dtype=np.float32).reshape(7, 3)
    for table in tables_of_all_kinds(tmp_path, data):
        sizes = []

        def double(block, sizes=sizes):
            sizes.append(block.shape[0])
            return 2 * np.asarray(block.toarray() if sparse.issparse(block) else block)

        rate = stream.transform(double, table, tmp_path / target, rows=rows, progress=False)
        np.testing.assert_array_equal(np.asarray(tables.read(tmp_path / target)[:]), 2 * data)
        assert sum(sizes) == 7
        assert max(sizes) == min(rows, 7)
        assert rate.rows > 0
        assert rate.megabytes > 0


def test_the_result_can_be_mapped_and_keeps_its_dtype(tmp_path):
    for dtype in (np.float32, np.float64, np.uint8):
        stream.transform(lambda block: block, X.astype(dtype), tmp_path / "o.npy", rows=3, progress=False)
        result = np.load(tmp_path / "o.npy", mmap_mode="r")
        np.testing.assert_array_equal(result, X.astype(dtype), strict=True)


def test_an_error_leaves_the_old_file(tmp_path):
    target = tmp_path / "o.npy"
    np.save(target, X)
    blocks = iter([X[:2], None])
    with pytest.raises(AttributeError):
        stream.transform(lambda block: next(blocks), X, target, rows=2, progress=False)
    np.testing.assert_array_equal(np.load(target), X)
    assert list(tmp_path.iterdir()) == [target]


def test_blocks_fit_into_a_budget():
    assert stream.block_rows(784, 256) == stream.MOST_ROWS
    rows = stream.block_rows(1_000_000, 100)
    assert 4 * rows * 1_000_100 <= stream.BLOCK_BYTES
    assert stream.block_rows(10**9, 10**9) == 1
