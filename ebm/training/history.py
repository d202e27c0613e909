"""The history of a run is rows of plain numbers; this turns them into columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np


def columns(history: Sequence[Mapping[str, float]]) -> dict[str, np.ndarray]:
    """Turn rows into one float64 array a name, with NaN where a row lacks the value.

    Parameters
    ----------
    history : sequence of dict of str to float
        Rows, as in ``Run.history``.

    Returns
    -------
    dict of str to ndarray of shape (n_rows,)
        In the order in which the names first appear.
    """
    names = dict.fromkeys(name for row in history for name in row)
    return {name: np.array([row.get(name, np.nan) for row in history], np.float64) for name in names}
