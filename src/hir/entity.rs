//! From syntax to meaning: entities, what their members are born with, and how they come and go.
//!
//! In: `entity`, `trait`, `spawn`, `retire`, and names behind a point. Out: [`Entity`], arrays over its members, [`Spawn`],
//! [`Retire`]. Invariant: inside an entity its own names come before the model's; they mean those of the member itself.
//! Absent on purpose: how many members there are, and whether one may be gone (see `check`).

use std::collections::BTreeMap;

use super::resolve::{Entry, Head, Meaning, Resolver, quoted};
use super::{
    Annotation, BinderId, DeclId, DeclKind, Entity, EntityId, ExprId, ExprKind, Index, IndexId, Members, Part, Place,
    PlaceKind, Retire, Spawn, SpawnKind, Trait,
};
use crate::diag::{Code, Diagnostic, did_you_mean};
use crate::source::Span;
use crate::syntax::ast;

/// The names that an entity declares.
pub(super) type Names = BTreeMap<String, Entry>;

impl<'a> Resolver<'a> {
    /// First walk: the entity, its index and the name of its population; what it declares follows.
    pub(super) fn collect_entity(&mut self, name: &'a ast::Name, whole: Span, doc: &str, prelude: bool) {
        let id = EntityId(self.model.entities.len() as u32);
        let index = IndexId(self.model.indexes.len() as u32);
        self.model.indexes.push(Index {
            name: name.text.clone(),
            span: name.span,
            root: index,
            members: Members::Living(id),
            read: false,
        });
        self.declare(name, Meaning::Index(index), prelude);
        let population = self.new_decl("entity", name, whole, doc);
        self.heads.push(Head::One);
        let decl = &mut self.model.decls[population.0 as usize];
        (decl.kind, decl.read) = (DeclKind::Population(id), true);
        let me = self.new_binder("", index);
        let (name, span) = (name.text.clone(), name.span);
        self.model.entities.push(Entity { name, span, whole, index, me, population, limit: None, decls: Vec::new() });
        self.own_names.push(Names::new());
    }

    /// From here on names are looked up as inside this entity, or outside of all.
    pub(super) fn stand_in(&mut self, entity: Option<EntityId>) {
        if self.inside == entity {
            return;
        }
        // The model's names come back.
        for (name, entry) in std::mem::take(&mut self.hidden) {
            match entry {
                Some(entry) => self.names.insert(name, entry),
                None => self.names.remove(&name),
            };
        }
        self.inside = entity;
        let Some(entity) = entity else { return };
        for (name, entry) in self.own_names[entity.0 as usize].clone() {
            let before = self.names.insert(name.clone(), entry);
            self.hidden.push((name, before));
        }
    }

    /// The entity that an index is of.
    pub(super) fn living(&self, index: IndexId) -> Option<EntityId> {
        match self.model.index(index).members {
            Members::Living(entity) => Some(entity),
            _ => None,
        }
    }

    /// The entity of this name.
    pub(super) fn entity_named(&mut self, name: &ast::Name) -> Option<EntityId> {
        let found = self.index_named(&name.text);
        if let Some(entity) = found.and_then(|i| self.living(i)) {
            return Some(entity);
        }
        if matches!(self.names.get(&name.text).map(|e| e.meaning), Some(Meaning::Unknown)) || self.incomplete.names {
            return None;
        }
        // Two declarations of the name have been reported.
        if let Some(at) = self.model.entities.iter().position(|e| e.name == name.text) {
            return Some(EntityId(at as u32));
        }
        let fact = match self.names.contains_key(&name.text) {
            true => format!("`{}` is no entity", name.text),
            false => format!("there is no entity `{}`", name.text),
        };
        let known: Vec<String> = self.model.entities.iter().map(|e| e.name.clone()).collect();
        let meant = did_you_mean(&name.text, known.iter().map(String::as_str));
        let error = Diagnostic::new(Code::E0701, fact, name.span, "members of an entity are born and retire");
        self.report(match meant {
            Some(meant) => error.help(format!("did you mean `{meant}`?")).fix(name.span, meant),
            // What is something else cannot be an entity, too.
            None if self.names.contains_key(&name.text) => match &known[..] {
                [] => error.help("declare who lives: `entity Seller { … }`"),
                known => error.help(format!("what lives here: {}", known.join(", "))),
            },
            None => error.help(format!("declare it: `entity {} {{ … }}`", quoted(&name.text))),
        });
        None
    }

