//! Runs a [`Program`] once: rows and steps.

use std::ops::Range;

use super::code::Columns;
use super::settle::Ledger;
use super::{Dated, News, Opening, Program, Reg, Said, Stage, Window};
use crate::builtins::philox::{Place, Stream, key, uniform};
use crate::builtins::{Accumulator, event_step};
use crate::exec::{AUDIT, Balance, Case, Drawn, Extremes, Failure, FaultKind, Lives, Outcome, Roll, Value};
use crate::ir::{Asset, CellId, How, Known, Model, Opened, PopId, Summed, Work, event_hits, window};

pub(super) type Checked<T> = Result<T, Failure>;

pub(super) struct Run<'p> {
    pub program: &'p Program<'p>,
    pub model: &'p Model,
    pub case: &'p Case,
    pub columns: Columns<'p>,
    pub step: u64,
    /// In the last row nothing can fail.
    pub last: bool,
    pub ledger: Ledger,
    /// What has come together of each `spawn`.
    pub spawned: Vec<f64>,
    pub limits: Vec<f64>,
    pub lives: Vec<Lives>,
    pub rolls: Vec<Roll>,
    pub balances: Vec<Balance>,
    windows: Vec<(u64, u64)>,
    /// Rows after phases, with the number of the phase.
    between: Vec<(usize, Vec<f64>)>,
    /// The phase that is running; behind the last their number.
    moment: Option<usize>,
}

/// New values of states: the update and its column.
type Fresh = Vec<(usize, Vec<f64>)>;

impl Program<'_> {
    /// Runs the model once.
    pub(in crate::exec) fn run(&self, case: &Case) -> Outcome {
        let model = self.model;
        let mut run = Run {
            program: self,
            model,
            case,
            columns: Columns::new(self, case.run),
            step: 0,
            last: false,
            ledger: Ledger::new(model),
            spawned: vec![0.0; model.spawns.len()],
            limits: vec![f64::INFINITY; model.populations.len()],
            lives: vec![Lives::default(); model.populations.len()],
            rolls: vec![Roll::default(); model.rolls.len()],
            balances: vec![Balance::default(); model.assets.len()],
            windows: Vec::new(),
            between: Vec::new(),
            moment: None,
        };
        let mut out = Outcome { columns: vec![Vec::new(); model.columns.len()], ..Outcome::default() };
        let mut accumulators: Vec<Accumulator> = model.probes.iter().map(|p| Accumulator::new(p.reducer)).collect();
        let failed = run.all(&mut out, &mut accumulators).err();
        run.finish(failed, &mut out, &accumulators);
        out
    }
}

impl<'p> Run<'p> {
    fn all(&mut self, out: &mut Outcome, accumulators: &mut [Accumulator]) -> Checked<()> {
        self.open(out)?;
        let (program, model) = (self.program, self.model);
        let clock = &model.clock;
        for k in 0..=clock.steps {
            self.at(k);
            self.last = k == clock.steps;
            for draw in &model.drawn {
                if model.draws[*draw as usize].rows {
                    self.columns.exec(&program.row);
                }
                self.draw(*draw)?;
            }
            self.columns.exec(&program.row);
            if !program.dated.is_empty() {
                self.dated()?;
                self.columns.exec(&program.row);
            }
            self.extremes(out);
            let several = model.work.len() > 1;
            let start = if several { self.holdings() } else { Vec::new() };
            let balances = self.balances.clone();
            self.moment = None;
            let outcome = self.row(k, &start, out, accumulators);
            if outcome.is_err() {
                let known: Box<dyn Fn(Known) -> bool> = match self.moment {
                    Some(p) if p == model.work.len() => Box::new(|_| true),
                    Some(p) if p > 0 => Box::new(move |known: Known| known.at_start() || known.behind(p - 1)),
                    _ => Box::new(Known::at_start),
                };
                self.columns.fit();
                out.at_fault = self.row_of(known);
                if several {
                    self.hold(&start);
                    self.balances = balances;
                }
                self.keep(k, out, false);
            }
            for (substep, values) in std::mem::take(&mut self.between) {
                push(out, k + 1, substep, values);
            }
            outcome?;
            if !self.last {
                self.at(k + 1);
                // For what is looked at from here on, this row is the one before.
                for (to, from) in &model.shifts {
                    let before = self.columns.cols[from.0 as usize].clone();
                    self.columns.cols[to.0 as usize] = before;
                }
                if let Err(failure) = self.life() {
                    out.at_fault = vec![f64::NAN; model.columns.len()];
                    return Err(failure);
                }
            }
        }
        Ok(())
    }

