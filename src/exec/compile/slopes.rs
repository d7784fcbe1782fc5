//! Code for the stages of Runge-Kutta: what flows ask for and how states change, several times within a step.
//!
//! In: the equations, compiled as the row sees them. Out: a straight range of code for each stage, each with its own time, and
//! registers of what all of them come to, which settlement takes as demands. Invariant: a stage writes nothing that anything
//! but a stage reads; its stocks and states are registers of its own, in which names are worked out anew. Absent on purpose:
//! what moves get, and a model without stages.

use rustc_hash::FxHashMap as HashMap;

use super::{Compiler, Level};
use crate::exec::program::*;
use crate::ir::{Binary, CellId, Expr, ExprId, Method, MoveId, TradeId, Work};

/// What names mean within a stage, where that is not what they mean in the row.
#[derive(Default)]
pub(super) struct Within {
    /// How many halves of a step it lies behind the row.
    pub halves: u64,
    pub time: Reg,
    pub cells: HashMap<CellId, Reg>,
    /// A move is what it asks for; of transfers that is what they ask for in the row.
    pub demands: HashMap<MoveId, Reg>,
    pub factors: HashMap<TradeId, Reg>,
}

/// What one stage finds, or all of them together.
#[derive(Default)]
pub(super) struct Found {
    /// What each flow asks for, in order of declaration, and the shares or amounts that its parts say.
    pub flows: Vec<(MoveId, Reg, Vec<Reg>)>,
    /// How each state with a `rate` changes, by the number of the update.
    pub rates: Vec<(usize, Reg)>,
}

impl Found {
    pub(super) fn flow(&self, id: MoveId) -> Option<(Reg, Vec<Reg>)> {
        let at = self.flows.binary_search_by_key(&id, |f| f.0).ok()?;
        Some((self.flows[at].1, self.flows[at].2.clone()))
    }

    pub(super) fn rate(&self, update: usize) -> Option<Reg> {
        let at = self.rates.binary_search_by_key(&update, |r| r.0).ok()?;
        Some(self.rates[at].1)
    }
}

