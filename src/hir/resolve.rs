//! From syntax to meaning: declarations.
//!
//! In: the prelude's and the model's trees, and settings. Out: the [`Model`] and what is wrong with its names.
//! Names are collected from all files first, so that order never matters; then each declaration is resolved.

use std::collections::BTreeMap;

use super::*;
use crate::diag::{Code, Diagnostic};
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
        /// The one member that is set, if it is not the whole.
        at: Vec<ast::Expr>,
        /// The value.
        value: ast::Expr,
    },
    /// `--scenario name`.
    Scenario(ast::Name),
    /// `-e name`, `--sweep` and their like.
    Experiment(Asked),
    /// `--where "Product: popularity < 10%"`.
    Only {
        /// The entity.
        entity: ast::Name,
        /// Of a member.
        condition: ast::Expr,
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
    Index(IndexId),
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

/// What a name with parentheses stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Callable {
    Function(FnId),
    Curve(CurveId),
    /// Declared where nothing could be read.
    Unknown,
}

/// A declaration, and the phase that it stands in.
#[derive(Clone, Copy)]
struct Placed<'a> {
    item: &'a ast::Item,
    phase: Option<&'a ast::Name>,
    entity: Option<EntityId>,
}

/// The head of a declaration: the members that it is over.
#[derive(Clone, Copy)]
pub(super) enum Head<'a> {
    Written(&'a ast::Head),
    /// A metric without members of its own may have those of what it looks at.
    Metric(&'a ast::Head, &'a ast::Expr),
    Column(IndexId),
    /// Without members.
    One,
    /// Of a leg: its trade.
    Leg(DeclId),
}

/// The type and the first right side of a declaration, as written.
pub(super) type Written<'a> = (Option<&'a ast::Type>, Option<&'a ast::Expr>);

