"""A fitted Boltzmann machine as named arrays and JSON values, and back with every shape checked."""

from __future__ import annotations

import copy
import os
from typing import Any

import numpy as np

from ebm.boltzmann.boltzmann_machine import DENSE
from ebm.boltzmann.graph import Graph
from ebm.storage import ModelFileError
from ebm_sklearn._files import MOTION, saved_log_partition, saved_parameters, take_array, take_log_partition, take_seed


def _given(graph: Any) -> bool:
    """Tell whether the parameter is a graph rather than the name of one."""
    return graph is not None and not isinstance(graph, str)


def parameters_without_graph(machine: Any) -> dict[str, Any]:
    """Return the parameters as JSON can hold them: a graph that was given stands among the arrays."""
    plain = copy.copy(machine)
    plain.graph = None if _given(machine.graph) else machine.graph
    return saved_parameters(plain)


def saved(machine: Any) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the arrays and values of a fitted machine."""
    arrays = {
        "edges": machine.graph_.edges,
        "weights": machine.graph_.weights(machine.coupling_),
        "intercept_": machine.intercept_,
        "mean_": machine.mean_,
    }
    if hasattr(machine, "chains_"):
        arrays["chains_"] = machine.chains_
    arrays |= {MOTION + name: array for name, array in machine._motion.items()}
    values: dict[str, Any] = {
        "seed": machine._seed, "weight_seen": machine._weight_seen, "beta": machine._beta,
        "graph_given": _given(machine.graph),
    }  # fmt: skip
    log_weights, log_z = saved_log_partition(machine._log_partition)
    return {**arrays, **log_weights}, {**values, **log_z}


def restored(arrays: dict[str, np.ndarray], values: dict[str, Any], path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the attributes of a fitted machine.

    Raises
    ------
    ModelFileError
        When an array or value is missing or does not fit the others.
    """
    intercept, mean, edges = (arrays.get(name) for name in ("intercept_", "mean_", "edges"))
    if intercept is None or mean is None or edges is None or intercept.ndim != 1 or mean.ndim != 1:
        raise ModelFileError(f"{path} lacks vectors 'intercept_' and 'mean_', or 'edges'")
    n, n_visible, dtype = intercept.size, mean.size, intercept.dtype
    if dtype not in (np.float32, np.float64) or not 0 < n_visible <= n:
        raise ModelFileError(f"{path}: intercept_ is {dtype}({n}), beside {n_visible} features")
    try:
        graph = Graph(n, edges)
    except ValueError as error:
        raise ModelFileError(f"{path}: {error}") from error
    weights = take_array(arrays, "weights", (graph.n_edges,), dtype, path)
    couplings = graph.matrix(weights)
    attributes: dict[str, Any] = {
        "graph_": graph,
        "coupling_": couplings.toarray() if couplings.nnz >= DENSE * n**2 else couplings,
        "intercept_": take_array(arrays, "intercept_", (n,), dtype, path),
        "mean_": take_array(arrays, "mean_", (n_visible,), np.float64, path),
        "n_features_in_": n_visible,
    }
    if "chains_" in arrays:
        attributes["chains_"] = take_array(arrays, "chains_", (len(arrays["chains_"]), n), dtype, path)
    if values.get("graph_given"):
        attributes["graph"] = graph.edges.copy()
    return {**attributes, "_motion": _motion(arrays, graph, dtype, path), **_values(arrays, values, path)}


def _motion(
    arrays: dict[str, np.ndarray], graph: Graph, dtype: Any, path: str | os.PathLike[str]
) -> dict[str, np.ndarray]:
    kinds: dict[str, tuple[tuple[int, ...], Any]] = {
        "weights_velocity": ((graph.n_edges,), dtype),
        "bias_velocity": ((graph.n_units,), dtype),
        "offsets": ((graph.n_units,), np.float64),
        "done": ((2,), np.int64),
    }
    names = [name.removeprefix(MOTION) for name in arrays if name.startswith(MOTION)]
    if unknown := sorted(set(names) - set(kinds)):
        raise ModelFileError(f"{path}: learning carries no {unknown}")
    return {name: take_array(arrays, MOTION + name, *kinds[name], path) for name in names}


def _values(arrays: dict[str, np.ndarray], values: dict[str, Any], path: str | os.PathLike[str]) -> dict[str, Any]:
    seed = take_seed(values, path)
    for name in ("weight_seen", "beta"):
        value = values.get(name)
        if not isinstance(value, int | float) or not 0 < value < np.inf:
            raise ModelFileError(f"{path}: {name} is {value!r}, not a number above 0")
    return {
        "_seed": seed,
        "_weight_seen": float(values["weight_seen"]),
        "_beta": float(values["beta"]),
        "_log_partition": take_log_partition(arrays, values, path),
    }
