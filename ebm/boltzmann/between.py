"""The path from one RBM to another of the same shape: log Z of the one from the other's.

    p_beta(v, h) proportional to exp(-(1 - beta) E_A(v, h) - beta E_B(v, h))

is an RBM too, with parameters (1 - beta) theta_A + beta theta_B, since the energy is linear in them: the hidden layer
is summed out exactly, and Gibbs sampling moves the chains. Units must be of the same types, for what they add to the
energy themselves is in both; but precisions are parameters too, a_beta = (1 - beta) a_A + beta a_B, and may differ.
With A of independent units this is the path of :mod:`ebm.boltzmann.annealing`.

Source: Neal 2001 (doi:10.1023/A:1008923215028), section 2, eq. 3, for geometric paths; Salakhutdinov & Murray 2008
(doi:10.1145/1390156.1390266), section 4.1, for RBMs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from ebm.boltzmann.rbm import RBM
from ebm.random import Stream

if TYPE_CHECKING:
    from ebm.boltzmann.units import Unit
    from ebm.random import Random


@dataclass(frozen=True, eq=False)
class ModelPath:
    """A path from an RBM to another; satisfies ``ebm.sampling.annealing.Path``.

    Parameters
    ----------
    first : RBM
        A, beta = 0.
    last : RBM
        B, beta = 1, of the same shape, dtype, device and units, but for their precisions.
    states : array of shape (n, n_visible)
        Visible states, samples of A, from which chains start. Exact samples make estimates unbiased; those of long
        Gibbs chains, approximately so.
    log_base : float
        log Z of A; with 0, the path's estimates are of log Z_B - log Z_A.

    Raises
    ------
    ValueError
        When models or states do not fit each other.
    """

    first: RBM
    last: RBM
    states: Any = field(repr=False)
    log_base: float = 0.0

    def __post_init__(self) -> None:
        """Check that models and states fit each other."""
        one, other = self.first, self.last
        if one.weights.shape != other.weights.shape or one.dtype != other.dtype:
            raise ValueError(
                f"both models must have one shape and dtype, got {one.weights.shape} in {one.dtype} and "
                f"{other.weights.shape} in {other.dtype}"
            )
        if not (_alike(one.visible, other.visible) and _alike(one.hidden, other.hidden)):
            raise ValueError(
                f"both models must have the same units, got {one.visible}, {one.hidden} and "
                f"{other.visible}, {other.hidden}"
            )
        if self.states.ndim != 2 or self.states.shape[1] != one.n_visible or self.states.dtype != one.dtype:
            raise ValueError(
                f"states must be of shape (n, {one.n_visible}) in {one.dtype}, got {self.states.shape} "
                f"in {self.states.dtype}"
            )

    @cached_property
    def at(self) -> Callable[[float], RBM]:
        """The RBM at a beta; the last two are kept, with their packed weights."""
        return lru_cache(maxsize=2)(self._at)

    def _at(self, beta: float) -> RBM:
        if beta in (0.0, 1.0):
            return self.last if beta else self.first
        a, b = self.first, self.last
        kind = a.dtype.type
        part, rest = kind(beta), kind(1.0 - beta)
        return RBM(
            rest * a.weights + part * b.weights,
            rest * a.visible_bias + part * b.visible_bias,
            rest * a.hidden_bias + part * b.hidden_bias,
            _between(a.visible, b.visible, a.visible_bias, beta),
            _between(a.hidden, b.hidden, a.hidden_bias, beta),
        )

    def start(self, n_chains: int, random: Random, *, step: int = 0) -> Any:
        """Return the first ``n_chains`` states; nothing is drawn.

        Raises
        ------
        ValueError
            When there are fewer.
        """
        if n_chains > len(self.states):
            raise ValueError(f"n_chains must be at most {len(self.states)}, as many as states; got {n_chains}")
        return self.states[:n_chains]

    def log_ratio(self, v: Any, old: float, new: float) -> Any:
        """Return log(f_new / f_old) of every row of v, shape (n_chains,)."""
        return self._log_ratio(v, self.at(float(new)).hidden_inputs(v), old, new)

    def _log_ratio(self, v: Any, x: Any, old: float, new: float) -> Any:
        before, after = self.at(float(old)), self.at(float(new))
        change = after.hidden.cumulant(x) - before.hidden.cumulant_given(v, before.hidden_inputs)
        change = change + v @ (after.visible_bias - before.visible_bias)
        gap = _precision_gap(before.visible, after.visible, before.visible_bias)
        return change if gap is None else change - (v * v) @ (gap / 2)

    def move(self, v: Any, old: float, new: float, random: Random, step: int) -> tuple[Any, Any]:
        """Return v after a sweep of Gibbs at beta = new, and log(f_new / f_old) of the v before."""
        model = self.at(float(new))
        x = model.hidden_inputs(v)
        log_ratio = self._log_ratio(v, x, old, new)
        h = model.hidden.sample(x, random.at(Stream.ANNEALING_HIDDEN, step))
        return model.sample_visible(h, random.at(Stream.ANNEALING_VISIBLE, step)), log_ratio


def _alike(one: Unit, other: Unit) -> bool:
    """Tell whether units are the same, or differ in their precisions only."""
    return one == other or (type(one) is type(other) and hasattr(one, "precision"))


def _precision_gap(one: Any, other: Any, bias: Any) -> Any:
    """Return the other units' precisions less the one's, of the dtype and device of ``bias``; None where alike."""
    if one == other or one.precision is other.precision:
        return None
    return other.parameter(bias[None]) - one.parameter(bias[None])


def _between(one: Any, other: Any, bias: Any, beta: float) -> Any:
    """Return the units whose precisions are (1 - beta) a_A + beta a_B."""
    if _precision_gap(one, other, bias) is None:
        return one
    kind = bias.dtype.type
    precision = kind(1.0 - beta) * one.parameter(bias[None]) + kind(beta) * other.parameter(bias[None])
    return replace(one, precision=precision)
