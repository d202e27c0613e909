"""What the loop is given (`Learner`) and what it tells its callbacks (`Run`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np


class Learner(Protocol):
    """A model that learns by mini-batch updates; all that the training loop knows of it.

    How an epoch is cut into calls of `update` must not change the result, and every call returns only when
    its work is done: the loop cuts by the clock.

    Attributes
    ----------
    n_batches : int
        Mini-batches in an epoch, at least 1.
    """

    @property
    def n_batches(self) -> int:
        """Mini-batches in an epoch."""

    def begin_epoch(self, epoch: int) -> None:
        """Prepare epoch ``epoch``, counted from 0 over all runs: shuffle by it, look up schedules by it."""

    def update(self, first: int, last: int) -> None:
        """Learn from mini-batches [first, last) of the epoch."""

    def state(self) -> dict[str, np.ndarray]:
        """Copy all that exact resume needs, scalars as arrays of one number."""

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Put back what `state` gave."""

    def is_sound(self) -> bool:
        """Tell whether all parameters are finite, and of a believable size."""


@dataclass(eq=False)
class Run:
    """One call of `train`: where it stands, and what is recorded. Callbacks read it, and write where noted.

    Attributes
    ----------
    learner : Learner
        What learns.
    n_epochs : int
        Epochs in all, those before a resume included.
    callbacks : sequence of object
        The callbacks, in the order in which they are told.
    epoch : int
        Index of the last finished epoch, from 0; -1 before the first.
    history : list of dict of str to float
        A row for each finished epoch: "epoch" from 1, "seconds" on the clock since training began (a
        resumed run goes on counting), and what callbacks recorded.
    state : dict of str to ndarray
        The learner's state after the last finished epoch.
    best : dict of str to ndarray or None
        A state that a callback wants to keep; checkpoints keep it too. Callbacks may set it.
    kept : dict of str to ndarray
        Arrays that callbacks need to go on exactly after a resume: they put them here at the end of an epoch, under
        names of their own, and find them again in ``on_train_begin``. Checkpoints keep them.
    stop : bool
        Set by a callback: no further epoch.
    stop_reason : str
        Why, in words.
    interrupted : bool
        Ctrl-C ended the run.
    chunk : int
        Mini-batches in the next call of ``update``.
    memory : dict
        Room for callbacks, each with keys of its own. ``memory["fingerprint"]`` describes model and data.
    """

    learner: Learner
    n_epochs: int
    callbacks: Sequence[object] = ()
    epoch: int = -1
    history: list[dict[str, float]] = field(default_factory=list)
    state: dict[str, np.ndarray] = field(default_factory=dict)
    best: dict[str, np.ndarray] | None = None
    kept: dict[str, np.ndarray] = field(default_factory=dict)
    stop: bool = False
    stop_reason: str = ""
    interrupted: bool = False
    chunk: int = 1
    memory: dict[Any, Any] = field(default_factory=dict)

    @property
    def row(self) -> dict[str, float]:
        """What has been recorded for the last finished epoch."""
        return self.history[-1]

    def record(self, name: str, value: float) -> None:
        """Add a number to the last finished epoch's row.

        Parameters
        ----------
        name : str
            Column of the history.
        value : float
            A plain number; NaN where there is none.
        """
        self.row[name] = float(value)

    def tell(self, hook: str, *arguments: Any) -> None:
        """Call the method ``hook`` of every callback that has it."""
        for callback in self.callbacks:
            if (method := getattr(callback, hook, None)) is not None:
                method(self, *arguments)
