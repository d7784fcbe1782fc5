//! What each distribution is: its quantile, both tails, mean and variance.
//!
//! In: arguments in the standard form of `table`. Out: [`Law`]s. Invariant: quantiles rise; both tails keep their digits,
//! so that a truncated distribution may be cut far out. Absent on purpose: checks of arguments, which are done before.

use super::form::{Law, Sampler};
use super::lanes::Lanes;
use super::*;
use crate::builtins::kernels::incomplete::{beta_tails, gamma_tails};

/// Whether a count is whole, but for what rounding does to one that was worked out.
pub(super) fn whole(n: f64) -> bool {
    (n - libm::round(n)).abs() <= 1e-9 * n.abs().clamp(1.0, 1e6)
}

/// ln q, where p + q = 1 and the smaller is exact.
fn ln_rest(p: f64, q: f64) -> f64 {
    if p < 0.5 { libm::log1p(-p) } else { ln(q) }
}

fn z_of(p: f64, q: f64) -> f64 {
    if p <= q { normal_quantile(p) } else { -normal_quantile(q) }
}

fn z_tails(z: f64) -> (f64, f64) {
    let root = std::f64::consts::FRAC_1_SQRT_2;
    (0.5 * libm::erfc(-z * root), 0.5 * libm::erfc(z * root))
}

/// All that there is lies at one place.
fn at_once(place: f64, x: f64) -> (f64, f64) {
    if x >= place { (1.0, 0.0) } else { (0.0, 1.0) }
}

/// Both tails of a triangle where it rises: squares, and sums of what is above 0.
fn triangle(low: f64, mode: f64, high: f64, x: f64) -> (f64, f64) {
    let (width, rest) = (high - low, mode - x);
    let below = (x - low) / width * ((x - low) / (mode - low));
    (below, (high - mode) / width + rest / width * (2.0 - rest / (mode - low)))
}

pub(super) const UNIFORM: Law = Law {
    lanes: Some(Lanes::Uniform),
    sampler: Sampler::OfOne(|&[low, high, ..], u| uniform(low, high, u)),
    inverse: |&[low, high, ..], p, q| if p <= q { low + (high - low) * p } else { high - (high - low) * q },
    tails: |&[low, high, ..], x| {
        if x <= low || x >= high {
            return at_once(high, x);
        }
        ((x - low) / (high - low), (high - x) / (high - low))
    },
    mean: |&[low, high, ..]| low + 0.5 * (high - low),
    variance: |&[low, high, ..]| (high - low) * (high - low) / 12.0,
    counts: false,
};

pub(super) const NORMAL: Law = Law {
    lanes: Some(Lanes::Normal),
    sampler: Sampler::OfOne(|&[mean, sd, ..], u| normal(mean, sd, u)),
    inverse: |&[mean, sd, ..], p, q| mean + sd * z_of(p, q),
    tails: |&[mean, sd, ..], x| if sd == 0.0 { at_once(mean, x) } else { z_tails((x - mean) / sd) },
    mean: |&[mean, ..]| mean,
    variance: |&[_, sd, ..]| sd * sd,
    counts: false,
};

pub(super) const LOGNORMAL: Law = Law {
    lanes: Some(Lanes::Lognormal),
    sampler: Sampler::OfOne(|&[median, sigma, ..], u| lognormal(median, sigma, u)),
    inverse: |&[median, sigma, ..], p, q| median * exp(sigma * z_of(p, q)),
    tails: |&[median, sigma, ..], x| {
        if x <= 0.0 {
            return (0.0, 1.0);
        }
        if sigma == 0.0 { at_once(median, x) } else { z_tails(ln(x / median) / sigma) }
    },
    mean: |&[median, sigma, ..]| median * exp(0.5 * sigma * sigma),
    variance: |&[median, sigma, ..]| median * median * exp(sigma * sigma) * libm::expm1(sigma * sigma),
    counts: false,
};

pub(super) const TRIANGULAR: Law = Law {
    lanes: Some(Lanes::Triangular),
    sampler: Sampler::OfOne(|&[low, mode, high, _], u| triangular(low, mode, high, u)),
    inverse: |&[low, mode, high, _], p, q| {
        let width = high - low;
        if p * width < mode - low {
            low + (p * width * (mode - low)).sqrt()
        } else {
            high - (q * width * (high - mode)).sqrt()
        }
    },
    tails: |&[low, mode, high, _], x| {
        if x <= low || x >= high {
            at_once(high, x)
        } else if x < mode {
            triangle(low, mode, high, x)
        } else {
            let (above, below) = triangle(-high, -mode, -low, -x);
            (below, above)
        }
    },
    mean: |&[low, mode, high, _]| (low + mode + high) / 3.0,
    variance: |&[low, mode, high, _]| {
        let (a, b) = (mode - low, high - mode);
        (a * a + a * b + b * b) / 18.0
    },
    counts: false,
};

