//! Laws that hold of every model in which something lives, tried on generated ones.

#![allow(clippy::disallowed_methods)] // Tests read files and compare with the platform's mathematics.

#[allow(dead_code)] // Other laws ask for more.
#[path = "support/models/mod.rs"]
mod models;
#[path = "support/same.rs"]
mod same;

use std::collections::{BTreeMap, BTreeSet};

use flowc::exec::{Case, Outcome, Program, oracle};
use flowc::hir::DeclKind;
use flowc::{Checked, MemLoader, Results, Settings, ir};
use models::{Kind, Model, Random, model};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use same::{bits, differs, largest};

const ANY: Kind =
    Kind { jumps: true, failures: true, order: true, exact: false, lives: true, closed: false, phases: None };
const CLOSED: Kind = Kind { closed: true, ..ANY };
const SMOOTH: Kind = Kind { jumps: false, failures: false, ..ANY };

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, rng_seed: RngSeed::Fixed(2_026), ..ProptestConfig::default() }
}

fn sound(text: &str, settings: &Settings) -> Checked {
    let (path, data) = models::DATA;
    let checked = flowc::check("model.flow", text.as_bytes(), &MemLoader::default().with(path, data), settings);
    let errors: Vec<String> =
        checked.diagnostics.iter().filter(|d| d.is_error()).map(|d| flowc::cli::plain(d, &checked.sources)).collect();
    assert!(errors.is_empty(), "a model that is right by construction is refused:\n{}\n{text}", errors.join("\n"));
    checked
}

/// How a model is called whose members are asked for.
fn asking(model: &Model) -> Settings {
    Settings { members: true, ..model.settings.clone() }
}

/// A run that knows what each member had.
fn lived(text: &str, settings: &Settings, case: &Case) -> (Checked, ir::Model, Outcome) {
    let checked = sound(text, settings);
    let ir = checked.lower().expect("a sound model is lowered");
    let outcome = oracle::run(&ir, case);
    (checked, ir, outcome)
}

fn results(text: &str, settings: &Settings) -> Results {
    let (checked, ir, outcome) = lived(text, settings, &Case::default());
    checked.results(&ir, &outcome)
}

/// Which rows are no rows between two: those tell nothing of members.
fn rows(model: &Model, outcome: &Outcome) -> Vec<bool> {
    let last = model.phases().max(1);
    outcome.steps.iter().zip(&outcome.substeps).map(|(k, s)| *k == 0 || *s == last).collect()
}

/// What all hold of a currency in each row, members among them.
fn wholes(checked: &Checked, ir: &ir::Model, outcome: &Outcome, asset: &ir::Asset) -> Vec<f64> {
    let origins: BTreeSet<(ir::DeclId, u32)> =
        asset.stocks.iter().map(|s| (ir.stocks[*s].origin.decl, ir.stocks[*s].origin.member)).collect();
    let held = |c: &ir::Column| {
        matches!(checked.model.decl(c.origin.decl).kind, DeclKind::Stock { .. })
            && origins.contains(&(c.origin.decl, c.origin.member))
    };
    let mut wholes = vec![0.0; outcome.steps.len()];
    for (_, values) in ir.columns.iter().zip(&outcome.columns).filter(|(c, _)| held(c)) {
        wholes.iter_mut().zip(values).for_each(|(whole, value)| *whole += value);
    }
    for (roll, called) in ir.rolls.iter().zip(&outcome.rolls) {
        for (line, row) in called.rows.iter().enumerate() {
            let values = &called.values[line * roll.columns.len()..][..roll.columns.len()];
            for (_, value) in roll.columns.iter().zip(values).filter(|(c, _)| held(c)) {
                wholes[*row as usize] += value;
            }
        }
    }
    wholes
}

proptest! {
    #![proptest_config(cases(1_000))]

    /// The evaluator and the oracle agree in every bit, failures included.
    #[test]
    fn the_evaluator_agrees_with_the_oracle(seed in any::<u64>()) {
        let model = model(seed, ANY);
        let settings = asking(&model);
        let checked = sound(&model.text(), &settings);
        let ir = checked.lower().expect("a sound model is lowered");
        let case = Case { seed, run: 1 + (seed % 7) as u32, ..Case::default() };
        let (fast, slow) = (bits(&Program::new(&ir).run(&case)), bits(&oracle::run(&ir, &case)));
        prop_assert_eq!(fast, slow, "{}\n{:?}\n{:?}", model.text(), settings, case);
    }
}

