//! Draws of many runs at once, where a value comes from one uniform.
//!
//! In: arguments and uniforms, a slice of each. Out: what [`Form::sample`] gives for each, to the bit, NaN included. Inlined into the
//! caller, as all of [`crate::builtins::lanes`]. Absent on purpose: rejection, which takes another number of uniforms in each run.

use super::form::Form;
use super::{
    bernoulli, exponential, geometric, logistic, lognormal_of, normal_of, pareto, triangular, uniform, weibull,
};
use crate::builtins::kernels::quantile::normal_quantiles;
use crate::builtins::lanes::each;

/// How many values are worked on before the next.
const BLOCK: usize = 128;

/// Of the normal quantiles, which are cheaper many at a time.
macro_rules! of_quantiles {
    ($a:expr, $b:expr, $u:expr, $out:expr, $f:ident) => {{
        let mut z = [0.0; BLOCK];
        let args = $a.chunks(BLOCK).zip($b.chunks(BLOCK));
        for (((a, b), u), out) in args.zip($u.chunks(BLOCK)).zip($out.chunks_mut(BLOCK)) {
            let z = &mut z[..u.len()];
            normal_quantiles(u, z);
            each!(out, (a, b, z) => $f(a, b, z));
        }
    }};
}

/// The formula of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lanes {
    /// uniform(low, high)
    Uniform,
    /// normal(mean, sd)
    Normal,
    /// lognormal(median, sigma)
    Lognormal,
    /// exponential(mean)
    Exponential,
    /// weibull(shape, scale)
    Weibull,
    /// pareto(shape, least)
    Pareto,
    /// logistic(mean, scale)
    Logistic,
    /// triangular(low, mode, high)
    Triangular,
    /// bernoulli(p)
    Bernoulli,
    /// geometric(p)
    Geometric,
}

impl Lanes {
    /// The values for arguments in the standard form: of those that it does not take, any slice will do.
    #[inline(always)]
    pub fn fill(self, args: [&[f64]; 3], u: &[f64], out: &mut [f64]) {
        let [a, b, c] = args;
        match self {
            Lanes::Uniform => each!(out, (a, b, u) => uniform(a, b, u)),
            Lanes::Normal => of_quantiles!(a, b, u, out, normal_of),
            Lanes::Lognormal => of_quantiles!(a, b, u, out, lognormal_of),
            Lanes::Exponential => each!(out, (a, u) => exponential(a, u)),
            Lanes::Weibull => each!(out, (a, b, u) => weibull(a, b, u)),
            Lanes::Pareto => each!(out, (a, b, u) => pareto(a, b, u)),
            Lanes::Logistic => each!(out, (a, b, u) => logistic(a, b, u)),
            Lanes::Triangular => each!(out, (a, b, c, u) => triangular(a, b, c, u)),
            Lanes::Bernoulli => each!(out, (a, u) => bernoulli(a, u)),
            Lanes::Geometric => each!(out, (a, u) => geometric(a, u)),
        }
    }
}

impl Form {
    /// The vector form of its values, where they come from one uniform. It takes the arguments of [`Form::standard`]: as they are
    /// written, if [`Form::is_standard`].
    pub fn lanes(&self) -> Option<Lanes> {
        self.law.lanes
    }

    /// Whether the arguments in the standard form are those that are written.
    pub fn is_standard(&self) -> bool {
        self.standard.is_none()
    }
}
