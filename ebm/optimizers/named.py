"""Optimisers by name."""

from __future__ import annotations

import dataclasses
from typing import Any

from ebm.optimizers.adam import Adam, AdamW
from ebm.optimizers.optimizer import Optimizer
from ebm.optimizers.sgd import SGD, RMSprop

OPTIMIZERS: dict[str, type[Optimizer]] = {"sgd": SGD, "rmsprop": RMSprop, "adam": Adam, "adamw": AdamW}


def as_optimizer(optimizer: str | Optimizer, **options: Any) -> Optimizer:
    """Return an optimiser by name, with its options; one that is given is returned as it is.

    Parameters
    ----------
    optimizer : {"sgd", "rmsprop", "adam", "adamw"} or Optimizer
    **options
        Hyper-parameters, for a name only. One that is None keeps its default.

    Raises
    ------
    ValueError
        When there is no such optimiser, or it has no such option, or an option is out of its range; or when options
        come with an optimiser that has them already.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if isinstance(optimizer, Optimizer):
        if given:
            raise ValueError(f"optimizer is {optimizer!r}, which has its own options; got {sorted(given)} beside it")
        return optimizer
    if not isinstance(optimizer, str) or optimizer not in OPTIMIZERS:
        raise ValueError(f"optimizer must be one of {sorted(OPTIMIZERS)} or an Optimizer, got {optimizer!r}")
    kind = OPTIMIZERS[optimizer]
    known = [field.name for field in dataclasses.fields(kind)]
    if unknown := sorted(set(given) - set(known)):
        raise ValueError(f"optimizer={optimizer!r} has no option {', '.join(unknown)}; its options are {known}")
    return kind(**given)
