//! From syntax to meaning: what is left to chance.
//!
//! In: a distribution as it is called. Out: [`Dist`], its arguments in the order of their form. Which of several forms of one
//! name is meant is told by the names of the arguments. Absent on purpose: units, and what lies outside a support (see `check`).

use super::resolve::Resolver;
use super::{Annotation, AnnotationKind, BinderId, DeclId, DeclKind, Dist, DistKind, Draw, ExprId, ExprKind};
use crate::builtins::draws::{self, Form};
use crate::builtins::{self, Builtin};
use crate::diag::{Code, Diagnostic, did_you_mean};
use crate::source::Span;
use crate::syntax::ast;
use crate::units::Unit;

/// The distributions that are made of others, or of what is no number, and how they are called.
const MADE: &[(&str, &str)] = &[
    ("truncated", "truncated(normal(40 USD, 10 USD), 0, 100 USD)"),
    ("empirical", "empirical(\"returns.csv\", daily)"),
    ("categorical", "categorical(odds[o] for o in Outcome)"),
    ("multinomial", "multinomial(committed, odds[o])"),
];

/// Whether a distribution has this name.
pub(super) fn is_distribution(name: &str) -> bool {
    draws::find(name).next().is_some() || MADE.iter().any(|(n, _)| *n == name)
}

