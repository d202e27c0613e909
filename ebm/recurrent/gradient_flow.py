"""How gradients go back through time: what makes them vanish or explode.

From frame t to t - k a gradient goes by the product of the states' Jacobians,

    dL_t/ds_{t-k} = dL_t/ds_t J_t J_{t-1} ... J_{t-k+1},    J_t = ds_t / ds_{t-1},

whose norm is at most the product of theirs. A simple network has J_t = diag f'(a_t) W^T, so it is at most
(max f' sigma_max(W))^k. An LSTM's cells have a way of their own, dc_t/dc_{t-k} = prod f, which is 1 where forget gates
are open.

Source: Bengio, Simard & Frasconi 1994 (doi:10.1109/72.279181); Pascanu, Mikolov & Bengio 2013 (arXiv:1211.5063), eqs.
5 to 7; for cells Gers, Schmidhuber & Cummins 2000 (doi:10.1162/089976600300015015).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ebm.networks.context import Context
from ebm.networks.packing import Packing
from ebm.recurrent.cell import Cell
from ebm.recurrent.deep_transition import DeepTransitionCell
from ebm.recurrent.gru import GRUCell
from ebm.recurrent.lstm import LSTMCell
from ebm.recurrent.simple import SimpleCell

GATES = {LSTMCell: ("i", "f", "g", "o"), GRUCell: ("r", "z", "n")}
LARGEST_SLOPES = {"tanh": 1.0, "relu": 1.0, "identity": 1.0, "sigmoid": 0.25}
Matrices = Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class GradientFlow:
    """What is left of a gradient k frames before the last one, for k = 0, 1, ..., n_lags.

    Attributes
    ----------
    name : str
        What it is of.
    norms : ndarray of shape (n_lags + 1,)
        Largest singular value of ds_T / ds_{T-k}: the geometric mean over sequences.
    bound : ndarray of shape (n_lags + 1,), or None
        (max f' sigma_max(W))^k, of simple cells.
    forget : ndarray of shape (n_lags + 1,), or None
        Largest element of prod f over the last k frames, of LSTM cells: the geometric mean over sequences.
    """

    name: str
    norms: np.ndarray
    bound: np.ndarray | None = None
    forget: np.ndarray | None = None


def recurrent_singular_values(cell: Cell, parameters: Matrices) -> dict[str, np.ndarray]:
    """Return the singular values of what multiplies the state, the largest first.

    Parameters
    ----------
    cell : Cell
    parameters : dict of str to ndarray
        The cell's.

    Returns
    -------
    dict of str to ndarray of shape (units,)
        By gate, where there are gates: "i", "f", "g", "o" of an LSTM, "r", "z", "n" of a GRU; else "recurrent_weights";
        of a deep transition, also "transition_weights 0", ..., and "shortcut_weights".
    """
    weights, names = parameters["recurrent_weights"], ("recurrent_weights",)
    for kind, gates in GATES.items():
        names = gates if isinstance(cell, kind) else names
    found = dict(zip(names, np.split(weights, len(names), axis=1), strict=True))
    if isinstance(cell, DeepTransitionCell):
        found |= {f"transition_weights {k}": a for k, a in enumerate(parameters.get("transition_weights", ()))}
        found |= {name: parameters[name] for name in ("shortcut_weights",) if name in parameters}
    return {name: np.linalg.svd(a.astype(np.float64), compute_uv=False) for name, a in found.items()}


def state_jacobians(
    cell: Cell, parameters: Matrices, frames: np.ndarray, states: Sequence[np.ndarray] | None = None
) -> np.ndarray:
    """Return J_t = ds_t / ds_{t-1} at every frame of a sequence.

    Parameters
    ----------
    cell : Cell
    parameters : dict of str to ndarray
    frames : ndarray of shape (T, n_in)
    states : sequence of ndarray of shape (size,), optional
        Before the first frame; zeros by default.

    Returns
    -------
    ndarray of shape (T, n, n), float64
        Element [t, i, j] is the derivative of s_t,i by s_{t-1},j. Where a cell has several states, s is all of them,
        side by side: h and c of an LSTM.

    Raises
    ------
    ValueError
        When frames are not (T, n_in).
    """
    sizes, own, x = cell.state_sizes, _double(parameters), _frames(frames)
    packing, context, n = Packing([len(x)]), Context(), sum(sizes)
    first = None if states is None else tuple(np.array(s, np.float64).reshape(1, -1) for s in states)
    with context.packed(packing):
        y, _, cache = cell.forward(own, x, first, context)
    silent, found = np.zeros_like(y), np.empty((len(x), n, n))
    with context.packed(packing.alone):
        for i in range(n):
            given = np.zeros((len(x), n))
            given[:, i] = 1
            d_states = tuple(np.ascontiguousarray(a) for a in np.split(given, np.cumsum(sizes)[:-1], axis=1))
            alone = cell.alone(cache, packing, context)
            back = cell.backward(own, alone, silent, d_states, {}, context, wants_input=False, wants_states=True)
            found[:, i] = np.concatenate(back.d_states or (), axis=1)
    return found


def product_singular_values(jacobians: np.ndarray, n_lags: int | None = None) -> np.ndarray:
    """Return the singular values of ds_T / ds_{T-k} = J_T ... J_{T-k+1}, the largest first.

    Parameters
    ----------
    jacobians : ndarray of shape (T, n, n)
    n_lags : int, optional
        Largest k; T by default.

    Returns
    -------
    ndarray of shape (n_lags + 1, n)
        Ones for k = 0.
    """
    steps = _lags(jacobians, n_lags)
    products = [np.eye(jacobians.shape[1])]
    for k in range(steps):
        products.append(products[-1] @ jacobians[len(jacobians) - 1 - k])
    return np.linalg.svd(np.array(products), compute_uv=False)


def gradient_norms(jacobians: np.ndarray, gradients: np.ndarray, n_lags: int | None = None) -> np.ndarray:
    """Return the norms of dL_t/ds_{t-k}, the gradient of each frame's own loss k frames before it.

    Parameters
    ----------
    jacobians : ndarray of shape (T, n, n)
    gradients : ndarray of shape (T, n)
        dL_t/ds_t.
    n_lags : int, optional
        Largest k; T by default.

    Returns
    -------
    ndarray of shape (n_lags + 1, T)
        NaN where frame t - k would be before the state that came before the first frame.
    """
    steps, back = _lags(jacobians, n_lags), np.array(gradients, np.float64)
    found = np.full((steps + 1, len(jacobians)), np.nan)
    found[0] = np.linalg.norm(back, axis=1)
    for k in range(steps):
        back = np.einsum("ti,tij->tj", back[1:] if k else back, jacobians[: len(jacobians) - k])
        found[k + 1, k:] = np.linalg.norm(back, axis=1)
    return found


def forget_products(cell: Cell, parameters: Matrices, frames: np.ndarray, n_lags: int | None = None) -> np.ndarray:
    """Return dc_T/dc_{T-k} along the cells' own way: the product of the last k frames' forget gates, for each unit.

    Parameters
    ----------
    cell : LSTMCell
        With peepholes, too: what flows back through these is left out.
    parameters : dict of str to ndarray
    frames : ndarray of shape (T, n_in)
    n_lags : int, optional

    Returns
    -------
    ndarray of shape (n_lags + 1, units)

    Raises
    ------
    ValueError
        When the cell has no forget gates.
    """
    if not isinstance(cell, LSTMCell):
        raise ValueError(f"forget gates are of LSTM cells, got {cell!r}")
    x = _frames(frames)
    _, _, cache = cell.forward(_double(parameters), x, None, Context(packing=Packing([len(x)])))
    gates = cache.pre[::-1, cell.units : 2 * cell.units]  # the last frame first
    steps = len(gates) if n_lags is None else min(n_lags, len(gates))
    return np.concatenate([np.ones((1, cell.units)), np.cumprod(gates[:steps], axis=0)])


def gradient_flow(
    cell: Cell, parameters: Matrices, sequences: Sequence[np.ndarray], *, n_lags: int | None = None, name: str = ""
) -> GradientFlow:
    """Return how much of a gradient is left, by how many frames it has gone back from the last one.

    Parameters
    ----------
    cell : Cell
    parameters : dict of str to ndarray
        The cell's.
    sequences : sequence of ndarray of shape (T, n_in)
        The cell's inputs; they may differ in length.
    n_lags : int, optional
        Largest number of frames; by default, and at most, as many as the shortest sequence has.
    name : str

    Raises
    ------
    ValueError
        When there is no sequence.
    """
    if not len(sequences):
        raise ValueError("sequences must be at least one, got none")
    steps = min(len(x) for x in sequences)
    steps = steps if n_lags is None else min(n_lags, steps)
    norms = [product_singular_values(state_jacobians(cell, parameters, x), steps)[:, 0] for x in sequences]
    bound = forget = None
    if type(cell) is SimpleCell:
        largest = recurrent_singular_values(cell, parameters)["recurrent_weights"][0]
        bound = (LARGEST_SLOPES[cell.activation] * largest) ** np.arange(steps + 1)
    if isinstance(cell, LSTMCell):
        forget = _mean([forget_products(cell, parameters, x, steps).max(axis=1) for x in sequences])
    return GradientFlow(name, _mean(norms), bound, forget)


def _mean(rows: list[np.ndarray]) -> np.ndarray:
    """Return the geometric mean; 0 where one is 0."""
    with np.errstate(divide="ignore"):
        found: np.ndarray = np.exp(np.mean(np.log(rows), axis=0))
    return found


def _lags(jacobians: np.ndarray, n_lags: int | None) -> int:
    return len(jacobians) if n_lags is None else min(n_lags, len(jacobians))


def _double(parameters: Matrices) -> dict[str, Any]:
    return {name: np.array(array, np.float64, order="C") for name, array in parameters.items()}


def _frames(frames: Any) -> np.ndarray:
    found = np.array(frames, np.float64, order="C")
    if found.ndim != 2 or not len(found):
        raise ValueError(f"frames must be (T, n_in) with T >= 1, got shape {found.shape}")
    return found
