//! Types of what is chosen and asked: policies, updates, goals, expectations, scenarios.

use super::infer::Infer;
use super::{Ty, Typed};
use crate::diag::{Code, Diagnostic};
use crate::hir::{DeclId, DeclKind, Expect, ExprId, ExprKind, Goal, GoalKind};
use crate::units::{Dim, Unit};

impl Infer<'_> {
    /// The options of a policy are formulas for one thing.
    pub(super) fn options_agree(&mut self, options: &[ExprId]) {
        let Some((first, rest)) = options.split_first() else { return };
        let ta = self.infer(*first);
        for other in rest {
            let tb = self.infer(*other);
            if self.one_kind((*first, &ta), (*other, &tb), "option of this policy") {
                self.agree((*first, &ta), (*other, &tb), |a, b| {
                    format!("one option of this policy is {a}, another {b}")
                });
            }
        }
    }

    /// The formulas that give a state its values, updates among them.
    pub(super) fn rules(&self, state: DeclId, own: Option<ExprId>) -> Vec<ExprId> {
        let updates = self.model.decls.iter().filter_map(|d| match d.kind {
            DeclKind::Update { state: other, value } if other == state => Some(value),
            _ => None,
        });
        own.into_iter().chain(updates).collect()
    }

    pub(super) fn goals(&mut self) {
        let model = self.model;
        for goal in &model.goals {
            self.goal(goal);
            let seen = goal.seen(model).map(|e| self.within_metric(true, |i| i.infer(e)));
            let unit = seen.and_then(|typed| self.unit(&typed));
            self.facts.goals.push(unit);
        }
    }

    fn goal(&mut self, goal: &Goal) {
        self.fresh_declaration(|i| {
            i.within_metric(true, |i| {
                match &goal.kind {
                    GoalKind::Holds(condition) => i.condition(*condition, "a goal"),
                    GoalKind::Of { metric, share, .. } => {
                        let typed = i.infer(*metric);
                        i.want_number(*metric, &typed);
                        i.share(
                            *share,
                            "what a goal asks for of another run",
                            "the metric comes first and its share behind: `left >= 80% of baseline`",
                        );
                    }
                    GoalKind::Maximize(value) | GoalKind::Minimize(value) => {
                        let typed = i.infer(*value);
                        i.want_number(*value, &typed);
                    }
                }
                if let Some(share) = goal.share {
                    i.share(share, "the part of the runs", "write it as a share: `95%`");
                }
            });
        });
    }

    fn share(&mut self, e: ExprId, what: &str, help: &str) {
        let found = self.infer(e);
        let Ty::Number(dim) = &found.ty else {
            return self.expect(e, &found, &Self::plain(), what, self.model.expr(e).span);
        };
        if !self.unify(dim, &Dim::one()) {
            let (span, given) = (self.model.expr(e).span, self.name_of(&found));
            let fact = format!("{what} is a share, and is given {given}");
            let error = Diagnostic::new(Code::E0302, fact, span, self.origin(e, &found)).help(help);
            self.report(error);
        }
    }

    /// An `expect` compares numbers; its tolerance is one of the same unit, or a percentage of what the file says.
    pub(super) fn expected(&mut self, expect: &Expect, typed: &Typed) {
        let typed = self.want_number(expect.value, typed);
        if matches!(self.model.expr(expect.within).kind, ExprKind::Number { percent: true, .. }) {
            return;
        }
        match self.unit(&typed) {
            Some(unit) => {
                let said = self.model.expr(expect.value).span;
                self.place(expect.within, &unit, "the tolerance", said);
            }
            None => {
                self.infer(expect.within);
            }
        }
    }

    /// What scenarios set has the unit of what is set.
    pub(super) fn scenarios(&mut self) {
        let model = self.model;
        for (id, value) in model.scenarios.iter().flat_map(|s| &s.settings) {
            let decl = model.decl(*id);
            let typed = self.decl(*id);
            let said = decl.ty.as_ref().map_or(decl.span, |a| a.span);
            let unit = self.unit(&typed);
            self.fresh_declaration(|i| i.right_side(*value, &typed, unit.as_ref(), &format!("`{}`", decl.name), said));
        }
    }

    /// The unit in which a value of this type is written.
    pub(super) fn unit(&self, typed: &Typed) -> Option<Unit> {
        let Ty::Number(dim) = &typed.ty else { return None };
        let dim = self.resolve(dim);
        let shown = typed.shown.clone().filter(|u| self.model.units.dim(u) == dim);
        Some(shown.unwrap_or_else(|| self.model.units.usual(&dim)))
    }
}
