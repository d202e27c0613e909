"""The learner of networks: the same steps as torch's, exact resumption, any storage of data and number of threads."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from ebm.autoencoder.layout import dense_layout
from ebm.autoencoder.reconstruction import Reconstruction
from ebm.data import TrainingData
from ebm.kernels.threads import limit_threads
from ebm.networks.learning import NetworkLearner
from ebm.optimizers.adam import Adam
from ebm.optimizers.clipping import ClipByNorm
from ebm.optimizers.schedules import Linear
from ebm.optimizers.sgd import SGD
from ebm.random import Random
from ebm.training import train

LAYOUT = dense_layout(12, 3, (8,), activation="tanh", tied=True)


def rows(n=50, dtype=np.float32, seed=0):
    return np.random.default_rng(seed).random((n, 12)).astype(dtype)


def learner(X, *, sample_weight=None, optimizer=None, n_epochs=4, objective=None, **options):
    data = TrainingData.from_array(X, sample_weight)
    start = LAYOUT.initial(Random(3), data.dtype)
    objective = objective or Reconstruction(LAYOUT)
    options = {"batch_size": 16, **options}
    return NetworkLearner(start, objective, data, optimizer or Adam(0.01), Random(5), n_epochs=n_epochs, **options)


def same(a, b):
    return all((a[name] == b[name]).all() for name in b) and a.keys() == b.keys()


def test_equals_torch_over_epochs():
    """Adam on the tied autoencoder, 4 epochs of 4 updates, the last of each of 2 rows: within rounding."""
    torch = pytest.importorskip("torch")
    X = rows(dtype=np.float64)
    ours = learner(X)
    run = train(ours, 4)
    start = LAYOUT.initial(Random(3), np.float64)
    p = {name: torch.tensor(array, requires_grad=True) for name, array in start.items()}
    optimizer = torch.optim.Adam(list(p.values()), lr=0.01)
    for epoch in range(4):
        order = Random(5).permutation(50, epoch)
        for top in range(0, 50, 16):
            x = torch.tensor(X[order[top : top + 16]])
            w, v = p["encoder.0.weights"], p["encoder.1.weights"]
            z = torch.tanh(x @ w + p["encoder.0.bias"]) @ v + p["encoder.1.bias"]
            y = torch.tanh(z @ v.T + p["decoder.0.bias"]) @ w.T + p["decoder.1.bias"]
            optimizer.zero_grad()
            ((y - x) ** 2).sum(dim=1).mean().backward()
            optimizer.step()
    for name, array in ours.parameters.items():
        np.testing.assert_allclose(array, p[name].detach().numpy(), rtol=0, atol=1e-12)
    assert run.epoch == 3


@pytest.mark.parametrize("chunks", [[4], [1, 3], [2, 1, 1], [4, 0]])
def test_cutting_an_epoch_changes_nothing(chunks):
    whole, cut = learner(rows()), learner(rows())
    for epoch in range(3):
        whole.begin_epoch(epoch), cut.begin_epoch(epoch)
        whole.update(0, 4)
        first = 0
        for n in chunks:
            cut.update(first, first + n)
            first += n
    assert same(whole.state(), cut.state())


def test_threads_change_nothing():
    found = []
    for n_threads in (1, 2):
        with limit_threads(n_threads):
            one = learner(np.tile(rows(), (40, 8))[:, :12].copy(), batch_size=1024)
            train(one, 2)
            found.append(one.state())
    assert same(*found)


@pytest.mark.parametrize("clip", [None, ClipByNorm(0.1)])
def test_resumed_is_uninterrupted(clip):
    options = {"optimizer": Adam(Linear(0.02), weight_decay=0.01), "clipping": clip}
    through, before = learner(rows(), **options), learner(rows(), **options)
    train(through, 4)
    train(before, 2)
    after = learner(rows(), **options)
    after.restore(before.state())
    train(after, 4, first_epoch=2)
    assert same(through.state(), after.state())


def test_storage_of_the_data_changes_nothing():
    X = (rows(seed=1) > 0.7).astype(np.float32)
    found = []
    for given in (X, X.astype(bool), csr_array(X), np.where(X > 0, np.float32(1), np.float32(0))):
        one = learner(given)
        train(one, 2)
        found.append(one.state())
    assert all(same(found[0], other) for other in found[1:])
    sparse = csr_array(np.where(X > 0, rows(seed=2), 0))
    dense = learner(sparse.toarray())
    from_lists = learner(sparse)
    train(dense, 2), train(from_lists, 2)
    assert same(dense.state(), from_lists.state())


def test_weights_count_as_repetitions():
    X = rows(20, np.float64)
    weighted = learner(X, sample_weight=np.where(np.arange(20) < 5, 2.0, 1.0), batch_size=100, optimizer=SGD(0.01))
    repeated = learner(np.vstack([X, X[:5]]), batch_size=100, optimizer=SGD(0.01))
    train(weighted, 3), train(repeated, 3)
    for name, array in weighted.parameters.items():
        np.testing.assert_allclose(array, repeated.parameters[name], rtol=1e-12, atol=1e-14)


def test_losses_of_an_epoch_and_of_other_samples():
    X = rows(48, np.float64)
    one = learner(X, optimizer=SGD(0.0))
    train(one, 1)
    whole = one.loss_of(TrainingData.from_array(X))
    np.testing.assert_allclose(one.mean_loss, whole, rtol=1e-12)
    weights = np.arange(48.0)
    expected = np.average([one.loss_of(TrainingData.from_array(X[i : i + 1])) for i in range(48)], weights=weights)
    np.testing.assert_allclose(one.loss_of(TrainingData.from_array(X, weights)), expected, rtol=1e-12)


def test_divergence_is_noticed():
    one = learner(rows(), optimizer=SGD(1e6))
    one.begin_epoch(0)
    one.update(0, 4)
    assert not one.is_sound()


def test_bad_states_and_sizes_are_refused():
    one = learner(rows())
    with pytest.raises(ValueError, match=r"state of encoder\.0\.bias has shape"):
        one.restore({**one.state(), "encoder.0.bias": np.zeros(3)})
    with pytest.raises(ValueError, match="went on with Adam so far, and cannot go on with SGD"):
        learner(rows(), optimizer=SGD(0.1, momentum=0.9)).restore(one.state())
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        learner(rows(), batch_size=0)
    with pytest.raises(ValueError, match=r"labels has shape \(49, 3\), but 50 samples need \(50, m\)"):
        learner(rows(), extra={"labels": np.zeros((49, 3))})
    data = TrainingData.from_array(rows(dtype=np.float64))
    with pytest.raises(ValueError, match="parameters are float32, but the data is float64"):
        NetworkLearner(
            LAYOUT.initial(Random(3), np.float32), Reconstruction(LAYOUT), data, Adam(), Random(5), n_epochs=1
        )
