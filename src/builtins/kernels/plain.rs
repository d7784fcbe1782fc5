//! What is exact: the lesser, the greater, whole numbers. On the rules of [`super::elementary`]: no branch, the same bits everywhere.
//!
//! In: any double. Out: what libm gives, the sign of 0 included (`tests/elementary.rs`). Invariant: only operations that a
//! target without SSE4.1 has as vectors. Absent on purpose: rounding to anything but whole numbers.

const TWO_52: f64 = 4_503_599_627_370_496.0;

/// The lesser of two. NaN stays NaN: a value that is no number must not vanish in a minimum.
#[inline(always)]
pub fn min(a: f64, b: f64) -> f64 {
    if a.is_nan() | (a < b) { a } else { b }
}

/// The greater of two, likewise.
#[inline(always)]
pub fn max(a: f64, b: f64) -> f64 {
    if a.is_nan() | (a > b) { a } else { b }
}

/// `x`, but not below `low` and not above `high`.
#[inline(always)]
pub fn clamp(x: f64, low: f64, high: f64) -> f64 {
    max(low, min(x, high))
}

/// The nearest whole number, halves to even, without its sign. Next to 2⁵² a unit in the last place is 1.
#[inline(always)]
fn nearest(size: f64) -> f64 {
    if size < TWO_52 { (size + TWO_52) - TWO_52 } else { size }
}

/// The greatest whole number that is not above `x`.
#[inline(always)]
pub fn floor(x: f64) -> f64 {
    let n = nearest(x.abs()).copysign(x);
    if n > x { n - 1.0 } else { n }
}

/// The least whole number that is not below `x`.
#[inline(always)]
pub fn ceil(x: f64) -> f64 {
    let n = nearest(x.abs()).copysign(x);
    (if n < x { n + 1.0 } else { n }).copysign(x)
}

/// The whole part.
#[inline(always)]
pub fn trunc(x: f64) -> f64 {
    let size = x.abs();
    let n = nearest(size);
    (if n > size { n - 1.0 } else { n }).copysign(x)
}

/// The nearest whole number, halves away from zero.
#[inline(always)]
pub fn round(x: f64) -> f64 {
    let size = x.abs();
    let n = nearest(size);
    let n = if n > size { n - 1.0 } else { n };
    (if size - n >= 0.5 { n + 1.0 } else { n }).copysign(x)
}
