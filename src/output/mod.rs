//! What came of a run, for people and for other programs.
//!
//! In: a checked model and an outcome. Out: [`Results`], named and in the units in which the model is written, and their
//! forms: a summary, CSV, JSON. Invariant: a number is written so that it reads back as the same double.
//! Absent on purpose: files (the command line writes them).

mod csv;
mod failure;
mod json;
mod summary;

pub use csv::csv;
pub use json::json;
pub use summary::summary;

use crate::check::{OpeningTotal, Ty};
use crate::diag::Diagnostic;
use crate::exec::{Extremes, Outcome};
use crate::hir::DeclId;
use crate::ir;
use crate::session::Checked;
use crate::units::Unit;

/// A run, named and in units.
#[derive(Clone, Debug)]
pub struct Results {
    /// The model's title: the first line of its doc, else its file's name.
    pub title: String,
    /// The clock's unit.
    pub clock: String,
    /// The number of each kept row.
    pub steps: Vec<u64>,
    /// Its time, in the clock's unit.
    pub times: Vec<f64>,
    /// How many steps a whole run has.
    pub length: u64,
    /// Stocks, states, lets, flows, transfers.
    pub columns: Vec<Column>,
    /// The params.
    pub params: Vec<Number>,
    /// The numbers of the run; NaN where it failed.
    pub metrics: Vec<Number>,
    /// Each stock's way.
    pub stocks: Vec<Way>,
    /// Each state's.
    pub states: Vec<Way>,
    /// The ledger, a line for each kind of thing that stocks hold.
    pub ledger: Vec<LedgerLine>,
    /// Moves that got less than they asked for, and in how many steps.
    pub short: Vec<(String, u64)>,
    /// Why the run failed.
    pub failure: Option<Diagnostic>,
    /// The step in which it failed.
    pub failed_in: Option<u64>,
    /// What makes the run repeatable.
    pub manifest: Manifest,
}

/// One value over time.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// `stock`, `state`, `let`, `flow` or `transfer`.
    pub kind: &'static str,
    /// Its unit; `1` for plain numbers, `bool` for conditions.
    pub unit: String,
    /// Its doc.
    pub doc: String,
    /// Its value in each kept row.
    pub values: Vec<f64>,
}

/// One number.
#[derive(Clone, Debug)]
pub struct Number {
    /// Its name.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// Its doc.
    pub doc: String,
    /// Its value.
    pub value: f64,
}

/// The way of a stock or a state through a run, in its unit.
#[derive(Clone, Debug)]
pub struct Way {
    /// Its name.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// Its values: opening, final, lowest, highest, over all rows, kept or not.
    pub values: [f64; 4],
    /// The number of its column.
    pub column: usize,
}

/// The ledger of one kind of thing.
#[derive(Clone, Debug)]
pub struct LedgerLine {
    /// Its unit.
    pub unit: String,
    /// What the stocks opened with, what came in, what went out, what they hold.
    pub values: [f64; 4],
    /// A `conserve` says that nothing crosses the boundary but what it excepts.
    pub conserved: bool,
    /// What is known of the total that it states.
    pub total: Option<OpeningTotal>,
}

/// What makes a run repeatable.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The version of flowc.
    pub version: &'static str,
    /// The model's file.
    pub model: String,
    /// SHA-256 over the model's texts.
    pub hash: String,
    /// The settings of the call.
    pub settings: Vec<(String, String)>,
}

