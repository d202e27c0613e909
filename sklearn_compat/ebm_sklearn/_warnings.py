"""Warnings that users may want to filter by category."""

from __future__ import annotations

from ebm.errors import FitInterruptedWarning, UnendedSequenceWarning, UntrustedEstimateWarning


class OutOfRangeWarning(UserWarning):
    """Values lie outside [0, 1], or are not the two values known, and binary units have no meaning for them."""


__all__ = ["FitInterruptedWarning", "OutOfRangeWarning", "UnendedSequenceWarning", "UntrustedEstimateWarning"]
