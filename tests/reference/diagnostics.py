"""Chain diagnostics from their formulas, by loops."""

import math


def autocovariance(x, lag):
    n = len(x)
    mean = sum(x) / n
    return sum((x[i] - mean) * (x[i + lag] - mean) for i in range(n - lag)) / n


def rhat(chains):
    halves = []
    for chain in chains:
        n = len(chain) // 2
        halves += [chain[:n], chain[-n:]]
    means = [sum(half) / n for half in halves]
    variances = [sum((x - mean) ** 2 for x in half) / (n - 1) for half, mean in zip(halves, means, strict=True)]
    grand = sum(means) / len(means)
    between = n * sum((mean - grand) ** 2 for mean in means) / (len(means) - 1)
    within = sum(variances) / len(variances)
    return math.sqrt(((n - 1) / n * within + between / n) / within)


def effective_sample_size(chains):
    halves = []
    for chain in chains:
        n = len(chain) // 2
        halves += [chain[:n], chain[-n:]]
    m = len(halves)
    means = [sum(half) / n for half in halves]
    grand = sum(means) / m
    within = sum(autocovariance(half, 0) for half in halves) / m * n / (n - 1)
    total = (n - 1) / n * within + sum((mean - grand) ** 2 for mean in means) / (m - 1)

    def rho(t):
        return 1.0 if t == 0 else 1 - (within - sum(autocovariance(half, t) for half in halves) / m) / total

    tau, least, k = -1.0, math.inf, 0
    while 2 * k + 1 < n:
        pair = rho(2 * k) + rho(2 * k + 1)
        if pair < 0:
            break
        least = min(least, pair)
        tau += 2 * least
        k += 1
    return m * n / max(tau, 1 / math.log10(m * n))
