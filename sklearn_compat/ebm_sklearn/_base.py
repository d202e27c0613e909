"""What every estimator that is trained epoch by epoch shares: threads, callbacks, interrupts."""

from __future__ import annotations

import os
import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Integral
from typing import Any

from sklearn.utils._param_validation import Interval

from ebm.storage import ModelFileError
from ebm.training import Checkpoint, Progress, Run, train
from ebm_sklearn._callbacks import CallbackSupportMixin, sklearn_callbacks
from ebm_sklearn._jobs import limited, threads
from ebm_sklearn._saved import SavedEstimator
from ebm_sklearn._warnings import FitInterruptedWarning

TRAINING_CONSTRAINTS: dict[str, list[Any]] = {
    "n_iter": [Interval(Integral, 0, None, closed="left")],
    "device": "no_validation",  # type: ignore[dict-item]  # ebm.device knows what it takes, and says so
    "n_jobs": [
        None,
        Interval(Integral, 1, None, closed="left"),
        Interval(Integral, None, -1, closed="right"),
    ],
    "callbacks": [list, tuple, None],
    "verbose": ["verbose"],
    "random_state": ["random_state"],
}
NO_MATTER = ("n_iter", "device", "n_jobs", "callbacks", "verbose", "random_state")  # for a checkpoint's run


class TrainedEstimator(CallbackSupportMixin, SavedEstimator):
    """Base of estimators that are trained by :func:`ebm.training.train`.

    A subclass has the parameters ``n_iter, device, n_jobs, callbacks, verbose, random_state``, and gives:

    - ``_fitted_from(learner)``: fitted attributes by name, as the learner stands;
    - what `SavedEstimator` asks.
    """

    history_: list[dict[str, float]]
    n_iter_: int

    # ---- training ----

    def _train(
        self,
        learner: Any,
        n_epochs: int,
        *,
        first_epoch: int = 0,
        history: list[dict[str, float]] | None = None,
        also: Mapping[str, Any] | None = None,
        seen: Mapping[str, Any] | None = None,
        memory: Mapping[str, Any] | None = None,
        listeners: Sequence[Any] = (),
    ) -> None:
        """Run the loop and set the fitted attributes, whatever way it ends.

        ``also`` are more fitted attributes, ``seen`` is what scikit-learn's callbacks see of X, y and
        metadata, ``memory`` what ours find in the run, ``listeners`` more callbacks. Ctrl-C gives a warning
        and returns normally; divergence keeps the last good parameters and raises.
        """

        def fitted() -> dict[str, Any]:
            return {**self._fitted_from(learner), **(also or {})}

        book = _Book()
        callbacks = [book, *listeners, *self._listeners()]
        callbacks += sklearn_callbacks(self, fitted, seen or {})
        try:
            train(
                learner,
                n_epochs,
                callbacks=callbacks,
                first_epoch=first_epoch,
                history=history or (),
                memory=memory,
            )
        finally:
            self._keep(fitted, book)
            run, book.run = book.run, None  # the run holds its callbacks: no circle keeps a learner's arrays alive
        warn_if_interrupted(run)

    def _listeners(self) -> list[Any]:
        callbacks = list(self.callbacks or ())
        if self.verbose and not any(isinstance(callback, Progress) for callback in callbacks):
            callbacks.append(Progress())
        return callbacks

    def _has_checkpoint(self) -> bool:
        return any(isinstance(callback, Checkpoint) for callback in self.callbacks or ())

    def _keep(self, fitted: Callable[[], dict[str, Any]], book: _Book) -> None:
        if book.run is None:  # callbacks or a checkpoint were refused: nothing happened
            return
        for name, value in fitted().items():
            setattr(self, name, value)
        self.history_, self.n_iter_ = book.run.history, book.run.epoch + 1

    @abstractmethod
    def _fitted_from(self, learner: Any) -> dict[str, Any]: ...

    def _what_matters(self) -> dict[str, str]:
        """Parameters that must be the same for a run to go on from a checkpoint, as text."""
        return {name: repr(value) for name, value in self.get_params(deep=False).items() if name not in NO_MATTER}

    # ---- threads ----

    @contextmanager
    def _limited(self) -> Iterator[int | None]:
        """Hold the kernels to ``n_jobs``; gives what to tell a learner."""
        with limited(self.n_jobs):
            yield threads(self.n_jobs)

    # ---- files ----

    def _progress(self) -> dict[str, Any]:
        return {"n_iter_": self.n_iter_, "history_": self.history_}

    def _restore_progress(self, values: dict[str, Any], path: str | os.PathLike[str]) -> None:
        history, n_iter = values.get("history_"), values.get("n_iter_")
        if not isinstance(history, list) or not all(isinstance(row, dict) for row in history):
            raise ModelFileError(f"{path}: the history is no list of rows")
        if not isinstance(n_iter, int) or not 0 <= n_iter < 2**32:
            raise ModelFileError(f"{path}: the number of epochs is {n_iter!r}")
        self.history_, self.n_iter_ = history, n_iter


def warn_if_interrupted(run: Run) -> None:
    """Say that Ctrl-C ended a fit early."""
    if run.interrupted:
        warnings.warn(
            f"Ctrl-C ended the fit in epoch {run.epoch + 2} of {run.n_epochs}; the parameters of the last "
            "updates are in place",
            FitInterruptedWarning,
            stacklevel=6,
        )


class _Book:
    """Keeps the run once it has begun: the loop returns it only when nothing was raised."""

    run: Any = None

    def on_train_begin(self, run: Any) -> None:
        self.run = run
