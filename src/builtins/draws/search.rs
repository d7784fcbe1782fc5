//! Quantiles that have no formula, by search: gamma, beta, Student's t, counts.
//!
//! In: parameters, and a probability with what it leaves of 1. Out: where the CDF reaches it, to a few units in the last
//! place of what that hangs on. Invariant: always ends; the side that is smaller is the one that is searched. Absent on purpose: samples, which
//! need no quantile.

use super::{exp, ln, normal_quantile};
use crate::builtins::kernels::incomplete::{
    beta_density, beta_tails, gamma_density, gamma_tails, ln_beta, ln_gamma_1p,
};

/// Where a rising function of a real number is 0, by Newton's method held within what is known. `f` gives value and slope.
fn root(guess: f64, f: impl Fn(f64) -> (f64, f64)) -> f64 {
    let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
    let (mut at, mut stride) = (guess, 1.0);
    for _ in 0..200 {
        let (value, slope) = f(at);
        if value == 0.0 {
            return at;
        }
        if value < 0.0 {
            low = low.max(at)
        } else {
            high = high.min(at)
        }
        let next = at - value / slope;
        let inside = next > low && next < high && (next - at).abs() < 1e3;
        let next = if inside {
            next
        } else if low > f64::NEG_INFINITY && high < f64::INFINITY {
            0.5 * (low + high)
        } else {
            stride *= 2.0;
            if value < 0.0 { at + stride } else { at - stride }
        };
        if (next - at).abs() <= 2.0 * f64::EPSILON * (1.0 + at.abs()) {
            return next;
        }
        at = next;
    }
    at
}

/// How far a probability is above the one that is sought, and by how much it rises, both as parts of it. On the smaller side.
fn gap((part, rest): (f64, f64), density: f64, p: f64, q: f64) -> (f64, f64) {
    if p <= q { (ln(part / p), density / part) } else { (ln(q / rest), density / rest) }
}

/// The quantile of a gamma distribution of scale 1.
pub(super) fn gamma(shape: f64, p: f64, q: f64) -> f64 {
    if p <= 0.0 || q <= 0.0 {
        return if p <= 0.0 { 0.0 } else { f64::INFINITY };
    }
    // Next to 0 the CDF is x^shape / Γ(shape + 1).
    let log_gamma = if shape < 1.0 { ln_gamma_1p(shape) } else { libm::lgamma(shape + 1.0) };
    let ln_p = if p < 0.5 { ln(p) } else { libm::log1p(-q) };
    let least = (ln_p + log_gamma) / shape;
    if least < -37.0 {
        return exp(least);
    }
    let z = if p <= q { normal_quantile(p) } else { -normal_quantile(q) };
    // Wilson and Hilferty (1931): the cube root is nearly normal.
    let cube_root = 1.0 - 1.0 / (9.0 * shape) + z / (3.0 * shape.sqrt());
    let guess = if shape > 0.5 && cube_root > 0.1 { ln(shape) + 3.0 * ln(cube_root) } else { least };
    let of = |x: f64| gap(gamma_tails(shape, x), shape * gamma_density(shape, x), p, q);
    let x = exp(root(guess.min(700.0), |t| of(exp(t))));
    // The last digits, which the logarithm of a large value does not have.
    let (value, slope) = of(x);
    let better = x * (1.0 - value / slope);
    if (better / x - 1.0).abs() < 1e-9 { better } else { x }
}

