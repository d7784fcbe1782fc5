//! From syntax to meaning: expressions.

use num_traits::Zero;

use super::resolve::{Callable, Meaning, Resolver};
use super::{BinaryOp, ClockPart, ExprId, ExprKind, FnId, IndexId};
use crate::builtins::{self, Builtin, Kernel};
use crate::diag::{Code, Diagnostic, did_you_mean};
use crate::source::Span;
use crate::syntax::ast;
use crate::units::{Exponent, Unit};

impl<'a> Resolver<'a> {
    /// Resolves an expression; what is wrong with it is reported, and it becomes [`ExprKind::Error`].
    pub(super) fn expr(&mut self, e: &'a ast::Expr) -> ExprId {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.expr_inner(e))
    }

    fn expr_inner(&mut self, e: &'a ast::Expr) -> ExprId {
        let span = e.span;
        let kind = match &e.kind {
            ast::ExprKind::Paren(inner) => return self.expr(inner),
            ast::ExprKind::Number(n) => ExprKind::Number { value: n.value.clone(), percent: n.percent },
            ast::ExprKind::Quantity(quantity) => match self.unit_named(&quantity.unit) {
                None => ExprKind::Error,
                Some(id) => {
                    let exponent = quantity.power.as_ref().map(|p| super::units::bounded(&p.value));
                    if exponent == Some(None) {
                        self.report(Diagnostic::new(
                            Code::E0307,
                            "this power is too large for a unit",
                            span,
                            "64 is the most",
                        ));
                    }
                    let exponent = exponent.flatten().unwrap_or_else(|| Exponent::from_integer(1));
                    ExprKind::Quantity { value: quantity.number.value.clone(), unit: Unit::of(id).power(exponent) }
                }
            },
            ast::ExprKind::Bool(value) => ExprKind::Bool(*value),
            ast::ExprKind::Time => ExprKind::Clock(ClockPart::Time),
            ast::ExprKind::Name(name) => self.name(name, span),
            ast::ExprKind::Field(base, field) if matches!(base.kind, ast::ExprKind::Time) => {
                self.clock_field(field, span)
            }
            ast::ExprKind::Negate(inner) => ExprKind::Negate(self.expr(inner)),
            ast::ExprKind::Not(inner) => ExprKind::Not(self.expr(inner)),
            ast::ExprKind::Binary(op, a, b) => {
                self.division(*op, a, b, span);
                let a = self.expr(a);
                ExprKind::Binary(*op, a, self.expr(b))
            }
            ast::ExprKind::Compare(first, rest) => {
                let label =
                    std::iter::once(&**first).chain(rest.iter().map(|(_, e)| e)).find_map(|e| self.label_type(e));
                let first = self.wanted(first, label);
                ExprKind::Compare(first, rest.iter().map(|(op, e)| (*op, self.wanted(e, label))).collect())
            }
            ast::ExprKind::If(parts) => {
                let [c, a, b] = &**parts;
                let (c, a) = (self.expr(c), self.expr(a));
                ExprKind::If(c, a, self.expr(b))
            }
            ast::ExprKind::Call { name, args } => self.call(name, args, span),
            ast::ExprKind::TooDeep => {
                let error =
                    Diagnostic::new(Code::E0006, "this expression is nested too deeply", span, "it passes 1000 levels")
                        .help("give parts of it names: `let part = …`");
                self.report(error);
                ExprKind::Error
            }
            ast::ExprKind::Date(text) => self.date_expr(text, span),
            ast::ExprKind::Text(_) => {
                let error = Diagnostic::new(
                    Code::E0201,
                    "a text is not a value",
                    span,
                    "a number or a condition is wanted here",
                )
                .help("a name with blanks goes between backticks: `` `my name` ``");
                self.report(error);
                ExprKind::Error
            }
            ast::ExprKind::Field(base, field) => self.field(base, field, e),
            ast::ExprKind::Subscript { base, subscripts, otherwise } => {
                self.subscript(base, subscripts, otherwise.as_deref(), span)
            }
            ast::ExprKind::Array(_) => {
                let error = Diagnostic::new(
                    Code::E0209,
                    "an array value stands only as the whole value of an array",
                    span,
                    "here one value is wanted",
                )
                .help("give it a name: `let weight[c in Category] = { … }`, and read `weight[c]`");
                self.report(error);
                ExprKind::Error
            }
            ast::ExprKind::Match { subject, arms } => self.match_arms(subject, arms, span, None),
        };
        self.add(kind, span)
    }

