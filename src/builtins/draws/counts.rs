//! How often something happens: binomial and Poisson.
//!
//! In: parameters and a stream. Out: a whole number that has the distribution exactly, but for rounding. A mean below 10 is
//! inverted from one uniform, and rises with it; larger ones are rejected from a hat in constant time. Invariant: what
//! rounding does to a probability grows with the standard deviation (10⁻¹⁵ of it or so), not with `n` or the mean. Absent on purpose: the normal approximation.

use super::within;
use crate::builtins::kernels::elementary::{exp, ln};
use crate::builtins::kernels::incomplete::{deviance, stirling};
use crate::builtins::philox::Stream;

/// How many of `n` independent trials succeed, each with probability `p`.
pub fn binomial(n: f64, p: f64, stream: &mut Stream) -> f64 {
    let support = (0.0..f64::INFINITY).contains(&n) & (n == libm::floor(n)) & (0.0..=1.0).contains(&p);
    if !support {
        return f64::NAN;
    }
    if p > 0.5 {
        return n - binomial(n, 1.0 - p, stream);
    }
    if n * p >= 10.0 {
        return binomial_rejected(n, p, stream);
    }
    let odds = p / (1.0 - p);
    invert(exp(n * libm::log1p(-p)), |k| (n - k + 1.0) / k * odds, stream.uniform())
}

/// How many events there are where `mean` are expected and none knows of another.
pub fn poisson(mean: f64, stream: &mut Stream) -> f64 {
    if mean >= 10.0 {
        return within(mean < f64::INFINITY, poisson_rejected(mean, stream));
    }
    within(mean >= 0.0, invert(exp(-mean), |k| mean / k, stream.uniform()))
}

/// The first k at which the CDF reaches `u`; `ratio(k)` is by how much k is likelier than k − 1.
fn invert(none: f64, ratio: impl Fn(f64) -> f64, u: f64) -> f64 {
    let (mut k, mut probability, mut cdf) = (0.0, none, none);
    while u > cdf {
        probability *= ratio(k + 1.0);
        let next = cdf + probability;
        // What no longer adds anything is less likely than the uniform's last bit.
        if next <= cdf {
            break;
        }
        (k, cdf) = (k + 1.0, next);
    }
    k
}

/// Algorithm PTRS of Hörmann (1993), The transformed rejection method for generating Poisson random variables, Insurance:
/// Mathematics and Economics 12(1).
fn poisson_rejected(mean: f64, stream: &mut Stream) -> f64 {
    let b = 0.931 + 2.53 * mean.sqrt();
    let a = -0.059 + 0.02483 * b;
    let hat = Hat { a, b, centre: mean + 0.43, squeeze: 0.9277 - 3.6224 / (b - 2.0), top: f64::INFINITY };
    let height = 1.1239 + 1.1328 / (b - 3.4);
    hat.reject(stream, |k, v| ln(v * height) <= ln_poisson(k, mean))
}

/// Algorithm BTRS of Hörmann (1993), The generation of binomial random variates, Journal of Statistical Computation and
/// Simulation 46, for p ≤ ½ and n · p ≥ 10.
fn binomial_rejected(n: f64, p: f64, stream: &mut Stream) -> f64 {
    let sd = (n * p * (1.0 - p)).sqrt();
    let b = 1.15 + 2.53 * sd;
    let a = -0.0873 + 0.0248 * b + 0.01 * p;
    let hat = Hat { a, b, centre: n * p + 0.5, squeeze: 0.92 - 4.2 / b, top: n };
    let height = (2.83 + 5.1 / b) * sd;
    let at_mode = ln_binomial(libm::floor((n + 1.0) * p), n, p);
    hat.reject(stream, |k, v| ln(v * height) <= ln_binomial(k, n, p) - at_mode)
}

/// What both of Hörmann's algorithms draw from: the inverse of the hat's CDF is nearly (2a / (½ − |u|) + b) u + centre.
struct Hat {
    a: f64,
    b: f64,
    centre: f64,
    squeeze: f64,
    top: f64,
}

impl Hat {
    fn reject(&self, stream: &mut Stream, accept: impl Fn(f64, f64) -> bool) -> f64 {
        loop {
            let u = stream.uniform() - 0.5;
            let v = stream.uniform();
            let rim = 0.5 - u.abs();
            let k = libm::floor((2.0 * self.a / rim + self.b) * u + self.centre);
            // A box that is wholly under the density: most values need no logarithm.
            if rim >= 0.07 && v <= self.squeeze {
                return k;
            }
            if k >= 0.0 && k <= self.top && accept(k, v / (self.a / (rim * rim) + self.b)) {
                return k;
            }
        }
    }
}

/// The logarithm of a Poisson probability. As in Loader (2000), Fast and accurate computation of binomial probabilities:
/// large terms that cancel are taken together, so that no digits are lost to n.
fn ln_poisson(k: f64, mean: f64) -> f64 {
    if k == 0.0 { -mean } else { -stirling(k) - deviance(k, mean) - 0.5 * ln(std::f64::consts::TAU * k) }
}

/// The logarithm of a binomial probability, likewise.
fn ln_binomial(k: f64, n: f64, p: f64) -> f64 {
    if k == 0.0 {
        n * libm::log1p(-p)
    } else if k == n {
        n * ln(p)
    } else {
        let apart = deviance(k, n * p) + deviance(n - k, n * (1.0 - p));
        stirling(n) - stirling(k) - stirling(n - k) - apart - 0.5 * ln(std::f64::consts::TAU * k * ((n - k) / n))
    }
}
