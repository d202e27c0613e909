"""Parallel tempering of an RBM of 784 x 500 units: ours beside torch, at 16, 32 and 64 temperatures."""

from __future__ import annotations

from typing import Any

from benchmarks import duel
from benchmarks.peers.tempering import N_HIDDEN, N_VISIBLE, SIDES

REPLICAS, FLOOR = (16, 32, 64), 3.5
HEADER = (
    "replicas", "ours, ms a sweep", "replica sweeps/s", "peer", "peer, ms", "floor", "peer / ours", "min-max", "rounds",
)  # fmt: skip


def cells(result: dict[str, Any]) -> list[str]:
    """Return one line of the table."""
    replicas, ours, peer = (result[name] for name in ("case", "ours", "peer_time"))
    floor = f"{FLOOR:g}" if result["peer"] == "torch" else ""
    figures = [f"{1e3 * ours:.3f}", f"{replicas / ours:.0f}", result["peer"], f"{1e3 * peer:.3f}", floor]
    return [str(replicas), *figures, *duel.in_cells(result)]


if __name__ == "__main__":
    duel.run(
        "benchmarks.peers.tempering",
        dict.fromkeys(REPLICAS, tuple(SIDES)),
        cells,
        HEADER,
        title=f"Parallel tempering of an RBM of {N_VISIBLE} x {N_HIDDEN} units",
        kind="tempering",
        doc=__doc__,
    )
