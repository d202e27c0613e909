"""Unit types of a layer: objects that an RBM is given.

A layer of units s with natural inputs x has p(s) proportional to exp(s . x). A unit type tells what follows from x; the
methods that end in ``_given`` take the other layer's states and the affine map from there, which lets a type
do the product and its own part in one pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ebm.kernels import conditional
from ebm.kernels.bernoulli import bernoulli
from ebm.kernels.reduce import softplus_rows

if TYPE_CHECKING:
    from ebm.boltzmann.affine import Affine
    from ebm.random import Draw


class Unit(Protocol):
    """What an RBM asks of a unit type; arrays of shape (n_rows, n_units)."""

    @property
    def name(self) -> str:
        """The type's name, as an estimator's parameter spells it."""
        ...

    def mean(self, inputs: Any) -> Any:
        """E[s] under p(s) proportional to exp(s . inputs)."""
        ...

    def sample(self, inputs: Any, draw: Draw) -> Any:
        """Draw s under p(s) proportional to exp(s . inputs)."""
        ...

    def cumulant(self, inputs: Any) -> Any:
        """log sum_s exp(s . inputs), shape (n_rows,)."""
        ...

    def mean_given(self, x: Any, affine: Affine) -> Any:
        """``mean(affine(x))``."""
        ...

    def sample_given(self, x: Any, affine: Affine, draw: Draw) -> Any:
        """``sample(affine(x), draw)``."""
        ...

    def cumulant_given(self, x: Any, affine: Affine) -> Any:
        """``cumulant(affine(x))``."""
        ...

    def states(self, n: int, dtype: Any) -> np.ndarray:
        """All states of n units, one a row."""
        ...

    def bias_from_mean(self, mean: np.ndarray) -> np.ndarray:
        """Return the inputs under which the units have this mean."""
        ...


@dataclass(frozen=True)
class Bernoulli:
    """Binary units s in {0, 1}: E[s] = sigma(x), log sum_s e^{s x} = log(1 + e^x)."""

    name: str = "bernoulli"

    def mean(self, inputs: Any) -> Any:
        """sigma(x)."""
        probabilities = inputs.copy()
        bernoulli(inputs, None, None, probabilities=probabilities)
        return probabilities

    def sample(self, inputs: Any, draw: Draw) -> Any:
        """1 with probability sigma(x), else 0, in the dtype of the inputs."""
        states = inputs.copy()
        bernoulli(inputs, None, draw, states=states)
        return states

    def cumulant(self, inputs: Any) -> Any:
        """sum_j log(1 + e^{x_j})."""
        return softplus_rows(inputs)

    def mean_given(self, x: Any, affine: Affine) -> Any:
        """sigma(x W + b)."""
        if affine.on_gpu:
            return self.mean(affine(x))
        return conditional.mean(x, affine.panels, affine.bias)

    def sample_given(self, x: Any, affine: Affine, draw: Draw) -> Any:
        """1 with probability sigma(x W + b), else 0."""
        if affine.on_gpu:
            return self.sample(affine(x), draw)
        return conditional.states(x, affine.panels, affine.bias, draw)

    def cumulant_given(self, x: Any, affine: Affine) -> Any:
        """sum_j log(1 + e^{(x W + b)_j})."""
        if affine.on_gpu:
            return self.cumulant(affine(x))
        return conditional.cumulant(x, affine.panels, affine.bias)

    def states(self, n: int, dtype: Any = np.float64) -> np.ndarray:
        """All 2^n states, shape (2^n, n); unit j is bit j of the row's number."""
        return ((np.arange(2**n)[:, None] >> np.arange(n)) & 1).astype(dtype)

    def bias_from_mean(self, mean: np.ndarray) -> np.ndarray:
        """Return the log-odds log(p / (1 - p)), p held within [0.001, 0.999] (Hinton 2010, section 8.1)."""
        p = np.clip(mean, 0.001, 0.999)
        return np.log(p) - np.log1p(-p)
