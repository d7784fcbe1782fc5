//! What lives may be gone, or not there at all: references, populations of nobody, and what only an index can be.
//!
//! A member that a comprehension goes through lives, and so does one that was found in this instant; one that was kept (a
//! trait, a state) may have retired since. Where nothing retires, nothing of this is asked. Absent on purpose: what births
//! and deaths move (see `births`).

use super::Facts;
use super::constant::constant;
use crate::diag::{Code, Diagnostic};
use crate::hir::{
    Decl, DeclId, DeclKind, EntityId, ExprId, ExprKind, FnId, Members, Method, Model, Place, PlaceKind, Rule,
    SpawnKind, Timing, Trait,
};
use crate::source::{SourceMap, Span};

use super::Ty;

pub(super) fn check(model: &Model, sources: &SourceMap, facts: &Facts, diagnostics: &mut Vec<Diagnostic>) {
    if model.entities.is_empty() {
        return;
    }
    method(model, diagnostics);
    outside(model, sources, diagnostics);
    openings(model, sources, diagnostics);
    let (mut lasting, mut told) = (Lasting::new(model, facts), vec![false; model.exprs.len()]);
    for (i, expr) in model.exprs.iter().enumerate() {
        let ExprKind::Element { decl, at, otherwise: None } = &expr.kind else { continue };
        let (Some(entity), Some(member)) = (model.decl(*decl).entity, at.first()) else { continue };
        // Of a chain the first is the mistake; parts stand before what they are parts of.
        told[i] = told[member.0 as usize];
        if told[i] {
            continue;
        }
        let birth = lasting.births[i];
        if let Some(gone) = lasting.gone(*member, (entity, birth)) {
            told[i] = true;
            diagnostics.push(no_such_value(model, sources, facts, (entity, *decl, gone), at, expr.span));
        }
    }
    for (place, other, what) in places(model) {
        let (PlaceKind::Decl(stock), Some(member)) = (place.kind, place.at.first()) else { continue };
        let (Some(entity), None) = (model.decl(stock).entity, &place.otherwise) else { continue };
        let birth = match what {
            End::Opening(id) => model.decl(id).entity,
            _ => None,
        };
        if let Some(gone) = lasting.gone(*member, (entity, birth)) {
            diagnostics.push(no_such_end(model, sources, facts, (entity, stock, gone), (place, other), what));
        }
    }
}

/// Why there may be no member where a reference is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gone {
    /// It was kept, and may have retired.
    Retired,
    /// It was looked for, and there may be nobody.
    Nobody,
}

/// Whether somebody of a population is alive in every row of every run.
fn never_empty(model: &Model, facts: &Facts, entity: EntityId) -> bool {
    let one = num_rational::BigRational::from_integer(1.into());
    let at_least_one = |count: ExprId| {
        let least = match model.expr(count).kind {
            ExprKind::Decl(id) => match model.decl(id).kind {
                DeclKind::Param { range: Some((low, _)), .. } => constant(facts, low),
                _ => constant(facts, count),
            },
            _ => constant(facts, count),
        };
        least.is_some_and(|n| n >= one)
    };
    let first = |s: &crate::hir::Spawn| s.entity == entity && matches!(s.how, SpawnKind::Initially);
    !model.is_mortal(entity) && model.spawns.iter().any(|s| first(s) && at_least_one(s.count))
}

