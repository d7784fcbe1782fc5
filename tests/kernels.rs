//! Aggregates, curves, series and dates: values that are known, and laws.

#![allow(clippy::disallowed_methods)] // Tests read files and compare with the platform's mathematics.

use flowc::builtins::aggregate::{
    ALL, ANY, ARGMAX, ARGMIN, COUNT, GINI, HHI, MAX, MEAN, MIN, NAKAMOTO, PRODUCT, RANK, SUM,
};
use flowc::builtins::{Aggregate, Curve, Ends, Instant, Item, Nothing, Reading, Series};
use flowc::units::{Calendar, Date, from_f64, to_f64};
use num_rational::BigRational;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

const EVERY: [Aggregate; 14] =
    [SUM, MEAN, MIN, MAX, PRODUCT, COUNT, ANY, ALL, GINI, HHI, NAKAMOTO, ARGMAX, ARGMIN, RANK];

fn items(values: &[f64]) -> Vec<Item> {
    values.iter().enumerate().map(|(i, value)| Item { member: 100.0 + i as f64, value: *value }).collect()
}

fn of(aggregate: Aggregate, values: &[f64]) -> f64 {
    (aggregate.gather)(f64::NAN, &items(values))
}

fn rational(numer: i64, denom: i64) -> BigRational {
    BigRational::new(numer.into(), denom.into())
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-12 * a.abs().max(b.abs())
}

#[test]
fn aggregates_of_values_that_are_known() {
    let x = [3.0, 1.0, 4.0, 1.0, 5.0, 4.0, 5.0];
    for (aggregate, value) in [
        (SUM, 23.0),
        (MEAN, 23.0 / 7.0),
        (MIN, 1.0),
        (MAX, 5.0),
        (PRODUCT, 1200.0),
        (COUNT, 7.0),
        (ANY, 1.0),
        (ALL, 1.0),
    ] {
        assert_eq!(of(aggregate, &x), value);
    }
    assert_eq!((of(ARGMAX, &x), of(ARGMIN, &x)), (104.0, 101.0), "the first of equals");
    assert_eq!([5.0, 4.0, 3.0, 1.0].map(|head| (RANK.gather)(head, &items(&x))), [1.0, 3.0, 5.0, 6.0]);
    assert_eq!(of(COUNT, &[0.0, 1.0, -0.0, 2.0]), 2.0);
    assert_eq!((of(ANY, &[0.0, 0.0]), of(ANY, &[0.0, 1.0])), (0.0, 1.0));
    assert_eq!((of(ALL, &[1.0, 0.0]), of(ALL, &[1.0, 1.0])), (0.0, 1.0));
    // From the first to the last, and from the first itself.
    assert_eq!(of(SUM, &[1e16, 1.0, -1e16, 1.0]), 1.0);
    for aggregate in [SUM, MEAN, MIN, MAX, PRODUCT] {
        assert_eq!(of(aggregate, &[-0.0]).to_bits(), (-0.0f64).to_bits());
    }
}

#[test]
fn aggregates_of_nothing() {
    for aggregate in EVERY {
        let found = of(aggregate, &[]);
        match aggregate.nothing {
            Nothing::Is(value) => assert_eq!(found, value),
            Nothing::Undefined => assert!(found.is_nan()),
        }
        let exact = aggregate.exact.map(|exact| exact(&[]).as_ref().map(to_f64));
        assert!(exact.is_none_or(|exact| exact == (!found.is_nan()).then_some(found)));
    }
    let defined = EVERY.map(|a| if let Nothing::Is(value) = a.nothing { Some(value) } else { None });
    let (n, zero, one) = (None, Some(0.0), Some(1.0));
    assert_eq!(defined, [zero, n, n, n, one, zero, zero, one, n, n, n, n, n, n]);
}

#[test]
fn what_is_no_number_never_vanishes() {
    for aggregate in [SUM, MEAN, MIN, MAX, PRODUCT, GINI, HHI, NAKAMOTO, ARGMAX, ARGMIN, RANK] {
        for place in 0..3 {
            let mut values = [1.0, 2.0, 3.0];
            values[place] = f64::NAN;
            assert!((aggregate.gather)(2.0, &items(&values)).is_nan());
        }
    }
    assert!(of(RANK, &[1.0]).is_nan());
}

