//! A step of a model as a graph: what the evaluator of one run does with control flow stands here as values and conditions.
//!
//! In: [`ir::Model`] and the [`Kind`] of a step. Out: [`Step`]: what each state is afterwards, what is drawn, watched and checked.
//! Invariant: where all checks hold, every value has the bits that the evaluator of one run gives it. What is rare and long to tell
//! (a failure, a shortage by rounding that its first remedy does not mend) is a check that does not hold: that lane is run alone.
//! Absent on purpose: what moves and what it gets (see `ledger`); registers (see `code`).

use rustc_hash::FxHashMap as HashMap;

use super::graph::{Call, Do, Graph, Leaf, V};
use super::ledger::Settled;
use super::stages::Slopes;
use crate::builtins::{LaneFold, Reducer, event_step, lane_fold};
use crate::ir::{Expr, ExprId, Model, Opened, Unary, event_hits, window};

/// What sets one step apart from another: steps of one kind are done by one code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Kind {
    pub first: bool,
    pub last: bool,
    /// Its row is kept.
    pub kept: bool,
    /// The dated moves that fall on it.
    pub due: Vec<u32>,
    /// The updates with a period that fall on it.
    pub updates: Vec<u32>,
    /// The draws that are not made anew.
    pub held: Vec<u32>,
    /// The probes that look at it, and whether for the first and the last time.
    pub probes: Vec<(u32, bool, bool)>,
}

/// What must hold of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// It is not 0.
    Holds(V),
    /// It is not below 0, or no number.
    Forward(V),
    /// It is a number from 0 up, and finite.
    Fine(V),
    /// It is a finite number.
    Finite(V),
}

impl Check {
    pub(super) fn value(self) -> V {
        match self {
            Check::Holds(v) | Check::Forward(v) | Check::Fine(v) | Check::Finite(v) => v,
        }
    }
}

/// What comes of a step.
#[derive(Default)]
pub(super) struct Step {
    /// What each state is afterwards.
    pub states: Vec<V>,
    pub checks: Vec<Check>,
    /// The values of the row, where it is kept.
    pub columns: Vec<V>,
}

/// Where each thing that lasts has its place among the states.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub held: u32,
    pub done: u32,
    pub peaks: u32,
    pub crossed: u32,
    pub probes: u32,
    pub len: usize,
}

impl Layout {
    fn new(model: &Model) -> Self {
        let mut next = model.cells as u32;
        let mut place = |n: usize| {
            let at = next;
            next += n as u32;
            at
        };
        let held = place(model.draws.len());
        let done = place(model.moves.len());
        let peaks = place(model.stocks.len());
        let crossed = place(model.assets.len());
        let probes = place(2 * model.probes.len());
        Self { held, done, peaks, crossed, probes, len: next as usize }
    }
}

/// Builds steps.
pub(super) struct Builder<'m> {
    pub model: &'m Model,
    pub g: Graph<'m>,
    pub layout: Layout,
    /// What each state is now, at this point of the step.
    pub now: Vec<V>,
    pub params: Vec<V>,
    pub drawn: Vec<V>,
    /// Per move, as in the evaluator of one run.
    pub taken: Vec<V>,
    pub asked: Vec<V>,
    pub wanted: Vec<V>,
    pub got: Vec<V>,
    pub holds: Vec<V>,
    pub shares: Vec<V>,
    pub parts: Vec<V>,
    pub factors: Vec<V>,
    pub facts: Vec<V>,
    probes: Vec<V>,
    pub memo: HashMap<ExprId, V>,
    pub checks: Vec<Check>,
    pub time: V,
    pub zero: V,
    pub one: V,
    pub last: bool,
    /// Shortages by rounding are trimmed, and not only noticed.
    pub careful: bool,
    /// The asset of each stock.
    pub asset: Vec<usize>,
    /// When each probe looks.
    windows: Vec<(u64, u64)>,
    dates: Vec<f64>,
    /// What each asset opens with: the sum, and the sum of sizes.
    opened: Vec<(V, V)>,
    /// What lands with the end of the step.
    waiting: Option<Settled>,
    /// So many halves of a step after its start.
    pub halves: u8,
    /// What the stages of the step come to; nothing by Euler's method.
    pub combined: Slopes,
}