/// The entities of which somebody lives where an expression is worked out, by [`ExprId`]: that of a member inside which it stands,
/// and those through which a comprehension around it goes.
pub(super) fn in_life(model: &Model) -> Vec<Vec<EntityId>> {
    let mut life = vec![Vec::new(); model.exprs.len()];
    let mut mark = |parts: Vec<ExprId>, entity: EntityId| {
        let mut stack = parts;
        while let Some(e) = stack.pop() {
            let known: &mut Vec<EntityId> = &mut life[e.0 as usize];
            // What stands in it has been met.
            if !known.contains(&entity) {
                known.push(entity);
                stack.extend(model.children(e));
            }
        }
    };
    for expr in &model.exprs {
        let ExprKind::Aggregate(a) = &expr.kind else { continue };
        for (i, binder) in a.binders.iter().enumerate() {
            if let Members::Living(entity) = model.index(model.binder(*binder).index).members {
                let behind = a.binders[i..].iter().filter_map(|b| model.binder(*b).filter);
                mark(behind.chain([a.value]).collect(), entity);
            }
        }
    }
    for decl in &model.decls {
        let Some(entity) = decl.entity else { continue };
        mark(
            match &decl.kind {
                DeclKind::Let { value } | DeclKind::Update { value, .. } => vec![*value],
                DeclKind::State { rule: Some(Rule::Next { value, .. } | Rule::Rate(value)), .. } => vec![*value],
                DeclKind::Draw(draw) => draw.dist.args.clone(),
                DeclKind::Move(m) => match m.timing {
                    Timing::When { condition, .. } => m.shares().chain([m.amount, condition]).collect(),
                    _ => m.shares().chain([m.amount]).collect(),
                },
                _ => Vec::new(),
            },
            entity,
        );
    }
    model.retires.iter().for_each(|r| mark(vec![r.when], r.entity));
    model.asserts.iter().for_each(|a| a.entity.into_iter().for_each(|entity| mark(vec![a.condition], entity)));
    life
}

/// The entity at whose births each expression is worked out, by [`ExprId`].
pub(super) fn at_birth(model: &Model) -> Vec<Option<EntityId>> {
    let mut births = vec![None; model.exprs.len()];
    for decl in model.decls.iter().filter(|d| d.entity.is_some()) {
        let mut stack = opens_with(model, decl);
        while let Some(e) = stack.pop() {
            births[e.0 as usize] = decl.entity;
            stack.extend(model.children(e));
        }
    }
    births
}

/// What the first value of something is worked out from.
pub(super) fn opens_with(model: &Model, decl: &Decl) -> Vec<ExprId> {
    match &decl.kind {
        DeclKind::Trait(of) => of.parts(model),
        DeclKind::Stock { opening, set, .. } => vec![set.unwrap_or(*opening)],
        DeclKind::State { initial, .. } => vec![*initial],
        _ => Vec::new(),
    }
}

/// Finds out which references may name nobody.
struct Lasting<'a> {
    model: &'a Model,
    facts: &'a Facts,
    births: Vec<Option<EntityId>>,
    life: Vec<Vec<EntityId>>,
    /// The arguments that each function is called with.
    calls: Vec<Vec<Vec<ExprId>>>,
    /// The function that each expression stands in.
    functions: Vec<Option<FnId>>,
    /// What is being looked at: whoever comes back to it learns nothing new.
    open: Vec<ExprId>,
}

impl<'a> Lasting<'a> {
    fn new(model: &'a Model, facts: &'a Facts) -> Self {
        let mut calls = vec![Vec::new(); model.fns.len()];
        for expr in &model.exprs {
            if let ExprKind::Call(id, args) = &expr.kind {
                calls[id.0 as usize].push(args.clone());
            }
        }
        let mut functions = vec![None; model.exprs.len()];
        for (i, function) in model.fns.iter().enumerate() {
            let mut stack = vec![function.body];
            while let Some(e) = stack.pop() {
                functions[e.0 as usize] = Some(FnId(i as u32));
                stack.extend(model.children(e));
            }
        }
        Self { model, facts, births: at_birth(model), life: in_life(model), calls, functions, open: Vec::new() }
    }

