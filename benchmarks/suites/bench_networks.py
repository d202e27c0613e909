"""Updates of networks and convolutions, ours; beside torch see ``benchmarks.networks_torch``."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from benchmarks.networks_torch import CASES
from benchmarks.peers.networks import BATCH, N_FEATURES, Ours, samples


class Updates:
    """Ten updates of each case, as `fit` does them, compiled and recorded before."""

    params: ClassVar[list[str]] = list(CASES)
    param_names: ClassVar[list[str]] = ["case"]

    def setup(self, case: str) -> None:
        self.work = Ours(case)
        self.work.run(2)

    def time_ten(self, case: str) -> None:
        self.work.run(10)


class Estimators:
    """A whole small fit, and codes of 5,000 rows."""

    def setup(self) -> None:
        from ebm_sklearn import Autoencoder

        self.X = np.ascontiguousarray(samples()[: 8 * BATCH])
        self.estimator = Autoencoder(32, hidden_layer_sizes=(256,), batch_size=128, n_iter=2, random_state=0)
        self.fitted = self.estimator.fit(self.X)
        self.rows = np.random.default_rng(0).random((5000, N_FEATURES), np.float32)

    def time_fit(self) -> None:
        self.estimator.fit(self.X)

    def time_transform(self) -> None:
        self.fitted.transform(self.rows)
