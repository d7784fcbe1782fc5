//! Single constructs against values that are known: worked out by hand from the rules of the language.

#![allow(clippy::disallowed_methods)] // Tests read files and compare with the platform's mathematics.

use flowc::{MemLoader, Results, Settings};

fn run_with(text: &str, settings: &Settings) -> Results {
    let checked = flowc::check("model.flow", text.as_bytes(), &MemLoader::default(), settings);
    let said: Vec<String> = checked.diagnostics.iter().map(|d| flowc::cli::plain(d, &checked.sources)).collect();
    assert!(checked.is_sound(), "{}\n{text}", said.join("\n"));
    checked.run().expect("a sound model runs")
}

fn run(text: &str) -> Results {
    run_with(&format!("unit TKN\n{text}"), &Settings::default())
}

#[track_caller]
fn rows(results: &Results, name: &str, expected: &[f64]) {
    let column = results.columns.iter().find(|c| c.name == name).unwrap_or_else(|| panic!("no column {name}"));
    assert_eq!(column.values, expected, "{name} in {}", column.unit);
}

#[track_caller]
fn metric(results: &Results, name: &str) -> f64 {
    results.metrics.iter().find(|m| m.name == name).map_or(f64::NAN, |m| m.value)
}

fn metrics(results: &Results, expected: &[(&str, f64)]) {
    if let Some(failure) = &results.failure {
        panic!("{}", failure.message);
    }
    for (name, value) in expected {
        let found =
            results.metrics.iter().find(|m| m.name == *name).unwrap_or_else(|| panic!("no metric {name}")).value;
        assert!(found == *value || (found.is_nan() && value.is_nan()), "{name} is {found}, not {value}");
    }
}

