"""A running estimate of log Z while an RBM learns, for the price of a few sweeps an epoch.

Chains that follow the model from epoch to epoch need not be annealed from the base every time: the weights between
the model of one epoch and that of the next are small. So populations of chains (:mod:`ebm.sampling.population`) go
once from a base of independent units to the model with which training begins, and then along the path from each
epoch's model to the next (:mod:`ebm.boltzmann.between`). All along, the product of their weights is an unbiased
estimate of Z, as in one long annealed importance sampling of which training chooses the path.

Sources: Desjardins, Courville & Bengio 2011 ("On tracking the partition function", NIPS 24) for log Z that is tracked
along the updates; Decelle, Furtlehner, Navas Gomez & Seoane 2024 (arXiv:2405.15376) for annealed importance sampling
along the trajectory of training.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ebm.boltzmann.annealing import RBMPath
from ebm.boltzmann.between import ModelPath
from ebm.boltzmann.enumeration import log_likelihood
from ebm.boltzmann.monitors import Monitor, column_means
from ebm.boltzmann.rbm import RBM
from ebm.device import beside, to_host
from ebm.errors import UntrustedEstimateWarning
from ebm.random import Random, Stream
from ebm.sampling.annealing import LogPartition, temperatures
from ebm.sampling.population import Populations, follow, start_populations

PARAMETERS = ("weights", "visible_bias", "hidden_bias")
PRECISIONS = ("visible_precision", "hidden_precision")  # where units have them: they are learnt too


@dataclass(frozen=True, eq=False)
class LogPartitionTracker(Monitor):
    """Record log Z and "log_likelihood" of the samples, in nats, by chains that follow the model while it learns.

    Each epoch costs ``n_populations * n_chains * n_temperatures`` sweeps of Gibbs, 5,000 by default, where annealing
    from a base takes 100,000 for like errors. The columns:

    - "log_likelihood", the mean log p(v) of the samples, "log_likelihood_error", the standard error of log Z, and
      "log_likelihood_trusted", 1 or 0, as of :class:`ebm.boltzmann.monitors.AISMonitor` (where not, there is an
      UntrustedEstimateWarning the first time);
    - "log_partition", log Z, and "effective_share", the share of a population's chains that are effective before any
      resampling.

    A resumed run goes on with the same chains. The estimate does not enter learning.

    Parameters
    ----------
    data, every, n_samples
        As of :class:`ebm.boltzmann.monitors.Monitor`. Models are followed every so many epochs too, so the way
        between two of them is longer when ``every`` is larger.
    n_populations : int
        Independent populations, whose spread gives the error; at least 10 to be trusted.
    n_chains : int
        Chains in each, at least 2.
    n_temperatures : int
        Steps from a model to the next.
    n_first : int
        Steps from independent units to the model with which training begins.
    seed : int

    Raises
    ------
    ValueError
        When a number is too small; while training, when there is no data.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from ebm_sklearn import RBM, LogPartitionTracker
    >>> X = load_digits().data / 16 > 0.5
    >>> rbm = RBM(n_components=16, n_iter=5, callbacks=[LogPartitionTracker()], random_state=0).fit(X)
    >>> gap = rbm.history_[-1]["log_partition"] - rbm.log_partition_.value
    >>> bool(abs(gap) < 3 * rbm.history_[-1]["log_likelihood_error"])
    True
    """

    records = (
        "log_likelihood",
        "log_likelihood_error",
        "log_likelihood_trusted",
        "log_partition",
        "effective_share",
    )

    n_populations: int = 20
    n_chains: int = 25
    n_temperatures: int = 10
    n_first: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the numbers before training starts."""
        super().__post_init__()
        least = {"n_populations": 2, "n_chains": 2, "n_temperatures": 1, "n_first": 1}
        for name, smallest in least.items():
            if getattr(self, name) < smallest:
                raise ValueError(f"{name} must be at least {smallest}, got {getattr(self, name)!r}")

    def on_train_begin(self, run: Any) -> None:
        """Go on with the chains of a resumed run, or anneal others to the model as it stands."""
        super().on_train_begin(run)
        model, prefix = run.learner.model, self._prefix(run)
        if self._found(run.kept, prefix, model):
            return
        bias = model.visible.bias_from_mean(column_means(self.source(run))).astype(model.dtype)
        path = RBMPath(model, beside(bias, model.visible_bias))
        populations = start_populations(path, self.n_populations, self.n_chains, self._random)
        populations = follow(path, populations, temperatures(self.n_first + 1), self._random)
        run.kept |= _packed(populations, model, prefix)

    def measure(self, model: RBM, run: Any) -> dict[str, float]:
        """Follow the model from where it was last time, and return what the chains say."""
        prefix = self._prefix(run)
        populations, before = _unpacked(run.kept, model, prefix)
        path = ModelPath(before, model, populations.states)
        populations = follow(path, populations, np.linspace(0.0, 1.0, self.n_temperatures + 1), self._random)
        run.kept |= _packed(populations, model, prefix)
        log_z = populations.estimate()
        self._tell(log_z, run)
        values = log_likelihood(model, self.samples(model, run), log_z.value)
        return {
            "log_likelihood": float(values.mean()),
            "log_likelihood_error": log_z.standard_error,
            "log_likelihood_trusted": float(log_z.trusted),
            "log_partition": log_z.value,
            "effective_share": populations.share,
        }

    @property
    def _random(self) -> Random:
        return Random(self.seed).child(Stream.TRAJECTORY)

    def _prefix(self, run: Any) -> str:
        """Where this tracker's arrays lie: it is the first, second, ... tracker of the run."""
        trackers = [callback for callback in run.callbacks if isinstance(callback, LogPartitionTracker)]
        return f"trajectory/{[id(one) for one in trackers].index(id(self))}/"

    def _found(self, kept: Mapping[str, np.ndarray], prefix: str, model: RBM) -> bool:
        if prefix + "log_weights" not in kept:
            return False
        there = kept[prefix + "log_weights"].shape, kept[prefix + "weights"].shape
        precisions = {name for name in PRECISIONS if prefix + name in kept}
        wanted = (self.n_populations, self.n_chains), model.weights.shape
        return there == wanted and precisions == set(_precisions(model))

    def _tell(self, log_z: LogPartition, run: Any) -> None:
        key = ("untrusted", self._prefix(run))
        if not log_z.trusted and key not in run.memory:
            run.memory[key] = True
            warnings.warn(f"log Z is {log_z.verdict} (epoch {run.epoch + 1})", UntrustedEstimateWarning, stacklevel=4)


