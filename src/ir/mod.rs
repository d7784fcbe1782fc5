//! What is computed: numbers, cells and moves. No units, no names.
//!
//! In: a checked model (see [`lower`]). Out: [`Model`], which both evaluators run. All values are in stored units. A value
//! that has a place in the source knows its declaration, so that results and failures can be named again.
//! Invariant: definitions stand in an order in which they can be worked out. Absent on purpose: how to run it; only
//! which steps a time falls on is said here, once for both.

mod chance;
mod draw;
mod expr;
mod lower;
mod member;
mod memory;
mod population;

pub use chance::{Draw, Uncertain};
pub use lower::{Asked, TooLarge, lower};
pub use population::{
    Among, Birth, Born, Funded, Gather, PopId, Population, Referred, Retire, Roll, Route, Spawn, Spawning, Who, Whose,
};

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::ToPrimitive;

pub use crate::builtins::draws::How;
use crate::builtins::{Curve, Instant, Item, Reducer, Series, event_step, power, repeat, slack};
pub use crate::hir::{BinderId, DeclId, Method, ShortKind};
use crate::units::to_f64;

/// An expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExprId(pub u32);

/// A number that lasts from step to step: a stock, a state, or memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CellId(pub u32);

/// A flow, a transfer, or a leg of a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MoveId(pub u32);

/// Transfers that go through together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TradeId(pub u32);

/// Operators of one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unary {
    Negate,
    Not,
}

/// Operators of two operands. Conditions are 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
    And,
    Or,
    Less,
    LessEq,
    Greater,
    GreaterEq,
    Equal,
    NotEqual,
}

/// The kinds of expressions.
#[derive(Clone, Copy, Debug)]
pub enum Expr {
    Constant(f64),
    Param(u32),
    Cell(CellId),
    Let(u32),
    Time,
    /// The number of the step.
    Step,
    /// What a move moved in this step: per time for a flow, an amount for a transfer.
    Taken(MoveId),
    /// What it asked for.
    Asked(MoveId),
    /// The factor with which a trade went through.
    Factor(TradeId),
    /// What a `let` of a phase came to in this step.
    Fact(u32),
    /// What a function of the whole run came to; in metrics only.
    Probe(u32),
    Unary(Unary, ExprId),
    Binary(Binary, ExprId, ExprId),
    If(ExprId, ExprId, ExprId),
    One(fn(f64) -> f64, ExprId),
    Two(fn(f64, f64) -> f64, ExprId, ExprId),
    Three(fn(f64, f64, f64) -> f64, ExprId, ExprId, ExprId),
    Clock(fn([f64; 3], Instant) -> f64, [ExprId; 3]),
    /// A function of many values, by the number of its list.
    Many(u32),
    /// One of many values, by the number of the pick.
    Pick(u32),
    /// A graphical function, by number.
    Curve(u32, ExprId),
    /// Data over time, by number.
    Series(u32),
    /// What was drawn last, by the number of the draw.
    Draw(u32),
    /// What an uncertain param comes to where it is sampled, by number; at the start only.
    Uncertain(u32),
    /// What whoever runs the model puts in place, by number; at the start only.
    Input(u32),
    /// Of the member that a name stands for: a cell, let, fact, draw, or what a move of it moved or asked for, or with which
    /// factor its trade went through.
    Of(Who, ExprId),
    /// The lasting number of the member that a name stands for.
    Number(Who),
    /// The number of the row in which it is first seen: 0 of those that are born before row 0.
    FirstRow(Who),
    /// How many members are alive.
    Alive(PopId),
    /// A value of the member that a reference names, by number.
    Refer(u32),
    /// A function of many values, living members among them, by number.
    Gather(u32),
}

/// The values that a function of many looks at.
#[derive(Clone, Debug)]
pub struct List {
    pub gather: fn(f64, &[Item]) -> f64,
    pub head: Option<ExprId>,
    pub items: Vec<ListItem>,
    /// The value where no item is in.
    pub otherwise: Option<ExprId>,
}

/// One of them.
#[derive(Clone, Copy, Debug)]
pub struct ListItem {
    /// The member as a number.
    pub member: f64,
    pub value: ExprId,
    /// It is in only where this holds.
    pub condition: Option<ExprId>,
}

/// The values among which a number chooses: the first for 0. Where it is no whole number of one, `otherwise`.
#[derive(Clone, Debug)]
pub struct Pick {
    pub at: ExprId,
    pub values: Vec<ExprId>,
    pub otherwise: ExprId,
}

