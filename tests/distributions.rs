//! The table of distributions: each against another library, its samples against its own CDF and moments, what it refuses.
//!
//! `chance` holds the samplers to formulas of their own. Each test of samples has power: it must also reject parameters that are off by a few percent.

#![allow(clippy::disallowed_methods)] // Tests read files and compare with the platform's mathematics.

use flowc::builtins::draws::{Form, find, forms};
use flowc::builtins::philox::{Place, Stream, key, name_hash, uniform};

const UNIT: f64 = f64::EPSILON / 2.0;

/// The form with these parameters: `gamma(shape scale)`.
fn form(text: &str) -> &'static Form {
    let (name, params) = text.strip_suffix(')').and_then(|t| t.split_once('(')).expect("name(params)");
    let same = |f: &&Form| f.signature.params.iter().map(|p| p.name.as_str()).eq(params.split(' '));
    find(name).find(same).unwrap_or_else(|| panic!("no form {text}"))
}

fn args(some: &[f64]) -> [f64; 4] {
    std::array::from_fn(|i| some.get(i).copied().unwrap_or(0.0))
}

fn off(found: f64, right: f64) -> f64 {
    if found == right { 0.0 } else { ((found - right) / right).abs() }
}

/// Tails, quantiles, mean and standard deviation, by scipy and mpmath.
#[test]
fn each_form_is_what_another_library_says() {
    let table = std::fs::read_to_string("tests/tables/chance.csv").expect("readable");
    let mut rows = 0;
    let mut seen: Vec<&str> = Vec::new();
    for line in table.lines() {
        let [name, given, x, below, above, mean, sd] = line.split(',').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let number = |text: &str| text.parse::<f64>().unwrap_or(f64::NAN);
        let given: Vec<f64> = given.split(' ').map(number).collect();
        let (form, args, x) = (form(name), args(&given), number(x));
        let (below, above) = (number(below), number(above));
        assert_eq!(form.wrong(&args), None, "{line}");
        let (p, q) = form.tails(&args, x);
        // What x itself is rounded by moves a tail by as much as the parameters are large.
        let size = given.iter().fold(1.0f64, |m, a| m.max(a.abs()));
        let most = 2e-12 + 1e-15 * size;
        let error = if below < above { off(p, below) } else { off(q, above) };
        assert!(error < most, "{line}: {p:e}, {q:e} are {error:e} off");
        assert!((p + q - 1.0).abs() < 1e-15, "{line}");
        let close = |found: f64, right: f64| off(found, right) < 1e-10 || (found - right).abs() < 1e-9 * form.sd(&args);
        let u = if below < above { below } else { 1.0 - above };
        // What u is rounded to may be above the tail of a count, and the next one is right.
        let most = if form.counts { 0.99 } else { 1.0 - 1e-6 };
        if (1e-13..most).contains(&u) {
            let back = form.quantile(&args, if form.counts { u * (1.0 - 1e-9) } else { u });
            assert!(close(back, x), "{line}: the quantile is {back}");
        }
        assert!(mean.is_empty() || off(form.mean(&args), number(mean)) < 1e-11 || number(mean).abs() < 1e-15, "{line}");
        // scipy forms some variances as differences.
        assert!(sd.is_empty() || off(form.sd(&args), number(sd)) < 1e-7, "{line}: {}", form.sd(&args));
        rows += 1;
        if seen.last() != Some(&name) {
            seen.push(name);
        }
    }
    assert!(rows > 800 && seen.len() == forms().len(), "{rows} rows of {seen:?}");
}

