//! What a compiled model is made of: instructions over a file of registers, and the places of everything in it.
//!
//! In: nothing. Out: the types that `compile` fills and `run` follows, and what one instruction does. Invariant: an operation
//! is a function of its operands and the instant alone. Absent on purpose: control flow.

use std::ops::Range;

use crate::builtins::{Instant, Item};
use crate::ir::{self, Binary, Model, MoveId, Work};

/// A register.
pub(super) type Reg = u32;

/// What an instruction does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    Copy,
    Negate,
    Not,
    Binary(Binary),
    /// The second operand where the first is not 0, else the third.
    Select,
    One(fn(f64) -> f64),
    Two(fn(f64, f64) -> f64),
    Three(fn(f64, f64, f64) -> f64),
    Clock(fn([f64; 3], Instant) -> f64),
    /// Of many registers: the number of the list.
    Many(u32),
    /// One of many registers.
    Pick(u32),
    Curve(u32),
    Series(u32),
}

/// A function of many registers.
#[derive(Clone, Debug)]
pub(super) struct Many {
    pub gather: fn(f64, &[Item]) -> f64,
    pub head: Option<Reg>,
    /// The member as a number, its value, and the register of the condition, if it has one.
    pub items: Vec<(f64, Reg, Option<Reg>)>,
    pub otherwise: Option<Reg>,
    /// No item has a condition.
    pub all: bool,
}

impl Many {
    /// What it comes to; `scratch` saves asking for memory each time.
    pub(super) fn value(&self, regs: &[f64], scratch: &mut Vec<Item>) -> f64 {
        scratch.clear();
        let item =
            |(member, value, _): &(f64, Reg, Option<Reg>)| Item { member: *member, value: regs[*value as usize] };
        if self.all {
            scratch.extend(self.items.iter().map(item));
        } else {
            let holds = |c: Option<Reg>| c.is_none_or(|c| regs[c as usize] != 0.0);
            scratch.extend(self.items.iter().filter(|i| holds(i.2)).map(item));
        }
        match self.otherwise {
            Some(otherwise) if scratch.is_empty() => regs[otherwise as usize],
            _ => (self.gather)(self.head.map_or(f64::NAN, |h| regs[h as usize]), scratch),
        }
    }
}

/// One of many registers.
#[derive(Clone, Debug)]
pub(super) struct Pick {
    pub at: Reg,
    pub values: Vec<Reg>,
    pub otherwise: Reg,
}

impl Pick {
    pub(super) fn value(&self, regs: &[f64]) -> f64 {
        let at = regs[self.at as usize];
        let whole = at >= 0.0 && libm::floor(at) == at;
        let value = if whole { self.values.get(at as usize).copied() } else { None };
        regs[value.unwrap_or(self.otherwise) as usize]
    }
}

/// One instruction: operation, operands, result.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inst {
    pub op: Op,
    pub a: Reg,
    pub b: Reg,
    pub c: Reg,
    pub to: Reg,
}

/// A draw: the code that works out its arguments, and their registers.
#[derive(Clone, Debug)]
pub(super) struct Drawing {
    pub code: Range<usize>,
    pub args: Vec<Reg>,
    pub every: Option<Reg>,
}

/// Where an opening comes from.
#[derive(Clone, Debug)]
pub(super) enum Opening {
    Reg(Reg),
    /// A sampled param, by number, and the registers of its distribution's arguments.
    Uncertain(u32, Vec<Reg>),
    Input(u32),
}

/// A dated transfer: when, and the code that works out what it asks for.
#[derive(Clone, Debug)]
pub(super) struct Dated {
    pub id: MoveId,
    pub first: Reg,
    pub period: Option<Reg>,
    pub last: Option<Reg>,
    pub stage: Stage,
}

/// Work of a phase, or on a dated move, with the code to run before it.
#[derive(Clone, Debug)]
pub(super) struct Stage {
    pub code: Range<usize>,
    pub work: Work,
    /// What is asked for or worked out, under which condition, and the parts of a split that are written.
    pub amount: Reg,
    pub condition: Option<Reg>,
    pub shares: Vec<Reg>,
}

