//! Runs a [`Program`] once.

use super::program::{Limits, NewState, Op, Opening, Phase, Program, apply};
use super::settle::Edges;
use super::{AUDIT, Balance, Case, Drawn, Extremes, Fault, FaultKind, Outcome, Value};
use crate::builtins::philox::{Place, Stream, key};
use crate::builtins::{Accumulator, Instant, Item, event_step};
use crate::ir::{Column, How, Model, Move, MoveId, TradeId, Work, event_hits, window};

pub(super) struct Run<'p> {
    pub(super) program: &'p Program<'p>,
    pub(super) model: &'p Model,
    case: &'p Case,
    pub(super) regs: Vec<f64>,
    pub(super) instant: Instant,
    pub(super) step: u64,
    pub(super) last: bool,
    /// Amounts of the step, per move: what is wanted, and what is got.
    pub(super) wanted: Vec<f64>,
    pub(super) got: Vec<f64>,
    /// Its condition holds.
    pub(super) holds: Vec<bool>,
    /// Per part of a move: the share or amount that is written, and what it gets.
    pub(super) shares: Vec<f64>,
    pub(super) parts: Vec<f64>,
    /// What each stock holds after the settlement.
    pub(super) after: Vec<f64>,
    pub(super) emptied: Vec<bool>,
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
    pub(super) missed: Vec<f64>,
    pub(super) short_trades: Vec<u64>,
    /// Stocks and states as the row has them, while phases change them.
    start: Vec<f64>,
    /// And as they are when all phases have run.
    end: Vec<f64>,
    /// What a failure would find.
    moment: Moment,
    /// New values of states, on their way.
    news: Vec<(usize, f64)>,
    /// The ledger of the row.
    balanced: Vec<Balance>,
    /// Rows behind this one, by the number of their phase, until this one is kept.
    between: Vec<(usize, Vec<f64>)>,
}

/// Where in a row a run is.
#[derive(Clone, Copy)]
enum Moment {
    Row,
    Phase(usize),
    /// All has moved, and the row is watched as it was.
    Moved,
}

pub(super) type Checked<T> = Result<T, FaultKind>;

