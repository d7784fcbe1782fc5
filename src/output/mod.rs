//! What came of a run, for people and for other programs.
//!
//! In: a checked model and an outcome. Out: [`Results`], named and in the units in which the model is written, and their
//! forms: a summary, CSV, JSON. Invariant: a number is written so that it reads back as the same double.
//! Absent on purpose: files (the command line writes them).

mod asked;
mod csv;
mod failure;
mod json;
mod members;
mod study;
mod summary;
mod tested;

pub use asked::{assumptions, assumptions_json, uncovered};
pub use csv::csv;
pub use json::json;
pub use members::{Attribute, Entry, Members, manifest, write_members};
pub use study::{Form, Registers, Report, Rows};
pub use summary::summary;
pub(crate) use tested::tested;
pub use tested::{Difference, Expectation, Tested, tested_json, tested_text};

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::check::{OpeningTotal, Ty, member_names};
use crate::diag::Diagnostic;
use crate::exec::{Extremes, Lives, Outcome};
use crate::hir::{Assumption, DeclId, DeclKind};
use crate::ir::{self, Origin};
use crate::session::{Checked, Replay};
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
    /// After which phase it stands, from 1; row 0 after none.
    pub substeps: Vec<usize>,
    /// Its time, in the clock's unit; between two rows that of the first.
    pub times: Vec<f64>,
    /// Its date, where the clock has dates.
    pub dates: Option<Vec<String>>,
    /// How many steps a whole run has.
    pub length: u64,
    /// Stocks, states, lets, series, draws, flows, transfers.
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
    /// Moves that got less than they asked for.
    pub short: Vec<Short>,
    /// Each policy and its option in force.
    pub policies: Vec<(String, String)>,
    /// The scenario, if one is in force.
    pub scenario: Option<String>,
    /// How each population fared.
    pub populations: Vec<Population>,
    /// What members had in each kept row, where that was asked for.
    pub members: Vec<Members>,
    /// What was asked of the run.
    pub goals: Vec<Goal>,
    /// Why the run failed.
    pub failure: Option<Diagnostic>,
    /// The step in which it failed.
    pub failed_in: Option<u64>,
    /// What the model assumes.
    pub assumptions: Vec<Assumption>,
    /// Which run of many it is.
    pub replay: Replay,
    /// Another run may come to something else.
    pub chance: bool,
    /// What makes the run repeatable.
    pub manifest: Manifest,
}

/// The names of an index's members, where values are members: 0 is the first.
pub type Labels = Option<Arc<[String]>>;

/// One value over time.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name; of an array with the member, `paid[team]`.
    pub name: String,
    /// `stock`, `state`, `let`, `series`, `draw`, `flow` or `transfer`.
    pub kind: &'static str,
    /// Its unit; `1` for plain numbers, `bool` for conditions, the index for labels.
    pub unit: String,
    /// What its values are called, if they are labels.
    pub labels: Labels,
    /// The number of its declaration, which the members of an array share.
    pub declaration: u32,
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
    /// What its value is called, if it is a label.
    pub labels: Labels,
    /// The number of its declaration.
    pub declaration: u32,
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
    /// What its values are called, if they are labels.
    pub labels: Labels,
    /// The number of its declaration.
    pub declaration: u32,
    /// Its values: opening, final, lowest, highest, over all rows, kept or not.
    pub values: [f64; 4],
    /// The number of its column.
    pub column: usize,
}

/// How a population fared.
#[derive(Clone, Debug)]
pub struct Population {
    /// The entity's name.
    pub name: String,
    /// How many were born, those of row 0 among them.
    pub born: u64,
    /// How many live at the end.
    pub alive: u64,
    /// How many have retired.
    pub retired: u64,
    /// The number of the column that says how many were alive.
    pub column: usize,
}

