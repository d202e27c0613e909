"""Backpropagation that is cut off per output: against the lecture's loops, differences and the whole gradient."""

from dataclasses import replace

import numpy as np
import pytest

from ebm.kernels import threads
from ebm.kernels.program import Captured
from ebm.kernels.shift import shift_rows
from ebm.kernels.threads import limit_threads
from ebm.networks.context import Context
from ebm.networks.dense import Dense
from ebm.networks.embedding import Embedding
from ebm.networks.losses import SoftmaxCrossEntropy
from ebm.networks.packing import Packing
from ebm.networks.sequential import Sequential
from ebm.random import Random
from ebm.recurrent.architecture import recurrent_layers
from ebm.recurrent.bidirectional import Bidirectional
from ebm.recurrent.deep_transition import DeepTransitionCell
from ebm.recurrent.gru import GRUCell
from ebm.recurrent.layer import Recurrent
from ebm.recurrent.lstm import LSTMCell
from ebm.recurrent.peephole import PeepholeLSTMCell
from ebm.recurrent.scrn import SCRNCell
from ebm.recurrent.simple import SimpleCell
from ebm.recurrent.through_time import back_through_time, cut_off
from tests.networks.differences import close, differences
from tests.reference import truncated

LENGTHS = (3, 6, 1, 4, 6)
CELLS = {
    "tanh": SimpleCell(4),
    "relu": SimpleCell(4, activation="relu"),
    "lstm": LSTMCell(4),
    "peephole": PeepholeLSTMCell(3),
    "gru": GRUCell(4),
    "gru, before": GRUCell(4, reset="before"),
    "scrn": SCRNCell(4, 3, 0.7),
    "scrn, learnt": SCRNCell(4, 3, 0.7, learn_alpha=True),
    "deep": DeepTransitionCell(4, depth=3, shortcut=True),
}
cells = pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)


class Case:
    """A cell with everything that its passes need, on ragged sequences."""

    def __init__(self, cell, dtype=np.float64, lengths=LENGTHS):
        self.cell, self.packing, rng = cell, Packing(lengths), np.random.default_rng(0)
        first = cell.initial(3, Random(1), dtype)
        self.parameters = {n: (a + 0.3 * rng.normal(size=a.shape)).astype(dtype) for n, a in first.items()}
        n, frames = len(lengths), sum(lengths)
        self.x, self.dy = (rng.normal(size=(frames, m)).astype(dtype) for m in (3, cell.output_size))
        self.states, self.d_states = (
            tuple(rng.normal(size=(n, size)).astype(dtype) for size in cell.state_sizes) for _ in range(2)
        )

    def back(self, limit, *, forced=False, context=None, d_states=True):
        """Everything that a pass back writes, by name."""
        context = context or Context(packing=self.packing, truncation=limit)
        _, _, cache = self.cell.forward(self.parameters, self.x, self.states, context)
        gradients = {name: np.full_like(a, 9) for name, a in self.parameters.items()}
        given = (self.cell, self.parameters, cache, self.dy, self.d_states if d_states else None, gradients, context)
        if forced:
            dx, first = cut_off(*given, limit, self.packing, wants_input=True, wants_states=True)
        else:
            dx, first = back_through_time(*given, wants_input=True, wants_states=True)
        return gradients | {"dx": dx} | {f"state {k}": state for k, state in enumerate(first)}

    def windowed(self, limit):
        """The loss whose gradient is the truncated one: every output with a window of its own, from a fixed state.

        All windows are sequences of one batch. The state before a window is taken once, so it has no gradient.
        """
        lengths, rows, begins, dy, d_states = [], [], [], [], []
        before = self.states_before()
        for s in range(self.packing.n):
            places = self.packing.positions(s)
            for t in range(len(places)):
                window = places[max(0, t - limit) : t + 1]
                lengths.append(len(window))
                rows.append(window)
                begins.append(window[0])
                dy.append(self.dy[places[t]])
                ends = t + 1 == len(places)
                d_states.append([d[s] if ends else np.zeros_like(d[s]) for d in self.d_states])
        packing = Packing(lengths)
        order = packing.pack(np.concatenate(rows))
        states = tuple(np.ascontiguousarray(state[begins]) for state in before)
        context = Context(packing=packing)
        ends = np.array([packing.positions(w)[-1] for w in range(len(lengths))])

        def loss():
            out, finals, _ = self.cell.forward(self.parameters, np.ascontiguousarray(self.x[order]), states, context)
            total = sum(float(out[e] @ d) for e, d in zip(ends, dy, strict=True))
            return total + sum(float(final[w] @ d[k]) for k, final in enumerate(finals) for w, d in enumerate(d_states))

        return loss

    def states_before(self):
        """The states before every row, by going frame by frame."""
        found = tuple(np.empty((self.packing.n_frames, size)) for size in self.cell.state_sizes)
        for s in range(self.packing.n):
            states = tuple(np.ascontiguousarray(state[s : s + 1]) for state in self.states)
            for row in self.packing.positions(s):
                for out, state in zip(found, states, strict=True):
                    out[row] = state[0]
                one = Context(packing=Packing([1]))
                _, states, _ = self.cell.forward(self.parameters, self.x[row : row + 1].copy(), states, one)
        return found


