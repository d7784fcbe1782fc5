//! Arrays, data and dates against what is worked out here, by loops and from the files themselves.

#![allow(clippy::disallowed_methods)] // Tests read files and compare with the platform's mathematics.

use flowc::{Checked, MemLoader, Results, Settings, check};

#[path = "support/examples.rs"]
mod support;

use support::{column, metric};

/// The cells of a CSV file without quotes: the header, and the rows.
fn csv(name: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let text = std::fs::read_to_string(format!("examples/data/{name}.csv")).expect("data");
    let mut lines = text.lines().map(|line| line.split(',').map(str::to_string).collect::<Vec<_>>());
    (lines.next().expect("a header"), lines.collect())
}

fn number(text: &str) -> f64 {
    let percent = text.strip_suffix('%');
    let value: f64 = percent.unwrap_or(text).parse().unwrap_or_else(|_| panic!("{text} is no number"));
    if percent.is_some() { value / 100.0 } else { value }
}

fn clock(to: Option<&str>, step: Option<&str>) -> Settings {
    Settings { to: to.map(str::to_string), step: step.map(str::to_string), ..Settings::default() }
}

fn checked(text: &str, beside: &MemLoader) -> Checked {
    check("model.flow", text.as_bytes(), beside, &Settings::default())
}

fn run_beside(text: &str, beside: &MemLoader) -> Results {
    let checked = checked(text, beside);
    let said: Vec<String> = checked.diagnostics.iter().map(|d| flowc::cli::plain(d, &checked.sources)).collect();
    assert!(checked.is_sound(), "{}\n{text}", said.join("\n"));
    let results = checked.run().expect("a sound model runs");
    if let Some(failure) = &results.failure {
        panic!("{}", failure.message);
    }
    results
}

fn run(text: &str) -> Results {
    run_beside(text, &MemLoader::default())
}

/// The one value of what does not change.
#[track_caller]
fn always(results: &Results, name: &str) -> f64 {
    let values = column(results, name);
    assert!(values.iter().all(|v| v.to_bits() == values[0].to_bits()), "{name} changes: {values:?}");
    values[0]
}

#[track_caller]
fn near(found: f64, wanted: f64, scale: f64, what: &str) {
    assert!((found - wanted).abs() <= 1e-9 * scale, "{what} is {found}, not {wanted}");
}

#[test]
fn the_supply_follows_its_closed_form() {
    const SUPPLY: f64 = 200e6;
    let (_, rows) = csv("allocation");
    let unlocked = |row: &[String], t: f64| {
        let [share, tge, cliff, vest] = [1, 2, 3, 4].map(|i| number(&row[i]));
        SUPPLY * share * (tge + (1.0 - tge) * ((t - cliff) / vest).clamp(0.0, 1.0))
    };
    let categories = ["community", "investors", "team", "ecosystem"];
    for (to, step, length) in [
        (None, None, 61),
        (None, Some("0.25"), 241),
        (Some("72"), None, 73),
        (Some("72"), Some("0.5"), 145),
        (Some("18"), Some("1.5"), 13),
    ] {
        let results = support::run("supply", &clock(to, step));
        assert!(results.failure.is_none(), "its own assertions hold");
        assert_eq!(results.times.len(), length);
        for (i, t) in results.times.iter().enumerate() {
            let mut all = 0.0;
            let mut of = [0.0; 4];
            for row in &rows {
                let wanted = unlocked(row, *t);
                let circulating = column(&results, &format!("circulating[{}]", row[0]))[i];
                let locked = column(&results, &format!("locked[{}]", row[0]))[i];
                near(circulating, wanted, SUPPLY, &format!("what {} has in month {t}", row[0]));
                near(locked + circulating, SUPPLY * number(&row[1]), SUPPLY, &row[0]);
                all += locked + circulating;
                of[categories.iter().position(|c| *c == row[5]).expect("a category")] += wanted;
            }
            near(all, SUPPLY, SUPPLY, "all there is");
            near(column(&results, "free")[i], of.iter().sum(), SUPPLY, "what circulates");
            for (category, wanted) in categories.iter().zip(of) {
                near(column(&results, &format!("by_category[{category}]"))[i], wanted, SUPPLY, category);
            }
        }
        for year in 0..=5 {
            let found = metric(&results, &format!("circulating_at[{year}]"));
            let t = 12.0 * f64::from(year);
            if t > results.times[length - 1] {
                assert!(found.is_nan(), "no row is at month {t}");
            } else {
                near(found, rows.iter().map(|r| unlocked(r, t)).sum(), SUPPLY, "a snapshot");
            }
        }
        for category in categories {
            let shares = rows.iter().filter(|r| r[5] == category).map(|r| number(&r[1]));
            let wanted = SUPPLY * shares.sum::<f64>();
            near(metric(&results, &format!("fully_diluted[{category}]")), wanted, SUPPLY, category);
        }
    }
    let dates = support::run("supply", &Settings::default()).dates.expect("it has dates");
    assert_eq!((dates[0].as_str(), dates[13].as_str(), dates[60].as_str()), ("2021-04-01", "2022-05-01", "2026-04-01"));
}

/// Linear between points, level outside.
fn curve(points: &[(f64, f64)], x: f64) -> f64 {
    let after = points.iter().position(|p| p.0 > x).unwrap_or(points.len());
    match (after.checked_sub(1).map(|i| points[i]), points.get(after).copied()) {
        (Some((x0, y0)), Some((x1, y1))) => y0 + (y1 - y0) * (x - x0) / (x1 - x0),
        (Some((_, y)), None) | (None, Some((_, y))) => y,
        (None, None) => f64::NAN,
    }
}

