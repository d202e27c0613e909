"""Updates of an autoencoder and a variational one, and convolutions forward and backward: ours beside torch."""

from __future__ import annotations

from typing import Any

from benchmarks import duel
from benchmarks.peers.networks import CONVOLUTIONS

NETWORKS = ("autoencoder 784-256-64-256-784", "VAE 784-200-20-200-784")
ADAM, LAYOUTS = ("ours", "torch", "torch fused Adam"), ("ours", "torch", "torch channels-last")
CASES = {**dict.fromkeys(NETWORKS, ADAM), **dict.fromkeys(CONVOLUTIONS, LAYOUTS)}
FLOORS = {("autoencoder", "torch"): 1.7, ("autoencoder", "torch fused Adam"): 1.3}
FLOORS |= {("convolution", "torch channels-last"): 0.75, ("transposed", "torch channels-last"): 0.75}
HEADER = ("work", "ours, ms", "peer", "peer, ms", "floor", "peer / ours", "min-max", "rounds")


def cells(result: dict[str, Any]) -> list[str]:
    """Return one line of the table."""
    floor = FLOORS.get((result["case"].split()[0], result["peer"]))
    ours, peer = (f"{1e3 * result[name]:.3f}" for name in ("ours", "peer_time"))
    return [result["case"], ours, result["peer"], peer, "" if floor is None else f"{floor:g}", *duel.in_cells(result)]


if __name__ == "__main__":
    duel.run(
        "benchmarks.peers.networks",
        CASES,
        cells,
        HEADER,
        title="Networks, 128 rows a batch, under Adam; 5 x 5 convolutions of stride 2, 64 images, forward and backward",
        kind="networks",
        doc=__doc__,
    )