    /// What stands in an entity and belongs outside.
    pub(super) fn belongs_outside(&mut self, item: &'a ast::Item, entity: EntityId) -> bool {
        use ast::Decl::*;
        let help = match &item.decl {
            Let { .. }
            | State { .. }
            | Stock { .. }
            | Flow { .. }
            | Transfer { .. }
            | Draw { .. }
            | Trait { .. }
            | Update { .. }
            | Phase { .. }
            | Assert(_) => return false,
            Param { head, .. } => {
                let name = &head.name.text;
                format!(
                    "a value that all members share stands outside; one that each is born with is a trait: `trait {name} = …`"
                )
            }
            Policy { .. } => "a policy decides for all: write it outside; members read it by its name".into(),
            Metric { head, .. } => {
                let name = &head.name.text;
                format!(
                    "what is asked of a run is about all members: write it outside, `metric {name} = final(sum(…))`"
                )
            }
            Goal { .. } => "what is asked of a run is about all members: write it outside".into(),
            Spawn { .. } | Retire { .. } => "write it behind the entity".into(),
            _ => "an entity holds `trait stock state let draw flow transfer assert` and phases".into(),
        };
        let keyword = self.keyword(item);
        let word = self.sources.text(keyword).to_string();
        let name = self.model.entities[entity.0 as usize].name.clone();
        let error = Diagnostic::new(
            Code::E0702,
            format!("this `{word}` stands in the entity `{name}`, and belongs outside"),
            keyword,
            "members have no such thing of their own",
        )
        .help(help);
        self.report(error);
        true
    }

    /// What stands outside of all entities and belongs into one.
    pub(super) fn belongs_inside(&mut self, item: &'a ast::Item) {
        let ast::Decl::Trait { head, value, .. } = &item.decl else { return };
        let name = quoted(&head.name.text);
        let instead = match value {
            ast::TraitValue::Expr(_) => format!("`let {name} = …` or `param {name} = …`"),
            ast::TraitValue::Dist(_) => format!("`param {name} ~ …`, drawn once in each run"),
        };
        let error = Diagnostic::new(
            Code::E0708,
            "this `trait` stands outside of all entities",
            self.keyword(item),
            "only members are born with something",
        )
        .help(format!("put it into an `entity`, or write what holds for the whole model: {instead}"));
        self.report(error);
    }

    /// `p.supply`, where `p` is a member of an entity: what it has of that name.
    pub(super) fn attribute(&mut self, base: &'a ast::Expr, field: &ast::Name, entity: EntityId) -> ExprKind {
        let member = self.expr(base);
        if field.text == "number" && !self.own_names[entity.0 as usize].contains_key("number") {
            return ExprKind::NumberOf(member);
        }
        match self.attribute_named(entity, field) {
            Some(decl) if self.model.decl(decl).axes.len() == 1 => {
                self.model.decls[decl.0 as usize].read = true;
                ExprKind::Element { decl, at: vec![member], otherwise: None }
            }
            // What a function goes through are the arrays of this member.
            Some(decl) if self.spread.as_ref().is_some_and(|(spread, _)| *spread == decl) => {
                let binders = self.spread.as_ref().map(|(_, b)| b[1..].to_vec()).unwrap_or_default();
                let rest = binders.iter().map(|b| self.add(ExprKind::Member(*b), field.span));
                let at = std::iter::once(member).chain(rest.collect::<Vec<_>>()).collect();
                self.model.decls[decl.0 as usize].read = true;
                ExprKind::Element { decl, at, otherwise: None }
            }
            Some(decl) => self.bare_array(decl, base.span.to(field.span)),
            None => ExprKind::Error,
        }
    }

