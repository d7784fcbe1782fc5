//! Random draws: Philox against published vectors, and every sampler against its distribution, at fixed seeds.
//!
//! Each test of a sampler has power: it must also reject a distribution that is off by a few percent, or by less.

#![allow(clippy::disallowed_methods)] // Tests read files and compare with the platform's mathematics.

use flowc::builtins::draws::{
    beta, binomial, exponential, gamma, logistic, lognormal, normal, pareto, poisson, triangular, uniform, weibull,
};
use flowc::builtins::lanes::uniforms;
use flowc::builtins::philox::{Place, Stream, block, key, name_hash, uniform as uniform_at, unit};

fn at(run: u32) -> Place {
    Place { run, step: 0, member: 0 }
}

/// The values of `n` runs.
fn sample(n: u32, draw: impl Fn(&mut Stream) -> f64) -> Vec<f64> {
    let key = key(2026, name_hash("sample", &[]));
    (0..n).map(|run| draw(&mut Stream::new(key, at(run)))).collect()
}

/// Known answers: `kat_vectors` of Random123 (D. E. Shaw Research).
#[test]
fn philox_gives_the_published_answers() {
    for (counter, key, answer) in [
        ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
        ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
        (
            [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
            [0xa409_3822, 0x299f_31d0],
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
        ),
    ] {
        assert_eq!(block(counter, key), answer);
    }
}

#[test]
fn names_have_the_published_hashes() {
    // Fowler, Noll and Vo's own test values.
    for (name, hash) in [("", 0xcbf2_9ce4_8422_2325), ("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8)] {
        assert_eq!(name_hash(name, &[]), hash);
    }
    let hashes = [
        name_hash("a", &[]),
        name_hash("ab", &[]),
        name_hash("a", &["b"]),
        name_hash("a", &["b", "c"]),
        name_hash("a", &["bc"]),
        name_hash("a", &["c", "b"]),
        name_hash("a", &["", "bc"]),
        name_hash("a", &["b", "c", ""]),
    ];
    assert!((0..hashes.len()).all(|i| !hashes[..i].contains(&hashes[i])));
}

/// These never move: a model's results hang on them.
#[test]
fn draws_are_fixed() {
    let key = key(1, name_hash("shock", &["Alice"]));
    let mut stream = Stream::new(key, Place { run: 5, step: 7, member: 11 });
    let first = [stream.uniform(), stream.uniform(), stream.uniform()];
    assert_eq!(first[0], uniform_at(key, Place { run: 5, step: 7, member: 11 }));
    assert_eq!(first.map(f64::to_bits), FIXED.map(f64::to_bits), "{first:?}");
    let normal = normal(0.0, 1.0, first[0]);
    let sales = poisson(300.0, &mut stream);
    assert_eq!((normal, sales), FIXED_VALUES);
}

/// By another program, from the definitions.
const FIXED: [f64; 3] = [0.29426946316486957, 0.13061356481870334, 0.1351411771325447];
const FIXED_VALUES: (f64, f64) = (-0.5409545264776594, 321.0);

#[test]
fn each_part_of_a_place_counts() {
    let place = Place { run: 1, step: 2, member: 3 };
    let name = name_hash("shock", &[]);
    let all = [
        uniform_at(key(1, name), place),
        uniform_at(key(2, name), place),
        uniform_at(key(1, name_hash("shocks", &[])), place),
        uniform_at(key(1, name), Place { run: 2, ..place }),
        uniform_at(key(1, name), Place { step: 3, ..place }),
        uniform_at(key(1, name), Place { member: 4, ..place }),
    ];
    assert!((0..all.len()).all(|i| !all[..i].contains(&all[i])));
}

#[test]
fn a_unit_is_never_an_end() {
    assert_eq!(unit(0), f64::EPSILON / 2.0);
    assert_eq!(unit(u64::MAX), 1.0 - f64::EPSILON / 2.0);
    for bits in (0..1_000u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)) {
        assert_eq!(unit(bits), 1.0 - unit(!bits), "each has its mirror image");
    }
}

#[test]
fn uniforms_of_many_runs_are_those_of_each() {
    let runs: Vec<u32> = (0..200u32).map(|i| i.wrapping_mul(0x9e37_79b9)).collect();
    let key = key(3, name_hash("many", &[]));
    let mut out = vec![0.0; runs.len()];
    uniforms(key, 17, &runs, &mut out);
    for (run, u) in runs.iter().zip(&out) {
        assert_eq!(uniform_at(key, Place { run: *run, step: 17, member: 0 }), *u);
    }
}

/// Kolmogorov's distance times √n. Of the right distribution it is above 1.95 once in a thousand.
fn distance(values: &[f64], cdf: impl Fn(f64) -> f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len() as f64;
    let gap = |(i, x): (usize, &f64)| {
        let p = cdf(*x);
        (p - i as f64 / n).abs().max((p - (i as f64 + 1.0) / n).abs())
    };
    sorted.iter().enumerate().map(gap).fold(0.0, f64::max) * n.sqrt()
}

fn normal_cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z / 2f64.sqrt())
}

