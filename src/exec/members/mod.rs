//! Runs models in which something lives: one run, all members at once.
//!
//! In: [`ir::Model`](crate::ir::Model) with populations. Out: [`Outcome`](super::Outcome). What is said of a member is a column, a
//! value for each living member in order of number, and an instruction works on whole columns; what is said of the model is a column
//! of one value. Memory is proportional to the living: who retires leaves all columns. Invariant: the same bits as the oracle's; sums are
//! folded in order of number. Absent on purpose: stages of Runge-Kutta (populations step by Euler's method), and lanes of several runs.

mod code;
mod compile;
mod life;
mod run;
mod settle;
mod trim;

use std::ops::Range;

use crate::builtins::{Item, LaneFold};
use crate::exec::lanes::Set;
use crate::ir::{Model, MoveId, Work};
use code::Inst;

/// A column.
type Reg = u32;

/// Whose values a column has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Space {
    /// The model: one.
    Model,
    /// The living members of a population.
    Living(u32),
    /// Those of a population that are being born.
    Newborn(u32),
}

/// A function of many values.
#[derive(Clone, Debug)]
struct Fold {
    gather: fn(f64, &[Item]) -> f64,
    fast: Option<LaneFold>,
    /// The first argument, and the value over nothing: of the space of the result, or of the model.
    head: Option<Reg>,
    otherwise: Option<Reg>,
    over: Over,
}

/// What a function of many values looks at.
#[derive(Clone, Debug)]
enum Over {
    /// The same values for all.
    Same(Vec<Part>),
    /// Values that hang on the member at hand: code that is run for each.
    Own(Inner, Vec<Part>),
    /// The values of those who refer to the member at hand.
    Referring(Referring),
}

/// Members of a population who refer to those of another: how, under which condition, and their values.
#[derive(Clone, Copy, Debug)]
struct Referring {
    own: u32,
    population: u32,
    reference: Reg,
    condition: Option<Reg>,
    value: Reg,
}

/// Code that is run for each of several members: what it reads of that member, put into a column of one value each.
#[derive(Clone, Debug)]
struct Inner {
    pins: Vec<(Reg, Reg)>,
    code: Range<usize>,
}

/// Some of the values.
#[derive(Clone, Debug)]
enum Part {
    /// One value of the model, with its member and its condition.
    One(f64, Reg, Option<Reg>),
    /// For each living member that is in, these values of its own. A member that is NaN is the living one.
    Each { population: u32, condition: Option<Reg>, values: Vec<(f64, Reg, Option<Reg>)> },
    /// For each living member that is in, what hangs on it and on others.
    Nest { population: u32, condition: Option<Reg>, inner: Inner, parts: Vec<Part> },
}

/// A function of a fixed list of values.
#[derive(Clone, Debug)]
struct List {
    gather: fn(f64, &[Item]) -> f64,
    head: Option<Reg>,
    items: Vec<(f64, Reg, Option<Reg>)>,
    otherwise: Option<Reg>,
}

/// One of several values.
#[derive(Clone, Debug)]
struct Pick {
    at: Reg,
    values: Vec<Reg>,
    otherwise: Reg,
}

/// Where one opening comes from.
#[derive(Clone, Debug)]
enum Opening {
    Reg(Reg),
    Uncertain(u32, Vec<Reg>),
    Input(u32),
}

/// Columns, and the code that fills them.
#[derive(Clone, Debug, Default)]
struct Said {
    code: Range<usize>,
    regs: Vec<Reg>,
}

/// When a function of the whole run looks: within these times, or at this one.
#[derive(Clone, Copy, Debug)]
struct Window {
    within: Option<(Reg, Reg)>,
    at: Option<Reg>,
}

/// A draw.
#[derive(Clone, Debug, Default)]
struct Drawing {
    code: Range<usize>,
    args: Vec<Reg>,
    every: Option<Reg>,
}

/// A move: what it asks for, under which condition, the shares of its parts, and the references at its ends.
#[derive(Clone, Debug, Default)]
struct Asking {
    code: Range<usize>,
    amount: Reg,
    condition: Option<Reg>,
    shares: Vec<Reg>,
    from: Option<Reg>,
    to: Vec<Option<Reg>>,
}

/// A dated move.
#[derive(Clone, Debug)]
struct Dated {
    id: MoveId,
    /// First, period and last; their code is run when the run starts.
    first: Reg,
    period: Option<Reg>,
    last: Option<Reg>,
    asking: Asking,
}

/// Work of a phase.
#[derive(Clone, Debug)]
struct Stage {
    work: Work,
    asking: Asking,
}

/// A new value of a state.
#[derive(Clone, Copy, Debug)]
struct NewState {
    update: usize,
    value: Reg,
    every: Option<Reg>,
}

/// New values and their code.
#[derive(Clone, Debug, Default)]
struct News {
    code: Range<usize>,
    states: Vec<NewState>,
}

/// What a newborn opens with.
#[derive(Clone, Debug)]
enum Birth {
    Formula(Said),
    Drawn(Said),
    /// The condition and the weight of each candidate; where they hang on the newborn, too, code for each.
    Pick {
        code: Range<usize>,
        inner: Option<Inner>,
        condition: Option<Reg>,
        weight: Option<Reg>,
    },
}

/// A population's births: their openings, and the reference of the stock that each is taken from.
#[derive(Clone, Debug, Default)]
struct Births {
    all: Vec<(Birth, Option<Said>)>,
    number: Reg,
    first_row: Reg,
}

/// A `retire`.
#[derive(Clone, Debug)]
struct Retiring {
    when: Said,
    /// Of each route the shares, and the references of its parts.
    routes: Vec<(Said, Vec<Option<Reg>>)>,
}

/// A compiled model with populations.
#[derive(Clone, Debug)]
pub(super) struct Program<'m> {
    model: &'m Model,
    set: Set,
    code: Vec<Inst>,
    folds: Vec<Fold>,
    lists: Vec<List>,
    picks: Vec<Pick>,
    /// The space of each column, and the constants.
    spaces: Vec<Space>,
    constants: Vec<(Reg, f64)>,
    /// Of each population the numbers of its members, and the rows in which they are first seen.
    numbers: Vec<Reg>,
    first_rows: Vec<Reg>,
    alive: Vec<Reg>,
    params: Reg,
    taken: Reg,
    asked: Reg,
    factors: Reg,
    draws: Reg,
    probes: Reg,
    time: Reg,
    openings: Vec<(Range<usize>, Opening, Reg)>,
    start_bounds: Vec<[Reg; 3]>,
    start: Range<usize>,
    totals: Vec<Reg>,
    limits: Vec<Reg>,
    windows: Vec<Window>,
    drawing: Vec<Drawing>,
    dated: Vec<Dated>,
    row: Range<usize>,
    bounds: Vec<[Reg; 3]>,
    asserts: Vec<Reg>,
    probed: Vec<Reg>,
    watch: Range<usize>,
    after: Range<usize>,
    after_watch: Range<usize>,
    phases: Vec<(Vec<Stage>, News)>,
    update: News,
    rates: Said,
    columns: Said,
    /// Of each roll what is told of a member, and who is told of.
    rolls: Vec<(Said, Vec<Reg>)>,
    spawns: Vec<Said>,
    retires: Vec<Retiring>,
    births: Vec<Births>,
    finish: Said,
    goals: Vec<Reg>,
    seen: Vec<Option<Reg>>,
}