/// The quantile of a beta distribution, and what it leaves of 1.
pub(super) fn beta(a: f64, b: f64, p: f64, q: f64) -> (f64, f64) {
    if p <= 0.0 || q <= 0.0 {
        return if p <= 0.0 { (0.0, 1.0) } else { (1.0, 0.0) };
    }
    // Next to 0 the CDF is xᵃ / a B(a, b), and next to 1 likewise.
    let edge = |a: f64, b: f64, p: f64, q: f64| {
        let ln_p = if p < 0.5 { ln(p) } else { libm::log1p(-q) };
        (ln_p + ln(a) + ln_beta(a, b)) / a
    };
    let (from_low, from_high) = (edge(a, b, p, q), edge(b, a, q, p));
    if from_low + ln(1.0 + b) < -38.0 {
        return (exp(from_low), 1.0);
    }
    if from_high + ln(1.0 + a) < -38.0 {
        return (1.0, exp(from_high));
    }
    let z = if p <= q { normal_quantile(p) } else { -normal_quantile(q) };
    let guess = if a.min(b) > 0.5 {
        ln(a / b) + z * (1.0 / a + 1.0 / b).sqrt()
    } else if from_low < -1.0 {
        from_low
    } else {
        -from_high
    };
    let of = |x: f64, y: f64| gap(beta_tails(a, b, x, y), beta_density(a, b, x, y), p, q);
    let parts = |t: f64| (1.0 / (1.0 + exp(-t)), 1.0 / (1.0 + exp(t)));
    let t = root(guess.clamp(-700.0, 700.0), |t| {
        let (x, y) = parts(t);
        of(x, y)
    });
    let (x, y) = parts(t);
    let (value, slope) = of(x, y);
    let step = value / slope;
    if step.abs() < 1e-9 { (x * (1.0 - step * y), y * (1.0 + step * x)) } else { (x, y) }
}

/// How far from 0 a value of Student's t lies with probability `tail` on either side, for a tail up to ½.
pub(super) fn student_t(df: f64, tail: f64) -> f64 {
    // df / (df + t²) is a beta value.
    let (x, y) = beta(0.5 * df, 0.5, 2.0 * tail, 1.0 - 2.0 * tail);
    (df * y).sqrt() / x.sqrt()
}

/// Both tails of Student's t.
pub(super) fn student_t_tails(df: f64, t: f64) -> (f64, f64) {
    let ratio = t.abs() / df.sqrt();
    let (x, y) = if ratio > 1.0 {
        let square = (1.0 / ratio) * (1.0 / ratio);
        (square / (1.0 + square), 1.0 / (1.0 + square))
    } else {
        let square = ratio * ratio;
        (1.0 / (1.0 + square), square / (1.0 + square))
    };
    let outside = 0.5 * beta_tails(0.5 * df, 0.5, x, y).0;
    if t < 0.0 { (outside, 1.0 - outside) } else { (1.0 - outside, outside) }
}

/// The least whole number from 0 to `top` up to which at least `p` lies. `sd` sets the first stride.
pub(super) fn count(mean: f64, sd: f64, top: f64, p: f64, q: f64, tails: impl Fn(f64) -> (f64, f64)) -> f64 {
    if q <= 0.0 {
        return top;
    }
    // Some units in the last place must not make of a number the next one.
    let slack = 64.0 * f64::EPSILON;
    let reached = |k: f64| {
        let (upto, more) = tails(k);
        if p <= q { upto >= p * (1.0 - slack) } else { more <= q * (1.0 + slack) }
    };
    let z = if p <= q { normal_quantile(p) } else { -normal_quantile(q) };
    let guess = libm::floor((mean + sd * z.max(-40.0)).clamp(0.0, top));
    let mut stride = libm::ceil(0.01 * sd).max(1.0);
    // `low` is not enough, `high` is.
    let (mut low, mut high) = (guess, guess);
    if reached(guess) {
        while low >= 0.0 && reached(low) {
            (high, low) = (low, low - stride);
            stride *= 2.0;
        }
        low = low.max(-1.0);
    } else {
        while high < top && !reached(high) {
            (low, high) = (high, (high + stride).min(top));
            stride *= 2.0;
        }
    }
    while high - low > 1.0 {
        let middle = libm::floor(low + 0.5 * (high - low));
        // Beyond 2⁵³ not every whole number is a double.
        if middle <= low || middle >= high {
            break;
        }
        if reached(middle) { high = middle } else { low = middle }
    }
    high
}