proptest! {
    #![proptest_config(cases(600))]

    /// Where nothing crosses the boundary, all hold together what they held at the start, whoever is born and whoever
    /// retires.
    #[test]
    fn nobody_takes_anything_along(seed in any::<u64>()) {
        let model = model(seed, CLOSED);
        let text = model.in_full();
        let (checked, ir, outcome) = lived(&text, &asking(&model), &Case::default());
        for (asset, balance) in ir.assets.iter().zip(&outcome.assets).filter(|_| !outcome.steps.is_empty()) {
            prop_assert!(balance.holds(ir.clock.steps), "off by {}\n{}", balance.gap(), text);
            prop_assert_eq!(balance.inflow + balance.outflow, 0.0, "{}", text);
            let wholes = wholes(&checked, &ir, &outcome, asset);
            for (whole, step) in wholes.iter().zip(&outcome.steps).zip(rows(&model, &outcome)).filter_map(|(w, is)| is.then_some(w)) {
                let off = (whole - wholes[0]).abs();
                prop_assert!(off <= 1e-9 * balance.scale.max(1.0), "row {}: {} of {}\n{}", step, whole, wholes[0], text);
            }
        }
    }

    /// Whatever crosses it is told; nothing goes below zero; who is alive is who was born and has not retired.
    #[test]
    fn the_ledger_balances(seed in any::<u64>()) {
        let model = model(seed, ANY);
        let text = model.in_full();
        let (checked, ir, outcome) = lived(&text, &asking(&model), &Case::default());
        // Who cannot open has no ledger.
        for balance in outcome.assets.iter().filter(|_| !outcome.steps.is_empty()) {
            prop_assert!(balance.holds(ir.clock.steps), "off by {}\n{}", balance.gap(), text);
        }
        for (p, ((roll, called), lives)) in ir.rolls.iter().zip(&outcome.rolls).zip(&outcome.lives).enumerate() {
            let width = roll.columns.len();
            for (c, column) in roll.columns.iter().enumerate() {
                let of = |s: &&ir::Stock| s.origin == column.origin;
                let Some(stock) = ir.stocks.iter().find(of).filter(|s| !s.signed) else { continue };
                let least = called.values.iter().skip(c).step_by(width).fold(0.0, |a: f64, b| a.min(*b));
                prop_assert!(least >= 0.0, "{:?} {}\n{}", stock.origin, least, text);
            }
            let alive = called.lives.iter().filter(|(_, gone)| gone.is_none()).count() as u64;
            prop_assert_eq!(lives.born - lives.retired, alive, "{}", text);
            let decl = ir.populations[p].decl;
            let column = ir.columns.iter().position(|c| c.origin.decl == decl).expect("it has a column");
            for (row, step) in outcome.steps.iter().enumerate().zip(rows(&model, &outcome)).filter_map(|(r, is)| is.then_some(r)) {
                let there = called.rows.iter().filter(|r| **r as usize == row).count() as f64;
                prop_assert!(outcome.columns[column][row] == there, "row {}\n{}", step, text);
                let by_lives = called.lives.iter().filter(|(from, to)| from <= step && to.is_none_or(|t| *step < t));
                // Who comes or goes where a run fails is in no row.
                prop_assert!(by_lives.count() as f64 == there || outcome.fault.is_some(), "row {}\n{}", step, text);
            }
        }
        prop_assert!(checked.is_sound());
    }
}