/// The ledger of one kind of thing.
#[derive(Clone, Debug)]
pub struct LedgerLine {
    /// Its unit.
    pub unit: String,
    /// What the stocks opened with, what came in, what went out, what they hold.
    pub values: [f64; 4],
    /// What is no more than this is rounding.
    pub dust: f64,
    /// A `conserve` says that nothing crosses the boundary but what it excepts.
    pub conserved: bool,
    /// What is known of the total that it states.
    pub total: Option<OpeningTotal>,
}

/// A move that got less than it asked for.
#[derive(Clone, Debug)]
pub struct Short {
    /// Its name.
    pub name: String,
    /// It moves all or nothing.
    pub skips: bool,
    /// In how many steps; of what members move each member's count.
    pub steps: u64,
    /// Members move it.
    pub of_members: bool,
    /// What it lacked in all, and of what; of a trade, whose legs move different things, nothing is said.
    pub missed: Option<(f64, String)>,
}

/// What came of a goal.
#[derive(Clone, Debug)]
pub struct Goal {
    /// The goal as it is written, without its word.
    pub text: String,
    /// What came of it.
    pub verdict: Verdict,
    /// The number that it looks at, and its unit.
    pub seen: Option<(f64, String)>,
}

/// What came of a goal in one run.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It holds.
    Met,
    /// It does not hold, or the run failed.
    Missed,
    /// It wants a number as large or as small as can be, and one run says nothing of the others.
    Reached,
    /// It compares with another run, of which there is none.
    Open(String),
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
pub(crate) fn results(checked: &Checked, model: &ir::Model, outcome: &Outcome, replay: Replay) -> Results {
    let hir = &checked.model;
    let unit_of = |id: DeclId| {
        let facts = checked.facts.decl(id);
        match facts.ty {
            Ty::Bool => "bool".to_string(),
            Ty::Label(root) => hir.index(root).name.clone(),
            _ => hir.units.name(&facts.shown),
        }
    };
    let mut known: BTreeMap<DeclId, Labels> = BTreeMap::new();
    let mut labels = |id: DeclId| {
        let names = || match checked.facts.decl(id).ty {
            // A reference is shown by its number.
            Ty::Label(root) if !hir.lives(root) => {
                Some(hir.members(root).iter().map(|m| hir.member_name(root, *m)).collect())
            }
            _ => None,
        };
        known.entry(id).or_insert_with(names).clone()
    };
    let shown: Vec<_> = hir.decls().map(|(id, _)| hir.units.shown(&checked.facts.decl(id).shown)).collect();
    let shown = |id: DeclId| shown[id.0 as usize];
    let mut number = |origin: Origin, value: f64| {
        let decl = hir.decl(origin.decl);
        Number {
            name: name(checked, origin),
            unit: unit_of(origin.decl),
            labels: labels(origin.decl),
            declaration: origin.decl.0,
            doc: decl.doc.clone(),
            value: shown(origin.decl).of(value),
        }
    };
    let params = model
        .opening
        .iter()
        .filter_map(|(to, _, origin)| match to {
            ir::Opened::Param(p) => Some(number(*origin, *outcome.params.get(*p as usize)?)),
            ir::Opened::Cell(_) => None,
        })
        .collect();
    let metrics = model.metrics.iter().zip(&outcome.metrics).map(|(m, v)| number(m.origin, *v)).collect();
    let columns: Vec<Column> = model
        .columns
        .iter()
        .zip(&outcome.columns)
        .map(|(column, values)| {
            let (decl, shown) = (hir.decl(column.origin.decl), shown(column.origin.decl));
            Column {
                name: name(checked, column.origin),
                kind: decl.word,
                unit: unit_of(column.origin.decl),
                labels: labels(column.origin.decl),
                declaration: column.origin.decl.0,
                doc: decl.doc.clone(),
                values: values.iter().map(|v| shown.of(*v)).collect(),
            }
        })
        .collect();
    // The members of an array stand in one row, in their order.
    let mut first: BTreeMap<DeclId, usize> = BTreeMap::new();
    for (i, column) in model.columns.iter().enumerate() {
        first.entry(column.origin.decl).or_insert(i);
    }
    let mut way = |(origin, e): (Origin, &Extremes)| {
        let shown = shown(origin.decl);
        // What members hold together has no column.
        let column = first.get(&origin.decl).map_or(usize::MAX, |i| i + origin.member as usize);
        let values = [e.opening, e.last, e.low, e.high].map(|v| shown.of(v));
        // Labels have no order.
        let labels = labels(origin.decl);
        let values = if labels.is_some() { [values[0], values[1], f64::NAN, f64::NAN] } else { values };
        Way {
            name: name(checked, origin),
            unit: unit_of(origin.decl),
            labels,
            declaration: origin.decl.0,
            values,
            column,
        }
    };
    let stocks = model.stocks.iter().map(|s| s.origin).zip(&outcome.stocks).map(&mut way).collect();
    // What states of members come to together says nothing.
    let states = model.states.iter().map(|s| s.1).zip(&outcome.states);
    let states = states.filter(|(o, _)| hir.decl(o.decl).entity.is_none()).map(&mut way).collect();
    // A row between two others belongs to the step that starts at the first.
    let moment = |step: u64, substep: usize| {
        if substep > 0 && substep < model.work.len() { step.saturating_sub(1) } else { step }
    };
    Results {
        title: title(checked),
        clock: hir.units.clock().map(|c| hir.units.get(c).name.clone()).unwrap_or_default(),
        dates: outcome
            .steps
            .iter()
            .zip(&outcome.substeps)
            .map(|(k, s)| hir.date_of(model.clock.time(moment(*k, *s))).map(|d| d.to_string()))
            .collect::<Option<Vec<_>>>()
            .filter(|d| !d.is_empty()),
        times: outcome.steps.iter().zip(&outcome.substeps).map(|(k, s)| model.clock.time(moment(*k, *s))).collect(),
        steps: outcome.steps.clone(),
        substeps: outcome.substeps.clone(),
        length: model.clock.steps,
        columns,
        params,
        metrics,
        stocks,
        states,
        // A run that never began has no ledger.
        ledger: if outcome.steps.is_empty() { Vec::new() } else { ledger(checked, model, outcome) },
        short: short(checked, model, outcome),
        policies: policies(checked),
        scenario: hir.in_force.clone(),
        populations: populations(checked, model, outcome),
        members: members::members(checked, model, outcome),
        goals: asked::goals(checked, model, outcome),
        failed_in: outcome.fault.as_ref().map(|f| f.step),
        failure: outcome.fault.as_ref().map(|f| failure::explain(checked, model, outcome, f, &replay)),
        assumptions: hir.assumptions.clone(),
        manifest: Manifest {
            version: env!("CARGO_PKG_VERSION"),
            model: checked.name.clone(),
            hash: checked.hash.clone(),
            settings: [replay.call(&checked.settings), checked.settings.only_arguments()].concat(),
        },
        chance: model.is_chancy(),
        replay,
    }
}