    /// `p.swap.1`, `Product.swap.1`: the leg of a member's trade, where that is what stands there.
    pub(super) fn leg_of_member(&self, base: &'a ast::Expr, leg: &ast::Name) -> Option<(&'a ast::Expr, DeclId)> {
        let ast::ExprKind::Field(member, trade) = &base.kind else { return None };
        let entity = match &member.kind {
            ast::ExprKind::Name(name) if !self.scope.iter().any(|(n, _)| n == name) => {
                self.index_named(name).and_then(|i| self.living(i))
            }
            _ => None,
        };
        let entity = entity.or_else(|| self.label_type(member).and_then(|i| self.living(i)))?;
        let Meaning::Decl(id) = self.own_names[entity.0 as usize].get(&trade.text)?.meaning else { return None };
        let number: usize = leg.text.parse().ok()?;
        let leg = *self.trades.get(&id)?.get(number.checked_sub(1)?)?;
        Some((member, leg))
    }

    /// What an entity declares under this name; what it does not is reported.
    pub(super) fn attribute_named(&mut self, entity: EntityId, field: &ast::Name) -> Option<DeclId> {
        let own = &self.own_names[entity.0 as usize];
        match own.get(&field.text).map(|e| e.meaning) {
            Some(Meaning::Decl(id)) => return Some(id),
            Some(_) => return None,
            None => {}
        }
        if self.incomplete.names {
            return None;
        }
        let names: Vec<&str> = own.keys().map(String::as_str).chain(["number"]).collect();
        let name = &self.model.entities[entity.0 as usize].name;
        let error = Diagnostic::new(
            Code::E0703,
            format!("`{name}` has no attribute `{}`", field.text),
            field.span,
            format!("`{name}` declares nothing of this name"),
        );
        let meant = did_you_mean(&field.text, names.iter().copied());
        let all = names.join(", ");
        self.report(match meant {
            Some(meant) => error.help(format!("did you mean `{meant}`?")).fix(field.span, meant),
            None => error.help(format!("it has {all}")),
        });
        None
    }

    /// A name that members have, read where no member is: what is wrong, without a help.
    pub(super) fn of_members(&self, name: &str, span: Span) -> Option<(EntityId, Diagnostic)> {
        let has = |names: &Names| matches!(names.get(name).map(|e| e.meaning), Some(Meaning::Decl(_)));
        let at = match self.own_names.iter().position(has) {
            Some(at) => at,
            None if name == "number" && !self.model.entities.is_empty() => 0,
            None => return None,
        };
        let entity = &self.model.entities[at];
        let fact = match self.own_names[at].get(name) {
            Some(_) => format!("each {} has its own `{name}`", entity.name),
            None => format!("each member of an entity has its own `{name}`"),
        };
        let place = match self.own_names[at].contains_key(name) {
            true => format!("outside of `{}` it is nobody's", entity.name),
            false => "outside of entities it is nobody's".into(),
        };
        let error = Diagnostic::new(Code::E0707, fact, span, place);
        let declared = self.own_names[at].get(name).map(|e| e.span);
        let error = declared.into_iter().fold(error, |e, s| e.label(s, "each has what is declared here"));
        Some((EntityId(at as u32), error))
    }