impl<'a> Resolver<'a> {
    /// `draw shock ~ normal(0, 5%) each step`
    pub(super) fn draw(
        &mut self,
        id: DeclId,
        name: &ast::Name,
        (ty, dist): (Option<Annotation>, &'a ast::Dist),
        cadence: Option<&'a ast::Cadence>,
        axes: &[BinderId],
        keyword: Span,
    ) -> (Option<Annotation>, DeclKind) {
        let (ty, dist) = self.dist(dist, axes, ty);
        let every = match cadence {
            Some(ast::Cadence::Every(every)) => Some(self.expr(every)),
            _ => None,
        };
        // In a phase it is made when that runs, once a step.
        if cadence.is_none() && self.model.decl(id).phase.is_none() {
            let unit = self.model.clock.as_ref().map_or("month", |c| self.model.units.get(c.unit).name.as_str());
            let error = Diagnostic::new(
                Code::E0601,
                format!("nothing says how often `{}` is drawn", name.text),
                keyword.to(name.span),
                "how much luck there is hangs on it",
            )
            .help(format!("write `each step` behind it, or `every 1 {unit}`: between two draws the last one holds"));
            self.report(error);
        }
        let each_step = matches!(cadence, Some(ast::Cadence::EachStep));
        match dist {
            Some(dist) => (ty, DeclKind::Draw(Box::new(Draw { dist, every, each_step }))),
            None => (ty, DeclKind::Unknown),
        }
    }

    /// A distribution; where a file says the type of its values and the declaration does not, with that.
    pub(super) fn dist(
        &mut self,
        dist: &'a ast::Dist,
        axes: &[BinderId],
        ty: Option<Annotation>,
    ) -> (Option<Annotation>, Option<Dist>) {
        let (name, span) = (dist.name.span, dist.span);
        if dist.name.text == "empirical" {
            let (ty, data) = self.empirical(dist, ty);
            return (ty, data.map(|data| Dist { kind: DistKind::Empirical(data), args: Vec::new(), name, span }));
        }
        let found = match dist.name.text.as_str() {
            "truncated" => self.truncated(dist),
            "categorical" => self.categorical(dist),
            "multinomial" => self.multinomial(dist, axes),
            _ => self.form_of(&dist.name, &dist.args, span).map(|(form, args)| (DistKind::Form(form), args)),
        };
        (ty, found.map(|(kind, args)| Dist { kind, args, name, span }))
    }

    /// The form that these arguments mean, and the arguments in its order.
    fn form_of(&mut self, name: &ast::Name, args: &'a [ast::Arg], span: Span) -> Option<(&'static Form, Vec<ExprId>)> {
        let plain = self.plain_arguments(name, args);
        let values: Vec<ExprId> = args.iter().filter(|a| a.binders.is_empty()).map(|a| self.expr(&a.value)).collect();
        if !plain {
            return None;
        }
        let forms: Vec<&'static Form> = draws::find(&name.text).collect();
        if forms.is_empty() {
            self.no_distribution(name);
            return None;
        }
        let written: Vec<Option<&str>> = args.iter().map(|a| a.name.as_ref().map(|n| n.text.as_str())).collect();
        let found = forms.iter().find_map(|form| Some((*form, form.places(&written)?)));
        let Some((form, places)) = found else {
            self.no_form(name, args, &forms, span);
            return None;
        };
        let mut ordered = values.clone();
        places.iter().zip(&values).for_each(|(at, value)| ordered[*at] = *value);
        Some((form, ordered))
    }

    /// Whether all arguments are plain values.
    fn plain_arguments(&mut self, name: &ast::Name, args: &'a [ast::Arg]) -> bool {
        if name.text == "pick" {
            self.picks_outside(name.span);
            return false;
        }
        let Some(arg) = args.iter().find(|a| !a.binders.is_empty() || a.otherwise.is_some()) else { return true };
        let at = arg.binders.first().map_or(arg.value.span, |b| b.name.span.to(b.index.span));
        let error = Diagnostic::new(
            Code::E0603,
            format!("`{}` is given the values of many members", name.text),
            at,
            "each of its arguments is one value",
        )
        .help("of the distributions only `categorical` goes through members");
        self.report(error);
        false
    }

    fn no_distribution(&mut self, name: &ast::Name) {
        let lower = name.text.to_lowercase();
        let forms = draws::forms();
        let called = |form: &&Form| {
            form.foreign.iter().any(|f| {
                f.split(": ").last().is_some_and(|names| {
                    names.split(", ").any(|n| n.split('(').next().unwrap_or(n).eq_ignore_ascii_case(&name.text))
                })
            })
        };
        let error = Diagnostic::new(
            Code::E0602,
            format!("there is no distribution `{}`", name.text),
            name.span,
            "this is none",
        );
        let known = forms.iter().map(Form::name).chain(MADE.iter().map(|(n, _)| *n));
        let meant = did_you_mean(&lower, known).map(str::to_string);
        let meant = meant.or_else(|| forms.iter().find(called).map(|f| f.name().to_string()));
        let function = self.functions.contains_key(&name.text) || builtins::find(&name.text).is_some();
        let error = match meant {
            Some(meant) => error.help(format!("did you mean `{meant}`?")).fix(name.span, meant),
            None if function => {
                error.help(format!("`{0}` is a function: what is worked out is a `let`, and not drawn", name.text))
            }
            None => {
                let mut names: Vec<&str> = forms.iter().map(Form::name).chain(MADE.iter().map(|(n, _)| *n)).collect();
                names.dedup();
                error.help(format!("the distributions are {}", names.join(", ")))
            }
        };
        self.report(error);
    }

    /// Arguments that are those of no form: what is wrong with them, and how it is called.
    fn no_form(&mut self, name: &ast::Name, args: &'a [ast::Arg], forms: &[&'static Form], span: Span) {
        let has = |form: &Form, n: &str| form.signature.params.iter().any(|p| p.name == n);
        let named: Vec<&ast::Name> = args.iter().filter_map(|a| a.name.as_ref()).collect();
        let unknown = named.iter().find(|n| !forms.iter().any(|f| has(f, &n.text)));
        let doubled = named.iter().enumerate().find(|(i, n)| named[..*i].iter().any(|m| m.text == n.text));
        // Named arguments that no single form has together.
        let of_two = named.iter().find(|n| {
            let first = forms.iter().find(|f| has(f, &named[0].text));
            first.is_some_and(|f| !has(f, &n.text)) && !forms.iter().any(|f| named.iter().all(|n| has(f, &n.text)))
        });
        let by_name = forms.iter().all(|f| f.by_name) && named.len() < args.len();
        let (fact, at, label) = if let Some(n) = unknown {
            (format!("`{}` has no argument `{}`", name.text, n.text), n.span, "nothing has this name".into())
        } else if let Some((_, n)) = doubled {
            (format!("`{}` is given `{}` twice", name.text, n.text), n.span, "and again here".into())
        } else if let Some(n) = of_two {
            let label = format!("`{}` goes with other arguments", n.text);
            (format!("`{}` of `{}` and `{}` does not exist", name.text, named[0].text, n.text), n.span, label)
        } else if by_name {
            let at = args.iter().find(|a| a.name.is_none()).map_or(span, |a| a.value.span);
            let fact = format!("the arguments of `{}` are named", name.text);
            (fact, at, "it has several, and this may be any of them".into())
        } else {
            let n = args.len();
            let given = if n == 1 { "this one argument".into() } else { format!("these {n} arguments") };
            (format!("`{}` is not drawn from {given}", name.text), span, "no form of it has these".into())
        };
        let ways: Vec<String> = forms.iter().map(|f| format!("`{}`", f.signature.text)).collect();
        let error = Diagnostic::new(Code::E0603, fact, at, label)
            .note(format!("it is called as {}", ways.join(", or ")))
            .help(format!("for example `{}`", forms.iter().map(|f| f.example).collect::<Vec<_>>().join("`, or `")));
        self.report(error);
    }