/// The model has something that lanes cannot do side by side: dates or periods that differ between runs, say.
pub(super) struct Alone;

type Built<T> = Result<T, Alone>;

impl<'m> Builder<'m> {
    /// Begins with the openings: what each state is at the start.
    /// `unsigned` says which states are taken never to be below 0.
    pub(super) fn new(model: &'m Model, unsigned_states: &[bool]) -> Built<(Self, Step)> {
        // A series of which each run has a column of its own is no row that lanes share.
        if model.runs.iter().any(|columns| *columns > 0) {
            return Err(Alone);
        }
        let layout = Layout::new(model);
        let mut unsigned = vec![false; layout.len];
        for stock in model.stocks.iter().filter(|s| !s.signed) {
            unsigned[stock.cell.0 as usize] = true;
        }
        for ((cell, _), is) in model.states.iter().zip(unsigned_states) {
            unsigned[cell.0 as usize] = *is;
        }
        unsigned[layout.done as usize..layout.crossed as usize].fill(true);
        let mut g = Graph::new(model, unsigned);
        let (zero, one, nothing) = (g.constant(0.0), g.constant(1.0), g.constant(f64::NAN));
        // Functions of the clock see the start while things open.
        let time = g.constant(model.clock.time(0));
        let mut asset = vec![0; model.stocks.len()];
        for (i, a) in model.assets.iter().enumerate() {
            a.stocks.iter().for_each(|s| asset[*s] = i);
        }
        let moves = model.moves.len();
        let mut builder = Self {
            now: vec![zero; layout.len],
            params: vec![nothing; model.params],
            drawn: vec![zero; model.draws.len()],
            taken: vec![zero; moves],
            asked: vec![zero; moves],
            wanted: vec![zero; moves],
            got: vec![zero; moves],
            holds: vec![zero; moves],
            shares: vec![zero; model.parts.len()],
            parts: vec![zero; model.parts.len()],
            factors: vec![zero; model.trades.len()],
            facts: vec![zero; model.facts.len()],
            probes: vec![nothing; model.probes.len()],
            memo: HashMap::default(),
            checks: Vec::new(),
            last: false,
            careful: false,
            windows: Vec::new(),
            dates: Vec::new(),
            opened: Vec::new(),
            waiting: None,
            halves: 0,
            combined: Slopes::default(),
            model,
            g,
            layout,
            time,
            zero,
            one,
            asset,
        };
        let opened = builder.open()?;
        Ok((builder, opened))
    }