    /// `Class.builders`
    fn field(&mut self, base: &'a ast::Expr, field: &'a ast::Name, e: &'a ast::Expr) -> ExprKind {
        if let Some(leg) = self.leg_of_trade(base, field, e.span) {
            return leg;
        }
        if let Some((member, leg)) = self.leg_of_member(base, field) {
            let whole = matches!(&member.kind, ast::ExprKind::Name(name) if self.is_index_here(name));
            self.model.decls[leg.0 as usize].read = true;
            if whole || self.model.decl(leg).axes.len() != 1 {
                return self.bare_array(leg, e.span);
            }
            let at = vec![self.expr(member)];
            return ExprKind::Element { decl: leg, at, otherwise: None };
        }
        if let Some(entity) = self.label_type(base).and_then(|i| self.living(i))
            && !matches!(&base.kind, ast::ExprKind::Name(name) if self.is_index_here(name))
        {
            return self.attribute(base, field, entity);
        }
        let ast::ExprKind::Name(name) = &base.kind else { return self.no_attribute(base, field) };
        let Some(index) = self.index_named(name).filter(|_| self.is_index_here(name)) else {
            return self.no_attribute(base, field);
        };
        if let Some(entity) = self.living(index) {
            return match self.attribute_named(entity, field) {
                Some(decl) => self.bare_array(decl, e.span),
                None => ExprKind::Error,
            };
        }
        match self.label_in(index, &field.text) {
            Some(at) => self.label(self.model.index(index).root, at),
            None => {
                self.no_label(index, &field.text, field.span);
                ExprKind::Error
            }
        }
    }

    /// The leg of a trade, by number.
    pub(super) fn leg_named(&self, trade: &str, number: &str) -> Option<super::DeclId> {
        let Some(Meaning::Decl(id)) = self.names.get(trade).map(|e| e.meaning) else { return None };
        let number: usize = number.parse().ok()?;
        self.trades.get(&id)?.get(number.checked_sub(1)?).copied()
    }

    /// `swap.1`, `swap[p].1`: what a leg of a trade moved.
    fn leg_of_trade(&mut self, base: &'a ast::Expr, leg: &ast::Name, span: Span) -> Option<ExprKind> {
        let (name, subscripts): (_, &'a [ast::Expr]) = match &base.kind {
            ast::ExprKind::Name(name) => (name, &[]),
            ast::ExprKind::Subscript { base, subscripts, otherwise: None } => match &base.kind {
                ast::ExprKind::Name(name) => (name, subscripts),
                _ => return None,
            },
            _ => return None,
        };
        let Some(Meaning::Decl(id)) = self.names.get(name).map(|e| e.meaning) else { return None };
        let number = leg.text.parse::<usize>().ok();
        // `recruiter.wallet` is no leg.
        if number.is_none() && self.reference(name).is_some() {
            return None;
        }
        let Some(legs) = self.trades.get(&id) else {
            let moves = matches!(self.model.decl(id).word, "flow" | "transfer");
            if !moves {
                number?;
            }
            let error = Diagnostic::new(
                Code::E0101,
                format!("`{name}` has no parts"),
                leg.span,
                "only a transfer of several legs has",
            )
            .help(if moves {
                format!("write `{name}`, or a share of it: `70% * {name}`")
            } else {
                format!("write `{name}`; a number wants a digit before its point")
            });
            self.report(error);
            return Some(ExprKind::Error);
        };
        let n = legs.len();
        let Some(decl) = self.leg_named(name, &leg.text) else {
            let error = Diagnostic::new(
                Code::E0101,
                format!("`{name}` has no leg `{}`", leg.text),
                leg.span,
                format!("it has {n} legs"),
            )
            .help(format!("its legs are `{name}.1` to `{name}.{n}`, in their order"));
            self.report(error);
            return Some(ExprKind::Error);
        };
        self.model.decls[id.0 as usize].read = true;
        self.model.decls[decl.0 as usize].read = true;
        if subscripts.is_empty() {
            return Some(self.bare_name(decl, span));
        }
        let at = self.subscripts(decl, subscripts, span)?;
        Some(ExprKind::Element { decl, at, otherwise: None })
    }

    /// Whether a name is that of an index, and of no member around.
    pub(super) fn is_index_here(&self, name: &str) -> bool {
        self.index_named(name).is_some() && !self.scope.iter().any(|(n, _)| n == name)
    }

