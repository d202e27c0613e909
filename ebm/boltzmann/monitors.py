"""Callbacks of the training loop that watch how an RBM learns: each records numbers every few epochs.

They read the model of ``run.learner`` and samples, which are given to them or else found in
``run.memory["data"]``. They keep no state, so they can be cloned, pickled and used twice.

Source: Hinton 2010, "A practical guide to training restricted Boltzmann machines", sections 5 and 6.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from ebm.boltzmann.enumeration import log_likelihood
from ebm.boltzmann.likelihood import log_partition
from ebm.boltzmann.pseudo_likelihood import log_pseudo_likelihood, stochastic_log_pseudo_likelihood
from ebm.boltzmann.rbm import RBM
from ebm.random import Random


@dataclass(frozen=True, eq=False)
class Monitor(ABC):
    """What monitors share.

    Parameters
    ----------
    data : array, CSR matrix or TrainingData, optional
        Samples to look at; the training data by default.
    every : int
        Record after every so many epochs.
    n_samples : int
        Take at most so many rows, evenly spread.

    Raises
    ------
    ValueError
        When a number is less than 1; while training, when there is no data.
    """

    records: ClassVar[tuple[str, ...]]  # columns of the history, for those who wait for them

    data: Any = field(default=None, repr=False)
    every: int = 1
    n_samples: int = 1000

    def __post_init__(self) -> None:
        """Check the numbers before training starts."""
        for name in ("every", "n_samples"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)!r}")

    def on_train_begin(self, run: Any) -> None:
        """Refuse to watch what is no model of this kind, before any work."""
        if not hasattr(run.learner, "model"):
            raise TypeError(
                f"{type(self).__name__} watches Boltzmann machines, but here learns a {type(run.learner).__name__}; "
                "callbacks for all are Progress, Checkpoint and EarlyStopping"
            )

    def on_epoch_end(self, run: Any) -> None:
        """Record, where it is this epoch's turn."""
        if (run.epoch + 1) % self.every == 0:
            for name, value in self.measure(run.learner.model, run).items():
                run.record(name, value)

    @abstractmethod
    def measure(self, model: RBM, run: Any) -> dict[str, float]:
        """Return what to record, by name."""

    def source(self, run: Any) -> Any:
        """Return the data given, or else the run's."""
        data = run.memory.get("data") if self.data is None else self.data
        if data is None:
            raise ValueError(f"{type(self).__name__} has no samples: give it data=, or the run memory['data']")
        return data

    def samples(self, model: RBM, run: Any) -> np.ndarray:
        """Return rows of the data, dense, in the model's dtype."""
        return some_rows(self.source(run), self.n_samples, model.dtype)


def some_rows(data: Any, n: int, dtype: Any) -> np.ndarray:
    """Return at most n rows, evenly spread, of an array, a CSR matrix or TrainingData, dense."""
    total = getattr(data, "n_samples", None) or data.shape[0]
    which = np.linspace(0, total - 1, min(n, total)).astype(np.int64)
    rows = data.rows(which) if hasattr(data, "rows") and hasattr(data, "starts") else data[which]
    return np.ascontiguousarray(rows.toarray() if hasattr(rows, "toarray") else rows, dtype)


def column_means(data: Any) -> np.ndarray:
    """Return the (weighted) mean of every column, float64."""
    mean = data.mean
    return np.asarray(mean if not callable(mean) else mean(axis=0), np.float64).ravel()


@dataclass(frozen=True, eq=False)
class ReconstructionError(Monitor):
    """Record "reconstruction_error": the mean of (v - E[v | E[h | v]])^2 over samples and units.

    It is cheap, and it is no likelihood: it falls also while the model gets worse, because chains that mix
    badly reconstruct well. Costs two matrix products with the samples.
    """

    records = ("reconstruction_error",)

    def measure(self, model: RBM, run: Any) -> dict[str, float]:
        """Return the error."""
        v = self.samples(model, run)
        return {"reconstruction_error": float(np.mean((v - model.reconstruct(v)) ** 2, dtype=np.float64))}


