//! Runs a [`Program`] once.

use super::program::{Limits, Op, Program, Stage, apply};
use super::settle::Edges;
use super::{AUDIT, Balance, Extremes, Fault, FaultKind, Outcome, Value};
use crate::builtins::{Accumulator, Instant, Item, event_step};
use crate::ir::{Model, Work, event_hits, window};

pub(super) struct Run<'p> {
    pub(super) program: &'p Program<'p>,
    pub(super) model: &'p Model,
    pub(super) regs: Vec<f64>,
    pub(super) instant: Instant,
    pub(super) step: u64,
    pub(super) last: bool,
    /// Amounts of the step, per move: what is wanted, and what is got.
    pub(super) wanted: Vec<f64>,
    pub(super) got: Vec<f64>,
    /// What each stock holds after the settlement.
    pub(super) after: Vec<f64>,
    pub(super) emptied: Vec<bool>,
    /// New values of states, on their way.
    pub(super) news: Vec<(usize, f64)>,
    pub(super) done: Vec<bool>,
    /// The step on which each dated transfer first falls.
    pub(super) dates: Vec<f64>,
    /// The asset of each stock.
    pub(super) asset: Vec<usize>,
    /// The values that a function of many looks at.
    pub(super) scratch: Vec<Item>,
    pub(super) peaks: Vec<f64>,
    pub(super) balances: Vec<Balance>,
    pub(super) short: Vec<u64>,
}

pub(super) type Checked<T> = Result<T, FaultKind>;

impl Program<'_> {
    /// Runs the model once.
    pub fn run(&self) -> Outcome {
        let model = self.model;
        let (stocks, moves) = (model.stocks.len(), model.moves.len());
        let mut run = Run {
            program: self,
            model,
            regs: self.registers.clone(),
            instant: model.clock.instant(0),
            step: 0,
            last: false,
            wanted: vec![0.0; moves],
            got: vec![0.0; moves],
            after: vec![0.0; stocks],
            emptied: vec![false; stocks],
            news: Vec::new(),
            done: vec![false; moves],
            dates: Vec::new(),
            asset: {
                let mut asset = vec![0; stocks];
                for (i, a) in model.assets.iter().enumerate() {
                    a.stocks.iter().for_each(|s| asset[*s] = i);
                }
                asset
            },
            scratch: Vec::new(),
            peaks: vec![0.0; stocks],
            balances: vec![Balance::default(); model.assets.len()],
            short: vec![0; moves],
        };
        let mut out = Outcome { columns: vec![Vec::new(); model.columns.len()], ..Outcome::default() };
        let mut accumulators: Vec<Accumulator> = model.probes.iter().map(|p| Accumulator::new(p.reducer)).collect();
        let failed = run.all(&mut out, &mut accumulators).err();
        run.finish(failed, &mut out, &accumulators);
        out
    }
}

