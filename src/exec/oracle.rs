//! The slow and obvious evaluator: the truth in tests.
//!
//! Every expression is walked each time it is wanted, every rule stands as the language tells it. Nothing is compiled,
//! hoisted or shared with [`super::Program`].

use std::collections::BTreeMap;

use super::{Balance, Extremes, Fault, FaultKind, Outcome, Value};
use crate::builtins::{Accumulator, Item, power};
use crate::ir::{Binary, CellId, Expr, ExprId, Model, MoveId, Opened, ShortKind, Summed, Unary, event_hits, rounding};

struct Oracle<'m> {
    model: &'m Model,
    step: u64,
    params: Vec<f64>,
    cells: Vec<f64>,
    /// What each move asked for and got, per time for flows; a move that is not worked out yet is absent.
    asked: BTreeMap<MoveId, f64>,
    taken: BTreeMap<MoveId, f64>,
    /// The amounts of the step: what is wanted, and what is got.
    wanted: BTreeMap<MoveId, f64>,
    got: BTreeMap<MoveId, f64>,
    probes: Vec<f64>,
    done: Vec<bool>,
    peaks: Vec<f64>,
    balances: Vec<Balance>,
    short: Vec<u64>,
    /// In the last row nothing can fail.
    last: bool,
}

type Checked<T> = Result<T, FaultKind>;

/// Runs a model once.
pub fn run(model: &Model) -> Outcome {
    let n = model.stocks.len();
    let mut oracle = Oracle {
        step: 0,
        params: vec![f64::NAN; model.params],
        cells: vec![0.0; model.cells],
        asked: BTreeMap::new(),
        taken: BTreeMap::new(),
        wanted: BTreeMap::new(),
        got: BTreeMap::new(),
        probes: vec![f64::NAN; model.probes.len()],
        done: vec![false; model.moves.len()],
        peaks: vec![0.0; n],
        balances: vec![Balance::default(); model.assets.len()],
        short: vec![0; model.moves.len()],
        last: false,
        model,
    };
    let mut out = Outcome { columns: vec![Vec::new(); model.columns.len()], ..Outcome::default() };
    let mut accumulators: Vec<Accumulator> = model.probes.iter().map(|p| Accumulator::new(p.reducer)).collect();
    let failed = oracle.all(&mut out, &mut accumulators).err();
    out.params.clone_from(&oracle.params);
    out.short.clone_from(&oracle.short);
    oracle.close();
    out.assets.clone_from(&oracle.balances);
    out.fault = failed.map(|kind| Fault { step: oracle.step, kind }).or_else(|| oracle.audit());
    out.metrics = if out.fault.is_some() {
        vec![f64::NAN; model.metrics.len()]
    } else {
        oracle.probes = accumulators.iter().map(Accumulator::finish).collect();
        model.metrics.iter().map(|m| oracle.eval(m.value)).collect()
    };
    out
}