def same(found, expected, rtol=1e-12):
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=rtol, atol=rtol * np.abs(array).max(), err_msg=name)


@cells
@pytest.mark.parametrize("limit", [0, 1, 3])
def test_gradients_are_differences_of_windows_that_begin_with_fixed_states(cell, limit):
    case = Case(cell)
    found, loss = case.back(limit), case.windowed(limit)
    close(found["dx"], differences(loss, case.x))
    for name, array in case.parameters.items():
        close(found[name], differences(loss, array))


@cells
def test_a_truncation_that_reaches_the_first_frame_is_the_whole_gradient(cell):
    case = Case(cell)
    whole = case.back(None)
    same(case.back(max(LENGTHS) - 1), whole, rtol=0)  # goes the way of the whole
    for limit in (max(LENGTHS) - 1, max(LENGTHS) + 2):
        same(case.back(limit, forced=True), whole)
    assert any(np.abs(case.back(2)[name] - whole[name]).max() > 1e-3 for name in whole)


@cells
def test_masks_of_recurrent_dropout_are_those_of_the_pass(cell):
    """The same mask at every frame of a sequence: cut off beyond the first frame it is the whole gradient."""
    case = Case(replace(cell, recurrent_dropout=0.5))
    found = [
        case.back(limit, forced=forced, context=Context(packing=case.packing, training=True, truncation=limit))
        for limit, forced in ((None, False), (5, True), (2, True))
    ]
    same(found[1], found[0])
    assert any(np.abs(found[2][name] - found[0][name]).max() > 1e-3 for name in found[0])
    still = case.back(None)
    assert any(np.abs(still[name] - found[0][name]).max() > 1e-3 for name in still)  # something was dropped


@pytest.mark.parametrize("limit", range(7))
def test_a_simple_network_equals_its_loops(limit):
    case = Case(SimpleCell(4))
    found = case.back(limit, d_states=False)
    gradients, dx = dict.fromkeys(case.parameters, 0.0), np.empty_like(case.x)
    for s in range(case.packing.n):
        rows = case.packing.positions(s)
        own, dx[rows] = truncated.simple(case.parameters, case.x[rows], case.states[0][s], case.dy[rows], limit)
        gradients = {name: gradients[name] + own[name] for name in own}
    same(found, gradients | {"dx": dx})


@pytest.mark.parametrize("limit", [0, 1, 4, 20])
def test_the_lectures_code(limit):
    """Tokens, tanh and a softmax, as on the slide: dU, dV and dW."""
    rng, n, words, T = np.random.default_rng(1), 5, 7, 12
    U, V, W = 0.5 * rng.normal(size=(n, words)), rng.normal(size=(words, n)), rng.normal(size=(n, n))
    tokens, targets = rng.integers(0, words, (2, T))
    network = Sequential([Embedding(words, n), Recurrent(SimpleCell(n)), Dense(words)])
    parameters = {
        "0.weights": U.T.copy(),
        "1.input_weights": np.eye(n),
        "1.recurrent_weights": W.T.copy(),
        "1.bias": np.zeros(n),
        "2.weights": V.T.copy(),
        "2.bias": np.zeros(words),
    }
    gradients = {name: np.empty_like(array) for name, array in parameters.items()}
    context = Context(packing=Packing([T]), truncation=limit)
    output, cache = network.forward(parameters, tokens, context)
    _, d_output = SoftmaxCrossEntropy().value_and_gradient(output, targets, np.ones(T), context)
    network.backward(parameters, cache, d_output, gradients, context, wants_input=False)
    dU, dV, dW = truncated.lecture(U, V, W, tokens, targets, limit)
    expected = {"0.weights": dU.T, "2.weights": dV.T, "1.recurrent_weights": dW.T}
    same({name: gradients[name] for name in expected}, expected, rtol=1e-11)
    if limit < T - 1:
        further = truncated.lecture(U, V, W, tokens, targets, limit + 1)[2]
        assert np.abs(further - dW).max() > 1e-6  # one term more or less is told apart


def test_in_a_stack_each_layer_cuts_off_its_own_recurrence():
    """The lower layer takes the upper one's dx, which is of truncated gradients, and truncates again."""
    case = Case(SimpleCell(4))
    upper, rng = SimpleCell(3), np.random.default_rng(5)
    network = Sequential([Recurrent(case.cell), Recurrent(upper)])
    parameters = {
        name: array + 0.3 * rng.normal(size=array.shape)
        for name, array in network.initial((3,), Random(2), float).items()
    }
    dy, limit = rng.normal(size=(case.packing.n_frames, 3)), 2
    context = Context(packing=case.packing, truncation=limit)
    gradients = {name: np.empty_like(array) for name, array in parameters.items()}
    _, cache = network.forward(parameters, case.x, context)
    dx = network.backward(parameters, cache, dy, gradients, context)
    low, high = ({n[2:]: a for n, a in parameters.items() if n[0] == k} for k in "01")
    expected, right = {name: np.zeros_like(array) for name, array in parameters.items()}, np.empty_like(dx)
    hidden, _, _ = case.cell.forward(low, case.x, None, context)
    for s in range(case.packing.n):
        rows = case.packing.positions(s)
        above, between = truncated.simple(high, hidden[rows], np.zeros(3), dy[rows], limit)
        below, right[rows] = truncated.simple(low, case.x[rows], np.zeros(4), between, limit)
        for number, own in (("0", below), ("1", above)):
            for name, array in own.items():
                expected[f"{number}.{name}"] += array
    same(gradients | {"dx": dx}, expected | {"dx": right})


