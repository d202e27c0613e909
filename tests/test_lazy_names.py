"""What `import ebm_sklearn` promises: every name is there, and costs nothing until it is asked for."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import ebm_sklearn

SOURCE = ast.parse(Path(ebm_sklearn.__file__).read_text())


def names_for_types() -> dict[str, str]:
    """Return what the package imports under TYPE_CHECKING: name to module."""
    (block,) = [node for node in SOURCE.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    # "X as X" says to checkers of types that X is passed on
    return {alias.asname: node.module for node in block.body for alias in node.names if alias.asname == alias.name}


def loaded_by(statement: str) -> set[str]:
    """Return the modules that a fresh process has imported after a statement."""
    script = f"{statement}\nimport sys\nprint(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_readers_of_types_are_told_of_the_same_names():
    assert names_for_types() == ebm_sklearn._MODULES


def test_names_are_sorted_and_listed():
    assert sorted(ebm_sklearn.__all__) == ebm_sklearn.__all__ == list(ebm_sklearn._MODULES)
    assert set(dir(ebm_sklearn)) > {*ebm_sklearn.__all__, "__all__", "__name__"}


@pytest.mark.parametrize("name", ebm_sklearn.__all__)
def test_every_name_is_found(name):
    assert getattr(ebm_sklearn, name) is getattr(importlib.import_module(ebm_sklearn._MODULES[name]), name)


def test_star_brings_every_name():
    names = {}
    exec("from ebm_sklearn import *", names)
    assert set(ebm_sklearn.__all__) < set(names)


def test_unknown_name_is_told():
    with pytest.raises(AttributeError, match="module 'ebm_sklearn' has no attribute 'RBN'"):
        _ = ebm_sklearn.RBN
    with pytest.raises(ImportError, match="RBN"):
        exec("from ebm_sklearn import RBN")


def test_package_alone_imports_no_library():
    assert {"ebm", "numpy", "sklearn", "numba"}.isdisjoint(loaded_by("import ebm_sklearn"))


def test_one_estimator_imports_no_other():
    """Private modules are shared; of the public ones only the estimator's own is imported."""
    ours = {name for name in loaded_by("from ebm_sklearn import RBM") if name.startswith("ebm_sklearn.")}
    assert {name for name in ours if not name.split(".")[1].startswith("_")} == {"ebm_sklearn.rbm"}
