//! Laws that hold of every model, tried on generated ones.

#![allow(clippy::disallowed_methods)] // Tests read files and compare with the platform's mathematics.

#[path = "support/models.rs"]
mod models;

use flowc::exec::{Outcome, Program, oracle};
use flowc::{Checked, MemLoader, Settings};
use models::{Kind, Random, model};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

const SMOOTH: Kind = Kind { jumps: false, failures: false };
const ANY: Kind = Kind { jumps: true, failures: true };

fn check(text: &str) -> Checked {
    flowc::check("model.flow", text.as_bytes(), &loader(), &Settings::default())
}

fn loader() -> MemLoader {
    let (path, text) = models::DATA;
    MemLoader::default().with(path, text)
}

fn sound(text: &str) -> Checked {
    let checked = check(text);
    let errors: Vec<String> =
        checked.diagnostics.iter().filter(|d| d.is_error()).map(|d| flowc::cli::plain(d, &checked.sources)).collect();
    assert!(errors.is_empty(), "a model that is right by construction is refused:\n{}\n{text}", errors.join("\n"));
    checked
}

/// All of an outcome, doubles as their bits.
fn bits(outcome: &Outcome) -> String {
    let all = |values: &[f64]| values.iter().map(|v| format!("{:016x}", v.to_bits())).collect::<Vec<_>>().join(" ");
    let ways = outcome.stocks.iter().chain(&outcome.states);
    let ways: Vec<String> = ways.map(|e| all(&[e.opening, e.last, e.low, e.high])).collect();
    let assets: Vec<String> =
        outcome.assets.iter().map(|b| all(&[b.opened, b.inflow, b.outflow, b.closed, b.scale])).collect();
    let columns: Vec<String> = outcome.columns.iter().map(|c| all(c)).collect();
    format!(
        "rows {:?}\ncolumns\n{}\nparams {}\nmetrics {}\nways\n{}\nledger\n{}\nshort {:?}\nfault {:?}",
        outcome.steps,
        columns.join("\n"),
        all(&outcome.params),
        all(&outcome.metrics),
        ways.join("\n"),
        assets.join("\n"),
        outcome.short,
        outcome.fault
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, rng_seed: RngSeed::Fixed(2_026), ..ProptestConfig::default() })]

    /// The evaluator and the oracle agree in every bit, failures included.
    #[test]
    fn the_evaluator_agrees_with_the_oracle(seed in any::<u64>()) {
        let text = model(seed, ANY);
        let checked = sound(&text);
        let ir = checked.lower().expect("a sound model is lowered");
        let (fast, slow) = (bits(&Program::new(&ir).run()), bits(&oracle::run(&ir)));
        prop_assert_eq!(fast, slow, "{}", text);
    }

    /// Whatever moves, nothing is made or lost but at a cloud, and no unsigned stock goes below zero.
    #[test]
    fn the_ledger_balances(seed in any::<u64>()) {
        let text = model(seed, ANY);
        let checked = sound(&text);
        let ir = checked.lower().expect("a sound model is lowered");
        let outcome = Program::new(&ir).run();
        for balance in &outcome.assets {
            prop_assert!(balance.holds(ir.clock.steps), "off by {}\n{}", balance.gap(), text);
        }
        for (stock, way) in ir.stocks.iter().zip(&outcome.stocks) {
            prop_assert!(stock.signed || way.low >= 0.0, "{}", text);
        }
    }

    /// The unit in which a token is counted changes no result by more than rounding.
    #[test]
    fn a_units_scale_does_not_matter(seed in any::<u64>()) {
        let text = model(seed, SMOOTH);
        let scaled = text.replacen("unit TKN\n", "unit milli\nunit TKN = 1000 milli\n", 1);
        let (a, b) = (sound(&text).run().expect("runs"), sound(&scaled).run().expect("runs"));
        prop_assert_eq!(a.failure.is_some(), b.failure.is_some(), "{}", text);
        for (x, y) in a.columns.iter().zip(&b.columns) {
            // What rounding adds up to is measured by the largest values that were added.
            let scale = a.columns.iter().flat_map(|c| &c.values).fold(1.0, |m: f64, v| if v.is_finite() { m.max(v.abs()) } else { m });
            for (v, w) in x.values.iter().zip(&y.values) {
                let near = (v - w).abs() <= 1e-12 * scale || v.to_bits() == w.to_bits() || (v.is_nan() && w.is_nan());
                prop_assert!(near, "{}: {v} and {w}\n{text}", x.name);
            }
        }
    }

    /// A wrong model never passes: one amount of another currency in what moves is an error, and only one.
    #[test]
    fn one_wrong_unit_is_one_error(seed in any::<u64>()) {
        let text = model(seed, ANY);
        let mut random = Random::new(seed);
        let moves: Vec<usize> = text
            .match_indices(" TKN")
            .map(|(at, _)| at)
            .filter(|at| {
                let line = text[..*at].rfind('\n').map_or(0, |i| i + 1);
                text[line..].starts_with("flow ") || text[line..].starts_with("transfer ")
            })
            .collect();
        if moves.is_empty() {
            return Ok(());
        }
        let at = moves[random.below(moves.len())];
        let wrong = format!("{} USD{}", &text[..at], &text[at + 4..]);
        let checked = check(&wrong);
        let errors: Vec<_> = checked.diagnostics.iter().filter(|d| d.is_error()).collect();
        prop_assert_eq!(errors.len(), 1, "{:?}\n{}", errors, wrong);
        prop_assert!(errors[0].code.name().starts_with("E03"), "{:?}", errors[0]);
    }

    /// The formatter changes nothing that a run could see.
    #[test]
    fn formatting_changes_no_result(seed in any::<u64>()) {
        let text = model(seed, ANY);
        let formatted = flowc::syntax::fmt::format(&text);
        let run = |text: &str| bits(&Program::new(&sound(text).lower().expect("lowered")).run());
        prop_assert_eq!(run(&text), run(&formatted));
    }

    /// Any text gives diagnostics or a result: no panic, no hang.
    #[test]
    fn any_text_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        survive(&bytes);
    }

    /// So does a right model in which something was changed.
    #[test]
    fn any_mutant_is_survived(seed in any::<u64>()) {
        let mut random = Random::new(seed);
        let mut bytes = model(seed, ANY).into_bytes();
        for _ in 0..1 + random.below(4) {
            let (at, other) = (random.below(bytes.len()), random.below(bytes.len()));
            match random.below(4) {
                0 if bytes.len() > 1 => { bytes.remove(at); }
                1 => bytes.swap(at, other),
                2 => bytes.insert(at, b"(){}=,.;:%^*/-+0 5k\n"[random.below(20)]),
                _ => bytes.truncate(at.max(1)),
            }
        }
        survive(&bytes);
    }
}

fn survive(bytes: &[u8]) {
    let checked = flowc::check("model.flow", bytes, &loader(), &Settings::default());
    for diagnostic in &checked.diagnostics {
        assert!(!flowc::cli::plain(diagnostic, &checked.sources).is_empty());
    }
    if let Some(clock) = &checked.facts.clock
        && clock.steps <= 10_000
        && let Ok(results) = checked.run()
    {
        assert!(!flowc::output::summary(&results).is_empty());
        assert!(!flowc::output::csv(&results).is_empty());
        assert!(!flowc::output::json(&results).is_empty());
    }
}

#[test]
fn enough_generated_models_run_to_their_end() {
    let done = (0..300).filter(|seed| sound(&model(*seed, ANY)).run().is_ok_and(|r| r.failure.is_none())).count();
    assert!((100..295).contains(&done), "{done} of 300 models ran to their end: the laws would test too little");
}
