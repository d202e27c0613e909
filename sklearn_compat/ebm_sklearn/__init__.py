"""Energy-based models as scikit-learn estimators."""

from __future__ import annotations

from ebm.boltzmann.class_monitor import ClassificationMonitor
from ebm.boltzmann.monitors import AISMonitor, FreeEnergyGap, PseudoLikelihood, ReconstructionError
from ebm.boltzmann.trajectory import LogPartitionTracker
from ebm.storage import ModelFileError
from ebm.training import Checkpoint, DivergenceError, EarlyStopping, Progress
from ebm_sklearn._warnings import FitInterruptedWarning, OutOfRangeWarning, UntrustedEstimateWarning
from ebm_sklearn.bernoulli_rbm import BernoulliRBM
from ebm_sklearn.boltzmann_machine import BoltzmannMachine
from ebm_sklearn.conditional_vae import ConditionalVAE
from ebm_sklearn.dense_associative import DenseAssociativeMemory
from ebm_sklearn.displays import HistoryDisplay, RBMFiltersDisplay, SamplesDisplay
from ebm_sklearn.energy_display import EnergyTraceDisplay
from ebm_sklearn.hetero_associative import HeteroAssociativeMemory
from ebm_sklearn.hopfield import HopfieldNetwork
from ebm_sklearn.mixture_of_experts import MixtureOfExperts
from ebm_sklearn.modern_hopfield import ModernHopfield
from ebm_sklearn.product_of_experts import ProductOfExperts
from ebm_sklearn.rbm import RBM
from ebm_sklearn.rbm_classifier import RBMClassifier
from ebm_sklearn.variational_autoencoder import VariationalAutoencoder

__all__ = [
    "RBM",
    "AISMonitor",
    "BernoulliRBM",
    "BoltzmannMachine",
    "Checkpoint",
    "ClassificationMonitor",
    "ConditionalVAE",
    "DenseAssociativeMemory",
    "DivergenceError",
    "EarlyStopping",
    "EnergyTraceDisplay",
    "FitInterruptedWarning",
    "FreeEnergyGap",
    "HeteroAssociativeMemory",
    "HistoryDisplay",
    "HopfieldNetwork",
    "LogPartitionTracker",
    "MixtureOfExperts",
    "ModelFileError",
    "ModernHopfield",
    "OutOfRangeWarning",
    "ProductOfExperts",
    "Progress",
    "PseudoLikelihood",
    "RBMClassifier",
    "RBMFiltersDisplay",
    "ReconstructionError",
    "SamplesDisplay",
    "UntrustedEstimateWarning",
    "VariationalAutoencoder",
]