#[test]
fn uniforms_are_even_and_apart() {
    let values = sample(100_000, Stream::uniform);
    assert!(distance(&values, |x| x) < 1.95);
    assert!(distance(&values, |x| x * 1.01) > 1.95);
    // Neighbours in each word of the counter, and the numbers of a stream, do not know of each other.
    let key = key(9, name_hash("x", &[]));
    let place = |i: u32, word: u32| Place {
        run: if word == 0 { i } else { 1 },
        step: if word == 1 { i } else { 1 },
        member: if word == 2 { i } else { 1 },
    };
    for word in 0..4 {
        let mut stream = Stream::new(key, at(1));
        let next = |i| if word == 3 { stream.uniform() } else { uniform_at(key, place(i, word)) };
        let values: Vec<f64> = (0..100_000).map(next).collect();
        let product: f64 = values.windows(2).map(|w| (w[0] - 0.5) * (w[1] - 0.5)).sum();
        let correlation = product * 12.0 / 1e5;
        assert!(correlation.abs() < 4.0 / 1e5f64.sqrt(), "word {word}: {correlation}");
        assert!(distance(&values, |x| x) < 1.95, "word {word}");
    }
}

/// A quantile or a CDF: two parameters, and where.
type Formula = fn(f64, f64, f64) -> f64;

#[test]
fn inverses_have_their_distributions() {
    let cases: [(&str, Formula, Formula); 7] = [
        ("uniform", |a, b, u| uniform(a, a + b, u), |a, b, x| (x - a) / b),
        ("normal", normal, |a, b, x| normal_cdf((x - a) / b)),
        ("lognormal", lognormal, |a, b, x| normal_cdf((x / a).ln() / b)),
        ("exponential", |a, _, u| exponential(a, u), |a, _, x| 1.0 - (-x / a).exp()),
        ("weibull", weibull, |a, b, x| 1.0 - (-(x / b).powf(a)).exp()),
        ("pareto", pareto, |a, b, x| 1.0 - (b / x).powf(a)),
        ("logistic", logistic, |a, b, x| 1.0 / (1.0 + (-(x - a) / b).exp())),
    ];
    for (name, quantile, cdf) in cases {
        let values = sample(100_000, |s| quantile(2.0, 1.5, s.uniform()));
        let right = distance(&values, |x| cdf(2.0, 1.5, x));
        let wrong = distance(&values, |x| cdf(2.06, 1.5, x).clamp(0.0, 1.0));
        assert!(right < 1.95 && wrong > 1.95, "{name}: {right}, {wrong}");
        // There and back, also far out, and rising.
        let mut before = f64::NEG_INFINITY;
        for u in [f64::EPSILON / 2.0, 1e-12, 1e-3, 0.25, 0.5, 0.75, 0.999, 1.0 - f64::EPSILON / 2.0] {
            let x = quantile(2.0, 1.5, u);
            assert!(x.is_finite() && x > before, "{name}({u}) = {x}");
            assert!((cdf(2.0, 1.5, x) - u).abs() < 1e-14, "{name}({u}) = {x}");
            before = x;
        }
        assert!(quantile(2.0, f64::NAN, 0.5).is_nan() || name == "exponential");
        assert!(quantile(f64::NAN, 1.0, 0.5).is_nan(), "{name}");
    }
    // Parameters that are no distribution's.
    for x in [
        uniform(1.0, 0.0, 0.5),
        normal(0.0, -1.0, 0.5),
        lognormal(0.0, 1.0, 0.5),
        exponential(-1.0, 0.5),
        weibull(0.0, 1.0, 0.5),
        pareto(1.0, 0.0, 0.5),
        logistic(0.0, -1.0, 0.5),
        triangular(0.0, 2.0, 1.0, 0.5),
    ] {
        assert!(x.is_nan());
    }
}

