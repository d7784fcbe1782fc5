//! Laws that hold of every model, tried on generated ones.

#![allow(clippy::disallowed_methods)] // Tests read files and compare with the platform's mathematics.

#[path = "support/models/mod.rs"]
mod models;
#[path = "support/same.rs"]
mod same;

use std::collections::{BTreeMap, BTreeSet};

use flowc::exec::many::{Batch, Layout, run_many};
use flowc::exec::{Case, Program, oracle};
use flowc::{Checked, MemLoader, Results, Settings, ir};
use models::{Edge, Kind, Model, Moment, Random, Size, model};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use same::{bits, columns, differs, largest};

const ANY: Kind =
    Kind { jumps: true, failures: true, order: true, exact: false, lives: false, closed: false, phases: None };
const SMOOTH: Kind = Kind { jumps: false, failures: false, ..ANY };
/// In any order the same, rounding aside.
const LOOSE: Kind = Kind { order: false, ..SMOOTH };
/// In any order the same, to the bit.
const EXACT: Kind = Kind { order: false, exact: true, ..ANY };

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, rng_seed: RngSeed::Fixed(2_026), ..ProptestConfig::default() }
}

fn check(text: &str, settings: &Settings) -> Checked {
    flowc::check("model.flow", text.as_bytes(), &loader(), settings)
}

fn loader() -> MemLoader {
    let (path, text) = models::DATA;
    MemLoader::default().with(path, text)
}

fn sound(text: &str, settings: &Settings) -> Checked {
    let checked = check(text, settings);
    let errors: Vec<String> =
        checked.diagnostics.iter().filter(|d| d.is_error()).map(|d| flowc::cli::plain(d, &checked.sources)).collect();
    assert!(errors.is_empty(), "a model that is right by construction is refused:\n{}\n{text}", errors.join("\n"));
    checked
}

fn lowered(text: &str, settings: &Settings) -> ir::Model {
    sound(text, settings).lower().expect("a sound model is lowered")
}

fn results(text: &str, settings: &Settings) -> Results {
    sound(text, settings).run().expect("a sound model runs")
}

/// A model as an experiment would run it: now and then params are sampled, and openings come with the run.
fn one_of_many(model: &Model, seed: u64) -> (ir::Model, Case) {
    let checked = sound(&model.text(), &model.settings);
    let open = |name: &str| checked.model.decls().find(|(_, d)| d.name == name).map(|(id, _)| (id, 0));
    let inputs: Vec<_> =
        if seed.is_multiple_of(3) { ["p0", "s1"].into_iter().filter_map(open).collect() } else { Vec::new() };
    let values = [1.5, 321.0][..inputs.len()].to_vec();
    let asked = ir::Asked { sampled: seed.is_multiple_of(2), inputs, ..ir::Asked::default() };
    let ir = checked.lower_for(&asked).expect("a sound model is lowered");
    let luck = if seed.is_multiple_of(5) { vec![0.25; ir.uncertain.len()] } else { Vec::new() };
    (ir, Case { seed, run: 1 + (seed % 7) as u32, inputs: values, luck })
}

/// What is held or moves.
fn in_the_ledger(kind: &str) -> bool {
    ["stock", "flow", "transfer"].contains(&kind)
}

/// What each stock gains in a row by what moves in one, by the columns of the moves: those with a date, or the others.
fn gains(edges: &[Edge], dated: bool, dt: f64, at: &dyn Fn(&str) -> f64) -> BTreeMap<String, f64> {
    let mut gains: BTreeMap<String, f64> = BTreeMap::new();
    let mut add = |stock: &Option<String>, amount: f64| {
        if let Some(stock) = stock {
            *gains.entry(stock.clone()).or_default() += amount;
        }
    };
    for edge in edges.iter().filter(|e| e.dated == dated) {
        let moved = at(&edge.column) * if edge.flow { dt } else { 1.0 };
        // In a row between two phases, what later ones do has not happened.
        if moved.is_nan() {
            continue;
        }
        add(&edge.from, -moved);
        let mut rest = moved;
        for (stock, size) in &edge.parts {
            let part = match size {
                Size::Rest => rest,
                Size::Share(share) => share * moved,
                Size::Column(name) => at(name).clamp(0.0, 1.0) * moved,
                Size::Of(i, names) => {
                    let all: f64 = names.iter().map(|name| at(name)).sum();
                    if all > 0.0 { at(&names[*i]) / all * moved } else { 0.0 }
                }
            };
            rest -= part;
            add(stock, part);
        }
    }
    gains
}