    /// Whether there may be no member where an expression gives one of this entity; of a birth, the entity of the newborn.
    fn gone(&mut self, e: ExprId, of: (EntityId, Option<EntityId>)) -> Option<Gone> {
        if self.open.contains(&e) {
            return None;
        }
        self.open.push(e);
        let gone = stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.kept(e, of));
        self.open.pop();
        gone
    }

    fn kept(&mut self, e: ExprId, (entity, birth): (EntityId, Option<EntityId>)) -> Option<Gone> {
        let model = self.model;
        let kept = || model.is_mortal(entity).then_some(Gone::Retired);
        let parts = match &model.expr(e).kind {
            ExprKind::Member(_) | ExprKind::Error => return None,
            ExprKind::Decl(id) | ExprKind::Element { decl: id, .. } => {
                let decl = model.decl(*id);
                // What a newborn has is of this instant.
                let newborn = birth.is_some() && decl.entity == birth && !model.of_another(e);
                match &decl.kind {
                    DeclKind::Let { value } => vec![*value],
                    DeclKind::Policy { options, .. } => options.iter().map(|(.., e)| *e).collect(),
                    DeclKind::Trait(of) if newborn => match &**of {
                        Trait::Formula(value) => vec![*value],
                        _ => return None,
                    },
                    DeclKind::State { initial, .. } if newborn => vec![*initial],
                    DeclKind::Unknown => return None,
                    _ => return kept(),
                }
            }
            // Who is found among the living lives.
            ExprKind::Aggregate(a) => match a.otherwise {
                Some(otherwise) => vec![otherwise],
                None => {
                    return may_be_nobody(self.model, self.facts, (&self.births, &self.life), e).map(|_| Gone::Nobody);
                }
            },
            ExprKind::If(_, a, b) => vec![*a, *b],
            ExprKind::Match { arms, otherwise, .. } => arms.iter().map(|(_, e)| *e).chain(*otherwise).collect(),
            ExprKind::Local(n) => {
                let Some(function) = self.functions[e.0 as usize] else { return kept() };
                let calls = &self.calls[function.0 as usize];
                calls.iter().filter_map(|args| args.get(*n).copied()).collect()
            }
            ExprKind::Call(id, _) => vec![model.function(*id).body],
            _ => return kept(),
        };
        parts.into_iter().find_map(|e| self.gone(e, (entity, birth)))
    }
}

/// Where an aggregate over members that live may be left with nobody: of which entity.
pub(super) fn may_be_nobody(
    model: &Model,
    facts: &Facts,
    (births, life): (&[Option<EntityId>], &[Vec<EntityId>]),
    e: ExprId,
) -> Option<EntityId> {
    let ExprKind::Aggregate(a) = &model.expr(e).kind else { return None };
    let filtered = a.binders.iter().any(|b| model.binder(*b).filter.is_some());
    let entities = a.binders.iter().filter_map(|b| match model.index(model.binder(*b).index).members {
        Members::Living(entity) => Some(entity),
        _ => None,
    });
    // Among a member's own kind there is the member itself, once it is born.
    let peopled = |entity: EntityId| {
        let i = e.0 as usize;
        life[i].contains(&entity) || births[i].is_none() && never_empty(model, facts, entity)
    };
    entities.into_iter().find(|entity| filtered || !peopled(*entity))
}

fn no_such_value(
    model: &Model,
    sources: &SourceMap,
    facts: &Facts,
    (entity, decl, gone): (EntityId, DeclId, Gone),
    at: &[ExprId],
    span: Span,
) -> Diagnostic {
    let name = &model.entities[entity.0 as usize].name;
    let who = sources.text(model.expr(at[0]).span);
    let attribute = short(model, decl);
    let subscripts: Vec<&str> = at.iter().map(|e| sources.text(model.expr(*e).span)).collect();
    let fact = match gone {
        Gone::Retired => format!("`{who}` may have retired when its `{attribute}` is read"),
        Gone::Nobody => format!("`{who}` may be nobody when its `{attribute}` is read"),
    };
    let error = why(model, entity, gone, Diagnostic::new(Code::E0714, fact, span, label_of(name, gone)));
    let then = match &facts.decl(decl).ty {
        Ty::Bool => "false".to_string(),
        Ty::Label(index) => match &model.index(*index).members {
            Members::Labels(labels) if !labels.is_empty() => labels[0].0.clone(),
            Members::Numbers { first, .. } => first.to_string(),
            _ => return error.help("keep what is wanted of it in a state or trait of the one that reads it"),
        },
        _ => "0".into(),
    };
    let read = format!("{name}.{attribute}[{} else {then}]", subscripts.join(", "));
    error.help(format!("say what it is then: `{read}`")).fix(span, read)
}

fn label_of(name: &str, gone: Gone) -> String {
    match gone {
        Gone::Retired => format!("a reference is kept, and {} may be gone by then", one(name)),
        Gone::Nobody => format!("it is looked for, and there may be no {name} to be found"),
    }
}