/// Names an outcome and brings it to the units of the model.
pub(crate) fn results(checked: &Checked, model: &ir::Model, outcome: &Outcome) -> Results {
    let hir = &checked.model;
    let unit_of = |id: DeclId| {
        let facts = checked.facts.decl(id);
        if facts.ty == Ty::Bool { "bool".to_string() } else { hir.units.name(&facts.shown) }
    };
    let shown = |id: DeclId| hir.units.shown(&checked.facts.decl(id).shown);
    let number = |id: DeclId, value: f64| {
        let decl = hir.decl(id);
        Number { name: decl.name.clone(), unit: unit_of(id), doc: decl.doc.clone(), value: shown(id).of(value) }
    };
    let columns: Vec<Column> = model
        .columns
        .iter()
        .zip(&outcome.columns)
        .map(|(column, values)| {
            let (decl, shown) = (hir.decl(column.origin), shown(column.origin));
            let values = values.iter().map(|v| shown.of(*v)).collect();
            Column {
                name: decl.name.clone(),
                kind: decl.word,
                unit: unit_of(column.origin),
                doc: decl.doc.clone(),
                values,
            }
        })
        .collect();
    let params = model
        .opening
        .iter()
        .filter_map(|(to, _, id)| match to {
            ir::Opened::Param(p) => Some(number(*id, *outcome.params.get(*p as usize)?)),
            ir::Opened::Cell(_) => None,
        })
        .collect();
    let way = |(id, e): (DeclId, &Extremes)| {
        let shown = shown(id);
        let column = model.columns.iter().position(|c| c.origin == id).unwrap_or(0);
        let values = [e.opening, e.last, e.low, e.high].map(|v| shown.of(v));
        Way { name: hir.decl(id).name.clone(), unit: unit_of(id), values, column }
    };
    let stocks = model.stocks.iter().map(|s| s.origin).zip(&outcome.stocks).map(way).collect();
    let states = model.states.iter().map(|s| s.1).zip(&outcome.states).map(way).collect();
    let short = model
        .moves
        .iter()
        .zip(&outcome.short)
        .filter(|(_, n)| **n > 0)
        .map(|(m, n)| (hir.decl(m.origin).name.clone(), *n))
        .collect();
    let title = hir.doc.lines().map(str::trim).find(|l| !l.is_empty()).unwrap_or(&checked.name).to_string();
    Results {
        title,
        clock: hir.units.clock().map(|c| hir.units.get(c).name.clone()).unwrap_or_default(),
        times: outcome.steps.iter().map(|k| model.clock.time(*k)).collect(),
        steps: outcome.steps.clone(),
        length: model.clock.steps,
        columns,
        params,
        metrics: model.metrics.iter().zip(&outcome.metrics).map(|(m, v)| number(m.origin, *v)).collect(),
        stocks,
        states,
        // A run that never began has no ledger.
        ledger: if outcome.steps.is_empty() { Vec::new() } else { ledger(checked, model, outcome) },
        short,
        failed_in: outcome.fault.as_ref().map(|f| f.step),
        failure: outcome.fault.as_ref().map(|f| failure::explain(checked, model, outcome, f)),
        manifest: Manifest {
            version: env!("CARGO_PKG_VERSION"),
            model: checked.name.clone(),
            hash: checked.hash.clone(),
            settings: checked.settings.arguments(),
        },
    }
}

fn ledger(checked: &Checked, model: &ir::Model, outcome: &Outcome) -> Vec<LedgerLine> {
    let hir = &checked.model;
    let line = |(asset, balance): (&ir::Asset, &crate::exec::Balance)| {
        let stocks: Vec<DeclId> = asset.stocks.iter().map(|s| model.stocks[*s].origin).collect();
        let conserve = checked.facts.conserves.iter().position(|c| stocks.iter().any(|s| c.stocks.contains(s)));
        let unit = match conserve {
            Some(i) => Unit::of(hir.conserves[i].unit),
            None => checked.facts.decl(stocks[0]).shown.clone(),
        };
        let shown = hir.units.shown(&unit);
        LedgerLine {
            unit: hir.units.name(&unit),
            values: [balance.opened, balance.inflow, balance.outflow, balance.closed].map(|v| shown.of(v)),
            conserved: conserve.is_some(),
            total: conserve.and_then(|i| checked.facts.conserves[i].total),
        }
    };
    // What only ever stood still has no ledger to speak of.
    let moved = |asset: &&ir::Asset| {
        let holds = |s: Option<usize>| s.is_some_and(|s| asset.stocks.contains(&s));
        model.moves.iter().any(|m| holds(m.from) || holds(m.to))
    };
    model.assets.iter().zip(&outcome.assets).filter(|(a, _)| moved(a)).map(line).collect()
}

/// A number that reads back as the same double; empty where it is undefined.
pub(crate) fn exact(value: f64) -> String {
    if value.is_nan() {
        return String::new();
    }
    let size = value.abs();
    if value == 0.0 || (1e-5..1e16).contains(&size) || size.is_infinite() {
        format!("{value}")
    } else {
        format!("{value:e}")
    }
}
