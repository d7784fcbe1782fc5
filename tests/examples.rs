//! Every example: what `check` says, its layout, its run, its final values; and the numbers that are known in closed form.

#![allow(clippy::disallowed_methods)] // Tests read files and compare with the platform's mathematics.

use std::fmt::Write;

use flowc::{Results, Settings};

#[path = "support/examples.rs"]
mod support;

use support::{column, load, metric};

/// Columns of one array beyond these are left out of a snapshot.
const MOST: usize = 16;

fn run(name: &str, settings: &[(&str, &str)]) -> Results {
    let values = settings.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
    support::run(name, &Settings { values, ..Settings::default() })
}

#[test]
fn snapshots() {
    insta::glob!("../examples", "*.flow", |path| {
        let (text, checked) = load(path, &Settings::default());
        let mut out = String::new();
        let _ = writeln!(out, "{}\n", text.lines().next().unwrap_or_default());
        for diagnostic in &checked.diagnostics {
            out += &flowc::cli::plain(diagnostic, &checked.sources);
        }
        assert!(checked.diagnostics.is_empty(), "an example is without warnings: {out}");
        let _ = writeln!(out, "check: {}\n", flowc::cli::proved(&checked));
        let tested = checked.test().expect("an example can be tested");
        if !tested.expectations.is_empty() {
            let _ = writeln!(out, "{}", flowc::output::tested_text("test", &tested));
            assert!(tested.holds(), "an example is what it expects: {out}");
        }
        let formatted = flowc::syntax::fmt::format(&text);
        let _ =
            writeln!(out, "layout: {}\n", if formatted == text { "as `flowc fmt` leaves it" } else { "NOT formatted" });
        let results = checked.run().expect("an example runs");
        out += &flowc::output::summary(&results);
        if let Some(failure) = &results.failure {
            let _ = write!(out, "\n{}", flowc::cli::plain(failure, &checked.sources));
        }
        out += "\nfinal row\n";
        for (i, c) in results.columns.iter().enumerate() {
            if i >= MOST && results.columns[i - MOST].declaration == c.declaration {
                continue;
            }
            let value = c.values.last().copied().unwrap_or(f64::NAN);
            let _ = writeln!(out, "  {} {} = {value:?} {}", c.kind, c.name, c.unit);
        }
        for line in flowc::output::summary(&results).lines() {
            assert!(line.chars().count() <= 80, "wider than 80 columns: {line}");
        }
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(out);
        });
    });
}

#[test]
fn examples_are_laid_out() {
    for file in std::fs::read_dir("examples").expect("examples").flatten() {
        if file.path().extension().is_some_and(|e| e == "flow") {
            let text = std::fs::read_to_string(file.path()).expect("readable");
            assert_eq!(flowc::syntax::fmt::format(&text), text, "{}", file.path().display());
        }
    }
}

/// fund(t) = E(1 − t/60), paid(t) = share · E · t/60; two of three recipients are builders.
#[test]
fn phase_0_follows_its_closed_form() {
    let results = run("phase0", &[]);
    let near = |name: &str, i: usize, value: f64| {
        let found = column(&results, name)[i];
        assert!((found - value).abs() <= 1e-9 * 60e6, "{name} is {found} and not {value} in row {i}");
    };
    for (i, t) in results.times.iter().enumerate() {
        let released = 60e6 * t / 60.0;
        near("fund", i, 60e6 - released);
        near("paid[developers]", i, 0.40 * released);
        near("paid[participants]", i, 0.35 * released);
        near("paid[products]", i, 0.25 * released);
        near("by_class[builders]", i, 0.65 * released);
        near("by_class[community]", i, 0.35 * released);
    }
    assert!(results.failure.is_none());
    assert_eq!(results.times.len(), 61);
    assert!((metric(&results, "builders_total") - 39e6).abs() <= 1e-9 * 60e6);
    assert_eq!(metric(&results, "half_paid"), 30.0);
    // A programme of half the length pays twice as fast, and then nothing.
    let results = run("phase0", &[("programme", "30")]);
    assert_eq!(column(&results, "fund")[15], 30e6);
    assert_eq!(column(&results, "fund")[31..], [0.0; 30]);
}

/// Euler's own solution of the tub: w(k) = w∞ + (w0 − w∞)(1 − dt/T)^k.
#[test]
fn the_bathtub_follows_its_closed_form() {
    let results = run("bathtub", &[]);
    for (k, water) in column(&results, "water").iter().enumerate() {
        let exact = 80.0 - 60.0 * (1.0 - 0.25 / 10.0_f64).powi(k as i32);
        assert!((water - exact).abs() < 1e-11, "step {k}: {water} and {exact}");
    }
}

/// The final size of an epidemic: s = exp(−R(1 − s)) (Kermack and McKendrick 1927), within Euler's error.
#[test]
fn the_epidemic_ends_at_its_final_size() {
    let results = run("sir", &[]);
    let mut s: f64 = 0.05;
    for _ in 0..200 {
        s = 0.999 * (-3.0 * (1.0 - s)).exp();
    }
    assert!((metric(&results, "spared") - s).abs() < 0.003, "{} and {s}", metric(&results, "spared"));
    assert!(column(&results, "town").iter().all(|n| (n - 10_000.0).abs() < 1e-8));
}

/// A run drifts off the closed orbit, by half the step by a sixteenth at most.
#[test]
fn predator_and_prey_drift_with_the_step() {
    let drift = |step: &str| {
        let settings = Settings { step: Some(step.into()), ..Settings::default() };
        metric(&support::run("predator_prey", &settings), "drift")
    };
    let ratio = drift("0.1") / drift("0.05");
    assert!((16.0..36.0).contains(&ratio), "{ratio}");
}

/// The target price of the example, in USD/RAI.
#[allow(clippy::approx_constant)]
const TARGET: f64 = 3.14;

#[test]
fn the_price_comes_back_to_its_target() {
    let results = run("price_pid", &[]);
    assert!((metric(&results, "worst") - 0.15).abs() < 1e-12);
    assert!((metric(&results, "end") / TARGET - 1.0).abs() < 0.005);
    let uncontrolled = run("price_pid", &[("kp", "0"), ("ki", "0/hour"), ("kd", "0 hour")]);
    assert!((metric(&uncontrolled, "end") / TARGET - 0.85).abs() < 1e-12);
}

/// 10M, less 250k more than it gets each month: what is missing after month 13 is known.
#[test]
fn the_treasury_runs_dry_in_month_13() {
    let results = run("dry_treasury", &[]);
    let failure = results.failure.as_ref().expect("it fails");
    assert_eq!(failure.code, flowc::Code::E0901);
    assert_eq!(results.steps.len(), 14);
    assert_eq!(column(&results, "treasury").last(), Some(&250_000.0));
}
