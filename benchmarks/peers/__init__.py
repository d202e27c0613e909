"""The libraries compared, one short file each, all with the same interface.

Each file has a class ``Trainer(case, start, digits)``, torch's a second one, with

- ``run(updates)``: do updates, going round the mini-batches, and return when they are done;
- ``parameters()``: weights (n_visible, n_hidden), visible bias and hidden bias as NumPy arrays.

Every library gets the same parameters, chains and whole mini-batches, in float32; states are drawn at each half-step,
and the update has momentum and weight decay (but for scikit-learn's, which has neither).
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np


@dataclass(frozen=True)
class Peer:
    """A library: its file here, the packages whose versions to tell, and how to install it."""

    module: str
    packages: tuple[str, ...]
    install: str
    trainer: str = "Trainer"

    def load(self) -> type:
        """Import its file here and return its trainer; ModuleNotFoundError when the library is not installed."""
        return getattr(importlib.import_module(f"benchmarks.peers.{self.module}"), self.trainer)

    def versions(self) -> dict[str, str]:
        """Return the versions of its packages."""
        return {name: version(name) for name in self.packages}


PEERS = {
    "ours": Peer("ours", ("numba", "numpy"), "pip install ."),
    "scikit-learn": Peer("sklearn_", ("scikit-learn", "numpy"), "pip install scikit-learn"),
    "torch": Peer("torch_", ("torch",), "pip install torch"),
    "torch in place": Peer("torch_", ("torch",), "pip install torch", "InPlace"),
    "jax": Peer("jax_", ("jax", "jaxlib"), "pip install jax"),
}


def whole_batches(digits: np.ndarray, batch: int) -> np.ndarray:
    """Return the digits without the rest that fills no batch, shape (n_batches, batch, n_visible)."""
    n = len(digits) // batch
    return digits[: n * batch].reshape(n, batch, -1)
