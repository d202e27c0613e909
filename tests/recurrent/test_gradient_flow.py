"""Jacobians through time: against differences, powers of an orthogonal matrix, bounds; and what clipping saves."""

import numpy as np
import pytest

from ebm.networks.context import Context
from ebm.networks.dense import Dense
from ebm.networks.losses import SquaredError
from ebm.networks.packing import Packing
from ebm.networks.sequential import Sequential
from ebm.optimizers.clipping import ClipByNorm
from ebm.optimizers.sgd import SGD
from ebm.random import Random
from ebm.recurrent.batch import SequenceSamples
from ebm.recurrent.gradient_flow import (
    forget_products,
    gradient_flow,
    gradient_norms,
    product_singular_values,
    recurrent_singular_values,
    state_jacobians,
)
from ebm.recurrent.layer import Recurrent
from ebm.recurrent.learning import SequenceLearner
from ebm.recurrent.lstm import LSTMCell
from ebm.recurrent.objective import SequenceLoss
from ebm.recurrent.pooling import LastFrame
from ebm.recurrent.simple import SimpleCell
from ebm.sequences import SequenceData
from ebm.training import DivergenceError, train
from tests.networks.differences import close, differences
from tests.recurrent.test_truncation import CELLS, cells

FRAMES = np.random.default_rng(0).normal(size=(7, 3))


def parameters(cell, n_in=3, spread=0.3, seed=0):
    rng = np.random.default_rng(seed)
    found = cell.initial(n_in, Random(seed), np.float64)
    return {name: array + spread * rng.normal(size=array.shape) for name, array in found.items()}


def scaled(s, units=8, n_in=3):
    """A simple cell's parameters with W = s times an orthogonal matrix."""
    cell = SimpleCell(units)
    return cell.initial(n_in, Random(1), np.float64) | {
        "recurrent_weights": s * np.linalg.qr(np.random.default_rng(2).normal(size=(units, units)))[0]
    }


def last_state(cell, own, frames, state):
    """All states after the frames, side by side."""
    states = tuple(np.ascontiguousarray(a[None]) for a in np.split(state, np.cumsum(cell.state_sizes)[:-1]))
    _, finals, _ = cell.forward(own, frames.copy(), states, Context(packing=Packing([len(frames)])))
    return np.concatenate([final[0] for final in finals])


def trajectory(cell, own, first):
    """The states before every frame and after the last."""
    found = [first]
    for frame in FRAMES:
        found.append(last_state(cell, own, frame[None], found[-1]))
    return found


@cells
def test_jacobians_are_differences(cell):
    own, first = parameters(cell), np.random.default_rng(3).normal(size=sum(cell.state_sizes))
    states = np.split(first, np.cumsum(cell.state_sizes)[:-1])
    found = state_jacobians(cell, own, FRAMES, states)
    for t, before in enumerate(trajectory(cell, own, first)[:-1]):
        for i in range(len(first)):
            close(
                found[t, i],
                differences(lambda i=i, t=t, at=before: last_state(cell, own, FRAMES[t : t + 1], at)[i], before),
            )


@cells
def test_products_and_gradients_are_those_over_many_frames(cell):
    """ds_T/ds_{T-k} as the derivative of the last state by the one k frames before; the same of a v . s_t."""
    own, n = parameters(cell), sum(cell.state_sizes)
    jacobians, way = state_jacobians(cell, own, FRAMES), trajectory(cell, own, np.zeros(n))
    v = np.random.default_rng(4).normal(size=(7, n))
    values, norms = product_singular_values(jacobians), gradient_norms(jacobians, v)
    assert values.shape == (8, n)
    for t, k in ((6, 1), (6, 4), (6, 7), (3, 2), (3, 4)):
        at, frames = way[t + 1 - k].copy(), FRAMES[t + 1 - k : t + 1]
        if t == 6:
            whole = [differences(lambda i=i, at=at, f=frames: last_state(cell, own, f, at)[i], at) for i in range(n)]
            close(values[k], np.linalg.svd(np.array(whole), compute_uv=False), rtol=1e-6)
        single = differences(lambda at=at, t=t, f=frames: float(v[t] @ last_state(cell, own, f, at)), at)
        np.testing.assert_allclose(norms[k, t], np.linalg.norm(single), rtol=1e-6)
    np.testing.assert_allclose(norms[0], np.linalg.norm(v, axis=1))
    assert np.isnan(norms[5, 3])
    assert np.isfinite(norms[4, 3])


@pytest.mark.parametrize("s", [0.9, 1.1])
def test_a_linear_recurrence_keeps_the_powers_of_its_scale(s):
    """W = s Q with an orthogonal Q: every singular value of the product over k frames is s^k, to rounding."""
    frames = np.random.default_rng(0).normal(size=(100, 3))
    jacobians = state_jacobians(SimpleCell(8, activation="identity"), scaled(s), frames)
    expected = s ** np.arange(101.0)
    for values in product_singular_values(jacobians).T:
        np.testing.assert_allclose(values, expected, rtol=1e-13)
    gradients = gradient_norms(jacobians, np.eye(8)[np.zeros(100, int)])
    for k in (1, 10, 100):
        np.testing.assert_allclose(gradients[k, k - 1 :], s**k, rtol=1e-13)
    found = gradient_flow(SimpleCell(8, activation="identity"), scaled(s), [frames])
    np.testing.assert_allclose(found.norms, found.bound, rtol=1e-12)