#[test]
fn concentration_of_values_that_are_known() {
    for (values, gini) in [
        (&[1.0, 1.0, 1.0, 1.0][..], 0.0),
        (&[0.1; 7], 0.0),
        (&[5.0], 0.0),
        (&[0.0, 0.0, 0.0, 1.0], 0.75),
        (&[1.0, 2.0, 3.0, 4.0], 0.25),
        (&[4.0, 1.0, 3.0, 2.0], 0.25),
    ] {
        assert_eq!(of(GINI, values), gini, "{values:?}");
    }
    for n in 2..50 {
        // Of 1, 2 … n it is (n − 1)/(3n); of n equal shares the index is 1/n.
        let ramp: Vec<f64> = (1..=n).map(f64::from).collect();
        let n = f64::from(n);
        assert!(near(of(GINI, &ramp), (n - 1.0) / (3.0 * n)));
        assert!(near(of(HHI, &vec![0.1; ramp.len()]), 1.0 / n));
        assert_eq!(of(NAKAMOTO, &vec![0.1; ramp.len()]), (n / 2.0).floor() + 1.0);
    }
    // The example of the U.S. Horizontal Merger Guidelines (2010), 5.3: 2600 points.
    assert!(near(of(HHI, &[30.0, 30.0, 20.0, 20.0]), 0.26));
    assert_eq!(of(HHI, &[0.0, 7.0, 0.0]), 1.0);
    for (values, nakamoto) in [
        (&[40.0, 30.0, 20.0, 10.0][..], 2.0),
        (&[51.0, 49.0], 1.0),
        (&[50.0, 50.0], 2.0),
        (&[0.1, 0.4, 0.2, 0.3], 2.0),
        (&[0.5, 0.2, 0.3], 2.0),
        (&[7.0], 1.0),
    ] {
        assert_eq!(of(NAKAMOTO, values), nakamoto, "{values:?}");
    }
    for values in [&[0.0, 0.0][..], &[2.0, -1.0], &[f64::INFINITY, 1.0]] {
        assert!([GINI, HHI, NAKAMOTO].iter().all(|a| of(*a, values).is_nan()), "{values:?}");
    }
}

