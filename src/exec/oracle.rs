//! The slow and obvious evaluator: the truth in tests.
//!
//! Every expression is walked each time it is wanted, every rule stands as the language tells it. Nothing is compiled,
//! hoisted or shared with [`super::Program`].

mod life;
mod scope;
mod settle;
mod stages;

use std::collections::{BTreeMap, BTreeSet};

use super::{Balance, Case, Drawn, Extremes, Failure, Fault, FaultKind, Lives, Outcome, Roll, Value};
use crate::builtins::Accumulator;
use crate::builtins::philox::{Place, Stream, key};
use crate::ir::{
    Asset, Bound, CellId, Expr, ExprId, Known, Model, Move, MoveId, Opened, PopId, Summed, TradeId, Work, event_hits,
};
use scope::Members;

struct Oracle<'m> {
    model: &'m Model,
    case: &'m Case,
    step: u64,
    params: Vec<f64>,
    cells: Vec<f64>,
    /// What was drawn last, of each draw.
    draws: Vec<f64>,
    /// The living members of each population.
    members: Vec<Members>,
    /// Who is being born, and what that one has already; nobody sees it but itself.
    newborn: Option<(PopId, u32, scope::Member)>,
    /// What has come together of each `spawn`, and how many members may live of each population.
    spawned: Vec<f64>,
    limits: Vec<f64>,
    now: Now,
    /// Rows after phases, with the number of the phase: they stand behind the row in which their step starts.
    between: Vec<(usize, Vec<f64>)>,
    /// The phase that is running; behind the last their number.
    moment: Option<usize>,
    probes: Vec<f64>,
    done: BTreeSet<Moved>,
    peaks: BTreeMap<Held, f64>,
    balances: Vec<Balance>,
    short: Vec<u64>,
    missed: Vec<f64>,
    short_trades: Vec<u64>,
    /// In the last row nothing can fail.
    last: bool,
    /// How many halves of a step the clock is behind the row: that of a stage.
    halves: u64,
    /// What the stages of this step come to; nothing by Euler's method.
    combined: Slopes,
}

/// A move of the model, or of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Moved {
    id: MoveId,
    member: Option<u32>,
}

/// A stock of the model, or of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    stock: usize,
    member: Option<u32>,
}

/// What is worked out in a step; what is not worked out yet is absent.
#[derive(Clone, Default)]
struct Now {
    /// What each move asked for and got, per time for flows.
    asked: BTreeMap<Moved, f64>,
    taken: BTreeMap<Moved, f64>,
    /// Where each takes from, and where its parts go.
    from: BTreeMap<Moved, Option<Held>>,
    to: BTreeMap<Moved, Vec<Option<Held>>>,
    /// The amounts of the step: what is wanted, and what is got. What runs both ways is below zero where it runs backward.
    wanted: BTreeMap<Moved, f64>,
    got: BTreeMap<Moved, f64>,
    /// The moves whose condition holds.
    holds: BTreeSet<Moved>,
    /// The shares or amounts that the parts of a split say, the last too if it says one.
    shares: BTreeMap<Moved, Vec<f64>>,
    /// What limited moves of this phase have got it already, in the order in which they did.
    served: Vec<Moved>,
    factors: BTreeMap<(TradeId, Option<u32>), f64>,
    facts: BTreeMap<(u32, Option<u32>), f64>,
}

/// New values of states, by the number of the update, and whose they are.
type News = Vec<(usize, Option<u32>, f64)>;

/// What stocks come to.
type Stocks = Vec<(Held, f64)>;

/// What has been settled and has not landed: the moves, what stocks come to, and what states take.
type Waiting = (Vec<Moved>, Stocks, News);

/// All stocks and states: the model's, and those of members by population and number.
type Holdings = (Vec<f64>, BTreeMap<(PopId, u32), Vec<f64>>);

use stages::Slopes;

type Checked<T> = Result<T, Failure>;