/// What is wrong with the ledger, if anything is: every stock changes from row to row by what moved, and by nothing else.
fn unbalanced(model: &Model, results: &Results) -> Option<String> {
    let columns = columns(results);
    let value = |name: &str, row: usize| columns[name][row];
    let phases = model.phases().max(1);
    let slack = 1e-9 * largest(results, in_the_ledger);
    let stocks: Vec<&str> = results.columns.iter().filter(|c| c.kind == "stock").map(|c| c.name.as_str()).collect();
    for (row, (step, substep)) in results.steps.iter().zip(&results.substeps).enumerate() {
        if let Some(stock) = model.unsigned.iter().find(|s| value(s, row) < 0.0) {
            return Some(format!("{stock} is below zero in row {step}.{substep}"));
        }
        let between = *step > 0 && *substep < phases;
        // What moved on the way from the row before: what moves on a date has landed in the row that it is seen in.
        let before =
            (0..row).rev().find(|r| results.steps[*r] + 1 == *step && (results.substeps[*r] == phases || *r == 0));
        let mut gained = BTreeMap::new();
        if let Some(before) = before {
            // Between two rows, the row itself knows what its phases have moved.
            let seen = if between { row } else { before };
            gained = gains(&model.edges, false, model.dt, &|name| value(name, seen));
        }
        if !between {
            // A failed step may not get so far as to say what moved on its date.
            if results.failed_in == Some(*step) {
                continue;
            }
            for (stock, gain) in gains(&model.edges, true, model.dt, &|name| value(name, row)) {
                *gained.entry(stock).or_default() += gain;
            }
        }
        // What a split says of the row is what it says at the first of its stages.
        let weighed = |e: &&Edge| e.flow && e.parts.iter().any(|(_, s)| matches!(s, Size::Column(_) | Size::Of(..)));
        let staged = |stock: &&str| {
            let gets = |e: &Edge| e.parts.iter().any(|(to, _)| to.as_deref() == Some(*stock));
            model.runge_kutta() && model.edges.iter().filter(weighed).any(gets)
        };
        for stock in stocks.iter().filter(|s| !staged(s)) {
            let opened = results.stocks.iter().find(|w| w.name == *stock).map_or(f64::NAN, |w| w.values[0]);
            let expected = before.map_or(opened, |b| value(stock, b)) + gained.get(*stock).copied().unwrap_or(0.0);
            let off = (expected - value(stock, row)).abs();
            if off.is_nan() || off > slack {
                return Some(format!("{stock} in row {step}.{substep} is {}, not {expected}", value(stock, row)));
            }
        }
    }
    None
}

/// What is wrong with what has moved so far: a row knows all that moved before it, and what moves on its date.
fn miscounted(model: &Model, results: &Results) -> Option<String> {
    let columns = columns(results);
    let phases = model.phases().max(1);
    for edge in &model.edges {
        let Some(total) = &edge.total else { continue };
        let (moved, total) = (columns[edge.column.as_str()], columns[total.as_str()]);
        let mut sum = 0.0;
        for (row, (step, substep)) in results.steps.iter().zip(&results.substeps).enumerate() {
            let between = *step > 0 && *substep < phases;
            if between || results.failed_in == Some(*step) {
                continue;
            }
            let amount = moved[row] * if edge.flow { model.dt } else { 1.0 };
            sum += if edge.dated { amount } else { 0.0 };
            if (sum - total[row]).abs() > 1e-9 * (1.0 + sum.abs()) {
                return Some(format!("{} has moved {sum} by row {step}, not {}", edge.column, total[row]));
            }
            sum += if edge.dated { 0.0 } else { amount };
        }
    }
    None
}

/// What is wrong with what moves got of what they asked for.
fn overserved(model: &Model, results: &Results) -> Option<String> {
    let columns = columns(results);
    let slack = 1e-9 * largest(results, in_the_ledger);
    for edge in &model.edges {
        for (row, step) in results.steps.iter().enumerate() {
            let (moved, asked) = (columns[edge.column.as_str()][row], columns[edge.requested.as_str()][row]);
            // The last row starts no step: nothing is checked, and nothing lands.
            if *step == results.length || moved.is_nan() {
                continue;
            }
            if moved.abs() > asked.abs() * (1.0 + 1e-12) || (moved * asked < 0.0) {
                return Some(format!("{} moved {moved} of {asked} in row {step}", edge.column));
            }
            if let Some(factor) = &edge.factor {
                let factor = columns[factor.as_str()][row];
                if !(0.0..=1.0).contains(&factor) || (moved - factor * asked).abs() > slack {
                    return Some(format!("{} moved {moved} of {asked}, at {factor}, in row {step}", edge.column));
                }
            }
        }
    }
    None
}

