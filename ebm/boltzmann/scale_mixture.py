"""Gibbs sampling of a product of Student-t experts, each a mixture of Gaussians of all scales.

::

    (1 + y^2 / 2)^-alpha = (1 / Gamma(alpha)) integral u^(alpha - 1) e^{-u (1 + y^2 / 2)} du

so with a scale u_j for every expert the joint density has easy conditionals::

    u_j | x ~ Gamma(alpha_j, rate 1 + y_j^2 / 2)
    x | u ~ N(-P^-1 W (u b), P^-1),   P = W diag(u) W^T (+ the projection on what no expert sees)

Given the scales all of x is drawn at once, however stiff the energy. A sweep costs a Cholesky factor of P for every
chain. u is drawn by the inverse of its distribution function, one uniform each.

Source: Welling, Hinton & Osindero 2002, "Learning sparse topographic representations with products of Student-t
distributions", section 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import gammaincinv

from ebm.kernels.box_muller import normals
from ebm.random import Stream

if TYPE_CHECKING:
    from ebm.boltzmann.product_of_experts import ProductOfExperts
    from ebm.random import Random


def scale_mixture_sweep(model: ProductOfExperts, x: np.ndarray, random: Random, step: int) -> np.ndarray:
    """Draw u given x, then x given u.

    Parameters
    ----------
    model : ProductOfExperts
        Of Student-t experts.
    x : ndarray of shape (n_chains, n_features)
        States; they are left as they are.
    random : Random
        Chain r draws at row r of the streams, at ``step``.
    step : int

    Returns
    -------
    ndarray of shape (n_chains, n_features)
        In the dtype of x; the algebra is done in float64.

    Raises
    ------
    ValueError
        When the experts are of another type, or do not see all of x.
    """
    if model.expert.name != "student_t":
        raise ValueError(f"only Student-t experts are mixtures of Gaussians here, got {model.expert.name!r}")
    if not model.is_normalisable:
        raise ValueError("the product cannot be normalised, so there is nothing to sample")
    scales = draw_scales(model, x, random, step)
    noise = normals(x.shape[0], x.shape[1], random.at(Stream.EXPERT_STATES, step), x)
    w, b = (np.asarray(part, np.float64) for part in (model.weights, model.bias))
    precision = np.einsum("ij,nj,kj->nik", w, scales, w, optimize=True)
    if model.n_experts < model.n_features:
        precision += np.eye(model.n_features) - w @ np.linalg.pinv(w)
    factor = np.linalg.cholesky(precision)
    shift = np.linalg.solve(factor, -((scales * b) @ w.T)[:, :, None])
    return np.linalg.solve(factor.transpose(0, 2, 1), shift + noise[:, :, None])[:, :, 0].astype(x.dtype)


def draw_scales(model: ProductOfExperts, x: np.ndarray, random: Random, step: int) -> np.ndarray:
    """Draw u given x, shape (n_chains, n_experts), float64."""
    y = model.activations(x).astype(np.float64)
    uniform = random.uniform(y.shape, Stream.EXPERT_SCALES, step, np.float64)
    return gammaincinv(np.asarray(model.exponents, np.float64), uniform) / (1.0 + 0.5 * y * y)