    fn called_wrong(&mut self, dist: &ast::Dist, fact: String, at: Span, label: &str) {
        let example = MADE.iter().find(|(n, _)| *n == dist.name.text).map_or("", |(_, e)| e);
        let error = Diagnostic::new(Code::E0603, fact, at, label).help(format!("for example `{example}`"));
        self.report(error);
    }

    /// `truncated(normal(40, 10), 0, 100)`
    fn truncated(&mut self, dist: &'a ast::Dist) -> Option<(DistKind, Vec<ExprId>)> {
        let names = ["", "low", "high"];
        let args = self.in_order(&dist.args, &names);
        let Some([inner, low, high]) = args.as_deref() else {
            dist.args.iter().skip(1).for_each(|a| {
                self.expr(&a.value);
            });
            let fact = "`truncated` wants a distribution, the least value and the greatest".to_string();
            self.called_wrong(dist, fact, dist.span, "these are other arguments");
            return None;
        };
        let (low, high) = (self.expr(&low.value), self.expr(&high.value));
        let ast::ExprKind::Call { name, args } = &inner.value.kind else {
            self.called_wrong(dist, "`truncated` is given no distribution".into(), inner.value.span, "this is none");
            return None;
        };
        if MADE.iter().any(|(n, _)| *n == name.text) {
            let fact = format!("`{}` cannot be truncated", name.text);
            self.called_wrong(dist, fact, name.span, "only what has a formula can");
            return None;
        }
        let (form, mut args) = self.form_of(name, args, inner.value.span)?;
        if form.signature.result == builtins::Slot::Bool {
            let fact = format!("`{}` cannot be truncated", name.text);
            self.called_wrong(dist, fact, name.span, "it gives a condition, and nothing lies between two of those");
            return None;
        }
        args.extend([low, high]);
        Some((DistKind::Truncated(form), args))
    }

