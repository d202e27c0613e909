"""Energy-based models as scikit-learn estimators.

A name's module is imported when the name is first asked for: who wants one estimator waits for one.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

# A new name is a line here, and the same as an import under TYPE_CHECKING for mypy and editors (a test compares them).
_MODULES = {
    "AISMonitor": "ebm.boltzmann.monitors",
    "AttentionDisplay": "ebm_sklearn.attention_display",
    "Autoencoder": "ebm_sklearn.autoencoder",
    "BernoulliRBM": "ebm_sklearn.bernoulli_rbm",
    "BoltzmannMachine": "ebm_sklearn.boltzmann_machine",
    "Checkpoint": "ebm.training",
    "ClassificationMonitor": "ebm.boltzmann.class_monitor",
    "ConditionalVAE": "ebm_sklearn.conditional_vae",
    "ContextAutoencoder": "ebm_sklearn.context_autoencoder",
    "DenoisingAutoencoder": "ebm_sklearn.denoising_autoencoder",
    "DenoisingDisplay": "ebm_sklearn.autoencoder_displays",
    "DenseAssociativeMemory": "ebm_sklearn.dense_associative",
    "DivergenceError": "ebm.training",
    "EarlyStopping": "ebm.training",
    "EnergyTraceDisplay": "ebm_sklearn.energy_display",
    "FeatureDictionaryDisplay": "ebm_sklearn.feature_dictionary_display",
    "FitInterruptedWarning": "ebm_sklearn._warnings",
    "FreeEnergyGap": "ebm.boltzmann.monitors",
    "GradientFlowDisplay": "ebm_sklearn.gradient_flow_display",
    "HeteroAssociativeMemory": "ebm_sklearn.hetero_associative",
    "HistoryDisplay": "ebm_sklearn.displays",
    "HopfieldNetwork": "ebm_sklearn.hopfield",
    "LatentGridDisplay": "ebm_sklearn.latent_displays",
    "LatentPlaneDisplay": "ebm_sklearn.latent_displays",
    "LatentWalkDisplay": "ebm_sklearn.latent_walk_display",
    "LogPartitionTracker": "ebm.boltzmann.trajectory",
    "MixtureOfExperts": "ebm_sklearn.mixture_of_experts",
    "ModelFileError": "ebm.storage",
    "ModernHopfield": "ebm_sklearn.modern_hopfield",
    "OutOfRangeWarning": "ebm_sklearn._warnings",
    "ProductOfExperts": "ebm_sklearn.product_of_experts",
    "Progress": "ebm.training",
    "PseudoLikelihood": "ebm.boltzmann.monitors",
    "RBM": "ebm_sklearn.rbm",
    "RBMClassifier": "ebm_sklearn.rbm_classifier",
    "RBMFiltersDisplay": "ebm_sklearn.displays",
    "RNNClassifier": "ebm_sklearn.rnn_classifier",
    "RNNRegressor": "ebm_sklearn.rnn_regressor",
    "ReconstructionDisplay": "ebm_sklearn.autoencoder_displays",
    "ReconstructionError": "ebm.boltzmann.monitors",
    "SamplesDisplay": "ebm_sklearn.displays",
    "Seq2Seq": "ebm_sklearn.seq2seq",
    "SequenceGenerator": "ebm_sklearn.sequence_generator",
    "SequenceLabeler": "ebm_sklearn.sequence_labeler",
    "SequenceRegressor": "ebm_sklearn.sequence_regressor",
    "SequenceScaler": "ebm_sklearn.sequence_scaler",
    "SparseAutoencoder": "ebm_sklearn.sparse_autoencoder",
    "StackedAutoencoder": "ebm_sklearn.stacked_autoencoder",
    "StackedAutoencoderClassifier": "ebm_sklearn.stacked_autoencoder_classifier",
    "UnendedSequenceWarning": "ebm_sklearn._warnings",
    "UntrustedEstimateWarning": "ebm_sklearn._warnings",
    "VariationalAutoencoder": "ebm_sklearn.variational_autoencoder",
    "Vocabulary": "ebm_sklearn.vocabulary",
    "from_channels": "ebm_sklearn.sequences",
    "from_lengths": "ebm_sklearn.sequences",
    "from_padded": "ebm_sklearn.sequences",
    "to_padded": "ebm_sklearn.sequences",
}

__all__ = list(_MODULES)

if TYPE_CHECKING:
    from ebm.boltzmann.class_monitor import ClassificationMonitor as ClassificationMonitor
    from ebm.boltzmann.monitors import AISMonitor as AISMonitor
    from ebm.boltzmann.monitors import FreeEnergyGap as FreeEnergyGap
    from ebm.boltzmann.monitors import PseudoLikelihood as PseudoLikelihood
    from ebm.boltzmann.monitors import ReconstructionError as ReconstructionError
    from ebm.boltzmann.trajectory import LogPartitionTracker as LogPartitionTracker
    from ebm.storage import ModelFileError as ModelFileError
    from ebm.training import Checkpoint as Checkpoint
    from ebm.training import DivergenceError as DivergenceError
    from ebm.training import EarlyStopping as EarlyStopping
    from ebm.training import Progress as Progress
    from ebm_sklearn._warnings import FitInterruptedWarning as FitInterruptedWarning
    from ebm_sklearn._warnings import OutOfRangeWarning as OutOfRangeWarning
    from ebm_sklearn._warnings import UnendedSequenceWarning as UnendedSequenceWarning
    from ebm_sklearn._warnings import UntrustedEstimateWarning as UntrustedEstimateWarning
    from ebm_sklearn.attention_display import AttentionDisplay as AttentionDisplay
    from ebm_sklearn.autoencoder import Autoencoder as Autoencoder
    from ebm_sklearn.autoencoder_displays import DenoisingDisplay as DenoisingDisplay
    from ebm_sklearn.autoencoder_displays import ReconstructionDisplay as ReconstructionDisplay
    from ebm_sklearn.bernoulli_rbm import BernoulliRBM as BernoulliRBM
    from ebm_sklearn.boltzmann_machine import BoltzmannMachine as BoltzmannMachine
    from ebm_sklearn.conditional_vae import ConditionalVAE as ConditionalVAE
    from ebm_sklearn.context_autoencoder import ContextAutoencoder as ContextAutoencoder
    from ebm_sklearn.denoising_autoencoder import DenoisingAutoencoder as DenoisingAutoencoder
    from ebm_sklearn.dense_associative import DenseAssociativeMemory as DenseAssociativeMemory
    from ebm_sklearn.displays import HistoryDisplay as HistoryDisplay
    from ebm_sklearn.displays import RBMFiltersDisplay as RBMFiltersDisplay
    from ebm_sklearn.displays import SamplesDisplay as SamplesDisplay
    from ebm_sklearn.energy_display import EnergyTraceDisplay as EnergyTraceDisplay
    from ebm_sklearn.feature_dictionary_display import FeatureDictionaryDisplay as FeatureDictionaryDisplay
    from ebm_sklearn.gradient_flow_display import GradientFlowDisplay as GradientFlowDisplay
    from ebm_sklearn.hetero_associative import HeteroAssociativeMemory as HeteroAssociativeMemory
    from ebm_sklearn.hopfield import HopfieldNetwork as HopfieldNetwork
    from ebm_sklearn.latent_displays import LatentGridDisplay as LatentGridDisplay
    from ebm_sklearn.latent_displays import LatentPlaneDisplay as LatentPlaneDisplay
    from ebm_sklearn.latent_walk_display import LatentWalkDisplay as LatentWalkDisplay
    from ebm_sklearn.mixture_of_experts import MixtureOfExperts as MixtureOfExperts
    from ebm_sklearn.modern_hopfield import ModernHopfield as ModernHopfield
    from ebm_sklearn.product_of_experts import ProductOfExperts as ProductOfExperts
    from ebm_sklearn.rbm import RBM as RBM
    from ebm_sklearn.rbm_classifier import RBMClassifier as RBMClassifier
    from ebm_sklearn.rnn_classifier import RNNClassifier as RNNClassifier
    from ebm_sklearn.rnn_regressor import RNNRegressor as RNNRegressor
    from ebm_sklearn.seq2seq import Seq2Seq as Seq2Seq
    from ebm_sklearn.sequence_generator import SequenceGenerator as SequenceGenerator
    from ebm_sklearn.sequence_labeler import SequenceLabeler as SequenceLabeler
    from ebm_sklearn.sequence_regressor import SequenceRegressor as SequenceRegressor
    from ebm_sklearn.sequence_scaler import SequenceScaler as SequenceScaler
    from ebm_sklearn.sequences import from_channels as from_channels
    from ebm_sklearn.sequences import from_lengths as from_lengths
    from ebm_sklearn.sequences import from_padded as from_padded
    from ebm_sklearn.sequences import to_padded as to_padded
    from ebm_sklearn.sparse_autoencoder import SparseAutoencoder as SparseAutoencoder
    from ebm_sklearn.stacked_autoencoder import StackedAutoencoder as StackedAutoencoder
    from ebm_sklearn.stacked_autoencoder_classifier import StackedAutoencoderClassifier as StackedAutoencoderClassifier
    from ebm_sklearn.variational_autoencoder import VariationalAutoencoder as VariationalAutoencoder
    from ebm_sklearn.vocabulary import Vocabulary as Vocabulary
else:  # mypy does not see this function, or it would believe in every name

    def __getattr__(name):
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(_MODULES[name]), name)
        return value


def __dir__() -> list[str]:
    return sorted(globals().keys() | _MODULES.keys())
