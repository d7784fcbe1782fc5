//! What luck hangs on: a draw's name, its labels, seed, run and step, and on nothing else; how long a draw holds; what parts add up to.

use std::collections::BTreeMap;

use flowc::builtins::philox::{Place, key, name_hash, uniform};
use flowc::exec::many::{Batch, Layout, run_many};
use flowc::exec::{Case, FaultKind, Outcome, Program, oracle};
use flowc::{Checked, MemLoader, Results, Settings, ir};

fn checked_with(text: &str, loader: &MemLoader, settings: &Settings) -> Checked {
    let checked = flowc::check("model.flow", text.as_bytes(), loader, settings);
    let errors: Vec<String> =
        checked.diagnostics.iter().filter(|d| d.is_error()).map(|d| flowc::cli::plain(d, &checked.sources)).collect();
    assert!(errors.is_empty(), "{}\n{text}", errors.join("\n"));
    checked
}

fn checked(text: &str) -> Checked {
    checked_with(text, &MemLoader::default(), &Settings::default())
}

fn case(run: u32) -> Case {
    Case { run, ..Case::default() }
}

/// What comes of the runs up to this one, side by side: that of the last.
fn lane(model: &ir::Model, case: &Case) -> Vec<u64> {
    let (points, luck) = ([case.inputs.clone()], [case.luck.clone()]);
    let batch = Batch {
        model,
        points: &points,
        seed: case.seed,
        runs: case.run,
        // All runs share the one sample that is given.
        repeats: if case.luck.is_empty() { 1 } else { case.run },
        luck: if case.luck.is_empty() { &[] } else { &luck },
        stats: false,
        threads: 1,
        layout: Layout::default(),
    };
    let metrics = run_many(&batch, &|_| true).remove(0).metrics;
    let each = metrics.len() / case.run as usize;
    metrics[metrics.len() - each..][..model.metrics.len()].iter().map(|v| v.to_bits()).collect()
}

/// Both evaluators and lanes, which agree.
fn outcome(model: &ir::Model, case: &Case) -> Outcome {
    let (fast, slow) = (Program::new(model).run(case), oracle::run(model, case));
    let bits = |o: &Outcome| -> Vec<u64> {
        o.columns.iter().flatten().chain(&o.params).chain(&o.metrics).map(|v| v.to_bits()).collect()
    };
    assert_eq!(bits(&fast), bits(&slow));
    assert_eq!(fast.fault, slow.fault);
    let metrics: Vec<u64> = fast.metrics.iter().map(|v| v.to_bits()).collect();
    assert_eq!(lane(model, case), metrics);
    fast
}

fn run_of(checked: &Checked, case: &Case) -> Results {
    let model = checked.lower().expect("a sound model is lowered");
    checked.results(&model, &outcome(&model, case))
}

fn columns(results: &Results) -> BTreeMap<String, Vec<f64>> {
    assert!(results.failure.is_none(), "{:?}", results.failure);
    results.columns.iter().map(|c| (c.name.clone(), c.values.clone())).collect()
}

fn run(text: &str) -> BTreeMap<String, Vec<f64>> {
    columns(&run_of(&checked(text), &case(1)))
}

const MODEL: &str = "unit TKN
time month from 0 to 20
index Class = small, large
param churn: 1/month = 3% ~ triangular(1%, 3%, 8%)
draw shock ~ normal(0, 5%) each step
draw sales[c in Class]: TKN ~ poisson(300 TKN) each step
draw mood ~ uniform(0, 1) every 5 month
let seen = shock + sum(sales) / (1 TKN) + mood + churn * (1 month)
metric m = mean_over(seen)
";

#[test]
fn a_value_hangs_on_its_place() {
    let columns = run(MODEL);
    for (step, value) in columns["mood"].iter().enumerate() {
        // It is held for five steps, and the place is that of the step in which it was made.
        let at = Place { run: 1, step: step as u32 / 5 * 5, member: 0 };
        assert_eq!(*value, uniform(key(1, name_hash("mood", &[])), at), "step {step}");
    }
    let mut different = columns["mood"].clone();
    different.dedup();
    assert_eq!(different.len(), 5);
}

