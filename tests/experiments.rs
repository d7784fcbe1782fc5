//! Experiments: how their points and runs are numbered, and that each run is what it would be alone, by itself or by a call.

#![allow(clippy::disallowed_methods)] // Tests read files and compare with the platform's mathematics.

use flowc::session::{Chosen, Experiment, How, Source, run_alone, run_plan, swept};
use flowc::study::{Plan, RunSet};
use flowc::{Checked, MemLoader, Settings, check};

const MARKET: &str = "
unit TKN
time month from 0 to 24
index Team = a, b, c
index Kind {
         | weight: 1
  slow   | 0.2
  fast   | 0.8
}
param fee = 0.5% in 0% .. 5%
param churn: 1/month = 3% ~ triangular(1%, 3%, 8%)
param drift = 0%
param share[t in Team] = { a: 50%; b: 30%; c: 20% }
param who: Team = a
param on = true
stock users: TKN = 10M
stock treasury: TKN = 1M
stock paid[t in Team]: TKN = 0
state mood = 1 next mood * (1 + shock)
policy rate { flat = fee; double = 2 * fee }
draw shock ~ normal(drift, 10%) each step
flow fees: users -> treasury = rate * users / (1 month)
flow costs: treasury -> cloud = 40k TKN/month * (1 + shock) capped
flow grants[t in Team]: treasury -> paid[t] = share[t] * weight[fast] * 10k TKN/month capped
flow leave: users -> cloud = churn * users
metric treasury_end = final(treasury)
metric mood_end = final(mood)
metric paid_end = final(paid)
metric chosen = if on then final(paid[who]) else 0 TKN
goal runway: treasury_end >= 800k TKN in 95% of runs
scenario bear { drift = 40%; rate = double }
experiment fees {
  sweep fee in 0% .. 2% by 0.25%
  compare baseline, bear
  runs 20  seed 7
}
experiment unsure { sample 16 by latin_hypercube; runs 3; seed 3 }
";

fn asked(name: &str) -> Experiment {
    Experiment { name: Some(name.into()), ..Experiment::default() }
}

fn settings(experiment: Experiment) -> Settings {
    Settings { experiment: Some(experiment), ..Settings::default() }
}

fn sound(text: &str, settings: &Settings) -> Checked {
    let checked = check("market.flow", text.as_bytes(), &MemLoader::default(), settings);
    let errors: String = checked.diagnostics.iter().map(|d| flowc::cli::plain(d, &checked.sources)).collect();
    assert!(checked.is_sound(), "{errors}");
    checked
}

fn plan(text: &str, experiment: Experiment) -> Plan {
    sound(text, &settings(experiment)).plan().expect("a plan")
}

fn runs(text: &str, settings: &Settings, threads: usize) -> (Plan, RunSet) {
    let plan = sound(text, settings).plan().expect("a plan");
    let source = Source { path: "market.flow", text: text.as_bytes(), loader: &MemLoader::default() };
    let how = How { threads, stats: false };
    let (runs, _) = run_plan(&source, settings, &plan, how, &|_| true)
        .unwrap_or_else(|refused| panic!("{:?}", refused.diagnostics.iter().map(|d| &d.message).collect::<Vec<_>>()));
    (plan, runs)
}

/// The bits of all numbers, by arm and point.
fn bits(runs: &RunSet) -> Vec<Vec<Vec<u64>>> {
    let of = |p: &flowc::exec::many::Point| p.metrics.iter().map(|v| v.to_bits()).collect();
    runs.points.iter().map(|arm| arm.iter().map(of).collect()).collect()
}

/// One swept thing by a call: its values, and the metrics of one run of each.
fn by_call(text: &str, name: &str, values: &str) -> (Plan, Vec<Vec<f64>>) {
    let experiment = Experiment { sweeps: vec![(name.into(), values.into())], ..Experiment::default() };
    let (plan, runs) = runs(text, &settings(experiment), 1);
    let metrics = runs.points[0].iter().map(|p| p.metrics[..6].to_vec()).collect();
    (plan, metrics)
}

