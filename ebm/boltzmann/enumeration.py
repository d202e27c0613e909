"""What an RBM says exactly, by enumeration of the layer of fewer states: up to 2^25, in blocks.

With one layer summed out in closed form (the free energies of ``rbm.py``) the other is enumerated:

    log Z = log sum_v e^{-F(v)} = log sum_h e^{-F(h)}

and expectations follow from p(h) and E[v | h], or from p(v) and E[h | v]. All sums are taken in float64,
relative to the largest term met so far (log-sum-exp), so that deep energies do not overflow.

Source: the definitions (Hinton 2010, "A practical guide to training RBMs", eqs. 1 to 5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import log2
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from ebm.boltzmann.rbm import RBM
    from ebm.boltzmann.units import Unit

LIMIT = 2**25  # states: minutes of work
BLOCK = 2**12  # states that stand in memory at a time


class Moments(NamedTuple):
    """Expectations under the model, float64.

    Parameters
    ----------
    visible : ndarray of shape (n_visible,)
        <v>.
    hidden : ndarray of shape (n_hidden,)
        <h>.
    pairs : ndarray of shape (n_visible, n_hidden)
        <v h^T>.
    """

    visible: np.ndarray
    hidden: np.ndarray
    pairs: np.ndarray


def state_blocks(unit: Unit, n: int) -> Iterator[np.ndarray]:
    """Yield all states of n columns in the order of ``unit.states(n)``, a block of rows (float64) at a time."""
    count, columns = _levels(unit).shape
    low = columns * min(n // columns, int(log2(BLOCK) / log2(count)))
    block = unit.states(low, np.float64)
    for number in range(count ** ((n - low) // columns)):
        high = _levels(unit)[number // count ** np.arange((n - low) // columns) % count].ravel()
        yield np.hstack([block, np.broadcast_to(high, (len(block), high.size))])


def _levels(unit: Unit) -> np.ndarray:
    if unit.levels is None:
        raise ValueError(f"{unit.name} units have real values: their states cannot be enumerated")
    return unit.levels


def n_states(unit: Unit, n: int) -> float:
    """Count the states of n columns; infinite where they are real numbers."""
    if unit.levels is None:
        return np.inf
    count, columns = unit.levels.shape
    return count ** (n // columns)


def fewest_states(model: RBM) -> float:
    """Count the states of the layer that is enumerated."""
    return min(n_states(model.visible, model.n_visible), n_states(model.hidden, model.n_hidden))


def check_enumerable(model: RBM) -> None:
    """Refuse, with a ValueError, a model both of whose layers have more than 2^25 states."""
    layers = f"the smaller of the layers ({model.n_visible} {model.visible.name}, {model.n_hidden} {model.hidden.name})"
    _check_states(fewest_states(model), layers)


def _check_states(count: float, layer: str) -> None:
    if count > LIMIT:
        states = "real-valued states" if count == np.inf else f"2**{log2(count):.4g} states"
        raise ValueError(
            f"{layer} has {states}; at most 2**25 can be enumerated "
            "(annealed importance sampling estimates log Z of larger models)"
        )


def _over_hidden(model: RBM) -> bool:
    return n_states(model.hidden, model.n_hidden) <= n_states(model.visible, model.n_visible)


def _in_double(model: RBM) -> RBM:
    if model.hidden_inputs.on_gpu:
        raise TypeError(
            f"enumeration runs on the CPU and the model's arrays are {type(model.weights).__name__}: download it"
        )
    return model if model.dtype == np.float64 else model.astype(np.float64)


def log_partition(model: RBM) -> float:
    """Return log Z exactly.

    Parameters
    ----------
    model : RBM
        On the CPU, one layer with at most 2^25 states.

    Returns
    -------
    float
        log sum_{v, h} e^{-E(v, h)} (an integral over units of real values), in nats, summed in float64.

    Raises
    ------
    ValueError
        When both layers have more states.
    TypeError
        When the model stands on the GPU.
    """
    check_enumerable(model)
    model = _in_double(model)
    over_hidden = _over_hidden(model)
    unit, n = (model.hidden, model.n_hidden) if over_hidden else (model.visible, model.n_visible)
    free_energy = model.hidden_free_energy if over_hidden else model.free_energy
    return float(np.logaddexp.reduce([_log_sum_exp(-free_energy(states)) for states in state_blocks(unit, n)]))


def _log_sum_exp(x: np.ndarray) -> float:
    peak = x.max()
    return peak + np.log(np.exp(x - peak).sum())


def log_likelihood(model: RBM, v: np.ndarray, log_z: float | None = None) -> np.ndarray:
    """Return log p(v) = -F(v) - log Z of every row.

    Parameters
    ----------
    model : RBM
    v : ndarray of shape (n_rows, n_visible), the model's dtype
    log_z : float, optional
        log Z where it is known; enumerated (:func:`log_partition`, with its errors) where not.

    Returns
    -------
    ndarray of shape (n_rows,), float64
        In nats.
    """
    log_z = log_partition(model) if log_z is None else log_z
    return -model.free_energy(v).astype(np.float64) - log_z


def visible_distribution(model: RBM) -> np.ndarray:
    """Return p(v) of all visible states, in the order of ``model.visible.states(n_visible)``, float64.

    Raises
    ------
    ValueError
        When there are more than 2^25 visible states.
    TypeError
        When the model stands on the GPU.
    """
    _check_states(n_states(model.visible, model.n_visible), "the visible layer")
    model = _in_double(model)
    log_p = np.concatenate([-model.free_energy(v) for v in state_blocks(model.visible, model.n_visible)])
    p = np.exp(log_p - log_p.max())
    return p / p.sum()


def moments(model: RBM) -> Moments:
    """Return <v>, <h> and <v h^T> under the model, exactly, in one pass over the smaller layer.

    Parameters and errors as of :func:`log_partition`.
    """
    check_enumerable(model)
    model = _in_double(model)
    if _over_hidden(model):
        h, v, pairs = _expectations(
            state_blocks(model.hidden, model.n_hidden), model.hidden_free_energy, model.visible_mean
        )
        return Moments(v, h, pairs.T)
    return Moments(*_expectations(state_blocks(model.visible, model.n_visible), model.free_energy, model.hidden_mean))


def visible_square(model: RBM) -> np.ndarray:
    """Return <v^2> of visible units with a precision, exactly; parameters and errors as of :func:`log_partition`."""
    check_enumerable(model)
    model = _in_double(model)

    def mean(h: np.ndarray) -> np.ndarray:
        return model.visible.mean_square(model.visible_inputs(h))  # type: ignore[attr-defined]

    return _expectations(state_blocks(model.hidden, model.n_hidden), model.hidden_free_energy, mean)[1]


def _expectations(blocks: Iterator[np.ndarray], free_energy: Callable, mean: Callable) -> tuple[np.ndarray, ...]:
    """<s>, <t> and <s t^T> over all states s of one layer, with E[t | s] of the other."""
    peak, total = -np.inf, 0.0
    sums: tuple[Any, ...] = (0.0, 0.0, 0.0)
    for s in blocks:
        log_p = -free_energy(s)
        highest = max(peak, log_p.max())
        shrink, p, t = np.exp(peak - highest), np.exp(log_p - highest), mean(s)
        here = (p @ s, p @ t, (p[:, None] * s).T @ t)
        total, sums = (
            shrink * total + p.sum(),
            tuple(shrink * old + new for old, new in zip(sums, here, strict=True)),
        )
        peak = highest
    return tuple(part / total for part in sums)
