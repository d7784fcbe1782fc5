//! What a value is drawn from: a form of the table, a part of one, a sample, the odds of members.
//!
//! In: arguments, worked out, and a stream or a uniform. Out: a value, or what is wrong with the arguments. Invariant: a value
//! hangs on its arguments and its place alone. Absent on purpose: when a draw is made, and what its arguments are.

use super::form::Form;
use crate::builtins::philox::Stream;

/// What a value is drawn from.
#[derive(Clone, Copy, Debug)]
pub enum How {
    /// A distribution with these arguments.
    Form(&'static Form),
    /// A distribution between two values, which stand behind its arguments: neither below the first nor above the second.
    Truncated(&'static Form),
    /// One of the values of a sample, by its number in the model; no arguments.
    Empirical(u32),
    /// A member as a number, counted from this one: the arguments say how likely each is, in relation to the others.
    Categorical(f64),
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
                    Some("the ends must be numbers")
                } else if low > high || (low == high && low.is_infinite()) {
                    Some("the lower end must not be above the upper")
                } else if form.truncated(&own, low, high, 0.5).is_nan() {
                    Some("some value between the ends must be possible")
                } else {
                    None
                })
            }
            How::Empirical(_) => None,
            How::Categorical(_) if args.iter().any(|a| !a.is_finite()) => Some("odds must be finite numbers"),
            How::Categorical(_) if args.iter().any(|a| *a < 0.0) => Some("odds must not be below 0"),
            How::Categorical(_) if sum(args) == 0.0 => Some("odds must not all be 0"),
            How::Categorical(_) => None,
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
            How::Categorical(_) if self.wrong(args).is_some() => f64::NAN,
            How::Categorical(least) => {
                let (aim, mut reached, mut last) = (u * sum(args), 0.0, f64::NAN);
                for (member, odds) in args.iter().enumerate().filter(|(_, odds)| **odds > 0.0) {
                    (reached, last) = (reached + odds, least + member as f64);
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
