//! Many runs of a model: points of a design, each with as many runs.
//!
//! In: [`Batch`]. Out: per point the metrics of each run, what failed, and statistics where they are asked for. Lanes hold runs side by
//! side; what lanes cannot do is run alone. Invariant: results hang on seed and numbers of runs, not on threads, blocks or
//! instruction sets. Absent on purpose: what points and arms mean (see `study`).

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use super::lanes::{self, Block, Deck, Fitted, Set};
use super::{Case, FaultKind, Outcome, Program};
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Lanes of a block: 0 for none, so that each run is made alone; [`Layout::FIT`], or a multiple of 16.
    pub lanes: usize,
    /// The instruction set; without one the widest there is.
    pub set: Option<Set>,
}

impl Layout {
    /// As many lanes as are found to be best.
    pub const FIT: usize = usize::MAX;
}

impl Default for Layout {
    fn default() -> Self {
        Self { lanes: Self::FIT, set: None }
    }
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
    /// How many runs were made alone: those that failed, and those with what lanes leave to it.
    pub alone: u64,
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
    /// The number of the member that it happened to.
    pub member: Option<u32>,
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
    let lanes = (batch.layout.lanes > 0).then(|| lanes::Program::new(batch.model, batch.stats)).flatten();
    let alone = Program::new(batch.model);
    let work = Work::new(batch, lanes.as_ref(), &alone, watch);
    let threads = batch.threads.clamp(1, work.tasks.len().max(1));
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| work.all());
        }
        work.all();
    });
    work.points()
}

/// Runs of some points that are made together: lanes of one block hold the same runs of one point after another, or few runs of many
/// points.
#[derive(Clone, Copy, Debug)]
struct Task {
    points: (usize, usize),
    /// Numbers, from 1.
    runs: (u32, u32),
}

struct Work<'w> {
    batch: &'w Batch<'w>,
    /// Lanes of a block; 0 if each run is made alone.
    lanes: usize,
    /// Lanes hold runs of many points.
    few: bool,
    fitted: BTreeMap<usize, Fitted<'w>>,
    alone: &'w Program<'w>,
    watch: &'w (dyn Fn(u64) -> bool + Sync),
    tasks: Vec<Task>,
    next: AtomicUsize,
    done: AtomicU64,
    stop: AtomicBool,
    points: Vec<Mutex<Gathered>>,
}

#[derive(Default)]
struct Gathered {
    point: Point,
    statistics: Merged,
}

/// Statistics of the groups that have come in: joined as far as they follow each other.
#[derive(Default)]
struct Merged {
    cells: Vec<Part>,
    /// The first run of the group that is to be joined next; 0 before the first.
    next: u32,
    waiting: BTreeMap<u32, Vec<Part>>,
    quantiles: Vec<[f64; 3]>,
    sampled: u32,
}

/// Of one value, what some runs come to.
#[derive(Clone, Copy)]
struct Part {
    n: f64,
    mean: f64,
    /// The sum of squares off the mean.
    squares: f64,
    min: f64,
    max: f64,
}

/// Of one value, what runs have come to so far: run r counts in slot (r − 1) mod 16, so that sums do not hang on the width of blocks.
/// Rows of slots begin with a line of the cache.
#[derive(Clone)]
#[repr(C, align(64))]
struct Slots {
    n: [f64; SLOTS],
    sum: [f64; SLOTS],
    squares: [f64; SLOTS],
    min: [f64; SLOTS],
    max: [f64; SLOTS],
    /// What is taken off each value, so that squares do not lose digits.
    shift: f64,
}

const SLOTS: usize = 16;
/// Statistics are gathered over so many runs, and these groups joined in order.
const GROUP: u32 = 1024;
/// Lanes of a block: with fewer, deciding what to do costs more than doing it; with more, registers lie too far away.
const LANES: usize = 128;
/// So many points share what is drawn.
const POINTS: usize = 32;
/// Numbers of a deck: what is drawn ahead of so many steps.
const DECK: usize = 32 * 1024;

