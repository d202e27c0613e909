"""What a Boltzmann machine on a graph says exactly, by enumeration: up to 2^25 states, in blocks.

Some units may be given (clamped) with rows of values; of the others the largest set of one colour, A, is summed out in
closed form, since given the rest R its units are independent. With x_A = b_A + W_AR s_R + W_AC s_C,

    log sum_{s_R, s_A} e^{-beta E} = log sum_{s_R} e^{-beta E(s_R, s_C)} prod_A (1 + e^{beta x_A})

so only the states of R are enumerated: a restricted machine's smaller layer, all but one unit where every pair is
joined. Sums are taken in float64, relative to the largest term (log-sum-exp), so that deep energies do not overflow.

Source: the definitions (Ackley, Hinton & Sejnowski 1985, doi:10.1207/s15516709cog0901_7, eqs. 1 to 8).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from ebm.boltzmann.boltzmann_machine import BoltzmannMachine
from ebm.boltzmann.enumeration import LIMIT, state_blocks
from ebm.boltzmann.units import Bernoulli

CELLS = 2**22  # numbers in an array at a time
SMALL = 4096  # units up to which means of pairs come from a matrix product


class Moments(NamedTuple):
    """Expectations under the model, float64."""

    mean: np.ndarray  # <s_i>, (n_units,)
    pairs: np.ndarray  # <s_i s_j> of every edge, (n_edges,)


@dataclass(frozen=True)
class _Split:
    """A machine in float64, its units in three parts."""

    model: BoltzmannMachine
    given: np.ndarray  # C
    rest: np.ndarray  # R, enumerated
    summed: np.ndarray  # A, in closed form
    matrix: np.ndarray  # rows of W for R and A, columns in the order R, A, C, dense


def split(model: BoltzmannMachine, given: np.ndarray | None = None) -> _Split:
    """Part the units; ``given`` is a bool mask, none by default.

    Raises
    ------
    ValueError
        When more than 2^25 states would have to be enumerated.
    """
    given = np.zeros(model.n_units, bool) if given is None else given
    colours = np.where(given, -1, model.graph.colours_of(~given))
    largest = np.bincount(colours[~given]).argmax() if not given.all() else 0
    known, rest, summed = map(np.flatnonzero, (given, ~given & (colours != largest), colours == largest))
    if 2**rest.size > LIMIT:
        raise ValueError(
            f"{rest.size} units remain beside those of one colour, so 2**{rest.size} states; at most "
            f"{LIMIT.bit_length() - 1} can be enumerated (annealing estimates log Z of larger models)"
        )
    model = model if model.dtype == np.float64 else model.astype(np.float64)
    free = np.concatenate([rest, summed])
    matrix = model.couplings[free].toarray()[:, np.concatenate([free, known])]
    return _Split(model, known, rest, summed, matrix)


def n_enumerated(model: BoltzmannMachine, given: np.ndarray | None = None) -> int:
    """Units whose states have to be enumerated; parameters as of `split`."""
    free = np.ones(model.n_units, bool) if given is None else ~given
    colours = model.graph.colours_of(free)[free]
    return int(free.sum() - np.bincount(colours, minlength=1).max())


def _blocks(parts: _Split, values: np.ndarray) -> Iterator[tuple[slice, np.ndarray, np.ndarray, np.ndarray]]:
    """Yield (rows, states of R, log f, beta x_A) for blocks of rows of ``values`` and of states.

    log f, (rows, states), is the log of the unnormalised probability with A summed out; beta x_A has a third axis.
    """
    model, beta, n_rest, n_free = parts.model, parts.model.beta, parts.rest.size, len(parts.matrix)
    within, across, down = parts.matrix[:n_rest, :n_rest], parts.matrix[n_rest:, :n_rest], parts.matrix[:, n_free:]
    n_states = min(2**n_rest, 2**12)
    step = max(1, CELLS // (n_states * (parts.summed.size + 1)))
    for top in range(0, len(values), step):
        rows = slice(top, top + step)
        v = values[rows]
        inputs = v @ down.T + model.bias[np.concatenate([parts.rest, parts.summed])]
        own = v @ model.bias[parts.given] + 0.5 * np.einsum("ri,ri->r", v, _given_fields(parts, v))
        for states in state_blocks(Bernoulli(), n_rest):
            quadratic = 0.5 * np.einsum("si,si->s", states, states @ within)
            log_f = beta * (own[:, None] + inputs[:, :n_rest] @ states.T + quadratic)
            x = beta * (inputs[:, None, n_rest:] + states @ across.T)
            yield rows, states, log_f + np.logaddexp(0.0, x).sum(axis=2), x


def _given_fields(parts: _Split, v: np.ndarray) -> np.ndarray:
    couplings = parts.model.couplings[parts.given][:, parts.given]
    return v @ couplings


def log_sums(model: BoltzmannMachine, given: np.ndarray | None = None, values: np.ndarray | None = None) -> np.ndarray:
    """Return log sum e^{-beta E} over all units that are not given, for every row of values.

    Parameters
    ----------
    model : BoltzmannMachine
    given : bool ndarray of shape (n_units,), optional
        Units whose values are given; none by default.
    values : ndarray of shape (n_rows, n_given), optional
        One row of no values by default.

    Returns
    -------
    ndarray of shape (n_rows,), float64

    Raises
    ------
    ValueError
        When more than 2^25 states would have to be enumerated.
    """
    parts = split(model, given)
    values = np.zeros((1, 0)) if values is None else np.asarray(values, np.float64)
    total = np.full(len(values), -np.inf)
    for rows, _, log_f, _ in _blocks(parts, values):
        peak = log_f.max(axis=1)
        here = peak + np.log(np.exp(log_f - peak[:, None]).sum(axis=1))
        total[rows] = np.logaddexp(total[rows], here)
    return total


def log_partition(model: BoltzmannMachine) -> float:
    """Return log Z = log sum_s e^{-beta E(s)} in nats, exactly; errors as of :func:`log_sums`."""
    return float(log_sums(model)[0])


def log_likelihood(model: BoltzmannMachine, v: np.ndarray, log_z: float | None = None) -> np.ndarray:
    """Return log p(v) of every row of visible states, hidden units summed out, float64.

    Parameters
    ----------
    model : BoltzmannMachine
    v : ndarray of shape (n_rows, n_visible)
    log_z : float, optional
        Where it is known; enumerated where not.

    Raises
    ------
    ValueError
        As of :func:`log_sums`.
    """
    log_z = log_partition(model) if log_z is None else log_z
    return log_sums(model, model.visible, v) - log_z


def distribution(model: BoltzmannMachine) -> np.ndarray:
    """Return p(v) of all visible states, in the order of ``Bernoulli().states(n_visible)``, float64.

    Raises
    ------
    ValueError
        When there are more than 25 visible units; and as of :func:`log_sums`.
    """
    if 2**model.n_visible > LIMIT:
        raise ValueError(f"{model.n_visible} visible units have 2**{model.n_visible} states; at most 25 are enumerated")
    blocks = state_blocks(Bernoulli(), model.n_visible)
    log_p = np.concatenate([log_sums(model, model.visible, v) for v in blocks])
    p = np.exp(log_p - log_p.max())
    return p / p.sum()


def expectations(
    model: BoltzmannMachine,
    given: np.ndarray | None = None,
    values: np.ndarray | None = None,
    share: np.ndarray | None = None,
) -> Moments:
    """Return <s_i> and <s_i s_j> given rows of values, averaged over the rows with weights ``share``.

    Parameters and errors as of :func:`log_sums`; ``share`` sums to 1, and is even by default.
    """
    parts = split(model, given)
    values = np.zeros((1, 0)) if values is None else np.asarray(values, np.float64)
    share = np.full(len(values), 1.0 / len(values)) if share is None else share
    log_z = log_sums(model, given, values)
    mean, pairs = np.zeros(model.n_units), np.zeros(model.graph.n_edges)
    for rows, states, log_f, x in _blocks(parts, values):
        p = share[rows, None] * np.exp(log_f - log_z[rows, None])
        s = np.empty((*p.shape, model.n_units))
        s[..., parts.given] = values[rows, None]
        s[..., parts.rest] = states
        s[..., parts.summed] = expit(x)  # given R, and no edge joins two of them
        found = weighted_moments(s.reshape(-1, model.n_units), p.ravel(), model.graph.edges)
        mean, pairs = mean + found.mean, pairs + found.pairs
    return Moments(mean, pairs)


def means_given(model: BoltzmannMachine, given: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return <s_i> of every unit for each row of given values, shape (n_rows, n_units), float64.

    Parameters and errors as of :func:`log_sums`.
    """
    parts = split(model, given)
    values = np.asarray(values, np.float64)
    log_z = log_sums(model, given, values)
    out = np.zeros((len(values), model.n_units))
    out[:, parts.given] = values
    for rows, states, log_f, x in _blocks(parts, values):
        p = np.exp(log_f - log_z[rows, None])
        out[rows, parts.rest] += p @ states
        out[rows, parts.summed] += np.einsum("rs,rsi->ri", p, expit(x))
    return out


def moments(model: BoltzmannMachine) -> Moments:
    """Return <s_i> and, on edges, <s_i s_j> under the model, exactly; errors as of :func:`log_sums`."""
    return expectations(model)


def weighted_moments(states: np.ndarray, share: np.ndarray, edges: np.ndarray) -> Moments:
    """Return sum_r share_r s_i and, on edges, sum_r share_r s_i s_j, of rows of states; float64."""
    n = states.shape[1]
    mean = share @ states
    if n <= SMALL:
        products = (share[:, None] * states).T @ states
        return Moments(mean, products[edges[:, 0], edges[:, 1]].astype(np.float64))
    columns = np.ascontiguousarray(states.T)
    pairs = np.empty(len(edges))
    step = max(1, CELLS // len(states))
    for top in range(0, len(edges), step):
        i, j = edges[top : top + step].T
        pairs[top : top + step] = (columns[i] * columns[j]) @ share
    return Moments(mean, pairs)
