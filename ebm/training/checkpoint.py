"""Checkpoints: a run that was killed goes on as if it had not been, bit for bit."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ebm import storage
from ebm.training.run import Run

KIND = "checkpoint"


class CheckpointError(ValueError):
    """A checkpoint belongs to a run with other parameters or data."""


class Snapshot(NamedTuple):
    """What a checkpoint holds: enough to go on exactly.

    Attributes
    ----------
    state : dict of str to ndarray
        The learner's state after the last finished epoch.
    first_epoch : int
        The epoch to go on with, from 0.
    history : list of dict
        Rows of the finished epochs.
    best : dict of str to ndarray or None
        The state that early stopping keeps.
    fingerprint : dict
        Hyper-parameters and data of the run.
    kept : dict of str to ndarray
        What callbacks need to go on.
    """

    state: dict[str, np.ndarray]
    first_epoch: int
    history: list[dict[str, float]]
    best: dict[str, np.ndarray] | None
    fingerprint: dict[str, Any]
    kept: dict[str, np.ndarray]


def save_checkpoint(path: storage.Pathlike, run: Run) -> None:
    """Write the state after the run's last finished epoch, atomically.

    Parameters
    ----------
    path : str or os.PathLike
        The file to write or replace.
    run : Run
        What to save.

    Raises
    ------
    OSError
        If the file cannot be written; an old one stays.
    """
    arrays = {f"state/{name}": array for name, array in run.state.items()}
    arrays |= {f"best/{name}": array for name, array in (run.best or {}).items()}
    arrays |= {f"kept/{name}": array for name, array in run.kept.items()}
    metadata = {
        "first_epoch": run.epoch + 1,
        "history": run.history,
        "fingerprint": run.memory.get("fingerprint", {}),
    }
    storage.save(path, KIND, arrays, metadata)


def load_checkpoint(path: storage.Pathlike) -> Snapshot:
    """Read a checkpoint.

    Parameters
    ----------
    path : str or os.PathLike
        A file written by a `Checkpoint`.

    Returns
    -------
    Snapshot
        What the run needs to go on.

    Raises
    ------
    ebm.storage.ModelFileError
        If it is no readable checkpoint.
    """
    arrays, metadata = storage.load(path, KIND)
    missing = {"first_epoch", "history", "fingerprint"} - set(metadata)
    if missing:
        raise storage.ModelFileError(f"{path}: the checkpoint lacks {', '.join(sorted(missing))}")
    return Snapshot(
        _part(arrays, "state/"),
        metadata["first_epoch"],
        metadata["history"],
        _part(arrays, "best/") or None,
        metadata["fingerprint"],
        _part(arrays, "kept/"),
    )


def _part(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


@dataclass(frozen=True)
class Checkpoint:
    """Save the run to a file, and go on from that file.

    The file is replaced whole, never half written. It holds the learner's state after an epoch, the history,
    what callbacks keep, and a fingerprint of hyper-parameters and data. Ctrl-C saves the last finished epoch too.

    Parameters
    ----------
    path : str or os.PathLike
        The file to write.
    every : int
        Save after every so many epochs, and at the end; at least 1.
    resume : bool
        Go on from the file, if it exists. Parameters then equal those of an uninterrupted run bit for bit.

    Raises
    ------
    FileNotFoundError
        When training begins, if the folder of ``path`` does not exist.
    CheckpointError
        When training begins, if the file's fingerprint is not this run's; the message names what differs.
    """

    path: str | os.PathLike[str]
    every: int = 1
    resume: bool = False

    order: ClassVar[int] = 20

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ValueError(f"every={self.every!r} must be at least 1")

    def on_restore(self, run: Run) -> None:
        """Put the saved run back, if there is one and it is this run."""
        folder = Path(self.path).absolute().parent
        if not folder.is_dir():
            raise FileNotFoundError(f"Checkpoint(path={os.fspath(self.path)!r}): there is no folder {folder}")
        if not self.resume or not Path(self.path).exists():
            return
        saved = load_checkpoint(self.path)
        _check_same(self.path, saved.fingerprint, run.memory.get("fingerprint", {}))
        run.learner.restore(saved.state)
        run.epoch = saved.first_epoch - 1
        run.history[:] = saved.history
        run.best = saved.best
        run.kept = saved.kept
        run.memory[self._key] = run.epoch

    def on_epoch_end(self, run: Run) -> None:
        """Save, if it is time."""
        if (run.epoch + 1) % self.every == 0:
            self._save(run)

    def on_train_end(self, run: Run) -> None:
        """Save the last finished epoch, if that has not been done."""
        if run.epoch >= 0 and run.memory.get(self._key) != run.epoch:
            self._save(run)

    def _save(self, run: Run) -> None:
        save_checkpoint(self.path, run)
        run.memory[self._key] = run.epoch

    @property
    def _key(self) -> tuple[str, str]:
        return ("checkpoint saved", os.fspath(self.path))


def _check_same(path: storage.Pathlike, there: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    here = json.loads(json.dumps(here))  # as it would come back from a file
    absent = "not given"
    pairs = {name: (there.get(name, absent), here.get(name, absent)) for name in sorted(there.keys() | here.keys())}
    differing = [f"{name} was {then!r} and is now {now!r}" for name, (then, now) in pairs.items() if then != now]
    if differing:
        raise CheckpointError(
            f"cannot resume from {path}, it belongs to another run: {'; '.join(differing)}. "
            "Fit with the same parameters and data, or remove the file to start anew"
        )
