//! Samples of distributions.
//!
//! In: parameters, and a number between 0 and 1 or a [`Stream`](super::philox::Stream) of them. Out: a value. Invariant: total;
//! what is outside a distribution's support is NaN, and a run decides what to make of it. Here are those whose inverse CDF is a
//! formula: they rise with `u`, so that common random numbers, mirrored and quasi-random ones do what they are for.
//! Absent on purpose: units, names of parameters, the place of a draw.

mod counts;
mod form;
mod gamma;
mod how;
mod lanes;
mod laws;
mod search;
mod table;

pub use counts::{binomial, poisson};
pub use form::{Form, Sampler, find, forms};
pub use gamma::{beta, gamma, student_t};
pub use how::How;
pub use lanes::Lanes;

use super::kernels::elementary::{exp, ln, pow};
use super::kernels::quantile::normal_quantile;

/// Whether none of them is NaN or infinite.
#[inline(always)]
fn finite<const N: usize>(xs: [f64; N]) -> bool {
    xs.iter().fold(true, |all, x| all & (x.abs() < f64::INFINITY))
}

/// The value below which one of Student's t lies with probability `p`, with `df` degrees of freedom.
pub fn student_t_quantile(df: f64, p: f64) -> f64 {
    let size = search::student_t(df, p.min(1.0 - p));
    if p < 0.5 { -size } else { size }
}

/// `x` where the parameters are in the support. A comparison with NaN is false, so that NaN is never in it.
#[inline(always)]
fn within(support: bool, x: f64) -> f64 {
    if support { x } else { f64::NAN }
}

/// Anything between `low` and `high`, all of it equally likely.
#[inline(always)]
pub fn uniform(low: f64, high: f64, u: f64) -> f64 {
    // From the nearer end: neither can then be overshot by rounding, and the middle is exact.
    let x = if u < 0.5 { low + (high - low) * u } else { high - (high - low) * (1.0 - u) };
    within((low <= high) & finite([high - low]), x)
}

/// Normal, with this mean and standard deviation.
#[inline(always)]
pub fn normal(mean: f64, sd: f64, u: f64) -> f64 {
    normal_of(mean, sd, normal_quantile(u))
}

#[inline(always)]
fn normal_of(mean: f64, sd: f64, z: f64) -> f64 {
    within((sd >= 0.0) & finite([mean, sd]), mean + sd * z)
}

/// The exponential of a normal value: `median` is e to its mean, `sigma` its standard deviation.
#[inline(always)]
pub fn lognormal(median: f64, sigma: f64, u: f64) -> f64 {
    lognormal_of(median, sigma, normal_quantile(u))
}

#[inline(always)]
fn lognormal_of(median: f64, sigma: f64, z: f64) -> f64 {
    within((median > 0.0) & (sigma >= 0.0) & finite([median, sigma]), median * exp(sigma * z))
}

/// Waiting times of what happens at a constant rate: −mean · ln(1 − u).
#[inline(always)]
pub fn exponential(mean: f64, u: f64) -> f64 {
    within((mean >= 0.0) & finite([mean]), mean * -ln(1.0 - u))
}

/// Weibull: scale · (−ln(1 − u))^(1/shape).
#[inline(always)]
pub fn weibull(shape: f64, scale: f64, u: f64) -> f64 {
    within((shape > 0.0) & (scale > 0.0) & finite([shape, scale]), scale * pow(-ln(1.0 - u), 1.0 / shape))
}

/// Pareto of the first kind: at least `least`, above x with probability (least / x)^shape.
#[inline(always)]
pub fn pareto(shape: f64, least: f64, u: f64) -> f64 {
    within((shape > 0.0) & (least > 0.0) & finite([shape, least]), least * pow(1.0 - u, -1.0 / shape))
}

/// Logistic: mean + scale · ln(u / (1 − u)).
#[inline(always)]
pub fn logistic(mean: f64, scale: f64, u: f64) -> f64 {
    within((scale >= 0.0) & finite([mean, scale]), mean + scale * (ln(u) - ln(1.0 - u)))
}

/// Whether something of probability `p` happens: 1 or 0.
#[inline(always)]
pub fn bernoulli(p: f64, u: f64) -> f64 {
    within((0.0..=1.0).contains(&p), if 1.0 - u < p { 1.0 } else { 0.0 })
}

/// How many trials fail before the first success: the whole part of ln(1 − u) / ln(1 − p).
#[inline(always)]
pub fn geometric(p: f64, u: f64) -> f64 {
    within((p > 0.0) & (p <= 1.0), libm::floor(ln(1.0 - u) / libm::log1p(-p)))
}

/// Triangular: most likely at `mode`, and less so along straight lines down to `low` and `high`.
#[inline(always)]
pub fn triangular(low: f64, mode: f64, high: f64, u: f64) -> f64 {
    let width = high - low;
    let below = low + (u * width * (mode - low)).sqrt();
    let above = high - ((1.0 - u) * width * (high - mode)).sqrt();
    within((low <= mode) & (mode <= high) & finite([high - low]), if u * width < mode - low { below } else { above })
}
