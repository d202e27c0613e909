"""An approximate inverse Hessian for as many experts as features: what makes L-BFGS fast at unmixing.

Let W move to W (I + e)^T and b to (I + e) b, so that the activations move to (I + e) y. If they are nearly independent,
the second derivatives in e of the mean negative log-likelihood couple e_ij with e_ji alone::

    [ a_ij  1   ]     a_ij = mean(alpha_i phi''(y_i)) mean(y_j^2);      for i = j:  mean(alpha_i phi''(y_i) y_i^2) + 1
    [ 1    a_ji ]

so the Hessian is inverted pair by pair; a pair whose least eigenvalue is below 0.01 is shifted until it is not. Biases
have mean(alpha_i phi''(y_i)), exponents the second derivative of their log-normaliser.

Source: Ablin, Cardoso & Gramfort 2018 (doi:10.1109/TSP.2018.2844203), sections II and III ("Picard").
"""

from __future__ import annotations

import numpy as np

from ebm.boltzmann.product_of_experts import ProductOfExperts

LEAST = 0.01  # eigenvalue of a pair
ROWS = 5000  # samples that are looked at: the result is a guide, no derivative


class InverseHessian:
    """Apply the approximate inverse Hessian of the mean negative log-likelihood at a model.

    Parameters
    ----------
    model : ProductOfExperts
        As many experts as features, float64.
    x : ndarray of shape (n_rows, n_features)
        Samples; some of many are taken.
    share : ndarray of shape (n_rows,)
        Their weights.
    """

    def __init__(self, model: ProductOfExperts, x: np.ndarray, share: np.ndarray) -> None:
        rows = np.linspace(0, len(x) - 1, min(len(x), ROWS)).astype(np.int64)
        share = np.asarray(share[rows], np.float64) / share[rows].sum()
        y = model.activations(x[rows].astype(np.float64))
        bend = model.exponents * model.expert.bend(y)
        square = np.square(y)
        self.weights, self.offset, bends = model.weights, model.bias, share @ bend
        self.pairs = np.outer(bends, share @ square)
        np.fill_diagonal(self.pairs, share @ (bend * square))  # plus 1: as if e_ii were coupled with itself
        above = model.exponents - model.expert.least_exponent
        self.bias = np.maximum(bends, LEAST)
        self.exponents = np.maximum(model.expert.log_normaliser_bend(model.exponents) * above**2, LEAST)

    def __call__(self, gradient: np.ndarray) -> np.ndarray:
        """Return the step against which a gradient in weights, bias and log-exponents stands."""
        m = len(self.bias)
        weights, bias, exponents = np.split(gradient, [m * m, m * m + m])
        e = self._solved(weights.reshape(m, m).T @ self.weights + np.outer(bias, self.offset))
        parts = (self.weights @ e.T).ravel(), e @ self.offset + bias / self.bias, exponents / self.exponents
        return np.concatenate(parts)

    def _solved(self, r: np.ndarray) -> np.ndarray:
        a, b = self.pairs, self.pairs.T
        least = 0.5 * (a + b - np.sqrt((a - b) ** 2 + 4))
        shift = np.maximum(LEAST - least, 0)
        a, b = a + shift, b + shift
        solved = (b * r - r.T) / np.where(np.eye(len(r)) > 0, 1, a * b - 1)
        np.fill_diagonal(solved, np.diag(r) / np.maximum(np.diag(self.pairs) + 1, LEAST))
        return solved
