//! How the checker words units and places.

use num_traits::Signed;

use super::infer::Infer;
use super::{Ty, Typed};
use crate::hir::{DeclKind, ExprId, ExprKind};
use crate::source::{SourceMap, Span};
use crate::units::{Dim, Registry, Unit};

/// A piece of source, short enough for a label; longer ones are `this`.
pub(super) fn snippet(sources: &SourceMap, span: Span) -> String {
    let text = sources.text(span);
    if text.is_empty() || text.contains('\n') || text.chars().count() > 40 {
        "this".into()
    } else {
        format!("`{text}`")
    }
}

/// The unit of a dimension as a reader would write it.
pub(super) fn unit_of(units: &Registry, dim: &Dim, shown: Option<&Unit>) -> String {
    match shown {
        Some(unit) if units.dim(unit) == *dim => units.name(unit),
        _ => units.name(&units.usual(dim)),
    }
}

impl Infer<'_> {
    /// What a value is: `TKN`, `a plain number`, `a condition`.
    pub(super) fn name_of(&self, typed: &Typed) -> String {
        match &typed.ty {
            Ty::Bool => "a condition".into(),
            Ty::Label(root) => format!("a member of `{}`", self.model.index(*root).name),
            Ty::Unknown => "unknown".into(),
            Ty::Number(dim) => {
                let dim = self.resolve(dim);
                if dim.is_one() {
                    "a plain number".into()
                } else {
                    unit_of(&self.model.units, &dim, typed.shown.as_ref())
                }
            }
        }
    }

    /// `an amount of TKN`, `a plain number`.
    pub(super) fn amount_of(&self, typed: &Typed) -> String {
        let name = self.name_of(typed);
        let rate = matches!(&typed.ty, Ty::Number(dim) if self.is_rate(&self.resolve(dim)));
        match name {
            name if name.starts_with("a ") => name,
            name if rate => format!("a rate of {name}"),
            name => format!("an amount of {name}"),
        }
    }

    fn is_rate(&self, dim: &Dim) -> bool {
        let time = self.model.units.time();
        time.factors().first().is_some_and(|(clock, _)| dim.exponent(*clock).is_negative())
    }

    /// What this piece of source is, and where that comes from.
    pub(super) fn origin(&self, e: ExprId, typed: &Typed) -> String {
        let expr = self.model.expr(e);
        let (text, name) = (snippet(self.sources, expr.span), self.name_of(typed));
        match self.model.named(e) {
            Some(id) => {
                let line = self.sources.position(self.model.decl(id).span).map_or(0, |(line, _)| line);
                format!("{text} is {name}, declared in line {line}")
            }
            _ => format!("{text} is {name}"),
        }
    }

    /// An edit that may make `found` what is wanted, for the most frequent slips.
    pub(super) fn advice(&self, e: ExprId, found: &Typed, wanted: &Typed) -> Option<(String, Option<String>)> {
        let (Ty::Number(have), Ty::Number(want)) = (&found.ty, &wanted.ty) else { return None };
        let (have, want) = (self.resolve(have), self.resolve(want));
        let text = self.sources.text(self.model.expr(e).span);
        let unit = unit_of(&self.model.units, &want, wanted.shown.as_ref());
        let whole = matches!(
            self.model.expr(e).kind,
            ExprKind::Decl(_) | ExprKind::Element { .. } | ExprKind::Clock(_) | ExprKind::Builtin(..)
        );
        let term = if whole { text.to_string() } else { format!("({text})") };
        if have.is_one() && matches!(self.model.expr(e).kind, ExprKind::Number { percent: false, .. }) {
            let written = if unit.starts_with("1/") {
                format!("{text} {}", &unit[1..]).replace(" /", "/")
            } else {
                format!("{text} {unit}")
            };
            return Some((format!("give the number its unit: `{written}`"), Some(written)));
        }
        if have.is_one() {
            // A plain number that has a name forgot its unit where it is declared.
            let id = self.model.named(e)?;
            let decl = self.model.decl(id);
            let (DeclKind::Param { value, .. } | DeclKind::Let { value }) = decl.kind else { return None };
            if !matches!(self.model.expr(value).kind, ExprKind::Number { percent: false, .. }) || unit.starts_with("1/")
            {
                return None;
            }
            let (line, _) = self.sources.position(decl.span).unwrap_or((0, 0));
            let number = self.sources.text(self.model.expr(value).span);
            return Some((format!("give `{}` its unit, in line {line}: `{number} {unit}`", decl.name), None));
        }
        let time = self.model.units.time();
        let clock = self.model.units.clock().map(|c| self.model.units.get(c).name.clone()).unwrap_or_default();
        if !time.is_one() && have == want.multiply(&time) {
            let made = if want.is_one() { "a plain number" } else { "a rate" };
            return Some((format!("`{term} / (1 {clock})` is {made}"), None));
        }
        if !time.is_one() && have == want.divide(&time) {
            return Some((
                format!("`{term} * dt` is what it comes to in one step, `{term} * (1 {clock})` in a {clock}"),
                None,
            ));
        }
        None
    }

    /// What to do about two amounts of things that cannot be added: a price, where both are plain amounts.
    pub(super) fn price_advice(&self, a: ExprId, ta: &Typed, b: ExprId, tb: &Typed) -> Option<String> {
        let (Ty::Number(da), Ty::Number(db)) = (&ta.ty, &tb.ty) else { return None };
        let (da, db) = (self.resolve(da), self.resolve(db));
        let single =
            |d: &Dim| d.factors().len() == 1 && d.factors()[0].1.is_positive() && *d != self.model.units.time();
        if !(single(&da) && single(&db)) {
            return None;
        }
        let (ua, ub) = (self.name_of(ta), self.name_of(tb));
        let text = |e: ExprId| self.sources.text(self.model.expr(e).span).to_string();
        Some(format!("give {ua} a price: `{} * price` is {ub} like `{}`, where `price` is {ub}/{ua}", text(a), text(b)))
    }
}