/// The metrics of a plain run, in stored units: here those in which they are shown.
fn metrics(text: &str, set: &[(&str, &str)]) -> Vec<f64> {
    let values = set.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
    let checked = sound(text, &Settings { values, ..Settings::default() });
    checked.run().expect("it runs").metrics.iter().map(|m| m.value).collect()
}

#[test]
fn points_are_numbered_in_the_order_of_the_text_the_last_sweep_the_fastest() {
    let experiment = Experiment {
        sweeps: vec![("who".into(), "all".into()), ("fee".into(), "1%, 2%".into())],
        zips: vec![vec![("drift".into(), "0% .. 20% by 10%".into()), ("users".into(), "1M, 2M TKN, 3M".into())]],
        ..Experiment::default()
    };
    let plan = plan(MARKET, experiment);
    assert_eq!(plan.points.len(), 3 * 2 * 3);
    let values: Vec<String> = (0..plan.points.len()).map(|p| plan.values_of(p)).collect();
    assert_eq!(values[0], "who a, fee 1%, drift 0%, users 1M TKN");
    assert_eq!(values[1], "who a, fee 1%, drift 10%, users 2M TKN");
    assert_eq!(values[2], "who a, fee 1%, drift 20%, users 3M TKN");
    assert_eq!(values[3], "who a, fee 2%, drift 0%, users 1M TKN");
    assert_eq!(values[6], "who b, fee 1%, drift 0%, users 1M TKN");
    assert_eq!(values[17], "who c, fee 2%, drift 20%, users 3M TKN");
    assert_eq!(plan.inputs_of(17), [2.0, 0.02, 0.2, 3e6]);
    assert_eq!(plan.variants.len(), 1, "numbers and labels need no model of their own");
    assert_eq!(plan.shape(), "18 points = 18 runs");
}

#[test]
fn the_size_is_said_in_full() {
    assert_eq!(plan(MARKET, asked("fees")).shape(), "9 points × 2 arms × 20 runs = 360 runs");
    assert_eq!(plan(MARKET, asked("unsure")).shape(), "16 samples × 3 runs = 48 runs");
    let plan = plan(MARKET, Experiment { runs: Some("1000".into()), ..Experiment::default() });
    assert_eq!((plan.shape().as_str(), plan.size()), ("1,000 runs", 1000));
}

#[test]
fn a_range_is_exact_and_rounded_once() {
    let of = |values: &str| -> Vec<f64> {
        let (plan, _) = by_call(MARKET, "drift", values);
        (0..plan.points.len()).map(|p| plan.inputs_of(p)[0]).collect()
    };
    let tenths = of("0 .. 1 by 0.1");
    assert_eq!(tenths, (0..=10).map(|i| f64::from(i) / 10.0).collect::<Vec<_>>());
    assert_eq!(of("0 .. 1 by 0.3"), [0.0, 0.3, 0.6, 0.9], "it ends at the last that it meets");
    assert_eq!(of("30% .. 0% by -10%"), [0.3, 0.2, 0.1, 0.0], "it may go down");
    assert_eq!(of("5% .. 5% by 1%"), [0.05]);
    // A third is no double: three of them are still one.
    assert_eq!(of("0 .. 1 by 1/3").len(), 4);
}

#[test]
fn a_run_is_the_same_on_any_number_of_threads_and_alone() {
    for name in ["fees", "unsure"] {
        let settings = settings(asked(name));
        let (plan, one) = runs(MARKET, &settings, 1);
        let (_, three) = runs(MARKET, &settings, 3);
        assert_eq!(bits(&one), bits(&three));
        let source = Source { path: "market.flow", text: MARKET.as_bytes(), loader: &MemLoader::default() };
        for (arm, point, run) in [(0, 0, 1), (plan.arms.len() - 1, plan.points.len() - 1, plan.runs), (0, 0, 5)] {
            let Ok((checked, alone)) = run_alone(&source, &settings, &plan, (arm, point, run)) else {
                panic!("it runs")
            };
            let all = &one.points[arm][point].metrics;
            let width = all.len() / plan.runs as usize;
            let among = &all[(run as usize - 1) * width..][..alone.metrics.len()];
            let alone: Vec<u64> = alone.metrics.iter().map(|m| m.value.to_bits()).collect();
            assert_eq!(alone, among.iter().map(|v| v.to_bits()).collect::<Vec<_>>());
            assert!(checked.is_sound());
        }
    }
}

