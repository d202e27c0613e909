"""The geometry of convolutions: how a kernel moves over images.

Source: Dumoulin & Visin, "A guide to convolution arithmetic for deep learning" (2016, arXiv:1603.07285), relationships
6 and 14.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """How a kernel moves over images.

    Attributes
    ----------
    kernel, stride : tuple of (int, int)
        Of height and width.
    padding : tuple of (int, int, int, int)
        Rows of zeros at the top and bottom, columns of zeros left and right.
    """

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]

    def output(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width of what a convolution makes of such images; below 1 where they are too small."""
        top, bottom, left, right = self.padding
        rows = (height + top + bottom - self.kernel[0]) // self.stride[0] + 1
        return rows, (width + left + right - self.kernel[1]) // self.stride[1] + 1

    def transposed_output(self, height: int, width: int) -> tuple[int, int]:
        """Return the smallest height and width of images of which a convolution makes (height, width)."""
        top, bottom, left, right = self.padding
        rows = (height - 1) * self.stride[0] + self.kernel[0] - top - bottom
        return rows, (width - 1) * self.stride[1] + self.kernel[1] - left - right
