//! Types of what stands over members or is chosen by them: labels, cells, comprehensions, `match`, curves.

use std::collections::BTreeSet;

use num_rational::BigRational;
use num_traits::One;

use super::infer::Infer;
use super::{Ty, Typed};
use crate::builtins::Slot;
use crate::diag::{Code, Diagnostic};
use crate::hir::{
    Aggregate, AnnotationKind, BinaryOp, Cells, CurveId, DeclId, ExprId, ExprKind, IndexId, Members, Model,
};
use crate::units::{Dim, Unit};

impl Infer<'_> {
    pub(super) fn label(root: IndexId) -> Typed {
        Typed { ty: Ty::Label(root), shown: None }
    }

    /// The type of a member: a label, or a plain number.
    fn member(model: &Model, index: IndexId) -> Typed {
        if matches!(model.index(index).members, Members::Unknown) {
            Self::UNKNOWN
        } else if model.is_numeric(index) {
            Self::plain()
        } else {
            Self::label(model.index(index).root)
        }
    }

    /// What a function's argument must be, as far as its place says: a condition, a member, else some number.
    pub(super) fn argument(&mut self, body: ExprId, argument: usize) -> Ty {
        let model = self.model;
        let is = |e: ExprId| matches!(model.expr(e).kind, ExprKind::Local(i) if i == argument);
        let mut stack = vec![body];
        while let Some(e) = stack.pop() {
            match &model.expr(e).kind {
                ExprKind::If(c, ..) if is(*c) => return Ty::Bool,
                ExprKind::Not(a) if is(*a) => return Ty::Bool,
                ExprKind::Binary(BinaryOp::And | BinaryOp::Or, a, b) if is(*a) || is(*b) => return Ty::Bool,
                ExprKind::Element { decl, at, .. } => {
                    if let Some(axis) = at.iter().position(|e| is(*e)) {
                        return Self::member(model, model.binder(model.decl(*decl).axes[axis]).index).ty;
                    }
                }
                ExprKind::In(a, index) if is(*a) => return Self::member(model, *index).ty,
                ExprKind::Compare(first, rest) => {
                    let mut all = std::iter::once(first).chain(rest.iter().map(|(_, e)| e));
                    let label = all.clone().find_map(|e| label_of(model, *e));
                    if let (Some(root), true) = (label, all.any(|e| is(*e))) {
                        return Ty::Label(root);
                    }
                }
                ExprKind::Match { subject, arms, .. } if is(*subject) => {
                    let patterns = arms.iter().flat_map(|(p, _)| p);
                    let label = patterns.copied().find_map(|p| match model.expr(p).kind {
                        ExprKind::Label(root, _) => Some(Ty::Label(root)),
                        ExprKind::Bool(_) => Some(Ty::Bool),
                        _ => None,
                    });
                    if let Some(ty) = label {
                        return ty;
                    }
                }
                _ => {}
            }
            stack.extend(model.children(e));
        }
        Ty::Number(self.fresh())
    }

    pub(super) fn infer_kind(&mut self, e: ExprId) -> Typed {
        let model = self.model;
        match &model.expr(e).kind {
            ExprKind::Member(b) => Self::member(model, model.binder(*b).index),
            ExprKind::Label(root, _) => Self::label(*root),
            ExprKind::Date(_) => match model.units.clock() {
                Some(clock) => Self::number(model.units.time(), Some(Unit::of(clock))),
                None => Self::UNKNOWN,
            },
            ExprKind::In(a, index) => {
                let typed = self.infer(*a);
                let wanted = Self::member(model, *index);
                self.expect(*a, &typed, &wanted, "the member", model.expr(e).span);
                Self::BOOL
            }
            ExprKind::Cells { .. } => self.values(e, "this array value"),
            ExprKind::Data(data, _) => match &model.data[data.0 as usize] {
                Cells::Numbers(_) => Self::plain(),
                Cells::Labels(index, _) => Self::label(model.index(*index).root),
                Cells::Bools(_) => Self::BOOL,
            },
            ExprKind::Match { subject, arms, otherwise } => {
                self.patterns(e, *subject, arms, otherwise.is_some());
                self.values(e, "this `match`")
            }
            ExprKind::Aggregate(a) => self.aggregate(e, a),
            ExprKind::Curve(id, x) => {
                let (argument, value) = self.curve(*id);
                let typed = self.infer(*x);
                let curve = &model.curves[id.0 as usize];
                let what = format!("the argument `{}` of the curve `{}`", curve.argument.0, curve.name);
                self.expect(*x, &typed, &argument, &what, curve.span);
                value
            }
            _ => Self::UNKNOWN,
        }
    }

    /// The values that an expression chooses among.
    pub(super) fn arms(&mut self, e: ExprId) -> Vec<ExprId> {
        match &self.model.expr(e).kind {
            ExprKind::Cells { cells, otherwise, .. } => cells.iter().map(|(_, c)| *c).chain(*otherwise).collect(),
            ExprKind::Match { subject, arms, otherwise } => {
                self.patterns(e, *subject, arms, otherwise.is_some());
                arms.iter().map(|(_, value)| *value).chain(*otherwise).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The one type of all values that an expression chooses among.
    fn values(&mut self, e: ExprId, what: &str) -> Typed {
        let values = match &self.model.expr(e).kind {
            ExprKind::Cells { cells, otherwise, .. } => {
                cells.iter().map(|(_, c)| *c).chain(*otherwise).collect::<Vec<_>>()
            }
            ExprKind::Match { arms, otherwise, .. } => arms.iter().map(|(_, v)| *v).chain(*otherwise).collect(),
            _ => Vec::new(),
        };
        let mut first: Option<(ExprId, Typed)> = None;
        let mut unknown = false;
        for value in values {
            let typed = self.infer(value);
            unknown |= typed.ty == Ty::Unknown;
            let Some((other, before)) = &mut first else {
                first = Some((value, typed));
                continue;
            };
            if !self.one_kind((*other, before), (value, &typed), &format!("arm of {what}")) {
                return Self::UNKNOWN;
            }
            let (a, b) = (*other, before.clone());
            self.agree((a, &b), (value, &typed), |a, b| format!("one arm of {what} is {a}, another {b}"));
            if self.hidden(before, &typed) {
                return Self::UNKNOWN;
            }
            if before.ty == Ty::Unknown {
                *before = typed;
            } else if before.shown.is_none() {
                before.shown = typed.shown;
            }
        }
        let typed = first.map_or(Self::UNKNOWN, |(_, typed)| typed);
        if unknown && self.is_open(&typed.ty) { Self::UNKNOWN } else { typed }
    }

    /// Whether two values are of one kind: numbers, conditions, or labels of one index.
    pub(super) fn one_kind(&mut self, (a, ta): (ExprId, &Typed), (b, tb): (ExprId, &Typed), what: &str) -> bool {
        let word = |ty: &Ty| match ty {
            Ty::Number(_) => "a number",
            Ty::Bool => "a condition",
            Ty::Label(_) => "a label",
            Ty::Unknown => "unknown",
        };
        match (&ta.ty, &tb.ty) {
            (Ty::Unknown, _) | (_, Ty::Unknown) => true,
            (Ty::Label(x), Ty::Label(y)) if x != y => {
                self.report(self.two_indexes((a, ta), (b, tb)));
                false
            }
            (x, y) if std::mem::discriminant(x) == std::mem::discriminant(y) => true,
            (x, y) => {
                let error = Diagnostic::new(
                    Code::E0201,
                    format!("one {what} is {}, another {}", word(x), word(y)),
                    self.model.expr(b).span,
                    self.origin(b, tb),
                )
                .label(self.model.expr(a).span, self.origin(a, ta))
                .help("both are of one kind");
                self.report(error);
                false
            }
        }
    }

    pub(super) fn two_indexes(&self, (a, ta): (ExprId, &Typed), (b, tb): (ExprId, &Typed)) -> Diagnostic {
        Diagnostic::new(
            Code::E0201,
            format!("{} is never {}", self.name_of(tb), self.name_of(ta)),
            self.model.expr(b).span,
            self.origin(b, tb),
        )
        .label(self.model.expr(a).span, self.origin(a, ta))
        .help("only members of one index can be the same")
    }

    /// The subscripts of an array, and what it is where there is no such member.
    pub(super) fn element(&mut self, decl: DeclId, at: &[ExprId], otherwise: Option<ExprId>, typed: &Typed) {
        let model = self.model;
        for (axis, e) in at.iter().enumerate() {
            let index = model.binder(model.decl(decl).axes[axis]).index;
            let wanted = Self::member(model, index);
            if wanted.ty == Ty::Unknown {
                continue;
            }
            let found = self.infer(*e);
            let name = &model.decl(decl).name;
            if let (Ty::Number(_), Ty::Label(_)) | (Ty::Label(_), Ty::Number(_)) | (Ty::Bool, _) =
                (&found.ty, &wanted.ty)
            {
                let of = &model.index(index).name;
                let error = Diagnostic::new(
                    Code::E0201,
                    format!("`{name}` is over `{of}`, and is asked for {}", self.name_of(&found)),
                    model.expr(*e).span,
                    self.origin(*e, &found),
                )
                .help(format!("a subscript is a member of `{of}`"));
                self.report(error);
                continue;
            }
            self.expect(*e, &found, &wanted, &format!("the subscript of `{name}`"), model.decl(decl).span);
        }
        if let Some(otherwise) = otherwise {
            self.instead(otherwise, typed, &format!("`{}`", model.decl(decl).name), model.decl(decl).span);
        }
    }

    /// What stands behind `else`: a bare number counts in the unit of what it stands for.
    fn instead(&mut self, e: ExprId, typed: &Typed, what: &str, said: crate::source::Span) {
        // What it stands for may hang on a value that is being found: then it waits until that is.
        let open = matches!(&typed.ty, Ty::Number(dim) if self.resolve(dim).vars().next().is_some());
        if open && self.running > 0 && self.locals.is_empty() && is_bare(self.model, e) {
            return self.waiting.push((e, typed.clone(), what.to_string(), said));
        }
        self.instead_now(e, typed, what, said);
    }

    fn instead_now(&mut self, e: ExprId, typed: &Typed, what: &str, said: crate::source::Span) {
        if let Ty::Number(dim) = &typed.ty {
            let dim = self.resolve(dim);
            if dim.vars().next().is_none() {
                let unit = typed.shown.clone().filter(|u| self.model.units.dim(u) == dim);
                let unit = unit.unwrap_or_else(|| self.model.units.usual(&dim));
                return self.place(e, &unit, what, said);
            }
        }
        let found = self.infer(e);
        self.expect(e, &found, typed, what, said);
    }

    /// Bare numbers wait no longer, if they stand for something of these unknowns; without any, all of them.
    pub(super) fn wait_no_more(&mut self, unknown: Option<&Dim>) {
        for (e, typed, what, said) in std::mem::take(&mut self.waiting) {
            let Ty::Number(dim) = &typed.ty else { continue };
            let dim = self.resolve(dim);
            if unknown.is_some_and(|u| !u.vars().any(|v| dim.vars().any(|w| v == w))) {
                self.waiting.push((e, typed, what, said));
                continue;
            }
            self.fresh_declaration(|i| i.instead_now(e, &typed, &what, said));
        }
    }

    /// Each pattern of the subject's kind, each case once, and none left out.
    fn patterns(&mut self, e: ExprId, subject: ExprId, arms: &[(Vec<ExprId>, ExprId)], otherwise: bool) {
        let model = self.model;
        let typed = self.infer(subject);
        let mut seen: Vec<(BigRational, ExprId)> = Vec::new();
        for pattern in arms.iter().flat_map(|(p, _)| p) {
            let found = self.infer(*pattern);
            if matches!(typed.ty, Ty::Unknown) || matches!(found.ty, Ty::Unknown) {
                return;
            }
            let value = match (&typed.ty, &model.expr(*pattern).kind) {
                (Ty::Label(_), ExprKind::Label(_, at)) => Some(BigRational::from_integer((*at).into())),
                (Ty::Bool, ExprKind::Bool(b)) => Some(BigRational::from_integer(u8::from(*b).into())),
                (Ty::Number(_), ExprKind::Number { value, .. } | ExprKind::Quantity { value, .. }) => {
                    Some(value.clone())
                }
                (Ty::Number(_), ExprKind::Negate(_)) => super::constant::literal(model, *pattern),
                _ => None,
            };
            self.expect(*pattern, &found, &typed, "what is compared", model.expr(subject).span);
            let Some(value) = value else {
                if !matches!(
                    (&typed.ty, &found.ty),
                    (Ty::Number(_), Ty::Number(_)) | (Ty::Label(_), Ty::Label(_)) | (Ty::Bool, Ty::Bool)
                ) {
                    return;
                }
                let error = Diagnostic::new(
                    Code::E0210,
                    "a case is a label or a number that is written out",
                    model.expr(*pattern).span,
                    "this is worked out",
                )
                .help("compare what is worked out with `if`");
                return self.report(error);
            };
            if let Some((_, first)) = seen.iter().find(|(v, _)| *v == value) {
                let error = Diagnostic::new(
                    Code::E0210,
                    "this case stands twice",
                    model.expr(*pattern).span,
                    "it never comes to this one",
                )
                .label(model.expr(*first).span, "the first")
                .help("keep one of them");
                return self.report(error);
            }
            seen.push((value, *pattern));
        }
        if otherwise {
            return;
        }
        let missing: Vec<String> = match &typed.ty {
            Ty::Label(root) => {
                let covered: BTreeSet<&BigRational> = seen.iter().map(|(v, _)| v).collect();
                let declared = model.named(subject).and_then(|id| model.decl(id).ty.as_ref());
                let index = match declared.map(|t| &t.kind) {
                    Some(AnnotationKind::Label(index)) => *index,
                    _ => *root,
                };
                let all = model.members(index).into_iter();
                let missing = all.filter(|m| !covered.contains(&BigRational::from_integer((*m).into())));
                missing.map(|m| format!("`{}`", model.member_name(*root, m))).collect()
            }
            Ty::Bool if seen.len() < 2 => {
                let left = if seen.first().is_some_and(|(v, _)| v.is_one()) { "`false`" } else { "`true`" };
                vec![left.to_string()]
            }
            Ty::Number(_) => vec!["other numbers".into()],
            _ => Vec::new(),
        };
        let Some(first) = missing.first() else { return };
        let shown = missing.iter().take(4).cloned().collect::<Vec<_>>().join(", ");
        let error = Diagnostic::new(
            Code::E0210,
            format!("this `match` says nothing of {}", if missing.len() > 4 { format!("{shown} …") } else { shown }),
            model.expr(e).span,
            "every case needs an arm",
        )
        .help(match first.as_str() {
            "other numbers" => "add an arm for the rest: `else => …`".to_string(),
            first => format!("add `{} => …`, or an arm for the rest: `else => …`", first.trim_matches('`')),
        });
        self.report(error);
    }

    fn aggregate(&mut self, e: ExprId, a: &Aggregate) -> Typed {
        let model = self.model;
        for binder in &a.binders {
            if let Some(filter) = model.binder(*binder).filter {
                self.condition(filter, "what follows `where`");
            }
        }
        let span = model.expr(e).span;
        let params = &a.builtin.signature.params;
        let slot = &params[params.len() - 1].slot;
        let typed = self.infer(a.value);
        let counts = matches!(slot, Slot::Any) && typed.ty != Ty::Bool;
        let mut shown = typed.shown.clone();
        match slot {
            Slot::Bool => self.condition(a.value, &format!("the argument of `{}`", a.builtin.name())),
            Slot::Any => {
                // A member is counted; of a number nothing says what counts.
                let member = matches!(model.expr(a.value).kind, ExprKind::Member(_));
                if counts && !member && typed.ty != Ty::Unknown {
                    let error = Diagnostic::new(
                        Code::E0201,
                        format!("`{}` counts members or where a condition holds", a.builtin.name()),
                        model.expr(a.value).span,
                        self.origin(a.value, &typed),
                    )
                    .help(format!("write a condition, `… > 0`; for example `{}`", a.builtin.example));
                    self.report(error);
                    return Self::UNKNOWN;
                }
            }
            _ => {
                let typed = self.want_number(a.value, &typed);
                if let Some(head) = a.head {
                    let head_typed = self.infer(head);
                    let head_typed = self.want_number(head, &head_typed);
                    self.agree((head, &head_typed), (a.value, &typed), |x, y| {
                        format!("`{}` cannot put {x} among {y}", a.builtin.name())
                    });
                }
                let Ty::Number(dim) = &typed.ty else { return Self::UNKNOWN };
                if *slot == Slot::Number(Vec::new()) && !self.unify(dim, &Dim::one()) {
                    let what = format!("the argument of `{}`", a.builtin.name());
                    self.expect(a.value, &typed, &Self::plain(), &what, span);
                    return Self::UNKNOWN;
                }
            }
        }
        let result = match &a.builtin.signature.result {
            Slot::Bool => Self::BOOL,
            Slot::Label => match a.binders[..] {
                [binder] => Self::member(model, model.binder(binder).index),
                _ => {
                    let error = Diagnostic::new(
                        Code::E0207,
                        format!("`{}` goes through one index", a.builtin.name()),
                        span,
                        "what it gives is one member",
                    )
                    .help("fix the others: `argmax(x[i, year] for i in Index)`");
                    self.report(error);
                    return Self::UNKNOWN;
                }
            },
            Slot::Number(factors) if factors.is_empty() => Self::plain(),
            _ => {
                let Ty::Number(dim) = typed.ty else { return Self::UNKNOWN };
                Self::number(dim, shown.take())
            }
        };
        if let Some(otherwise) = a.otherwise {
            self.instead(otherwise, &result, &format!("`{}`", a.builtin.name()), span);
        }
        result
    }

    /// The argument and the value of a curve: as declared, else from its points.
    pub(super) fn curve(&mut self, id: CurveId) -> (Typed, Typed) {
        if let Some(known) = &self.curves[id.0 as usize] {
            return known.clone();
        }
        let model = self.model;
        self.curves[id.0 as usize] = Some((Self::UNKNOWN, Self::UNKNOWN));
        let curve = &model.curves[id.0 as usize];
        let said = |ty: &Option<crate::hir::Annotation>| ty.as_ref().map_or(curve.span, |a| a.span);
        let sides = [
            (
                &curve.argument.1,
                curve.points.iter().map(|p| p.0).collect::<Vec<_>>(),
                format!("`{}` of `{}`", curve.argument.0, curve.name),
            ),
            (&curve.ty, curve.points.iter().map(|p| p.1).collect(), format!("`{}`", curve.name)),
        ];
        let typed = sides.map(|(ty, points, what)| {
            self.fresh_declaration(|i| match ty.as_ref().map(|a| &a.kind) {
                Some(AnnotationKind::Unit(unit)) => {
                    points.iter().for_each(|p| i.place(*p, unit, &what, said(ty)));
                    Self::number(model.units.dim(unit), Some(unit.clone()))
                }
                Some(AnnotationKind::Unknown) => Self::UNKNOWN,
                Some(_) => {
                    let error = Diagnostic::new(
                        Code::E0201,
                        format!("{what} is a number"),
                        said(ty),
                        "a curve has a unit on each side",
                    )
                    .help("choose between labels with `match`");
                    i.report(error);
                    Self::UNKNOWN
                }
                // Bare numbers alone are plain; 0 takes the unit of the others.
                None => {
                    let mut first: Option<(ExprId, Typed)> = None;
                    for p in &points {
                        let typed = i.infer(*p);
                        let typed = i.want_number(*p, &typed);
                        match &first {
                            Some((other, before)) => i.agree((*other, before), (*p, &typed), |a, b| {
                                format!("one point of {what} is at {a}, another at {b}")
                            }),
                            None => first = Some((*p, typed.clone())),
                        }
                        if typed.shown.is_some() && first.as_ref().is_some_and(|f| f.1.shown.is_none()) {
                            first = Some((*p, typed));
                        }
                    }
                    match first {
                        Some((_, Typed { ty: Ty::Number(dim), shown })) => {
                            i.unify_if_open(&dim);
                            Self::number(i.resolve(&dim), shown)
                        }
                        _ => Self::UNKNOWN,
                    }
                }
            })
        });
        let [argument, value] = typed;
        self.curves[id.0 as usize] = Some((argument.clone(), value.clone()));
        (argument, value)
    }

    /// What nothing says the unit of is plain.
    fn unify_if_open(&mut self, dim: &Dim) {
        let dim = self.resolve(dim);
        if dim.vars().next().is_some() {
            self.unify(&dim, &Dim::one());
        }
    }
}

/// Whether an expression is a number without a unit, with or without a sign.
fn is_bare(model: &Model, e: ExprId) -> bool {
    match model.expr(e).kind {
        ExprKind::Number { .. } => true,
        ExprKind::Negate(inner) => is_bare(model, inner),
        _ => false,
    }
}

/// The index whose label an expression is, where that is written at its place or its declaration.
fn label_of(model: &Model, e: ExprId) -> Option<IndexId> {
    let root = |index: IndexId| Some(model.index(index).root).filter(|r| !model.is_numeric(*r));
    match model.expr(e).kind {
        ExprKind::Label(index, _) => Some(index),
        ExprKind::Member(b) => root(model.binder(b).index),
        _ => match model.decl(model.named(e)?).ty.as_ref()?.kind {
            AnnotationKind::Label(index) => root(index),
            _ => None,
        },
    }
}
