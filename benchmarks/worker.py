"""A library in its own process, asked and answering in JSON lines: ``python -m benchmarks.worker PEER START.npz``.

The first line out tells {"versions": ...}, or {"missing": ...} when the library is not installed. Then, for a line in:

- {"do": "time", "case": {...}, "updates": n, "wait": b} -> {"seconds": ..., "foreign": ...}, see ``clock.Timing``
- {"do": "save", "case": {...}, "path": p} -> {}, with the parameters in an .npz file
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import numpy as np

from benchmarks.cases import Case
from benchmarks.clock import Patience, timed
from benchmarks.peers import PEERS, Peer
from benchmarks.start import Start


class Desk:
    """Trainers of one library, one a case, made when first asked for."""

    def __init__(self, peer: Peer, path: str) -> None:
        self.make, self.path = peer.load(), path
        with np.load(path) as file:
            self.digits = file["digits"]
        self.trainers: dict[Case, Any] = {}
        self.patience = Patience()

    def trainer(self, case: Case) -> Any:
        if case not in self.trainers:
            self.trainers[case] = self.make(case, Start.load(self.path, case.start), self.digits)
        return self.trainers[case]

    def answer(self, request: dict[str, Any]) -> dict[str, float]:
        trainer = self.trainer(Case(**request["case"]))
        if request["do"] == "save":
            np.savez(request["path"], *trainer.parameters())
            return {}
        if request["wait"]:
            self.patience.settle()
        return timed(lambda: trainer.run(request["updates"])).asdict()


def main(name: str, path: str) -> None:
    lines = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints must not come between the answers
    try:
        desk = Desk(PEERS[name], path)
    except ModuleNotFoundError as missing:
        print(json.dumps({"missing": missing.name}), file=lines)
        return
    print(json.dumps({"versions": PEERS[name].versions()}), file=lines)
    for line in sys.stdin:
        print(json.dumps(desk.answer(json.loads(line))), file=lines)


if __name__ == "__main__":
    main(*sys.argv[1:])
