"""The classification RBM: an RBM whose hidden units also see the class.

E(v, y, h) = -b.v - c.h - d_y - v W h - U_y.h,   p(v, y, h) = e^{-E(v, y, h)} / Z,   y in {0, ..., K-1}

The class given the visible units is exact, with 2^n_hidden states summed in closed form:

    p(y | v) = softmax_y( d_y + sum_j log(1 + e^{c_j + (v W)_j + U_yj}) )

Given h, the class and the visible units are independent: p(v_i | h) has natural input b_i + (W h)_i, and p(y | h) is
softmax(d_y + U_y.h). Only what belongs to the visible units alone (their draws and their sum over states) depends on
their type. With the class summed out this is an RBM whose hidden layer is ``Labelled``: F(v), log Z, Gibbs sampling
and annealed importance sampling are those of ``rbm.py`` and its neighbours.

Source: Larochelle & Bengio 2008 (doi:10.1145/1390156.1390224), the section on the model; Larochelle, Mandel, Pascanu
& Bengio 2012 (JMLR 13:643), the section on the model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.boltzmann.affine import Affine
from ebm.boltzmann.labelled import Labelled, log_sum_exp
from ebm.boltzmann.units import Bernoulli, Unit
from ebm.kernels.classes import draw_classes
from ebm.random import Random, Stream

if TYPE_CHECKING:
    from ebm.random import Draw

FIELDS = ("weights", "label_weights", "visible_bias", "hidden_bias", "label_bias")


@dataclass(frozen=True, eq=False)
class ClassificationRBM:
    """Parameters of a classification RBM, and its mathematics.

    Parameters
    ----------
    weights : array of shape (n_visible, n_hidden), float32 or float64
        W, on the CPU (NumPy) or on the GPU (CuPy).
    label_weights : array of shape (n_classes, n_hidden)
        U.
    visible_bias : array of shape (n_visible,)
        b.
    hidden_bias : array of shape (n_hidden,)
        c.
    label_bias : array of shape (n_classes,)
        d.
    visible : Unit
        Type of the visible units, binary {0, 1} by default.

    Raises
    ------
    ValueError
        When the shapes or dtypes of the parameters do not fit.

    Notes
    -----
    Labels are int64 arrays of shape (n_rows,), numbers of classes. Every other array that a method takes or returns
    has shape (n_rows, n_units), or (n_rows,) for one number a row, in the dtype and on the device of the parameters.
    """

    weights: Any
    label_weights: Any
    visible_bias: Any
    hidden_bias: Any
    label_bias: Any
    visible: Unit = field(default_factory=Bernoulli)

    def __post_init__(self) -> None:
        """Check that the parameters fit."""
        (n, m), k = self.weights.shape, self.label_weights.shape[0]
        needed = {"label_weights": (k, m), "visible_bias": (n,), "hidden_bias": (m,), "label_bias": (k,)}
        for name, shape in needed.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} must have shape {shape}, got {getattr(self, name).shape}")
        dtypes = {np.dtype(getattr(self, name).dtype).name for name in FIELDS}
        if len(dtypes) != 1 or not dtypes <= {"float32", "float64"}:
            raise ValueError(f"parameters must share one dtype, float32 or float64; got {sorted(dtypes)}")

    @property
    def n_visible(self) -> int:
        """Visible units."""
        return self.weights.shape[0]

    @property
    def n_hidden(self) -> int:
        """Hidden units."""
        return self.weights.shape[1]

    @property
    def n_classes(self) -> int:
        """Classes."""
        return self.label_bias.size

    @property
    def dtype(self) -> np.dtype:
        """The parameters' dtype."""
        return np.dtype(self.weights.dtype)

    @cached_property
    def hidden(self) -> Labelled:
        """The hidden layer with its label."""
        return Labelled(self.label_weights, self.label_bias)

    @cached_property
    def hidden_inputs(self) -> Affine:
        """The map v -> c + v W."""
        return Affine(self.weights, self.hidden_bias)

    @cached_property
    def visible_inputs(self) -> Affine:
        """The map h -> b + h W^T."""
        return Affine(self.weights.T, self.visible_bias)

    # ---- energies ----

    def energy(self, v: Any, y: Any, h: Any) -> Any:
        """E(v, y, h), shape (n_rows,)."""
        inputs = self.hidden_inputs(v) + self.label_weights[y]
        return self._visible_energy(v) - self.label_bias[y] - (h * inputs).sum(axis=1)

    def joint_free_energies(self, v: Any) -> Any:
        """F(v, y) = -log sum_h e^{-E(v, y, h)} for every class y, shape (n_rows, n_classes)."""
        return self._visible_energy(v)[:, None] - self.hidden.scores(self.hidden_inputs(v))

    def free_energy(self, v: Any) -> Any:
        """F(v) = -log sum_{y, h} e^{-E(v, y, h)}, shape (n_rows,); p(v) = e^{-F(v)} / Z."""
        return self._visible_energy(v) - self.hidden.cumulant_given(v, self.hidden_inputs)

    def _visible_energy(self, v: Any) -> Any:
        return self.visible.base_energy(v) - v @ self.visible_bias

    def hidden_free_energy(self, h: Any) -> Any:
        """-log sum_{v, y} e^{-E(v, y, h)}, shape (n_rows,)."""
        labels = log_sum_exp(self.hidden.label_inputs(h))[:, 0]
        return -(h @ self.hidden_bias) - self.visible.cumulant_given(h, self.visible_inputs) - labels

    # ---- conditionals ----

    def class_log_probabilities(self, v: Any) -> Any:
        """Log p(y | v) of every class, exact, shape (n_rows, n_classes)."""
        return self.hidden.log_probabilities(self.hidden_inputs(v))

    def class_log_probabilities_given_hidden(self, h: Any) -> Any:
        """Log p(y | h) of every class, shape (n_rows, n_classes)."""
        inputs = self.hidden.label_inputs(h)
        return inputs - log_sum_exp(inputs)

    def hidden_mean(self, v: Any, y: Any = None) -> Any:
        """E[h | v, y], or E[h | v] = sum_y p(y | v) E[h | v, y] without labels."""
        x = self.hidden_inputs(v)
        return self.hidden.mean(x) if y is None else self.hidden.mean_with(x, y)

    def visible_mean(self, h: Any) -> Any:
        """E[v | h]."""
        return self.visible.mean_given(h, self.visible_inputs)

    def reconstruct(self, v: Any) -> Any:
        """E[v | h = E[h | v]], the mean-field reconstruction."""
        return self.visible_mean(self.hidden_mean(v))

    # ---- sampling ----

    def sample_labels(self, v: Any, draw: Draw) -> Any:
        """Draw y from p(y | v); its uniform stands in column ``n_hidden`` of the draw."""
        return self.hidden.sample_labels(self.hidden_inputs(v), draw)

    def sample_labels_given_hidden(self, h: Any, draw: Draw) -> Any:
        """Draw y from p(y | h)."""
        return draw_classes(self.hidden.label_inputs(h), draw, self.n_hidden)

    def sample_hidden(self, v: Any, draw: Draw, y: Any = None) -> Any:
        """Draw h from p(h | v, y), or from p(h | v) without labels."""
        x = self.hidden_inputs(v)
        return self.hidden.sample(x, draw) if y is None else self.hidden.sample_with(x, y, draw)

    def sample_visible(self, h: Any, draw: Draw) -> Any:
        """Draw v from p(v | h)."""
        return self.visible.sample_given(h, self.visible_inputs, draw)

    def astype(self, dtype: Any) -> ClassificationRBM:
        """Return the same model in another precision."""
        parts = {name: getattr(self, name).astype(dtype) for name in FIELDS}
        return ClassificationRBM(**parts, visible=self.visible)


