"""A table larger than what the process may keep: `ebm transform` lets read and written pages go."""

import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from ebm_sklearn import RBM

N_ROWS, N_PIXELS = 5_101_000, 784  # 4.0 GB of uint8
LIMIT = 500e6  # bytes of anonymous memory


@pytest.fixture
def table(tmp_path):
    """A .npy file of 4 GB: a block of random pixels again and again, each time with another first pixel."""
    block = (np.random.default_rng(0).random((10_000, N_PIXELS)) < 0.2).astype(np.uint8)
    with (tmp_path / "large.npy").open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (N_ROWS, N_PIXELS)}
        np.lib.format.write_array_header_1_0(file, header)
        for first in range(0, N_ROWS, 10_000):
            block[:, 0] = first // 10_000 % 2
            file.write(block[: N_ROWS - first].data)
    yield tmp_path / "large.npy"
    for path in tmp_path.glob("*.npy"):  # pytest keeps the folder
        path.unlink()


def memory(pid: int) -> dict[str, float]:
    """Resident bytes of a process by kind, in the kernel's words: RssAnon, RssFile, RssShmem."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return {}
    return {name: 1024.0 * int(size) for name, size in re.findall(r"(Rss\w+):\s+(\d+) kB", status)}


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from Linux's /proc")
def test_4_gb_go_through_in_little_memory(table, tmp_path, capsys):
    X = np.load(table, mmap_mode="r")
    rbm = RBM(n_components=32, n_iter=1, random_state=0).fit(X[:2000])
    rbm.save(tmp_path / "m.safetensors")
    arguments = ["transform", tmp_path / "m.safetensors", table, "-o", tmp_path / "f.npy"]
    command = [sys.executable, "-c", "from ebm_sklearn.cli import app; app()", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    most = {"RssAnon": 0.0, "RssFile": 0.0}
    while process.poll() is None:
        now = memory(process.pid)
        most = {name: max(size, now.get(name, 0.0)) for name, size in most.items()}
        time.sleep(0.02)
    out, _ = process.communicate()
    with capsys.disabled():
        sizes = ", ".join(f"{name} at most {size / 1e6:.0f} MB" for name, size in most.items())
        print(f"\n{out.strip()}\n{sizes}")
    assert process.returncode == 0
    assert "rows/s" in out
    assert 0 < most["RssAnon"] < LIMIT
    assert most["RssFile"] < LIMIT  # not the 4 GB that were read
    features = np.load(tmp_path / "f.npy", mmap_mode="r")
    assert features.shape == (N_ROWS, 32)
    for rows in (slice(0, 50), slice(8000, 8400), slice(N_ROWS - 50, N_ROWS)):
        np.testing.assert_array_equal(features[rows], rbm.transform(X[rows]))