proptest! {
    #![proptest_config(cases(400))]

    /// The formatter changes nothing that a run could see.
    #[test]
    fn formatting_changes_no_result(seed in any::<u64>()) {
        let model = model(seed, ANY);
        let text = model.text();
        let formatted = flowc::syntax::fmt::format(&text);
        let run = |text: &str| bits(&lived(text, &asking(&model), &Case::default()).2);
        prop_assert_eq!(run(&text), run(&formatted), "{}\n---\n{}", text, formatted);
    }

    /// What is drawn for others leaves everybody's luck alone: another trait and another draw in each entity.
    #[test]
    fn more_luck_is_nobodys_loss(seed in any::<u64>()) {
        let model = model(seed, ANY);
        let text = model.text();
        let mut more = String::new();
        let each = if model.phases() > 0 { "phase dawn { draw more ~ uniform(0, 1) }" } else { "draw more ~ uniform(0, 1) each step" };
        for line in text.lines() {
            more += line;
            more += "\n";
            if line.starts_with("entity ") {
                more += &format!("  trait another ~ normal(0, 1)\n  {each}\n");
            }
        }
        let run = |text: &str| {
            let mut outcome = lived(text, &model.settings, &Case::default()).2;
            // What failed has another number.
            let failed = outcome.fault.take().map(|f| (f.step, f.member));
            (bits(&outcome), failed)
        };
        prop_assert_eq!(run(&text), run(&more), "{}", text);
    }

    /// A member's luck hangs on its number, and not on who else is there.
    #[test]
    fn luck_is_the_members_own(seed in any::<u64>()) {
        let model = model(seed, Kind { failures: false, ..ANY });
        let text = model.text();
        let (one, many) = ("spawn Pop0: 4 initially", "spawn Pop0: 2 initially");
        if !text.contains(one) {
            return Ok(());
        }
        let drawn = |text: &str| {
            let (checked, ir, outcome) = lived(text, &asking(&model), &Case::default());
            let mut drawn: BTreeMap<(String, u32), u64> = BTreeMap::new();
            for (roll, called) in ir.rolls.iter().zip(&outcome.rolls) {
                for (c, column) in roll.columns.iter().enumerate() {
                    let name = checked.model.decl(column.origin.decl).name.clone();
                    let own = name.rsplit('.').next().unwrap_or_default();
                    let uniform = text.contains(&format!("trait {own}: TKN ~ uniform(0, 30)"));
                    for (line, number) in called.numbers.iter().enumerate().filter(|_| uniform) {
                        let bits = called.values[line * roll.columns.len() + c].to_bits();
                        let before = drawn.insert((name.clone(), *number), bits);
                        assert!(before.is_none_or(|b| b == bits), "{name} of {number} changes\n{text}");
                    }
                }
            }
            drawn
        };
        let (a, b) = (drawn(&text), drawn(&text.replace(one, many)));
        for (whose, bits) in &a {
            prop_assert!(b.get(whose).is_none_or(|other| other == bits), "{:?}\n{}", whose, text);
        }
    }

    /// The unit in which a token is counted changes no result by more than rounding.
    #[test]
    fn a_units_scale_does_not_matter(seed in any::<u64>()) {
        let model = model(seed, SMOOTH);
        let text = model.text();
        let scaled = text.replacen("unit TKN\n", "unit milli\nunit TKN = 1000 milli\n", 1);
        let (a, b) = (results(&text, &model.settings), results(&scaled, &model.settings));
        prop_assert_eq!(differs(&a, &b, 1e-10 * largest(&a, |_| true)), None, "{}\n{:?}", text, model.settings);
    }

    /// One amount of another currency in what a member moves is an error, and only one.
    #[test]
    fn one_wrong_unit_is_one_error(seed in any::<u64>()) {
        let model = model(seed, ANY);
        let text = model.text();
        let mut random = Random::new(seed);
        let moves: Vec<usize> = text
            .match_indices(" TKN")
            .map(|(at, _)| at)
            .filter(|at| {
                let line = text[..*at].rfind('\n').map_or(0, |i| i + 1);
                let words = text[line..].trim_start();
                words.starts_with("flow mv") || words.starts_with("transfer mv")
            })
            .collect();
        if moves.is_empty() {
            return Ok(());
        }
        let at = moves[random.below(moves.len())];
        let wrong = format!("{} USD{}", &text[..at], &text[at + 4..]);
        let (path, data) = models::DATA;
        let loader = MemLoader::default().with(path, data);
        let checked = flowc::check("model.flow", wrong.as_bytes(), &loader, &model.settings);
        let errors: Vec<_> = checked.diagnostics.iter().filter(|d| d.is_error()).collect();
        prop_assert_eq!(errors.len(), 1, "{:?}\n{}", errors, wrong);
        prop_assert!(errors[0].code.name().starts_with("E03"), "{:?}", errors[0]);
    }
}

/// What generated models have or do, each often.
const TAGS: &[&str] = &[
    "a capped first move of members",
    "a capped move of members",
    "a move to or from a referred member",
    "a skipped move of members",
    "a trade of members",
    "an unlimited move of members",
    "born later",
    "draw of members",
    "reference",
    "retire",
];

/// How runs of them fail, among other ways.
const FAULTS: &[&str] = &["Births", "Bound", "Crowded", "NotFinite", "Overdraw", "Pick", "Unfunded"];

#[test]
fn enough_generated_models_run_to_their_end() {
    let mut counts: BTreeMap<&str, usize> = TAGS.iter().map(|t| (*t, 0)).collect();
    let (mut done, mut gone, mut faults) = (0, 0, BTreeSet::new());
    for seed in 0..600 {
        let model = model(seed, ANY);
        let (_, _, outcome) = lived(&model.text(), &model.settings, &Case::default());
        if let Some(fault) = &outcome.fault {
            faults.insert(format!("{:?}", fault.kind).split(' ').next().unwrap_or_default().to_string());
            continue;
        }
        done += 1;
        gone += usize::from(outcome.lives.iter().any(|l| l.retired > 0));
        model.tags.iter().for_each(|tag| *counts.entry(tag).or_default() += 1);
    }
    assert!((300..590).contains(&done), "{done} of 600 models ran to their end: the laws would test too little");
    assert!(gone > 60, "somebody retires in {gone} of {done}");
    let rare: Vec<_> = TAGS.iter().filter(|t| counts[**t] < 30).collect();
    assert!(rare.is_empty(), "seldom in models that run: {rare:?}");
    let missing: Vec<_> = FAULTS.iter().filter(|f| !faults.contains(**f)).collect();
    assert!(missing.is_empty(), "no run fails by {missing:?}");
}
