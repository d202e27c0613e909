"""The commands; each parses, asks an estimator, and reports."""

from __future__ import annotations

import json
import warnings
from inspect import signature
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import numpy as np
import typer

from ebm_sklearn._warnings import UntrustedEstimateWarning
from ebm_sklearn.cli import models, stream, tables
from ebm_sklearn.cli.report import reporting

Data = Annotated[Path, typer.Argument(help="Table of samples: .npy, .npz, .parquet or .csv, one sample a row.")]
Model = Annotated[Path, typer.Argument(help="Model file, as `ebm fit` writes it.")]
Key = Annotated[str | None, typer.Option(help="Which array of a .npz file.")]
Drop = Annotated[list[str] | None, typer.Option(help="Column to leave out, of a .parquet or .csv file; repeat it.")]
Seed = Annotated[int | None, typer.Option(help="Seed of the random numbers.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress bar.")]
Batch = Annotated[int | None, typer.Option(min=1, help="Rows at a time; by default what 64 MB hold.")]


@reporting
def fit(
    data: Data,
    output: Annotated[Path, typer.Option("--output", "-o", help="Model file to write, *.safetensors.")],
    estimator: Annotated[str, typer.Option(help="Which estimator, of those that need no labels.")] = "RBM",
    n_components: Annotated[int | None, typer.Option(help="Hidden units, or numbers in a code.")] = None,
    learning: Annotated[str | None, typer.Option(help="pcd, cd, fpcd, pt or exact.")] = None,
    n_gibbs: Annotated[int | None, typer.Option(help="Gibbs sweeps an update, k.")] = None,
    learning_rate: Annotated[float | None, typer.Option()] = None,
    batch_size: Annotated[int | None, typer.Option(help="Samples an update.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the data.")] = None,
    binarize: Annotated[float | None, typer.Option(help="Values above it are ones, the others zeros.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or auto.")] = None,
    n_jobs: Annotated[int | None, typer.Option(help="Threads.")] = None,
    seed: Seed = None,
    parameter: Annotated[
        list[str] | None, typer.Option("--set", help="NAME=VALUE: any other parameter; repeat it.")
    ] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="Save the run here after every epoch.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint, if it exists.")] = False,
    key: Key = None,
    drop: Drop = None,
    quiet: Quiet = False,
) -> None:
    """Fit an RBM, or another estimator, and save it. What is not given has defaults. Ctrl-C saves what was learnt."""
    from ebm.training import Checkpoint

    kind = models.unsupervised(estimator)
    named = {
        "n_components": n_components,
        "learning": learning,
        "n_gibbs": n_gibbs,
        "learning_rate": learning_rate,
        "batch_size": batch_size,
        "n_iter": epochs,
        "binarize": binarize,
        "device": device,
        "n_jobs": n_jobs,
        "random_state": seed,
    }
    tables.check_writable(output, (".safetensors",))
    if resume and checkpoint is None:
        raise ValueError("--resume needs --checkpoint FILE to go on from")
    made = kind(
        callbacks=[Checkpoint(checkpoint, resume=resume)] if checkpoint else None,
        verbose=int(not quiet),
        **_known(kind, _given(named)) | _parsed(kind, parameter or []),
    )
    table = tables.read(data, key=key, drop=drop or ())
    start = perf_counter()
    made.fit(table[:] if isinstance(table, tables.MappedRows) else table)
    made.save(output)
    n, width = table.shape
    what = f"{width} x {made.n_components} units" if estimator == "RBM" else models.with_article(estimator)
    typer.echo(f"fitted {what} to {n} samples in {made.n_iter_} epochs, {perf_counter() - start:.1f} s; saved {output}")


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _known(kind: type, options: dict[str, Any]) -> dict[str, Any]:
    """Refuse options that the estimator has no parameter for."""
    for name in options:
        if name not in kind._get_param_names():  # type: ignore[attr-defined]
            raise ValueError(f"{kind.__name__} has no parameter {name}, which an option was given for")
    return options


