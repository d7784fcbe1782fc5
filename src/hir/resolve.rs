//! From syntax to meaning: declarations.
//!
//! In: the prelude's and the model's trees, and settings. Out: the [`Model`] and what is wrong with its names.
//! Names are collected from all files first, so that order never matters; then each declaration is resolved.

use std::collections::BTreeMap;

use super::*;
use crate::diag::{Code, Diagnostic, did_you_mean};
use crate::source::{SourceMap, Span};
use crate::syntax::ast;
use crate::syntax::parse::Incomplete;
use crate::syntax::token::{CLAUSES, OWNED};

/// A file to resolve.
pub struct Input<'a> {
    /// Its tree.
    pub file: &'a ast::File,
    /// Names of its unreadable declarations.
    pub broken: &'a [ast::Name],
    /// It is part of the prelude: the model's own names replace its.
    pub prelude: bool,
}

/// A value from outside the model.
pub enum Setting {
    /// `--set name=value`.
    Value {
        /// The name.
        name: ast::Name,
        /// The value.
        value: ast::Expr,
    },
    /// `--from`, `--to` or `--step`.
    Clock {
        /// Which.
        part: ClockPart,
        /// The value.
        value: ast::Expr,
    },
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Unit(UnitId),
    Decl(DeclId),
    /// Declared by what is not built yet or cannot be read.
    Unknown,
}

/// A name's meaning and its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub meaning: Meaning,
    pub span: Span,
    pub prelude: bool,
}

pub(super) struct Resolver<'a> {
    pub model: Model,
    pub sources: &'a SourceMap,
    /// What may be declared where nothing could be read: it is not reported as missing.
    pub incomplete: Incomplete,
    pub diagnostics: Vec<Diagnostic>,
    /// Units and values: one namespace.
    pub names: BTreeMap<String, Entry>,
    pub functions: BTreeMap<String, (Option<FnId>, Span, bool)>,
    /// Units that are declared and not yet worked out, by name.
    pub pending: BTreeMap<String, PendingUnit<'a>>,
    /// A unit's size is being worked out.
    pub in_unit: bool,
    /// The names being declared are units.
    pub declaring_unit: bool,
    /// How many names have been compared with misspelt ones.
    pub compared: usize,
    /// The arguments of the function being resolved.
    pub locals: Vec<String>,
    /// The functions that it calls.
    pub calls: Vec<(FnId, Span)>,
}

/// A derived unit whose factor has still to be worked out.
#[derive(Clone, Copy)]
pub(super) struct PendingUnit<'a> {
    pub name: &'a ast::Name,
    pub value: &'a ast::Expr,
    pub aliases: &'a [ast::Name],
    pub prelude: bool,
}

/// So many pairs of names are compared to find what was meant; after that, messages go without.
const MOST_COMPARED: usize = 2_000_000;

/// Resolves a model.
pub fn resolve(
    inputs: &[Input],
    settings: &[Setting],
    incomplete: Incomplete,
    sources: &SourceMap,
) -> (Model, Vec<Diagnostic>) {
    let mut resolver = Resolver {
        model: Model { clock_unknown: incomplete.clock, incomplete, ..Model::default() },
        incomplete,
        sources,
        diagnostics: Vec::new(),
        names: BTreeMap::new(),
        functions: BTreeMap::new(),
        pending: BTreeMap::new(),
        in_unit: false,
        declaring_unit: false,
        compared: 0,
        locals: Vec::new(),
        calls: Vec::new(),
    };
    // The prelude is settled before the model's names can replace its.
    let of = |prelude: bool| inputs.iter().filter(move |i| i.prelude == prelude).flat_map(|i| &i.file.items);
    for input in inputs {
        if resolver.model.doc.is_empty() && !input.prelude {
            resolver.model.doc.clone_from(&input.file.doc);
        }
        for name in input.broken {
            let entry = Entry { meaning: Meaning::Unknown, span: name.span, prelude: true };
            resolver.names.entry(name.text.clone()).or_insert(entry);
            resolver.functions.entry(name.text.clone()).or_insert((None, name.span, true));
        }
    }
    for prelude in [true, false] {
        of(prelude).for_each(|item| resolver.collect(item, prelude));
        resolver.finish_units();
    }
    // The ids were given in the order of the items: the same walk meets them again.
    let mut next = Next::default();
    for item in of(true).chain(of(false)) {
        resolver.item(item, &mut next);
    }
    for setting in settings {
        resolver.setting(setting);
    }
    (resolver.model, resolver.diagnostics)
}

#[derive(Default)]
struct Next {
    decl: usize,
    function: usize,
}