    fn open(&mut self) -> Built<Step> {
        let model = self.model;
        for (to, e, _) in &model.opening {
            let value = self.expr(*e);
            match to {
                Opened::Param(p) => self.params[*p as usize] = value,
                Opened::Cell(c) => {
                    self.check(Check::Finite(value));
                    self.now[c.0 as usize] = value;
                }
            }
            self.memo.clear();
        }
        for b in &model.start_bounds {
            self.bound(b.value, b.low, b.high);
        }
        for (i, stock) in model.stocks.iter().enumerate() {
            let value = self.now[stock.cell.0 as usize];
            if !stock.signed {
                self.check(Check::Fine(value));
                // Nor is it a 0 with a sign, which no sum of what is not would come to.
                let inverse = self.g.two(Do::Divide, self.one, value);
                self.check(Check::Forward(inverse));
            }
            self.now[self.layout.peaks as usize + i] = self.g.one(Do::Abs, value);
        }
        for total in &model.totals {
            let (sum, size) = self.held(&total.stocks);
            let stated = self.expr(total.total);
            let off = self.g.two(Do::Subtract, sum, stated);
            let (off, stated) = (self.g.one(Do::Abs, off), self.g.one(Do::Abs, stated));
            let (most, part) = (self.g.two(Do::Max, size, stated), self.g.constant(super::super::AUDIT));
            let most = self.g.two(Do::Multiply, part, most);
            let right = self.g.two(Do::LessEq, off, most);
            self.check(Check::Holds(right));
        }
        for asset in &model.assets {
            let opened = self.held(&asset.stocks);
            self.opened.push(opened);
        }
        for (i, probe) in model.probes.iter().enumerate() {
            let nothing = match probe.reducer {
                Reducer::Total | Reducer::Mean | Reducer::Sd | Reducer::Drawdown => 0.0,
                Reducer::FirstTime => f64::INFINITY,
                Reducer::LastTime => f64::NEG_INFINITY,
                _ => f64::NAN,
            };
            let at = self.probe(i);
            self.now[at] = self.g.constant(nothing);
        }
        let clock = &model.clock;
        for probe in &model.probes {
            let whole = match probe.window {
                Some((from, to)) => Some((self.number(from)?, self.number(to)?)),
                None => None,
            };
            let (first, last) = window(clock, whole, probe.steps_only);
            let window = match probe.at {
                None => (first, last),
                Some(at) => {
                    let at = event_step(self.number(at)?, clock.start, clock.dt);
                    if at >= first as f64 && at <= last as f64 { (at as u64, at as u64) } else { (1, 0) }
                }
            };
            self.windows.push(window);
        }
        for m in &model.moves {
            let first = match m.event {
                Some(event) => event_step(self.number(event.first)?, clock.start, clock.dt),
                None => f64::NAN,
            };
            self.dates.push(first);
        }
        Ok(Step { states: self.now.clone(), checks: std::mem::take(&mut self.checks), columns: Vec::new() })
    }

    /// What stocks hold together, and the sum of their sizes.
    pub(super) fn held(&mut self, stocks: &[usize]) -> (V, V) {
        let (mut sum, mut size) = (self.zero, self.zero);
        for s in stocks {
            let value = self.now[self.model.stocks[*s].cell.0 as usize];
            let abs = self.g.one(Do::Abs, value);
            (sum, size) = (self.g.two(Do::Add, sum, value), self.g.two(Do::Add, size, abs));
        }
        (sum, size)
    }

    /// A number that is the same in all runs.
    fn number(&mut self, e: ExprId) -> Built<f64> {
        let v = self.expr(e);
        self.g.value(v).ok_or(Alone)
    }

    /// Whether nothing sets step `k` apart from the one before.
    pub(super) fn repeats(&self, k: u64, columns: bool) -> bool {
        let (model, clock) = (self.model, &self.model.clock);
        let timed = model.moves.iter().any(|m| m.event.is_some())
            || model.updates.iter().any(|u| u.every.is_some())
            || model.draws.iter().any(|d| d.every.is_some());
        let ends = |at: u64| at + 1 == k || at == k;
        !timed
            && (2..clock.steps).contains(&k)
            && (!columns || clock.kept(k) == clock.kept(k - 1))
            && !self.windows.iter().any(|(first, last)| ends(*first) || ends(*last))
    }

    /// What sets step `k` apart.
    pub(super) fn kind(&mut self, k: u64) -> Built<Kind> {
        let (model, clock) = (self.model, &self.model.clock);
        let last = k == clock.steps;
        let mut kind = Kind { first: k == 0, last, kept: clock.kept(k), ..Kind::default() };
        // Periods are worked out from params alone.
        self.memo.clear();
        for (i, m) in model.moves.iter().enumerate() {
            let Some(event) = m.event else { continue };
            let hits = match event.period {
                None => self.dates[i] == k as f64,
                Some(period) => {
                    let end = match event.last {
                        Some(e) => Some(self.number(e)?),
                        None => None,
                    };
                    event_hits(clock, k, self.number(event.first)?, Some(self.number(period)?), end)
                }
            };
            if hits {
                kind.due.push(i as u32);
            }
        }
        for (i, update) in model.updates.iter().enumerate() {
            let Some(every) = update.every else { continue };
            if event_hits(clock, k + 1, clock.start, Some(self.number(every)?), None) {
                kind.updates.push(i as u32);
            }
        }
        for (i, draw) in model.draws.iter().enumerate() {
            let Some(every) = draw.every else { continue };
            if k > 0 && !event_hits(clock, k, clock.start, Some(self.number(every)?), None) {
                kind.held.push(i as u32);
            }
        }
        for (i, (first, end)) in self.windows.iter().enumerate() {
            if !(*first..=*end).contains(&k) {
                continue;
            }
            // What looks at one row only does not make the others another kind.
            let (is_first, is_last) = (k == *first, k == *end);
            let seen = match model.probes[i].reducer {
                Reducer::Final | Reducer::At => is_last,
                Reducer::Initial => is_first,
                _ => true,
            };
            if seen {
                kind.probes.push((i as u32, is_first, is_last));
            }
        }
        Ok(kind)
    }

