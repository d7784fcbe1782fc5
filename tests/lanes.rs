//! Many runs: lanes side by side against runs alone, bit for bit; threads, blocks and instruction sets.

#![allow(clippy::disallowed_methods)] // Tests read the examples.

#[allow(dead_code)]
#[path = "support/examples.rs"]
mod examples;

use std::path::Path;

use flowc::exec::lanes::Set;
use flowc::exec::many::{Batch, Layout, Point, case, run_many};
use flowc::exec::{Program, lanes, oracle};
use flowc::ir::Model;
use flowc::{MemLoader, Settings, check};

fn model(text: &str) -> Model {
    let checked = check("m.flow", text.as_bytes(), &MemLoader::default(), &Settings::default());
    assert!(checked.is_sound(), "{:?}", checked.diagnostics);
    checked.lower().expect("it has a clock")
}

fn batch<'a>(model: &'a Model, points: &'a [Vec<f64>], runs: u32) -> Batch<'a> {
    Batch { model, points, seed: 7, runs, repeats: 1, luck: &[], stats: false, threads: 1, layout: Layout::default() }
}

/// What runs come to, so that two can be compared; what is undefined is equal to itself.
fn bits(points: &[Point]) -> Vec<Vec<u64>> {
    let bits = |v: &f64| if v.is_nan() { 1 } else { v.to_bits() };
    points.iter().map(|p| p.metrics.iter().map(bits).collect()).collect()
}

#[test]
fn every_example_has_the_bits_in_lanes_that_it_has_alone() {
    for name in ["amm", "commons", "countries", "escrow", "phase0", "rounds", "sir", "supply", "treasury", "vault"] {
        let (_, checked) = examples::load(Path::new(&format!("examples/{name}.flow")), &Settings::default());
        let model = checked.lower().expect("sound");
        assert!(lanes::Program::new(&model, true).is_some(), "{name} has what lanes do not do");
        let points = vec![Vec::new()];
        let wanted = Batch { stats: true, ..batch(&model, &points, 3) };
        let point = run_many(&wanted, &|_| true).remove(0);
        assert_eq!(point.alone, 0, "{name} falls out of its lanes");
        let outcome = Program::new(&model).run(&case(&wanted, 0, 1));
        let stats = point.stats.clone().expect("asked for");
        for (c, column) in outcome.columns.iter().enumerate() {
            for (row, k) in stats.steps.iter().enumerate() {
                let spread = stats.cells[c * stats.steps.len() + row];
                let Some(at) = outcome.steps.iter().position(|s| s == k).filter(|_| spread.n > 0) else { continue };
                assert_eq!((spread.min, spread.max), (column[at], column[at]), "{name}, column {c}, row {k}");
            }
        }
        let alone = outcome.metrics.iter().chain(&outcome.goals).chain(&outcome.seen).copied().collect();
        let alone = Point { metrics: alone, ..Point::default() };
        assert_eq!(bits(&[point])[0][..alone.metrics.len()], bits(&[alone])[0], "{name}");
    }
}

/// A market under luck of many kinds, with limits, a share that moves, data and memory.
const LUCK: &str = "unit T
time month from 0 to 30
param taste = 1 ~ lognormal(median: 1, sigma: 0.3)
stock pool: T = 100
stock held: T = 5
stock spent: T = 0
draw news ~ normal(0, 5%) each step
draw mood ~ uniform(-1, 1) every 3 month
draw wait: month ~ exponential(2 month) each step
draw orders: T ~ poisson(12 T) each step
draw taken: T ~ binomial(orders, clamp(price / 3, 0, 1)) each step
draw shock ~ bernoulli(5%) each step
state price = 1 next price * exp(news + 1% * mood)
flow buy: pool -> held = taken / (1 month) * taste capped
flow spend: held -> { spent: 30% + 20% * mood; pool: rest } = 10% * held / month * (1 + ln(1 + wait / (1 month)))
flow burn: pool -> cloud = (if shock then 5 T/month else 1 T/month) capped first
metric end = final(held)
metric most = max_over(pool)
metric spread = sd_over(price)
metric when = first_time(held > 30 T)
metric fall = drawdown(price)
metric left = final(pool)
metric gone = final(spent)
goal end >= 10 T
";