/// Which declaration something comes from, and which member of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    pub decl: DeclId,
    /// The place of the member in the declaration's shape; 0 where it is no array.
    pub member: u32,
}

/// The clock: `from + k · dt` for k = 0 … steps.
#[derive(Clone, Debug)]
pub struct Clock {
    pub start: f64,
    pub stop: f64,
    pub dt: f64,
    pub steps: u64,
    /// Every how many steps a row is kept.
    pub record: u64,
    /// How a step is made.
    pub method: Method,
    from: BigRational,
    step: BigRational,
    /// `from` and `step` over a common divisor, where all three are exact as doubles.
    small: Option<(i64, i64, i64)>,
}

impl Clock {
    /// The clock of these exact values.
    pub fn new(from: BigRational, step: BigRational, steps: u64, record: u64, method: Method) -> Self {
        let divisor = least_common_multiple(from.denom(), step.denom());
        let over = |v: &BigRational| (v.numer() * (&divisor / v.denom())).to_i64();
        let small = divisor.to_i64().and_then(|d| Some((over(&from)?, over(&step)?, d))).filter(|(a, b, d)| {
            let last = *a as i128 + *b as i128 * steps as i128;
            [*a as i128, last, *d as i128].iter().all(|n| n.unsigned_abs() < 1 << 53)
        });
        let (start, dt) = (to_f64(&from), to_f64(&step));
        let mut clock = Self { start, stop: 0.0, dt, steps, record, method, from, step, small };
        clock.stop = clock.time(steps);
        clock
    }

    /// The double nearest to the exact `from + k · dt`.
    pub fn time(&self, k: u64) -> f64 {
        match self.small {
            // Both are exact as doubles, so one division rounds once.
            Some((from, step, divisor)) => (from + step * k as i64) as f64 / divisor as f64,
            None => to_f64(&(&self.from + &self.step * BigRational::from_integer(k.into()))),
        }
    }

    /// What functions of the clock see in step `k`.
    pub fn instant(&self, k: u64) -> Instant {
        let time = self.time(k);
        Instant { time, row: time, dt: self.dt, start: self.start, step: k as f64 }
    }

    /// The same so many halves of a step after its start: the time is the double nearest to the exact one, and what belongs
    /// to the step as a whole is that of its row.
    pub fn stage(&self, k: u64, halves: u64) -> Instant {
        let time = match (halves, self.small) {
            (0, _) => self.time(k),
            (2, _) => self.time(k + 1),
            (_, Some((from, step, divisor))) if self.small_at(2 * k + halves) => {
                (2 * from + step * (2 * k + halves) as i64) as f64 / (2 * divisor) as f64
            }
            _ => {
                let steps = BigRational::new((2 * k + halves).into(), 2.into());
                to_f64(&(&self.from + &self.step * steps))
            }
        };
        Instant { time, ..self.instant(k) }
    }

    /// Whether twice the time after so many halves of a step is exact over the divisor, as a double.
    fn small_at(&self, halves: u64) -> bool {
        self.small
            .is_some_and(|(from, step, _)| (2 * from as i128 + step as i128 * halves as i128).unsigned_abs() < 1 << 53)
    }

    /// Whether row `k` is kept: every n-th, the first and the last.
    pub fn kept(&self, k: u64) -> bool {
        k.is_multiple_of(self.record) || k == self.steps
    }
}

fn least_common_multiple(a: &BigInt, b: &BigInt) -> BigInt {
    let (mut x, mut y) = (a.clone(), b.clone());
    while y != BigInt::ZERO {
        (x, y) = (y.clone(), x % y);
    }
    a / x * b
}

/// A stock.
#[derive(Clone, Debug)]
pub struct Stock {
    /// The population that has it; `None` is the model.
    pub of: Option<PopId>,
    pub cell: CellId,
    pub origin: Origin,
    pub signed: bool,
}

/// What a `let` is.
#[derive(Clone, Debug)]
pub struct Definition {
    /// The population that has it; `None` is the model.
    pub of: Option<PopId>,
    pub value: ExprId,
    /// It hangs on what moves in the step, so it is known only after that.
    pub after_moves: bool,
}