/// Arguments of each form that are usual, small, large; and such that are a little wrong.
const SETTINGS: &[(&str, &[f64], &[f64])] = &[
    ("uniform(low high)", &[2.0, 3.5], &[2.0, 3.53]),
    ("normal(mean sd)", &[2.0, 1.5], &[2.06, 1.5]),
    ("lognormal(median sigma)", &[40.0, 0.4], &[41.0, 0.4]),
    ("lognormal(mean sd)", &[40.0, 10.0], &[40.0, 10.4]),
    ("triangular(low mode high)", &[1.0, 2.0, 5.0], &[1.0, 2.1, 5.0]),
    ("pert(low mode high)", &[20.0, 30.0, 90.0], &[20.0, 31.0, 90.0]),
    ("pert(low mode high)", &[0.0, 1.0, 1.0], &[0.0, 0.97, 1.0]),
    ("beta(a b)", &[2.0, 3.0], &[2.06, 3.0]),
    ("beta(a b)", &[0.3, 0.2], &[0.315, 0.2]),
    ("beta(a b)", &[600.0, 80.0], &[604.0, 80.0]),
    ("beta(mean sd)", &[0.12, 0.04], &[0.12, 0.0415]),
    ("gamma(shape scale)", &[3.0, 10.0], &[3.06, 10.0]),
    ("gamma(shape scale)", &[0.2, 1.0], &[0.208, 1.0]),
    ("gamma(shape scale)", &[5e4, 1.0], &[5.001e4, 1.0]),
    ("gamma(mean sd)", &[30.0, 10.0], &[30.0, 10.3]),
    ("exponential(mean)", &[3.0], &[3.12]),
    ("exponential(rate)", &[0.25], &[0.24]),
    ("weibull(shape scale)", &[1.5, 24.0], &[1.56, 24.0]),
    ("pareto(shape least)", &[1.16, 100.0], &[1.19, 100.0]),
    ("logistic(mean scale)", &[50.0, 5.0], &[50.3, 5.0]),
    ("student_t(df)", &[4.0], &[3.0]),
    ("student_t(df)", &[0.7], &[0.75]),
    ("student_t(df mean scale)", &[4.0, 0.0, 0.03], &[4.0, 0.0, 0.031]),
    ("bernoulli(p)", &[0.02], &[0.023]),
    ("binomial(n p)", &[20.0, 0.3], &[20.0, 0.304]),
    ("binomial(n p)", &[1e9, 1e-9], &[1e9, 1.05e-9]),
    ("binomial(n p)", &[1e9, 0.3], &[1e9, 0.300_001]),
    ("poisson(mean)", &[3.0], &[3.08]),
    ("poisson(mean)", &[1e6], &[1e6 + 30.0]),
    ("geometric(p)", &[0.2], &[0.206]),
    ("geometric(p)", &[1e-9], &[1.03e-9]),
    ("negative_binomial(r p)", &[5.0, 0.2], &[5.1, 0.2]),
    ("negative_binomial(r p)", &[0.3, 0.01], &[0.31, 0.01]),
    ("negative_binomial(mean r)", &[300.0, 4.0], &[306.0, 4.0]),
    ("negative_binomial(mean r)", &[3.0, 1e12], &[3.05, 1e12]),
    ("negative_binomial(mean sd)", &[300.0, 50.0], &[302.0, 50.0]),
];

/// The values of `n` runs.
fn sample(n: u32, draw: impl Fn(&mut Stream) -> f64) -> Vec<f64> {
    let key = key(2027, name_hash("sample", &[]));
    let mut values: Vec<f64> =
        (1..=n).map(|run| draw(&mut Stream::new(key, Place { run, step: 0, member: 0 }))).collect();
    values.sort_by(f64::total_cmp);
    values
}

/// How far sorted values are from a CDF. Of numbers: Kolmogorov's distance times √n, 1.95 once in a thousand. Of counts the same
/// at each value, which is less.
fn distance(values: &[f64], counts: bool, cdf: impl Fn(f64) -> f64) -> f64 {
    let n = values.len() as f64;
    let mut worst: f64 = 0.0;
    for (i, x) in values.iter().enumerate() {
        let p = cdf(*x);
        if !counts {
            worst = worst.max((p - i as f64 / n).abs()).max((p - (i as f64 + 1.0) / n).abs());
        } else if values.get(i + 1) != Some(x) {
            worst = worst.max((p - (i as f64 + 1.0) / n).abs());
        }
    }
    worst * n.sqrt()
}

#[test]
fn samples_have_the_cdf_and_the_moments() {
    let n = 60_000;
    for (name, given, wrong) in SETTINGS {
        let (form, given, wrong) = (form(name), args(given), args(wrong));
        let values = sample(n, |s| form.sample(&given, s));
        let discrete = form.counts || form.name() == "bernoulli";
        assert!(values.iter().all(|x| x.is_finite() && (!discrete || *x == x.floor())), "{name}");
        let right = distance(&values, discrete, |x| form.cdf(&given, x));
        assert!(right < 1.95, "{name} {given:?}: {right}");
        // Of the wrong one, more values, so that it is seen; a Bernoulli value says little.
        let of_wrong = distance(&values, discrete, |x| form.cdf(&wrong, x));
        assert!(of_wrong > if form.name() == "bernoulli" { 0.45 } else { 1.95 }, "{name} {wrong:?}: {of_wrong}");
        let (mean, sd) = (form.mean(&given), form.sd(&given));
        if sd.is_finite() && form.name() != "student_t" {
            let found = values.iter().sum::<f64>() / f64::from(n);
            assert!(
                (found - mean).abs() < 4.0 * sd / f64::from(n).sqrt(),
                "{name} {given:?}: mean {found}, not {mean}"
            );
            let found = (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / f64::from(n)).sqrt();
            assert!(off(found, sd) < 0.04, "{name} {given:?}: sd {found}, not {sd}");
        }
    }
    let named = |f: &Form| SETTINGS.iter().any(|(name, ..)| std::ptr::eq(form(name), f));
    assert!(forms().iter().all(named), "each form has a setting");
}

