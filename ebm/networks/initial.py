"""First weights, drawn so that signals and gradients neither die out nor explode from layer to layer.

    glorot   variance 2 / (fan_in + fan_out)     he   2 / fan_in     lecun   1 / fan_in

Uniform numbers lie within sqrt(3 variance); normal ones are not cut. Orthogonal weights are Q of the QR decomposition
of a normal matrix, with the signs of R's diagonal, which makes Q uniform among orthogonal matrices.

Sources: Glorot & Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks", eq. 16;
He et al. 2015 (arXiv:1502.01852), eq. 10; LeCun et al. 1998, "Efficient backprop", eq. 16; Saxe, McClelland & Ganguli
2014 (arXiv:1312.6120), section 3; Mezzadri 2007 (arXiv:math-ph/0609050), section 5, for the signs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ebm.random import Random, Stream

ALIASES = {"glorot": "glorot_uniform", "he": "he_normal", "lecun": "lecun_normal"}
METHODS = (
    *ALIASES, "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal",
    "orthogonal", "zeros",
)  # fmt: skip


class Unset(Random):
    """In place of random numbers where the shapes of first parameters are all that is wanted: weights take no memory.

    What a file promises can so be compared with what it holds, however much it promises.
    """

    def __init__(self) -> None:
        super().__init__(0)

    def child(self, stream: Stream, number: int = 0) -> Random:
        """Return itself."""
        return self

    def normal(self, shape: tuple[int, int], stream: Stream, step: int = 0, dtype: type = np.float32) -> np.ndarray:
        """Return one zero in every place."""
        return np.broadcast_to(np.zeros((), dtype), shape)


def initial_weights(
    shape: tuple[int, ...],
    fan_in: int,
    fan_out: int,
    random: Random,
    dtype: Any = np.float32,
    method: str = "glorot",
    *,
    number: int = 0,
) -> np.ndarray:
    """Draw the first weights of a layer.

    Parameters
    ----------
    shape : tuple of int
        (in, out), or (height, width, channels in, channels out); the last axis is that of outputs.
    fan_in, fan_out : int
        How many inputs an output sums, and how many outputs an input reaches.
    random : Random
        Numbers come from its stream of weights; with `Unset` all are zero.
    dtype : {float32, float64}
    method : str
        "glorot_uniform" (or "glorot"), "glorot_normal", "he_normal" (or "he"), "he_uniform", "lecun_normal" (or
        "lecun"), "lecun_uniform", "orthogonal" (all axes but the last are one) or "zeros".
    number : int, default=0
        Tells apart arrays that are drawn from one ``random``.

    Returns
    -------
    ndarray of this shape, C-contiguous

    Raises
    ------
    ValueError
        When there is no such method, a size or fan is below 1, or the dtype is another.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {METHODS}, got {method!r}")
    if not shape or min(shape) < 1 or min(fan_in, fan_out) < 1:
        raise ValueError(
            f"shape, fan_in and fan_out must be at least 1, got shape={shape}, fan_in={fan_in}, fan_out={fan_out}"
        )
    if np.dtype(dtype) not in (np.float32, np.float64):
        raise ValueError(f"dtype must be float32 or float64, got {dtype!r}")
    if isinstance(random, Unset):
        return np.broadcast_to(np.zeros((), dtype), shape)
    rows, columns = int(np.prod(shape[:-1])), shape[-1]
    method = ALIASES.get(method, method)
    if method == "zeros":
        return np.zeros(shape, dtype)
    if method == "orthogonal":
        return _orthogonal(rows, columns, random, number).reshape(shape).astype(dtype)
    name, kind = method.split("_")
    variance = {"glorot": 2.0 / (fan_in + fan_out), "he": 2.0 / fan_in, "lecun": 1.0 / fan_in}[name]
    if kind == "normal":
        drawn = np.sqrt(variance) * random.normal((rows, columns), Stream.WEIGHTS, number, np.float64)
    else:
        uniforms = random.uniform((rows, columns), Stream.WEIGHTS, number, np.float64)
        drawn = np.sqrt(3.0 * variance) * (2.0 * uniforms - 1.0)
    return np.ascontiguousarray(drawn.reshape(shape), dtype)


def side_by_side(parts: Sequence[np.ndarray], random: Random) -> np.ndarray:
    """Return first weights (n_in, m) of several parts as one array; with `Unset` it takes no memory either."""
    if isinstance(random, Unset):
        return np.broadcast_to(np.zeros((), parts[0].dtype), (len(parts[0]), sum(part.shape[1] for part in parts)))
    return np.concatenate(parts, axis=1)


def piled_up(parts: Sequence[np.ndarray], random: Random) -> np.ndarray:
    """Return first weights of one shape as one array (parts, n_in, n_out); with `Unset` it takes no memory either."""
    if isinstance(random, Unset):
        return np.broadcast_to(np.zeros((), parts[0].dtype), (len(parts), *parts[0].shape))
    return np.stack(parts)


def _orthogonal(rows: int, columns: int, random: Random, number: int) -> np.ndarray:
    """Return orthonormal columns, or rows where there are fewer of these."""
    tall = (max(rows, columns), min(rows, columns))
    q, r = np.linalg.qr(random.normal(tall, Stream.WEIGHTS, number, np.float64))
    q = q * np.where(np.diag(r) < 0, -1.0, 1.0)
    return np.ascontiguousarray(q if rows >= columns else q.T)
