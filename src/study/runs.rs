//! The runs of an experiment, before anything is made of them.
//!
//! In: what `exec` gives for the points of each model. Out: [`RunSet`], arm by arm. Invariant: every arm has all points of
//! the plan, those that were not run without runs. Absent on purpose: what the numbers mean.

use super::{Plan, Variant};
use crate::exec::many::Point;

/// The runs of an experiment.
#[derive(Clone, Debug)]
pub struct RunSet {
    /// Per arm, then per design point.
    pub points: Vec<Vec<Point>>,
    /// Every run was made: nothing was interrupted.
    pub whole: bool,
}

impl RunSet {
    /// Before the first run.
    pub fn new(plan: &Plan) -> Self {
        let points = vec![vec![Point::default(); plan.points.len()]; plan.arms.len()];
        Self { points, whole: true }
    }

    /// Takes what came of a model's points.
    pub fn take(&mut self, variant: &Variant, points: Vec<Point>) {
        for (number, point) in variant.points.iter().zip(points) {
            self.whole &= point.done.iter().all(|done| *done);
            self.points[variant.arm][*number] = point;
        }
    }

    /// Runs that were made.
    pub fn done(&self) -> u64 {
        self.points.iter().flatten().map(|p| p.done.iter().filter(|done| **done).count() as u64).sum()
    }

    /// Runs that failed.
    pub fn failed(&self) -> u64 {
        self.points.iter().flatten().map(|p| p.failed.len() as u64).sum()
    }
}
