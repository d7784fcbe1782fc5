//! From syntax to meaning: the clock, dates, and what hangs on time by data: curves and series.

use super::resolve::Resolver;
use super::{BinderId, Clock, Curve, CurveId, DeclId, DeclKind, ExprKind, Method, Series};
use crate::builtins::{Ends, Reading};
use crate::diag::{Code, Diagnostic};
use crate::source::Span;
use crate::syntax::ast;
use crate::units::Date;
use num_rational::BigRational;

impl<'a> Resolver<'a> {
    pub(super) fn clock(&mut self, time: &'a ast::Time, span: Span) {
        let mut method = (Method::Euler, time.using.as_ref().map(|using| using.span));
        if let Some(using) = &time.using {
            match Method::ALL.iter().find(|(name, _)| *name == using.text) {
                Some((_, known)) => method.0 = *known,
                None => {
                    let fact = format!("there is no integrator `{}`", using.text);
                    let error = Diagnostic::new(Code::E0504, fact, using.span, "")
                        .help("the integrators are `euler`, `rk2` and `rk4`");
                    self.report(error);
                }
            }
        }
        let starting = time.starting.as_ref().map(|date| (self.date(&date.text, date.span), date.span));
        let from = self.expr(&time.from);
        let Some(unit) = self.unit_named(&time.unit) else {
            self.model.clock_unknown = true;
            return;
        };
        if let Some(first) = &self.model.clock {
            let error = Diagnostic::new(Code::E0102, "a model has one clock", span, "this is a second one")
                .label(first.span, "the first is here")
                .help("remove one of them");
            return self.report(error);
        }
        if !self.model.units.set_clock(unit) {
            let error = Diagnostic::new(
                Code::E0504,
                format!("`{}` cannot be the clock's unit", time.unit.text),
                time.unit.span,
                "it measures a product of things",
            )
            .help("the clock runs in a single unit, such as `month` or one that you declare: `unit tick`");
            return self.report(error);
        }
        if let Some((Some(_), at)) = starting
            && self.model.units.calendar(unit).is_none()
        {
            let error = Diagnostic::new(
                Code::E0508,
                format!("a clock of `{}` has no dates", time.unit.text),
                at,
                "this clock starts at no date",
            )
            .label(time.unit.span, "no unit of time")
            .help("leave out `starting`, or let the clock run in a unit of time, such as `month`");
            self.report(error);
        }
        let starting = starting.and_then(|(date, _)| Some((date?, from)));
        self.bad_start = time.starting.is_some() && starting.is_none();
        self.model.clock =
            Some(Clock { unit, unit_span: time.unit.span, from, to: from, step: None, method, starting, span });
        // The end may be a date, for which the start must be known.
        let to = self.expr(&time.to);
        let step = time.step.as_ref().map(|e| self.expr(e));
        if let Some(clock) = &mut self.model.clock {
            (clock.to, clock.step) = (to, step);
        }
    }

    /// A date; what is none is reported.
    pub(super) fn date(&mut self, text: &str, span: Span) -> Option<Date> {
        let date = Date::parse(text);
        if date.is_none() {
            let written: Vec<usize> = text.split('-').map(str::len).collect();
            let remark =
                if written == [4, 2, 2] { "no calendar has this day" } else { "a date has four digits, two, and two" };
            let error = Diagnostic::new(Code::E0009, format!("`@{text}` is not a date"), span, remark)
                .help("a date is written `@2021-08-04`: year, month, day");
            self.report(error);
        }
        date
    }

    /// `@2021-08-04` as a value.
    pub(super) fn date_expr(&mut self, text: &str, span: Span) -> ExprKind {
        let Some(date) = self.date(text, span) else { return ExprKind::Error };
        match self.no_dates() {
            None => ExprKind::Date(date),
            Some(None) => ExprKind::Error,
            Some(Some((fact, help))) => {
                // Of a clock that is missing one hears once.
                self.model.clock_unknown |= self.model.clock.is_none();
                self.report(Diagnostic::new(Code::E0508, fact, span, "a date").help(help));
                ExprKind::Error
            }
        }
    }

