"""Variational dropout: what is dropped from a sequence is dropped at all its frames.

y_t = m x_t / (1 - r),  m ~ Bernoulli(1 - r) once for each sequence and column

Seen as inference, a mask picks one set of weights, under which a whole sequence is read; a fresh mask for every frame
would be noise that builds up over time.

Source: Gal & Ghahramani 2016 (arXiv:1512.05287), section 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ebm.kernels.sequence_masks import draw_masks, mask_frames
from ebm.networks.context import Context
from ebm.networks.layer import Parameters, Shape
from ebm.networks.ranges import rate_within
from ebm.random import Random, Stream
from ebm.recurrent.cell import fitting
from ebm.recurrent.layer import frames_of_vectors


@dataclass(frozen=True)
class SequenceDropout:
    """Drop columns of whole sequences at random in training; the identity at prediction.

    (The same for the state inside a cell is the cell's ``recurrent_dropout``.)

    Parameters
    ----------
    rate : float, default=0.5
        Probability with which a column of a sequence is dropped, in [0, 1).

    Raises
    ------
    ValueError
        When ``rate`` is something else.
    """

    rate: float = 0.5

    statistics: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        """Refuse what is no rate."""
        rate_within("rate", self.rate, below_one=True)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of the input; frames must be vectors."""
        frames_of_vectors(shape)
        return shape

    def initial(self, shape: Shape, random: Random, dtype: Any) -> dict[str, np.ndarray]:
        """Return an empty dict: there is nothing to learn."""
        return {}

    def forward(self, parameters: Parameters, x: Any, context: Context) -> tuple[Any, Any]:
        """Return what is left of x, and the masks; x itself, and None, at prediction."""
        if not context.training:
            return x, None
        masks = context.empty((fitting(context.packing, x).n, x.shape[1]), x.dtype)
        draw_masks(self.rate, context.noise(Stream.SEQUENCE_DROPOUT), masks)
        return self._dropped(x, masks, context), masks

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
        """Return dx, by the masks of the forward pass."""
        if not wants_input:
            return None
        return dy if cache is None else self._dropped(dy, cache, context)

    def jvp(self, parameters: Parameters, cache: Any, dx: Any, context: Context) -> Any:
        """Return the change of y along a change of x, with the masks of the forward pass."""
        return dx if cache is None else self._dropped(dx, cache, context)

    def _dropped(self, x: Any, masks: Any, context: Context) -> Any:
        out = context.empty(x.shape, x.dtype)
        mask_frames(x, masks, fitting(context.packing, x), out)
        return out
