"""Sequences of other libraries' collections: files of aeon's (and sktime's) format .ts, and Japanese vowels.

The files come with aeon, which need not be installed: ``pip download --no-deps aeon`` fetches a wheel that holds them,
and the environment variable EBM_AEON names that wheel, or the folder that it lies in.
"""

from __future__ import annotations

import os
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

VARIABLE = "EBM_AEON"
INSIDE = "aeon/datasets/data"
HELP = f"Fetch aeon's wheel by `pip download --no-deps aeon -d FOLDER`, and set {VARIABLE}=FOLDER"


class Collection(NamedTuple):
    """Sequences with their labels: arrays (length, channels), and strings, numbers, or None."""

    X: list[np.ndarray]
    y: np.ndarray | None


class Split(NamedTuple):
    """A collection as its authors split it."""

    train: Collection
    test: Collection


def japanese_vowels() -> Split:
    """Return 640 utterances of /ae/ by 9 speakers, 12 cepstral coefficients in 7 to 29 frames (Kudo et al. 1999).

    Raises
    ------
    FileNotFoundError
        When aeon's files are nowhere; the error says how to get them.
    """
    return collection("JapaneseVowels")


def collection(name: str) -> Split:
    """Return one of the collections that come with aeon, by its name.

    Raises
    ------
    FileNotFoundError
        When there is none of that name, or aeon's files are nowhere.
    """
    folder = _data_folder() / name
    train, test = (folder / f"{name}_{part}.ts" for part in ("TRAIN", "TEST"))
    for file in (train, test):
        if not file.is_file():
            raise FileNotFoundError(f"{file} is not there. {HELP}")
    return Split(read_ts(train), read_ts(test))


def _data_folder() -> Any:
    """Return the folder of collections: on the disk, or in a wheel as `zipfile.Path`, which has the same methods."""
    named = os.environ.get(VARIABLE)
    if named:
        return _in_folder_or_wheel(Path(named))
    spec = find_spec("aeon")  # finds it without importing it
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(f"aeon is not installed, and {VARIABLE} is not set. {HELP}")
    return Path(spec.submodule_search_locations[0]).parent / INSIDE


def _in_folder_or_wheel(place: Path) -> Any:
    if not place.exists():
        raise FileNotFoundError(f"{VARIABLE}={place} does not exist. {HELP}")
    if place.is_dir():
        wheels = sorted(place.glob("aeon-*.whl"))
        if not wheels:  # an unpacked wheel, site-packages, or the folder of collections itself
            return place / INSIDE if (place / INSIDE).is_dir() else place
        place = wheels[-1]
    return zipfile.Path(place, INSIDE + "/")


def read_ts(path: Any) -> Collection:
    """Read a file of the format .ts.

    After a header of lines ``@name value`` and ``@data``, a line is a sequence: channels divided by colons, of values
    divided by commas, and the label last, if the header says that there is one. A "?" is a missing value; comments
    begin with # or %.

    Parameters
    ----------
    path : str, Path or zipfile.Path

    Returns
    -------
    Collection
        Sequences (length, channels) in float64, missing values as NaN; labels as strings (``@classLabel``), numbers
        (``@targetLabel``), or None.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When the file has time stamps, which this reader does not know, or is no such file, naming the line.
    """
    path = Path(path) if isinstance(path, str) else path
    header: dict[str, str] = {}
    rows: list[tuple[int, str]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        line = line.strip()
        if not line or line.startswith(("#", "%")):
            continue
        if "data" in header:
            rows.append((number, line))
        elif line.startswith("@"):
            name, _, value = line[1:].partition(" ")
            header[name.lower()] = value.strip()
        else:
            raise ValueError(f"{path}, line {number}: expected @name or @data, got {line[:40]!r}")
    if not rows:
        raise ValueError(f"{path} has no sequences after @data")
    if header.get("timestamps", "false").lower() == "true":
        raise ValueError(f"{path} has time stamps, which this reader does not know")
    return _collected(path, header, rows)


def _collected(path: Any, header: dict[str, str], rows: list[tuple[int, str]]) -> Collection:
    classes, targets = (header.get(name, "false").lower().startswith("true") for name in ("classlabel", "targetlabel"))
    X, labels = [], []
    for number, line in rows:
        *channels, last = line.split(":")
        if classes or targets:
            labels.append(last)
        else:
            channels.append(last)
        try:
            X.append(np.array([[_value(text) for text in channel.split(",")] for channel in channels]).T)
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}") from error
        if X[-1].ndim != 2:
            raise ValueError(f"{path}, line {number}: there is no channel")
    if not (classes or targets):
        return Collection(X, None)
    return Collection(X, np.array(labels, np.float64 if targets else str))


def _value(text: str) -> float:
    return np.nan if text.strip() == "?" else float(text)
