"""Convolutional layers: convolution, and transposed convolution, which undoes its change of size.

Images are (n, height, width, channels). A convolution's weights are (kernel height, kernel width, channels in, channels
out). Those of a transposed convolution are the weights of the convolution whose transpose it is, so (kernel height,
kernel width, channels out, channels in), and the two with one array of weights are each other's adjoint.

Source: Dumoulin & Visin, "A guide to convolution arithmetic for deep learning" (2016, arXiv:1603.07285).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ebm.kernels.activations import KINDS
from ebm.kernels.window import Window
from ebm.networks import convolution_products as products
from ebm.networks.context import Context
from ebm.networks.initial import METHODS, initial_weights
from ebm.networks.layer import Parameters, Shape
from ebm.random import Random

Pair = int | tuple[int, int]


def _pair(value: Any, name: str, least: int) -> tuple[int, int]:
    pair = (value, value) if isinstance(value, int | np.integer) else value
    right = isinstance(pair, tuple) and len(pair) == 2 and all(isinstance(k, int | np.integer) for k in pair)
    if not right or min(pair) < least:
        raise ValueError(f"{name} is {value!r}; give an integer of at least {least}, or a pair (vertical, horizontal)")
    return int(pair[0]), int(pair[1])


def _padding(value: Any, kernel: tuple[int, int], stride: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return rows at the top and bottom and columns left and right."""
    if isinstance(value, str):
        if value == "valid":
            return 0, 0, 0, 0
        if value == "same" and stride == (1, 1):  # an odd one goes to the end
            (top, left), (height, width) = ((k - 1) // 2 for k in kernel), (k - 1 for k in kernel)
            return top, height - top, left, width - left
        raise ValueError(f"padding is {value!r}; give integers, 'valid', or 'same' where the stride is 1")
    if isinstance(value, tuple) and len(value) == 4:
        (top, bottom), (left, right) = _pair(value[:2], "padding", 0), _pair(value[2:], "padding", 0)
        return top, bottom, left, right
    vertical, horizontal = _pair(value, "padding", 0)
    return vertical, vertical, horizontal, horizontal


def _window(layer: Convolution | TransposedConvolution) -> Window:
    kernel, stride = _pair(layer.kernel_size, "kernel_size", 1), _pair(layer.stride, "stride", 1)
    return Window(kernel, stride, _padding(layer.padding, kernel, stride))


def _image(shape: Shape) -> tuple[int, int, int]:
    if len(shape) != 3 or min(shape) < 1:
        raise ValueError(f"one sample has shape {shape}; give images of shape (height, width, channels)")
    return shape[0], shape[1], shape[2]


def _check(layer: Convolution | TransposedConvolution) -> None:
    if not isinstance(layer.channels, int | np.integer) or layer.channels < 1:
        raise ValueError(f"channels is {layer.channels!r}; give a positive integer")
    if layer.activation not in KINDS:
        raise ValueError(f"activation is {layer.activation!r}; give one of {', '.join(KINDS)}")
    if layer.init not in METHODS:
        raise ValueError(f"init is {layer.init!r}; give one of {', '.join(METHODS)}")
    _window(layer)


@dataclass(frozen=True)
class Convolution:
    """y[i, j, o] = f(b_o + sum_{s, t, c} x[i stride - top + s, j stride - left + t, c] w[s, t, c, o]), x zero outside.

    Parameters
    ----------
    channels : int
        Of the output.
    kernel_size : int or (int, int)
        Height and width.
    stride : int or (int, int), default=1
    padding : int, (vertical, horizontal), (top, bottom, left, right), "valid" or "same", default=0
        Zeros around the image; "valid" is none, "same" keeps the size where the stride is 1.
    activation : str, default="identity"
        One of ``ebm.kernels.activations.KINDS``.
    init : str, default="he"
        How first weights are drawn, see :func:`ebm.networks.initial.initial_weights`.

    Raises
    ------
    ValueError
        When a parameter has no meaning, naming it and its value.

    Notes
    -----
    Parameters are ``weights`` (kernel height, kernel width, channels in, channels) and ``bias`` (channels,).
    """

    channels: int
    kernel_size: Pair
    stride: Pair = 1
    padding: int | tuple[int, ...] | str = 0
    activation: str = "identity"
    init: str = "he"
    statistics = ()

    def __post_init__(self) -> None:
        """Check the parameters."""
        _check(self)

    def output_shape(self, shape: Shape) -> Shape:
        """Return (rows, columns, channels) for images of this shape; ValueError where the kernel is larger."""
        height, width, _ = _image(shape)
        window = _window(self)
        rows, columns = window.output(height, width)
        if min(rows, columns) < 1:
            top, bottom, left, right = window.padding
            raise ValueError(
                f"images of {height} x {width} are {height + top + bottom} x {width + left + right} with their "
                f"padding, smaller than the kernel of {window.kernel[0]} x {window.kernel[1]}; "
                "take a smaller kernel or more padding"
            )
        return rows, columns, int(self.channels)

    def initial(self, shape: Shape, random: Random, dtype: Any) -> dict[str, np.ndarray]:
        """Return first weights and biases for images of this shape."""
        kernel, channels = _window(self).kernel, _image(shape)[2]
        taps = kernel[0] * kernel[1]
        sizes = taps * channels, taps * self.channels
        weights = initial_weights((*kernel, channels, self.channels), *sizes, random, dtype, self.init)
        return {"weights": weights, "bias": np.zeros(self.channels, dtype)}

    def forward(self, parameters: Parameters, x: Any, context: Context) -> tuple[Any, Any]:
        """Return the output (n, rows, columns, channels) and the cache."""
        window = _window(self)
        patches = products.columns(x, window, context)
        weights, bias = parameters["weights"], parameters["bias"]
        y = products.convolve(x, patches, weights, bias, window, KINDS[self.activation], context)
        return y, (x, patches, y)

    def backward(
        self, parameters: Parameters, cache: Any, dy: Any, gradients: Parameters, context: Context, *,
        wants_input: bool = True,
    ) -> Any:  # fmt: skip
        """Write the gradients of weights and bias and return d loss / d x."""
        window, (x, patches, y) = _window(self), cache
        da = products.slopes(y, dy, KINDS[self.activation], gradients["bias"], context)
        products.weight_gradient(x, patches, da, window, gradients["weights"], context)
        if not wants_input:
            return None
        return products.convolve_transposed(
            da, parameters["weights"], None, window, KINDS["identity"], x.shape[1:3], context
        )

    def jvp(self, parameters: Parameters, cache: Any, dx: Any, context: Context) -> Any:
        """Return the derivative of the output along dx: f'(a) times the convolution of dx."""
        window, y = _window(self), cache[2]
        patches = products.columns(dx, window, context)
        da = products.convolve(dx, patches, parameters["weights"], None, window, KINDS["identity"], context)
        return products.times_slope(y, da, KINDS[self.activation])


@dataclass(frozen=True)
class TransposedConvolution:
    """x[i, j, c] = f(b_c + sum_{s, t, o} y[(i + top - s) / stride, (j + left - t) / stride, o] w[s, t, c, o]).

    The sum goes over whole quotients inside y. Images of (height, width) become
    ((height - 1) stride + kernel - top - bottom + output_padding, ...), the sizes of which a convolution with the same
    kernel, stride and padding makes (height, width).

    Parameters
    ----------
    channels : int
        Of the output.
    kernel_size : int or (int, int)
        Height and width.
    stride : int or (int, int), default=1
    padding : int, (vertical, horizontal), (top, bottom, left, right), "valid" or "same", default=0
        What is left out around the output, as of the convolution.
    output_padding : int or (int, int), default=0
        Rows and columns above the smallest size of which a convolution makes (height, width); below the stride.
    activation, init
        As of ``Convolution``.

    Raises
    ------
    ValueError
        When a parameter has no meaning, naming it and its value.

    Notes
    -----
    Parameters are ``weights`` (kernel height, kernel width, channels, channels in) and ``bias`` (channels,).
    """

    channels: int
    kernel_size: Pair
    stride: Pair = 1
    padding: int | tuple[int, ...] | str = 0
    output_padding: Pair = 0
    activation: str = "identity"
    init: str = "he"
    statistics = ()

    def __post_init__(self) -> None:
        """Check the parameters."""
        _check(self)
        extra, stride = _pair(self.output_padding, "output_padding", 0), _window(self).stride
        if extra[0] >= stride[0] or extra[1] >= stride[1]:
            raise ValueError(
                f"output_padding is {self.output_padding!r}; it must be smaller than the stride, {self.stride!r}"
            )

    def output_shape(self, shape: Shape) -> Shape:
        """Return (height, width, channels) for images of this shape; ValueError where the padding leaves nothing."""
        height, width, _ = _image(shape)
        extra = _pair(self.output_padding, "output_padding", 0)
        rows, columns = (n + e for n, e in zip(_window(self).transposed_output(height, width), extra, strict=True))
        if min(rows, columns) < 1:
            raise ValueError(
                f"images of {height} x {width} become {rows} x {columns}; take less padding than {self.padding!r}"
            )
        return rows, columns, int(self.channels)

    def initial(self, shape: Shape, random: Random, dtype: Any) -> dict[str, np.ndarray]:
        """Return first weights and biases for images of this shape.

        With a stride an output meets only one of stride^2 taps, on average, so that its fan in is smaller by as much.
        """
        window, channels = _window(self), _image(shape)[2]
        taps = window.kernel[0] * window.kernel[1]
        met = max(1, round(taps / (window.stride[0] * window.stride[1])))
        sizes = met * channels, taps * self.channels
        weights = initial_weights((*window.kernel, self.channels, channels), *sizes, random, dtype, self.init)
        return {"weights": weights, "bias": np.zeros(self.channels, dtype)}

    def forward(self, parameters: Parameters, x: Any, context: Context) -> tuple[Any, Any]:
        """Return the output (n, height, width, channels) and the cache."""
        weights, bias, image = parameters["weights"], parameters["bias"], self.output_shape(x.shape[1:])[:2]
        kind = KINDS[self.activation]
        y = products.convolve_transposed(x, weights, bias, _window(self), kind, (image[0], image[1]), context)
        return y, (x, y)

    def backward(
        self, parameters: Parameters, cache: Any, dy: Any, gradients: Parameters, context: Context, *,
        wants_input: bool = True,
    ) -> Any:  # fmt: skip
        """Write the gradients of weights and bias and return d loss / d x."""
        window, (x, y) = _window(self), cache
        da = products.slopes(y, dy, KINDS[self.activation], gradients["bias"], context)
        patches = products.columns(da, window, context)
        products.weight_gradient(da, patches, x, window, gradients["weights"], context)
        if not wants_input:
            return None
        return products.convolve(da, patches, parameters["weights"], None, window, KINDS["identity"], context)

    def jvp(self, parameters: Parameters, cache: Any, dx: Any, context: Context) -> Any:
        """Return the derivative of the output along dx: f'(a) times the transposed convolution of dx."""
        y, weights = cache[1], parameters["weights"]
        da = products.convolve_transposed(dx, weights, None, _window(self), KINDS["identity"], y.shape[1:3], context)
        return products.times_slope(y, da, KINDS[self.activation])
