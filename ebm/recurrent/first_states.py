"""The states that a stack of cells begins with, made of a vector: one to many.

    u = hidden layers(v),    s^l_k = tanh(u W^l_k + b^l_k)    for state k of layer l

Source: Vinyals, Toshev, Bengio & Erhan 2015 (arXiv:1411.4555), section 3.1, tells an LSTM of an image before its first
word; Xu et al. 2015 (arXiv:1502.03044), section 3.1.2, makes first states h and c by a network of their own, as here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ebm.kernels.dense import add_into
from ebm.networks.context import Context
from ebm.networks.dense import Dense
from ebm.networks.layer import Parameters
from ebm.networks.ranges import count_from
from ebm.networks.sequential import Sequential, part, prefixed
from ebm.random import Random, Stream
from ebm.recurrent.stack import StackStates

HIDDEN = "hidden."  # before the names of the hidden layers' parameters


@dataclass(frozen=True)
class FirstStates:
    """Dense layers from vectors (n, n_in) to states (n, size).

    Parameters are "hidden.0.weights", ... of the hidden layers, and for state k of layer l "l.k.weights", "l.k.bias".

    Parameters
    ----------
    n_in : int
        Width of the vectors.
    sizes : tuple of tuples of int
        Widths of the states of each layer (`CellStack.state_sizes`).
    hidden : tuple of int, default=()
        Widths of hidden layers of rectified units, shared by all states.

    Raises
    ------
    ValueError
        When a width is below 1.
    """

    n_in: int
    sizes: tuple[tuple[int, ...], ...]
    hidden: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Refuse vectors without a width; the layers refuse their own."""
        count_from("n_in", self.n_in)
        self._parts()

    def _parts(self) -> tuple[Sequential, tuple[tuple[Dense, ...], ...]]:
        hidden = Sequential([Dense(width, "relu", init="he") for width in self.hidden])
        return hidden, tuple(tuple(Dense(size, "tanh") for size in sizes) for sizes in self.sizes)

    def initial(self, random: Random, dtype: Any) -> dict[str, np.ndarray]:
        """Return first parameters."""
        hidden, layers = self._parts()
        found = prefixed(hidden.initial((self.n_in,), random.child(Stream.WEIGHTS, 0), dtype), HIDDEN)
        shape, number = hidden.output_shape((self.n_in,)), 0
        for layer, denses in enumerate(layers):
            for state, dense in enumerate(denses):
                number += 1
                own = dense.initial(shape, random.child(Stream.WEIGHTS, number), dtype)
                found |= prefixed(own, f"{layer}.{state}.")
        return found

    def forward(self, parameters: Parameters, vectors: Any, context: Context) -> tuple[StackStates, Any]:
        """Return the states of each layer, in the order of the vectors, and the cache."""
        hidden, layers = self._parts()
        u, kept = hidden.forward(part(parameters, HIDDEN), vectors, context)
        states, caches = [], []
        for layer, denses in enumerate(layers):
            made = [dense.forward(part(parameters, f"{layer}.{k}."), u, context) for k, dense in enumerate(denses)]
            states.append(tuple(state for state, _ in made))
            caches.append([cache for _, cache in made])
        return tuple(states), (kept, caches)

    def backward(
        self, parameters: Parameters, cache: Any, d_states: StackStates, gradients: Parameters, context: Context,
        *, wants_input: bool = False,
    ) -> Any:  # fmt: skip
        """Write gradients, given those of the states, and return that of the vectors where it is wanted."""
        (hidden, layers), (kept, caches) = self._parts(), cache
        total, wanted = None, wants_input or bool(self.hidden)
        for layer, denses in enumerate(layers):
            for k, dense in enumerate(denses):
                own, of_own = part(parameters, f"{layer}.{k}."), part(gradients, f"{layer}.{k}.")
                given = caches[layer][k], d_states[layer][k], of_own, context
                du = dense.backward(own, *given, wants_input=wanted)
                if total is None:
                    total = du
                elif wanted:
                    add_into(du, total)
        if not wanted:
            return None
        names = (part(parameters, HIDDEN), kept, total, part(gradients, HIDDEN))
        return hidden.backward(*names, context, wants_input=wants_input)