#[test]
fn conversions_are_exact() {
    let r = run("time month from 0 to 1
        unit kTKN = 1000 TKN
        let year_in_months = 1 year / (1 month)
        let days = 1 year / (1 day)
        let sevenths: month = 7 month + 14 month + 25 month
        let k: kTKN = 5
        let per_year = 24 TKN/year * (1 month)
        let share = 5% + 25 bps
        let tenth = 0.1 + 0.2
        let gwei: Gwei = 0.3 ETH
        let rate: 1/month = 12%/year
        let place: 1/month = 3%
        let percent_place: percent/year = 6%");
    for (name, value) in [
        ("year_in_months", 12.0),
        ("days", 365.25),
        ("sevenths", 46.0),
        ("k", 5.0),
        ("per_year", 2.0),
        ("share", 0.0525),
        ("tenth", 0.3),
        ("gwei", 3e8),
        ("rate", 0.01),
        ("place", 0.03),
    ] {
        rows(&r, name, &[value, value]);
    }
    // A percentage takes the rest of the place's unit and never its scale: 6 % a year, shown in percent a year.
    let column = r.columns.iter().find(|c| c.name == "percent_place").expect("there");
    assert!((column.values[0] - 6.0).abs() < 1e-12 && column.unit == "percent/year");
}

#[test]
fn a_step_reads_the_row_and_lands_together() {
    // Both flows read the row; the states read each other as they were.
    let r = run("time month from 0 to 3
        stock a: TKN = 8
        stock b: TKN = 0
        flow f: a -> b = a / (2 month)
        flow g: b -> a = b / (4 month)
        state x = 1 next y
        state y = 2 next x + y");
    rows(&r, "a", &[8.0, 4.0, 3.0, 2.75]);
    rows(&r, "b", &[0.0, 4.0, 5.0, 5.25]);
    rows(&r, "f", &[4.0, 2.0, 1.5, 1.375]);
    rows(&r, "x", &[1.0, 2.0, 3.0, 5.0]);
    rows(&r, "y", &[2.0, 3.0, 5.0, 8.0]);
}

#[test]
fn dated_transfers_land_before_their_row() {
    let r = run("time month from 0 to 6
        stock vault: TKN = 100
        stock team: TKN = 0
        transfer tge: vault -> team = 10 TKN at 0 month
        transfer cliff: vault -> team = 20 TKN at 3 month
        transfer coupon: vault -> team = 1 TKN every 2 month from 1 month to 5 month
        transfer last: vault -> team = 5 TKN at 6 month
        metric moved = total(coupon)
        metric end = final(team)");
    rows(&r, "team", &[10.0, 11.0, 11.0, 32.0, 32.0, 33.0, 38.0]);
    rows(&r, "coupon", &[0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0]);
    metrics(&r, &[("moved", 3.0), ("end", 38.0)]);
}

#[test]
fn every_without_from_begins_with_the_clock() {
    let r = run("time month from 2 to 8
        stock a: TKN = 0
        transfer t: cloud -> a = 1 TKN every 3 month");
    rows(&r, "a", &[1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 3.0]);
}

#[test]
fn conditions_move_within_the_step() {
    let r = run("time month from 0 to 5
        stock a: TKN = 10
        stock b: TKN = 0
        transfer slow: a -> b = 1 TKN each step
        transfer once: a -> b = 3 TKN once when b >= 2 TKN
        transfer often: b -> a = 1 TKN when b >= 6 TKN");
    rows(&r, "b", &[0.0, 1.0, 2.0, 6.0, 6.0, 6.0]);
    rows(&r, "once", &[0.0, 0.0, 3.0, 0.0, 0.0, 0.0]);
    rows(&r, "often", &[0.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
}

#[test]
fn caps_share_what_there_is() {
    let r = run("time month from 0 to 1
        stock s: TKN = 70
        stock a: TKN = 0
        stock b: TKN = 0
        stock c: TKN = 0
        stock d: TKN = 0
        flow certain: s -> a = 20 TKN/month
        flow comes: cloud -> s = 10 TKN/month
        flow first: s -> b = 30 TKN/month capped first
        flow half: s -> c = 40 TKN/month capped
        flow other: s -> d = 20 TKN/month capped
        flow skipped: s -> d = 1 TKN/month or skip
        let missing = requested(half) - half");
    // Room 70 + 10 − 20 = 60; first takes 30; half and other share 30 as 2 : 1; nothing is left.
    for (name, value) in
        [("certain", 20.0), ("first", 30.0), ("half", 20.0), ("other", 10.0), ("skipped", 0.0), ("missing", 20.0)]
    {
        let column = r.columns.iter().find(|c| c.name == name).expect("there");
        assert_eq!(column.values[0], value, "{name}");
    }
    rows(&r, "s", &[70.0, 0.0]);
    assert_eq!(r.short.len(), 3);
}

#[test]
fn passing_through_is_no_overdraft_and_rounding_is_trimmed() {
    let r = run("time month from 0 to 3
        stock source: TKN = 0.3
        stock middle: TKN = 0
        stock sink: TKN = 0
        flow into: source -> middle = 0.1 TKN/month
        flow out_of: middle -> sink = 0.1 TKN/month");
    assert!(r.failure.is_none());
    let last = r.columns[0].values.last().copied();
    assert_eq!(last, Some(0.0), "0.3 − 0.1 − 0.1 − 0.1 is below zero in doubles, by rounding only");
    assert_eq!(r.columns[2].values.last(), Some(&0.3));
}

#[test]
fn memory_looks_at_other_rows() {
    let r = run("time month from 0 to 4
        stock a: TKN = 1
        flow grow: cloud -> a = a / (1 month)
        let before = previous(a, 0 TKN)
        let same = previous(a)
        let start = initial(a)
        let opened = opening(a)
        let come = total(grow)
        let count = previous(count, 0) + 1
        let last_grow = previous(grow, 0)");
    rows(&r, "a", &[1.0, 2.0, 4.0, 8.0, 16.0]);
    rows(&r, "before", &[0.0, 1.0, 2.0, 4.0, 8.0]);
    rows(&r, "same", &[1.0, 1.0, 2.0, 4.0, 8.0]);
    rows(&r, "start", &[1.0; 5]);
    rows(&r, "opened", &[1.0, 2.0, 4.0, 8.0, 16.0]);
    rows(&r, "come", &[0.0, 1.0, 3.0, 7.0, 15.0]);
    rows(&r, "count", &[1.0, 2.0, 3.0, 4.0, 5.0]);
    rows(&r, "last_grow", &[0.0, 1.0, 2.0, 4.0, 8.0]);
}

#[test]
fn states_move_by_their_rule() {
    let r = run("time month from 0 to 4 step 0.5
        state slow = 1 next slow * 2 every 2 month
        state level = 0 rate (10 - level) / (2 month)
        state on = false next time >= 2 month
        record every 1 month");
    rows(&r, "slow", &[1.0, 1.0, 2.0, 2.0, 4.0]);
    rows(&r, "level", &[0.0, 4.375, 6.8359375, 8.22021484375, 8.998870849609375]);
    rows(&r, "on", &[0.0, 0.0, 0.0, 1.0, 1.0]);
}

#[test]
fn thinned_rows_keep_the_first_and_the_last() {
    let r = run("time month from 0 to 7
        record every 3 month
        stock a: TKN = 0
        flow f: cloud -> a = 1 TKN/month
        metric most = max_over(a)
        metric mean = mean_over(a)");
    assert_eq!(r.steps, [0, 3, 6, 7]);
    metrics(&r, &[("most", 7.0), ("mean", 3.5)]);
}

#[test]
fn metrics_see_rows_of_stocks_and_steps_of_flows() {
    let r = run("time month from 0 to 4
        stock a: TKN = 10
        flow f: a -> cloud = 1 TKN/month * (time / (1 month))
        metric last_flow = final(f)
        metric moved = total(f)
        metric rows_mean = mean_over(a)
        metric spread = sd_over(time / (1 month))
        metric early = total(f) from 1 month to 3 month
        metric there = at(a, 2 month)
        metric nowhere = at(a, 9 month)
        metric fell = drawdown(a)
        metric low_at = first_time(a < 9 TKN)
        metric never = first_time(a < 0 TKN)
        metric not_before = last_time(a > 100 TKN)
        metric top = time_of_max(f)
        metric half = final(a) / initial(a)");
    rows(&r, "a", &[10.0, 10.0, 9.0, 7.0, 4.0]);
    metrics(
        &r,
        &[
            ("last_flow", 3.0),
            ("moved", 6.0),
            ("rows_mean", 8.0),
            ("spread", 2f64.sqrt()),
            ("early", 3.0),
            ("there", 9.0),
            ("nowhere", f64::NAN),
            ("fell", 0.6),
            ("low_at", 3.0),
            ("never", f64::INFINITY),
            ("not_before", f64::NEG_INFINITY),
            ("top", 3.0),
            ("half", 0.4),
        ],
    );
}

#[test]
fn builtins_compute_what_they_say() {
    let cases = [
        ("mod(-7, 3)", 2.0),
        ("mod(7, -3)", -2.0),
        ("round(2.5)", 3.0),
        ("round(-2.5)", -3.0),
        ("trunc(-2.7)", -2.0),
        ("floor(-2.5)", -3.0),
        ("ceil(2.1)", 3.0),
        ("round(1234 TKN, to: 100 TKN) / (1 TKN)", 1200.0),
        ("clamp(7, 0, 5)", 5.0),
        ("safediv(1, 0, otherwise: 9)", 9.0),
        ("log(8, 2)", 3.0),
        ("log10(1000)", 3.0),
        ("sqrt(16 TKN^2) / (1 TKN)", 4.0),
        ("abs(-3)", 3.0),
        ("min(3, 1, 2)", 1.0),
        ("max(3, 1, 2)", 3.0),
        ("atan2(1, 1) * 4 / pi", 1.0),
        ("2^-3^2", 0.001953125),
        ("-2^2", -4.0),
        ("7 - 2 - 1", 4.0),
        ("if 1 < 2 <= 2 and not (3 == 4) then 5 else 6", 5.0),
        ("(8 TKN^3)^(1/3) / (1 TKN)", 2.0),
    ];
    for (text, value) in cases {
        let r = run(&format!("time month from 0 to 1\nlet x = {text}"));
        let found = r.columns[0].values[0];
        assert!((found - value).abs() <= 1e-15 * value.abs(), "{text} is {found}, not {value}");
    }
}

#[test]
fn functions_of_the_clock_fall_on_steps() {
    let r = run("time month from 0 to 4
        let s = step_at(5, 2 month)
        let up = ramp(2/month, 1 month, 3 month)
        let once = pulse(6 TKN, 1 month)
        let again = pulse(6 TKN, 0 month, 2 month)");
    rows(&r, "s", &[0.0, 0.0, 5.0, 5.0, 5.0]);
    rows(&r, "up", &[0.0, 0.0, 2.0, 4.0, 4.0]);
    rows(&r, "once", &[0.0, 6.0, 0.0, 0.0, 0.0]);
    rows(&r, "again", &[6.0, 0.0, 6.0, 0.0, 6.0]);
}

#[test]
fn time_is_never_accumulated() {
    let r = run("time month from 0 to 1000 step 0.1\nlet now = time");
    for (k, t) in r.times.iter().enumerate() {
        assert_eq!(*t, k as f64 / 10.0);
    }
    assert_eq!(r.times.len(), 10_001);
}

#[test]
fn settings_count_in_the_unit_of_what_they_set() {
    let text = "unit TKN\ntime month from 0 to 2\nparam programme = 60 month in 12 .. 120\nstock a: TKN = 5\nlet p = programme\nlet b = a";
    let set = |name: &str, value: &str| Settings { values: vec![(name.into(), value.into())], ..Settings::default() };
    rows(&run_with(text, &set("programme", "48")), "p", &[48.0; 3]);
    rows(&run_with(text, &set("programme", "2 year")), "p", &[24.0; 3]);
    rows(&run_with(text, &set("a", "7")), "b", &[7.0; 3]);
    let clock = Settings { to: Some("1 quarter".into()), step: Some("0.5".into()), ..Settings::default() };
    assert_eq!(run_with(text, &clock).times.last(), Some(&3.0));
}

#[test]
fn a_breach_of_the_ledger_would_be_found() {
    use flowc::exec::{AUDIT, Balance};
    let balance = |gap: f64| Balance { opened: 100.0, inflow: 5.0, outflow: 3.0, closed: 102.0 - gap, scale: 110.0 };
    assert!(balance(0.0).holds(60) && balance(0.5 * AUDIT * 110.0).holds(60));
    assert!(!balance(2.0 * AUDIT * 110.0).holds(60) && !balance(f64::NAN).holds(60));
}

/// What `check` says of a model, by code.
fn codes(text: &str) -> Vec<&'static str> {
    let checked = flowc::check("model.flow", text.as_bytes(), &MemLoader::default(), &Settings::default());
    checked.diagnostics.iter().map(|d| d.code.name()).collect()
}

#[test]
fn events_are_not_lost_far_from_time_0() {
    // At 10⁹ a step of a thousandth is rounded by a ten-thousandth of itself.
    let r = run("unit tick
        time tick from 1B to 1_000_000_001 step 0.001
        stock a: TKN = 0
        transfer t: cloud -> a = 1 TKN every 0.007 tick
        state n = 0 next n + 1 every 0.003 tick
        metric moved = total(t)
        metric last = final(n)");
    metrics(&r, &[("moved", 143.0), ("last", 333.0)]);
}

#[test]
fn what_comes_once_has_an_infinite_period() {
    let r = run("time month from 0 to 4
        param period: month = inf
        stock a: TKN = 9
        transfer t: a -> cloud = 1 TKN every period from 2 month
        let p = pulse(1 TKN, 1 month, inf)");
    rows(&r, "t", &[0.0, 0.0, 1.0, 0.0, 0.0]);
    rows(&r, "p", &[0.0, 1.0, 0.0, 0.0, 0.0]);
}

#[test]
fn a_flow_has_no_last_row_inside_a_function_either() {
    let r = run("time month from 0 to 2
        stock a: TKN = 100
        flow f: a -> cloud = 10%/month * a
        fn part(share) = f * share
        metric direct = final(f)
        metric called = final(part(1))");
    metrics(&r, &[("direct", 9.0), ("called", 9.0)]);
}

#[test]
fn a_debt_has_no_drawdown() {
    let r = run("time month from 0 to 2
        stock a: TKN = 0 signed
        flow f: a -> cloud = 1 TKN/month
        metric fall = drawdown(a)");
    metrics(&r, &[("fall", 0.0)]);
}

#[test]
fn numbers_of_many_digits_keep_their_unit() {
    let (digits, more) = ("37".repeat(198), "91".repeat(195));
    let r = run(&format!(
        "unit odd = 1000.{more} TKN
        time month from 0 to 1
        let a: TKN = 1.{digits} odd"
    ));
    let a = &r.columns[0].values[0];
    assert!((a / 1375.0 - 1.0).abs() < 1e-3, "{a}");
}

#[test]
fn the_audit_allows_for_the_rounding_of_a_long_run() {
    let balance = |gap| flowc::exec::Balance { opened: gap, scale: 1.0, ..flowc::exec::Balance::default() };
    assert!(balance(2e-9).holds(100_000_000) && !balance(2e-9).holds(1000));
    assert!(!balance(1e-7).holds(100_000_000));
}

#[test]
fn models_that_repeat_themselves_take_no_longer() {
    let nested = (0..60).fold("true".to_string(), |inner, _| format!("(true == {inner} == true)"));
    assert!(codes(&format!("time month from 0 to 1\nlet c = {nested}")).is_empty());
    let doubled: String = (1..60).map(|i| format!("let a{i} = a{} + a{}\n", i - 1, i - 1)).collect();
    let r = run(&format!(
        "time month from 0 to 1
        param a0 = 1
        {doubled}fn f(x) = x * a59
        state s = f(1)"
    ));
    rows(&r, "s", &[2f64.powi(59); 2]);
}

#[test]
fn long_units_are_survived() {
    let tower = |n| format!("{}TKN{}", "(".repeat(n), "^64)".repeat(n));
    for unit in [["TKN"; 100_000].join("*"), format!("{}*{}", tower(21), tower(21))] {
        codes(&format!("unit TKN\ntime month from 0 to 1\nlet a: {unit} = 0"));
    }
    // A power past all bounds does not become none.
    let power = format!("{}1 TKN{}", "p(".repeat(23), ")".repeat(23));
    assert_eq!(codes(&format!("unit TKN\ntime month from 0 to 1\nfn p(x) = x^64\nlet a: 1 = {power}")), ["E0302"]);
}

#[test]
fn the_row_before_row_0_is_row_0_in_every_phase() {
    let r = run("time month from 0 to 2
        stock a: TKN = 100
        stock b: TKN = 0
        phases one, two
        phase one { transfer x: a -> b = 30 TKN }
        phase two { let before = previous(a) let opened = opening(a) let now = a }");
    rows(&r, "before", &[100.0, 100.0, 70.0]);
    rows(&r, "opened", &[100.0, 70.0, 40.0]);
    rows(&r, "now", &[70.0, 40.0, 10.0]);
}

#[test]
fn a_leg_that_asks_for_nothing_limits_no_trade() {
    for short in ["capped", "capped first", "or skip"] {
        let r = run(&format!(
            "time month from 0 to 1
            stock empty: TKN = 0
            stock a: TKN = 10
            stock b: TKN = 0
            transfer other: empty -> b = 5 TKN each step capped
            transfer swap {{
              empty -> a = 0 TKN
              a -> b = 4 TKN
            }} {short} each step"
        ));
        rows(&r, "swap", &[1.0, 1.0]);
        rows(&r, "a", &[10.0, 6.0]);
    }
}

#[test]
fn what_is_missing_by_rounding_limits_no_trade() {
    for short in ["capped", "capped first", "or skip"] {
        let r = run(&format!(
            "time month from 0 to 1
            stock dry: TKN = 1000
            stock b: TKN = 0
            transfer drain: dry -> b = 1000 TKN at 0 month
            transfer swap {{
              cloud -> b = 10 TKN
              dry -> b = 1e-10 TKN
            }} {short} each step"
        ));
        rows(&r, "swap.1", &[10.0, 10.0]);
        rows(&r, "dry", &[0.0, 0.0]);
        assert!(r.short.is_empty());
    }
}

#[test]
fn a_trade_is_short_where_a_source_is_dry() {
    let r = run("time month from 0 to 1
        stock dry: TKN = 1000
        stock b: TKN = 0
        transfer drain: dry -> b = 1000 TKN at 0 month
        transfer swap {
          cloud -> b = 10 TKN
          dry -> b = 1e-6 TKN
        } capped each step");
    rows(&r, "swap.1", &[0.0, 0.0]);
    assert_eq!(r.short.iter().map(|s| (s.name.as_str(), s.steps)).collect::<Vec<_>>(), [("swap", 1)]);
}

#[test]
fn what_a_transfer_asks_for_adds_up_whatever_the_step() {
    for (step, asked) in [("1", 40.0), ("0.5", 80.0)] {
        let r = run(&format!(
            "time month from 0 to 4 step {step}
            stock a: TKN = 25
            stock b: TKN = 0
            transfer t: a -> b = 10 TKN capped each step
            metric asked = total(requested(t))
            metric short = total(requested(t)) - total(t)"
        ));
        assert_eq!(metric(&r, "asked"), asked);
        assert_eq!(metric(&r, "short"), asked - 25.0);
    }
}

#[test]
fn a_name_for_a_formula_changes_no_metric() {
    let r = run("time month from 0 to 3
        stock a: TKN = 100
        flow pay: a -> cloud = 1 TKN/month * (1 + time / (1 month))
        let twice = pay * 2
        metric by_formula = final(pay * 2)
        metric by_name = final(twice)
        metric mean_by_formula = mean_over(pay * 2)
        metric mean_by_name = mean_over(twice)");
    assert_eq!(metric(&r, "by_name"), 6.0);
    assert_eq!(metric(&r, "by_formula"), 6.0);
    assert_eq!(metric(&r, "mean_by_name"), metric(&r, "mean_by_formula"));
}

#[test]
fn what_is_undefined_meets_no_goal() {
    let r = run("time month from 0 to 3
        stock a: TKN = 0
        metric z = final(a) / (0 TKN)
        goal z != 0
        goal not (z < 0)
        goal if z > 0 then false else true
        goal final(a) >= 0 TKN");
    let verdicts: Vec<_> = r.goals.iter().map(|g| g.verdict == flowc::output::Verdict::Met).collect();
    assert_eq!(verdicts, [false, false, false, true]);
}

#[test]
fn a_signed_stock_is_drained_to_nothing() {
    let r = run("time month from 0 to 4
        stock pot: TKN = 1 signed
        stock b: TKN = 0
        transfer x: pot -> b = 0.7 TKN capped each step
        transfer y: pot -> b = 0.6 TKN capped each step
        transfer z: pot -> b = 0.9 TKN capped each step");
    rows(&r, "pot", &[1.0, 0.0, 0.0, 0.0, 0.0]);
}

#[test]
fn the_last_row_tells_what_is_asked_even_below_zero() {
    for short in ["capped", "capped first", "or skip", ""] {
        let r = run(&format!(
            "time month from 0 to 1
            stock a: TKN = 100
            stock b: TKN = 0
            transfer x: a -> b = (if time < 1 month then 5 TKN else -500 TKN) {short} each step"
        ));
        rows(&r, "x", &[5.0, -500.0]);
    }
}

#[test]
fn a_capped_move_takes_no_more_than_it_asks_for() {
    // What is left within rounding would go to it, were it not more than it lacks.
    let r = run("time month from 0 to 1
        stock a: TKN = 1000
        stock b: TKN = 0
        transfer drain: a -> b = 1000 TKN at 0 month
        transfer refill: cloud -> a = 9e-10 TKN each step capped
        transfer x: a -> b = 7.5e-10 TKN each step capped
        transfer y: a -> b = 7.5e-10 TKN each step capped
        metric moved = total(x)
        metric left = final(a)");
    metrics(&r, &[("moved", 0.0), ("left", 9e-10)]);
}

#[test]
fn a_default_has_the_unit_of_what_is_found_later() {
    let (d, e) = ("let d = previous(e, 3 TKN)\n", "let e = max(d for j in K where s < 3 TKN else 2)\n");
    for (first, second) in [(d, e), (e, d)] {
        let r = run(&format!(
            "time month from 0 to 2
            index K = red, green
            stock s: TKN = 5
            stock b: TKN = 0
            flow f: s -> b = 2 TKN/month
            {first}{second}"
        ));
        rows(&r, "d", &[3.0, 2.0, 2.0]);
        rows(&r, "e", &[2.0, 2.0, 2.0]);
    }
    let r = run("time month from 0 to 1
        index N = 0 .. 1
        let d[n in N] = e[n - 1 else -2]
        let e[n in N] = d[n] * 1
        let f[n in N]: TKN = d[n] * 1 TKN");
    rows(&r, "f[1]", &[-2.0, -2.0]);
}
