//! A distribution as the language knows it: how it is called, what it draws, what is wrong with its arguments.
//!
//! In: arguments in stored units, in the order of the signature, the rest of the four unused. Out: samples, quantiles,
//! probabilities, moments. Invariant: all of them are NaN where [`Form::wrong`] has something to say, and the quantile rises with
//! its uniform. Absent on purpose: units, the place of a draw, what a model makes of a wrong argument.

use super::lanes::Lanes;
use super::table;
use crate::builtins::Signature;
use crate::builtins::philox::Stream;
use std::sync::LazyLock;

/// How a value comes about. The arguments are those of [`Form::standard`].
#[derive(Clone, Copy, Debug)]
pub enum Sampler {
    /// From one uniform, with which it rises.
    OfOne(fn(&[f64; 4], f64) -> f64),
    /// From as many uniforms as it takes.
    OfMany(fn(&[f64; 4], &mut Stream) -> f64),
}

/// What a distribution is, whatever names its parameters go by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Law {
    pub sampler: Sampler,
    pub lanes: Option<Lanes>,
    /// The value below which lies p, and above which q; the smaller of the two is the exact one.
    pub inverse: fn(&[f64; 4], f64, f64) -> f64,
    /// The probabilities of at most x and of more, each to its own digits.
    pub tails: fn(&[f64; 4], f64) -> (f64, f64),
    pub mean: fn(&[f64; 4]) -> f64,
    pub variance: fn(&[f64; 4]) -> f64,
    /// Its values are whole numbers.
    pub counts: bool,
}

/// A distribution under one set of parameters. Several may share a name; they are alternatives, told apart by their arguments.
#[derive(Debug)]
pub struct Form {
    /// What it is called with and what it gives, units included.
    pub signature: Signature,
    /// Its arguments are given by name only.
    pub by_name: bool,
    /// Its values are whole numbers of one base unit.
    pub counts: bool,
    /// What it means, in a sentence or two.
    pub doc: &'static str,
    /// A use of it, as it stands behind `~`.
    pub example: &'static str,
    /// Its names in other tools, as `tool: name`.
    pub foreign: &'static [&'static str],
    pub(super) law: Law,
    /// From the arguments as they are written, where these are not the law's.
    pub(super) standard: Option<fn([f64; 4]) -> [f64; 4]>,
    pub(super) support: fn(&[f64; 4]) -> Option<&'static str>,
}

