"""Optimisers are their algorithms, and torch's."""

import dataclasses

import numpy as np
import pytest

from ebm.device import get_device
from ebm.kernels.program import Captured
from ebm.kernels.threads import limit_threads
from ebm.kernels.totals import tick
from ebm.optimizers.adam import Adam, AdamW
from ebm.optimizers.named import as_optimizer
from ebm.optimizers.schedules import Constant, Linear
from ebm.optimizers.sgd import SGD, RMSprop
from tests.reference import optimizers as reference

CPU = get_device("cpu")
RATE, N, N_DECAYED, N_UPDATES = 0.02, 5000, 4500, 10  # two chunks, decay ends within the second
OPTIMIZERS = {
    "sgd": SGD(RATE),
    "sgd decay": SGD(RATE, weight_decay=0.1),
    "momentum": SGD(RATE, momentum=0.9, weight_decay=0.1),
    "nesterov": SGD(RATE, momentum=0.9, nesterov=True, weight_decay=0.1),
    "rmsprop": RMSprop(RATE, weight_decay=0.1),
    "rmsprop momentum": RMSprop(RATE, decay=0.9, momentum=0.8),
    "adam": Adam(RATE),
    "adam decay": Adam(RATE, weight_decay=0.1),
    "adamw": AdamW(RATE, weight_decay=0.1),
}
every = pytest.mark.parametrize("name", OPTIMIZERS)
rng = np.random.default_rng(0)
W, G = rng.normal(size=N), rng.normal(size=(N_UPDATES, N))


class Training:
    """Weights that move along given gradients by an optimiser, one recorded or eager update at a time."""

    def __init__(self, optimizer, dtype, n_updates=N_UPDATES, first_update=0, w=W, n_decayed=N_DECAYED):
        self.optimizer, self.n_decayed = optimizer, n_decayed
        self.w, self.g = w.astype(dtype), np.zeros(w.size, dtype)
        self.slots = optimizer.slots(w.size, dtype, CPU)
        progress = (first_update + np.arange(n_updates)) / N_UPDATES
        self.table = optimizer.rates(progress, first_update).astype(dtype)
        self.clock, self.scale = np.array([first_update, 0], np.uint32), np.ones(1, dtype)

    def update(self):
        rest = self.slots, self.table, self.clock, self.n_decayed, self.scale
        self.optimizer.step(self.w, self.g, *rest)
        tick(self.clock)

    def run(self, gradients, update=None):
        for g in gradients:
            self.g[...] = g
            (update or self.update)()
        return self.w


def in_torch(name, dtype):
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    o = OPTIMIZERS[name]
    decayed, plain = (torch.tensor(part.astype(dtype)) for part in (W[:N_DECAYED], W[N_DECAYED:]))
    groups = [{"params": [decayed], "weight_decay": o.weight_decay}, {"params": [plain], "weight_decay": 0.0}]
    if isinstance(o, SGD):
        other = torch.optim.SGD(groups, lr=RATE, momentum=o.momentum, nesterov=o.nesterov)
    elif isinstance(o, RMSprop):
        other = torch.optim.RMSprop(groups, lr=RATE, alpha=o.decay, eps=o.epsilon, momentum=o.momentum)
    else:
        kind = torch.optim.AdamW if o.decoupled else torch.optim.Adam
        other = kind(groups, lr=RATE, betas=(o.beta1, o.beta2), eps=o.epsilon)
    for g in G.astype(dtype):
        decayed.grad, plain.grad = torch.tensor(g[:N_DECAYED]), torch.tensor(g[N_DECAYED:])
        other.step()
    return np.concatenate([decayed.numpy(), plain.numpy()])


@every
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-6), (np.float64, 1e-12)])
def test_torch_agrees_over_ten_steps(name, dtype, tolerance):
    moved = Training(OPTIMIZERS[name], dtype).run(G)
    assert moved.dtype == dtype
    np.testing.assert_allclose(moved, in_torch(name, dtype), rtol=tolerance, atol=tolerance)


@every
def test_steps_are_the_algorithm_with_a_falling_rate(name):
    o = dataclasses.replace(OPTIMIZERS[name], learning_rate=Linear(0.05))
    rates = 0.05 * (1 - np.arange(N_UPDATES) / N_UPDATES)
    moved = Training(o, np.float64).run(G)
    for i in (0, 4095, 4096, 4499, 4500, 4999):
        decay = o.weight_decay if i < N_DECAYED else 0.0
        if isinstance(o, SGD):
            expected = reference.sgd(W[i], G[:, i], rates, o.momentum, o.nesterov, decay)
        elif isinstance(o, RMSprop):
            expected = reference.rmsprop(W[i], G[:, i], rates, o.decay, o.epsilon, o.momentum, decay)
        else:
            expected = reference.adam(W[i], G[:, i], rates, o.beta1, o.beta2, o.epsilon, decay, o.decoupled)
        np.testing.assert_allclose(moved[i], expected, rtol=1e-12)


@every
@pytest.mark.parametrize("n_decayed", [0, 100, 4096, N])
def test_where_decay_ends_matters_to_decay_alone(name, n_decayed):
    o = OPTIMIZERS[name]
    moved = Training(o, np.float32, n_decayed=n_decayed).run(G[:2])
    whole, none = (Training(o, np.float32, n_decayed=n).run(G[:2]) for n in (N, 0))
    np.testing.assert_array_equal(moved[:n_decayed], whole[:n_decayed])
    np.testing.assert_array_equal(moved[n_decayed:], none[n_decayed:])
    assert (whole != none).any() == bool(o.weight_decay)


