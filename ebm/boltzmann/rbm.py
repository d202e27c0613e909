"""The restricted Boltzmann machine: its energy and all that follows in closed form.

E(v, h) = -b.v - c.h - v W h + B(v) + B(h),   p(v, h) = e^{-E(v, h)} / Z

with B the base energies of the layers' unit types, 0 for binary units. The layers are independent given each other:
p(h_j | v) has natural input c_j + (v W)_j, p(v_i | h) has b_i + (W h)_i. Summing the hidden layer out gives the free
energy F(v) = -b.v + B(v) - log sum_h e^{h . (c + v W) - B(h)}, p(v) = e^{-F(v)} / Z.

Source: Smolensky 1986 (harmony theory); Hinton 2010, "A practical guide to training RBMs", section 2; unit types after
Welling, Rosen-Zvi & Hinton 2005, "Exponential family harmoniums", eqs. 3 to 7.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.boltzmann.affine import Affine
from ebm.boltzmann.units import Bernoulli, Unit

if TYPE_CHECKING:
    from ebm.random import Draw


@dataclass(frozen=True, eq=False)
class RBM:
    """Parameters of a restricted Boltzmann machine, and its mathematics.

    Parameters
    ----------
    weights : array of shape (n_visible, n_hidden), float32 or float64
        W, on the CPU (NumPy) or on the GPU (CuPy).
    visible_bias : array of shape (n_visible,)
        b.
    hidden_bias : array of shape (n_hidden,)
        c.
    visible, hidden : Unit
        Types of the units, binary {0, 1} by default.

    Raises
    ------
    ValueError
        When the shapes or dtypes of the parameters do not fit.

    Notes
    -----
    Every method takes and returns arrays of shape (n_rows, n_units), or (n_rows,) for one number a row, in the
    dtype and on the device of the parameters.
    """

    weights: Any
    visible_bias: Any
    hidden_bias: Any
    visible: Unit = field(default_factory=Bernoulli)
    hidden: Unit = field(default_factory=Bernoulli)

    def __post_init__(self) -> None:
        """Check that the parameters fit."""
        shape, biases = self.weights.shape, (*self.visible_bias.shape, *self.hidden_bias.shape)
        if shape != biases:
            raise ValueError(f"weights {shape} need visible_bias and hidden_bias of these lengths, got {biases}")
        dtypes = {np.dtype(a.dtype).name for a in (self.weights, self.visible_bias, self.hidden_bias)}
        if len(dtypes) != 1 or not dtypes <= {"float32", "float64"}:
            raise ValueError(f"parameters must share one dtype, float32 or float64; got {sorted(dtypes)}")

    @property
    def n_visible(self) -> int:
        """Visible units."""
        return self.weights.shape[0]

    @property
    def n_hidden(self) -> int:
        """Hidden units."""
        return self.weights.shape[1]

    @property
    def dtype(self) -> np.dtype:
        """The parameters' dtype."""
        return np.dtype(self.weights.dtype)

    @cached_property
    def hidden_inputs(self) -> Affine:
        """The map v -> c + v W."""
        return Affine(self.weights, self.hidden_bias)

    @cached_property
    def visible_inputs(self) -> Affine:
        """The map h -> b + h W^T."""
        return Affine(self.weights.T, self.visible_bias)

    def energy(self, v: Any, h: Any) -> Any:
        """E(v, h) = -b.v - c.h - v W h + B(v) + B(h), shape (n_rows,)."""
        base = self.visible.base_energy(v) + self.hidden.base_energy(h)
        return base - (v @ self.visible_bias) - (h * self.hidden_inputs(v)).sum(axis=1)

    def free_energy(self, v: Any) -> Any:
        """F(v) = -b.v + B(v) - log sum_h e^{h . (c + v W) - B(h)}, shape (n_rows,); p(v) = e^{-F(v)} / Z."""
        base = self.visible.base_energy(v) - v @ self.visible_bias
        return base - self.hidden.cumulant_given(v, self.hidden_inputs)

    def hidden_free_energy(self, h: Any) -> Any:
        """-log sum_v e^{-E(v, h)}, shape (n_rows,)."""
        base = self.hidden.base_energy(h) - h @ self.hidden_bias
        return base - self.visible.cumulant_given(h, self.visible_inputs)

    def hidden_mean(self, v: Any) -> Any:
        """E[h | v]."""
        return self.hidden.mean_given(v, self.hidden_inputs)

    def visible_mean(self, h: Any) -> Any:
        """E[v | h]."""
        return self.visible.mean_given(h, self.visible_inputs)

    def sample_hidden(self, v: Any, draw: Draw) -> Any:
        """Draw h from p(h | v)."""
        return self.hidden.sample_given(v, self.hidden_inputs, draw)

    def sample_visible(self, h: Any, draw: Draw) -> Any:
        """Draw v from p(v | h)."""
        return self.visible.sample_given(h, self.visible_inputs, draw)

    def reconstruct(self, v: Any) -> Any:
        """E[v | h = E[h | v]], the mean-field reconstruction."""
        return self.visible_mean(self.hidden_mean(v))

    def astype(self, dtype: Any) -> RBM:
        """Return the same model in another precision."""
        w, b, c = (a.astype(dtype) for a in (self.weights, self.visible_bias, self.hidden_bias))
        return RBM(w, b, c, self.visible, self.hidden)
