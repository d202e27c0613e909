"""The gradient of the log-likelihood, and its exact value by enumeration.

d log p / dW = <v h>_data - <v h>_model, and alike for the biases; the centred form is
dW = <(v - mu)(h - lambda)>_data - <...>_model, db = d<v> - dW lambda, dc = d<h> - mu dW.
A precision a_i of the visible units (base energy a v^2 / 2) has d log p / da = -(<v^2>_data - <v^2>_model) / 2.

Source: Ackley, Hinton & Sejnowski 1985 (doi:10.1207/s15516709cog0901_7), eq. 8; centred: Melchior, Fischer & Wiskott
2016 (JMLR 17:99), eqs. 8 to 13.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ebm.boltzmann import enumeration
from ebm.boltzmann.rbm import RBM

NAMES = ("weights", "visible_bias", "hidden_bias")
SQUARE = "visible_square"  # <v^2>, where the visible units have a precision


def has_precision(model: RBM) -> bool:
    """Tell whether the visible units are of a type with a precision."""
    return hasattr(model.visible, "mean_square")


def statistics(model: RBM, v: Any, share: Any) -> dict[str, Any]:
    """Return <v h>, <v> and <h> (and <v^2>) over rows of visible states, the hidden units at their means.

    Parameters
    ----------
    model : RBM
    v : array of shape (n_rows, n_visible), on the model's device
    share : array of shape (n_rows,)
        Weights that sum to 1.

    Returns
    -------
    dict
        Arrays by the names of the parameters whose gradients they are, and "visible_square".
    """
    h, weighted = model.hidden_mean(v), share[:, None] * v
    found = {"weights": weighted.T @ h, "visible_bias": weighted.sum(axis=0), "hidden_bias": share @ h}
    return {**found, SQUARE: share @ (v * v)} if has_precision(model) else found


def exact_statistics(model: RBM) -> dict[str, np.ndarray]:
    """Return the same expectations under the model, by enumeration of the layer with fewer states.

    Raises
    ------
    ValueError
        When both layers have too many states, or a precision is asked for and the hidden ones cannot be enumerated.
    """
    mean_v, mean_h, mean_vh = enumeration.moments(model)
    found = {"weights": mean_vh, "visible_bias": mean_v, "hidden_bias": mean_h}
    return {**found, SQUARE: enumeration.visible_square(model)} if has_precision(model) else found


def exact_gradient(model: RBM, v: np.ndarray, share: np.ndarray) -> dict[str, np.ndarray]:
    """Gradient of the mean log-likelihood sum_r share_r log p(v_r), by enumeration.

    Parameters
    ----------
    model : RBM
        With at most ``enumeration.LIMIT`` states of one layer.
    v : ndarray of shape (n_rows, n_visible)
    share : ndarray of shape (n_rows,)
        Weights that sum to 1.

    Returns
    -------
    dict
        Arrays "weights", "visible_bias" and "hidden_bias", of the parameters' shapes; and "visible_precision".
    """
    data, free = statistics(model, v, share), exact_statistics(model)
    gradient = {name: data[name] - free[name] for name in data}
    if SQUARE in gradient:
        gradient["visible_precision"] = -gradient.pop(SQUARE) / 2
    return gradient


def centre(gradient: dict[str, Any], mu: Any, offset: Any) -> dict[str, Any]:
    """Turn a gradient into the centred one with visible offsets ``mu`` and hidden offsets ``offset``."""
    dv, dh = gradient["visible_bias"], gradient["hidden_bias"]
    weights = gradient["weights"] - mu[:, None] * dh - dv[:, None] * offset
    return {"weights": weights, "visible_bias": dv - weights @ offset, "hidden_bias": dh - mu @ weights}
