"""The modern Hopfield network: continuous states, an energy with a log-sum-exp, and one step to a memory.

With patterns x_1 ... x_P as rows of X, and M the largest norm among them::

    E(z) = -1/beta log sum_p exp(beta x_p.z) + 1/2 z.z + 1/beta log P + 1/2 M^2
    z <- X^T softmax(beta X z)

The update never raises the energy (it is a concave-convex procedure), and it is the attention of transformers. At large
beta it takes the nearest pattern, in one step when patterns are apart; at small beta it ends between them.

Source: Ramsauer et al. 2020, "Hopfield networks is all you need" (arXiv:2008.02217), section 2 and theorem 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ContinuousRecall:
    """Where recall ended.

    Attributes
    ----------
    states : ndarray of shape (n_rows, n_units)
    converged : ndarray of shape (n_rows,), bool
        Whether the last step moved no unit by more than the tolerance.
    steps : ndarray of shape (n_rows,), int64
    energies : ndarray of shape (n_steps + 1, n_rows)
        At the cue and after every step; a row at rest keeps its last one.
    """

    states: np.ndarray
    converged: np.ndarray
    steps: np.ndarray
    energies: np.ndarray


@dataclass(frozen=True, eq=False)
class ModernHopfield:
    """Stored patterns and an inverse temperature; on the CPU, by NumPy, whose matrix products are all the work.

    Parameters
    ----------
    patterns : ndarray of shape (n_patterns, n_units), float32 or float64
        X, any real numbers.
    beta : float
        Above 0; the sharpness of the softmax.

    Raises
    ------
    ValueError
        When the patterns are no matrix of floats, or beta is not above 0.
    """

    patterns: np.ndarray
    beta: float = 1.0

    def __post_init__(self) -> None:
        """Check the parameters."""
        x = self.patterns
        if x.ndim != 2 or len(x) == 0 or x.dtype not in (np.float32, np.float64):
            raise ValueError(f"patterns are {x.dtype}{x.shape}; give (n_patterns, n_units) of float32 or float64")
        if not 0 < self.beta < np.inf:
            raise ValueError(f"beta must be above 0 and finite, got {self.beta}")

    def attention(self, z: np.ndarray) -> np.ndarray:
        """Return softmax(beta X z): how much of each pattern a state recalls, shape (n_rows, n_patterns)."""
        logits = self._logits(z)
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        return weights / weights.sum(axis=1, keepdims=True)

    def update(self, z: np.ndarray) -> np.ndarray:
        """Return X^T softmax(beta X z), the states after one step, shape (n_rows, n_units)."""
        return self.attention(z) @ self.patterns

    def energy(self, z: np.ndarray) -> np.ndarray:
        """Return E(z), shape (n_rows,); at least 0, as the constants make it (section 2 of the source)."""
        logits = self._logits(z)
        top = logits.max(axis=1)
        log_sum = top + np.log(np.exp(logits - top[:, None]).mean(axis=1))  # the mean brings log P in
        squares = (z * z).sum(axis=1) + (self.patterns * self.patterns).sum(axis=1).max()
        return squares * z.dtype.type(0.5) - log_sum / z.dtype.type(self.beta)

    def recall(self, z: np.ndarray, *, max_steps: int = 100, tol: float = 1e-6) -> ContinuousRecall:
        """Update states until they stay.

        Parameters
        ----------
        z : ndarray of shape (n_rows, n_units)
            Cues, in the dtype of the patterns.
        max_steps : int
            At least 0.
        tol : float
            A row rests when no unit of it moves by more than this times the largest unit of a pattern.

        Returns
        -------
        ContinuousRecall

        Raises
        ------
        ValueError
            When the states do not fit, or a number is out of range.
        """
        if z.ndim != 2 or z.shape[1] != self.patterns.shape[1] or z.dtype != self.patterns.dtype:
            raise ValueError(f"states are {z.dtype}{z.shape}, patterns {self.patterns.dtype}{self.patterns.shape}")
        if max_steps < 0 or not tol >= 0:
            raise ValueError(f"max_steps and tol must be at least 0, got {max_steps} and {tol}")
        least = tol * np.abs(self.patterns).max()
        rests, steps, trace = np.zeros(len(z), bool), np.zeros(len(z), np.int64), [self.energy(z)]
        for _ in range(max_steps):
            new = np.where(rests[:, None], z, self.update(z))
            steps += ~rests
            rests = rests | (np.abs(new - z).max(axis=1) <= least)
            z = new
            trace.append(self.energy(z))
            if rests.all():
                break
        return ContinuousRecall(z, rests, steps, np.stack(trace))

    def _logits(self, z: np.ndarray) -> np.ndarray:
        return (z @ self.patterns.T) * z.dtype.type(self.beta)
