"""The reader of .ts files, and where it looks for aeon's."""

import importlib
import sys
import zipfile

import numpy as np
import pytest

from benchmarks import sequences
from benchmarks.sequences import collection, japanese_vowels, read_ts

LABELLED = """# a comment
% another
@problemName Small
@univariate false

@classLabel true up down
@data
1,2,3:4,5,6:up
7:?:down
"""


def written(tmp_path, text):
    path = tmp_path / "small.ts"
    path.write_text(text)
    return path


def test_channels_and_classes_are_read(tmp_path):
    X, y = read_ts(str(written(tmp_path, LABELLED)))
    assert X[0].tolist() == [[1, 4], [2, 5], [3, 6]]
    np.testing.assert_array_equal(X[1], [[7, np.nan]])
    assert y.tolist() == ["up", "down"]


def test_targets_are_numbers_and_may_be_missing(tmp_path):
    text = LABELLED.replace("@classLabel true up down", "@targetLabel true").replace("up", "0.5").replace("down", "-2")
    assert read_ts(written(tmp_path, text)).y.tolist() == [0.5, -2]
    X, y = read_ts(written(tmp_path, "@classLabel false\n@DATA\n1,2:3,4\n5:6\n"))
    assert y is None
    assert [part.tolist() for part in X] == [[[1, 3], [2, 4]], [[5, 6]]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LABELLED.replace("4,5,6", "4,5"), "line 8: .*inhomogeneous"),
        (LABELLED.replace("7:", "seven:"), "line 9: could not convert string to float: 'seven'"),
        (LABELLED.replace("7:?:down", "down"), "line 9: there is no channel"),
        (LABELLED.replace("@univariate false", "@timestamps true"), "time stamps"),
        ("1,2,3\n", "line 1: expected @name or @data, got '1,2,3'"),
        ("@data\n", "no sequences"),
    ],
)
def test_what_is_no_such_file_is_refused(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read_ts(written(tmp_path, text))


@pytest.mark.parametrize("inside", ["", sequences.INSIDE, "wheel"])
def test_collections_are_found_in_folders_and_wheels(tmp_path, monkeypatch, inside):
    names = {f"Small/Small_{part}.ts": LABELLED.replace("7:", f"{k}:") for k, part in enumerate(("TRAIN", "TEST"))}
    if inside == "wheel":
        with zipfile.ZipFile(tmp_path / "aeon-1.0-py3-none-any.whl", "w") as wheel:
            for name, text in names.items():
                wheel.writestr(f"{sequences.INSIDE}/{name}", text)
    else:
        (tmp_path / inside / "Small").mkdir(parents=True)
        for name, text in names.items():
            (tmp_path / inside / name).write_text(text)
    places = [tmp_path, *tmp_path.glob("*.whl")]
    for place in places:
        monkeypatch.setenv(sequences.VARIABLE, str(place))
        train, test = collection("Small")
        assert (train.X[1][0, 0], test.X[1][0, 0]) == (0, 1)
        with pytest.raises(FileNotFoundError, match=r"Large_TRAIN.ts is not there. .*pip download --no-deps aeon"):
            collection("Large")


def test_an_installed_aeon_is_found_and_not_imported(tmp_path, monkeypatch):
    monkeypatch.delenv(sequences.VARIABLE, raising=False)
    folder = tmp_path / sequences.INSIDE / "Small"
    folder.mkdir(parents=True)
    (tmp_path / "aeon" / "__init__.py").write_text("raise ImportError('aeon was imported')")
    for part in ("TRAIN", "TEST"):
        (folder / f"Small_{part}.ts").write_text(LABELLED)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    assert len(collection("Small").train.X) == 2
    assert "aeon" not in sys.modules


def test_what_is_nowhere_is_told_with_the_cure(tmp_path, monkeypatch):
    monkeypatch.setenv(sequences.VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match=r"nowhere does not exist. .*pip download --no-deps aeon"):
        japanese_vowels()
    monkeypatch.delenv(sequences.VARIABLE)
    monkeypatch.setattr(sequences, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match=r"aeon is not installed, and EBM_AEON is not set. .*pip download"):
        japanese_vowels()


def test_japanese_vowels_are_what_they_are_known_for():
    try:
        train, test = japanese_vowels()
    except FileNotFoundError as error:
        pytest.skip(str(error))
    for part, n in ((train, 270), (test, 370)):
        assert len(part.X) == len(part.y) == n
        assert {x.shape[1] for x in part.X} == {12}
        assert sorted(set(part.y)) == list("123456789")
    lengths = [len(x) for part in (train, test) for x in part.X]
    assert (min(lengths), max(lengths)) == (7, 29)
    assert np.unique(test.y, return_counts=True)[1].tolist() == [31, 35, 88, 44, 29, 24, 40, 50, 29]
