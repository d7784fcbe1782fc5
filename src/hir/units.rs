//! From syntax to meaning: units.
//!
//! A derived unit is worked out when it is first asked for, so that units may be declared in any order; one that asks for
//! itself on the way is a cycle.

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One, Signed, ToPrimitive, Zero};

use super::resolve::{Entry, Meaning, PendingUnit, Resolver, may_name_a_unit};
use super::{Annotation, AnnotationKind, UnitId};
use crate::diag::{Code, Diagnostic, did_you_mean};
use crate::source::Span;
use crate::syntax::ast::{self, ExprKind, TypeKind};
use crate::units::{Dim, Exponent, Unit};

/// The library of SI units, to tell its names from unknown ones.
const SI: &str = include_str!("../prelude/si.flow");

/// A unit may be defined through so many others.
const LONGEST_CHAIN: usize = 500;

/// An exponent in a unit or of a value with a unit may not pass this.
pub(super) const MAX_POWER: i64 = 64;

impl<'a> Resolver<'a> {
    pub(super) fn collect_unit(
        &mut self,
        names: &'a [ast::Name],
        value: Option<&'a ast::Expr>,
        aliases: &'a [ast::Name],
        prelude: bool,
    ) {
        for name in names.iter().chain(aliases) {
            if !may_name_a_unit(&name.text) {
                let error = Diagnostic::new(
                    Code::E0104,
                    format!("`{}` cannot be a unit", name.text),
                    name.span,
                    "behind a number this word begins a clause",
                )
                .help("choose another name");
                self.report(error);
            }
        }
        self.declaring_unit = true;
        match value {
            None => {
                for name in names {
                    let id = self.model.units.base(&name.text, name.span);
                    self.declare(name, Meaning::Unit(id), prelude);
                    if let [_] = names {
                        aliases.iter().for_each(|alias| self.declare(alias, Meaning::Unit(id), prelude));
                    }
                }
            }
            Some(value) => {
                for name in names.iter().chain(aliases) {
                    self.declare(name, Meaning::Unknown, prelude);
                }
                let name = &names[0];
                // A second declaration has been reported; the first one stands.
                if self.names.get(&name.text).is_some_and(|e| e.span == name.span) {
                    self.pending.insert(name.text.clone(), PendingUnit { name, value, aliases, prelude });
                    for alias in aliases {
                        self.pending.insert(alias.text.clone(), PendingUnit { name, value, aliases, prelude });
                    }
                }
            }
        }
        self.declaring_unit = false;
    }

    pub(super) fn finish_units(&mut self) {
        while let Some((name, _)) = self.pending.first_key_value() {
            let name = name.clone();
            self.finish_unit(&name, &mut Vec::new());
            self.pending.remove(&name);
        }
    }

