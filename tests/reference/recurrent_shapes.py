"""Recurrent networks of other shapes, one number after the other: SCRN, deep transitions, leaky averages.

A sequence is a list of frames, each a list of numbers; weights are nested lists or arrays, read by [i][j].
"""

import math

ACTIVATIONS = {
    "tanh": math.tanh,
    "relu": lambda a: max(a, 0.0),
    "sigmoid": lambda a: 1 / (1 + math.exp(-a)),
    "identity": lambda a: a,
}


def times(x, weights, columns):
    """x W as a list."""
    return [sum(x[i] * weights[i][j] for i in range(len(x))) for j in range(columns)]


def leaky(frames, alpha, first):
    """s_t = (1 - alpha) u_t + alpha s_{t-1}."""
    s, found = list(first), []
    for u in frames:
        s = [(1 - a) * u[j] + a * s[j] for j, a in enumerate(alpha)]
        found.append(s)
    return found


def scrn(frames, weights, alpha, first):
    """[h_t, s_t] for every frame; ``weights`` A, R, B, P, b as the cell names them, ``first`` [h_0, s_0]."""
    units, contexts = len(weights["bias"]), len(alpha)
    h, found = list(first[:units]), []
    averaged = [times(x, weights["context_weights"], contexts) for x in frames]
    for x, s in zip(frames, leaky(averaged, alpha, first[units:]), strict=True):
        from_context = times(s, weights["context_to_hidden"], units)
        from_input = times(x, weights["input_weights"], units)
        from_before = times(h, weights["recurrent_weights"], units)
        h = [
            ACTIVATIONS["sigmoid"](a + b + c + d)
            for a, b, c, d in zip(from_context, from_input, from_before, weights["bias"], strict=True)
        ]
        found.append(h + s)
    return found


def deep_transition(frames, weights, activation, first, depth):
    """h_t for every frame, by levels; a shortcut where there are ``shortcut_weights``."""
    f, units, h, found = ACTIVATIONS[activation], len(first), list(first), []
    for x in frames:
        from_input = times(x, weights["input_weights"], units)
        from_before = times(h, weights["recurrent_weights"], units)
        z = [a + b + c for a, b, c in zip(from_input, from_before, weights["bias"], strict=True)]
        for level in range(1, depth):
            y = [f(a) for a in z]
            bias = weights["transition_bias"][(level - 1) * units : level * units]
            z = [a + b for a, b in zip(times(y, weights["transition_weights"][level - 1], units), bias, strict=True)]
        if "shortcut_weights" in weights:
            z = [a + b for a, b in zip(z, times(h, weights["shortcut_weights"], units), strict=True)]
        h = [f(a) for a in z]
        found.append(h)
    return found
