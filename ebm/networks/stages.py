"""Learning in stages: one learner after the other, each made from what those before it have learnt.

To the training loop the stages are one learner with the epochs of all, so one history, one Ctrl-C and one checkpoint
serve them together: a run that is killed in any stage goes on there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ebm.data import TrainingData
from ebm.networks.learning import NetworkLearner

Learnt = Sequence[Mapping[str, np.ndarray]]  # the parameters that each finished stage ended with
STAGE, FINISHED, CURRENT = "stage", "finished/", "current/"  # names in a state


@dataclass(frozen=True)
class Stage:
    """So many epochs of one learner.

    Parameters
    ----------
    n_epochs : int
    make : callable
        Takes the parameters of the stages before, a dict of arrays for each, and returns the `NetworkLearner`. It must
        make the same from the same, bit for bit, or a resumed run is another.
    """

    n_epochs: int
    make: Callable[[Learnt], NetworkLearner]


class StagedLearner:
    """Several learners, one after the other; satisfies the training loop's protocol `Learner`.

    Parameters
    ----------
    stages : sequence of Stage
        The last may go on beyond its epochs.

    Attributes
    ----------
    finished : list of dict of str to ndarray
        Parameters of the stages that are done.
    current : NetworkLearner
        Of the stage that is learning.
    stage : int
        Its number, from 0.

    Raises
    ------
    ValueError
        When there is no stage.
    """

    def __init__(self, stages: Sequence[Stage]) -> None:
        if not stages:
            raise ValueError("stages is empty: give at least one")
        self._stages = tuple(stages)
        self._ends = np.cumsum([stage.n_epochs for stage in stages])
        self._enter([])

    def _enter(self, finished: Learnt) -> None:
        self.finished = list(finished)
        self.current = self._stages[len(self.finished)].make(self.finished)

    @property
    def stage(self) -> int:
        """Number of the stage that is learning, from 0."""
        return len(self.finished)

    @property
    def n_batches(self) -> int:
        """Mini-batches in an epoch of this stage."""
        return self.current.n_batches

    @property
    def updates_done(self) -> int:
        """Updates of this stage."""
        return self.current.updates_done

    def begin_epoch(self, epoch: int) -> None:
        """Begin an epoch, counted over all stages, and its stage where it is the first of one."""
        wanted = min(int(np.searchsorted(self._ends, epoch, side="right")), len(self._stages) - 1)
        while self.stage < wanted:
            self._enter([*self.finished, self.current.parameters])
        self.current.begin_epoch(epoch - (int(self._ends[wanted - 1]) if wanted else 0))

    def update(self, first: int, last: int) -> None:
        """Do the updates of mini-batches [first, last) of this epoch."""
        self.current.update(first, last)

    def is_sound(self) -> bool:
        """Tell whether every parameter that is learning is a finite number of believable size."""
        return self.current.is_sound()

    def state(self) -> dict[str, np.ndarray]:
        """Copy what exact resumption needs: the finished stages' parameters, and all of the current one."""
        state = {STAGE: np.array([self.stage], np.int64)}
        for i, parameters in enumerate(self.finished):
            state |= {f"{FINISHED}{i}/{name}": array for name, array in parameters.items()}
        return state | {CURRENT + name: array for name, array in self.current.state().items()}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from a ``state``, in the stage that it was taken in.

        Raises
        ------
        ValueError
            When there is no such stage here, or a shape differs.
        """
        stage = int(state[STAGE][0]) if STAGE in state else -1
        if not 0 <= stage < len(self._stages):
            raise ValueError(f"the state is of stage {stage}, and there are {len(self._stages)}")
        finished = [_part(state, f"{FINISHED}{i}/") for i in range(stage)]
        if not _same(finished, self.finished):
            self._enter(finished)
        self.current.restore(_part(state, CURRENT))

    @property
    def mean_loss(self) -> float:
        """Mean of the stage's loss over the epoch's updates."""
        return self.current.mean_loss

    def loss_of(self, data: TrainingData, extra: Mapping[str, np.ndarray] | None = None) -> float:
        """Return the stage's loss of other samples."""
        return self.current.loss_of(data, extra)


def _part(state: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in state.items() if name.startswith(prefix)}


def _same(some: Learnt, others: Learnt) -> bool:
    if [sorted(one) for one in some] != [sorted(one) for one in others]:
        return False
    pairs = zip(some, others, strict=True)
    return all(np.array_equal(one[name], other[name]) for one, other in pairs for name in one)
