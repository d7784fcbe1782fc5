//! Units of what has a name: functions, each with fresh unknowns in every call, and values, from their own right sides.
//!
//! A name that is asked for while it is being found gives what is known so far, so that values which read each other's row
//! before are found together.

use super::infer::{Infer, Scheme, State};
use super::{Ty, Typed};
use crate::diag::{Code, Diagnostic};
use crate::hir::{self, AnnotationKind, DeclId, DeclKind, ExprId, ExprKind, FnId};

impl Infer<'_> {
    /// The type of a function of the model.
    pub(super) fn function(&mut self, id: FnId) -> Scheme {
        match &self.fns[id.0 as usize] {
            State::Done(scheme) | State::Running(scheme) => return scheme.clone(),
            State::New => {}
        }
        let model = self.model;
        let function = model.function(id);
        let params: Vec<Ty> = function
            .params
            .iter()
            .enumerate()
            .map(|(i, (_, annotation))| match annotation.as_ref().map(|a| &a.kind) {
                None => self.argument(function.body, i),
                Some(AnnotationKind::Unit(unit)) => Ty::Number(model.units.dim(unit)),
                Some(AnnotationKind::Bool) => Ty::Bool,
                Some(AnnotationKind::Label(index)) => Ty::Label(model.index(*index).root),
                Some(AnnotationKind::Unknown) => Ty::Unknown,
            })
            .collect();
        // A call of itself is reported elsewhere; here it is silent.
        let running =
            Scheme { params: params.iter().map(|_| Ty::Unknown).collect(), result: Self::UNKNOWN, free: Vec::new() };
        self.fns[id.0 as usize] = State::Running(running);
        self.locals.push(params.clone());
        let metric = std::mem::replace(&mut self.in_metric, false);
        let result = self.fresh_declaration(|i| {
            let result = i.infer(function.body);
            if i.failed { Self::UNKNOWN } else { result }
        });
        self.in_metric = metric;
        self.locals.pop();
        let mut free = Vec::new();
        for ty in params.iter().chain([&result.ty]) {
            if let Ty::Number(dim) = ty {
                free.extend(self.resolve(dim).vars());
            }
        }
        free.sort_unstable();
        free.dedup();
        // What a name outside has still to find is not the function's to choose.
        let open: Vec<u32> = self
            .decls
            .iter()
            .flat_map(|d| match d {
                State::Running(Typed { ty: Ty::Number(dim), .. }) => self.resolve(dim).vars().collect(),
                _ => Vec::new(),
            })
            .collect();
        free.retain(|v| !open.contains(v));
        let scheme = Scheme { params, result, free };
        self.fns[id.0 as usize] = State::Done(scheme.clone());
        scheme
    }

    /// The type of a named value.
    pub(super) fn decl(&mut self, id: DeclId) -> Typed {
        match &self.decls[id.0 as usize] {
            State::Done(typed) | State::Running(typed) => return typed.clone(),
            State::New => {}
        }
        let model = self.model;
        let decl = model.decl(id);
        let declared = decl.ty.as_ref().map(|a| match &a.kind {
            AnnotationKind::Unit(unit) => Self::number(model.units.dim(unit), Some(unit.clone())),
            AnnotationKind::Bool => Self::BOOL,
            AnnotationKind::Label(index) => Self::label(model.index(*index).root),
            AnnotationKind::Unknown => Self::UNKNOWN,
        });
        let provisional = declared.clone().unwrap_or_else(|| Self::number(self.fresh(), None));
        self.decls[id.0 as usize] = State::Running(provisional.clone());
        self.running += 1;
        let metric = std::mem::replace(&mut self.in_metric, matches!(decl.kind, DeclKind::Metric { .. }));
        let locals = std::mem::take(&mut self.locals);
        let typed = match (&decl.kind, declared) {
            (DeclKind::Unknown, declared) => declared.unwrap_or(Self::UNKNOWN),
            (DeclKind::Move(m), _) => self.moved(m),
            // The factor that went through.
            (DeclKind::Trade(_) | DeclKind::Population(_), _) => Self::plain(),
            (DeclKind::Update { state, .. }, _) => self.decl(*state),
            (_, Some(declared)) => declared,
            (DeclKind::Stock { .. } | DeclKind::Series(_), None) => Self::UNKNOWN,
            (
                DeclKind::Param { value, .. }
                | DeclKind::Let { value }
                | DeclKind::Column { value }
                | DeclKind::Metric { value, .. },
                None,
            ) => self.own(id, *value, &provisional, &[]),
            (DeclKind::Trait(of), None) => match &**of {
                hir::Trait::Formula(value) => self.own(id, *value, &provisional, &[]),
                hir::Trait::Drawn(dist) => self.drawn_from(id, dist, &decl.name),
                hir::Trait::Pick { binder, .. } => Self::label(model.binder(*binder).index),
            },
            (DeclKind::Draw(draw), None) => self.drawn_from(id, &draw.dist, &decl.name),
            (DeclKind::Expect(expect), None) => self.own(id, expect.value, &provisional, &[]),
            (DeclKind::Policy { options, .. }, None) => {
                let values: Vec<ExprId> = options.iter().map(|(.., e)| *e).collect();
                let typed = self.own(id, values[0], &provisional, &values[1..]);
                let one = values.iter().all(|e| {
                    let other = self.infer(*e);
                    match (&typed.ty, &other.ty) {
                        (Ty::Number(a), Ty::Number(b)) => self.unify(a, b),
                        (Ty::Unknown, _) | (_, Ty::Unknown) => true,
                        (a, b) => a == b,
                    }
                });
                if one { typed } else { Self::UNKNOWN }
            }
            (DeclKind::State { initial, rule }, None) => {
                let next = match rule {
                    Some(hir::Rule::Next { value, .. }) => Some(*value),
                    _ => None,
                };
                let rules = self.rules(id, next);
                let derivative = match rule {
                    Some(hir::Rule::Rate(value)) => Some(*value),
                    _ => None,
                };
                self.state(id, *initial, &rules, derivative, &provisional)
            }
        };
        self.locals = locals;
        self.in_metric = metric;
        self.decls[id.0 as usize] = State::Done(typed.clone());
        self.running -= 1;
        if self.running == 0 {
            self.wait_no_more(None);
            for id in std::mem::take(&mut self.postponed) {
                let State::Done(Typed { ty: Ty::Number(dim), .. }) = &self.decls[id.0 as usize] else { continue };
                if self.resolve(dim).vars().next().is_some() {
                    self.no_unit(id);
                    self.decls[id.0 as usize] = State::Done(Self::UNKNOWN);
                }
            }
        }
        typed
    }

    /// The type of what is drawn, from its distribution.
    fn drawn_from(&mut self, id: DeclId, dist: &hir::Dist, name: &str) -> Typed {
        let (typed, failed) = self.fresh_declaration(|i| (i.dist(dist, None, name), i.failed));
        if failed { Self::UNKNOWN } else { self.settled(id, typed) }
    }

    /// The type of a value from its own right side.
    fn own(&mut self, id: DeclId, value: ExprId, provisional: &Typed, more: &[ExprId]) -> Typed {
        let (mut typed, failed) = self.fresh_declaration(|i| {
            let typed = i.infer(value);
            if let (Ty::Number(a), Ty::Number(b)) = (&provisional.ty, &typed.ty) {
                i.unify(a, b);
            }
            (typed, i.failed)
        });
        // What hangs on a value that failed stays silent.
        if failed {
            return Self::UNKNOWN;
        }
        for e in more {
            let next = self.fresh_declaration(|i| i.infer(*e));
            if let (Ty::Number(a), Ty::Number(b)) = (&typed.ty, &next.ty) {
                self.unify(a, b);
                typed.shown = typed.shown.or(next.shown);
            }
        }
        self.settled(id, typed)
    }

    /// A value whose unknowns nothing says is an error, once.
    fn settled(&mut self, id: DeclId, typed: Typed) -> Typed {
        let Ty::Number(dim) = &typed.ty else { return typed };
        let dim = self.resolve(dim);
        if dim.vars().next().is_none() {
            return Self::number(dim, typed.shown);
        }
        // A unit that is still being found for a name around this one, through `previous`, is found with it.
        let open = |state: &State<Typed>| match state {
            State::Running(Typed { ty: Ty::Number(other), .. }) => {
                let other = self.resolve(other);
                dim.vars().any(|v| other.vars().any(|w| w == v))
            }
            _ => false,
        };
        if self.decls.iter().enumerate().any(|(i, state)| i != id.0 as usize && open(state)) {
            self.postponed.push(id);
            return Self::number(dim, typed.shown);
        }
        // Where nothing else says it, a bare number does.
        self.wait_no_more(Some(&dim));
        let dim = self.resolve(&dim);
        if dim.vars().next().is_none() {
            return Self::number(dim, typed.shown);
        }
        self.no_unit(id);
        Self::UNKNOWN
    }

    fn no_unit(&mut self, id: DeclId) {
        let decl = self.model.decl(id);
        let value = match decl.kind {
            DeclKind::Param { value, .. } | DeclKind::Let { value } | DeclKind::Column { value } => Some(value),
            DeclKind::State { initial, .. } => Some(initial),
            DeclKind::Expect(ref expect) => Some(expect.value),
            _ => None,
        };
        let whole = value.map(|e| &self.model.expr(e).kind);
        let any = match whole {
            Some(ExprKind::Number { .. } | ExprKind::Infinity) => "`0` and `inf` have every unit",
            _ => "its value would be right in any unit",
        };
        // Its update may stand where nothing could be read.
        if decl.word == "state" && self.model.incomplete.updates {
            return;
        }
        let error = Diagnostic::new(Code::E0305, format!("nothing says the unit of `{}`", decl.name), decl.span, any)
            .help(match decl.word {
                "column" => format!("write its unit: `{}: UNIT`, or `: 1` for plain numbers", decl.name),
                "expect" => format!("give it a name and its unit: `let value: UNIT = {}`", decl.name),
                word => {
                    let drawn = word == "draw" || matches!(whole, Some(ExprKind::Drawn(_)));
                    let sign = if drawn { '~' } else { '=' };
                    format!("write its unit: `{word} {}: UNIT {sign} …`, or `: 1` for a plain number", decl.name)
                }
            });
        self.fresh_declaration(|i| i.report(error));
    }

    /// A state whose unit is not written: from its initial value, and where that is 0 or inf from its rule.
    fn state(
        &mut self,
        id: DeclId,
        initial: ExprId,
        next: &[ExprId],
        rate: Option<ExprId>,
        provisional: &Typed,
    ) -> Typed {
        let (first, failed) = self.fresh_declaration(|i| (i.infer(initial), i.failed));
        if failed {
            return Self::UNKNOWN;
        }
        if let (Ty::Number(a), Ty::Number(b)) = (&provisional.ty, &first.ty) {
            self.unify(a, b);
        }
        let open = matches!(&first.ty, Ty::Number(dim) if self.resolve(dim).vars().next().is_some());
        if !open {
            return first;
        }
        if let Some(rate) = rate {
            let derivative = self.fresh_declaration(|i| i.infer(rate));
            if let (Ty::Number(a), Ty::Number(b)) = (&first.ty, &derivative.ty) {
                let whole = b.multiply(&self.model.units.time());
                self.unify(a, &whole);
            }
            return self.settled(id, first);
        }
        self.own(id, initial, provisional, next)
    }
}
