//! Who an expression is about: members, their values, and expressions worked out for them.
//!
//! An expression of a member is worked out in a scope that says which member each name stands for. Outside all members the
//! scope is empty.

use std::collections::BTreeMap;

use super::{Held, Holdings, Moved, Oracle};
use crate::builtins::{Instant, Item, power};
use crate::ir::{Among, Binary, CellId, Expr, ExprId, PopId, Unary, Who};

/// Which member of which population each name stands for, by number.
pub(super) type Scope<'s> = &'s [(Who, PopId, u32)];

/// The living members of a population, by number.
pub(super) type Members = BTreeMap<u32, Member>;

/// What lasts of a member.
#[derive(Clone, Debug, Default)]
pub(super) struct Member {
    /// The number of the row in which it is first seen.
    pub first_row: u64,
    pub cells: BTreeMap<CellId, f64>,
    /// What was drawn last, by the number of the draw.
    pub draws: BTreeMap<u32, f64>,
}

fn member_of(who: Who, scope: Scope) -> Option<(PopId, u32)> {
    scope.iter().rev().find(|(w, ..)| *w == who).map(|(_, population, member)| (*population, *member))
}

fn known<K: Ord>(values: &BTreeMap<K, f64>, key: &K) -> f64 {
    values.get(key).copied().unwrap_or(f64::NAN)
}