impl Program<'_> {
    /// Runs the model once.
    pub fn run(&self, case: &Case) -> Outcome {
        if let Some(members) = &self.members {
            return members.run(case);
        }
        let model = self.model;
        let (stocks, moves) = (model.stocks.len(), model.moves.len());
        let mut run = Run {
            program: self,
            model,
            case,
            regs: self.registers.clone(),
            instant: model.clock.instant(0),
            step: 0,
            last: false,
            wanted: vec![0.0; moves],
            got: vec![0.0; moves],
            holds: vec![false; moves],
            shares: vec![0.0; model.parts.len()],
            parts: vec![0.0; model.parts.len()],
            after: vec![0.0; stocks],
            emptied: vec![false; stocks],
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
            missed: vec![0.0; moves],
            short_trades: vec![0; model.trades.len()],
            start: Vec::new(),
            end: Vec::new(),
            moment: Moment::Row,
            news: Vec::new(),
            balanced: Vec::new(),
            between: Vec::new(),
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
        run_code(self.program, range, &mut self.regs, (self.instant, self.case.run), &mut self.scratch);
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

    pub(super) fn factor_reg(&self, t: TradeId) -> usize {
        self.program.params.end + 2 * self.model.moves.len() + t.0 as usize
    }

    fn all(&mut self, out: &mut Outcome, accumulators: &mut [Accumulator]) -> Checked<()> {
        self.open(out)?;
        let (program, model) = (self.program, self.model);
        let clock = &model.clock;
        let of = |such: &dyn Fn(&Move) -> bool| {
            (0..model.moves.len() as u32).filter(|m| such(&model.moves[*m as usize])).collect()
        };
        let mut phases: Vec<Edges> = (0..model.work.len())
            .map(|p| Edges::new(model, of(&|m| m.event.is_none() && m.phase == p), &self.asset))
            .collect();
        let dated: Vec<u32> = of(&|m| m.event.is_some());
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
            for draw in &model.drawn {
                if model.draws[*draw as usize].rows {
                    self.exec(&program.row);
                }
                self.draw(*draw)?;
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
            self.moment = Moment::Row;
            let outcome = self.row(k, &mut phases, &windows, out, accumulators);
            if outcome.is_err() {
                let seen = match self.moment {
                    Moment::Phase(p) => program.phases[p].failed.as_ref().map(|(code, regs)| {
                        self.exec(code);
                        regs.iter().map(|reg| reg.map_or(f64::NAN, |r| self.reg(r))).collect()
                    }),
                    Moment::Moved => {
                        // What is recorded may build on what was worked out for states.
                        self.exec(&program.update);
                        self.exec(&program.record);
                        Some(program.columns.iter().map(|reg| self.reg(*reg)).collect())
                    }
                    Moment::Row => None,
                };
                // What phases have done so far was for nothing.
                if !self.start.is_empty() {
                    self.regs[..model.holdings].copy_from_slice(&self.start);
                    self.balances.clone_from(&self.balanced);
                }
                self.exec(&program.record_failed);
                let known =
                    |(column, reg): (&Column, &u32)| if column.known.at_start() { self.reg(*reg) } else { f64::NAN };
                let row = || model.columns.iter().zip(&program.failed_columns).map(known).collect();
                out.at_fault = seen.unwrap_or_else(row);
                // The last row may be one between two.
                let number = if k == 0 { 0 } else { model.work.len() };
                if (out.steps.last(), out.substeps.last()) != (Some(&k), Some(&number)) {
                    self.keep(k, out, true);
                }
            }
            for (number, row) in self.between.drain(..) {
                out.steps.push(k + 1);
                out.substeps.push(number);
                out.columns.iter_mut().zip(row).for_each(|(values, value)| values.push(value));
            }
            outcome?;
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
        out.substeps.push(if k == 0 { 0 } else { self.model.work.len() });
        let regs = if failed { &self.program.failed_columns } else { &self.program.columns };
        for ((column, values), reg) in self.model.columns.iter().zip(&mut out.columns).zip(regs) {
            values.push(if failed && !column.known.at_start() { f64::NAN } else { self.reg(*reg) });
        }
    }

    fn row(
        &mut self,
        k: u64,
        phases: &mut [Edges],
        windows: &[(u64, u64)],
        out: &mut Outcome,
        accumulators: &mut [Accumulator],
    ) -> Checked<()> {
        let (program, model) = (self.program, self.model);
        self.start.clear();
        self.exec(&program.watch);
        for (i, limits) in program.bounds.iter().enumerate() {
            self.bound(false, i, limits)?;
        }
        self.asserts(false)?;
        self.probe(k, windows, accumulators, false);
        let several = phases.len() > 1;
        if several {
            self.start.extend_from_slice(&self.regs[..model.holdings]);
            self.balanced.clone_from(&self.balances);
        }
        self.slopes();
        let mut news = std::mem::take(&mut self.news);
        for (number, (phase, edges)) in program.phases.iter().zip(phases.iter_mut()).enumerate() {
            self.moment = Moment::Phase(number);
            self.phase(phase, edges)?;
            self.exec(&phase.update);
            news.clear();
            self.new_states(k, &phase.states, &mut news);
            if several {
                self.land(edges, &news)?;
                if let Some((code, regs)) = phase.record.as_ref().filter(|_| !self.last && model.clock.kept(k + 1)) {
                    self.exec(code);
                    let row = regs.iter().map(|reg| reg.map_or(f64::NAN, |r| self.reg(r))).collect();
                    self.between.push((number + 1, row));
                }
            }
        }
        if several {
            // What follows sees the row as it was.
            self.end.clear();
            self.end.extend_from_slice(&self.regs[..model.holdings]);
            self.regs[..model.holdings].copy_from_slice(&self.start);
        }
        self.exec(&program.after);
        self.exec(&program.after_watch);
        self.moment = Moment::Moved;
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
        // States read each other as they were, and sums as they stood: all new values first, and all of them checked before
        // anything lands.
        if several {
            news.clear();
        }
        self.new_states(k, &program.states, &mut news);
        if !several {
            self.finite(&phases[0])?;
        }
        finite(&news)?;
        self.sum(None);
        for (cell, rate) in &program.sums {
            self.regs[*cell as usize] += self.reg(*rate) * model.clock.dt;
        }
        if several {
            self.regs[..model.holdings].copy_from_slice(&self.end);
        } else {
            self.commit(&phases[0]);
        }
        self.set(&news);
        self.news = news;
        Ok(())
    }

    /// What flows ask for and how states change, by the stages of the step.
    fn slopes(&mut self) {
        let (program, model) = (self.program, self.model);
        for (m, reg) in &program.done {
            self.regs[*reg as usize] = f64::from(u8::from(self.done[m.0 as usize]));
        }
        for slope in &program.slopes {
            let at = model.clock.stage(self.step, slope.halves);
            self.regs[slope.time as usize] = at.time;
            run_code(program, &slope.code, &mut self.regs, (at, self.case.run), &mut self.scratch);
        }
    }

    /// What moves in a phase, and what its stocks hold then; nothing lands yet.
    fn phase(&mut self, phase: &Phase, edges: &mut Edges) -> Checked<()> {
        edges.forget();
        for stage in &phase.stages {
            self.exec(&stage.code);
            match stage.work {
                Work::Demand(m) => self.ask(m.0, stage)?,
                Work::Take(m) => self.take(m.0, edges),
                Work::Trade(t) => self.trade(t, edges),
                Work::Draw(d) => self.draw(d)?,
                Work::Fact(_) => {}
            }
        }
        // The copy of the last row is dropped, so that only a phase behind this one could see what it holds.
        if self.last && self.program.phases.len() == 1 { Ok(()) } else { self.settle(edges) }
    }

    /// What a phase does lands, before the next one runs.
    fn land(&mut self, edges: &Edges, news: &[(usize, f64)]) -> Checked<()> {
        if self.last {
            self.pretend(edges);
        } else {
            self.finite(edges)?;
            finite(news)?;
            self.commit(edges);
        }
        self.set(news);
        Ok(())
    }

    fn set(&mut self, news: &[(usize, f64)]) {
        for &(i, value) in news {
            self.regs[self.model.updates[i].cell.0 as usize] = value;
        }
    }

    /// Makes a draw, if one is due; in the last row nothing can fail.
    fn draw(&mut self, number: u32) -> Checked<()> {
        let (program, model) = (self.program, self.model);
        let (drawing, draw) = (&program.draws[number as usize], &model.draws[number as usize]);
        self.exec(&drawing.code);
        let clock = &model.clock;
        if let Some(every) = drawing.every
            && !event_hits(clock, self.step, clock.start, Some(self.reg(every)), None)
        {
            return Ok(());
        }
        let args = drawing.args.iter().map(|a| self.reg(*a)).collect();
        let place = Place { run: self.case.run, step: self.step as u32, member: 0 };
        let mut stream = Stream::new(key(self.case.seed, draw.hash), place);
        let value =
            drawn(&draw.how, Drawn::Draw(number), args, |args| draw.how.sample(&model.samples, args, &mut stream));
        let to = program.time as usize + 2 + model.probes.len() + number as usize;
        self.regs[to] = match value {
            Err(_) if self.last => f64::NAN,
            value => value?,
        };
        Ok(())
    }

    /// The states that change with this step, and to what.
    fn new_states(&self, k: u64, states: &[(usize, NewState)], news: &mut Vec<(usize, f64)>) {
        let clock = &self.model.clock;
        let changed = |(i, state): &(usize, NewState)| {
            if let Some(every) = state.every
                && !event_hits(clock, k + 1, clock.start, Some(self.reg(every)), None)
            {
                return None;
            }
            let value = self.reg(state.value);
            Some((*i, if state.rate { self.reg(state.cell) + clock.dt * value } else { value }))
        };
        news.extend(states.iter().filter_map(changed));
    }

    fn open(&mut self, out: &mut Outcome) -> Checked<()> {
        let (program, model) = (self.program, self.model);
        self.regs[program.time as usize] = self.instant.time;
        if let Some(series) = model.without_column(self.case.run) {
            let columns = model.runs[series as usize];
            return Err(FaultKind::NoColumn { series, columns, run: self.case.run });
        }
        for (i, (code, value, to)) in program.openings.iter().enumerate() {
            self.exec(code);
            let value = match value {
                Opening::Reg(value) => self.reg(*value),
                Opening::Input(i) => self.case.inputs.get(*i as usize).copied().unwrap_or(f64::NAN),
                Opening::Uncertain(u, args) => {
                    let args = args.iter().map(|a| self.reg(*a)).collect();
                    let (how, luck) = (&model.uncertain[*u as usize].how, self.case.luck_of(model, *u));
                    drawn(how, Drawn::Param(*u), args, |args| how.quantile(&model.samples, args, luck))?
                }
            };
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
            if let Some(trade) = self.model.moves[*m as usize].trade {
                let factor = self.factor_reg(trade);
                self.regs[factor] = 0.0;
            }
        }
        if due.is_empty() {
            return Ok(());
        }
        let last = std::mem::replace(&mut self.last, false);
        for dated in &due {
            self.exec(&dated.stage.code);
            self.ask(dated.id.0, &dated.stage)?;
        }
        let mut edges = Edges::new(self.model, due.iter().map(|d| d.id.0).collect(), &self.asset);
        // In the order in which sources serve: those that come first, those that share, those that skip.
        let moves = &self.model.moves;
        let mut takes: Vec<MoveId> = due.iter().map(|d| d.id).collect();
        takes.sort_by_key(|id| moves[id.0 as usize].short);
        for id in takes {
            match moves[id.0 as usize].trade {
                None => self.take(id.0, &mut edges),
                Some(t) if self.model.trades[t.0 as usize].legs.first() == Some(&id) => self.trade(t, &mut edges),
                Some(_) => {}
            }
        }
        self.settle(&edges)?;
        self.finite(&edges)?;
        self.sum(Some(&edges));
        self.commit(&edges);
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
        out.missed.clone_from(&self.missed);
        out.short_trades.clone_from(&self.short_trades);
        out.fault = failed.map(|kind| Fault { step: self.step, kind, member: None }).or_else(|| {
            let broken = self.balances.iter().position(|b| !b.holds(self.step))?;
            Some(Fault {
                step: self.step,
                kind: FaultKind::Audit { asset: broken, gap: self.balances[broken].gap() },
                member: None,
            })
        });
        if out.fault.is_some() {
            out.metrics = vec![f64::NAN; model.metrics.len()];
            out.goals = vec![f64::NAN; model.goals.len()];
            out.seen.clone_from(&out.goals);
            return;
        }
        let first = program.time as usize + 2;
        for (i, accumulator) in accumulators.iter().enumerate() {
            self.regs[first + i] = accumulator.finish();
        }
        self.exec(&program.finish);
        out.metrics = program.metrics.iter().map(|r| self.reg(*r)).collect();
        out.goals = program.goals.iter().map(|r| self.reg(*r)).collect();
        out.seen = program.seen.iter().map(|r| r.map_or(f64::NAN, |r| self.reg(r))).collect();
    }
}

/// What comes of arguments that a distribution can have.
fn drawn(how: &How, what: Drawn, args: Vec<f64>, value: impl FnOnce(&[f64]) -> f64) -> Checked<f64> {
    let value = if how.wrong(&args).is_some() { f64::NAN } else { value(&args) };
    if value.is_finite() { Ok(value) } else { Err(FaultKind::Draw { what, args, value }) }
}

/// New values of states are numbers.
fn finite(news: &[(usize, f64)]) -> Checked<()> {
    match news.iter().find(|(_, value)| !value.is_finite()) {
        Some(&(i, value)) => Err(FaultKind::NotFinite { what: Value::State(i), value }),
        None => Ok(()),
    }
}

fn run_code(
    program: &Program,
    range: &std::ops::Range<usize>,
    regs: &mut [f64],
    (at, run): (Instant, u32),
    scratch: &mut Vec<Item>,
) {
    for inst in &program.code[range.clone()] {
        let value = match inst.op {
            Op::Many(list) => program.many[list as usize].value(regs, scratch),
            Op::Pick(pick) => program.picks[pick as usize].value(regs),
            Op::Curve(c) => program.model.curves[c as usize].at(regs[inst.a as usize]),
            Op::Series(s) => program.model.series_of(s, run).at(at),
            op => {
                let operands = [regs[inst.a as usize], regs[inst.b as usize], regs[inst.c as usize]];
                apply(op, operands, at)
            }
        };
        regs[inst.to as usize] = value;
    }
}