impl<'a> Resolver<'a> {
    pub fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Whether another misspelt name may be compared with all others: with thousands of them that would take minutes.
    pub fn may_compare(&mut self) -> bool {
        self.compared += self.names.len();
        self.compared < MOST_COMPARED
    }

    pub fn add(&mut self, kind: ExprKind, span: Span) -> ExprId {
        self.model.exprs.push(Expr { kind, span });
        ExprId(self.model.exprs.len() as u32 - 1)
    }

    pub fn line(&self, span: Span) -> usize {
        self.sources.position(span).map_or(0, |(line, _)| line)
    }

    /// Declares a name of values and units. A model's own name replaces one of the prelude.
    pub fn declare(&mut self, name: &ast::Name, meaning: Meaning, prelude: bool) {
        if OWNED.contains(&name.text.as_str()) {
            return self.report(
                Diagnostic::new(
                    Code::E0104,
                    format!("`{}` belongs to the language", name.text),
                    name.span,
                    "it cannot be declared again",
                )
                .help("choose another name"),
            );
        }
        let entry = Entry { meaning, span: name.span, prelude };
        let is_unit = !prelude && self.declaring_unit;
        match self.names.get(&name.text) {
            Some(old) if !old.prelude && !prelude => {
                let old = *old;
                let error = Diagnostic::new(
                    Code::E0102,
                    format!("`{}` is declared twice", name.text),
                    name.span,
                    "declared again here",
                )
                .label(old.span, "first declared here")
                .help("give one of them another name");
                self.report(error);
                // Which of two kinds is meant by whoever reads it cannot be known.
                let unit = |m: Meaning| matches!(m, Meaning::Unit(_) | Meaning::Unknown);
                if unit(old.meaning) != unit(meaning) {
                    self.names.insert(name.text.clone(), Entry { meaning: Meaning::Unknown, ..entry });
                }
            }
            old => {
                // Another month has no prelude's plural.
                if let (Some(Entry { meaning: Meaning::Unit(id), prelude: true, .. }), true) = (old.copied(), is_unit) {
                    self.names.retain(|_, e| !(e.prelude && e.meaning == Meaning::Unit(id)));
                }
                self.names.insert(name.text.clone(), entry);
            }
        }
    }

    /// First walk: names get their ids.
    fn collect(&mut self, item: &'a ast::Item, prelude: bool) {
        use ast::Decl::*;
        let (head, word) = match &item.decl {
            Unit { names, value, aliases } => return self.collect_unit(names, value.as_ref(), aliases, prelude),
            Fn { name, params, .. } => {
                let id = FnId(self.model.fns.len() as u32);
                if let Some((_, first, false)) = self.functions.get(&name.text)
                    && !prelude
                {
                    let error = Diagnostic::new(
                        Code::E0102,
                        format!("the function `{}` is declared twice", name.text),
                        name.span,
                        "declared again here",
                    )
                    .label(*first, "first declared here")
                    .help("give one of them another name");
                    self.report(error);
                } else {
                    self.functions.insert(name.text.clone(), (Some(id), name.span, prelude));
                }
                self.model.fns.push(Function {
                    name: name.text.clone(),
                    span: name.span,
                    whole: item.span,
                    params: params.iter().map(|(name, _)| (name.text.clone(), None)).collect(),
                    body: ExprId(0),
                    calls: Vec::new(),
                    read: prelude,
                });
                return;
            }
            Param { head, .. } => (head, "param"),
            Let { head, .. } => (head, "let"),
            State { head, .. } => (head, "state"),
            Stock { head, .. } => (head, "stock"),
            Flow { head, .. } => (head, "flow"),
            Transfer { head, .. } => (head, "transfer"),
            Metric { head, .. } => (head, "metric"),
            Series { head, .. } | Draw { head, .. } | Conveyor { head, .. } | Policy { head, .. } => {
                return self.declare(&head.name, Meaning::Unknown, prelude);
            }
            Curve { name, .. } => {
                self.functions.insert(name.text.clone(), (None, name.span, true));
                return;
            }
            Index(index) => {
                self.declare(&index.name, Meaning::Unknown, prelude);
                let columns: &[ast::Column] = match &index.body {
                    ast::IndexBody::Table(columns, _) | ast::IndexBody::File(_, columns) => columns,
                    _ => &[],
                };
                columns.iter().for_each(|c| self.unknown(&c.name));
                if let ast::IndexBody::Labels(labels) = &index.body {
                    labels.iter().for_each(|l| self.unknown(l));
                }
                if let ast::IndexBody::Table(_, rows) = &index.body {
                    rows.iter().for_each(|(label, _)| self.unknown(label));
                }
                return;
            }
            Entity { name, items, .. } => {
                self.declare(name, Meaning::Unknown, prelude);
                items.iter().for_each(|i| self.collect_unknown(i));
                return;
            }
            Phase { items, .. } => return items.iter().for_each(|i| self.collect_unknown(i)),
            _ => return,
        };
        let id = DeclId(self.model.decls.len() as u32);
        self.model.decls.push(Decl {
            word,
            name: head.name.text.clone(),
            span: head.name.span,
            whole: item.span,
            doc: item.doc.clone(),
            ty: None,
            kind: DeclKind::Unknown,
            read: prelude,
        });
        self.declare(&head.name, Meaning::Decl(id), prelude);
    }

