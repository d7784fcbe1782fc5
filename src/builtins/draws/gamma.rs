//! Gamma, beta and Student's t.
//!
//! In: parameters and a stream. Out: a value that has the distribution exactly, but for rounding. Absent on purpose: inverse CDFs,
//! which have no formula; so these do not rise with a uniform.

use super::within;
use crate::builtins::kernels::elementary::{exp, ln};
use crate::builtins::kernels::quantile::normal_quantile;
use crate::builtins::philox::Stream;

/// Gamma, with mean shape · scale and variance shape · scale². A shape below 0.01 gives 0 where the value is too small for a double.
pub fn gamma(shape: f64, scale: f64, stream: &mut Stream) -> f64 {
    let support = (shape > 0.0) & (shape < f64::INFINITY) & (scale >= 0.0);
    if !support {
        return f64::NAN;
    }
    let (value, factor) = standard(shape, stream);
    scale * value * exp(factor)
}

/// Beta on 0 to 1, with mean a / (a + b): X / (X + Y) of two gamma values. Values next to an end are rounded to it.
/// Parameters below 10⁻³⁰⁰, whose logarithms would not fit, are NaN.
pub fn beta(a: f64, b: f64, stream: &mut Stream) -> f64 {
    let support = (1e-300..f64::INFINITY).contains(&a) & (1e-300..f64::INFINITY).contains(&b);
    if !support {
        return f64::NAN;
    }
    let (x, x_factor) = standard(a, stream);
    let (y, y_factor) = standard(b, stream);
    // Through the ratio's logarithm, because small parameters make both too small for a double.
    let odds = (y / x) * exp(y_factor - x_factor);
    within(odds >= 0.0, 1.0 / (1.0 + odds))
}

/// Student's t with `df` degrees of freedom: a normal value over the root of a mean square of them. It rises with its first uniform.
pub fn student_t(df: f64, stream: &mut Stream) -> f64 {
    let support = (df > 0.0) & (df < f64::INFINITY);
    if !support {
        return f64::NAN;
    }
    let z = normal_quantile(stream.uniform());
    let (value, factor) = standard(0.5 * df, stream);
    z * (0.5 * df / value).sqrt() * exp(-0.5 * factor)
}

/// A gamma value of scale 1, as v · eᶠ: (v, f).
///
/// Marsaglia and Tsang (2000), A simple method for generating gamma variables, ACM TOMS 26(3); a shape below 1 by their section 6:
/// one of shape + 1, times U^(1/shape).
fn standard(shape: f64, stream: &mut Stream) -> (f64, f64) {
    if shape < 1.0 {
        let factor = ln(stream.uniform()) / shape;
        return (above_one(shape + 1.0, stream), factor);
    }
    (above_one(shape, stream), 0.0)
}

fn above_one(shape: f64, stream: &mut Stream) -> f64 {
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = normal_quantile(stream.uniform());
        let u = stream.uniform();
        let root = 1.0 + c * x;
        let v = root * root * root;
        // Their quick test, by which a logarithm is seldom needed, is within the exact one.
        let square = x * x;
        if v > 0.0 && (u < 1.0 - 0.0331 * square * square || ln(u) < 0.5 * square + d * (1.0 - v + ln(v))) {
            return d * v;
        }
    }
}
