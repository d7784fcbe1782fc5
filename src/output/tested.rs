//! What came of a model's `expect`s: its rows beside those of another tool.
//!
//! Numbers are compared as they are shown, in the unit of the value: what a file says needs no conversion, and what is
//! compared is what a run would write.

use serde_json::json as value;

use super::json::number;
use crate::check::{Compared, Tolerance};
use crate::diag::Diagnostic;
use crate::exec::Outcome;
use crate::hir::{Cells, DeclKind};
use crate::ir::Clock;
use crate::session::Checked;
use crate::units::{magnitude, plain};

/// What came of all `expect`s of a model.
#[derive(Clone, Debug, Default)]
pub struct Tested {
    /// Each of them, in order; of a run that failed there is none.
    pub expectations: Vec<Expectation>,
    /// Why the run failed.
    pub failure: Option<Diagnostic>,
}

impl Tested {
    /// Whether the model ran, and all that is expected of it holds.
    pub fn holds(&self) -> bool {
        self.failure.is_none() && self.expectations.iter().all(Expectation::holds)
    }
}

/// What came of an `expect`.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// The value and its tolerance, as they are written.
    pub text: String,
    /// The unit of the value.
    pub unit: String,
    /// The clock's.
    pub clock: String,
    /// The file, as a path in the model's folder.
    pub path: String,
    /// The tolerance is a share of what the file says.
    pub relative: bool,
    /// How many rows were compared.
    pub rows: usize,
    /// Those that are too far apart.
    pub off: usize,
    /// The first of them.
    pub first: Option<Difference>,
    /// The row that is the furthest apart, by the measure of the tolerance.
    pub largest: Option<Difference>,
}

impl Expectation {
    /// Whether there was something to compare, and all of it agrees.
    pub fn holds(&self) -> bool {
        self.rows > 0 && self.off == 0
    }
}

/// A row of the model beside one of the file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// The time of the model's row.
    pub time: f64,
    /// The model's value.
    pub here: f64,
    /// The file's.
    pub there: f64,
    /// How far they are apart: an amount, or a share of what the file says.
    pub apart: f64,
    /// The line of the file.
    pub line: u64,
}

/// Compares the columns of a test with the files.
pub(crate) fn tested(checked: &Checked, clock: &Clock, outcome: &Outcome) -> Tested {
    let compared = checked.facts.expects.iter().zip(&outcome.columns);
    let expectations = compared.filter_map(|(c, values)| expectation(checked, clock, c, values)).collect();
    Tested { expectations, failure: None }
}

fn expectation(checked: &Checked, clock: &Clock, compared: &Compared, values: &[f64]) -> Option<Expectation> {
    let (hir, decl) = (&checked.model, checked.model.decl(compared.decl));
    let DeclKind::Expect(expect) = &decl.kind else { return None };
    let Cells::Numbers(file) = &hir.data[expect.values.0 as usize] else { return None };
    let unit = &checked.facts.decl(compared.decl).shown;
    let shown = hir.units.shown(unit);
    let (relative, most) = match compared.within {
        Tolerance::Absolute(most) => (false, most),
        Tolerance::Relative(share) => (true, share),
    };
    let rows = compared.rows.iter().map(|(line, row)| {
        let kept = (row / clock.record) as usize;
        let (here, there) = (shown.of(values.get(kept).copied().unwrap_or(f64::NAN)), file[*line].to_f64());
        let amount = if here == there { 0.0 } else { (here - there).abs() };
        let apart = if relative && amount != 0.0 { amount / there.abs() } else { amount };
        Difference { time: clock.time(*row), here, there, apart, line: expect.places[*line].line }
    });
    let rows: Vec<Difference> = rows.collect();
    // What is undefined is near nothing.
    let off = |d: &&Difference| d.apart.is_nan() || d.apart > most;
    let size = |d: &Difference| if d.apart.is_nan() { f64::INFINITY } else { d.apart };
    let words: Vec<&str> = checked.sources.text(hir.expr(expect.within).span).split_whitespace().collect();
    Some(Expectation {
        text: format!("{} within {}", decl.name, words.join(" ")),
        unit: hir.units.name(unit),
        clock: hir.units.clock().map(|c| hir.units.get(c).name.clone()).unwrap_or_default(),
        path: expect.path.clone(),
        relative,
        rows: rows.len(),
        off: rows.iter().filter(off).count(),
        first: rows.iter().find(off).copied(),
        // Of several the first.
        largest: rows.iter().copied().reduce(|a, b| if size(&b) > size(&a) { b } else { a }),
    })
}

/// A line for each expectation, below the model's name.
pub fn tested_text(name: &str, tested: &Tested) -> String {
    if tested.failure.is_some() {
        return format!("{name}: its run fails\n");
    }
    if tested.expectations.is_empty() {
        return format!("{name}: nothing is expected of it\n");
    }
    let lines = tested.expectations.iter().map(|e| {
        let verdict = if e.holds() { "ok " } else { "off" };
        format!("  {verdict}  {}: {}\n", e.text, came_to(e))
    });
    format!("{name}\n{}", lines.collect::<String>())
}

fn came_to(e: &Expectation) -> String {
    let unit = if e.unit == "1" { String::new() } else { format!(" {}", e.unit) };
    let rows = format!("{} row{}", e.rows, if e.rows == 1 { "" } else { "s" });
    match (&e.first, &e.largest) {
        (Some(d), _) => {
            // With as many digits as it takes to tell them apart.
            let both = |digits: usize| (magnitude(d.here, digits), magnitude(d.there, digits));
            let (here, there) = (4..17).map(both).find(|(a, b)| a != b).unwrap_or_else(|| both(17));
            format!(
                "{} of {rows},\n       the first at {} {}: {here}{unit} here, {there} there ({}, line {})",
                e.off,
                e.clock,
                plain(d.time, 9),
                e.path,
                d.line
            )
        }
        (None, Some(d)) if d.apart == 0.0 => format!("{rows}, no difference"),
        (None, Some(d)) => {
            let apart = if e.relative {
                format!("{}%", plain(d.apart * 100.0, 2))
            } else {
                format!("{}{unit}", plain(d.apart, 2))
            };
            format!("{rows}, largest difference {apart} at {} {}", e.clock, plain(d.time, 9))
        }
        (None, None) => format!("no row of {} is one of this run", e.path),
    }
}

/// The same as JSON, one expectation a line.
pub fn tested_json(name: &str, tested: &Tested) -> String {
    let lines = tested.expectations.iter().map(|e| {
        let difference = |d: &Option<Difference>| {
            d.map(|d| {
                value!({
                    "time": number(d.time), "here": number(d.here), "there": number(d.there),
                    "apart": number(d.apart), "line": d.line,
                })
            })
        };
        let verdict = if e.holds() { "ok" } else { "off" };
        let line = value!({
            "model": name, "expect": e.text, "verdict": verdict, "unit": e.unit, "file": e.path, "relative": e.relative,
            "rows": e.rows, "off": e.off, "first": difference(&e.first), "largest": difference(&e.largest),
        });
        format!("{line}\n")
    });
    lines.collect()
}
