"""Data whose best likelihood is known."""

import numpy as np


def bars_and_stripes(n, *, distinct=False):
    """n x n pictures of full rows or full columns, float64, (2^(n+1), n^2).

    The two uniform pictures are both, and counted twice (MacKay 2003, section 43); ``distinct`` keeps one
    of each.
    """
    bits = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    rows = np.repeat(bits, n, axis=1)
    columns = np.tile(bits, (1, n))
    both = np.concatenate([rows, columns]).astype(float)
    return np.unique(both, axis=0) if distinct else both


def best_mean_log_likelihood(patterns):
    """Of the distribution that is the data themselves."""
    _, counts = np.unique(patterns, axis=0, return_counts=True)
    p = counts / counts.sum()
    return float(p @ np.log(p))
