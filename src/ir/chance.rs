//! What is left to chance: draws, and params that are uncertain.
//!
//! In: the arguments of a distribution, worked out, and the place of a draw. Out: a value, or what is wrong with the arguments.
//! Invariant: a value hangs on its arguments and its place alone. Absent on purpose: when a draw is made.

use super::{ExprId, Origin};
use crate::builtins::philox::Stream;

/// A draw: a value that chance gives anew in each step, or now and then.
#[derive(Clone, Debug)]
pub struct Draw {
    pub origin: Origin,
    /// [`name_hash`](crate::builtins::philox::name_hash) of its name and labels. The place of a value is (run, the step in
    /// which it is made, member 0).
    pub hash: u64,
    pub how: How,
    /// As [`How`] says.
    pub args: Vec<ExprId>,
    /// It is made at the start of the run and again each period, and held between; without one it is made in each step.
    pub every: Option<ExprId>,
    /// It is made when this phase starts; without one, when the step does.
    pub phase: Option<usize>,
    /// Its arguments look at cells that hold the row, so these are written before it is made.
    pub rows: bool,
}

/// A param that is sampled. Its place in a random design is (run or number of the sample, step 0, member 0).
#[derive(Clone, Debug)]
pub struct Uncertain {
    pub origin: Origin,
    /// As of a draw.
    pub hash: u64,
    pub how: How,
    pub args: Vec<ExprId>,
}

/// What a value is drawn from.
#[derive(Clone, Copy, Debug)]
pub enum How {
    /// A distribution with these arguments.
    Form(&'static Form),
    /// A distribution between two values, which stand behind its arguments: neither below the first nor above the second.
    Truncated(&'static Form),
    /// One of the values of a sample, by its number in the model; no arguments.
    Empirical(u32),
    /// The number of a member: the arguments say how likely each is, in relation to the others.
    Categorical,
}

/// Most arguments of a distribution.
const ARGS: usize = 4;

/// The arguments of a form; what it has none for is 0.
fn first(args: &[f64]) -> [f64; ARGS] {
    std::array::from_fn(|i| args.get(i).copied().unwrap_or(0.0))
}

/// The arguments of a truncated form, and the ends behind them.
fn ends(args: &[f64]) -> ([f64; ARGS], f64, f64) {
    match args {
        [own @ .., low, high] => (first(own), *low, *high),
        _ => ([f64::NAN; ARGS], f64::NAN, f64::NAN),
    }
}

impl How {
    /// What is wrong with the arguments, as a sentence without its end: "sd must not be below 0". Nothing where a value can be drawn.
    pub fn wrong(&self, args: &[f64]) -> Option<&'static str> {
        match self {
            How::Form(form) => form.wrong(&first(args)),
            How::Truncated(form) => {
                let (own, low, high) = ends(args);
                form.wrong(&own).or(if low.is_nan() || high.is_nan() {
                    Some("low and high must be numbers")
                } else if low > high || (low == high && low.is_infinite()) {
                    Some("low must not be above high")
                } else if form.truncated(&own, low, high, 0.5).is_nan() {
                    Some("some value from low to high must be possible")
                } else {
                    None
                })
            }
            How::Empirical(_) => None,
            How::Categorical if args.iter().any(|a| !a.is_finite()) => Some("odds must be finite numbers"),
            How::Categorical if args.iter().any(|a| *a < 0.0) => Some("odds must not be below 0"),
            How::Categorical if sum(args) == 0.0 => Some("odds must not all be 0"),
            How::Categorical => None,
        }
    }

    /// The value at this place; NaN where [`How::wrong`] has something to say.
    pub fn sample(&self, samples: &[Vec<f64>], args: &[f64], stream: &mut Stream) -> f64 {
        match self {
            How::Form(form) => form.sample(&first(args), stream),
            _ => self.quantile(samples, args, stream.uniform()),
        }
    }

    /// The value below which a part `u` of all values lies: it rises with `u`, whatever it is drawn from.
    pub fn quantile(&self, samples: &[Vec<f64>], args: &[f64], u: f64) -> f64 {
        match self {
            How::Form(form) => form.quantile(&first(args), u),
            How::Truncated(form) => {
                let (own, low, high) = ends(args);
                form.truncated(&own, low, high, u)
            }
            How::Empirical(number) => {
                let sample = samples.get(*number as usize).map_or(&[][..], Vec::as_slice);
                sample.get(libm::floor(u * sample.len() as f64) as usize).copied().unwrap_or(f64::NAN)
            }
            How::Categorical if self.wrong(args).is_some() => f64::NAN,
            How::Categorical => {
                let (aim, mut reached, mut last) = (u * sum(args), 0.0, f64::NAN);
                for (member, odds) in args.iter().enumerate().filter(|(_, odds)| **odds > 0.0) {
                    (reached, last) = (reached + odds, member as f64);
                    if aim < reached {
                        break;
                    }
                }
                last
            }
        }
    }
}

fn sum(odds: &[f64]) -> f64 {
    odds.iter().fold(0.0, |sum, a| sum + a)
}

/// Holds the place of the table of distributions.
#[derive(Debug)]
pub struct Form {}

impl Form {
    fn wrong(&self, _: &[f64; ARGS]) -> Option<&'static str> {
        None
    }
    fn sample(&self, _: &[f64; ARGS], stream: &mut Stream) -> f64 {
        stream.uniform()
    }
    fn quantile(&self, _: &[f64; ARGS], u: f64) -> f64 {
        u
    }
    fn truncated(&self, _: &[f64; ARGS], _: f64, _: f64, u: f64) -> f64 {
        u
    }
}
