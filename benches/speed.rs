//! What flowc costs: starting, checking, running. Runs stand beside the same arithmetic in plain Rust, so that ratios of
//! one table mean something on any machine. `cargo bench`

use std::fmt::Write;
use std::process::Command;

use divan::{Bencher, black_box};
use flowc::exec::{Case, Program, oracle};
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

/// Two models at once, by four stages a step.
const STAGES: &str = "time day from 0 to 100 step 0.01 using rk4
unit person, prey, hunter
record every 100 day
param beta = 0.3/day
param growth = 0.5/day
stock s: person = 1000
stock i: person = 5
stock r: person = 0
stock x: prey = 50
stock z: hunter = 10
flow infection: s -> i = s * i / (1000 person) * beta
flow recovery: i -> r = i / (5 day)
let hunted = 0.05/hunter/day * x * z / (1 + 0.01/prey * x)
flow grow: cloud -> x = growth * x * (1 - x / (200 prey))
flow eaten: x -> cloud = hunted
flow born: cloud -> z = 0.3 hunter/prey * hunted
flow die: z -> cloud = 0.4/day * z
";

#[divan::bench]
fn ten_thousand_steps_of_four_stages(bencher: Bencher) {
    let model = check(STAGES).lower().expect("sound");
    let program = Program::new(&model);
    bencher.bench(|| program.run(&Case::default()));
}

#[divan::bench_group]
mod ten_thousand_steps {
    use super::*;

    #[divan::bench]
    fn evaluator(bencher: Bencher) {
        let model = check(SIR).lower().expect("sound");
        let program = Program::new(&model);
        bencher.bench(|| program.run(&Case::default()));
    }

