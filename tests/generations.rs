//! Populations under chance against what is known of them: deaths, thinning, branching, births by a rate, picks by weight.
//!
//! Each is run many times at fixed seeds. A mean is held to five standard errors, and a probability that is a few of those away must
//! not fit, so that a test that could not fail does not stand here.

// What should come out is worked out by the platform's mathematics.
#![allow(clippy::disallowed_methods)]

use flowc::exec::{Case, Outcome, Program};
use flowc::{MemLoader, Settings, ir};

fn lowered(text: &str) -> ir::Model {
    let checked = flowc::check("m.flow", text.as_bytes(), &MemLoader::default(), &Settings::default());
    let errors: Vec<String> =
        checked.diagnostics.iter().filter(|d| d.is_error()).map(|d| flowc::cli::plain(d, &checked.sources)).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
    checked.lower().expect("sound")
}

fn outcomes(text: &str, runs: u32) -> Vec<Outcome> {
    let model = lowered(text);
    let program = Program::new(&model);
    let one = |run: u32| {
        let out = program.run(&Case { seed: 42, run, ..Case::default() });
        assert!(out.fault.is_none(), "run {run}: {:?}", out.fault);
        assert!(out.assets.iter().all(|a| a.holds(100)), "run {run}: {:?}", out.assets);
        out
    };
    (1..=runs).map(one).collect()
}

/// The first metric of each run.
fn metric(text: &str, runs: u32) -> Vec<f64> {
    outcomes(text, runs).iter().map(|o| o.metrics[0]).collect()
}

fn mean_and_variance(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (n - 1.0))
}

/// Whether a mean is what it should be, within five standard errors of it.
fn fits(values: &[f64], mean: f64) -> bool {
    let (found, variance) = mean_and_variance(values);
    (found - mean).abs() <= 5.0 * (variance / values.len() as f64).sqrt()
}

/// Each of 100 dies with a chance of one in ten a step: after ten steps a binomial number lives.
#[test]
fn deaths_leave_a_binomial_number() {
    let text = "time month from 0 to 10\n\
        entity Cell { draw dies ~ bernoulli(10%) each step }\n\
        spawn Cell: 100 initially\n\
        retire Cell when dies\n\
        metric alive = final(count(Cell))";
    let alive = metric(text, 2000);
    let p = 0.9f64.powi(10);
    assert!(fits(&alive, 100.0 * p), "{:?}", mean_and_variance(&alive));
    assert!(!fits(&alive, 100.0 * 0.89f64.powi(10)) && !fits(&alive, 100.0 * 0.9f64.powi(9)));
    // The variance of a sample of 2,000 is known to some 3 %.
    let (_, variance) = mean_and_variance(&alive);
    let ratio = variance / (100.0 * p * (1.0 - p));
    assert!((0.85..1.15).contains(&ratio), "{ratio}");
}

/// Of what each of ten members holds a binomial part goes each step; what has gone is on the ledger.
#[test]
fn thinning_leaves_a_share() {
    let text = "unit voucher\ntime month from 0 to 8\n\
        stock used: voucher = 0\n\
        entity Shop {\n  stock shelf: voucher = 200 from cloud\n\
          draw sold: voucher ~ binomial(shelf, 20%) each step\n\
          transfer sell: shelf -> used = sold each step\n}\n\
        spawn Shop: 10 initially\n\
        metric left = final(sum(Shop.shelf))\nmetric gone = final(used)";
    let runs = outcomes(text, 500);
    let left: Vec<f64> = runs.iter().map(|o| o.metrics[0]).collect();
    assert!(runs.iter().all(|o| o.metrics[0] + o.metrics[1] == 2000.0));
    assert!(fits(&left, 2000.0 * 0.8f64.powi(8)), "{:?}", mean_and_variance(&left));
    assert!(!fits(&left, 2000.0 * 0.79f64.powi(8)));
}