#[test]
fn what_is_added_leaves_the_others_alone() {
    let before = run(MODEL);
    let same = |text: &str, names: &[&str]| {
        let after = run(text);
        for name in names {
            assert_eq!(before[*name], after[*name], "{name} in\n{text}");
        }
    };
    let all = ["shock", "sales[small]", "sales[large]", "mood"];
    // Another draw, before and behind the others, and another uncertain param.
    same(&MODEL.replace("draw shock", "draw other ~ normal(0, 1) each step\ndraw shock"), &all);
    same(&format!("{MODEL}draw other ~ normal(shock, 1) each step\nparam p ~ uniform(0, 1)\n"), &all);
    // Another label, in front, and the same in another order.
    same(&MODEL.replace("small, large", "tiny, large, small"), &all);
    // What else a model has.
    same(&format!("{MODEL}phases one, two\n"), &all);
    // Another order of declarations.
    let mut lines: Vec<&str> = MODEL.lines().skip(1).collect();
    lines.reverse();
    same(&format!("unit TKN\n{}", lines.join("\n")), &all);
}

#[test]
fn another_name_seed_or_run_is_other_luck() {
    let before = run(MODEL);
    let after = run(&MODEL.replace("shock", "surprise"));
    assert!(before["shock"].iter().zip(&after["surprise"]).all(|(a, b)| a != b));
    let model = checked(MODEL);
    for other in [case(2), Case { seed: 2, ..case(1) }] {
        let after = columns(&run_of(&model, &other));
        assert!(before["shock"].iter().zip(&after["shock"]).all(|(a, b)| a != b), "{other:?}");
        assert_eq!(after, columns(&run_of(&model, &other)));
    }
    // No label has the luck of another.
    assert!(before["sales[small]"].iter().zip(&before["sales[large]"]).filter(|(a, b)| a == b).count() < 5);
}

#[test]
fn scenarios_share_their_luck() {
    let text = "time month from 0 to 24
param drift: 1 = 0
scenario bear { drift = -2% }
draw shock ~ normal(drift, 5%) each step
state price = 1 USD next price * (1 + shock)
metric last = final(price)
";
    let bear = Settings { scenario: Some("bear".into()), ..Settings::default() };
    let of = |settings| columns(&run_of(&checked_with(text, &MemLoader::default(), settings), &case(1)));
    let (base, bear) = (of(&Settings::default()), of(&bear));
    for (a, b) in base["shock"].iter().zip(&bear["shock"]) {
        assert!((a - b - 0.02).abs() < 1e-15, "{a} {b}");
    }
}

#[test]
fn parts_add_up_and_have_their_odds() {
    let text = "unit voucher
time day from 0 to 2000
index Path = left, right
index Outcome { | odds: 1
  redeemed | 50%
  expired  | 30%
  disputed | 20%
  never    | 0
}
draw committed[p in Path]: voucher ~ poisson(if p == left then 40 voucher else 3 voucher) each step
draw outcome[p in Path, o in Outcome]: voucher ~ multinomial(committed[p], odds[o]) each step
draw shared[p in Path, o in Outcome]: voucher ~ multinomial(100 voucher, odds[o]) each step
assert all(sum(outcome[p, o] for o in Outcome) == committed[p] for p in Path)
assert sum(shared) == 100 voucher
metric part[o in Outcome] = mean_over(outcome[left, o])
metric both[o in Outcome] = mean_over(shared[right, o])
";
    let model = checked(text);
    let results = run_of(&model, &case(1));
    assert!(results.failure.is_none(), "{:?}", results.failure);
    let metric = |name: &str| results.metrics.iter().find(|m| m.name == name).expect("it is there").value;
    // 2,000 means of 40 · p: off by more than five standard errors once in a million.
    for (name, p) in [("redeemed", 0.5), ("expired", 0.3), ("disputed", 0.2), ("never", 0.0)] {
        let (mean, wanted) = (metric(&format!("part[{name}]")), 40.0 * p);
        assert!((mean - wanted).abs() <= 5.0 * (wanted / 2000.0f64).sqrt(), "{name}: {mean}, {wanted}");
        // Those of both paths share one whole.
        let (mean, wanted) = (metric(&format!("both[{name}]")), 50.0 * p);
        assert!((mean - wanted).abs() <= 5.0 * (wanted / 2000.0f64).sqrt(), "{name}: {mean}, {wanted}");
    }
}

