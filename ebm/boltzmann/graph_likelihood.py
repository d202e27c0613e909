"""log Z of a Boltzmann machine on a graph: by enumeration where it can be, by annealing where not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ebm.boltzmann import graph_enumeration
from ebm.boltzmann.boltzmann_machine import BoltzmannMachine
from ebm.boltzmann.units import Bernoulli
from ebm.random import Random
from ebm.sampling.annealing import LogPartition, annealed_importance_sampling, exact_value, temperatures, told
from ebm.sampling.tempered import TemperedPath


def log_partition(
    model: BoltzmannMachine,
    *,
    random: Random,
    means: np.ndarray | None = None,
    n_chains: int = 100,
    n_temperatures: int = 1000,
    exact_below: int = 2**20,
) -> LogPartition:
    """Return log Z, exactly where few states have to be enumerated, else by annealed importance sampling.

    Parameters
    ----------
    model : BoltzmannMachine
    random : Random
        The estimate is a function of its seed.
    means : ndarray of shape (n_units,), optional
        Means of the units, which the base then has (held within [0.001, 0.999]): those of the data, and 0.5 or better
        for hidden units. By default the base is the model's own, ``base_bias``.
    n_chains, n_temperatures : int
        Of annealed importance sampling, which costs their product in sweeps.
    exact_below : int
        Enumerate up to this number of states.

    Returns
    -------
    LogPartition

    Warns
    -----
    UntrustedEstimateWarning
        When the estimate's own diagnosis says that it must not be believed.

    Raises
    ------
    ValueError
        When ``means`` do not fit, or a number is out of range.
    """
    if means is not None:
        means = np.asarray(means, np.float64)
        if means.shape != (model.n_units,) or not np.isfinite(means).all():
            raise ValueError(f"means must be {model.n_units} finite numbers, got {means.shape}: {means}")
        model = replace(model, base_bias=Bernoulli().bias_from_mean(means).astype(model.dtype))
    if 2 ** graph_enumeration.n_enumerated(model) <= exact_below:
        return exact_value(graph_enumeration.log_partition(model))
    return told(annealed_importance_sampling(TemperedPath(model), n_chains, temperatures(n_temperatures), random))