    /// A step of a kind.
    pub(super) fn step(&mut self, kind: &Kind, careful: bool) -> Built<Step> {
        let model = self.model;
        (self.last, self.careful) = (kind.last, careful);
        for i in 0..self.now.len() as u32 {
            self.now[i as usize] = self.g.leaf(Leaf::State(i));
        }
        self.time = self.g.leaf(Leaf::Time(0));
        self.forget_moves();
        if !kind.first {
            // One after the other, as they stand.
            for (to, from) in &model.shifts {
                self.now[to.0 as usize] = self.now[from.0 as usize];
            }
        }
        for d in &model.drawn {
            if model.draws[*d as usize].rows {
                self.rows(false, kind);
            }
            self.draw(*d, kind)?;
        }
        let dated = model.moves.iter().any(|m| m.event.is_some());
        if dated {
            self.rows(false, kind);
            if !kind.due.is_empty() {
                self.last = false;
                self.dated(&kind.due)?;
                self.last = kind.last;
            }
        }
        self.rows(false, kind);
        for b in &model.bounds {
            self.bound(b.value, b.low, b.high);
        }
        self.watch(false, kind);
        self.slopes();
        let several = model.work.len() > 1;
        let start = self.now.clone();
        let mut news = Vec::new();
        for (number, work) in model.work.iter().enumerate() {
            let moves: Vec<u32> = (0..model.moves.len() as u32)
                .filter(|m| {
                    let m = &model.moves[*m as usize];
                    m.event.is_none() && m.phase == number
                })
                .collect();
            let after = self.phase(work, moves, kind)?;
            news = self.new_states(Some(number), kind);
            if several {
                self.land(after.as_ref(), &news);
                self.memo.clear();
            } else {
                // What a phase comes to lands with the end of the step.
                self.waiting = after;
            }
        }
        let end = self.now.clone();
        if several {
            news.clear();
            self.now[..model.holdings].copy_from_slice(&start[..model.holdings]);
        }
        self.memo.clear();
        self.rows(true, kind);
        self.watch(true, kind);
        let mut step = Step::default();
        if kind.kept {
            step.columns = model.columns.iter().map(|c| self.expr(c.value)).collect();
        }
        if !kind.last {
            news.extend(self.new_states(None, kind));
            let rates: Vec<(u32, V)> = self.sums();
            for (cell, value) in rates {
                self.now[cell as usize] = value;
            }
            if several {
                self.now[..model.holdings].copy_from_slice(&end[..model.holdings]);
                self.land(None, &news);
            } else {
                let after = self.waiting.take();
                self.land(after.as_ref(), &news);
            }
        }
        step.states.clone_from(&self.now);
        step.checks = std::mem::take(&mut self.checks);
        Ok(step)
    }

