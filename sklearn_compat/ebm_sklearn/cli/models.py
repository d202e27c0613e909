"""Estimators in files: which class a file holds, and what can be asked of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ebm
import ebm_sklearn
from ebm import storage


def load(path: Path, *methods: str) -> Any:
    """Load whichever estimator a model file holds.

    Parameters
    ----------
    path : pathlib.Path
        A file written by an estimator's `save`.
    *methods : str
        What the estimator must be able to do.

    Returns
    -------
    estimator
        Fitted.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ebm.storage.ModelFileError
        If it holds no estimator of this library, or one that cannot do what is asked.
    """
    kind = storage.describe(path).kind
    if not _is_estimator(kind):
        known = filter(_is_estimator, ebm_sklearn.__all__)
        raise storage.ModelFileError(f"{path} holds a {kind!r}; estimators are {', '.join(known)}")
    missing = [name for name in methods if not hasattr(getattr(ebm_sklearn, kind), name)]
    if missing:
        raise storage.ModelFileError(f"{path} holds {with_article(kind)}, which has no {', '.join(missing)}")
    return getattr(ebm_sklearn, kind).load(path)


def unsupervised(name: str) -> Any:
    """Return the estimator of that name, which must learn epoch by epoch, from samples alone.

    Raises
    ------
    ValueError
        When there is none, naming those that there are.
    """
    known = [known for known in filter(_is_estimator, ebm_sklearn.__all__) if _needs_no_labels(known)]
    if name not in known:
        raise ValueError(f"--estimator {name}: there is {', '.join(known)}")
    return getattr(ebm_sklearn, name)


def _needs_no_labels(name: str) -> bool:
    kind = getattr(ebm_sklearn, name)
    trained = {"callbacks", "n_iter", "n_components"} <= set(kind._get_param_names())
    return trained and not kind().__sklearn_tags__().target_tags.required


def _is_estimator(name: str) -> bool:
    return name in ebm_sklearn.__all__ and hasattr(getattr(ebm_sklearn, name), "load")


def describe(path: Path) -> str:
    """Describe a model file without loading its arrays.

    Parameters
    ----------
    path : pathlib.Path
        A file written by an estimator's `save`, or a checkpoint.

    Returns
    -------
    str
        Several lines: kind, versions, arrays, parameters and the last row of the history.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ebm.storage.ModelFileError
        If it is no model file.
    """
    contents = storage.describe(path)
    metadata = contents.metadata
    lines = [
        f"{path}: {contents.kind}, {path.stat().st_size / 1e6:.3g} MB, format {contents.format_version}",
        f"written by numba-ebm {contents.library_version}; here is {_versions()}",
    ]
    lines += _section("arrays", {name: f"{dtype} {shape}" for name, (dtype, shape) in contents.arrays.items()})
    lines += _section("parameters", metadata.get("parameters", metadata.get("fingerprint", {})))
    history = metadata.get("values", metadata).get("history_", metadata.get("history"))
    if history is not None:
        lines += _section("last epoch", history[-1] if history else {"none": "not trained"})
    return "\n".join(lines)


def _versions() -> str:
    from importlib.metadata import version

    others = [f"{name} {version(name)}" for name in ("numpy", "numba", "scikit-learn")]
    return ", ".join([f"numba-ebm {ebm.__version__}", *others])


def _section(title: str, values: dict[str, Any]) -> list[str]:
    width = max(map(len, values), default=0)
    return [f"{title}:"] + [f"  {name:<{width}}  {_short(value)}" for name, value in values.items()]


def with_article(name: str) -> str:
    """Put "a" or "an" before the name of a class.

    Parameters
    ----------
    name : str

    Returns
    -------
    str
    """
    return f"{'an' if name[0] in 'AEIO' or name.startswith('RBM') else 'a'} {name}"


def _short(value: Any) -> str:
    if isinstance(value, dict) and set(value) == {"tuple"}:  # as parameters are saved
        value = tuple(value["tuple"])
    return f"{value:.6g}" if isinstance(value, float) else str(value)