    /// The clock shows this step.
    fn at(&mut self, k: u64) {
        self.step = k;
        self.columns.instant = self.model.clock.instant(k);
        self.columns.set(self.program.time, self.columns.instant.time);
        self.columns.set(self.program.time + 1, self.columns.instant.step);
    }

    /// Row k and the step that starts there.
    fn row(&mut self, k: u64, start: &[Vec<f64>], out: &mut Outcome, accumulators: &mut [Accumulator]) -> Checked<()> {
        let (program, model) = (self.program, self.model);
        self.columns.exec(&program.watch);
        for (i, regs) in program.bounds.iter().enumerate() {
            self.bound(false, i, regs, model.bounds[i].of)?;
        }
        self.asserts(false)?;
        self.probe(k, accumulators, false);
        let waiting = self.phases(k)?;
        // What watches the row sees it as it was, whatever has landed since.
        let end = if waiting.is_none() { self.holdings() } else { Vec::new() };
        if waiting.is_none() {
            self.hold(start);
        }
        self.columns.exec(&program.after);
        self.moment = Some(model.work.len());
        self.columns.exec(&program.after_watch);
        self.asserts(true)?;
        self.probe(k, accumulators, true);
        if model.clock.kept(k) {
            self.keep(k, out, true);
        }
        if self.last {
            return Ok(());
        }
        let news = self.news(&program.update);
        self.columns.exec(&program.rates.code);
        if let Some(first) = &waiting {
            self.finite_stocks(0)?;
            finite(first, self)?;
        }
        finite(&news, self)?;
        self.sum(|m| m.event.is_none());
        self.sum_rates();
        match waiting {
            Some(first) => {
                self.commit(0);
                self.set(first);
            }
            None => self.hold(&end),
        }
        self.set(news);
        Ok(())
    }

    /// Phase after phase moves and lands. What the only phase of a model comes to lands with the end of the step.
    fn phases(&mut self, k: u64) -> Checked<Option<Fresh>> {
        let (program, model) = (self.program, self.model);
        let count = program.phases.len();
        for (number, (stages, news)) in program.phases.iter().enumerate() {
            self.moment = Some(number);
            self.begin(number);
            for stage in stages {
                self.work(stage, number)?;
            }
            self.settle(number)?;
            let news = self.news(news);
            if count == 1 {
                return Ok(Some(news));
            }
            if self.last {
                self.pretend(number);
            } else {
                self.finite_stocks(number)?;
                finite(&news, self)?;
                self.commit(number);
            }
            self.set(news);
            if model.substeps && !self.last && number + 1 < count && model.clock.kept(k + 1) {
                self.columns.fit();
                let row = self.row_of(move |known: Known| known.behind(number));
                self.between.push((number + 1, row));
            }
        }
        Ok(None)
    }

    fn work(&mut self, stage: &Stage, phase: usize) -> Checked<()> {
        self.columns.exec(&stage.asking.code);
        match stage.work {
            Work::Demand(m) => self.ask(m, &stage.asking)?,
            Work::Take(m) => self.take(m, phase),
            Work::Trade(t) => self.trade(t, phase),
            Work::Draw(d) => self.draw(d)?,
            Work::Fact(_) => {}
        }
        Ok(())
    }

    fn dated(&mut self) -> Checked<()> {
        let (program, model) = (self.program, self.model);
        let last = std::mem::replace(&mut self.last, false);
        let phase = self.ledger.phases.len() - 1;
        let due: Vec<&Dated> = program
            .dated
            .iter()
            .filter(|d| {
                let one = |reg: Reg| self.columns.one(reg);
                event_hits(&model.clock, self.step, one(d.first), d.period.map(one), d.last.map(one))
            })
            .collect();
        self.begin_dated(phase, &due.iter().map(|d| d.id).collect::<Vec<_>>());
        for dated in &due {
            self.columns.exec(&dated.asking.code);
            self.ask(dated.id, &dated.asking)?;
        }
        self.take_dated(&due.iter().map(|d| d.id).collect::<Vec<_>>(), phase);
        self.settle(phase)?;
        self.finite_stocks(phase)?;
        self.sum(|m| m.event.is_some());
        self.commit(phase);
        self.last = last;
        Ok(())
    }

