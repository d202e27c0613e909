"""A variational autoencoder with its parameters: codes, samples, and bounds on log p(x).

    ELBO    mean over draws of log p(x given z), minus KL(q(z given x) || p(z))                                  (1)
    IWAE    log 1/k sum_i p(x given z_i) p(z_i) / q(z_i given x),   z_1 ... z_k drawn from q(z given x)          (2)

Both are at most log p(x) on average; (2) rises with k, towards log p(x), and is the ELBO on average for k = 1.

Sources: (1) Kingma & Welling 2014 (arXiv:1312.6114), eq. 3; (2) Burda, Grosse & Salakhutdinov 2016 (arXiv:1509.00519),
eq. 8.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ebm.autoencoder.model import ROWS
from ebm.autoencoder.variational_layout import VariationalArchitecture
from ebm.kernels.box_muller import normals
from ebm.kernels.importance import draw_codes
from ebm.networks import codes
from ebm.networks.context import Context
from ebm.random import Random, Stream

CODES = 0  # step of the stream VAE_SAMPLE


@dataclass(frozen=True)
class VariationalModel:
    """An architecture with parameters on the CPU, ready for use.

    Samples are rows (n, n_features) and codes (n, k), of the parameters' dtype; labels are one-hot (n, n_classes), of
    architectures with classes, and None for others.

    Parameters
    ----------
    architecture : VariationalArchitecture
    parameters : dict of str to ndarray
    """

    architecture: VariationalArchitecture
    parameters: Mapping[str, np.ndarray]

    @property
    def dtype(self) -> np.dtype:
        """Of the parameters."""
        return next(iter(self.parameters.values())).dtype

    def posterior(self, x: np.ndarray, labels: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return means and log-variances of q(z given x), each (n, k)."""
        k = self.architecture.n_components
        found = _by_rows(self._posterior, 2 * k, x, labels)
        return np.ascontiguousarray(found[:, :k]), np.ascontiguousarray(found[:, k:])

    def encode(self, x: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """Return codes, the means of q(z given x)."""
        return self.posterior(x, labels)[0]

    def decode(self, z: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """Return E[x given z], (n, n_features)."""
        a = self.architecture
        return _by_rows(lambda *given: a.likelihood.means(self._outputs(*given)), a.n_features, z, labels)

    def reconstruct(self, x: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """Return E[x given the code of x], of the shape of x."""
        return self.decode(self.encode(x, labels), labels)

    def sample(self, n: int, random: Random, labels: np.ndarray | None = None, *, means: bool = True) -> np.ndarray:
        """Return samples: z from N(0, I), and E[x given z] or a draw from p(x given z).

        Parameters
        ----------
        n : int
        random : Random
            The same gives the same samples, the first of many as of few.
        labels : ndarray of shape (n, n_classes), optional
        means : bool, default=True
            Return the means; else values are drawn about them.

        Returns
        -------
        ndarray of shape (n, n_features)
        """
        a, like = self.architecture, np.zeros(0, self.dtype)
        x = self.decode(normals(n, a.n_components, random.at(Stream.VAE_SAMPLE, CODES), like), labels)
        return x if means else a.likelihood.draw(x, random, a.of_decoder(self.parameters))

    # ---- bounds ----

    def elbo(self, x: np.ndarray, n_draws: int, random: Random, labels: np.ndarray | None = None) -> np.ndarray:
        """Return the evidence lower bound of every sample, in nats, (n,), float64.

        Parameters
        ----------
        x : ndarray of shape (n, n_features)
        n_draws : int
            Over which log p(x given z) is averaged; the divergence is exact.
        random : Random
            What a sample draws depends on this and on its values alone, not on its place among others.
        labels : ndarray of shape (n, n_classes), optional
        """
        found = np.empty(x.shape[0])
        for rows, posterior, log_p, _ in self._draws(x, n_draws, random, labels):
            found[rows] = _mean(log_p) - codes.kl_values(posterior, Context())
        return found

    def importance_bound(self, x: np.ndarray, k: int, random: Random, labels: np.ndarray | None = None) -> np.ndarray:
        """Return the importance-weighted bound of every sample, in nats, (n,), float64; arguments as of `elbo`.

        With labels it bounds log p(x given the label).
        """
        found = np.empty(x.shape[0])
        for rows, _, log_p, ratios in self._draws(x, k, random, labels):
            found[rows] = _log_mean_exp(log_p + ratios)
        return found

    def class_bounds(self, x: np.ndarray, k: int, random: Random) -> np.ndarray:
        """Return bounds on log p(x given y) for every class y, (n, n_classes), each with the same noise."""
        n_classes = self.architecture.n_classes
        one_hot = np.eye(n_classes, dtype=self.dtype)
        labels = (np.repeat(one_hot[y : y + 1], x.shape[0], axis=0) for y in range(n_classes))
        return np.column_stack([self.importance_bound(x, k, random, of_class) for of_class in labels])

    def _draws(
        self, x: np.ndarray, k: int, random: Random, labels: np.ndarray | None
    ) -> Iterator[tuple[slice, np.ndarray, np.ndarray, np.ndarray]]:
        """Yield, for some rows at a time: which, their posteriors, log p(x given z) and log p(z) / q(z), (k, rows)."""
        names = np.fromiter((zlib.crc32(row.tobytes()) for row in x), np.int64, x.shape[0])
        size = max(1, ROWS // k)
        for top in range(0, x.shape[0], size):
            rows = slice(top, min(top + size, x.shape[0]))
            some, some_labels = np.ascontiguousarray(x[rows]), None if labels is None else labels[rows]
            posterior = self._posterior(some, some_labels)
            parts = [
                self._weigh(some, some_labels, posterior, names[rows], range(first, min(first + ROWS, k)), random)
                for first in range(0, k, ROWS)
            ]
            log_p, ratios = (np.concatenate(part) for part in zip(*parts, strict=True))
            yield rows, posterior, log_p, ratios

    def _weigh(
        self,
        x: np.ndarray,
        labels: np.ndarray | None,
        posterior: np.ndarray,
        names: np.ndarray,
        draws: range,
        random: Random,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return log p(x given z) and log p(z) / q(z) of some draws for some rows, each (draws, rows), float64."""
        times, n = len(draws), x.shape[0]
        q, steps = np.tile(posterior, (times, 1)), np.repeat(np.array(draws, np.int64), n)
        z, ratios = np.empty((times * n, q.shape[1] // 2), q.dtype), np.empty(times * n, q.dtype)
        draw_codes(q, np.tile(names, times), steps, random.at(Stream.IMPORTANCE), z, ratios)
        y = self._outputs(z, None if labels is None else np.tile(labels, (times, 1)))
        a, again = self.architecture, np.tile(x, (times, 1))
        losses = a.likelihood.values(y, again, Context(), a.of_decoder(self.parameters))
        return -losses.reshape(times, n).astype(np.float64), ratios.reshape(times, n).astype(np.float64)

    def _posterior(self, x: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        return self.architecture.posterior(self.parameters, x, labels, Context())[0]

    def _outputs(self, z: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        return self.architecture.outputs(self.parameters, z, labels, Context())[0]


def _log_mean_exp(a: np.ndarray) -> np.ndarray:
    """Log of the mean of e^a over the first axis."""
    largest = a.max(axis=0)
    return largest + np.log(_mean(np.exp(a - largest)))


def _mean(a: np.ndarray) -> np.ndarray:
    """Average over the first axis, in an order that the length of the second does not change."""
    return np.ascontiguousarray(a.T).mean(axis=1)


def _by_rows(function: Callable[..., np.ndarray], width: int, x: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
    """Apply a network to some rows, and their labels, at a time."""
    out = np.empty((x.shape[0], width), x.dtype)
    for top in range(0, x.shape[0], ROWS):
        rows = slice(top, top + ROWS)
        some_labels = None if labels is None else np.ascontiguousarray(labels[rows])
        out[rows] = function(np.ascontiguousarray(x[rows]), some_labels)
    return out