impl<'w> Work<'w> {
    fn new(
        batch: &'w Batch<'w>,
        lanes: Option<&'w lanes::Program<'w>>,
        alone: &'w Program<'w>,
        watch: &'w (dyn Fn(u64) -> bool + Sync),
    ) -> Self {
        let (points, runs) = (batch.points.len(), batch.runs);
        let width = match (lanes, batch.layout.lanes) {
            (None, _) => 0,
            (Some(_), Layout::FIT) => LANES,
            (Some(_), lanes) => lanes,
        };
        // Few runs of many points fill the lanes of a block as well.
        let few = width > 0 && !batch.stats && runs < 64;
        let (of_points, of_runs) = match () {
            () if few => (width.div_ceil(runs.max(1) as usize), runs.max(1)),
            () if batch.stats => (POINTS.min(points.div_ceil(batch.threads.max(1)).max(1)), GROUP),
            () => (POINTS, width.max(64) as u32),
        };
        let mut tasks = Vec::new();
        let mut first = 1;
        while first <= runs {
            let last = runs.min(first + of_runs - 1);
            for from in (0..points).step_by(of_points.max(1)) {
                tasks.push(Task { points: (from, points.min(from + of_points)), runs: (first, last) });
            }
            first = last + 1;
        }
        // Blocks are as wide as what they hold.
        let mut fitted = BTreeMap::new();
        for task in tasks.iter().filter(|_| width > 0) {
            let of_task =
                (task.runs.1 - task.runs.0 + 1) as usize * if few { task.points.1 - task.points.0 } else { 1 };
            for used in [of_task.min(width), of_task % width].into_iter().filter(|n| *n > 0) {
                if let Some(program) = lanes {
                    let set = batch.layout.set.unwrap_or_else(Set::widest);
                    let lanes = width_of(used, width);
                    fitted.entry(lanes).or_insert_with(|| Fitted::new(program, set, lanes));
                }
            }
        }
        let gathered = || {
            let metrics = vec![f64::NAN; runs as usize * self::width(batch.model)];
            let point = Point { metrics, done: vec![false; runs as usize], ..Point::default() };
            Mutex::new(Gathered { point, ..Gathered::default() })
        };
        Self {
            batch,
            lanes: width,
            few,
            fitted,
            alone,
            watch,
            tasks,
            next: AtomicUsize::new(0),
            done: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            points: (0..points).map(|_| gathered()).collect(),
        }
    }

    fn all(&self) {
        loop {
            let next = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(task) = self.tasks.get(next) else { return };
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            match self.lanes > 0 {
                true => self.side_by_side(task),
                false => self.one_by_one(task),
            }
            let runs = u64::from(task.runs.1 - task.runs.0 + 1) * (task.points.1 - task.points.0) as u64;
            let done = self.done.fetch_add(runs, Ordering::Relaxed) + runs;
            if !(self.watch)(done) {
                self.stop.store(true, Ordering::Relaxed);
            }
        }
    }

    fn one_by_one(&self, task: &Task) {
        for point in task.points.0..task.points.1 {
            let mut gathered = self.statistics(task);
            for run in task.runs.0..=task.runs.1 {
                let outcome = self.alone(point, run);
                if let Some(statistics) = &mut gathered {
                    statistics.outcome(run, &outcome);
                }
            }
            self.gather(point, gathered);
        }
    }

    fn statistics(&self, task: &Task) -> Option<Statistics> {
        self.batch.stats.then(|| Statistics::new(self.batch, task.runs))
    }

    fn gather(&self, point: usize, statistics: Option<Statistics>) {
        let Some(statistics) = statistics else { return };
        let Ok(mut gathered) = self.points[point].lock() else { return };
        gathered.statistics.join(statistics);
    }

