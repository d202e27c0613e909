"""Annealed importance sampling, forwards and in reverse: estimates of a normalising constant.

Along unnormalised distributions f_0, ..., f_K, from a base whose Z_0 is known to the model f_K:

    forwards    v_0 ~ p_0,  w = prod_k f_k(v_{k-1}) / f_{k-1}(v_{k-1}),  v_k ~ T_k(v_{k-1}),  E[w] = Z_K / Z_0
    in reverse  v_K ~ p_K,  u = prod_k f_{k-1}(v_k) / f_k(v_k),  v_{k-1} ~ T_{k-1}(v_k),      E[u] = Z_0 / Z_K

where T_k leaves p_k as it is. The means of w and u are unbiased; their logarithms are not (Jensen):

    E[log Z_0 + log mean w]  <=  log Z_K  <=  E[log Z_0 - log mean u]

So forward runs give a lower bound on log Z *in expectation*, and reverse runs an upper one; by Markov's
inequality each errs by more than a nats on its wrong side with a probability below e^-a. The upper bound
holds for reverse chains that start from *exact* samples of the model; from any other start it is no bound.
A likelihood, -F(v) - log Z, turns the bounds round: forward runs flatter the model, reverse runs do not.

What cannot be seen from the weights: if no forward chain finds a region that holds most of Z, their weights
agree with each other on a wrong value. (On small RBMs trained on digits a uniform base missed log Z by 16
to 27 nats with standard errors below 0.1, where a base of the data's means missed by 0.2.) Reverse chains,
which start where the model is, disagree then: compare both.

Sources: Neal 2001 (doi:10.1023/A:1008923215028), eqs. 3 to 11; Grosse, Ghahramani & Adams 2015
(arXiv:1511.02543), eqs. 3 to 6, for both directions together; Burda, Grosse & Salakhutdinov 2015
(arXiv:1412.8566), section 4.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import numpy as np

from ebm.device import to_host
from ebm.errors import UntrustedEstimateWarning
from ebm.random import Random

LEAST_SHARE = 0.1  # of the chains that must be effective, see ``LogPartition.trusted``
STRETCH = 100  # temperatures that a path passes in one call
FEWEST = 10  # chains; below, their spread says nothing


class Path(Protocol):
    """What annealing asks of a family f_beta, from the base at beta = 0 to the model at beta = 1.

    A path may also have ``anneal(states, betas, random, first_step)``, a faster way for what ``anneal_by_moves`` does,
    and ``log_ratio(states, old, new)``, log(f_new / f_old), for which bridges between temperatures ask.
    """

    @property
    def log_base(self) -> float:
        """Log Z_0."""
        ...

    def start(self, n_chains: int, random: Random, *, step: int = 0) -> Any:
        """Draw states from the base, at ``step`` of its streams; a path whose states are given needs no step."""
        ...

    def move(self, states: Any, old: float, new: float, random: Random, step: int) -> tuple[Any, Any]:
        """Return new states, by a transition that leaves p_new as it is, and log(f_new / f_old) at the old.

        ``step`` says where the random numbers stand.
        """
        ...


@dataclass(frozen=True, eq=False)
class LogPartition:
    """log Z with what is known about its error.

    Parameters
    ----------
    value : float
        In nats.
    standard_error : float
        Of ``value``, by the delta method: the standard error of the mean weight over the mean weight. 0
        when exact.
    effective_sample_size : float
        (sum w)^2 / sum w^2, between 1 and ``n_chains``; infinite when exact.
    n_chains : int
        0 when exact; of both directions together for a bridge of two runs; populations, for "trajectory".
    method : {"exact", "ais", "reverse_ais", "ais_between", "bridge", "trajectory"}
        The last three: annealing from another model (:mod:`ebm.boltzmann.between`), bridge sampling
        (:mod:`ebm.sampling.bridge`), and a population that followed the model while it learnt
        (:mod:`ebm.sampling.population`).
    trusted : bool
        Whether at least a tenth of the chains is effective, both as measured by (sum w)^2 / sum w^2 and as
        the upper spread s of the log weights implies, e^{-s^2}. The second is needed because the first
        flatters: of runs of 100 chains whose log weights are normal with s = 2.5 (a true share of 0.002) a
        quarter measures a tenth or more, and only 4 in 10 of these err by less than 3 standard errors. At s
        = 1.5 (a tenth) it is 96 in 100.
    verdict : str
        The same in a sentence, with figures.
    log_weights : ndarray of shape (n_chains,) or None
        log w, or log u of a reverse run, float64.
    """

    value: float
    standard_error: float
    effective_sample_size: float
    n_chains: int
    method: str
    trusted: bool
    verdict: str
    log_weights: np.ndarray | None = field(default=None, repr=False)


def exact_value(log_z: float) -> LogPartition:
    """Wrap a log Z that was enumerated."""
    return LogPartition(log_z, 0.0, np.inf, 0, "exact", True, "exact, by enumeration")


def told(found: Any, *, stacklevel: int = 3) -> Any:
    """Return an estimate, after a warning where it is not trusted.

    Parameters
    ----------
    found : LogPartition or another estimate with ``trusted`` and ``verdict``
    stacklevel : int
        Where the warning points to; 3 is the line that called our caller.

    Warns
    -----
    UntrustedEstimateWarning
        When the estimate's own diagnosis says that it must not be believed.
    """
    if not found.trusted:
        warnings.warn(f"log Z is {found.verdict}", UntrustedEstimateWarning, stacklevel=stacklevel)
    return found


def temperatures(n: int) -> np.ndarray:
    """Return n inverse temperatures 1 - (1 - t)^2 for t evenly from 0 to 1: denser towards the model.

    There chains mix slowest. On RBMs trained on digits the log weights spread a fifth less than with even
    spacing, those of reverse runs up to two fifths less.

    Raises
    ------
    ValueError
        When n is less than 2.
    """
    if n < 2:
        raise ValueError(f"n_temperatures must be at least 2 (the base and the model), got {n}")
    return 1.0 - np.linspace(1.0, 0.0, n) ** 2


def annealed_importance_sampling(
    path: Path, n_chains: int, betas: np.ndarray, random: Random, *, first_step: int = 0
) -> LogPartition:
    """Estimate log Z with forward chains: a lower bound in expectation.

    Parameters
    ----------
    path : Path
    n_chains : int
        At least 2.
    betas : ndarray
        Rising from 0 to 1, see :func:`temperatures`.
    random : Random
        Moves are drawn at steps ``first_step + 1, ...``; the base at step ``first_step``.
    first_step : int
        Give another for another, independent run; so far apart that no two runs share a step.

    Raises
    ------
    ValueError
        When ``n_chains`` or ``betas`` are not as described.
    """
    if n_chains < 2:
        raise ValueError(f"n_chains must be at least 2, got {n_chains}")
    check_rising(betas)
    states = path.start(n_chains, random, step=first_step)
    _, log_w = pass_along(path, states, betas, random, first_step)
    return estimate(path.log_base, log_w, "ais")


def reverse_annealed_importance_sampling(
    path: Path, states: Any, betas: np.ndarray, random: Random, *, first_step: int = 0
) -> LogPartition:
    """Estimate log Z with chains from the model back to the base: an upper bound in expectation.

    Parameters
    ----------
    path : Path
    states : array of shape (n_chains, n)
        Samples of the model, at least 2. The bound holds only as far as they are exact and independent.
    betas : ndarray
        Rising from 0 to 1; they are passed from the end to the beginning.
    random, first_step
        As of :func:`annealed_importance_sampling`; a ``first_step`` of its own keeps the two runs
        independent.

    Raises
    ------
    ValueError
        When there are fewer than 2 states or ``betas`` are not as described.
    """
    if states.shape[0] < 2:
        raise ValueError(f"states must have at least 2 rows, one a chain; got {states.shape[0]}")
    check_rising(betas)
    _, log_u = pass_along(path, states, betas[::-1], random, first_step)
    return estimate(path.log_base, log_u, "reverse_ais")


def check_rising(betas: np.ndarray) -> None:
    """Refuse, with a ValueError, temperatures that do not rise from 0 to 1."""
    if len(betas) < 2 or betas[0] != 0 or betas[-1] != 1 or not (np.diff(betas) > 0).all():
        raise ValueError(f"betas must rise from 0 to 1, got {betas!r}")


def anneal_by_moves(
    path: Path, states: Any, betas: np.ndarray, random: Random, first_step: int
) -> tuple[Any, np.ndarray]:
    """Move along betas, in either direction; return the last states and the log weights (float64)."""
    total: Any = 0.0
    for k in range(1, len(betas)):
        states, log_ratio = path.move(states, betas[k - 1], betas[k], random, first_step + k)
        total = total + log_ratio.astype(np.float64)
    return states, to_host(total)


def pass_along(
    path: Path, states: Any, betas: np.ndarray, random: Random, first_step: int = 0
) -> tuple[Any, np.ndarray]:
    """Move along betas in stretches, between which Ctrl-C is heard; return the last states and the log weights."""
    along = getattr(path, "anneal", None) or partial(anneal_by_moves, path)
    total: Any = 0.0
    for start in range(0, len(betas) - 1, STRETCH):
        states, log_ratio = along(states, betas[start : start + STRETCH + 1], random, first_step + start)
        total = total + log_ratio
    return states, total


def estimate(log_base: float, log_weights: np.ndarray, method: str, *, of: str = "chains") -> LogPartition:
    """Return log Z from log weights, each ``of`` one independent chain or population of chains."""
    n, peak = len(log_weights), log_weights.max()
    if not np.isfinite(log_weights).all():
        return not_finite(method, n, log_weights)
    w = np.exp(log_weights - peak)
    log_ratio = float(peak + np.log(w.mean()))
    effective = float(w.sum() ** 2 / (w @ w))
    error = float(np.sqrt(max(n / effective - 1.0, 0.0) / (n - 1)))
    trusted, verdict = _judge(log_weights, effective, of, "forward" if method == "reverse_ais" else "reverse")
    value = float(log_base) + (-log_ratio if method == "reverse_ais" else log_ratio)
    return LogPartition(value, error, effective, n, method, trusted, verdict, log_weights)


def not_finite(method: str, n: int, log_weights: np.ndarray | None = None) -> LogPartition:
    """Return what can be said when weights are not finite: nothing."""
    verdict = "not to be trusted: weights are not finite, so the model's parameters are extreme"
    return LogPartition(np.nan, np.nan, 0.0, n, method, False, verdict, log_weights)


def _judge(log_weights: np.ndarray, effective: float, of: str, other: str) -> tuple[bool, str]:
    n = len(log_weights)
    above = np.maximum(log_weights - np.median(log_weights), 0.0)
    implied = float(np.exp(-(above @ above) / max(np.count_nonzero(above), 1)))
    share = min(effective / n, implied)
    figures = f"{effective:.1f} of {n} {of} are effective ({implied:.1%} by the spread of the log weights)"
    if n >= FEWEST and share >= LEAST_SHARE:
        return True, f"consistent: {figures}; regions that all {of} missed would show in a {other} run only"
    cure = f"at least {FEWEST} {of}" if n < FEWEST else "more temperatures (n_temperatures=...)"
    return False, f"not to be trusted: {figures}, and {LEAST_SHARE:.0%} are needed; use {cure}"