    /// The metrics, goals and what goals look at, out of the states behind the last step; the ledger's audit as a check.
    pub(super) fn finish(&mut self) -> Step {
        let model = self.model;
        for i in 0..self.now.len() as u32 {
            self.now[i as usize] = self.g.leaf(Leaf::State(i));
        }
        self.time = self.g.leaf(Leaf::Time(0));
        self.forget_moves();
        for i in 0..model.probes.len() {
            let (first, last) = self.windows[i];
            let count = if first <= last { (last - first + 1) as f64 } else { 0.0 };
            let (value, extra) = (self.now[self.probe(i)], self.now[self.probe(i) + 1]);
            let count = self.g.constant(count);
            self.probes[i] = match model.probes[i].reducer {
                Reducer::Mean => self.g.two(Do::Divide, value, count),
                Reducer::Sd if first <= last => {
                    let mean = self.g.two(Do::Divide, extra, count);
                    self.g.one(Do::Sqrt, mean)
                }
                Reducer::Sd => self.g.constant(f64::NAN),
                _ => value,
            };
        }
        self.audit();
        let mut columns: Vec<V> = model.metrics.iter().map(|m| self.expr(m.value)).collect();
        columns.extend(model.goals.iter().map(|g| self.expr(g.value)).collect::<Vec<_>>());
        let nothing = self.g.constant(f64::NAN);
        columns.extend(model.goals.iter().map(|g| g.seen.map_or(nothing, |e| self.expr(e))).collect::<Vec<_>>());
        Step { states: Vec::new(), checks: std::mem::take(&mut self.checks), columns }
    }

    /// What is missing of each asset, against no more than its scale: the largest sum of sizes is at least that of the start and that
    /// of the end.
    fn audit(&mut self) {
        let model = self.model;
        for (i, asset) in model.assets.iter().enumerate() {
            let (closed, size) = self.held(&asset.stocks);
            let crossed = self.now[self.layout.crossed as usize + i];
            let (opened, first) = self.opened[i];
            let sum = self.g.two(Do::Add, opened, crossed);
            let gap = self.g.two(Do::Subtract, sum, closed);
            let gap = self.g.one(Do::Abs, gap);
            let size = self.g.two(Do::Max, size, first);
            let part = self.g.constant(super::super::AUDIT.max(crate::ir::rounding(model.clock.steps)));
            let most = self.g.two(Do::Multiply, part, size);
            let right = self.g.two(Do::LessEq, gap, most);
            self.check(Check::Holds(right));
        }
    }

    fn probe(&self, i: usize) -> usize {
        self.layout.probes as usize + 2 * i
    }

    pub(super) fn check(&mut self, check: Check) {
        let holds = self.g.value(check.value()).is_some_and(|value| match check {
            Check::Holds(_) => value != 0.0,
            Check::Forward(_) => !matches!(value.partial_cmp(&0.0), Some(std::cmp::Ordering::Less)),
            Check::Fine(_) => (0.0..=f64::MAX).contains(&value),
            Check::Finite(_) => value.is_finite(),
        });
        if !holds && !self.checks.contains(&check) {
            self.checks.push(check);
        }
    }

    fn bound(&mut self, value: ExprId, low: ExprId, high: ExprId) {
        let (value, low, high) = (self.expr(value), self.expr(low), self.expr(high));
        let (above, below) = (self.g.two(Do::GreaterEq, value, low), self.g.two(Do::LessEq, value, high));
        self.check(Check::Holds(above));
        self.check(Check::Holds(below));
    }

    /// Cells that hold the row.
    fn rows(&mut self, after_moves: bool, kind: &Kind) {
        for row in self.model.rows.iter().filter(|r| r.after_moves == after_moves && (!r.first || kind.first)) {
            let value = self.expr(row.value);
            self.now[row.cell.0 as usize] = value;
        }
        self.memo.clear();
    }

    /// Asserts and probes.
    fn watch(&mut self, after_moves: bool, kind: &Kind) {
        let model = self.model;
        if !(after_moves && self.last) {
            for assert in model.asserts.iter().filter(|a| a.after_moves == after_moves) {
                let condition = self.expr(assert.condition);
                self.check(Check::Holds(condition));
            }
        }
        for &(i, first, _) in &kind.probes {
            if model.probes[i as usize].after_moves == after_moves {
                self.look(i as usize, first);
            }
        }
    }

