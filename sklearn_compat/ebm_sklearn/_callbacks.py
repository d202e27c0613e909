"""scikit-learn 1.9's callbacks, told of the epochs by our training loop; older versions have none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ebm.training import Run

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # scikit-learn < 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Nothing: this version of scikit-learn has no callbacks."""


class SklearnCallbacks:
    """Listens to our loop and passes epochs on to the callbacks of ``set_callbacks``.

    Parameters
    ----------
    estimator : estimator
        What is being fitted.
    fitted : callable
        Gives the attributes that make a copy of the estimator ready for use, as they stand.
    data : mapping
        X, y and metadata of `fit`, as callbacks are to see them.
    """

    order = 5  # after monitors, before early stopping

    def __init__(self, estimator: Any, fitted: Callable[[], dict[str, Any]], data: Mapping[str, Any]) -> None:
        self._estimator, self._fitted, self._data = estimator, fitted, data
        self._root: Any = None
        self._epoch: Any = None

    def on_train_begin(self, run: Run) -> None:
        n_left = run.n_epochs - run.epoch - 1
        self._root = self._estimator._init_callback_context(task_name="fit", max_subtasks=n_left)
        self._root.call_on_fit_task_begin(estimator=self._estimator, **self._data)

    def on_epoch_begin(self, run: Run) -> None:
        self._epoch = self._root.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(estimator=self._estimator, **self._data)

    def on_epoch_end(self, run: Run) -> None:
        if self._end(self._epoch):
            run.stop, run.stop_reason = True, "a scikit-learn callback asked for it"

    def on_train_end(self, run: Run) -> None:
        if self._root is not None:
            self._end(self._root)

    def _end(self, context: Any) -> bool:
        return context.call_on_fit_task_end(
            estimator=self._estimator, reconstruction_attributes=self._fitted, **self._data
        )


def sklearn_callbacks(
    estimator: Any, fitted: Callable[[], dict[str, Any]], data: Mapping[str, Any]
) -> list[SklearnCallbacks]:
    """Return what to give to the loop: nothing where this scikit-learn has no callbacks."""
    if not hasattr(estimator, "_init_callback_context"):
        return []
    return [SklearnCallbacks(estimator, fitted, data)]
