//! What came of an experiment, for people and for other programs.
//!
//! In: a checked model, its plan and its runs. Out: [`Report`]: text, and files with a row for each run, or for each moment.
//! Invariant: values are in the units in which the model is written, and in files read back as the same double. What is
//! large is written as it is made. Absent on purpose: files themselves, and the clock on the wall.

mod cases;
mod causes;
mod files;
mod found;
mod numbers;
mod table;
mod text;

pub(super) use files::{Field, Head, Sheet, five, head, labelled, told_apart};
pub use files::{Form, Registers, Rows};

use std::sync::Arc;

use serde_json::{Map, Value, json as value};

use super::{Labels, name};
use crate::check::Ty;
use crate::hir::DeclId;
use crate::ir::{self, Origin};
use crate::session::Checked;
use crate::study::{self, Findings, Plan, RunSet};
use crate::units::{Shown, Unit};

/// An experiment that was run.
pub struct Report<'a> {
    checked: &'a Checked,
    model: &'a ir::Model,
    plan: &'a Plan,
    runs: &'a RunSet,
    /// What came of it, in stored units.
    pub findings: Findings,
    metrics: Vec<Named>,
}

/// A value as results call it.
pub(super) struct Named {
    pub(super) name: String,
    pub(super) unit: String,
    pub(super) labels: Labels,
    pub(super) shown: Shown,
    pub(super) doc: String,
}

impl<'a> Report<'a> {
    /// Of the runs of a plan. `checked` and `model` are any of its models: all have the same names.
    pub fn new(checked: &'a Checked, model: &'a ir::Model, plan: &'a Plan, runs: &'a RunSet) -> Self {
        let questions = study::questions(&checked.model, &checked.facts, model, plan);
        let metrics = questions.metrics.iter().map(|(origin, _)| named(checked, *origin)).collect();
        let findings = study::findings(plan, &questions, runs);
        Report { checked, model, plan, runs, findings, metrics }
    }

    /// The goals that are missed, each with where.
    pub fn missed(&self) -> Vec<String> {
        let goals = self.findings.questions.goals.iter().enumerate();
        let missed = goals.filter_map(|(number, question)| {
            let cells = self.findings.cells.iter().flatten().flatten();
            let shares: Vec<_> = cells.filter_map(|c| c.goals[number]).collect();
            let missed = shares.iter().filter(|share| !question.is_met(share)).count();
            let whole = self.goal(question.number);
            match (missed, shares.len()) {
                (0, _) => None,
                (_, 1) => Some(whole),
                (missed, all) => Some(format!("{whole} (in {missed} of {all} cases)")),
            }
        });
        missed.collect()
    }

    /// What makes the experiment repeatable, as JSON: version, model and hash, settings, experiment, seed, and its size.
    pub fn manifest(&self) -> String {
        let mut text = serde_json::to_string_pretty(&self.manifest_value()).unwrap_or_default();
        text.push('\n');
        text
    }

    fn manifest_value(&self) -> Value {
        let (plan, checked) = (self.plan, self.checked);
        let settings: Vec<Value> = checked
            .settings
            .arguments()
            .into_iter()
            .map(|(option, v)| value!({ "option": option, "value": v }))
            .collect();
        let sample = plan.sample.map(|s| value!({ "count": s.count, "by": s.design.name() }));
        value!({
            "flowc": env!("CARGO_PKG_VERSION"), "model": checked.name, "sha256": checked.hash, "settings": settings,
            "experiment": plan.name, "seed": plan.seed, "runs": plan.runs, "sample": sample,
            "points": plan.points.len(), "arms": plan.arms.iter().map(|a| &a.name).collect::<Vec<_>>(),
            "runs made": self.runs.done(), "runs failed": self.runs.failed(), "whole": self.runs.whole,
        })
    }

    /// A goal as it is written, without its word.
    fn goal(&self, number: usize) -> String {
        self.checked.model.goals.get(number).map_or(String::new(), |goal| super::asked::text(self.checked, goal))
    }

    /// How what a goal looks at is shown, and its unit.
    fn seen(&self, number: usize) -> (Shown, String) {
        let units = &self.checked.model.units;
        let unit = self.checked.facts.goals.get(number).and_then(Option::as_ref);
        let unit = unit.cloned().unwrap_or_else(Unit::one);
        (units.shown(&unit), units.name(&unit))
    }

    /// Swept values of a design point, by name.
    fn swept_value(&self, point: usize) -> Map<String, Value> {
        let value = |s: usize| {
            let v = self.plan.value(s, point);
            (self.plan.swept[s].name.clone(), v.number.map_or_else(|| value!(v.text), super::json::number))
        };
        (0..self.plan.swept.len()).map(value).collect()
    }
}

/// What a value is called, and its unit.
pub(super) fn named(checked: &Checked, origin: Origin) -> Named {
    let (decl, facts) = (checked.model.decl(origin.decl), checked.facts.decl(origin.decl));
    let hir = &checked.model;
    let labels: Labels = match facts.ty {
        // A reference is shown by its number.
        Ty::Label(root) if !hir.lives(root) => {
            let names: Arc<[String]> = hir.members(root).iter().map(|m| hir.member_name(root, *m)).collect();
            Some(names)
        }
        _ => None,
    };
    Named {
        name: name(checked, origin),
        unit: unit_of(checked, origin.decl),
        labels,
        shown: hir.units.shown(&facts.shown),
        doc: decl.doc.clone(),
    }
}

fn unit_of(checked: &Checked, id: DeclId) -> String {
    let facts = checked.facts.decl(id);
    match facts.ty {
        Ty::Bool => "bool".to_string(),
        Ty::Label(root) => checked.model.index(root).name.clone(),
        _ => checked.model.units.name(&facts.shown),
    }
}