#[test]
fn a_call_says_what_a_block_says() {
    let block = settings(asked("fees"));
    let call = settings(Experiment {
        sweeps: vec![swept("fee=0%..2% by 0.25%").expect("a sweep")],
        compare: Some("baseline,bear".into()),
        runs: Some("20".into()),
        seed: Some("7".into()),
        ..Experiment::default()
    });
    let ((a, block), (b, call)) = (runs(MARKET, &block, 2), runs(MARKET, &call, 2));
    assert_eq!((a.points, a.arms, a.runs, a.seed), (b.points, b.arms, b.runs, b.seed));
    assert_eq!(bits(&block), bits(&call));
}

#[test]
fn lines_of_the_call_take_the_place_of_lines_of_their_kind() {
    let call = Experiment { runs: Some("3".into()), seed: Some("8".into()), ..asked("fees") };
    let plan = plan(MARKET, call);
    assert_eq!((plan.runs, plan.seed, plan.points.len(), plan.arms.len()), (3, 8, 9, 2));
    let call = Experiment {
        sweeps: vec![("drift".into(), "10%, 20%".into())],
        compare: Some("baseline".into()),
        sample: Some(("5".into(), Some("sobol".into()))),
        measure: Some("mood_end, paid_end".into()),
        ..asked("fees")
    };
    let plan = self::plan(MARKET, call);
    assert_eq!((plan.runs, plan.repeats, plan.points.len(), plan.arms.len()), (100, 20, 2, 1));
    assert_eq!((plan.measures.len(), plan.sample_of(20), plan.sample_of(21)), (4, Some(1), Some(2)));
}

#[test]
fn what_is_swept_is_what_is_set() {
    let cases = [
        ("fee", "0.1%, 3%", &["0.1%", "3%"][..]),
        ("users", "5M TKN, 20M", &["5M", "20M TKN"]),
        ("who", "c, b", &["c", "b"]),
        ("on", "all", &["false", "true"]),
        ("rate", "all", &["flat", "double"]),
        ("share[b]", "0%, 1", &["0", "100%"]),
        ("share", "{ a: 1; else: 0 }, { a: 0; b: 50%; c: 50% }", &["{ a: 1; else: 0 }", "{ a: 0; b: 50%; c: 50% }"]),
        ("paid[c]", "1k TKN, 2000", &["1k TKN", "2000"]),
        ("churn", "1%, 2%", &["1%", "2%"]),
    ];
    for (name, values, each) in cases {
        let (plan, swept) = by_call(MARKET, name, values);
        let set: Vec<Vec<f64>> = each.iter().map(|v| metrics(MARKET, &[(name, v)])).collect();
        assert_eq!(swept, set, "{name}");
        assert_ne!(swept[0], swept[1], "{name}");
        assert_eq!(plan.variants.len(), if name == "rate" { 2 } else { 1 }, "{name}");
    }
}

#[test]
fn states_and_columns_are_swept_though_no_call_sets_them() {
    let (_, swept) = by_call(MARKET, "mood", "2, 0.5");
    for (value, metrics) in ["2", "0.5"].iter().zip(&swept) {
        assert_eq!(*metrics, self::metrics(&MARKET.replace("mood = 1", &format!("mood = {value}")), &[]));
    }
    let (plan, swept) = by_call(MARKET, "weight[fast]", "10%, 90%");
    assert_eq!(plan.variants.len(), 2, "a column is part of the model");
    for (value, metrics) in ["0.1", "0.9"].iter().zip(&swept) {
        assert_eq!(*metrics, self::metrics(&MARKET.replace("| 0.8", &format!("| {value}")), &[]));
    }
    let (_, whole) = by_call(MARKET, "weight", "{ slow: 0.2; fast: 0.1 }, { else: 0.9 }");
    assert_eq!(whole, swept);
}