/// How it comes that there is no such member.
fn why(model: &Model, entity: EntityId, gone: Gone, error: Diagnostic) -> Diagnostic {
    match model.retires.iter().find(|r| r.entity == entity && gone == Gone::Retired) {
        Some(retire) => error.label(retire.span, "this is how they go"),
        None => error,
    }
}

/// The name of an entity as that of one of its members: `a Product`, `an Aggregator`.
pub(super) fn one(name: &str) -> String {
    let vowel = name.starts_with(['A', 'E', 'I', 'O', 'a', 'e', 'i', 'o']);
    format!("{} {name}", if vowel { "an" } else { "a" })
}

/// Where a place stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Source,
    Target,
    /// One of several.
    Part,
    /// A newborn's stock is filled from there.
    Opening(DeclId),
}

/// All places with, if there is one, the other end, and what they are.
fn places(model: &Model) -> Vec<(&Place, Option<&Place>, End)> {
    let mut all = Vec::new();
    for (_, _, m) in model.moves() {
        all.push((&m.from, m.target(), if m.two_way { End::Target } else { End::Source }));
        let end = if m.is_split() { End::Part } else { End::Target };
        all.extend(m.to.iter().map(|part| (&part.place, Some(&m.from), end)));
    }
    for (from, to, _) in model.retires.iter().flat_map(|r| &r.routes) {
        let end = if to.len() > 1 { End::Part } else { End::Target };
        all.extend(to.iter().map(|part| (&part.place, Some(from), end)));
    }
    for (id, decl) in model.decls() {
        if let DeclKind::Stock { from: Some(from), .. } = &decl.kind {
            all.push((from, None, End::Opening(id)));
        }
    }
    all
}

fn no_such_end(
    model: &Model,
    sources: &SourceMap,
    facts: &Facts,
    (entity, stock, gone): (EntityId, DeclId, Gone),
    (place, other): (&Place, Option<&Place>),
    what: End,
) -> Diagnostic {
    let name = &model.entities[entity.0 as usize].name;
    let who = sources.text(model.expr(place.at[0]).span);
    let may = if gone == Gone::Retired { "have retired" } else { "be nobody" };
    let fact = match what {
        End::Target | End::Part => format!("`{who}` may {may} when something flows to it"),
        _ => format!("`{who}` may {may} when something is taken from it"),
    };
    let error = why(model, entity, gone, Diagnostic::new(Code::E0714, fact, place.span, label_of(name, gone)));
    let text = sources.text(place.span);
    let instead = model.decls().find(|(id, d)| {
        let taken = other.is_some_and(|o| o.kind == PlaceKind::Decl(*id));
        let stock_of_all = matches!(d.kind, DeclKind::Stock { .. }) && d.axes.is_empty();
        stock_of_all && !taken && facts.decl(*id).ty == facts.decl(stock).ty
    });
    match (what, instead) {
        (End::Target, Some((_, other))) => error.help(format!("say where it goes then: `{text} else {}`", other.name)),
        (End::Part, _) => error.help(format!(
            "give it a flow of its own, which can say where it goes then: `-> {text} else {}`",
            instead.map_or("cloud", |(_, d)| d.name.as_str())
        )),
        (End::Target, None) => error.help(format!("say where it goes then: `{text} else cloud`, or name a stock")),
        _ => error.help(format!(
            "let it be given, not taken: write the flow inside `{name}`, where the source is the member's own"
        )),
    }
}

/// The name of an attribute inside its entity.
pub(super) fn short(model: &Model, decl: DeclId) -> &str {
    let decl = model.decl(decl);
    let entity = decl.entity.map(|e| &model.entities[e.0 as usize].name);
    entity.and_then(|e| decl.name.strip_prefix(e.as_str())?.strip_prefix('.')).unwrap_or(&decl.name)
}

/// Populations step by Euler's method.
fn method(model: &Model, diagnostics: &mut Vec<Diagnostic>) {
    let Some((method @ (Method::Rk2 | Method::Rk4), Some(span))) = model.clock.as_ref().map(|c| c.method) else {
        return;
    };
    let entity = &model.entities[0];
    diagnostics.push(
        Diagnostic::new(
            Code::E0716,
            format!("`{}` is for what is smooth, and members of `{}` come and go", method.name(), entity.name),
            span,
            "it looks ahead within a step",
        )
        .label(entity.span, "these are born and retire between steps")
        .help("write `using euler`, with a shorter step where that is too coarse"),
    );
}