/// A flow, a transfer, or a leg of a trade.
#[derive(Clone, Debug)]
pub struct Move {
    /// The population that has it; `None` is the model.
    pub of: Option<PopId>,
    pub origin: Origin,
    /// Per time, and not an amount.
    pub flow: bool,
    /// It may be negative, and then flows from its only target to its source.
    pub two_way: bool,
    /// A stock by number; `None` is the cloud. One of a population is that of the moving member itself, unless `whose` says.
    pub from: Option<usize>,
    /// Of a referred member's stock: which member, among the model's `whose`.
    pub whose: Option<u32>,
    /// Where it gives, among the model's parts: one without a share, or those of a split.
    pub parts: (u32, u32),
    /// The parts of the split are amounts (for a flow per time), and no shares.
    pub amounts: bool,
    /// The phase in which it moves; 0 for what moves on a date.
    pub phase: usize,
    /// The trade that it is a leg of.
    pub trade: Option<TradeId>,
    pub amount: ExprId,
    pub condition: Option<ExprId>,
    /// Only in the first step in which the condition holds.
    pub once: bool,
    pub short: Option<ShortKind>,
    /// The date, of those that have one.
    pub event: Option<Event>,
}

/// Where a move gives, and how much of it.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// A stock by number; `None` is the cloud. As of a move's source.
    pub to: Option<usize>,
    pub whose: Option<u32>,
    /// A share or an amount; the last part of a move has what the others leave, whatever it says.
    pub share: Option<ExprId>,
}

/// Transfers that go through together, as far as the poorest of their sources lets them.
#[derive(Clone, Debug)]
pub struct Trade {
    /// The population that has it; `None` is the model.
    pub of: Option<PopId>,
    pub origin: Origin,
    pub legs: Vec<MoveId>,
    pub short: Option<ShortKind>,
}

/// A `let` of a phase: worked out once, when the phase runs.
#[derive(Clone, Debug)]
pub struct Fact {
    /// The population that has it; `None` is the model.
    pub of: Option<PopId>,
    pub value: ExprId,
}

/// When a dated transfer moves: at `first`, and again each `period` up to `last`.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    pub first: ExprId,
    pub period: Option<ExprId>,
    pub last: Option<ExprId>,
}

/// Work within a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Work out what a move asks for.
    Demand(MoveId),
    /// Work out what a move gets that is no leg of a trade.
    Take(MoveId),
    /// Work out with which factor a trade goes through, and so what its legs get.
    Trade(TradeId),
    /// Work out a `let` of the phase.
    Fact(u32),
    /// Make a draw of the phase.
    Draw(u32),
}

/// How a state moves.
#[derive(Clone, Debug)]
pub struct Update {
    /// The population that has it; `None` is the model.
    pub of: Option<PopId>,
    pub cell: CellId,
    pub origin: Origin,
    pub value: ExprId,
    /// The value is a derivative.
    pub rate: bool,
    /// How often a next value is taken.
    pub every: Option<ExprId>,
    /// The phase with which it lands; without one it reads the start of the step, and lands at its end.
    pub phase: Option<usize>,
}

/// What a cell takes from each row.
#[derive(Clone, Debug)]
pub struct RowCell {
    /// The population that has it; `None` is the model.
    pub of: Option<PopId>,
    pub cell: CellId,
    pub value: ExprId,
    pub after_moves: bool,
    /// Only from row 0.
    pub first: bool,
}

/// A sum since the start.
#[derive(Clone, Debug)]
pub struct Sum {
    /// The population that has it; `None` is the model.
    pub of: Option<PopId>,
    pub cell: CellId,
    pub what: Summed,
}

/// What is summed.
#[derive(Clone, Copy, Debug)]
pub enum Summed {
    /// What a move moves.
    Move(MoveId),
    /// A rate, over each step.
    Rate(ExprId),
}

/// A value with bounds.
#[derive(Clone, Debug)]
pub struct Bound {
    /// The population that has it; `None` is the model.
    pub of: Option<PopId>,
    pub origin: Origin,
    pub value: ExprId,
    pub low: ExprId,
    pub high: ExprId,
}

/// A condition that must hold in every row.
#[derive(Clone, Debug)]
pub struct Assert {
    /// The population that has it; `None` is the model.
    pub of: Option<PopId>,
    /// Its number in the source.
    pub number: usize,
    /// Of one over members, those that it is about here.
    pub members: Vec<(BinderId, u32)>,
    pub condition: ExprId,
    pub after_moves: bool,
}

/// A stated opening total that can be checked only when a run starts.
#[derive(Clone, Debug)]
pub struct OpeningTotal {
    /// The number of the `conserve`.
    pub conserve: usize,
    pub stocks: Vec<usize>,
    pub total: ExprId,
}