#[test]
fn a_member_comes_as_often_as_its_odds_say() {
    let text = "time day from 0 to 5000
index Size { | odds: 1
 none | 0
 small | 6
 large | 2
 huge | 2
}
index Big in Size = large, huge
index Age = 3 .. 5
draw size ~ categorical(odds) each step
draw big: Big ~ categorical(odds[b] for b in Big) each step
draw few: Size ~ categorical(1 for s in Size where odds[s] > 1) each step
draw age ~ categorical(a for a in Age) each step
let any = if size == small then 1 else 0
let wide = if big == huge then 1 else 0
let tiny = if few == none then 1 else 0
let young = if age == 3 then 1 else 0
metric share = mean_over(any)
metric half = mean_over(wide)
metric nothing = mean_over(tiny)
metric quarter = mean_over(young)
metric least = min_over(age)
";
    let results = run_of(&checked(text), &case(1));
    let near = |name: &str, p: f64| {
        let value = results.metrics.iter().find(|m| m.name == name).expect("it is there").value;
        assert!((value - p).abs() <= 5.0 * (p * (1.0 - p) / 5000.0).sqrt(), "{name}: {value}");
    };
    near("share", 0.6);
    near("half", 0.5);
    near("nothing", 0.0);
    near("quarter", 0.25);
}

