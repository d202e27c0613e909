"""The choice of a learner, by rule, unit types and device.

Binary units learn by CD and PCD in fused loops, on the CPU and on the GPU; everything else is a ``GradientLearner``.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.boltzmann.enumeration import check_enumerable
from ebm.boltzmann.exact import NAMES
from ebm.boltzmann.gradient_learning import GradientLearner
from ebm.boltzmann.learning import ContrastiveLearner, check_width
from ebm.boltzmann.phases import ContrastivePhase, ExactPhase, FastPhase, PersistentPhase, Phase
from ebm.boltzmann.rbm import RBM
from ebm.boltzmann.rule import Rule
from ebm.boltzmann.tempered_phase import TemperedPhase
from ebm.data import TrainingData
from ebm.optimizers.schedules import as_schedule
from ebm.random import Random, Stream

if TYPE_CHECKING:
    from ebm.device import Device


def make_learner(
    model: RBM,
    data: TrainingData,
    rule: Rule,
    random: Random,
    *,
    n_epochs: int,
    device: str | Device = "cpu",
    n_threads: int | None = None,
) -> Any:
    """Return the learner for a rule on a device.

    Parameters
    ----------
    model, data, rule, random, n_epochs, n_threads
        As of ``ContrastiveLearner``.
    device : {"cpu", "cuda", "auto"} or Device
        Exact learning is NumPy's work, on the CPU only.

    Raises
    ------
    ValueError
        When exact learning is asked for on a GPU.
    RuntimeError
        When "cuda" is asked for and there is no usable GPU.
    """
    from ebm.device import get_device

    place = get_device(device)
    if rule.learning == "exact":
        if place.name != "cpu" and device != "auto":
            raise ValueError(f"learning='exact' runs on the CPU: device must be 'cpu' or 'auto', got {device!r}")
        check_width(model, data)
        check_enumerable(model)
        return GradientLearner(model, data, rule, random, lambda inside: ExactPhase(), n_epochs=n_epochs)
    binary = (model.visible.name, model.hidden.name) == ("bernoulli", "bernoulli")
    if not binary or rule.learning not in ("cd", "pcd"):
        check_width(model, data)
        with place.active():
            return GradientLearner(
                model, data, rule, random, partial(_chains, rule, random, place), n_epochs=n_epochs, device=place
            )
    if place.name == "cpu":
        return ContrastiveLearner(model, data, rule, random, n_epochs=n_epochs, n_threads=n_threads)
    from ebm.boltzmann.device_learning import DeviceLearner

    return DeviceLearner(model, data, rule, random, n_epochs=n_epochs, device=place)


def _chains(rule: Rule, random: Random, place: Device, model: RBM) -> Phase:
    """Return the model's side by chains, started from the units' own biases; ``model`` stands on the device."""
    if rule.learning == "cd":
        return ContrastivePhase(rule.n_gibbs, random)
    if rule.learning == "pt":
        return TemperedPhase(rule.n_gibbs, random, model, rule.chains, rule.n_temperatures)
    bias = place.zeros((rule.chains, model.n_hidden), model.dtype) + model.hidden_bias
    chains = model.hidden.sample(bias, random.at(Stream.CHAINS))
    if rule.learning == "fpcd":
        fast = {name: place.zeros(getattr(model, name).shape, model.dtype) for name in NAMES}
        rate = float(as_schedule(rule.learning_rate, "learning_rate")(np.zeros(1))[0])
        return FastPhase(rule.n_gibbs, random, chains, fast, rate)
    return PersistentPhase(rule.n_gibbs, random, chains)
