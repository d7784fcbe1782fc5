//! Why a run failed, as data.

use crate::ir::{MoveId, PopId};

/// A failure and its step.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// The number of the step. What happens when members come and go belongs to the row in which that is seen.
    pub step: u64,
    /// What happened.
    pub kind: FaultKind,
    /// The number of the member that it happened to, of whatever the kind is about.
    pub member: Option<u32>,
}

/// What happened, and to which member.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// What.
    pub kind: FaultKind,
    /// To whom.
    pub member: Option<u32>,
}

impl Failure {
    /// The failure of a run in this step.
    pub(crate) fn at(self, step: u64) -> Fault {
        Fault { step, kind: self.kind, member: self.member }
    }
}

impl FaultKind {
    /// It happened to this member.
    pub(crate) fn of(self, member: Option<u32>) -> Failure {
        Failure { kind: self, member }
    }
}

impl From<FaultKind> for Failure {
    fn from(kind: FaultKind) -> Self {
        kind.of(None)
    }
}

/// What is no finite number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// A stock, by number.
    Stock(usize),
    /// A state, by the number of its update.
    State(usize),
    /// What a move asks for.
    Move(MoveId),
    /// The opening of what stands at this place in the order of openings.
    Opening(usize),
    /// What a newborn of this population opens with, by its place among the births.
    Birth(PopId, usize),
}

/// What is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawn {
    /// A draw, by number.
    Draw(u32),
    /// An uncertain param, by number.
    Param(u32),
    /// A trait of a newborn, by its place among the births.
    Birth(PopId, usize),
}

/// What can happen to a run.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultKind {
    /// A stock holds too little.
    Overdraw {
        /// The stock.
        stock: usize,
        /// What it held.
        held: f64,
        /// What came in in the same step.
        inflows: f64,
        /// What each move wanted to take.
        outflows: Vec<(MoveId, f64)>,
    },
    /// A move asked for less than nothing.
    Backward {
        /// The move.
        moved: MoveId,
        /// What it asked for.
        value: f64,
    },
    /// A part of a split is no share, or no amount.
    Part {
        /// The move.
        moved: MoveId,
        /// Which part, from 0.
        part: usize,
        /// What it is.
        value: f64,
    },
    /// The parts of a split are not the whole.
    Parts {
        /// The move.
        moved: MoveId,
        /// What they come to: shares together, or amounts (of a flow per time).
        sum: f64,
        /// What they should: 1, or what the move asks for.
        whole: f64,
    },
    /// A value is NaN or infinite.
    NotFinite {
        /// Which.
        what: Value,
        /// What it is.
        value: f64,
    },
    /// There is nothing to be drawn: arguments are no finite numbers or outside the support, or what comes of them is not finite.
    Draw {
        /// What is drawn.
        what: Drawn,
        /// The arguments.
        args: Vec<f64>,
        /// What came of them; NaN where they are wrong.
        value: f64,
    },
    /// A series `by run` has no column for this run.
    NoColumn {
        /// The number of its first column among all series.
        series: u32,
        /// How many it has.
        columns: u32,
        /// The number of the run.
        run: u32,
    },
    /// A stock opens below zero.
    OpensBelowZero {
        /// The stock.
        stock: usize,
        /// With what.
        value: f64,
    },
    /// A value is out of its bounds.
    Bound {
        /// A param, checked at the start; or a stock.
        start: bool,
        /// The number of the bound.
        bound: usize,
        /// The value.
        value: f64,
        /// The least allowed.
        low: f64,
        /// The most allowed.
        high: f64,
    },
    /// An assertion does not hold.
    Assert {
        /// The number of the assertion.
        assert: usize,
    },
    /// The stocks do not open with the total that is stated.
    OpeningTotal {
        /// The number of the `conserve`.
        conserve: usize,
        /// What they open with.
        sum: f64,
        /// What is stated.
        total: f64,
    },
    /// An end of a move, or where a newborn's opening comes from, names a member that does not live.
    Nobody {
        /// The number of the stock, of which member is not known.
        stock: usize,
        /// What stands in place of a member's number.
        number: f64,
    },
    /// The parts in which a stock of a retiring member is to go are no shares, or not the whole.
    Route {
        /// The number of the `retire`.
        retire: usize,
        /// The number of the stock.
        stock: usize,
        /// Which part is no share, from 0; without one, all together are not the whole.
        part: Option<usize>,
        /// What it is, or what they come to.
        value: f64,
    },
    /// More members live than may.
    Crowded {
        /// The population.
        population: PopId,
        /// How many may.
        limit: f64,
    },
    /// A number of births that is none.
    Births {
        /// The number of the `spawn`.
        spawn: usize,
        /// What it is.
        value: f64,
    },
    /// What those that live from the start open with is not there.
    Unfunded {
        /// The number of the `spawn`.
        spawn: usize,
        /// The stock that they open from.
        stock: usize,
        /// What a member needs of it.
        needs: f64,
        /// What it holds.
        holds: f64,
    },
    /// Nobody can be picked.
    Pick {
        /// Who picks.
        population: PopId,
        /// The place of the trait among the births.
        birth: usize,
        /// Among how many.
        candidates: usize,
        /// What they weigh together; NaN where a weight is no number or below zero.
        weight: f64,
    },
    /// The audit found that something was lost or made: a mistake of the evaluator.
    Audit {
        /// The number of the asset.
        asset: usize,
        /// What is missing.
        gap: f64,
    },
}