/// Each has a Poisson number of children and dies: generation k has mⁿ on average, and has died out by the k-th iterate of the
/// generating function exp(m (s − 1)) (Watson and Galton 1875).
#[test]
fn a_branching_process_grows_and_dies_out() {
    let text = "time month from 0 to 6\nphases breed, count_them\n\
        entity Cell { phase breed { draw children ~ poisson(1.2) } }\n\
        phase count_them { let born = sum(Cell.children) }\n\
        spawn Cell: 1 initially\n\
        spawn Cell: born\n\
        retire Cell when number >= 0\n\
        metric alive = final(count(Cell))";
    let alive = metric(text, 4000);
    assert!(fits(&alive, 1.2f64.powi(6)), "{:?}", mean_and_variance(&alive));
    assert!(!fits(&alive, 1.35f64.powi(6)) && !fits(&alive, 1.2f64.powi(5) * 0.9));
    let extinct = |m: f64| (0..6).fold(0.0f64, |q, _| (m * (q - 1.0)).exp());
    let gone: Vec<f64> = alive.iter().map(|n| f64::from(*n == 0.0)).collect();
    assert!(fits(&gone, extinct(1.2)), "{:?} and {}", mean_and_variance(&gone), extinct(1.2));
    assert!(!fits(&gone, extinct(1.1)) && !fits(&gone, extinct(1.3)));
}

/// A rate adds up: after k steps the whole part of what has come together was born, whatever the step.
#[test]
fn births_by_a_rate_add_up() {
    for (step, steps) in [("1", 10u32), ("0.25", 40)] {
        let text = format!(
            "time month from 0 to 10 step {step}\nentity Cell {{ trait one = 1 }}\nspawn Cell: 0.7/month\n\
             metric alive = final(sum(Cell.one))"
        );
        let out = &outcomes(&text, 1)[0];
        assert_eq!(out.metrics[0], 7.0);
        let dt = 10.0 / f64::from(steps);
        let column = &out.columns[0];
        for (k, alive) in column.iter().enumerate() {
            assert_eq!(*alive, (0.7 * dt * k as f64 + 1e-9).floor(), "step {step}, row {k}");
        }
    }
}

/// 4,000 pick among four by weights 1 to 4: chi-square with three degrees of freedom, 16.3 at one in a thousand (Fisher).
#[test]
fn picks_follow_the_weights() {
    let text = "time month from 0 to 1\n\
        entity Hub { trait size = 1 + number\n  let chosen = count(u for u in User where u.hub == self) }\n\
        entity User { trait hub: Hub ~ pick(h for h in Hub, weight: h.size) }\n\
        spawn Hub: 4 initially\nspawn User: 4000 initially\n\
        metric first = final(sum(h.chosen for h in Hub where h.number == 0))\n\
        metric second = final(sum(h.chosen for h in Hub where h.number == 1))\n\
        metric third = final(sum(h.chosen for h in Hub where h.number == 2))\n\
        metric fourth = final(sum(h.chosen for h in Hub where h.number == 3))";
    let chosen = &outcomes(text, 1)[0].metrics;
    assert_eq!(chosen.iter().sum::<f64>(), 4000.0);
    let chi = |weights: [f64; 4]| {
        let all: f64 = weights.iter().sum();
        let expected = weights.map(|w| 4000.0 * w / all);
        chosen.iter().zip(expected).map(|(c, e)| (c - e) * (c - e) / e).sum::<f64>()
    };
    assert!(chi([1.0, 2.0, 3.0, 4.0]) < 16.3, "{chosen:?}");
    assert!(chi([1.0, 1.0, 1.0, 1.0]) > 100.0 && chi([1.0, 2.0, 3.0, 3.3]) > 16.3);
}

/// A source that many draw on is shared by all, in proportion to what each asks for.
#[test]
fn a_capped_source_is_shared_by_all() {
    let text = "unit TKN\ntime month from 0 to 1\n\
        stock pot: TKN = 90\n\
        entity User {\n  trait wish: TKN/month = 10 TKN/month * (1 + number)\n  stock purse: TKN = 0\n\
          flow take: pot -> purse = wish capped\n}\n\
        spawn User: 8 initially\n\
        conserve TKN = 90\n\
        metric least = final(min(User.purse else 0 TKN))\n\
        metric most = final(max(User.purse else 0 TKN))\n\
        metric left = final(pot)";
    let metrics = &outcomes(text, 1)[0].metrics;
    // They ask for 10, 20 … 80, 360 in all, and a quarter of that is there.
    assert_eq!(metrics[..], [2.5, 20.0, 0.0]);
}
