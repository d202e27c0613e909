"""The dense associative memory: a Hopfield network whose energy is of a higher degree in the overlaps.

::

    E(s) = -N sum_p F(m_p),   m_p = x_p.s / N,   F(m) = m^d, or max(m, 0)^d when rectified

At d = 2 this is twice the energy of the Hopfield network with Hebb's weights, but for a constant. Higher degrees hold
more: of the order of N^(d - 1) random patterns, since near patterns count ever more than the many far ones.

Source: Krotov & Hopfield 2016, "Dense associative memory for pattern recognition" (arXiv:1606.01164), section 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ebm.boltzmann.affine import Affine
from ebm.kernels.dense_associative import dense_asynchronous


@dataclass(frozen=True, eq=False)
class DenseAssociative:
    """Stored patterns and the degree of the energy.

    Parameters
    ----------
    patterns : array of shape (n_patterns, n_units), float32 or float64
        -1 and +1, on the CPU (NumPy) or on the GPU (CuPy).
    degree : int
        d, at least 1.
    rectified : bool
        Whether negative overlaps count as zero: else, at even degrees, the reversed patterns are stored too.

    Raises
    ------
    ValueError
        When the patterns are not as described, or the degree is below 1.

    Notes
    -----
    Every method takes states of shape (n_rows, n_units), -1 and +1, in the dtype and on the device of the patterns.
    """

    patterns: Any
    degree: int = 3
    rectified: bool = True

    def __post_init__(self) -> None:
        """Check the parameters."""
        x = self.patterns
        if x.ndim != 2 or x.shape[0] == 0 or x.dtype not in (np.float32, np.float64):
            raise ValueError(f"patterns are {x.dtype}{x.shape}; give (n_patterns, n_units) of float32 or float64")
        if not (abs(x) == 1).all():
            raise ValueError("patterns must be -1 and +1")
        if self.degree < 1 or self.degree != int(self.degree):
            raise ValueError(f"degree must be an integer of at least 1, got {self.degree}")

    @property
    def n_units(self) -> int:
        """Units."""
        return self.patterns.shape[1]

    @property
    def dtype(self) -> np.dtype:
        """The patterns' dtype."""
        return np.dtype(self.patterns.dtype)

    @cached_property
    def _columns(self) -> Any:
        return self.patterns.T.copy(order="C")

    @cached_property
    def _products(self) -> Affine:
        return Affine(self._columns, np.zeros_like(self.patterns, shape=self.patterns.shape[:1]))

    def overlaps(self, s: Any) -> Any:
        """m_p = x_p.s / N, shape (n_rows, n_patterns)."""
        return self._products(s) / self.dtype.type(self.n_units)

    def energy(self, s: Any) -> Any:
        """E(s) = -N sum_p F(m_p), shape (n_rows,)."""
        return self.energy_given(s, self.running_sums(s))

    @property
    def _unit(self) -> float:
        """A power of two between 1 / (2 N) and 1 / N: multiples of it are exact, and their powers do not overflow."""
        return 2.0 ** -int(np.ceil(np.log2(self.n_units)))

    @property
    def _scale(self) -> Any:
        """N (1 / (N unit))^d, from powers of running sums to the energy."""
        return self.dtype.type(self.n_units * (1 / (self.n_units * self._unit)) ** self.degree)

    def running_sums(self, s: Any) -> Any:
        """Return the overlaps as multiples of a power of two, which asynchronous recall keeps up to date."""
        return self._products(s) * self.dtype.type(self._unit)

    def energy_given(self, s: Any, sums: Any) -> Any:
        """E(s) of states whose running sums are known."""
        m = np.where(sums < 0, 0, sums).astype(self.dtype) if self.rectified else sums
        return -(m ** int(self.degree)).sum(axis=1) * self._scale

    def visit_units(self, orders: Any, s: Any, sums: Any, done: Any, points: int) -> tuple[Any, Any, Any]:
        """Sweep over the units: :func:`ebm.kernels.dense_associative.dense_asynchronous`."""
        sweeps, flips, energies = dense_asynchronous(
            self._columns, orders, s, sums, done,
            unit=self._unit, degree=int(self.degree), rectified=self.rectified, points=points,
        )  # fmt: skip
        return sweeps, flips, energies * self._scale