    /// What a probe makes of a row.
    fn look(&mut self, i: usize, first: bool) {
        let probe = &self.model.probes[i];
        let value = self.expr(probe.value);
        let at = self.probe(i);
        let (old, extra, time) = (self.now[at], self.now[at + 1], self.time);
        let g = &mut self.g;
        let dt = g.constant(if probe.amounts { 1.0 } else { self.model.clock.dt });
        let nan = |g: &mut Graph, v: V| g.two(Do::NotEqual, v, v);
        let better = |g: &mut Graph, op: Do, old: V| {
            let (is, undefined) = (g.two(op, value, old), nan(g, value));
            let takes = g.or(is, undefined);
            if first { value } else { g.select(takes, value, old) }
        };
        match probe.reducer {
            Reducer::Final | Reducer::At | Reducer::Initial => self.now[at] = value,
            Reducer::Total => {
                let amount = g.two(Do::Multiply, value, dt);
                self.now[at] = g.two(Do::Add, old, amount);
            }
            Reducer::Mean => self.now[at] = g.two(Do::Add, old, value),
            Reducer::Min => self.now[at] = better(g, Do::Less, old),
            Reducer::Max => self.now[at] = better(g, Do::Greater, old),
            Reducer::Sd => {
                // Rows are counted from the first that is looked at.
                let (step, before) = (g.leaf(Leaf::Step), g.constant(self.windows[i].0 as f64 - 1.0));
                let count = g.two(Do::Subtract, step, before);
                let delta = g.two(Do::Subtract, value, old);
                let part = g.two(Do::Divide, delta, count);
                let mean = g.two(Do::Add, old, part);
                let rest = g.two(Do::Subtract, value, mean);
                let square = g.two(Do::Multiply, delta, rest);
                (self.now[at], self.now[at + 1]) = (mean, g.two(Do::Add, extra, square));
            }
            Reducer::FirstTime => {
                let never = g.constant(f64::INFINITY);
                let (holds, yet) = (g.two(Do::NotEqual, value, self.zero), g.two(Do::Equal, old, never));
                let now = g.and(holds, yet);
                self.now[at] = g.select(now, time, old);
            }
            Reducer::LastTime => {
                let holds = g.two(Do::NotEqual, value, self.zero);
                self.now[at] = g.select(holds, time, old);
            }
            Reducer::TimeOfMax => {
                let (a, b) = (nan(g, value), nan(g, extra));
                let undefined = if first { a } else { g.or(a, b) };
                let nothing = g.constant(f64::NAN);
                let greater = if first { self.one } else { g.two(Do::Greater, value, extra) };
                let (when, peak) = (g.select(greater, time, old), g.select(greater, value, extra));
                (self.now[at], self.now[at + 1]) =
                    (g.select(undefined, nothing, when), g.select(undefined, nothing, peak));
            }
            Reducer::Drawdown => {
                let greater = if first { self.one } else { g.two(Do::Greater, value, extra) };
                let peak = g.select(greater, value, extra);
                let fall = g.two(Do::Subtract, peak, value);
                let fall = g.two(Do::Divide, fall, peak);
                let (a, b) = (nan(g, value), nan(g, peak));
                let (undefined, nothing) = (g.or(a, b), g.constant(f64::NAN));
                let (has, deeper) = (g.two(Do::Greater, peak, self.zero), g.two(Do::Greater, fall, old));
                let deeper = g.and(has, deeper);
                let deepest = g.select(deeper, fall, old);
                (self.now[at], self.now[at + 1]) =
                    (g.select(undefined, nothing, deepest), g.select(undefined, nothing, peak));
            }
        }
    }
}