    /// What states take: all are worked out before any of them lands.
    fn news(&mut self, news: &News) -> Fresh {
        let (model, clock) = (self.model, &self.model.clock);
        self.columns.exec(&news.code);
        let mut fresh = Vec::new();
        for state in &news.states {
            let update = &model.updates[state.update];
            let now = self.columns.col(update.cell.0);
            let value = self.columns.view(state.value, now.len());
            let every = state.every.map(|e| self.columns.view(e, now.len()));
            let hits = |period: f64| event_hits(clock, self.step + 1, clock.start, Some(period), None);
            // One period for all is looked at once.
            let all = state.every.filter(|e| self.columns.col(*e).len() == 1).map(|e| hits(self.columns.one(e)));
            if all == Some(false) {
                continue;
            }
            let values = (0..now.len()).map(|i| match every {
                Some(every) if all.is_none() && !hits(every.at(i)) => now[i],
                _ if update.rate => now[i] + clock.dt * value.at(i),
                _ => value.at(i),
            });
            fresh.push((state.update, values.collect()));
        }
        fresh
    }

    fn set(&mut self, fresh: Fresh) {
        for (update, values) in fresh {
            self.columns.cols[self.model.updates[update].cell.0 as usize] = values;
        }
    }

    fn sum(&mut self, which: impl Fn(&crate::ir::Move) -> bool) {
        for sum in &self.model.sums {
            let Summed::Move(m) = sum.what else { continue };
            if which(&self.model.moves[m.0 as usize]) {
                let got = &self.ledger.got[m.0 as usize];
                self.columns.cols[sum.cell.0 as usize].iter_mut().zip(got).for_each(|(sum, got)| *sum += got);
            }
        }
    }

    fn sum_rates(&mut self) {
        let (model, dt) = (self.model, self.model.clock.dt);
        let rates = model.sums.iter().filter(|s| matches!(s.what, Summed::Rate(_)));
        for (sum, reg) in rates.zip(&self.program.rates.regs) {
            let mut column = std::mem::take(&mut self.columns.cols[sum.cell.0 as usize]);
            let rate = self.columns.view(*reg, column.len());
            column.iter_mut().enumerate().for_each(|(i, sum)| *sum += rate.at(i) * dt);
            self.columns.cols[sum.cell.0 as usize] = column;
        }
    }

    /// Makes a draw, for the model or for each member: if it is due, and of a newborn the first.
    fn draw(&mut self, number: u32) -> Checked<()> {
        let (program, model, clock) = (self.program, self.model, &self.model.clock);
        let drawing = &program.drawing[number as usize];
        let draw = &model.draws[number as usize];
        self.columns.exec(&drawing.code);
        let reg = program.draws + number;
        let mut values = std::mem::take(&mut self.columns.cols[reg as usize]);
        let n = draw.of.map_or(1, |p| self.columns.alive[p.0 as usize]);
        values.resize(n, f64::NAN);
        let luck = key(self.case.seed, draw.hash);
        let mut failed = None;
        if !self.columns.drawn(draw, drawing, (luck, self.step as u32), &mut values) {
            let every = drawing.every.map(|e| self.columns.view(e, n));
            let hits = |period: f64| event_hits(clock, self.step, clock.start, Some(period), None);
            // One period for all is looked at once.
            let all =
                every.filter(|_| drawing.every.is_some_and(|e| self.columns.col(e).len() == 1)).map(|e| hits(e.at(0)));
            let args: Vec<_> = drawing.args.iter().map(|a| self.columns.view(*a, n)).collect();
            let mut given = vec![0.0; args.len()];
            for (i, value) in values.iter_mut().enumerate() {
                if let Some(every) = every {
                    let hit = all.unwrap_or_else(|| hits(every.at(i)));
                    let first = draw.of.map_or(self.step == 0, |p| {
                        self.columns.col(program.first_rows[p.0 as usize])[i] == self.step as f64
                    });
                    if !(hit || first) {
                        continue;
                    }
                }
                given.iter_mut().zip(&args).for_each(|(given, arg)| *given = arg.at(i));
                let member = draw.of.map_or(0, |p| self.columns.col(program.numbers[p.0 as usize])[i] as u32);
                let place = Place { run: self.case.run, step: self.step as u32, member };
                let drawn = sample(&draw.how, model, &given, luck, place);
                if !drawn.is_finite() && !self.last {
                    let kind = FaultKind::Draw { what: Drawn::Draw(number), args: given.clone(), value: drawn };
                    failed = Some(kind.of(draw.of.map(|_| member)));
                    break;
                }
                *value = if drawn.is_finite() { drawn } else { f64::NAN };
            }
        }
        self.columns.cols[reg as usize] = values;
        failed.map_or(Ok(()), Err)
    }

