"""The objective of variational autoencoders, the negative evidence lower bound.

    L = sum_n w_n ( -log p(x_n given z_n) + beta KL(q(z given x_n) || N(0, I)) ),      z_n drawn from q(z given x_n)

One z is drawn a sample and an update, as mu + e^{s / 2} eps, so that the gradient goes through the draw. With beta = 1,
-L bounds the mean of log p(x_n) from below, on average over draws.

Sources: Kingma & Welling 2014 (arXiv:1312.6114), eqs. 7 and 10; Higgins et al. 2017, "beta-VAE: learning basic visual
concepts with a constrained variational framework", eq. 4; with labels (all is given the label), Sohn, Lee & Yan 2015,
eq. 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ebm.autoencoder.variational_layout import VariationalArchitecture
from ebm.kernels.bound import fill, negative_bound
from ebm.networks import codes
from ebm.networks.context import Context
from ebm.networks.layer import Parameters
from ebm.networks.objective import Batch

LABELS = "labels"  # the name of one-hot labels (n, n_classes) in Batch.extra


@dataclass(frozen=True)
class Variational:
    """What a variational autoencoder learns; satisfies `Objective`.

    Parameters
    ----------
    architecture : VariationalArchitecture
    beta : float, default=1.0
        Weight of the divergence from the prior; above 1 codes say less, in directions that are more apart.

    Raises
    ------
    ValueError
        When ``beta`` is negative or not finite.
    """

    architecture: VariationalArchitecture
    beta: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        if not 0 <= self.beta < float("inf"):
            raise ValueError(f"beta must be a finite number >= 0, got {self.beta!r}")

    @property
    def statistics(self) -> tuple[str, ...]:
        """Parameters that no gradient moves."""
        return self.architecture.statistics

    def gradient(self, parameters: Parameters, batch: Batch, gradients: Parameters, context: Context) -> Any:
        """Write the gradient of L, and return the samples' terms of L, (n,)."""
        a, labels, weights = self.architecture, batch.extra.get(LABELS), batch.weights
        posterior, encoded = a.posterior(parameters, batch.x, labels, context)
        z, eps = codes.reparameterise(posterior, context)
        y, decoded = a.outputs(parameters, z, labels, context)
        own, of_own = a.of_decoder(parameters), a.of_decoder(gradients)
        losses, dy = a.likelihood.value_and_gradient(y, batch.x, weights, context, own, of_own)
        dz = a.backward(parameters, decoded, dy, gradients, context)
        divergences, slopes = codes.kl_to_normal(posterior, weights, self._betas(y, context), context)
        codes.add_through_draw(posterior, eps, dz, slopes)
        of_encoder = a.of_encoder(gradients)
        a.encoder.backward(a.of_encoder(parameters), encoded, slopes, of_encoder, context, wants_input=False)
        return self._sum(losses, divergences, context)

    def values(self, parameters: Parameters, batch: Batch, context: Context) -> Any:
        """Return the samples' terms of L, (n,), with one draw from each posterior."""
        a, labels = self.architecture, batch.extra.get(LABELS)
        posterior, _ = a.posterior(parameters, batch.x, labels, context)
        z, _ = codes.reparameterise(posterior, context)
        y, _ = a.outputs(parameters, z, labels, context)
        losses = a.likelihood.values(y, batch.x, context, a.of_decoder(parameters))
        return self._sum(losses, codes.kl_values(posterior, context), context)

    def _betas(self, like: Any, context: Context) -> Any:
        betas = context.empty((1,), like.dtype)
        fill(self.beta, betas)
        return betas

    def _sum(self, losses: Any, divergences: Any, context: Context) -> Any:
        values = context.empty(losses.shape, losses.dtype)
        negative_bound(losses, self.beta, divergences, values)
        return values