impl Run<'_> {
    fn exec(&mut self, range: &std::ops::Range<usize>) {
        run_code(self.program, range, &mut self.regs, self.instant, &mut self.scratch);
    }

    pub(super) fn reg(&self, r: u32) -> f64 {
        self.regs[r as usize]
    }

    pub(super) fn stock(&self, s: usize) -> f64 {
        self.regs[self.model.stocks[s].cell.0 as usize]
    }

    pub(super) fn taken_reg(&self, m: u32) -> usize {
        self.program.params.end + m as usize
    }

    pub(super) fn asked_reg(&self, m: u32) -> usize {
        self.taken_reg(m) + self.model.moves.len()
    }

    fn all(&mut self, out: &mut Outcome, accumulators: &mut [Accumulator]) -> Checked<()> {
        self.open(out)?;
        let (program, model) = (self.program, self.model);
        let clock = &model.clock;
        let of = |dated: bool| {
            (0..model.moves.len() as u32).filter(|m| model.moves[*m as usize].event.is_some() == dated).collect()
        };
        let mut undated = Edges::new(model, of(false), &self.asset);
        let dated: Vec<u32> = of(true);
        // What a run looks at and when does not change during it.
        let windows: Vec<(u64, u64)> = program
            .probes
            .iter()
            .zip(&model.probes)
            .map(|(regs, probe)| {
                let whole = regs.window.map(|(a, b)| (self.reg(a), self.reg(b)));
                let (first, last) = window(clock, whole, probe.steps_only);
                let Some(at) = regs.at else { return (first, last) };
                let at = event_step(self.reg(at), clock.start, clock.dt);
                if at >= first as f64 && at <= last as f64 { (at as u64, at as u64) } else { (1, 0) }
            })
            .collect();
        self.dates = program.dated.iter().map(|d| event_step(self.reg(d.first), clock.start, clock.dt)).collect();
        for k in 0..=clock.steps {
            self.step = k;
            self.last = k == clock.steps;
            self.instant = clock.instant(k);
            self.regs[program.time as usize] = self.instant.time;
            self.regs[program.step as usize] = self.instant.step;
            if k > 0 {
                for (to, from) in &model.shifts {
                    self.regs[to.0 as usize] = self.regs[from.0 as usize];
                }
            }
            if k == 0 || !dated.is_empty() {
                // What a dated transfer sees of this row is how it stands before.
                self.exec(&program.row);
            }
            if !dated.is_empty() {
                self.dated(&dated)?;
            }
            self.exec(&program.row);
            self.extremes(out);
            if let Err(fault) = self.row(k, &mut undated, &windows, out, accumulators) {
                if out.steps.last() != Some(&k) {
                    self.exec(&program.record_failed);
                    self.keep(k, out, true);
                }
                return Err(fault);
            }
        }
        Ok(())
    }

    fn extremes(&self, out: &mut Outcome) {
        let stocks = self.model.stocks.iter().map(|s| s.cell).zip(&mut out.stocks);
        let states = self.model.states.iter().map(|s| s.0).zip(&mut out.states);
        for (cell, e) in stocks.chain(states) {
            let value = self.regs[cell.0 as usize];
            e.last = value;
            // What a row shows counts, and not what there was before it.
            if self.step == 0 {
                (e.low, e.high) = (value, value);
            }
            e.low = if value < e.low { value } else { e.low };
            e.high = if value > e.high { value } else { e.high };
        }
    }

    fn keep(&self, k: u64, out: &mut Outcome, failed: bool) {
        out.steps.push(k);
        let regs = if failed { &self.program.failed_columns } else { &self.program.columns };
        for ((column, values), reg) in self.model.columns.iter().zip(&mut out.columns).zip(regs) {
            values.push(if failed && column.after_moves { f64::NAN } else { self.reg(*reg) });
        }
    }

    fn row(
        &mut self,
        k: u64,
        undated: &mut Edges,
        windows: &[(u64, u64)],
        out: &mut Outcome,
        accumulators: &mut [Accumulator],
    ) -> Checked<()> {
        let (program, model) = (self.program, self.model);
        undated.shares.fill(None);
        self.exec(&program.watch);
        for (i, limits) in program.bounds.iter().enumerate() {
            self.bound(false, i, limits)?;
        }
        self.asserts(false)?;
        self.probe(k, windows, accumulators, false);
        for stage in &program.stages {
            self.exec(&stage.code);
            match stage.work {
                Work::Demand(m) => self.ask(m.0, stage)?,
                Work::Take(m) => self.take(m.0, undated),
            }
        }
        if !self.last {
            self.settle(undated)?;
        }
        self.exec(&program.after);
        self.exec(&program.after_watch);
        self.asserts(true)?;
        self.probe(k, windows, accumulators, true);
        self.exec(&program.update);
        if model.clock.kept(k) {
            self.exec(&program.record);
            self.keep(k, out, false);
        }
        if self.last {
            return Ok(());
        }
        self.sum(undated);
        for (cell, rate) in &program.sums {
            self.regs[*cell as usize] += self.reg(*rate) * model.clock.dt;
        }
        // States read each other as they were: all new values first.
        let mut news = std::mem::take(&mut self.news);
        news.clear();
        news.extend(self.new_states(k));
        self.commit(undated)?;
        for &(i, value) in &news {
            if !value.is_finite() {
                return Err(FaultKind::NotFinite { what: Value::State(i), value });
            }
            self.regs[program.states[i].cell as usize] = value;
        }
        self.news = news;
        Ok(())
    }

    /// The states that change with this step, and to what.
    fn new_states(&self, k: u64) -> impl Iterator<Item = (usize, f64)> + '_ {
        let clock = &self.model.clock;
        self.program.states.iter().enumerate().filter_map(move |(i, state)| {
            if let Some(every) = state.every
                && !event_hits(clock, k + 1, clock.start, Some(self.reg(every)), None)
            {
                return None;
            }
            let value = self.reg(state.value);
            Some((i, if state.rate { self.reg(state.cell) + clock.dt * value } else { value }))
        })
    }

    fn open(&mut self, out: &mut Outcome) -> Checked<()> {
        let (program, model) = (self.program, self.model);
        self.regs[program.time as usize] = self.instant.time;
        for (i, (code, value, to)) in program.openings.iter().enumerate() {
            self.exec(code);
            let value = self.reg(*value);
            let param = program.params.contains(&(*to as usize));
            if !param && !value.is_finite() {
                return Err(FaultKind::NotFinite { what: Value::Opening(i), value });
            }
            self.regs[*to as usize] = value;
        }
        self.exec(&program.once);
        for (i, limits) in program.start_bounds.iter().enumerate() {
            self.bound(true, i, limits)?;
        }
        for (i, stock) in model.stocks.iter().enumerate() {
            let value = self.stock(i);
            out.stocks.push(Extremes::new(value));
            self.peaks[i] = value.abs();
            if value < 0.0 && !stock.signed {
                return Err(FaultKind::OpensBelowZero { stock: i, value });
            }
        }
        out.states = model.states.iter().map(|(cell, _)| Extremes::new(self.reg(cell.0))).collect();
        for (total, reg) in model.totals.iter().zip(&program.totals) {
            let (mut sum, mut size) = (0.0, 0.0);
            for s in &total.stocks {
                sum += self.stock(*s);
                size += self.stock(*s).abs();
            }
            let stated = self.reg(*reg);
            let off = (sum - stated).abs();
            if off.is_nan() || off > AUDIT * size.max(stated.abs()) {
                return Err(FaultKind::OpeningTotal { conserve: total.conserve, sum, total: stated });
            }
        }
        for i in 0..model.assets.len() {
            self.balances[i] = Balance { opened: self.held(i).0, scale: self.held(i).1, ..Balance::default() };
        }
        Ok(())
    }

    /// What the stocks of an asset hold together, and the sum of their sizes.
    pub(super) fn held(&self, asset: usize) -> (f64, f64) {
        let (mut sum, mut size) = (0.0, 0.0);
        for s in &self.model.assets[asset].stocks {
            let value = self.stock(*s);
            sum += value;
            size += value.abs();
        }
        (sum, size)
    }

    fn bound(&self, start: bool, i: usize, limits: &Limits) -> Checked<()> {
        let (value, low, high) = (self.reg(limits.value), self.reg(limits.low), self.reg(limits.high));
        if value >= low && value <= high { Ok(()) } else { Err(FaultKind::Bound { start, bound: i, value, low, high }) }
    }

    fn asserts(&self, after_moves: bool) -> Checked<()> {
        if after_moves && self.last {
            return Ok(());
        }
        for (i, (assert, reg)) in self.model.asserts.iter().zip(&self.program.asserts).enumerate() {
            if assert.after_moves == after_moves && self.reg(*reg) == 0.0 {
                return Err(FaultKind::Assert { assert: i });
            }
        }
        Ok(())
    }

    fn probe(&self, k: u64, windows: &[(u64, u64)], accumulators: &mut [Accumulator], after_moves: bool) {
        let clock = &self.model.clock;
        for (i, probe) in self.model.probes.iter().enumerate().filter(|(_, p)| p.after_moves == after_moves) {
            let regs = &self.program.probes[i];
            let (first, last) = windows[i];
            if first <= k && k <= last {
                let dt = if probe.amounts { 1.0 } else { clock.dt };
                accumulators[i].push(self.reg(regs.value), self.instant.time, dt);
            }
        }
    }

    fn dated(&mut self, all: &[u32]) -> Checked<()> {
        let (program, clock) = (self.program, &self.model.clock);
        let mut due = Vec::new();
        for (dated, date) in program.dated.iter().zip(&self.dates) {
            let hits = match dated.period.map(|r| self.reg(r)) {
                None => *date == self.step as f64,
                period => {
                    let last = dated.last.map(|r| self.reg(r));
                    event_hits(clock, self.step, self.reg(dated.first), period, last)
                }
            };
            if hits {
                due.push(dated);
            }
        }
        for m in all {
            let (taken, asked) = (self.taken_reg(*m), self.asked_reg(*m));
            (self.regs[taken], self.regs[asked]) = (0.0, 0.0);
        }
        if due.is_empty() {
            return Ok(());
        }
        let last = std::mem::replace(&mut self.last, false);
        for dated in &due {
            self.exec(&dated.code);
            let stage = Stage { code: 0..0, work: Work::Demand(dated.id), amount: dated.amount, condition: None };
            self.ask(dated.id.0, &stage)?;
        }
        let mut edges = Edges::new(self.model, due.iter().map(|d| d.id.0).collect(), &self.asset);
        for dated in &due {
            self.take(dated.id.0, &mut edges);
        }
        self.settle(&edges)?;
        self.sum(&edges);
        self.commit(&edges)?;
        self.last = last;
        Ok(())
    }

    fn finish(&mut self, failed: Option<FaultKind>, out: &mut Outcome, accumulators: &[Accumulator]) {
        let (program, model) = (self.program, self.model);
        for i in 0..self.balances.len() {
            self.balances[i].closed = self.held(i).0;
        }
        out.params = self.regs[program.params.clone()].to_vec();
        out.assets.clone_from(&self.balances);
        out.short.clone_from(&self.short);
        out.fault = failed.map(|kind| Fault { step: self.step, kind }).or_else(|| {
            let broken = self.balances.iter().position(|b| !b.holds(self.step))?;
            Some(Fault { step: self.step, kind: FaultKind::Audit { asset: broken, gap: self.balances[broken].gap() } })
        });
        if out.fault.is_some() {
            out.metrics = vec![f64::NAN; model.metrics.len()];
            return;
        }
        let first = program.time as usize + 2;
        for (i, accumulator) in accumulators.iter().enumerate() {
            self.regs[first + i] = accumulator.finish();
        }
        self.exec(&program.finish);
        out.metrics = program.metrics.iter().map(|r| self.reg(*r)).collect();
    }
}

fn run_code(program: &Program, range: &std::ops::Range<usize>, regs: &mut [f64], at: Instant, scratch: &mut Vec<Item>) {
    for inst in &program.code[range.clone()] {
        let value = match inst.op {
            Op::Many(list) => program.many[list as usize].value(regs, scratch),
            Op::Pick(pick) => program.picks[pick as usize].value(regs),
            Op::Curve(c) => program.model.curves[c as usize].at(regs[inst.a as usize]),
            Op::Series(s) => program.model.series[s as usize].at(at),
            op => {
                let operands = [regs[inst.a as usize], regs[inst.b as usize], regs[inst.c as usize]];
                apply(op, operands, at)
            }
        };
        regs[inst.to as usize] = value;
    }
}
