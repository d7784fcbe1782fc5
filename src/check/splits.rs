//! Units of what a split gives: shares of what moves, or amounts of it.

use num_traits::Zero;

use super::infer::Infer;
use super::say::unit_of;
use super::{Ty, Typed};
use crate::diag::{Code, Diagnostic};
use crate::hir::{DeclId, ExprId, ExprKind, Move};
use crate::units::Dim;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Share,
    Amount,
}

impl Infer<'_> {
    /// The parts of a split are plain numbers, or in the unit of what moves: all of one kind.
    pub(super) fn parts(&mut self, id: DeclId, m: &Move, moved: &Typed) {
        self.facts.amounts[id.0 as usize] = self.are_amounts(m, moved);
    }

    /// Whether they are amounts. What is no share, or no part at all, does not have to come to 1.
    pub(super) fn are_amounts(&mut self, m: &Move, moved: &Typed) -> bool {
        let Ty::Number(want) = &moved.ty else { return true };
        let want = self.resolve(want);
        // Of what has no unit a part in that unit would be a share as well as an amount.
        let plain = self.dims(m).first().is_some_and(Dim::is_one);
        let (mut first, mut open): (Option<(ExprId, Kind)>, Vec<Dim>) = (None, Vec::new());
        for e in m.shares() {
            let found = self.infer(e);
            let kind = match &found.ty {
                Ty::Number(dim) => {
                    let dim = self.resolve(dim);
                    if dim.vars().next().is_some() {
                        open.push(dim);
                        continue;
                    } else if dim.is_one() {
                        Kind::Share
                    } else if dim == want && !plain {
                        Kind::Amount
                    } else {
                        self.no_part(e, m, &found, moved, &dim);
                        return true;
                    }
                }
                Ty::Unknown => continue,
                Ty::Bool | Ty::Label(_) => {
                    let span = self.model.expr(e).span;
                    self.expect(e, &found, &Self::plain(), "a part of a split", span);
                    return true;
                }
            };
            match first {
                None => first = Some((e, kind)),
                Some((_, known)) if known == kind => {}
                Some((other, _)) => {
                    let unit = unit_of(&self.model.units, &want, moved.shown.as_ref());
                    let word =
                        |k: Kind| if k == Kind::Share { "a share".to_string() } else { format!("so many {unit}") };
                    let error = Diagnostic::new(
                        Code::E0411,
                        "a split is given by shares or by amounts, and not by both",
                        self.model.expr(e).span,
                        format!("this is {}", word(kind)),
                    )
                    .label(
                        self.model.expr(other).span,
                        format!("this is {}", word(if kind == Kind::Share { Kind::Amount } else { Kind::Share })),
                    )
                    .help("write all parts as shares, or all as amounts; the last may be `rest`");
                    self.report(error);
                    return true;
                }
            }
        }
        let amounts = first.is_some_and(|(_, kind)| kind == Kind::Amount);
        let dim = if amounts { want } else { Dim::one() };
        for o in open {
            self.unify(&o, &dim);
        }
        amounts
    }

    fn no_part(&mut self, e: ExprId, m: &Move, found: &Typed, moved: &Typed, dim: &Dim) {
        let units = &self.model.units;
        let Ty::Number(want) = &moved.ty else { return };
        let want = self.resolve(want);
        let unit = unit_of(units, &want, moved.shown.as_ref());
        let span = self.model.expr(e).span;
        let text = self.sources.text(span).to_string();
        let given = self.name_of(found);
        let clock = units.clock().map(|c| units.get(c).name.clone()).unwrap_or_default();
        let amount_for_rate = m.flow && *dim == want.multiply(&units.time());
        let rate_for_amount = !m.flow && *dim == want.divide(&units.time());
        let code = if amount_for_rate || rate_for_amount { Code::E0303 } else { Code::E0302 };
        let error = Diagnostic::new(
            code,
            format!("a part of this split is a share or {unit}, and is given {given}"),
            span,
            self.origin(e, found),
        );
        let literal = matches!(&self.model.expr(e).kind, ExprKind::Quantity { value, .. } if !value.is_zero());
        self.report(if amount_for_rate && literal {
            error.help(format!("say per what: `{text}/{clock}`")).fix(span, format!("{text}/{clock}"))
        } else if amount_for_rate {
            error.help(format!("a flow is so much per time: `({text}) / (1 {clock})`, or a share such as `30%`"))
        } else if rate_for_amount {
            error.help(format!("what moves in one step is `({text}) * dt`; or write a share such as `30%`"))
        } else {
            error.help(format!("write a share, such as `30%`, or an amount of {unit}"))
        });
    }
}