#[test]
fn arms_and_points_share_their_luck() {
    // The scenario changes nothing that the mood hangs on.
    let text = MARKET.replace("drift = 40%; rate = double", "churn = 5%");
    let experiment =
        Experiment { compare: Some("baseline, bear".into()), runs: Some("10".into()), ..Experiment::default() };
    let (_, runs) = runs(&text, &settings(experiment), 2);
    let width = runs.points[0][0].metrics.len() / 10;
    for run in 0..10 {
        let [a, b] = [0, 1].map(|arm: usize| &runs.points[arm][0].metrics[run * width..]);
        assert_eq!(a[1].to_bits(), b[1].to_bits());
        assert_ne!(a[0], b[0]);
    }
}

#[test]
fn a_stock_that_is_swept_proves_no_total() {
    let text = "unit TKN\ntime month from 0 to 3\nstock a: TKN = 10\nstock b: TKN = 0\nconserve TKN = 10\n\
                flow pay: a -> b = 1 TKN/month\nmetric end = final(b)\n";
    let experiment = Experiment { sweeps: vec![("a".into(), "9, 10".into())], ..Experiment::default() };
    let (_, runs) = runs(text, &settings(experiment), 1);
    assert_eq!(runs.points[0].iter().map(|p| p.failed.len()).collect::<Vec<_>>(), [1, 0]);
    assert_eq!((runs.failed(), runs.done()), (1, 2));
}

#[test]
fn an_interrupted_experiment_keeps_what_was_done() {
    let settings = settings(Experiment { runs: Some("2000".into()), ..asked("fees") });
    let (plan, whole) = runs(MARKET, &settings, 2);
    assert!(whole.whole && whole.done() == plan.size());
    let source = Source { path: "market.flow", text: MARKET.as_bytes(), loader: &MemLoader::default() };
    let how = How { threads: 2, stats: false };
    let Ok((part, _)) = run_plan(&source, &settings, &plan, how, &|done| done < 3000) else { panic!("it runs") };
    assert!(!part.whole && part.done() >= 3000 && part.done() < plan.size(), "{}", part.done());
    for (arm, all) in part.points.iter().zip(&whole.points) {
        for (point, all) in arm.iter().zip(all) {
            let width = all.metrics.len() / plan.runs as usize;
            for run in (0..point.done.len()).filter(|r| point.done[*r]) {
                let of = |p: &flowc::exec::many::Point| p.metrics[run * width..(run + 1) * width].to_vec();
                assert_eq!(of(point), of(all));
            }
        }
    }
}

#[test]
fn a_model_of_a_plan_may_be_wrong_where_the_model_is_not() {
    let text = "unit TKN\ntime month from 0 to 3\nindex Kind {\n | big: bool\n x | true\n y | false\n}\n\
                stock a[k in Kind where big[k]]: TKN = 10\nflow pay[k in Kind where big[k]]: a[k] -> cloud = 1 TKN/month\n\
                metric end = sum(final(a[k]) for k in Kind where big[k])\n";
    let experiment = Experiment {
        sweeps: vec![("big".into(), "{ else: true }, { x: false; y: true }".into())],
        ..Experiment::default()
    };
    let settings = settings(experiment);
    let plan = sound(text, &settings).plan().expect("a plan");
    let source = Source { path: "kinds.flow", text: text.as_bytes(), loader: &MemLoader::default() };
    let how = How { threads: 1, stats: false };
    let Err(refused) = run_plan(&source, &settings, &plan, how, &|_| true) else { panic!("members differ") };
    assert_eq!(refused.diagnostics[0].message, "with another `big` the model has other values");
}

#[test]
fn a_design_has_its_limits() {
    let experiment = Experiment { sample: Some(("70000".into(), Some("sobol".into()))), ..Experiment::default() };
    let settings = settings(experiment);
    let plan = sound(MARKET, &settings).plan().expect("a plan");
    let source = Source { path: "market.flow", text: MARKET.as_bytes(), loader: &MemLoader::default() };
    let how = How { threads: 1, stats: false };
    let Err(refused) = run_plan(&source, &settings, &plan, how, &|_| true) else { panic!("there are 65,536") };
    assert_eq!(refused.diagnostics[0].message, "the Sobol sequence has 65,536 points");
    assert!(refused.checked.blames_the_call(&refused.diagnostics[0]));
}