/// A phase: its work, the new values that it gives, and what is recorded after it.
#[derive(Clone, Debug)]
pub(super) struct Phase {
    pub stages: Vec<Stage>,
    pub update: Range<usize>,
    /// By the number of the update.
    pub states: Vec<(usize, NewState)>,
    pub record: Option<(Range<usize>, Vec<Option<Reg>>)>,
    /// The columns as the phase found them, for the message of a failure in it.
    pub failed: Option<(Range<usize>, Vec<Option<Reg>>)>,
}

/// A state's new value.
#[derive(Clone, Debug)]
pub(super) struct NewState {
    pub cell: Reg,
    pub value: Reg,
    pub rate: bool,
    pub every: Option<Reg>,
}

/// A stage of Runge-Kutta: straight code with a time of its own.
#[derive(Clone, Debug)]
pub(super) struct Slope {
    pub code: Range<usize>,
    /// How many halves of a step it lies behind the row, and the register of its time.
    pub halves: u64,
    pub time: Reg,
}

/// Registers of a bound: the value and its limits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub value: Reg,
    pub low: Reg,
    pub high: Reg,
}

/// A probe's registers.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProbeRegs {
    pub value: Reg,
    pub window: Option<(Reg, Reg)>,
    pub at: Option<Reg>,
}

/// A compiled model.
#[derive(Clone, Debug)]
pub struct Program<'m> {
    /// Of a model in which something lives, what runs it in place of all below.
    pub(super) members: Option<super::members::Program<'m>>,
    pub(super) model: &'m Model,
    pub(super) code: Vec<Inst>,
    pub(super) many: Vec<Many>,
    pub(super) picks: Vec<Pick>,
    /// The registers at the start of a run: constants are in place.
    pub(super) registers: Vec<f64>,
    pub(super) time: Reg,
    pub(super) step: Reg,
    pub(super) params: Range<usize>,
    /// Openings in order: the code, where the value is found, and the register to fill.
    /// By the number of the draw.
    pub(super) draws: Vec<Drawing>,
    pub(super) openings: Vec<(Range<usize>, Opening, Reg)>,
    pub(super) once: Range<usize>,
    pub(super) start_bounds: Vec<Limits>,
    pub(super) bounds: Vec<Limits>,
    pub(super) totals: Vec<Reg>,
    pub(super) dated: Vec<Dated>,
    /// Cells that hold the row, written before anything else of it.
    pub(super) row: Range<usize>,
    pub(super) watch: Range<usize>,
    pub(super) asserts: Vec<Reg>,
    /// The stages in order, all of them before the work of the step; none by Euler's method.
    pub(super) slopes: Vec<Slope>,
    /// Transfers that move but once, and registers that say at the stages that they have.
    pub(super) done: Vec<(MoveId, Reg)>,
    pub(super) phases: Vec<Phase>,
    pub(super) after: Range<usize>,
    pub(super) after_watch: Range<usize>,
    pub(super) record: Range<usize>,
    /// What a failed step still records.
    pub(super) record_failed: Range<usize>,
    pub(super) columns: Vec<Reg>,
    pub(super) failed_columns: Vec<Reg>,
    pub(super) update: Range<usize>,
    pub(super) states: Vec<(usize, NewState)>,
    /// Sums of rates: the cell and the rate.
    pub(super) sums: Vec<(Reg, Reg)>,
    pub(super) probes: Vec<ProbeRegs>,
    pub(super) finish: Range<usize>,
    pub(super) metrics: Vec<Reg>,
    pub(super) goals: Vec<Reg>,
    pub(super) seen: Vec<Option<Reg>>,
}

/// What an operation makes of its operands.
#[inline(always)]
pub(super) fn apply(op: Op, [a, b, c]: [f64; 3], at: Instant) -> f64 {
    let truth = |b: bool| if b { 1.0 } else { 0.0 };
    match op {
        Op::Copy => a,
        Op::Negate => -a,
        Op::Not => truth(a == 0.0),
        Op::Binary(op) => ir::apply(op, a, b),
        Op::Select => {
            if a != 0.0 {
                b
            } else {
                c
            }
        }
        Op::One(f) => f(a),
        Op::Two(f) => f(a, b),
        Op::Three(f) => f(a, b, c),
        Op::Clock(f) => f([a, b, c], at),
        // These look at more than three registers, and are met by whoever has them.
        Op::Many(_) | Op::Pick(_) | Op::Curve(_) | Op::Series(_) => f64::NAN,
    }
}
