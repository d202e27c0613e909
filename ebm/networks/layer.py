"""What a layer is: mathematics without state, in pairs of forward and backward.

A layer of type `Layer` is given its parameters and its input, and returns the output with a cache of what its backward
pass needs. Backward writes the gradients of a loss with respect to the parameters, and returns that with respect to the
input:

    y = f(x, w),    dx = (df/dx)^T dy,    dw = (df/dw)^T dy.

Layers do all their work by kernels, which are recorded on the CPU and captured on the GPU (`Context`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from ebm.networks.context import Context
from ebm.random import Random

Shape = tuple[int, ...]  # of one sample: (n,) for rows, (height, width, channels) for images
Parameters = Mapping[str, Any]  # arrays by name


class Layer(Protocol):
    """One layer; a `Sequential` of layers is a layer too."""

    @property
    def statistics(self) -> tuple[str, ...]:
        """Parameters that no gradient moves: running means, which a forward pass in training moves in place."""
        ...

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of one output for inputs of this shape.

        Raises
        ------
        ValueError
            When the layer cannot take such inputs, naming the shape and what would be right.
        """
        ...

    def initial(self, shape: Shape, random: Random, dtype: Any) -> dict[str, np.ndarray]:
        """Return first parameters for inputs of this shape, on the CPU; layers without any return an empty dict."""
        ...

    def forward(self, parameters: Parameters, x: Any, context: Context) -> tuple[Any, Any]:
        """Return the output for a batch x of shape ``(n, *shape)``, C-contiguous, and the cache."""
        ...

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
        """Write d loss / d parameters into ``gradients`` and return d loss / d x (None unless ``wants_input``).

        A gradient is overwritten, or added to where ``context.adds`` says that this pass has written it already.
        """
        ...
