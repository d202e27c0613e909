"""Truncated backpropagation through time, number by number: per time step, and in chunks.

Every function takes one sequence, and returns gradients of sum_t dy_t . h_t (or what is told).
"""

import math

import numpy as np


def lecture(U, V, W, tokens, targets, truncate):
    """The lecture's code for tokens x_t and targets y_t: dU, dV and dW of sum_t -log softmax(V h_t)[y_t].

    h_t = tanh(U[:, x_t] + W h_{t-1}), h_{-1} = 0. For every output delta goes back through at most truncate + 1 frames.
    """
    n, T = len(W), len(targets)
    s = np.zeros((T + 1, n))  # s[-1] is the state before the first
    o = np.zeros((T, len(V)))
    for t in range(T):
        for i in range(n):
            s[t, i] = math.tanh(U[i, tokens[t]] + sum(W[i, j] * s[t - 1, j] for j in range(n)))
        exps = [math.exp(sum(row[j] * s[t, j] for j in range(n))) for row in V]
        o[t] = [e / sum(exps) for e in exps]
    dU, dV, dW = np.zeros(U.shape), np.zeros(V.shape), np.zeros(W.shape)
    delta_o = o
    delta_o[np.arange(T), targets] -= 1.0
    for t in np.arange(T)[::-1]:
        dV += np.outer(delta_o[t], s[t])
        delta_t = V.T.dot(delta_o[t]) * (1 - s[t] ** 2)
        for step in np.arange(max(0, t - truncate), t + 1)[::-1]:
            dW += np.outer(delta_t, s[step - 1])
            dU[:, tokens[step]] += delta_t
            delta_t = W.T.dot(delta_t) * (1 - s[step - 1] ** 2)
    return dU, dV, dW


def simple(parameters, frames, state, dy, truncate):
    """h_t = tanh(x_t U + h_{t-1} W + b): each output goes back by itself. Returns gradients and d frames."""
    U, W, b = (parameters[name] for name in ("input_weights", "recurrent_weights", "bias"))
    n = len(b)
    h = [list(state)]
    for x in frames:
        h.append(
            [
                math.tanh(b[j] + sum(x[i] * U[i, j] for i in range(len(x))) + sum(h[-1][i] * W[i, j] for i in range(n)))
                for j in range(n)
            ]
        )
    gradients = {name: np.zeros(array.shape) for name, array in parameters.items()}
    dx = np.zeros(frames.shape)
    for t in range(len(frames)):
        delta = list(dy[t])
        for step in range(t, max(0, t - truncate) - 1, -1):
            da = [delta[j] * (1 - h[step + 1][j] ** 2) for j in range(n)]
            for j in range(n):
                gradients["bias"][j] += da[j]
                for i in range(frames.shape[1]):
                    gradients["input_weights"][i, j] += frames[step, i] * da[j]
                    dx[step, i] += da[j] * U[i, j]
                for i in range(n):
                    gradients["recurrent_weights"][i, j] += h[step][i] * da[j]
            delta = [sum(da[j] * W[i, j] for j in range(n)) for i in range(n)]
    return gradients, dx


def windows(length, k1, k2):
    """Chunks of a sequence: (first frame, first new frame, end) of each window; windows end at multiples of k1."""
    found = []
    for begin in range(0, length, k1):
        end = begin + k1
        found.append((max(0, end - k2), begin, min(end, length)))
    return found


def chunk_descent(parameters, sequences, targets, k1, k2, rate):
    """Descend in chunks on the mean over new frames of |h_t V + c - y_t|^2; return what each update's gradient was.

    h_t = tanh(x_t U + h_{t-1} W + b). Parameters U, W, b, V, c move in place by -rate * gradient.
    """
    n, longest = len(parameters["b"]), max(len(x) for x in sequences)
    states, gradients = [np.zeros(n) for _ in sequences], []
    for begin, fresh, _ in windows(longest, k1, k2):
        end = fresh + k1
        count = sum(max(0, min(end, len(x)) - fresh) for x in sequences)
        gradient = {name: np.zeros(array.shape) for name, array in parameters.items()}
        for x, y, state in zip(sequences, targets, states, strict=True):
            if len(x) > fresh:
                part = slice(begin, min(end, len(x)))
                _add_window(parameters, x[part], y[part], state, fresh - begin, count, gradient)
        further = max(0, end + k1 - k2)  # where the next window begins
        for s, x in enumerate(sequences):
            if len(x) > end:
                for t in range(begin, further):
                    states[s] = _forward(parameters, x[t], states[s])
        for name, array in parameters.items():
            array -= rate * gradient[name]
        gradients.append(gradient)
    return gradients


def _forward(parameters, x, h):
    U, W, b = parameters["U"], parameters["W"], parameters["b"]
    n = len(b)
    return np.array(
        [
            math.tanh(b[j] + sum(x[i] * U[i, j] for i in range(len(x))) + sum(h[i] * W[i, j] for i in range(n)))
            for j in range(n)
        ]
    )


def _add_window(parameters, x, y, state, known, count, gradient):
    """Add the gradient of a window's new frames over ``count``: whole backpropagation within the window."""
    h = [state]
    for frame in x:
        h.append(_forward(parameters, frame, h[-1]))
    back = np.zeros(len(state))
    for t in reversed(range(len(x))):
        if t >= known:
            error = 2 * (h[t + 1] @ parameters["V"] + parameters["c"] - y[t]) / count
            gradient["V"] += np.outer(h[t + 1], error)
            gradient["c"] += error
            back = back + parameters["V"] @ error
        delta = back * (1 - h[t + 1] ** 2)
        gradient["U"] += np.outer(x[t], delta)
        gradient["W"] += np.outer(h[t], delta)
        gradient["b"] += delta
        back = parameters["W"] @ delta
