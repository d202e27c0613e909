"""Recurrent layers through 100 frames of 64 inputs, forward and backward: ours beside torch, and costs of other cells.

The rows "ours, peepholes" and "ours, SCRN" tell what these cost, as multiples of our LSTM of the same size.
"""

from __future__ import annotations

from typing import Any

from benchmarks import duel
from benchmarks.peers.recurrent import steps, streams

BOTH, ALL = ("ours", "torch"), ("ours", "torch", "ours, peepholes", "ours, SCRN")
CASES = {**dict.fromkeys(steps("LSTM"), ALL), **dict.fromkeys(steps("GRU"), BOTH)}
CASES |= dict.fromkeys([f"ragged {case}" for case in steps("LSTM") + steps("GRU") if "batch 1," not in case], BOTH)
CASES |= dict.fromkeys(streams("LSTM") + streams("GRU"), BOTH)
HEADER = ("work", "ours, us", "beside", "its, us", "floor", "its / ours", "min-max", "rounds")


def floor(case: str, peer: str) -> str:
    """Return what is to be reached at least, or at most for our own other cells."""
    if peer != "torch":
        return "at most 1.3"
    return (
        ("1.5" if "LSTM" in case else "1.7") if case[0] in "LG" and ("batch 32" in case or "batch 128" in case) else ""
    )


def cells(result: dict[str, Any]) -> list[str]:
    """Return one line of the table."""
    ours, peer = (f"{1e6 * result[name]:.1f}" for name in ("ours", "peer_time"))
    least = floor(result["case"], result["peer"])
    return [result["case"], ours, result["peer"], peer, least, *duel.in_cells(result)]


if __name__ == "__main__":
    duel.run(
        "benchmarks.peers.recurrent",
        CASES,
        cells,
        HEADER,
        title="Recurrent layers, 100 frames of 64 inputs, forward and backward",
        kind="recurrent",
        doc=__doc__,
    )