    /// Runs a run alone, and keeps what it comes to.
    fn alone(&self, point: usize, run: u32) -> Outcome {
        let outcome = self.alone.run(&case(self.batch, point, run));
        let values = outcome.metrics.iter().chain(&outcome.goals).chain(&outcome.seen).copied().collect::<Vec<_>>();
        let failed =
            outcome.fault.as_ref().map(|f| Failed { run, step: f.step, kind: f.kind.clone(), member: f.member });
        self.keep(point, run, &values, failed);
        if let Ok(mut gathered) = self.points[point].lock() {
            gathered.point.alone += 1;
        }
        outcome
    }

    fn keep(&self, point: usize, run: u32, values: &[f64], failed: Option<Failed>) {
        let Ok(mut gathered) = self.points[point].lock() else { return };
        let (width, at) = (values.len(), (run - 1) as usize);
        gathered.point.metrics[at * width..(at + 1) * width].copy_from_slice(values);
        gathered.point.done[at] = true;
        gathered.point.failed.extend(failed);
    }

    fn side_by_side(&self, task: &Task) {
        let runs = task.runs.1 - task.runs.0 + 1;
        let points = task.points.1 - task.points.0;
        let lanes = self.lanes;
        if self.few {
            // Lane after lane: all runs of a point, then those of the next.
            let all = runs as usize * points;
            for first in (0..all).step_by(lanes) {
                let used = lanes.min(all - first);
                let of = |lane: usize| {
                    let at = first + lane.min(used - 1);
                    (task.points.0 + at / runs as usize, task.runs.0 + (at % runs as usize) as u32)
                };
                let Some(fitted) = self.fitted.get(&width_of(used, lanes)) else { return self.one_by_one(task) };
                self.block(fitted, used, &[&of], &mut [None]);
            }
            return;
        }
        let mut statistics: Vec<Option<Statistics>> =
            (task.points.0..task.points.1).map(|_| self.statistics(task)).collect();
        for first in (task.runs.0..=task.runs.1).step_by(lanes) {
            let used = (lanes as u32).min(task.runs.1 - first + 1) as usize;
            let of: Vec<_> = (task.points.0..task.points.1)
                .map(|point| move |lane: usize| (point, first + lane.min(used - 1) as u32))
                .collect();
            let of: Vec<&dyn Fn(usize) -> (usize, u32)> = of.iter().map(|f| f as _).collect();
            let Some(fitted) = self.fitted.get(&width_of(used, lanes)) else { return self.one_by_one(task) };
            self.block(fitted, used, &of, &mut statistics);
        }
        for (point, statistics) in (task.points.0..task.points.1).zip(statistics) {
            self.gather(point, statistics);
        }
    }

