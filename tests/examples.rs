//! Every example: what `check` says, its layout, its run, its final values; and the numbers that are known in closed form.

#![allow(clippy::disallowed_methods)] // Tests read files and compare with the platform's mathematics.

use std::fmt::Write;
use std::path::Path;

use flowc::{Checked, MemLoader, Results, Settings};

fn load(path: &Path) -> (String, Checked) {
    let text = std::fs::read_to_string(path).expect("an example can be read");
    let name = path.file_name().expect("a name").to_string_lossy();
    let checked = flowc::check(&name, text.as_bytes(), &MemLoader::default(), &Settings::default());
    (text, checked)
}

fn run(name: &str, settings: &[(&str, &str)]) -> Results {
    let text = std::fs::read_to_string(format!("examples/{name}.flow")).expect("the example is there");
    let values = settings.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
    let settings = Settings { values, ..Settings::default() };
    let checked = flowc::check(name, text.as_bytes(), &MemLoader::default(), &settings);
    assert!(checked.is_sound(), "{name}: {:?}", checked.diagnostics);
    checked.run().expect("a sound model runs")
}

fn column<'r>(results: &'r Results, name: &str) -> &'r [f64] {
    let column = results.columns.iter().find(|c| c.name == name);
    &column.unwrap_or_else(|| panic!("no column {name}")).values
}

fn metric(results: &Results, name: &str) -> f64 {
    results.metrics.iter().find(|m| m.name == name).unwrap_or_else(|| panic!("no metric {name}")).value
}

#[test]
fn snapshots() {
    insta::glob!("../examples", "*.flow", |path| {
        let (text, checked) = load(path);
        let mut out = String::new();
        let _ = writeln!(out, "{}\n", text.lines().next().unwrap_or_default());
        for diagnostic in &checked.diagnostics {
            out += &flowc::cli::plain(diagnostic, &checked.sources);
        }
        assert!(checked.is_sound(), "{out}");
        let _ = writeln!(out, "check: {}\n", flowc::cli::proved(&checked));
        let formatted = flowc::syntax::fmt::format(&text);
        let _ =
            writeln!(out, "layout: {}\n", if formatted == text { "as `flowc fmt` leaves it" } else { "NOT formatted" });
        let results = checked.run().expect("an example runs");
        out += &flowc::output::summary(&results);
        if let Some(failure) = &results.failure {
            let _ = write!(out, "\n{}", flowc::cli::plain(failure, &checked.sources));
        }
        out += "\nfinal row\n";
        for c in &results.columns {
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

/// fund(t) = E(1 − t/60), paid(t) = share · E · t/60.
#[test]
fn phase_0_follows_its_closed_form() {
    let results = run("phase0", &[]);
    let shares = [("developers", 0.40), ("participants", 0.35), ("products", 0.25)];
    for (i, t) in results.times.iter().enumerate() {
        let fund = 60e6 * (1.0 - t / 60.0);
        assert!((column(&results, "fund")[i] - fund).abs() <= 1e-9 * 60e6, "fund in month {t}");
        for (name, share) in shares {
            let paid = share * 60e6 * t / 60.0;
            assert!((column(&results, name)[i] - paid).abs() <= 1e-9 * 60e6, "{name} in month {t}");
        }
    }
    assert!(results.failure.is_none());
    assert_eq!(results.times.len(), 61);
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

/// Euler drifts off the closed orbit, and half the step halves the drift.
#[test]
fn predator_and_prey_drift_with_the_step() {
    let drift = |step: &str| {
        let text = std::fs::read_to_string("examples/predator_prey.flow").expect("readable");
        let settings = Settings { step: Some(step.into()), ..Settings::default() };
        let checked = flowc::check("pp", text.as_bytes(), &MemLoader::default(), &settings);
        metric(&checked.run().expect("runs"), "drift")
    };
    let ratio = drift("0.01") / drift("0.005");
    assert!((1.9..2.2).contains(&ratio), "{ratio}");
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