    /// A name inside something that is not built yet.
    pub(super) fn unknown(&mut self, name: &ast::Name) {
        let entry = Entry { meaning: Meaning::Unknown, span: name.span, prelude: true };
        self.names.entry(name.text.clone()).or_insert(entry);
    }

    fn collect_unknown(&mut self, item: &ast::Item) {
        use ast::Decl::*;
        match &item.decl {
            Param { head, .. }
            | Let { head, .. }
            | State { head, .. }
            | Stock { head, .. }
            | Flow { head, .. }
            | Transfer { head, .. }
            | Metric { head, .. }
            | Series { head, .. }
            | Draw { head, .. }
            | Conveyor { head, .. }
            | Policy { head, .. }
            | Trait { head, .. } => self.unknown(&head.name),
            Fn { name, .. } | Curve { name, .. } => {
                self.functions.entry(name.text.clone()).or_insert((None, name.span, true));
            }
            Entity { items, .. } | Phase { items, .. } => items.iter().for_each(|i| self.collect_unknown(i)),
            _ => {}
        }
    }

    /// What the language has and this compiler has not: said once, at its place.
    pub fn not_yet(&mut self, what: &str, span: Span) {
        self.report(
            Diagnostic::new(
                Code::E0090,
                format!("{what} cannot be compiled yet"),
                span,
                "understood, and not built yet",
            )
            .help("`flowc explain E0090` lists what is not built yet"),
        );
    }

