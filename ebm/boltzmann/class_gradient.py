"""Objectives of a classification RBM, and their gradients.

The objective is a weighted mean over rows, with weights w_d and w_g of its two parts:

    labelled row      w_d log p(y | v) + w_g log p(v, y)
    unlabelled row                       w_g log p(v)

Since log p(v, y) = -F(v, y) - log Z, the gradient of every part is a sum of those of free energies,

    sum_r sum_k q_rk d(-F(v_r, k))

with q_r = [y = k] - p(k | v) for log p(y | v), [y = k] for the data's part of log p(v, y), p(k | v) for that of log
p(v), and -p(k | v) over rows v drawn from the model for -log Z. Hence one pass over data and fantasies, with one
table of factors q, is the gradient of any mixture.

Source: Larochelle & Bengio 2008 (doi:10.1145/1390156.1390224), the sections on discriminative, hybrid and
semi-supervised learning; the drawn class of a fantasy is replaced by its exact mean given v here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ebm.boltzmann import enumeration
from ebm.boltzmann.affine import Affine
from ebm.boltzmann.classification_rbm import FIELDS, ClassificationRBM
from ebm.kernels.classes import class_sums
from ebm.kernels.reduce import column_sums

Gradient = dict[str, Any]  # arrays of the parameters' shapes, by the names of ``FIELDS``


@dataclass(frozen=True)
class Objective:
    """Weights of the parts of what is to grow.

    Parameters
    ----------
    discriminative : float
        w_d, of log p(y | v).
    generative : float
        w_g, of log p(v, y), or of log p(v) where the label is not known.

    Raises
    ------
    ValueError
        When a weight is negative or not finite, or both are 0.
    """

    discriminative: float = 1.0
    generative: float = 0.0

    def __post_init__(self) -> None:
        """Check the weights."""
        for name in ("discriminative", "generative"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ValueError(f"{name} must be a finite number >= 0, got {getattr(self, name)!r}")
        if self.discriminative == self.generative == 0:
            raise ValueError("discriminative and generative are both 0: there is nothing to learn")

    def factors(self, p: Any, one_hot: Any, share: Any) -> Any:
        """Return q of data rows, shape (n_rows, n_classes).

        Parameters
        ----------
        p : array of shape (n_rows, n_classes)
            p(y | v).
        one_hot : array of shape (n_rows, n_classes)
            1 at the row's label; a row of zeros has none.
        share : array of shape (n_rows,)
            Weights of the rows.
        """
        kind = p.dtype.type
        known = one_hot.sum(axis=1, keepdims=True)
        data = kind(self.generative) * (one_hot + (1 - known) * p)
        return share[:, None] * (kind(self.discriminative) * (one_hot - known * p) + data)


def ascent(model: ClassificationRBM, v: Any, x: Any, factors: Any) -> Gradient:
    """Sum q_rk d(-F(v_r, k)) over rows and classes.

    Parameters
    ----------
    model : ClassificationRBM
    v : array of shape (n_rows, n_visible)
    x : array of shape (n_rows, n_hidden)
        ``model.hidden_inputs(v)``.
    factors : array of shape (n_rows, n_classes)
        q.

    Returns
    -------
    dict
        Arrays of the parameters' shapes, by their names.
    """
    rows, classes = class_sums(x, model.label_weights, factors)
    return {
        "weights": Affine(rows, np.zeros_like(model.hidden_bias))(v.T.copy()),
        "label_weights": classes,
        "visible_bias": column_sums(factors.sum(axis=1, keepdims=True) * v),
        "hidden_bias": column_sums(rows),
        "label_bias": column_sums(factors),
    }


def exact_expectation(model: ClassificationRBM) -> Gradient:
    """Return d log Z, the expectation of d(-E) under the model, by enumeration of the smaller layer, in float64.

    Raises
    ------
    ValueError
        When both layers have more than 25 units.
    TypeError
        When the model stands on the GPU.
    """
    log_z = enumeration.log_partition(model)  # type: ignore[arg-type]  # an RBM, its label summed out
    model = model.astype(np.float64)
    total = {name: np.zeros(getattr(model, name).shape) for name in FIELDS}
    over_hidden = model.n_hidden <= model.n_visible
    unit, n = (model.hidden, model.n_hidden) if over_hidden else (model.visible, model.n_visible)
    for states in enumeration.state_blocks(unit, n):
        here = _given_hidden(model, states, log_z) if over_hidden else _given_visible(model, states, log_z)
        for name, part in here.items():
            total[name] += part
    return total


def _given_hidden(model: ClassificationRBM, h: np.ndarray, log_z: float) -> Gradient:
    p = np.exp(-model.hidden_free_energy(h) - log_z)
    v, y = model.visible_mean(h), np.exp(model.class_log_probabilities_given_hidden(h))
    weighted = p[:, None] * h
    return {
        "weights": v.T @ weighted,
        "label_weights": y.T @ weighted,
        "visible_bias": p @ v,
        "hidden_bias": weighted.sum(axis=0),
        "label_bias": p @ y,
    }


def _given_visible(model: ClassificationRBM, v: np.ndarray, log_z: float) -> Gradient:
    p = np.exp(-model.joint_free_energies(v) - log_z)
    return ascent(model, v, model.hidden_inputs(v), p)


def exact_gradient(
    model: ClassificationRBM, v: np.ndarray, labels: np.ndarray, share: np.ndarray, objective: Objective
) -> Gradient:
    """Gradient of sum_r share_r (w_d log p(y_r | v_r) + w_g log p(v_r, y_r)), with log Z by enumeration.

    Parameters
    ----------
    model : ClassificationRBM
        On the CPU; small enough to enumerate, unless ``objective.generative`` is 0.
    v : ndarray of shape (n_rows, n_visible)
    labels : ndarray of shape (n_rows,), int64
        -1 for rows without a label, of which w_g log p(v_r) is taken.
    share : ndarray of shape (n_rows,)
        Weights that sum to 1, in the model's dtype.
    objective : Objective

    Returns
    -------
    dict
        Arrays of the parameters' shapes, by their names.
    """
    x = model.hidden_inputs(v)
    p = np.exp(model.hidden.log_probabilities(x))
    one_hot = (labels[:, None] == np.arange(model.n_classes)).astype(model.dtype)
    gradient = ascent(model, v, x, objective.factors(p, one_hot, share))
    if objective.generative == 0:
        return gradient
    expected = exact_expectation(model)
    return {name: (gradient[name] - objective.generative * expected[name]).astype(model.dtype) for name in FIELDS}
