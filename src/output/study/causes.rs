//! Why runs failed, in a few words, and which of them for the same reason.

use super::super::name;
use crate::exec::many::Failed;
use crate::exec::{Drawn, FaultKind, Value};
use crate::ir::{self, MoveId, Origin};
use crate::session::Checked;
use crate::study::RunSet;

/// Runs that failed for one reason.
pub(super) struct Cause {
    pub words: String,
    pub runs: u64,
    /// Arm, point, and the first of the runs.
    pub first: (usize, usize, Failed),
}

/// The reasons, the most frequent first; of equal ones the earlier.
pub(super) fn causes(checked: &Checked, model: &ir::Model, runs: &RunSet) -> Vec<Cause> {
    let mut all: Vec<Cause> = Vec::new();
    for (arm, points) in runs.points.iter().enumerate() {
        for (number, point) in points.iter().enumerate() {
            for failed in &point.failed {
                let words = cause(checked, model, &failed.kind);
                match all.iter_mut().find(|c| c.words == words) {
                    Some(same) => same.runs += 1,
                    None => all.push(Cause { words, runs: 1, first: (arm, number, failed.clone()) }),
                }
            }
        }
    }
    all.sort_by_key(|c| std::cmp::Reverse(c.runs));
    all
}

/// A failure without its numbers: "`treasury` holds too little".
pub(super) fn cause(checked: &Checked, model: &ir::Model, kind: &FaultKind) -> String {
    let of = |origin: Origin| format!("`{}`", name(checked, origin));
    let stock = |s: usize| of(model.stocks[s].origin);
    let moved = |m: MoveId| {
        let m = &model.moves[m.0 as usize];
        of(m.trade.map_or(m.origin, |t| model.trades[t.0 as usize].origin))
    };
    match kind {
        FaultKind::Overdraw { stock: s, .. } => format!("{} holds too little", stock(*s)),
        FaultKind::Backward { moved: m, .. } => format!("{} asks for less than nothing", moved(*m)),
        FaultKind::Part { moved: m, .. } => format!("a part of {} is none", moved(*m)),
        FaultKind::Parts { moved: m, .. } => format!("the parts of {} are not the whole", moved(*m)),
        FaultKind::NotFinite { what, value } => {
            let what = match what {
                Value::Stock(s) => stock(*s),
                Value::State(u) => of(model.updates[*u].origin),
                Value::Move(m) => moved(*m),
                Value::Opening(o) => of(model.opening[*o].2),
                Value::Birth(p, i) => of(model.births(*p)[*i].origin),
            };
            format!("{what} becomes {}", if value.is_nan() { "no number" } else { "infinite" })
        }
        FaultKind::Draw { what, .. } => {
            let origin = match what {
                Drawn::Draw(d) => model.draws[*d as usize].origin,
                Drawn::Param(u) => model.uncertain[*u as usize].origin,
                Drawn::Birth(p, i) => model.births(*p)[*i].origin,
            };
            format!("{} cannot be drawn", of(origin))
        }
        FaultKind::NoColumn { .. } => "a series `by run` has too few columns".to_string(),
        FaultKind::OpensBelowZero { stock: s, .. } => format!("{} opens below zero", stock(*s)),
        FaultKind::Bound { start, bound, .. } => {
            let bound = if *start { &model.start_bounds[*bound] } else { &model.bounds[*bound] };
            format!("{} is out of its bounds", of(bound.origin))
        }
        FaultKind::Assert { assert } => {
            let condition = checked.model.asserts[model.asserts[*assert].number].condition;
            let words: Vec<&str> =
                checked.sources.text(checked.model.expr(condition).span).split_whitespace().collect();
            format!("`{}` does not hold", words.join(" "))
        }
        FaultKind::OpeningTotal { .. } => "the stocks do not open with the total that is stated".to_string(),
        FaultKind::Nobody { stock: s, .. } => format!("nobody is there whose {} it is", stock(*s)),
        FaultKind::Route { stock: s, .. } => format!("the parts of {} are not the whole", stock(*s)),
        FaultKind::Crowded { population, .. } => {
            format!("`{}` has too many members", population_name(checked, model, *population))
        }
        FaultKind::Births { spawn, .. } | FaultKind::Unfunded { spawn, .. } => {
            let what = population_name(checked, model, model.spawns[*spawn].population);
            let unfunded = matches!(kind, FaultKind::Unfunded { .. });
            if unfunded { format!("`{what}` cannot open") } else { format!("the births of `{what}` are no number") }
        }
        FaultKind::Pick { population, birth, .. } => {
            format!("{} finds nobody", of(model.births(*population)[*birth].origin))
        }
        FaultKind::Audit { .. } => "the ledger is off: a mistake of flowc".to_string(),
    }
}

fn population_name(checked: &Checked, model: &ir::Model, population: ir::PopId) -> String {
    checked.model.decl(model.populations[population.0 as usize].decl).name.clone()
}
