"""How far one distribution is from another: KL and its relatives, transport, kernels, and bounds on evidence."""

from ebm.divergences.bounds import Evidence, evidence
from ebm.divergences.discrete import entropy, js, kl, mutual_information
from ebm.divergences.gaussian import kl_gaussian, wasserstein_gaussian
from ebm.divergences.kernel import mmd2
from ebm.divergences.projection import Projection, project_gaussian
from ebm.divergences.wasserstein import Transport, transport, wasserstein_1d

__all__ = [
    "Evidence",
    "Projection",
    "Transport",
    "entropy",
    "evidence",
    "js",
    "kl",
    "kl_gaussian",
    "mmd2",
    "mutual_information",
    "project_gaussian",
    "transport",
    "wasserstein_1d",
    "wasserstein_gaussian",
]
