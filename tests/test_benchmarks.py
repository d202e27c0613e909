"""The benchmarks' own reckoning, and that they run; not what they measure."""

import json
import os
import subprocess
import sys
from pathlib import Path
from time import monotonic

import numpy as np
import pytest

from benchmarks import gpu, gpu_networks, gpu_recurrent, gpu_rounds
from benchmarks.cases import Case
from benchmarks.clock import Timing
from benchmarks.compare import cells, chosen, clean_or_all
from benchmarks.gpu_process import Contender
from benchmarks.peers import PEERS
from benchmarks.report import table
from benchmarks.start import Start, digits, untrained
from benchmarks.time_to_likelihood import Mark, time_to
from ebm.device import Device
from tests.fixtures import gpu_contenders

ROOT = Path(__file__).parents[1]
CLEAN, DIRTY = Timing(1.0, 0.0), Timing(1.0, 0.5)


def test_disturbed_rounds_are_left_out_while_two_others_remain():
    assert clean_or_all([[CLEAN, CLEAN], [CLEAN, DIRTY], [CLEAN, CLEAN]]) == [[CLEAN, CLEAN]] * 2
    assert clean_or_all([[CLEAN, CLEAN], [CLEAN, DIRTY]]) == [[CLEAN, CLEAN], [CLEAN, DIRTY]]


def test_time_to_a_level_is_read_off_between_marks():
    marks = [Mark(1, 2.0, -200.0, 0.0, 0.0), Mark(2, 4.0, -100.0, 0.0, 0.0), Mark(3, 6.0, -150.0, 0.0, 0.0)]
    assert time_to(-250, marks) == 2.0
    assert time_to(-125, marks) == pytest.approx(3.5)
    assert time_to(-90, marks) == np.inf


def test_missing_library_has_a_row_that_tells_how_to_install_it():
    row, batch = chosen(["PCD-1/100/torch"])[0]
    missing = {"update": row.title, "batch": batch, "peer": row.peer, "missing": PEERS["torch"].install}
    assert "not installed" in cells(missing)
    assert "(pip install torch)" in cells(missing)


def test_table_is_even():
    lines = table(["a", "b"], [["1", "long"], ["22", ""]]).splitlines()
    assert len(lines) == 4
    assert len(set(map(len, lines))) == 1


def test_ours_and_scikit_learn_do_the_same_update():
    """One update from the same chains; momentum starts at 0, and the decay that scikit-learn lacks is small."""
    X, start = digits()[:2000], untrained()
    steps = {}
    for peer in ("ours", "scikit-learn"):
        case = Case("pcd", 1, 500, centered=False, learning_rate=0.1)
        trainer = PEERS[peer].load()(case, start, X)
        trainer.run(1)
        steps[peer] = trainer.parameters()[0] - start.weights
    assert np.corrcoef(steps["ours"].ravel(), steps["scikit-learn"].ravel())[0, 1] > 0.9
    assert np.linalg.norm(steps["ours"]) == pytest.approx(np.linalg.norm(steps["scikit-learn"]), rel=0.05)


def test_start_survives_the_file(tmp_path):
    from benchmarks.start import save

    save(tmp_path / "s.npz", np.zeros((2, 784), np.float32), {"dense": untrained()})
    loaded = Start.load(tmp_path / "s.npz", "dense")
    assert all(np.array_equal(a, b) for a, b in zip(vars(loaded).values(), vars(untrained()).values(), strict=True))


def test_a_contender_that_fails_hides_no_other(monkeypatch, tmp_path):
    monkeypatch.setattr(gpu_rounds, "TIME_LIMIT", 2.0)
    names = list(gpu_contenders.SIDES)
    contenders = [Contender(gpu_contenders.__name__, name) for name in names]
    try:
        rows = [{"case": case, **gpu_rounds.measure(contenders, case, 2)} for case in ("first", "second")]
    finally:
        for one in contenders:
            one.close()
    assert [list(row["us"]) for row in rows] == [[gpu_rounds.OURS], [gpu_rounds.OURS, "recovering"]]
    assert rows[1]["us"][gpu_rounds.OURS] > 100
    first, second = (row["failed"] for row in rows)
    assert first["broken"] == "KeyError: 'first'"
    assert (first["hanging"], second["hanging"]) == ("no answer in 2 s", "it hung in a case before")
    assert first["ending"] == "its process ended with code 3"
    gpu_rounds.write(tmp_path / "result", "About.", names, {"facts": {"device": "none"}, "rows": rows})
    assert "- second, broken: KeyError: 'second'" in (tmp_path / "result.md").read_text()
    assert json.loads((tmp_path / "result.json").read_text())["rows"] == rows


def test_a_case_that_has_no_time_is_told_of():
    one = Contender(gpu_contenders.__name__, gpu_rounds.OURS)
    row = gpu_rounds.measure([one], "first", 2, end=monotonic() - 1)
    assert row["us"] == {}
    assert row["failed"] == {gpu_rounds.OURS: "no answer in 0 s"}


@pytest.mark.parametrize("title", [f"{gpu_networks.VARIATIONAL}, batch 128", "transposed 64 -> 32, 7 x 7, batch 64"])
def test_networks_of_the_gpu_benchmark_run_on_any_device(title):
    gpu_networks.ours(gpu_networks.CASES[title], Device())(2)


@pytest.mark.parametrize("cell", list(gpu_recurrent.CELLS))
def test_cells_of_the_gpu_benchmark_run_on_any_device(cell, monkeypatch):
    monkeypatch.setattr(gpu_recurrent, "N_TIMES", 3)
    gpu_recurrent.ours((cell, 2, 5), Device())(2)


def test_launches_one_by_one_are_as_many_as_told(monkeypatch):
    monkeypatch.setattr(gpu.CudaDevice, "__init__", lambda self: None)
    calls = []
    gpu.Eager().capture(lambda: calls.append(1))(3)
    assert len(calls) == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    "module",
    [
        "compare",
        "time_to_likelihood",
        "first_fit",
        "transform_stream",
        "tempering_torch",
        "networks_torch",
        "recurrent_torch",
        "ising_thrml",
        "graph_thrml",
    ],
)
def test_benchmark_runs_and_writes_its_result(module, tmp_path):
    if module.endswith("torch"):
        pytest.importorskip("torch")
    only = ["--only", "PCD-1/10/scikit-learn"] if module == "compare" else []
    command = [sys.executable, "-m", f"benchmarks.{module}", "--quick", "--output", str(tmp_path), *only]
    subprocess.run(command, cwd=ROOT, env=os.environ, check=True, timeout=500)
    (written,) = tmp_path.glob("*.json")
    assert json.loads(written.read_text())["facts"]["commit"]
    assert written.with_suffix(".md").read_text().startswith("# ")
