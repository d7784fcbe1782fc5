//! Units by elimination.
//!
//! Every expression gets a dimension that may hold unknowns; each place where two must agree is a linear equation over
//! the rationals, solved at once by eliminating the newest unknown (Kennedy, "Dimension Types", ESOP 1994, over ℚ instead
//! of ℤ). A `let` is inferred from its own right side only and has no unknowns left; a `fn` keeps its unknowns, and each
//! call gets fresh ones.

use num_traits::{One, Zero};

use super::{DeclFacts, Facts, Ty, Typed};
use crate::diag::{Code, Diagnostic};
use crate::hir::{self, BinaryOp, ClockPart, CompareOp, DeclId, DeclKind, ExprId, ExprKind, FnId};
use crate::source::{SourceMap, Span};
use crate::units::{Atom, Dim, Exponent, Unit};

/// Where inference of a named value or function has come to.
#[derive(Clone)]
pub(super) enum State<T> {
    New,
    Running(T),
    Done(T),
}

/// The type of a function.
#[derive(Clone)]
pub(super) struct Scheme {
    pub params: Vec<Ty>,
    pub result: Typed,
    /// The unknowns of parameters and result: those are fresh in each call.
    pub free: Vec<u32>,
}

pub(super) struct Infer<'a> {
    pub(super) model: &'a hir::Model,
    pub(super) sources: &'a SourceMap,
    pub(super) diagnostics: &'a mut Vec<Diagnostic>,
    pub(super) facts: &'a mut Facts,
    pub(super) typed: Vec<Option<Typed>>,
    pub(super) decls: Vec<State<Typed>>,
    /// How many of them are running.
    pub(super) running: usize,
    pub(super) fns: Vec<State<Scheme>>,
    pub(super) solved: Vec<Option<Dim>>,
    pub(super) locals: Vec<Vec<Ty>>,
    /// The argument and the value of each curve, by its number.
    pub(super) curves: Vec<Option<(Typed, Typed)>>,
    /// Names whose unit hangs on one that is still being found.
    pub(super) postponed: Vec<DeclId>,
    /// Bare numbers that count in a unit that is still being found: what they stand for, what that is called and where.
    pub(super) waiting: Vec<(ExprId, Typed, String, Span)>,
    /// A declaration is told of one mistake; the rest may follow from it.
    pub(super) failed: bool,
    /// Within a metric, and not within what it looks at row by row.
    pub(super) in_metric: bool,
}

/// Infers all types and units.
pub(super) fn infer(model: &hir::Model, sources: &SourceMap, facts: &mut Facts, diagnostics: &mut Vec<Diagnostic>) {
    let mut infer = Infer {
        typed: vec![None; model.exprs.len()],
        decls: vec![State::New; model.decls.len()],
        running: 0,
        fns: vec![State::New; model.fns.len()],
        solved: Vec::new(),
        locals: Vec::new(),
        curves: vec![None; model.curves.len()],
        postponed: Vec::new(),
        waiting: Vec::new(),
        failed: false,
        in_metric: false,
        model,
        sources,
        diagnostics,
        facts,
    };
    infer.facts.amounts = vec![false; model.decls.len()];
    if let Some(clock) = &model.clock {
        let unit = Unit::of(clock.unit);
        let parts = [
            (Some(clock.from), "the start of the clock"),
            (Some(clock.to), "the end of the clock"),
            (clock.step, "the step of the clock"),
            (model.record, "the period of `record every`"),
        ];
        for (e, what) in parts {
            if let Some(e) = e {
                infer.fresh_declaration(|i| i.place(e, &unit, what, clock.unit_span));
            }
        }
    } else if let Some(e) = model.record {
        infer.infer(e);
    }
    for (i, _) in model.curves.iter().enumerate() {
        infer.curve(hir::CurveId(i as u32));
    }
    for (i, _) in model.fns.iter().enumerate() {
        infer.function(FnId(i as u32));
    }
    for (id, _) in model.decls() {
        infer.decl(id);
    }
    for (id, decl) in model.decls() {
        infer.fresh_declaration(|i| i.rest(id, decl));
        for filter in decl.axes.iter().filter_map(|b| model.binder(*b).filter) {
            infer.fresh_declaration(|i| i.condition(filter, "what follows `where`"));
        }
    }
    for assert in &model.asserts {
        infer.fresh_declaration(|i| i.condition(assert.condition, "an assertion"));
    }
    for only in &model.only {
        infer.fresh_declaration(|i| i.condition(only.condition, "what `--where` asks"));
    }
    infer.entities();
    infer.goals();
    infer.scenarios();
    infer.experiments();
    for conserve in &model.conserves {
        if let Some(total) = conserve.total {
            infer.fresh_declaration(|i| i.place(total, &Unit::of(conserve.unit), "the total", conserve.unit_span));
        }
    }
    infer.finish();
}