/// The first line of the model's doc, else the name of its file.
fn title(checked: &Checked) -> String {
    let mut lines = checked.model.doc.lines().map(str::trim);
    lines.find(|l| !l.is_empty()).unwrap_or(&checked.name).to_string()
}

/// What got less than it asked for, in order of declaration.
fn short(checked: &Checked, model: &ir::Model, outcome: &Outcome) -> Vec<Short> {
    let units = &checked.model.units;
    let new = |origin: Origin, short: Option<ir::ShortKind>, steps: u64, missed: Option<(f64, String)>| {
        let skips = short == Some(ir::ShortKind::OrSkip);
        let of_members = checked.model.decl(origin.decl).entity.is_some();
        (origin, Short { name: name(checked, origin), skips, steps, of_members, missed })
    };
    let moves = model.moves.iter().zip(&outcome.short).zip(&outcome.missed).filter(|((_, n), _)| **n > 0);
    let moves = moves.map(|((m, n), missed)| {
        let stock = model.reference(m).map(|s| model.stocks[s].origin.decl);
        let unit = stock.map(|id| &checked.facts.decl(id).shown);
        new(m.origin, m.short, *n, unit.map(|unit| (units.shown(unit).of(*missed), units.name(unit))))
    });
    let trades = model.trades.iter().zip(&outcome.short_trades).filter(|(_, n)| **n > 0);
    let mut all: Vec<(Origin, Short)> = moves.chain(trades.map(|(t, n)| new(t.origin, t.short, *n, None))).collect();
    all.sort_by_key(|(origin, _)| *origin);
    all.into_iter().map(|(_, short)| short).collect()
}

