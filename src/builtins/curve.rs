//! Functions given by points: curves of anything, series over time.
//!
//! In: points in ascending order, and where to read them. Out: the value there. Invariant: a point's own value comes back to
//! the bit, and what is read between two points lies between their values; each row of lumps falls into exactly one step.
//! Absent on purpose: whether a series may be read outside its rows, and where they come from.

use super::Instant;
use super::kernels::{clamp, max, min, slack};

/// What a curve is where it has no points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// Outside the points the first and the last value; between them linear.
    Clamp,
    /// Outside the points the slope of the first and the last segment; between them linear.
    Extrapolate,
    /// The value of the last point that is not after, everywhere; before all points the first.
    Step,
}

/// A graphical function. There is a point at least, and `xs` increase strictly.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// Where the points are.
    pub xs: Vec<f64>,
    /// The value in each.
    pub ys: Vec<f64>,
    /// What it is where it has none.
    pub ends: Ends,
}

impl Curve {
    /// The value at `x`; NaN at NaN.
    pub fn at(&self, x: f64) -> f64 {
        read(&self.xs, &self.ys, self.ends, x)
    }
}

/// How the rows of a series are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Linear between rows.
    Linear,
    /// What the last row said holds until the next.
    Hold,
    /// The sum of the rows inside the step.
    Lumps,
}

/// Data over time. There is a row at least, and `times` increase strictly.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// When the rows are, in the clock's unit.
    pub times: Vec<f64>,
    /// The value in each.
    pub values: Vec<f64>,
    /// How they are read.
    pub reading: Reading,
}

impl Series {
    /// The value at an instant; before the first row and after the last, what they say (no lump: 0).
    pub fn at(&self, at: Instant) -> f64 {
        match self.reading {
            Reading::Linear => read(&self.times, &self.values, Ends::Clamp, at.time),
            Reading::Hold => {
                let now = at.row + slack(at.row, at.start, at.dt) * at.dt;
                read(&self.times, &self.values, Ends::Step, now)
            }
            Reading::Lumps => {
                // The rows of the step, not of [time, time + dt): a sum of doubles may miss the next step's time, and a row
                // between the two would count twice or never.
                let before = |step: f64| self.times.partition_point(|time| step_of(*time, at) < step);
                let rows = self.values.get(before(at.step)..before(at.step + 1.0)).unwrap_or_default();
                rows.iter().copied().reduce(|sum, value| sum + value).unwrap_or(0.0)
            }
        }
    }
}

/// The number of the step inside which a time lies: the last that does not start after it, rounding aside.
fn step_of(time: f64, at: Instant) -> f64 {
    libm::floor((time - at.start) / at.dt + slack(time, at.start, at.dt))
}

fn read(xs: &[f64], ys: &[f64], ends: Ends, x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    let after = xs.partition_point(|point| *point <= x);
    let outside = after == 0 || after == xs.len();
    let near = after.saturating_sub(1);
    if xs.len() == 1 || x == xs[near] || ends == Ends::Step || (outside && ends == Ends::Clamp) {
        return ys[near];
    }
    // The segment in which x lies, or the nearest.
    let left = near.min(xs.len() - 2);
    let (low, high) = (ys[left], ys[left + 1]);
    if low == high {
        // Also where x or both values are infinite.
        return low;
    }
    let y = ys[near] + (high - low) * (x - xs[near]) / (xs[left + 1] - xs[left]);
    if outside { y } else { clamp(y, min(low, high), max(low, high)) }
}
