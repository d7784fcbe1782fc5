//! Runs models.
//!
//! In: [`ir::Model`]. Out: [`Outcome`]. Two evaluators: [`Program`], compiled, fast; [`oracle`], which walks the expressions
//! and shares nothing with it but `ir` and the builtins' kernels. They give the same bits, held by tests.
//! Invariant: a failed run keeps the rows that it had, and says why. Absent on purpose: names and units.

mod compile;
mod fault;
pub mod lanes;
pub mod many;
mod members;
pub mod oracle;
mod program;
mod run;
mod settle;

pub use fault::{Drawn, Failure, Fault, FaultKind, Value};
pub use program::Program;

use crate::builtins::philox::{self, Place};
use crate::ir;

/// What makes a run one of many.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// The seed of all luck.
    pub seed: u64,
    /// The number of the run, from 1.
    pub run: u32,
    /// What [`ir::Model::inputs`] open with, in stored units.
    pub inputs: Vec<f64>,
    /// Where each uncertain param stands between its least value, 0, and its greatest, 1. Without them seed and run say it.
    pub luck: Vec<f64>,
}

impl Default for Case {
    fn default() -> Self {
        Self { seed: 1, run: 1, inputs: Vec::new(), luck: Vec::new() }
    }
}

impl Case {
    /// Where an uncertain param stands.
    pub(crate) fn luck_of(&self, model: &ir::Model, number: u32) -> f64 {
        let own = || {
            let param = model.uncertain.get(number as usize)?;
            let place = Place { run: self.run, step: 0, member: 0 };
            Some(philox::uniform(philox::key(self.seed, param.hash), place))
        };
        self.luck.get(number as usize).copied().or_else(own).unwrap_or(f64::NAN)
    }
}

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The numbers of the rows that were kept.
    pub steps: Vec<u64>,
    /// After which phase each of them stands, from 1: 0 in row 0, the last in all others but those between two rows.
    pub substeps: Vec<usize>,
    /// Each column's values in those rows; NaN where a failed run did not get to it.
    pub columns: Vec<Vec<f64>>,
    /// The params.
    pub params: Vec<f64>,
    /// The metrics; NaN in a failed run.
    pub metrics: Vec<f64>,
    /// Each stock's way.
    pub stocks: Vec<Extremes>,
    /// Each state's.
    pub states: Vec<Extremes>,
    /// What was audited, per dimension.
    pub assets: Vec<Balance>,
    /// In how many steps each move got less than it asked for; legs of trades aside.
    pub short: Vec<u64>,
    /// What it lacked in all.
    pub missed: Vec<f64>,
    /// In how many steps each trade did not go through as a whole.
    pub short_trades: Vec<u64>,
    /// What goals ask for: conditions as 0 and 1; NaN in a failed run.
    pub goals: Vec<f64>,
    /// The numbers that they look at; NaN where there is none.
    pub seen: Vec<f64>,
    /// How many members of each population were born and have retired.
    pub lives: Vec<Lives>,
    /// Of each of [`ir::Model::rolls`] who was there.
    pub rolls: Vec<Roll>,
    /// Why the run failed.
    pub fault: Option<Fault>,
    /// Each column at the moment of the failure: as the phase found it in which the run failed, else as the row has it. NaN
    /// where it was not known.
    pub at_fault: Vec<f64>,
}

/// What became of a population.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lives {
    /// How many members were born, those of row 0 among them.
    pub born: u64,
    /// How many have retired.
    pub retired: u64,
}

/// The members of a population in the rows that were kept, row after row, each in order of number.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Roll {
    /// The place of the row in [`Outcome::steps`].
    pub rows: Vec<u32>,
    /// The number of the member.
    pub numbers: Vec<u32>,
    /// A value for each column of each.
    pub values: Vec<f64>,
    /// Of each member that was ever born, by number: the row in which it is first seen, and the first without it, if it has
    /// retired.
    pub lives: Vec<(u64, Option<u64>)>,
}

/// A stock's or state's way through all rows, kept or not. Of members' stocks it is that of all of them together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extremes {
    /// In row 0, before anything moved.
    pub opening: f64,
    /// In the last row.
    pub last: f64,
    /// The least.
    pub low: f64,
    /// The greatest.
    pub high: f64,
}

impl Extremes {
    /// Of a value that has just opened.
    pub(crate) fn new(value: f64) -> Self {
        Self { opening: value, last: value, low: value, high: value }
    }
}

/// The ledger of one dimension.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Balance {
    /// What all stocks opened with.
    pub opened: f64,
    /// What came in from the cloud.
    pub inflow: f64,
    /// What went out to it.
    pub outflow: f64,
    /// What all stocks hold at the end.
    pub closed: f64,
    /// The largest sum of all sizes at any time, plus what crossed: the scale of rounding.
    pub scale: f64,
}

/// A breach of the ledger beyond this share of what was there is no rounding.
pub const AUDIT: f64 = 1e-9;

impl Balance {
    /// What is missing (or too much, if negative).
    pub fn gap(&self) -> f64 {
        self.opened + self.inflow - self.outflow - self.closed
    }

    /// Whether it balances after so many steps, rounding aside: each may have rounded every sum.
    pub fn holds(&self, steps: u64) -> bool {
        self.gap().abs() <= AUDIT.max(ir::rounding(steps)) * self.scale.max(f64::MIN_POSITIVE)
    }
}
