//! `rk2` and `rk4`: their order, against solutions that are known and against plain loops, and what holds within a step.

#![allow(clippy::disallowed_methods)] // Tests compare with the platform's mathematics.

use flowc::exec::many::{Batch, Layout, run_many};
use flowc::exec::{Case, Program, oracle};
use flowc::{MemLoader, Results, Settings};

const DATA: &str = "month,load,level\n0,1,2\n2,5,7\n3,4,1\n8,6,3\n";

fn run_at(text: &str, step: Option<f64>) -> Results {
    let loader = MemLoader::default().with("load.csv", DATA);
    let settings = Settings { step: step.map(|s| s.to_string()), ..Settings::default() };
    let checked = flowc::check("model.flow", text.as_bytes(), &loader, &settings);
    let said: Vec<String> = checked.diagnostics.iter().map(|d| flowc::cli::plain(d, &checked.sources)).collect();
    assert!(checked.is_sound(), "{}\n{text}", said.join("\n"));
    let results = checked.run().expect("a sound model runs");
    assert!(results.failure.is_none(), "{:?}\n{text}", results.failure);
    let ir = checked.lower().expect("a sound model is lowered");
    let (a, b) = (Program::new(&ir).run(&Case::default()), oracle::run(&ir, &Case::default()));
    assert_eq!(format!("{a:?}"), format!("{b:?}"), "{text}");
    results
}

fn run(text: &str) -> Results {
    run_at(text, None)
}

#[track_caller]
fn column<'r>(results: &'r Results, name: &str) -> &'r [f64] {
    &results.columns.iter().find(|c| c.name == name).unwrap_or_else(|| panic!("no column {name}")).values
}

#[track_caller]
fn last(results: &Results, name: &str) -> f64 {
    *column(results, name).last().expect("a run has rows")
}

/// Asserts that an error falls with the power of the step that the method promises.
#[track_caller]
fn converges(model: &str, column: &str, exact: f64, steps: [f64; 2]) {
    for (method, order) in [("euler", 1), ("rk2", 2), ("rk4", 4)] {
        let text = model.replace("using ?", &format!("using {method}"));
        let [coarse, fine] = steps.map(|step| (last(&run_at(&text, Some(step)), column) - exact).abs());
        let power = (coarse / fine).log2();
        assert!((power - f64::from(order)).abs() < 0.25, "{method}: {coarse} and {fine}, so of order {power}\n{text}");
    }
}

#[test]
fn decay_converges() {
    let text = "unit TKN\ntime month from 0 to 8 using ?
        stock fund: TKN = 100
        stock spent: TKN = 0
        flow spend: fund -> spent = fund / (6 month)";
    converges(text, "fund", 100.0 * (-8.0f64 / 6.0).exp(), [0.5, 0.25]);
}

#[test]
fn growth_with_a_limit_converges() {
    let text = "unit fish\ntime year from 0 to 10 using ?
        param most = 1000 fish
        stock fish_here: fish = 10
        flow growth: cloud -> fish_here = 80%/year * fish_here * (1 - fish_here / most)";
    converges(text, "fish_here", 1000.0 / (1.0 + 99.0 * (-8.0f64).exp()), [0.25, 0.125]);
}

#[test]
fn an_oscillator_converges() {
    let states = "time second from 0 to 6 using ?
        state x = 1 rate v / (1 second)
        state v = 0 rate -x / (1 second)";
    converges(states, "x", 6.0f64.cos(), [0.05, 0.025]);
    // The same as stocks, between which it swings.
    let stocks = "unit J\ntime second from 0 to 6 using ?
        stock x: J = 1 signed
        stock v: J = 0 signed
        flow in_x: cloud <-> x = v / (1 second)
        flow in_v: cloud <-> v = -x / (1 second)";
    converges(stocks, "v", -(6.0f64.sin()), [0.05, 0.025]);
}