impl Form {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.signature.name
    }

    /// For each argument as it is written, by place or by name, which parameter it is; nothing if this form takes others.
    pub fn places(&self, written: &[Option<&str>]) -> Option<Vec<usize>> {
        let params = &self.signature.params;
        let place = |(i, name): (usize, &Option<&str>)| match name {
            Some(name) => params.iter().position(|p| p.name == *name),
            None => (!self.by_name).then_some(i),
        };
        let places: Vec<usize> = written.iter().enumerate().map(place).collect::<Option<_>>()?;
        let each_once = (0..params.len()).all(|i| places.iter().filter(|p| **p == i).count() == 1);
        (each_once && places.len() == params.len()).then_some(places)
    }

    /// What is wrong with the arguments, as a sentence without its end: "sd must not be below 0".
    pub fn wrong(&self, args: &[f64; 4]) -> Option<&'static str> {
        (self.support)(args)
    }

    /// The arguments as the sampler takes them, in which alternatives agree; all NaN where something is wrong with them.
    pub fn standard(&self, args: &[f64; 4]) -> [f64; 4] {
        if self.wrong(args).is_some() {
            return [f64::NAN; 4];
        }
        self.standard.map_or(*args, |of| of(*args))
    }

    /// How a value comes about from arguments in the standard form.
    pub fn sampler(&self) -> Sampler {
        self.law.sampler
    }

    /// A value. Where one uniform is enough it is the first of the stream, and the value rises with it.
    pub fn sample(&self, args: &[f64; 4], stream: &mut Stream) -> f64 {
        let args = self.standard(args);
        match self.law.sampler {
            Sampler::OfOne(of) => of(&args, stream.uniform()),
            Sampler::OfMany(of) => of(&args, stream),
        }
    }

    /// The value below which a part `u` of all values lies, for 0 < u < 1; of counts, the least that has at least `u` up to it.
    pub fn quantile(&self, args: &[f64; 4], u: f64) -> f64 {
        let args = self.standard(args);
        match self.law.sampler {
            // What 1 − u would be rounded to must not count; of uniforms it is exact.
            Sampler::OfOne(of) if 0.0 < u && u < 1.0 && 1.0 - (1.0 - u) == u => of(&args, u),
            _ => self.inverse(&args, u, 1.0 - u),
        }
    }

    /// The probability of a value of at most `x`.
    pub fn cdf(&self, args: &[f64; 4], x: f64) -> f64 {
        self.tails(args, x).0
    }

    /// The probabilities of at most `x` and of more. Small ones keep their digits, which 1 − cdf would not.
    pub fn tails(&self, args: &[f64; 4], x: f64) -> (f64, f64) {
        let args = self.standard(args);
        if args[0].is_nan() || x.is_nan() {
            return (f64::NAN, f64::NAN);
        }
        match x {
            f64::INFINITY => (1.0, 0.0),
            f64::NEG_INFINITY => (0.0, 1.0),
            _ => (self.law.tails)(&args, if self.counts { libm::floor(x) } else { x }),
        }
    }

    /// The quantile of the same distribution where only values from `low` to `high` count, both included. NaN where there are none.
    pub fn truncated(&self, args: &[f64; 4], low: f64, high: f64, u: f64) -> f64 {
        let (low, high) = if self.counts { (libm::ceil(low), libm::floor(high)) } else { (low, high) };
        let under = self.tails(args, if self.counts { low - 1.0 } else { low });
        let upto = self.tails(args, high);
        // From both ends: in the tail on either side, what counts is the probability that is small there.
        let (part, rest) = (upto.0 - under.0, under.1 - upto.1);
        let possible = (low <= high) & ((part > 0.0) | (rest > 0.0));
        if !possible {
            // A range without width is its one value, if the distribution has values at all.
            return if low == high && !self.counts { low + 0.0 * under.0 } else { f64::NAN };
        }
        let (p, q) = (under.0 + part.max(0.0) * u, upto.1 + rest.max(0.0) * (1.0 - u));
        self.inverse(&self.standard(args), p, q).clamp(low, high)
    }

    /// The mean: inf where it is infinite, NaN where there is none.
    pub fn mean(&self, args: &[f64; 4]) -> f64 {
        self.moment(args, self.law.mean)
    }

    /// The standard deviation, likewise.
    pub fn sd(&self, args: &[f64; 4]) -> f64 {
        self.moment(args, self.law.variance).sqrt()
    }

    fn moment(&self, args: &[f64; 4], of: fn(&[f64; 4]) -> f64) -> f64 {
        let args = self.standard(args);
        if args[0].is_nan() { f64::NAN } else { of(&args) }
    }

    fn inverse(&self, args: &[f64; 4], p: f64, q: f64) -> f64 {
        let asked = (0.0..=1.0).contains(&p) & (0.0..=1.0).contains(&q) & !args[0].is_nan();
        if asked { (self.law.inverse)(args, p, q) } else { f64::NAN }
    }
}

static ALL: LazyLock<Vec<Form>> = LazyLock::new(table::forms);

/// All of them, in the order of the book; those of one name stand together.
pub fn forms() -> &'static [Form] {
    &ALL
}

/// Those of this name: the first is how it is called by place, if it may be.
pub fn find(name: &str) -> impl Iterator<Item = &'static Form> {
    ALL.iter().filter(move |f| f.name() == name)
}
