"""What the compiler made of the CPU loops: no double in float32 ones, and vector registers."""

import importlib
import pkgutil
import platform
import re

import numba
import numpy as np
import pytest
from numba.core.caching import NullCache

import ebm.kernels
from ebm.autoencoder.layout import dense_layout
from ebm.autoencoder.reconstruction import Reconstruction
from ebm.boltzmann.annealing import RBMPath
from ebm.boltzmann.boltzmann_machine import BoltzmannMachine
from ebm.boltzmann.ising import IsingLattice
from ebm.boltzmann.learning import ContrastiveLearner
from ebm.boltzmann.rule import Rule
from ebm.boltzmann.tempered_rbm import TemperedRBM
from ebm.data import TrainingData
from ebm.kernels import categorical, conditional, dense_associative, hopfield, jit, linear, patches, storkey, units
from ebm.kernels.activations import KINDS, activate, backward
from ebm.kernels.bernoulli import bernoulli
from ebm.kernels.box_muller import normals
from ebm.kernels.classes import class_scores, class_sums, draw_classes
from ebm.kernels.contrastive_columns import add_row
from ebm.kernels.dense import add_into
from ebm.kernels.experts import expert_energies
from ebm.kernels.philox import uniforms
from ebm.kernels.processor import FEATURES
from ebm.kernels.reduce import column_sums, softplus_rows
from ebm.kernels.update import update
from ebm.kernels.vector import at
from ebm.networks.context import Context
from ebm.networks.convolution import Convolution, TransposedConvolution
from ebm.networks.corruption import GaussianNoise, SaltAndPepper, corrupt
from ebm.networks.learning import NetworkLearner
from ebm.optimizers.adam import Adam
from ebm.random import Draw, Random
from ebm.sampling.ladder import BetaLadder
from ebm.sampling.parallel_tempering import ParallelTempering
from tests.boltzmann.models import small_model
from tests.kernels.network_loops import use_losses, use_steps
from tests.kernels.recurrent_loops import use_recurrent
from tests.kernels.variational_loops import use_variational
from tests.networks.convolutions import both_ways, images
from tests.networks.layer_cases import CASES, EMBEDDING, outcomes

NUMBA = tuple(int(part) for part in numba.__version__.split(".")[:2])


def cores():
    """Every CPU loop of the folder, by name."""
    found = {}
    for module in pkgutil.iter_modules(ebm.kernels.__path__):
        for core in vars(importlib.import_module(f"ebm.kernels.{module.name}")).values():
            if isinstance(getattr(core, "_cache", None), jit._PackageCache):
                found[f"{core.py_func.__module__.rpartition('.')[2]}.{core.py_func.__name__}"] = core
    return found


def use_all(dtype):
    """Call everything that has a CPU loop once, so that each loop knows its signature."""
    use_losses(dtype)
    use_steps(dtype)
    use_variational(dtype)
    use_recurrent(dtype)
    a = np.zeros((3, 5), dtype)
    uniforms((3, 5), 0, 0, 0, dtype)
    bernoulli(a, None, Draw(0, 0))
    conditional.mean(a, linear.pack(a.T.copy()), np.zeros(3, dtype))
    softplus_rows(a)
    column_sums(a)
    units.means(a, a[0], units.SPIN)
    categorical.means(a, 5)
    expert_energies(a, a[0], 0)
    normals(3, 5, Draw(0, 0), a)
    class_sums(a, a, a[:, :3]), draw_classes(class_scores(a, a, a[0, :3]), Draw(0, 0))
    update(a, a.copy(), a.copy(), np.zeros(2, dtype))
    order, done = np.arange(5)[None], np.zeros(3, bool)
    hopfield.asynchronous(np.eye(5, dtype=dtype), a[0], a[0], order, a.copy(), a.copy(), done)
    dense_associative.dense_asynchronous(
        np.ones((5, 3), dtype),
        np.arange(5)[None],
        a.copy(),
        np.ones((3, 3), dtype),
        np.zeros(3, bool),
        unit=0.25,
        degree=2,
        rectified=True,
    )
    storkey.storkey_step(np.eye(5, dtype=dtype), a[0], a[0], a[0], 0.2)
    data = TrainingData.from_array(np.eye(5, dtype=dtype))
    model = small_model(5, 3, dtype=dtype)
    learner = ContrastiveLearner(model, data, Rule(), Random(0), n_epochs=1)
    learner.begin_epoch(0)
    learner.update(0, 1)
    RBMPath(model, model.visible_bias).anneal(a, np.linspace(0, 1, 3), Random(0), 0)
    family = TemperedRBM(model, model.visible_bias)
    family.sweep(family.start(2, Random(0)), np.linspace(0, 1, 2), Random(0), 0)
    ParallelTempering(BetaLadder(family, np.linspace(0, 1, 2)), 1, Random(0)).run(1)
    for layer in (Convolution(3, 2), TransposedConvolution(1, 2)):
        for shape in ((4, 3, 2), (4, 3, 32)):
            x, parameters, dy = images(layer, shape, 2, dtype)
            both_ways(layer, x, parameters, dy)
    for n_chains in (1, 8):
        lattice = IsingLattice((4, 4), dtype=dtype)
        lattice.potential(lattice.sample(n_chains, 1, random=0))
    graph = BoltzmannMachine.from_matrix(1 - np.eye(5, dtype=dtype))
    for n_chains in (1, 20):
        graph.gibbs(graph.random_states(n_chains, Random(0)), 1, Random(0))
    use_network(dtype)
    use_layers(dtype)