pub(super) struct Resolver<'a> {
    pub model: Model,
    pub sources: &'a SourceMap,
    /// What may be declared where nothing could be read: it is not reported as missing.
    pub incomplete: Incomplete,
    pub diagnostics: Vec<Diagnostic>,
    /// Units and values: one namespace.
    pub names: BTreeMap<String, Entry>,
    pub functions: BTreeMap<String, (Callable, Span, bool)>,
    /// What files say, and what is wrong with it.
    pub tables: &'a Tables,
    pub misfits: Vec<Misfit>,
    /// All indexes as written, and where each label is a label.
    pub indexes: Vec<super::index::Written<'a>>,
    pub labels: BTreeMap<String, Vec<(IndexId, u32)>>,
    /// By [`DeclId`].
    pub heads: Vec<Head<'a>>,
    pub written: Vec<Written<'a>>,
    /// The arguments of functions as written, by [`FnId`].
    pub fn_types: Vec<&'a [(ast::Name, Option<ast::Type>)]>,
    /// The names of members at this place, the innermost last.
    pub scope: Vec<(String, BinderId)>,
    /// An array whose bare name stands for the value of these members.
    pub spread: Option<(DeclId, Vec<BinderId>)>,
    /// The clock's date is wrong, and that has been said.
    pub bad_start: bool,
    /// There are phases: what moves stands in one.
    pub phased: bool,
    /// The phases that are opened, in the order of the text.
    pub opened_phases: Vec<String>,
    /// The transfers of several legs, with their legs.
    pub trades: BTreeMap<DeclId, Vec<DeclId>>,
    /// Assumptions as written, until all that they may be about is known.
    pub assumptions: Vec<&'a ast::Decl>,
    /// Scenarios as written, until all that they may set is known.
    pub scenarios: Vec<(&'a ast::Name, &'a [ast::Setting])>,
    /// Experiments as written, until all that they may sweep and compare is known.
    pub experiments: Vec<(&'a ast::Name, &'a [ast::ExperimentItem])>,
    /// The arms that goals compare with.
    pub arms: Vec<&'a ast::Name>,
    /// The members that scenarios set.
    pub scenario_members: Vec<(DeclId, Vec<u32>, Span)>,
    /// What has been set so far from where settings come from at hand.
    pub set_here: Vec<DeclId>,
    /// The declaration at hand, and the last in which an array was used as one value.
    pub item: Span,
    pub bare_in: Option<Span>,
    /// Units that are declared and not yet worked out, by name.
    pub pending: BTreeMap<String, PendingUnit<'a>>,
    /// A unit's size is being worked out.
    pub in_unit: bool,
    /// The names being declared are units.
    pub declaring_unit: bool,
    /// How many names have been compared with misspelt ones.
    pub compared: usize,
    /// The arguments of the function being resolved, and the indexes of those that are labels.
    pub locals: Vec<String>,
    pub local_types: Vec<Option<IndexId>>,
    /// The functions that it calls.
    pub calls: Vec<(FnId, Span)>,
    /// The names that each entity declares, by [`EntityId`].
    pub own_names: Vec<super::entity::Names>,
    /// The entity at hand, whose names are looked up first, and the names of the model that they hide.
    pub inside: Option<EntityId>,
    pub collecting: Option<EntityId>,
    pub hidden: Vec<(String, Option<Entry>)>,
    /// The entity among whose members a trait picks.
    pub picks: BTreeMap<DeclId, &'a str>,
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
    tables: &Tables,
    incomplete: Incomplete,
    sources: &SourceMap,
) -> (Model, Vec<Diagnostic>, Vec<Misfit>) {
    let mut resolver = Resolver {
        model: Model { clock_unknown: incomplete.clock, incomplete, ..Model::default() },
        incomplete,
        sources,
        diagnostics: Vec::new(),
        names: BTreeMap::new(),
        functions: BTreeMap::new(),
        tables,
        misfits: Vec::new(),
        indexes: Vec::new(),
        labels: BTreeMap::new(),
        heads: Vec::new(),
        written: Vec::new(),
        fn_types: Vec::new(),
        scope: Vec::new(),
        spread: None,
        bad_start: false,
        phased: false,
        opened_phases: Vec::new(),
        trades: BTreeMap::new(),
        assumptions: Vec::new(),
        scenarios: Vec::new(),
        experiments: Vec::new(),
        arms: Vec::new(),
        scenario_members: Vec::new(),
        set_here: Vec::new(),
        item: Span::default(),
        bare_in: None,
        pending: BTreeMap::new(),
        in_unit: false,
        declaring_unit: false,
        compared: 0,
        locals: Vec::new(),
        local_types: Vec::new(),
        calls: Vec::new(),
        own_names: Vec::new(),
        inside: None,
        collecting: None,
        hidden: Vec::new(),
        picks: BTreeMap::new(),
    };
    // The prelude is settled before the model's names can replace its.
    let mut placed = [Vec::new(), Vec::new()];
    let mut entities = 0;
    for input in inputs {
        flatten(&input.file.items, (None, None), &mut entities, &mut placed[usize::from(!input.prelude)]);
    }
    let [prelude, own] = placed;
    resolver.phases(own.iter().map(|p| p.item));
    for input in inputs {
        if resolver.model.doc.is_empty() && !input.prelude {
            resolver.model.doc.clone_from(&input.file.doc);
        }
        for name in input.broken {
            let entry = Entry { meaning: Meaning::Unknown, span: name.span, prelude: true };
            resolver.names.entry(name.text.clone()).or_insert(entry);
            resolver.functions.entry(name.text.clone()).or_insert((Callable::Unknown, name.span, true));
        }
    }
    for (items, prelude) in [(&prelude, true), (&own, false)] {
        for placed in items {
            let first = resolver.model.decls.len();
            resolver.collecting = placed.entity;
            resolver.collect(placed.item, prelude);
            resolver.collecting = None;
            let phase = placed.phase.map(|name| resolver.phase_named(name).unwrap_or(0));
            resolver.model.decls[first..].iter_mut().for_each(|d| d.phase = phase);
        }
        resolver.finish_units();
    }
    resolver.finish_indexes();
    resolver.finish_heads();
    // Dates hang on the clock, wherever it stands.
    for Placed { item, .. } in prelude.iter().chain(&own) {
        if let ast::Decl::Time(time) = &item.decl {
            resolver.clock(time, item.span);
        }
    }
    // The ids were given in the order of the items: the same walk meets them again.
    let mut next = Next::default();
    for placed in prelude.iter().chain(&own) {
        resolver.stand_in(placed.entity);
        resolver.placed(placed.item, placed.phase);
        resolver.item(placed.item, &mut next);
    }
    resolver.stand_in(None);
    for decl in std::mem::take(&mut resolver.assumptions) {
        resolver.assumption(decl);
    }
    resolver.settings(settings);
    let members = std::mem::take(&mut resolver.scenario_members);
    resolver.model.set_members.extend(members);
    (resolver.model, resolver.diagnostics, resolver.misfits)
}

