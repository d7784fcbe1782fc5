//! What flowc costs: starting, checking, running. Runs stand beside the same arithmetic in plain Rust, so that ratios of
//! one table mean something on any machine. `cargo bench`

use std::fmt::Write;
use std::process::Command;

use divan::{Bencher, black_box};
use flowc::exec::{Program, oracle};
use flowc::{Checked, MemLoader, Settings};

fn main() {
    divan::main();
}

fn check(text: &str) -> Checked {
    let checked = flowc::check("bench.flow", text.as_bytes(), &MemLoader::default(), &Settings::default());
    assert!(checked.is_sound(), "{:?}", checked.diagnostics);
    checked
}

/// A model of `n` declarations of the kinds that models have: a third stocks and flows, the rest lets and params.
fn generated(n: usize) -> String {
    let mut out = String::from("time month from 0 to 60\nunit TKN\nstock s0: TKN = 1M\n");
    for i in 1..n / 4 {
        let _ = writeln!(out, "param p{i} = {}% in 0% .. 100%", i % 90);
        let _ = writeln!(out, "stock s{i}: TKN = {i}k");
        let _ = writeln!(
            out,
            "let share{i} = p{i} * s{i} / (s{} + s{i} + 1 TKN) + (if time > 12 month then 1% else 2%)",
            i - 1
        );
        let _ = writeln!(out, "flow f{i}: s{} -> s{i} = share{i} * s{} / (3 year) capped", i - 1, i - 1);
    }
    out
}

#[divan::bench(sample_count = 30)]
fn start_up(bencher: Bencher) {
    bencher.bench(|| Command::new(env!("CARGO_BIN_EXE_flowc")).arg("--version").output());
}

#[divan::bench(args = [100, 1_000, 4_000])]
fn check_declarations(bencher: Bencher, n: usize) {
    let text = generated(n);
    bencher.bench(|| check(black_box(&text)));
}

/// Susceptible, infected, recovered, over 10,000 steps: what a run of many steps is made of.
const SIR: &str = "time day from 0 to 100 step 0.01
unit person
record every 100 day
param contacts = 0.3/day
param duration = 10 day
stock s: person = 9_990
stock i: person = 10
stock r: person = 0
flow infection: s -> i = contacts * i * s / (s + i + r)
flow recovery: i -> r = i / duration
";

#[divan::bench_group]
mod ten_thousand_steps {
    use super::*;

    #[divan::bench]
    fn evaluator(bencher: Bencher) {
        let model = check(SIR).lower().expect("sound");
        let program = Program::new(&model);
        bencher.bench(|| program.run());
    }

    #[divan::bench]
    fn oracle_for_comparison(bencher: Bencher) {
        let model = check(SIR).lower().expect("sound");
        bencher.bench(|| oracle::run(&model));
    }

    /// The same arithmetic, with the checks that no run goes without: amounts not negative, stocks neither below zero nor
    /// infinite.
    #[divan::bench]
    fn plain_rust_with_checks(bencher: Bencher) {
        bencher.bench(|| sir(black_box(0.3), black_box(10.0), true));
    }

    #[divan::bench]
    fn plain_rust(bencher: Bencher) {
        bencher.bench(|| sir(black_box(0.3), black_box(10.0), false));
    }

    fn sir(contacts: f64, duration: f64, checks: bool) -> Option<[f64; 3]> {
        let (mut s, mut i, mut r) = (9_990.0f64, 10.0f64, 0.0f64);
        for _ in 0..10_000 {
            let infection = contacts * i * s / (s + i + r) * 0.01;
            let recovery = i / duration * 0.01;
            if checks && !(infection >= 0.0 && recovery >= 0.0 && infection.is_finite() && recovery.is_finite()) {
                return None;
            }
            s -= infection;
            i = i + infection - recovery;
            r += recovery;
            if checks && !(s >= 0.0 && i >= 0.0 && r >= 0.0 && s.is_finite() && i.is_finite() && r.is_finite()) {
                return None;
            }
        }
        Some([s, i, r])
    }
}