#[test]
fn what_hangs_on_time_converges() {
    // y' = cos t - y: (sin t + cos t - exp(-t)) / 2.
    let text = "unit TKN\ntime month from 0 to 4 using ?
        stock y: TKN = 0 signed
        flow drift: cloud <-> y = cos(time / (1 month)) * 1 TKN/month - y / (1 month)";
    let exact = (4.0f64.sin() + 4.0f64.cos() - (-4.0f64).exp()) / 2.0;
    converges(text, "y", exact, [0.2, 0.1]);
}

#[test]
fn split_shares_that_move_converge() {
    // y' = -y, of which (t / 8) · y comes into a: 0.25 · (1 - 3 · exp(-2)) · ½ of what y opened with.
    let text = "unit TKN\ntime month from 0 to 2 using ?
        stock y: TKN = 100
        stock a: TKN = 0
        stock b: TKN = 0
        flow out: y -> { a: time / (8 month); b: rest } = y / (1 month)";
    let exact = 100.0 / 8.0 * (1.0 - 3.0 * (-2.0f64).exp());
    converges(text, "a", exact, [0.125, 0.0625]);
    let amounts = text.replace("a: time / (8 month)", "a: time / (8 month) * y / (1 month)");
    converges(&amounts, "a", exact, [0.125, 0.0625]);
    converges(&text.replace("b: rest", "b: 1 - time / (8 month)"), "a", exact, [0.125, 0.0625]);
}

/// Solves y' = f(t, y) to the last digits, by none of the methods that are tested: the modified midpoint rule with many small
/// steps, extrapolated to a step of nothing (Gragg 1965; Bulirsch and Stoer 1966).
fn solve<const N: usize>(f: impl Fn(f64, [f64; N]) -> [f64; N], from: [f64; N], end: f64, parts: usize) -> [f64; N] {
    let big = end / parts as f64;
    let midpoint = |t0: f64, y0: [f64; N], n: usize| {
        let h = big / n as f64;
        let add = |y: [f64; N], h: f64, d: [f64; N]| std::array::from_fn(|i| y[i] + h * d[i]);
        let (mut a, mut b): ([f64; N], [f64; N]) = (y0, add(y0, h, f(t0, y0)));
        for k in 1..n {
            let next = add(a, 2.0 * h, f(t0 + k as f64 * h, b));
            (a, b) = (b, next);
        }
        let end = f(t0 + big, b);
        std::array::from_fn(|i| 0.5 * (a[i] + b[i] + h * end[i]))
    };
    let counts = [2usize, 4, 6, 8, 10, 12];
    let mut y = from;
    for part in 0..parts {
        let mut before: Vec<[f64; N]> = Vec::new();
        for (j, n) in counts.into_iter().enumerate() {
            let mut row = vec![midpoint(part as f64 * big, y, n)];
            for k in 1..=j {
                let ratio = (n as f64 / counts[j - k] as f64).powi(2) - 1.0;
                let (fine, coarse) = (row[k - 1], before[k - 1]);
                row.push(std::array::from_fn(|i| fine[i] + (fine[i] - coarse[i]) / ratio));
            }
            before = row;
        }
        y = before[counts.len() - 1];
    }
    y
}

#[track_caller]
fn near(found: f64, expected: f64, by: f64) {
    assert!((found - expected).abs() <= by * expected.abs(), "{found}, not {expected}");
}