fn held() -> impl Strategy<Value = Vec<f64>> {
    proptest::collection::vec(prop_oneof![Just(0.0), 0.0..1.0, 1.0..1e9], 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(2_026), ..ProptestConfig::default() })]

    #[test]
    fn concentration_has_bounds(values in held()) {
        prop_assume!(values.iter().any(|v| *v > 0.0));
        let (n, rounding) = (values.len() as f64, 1e-12);
        let (gini, hhi, nakamoto) = (of(GINI, &values), of(HHI, &values), of(NAKAMOTO, &values));
        prop_assert!(gini >= 0.0 && gini <= 1.0 - 1.0 / n + rounding, "{gini}");
        prop_assert!(hhi >= 1.0 / n - rounding && hhi <= 1.0 + rounding, "{hhi}");
        prop_assert!(nakamoto >= 1.0 && nakamoto <= (n / 2.0).floor() + 1.0, "{nakamoto}");
        // The definition, to the letter.
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        let (sum, weighed) = sorted.iter().zip(1..).fold((0.0, 0.0), |(s, w), (x, i)| (s + x, w + f64::from(i) * x));
        prop_assert!((gini - (2.0 * weighed / (n * sum) - (n + 1.0) / n)).abs() < 1e-12);
    }

    #[test]
    fn concentration_does_not_hang_on_order_or_unit(values in held(), swap in any::<prop::sample::Index>(), scale in 1e-3..1e3) {
        prop_assume!(values.iter().any(|v| *v > 0.0));
        let mut turned = values.clone();
        turned.rotate_left(swap.index(values.len()));
        turned.reverse();
        let scaled: Vec<f64> = values.iter().map(|v| v * scale).collect();
        for aggregate in [GINI, HHI, NAKAMOTO] {
            prop_assert_eq!(of(aggregate, &values), of(aggregate, &turned));
            prop_assert!((of(aggregate, &values) - of(aggregate, &scaled)).abs() < 1e-12);
        }
    }

    #[test]
    fn exact_aggregates_agree(values in proptest::collection::vec(-1000i32..1000, 1..5)) {
        let doubles: Vec<f64> = values.iter().map(|v| f64::from(*v)).collect();
        let exact: Vec<BigRational> = doubles.iter().filter_map(|v| from_f64(*v)).collect();
        for aggregate in EVERY {
            if let Some(exactly) = aggregate.exact {
                prop_assert_eq!(exactly(&exact).as_ref().map(to_f64), Some(of(aggregate, &doubles)));
            }
        }
    }

    /// A row of lumps falls into exactly one step, wherever it lies: each has a power of 2 of its own.
    #[test]
    fn lumps_add_up(
        (numer, denom) in prop_oneof![Just((1, 1)), Just((1, 10)), Just((1, 3)), Just((3, 10)), Just((1, 1000)), Just((7, 1))],
        start in prop_oneof![Just(0i64), Just(-5), Just(2021), Just(1_000_000_000)],
        steps in 1i64..60,
        places in proptest::collection::vec((0.0..1.0f64, any::<bool>()), 1..40),
    ) {
        let grid = |k: i64| to_f64(&(rational(start, 1) + rational(k * numer, denom)));
        let dt = to_f64(&rational(numer, denom));
        let mut times: Vec<f64> = places
            .iter()
            .map(|(place, on_grid)| {
                let step = (place * steps as f64).floor();
                // On a step's time as the clock has it, as a sum has it, or anywhere but at the very end.
                if *on_grid { grid(step as i64) } else { start as f64 + (place * steps as f64).min(steps as f64 - 0.01) * dt }
            })
            .chain([start as f64 + dt * (steps - 1) as f64])
            .collect();
        times.sort_by(f64::total_cmp);
        times.dedup();
        let values: Vec<f64> = (0..times.len() as i32).map(|i| 2f64.powi(i)).collect();
        let all: f64 = values.iter().sum();
        let series = Series { times, values, reading: Reading::Lumps };
        let lumps = (0..steps).map(|k| series.at(Instant { time: grid(k), row: grid(k), dt, start: start as f64, step: k as f64 }));
        prop_assert_eq!(lumps.sum::<f64>(), all, "{:?}", series);
    }

    #[test]
    fn curves_stay_between_their_points(ys in proptest::collection::vec(-1.0..1.0, 2..9), x in -3.0..12.0) {
        let xs: Vec<f64> = (0..ys.len()).map(|i| i as f64 * 1.1).collect();
        let at = |ends| Curve { xs: xs.clone(), ys: ys.clone(), ends }.at(x);
        let left = xs.iter().rposition(|p| *p <= x).unwrap_or(0);
        let right = (left + usize::from(x > xs[0])).min(ys.len() - 1);
        let y = at(Ends::Clamp);
        prop_assert!(y >= ys[left].min(ys[right]) && y <= ys[left].max(ys[right]));
        prop_assert_eq!(at(Ends::Step), ys[left]);
        if x >= xs[0] && x <= xs[xs.len() - 1] {
            prop_assert_eq!(at(Ends::Extrapolate), y);
        }
        for (x, y) in xs.iter().zip(&ys) {
            for ends in [Ends::Clamp, Ends::Extrapolate, Ends::Step] {
                prop_assert_eq!(Curve { xs: xs.clone(), ys: ys.clone(), ends }.at(*x), *y);
            }
        }
    }
}

