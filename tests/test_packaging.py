"""What an installation promises: one version, two source roots, and imports that stay light."""

import subprocess
import sys
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest

import ebm

ROOT = Path(__file__).parents[1]
IMPORT_ALL = """
import importlib, pkgutil, sys
package = importlib.import_module({package!r})
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print(*sorted({banned!r} & set(sys.modules)))
"""


def test_installed_version_is_the_source_version():
    assert version("numba-ebm") == ebm.__version__


def test_sklearn_compat_is_no_package():
    # PyPI's sklearn-compat, a dependency of imbalanced-learn, owns that import name.
    assert not (ROOT / "sklearn_compat" / "__init__.py").exists()


def test_command_is_installed():
    (script,) = entry_points(group="console_scripts", name="ebm")
    assert callable(script.load())


@pytest.mark.parametrize(
    ("package", "banned"),
    [
        ("ebm", {"sklearn", "torch", "jax", "cupy", "matplotlib", "tqdm"}),
        ("ebm_sklearn", {"torch", "jax", "cupy", "matplotlib"}),
    ],
)
def test_no_module_imports_heavy_packages(package, banned):
    script = IMPORT_ALL.format(package=package, banned=banned)
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []
