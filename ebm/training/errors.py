"""What can go wrong while training."""

from __future__ import annotations


class DivergenceError(ArithmeticError):
    """Parameters became infinite, NaN or absurdly large; the learner holds those of the last good epoch.

    Parameters
    ----------
    epoch : int
        The epoch that diverged, counted from 1.
    history : list of dict
        Rows of the good epochs before it.
    """

    def __init__(self, epoch: int, history: list[dict[str, float]]) -> None:
        super().__init__(epoch, history)  # so that it can be pickled
        self.epoch = epoch
        self.history = history

    def __str__(self) -> str:
        kept = "the initial ones" if self.epoch == 1 else f"those after epoch {self.epoch - 1}"
        return (
            f"learning diverged: parameters are not finite, or beyond a million, in epoch {self.epoch}; "
            f"{kept} are kept. "
            "Try a smaller learning_rate first, then more weight decay, less momentum, data scaled to [0, 1]"
        )
