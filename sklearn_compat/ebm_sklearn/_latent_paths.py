"""Paths between codes.

The straight line ``(1 - t) a + t b`` crosses regions near the origin that a normal prior of many dimensions hardly ever
visits. The arc (Shoemake 1985, "Animating rotation with quaternion curves"; for latent spaces White 2016, "Sampling
generative networks", arXiv:1609.04468, sec. 2)::

    sin((1 - t) θ) / sin(θ) a + sin(t θ) / sin(θ) b,    θ the angle between a and b,

keeps the length where both ends have the same.
"""

from __future__ import annotations

import numpy as np

PATHS = ("linear", "spherical")


def between(start: np.ndarray, end: np.ndarray, n_steps: int, path: str) -> np.ndarray:
    """Codes (n_pairs, n_steps, n_dimensions) from each start to its end, both included."""
    if path not in PATHS:
        raise ValueError(f"path must be one of {PATHS}, got {path!r}")
    t = np.linspace(0, 1, n_steps)[None, :, None]
    if path == "linear":
        first, second = 1 - t, t
    else:
        angle = _angles(start.astype(np.float64), end.astype(np.float64))[:, None, None]
        # sin(t θ) / sin(θ) by sinc(x) = sin(πx) / (πx), which is good at θ = 0 too
        whole = np.sinc(angle / np.pi)
        first, second = ((s * np.sinc(s * angle / np.pi)) / whole for s in (1 - t, t))
    codes = first * start[:, None] + second * end[:, None]
    return codes.astype(np.result_type(start.dtype, np.float32))


def _angles(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Angle between the codes of each pair, by a formula that is exact near 0 and π too, as arccos is not."""
    lengths = np.linalg.norm(start, axis=1, keepdims=True), np.linalg.norm(end, axis=1, keepdims=True)
    if not (lengths[0].all() and lengths[1].all()):
        raise ValueError("path='spherical' needs codes other than 0; use path='linear'")
    a, b = start / lengths[0], end / lengths[1]
    angles = 2 * np.arctan2(np.linalg.norm(a - b, axis=1), np.linalg.norm(a + b, axis=1))
    if (angles > np.pi - 1e-3).any():
        raise ValueError("path='spherical' has no way between opposite codes; use path='linear'")
    return angles