    /// A named value without subscripts.
    fn bare_name(&mut self, id: super::DeclId, span: Span) -> ExprKind {
        if self.model.decl(id).axes.is_empty() {
            return ExprKind::Decl(id);
        }
        if self.open_axes(id).is_empty() {
            let at = self.own_subscripts(id, span);
            return ExprKind::Element { decl: id, at, otherwise: None };
        }
        self.bare_array(id, span)
    }

    /// A point behind what has no attributes.
    pub(super) fn no_attribute(&mut self, base: &'a ast::Expr, field: &ast::Name) -> ExprKind {
        let before = self.diagnostics.len();
        let value = self.expr(base);
        if self.diagnostics.len() > before || matches!(self.model.expr(value).kind, ExprKind::Error) {
            return ExprKind::Error;
        }
        let text = self.sources.text(base.span).to_string();
        let error = Diagnostic::new(
            Code::E0703,
            format!("`{text}` is no member of an entity, and has no `{}`", field.text),
            base.span.to(field.span),
            "only members have values of their own",
        )
        .help("a member is a name of a comprehension, `sum(p.supply for p in Product)`, or a reference, `trait owner: Seller ~ pick(s for s in Seller)`");
        self.report(error);
        ExprKind::Error
    }

    pub(super) fn name(&mut self, name: &str, span: Span) -> ExprKind {
        if let Some((_, binder)) = self.scope.iter().rev().find(|(n, _)| n == name) {
            return ExprKind::Member(*binder);
        }
        if let Some(i) = self.locals.iter().position(|l| l == name) {
            return ExprKind::Local(i);
        }
        match name {
            "dt" => return ExprKind::Clock(ClockPart::Dt),
            "inf" => return ExprKind::Infinity,
            "pi" => return ExprKind::Pi,
            _ => {}
        }
        match self.names.get(name).map(|e| e.meaning) {
            Some(Meaning::Unit(id)) => ExprKind::Unit(id),
            Some(Meaning::Decl(id)) => {
                self.model.decls[id.0 as usize].read = true;
                self.bare_name(id, span)
            }
            Some(Meaning::Index(id)) => {
                if let Some(entity) = self.living(id) {
                    self.model.indexes[id.0 as usize].read = true;
                    return ExprKind::Decl(self.model.entities[entity.0 as usize].population);
                }
                self.index_as_value(id, span);
                ExprKind::Error
            }
            Some(Meaning::Unknown) => ExprKind::Error,
            None => {
                if let Some(me) = self.myself(name) {
                    return ExprKind::Member(me);
                }
                if let Some(entity) = self.inside
                    && name == "number"
                {
                    let me = self.model.entities[entity.0 as usize].me;
                    return ExprKind::NumberOf(self.add(ExprKind::Member(me), span));
                }
                if let Some(label) = self.only_label(name, span) {
                    return label;
                }
                self.unknown_name(name, span);
                ExprKind::Error
            }
        }
    }

    fn index_as_value(&mut self, id: IndexId, span: Span) {
        let name = self.model.index(id).name.clone();
        let error = Diagnostic::new(Code::E0207, format!("`{name}` is an index, and no value"), span, "")
            .help(format!("name one of its members, `{name}.…`, go through them, `sum(x[i] for i in {name})`, or count them: `count({name})`"));
        self.report(error);
    }

    pub(super) fn unknown_name(&mut self, name: &str, span: Span) {
        if self.incomplete.names {
            return;
        }
        if let Some(error) = self.value_of_members(name, span) {
            return self.report(error);
        }
        let policy = self.policy_of(name);
        let label = if policy.is_some() { "no value has this name" } else { "nothing declares this name" };
        let error = Diagnostic::new(Code::E0101, format!("there is no `{name}`"), span, label);
        let compare = self.may_compare();
        let builtin = builtins::find(name).is_some() || self.functions.contains_key(name);
        let values =
            // A unit of the prelude is rarely what a misspelt value was to be.
            self.names.iter().filter(|(_, e)| !e.prelude).map(|(n, _)| n.as_str());
        let labels = self.labels.keys().map(String::as_str).take(if compare { 10_000 } else { 0 });
        let near = self.locals.iter().chain(self.scope.iter().map(|(n, _)| n)).map(String::as_str);
        let known = values.chain(near).chain(labels);
        let error = match if compare { did_you_mean(name, known) } else { None } {
            _ if name.eq_ignore_ascii_case("time") => error.help("the clock's value is `time`").fix(span, "time"),
            _ if builtin => error.help(format!("`{name}` is a function: write `{name}(…)`")),
            _ if policy.is_some() => error.help(policy.unwrap_or_default()),
            Some(meant) => error.help(format!("did you mean `{meant}`?")).fix(span, meant),
            None => error.help(format!("declare it: `param {name} = …`, or `let {name} = …` if it is worked out")),
        };
        self.report(error);
    }