/// Between two ends: a, b, low, high.
pub(super) const BETA: Law = Law {
    lanes: None,
    sampler: Sampler::OfMany(|&[a, b, low, high], stream| {
        let share = beta(a, b, stream);
        if low == high { low } else { low + (high - low) * share }
    }),
    inverse: |&[a, b, low, high], p, q| {
        if low == high {
            return low;
        }
        let (x, y) = search::beta(a, b, p, q);
        if x <= y { low + (high - low) * x } else { high - (high - low) * y }
    },
    tails: |&[a, b, low, high], x| {
        if x <= low || x >= high {
            return at_once(high, x);
        }
        beta_tails(a, b, (x - low) / (high - low), (high - x) / (high - low))
    },
    mean: |&[a, b, low, high]| low + (high - low) * (a / (a + b)),
    variance: |&[a, b, low, high]| (high - low) * (high - low) * (a / (a + b)) * (b / (a + b)) / (a + b + 1.0),
    counts: false,
};

/// An infinite shape stands for the scale itself.
pub(super) const GAMMA: Law = Law {
    lanes: None,
    sampler: Sampler::OfMany(
        |&[shape, scale, ..], stream| {
            if shape == f64::INFINITY { scale } else { gamma(shape, scale, stream) }
        },
    ),
    inverse: |&[shape, scale, ..], p, q| {
        if shape == f64::INFINITY { scale } else { scale * search::gamma(shape, p, q) }
    },
    tails: |&[shape, scale, ..], x| {
        if x < 0.0 {
            (0.0, 1.0)
        } else if shape == f64::INFINITY || scale == 0.0 {
            at_once(scale, x)
        } else {
            gamma_tails(shape, x / scale)
        }
    },
    mean: |&[shape, scale, ..]| if shape == f64::INFINITY { scale } else { shape * scale },
    variance: |&[shape, scale, ..]| if shape == f64::INFINITY { 0.0 } else { shape * scale * scale },
    counts: false,
};

pub(super) const EXPONENTIAL: Law = Law {
    lanes: Some(Lanes::Exponential),
    sampler: Sampler::OfOne(|&[mean, ..], u| exponential(mean, u)),
    inverse: |&[mean, ..], p, q| mean * -ln_rest(p, q),
    tails: |&[mean, ..], x| {
        if x < 0.0 {
            return (0.0, 1.0);
        }
        if mean == 0.0 { at_once(0.0, x) } else { (-libm::expm1(-x / mean), exp(-x / mean)) }
    },
    mean: |&[mean, ..]| mean,
    variance: |&[mean, ..]| mean * mean,
    counts: false,
};

pub(super) const WEIBULL: Law = Law {
    lanes: Some(Lanes::Weibull),
    sampler: Sampler::OfOne(|&[shape, scale, ..], u| weibull(shape, scale, u)),
    inverse: |&[shape, scale, ..], p, q| scale * pow(-ln_rest(p, q), 1.0 / shape),
    tails: |&[shape, scale, ..], x| {
        if x < 0.0 {
            return (0.0, 1.0);
        }
        let t = pow(x / scale, shape);
        (-libm::expm1(-t), exp(-t))
    },
    mean: |&[shape, scale, ..]| scale * libm::tgamma(1.0 + 1.0 / shape),
    variance: |&[shape, scale, ..]| {
        let mean = libm::tgamma(1.0 + 1.0 / shape);
        scale * scale * (libm::tgamma(1.0 + 2.0 / shape) - mean * mean)
    },
    counts: false,
};

pub(super) const PARETO: Law = Law {
    lanes: Some(Lanes::Pareto),
    sampler: Sampler::OfOne(|&[shape, least, ..], u| pareto(shape, least, u)),
    inverse: |&[shape, least, ..], p, q| {
        if p < 0.5 { least * exp(-libm::log1p(-p) / shape) } else { least * pow(q, -1.0 / shape) }
    },
    tails: |&[shape, least, ..], x| {
        if x <= least {
            return (0.0, 1.0);
        }
        let fall = shape * libm::log1p((x - least) / least);
        (-libm::expm1(-fall), exp(-fall))
    },
    mean: |&[shape, least, ..]| if shape > 1.0 { least * (shape / (shape - 1.0)) } else { f64::INFINITY },
    variance: |&[shape, least, ..]| {
        let off = shape - 1.0;
        if shape > 2.0 { least * least * shape / (off * off * (shape - 2.0)) } else { f64::INFINITY }
    },
    counts: false,
};

pub(super) const LOGISTIC: Law = Law {
    lanes: Some(Lanes::Logistic),
    sampler: Sampler::OfOne(|&[mean, scale, ..], u| logistic(mean, scale, u)),
    inverse: |&[mean, scale, ..], p, q| mean + scale * (ln_rest(q, p) - ln_rest(p, q)),
    tails: |&[mean, scale, ..], x| {
        if scale == 0.0 {
            return at_once(mean, x);
        }
        let z = (x - mean) / scale;
        (1.0 / (1.0 + exp(-z)), 1.0 / (1.0 + exp(z)))
    },
    mean: |&[mean, ..]| mean,
    variance: |&[_, scale, ..]| scale * scale * (std::f64::consts::PI * std::f64::consts::PI / 3.0),
    counts: false,
};