#[test]
fn hares_and_lynxes_follow_their_orbit() {
    let text = "unit hare, lynx
time year from 0 to 20 step 0.01 using rk4
        stock hares: hare = 40
        stock lynxes: lynx = 30
        flow hare_births: cloud -> hares = 0.8/year * hares
        flow hares_caught: hares -> cloud = 0.02/lynx/year * lynxes * hares
        flow lynx_births: cloud -> lynxes = 0.01/hare/year * hares * lynxes
        flow lynx_deaths: lynxes -> cloud = 0.6/year * lynxes";
    let f = |_: f64, [h, l]: [f64; 2]| [0.8 * h - 0.02 * l * h, 0.01 * h * l - 0.6 * l];
    let exact = solve(f, [40.0, 30.0], 20.0, 400);
    // The solver itself: with half as many parts it finds the same.
    near(solve(f, [40.0, 30.0], 20.0, 200)[0], exact[0], 1e-12);
    let results = run(text);
    near(last(&results, "hares"), exact[0], 1e-7);
    near(last(&results, "lynxes"), exact[1], 1e-7);
    converges(
        &text.replace("rk4", "?").replace(" to 20 step 0.01", " to 4"),
        "hares",
        solve(f, [40.0, 30.0], 4.0, 100)[0],
        [0.05, 0.025],
    );
}

const SIR: &str = "unit person
time day from 0 to 40 using ?
    stock s: person = 9_990
    stock i: person = 10
    stock r: person = 0
    let town = s + i + r
    flow infection: s -> i = 0.3/day * i * s / town
    flow recovery: i -> r = i / (10 day)
    conserve person = 10k";

#[test]
fn an_epidemic_takes_its_course() {
    let f = |_: f64, [s, i, _]: [f64; 3]| {
        let (infection, recovery) = (0.3 * i * s / 10_000.0, i / 10.0);
        [-infection, infection - recovery, recovery]
    };
    let exact = solve(f, [9_990.0, 10.0, 0.0], 40.0, 200);
    converges(SIR, "i", exact[1], [0.5, 0.25]);
    let results = run_at(&SIR.replace('?', "rk4"), Some(0.05));
    for (name, value) in ["s", "i", "r"].into_iter().zip(exact) {
        near(last(&results, name), value, 1e-8);
    }
}

#[test]
fn five_stocks_are_a_plain_loop() {
    let text = "unit person, prey, hunter
time day from 0 to 20 step 0.01 using rk4
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
        flow die: z -> cloud = 0.4/day * z";
    let slopes = |[s, i, _, x, z]: [f64; 5]| {
        let (infection, recovery) = (s * i / 1000.0 * 0.3, i / 5.0);
        let hunted = 0.05 * x * z / (1.0 + 0.01 * x);
        [-infection, infection - recovery, recovery, 0.5 * x * (1.0 - x / 200.0) - hunted, 0.3 * hunted - 0.4 * z]
    };
    let h = 0.01;
    let ahead = |y: [f64; 5], h: f64, k: [f64; 5]| -> [f64; 5] { std::array::from_fn(|j| y[j] + h * k[j]) };
    let mut y = [1000.0, 5.0, 0.0, 50.0, 10.0];
    for _ in 0..2000 {
        let k1 = slopes(y);
        let k2 = slopes(ahead(y, 0.5 * h, k1));
        let k3 = slopes(ahead(y, 0.5 * h, k2));
        let k4 = slopes(ahead(y, h, k3));
        y = std::array::from_fn(|j| y[j] + h / 6.0 * (k1[j] + 2.0 * k2[j] + 2.0 * k3[j] + k4[j]));
    }
    let results = run(text);
    for (name, value) in ["s", "i", "r", "x", "z"].into_iter().zip(y) {
        near(last(&results, name), value, 1e-9);
    }
}