/// Arrays over living members stand inside their entity, and nowhere else.
fn outside(model: &Model, sources: &SourceMap, diagnostics: &mut Vec<Diagnostic>) {
    for (_, decl) in model.decls() {
        let own = usize::from(decl.entity.is_some());
        let leg = matches!(&decl.kind, DeclKind::Move(m) if m.trade.is_some());
        let living = decl.axes.iter().skip(own).map(|b| model.binder(*b).index).find(|i| model.lives(*i));
        let Some(index) = living.filter(|_| !leg && decl.like.is_none()) else { continue };
        let name = &model.index(index).name;
        let error = Diagnostic::new(
            Code::E0717,
            format!("`{}` would have a value for each member of `{name}`, which are born and retire", decl.name),
            decl.span,
            format!("this {} stands outside `entity {name}`", decl.word),
        );
        let text = sources.text(decl.span);
        diagnostics.push(match (&decl.kind, decl.entity) {
            (DeclKind::Metric { .. }, _) => {
                error.help(format!("ask of all of them: `metric {text} = final(sum(… for p in {name}))`"))
            }
            (_, Some(_)) => error.help(
                "what two members have between them is not built yet; keep a reference, or an attribute of one of them",
            ),
            (DeclKind::Param { .. }, None) => {
                error.help(format!("a member is born with it: `trait {text} = …` inside `entity {name} {{ … }}`"))
            }
            _ => error.help(format!("write it inside `entity {name} {{ … }}`, as `{} {text} …`", decl.word)),
        });
    }
}

/// The model opens before anybody is born.
fn openings(model: &Model, sources: &SourceMap, diagnostics: &mut Vec<Diagnostic>) {
    let mut reads = vec![None; model.decls.len()];
    for (_, decl) in model.decls() {
        if decl.entity.is_some() || !matches!(decl.kind, DeclKind::Stock { .. } | DeclKind::State { .. }) {
            continue;
        }
        let found = opens_with(model, decl).into_iter().find_map(|e| population_in(model, e, &mut reads));
        let Some(e) = found else { continue };
        let text = sources.text(model.expr(e).span);
        let when = match decl.word {
            "stock" => "its flows read what is there by then",
            _ => "its `next` or `update` reads what is there by then",
        };
        diagnostics.push(
            Diagnostic::new(
                Code::E0711,
                format!("`{}` opens before anybody is born", decl.name),
                model.expr(e).span,
                format!("`{text}` is known when the first members are there"),
            )
            .help(format!("open it with a number or param; {when}")),
        );
    }
}

/// The part of an expression that reads a population, itself or through lets.
fn population_in(model: &Model, e: ExprId, known: &mut Vec<Option<bool>>) -> Option<ExprId> {
    let mut found = None;
    model.reads(e, |e, kind| {
        let living = match kind {
            ExprKind::Aggregate(a) => a.binders.iter().any(|b| model.lives(model.binder(*b).index)),
            ExprKind::Decl(id) | ExprKind::Element { decl: id, .. } => reads_population(model, *id, known),
            _ => false,
        };
        if living && found.is_none() {
            found = Some(e);
        }
        if living { crate::hir::Descend::Stop } else { crate::hir::Descend::Into }
    });
    found
}

fn reads_population(model: &Model, id: DeclId, known: &mut Vec<Option<bool>>) -> bool {
    if let Some(known) = known[id.0 as usize] {
        return known;
    }
    // What comes back to itself is found elsewhere.
    known[id.0 as usize] = Some(false);
    let decl = model.decl(id);
    let value = match &decl.kind {
        _ if decl.entity.is_some() => true,
        DeclKind::Population(_) => true,
        DeclKind::Let { value } => population_in(model, *value, known).is_some(),
        DeclKind::Policy { options, .. } => options.iter().any(|(.., e)| population_in(model, *e, known).is_some()),
        _ => false,
    };
    known[id.0 as usize] = Some(value);
    value
}
