//! From runs to answers: statistics against values that are known (scipy 1.x, numpy, R), sampling designs against what they
//! promise, findings against plain loops, and what a report says and writes.

use flowc::builtins::normal_quantile;
use flowc::builtins::philox::{Place, key, name_hash, uniform};
use flowc::exec::many::{Failed, Point};
use flowc::hir::Design;
use flowc::output::{Form, Report};
use flowc::session::{Experiment, How, Ready, Source, run_plan};
use flowc::study::{
    Beyond, Kind, Mean, Moments, Paired, Plan, RunSet, Share, Spread, design, quantile, runs_to_see, t_quantile,
};
use flowc::{MemLoader, Settings, check};

fn near(a: f64, b: f64, within: f64) {
    assert!((a - b).abs() <= within * b.abs().max(1e-300) || a == b, "{a} is not {b}");
}

const X: [f64; 7] = [3.1, -2.5, 0.25, 7.75, 4.5, 4.5, -1.125];
const Y: [f64; 7] = [2.9, -2.0, 0.5, 6.25, 4.0, 5.5, -1.5];

#[test]
fn moments_and_quantiles_are_those_of_numpy() {
    let spread = Spread::of(&X, |_| true, 1);
    assert_eq!((spread.n, spread.infinite, spread.undefined), (7, 0, 0));
    near(spread.mean, 2.3535714285714286, 1e-15);
    near(spread.sd, 3.6280282917466735, 1e-14);
    near(spread.half, 3.355366540399489, 1e-13);
    for (is, should) in spread.quantiles.iter().zip([-2.0875, 3.1, 6.775]) {
        near(*is, should, 1e-15);
    }
    assert_eq!((spread.min, spread.max), (-2.5, 7.75));
    assert_eq!(spread.mode, (4.5, 2));
}

#[test]
fn what_is_not_finite_counts_where_it_can() {
    let numbers = [1.0, f64::INFINITY, 2.0, f64::NAN, f64::INFINITY, 3.0, f64::NAN];
    // The last run failed.
    let spread = Spread::of(&numbers, |run| run < 6, 1);
    assert_eq!((spread.n, spread.infinite, spread.undefined), (3, 2, 1));
    assert_eq!((spread.mean, spread.sd), (2.0, 1.0));
    assert_eq!((spread.min, spread.max, spread.quantiles[1]), (1.0, f64::INFINITY, 3.0));
    assert_eq!(quantile(&[f64::NEG_INFINITY, f64::INFINITY, f64::INFINITY], 0.75), f64::INFINITY);
    let none = Spread::of(&[], |_| true, 1);
    assert!(none.mean.is_nan() && none.quantiles[1].is_nan() && none.half.is_nan());
    let one = Spread::of(&[5.0], |_| true, 1);
    assert!(one.mean == 5.0 && one.sd.is_nan() && one.half.is_nan() && one.quantiles == [5.0; 3]);
}

#[test]
fn moments_keep_their_digits_far_from_zero() {
    // 1 … n has the variance n(n + 1)/12, wherever it stands.
    let n = 10_000u32;
    let all = Moments::of((1..=n).map(|i| 1e9 + f64::from(i)));
    near(all.variance(), f64::from(n) * f64::from(n + 1) / 12.0, 1e-9);
    near(all.mean, 1e9 + f64::from(n + 1) / 2.0, 1e-15);
    // Groups in their order: what is merged by hand is the same to the last bit.
    let mut merged = Moments::default();
    for group in (1..=n).collect::<Vec<_>>().chunks(flowc::study::GROUP) {
        let mut one = Moments::default();
        group.iter().for_each(|i| one.add(1e9 + f64::from(*i)));
        merged.merge(&one);
    }
    assert_eq!(merged, all);
}

