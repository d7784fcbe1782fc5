//! The stages of Runge-Kutta as a graph: what flows ask for and how states change, several times within a step.
//!
//! In: the row. Out: what all stages come to, which the settlement takes as demands. Invariant: as in `step`: the bits of a run alone.
//! Absent on purpose: what moves get.

use std::collections::BTreeMap;

use super::graph::{Do, Leaf, V};
use super::step::Builder;
use crate::ir::{Method, MoveId, Work};

/// What one stage finds, or all of them together.
#[derive(Default)]
pub(super) struct Slopes {
    /// What each flow asks for, and the shares or amounts that its parts say.
    pub flows: BTreeMap<MoveId, (V, Vec<V>)>,
    /// How each state with a `rate` changes, by the number of the update.
    pub rates: BTreeMap<usize, V>,
}

impl Builder<'_> {
    /// Goes through the stages of a step.
    pub(super) fn slopes(&mut self) {
        let all: &[u8] = match self.model.clock.method {
            Method::Euler => return,
            Method::Rk2 => &[0, 2],
            Method::Rk4 => &[0, 1, 1, 2],
        };
        let (now, asked, taken, factors) =
            (self.now.clone(), self.asked.clone(), self.taken.clone(), self.factors.clone());
        let mut found: Vec<Slopes> = Vec::new();
        for halves in all {
            self.halves = *halves;
            self.time = self.g.leaf(Leaf::Time(*halves));
            if let Some(before) = found.last() {
                self.now.clone_from(&now);
                self.ahead(before);
            }
            self.memo.clear();
            let stage = self.stage(found.is_empty());
            found.push(stage);
        }
        self.halves = 0;
        self.time = self.g.leaf(Leaf::Time(0));
        (self.now, self.asked, self.taken, self.factors) = (now, asked, taken, factors);
        self.memo.clear();
        self.combined = self.together(&found);
    }

    /// Stocks and states as far from the row as the stage before says.
    fn ahead(&mut self, before: &Slopes) {
        let model = self.model;
        let h = self.g.constant(model.clock.dt * if self.halves == 2 { 1.0 } else { 0.5 });
        let add = |b: &mut Self, cell: crate::ir::CellId, op: Do, rate: V| {
            let step = b.g.two(Do::Multiply, h, rate);
            let cell = cell.0 as usize;
            b.now[cell] = b.g.two(op, b.now[cell], step);
        };
        for (id, (demand, said)) in &before.flows {
            let m = &model.moves[id.0 as usize];
            let parts = model.parts(m);
            let mut rest = *demand;
            for (i, part) in parts.iter().enumerate() {
                let last = i + 1 == parts.len();
                let amount = match said.get(i) {
                    Some(said) if !last && m.amounts => *said,
                    Some(said) if !last => self.g.two(Do::Multiply, *said, *demand),
                    _ => rest,
                };
                if !last {
                    rest = self.g.two(Do::Subtract, rest, amount);
                }
                if let Some(to) = part.to {
                    add(self, model.stocks[to].cell, Do::Add, amount);
                }
            }
        }
        for (id, (demand, _)) in &before.flows {
            if let Some(from) = model.moves[id.0 as usize].from {
                add(self, model.stocks[from].cell, Do::Subtract, *demand);
            }
        }
        for (i, rate) in &before.rates {
            add(self, model.updates[*i].cell, Do::Add, *rate);
        }
    }

    /// What a stage finds; transfers and trades are worked out in the first.
    fn stage(&mut self, first: bool) -> Slopes {
        let model = self.model;
        let limited = model.limits_flows();
        let mut slopes = Slopes::default();
        for work in model.work.iter().flatten() {
            match *work {
                Work::Demand(id) => {
                    let (i, m) = (id.0 as usize, &model.moves[id.0 as usize]);
                    if !m.flow && !first {
                        continue;
                    }
                    let amount = self.expr(m.amount);
                    let holds = self.condition(id);
                    let mut demand = self.g.select(holds, amount, self.zero);
                    if !first && !m.two_way && limited {
                        // What seems to run backward would ask for nothing.
                        let below = self.g.two(Do::Less, demand, self.zero);
                        demand = self.g.select(below, self.zero, demand);
                    }
                    (self.asked[i], self.taken[i], self.holds[i]) = (demand, demand, holds);
                    if m.flow {
                        let said = model.parts(m).iter().filter_map(|p| p.share).map(|e| self.expr(e)).collect();
                        slopes.flows.insert(id, (demand, said));
                    }
                }
                Work::Trade(t) if first => {
                    let leg = model.trades[t.0 as usize].legs.first();
                    let holds = leg.map_or(self.zero, |leg| self.holds[leg.0 as usize]);
                    self.factors[t.0 as usize] = self.g.select(holds, self.one, self.zero);
                }
                Work::Trade(_) | Work::Take(_) | Work::Fact(_) | Work::Draw(_) => {}
            }
        }
        for (i, update) in model.updates.iter().enumerate().filter(|(_, u)| u.rate) {
            let rate = self.expr(update.value);
            slopes.rates.insert(i, rate);
        }
        slopes
    }

    /// What all stages come to.
    fn together(&mut self, found: &[Slopes]) -> Slopes {
        let mut all = Slopes::default();
        for (id, (_, said)) in &found[0].flows {
            let demands: Vec<V> = found.iter().map(|s| s.flows[id].0).collect();
            let demand = self.mean(&demands);
            let amounts = self.model.moves[id.0 as usize].amounts;
            let mut parts = Vec::with_capacity(said.len());
            for part in 0..said.len() {
                let said: Vec<V> = found.iter().map(|s| s.flows[id].1[part]).collect();
                parts.push(if amounts { self.mean(&said) } else { self.share(&said, &demands, demand) });
            }
            all.flows.insert(*id, (demand, parts));
        }
        for i in found[0].rates.keys() {
            let rates: Vec<V> = found.iter().map(|s| s.rates[i]).collect();
            let rate = self.mean(&rates);
            all.rates.insert(*i, rate);
        }
        all
    }

    /// A share weighs as much as what it is a share of.
    fn share(&mut self, said: &[V], demands: &[V], demand: V) -> V {
        if said.iter().all(|s| *s == said[0]) {
            return said[0];
        }
        let mut rows = self.one;
        for s in &said[1..] {
            let equal = self.g.two(Do::Equal, *s, said[0]);
            rows = self.g.and(rows, equal);
        }
        let none = self.g.two(Do::Equal, demand, self.zero);
        rows = self.g.or(rows, none);
        for d in demands {
            let backward = self.g.two(Do::Less, *d, self.zero);
            rows = self.g.or(rows, backward);
        }
        let amounts: Vec<V> = said.iter().zip(demands).map(|(s, d)| self.g.two(Do::Multiply, *s, *d)).collect();
        let amount = self.mean(&amounts);
        let weighed = self.g.two(Do::Divide, amount, demand);
        self.g.select(rows, said[0], weighed)
    }

    /// The mean of the stages, with the weights of the method.
    fn mean(&mut self, stages: &[V]) -> V {
        let (two, sixth) = (self.g.constant(2.0), self.g.constant(1.0 / 6.0));
        match *stages {
            [a, b] => {
                let sum = self.g.two(Do::Add, a, b);
                self.g.two(Do::Divide, sum, two)
            }
            [a, b, c, d] => {
                let (b, c) = (self.g.two(Do::Multiply, two, b), self.g.two(Do::Multiply, two, c));
                let sum = self.g.two(Do::Add, a, b);
                let sum = self.g.two(Do::Add, sum, c);
                let sum = self.g.two(Do::Add, sum, d);
                self.g.two(Do::Multiply, sum, sixth)
            }
            _ => self.g.constant(f64::NAN),
        }
    }
}
