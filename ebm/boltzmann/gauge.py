"""The zero-sum gauge of categorical units: one set of parameters for every distribution.

Adding the same number to all q parameters of a categorical unit changes no distribution, so they are not determined. In
the zero-sum gauge the biases, and the weights to every other unit, sum to 0 over the values of each unit. What is taken
from weights goes to the other layer's bias, since a categorical unit is always in one of its states:

    W_{ik, j} -> W_{ik, j} - mean_k W_{ik, j},   c_j -> c_j + sum_i mean_k W_{ik, j}

Source: Ekeberg, Lovkvist, Lan, Weigt & Aurell 2013 (doi:10.1103/PhysRevE.87.012707), on gauges of Potts models.
"""

from __future__ import annotations

from typing import Any

from ebm.boltzmann.unit_types import Categorical
from ebm.boltzmann.units import Unit


def zero_sum(parameters: dict[str, Any], visible: Unit, hidden: Unit) -> dict[str, Any]:
    """Return parameters "weights", "visible_bias" and "hidden_bias" in the zero-sum gauge of either layer.

    Parameters
    ----------
    parameters : dict of arrays
    visible, hidden : Unit
        Layers that are not categorical stay as they are.

    Returns
    -------
    dict
        The three arrays; the distribution is the same, the energy differs by a constant.
    """
    w, b, c = (parameters[name] for name in ("weights", "visible_bias", "hidden_bias"))
    if isinstance(visible, Categorical):
        b, w, c = _gauged(b, w, c, visible.n_values)
    if isinstance(hidden, Categorical):
        c, turned, b = _gauged(c, w.T, b, hidden.n_values)
        w = turned.T.copy()
    return {"weights": w, "visible_bias": b, "hidden_bias": c}


def _gauged(bias: Any, weights: Any, other: Any, q: int) -> tuple[Any, Any, Any]:
    """Gauge the layer of the rows of ``weights``; ``other`` is the bias of the layer of its columns."""
    groups = weights.reshape(-1, q, weights.shape[1])
    mean = groups.mean(axis=1, keepdims=True)
    fields = bias.reshape(-1, q)
    centred = (fields - fields.mean(axis=1, keepdims=True)).reshape(-1)
    return centred, (groups - mean).reshape(weights.shape), other + mean.sum(axis=(0, 1))
