//! What splits, updates and scenarios say, as far as it is known before a run.

use num_rational::BigRational;
use num_traits::{One, Signed};

use super::constant::Fold;
use super::ledger::Ledger;
use super::member_names;
use crate::diag::{Code, Diagnostic};
use crate::hir::{Decl, DeclId, DeclKind, ExprKind, Move, Rule};
use crate::units::{magnitude, to_f64};

fn percent(share: &BigRational) -> String {
    format!("{}%", magnitude(to_f64(&(share * BigRational::from_integer(100.into()))), 12))
}

impl Ledger<'_> {
    /// Constant shares add up to 1: of an array, for every member. What only a run knows is checked there.
    pub(super) fn split(&mut self, fold: &mut Fold, id: DeclId, decl: &Decl, m: &Move) {
        if m.is_split() && !self.facts.amounts[id.0 as usize] {
            self.shares(fold, id, decl, m);
        }
    }

    /// The same of what is given by shares.
    pub(super) fn shares(&mut self, fold: &mut Fold, id: DeclId, decl: &Decl, m: &Move) {
        let mut env = fold.env();
        let members = self.facts.shape(id).map_or(1, |s| s.len);
        for offset in 0..members {
            let mut whose = String::new();
            if let Some(shape) = self.facts.shape(id) {
                let members = shape.members(offset);
                decl.axes.iter().zip(&members).for_each(|(b, m)| env[b.0 as usize] = *m);
                let names = member_names(self.model, id, &members);
                whose = if names.is_empty() { names } else { format!(" for `{names}`") };
            }
            let shares: Vec<Option<BigRational>> = m.shares().map(|e| fold.value(e, &mut env)).collect();
            let known = || m.shares().zip(&shares).filter_map(|(e, v)| Some((e, v.as_ref()?)));
            let negative = known().find(|(_, v)| v.is_negative());
            if let Some((e, share)) = negative.or_else(|| known().find(|(_, v)| **v > BigRational::one())) {
                let text = self.sources.text(self.model.expr(e).span);
                let plain = matches!(self.model.expr(e).kind, ExprKind::Number { percent: false, .. });
                let help = if share.is_negative() {
                    "what flows the other way is a flow of its own".to_string()
                } else if plain && *share <= BigRational::from_integer(100.into()) {
                    format!("a share is written `{text}%`")
                } else if plain {
                    format!("an amount has its unit, `{text} {}`, and a share is written `30%`", self.show(id))
                } else {
                    "let the shares add up to 100%".to_string()
                };
                self.diagnostics.push(
                    Diagnostic::new(
                        Code::E0412,
                        format!("a part of `{}` is {} of what moves{whose}", decl.name, percent(share)),
                        self.model.expr(e).span,
                        "a part lies between 0% and 100%",
                    )
                    .help(help),
                );
                return;
            }
            let Some(shares) = shares.into_iter().collect::<Option<Vec<_>>>() else { continue };
            let sum: BigRational = shares.iter().sum();
            let rest = m.to.iter().any(|p| p.share.is_none());
            let off = &BigRational::one() - &sum;
            let rounding = BigRational::new(1.into(), 1_000_000_000.into());
            if off.abs() <= rounding || (rest && off.is_positive()) {
                continue;
            }
            let (Some(first), Some(last)) = (m.to.first(), m.to.last()) else { return };
            let span = first.place.span.to(last.share.map_or(last.place.span, |e| self.model.expr(e).span));
            let (label, help) = if off.is_positive() {
                let name = self.sources.text(last.place.span);
                (
                    format!("{} would go nowhere", percent(&off)),
                    format!("let the last part be what is left: `{name}: rest`"),
                )
            } else {
                (format!("{} too much", percent(&-off)), "let the shares add up to 100%".to_string())
            };
            let mut error = Diagnostic::new(
                Code::E0412,
                format!("the parts of `{}` come to {} of what moves{whose}", decl.name, percent(&sum)),
                span,
                label,
            );
            let plain = last.share.filter(|e| matches!(self.model.expr(*e).kind, ExprKind::Number { .. }));
            if let (Some(e), true) = (plain, sum < BigRational::one()) {
                error = error.fix(self.model.expr(e).span, "rest");
            }
            self.diagnostics.push(error.help(help));
            return;
        }
    }

    /// A state has one rule, and its update only members that it has.
    pub(super) fn update(&mut self, id: DeclId, decl: &Decl, state: DeclId) {
        let of = self.model.decl(state);
        let rule = match &of.kind {
            DeclKind::State { rule: Some(Rule::Next { value, .. }), .. } => Some((*value, "`next`")),
            DeclKind::State { rule: Some(Rule::Rate(value)), .. } => Some((*value, "`rate`")),
            _ => None,
        };
        let earlier = self
            .model
            .decls()
            .take_while(|(other, _)| *other != id)
            .find(|(_, d)| matches!(d.kind, DeclKind::Update { state: other, .. } if other == state));
        let first = match (rule, earlier) {
            (Some((value, word)), _) => Some((self.model.expr(value).span, format!("its {word} is the first"))),
            (None, Some((_, first))) => Some((first.span, "the first is here".to_string())),
            (None, None) => None,
        };
        if let Some((span, text)) = first {
            self.diagnostics.push(
                Diagnostic::new(
                    Code::E0414,
                    format!("`{}` has two rules", of.name),
                    decl.span,
                    "a second rule for the same state",
                )
                .label(span, text)
                .help("keep one of them: which of two would win hangs on nothing that is written"),
            );
            return;
        }
        let (Some(mine), Some(its)) = (self.facts.shape(id), self.facts.shape(state)) else { return };
        let missing = (0..mine.len).map(|at| mine.members(at)).find(|members| its.offset(members).is_none());
        if let Some(members) = missing {
            let name = member_names(self.model, id, &members);
            self.diagnostics.push(
                Diagnostic::new(
                    Code::E0208,
                    format!("`{}` has no member `{name}`", of.name),
                    decl.span,
                    "its update would give that one a value",
                )
                .label(of.span, "the state")
                .help("leave that member out: `[i in Index where …]`"),
            );
        }
    }

    /// Shares of runs are shares.
    pub(super) fn goals(&mut self, fold: &mut Fold) {
        let mut env = fold.env();
        for share in self.model.goals.iter().filter_map(|g| g.share) {
            let Some(value) = fold.value(share, &mut env) else { continue };
            // Of another unit, and that has been said.
            let unit = matches!(self.model.expr(share).kind, ExprKind::Quantity { .. });
            if unit || !value.is_negative() && value <= BigRational::one() {
                continue;
            }
            let span = self.model.expr(share).span;
            let text = self.sources.text(span).to_string();
            let error = Diagnostic::new(
                Code::E0803,
                format!("a goal cannot hold in {} of the runs", percent(&value)),
                span,
                "a share of the runs lies between 0% and 100%",
            );
            let number = matches!(self.model.expr(share).kind, ExprKind::Number { percent: false, .. });
            let hundred = BigRational::from_integer(100.into());
            self.diagnostics.push(if number && value.is_positive() && value <= hundred {
                error.help(format!("write `{text}%`")).fix(span, format!("{text}%"))
            } else {
                error.help("for example `in 95% of runs`")
            });
        }
    }

    /// What scenarios set lies within its bounds.
    pub(super) fn scenarios(&mut self, fold: &mut Fold) {
        self.in_scenario = true;
        for (id, value) in self.model.scenarios.iter().flat_map(|s| &s.settings) {
            let decl = self.model.decl(*id);
            let (range, signed) = match decl.kind {
                DeclKind::Param { range, .. } => (range, true),
                DeclKind::Stock { range, signed, .. } => (range, signed),
                _ => continue,
            };
            self.opening(fold, *id, decl, *value, signed, range);
        }
        self.in_scenario = false;
    }
}
