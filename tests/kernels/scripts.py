"""Running Python in a process of its own, as tests of start-up, caches and forks need."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def start(script, *arguments, root=ROOT, **environment):
    """Start ``python -c script arguments`` with ``ebm`` from ``root``; None removes a variable."""
    merged = os.environ | {"PYTHONPATH": str(root)} | environment
    merged = {name: str(value) for name, value in merged.items() if value is not None}
    command = [sys.executable, "-W", "error", "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, env=merged, cwd=root, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(process):
    """Wait and return what was printed; the process must have succeeded."""
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out, err


def run(script, *arguments, **options):
    return finish(start(script, *arguments, **options))[0]