#[test]
fn intervals_are_those_of_scipy() {
    for (df, t) in [
        (1, 12.706204736174694),
        (2, 4.302652729749462),
        (3, 3.1824463052837078),
        (5, 2.5705818356363146),
        (10, 2.228138851986274),
        (30, 2.0422724563012378),
        (100, 1.9839715185235518),
        (1000, 1.9623390808264083),
        (1_000_000, 1.9599663568141068),
    ] {
        near(t_quantile(df), t, 1e-11);
    }
    for (met, of, low, high) in [
        (8, 10, 0.4901624715366418, 0.9433178485456248),
        (0, 20, 0.0, 0.16112515805281935),
        (20, 20, 0.8388748419471808, 1.0),
        (950, 1000, 0.9346861797557491, 0.9618697376072511),
        (1, 3, 0.06149194472039626, 0.7923403991979523),
    ] {
        let share = Share::new(met, of);
        near(share.low, low, 1e-12);
        near(share.high, high, 1e-12);
    }
    let none = Share::new(0, 0);
    assert_eq!((none.low, none.high), (0.0, 1.0));
}

#[test]
fn pairs_are_those_of_a_paired_t_test() {
    let paired = Paired::of(&X, &Y, 1);
    assert_eq!((paired.pairs, paired.above, paired.below), (7, 4, 3));
    near(paired.mean, 0.11785714285714288, 1e-13);
    near(paired.sd, 0.8058011393578917, 1e-13);
    near(paired.half, 0.7452417577249821, 1e-12);
    near(paired.saved, 0.9729844187074573, 1e-12);
    assert!(!paired.sure());
    // A run that failed in one arm is no pair; nor is what never happened.
    let holes = Paired::of(&[1.0, f64::NAN, 3.0, f64::INFINITY], &[0.0, 1.0, f64::NAN, f64::INFINITY], 1);
    assert_eq!((holes.pairs, holes.mean), (1, 1.0));
    assert!(!holes.sure() && holes.half.is_nan());
    // Luck that both share cancels.
    let same = Paired::of(&[11.0, 12.0, 13.0], &[1.0, 2.0, 3.0], 1);
    assert!(same.sure() && same.sd == 0.0 && same.saved == 1.0 && same.runs_for_sign == Some(2));
}

#[test]
fn the_number_of_runs_is_that_of_a_power_analysis() {
    // statsmodels: TTestPower().solve_power(effect, power=0.8, alpha=0.05) = 9.93, 33.37, 198.15, 786.81.
    for (effect, runs) in [(1.0, 10), (0.5, 34), (0.2, 199), (0.1, 787)] {
        assert_eq!(runs_to_see(effect, 1.0), Some(runs));
    }
    assert_eq!(runs_to_see(0.0, 1.0), None);
    assert_eq!(runs_to_see(1.0, f64::NAN), None);
}

fn normal(name: &str, run: u32) -> f64 {
    normal_quantile(uniform(key(11, name_hash(name, &[])), Place { run, step: 0, member: 0 }))
}

#[test]
fn intervals_hold_what_they_promise() {
    // 4,000 experiments: 95 of 100 intervals hold the truth, which a share of 3 sd around it can tell from 93 and 97.
    let inside = |repeats: u32, samples: u32| {
        let holds = |experiment: u32| {
            let first = experiment * samples * repeats;
            let number =
                |i: u32| 5.0 + normal("between", experiment * samples + i / repeats) + normal("within", first + i);
            let numbers: Vec<f64> = (0..samples * repeats).map(number).collect();
            let mean = Mean::of(&numbers, repeats);
            (mean.moments.mean - 5.0).abs() <= mean.half
        };
        f64::from((0..4000).filter(|e| holds(*e)).count() as u32) / 4000.0
    };
    for share in [inside(1, 10), inside(5, 8), inside(20, 4)] {
        assert!((share - 0.95).abs() < 0.0104, "{share}");
    }
    // Runs of one sample taken for independent would promise too much.
    let numbers: Vec<f64> = (0..200).map(|i| normal("between", i / 20)).collect();
    assert!(Mean::of(&numbers, 20).half > 3.0 * Mean::of(&numbers, 1).half);
}

#[test]
fn runs_of_a_sample_count_as_what_they_add() {
    // Of equally many runs, the error is that of the means of samples.
    let numbers: Vec<f64> = (0..60).map(|i| normal("a", i / 6) + 0.1 * normal("b", i)).collect();
    let means: Vec<f64> = numbers.chunks(6).map(|c| c.iter().sum::<f64>() / 6.0).collect();
    near(Mean::of(&numbers, 6).half, Mean::of(&means, 1).half, 1e-12);
    let met: Vec<Option<bool>> = (0..100).map(|i| Some(i / 10 < 7)).collect();
    let (alike, apart) = (Share::of(&met, 10), Share::of(&met, 1));
    assert_eq!((alike.met, alike.of), (70, 100));
    assert!(alike.high - alike.low > 2.0 * (apart.high - apart.low));
    let all = Share::of(&[Some(true); 100], 10);
    near(all.low, Share::new(10, 10).low, 1e-15);
}

