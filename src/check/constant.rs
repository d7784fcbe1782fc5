//! Exact values of what is constant.

use num_rational::BigRational;
use num_traits::{One, Zero};

use super::Facts;
use crate::hir::{BinaryOp, DeclKind, ExprId, ExprKind, Model};
use crate::units::Unit;

/// Exact numbers may not grow past this many bits: what does is computed in doubles.
const MAX_BITS: u64 = 4096;

/// The exact value of an expression of literals, units and constant `let`s, in stored units; `None` for anything else,
/// params included, because a setting may change them.
pub fn constant(model: &Model, facts: &Facts, e: ExprId) -> Option<BigRational> {
    within(model, facts, e, 200)
}

fn within(model: &Model, facts: &Facts, e: ExprId, depth: usize) -> Option<BigRational> {
    let depth = depth.checked_sub(1)?;
    let value = match &model.expr(e).kind {
        ExprKind::Number { value, .. } => match facts.implied.get(&e) {
            Some(unit) => value * model.units.scale(unit),
            None => value.clone(),
        },
        ExprKind::Quantity { value, unit } => value * model.units.scale(unit),
        ExprKind::Unit(id) => model.units.scale(&Unit::of(*id)),
        ExprKind::Negate(a) => -within(model, facts, *a, depth)?,
        ExprKind::Binary(op, a, b) => {
            let (a, b) = (within(model, facts, *a, depth)?, within(model, facts, *b, depth)?);
            match op {
                BinaryOp::Add => a + b,
                BinaryOp::Subtract => a - b,
                BinaryOp::Multiply => a * b,
                BinaryOp::Divide if !b.is_zero() => a / b,
                _ => return None,
            }
        }
        ExprKind::Decl(id) => match model.decl(*id).kind {
            DeclKind::Let { value } => within(model, facts, value, depth)?,
            _ => return None,
        },
        _ => return None,
    };
    (value.numer().bits() + value.denom().bits() <= MAX_BITS).then_some(value)
}

/// The plain number that is written as an exponent: `2`, `-1`, `(1/2)`.
pub(super) fn literal(model: &Model, e: ExprId) -> Option<BigRational> {
    match &model.expr(e).kind {
        ExprKind::Number { value, .. } => Some(value.clone()),
        ExprKind::Negate(a) => literal(model, *a).map(|v| -v),
        ExprKind::Binary(BinaryOp::Divide, a, b) => {
            let (a, b) = (literal(model, *a)?, literal(model, *b)?);
            (!b.is_zero()).then(|| a / b)
        }
        ExprKind::Unit(_) => None,
        _ => None,
    }
}

/// A whole number nearest to a value, and how far it is.
pub(super) fn nearest_whole(value: &BigRational) -> (BigRational, BigRational) {
    let whole = value.round();
    let off = value - &whole;
    (whole, if off < BigRational::zero() { -off } else { off })
}

/// One part in 10⁹: what counts as a whole number of steps.
pub(super) fn tolerance() -> BigRational {
    BigRational::one() / BigRational::from_integer(1_000_000_000.into())
}
