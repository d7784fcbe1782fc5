//! Functions of all members of an index: `sum`, `gini`, `argmax` and their like.
//!
//! In: a value a member, in the order of the index. Out: one number. Invariant: sums are folded strictly from the first
//! member to the last, but for the measures of concentration, which sort first and so do not hang on the order at all; a
//! value that is no number never vanishes. Absent on purpose: which members count; that is the caller's.

use num_rational::BigRational;
use num_traits::{One, Zero};

use super::kernels;

/// A member's value, and the member itself as a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Item {
    /// The member.
    pub member: f64,
    /// Its value; a condition is 0 or 1.
    pub value: f64,
}

/// What a function makes of no members.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Nothing {
    /// This value.
    Is(f64),
    /// It has none: the call needs an `else`.
    Undefined,
}

/// A function of exact values.
pub type Exact = fn(&[BigRational]) -> Option<BigRational>;

/// A function of the values of all members, in the order of the index.
#[derive(Clone, Copy, Debug)]
pub struct Aggregate {
    /// What it makes of them; `head` is the first argument of functions with two (`rank`), else NaN. Of no members it is
    /// what `nothing` says, NaN where that is undefined.
    pub gather: fn(head: f64, items: &[Item]) -> f64,
    /// Its value over no members.
    pub nothing: Nothing,
    /// The same in exact rationals, for totals that are proved; `None` over no members where that is undefined.
    pub exact: Option<Exact>,
}

/// The sum.
pub const SUM: Aggregate = Aggregate {
    gather: |_, items| sum(items).unwrap_or(0.0),
    nothing: Nothing::Is(0.0),
    exact: Some(|values| Some(values.iter().sum())),
};

/// The arithmetic mean.
pub const MEAN: Aggregate = Aggregate {
    gather: |_, items| sum(items).map_or(f64::NAN, |sum| sum / items.len() as f64),
    nothing: Nothing::Undefined,
    exact: Some(|values| {
        let count = BigRational::from_integer(values.len().into());
        if values.is_empty() { None } else { Some(values.iter().sum::<BigRational>() / count) }
    }),
};

/// The least value.
pub const MIN: Aggregate = Aggregate {
    gather: |_, items| fold(items, kernels::min).unwrap_or(f64::NAN),
    nothing: Nothing::Undefined,
    exact: Some(|values| values.iter().min().cloned()),
};

/// The greatest value.
pub const MAX: Aggregate = Aggregate {
    gather: |_, items| fold(items, kernels::max).unwrap_or(f64::NAN),
    nothing: Nothing::Undefined,
    exact: Some(|values| values.iter().max().cloned()),
};

/// The product.
pub const PRODUCT: Aggregate = Aggregate {
    gather: |_, items| fold(items, |a, b| a * b).unwrap_or(1.0),
    nothing: Nothing::Is(1.0),
    exact: Some(|values| Some(values.iter().fold(BigRational::one(), |product, value| product * value))),
};

/// For how many members the value is not 0: for how many the condition holds.
pub const COUNT: Aggregate = Aggregate {
    gather: |_, items| items.iter().filter(|item| item.value != 0.0).count() as f64,
    nothing: Nothing::Is(0.0),
    exact: Some(|values| {
        let count = values.iter().filter(|value| !value.is_zero()).count();
        Some(BigRational::from_integer(count.into()))
    }),
};

/// Whether the condition holds for a member.
pub const ANY: Aggregate = Aggregate {
    gather: |_, items| f64::from(items.iter().any(|item| item.value != 0.0)),
    nothing: Nothing::Is(0.0),
    exact: None,
};

/// Whether it holds for all.
pub const ALL: Aggregate = Aggregate {
    gather: |_, items| f64::from(items.iter().all(|item| item.value != 0.0)),
    nothing: Nothing::Is(1.0),
    exact: None,
};

/// The Gini coefficient (Gini 1912): 0 where all hold the same, 1 − 1/n where one holds all. With x ascending,
/// 2 Σ i·x_i / (n Σ x) − (n + 1)/n, as in Dixon et al. 1987 without the correction for small samples. Undefined where
/// a value is negative or the values have no finite sum above 0.
pub const GINI: Aggregate = Aggregate {
    gather: |_, items| holdings(items).map_or(f64::NAN, |(values, sum)| gini(&values, sum)),
    nothing: Nothing::Undefined,
    exact: None,
};

