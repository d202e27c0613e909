"""``ebm transform`` of a memory-mapped file of 4 GB, made on the spot: its rate, and the memory it keeps for itself."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import report
from benchmarks.start import digits
from benchmarks.workers import environment, thread_words

LIMIT_MB = 500  # of anonymous memory
BLOCK = 5000  # digits, written again and again
COMMAND = "from ebm_sklearn.cli import app; app()"


def write_table(path: Path, gigabytes: float) -> int:
    """Write the digits over and over as uint8, and return the number of rows."""
    block = digits().astype(np.uint8)
    repeats = max(1, round(gigabytes * 1e9 / block.nbytes))
    with path.open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (repeats * BLOCK, block.shape[1])}
        np.lib.format.write_array_header_1_0(file, header)
        for _ in range(repeats):
            file.write(block.data)
    return repeats * BLOCK


def anonymous_mb(pid: int) -> float:
    """Return a process's resident anonymous memory: neither pages of files nor shared ones; 0 when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except FileNotFoundError:
        return 0.0
    return next((int(line.split()[1]) / 1000 for line in lines if line.startswith("RssAnon")), 0.0)


def watched(arguments: list[str], threads: int) -> tuple[float, float]:
    """Run ``ebm`` and return its seconds and the most anonymous memory seen, in MB."""
    process = subprocess.Popen([sys.executable, "-c", COMMAND, *arguments], env=environment(threads))
    start, most = time.perf_counter(), 0.0
    while process.poll() is None:
        most = max(most, anonymous_mb(process.pid))
        time.sleep(0.02)
    if process.returncode:
        raise RuntimeError(f"ebm {' '.join(arguments)} ended with code {process.returncode}")
    return time.perf_counter() - start, most


def measure(folder: Path, gigabytes: float, n_components: int, threads: int) -> dict[str, Any]:
    """Fit, write the table, transform it, and compare its first and last rows with a transform in memory."""
    from ebm_sklearn import RBM

    model, table, output = folder / "rbm.safetensors", folder / "digits.npy", folder / "features.npy"
    rbm = RBM(n_components, n_iter=1, random_state=0).fit(digits())
    rbm.save(model)
    expected = rbm.transform(digits())  # compiles what it needs, so that the clock need not see it
    n_rows = write_table(table, gigabytes)
    seconds, most = watched(["transform", str(model), str(table), "--output", str(output), "--quiet"], threads)
    features = np.load(output, mmap_mode="r")
    wrong = max(float(np.abs(part - expected).max()) for part in (features[:BLOCK], features[-BLOCK:]))
    return {
        "rows": n_rows, "features": n_components, "seconds": round(seconds, 2),
        "rows a second": round(n_rows / seconds),
        "input, GB/s": round(table.stat().st_size / seconds / 1e9, 3),
        "input and output, GB/s": round((table.stat().st_size + output.stat().st_size) / seconds / 1e9, 3),
        "most anonymous memory, MB": round(most), "allowed, MB": LIMIT_MB, "largest difference": wrong,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.transform_stream", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="0.2 GB; writes no result")
    parser.add_argument("--gigabytes", type=float, default=4.0)
    parser.add_argument("--n-components", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where to put the files: three times the size must be free")
    parser.add_argument("--output", type=Path, help="folder for the result")
    options = parser.parse_args()
    gigabytes = 0.2 if options.quick else options.gigabytes
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        result = measure(Path(folder), gigabytes, options.n_components, options.threads)
    facts = report.machine() | {"threads": thread_words(options.threads)}
    full = f"# ebm transform of a large file\n\n{report.in_words(facts)}\n\n{report.in_words(result)}"
    print(full)
    if not options.quick or options.output:
        data = {"facts": facts, "result": result}
        print("\nwritten:", report.write(full, data, "transform", options.output or report.RESULTS))


if __name__ == "__main__":
    main()