impl Infer<'_> {
    fn finish(self) {
        let resolve = |ty: &Ty| match ty {
            Ty::Number(dim) => Ty::Number(self.resolve(dim)),
            other => other.clone(),
        };
        let decls = self.decls.iter().map(|state| {
            let (State::Done(typed) | State::Running(typed)) = state else {
                return DeclFacts { ty: Ty::Unknown, shown: Unit::one() };
            };
            let ty = resolve(&typed.ty);
            let shown = match &ty {
                Ty::Number(dim) => {
                    let shown = typed.shown.clone().filter(|u| self.model.units.dim(u) == *dim);
                    shown.unwrap_or_else(|| self.model.units.usual(dim))
                }
                _ => Unit::one(),
            };
            DeclFacts { ty, shown }
        });
        self.facts.decls = decls.collect();
    }

    /// Runs one inference whose first mistake is reported, whatever failed before.
    pub(super) fn fresh_declaration<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.failed, false);
        let result = run(self);
        self.failed = before;
        result
    }

    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        if !std::mem::replace(&mut self.failed, true) {
            self.diagnostics.push(diagnostic);
        }
    }

    pub(super) fn fresh(&mut self) -> Dim {
        self.solved.push(None);
        Dim::atom(Atom::Var(self.solved.len() as u32 - 1))
    }

    /// A dimension with all that is known put in.
    pub(super) fn resolve(&self, dim: &Dim) -> Dim {
        let mut dim = dim.clone();
        while dim.vars().any(|v| self.solved[v as usize].is_some()) {
            dim = dim.substitute(|v| self.solved[v as usize].clone());
        }
        dim
    }

    /// Makes two dimensions equal, if they can be.
    pub(super) fn unify(&mut self, a: &Dim, b: &Dim) -> bool {
        let rest = self.resolve(&a.divide(b));
        let Some(newest) = rest.vars().max() else { return rest.is_one() };
        let atom = Atom::Var(newest);
        let exponent = rest.exponent(atom);
        let others = rest.divide(&Dim::atom(atom).power(exponent));
        self.solved[newest as usize] = Some(others.power(-Exponent::one() / exponent));
        true
    }

    /// Whether a number may still be of any unit.
    pub(super) fn is_open(&self, ty: &Ty) -> bool {
        matches!(ty, Ty::Number(dim) if self.resolve(dim).vars().next().is_some())
    }

    pub(super) fn number(dim: Dim, shown: Option<Unit>) -> Typed {
        Typed { ty: Ty::Number(dim), shown }
    }

    pub(super) const UNKNOWN: Typed = Typed { ty: Ty::Unknown, shown: None };
    pub(super) const BOOL: Typed = Typed { ty: Ty::Bool, shown: None };

    /// The type of an expression that must be a condition.
    pub(super) fn condition(&mut self, e: ExprId, what: &str) {
        let typed = self.infer(e);
        if let Ty::Number(_) | Ty::Label(_) = typed.ty {
            let text = self.origin(e, &typed);
            let error = Diagnostic::new(
                Code::E0201,
                format!("{what} is a condition, and is given {}", self.name_of(&typed)),
                self.model.expr(e).span,
                text,
            )
            .help("compare it with something: `… > 0`");
            self.report(error);
        }
    }

    /// A place whose unit is known: a bare number that is the whole of it counts in that unit.
    pub(super) fn place(&mut self, e: ExprId, unit: &Unit, what: &str, said: Span) {
        let model = self.model;
        let expr = model.expr(e);
        match &expr.kind {
            ExprKind::Number { value, percent } => {
                let mut implied = unit.clone();
                if *percent {
                    implied.factors.retain(|(id, _)| !model.units.get(*id).dim.is_one());
                    if implied.factors.iter().any(|(_, e)| *e > Exponent::zero()) && !value.is_zero() {
                        let text = self.sources.text(expr.span).to_string();
                        let name = model.units.name(unit);
                        let error = Diagnostic::new(
                            Code::E0309,
                            format!("{text} of what?"),
                            expr.span,
                            format!("{what} is an amount of {name}"),
                        )
                        .label(said, format!("{name} is wanted because of this"))
                        .help(format!("write what it is a part of: `{text} * …`"));
                        self.report(error);
                    }
                }
                self.typed[e.0 as usize] = Some(Self::number(model.units.dim(unit), Some(unit.clone())));
                self.facts.implied.insert(e, implied);
            }
            ExprKind::Negate(inner) => {
                self.place(*inner, unit, what, said);
                self.typed[e.0 as usize] = Some(Self::number(model.units.dim(unit), Some(unit.clone())));
            }
            ExprKind::If(c, a, b) => {
                self.condition(*c, "what stands between `if` and `then`");
                self.place(*a, unit, what, said);
                self.place(*b, unit, what, said);
                self.typed[e.0 as usize] = Some(Self::number(model.units.dim(unit), Some(unit.clone())));
            }
            ExprKind::Data(data, _) if !matches!(model.data[data.0 as usize], hir::Cells::Numbers(_)) => {
                let typed = self.infer(e);
                let wanted = Self::number(model.units.dim(unit), Some(unit.clone()));
                self.expect(e, &typed, &wanted, what, said);
            }
            ExprKind::Cells { .. } | ExprKind::Match { .. } | ExprKind::Data(..) => {
                self.arms(e).into_iter().for_each(|value| self.place(value, unit, what, said));
                if matches!(expr.kind, ExprKind::Data(..)) {
                    self.facts.implied.insert(e, unit.clone());
                }
                self.typed[e.0 as usize] = Some(Self::number(model.units.dim(unit), Some(unit.clone())));
            }
            _ => {
                let typed = self.infer(e);
                let wanted = Self::number(model.units.dim(unit), Some(unit.clone()));
                self.expect(e, &typed, &wanted, what, said);
            }
        }
    }

    /// Demands that a value has a unit.
    pub(super) fn expect(&mut self, e: ExprId, typed: &Typed, wanted: &Typed, what: &str, said: Span) {
        let fits = match (&typed.ty, &wanted.ty) {
            (Ty::Number(a), Ty::Number(b)) => self.unify(a, b),
            (Ty::Bool, Ty::Bool) | (Ty::Unknown, _) | (_, Ty::Unknown) => true,
            (Ty::Label(a), Ty::Label(b)) => a == b,
            _ => false,
        };
        if fits {
            return;
        }
        let code =
            if matches!((&typed.ty, &wanted.ty), (Ty::Number(_), Ty::Number(_))) { Code::E0302 } else { Code::E0201 };
        let (found, want) = (self.name_of(typed), self.name_of(wanted));
        let mut error = Diagnostic::new(
            code,
            format!("{what} is {want}, and is given {found}"),
            self.model.expr(e).span,
            self.origin(e, typed),
        );
        if said != self.model.expr(e).span {
            error = error.label(said, format!("{want} is wanted because of this"));
        }
        if let Some((help, fix)) = self.advice(e, typed, wanted) {
            error = error.help(help);
            if let Some(fix) = fix {
                error = error.fix(self.model.expr(e).span, fix);
            }
        } else {
            error =
                error.help(format!("change the value, or what is declared, so that both are {want} or both {found}"));
        }
        self.report(error);
    }

    /// The type of an expression.
    pub(super) fn infer(&mut self, e: ExprId) -> Typed {
        if let Some(typed) = &self.typed[e.0 as usize] {
            return typed.clone();
        }
        let typed = stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.infer_new(e));
        self.typed[e.0 as usize] = Some(typed.clone());
        typed
    }

    fn infer_new(&mut self, e: ExprId) -> Typed {
        let model = self.model;
        let units = &model.units;
        let expr = model.expr(e);
        match &expr.kind {
            ExprKind::Error => Self::UNKNOWN,
            ExprKind::Drawn(id) => self.drawn(*id),
            // `0%` is a share, and says so.
            ExprKind::Number { value, percent: false } if value.is_zero() => Self::number(self.fresh(), None),
            ExprKind::Infinity => Self::number(self.fresh(), None),
            ExprKind::Number { .. } | ExprKind::Pi => Self::number(Dim::one(), Some(Unit::one())),
            ExprKind::Quantity { unit, .. } => Self::number(units.dim(unit), Some(unit.clone())),
            ExprKind::Unit(id) => Self::number(units.get(*id).dim.clone(), Some(Unit::of(*id))),
            ExprKind::Bool(_) => Self::BOOL,
            ExprKind::NumberOf(_) | ExprKind::Clock(ClockPart::Step) => Self::number(Dim::one(), Some(Unit::one())),
            ExprKind::Clock(_) => match units.clock() {
                Some(clock) => Self::number(units.time(), Some(Unit::of(clock))),
                None => Self::UNKNOWN,
            },
            ExprKind::Local(i) => {
                let ty = self.locals.last().and_then(|l| l.get(*i)).cloned().unwrap_or(Ty::Unknown);
                Typed { ty, shown: None }
            }
            ExprKind::Member(_)
            | ExprKind::Label(..)
            | ExprKind::Date(_)
            | ExprKind::In(..)
            | ExprKind::Cells { .. }
            | ExprKind::Data(..)
            | ExprKind::Match { .. }
            | ExprKind::Aggregate(_)
            | ExprKind::Curve(..) => self.infer_kind(e),
            ExprKind::Element { decl: id, .. } | ExprKind::Decl(id) => {
                let typed = self.decl(*id);
                if let ExprKind::Element { at, otherwise, .. } = &expr.kind {
                    self.element(*id, at, *otherwise, &typed);
                }
                let metric = matches!(model.decl(*id).kind, DeclKind::Metric { .. });
                if metric && !self.in_metric {
                    let name = &model.decl(*id).name;
                    let error = Diagnostic::new(
                        Code::E0205,
                        format!("`{name}` is a number of the whole run"),
                        expr.span,
                        "it is known when the run is over",
                    )
                    .help("a metric can be read by metrics only");
                    self.report(error);
                    return Self::UNKNOWN;
                }
                typed
            }
            ExprKind::Negate(a) => {
                let typed = self.infer(*a);
                self.want_number(*a, &typed)
            }
            ExprKind::Not(a) => {
                self.condition(*a, "what follows `not`");
                Self::BOOL
            }
            ExprKind::Binary(BinaryOp::And | BinaryOp::Or, a, b) => {
                self.condition(*a, "each side of `and` and `or`");
                self.condition(*b, "each side of `and` and `or`");
                Self::BOOL
            }
            ExprKind::Binary(op, a, b) => {
                let (ta, tb) = (self.infer(*a), self.infer(*b));
                let (ta, tb) = (self.want_number(*a, &ta), self.want_number(*b, &tb));
                self.arithmetic(*op, (*a, &ta), (*b, &tb))
            }
            ExprKind::Compare(first, rest) => {
                let mut a = *first;
                for (op, b) in rest {
                    self.compare(*op, a, *b);
                    a = *b;
                }
                Self::BOOL
            }
            ExprKind::If(c, a, b) => {
                self.condition(*c, "what stands between `if` and `then`");
                let (ta, tb) = (self.infer(*a), self.infer(*b));
                if !self.one_kind((*a, &ta), (*b, &tb), "arm of this `if`") {
                    return Self::UNKNOWN;
                }
                self.agree((*a, &ta), (*b, &tb), |a, b| format!("one arm of this `if` is {a}, the other {b}"));
                if self.hidden(&ta, &tb) {
                    return Self::UNKNOWN;
                }
                let shown = ta.shown.clone().or(tb.shown.clone());
                let (known, other) = if ta.ty == Ty::Unknown { (tb.ty, ta.ty) } else { (ta.ty, tb.ty) };
                // Beside what failed, a 0 has no unit that anybody could know.
                if other == Ty::Unknown && self.is_open(&known) {
                    return Self::UNKNOWN;
                }
                Typed { ty: known, shown }
            }
            ExprKind::Call(id, args) => self.call(*id, args),
            ExprKind::Builtin(builtin, args) => self.builtin(e, builtin, args),
        }
    }

    fn compare(&mut self, op: CompareOp, a: ExprId, b: ExprId) {
        let (ta, tb) = (self.infer(a), self.infer(b));
        let equality = matches!(op, CompareOp::Equal | CompareOp::NotEqual);
        if let (Ty::Label(x), Ty::Label(y), true) = (&ta.ty, &tb.ty, equality) {
            if x != y {
                self.report(self.two_indexes((a, &ta), (b, &tb)));
            }
            return;
        }
        if let (Ty::Label(_), Ty::Label(_)) = (&ta.ty, &tb.ty) {
            let error =
                Diagnostic::new(Code::E0201, "labels have no order", self.model.expr(b).span, self.origin(b, &tb))
                    .label(self.model.expr(a).span, self.origin(a, &ta))
                    .help("compare numbers: a column of the index, `place[a] < place[b]`, or an index of numbers");
            return self.report(error);
        }
        if ta.ty == Ty::Unknown || tb.ty == Ty::Unknown {
            return;
        }
        let both = matches!((&ta.ty, &tb.ty), (Ty::Bool, Ty::Bool)) && equality;
        if !both && self.want_number(a, &ta).ty != Ty::Unknown && self.want_number(b, &tb).ty != Ty::Unknown {
            self.agree((a, &ta), (b, &tb), |a, b| format!("{a} cannot be compared with {b}"));
        }
    }

    /// Whether one of two values has been reported, and it alone would have said the unit of both.
    pub(super) fn hidden(&self, a: &Typed, b: &Typed) -> bool {
        let open = |t: &Typed| matches!(&t.ty, Ty::Number(dim) if self.resolve(dim).vars().next().is_some());
        (a.ty == Ty::Unknown && open(b)) || (b.ty == Ty::Unknown && open(a))
    }

    pub(super) fn want_number(&mut self, e: ExprId, typed: &Typed) -> Typed {
        if let Ty::Label(_) = typed.ty {
            let span = self.model.expr(e).span;
            let error = Diagnostic::new(Code::E0201, "a label is not a number", span, self.origin(e, typed))
                .help("a label is compared with `==`, and chosen by with `match`");
            self.report(error);
            return Self::UNKNOWN;
        }
        if typed.ty != Ty::Bool {
            return typed.clone();
        }
        let error =
            Diagnostic::new(Code::E0201, "a condition is not a number", self.model.expr(e).span, self.origin(e, typed))
                .help("to count with it, write `if … then 1 else 0`");
        self.report(error);
        Self::UNKNOWN
    }

    /// Demands that two values have one unit, and says what is wrong with `message` of both amounts.
    pub(super) fn agree(
        &mut self,
        (a, ta): (ExprId, &Typed),
        (b, tb): (ExprId, &Typed),
        message: impl Fn(String, String) -> String,
    ) {
        let (Ty::Number(da), Ty::Number(db)) = (&ta.ty, &tb.ty) else { return };
        if self.unify(da, db) {
            return;
        }
        let mut error = Diagnostic::new(
            Code::E0301,
            message(self.amount_of(ta), self.amount_of(tb)),
            self.model.expr(a).span,
            self.origin(a, ta),
        )
        .label(self.model.expr(b).span, self.origin(b, tb));
        if let Some((help, fix)) = self.advice(b, tb, ta) {
            error = error.help(help);
            if let Some(fix) = fix {
                // The mistake is where the fix is.
                std::mem::swap(&mut error.primary, &mut error.secondary[0]);
                error = error.fix(self.model.expr(b).span, fix);
            }
        } else if let Some((help, fix)) = self.advice(a, ta, tb) {
            error = error.help(help);
            if let Some(fix) = fix {
                error = error.fix(self.model.expr(a).span, fix);
            }
        } else if let Some(help) = self.price_advice(a, ta, b, tb) {
            error = error.help(help);
        } else {
            error = error.help(format!(
                "bring both to one unit: what turns {} into {}?",
                self.name_of(tb),
                self.name_of(ta)
            ));
        }
        self.report(error);
    }

    fn arithmetic(&mut self, op: BinaryOp, (a, ta): (ExprId, &Typed), (b, tb): (ExprId, &Typed)) -> Typed {
        let units = &self.model.units;
        let (Ty::Number(da), Ty::Number(db)) = (&ta.ty, &tb.ty) else { return Self::UNKNOWN };
        match op {
            BinaryOp::Add | BinaryOp::Subtract => {
                let text = if op == BinaryOp::Add {
                    |a: String, b: String| format!("{b} cannot be added to {a}")
                } else {
                    |a: String, b: String| format!("{b} cannot be taken from {a}")
                };
                self.agree((a, ta), (b, tb), text);
                Self::number(da.clone(), ta.shown.clone().or(tb.shown.clone()))
            }
            BinaryOp::Multiply => {
                let shown = self.written(ta).zip(self.written(tb)).map(|(a, b)| units.multiply(&a, &b));
                Self::number(da.multiply(db), shown)
            }
            BinaryOp::Divide => {
                let shown = self.written(ta).zip(self.written(tb)).map(|(a, b)| units.divide(&a, &b));
                Self::number(da.divide(db), shown)
            }
            BinaryOp::Power => self.power((a, ta), (b, tb)),
            BinaryOp::And | BinaryOp::Or => Self::BOOL,
        }
    }

    /// How a value is written: a plain number without a unit, whatever it is made of.
    fn written(&self, typed: &Typed) -> Option<Unit> {
        typed.shown.clone().or_else(|| match &typed.ty {
            Ty::Number(dim) if self.resolve(dim).is_one() => Some(Unit::one()),
            _ => None,
        })
    }

    fn power(&mut self, (a, ta): (ExprId, &Typed), (b, tb): (ExprId, &Typed)) -> Typed {
        let (Ty::Number(da), Ty::Number(db)) = (&ta.ty, &tb.ty) else { return Self::UNKNOWN };
        let plain = Self::plain();
        let said = self.model.expr(b).span;
        if !self.unify(db, &Dim::one()) {
            self.expect(b, tb, &plain, "an exponent", said);
            return Self::UNKNOWN;
        }
        let base = self.resolve(da);
        if base.is_one() {
            return plain;
        }
        let literal = super::constant::literal(self.model, b);
        let bounded = literal.as_ref().and_then(hir::bounded_power);
        if literal.is_some() && bounded.is_none() {
            let error = Diagnostic::new(
                Code::E0307,
                "this power is too large for a unit",
                said,
                "64 is the most, above and below a fraction's bar",
            )
            .help("check the exponent");
            self.report(error);
            return Self::UNKNOWN;
        }
        match bounded {
            Some(exponent) => Self::number(base.power(exponent), ta.shown.as_ref().map(|u| u.power(exponent))),
            None => {
                if self.unify(&base, &Dim::one()) {
                    return plain;
                }
                let error = Diagnostic::new(
                    Code::E0307,
                    "the power of a quantity is a plain number that is written out",
                    said,
                    "with any other, the unit of the result would change with it",
                )
                .label(self.model.expr(a).span, self.origin(a, ta))
                .help("divide by a reference first: `(x / (1 UNIT)) ^ n`");
                self.report(error);
                Self::UNKNOWN
            }
        }
    }
}