def labelled_sweeps(
    model: ClassificationRBM,
    h: Any,
    n_sweeps: int,
    random: Random,
    *,
    labels: Any = None,
    first_step: int = 0,
    first_chain: int = 0,
) -> Iterator[tuple[Any, Any, Any]]:
    """Yield the states (v, y, h) after each of ``n_sweeps`` sweeps of Gibbs sampling.

    A sweep draws v ~ p(v | h), then (y, h) ~ p(y, h | v) as one block: y with h summed out, and h given both. With
    ``labels`` the class is clamped: h ~ p(h | v, y), and v comes to be distributed as p(v | y).

    Parameters
    ----------
    model : ClassificationRBM
    h : array of shape (n_chains, n_hidden)
        Hidden states to start from.
    n_sweeps : int
        Sweeps to do, at least 0.
    random : Random
        Sweep s draws at step ``first_step + s``, chain r at row ``first_chain + r``.
    labels : array of shape (n_chains,), int64, optional
        A class for every chain to keep.
    first_step, first_chain : int
        Give them to continue a run, or to share its chains over workers: the numbers stay the same.

    Yields
    ------
    v : array of shape (n_chains, n_visible)
    y : array of shape (n_chains,), int64
    h : array of shape (n_chains, n_hidden)
    """
    for step in range(first_step, first_step + n_sweeps):
        v = model.sample_visible(h, random.at(Stream.VISIBLE, step, first_chain))
        draw, x = random.at(Stream.HIDDEN, step, first_chain), model.hidden_inputs(v)
        y = model.hidden.sample_labels(x, draw) if labels is None else labels
        h = model.hidden.sample_with(x, y, draw)
        yield v, y, h
