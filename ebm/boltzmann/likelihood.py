"""How likely data are under an RBM: log Z by enumeration where it can be, by annealing where not.

log p(v) = -F(v) - log Z. The free energy is cheap and exact, so the error of a log-likelihood is that of
log Z: a forward estimate of log Z is a lower bound in expectation and flatters the model, a reverse one is
an upper bound and does not (see ``ebm.sampling.annealing``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.boltzmann import enumeration
from ebm.boltzmann.annealing import RBMPath
from ebm.boltzmann.between import ModelPath
from ebm.device import beside
from ebm.sampling.adaptive import adaptive_temperatures
from ebm.sampling.annealing import (
    LogPartition,
    annealed_importance_sampling,
    exact_value,
    reverse_annealed_importance_sampling,
    told,
)
from ebm.sampling.annealing import temperatures as fixed_temperatures
from ebm.sampling.bridge import LARGEST_GAP, bridge_runs

if TYPE_CHECKING:
    from ebm.boltzmann.rbm import RBM
    from ebm.random import Random

REVERSE = 1 << 30  # first step of reverse runs, far from the forward ones': no random number serves both
PILOT_CHAINS = 100
PILOT_TEMPERATURES = 50, 200  # fewest and most; between them a fifth of those of the run


@dataclass(frozen=True)
class Enclosure:
    """log Z between a forward and a reverse estimate.

    Parameters
    ----------
    lower, upper : LogPartition
        The forward and the reverse estimate (twice the same where it is exact). Each is a bound in
        expectation, the upper one as far as the states it started from were samples of the model.
    trusted : bool
        Whether both are trusted, and differ by at most 1 nat beyond three standard errors of each.
    verdict : str
        The same in a sentence, with figures.
    """

    lower: LogPartition
    upper: LogPartition
    trusted: bool
    verdict: str


def log_partition(
    model: RBM,
    *,
    data_mean: np.ndarray,
    random: Random,
    n_chains: int = 100,
    n_temperatures: int = 1000,
    temperatures: str = "fixed",
    exact_below: float = 2**20,
) -> LogPartition:
    """Return log Z, exactly where the smaller layer has few states, else by annealed importance sampling.

    Parameters
    ----------
    model : RBM
        On the CPU or the GPU.
    data_mean : ndarray of shape (n_visible,)
        Means of the training data; the base model has them.
    random : Random
        The estimate is a function of its seed.
    n_chains, n_temperatures : int
        Of annealed importance sampling. Its cost is that of n_chains times n_temperatures sweeps of Gibbs.
    temperatures : {"fixed", "adaptive"}
        Spaced as by :func:`ebm.sampling.annealing.temperatures`, or by a pilot run
        (:func:`ebm.sampling.adaptive.adaptive_temperatures`) with up to 400 more temperatures.
    exact_below : float
        Enumerate up to this number of states of the smaller layer (a model on the GPU is always annealed); with
        infinity a model that cannot be enumerated is refused.

    Returns
    -------
    LogPartition

    Warns
    -----
    UntrustedEstimateWarning
        When the estimate's own diagnosis says that it must not be believed.

    Raises
    ------
    ValueError
        When ``data_mean`` has another shape, or a number is out of range.
    """
    path = _path(model, data_mean)
    if _enumerable(model, exact_below):
        return exact_value(enumeration.log_partition(model))
    betas = _betas(path, n_temperatures, temperatures, random)
    return told(annealed_importance_sampling(path, n_chains, betas, random))


def reverse_log_partition(
    model: RBM,
    v: Any,
    *,
    data_mean: np.ndarray,
    random: Random,
    n_temperatures: int = 1000,
    temperatures: str = "fixed",
) -> LogPartition:
    """Estimate log Z by chains from samples of the model back to the base: an upper bound in expectation.

    Parameters
    ----------
    v : array of shape (n_chains, n_visible)
        Visible states, sampled from the model, in its dtype and on its device. Exact samples make a bound;
        long Gibbs chains make an approximate one; training data make none.
    model, data_mean, random, n_temperatures, temperatures
        As of :func:`log_partition`, with its warning and errors.
    """
    path = _path(model, data_mean)
    betas = _betas(path, n_temperatures, temperatures, random)
    return told(reverse_annealed_importance_sampling(path, v, betas, random, first_step=REVERSE))


def bridge_log_partition(
    model: RBM,
    v: Any,
    *,
    data_mean: np.ndarray,
    random: Random,
    n_temperatures: int = 1000,
    temperatures: str = "fixed",
    exact_below: float = 2**20,
) -> LogPartition:
    """Estimate log Z by annealing both ways, as many chains in either direction as ``v`` has rows, joined by a bridge.

    Its error is smaller than that of either direction, it is unbiased to first order, and it is trusted only where
    both agree. Parameters, warnings and errors as of :func:`log_partition` and :func:`reverse_log_partition`.
    """
    path = _path(model, data_mean)
    if _enumerable(model, exact_below):
        return exact_value(enumeration.log_partition(model))
    betas = _betas(path, n_temperatures, temperatures, random)
    lower, upper = _both_ways(path, v, betas, random)
    return told(bridge_runs(lower, upper, path.log_base))


def log_partition_between(
    model: RBM, other: RBM, v: Any, *, log_z: LogPartition | float, random: Random, n_temperatures: int = 1000
) -> LogPartition:
    """Estimate log Z of a model from that of another one of the same shape, by annealing from the one to the other.

    Parameters
    ----------
    model : RBM
        The one in question.
    other : RBM
        The one whose log Z is known: the same model some epochs ago, or one that was trained a little differently.
        The nearer they are, the fewer temperatures are needed.
    v : array of shape (n_chains, n_visible)
        Samples of ``other``, from which chains start. The estimate is unbiased as far as they are exact.
    log_z : LogPartition or float
        log Z of ``other``. With 0, the result is log Z of ``model`` minus that of ``other``.
    random : Random
    n_temperatures : int
        Evenly spaced, both ends included.

    Returns
    -------
    LogPartition
        With method "ais_between". Its error holds that of ``log_z``, and it is trusted where both are.

    Warns
    -----
    UntrustedEstimateWarning
        When it is not trusted.

    Raises
    ------
    ValueError
        When the models, or v, do not fit each other, or a number is too small.
    """
    if n_temperatures < 2:
        raise ValueError(f"n_temperatures must be at least 2 (both models), got {n_temperatures}")
    known = log_z if isinstance(log_z, LogPartition) else exact_value(float(log_z))
    path = ModelPath(other, model, v, known.value)
    found = annealed_importance_sampling(path, v.shape[0], np.linspace(0.0, 1.0, n_temperatures), random)
    error = float(np.hypot(found.standard_error, known.standard_error))
    found = replace(found, method="ais_between", standard_error=error, trusted=found.trusted and known.trusted)
    if not known.trusted:
        found = replace(found, verdict=f"{found.verdict}; log Z of the other model is {known.verdict}")
    return told(found)


def enclose_log_partition(
    model: RBM,
    v: Any,
    *,
    data_mean: np.ndarray,
    random: Random,
    n_temperatures: int = 1000,
    temperatures: str = "fixed",
    exact_below: float = 2**20,
) -> Enclosure:
    """Estimate log Z from below and from above, as many chains in either direction as ``v`` has rows.

    Parameters, warnings and errors as of :func:`log_partition` and :func:`reverse_log_partition`; also
    warns when the two bounds lie too far apart.
    """
    path = _path(model, data_mean)
    if _enumerable(model, exact_below):
        exact = exact_value(enumeration.log_partition(model))
        return Enclosure(exact, exact, True, exact.verdict)
    return told(enclosure(*_both_ways(path, v, _betas(path, n_temperatures, temperatures, random), random)))


def enclosure(lower: LogPartition, upper: LogPartition) -> Enclosure:
    """Judge a forward and a reverse estimate together."""
    errors = lower.standard_error + upper.standard_error
    figures = f"log Z between {lower.value:.2f} and {upper.value:.2f}, standard errors together {errors:.2f}"
    agree = abs(upper.value - lower.value) <= LARGEST_GAP + 3.0 * errors  # False for NaN
    if agree and lower.trusted and upper.trusted:
        return Enclosure(lower, upper, True, figures)
    doubts = [f"{one.method} is {one.verdict}" for one in (lower, upper) if not one.trusted]
    reason = "; ".join(doubts) or "the bounds lie too far apart; use more temperatures"
    return Enclosure(lower, upper, False, f"not to be trusted: {figures}; {reason}")


def _path(model: RBM, data_mean: np.ndarray) -> RBMPath:
    mean = np.asarray(data_mean, np.float64)
    if mean.shape != (model.n_visible,) or not np.isfinite(mean).all():
        raise ValueError(f"data_mean must be {model.n_visible} finite numbers, got {mean.shape}: {mean}")
    bias = model.visible.bias_from_mean(mean).astype(model.dtype)
    return RBMPath(model, beside(bias, model.visible_bias))


def _enumerable(model: RBM, most: float) -> bool:
    return not model.hidden_inputs.on_gpu and enumeration.fewest_states(model) <= most


def _betas(path: RBMPath, n: int, how: str, random: Random) -> np.ndarray:
    if how not in ("fixed", "adaptive"):
        raise ValueError(f"temperatures must be 'fixed' or 'adaptive', got {how!r}")
    fixed = fixed_temperatures(n)
    if how == "fixed":
        return fixed
    try:
        n_pilot = int(np.clip(n // 5, *PILOT_TEMPERATURES))
        return adaptive_temperatures(path, PILOT_CHAINS, random, n=n, n_pilot=n_pilot)
    except FloatingPointError:  # extreme parameters: the run itself will say so, in its verdict
        return fixed


def _both_ways(path: RBMPath, v: Any, betas: np.ndarray, random: Random) -> tuple[LogPartition, LogPartition]:
    lower = annealed_importance_sampling(path, v.shape[0], betas, random)
    return lower, reverse_annealed_importance_sampling(path, v, betas, random, first_step=REVERSE)