/// Runs a model once.
pub fn run(model: &Model, case: &Case) -> Outcome {
    let mut oracle = Oracle {
        step: 0,
        params: vec![f64::NAN; model.params],
        cells: vec![0.0; model.cells],
        draws: vec![f64::NAN; model.draws.len()],
        members: vec![Members::new(); model.populations.len()],
        newborn: None,
        spawned: vec![0.0; model.spawns.len()],
        limits: vec![f64::INFINITY; model.populations.len()],
        now: Now::default(),
        between: Vec::new(),
        moment: None,
        probes: vec![f64::NAN; model.probes.len()],
        done: BTreeSet::new(),
        peaks: BTreeMap::new(),
        balances: vec![Balance::default(); model.assets.len()],
        short: vec![0; model.moves.len()],
        missed: vec![0.0; model.moves.len()],
        short_trades: vec![0; model.trades.len()],
        last: false,
        halves: 0,
        combined: Slopes::default(),
        model,
        case,
    };
    let lives = vec![Lives::default(); model.populations.len()];
    let mut out = Outcome { columns: vec![Vec::new(); model.columns.len()], lives, ..Outcome::default() };
    out.rolls = vec![Roll::default(); model.rolls.len()];
    let mut accumulators: Vec<Accumulator> = model.probes.iter().map(|p| Accumulator::new(p.reducer)).collect();
    let failed = oracle.run(&mut out, &mut accumulators).err();
    out.params.clone_from(&oracle.params);
    out.short.clone_from(&oracle.short);
    out.missed.clone_from(&oracle.missed);
    out.short_trades.clone_from(&oracle.short_trades);
    oracle.close();
    out.assets.clone_from(&oracle.balances);
    out.fault = failed.map(|failure| failure.at(oracle.step)).or_else(|| oracle.audit());
    oracle.probes = accumulators.iter().map(Accumulator::finish).collect();
    let of_run = |e: ExprId| if out.fault.is_some() { f64::NAN } else { oracle.eval(e) };
    let metrics = model.metrics.iter().map(|m| of_run(m.value)).collect();
    let goals = model.goals.iter().map(|g| of_run(g.value)).collect();
    let seen = model.goals.iter().map(|g| g.seen.map_or(f64::NAN, of_run)).collect();
    (out.metrics, out.goals, out.seen) = (metrics, goals, seen);
    out
}

/// Adds a row.
fn push(out: &mut Outcome, step: u64, substep: usize, values: Vec<f64>) {
    out.steps.push(step);
    out.substeps.push(substep);
    for (column, value) in out.columns.iter_mut().zip(values) {
        column.push(value);
    }
}

/// What is to land are numbers: of stocks, then of states.
fn finite(stocks: &[(Held, f64)], news: &[(usize, Option<u32>, f64)]) -> Checked<()> {
    if let Some((held, value)) = stocks.iter().find(|(_, v)| !v.is_finite()) {
        return Err(FaultKind::NotFinite { what: Value::Stock(held.stock), value: *value }.of(held.member));
    }
    match news.iter().find(|(.., value)| !value.is_finite()) {
        Some(&(i, member, value)) => Err(FaultKind::NotFinite { what: Value::State(i), value }.of(member)),
        None => Ok(()),
    }
}

