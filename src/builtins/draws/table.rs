//! The rows: every distribution of the language, once for each set of parameters that it goes by.
//!
//! In: nothing. Out: [`forms`]. A row says how a distribution is called, which arguments it refuses, how they become those of its
//! law, and what it is called elsewhere. Invariant: what a row refuses, and only that, gives NaN. Absent on purpose: formulas,
//! which stand in `laws`; `categorical`, `multinomial`, `truncated` and `empirical`, which are made of others.

use super::form::{Form, Law};
use super::laws as l;
use crate::builtins::Signature;
use crate::builtins::kernels::elementary::ln;

struct Row {
    text: &'static str,
    by_name: bool,
    law: Law,
    standard: Option<fn([f64; 4]) -> [f64; 4]>,
    support: fn(&[f64; 4]) -> Option<&'static str>,
    doc: &'static str,
    example: &'static str,
    foreign: &'static [&'static str],
}

/// What is wrong with arguments: the first rule that does not hold. That they are finite numbers is the first rule for each.
macro_rules! rules {
    ($($arg:ident)* $(; $rule:expr, $text:literal)*) => {
        |args: &[f64; 4]| {
            let [$($arg,)* ..] = *args;
            $(if !$arg.is_finite() {
                return Some(concat!(stringify!($arg), " must be a finite number"));
            })*
            $(let holds: bool = $rule;
            if !holds {
                return Some($text);
            })*
            None
        }
    };
}