const NAMES: [&str; 4] = ["churn", "drift", "fee", "delay"];

fn params(n: usize) -> Vec<u64> {
    (0..n).map(|i| name_hash(&format!("{}{}", NAMES[i % 4], i / 4), &[])).collect()
}

fn column(all: &[Vec<f64>], param: usize) -> Vec<f64> {
    all.iter().map(|s| s[param]).collect()
}

#[test]
fn samples_lie_strictly_inside_and_hang_on_the_seed() {
    for kind in Design::ALL {
        let all = design(kind, 1000, &params(5), 7).expect("small");
        assert_eq!((all.len(), all[0].len()), (1000, 5));
        assert!(all.iter().flatten().all(|u| 0.0 < *u && *u < 1.0));
        assert_eq!(all, design(kind, 1000, &params(5), 7).expect("small"));
        let other = design(kind, 1000, &params(5), 8).expect("small");
        assert!((0..5).all(|p| column(&all, p) != column(&other, p)));
        // Uniform: Kolmogorov and Smirnov's largest distance of 1,000 is below 0.0616 in 999 of 1,000 cases.
        for p in 0..5 {
            let mut sorted = column(&all, p);
            sorted.sort_by(f64::total_cmp);
            let off = sorted.iter().enumerate().map(|(i, u)| (u - (i as f64 + 0.5) / 1000.0).abs()).fold(0.0, f64::max);
            assert!(off < 0.0616, "{kind:?} {p}: {off}");
        }
        // No two params go together.
        for (a, b) in [(0, 1), (1, 2), (0, 4)] {
            let pairs = column(&all, a).into_iter().zip(column(&all, b));
            let correlation = pairs.map(|(x, y)| (x - 0.5) * (y - 0.5)).sum::<f64>() / 1000.0 * 12.0;
            assert!(correlation.abs() < 0.11, "{kind:?}: {correlation}");
        }
    }
    assert_eq!(design(Design::Sobol, 0, &params(2), 1), Ok(Vec::new()));
}

#[test]
fn one_more_param_leaves_the_others_alone() {
    for kind in Design::ALL {
        let few = design(kind, 64, &params(3), 7).expect("small");
        let more = design(kind, 64, &params(4), 7).expect("small");
        assert!((0..3).all(|p| column(&few, p) == column(&more, p)));
        // In front of them, too, but for Sobol, whose dimensions go by order.
        let mut before = params(4);
        before.rotate_right(1);
        let before = design(kind, 64, &before, 7).expect("small");
        assert_eq!((0..3).all(|p| column(&few, p) == column(&before, p + 1)), kind != Design::Sobol);
    }
    // A sample by the random design is what the run of its number draws by itself.
    let all = design(Design::Random, 3, &params(1), 9).expect("small");
    assert_eq!(all[2][0], uniform(key(9, params(1)[0]), Place { run: 3, step: 0, member: 0 }));
}

#[test]
fn each_part_has_its_sample() {
    for n in [1u32, 7, 1000] {
        for p in 0..3 {
            let mut parts: Vec<u32> = column(&design(Design::LatinHypercube, n, &params(3), 5).expect("small"), p)
                .iter()
                .map(|u| (u * f64::from(n)) as u32)
                .collect();
            if n == 1000 {
                assert!(parts.windows(2).any(|w| w[0] > w[1]), "in an order of its own");
            }
            parts.sort_unstable();
            assert_eq!(parts, (0..n).collect::<Vec<_>>());
        }
    }
    // Of 2ᵏ Sobol points each of 2ᵏ equal boxes of the first two dimensions has one, whatever the shape of the boxes.
    let all = design(Design::Sobol, 256, &params(2), 5).expect("small");
    for k in 0..=8u32 {
        let (wide, high) = (1u32 << k, 1u32 << (8 - k));
        let mut boxes: Vec<u32> =
            all.iter().map(|s| (s[0] * f64::from(wide)) as u32 * high + (s[1] * f64::from(high)) as u32).collect();
        boxes.sort_unstable();
        assert_eq!(boxes, (0..256).collect::<Vec<_>>(), "{wide} by {high}");
    }
}