    /// The same of a value, with what to write instead.
    pub(super) fn value_of_members(&self, name: &str, span: Span) -> Option<Diagnostic> {
        let (entity, error) = self.of_members(name, span)?;
        let of = &self.model.entities[entity.0 as usize];
        // Inside another entity somebody may refer to one of them.
        let refers = self.inside.and_then(|inside| {
            let own = self.own_names[inside.0 as usize].iter();
            let refers = |e: &Entry| match e.meaning {
                Meaning::Decl(id) => self.label_of_decl(id, super::label::MOST_NAMES) == Some(of.index),
                _ => false,
            };
            own.filter(|(_, e)| refers(e)).map(|(n, _)| quoted(n)).next()
        });
        let all = match self.own_names[entity.0 as usize].contains_key(name) {
            true => format!("{}.{}", quoted(&of.name), quoted(name)),
            false => format!("m.{name} for m in {}", quoted(&of.name)),
        };
        Some(match refers {
            Some(who) => error.help(format!(
                "that of one who is referred to is `{who}.{}`, those of all are `{all}`, as in `sum({all})`",
                quoted(name)
            )),
            None => {
                error.help(format!("say what to make of those of all: `sum({all})`; behind a point stands that of one"))
            }
        })
    }

    /// `trait quality ~ uniform(0, 1)`
    pub(super) fn trait_of(
        &mut self,
        ty: Option<&'a ast::Type>,
        value: &'a ast::TraitValue,
        axes: &[BinderId],
    ) -> (Option<Annotation>, DeclKind) {
        let ty = self.annotation(ty);
        match value {
            ast::TraitValue::Expr(e) => {
                let value = self.value(e, axes, ty.as_ref());
                (ty, DeclKind::Trait(Box::new(Trait::Formula(value))))
            }
            ast::TraitValue::Dist(dist) if dist.name.text == "pick" => match self.pick(dist) {
                Some(picked) => (ty, DeclKind::Trait(Box::new(picked))),
                None => (ty, DeclKind::Unknown),
            },
            ast::TraitValue::Dist(dist) => match self.dist(dist, axes, ty) {
                (ty, Some(dist)) => (ty, DeclKind::Trait(Box::new(Trait::Drawn(dist)))),
                (ty, None) => (ty, DeclKind::Unknown),
            },
        }
    }

    /// `pick(a for a in Aggregator where a.open, weight: a.reach)`
    fn pick(&mut self, dist: &'a ast::Dist) -> Option<Trait> {
        let (who, weight) = match &dist.args[..] {
            [who] => (who, None),
            [who, weight] if weight.name.as_ref().is_none_or(|n| n.text == "weight") => (who, Some(&weight.value)),
            _ => return self.picks_wrong(dist.span),
        };
        let ([binder], ast::ExprKind::Name(name)) = (&who.binders[..], &who.value.kind) else {
            return self.picks_wrong(dist.span);
        };
        if *name != binder.name.text || who.otherwise.is_some() || who.name.is_some() {
            return self.picks_wrong(dist.span);
        }
        let id = self.binder(binder);
        if self.living(self.model.binder(id).index).is_none() {
            if !matches!(self.model.index(self.model.binder(id).index).members, Members::Unknown) {
                let error = Diagnostic::new(
                    Code::E0704,
                    format!("`pick` finds a member of an entity, and `{}` is an index", binder.index.text),
                    binder.index.span,
                    "its members do not live",
                )
                .help("a member of an index is drawn by `categorical(odds[o] for o in Outcome)`");
                self.report(error);
            }
            return None;
        }
        let weight = self.within(&[id], |r| {
            r.filter(id, binder.filter.as_ref());
            weight.map(|e| r.expr(e))
        });
        let who = self.add(ExprKind::Member(id), who.value.span);
        Some(Trait::Pick { binder: id, who, weight })
    }

    /// `pick` where no member is born.
    pub(super) fn picks_outside(&mut self, span: Span) {
        let error = Diagnostic::new(
            Code::E0704,
            "only a trait picks a member",
            span,
            "who it is, is found once, when the one that refers to it is born",
        )
        .help(
            "write `trait owner: Seller ~ pick(s for s in Seller)` in an entity; the best in each step is `argmax(s.rating for s in Seller)`",
        );
        self.report(error);
    }

    fn picks_wrong(&mut self, span: Span) -> Option<Trait> {
        let error = Diagnostic::new(
            Code::E0704,
            "`pick` wants the members among which it picks",
            span,
            "these are other arguments",
        )
        .help(
            "for example `pick(a for a in Aggregator)`, or `pick(a for a in Aggregator where a.open, weight: a.reach)`",
        );
        self.report(error);
        None
    }

