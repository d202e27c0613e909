"""A layer of binary units with a label attached: one layer to its RBM, a class to its user.

Units h in {0, 1}^n and a label y in {0, ..., K-1}, with natural inputs x from the other layer:

    p(h, y) proportional to e^{h . x + d_y + U_y . h},   log sum_{h, y} ... = log sum_y e^{a_y},
    a_y = d_y + sum_j log(1 + e^{x_j + U_yj}),   p(y) = softmax(a)_y,   E[h] = sum_y p(y) sigma(x + U_y)

Given y the units are independent, and y is drawn with the units summed out: so (h, y) together is an exact draw of
the layer, and all that is known of RBMs (Gibbs sampling, annealing, pseudo-likelihood) holds for the layer unchanged.

Source: Larochelle & Bengio 2008 (doi:10.1145/1390156.1390224), the section on the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.boltzmann.units import Bernoulli, SharedParts
from ebm.kernels.bernoulli import bernoulli
from ebm.kernels.classes import class_scores, class_sums, draw_classes

if TYPE_CHECKING:
    from ebm.random import Draw


def log_sum_exp(a: Any) -> Any:
    """Return log sum_k e^{a_rk}, shape (n_rows, 1)."""
    top = a.max(axis=1, keepdims=True)
    return top + np.log(np.exp(a - top).sum(axis=1, keepdims=True))


@dataclass(frozen=True, eq=False)
class Labelled(SharedParts):
    """A unit type (``ebm.boltzmann.units.Unit``): binary units with a label; arrays of inputs are (n_rows, n).

    Parameters
    ----------
    weights : array of shape (n_classes, n)
        U.
    bias : array of shape (n_classes,)
        d.
    """

    weights: Any
    bias: Any
    name = "labelled"
    levels = Bernoulli.levels
    domain = Bernoulli.domain

    def scores(self, inputs: Any) -> Any:
        """a_y, the log-probability of a label up to a constant a row, shape (n_rows, n_classes)."""
        return class_scores(inputs, self._in(inputs, self.weights), self._in(inputs, self.bias))

    def log_probabilities(self, inputs: Any) -> Any:
        """Log p(y), shape (n_rows, n_classes)."""
        scores = self.scores(inputs)
        return scores - log_sum_exp(scores)

    def sample_labels(self, inputs: Any, draw: Draw) -> Any:
        """Draw y with h summed out, int64 (n_rows,); its uniform stands in the column after the units'."""
        return draw_classes(self.scores(inputs), draw, inputs.shape[1])

    def sample_with(self, inputs: Any, labels: Any, draw: Draw) -> Any:
        """Draw h given y."""
        states = inputs + self._in(inputs, self.weights)[labels]
        bernoulli(states, None, draw, states=states)
        return states

    def mean_with(self, inputs: Any, labels: Any) -> Any:
        """E[h] given y."""
        probabilities = inputs + self._in(inputs, self.weights)[labels]
        bernoulli(probabilities, None, None, probabilities=probabilities)
        return probabilities

    def mean(self, inputs: Any) -> Any:
        """E[h], the label summed out."""
        return class_sums(inputs, self._in(inputs, self.weights), np.exp(self.log_probabilities(inputs)))[0]

    def sample(self, inputs: Any, draw: Draw) -> Any:
        """Draw h (its label is drawn first, and forgotten)."""
        return self.sample_with(inputs, self.sample_labels(inputs, draw), draw)

    def cumulant(self, inputs: Any) -> Any:
        """log sum_y e^{a_y}, shape (n_rows,)."""
        return log_sum_exp(self.scores(inputs))[:, 0]

    def base_energy(self, states: Any) -> Any:
        """-log sum_y e^{d_y + U_y . h}, shape (n_rows,): the label, summed out, weighs the states."""
        return -log_sum_exp(self.label_inputs(states))[:, 0]

    def label_inputs(self, h: Any) -> Any:
        """d_y + U_y . h: the log-probability of y given h up to a constant a row, shape (n_rows, n_classes)."""
        return h @ self._in(h, self.weights).T + self._in(h, self.bias)

    def bias_from_mean(self, mean: np.ndarray) -> np.ndarray:
        """Return inputs under which units without a label would have this mean."""
        return Bernoulli().bias_from_mean(mean)

    @staticmethod
    def _in(inputs: Any, parameter: Any) -> Any:
        """Bring a parameter to the precision of the inputs: log Z_0 is asked for in float64."""
        return parameter if parameter.dtype == inputs.dtype else parameter.astype(inputs.dtype)
