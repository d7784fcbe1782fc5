//! Models of chance against closed forms: means and spreads over many runs, within five standard errors.

#![allow(clippy::disallowed_methods)] // Tests compare with the platform's mathematics.

use flowc::exec::{Case, Outcome, Program, oracle};
use flowc::{Checked, MemLoader, Settings};

const RUNS: u32 = 4_000;
const UNITS: &str = "unit TKN, voucher\n";

fn check(text: &str) -> Checked {
    let loader = MemLoader::default().with("returns.csv", "day,ret\n0,1\n1,1\n2,4\n3,10\n");
    let checked = flowc::check("model.flow", format!("{UNITS}{text}").as_bytes(), &loader, &Settings::default());
    let said: Vec<String> = checked.diagnostics.iter().map(|d| flowc::cli::plain(d, &checked.sources)).collect();
    assert!(checked.is_sound(), "{}\n{text}", said.join("\n"));
    checked
}

/// What each run comes to; of the first ones both evaluators say the same.
fn outcomes(text: &str, runs: u32) -> Vec<Outcome> {
    let ir = check(text).lower().expect("a sound model is lowered");
    let program = Program::new(&ir);
    let case = |run| Case { run, ..Case::default() };
    for run in 1..=20 {
        let (a, b) = (program.run(&case(run)), oracle::run(&ir, &case(run)));
        assert_eq!(format!("{a:?}"), format!("{b:?}"), "run {run}\n{text}");
    }
    let all: Vec<Outcome> = (1..=runs).map(|run| program.run(&case(run))).collect();
    assert!(all.iter().all(|o| o.fault.is_none()), "{:?}\n{text}", all.iter().find_map(|o| o.fault.clone()));
    all
}

/// The metrics of many runs, one list each.
fn metrics(text: &str) -> Vec<Vec<f64>> {
    let all = outcomes(text, RUNS);
    (0..all[0].metrics.len()).map(|m| all.iter().map(|o| o.metrics[m]).collect()).collect()
}

/// Asserts mean and variance, where the fourth moment is about that of a normal distribution.
#[track_caller]
fn like(values: &[f64], mean: f64, variance: f64) {
    let n = values.len() as f64;
    let found = values.iter().sum::<f64>() / n;
    assert!((found - mean).abs() <= 5.0 * (variance / n).sqrt() + 1e-12, "mean {found}, not {mean}");
    let spread = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    // The error of a variance, from the sample's own fourth moment.
    let fourth = values.iter().map(|v| (v - mean).powi(4)).sum::<f64>() / n;
    let error = ((fourth - variance * variance).max(0.0) / n).sqrt();
    assert!((spread - variance).abs() <= 6.0 * error + 1e-9 * variance, "variance {spread}, not {variance} by {error}");
}

#[track_caller]
fn correlated(a: &[f64], b: &[f64], by: f64) {
    let n = a.len() as f64;
    let (ma, mb) = (a.iter().sum::<f64>() / n, b.iter().sum::<f64>() / n);
    let product =
        |x: &[f64], mx: f64, y: &[f64], my: f64| x.iter().zip(y).map(|(x, y)| (x - mx) * (y - my)).sum::<f64>();
    let found = product(a, ma, b, mb) / (product(a, ma, a, ma) * product(b, mb, b, mb)).sqrt();
    assert!((found - by).abs() < 5.0 / n.sqrt(), "correlated by {found}, not {by}");
}

#[test]
fn each_distribution_has_its_moments_in_a_model() {
    let gamma = |x: f64| gamma_of(x);
    let (w1, w2) = (gamma(1.0 + 1.0 / 1.5), gamma(1.0 + 2.0 / 1.5));
    for (dist, mean, variance) in [
        ("uniform(2 TKN, 5 TKN)", 3.5, 0.75),
        ("normal(3 TKN, 2 TKN)", 3.0, 4.0),
        ("lognormal(mean: 40 TKN, sd: 10 TKN)", 40.0, 100.0),
        ("lognormal(median: 2 TKN, sigma: 0.3)", 2.0 * 0.045f64.exp(), 4.0 * 0.09f64.exp() * (0.09f64.exp() - 1.0)),
        ("triangular(1 TKN, 3 TKN, 8 TKN)", 4.0, (1.0 + 9.0 + 64.0 - 3.0 - 8.0 - 24.0) / 18.0),
        ("pert(1 TKN, 3 TKN, 8 TKN)", 3.5, (3.5 - 1.0) * (8.0 - 3.5) / 7.0),
        ("gamma(shape: 3, scale: 2 TKN)", 6.0, 12.0),
        ("gamma(mean: 6 TKN, sd: 3 TKN)", 6.0, 9.0),
        ("exponential(3 TKN)", 3.0, 9.0),
        ("exponential(rate: 0.5/TKN)", 2.0, 4.0),
        ("weibull(1.5, 2 TKN)", 2.0 * w1, 4.0 * (w2 - w1 * w1)),
        ("pareto(6, 5 TKN)", 6.0, 25.0 * 6.0 / (25.0 * 4.0)),
        ("logistic(5 TKN, 2 TKN)", 5.0, 4.0 * std::f64::consts::PI.powi(2) / 3.0),
        ("student_t(10, 5 TKN, 2 TKN)", 5.0, 4.0 * 10.0 / 8.0),
        ("binomial(40 TKN, 30%)", 12.0, 8.4),
        ("poisson(7 TKN)", 7.0, 7.0),
        ("poisson(700 TKN)", 700.0, 700.0),
        ("negative_binomial(mean: 12 TKN, r: 4)", 12.0, 12.0 + 36.0),
        ("negative_binomial(mean: 12 TKN, sd: 5 TKN)", 12.0, 25.0),
        (
            "truncated(normal(0 TKN, 1 TKN), 0 TKN, inf)",
            (2.0 / std::f64::consts::PI).sqrt(),
            1.0 - 2.0 / std::f64::consts::PI,
        ),
        ("truncated(uniform(0 TKN, 10 TKN), 2 TKN, 4 TKN)", 3.0, 4.0 / 12.0),
        ("empirical(\"returns.csv\", ret)", 4.0, 13.5),
    ] {
        let text = format!(
            "time month from 0 to 1\ndraw x: TKN ~ {dist} each step\nstock s: TKN = 0 signed\nflow t: cloud <-> s = x / (1 month)\nmetric m = final(s)"
        );
        // As a param, it goes the other way: by its quantile.
        let param = format!("time month from 0 to 1\nparam x: TKN ~ {dist}\nstate s = x\nmetric m = final(s)");
        for text in [text, param] {
            let found = metrics(&text);
            println!("{dist}");
            like(&found[0], mean, variance);
        }
    }
    for (dist, mean, variance) in [
        ("beta(2, 3)", 0.4, 0.04),
        ("beta(mean: 12%, sd: 4%)", 0.12, 0.0016),
        ("geometric(20%)", 4.0, 20.0),
        ("negative_binomial(5, 20%)", 20.0, 100.0),
        ("student_t(8)", 0.0, 8.0 / 6.0),
    ] {
        println!("{dist}");
        like(
            &metrics(&format!("time month from 0 to 1\ndraw x ~ {dist} each step\nmetric m = final(x)"))[0],
            mean,
            variance,
        );
    }
    let coin =
        metrics("time month from 0 to 1\ndraw x ~ bernoulli(30%) each step\nmetric m = final(if x then 1 else 0)");
    like(&coin[0], 0.3, 0.21);
}

