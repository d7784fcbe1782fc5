//! What an `expect` compares, and what comes of it: files made by formulas, beside models that should follow them.

#![allow(clippy::disallowed_methods)] // Tests compare with the platform's mathematics.

use flowc::output::{Expectation, Tested};
use flowc::{Checked, MemLoader, Settings};

fn checked(model: &str, csv: &str, settings: &Settings) -> Checked {
    let loader = MemLoader::default().with("ref.csv", csv);
    let checked = flowc::check("model.flow", format!("unit TKN\n{model}").as_bytes(), &loader, settings);
    let said: Vec<String> = checked.diagnostics.iter().map(|d| flowc::cli::plain(d, &checked.sources)).collect();
    assert!(checked.is_sound(), "{}\n{model}", said.join("\n"));
    checked
}

fn test(model: &str, csv: &str) -> Tested {
    checked(model, csv, &Settings::default()).test().expect("a sound model runs")
}

/// The first of what is expected.
fn first(model: &str, csv: &str) -> Expectation {
    test(model, csv).expectations.swap_remove(0)
}

/// A file of these rows.
fn file(rows: impl IntoIterator<Item = (f64, f64)>) -> String {
    rows.into_iter().fold("month,value\n".to_string(), |csv, (t, v)| format!("{csv}{t},{v}\n"))
}

const DECAY: &str = "time month from 0 to 24 step 0.5
    stock fund: TKN = 1000
    flow burn: fund -> cloud = 10%/month * fund\n";

/// Euler's own solution, 1000 · 0.95^k.
fn decay(k: i32) -> f64 {
    1000.0 * 0.95_f64.powi(k)
}

#[test]
fn a_model_follows_its_closed_form() {
    let rows = file((0..=48).map(|k| (f64::from(k) / 2.0, decay(k))));
    let e = first(&format!("{DECAY}expect fund within 1e-9 of \"ref.csv\""), &rows);
    assert!(e.holds() && e.first.is_none(), "{e:?}");
    assert_eq!((e.rows, e.off, e.text.as_str(), e.unit.as_str()), (49, 0, "fund within 1e-9", "TKN"));
    assert!(e.largest.expect("a row").apart < 1e-9);
    // A file may leave rows out.
    let e = first(&format!("{DECAY}expect fund within 1e-9 of \"ref.csv\""), &file([(0.0, 1000.0), (24.0, decay(48))]));
    assert!(e.holds() && e.rows == 2);
}

#[test]
fn what_is_off_is_found_in_its_line() {
    let rows = file((0..=24).map(|k| (f64::from(k), decay(2 * k) + if k >= 4 { 3.0 } else { 0.0 })));
    let e = first(&format!("{DECAY}expect fund within 2 of \"ref.csv\""), &rows);
    assert!(!e.holds());
    assert_eq!((e.rows, e.off), (25, 21));
    let d = e.first.expect("a row");
    assert_eq!((d.time, d.line), (4.0, 6));
    assert!([d.here - decay(8), d.there - decay(8) - 3.0, d.apart - 3.0].iter().all(|x| x.abs() < 1e-9), "{d:?}");
}

/// What is moved in a month stands in the row in which the month starts; spreadsheets write it where it ends.
#[test]
fn rows_that_hold_the_step_that_ended_are_shifted() {
    let moved = |k: i32| 0.1 * decay(k - 1);
    let rows = file((1..=48).map(|k| (f64::from(k) / 2.0, moved(k))));
    let e = first(&format!("{DECAY}expect burn within 1e-9 of \"ref.csv\" shifted 1 step"), &rows);
    assert!(e.holds() && e.rows == 48, "{e:?}");
    // Two steps of half a month are a month.
    let rows = file((2..=24).map(|k| (f64::from(k) / 2.0, moved(k - 1))));
    let e = first(&format!("{DECAY}expect burn within 1e-9 of \"ref.csv\" shifted 2 step"), &rows);
    assert!(e.holds() && e.rows == 23, "{e:?}");
}

#[test]
fn a_tolerance_is_an_amount_or_a_share_of_what_the_file_says() {
    let model = "time month from 0 to 2
        unit kTKN = 1000 TKN
        stock fund: TKN = 2000
        flow pay: fund -> cloud = 1000 TKN/month
        let thousands: kTKN = fund\n";
    let holds =
        |expect: &str, rows: &[(f64, f64)]| first(&format!("{model}{expect}"), &file(rows.iter().copied())).holds();
    let rows = [(0.0, 1990.0), (1.0, 995.0)];
    // A bare number counts in the unit in which the value is shown, and so do the file's.
    assert!(holds("expect fund within 10 of \"ref.csv\"", &rows));
    assert!(!holds("expect fund within 9.9 of \"ref.csv\"", &rows));
    assert!(holds("expect fund within 0.01 kTKN of \"ref.csv\"", &rows));
    assert!(holds("expect thousands within 0.011 of \"ref.csv\"", &[(0.0, 1.99), (1.0, 0.995)]));
    assert!(!holds("expect thousands within 9 TKN of \"ref.csv\"", &[(0.0, 1.99), (1.0, 0.995)]));
    assert!(holds("expect fund within 0.51% of \"ref.csv\"", &rows));
    assert!(!holds("expect fund within 0.49% of \"ref.csv\"", &rows));
    // Of nothing no share is anything; nothing is as far from nothing as one likes.
    assert!(holds("expect fund within 1% of \"ref.csv\"", &[(2.0, 0.0)]));
    assert!(!holds("expect fund within 1000% of \"ref.csv\"", &[(0.0, 0.0)]));
    assert!(holds("expect fund within 0 of \"ref.csv\"", &[(0.0, 2000.0), (1.0, 1000.0), (2.0, 0.0)]));
}