#[test]
fn designs_find_an_integral_sooner_than_chance() {
    // The integral of 2(u₁u₂ + u₃) is 1.5; the mean error over 20 seeds.
    let error = |kind: Design| {
        let of = |seed: u64| {
            let all = design(kind, 512, &params(3), seed).expect("small");
            (all.iter().map(|u| 2.0 * (u[0] * u[1] + u[2])).sum::<f64>() / 512.0 - 1.5).abs()
        };
        (1..=20).map(of).sum::<f64>() / 20.0
    };
    let (random, latin, sobol) = (error(Design::Random), error(Design::LatinHypercube), error(Design::Sobol));
    assert!(latin < 0.4 * random && sobol < 0.2 * latin, "{random} {latin} {sobol}");
}

#[test]
fn the_sobol_sequence_has_an_end() {
    assert_eq!(design(Design::Sobol, 8, &params(257), 1), Err(Beyond::Params));
    assert_eq!(design(Design::Sobol, 65_537, &params(1), 1), Err(Beyond::Samples));
    assert!(design(Design::Sobol, 65_536, &params(1), 1).is_ok());
    let last = design(Design::Sobol, 16, &params(256), 1).expect("256 dimensions");
    assert_eq!(last[0].len(), 256);
}

const MODEL: &str = "
//! Fees of a market.
unit TKN
time month from 0 to 24
param fee = 1% in 0% .. 5%
param churn: 1/month = 3% ~ triangular(1%, 3%, 8%)
policy release { slow = 1%; fast = 2% }
stock treasury: USD = 30k
stock users: USD = 5M
stock sellers: TKN = 100
draw demand ~ lognormal(mean: 1, sd: 30%) each step
flow leave: sellers -> cloud = churn * (1 + 40 * fee) * sellers
flow fees: users -> treasury = fee * 200k USD/month * demand * sellers / (100 TKN) capped
flow costs: treasury -> users = 1.2k USD/month * (1 + release) * demand
metric treasury_end = final(treasury)
metric sellers_end = final(sellers)
metric rich = first_time(treasury > 60k USD)
goal runway: treasury_end >= 3k USD in 90% of runs
goal stay: sellers_end >= 25% of baseline
goal maximize treasury_end
scenario bear { churn = 6%/month }
experiment fees { sweep fee in 0% .. 2% by 0.5%; runs 40; seed 7 }
experiment arms { compare baseline, bear; runs 40; seed 7 }
experiment sampled { sweep fee in 1%, 2%; sweep release in all; sample 16 by sobol; runs 3 }
";

struct Ran {
    ready: Ready,
    plan: Plan,
    runs: RunSet,
}

fn ran(model: &str, experiment: Experiment) -> Ran {
    let loader = MemLoader::default();
    let settings = Settings { experiment: Some(experiment), ..Settings::default() };
    let checked = check("fees.flow", model.as_bytes(), &loader, &settings);
    assert!(checked.is_sound(), "{:?}", checked.diagnostics);
    let plan = checked.plan().expect("a plan");
    let source = Source { path: "fees.flow", text: model.as_bytes(), loader: &loader };
    let how = How { threads: 2, stats: true };
    let (runs, ready) = run_plan(&source, &settings, &plan, how, &|_| true).expect("it runs");
    Ran { ready, plan, runs }
}

fn named(name: &str) -> Experiment {
    Experiment { name: Some(name.to_string()), ..Experiment::default() }
}

impl Ran {
    fn report(&self) -> Report<'_> {
        Report::new(&self.ready.checked, &self.ready.model, &self.plan, &self.runs)
    }

    fn written(&self, write: impl Fn(&Report, &mut Vec<u8>) -> std::io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&self.report(), &mut out).expect("memory takes it");
        String::from_utf8(out).expect("text")
    }
}