impl Builder<'_> {
    /// Nothing has moved yet.
    fn forget_moves(&mut self) {
        for values in [&mut self.taken, &mut self.asked, &mut self.wanted, &mut self.got, &mut self.holds] {
            values.fill(self.zero);
        }
        for values in [&mut self.shares, &mut self.parts, &mut self.factors, &mut self.facts] {
            values.fill(self.zero);
        }
        self.memo.clear();
    }

    /// A draw, made anew or held.
    pub(super) fn draw(&mut self, d: u32, kind: &Kind) -> Built<()> {
        let draw = &self.model.draws[d as usize];
        let at = (self.layout.held + d) as usize;
        if !kind.held.contains(&d) {
            let args: Vec<V> = draw.args.iter().map(|e| self.expr(*e)).collect();
            let (value, sure) = self.g.sample(d, &draw.how, &args);
            if !sure {
                self.check(Check::Finite(value));
            }
            self.now[at] = value;
        }
        self.drawn[d as usize] = self.now[at];
        if draw.every.is_none() {
            // What is made in each step need not last.
            self.now[at] = self.g.leaf(Leaf::State(at as u32));
        }
        Ok(())
    }

    /// New values of states land.
    pub(super) fn set(&mut self, news: &[(usize, V)]) {
        for &(i, value) in news {
            self.now[self.model.updates[i].cell.0 as usize] = value;
        }
    }

    /// The states that change with this step, and to what.
    fn new_states(&mut self, phase: Option<usize>, kind: &Kind) -> Vec<(usize, V)> {
        let model = self.model;
        let mut news = Vec::new();
        for (i, update) in model.updates.iter().enumerate().filter(|(_, u)| u.phase == phase) {
            if update.every.is_some() && !kind.updates.contains(&(i as u32)) {
                continue;
            }
            let mut value = match self.combined.rates.get(&i) {
                Some(combined) => *combined,
                None => self.expr(update.value),
            };
            if update.rate {
                let dt = self.g.constant(model.clock.dt);
                let change = self.g.two(Do::Multiply, dt, value);
                value = self.g.two(Do::Add, self.now[update.cell.0 as usize], change);
            }
            news.push((i, value));
        }
        news
    }

    pub(super) fn expr(&mut self, e: ExprId) -> V {
        if let Some(v) = self.memo.get(&e) {
            return *v;
        }
        let v = stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.new_expr(e));
        self.memo.insert(e, v);
        v
    }

    fn new_expr(&mut self, e: ExprId) -> V {
        let halves = self.halves;
        match self.model.expr(e) {
            Expr::Constant(value) => self.g.constant(value),
            Expr::Param(p) => self.params[p as usize],
            Expr::Cell(c) => self.now[c.0 as usize],
            Expr::Let(l) => self.expr(self.model.lets[l as usize].value),
            Expr::Time => self.time,
            Expr::Step => self.g.leaf(Leaf::Step),
            Expr::Taken(m) => self.taken[m.0 as usize],
            Expr::Asked(m) => self.asked[m.0 as usize],
            Expr::Factor(t) => self.factors[t.0 as usize],
            Expr::Fact(f) => self.facts[f as usize],
            Expr::Probe(p) => self.probes[p as usize],
            Expr::Draw(d) => self.drawn[d as usize],
            Expr::Input(i) => self.g.leaf(Leaf::Input(i)),
            Expr::Uncertain(u) => {
                let param = &self.model.uncertain[u as usize];
                let mut args = vec![self.g.leaf(Leaf::Luck(u))];
                args.extend(param.args.iter().map(|e| self.expr(*e)).collect::<Vec<_>>());
                let value = self.g.call(Call::Quantile(u), args);
                self.check(Check::Finite(value));
                value
            }
            Expr::Unary(op, a) => {
                let a = self.expr(a);
                self.g.one(if op == Unary::Negate { Do::Negate } else { Do::Not }, a)
            }
            Expr::Binary(op, a, b) => {
                let (a, b) = (self.expr(a), self.expr(b));
                self.g.binary(op, a, b)
            }
            Expr::If(c, a, b) => {
                let (c, a, b) = (self.expr(c), self.expr(a), self.expr(b));
                self.g.select(c, a, b)
            }
            Expr::One(f, a) => {
                let a = self.expr(a);
                self.g.of_one(f, a)
            }
            Expr::Two(f, a, b) => {
                let (a, b) = (self.expr(a), self.expr(b));
                self.g.of_two(f, a, b)
            }
            Expr::Three(f, a, b, c) => {
                let (a, b, c) = (self.expr(a), self.expr(b), self.expr(c));
                self.g.of_three(f, [a, b, c])
            }
            Expr::Clock(f, args) => {
                let args = args.map(|a| self.expr(a)).to_vec();
                self.g.call(Call::Clock(f, halves), args)
            }
            Expr::Curve(c, x) => {
                let x = self.expr(x);
                self.g.call(Call::Curve(c), vec![x])
            }
            Expr::Series(s) if self.model.runs[s as usize] > 0 => self.g.call(Call::OfRun(s, halves), Vec::new()),
            Expr::Series(s) => self.g.call(Call::Series(s, halves), Vec::new()),
            // What lives is run alone, and comes to no lanes.
            Expr::Of(..) | Expr::Number(_) | Expr::FirstRow(_) | Expr::Alive(_) | Expr::Refer(_) | Expr::Gather(_) => {
                self.g.constant(f64::NAN)
            }
            Expr::Many(list) => self.many(list),
            Expr::Pick(pick) => {
                let pick = &self.model.picks[pick as usize];
                let mut args = vec![self.expr(pick.at)];
                args.extend(pick.values.iter().map(|e| self.expr(*e)).collect::<Vec<_>>());
                args.push(self.expr(pick.otherwise));
                self.g.call(Call::Pick, args)
            }
        }
    }

    /// A function of many values: what folds is folded, from the first to the last.
    fn many(&mut self, number: u32) -> V {
        let list = &self.model.lists[number as usize];
        let fold = lane_fold(list.gather as usize).filter(|_| !list.items.is_empty());
        let values: Vec<V> = list.items.iter().map(|i| self.expr(i.value)).collect();
        let mut within = Vec::with_capacity(values.len());
        for item in &list.items {
            within.push(match item.condition {
                Some(c) => {
                    let c = self.expr(c);
                    self.g.two(Do::NotEqual, c, self.zero)
                }
                None => self.one,
            });
        }
        let all = within.iter().all(|c| *c == self.one);
        match fold {
            Some(fold) if all => return self.fold(fold, &values),
            Some(LaneFold::Sum) => {
                // What is out changes nothing; begun with 0, a sum of −0 would be 0.
                let (mut sum, mut any) = (self.zero, self.zero);
                for (value, is) in values.iter().zip(&within) {
                    let more = self.g.two(Do::Add, sum, *value);
                    let more = self.g.select(any, more, *value);
                    sum = self.g.select(*is, more, sum);
                    any = self.g.or(any, *is);
                }
                let nothing = list.otherwise.map_or(self.zero, |e| self.expr(e));
                return self.g.select(any, sum, nothing);
            }
            _ => {}
        }
        let head = match list.head {
            Some(e) => self.expr(e),
            None => self.g.constant(f64::NAN),
        };
        let mut args = vec![head];
        args.extend(values.into_iter().zip(within).flat_map(|(v, c)| [v, c]));
        args.push(match list.otherwise {
            Some(e) => self.expr(e),
            None => self.g.constant(f64::NAN),
        });
        self.g.call(Call::Many(number), args)
    }

    fn fold(&mut self, fold: LaneFold, values: &[V]) -> V {
        let zero = self.zero;
        let truth = |b: &mut Self| values.iter().map(|v| b.g.two(Do::NotEqual, *v, zero)).collect::<Vec<_>>();
        let (op, of) = match fold {
            LaneFold::Sum | LaneFold::Mean => (Do::Add, values.to_vec()),
            LaneFold::Product => (Do::Multiply, values.to_vec()),
            LaneFold::Min => (Do::Min, values.to_vec()),
            LaneFold::Max => (Do::Max, values.to_vec()),
            LaneFold::Count => (Do::Add, truth(self)),
            LaneFold::Any => (Do::Or, truth(self)),
            LaneFold::All => (Do::And, truth(self)),
        };
        let mut folded = of[0];
        for v in &of[1..] {
            folded = self.g.two(op, folded, *v);
        }
        if fold == LaneFold::Mean {
            let count = self.g.constant(values.len() as f64);
            folded = self.g.two(Do::Divide, folded, count);
        }
        folded
    }
}
