"""Unit types beside the binary one: spin, Gaussian, rectified (two forms), binomial, categorical.

Each has natural inputs x and a base measure m: p(s) proportional to m(s) e^{s . x}. Formulas and draws are in
``ebm.kernels.units`` and ``ebm.kernels.categorical``; here stand the objects that an RBM is given.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import gammaln

from ebm.boltzmann.units import Bernoulli, SharedParts, Unit
from ebm.device import beside
from ebm.kernels import categorical, units
from ebm.kernels.jit import on_gpu

if TYPE_CHECKING:
    from ebm.random import Draw

LARGEST_COUNT = 100  # copies of a binomial unit: (1/2)^n must be a number of float32


class _ByKernel(SharedParts):
    """Units whose mathematics is a kind of ``ebm.kernels.units``."""

    kind: int

    def parameter(self, inputs: Any) -> Any:
        """Return the units' parameter a, shape (n,), of the dtype and on the device of the inputs."""
        return np.ones_like(inputs, shape=inputs.shape[1:])

    def mean(self, inputs: Any) -> Any:
        """E[s], the shape of ``inputs``."""
        return units.means(inputs, self.parameter(inputs), self.kind)

    def sample(self, inputs: Any, draw: Draw) -> Any:
        """Draw s, in the dtype of the inputs."""
        return units.states(inputs, self.parameter(inputs), self.kind, draw)

    def cumulant(self, inputs: Any) -> Any:
        """log of the sum (or integral) over all states of each row, shape (n_rows,)."""
        return units.cumulants(inputs, self.parameter(inputs), self.kind)


@dataclass(frozen=True)
class Spin(_ByKernel):
    """Spins s in {-1, 1}: E[s] = tanh x, log sum_s e^{s x} = log(2 cosh x)."""

    name = "spin"
    kind = units.SPIN
    levels = np.array([[-1.0], [1.0]])
    domain = (-1.0, 1.0)

    def bias_from_mean(self, mean: np.ndarray) -> np.ndarray:
        """Return artanh of the mean, held within [-0.998, 0.998] (as log-odds within [0.001, 0.999])."""
        return np.arctanh(np.clip(mean, -0.998, 0.998))


@dataclass(frozen=True, eq=False)
class _Quadratic(_ByKernel):
    """Real values with m(s) = e^{-a s^2 / 2}; the precision a is 1, or one positive number a unit.

    Parameters
    ----------
    precision : array of shape (n,), optional
        a = 1 / variance; where a layer is given without, it is 1.
    """

    precision: Any = None
    levels = None

    def __post_init__(self) -> None:
        """Refuse precisions that are not above 0."""
        if self.precision is not None and not bool((self.precision > 0).all()):
            raise ValueError(f"precision must be above 0, got {self.precision!r}")

    def parameter(self, inputs: Any) -> Any:
        """Return the precisions, of the dtype and on the device of the inputs."""
        if self.precision is None:
            return np.ones_like(inputs, shape=inputs.shape[1:])
        if on_gpu(inputs) and not on_gpu(self.precision):
            return beside(self.precision.astype(inputs.dtype), inputs)
        return self.precision.astype(inputs.dtype, copy=False)

    def base_energy(self, states: Any) -> Any:
        """sum_j a_j s_j^2 / 2, shape (n_rows,)."""
        return (states * states) @ (self.parameter(states) / 2)

    def mean_square(self, inputs: Any) -> Any:
        """E[s^2] = (1 + x E[s]) / a: integration by parts, on the whole line and on its half."""
        return (1 + inputs * self.mean(inputs)) / self.parameter(inputs)


@dataclass(frozen=True, eq=False)
class Gaussian(_Quadratic):
    """Real units: s ~ N(x / a, 1 / a) with precision a, log integral x^2 / (2 a) + log(2 pi / a) / 2."""

    name = "gaussian"
    kind = units.GAUSSIAN
    domain = (-np.inf, np.inf)

    def bias_from_mean(self, mean: np.ndarray) -> np.ndarray:
        """Return a times the mean."""
        return mean if self.precision is None else mean * self.precision


@dataclass(frozen=True, eq=False)
class ReLU(_Quadratic):
    """Rectified units s >= 0, p(s) proportional to e^{s x - a s^2 / 2}: an exponential family, a normal cut at 0."""

    name = "relu"
    kind = units.RELU
    domain = (0.0, np.inf)

    def bias_from_mean(self, mean: np.ndarray) -> np.ndarray:
        """Return the inputs with this mean (of at least 0.001 standard deviations), by bisection."""
        root = np.sqrt(1.0 if self.precision is None else self.precision)
        return root * _input_with_mean(np.asarray(mean, np.float64) * root, self.kind)


def _input_with_mean(mean: np.ndarray, kind: int) -> np.ndarray:
    """Solve E[s] = mean for x of rectified units with a = 1, by bisection."""
    mean = np.maximum(mean, 1e-3)
    low, high = np.full(mean.shape, -1.0 / mean.min() - 1), mean + 1.0
    for _ in range(60):
        middle = (low + high) / 2
        above = units.means(middle[None], np.ones(mean.shape), kind)[0] > mean
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return (low + high) / 2