#[test]
fn a_step_is_its_stages() {
    // One step of each method by hand: shared ends, what moves either way, a rate that reads a flow, names of flows.
    for method in ["rk2", "rk4"] {
        let results = run(&format!(
            "unit TKN
time month from 2 to 4 step 2 using {method}
            stock a: TKN = 50
            stock b: TKN = 20
            state heat = 3 rate f / (10 TKN) - heat / (4 month)
            flow f: a -> b = a / (5 month) * heat
            flow g: b <-> a = f / 4 - b / (8 month) + time * 1 TKN/month^2"
        ));
        let slopes = |t: f64, [a, b, heat]: [f64; 3]| {
            let f = a / 5.0 * heat;
            [f, f / 4.0 - b / 8.0 + t, f / 10.0 - heat / 4.0]
        };
        let (row, h) = ([50.0, 20.0, 3.0], 2.0);
        let ahead =
            |h: f64, [f, g, heat]: [f64; 3]| [(row[0] + h * g) - h * f, (row[1] + h * f) - h * g, row[2] + h * heat];
        let k1 = slopes(2.0, row);
        let mean: [f64; 3] = if method == "rk2" {
            let k2 = slopes(4.0, ahead(h, k1));
            std::array::from_fn(|i| (k1[i] + k2[i]) / 2.0)
        } else {
            let k2 = slopes(3.0, ahead(h / 2.0, k1));
            let k3 = slopes(3.0, ahead(h / 2.0, k2));
            let k4 = slopes(4.0, ahead(h, k3));
            std::array::from_fn(|i| (((k1[i] + 2.0 * k2[i]) + 2.0 * k3[i]) + k4[i]) * (1.0 / 6.0))
        };
        let [f, g, heat] = mean;
        assert_eq!(column(&results, "f")[0], f);
        assert_eq!(column(&results, "g")[0], g);
        assert_eq!(column(&results, "heat")[1], 3.0 + 2.0 * heat);
        let (onward, back) = (2.0 * g.max(0.0), 2.0 * (-g).max(0.0));
        assert_eq!(column(&results, "a")[1], ((50.0 + onward) - 2.0 * f) - back);
    }
}

#[test]
fn what_belongs_to_a_step_holds_in_it() {
    for method in ["rk2", "rk4"] {
        let results = run(&format!(
            "unit TKN
time month from 0 to 8 step 0.5 using {method}
            stock pot: TKN = 0
            stock jumps: TKN = 0
            stock lumped: TKN = 0
            stock held: TKN = 0
            stock counted: TKN = 0
            stock slow: TKN = 0
            stock paid: TKN = 0
            series load: TKN from \"load.csv\" column load lumps
            series level: TKN/month from \"load.csv\" column level hold
            state mood = 1 next 1 + mood
            flow step: cloud -> jumps = step_at(4 TKN/month, 3 month)
            flow beat: cloud -> pot = pulse(10 TKN, 1 month, 2 month)
            flow lump: cloud -> lumped = load / dt
            flow hold: cloud -> held = level
            flow count: cloud -> counted = time.step * 1 TKN/month
            flow mooded: cloud -> slow = mood * 1 TKN/month
            transfer pay: jumps -> paid = 10% * jumps each step
            flow echo: cloud -> paid = pay / (1 month)
            flow again: cloud -> paid = previous(step, 0) + total(step) / (100 month)"
        ));
        let steps = 16;
        let (mut jumps, mut paid, mut total, mut previous) = (0.0f64, 0.0f64, 0.0f64, 0.0f64);
        for k in 0..steps {
            let t = 0.5 * k as f64;
            let near = |name: &str, value: f64| {
                let found = column(&results, name)[k];
                assert!(
                    (found - value).abs() <= 1e-12 * value.abs(),
                    "{method}, {name} in row {k}: {found}, not {value}"
                );
            };
            let step = if t >= 3.0 { 4.0 } else { 0.0 };
            near("step", step);
            near("beat", if [1.0, 3.0, 5.0, 7.0].contains(&t) { 20.0 } else { 0.0 });
            near(
                "lump",
                [(0.0, 2.0), (2.0, 10.0), (3.0, 8.0), (8.0, 12.0)].iter().find(|(at, _)| *at == t).map_or(0.0, |p| p.1),
            );
            near(
                "hold",
                if t < 2.0 {
                    2.0
                } else if t < 3.0 {
                    7.0
                } else {
                    1.0
                },
            );
            near("count", k as f64);
            near("mooded", 1.0 + k as f64);
            near("jumps", jumps);
            near("paid", paid);
            let pay = 0.1 * jumps;
            near("pay", pay);
            near("echo", pay);
            near("again", previous + total / 100.0);
            paid += pay + 0.5 * (pay + previous + total / 100.0);
            jumps += 0.5 * step - pay;
            total += 0.5 * step;
            previous = step;
        }
    }
}