    /// All stocks and states.
    fn holdings(&self) -> Vec<Vec<f64>> {
        self.columns.cols[..self.model.holdings].to_vec()
    }

    fn hold(&mut self, holdings: &[Vec<f64>]) {
        for (column, held) in self.columns.cols.iter_mut().zip(holdings) {
            column.clone_from(held);
        }
    }

    /// What a cell holds, of members all together.
    fn total(&self, cell: CellId) -> f64 {
        let column = self.columns.col(cell.0);
        match self.model.owners[cell.0 as usize] {
            Some(_) => column.iter().fold(0.0, |sum, value| sum + value),
            None => column[0],
        }
    }

    fn extremes(&self, out: &mut Outcome) {
        let stocks = self.model.stocks.iter().map(|s| s.cell).zip(&mut out.stocks);
        let states = self.model.states.iter().map(|s| s.0).zip(&mut out.states);
        for (cell, e) in stocks.chain(states) {
            let value = self.total(cell);
            e.last = value;
            if self.step == 0 {
                (e.low, e.high) = (value, value);
            }
            e.low = if value < e.low { value } else { e.low };
            e.high = if value > e.high { value } else { e.high };
        }
    }

    fn open(&mut self, out: &mut Outcome) -> Checked<()> {
        let (program, model) = (self.program, self.model);
        self.at(0);
        out.lives.clone_from(&self.lives);
        if let Some(series) = model.without_column(self.case.run) {
            let columns = model.runs[series as usize];
            return Err(FaultKind::NoColumn { series, columns, run: self.case.run }.into());
        }
        // A param that no run got to has no value.
        for p in 0..model.params as Reg {
            self.columns.set(program.params + p, f64::NAN);
        }
        for d in 0..model.draws.len() as Reg {
            self.columns.cols[(program.draws + d) as usize].fill(f64::NAN);
        }
        for (i, (code, opening, to)) in program.openings.iter().enumerate() {
            self.columns.exec(code);
            let value = match opening {
                Opening::Reg(reg) => self.columns.one(*reg),
                Opening::Input(n) => self.case.inputs.get(*n as usize).copied().unwrap_or(f64::NAN),
                Opening::Uncertain(u, args) => self.uncertain(*u, args)?,
            };
            if let (Opened::Cell(_), false) = (model.opening[i].0, value.is_finite()) {
                return Err(FaultKind::NotFinite { what: Value::Opening(i), value }.into());
            }
            self.columns.set(*to, value);
        }
        self.columns.exec(&program.start);
        for (i, regs) in program.start_bounds.iter().enumerate() {
            self.bound(true, i, regs, None)?;
        }
        for (i, stock) in model.stocks.iter().enumerate().filter(|(_, s)| s.of.is_none()) {
            let value = self.columns.one(stock.cell.0);
            self.ledger.peaks[i] = vec![value.abs()];
            if value < 0.0 && !stock.signed {
                return Err(FaultKind::OpensBelowZero { stock: i, value }.into());
            }
        }
        self.limits = program.limits.iter().map(|reg| self.columns.one(*reg)).collect();
        self.first_members()?;
        self.balances = vec![Balance::default(); model.assets.len()];
        out.stocks = model.stocks.iter().map(|stock| Extremes::new(self.total(stock.cell))).collect();
        out.states = model.states.iter().map(|(cell, _)| Extremes::new(self.total(*cell))).collect();
        for (total, reg) in model.totals.iter().zip(&program.totals) {
            let (mut sum, mut size) = (0.0, 0.0);
            for s in &total.stocks {
                for value in self.columns.col(model.stocks[*s].cell.0) {
                    sum += value;
                    size += value.abs();
                }
            }
            let stated = self.columns.one(*reg);
            let off = (sum - stated).abs();
            if off.is_nan() || off > AUDIT * size.max(stated.abs()) {
                return Err(FaultKind::OpeningTotal { conserve: total.conserve, sum, total: stated }.into());
            }
        }
        for (i, asset) in model.assets.iter().enumerate() {
            let (opened, scale) = (self.held(asset, |v| v), self.held(asset, f64::abs));
            self.balances[i] = Balance { opened, scale, ..Balance::default() };
        }
        self.windows = program
            .windows
            .iter()
            .zip(&model.probes)
            .map(|(Window { within, at }, probe)| {
                let clock = &model.clock;
                let whole = within.map(|(a, b)| (self.columns.one(a), self.columns.one(b)));
                let (first, last) = window(clock, whole, probe.steps_only);
                let Some(at) = at else { return (first, last) };
                let at = event_step(self.columns.one(*at), clock.start, clock.dt);
                if at >= first as f64 && at <= last as f64 { (at as u64, at as u64) } else { (1, 0) }
            })
            .collect();
        Ok(())
    }