#[test]
fn findings_are_those_of_plain_loops() {
    let ran = ran(MODEL, named("arms"));
    let report = ran.report();
    let findings = &report.findings;
    let width = findings.questions.width;
    let numbers = |arm: usize, at: usize| -> Vec<f64> {
        ran.runs.points[arm][0].metrics.chunks(width).map(|row| row[at]).collect()
    };
    assert_eq!(findings.base, 0);
    let bear = findings.cells[1][0].as_ref().expect("it was run");
    for (metric, (_, at)) in findings.questions.metrics.iter().enumerate() {
        let (a, b) = (numbers(1, *at), numbers(0, *at));
        let pairs: Vec<(f64, f64)> = a.iter().copied().zip(b).filter(|(x, y)| x.is_finite() && y.is_finite()).collect();
        assert_eq!(bear.against[metric].pairs, pairs.len() as u64);
        if !pairs.is_empty() {
            near(bear.against[metric].mean, pairs.iter().map(|(x, y)| x - y).sum::<f64>() / pairs.len() as f64, 1e-9);
        }
    }
    let stay = findings.questions.goals.iter().position(|g| matches!(g.kind, Kind::Of { .. })).expect("there is one");
    let Kind::Of { at, part, .. } = findings.questions.goals[stay].kind else { unreachable!() };
    assert_eq!(part, 0.25);
    let met = numbers(1, at).iter().zip(numbers(0, at)).filter(|(x, y)| **x >= 0.25 * y).count() as u64;
    assert_eq!(bear.goals[stay].map(|s| (s.met, s.of)), Some((met, 40)));
    // The baseline is not compared with itself.
    assert!(findings.cells[0][0].as_ref().expect("it was run").goals[stay].is_none());
}

#[test]
fn runs_that_fail_miss_and_are_in_no_pair() {
    let mut ran = ran(MODEL, named("arms"));
    let width = ran.report().findings.questions.width;
    let before = ran.report().findings.cells[1][0].clone().expect("it was run");
    let fail = |point: &mut Point, run: u32| {
        let at = (run as usize - 1) * width;
        point.metrics[at..at + width].fill(f64::NAN);
        let kind = flowc::exec::FaultKind::OpeningTotal { conserve: 0, sum: 0.0, total: 1.0 };
        point.failed.push(Failed { run, step: 3, kind, member: None });
    };
    fail(&mut ran.runs.points[0][0], 2);
    fail(&mut ran.runs.points[1][0], 5);
    fail(&mut ran.runs.points[1][0], 6);
    // And one that was never made.
    ran.runs.points[1][0].done[39] = false;
    ran.runs.points[1][0].metrics[39 * width..].fill(f64::NAN);
    let report = ran.report();
    let after = report.findings.cells[1][0].clone().expect("it was run");
    assert_eq!((after.runs, after.failed), (39, 2));
    assert_eq!(before.against[0].pairs, 40);
    assert_eq!(after.against[0].pairs, 36);
    assert_eq!(after.metrics[0].n, 37);
    assert_eq!(after.metrics[0].undefined, 0);
    assert_eq!(after.goals[0].map(|s| s.of), Some(39));
    assert!(after.goals[0].map(|s| s.met) <= before.goals[0].map(|s| s.met));
    let text = report.text(None);
    assert!(text.contains("3 of 79 runs failed"), "{text}");
    assert!(text.contains("first in run 2, baseline, month 3"), "{text}");
    assert!(text.contains("flowc run fees.flow -e arms --arm baseline --seed 7 --only-run 2"), "{text}");
}

#[test]
fn what_never_happens_is_later_than_any_time() {
    // Without fees the treasury is always dry; with enough of them hardly ever, and then soon.
    let model = MODEL
        .replace("goal maximize treasury_end", "goal maximize first_time(treasury <= 12k USD)")
        .replace("goal runway: treasury_end >= 3k USD in 90% of runs", "");
    let sweep = |values: &str| Experiment {
        sweeps: vec![("fee".into(), values.into())],
        runs: Some("40".into()),
        ..Experiment::default()
    };
    let ran = ran(&model, sweep("0%, 0.2%, 0.5%"));
    let report = ran.report();
    let best = &report.findings.best[0];
    assert!(best.by_median);
    assert_eq!(best.first.map(|p| (p.point, p.median)), Some((2, f64::INFINITY)));
    let text = report.text(None).replace('\n', " ");
    assert!(text.contains("fee 0.5% gives the largest median of `first_time(treasury <= 12k USD)`: inf."), "{text}");
}