#[test]
fn triangles_have_their_distribution() {
    let cdf = |mode: f64, x: f64| {
        if x < mode { (x - 1.0).powi(2) / (4.0 * (mode - 1.0)) } else { 1.0 - (5.0 - x).powi(2) / (4.0 * (5.0 - mode)) }
    };
    for mode in [1.0, 2.0, 5.0] {
        let values = sample(100_000, |s| triangular(1.0, mode, 5.0, s.uniform()));
        assert!(distance(&values, |x| cdf(mode, x)) < 1.95);
        assert!(distance(&values, |x| cdf(if mode < 3.0 { mode + 0.1 } else { mode - 0.1 }, x)) > 1.95);
    }
    assert_eq!([0.1, 0.9].map(|u| triangular(3.0, 3.0, 3.0, u)), [3.0; 2]);
    assert_eq!([0.1, 0.9].map(|u| uniform(0.3, 0.3, u)), [0.3; 2]);
}

/// Mean and variance, in standard errors: above 4 once in 16,000.
fn moments(values: &[f64], mean: f64, variance: f64, kurtosis: f64) -> (f64, f64) {
    let n = values.len() as f64;
    let found = values.iter().map(|x| x - mean).sum::<f64>() / n;
    let spread = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
    (found / (variance / n).sqrt(), (spread / variance - 1.0) / ((kurtosis - 1.0) / n).sqrt())
}

/// The incomplete gamma function by its series (NIST DLMF 8.7.1), all of whose terms are positive.
fn gamma_cdf(shape: f64) -> impl Fn(f64) -> f64 {
    move |x: f64| {
        let (mut term, mut sum, mut k) = (1.0 / shape, 1.0 / shape, 0.0);
        while term > sum * 1e-17 {
            k += 1.0;
            term *= x / (shape + k);
            sum += term;
        }
        sum * (shape * x.ln() - x - libm::lgamma(shape)).exp()
    }
}

#[test]
fn gammas_have_their_distribution() {
    for shape in [0.05, 0.3, 0.9, 1.0, 1.7, 8.0, 150.0] {
        let values = sample(60_000, |s| gamma(shape, 1.0, s));
        let right = distance(&values, gamma_cdf(shape));
        let wrong = distance(&values, gamma_cdf(shape * 1.03));
        assert!(right < 1.95 && wrong > 1.95, "{shape}: {right}, {wrong}");
        let (mean, variance) = moments(&values, shape, shape, 3.0 + 6.0 / shape);
        assert!(mean.abs() < 4.0 && variance.abs() < 4.0, "{shape}: {mean}, {variance}");
    }
    let large = sample(60_000, |s| (gamma(1e9, 2.0, s) - 2e9) / (2.0 * 1e9f64.sqrt()));
    assert!(distance(&large, normal_cdf) < 1.95);
    let tiny = sample(60_000, |s| if gamma(1e-3, 1.0, s) < 1e-100 { 1.0 } else { 0.0 });
    // P(X < x) is nearly x^shape: 10^−0.1.
    assert!(moments(&tiny, 0.794_786, 0.794_786 * 0.205_214, 1.6).0.abs() < 4.0);
    assert!(
        [(0.0, 1.0), (-1.0, 1.0), (f64::NAN, 1.0), (f64::INFINITY, 1.0), (1.0, -1.0), (1.0, f64::NAN)]
            .iter()
            .all(|(a, b)| gamma(*a, *b, &mut Stream::new(1, at(1))).is_nan())
    );
}

