"""L-BFGS: a quasi-Newton method that remembers the last few steps instead of a Hessian.

::

    direction -H g,  H from the last m pairs s = x' - x, c = g' - g by the two-loop recursion from
    H_0 = (s.c / c.c) I, or one that is given
    step t = 1, 1/2, 1/4, ... until f(x + t d) <= f(x) + 1e-4 t g.d                                       (Armijo)

So f never rises. Pairs without positive curvature are left out. One call is one step, so that a training loop can stop
and go on between any two.

Source: Nocedal & Wright, "Numerical Optimization" (2nd ed., 2006), algorithms 7.4 and 3.1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

SUFFICIENT = 1e-4
HALVINGS = 30


class LBFGS:
    """Minimise a function of many real variables.

    Parameters
    ----------
    function : callable
        x -> (value, gradient), float64. A value that is not finite is a step too far.
    start : ndarray of shape (n,)
    memory : int
        Pairs that are remembered.
    inverse_hessian : callable, optional
        x -> a function that applies an approximate inverse Hessian at x, positive definite, to a vector.

    Attributes
    ----------
    x : ndarray of shape (n,)
        Where the search stands.
    value : float
        The function there.
    gradient : ndarray of shape (n,)
    stuck : bool
        No step along the last direction made the value fall: a minimum, as exactly as the function is computed.
    """

    def __init__(
        self,
        function: Callable[[np.ndarray], tuple[float, np.ndarray]],
        start: np.ndarray,
        memory: int = 10,
        inverse_hessian: Callable[[np.ndarray], Callable[[np.ndarray], np.ndarray]] | None = None,
    ) -> None:
        self.function, self.memory, self.inverse_hessian = function, memory, inverse_hessian
        self._steps, self._changes = np.zeros((0, start.size)), np.zeros((0, start.size))
        self._stand(np.array(start, np.float64))

    def _stand(self, x: np.ndarray) -> None:
        self.x, self.stuck = x, False
        self.value, self.gradient = self.function(x)

    def step(self) -> None:
        """Go one step; where memory leads nowhere, forget it and try the steepest descent."""
        for direction in self._directions():
            if (found := self._search(direction)) is not None:
                x, value, gradient = found
                self._remember(x - self.x, gradient - self.gradient)
                self.x, self.value, self.gradient = x, value, gradient
                return
        self.stuck = True

    def _directions(self) -> list[np.ndarray]:
        steepest = -self.gradient / max(float(np.linalg.norm(self.gradient)), 1.0)
        return [self._quasi_newton(), steepest] if len(self._steps) or self.inverse_hessian else [steepest]

    def _quasi_newton(self) -> np.ndarray:
        s, c = self._steps, self._changes
        rho = 1.0 / np.einsum("ij,ij->i", s, c)
        q, weights = self.gradient.copy(), np.zeros(len(s))
        for i in reversed(range(len(s))):
            weights[i] = rho[i] * (s[i] @ q)
            q -= weights[i] * c[i]
        if self.inverse_hessian:
            q = self.inverse_hessian(self.x)(q)
        else:
            q *= 1.0 / (rho[-1] * (c[-1] @ c[-1]))
        for i in range(len(s)):
            q += (weights[i] - rho[i] * (c[i] @ q)) * s[i]
        return -q

    def _search(self, direction: np.ndarray) -> tuple[np.ndarray, float, np.ndarray] | None:
        slope = float(self.gradient @ direction)
        if not slope < 0:
            return None
        for halving in range(HALVINGS):
            t = 0.5**halving
            x = self.x + t * direction
            value, gradient = self.function(x)
            if np.isfinite(value) and value <= self.value + SUFFICIENT * t * slope and value < self.value:
                return x, value, gradient
        return None

    def _remember(self, step: np.ndarray, change: np.ndarray) -> None:
        if step @ change > 1e-10 * np.linalg.norm(step) * np.linalg.norm(change):
            self._steps = np.vstack([self._steps, step])[-self.memory :]
            self._changes = np.vstack([self._changes, change])[-self.memory :]

    def state(self) -> dict[str, np.ndarray]:
        """Copy where the search stands and what it remembers."""
        kept, pad = len(self._steps), np.zeros((self.memory - len(self._steps), self.x.size))
        return {
            "x": self.x.copy(),
            "steps": np.vstack([self._steps, pad]),
            "changes": np.vstack([self._changes, pad]),
            "n_pairs": np.array([kept], np.int64),
        }

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from a ``state``; the function may be another one, that of other data."""
        kept = int(state["n_pairs"][0])
        self._steps, self._changes = state["steps"][:kept].copy(), state["changes"][:kept].copy()
        self._stand(state["x"].copy())
