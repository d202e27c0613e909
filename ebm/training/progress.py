"""A progress bar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ebm.training.run import Run

KEY = "progress bar"
BEFORE = "updates before this epoch"


@dataclass(frozen=True)
class Progress:
    """Show epochs, updates per second, the time that is left, and the last recorded values, on stderr.

    Parameters
    ----------
    monitor : str, sequence of str or None
        Columns of the history to show; None shows all.
    """

    monitor: str | Sequence[str] | None = None

    order: ClassVar[int] = 30

    def on_train_begin(self, run: Run) -> None:
        """Open the bar."""
        from tqdm import tqdm  # imported when used: it is slow to import

        n_batches = run.learner.n_batches
        run.memory[BEFORE] = (run.epoch + 1) * n_batches
        run.memory[KEY] = tqdm(
            total=run.n_epochs * n_batches,
            initial=run.memory[BEFORE],
            unit=" updates",
            unit_scale=True,
            dynamic_ncols=True,
        )

    def on_epoch_begin(self, run: Run) -> None:
        """Name the epoch."""
        run.memory[KEY].set_description(f"epoch {run.epoch + 2}/{run.n_epochs}", refresh=False)

    def on_chunk(self, run: Run, done: int, n_batches: int) -> None:
        """Move the bar; an epoch may have more mini-batches, or fewer, than those before."""
        bar, before = run.memory[KEY], run.memory[BEFORE]
        bar.total = before + (run.n_epochs - run.epoch - 1) * n_batches
        bar.update(before + done - bar.n)

    def on_epoch_end(self, run: Run) -> None:
        """Show what was recorded."""
        run.memory[BEFORE] += run.learner.n_batches
        run.memory[KEY].set_postfix(self._shown(run), refresh=False)

    def on_train_end(self, run: Run) -> None:
        """Close the bar, and say why training stopped early."""
        bar = run.memory.pop(KEY, None)
        if bar is None:  # training did not begin
            return
        bar.close()
        if run.stop_reason:
            bar.write(f"stopped after epoch {run.epoch + 1}: {run.stop_reason}", file=bar.fp)

    def _shown(self, run: Run) -> dict[str, Any]:
        names = [self.monitor] if isinstance(self.monitor, str) else self.monitor
        latest = {name: value for row in run.history for name, value in row.items()}
        if names is None:
            names = [name for name in latest if name not in ("epoch", "seconds")]
        return {name: f"{latest[name]:.4g}" for name in names if name in latest}