@dataclass(frozen=True, eq=False)
class PseudoLikelihood(Monitor):
    """Record "pseudo_likelihood": the mean over samples of sum_i log p(v_i | v_{-i}), in nats.

    Costs n_visible times n_hidden softplus functions a sample, or with ``stochastic`` two free energies: one
    unit is drawn for each sample then, times n_visible, which is unbiased but noisy.

    Parameters
    ----------
    data, every, n_samples
        As of :class:`Monitor`.
    stochastic : bool
        Draw one unit for each sample.
    seed : int
        For the draw; every epoch draws anew.
    """

    records = ("pseudo_likelihood",)

    n_samples: int = 200
    stochastic: bool = False
    seed: int = 0

    def measure(self, model: RBM, run: Any) -> dict[str, float]:
        """Return the mean."""
        v = self.samples(model, run)
        if self.stochastic:
            values = stochastic_log_pseudo_likelihood(model, v, Random(self.seed), run.epoch)
        else:
            values = log_pseudo_likelihood(model, v)
        return {"pseudo_likelihood": float(values.mean())}


@dataclass(frozen=True, eq=False)
class FreeEnergyGap(Monitor):
    """Record "free_energy_gap": mean F of validation samples minus that of training samples, in nats.

    log Z drops out, so this is the mean log-likelihood of training data minus that of validation data: exact
    and cheap. A gap that grows is overfitting.

    Parameters
    ----------
    validation : array, CSR matrix or TrainingData
        Samples that are not learnt from.
    data, every, n_samples
        As of :class:`Monitor`; ``data`` are the training samples.

    Raises
    ------
    ValueError
        When ``validation`` is not given.
    """

    records = ("free_energy_gap",)

    validation: Any = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Check the numbers, and that there is something to compare with."""
        super().__post_init__()
        if self.validation is None:
            raise ValueError("validation is None: give samples that are not learnt from")

    def measure(self, model: RBM, run: Any) -> dict[str, float]:
        """Return the gap."""
        seen = model.free_energy(self.samples(model, run))
        unseen = model.free_energy(some_rows(self.validation, self.n_samples, model.dtype))
        return {"free_energy_gap": float(unseen.mean(dtype=np.float64) - seen.mean(dtype=np.float64))}


@dataclass(frozen=True, eq=False)
class AISMonitor(Monitor):
    """Record "log_likelihood": mean log p(v) of the samples, in nats, with log Z exact or by annealing.

    Also "log_likelihood_error", the standard error of log Z, and "log_likelihood_trusted", 1 or 0: whether
    the estimate passes its own diagnosis (where not, there is an UntrustedEstimateWarning too). Costs
    ``n_chains`` times ``n_temperatures`` sweeps of Gibbs.

    Parameters
    ----------
    data, every, n_samples
        As of :class:`Monitor`. Give validation samples to watch how the model generalises.
    n_chains, n_temperatures : int
        See :func:`ebm.boltzmann.likelihood.log_partition`.
    seed : int
        The same random numbers serve every epoch.
    """

    records = ("log_likelihood", "log_likelihood_error", "log_likelihood_trusted")

    every: int = 10
    n_chains: int = 100
    n_temperatures: int = 1000
    seed: int = 0

    def measure(self, model: RBM, run: Any) -> dict[str, float]:
        """Return the mean, its error, and whether it can be trusted."""
        log_z = log_partition(
            model,
            data_mean=column_means(self.source(run)),
            random=Random(self.seed),
            n_chains=self.n_chains,
            n_temperatures=self.n_temperatures,
        )
        values = log_likelihood(model, self.samples(model, run), log_z.value)
        return {
            "log_likelihood": float(values.mean()),
            "log_likelihood_error": log_z.standard_error,
            "log_likelihood_trusted": float(log_z.trusted),
        }