    /// Second walk: what each declaration says.
    fn item(&mut self, item: &'a ast::Item, next: &mut Next) {
        use ast::Decl::*;
        let keyword = Span::new(
            item.span.start,
            item.span.start + self.sources.text(item.span).find(char::is_whitespace).unwrap_or(1) as u32,
        );
        let what = match &item.decl {
            Use(_) | Unit { .. } => return,
            Time(time) => return self.clock(time, item.span),
            Record(every) => {
                let every = self.expr(every);
                if self.model.record.is_some() {
                    let error =
                        Diagnostic::new(Code::E0102, "`record every` stands twice", item.span, "and again here")
                            .help("keep one of them");
                    self.report(error);
                }
                self.model.record = Some(every);
                return;
            }
            Conserve { unit, total, except } => return self.conserve(unit, total.as_ref(), except, item.span),
            Assert(condition) => {
                let condition = self.expr(condition);
                return self.model.asserts.push(super::Assert { condition, span: item.span });
            }
            Fn { params, body, .. } => {
                let id = next.function;
                next.function += 1;
                return self.function(id, params, body);
            }
            Param { head, ty, default, dist, from, range } => {
                let id = self.next(next);
                self.head(head, id);
                if dist.is_some() {
                    self.not_yet("an uncertain `param`", keyword);
                } else if from.is_some() {
                    self.not_yet("a `param` from a file", keyword);
                }
                let known = dist.is_none() && from.is_none();
                let Some(default) = default else {
                    if known {
                        let name = &head.name.text;
                        let error = Diagnostic::new(
                            Code::E0001,
                            format!("the param `{name}` has no value"),
                            item.span,
                            "expected `= …`",
                        )
                        .help(format!("give it a default: `param {name} = …`"));
                        self.report(error);
                    }
                    return;
                };
                let (ty, value) = (self.annotation(ty.as_ref()), self.expr(default));
                let range = self.range(range.as_ref());
                return self.put(id, ty, DeclKind::Param { value, set: None, range }, known);
            }
            Let { head, ty, value } => {
                let id = self.next(next);
                let built = self.head(head, id);
                let (ty, value) = (self.annotation(ty.as_ref()), self.expr(value));
                return self.put(id, ty, DeclKind::Let { value }, built);
            }
            State { head, ty, initial, rule } => {
                let id = self.next(next);
                let built = self.head(head, id);
                let (ty, initial) = (self.annotation(ty.as_ref()), self.expr(initial));
                let rule = rule.as_ref().map(|rule| match rule {
                    ast::StateRule::Next { value, every } => {
                        Rule::Next { value: self.expr(value), every: every.as_ref().map(|e| self.expr(e)) }
                    }
                    ast::StateRule::Rate(value) => Rule::Rate(self.expr(value)),
                });
                return self.put(id, ty, DeclKind::State { initial, rule }, built);
            }
            Stock { head, ty, opening, options } => {
                let id = self.next(next);
                let built = self.head(head, id);
                let (ty, opening) = (self.annotation(Some(ty)), self.expr(opening));
                let (mut signed, mut range) = (false, None);
                for option in options {
                    match option {
                        ast::StockOption::Signed(_) => signed = true,
                        ast::StockOption::Within(within) => range = self.range(Some(within)),
                        ast::StockOption::From(place) => {
                            self.not_yet("a stock that is funded `from` another", place.span)
                        }
                    }
                }
                return self.put(id, ty, DeclKind::Stock { opening, set: None, signed, range }, built);
            }
            Flow { head, leg, two_way, short } => {
                let id = self.next(next);
                let built = self.head(head, id);
                if *two_way {
                    self.not_yet("a flow that may run either way (`<->`)", leg.span);
                }
                let Some(moved) = self.leg(leg, true, short.map(|s| s.kind), Timing::Always) else { return };
                return self.put(id, None, DeclKind::Move(Box::new(moved)), built && !two_way);
            }
            Transfer { head, legs, grouped, clauses } => {
                let id = self.next(next);
                let built = self.head(head, id);
                let (timing, short) = self.clauses(clauses);
                if *grouped {
                    legs.iter().for_each(|leg| {
                        self.expr(&leg.amount);
                    });
                    return self.not_yet("a transfer of several legs", keyword);
                }
                let Some(moved) = legs.first().and_then(|leg| self.leg(leg, false, short, timing)) else { return };
                return self.put(id, None, DeclKind::Move(Box::new(moved)), built);
            }
            Metric { head, ty, value, window } => {
                let id = self.next(next);
                let built = self.head(head, id);
                let (ty, value) = (self.annotation(ty.as_ref()), self.expr(value));
                let window = window.as_ref().map(|(from, to)| (self.expr(from), self.expr(to)));
                return self.put(id, ty, DeclKind::Metric { value, window }, built);
            }
            Index(_) => "`index`",
            Curve { .. } => "`curve`",
            Series { .. } => "`series`",
            Draw { .. } => "`draw`",
            Trait { .. } => "`trait`",
            Conveyor { .. } => "`conveyor`",
            Phases(_) => "`phases`",
            Phase { .. } => "`phase`",
            Update { .. } => "`update`",
            Policy { .. } => "`policy`",
            Entity { .. } => "`entity`",
            Spawn { .. } => "`spawn`",
            Retire { .. } => "`retire`",
            Goal { .. } => "`goal`",
            Assumption { .. } => "`assumption`",
            Expect { .. } => "`expect`",
            Scenario { .. } => "`scenario`",
            Experiment { .. } => "`experiment`",
        };
        self.not_yet(what, keyword);
    }

    fn next(&self, next: &mut Next) -> DeclId {
        next.decl += 1;
        DeclId(next.decl as u32 - 1)
    }

    fn put(&mut self, id: DeclId, ty: Option<Annotation>, kind: DeclKind, built: bool) {
        let decl = &mut self.model.decls[id.0 as usize];
        decl.ty = ty;
        if built {
            decl.kind = kind;
        }
    }

    /// Whether a declaration is a plain one; one over indexes is not built yet.
    fn head(&mut self, head: &ast::Head, id: DeclId) -> bool {
        let built = head.binders.is_empty();
        if !built {
            let first = &head.binders[0];
            self.not_yet("an array", first.name.span.to(first.index.span));
            self.model.decls[id.0 as usize].read = true;
        }
        // Inside an array its binders are names.
        for binder in &head.binders {
            self.unknown(&binder.name);
        }
        built
    }

    fn range(&mut self, range: Option<&'a ast::Range>) -> Option<(ExprId, ExprId)> {
        range.map(|r| (self.expr(&r.low), self.expr(&r.high)))
    }