def _precisions(model: RBM) -> dict[str, Any]:
    """Return the precisions of the units that have them."""
    found = (getattr(unit, "precision", None) for unit in (model.visible, model.hidden))
    return {name: precision for name, precision in zip(PRECISIONS, found, strict=True) if precision is not None}


def _packed(populations: Populations, model: RBM, prefix: str) -> dict[str, np.ndarray]:
    arrays = {
        "states": to_host(populations.states),
        "log_weights": populations.log_weights,
        "log_z": populations.log_z,
        "step": np.array([populations.step], np.int64),
        "shares": np.array([populations.share, populations.least_share]),
        **{name: to_host(getattr(model, name)) for name in PARAMETERS},
        **{name: to_host(precision) for name, precision in _precisions(model).items()},
    }
    return {prefix + name: np.ascontiguousarray(array) for name, array in arrays.items()}


def _unpacked(kept: Mapping[str, np.ndarray], model: RBM, prefix: str) -> tuple[Populations, RBM]:
    """Return the populations, and the model that they stand at, on the device of ``model``."""
    weights, visible, hidden = (beside(kept[prefix + name], model.weights) for name in PARAMETERS)
    states = beside(kept[prefix + "states"], model.weights)
    weights_and_z = kept[prefix + "log_weights"], kept[prefix + "log_z"]
    shares = (float(share) for share in kept[prefix + "shares"])
    populations = Populations(states, *weights_and_z, int(kept[prefix + "step"][0]), *shares)
    units = []
    for name, unit in zip(PRECISIONS, (model.visible, model.hidden), strict=True):
        if name in _precisions(model):
            unit = replace(unit, precision=beside(kept[prefix + name], model.weights))  # type: ignore[type-var]
        units.append(unit)
    return populations, RBM(weights, visible, hidden, *units)
