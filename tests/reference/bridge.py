"""Bridge sampling by loops: the root by halving an interval, and by the fixed-point iteration of Meng & Wong."""

from math import exp, log


def logistic(x):
    return 1.0 / (1.0 + exp(-x)) if x > 0 else exp(x) / (1.0 + exp(x))


def sums(forward, reverse, r):
    m = log(len(forward) / len(reverse))
    return sum(logistic(w - r - m) for w in forward), sum(logistic(u + r + m) for u in reverse)


def bennett_root(forward, reverse, low=-100.0, high=100.0):
    """The r at which both sums are equal: the first falls with r, the second rises."""
    for _ in range(200):
        middle = (low + high) / 2
        x, y = sums(forward, reverse, middle)
        low, high = (middle, high) if x > y else (low, middle)
    return (low + high) / 2


def meng_wong(forward, reverse, n_iterations=3000):
    """Iterate r_{t+1} = log of mean(f_1 / (n_0 f_0 e^r_t + n_1 f_1)) under p_0 over mean(f_0 / (...)) under p_1."""
    n0, n1, r = len(forward), len(reverse), 0.0
    for _ in range(n_iterations):
        top = sum(exp(w) / (n0 * exp(r) + n1 * exp(w)) for w in forward) / n0
        bottom = sum(1.0 / (n0 * exp(r) + n1 * exp(-u)) for u in reverse) / n1
        r = log(top / bottom)
    return r


def bennett_variance(forward, reverse, r):
    """(<s^2> / <s>^2 - 1) / n of both sides, with the divisor n - 1 in the variances."""
    m, total = log(len(forward) / len(reverse)), 0.0
    for s in ([logistic(w - r - m) for w in forward], [logistic(u + r + m) for u in reverse]):
        n, mean = len(s), sum(s) / len(s)
        total += sum((x - mean) ** 2 for x in s) / (n - 1) / mean**2 / n
    return total
