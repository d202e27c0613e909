"""log Z of a trained RBM of 784 x 500 units: annealing one way, both ways with a bridge, and following a fit."""

from __future__ import annotations

import warnings
from itertools import pairwise

import numpy as np

from benchmarks.start import Start, digits, trained

N_TEMPERATURES = 200


def model_of(start: Start):
    from ebm.boltzmann.rbm import RBM

    return RBM(start.weights, start.visible_bias, start.hidden_bias)


class Estimates:
    """100 chains (each way), 200 temperatures; "adaptive" includes its pilot, "numpy" is the same annealing by hand."""

    params = (["ais", "adaptive ais", "reverse ais", "bridge", "numpy ais"],)
    param_names = ("estimate",)
    timeout = 300

    def setup_cache(self) -> dict:
        X = digits()
        return {"mean": X.mean(axis=0), "v": X[:100], "start": trained(X, centered=False)}

    def setup(self, cache: dict, estimate: str) -> None:
        from ebm.boltzmann import likelihood
        from ebm.random import Random

        warnings.simplefilter("ignore")
        model, v = model_of(cache["start"]), cache["v"].astype(np.float32)
        options = {"data_mean": cache["mean"], "random": Random(0), "n_temperatures": N_TEMPERATURES}
        self.run = {
            "ais": lambda: likelihood.log_partition(model, **options, exact_below=0),
            "adaptive ais": lambda: likelihood.log_partition(model, **options, temperatures="adaptive", exact_below=0),
            "reverse ais": lambda: likelihood.reverse_log_partition(model, v, **options),
            "bridge": lambda: likelihood.bridge_log_partition(model, v, **options, exact_below=0),
            "numpy ais": lambda: by_hand(cache["start"], cache["mean"]),
        }[estimate]
        self.run()

    def time_estimate(self, cache: dict, estimate: str) -> None:
        self.run()


def by_hand(start: Start, mean: np.ndarray) -> float:
    """Anneal 100 chains with NumPy and SciPy, in float32."""
    from scipy.special import expit, logit

    rng, w = np.random.default_rng(0), start.weights
    b, c = start.visible_bias, start.hidden_bias
    b0 = logit(np.clip(mean, 0.001, 0.999)).astype(np.float32)
    betas = (1 - np.linspace(1, 0, N_TEMPERATURES) ** 2).astype(np.float32)
    v = (rng.random((100, len(b)), np.float32) < expit(b0)).astype(np.float32)
    total = np.zeros(100)
    for old, new in pairwise(betas):
        x = v @ w + c
        total += (np.logaddexp(0, new * x) - np.logaddexp(0, old * x)).sum(axis=1) + (new - old) * (v @ (b - b0))
        h = (rng.random(x.shape, np.float32) < expit(new * x)).astype(np.float32)
        y = new * (h @ w.T + b) + (1 - new) * b0
        v = (rng.random(y.shape, np.float32) < expit(y)).astype(np.float32)
    return float(np.logaddexp.reduce(total) - np.log(100))


class Tracking:
    """Two passes over 2,000 digits with 256 hidden units: watched by nothing, by the tracker, or by annealing."""

    params = (["nothing", "tracker", "annealing"],)
    param_names = ("monitor",)
    timeout = 300

    def setup(self, monitor: str) -> None:
        from ebm_sklearn import RBM, AISMonitor, LogPartitionTracker

        warnings.simplefilter("ignore")
        self.X = digits()[:2000]
        watching = {"nothing": [], "tracker": [LogPartitionTracker()], "annealing": [AISMonitor(every=1)]}
        options = {"learning_rate": 0.05, "batch_size": 100, "n_iter": 2, "random_state": 0}
        self.rbm = RBM(256, callbacks=watching[monitor], **options)
        self.rbm.fit(self.X[:200])

    def time_fit(self, monitor: str) -> None:
        self.rbm.fit(self.X)
