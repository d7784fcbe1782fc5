//! What moves in a step: what each move asks for, what it gets, and what the stocks then hold.
//!
//! In: the registers of a run with all demands worked out. Out: amounts on which both ends agree, committed at once.
//! Invariant: nothing unsigned goes below zero, and what a source gives is what its targets get. Absent on purpose: when
//! moves are worked out (see `run`).

use super::FaultKind;
use super::Value;
use super::program::Stage;
use super::run::{Checked, Run};
use crate::ir::{Model, MoveId, ShortKind, Summed, rounding};

/// The moves of one settlement, and which of them end in which stock.
#[derive(Default)]
pub(super) struct Edges {
    moves: Vec<u32>,
    /// Per stock, in order of declaration.
    ins: Groups,
    outs: Groups,
    /// Stocks that anything here touches.
    touched: Vec<u32>,
    /// Moves that cross the boundary, with the asset that they are of.
    crossing: Vec<(u32, usize, bool)>,
    /// What each stock has left for capped moves, as far as it is worked out.
    pub(super) shares: Vec<Option<Share>>,
    /// What those that are served in turn got, by the number of the move.
    served: Vec<f64>,
}

/// Moves by stock, in one stretch of memory.
#[derive(Default)]
struct Groups {
    starts: Vec<u32>,
    moves: Vec<u32>,
}

impl Groups {
    fn new(stocks: usize, moves: &[u32], end: impl Fn(u32) -> Option<usize>) -> Self {
        let mut starts = vec![0u32; stocks + 1];
        for s in moves.iter().filter_map(|m| end(*m)) {
            starts[s + 1] += 1;
        }
        for s in 0..stocks {
            starts[s + 1] += starts[s];
        }
        let (mut next, mut grouped) = (starts.clone(), vec![0; starts[stocks] as usize]);
        for &m in moves {
            if let Some(s) = end(m) {
                grouped[next[s] as usize] = m;
                next[s] += 1;
            }
        }
        Self { starts, moves: grouped }
    }

    fn of(&self, stock: usize) -> &[u32] {
        &self.moves[self.starts[stock] as usize..self.starts[stock + 1] as usize]
    }
}

/// What is left of a source for those that it serves in turn.
#[derive(Clone, Copy)]
pub(super) struct Share {
    left: f64,
    /// How many of its outflows have been passed in the search for those served first, and for those that skip.
    first: usize,
    skip: usize,
    /// The factor of those that share what is left.
    factor: Option<f64>,
    /// The amounts of those that share have been taken off for those that skip.
    shared: bool,
}

impl Edges {
    pub(super) fn new(model: &Model, moves: Vec<u32>, asset: &[usize]) -> Self {
        let n = model.stocks.len();
        let of = |id: u32| &model.moves[id as usize];
        let mut edges = Self {
            ins: Groups::new(n, &moves, |m| of(m).to),
            outs: Groups::new(n, &moves, |m| of(m).from),
            ..Self::default()
        };
        let mut touched = vec![false; n];
        for &id in &moves {
            let (from, to) = (of(id).from, of(id).to);
            from.into_iter().chain(to).for_each(|s| touched[s] = true);
            match (from, to) {
                (None, Some(s)) => edges.crossing.push((id, asset[s], true)),
                (Some(s), None) => edges.crossing.push((id, asset[s], false)),
                _ => {}
            }
        }
        edges.touched = (0..n as u32).filter(|s| touched[*s as usize]).collect();
        if moves.iter().any(|m| of(*m).short.is_some()) {
            edges.shares = vec![None; n];
            edges.served = vec![0.0; model.moves.len()];
        }
        edges.moves = moves;
        edges
    }
}