fn populations(checked: &Checked, model: &ir::Model, outcome: &Outcome) -> Vec<Population> {
    let of = |(p, lives): (&ir::Population, &Lives)| {
        let column = model.columns.iter().position(|c| c.origin.decl == p.decl).unwrap_or(0);
        let name = checked.model.decl(p.decl).name.clone();
        let alive = lives.born.saturating_sub(lives.retired);
        Population { name, born: lives.born, alive, retired: lives.retired, column }
    };
    model.populations.iter().zip(&outcome.lives).map(of).collect()
}

fn policies(checked: &Checked) -> Vec<(String, String)> {
    let chosen = |d: &crate::hir::Decl| match &d.kind {
        DeclKind::Policy { options, chosen } => Some((d.name.clone(), options.get(*chosen)?.0.clone())),
        _ => None,
    };
    checked.model.decls.iter().filter_map(chosen).collect()
}

/// The name of a value; of an array with the member, `paid[team]`.
fn name(checked: &Checked, origin: Origin) -> String {
    let decl = checked.model.decl(origin.decl);
    match checked.facts.shape(origin.decl) {
        None => decl.name.clone(),
        Some(shape) => {
            let members = shape.members(origin.member as usize);
            decl.with_members(&member_names(&checked.model, origin.decl, &members))
        }
    }
}

fn ledger(checked: &Checked, model: &ir::Model, outcome: &Outcome) -> Vec<LedgerLine> {
    let hir = &checked.model;
    let line = |(asset, balance): (&ir::Asset, &crate::exec::Balance)| {
        let mut stocks: Vec<DeclId> = asset.stocks.iter().map(|s| model.stocks[*s].origin.decl).collect();
        stocks.dedup();
        let conserve = checked.facts.conserves.iter().position(|c| stocks.iter().any(|s| c.stocks.contains(s)));
        let unit = match conserve {
            Some(i) => Unit::of(hir.conserves[i].unit),
            None => checked.facts.decl(stocks[0]).shown.clone(),
        };
        let shown = hir.units.shown(&unit);
        LedgerLine {
            unit: hir.units.name(&unit),
            values: [balance.opened, balance.inflow, balance.outflow, balance.closed].map(|v| shown.of(v)),
            dust: shown.of(ir::rounding(model.clock.steps) * balance.scale),
            conserved: conserve.is_some(),
            total: conserve.and_then(|i| checked.facts.conserves[i].total),
        }
    };
    // What only ever stood still has no ledger to speak of.
    let mut touched = vec![false; model.stocks.len()];
    let ends = model.moves.iter().map(|m| m.from).chain(model.parts.iter().map(|p| p.to));
    ends.flatten().for_each(|s| touched[s] = true);
    let moved = |asset: &&ir::Asset| asset.stocks.iter().any(|s| touched[*s]);
    model.assets.iter().zip(&outcome.assets).filter(|(a, _)| moved(a)).map(line).collect()
}

/// A value as text: a label by its name, a number so that it reads back as the same double.
pub(crate) fn cell(value: f64, labels: &Labels) -> String {
    match labels {
        Some(names) if !value.is_nan() => names.get(value as usize).cloned().unwrap_or_default(),
        _ => exact(value),
    }
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