/// What does not see what it looks at: a phase what the phases before it have done, the rest of the step its row.
fn blind(model: &Model, results: &Results) -> Option<String> {
    let columns = columns(results);
    let phases = model.phases().max(1);
    let at = |step: u64, substep: usize| {
        results
            .steps
            .iter()
            .zip(&results.substeps)
            .position(|(k, s)| (*k, *s) == (step, if step == 0 { 0 } else { substep }))
    };
    // The row that shows the moment at which a phase of a step starts.
    let found = |step: u64, phase: usize| if phase == 0 { at(step, phases) } else { at(step + 1, phase) };
    for eye in &model.eyes {
        for (row, (step, substep)) in results.steps.iter().zip(&results.substeps).enumerate() {
            if *step > 0 && *substep < phases {
                continue;
            }
            let other = match eye.moment {
                Moment::Phase(phase) => found(*step, phase),
                Moment::Updated(_) | Moment::Before(_) if *step == 0 => None,
                Moment::Updated(phase) => found(*step - 1, phase),
                Moment::Row => Some(row),
                Moment::BeforeOrOwn if *step == 0 => Some(row),
                Moment::Before(_) | Moment::BeforeOrOwn => at(*step - 1, phases),
            };
            let seen = columns[eye.column.as_str()][row];
            let expected = match (other, eye.moment) {
                (Some(other), _) => columns[eye.of.as_str()][other],
                (None, Moment::Before(start)) => start,
                (None, _) => continue,
            };
            // In a step that failed not all is known.
            if seen.to_bits() != expected.to_bits() && !seen.is_nan() && !expected.is_nan() {
                return Some(format!("{} is {seen} in row {step}, and {} was {expected}", eye.column, eye.of));
            }
        }
    }
    None
}

proptest! {
    #![proptest_config(cases(1_500))]

    /// A lane has the bits of its run alone, in every row.
    #[test]
    fn lanes_have_the_bits_of_a_run_alone(seed in any::<u64>()) {
        let model = model(seed, ANY);
        let text = model.text();
        let (mut ir, case) = one_of_many(&model, seed);
        // Rows between two rows are those of a run alone.
        ir.substeps = false;
        let (points, luck) = ([case.inputs.clone()], [case.luck.clone()]);
        let luck = if case.luck.is_empty() { &[][..] } else { &luck };
        let (layout, seed) = (Layout::default(), case.seed);
        let batch = Batch { model: &ir, points: &points, seed, runs: 1, repeats: 1, luck, stats: true, threads: 1, layout };
        for runs in [1, 17] {
            // All runs share a sample that is given.
            let repeats = if luck.is_empty() { 1 } else { runs };
            let point = run_many(&Batch { runs, repeats, ..batch.clone() }, &|_| true).remove(0);
            let stats = point.stats.expect("they are asked for");
            for run in 1..=runs {
                let outcome = Program::new(&ir).run(&Case { run, ..case.clone() });
                let alone: Vec<f64> = outcome.metrics.iter().chain(&outcome.goals).chain(&outcome.seen).copied().collect();
                let lane = &point.metrics[alone.len() * (run - 1) as usize..alone.len() * run as usize];
                let same = alone.iter().zip(lane).all(|(a, b)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan());
                prop_assert!(same, "run {run}: {:?} {lane:?} and alone {alone:?}\n{text}", outcome.fault);
                if runs > 1 {
                    continue;
                }
                for (c, column) in outcome.columns.iter().enumerate() {
                    for (row, k) in stats.steps.iter().enumerate() {
                        let cell = stats.cells[c * stats.steps.len() + row];
                        let Some(at) = outcome.steps.iter().position(|s| s == k) else { continue };
                        let value = column[at];
                        if value.is_finite() {
                            prop_assert_eq!(value.to_bits(), cell.min.to_bits(), "{} row {}: {} {}\n{}", c, k, value, cell.min, &text);
                        }
                    }
                }
            }
        }
    }

    /// The evaluator and the oracle agree in every bit, failures included.
    #[test]
    fn the_evaluator_agrees_with_the_oracle(seed in any::<u64>()) {
        let model = model(seed, ANY);
        let (ir, case) = one_of_many(&model, seed);
        let (fast, slow) = (bits(&Program::new(&ir).run(&case)), bits(&oracle::run(&ir, &case)));
        prop_assert_eq!(fast, slow, "{}\n{:?}\n{:?}", model.text(), model.settings, case);
    }

    /// Any text gives diagnostics or a result: no panic, no hang.
    #[test]
    fn any_text_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        survive(&bytes, &Settings::default());
    }
}

