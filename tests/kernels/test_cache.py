"""The disk cache of kernels: never stale, shared by processes, and no condition for working."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.kernels.scripts import ROOT, finish, run, start

WORK = """
import json, warnings
import numpy as np
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    from ebm.kernels.reduce import softplus_rows  # compiles fast, and uses a cell of another file
    x = np.linspace(-3, 3, 12, dtype=np.float32).reshape(3, 4)
    result = softplus_rows(x).tolist()
print(json.dumps(result))
print("WARNED", sorted({w.category.__name__ for w in caught}))
"""


def cached(folder):
    """Names of index and of code files, by the hash in them."""
    names = [path.name for path in Path(folder).rglob("*.nb?")]
    return {re.search(r"\.py3\d+\.([0-9a-f]{12})\.", name)[1] for name in names}, sorted(names)


@pytest.fixture
def copy(tmp_path):
    """An installation of its own."""
    shutil.copytree(ROOT / "ebm", tmp_path / "ebm", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def edit(copy, file, old, new):
    path = copy / "ebm" / "kernels" / file
    source = path.read_text()
    assert source.count(old) == 1
    path.write_text(source.replace(old, new))


def test_an_edited_cell_of_another_file_is_compiled_anew(copy, tmp_path):
    cache = tmp_path / "cache"
    first = run(WORK, root=copy, NUMBA_CACHE_DIR=cache)
    hashes, names = cached(cache)
    assert len(hashes) == 1
    assert run(WORK, root=copy, NUMBA_CACHE_DIR=cache) == first
    assert cached(cache) == (hashes, names)
    # numba itself would serve the old code: the loop stands in reduce.py, which does not change
    edit(copy, "exponential.py", "    return max(x, ZERO_S) + q\n", "    return max(x, ONE_S) + q\n")
    second = run(WORK, root=copy, NUMBA_CACHE_DIR=cache)
    assert second != first
    after, _ = cached(cache)
    assert len(after) == 2
    assert hashes < after
    edit(copy, "exponential.py", "    return max(x, ONE_S) + q\n", "    return max(x, ZERO_S) + q\n")
    assert run(WORK, root=copy, NUMBA_CACHE_DIR=cache) == first


def read_only(copy):
    """Neither a folder for the cache can be made (also by root), nor anything be written (by others)."""
    (copy / "ebm" / "kernels" / "__pycache__").touch()
    for path in [*copy.rglob("*.py"), copy / "ebm" / "kernels"]:
        path.chmod(0o555)


@pytest.fixture
def unlocked(copy):
    yield copy
    (copy / "ebm" / "kernels").chmod(0o755)


def test_a_read_only_installation_takes_the_users_cache_folder(unlocked, tmp_path):
    read_only(unlocked)
    home = tmp_path / "home"
    home.mkdir()
    places = {"HOME": home, "XDG_CACHE_HOME": home / "cache", "NUMBA_CACHE_DIR": None, "LOCALAPPDATA": home}
    first = run(WORK, root=unlocked, PYTHONDONTWRITEBYTECODE=1, **places)
    assert "WARNED []" in first
    hashes, names = cached(home)
    assert len(hashes) == 1
    assert run(WORK, root=unlocked, PYTHONDONTWRITEBYTECODE=1, **places) == first
    assert cached(home) == (hashes, names)


def test_where_nothing_can_be_written_it_works_and_says_so(unlocked, tmp_path):
    read_only(unlocked)
    home = tmp_path / "home"
    home.touch()
    places = {"HOME": home, "XDG_CACHE_HOME": home, "NUMBA_CACHE_DIR": None, "LOCALAPPDATA": home}
    out = run(WORK, root=unlocked, PYTHONDONTWRITEBYTECODE=1, **places)
    assert "WARNED ['KernelCacheWarning']" in out
    assert out.splitlines()[0] == run(WORK, root=ROOT).splitlines()[0]


def test_a_disk_that_is_full_stops_nothing(tmp_path):
    script = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n" + WORK
    script = "import signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n" + script
    pytest.importorskip("resource")
    out = run(script, NUMBA_CACHE_DIR=tmp_path / "cache", PYTHONDONTWRITEBYTECODE=1)
    assert "WARNED ['KernelCacheWarning']" in out
    assert out.splitlines()[0] == run(WORK).splitlines()[0]
    assert run(WORK, NUMBA_CACHE_DIR=tmp_path / "cache").splitlines() == run(WORK).splitlines()


def test_two_processes_may_fill_the_cache_at_once(tmp_path):
    cache = tmp_path / "cache"
    both = [start(WORK, NUMBA_CACHE_DIR=cache) for _ in range(2)]
    first, second = (finish(process)[0] for process in both)
    assert first == second
    before = cached(cache)
    assert run(WORK, NUMBA_CACHE_DIR=cache) == first  # and what they left can be read
    assert cached(cache) == before


GENERIC = """
import numpy as np, sys
from ebm.kernels import processor
from tests.kernels.test_cache import everything
assert not processor.HAS_FMA and processor.VECTOR_BYTES == 16, processor.FEATURES
np.savez(sys.argv[1], **everything(sys.argv[2]))
"""


def everything(dtype):
    """States and parameters after some of everything."""
    from ebm.boltzmann.learning import ContrastiveLearner
    from ebm.boltzmann.rule import Rule
    from ebm.data import TrainingData
    from ebm.random import Random
    from ebm.sampling.gibbs import gibbs
    from tests.boltzmann.models import small_model

    X = (np.random.default_rng(0).random((60, 37)) < 0.3).astype(float)
    model, data = small_model(37, 70, dtype=dtype, scale=0.3), TrainingData.from_array(X, dtype=dtype)
    learner = ContrastiveLearner(model, data, Rule(batch_size=20), Random(1), n_epochs=1)
    learner.begin_epoch(0)
    learner.update(0, learner.n_batches)
    v, h = gibbs(model, np.zeros((50, 70), dtype), 3, Random(2))
    return {"v": v, "h": h, "free": model.free_energy(v), "inputs": model.hidden_inputs(v), **learner.state()}


@pytest.mark.skipif("x86" not in __import__("platform").machine(), reason="elsewhere generic is another thing")
@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
def test_a_processor_without_avx_and_fma_computes_the_same(tmp_path, dtype):
    out = tmp_path / "generic.npz"
    run(GENERIC, out, dtype, NUMBA_CPU_NAME="generic", NUMBA_CACHE_DIR=tmp_path / "cache")
    for name, part in everything(dtype).items():
        found = np.load(out)[name]
        if name in ("v", "h", "chains"):
            np.testing.assert_array_equal(found, part, err_msg=name)
        else:
            atol = 1e-4 if dtype == "float32" else 1e-11
            np.testing.assert_allclose(found, part, atol=atol, rtol=1e-6, err_msg=name)