/// Γ of 1 to 3, by Euler's integral and Simpson's rule.
fn gamma_of(x: f64) -> f64 {
    let f = |t: f64| t.powf(x - 1.0) * (-t).exp();
    let (n, end) = (200_000, 60.0);
    let h = end / f64::from(n);
    (0..n).map(|i| h * f((f64::from(i) + 0.5) * h)).sum()
}

#[test]
fn sums_of_draws_have_their_moments() {
    // A random walk, growth by chance, a mood that fades, thinning from phase to phase.
    let found = metrics(
        "time month from 0 to 25
        draw z ~ normal(0, 1) each step
        draw shock ~ normal(1%, 5%) each step
        draw mood ~ normal(0.5 * previous(mood, 0), 1) each step
        state walk = 0 next walk + z
        state price = 100 next price * (1 + shock)
        metric walked = final(walk)
        metric grown = final(price)
        metric last_mood = final(mood)",
    );
    like(&found[0], 0.0, 25.0);
    let (mean, square) = (1.01f64.powi(25), (1.01f64.powi(2) + 0.0025).powi(25));
    like(&found[1], 100.0 * mean, 1e4 * (square - mean * mean));
    // Step 24 is the last whose draw counts: 25 values of an autoregression.
    like(&found[2], 0.0, (1.0 - 0.25f64.powi(25)) / 0.75);
    correlated(&found[0], &found[1], 0.0);
    let found = metrics(
        "time month from 0 to 10
        phases come, go
        stock here: voucher = 0
        stock gone: voucher = 0
        phase come { draw arrive: voucher ~ poisson(20 voucher)
            transfer enter: cloud -> here = arrive }
        phase go { draw leave: voucher ~ binomial(here, 25%)
            transfer leaves: here -> gone = leave }
        metric left = final(here)
        metric went = final(gone)",
    );
    // Poisson arrivals that are thinned are Poisson: of each, what has stayed k times.
    let stayed: f64 = (1..=10).map(|k| 20.0 * 0.75f64.powi(k)).sum();
    like(&found[0], stayed, stayed);
    like(&found[1], 200.0 - stayed, 200.0 - stayed);
    correlated(&found[0], &found[1], 0.0);
}

#[test]
fn members_share_a_whole_and_no_luck() {
    let found = metrics(
        "time month from 0 to 1
        index K = a, b, c
        param odds[k in K]: 1 = { a: 5, b: 0, c: 15 }
        draw x[k in K]: voucher ~ multinomial(40 voucher, odds[k]) each step
        draw kind: K ~ categorical(odds[k] for k in K) each step
        draw z[k in K] ~ normal(0, 1) each step
        metric ma = final(x[a])
        metric mb = final(x[b])
        metric mc = final(x[c])
        metric all = final(sum(x))
        metric is_a = final(if kind == a then 1 else 0)
        metric is_b = final(if kind == b then 1 else 0)
        metric za = final(z[a])
        metric zb = final(z[b])",
    );
    like(&found[0], 10.0, 7.5);
    assert!(found[1].iter().all(|v| *v == 0.0) && found[3].iter().all(|v| *v == 40.0));
    like(&found[2], 30.0, 7.5);
    like(&found[4], 0.25, 0.1875);
    assert!(found[5].iter().all(|v| *v == 0.0));
    like(&found[6], 0.0, 1.0);
    correlated(&found[0], &found[2], -1.0);
    for (i, j) in [(0, 4), (0, 6), (4, 6), (6, 7)] {
        correlated(&found[i], &found[j], 0.0);
    }
}
