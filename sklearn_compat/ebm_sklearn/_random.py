"""From scikit-learn's `random_state` to the seed of our counter-based streams."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ebm.random import Random


def draw_random(random_state: Any, purpose: str = "fit") -> Random:
    """Draw a seed from ``random_state``; different purposes get unrelated streams from the same integer.

    An integer gives the same streams every time, None others every time, and a RandomState moves on.
    """
    drawn = check_random_state(random_state).randint(0, 2**63, dtype=np.int64)
    mixed = np.random.SeedSequence([int(drawn), *purpose.encode()]).generate_state(1, np.uint64)
    return Random(int(mixed[0]))


def random_for_sample(estimator: Any, y: Any, random_state: Any, **numbers: int) -> Random:
    """Check what an unconditional ``sample`` is asked for, and draw its random numbers.

    ``random_state=None`` takes the estimator's own.

    Raises
    ------
    NotFittedError
        When the estimator is not fitted.
    ValueError
        When a number is below 1, or y is given.
    """
    check_is_fitted(estimator)
    at_least_one(**numbers)
    if y is not None:
        raise ValueError(f"{type(estimator).__name__} samples no conditional distribution: y must be None, got {y!r}")
    return draw_random(estimator.random_state if random_state is None else random_state, "sample")


def at_least_one(**numbers: int) -> None:
    """Refuse numbers of samples, sweeps or the like that are no integers of at least 1."""
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(f"{name} must be an integer of at least 1, got {value!r}")