@every
def test_a_split_training_equals_a_whole_one(name):
    """The second half begins with its own table and clock, as an epoch or a resumed training does."""
    whole = Training(OPTIMIZERS[name], np.float32).run(G)
    first = Training(OPTIMIZERS[name], np.float32, 6)
    first.run(G[:6])
    second = Training(OPTIMIZERS[name], np.float32, 4, first_update=6)
    second.w[...] = first.w
    for target, source in zip(second.slots, first.slots, strict=True):
        target[...] = source
    np.testing.assert_array_equal(second.run(G[6:]), whole)


@every
def test_replayed_steps_equal_eager_ones(name):
    eager, recorded = (Training(dataclasses.replace(OPTIMIZERS[name], learning_rate=Linear(0.1)), np.float32)
                       for _ in range(2))  # fmt: skip
    np.testing.assert_array_equal(recorded.run(G, Captured(recorded.update)), eager.run(G))
    np.testing.assert_array_equal(recorded.clock, [N_UPDATES, N_UPDATES])
    for one, two in zip(recorded.slots, eager.slots, strict=True):
        np.testing.assert_array_equal(one, two)


@every
def test_one_thread_equals_two_bit_for_bit(name, monkeypatch):
    monkeypatch.setattr("ebm.kernels.threads.SMALL", 1)
    results = []
    for n in (1, 2):
        with limit_threads(n):
            results.append(Training(OPTIMIZERS[name], np.float32).run(G))
    np.testing.assert_array_equal(*results)


@every
def test_scale_multiplies_the_gradient_and_not_the_decay(name):
    half = Training(OPTIMIZERS[name], np.float32)
    half.scale[0] = 0.5
    np.testing.assert_array_equal(half.run(G[:3]), Training(OPTIMIZERS[name], np.float32).run(0.5 * G[:3]))


def test_slots_are_as_many_as_needed():
    counts = {name: len(o.slots(3, np.float32, CPU)) for name, o in OPTIMIZERS.items()}
    assert counts == {"sgd": 0, "sgd decay": 0, "momentum": 1, "nesterov": 1, "rmsprop": 1, "rmsprop momentum": 2,
                      "adam": 2, "adam decay": 2, "adamw": 2}  # fmt: skip


def test_corrections_count_updates_from_one():
    table = Adam(0.5, beta1=0.9, beta2=0.99).rates(np.linspace(0, 1, 3), first_update=1)
    assert table.dtype == np.float64
    expected = [[0.5, 1 / (1 - 0.9**t), (1 - 0.99**t) ** -0.5] for t in (2, 3, 4)]
    np.testing.assert_allclose(table, expected, rtol=1e-14)
    np.testing.assert_array_equal(SGD(Linear(1.0)).rates(np.array([0.0, 0.25])), [[1.0], [0.75]])


def test_names_are_looked_up():
    assert as_optimizer("sgd", learning_rate=0.1, momentum=0.5) == SGD(0.1, momentum=0.5)
    assert as_optimizer("adam", learning_rate=None) == Adam()
    assert as_optimizer("adamw").decoupled
    assert as_optimizer("rmsprop", learning_rate=Constant(0.1)) == RMSprop(Constant(0.1))
    given = Adam(0.3)
    assert as_optimizer(given, learning_rate=None) is given


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: as_optimizer("adamax"), r"one of \['adam', 'adamw', 'rmsprop', 'sgd'\] or an Optimizer, got 'adamax'"),
        (lambda: as_optimizer(3), "got 3"),
        (lambda: as_optimizer("sgd", beta1=0.9), "optimizer='sgd' has no option beta1; its options are"),
        (lambda: as_optimizer(Adam(), learning_rate=0.1), r"has its own options; got \['learning_rate'\]"),
        (lambda: SGD(-1), "learning_rate must be a finite number >= 0 or a schedule, got -1"),
        (lambda: SGD(momentum=1), r"momentum must be in \[0, 1\), got 1"),
        (lambda: SGD(nesterov=True), "nesterov=True needs momentum > 0"),
        (lambda: SGD(weight_decay=-0.1), "weight_decay must be a finite number >= 0, got -0.1"),
        (lambda: RMSprop(decay=-0.5), r"decay must be in \[0, 1\)"),
        (lambda: RMSprop(epsilon=0), "epsilon must be a finite number > 0, got 0"),
        (lambda: Adam(beta1=1.0), r"beta1 must be in \[0, 1\), got 1.0"),
        (lambda: Adam(beta2=float("nan")), r"beta2 must be in \[0, 1\), got nan"),
        (lambda: AdamW(epsilon=float("inf")), "epsilon must be a finite number > 0, got inf"),
    ],
)
def test_bad_options_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_arrays_that_do_not_fit_are_refused():
    def step(**other):
        training = Training(Adam(), np.float32)
        for name, value in other.items():
            setattr(training, name, value)
        training.update()

    for other, message in (
        ({"g": np.zeros(4, np.float32)}, r"gradient is float32\(4,\); give float32\(5000,\)"),
        ({"table": np.zeros((3, 1), np.float32)}, r"table is float32\(3, 1\); give float32\(3, 3\)"),
        ({"table": np.zeros((0, 3), np.float32)}, "give a row for every update"),
        ({"clock": np.zeros(2, np.int64)}, r"clock is int64\(2,\); give uint32\(2,\)"),
        ({"scale": np.ones(1)}, r"scale is float64\(1,\)"),
        ({"n_decayed": 5001}, r"n_decayed must be in \[0, 5000\], got 5001"),
    ):
        with pytest.raises(ValueError, match=message):
            step(**other)