#[test]
fn reports_read_well() {
    for name in ["fees", "arms", "sampled"] {
        insta::assert_snapshot!(format!("report_{name}"), ran(MODEL, named(name)).report().text(None));
    }
    let many = Experiment {
        sweeps: vec![("fee".into(), "0% .. 4% by 0.1%".into())],
        runs: Some("5".into()),
        ..Experiment::default()
    };
    insta::assert_snapshot!("report_many", ran(MODEL, many).report().text(None));
    let one = Experiment { runs: Some("200".into()), ..Experiment::default() };
    insta::assert_snapshot!("report_one", ran(MODEL, one).report().text(None));
}

#[test]
fn a_report_has_lines_of_eighty_columns() {
    for name in ["fees", "arms", "sampled"] {
        for line in ran(MODEL, named(name)).report().text(None).lines().filter(|l| !l.contains("flowc run")) {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}

#[test]
fn files_hold_every_run_and_read_back() {
    let ran = ran(MODEL, named("sampled"));
    let text = ran.written(|r, out| r.write_runs(Form::Csv, out));
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let heads: Vec<String> = reader.headers().expect("heads").iter().map(String::from).collect();
    let known = "simulation subset run substep timestep point arm fee release sample treasury_end sellers_end rich goal.runway failed";
    assert_eq!(heads.join(" "), known);
    let rows: Vec<csv::StringRecord> = reader.records().map(|r| r.expect("a row")).collect();
    assert_eq!(rows.len(), 4 * 48);
    let width = ran.report().findings.questions.width;
    for (i, row) in rows.iter().enumerate() {
        let (point, run) = (i / 48, i % 48);
        assert_eq!(row[1], point.to_string());
        assert_eq!(row[2], (run + 1).to_string());
        assert_eq!(row[5], (point + 1).to_string());
        assert_eq!(row[7].parse::<f64>().expect("a number"), [0.01, 0.02][point / 2]);
        assert_eq!(&row[8], ["slow", "fast"][point % 2]);
        assert_eq!(row[9], (run / 3 + 1).to_string());
        let stored = ran.runs.points[0][point].metrics[run * width];
        if stored.is_nan() {
            assert!(row[10].is_empty() && !row[14].is_empty());
        } else {
            assert_eq!(row[10].parse::<f64>().expect("a number").to_bits(), stored.to_bits());
        }
    }
    let json: serde_json::Value =
        serde_json::from_str(&ran.written(|r, out| r.write_runs(Form::Json, out))).expect("a document");
    assert_eq!(json["rows"].as_array().map(Vec::len), Some(4 * 48));
    assert_eq!(json["columns"][10]["unit"], "USD");
    assert_eq!(json["manifest"]["sample"]["by"], "sobol");
    assert_eq!(json["findings"]["cells"].as_array().map(Vec::len), Some(4));
    assert!(json["findings"]["cells"][0]["metrics"]["treasury_end"]["q05"].is_number());
}

#[test]
fn statistics_have_a_row_for_each_value_and_moment() {
    let ran = ran(MODEL, named("fees"));
    let text = ran.written(|r, out| r.write_stats(Form::Csv, out));
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let heads: Vec<String> = reader.headers().expect("heads").iter().map(String::from).collect();
    assert_eq!(heads.join(" "), "variable unit timestep time point arm fee n mean sd min max q05 q50 q95 n_q");
    let rows: Vec<csv::StringRecord> = reader.records().map(|r| r.expect("a row")).collect();
    assert_eq!(rows.len(), 5 * 25 * ran.ready.model.columns.len());
    let last = |row: &&csv::StringRecord| &row[0] == "treasury" && &row[2] == "24" && &row[4] == "3";
    let row = rows.iter().find(last).expect("it is there");
    let report = ran.report();
    let spread = &report.findings.cells[0][2].as_ref().expect("it was run").metrics[0];
    assert_eq!(row[7].parse::<u64>().ok(), Some(spread.n));
    near(row[8].parse().expect("a number"), spread.mean, 1e-12);
    near(row[9].parse().expect("a number"), spread.sd, 1e-9);
    near(row[13].parse().expect("a number"), spread.quantiles[1], 1e-12);
    let json: serde_json::Value =
        serde_json::from_str(&ran.written(|r, out| r.write_stats(Form::Json, out))).expect("a document");
    assert_eq!(json["rows"].as_array().map(Vec::len), Some(rows.len()));
}
