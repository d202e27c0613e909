"""The choice of a learner, by rule and device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ebm.boltzmann.data import TrainingData
from ebm.boltzmann.exact import ExactLearner
from ebm.boltzmann.learning import ContrastiveLearner
from ebm.boltzmann.rbm import RBM
from ebm.boltzmann.rule import Rule
from ebm.random import Random

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
        return ExactLearner(model, data, rule, random, n_epochs=n_epochs)
    if place.name == "cpu":
        return ContrastiveLearner(model, data, rule, random, n_epochs=n_epochs, n_threads=n_threads)
    from ebm.boltzmann.device_learning import DeviceLearner

    return DeviceLearner(model, data, rule, random, n_epochs=n_epochs, device=place)
