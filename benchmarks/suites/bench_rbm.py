"""RBMs: updates in each library; fitting and transforming beside scikit-learn's estimator."""

from __future__ import annotations

import numpy as np

from benchmarks.cases import BATCHES, Case
from benchmarks.peers import PEERS
from benchmarks.start import Start, digits, trained

RULES = {"PCD-1": ("pcd", 1), "CD-1": ("cd", 1), "CD-10": ("cd", 10)}
UPDATES = {10: 100, 100: 30, 512: 9}  # that one timing does; the numbers are seconds for so many


def trainer(peer: str, case: Case, start: Start, X: np.ndarray):
    """Return a library's trainer, or tell asv to show n/a where the library is missing."""
    try:
        return PEERS[peer].load()(case, start, X)
    except ModuleNotFoundError as missing:
        raise NotImplementedError(f"{missing.name} is not installed") from missing


class Updates:
    """Mini-batch updates of 784 x 500 units; ours with the plain gradient, as the others compute it."""

    params = (list(PEERS), list(RULES), list(BATCHES))
    param_names = ("peer", "rule", "batch")
    timeout = 300

    def setup_cache(self) -> dict:
        X = digits()
        return {"X": X, "start": trained(X, centered=False)}

    def setup(self, cache: dict, peer: str, rule: str, batch: int) -> None:
        self.trainer = trainer(peer, Case(*RULES[rule], batch), cache["start"], cache["X"])
        self.trainer.run(2)

    def time_updates(self, cache: dict, peer: str, rule: str, batch: int) -> None:
        self.trainer.run(UPDATES[batch])


def estimator(name: str):
    """Return an unfitted estimator of 256 components, alike in rate and batch."""
    alike = {"n_components": 256, "learning_rate": 0.05, "batch_size": 100, "n_iter": 2, "random_state": 0}
    if name == "scikit-learn":
        from sklearn.neural_network import BernoulliRBM

        return BernoulliRBM(**alike)
    import ebm_sklearn

    return getattr(ebm_sklearn, name)(**alike)


class Estimators:
    """Two passes of ``fit`` over 2,000 digits, and ``transform`` of 5,000; zeros and ones, or grey."""

    params = (["RBM", "BernoulliRBM", "scikit-learn"], ["binary", "grey"])
    param_names = ("estimator", "data")

    def setup(self, name: str, data: str) -> None:
        X = digits()
        self.X = X if data == "binary" else X * np.float32(0.7)
        self.fitted = estimator(name).fit(self.X[:2000])
        self.fitted.transform(self.X[:10])

    def time_fit(self, name: str, data: str) -> None:
        estimator(name).fit(self.X[:2000])

    def time_transform(self, name: str, data: str) -> None:
        self.fitted.transform(self.X)
