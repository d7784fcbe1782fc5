//! What functions compute, on doubles. exp, ln and powers are our own ([`elementary`]), so that one value and many have the same
//! bits; other transcendentals come from the libm crate. Never from the platform: results are the same bits everywhere.

use super::Instant;

pub mod elementary;
pub mod incomplete;
pub mod plain;
pub mod quantile;

pub(super) use plain::{max, min};

/// Functions that have a vector form, too. They are not inlined, so that each has one address, by which `lanes` knows it.
macro_rules! named {
    ($($name:ident($($x:ident),*) = $value:expr;)*) => {$(
        #[inline(never)]
        #[doc = concat!("As `", stringify!($value), "`.")]
        pub fn $name($($x: f64),*) -> f64 {
            $value
        }
    )*};
}

named! {
    abs(x) = libm::fabs(x);
    sqrt(x) = x.sqrt();
    exp(x) = elementary::exp(x);
    ln(x) = elementary::ln(x);
    floor(x) = plain::floor(x);
    ceil(x) = plain::ceil(x);
    round(x) = plain::round(x);
    trunc(x) = plain::trunc(x);
    power(x, y) = elementary::pow(x, y);
    lesser(a, b) = plain::min(a, b);
    greater(a, b) = plain::max(a, b);
    clamp(x, low, high) = plain::clamp(x, low, high);
    safediv(a, b, otherwise) = if b == 0.0 { otherwise } else { a / b };
}

/// The number of the step on which an instant falls: the first whose time is not before it, rounding aside.
pub fn event_step(time: f64, start: f64, dt: f64) -> f64 {
    libm::ceil((time - start) / dt - slack(time, start, dt))
}

/// By how many steps rounding may have moved an instant: 10⁻⁹, and more where many short steps lie far from time 0.
pub fn slack(time: f64, start: f64, dt: f64) -> f64 {
    max(1e-9, 4.0 * f64::EPSILON * (libm::fabs(time) + libm::fabs(start)) / dt)
}

/// The time of the `n`-th repeat.
pub fn repeat(first: f64, n: f64, period: f64) -> f64 {
    // What comes once has an infinite period, and 0 · inf is no number.
    if n == 0.0 { first } else { first + n * period }
}

pub(super) fn log(x: f64, base: f64) -> f64 {
    libm::log(x) / libm::log(base)
}

/// The remainder with the divisor's sign.
pub(super) fn modulo(a: f64, b: f64) -> f64 {
    let r = libm::fmod(a, b);
    if r == 0.0 {
        0.0
    } else if (r < 0.0) != (b < 0.0) {
        r + b
    } else {
        r
    }
}

/// 0, and `height` from the step on which `t` falls.
pub(super) fn step_at([height, t, _]: [f64; 3], at: Instant) -> f64 {
    if at.step >= event_step(t, at.start, at.dt) { height } else { 0.0 }
}

/// 0, then `slope` per time from `from` on, then what has been reached by `to`.
pub(super) fn ramp([slope, from, to]: [f64; 3], at: Instant) -> f64 {
    if at.time <= from { 0.0 } else { slope * (min(at.time, to) - from) }
}

/// `amount` within the one step on which `first` falls, as a rate, and again each `every`.
pub(super) fn pulse([amount, first, every]: [f64; 3], at: Instant) -> f64 {
    let hit = |time: f64| event_step(time, at.start, at.dt) == at.step;
    let due = if every > 0.0 {
        // The last repeat that is not after the end of this step, and the one before, in case of rounding.
        let n = max(0.0, libm::floor((at.row - first) / every));
        hit(repeat(first, n, every)) || hit(repeat(first, n + 1.0, every))
    } else {
        hit(first)
    };
    if due { amount / at.dt } else { 0.0 }
}