#[test]
fn a_sample_is_drawn_from() {
    let loader = MemLoader::default().with("returns.csv", "day,daily [percent]\n1,3\n2,-1\n3,0\n4,-1\n");
    let text = "time day from 0 to 4000
draw move ~ empirical(\"returns.csv\", daily) each step
let down = if move < 0 then 1 else 0
metric falls = mean_over(down)
metric most = max_over(move)
";
    let results = run_of(&checked_with(text, &loader, &Settings::default()), &case(1));
    let values = &results.columns.iter().find(|c| c.name == "move").expect("it is there").values;
    assert!(values.iter().all(|v| [3.0, -1.0, 0.0].contains(v)), "{values:?}");
    assert!((results.metrics[0].value - 0.5).abs() < 0.04);
}

#[test]
fn what_is_truncated_stays_between_its_ends() {
    let text = "time day from 0 to 3000
draw a ~ truncated(normal(0, 1), 0, inf) each step
draw b: USD ~ truncated(lognormal(median: 40 USD, sigma: 1), 30, 50 USD) each step
draw c ~ truncated(poisson(3), 1, 4) each step
draw far ~ truncated(normal(0, 1), 8, 9) each step
metric m = mean_over(a)
metric b_low = min_over(b)
metric b_high = max_over(b)
metric c_low = min_over(c)
metric c_high = max_over(c)
metric far_low = min_over(far)
metric far_high = max_over(far)
";
    let results = run_of(&checked(text), &case(1));
    let metric = |name: &str| results.metrics.iter().find(|m| m.name == name).expect("it is there").value;
    // The mean of a half normal value is √(2/π).
    assert!((metric("m") - 0.797_884_560_8).abs() < 0.06);
    assert!(metric("b_low") >= 30.0 && metric("b_high") <= 50.0 && metric("b_high") > 49.0);
    assert_eq!((metric("c_low"), metric("c_high")), (1.0, 4.0));
    assert!(metric("far_low") >= 8.0 && metric("far_low") < 8.001 && metric("far_high") > 8.5);
}

#[test]
fn a_draw_sees_the_moment_at_which_it_is_made() {
    let text = "unit TKN
time month from 0 to 6
stock a: TKN = 100
stock b: TKN = 0
transfer move: a -> b = 10 TKN every 1 month
draw before: TKN ~ uniform(a, a) each step
draw opened: TKN ~ uniform(opening(a), opening(a)) each step
draw first: TKN ~ uniform(initial(a), initial(a)) each step
draw last: TKN ~ uniform(previous(a, 0), previous(a, 0)) each step
draw chain: TKN ~ uniform(initial(opened), initial(opened)) each step
let all = before + opened + first + last + chain
metric m = final(all)
metric n = mean_over(chain + opened + first)
";
    let columns = run(text);
    assert_eq!(columns["a"], [90.0, 80.0, 70.0, 60.0, 50.0, 40.0, 30.0]);
    assert_eq!(columns["before"], [100.0, 90.0, 80.0, 70.0, 60.0, 50.0, 40.0]);
    assert_eq!(columns["opened"], columns["before"]);
    assert_eq!(columns["last"], [0.0, 90.0, 80.0, 70.0, 60.0, 50.0, 40.0]);
    // The draw of step 0 sees row 0 before it moves, all others look back at it.
    assert_eq!(columns["first"], [100.0, 90.0, 90.0, 90.0, 90.0, 90.0, 90.0]);
    assert_eq!(columns["chain"], [100.0; 7]);
}

#[test]
fn a_draw_of_a_phase_sees_what_came_before_it() {
    let text = "unit TKN
phases pay, play
time month from 0 to 3
stock a: TKN = 100
stock b: TKN = 0
phase pay { transfer move: a -> b = 10 TKN }
phase play {
  draw left: TKN ~ uniform(a, a)
  draw twice: TKN ~ uniform(2 * left, 2 * left) each step
  transfer back: b -> a = left / 100
}
metric m = total(back)
metric seen = max_over(twice)
";
    let columns = run(text);
    let a = &columns["a"];
    assert_eq!(columns["left"], a.iter().map(|a| a - 10.0).collect::<Vec<_>>());
    assert_eq!(columns["twice"], a.iter().map(|a| 2.0 * (a - 10.0)).collect::<Vec<_>>());
}

#[test]
fn metrics_and_asserts_see_the_draws_of_steps() {
    let text = "time month from 0 to 4
draw x ~ uniform(time / (1 month), time / (1 month)) each step
let y = x + 1
assert x < 4
assert y < 5
metric last = final(x)
metric mean = mean_over(y)
metric when = last_time(x >= 0)
";
    let results = run_of(&checked(text), &case(1));
    assert!(results.failure.is_none(), "{:?}", results.failure);
    assert_eq!(results.metrics.iter().map(|m| m.value).collect::<Vec<_>>(), [3.0, 2.5, 3.0]);
}

#[test]
fn uncertain_params_are_drawn_where_nothing_else_says_them() {
    let text = "unit TKN
time month from 0 to 1
index Class = small, large
param fee = 3% ~ uniform(0%, 10%)
param size[c in Class]: TKN ~ uniform(10, 20)
param sure[c in Class] = { small: 1, large: 2 } ~ normal(0, 1)
let all = fee + sum(size) / (1 TKN) + sum(sure)
metric m = final(all)
";
    let model = checked(text);
    let params = |asked: &ir::Asked, case: &Case| {
        let ir = model.lower_for(asked).expect("it is sound");
        let out = outcome(&ir, case);
        (out.params, ir.uncertain.len())
    };
    let luck =
        |name: &str, labels: &[&str], run| uniform(key(1, name_hash(name, labels)), Place { run, step: 0, member: 0 });
    let (plain, drawn) = params(&ir::Asked::default(), &case(3));
    let sizes = ["small", "large"].map(|c| 10.0 + 10.0 * luck("size", &[c], 3));
    assert_eq!(drawn, 2);
    assert_eq!((plain[0], &plain[3..]), (0.03, &[1.0, 2.0][..]));
    plain[1..3].iter().zip(sizes).for_each(|(a, b)| assert!((a - b).abs() < 1e-12, "{a} {b}"));
    let sampled = ir::Asked { sampled: true, ..ir::Asked::default() };
    let (all, drawn) = params(&sampled, &case(3));
    assert_eq!(drawn, 5);
    assert!((all[0] - 0.1 * luck("fee", &[], 3)).abs() < 1e-15);
    assert_eq!(all[1..3], plain[1..3]);
    // A design says where each stands.
    let (designed, _) = params(&sampled, &Case { luck: vec![0.5; 5], ..case(3) });
    assert!((designed[0] - 0.05).abs() < 1e-15 && designed[3] == 0.0, "{designed:?}");
    // What is set is not drawn, be it one member.
    let set = |name: &str, value: &str| Settings { values: vec![(name.into(), value.into())], ..Settings::default() };
    let with = |settings: &Settings| {
        let ir = checked_with(text, &MemLoader::default(), settings).lower_for(&sampled).expect("it is sound");
        (outcome(&ir, &case(3)).params, ir.uncertain.len())
    };
    let (one, drawn) = with(&set("size[large]", "7"));
    assert_eq!((one[1], one[2], drawn), (plain[1], 7.0, 4));
    let (one, drawn) = with(&set("sure[small]", "9"));
    assert_eq!((one[3], one[4], drawn), (9.0, all[4], 4));
    assert_eq!(with(&set("fee", "1%")).0[0], 0.01);
}

#[test]
fn an_opening_may_come_with_the_run() {
    let text = "unit TKN
time month from 0 to 1
index Class = small, large
param fee = 1%
stock held[c in Class]: TKN = 100
let all = fee * sum(held)
metric m = final(all)
";
    let model = checked(text);
    let id = |name: &str| model.model.decls().find(|(_, d)| d.name == name).expect("it is there").0;
    let asked = ir::Asked { inputs: vec![(id("held"), 1), (id("fee"), 0)], ..ir::Asked::default() };
    let ir = model.lower_for(&asked).expect("it is sound");
    let out = outcome(&ir, &Case { inputs: vec![300.0, 0.5], ..case(1) });
    assert_eq!(out.metrics, [200.0]);
}

#[test]
fn a_series_by_run_has_a_column_for_each_run() {
    let loader = MemLoader::default().with("paths.csv", "month,one,two\n0,10,20\n2,30,60\n");
    let text = "time month from 0 to 2
series price: USD from \"paths.csv\" linear by run
param opening = price
state seen = price next price
metric last = final(price)
metric first = initial(seen)
"
    .replace("param opening = price\n", "");
    let model = checked_with(&text, &loader, &Settings::default());
    let ir = model.lower().expect("it is sound");
    let columns = |run| outcome(&ir, &case(run)).columns;
    assert_eq!(columns(1).last().expect("a column"), &[10.0, 20.0, 30.0]);
    assert_eq!(columns(2).last().expect("a column"), &[20.0, 40.0, 60.0]);
    assert_eq!(outcome(&ir, &case(2)).metrics, [60.0, 20.0]);
    let out = outcome(&ir, &case(3));
    let fault = out.fault.as_ref().map(|f| f.kind.clone());
    assert_eq!(fault, Some(FaultKind::NoColumn { series: 0, columns: 2, run: 3 }));
    let shown = model.results(&ir, &out).failure.expect("it failed");
    assert_eq!(shown.message, "`price` has no column for run 3");
}

#[test]
fn in_the_last_row_nothing_fails() {
    let text = "time month from 0 to 4
draw x ~ normal(0, 4 - time / (1 month) - 0.5) each step
metric m = max_over(x)
";
    let results = run_of(&checked(text), &case(1));
    assert!(results.failure.is_none());
    let x = &results.columns[0].values;
    assert!(x[..4].iter().all(|v| v.is_finite()) && x[4].is_nan(), "{x:?}");
}
