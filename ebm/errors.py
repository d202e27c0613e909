"""Warnings of named categories, so that each can be filtered, or expected, by itself.

Errors stand where they are raised: ``ebm.training.DivergenceError``, ``ebm.storage.ModelFileError``.
"""

from __future__ import annotations


class FitInterruptedWarning(UserWarning):
    """Ctrl-C ended learning early; the parameters of the last finished updates are in place."""


class UntrustedEstimateWarning(UserWarning):
    """An estimate's own diagnosis says that it must not be believed."""


class UnendedSequenceWarning(UserWarning):
    """A sequence that a model made was cut off at the largest length, before it ended by itself."""


class DeviceWarning(UserWarning):
    """The GPU is used, but not as well as it could be."""


class KernelCacheWarning(UserWarning):
    """Compiled kernels cannot be written to disk, so each process compiles its own."""