    /// Runs blocks whose lanes hold the same runs, one block a point (or of several points, if there is one block): `of` says which.
    fn block(
        &self,
        fitted: &Fitted,
        used: usize,
        of: &[&dyn Fn(usize) -> (usize, u32)],
        statistics: &mut [Option<Statistics>],
    ) {
        let (batch, model) = (self.batch, self.batch.model);
        let width = fitted.lanes();
        let mut deck = Deck::new(fitted.program, batch.seed, (0..width).map(|lane| of[0](lane).1).collect());
        let steps = model.clock.steps + 1;
        let ahead = match fitted.program.streams() {
            0 => steps,
            streams => steps.min((DECK / (streams * width)).max(1) as u64),
        };
        let sample = |run: u32| ((run - 1) / batch.repeats.max(1)) as usize;
        let open = |block: &mut Block, deck: &Deck, of: &dyn Fn(usize) -> (usize, u32)| {
            block.open(
                fitted,
                deck,
                used,
                |lane, i| batch.points[of(lane).0][i],
                |lane, i| match batch.luck.get(sample(of(lane).1)) {
                    Some(luck) => luck[i],
                    None => {
                        let place = philox::Place { run: sample(of(lane).1) as u32 + 1, step: 0, member: 0 };
                        philox::uniform(philox::key(batch.seed, model.uncertain[i].hash), place)
                    }
                },
            );
        };
        let watch = |statistics: &mut Option<Statistics>, block: &mut Block, k: u64, columns: &[lanes::Place]| {
            if let Some(statistics) = statistics {
                statistics.rows(block, k, used, columns);
            }
        };
        if ahead >= steps {
            // All is drawn before the first step: one block does one point after another.
            deck.deal(fitted, 0, steps);
            let mut block = Block::new(fitted);
            for (of, statistics) in of.iter().zip(statistics) {
                let first = of(0).1;
                open(&mut block, &deck, of);
                if let Some(statistics) = statistics {
                    statistics.begin(first);
                }
                block.steps(fitted, &deck, 0..steps, &mut |block, k, columns| watch(statistics, block, k, columns));
                self.finish(fitted, &mut block, &deck, used, *of, statistics);
            }
            return;
        }
        let mut blocks: Vec<Block> = of.iter().map(|_| Block::new(fitted)).collect();
        for ((block, of), statistics) in blocks.iter_mut().zip(of).zip(statistics.iter_mut()) {
            open(block, &deck, of);
            if let Some(statistics) = statistics {
                statistics.begin(of(0).1);
            }
        }
        let mut first = 0;
        while first < steps {
            let end = steps.min(first + ahead);
            deck.deal(fitted, first, end - first);
            for (block, statistics) in blocks.iter_mut().zip(statistics.iter_mut()) {
                block.steps(fitted, &deck, first..end, &mut |block, k, columns| watch(statistics, block, k, columns));
            }
            first = end;
        }
        for ((block, of), statistics) in blocks.iter_mut().zip(of).zip(statistics) {
            self.finish(fitted, block, &deck, used, *of, statistics);
        }
    }

    fn finish(
        &self,
        fitted: &Fitted,
        block: &mut Block,
        deck: &Deck,
        used: usize,
        of: &dyn Fn(usize) -> (usize, u32),
        statistics: &mut Option<Statistics>,
    ) {
        let columns = block.finish(fitted, deck);
        let mut lane = 0;
        while lane < used {
            let (point, first) = of(lane);
            let together = (lane..used).take_while(|l| of(*l).0 == point).count();
            if let Ok(mut gathered) = self.points[point].lock() {
                for l in (lane..lane + together).filter(|l| block.alive[*l] != 0.0) {
                    let at = (first - 1) as usize + l - lane;
                    gathered.point.done[at] = true;
                    let to = &mut gathered.point.metrics[at * columns.len()..(at + 1) * columns.len()];
                    for (to, place) in to.iter_mut().zip(columns) {
                        *to = block.value(*place, l);
                    }
                }
            }
            for l in (lane..lane + together).filter(|l| block.alive[*l] == 0.0) {
                let run = first + (l - lane) as u32;
                let outcome = self.alone(point, run);
                if let Some(statistics) = statistics {
                    statistics.outcome(run, &outcome);
                }
            }
            lane += together;
        }
    }

    fn points(self) -> Vec<Point> {
        let batch = self.batch;
        let point = |gathered: Mutex<Gathered>| {
            let mut gathered = gathered.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
            gathered.point.failed.sort_by_key(|f| f.run);
            if batch.stats {
                gathered.point.stats = Some(gathered.statistics.stats(batch.model));
            }
            gathered.point
        };
        self.points.into_iter().map(point).collect()
    }
}

/// Lanes of a block that holds so many runs: as few groups as hold them, or one lane.
fn width_of(used: usize, lanes: usize) -> usize {
    if used == 1 { 1 } else { used.next_multiple_of(SLOTS).min(lanes) }
}

/// The statistics of a point, over a group of runs.
struct Statistics {
    first: u32,
    columns: usize,
    kept: Vec<u64>,
    cells: Vec<Slots>,
    /// Per column and row the values of the first runs, if this is their group.
    sampled: Vec<f64>,
    /// The step up to which each lane of the block at work was gathered.
    reached: Vec<u64>,
    block: u32,
    /// How many runs quantiles are of.
    many: usize,
    set: Set,
}

