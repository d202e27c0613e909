"""What is timed: one update of an RBM of 784 x 500 binary units; and the floors and goals we set ourselves."""

from __future__ import annotations

from dataclasses import dataclass

N_VISIBLE, N_HIDDEN = 784, 500
BATCHES = (10, 100, 512)
MOMENTUM, L2 = 0.5, 1e-4
STANDSTILL = 1e-7  # a learning rate that leaves the parameters, and so the densities, where they are


@dataclass(frozen=True)
class Case:
    """One kind of update.

    Parameters
    ----------
    learning : {"pcd", "cd"}
    n_gibbs : int
    batch : int
        Samples an update, and chains.
    start : str
        Parameters and chains to start from: a name in the file of ``benchmarks.start``.
    centered : bool
        The centred gradient; ours alone knows it.
    learning_rate : float
    """

    learning: str
    n_gibbs: int
    batch: int
    start: str = "plain"
    centered: bool = False
    learning_rate: float = STANDSTILL


@dataclass(frozen=True)
class Row:
    """One comparison: a kind of update, a peer, and the ratio peer / ours that is the floor and the goal."""

    title: str
    learning: str
    n_gibbs: int
    start: str
    peer: str
    floors: tuple[float | None, ...]  # at batch 10, 100, 512
    goal: float | None

    def case(self, batch: int, centered: bool) -> Case:
        """Return the case at one batch size."""
        return Case(self.learning, self.n_gibbs, batch, self.start, centered)

    def floor(self, batch: int) -> float | None:
        """Return the floor at one batch size."""
        return self.floors[BATCHES.index(batch)]


NONE = (None, None, None)
ROWS = (
    Row("PCD-1", "pcd", 1, "plain", "scikit-learn", (4.5, 4.5, 4.5), 7),
    Row("PCD-1", "pcd", 1, "plain", "torch", (2.5, 2.5, 2.2), 4),
    Row("PCD-1", "pcd", 1, "plain", "torch in place", NONE, None),
    Row("PCD-1", "pcd", 1, "plain", "jax", (2, 2, 2), 3.5),
    Row("CD-1", "cd", 1, "plain", "torch", (2.5, 2.5, 2.2), 4),
    Row("CD-1", "cd", 1, "plain", "jax", (2, 2, 2), 3.5),
    Row("CD-10", "cd", 10, "plain", "torch", (4, 4, 4), 7),
    Row("CD-10", "cd", 10, "plain", "torch in place", NONE, None),
    Row("CD-10", "cd", 10, "plain", "jax", (3.5, 3.5, 3.5), 6),
    Row("PCD-1 dense", "pcd", 1, "dense", "torch", (2, 2, 2), 2.5),
    Row("PCD-1 centred", "pcd", 1, "centred", "scikit-learn", NONE, None),
    Row("PCD-1 centred", "pcd", 1, "centred", "torch", NONE, None),
    Row("PCD-1 centred", "pcd", 1, "centred", "torch in place", NONE, None),
    Row("PCD-1 centred", "pcd", 1, "centred", "jax", NONE, None),
    Row("CD-10 centred", "cd", 10, "centred", "torch", NONE, None),
)