#[test]
fn samples_are_shared_by_their_runs_and_by_points_and_arms() {
    let text = MARKET.replace("param churn", "let c = churn\nmetric drawn = final(c)\nparam churn");
    let experiment = Experiment {
        sweeps: vec![("fee".into(), "1%, 2%".into())],
        sample: Some(("8".into(), Some("sobol".into()))),
        runs: Some("3".into()),
        ..Experiment::default()
    };
    let (plan, runs) = runs(&text, &settings(experiment), 2);
    let drawn = |point: usize, run: usize| {
        let metrics = &runs.points[0][point].metrics;
        metrics[run * (metrics.len() / plan.runs as usize)]
    };
    for run in 0..24 {
        assert_eq!(drawn(0, run), drawn(0, run / 3 * 3), "one sample, one value");
        assert_eq!(drawn(0, run), drawn(1, run), "the same in every point");
        assert!((0.01..0.08).contains(&drawn(0, run)));
    }
    let mut all: Vec<u64> = (0..8).map(|s| drawn(0, 3 * s).to_bits()).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 8);
}

#[test]
fn what_makes_a_model_is_taken_as_it_is() {
    let mut experiment = asked("fees");
    experiment.chosen = Some(Chosen { scenario: Some("bear".into()), values: Vec::new() });
    let checked = sound(MARKET, &settings(experiment));
    assert_eq!(checked.model.in_force.as_deref(), Some("bear"));
}

/// The runs of an example's experiment, by point: all values of one metric in one arm.
fn values(example: &str, name: &str, metric: usize, arm: usize) -> Vec<Vec<f64>> {
    let text = std::fs::read_to_string(format!("examples/{example}.flow")).expect("an example");
    let (plan, set) = runs(&text, &settings(asked(name)), 2);
    let of = |p: &flowc::exec::many::Point| {
        let width = p.metrics.len() / plan.runs as usize;
        p.metrics.chunks(width).map(|run| run[metric]).collect()
    };
    set.points[arm].iter().map(of).collect()
}

/// Whether a mean lies within 4 of its standard errors of what it is expected to be.
fn expected(found: &[f64], mean: f64) {
    let n = found.len() as f64;
    let m = found.iter().sum::<f64>() / n;
    let sd = (found.iter().map(|v| (v - m) * (v - m)).sum::<f64>() / (n - 1.0)).sqrt();
    assert!((m - mean).abs() <= 4.0 * sd / n.sqrt() + 1e-9 * mean, "{m} of sd {sd}, and {mean} is expected");
}

/// A price without a trend is worth on average what it is at the start, whenever it is paid; income is 36 months of 6 deals
/// of 15k, drawn apart.
#[test]
fn examples_have_the_means_that_are_known() {
    expected(&values("release_ab", "ab", 1, 0)[0], 0.75 * 60e6);
    let left = (1.0 - 2.0_f64.ln() / 12.0).powi(60);
    expected(&values("release_ab", "ab", 1, 1)[0], 0.75 * 60e6 * (1.0 - left));
    for earned in values("stochastic_treasury", "rates", 2, 0) {
        expected(&earned, 36.0 * 6.0 * 15e3);
    }
}

/// Sellers go to the room that their fee leaves by a tenth of the way a month, and hang on no luck.
#[test]
fn sellers_follow_their_closed_form() {
    let fees = [0.0, 0.0025, 0.005, 0.01, 0.02, 0.03];
    for (point, sellers) in values("fees", "grid", 1, 0).iter().enumerate() {
        let room = 200.0 * (1.0 - 8.0 * fees[point / 6]);
        let exact = room - (room - 100.0) * 0.9_f64.powi(36);
        assert!(sellers.iter().all(|s| (s - exact).abs() < 1e-9), "{exact} and {sellers:?}");
    }
}