impl Oracle<'_> {
    fn all(&mut self, out: &mut Outcome, accumulators: &mut [Accumulator]) -> Checked<()> {
        self.open(out)?;
        let clock = &self.model.clock;
        for k in 0..=clock.steps {
            self.step = k;
            self.last = k == clock.steps;
            if k > 0 {
                let before: Vec<f64> = self.model.shifts.iter().map(|(_, from)| self.cell(*from)).collect();
                for ((to, _), value) in self.model.shifts.iter().zip(before) {
                    self.cells[to.0 as usize] = value;
                }
            }
            // What a dated transfer sees of this row is how it stands before.
            self.remember(false);
            self.asked.clear();
            self.taken.clear();
            self.wanted.clear();
            self.got.clear();
            self.dated()?;
            self.remember(false);
            let stocks = self.model.stocks.iter().map(|s| s.cell).zip(&mut out.stocks);
            let states = self.model.states.iter().map(|s| s.0).zip(&mut out.states);
            for (cell, e) in stocks.chain(states) {
                let value = self.cells[cell.0 as usize];
                e.last = value;
                if k == 0 {
                    (e.low, e.high) = (value, value);
                }
                e.low = if value < e.low { value } else { e.low };
                e.high = if value > e.high { value } else { e.high };
            }
            let outcome = self.row(k, out, accumulators);
            if let Err(fault) = outcome {
                self.keep(k, out, false);
                return Err(fault);
            }
        }
        Ok(())
    }

    /// Row k and the step that starts there.
    fn row(&mut self, k: u64, out: &mut Outcome, accumulators: &mut [Accumulator]) -> Checked<()> {
        let model = self.model;
        for (i, bound) in model.bounds.iter().enumerate() {
            self.bound(false, i, bound)?;
        }
        self.asserts(false)?;
        self.probe(k, accumulators, false);
        // Demands, and what they get, are worked out when asked for; here each is asked for.
        let undated: Vec<MoveId> = self.moves(|m| m.event.is_none());
        for work in &model.work {
            match work {
                crate::ir::Work::Demand(m) => self.ask(*m)?,
                crate::ir::Work::Take(m) => self.take(*m, &undated),
            }
        }
        let settled = if self.last { None } else { Some(self.settle(&undated)?) };
        self.remember(true);
        self.asserts(true)?;
        self.probe(k, accumulators, true);
        if model.clock.kept(k) {
            self.keep(k, out, true);
        }
        let Some(stocks) = settled else { return Ok(()) };
        let updates: Vec<Option<f64>> = model
            .updates
            .iter()
            .map(|u| {
                if let Some(every) = u.every
                    && !event_hits(&model.clock, k + 1, model.clock.start, Some(self.eval(every)), None)
                {
                    return None;
                }
                let value = self.eval(u.value);
                Some(if u.rate { self.cell(u.cell) + model.clock.dt * value } else { value })
            })
            .collect();
        // Rates may read sums: all rates first.
        let rates: Vec<(CellId, f64)> = model
            .sums
            .iter()
            .filter_map(|s| match s.what {
                Summed::Rate(e) => Some((s.cell, self.eval(e))),
                Summed::Move(_) => None,
            })
            .collect();
        self.sum(&undated);
        for (cell, rate) in rates {
            self.cells[cell.0 as usize] += rate * model.clock.dt;
        }
        self.commit(&undated, stocks)?;
        for (i, (update, value)) in model.updates.iter().zip(updates).enumerate() {
            let Some(value) = value else { continue };
            if !value.is_finite() {
                return Err(FaultKind::NotFinite { what: Value::State(i), value });
            }
            self.cells[update.cell.0 as usize] = value;
        }
        Ok(())
    }

    fn open(&mut self, out: &mut Outcome) -> Checked<()> {
        for (i, (to, e, _)) in self.model.opening.iter().enumerate() {
            let value = self.eval(*e);
            match to {
                Opened::Param(p) => self.params[*p as usize] = value,
                Opened::Cell(c) => {
                    if !value.is_finite() {
                        return Err(FaultKind::NotFinite { what: Value::Opening(i), value });
                    }
                    self.cells[c.0 as usize] = value;
                }
            }
        }
        for (i, bound) in self.model.start_bounds.iter().enumerate() {
            self.bound(true, i, bound)?;
        }
        for (i, stock) in self.model.stocks.iter().enumerate() {
            let value = self.cell(stock.cell);
            out.stocks.push(Extremes::new(value));
            self.peaks[i] = value.abs();
            if value < 0.0 && !stock.signed {
                return Err(FaultKind::OpensBelowZero { stock: i, value });
            }
        }
        out.states = self.model.states.iter().map(|(cell, _)| Extremes::new(self.cell(*cell))).collect();
        for total in &self.model.totals {
            let mut sum = 0.0;
            let mut size = 0.0;
            for s in &total.stocks {
                sum += self.cell(self.model.stocks[*s].cell);
                size += self.cell(self.model.stocks[*s].cell).abs();
            }
            let stated = self.eval(total.total);
            let off = (sum - stated).abs();
            if off.is_nan() || off > super::AUDIT * size.max(stated.abs()) {
                return Err(FaultKind::OpeningTotal { conserve: total.conserve, sum, total: stated });
            }
        }
        for (i, asset) in self.model.assets.iter().enumerate() {
            let opened = self.held(asset, |v| v);
            self.balances[i] = Balance { opened, scale: self.held(asset, f64::abs), ..Balance::default() };
        }
        Ok(())
    }

    fn held(&self, asset: &crate::ir::Asset, size: fn(f64) -> f64) -> f64 {
        let mut sum = 0.0;
        for s in &asset.stocks {
            sum += size(self.cell(self.model.stocks[*s].cell));
        }
        sum
    }

    fn bound(&self, start: bool, i: usize, bound: &crate::ir::Bound) -> Checked<()> {
        let (value, low, high) = (self.eval(bound.value), self.eval(bound.low), self.eval(bound.high));
        if value >= low && value <= high { Ok(()) } else { Err(FaultKind::Bound { start, bound: i, value, low, high }) }
    }

    fn asserts(&self, after_moves: bool) -> Checked<()> {
        for (i, assert) in self.model.asserts.iter().enumerate().filter(|(_, a)| a.after_moves == after_moves) {
            // What hangs on moves is seen in steps, and the last row starts none.
            if !(self.last && after_moves) && self.eval(assert.condition) == 0.0 {
                return Err(FaultKind::Assert { assert: i });
            }
        }
        Ok(())
    }

    fn remember(&mut self, after_moves: bool) {
        for row in self.model.rows.iter().filter(|r| r.after_moves == after_moves) {
            if !row.first || self.step == 0 {
                self.cells[row.cell.0 as usize] = self.eval(row.value);
            }
        }
    }

    fn probe(&self, k: u64, accumulators: &mut [Accumulator], after_moves: bool) {
        let clock = &self.model.clock;
        for (probe, accumulator) in self.model.probes.iter().zip(accumulators) {
            if probe.after_moves != after_moves {
                continue;
            }
            let window = probe.window.map(|(a, b)| (self.eval(a), self.eval(b)));
            let (mut first, mut last) = crate::ir::window(clock, window, probe.steps_only);
            if let Some(at) = probe.at {
                let step = crate::builtins::event_step(self.eval(at), clock.start, clock.dt);
                if step != k as f64 {
                    continue;
                }
                (first, last) = (first.max(k), last.min(k));
            }
            if first <= k && k <= last {
                let dt = if probe.amounts { 1.0 } else { clock.dt };
                accumulator.push(self.eval(probe.value), clock.time(k), dt);
            }
        }
    }

    fn keep(&self, k: u64, out: &mut Outcome, whole: bool) {
        if out.steps.last() == Some(&k) {
            return;
        }
        out.steps.push(k);
        for (column, values) in self.model.columns.iter().zip(&mut out.columns) {
            values.push(if whole || !column.after_moves { self.eval(column.value) } else { f64::NAN });
        }
    }

    fn moves(&self, which: impl Fn(&crate::ir::Move) -> bool) -> Vec<MoveId> {
        self.model.moves.iter().enumerate().filter(|(_, m)| which(m)).map(|(i, _)| MoveId(i as u32)).collect()
    }

    fn dated(&mut self) -> Checked<()> {
        let clock = &self.model.clock;
        let all = self.moves(|m| m.event.is_some());
        let mut due = Vec::new();
        for m in all {
            let Some(event) = self.model.moves[m.0 as usize].event else { continue };
            let (period, last) = (event.period.map(|e| self.eval(e)), event.last.map(|e| self.eval(e)));
            if event_hits(clock, self.step, self.eval(event.first), period, last) {
                due.push(m);
            } else {
                self.asked.insert(m, 0.0);
                self.taken.insert(m, 0.0);
            }
        }
        // A dated transfer counts even where the row is the last.
        let last = std::mem::replace(&mut self.last, false);
        for m in &due {
            self.ask(*m)?;
        }
        for m in &due {
            self.take(*m, &due);
        }
        let stocks = self.settle(&due)?;
        self.sum(&due);
        self.commit(&due, stocks)?;
        self.last = last;
        Ok(())
    }

    /// What a move asks for.
    fn ask(&mut self, id: MoveId) -> Checked<()> {
        let m = &self.model.moves[id.0 as usize];
        let holds = m.condition.is_none_or(|c| self.eval(c) != 0.0) && !(m.once && self.done[id.0 as usize]);
        let mut value = if holds { self.eval(m.amount) } else { 0.0 };
        let dt = if m.flow { self.model.clock.dt } else { 1.0 };
        if !self.last {
            if !value.is_finite() {
                return Err(FaultKind::NotFinite { what: Value::Move(id), value });
            }
            if value < 0.0 {
                let peak = m.from.or(m.to).map_or(0.0, |s| self.peaks[s]);
                if value * dt < -rounding(self.step) * peak {
                    return Err(FaultKind::Backward { moved: id, value });
                }
                value = 0.0;
            }
            if m.once && holds {
                self.done[id.0 as usize] = true;
            }
        }
        self.asked.insert(id, value);
        self.wanted.insert(id, value * dt);
        Ok(())
    }

    /// What a move gets, given those that move at the same time.
    fn take(&mut self, id: MoveId, together: &[MoveId]) {
        let m = &self.model.moves[id.0 as usize];
        let asked = self.asked.get(&id).copied().unwrap_or(0.0);
        let wanted = self.wanted(id);
        let mut amount = wanted;
        if let (Some(short), Some(source)) = (m.short, m.from) {
            let room = self.room(source, together);
            amount = self.share(id, short, source, room, together);
        }
        let value = if amount == wanted {
            asked
        } else if m.flow {
            amount / self.model.clock.dt
        } else {
            amount
        };
        self.taken.insert(id, value);
        self.got.insert(id, amount);
        // What is missing by rounding is no cap.
        let peak = m.from.map_or(0.0, |s| self.peaks[s]);
        if wanted - amount > rounding(self.step) * peak && !self.last {
            self.short[id.0 as usize] += 1;
        }
    }

    fn wanted(&self, id: MoveId) -> f64 {
        self.wanted.get(&id).copied().unwrap_or(0.0)
    }

    fn got(&self, id: MoveId) -> f64 {
        self.got.get(&id).copied().unwrap_or(0.0)
    }

    /// What a source has for capped moves.
    fn room(&self, source: usize, together: &[MoveId]) -> f64 {
        let mut room = self.cell(self.model.stocks[source].cell);
        let uncapped = |id: &&MoveId| self.model.moves[id.0 as usize].short.is_none();
        for id in together.iter().filter(uncapped) {
            if self.model.moves[id.0 as usize].to == Some(source) {
                room += self.wanted(*id);
            }
        }
        for id in together.iter().filter(uncapped) {
            if self.model.moves[id.0 as usize].from == Some(source) {
                room -= self.wanted(*id);
            }
        }
        if room > 0.0 { room } else { 0.0 }
    }

    fn share(&self, id: MoveId, short: ShortKind, source: usize, room: f64, together: &[MoveId]) -> f64 {
        let of = |kind: ShortKind| {
            let model = self.model;
            together.iter().copied().filter(move |m| {
                model.moves[m.0 as usize].from == Some(source) && model.moves[m.0 as usize].short == Some(kind)
            })
        };
        let mut left = room;
        for m in of(ShortKind::CappedFirst) {
            let wanted = self.wanted(m);
            let got = if wanted < left { wanted } else { left };
            if m == id {
                return got;
            }
            left -= got;
        }
        let mut wanted = 0.0;
        for m in of(ShortKind::Capped) {
            wanted += self.wanted(m);
        }
        let factor = if wanted > left { left / wanted } else { 1.0 };
        if short == ShortKind::Capped {
            return self.wanted(id) * factor;
        }
        for m in of(ShortKind::Capped) {
            left -= self.wanted(m) * factor;
        }
        for m in of(ShortKind::OrSkip) {
            let got = if self.wanted(m) <= left { self.wanted(m) } else { 0.0 };
            if m == id {
                return got;
            }
            left -= got;
        }
        0.0
    }

    /// What really moves, with shortages by rounding trimmed; and what each stock then holds.
    fn settle(&mut self, together: &[MoveId]) -> Checked<Vec<f64>> {
        let model = self.model;
        let mut emptied = vec![false; model.stocks.len()];
        for _ in 0..=model.stocks.len() {
            let mut trimmed = false;
            for (s, stock) in model.stocks.iter().enumerate() {
                if stock.signed || emptied[s] {
                    continue;
                }
                let (held, with) = self.held_with_inflows(s, together);
                let mut after = with;
                let outs: Vec<MoveId> =
                    together.iter().copied().filter(|m| model.moves[m.0 as usize].from == Some(s)).collect();
                for m in &outs {
                    after -= self.got(*m);
                }
                if after >= 0.0 || after.is_nan() {
                    continue;
                }
                let size = if with > self.peaks[s] { with } else { self.peaks[s] };
                if -after > rounding(self.step) * size {
                    let outflows = outs.iter().map(|m| (*m, self.got(*m))).collect();
                    return Err(FaultKind::Overdraw { stock: s, held, inflows: with - held, outflows });
                }
                let mut largest: Option<MoveId> = None;
                for m in &outs {
                    if largest.is_none_or(|l| self.got(*m) >= self.got(l)) {
                        largest = Some(*m);
                    }
                }
                let mut rest = with;
                for m in outs.iter().filter(|m| Some(**m) != largest) {
                    rest -= self.got(*m);
                }
                if let Some(m) = largest {
                    let amount = if rest > 0.0 { rest } else { 0.0 };
                    self.got.insert(m, amount);
                    let value = if model.moves[m.0 as usize].flow { amount / model.clock.dt } else { amount };
                    self.taken.insert(m, value);
                }
                emptied[s] = true;
                trimmed = true;
            }
            if !trimmed {
                break;
            }
        }
        let after = (0..model.stocks.len()).map(|s| {
            let (_, mut value) = self.held_with_inflows(s, together);
            for m in together.iter().filter(|m| model.moves[m.0 as usize].from == Some(s)) {
                value -= self.got(*m);
            }
            if emptied[s] { 0.0 } else { value }
        });
        Ok(after.collect())
    }

    fn held_with_inflows(&self, s: usize, together: &[MoveId]) -> (f64, f64) {
        let held = self.cell(self.model.stocks[s].cell);
        let mut with = held;
        for m in together.iter().filter(|m| self.model.moves[m.0 as usize].to == Some(s)) {
            with += self.got(*m);
        }
        (held, with)
    }

    fn sum(&mut self, together: &[MoveId]) {
        for sum in &self.model.sums {
            if let Summed::Move(m) = sum.what
                && together.contains(&m)
            {
                self.cells[sum.cell.0 as usize] += self.got(m);
            }
        }
    }

    fn commit(&mut self, together: &[MoveId], stocks: Vec<f64>) -> Checked<()> {
        let model = self.model;
        for (s, value) in stocks.into_iter().enumerate() {
            if !value.is_finite() {
                return Err(FaultKind::NotFinite { what: Value::Stock(s), value });
            }
            self.cells[model.stocks[s].cell.0 as usize] = value;
            self.peaks[s] = if value.abs() > self.peaks[s] { value.abs() } else { self.peaks[s] };
        }
        for (i, asset) in model.assets.iter().enumerate() {
            for id in together {
                let m = &model.moves[id.0 as usize];
                let amount = self.got(*id);
                match (m.from, m.to) {
                    (None, Some(to)) if asset.stocks.contains(&to) => self.balances[i].inflow += amount,
                    (Some(from), None) if asset.stocks.contains(&from) => self.balances[i].outflow += amount,
                    _ => {}
                }
            }
            let size = self.held(asset, f64::abs) + self.balances[i].inflow + self.balances[i].outflow;
            let scale = &mut self.balances[i].scale;
            *scale = if size > *scale { size } else { *scale };
        }
        Ok(())
    }

    fn close(&mut self) {
        for (i, asset) in self.model.assets.iter().enumerate() {
            self.balances[i].closed = self.held(asset, |v| v);
        }
    }

    fn audit(&self) -> Option<Fault> {
        let broken = self.balances.iter().position(|b| !b.holds(self.step))?;
        Some(Fault { step: self.step, kind: FaultKind::Audit { asset: broken, gap: self.balances[broken].gap() } })
    }

    fn cell(&self, id: CellId) -> f64 {
        self.cells[id.0 as usize]
    }

    fn eval(&self, e: ExprId) -> f64 {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.eval_inner(e))
    }

    fn eval_inner(&self, e: ExprId) -> f64 {
        let truth = |b: bool| f64::from(u8::from(b));
        match self.model.expr(e) {
            Expr::Constant(v) => v,
            Expr::Param(p) => self.params[p as usize],
            Expr::Cell(c) => self.cell(c),
            Expr::Let(l) => self.eval(self.model.lets[l as usize].value),
            Expr::Time => self.model.clock.time(self.step),
            Expr::Step => self.step as f64,
            Expr::Taken(m) => self.taken.get(&m).copied().unwrap_or(f64::NAN),
            Expr::Asked(m) => self.asked.get(&m).copied().unwrap_or(f64::NAN),
            Expr::Probe(p) => self.probes[p as usize],
            Expr::Unary(Unary::Negate, a) => -self.eval(a),
            Expr::Unary(Unary::Not, a) => truth(self.eval(a) == 0.0),
            Expr::Binary(op, a, b) => {
                let (a, b) = (self.eval(a), self.eval(b));
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
                if self.eval(c) != 0.0 {
                    self.eval(a)
                } else {
                    self.eval(b)
                }
            }
            Expr::One(f, a) => f(self.eval(a)),
            Expr::Two(f, a, b) => f(self.eval(a), self.eval(b)),
            Expr::Three(f, a, b, c) => f(self.eval(a), self.eval(b), self.eval(c)),
            Expr::Clock(f, args) => f(args.map(|a| self.eval(a)), self.model.clock.instant(self.step)),
            Expr::Many(list) => {
                let list = &self.model.lists[list as usize];
                let is_in = |condition: Option<ExprId>| condition.is_none_or(|c| self.eval(c) != 0.0);
                let items: Vec<Item> = list
                    .items
                    .iter()
                    .filter(|i| is_in(i.condition))
                    .map(|i| Item { member: i.member, value: self.eval(i.value) })
                    .collect();
                match list.otherwise {
                    Some(otherwise) if items.is_empty() => self.eval(otherwise),
                    _ => (list.gather)(list.head.map_or(f64::NAN, |e| self.eval(e)), &items),
                }
            }
            Expr::Pick(pick) => {
                let pick = &self.model.picks[pick as usize];
                let at = self.eval(pick.at);
                let found = (0..pick.values.len()).find(|i| *i as f64 == at);
                self.eval(found.map_or(pick.otherwise, |i| pick.values[i]))
            }
            Expr::Curve(c, x) => self.model.curves[c as usize].at(self.eval(x)),
            Expr::Series(s) => self.model.series[s as usize].at(self.model.clock.instant(self.step)),
        }
    }
}
