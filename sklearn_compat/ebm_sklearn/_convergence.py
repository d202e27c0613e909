"""Learning that ends when it is done: what iterations on all the data tell, and the warning where they were too few."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from sklearn.exceptions import ConvergenceWarning


class Convergence:
    """Records "log_likelihood" after every iteration, and stops when ``done(learner)``.

    ``offset`` is added to the learner's log-likelihood: the volume that a change of coordinates brings in.
    """

    order = -1  # before other callbacks, which may look at what is recorded

    def __init__(self, done: Callable[[Any], bool], offset: float = 0.0) -> None:
        self._done, self._offset, self.reached = done, offset, False

    def on_epoch_end(self, run: Any) -> None:
        run.record("log_likelihood", run.learner.log_likelihood + self._offset)
        if self._done(run.learner):
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
