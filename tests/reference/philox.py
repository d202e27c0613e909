"""Philox4x32-10 in Python's integers, after Salmon et al. 2011, section 3.3, and the uniforms made of it."""

import numpy as np

MASK = 0xFFFFFFFF


def philox(counter, key):
    (c0, c1, c2, c3), (k0, k1) = counter, key
    for _ in range(10):
        first, second = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (second >> 32) ^ c1 ^ k0, second & MASK, (first >> 32) ^ c3 ^ k1, first & MASK
        k0, k1 = (k0 + 0x9E3779B9) & MASK, (k1 + 0xBB67AE85) & MASK
    return c0, c1, c2, c3


def uniforms(n_rows, n_columns, seed, stream, step, dtype, first_row=0):
    """Column j of row r: word j % 4 of call j // 4 (float32), or words 2(j % 2), 2(j % 2) + 1 of call j // 2."""
    key = seed & MASK, seed >> 32
    out = np.empty((n_rows, n_columns), dtype)
    for r in range(n_rows):
        for j in range(n_columns):
            if np.dtype(dtype) == np.float32:
                word = philox((j // 4, first_row + r, step, stream), key)[j % 4]
                out[r, j] = ((word >> 9) + 0.5) / 2**23
            else:
                words = philox((j // 2, first_row + r, step, stream), key)
                high, low = words[2 * (j % 2)], words[2 * (j % 2) + 1]
                out[r, j] = (((high >> 5) << 25 | low >> 7) + 0.5) / 2**52
    return out
