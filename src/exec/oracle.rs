//! The slow and obvious evaluator: the truth in tests.
//!
//! Every expression is walked each time it is wanted, every rule stands as the language tells it. Nothing is compiled,
//! hoisted or shared with [`super::Program`].

mod settle;
mod stages;

use std::collections::{BTreeMap, BTreeSet};

use super::{Balance, Case, Drawn, Extremes, Fault, FaultKind, Outcome, Value};
use crate::builtins::philox::{Place, Stream, key};
use crate::builtins::{Accumulator, Instant, Item, power};
use crate::ir::{
    Asset, Binary, Bound, CellId, Expr, ExprId, Known, Model, Move, MoveId, Opened, Summed, TradeId, Unary, Work,
    event_hits,
};

struct Oracle<'m> {
    model: &'m Model,
    case: &'m Case,
    step: u64,
    params: Vec<f64>,
    cells: Vec<f64>,
    /// What was drawn last, of each draw.
    draws: Vec<f64>,
    now: Now,
    /// Rows after phases, with the number of the phase: they stand behind the row in which their step starts.
    between: Vec<(usize, Vec<f64>)>,
    /// The phase that is running; behind the last their number.
    moment: Option<usize>,
    probes: Vec<f64>,
    done: Vec<bool>,
    peaks: Vec<f64>,
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

/// What is worked out in a step; what is not worked out yet is absent.
#[derive(Clone, Default)]
struct Now {
    /// What each move asked for and got, per time for flows.
    asked: BTreeMap<MoveId, f64>,
    taken: BTreeMap<MoveId, f64>,
    /// The amounts of the step: what is wanted, and what is got. What runs both ways is below zero where it runs backward.
    wanted: BTreeMap<MoveId, f64>,
    got: BTreeMap<MoveId, f64>,
    /// The moves whose condition holds.
    holds: BTreeSet<MoveId>,
    /// The shares or amounts that the parts of a split say, the last too if it says one.
    shares: BTreeMap<MoveId, Vec<f64>>,
    /// What limited moves of this phase have got it already, in the order in which they did.
    served: Vec<MoveId>,
    factors: BTreeMap<TradeId, f64>,
    facts: BTreeMap<u32, f64>,
}

/// New values of states, by the number of the update.
type News = Vec<(usize, f64)>;

/// What has been settled and has not landed: the moves, what stocks come to, and what states take.
type Waiting = (Vec<MoveId>, Vec<f64>, News);

use stages::Slopes;

type Checked<T> = Result<T, FaultKind>;

