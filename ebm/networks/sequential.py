"""Layers one after the other: y = f_L(... f_2(f_1(x)))."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ebm.networks.context import Context
from ebm.networks.layer import Layer, Parameters, Shape
from ebm.random import Random, Stream


class Sequential:
    """A chain of layers, which is a layer itself.

    Parameters of layer i stand under its number: "0.weights", "0.bias", "1.weights", ...

    Parameters
    ----------
    layers : iterable of Layer
        An empty chain is the identity.

    Raises
    ------
    ValueError
        When something in it is no layer.
    """

    def __init__(self, layers: Iterable[Layer]) -> None:
        self.layers = tuple(layers)
        for i, layer in enumerate(self.layers):
            if isinstance(layer, type) or not hasattr(layer, "output_shape"):
                raise ValueError(f"layer {i} is {layer!r}, which is no layer; give objects of ebm.networks")
        self.statistics = tuple(f"{i}.{name}" for i, layer in enumerate(self.layers) for name in layer.statistics)

    def __repr__(self) -> str:
        return f"Sequential([{', '.join(map(repr, self.layers))}])"

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape that the last layer gives; ValueError names the layer that cannot take its input."""
        for i, layer in enumerate(self.layers):
            try:
                shape = layer.output_shape(shape)
            except ValueError as error:
                raise ValueError(f"layer {i}, {layer!r}: {error}") from None
        return shape

    def initial(self, shape: Shape, random: Random, dtype: Any) -> dict[str, np.ndarray]:
        """Return the first parameters of all layers, by "number.name"."""
        self.output_shape(shape)
        found: dict[str, np.ndarray] = {}
        for i, layer in enumerate(self.layers):
            own = layer.initial(shape, random.child(Stream.WEIGHTS, i), dtype)
            found |= {f"{i}.{name}": array for name, array in own.items()}
            shape = layer.output_shape(shape)
        return found

    def forward(self, parameters: Parameters, x: Any, context: Context) -> tuple[Any, Any]:
        """Return the last layer's output and the caches of all."""
        caches = []
        for i, layer in enumerate(self.layers):
            x, cache = layer.forward(part(parameters, f"{i}."), x, context)
            caches.append(cache)
        return x, caches

    def backward(
        self,
        parameters: Parameters,
        cache: Any,
        dy: Any,
        gradients: Parameters,
        context: Context,
        *,
        wants_input: bool = True,
    ) -> Any:
        """Write all gradients, from the last layer to the first, and return dx where it is wanted."""
        needed = 0 if wants_input else self._first_with(parameters)
        for i in range(len(self.layers) - 1, needed - 1, -1):
            own, of_own = part(parameters, f"{i}."), part(gradients, f"{i}.")
            wanted = wants_input or i > needed
            dy = self.layers[i].backward(own, cache[i], dy, of_own, context, wants_input=wanted)
        return dy if wants_input else None

    def jvp(self, parameters: Parameters, cache: Any, dx: Any, context: Context) -> Any:
        """Return the change of y along a change of x, layer by layer."""
        for i, layer in enumerate(self.layers):
            dx = layer.jvp(part(parameters, f"{i}."), cache[i], dx, context)  # type: ignore[attr-defined]
        return dx

    def _first_with(self, parameters: Parameters) -> int:
        """Return the first layer that has parameters: below it no gradient is of use."""
        numbers = [int(name.partition(".")[0]) for name in parameters]
        return min(numbers, default=len(self.layers))


def part(parameters: Parameters, prefix: str) -> dict[str, Any]:
    """Return the parameters whose names begin with ``prefix``, under the rest of their names."""
    return {name.removeprefix(prefix): array for name, array in parameters.items() if name.startswith(prefix)}


def prefixed(parameters: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return parameters under longer names; the reverse of `part`."""
    return {prefix + name: array for name, array in parameters.items()}
