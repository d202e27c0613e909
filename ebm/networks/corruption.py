"""How inputs are corrupted, for autoencoders that learn to undo it.

Noise is drawn anew in every update: it stands at the clock's step of a pass's `Context`.

Source: Vincent, Larochelle, Lajoie, Bengio & Manzagol 2010, "Stacked denoising autoencoders" (JMLR 11:3371),
section 3.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ebm.kernels import corruption as kernels
from ebm.kernels.processor import plain
from ebm.networks.context import Context
from ebm.networks.ranges import number_from, rate_within
from ebm.random import Random, Stream


class Corruption(Protocol):
    """A kind of noise on inputs."""

    def apply(self, x: Any, out: Any, context: Context) -> None:
        """Write a corrupted x, of shape (n, ...), into ``out``, which may be x itself."""
        ...


@dataclass(frozen=True)
class GaussianNoise:
    """x + scale z with independent z ~ N(0, 1).

    Parameters
    ----------
    scale : float, default=0.1
        Standard deviation of the noise, at least 0.

    Raises
    ------
    ValueError
        When ``scale`` is something else.
    """

    scale: float = 0.1

    def __post_init__(self) -> None:
        number_from("scale", self.scale, 0)

    def apply(self, x: Any, out: Any, context: Context) -> None:
        """Write the corrupted x of shape (n, ...), float32 or float64, into ``out``."""
        kernels.add_noise(x, out, context.noise(Stream.CORRUPTION_NOISE), scale=self.scale)


@dataclass(frozen=True)
class Masking:
    """Each element becomes 0 with probability ``rate``: dropout of inputs, but for its factor 1 / (1 - rate).

    (The paper masks a fixed fraction of each sample's elements; here the fraction is ``rate`` on average.)

    Parameters
    ----------
    rate : float, default=0.25
        In [0, 1].

    Raises
    ------
    ValueError
        When ``rate`` is something else.
    """

    rate: float = 0.25

    def __post_init__(self) -> None:
        rate_within("rate", self.rate)

    def apply(self, x: Any, out: Any, context: Context) -> None:
        """Write the corrupted x of shape (n, ...), float32 or float64, into ``out``."""
        kernels.mask(x, out, context.noise(Stream.MASKING), rate=self.rate)


@dataclass(frozen=True)
class SaltAndPepper:
    """Each element becomes ``low`` or ``high``, by a fair coin, with probability ``rate``.

    Parameters
    ----------
    rate : float, default=0.25
        In [0, 1].
    low, high : float, default=0.0 and 1.0
        The least and the greatest possible value of an element.

    Raises
    ------
    ValueError
        When ``rate`` is not in [0, 1], or low is not below high.
    """

    rate: float = 0.25
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        rate_within("rate", self.rate)
        if not -np.inf < self.low < self.high < np.inf:
            raise ValueError(f"low must be below high, both finite; got low={self.low!r} and high={self.high!r}")

    def apply(self, x: Any, out: Any, context: Context) -> None:
        """Write the corrupted x of shape (n, ...), float32 or float64, into ``out``."""
        noise = context.noise(Stream.SALT_AND_PEPPER)
        kernels.salt_and_pepper(x, out, noise, rate=self.rate, low=self.low, high=self.high)


def corrupt(x: np.ndarray, corruption: Corruption, random: Random, step: int = 0) -> np.ndarray:
    """Return a corrupted copy of an array in host memory.

    Parameters
    ----------
    x : ndarray of shape (n, ...), float32 or float64
    corruption : Corruption
        `GaussianNoise`, `Masking` or `SaltAndPepper`.
    random : Random
    step : int, default=0
        In [0, 2**32): another step, other noise.

    Returns
    -------
    ndarray of the shape and dtype of ``x``

    Raises
    ------
    ValueError
        When ``x`` is no array of float samples, or ``step`` is out of range.
    """
    if isinstance(step, bool) or not isinstance(step, int | np.integer) or not 0 <= step < 2**32:
        raise ValueError(f"step must be an integer in [0, 2**32), got {step!r}")
    x = plain(x)
    out = np.empty_like(x)
    corruption.apply(x, out, Context(training=True, random=random, clock=np.array([step, 0], np.uint32)))
    return out
