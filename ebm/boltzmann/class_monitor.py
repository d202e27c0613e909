"""A callback of the training loop that watches how well a classification RBM predicts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ebm.boltzmann.monitors import Monitor, some_rows


@dataclass(frozen=True, eq=False)
class ClassificationMonitor(Monitor):
    """Record "accuracy", and "log_loss": the mean of -log p(y | v), in nats.

    Parameters
    ----------
    data : (X, y), optional
        Samples and their labels, the training data by default; give validation samples to stop early by them. X as
        the model takes it (binarised where the estimator does so), y with labels as in `fit`.
    every, n_samples
        As of :class:`~ebm.boltzmann.monitors.Monitor`.

    Raises
    ------
    ValueError
        When a number is less than 1, or X and y are not as long as each other; while training, when there is no data,
        or a label that the model does not know.
    """

    records = ("accuracy", "log_loss")

    data: Any = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Check the numbers, and that every sample has a label."""
        super().__post_init__()
        if self.data is not None:
            if not isinstance(self.data, tuple | list) or len(self.data) != 2:
                raise ValueError("data must be a pair (X, y) of samples and their labels")
            n, n_labels = self.data[0].shape[0], len(self.data[1])
            if n != n_labels:
                raise ValueError(f"data has {n} samples and {n_labels} labels")

    def measure(self, model: Any, run: Any) -> dict[str, float]:
        """Return accuracy and log-loss."""
        X, numbers = self._labelled(model, run)
        rows = np.linspace(0, len(numbers) - 1, min(self.n_samples, len(numbers))).astype(np.int64)
        log_p = model.class_log_probabilities(some_rows(X, self.n_samples, model.dtype)).astype(np.float64)
        known = numbers[rows] >= 0  # rows of the training data may have no label
        log_p, y = log_p[known], numbers[rows][known]
        if not y.size:
            return {"accuracy": np.nan, "log_loss": np.nan}
        right = log_p.argmax(axis=1) == y
        return {"accuracy": float(right.mean()), "log_loss": float(-log_p[np.arange(len(y)), y].mean())}

    def _labelled(self, model: Any, run: Any) -> tuple[Any, np.ndarray]:
        """Return samples and the numbers of their classes."""
        if self.data is None:
            return self.source(run), np.asarray(run.memory["labels"])
        X, y = self.data
        classes = run.memory.get("classes", np.arange(model.n_classes)).tolist()
        places = {label: place for place, label in enumerate(classes)}
        missing = [label for label in np.asarray(y).tolist() if label not in places]
        if missing:
            raise ValueError(f"data has the label {missing[0]!r}, which is none of the classes {classes}")
        return X, np.array([places[label] for label in np.asarray(y).tolist()], np.int64)
