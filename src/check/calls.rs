//! Units of calls: functions of the model, and functions of the language by their signatures.

use num_traits::One;

use super::infer::Infer;
use super::say::unit_of;
use super::{Ty, Typed};
use crate::builtins::{Builtin, Kernel, Memory, Slot};
use crate::diag::{Code, Diagnostic};
use crate::hir::{DeclKind, ExprId, ExprKind, FnId};
use crate::source::Span;
use crate::units::{Dim, Exponent, Unit};

impl Infer<'_> {
    pub(super) fn call(&mut self, id: FnId, args: &[ExprId]) -> Typed {
        let scheme = self.function(id);
        let fresh: Vec<Dim> = scheme.free.iter().map(|_| self.fresh()).collect();
        let instance = |i: &Self, ty: &Ty| match ty {
            Ty::Number(dim) => {
                let own = |v: u32| scheme.free.binary_search(&v).ok().map(|i| fresh[i].clone());
                Ty::Number(i.resolve(dim).substitute(own))
            }
            other => other.clone(),
        };
        let function = self.model.function(id);
        for (i, (param, arg)) in scheme.params.iter().zip(args).enumerate() {
            let (wanted, typed) = (instance(self, param), self.infer(*arg));
            let what = format!("the argument `{}` of `{}`", function.params[i].0, function.name);
            self.expect(*arg, &typed, &Typed { ty: wanted, shown: None }, &what, function.span);
        }
        let ty = instance(self, &scheme.result.ty);
        // A result is written as the first argument of its kind is; else as the body writes it.
        let shown = match &ty {
            Ty::Number(dim) => {
                let dim = self.resolve(dim);
                let fits = |unit: &Unit| self.model.units.dim(unit) == dim;
                let args = args.iter().filter_map(|a| self.typed[a.0 as usize].as_ref()?.shown.clone());
                args.chain(scheme.result.shown.clone()).find(fits)
            }
            _ => None,
        };
        Typed { ty, shown }
    }

    pub(super) fn builtin(&mut self, e: ExprId, builtin: &'static Builtin, args: &[Option<ExprId>]) -> Typed {
        let span = self.model.expr(e).span;
        let reduces = builtin.reducer.is_some() && self.in_metric;
        if matches!(builtin.kernel, Kernel::Run) && !self.in_metric {
            let error = Diagnostic::new(
                Code::E0205,
                format!("`{}` looks at the whole run", builtin.name()),
                span,
                "it is known when the run is over",
            )
            .help(format!("use it in a metric: `metric m = {}`", self.sources.text(span)));
            self.report(error);
            return Self::UNKNOWN;
        }
        if args[0].is_some_and(|arg| self.totals_a_trade(builtin, arg)) {
            return Self::UNKNOWN;
        }
        if let Kernel::Memory(memory) = builtin.kernel
            && !reduces
            && !self.memory_of(builtin, memory, args[0])
        {
            return Self::UNKNOWN;
        }
        let metric = self.in_metric;
        self.in_metric = metric && !reduces;
        let mut letters: Vec<(char, Dim)> = vec![('T', self.model.units.time())];
        let mut first: Option<(ExprId, Typed)> = None;
        let mut bad = false;
        let mut kept: Option<Typed> = None;
        for (i, arg) in args.iter().enumerate() {
            let Some(arg) = *arg else { continue };
            let param = &builtin.signature.params[i.min(builtin.signature.params.len() - 1)];
            let typed = self.infer(arg);
            match &param.slot {
                Slot::Bool => self.condition(arg, &format!("the argument of `{}`", builtin.name())),
                Slot::Label | Slot::Any => {}
                // A label or a condition at another moment is one still.
                Slot::Number(_)
                    if i == 0 && builtin.looks_elsewhere() && matches!(typed.ty, Ty::Label(_) | Ty::Bool) =>
                {
                    kept = Some(typed);
                }
                slot if kept.is_some() && *slot == builtin.signature.params[0].slot => {
                    let what = format!("`{}` of `{}`", param.name, builtin.name());
                    let wanted = kept.clone().unwrap_or(Self::UNKNOWN);
                    self.expect(arg, &typed, &wanted, &what, span);
                }
                Slot::Number(_) => {
                    let typed = self.want_number(arg, &typed);
                    let Ty::Number(have) = &typed.ty else {
                        bad = true;
                        continue;
                    };
                    let wanted = self.slot(&param.slot, &mut letters);
                    // A transfer moves amounts, so what it comes to is in its own unit.
                    let wanted =
                        if self.is_transfer(builtin, arg) { wanted.multiply(&self.model.units.time()) } else { wanted };
                    let shown = first.as_ref().and_then(|f| f.1.shown.clone());
                    match first.clone() {
                        Some((other, before)) if self.same_slot(builtin, i) => {
                            self.agree((other, &before), (arg, &typed), |a, b| {
                                format!("`{}` cannot put {a} beside {b}", builtin.name())
                            });
                        }
                        _ if self.unify(have, &wanted) => {}
                        _ => {
                            let what = format!("`{}` of `{}`", param.name, builtin.name());
                            self.expect(arg, &typed, &Self::number(wanted, shown), &what, span);
                            bad = true;
                        }
                    }
                    first.get_or_insert((arg, typed));
                }
            }
        }
        self.in_metric = metric;
        if bad {
            return Self::UNKNOWN;
        }
        if let Some(kept) = kept {
            return kept;
        }
        if matches!(builtin.kernel, Kernel::Round(_)) && args[1].is_none() && !self.counts(span, builtin, args[0]) {
            return Self::UNKNOWN;
        }
        let transfer = args[0].is_some_and(|arg| self.is_transfer(builtin, arg));
        let shown = match &first {
            Some((_, typed)) if transfer => typed.shown.clone(),
            _ => self.shown_result(builtin, first.as_ref().map(|f| &f.1)),
        };
        match &builtin.signature.result {
            Slot::Bool => Self::BOOL,
            slot => Self::number(self.slot(slot, &mut letters), shown),
        }
    }

    /// Whether this argument is of the same dimension as the first.
    fn same_slot(&self, builtin: &Builtin, i: usize) -> bool {
        let params = &builtin.signature.params;
        i > 0 && params[i.min(params.len() - 1)].slot == params[0].slot && params[0].slot != Slot::Number(Vec::new())
    }

    fn is_transfer(&self, builtin: &Builtin, arg: ExprId) -> bool {
        let total = matches!(builtin.kernel, Kernel::Memory(Memory::Total));
        total && self.model.is_amount(arg)
    }

    /// The factors of a trade do not add up to anything.
    fn totals_a_trade(&mut self, builtin: &Builtin, arg: ExprId) -> bool {
        let trade = self.model.named(arg).filter(|id| matches!(self.model.decl(*id).kind, DeclKind::Trade(_)));
        let (Some(id), Kernel::Memory(Memory::Total)) = (trade, &builtin.kernel) else { return false };
        let name = &self.model.decl(id).name;
        let error = Diagnostic::new(
            Code::E0203,
            format!("`{name}` is the part of a trade that went through, and adds up to nothing"),
            self.model.expr(arg).span,
            "from 0 to 1 in each step",
        )
        .help(format!("what a leg moved in all is `total({name}.1)`"));
        self.report(error);
        true
    }

    pub(super) fn slot(&mut self, slot: &Slot, letters: &mut Vec<(char, Dim)>) -> Dim {
        let Slot::Number(factors) = slot else { return Dim::one() };
        let mut dim = Dim::one();
        for (letter, exponent) in factors {
            let factor = match letters.iter().find(|(l, _)| l == letter) {
                Some((_, factor)) => factor.clone(),
                None => {
                    let fresh = self.fresh();
                    letters.push((*letter, fresh.clone()));
                    fresh
                }
            };
            dim = dim.multiply(&factor.power(*exponent));
        }
        dim
    }

    /// The unit in which a result is written: the first argument's where the result is of its kind, and per or times the
    /// clock's where it is a rate of it or what a rate comes to.
    fn shown_result(&self, builtin: &Builtin, first: Option<&Typed>) -> Option<Unit> {
        let units = &self.model.units;
        let clock = Unit::of(units.clock()?);
        let Slot::Number(result) = &builtin.signature.result else { return None };
        let plain = |c: char| (c, Exponent::one());
        if *result == [plain('T')] {
            return Some(clock);
        }
        let shown = first?.shown.clone()?;
        match &builtin.signature.params[0].slot {
            slot if *slot == builtin.signature.result => Some(shown),
            Slot::Number(param) if *param == [plain('D'), ('T', -Exponent::one())] => {
                Some(units.multiply(&shown, &clock))
            }
            Slot::Number(param) if *param == [plain('D')] && matches!(result[..], [('D', _)]) => {
                Some(shown.power(result[0].1))
            }
            Slot::Number(param) if *param == [plain('D')] && *result == [plain('D'), ('T', -Exponent::one())] => {
                Some(units.divide(&shown, &clock))
            }
            _ => None,
        }
    }

    /// Rounding without `to:` is for plain numbers and for what is counted in one unit.
    fn counts(&mut self, span: Span, builtin: &Builtin, arg: Option<ExprId>) -> bool {
        let Some(arg) = arg else { return true };
        let typed = self.infer(arg);
        let Ty::Number(dim) = &typed.ty else { return true };
        let dim = self.resolve(dim);
        if dim.vars().next().is_some() {
            return self.unify(&dim, &Dim::one());
        }
        let counted = matches!(dim.factors(), [(_, e)] if e.is_one()) && dim != self.model.units.time();
        if dim.is_one() || counted {
            return true;
        }
        let unit = unit_of(&self.model.units, &dim, typed.shown.as_ref());
        let text = self.sources.text(self.model.expr(arg).span).to_string();
        let error = Diagnostic::new(
            Code::E0308,
            format!("`{}` of {unit} depends on the unit", builtin.name()),
            span,
            self.origin(arg, &typed),
        )
        .help(format!(
            "say what to round to: `{}({text}, to: {})`",
            builtin.name(),
            if unit.starts_with("1/") { unit.clone() } else { format!("1 {unit}") }
        ));
        self.report(error);
        false
    }

    /// Whether a function of another moment is given a name that has such a moment.
    fn memory_of(&mut self, builtin: &Builtin, memory: Memory, arg: Option<ExprId>) -> bool {
        let Some(arg) = arg else { return false };
        let expr = self.model.expr(arg);
        let fits = match expr.kind {
            ExprKind::Error => return false,
            // What a default was in the row before, nobody remembers.
            ExprKind::Element { otherwise: Some(_), .. } => false,
            ExprKind::Decl(id) | ExprKind::Element { decl: id, .. } => match self.model.decl(id).kind {
                DeclKind::Move(_) | DeclKind::Unknown => true,
                DeclKind::Trade(_) => memory != Memory::Requested,
                DeclKind::Metric { .. } | DeclKind::Update { .. } | DeclKind::Expect(_) => false,
                _ => memory != Memory::Requested,
            },
            _ => false,
        };
        if !fits {
            let trade = self.model.named(arg).filter(|id| matches!(self.model.decl(*id).kind, DeclKind::Trade(_)));
            if let (Memory::Requested, Some(id)) = (memory, trade) {
                let name = &self.model.decl(id).name;
                let error = Diagnostic::new(
                    Code::E0203,
                    format!("`{name}` is a trade, and each leg asks for something else"),
                    expr.span,
                    "its value is the factor that went through",
                )
                .help(format!("name the leg: `requested({name}.1)`"));
                self.report(error);
                return false;
            }
            let what = if memory == Memory::Requested { "the name of a flow or transfer" } else { "a name" };
            let text = super::say::snippet(self.sources, expr.span);
            let error = Diagnostic::new(
                Code::E0203,
                format!("`{}` wants {what}", builtin.name()),
                expr.span,
                format!("{text} is none"),
            )
            .help(if matches!(expr.kind, ExprKind::Element { .. }) {
                "let the `else` stand outside: `if … then previous(x[a - 1], 0) else …`".to_string()
            } else if memory == Memory::Requested {
                "only what moves asks for something".to_string()
            } else {
                format!(
                    "give it a name first: `let part = {text}`, and use `part`",
                    text = self.sources.text(expr.span)
                )
            });
            self.report(error);
        }
        fits
    }
}