@pytest.mark.parametrize("s", [0.9, 1.1])
@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid"])
def test_a_simple_network_stays_below_its_bounds(s, activation):
    """Below the product of each frame's bound s max f', which is below (s max f')^k."""
    cell, frames = SimpleCell(8, activation=activation), np.random.default_rng(0).normal(size=(60, 3))
    own = scaled(s)
    jacobians, flow = state_jacobians(cell, own, frames), gradient_flow(cell, own, [frames])
    h, _, _ = cell.forward(own, frames, None, Context(packing=Packing([60])))
    slopes = {"tanh": 1 - h**2, "relu": (h > 0).astype(float), "sigmoid": h * (1 - h)}[activation]
    each = np.cumprod([1.0, *(s * slopes[::-1].max(axis=1))])
    assert (flow.norms <= each * (1 + 1e-12)).all()
    assert (each <= flow.bound * (1 + 1e-12)).all()
    assert flow.norms[60] < 0.2 * flow.bound[60]
    np.testing.assert_allclose(product_singular_values(jacobians)[:, 0], flow.norms, rtol=1e-10)


def test_singular_values_of_recurrent_matrices():
    own = parameters(LSTMCell(4))
    found = recurrent_singular_values(LSTMCell(4), own)
    assert list(found) == ["i", "f", "g", "o"]
    np.testing.assert_allclose(found["g"], np.linalg.svd(own["recurrent_weights"][:, 8:12])[1])
    assert list(recurrent_singular_values(CELLS["gru"], parameters(CELLS["gru"]))) == ["r", "z", "n"]
    deep = recurrent_singular_values(CELLS["deep"], parameters(CELLS["deep"]))
    assert list(deep) == ["recurrent_weights", "transition_weights 0", "transition_weights 1", "shortcut_weights"]
    np.testing.assert_allclose(recurrent_singular_values(SimpleCell(8), scaled(0.7))["recurrent_weights"], 0.7)


def test_the_cells_own_way_is_the_product_of_forget_gates():
    """dc_t/dc_{t-1} with h held is diag f_t; and over many frames, where W = 0 cuts all other ways."""
    cell, units = LSTMCell(4), 4
    own = parameters(cell)
    products = forget_products(cell, own, FRAMES)
    blocks = state_jacobians(cell, own, FRAMES)[:, units:, units:]
    for k in range(1, 8):
        f = products[k] / products[k - 1]
        np.testing.assert_allclose(blocks[7 - k], np.diag(f), rtol=1e-10, atol=1e-14)
    own["recurrent_weights"][:] = 0
    jacobians, whole = state_jacobians(cell, own, FRAMES), np.eye(2 * units)
    for k in range(1, 8):
        whole = whole @ jacobians[7 - k]
        expected = np.diag(forget_products(cell, own, FRAMES)[k])
        np.testing.assert_allclose(whole[units:, units:], expected, rtol=1e-10, atol=1e-14)


def test_open_forget_gates_carry_gradients_where_a_simple_network_loses_them():
    frames = np.random.default_rng(0).normal(size=(100, 3))
    lstm = LSTMCell(8)
    own = lstm.initial(3, Random(0), np.float64)
    own["bias"][8:16] = 5.0
    kept = gradient_flow(lstm, own, [frames, frames[:90]], name="lstm")
    lost = gradient_flow(SimpleCell(8), scaled(1.0), [frames], n_lags=90)
    assert kept.forget[50] > 0.5
    assert kept.norms[50] > 0.5
    assert lost.norms[50] < 1e-3
    assert len(kept.norms) == len(lost.norms) == 91
    assert (kept.name, kept.bound, lost.forget) == ("lstm", None, None)


def exploding(clipping, n_epochs=40):
    """A linear network with W = 1.1 Q learns the sum of a sequence's last three numbers: loss and variance."""
    rng = np.random.default_rng(0)
    x = [0.5 * rng.normal(size=(30, 3)) for _ in range(40)]
    y = np.array([[part[-3:, 0].sum()] for part in x])
    network = Sequential([Recurrent(SimpleCell(8, activation="identity")), LastFrame(), Dense(1)])
    start = network.initial((3,), Random(0), np.float64)
    start["0.recurrent_weights"] *= 1.1
    data = SequenceSamples({"x": SequenceData.from_list(x)}, {"y": y}, dtype=np.float64)
    learner = SequenceLearner(
        start, SequenceLoss(network, SquaredError()), data, SGD(0.05), Random(1), n_epochs=n_epochs, batch_size=10,
        clipping=clipping,
    )  # fmt: skip
    train(learner, n_epochs)
    return learner.loss_of(data), y.var()


def test_clipping_keeps_an_exploding_network_learning():
    with pytest.raises(DivergenceError):
        exploding(None)
    loss, variance = exploding(ClipByNorm(1.0))
    assert loss < variance / 10


def test_bad_input_is_told():
    with pytest.raises(ValueError, match=r"frames must be \(T, n_in\)"):
        state_jacobians(SimpleCell(4), parameters(SimpleCell(4)), np.zeros(3))
    with pytest.raises(ValueError, match="forget gates are of LSTM cells"):
        forget_products(SimpleCell(4), parameters(SimpleCell(4)), FRAMES)
    with pytest.raises(ValueError, match="at least one"):
        gradient_flow(SimpleCell(4), parameters(SimpleCell(4)), [])