#[test]
fn quantiles_rise_from_end_to_end_and_lead_back() {
    for (name, given, _) in SETTINGS {
        let (form, given) = (form(name), args(given));
        let mut before = f64::NEG_INFINITY;
        let spread = (1..400).map(|i| f64::from(i) / 400.0);
        let us = [UNIT, 1e-15, 1e-12, 1e-8, 1e-5].into_iter().chain(spread);
        for u in us.chain([1.0 - 1e-5, 1.0 - 1e-8, 1.0 - 1e-12, 1.0 - UNIT]) {
            let x = form.quantile(&given, u);
            assert!(x.is_finite() && x >= before, "{name} {given:?}: {before} and then {x} at {u}");
            before = x;
            let (p, q) = form.tails(&given, x);
            if form.counts || form.name() == "bernoulli" {
                // The least that has at least u up to it.
                let slack = 1e-12 + 2.0 * UNIT / u.min(1.0 - u);
                let (less, _) = form.tails(&given, x - 1.0);
                assert!(p >= u * (1.0 - slack) && less < u * (1.0 + slack), "{name} {given:?}: {less}, {u}, {p}");
                continue;
            }
            // In digits of the smaller tail; those that x has.
            let error = if u <= 0.5 { off(p, u) } else { off(q, 1.0 - u) };
            let digit = 4.0 * UNIT * x.abs().max(given[2].abs());
            let (low, high) = (form.tails(&given, x - digit), form.tails(&given, x + digit));
            let lost = if u <= 0.5 { high.0 - low.0 } else { low.1 - high.1 } / u.min(1.0 - u);
            let lost = 2.0 * lost + 2.0 * UNIT / u.min(1.0 - u);
            assert!(error < 1e-9 + lost, "{name} {given:?} at {u}: {x} leads back to {p}, {q}: {error:e}, {lost:e}");
        }
        for u in [f64::NAN, -0.1, 1.1] {
            assert!(form.quantile(&given, u).is_nan(), "{name}");
        }
    }
}

/// Where one uniform is enough, a sample is the quantile of the first of its stream; so it rises with it, and mirrored uniforms
/// give values on the other side of the median.
#[test]
fn one_uniform_is_the_quantile() {
    let key = key(5, name_hash("one", &[]));
    for (name, given, _) in SETTINGS {
        let (form, given) = (form(name), args(given));
        let Some(lanes) = form.lanes() else { continue };
        let places: Vec<Place> = (0..300).map(|run| Place { run, step: 9, member: 0 }).collect();
        let us: Vec<f64> = places.iter().map(|at| uniform(key, *at)).collect();
        let standard = form.standard(&given).map(|a| vec![a; us.len()]);
        assert!(!form.is_standard() || form.standard(&given)[0] == given[0]);
        let mut out = vec![0.0; us.len()];
        lanes.fill([&standard[0], &standard[1], &standard[2]], &us, &mut out);
        for ((at, u), together) in places.iter().zip(&us).zip(&out) {
            let value = form.sample(&given, &mut Stream::new(key, *at));
            assert_eq!(value.to_bits(), form.quantile(&given, *u).to_bits(), "{name}");
            assert_eq!(value.to_bits(), together.to_bits(), "{name}: lanes");
            let (median, mirror) = (form.quantile(&given, 0.5), form.quantile(&given, 1.0 - u));
            let (low, high) = if *u < 0.5 { (value, mirror) } else { (mirror, value) };
            assert!(low <= median && median <= high, "{name}: {u}");
        }
    }
}

