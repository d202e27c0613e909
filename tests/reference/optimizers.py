"""Steps of descent, one parameter at a time, from the papers' algorithms."""

from math import sqrt


def sgd(w, gradients, rates, momentum=0.0, nesterov=False, decay=0.0):
    m = 0.0
    for g, rate in zip(gradients, rates, strict=True):
        g = g + decay * w
        m = momentum * m + g
        w -= rate * (g + momentum * m if nesterov else m)
    return w


def rmsprop(w, gradients, rates, keep, epsilon, momentum=0.0, decay=0.0):
    v, m = 0.0, 0.0
    for g, rate in zip(gradients, rates, strict=True):
        g = g + decay * w
        v = keep * v + (1 - keep) * g * g
        m = momentum * m + g / (sqrt(v) + epsilon)
        w -= rate * m
    return w


def adam(w, gradients, rates, beta1, beta2, epsilon, decay=0.0, decoupled=False):
    m, v = 0.0, 0.0
    for t, (g, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        w, g = (w - rate * decay * w, g) if decoupled else (w, g + decay * w)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        w -= rate * (m / (1 - beta1**t)) / (sqrt(v / (1 - beta2**t)) + epsilon)
    return w