def test_the_backward_direction_goes_on_to_later_frames():
    """A layer that goes backwards is one that goes forwards on turned sequences."""
    case = Case(GRUCell(4))
    both = Bidirectional(case.cell)
    parameters = {f"{way}.{name}": a for way in ("forward", "backward") for name, a in case.parameters.items()}
    context, flip = Context(packing=case.packing, truncation=1), case.packing.flip
    gradients = {name: np.empty_like(array) for name, array in parameters.items()}
    _, cache = both.forward(parameters, case.x, context)
    dx = both.backward(parameters, cache, np.hstack([case.dy, case.dy[flip]]), gradients, context)
    ahead = {name: np.empty_like(array) for name, array in case.parameters.items()}
    one, total = Recurrent(case.cell), 0.0
    for x, turned in ((case.x, False), (np.ascontiguousarray(case.x[flip]), True)):
        _, cache = one.forward(case.parameters, x, context)
        found = one.backward(case.parameters, cache, case.dy, ahead, Context(packing=case.packing, truncation=1))
        total = total + (found[flip] if turned else found)
        way = "backward" if turned else "forward"
        same({n: gradients[f"{way}.{n}"] for n in ahead}, ahead)
    same({"dx": dx}, {"dx": total})


@cells
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_threads_and_replay_change_no_bit(cell, dtype, monkeypatch):
    monkeypatch.setattr(threads, "SMALL", 1)
    case, found = Case(cell, dtype), []
    for n in (1, 2, 3):
        with limit_threads(n):
            found.append(case.back(2))
    kept, context = {}, Context(packing=case.packing, truncation=2, reuse=True)

    def update():
        context.rewind()
        kept.update(case.back(2, context=context))

    names = list(found[0])
    replayed = Captured(update)
    replayed()
    arrays = dict(kept)
    for array in arrays.values():
        array[...] = 7
    replayed(2)
    for name in names:
        assert found[0][name].dtype == dtype
        np.testing.assert_array_equal(arrays[name], found[0][name], err_msg=name)
        for other in found[1:]:
            np.testing.assert_array_equal(other[name], found[0][name], err_msg=name)


def test_memory_does_not_grow_with_the_truncation():
    """Every round is given the arrays of the one before."""
    case = Case(LSTMCell(4))
    counts = []
    for limit in (1, 2, 4):
        context = Context(packing=case.packing, truncation=limit, reuse=True)
        case.back(limit, context=context)
        counts.append(len(context._arrays))
    assert counts[0] == counts[1] == counts[2]


def test_where_rows_go():
    packing = Packing([2, 3, 1])
    source = np.arange(12.0).reshape(6, 2)
    ends = -np.arange(6.0).reshape(3, 2) - 10
    after, before = np.empty((6, 2)), np.empty((6, 2))
    shift_rows(source, packing.after, ends, packing.sequence, after)
    shift_rows(source, packing.before, np.empty((0, 2)), packing.sequence, before)
    for s, length in enumerate((2, 3, 1)):
        rows = packing.positions(s)
        np.testing.assert_array_equal(after[rows[:-1]], source[rows[1:]])
        np.testing.assert_array_equal(after[rows[-1]], ends[s])
        np.testing.assert_array_equal(before[rows[1:]], source[rows[:-1]])
        assert (before[rows[0]] == 0).all()
        assert len(rows) == length


def test_networks_of_names():
    """Layers that are made by name take the context's truncation, too."""
    network = Sequential(recurrent_layers("lstm", 3, depth=2, bidirectional=True))
    parameters, packing = network.initial((3,), Random(0), np.float64), Packing([5, 9])
    x, outcomes = np.random.default_rng(0).normal(size=(14, 3)), []
    for limit in (None, 8, 1):
        gradients, context = (
            {n: np.empty_like(a) for n, a in parameters.items()},
            Context(packing=packing, truncation=limit),
        )
        y, cache = network.forward(parameters, x, context)
        network.backward(parameters, cache, np.ones_like(y), gradients, context, wants_input=False)
        outcomes.append(gradients)
    same(outcomes[1], outcomes[0], rtol=0)
    assert np.abs(outcomes[2]["0.forward.recurrent_weights"] - outcomes[0]["0.forward.recurrent_weights"]).max() > 1e-4
