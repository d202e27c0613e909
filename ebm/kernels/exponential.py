"""exp, the logistic function and softplus as polynomials that compile to vector instructions.

exp(x) = 2^n e^r,  n = round(x / ln 2),  |r| <= ln 2 / 2, with e^r by its Taylor series (degree 7 in float32, 13 in
float64: truncation below half a unit in the last place) and 2^n by its bits.
sigma(x) = 1 / (1 + e^-x);  softplus(x) = log(1 + e^x) = max(x, 0) + log1p(e^-|x|), where
log(1 + t) = 2 artanh(z) = 2 (z + z^3/3 + z^5/5 + ...),  z = t / (2 + t) <= 1/3.
Relative errors stay below 3 eps. Infinities count as the largest number that does not saturate; NaN stays NaN.

Source: the reductions are those of Muller, "Elementary Functions" (3rd ed., 2016), chapters 4 and 11.
"""

from __future__ import annotations

from math import factorial
from typing import Any

import numpy as np

from ebm.kernels.jit import by_precision, cell

i32, i64, f32, f64 = np.int32, np.int64, np.float32, np.float64
LOG2E = 1.4426950408889634
LN2_HIGH, LN2_LOW = (
    0.693145751953125,
    1.4286068203094173e-06,
)  # Cody & Waite: the first has 15 significant bits

LOG2E_S, HIGH_S, LOW_S, ONE_S, TWO_S, ZERO_S = (f32(x) for x in (LOG2E, LN2_HIGH, LN2_LOW, 1.0, 2.0, 0.0))
LIMIT_S, BIAS_S, SHIFT_S, OFFSET_S = f32(87.0), f32(127.5), i32(23), f32(127.0)
E2, E3, E4, E5, E6, E7 = (f32(1 / factorial(k)) for k in range(2, 8))
L3, L5, L7, L9, L11, L13 = (f32(2.0 / k) for k in range(3, 15, 2))

LOG2E_D, HIGH_D, LOW_D, ONE_D, TWO_D, ZERO_D = (f64(x) for x in (LOG2E, LN2_HIGH, LN2_LOW, 1.0, 2.0, 0.0))
LIMIT_D, BIAS_D, SHIFT_D, OFFSET_D = f64(708.0), f64(1023.5), i64(52), f64(1023.0)
F2, F3, F4, F5, F6, F7, F8, F9, F10, F11, F12, F13 = (f64(1 / factorial(k)) for k in range(2, 14))
G3, G5, G7, G9, G11, G13, G15, G17, G19, G21, G23, G25, G27, G29, G31, G33 = (f64(2.0 / k) for k in range(3, 35, 2))


@cell
def exp32(x: Any) -> Any:
    """e^x in float32, within 2e-7 relative; saturates beyond |x| = 87."""
    x = min(max(x, -LIMIT_S), LIMIT_S)
    e = i32(x * LOG2E_S + BIAS_S)  # round(x log2 e) + 127: positive, so truncation is floor
    n = f32(e) - OFFSET_S
    r = (x - n * HIGH_S) - n * LOW_S
    p = ((((((E7 * r + E6) * r + E5) * r + E4) * r + E3) * r + E2) * r + ONE_S) * r + ONE_S
    return p * i32(e << SHIFT_S).view(f32)


@cell
def exp64(x: Any) -> Any:
    """e^x in float64, within 4e-16 relative; saturates beyond |x| = 708."""
    x = min(max(x, -LIMIT_D), LIMIT_D)
    e = i64(x * LOG2E_D + BIAS_D)
    n = f64(e) - OFFSET_D
    r = (x - n * HIGH_D) - n * LOW_D
    p = ((((((F13 * r + F12) * r + F11) * r + F10) * r + F9) * r + F8) * r + F7) * r + F6
    p = (((((p * r + F5) * r + F4) * r + F3) * r + F2) * r + ONE_D) * r + ONE_D
    return p * i64(e << SHIFT_D).view(f64)


@cell
def sigmoid32(x: Any) -> Any:
    """1 / (1 + e^-x) in float32."""
    return ONE_S / (ONE_S + exp32(-x))


@cell
def sigmoid64(x: Any) -> Any:
    """1 / (1 + e^-x) in float64."""
    return ONE_D / (ONE_D + exp64(-x))


@cell
def softplus32(x: Any) -> Any:
    """log(1 + e^x) in float32."""
    t = exp32(-abs(x))
    z = t / (TWO_S + t)
    s = z * z
    q = ((((((L13 * s + L11) * s + L9) * s + L7) * s + L5) * s + L3) * s + TWO_S) * z
    return max(x, ZERO_S) + q


@cell
def softplus64(x: Any) -> Any:
    """log(1 + e^x) in float64."""
    t = exp64(-abs(x))
    z = t / (TWO_D + t)
    s = z * z
    q = ((((((G33 * s + G31) * s + G29) * s + G27) * s + G25) * s + G23) * s + G21) * s + G19
    q = ((((((((q * s + G17) * s + G15) * s + G13) * s + G11) * s + G9) * s + G7) * s + G5) * s + G3) * s
    return max(x, ZERO_D) + (q + TWO_D) * z


exponential = by_precision(exp32, exp64)
sigmoid = by_precision(sigmoid32, sigmoid64)
softplus = by_precision(softplus32, softplus64)
