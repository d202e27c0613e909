"""The loss of what a network makes of sequences: at the end of each (many to one), or at every frame (aligned)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ebm.networks.context import Context
from ebm.networks.layer import Layer, Parameters
from ebm.networks.losses import Loss
from ebm.recurrent.batch import SequenceBatch
from ebm.recurrent.truncation import Chunks, looks_ahead


@dataclass(frozen=True)
class SequenceLoss:
    """sum weights loss(network(x), y).

    Parameters
    ----------
    network : Layer
        From packed frames to an output for every sample, or for every frame.
    loss : Loss
    aligned : bool, default=False
        Whether there is an output for every frame; "y" is then among the sequences, else among what belongs to samples.
        Targets that are int64, (n, 1), are numbers of classes.
    """

    network: Layer
    loss: Loss
    aligned: bool = False

    @property
    def statistics(self) -> tuple[str, ...]:
        """The network's."""
        return self.network.statistics

    @property
    def frames_of(self) -> str | None:
        """Return "x" where the task is aligned."""
        return "x" if self.aligned else None

    def refusal_of(self, truncation: int | Chunks) -> str | None:
        """Return why a truncation has no meaning here; None where it has one."""
        if not isinstance(truncation, Chunks):
            return None
        if not self.aligned:
            return (
                "needs an output at every frame, and here is one for a whole sequence: give an integer k, and only the "
                "last k + 1 frames of a sequence carry its gradient"
            )
        if looks_ahead(self.network):
            return "goes on from chunk to chunk, but this network reads sequences from their ends, which are not known"
        return None

    def gradient(self, parameters: Parameters, batch: SequenceBatch, gradients: Parameters, context: Context) -> Any:
        """Write the gradient and return the loss of every sample or frame."""
        with context.packed(batch.packings["x"]):
            output, cache = self.network.forward(parameters, _input(batch), context)
            values, d_output = self.loss.value_and_gradient(output, self._target(batch), batch.weights, context)
            self.network.backward(parameters, cache, d_output, gradients, context, wants_input=False)
        return values

    def values(self, parameters: Parameters, batch: SequenceBatch, context: Context) -> Any:
        """Return the loss of every sample or frame."""
        with context.packed(batch.packings["x"]):
            output, _ = self.network.forward(parameters, _input(batch), context)
            return self.loss.values(output, self._target(batch), context)

    def _target(self, batch: SequenceBatch) -> Any:
        target = batch.frames["y"] if self.aligned else batch.extra["y"]
        return target.reshape(-1) if target.dtype.kind == "i" else target


def _input(batch: SequenceBatch) -> Any:
    """Return the frames; tokens as a vector of numbers."""
    x = batch.frames["x"]
    return x.reshape(-1) if x.dtype.kind == "i" else x
