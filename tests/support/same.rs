//! Whether two runs are the same: to the bit, or rounding aside.

use std::collections::BTreeMap;

use flowc::Results;
use flowc::exec::Outcome;

/// All of an outcome, doubles as their bits.
pub fn bits(outcome: &Outcome) -> String {
    let all = |values: &[f64]| values.iter().map(|v| format!("{:016x}", v.to_bits())).collect::<Vec<_>>().join(" ");
    let ways = outcome.stocks.iter().chain(&outcome.states);
    let ways: Vec<String> = ways.map(|e| all(&[e.opening, e.last, e.low, e.high])).collect();
    let assets: Vec<String> =
        outcome.assets.iter().map(|b| all(&[b.opened, b.inflow, b.outflow, b.closed, b.scale])).collect();
    let columns: Vec<String> = outcome.columns.iter().map(|c| all(c)).collect();
    let rolls: Vec<String> = outcome
        .rolls
        .iter()
        .map(|r| format!("{:?} {:?} {:?} {}", r.rows, r.numbers, r.lives, all(&r.values)))
        .collect();
    format!(
        "rows {:?}\nlives {:?}\nrolls {}\nphases {:?}\ncolumns\n{}\nparams {}\nmetrics {}\ngoals {} {}\nways\n{}\nledger\n{}\nshort {:?} {} {:?}\nfault {:?} {}",
        outcome.steps,
        outcome.lives,
        rolls.join("\n"),
        outcome.substeps,
        columns.join("\n"),
        all(&outcome.params),
        all(&outcome.metrics),
        all(&outcome.goals),
        all(&outcome.seen),
        ways.join("\n"),
        assets.join("\n"),
        outcome.short,
        all(&outcome.missed),
        outcome.short_trades,
        outcome.fault,
        all(&outcome.at_fault)
    )
}

/// Columns by name.
pub fn columns(results: &Results) -> BTreeMap<&str, &[f64]> {
    results.columns.iter().map(|c| (c.name.as_str(), &c.values[..])).collect()
}

/// The largest size in any of these columns: what rounding adds up to is measured by it.
pub fn largest(results: &Results, such: impl Fn(&str) -> bool) -> f64 {
    let values = results.columns.iter().filter(|c| such(c.kind)).flat_map(|c| &c.values);
    values.fold(1.0, |m: f64, v| if v.is_finite() { m.max(v.abs()) } else { m })
}

/// Where two runs differ by more than this; of a failed run what its last step did not get to may be unknown.
pub fn differs(a: &Results, b: &Results, by: f64) -> Option<String> {
    if (&a.steps, &a.substeps, a.failed_in) != (&b.steps, &b.substeps, b.failed_in) {
        return Some(format!(
            "rows {:?} and {:?}, failed in {:?} and {:?}",
            a.steps, b.steps, a.failed_in, b.failed_in
        ));
    }
    let (ours, theirs) = (columns(a), columns(b));
    if !ours.keys().eq(theirs.keys()) {
        return Some("other columns".into());
    }
    let same = |v: f64, w: f64| (v - w).abs() <= by || v.to_bits() == w.to_bits() || (v.is_nan() && w.is_nan());
    let stays = |name: &str| a.columns.iter().any(|c| c.name == name && ["stock", "state"].contains(&c.kind));
    ours.iter().find_map(|(name, values)| {
        // In the last row nothing is trimmed, so that what moves there may hang on rounding.
        let rows = values.len().saturating_sub(usize::from(by > 0.0 && !stays(name)));
        let row = (0..rows).find(|i| {
            let (v, w) = (values[*i], theirs[name][*i]);
            let open = a.failed_in.is_some_and(|k| a.steps[*i] >= k);
            !(same(v, w) || (open && (v.is_nan() || w.is_nan())))
        })?;
        Some(format!("{name} in row {}: {} and {}", a.steps[row], values[row], theirs[name][row]))
    })
}
