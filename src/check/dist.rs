//! Units of distributions, by the signatures of their forms.
//!
//! In: a distribution, and what is declared of the value that is drawn. Out: the type of that value. A bare number that is a
//! whole argument counts in the declared unit; where none is declared the arguments say it themselves.

use num_traits::One;

use super::infer::Infer;
use super::say::unit_of;
use super::{Ty, Typed};
use crate::builtins::Slot;
use crate::builtins::draws::Form;
use crate::diag::{Code, Diagnostic};
use crate::hir::{DeclId, DeclKind, Dist, DistKind, ExprId};
use crate::source::Span;
use crate::units::{Dim, Unit};

/// What is declared of a value, and where.
type Declared<'t> = Option<(&'t Typed, Span)>;

impl Infer<'_> {
    /// What chance gives a param without a default.
    pub(super) fn drawn(&mut self, id: DeclId) -> Typed {
        let decl = self.model.decl(id);
        match &decl.kind {
            _ if decl.ty.is_some() => self.decl(id),
            DeclKind::Param { dist: Some(dist), .. } => self.dist(dist, None, &decl.name),
            _ => Self::UNKNOWN,
        }
    }

    /// The type of what is drawn.
    pub(super) fn dist(&mut self, dist: &Dist, declared: Declared, name: &str) -> Typed {
        match (dist.kind, &dist.args[..]) {
            (DistKind::Form(form), args) => self.form(form, (args, &[]), dist, declared, name),
            (DistKind::Truncated(form), [args @ .., low, high]) => {
                self.form(form, (args, &[*low, *high]), dist, declared, name)
            }
            (DistKind::Categorical, [odds]) => {
                let typed = self.infer(*odds);
                if let Some((wanted, said)) = declared {
                    self.expect(*odds, &typed, wanted, &format!("`{name}`"), said);
                }
                typed
            }
            (DistKind::Multinomial, [n, odds]) => {
                let of_odds = self.infer(*odds);
                self.want_number(*odds, &of_odds);
                let typed = match declared {
                    Some((wanted, said)) => {
                        let unit = self.unit(wanted);
                        self.right_side(*n, wanted, unit.as_ref(), "what `multinomial` shares out", said);
                        wanted.clone()
                    }
                    None => self.infer(*n),
                };
                self.countable("multinomial", dist, &typed);
                typed
            }
            _ => declared.map_or_else(Self::plain, |(typed, _)| typed.clone()),
        }
    }

    fn form(
        &mut self,
        form: &'static Form,
        (args, ends): (&[ExprId], &[ExprId]),
        dist: &Dist,
        declared: Declared,
        name: &str,
    ) -> Typed {
        let result = &form.signature.result;
        let mut letters: Vec<(char, Dim)> = vec![('T', self.model.units.time())];
        let gives = match result {
            Slot::Number(_) => Self::number(self.slot(result, &mut letters), None),
            _ => Self::BOOL,
        };
        let mut unit = None;
        if let Some((wanted, said)) = declared {
            let fits = match (&gives.ty, &wanted.ty) {
                (Ty::Number(a), Ty::Number(b)) => self.unify(a, b),
                (a, b) => a == b || *b == Ty::Unknown,
            };
            if !fits {
                let (found, want) = (self.name_of(&gives), self.name_of(wanted));
                let both = matches!((&gives.ty, &wanted.ty), (Ty::Number(_), Ty::Number(_)));
                let error = Diagnostic::new(
                    if both { Code::E0302 } else { Code::E0201 },
                    format!("`{name}` is {want}, and `{}` gives {found}", form.name()),
                    dist.name,
                    format!("this gives {found}"),
                )
                .label(said, format!("{want} is wanted because of this"));
                self.report(error.help(match (both, &gives.ty) {
                    (true, _) => format!("draw {found}, and multiply: `let {name}_in_units = {name} * …`"),
                    (false, Ty::Bool) => format!("declare `{name}: bool`, or leave its type out"),
                    _ => format!("leave the type of `{name}` out, or draw something else"),
                }));
                return wanted.clone();
            }
            unit = self.unit(wanted);
        }
        let mut first: Option<(ExprId, Typed)> = None;
        let params = form.signature.params.iter().map(|p| (p.name.as_str(), &p.slot));
        let ends = ends.iter().copied().zip([("low", result), ("high", result)]);
        for (arg, (param, slot)) in args.iter().copied().zip(params).chain(ends) {
            let Slot::Number(factors) = slot else { continue };
            let what = format!("`{param}` of `{}`", form.name());
            let place = match &factors[..] {
                [] => Some(Unit::one()),
                [('D', exponent)] => unit.as_ref().map(|u| u.power(*exponent)),
                _ => None,
            };
            if let Some(place) = place {
                let said = declared.filter(|_| !factors.is_empty()).map_or(dist.name, |(_, said)| said);
                self.place(arg, &place, &what, said);
                continue;
            }
            let typed = self.infer(arg);
            let typed = self.want_number(arg, &typed);
            let Ty::Number(have) = &typed.ty else { continue };
            let wanted = self.slot(slot, &mut letters);
            match first.clone() {
                Some((other, before)) if slot == result => {
                    self.agree((other, &before), (arg, &typed), |a, b| {
                        format!("`{}` cannot put {b} beside {a}", form.name())
                    });
                }
                _ if self.unify(have, &wanted) => {}
                _ => self.expect(arg, &typed, &Self::number(wanted, None), &what, dist.name),
            }
            if slot == result {
                first.get_or_insert((arg, typed));
            }
        }
        let typed = match (gives.ty, declared) {
            (_, Some((wanted, _))) => wanted.clone(),
            (Ty::Number(dim), None) => {
                let shown = first.and_then(|(_, typed)| typed.shown);
                let dim = self.resolve(&dim);
                let shown = if dim.is_one() { shown.or(Some(Unit::one())) } else { shown };
                Self::number(dim, shown)
            }
            (ty, None) => Typed { ty, shown: None },
        };
        let lettered = matches!(result, Slot::Number(factors) if !factors.is_empty());
        if form.counts && lettered {
            self.countable(form.name(), dist, &typed);
        }
        typed
    }

    /// Counts are plain numbers, or amounts of one thing that is counted: there is no whole number of durations or prices.
    fn countable(&mut self, name: &str, dist: &Dist, typed: &Typed) {
        let Ty::Number(dim) = &typed.ty else { return };
        let dim = self.resolve(dim);
        if dim.vars().next().is_some() {
            self.unify(&dim, &Dim::one());
            return;
        }
        let counted = matches!(dim.factors(), [(_, e)] if e.is_one()) && dim != self.model.units.time();
        if dim.is_one() || counted {
            return;
        }
        let unit = unit_of(&self.model.units, &dim, typed.shown.as_ref());
        let error = Diagnostic::new(
            Code::E0607,
            format!("`{name}` counts whole things, and nobody counts {unit}"),
            dist.span,
            "how many wholes there are would hang on the unit",
        )
        .help("draw how many there are, a plain number or so many of a token, and multiply by what one of them is");
        self.report(error);
    }
}
