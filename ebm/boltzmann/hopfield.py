"""The Hopfield network: spins in {-1, +1} under symmetric weights, and the energy that recall descends.

::

    E(s) = -1/2 sum_ij w_ij s_i s_j + sum_i theta_i s_i,   w_ij = w_ji,  w_ii = 0
    s_i <- +1 if sum_j w_ij s_j >= theta_i else -1

A **threshold** theta_i is what the input of a unit must reach: it enters the energy with a plus, and a high one keeps
the unit at -1. Where a text writes E = -(sum_{i<j} w_ij s_i s_j + sum_i b_i s_i), as for Boltzmann machines, its b_i is
a **bias**, and theta = -b.

Source: Hopfield 1982 (doi:10.1073/pnas.79.8.2554); Hertz, Krogh & Palmer 1991, "Introduction to the theory of neural
computation", chapter 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ebm.boltzmann.affine import Affine
from ebm.kernels.hopfield import asynchronous


@dataclass(frozen=True, eq=False)
class Hopfield:
    """Parameters of a Hopfield network, and its energy.

    Parameters
    ----------
    weights : array of shape (n_units, n_units), float32 or float64
        W, symmetric with a zero diagonal, on the CPU (NumPy) or on the GPU (CuPy).
    thresholds : array of shape (n_units,), optional
        theta, of the same dtype; zeros by default.

    Raises
    ------
    ValueError
        When shapes or dtypes do not fit, or the weights are not symmetric or have a diagonal: then the energy
        could rise.

    Notes
    -----
    Every method takes states of shape (n_rows, n_units), -1 and +1, in the dtype and on the device of the weights.
    """

    weights: Any
    thresholds: Any = None

    def __post_init__(self) -> None:
        """Check that the parameters fit."""
        w = self.weights
        if w.ndim != 2 or w.shape[0] != w.shape[1] or w.dtype not in (np.float32, np.float64):
            raise ValueError(f"weights are {w.dtype}{w.shape}; give a square matrix of float32 or float64")
        if self.thresholds is None:
            object.__setattr__(self, "thresholds", np.zeros_like(w, shape=w.shape[:1]))
        if self.thresholds.shape != w.shape[:1] or self.thresholds.dtype != w.dtype:
            theirs = f"{self.thresholds.dtype}{self.thresholds.shape}"
            raise ValueError(f"thresholds are {theirs}, but the weights ask for {w.dtype}{w.shape[:1]}")
        if not (w == w.T).all():
            raise ValueError("weights are not symmetric (or not numbers): the energy could rise; give (W + W.T) / 2")
        if (w.diagonal() != 0).any():
            raise ValueError("weights have a diagonal: a unit must not act on itself; set it to zero")

    @property
    def n_units(self) -> int:
        """Units."""
        return self.weights.shape[0]

    @property
    def dtype(self) -> np.dtype:
        """The parameters' dtype."""
        return np.dtype(self.weights.dtype)

    @cached_property
    def _inputs(self) -> Affine:
        return Affine(self.weights, -self.thresholds)

    def fields(self, s: Any) -> Any:
        """h_i = sum_j w_ij s_j - theta_i, shape (n_rows, n_units); the same for a row whatever rows stand beside it."""
        return self._inputs(s)

    def energy(self, s: Any) -> Any:
        """E(s) = -1/2 s W s + theta.s = -1/2 sum_i s_i (h_i - theta_i), shape (n_rows,)."""
        return self.energy_given(s, self.fields(s))

    def energy_given(self, s: Any, fields: Any) -> Any:
        """E(s) of states whose fields are known."""
        return (s * (self.thresholds - fields)).sum(axis=1) * self.dtype.type(0.5)

    def running_sums(self, s: Any) -> Any:
        """Return the fields, which asynchronous recall keeps up to date."""
        return self.fields(s)

    def visit_units(self, orders: Any, s: Any, sums: Any, done: Any, points: int) -> tuple[Any, Any, Any]:
        """Sweep over the units: :func:`ebm.kernels.hopfield.asynchronous`."""
        weights = self.weights if self.weights.flags.c_contiguous else self.weights.copy(order="C")
        return asynchronous(weights, self.thresholds, orders, s, sums, done, points=points)

    def is_fixed_point(self, s: Any) -> Any:
        """Tell which states recall leaves as they are, shape (n_rows,), bool."""
        return (settled(self.fields(s), self.dtype) == s).all(axis=1)


def settled(fields: Any, dtype: Any) -> Any:
    """Return +1 where a field is at least zero and -1 elsewhere."""
    return 2 * (fields >= 0).astype(dtype) - 1
