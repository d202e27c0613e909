"""Unit types of a layer: objects that an RBM is given. Here what they share, and the binary unit.

A layer of units s with natural inputs x has p(s) proportional to m(s) exp(s . x), with a base measure m that is 1 for
binary units. A unit type tells what follows from x; the methods that end in ``_given`` take the other layer's states
and the affine map from there, which lets a type do the product and its own part in one pass.
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

    @property
    def levels(self) -> np.ndarray | None:
        """States of one unit, a row each: (n_levels, columns a unit); None where they are real numbers."""
        ...

    @property
    def domain(self) -> tuple[float, float]:
        """Least and largest value that a column can have."""
        ...

    def mean(self, inputs: Any) -> Any:
        """E[s] under p(s) proportional to m(s) exp(s . inputs)."""
        ...

    def sample(self, inputs: Any, draw: Draw) -> Any:
        """Draw s under p(s) proportional to m(s) exp(s . inputs)."""
        ...

    def cumulant(self, inputs: Any) -> Any:
        """log sum_s m(s) exp(s . inputs), shape (n_rows,)."""
        ...

    def base_energy(self, states: Any) -> Any:
        """-log m(s), shape (n_rows,), or 0 where m is 1."""
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

    def states(self, n: int, dtype: Any = np.float64) -> np.ndarray:
        """All states of n columns, one a row."""
        ...

    def bias_from_mean(self, mean: np.ndarray) -> np.ndarray:
        """Return the inputs under which the units have this mean."""
        ...


class SharedParts:
    """What follows for every unit type from its ``levels``, ``mean``, ``sample`` and ``cumulant``."""

    levels: np.ndarray | None
    mean: Any
    sample: Any
    cumulant: Any
    name: str

    def base_energy(self, states: Any) -> Any:
        """0: the base measure is 1."""
        return 0

    def mean_given(self, x: Any, affine: Affine) -> Any:
        """``mean(affine(x))``."""
        return self.mean(affine(x))

    def sample_given(self, x: Any, affine: Affine, draw: Draw) -> Any:
        """``sample(affine(x), draw)``."""
        return self.sample(affine(x), draw)

    def cumulant_given(self, x: Any, affine: Affine) -> Any:
        """``cumulant(affine(x))``."""
        return self.cumulant(affine(x))

    def states(self, n: int, dtype: Any = np.float64) -> np.ndarray:
        """All states of n columns, one a row, the first unit changing fastest.

        Raises
        ------
        ValueError
            When the states are real numbers, or n is no whole number of units.
        """
        levels = self.levels
        if levels is None:
            raise ValueError(f"{self.name} units have real values: their states cannot be enumerated")
        count, columns = levels.shape
        if n % columns:
            raise ValueError(f"{n} columns are no whole number of {self.name} units of {columns} columns each")
        digits = np.arange(count ** (n // columns))[:, None] // count ** np.arange(n // columns) % count
        return levels[digits].reshape(len(digits), n).astype(dtype)


@dataclass(frozen=True)
class Bernoulli(SharedParts):
    """Binary units s in {0, 1}: E[s] = sigma(x), log sum_s e^{s x} = log(1 + e^x)."""

    name = "bernoulli"
    levels = np.array([[0.0], [1.0]])
    domain = (0.0, 1.0)

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

    def bias_from_mean(self, mean: np.ndarray) -> np.ndarray:
        """Return the log-odds log(p / (1 - p)), p held within [0.001, 0.999] (Hinton 2010, section 8.1)."""
        p = np.clip(mean, 0.001, 0.999)
        return np.log(p) - np.log1p(-p)