impl Run<'_> {
    /// What a move asks for.
    pub(super) fn ask(&mut self, id: u32, stage: &Stage) -> Checked<()> {
        let m = &self.model.moves[id as usize];
        let holds = stage.condition.is_none_or(|c| self.reg(c) != 0.0) && !(m.once && self.done[id as usize]);
        let mut value = if holds { self.reg(stage.amount) } else { 0.0 };
        let dt = if m.flow { self.model.clock.dt } else { 1.0 };
        if !self.last {
            if !value.is_finite() {
                return Err(FaultKind::NotFinite { what: Value::Move(MoveId(id)), value });
            }
            if value < 0.0 {
                let peak = m.from.or(m.to).map_or(0.0, |s| self.peaks[s]);
                if value * dt < -rounding(self.step) * peak {
                    return Err(FaultKind::Backward { moved: MoveId(id), value });
                }
                value = 0.0;
            }
            if m.once && holds {
                self.done[id as usize] = true;
            }
        }
        let (asked, taken) = (self.asked_reg(id), self.taken_reg(id));
        (self.regs[asked], self.regs[taken]) = (value, value);
        (self.wanted[id as usize], self.got[id as usize]) = (value * dt, value * dt);
        Ok(())
    }

    /// What a capped or skipped move gets; the others get what they ask for.
    pub(super) fn take(&mut self, id: u32, edges: &mut Edges) {
        let m = &self.model.moves[id as usize];
        let (Some(short), Some(source)) = (m.short, m.from) else { return };
        let wanted = self.wanted[id as usize];
        let amount = self.share(id, short, source, edges);
        self.got[id as usize] = amount;
        if amount != wanted {
            let taken = self.taken_reg(id);
            self.regs[taken] = if m.flow { amount / self.model.clock.dt } else { amount };
            // What is missing by rounding is no cap.
            if !self.last && wanted - amount > rounding(self.step) * self.peaks[source] {
                self.short[id as usize] += 1;
            }
        }
    }

    /// What a move gets of its source. Each source is gone through once a step: what has been served stays served.
    fn share(&self, id: u32, short: ShortKind, source: usize, edges: &mut Edges) -> f64 {
        let kind = |m: u32| self.model.moves[m as usize].short;
        let wanted = |m: u32| self.wanted[m as usize];
        let (ins, outs) = (edges.ins.of(source), edges.outs.of(source));
        let share = edges.shares[source].get_or_insert_with(|| {
            let mut left = self.stock(source);
            ins.iter().filter(|m| kind(**m).is_none()).for_each(|m| left += wanted(*m));
            outs.iter().filter(|m| kind(**m).is_none()).for_each(|m| left -= wanted(*m));
            Share { left: if left > 0.0 { left } else { 0.0 }, first: 0, skip: 0, factor: None, shared: false }
        });
        // Those served first come one after the other: up to this one, or all of them.
        let last = if short == ShortKind::CappedFirst { id } else { u32::MAX };
        while let Some(&m) = outs.get(share.first).filter(|m| **m <= last) {
            share.first += 1;
            if kind(m) == Some(ShortKind::CappedFirst) {
                let got = if wanted(m) < share.left { wanted(m) } else { share.left };
                share.left -= got;
                edges.served[m as usize] = got;
            }
        }
        if short == ShortKind::CappedFirst {
            return edges.served[id as usize];
        }
        let capped = || outs.iter().copied().filter(|m| kind(*m) == Some(ShortKind::Capped));
        let factor = *share.factor.get_or_insert_with(|| {
            let mut all = 0.0;
            capped().for_each(|m| all += wanted(m));
            if all > share.left { share.left / all } else { 1.0 }
        });
        if short == ShortKind::Capped {
            return wanted(id) * factor;
        }
        if !share.shared {
            capped().for_each(|m| share.left -= wanted(m) * factor);
            share.shared = true;
        }
        while let Some(&m) = outs.get(share.skip).filter(|m| **m <= id) {
            share.skip += 1;
            if kind(m) == Some(ShortKind::OrSkip) {
                let got = if wanted(m) <= share.left { wanted(m) } else { 0.0 };
                share.left -= got;
                edges.served[m as usize] = got;
            }
        }
        edges.served[id as usize]
    }

    /// What each stock holds afterwards; shortages by rounding are trimmed from what moves.
    pub(super) fn settle(&mut self, edges: &Edges) -> Checked<()> {
        let mut any = false;
        for &s in &edges.touched {
            let s = s as usize;
            self.emptied[s] = false;
            self.after[s] = self.balance(s, edges);
            any |= self.after[s] < 0.0 && !self.model.stocks[s].signed;
        }
        if any { self.trim(edges) } else { Ok(()) }
    }

    fn balance(&self, s: usize, edges: &Edges) -> f64 {
        let mut value = self.stock(s);
        for m in edges.ins.of(s) {
            value += self.got[*m as usize];
        }
        for m in edges.outs.of(s) {
            value -= self.got[*m as usize];
        }
        value
    }

    fn trim(&mut self, edges: &Edges) -> Checked<()> {
        for _ in 0..=self.model.stocks.len() {
            let mut trimmed = false;
            for &s in &edges.touched {
                let s = s as usize;
                if self.model.stocks[s].signed || self.emptied[s] {
                    continue;
                }
                let after = self.balance(s, edges);
                if after >= 0.0 || after.is_nan() {
                    continue;
                }
                let held = self.stock(s);
                let mut with = held;
                for m in edges.ins.of(s) {
                    with += self.got[*m as usize];
                }
                let size = if with > self.peaks[s] { with } else { self.peaks[s] };
                if -after > rounding(self.step) * size {
                    let outflows = edges.outs.of(s).iter().map(|m| (MoveId(*m), self.got[*m as usize])).collect();
                    return Err(FaultKind::Overdraw { stock: s, held, inflows: with - held, outflows });
                }
                let Some(largest) = edges
                    .outs
                    .of(s)
                    .iter()
                    .copied()
                    .reduce(|a, b| if self.got[b as usize] >= self.got[a as usize] { b } else { a })
                else {
                    continue;
                };
                let mut rest = with;
                for m in edges.outs.of(s).iter().filter(|m| **m != largest) {
                    rest -= self.got[*m as usize];
                }
                let amount = if rest > 0.0 { rest } else { 0.0 };
                self.got[largest as usize] = amount;
                let taken = self.taken_reg(largest);
                self.regs[taken] =
                    if self.model.moves[largest as usize].flow { amount / self.model.clock.dt } else { amount };
                self.emptied[s] = true;
                trimmed = true;
            }
            if !trimmed {
                break;
            }
        }
        for &s in &edges.touched {
            let s = s as usize;
            self.after[s] = if self.emptied[s] { 0.0 } else { self.balance(s, edges) };
        }
        Ok(())
    }

    pub(super) fn sum(&mut self, edges: &Edges) {
        for sum in &self.model.sums {
            if let Summed::Move(m) = sum.what
                && edges.moves.binary_search(&m.0).is_ok()
            {
                self.regs[sum.cell.0 as usize] += self.got[m.0 as usize];
            }
        }
    }

    pub(super) fn commit(&mut self, edges: &Edges) -> Checked<()> {
        for &s in &edges.touched {
            let s = s as usize;
            let value = self.after[s];
            if !value.is_finite() {
                return Err(FaultKind::NotFinite { what: Value::Stock(s), value });
            }
            self.regs[self.model.stocks[s].cell.0 as usize] = value;
            if value.abs() > self.peaks[s] {
                self.peaks[s] = value.abs();
            }
        }
        for &(m, asset, inflow) in &edges.crossing {
            let balance = &mut self.balances[asset];
            *(if inflow { &mut balance.inflow } else { &mut balance.outflow }) += self.got[m as usize];
        }
        for i in 0..self.balances.len() {
            let size = self.held(i).1 + self.balances[i].inflow + self.balances[i].outflow;
            if size > self.balances[i].scale {
                self.balances[i].scale = size;
            }
        }
        Ok(())
    }
}
