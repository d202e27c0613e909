"""Checks of layers' hyper-parameters."""

from __future__ import annotations

from typing import Any

import numpy as np


def is_number(value: Any) -> bool:
    """Tell whether this is a real number, which True is not."""
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def rate_within(name: str, value: Any, *, below_one: bool = False) -> None:
    """Raise a ValueError unless ``value`` lies in [0, 1], or in [0, 1)."""
    if not is_number(value) or not 0 <= value <= 1 or (below_one and value == 1):
        raise ValueError(f"{name} must be a number in [0, 1{')' if below_one else ']'}, got {value!r}")


def number_from(name: str, value: Any, least: float, *, open_: bool = False) -> None:
    """Raise a ValueError unless ``value`` is finite and at least (or, where open, above) ``least``."""
    if not is_number(value) or not least <= value < np.inf or (open_ and value == least):
        raise ValueError(f"{name} must be a finite number {'above' if open_ else 'of at least'} {least}, got {value!r}")


def count_from(name: str, value: Any, least: int = 1) -> None:
    """Raise a ValueError unless ``value`` is an integer of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}")