    /// `spawn Product: 2 initially`
    pub(super) fn spawn(&mut self, entity: &'a ast::Name, count: &'a ast::Expr, how: SpawnKind, span: Span) {
        let count = self.expr(count);
        if let Some(entity) = self.entity_named(entity) {
            self.model.spawns.push(Spawn { entity, count, how, span });
        }
    }

    /// `retire Product when popularity < 5% { supply -> cloud }`
    pub(super) fn retire(
        &mut self,
        name: &'a ast::Name,
        when: &'a ast::Expr,
        routes: &'a [(ast::Place, ast::Target)],
        span: Span,
    ) {
        let Some(entity) = self.entity_named(name) else { return };
        self.stand_in(Some(entity));
        let when = self.expr(when);
        let mut out = Vec::new();
        for (place, target) in routes {
            // A route of an array is one of each of its members.
            let (stock, axes) = match self.own_array(place, entity) {
                Some((stock, axes)) => (stock, axes),
                None => (self.place(place), Vec::new()),
            };
            let own = match stock.kind {
                PlaceKind::Decl(id) => self.model.decl(id).entity == Some(entity),
                PlaceKind::Unknown => {
                    out.push((stock, Vec::new(), place.span));
                    continue;
                }
                PlaceKind::Cloud => false,
            };
            if !own {
                let error = Diagnostic::new(
                    Code::E0705,
                    format!("a retiring {} has no stock `{}`", name.text, self.sources.text(place.span)),
                    place.span,
                    "a route says where a stock of the member goes",
                )
                .help("write the member's stock first: `{ supply -> treasury }`");
                self.report(error);
                out.push((Place { kind: PlaceKind::Unknown, ..stock }, Vec::new(), place.span));
                continue;
            }
            let parts = self.within(&axes, |r| r.target(target, false));
            out.push((stock, parts.unwrap_or_default(), place.span.to(target_span(target))));
        }
        self.stand_in(None);
        self.model.retires.push(Retire { entity, when, routes: out, span });
    }

    /// All of an array that is the member's own, by its bare name, with the names of what it is over: what holds of each of
    /// its stocks is said once.
    fn own_array(&mut self, place: &'a ast::Place, entity: EntityId) -> Option<(Place, Vec<BinderId>)> {
        let ast::PlaceKind::Name { name, subscripts } = &place.kind else { return None };
        let Some(Meaning::Decl(id)) = self.names.get(&name.text).map(|e| e.meaning) else { return None };
        if !subscripts.is_empty() || self.model.decl(id).entity != Some(entity) || self.open_axes(id).is_empty() {
            return None;
        }
        let axes = self.open_axes(id).to_vec();
        let at = self.own_subscripts(id, place.span);
        Some((Place { kind: PlaceKind::Decl(id), at, otherwise: None, span: place.span }, axes))
    }

    /// Where something goes: one place, with another in its stead, or several.
    pub(super) fn target(&mut self, target: &'a ast::Target, two_way: bool) -> Option<Vec<Part>> {
        match target {
            ast::Target::One(place, otherwise) => {
                let place = self.place_or(place, otherwise.as_ref());
                Some(vec![Part { place, share: None }])
            }
            ast::Target::Split(_, span) if two_way => {
                let error = Diagnostic::new(
                    Code::E0413,
                    "what may run either way has one other end",
                    *span,
                    "a split could not be put together again",
                )
                .help("write a `<->` with each of them");
                self.report(error);
                None
            }
            ast::Target::Split(parts, span) => Some(self.parts(parts, *span)),
        }
    }

    /// A place, and another in its stead where its member may be gone.
    pub(super) fn place_or(&mut self, place: &'a ast::Place, instead: Option<&'a ast::Place>) -> Place {
        let mut to = self.place(place);
        to.otherwise = instead.map(|other| Box::new(self.place(other)));
        to
    }