proptest! {
    #![proptest_config(cases(1_000))]

    /// Whatever moves, nothing is made or lost but at a cloud, and no unsigned stock goes below zero: in any row, and for
    /// each stock.
    #[test]
    fn the_ledger_balances(seed in any::<u64>()) {
        let model = model(seed, ANY);
        let text = model.in_full();
        let checked = sound(&text, &model.settings);
        let ir = checked.lower().expect("a sound model is lowered");
        let outcome = Program::new(&ir).run(&Case::default());
        for balance in &outcome.assets {
            prop_assert!(balance.holds(ir.clock.steps), "off by {}\n{}", balance.gap(), text);
        }
        for (stock, way) in ir.stocks.iter().zip(&outcome.stocks) {
            prop_assert!(stock.signed || way.low >= 0.0, "{}", text);
        }
        let results = checked.results(&ir, &outcome);
        prop_assert_eq!(unbalanced(&model, &results), None, "{}\n{:?}", text, model.settings);
        prop_assert_eq!(miscounted(&model, &results), None, "{}\n{:?}", text, model.settings);
        prop_assert_eq!(overserved(&model, &results), None, "{}\n{:?}", text, model.settings);
    }

    /// A wrong model never passes: one amount of another currency in what moves is an error, and only one.
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
                words.starts_with("flow ") || words.starts_with("transfer ") || text[line..*at].contains(" -> ")
            })
            .collect();
        if moves.is_empty() {
            return Ok(());
        }
        let at = moves[random.below(moves.len())];
        let wrong = format!("{} USD{}", &text[..at], &text[at + 4..]);
        let checked = check(&wrong, &model.settings);
        let errors: Vec<_> = checked.diagnostics.iter().filter(|d| d.is_error()).collect();
        prop_assert_eq!(errors.len(), 1, "{:?}\n{}", errors, wrong);
        prop_assert!(errors[0].code.name().starts_with("E03"), "{:?}", errors[0]);
    }

    /// So does a right model in which something was changed.
    #[test]
    fn any_mutant_is_survived(seed in any::<u64>()) {
        let mut random = Random::new(seed);
        let model = model(seed, ANY);
        let mut bytes = model.text().into_bytes();
        for _ in 0..1 + random.below(4) {
            let (at, other) = (random.below(bytes.len()), random.below(bytes.len()));
            match random.below(4) {
                0 if bytes.len() > 1 => { bytes.remove(at); }
                1 => bytes.swap(at, other),
                2 => bytes.insert(at, b"(){}=,.;:%^*/-+0 5k\n"[random.below(20)]),
                _ => bytes.truncate(at.max(1)),
            }
        }
        survive(&bytes, &model.settings);
    }
}

proptest! {
    #![proptest_config(cases(800))]

    /// Each phase sees what those before it have done; what stands outside sees the row.
    #[test]
    fn each_phase_sees_its_moment(seed in any::<u64>()) {
        let model = model(seed, Kind { phases: Some((seed % 4) as usize), ..ANY });
        let settings = Settings { substeps: true, ..model.settings.clone() };
        let results = results(&model.in_full(), &settings);
        prop_assert_eq!(blind(&model, &results), None, "{}\n{:?}", model.in_full(), settings);
    }
}

proptest! {
    #![proptest_config(cases(500))]

    /// The unit in which a token is counted changes no result by more than rounding.
    #[test]
    fn a_units_scale_does_not_matter(seed in any::<u64>()) {
        let model = model(seed, SMOOTH);
        let text = model.text();
        let scaled = text.replacen("unit TKN\n", "unit milli\nunit TKN = 1000 milli\n", 1);
        let (a, b) = (results(&text, &model.settings), results(&scaled, &model.settings));
        prop_assert_eq!(differs(&a, &b, 1e-10 * largest(&a, |_| true)), None, "{}\n{:?}", text, model.settings);
    }
}