def use_layers(dtype):
    for case in CASES:
        outcomes(case, dtype, case.context())
    tokens, table = np.zeros((2, 3), np.int64), {"weights": np.zeros((9, 5), dtype)}
    EMBEDDING.backward(table, tokens, EMBEDDING.forward(table, tokens, Context())[0], table, Context())
    for kind in (GaussianNoise(), SaltAndPepper()):
        corrupt(np.zeros((3, 5), dtype), kind, Random(0))


def use_network(dtype):
    """A whole update of an autoencoder, and what it leaves out."""
    layout = dense_layout(5, 2, (3,), activation="tanh", tied=True)
    a = np.zeros((3, 5), dtype)
    for data in (np.full((3, 5), 0.5, dtype), np.eye(5, dtype=dtype)):
        data, start = TrainingData.from_array(data), layout.initial(Random(0), dtype)
        learner = NetworkLearner(start, Reconstruction(layout), data, Adam(), Random(0), n_epochs=1)
        learner.begin_epoch(0)
        learner.update(0, 1)
    for kind in KINDS.values():
        activate(a, kind, a.copy())
        backward(a, a, kind, a.copy())
    add_into(a, a.copy())


def compiled(core, dtype):
    """Return a loop that can be read, and its signature: compiled anew where it came from the disk cache."""
    name = np.dtype(dtype).name
    used = [s for s in core.signatures if name in str(s[0]) and not _mixed(s, dtype)]
    used = used or [s for s in core.signatures if name in str(s)]  # lists of integers come first
    if not core.stats.cache_hits:
        return core, used[0]
    fresh = jit.core(core.py_func)
    fresh._cache = NullCache()
    fresh.compile(used[0])
    return fresh, used[0]


def _mixed(signature, dtype):
    other = "float64" if np.dtype(dtype) == np.float32 else "float32"
    return f"Array({other}, 2" in str(signature[0]) or f"array({other}, 3d" in str(signature[0])


# loops that know no real numbers
OF_INTEGERS = (
    "attention._place", "colouring._first_fit", "colouring._breadth_first", "program._replay", "totals._tick_cpu",
)  # fmt: skip


@pytest.fixture(scope="module")
def single():
    use_all(np.float32)
    return {name: compiled(core, np.float32) for name, core in cores().items() if name not in OF_INTEGERS}


DOUBLE_MEANT = {
    "annealing._anneal": 4,  # one sum over many temperatures: load, widen, add, store
    # energies, and the swaps that they decide: small beside products and draws; numba 0.61 unrolls them further
    "tempering._exchange": 200 if NUMBA >= (0, 62) else 700,
    "lattice_energy._cpu": 8,  # one sum over all lines of a lattice
}