/// A function of the whole run.
#[derive(Clone, Debug)]
pub struct Probe {
    pub reducer: Reducer,
    pub value: ExprId,
    pub after_moves: bool,
    /// It sees steps 0 … N−1, and not row N.
    pub steps_only: bool,
    /// Each value counts once, and not for the length of its step.
    pub amounts: bool,
    pub window: Option<(ExprId, ExprId)>,
    /// The one time that is looked at.
    pub at: Option<ExprId>,
}

/// A number of the whole run.
#[derive(Clone, Debug)]
pub struct Metric {
    pub origin: Origin,
    pub value: ExprId,
}

/// What a goal asks of a run.
#[derive(Clone, Debug)]
pub struct Goal {
    /// Its number in the source.
    pub number: usize,
    /// The condition, or what is to be as large or as small as can be.
    pub value: ExprId,
    /// The number that it looks at.
    pub seen: Option<ExprId>,
}

/// A column of the results.
#[derive(Clone, Debug)]
pub struct Column {
    pub origin: Origin,
    pub value: ExprId,
    pub known: Known,
}

/// When a value of a row is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Before anything moves in the step.
    AtStart,
    /// The same, and it belongs to that moment: it moved on the date of the row.
    OnDate,
    /// When this phase has moved what it moves.
    After(usize),
}

impl Known {
    /// Whether it is known when a step begins.
    pub fn at_start(self) -> bool {
        !matches!(self, Known::After(_))
    }

    /// Whether a row behind this phase shows it.
    pub fn behind(self, phase: usize) -> bool {
        match self {
            Known::AtStart => true,
            Known::OnDate => false,
            Known::After(p) => p <= phase,
        }
    }
}

/// Everything of one dimension: what the audit sums.
#[derive(Clone, Debug)]
pub struct Asset {
    pub stocks: Vec<usize>,
}

/// What opens: a param's value or a cell's.
#[derive(Clone, Copy, Debug)]
pub enum Opened {
    Param(u32),
    Cell(CellId),
}

/// A model ready to be run.
#[derive(Clone, Debug)]
pub struct Model {
    pub clock: Clock,
    pub exprs: Vec<Expr>,
    pub lists: Vec<List>,
    pub picks: Vec<Pick>,
    pub curves: Vec<Curve>,
    pub series: Vec<Series>,
    /// Of the first of the series that are those of run 1, run 2 …, how many there are; of any other 0.
    pub runs: Vec<u32>,
    /// What empirical distributions draw from, in ascending order.
    pub samples: Vec<Vec<f64>>,
    pub draws: Vec<Draw>,
    /// The draws outside phases in an order in which they can be made: when a step starts, before what moves on its date.
    pub drawn: Vec<u32>,
    /// The params that are sampled.
    pub uncertain: Vec<Uncertain>,
    /// What whoever runs the model puts in place.
    pub inputs: Vec<Origin>,
    pub params: usize,
    pub cells: usize,
    /// The population that each cell belongs to; `None` is the model.
    pub owners: Vec<Option<PopId>>,
    /// So many of the first cells are stocks and states, of members too: what a phase changes. Then come traits, then memory.
    pub holdings: usize,
    pub opening: Vec<(Opened, ExprId, Origin)>,
    pub stocks: Vec<Stock>,
    /// The cells of states.
    pub states: Vec<(CellId, Origin)>,
    pub lets: Vec<Definition>,
    pub moves: Vec<Move>,
    pub parts: Vec<Part>,
    pub trades: Vec<Trade>,
    pub facts: Vec<Fact>,
    /// Of each phase its undated moves, its draws and its lets, in an order in which they can be worked out. A model without phases has
    /// one.
    pub work: Vec<Vec<Work>>,
    /// Rows are kept after each phase, too.
    pub substeps: bool,
    pub updates: Vec<Update>,
    pub rows: Vec<RowCell>,
    /// At the start of each step but the first: the first cell takes what the second had from the row before.
    pub shifts: Vec<(CellId, CellId)>,
    pub sums: Vec<Sum>,
    pub start_bounds: Vec<Bound>,
    pub bounds: Vec<Bound>,
    pub asserts: Vec<Assert>,
    pub totals: Vec<OpeningTotal>,
    pub probes: Vec<Probe>,
    pub metrics: Vec<Metric>,
    pub goals: Vec<Goal>,
    pub columns: Vec<Column>,
    /// What is compared with files; a test of the model keeps these and no columns.
    pub expects: Vec<Column>,
    pub assets: Vec<Asset>,
    pub populations: Vec<Population>,
    /// The population of each name of a living member: first of the populations' own, in their order.
    pub whos: Vec<PopId>,
    pub spawns: Vec<Spawn>,
    pub retires: Vec<Retire>,
    pub gathers: Vec<Gather>,
    pub referred: Vec<Referred>,
    pub whose: Vec<Whose>,
    /// Of each population, if members are asked for; else nothing.
    pub rolls: Vec<Roll>,
}

