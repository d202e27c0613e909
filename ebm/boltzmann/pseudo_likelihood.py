"""The pseudo-likelihood of an RBM: how well each visible unit is predicted from all the others.

    log PL(v) = sum_i log p(v_i | v_{-i}) = sum_i log sigma(F(v^i) - F(v)),   v^i = v with unit i flipped

It needs no log Z. The sum runs over *all* visible units; one unit drawn at random for every row, times
n_visible, is an unbiased estimate of it at the cost of two free energies. To flip is to take 1 - v_i, also
between 0 and 1.

Source: Besag 1975 (doi:10.2307/2987782), section 3; the stochastic version is also scikit-learn's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.device import beside
from ebm.random import Random, Stream

if TYPE_CHECKING:
    from ebm.boltzmann.rbm import RBM

ROWS = 256  # at a time: their pre-activations stay in the cache while every unit is flipped


def _log_sigmoid(x: np.ndarray) -> np.ndarray:
    return -np.logaddexp(0.0, -x)


def _flips(model: RBM, v: Any) -> Any:
    """Sum log sigma(F(v^i) - F(v)) over i; a flip moves the pre-activations by (1 - 2 v_i) W_i."""
    x = model.hidden_inputs(v)
    before = model.hidden.cumulant(x)
    total: Any = 0.0
    step = 1 - 2 * v
    for i in range(model.n_visible):
        after = model.hidden.cumulant(x + step[:, i, None] * model.weights[i])
        rise = before - after - step[:, i] * model.visible_bias[i]  # F(v^i) - F(v)
        total = total + _log_sigmoid(rise.astype(np.float64))
    return total


def _check_binary(model: RBM) -> None:
    if model.visible.name != "bernoulli":
        raise ValueError(f"the pseudo-likelihood flips binary visible units, and these are {model.visible.name}")


def log_pseudo_likelihood(model: RBM, v: Any) -> Any:
    """Return the log pseudo-likelihood, the sum over all visible units, of every row.

    Parameters
    ----------
    model : RBM
        With binary visible units.
    v : array of shape (n_rows, n_visible), the model's dtype, on its device

    Returns
    -------
    array of shape (n_rows,), float64
        In nats. Costs n_visible times n_hidden softplus functions a row.

    Raises
    ------
    ValueError
        When the visible units are not binary.
    """
    _check_binary(model)
    total = model.free_energy(v).astype(np.float64)
    for top in range(0, v.shape[0], ROWS):
        total[top : top + ROWS] = _flips(model, v[top : top + ROWS])
    return total


def stochastic_log_pseudo_likelihood(model: RBM, v: Any, random: Random, step: int = 0) -> Any:
    """Return n_visible log p(v_i | v_{-i}) with one unit i drawn for each row: unbiased for the sum over all.

    Parameters
    ----------
    model : RBM
        With binary visible units.
    v : array of shape (n_rows, n_visible), the model's dtype, on its device
    random : Random
        Draws the units, from the stream ``PSEUDO_LIKELIHOOD`` at ``step``.
    step : int
        Give another for another draw.

    Returns
    -------
    array of shape (n_rows,), float64
        In nats.
    """
    _check_binary(model)
    n_rows, n_visible = v.shape
    u = random.uniform((n_rows, 1), Stream.PSEUDO_LIKELIHOOD, step, np.float64)[:, 0]
    drawn = np.arange(n_visible) == (u * n_visible).astype(np.int64)[:, None]
    flipped = v + (1 - 2 * v) * beside(drawn.astype(model.dtype), v)
    rise = model.free_energy(flipped) - model.free_energy(v)
    return n_visible * _log_sigmoid(rise.astype(np.float64))