    /// Arguments that may be named so, in the order of the names; one without a name is given by place only.
    fn in_order(&self, args: &'a [ast::Arg], names: &[&str]) -> Option<Vec<&'a ast::Arg>> {
        let mut slots: Vec<Option<&'a ast::Arg>> = vec![None; names.len()];
        for (i, arg) in args.iter().enumerate() {
            let at = match &arg.name {
                None => i,
                Some(name) => names.iter().position(|n| !n.is_empty() && *n == name.text)?,
            };
            let plain = arg.binders.is_empty() && arg.otherwise.is_none();
            let slot = slots.get_mut(at).filter(|s| s.is_none() && plain)?;
            *slot = Some(arg);
        }
        slots.into_iter().collect()
    }

    /// `categorical(odds)`, `categorical(odds[o] for o in Outcome)`
    fn categorical(&mut self, dist: &'a ast::Dist) -> Option<(DistKind, Vec<ExprId>)> {
        let odds: &'static Builtin = builtins::odds();
        let over = dist.args.iter().any(|a| !a.binders.is_empty() || self.array_in(&a.value).is_some());
        if dist.args.len() != 1 || dist.args.iter().any(|a| a.name.is_some() || a.otherwise.is_some()) || !over {
            let before = self.diagnostics.len();
            dist.args.iter().filter(|a| a.binders.is_empty()).for_each(|a| {
                self.expr(&a.value);
            });
            if self.diagnostics.len() == before {
                let error = Diagnostic::new(
                    Code::E0606,
                    "`categorical` wants the odds of each member of an index",
                    dist.span,
                    "here it is given none",
                )
                .help(format!("for example `{}`", MADE[2].1));
                self.report(error);
            }
            return None;
        }
        let kind = self.aggregate(odds, &dist.args, dist.span)?;
        if let ExprKind::Aggregate(a) = &kind
            && a.binders.len() != 1
        {
            let error = Diagnostic::new(
                Code::E0606,
                "`categorical` gives a member of one index",
                dist.span,
                "these odds are over several",
            )
            .help(format!("say over which, and which member of the others: `{}`", MADE[2].1));
            self.report(error);
            return None;
        }
        let failed = matches!(kind, ExprKind::Error);
        let args = vec![self.add(kind, dist.span)];
        (!failed).then_some((DistKind::Categorical, args))
    }

    /// `multinomial(committed, odds[o])` in a draw over the index of `o`.
    fn multinomial(&mut self, dist: &'a ast::Dist, axes: &[BinderId]) -> Option<(DistKind, Vec<ExprId>)> {
        let Some(args) = self.in_order(&dist.args, &["n", "odds"]) else {
            dist.args.iter().filter(|a| a.binders.is_empty()).for_each(|a| {
                self.expr(&a.value);
            });
            let fact = "`multinomial` wants how many are shared out, and the odds of each part".to_string();
            self.called_wrong(dist, fact, dist.span, "these are other arguments");
            return None;
        };
        let args: Vec<ExprId> = args.into_iter().map(|a| self.expr(&a.value)).collect();
        if axes.is_empty() {
            let error = Diagnostic::new(
                Code::E0606,
                "the parts of a `multinomial` are the members of an index",
                dist.span,
                "this draw is over none",
            )
            .help("say what it is over: `draw outcome[o in Outcome] ~ multinomial(committed, odds[o])`");
            self.report(error);
            return None;
        }
        Some((DistKind::Multinomial, args))
    }

    /// `empirical("returns.csv", daily)`: a file, and one of its columns; of a file with one column that one.
    fn empirical(
        &mut self,
        dist: &'a ast::Dist,
        ty: Option<Annotation>,
    ) -> (Option<Annotation>, Option<super::DataId>) {
        let (text, column) = match &dist.args[..] {
            [file] => (text_of(file), None),
            [file, ast::Arg { name: None, value: ast::Expr { kind: ast::ExprKind::Name(name), span, .. }, .. }] => {
                (text_of(file), Some((name.as_str(), *span)))
            }
            _ => (None, None),
        };
        let Some(file) = text else {
            let fact = "`empirical` wants a file and the name of a column".to_string();
            self.called_wrong(dist, fact, dist.span, "these are other arguments");
            return (ty, None);
        };
        let (unit, data) = self.sample_of_file(file, column, ty.as_ref());
        let said = unit.map(|unit: Unit| Annotation { kind: AnnotationKind::Unit(unit), span: dist.span });
        (ty.or(said), data)
    }

    /// A distribution where a value is wanted.
    pub(super) fn drawn_in_passing(&mut self, name: &ast::Name, span: Span) {
        let (text, item) = (self.sources.text(span).to_string(), self.sources.text(self.item));
        // Where it is all of a value, that is what was meant to be drawn.
        let whole = item.strip_suffix(&text).and_then(|head| head.trim_end().strip_suffix('='));
        let help = match whole.and_then(|head| head.trim_end().split_once(char::is_whitespace)) {
            Some(("param", name)) => format!("say that it is not known: `param {name} ~ {text}`"),
            Some(("let", name)) => format!("write `draw {name} ~ {text} each step`"),
            _ => format!("draw it under a name, `draw luck ~ {text} each step`, and read that: `luck`"),
        };
        let error = Diagnostic::new(
            Code::E0605,
            format!("`{}` is a distribution, and no value", name.text),
            span,
            "what is drawn here has no name, so that nobody could draw it again",
        )
        .help(help);
        self.report(error);
    }
}

/// The text that an argument is.
fn text_of(arg: &ast::Arg) -> Option<Span> {
    (matches!(arg.value.kind, ast::ExprKind::Text(_)) && arg.name.is_none()).then_some(arg.value.span)
}