    /// What to do about an option where a value is wanted.
    fn policy_of(&self, option: &str) -> Option<String> {
        let has = |d: &&super::Decl| match &d.kind {
            super::DeclKind::Policy { options, .. } => options.iter().any(|(name, ..)| name == option),
            _ => false,
        };
        let policy = &self.model.decls.iter().find(has)?.name;
        Some(format!("it is an option of `{policy}`: read `{policy}`, and choose by `--set {policy}={option}`"))
    }

    fn clock_field(&mut self, field: &ast::Name, span: Span) -> ExprKind {
        ExprKind::Clock(match field.text.as_str() {
            "start" => ClockPart::Start,
            "stop" => ClockPart::Stop,
            "step" => ClockPart::Step,
            other => {
                let error = Diagnostic::new(Code::E0101, format!("the clock has no `{other}`"), span, "")
                    .help("it has `time.start`, `time.stop` and `time.step` (the number of the step)");
                self.report(error);
                return ExprKind::Error;
            }
        })
    }

    /// Divisions that read two ways.
    fn division(&mut self, op: BinaryOp, a: &ast::Expr, b: &ast::Expr, span: Span) {
        if let (BinaryOp::Divide | BinaryOp::Multiply, ast::ExprKind::Binary(BinaryOp::Divide, top, quantity)) =
            (op, &a.kind)
            && matches!(quantity.kind, ast::ExprKind::Quantity(_))
            && let ast::ExprKind::Name(unit) = &b.kind
            && self.names.get(unit).is_some_and(|e| matches!(e.meaning, Meaning::Unit(_)))
        {
            let text = |s: Span| self.sources.text(s).to_string();
            let (x, q, sign) = (text(top.span), text(quantity.span), if op == BinaryOp::Divide { "/" } else { "*" });
            let whole = text(quantity.span.to(b.span));
            let error = Diagnostic::new(
                Code::E0306,
                format!("what is divided by: `{q}`, or `{whole}`?"),
                quantity.span.to(b.span),
                "this reads two ways",
            )
            .help(format!("write `{x} / ({whole})` or `({x} / {q}) {sign} {unit}`"))
            .fix(quantity.span.to(b.span), format!("({whole})"));
            self.report(error);
        }
        if let (BinaryOp::Divide, ast::ExprKind::Number(n), ast::ExprKind::Quantity(quantity)) = (op, &a.kind, &b.kind)
            && !n.value.is_zero()
        {
            let text = |s: Span| self.sources.text(s).to_string();
            let (n, q) = (text(a.span), text(b.span));
            let digits = q.trim_end_matches(&quantity.unit.text).trim_end().to_string();
            let warning = Diagnostic::new(
                Code::W0301,
                format!("`{n} / {q}` is {n} divided by {q}"),
                span,
                format!("read as `{n} / ({q})`"),
            )
            .help(format!(
                "if that is meant, write `{n} / ({q})`; the other reading is `({n}/{digits}) * 1 {}`",
                quantity.unit.text
            ))
            .fix(b.span, format!("({q})"));
            self.report(warning);
        }
    }

