"""Named, counter-based random streams.

Every number is Philox4x32-10 of (column, row, step, stream) under the seed, so it does not depend on threads, tiles,
workers or device. A ``Draw`` tells a kernel where its numbers stand; ``Random`` hands them out.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np

from ebm.kernels.philox import uniforms


class Stream(enum.IntEnum):
    """What a stream of random numbers is for; two purposes never share one."""

    VISIBLE = 1  # visible states in a sweep of Gibbs
    HIDDEN = 2  # hidden states in a sweep of Gibbs
    START = 3  # hidden states from which contrastive divergence starts
    SHUFFLE = 4  # the order of samples in an epoch
    WEIGHTS = 5  # initial weights
    CHAINS = 6  # initial states of chains
    ANNEALING_VISIBLE = 7
    ANNEALING_HIDDEN = 8
    BASE = 9  # the base model's states in annealed importance sampling
    PSEUDO_LIKELIHOOD = 10  # which visible unit the stochastic pseudo-likelihood flips
    TEMPERED_VISIBLE = 50  # visible states in a sweep at many temperatures
    TEMPERED_HIDDEN = 51
    BASE_HIDDEN = 52  # the base model's hidden states, where whole states are asked for
    SWAP = 53  # whether neighbours of a ladder change places
    LEVEL = 54  # the temperature to which a chain of simulated tempering moves
    TRANSITION = 55  # whether a tempered transition is accepted
    PROPOSAL = 56  # what Metropolis proposes
    METROPOLIS = 57  # whether it is accepted
    UNIT_ORDER = 20  # the order of units in a sweep of asynchronous recall
    PATTERNS = 21  # random patterns to store
    CORRUPTION = 22  # which units of a cue are flipped
    LATTICE_EVEN = 40  # spins of a lattice's even sites in a sweep
    LATTICE_ODD = 41
    LATTICE_START = 42  # initial spins of a lattice
    LATTICE_COUPLINGS = 43  # couplings of a spin glass
    GRAPH = 30  # units of a Boltzmann machine on a graph, in a sweep of colour-block Gibbs
    GRAPH_BASE = 31  # its base model's states
    GRAPH_CHAINS = 32  # initial states of its chains
    GRAPH_CLAMPED = 33  # hidden units where the visible ones are clamped
    GRAPH_HIDDEN = 34  # the states from which these start
    PILOT = 60  # seeds of the runs that choose temperatures
    TRAJECTORY = 61  # the seed of the chains that follow a model while it learns
    RESAMPLING = 62  # which chains of a population go on
    REVERSE_STARTS = 63  # the seed of the chains that sample a model before it is annealed in reverse
    LOG_PARTITION = 64  # the seed of an estimate of log Z after a fit, whose own seed learning has used
    EXPERT_MOMENTUM = 70  # momenta of Hamiltonian moves
    EXPERT_ACCEPTANCE = 71  # whether they are accepted, and how long their steps are
    EXPERT_SCALES = 72  # scales of Student-t experts, given the state
    EXPERT_STATES = 73  # states, given the scales
    EXPERT_ACTIVATIONS = 74  # exact samples of a product of experts: its experts' activations
    EXPERT_COMPLEMENT = 75  # exact samples: what no expert looks at
    EXPERT_BASE = 76  # the base of annealed importance sampling
    MIXTURE_START = 77  # first means of a mixture
    MIXTURE_COMPONENT = 78  # samples of a mixture: which component
    MIXTURE_STATES = 79  # samples of a mixture: the states
    DROPOUT = 90  # which inputs of a layer are dropped
    CORRUPTION_NOISE = 91  # Gaussian noise on a network's inputs
    MASKING = 92  # which inputs are masked
    SALT_AND_PEPPER = 93  # which inputs become salt or pepper
    VAE_NOISE = 94  # the latent noise of a variational autoencoder
    VALIDATION = 95  # which samples are held out, and the noise under which they are judged
    IMPORTANCE = 96  # codes that an importance-weighted bound draws from the posterior
    VAE_SAMPLE = 97  # samples of a variational autoencoder: codes from the prior, and data given them
    PRETRAINING = 98  # seeds of the layers of a stack, each learnt on its own
    HEAD = 99  # first weights of a classifier on top of an encoder
    SEQUENCE_DROPOUT = 105  # which columns are dropped from whole sequences
    RECURRENT_DROPOUT = 106  # which units a recurrent cell's products do not see, in a whole sequence
    ATTENTION = 120  # first weights of attention
    DECODER = 121  # first weights of what turns a source's frames into a target: bridge, embedding, cells, output
    GENERATION = 115  # tokens drawn from a model of sequences


@dataclass(frozen=True)
class Draw:
    """Where a kernel finds its uniforms: seed (64 bits), stream, step and the number of the first row."""

    seed: int
    stream: int
    step: int = 0
    first_row: int = 0


@dataclass(frozen=True)
class Random:
    """Random numbers under one seed (an integer in [0, 2**64))."""

    seed: int

    def at(self, stream: Stream, step: int = 0, first_row: int = 0) -> Draw:
        """Name a place in the streams."""
        return Draw(self.seed, int(stream), step, first_row)

    def child(self, stream: Stream, number: int = 0) -> Random:
        """Return random numbers under another seed (52 bits), drawn from this one: for a run within a run."""
        return Random(int(self.uniform((1, 1), stream, number, np.float64)[0, 0] * 2**52))

    def uniform(
        self, shape: tuple[int, int], stream: Stream, step: int = 0, dtype: type = np.float32, first_row: int = 0
    ) -> np.ndarray:
        """Uniforms in the open interval (0, 1), shape (rows, columns)."""
        return uniforms(shape, self.seed, step, int(stream), dtype, first_row)

    def permutation(self, n: int, epoch: int) -> np.ndarray:
        """Return an order of ``n`` samples for one epoch, int64, from 52-bit keys."""
        keys = self.uniform((1, n), Stream.SHUFFLE, epoch, np.float64)[0]
        return np.argsort(keys, kind="stable")

    def normal(self, shape: tuple[int, int], stream: Stream, step: int = 0, dtype: type = np.float32) -> np.ndarray:
        """Return standard normal numbers: sqrt(-2 log u1) cos(2 pi u2) of two uniforms (Box & Muller 1958, eq. 1)."""
        rows, columns = shape
        u = self.uniform((rows, 2 * columns), stream, step, np.float64)
        radius, angle = np.sqrt(-2.0 * np.log(u[:, :columns])), 2.0 * np.pi * u[:, columns:]
        return (radius * np.cos(angle)).astype(dtype)