#[test]
fn the_population_ages_as_a_loop_does() {
    let pyramid = [(0., 7e5), (20., 8e5), (35., 1.1e6), (55., 1.3e6), (70., 9e5), (85., 4e5), (99., 5e3)];
    let mortality =
        [(0., 0.003), (1., 0.0002), (20., 0.0005), (40., 0.001), (60., 0.006), (75., 0.025), (85., 0.08), (99., 0.4)];
    let fertility = [(15., 0.), (22., 0.4), (31., 1.), (38., 0.5), (45., 0.05), (49., 0.)];
    let results = support::run("ageing", &Settings::default());
    assert_eq!(results.times.len(), 51);
    let of = |age: usize, points: &[(f64, f64)]| curve(points, age as f64);
    let all_births: f64 = (15..=49).map(|a| of(a, &fertility)).sum();
    let mut people: Vec<f64> = (0..100).map(|a| of(a, &pyramid)).collect();
    for (i, year) in results.times.iter().enumerate() {
        assert_eq!(*year, 2025.0 + i as f64);
        for (age, wanted) in people.iter().enumerate() {
            let found = column(&results, &format!("people[{age}]"))[i];
            near(found, *wanted, *wanted, &format!("who is {age} in {year}"));
        }
        let sum = |ages: std::ops::Range<usize>| people[ages].iter().sum::<f64>();
        near(column(&results, "population")[i], sum(0..100), sum(0..100), "all people");
        near(column(&results, "old_age_ratio")[i], sum(65..100) / sum(20..65), 1.0, "the ratio");
        let years: f64 = people.iter().enumerate().map(|(a, n)| a as f64 * n).sum();
        near(column(&results, "mean_age")[i], years / sum(0..100), 100.0, "the mean age");
        let births: f64 = (15..=49).map(|a| of(a, &fertility) / all_births * people[a] * 0.49 * 1.5).sum();
        let alive: Vec<f64> = people.iter().enumerate().map(|(a, n)| n - of(a, &mortality) * n).collect();
        people = (0..100).map(|a| if a == 0 { births } else { alive[a - 1] }).collect();
        people[99] += alive[99];
    }
    let ratio = column(&results, "old_age_ratio");
    let most = ratio.iter().copied().fold(0.0, f64::max);
    assert_eq!(metric(&results, "oldest"), most);
    let when = ratio.iter().position(|r| *r == most).expect("it is one of them");
    assert_eq!(metric(&results, "oldest_year"), 2025.0 + when as f64);
}

const LENGTHS: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// How many days a month has, by the rule of the almanac.
fn length(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    LENGTHS[month as usize - 1] + i64::from(leap && month == 2)
}

/// The number of a day, counted month by month from 2000.
fn day(year: i64, month: i64, day: i64) -> i64 {
    let years: i64 = (2000..year).map(|y| (1..=12).map(|m| length(y, m)).sum::<i64>()).sum();
    years + (1..month).map(|m| length(year, m)).sum::<i64>() + day - 1
}

fn parts(date: &str) -> (i64, i64, i64) {
    let p: Vec<i64> = date.split('-').map(|p| p.parse().expect("a number")).collect();
    (p[0], p[1], p[2])
}

fn day_of(date: &str) -> i64 {
    let (y, m, d) = parts(date);
    day(y, m, d)
}

/// The day that many calendar months after a date: the same day, or the last of a shorter month.
fn months_after(date: &str, months: i64) -> i64 {
    let (y, m, d) = parts(date);
    let at = 12 * y + m - 1 + months;
    let (y, m) = (at.div_euclid(12), at.rem_euclid(12) + 1);
    day(y, m, d.min(length(y, m)))
}

#[test]
fn unlocks_are_the_sums_of_their_file() {
    let (_, rows) = csv("unlocks");
    let (_, prices) = csv("prices");
    let start = day_of("2024-01-01");
    let results = support::run("unlocks", &Settings::default());
    assert!(results.failure.is_none());
    let points: Vec<(f64, f64)> =
        prices.iter().map(|r| ((day_of(&r[0]) - start) as f64 / 7.0, number(&r[2]))).collect();
    let mut vault = 12e6;
    for (week, found) in column(&results, "release").iter().enumerate() {
        let from = start + 7 * week as i64;
        let inside = rows.iter().filter(|r| (from..from + 7).contains(&day_of(&r[0])));
        let wanted: f64 = inside.map(|r| number(&r[1])).sum();
        assert_eq!(*found, wanted, "week {week}");
        assert_eq!(column(&results, "vault")[week], vault, "week {week}");
        vault -= wanted;
        let price = column(&results, "market_value")[week] / column(&results, "circulating")[week];
        near(price, curve(&points, week as f64), 1.0, &format!("the price in week {week}"));
        near(column(&results, "worth_of_unlock")[week], wanted * price, 1e6, "what it is worth");
    }
    let all: f64 = rows.iter().map(|r| number(&r[1])).sum();
    assert_eq!(metric(&results, "unlocked"), all);
    let circulating = column(&results, "circulating");
    near(circulating[52], 20e6 + all, 1e6, "what circulates");
    // What is sold is sold once, at the price of its week.
    let sold = column(&results, "sold");
    let earned: f64 = (0..52).map(|w| sold[w] * curve(&points, w as f64)).sum();
    near(metric(&results, "earned"), earned, earned, "the proceeds");
    near(sold[..52].iter().sum(), column(&results, "market")[52], 1e6, "the market");
    // Half weeks: a row falls into one of them, and all of them come to the same.
    let halves = support::run("unlocks", &clock(None, Some("0.5")));
    let halves = column(&halves, "release");
    for (week, found) in column(&results, "release")[..52].iter().enumerate() {
        assert_eq!(halves[2 * week] + halves[2 * week + 1], *found);
    }
}

