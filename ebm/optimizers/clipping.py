"""Clipping gradients before a step, so that one bad batch does not throw the weights far off.

Source: Pascanu, Mikolov & Bengio 2013 (arXiv:1211.5063), algorithm 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from ebm.kernels import clipping
from ebm.kernels.clipping import n_chunks
from ebm.optimizers.optimizer import check_positive


class Clipping(Protocol):
    """What holds a gradient within bounds before a step."""

    def slots(self, n: int, dtype: Any, device: Any) -> list[Any]:
        """Return the arrays that clipping ``n`` parameters needs."""
        ...

    def clip(self, gradient: Any, scale: Any, slots: list[Any]) -> None:
        """Change the gradient in place, or write what the step is to multiply it by into ``scale``, shape (1,)."""
        ...


@dataclass(frozen=True)
class ClipByNorm:
    """Scale a gradient of all parameters so that its norm is at most ``largest``.

    Parameters
    ----------
    largest : float

    Raises
    ------
    ValueError
        When ``largest`` is not a finite number above 0.
    """

    largest: float

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        check_positive(self.largest, "largest")

    def slots(self, n: int, dtype: Any, device: Any) -> list[Any]:
        """Return an array for sums of squares."""
        return [device.zeros(n_chunks(n), dtype)]

    def clip(self, gradient: Any, scale: Any, slots: list[Any]) -> None:
        """Write min(1, largest / norm) into ``scale``, shape (1,), by which the step multiplies."""
        clipping.clip_by_norm(gradient, self.largest, scale, slots[0])


@dataclass(frozen=True)
class ClipByValue:
    """Hold every entry of a gradient within [-largest, largest].

    Parameters
    ----------
    largest : float

    Raises
    ------
    ValueError
        When ``largest`` is not a finite number above 0.
    """

    largest: float

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        check_positive(self.largest, "largest")

    def slots(self, n: int, dtype: Any, device: Any) -> list[Any]:
        """Return nothing: it needs no arrays."""
        return []

    def clip(self, gradient: Any, scale: Any, slots: list[Any]) -> None:
        """Clip the gradient in place; ``scale`` stays as it is."""
        clipping.clip_by_value(gradient, self.largest)
