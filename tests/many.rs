//! Many runs: lanes side by side against runs alone, bit for bit; threads, blocks and instruction sets.

#![allow(clippy::disallowed_methods)] // Tests read the examples.

#[allow(dead_code)]
#[path = "support/examples.rs"]
mod examples;

use std::path::Path;

use flowc::exec::lanes::Set;
use flowc::exec::many::{Batch, Layout, Point, case, run_many};
use flowc::exec::{Program, lanes};
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

#[test]
fn blocks_threads_and_instruction_sets_change_no_bit() {
    let model = model(
        "unit T\ntime month from 0 to 30\nstock a: T = 100\nstock b: T = 0\nstate p = 1 next p * 1.01\n\
         flow f: a -> b = 7% * a * p / month capped\nflow g: b -> cloud = 1 T/month * ln(1 + time / (1 month)) capped first\n\
         metric end = final(b)\nmetric most = max_over(b)\nmetric spread = sd_over(a)\nmetric when = first_time(b > 30 T)",
    );
    let points = vec![Vec::new(); 3];
    let reference =
        bits(&run_many(&Batch { layout: Layout { lanes: 0, set: None }, ..batch(&model, &points, 77) }, &|_| true));
    println!("instruction sets: {:?}", Set::all());
    assert!(cfg!(not(target_arch = "x86_64")) || Set::all().len() >= 2, "only {:?} can be compared", Set::all());
    for set in Set::all() {
        for lanes in [16, 64, 128, 256] {
            for threads in [1, 2, 3] {
                let wanted = Batch { threads, layout: Layout { lanes, set: Some(set) }, ..batch(&model, &points, 77) };
                assert!(bits(&run_many(&wanted, &|_| true)) == reference, "{set:?}, {lanes} lanes, {threads} threads");
            }
        }
    }
}
