"""Gradient ascent on the log-likelihood of an RBM of any unit types.

The model's side is a phase (``ebm.boltzmann.phases``): exact, or from chains. Visible units with a precision
a = 1 / sigma^2 learn in the coordinates

    E(v, h) = sum_i (v_i - b_i)^2 / (2 sigma_i^2) - sum_ij v_i W_ij h_j / sigma_i^2 - c.h,   z_i = log sigma_i^2

of the data divided by its standard deviations, where E[v | h] = b + W h stays as it is when z moves; and rates do not
depend on the data's units. Steps of b and W are plain ones in the natural parameters b / sigma^2 and W / sigma^2, in
which the likelihood's curvature does not grow as the noise falls. z has a floor. Where the hidden units are real too, W
stands over sigma instead of sigma^2: it is a gain then, which must stay below 1.

Source: Cho, Ilin & Raiko 2011, "Improved learning of Gaussian-Bernoulli restricted Boltzmann machines"
(doi:10.1007/978-3-642-21735-7_2), section 3, for these coordinates
and log sigma^2; centring as in ``ebm.boltzmann.exact``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ebm.boltzmann.exact import NAMES, SQUARE, centre, has_precision, statistics
from ebm.boltzmann.gauge import zero_sum
from ebm.boltzmann.learning import check_state, check_width
from ebm.boltzmann.phases import Phase
from ebm.boltzmann.rbm import RBM
from ebm.boltzmann.rule import Epochs, Rule, sound
from ebm.data import TrainingData, deviations
from ebm.device import Device, get_device
from ebm.random import Random

LEAST_VARIANCE, MOST_VARIANCE = 1e-3, 10.0  # of a visible unit given the hidden ones, in variances of the data
LOG_VARIANCE, LARGEST_STEP = "log_variance", 0.1  # of z in one update
LARGEST_SHIFT = 1.0  # standard deviations by which one update may move a mean: many hidden units step as one
LARGEST_GAIN = 0.9  # of real units on real ones: at g a bias moves means by 1 / (1 - g^2), without end at 1


class GradientLearner:
    """Learn by gradients of the data's side less the model's side; any unit types, on the CPU or the GPU.

    Parameters
    ----------
    model : RBM
        Where learning starts, on the CPU.
    data : TrainingData
    rule : Rule
    random : Random
    phase : callable
        Makes the model's side (``Phase``), given the model in the coordinates and on the device of learning.
    n_epochs : int
        Epochs of the whole fit, for the schedules.
    device : str or Device
        Where parameters, batches and chains stand.

    Raises
    ------
    ValueError
        When the model does not fit the data.
    """

    def __init__(
        self,
        model: RBM,
        data: TrainingData,
        rule: Rule,
        random: Random,
        phase: Callable[[RBM], Phase],
        *,
        n_epochs: int,
        device: str | Device = "cpu",
    ) -> None:
        check_width(model, data)
        self.epochs = Epochs(data, rule, random, n_epochs)
        self.n_batches = self.epochs.n_batches
        self._data, self._rule, self._place = data, rule, get_device(device)
        self._scale = deviations(data) if has_precision(model) else np.ones(data.n_visible, data.dtype)
        self._visible, self._hidden = model.visible, model.hidden
        self._power = 0.5 if model.hidden.levels is None else 1.0  # of sigma^2, over which W stands
        self._parameters = {name: self._place.upload(part) for name, part in self._inside(model).items()}
        self._velocity = {name: self._place.zeros(part.shape, part.dtype) for name, part in self._parameters.items()}
        kind = data.dtype.type
        mu = data.mean / self._scale if rule.centered else np.zeros(data.n_visible)
        self._mu = self._place.upload(mu.astype(kind))
        self._offset = self._hidden.mean(self._parameters["hidden_bias"][None])[0] * kind(rule.centered)
        self._phase = phase(self._standing())

    # ---- coordinates ----

    def _inside(self, model: RBM) -> dict[str, np.ndarray]:
        """Take a model of the data's units into the coordinates of learning."""
        weights, bias = model.weights * self._scale[:, None], model.visible_bias * self._scale
        found = {"weights": weights, "visible_bias": bias, "hidden_bias": model.hidden_bias}
        if has_precision(model):
            precision = model.visible.parameter(bias[None]) * self._scale**2  # type: ignore[attr-defined]
            found |= {"weights": weights / precision[:, None] ** self._power, "visible_bias": bias / precision}
            found[LOG_VARIANCE] = -np.log(precision)
        return {name: np.ascontiguousarray(part, model.dtype) for name, part in found.items()}

    def _standing(self) -> RBM:
        """Return the model as it stands, of the data divided by its deviations."""
        p = self._parameters
        if LOG_VARIANCE not in p:
            return RBM(p["weights"], p["visible_bias"], p["hidden_bias"], self._visible, self._hidden)
        precision = np.exp(-p[LOG_VARIANCE])
        visible = replace(self._visible, precision=precision)  # type: ignore[type-var]
        weights, bias = p["weights"] * precision[:, None] ** self._power, p["visible_bias"] * precision
        return RBM(weights, bias, p["hidden_bias"], visible, self._hidden)

    @property
    def model(self) -> RBM:
        """The model as it stands, of the data itself, on the CPU; a copy."""
        with self._place.active():
            inside = self._standing()
        w, b, c = (self._place.download(getattr(inside, name)) for name in NAMES)
        visible = self._visible
        if LOG_VARIANCE in self._parameters:
            precision = self._place.download(inside.visible.precision) / self._scale**2  # type: ignore[attr-defined]
            visible = replace(visible, precision=precision)  # type: ignore[type-var]
        return RBM(w / self._scale[:, None], b / self._scale, c, visible, self._hidden)

    # ---- learning ----

    def begin_epoch(self, epoch: int) -> None:
        """Shuffle the samples and take the rates of an epoch (0 is the first)."""
        self._order = self.epochs.order(epoch)
        self._shares, self._schedule = self.epochs.shares(self._order), self.epochs.schedule(epoch)

    def update(self, first: int, last: int) -> None:
        """Do the updates of mini-batches [first, last) of this epoch."""
        with self._place.active():
            for batch in range(first, last):
                rows = slice(batch * self._rule.batch_size, (batch + 1) * self._rule.batch_size)
                v = self._place.upload(self._data.rows(self._order[rows]) / self._scale)
                self._learn_from(v, self._place.upload(self._shares[rows]), *self._schedule[batch])

    def _learn_from(self, v: Any, share: Any, rate: Any, momentum: Any) -> None:
        model = self._standing()
        clamped, free = statistics(model, v, share), self._phase.measure(model, v)
        plain = {name: clamped[name] - free[name] for name in clamped}
        natural = centre(plain, self._mu, self._offset)
        inside = self._of_coordinates(model, plain, natural) if SQUARE in plain else natural
        self._step(inside, rate, momentum)
        if SQUARE in plain:
            self._keep_integrable()
            self._keep_centred(model)
        self._parameters |= zero_sum(self._parameters, self._visible, self._hidden)
        self._phase.learn(natural)
        if self._rule.centered:
            self._mu += self._rule.offset_rate * (clamped["visible_bias"] - self._mu)
            self._offset += self._rule.offset_rate * (clamped["hidden_bias"] - self._offset)

    def _of_coordinates(self, model: RBM, plain: dict[str, Any], natural: dict[str, Any]) -> dict[str, Any]:
        """Return the steps in b, W, c and z that are plain steps of the natural parameters.

        Biases are not centred here but after the step (``_keep_centred``).
        """
        variance = np.minimum(np.exp(self._parameters[LOG_VARIANCE]), 1)
        return {
            "weights": natural["weights"] * variance[:, None] ** self._power,
            "visible_bias": plain["visible_bias"] * variance,
            "hidden_bias": plain["hidden_bias"],
            LOG_VARIANCE: self._variance_gradient(model, plain),
        }

    def _variance_gradient(self, model: RBM, plain: dict[str, Any]) -> Any:
        """d log p / dz at fixed W, E[v | h = lambda] and hidden inputs at mu.

        By the natural parameters a, b and W it is a d<v^2> / 2 - b d<v> - power sum_j W_j (d<v h_j> - mu d<h_j>).
        """
        precision = model.visible.parameter(model.visible_bias[None])  # type: ignore[attr-defined]
        pairs = plain["weights"] - self._mu[:, None] * plain["hidden_bias"]
        moved = model.visible_bias * plain["visible_bias"] + self._power * (model.weights * pairs).sum(axis=1)
        return precision * plain[SQUARE] / 2 - moved

    def _step(self, gradient: dict[str, Any], rate: Any, momentum: Any) -> None:
        weights = self._parameters["weights"]
        decayed = gradient["weights"] - self._rule.l2 * weights - self._rule.l1 * np.sign(weights)
        for name, parameter in self._parameters.items():
            velocity = self._velocity[name]
            velocity *= momentum
            velocity += rate * (decayed if name == "weights" else gradient[name])
            if LOG_VARIANCE in self._parameters:
                self._hold_back(name, velocity)
            parameter += velocity

    def _hold_back(self, name: str, velocity: Any) -> None:
        """Bound a step: of z, and of the weights by how far all hidden units together could move a mean."""
        if name == LOG_VARIANCE:
            np.clip(velocity, -LARGEST_STEP, LARGEST_STEP, out=velocity)
        elif name == "weights":
            deviation = np.exp((self._power - 0.5) * self._parameters[LOG_VARIANCE])
            shift = float((abs(velocity).sum(axis=1) / deviation).max())
            if shift > LARGEST_SHIFT:
                velocity *= velocity.dtype.type(LARGEST_SHIFT / shift)

    def _keep_centred(self, before: RBM) -> None:
        """Move the biases against the weights' change: the inputs at mu and lambda move by the biases' own steps only.

        (What centring is for. Here after the step, since variances and gains change the weights' effect too.)
        """
        after, p = self._standing(), self._parameters
        p["hidden_bias"] -= self._mu @ (after.weights - before.weights)
        p["visible_bias"] -= (_slopes(after) - _slopes(before)) @ self._offset

    def _keep_integrable(self) -> None:
        """Keep variances, and the gains of real units on real ones, where there is a distribution."""
        p = self._parameters
        np.clip(p[LOG_VARIANCE], np.log(LEAST_VARIANCE), np.log(MOST_VARIANCE), out=p[LOG_VARIANCE])
        if self._hidden.levels is None:
            gain = _gain(self._standing())
            if gain > LARGEST_GAIN:
                p["weights"] *= LARGEST_GAIN / gain

    # ---- what the loop asks ----

    def is_sound(self) -> bool:
        """Tell whether every parameter is a finite number of believable size (see ``sound``)."""
        with self._place.active():
            return all(sound(part) for part in self._parameters.values())

    def state(self) -> dict[str, np.ndarray]:
        """Copy all that exact resumption needs; parameters in the coordinates of learning."""
        kept = {**self._parameters, **{f"{name}_velocity": part for name, part in self._velocity.items()}}
        kept |= {"visible_offset": self._mu, "hidden_offset": self._offset}
        state = {name: self._place.download(part) for name, part in kept.items()}
        scale = {"scale": self._scale.copy()} if LOG_VARIANCE in self._parameters else {}
        with self._place.active():
            return {**state, **scale, **self._phase.state()}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from a ``state`` of a learner of the same shapes.

        Raises
        ------
        ValueError
            When a shape differs, naming it.
        """
        check_state(state, self.state())
        for name in self._parameters:
            self._place.write(self._parameters[name], state[name])
            self._place.write(self._velocity[name], state[f"{name}_velocity"])
        self._place.write(self._mu, state["visible_offset"])
        self._place.write(self._offset, state["hidden_offset"])
        if "scale" in state:
            self._scale = state["scale"].copy()
        with self._place.active():
            self._phase.restore(state)


def _slopes(model: RBM) -> Any:
    """W of E[v | h] = b + W h, shape (n_visible, n_hidden)."""
    return model.weights / model.visible.parameter(model.visible_bias[None])[:, None]  # type: ignore[attr-defined]


def _gain(model: RBM) -> float:
    """Largest singular value of a_v^{-1/2} W, with hidden precisions of 1: below 1 the joint energy is bounded."""
    precision = model.visible.parameter(model.visible_bias[None])  # type: ignore[attr-defined]
    scaled = model.weights / np.sqrt(precision)[:, None]
    product = scaled.T @ scaled if scaled.shape[0] >= scaled.shape[1] else scaled @ scaled.T
    return float(np.sqrt(np.linalg.eigvalsh(product)[-1]))
