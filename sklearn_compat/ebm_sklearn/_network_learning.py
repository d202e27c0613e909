"""How estimators of networks learn: from the beginning, or on from where they stand; with samples held out or not."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any, ClassVar, NamedTuple

import numpy as np
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from ebm.data import TrainingData
from ebm.networks.learning import NetworkLearner
from ebm.networks.objective import Objective
from ebm.optimizers.clipping import ClipByNorm
from ebm.optimizers.named import OPTIMIZERS, as_optimizer
from ebm.optimizers.schedules import Constant, Linear
from ebm.random import Random, Stream
from ebm.training import EarlyStopping
from ebm_sklearn._base import TRAINING_CONSTRAINTS, TrainedEstimator
from ebm_sklearn._input import data_digest
from ebm_sklearn._random import draw_random

NETWORK_CONSTRAINTS: dict[str, list[Any]] = {
    **TRAINING_CONSTRAINTS,
    "optimizer": [StrOptions(set(OPTIMIZERS)), HasMethods(["step", "rates"])],
    "learning_rate": [Interval(Real, 0, None, closed="neither"), callable],
    "schedule": [StrOptions({"constant", "linear"})],
    "batch_size": [Interval(Integral, 1, None, closed="left")],
    "l2": [Interval(Real, 0, None, closed="left")],
    "clip_norm": [Interval(Real, 0, None, closed="neither"), None],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
    "tol": [Interval(Real, 0, None, closed="left")],
}
NETWORK_PARAMETERS: dict[str, Any] = {  # with their defaults, which constructors repeat
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "schedule": "constant",
    "batch_size": 128,
    "n_iter": 50,
    "l2": 0.0,
    "clip_norm": None,
    "early_stopping": False,
    "validation_fraction": 0.1,
    "n_iter_no_change": 10,
    "tol": 1e-4,
    "device": "cpu",
    "n_jobs": None,
    "callbacks": None,
    "verbose": 0,
    "random_state": None,
}


class Samples(NamedTuple):
    """What there is to learn from: rows, and arrays (n, m) that belong to them."""

    data: TrainingData
    extra: Mapping[str, np.ndarray]

    @property
    def n_samples(self) -> int:
        """Samples."""
        return self.data.n_samples

    def subset(self, which: np.ndarray) -> Samples:
        """Return some samples, in the order of their numbers ``which``."""
        return Samples(self.data.subset(which), {name: array[which] for name, array in self.extra.items()})


class NetworkEstimator(TrainedEstimator):
    """Base of estimators of networks.

    A subclass has the parameters of ``NETWORK_PARAMETERS``, and gives:

    - ``_objective()``: what is learnt, once ``sample_shape_`` and what else is known of the data is set;
    - ``_first_parameters(random, samples)``: where learning starts.

    Where samples are something else than `Samples` (with ``n_samples`` and ``subset(which)`` as there), it gives too:

    - ``_learner(start, objective, samples, random, n_epochs, to_the_end=)``: what learns from them;
    - ``_loss_of(learner, samples)``: the loss of those held out;
    - ``_seen_by_callbacks(samples)``: what listeners find as the run's "data";
    - ``_digests(samples)``: checksums of all of them, for a checkpoint.
    """

    parameters_: dict[str, np.ndarray]
    sample_shape_: tuple[int, ...]
    optimizer: Any
    learning_rate: Any
    schedule: str
    batch_size: int
    n_iter: int
    l2: float
    clip_norm: float | None
    early_stopping: bool
    validation_fraction: float
    n_iter_no_change: int
    tol: float
    device: Any
    random_state: Any
    _motion: dict[str, np.ndarray]
    _seed: int

    HELD_OUT: ClassVar[str] = "validation_loss"

    @abstractmethod
    def _objective(self) -> Objective: ...

    @abstractmethod
    def _first_parameters(self, random: Random, samples: Any) -> dict[str, np.ndarray]: ...

    # ---- learning ----

    def _fit_samples(self, samples: Any, seen: Mapping[str, Any]) -> None:
        """Learn from the beginning, for ``n_iter`` epochs."""
        random = draw_random(self.random_state)
        held_out = None
        if self.early_stopping:
            samples, held_out = self._split(samples, random)
        start = self._first_parameters(random, samples)
        self._learn(start, samples, random.seed, self.n_iter, seen, held_out=held_out, to_the_end=True)

    def _fit_more(self, samples: Any, seen: Mapping[str, Any]) -> None:
        """Learn one epoch more, or the first."""
        if hasattr(self, "parameters_"):
            self._learn(self.parameters_, samples, self._seed, self.n_iter_ + 1, seen, go_on=True)
        else:
            random = draw_random(self.random_state)
            self._learn(self._first_parameters(random, samples), samples, random.seed, 1, seen)

    def _split(self, samples: Any, random: Random) -> tuple[Any, Any]:
        """Hold some samples out, drawn by the seed of the fit."""
        n = samples.n_samples
        n_out = int(np.ceil(self.validation_fraction * n))
        if n_out >= n:
            raise ValueError(
                f"early_stopping=True needs samples to learn from and others to judge by, but validation_fraction="
                f"{self.validation_fraction} of n_samples={n} leaves {n - n_out}"
            )
        order = random.child(Stream.VALIDATION).permutation(n, 0)
        return samples.subset(np.sort(order[n_out:])), samples.subset(np.sort(order[:n_out]))

    def _learner(
        self, start: Mapping[str, np.ndarray], objective: Any, samples: Any, random: Random, n_epochs: int,
        *, to_the_end: bool,
    ) -> Any:  # fmt: skip
        """Return what learns; ``to_the_end``: of all ``n_epochs``, so that rates may fall."""
        return NetworkLearner(
            start,
            objective,
            samples.data,
            self._made_optimizer(to_the_end=to_the_end),
            random,
            extra=samples.extra,
            **self._pace(n_epochs),
        )

    def _pace(self, n_epochs: int) -> dict[str, Any]:
        """Return what every learner is told beside what it learns."""
        return {
            "n_epochs": n_epochs,
            "batch_size": self.batch_size,
            "clipping": None if self.clip_norm is None else ClipByNorm(self.clip_norm),
            "device": self.device,
        }

    def _loss_of(self, learner: Any, samples: Any) -> float:
        return learner.loss_of(*samples)

    def _seen_by_callbacks(self, samples: Any) -> Any:
        return samples.data

    def _digests(self, samples: Any) -> dict[str, str]:
        """Return checksums of what there is to learn from, by name."""
        return {"data": data_digest(samples.data)} | {n: array_digest(array) for n, array in samples.extra.items()}

    def _learn(
        self,
        start: Mapping[str, np.ndarray],
        samples: Any,
        seed: int,
        n_epochs: int,
        seen: Mapping[str, Any],
        *,
        held_out: Any = None,
        go_on: bool = False,
        to_the_end: bool = False,
    ) -> None:
        """Learn until ``n_epochs`` in all are done."""
        with self._limited():
            objective = self._objective()
            learner = self._learner(start, objective, samples, Random(seed), self.n_iter, to_the_end=to_the_end)
            if go_on:
                learner.restore({**learner.parameters, **self._motion})
            listeners: list[Any] = [_Losses(self._loss_of, held_out)]
            if held_out is not None:
                stop = EarlyStopping(self.HELD_OUT, patience=self.n_iter_no_change, min_delta=self.tol, mode="min")
                listeners.append(stop)
            self._train(
                learner,
                n_epochs,
                first_epoch=self.n_iter_ if go_on else 0,
                history=self.history_ if go_on else None,
                also={"_seed": seed},
                seen=seen,
                memory=self._memory(samples, held_out, seed),
                listeners=listeners,
            )

    def _made_optimizer(self, *, to_the_end: bool) -> Any:
        rate = self.learning_rate
        if to_the_end and self.schedule == "linear" and not callable(rate):
            rate = Linear(rate, 0.0)
        if isinstance(self.optimizer, str):
            return as_optimizer(self.optimizer, learning_rate=rate, weight_decay=self.l2)
        return self.optimizer

    def _memory(self, samples: Any, held_out: Any, seed: int) -> dict[str, Any]:
        """Return what callbacks find in the run: the data, and for a checkpoint what its run must share."""
        memory: dict[str, Any] = {"data": self._seen_by_callbacks(samples), "held_out": held_out}
        if not self._has_checkpoint():
            return memory
        fingerprint = {**self._what_matters(), "seed (drawn from random_state)": seed}
        fingerprint |= self._digests(samples)
        rate = self.learning_rate if isinstance(self.optimizer, str) else getattr(self.optimizer, "learning_rate", None)
        if self.schedule != "constant" or not isinstance(rate, Real | Constant):
            fingerprint["n_iter"] = self.n_iter  # rates that change reach their end with the last epoch
        return {**memory, "fingerprint": fingerprint}

    def _fitted_from(self, learner: Any) -> dict[str, Any]:
        state = learner.state()
        names = set(learner.parameters)
        return {
            "parameters_": {name: array for name, array in state.items() if name in names},
            "_motion": {name: array for name, array in state.items() if name not in names},
        }


class _Losses:
    """Records the mean training loss of every epoch, and the loss of the samples held out."""

    order = 0

    def __init__(self, loss_of: Callable[[Any, Any], float], held_out: Any) -> None:
        self._loss_of, self._held_out = loss_of, held_out
        self.records = ("loss",) if held_out is None else ("loss", NetworkEstimator.HELD_OUT)

    def on_epoch_end(self, run: Any) -> None:
        run.record("loss", run.learner.mean_loss)
        if self._held_out is not None:
            run.record(NetworkEstimator.HELD_OUT, self._loss_of(run.learner, self._held_out))


def without_early_stopping(estimator: Any) -> bool:
    """Whether an estimator has `partial_fit`, which cannot hold samples out."""
    if estimator.early_stopping:
        raise AttributeError("partial_fit cannot hold samples out: set early_stopping=False")
    return True


def array_digest(array: np.ndarray) -> str:
    """Return a checksum of an array's contents."""
    return hashlib.blake2b(np.ascontiguousarray(array).tobytes(), digest_size=16).hexdigest()
