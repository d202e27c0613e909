"""Tables, and what a result must tell to be of use: processor, versions, threads, commit."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table with columns of even width, which also reads well in a terminal."""
    lines = [list(header), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    padded = ([cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in padded)


def processor() -> str:
    """Return the processor's name."""
    info = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*:\s*(.+)$", info.read_text(), re.M) if info.exists() else None
    return found[1].strip() if found else platform.processor() or platform.machine()


def commit() -> str:
    """Return the commit, with "-dirty" when tracked files differ from it; "unknown" without git."""
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    try:
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:
        return "unknown"
    return run.stdout.strip() or "unknown"


def machine() -> dict[str, Any]:
    """Describe where and when a result came about."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "commit": commit(),
    }


def in_words(facts: dict[str, Any]) -> str:
    """Return facts as a Markdown list."""
    return "\n".join(f"- {name}: {value}" for name, value in facts.items())


def write(text: str, data: dict[str, Any], kind: str = "", folder: Path = RESULTS) -> Path:
    """Write a result as <date>-<processor>[-<kind>].md and .json, and return the first's path."""
    name = re.sub(r"\((r|tm)\)", "", processor().lower())
    slug = "-".join([datetime.now(UTC).date().isoformat(), *re.findall(r"[a-z0-9]+", name)])
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{slug}{kind and '-' + kind}.md"
    path.write_text(text + "\n")
    path.with_suffix(".json").write_text(json.dumps(data, indent=1) + "\n")
    return path