    fn uncertain(&self, number: u32, args: &[Reg]) -> Checked<f64> {
        let param = &self.model.uncertain[number as usize];
        let args: Vec<f64> = args.iter().map(|reg| self.columns.one(*reg)).collect();
        let mut value = f64::NAN;
        if param.how.wrong(&args).is_none() {
            value = param.how.quantile(&self.model.samples, &args, self.case.luck_of(self.model, number));
        }
        if value.is_finite() {
            return Ok(value);
        }
        Err(FaultKind::Draw { what: Drawn::Param(number), args, value }.into())
    }

    /// What all stocks of a dimension hold.
    pub(super) fn held(&self, asset: &Asset, size: fn(f64) -> f64) -> f64 {
        let stocks = asset.stocks.iter().map(|s| self.model.stocks[*s].cell.0);
        stocks.flat_map(|cell| self.columns.col(cell)).fold(0.0, |sum, value| sum + size(*value))
    }

    fn bound(&self, start: bool, bound: usize, regs: &[Reg; 3], of: Option<PopId>) -> Checked<()> {
        let n = of.map_or(1, |p| self.columns.alive[p.0 as usize]);
        let [values, lows, highs] = regs.map(|reg| self.columns.view(reg, n));
        for i in 0..n {
            let (value, low, high) = (values.at(i), lows.at(i), highs.at(i));
            if !(value >= low && value <= high) {
                return Err(FaultKind::Bound { start, bound, value, low, high }.of(self.number(of, i)));
            }
        }
        Ok(())
    }

    fn asserts(&self, after_moves: bool) -> Checked<()> {
        if self.last && after_moves {
            return Ok(());
        }
        for (i, assert) in self.model.asserts.iter().enumerate().filter(|(_, a)| a.after_moves == after_moves) {
            let n = assert.of.map_or(1, |p| self.columns.alive[p.0 as usize]);
            let holds = self.columns.view(self.program.asserts[i], n);
            if let Some(at) = (0..n).find(|at| holds.at(*at) == 0.0) {
                return Err(FaultKind::Assert { assert: i }.of(self.number(assert.of, at)));
            }
        }
        Ok(())
    }

    /// The number of the member at a place.
    pub(super) fn number(&self, of: Option<PopId>, i: usize) -> Option<u32> {
        of.map(|p| self.columns.col(self.program.numbers[p.0 as usize])[i] as u32)
    }

    fn probe(&self, k: u64, accumulators: &mut [Accumulator], after_moves: bool) {
        let clock = &self.model.clock;
        for (i, (probe, accumulator)) in self.model.probes.iter().zip(accumulators).enumerate() {
            let (first, last) = self.windows[i];
            if probe.after_moves == after_moves && first <= k && k <= last {
                let dt = if probe.amounts { 1.0 } else { clock.dt };
                accumulator.push(self.columns.one(self.program.probed[i]), clock.time(k), dt);
            }
        }
    }

    fn keep(&mut self, k: u64, out: &mut Outcome, whole: bool) {
        let substep = if k == 0 { 0 } else { self.model.work.len() };
        if (out.steps.last(), out.substeps.last()) != (Some(&k), Some(&substep)) {
            let row = self.row_of(|known: Known| whole || known.at_start());
            push(out, k, substep, row);
            self.call_the_roll(out.steps.len() as u32 - 1, |known: Known| whole || known.at_start());
        }
    }

