"""Stacks of autoencoders: each layer learns to reconstruct the codes of the layer below; then all become one.

    h_0 = x,    h_k = f_k(h_{k-1} W_k + c_k),    h_{k-1}' = f_{k-1}(h_k W_k' + b_k)

Layer k is learnt alone, on h_{k-1} of the samples, by its own loss. Unrolled, the encoder is f_1, ..., f_L and the
decoder the way back, L, ..., 1; fine-tuning goes on from there. A restricted Boltzmann machine is such a layer too,
with W' = W^T and logistic units, so a stack of them can be unrolled as well.

Sources: Bengio, Lamblin, Popovici & Larochelle 2007, "Greedy layer-wise training of deep networks", section 4; Vincent
et al. 2010 (JMLR 11:3371), section 3.5, where layers denoise; Hinton & Salakhutdinov 2006
(doi:10.1126/science.1127647), unrolling.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ebm.autoencoder.layout import dense_layout
from ebm.autoencoder.model import Architecture, AutoencoderModel
from ebm.autoencoder.reconstruction import Reconstruction
from ebm.data import TrainingData
from ebm.networks.stages import Learnt, Stage, StagedLearner

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class LayerWeights:
    """A layer of a stack: h = f(x W + c), and back x' = g(h W' + b).

    Parameters
    ----------
    weights : ndarray of shape (n_in, n_out)
        W.
    hidden_bias : ndarray of shape (n_out,)
        c.
    visible_bias : ndarray of shape (n_in,)
        b.
    back : ndarray of shape (n_out, n_in), optional
        W'; the transpose of W by default.

    Raises
    ------
    ValueError
        When shapes do not fit.
    """

    weights: np.ndarray
    hidden_bias: np.ndarray
    visible_bias: np.ndarray
    back: np.ndarray | None = None

    def __post_init__(self) -> None:
        n_in, n_out = self.weights.shape
        if self.hidden_bias.shape != (n_out,) or self.visible_bias.shape != (n_in,):
            found = f"{self.hidden_bias.shape} and {self.visible_bias.shape}"
            raise ValueError(f"weights {(n_in, n_out)} need biases of shapes ({n_out},) and ({n_in},), got {found}")
        if self.back is not None and self.back.shape != (n_out, n_in):
            raise ValueError(f"weights {(n_in, n_out)} need back of shape {(n_out, n_in)}, got {self.back.shape}")

    @classmethod
    def of(cls, layer: Any) -> LayerWeights:
        """Take the parameters of a one-layer autoencoder, or of a model with weights and two biases, as an RBM.

        Parameters
        ----------
        layer : dict of str to ndarray, or object with ``weights``, ``hidden_bias`` and ``visible_bias``
        """
        if isinstance(layer, Mapping):
            names = ("encoder.0.weights", "encoder.0.bias", "decoder.0.bias")
            weights, hidden, visible = (layer[name] for name in names)
            return cls(weights, hidden, visible, layer.get("decoder.0.weights"))
        return cls(layer.weights, layer.hidden_bias, layer.visible_bias)


def unrolled(layers: Sequence[LayerWeights], *, depth: int | None = None, tied: bool = False) -> dict[str, np.ndarray]:
    """Return the parameters of the deep autoencoder that a stack makes: where fine-tuning starts.

    Parameters
    ----------
    layers : sequence of LayerWeights
        From the data to the code; or the first of ``depth`` layers.
    depth : int, optional
        Layers of the whole encoder.
    tied : bool, default=False
        Whether the decoder's weights are the encoder's, and so not parameters of their own.

    Returns
    -------
    dict of str to ndarray
        "encoder.0.weights", "encoder.0.bias", ..., "decoder.0.weights", ..., copies, as of `dense_layout`.

    Raises
    ------
    ValueError
        When a layer does not take the codes of the one below.
    """
    depth = len(layers) if depth is None else depth
    found: dict[str, np.ndarray] = {}
    for i, layer in enumerate(layers):
        if i and layer.weights.shape[0] != layers[i - 1].weights.shape[1]:
            below = layers[i - 1].weights.shape[1]
            raise ValueError(f"layer {i} takes {layer.weights.shape[0]} features, but the one below gives {below}")
        up, down = f"encoder.{i}.", f"decoder.{depth - 1 - i}."
        found |= {up + "weights": layer.weights, up + "bias": layer.hidden_bias, down + "bias": layer.visible_bias}
        if not tied:
            found[down + "weights"] = layer.weights.T if layer.back is None else layer.back
    return {name: np.array(array, order="C") for name, array in found.items()}


@dataclass(frozen=True)
class Stack:
    """What the layers of a stack are, and how each is learnt.

    Parameters
    ----------
    n_features : int
    sizes : tuple of int
        Units of every layer of the encoder, the code's last.
    activation, code_activation : str
        Of the layers below the code, and of the code.
    loss : {"squared", "bernoulli"}
        Of the first layer, and of the whole. Further layers take "bernoulli" where the codes they reconstruct are
        logistic, else "squared".
    tied : bool
    corruption : object of ebm.networks.corruption, optional
        Noise on the input of each layer while it is learnt alone.
    sparsity : Sparsity, optional
        Penalty on each layer's code while it is learnt alone.

    Raises
    ------
    ValueError
        When ``sparsity`` is to hold for codes that do not lie in (0, 1).
    """

    n_features: int
    sizes: tuple[int, ...]
    activation: str = "sigmoid"
    code_activation: str = "sigmoid"
    loss: str = "squared"
    tied: bool = False
    corruption: Any = None
    sparsity: Any = None

    def __post_init__(self) -> None:
        wrong = {kind for kind in self._kinds() if kind != "sigmoid"}
        if self.sparsity is not None and wrong:
            raise ValueError(
                f"sparse layers need codes in (0, 1): activation and code_activation must be 'sigmoid', got "
                f"{', '.join(map(repr, sorted(wrong)))}"
            )

    def _kinds(self) -> list[str]:
        return [self.activation] * (len(self.sizes) - 1) + [self.code_activation]

    def network(self) -> Architecture:
        """Return the whole, unrolled."""
        *hidden, n_components = self.sizes
        kinds = {"activation": self.activation, "code_activation": self.code_activation}
        return dense_layout(self.n_features, n_components, hidden, **kinds, tied=self.tied)

    def objective(self, k: int) -> Reconstruction:
        """Return what layer ``k`` learns, from 0."""
        n_in, loss, output = self.n_features, self.loss, "identity"
        if k:
            n_in, logistic = self.sizes[k - 1], self.activation == "sigmoid"
            loss, output = ("bernoulli", "identity") if logistic else ("squared", self.activation)
        code = self._kinds()[k]
        layer = dense_layout(n_in, self.sizes[k], code_activation=code, output_activation=output, tied=self.tied)
        return Reconstruction(layer, loss, self.corruption, self.sparsity)

    def codes(self, data: TrainingData, layers: Learnt) -> TrainingData:
        """Return what the given layers, from the first on, make of clean samples: the data of the next layer."""
        if not layers:
            return data
        rows = data.rows(np.arange(data.n_samples))
        for k, parameters in enumerate(layers):
            rows = AutoencoderModel(self.objective(k).architecture, parameters).encode(rows)
        return TrainingData.from_array(rows, data.weights, data.dtype)

    def started(self, first: Arrays, layers: Learnt) -> dict[str, np.ndarray]:
        """Return first parameters of a network, those of its layers that have been learnt alone put in their place."""
        given = [LayerWeights.of(parameters) for parameters in layers]
        learnt = unrolled(given, depth=len(self.sizes), tied=self.tied)
        return {name: learnt.get(name, array) for name, array in first.items()}


class StackLearner(StagedLearner):
    """Layers learnt one after the other, then a network that starts from them.

    Parameters
    ----------
    stack : Stack
    pretraining : sequence of Stage
        Each makes the learner of one layer; none where the network starts at random.
    fine_tuning : Stage
        Makes the learner of the network.
    first : dict of str to ndarray
        The network's first parameters, where no layer has been learnt.
    """

    def __init__(self, stack: Stack, pretraining: Sequence[Stage], fine_tuning: Stage, first: Arrays) -> None:
        self.n_pretrained, self._stack, self._first = len(pretraining), stack, first
        super().__init__([*pretraining, fine_tuning])

    @property
    def pretrains(self) -> bool:
        """Whether a layer is being learnt alone."""
        return self.stage < self.n_pretrained

    @property
    def network(self) -> dict[str, np.ndarray]:
        """The network's parameters as they stand: layers whose turn has not come are still random."""
        if not self.pretrains:
            return self.current.parameters
        return self._stack.started(self._first, [*self.finished, self.current.parameters])