    fn finish_unit(&mut self, name: &str, path: &mut Vec<String>) {
        let Some(pending) = self.pending.get(name).copied() else { return };
        let canonical = &pending.name.text;
        if path.contains(canonical) {
            let cycle: Vec<_> =
                path.iter().skip_while(|n| *n != canonical).chain([canonical]).map(|n| format!("`{n}`")).collect();
            let error = Diagnostic::new(
                Code::E0311,
                format!("the unit `{canonical}` is made of itself"),
                pending.name.span,
                "",
            )
            .note(format!("the cycle is {}", cycle.join(" → ")))
            .help(format!("declare one of them without `=`: `unit {canonical}`"));
            self.report(error);
            return self.drop_pending(pending);
        }
        path.push(canonical.clone());
        if path.len() > LONGEST_CHAIN {
            let error = Diagnostic::new(
                Code::E0311,
                format!("`{canonical}` hangs on a chain of more than {LONGEST_CHAIN} units"),
                pending.name.span,
                "",
            )
            .help("declare units as multiples of one base");
            self.report(error);
            path.pop();
            return self.drop_pending(pending);
        }
        self.in_unit = true;
        let value = stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.unit_value(pending.value, path));
        self.in_unit = false;
        path.pop();
        // A cycle may have settled it on the way.
        if !self.pending.contains_key(canonical) {
            return;
        }
        self.drop_pending(pending);
        let Some((scale, dim)) = value else { return };
        if !scale.is_positive()
            || !crate::units::to_f64(&scale).is_normal()
            || scale.numer().bits() + scale.denom().bits() > 4096
        {
            let error = Diagnostic::new(
                Code::E0311,
                format!("`{canonical}` is not a size that a unit can have"),
                pending.value.span,
                "a unit is more than nothing, and finite",
            )
            .help(format!(
                "for a unit of its own write `unit {canonical}`, else how many of another it is, more than 0"
            ));
            return self.report(error);
        }
        let id = self.model.units.derived(canonical, dim, scale, pending.name.span);
        for name in std::iter::once(pending.name).chain(pending.aliases) {
            let entry = Entry { meaning: Meaning::Unit(id), span: name.span, prelude: pending.prelude };
            // A name that was declared twice belongs to the first.
            if self.names.get(&name.text).is_some_and(|e| e.span == name.span) {
                self.names.insert(name.text.clone(), entry);
            }
        }
    }

    fn drop_pending(&mut self, unit: PendingUnit) {
        self.pending.remove(&unit.name.text);
        for alias in unit.aliases {
            self.pending.remove(&alias.text);
        }
    }

    /// How many of which dimension an expression of units is.
    fn unit_value(&mut self, e: &'a ast::Expr, path: &mut Vec<String>) -> Option<(BigRational, Dim)> {
        let span = e.span;
        let wrong = |what: &str| {
            Diagnostic::new(Code::E0311, "a unit is declared by numbers and other units", span, what.to_string())
                .help("for example `unit kTKN = 1000 TKN`")
        };
        match &e.kind {
            ExprKind::Number(n) => Some((n.value.clone(), Dim::one())),
            ExprKind::Paren(inner) => self.unit_value(inner, path),
            ExprKind::Quantity(quantity) => {
                let ast::Quantity { number, unit, power } = &**quantity;
                let (scale, dim) = self.unit_reference(unit, path)?;
                let power = match power {
                    None => 1,
                    Some(p) => self.whole_power(&p.value, p.span)?,
                };
                Some((
                    &number.value * num_traits::Pow::pow(&scale, power),
                    dim.power(Exponent::from_integer(power.into())),
                ))
            }
            ExprKind::Name(text) => {
                let name = ast::Name { text: text.clone(), span };
                self.unit_reference(&name, path)
            }
            ExprKind::Binary(op @ (ast::BinaryOp::Multiply | ast::BinaryOp::Divide), a, b) => {
                let (a, b) = (self.unit_value(a, path)?, self.unit_value(b, path)?);
                if a.0.numer().bits() + a.0.denom().bits() > 8192 || b.0.is_zero() {
                    self.report(wrong("this number is out of bounds"));
                    return None;
                }
                Some(match op {
                    ast::BinaryOp::Multiply => (a.0 * b.0, a.1.multiply(&b.1)),
                    _ => (a.0 / b.0, a.1.divide(&b.1)),
                })
            }
            ExprKind::Binary(ast::BinaryOp::Power, base, exponent) => {
                let (scale, dim) = self.unit_value(base, path)?;
                let exponent = self.literal_power(exponent)?;
                let whole = self.whole_power(&exponent, span)?;
                if scale.is_zero() || (scale.numer().bits() + scale.denom().bits()) * whole.unsigned_abs() as u64 > 8192
                {
                    self.report(wrong("this number is out of bounds"));
                    return None;
                }
                Some((num_traits::Pow::pow(&scale, whole), dim.power(Exponent::from_integer(whole.into()))))
            }
            _ => {
                self.report(wrong("this is neither"));
                None
            }
        }
    }

    fn whole_power(&mut self, value: &BigRational, span: crate::source::Span) -> Option<i32> {
        let whole = value.is_integer().then(|| value.to_i64()).flatten().filter(|n| n.abs() <= MAX_POWER);
        if whole.is_none() {
            self.report(
                Diagnostic::new(Code::E0307, "a unit's power is a whole number, 64 at most", span, "")
                    .help("for example `m^2`"),
            );
        }
        whole.map(|n| n as i32)
    }

    fn unit_reference(&mut self, name: &ast::Name, path: &mut Vec<String>) -> Option<(BigRational, Dim)> {
        self.finish_unit(&name.text, path);
        let id = self.unit_named(name)?;
        let def = self.model.units.get(id);
        Some((def.scale.clone(), def.dim.clone()))
    }

    /// The number that stands as an exponent: `2`, `-1` or `(1/2)`.
    pub(super) fn literal_power(&mut self, e: &ast::Expr) -> Option<BigRational> {
        let value = literal(e);
        if value.is_none() {
            self.report(
                Diagnostic::new(
                    Code::E0307,
                    "a unit's power is a plain number",
                    e.span,
                    "this is worked out by the model",
                )
                .help("write a number, or a fraction in parentheses: `x^(1/2)`"),
            );
        }
        value
    }

    fn report_none(&mut self, error: Diagnostic) -> Option<UnitId> {
        self.report(error);
        None
    }

    /// The unit of this name; anything else is reported.
    pub(super) fn unit_named(&mut self, name: &ast::Name) -> Option<UnitId> {
        match self.names.get(&name.text).copied() {
            Some(Entry { meaning: Meaning::Unit(id), .. }) => Some(id),
            Some(Entry { meaning: Meaning::Unknown, .. }) => None,
            Some(Entry { meaning: Meaning::Decl(_), span, .. }) => {
                let word = self.model.decls.iter().find(|d| d.span == span).map_or("name", |d| d.word);
                let line = self.line(span);
                let error = Diagnostic::new(
                    Code::E0310,
                    format!("`{}` is a {word}, not a unit", name.text),
                    name.span,
                    format!("a unit is wanted here; `{}` is declared in line {line}", name.text),
                );
                let before =
                    self.sources.text(crate::source::Span::new(name.span.start.saturating_sub(1), name.span.start))
                        == " ";
                let error = if self.in_unit {
                    error.help(
                        "a unit is a fixed multiple of others; what changes is a price: `state price: USD/TKN = …`",
                    )
                } else if before && word != "unit" {
                    error
                        .help(format!("to multiply, write `* {}`", name.text))
                        .fix(name.span, format!("* {}", name.text))
                } else {
                    error
                };
                self.report(error);
                None
            }
            Some(Entry { meaning: Meaning::Index(_), .. }) => {
                let error = Diagnostic::new(
                    Code::E0310,
                    format!("`{}` is an index, not a unit", name.text),
                    name.span,
                    "a unit is wanted here",
                )
                .help("an index is the type of its members: `param kind: Class = builders`");
                self.report(error);
                None
            }
            None if self.incomplete.names => None,
            None => {
                let units: Vec<String> = self
                    .names
                    .iter()
                    .filter(|(_, e)| matches!(e.meaning, Meaning::Unit(_) | Meaning::Index(_)))
                    .map(|(n, _)| n.clone())
                    .collect();
                let error = Diagnostic::new(
                    Code::E0310,
                    format!("there is no unit `{}`", name.text),
                    name.span,
                    "nothing declares it",
                );
                let known = units.iter().map(String::as_str);
                let short = [
                    ("yr", "year"),
                    ("mo", "month"),
                    ("wk", "week"),
                    ("hr", "hour"),
                    ("min", "minute"),
                    ("sec", "second"),
                    ("d", "day"),
                    ("h", "hour"),
                ];
                let long = short.iter().find(|(s, _)| *s == name.text).map(|(_, long)| *long);
                let number = self.sources.text(Span::new(name.span.start.saturating_sub(2), name.span.start));
                let counted = number.starts_with(|c: char| c.is_ascii_digit()) && number.ends_with(' ');
                if name.text == "per" {
                    return self.report_none(error.help("\"per\" is written `/`: `12%/year`").fix(name.span, "/"));
                }
                if counted && ["k", "M", "B", "T"].contains(&name.text.as_str()) {
                    let error = error.help(format!("a magnitude is stuck to its number: `5{}`", name.text));
                    let stuck = Span::new(name.span.start - 1, name.span.end);
                    return self.report_none(error.fix(stuck, name.text.clone()));
                }
                let error =
                    match if self.may_compare() { long.or_else(|| did_you_mean(&name.text, known)) } else { None } {
                        Some(meant) => error.help(format!("did you mean `{meant}`?")).fix(name.span, meant),
                        None if SI
                            .lines()
                            .any(|l| l.strip_prefix("unit ").and_then(|l| l.split(' ').next()) == Some(&name.text)) =>
                        {
                            error.help("it is one of the SI: `use \"std/si\"`")
                        }
                        None if name.text == "bool" => {
                            error.help("`bool` is the type of conditions, and measures nothing")
                        }
                        None => error.help(format!("declare it: `unit {}`", name.text)),
                    };
                self.report(error);
                // Once is enough.
                self.names
                    .insert(name.text.clone(), Entry { meaning: Meaning::Unknown, span: name.span, prelude: true });
                None
            }
        }
    }

    pub(super) fn annotation(&mut self, ty: Option<&'a ast::Type>) -> Option<Annotation> {
        let ty = ty?;
        let kind = match &ty.kind {
            TypeKind::Name(name) if name.text == "bool" && !self.names.contains_key("bool") => AnnotationKind::Bool,
            TypeKind::Name(name) if self.index_named(&name.text).is_some() => {
                let index = self.index_named(&name.text).unwrap_or(super::IndexId(0));
                self.model.indexes[index.0 as usize].read = true;
                if self.model.is_numeric(index) {
                    let name = self.model.index(index).name.clone();
                    let error = Diagnostic::new(
                        Code::E0310,
                        format!("`{name}` is an index of numbers, and no type"),
                        ty.span,
                        "its members are plain numbers",
                    )
                    .help(format!(
                        "write `: 1`; a param or stock may have bounds: `in {} .. {}`",
                        self.model.member_name(index, 0),
                        self.model.members(index).last().map_or(String::new(), |m| self.model.member_name(index, *m))
                    ));
                    self.report(error);
                    AnnotationKind::Unknown
                } else {
                    AnnotationKind::Label(index)
                }
            }
            _ => match self.unit_type(ty) {
                Some(unit) => {
                    self.model.units.note_written(&unit);
                    AnnotationKind::Unit(unit)
                }
                None => AnnotationKind::Unknown,
            },
        };
        Some(Annotation { kind, span: ty.span })
    }

    fn unit_type(&mut self, ty: &'a ast::Type) -> Option<Unit> {
        match &ty.kind {
            TypeKind::Name(name) => self.unit_named(name).map(Unit::of),
            TypeKind::Number(n) if n.value.is_one() => Some(Unit::one()),
            TypeKind::Number(n) => {
                let error = Diagnostic::new(Code::E0311, "a type has no number but 1", n.span, "")
                    .help("a unit of another size is declared: `unit dozen = 12 egg`");
                self.report(error);
                None
            }
            TypeKind::Product(first, rest) => {
                let mut out = self.unit_type(first);
                for (op, factor) in rest {
                    let factor = self.unit_type(factor);
                    let sign = if *op == ast::BinaryOp::Multiply { Exponent::one() } else { -Exponent::one() };
                    out = out.zip(factor).map(|(out, factor)| out.multiply(&factor.power(sign)));
                }
                out
            }
            TypeKind::Power(base, exponent) => {
                let base = self.unit_type(base);
                let exponent = self.literal_power(exponent)?;
                let exponent = bounded(&exponent).or_else(|| {
                    self.report(Diagnostic::new(
                        Code::E0307,
                        "this power is too large for a unit",
                        ty.span,
                        "64 is the most",
                    ));
                    None
                })?;
                Some(base?.power(exponent))
            }
        }
    }
}

/// A literal exponent: a number, its negative, or a fraction of two.
pub(super) fn literal(e: &ast::Expr) -> Option<BigRational> {
    match &e.kind {
        ExprKind::Number(n) => Some(n.value.clone()),
        ExprKind::Negate(inner) => literal(inner).map(|v| -v),
        ExprKind::Paren(inner) => literal(inner),
        ExprKind::Binary(ast::BinaryOp::Divide, a, b) => {
            let (a, b) = (literal(a)?, literal(b)?);
            (!b.is_zero()).then(|| a / b)
        }
        _ => None,
    }
}

/// An exponent that a dimension may get.
pub(crate) fn bounded(value: &BigRational) -> Option<Exponent> {
    let small = |n: &BigInt| n.to_i64().filter(|n| n.abs() <= MAX_POWER);
    Some(Exponent::new(small(value.numer())?.into(), small(value.denom())?.into()))
}