impl Oracle<'_> {
    /// The numbers of all living members, or the model alone.
    pub(super) fn all_of(&self, of: Option<PopId>) -> Vec<Option<u32>> {
        match of {
            Some(population) => self.members[population.0 as usize].keys().map(|n| Some(*n)).collect(),
            None => vec![None],
        }
    }

    /// The population that a cell belongs to.
    pub(super) fn owner(&self, cell: CellId) -> Option<PopId> {
        self.model.owners[cell.0 as usize]
    }

    fn member(&self, population: PopId, number: u32) -> Option<&Member> {
        match &self.newborn {
            Some((of, n, member)) if *of == population && *n == number => Some(member),
            _ => self.members[population.0 as usize].get(&number),
        }
    }

    pub(super) fn member_mut(&mut self, population: PopId, number: u32) -> &mut Member {
        self.members[population.0 as usize].entry(number).or_default()
    }

    /// What a cell holds; of a population, a member's.
    pub(super) fn cell(&self, cell: CellId, member: Option<u32>) -> f64 {
        let Some((population, member)) = self.owner(cell).zip(member) else { return self.cells[cell.0 as usize] };
        // What was never written is 0, as in the model.
        self.member(population, member).map_or(f64::NAN, |m| m.cells.get(&cell).copied().unwrap_or(0.0))
    }

    pub(super) fn set(&mut self, cell: CellId, member: Option<u32>, value: f64) {
        match self.owner(cell).zip(member) {
            Some((population, member)) => {
                self.member_mut(population, member).cells.insert(cell, value);
            }
            None => self.cells[cell.0 as usize] = value,
        }
    }

    /// What all members hold in a cell, in order of number; of the model one value.
    pub(super) fn each(&self, cell: CellId) -> Vec<f64> {
        self.all_of(self.owner(cell)).into_iter().map(|member| self.cell(cell, member)).collect()
    }

    /// The same together.
    pub(super) fn all(&self, cell: CellId) -> f64 {
        match self.owner(cell) {
            Some(_) => self.each(cell).into_iter().fold(0.0, |sum, value| sum + value),
            None => self.cell(cell, None),
        }
    }

    /// All stocks, of each member its own: in order of declaration, then of numbers.
    pub(super) fn stocks(&self) -> Vec<Held> {
        let stocks = self.model.stocks.iter().enumerate();
        stocks.flat_map(|(stock, s)| self.all_of(s.of).into_iter().map(move |member| Held { stock, member })).collect()
    }

    /// The row in which a member is first seen; the model is there from row 0.
    pub(super) fn first_row(&self, of: Option<PopId>, member: Option<u32>) -> u64 {
        of.zip(member).and_then(|(p, n)| self.member(p, n)).map_or(0, |m| m.first_row)
    }

    /// The living member that a reference names.
    pub(super) fn named(&self, population: PopId, reference: f64) -> Option<u32> {
        self.members[population.0 as usize].keys().copied().find(|n| f64::from(*n) == reference)
    }

    /// All stocks and states.
    pub(super) fn holdings(&self) -> Holdings {
        let cells = self.model.holdings;
        let mut held = BTreeMap::new();
        for (p, members) in self.members.iter().enumerate() {
            let population = PopId(p as u32);
            for number in members.keys() {
                let own = (0..cells as u32).map(CellId).filter(|c| self.owner(*c) == Some(population));
                held.insert((population, *number), own.map(|c| self.cell(c, Some(*number))).collect());
            }
        }
        (self.cells[..cells].to_vec(), held)
    }

    pub(super) fn hold(&mut self, (cells, members): &Holdings) {
        self.cells[..cells.len()].copy_from_slice(cells);
        for ((population, number), values) in members {
            let own: Vec<CellId> =
                (0..cells.len() as u32).map(CellId).filter(|c| self.owner(*c) == Some(*population)).collect();
            for (cell, value) in own.into_iter().zip(values) {
                self.set(cell, Some(*number), *value);
            }
        }
    }

    /// The clock, at the row or at a stage.
    fn instant(&self) -> Instant {
        self.model.clock.stage(self.step, self.halves)
    }

    /// An expression of the model.
    pub(super) fn eval(&self, e: ExprId) -> f64 {
        self.eval_in(e, &[])
    }

    /// An expression of the model, or of a member of a population.
    pub(super) fn eval_for(&self, e: ExprId, of: Option<PopId>, member: Option<u32>) -> f64 {
        match of.zip(member) {
            Some((population, member)) => {
                self.eval_in(e, &[(self.model.populations[population.0 as usize].me, population, member)])
            }
            None => self.eval(e),
        }
    }

    pub(super) fn eval_in(&self, e: ExprId, scope: Scope) -> f64 {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.eval_inner(e, scope))
    }

    /// What a member has.
    fn leaf(&self, leaf: ExprId, number: u32) -> f64 {
        let member = Some(number);
        match self.model.expr(leaf) {
            Expr::Cell(c) => self.cell(c, member),
            Expr::Let(l) => {
                let definition = &self.model.lets[l as usize];
                self.eval_for(definition.value, definition.of, member)
            }
            Expr::Taken(id) => known(&self.now.taken, &Moved { id, member }),
            Expr::Asked(id) => known(&self.now.asked, &Moved { id, member }),
            Expr::Factor(t) => known(&self.now.factors, &(t, member)),
            Expr::Fact(i) => known(&self.now.facts, &(i, member)),
            Expr::Draw(d) => {
                let of = self.model.draws[d as usize].of;
                let drawn = of.and_then(|p| self.member(p, number)).and_then(|m| m.draws.get(&d));
                drawn.copied().unwrap_or(f64::NAN)
            }
            _ => f64::NAN,
        }
    }

    /// The values that a function of many looks at, in order.
    pub(super) fn among(&self, all: &[Among], member: Option<u32>, scope: Scope, items: &mut Vec<Item>) {
        let is_in = |condition: Option<ExprId>, scope: Scope| condition.is_none_or(|c| self.eval_in(c, scope) != 0.0);
        for one in all {
            match one {
                Among::One(item) => {
                    if is_in(item.condition, scope) {
                        let value = self.eval_in(item.value, scope);
                        let innermost = member.map_or(f64::NAN, f64::from);
                        items.push(Item { member: if item.member.is_nan() { innermost } else { item.member }, value });
                    }
                }
                Among::Each { who, population, condition, items: inner } => {
                    for number in self.members[population.0 as usize].keys() {
                        let mut inside = scope.to_vec();
                        inside.push((*who, *population, *number));
                        if is_in(*condition, &inside) {
                            self.among(inner, Some(*number), &inside, items);
                        }
                    }
                }
            }
        }
    }

    fn eval_inner(&self, e: ExprId, scope: Scope) -> f64 {
        let truth = |b: bool| f64::from(u8::from(b));
        match self.model.expr(e) {
            Expr::Constant(v) => v,
            Expr::Param(p) => self.params[p as usize],
            Expr::Cell(c) => self.cell(c, None),
            Expr::Let(l) => self.eval(self.model.lets[l as usize].value),
            Expr::Time => self.instant().time,
            Expr::Step => self.step as f64,
            Expr::Taken(id) => known(&self.now.taken, &Moved { id, member: None }),
            Expr::Asked(id) => known(&self.now.asked, &Moved { id, member: None }),
            Expr::Factor(t) => known(&self.now.factors, &(t, None)),
            Expr::Fact(i) => known(&self.now.facts, &(i, None)),
            Expr::Probe(p) => self.probes[p as usize],
            Expr::Draw(d) => self.draws[d as usize],
            Expr::Of(who, leaf) => member_of(who, scope).map_or(f64::NAN, |(_, number)| self.leaf(leaf, number)),
            Expr::Number(who) => member_of(who, scope).map_or(f64::NAN, |(_, number)| f64::from(number)),
            Expr::FirstRow(who) => {
                let member = member_of(who, scope);
                member.map_or(f64::NAN, |(p, number)| self.first_row(Some(p), Some(number)) as f64)
            }
            Expr::Alive(population) => self.members[population.0 as usize].len() as f64,
            Expr::Refer(n) => {
                let referred = &self.model.referred[n as usize];
                match self.named(referred.population, self.eval_in(referred.member, scope)) {
                    Some(member) => self.eval_for(referred.value, Some(referred.population), Some(member)),
                    None => self.eval_in(referred.otherwise, scope),
                }
            }
            Expr::Gather(n) => {
                let gather = &self.model.gathers[n as usize];
                let mut items = Vec::new();
                self.among(&gather.items, None, scope, &mut items);
                match gather.otherwise {
                    Some(otherwise) if items.is_empty() => self.eval_in(otherwise, scope),
                    _ => (gather.gather)(gather.head.map_or(f64::NAN, |e| self.eval_in(e, scope)), &items),
                }
            }
            // It stands alone in an opening, which has met it.
            Expr::Uncertain(_) => f64::NAN,
            Expr::Input(i) => self.case.inputs.get(i as usize).copied().unwrap_or(f64::NAN),
            Expr::Unary(Unary::Negate, a) => -self.eval_in(a, scope),
            Expr::Unary(Unary::Not, a) => truth(self.eval_in(a, scope) == 0.0),
            Expr::Binary(op, a, b) => {
                let (a, b) = (self.eval_in(a, scope), self.eval_in(b, scope));
                match op {
                    Binary::Add => a + b,
                    Binary::Subtract => a - b,
                    Binary::Multiply => a * b,
                    Binary::Divide => a / b,
                    Binary::Power => power(a, b),
                    Binary::And => truth(a != 0.0 && b != 0.0),
                    Binary::Or => truth(a != 0.0 || b != 0.0),
                    Binary::Less => truth(a < b),
                    Binary::LessEq => truth(a <= b),
                    Binary::Greater => truth(a > b),
                    Binary::GreaterEq => truth(a >= b),
                    Binary::Equal => truth(a == b),
                    Binary::NotEqual => truth(a != b),
                }
            }
            Expr::If(c, a, b) => {
                if self.eval_in(c, scope) != 0.0 {
                    self.eval_in(a, scope)
                } else {
                    self.eval_in(b, scope)
                }
            }
            Expr::One(f, a) => f(self.eval_in(a, scope)),
            Expr::Two(f, a, b) => f(self.eval_in(a, scope), self.eval_in(b, scope)),
            Expr::Three(f, a, b, c) => f(self.eval_in(a, scope), self.eval_in(b, scope), self.eval_in(c, scope)),
            Expr::Clock(f, args) => f(args.map(|a| self.eval_in(a, scope)), self.instant()),
            Expr::Many(list) => {
                let list = &self.model.lists[list as usize];
                let is_in = |condition: Option<ExprId>| condition.is_none_or(|c| self.eval_in(c, scope) != 0.0);
                let items: Vec<Item> = list
                    .items
                    .iter()
                    .filter(|i| is_in(i.condition))
                    .map(|i| Item { member: i.member, value: self.eval_in(i.value, scope) })
                    .collect();
                match list.otherwise {
                    Some(otherwise) if items.is_empty() => self.eval_in(otherwise, scope),
                    _ => (list.gather)(list.head.map_or(f64::NAN, |e| self.eval_in(e, scope)), &items),
                }
            }
            Expr::Pick(pick) => {
                let pick = &self.model.picks[pick as usize];
                let at = self.eval_in(pick.at, scope);
                let found = (0..pick.values.len()).find(|i| *i as f64 == at);
                self.eval_in(found.map_or(pick.otherwise, |i| pick.values[i]), scope)
            }
            Expr::Curve(c, x) => self.model.curves[c as usize].at(self.eval_in(x, scope)),
            Expr::Series(s) => self.model.series_of(s, self.case.run).at(self.instant()),
        }
    }
}
