"""log x and log(1 + s) as polynomials that compile to vector instructions.

x = m 2^e with m in [sqrt(1/2), sqrt(2)), by its bits;  log x = e log 2 + 2 artanh(z),  z = (m - 1) / (m + 1), where
2 artanh(z) = 2 (z + z^3/3 + z^5/5 + ...), |z| < 0.172. In log(1 + s), what 1 + s lost by rounding is added
back, divided by 1 + s. Relative errors stay below 4 eps. Arguments are finite; x > 0 is no subnormal number, s >= 0.

Source: the reductions are those of Muller, "Elementary Functions" (3rd ed., 2016), chapters 4 and 11.
"""

from __future__ import annotations

from math import log as exact_log
from math import sqrt
from typing import Any

import numpy as np

from ebm.kernels.jit import by_precision, cell

i32, i64, f32, f64 = np.int32, np.int64, np.float32, np.float64

ROOT_HALF_S, MANTISSA_S, SHIFT_S = i32(f32(sqrt(0.5)).view(i32)), i32(0x7FFFFF), i32(23)
ONE_S, TWO_S, LN2_S = f32(1), f32(2), f32(exact_log(2.0))
L3, L5, L7, L9 = (f32(2.0 / k) for k in range(3, 11, 2))

ROOT_HALF_D, MANTISSA_D, SHIFT_D = i64(f64(sqrt(0.5)).view(i64)), i64(0xFFFFFFFFFFFFF), i64(52)
ONE_D, TWO_D, LN2_D = f64(1), f64(2), f64(exact_log(2.0))
G3, G5, G7, G9, G11, G13, G15, G17, G19, G21 = (f64(2.0 / k) for k in range(3, 23, 2))


@cell
def exponent32(x: Any) -> Any:
    """E of x = m 2^e, in float32."""
    return f32(i32(i32(f32(x).view(i32) - ROOT_HALF_S) >> SHIFT_S))


@cell
def log_mantissa32(x: Any) -> Any:
    """Return log m of x = m 2^e, in float32."""
    bits = i32(f32(x).view(i32) - ROOT_HALF_S)
    m = i32(i32(bits & MANTISSA_S) + ROOT_HALF_S).view(f32)
    z = (m - ONE_S) / (m + ONE_S)
    q = z * z
    return z * ((((L9 * q + L7) * q + L5) * q + L3) * q + TWO_S)


@cell
def exponent64(x: Any) -> Any:
    """E of x = m 2^e, in float64."""
    return f64(i64(i64(f64(x).view(i64) - ROOT_HALF_D) >> SHIFT_D))


@cell
def log_mantissa64(x: Any) -> Any:
    """Return log m of x = m 2^e, in float64."""
    bits = i64(f64(x).view(i64) - ROOT_HALF_D)
    m = i64(i64(bits & MANTISSA_D) + ROOT_HALF_D).view(f64)
    z = (m - ONE_D) / (m + ONE_D)
    q = z * z
    p = ((((G21 * q + G19) * q + G17) * q + G15) * q + G13) * q + G11
    return z * (((((p * q + G9) * q + G7) * q + G5) * q + G3) * q + TWO_D)


@cell
def log32(x: Any) -> Any:
    """Return log x in float32."""
    return exponent32(x) * LN2_S + log_mantissa32(x)


@cell
def log64(x: Any) -> Any:
    """Return log x in float64."""
    return exponent64(x) * LN2_D + log_mantissa64(x)


@cell
def log1p32(s: Any) -> Any:
    """log(1 + s) in float32."""
    x = ONE_S + s
    lost = s - (x - ONE_S)
    return exponent32(x) * LN2_S + (log_mantissa32(x) + lost / x)


@cell
def log1p64(s: Any) -> Any:
    """log(1 + s) in float64."""
    x = ONE_D + s
    lost = s - (x - ONE_D)
    return exponent64(x) * LN2_D + (log_mantissa64(x) + lost / x)


log = by_precision(log32, log64)
log1p = by_precision(log1p32, log1p64)