impl Oracle<'_> {
    fn run(&mut self, out: &mut Outcome, accumulators: &mut [Accumulator]) -> Checked<()> {
        self.open(out)?;
        let clock = &self.model.clock;
        for k in 0..=clock.steps {
            self.step = k;
            self.last = k == clock.steps;
            for draw in &self.model.drawn {
                // What a draw sees of this row is how it stands before.
                if self.model.draws[*draw as usize].rows {
                    self.remember(false);
                }
                self.draw(*draw)?;
            }
            // And so does a dated transfer.
            self.remember(false);
            self.now = Now::default();
            self.dated()?;
            self.remember(false);
            self.extremes(out);
            let (start, balances) = (self.holdings(), self.balances.clone());
            self.moment = None;
            let outcome = self.row(k, out, accumulators);
            if outcome.is_err() {
                // As the phase found it, or with all that moved.
                out.at_fault = match self.moment {
                    Some(p) if p == self.model.work.len() => self.columns(|_| true),
                    Some(p) if p > 0 => self.columns(|known| known.at_start() || known.behind(p - 1)),
                    _ => self.columns(Known::at_start),
                };
                if self.model.work.len() > 1 {
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
                self.step = k + 1;
                // For what is looked at from here on, this row is the one before.
                for (to, from) in &self.model.shifts {
                    for member in self.all_of(self.owner(*to)) {
                        let value = self.cell(*from, member);
                        self.set(*to, member, value);
                    }
                }
                if let Err(failure) = self.life(out) {
                    out.at_fault = vec![f64::NAN; self.model.columns.len()];
                    return Err(failure);
                }
            }
        }
        Ok(())
    }

    fn extremes(&self, out: &mut Outcome) {
        let stocks = self.model.stocks.iter().map(|s| s.cell).zip(&mut out.stocks);
        let states = self.model.states.iter().map(|s| s.0).zip(&mut out.states);
        for (cell, e) in stocks.chain(states) {
            let value = self.all(cell);
            e.last = value;
            if self.step == 0 {
                (e.low, e.high) = (value, value);
            }
            e.low = if value < e.low { value } else { e.low };
            e.high = if value > e.high { value } else { e.high };
        }
    }

    /// Row k and the step that starts there.
    fn row(&mut self, k: u64, out: &mut Outcome, accumulators: &mut [Accumulator]) -> Checked<()> {
        let model = self.model;
        for (i, bound) in model.bounds.iter().enumerate() {
            self.bound(false, i, bound)?;
        }
        self.asserts(false)?;
        self.probe(k, accumulators, false);
        let start = self.holdings();
        let waiting = self.phases(k)?;
        // What watches the row sees it as it was, whatever has landed since.
        let end = self.holdings();
        self.hold(&start);
        self.remember(true);
        self.moment = Some(model.work.len());
        self.asserts(true)?;
        self.probe(k, accumulators, true);
        if model.clock.kept(k) {
            self.keep(k, out, true);
        }
        if self.last {
            return Ok(());
        }
        let news = self.news(None);
        // Rates may read sums: all rates first.
        let mut rates: Vec<(CellId, Option<u32>, f64)> = Vec::new();
        for sum in &model.sums {
            let Summed::Rate(e) = sum.what else { continue };
            for member in self.all_of(sum.of) {
                rates.push((sum.cell, member, self.eval_for(e, sum.of, member)));
            }
        }
        if let Some((_, stocks, first)) = &waiting {
            finite(stocks, first)?;
        }
        finite(&[], &news)?;
        self.sum(&self.moves(|m| m.event.is_none()));
        for (cell, member, rate) in rates {
            self.set(cell, member, self.cell(cell, member) + rate * model.clock.dt);
        }
        self.hold(&end);
        if let Some((together, stocks, news)) = waiting {
            self.land(&together, stocks, news)?;
        }
        self.states(news);
        Ok(())
    }

    /// Phase after phase moves and lands. What the only phase of a model comes to lands with the end of the step.
    fn phases(&mut self, k: u64) -> Checked<Option<Waiting>> {
        let model = self.model;
        let count = model.work.len();
        self.stages();
        for (phase, work) in model.work.iter().enumerate() {
            self.moment = Some(phase);
            let together = self.moves(|m| m.event.is_none() && m.phase == phase);
            self.now.served.clear();
            for work in work {
                self.work(*work, &together)?;
            }
            let stocks = if self.last { self.after(&together) } else { self.settle(&together)? };
            let news = self.news(Some(phase));
            if count == 1 {
                return Ok(Some((together, stocks, news)));
            }
            self.land(&together, stocks, news)?;
            if model.substeps && !self.last && phase + 1 < count && model.clock.kept(k + 1) {
                self.between.push((phase + 1, self.columns(|known| known.behind(phase))));
            }
        }
        Ok(None)
    }

    /// What stocks and states come to; in the last row as it is, and nothing is checked.
    fn land(&mut self, together: &[Moved], stocks: Stocks, news: News) -> Checked<()> {
        if !self.last {
            finite(&stocks, &news)?;
            self.commit(together, stocks);
            self.states(news);
            return Ok(());
        }
        for (held, value) in stocks {
            self.set(self.model.stocks[held.stock].cell, held.member, value);
        }
        self.states(news);
        Ok(())
    }

    /// What states take that land with a phase, or with the end of the step. All are worked out before any of them lands.
    fn news(&self, phase: Option<usize>) -> News {
        let clock = &self.model.clock;
        let mut news = Vec::new();
        for (i, update) in self.model.updates.iter().enumerate().filter(|(_, u)| u.phase == phase) {
            if let Some(every) = update.every
                && !event_hits(clock, self.step + 1, clock.start, Some(self.eval(every)), None)
            {
                continue;
            }
            for member in self.all_of(update.of) {
                let value = match self.combined.rates.get(&i) {
                    Some(combined) => *combined,
                    None => self.eval_for(update.value, update.of, member),
                };
                let now = self.cell(update.cell, member);
                news.push((i, member, if update.rate { now + clock.dt * value } else { value }));
            }
        }
        news
    }

    fn states(&mut self, news: News) {
        for (i, member, value) in news {
            self.set(self.model.updates[i].cell, member, value);
        }
    }

    /// Works something out, among the moves of the same phase: for the model, or for each member.
    fn work(&mut self, work: Work, together: &[Moved]) -> Checked<()> {
        let model = self.model;
        let of = match work {
            Work::Demand(m) | Work::Take(m) => model.moves[m.0 as usize].of,
            Work::Trade(t) => model.trades[t.0 as usize].of,
            Work::Fact(i) => model.facts[i as usize].of,
            Work::Draw(d) => model.draws[d as usize].of,
        };
        for member in self.all_of(of) {
            match work {
                Work::Demand(id) => self.ask(Moved { id, member })?,
                Work::Take(id) => self.take(Moved { id, member }, together),
                Work::Trade(t) => self.trade(t, member, together),
                Work::Fact(i) => {
                    let value = self.eval_for(model.facts[i as usize].value, of, member);
                    self.now.facts.insert((i, member), value);
                }
                Work::Draw(d) => self.draw_for(d, member)?,
            }
        }
        Ok(())
    }

    /// Makes a draw, for the model or for each member.
    fn draw(&mut self, number: u32) -> Checked<()> {
        let of = self.model.draws[number as usize].of;
        self.all_of(of).into_iter().try_for_each(|member| self.draw_for(number, member))
    }

    /// Makes a draw, if one is due: of a newborn the first is.
    fn draw_for(&mut self, number: u32, member: Option<u32>) -> Checked<()> {
        let (model, clock, at) = (self.model, &self.model.clock, self.step);
        let draw = &model.draws[number as usize];
        let due = match draw.every {
            Some(period) => {
                event_hits(clock, at, clock.start, Some(self.eval_for(period, draw.of, member)), None)
                    || self.first_row(draw.of, member) == at
            }
            None => true,
        };
        if !due {
            return Ok(());
        }
        let args: Vec<f64> = draw.args.iter().map(|e| self.eval_for(*e, draw.of, member)).collect();
        let mut value = f64::NAN;
        if draw.how.wrong(&args).is_none() {
            let place = Place { run: self.case.run, step: at as u32, member: member.unwrap_or(0) };
            value = draw.how.sample(&model.samples, &args, &mut Stream::new(key(self.case.seed, draw.hash), place));
        }
        if !value.is_finite() {
            if !self.last {
                return Err(FaultKind::Draw { what: Drawn::Draw(number), args, value }.of(member));
            }
            value = f64::NAN;
        }
        match draw.of.zip(member) {
            Some((population, member)) => self.member_mut(population, member).draws.insert(number, value),
            None => Some(std::mem::replace(&mut self.draws[number as usize], value)),
        };
        Ok(())
    }

    fn open(&mut self, out: &mut Outcome) -> Checked<()> {
        if let Some(series) = self.model.without_column(self.case.run) {
            let columns = self.model.runs[series as usize];
            return Err(FaultKind::NoColumn { series, columns, run: self.case.run }.into());
        }
        for (i, (to, e, _)) in self.model.opening.iter().enumerate() {
            let value = match self.model.expr(*e) {
                Expr::Uncertain(number) => self.uncertain(number)?,
                _ => self.eval(*e),
            };
            match to {
                Opened::Param(p) => self.params[*p as usize] = value,
                Opened::Cell(c) => {
                    if !value.is_finite() {
                        return Err(FaultKind::NotFinite { what: Value::Opening(i), value }.into());
                    }
                    self.cells[c.0 as usize] = value;
                }
            }
        }
        for (i, bound) in self.model.start_bounds.iter().enumerate() {
            self.bound(true, i, bound)?;
        }
        for (i, stock) in self.model.stocks.iter().enumerate().filter(|(_, s)| s.of.is_none()) {
            let value = self.cell(stock.cell, None);
            self.peaks.insert(Held { stock: i, member: None }, value.abs());
            if value < 0.0 && !stock.signed {
                return Err(FaultKind::OpensBelowZero { stock: i, value }.into());
            }
        }
        self.limits = self.model.populations.iter().map(|p| self.eval(p.limit)).collect();
        self.first_members(out)?;
        out.stocks = self.model.stocks.iter().map(|stock| Extremes::new(self.all(stock.cell))).collect();
        out.states = self.model.states.iter().map(|(cell, _)| Extremes::new(self.all(*cell))).collect();
        for total in &self.model.totals {
            let mut sum = 0.0;
            let mut size = 0.0;
            for s in &total.stocks {
                for value in self.each(self.model.stocks[*s].cell) {
                    sum += value;
                    size += value.abs();
                }
            }
            let stated = self.eval(total.total);
            let off = (sum - stated).abs();
            if off.is_nan() || off > super::AUDIT * size.max(stated.abs()) {
                return Err(FaultKind::OpeningTotal { conserve: total.conserve, sum, total: stated }.into());
            }
        }
        for (i, asset) in self.model.assets.iter().enumerate() {
            let opened = self.held(asset, |v| v);
            self.balances[i] = Balance { opened, scale: self.held(asset, f64::abs), ..Balance::default() };
        }
        Ok(())
    }

    /// A param that is sampled.
    fn uncertain(&self, number: u32) -> Checked<f64> {
        let param = &self.model.uncertain[number as usize];
        let args: Vec<f64> = param.args.iter().map(|e| self.eval(*e)).collect();
        let mut value = f64::NAN;
        if param.how.wrong(&args).is_none() {
            value = param.how.quantile(&self.model.samples, &args, self.case.luck_of(self.model, number));
        }
        if value.is_finite() {
            Ok(value)
        } else {
            Err(FaultKind::Draw { what: Drawn::Param(number), args, value }.into())
        }
    }

    fn held(&self, asset: &Asset, size: fn(f64) -> f64) -> f64 {
        let mut sum = 0.0;
        for s in &asset.stocks {
            for value in self.each(self.model.stocks[*s].cell) {
                sum += size(value);
            }
        }
        sum
    }

    fn bound(&self, start: bool, i: usize, bound: &Bound) -> Checked<()> {
        for member in self.all_of(bound.of) {
            let [value, low, high] = [bound.value, bound.low, bound.high].map(|e| self.eval_for(e, bound.of, member));
            if !(value >= low && value <= high) {
                return Err(FaultKind::Bound { start, bound: i, value, low, high }.of(member));
            }
        }
        Ok(())
    }

    fn asserts(&self, after_moves: bool) -> Checked<()> {
        for (i, assert) in self.model.asserts.iter().enumerate().filter(|(_, a)| a.after_moves == after_moves) {
            // What hangs on moves is seen in steps, and the last row starts none.
            for member in self.all_of(assert.of).into_iter().filter(|_| !(self.last && after_moves)) {
                if self.eval_for(assert.condition, assert.of, member) == 0.0 {
                    return Err(FaultKind::Assert { assert: i }.of(member));
                }
            }
        }
        Ok(())
    }

    fn remember(&mut self, after_moves: bool) {
        for row in self.model.rows.iter().filter(|r| r.after_moves == after_moves) {
            for member in self.all_of(row.of) {
                if !row.first || self.step == self.first_row(row.of, member) {
                    let value = self.eval_for(row.value, row.of, member);
                    self.set(row.cell, member, value);
                }
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
        let substep = if k == 0 { 0 } else { self.model.work.len() };
        if (out.steps.last(), out.substeps.last()) != (Some(&k), Some(&substep)) {
            push(out, k, substep, self.columns(|known| whole || known.at_start()));
            self.call_the_roll(out, |known| whole || known.at_start());
        }
    }

    /// Who is there, with what is known of each.
    fn call_the_roll(&self, out: &mut Outcome, known: impl Fn(Known) -> bool) {
        let row = out.steps.len() as u32 - 1;
        for (roll, called) in self.model.rolls.iter().zip(&mut out.rolls) {
            let of = Some(roll.population);
            for number in self.members[roll.population.0 as usize].keys() {
                let value = |e: ExprId| self.eval_for(e, of, Some(*number));
                if roll.only.iter().all(|e| value(*e) != 0.0) {
                    called.rows.push(row);
                    called.numbers.push(*number);
                    let values = roll.columns.iter().map(|c| if known(c.known) { value(c.value) } else { f64::NAN });
                    called.values.extend(values);
                }
            }
        }
    }

    /// The columns as far as they are known, which the last phase on whose moves they hang tells.
    fn columns(&self, known: impl Fn(Known) -> bool) -> Vec<f64> {
        self.model.columns.iter().map(|c| if known(c.known) { self.eval(c.value) } else { f64::NAN }).collect()
    }

    /// All such moves, of each member its own: in order of declaration, then of numbers.
    fn moves(&self, which: impl Fn(&Move) -> bool) -> Vec<Moved> {
        let mut moves = Vec::new();
        for (i, m) in self.model.moves.iter().enumerate().filter(|(_, m)| which(m)) {
            moves.extend(self.all_of(m.of).into_iter().map(|member| Moved { id: MoveId(i as u32), member }));
        }
        moves
    }

    fn close(&mut self) {
        for (i, asset) in self.model.assets.iter().enumerate() {
            self.balances[i].closed = self.held(asset, |v| v);
        }
    }

    fn audit(&self) -> Option<Fault> {
        let broken = self.balances.iter().position(|b| !b.holds(self.step))?;
        let kind = FaultKind::Audit { asset: broken, gap: self.balances[broken].gap() };
        Some(Failure::from(kind).at(self.step))
    }
}
