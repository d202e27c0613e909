"""The normal distribution's quantile, and the tail beyond a bound, as scalar cells.

quantile(u)    z with Phi(z) = u, by rational functions: one uniform makes one normal number
tail_ratio(t)  the Mills ratio R(t) = (1 - Phi(t)) / phi(t) = int_0^inf e^{-t s - s^2 / 2} ds
tail_mean(t)   E[s | s > 0] under N(-t, 1), which is 1 / R(t) - t

Below t = 3 the ratio is erfc's; beyond, both come from Laplace's continued fraction R(t) = 1 / (t + 1 / (t + 2 / (t + 3
/ (t + ...)))), whose tail 1 / (t + 2 / (t + 3 / ...)) is E[s] itself, without the cancellation of 1 / R - t.

Source: quantile after Wichura 1988, "Algorithm AS 241" (doi:10.2307/2347330), PPND7 in float32 (relative error
1e-7) and PPND16 in float64 (1e-16); the fraction after Abramowitz & Stegun 1964, eq. 26.2.14.
"""

from __future__ import annotations

from math import copysign, erfc, log, pi, sqrt
from typing import Any

import numpy as np

from ebm.kernels.exponential import exponential
from ebm.kernels.jit import by_precision, cell

f32, f64 = np.float32, np.float64
SQRT_HALF, ROOT_HALF_PI, HALF_LOG_TWO_PI = sqrt(0.5), sqrt(0.5 * pi), 0.5 * log(2.0 * pi)
FAR = 3.0  # from here on the continued fraction
TERMS = 40  # of it: at t = 3 the error is below 1e-16
VERY_FAR = 30.0  # from here on e^{-t s - s^2 / 2} is the tail itself, within 1 / t^2

HALF_S, ONE_S, EDGE_S, CENTRE_S, NEAR_S, LIMIT_S = (f32(x) for x in (0.5, 1.0, 0.425, 0.180625, 1.6, 5.0))
SA = tuple(f32(x) for x in (3.3871327179, 50.434271938, 159.29113202, 59.109374720))
SB = tuple(f32(x) for x in (1.0, 17.895169469, 78.757757664, 67.187563600))
SC = tuple(f32(x) for x in (1.4234372777, 2.7568153900, 1.3067284816, 0.17023821103))
SD = tuple(f32(x) for x in (1.0, 0.73700164250, 0.12021132975))
SE = tuple(f32(x) for x in (6.6579051150, 3.0812263860, 0.42868294337, 0.017337203997))
SF = tuple(f32(x) for x in (1.0, 0.24197894225, 0.012258202635))

HALF_D, ONE_D, EDGE_D, CENTRE_D, NEAR_D, LIMIT_D = (f64(x) for x in (0.5, 1.0, 0.425, 0.180625, 1.6, 5.0))
DA = (
    3.3871328727963666080, 133.14166789178437745, 1971.5909503065514427, 13731.693765509461125,
    45921.953931549871457, 67265.770927008700853, 33430.575583588128105, 2509.0809287301226727,
)  # fmt: skip
DB = (
    1.0, 42.313330701600911252, 687.18700749205790830, 5394.1960214247511077,
    21213.794301586595867, 39307.895800092710610, 28729.085735721942674, 5226.4952788528545610,
)  # fmt: skip
DC = (
    1.42343711074968357734, 4.63033784615654529590, 5.76949722146069140550, 3.64784832476320460504,
    1.27045825245236838258, 0.241780725177450611770, 0.0227238449892691845833, 7.74545014278341407640e-4,
)  # fmt: skip
DD = (
    1.0, 2.05319162663775882187, 1.67638483018380384940, 0.689767334985100004550,
    0.148103976427480074590, 0.0151986665636164571966, 5.47593808499534494600e-4, 1.05075007164441684324e-9,
)  # fmt: skip
DE = (
    6.65790464350110377720, 5.46378491116411436990, 1.78482653991729133580, 0.296560571828504891230,
    0.0265321895265761230930, 0.00124266094738807843860, 2.71155556874348757815e-5, 2.01033439929228813265e-7,
)  # fmt: skip
DF = (
    1.0, 0.599832206555887937690, 0.136929880922735805310, 0.0148753612908506148525,
    7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15,
)  # fmt: skip


