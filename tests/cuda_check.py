"""Compile every CUDA loop for sm_80 and sm_90 without a GPU: ``python -m tests.cuda_check``.

Fails where one does not compile, spills registers, keeps a stack, computes in float64 though its arrays are
float32, or has no signatures in tests/cuda_signatures.py. Needs numba-cuda's compiler, and ptxas from the
nvidia-cuda-nvcc wheel.
"""

import argparse
import importlib
import json
import os
import pkgutil
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

CAPABILITIES = ("80", "90")
STACK_ALLOWED: dict[str, str] = {}  # "file.loop": the reason
HEAD = ("capability", "kernel", "dtype", "registers", "stack", "spills", "shared", "float64", "verdict")


def find_ptxas() -> str:
    """Return the path of ptxas: $PTXAS, the wheel's, or the one on PATH."""
    import nvidia

    wheels = [f"{folder}/cu13/bin/ptxas" for folder in nvidia.__path__]
    for path in (os.environ.get("PTXAS"), *wheels, shutil.which("ptxas")):
        if path and Path(path).exists():
            return path
    raise SystemExit("ptxas not found: pip install nvidia-cuda-nvcc")


def all_loops() -> dict[str, object]:
    """Import every kernel file and return its CUDA loops, by "file.loop"."""
    import ebm.kernels
    from ebm.kernels.jit import cuda_loop

    for module in pkgutil.iter_modules(ebm.kernels.__path__):
        importlib.import_module(f"ebm.kernels.{module.name}")
    functions = [loop.py_func for loop in cuda_loop.registry]
    return {f"{f.__module__.rpartition('.')[2]}.{f.__name__}": f for f in functions}


def blank_row(name: str, dtype: str, capability: str, verdict: str = "") -> dict[str, object]:
    """Return a row of the table without measurements."""
    known = {"capability": f"sm_{capability}", "kernel": name, "dtype": dtype, "verdict": verdict}
    return dict.fromkeys(HEAD, "") | known


def assemble(ptx: str, capability: str) -> dict[str, int]:
    """Run ptxas and return what it says of registers, stack, spills and shared memory."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "kernel.ptx")
        source.write_text(ptx)
        command = [
            find_ptxas(),
            "-v",
            "-O3",
            f"-arch=sm_{capability}",
            source,
            "-o",
            f"{folder}/kernel.cubin",
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    log = done.stdout + done.stderr
    if done.returncode:
        raise RuntimeError(f"ptxas: {log.strip()[:500]}")

    def most(pattern: str) -> int:
        return max((sum(map(int, found.groups())) for found in re.finditer(pattern, log)), default=0)

    return {
        "registers": most(r"Used (\d+) registers"),
        "stack": most(r"(\d+) bytes stack frame"),
        "spills": most(r"(\d+) bytes spill stores, (\d+) bytes spill loads"),
        "shared": most(r"(\d+) bytes smem"),
    }


def check(name: str, function: object, signature: tuple, dtype: str, capability: str) -> dict[str, object]:
    """Compile one loop with one signature and judge it."""
    from numba import cuda

    from ebm.kernels.launch import prepare

    row = blank_row(name, dtype, capability)
    version = (int(capability[0]), int(capability[1]))
    try:
        ptx, _ = cuda.compile(prepare(function), signature, cc=version, device=False, abi="numba", output="ptx")
        row |= assemble(ptx, capability)
    except Exception as error:
        return row | {"verdict": f"FAIL {type(error).__name__}: {str(error).strip()[:2000]}"}
    row["float64"] = len(re.findall(r"\.f64\b", ptx))
    faults = [
        f"{row['spills']} bytes spilled" if row["spills"] else "",
        f"{row['stack']} bytes of stack" if row["stack"] and name not in STACK_ALLOWED else "",
        f"{row['float64']} float64 instructions" if row["float64"] and dtype == "float32" else "",
    ]
    return row | {"verdict": "FAIL " + ", ".join(filter(None, faults)) if any(faults) else "ok"}


def check_capability(capability: str) -> list[dict[str, object]]:
    """Check every loop; a loop without signatures, or signatures without a loop, is a fault."""
    import numba.cuda.dispatcher as dispatcher
    from numba import types

    from tests.cuda_signatures import signatures

    major_minor = (int(capability[0]), int(capability[1]))
    device = SimpleNamespace(compute_capability=major_minor)  # all that compiling asks of a GPU
    loops, rows = all_loops(), []
    with mock.patch.object(dispatcher, "get_current_device", return_value=device):
        for dtype in ("float32", "float64"):
            listed = signatures(getattr(types, dtype))
            for name in sorted(loops.keys() | listed.keys()):
                if name not in listed:
                    fault = "FAIL no signatures in tests/cuda_signatures.py"
                    rows.append(blank_row(name, dtype, capability, fault))
                elif name not in loops:
                    rows.append(blank_row(name, dtype, capability, "FAIL no such loop in ebm/kernels"))
                else:
                    rows += [check(name, loops[name], s, dtype, capability) for s in listed[name]]
    return rows


def print_table(rows: list[dict[str, object]]) -> None:
    """Print rows under HEAD."""
    lines = [HEAD, *([str(row[key]) for key in HEAD] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEAD) - 1)] + [0]
    for line in lines:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def main() -> int:
    """Check all capabilities at once, each in a process of its own (compiled parts are kept for a process's life)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", choices=CAPABILITIES, help=argparse.SUPPRESS)
    one = parser.parse_args().one
    if one:
        json.dump(check_capability(one), sys.stdout)
        return 0
    command = [sys.executable, "-m", "tests.cuda_check", "--one"]
    processes = [subprocess.Popen([*command, c], stdout=subprocess.PIPE, text=True) for c in CAPABILITIES]
    printed = [process.communicate()[0] for process in processes]
    for process in processes:
        if process.returncode:
            raise SystemExit(f"{process.args} ended with {process.returncode}")
    rows = [row for text in printed for row in json.loads(text)]
    print_table(rows)
    failed = sum(row["verdict"] != "ok" for row in rows)
    print(f"{len(rows) - failed} passed, {failed} failed")
    return int(failed > 0 or not rows)


if __name__ == "__main__":
    sys.exit(main())
