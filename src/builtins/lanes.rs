//! Many values at once: the functions and draws that a compiler turns into vector instructions.
//!
//! In: slices of one length. Out: for each place the same bits as of one value. All is inlined into the caller: within a function
//! that has `#[target_feature]` it becomes that instruction set's code. Invariant: what is written is never what is read, or it were no
//! vector loop. Absent on purpose: which instruction set there is; `unsafe`; functions that are rare in models, which are
//! called one by one.

use super::kernels as k;
use super::kernels::{elementary, plain};
use super::philox::{Place, uniform};

pub use super::draws::Lanes;
pub use super::kernels::quantile::normal_quantiles;

/// A value for each place, as far as the shortest slice goes. A macro, because a closure that has grown large is a function of its
/// own again, of an instruction set that every machine has.
macro_rules! each {
    ($out:expr, ($($x:ident),+) => $value:expr) => {{
        let n = [$out.len() $(, $x.len())+].into_iter().fold(usize::MAX, usize::min);
        $(let $x = &$x[..n];)+
        for (i, out) in $out[..n].iter_mut().enumerate() {
            $(let $x = $x[i];)+
            *out = $value;
        }
    }};
}
pub(super) use each;

/// A function of one argument that has a vector form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum One {
    /// |x|
    Abs,
    /// √x
    Sqrt,
    /// eˣ
    Exp,
    /// The natural logarithm.
    Ln,
    /// The greatest whole number not above.
    Floor,
    /// The least not below.
    Ceil,
    /// The nearest, halves away from zero.
    Round,
    /// The whole part.
    Trunc,
}

/// A function of two arguments that has a vector form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Two {
    /// The lesser; NaN if the first is.
    Min,
    /// The greater; NaN if the first is.
    Max,
    /// x to the power y.
    Power,
}

/// A function of three arguments that has a vector form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Three {
    /// x between two ends.
    Clamp,
    /// a / b, and c where b is 0.
    Safediv,
}

type OfOne = fn(f64) -> f64;
type OfTwo = fn(f64, f64) -> f64;
type OfThree = fn(f64, f64, f64) -> f64;

impl One {
    /// The vector form of a row's kernel. Where the address of a function is not the one in the table, there is none, and the function
    /// itself gives the same bits.
    pub fn of(f: OfOne) -> Option<One> {
        use One::*;
        const FORMS: [(OfOne, One); 8] = [
            (k::abs, Abs),
            (k::sqrt, Sqrt),
            (k::exp, Exp),
            (k::ln, Ln),
            (k::floor, Floor),
            (k::ceil, Ceil),
            (k::round, Round),
            (k::trunc, Trunc),
        ];
        FORMS.iter().find(|(own, _)| std::ptr::fn_addr_eq(*own, f)).map(|(_, form)| *form)
    }

    /// Its values.
    #[inline(always)]
    pub fn fill(self, x: &[f64], out: &mut [f64]) {
        match self {
            One::Abs => each!(out, (x) => x.abs()),
            One::Sqrt => each!(out, (x) => x.sqrt()),
            One::Exp => each!(out, (x) => elementary::exp(x)),
            One::Ln => each!(out, (x) => elementary::ln(x)),
            One::Floor => each!(out, (x) => plain::floor(x)),
            One::Ceil => each!(out, (x) => plain::ceil(x)),
            One::Round => each!(out, (x) => plain::round(x)),
            One::Trunc => each!(out, (x) => plain::trunc(x)),
        }
    }
}

impl Two {
    /// As [`One::of`].
    pub fn of(f: OfTwo) -> Option<Two> {
        const FORMS: [(OfTwo, Two); 3] = [(k::lesser, Two::Min), (k::greater, Two::Max), (k::power, Two::Power)];
        FORMS.iter().find(|(own, _)| std::ptr::fn_addr_eq(*own, f)).map(|(_, form)| *form)
    }

    /// Its values.
    #[inline(always)]
    pub fn fill(self, x: &[f64], y: &[f64], out: &mut [f64]) {
        match self {
            Two::Min => each!(out, (x, y) => plain::min(x, y)),
            Two::Max => each!(out, (x, y) => plain::max(x, y)),
            Two::Power => each!(out, (x, y) => elementary::pow(x, y)),
        }
    }
}

impl Three {
    /// As [`One::of`].
    pub fn of(f: OfThree) -> Option<Three> {
        const FORMS: [(OfThree, Three); 2] = [(k::clamp, Three::Clamp), (k::safediv, Three::Safediv)];
        FORMS.iter().find(|(own, _)| std::ptr::fn_addr_eq(*own, f)).map(|(_, form)| *form)
    }

    /// Its values.
    #[inline(always)]
    pub fn fill(self, x: &[f64], y: &[f64], z: &[f64], out: &mut [f64]) {
        match self {
            Three::Clamp => each!(out, (x, y, z) => plain::clamp(x, y, z)),
            Three::Safediv => each!(out, (x, y, z) => if y == 0.0 { z } else { x / y }),
        }
    }
}

/// The first uniform of a draw in each of these runs, as [`uniform`] gives it.
#[inline(always)]
pub fn uniforms(key: u64, step: u32, runs: &[u32], out: &mut [f64]) {
    each!(out, (runs) => uniform(key, Place { run: runs, step, member: 0 }));
}