#[test]
fn curves_of_values_that_are_known() {
    let curve = |ends| Curve { xs: vec![0.0, 0.5, 2.0], ys: vec![1.0, 2.0, -1.0], ends };
    for (ends, values) in [
        (Ends::Clamp, [1.0, 1.0, 1.5, 2.0, 1.0, -1.0, -1.0, -1.0]),
        (Ends::Extrapolate, [-1.0, 1.0, 1.5, 2.0, 1.0, -1.0, -3.0, f64::NEG_INFINITY]),
        (Ends::Step, [1.0, 1.0, 1.0, 2.0, 2.0, -1.0, -1.0, -1.0]),
    ] {
        assert_eq!([-1.0, 0.0, 0.25, 0.5, 1.0, 2.0, 3.0, f64::INFINITY].map(|x| curve(ends).at(x)), values, "{ends:?}");
        assert!(curve(ends).at(f64::NAN).is_nan());
        let point = Curve { xs: vec![3.0], ys: vec![7.0], ends };
        assert_eq!([f64::NEG_INFINITY, 2.0, 3.0, 4.0].map(|x| point.at(x)), [7.0; 4]);
    }
    let flat = Curve { xs: vec![0.0, 1.0], ys: vec![0.1, 0.1], ends: Ends::Extrapolate };
    assert_eq!(flat.at(f64::INFINITY), 0.1);
}

#[test]
fn series_are_read_as_they_say() {
    let read = |reading, dt: f64, start: f64, steps: usize| {
        let series = Series { times: vec![0.3, 0.5, 0.6], values: vec![3.0, 5.0, 6.0], reading };
        let at = |k: usize| {
            series.at(Instant { time: start + k as f64 * dt, row: start + k as f64 * dt, dt, start, step: k as f64 })
        };
        (0..steps).map(at).collect::<Vec<f64>>()
    };
    // 3 · 0.1 is more than 0.3, 0.3 / 0.1 is less than 3, and 6 · 0.1 is more than 0.6.
    assert_eq!(read(Reading::Lumps, 0.1, 0.0, 8), [0.0, 0.0, 0.0, 3.0, 0.0, 5.0, 6.0, 0.0]);
    assert_eq!(read(Reading::Hold, 0.1, 0.0, 8), [3.0, 3.0, 3.0, 3.0, 3.0, 5.0, 6.0, 6.0]);
    assert_eq!(read(Reading::Lumps, 0.25, 0.0, 4), [0.0, 3.0, 11.0, 0.0]);
    assert_eq!(read(Reading::Lumps, 0.5, 0.4, 2), [11.0, 0.0], "what lies before the run is in no step");
    let linear = read(Reading::Linear, 0.1, 0.0, 8);
    assert!(linear.iter().zip([3.0, 3.0, 3.0, 3.0, 4.0, 5.0, 6.0, 6.0]).all(|(a, b)| near(*a, b)), "{linear:?}");
    // A row whose time was rounded up is there at its time.
    let late = Series { times: vec![0.0, 0.1 + 0.2], values: vec![0.0, 1.0], reading: Reading::Hold };
    assert_eq!(late.at(Instant { time: 0.3, row: 0.3, dt: 0.1, start: 0.0, step: 3.0 }), 1.0);
}

fn date(text: &str) -> Date {
    Date::parse(text).unwrap_or_else(|| panic!("{text} is a date"))
}

/// The day after, by the rule as one learns it.
fn tomorrow(date: Date) -> String {
    let text = date.to_string();
    let [year, month, day] = [&text[..4], &text[5..7], &text[8..]].map(|n| n.parse::<u32>().expect("a number"));
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month as usize - 1];
    match (day < length, month < 12) {
        (true, _) => format!("{year:04}-{month:02}-{:02}", day + 1),
        (false, true) => format!("{year:04}-{:02}-01", month + 1),
        (false, false) => format!("{:04}-01-01", year + 1),
    }
}

#[test]
fn dates_are_days_that_exist() {
    for text in ["2021-08-04", "2024-02-29", "2000-02-29", "0000-01-01", "9999-12-31"] {
        assert_eq!(date(text).to_string(), text);
    }
    for text in [
        "2021-02-29",
        "1900-02-29",
        "2021-04-31",
        "2021-00-10",
        "2021-13-01",
        "2021-01-00",
        "2021-8-04",
        "21-08-04",
        "2021-08-04 ",
        "2021/08/04",
        "+021-08-04",
        "2021-08-99",
        "10000-01-01",
        "",
    ] {
        assert_eq!(Date::parse(text), None, "{text}");
    }
    assert!(date("2020-12-31") < date("2021-01-01") && date("2021-01-31") < date("2021-02-01"));
}