impl Statistics {
    fn new(batch: &Batch, runs: (u32, u32)) -> Self {
        let clock = &batch.model.clock;
        let kept: Vec<u64> = (0..=clock.steps).filter(|k| clock.kept(*k)).collect();
        let (columns, rows) = (batch.model.columns.len(), kept.len());
        // Quantiles are those of the first group.
        let many = batch.runs.min(GROUP) as usize;
        let sampled = if runs.0 == 1 { vec![f64::NAN; columns * rows * many] } else { Vec::new() };
        let empty = Slots {
            shift: f64::NAN,
            n: [0.0; SLOTS],
            sum: [0.0; SLOTS],
            squares: [0.0; SLOTS],
            min: [f64::INFINITY; SLOTS],
            max: [f64::NEG_INFINITY; SLOTS],
        };
        Self {
            first: runs.0,
            columns,
            cells: vec![empty; columns * rows],
            kept,
            sampled,
            reached: Vec::new(),
            block: 0,
            many,
            set: batch.layout.set.unwrap_or_else(Set::widest),
        }
    }

    /// A block begins whose first lane holds this run.
    fn begin(&mut self, run: u32) {
        self.block = run;
        self.reached.clear();
        self.reached.resize(GROUP as usize, 0);
    }

    fn push(&mut self, cell: usize, run: u32, value: f64) {
        if !self.sampled.is_empty() {
            self.sampled[cell * self.many + (run - 1) as usize] = value;
        }
        self.cells[cell].push(run, value);
    }

    /// The kept row `k` of a block.
    fn rows(&mut self, block: &Block, k: u64, used: usize, columns: &[lanes::Place]) {
        let Ok(row) = self.kept.binary_search(&k) else { return };
        let rows = self.kept.len();
        let all = block.alive[..used].iter().all(|alive| *alive != 0.0);
        for (column, place) in columns.iter().enumerate() {
            let cell = column * rows + row;
            let (values, first) = (block.lanes(*place), self.block);
            // What is the same in all lanes has one group.
            let along = if values.len() < block.alive.len() { 0 } else { usize::MAX };
            if !self.sampled.is_empty() {
                let at = cell * self.many + (first - 1) as usize;
                let sampled = &mut self.sampled[at..at + used];
                if all && along > 0 {
                    sampled.copy_from_slice(&values[..used]);
                } else {
                    for lane in (0..used).filter(|l| block.alive[*l] != 0.0) {
                        sampled[lane] = values[lane & along];
                    }
                }
            }
            self.cells[cell].lanes(self.set, values, along, &block.alive[..used], all);
        }
        for lane in 0..used {
            if block.alive[lane] != 0.0 {
                self.reached[lane] = k + 1;
            }
        }
    }

    /// A run that was made alone: what is not gathered of it yet.
    fn outcome(&mut self, run: u32, outcome: &Outcome) {
        let rows = self.kept.len();
        let from = self.reached.get(run.wrapping_sub(self.block) as usize).copied().unwrap_or(0);
        for (at, k) in outcome.steps.iter().enumerate() {
            let Ok(row) = self.kept.binary_search(k) else { continue };
            if *k < from {
                continue;
            }
            for column in 0..self.columns {
                self.push(column * rows + row, run, outcome.columns[column][at]);
            }
        }
    }
}

impl Slots {
    /// All slots, from the first to the last.
    fn part(&self) -> Part {
        let (mut n, mut sum, mut squares) = (0.0, 0.0, 0.0);
        let (mut min, mut max) = (f64::INFINITY, f64::NEG_INFINITY);
        for slot in 0..SLOTS {
            n += self.n[slot];
            sum += self.sum[slot];
            squares += self.squares[slot];
            min = if self.min[slot] < min { self.min[slot] } else { min };
            max = if self.max[slot] > max { self.max[slot] } else { max };
        }
        let rest = squares - sum * sum / n;
        Part { n, mean: self.shift + sum / n, squares: if rest > 0.0 { rest } else { 0.0 }, min, max }
    }

