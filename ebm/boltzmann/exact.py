"""Maximum likelihood by enumeration, for models whose smaller layer has few units.

d log p / dW = <v h>_data - <v h>_model, and alike for the biases, with both expectations exact; the centred form is
dW = <(v - mu)(h - lambda)>_data - <...>_model, db = d<v> - dW lambda, dc = d<h> - mu dW.

Source: Ackley, Hinton & Sejnowski 1985 (doi:10.1207/s15516709cog0901_7), eq. 8; centred: Melchior, Fischer & Wiskott
2016 (JMLR 17:99), eqs. 8 to 13.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ebm.boltzmann import enumeration
from ebm.boltzmann.data import TrainingData
from ebm.boltzmann.learning import check_fit, check_state, hidden_offsets
from ebm.boltzmann.rbm import RBM
from ebm.boltzmann.rule import Epochs, Rule, sound
from ebm.random import Random

NAMES = ("weights", "visible_bias", "hidden_bias")


def exact_gradient(model: RBM, v: np.ndarray, share: np.ndarray) -> dict[str, np.ndarray]:
    """Gradient of the mean log-likelihood sum_r share_r log p(v_r), by enumeration.

    Parameters
    ----------
    model : RBM
        With at most ``enumeration.LIMIT`` states of its smaller layer.
    v : ndarray of shape (n_rows, n_visible)
    share : ndarray of shape (n_rows,)
        Weights that sum to 1.

    Returns
    -------
    dict
        Arrays "weights", "visible_bias" and "hidden_bias", of the parameters' shapes.
    """
    h = model.hidden_mean(v)
    mean_v, mean_h, mean_vh = enumeration.moments(model)
    weighted = share[:, None] * v
    return {
        "weights": weighted.T @ h - mean_vh,
        "visible_bias": weighted.sum(axis=0) - mean_v,
        "hidden_bias": share @ h - mean_h,
    }


def centre(gradient: dict[str, np.ndarray], mu: np.ndarray, offset: np.ndarray) -> dict[str, np.ndarray]:
    """Turn a gradient into the centred one with visible offsets ``mu`` and hidden offsets ``offset``."""
    dv, dh = gradient["visible_bias"], gradient["hidden_bias"]
    weights = gradient["weights"] - np.outer(mu, dh) - np.outer(dv, offset)
    return {"weights": weights, "visible_bias": dv - weights @ offset, "hidden_bias": dh - mu @ weights}


class ExactLearner:
    """Gradient ascent on the exact log-likelihood; parameters as of ``ContrastiveLearner``.

    Raises
    ------
    ValueError
        When both layers are too large to enumerate, or the model does not fit the data.
    """

    def __init__(self, model: RBM, data: TrainingData, rule: Rule, random: Random, *, n_epochs: int) -> None:
        check_fit(model, data)
        enumeration.check_enumerable(model)
        self.epochs = Epochs(data, rule, random, n_epochs)
        self.n_batches = self.epochs.n_batches
        self._data, self._rule = data, rule
        self._parameters = {name: getattr(model, name).copy() for name in NAMES}
        self._velocity = {name: np.zeros_like(part) for name, part in self._parameters.items()}
        kind = data.dtype.type
        self._mu = (data.mean if rule.centered else np.zeros(model.n_visible)).astype(kind)
        self._offset = hidden_offsets(model) if rule.centered else np.zeros(model.n_hidden, kind)

    def begin_epoch(self, epoch: int) -> None:
        """Shuffle the samples and take the rates of an epoch (0 is the first)."""
        self._order = self.epochs.order(epoch)
        self._shares, self._schedule = self.epochs.shares(self._order), self.epochs.schedule(epoch)

    def update(self, first: int, last: int) -> None:
        """Do the updates of mini-batches [first, last) of this epoch."""
        for batch in range(first, last):
            rows = slice(batch * self._rule.batch_size, (batch + 1) * self._rule.batch_size)
            v, share = self._data.rows(self._order[rows]), self._shares[rows]
            model = self.model
            gradient = centre(exact_gradient(model, v, share), self._mu, self._offset)
            self._step(gradient, *self._schedule[batch])
            if self._rule.centered:
                self._mu += self._rule.offset_rate * (share @ v - self._mu)
                self._offset += self._rule.offset_rate * (share @ model.hidden_mean(v) - self._offset)

    def _step(self, gradient: dict[str, np.ndarray], rate: Any, momentum: Any) -> None:
        weights = self._parameters["weights"]
        gradient["weights"] = gradient["weights"] - self._rule.l2 * weights - self._rule.l1 * np.sign(weights)
        for name in NAMES:
            velocity = self._velocity[name]
            velocity[:] = momentum * velocity + rate * gradient[name]
            self._parameters[name] += velocity

    @property
    def model(self) -> RBM:
        """The model as it stands, a copy."""
        return RBM(*(self._parameters[name].copy() for name in NAMES))

    def is_sound(self) -> bool:
        """Tell whether every parameter is a finite number of believable size (see ``sound``)."""
        return all(sound(part) for part in self._parameters.values())

    def state(self) -> dict[str, np.ndarray]:
        """Copy all that exact resumption needs."""
        velocities = {f"{name}_velocity": part.copy() for name, part in self._velocity.items()}
        offsets = {"visible_offset": self._mu.copy(), "hidden_offset": self._offset.copy()}
        return {**{name: part.copy() for name, part in self._parameters.items()}, **velocities, **offsets}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from a ``state`` of a learner of the same shapes.

        Raises
        ------
        ValueError
            When a shape differs, naming it.
        """
        check_state(state, self.state())
        for name in NAMES:
            self._parameters[name][:] = state[name]
            self._velocity[name][:] = state[f"{name}_velocity"]
        self._mu[:], self._offset[:] = state["visible_offset"], state["hidden_offset"]