def _parsed(kind: type, assignments: list[str]) -> dict[str, Any]:
    """Read NAME=VALUE as parameters of the estimator; the value is JSON, or else text."""
    parameters = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        known = sorted(set(kind._get_param_names()) - {"callbacks"})  # type: ignore[attr-defined]  # which are code
        if not equals:
            raise ValueError(f"--set {assignment}: needed is NAME=VALUE")
        if name not in known:
            raise ValueError(f"--set {assignment}: {kind.__name__} has no parameter {name}; it has {', '.join(known)}")
        try:
            parameters[name] = json.loads(text)
        except ValueError:
            parameters[name] = text
    return parameters


@reporting
def transform(
    model: Model,
    data: Data,
    output: Annotated[Path, typer.Option("--output", "-o", help="Table to write.")],
    batch: Batch = None,
    n_jobs: Annotated[int | None, typer.Option(help="Threads.")] = None,
    key: Key = None,
    drop: Drop = None,
    quiet: Quiet = False,
) -> None:
    """Turn samples into features: the means of hidden units (probabilities, where binary), an autoencoder's codes.

    From .npy to .npy this goes in batches, so that both may be larger than memory.
    """
    tables.check_writable(output)
    estimator = models.load(model, "transform")
    if n_jobs is not None:
        estimator.set_params(n_jobs=n_jobs)
    table = tables.read(data, key=key, drop=drop or ())
    names = list(estimator.get_feature_names_out())
    rows = batch or stream.block_rows(table.shape[1], len(names))
    rate = stream.transform(estimator.transform, table, output, rows=rows, names=names, progress=not quiet)
    typer.echo(
        f"{table.shape[0]} rows of {table.shape[1]} -> {len(names)} columns at {rate.rows:,.0f} rows/s, "
        f"{rate.megabytes:,.1f} MB/s; wrote {output}"
    )


@reporting
def sample(
    model: Model,
    output: Annotated[Path, typer.Option("--output", "-o", help="A table, or a .png of images.")],
    n: Annotated[int, typer.Option("-n", min=1, help="Samples.")] = 100,
    sweeps: Annotated[int, typer.Option(min=1, help="Gibbs sweeps before the samples are taken.")] = 1000,
    seed: Seed = None,
    shape: Annotated[
        str | None, typer.Option(help="Height x width of the images, 28x28; else the model's, or square.")
    ] = None,
) -> None:
    """Draw samples from a model: a table of states, or a picture of the pixels' means.

    Variational autoencoders give means in tables too.
    """
    suffix = tables.check_writable(output, (*tables.SUFFIXES, ".png"))
    size = _image_shape(shape)
    estimator = models.load(model, "sample")
    options = _accepted(estimator.sample, n_gibbs=sweeps)  # mixtures draw at once, and products by moves of their own
    if suffix == ".png":
        _draw_png(estimator, output, n, options, seed, size)
    else:
        names = getattr(estimator, "feature_names_in_", None)
        states = _states(estimator.sample(n, random_state=seed, **options))
        tables.write(output, states.reshape(len(states), -1), names)
    typer.echo(f"{n} samples{f' after {sweeps} sweeps' if options else ''}; wrote {output}")


def _accepted(function: Any, /, **options: Any) -> dict[str, Any]:
    """Return those options that a function has."""
    return {name: value for name, value in options.items() if name in signature(function).parameters}


def _states(samples: Any) -> Any:
    """Return samples alone: a mixture gives their components too, as scikit-learn's do."""
    return samples[0] if isinstance(samples, tuple) else samples