@cell
def far_quantile32(log_p: Any) -> Any:
    """-quantile(p) from log p, in the tail p < 0.075, in float32."""
    r = sqrt(-log_p)
    if r <= LIMIT_S:
        x = r - NEAR_S
        z = (((SC[3] * x + SC[2]) * x + SC[1]) * x + SC[0]) / ((SD[2] * x + SD[1]) * x + SD[0])
    else:
        x = r - LIMIT_S
        z = (((SE[3] * x + SE[2]) * x + SE[1]) * x + SE[0]) / ((SF[2] * x + SF[1]) * x + SF[0])
    return z


@cell
def quantile32(u: Any) -> Any:
    """Phi^{-1}(u) in float32."""
    q = u - HALF_S
    if abs(q) <= EDGE_S:
        r = CENTRE_S - q * q
        z = (((SA[3] * r + SA[2]) * r + SA[1]) * r + SA[0]) / (((SB[3] * r + SB[2]) * r + SB[1]) * r + SB[0])
        z *= q
    else:
        z = copysign(far_quantile32(log(min(u, ONE_S - u))), q)
    return z


@cell
def ratio7(a: Any, b: Any, x: Any) -> Any:
    """Quotient of two polynomials of degree 7 with coefficients a and b, in float64."""
    p = ((((((a[7] * x + a[6]) * x + a[5]) * x + a[4]) * x + a[3]) * x + a[2]) * x + a[1]) * x + a[0]
    q = ((((((b[7] * x + b[6]) * x + b[5]) * x + b[4]) * x + b[3]) * x + b[2]) * x + b[1]) * x + b[0]
    return p / q


@cell
def far_quantile64(log_p: Any) -> Any:
    """-quantile(p) from log p, in the tail p < 0.075, in float64."""
    r = sqrt(-log_p)
    if r <= LIMIT_D:
        z = ratio7(DC, DD, r - NEAR_D)
    else:
        z = ratio7(DE, DF, r - LIMIT_D)
    return z


@cell
def quantile64(u: Any) -> Any:
    """Phi^{-1}(u) in float64."""
    q = u - HALF_D
    if abs(q) <= EDGE_D:
        z = q * ratio7(DA, DB, CENTRE_D - q * q)
    else:
        z = copysign(far_quantile64(log(min(u, ONE_D - u))), q)
    return z


quantile = by_precision(quantile32, quantile64, paste=False)
far_quantile = by_precision(far_quantile32, far_quantile64, paste=False)


@cell
def normal_cdf(x: Any) -> Any:
    """Phi(x)."""
    return type(x)(0.5) * erfc(-x * type(x)(SQRT_HALF))


@cell
def fraction(t: Any, first: Any) -> Any:
    """t + first / (t + (first + 1) / (t + ...)), for t of at least FAR."""
    value = t
    for k in range(TERMS + first, first - 1, -1):
        value = t + type(t)(k) / value
    return value


@cell
def tail_ratio(t: Any) -> Any:
    """R(t) = (1 - Phi(t)) / phi(t), the Mills ratio."""
    kind = type(t)
    if t > kind(FAR):
        ratio = kind(1) / fraction(t, 1)
    else:
        ratio = kind(ROOT_HALF_PI) * erfc(t * kind(SQRT_HALF)) * exponential(kind(0.5) * t * t)
    return ratio


@cell
def tail_mean(t: Any) -> Any:
    """E[s | s > 0] for s ~ N(-t, 1)."""
    kind = type(t)
    if t > kind(FAR):
        mean = kind(1) / fraction(t, 2)
    else:
        mean = kind(1) / tail_ratio(t) - t
    return mean


@cell
def log_tail(t: Any) -> Any:
    """log int_0^inf e^{-t s - s^2 / 2} ds = log R(t), without overflow where t is far below zero."""
    kind = type(t)
    if t > kind(-FAR):
        value = log(tail_ratio(t))
    else:
        value = kind(0.5) * t * t + kind(HALF_LOG_TWO_PI) + log(normal_cdf(-t))
    return value


@cell
def tail_draw(t: Any, u: Any) -> Any:
    """Draw s ~ N(-t, 1) given s > 0, from a uniform u: z = quantile(u Phi(-t)), s = -z - t."""
    kind = type(t)
    if t > kind(VERY_FAR):
        e = -log(u)
        s = kind(2) * e / (t + sqrt(t * t + kind(2) * e))
    elif t > kind(FAR):
        log_p = log(u) - kind(0.5) * t * t - kind(HALF_LOG_TWO_PI) + log(tail_ratio(t))
        s = far_quantile(log_p) - t
    else:
        s = -quantile(u * normal_cdf(-t)) - t
    return max(s, kind(0))