def test_every_loop_is_looked_at(single):
    assert set(single) >= {
        "bernoulli._cpu", "conditional._conditional", "reduce._softplus_cpu",
        "reduce._columns_cpu", "contrastive.contrastive_updates", "annealing._anneal",
        "tempered._cpu", "tempering._exchange", "units._cpu", "categorical._cpu",
        "hopfield._cpu", "storkey._cpu", "dense_associative._cpu",
        "lattice_lines.sweep_lines", "lattice_chains.sweep_chains", "lattice_energy._cpu",
        "colour_gibbs._alone", "colour_gibbs._crowd",
        "losses._squared_cpu", "losses._cross_entropy_cpu",
        "softmax_loss._cpu", "softmax_loss._labels_cpu", "gaussian_loss._cpu",
        "gaussian_loss._shared_cpu", "variational._divergence_cpu", "variational._draw_cpu", "variational._back_cpu",
        "sparse_code._means_cpu", "steps._sgd_cpu", "steps._rmsprop_cpu", "adam._cpu", "clipping._squares_cpu",
        "totals._cpu",
        "batch_statistics._blocks_cpu", "batch_statistics._join_cpu", "batch_statistics._inverse_cpu",
        "batch_normalisation._forward_cpu", "batch_normalisation._products_cpu", "batch_normalisation._backward_cpu",
        "layer_normalisation._forward_cpu", "layer_normalisation._products_cpu", "layer_normalisation._derivative_cpu",
        "column_totals._cpu", "softmax._forward_cpu", "softmax._backward_cpu", "pyramid._cpu",
        "embedding._forward_cpu", "embedding._gradient_cpu",
        "corruption._mask_cpu", "corruption._salt_cpu", "corruption._gauss_cpu",
        "convolution._convolve_cpu", "convolution_gradient._weights_cpu",
        "elman._forward", "elman._backward", "lstm._forward", "lstm._backward", "gru._forward", "gru._backward",
        "gru_before._forward", "gru_before._backward", "recurrence._project", "outer._outer", "frames._scatter_cpu",
        "attention_lstm._forward", "attention_lstm._backward",
        "leaky._rates_cpu", "leaky._forward_cpu", "leaky._backward_cpu",
        "deep_transition._forward", "deep_transition._backward",
        "sequence_masks._draw_cpu", "sequence_masks._apply_cpu", "ends._take_cpu", "ends._put_cpu",
        "sequence_means._mean_cpu", "sequence_means._spread_cpu",
    }  # fmt: skip


def in_double(llvm):
    """Instructions that load, compute or store doubles, but for the wrapper that turns Python's floats into ours."""
    meant = re.compile(r"^\s+(%\S+ = (?!getelementptr|bitcast)|store ).*\bdouble\b")
    functions = re.split(r"^(?=define )", llvm, flags=re.MULTILINE)
    ours = [body for body in functions if "@_ZN7cpython" not in body.partition("\n")[0]]
    assert 0 < len(ours) < len(functions)
    return [line for body in ours for line in body.splitlines() if meant.match(line)]


def test_float32_loops_compute_nothing_in_double(single):
    for name, (core, signature) in single.items():
        llvm = core.inspect_llvm(signature)
        assert "float" in llvm
        found = in_double(llvm)
        assert len(found) <= DOUBLE_MEANT.get(name, 0), (name, found[:9])


def test_a_double_that_creeps_in_is_caught():
    @jit.core
    def creeping(x, first, last):
        for i in range(first, last):
            x[i] = x[i] * 0.1

    creeping._cache = NullCache()
    creeping(np.ones(3, np.float32), 0, 3)
    assert in_double(creeping.inspect_llvm(creeping.signatures[0]))


WIDE = platform.machine() in ("x86_64", "AMD64") and "avx" in FEATURES
wide = pytest.mark.skipif(not WIDE, reason="looks for the names of x86's wide registers")


VECTORS_MEANT = {"reduce._columns_cpu": 1}
COPYING = (  # loops without arithmetic
    "batch._dense_cpu", "batch._lists_cpu", "bound._fill_cpu", "bound._repeat_cpu", "convolution._pack_cpu",
    "convolution_narrow.pack_narrow", "dense._pack", "dense._pack_transposed", "embedding._forward_cpu",
    "joining._join_cpu", "joining._part_cpu", "frames._load_cpu", "frames._gather_cpu", "frames._clear_cpu",
    "chunks._cpu", "shift._cpu", "frames._copy_cpu", "ends._take_cpu", "ends._put_cpu",
)  # fmt: skip