#[test]
fn blocks_threads_instruction_sets_and_evaluators_change_no_bit() {
    let model = model(LUCK);
    let points = vec![Vec::new(); 3];
    let luck: Vec<Vec<f64>> = (0..77).map(|i| vec![(f64::from(i) + 0.5) / 77.0]).collect();
    let wanted = Batch { luck: &luck, ..batch(&model, &points, 77) };
    let oracle: Vec<f64> = (1..=77)
        .flat_map(|run| {
            let outcome = oracle::run(&model, &case(&wanted, 0, run));
            outcome.metrics.into_iter().chain(outcome.goals).chain(outcome.seen).collect::<Vec<_>>()
        })
        .collect();
    let oracle = bits(&[Point { metrics: oracle, ..Point::default() }]).remove(0);
    let reference = vec![oracle; 3];
    println!("instruction sets: {:?}", Set::all());
    assert!(cfg!(not(target_arch = "x86_64")) || Set::all().len() >= 2, "only {:?} can be compared", Set::all());
    let alone = run_many(&Batch { layout: Layout { lanes: 0, set: None }, ..wanted.clone() }, &|_| true);
    assert!(bits(&alone) == reference, "runs alone are not those of the oracle");
    for set in Set::all() {
        for lanes in [16, 64, 128, 256, Layout::FIT] {
            for threads in [1, 2, 3] {
                let many =
                    run_many(&Batch { threads, layout: Layout { lanes, set: Some(set) }, ..wanted.clone() }, &|_| true);
                assert!(bits(&many) == reference, "{set:?}, {lanes} lanes, {threads} threads");
                assert!(many.iter().all(|p| p.alone == 0), "{set:?}: runs fall out of their lanes");
            }
        }
    }
}

#[test]
fn few_runs_of_many_points_have_the_same_bits() {
    let model = model(LUCK);
    let points = vec![Vec::new(); 50];
    let wanted = batch(&model, &points, 3);
    let alone = run_many(&Batch { layout: Layout { lanes: 0, set: None }, ..wanted.clone() }, &|_| true);
    for threads in [1, 2] {
        let many = run_many(&Batch { threads, ..wanted.clone() }, &|_| true);
        assert!(bits(&many) == bits(&alone), "{threads} threads");
    }
}

#[test]
fn statistics_are_those_of_the_runs_and_hang_on_no_block() {
    let model = model(LUCK);
    let points = vec![Vec::new()];
    let wanted = Batch { stats: true, ..batch(&model, &points, 2500) };
    let first = run_many(&Batch { layout: Layout { lanes: 64, set: None }, ..wanted.clone() }, &|_| true).remove(0);
    let stats = first.stats.expect("asked for");
    for (lanes, threads) in [(16, 1), (256, 2), (Layout::FIT, 3)] {
        let layout = Layout { lanes, set: None };
        let other =
            run_many(&Batch { threads, layout, ..wanted.clone() }, &|_| true).remove(0).stats.expect("asked for");
        assert!(format!("{:?}", other.cells) == format!("{:?}", stats.cells), "{lanes} lanes, {threads} threads");
    }
    let rows: Vec<Vec<Vec<f64>>> =
        (1..=2500).map(|run| Program::new(&model).run(&case(&wanted, 0, run)).columns).collect();
    for (c, _) in model.columns.iter().enumerate() {
        for (row, k) in stats.steps.iter().enumerate() {
            let all: Vec<f64> = rows.iter().map(|columns| columns[c][row]).filter(|v| v.is_finite()).collect();
            let cell = stats.cells[c * stats.steps.len() + row];
            let mean = all.iter().sum::<f64>() / all.len() as f64;
            let sd = (all.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (all.len() as f64 - 1.0)).sqrt();
            let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * (1.0 + a.abs().max(b.abs()));
            assert_eq!(cell.n, all.len() as u64);
            assert!(near(cell.mean, mean) && near(cell.sd, sd), "column {c}, row {k}: {cell:?}, not {mean} and {sd}");
            assert_eq!(cell.min, all.iter().copied().fold(f64::INFINITY, f64::min));
            assert_eq!(cell.max, all.iter().copied().fold(f64::NEG_INFINITY, f64::max));
            let mut first: Vec<f64> = all[..1024].to_vec();
            first.sort_by(f64::total_cmp);
            assert!(near(cell.quantiles[1], (first[511] + first[512]) / 2.0), "the median of column {c}, row {k}");
        }
    }
}

#[test]
fn a_failed_run_takes_no_other_along() {
    let model = model(
        "unit T\ntime month from 0 to 12\nstock a: T = 20\nstock b: T = 0\ndraw d: T ~ poisson(2 T) each step\n\
         flow f: a -> b = d / (1 month)\nmetric end = final(a)",
    );
    let points = vec![Vec::new()];
    let wanted = batch(&model, &points, 500);
    let many = run_many(&wanted, &|_| true).remove(0);
    let alone = run_many(&Batch { layout: Layout { lanes: 0, set: None }, ..wanted.clone() }, &|_| true).remove(0);
    assert!(bits(std::slice::from_ref(&many)) == bits(std::slice::from_ref(&alone)));
    assert_eq!(many.failed, alone.failed);
    assert!((50..450).contains(&many.failed.len()), "{} of 500 fail", many.failed.len());
    assert_eq!(many.alone as usize, many.failed.len(), "only those that fail are run alone");
}