@dataclass(frozen=True)
class NoisyReLU(_ByKernel):
    """Rectified units by noise: s = max(0, x + N(0, sigma(x))).

    It approximates the sum of infinitely many binary units that share weights, with inputs x - 1/2, x - 3/2, ...;
    mean and draw are of the approximation, the cumulant is that of the sum itself, sum_i log(1 + e^{x - i + 1/2}).
    So a chain's distribution is near the model's, not equal to it: the mean of a draw is 0.41 too small at x = 0, and
    right within 0.02 beyond x = 4. `ReLU` is exact.

    Source: Nair & Hinton 2010, "Rectified linear units improve restricted Boltzmann machines", section 2.
    """

    name = "noisy_relu"
    kind = units.NOISY_RELU
    levels = None
    domain = (0.0, np.inf)

    def bias_from_mean(self, mean: np.ndarray) -> np.ndarray:
        """Return the inputs with this mean (of at least 0.001), by bisection."""
        return _input_with_mean(np.asarray(mean, np.float64), self.kind)


@dataclass(frozen=True)
class Binomial(_ByKernel):
    """Counts s in {0, ..., n}, n binary units that share weights: m(s) = C(n, s), E[s] = n sigma(x).

    Parameters
    ----------
    n_copies : int
        n, from 1 to 100.
    """

    n_copies: int
    name = "binomial"
    kind = units.BINOMIAL

    def __post_init__(self) -> None:
        """Check the number of copies."""
        if not isinstance(self.n_copies, int) or not 1 <= self.n_copies <= LARGEST_COUNT:
            raise ValueError(f"n_copies must be a whole number from 1 to {LARGEST_COUNT}, got {self.n_copies!r}")

    @property
    def levels(self) -> np.ndarray:  # type: ignore[override]
        """0 to n."""
        return np.arange(self.n_copies + 1.0)[:, None]

    @property
    def domain(self) -> tuple[float, float]:
        """0 to n."""
        return 0.0, float(self.n_copies)

    def parameter(self, inputs: Any) -> Any:
        """n for every unit."""
        return np.full_like(inputs, self.n_copies, shape=inputs.shape[1:])

    def base_energy(self, states: Any) -> Any:
        """-sum_j log C(n, s_j), shape (n_rows,); values between integers are interpolated by gamma functions."""
        n = self.n_copies
        table = gammaln(n + 1) - gammaln(np.arange(n + 1) + 1) - gammaln(n - np.arange(n + 1) + 1)
        if not on_gpu(states):
            s = np.clip(states, 0, n).astype(np.float64)
            total = gammaln(s + 1) + gammaln(n - s + 1) - gammaln(n + 1)
            return total.sum(axis=1).astype(states.dtype)
        return -beside(table.astype(states.dtype), states)[states.astype(np.int64)].sum(axis=1)

    def bias_from_mean(self, mean: np.ndarray) -> np.ndarray:
        """Return the log-odds of mean / n."""
        return Bernoulli().bias_from_mean(np.asarray(mean) / self.n_copies)


@dataclass(frozen=True)
class Categorical(SharedParts):
    """Units with one of q values, as groups of q neighbouring columns of which one is 1 (one-hot, "Potts").

    Parameters
    ----------
    n_values : int
        q, at least 2.
    """

    n_values: int
    name = "categorical"
    domain = (0.0, 1.0)

    def __post_init__(self) -> None:
        """Check the number of values."""
        if not isinstance(self.n_values, int) or self.n_values < 2:
            raise ValueError(
                f"n_values must be a whole number of at least 2, the same for all units, got {self.n_values!r}"
            )

    @property
    def levels(self) -> np.ndarray:  # type: ignore[override]
        """The rows of the identity."""
        return np.eye(self.n_values)

    def mean(self, inputs: Any) -> Any:
        """Return the softmax over every group."""
        return categorical.means(inputs, self.n_values)

    def sample(self, inputs: Any, draw: Draw) -> Any:
        """Draw one 1 in every group, by its softmax."""
        return categorical.states(inputs, self.n_values, draw)

    def cumulant(self, inputs: Any) -> Any:
        """sum over groups of log sum_l e^{x_l}."""
        return categorical.cumulants(inputs, self.n_values)

    def bias_from_mean(self, mean: np.ndarray) -> np.ndarray:
        """Return the log-probabilities, held within [0.001, 1], less their mean in each group."""
        x = np.log(np.clip(mean, 0.001, 1.0)).reshape(-1, self.n_values)
        return (x - x.mean(axis=1, keepdims=True)).ravel()


NAMED: dict[str, type] = {unit.name: unit for unit in (Bernoulli, Spin, Gaussian, ReLU, NoisyReLU)}


def as_unit(unit: str | Unit, parameter: str) -> Unit:
    """Return the unit type of a name, or the object given.

    Parameters
    ----------
    unit : {"bernoulli", "spin", "gaussian", "relu", "noisy_relu"} or Unit
        Counts and categories need a number: give ``Binomial(n)`` or ``Categorical(q)``, as objects or as text.
    parameter : str
        Whose value it is, for the error.

    Raises
    ------
    ValueError
        When the name is none of these.
    """
    if not isinstance(unit, str):
        return unit
    if unit in NAMED:
        return NAMED[unit]()
    if written := re.fullmatch(r"(Binomial|Categorical)\((\d+)\)", unit):
        size = int(written[2])
        return Binomial(size) if written[1] == "Binomial" else Categorical(size)
    number = {"binomial": "Binomial(n_copies)", "categorical": "Categorical(n_values)"}
    objects = ", or an object such as Binomial(5), Categorical(3)"
    hint = f"; give an object, {number[unit]}" if unit in number else objects
    raise ValueError(f"{parameter} must be one of {', '.join(map(repr, NAMED))}{hint}; got {unit!r}")