/// df, mean, scale.
pub(super) const STUDENT_T: Law = Law {
    lanes: None,
    sampler: Sampler::OfMany(|&[df, mean, scale, _], stream| mean + scale * student_t(df, stream)),
    inverse: |&[df, mean, scale, _], p, q| {
        let size = search::student_t(df, p.min(q));
        mean + scale * if p < q { -size } else { size }
    },
    tails: |&[df, mean, scale, _], x| {
        if scale == 0.0 { at_once(mean, x) } else { search::student_t_tails(df, (x - mean) / scale) }
    },
    mean: |&[df, mean, ..]| if df > 1.0 { mean } else { f64::NAN },
    variance: |&[df, _, scale, _]| {
        if df > 2.0 {
            scale * scale * (df / (df - 2.0))
        } else if df > 1.0 {
            f64::INFINITY
        } else {
            f64::NAN
        }
    },
    counts: false,
};

pub(super) const BERNOULLI: Law = Law {
    lanes: Some(Lanes::Bernoulli),
    sampler: Sampler::OfOne(|&[p, ..], u| bernoulli(p, u)),
    inverse: |&[p, ..], _, q| if q < p { 1.0 } else { 0.0 },
    tails: |&[p, ..], x| if (0.0..1.0).contains(&x) { (1.0 - p, p) } else { at_once(1.0, x) },
    mean: |&[p, ..]| p,
    variance: |&[p, ..]| p * (1.0 - p),
    counts: true,
};

pub(super) const BINOMIAL: Law = Law {
    lanes: None,
    sampler: Sampler::OfMany(|&[n, p, ..], stream| binomial(n, p, stream)),
    inverse: |args, p, q| {
        let &[n, chance, ..] = args;
        search::count(n * chance, (n * chance * (1.0 - chance)).sqrt(), n, p, q, |k| (BINOMIAL.tails)(args, k))
    },
    tails: |&[n, p, ..], k| {
        if k < 0.0 || k >= n {
            return at_once(n, k);
        }
        let (more, upto) = beta_tails(k + 1.0, n - k, p, 1.0 - p);
        (upto, more)
    },
    mean: |&[n, p, ..]| n * p,
    variance: |&[n, p, ..]| n * p * (1.0 - p),
    counts: true,
};

pub(super) const POISSON: Law = Law {
    lanes: None,
    sampler: Sampler::OfMany(|&[mean, ..], stream| poisson(mean, stream)),
    inverse: |args, p, q| search::count(args[0], args[0].sqrt(), f64::INFINITY, p, q, |k| (POISSON.tails)(args, k)),
    tails: |&[mean, ..], k| {
        if k < 0.0 || mean == 0.0 {
            return at_once(0.0, k);
        }
        let (more, upto) = gamma_tails(k + 1.0, mean);
        (upto, more)
    },
    mean: |&[mean, ..]| mean,
    variance: |&[mean, ..]| mean,
    counts: true,
};

pub(super) const GEOMETRIC: Law = Law {
    lanes: Some(Lanes::Geometric),
    sampler: Sampler::OfOne(|&[p, ..], u| geometric(p, u)),
    inverse: |&[chance, ..], p, q| {
        // A unit or two in the last place must not make of a whole number the next one.
        let tries = ln_rest(p, q) / libm::log1p(-chance) * (1.0 - 4.0 * f64::EPSILON);
        (libm::ceil(tries) - 1.0).max(0.0)
    },
    tails: |&[p, ..], k| {
        if k < 0.0 {
            return (0.0, 1.0);
        }
        let all = (k + 1.0) * libm::log1p(-p);
        (-libm::expm1(all), exp(all))
    },
    mean: |&[p, ..]| (1.0 - p) / p,
    variance: |&[p, ..]| (1.0 - p) / p / p,
    counts: true,
};

/// r, the odds (1 − p) / p, the mean. Without odds it is Poisson's.
pub(super) const NEGATIVE_BINOMIAL: Law = Law {
    lanes: None,
    sampler: Sampler::OfMany(|&[r, odds, mean, _], stream| {
        let rate = if odds > 0.0 { gamma(r, odds, stream) } else { mean };
        poisson(rate, stream)
    }),
    inverse: |args, p, q| {
        let &[_, odds, mean, _] = args;
        search::count(mean, (mean * (1.0 + odds)).sqrt(), f64::INFINITY, p, q, |k| (NEGATIVE_BINOMIAL.tails)(args, k))
    },
    tails: |&[r, odds, mean, _], k| {
        if odds > 0.0 {
            if k < 0.0 {
                return (0.0, 1.0);
            }
            return beta_tails(r, k + 1.0, 1.0 / (1.0 + odds), odds / (1.0 + odds));
        }
        (POISSON.tails)(&[mean; 4], k)
    },
    mean: |&[_, _, mean, _]| mean,
    variance: |&[_, odds, mean, _]| mean * (1.0 + odds),
    counts: true,
};