#[test]
fn a_file_may_have_dates_units_and_other_columns() {
    let model = "time month from 0 to 12 starting @2026-01-01
        index Team = core, apps
        stock fund: TKN = 1000
        stock paid[t in Team]: TKN = 0
        flow pay[t in Team]: fund -> paid[t] = if t == core then 30 TKN/month else 10 TKN/month
        transfer bonus: fund -> paid[core] = 25 TKN at 12 month\n";
    let csv = "paid [TKN],date,all,bonus\n0,2026-01-01,0,0\n180,2026-07-01,240,0\n385,2027-01-01,505,25\n";
    let expects = "expect paid[core] within 0 of \"ref.csv\" column paid time date
        expect sum(paid) within 0 TKN of \"ref.csv\" column all time date
        expect total(pay[core]) + total(pay[apps]) within 25 of \"ref.csv\" column all time date
        expect bonus within 0 of \"ref.csv\" column bonus time date";
    let tested = test(&format!("{model}{expects}"), csv);
    assert!(tested.holds() && tested.expectations.iter().all(|e| e.rows == 3), "{tested:#?}");
    let names: Vec<&str> = tested.expectations.iter().map(|e| e.text.as_str()).collect();
    assert_eq!(names[..2], ["paid[core] within 0", "sum(paid) within 0 TKN"]);
}

#[test]
fn every_row_is_there_to_be_compared() {
    // `record every` and the other values of the model change nothing.
    let model = format!("{DECAY}record every 6 month\nexpect fund within 1e-9 of \"ref.csv\"");
    let e = first(&model, &file([(0.5, decay(1)), (7.5, decay(15))]));
    assert!(e.holds() && e.rows == 2);
    let e = first(
        &format!("{DECAY}expect previous(fund, 7 TKN) within 1e-9 of \"ref.csv\""),
        &file([(0.0, 7.0), (0.5, 1000.0)]),
    );
    assert!(e.holds());
}

#[test]
fn a_call_that_changes_the_clock_compares_what_there_is() {
    let rows = file((0..=48).map(|k| (f64::from(k) / 2.0, decay(k))));
    let model = format!("{DECAY}expect fund within 1e-9 of \"ref.csv\"");
    let called =
        |settings: Settings| checked(&model, &rows, &settings).test().expect("it runs").expectations.swap_remove(0);
    let e = called(Settings { to: Some("6".into()), ..Settings::default() });
    assert!(e.holds() && e.rows == 13, "{e:?}");
    let e = called(Settings { step: Some("1".into()), ..Settings::default() });
    assert!(!e.holds() && e.rows == 25 && e.first.is_some_and(|d| d.time == 1.0), "{e:?}");
    let e = called(Settings { values: vec![("fund".into(), "900".into())], ..Settings::default() });
    assert_eq!(e.off, 49);
    // Nothing to compare is no agreement.
    let e = called(Settings { from: Some("30".into()), to: Some("31".into()), ..Settings::default() });
    assert!(!e.holds() && e.rows == 0);
}

#[test]
fn what_is_undefined_or_infinite_agrees_with_nothing() {
    let model = "time month from 0 to 2
        let undefined = (time - time) / (time - time)
        let infinite = 1 / (time - time)
        expect undefined within 1000% of \"ref.csv\"
        expect infinite within 1000% of \"ref.csv\"";
    let tested = test(model, &file([(0.0, 1.0), (1.0, 2.0)]));
    assert!(tested.expectations.iter().all(|e| e.off == 2), "{tested:#?}");
}

#[test]
fn a_run_that_fails_is_no_test() {
    let model = "time month from 0 to 3
        stock fund: TKN = 2
        flow pay: fund -> cloud = 1 TKN/month
        expect fund within 0 of \"ref.csv\"";
    let tested = test(model, &file([(0.0, 2.0), (1.0, 1.0)]));
    assert!(!tested.holds() && tested.expectations.is_empty());
    assert_eq!(tested.failure.expect("it fails").code, flowc::Code::E0901);
    assert!(test("time month from 0 to 3\nstock fund: TKN = 2\nflow pay: fund -> cloud = 0 TKN/month", "").holds());
}

#[test]
fn what_is_expected_changes_no_run() {
    let expects = "expect previous(burn, 0) + fund / (1 month) within 1 of \"ref.csv\"\nexpect total(burn) within 1 of \"ref.csv\"";
    let csv = file([(0.0, 0.0), (0.5, 0.0)]);
    let run = |model: &str| {
        let results = checked(model, &csv, &Settings::default()).run().expect("it runs");
        flowc::output::csv(&results)
    };
    assert_eq!(run(DECAY), run(&format!("{DECAY}{expects}")));
}