#[test]
fn every_day_follows_the_day_before() {
    let (days, first) = (Calendar::Days(rational(1, 1)), date("0000-01-01"));
    let mut today = first;
    // 25 times 400 years.
    for n in 1..3_652_425 {
        let next = days.date(first, f64::from(n)).expect("before 9999");
        assert!(today < next);
        // The text of each day is slow: the first 400 years show all there is.
        if n < 146_097 + 366 {
            assert_eq!(next.to_string(), tomorrow(today));
        }
        today = next;
    }
    assert_eq!(today.to_string(), "9999-12-31");
    assert_eq!(days.date(first, 3_652_425.0), None);
    assert_eq!(days.date(first, -0.5), None);
    for time in [f64::NAN, f64::INFINITY, 1e300, -1e300] {
        assert_eq!(days.date(first, time), None);
    }
}

#[test]
fn times_of_dates_that_are_known() {
    let start = date("2021-04-01");
    let months = Calendar::Months(rational(1, 1));
    for (text, numer, denom) in [
        ("2021-04-01", 0, 1),
        ("2021-05-01", 1, 1),
        ("2021-04-16", 1, 2),
        ("2021-08-04", 4 * 31 + 3, 31),
        ("2022-04-01", 12, 1),
        ("2021-03-01", -1, 1),
        ("2021-03-31", -1, 31),
    ] {
        assert_eq!(months.time(start, date(text)), rational(numer, denom), "{text}");
    }
    assert_eq!(Calendar::Months(rational(12, 1)).time(start, date("2023-10-01")), rational(5, 2));
    assert_eq!(Calendar::Months(rational(3, 1)).date(start, 1.0), Some(date("2021-07-01")));
    assert_eq!(Calendar::Days(rational(7, 1)).time(start, date("2021-04-18")), rational(17, 7));
    let seconds = Calendar::Days(rational(1, 86_400));
    assert_eq!(seconds.time(date("1970-01-01"), date("2001-09-09")), rational(999_993_600, 1));
    assert_eq!(seconds.date(date("1970-01-01"), 1e9), Some(date("2001-09-09")));
    // Months from the 31st end where the month does, and begin again on the 31st.
    let last = date("2023-01-31");
    let ends = ["2023-01-31", "2023-02-28", "2023-03-31", "2023-04-30", "2023-05-31"];
    for (month, end) in ends.into_iter().enumerate() {
        assert_eq!(months.date(last, month as f64), Some(date(end)));
        assert_eq!(months.time(last, date(end)), rational(month as i64, 1));
    }
    assert_eq!(months.time(last, date("2023-03-01")), rational(32, 31));
}

#[test]
fn dates_come_back_from_their_times() {
    let days = Calendar::Days(rational(1, 1));
    let calendars = [
        Calendar::Months(rational(1, 1)),
        Calendar::Months(rational(3, 1)),
        Calendar::Months(rational(12, 1)),
        Calendar::Days(rational(7, 1)),
        Calendar::Days(rational(1, 24)),
        Calendar::Days(rational(1, 86_400)),
    ];
    let first = date("1990-01-01");
    for start in ["1990-01-01", "2021-04-01", "2023-01-31", "2024-02-29", "2019-08-30", "2110-12-31"].map(date) {
        for calendar in &calendars {
            let mut before = None;
            for n in 0..44_194 {
                let day = days.date(first, f64::from(n)).expect("near");
                let time = calendar.time(start, day);
                assert_eq!(calendar.date(start, to_f64(&time)), Some(day), "{calendar:?} from {start}: {time}");
                assert!(before.is_none_or(|before| before < time), "{calendar:?} from {start}: {day}");
                before = Some(time);
            }
        }
    }
    assert_eq!(days.date(first, 44_193.0), Some(date("2110-12-31")));
}