/// All declarations, those inside phases and entities behind them. Entities are numbered as they are met.
fn flatten<'a>(
    items: &'a [ast::Item],
    (phase, entity): (Option<&'a ast::Name>, Option<EntityId>),
    entities: &mut u32,
    out: &mut Vec<Placed<'a>>,
) {
    for item in items {
        out.push(Placed { item, phase, entity });
        match &item.decl {
            ast::Decl::Phase { name, items } => flatten(items, (Some(name), entity), entities, out),
            ast::Decl::Entity { items, .. } => {
                let inner = EntityId(*entities);
                *entities += 1;
                flatten(items, (phase, Some(inner)), entities, out);
            }
            _ => {}
        }
    }
}

#[derive(Default)]
struct Next {
    decl: usize,
    function: usize,
    curve: usize,
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
        if let (Some(entity), Meaning::Decl(_)) = (self.collecting, meaning) {
            let own = &mut self.own_names[entity.0 as usize];
            if let Some(old) = own.get(&name.text).copied() {
                let error = Diagnostic::new(
                    Code::E0102,
                    format!("`{}` is declared twice", name.text),
                    name.span,
                    "declared again here",
                )
                .label(old.span, "first declared here")
                .help("give one of them another name");
                return self.report(error);
            }
            own.insert(name.text.clone(), entry);
            return;
        }
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
        let (head, word, written): (&ast::Head, _, Written) = match &item.decl {
            Unit { names, value, aliases } => return self.collect_unit(names, value.as_ref(), aliases, prelude),
            Fn { name, params, .. } => {
                let id = FnId(self.model.fns.len() as u32);
                self.declare_function(name, Callable::Function(id), prelude);
                self.fn_types.push(params);
                self.model.fns.push(Function {
                    name: name.text.clone(),
                    span: name.span,
                    params: params.iter().map(|(name, _)| (name.text.clone(), None)).collect(),
                    body: ExprId(0),
                    calls: Vec::new(),
                    read: prelude,
                });
                return;
            }
            Curve { name, param, .. } => {
                let id = CurveId(self.model.curves.len() as u32);
                self.declare_function(name, Callable::Curve(id), prelude);
                self.model.curves.push(super::Curve {
                    name: name.text.clone(),
                    span: name.span,
                    argument: (param.0.text.clone(), None),
                    ty: None,
                    points: Vec::new(),
                    ends: crate::builtins::Ends::Clamp,
                    read: prelude,
                });
                return;
            }
            Index(index) => return self.collect_index(index, &item.doc, item.span, prelude),
            Param { head, ty, default, .. } => (head, "param", (ty.as_ref(), default.as_ref())),
            Let { head, ty, value } => (head, "let", (ty.as_ref(), Some(value))),
            State { head, ty, initial, .. } => (head, "state", (ty.as_ref(), Some(initial))),
            Stock { head, ty, opening, .. } => (head, "stock", (Some(ty), Some(opening))),
            Flow { head, leg, .. } => (head, "flow", (None, Some(&leg.amount))),
            Transfer { head, legs, grouped, .. } => {
                if *grouped {
                    return self.collect_trade(head, legs, item, prelude);
                }
                (head, "transfer", (None, None))
            }
            Policy { head, ty, options } => (head, "policy", (ty.as_ref(), options.first().map(|o| &o.value))),
            Update { head, value } => (head, "update", (None, Some(value))),
            Metric { head, ty, value, .. } => (head, "metric", (ty.as_ref(), Some(value))),
            Series { head, ty, .. } => (head, "series", (Some(ty), None)),
            Draw { head, ty, .. } => (head, "draw", (ty.as_ref(), None)),
            Expect { value, .. } => return self.collect_expect(value, item),
            Conveyor { head, .. } => {
                return self.declare(&head.name, Meaning::Unknown, prelude);
            }
            Entity { name, .. } => {
                self.collecting = None;
                return self.collect_entity(name, item.span, &item.doc, prelude);
            }
            Trait { head, ty, value } => {
                let formula = match value {
                    ast::TraitValue::Expr(e) => Some(e),
                    ast::TraitValue::Dist(_) => None,
                };
                (head, "trait", (ty.as_ref(), formula))
            }
            _ => return,
        };
        let id = self.new_decl(word, &head.name, item.span, &item.doc);
        self.model.decls[id.0 as usize].read = prelude;
        self.heads.push(match &item.decl {
            Metric { value, .. } if head.binders.is_empty() => Head::Metric(head, value),
            _ => Head::Written(head),
        });
        self.written[id.0 as usize] = written;
        if let Trait { value: ast::TraitValue::Dist(dist), .. } = &item.decl
            && dist.name.text == "pick"
            && let Some(binder) = dist.args.first().and_then(|a| a.binders.first())
        {
            self.picks.insert(id, &binder.index.text);
        }
        // An update has the name of its state.
        if word == "update" {
            return;
        }
        self.declare(&head.name, Meaning::Decl(id), prelude);
    }

    pub(super) fn new_decl(&mut self, word: &'static str, name: &ast::Name, whole: Span, doc: &str) -> DeclId {
        // What is no member's own has been reported as standing in the wrong place.
        let own = matches!(word, "let" | "state" | "stock" | "flow" | "transfer" | "draw" | "trait" | "update");
        let entity = self.collecting.filter(|_| own);
        let id = DeclId(self.model.decls.len() as u32);
        let name_of = |e: EntityId| format!("{}.{}", self.model.entities[e.0 as usize].name, name.text);
        let full = entity.map_or_else(|| name.text.clone(), name_of);
        if let Some(entity) = entity {
            self.model.entities[entity.0 as usize].decls.push(id);
        }
        self.model.decls.push(Decl {
            entity,
            word,
            name: full,
            span: name.span,
            whole,
            doc: doc.to_string(),
            ty: None,
            axes: Vec::new(),
            like: None,
            phase: None,
            kind: DeclKind::Unknown,
            read: false,
        });
        self.written.push((None, None));
        id
    }

    fn declare_function(&mut self, name: &ast::Name, callable: Callable, prelude: bool) {
        match self.functions.get(&name.text) {
            Some((_, first, false)) if !prelude => {
                let error = Diagnostic::new(
                    Code::E0102,
                    format!("the function `{}` is declared twice", name.text),
                    name.span,
                    "declared again here",
                )
                .label(*first, "first declared here")
                .help("give one of them another name");
                self.report(error);
            }
            _ => {
                self.functions.insert(name.text.clone(), (callable, name.span, prelude));
            }
        }
    }

    /// Between the walks: which members each declaration is over.
    fn finish_heads(&mut self) {
        for (i, head) in self.heads.clone().into_iter().enumerate() {
            let axes = match head {
                Head::One => Vec::new(),
                Head::Leg(trade) => self.model.decl(trade).axes.clone(),
                Head::Column(index) => {
                    let name = self.model.index(index).name.clone();
                    let letter: String = name.chars().take(1).flat_map(char::to_lowercase).collect();
                    vec![self.new_binder(&letter, index)]
                }
                Head::Written(head) | Head::Metric(head, _) => {
                    let mut axes: Vec<BinderId> = Vec::new();
                    for (n, binder) in head.binders.iter().enumerate() {
                        if let Some(first) = head.binders[..n].iter().find(|b| b.name.text == binder.name.text) {
                            let error = Diagnostic::new(
                                Code::E0102,
                                format!("`{}` stands for two members", binder.name.text),
                                binder.name.span,
                                "and again here",
                            )
                            .label(first.name.span, "here")
                            .help("give one of them another name");
                            self.report(error);
                        }
                        axes.push(self.binder(binder));
                    }
                    // Of an entity, each member has it.
                    let me = self.model.decls[i].entity.map(|e| self.model.entities[e.0 as usize].me);
                    me.into_iter().chain(axes).collect()
                }
            };
            self.model.decls[i].axes = axes;
        }
        for (i, head) in self.heads.clone().into_iter().enumerate() {
            if let Head::Metric(_, value) = head
                && matches!(value.kind, ast::ExprKind::Call { .. })
                && let Some(like) = self.array_in(value)
            {
                let axes = self.members_of(like, 0);
                self.model.decls[i].axes = axes;
                self.model.decls[i].like = Some(like);
            }
        }
    }

    /// A name inside something that is not built yet.
    pub(super) fn unknown(&mut self, name: &ast::Name) {
        let entry = Entry { meaning: Meaning::Unknown, span: name.span, prelude: true };
        self.names.entry(name.text.clone()).or_insert(entry);
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
        self.item = item.span;
        let keyword = self.keyword(item);
        match self.inside {
            Some(entity) => {
                self.belongs_outside(item, entity);
            }
            None => self.belongs_inside(item),
        }
        let what = match &item.decl {
            Use(_) | Unit { .. } | Time(_) | Phases(_) | Phase { .. } => return,
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
                return self.model.asserts.push(super::Assert { entity: self.inside, condition, span: item.span });
            }
            Assumption { .. } => return self.assumptions.push(&item.decl),
            Goal { .. } => return self.goal(&item.decl, item.span),
            Expect { .. } => {
                let id = self.next(next);
                return self.expect(id, &item.decl);
            }
            Scenario { name, settings } => return self.scenarios.push((name, settings)),
            Experiment { name, items } => return self.experiments.push((name, items)),
            Fn { params, body, .. } => {
                let id = next.function;
                next.function += 1;
                return self.function(id, params, body);
            }
            Curve { param, ty, points, ends, .. } => {
                let id = CurveId(next.curve as u32);
                next.curve += 1;
                return self.curve(id, (&param.0, param.1.as_ref()), ty.as_ref(), points, ends.as_ref());
            }
            Index(index) => {
                let first = DeclId(next.decl as u32);
                next.decl += self.column_count(index);
                return self.index_item(index, first);
            }
            Param { head, .. }
            | Let { head, .. }
            | State { head, .. }
            | Stock { head, .. }
            | Flow { head, .. }
            | Transfer { head, .. }
            | Metric { head, .. }
            | Policy { head, .. }
            | Update { head, .. }
            | Draw { head, .. }
            | Trait { head, .. }
            | Series { head, .. } => {
                let id = self.next(next);
                next.decl += self.trades.get(&id).map_or(0, Vec::len);
                let axes = self.open_axes(id).to_vec();
                let depth = self.scope.len();
                for (i, axis) in axes.iter().enumerate() {
                    let name = self.model.binder(*axis).name.clone();
                    self.scope.push((name, *axis));
                    if let Some(binder) = head.binders.get(i) {
                        self.filter(*axis, binder.filter.as_ref());
                    }
                }
                // The members of a metric that has none of its own are those of what it looks at: they have no names.
                if let Some(like) = self.model.decl(id).like {
                    self.scope.truncate(depth);
                    self.spread = Some((like, axes.clone()));
                }
                self.value_item(id, item, &axes, keyword);
                self.spread = None;
                self.scope.truncate(depth);
                return;
            }
            Entity { name, at_most, .. } => {
                self.next(next);
                let limit = at_most.as_ref().map(|e| self.expr(e));
                if let Some(entity) = self.index_named(&name.text).and_then(|i| self.living(i)) {
                    self.model.entities[entity.0 as usize].limit = limit;
                }
                return;
            }
            Spawn { entity, count, how } => return self.spawn(entity, count, *how, item.span),
            Retire { entity, when, routes } => return self.retire(entity, when, routes, item.span),
            Conveyor { .. } => "`conveyor`",
        };
        self.not_yet(what, keyword);
    }

    /// The word that a declaration begins with.
    pub fn keyword(&self, item: &ast::Item) -> Span {
        let length = self.sources.text(item.span).find(char::is_whitespace).unwrap_or(1);
        Span::new(item.span.start, item.span.start + length as u32)
    }

    fn next(&self, next: &mut Next) -> DeclId {
        next.decl += 1;
        DeclId(next.decl as u32 - 1)
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