#[test]
fn betas_have_their_distribution() {
    let known: [(f64, f64, Formula); 4] = [
        (2.0, 1.0, |_, _, x| x * x),
        (0.5, 0.5, |_, _, x| x.sqrt().asin() * 2.0 / std::f64::consts::PI),
        (1.0, 5.0, |_, _, x| 1.0 - (1.0 - x).powi(5)),
        (2.0, 3.0, |_, _, x| x * x * (6.0 - 8.0 * x + 3.0 * x * x)),
    ];
    for (a, b, cdf) in known {
        let values = sample(60_000, |s| beta(a, b, s));
        let wrong = sample(60_000, |s| beta(a * 1.05, b, s));
        assert!(distance(&values, |x| cdf(a, b, x)) < 1.95, "{a}, {b}");
        assert!(distance(&wrong, |x| cdf(a, b, x)) > 1.95, "{a}, {b}");
    }
    for (a, b) in [(0.01, 0.02), (1e-6, 1e-6), (300.0, 2.0), (1e6, 1e6), (1e-300, 1e-300), (1e-300, 1.0)] {
        let values = sample(20_000, |s| beta(a, b, s));
        assert!(values.iter().all(|x| (0.0..=1.0).contains(x)), "{a}, {b}");
        let mean: f64 = a / (a + b);
        let variance = mean * (1.0 - mean) / (a + b + 1.0);
        assert!(variance < 1e-300 || moments(&values, mean, variance, 3.0).0.abs() < 4.0, "{a}, {b}");
    }
    assert!(
        [(0.0, 1.0), (1.0, 0.0), (f64::NAN, 1.0), (1e-301, 1.0), (1.0, f64::INFINITY)].iter().all(|(a, b)| beta(
            *a,
            *b,
            &mut Stream::new(1, at(1))
        )
        .is_nan())
    );
}

fn ln_poisson(mean: f64, k: f64) -> f64 {
    k * mean.ln() - mean - libm::lgamma(k + 1.0)
}