    #[divan::bench]
    fn oracle_for_comparison(bencher: Bencher) {
        let model = check(SIR).lower().expect("sound");
        bencher.bench(|| oracle::run(&model, &Case::default()));
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

/// Eight allocations, vested by a table: arrays over 60 steps of a month, and over 10,000 of a few hours.
#[divan::bench_group]
mod supply {
    use super::*;

    const STEPS: [u32; 2] = [60, 10_000];

    fn model(steps: u32) -> flowc::ir::Model {
        let table = include_str!("../examples/data/allocation.csv");
        let loader = MemLoader::default().with("data/allocation.csv", table);
        let settings = Settings { step: Some(format!("{} month", 60.0 / f64::from(steps))), ..Settings::default() };
        // Without the assertions, and with as many rows as 60 months have, whatever the step.
        let text = include_str!("../examples/supply.flow");
        let text: String = text.lines().filter(|l| !l.starts_with("assert")).collect::<Vec<_>>().join("\n");
        let text = format!("{text}\nrecord every 1 month\n");
        let checked = flowc::check("supply.flow", text.as_bytes(), &loader, &settings);
        assert!(checked.is_sound(), "{:?}", checked.diagnostics);
        checked.lower().expect("sound")
    }

    #[divan::bench(args = STEPS)]
    fn evaluator(bencher: Bencher, steps: u32) {
        let model = model(steps);
        let program = Program::new(&model);
        bencher.bench(|| program.run(&Case::default()));
    }

    #[divan::bench(args = STEPS)]
    fn oracle_for_comparison(bencher: Bencher, steps: u32) {
        let model = model(steps);
        bencher.bench(|| oracle::run(&model, &Case::default()));
    }

    /// The same stocks, flows, checks and derived values, with the rows that are kept.
    #[divan::bench(args = STEPS)]
    fn plain_rust_with_checks(bencher: Bencher, steps: u32) {
        let rows: Vec<[f64; 4]> = include_str!("../examples/data/allocation.csv")
            .lines()
            .skip(1)
            .map(|line| {
                let cells: Vec<f64> = line.split(',').skip(1).take(4).map(number).collect();
                [cells[0], cells[1], cells[2], cells[3]]
            })
            .collect();
        let category: Vec<usize> = (0..rows.len()).map(|i| i % 4).collect();
        bencher.bench(|| plain(black_box(&rows), &category, steps));
    }

    fn number(cell: &str) -> f64 {
        let share = cell.strip_suffix('%').map(|c| c.parse::<f64>().expect("a number") / 100.0);
        share.unwrap_or_else(|| cell.parse().expect("a number"))
    }

    fn plain(rows: &[[f64; 4]], category: &[usize], steps: u32) -> Option<Vec<f64>> {
        let n = rows.len();
        let dt = 60.0 / f64::from(steps);
        let allocated: Vec<f64> = rows.iter().map(|r| r[0] * 200e6).collect();
        let mut locked: Vec<f64> = rows.iter().zip(&allocated).map(|(r, a)| a - r[1] * a).collect();
        let mut free: Vec<f64> = rows.iter().zip(&allocated).map(|(r, a)| r[1] * a).collect();
        let mut before = vec![0.0; n];
        let mut kept = Vec::new();
        let mut flow = vec![0.0; n];
        for k in 0..=steps {
            let time = f64::from(k) * dt;
            let mut by_category = [0.0; 4];
            let mut all = 0.0;
            for i in 0..n {
                all += free[i];
                by_category[category[i]] += free[i];
            }
            let unlocked: Vec<f64> = (0..n)
                .map(|i| {
                    let [_, tge, cliff, vest] = rows[i];
                    allocated[i] * (tge + (1.0 - tge) * ((time - cliff) / vest).clamp(0.0, 1.0))
                })
                .collect();
            for i in 0..n {
                let [_, tge, cliff, vest] = rows[i];
                let on = cliff <= time && time < cliff + vest;
                flow[i] = if on { (1.0 - tge) * allocated[i] / vest * dt } else { 0.0 };
                if !(flow[i] >= 0.0 && flow[i].is_finite()) {
                    return None;
                }
            }
            if k % (steps / 60) == 0 {
                kept.push(all);
                kept.extend_from_slice(&by_category);
                for values in [&locked, &free, &unlocked, &before, &flow] {
                    kept.extend_from_slice(values);
                }
            }
            if k < steps {
                for i in 0..n {
                    before[i] = free[i];
                    locked[i] -= flow[i];
                    free[i] += flow[i];
                    // The last bit of what has been vested may be one too many.
                    if locked[i] < 0.0 && locked[i] > -1e-3 {
                        locked[i] = 0.0;
                    }
                    if !(locked[i] >= 0.0 && free[i].is_finite()) {
                        return None;
                    }
                }
            }
        }
        Some(kept)
    }
}

/// A million cells of an array over three indexes, in each of twelve steps.
#[divan::bench_group(sample_count = 3)]
mod million_cells {
    use super::*;

    const CUBE: &str = "time month from 0 to 12
record every 12 month
unit TKN
index A = 0 .. 99
index B = 0 .. 99
index C = 0 .. 99
stock pool: TKN = 1M
stock paid: TKN = 0
flow pay: pool -> paid = 1 TKN/month
let cube[a in A, b in B, c in C] = (a + b) * c * time / (1 month) + pool / (1 TKN)
let whole = sum(cube)
metric end = final(whole)
";

    #[divan::bench]
    fn check_and_compile(bencher: Bencher) {
        bencher.bench(|| Program::new(&check(CUBE).lower().expect("sound")).run(&Case::default()).metrics.len());
    }

    #[divan::bench]
    fn evaluator(bencher: Bencher) {
        let model = check(CUBE).lower().expect("sound");
        let program = Program::new(&model);
        bencher.bench(|| program.run(&Case::default()));
    }

    #[divan::bench]
    fn plain_rust(bencher: Bencher) {
        bencher.bench(|| {
            let (mut pool, mut whole) = (black_box(1e6), 0.0);
            let mut cube = vec![0.0; 1_000_000];
            for k in 0..=12 {
                let time = f64::from(k);
                whole = 0.0;
                for a in 0..100 {
                    for b in 0..100 {
                        for c in 0..100 {
                            let value = f64::from(a + b) * f64::from(c) * time + pool;
                            cube[(a * 100 + b) as usize * 100 + c as usize] = value;
                            whole += value;
                        }
                    }
                }
                pool -= 1.0;
            }
            (whole, cube)
        });
    }
}