proptest! {
    #![proptest_config(cases(400))]

    /// A phase in which nothing happens changes nothing.
    #[test]
    fn an_idle_phase_changes_nothing(seed in any::<u64>()) {
        let model = model(seed, Kind { phases: Some(1 + (seed % 3) as usize), ..ANY });
        let of = |substeps: bool| Settings { substeps, ..model.settings.clone() };
        let (text, idle) = (model.text(), model.with_an_idle_phase((seed / 3 % 4) as usize));
        let (mut a, b) = (results(&text, &of(true)), results(&idle, &of(false)));
        // Nor do the rows that are kept between two.
        let whole: Vec<bool> =
            a.steps.iter().zip(&a.substeps).map(|(k, s)| *k == 0 || *s == model.phases()).collect();
        fn keep<T: Copy>(of: &mut Vec<T>, whole: &[bool]) {
            *of = of.iter().zip(whole).filter(|(_, w)| **w).map(|(v, _)| *v).collect();
        }
        keep(&mut a.steps, &whole);
        a.columns.iter_mut().for_each(|c| keep(&mut c.values, &whole));
        // They are numbered otherwise.
        a.substeps.clone_from(&b.substeps);
        prop_assert_eq!(differs(&a, &b, 0.0), None, "{}\n---\n{}\n{:?}", text, idle, model.settings);
    }

    /// A policy is the formula of its option in force, and a scenario sets what `--set` would.
    #[test]
    fn choices_are_formulas(seed in any::<u64>()) {
        let mut model = model(seed, SMOOTH);
        // What other options read is known later.
        model.settings.substeps = false;
        let (text, (decided, settings)) = (model.text(), model.decided());
        let (a, b) = (results(&text, &model.settings), results(&decided, &settings));
        // A `let` that is constant is worked out exactly.
        let found = differs(&a, &b, 1e-10 * largest(&a, |_| true));
        prop_assert_eq!(found, None, "{}\n{:?}\n---\n{}\n{:?}", text, model.settings, decided, settings);
    }

    /// The formatter changes nothing that a run could see.
    #[test]
    fn formatting_changes_no_result(seed in any::<u64>()) {
        let model = model(seed, ANY);
        let text = model.text();
        let formatted = flowc::syntax::fmt::format(&text);
        let run = |text: &str| bits(&Program::new(&lowered(text, &model.settings)).run(&Case::default()));
        prop_assert_eq!(run(&text), run(&formatted));
    }
}

proptest! {
    #![proptest_config(cases(300))]

    /// In which order a model is written changes nothing but who is served first.
    #[test]
    fn order_does_not_matter(seed in any::<u64>()) {
        for (kind, slack) in [(LOOSE, 1e-9), (EXACT, 0.0)] {
            let model = model(seed, kind);
            let (text, other) = (model.text(), model.shuffled(seed));
            let (a, b) = (results(&text, &model.settings), results(&other, &model.settings));
            let found = differs(&a, &b, slack * largest(&a, |_| true));
            prop_assert_eq!(found, None, "{}\n---\n{}\n{:?}", text, other, model.settings);
            // How far a step came before it failed hangs on the order.
            if kind.exact && a.failure.is_none() {
                let all = |r: &Results| -> BTreeMap<String, String> {
                    let metrics = r.metrics.iter().map(|m| (m.name.clone(), format!("{:016x}", m.value.to_bits())));
                    let short = r.short.iter().map(|s| (s.name.clone() + " short", format!("{} {:?}", s.steps, s.missed)));
                    let goals = r.goals.iter().map(|g| (g.text.clone(), format!("{:?}", g.verdict)));
                    metrics.chain(short).chain(goals).collect()
                };
                prop_assert_eq!(all(&a), all(&b), "{}\n---\n{}\n{:?}", text, other, model.settings);
            }
        }
    }

    /// A model of one phase is one without phases.
    #[test]
    fn one_phase_is_none(seed in any::<u64>()) {
        for (kind, slack) in [(SMOOTH, 1e-12), (EXACT, 0.0)] {
            let model = model(seed, Kind { phases: Some(1), ..kind });
            let (text, flat) = (model.text(), model.flat());
            let (a, b) = (results(&text, &model.settings), results(&flat, &model.settings));
            // A `let` of a phase may have read what was trimmed since.
            let found = differs(&a, &b, slack * largest(&a, |_| true));
            prop_assert_eq!(found, None, "{}\n---\n{}\n{:?}", text, flat, model.settings);
        }
    }
}

