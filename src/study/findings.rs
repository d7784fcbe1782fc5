//! What comes of many runs: spreads, comparisons, goals, and which design point does best.
//!
//! In: a [`Plan`], what is asked of its models, and the numbers of the runs. Out: [`Findings`], all in stored units.
//! Invariant: runs are numbered, so everything here is the same whatever ran first; a run that failed has no numbers, misses
//! each goal, and is in no pair. Absent on purpose: names, units and text.

use super::statistics::{Mean, Paired, Share, Spread};
use super::{Plan, RunSet, goals};
use crate::exec::many::Point;
use crate::ir::Origin;

/// What is asked of the runs.
#[derive(Clone, Debug, Default)]
pub struct Questions {
    /// The metrics, each with its place in a row.
    pub metrics: Vec<(Origin, usize)>,
    /// The goals.
    pub goals: Vec<Question>,
    /// How long a row is.
    pub width: usize,
}

/// What a goal asks.
#[derive(Clone, Debug)]
pub struct Question {
    /// The number of the goal in the model.
    pub number: usize,
    /// What is asked.
    pub kind: Kind,
    /// In which share of the runs it should hold: all, if nothing is said.
    pub share: f64,
}

/// The kinds of goals.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A condition: its place in a row.
    Holds(usize),
    /// The number in this place is at least or at most so much of what it is in another arm.
    Of {
        /// The place of the number.
        at: usize,
        /// At least; else at most.
        least: bool,
        /// Equal is enough.
        equal: bool,
        /// How much of it.
        part: f64,
        /// The arm; none, if the experiment has no such arm.
        arm: Option<usize>,
    },
    /// The number in this place should be as large as can be; else as small.
    Best {
        /// The place of the number.
        at: usize,
        /// As large.
        largest: bool,
    },
}

/// What came of an experiment.
#[derive(Clone, Debug)]
pub struct Findings {
    /// What was asked.
    pub questions: Questions,
    /// Of each arm each design point; none of what was never run.
    pub cells: Vec<Vec<Option<Cell>>>,
    /// The arm that the others are compared with: `baseline`, else the first.
    pub base: usize,
    /// Of each objective which design point and arm does best.
    pub best: Vec<Best>,
}

/// A design point in an arm.
#[derive(Clone, Debug)]
pub struct Cell {
    /// How many runs were made.
    pub runs: u32,
    /// How many of them failed.
    pub failed: u32,
    /// Each metric.
    pub metrics: Vec<Spread>,
    /// Each metric against the base arm; nothing in the base arm itself.
    pub against: Vec<Paired>,
    /// Each goal: in how many runs it holds. Nothing of what is no condition, and of what compares an arm with itself or one
    /// that there is not.
    pub goals: Vec<Option<Share>>,
}

/// Which design point and arm comes closest to an objective.
#[derive(Clone, Debug)]
pub struct Best {
    /// The number of the goal in [`Questions::goals`].
    pub goal: usize,
    /// Arm and point; nothing, if none meets the other goals.
    pub first: Option<Place>,
    /// Those that come next, the best first.
    pub others: Vec<Place>,
    /// How many meet the other goals.
    pub candidates: usize,
    /// What is wanted is infinite in some run, so that its mean over the others says nothing: medians are compared.
    pub by_median: bool,
}

/// One that meets the other goals.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The number of its arm.
    pub arm: usize,
    /// The number of its point, from 0.
    pub point: usize,
    /// The mean of what is wanted.
    pub mean: Mean,
    /// Its median.
    pub median: f64,
    /// What it has more than the best, run by run; of the best itself nothing.
    pub lead: Option<Paired>,
}

/// One number of each run by number, NaN where it failed or was not made.
pub(super) fn numbers(point: &Point, at: usize, width: usize) -> Vec<f64> {
    (0..point.done.len()).map(|run| point.metrics.get(run * width + at).copied().unwrap_or(f64::NAN)).collect()
}

/// What came of the runs.
pub fn findings(plan: &Plan, questions: &Questions, runs: &RunSet) -> Findings {
    let base = plan.arms.iter().position(|a| a.scenario.is_none()).unwrap_or(0);
    let width = questions.width;
    // Without samples each run is by itself.
    let repeats = if plan.sample.is_some() { plan.repeats } else { 1 };
    let cell = |arm: usize, point: usize, here: &Point| {
        let made = here.done.iter().filter(|done| **done).count() as u32;
        let mut ended = here.done.clone();
        here.failed.iter().for_each(|f| ended[f.run as usize - 1] = false);
        let spread = |(_, at): &(Origin, usize)| Spread::of(&numbers(here, *at, width), |run| ended[run], repeats);
        let other = &runs.points[base][point];
        let paired =
            |(_, at): &(Origin, usize)| Paired::of(&numbers(here, *at, width), &numbers(other, *at, width), repeats);
        let metrics = questions.metrics.iter();
        (made > 0).then(|| Cell {
            runs: made,
            failed: here.failed.len() as u32,
            metrics: metrics.clone().map(spread).collect(),
            against: if arm == base { Vec::new() } else { metrics.map(paired).collect() },
            goals: questions.goals.iter().map(|q| goals::met(q, width, (arm, point), repeats, runs)).collect(),
        })
    };
    let arm = |(arm, points): (usize, &Vec<Point>)| points.iter().enumerate().map(|(p, r)| cell(arm, p, r)).collect();
    let cells: Vec<Vec<Option<Cell>>> = runs.points.iter().enumerate().map(arm).collect();
    let best = goals::best(questions, repeats, &cells, runs);
    Findings { questions: questions.clone(), cells, base, best }
}