#[test]
fn what_runs_on_is_seen_at_its_time() {
    // Of a quadratic the third order is nothing: Simpson's rule finds it, and the trapezoidal rule all that is linear.
    let results = run("unit TKN
time month from 1 to 4 using rk4
        stock squared: TKN = 0
        stock sloped: TKN = 0
        flow square: cloud -> squared = time ^ 2 * 1 TKN/month^3
        flow slope: cloud -> sloped = ramp(6 TKN/month^2, 2 month, 3 month)");
    near(last(&results, "squared"), 21.0, 1e-14);
    near(last(&results, "sloped"), 9.0, 1e-14);
    let results = run("unit TKN
time month from 0 to 3 using rk2
        stock loaded: TKN = 0
        stock curved: TKN = 0
        series load: TKN/month from \"load.csv\" column load
        curve shape(t: month) = (0 month, 0), (2 month, 6), (3 month, 0)
        flow in_load: cloud -> loaded = load
        flow in_curve: cloud -> curved = shape(time) * 1 TKN/month");
    near(last(&results, "loaded"), 6.0 + 4.5, 1e-14);
    near(last(&results, "curved"), 6.0 + 3.0, 1e-14);
}

/// Lanes find what a run alone finds.
fn side_by_side(text: &str) {
    let checked = flowc::check("model.flow", text.as_bytes(), &MemLoader::default(), &Settings::default());
    let model = checked.lower().expect("a sound model is lowered");
    let points = [Vec::new()];
    let [lanes, alone] = [Layout::default(), Layout { lanes: 0, set: None }].map(|layout| {
        let (model, points) = (&model, &points[..]);
        let batch = Batch { model, points, seed: 1, runs: 3, repeats: 1, luck: &[], stats: false, threads: 1, layout };
        run_many(&batch, &|_| true).remove(0)
    });
    assert_eq!(lanes.alone, 0, "it falls out of its lanes\n{text}");
    assert_eq!(lanes.metrics, alone.metrics, "{text}");
}

#[test]
fn limits_count_once_and_the_ledger_stays_exact() {
    for short in ["capped", "capped first", "or skip"] {
        let text = format!(
            "unit TKN
time month from 0 to 20 step 0.5 using rk4
            stock fund: TKN = 100
            stock team: TKN = 0
            stock spent: TKN = 0
            flow wages: fund -> {{ team: 70%; spent: rest }} = 7 TKN/month + fund / (9 month) {short}
            flow gifts: fund -> spent = fund / (40 month)
            conserve TKN = 100"
        );
        let results = run(&text);
        side_by_side(&text);
        assert_eq!(results.short.len(), 1, "{short} took hold");
        for row in 0..results.steps.len() {
            let [fund, team, spent] = ["fund", "team", "spent"].map(|name| column(&results, name)[row]);
            assert!(fund >= 0.0, "{short}: {fund}");
            assert!((fund + team + spent - 100.0).abs() < 1e-12, "{short}: {fund} {team} {spent}");
        }
    }
}

#[test]
fn no_step_looks_beyond_the_end() {
    // The data end with the run.
    let results = run("unit TKN
time month from 0 to 8 using rk4
        stock loaded: TKN = 0
        series load: TKN/month from \"load.csv\" column load
        flow in_load: cloud -> loaded = load");
    near(last(&results, "loaded"), 6.0 + 4.5 + 25.0, 1e-14);
    // The last row's own step is never made: there the last value stays.
    assert_eq!(last(&results, "in_load"), 6.0);
}