#[test]
fn what_is_refused_is_nan_and_nothing_else() {
    let edges = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        -1e308,
        -1.0,
        -1e-12,
        -0.0,
        0.0,
        5e-324,
        1e-300,
        1e-9,
        0.3,
        0.5,
        1.0 - UNIT,
        1.0,
        1.5,
        2.0,
        7.0,
        1e9,
        1e15,
        1e155,
        1e308,
    ];
    for form in forms() {
        let count = form.signature.params.len();
        let (mut taken, mut refused) = (0, 0);
        for i in 0..edges.len().pow(count as u32) {
            let given =
                args(&(0..count).map(|j| edges[i / edges.len().pow(j as u32) % edges.len()]).collect::<Vec<_>>());
            let mut stream = Stream::new(key(i as u64, 1), Place { run: 1, step: 1, member: 1 });
            let value = form.sample(&given, &mut stream);
            let quantile = form.quantile(&given, 0.3);
            match form.wrong(&given) {
                Some(rule) => {
                    refused += 1;
                    let named = form.signature.params.iter().any(|p| rule.contains(&p.name));
                    assert!(named && rule.contains(" must"), "{}: {rule}", form.signature.text);
                    let all = [value, quantile, form.cdf(&given, 1.0), form.mean(&given), form.sd(&given)];
                    assert!(all.iter().all(|x| x.is_nan()), "{} {given:?}: {all:?}", form.signature.text);
                }
                None => {
                    taken += 1;
                    let (p, q) = form.tails(&given, 1.0);
                    assert!(
                        (0.0..=1.0).contains(&p) && (0.0..=1.0).contains(&q),
                        "{} {given:?}: {p}, {q}",
                        form.signature.text
                    );
                    assert!(
                        !value.is_nan() && !quantile.is_nan(),
                        "{} {given:?}: {value}, {quantile}",
                        form.signature.text
                    );
                }
            }
            if let (Some(lanes), true) = (form.lanes(), form.is_standard()) {
                let mut out = [0.0];
                lanes.fill([&given[..1], &given[1..2], &given[2..3]], &[0.3], &mut out);
                assert_eq!(out[0].is_nan(), quantile.is_nan(), "{} {given:?}", form.signature.text);
            }
        }
        assert!(taken > 0 && refused > 0, "{}", form.signature.text);
    }
}

#[test]
fn no_spread_is_a_constant() {
    for (name, given, value) in [
        ("uniform(low high)", [3.0, 3.0, 0.0], 3.0),
        ("normal(mean sd)", [3.0, 0.0, 0.0], 3.0),
        ("lognormal(median sigma)", [3.0, 0.0, 0.0], 3.0),
        ("lognormal(mean sd)", [3.0, 0.0, 0.0], 3.0),
        ("triangular(low mode high)", [3.0, 3.0, 3.0], 3.0),
        ("pert(low mode high)", [3.0, 3.0, 3.0], 3.0),
        ("beta(mean sd)", [0.3, 0.0, 0.0], 0.3),
        ("gamma(mean sd)", [3.0, 0.0, 0.0], 3.0),
        ("exponential(mean)", [0.0; 3], 0.0),
        ("student_t(df mean scale)", [3.0, 5.0, 0.0], 5.0),
        ("bernoulli(p)", [1.0, 0.0, 0.0], 1.0),
        ("binomial(n p)", [7.0, 1.0, 0.0], 7.0),
        ("poisson(mean)", [0.0; 3], 0.0),
        ("geometric(p)", [1.0, 0.0, 0.0], 0.0),
        ("negative_binomial(mean sd)", [0.0; 3], 0.0),
    ] {
        let (form, given) = (form(name), args(&given));
        let mut stream = Stream::new(1, Place { run: 1, step: 0, member: 0 });
        assert!((0..20).all(|_| form.sample(&given, &mut stream) == value), "{name}");
        assert_eq!([0.1, 0.9].map(|u| form.quantile(&given, u)), [value; 2], "{name}");
        assert_eq!((form.mean(&given), form.sd(&given)), (value, 0.0), "{name}");
        assert_eq!((form.cdf(&given, value), form.cdf(&given, value - 0.01)), (1.0, 0.0), "{name}");
    }
}