const ROWS: &[Row] = &[
    Row {
        text: "uniform(low: D, high: D) -> D",
        by_name: false,
        law: l::UNIFORM,
        standard: None,
        support: rules!(low high; low <= high, "low must not be above high"; high - low < f64::INFINITY, "high - low must be a finite number"),
        doc: "Anything between `low` and `high`, all of it equally likely: all that is known are the ends.",
        example: "uniform(0.5%, 1.5%)",
        foreign: &["Vensim: RANDOM UNIFORM", "Stella: UNIFORM", "numpy: uniform", "scipy: uniform(low, high - low)"],
    },
    Row {
        text: "normal(mean: D, sd: D) -> D",
        by_name: false,
        law: l::NORMAL,
        standard: None,
        support: rules!(mean sd; sd >= 0.0, "sd must not be below 0"),
        doc: "What many small independent causes add up to. It has no bounds: two thirds lie within one `sd` of the mean, 95% within two.",
        example: "normal(0, 5%)",
        foreign: &["Vensim: RANDOM NORMAL", "Stella: NORMAL", "numpy: normal", "scipy: norm"],
    },
    Row {
        text: "lognormal(median: D, sigma: 1) -> D",
        by_name: true,
        law: l::LOGNORMAL,
        standard: None,
        support: rules!(median sigma; median > 0.0, "median must be above 0"; sigma >= 0.0, "sigma must not be below 0"),
        doc: "What many independent factors multiply to: prices, wealth. Half lies below the median; `sigma` is the standard deviation of its logarithm.",
        example: "lognormal(median: 40 USD, sigma: 0.4)",
        foreign: &["numpy: lognormal(ln(median), sigma)", "scipy: lognorm(sigma, scale=median)"],
    },
    Row {
        text: "lognormal(mean: D, sd: D) -> D",
        by_name: true,
        law: l::LOGNORMAL,
        standard: Some(|[mean, sd, ..]| {
            let ratio = sd / mean;
            let spread = 1.0 + ratio * ratio;
            // Where the square is too large for a double, twice the logarithm is as good.
            let variance = if ratio > 1e8 { 2.0 * ln(ratio) } else { libm::log1p(ratio * ratio) };
            let root = if ratio > 1e8 { ratio } else { spread.sqrt() };
            [mean / root, variance.sqrt(), f64::NAN, f64::NAN]
        }),
        support: rules!(mean sd; mean > 0.0, "mean must be above 0"; sd >= 0.0, "sd must not be below 0";
            mean / (sd / mean).max(1.0) > 0.0, "sd must not be that far above mean"),
        doc: "The same by the mean and standard deviation of the values themselves.",
        example: "lognormal(mean: 40 USD, sd: 10 USD)",
        foreign: &["Stella: LOGNORMAL"],
    },
    Row {
        text: "triangular(low: D, mode: D, high: D) -> D",
        by_name: false,
        law: l::TRIANGULAR,
        standard: None,
        support: rules!(low mode high; low <= mode, "low must not be above mode"; mode <= high, "mode must not be above high"; high - low < f64::INFINITY, "high - low must be a finite number"),
        doc: "An estimate in three numbers: least, most likely, most. The ends are as far as it goes.",
        example: "triangular(1%, 3%, 8%)",
        foreign: &["Vensim: RANDOM TRIANGULAR", "Stella: TRIANGULAR", "numpy: triangular"],
    },
    Row {
        text: "pert(low: D, mode: D, high: D) -> D",
        by_name: false,
        law: l::BETA,
        standard: Some(|[low, mode, high, _]| {
            let width = high - low;
            if width > 0.0 {
                [1.0 + 4.0 * ((mode - low) / width), 1.0 + 4.0 * ((high - mode) / width), low, high]
            } else {
                [1.0, 1.0, low, high]
            }
        }),
        support: rules!(low mode high; low <= mode, "low must not be above mode"; mode <= high, "mode must not be above high";
            high - low < f64::INFINITY, "high - low must be a finite number"),
        doc: "The same three numbers, read by a project planner: rounder than a triangle, with less weight at the ends. The mean is (low + 4 mode + high) / 6.",
        example: "pert(20 day, 30 day, 90 day)",
        foreign: &["R: mc2d::rpert"],
    },
    Row {
        text: "beta(a: 1, b: 1) -> 1",
        by_name: false,
        law: l::BETA,
        standard: Some(|[a, b, ..]| [a, b, 0.0, 1.0]),
        support: rules!(a b; a >= 1e-300, "a must be above 0"; b >= 1e-300, "b must be above 0"; a <= 1e15, "a must not be above 1e15"; b <= 1e15, "b must not be above 1e15"),
        doc: "A share between 0 and 1. Of an unknown rate that showed a − 1 times and failed to b − 1 times, it is what is then known.",
        example: "beta(3, 20)",
        foreign: &["Vensim: RANDOM BETA", "Stella: BETA", "numpy: beta", "scipy: beta"],
    },
    Row {
        text: "beta(mean: 1, sd: 1) -> 1",
        by_name: true,
        law: l::BETA,
        standard: Some(|[mean, sd, ..]| {
            if sd == 0.0 {
                return [1.0, 1.0, mean, mean];
            }
            let both = mean * (1.0 - mean) / (sd * sd) - 1.0;
            [mean * both, (1.0 - mean) * both, 0.0, 1.0]
        }),
        support: rules!(mean sd; mean > 0.0 && mean < 1.0, "mean must be between 0 and 1"; sd >= 0.0, "sd must not be below 0";
            sd * sd < mean * (1.0 - mean), "sd must be below √(mean · (1 − mean)), the most that a share can vary";
            sd == 0.0 || sd > 1e-150, "sd must be 0 or above 1e-150";
            sd == 0.0 || mean.min(1.0 - mean) * (mean * (1.0 - mean) / (sd * sd) - 1.0) >= 1e-300, "sd must leave a and b above 0"),
        doc: "The same by the mean of the share and its standard deviation.",
        example: "beta(mean: 12%, sd: 4%)",
        foreign: &[],
    },
    Row {
        text: "gamma(shape: 1, scale: D) -> D",
        by_name: true,
        law: l::GAMMA,
        standard: None,
        support: rules!(shape scale; shape > 0.0, "shape must be above 0"; shape <= 1e300, "shape must not be above 1e300"; scale >= 0.0, "scale must not be below 0"),
        doc: "The time until `shape` events that each take `scale` on average; any amount that is never negative and leans to the right.",
        example: "gamma(shape: 3, scale: 10 day)",
        foreign: &["Vensim: RANDOM GAMMA", "Stella: GAMMA", "numpy: gamma", "scipy: gamma(shape, scale=scale)"],
    },
    Row {
        text: "gamma(mean: D, sd: D) -> D",
        by_name: true,
        law: l::GAMMA,
        standard: Some(|[mean, sd, ..]| {
            let ratio = mean / sd;
            let shape = ratio * ratio;
            // A shape beyond all doubles is the mean itself, to the last digit.
            if shape <= 1e300 { [shape, mean / shape, f64::NAN, f64::NAN] } else { [f64::INFINITY, mean, 0.0, 0.0] }
        }),
        support: rules!(mean sd; mean > 0.0, "mean must be above 0"; sd >= 0.0, "sd must not be below 0";
            (mean / sd) * (mean / sd) > 0.0 && mean / ((mean / sd) * (mean / sd)) < f64::INFINITY, "sd must not be that far above mean"),
        doc: "The same by its mean and standard deviation.",
        example: "gamma(mean: 30 day, sd: 10 day)",
        foreign: &[],
    },
    Row {
        text: "exponential(mean: D) -> D",
        by_name: false,
        law: l::EXPONENTIAL,
        standard: None,
        support: rules!(mean; mean >= 0.0, "mean must not be below 0"),
        doc: "The time until something happens that is as likely at any moment, such as the next arrival.",
        example: "exponential(3 day)",
        foreign: &["Vensim: RANDOM EXPONENTIAL", "numpy: exponential", "scipy: expon(scale=mean)"],
    },
    Row {
        text: "exponential(rate: 1/D) -> D",
        by_name: true,
        law: l::EXPONENTIAL,
        standard: Some(|[rate, ..]| [1.0 / rate, f64::NAN, f64::NAN, f64::NAN]),
        support: rules!(rate; rate > 0.0 && 1.0 / rate < f64::INFINITY, "rate must be above 0"),
        doc: "The same by how often it happens: the mean is 1 / rate.",
        example: "exponential(rate: 10/month)",
        foreign: &["R: rexp"],
    },
    Row {
        text: "weibull(shape: 1, scale: D) -> D",
        by_name: false,
        law: l::WEIBULL,
        standard: None,
        support: rules!(shape scale; shape > 0.0, "shape must be above 0"; scale > 0.0, "scale must be above 0"),
        doc: "The time until something fails: ever likelier with age where `shape` is above 1, ever less likely below, exponential at 1. 63% fail before `scale`.",
        example: "weibull(1.5, 24 month)",
        foreign: &[
            "Vensim: RANDOM WEIBULL",
            "Stella: WEIBULL",
            "numpy: scale * weibull(shape)",
            "scipy: weibull_min(shape, scale=scale)",
        ],
    },
    Row {
        text: "pareto(shape: 1, least: D) -> D",
        by_name: false,
        law: l::PARETO,
        standard: None,
        support: rules!(shape least; shape > 0.0, "shape must be above 0"; least > 0.0, "least must be above 0"),
        doc: "A few hold most: above x lies (least / x)^shape. A shape of 1.16 is 80 to 20; at 1 or below there is no mean.",
        example: "pareto(1.16, 100 TKN)",
        foreign: &["Stella: PARETO", "numpy: least * (1 + pareto(shape))", "scipy: pareto(shape, scale=least)"],
    },
    Row {
        text: "logistic(mean: D, scale: D) -> D",
        by_name: false,
        law: l::LOGISTIC,
        standard: None,
        support: rules!(mean scale; scale >= 0.0, "scale must not be below 0"),
        doc: "Like a normal, with more weight far out; the thresholds behind an S-shaped adoption. Its standard deviation is 1.81 `scale`.",
        example: "logistic(50 USD, 5 USD)",
        foreign: &["Stella: LOGISTIC", "numpy: logistic", "scipy: logistic"],
    },
    Row {
        text: "student_t(df: 1) -> 1",
        by_name: false,
        law: l::STUDENT_T,
        standard: Some(|[df, ..]| [df, 0.0, 1.0, f64::NAN]),
        support: rules!(df; df >= 0.01, "df must be 0.01 at least"; df <= 1e15, "df must not be above 1e15"),
        doc: "Like a normal with heavy tails: the smaller `df`, the wilder. Without a mean at 1 and below, without a standard deviation at 2 and below.",
        example: "student_t(4)",
        foreign: &["numpy: standard_t", "scipy: t"],
    },
    Row {
        text: "student_t(df: 1, mean: D, scale: D) -> D",
        by_name: false,
        law: l::STUDENT_T,
        standard: None,
        support: rules!(df mean scale; df >= 0.01, "df must be 0.01 at least"; df <= 1e15, "df must not be above 1e15"; scale >= 0.0, "scale must not be below 0"),
        doc: "The same around `mean`, `scale` times as wide: daily returns of a token, with their crashes.",
        example: "student_t(4, 0, 3%)",
        foreign: &["scipy: t(df, mean, scale)"],
    },
    Row {
        text: "bernoulli(p: 1) -> bool",
        by_name: false,
        law: l::BERNOULLI,
        standard: None,
        support: rules!(p; (0.0..=1.0).contains(&p), "p must be between 0 and 1"),
        doc: "Whether something happens: true with probability `p`.",
        example: "bernoulli(2%)",
        foreign: &["numpy: random() < p", "scipy: bernoulli"],
    },
    Row {
        text: "binomial(n: D, p: 1) -> D",
        by_name: false,
        law: l::BINOMIAL,
        standard: Some(|[n, p, ..]| [libm::round(n), p, f64::NAN, f64::NAN]),
        support: rules!(n p; n > -1e-9, "n must not be below 0"; l::whole(n), "n must be a whole number"; n <= 1e300, "n must not be above 1e300"; (0.0..=1.0).contains(&p), "p must be between 0 and 1"),
        doc: "How many of `n` do something that each does with probability `p`, on its own.",
        example: "binomial(committed, 3%)",
        foreign: &["Vensim: RANDOM BINOMIAL", "Stella: BINOMIAL", "numpy: binomial", "scipy: binom"],
    },
    Row {
        text: "poisson(mean: D) -> D",
        by_name: false,
        law: l::POISSON,
        standard: None,
        support: rules!(mean; mean >= 0.0, "mean must not be below 0"),
        doc: "How many events come where `mean` are expected and none knows of another: buyers in a day, faults in a month.",
        example: "poisson(300 voucher)",
        foreign: &["Vensim: RANDOM POISSON", "Stella: POISSON", "numpy: poisson", "scipy: poisson"],
    },
    Row {
        text: "geometric(p: 1) -> 1",
        by_name: false,
        law: l::GEOMETRIC,
        standard: None,
        support: rules!(p; p > 0.0 && p <= 1.0, "p must be above 0, and 1 at most"),
        doc: "How often something fails before it succeeds, with probability `p` each time. Tools that count the tries give one more.",
        example: "geometric(20%)",
        foreign: &["Stella: GEOMETRIC", "R: rgeom", "numpy: geometric(p) - 1", "scipy: geom(p) - 1"],
    },
    Row {
        text: "negative_binomial(r: 1, p: 1) -> 1",
        by_name: false,
        law: l::NEGATIVE_BINOMIAL,
        standard: Some(|[r, p, ..]| [r, (1.0 - p) / p, r * ((1.0 - p) / p), f64::NAN]),
        support: rules!(r p; r >= 1e-300, "r must be above 0"; r <= 1e300, "r must not be above 1e300"; p > 0.0 && p <= 1.0, "p must be above 0, and 1 at most";
            r.max(1.0) * ((1.0 - p) / p) <= 1e300, "r / p must not be above 1e300"),
        doc: "How often something fails before it has succeeded `r` times, with probability `p` each time. `r` need not be whole.",
        example: "negative_binomial(5, 20%)",
        foreign: &[
            "Vensim: RANDOM NEGATIVE BINOMIAL",
            "Stella: NEGBINOMIAL",
            "R: rnbinom",
            "numpy: negative_binomial",
            "scipy: nbinom",
        ],
    },
    Row {
        text: "negative_binomial(mean: D, r: 1) -> D",
        by_name: true,
        law: l::NEGATIVE_BINOMIAL,
        standard: Some(|[mean, r, ..]| [r, mean / r, mean, f64::NAN]),
        support: rules!(mean r; mean >= 0.0, "mean must not be below 0"; r >= 1e-300, "r must be above 0"; r <= 1e300, "r must not be above 1e300"; mean <= 1e300 && mean / r <= 1e300, "mean and mean / r must not be above 1e300"),
        doc: "A count that varies more than `poisson` with the same mean, because the rate itself does: the variance is mean + mean² / r.",
        example: "negative_binomial(mean: 300 voucher, r: 4)",
        foreign: &["R: rnbinom(mu, size)"],
    },
    Row {
        text: "negative_binomial(mean: D, sd: D) -> D",
        by_name: true,
        law: l::NEGATIVE_BINOMIAL,
        standard: Some(|[mean, sd, ..]| {
            let odds = if mean > 0.0 { (sd * (sd / mean) - 1.0).max(0.0) } else { 0.0 };
            [if odds > 0.0 { mean / odds } else { f64::INFINITY }, odds, mean, f64::NAN]
        }),
        support: rules!(mean sd; mean >= 0.0, "mean must not be below 0"; sd >= 0.0, "sd must not be below 0";
            sd * sd >= mean * (1.0 - 1e-12), "sd must be √mean at least, which is that of `poisson`";
            mean > 0.0 || sd == 0.0, "sd must be 0 where mean is 0";
            mean == 0.0 || (mean <= 1e300 && sd * (sd / mean) <= 1e300 && mean / sd * (mean / sd) >= 1e-300), "sd must not be that far above mean, nor either above 1e300"),
        doc: "The same by its mean and standard deviation.",
        example: "negative_binomial(mean: 300 voucher, sd: 50 voucher)",
        foreign: &[],
    },
];

pub(super) fn forms() -> Vec<Form> {
    let form = |&Row { text, by_name, law, standard, support, doc, example, foreign }: &Row| {
        // Counts are of a law that gives whole numbers; whether something happens is none.
        let signature = Signature::parse(text);
        let counts = law.counts && signature.result != crate::builtins::Slot::Bool;
        Form { signature, by_name, counts, doc, example, foreign, law, standard, support }
    };
    ROWS.iter().map(form).collect()
}
