"""Additive attention and an LSTM that looks at a source, loop by loop from the formulas.

e_tj = v . tanh(s_{t-1} W_a + h_j V), alpha_t = softmax(e_t), c_t = sum_j alpha_tj h_j
(Bahdanau, Cho & Bengio 2015, arXiv:1409.0473, eqs. 5 and 6), and the cell of Gers et al. 2000.
"""

import math

import numpy as np


def _sigmoid(a):
    return 1 / (1 + math.exp(-a))


def energies(state, source, parameters):
    """Return e_j for every frame of one source."""
    query_weights, key_weights, v = (parameters[f"{name}_weights"] for name in ("query", "key", "energy"))
    found = []
    for frame in source:
        total = 0.0
        for k in range(v.shape[0]):
            inside = 0.0
            for i in range(len(state)):
                inside += state[i] * query_weights[i, k]
            for i in range(len(frame)):
                inside += frame[i] * key_weights[i, k]
            total += v[k, 0] * math.tanh(inside)
        found.append(total)
    return found


def attend(state, source, parameters):
    """Return the weights of one source's frames, and the context."""
    found = energies(state, source, parameters)
    top = max(found)
    powers = [math.exp(e - top) for e in found]
    total = sum(powers)
    weights = [p / total for p in powers]
    context = np.zeros(source.shape[1])
    for weight, frame in zip(weights, source, strict=True):
        for i in range(len(frame)):
            context[i] += weight * frame[i]
    return weights, context


def lstm_step(a, cell):
    """Return state and cell from pre-activations i, f, g, o, side by side."""
    n = len(cell)
    state, after = np.zeros(n), np.zeros(n)
    for j in range(n):
        i, f, o = _sigmoid(a[j]), _sigmoid(a[n + j]), _sigmoid(a[3 * n + j])
        after[j] = f * cell[j] + i * math.tanh(a[2 * n + j])
        state[j] = o * math.tanh(after[j])
    return state, after


def attending_lstm(x, source, state, cell, parameters):
    """Go through one target of frames x (T, n_in) with one source (S, m).

    Returns [c, s] of every frame (T, m + units), the weights (T, S), and the last state and cell.
    """
    outputs, matrix = [], []
    for frame in x:
        weights, context = attend(state, source, parameters)
        a = np.array(parameters["bias"], float)
        for name, given in (("input", frame), ("context", context), ("recurrent", state)):
            table = parameters[f"{name}_weights"]
            for i in range(len(given)):
                for k in range(len(a)):
                    a[k] += given[i] * table[i, k]
        state, cell = lstm_step(a, cell)
        outputs.append(np.concatenate([context, state]))
        matrix.append(weights)
    return np.array(outputs), np.array(matrix), state, cell