    /// Lanes of a block whose first holds a run of the first slot.
    fn lanes(&mut self, set: Set, values: &[f64], along: usize, alive: &[f64], all: bool) {
        if self.shift.is_nan() {
            let fine = |lane: &usize| alive[*lane] != 0.0 && values[*lane & along].is_finite();
            self.shift = (0..alive.len()).find(fine).map_or(f64::NAN, |lane| values[lane & along]);
        }
        match set {
            Set::Plain => self.gather(values, along, alive, all),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Set::all` says which sets there are, and only those are asked for.
            Set::Avx2 => unsafe { self.gather_avx2(values, along, alive, all) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Set::Avx512 => unsafe { self.gather_avx512(values, along, alive, all) },
            #[cfg(not(target_arch = "x86_64"))]
            _ => self.gather(values, along, alive, all),
        }
    }

    #[inline(always)]
    fn gather(&mut self, values: &[f64], along: usize, alive: &[f64], all: bool) {
        let (whole, rest) = alive.as_chunks::<SLOTS>();
        if all && along > 0 && rest.is_empty() && self.finite(&values[..alive.len()]) {
            return;
        }
        for (group, alive) in whole.iter().enumerate() {
            let at = (group * SLOTS) & along;
            if let Some(values) = values[at..].first_chunk::<SLOTS>() {
                for slot in 0..SLOTS {
                    self.one(slot, alive[slot], values[slot]);
                }
            }
        }
        let at = (whole.len() * SLOTS) & along;
        for (slot, (alive, value)) in rest.iter().zip(&values[at..]).enumerate() {
            self.one(slot, *alive, *value);
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,bmi2")]
    fn gather_avx2(&mut self, values: &[f64], along: usize, alive: &[f64], all: bool) {
        self.gather(values, along, alive, all);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,bmi2")]
    fn gather_avx512(&mut self, values: &[f64], along: usize, alive: &[f64], all: bool) {
        self.gather(values, along, alive, all);
    }

    /// Gathers lanes that are all at work, if all are finite: else nothing.
    #[inline(always)]
    fn finite(&mut self, values: &[f64]) -> bool {
        let Self { shift, n: _, mut sum, mut squares, mut min, mut max } = *self;
        let groups = values.as_chunks::<SLOTS>().0;
        for values in groups {
            for slot in 0..SLOTS {
                let (value, off) = (values[slot], values[slot] - shift);
                sum[slot] += off;
                squares[slot] += off * off;
                min[slot] = if value < min[slot] { value } else { min[slot] };
                max[slot] = if value > max[slot] { value } else { max[slot] };
            }
        }
        // What is not finite does not leave a sum again.
        if !sum.iter().fold(true, |finite, sum| finite & (sum.abs() <= f64::MAX)) {
            return false;
        }
        (self.sum, self.squares, self.min, self.max) = (sum, squares, min, max);
        self.n.iter_mut().for_each(|n| *n += groups.len() as f64);
        true
    }

    #[inline(always)]
    fn one(&mut self, slot: usize, alive: f64, value: f64) {
        let is = (alive != 0.0) & (value.abs() <= f64::MAX);
        let off = if is { value - self.shift } else { 0.0 };
        self.n[slot] += if is { 1.0 } else { 0.0 };
        self.sum[slot] += off;
        self.squares[slot] += off * off;
        self.min[slot] = if is & (value < self.min[slot]) { value } else { self.min[slot] };
        self.max[slot] = if is & (value > self.max[slot]) { value } else { self.max[slot] };
    }

    fn push(&mut self, run: u32, value: f64) {
        if !value.is_finite() {
            return;
        }
        if self.shift.is_nan() {
            self.shift = value;
        }
        let slot = (run - 1) as usize % SLOTS;
        let off = value - self.shift;
        self.n[slot] += 1.0;
        self.sum[slot] += off;
        self.squares[slot] += off * off;
        self.min[slot] = if value < self.min[slot] { value } else { self.min[slot] };
        self.max[slot] = if value > self.max[slot] { value } else { self.max[slot] };
    }
}

impl Merged {
    /// A group has come in.
    fn join(&mut self, group: Statistics) {
        if group.first == 1 {
            let many = group.many.max(1);
            for values in group.sampled.chunks(many) {
                let mut known: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
                self.sampled = self.sampled.max(known.len() as u32);
                self.quantiles.push(quantiles(&mut known));
            }
        }
        self.waiting.insert(group.first, group.cells.iter().map(Slots::part).collect());
        while let Some(parts) = self.waiting.remove(&self.next.max(1)) {
            self.next = self.next.max(1) + GROUP;
            if self.cells.is_empty() {
                self.cells = parts;
                continue;
            }
            for (all, part) in self.cells.iter_mut().zip(parts) {
                *all = all.with(part);
            }
        }
    }

    fn stats(self, model: &Model) -> Stats {
        let clock = &model.clock;
        let steps = (0..=clock.steps).filter(|k| clock.kept(*k)).collect();
        // Of what was interrupted, the groups that came in.
        let mut cells = self.cells;
        for (_, parts) in self.waiting {
            if cells.is_empty() {
                cells = parts;
                continue;
            }
            cells = cells.iter().zip(parts).map(|(all, part)| all.with(part)).collect();
        }
        let spread = |(i, part): (usize, &Part)| {
            let defined = |v: f64| if part.n > 0.0 { v } else { f64::NAN };
            Spread {
                n: part.n as u64,
                mean: defined(part.mean),
                sd: if part.n > 1.0 { libm::sqrt(part.squares / (part.n - 1.0)) } else { f64::NAN },
                min: defined(part.min),
                max: defined(part.max),
                quantiles: self.quantiles.get(i).copied().unwrap_or([f64::NAN; 3]),
            }
        };
        Stats { steps, cells: cells.iter().enumerate().map(spread).collect(), sampled: self.sampled }
    }
}

impl Part {
    /// This and another, joined: Chan, Golub, LeVeque (1979).
    fn with(self, other: Part) -> Part {
        if other.n == 0.0 {
            return self;
        }
        if self.n == 0.0 {
            return other;
        }
        let (delta, n) = (other.mean - self.mean, self.n + other.n);
        Part {
            n,
            mean: self.mean + delta * other.n / n,
            squares: self.squares + other.squares + delta * delta * self.n * other.n / n,
            min: if other.min < self.min { other.min } else { self.min },
            max: if other.max > self.max { other.max } else { self.max },
        }
    }
}

/// The values below which 5 %, 50 % and 95 % of these lie: type 7 of Hyndman and Fan (1996), linear between the two next to each.
fn quantiles(values: &mut [f64]) -> [f64; 3] {
    let Some(last) = values.len().checked_sub(1) else { return [f64::NAN; 3] };
    let places = [0.05, 0.5, 0.95].map(|p| p * last as f64);
    let [low, middle, high] = places.map(|at| libm::floor(at) as usize);
    if values.len() < SLOTS {
        values.sort_unstable_by(f64::total_cmp);
    } else {
        // The outer two lie on either side of the middle.
        let (left, _, right) = values.select_nth_unstable_by(middle, f64::total_cmp);
        left.select_nth_unstable_by(low, f64::total_cmp);
        right.select_nth_unstable_by(high - middle - 1, f64::total_cmp);
    }
    // The next one lies before the next that has its place.
    let [a, b, c] = [(low, middle), (middle, high), (high, last)].map(|(at, end)| {
        let next = at + 1..=end.max(at + 1).min(last);
        values[next].iter().copied().reduce(|least, v| if v < least { v } else { least }).unwrap_or(values[at])
    });
    let between = |at: f64, below: usize, above: f64| match values[below] {
        low if low == above => low,
        low => low + (at - below as f64) * (above - low),
    };
    [between(places[0], low, a), between(places[1], middle, b), between(places[2], high, c)]
}
