//! What is proved of a model: types, units, ledger, order.
//!
//! In: [`hir::Model`]. Out: [`Facts`], side tables by id, and what is wrong. Every check runs, whatever the others found;
//! what hangs on something unknown stays silent. Invariant: where no error was reported, every fact that `ir` asks for is
//! there. Absent on purpose: arithmetic of a run.

mod asked;
mod births;
mod calls;
mod clock;
mod constant;
mod decls;
mod dist;
pub(crate) mod draws;
mod early;
mod entities;
mod expects;
mod experiments;
mod graph;
mod infer;
mod kinds;
mod ledger;
mod lints;
mod living;
mod loops;
mod members;
mod named;
mod order;
mod parts;
mod recurrence;
mod rules;
mod say;
mod series;
mod shape;
mod splits;
mod values;

use std::collections::BTreeMap;

use num_rational::BigRational;

pub(crate) use constant::Fold;
pub use constant::{cell, constant};

pub use expects::{Compared, Tolerance};
pub use experiments::{MOST_POINTS, MOST_RUNS, Planned, PlannedValue, grouped};
pub use graph::Node;
pub use lints::uncovered;
use order::ends_with_the_steps;
pub use order::{Order, Step};
pub(crate) use order::{is_dated, reads_now};
pub use shape::{Shape, member_names};

use crate::diag::{Code, Diagnostic};
use crate::hir::{self, BinderId, DeclId, ExprId, IndexId, Misfit};
use crate::source::{SourceMap, Span};
use crate::units::{Dim, Unit};

/// The type of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ty {
    /// A number that measures something.
    Number(Dim),
    /// A condition.
    Bool,
    /// A member of this index, which is no part of another.
    Label(IndexId),
    /// Not known, because of an error that has been reported.
    Unknown,
}

/// A type, and the unit in which a value is written where that is clear.
#[derive(Clone, Debug)]
pub struct Typed {
    /// The type.
    pub ty: Ty,
    /// How it is written.
    pub shown: Option<Unit>,
}

/// What is known of a named value.
#[derive(Clone, Debug)]
pub struct DeclFacts {
    /// Its type.
    pub ty: Ty,
    /// The unit in which its values are shown.
    pub shown: Unit,
}

/// The clock, worked out.
#[derive(Clone, Debug)]
pub struct ClockFacts {
    /// Where runs start, in the clock's unit.
    pub from: BigRational,
    /// The length of a step.
    pub dt: BigRational,
    /// How many steps there are.
    pub steps: u64,
    /// How many steps lie between two kept rows.
    pub record: u64,
}

/// How a `conserve … = total` is known to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpeningTotal {
    /// Proved from constants.
    Proved,
    /// Checked at the start of every run, because openings or total hang on params.
    AtStart,
}

/// What is known of a `conserve`.
#[derive(Clone, Debug)]
pub struct ConserveFacts {
    /// The stocks that it is about.
    pub stocks: Vec<DeclId>,
    /// How the total is known, if one is stated.
    pub total: Option<OpeningTotal>,
}

/// Everything that is known of a model.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The exact value of each expression that is constant, by [`ExprId`], in stored units.
    pub constants: Vec<Option<BigRational>>,
    /// The names of members that each expression hangs on, by [`ExprId`].
    pub free: Vec<Vec<BinderId>>,
    /// The members of each array, by [`DeclId`]; of what is no array, and of what failed, there are none.
    pub shapes: Vec<Option<Shape>>,
    /// The unit that a bare number has from its place.
    pub implied: BTreeMap<ExprId, Unit>,
    /// The parts of this move's split are amounts, or something is wrong with them: no shares in any case; by [`DeclId`].
    pub amounts: Vec<bool>,
    /// The unit in which what a goal looks at is shown, where it is a number; in the order of the goals.
    pub goals: Vec<Option<Unit>>,
    /// Of each `spawn`, whether it says how many are born per time, and not in each step.
    pub per_time: Vec<bool>,
    /// The same as `amounts` of each route of each `retire`.
    pub routes: Vec<Vec<bool>>,
    /// Each named value, by [`DeclId`].
    pub decls: Vec<DeclFacts>,
    /// The clock, if it is sound.
    pub clock: Option<ClockFacts>,
    /// What is worked out before what.
    pub order: Order,
    /// Each `conserve`, in order.
    pub conserves: Vec<ConserveFacts>,
    /// Each `expect`, in order.
    pub expects: Vec<Compared>,
    /// Each experiment, in order.
    pub experiments: Vec<Planned>,
}