/// Gini's coefficient as the mean difference of all pairs.
fn gini(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let pairs: f64 = values.iter().map(|x| values.iter().map(|y| (x - y).abs()).sum::<f64>()).sum();
    pairs / (2.0 * n * values.iter().sum::<f64>())
}

#[test]
fn countries_are_counted_as_their_files_say() {
    let (_, rows) = csv("countries");
    let results = support::run("countries", &Settings::default());
    let names: Vec<&str> = rows.iter().map(|r| r[0].as_str()).collect();
    let population: Vec<f64> = rows.iter().map(|r| number(&r[1])).collect();
    let gdp: Vec<f64> = rows.iter().map(|r| number(&r[2])).collect();
    let income: Vec<f64> = gdp.iter().zip(&population).map(|(g, p)| g / p).collect();
    near(metric(&results, "income_gini"), gini(&income), 1.0, "gini");
    for (i, name) in names.iter().enumerate() {
        let above = income.iter().filter(|x| **x > income[i]).count();
        assert_eq!(metric(&results, &format!("income_rank[{name}]")), 1.0 + above as f64, "{name}");
    }
    let richest = (0..income.len()).max_by(|a, b| income[*a].total_cmp(&income[*b])).expect("some");
    assert_eq!(metric(&results, "richest_country"), richest as f64);
    let (people, product): (f64, f64) = (population.iter().sum(), gdp.iter().sum());
    near(metric(&results, "mean_income"), product / people, 1e4, "the mean income");
    let squares: f64 = gdp.iter().map(|g| (g / product).powi(2)).sum();
    near(metric(&results, "gdp_concentration"), squares, 1.0, "the concentration");

    // The spread itself, with the matrix of the file: rows learn from columns.
    let (header, matrix) = csv("influence");
    assert_eq!(header[1..], names);
    let influence: Vec<Vec<f64>> = matrix.iter().map(|r| r[1..].iter().map(|c| number(c)).collect()).collect();
    let mut adopters = vec![0.0; names.len()];
    let regions = ["europe", "americas", "asia"];
    for (i, t) in results.times.iter().enumerate() {
        let share: Vec<f64> = adopters.iter().zip(&population).map(|(a, p)| a / p).collect();
        let pick = |of: &dyn Fn(usize) -> bool| {
            let sum = |x: &[f64]| (0..names.len()).filter(|c| of(*c)).map(|c| x[c]).sum::<f64>();
            sum(&adopters) / sum(&population)
        };
        let club = |c: usize| ["Germany", "France", "USA", "Japan"].contains(&names[c]);
        near(column(&results, "club_share")[i], pick(&club), 1.0, "the club");
        near(column(&results, "other_share")[i], pick(&|c| !club(c)), 1.0, "the others");
        for region in regions {
            let found = column(&results, &format!("region_share[{region}]"))[i];
            near(found, pick(&|c| rows[c][3] == region), 1.0, region);
        }
        near(column(&results, "mean_share")[i], share.iter().sum::<f64>() / share.len() as f64, 1.0, "the mean share");
        for (c, name) in names.iter().enumerate() {
            let found = column(&results, &format!("adopters[{name}]"))[i];
            near(found, adopters[c], population[c], &format!("adopters of {name} in {t}"));
        }
        let most = income.iter().copied().fold(0.0, f64::max);
        let more: Vec<f64> = (0..names.len())
            .map(|c| {
                let heard: f64 = (0..names.len()).map(|d| influence[c][d] * share[d]).sum();
                let ease = (income[c] / most).sqrt();
                0.25 * ease * (0.002 + heard + 0.3 * share[c]) * (population[c] - adopters[c])
            })
            .collect();
        adopters.iter_mut().zip(more).for_each(|(a, m)| *a += m);
    }
}