def _image_shape(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    height, _, width = text.lower().partition("x")
    if not (height.isdecimal() and width.isdecimal()):
        raise ValueError(f"--shape {text}: needed is HEIGHTxWIDTH, for instance 28x28")
    return int(height), int(width)


def _draw_png(
    estimator: Any, path: Path, n: int, options: dict[str, Any], seed: int | None, shape: tuple[int, int] | None
) -> None:
    """Draw the visible units' means in the last sweep, where there are such: clearer than their states."""
    from ebm.plotting import write_png
    from ebm.storage import replacing
    from ebm_sklearn._pictures import gives_means, images_of

    images_of(estimator, np.zeros((1, estimator.n_features_in_)), shape)  # refuses a wrong shape before the work
    states, model = _states(estimator.sample(n, random_state=seed, **options)), estimator._model()
    if hasattr(model, "reconstruct") and not gives_means(estimator):
        states = model.reconstruct(states)  # not transform: binarize= is for data, not for states
    with replacing(path) as temporary:
        write_png(temporary, images_of(estimator, states.reshape(len(states), -1), shape))


@reporting
def score(
    model: Model,
    data: Data,
    temperatures: Annotated[
        int, typer.Option(min=1, help="Temperatures of annealing, where log Z is not exact.")
    ] = 10_000,
    chains: Annotated[int, typer.Option(min=2, help="Chains of annealing.")] = 100,
    method: Annotated[str, typer.Option(help="ais, reverse_ais or bridge (both ways).")] = "ais",
    batch: Batch = None,
    key: Key = None,
    drop: Drop = None,
    quiet: Quiet = False,
) -> None:
    """Print the mean log-likelihood of samples, its error, and whether log Z can be trusted.

    Of variational autoencoders it is a lower bound, by importance-weighted codes.
    """
    estimator = models.load(model, "score_samples")
    log_z, anneals = None, hasattr(estimator, "estimate_log_partition")
    bounds = hasattr(estimator, "n_importance")
    if not (anneals or bounds or hasattr(estimator, "bic")):
        raise ValueError(
            f"{model} holds {models.with_article(type(estimator).__name__)}, whose scores are no log-likelihoods"
        )
    table = tables.read(data, key=key, drop=drop or ())
    _fits(estimator, table)  # refuses what does not fit before the long work
    rows = batch or stream.block_rows(table.shape[1], len(getattr(estimator, "components_", ())))
    with warnings.catch_warnings():  # the last line tells the verdict
        warnings.simplefilter("ignore", UntrustedEstimateWarning)
        if anneals:
            log_z = _annealed(estimator, n_chains=chains, n_temperatures=temperatures, method=method)
        blocks = stream.blocks(table, rows, progress=not quiet)
        scores = np.concatenate([estimator.score_samples(block) for block in blocks])
    spread = scores.std(ddof=1) / np.sqrt(scores.size) if scores.size > 1 else np.nan
    told = "mean lower bound on the log-likelihood" if bounds else "mean log-likelihood"
    typer.echo(f"{told}: {scores.mean():.4f} nats per sample ({scores.size} samples)")
    from_log_z = "" if log_z is None else f", {log_z.standard_error:.4f} from log Z"
    typer.echo(f"  standard error:    {spread:.4f} from the samples{from_log_z}")
    if log_z is None:
        return
    if not log_z.trusted:
        typer.echo(f"warning: log Z is {log_z.verdict} (--temperatures, --chains)", err=True)
    typer.echo(f"log Z: {log_z.value:.4f}, {log_z.verdict}")


def _fits(estimator: Any, table: Any) -> None:
    """Refuse a table of another width, and values that the model cannot take."""
    if table.shape[1] != estimator.n_features_in_:
        raise ValueError(f"the table has {table.shape[1]} columns, the model {estimator.n_features_in_} features")
    if hasattr(estimator, "transform"):
        estimator.transform(table[:1])


def _annealed(estimator: Any, **options: Any) -> Any:
    """Estimate log Z with those options that the model has; a method that it lacks is refused."""
    accepted = _accepted(estimator.estimate_log_partition, **options)
    if "method" not in accepted and options["method"] != "ais":
        raise ValueError(f"--method {options['method']}: a {type(estimator).__name__} knows 'ais' only")
    return estimator.estimate_log_partition(**accepted)


@reporting
def info(model: Annotated[Path, typer.Argument(help="Model file or checkpoint.")]) -> None:
    """Print what a model file holds: versions, arrays, parameters, and where training ended."""
    typer.echo(models.describe(model))
