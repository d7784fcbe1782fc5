//! Many runs of a model: points of a design, each with as many runs.
//!
//! In: [`Batch`]. Out: per point the metrics of each run, and what failed. Invariant: results hang on seed and numbers of
//! runs, not on threads. Absent on purpose: what points and arms mean (see `study`).

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use super::{Case, FaultKind, Program};
use crate::builtins::philox;
use crate::ir::Model;

/// Runs to make.
#[derive(Clone, Debug)]
pub struct Batch<'a> {
    /// What to run.
    pub model: &'a Model,
    /// Of each point, what [`Model::inputs`] open with.
    pub points: &'a [Vec<f64>],
    /// The seed of all luck.
    pub seed: u64,
    /// Runs of each point, numbered from 1.
    pub runs: u32,
    /// So many runs share a sample of the uncertain params.
    pub repeats: u32,
    /// Of each sample, where each uncertain param stands; empty, seed and number of the sample say it.
    pub luck: &'a [Vec<f64>],
    /// Statistics of each row are wanted.
    pub stats: bool,
    /// So many threads.
    pub threads: usize,
    /// How lanes are laid out; results do not hang on it.
    pub layout: Layout,
}

/// How lanes are laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Lanes of a block: 0 for none, so that each run is made alone.
    pub lanes: usize,
}

/// What came of a point.
#[derive(Clone, Debug, Default)]
pub struct Point {
    /// Of each run, in order, its metrics, its goals and what they look at; NaN in a failed one.
    pub metrics: Vec<f64>,
    /// The runs that are done: with interrupted ones left out, in order.
    pub done: Vec<bool>,
    /// The runs that failed, in order.
    pub failed: Vec<Failed>,
    /// Statistics of each row.
    pub stats: Option<Stats>,
}

/// A run that failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Failed {
    /// Its number, from 1.
    pub run: u32,
    /// The step.
    pub step: u64,
    /// Why.
    pub kind: FaultKind,
}

/// Statistics over the runs of a point: of each column, in each kept row.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// The numbers of the kept rows.
    pub steps: Vec<u64>,
    /// Per column, then per row.
    pub cells: Vec<Spread>,
    /// Quantiles are those of so many runs, the first.
    pub sampled: u32,
}

/// How a value spreads over runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// How many runs had it, and as a finite number.
    pub n: u64,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation, with n − 1 as divisor.
    pub sd: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// 5 %, 50 % and 95 % of the first runs lie below these.
    pub quantiles: [f64; 3],
}

/// How many numbers a run comes to.
pub fn width(model: &Model) -> usize {
    model.metrics.len() + 2 * model.goals.len()
}

/// The case of a run.
pub fn case(batch: &Batch, point: usize, run: u32) -> Case {
    let sample = (run - 1) / batch.repeats.max(1);
    let luck = match batch.luck.get(sample as usize) {
        Some(luck) => luck.clone(),
        None => batch
            .model
            .uncertain
            .iter()
            .map(|param| {
                let place = philox::Place { run: sample + 1, step: 0, member: 0 };
                philox::uniform(philox::key(batch.seed, param.hash), place)
            })
            .collect(),
    };
    Case { seed: batch.seed, run, inputs: batch.points[point].clone(), luck }
}

/// Makes runs. `watch` hears how many are done, and says whether to go on.
pub fn run_many(batch: &Batch, watch: &(dyn Fn(u64) -> bool + Sync)) -> Vec<Point> {
    let program = Program::new(batch.model);
    let width = width(batch.model);
    let (next, done, stop) = (AtomicUsize::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let empty = || Point {
        metrics: vec![f64::NAN; batch.runs as usize * width],
        done: vec![false; batch.runs as usize],
        ..Point::default()
    };
    let points: Vec<Mutex<Point>> = batch.points.iter().map(|_| Mutex::new(empty())).collect();
    const GROUP: u32 = 64;
    let groups = batch.runs.div_ceil(GROUP) as usize;
    let work = || {
        loop {
            let task = next.fetch_add(1, Ordering::Relaxed);
            if task >= points.len() * groups || stop.load(Ordering::Relaxed) {
                return;
            }
            let (point, group) = (task / groups, (task % groups) as u32);
            let (first, last) = (group * GROUP + 1, batch.runs.min((group + 1) * GROUP));
            for run in first..=last {
                let outcome = program.run(&case(batch, point, run));
                let Ok(mut out) = points[point].lock() else { return };
                let at = (run - 1) as usize;
                let values = outcome.metrics.iter().chain(&outcome.goals).chain(&outcome.seen);
                out.metrics[at * width..(at + 1) * width].iter_mut().zip(values).for_each(|(to, v)| *to = *v);
                out.done[at] = true;
                out.failed.extend(outcome.fault.map(|f| Failed { run, step: f.step, kind: f.kind }));
            }
            let made = u64::from(last - first + 1);
            if !watch(done.fetch_add(made, Ordering::Relaxed) + made) {
                stop.store(true, Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..batch.threads.max(1) {
            scope.spawn(work);
        }
        work();
    });
    let sorted = |point: Mutex<Point>| {
        let mut point = point.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        point.failed.sort_by_key(|f| f.run);
        point
    };
    points.into_iter().map(sorted).collect()
}
