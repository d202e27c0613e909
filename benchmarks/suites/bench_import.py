"""Importing in a fresh process."""

MODULES = ["ebm_sklearn", "sklearn.neural_network"]


def timeraw_import(module: str) -> str:
    return f"import {module}"


timeraw_import.params = MODULES
timeraw_import.param_names = ["module"]
