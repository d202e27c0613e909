"""From scikit-learn's `random_state` to the seed of our counter-based streams."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from ebm.random import Random


def draw_random(random_state: Any, purpose: str = "fit") -> Random:
    """Draw a seed from ``random_state``; different purposes get unrelated streams from the same integer.

    An integer gives the same streams every time, None others every time, and a RandomState moves on.
    """
    drawn = check_random_state(random_state).randint(0, 2**63, dtype=np.int64)
    mixed = np.random.SeedSequence([int(drawn), *purpose.encode()]).generate_state(1, np.uint64)
    return Random(int(mixed[0]))