/// The Herfindahl-Hirschman index (Hirschman 1945, Herfindahl 1950): the sum of squared shares, from 1/n where all hold the
/// same to 1 where one holds all. Undefined as for [`GINI`].
pub const HHI: Aggregate = Aggregate {
    gather: |_, items| {
        let square = |share: f64| share * share;
        holdings(items).map_or(f64::NAN, |(values, sum)| values.iter().map(|value| square(value / sum)).sum())
    },
    nothing: Nothing::Undefined,
    exact: None,
};

/// The Nakamoto coefficient (Srinivasan and Lee 2017, with their threshold of 50 %): the smallest number of members that
/// together hold more than half. Undefined as for [`GINI`].
pub const NAKAMOTO: Aggregate = Aggregate {
    gather: |_, items| holdings(items).map_or(f64::NAN, |(values, sum)| nakamoto(&values, sum)),
    nothing: Nothing::Undefined,
    exact: None,
};

/// The member of the greatest value, the first of equals.
pub const ARGMAX: Aggregate =
    Aggregate { gather: |_, items| member(items, |a, b| a > b), nothing: Nothing::Undefined, exact: None };

/// The member of the least value, the first of equals.
pub const ARGMIN: Aggregate =
    Aggregate { gather: |_, items| member(items, |a, b| a < b), nothing: Nothing::Undefined, exact: None };

/// The place of `head` among the values: 1 and how many are greater, so that equals share a place and the places after it
/// stay empty (1, 2, 2, 4: standard competition ranking).
pub const RANK: Aggregate = Aggregate {
    gather: |head, items| {
        let greater = items.iter().filter(|item| item.value > head).count();
        if items.is_empty() || head.is_nan() || undefined(items) { f64::NAN } else { 1.0 + greater as f64 }
    },
    nothing: Nothing::Undefined,
    exact: None,
};

/// From the first value to the last; begun with 0, a sum of −0 would be 0.
fn fold(items: &[Item], step: fn(f64, f64) -> f64) -> Option<f64> {
    items.iter().map(|item| item.value).reduce(step)
}

fn sum(items: &[Item]) -> Option<f64> {
    fold(items, |a, b| a + b)
}

fn undefined(items: &[Item]) -> bool {
    items.iter().any(|item| item.value.is_nan())
}

/// The values in ascending order, and their sum. `None` where there are no shares of a whole: a value is negative or no
/// number, or the sum is 0 or infinite.
fn holdings(items: &[Item]) -> Option<(Vec<f64>, f64)> {
    let mut values: Vec<f64> = items.iter().map(|item| item.value).collect();
    values.sort_by(f64::total_cmp);
    let sum: f64 = values.iter().sum();
    let shares = values.iter().all(|value| *value >= 0.0) && sum > 0.0 && sum.is_finite();
    shares.then_some((values, sum))
}

/// Of values in ascending order.
fn gini(values: &[f64], sum: f64) -> f64 {
    // Σ (2i − n − 1)·x_i is the same sum; from both ends at once no term is negative, and equal values give 0, not almost 0.
    let n = values.len();
    let pairs = values.iter().zip(values.iter().rev()).take(n / 2).enumerate();
    let spread: f64 = pairs.map(|(i, (low, high))| (n - 1 - 2 * i) as f64 * (high - low)).sum();
    spread / (n as f64 * sum)
}

/// Of values in ascending order.
fn nakamoto(values: &[f64], sum: f64) -> f64 {
    // Five tenths added up are not more than half of ten because of rounding, which is below ε a value.
    let enough = sum / 2.0 + values.len() as f64 * f64::EPSILON * sum;
    let mut held = 0.0;
    let too_few = values.iter().rev().take_while(|value| {
        held += **value;
        held <= enough
    });
    1.0 + too_few.count() as f64
}

fn member(items: &[Item], better: fn(f64, f64) -> bool) -> f64 {
    let best = items.iter().reduce(|best, item| if better(item.value, best.value) { item } else { best });
    best.filter(|_| !undefined(items)).map_or(f64::NAN, |item| item.member)
}