    fn function(&mut self, id: usize, params: &'a [(ast::Name, Option<ast::Type>)], body: &'a ast::Expr) {
        let mut resolved: Vec<(String, Option<Annotation>)> = Vec::new();
        for (name, ty) in params {
            if resolved.iter().any(|(other, _)| *other == name.text) {
                let error = Diagnostic::new(
                    Code::E0102,
                    format!("`{}` is declared twice", name.text),
                    name.span,
                    "two arguments have this name",
                )
                .help("give one of them another name");
                self.report(error);
            }
            let ty = self.annotation(ty.as_ref());
            resolved.push((name.text.clone(), ty));
        }
        self.locals = resolved.iter().map(|(n, _)| n.clone()).collect();
        self.calls.clear();
        let body = self.expr(body);
        self.locals.clear();
        let function = &mut self.model.fns[id];
        (function.params, function.body, function.calls) = (resolved, body, std::mem::take(&mut self.calls));
    }

    fn clock(&mut self, time: &'a ast::Time, span: Span) {
        if let Some(using) = &time.using
            && using.text != "euler"
        {
            if ["rk2", "rk4"].contains(&using.text.as_str()) {
                self.not_yet(&format!("`using {}`", using.text), using.span);
            } else {
                let error =
                    Diagnostic::new(Code::E0504, format!("there is no integrator `{}`", using.text), using.span, "")
                        .help("the integrators are `euler`, `rk2` and `rk4`");
                self.report(error);
            }
        }
        if let Some(date) = &time.starting
            && self.date(&date.text, date.span)
        {
            self.not_yet("a clock that starts at a date", date.span);
        }
        let (from, to) = (self.expr(&time.from), self.expr(&time.to));
        let step = time.step.as_ref().map(|e| self.expr(e));
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
        self.model.clock = Some(Clock { unit, unit_span: time.unit.span, from, to, step, span });
    }

    fn setting(&mut self, setting: &'a Setting) {
        match setting {
            Setting::Clock { part, value } => {
                let value = self.expr(value);
                let Some(clock) = &mut self.model.clock else { return };
                match part {
                    ClockPart::Start => clock.from = value,
                    ClockPart::Stop => clock.to = value,
                    _ => clock.step = Some(value),
                }
            }
            Setting::Value { name, value } => {
                let value = self.expr(value);
                let found = match self.names.get(&name.text).map(|e| e.meaning) {
                    Some(Meaning::Decl(id)) => Some(id),
                    // It stands in what could not be read, and that has been said.
                    Some(Meaning::Unknown) => return,
                    _ => None,
                };
                match found.map(|id| &mut self.model.decls[id.0 as usize].kind) {
                    Some(DeclKind::Param { set: Some(_), .. } | DeclKind::Stock { set: Some(_), .. }) => {
                        let error = Diagnostic::new(
                            Code::E0801,
                            format!("`{}` is set twice", name.text),
                            name.span,
                            "and again here",
                        )
                        .help("set it once");
                        self.report(error);
                    }
                    Some(DeclKind::Param { set, .. } | DeclKind::Stock { set, .. }) => *set = Some(value),
                    Some(DeclKind::Unknown) => {}
                    Some(_) => {
                        let word = found.map_or("name", |id| self.model.decl(id).word);
                        let error = Diagnostic::new(
                            Code::E0801,
                            format!("`{}` is a {word}, and is worked out by the model", name.text),
                            name.span,
                            "only params and the openings of stocks can be set",
                        )
                        .help("make it a `param` to set it from outside");
                        self.report(error);
                    }
                    None => {
                        let compare = self.may_compare();
                        let known: Vec<&str> = self
                            .model
                            .decls
                            .iter()
                            .filter(|d| matches!(d.kind, DeclKind::Param { .. } | DeclKind::Stock { .. }))
                            .map(|d| d.name.as_str())
                            .collect();
                        let meant = if compare { did_you_mean(&name.text, known.iter().copied()) } else { None };
                        let error = Diagnostic::new(
                            Code::E0801,
                            format!("the model has nothing to set called `{}`", name.text),
                            name.span,
                            "no param and no stock has this name",
                        );
                        let help = match meant {
                            Some(meant) => format!("did you mean `{meant}`?"),
                            None if known.is_empty() => "the model has no params".into(),
                            None => format!("it has: {}", known.join(", ")),
                        };
                        self.report(error.help(help));
                    }
                }
            }
        }
    }
}

/// A name as it is written: between backticks where it is no plain word.
pub(super) fn quoted(name: &str) -> String {
    let plain = name.chars().all(|c| c == '_' || c.is_alphanumeric());
    if plain { name.to_string() } else { format!("`{name}`") }
}

/// Whether a word can be a unit: clause words would be taken for the clause.
pub(super) fn may_name_a_unit(name: &str) -> bool {
    !CLAUSES.contains(&name)
}