    fn call(&mut self, name: &ast::Name, args: &'a [ast::Arg], span: Span) -> ExprKind {
        match self.functions.get(&name.text).copied() {
            Some((Callable::Function(id), ..)) => return self.call_function(id, name, args, span),
            Some((Callable::Curve(id), ..)) => return self.call_curve(id, name, args, span),
            Some((Callable::Unknown, ..)) => {
                args.iter().filter(|a| a.binders.is_empty()).for_each(|a| {
                    self.expr(&a.value);
                });
                return ExprKind::Error;
            }
            None => {}
        }
        if let Some(builtin) = builtins::find(&name.text) {
            if let Some(aggregate) = self.aggregate(builtin, args, span) {
                return aggregate;
            }
            if let Some(arg) = args.iter().find(|a| !a.binders.is_empty() || a.otherwise.is_some()) {
                return self.no_members(&name.text, arg);
            }
            if matches!(builtin.kernel, Kernel::Member) {
                return self.membership(builtin, args, span);
            }
            return self.call_builtin(builtin, args, span);
        }
        if name.text == "pick" && !self.incomplete.names {
            self.picks_outside(name.span);
            return ExprKind::Error;
        }
        if super::draw::is_distribution(&name.text) && !self.incomplete.names {
            self.drawn_in_passing(name, span);
            return ExprKind::Error;
        }
        args.iter().filter(|a| a.binders.is_empty()).for_each(|a| {
            self.expr(&a.value);
        });
        const LATER: &[&str] =
            &["delay", "delay1", "delay3", "delayn", "smooth1", "smooth3", "smoothn", "trend", "moving_average"];
        if LATER.contains(&name.text.to_lowercase().as_str()) {
            self.not_yet(&format!("`{}`", name.text), name.span);
            return ExprKind::Error;
        }
        let error = Diagnostic::new(
            Code::E0103,
            format!("there is no function `{}`", name.text),
            name.span,
            "nothing declares it",
        );
        let compare = self.may_compare();
        let known = builtins::all().iter().map(Builtin::name).chain(self.functions.keys().map(String::as_str));
        let elsewhere = builtins::all().iter().find(|b| {
            let called = |foreign: &str| {
                foreign
                    .split(": ")
                    .last()
                    .is_some_and(|names| names.split(", ").any(|n| n.eq_ignore_ascii_case(&name.text)))
            };
            b.foreign.iter().copied().any(called)
        });
        if self.incomplete.names {
            return ExprKind::Error;
        }
        let error =
            match (if compare { did_you_mean(&name.text, known) } else { None }, self.names.contains_key(&name.text)) {
                _ if name.text.eq_ignore_ascii_case("if") || name.text.eq_ignore_ascii_case("ifelse") => {
                    error.help("a choice is written `if condition then a else b`")
                }
                _ if ["power", "pow"].contains(&name.text.to_lowercase().as_str()) => {
                    error.help("a power is written `a ^ b`")
                }
                _ if elsewhere.is_some() => {
                    let meant = elsewhere.map_or("", |b| b.name());
                    error.help(format!("here it is called `{meant}`")).fix(name.span, meant)
                }
                (_, true) => error.help(format!("`{0}` is a value: to multiply, write `{0} * (…)`", name.text)),
                (Some(meant), _) => error.help(format!("did you mean `{meant}`?")).fix(name.span, meant),
                (None, _) => error.help(format!("declare it: `fn {}(x) = …`", name.text)),
            };
        self.report(error);
        ExprKind::Error
    }

    /// A function of plain values that is given those of many members.
    fn no_members(&mut self, name: &str, arg: &'a ast::Arg) -> ExprKind {
        let at = arg.binders.first().map_or(arg.value.span, |b| b.name.span.to(b.index.span));
        let error = Diagnostic::new(
            Code::E0207,
            format!("`{name}` is a function of values, not of members"),
            at,
            if arg.binders.is_empty() { "nothing here can be missing" } else { "it does not go through members" },
        )
        .help("`sum mean min max product count any all gini hhi nakamoto argmax argmin rank` do");
        self.report(error);
        ExprKind::Error
    }

    /// `member(c, Insider)`
    fn membership(&mut self, builtin: &'static Builtin, args: &'a [ast::Arg], span: Span) -> ExprKind {
        if let [member, ast::Arg { value: ast::Expr { kind: ast::ExprKind::Name(index), span: at, .. }, .. }] = args {
            let name = ast::Name { text: index.clone(), span: *at };
            let Some(index) = self.index_named(index) else {
                self.no_index(&name);
                return ExprKind::Error;
            };
            self.model.indexes[index.0 as usize].read = true;
            let root = self.model.index(index).root;
            return ExprKind::In(self.wanted(&member.value, Some(root)), index);
        }
        let error = Diagnostic::new(Code::E0202, "`member` wants a member and an index", span, "")
            .help(format!("for example `{}`", builtin.example));
        self.report(error);
        ExprKind::Error
    }

    fn call_curve(&mut self, id: super::CurveId, name: &ast::Name, args: &'a [ast::Arg], span: Span) -> ExprKind {
        self.model.curves[id.0 as usize].read = true;
        if let [arg] = args
            && arg.binders.is_empty()
        {
            return ExprKind::Curve(id, self.expr(&arg.value));
        }
        let argument = &self.model.curves[id.0 as usize].argument.0;
        let error = Diagnostic::new(
            Code::E0202,
            format!("the curve `{}` has one argument, and is given {}", name.text, args.len()),
            span,
            "",
        )
        .help(format!("it is called as `{}({argument})`", name.text));
        self.report(error);
        ExprKind::Error
    }

