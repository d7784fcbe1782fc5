//! Runge-Kutta: how a step looks at itself several times before anything moves.
//!
//! In: the row. Out: what flows ask for and how states change, combined over the stages. Invariant: stocks and states are as
//! before when all stages are through, and a stage changes nothing else. Absent on purpose: what moves get (see `settle`), and
//! members: populations step by Euler's method.

use std::collections::BTreeMap;

use super::{Moved, Oracle};
use crate::ir::{Method, Move, MoveId, Work};

/// What one stage finds, or all of them together.
#[derive(Default)]
pub(super) struct Slopes {
    /// What each flow asks for.
    pub demands: BTreeMap<MoveId, f64>,
    /// The shares or amounts that its parts say.
    pub said: BTreeMap<MoveId, Vec<f64>>,
    /// How each state with a `rate` changes, by the number of the update.
    pub rates: BTreeMap<usize, f64>,
}

impl Oracle<'_> {
    /// Goes through the stages of a step.
    pub(super) fn stages(&mut self) {
        let all: &[u64] = match self.model.clock.method {
            Method::Euler => return,
            Method::Rk2 => &[0, 2],
            Method::Rk4 => &[0, 1, 1, 2],
        };
        let (row, now) = (self.holdings(), self.now.clone());
        let mut found: Vec<Slopes> = Vec::new();
        for halves in all {
            self.halves = *halves;
            if let Some(before) = found.last() {
                self.hold(&row);
                let ahead = self.ahead(before);
                self.hold(&(ahead, BTreeMap::new()));
            }
            let slopes = self.slopes(found.is_empty());
            found.push(slopes);
        }
        self.halves = 0;
        self.hold(&row);
        self.now = now;
        self.combined = self.together(&found);
    }

    /// Stocks and states at a stage: as far from the row as the stage before it says.
    fn ahead(&self, before: &Slopes) -> Vec<f64> {
        let model = self.model;
        let h = model.clock.dt * if self.halves == 2 { 1.0 } else { 0.5 };
        let mut ahead = self.holdings().0;
        for (s, stock) in model.stocks.iter().enumerate() {
            let value = &mut ahead[stock.cell.0 as usize];
            for (id, demand) in &before.demands {
                let m = &model.moves[id.0 as usize];
                for (part, amount) in model.parts(m).iter().zip(parts(m, *demand, &before.said[id])) {
                    if part.to == Some(s) {
                        *value += h * amount;
                    }
                }
            }
            for (id, demand) in &before.demands {
                if model.moves[id.0 as usize].from == Some(s) {
                    *value -= h * demand;
                }
            }
        }
        for (i, rate) in &before.rates {
            ahead[model.updates[*i].cell.0 as usize] += h * rate;
        }
        ahead
    }

    /// What a stage finds. Names of moves mean what they ask for; transfers ask for what they do in the row.
    fn slopes(&mut self, first: bool) -> Slopes {
        let model = self.model;
        let mut slopes = Slopes::default();
        for work in model.work.iter().flatten() {
            match *work {
                Work::Demand(id) => {
                    let m = &model.moves[id.0 as usize];
                    if !m.flow && !first {
                        continue;
                    }
                    let holds = m.condition.is_none_or(|c| self.eval(c) != 0.0)
                        && !(m.once && self.done.contains(&Moved { id, member: None }));
                    let mut demand = if holds { self.eval(m.amount) } else { 0.0 };
                    if !first && !m.two_way && demand < 0.0 && model.limits_flows() {
                        // No stage knows of limits: what seems to run backward would ask for nothing.
                        demand = 0.0;
                    }
                    let moved = Moved { id, member: None };
                    self.now.asked.insert(moved, demand);
                    self.now.taken.insert(moved, demand);
                    if holds {
                        self.now.holds.insert(moved);
                    }
                    if m.flow {
                        let said = model.parts(m).iter().filter_map(|p| p.share).map(|e| self.eval(e)).collect();
                        slopes.demands.insert(id, demand);
                        slopes.said.insert(id, said);
                    }
                }
                Work::Trade(t) => {
                    let leg = model.trades[t.0 as usize].legs.first();
                    let holds = leg.is_some_and(|leg| self.now.holds.contains(&Moved { id: *leg, member: None }));
                    self.now.factors.insert((t, None), if holds { 1.0 } else { 0.0 });
                }
                Work::Take(_) | Work::Fact(_) | Work::Draw(_) => {}
            }
        }
        for (i, update) in model.updates.iter().enumerate().filter(|(_, u)| u.rate) {
            slopes.rates.insert(i, self.eval(update.value));
        }
        slopes
    }

    /// What all stages come to.
    fn together(&self, found: &[Slopes]) -> Slopes {
        let mut all = Slopes::default();
        for id in found[0].demands.keys() {
            let demands: Vec<f64> = found.iter().map(|s| s.demands[id]).collect();
            let demand = mean(&demands);
            let said = (0..found[0].said[id].len()).map(|part| {
                let said: Vec<f64> = found.iter().map(|s| s.said[id][part]).collect();
                if self.model.moves[id.0 as usize].amounts {
                    return mean(&said);
                }
                // A share weighs as much as what it is a share of.
                if said.iter().all(|s| *s == said[0]) || demand == 0.0 || demands.iter().any(|d| *d < 0.0) {
                    return said[0];
                }
                let amounts: Vec<f64> = said.iter().zip(&demands).map(|(s, d)| s * d).collect();
                mean(&amounts) / demand
            });
            all.said.insert(*id, said.collect());
            all.demands.insert(*id, demand);
        }
        for i in found[0].rates.keys() {
            let rates: Vec<f64> = found.iter().map(|s| s.rates[i]).collect();
            all.rates.insert(*i, mean(&rates));
        }
        all
    }
}

/// The mean of the stages, with the weights of the method.
fn mean(stages: &[f64]) -> f64 {
    match stages {
        [a, b] => (a + b) / 2.0,
        [a, b, c, d] => (((a + 2.0 * b) + 2.0 * c) + d) * (1.0 / 6.0),
        _ => f64::NAN,
    }
}

/// What each part of a flow would get of what it asks for; nothing is checked, and the last has what the others leave.
fn parts(m: &Move, demand: f64, said: &[f64]) -> Vec<f64> {
    let others = (m.parts.1 - m.parts.0) as usize - 1;
    let mut parts: Vec<f64> = said.iter().take(others).map(|s| if m.amounts { *s } else { s * demand }).collect();
    parts.push(parts.iter().fold(demand, |rest, part| rest - part));
    parts
}