/// Runs a model once.
pub fn run(model: &Model, case: &Case) -> Outcome {
    let n = model.stocks.len();
    let mut oracle = Oracle {
        step: 0,
        params: vec![f64::NAN; model.params],
        cells: vec![0.0; model.cells],
        draws: vec![f64::NAN; model.draws.len()],
        now: Now::default(),
        between: Vec::new(),
        moment: None,
        probes: vec![f64::NAN; model.probes.len()],
        done: vec![false; model.moves.len()],
        peaks: vec![0.0; n],
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
    let mut out = Outcome { columns: vec![Vec::new(); model.columns.len()], ..Outcome::default() };
    let mut accumulators: Vec<Accumulator> = model.probes.iter().map(|p| Accumulator::new(p.reducer)).collect();
    let failed = oracle.all(&mut out, &mut accumulators).err();
    out.params.clone_from(&oracle.params);
    out.short.clone_from(&oracle.short);
    out.missed.clone_from(&oracle.missed);
    out.short_trades.clone_from(&oracle.short_trades);
    oracle.close();
    out.assets.clone_from(&oracle.balances);
    out.fault = failed.map(|kind| Fault { step: oracle.step, kind }).or_else(|| oracle.audit());
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
fn finite(stocks: &[f64], news: &[(usize, f64)]) -> Checked<()> {
    if let Some(s) = stocks.iter().position(|v| !v.is_finite()) {
        return Err(FaultKind::NotFinite { what: Value::Stock(s), value: stocks[s] });
    }
    match news.iter().find(|(_, value)| !value.is_finite()) {
        Some(&(i, value)) => Err(FaultKind::NotFinite { what: Value::State(i), value }),
        None => Ok(()),
    }
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
        }
        Ok(())
    }

    fn extremes(&self, out: &mut Outcome) {
        let stocks = self.model.stocks.iter().map(|s| s.cell).zip(&mut out.stocks);
        let states = self.model.states.iter().map(|s| s.0).zip(&mut out.states);
        for (cell, e) in stocks.chain(states) {
            let value = self.cell(cell);
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
        let rates: Vec<(CellId, f64)> = model
            .sums
            .iter()
            .filter_map(|s| match s.what {
                Summed::Rate(e) => Some((s.cell, self.eval(e))),
                Summed::Move(_) => None,
            })
            .collect();
        if let Some((_, stocks, first)) = &waiting {
            finite(stocks, first)?;
        }
        finite(&[], &news)?;
        self.sum(&self.moves(|m| m.event.is_none()));
        for (cell, rate) in rates {
            self.cells[cell.0 as usize] += rate * model.clock.dt;
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
    fn land(&mut self, together: &[MoveId], stocks: Vec<f64>, news: News) -> Checked<()> {
        if !self.last {
            finite(&stocks, &news)?;
            self.commit(together, stocks);
            self.states(news);
            return Ok(());
        }
        for (stock, value) in self.model.stocks.iter().zip(stocks) {
            self.cells[stock.cell.0 as usize] = value;
        }
        for (i, value) in news {
            self.cells[self.model.updates[i].cell.0 as usize] = value;
        }
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
            let value = match self.combined.rates.get(&i) {
                Some(combined) => *combined,
                None => self.eval(update.value),
            };
            news.push((i, if update.rate { self.cell(update.cell) + clock.dt * value } else { value }));
        }
        news
    }

    fn states(&mut self, news: News) {
        for (i, value) in news {
            self.cells[self.model.updates[i].cell.0 as usize] = value;
        }
    }

    /// Works something out, among the moves of the same phase.
    fn work(&mut self, work: Work, together: &[MoveId]) -> Checked<()> {
        match work {
            Work::Demand(m) => self.ask(m)?,
            Work::Take(m) => self.take(m, together),
            Work::Trade(t) => self.trade(t, together),
            Work::Fact(i) => {
                let value = self.eval(self.model.facts[i as usize].value);
                self.now.facts.insert(i, value);
            }
            Work::Draw(d) => self.draw(d)?,
        }
        Ok(())
    }

    /// Makes a draw, if one is due.
    fn draw(&mut self, number: u32) -> Checked<()> {
        let (model, clock, at) = (self.model, &self.model.clock, self.step);
        let draw = &model.draws[number as usize];
        let due = match draw.every {
            Some(period) => event_hits(clock, at, clock.start, Some(self.eval(period)), None),
            None => true,
        };
        if !due {
            return Ok(());
        }
        let args: Vec<f64> = draw.args.iter().map(|e| self.eval(*e)).collect();
        let mut value = f64::NAN;
        if draw.how.wrong(&args).is_none() {
            let place = Place { run: self.case.run, step: at as u32, member: 0 };
            value = draw.how.sample(&model.samples, &args, &mut Stream::new(key(self.case.seed, draw.hash), place));
        }
        if value.is_finite() {
            self.draws[number as usize] = value;
        } else if self.last {
            self.draws[number as usize] = f64::NAN;
        } else {
            return Err(FaultKind::Draw { what: Drawn::Draw(number), args, value });
        }
        Ok(())
    }

    /// All stocks and states.
    fn holdings(&self) -> Vec<f64> {
        self.cells[..self.model.holdings].to_vec()
    }

    fn hold(&mut self, holdings: &[f64]) {
        self.cells[..holdings.len()].copy_from_slice(holdings);
    }

    fn open(&mut self, out: &mut Outcome) -> Checked<()> {
        if let Some(series) = self.model.without_column(self.case.run) {
            let columns = self.model.runs[series as usize];
            return Err(FaultKind::NoColumn { series, columns, run: self.case.run });
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

    /// A param that is sampled.
    fn uncertain(&self, number: u32) -> Checked<f64> {
        let param = &self.model.uncertain[number as usize];
        let args: Vec<f64> = param.args.iter().map(|e| self.eval(*e)).collect();
        let mut value = f64::NAN;
        if param.how.wrong(&args).is_none() {
            value = param.how.quantile(&self.model.samples, &args, self.case.luck_of(self.model, number));
        }
        if value.is_finite() { Ok(value) } else { Err(FaultKind::Draw { what: Drawn::Param(number), args, value }) }
    }

    fn held(&self, asset: &Asset, size: fn(f64) -> f64) -> f64 {
        let mut sum = 0.0;
        for s in &asset.stocks {
            sum += size(self.cell(self.model.stocks[*s].cell));
        }
        sum
    }

    fn bound(&self, start: bool, i: usize, bound: &Bound) -> Checked<()> {
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
        let substep = if k == 0 { 0 } else { self.model.work.len() };
        if (out.steps.last(), out.substeps.last()) != (Some(&k), Some(&substep)) {
            push(out, k, substep, self.columns(|known| whole || known.at_start()));
        }
    }

    /// The columns as far as they are known, which the last phase on whose moves they hang tells.
    fn columns(&self, known: impl Fn(Known) -> bool) -> Vec<f64> {
        self.model.columns.iter().map(|c| if known(c.known) { self.eval(c.value) } else { f64::NAN }).collect()
    }

    fn moves(&self, which: impl Fn(&Move) -> bool) -> Vec<MoveId> {
        self.model.moves.iter().enumerate().filter(|(_, m)| which(m)).map(|(i, _)| MoveId(i as u32)).collect()
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

    /// The clock, at the row or at a stage.
    fn instant(&self) -> Instant {
        self.model.clock.stage(self.step, self.halves)
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
            Expr::Time => self.instant().time,
            Expr::Step => self.step as f64,
            Expr::Taken(m) => self.now.taken.get(&m).copied().unwrap_or(f64::NAN),
            Expr::Asked(m) => self.now.asked.get(&m).copied().unwrap_or(f64::NAN),
            Expr::Factor(t) => self.now.factors.get(&t).copied().unwrap_or(f64::NAN),
            Expr::Fact(i) => self.now.facts.get(&i).copied().unwrap_or(f64::NAN),
            Expr::Probe(p) => self.probes[p as usize],
            Expr::Draw(d) => self.draws[d as usize],
            Expr::Of(..) | Expr::Number(_) | Expr::FirstRow(_) | Expr::Alive(_) | Expr::Refer(_) | Expr::Gather(_) => {
                f64::NAN
            }
            // It stands alone in an opening, which has met it.
            Expr::Uncertain(_) => f64::NAN,
            Expr::Input(i) => self.case.inputs.get(i as usize).copied().unwrap_or(f64::NAN),
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
            Expr::Clock(f, args) => f(args.map(|a| self.eval(a)), self.instant()),
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
            Expr::Series(s) => self.model.series_of(s, self.case.run).at(self.instant()),
        }
    }
}