impl Compiler<'_> {
    /// What stands for a name within the stage at hand, if it is not what the row has.
    pub(super) fn at_stage(&self, e: ExprId) -> Option<Reg> {
        let within = self.within.as_ref()?;
        match self.model.expr(e) {
            Expr::Cell(c) => within.cells.get(&c).copied(),
            Expr::Time => Some(within.time),
            Expr::Taken(m) | Expr::Asked(m) => within.demands.get(&m).copied(),
            Expr::Factor(t) => within.factors.get(&t).copied(),
            _ => None,
        }
    }

    /// The stages of a step, in order; none by Euler's method.
    pub(super) fn slopes(&mut self) -> (Vec<Slope>, Vec<(MoveId, Reg)>) {
        let all: &[u64] = match self.model.clock.method {
            Method::Euler => return Default::default(),
            Method::Rk2 => &[0, 2],
            Method::Rk4 => &[0, 1, 1, 2],
        };
        let times = [self.time(), self.register(Level::Step, 0.0), self.register(Level::Step, 0.0)];
        // What the row has worked out holds at the first stage, and again when all are through.
        let (moment, lets) = (self.moment.clone(), self.lets.clone());
        let mut within = Within::default();
        let mut done = Vec::new();
        let (mut slopes, mut found) = (Vec::new(), Vec::<Found>::new());
        for &halves in all {
            self.first = self.code.len();
            (within.halves, within.time) = (halves, times[halves as usize]);
            if let Some(before) = found.last() {
                within.cells = self.ahead(before, halves);
                self.moment.clear();
                self.lets.clear();
            }
            self.within = Some(within);
            let stage = self.stage(found.is_empty(), &mut done);
            within = self.within.take().unwrap_or_default();
            found.push(stage);
            if found.len() == all.len() {
                self.combined = self.together(&found);
            }
            slopes.push(Slope { code: self.section(), halves, time: times[halves as usize] });
        }
        (self.moment, self.lets) = (moment, lets);
        (slopes, done)
    }

    /// Stocks and states as far from the row as the stage before says.
    fn ahead(&mut self, before: &Found, halves: u64) -> HashMap<CellId, Reg> {
        let model = self.model;
        let h = self.constant(model.clock.dt * if halves == 2 { 1.0 } else { 0.5 });
        let mut ahead: HashMap<CellId, Reg> = HashMap::default();
        let mut add = |c: &mut Self, cell: CellId, op: Binary, rate: Reg| {
            let step = c.binary(Binary::Multiply, h, rate);
            let now = ahead.get(&cell).copied().unwrap_or(cell.0);
            let next = c.binary(op, now, step);
            ahead.insert(cell, next);
        };
        for (id, demand, said) in &before.flows {
            let m = &model.moves[id.0 as usize];
            let parts = model.parts(m);
            let mut rest = *demand;
            for (i, part) in parts.iter().enumerate() {
                let amount = match said.get(i) {
                    _ if i + 1 == parts.len() => rest,
                    Some(said) if m.amounts => *said,
                    Some(said) => self.binary(Binary::Multiply, *said, *demand),
                    None => rest,
                };
                if i + 1 < parts.len() {
                    rest = self.binary(Binary::Subtract, rest, amount);
                }
                if let Some(to) = part.to {
                    add(self, model.stocks[to].cell, Binary::Add, amount);
                }
            }
        }
        for (id, demand, _) in &before.flows {
            if let Some(from) = model.moves[id.0 as usize].from {
                add(self, model.stocks[from].cell, Binary::Subtract, *demand);
            }
        }
        for (i, rate) in &before.rates {
            add(self, model.updates[*i].cell, Binary::Add, *rate);
        }
        ahead
    }

    /// What a stage finds; transfers and trades are worked out in the first.
    fn stage(&mut self, first: bool, done: &mut Vec<(MoveId, Reg)>) -> Found {
        let model = self.model;
        let limited = model.limits_flows();
        let mut found = Found::default();
        for work in model.work.iter().flatten() {
            match *work {
                Work::Demand(id) => {
                    let m = &model.moves[id.0 as usize];
                    if !m.flow && !first {
                        continue;
                    }
                    let mut demand = self.expr(m.amount);
                    if let Some(holds) = self.holds(id, done) {
                        let nothing = self.constant(0.0);
                        demand = self.emit(Op::Select, [holds, demand, nothing], 3);
                    }
                    if !first && !m.two_way && limited {
                        // No stage knows of limits: what seems to run backward would ask for nothing.
                        let nothing = self.constant(0.0);
                        let backward = self.binary(Binary::Less, demand, nothing);
                        demand = self.emit(Op::Select, [backward, nothing, demand], 3);
                    }
                    if let Some(within) = &mut self.within {
                        within.demands.insert(id, demand);
                    }
                    if m.flow {
                        let said = self.shares(id);
                        found.flows.push((id, demand, said));
                    }
                }
                Work::Trade(t) if first => {
                    let leg = model.trades[t.0 as usize].legs.first();
                    let holds = leg.and_then(|leg| self.holds(*leg, done));
                    let (all, nothing) = (self.constant(1.0), self.constant(0.0));
                    let factor = holds.map_or(all, |holds| self.emit(Op::Select, [holds, all, nothing], 3));
                    if let Some(within) = &mut self.within {
                        within.factors.insert(t, factor);
                    }
                }
                Work::Trade(_) | Work::Take(_) | Work::Fact(_) | Work::Draw(_) => {}
            }
        }
        for (i, update) in model.updates.iter().enumerate().filter(|(_, u)| u.rate) {
            let rate = self.expr(update.value);
            found.rates.push((i, rate));
        }
        found.flows.sort_by_key(|f| f.0);
        found
    }

    /// Whether a move has its condition, where it has one.
    fn holds(&mut self, id: MoveId, done: &mut Vec<(MoveId, Reg)>) -> Option<Reg> {
        let m = &self.model.moves[id.0 as usize];
        let condition = self.expr(m.condition?);
        if !m.once {
            return Some(condition);
        }
        let before = match done.iter().find(|d| d.0 == id) {
            Some(known) => known.1,
            None => {
                let new = self.register(Level::Step, 0.0);
                done.push((id, new));
                new
            }
        };
        let not = self.emit(Op::Not, [before, 0, 0], 1);
        Some(self.binary(Binary::And, condition, not))
    }

    /// What all stages come to.
    fn together(&mut self, found: &[Found]) -> Found {
        let model = self.model;
        let mut all = Found::default();
        for (at, (id, ..)) in found[0].flows.iter().enumerate() {
            let demands: Vec<Reg> = found.iter().map(|f| f.flows[at].1).collect();
            let demand = self.mean(&demands);
            let parts = 0..found[0].flows[at].2.len();
            let said = parts.map(|part| {
                let said: Vec<Reg> = found.iter().map(|f| f.flows[at].2[part]).collect();
                if model.moves[id.0 as usize].amounts { self.mean(&said) } else { self.share(&said, &demands, demand) }
            });
            let said = said.collect();
            all.flows.push((*id, demand, said));
        }
        for (at, (i, _)) in found[0].rates.iter().enumerate() {
            let rates: Vec<Reg> = found.iter().map(|f| f.rates[at].1).collect();
            let rate = self.mean(&rates);
            all.rates.push((*i, rate));
        }
        all
    }

    /// A share weighs as much as what it is a share of. One that is the same at all stages stays as it is, and where nothing
    /// flows, or something backward, it is that of the row.
    fn share(&mut self, said: &[Reg], demands: &[Reg], demand: Reg) -> Reg {
        if said.iter().all(|s| *s == said[0]) {
            return said[0];
        }
        let nothing = self.constant(0.0);
        let mut same = self.constant(1.0);
        for s in &said[1..] {
            let equal = self.binary(Binary::Equal, *s, said[0]);
            same = self.binary(Binary::And, same, equal);
        }
        let mut rows = self.binary(Binary::Equal, demand, nothing);
        rows = self.binary(Binary::Or, rows, same);
        for d in demands {
            let backward = self.binary(Binary::Less, *d, nothing);
            rows = self.binary(Binary::Or, rows, backward);
        }
        let amounts: Vec<Reg> = said.iter().zip(demands).map(|(s, d)| self.binary(Binary::Multiply, *s, *d)).collect();
        let amount = self.mean(&amounts);
        let weighed = self.binary(Binary::Divide, amount, demand);
        self.emit(Op::Select, [rows, said[0], weighed], 3)
    }

    /// The mean of the stages, with the weights of the method.
    fn mean(&mut self, stages: &[Reg]) -> Reg {
        let (two, sixth) = (self.constant(2.0), self.constant(1.0 / 6.0));
        match *stages {
            [a, b] => {
                let sum = self.binary(Binary::Add, a, b);
                self.binary(Binary::Divide, sum, two)
            }
            [a, b, c, d] => {
                let (b, c) = (self.binary(Binary::Multiply, two, b), self.binary(Binary::Multiply, two, c));
                let mut sum = self.binary(Binary::Add, a, b);
                sum = self.binary(Binary::Add, sum, c);
                sum = self.binary(Binary::Add, sum, d);
                self.binary(Binary::Multiply, sum, sixth)
            }
            _ => self.constant(f64::NAN),
        }
    }

    fn binary(&mut self, op: Binary, a: Reg, b: Reg) -> Reg {
        self.emit(Op::Binary(op), [a, b, 0], 2)
    }
}