@wide
def test_loops_use_vector_registers(single):
    for name, (core, signature) in single.items():
        assembly = core.inspect_asm(signature)
        if name in COPYING:
            assert re.search(r"\bvmov[a-z]+\s.*[yz]mm|memcpy|memset", assembly), name
            continue
        kinds = "min|max" if name == "clipping._values_cpu" else r"add|mul|sub|fmadd\d+|fnmadd\d+|div"
        arithmetic = re.findall(rf"\bv(?:{kinds})ps\s.*[yz]mm", assembly)
        assert len(arithmetic) >= VECTORS_MEANT.get(name, 4), (name, len(arithmetic))


def sums_of_rows(add):
    """Compile a loop over rows that adds them up by ``add``, and return its assembly's vector products."""

    @jit.core
    def sums(x, factors, out, first, last):
        for r in range(first, last):
            add(x[r], factors[r], out[0], factors[r], out[1])

    sums._cache = NullCache()
    x = np.ones((3, 40), np.float32)
    sums(x, x[0], np.zeros((2, 40), np.float32), 0, 3)
    return re.findall(r"\bv(?:fmadd\d+|mul)ps\s.*[yz]mm", sums.inspect_asm(sums.signatures[0]))


@wide
@pytest.mark.skipif(NUMBA < (0, 62), reason="the LLVM of numba 0.61 leaves this loop scalar: updates are slower there")
def test_adding_rows_is_vector_code():
    assert sums_of_rows(add_row)


@wide
def test_a_loop_that_does_not_start_from_zero_is_caught():
    """The mistake: an index that might be negative, so each is asked whether it counts from the end."""

    @jit.inner
    def add(x, factor, weighted, other, plain):
        first = np.int64(factor)
        for j in range(first, x.size):
            weighted[j] += factor * x[j]
            plain[j] += other * x[j]

    assert not sums_of_rows(add)


@wide
@pytest.mark.skipif(NUMBA < (0, 62), reason="the LLVM of numba 0.61 leaves more loops scalar")
@pytest.mark.parametrize(
    ("name", "divisions"),
    [("elman._forward", 2), ("lstm._forward", 4), ("gru._forward", 2), ("gru_before._forward", 2)],
)
def test_gates_open_in_vectors(single, name, divisions):
    """A logistic function or a tanh is a division; those of i and f are one loop, and so are those of r and z."""
    core, signature = single[name]
    assert len(re.findall(r"\bvdivps\s.*[yz]mm", core.inspect_asm(signature))) >= divisions


@wide
@pytest.mark.parametrize("name", ["lattice_lines.sweep_lines", "lattice_chains.sweep_chains"])
def test_random_words_of_lattices_are_made_in_vectors(single, name):
    core, signature = single[name]
    rounds = re.findall(r"\bvpmuludq\s.*[yz]mm", core.inspect_asm(signature))
    assert len(rounds) >= 20  # ten rounds of two products


def stores_on_the_stack(multiply):
    """Compile a tile of a product and count the vectors that it keeps on the stack."""

    @jit.core
    def product(a, places, c, first, last):
        multiply(at(a, 0), at(places, 0), at(places, 0), at(a, 0), 32, last - first, at(c, 0), 32, at(c, 0), 32)

    product._cache = NullCache()
    a = np.zeros(9999, np.float32)
    product(a, np.zeros(12, np.int32), a.copy(), 0, 1)
    lines = product.inspect_asm(product.signatures[0]).splitlines()
    sums = [i for i, line in enumerate(lines) if re.search(r"\bvfmadd\d+ps\s", line)]
    assert len(sums) == 2 * patches.ROWS
    stored = r"\bvmov[au]ps\s+%[yz]mm\d+, .*\(%r[sb]p\)"
    return sum(bool(re.search(stored, line)) for line in lines[sums[0] : sums[-1]])


@pytest.mark.skipif(not WIDE or "fma" not in FEATURES, reason="looks for the names of x86's wide registers")
def test_a_convolution_keeps_its_sums_in_registers(monkeypatch):
    assert not stores_on_the_stack(patches._large)
    monkeypatch.setattr(patches, "REGISTER", "")  # the mistake: all loads first
    assert stores_on_the_stack(patches._gathered_product(patches.ROWS, 2))