    /// Who is there, with what is known of each.
    fn call_the_roll(&mut self, row: u32, known: impl Fn(Known) -> bool) {
        let program = self.program;
        for (i, (said, only)) in program.rolls.iter().enumerate() {
            self.columns.exec(&said.code);
            let roll = &self.model.rolls[i];
            let numbers = self.columns.col(program.numbers[roll.population.0 as usize]);
            let n = numbers.len();
            let called = &mut self.rolls[i];
            for (at, number) in numbers.iter().enumerate() {
                if only.iter().all(|reg| self.columns.view(*reg, n).at(at) != 0.0) {
                    called.rows.push(row);
                    called.numbers.push(*number as u32);
                    let told = roll.columns.iter().zip(&said.regs);
                    let value = |known: bool, reg: Reg| if known { self.columns.view(reg, n).at(at) } else { f64::NAN };
                    called.values.extend(told.map(|(c, reg)| value(known(c.known), *reg)));
                }
            }
        }
    }

    /// The columns of the results as far as they are known.
    fn row_of(&mut self, known: impl Fn(Known) -> bool) -> Vec<f64> {
        let Said { code, regs } = &self.program.columns;
        self.columns.exec(&Range { start: code.start, end: code.end });
        let columns = self.model.columns.iter().zip(regs);
        columns.map(|(c, reg)| if known(c.known) { self.columns.one(*reg) } else { f64::NAN }).collect()
    }

    fn finish(&mut self, failed: Option<Failure>, out: &mut Outcome, accumulators: &[Accumulator]) {
        let (program, model) = (self.program, self.model);
        for (i, asset) in model.assets.iter().enumerate() {
            self.balances[i].closed = self.held(asset, |v| v);
        }
        out.params = (0..model.params as Reg).map(|p| self.columns.one(program.params + p)).collect();
        out.assets.clone_from(&self.balances);
        out.short.clone_from(&self.ledger.short);
        out.missed.clone_from(&self.ledger.missed);
        out.short_trades.clone_from(&self.ledger.short_trades);
        out.lives.clone_from(&self.lives);
        out.rolls = std::mem::take(&mut self.rolls);
        out.fault = failed.map(|failure| failure.at(self.step)).or_else(|| {
            let broken = self.balances.iter().position(|b| !b.holds(self.step))?;
            let kind = FaultKind::Audit { asset: broken, gap: self.balances[broken].gap() };
            Some(Failure::from(kind).at(self.step))
        });
        if out.fault.is_some() {
            out.metrics = vec![f64::NAN; model.metrics.len()];
            out.goals = vec![f64::NAN; model.goals.len()];
            out.seen.clone_from(&out.goals);
            return;
        }
        for (i, accumulator) in accumulators.iter().enumerate() {
            self.columns.set(program.probes + i as Reg, accumulator.finish());
        }
        self.columns.exec(&program.finish.code);
        out.metrics = program.finish.regs.iter().map(|r| self.columns.one(*r)).collect();
        out.goals = program.goals.iter().map(|r| self.columns.one(*r)).collect();
        out.seen = program.seen.iter().map(|r| r.map_or(f64::NAN, |r| self.columns.one(r))).collect();
    }
}

/// What is drawn at a place; NaN where there is nothing to be drawn.
pub(super) fn sample(how: &How, model: &Model, args: &[f64], key: u64, place: Place) -> f64 {
    match how {
        // What is wrong with arguments gives no number.
        How::Form(_) => how.sample(&model.samples, args, &mut Stream::new(key, place)),
        _ if how.wrong(args).is_some() => f64::NAN,
        _ => how.quantile(&model.samples, args, uniform(key, place)),
    }
}

/// New values of states are numbers.
fn finite(fresh: &Fresh, run: &Run) -> Checked<()> {
    for (update, values) in fresh {
        if let Some(i) = values.iter().position(|v| !v.is_finite()) {
            let kind = FaultKind::NotFinite { what: Value::State(*update), value: values[i] };
            return Err(kind.of(run.number(run.model.updates[*update].of, i)));
        }
    }
    Ok(())
}

/// Adds a row.
fn push(out: &mut Outcome, step: u64, substep: usize, values: Vec<f64>) {
    out.steps.push(step);
    out.substeps.push(substep);
    out.columns.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
}