/// Checks a model. What is only suspicious is looked for where nothing is wrong, and `sound` says that nothing was before.
pub fn check(model: &hir::Model, sources: &SourceMap, sound: bool) -> (Facts, Vec<Diagnostic>, Vec<Misfit>) {
    let mut diagnostics = Vec::new();
    let mut facts = Facts::default();
    infer::infer(model, sources, &mut facts, &mut diagnostics);
    facts.free = shape::free(model);
    shape::shapes(model, &mut facts, &mut diagnostics);
    facts.constants = constant::all(model, &facts);
    members::check(model, sources, &facts, &mut diagnostics);
    // A subscript of the wrong kind is no member either, and that has been said.
    let kinds: Vec<Span> = diagnostics.iter().filter(|d| d.code == Code::E0201).map(|d| d.primary.span).collect();
    diagnostics.retain(|d| {
        let at = d.primary.span;
        d.code != Code::E0208 || !kinds.iter().any(|k| at.start <= k.start && k.end <= at.end)
    });
    living::check(model, sources, &facts, &mut diagnostics);
    clock::check(model, &mut facts, &mut diagnostics);
    draws::check(model, &facts, &mut diagnostics);
    values::check(model, sources, &mut diagnostics);
    series::check(model, sources, &facts, &mut diagnostics);
    ledger::check(model, sources, &mut facts, &mut diagnostics);
    let looping = order::check(model, sources, &mut facts, &mut diagnostics);
    experiments::check(model, sources, &mut facts, &mut diagnostics);
    let misfits = expects::check(model, &mut facts, &mut diagnostics);
    // Nothing says the unit of what depends on itself; the loop is the mistake.
    diagnostics.retain(|d| d.code != Code::E0305 || !looping.contains(&d.primary.span));
    // A stock whose unit is wrong does not also open out of its bounds.
    let wrong: Vec<Span> =
        diagnostics.iter().filter(|d| d.code.name().starts_with("E03")).map(|d| d.primary.span).collect();
    let spoilt = |span: Span| {
        let within = |d: &hir::Decl, s: Span| d.whole.start <= s.start && s.end <= d.whole.end;
        model.decls.iter().any(|d| within(d, span) && wrong.iter().any(|w| within(d, *w)))
    };
    diagnostics.retain(|d| d.code != Code::E0407 || !spoilt(d.primary.span));
    // What may be left of nothing is a question only where the filter itself may stand there.
    let changing: Vec<Span> = diagnostics.iter().filter(|d| d.code == Code::E0206).map(|d| d.primary.span).collect();
    let holds = |d: &Diagnostic| {
        let whole = d.primary.span;
        changing.iter().any(|s| whole.start <= s.start && s.end <= whole.end)
    };
    diagnostics.retain(|d| d.code != Code::E0211 || !holds(d));
    if sound && misfits.is_empty() && !crate::diag::any_error(&diagnostics) {
        lints::check(model, sources, &facts, &mut diagnostics);
        experiments::lints(model, &facts, &mut diagnostics);
    }
    (facts, diagnostics, misfits)
}

impl Facts {
    /// What is known of a named value.
    pub fn decl(&self, id: DeclId) -> &DeclFacts {
        &self.decls[id.0 as usize]
    }

    /// The members of an array.
    pub fn shape(&self, id: DeclId) -> Option<&Shape> {
        self.shapes.get(id.0 as usize)?.as_ref()
    }

    /// How many values a declaration has: one, or one for each member.
    pub fn count(&self, id: DeclId) -> usize {
        self.shape(id).map_or(1, |s| s.len)
    }
}