#[test]
fn truncated_ones_keep_to_their_ends_and_have_the_rest_of_the_shape() {
    for (name, given, low, high) in [
        ("normal(mean sd)", &[0.0, 1.0][..], -0.5, 2.0),
        ("normal(mean sd)", &[0.0, 1.0], 8.0, 9.0),
        ("normal(mean sd)", &[0.0, 1.0], -30.0, -20.0),
        ("normal(mean sd)", &[0.0, 1.0], 1.0, f64::INFINITY),
        ("lognormal(median sigma)", &[1.0, 0.5], f64::NEG_INFINITY, 1.5),
        ("gamma(shape scale)", &[2.0, 1.0], 30.0, 40.0),
        ("exponential(mean)", &[1.0], 50.0, f64::INFINITY),
        ("student_t(df)", &[3.0], 10.0, 1e6),
        ("beta(a b)", &[2.0, 5.0], 0.9, 1.0),
        ("pareto(shape least)", &[1.16, 1.0], 0.0, 50.0),
    ] {
        let (form, given) = (form(name), args(given));
        let values = sample(20_000, |s| form.truncated(&given, low, high, s.uniform()));
        assert!(values.iter().all(|x| (low..=high).contains(x)), "{name}");
        let (from, to) = (form.tails(&given, low), form.tails(&given, high));
        // On the side where the digits are.
        let part = |x: f64| {
            let at = form.tails(&given, x);
            if from.0 < 0.5 { (at.0 - from.0) / (to.0 - from.0) } else { (from.1 - at.1) / (from.1 - to.1) }
        };
        let found = distance(&values, false, part);
        assert!(found < 1.95, "{name}: {found}");
        assert!(distance(&values, false, |x| part(x).powf(1.05)) > 1.95, "{name}");
    }
    // Counts include both ends.
    let poisson = form("poisson(mean)");
    let given = args(&[3.0]);
    let values = sample(30_000, |s| poisson.truncated(&given, 1.5, 4.0, s.uniform()));
    assert!(values.iter().all(|k| [2.0, 3.0, 4.0].contains(k)));
    let twos = values.iter().filter(|k| **k == 2.0).count() as f64 / 3e4;
    let part = |k: f64| poisson.cdf(&given, k) - poisson.cdf(&given, k - 1.0);
    assert!((twos - part(2.0) / (part(2.0) + part(3.0) + part(4.0))).abs() < 0.012, "{twos}");
    // Nothing there, or ends the wrong way round.
    for (low, high) in [(5.0, 4.0), (-3.0, -1.0), (2.2, 2.8), (f64::NAN, 1.0), (1.0, f64::NAN)] {
        assert!(poisson.truncated(&given, low, high, 0.5).is_nan(), "{low}, {high}");
    }
    assert_eq!(poisson.truncated(&given, 2.0, 2.0, 0.5), 2.0);
    assert!(form("uniform(low high)").truncated(&args(&[0.0, 1.0]), 2.0, 3.0, 0.5).is_nan());
    assert_eq!(form("normal(mean sd)").truncated(&args(&[0.0, 1.0]), 2.0, 2.0, 0.5), 2.0);
}

#[test]
fn arguments_find_their_form() {
    let pick = |name: &str, written: &[Option<&str>]| {
        find(name).find_map(|f| f.places(written).map(|places| (f.signature.text, places)))
    };
    let (by_place, named) = (None::<&str>, Some);
    assert_eq!(pick("normal", &[by_place, by_place]), Some(("normal(mean: D, sd: D) -> D", vec![0, 1])));
    assert_eq!(pick("normal", &[named("sd"), named("mean")]), Some(("normal(mean: D, sd: D) -> D", vec![1, 0])));
    assert_eq!(pick("normal", &[by_place, named("sd")]), Some(("normal(mean: D, sd: D) -> D", vec![0, 1])));
    assert_eq!(pick("normal", &[by_place]), None);
    assert_eq!(pick("normal", &[by_place, named("mean")]), None);
    assert_eq!(pick("lognormal", &[by_place, by_place]), None);
    assert_eq!(pick("lognormal", &[named("mean"), named("sigma")]), None);
    assert_eq!(pick("beta", &[by_place, by_place]).map(|p| p.0), Some("beta(a: 1, b: 1) -> 1"));
    assert_eq!(pick("beta", &[named("mean"), named("sd")]).map(|p| p.0), Some("beta(mean: 1, sd: 1) -> 1"));
    assert_eq!(pick("exponential", &[by_place]).map(|p| p.0), Some("exponential(mean: D) -> D"));
    assert_eq!(pick("exponential", &[named("rate")]).map(|p| p.0), Some("exponential(rate: 1/D) -> D"));
    assert_eq!(pick("student_t", &[by_place]).map(|p| p.0), Some("student_t(df: 1) -> 1"));
    assert_eq!(pick("student_t", &[by_place; 3]).map(|p| p.0), Some("student_t(df: 1, mean: D, scale: D) -> D"));
    // What is written tells forms of one name apart, and those stand together.
    for (i, a) in forms().iter().enumerate() {
        let names: Vec<Option<&str>> = a.signature.params.iter().map(|p| Some(p.name.as_str())).collect();
        assert!(names.len() <= 4 && a.places(&names).is_some());
        assert_eq!(find(a.name()).filter(|b| b.places(&names).is_some()).count(), 1, "{}", a.signature.text);
        assert!(find(a.name()).filter(|b| b.places(&vec![None; names.len()]).is_some()).count() <= 1);
        assert!(i == 0 || forms()[i - 1].name() == a.name() || forms()[..i].iter().all(|b| b.name() != a.name()));
        assert!(a.doc.ends_with('.') && a.example.starts_with(a.name()), "{}", a.signature.text);
    }
}
