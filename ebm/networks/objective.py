"""What a network learns, as the learner sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ebm.networks.context import Context
from ebm.networks.layer import Parameters


@dataclass(frozen=True)
class Batch:
    """Samples of one update.

    Attributes
    ----------
    x : array of shape (n, n_features)
        Flat rows; an objective of images views them as (n, height, width, channels).
    weights : array of shape (n,)
        Every sample's share of the batch; they sum to 1.
    extra : dict of str to array of shape (n, m)
        What else belongs to the samples: labels, contexts.
    """

    x: Any
    weights: Any
    extra: Mapping[str, Any] = field(default_factory=dict)


class Objective(Protocol):
    """A loss L = sum_n weights_n values_n (+ penalties on parameters or on the batch), to be made small."""

    @property
    def statistics(self) -> tuple[str, ...]:
        """Parameters that no gradient moves (see `Layer`)."""
        ...

    def gradient(self, parameters: Parameters, batch: Batch, gradients: Parameters, context: Context) -> Any:
        """Write dL / d parameters into ``gradients``, by kernels alone, and return the values (n,)."""
        ...

    def values(self, parameters: Parameters, batch: Batch, context: Context) -> Any:
        """Return the values (n,) only; what is random stands where the context's noise says."""
        ...
