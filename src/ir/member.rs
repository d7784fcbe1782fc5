//! From what a model means to what is computed: what lives.
//!
//! In: entities, `spawn` and `retire`. Out: populations, births, deaths, and how a value of a member is reached. Invariant: an
//! expression names only members that are bound around it; what is said of a referred member stands in the scope of its own
//! population. Absent on purpose: how many members there are.

use super::lower::{Home, Lower, Mode};
use super::*;
use crate::check::draws::luck;
use crate::hir::{self, DeclKind, EntityId, ExprKind, Members, Trait};

/// So many members a population has at most that says nothing of it.
const MOST_MEMBERS: f64 = 1e6;

/// Whose value is read.
#[derive(Clone, Copy)]
pub(super) enum Reach {
    /// The model's.
    Model,
    /// That of a member that a name stands for.
    Member(Who),
    /// That of the member which a reference names, or something else where it is gone.
    Referred { population: PopId, member: ExprId, otherwise: ExprId },
}

impl Lower<'_> {
    /// Gives each population the name of its own member.
    pub(super) fn populations(&mut self) {
        for entity in &self.hir.entities {
            let me = self.who(PopId(self.out.whos.len() as u32));
            self.bound_to[entity.me.0 as usize] = Some(me);
            self.env[entity.me.0 as usize] = 0;
        }
    }

    /// What is told of members, if that is asked for.
    pub(super) fn rolls(&mut self) {
        if !self.asked_for.members {
            return;
        }
        for number in 0..self.hir.entities.len() {
            let entity = EntityId(number as u32);
            let columns = self.columns_of(Some(entity));
            let only = self.hir.only.iter().filter(|o| o.entity == Some(entity));
            let only = only.map(|o| self.expr(o.condition)).collect();
            self.out.rolls.push(Roll { population: population(entity), columns, only });
        }
    }

    /// A new name for members of a population.
    pub(super) fn who(&mut self, population: PopId) -> Who {
        self.out.whos.push(population);
        Who(self.out.whos.len() as u32 - 1)
    }

    /// The population whose members an index has.
    pub(super) fn living(&self, index: hir::IndexId) -> Option<PopId> {
        match self.hir.index(index).members {
            Members::Living(entity) => Some(population(entity)),
            _ => None,
        }
    }

    /// The population that a declaration is of.
    pub(super) fn of(&self, id: DeclId) -> Option<PopId> {
        self.hir.decl(id).entity.map(population)
    }

    /// A declaration's own member.
    pub(super) fn own(&self, id: DeclId) -> Reach {
        self.of(id).map_or(Reach::Model, |p| Reach::Member(me(p)))
    }

    /// Whether an axis of a declaration goes through what lives.
    pub(super) fn lives(&self, decl: DeclId, axis: usize) -> bool {
        let axes = &self.hir.decl(decl).axes;
        axes.get(axis).is_some_and(|b| self.living(self.hir.binder(*b).index).is_some())
    }

    /// Whether an expression names a living member: then nothing of it is known before a run.
    pub(super) fn hangs_on_living(&self, e: hir::ExprId) -> bool {
        self.facts.free[e.0 as usize].iter().any(|b| self.living(self.hir.binder(*b).index).is_some())
    }

    /// Whose value an element is.
    pub(super) fn reach(&mut self, decl: DeclId, at: &[hir::ExprId], otherwise: Option<ExprId>) -> Reach {
        let (Some(population), Some(first)) = (self.of(decl), at.first()) else { return Reach::Model };
        let member = self.expr(*first);
        match self.out.expr(member) {
            Expr::Number(who) if self.out.whos[who.0 as usize] == population => Reach::Member(who),
            _ => {
                let otherwise = otherwise.unwrap_or_else(|| self.constant(f64::NAN));
                Reach::Referred { population, member, otherwise }
            }
        }
    }

    /// A value of the model, or of some member.
    pub(super) fn read(&mut self, reach: Reach, leaf: Expr) -> ExprId {
        let leaf = self.add(leaf);
        match reach {
            Reach::Model => leaf,
            Reach::Member(who) => self.add(Expr::Of(who, leaf)),
            Reach::Referred { population, member, otherwise } => {
                let value = self.add(Expr::Of(me(population), leaf));
                self.refer(Referred { population, member, value, otherwise })
            }
        }
    }

    /// Whether this is the first row in which what is read is there.
    pub(super) fn first_row(&mut self, reach: Reach) -> ExprId {
        let first = match reach {
            Reach::Model => self.constant(0.0),
            Reach::Member(who) => self.add(Expr::FirstRow(who)),
            Reach::Referred { population, member, .. } => {
                let (value, otherwise) = (self.add(Expr::FirstRow(me(population))), self.constant(f64::NAN));
                self.refer(Referred { population, member, value, otherwise })
            }
        };
        let step = self.add(Expr::Step);
        self.add(Expr::Binary(Binary::Equal, step, first))
    }

    fn refer(&mut self, referred: Referred) -> ExprId {
        let Referred { population, member, value, otherwise } = referred;
        let key = [population.0, member.0, value.0, otherwise.0];
        let number = match self.referred.get(&key) {
            Some(number) => *number,
            None => {
                self.out.referred.push(referred);
                let number = self.out.referred.len() as u32 - 1;
                self.referred.insert(key, number);
                number
            }
        };
        self.add(Expr::Refer(number))
    }

    /// Whether a reference names a living member.
    pub(super) fn is_alive(&mut self, member: ExprId, population: PopId) -> ExprId {
        let (value, otherwise) = (self.constant(1.0), self.constant(0.0));
        self.refer(Referred { population, member, value, otherwise })
    }

    /// What an end of a move, that is a stock of a referred member, says of it.
    pub(super) fn whose(&mut self, place: &hir::Place) -> Option<u32> {
        let hir::PlaceKind::Decl(id) = place.kind else { return None };
        let population = self.of(id)?;
        let member = self.expr(*place.at.first()?);
        if matches!(self.out.expr(member), Expr::Number(who) if who == me(population)) {
            return None;
        }
        let otherwise = place.otherwise.as_ref().map(|other| self.stock(other));
        self.out.whose.push(Whose { population, member, otherwise });
        Some(self.out.whose.len() as u32 - 1)
    }

    /// Births and deaths.
    pub(super) fn lives_and_deaths(&mut self) {
        let hir = self.hir;
        self.at(Mode::Ending);
        for (i, entity) in hir.entities.iter().enumerate() {
            let id = PopId(i as u32);
            let limit = match entity.limit {
                Some(limit) => self.expr(limit),
                None => self.constant(MOST_MEMBERS),
            };
            self.newborn = Some(me(id));
            self.at(Mode::Ending);
            let births = self.births(id);
            self.newborn = None;
            self.at(Mode::Ending);
            let mortal = hir.retires.iter().any(|r| population(r.entity) == id);
            self.out.populations.push(Population { decl: entity.population, me: me(id), limit, births, mortal });
        }
        for (number, spawn) in hir.spawns.iter().enumerate() {
            let count = self.expr(spawn.count);
            let how = match spawn.how {
                hir::SpawnKind::Initially => Spawning::Initially(count),
                hir::SpawnKind::UpTo => Spawning::UpTo(count),
                hir::SpawnKind::Rate if self.facts.per_time.get(number).copied().unwrap_or(false) => {
                    Spawning::Rate(count)
                }
                hir::SpawnKind::Rate => Spawning::Each(count),
            };
            self.out.spawns.push(Spawn { population: population(spawn.entity), number, how });
        }
        for (number, retire) in hir.retires.iter().enumerate() {
            let when = self.expr(retire.when);
            let amounts = self.facts.routes.get(number).cloned().unwrap_or_default();
            let routes = retire.routes.iter().zip(amounts);
            let routes = routes.flat_map(|((from, to, _), amounts)| self.routes(from, to, amounts)).collect();
            self.out.retires.push(Retire { population: population(retire.entity), number, when, routes });
        }
        self.at(Mode::Step);
    }

    /// What a newborn opens with, as it can be worked out.
    fn births(&mut self, id: PopId) -> Vec<Birth> {
        let hir = self.hir;
        let mut births = Vec::new();
        for (decl, member) in self.facts.order.births.get(id.0 as usize).cloned().unwrap_or_default() {
            let members = member.map_or(0..self.facts.count(decl) as u32, |m| m..m + 1);
            self.some(decl, members, |l, origin| {
                let (value, from) = match &hir.decl(decl).kind {
                    DeclKind::Trait(kind) => (l.trait_value(origin, kind), None),
                    DeclKind::Stock { opening, set, from, .. } => {
                        (Born::Formula(l.expr(set.unwrap_or(*opening))), from.as_ref())
                    }
                    DeclKind::State { initial, .. } => (Born::Formula(l.expr(*initial)), None),
                    _ => return,
                };
                births.extend(l.birth(origin, value, from));
            });
        }
        births
    }

    fn birth(&mut self, origin: Origin, value: Born, from: Option<&hir::Place>) -> Option<Birth> {
        let Home::Cell(first) = self.homes[origin.decl.0 as usize] else { return None };
        let cell = CellId(first + origin.member);
        let from = from.and_then(|place| {
            let stock = self.out.stocks.iter().position(|s| s.cell == cell)?;
            Some(Funded { stock, from: self.stock(place), whose: self.whose(place) })
        });
        Some(Birth { cell, origin, value, from })
    }

    fn trait_value(&mut self, origin: Origin, kind: &Trait) -> Born {
        let hash = luck(self.hir, self.facts, origin.decl, origin.member as usize);
        match kind {
            Trait::Formula(value) => Born::Formula(self.expr(*value)),
            Trait::Drawn(dist) => {
                let (how, args) = self.drawn_from(origin.decl, dist);
                Born::Drawn { hash, how, args }
            }
            Trait::Pick { binder, weight, .. } => {
                let candidate = self.hir.binder(*binder);
                let Some(population) = self.living(candidate.index) else {
                    return Born::Formula(self.constant(f64::NAN));
                };
                let who = self.enter(*binder, population);
                let condition = candidate.filter.map(|e| self.expr(e));
                let weight = weight.map(|e| self.expr(e));
                Born::Pick { hash, population, who, condition, weight }
            }
        }
    }

    /// Lets a name of members stand for those of a population.
    pub(super) fn enter(&mut self, binder: BinderId, population: PopId) -> Who {
        let who = self.who(population);
        self.bound_to[binder.0 as usize] = Some(who);
        self.env[binder.0 as usize] = 0;
        who
    }

    /// Whose member an assertion is about that must hold for each: the model has none, or those of one population, which its
    /// own name then stands for.
    pub(super) fn one_living(&mut self, a: &hir::Aggregate, of: Option<PopId>) -> Option<Option<PopId>> {
        let living: Vec<(BinderId, PopId)> =
            a.binders.iter().filter_map(|b| Some((*b, self.living(self.hir.binder(*b).index)?))).collect();
        match (&living[..], of) {
            ([], of) => Some(of),
            ([(binder, population)], None) => {
                self.bound_to[binder.0 as usize] = Some(me(*population));
                Some(Some(*population))
            }
            _ => None,
        }
    }

    /// Where a stock goes: of an array that is named as a whole, each of its members.
    fn routes(&mut self, from: &hir::Place, to: &[hir::Part], amounts: bool) -> Vec<Route> {
        let hir::PlaceKind::Decl(id) = from.kind else { return Vec::new() };
        let Some(first) = self.out.stocks.iter().position(|s| s.origin.decl == id) else { return Vec::new() };
        let members = match self.offset(id, &from.at) {
            Some(Some(member)) if from.at.len() == self.hir.decl(id).axes.len() => member..member + 1,
            _ => 0..self.facts.count(id),
        };
        let mut routes = Vec::new();
        self.some(id, members.start as u32..members.end as u32, |l, origin| {
            let parts = l.ends(to);
            routes.push(Route { stock: first + origin.member as usize, parts, amounts });
        });
        routes
    }

    /// Names mean something else from here: what was worked out under what they meant is not that any more.
    pub(super) fn at(&mut self, mode: Mode) {
        self.mode = mode;
        self.done.fill(None);
        self.called.clear();
    }

    /// Whether a value is one of the newborn itself, of which there is nothing yet but what it opens with.
    pub(super) fn is_newborn(&self, reach: Reach) -> bool {
        matches!((reach, self.newborn), (Reach::Member(who), Some(newborn)) if who == newborn)
    }

    /// The member that a name stands for: a label's position, a number itself, or of what lives its lasting number.
    pub(super) fn member(&self, binder: BinderId) -> Expr {
        let index = self.hir.binder(binder).index;
        match (self.living(index), self.bound_to[binder.0 as usize]) {
            (Some(_), Some(who)) => Expr::Number(who),
            (Some(_), None) => Expr::Constant(f64::NAN),
            (None, _) => Expr::Constant(self.hir.first(index) as f64 + f64::from(self.env[binder.0 as usize])),
        }
    }

    /// A function of many values, living members among them.
    pub(super) fn gather_living(&mut self, a: &hir::Aggregate, gather: fn(f64, &[Item]) -> f64) -> ExprId {
        let head = a.head.map(|e| self.expr(e));
        let bound: Vec<_> = a.binders.iter().map(|b| (self.env[b.0 as usize], self.bound_to[b.0 as usize])).collect();
        let items = self.among(a, &a.binders, None);
        for (binder, bound) in a.binders.iter().zip(bound) {
            (self.env[binder.0 as usize], self.bound_to[binder.0 as usize]) = bound;
        }
        let otherwise = a.otherwise.map(|e| self.expr(e));
        // How many members there are is known.
        if a.builtin.counts()
            && let [Among::Each { population, condition: None, items, .. }] = &items[..]
            && let [Among::One(ListItem { value, condition: None, .. })] = &items[..]
            && matches!(self.out.expr(*value), Expr::Constant(1.0))
            && otherwise.is_none()
        {
            return self.add(Expr::Alive(*population));
        }
        self.out.gathers.push(Gather { gather, head, items, otherwise });
        let gather = self.out.gathers.len() as u32 - 1;
        self.add(Expr::Gather(gather))
    }

    fn among(&mut self, a: &hir::Aggregate, binders: &[BinderId], condition: Option<ExprId>) -> Vec<Among> {
        let hir = self.hir;
        let Some((first, rest)) = binders.split_first() else {
            let there = a.like.and_then(|like| self.facts.shape(like)).is_none_or(|shape| {
                let members: Vec<u32> = a.binders.iter().map(|b| self.env[b.0 as usize]).collect();
                shape.offset(&members).is_some()
            });
            if !there {
                return Vec::new();
            }
            self.gather(1);
            let last = a.binders.last().map(|b| self.member(*b));
            let member = match last {
                Some(Expr::Constant(member)) => member,
                _ => f64::NAN,
            };
            // A member counts as itself, whatever number it is.
            let counted = a.builtin.counts() && matches!(hir.expr(a.value).kind, ExprKind::Member(_));
            let value = if counted { self.constant(1.0) } else { self.expr(a.value) };
            return vec![Among::One(ListItem { member, value, condition })];
        };
        let binder = hir.binder(*first);
        if let Some(population) = self.living(binder.index) {
            let who = self.enter(*first, population);
            let Some(condition) = self.filtered(binder.filter, condition) else { return Vec::new() };
            let items = self.among(a, rest, None);
            return if items.is_empty() { items } else { vec![Among::Each { who, population, condition, items }] };
        }
        let mut out = Vec::new();
        for member in hir.members(binder.index) {
            if self.too_large {
                return out;
            }
            self.env[first.0 as usize] = member;
            if let Some(both) = self.filtered(binder.filter, condition) {
                out.extend(self.among(a, rest, both));
            }
        }
        out
    }
}

/// An entity's population has its number.
fn population(entity: EntityId) -> PopId {
    PopId(entity.0)
}

/// The first names are those of the populations' own members.
fn me(population: PopId) -> Who {
    Who(population.0)
}
