"""The pseudo-likelihood of a fully visible Boltzmann machine: how well each unit is predicted from all the others.

    log PL(s) = sum_i log p(s_i | s_{-i}) = sum_i log sigma((2 s_i - 1) beta x_i),   x = b + W s

    d log PL / d b_i = beta (s_i - p_i),   d log PL / d W_ij = beta ((s_i - p_i) s_j + (s_j - p_j) s_i)

with p_i = sigma(beta x_i).

It needs no log Z, is concave in the parameters, and its maximum tends to the true parameters as samples grow.

Source: Besag 1975 (doi:10.2307/2987782), section 3; consistency for Boltzmann machines, Hyvarinen 2006
(doi:10.1162/neco.2006.18.10.2283). L-BFGS-B: Byrd, Lu, Nocedal & Zhu 1995 (doi:10.1137/0916069).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from ebm.boltzmann.boltzmann_machine import BoltzmannMachine
from ebm.boltzmann.graph_enumeration import SMALL


def check_fully_visible(model: BoltzmannMachine) -> None:
    """Refuse, with a ValueError, a model with hidden units."""
    if model.n_hidden:
        raise ValueError(f"pseudo-likelihood is for machines without hidden units, this one has {model.n_hidden}")


def log_pseudo_likelihood(model: BoltzmannMachine, v: np.ndarray) -> np.ndarray:
    """Return log PL of every row, shape (n_rows,), float64, in nats.

    Raises
    ------
    ValueError
        When the model has hidden units.
    """
    check_fully_visible(model)
    x = model.beta * model.fields(v).astype(np.float64)
    return (v * x - np.logaddexp(0.0, x)).sum(axis=1)


def gradient(model: BoltzmannMachine, v: np.ndarray, share: np.ndarray) -> dict[str, np.ndarray]:
    """Gradient of sum_r share_r log PL(v_r): arrays "weights" (n_edges,) and "bias" (n_units,), float64.

    Raises
    ------
    ValueError
        When the model has hidden units.
    """
    check_fully_visible(model)
    return _climb(model, v, share)[1]


def _climb(model: BoltzmannMachine, v: np.ndarray, share: np.ndarray) -> tuple[float, dict[str, np.ndarray]]:
    """Return the mean of log PL, with its gradient, in one pass: values between 0 and 1 count as probabilities."""
    x = model.beta * model.fields(v).astype(np.float64)
    value = float(share @ (v * x - np.logaddexp(0.0, x)).sum(axis=1))
    surprise = share[:, None] * (v - expit(x))
    i, j = model.graph.edges.T
    if model.n_units <= SMALL:
        cross = surprise.T @ v
        weights = cross[i, j] + cross[j, i]
    else:
        columns, errors = np.ascontiguousarray(v.T), np.ascontiguousarray(surprise.T)
        weights = np.einsum("er,er->e", errors[i], columns[j]) + np.einsum("er,er->e", errors[j], columns[i])
    return value, {"weights": model.beta * weights, "bias": model.beta * surprise.sum(axis=0)}


def maximize(
    model: BoltzmannMachine, v: np.ndarray, share: np.ndarray, *, l2: float = 0.0, l1: float = 0.0, most: int = 1000
) -> BoltzmannMachine:
    """Climb sum_r share_r log PL(v_r) - l2 / 2 sum W^2 - l1 sum abs(W) by L-BFGS-B, from where the model stands.

    Parameters
    ----------
    model : BoltzmannMachine
        Without hidden units.
    v : ndarray of shape (n_rows, n_units)
    share : ndarray of shape (n_rows,)
        Weights that sum to 1.
    l2, l1 : float
        Penalties of the weights; with l1 weights become exactly zero.
    most : int
        Iterations at most.

    Returns
    -------
    BoltzmannMachine
        In the same precision; SciPy computes in float64.

    Raises
    ------
    ValueError
        When the model has hidden units.
    """
    check_fully_visible(model)
    m, kind = model.graph.n_edges, model.dtype
    double, v = model.astype(np.float64), np.asarray(v, np.float64)
    split = l1 > 0  # W = P - N with P, N >= 0, whose sum has a gradient at 0

    def objective(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        weights = parameters[:m] - parameters[m : 2 * m] if split else parameters[:m]
        here = replace(double, weights=weights, bias=parameters[-model.n_units :])
        value, up = _climb(here, v, share)
        w, value = up["weights"] - l2 * weights, value - 0.5 * l2 * float(weights @ weights)
        if not split:
            return -value, -np.concatenate([w, up["bias"]])
        value -= l1 * float(parameters[: 2 * m].sum())
        return -value, -np.concatenate([w - l1, -w - l1, up["bias"]])

    parts = [np.maximum(double.weights, 0), np.maximum(-double.weights, 0)] if split else [double.weights]
    bounds = [(0, None)] * (2 * m) + [(None, None)] * model.n_units if split else None
    start = np.concatenate([*parts, double.bias])
    options = {"maxiter": most, "ftol": 1e-12, "gtol": 1e-8, "maxfun": 10 * most}
    found = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x
    weights = found[:m] - found[m : 2 * m] if split else found[:m]
    return replace(model, weights=weights.astype(kind), bias=found[-model.n_units :].astype(kind))
