"""What may be cut off: the two senses of truncated backpropagation through time, and what they ask of a network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from numbers import Integral
from typing import Any, NamedTuple

Truncation = int | tuple[int, int] | None


class Chunks(NamedTuple):
    """Every ``k1`` frames, back through the last ``k2``."""

    k1: int
    k2: int


def checked_truncation(truncation: Any) -> int | Chunks | None:
    """Return a truncation in its sense.

    Parameters
    ----------
    truncation : None, int, or (int, int)
        None for none; k >= 0 for every output by itself, back through k frames before its own (k + 1 in all); (k1, k2)
        with 1 <= k1 <= k2 for chunks: after every k1 frames their losses go back through the last k2.

    Raises
    ------
    ValueError
        When it is none of these.
    """
    if truncation is None:
        return None
    if _whole(truncation) and truncation >= 0:
        return int(truncation)
    if isinstance(truncation, tuple | list) and len(truncation) == 2 and all(map(_whole, truncation)):
        if 1 <= truncation[0] <= truncation[1]:
            return Chunks(int(truncation[0]), int(truncation[1]))
        raise ValueError(
            f"truncation=(k1, k2) must have 1 <= k1 <= k2: losses of k1 new frames go back through k2, these among "
            f"them; got {tuple(truncation)!r}"
        )
    raise ValueError(f"truncation must be None, an integer >= 0 or a pair (k1, k2), got {truncation!r}")


def check_senses(objective: Any, truncation: int | Chunks | None) -> None:
    """Refuse a truncation of which an objective knows nothing; ValueError says why."""
    if truncation is None:
        return
    if not hasattr(objective, "refusal_of"):
        raise ValueError(f"{type(objective).__name__} is learnt by whole backpropagation through time: truncation=None")
    if reason := objective.refusal_of(truncation):
        raise ValueError(f"truncation={_as_given(truncation)!r} {reason}")


def looks_ahead(layer: Any) -> bool:
    """Tell whether some layer of a network goes backwards in time, so that it needs whole sequences."""
    return any(getattr(part, "looks_ahead", False) for part in _parts(layer))


def _parts(layer: Any) -> Iterator[Any]:
    """Yield a layer and those that it consists of."""
    yield layer
    inner = list(getattr(layer, "layers", ()))
    if is_dataclass(layer):
        inner += [getattr(layer, field.name) for field in fields(layer)]
    for part in inner:
        if hasattr(part, "output_shape"):
            yield from _parts(part)


def _whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _as_given(truncation: int | Chunks) -> Any:
    return tuple(truncation) if isinstance(truncation, Chunks) else truncation
