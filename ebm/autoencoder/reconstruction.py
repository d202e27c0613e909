"""The objective of autoencoders: reconstruct x from the code of x, or of x corrupted.

    L = sum_n w_n l(g(f(c(x_n))), x_n) + beta sum_j KL(rho || mean_n f_j(x_n))

with a squared or Bernoulli loss l, a corruption c (none by default) and, for sparse codes, the penalty on mean
activities.

Source: Vincent, Larochelle, Lajoie, Bengio & Manzagol 2010 (JMLR 11:3371), eqs. 1 to 4 and section 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ebm.autoencoder.model import Architecture
from ebm.kernels.threads import replayable
from ebm.networks import losses
from ebm.networks.context import Context
from ebm.networks.layer import Parameters
from ebm.networks.objective import Batch

LOSSES = {"squared": losses.SquaredError(), "bernoulli": losses.BernoulliCrossEntropy()}


@dataclass(frozen=True)
class Reconstruction:
    """What an autoencoder learns; satisfies `Objective`.

    Parameters
    ----------
    architecture : Architecture
    loss : {"squared", "bernoulli"}
        Squared error, or cross-entropy with the decoder's outputs as logits.
    corruption : object of ebm.networks.corruption, optional
        Noise on the inputs, fresh in every update; the targets stay clean.
    sparsity : Sparsity, optional
        Penalty on the mean activity of code units, which must lie in (0, 1).
    """

    architecture: Architecture
    loss: str = "squared"
    corruption: Any = None
    sparsity: Any = None

    @property
    def statistics(self) -> tuple[str, ...]:
        """Parameters that no gradient moves."""
        return self.architecture.statistics

    def gradient(self, parameters: Parameters, batch: Batch, gradients: Parameters, context: Context) -> Any:
        """Write the gradient of L and return the losses l of the samples."""
        a, x = self.architecture, self._input(batch.x, context)
        z, encoded = a.encoder.forward(a.of_encoder(parameters), x, context)
        y, decoded = a.decoder.forward(a.of_decoder(parameters), z, context)
        values, dy = LOSSES[self.loss].value_and_gradient(y, batch.x, batch.weights, context)
        of_decoder = a.of_decoder(gradients)
        dz = a.decoder.backward(a.of_decoder(parameters), decoded, dy, of_decoder, context)
        if self.sparsity is not None:
            self.sparsity.penalise(z, batch.weights, dz, context)
        of_encoder = a.of_encoder(gradients)
        a.encoder.backward(a.of_encoder(parameters), encoded, dz, of_encoder, context, wants_input=False)
        return values

    def values(self, parameters: Parameters, batch: Batch, context: Context) -> Any:
        """Return the losses l of the samples; inputs are corrupted where learning corrupts them."""
        a, x = self.architecture, self._input(batch.x, context)
        z, _ = a.encoder.forward(a.of_encoder(parameters), x, context)
        y, _ = a.decoder.forward(a.of_decoder(parameters), z, context)
        return LOSSES[self.loss].values(y, batch.x, context)

    def _input(self, x: Any, context: Context) -> Any:
        if self.corruption is not None:
            clean, x = x, context.empty(x.shape, x.dtype)
            with replayable(self.corruption):
                self.corruption.apply(clean, x, context)
        return x.reshape(-1, *self.architecture.shape)