impl Model {
    /// What newborns of a population open with.
    pub fn births(&self, population: PopId) -> &[Birth] {
        &self.populations[population.0 as usize].births
    }

    /// Whether another run may come to something else.
    pub fn is_chancy(&self) -> bool {
        let births = || self.populations.iter().flat_map(|p| &p.births);
        let drawn = births().any(|b| !matches!(b.value, Born::Formula(_)));
        drawn || !self.draws.is_empty() || !self.uncertain.is_empty()
    }

    /// Where a move gives.
    pub fn parts(&self, m: &Move) -> &[Part] {
        &self.parts[m.parts.0 as usize..m.parts.1 as usize]
    }

    /// Whether any flow may get less than it asks for. Then Runge-Kutta's stages, which know of no limits, may see a stock
    /// below zero that never is: behind the row a flow that runs one way asks there for nothing, and not for less.
    pub fn limits_flows(&self) -> bool {
        self.moves.iter().any(|m| m.flow && m.short.is_some())
    }

    /// The stock by which rounding of a move is measured: its source, else the first of its targets.
    pub fn reference(&self, m: &Move) -> Option<usize> {
        m.from.or_else(|| self.parts(m).iter().find_map(|part| part.to))
    }

    /// The series that stands for one in this run: itself, or the one of the run's number.
    pub fn series_of(&self, series: u32, run: u32) -> &Series {
        let own = if self.runs[series as usize] == 0 { 0 } else { run.saturating_sub(1) };
        &self.series[(series + own) as usize]
    }

    /// The first series that has no column for this run.
    pub fn without_column(&self, run: u32) -> Option<u32> {
        self.runs.iter().position(|n| *n > 0 && !(1..=*n).contains(&run)).map(|s| s as u32)
    }

    /// An expression.
    pub fn expr(&self, id: ExprId) -> Expr {
        self.exprs[id.0 as usize]
    }
}

/// What an operator makes of two operands.
#[inline(always)]
pub(crate) fn apply(op: Binary, a: f64, b: f64) -> f64 {
    let truth = |b: bool| if b { 1.0 } else { 0.0 };
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

/// A shortage of this share of a stock's peak is rounding: it grows with the steps that may have rounded.
pub fn rounding(step: u64) -> f64 {
    let grown = (step + 1) as f64 * f64::EPSILON;
    if grown > 1e-12 { grown } else { 1e-12 }
}

/// The steps that an event falls on.
pub fn event_hits(clock: &Clock, step: u64, first: f64, period: Option<f64>, last: Option<f64>) -> bool {
    let k = step as f64;
    let on = |t: f64| event_step(t, clock.start, clock.dt) == k;
    let Some(period) = period else { return on(first) };
    if period.is_nan() || period <= 0.0 {
        return false;
    }
    let last = last.unwrap_or(clock.stop);
    // Of the repeats, only the two around this instant can fall on it; a period shorter than a step hits every step.
    let n = libm::floor((clock.time(step) - first) / period);
    let hit = |n: f64| {
        let t = repeat(first, n, period);
        n >= 0.0 && t <= last + slack(t, last, clock.dt) * clock.dt && on(t)
    };
    hit(n) || hit(n + 1.0) || hit(n - 1.0)
}

/// The steps of a window: all of them, or those whose time lies within it.
pub(crate) fn window(clock: &Clock, window: Option<(f64, f64)>, steps_only: bool) -> (u64, u64) {
    let last = if steps_only { clock.steps.saturating_sub(1) } else { clock.steps };
    let Some((from, to)) = window else { return (0, last) };
    let first = event_step(from, clock.start, clock.dt);
    let end = libm::floor((to - clock.start) / clock.dt + slack(to, clock.start, clock.dt));
    // Steps are counted by their start: the one that starts where the window ends lies behind it.
    let end = if steps_only { end - 1.0 } else { end };
    if first.is_nan() || end.is_nan() || first > end || end < 0.0 {
        return (1, 0);
    }
    (first.max(0.0) as u64, (end as u64).min(last))
}
