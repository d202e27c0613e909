"""Energy-based models as scikit-learn estimators."""

from __future__ import annotations

from ebm.boltzmann.class_monitor import ClassificationMonitor
from ebm.boltzmann.monitors import AISMonitor, FreeEnergyGap, PseudoLikelihood, ReconstructionError
from ebm.storage import ModelFileError
from ebm.training import Checkpoint, DivergenceError, EarlyStopping, Progress
from ebm_sklearn._warnings import FitInterruptedWarning, OutOfRangeWarning, UntrustedEstimateWarning
from ebm_sklearn.bernoulli_rbm import BernoulliRBM
from ebm_sklearn.displays import HistoryDisplay, RBMFiltersDisplay, SamplesDisplay
from ebm_sklearn.rbm import RBM
from ebm_sklearn.rbm_classifier import RBMClassifier

__all__ = [
    "RBM",
    "AISMonitor",
    "BernoulliRBM",
    "Checkpoint",
    "ClassificationMonitor",
    "DivergenceError",
    "EarlyStopping",
    "FitInterruptedWarning",
    "FreeEnergyGap",
    "HistoryDisplay",
    "ModelFileError",
    "OutOfRangeWarning",
    "Progress",
    "PseudoLikelihood",
    "RBMClassifier",
    "RBMFiltersDisplay",
    "ReconstructionError",
    "SamplesDisplay",
    "UntrustedEstimateWarning",
]