    /// `recruiter.wallet`, `recruiter.pots[k]`, `Product.supply[best]` as an end of a flow.
    pub(super) fn place_of_member(
        &mut self,
        base: &'a ast::Expr,
        field: &'a ast::Name,
        subscripts: &'a [ast::Expr],
        span: Span,
    ) -> Place {
        let unknown = Place { kind: PlaceKind::Unknown, at: Vec::new(), otherwise: None, span };
        let whole = match &base.kind {
            ast::ExprKind::Name(name) if self.is_index_here(name) => {
                self.index_named(name).and_then(|i| self.living(i))
            }
            _ => None,
        };
        if let Some(entity) = whole.filter(|_| subscripts.is_empty()) {
            if self.attribute_named(entity, field).is_some() {
                let name = self.model.entities[entity.0 as usize].name.clone();
                let error = Diagnostic::new(
                    Code::E0706,
                    format!("`{name}.{}` are the stocks of all members, and a flow ends in one", field.text),
                    span,
                    "which of them?",
                )
                .help(format!("write the flow inside `{name}`, where `{}` is that of the member itself", field.text));
                self.report(error);
            }
            return unknown;
        }
        let Some(entity) = whole.or_else(|| self.label_type(base).and_then(|i| self.living(i))) else {
            self.no_attribute(base, field);
            return unknown;
        };
        let member = if whole.is_some() { Vec::new() } else { vec![self.expr(base)] };
        let Some(id) = self.attribute_named(entity, field) else { return unknown };
        if subscripts.is_empty() && self.model.decl(id).axes.len() > 1 {
            self.bare_end(id, span);
            return unknown;
        }
        match self.subscripts_behind(id, member, subscripts, span) {
            Some(at) => Place { kind: PlaceKind::Decl(id), at, otherwise: None, span },
            None => unknown,
        }
    }

    /// `self`: the member itself, as a reference to it, unless something has this name.
    pub(super) fn myself(&self, name: &str) -> Option<BinderId> {
        let entity = self.inside.filter(|_| name == "self" && !self.names.contains_key(name))?;
        Some(self.model.entities[entity.0 as usize].me)
    }

    /// The entity whose member a name stands for.
    pub(super) fn reference(&self, name: &str) -> Option<EntityId> {
        let index = match self.scope.iter().rev().find(|(n, _)| n == name) {
            Some((_, binder)) => Some(self.model.binder(*binder).index),
            None => self.label_type_of(name, super::label::MOST_NAMES),
        };
        index.and_then(|i| self.living(i))
    }

    /// The index that an attribute's type names, as far as the syntax says it.
    pub(super) fn attribute_label(&self, entity: EntityId, field: &str, left: usize) -> Option<IndexId> {
        let Some(Meaning::Decl(id)) = self.own_names[entity.0 as usize].get(field).map(|e| e.meaning) else {
            return None;
        };
        self.label_of_decl(id, left)
    }

    /// The members of an array that a bare name of it leaves open here: inside its entity the member itself is known.
    pub(super) fn open_axes(&self, decl: DeclId) -> &[BinderId] {
        let decl = self.model.decl(decl);
        match decl.entity.is_some() && decl.entity == self.inside {
            true => decl.axes.get(1..).unwrap_or_default(),
            false => &decl.axes,
        }
    }

    /// The subscripts that stand before those that are written: the member itself.
    pub(super) fn own_subscripts(&mut self, decl: DeclId, span: Span) -> Vec<ExprId> {
        let decl = self.model.decl(decl);
        if decl.entity.is_none() || decl.entity != self.inside {
            return Vec::new();
        }
        let me = decl.axes.first().copied();
        me.map(|me| self.add(ExprKind::Member(me), span)).into_iter().collect()
    }
}

fn target_span(target: &ast::Target) -> Span {
    match target {
        ast::Target::One(place, None) => place.span,
        ast::Target::One(_, Some(other)) => other.span,
        ast::Target::Split(_, span) => *span,
    }
}
