"""Noise on inputs, by name and level or by object, as estimators take it."""

from __future__ import annotations

from numbers import Real
from typing import Any

from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from ebm.networks.corruption import Corruption, GaussianNoise, Masking, SaltAndPepper

KINDS: dict[str, tuple[type, str, float]] = {  # what a name makes, what its level is, and by default
    "gaussian": (GaussianNoise, "scale", 0.3),
    "masking": (Masking, "rate", 0.5),
    "salt_and_pepper": (SaltAndPepper, "rate", 0.25),
}
CORRUPTION_CONSTRAINTS: dict[str, list[Any]] = {
    "corruption": [StrOptions(set(KINDS)), HasMethods(["apply"])],
    "corruption_level": [Interval(Real, 0, None, closed="left"), None],
}


def as_corruption(corruption: str | Corruption, level: float | None) -> Corruption:
    """Return the noise of an estimator's ``corruption`` and ``corruption_level``.

    Raises
    ------
    ValueError
        When the level is no probability where it should be one, or comes beside an object, which has its own.
    """
    if not isinstance(corruption, str):
        if level is not None:
            raise ValueError(
                f"corruption={corruption!r} has its own level; leave corruption_level at None (got {level})"
            )
        return corruption
    kind, name, usual = KINDS[corruption]
    level = usual if level is None else float(level)
    if name == "rate" and level > 1:
        raise ValueError(f"corruption_level is a probability for corruption={corruption!r}: at most 1, got {level}")
    made: Corruption = kind(**{name: level})
    return made
