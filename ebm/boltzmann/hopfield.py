"""The Hopfield network: spins in {-1, +1} under symmetric weights, and the energy that recall descends.

::

    E(s) = -1/2 sum_ij w_ij s_i s_j + sum_i theta_i s_i,   w_ij = w_ji,  w_ii = 0
    s_i <- +1 if h_i >= 0 else -1,   h_i = sum_j w_ij s_j - theta_i

A **threshold** theta_i is what the input of a unit must reach: it enters the energy with a plus, and a high one keeps
the unit at -1. Where a text writes E = -(sum_{i<j} w_ij s_i s_j + sum_i b_i s_i), as for Boltzmann machines, its b_i is
a **bias**, and theta = -b.

Sums of rounded weights that should be zero, as are many with Hebb's weights k / N, come out a little above or below, by
the order of their terms. So a field counts as zero when its magnitude is at most ::

    tolerance_i = 16 eps (sum_j abs(w_ij) + abs(theta_i))

with the dtype's eps: more than rounding was found to do to 1000 units, and far below the steps 2 / N of Hebb's fields
there. It is the same wherever a unit is updated or a state is judged. As zero sends to +1, it acts as thresholds
lower by the tolerance: recall cannot go round, and a flip raises E by no more than 2 tolerance_i, which is rounding.

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

ROUNDING = 16  # eps of a row's sum of magnitudes: what counts as zero


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

    @cached_property
    def tolerances(self) -> Any:
        """Magnitudes up to which fields count as zero, 16 eps (sum_j abs(w_ij) + abs(theta_i)), shape (n_units,)."""
        sizes = abs(self.weights).sum(axis=1) + abs(self.thresholds)
        return sizes * self.dtype.type(ROUNDING * np.finfo(self.dtype).eps)

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
        """Sweep over the units: :func:`ebm.kernels.hopfield.asynchronous`.

        A row is done only if it is a fixed point by its fields computed anew, which are put in place of those kept up
        to date. Where these are so far from the tolerance that they must agree, that is left out.
        """
        weights = self.weights if self.weights.flags.c_contiguous else self.weights.copy(order="C")
        sweeps, flips, energies = asynchronous(
            weights, self.thresholds, self.tolerances, orders, s, sums, done, points=points
        )
        doubtful = ~(done & self._beyond_error(sums, flips))
        if doubtful.any():
            sums[doubtful] = fields = self.fields(s[doubtful])
            done[doubtful] &= (self.settled(fields) == s[doubtful]).all(axis=1)
        return sweeps, flips, energies

    def _beyond_error(self, sums: Any, flips: Any) -> Any:
        """Tell in which rows no error can have changed where a field sends its unit: eps / 2 an addition, at most."""
        additions = (self.n_units + flips).astype(self.dtype)[:, None]
        return (abs(sums + self.tolerances) > additions * (self.tolerances / ROUNDING)).all(axis=1)

    def settled(self, fields: Any) -> Any:
        """Return where fields send the units: to +1 if at least zero, within the tolerance, and else to -1."""
        return settled(fields, self.dtype, self.tolerances)

    def is_fixed_point(self, s: Any) -> Any:
        """Tell which states recall leaves as they are, shape (n_rows,), bool."""
        return (self.settled(self.fields(s)) == s).all(axis=1)


def settled(fields: Any, dtype: Any, tolerances: Any = 0) -> Any:
    """Return +1 where a field is at least zero, or below it by no more than a tolerance, and -1 elsewhere."""
    return 2 * (fields >= -tolerances).astype(dtype) - 1
