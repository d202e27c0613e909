"""Learning a classification RBM: what the training loop is given, on the CPU or a GPU.

An update takes a mini-batch and, for the generative part, fantasies of the model from Gibbs chains of (v, y, h): those
of the last update ("pcd"), or new ones from the batch ("cd"). The gradient of ``class_gradient`` over both is centred:
visible units and labels are one layer with offsets mu, the hidden units the other with offsets lambda.

Source: Larochelle, Mandel, Pascanu & Bengio 2012 (JMLR 13:643), on training objectives; centred: Melchior, Fischer &
Wiskott 2016 (JMLR 17:99), eqs. 8 to 13.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.boltzmann import enumeration
from ebm.boltzmann.class_gradient import Gradient, Objective, ascent, exact_gradient
from ebm.boltzmann.classification_rbm import FIELDS, ClassificationRBM, labelled_sweeps
from ebm.boltzmann.labelled import log_sum_exp
from ebm.boltzmann.learning import check_state, first_chains, hidden_offsets
from ebm.boltzmann.rule import Epochs, Rule, sound
from ebm.data import TrainingData
from ebm.device import get_device
from ebm.kernels.classes import draw_classes
from ebm.kernels.update import update
from ebm.random import Random, Stream

if TYPE_CHECKING:
    from ebm.device import Device

PARTS = ("weights", "visible", "hidden")  # as learnt: visible units and labels stand in one array


def label_means(labels: np.ndarray, weights: np.ndarray, n_classes: int) -> np.ndarray:
    """Weighted shares of the classes among rows with a label (-1: none), with one row more of each class."""
    known = labels >= 0
    counts = np.bincount(labels[known], weights[known], minlength=n_classes) + 1.0
    return counts / counts.sum()


def initial_classifier(
    data: TrainingData,
    labels: np.ndarray,
    n_hidden: int,
    n_classes: int,
    random: Random,
    *,
    visible_bias: np.ndarray,
    weight_scale: float | None = None,
) -> ClassificationRBM:
    """Small normal weights, zero hidden biases, and log shares of the classes as label biases.

    Parameters
    ----------
    data : TrainingData
    labels : ndarray of shape (n_samples,), int64
        -1 for none.
    n_hidden, n_classes : int
    random : Random
    visible_bias : ndarray of shape (n_visible,)
    weight_scale : float, optional
        Standard deviation of the weights, (n_visible + n_classes)^(-1/2) by default: smaller ones wait long for a
        gradient, which reaches either layer's weights through the other's.
    """
    weight_scale = (data.n_visible + n_classes) ** -0.5 if weight_scale is None else weight_scale
    drawn = weight_scale * random.normal((data.n_visible + n_classes, n_hidden), Stream.WEIGHTS, dtype=np.float64)
    weights, label_weights = np.split(drawn.astype(data.dtype), [data.n_visible])
    label_bias = np.log(label_means(labels, data.weights, n_classes)).astype(data.dtype)
    return ClassificationRBM(weights, label_weights, visible_bias, np.zeros(n_hidden, data.dtype), label_bias)


class ClassLearner:
    """Stochastic gradient ascent on the objective of a classification RBM.

    Parameters
    ----------
    model : ClassificationRBM
        Where learning starts; on the CPU.
    data : TrainingData
    labels : ndarray of shape (n_samples,), int64
        Number of every sample's class, -1 for none.
    rule : Rule
        ``learning`` says where log Z's part of the generative gradient comes from.
    objective : Objective
    random : Random
    n_epochs : int
        Epochs of the whole fit, for the schedules.
    device : {"cpu", "cuda", "auto"} or Device
        Where updates run.

    Raises
    ------
    ValueError
        When model, data and labels do not fit, a row without a label has nothing to teach, or log Z is to be
        enumerated and is too large, or on a GPU.
    RuntimeError
        When "cuda" is asked for and there is no usable GPU.
    """

    def __init__(
        self,
        model: ClassificationRBM,
        data: TrainingData,
        labels: np.ndarray,
        rule: Rule,
        objective: Objective,
        random: Random,
        *,
        n_epochs: int,
        device: str | Device = "cpu",
    ) -> None:
        _check(model, data, labels, objective)
        self._generative = objective.generative > 0
        exact = self._generative and rule.learning == "exact"
        self._device = get_device("cpu" if exact and device == "auto" else device)
        if exact:
            if self._device.name != "cpu":
                raise ValueError(f"learning='exact' runs on the CPU: device must be 'cpu' or 'auto', got {device!r}")
            enumeration.check_enumerable(model)  # type: ignore[arg-type]
        self.epochs = Epochs(data, rule, random, n_epochs)
        self.n_batches, self.sweeps_done = self.epochs.n_batches, 0
        self._data, self._labels, self._rule, self._objective, self._random = data, labels, rule, objective, random
        self._visible_unit, self._n, self._k = model.visible, model.n_visible, model.n_classes
        self._start(model)

    def _start(self, model: ClassificationRBM) -> None:
        data, rule, up = self._data, self._rule, self._device.upload
        visible = np.concatenate([model.visible_bias, model.label_bias])
        weights = np.concatenate([model.weights, model.label_weights])
        with self._device.active():
            self._parameters = {"weights": up(weights), "visible": up(visible), "hidden": up(model.hidden_bias)}
            self._velocity = {name: np.zeros_like(part) for name, part in self._parameters.items()}
            mu, offset = np.zeros_like(visible), np.zeros_like(model.hidden_bias)
            if rule.centered:
                mu = np.concatenate([data.mean, label_means(self._labels, data.weights, self._k)]).astype(data.dtype)
                offset = hidden_offsets(model).astype(data.dtype)  # type: ignore[arg-type]
            self._mu, self._offset = up(mu), up(offset)
            persistent = self._generative and rule.learning == "pcd"
            self._chains = None  # only of "pcd"
            if persistent:
                self._chains = up(first_chains(rule.chains, model.n_hidden, self._random).astype(data.dtype))
            if self._device.name != "cpu":
                self._samples = up(data.rows(np.arange(data.n_samples)))

    def begin_epoch(self, epoch: int) -> None:
        """Shuffle the samples and take the rates of an epoch (0 is the first)."""
        self._order = self.epochs.order(epoch)
        self._shares, self._schedule = self.epochs.shares(self._order), self.epochs.schedule(epoch)

    def update(self, first: int, last: int) -> None:
        """Do the updates of mini-batches [first, last) of this epoch."""
        up = self._device.upload
        with self._device.active():
            for batch in range(first, last):
                rows = slice(batch * self._rule.batch_size, (batch + 1) * self._rule.batch_size)
                which = self._order[rows]
                v = self._data.rows(which) if self._device.name == "cpu" else self._samples[up(which)]
                self._one(v, up(self._labels[which]), up(self._shares[rows]), up(self._schedule[batch]))
        self._device.synchronize()

    def _one(self, v: Any, y: Any, share: Any, rates: Any) -> None:
        model = self._live()
        one_hot = (y[:, None] == self._device.xp.arange(self._k)).astype(v.dtype)
        if self._generative and self._rule.learning == "exact":
            gradient = exact_gradient(model, v, y, share, self._objective)
            x, scores = self._inputs_and_scores(model, v)
        else:
            fantasies = self._fantasies(model, v, y)
            both = v if fantasies is None else self._device.xp.concatenate([v, fantasies])
            x, scores = self._inputs_and_scores(model, both)
            gradient = ascent(model, both, x, self._factors(scores, one_hot, share))
            if self._chains is not None:
                self._move_chains(model, x[v.shape[0] :], scores[v.shape[0] :])
            x, scores = x[: v.shape[0]], scores[: v.shape[0]]
        self._step(gradient, rates)
        if self._rule.centered:
            self._move_offsets(model, v, x, scores, one_hot, share)

    @staticmethod
    def _inputs_and_scores(model: ClassificationRBM, v: Any) -> tuple[Any, Any]:
        x = model.hidden_inputs(v)
        return x, model.hidden.scores(x)

    def _fantasies(self, model: ClassificationRBM, v: Any, y: Any) -> Any:
        """Draw visible states of the model, or None where there is no generative part."""
        if not self._generative:
            return None
        first, sweeps = self.sweeps_done, self._rule.n_gibbs
        if self._chains is not None:
            h = self._chains
        else:
            draw, x = self._random.at(Stream.START, first), model.hidden_inputs(v)
            known = self._device.xp.where(y < 0, model.hidden.sample_labels(x, draw), y)
            h = model.hidden.sample_with(x, known, draw)
        for _, _, last in labelled_sweeps(model, h, sweeps - 1, self._random, first_step=first):
            h = last
        self.sweeps_done += sweeps
        return model.sample_visible(h, self._random.at(Stream.VISIBLE, first + sweeps - 1))

    def _factors(self, scores: Any, one_hot: Any, share: Any) -> Any:
        n, kind = share.shape[0], scores.dtype.type
        p = np.exp(scores - log_sum_exp(scores))
        q = self._objective.factors(p[:n], one_hot, share)
        if scores.shape[0] == n:
            return q
        of_chains = share[:, None] if self._chains is None else kind(1 / self._chains.shape[0])
        return self._device.xp.concatenate([q, -kind(self._objective.generative) * of_chains * p[n:]])

    def _move_chains(self, model: ClassificationRBM, x: Any, scores: Any) -> None:
        """End the last sweep: (y, h) given v."""
        draw = self._random.at(Stream.HIDDEN, self.sweeps_done - 1)
        self._chains = model.hidden.sample_with(x, draw_classes(scores, draw, model.n_hidden), draw)

    def _step(self, gradient: Gradient, rates: Any) -> None:
        stacked = {
            "weights": self._device.xp.concatenate([gradient["weights"], gradient["label_weights"]]),
            "visible_bias": self._device.xp.concatenate([gradient["visible_bias"], gradient["label_bias"]]),
            "hidden_bias": gradient["hidden_bias"],
        }
        centred = self._rule.centered
        for part, found in zip(PARTS, (self._centred(stacked) if centred else stacked).values(), strict=True):
            decay = {"l2": self._rule.l2, "l1": self._rule.l1} if part == "weights" and not centred else {}
            update(self._parameters[part], self._velocity[part], found, rates, **decay)

    def _centred(self, stacked: Gradient) -> Gradient:
        """Centre the gradient, and let the weights decay about the offsets too: else the biases would drift far off."""
        xp, dw, dv, dh = self._device.xp, stacked["weights"], stacked["visible_bias"], stacked["hidden_bias"]
        kind, weights = dw.dtype.type, self._parameters["weights"]
        dw -= xp.stack([self._mu, dv], axis=1) @ xp.stack([dh, self._offset])  # outer products, both in one
        dw -= kind(self._rule.l2) * weights
        if self._rule.l1:
            dw -= kind(self._rule.l1) * np.sign(weights)
        return {"weights": dw, "visible_bias": dv - dw @ self._offset, "hidden_bias": dh - self._mu @ dw}

    def _move_offsets(self, model: ClassificationRBM, v: Any, x: Any, scores: Any, one_hot: Any, share: Any) -> None:
        """Move mu and lambda towards the batch's means; an unknown label counts with its probabilities."""
        rate = v.dtype.type(self._rule.offset_rate)
        known = one_hot.sum(axis=1, keepdims=True)
        labels = one_hot + (1 - known) * np.exp(scores - log_sum_exp(scores))
        h = model.hidden.mean_with(x, labels.argmax(axis=1))
        seen = self._device.xp.concatenate([share @ v, share @ labels])
        self._mu = self._mu + rate * (seen - self._mu)
        self._offset = self._offset + rate * (share @ h - self._offset)

    def _live(self) -> ClassificationRBM:
        """Return the model on the learner's own arrays."""
        weights, visible = self._parameters["weights"], self._parameters["visible"]
        return ClassificationRBM(
            weights=weights[: self._n],
            label_weights=weights[self._n :],
            visible_bias=visible[: self._n],
            hidden_bias=self._parameters["hidden"],
            label_bias=visible[self._n :],
            visible=self._visible_unit,
        )

    @property
    def model(self) -> ClassificationRBM:
        """The model as it stands, a copy on the CPU."""
        state = self.state()
        return ClassificationRBM(**{name: state[name] for name in FIELDS}, visible=self._visible_unit)

    def is_sound(self) -> bool:
        """Tell whether every parameter is a finite number of believable size (see ``sound``)."""
        with self._device.active():
            return all(sound(part) for part in self._parameters.values())

    def _places(self) -> dict[str, Any]:
        """Names of the state's arrays, and where they stand."""
        n = self._n
        places: dict[str, Any] = {}
        for ending, parts in (("", self._parameters), ("_velocity", self._velocity)):
            whole = {"weights": parts["weights"][:n], "label_weights": parts["weights"][n:]}
            whole |= {"visible_bias": parts["visible"][:n], "hidden_bias": parts["hidden"]}
            whole |= {"label_bias": parts["visible"][n:]}
            places |= {name + ending: part for name, part in whole.items()}
        offsets = {"visible_offset": self._mu[:n], "label_offset": self._mu[n:], "hidden_offset": self._offset}
        return {**places, **offsets} | ({} if self._chains is None else {"chains": self._chains})

    def state(self) -> dict[str, np.ndarray]:
        """Copy all that exact resumption needs, to the CPU."""
        state = {name: self._device.download(array) for name, array in self._places().items()}
        return state | {"sweeps_done": np.array([self.sweeps_done], np.int64)}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from a ``state`` of a learner of the same shapes, on whatever device.

        Raises
        ------
        ValueError
            When a shape differs, naming it.
        """
        check_state(state, self.state())
        with self._device.active():
            for name, place in self._places().items():
                self._device.write(place, state[name])
        self.sweeps_done = int(state["sweeps_done"][0])


def _check(model: ClassificationRBM, data: TrainingData, labels: np.ndarray, objective: Objective) -> None:
    if model.n_visible != data.n_visible or model.dtype != data.dtype:
        raise ValueError(
            f"model of {model.n_visible} visible units in {model.dtype} does not fit "
            f"data of {data.n_visible} columns in {data.dtype}"
        )
    if model.visible.name != "bernoulli":
        raise ValueError(f"this learner takes binary visible units, got {model.visible.name}")
    if labels.shape != (data.n_samples,) or labels.dtype != np.int64:
        raise ValueError(f"labels must be int64 of shape ({data.n_samples},), got {labels.dtype}{labels.shape}")
    if labels.min() < -1 or labels.max() >= model.n_classes:
        raise ValueError(
            f"labels must lie in [0, {model.n_classes}), or be -1 for none; got {labels.min()} to {labels.max()}"
        )
    if objective.generative == 0 and labels.min() < 0:
        raise ValueError(
            f"{np.count_nonzero(labels < 0)} samples have no label, and log p(y | v) learns nothing from them: "
            "leave them out, or give the objective a generative part"
        )
