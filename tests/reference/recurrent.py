"""Recurrent cells from their formulas: one frame of one sequence at a time, number by number.

A step takes parameters, a frame and the states before it, and returns the output and the states after it.
"""

import math

import numpy as np

ACTIVATIONS = {
    "tanh": math.tanh,
    "relu": lambda a: max(a, 0.0),
    "sigmoid": lambda a: 1 / (1 + math.exp(-a)),
    "identity": lambda a: a,
}
sigmoid = ACTIVATIONS["sigmoid"]


def product(x, weights, j):
    """Entry j of x W."""
    return sum(float(x[i]) * float(weights[i, j]) for i in range(len(x)))


def pre_activation(parameters, x, h, j):
    """Entry j of x U + h W + b."""
    inner = product(x, parameters["input_weights"], j) + product(h, parameters["recurrent_weights"], j)
    return inner + float(parameters["bias"][j])


def simple_step(activation="tanh"):
    """h_t = f(x_t U + h_{t-1} W + b)."""

    def step(parameters, x, states):
        (h,) = states
        new = [ACTIVATIONS[activation](pre_activation(parameters, x, h, j)) for j in range(len(h))]
        return new, (new,)

    return step


def lstm_gates(parameters, x, h, c):
    """Return i, f, g, o and the new c; peepholes are those of ``parameters``, zeros where there are none."""
    n = len(h)
    peepholes = parameters.get("peepholes", np.zeros((3, n)))
    i, f, g, o, new = [], [], [], [], []
    for j in range(n):
        a = [pre_activation(parameters, x, h, j + k * n) for k in range(4)]
        i.append(sigmoid(a[0] + peepholes[0, j] * c[j]))
        f.append(sigmoid(a[1] + peepholes[1, j] * c[j]))
        g.append(math.tanh(a[2]))
        new.append(f[j] * c[j] + i[j] * g[j])
        o.append(sigmoid(a[3] + peepholes[2, j] * new[j]))
    return i, f, g, o, new


def lstm_step(parameters, x, states):
    """c_t = f c_{t-1} + i g, h_t = o tanh c_t."""
    *_, o, c = lstm_gates(parameters, x, *states)
    h = [o[j] * math.tanh(c[j]) for j in range(len(c))]
    return h, (h, c)


def gru_gates(parameters, x, h, reset):
    """Return z and the candidate n."""
    w, n = parameters["recurrent_weights"], len(h)
    r = [sigmoid(pre_activation(parameters, x, h, j)) for j in range(n)]
    z = [sigmoid(pre_activation(parameters, x, h, n + j)) for j in range(n)]
    candidate = []
    for k in range(2 * n, 3 * n):
        if reset == "after":
            inner = r[k - 2 * n] * (product(h, w, k) + float(parameters["recurrent_bias"][k - 2 * n]))
        else:
            inner = product([r[i] * h[i] for i in range(n)], w, k)
        candidate.append(math.tanh(product(x, parameters["input_weights"], k) + float(parameters["bias"][k]) + inner))
    return z, candidate


def gru_step(reset):
    """h_t = (1 - z) n + z h_{t-1}."""

    def step(parameters, x, states):
        (h,) = states
        z, candidate = gru_gates(parameters, x, h, reset)
        new = [(1 - z[j]) * candidate[j] + z[j] * h[j] for j in range(len(h))]
        return new, (new,)

    return step


def sequence(step, parameters, frames, states):
    """Return the outputs of one sequence, and the states after it."""
    outputs = []
    for x in frames:
        output, states = step(parameters, x, states)
        outputs.append(output)
    return np.array(outputs), tuple(np.array(state) for state in states)


def batch(step, parameters, x, states, packing):
    """Return outputs as rows stand in ``packing``, and final states; sequences one by one."""
    y, finals = None, tuple(np.zeros(state.shape) for state in states)
    for s in range(packing.n):
        places = packing.positions(s)
        outputs, last = sequence(step, parameters, x[places], [state[s] for state in states])
        y = np.zeros((len(x), outputs.shape[1])) if y is None else y
        y[places] = outputs
        for final, state in zip(finals, last, strict=True):
            final[s] = state
    return y, finals


def lstm_backward(parameters, frames, states, dy, *, carried=True):
    """Gradients of sum_t dy_t h_t for one sequence without peepholes, gate by gate in loops.

    dc_t = dh_t o (1 - tanh^2 c_t) + dc_{t+1} f_{t+1}; ``carried=False`` leaves the last term out.
    """
    w, n = parameters["recurrent_weights"], dy.shape[1]
    kept, (h, c) = [], states
    for x in frames:
        i, f, g, o, new = lstm_gates(parameters, x, h, c)
        kept.append((x, h, c, i, f, g, o, new))
        h, c = [o[j] * math.tanh(new[j]) for j in range(n)], new
    gradients = {name: np.zeros(array.shape) for name, array in parameters.items()}
    dh, dc = [0.0] * n, [0.0] * n
    for t in reversed(range(len(frames))):
        x, h, c, i, f, g, o, new = kept[t]
        da = [0.0] * (4 * n)
        for j in range(n):
            delta, s = float(dy[t, j]) + dh[j], math.tanh(new[j])
            e = delta * o[j] * (1 - s * s) + dc[j]
            da[j] = e * g[j] * i[j] * (1 - i[j])
            da[n + j] = e * c[j] * f[j] * (1 - f[j])
            da[2 * n + j] = e * i[j] * (1 - g[j] ** 2)
            da[3 * n + j] = delta * s * o[j] * (1 - o[j])
            dc[j] = e * f[j] if carried else 0.0
        dh = [sum(da[k] * float(w[j, k]) for k in range(4 * n)) for j in range(n)]
        for k in range(4 * n):
            gradients["bias"][k] += da[k]
            for name, rows in (("input_weights", x), ("recurrent_weights", h)):
                for a in range(len(rows)):
                    gradients[name][a, k] += rows[a] * da[k]
    return gradients
