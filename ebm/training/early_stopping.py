"""Stop when a recorded value no longer improves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from ebm.training.history import columns
from ebm.training.run import Run


@dataclass(frozen=True)
class EarlyStopping:
    """Stop once a recorded value has not improved for ``patience`` recordings.

    Epochs in which the value is not recorded do not count. Everything is read from the history, so that a
    resumed run stops where the uninterrupted one does.

    Parameters
    ----------
    monitor : str
        Column of the history to watch, recorded by another callback.
    patience : int
        Recordings without improvement that are borne; at least 1.
    min_delta : float
        A smaller change is no improvement; at least 0.
    mode : {"max", "min"}
        Whether higher or lower is better.
    restore_best : bool
        Put the best epoch's state back at the end, but not after Ctrl-C, which keeps the last.

    Raises
    ------
    ValueError
        If a parameter is out of range; while training, if nobody records ``monitor``.
    """

    monitor: str
    patience: int = 10
    min_delta: float = 0.0
    mode: Literal["max", "min"] = "max"
    restore_best: bool = True

    order: ClassVar[int] = 10

    def __post_init__(self) -> None:
        if self.patience < 1:
            raise ValueError(f"patience={self.patience!r} must be at least 1")
        if not self.min_delta >= 0:
            raise ValueError(f"min_delta={self.min_delta!r} must be at least 0")
        if self.mode not in ("max", "min"):
            raise ValueError(f"mode={self.mode!r} must be 'max' or 'min'")

    def on_train_begin(self, run: Run) -> None:
        """Look at a resumed history: it may already be time to stop."""
        self._judge(run)

    def on_epoch_end(self, run: Run) -> None:
        """Keep the best state, and stop when patience ends."""
        self._check_recorded(run)
        best = self._judge(run)
        if self.restore_best and best == run.epoch + 1:
            run.best = run.state

    def on_train_end(self, run: Run) -> None:
        """Put the best state back."""
        if self.restore_best and run.best is not None and not run.interrupted:
            run.learner.restore(run.best)

    def _judge(self, run: Run) -> int | None:
        """Return the best epoch so far, counted from 1, and stop the run when the wait is over."""
        recorded = [row for row in run.history if self.monitor in row]
        sign = 1.0 if self.mode == "max" else -1.0
        best, best_epoch, waited = -np.inf, None, 0
        for row in recorded:
            value = sign * row[self.monitor]
            if value > best + self.min_delta:  # False for NaN
                best, best_epoch, waited = value, int(row["epoch"]), 0
            else:
                waited += 1
        if waited >= self.patience:
            run.stop = True
            run.stop_reason = (
                f"{self.monitor} has not improved for {waited} recordings; "
                f"best: {sign * best:.6g} at epoch {best_epoch}"
            )
        return best_epoch

    def _check_recorded(self, run: Run) -> None:
        promised = {name for callback in run.callbacks for name in getattr(callback, "records", ())}
        known = set(columns(run.history)) | promised
        if self.monitor not in known:
            raise ValueError(
                f"EarlyStopping(monitor={self.monitor!r}): no callback records that; there is "
                f"{', '.join(sorted(known))}. (A callback that does not record every epoch names its columns "
                "in an attribute `records`.)"
            )
