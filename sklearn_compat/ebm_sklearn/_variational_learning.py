"""What variational autoencoders share: their parameters, what they learn, files, and pictures' shapes."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_array, check_is_fitted

from ebm.autoencoder.likelihood import (
    FEATURES,
    HIGHEST,
    LOWEST,
    SHARED,
    BernoulliLikelihood,
    GaussianLikelihood,
    Likelihood,
)
from ebm.autoencoder.model import DECODER
from ebm.autoencoder.variational import Variational
from ebm.autoencoder.variational_layout import (
    VariationalArchitecture,
    convolutional_variational_layout,
    own_variational_layout,
    variational_layout,
)
from ebm.autoencoder.variational_model import VariationalModel
from ebm.data import deviations
from ebm.networks.sequential import prefixed
from ebm.random import Random, Stream
from ebm_sklearn._network_learning import Samples
from ebm_sklearn.autoencoder import (
    AUTOENCODER_CONSTRAINTS,
    CONVOLUTION_CONSTRAINTS,
    LearningAutoencoder,
    first_parameters,
)

NOT_OURS = ("code_activation", "loss", "tied")
VARIATIONAL_CONSTRAINTS: dict[str, list[Any]] = {
    **CONVOLUTION_CONSTRAINTS,
    **{name: kinds for name, kinds in AUTOENCODER_CONSTRAINTS.items() if name not in NOT_OURS},
    "likelihood": [StrOptions({"bernoulli", "gaussian"})],
    "noise_variance": [StrOptions({SHARED, FEATURES}), Interval(Real, 0, None, closed="neither")],
    "beta": [Interval(Real, 0, None, closed="left")],
    "n_importance": [Interval(Integral, 1, None, closed="left")],
}


class LearningVariational(LearningAutoencoder):
    """The work behind `VariationalAutoencoder` and `ConditionalVAE`, whose parameters these are."""

    likelihood: str
    noise_variance: Any
    beta: float
    n_importance: int

    @property
    def loss(self) -> str:  # type: ignore[override]
        """What the features are, in an autoencoder's words: "bernoulli" for values in [0, 1], else "squared"."""
        return "bernoulli" if self.likelihood == "bernoulli" else "squared"

    @property
    def noise_variance_(self) -> Any:
        """Variance of the decoder's normal noise: a number, or an ndarray of shape (n_features,) with one each."""
        check_is_fitted(self)
        if self.likelihood == "bernoulli":
            raise AttributeError("there is no noise_variance_: the likelihood is 'bernoulli'")
        found = np.exp(np.clip(self.parameters_[f"{DECODER}log_variance"], LOWEST, HIGHEST))
        return found if self.noise_variance == FEATURES else float(found[0])

    # ---- what is learnt ----

    def _n_classes(self) -> int:
        """Classes that encoder and decoder are told of; 0: none."""
        return 0

    def _likelihood(self) -> Likelihood:
        return BernoulliLikelihood() if self.likelihood == "bernoulli" else GaussianLikelihood(self.noise_variance)

    def _architecture(self) -> VariationalArchitecture:  # type: ignore[override]
        own: tuple[Any, Any] = (self.encoder, self.decoder)
        more: dict[str, Any] = {"likelihood": self._likelihood(), "n_classes": self._n_classes()}
        if None not in own:
            return own_variational_layout(*own, self.sample_shape_, **more)
        if own != (None, None):
            raise ValueError(
                f"encoder and decoder go together, got encoder={self.encoder!r} and decoder={self.decoder!r}"
            )
        more["activation"] = self.activation
        hidden, channels = tuple(self.hidden_layer_sizes), tuple(self.channels)
        if channels:
            more["kernel_size"] = self.kernel_size
            return convolutional_variational_layout(self.sample_shape_, self.n_components, channels, hidden, **more)
        return variational_layout(int(np.prod(self.sample_shape_)), self.n_components, hidden, **more)

    def _objective(self) -> Any:
        return Variational(self._architecture(), float(self.beta))

    def _first_parameters(self, random: Random, samples: Samples) -> dict[str, np.ndarray]:
        a, data = self._architecture(), samples.data
        found = first_parameters(a, random, data, self.loss)  # type: ignore[arg-type]
        variance = deviations(data).astype(np.float64) ** 2
        return {**found, **prefixed(a.likelihood.initial(a.n_features, data.dtype, variance), DECODER)}

    # ---- what is done with it ----

    def _model(self) -> VariationalModel:  # type: ignore[override]
        return VariationalModel(self._architecture(), self.parameters_)

    def _bound_random(self) -> Random:
        """The same random numbers for every bound, from the seed of the fit."""
        return Random(self._seed).child(Stream.IMPORTANCE)

    def _checked_codes(self, X: Any) -> np.ndarray:
        z = check_array(X, dtype=self._dtype, order="C", input_name="X", estimator=self)
        if z.shape[1] != self._n_features_out:
            raise ValueError(
                f"X has {z.shape[1]} columns, but the codes of this {type(self).__name__} have {self._n_features_out}"
            )
        return z

    def _halves(self, of_rows: Callable[..., tuple[np.ndarray, np.ndarray]]) -> Callable[..., np.ndarray]:
        """Let a function give its pair side by side."""
        return lambda *given: np.hstack(of_rows(*given))