fn survive(bytes: &[u8], settings: &Settings) {
    let checked = flowc::check("model.flow", bytes, &loader(), settings);
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

/// What generated models have or do, each often.
const TAGS: &[&str] = &[
    "--scenario",
    "--set of a policy",
    "--substeps",
    "<->",
    "<-> capped",
    "<-> or skip",
    "<-> ran both ways",
    "<-> was limited",
    "<-> with a cloud",
    "a moment is seen",
    "a move reads another of its phase",
    "a phase sees what came before",
    "a trade went through in part",
    "an update sees what came before",
    "array of splits",
    "array of trades",
    "date beside phases",
    "goal",
    "legs of one source",
    "let of a phase",
    "limits of a stock in several phases",
    "next beside phases",
    "policy",
    "rows between two rows",
    "scenario",
    "split by amounts",
    "split by computed shares",
    "split by constant shares",
    "split of a leg",
    "split to members",
    "split with a part for the cloud",
    "split with a rest",
    "split without a rest",
    "trade capped",
    "trade capped first",
    "trade each step",
    "trade of three legs",
    "trade of two legs",
    "trade on a date",
    "trade once when",
    "trade or skip",
    "trade when",
    "trade without a limit",
    "transfer of a phase",
    "transfer of a phase with `when`",
    "two phases",
    "three phases",
    "update",
    "draw",
    "draw of a phase",
    "held draw",
    "multinomial",
    "uncertain param",
    "using rk2",
    "using rk4",
];

/// How runs of them fail.
const FAULTS: &[&str] = &["Overdraw", "Backward", "Part", "Parts", "NotFinite", "Bound", "Assert", "Draw"];

#[test]
fn enough_generated_models_run_to_their_end() {
    let mut counts: BTreeMap<&str, usize> = TAGS.iter().map(|t| (*t, 0)).collect();
    let (mut done, mut faults) = (0, BTreeSet::new());
    for seed in 0..300 {
        let model = model(seed, ANY);
        let checked = sound(&model.text(), &model.settings);
        let ir = checked.lower().expect("a sound model is lowered");
        let outcome = Program::new(&ir).run(&Case::default());
        if let Some(fault) = &outcome.fault {
            let text = format!("{:?}", fault.kind);
            faults.insert(text.split(' ').next().unwrap_or_default().to_string());
            continue;
        }
        done += 1;
        let mut seen: BTreeSet<&str> = model.tags.iter().copied().collect();
        seen.extend(happened(&model, &checked.results(&ir, &outcome)));
        seen.into_iter().for_each(|tag| *counts.entry(tag).or_default() += 1);
    }
    assert!((100..295).contains(&done), "{done} of 300 models ran to their end: the laws would test too little");
    let rare: Vec<_> = counts.iter().filter(|(_, n)| **n < 15).collect();
    assert!(rare.is_empty(), "seldom in models that run: {rare:?}");
    let known: BTreeSet<String> = FAULTS.iter().map(|f| f.to_string()).collect();
    assert_eq!(faults, known);
}

/// What came of a run.
fn happened(model: &Model, results: &Results) -> Vec<&'static str> {
    let columns = columns(results);
    let mut seen = Vec::new();
    let trades: BTreeSet<&String> = model.edges.iter().filter_map(|e| e.factor.as_ref()).collect();
    if trades.iter().any(|t| columns[t.as_str()].iter().any(|f| 0.0 < *f && *f < 1.0)) {
        seen.push("a trade went through in part");
    }
    let both = |e: &&Edge| {
        e.two_way && {
            let moved = columns[e.column.as_str()];
            moved.iter().any(|v| *v > 0.0) && moved.iter().any(|v| *v < 0.0)
        }
    };
    if model.edges.iter().any(|e| both(&e)) {
        seen.push("<-> ran both ways");
    }
    if results.short.iter().any(|s| s.name.starts_with('w')) {
        seen.push("<-> was limited");
    }
    let phases = model.phases();
    seen.extend(match phases {
        2 => Some("two phases"),
        3 => Some("three phases"),
        _ => None,
    });
    if results.substeps.iter().zip(&results.steps).any(|(s, k)| *k > 0 && *s < phases) {
        seen.push("rows between two rows");
    }
    seen
}