#[test]
fn arrays_of_two_and_three_indexes_are_loops() {
    let r = run("time month from 0 to 2
        index A = 2 .. 4
        index B { | w | q
                  x | 3 | 1
                  y | 5 | 2 }
        index C = p, r, s
        index D in C = p, s
        param g[c in C] = { p: 1, s: 7, else: 4 }
        let two[a in A, b in B] = a * w[b] + time / (1 month)
        let three[a in A, b in B, c in C] = two[a, b] * g[c] - a
        let swapped[b in B, a in A] = two[a, b]
        let part[a in A, b in B, d in D] = three[a, b, d]
        let over_c[a in A, b in B] = sum(three[a, b, c] for c in C)
        let filtered[b in B] = sum(three[a, b, c] for a in A for c in C where a > 2 and c != r)
        let all_of_it = sum(three)
        let shifted[a in A, b in B] = two[a - 1, b else 0]
        let diagonal = sum(two[a, b] for a in A for b in B where a == q[b] + 1)
        let best[a in A] = argmax(two[a, b] for b in B)
        let chosen[a in A] = two[a, best[a]]
        stock n[a in A, b in B]: 1 = 0
        flow f[a in A, b in B]: cloud -> n[a, b] = two[a, b] / (1 month)");
    let (w, q, g) = ([3.0, 5.0], [1.0, 2.0], [1.0, 4.0, 7.0]);
    let (bs, cs) = (["x", "y"], ["p", "r", "s"]);
    let mut held = [[0.0; 2]; 3];
    for (k, t) in [0.0, 1.0, 2.0].into_iter().enumerate() {
        let at = |name: String| column(&r, &name)[k];
        let two = |a: usize, b: usize| a as f64 * w[b] + t;
        let three = |a: usize, b: usize, c: usize| two(a, b) * g[c] - a as f64;
        let (mut all, mut filtered, mut diagonal) = (0.0, [0.0; 2], 0.0);
        for a in 2..=4 {
            for b in 0..2 {
                assert_eq!(at(format!("two[{a}, {}]", bs[b])), two(a, b));
                assert_eq!(at(format!("swapped[{}, {a}]", bs[b])), two(a, b));
                assert_eq!(at(format!("shifted[{a}, {}]", bs[b])), if a > 2 { two(a - 1, b) } else { 0.0 });
                assert_eq!(at(format!("n[{a}, {}]", bs[b])), held[a - 2][b]);
                held[a - 2][b] += two(a, b);
                let mut over = 0.0;
                for (c, label) in cs.iter().enumerate() {
                    let value = three(a, b, c);
                    assert_eq!(at(format!("three[{a}, {}, {}]", bs[b], label)), value);
                    over += value;
                    if c != 1 {
                        assert_eq!(at(format!("part[{a}, {}, {}]", bs[b], label)), value);
                        filtered[b] += if a > 2 { value } else { 0.0 };
                    }
                }
                assert_eq!(at(format!("over_c[{a}, {}]", bs[b])), over);
                all += over;
                diagonal += if a as f64 == q[b] + 1.0 { two(a, b) } else { 0.0 };
            }
            assert_eq!(at(format!("chosen[{a}]")), two(a, 1));
        }
        assert_eq!(at("all_of_it".into()), all);
        assert_eq!(at("diagonal".into()), diagonal);
        for b in 0..2 {
            assert_eq!(at(format!("filtered[{}]", bs[b])), filtered[b]);
        }
    }
    assert!(r.columns.iter().all(|c| !c.name.starts_with("part") || !c.name.contains(", r]")), "no part of D");
}

#[test]
fn an_array_may_read_its_own_members() {
    let r = run("time month from 0 to 1
        index N = 0 .. 30
        index Tier = senior, mezzanine, junior, equity
        let square[n in N] = n^2
        let so_far[n in N] = so_far[n - 1 else 0] + square[n]
        let to_come[n in N] = to_come[n + 1 else 0] + square[n]
        let fibonacci[n in N] = if n < 2 then n else fibonacci[n - 1] + fibonacci[n - 2]
        let even[n in N] = if n == 0 then 1 else 1 - odd[n]
        let odd[n in N] = if n == 0 then 0 else even[n - 1]");
    let (mut so_far, mut pair) = (0.0, (0.0, 1.0));
    for n in 0..=30 {
        let at = |name: &str| always(&r, &format!("{name}[{n}]"));
        let square = f64::from(n * n);
        so_far += square;
        assert_eq!(at("so_far"), so_far);
        assert_eq!(at("to_come"), 9455.0 - so_far + square);
        assert_eq!(at("fibonacci"), pair.0);
        pair = (pair.1, pair.0 + pair.1);
        assert_eq!(at("even"), f64::from(u8::from(n % 2 == 0)));
    }
    assert_eq!(so_far, 9455.0);
}

/// Whoever stands before is paid in full before the next gets anything.
#[test]
fn a_waterfall_pays_in_order() {
    let r = run("unit USD2
        time year from 0 to 4
        index Tranche = 1 .. 4
        param owed[t in Tranche]: USD2/year = { 1: 30, 2: 20, 3: 100, 4: 5 }
        stock issuer: USD2 = 200
        stock paid[t in Tranche]: USD2 = 0
        let income = 35 USD2/year * (1 + time / (1 year))
        let left[t in Tranche] = if t == 1 then income else left[t - 1] - pay[t - 1]
        flow pay[t in Tranche]: issuer -> paid[t] = min(owed[t], left[t]) capped first
        conserve USD2 = 200");
    let owed = [30.0, 20.0, 100.0, 5.0];
    let (mut issuer, mut paid) = (200.0, [0.0; 4]);
    for k in 0..5 {
        let mut left = 35.0 * (1.0 + f64::from(k));
        let row = k as usize;
        assert_eq!(column(&r, "issuer")[row], issuer);
        for t in 0..4 {
            assert_eq!(column(&r, &format!("paid[{}]", t + 1))[row], paid[t]);
            assert_eq!(column(&r, &format!("left[{}]", t + 1))[row], left);
            let now: f64 = f64::min(owed[t], left).min(issuer);
            left -= now;
            issuer -= now;
            paid[t] += now;
        }
    }
}

#[test]
fn flows_run_from_member_to_member() {
    // A chain of basins, each of which lets go of half of what it holds.
    let r = run("unit L2
        time hour from 0 to 6
        index Basin = 1 .. 5
        stock water[b in Basin]: L2 = { 1: 64, else: 0 }
        stock sea: L2 = 0
        flow down[b in Basin where b < 5]: water[b] -> water[b + 1] = 50%/hour * water[b]
        flow out_of: water[5] -> sea = 50%/hour * water[5]
        conserve L2 = 64");
    let mut water = [64.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    for k in 0..=6 {
        for (b, wanted) in water[..5].iter().enumerate() {
            assert_eq!(column(&r, &format!("water[{}]", b + 1))[k], *wanted, "basin {} in row {k}", b + 1);
        }
        assert_eq!(column(&r, "sea")[k], water[5]);
        let before = water;
        for b in 0..5 {
            water[b] -= before[b] / 2.0;
            water[b + 1] += before[b] / 2.0;
        }
    }
}

#[test]
fn over_nothing_an_aggregate_is_what_the_law_says() {
    let r = run("time month from 0 to 2
        index A = x, y, z
        let v[a in A] = time / (1 month) + 1
        let s = sum(v[a] for a in A where v[a] > 9)
        let c = count(v[a] > 0 for a in A where v[a] > 9)
        let p = product(v[a] for a in A where v[a] > 9)
        let some = any(v[a] > 0 for a in A where v[a] > 9)
        let every = all(v[a] < 0 for a in A where v[a] > 9)
        let m = mean(v[a] for a in A where v[a] > 2 else 41)
        let lo = min(v[a] for a in A where v[a] > 9 else 42)
        let hi = max(v[a] for a in A where v[a] > 9 else 43)
        let g = gini(v[a] for a in A where v[a] > 9 else 44)
        let h = hhi(v[a] for a in A where v[a] > 9 else 45)
        let n = nakamoto(v[a] for a in A where v[a] > 9 else 46)
        let who = argmax(v[a] for a in A where v[a] > 9 else y)
        let least = argmin(v[a] for a in A where v[a] > 9 else z)
        let place = rank(v[x], v[a] for a in A where v[a] > 9 else 47)");
    let wanted = [("s", 0.0), ("c", 0.0), ("p", 1.0), ("some", 0.0), ("every", 1.0), ("lo", 42.0), ("hi", 43.0)];
    let more = [("g", 44.0), ("h", 45.0), ("n", 46.0), ("who", 1.0), ("least", 2.0), ("place", 47.0)];
    for (name, value) in wanted.into_iter().chain(more) {
        assert_eq!(always(&r, name), value, "{name}");
    }
    // It is empty in two rows, and not in the third.
    assert_eq!(column(&r, "m"), [41.0, 41.0, 3.0]);
    for aggregate in ["mean", "min", "max", "gini", "hhi", "nakamoto", "argmax", "argmin"] {
        let text = format!(
            "time month from 0 to 2\nindex A = x, y\nlet v[a in A] = time / (1 month)
            let e = {aggregate}(v[a] for a in A where v[a] > 9)"
        );
        assert!(!checked(&text, &MemLoader::default()).is_sound(), "{aggregate} of what may be nothing wants `else`");
    }
}

#[test]
fn one_label_in_two_indexes_is_told_by_its_place() {
    let data = MemLoader::default().with("who.csv", "name,kind\nann,seed\nbob,team\n");
    let r = run_beside(
        "time month from 0 to 1
        index Category = team, seed
        index Round = seed, public
        index Person from \"who.csv\" { kind: Category }
        index Deal { | round: Round | buyer: Category
                     first | seed | seed
                     later | public | team }
        let price[r in Round] = { seed: 1, public: 2 }
        let size[c in Category] = { seed: 10, else: 20 }
        let by_place = 100 * price[seed] + size[seed]
        let by_name = 100 * price[Round.seed] + size[Category.seed]
        let cell = if round[first] == seed and buyer[first] == seed then 1 else 0
        let file = count(kind[p] == seed for p in Person)
        let deal = argmin(price[round[d]] for d in Deal)
        let found = if buyer[deal] == seed then size[buyer[deal]] else 0
        let typed: Category = seed
        let arm[d in Deal] = match buyer[d] { seed => 1, team => 2 }
        let arm_too[d in Deal] = match round[d] { seed => 3, public => 4 }
        param start: Round = seed
        let p = price[start]",
        &data,
    );
    for (name, value) in [
        ("price[seed]", 1.0),
        ("size[seed]", 10.0),
        ("by_place", 110.0),
        ("by_name", 110.0),
        ("cell", 1.0),
        ("file", 1.0),
        ("found", 10.0),
        ("typed", 1.0),
        ("arm[first]", 1.0),
        ("arm[later]", 2.0),
        ("arm_too[first]", 3.0),
        ("arm_too[later]", 4.0),
        ("p", 1.0),
    ] {
        assert_eq!(always(&r, name), value, "{name}");
    }
    let results = support::run("rounds", &Settings::default());
    assert!(results.failure.is_none());
    assert_eq!(metric(&results, "holds[seed]"), 30e6);
    assert_eq!(metric(&results, "bought[seed]"), 2e6);
    assert_eq!(metric(&results, "at_seed_price"), 3e6);
    assert_eq!(metric(&results, "insiders_hold"), 0.5);
    let said = checked("time month from 0 to 1\nindex A = seed\nindex B = seed\nlet x = seed", &MemLoader::default());
    assert_eq!(said.diagnostics.iter().map(|d| d.code.name()).collect::<Vec<_>>(), ["E0108"]);
}

#[test]
fn a_matrix_and_rows_of_a_file_are_the_same_array() {
    let data = MemLoader::default()
        .with("matrix.csv", "from,y,z,x\n2,5%,0.06,7%\n1,2%,3%,0.01\n")
        .with("rows.csv", "who,to,rate\n1,x,0.01\n2,z,6%\n1,y,2%\n2,x,7%\n1,z,3%\n2,y,0.05\n")
        .with("cube.csv", "a,b,c,v\n1,x,p,111\n1,x,q,112\n1,y,p,121\n1,y,q,122\n1,z,p,131\n1,z,q,132\n2,x,p,211\n2,x,q,212\n2,y,p,221\n2,y,q,222\n2,z,p,231\n2,z,q,232\n")
        .with("one.csv", "b,v\nz,3\nx,1\ny,2\n");
    let r = run_beside(
        "time month from 0 to 1
        index A = 1 .. 2
        index B = x, y, z
        index C = p, q
        param m[a in A, b in B]: 1/month from \"matrix.csv\"
        param l[a in A, b in B]: 1/month from \"rows.csv\"
        param w[a in A, b in B]: 1/month = { 1: { x: 1%, y: 2%, z: 3% }, 2: { x: 7%, y: 5%, else: 6% } }
        param t[a in A, b in B]: 1/month = { 2: { x: 7%, z: 6%, y: 5% }, else: { x: 1%, y: 2%, z: 3% } }
        param cube[a in A, b in B, c in C] from \"cube.csv\"
        param one[b in B] from \"one.csv\"
        let lm[a in A, b in B] = m[a, b]
        let ll[a in A, b in B] = l[a, b]
        let lw[a in A, b in B] = w[a, b]
        let lt[a in A, b in B] = t[a, b]
        let lc[a in A, b in B, c in C] = cube[a, b, c]
        let lo[b in B] = one[b]",
        &data,
    );
    let wanted = [[0.01, 0.02, 0.03], [0.07, 0.05, 0.06]];
    for (a, row) in wanted.iter().enumerate() {
        for (b, value) in row.iter().enumerate() {
            let at = format!("{}, {}", a + 1, ["x", "y", "z"][b]);
            for name in ["lm", "ll", "lw", "lt"] {
                assert_eq!(always(&r, &format!("{name}[{at}]")), *value, "{name}[{at}]");
            }
            for (c, label) in ["p", "q"].iter().enumerate() {
                let value = 100.0 * (a + 1) as f64 + 10.0 * (b + 1) as f64 + (c + 1) as f64;
                assert_eq!(always(&r, &format!("lc[{at}, {label}]")), value);
            }
            assert_eq!(always(&r, &format!("lo[{}]", ["x", "y", "z"][b])), (b + 1) as f64);
        }
    }
}

#[test]
fn cells_and_their_else() {
    for (value, wanted) in [
        ("{ x: 5, else: 1 }", [5.0, 1.0, 1.0]),
        ("{ y: 5, else: 0 }", [0.0, 5.0, 0.0]),
        ("{ else: 1, z: 5 }", [1.0, 1.0, 5.0]),
        ("{ x: 5, z: 6, else: 7 }", [5.0, 7.0, 6.0]),
        ("{ z: 1, y: 2, x: 3 }", [3.0, 2.0, 1.0]),
        ("{ else: 4 }", [4.0; 3]),
        ("if 1 < 2 then { x: 5, else: 1 } else { else: 0 }", [5.0, 1.0, 1.0]),
    ] {
        let r = run(&format!(
            "unit TKN
            time month from 0 to 1
            index C = x, y, z
            param p[c in C] = {value}
            let a[c in C] = p[c]
            let b[c in C] = {value}
            let one = b[x]
            stock s[c in C]: TKN = {value}
            flow f[c in C]: s[c] -> cloud = 0 TKN/month"
        ));
        for (i, c) in ["x", "y", "z"].iter().enumerate() {
            for name in ["a", "b", "s"] {
                assert_eq!(always(&r, &format!("{name}[{c}]")), wanted[i], "{name}[{c}] of {value}");
            }
        }
        assert_eq!(always(&r, "one"), wanted[0]);
    }
}

const STARTS: [&str; 4] = ["2024-01-01", "2023-12-15", "2024-01-31", "2023-10-31"];

#[test]
fn dates_are_times_of_the_calendar() {
    let dates = [
        "2023-09-07",
        "2024-01-01",
        "2024-02-28",
        "2024-02-29",
        "2024-03-01",
        "2024-03-31",
        "2024-12-30",
        "2026-05-16",
    ];
    for start in STARTS {
        for unit in ["day", "week", "month", "quarter", "year"] {
            let lets: String = dates.iter().enumerate().map(|(i, d)| format!("let d{i} = @{d}\n")).collect();
            let r = run(&format!("time {unit} from 3 to 5 starting @{start}\n{lets}"));
            for (i, date) in dates.iter().enumerate() {
                let day = day_of(date);
                let since = match unit {
                    "day" => (day - day_of(start)) as f64,
                    "week" => (day - day_of(start)) as f64 / 7.0,
                    _ => {
                        let month = (-50..50).rev().find(|m| months_after(start, *m) <= day).expect("in reach");
                        let (from, to) = (months_after(start, month), months_after(start, month + 1));
                        let months = month as f64 + (day - from) as f64 / (to - from) as f64;
                        months
                            / if unit == "month" {
                                1.0
                            } else if unit == "quarter" {
                                3.0
                            } else {
                                12.0
                            }
                    }
                };
                near(
                    always(&r, &format!("d{i}")),
                    3.0 + since,
                    1.0,
                    &format!("{date} on a clock of {unit}s from {start}"),
                );
            }
        }
    }
}

#[test]
fn rows_have_the_dates_of_the_calendar() {
    for start in STARTS {
        for (unit, months, days) in [("day", 0, 1), ("week", 0, 7), ("month", 1, 0), ("quarter", 3, 0), ("year", 12, 0)]
        {
            for (step, of) in [("1", 1), ("0.5", 2)] {
                let r = run(&format!("time {unit} from 0 to 26 step {step} starting @{start}\nlet x = 1"));
                for (k, date) in r.dates.expect("dates").iter().enumerate() {
                    let k = k as i64;
                    // A row is at the day in which its time falls; half a month is half of its days.
                    let wanted = if months == 0 {
                        day_of(start) + k * days / of
                    } else {
                        let whole = (k * months).div_euclid(of);
                        let (from, to) = (months_after(start, whole), months_after(start, whole + 1));
                        from + (to - from) * (k * months - whole * of) / of
                    };
                    assert_eq!(day_of(date), wanted, "row {k} of {unit}s by {step} from {start}: {date}");
                }
            }
        }
    }
}

#[test]
fn what_is_dated_moves_on_its_date() {
    // In a clock of months the cliff of a year is the same day of the next year, whatever the days between.
    for start in ["2024-01-01", "2024-01-15"] {
        let (y, m, d) = parts(start);
        let r = run(&format!(
            "unit TKN
            time month from 0 to 24 starting @{start}
            stock a: TKN = 10
            stock b: TKN = 0
            transfer cliff: a -> b = 4 TKN at @{}-{m:02}-{d:02}
            transfer coupon: a -> b = 1 TKN every 3 month from @{y}-04-{d:02} to @{y}-10-{d:02}
            metric when = first_time(b >= 5 TKN)
            metric held = at(b, @{y}-07-{d:02})",
            y + 1
        ));
        assert_eq!(metric(&r, "when"), 12.0);
        assert_eq!(metric(&r, "held"), 2.0);
        let b = column(&r, "b");
        assert_eq!((b[2], b[3], b[6], b[9], b[11], b[12], b[24]), (0.0, 1.0, 2.0, 3.0, 3.0, 7.0, 7.0));
    }
}

#[test]
fn dates_count_from_a_start_that_is_not_0() {
    for start in ["3", "3 month", "(6 month) / 2", "1 month + 2 month"] {
        let r = run(&format!(
            "unit TKN
            time month from {start} to 60 starting @2021-01-01
            stock a: TKN = 100
            stock b: TKN = 0
            transfer unlock: a -> b = 10 TKN at @2021-06-01
            metric when = first_time(b > 0)"
        ));
        assert_eq!(metric(&r, "when"), 8.0, "{start}");
    }
}

#[test]
fn each_member_of_a_metric_has_its_own_window() {
    let r = run("time month from 0 to 10
        index Era {
               | starts: month | ends: month
          early | 0            | 3
          late  | 5            | 8
        }
        let rows = time / (1 month)
        metric seen[e in Era] = mean_over(rows) from starts[e] to ends[e]
        metric twice[e in Era] = 2 * seen[e]");
    assert_eq!((metric(&r, "seen[early]"), metric(&r, "seen[late]")), (1.5, 6.5));
    assert_eq!((metric(&r, "twice[early]"), metric(&r, "twice[late]")), (3.0, 13.0));
}

#[test]
fn what_builds_on_two_of_its_neighbours_is_worked_out_once_for_each() {
    let r = run("time month from 0 to 1
        index N = 0 .. 80
        let f[n in N] = f[n - 1 else 1] + f[n - 2 else 0]
        let last = f[80]
        metric m = final(last)");
    let (mut before, mut now) = (0.0, 1.0);
    for _ in 0..80 {
        (before, now) = (now, before + now);
    }
    near(metric(&r, "m"), now, now, "a number of Fibonacci's");
    let mut text = String::from("time month from 0 to 1\nindex N = 0 .. 9\nlet a0[n in N] = n\n");
    for i in 1..=40 {
        text += &format!("let a{i}[n in N] = a{before}[n] + a{before}[n]\n", before = i - 1);
    }
    let r = run(&(text + "let all = sum(a40)\nmetric m = final(all)"));
    assert_eq!(metric(&r, "m"), 45.0 * (1u64 << 40) as f64);
}

#[test]
fn what_is_decided_of_members_is_decided_once() {
    // In doubles 0.1 + 0.2 is more than 0.3, and 0.3 · 10 not 3.
    let r = run("time month from 0 to 1
        index N = 0 .. 3
        param k = 5
        let v[n in N] = k + n
        let part[n in N] = n / 10
        let more = sum(v[n + 3] for n in N where n * 0.1 + 0.2 > 0.3 and n < 2 or n == 0)
        let arm[n in N] = if (n + 2) * 0.1 + 0.1 > n * 0.1 + 0.3 then v[n + 9] else 1
        let there[n in N] = v[part[n] * 10]
        let far[n in N] = v[n * 0.1 * 10]
        let case[n in N] = match n * 0.1 + 0.2 { 0.2 => 1, 0.3 => 2, 0.4 => 3, 0.5 => 4, else => v[n + 9] }");
    assert_eq!(always(&r, "more"), 8.0);
    for n in 0..4 {
        assert_eq!(always(&r, &format!("arm[{n}]")), 1.0);
        assert_eq!(always(&r, &format!("there[{n}]")), 5.0 + f64::from(n));
        assert_eq!(always(&r, &format!("far[{n}]")), 5.0 + f64::from(n));
        assert_eq!(always(&r, &format!("case[{n}]")), 1.0 + f64::from(n));
    }
}

#[test]
fn numbers_past_all_members_are_no_members() {
    let text = "time month from 0 to 1
        index N = 5 .. 9
        param p[n in N] from \"p.csv\"";
    let file = |n: &str| MemLoader::default().with("p.csv", format!("n,p\n{n},1\n6,1\n7,1\n8,1\n9,1\n"));
    assert!(checked(text, &file("5")).is_sound());
    assert!(!checked(text, &file("-9223372036854775808")).is_sound());
    let cell = "time month from 0 to 1
        index N = 5 .. 9
        let x[n in N] = { -9223372036854775808: 1, else: 0 }";
    assert!(!checked(cell, &MemLoader::default()).is_sound());
    let most = "time month from 0 to 1
        index N = 0 .. 9999999
        param p[n in N, m in N] from \"p.csv\"";
    let said = checked(most, &MemLoader::default().with("p.csv", "n,m,p\n0,0,1\n")).diagnostics;
    assert_eq!(said.iter().map(|d| d.code.name()).collect::<Vec<_>>(), ["E0507"]);
}

#[test]
fn what_takes_too_much_is_refused_and_what_only_looks_so_is_not() {
    // A function of a function, forty times over: 2^40 calls, and forty values.
    let mut text = String::from("time month from 0 to 1\nparam p = 1\nfn f0(x) = x + p\n");
    for i in 1..=40 {
        text += &format!("fn f{i}(x) = f{before}(x) + f{before}(x)\n", before = i - 1);
    }
    let r = run(&(text + "let all = f40(1)\nmetric m = final(all)"));
    assert_eq!(metric(&r, "m"), 2.0 * (1u64 << 40) as f64);
    // What a function makes of all members hangs on none of its arguments.
    let r = run("time month from 0 to 1
        index I = 0 .. 9999
        param p[i in I] = 1
        fn part(v) = v / sum(p)
        let y[i in I] = part(p[i])
        metric m = final(sum_of_y)
        let sum_of_y = sum(y)");
    near(metric(&r, "m"), 1.0, 1.0, "all parts");
    // An exact sum of so many fractions would have 144,000 digits of two.
    let r = run("time month from 0 to 1
        index I = 0 .. 99999
        let s = sum(1 / (i + 1) for i in I)
        metric m = final(s)");
    assert_eq!(metric(&r, "m"), (1..=100_000).fold(0.0, |sum, n| sum + 1.0 / f64::from(n)));
    let text = "time month from 0 to 1
        index I = 0 .. 9999
        let s = sum(1 for i in I for j in I for k in I)";
    let wrong = checked(text, &MemLoader::default()).lower().expect_err("10^12 values");
    assert_eq!(wrong[0].code.name(), "E0507");
}

#[test]
fn a_failure_says_the_values_of_its_members() {
    let text = "unit TKN
        time month from 0 to 6
        index A = x, y
        stock s[a in A]: TKN = { x: 10, y: 30 }
        stock z: TKN = 0
        param r[a in A] = { x: 1, y: -1 }
        flow f[a in A]: s[a] -> z = r[a] * s[x] / (5 month)";
    let results = checked(text, &MemLoader::default()).run().expect("it is sound");
    let failure = results.failure.expect("it fails");
    assert_eq!(failure.code, flowc::Code::E0902);
    assert_eq!(failure.notes[0], "there `s[x]` is 10 TKN, `r[y]` is -1");
    let supply = support::run("supply", &clock(None, Some("2")));
    let failure = supply.failure.expect("a step of two months misses the cliff after three");
    assert_eq!(
        failure.notes[0],
        "there `supply` is 200M BOSON, `circulating[seed]` is 2M BOSON, `unlocked[seed]` is 3.5M BOSON"
    );
}

#[test]
fn arrays_and_their_members_are_set() {
    let text = "unit TKN
        time month from 0 to 1
        index A = x, y
        stock s[a in A]: TKN = 1
        flow f[a in A]: s[a] -> cloud = 0 TKN/month";
    let set = |name: &str, value: &str| {
        let settings = Settings { values: vec![(name.into(), value.into())], ..Settings::default() };
        check("model.flow", text.as_bytes(), &MemLoader::default(), &settings)
    };
    for (value, x, y) in [("3", 3.0, 3.0), ("{ y: 2, else: 4 }", 4.0, 2.0)] {
        let results = set("s", value).run().expect("it is sound");
        assert_eq!((always(&results, "s[x]"), always(&results, "s[y]")), (x, y));
    }
    let results = set("s[x]", "3").run().expect("it is sound");
    assert_eq!((always(&results, "s[x]"), always(&results, "s[y]")), (3.0, 1.0));
    assert!(!set("s[z]", "3").is_sound());
}

#[test]
fn one_slip_is_one_error() {
    let said = |text: &str| {
        let text =
            format!("time month from 0 to 1\nindex K = one, two\nindex R {{ | k: K\na | one\nb | two }}\n{text}");
        let checked = checked(&text, &MemLoader::default());
        checked.diagnostics.iter().map(|d| (d.code.name(), d.help.clone().unwrap_or_default())).collect::<Vec<_>>()
    };
    let found = said("let n[r in R] = 1\nlet q = max(n[r] for r in R where k[r] == onne)");
    assert_eq!(found, [("E0107", "did you mean `one`?".to_string())]);
    let found = said("let n[r in R] = 1\nlet q = n[r]");
    assert_eq!(found.len(), 1);
    assert!(found[0].1.ends_with("that `r` is each of them is written `[r in R]` or `for r in R`"), "{}", found[0].1);
}