    /// The time of a date in the clock's unit, exactly; else why the clock has no dates, or nothing where that is known.
    pub(super) fn date_value(&self, date: Date) -> Result<BigRational, Option<(String, String)>> {
        if let Some(why) = self.no_dates() {
            return Err(why);
        }
        self.model.date_value(date).ok_or(None)
    }

    /// Why the clock has no dates: fact and help, or nothing where it has been said.
    fn no_dates(&self) -> Option<Option<(String, String)>> {
        let Some(clock) = &self.model.clock else {
            return Some((!self.model.clock_unknown).then(|| {
                (
                    "this model has no clock that a date could stand for".into(),
                    "say when it starts: `time month from 0 to 60 starting @2021-04-01`".into(),
                )
            }));
        };
        if self.bad_start {
            return Some(None);
        }
        let unit = &self.model.units.get(clock.unit).name;
        if self.model.units.calendar(clock.unit).is_none() {
            let told = clock.starting.is_some();
            return Some(
                (!told).then(|| {
                    (format!("a clock of `{unit}` has no dates"), "write a number in the clock's unit".into())
                }),
            );
        }
        if clock.starting.is_none() {
            let written = self.sources.text(clock.span).trim_end();
            return Some(Some((
                "nothing says at which date this model starts".into(),
                format!("say it: `{written} starting @2021-04-01`"),
            )));
        }
        None
    }

    /// Second walk: a graphical function.
    pub(super) fn curve(
        &mut self,
        id: CurveId,
        (argument, argument_ty): (&'a ast::Name, Option<&'a ast::Type>),
        ty: Option<&'a ast::Type>,
        points: &'a [(ast::Expr, ast::Expr)],
        ends: Option<&'a ast::Name>,
    ) {
        let argument = (argument.text.clone(), self.annotation(argument_ty));
        let ty = self.annotation(ty);
        let points = points.iter().map(|(x, y)| (self.expr(x), self.expr(y))).collect();
        let ends = match ends.map(|n| n.text.as_str()) {
            Some("extrapolate") => Ends::Extrapolate,
            Some("step") => Ends::Step,
            _ => Ends::Clamp,
        };
        let curve: &mut Curve = &mut self.model.curves[id.0 as usize];
        (curve.argument, curve.ty, curve.points, curve.ends) = (argument, ty, points, ends);
    }

    /// Second walk: data over time.
    pub(super) fn series(&mut self, id: DeclId, decl: &'a ast::Decl, axes: &[BinderId]) {
        let ast::Decl::Series { head, ty, from, column, time, mode, by_run, clamp } = decl else { return };
        let ty = self.annotation(Some(ty));
        self.model.decls[id.0 as usize].ty.clone_from(&ty);
        if axes.len() > 1 {
            let error = Diagnostic::new(
                Code::E0207,
                format!("the series `{}` has {} indexes", head.name.text, axes.len()),
                head.name.span,
                "a file has rows in time, and a column for each member of one index",
            )
            .help("let it be over one of them, and make a series for each member of the other");
            return self.report(error);
        }
        let label = Self::wants_label(ty.as_ref());
        let reading = match mode.as_ref().map(|m| m.text.as_str()) {
            Some("hold") => Reading::Hold,
            Some("lumps") => Reading::Lumps,
            Some(_) => Reading::Linear,
            None if label => Reading::Hold,
            None => Reading::Linear,
        };
        let condition = matches!(ty.as_ref().map(|a| &a.kind), Some(super::AnnotationKind::Bool));
        if (label || condition) && reading != Reading::Hold {
            let span = mode.as_ref().map_or(head.name.span, |m| m.span);
            let what = if label { "labels" } else { "conditions" };
            let error = Diagnostic::new(
                Code::E0201,
                format!("a series of {what} has nothing in between"),
                span,
                "only numbers can be added or lie between two others",
            )
            .help("write `hold`: what a row says holds until the next");
            return self.report(error);
        }
        let Some((times, values)) =
            self.series_of_file(from, time.as_ref(), column.as_ref(), *by_run, axes, ty.as_ref())
        else {
            return;
        };
        let series = Series { times, values, reading, clamp: *clamp, by_run: *by_run, file: from.span };
        self.model.decls[id.0 as usize].kind = DeclKind::Series(Box::new(series));
    }
}
