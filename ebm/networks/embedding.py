"""A learned vector for each token: y = E[k]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ebm.kernels.embedding import look_up, table_gradient
from ebm.kernels.jit import on_gpu
from ebm.networks.context import Context
from ebm.networks.layer import Parameters, Shape
from ebm.networks.ranges import count_from
from ebm.random import Random, Stream


def check_tokens(indices: Any, n_tokens: int) -> None:
    """Refuse numbers that are no tokens: to be called on data before they are learnt from.

    (A recorded update goes through data without looking at them, and a GPU would have to be waited for.)

    Parameters
    ----------
    indices : array of integers, on the CPU or the GPU
    n_tokens : int

    Raises
    ------
    ValueError
        When ``indices`` are not int32 or int64, or one is not in [0, n_tokens).
    """
    if indices.dtype not in (np.int32, np.int64):
        raise ValueError(f"tokens are {indices.dtype}; give int32 or int64")
    if indices.size == 0:
        return
    least, greatest = int(indices.min()), int(indices.max())
    if least < 0 or greatest >= n_tokens:
        bad = least if least < 0 else greatest
        raise ValueError(f"tokens must be in [0, {n_tokens}), but {bad} is among them")


@dataclass(frozen=True)
class Embedding:
    """Turn integers (n, ...) into vectors (n, ..., width).

    Parameters
    ----------
    n_tokens : int
        Integers are in [0, n_tokens).
    width : int
        Of the vectors.

    Raises
    ------
    ValueError
        When a parameter is not a positive integer.

    Notes
    -----
    The parameter is ``weights``, (n_tokens, width), at first drawn from N(0, 1). Integers have no gradient, so
    `backward` returns None.
    """

    n_tokens: int
    width: int

    statistics = ()

    def __post_init__(self) -> None:
        count_from("n_tokens", self.n_tokens)
        count_from("width", self.width)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of the input, and the width after it."""
        return (*shape, self.width)

    def initial(self, shape: Shape, random: Random, dtype: Any) -> dict[str, np.ndarray]:
        """Return weights from N(0, 1)."""
        return {"weights": random.normal((self.n_tokens, self.width), Stream.WEIGHTS, dtype=dtype)}

    def forward(self, parameters: Parameters, x: Any, context: Context) -> tuple[Any, Any]:
        """Return the vectors of tokens x, int32 or int64, and x as the cache.

        Raises
        ------
        ValueError
            When x has another dtype, weights another shape or, on the CPU, x holds a number outside the table.
            Neither a GPU's data nor a replay's are looked at: call `check_tokens` on them before.
        """
        if on_gpu(x):
            check_tokens(x[:0], self.n_tokens)
        else:
            check_tokens(x, self.n_tokens)
        y = context.empty((*x.shape, self.width), parameters["weights"].dtype)
        look_up(x.reshape(-1), parameters["weights"], y.reshape(-1, self.width))
        return y, x

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
        """Write the gradient of the vectors; integers have none, so None is returned."""
        links = context.empty((2, cache.size), np.int32)
        gradient = gradients["weights"]
        table_gradient(cache.reshape(-1), dy.reshape(-1, self.width), links, gradient, add=context.adds(gradient))
        return None