fn ln_binomial(n: f64, p: f64, k: f64) -> f64 {
    let ways = libm::lgamma(n + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(n - k + 1.0);
    ways + k * p.ln() + (n - k) * libm::log1p(-p)
}

/// Pearson's χ², as a standard normal value (Wilson and Hilferty 1931): above 4 once in 30,000. A class is a run of counts that
/// has at least a hundredth of the values.
fn chi_square(values: &[f64], first: f64, last: f64, ln_probability: impl Fn(f64) -> f64) -> f64 {
    let n = values.len() as f64;
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (mut chi, mut classes, mut left, mut taken) = (0.0, 0.0, 1.0, 0);
    let mut add = |expected: f64, upto: usize, taken: &mut usize| {
        chi += ((upto - *taken) as f64 - n * expected).powi(2) / (n * expected);
        classes += 1.0;
        *taken = upto;
    };
    let (mut class, mut k) = (0.0, first);
    while k <= last && left > 0.02 {
        class += ln_probability(k).exp();
        if class >= 0.01 {
            add(class, sorted.partition_point(|x| *x <= k), &mut taken);
            left -= class;
            class = 0.0;
        }
        k += 1.0;
    }
    // What is left over is the last class, however small, if it can be expected to be seen.
    if left * n > 5.0 {
        add(left, sorted.len(), &mut taken);
    }
    let freedom: f64 = classes - 1.0;
    let spread = 2.0 / (9.0 * freedom);
    ((chi / freedom).cbrt() - (1.0 - spread)) / spread.sqrt()
}

#[test]
fn poissons_have_their_distribution() {
    for mean in [0.05f64, 0.7, 3.0, 9.99, 10.0, 30.0, 1_000.0, 1e6] {
        let values = sample(200_000, |s| poisson(mean, s));
        let (low, high) = ((mean - 12.0 * mean.sqrt()).floor().max(0.0), mean + 12.0 * mean.sqrt() + 20.0);
        let of = |mean: f64| chi_square(&values, low, high, |k| ln_poisson(mean, k));
        let (right, wrong) = (of(mean), of(mean + 0.02 * mean.sqrt().max(mean.min(1.0))));
        assert!(right < 4.0 && wrong > 4.0, "{mean}: {right}, {wrong}");
        let (first, second) = moments(&values, mean, mean, 3.0 + 1.0 / mean);
        assert!(first.abs() < 4.0 && second.abs() < 4.0, "{mean}: {first}, {second}");
    }
    let large = sample(50_000, |s| (poisson(1e15, s) - 1e15) / 1e15f64.sqrt());
    assert!(distance(&large, normal_cdf) < 1.95);
    let mut stream = Stream::new(1, at(1));
    assert_eq!((poisson(0.0, &mut stream), poisson(1e-300, &mut stream)), (0.0, 0.0));
    assert!([-1.0, f64::NAN, f64::INFINITY].iter().all(|m| poisson(*m, &mut stream).is_nan()));
}

#[test]
fn binomials_have_their_distribution() {
    for (n, p) in [
        (1.0f64, 0.3f64),
        (7.0, 0.5),
        (15.0, 0.9),
        (40.0, 0.25),
        (20.0, 0.5),
        (1_000.0, 0.004),
        (1_000.0, 0.7),
        (1e6, 2e-5),
        (1e9, 1e-9),
        (1e6, 0.1),
        (1e9, 0.999_999),
    ] {
        let values = sample(200_000, |s| binomial(n, p, s));
        let (mean, sd) = (n * p, (n * p * (1.0 - p)).sqrt());
        let (low, high) = ((mean - 12.0 * sd).floor().max(0.0), (mean + 12.0 * sd + 20.0).min(n));
        let of = |p: f64| chi_square(&values, low, high, |k| ln_binomial(n, p, k));
        let (right, wrong) = (of(p), of(p - 0.03 * sd / n));
        assert!(right < 4.0 && wrong > 4.0, "{n}, {p}: {right}, {wrong}");
        let (first, second) = moments(&values, mean, sd * sd, 3.0 + (1.0 - 6.0 * p * (1.0 - p)) / (sd * sd));
        assert!(first.abs() < 4.0 && second.abs() < 4.0, "{n}, {p}: {first}, {second}");
    }
    for (n, p) in [(1e9f64, 0.3), (1e15, 0.5), (9e15, 1e-3)] {
        let (mean, sd) = (n * p, (n * p * (1.0 - p)).sqrt());
        let values = sample(50_000, |s| binomial(n, p, s));
        assert!(values.iter().all(|k| (0.0..=n).contains(k) && *k == k.floor()));
        assert!(distance(&values, |k| normal_cdf((k + 0.5 - mean) / sd)) < 1.95, "{n}, {p}");
    }
    // Once in a thousand runs.
    let rare = sample(1_000_000, |s| binomial(1e9, 1e-12, s));
    assert!(moments(&rare, 1e-3, 1e-3, 1e3).0.abs() < 4.0 && rare.iter().all(|k| *k <= 2.0));
    let mut stream = Stream::new(1, at(1));
    let ends = [(0.0, 0.5), (9.0, 0.0), (9.0, 1.0), (1e9, 0.0), (1e9, 1.0)].map(|(n, p)| binomial(n, p, &mut stream));
    assert_eq!(ends, [0.0, 0.0, 9.0, 0.0, 1e9]);
    for (n, p) in
        [(-1.0, 0.5), (1.5, 0.5), (f64::NAN, 0.5), (f64::INFINITY, 0.5), (9.0, -0.1), (9.0, 1.1), (9.0, f64::NAN)]
    {
        assert!(binomial(n, p, &mut stream).is_nan(), "{n}, {p}");
    }
}
