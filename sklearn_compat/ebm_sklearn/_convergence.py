"""Learning that ends when it is done: what iterations on all the data tell, and the warning where they were too few."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

KEPT = "converged"  # in Run.kept


class Convergence:
    """Records "log_likelihood" after every iteration, and stops when ``done(learner)``.

    That it is done goes into checkpoints (``run.kept``), as the learner's state does not tell by what step it was
    reached: a run that was finished and is resumed stays as it is.

    ``offset`` is added to the learner's log-likelihood: the volume that a change of coordinates brings in.
    """

    order = -1  # before other callbacks, which may look at what is recorded

    def __init__(self, done: Callable[[Any], bool], offset: float = 0.0) -> None:
        self._done, self._offset, self.reached = done, offset, False

    def on_train_begin(self, run: Any) -> None:
        """Look at what a checkpoint kept: a resumed run may have been done."""
        if KEPT in run.kept:
            self._end(run)

    def on_epoch_end(self, run: Any) -> None:
        run.record("log_likelihood", run.learner.log_likelihood + self._offset)
        if self._done(run.learner):
            run.kept[KEPT] = np.array([True])
            self._end(run)

    def _end(self, run: Any) -> None:
        self.reached, run.stop, run.stop_reason = True, True, "converged"

    def warn_unless_reached(self, estimator: Any) -> None:
        """Say that ``n_iter`` was too small, if nothing else ended the fit."""
        if not self.reached and estimator.n_iter_ == estimator.n_iter > 0:
            warnings.warn(
                f"{type(estimator).__name__} has not converged in n_iter={estimator.n_iter} iterations; take more, "
                f"or a larger tol (now {estimator.tol:g})",
                ConvergenceWarning,
                stacklevel=4,
            )