    fn call_function(&mut self, id: FnId, name: &ast::Name, args: &'a [ast::Arg], span: Span) -> ExprKind {
        self.model.fns[id.0 as usize].read = true;
        self.calls.push((id, span));
        if let Some(arg) = args.iter().find(|a| !a.binders.is_empty() || a.otherwise.is_some()) {
            return self.no_members(&name.text, arg);
        }
        let labels = self.function_labels(id, args.len());
        let values: Vec<ExprId> = args.iter().zip(labels).map(|(a, label)| self.wanted(&a.value, label)).collect();
        let wanted: Vec<String> = self.model.function(id).params.iter().map(|(name, _)| name.clone()).collect();
        if wanted.len() != values.len() {
            let form = format!("{}({})", name.text, wanted.join(", "));
            let error = Diagnostic::new(
                Code::E0202,
                format!("`{}` has {}, and is given {}", name.text, arguments(wanted.len()), values.len()),
                span,
                "",
            )
            .help(format!("it is called as `{form}`"));
            self.report(error);
            return ExprKind::Error;
        }
        if let Some(arg) = args.iter().find_map(|a| a.name.as_ref()) {
            let order: Option<Vec<usize>> = args
                .iter()
                .enumerate()
                .map(|(i, a)| match &a.name {
                    None => Some(i),
                    Some(n) => wanted.iter().position(|w| *w == n.text),
                })
                .collect();
            let mut placed = vec![None; values.len()];
            for (from, to) in order.iter().flatten().enumerate() {
                placed[*to] = Some(values[from]);
            }
            match placed.into_iter().collect::<Option<Vec<_>>>().filter(|_| order.is_some()) {
                Some(values) => return ExprKind::Call(id, values),
                None => {
                    let error = Diagnostic::new(
                        Code::E0202,
                        format!("the arguments of `{}` do not fit", name.text),
                        arg.span,
                        "",
                    )
                    .help(format!("its arguments are {}", wanted.join(", ")));
                    self.report(error);
                    return ExprKind::Error;
                }
            }
        }
        ExprKind::Call(id, values)
    }

    fn call_builtin(&mut self, builtin: &'static Builtin, args: &'a [ast::Arg], span: Span) -> ExprKind {
        let params = &builtin.signature.params;
        let repeated = params.first().is_some_and(|p| p.repeated);
        let mut slots: Vec<Option<ExprId>> = if repeated { Vec::new() } else { vec![None; params.len()] };
        let mut wrong = None;
        for (i, arg) in args.iter().enumerate() {
            let value = self.expr(&arg.value);
            let at = match &arg.name {
                None => Some(i),
                Some(name) => params.iter().position(|p| p.name == name.text),
            };
            match at {
                Some(_) if repeated && arg.name.is_none() => slots.push(Some(value)),
                Some(at) if !repeated && at < slots.len() && slots[at].is_none() => slots[at] = Some(value),
                _ => wrong = wrong.or(Some(arg.name.as_ref().map_or(arg.value.span, |n| n.span))),
            }
        }
        let missing =
            if repeated { slots.len() < 2 } else { params.iter().zip(&slots).any(|(p, s)| !p.optional && s.is_none()) };
        if wrong.is_none() && !missing {
            return ExprKind::Builtin(builtin, slots);
        }
        let form = builtin.signature.text;
        let message = match (wrong, repeated) {
            (Some(at), _) => match args.iter().filter_map(|a| a.name.as_ref()).find(|n| n.span == at) {
                Some(name) => format!("`{}` has no argument `{}` left", builtin.name(), name.text),
                None => format!("an argument of `{}` is one too many", builtin.name()),
            },
            (None, true) => format!("`{}` wants two arguments at least", builtin.name()),
            (None, false) => {
                let first = params.iter().zip(&slots).find(|(p, s)| !p.optional && s.is_none());
                format!(
                    "`{}` wants {}",
                    builtin.name(),
                    first.map_or("more".into(), |(p, _)| format!("its `{}`", p.name))
                )
            }
        };
        let error = Diagnostic::new(Code::E0202, message, wrong.unwrap_or(span), "")
            .help(format!("it is called as `{form}`; for example `{}`", builtin.example));
        self.report(error);
        ExprKind::Error
    }
}

fn arguments(n: usize) -> String {
    if n == 1 { "one argument".into() } else { format!("{n} arguments") }
}
