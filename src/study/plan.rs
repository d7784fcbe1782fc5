//! The plan of an experiment: its design points, arms, samples and runs, each with its number.
//!
//! In: a checked model and one of its experiments. Out: [`Plan`]. Invariant: points are numbered from 1 in the order of
//! the text, the last sweep the fastest; every arm has the same points, and every point the same runs. Absent on purpose:
//! what has to be checked, which `check` has.

use crate::hir::{DeclId, Design};
use crate::ir::Origin;

/// What an experiment runs. `points × arms × runs` runs in all.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The experiment's name; what a call asks for by itself has none.
    pub name: Option<String>,
    /// What is swept, in the order of the text.
    pub swept: Vec<Swept>,
    /// Of each design point the number of each swept thing's value. Point 1 is the first. Without sweeps there is one.
    pub points: Vec<Vec<u32>>,
    /// The arms in their order, one at least.
    pub arms: Vec<Arm>,
    /// How uncertain params are drawn; without it they have their defaults.
    pub sample: Option<Sample>,
    /// Runs of each sample: run `r` is of sample `(r - 1) / repeats + 1`.
    pub repeats: u32,
    /// Runs of each point in each arm: samples × repeats.
    pub runs: u32,
    /// The seed.
    pub seed: u64,
    /// The metrics that are asked for, in the order of the text; all, if none are named.
    pub measures: Vec<Origin>,
    /// What is put in place of openings, in the order of [`Plan::inputs_of`].
    pub inputs: Vec<(DeclId, u32)>,
    /// The models that are run.
    pub variants: Vec<Variant>,
}

/// An arm of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arm {
    /// Its name: the scenario's, or `baseline`.
    pub name: String,
    /// The scenario, if it has one.
    pub scenario: Option<String>,
}

/// How uncertain params are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// How many samples.
    pub count: u32,
    /// How they are drawn.
    pub design: Design,
}

/// Something that is swept.
#[derive(Clone, Debug)]
pub struct Swept {
    /// As it is written: `fee`, `share[team]`.
    pub name: String,
    /// Its unit; `1` for plain numbers, `bool` for conditions, the index for labels, nothing for options and whole arrays.
    pub unit: String,
    /// The number of its `sweep`: those of one `sweep zip` share it.
    pub sweep: usize,
    /// Its values.
    pub values: Vec<SweptValue>,
    /// Where its values stand among the inputs; what changes the model has none.
    pub input: Option<usize>,
}

/// A value of something that is swept.
#[derive(Clone, Debug, PartialEq)]
pub struct SweptValue {
    /// As a designer writes it: `0.25%`, `36 month`, `tiered`, `{ team: 30%, seed: 70% }`.
    pub text: String,
    /// In its unit, where it is a plain number.
    pub number: Option<f64>,
    /// In stored units; of a whole array each member's. Empty where it changes the model.
    pub stored: Vec<f64>,
}

/// A model that is run: that of an arm, with the choices that change it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// The number of the arm.
    pub arm: usize,
    /// Of what changes the model: the number of the axis and of its value.
    pub choices: Vec<(usize, usize)>,
    /// Its design points, ascending, from 0.
    pub points: Vec<usize>,
}

impl Plan {
    /// Runs in all.
    pub fn size(&self) -> u64 {
        self.points.len() as u64 * self.arms.len() as u64 * u64::from(self.runs)
    }

    /// The value of a swept thing at a design point.
    pub fn value(&self, swept: usize, point: usize) -> &SweptValue {
        &self.swept[swept].values[self.points[point][swept] as usize]
    }

    /// What is put in place of openings at a design point, in stored units.
    pub fn inputs_of(&self, point: usize) -> Vec<f64> {
        let swept = (0..self.swept.len()).filter(|s| self.swept[*s].input.is_some());
        swept.flat_map(|s| self.value(s, point).stored.iter().copied()).collect()
    }

    /// The sample that a run is of, from 1; without samples there is none.
    pub fn sample_of(&self, run: u32) -> Option<u32> {
        self.sample.map(|_| (run - 1) / self.repeats + 1)
    }
}
