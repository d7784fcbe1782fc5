//! Exact values of what is constant.

use num_rational::BigRational;
use num_traits::{One, Zero};

use super::Facts;
use crate::hir::{BinaryOp, DeclKind, ExprId, ExprKind, Model};
use crate::units::Unit;

/// What is worked out may not grow past this many bits: beyond, it is computed in doubles. Numbers with their units are
/// always exact, because nothing below knows units.
const MAX_BITS: u64 = 4096;

/// The exact value of an expression of literals, units and constant `let`s, in stored units; `None` for anything else,
/// params included, because a setting may change them.
pub fn constant(facts: &Facts, e: ExprId) -> Option<BigRational> {
    facts.constants.get(e.0 as usize).cloned().flatten()
}

/// Works out all constants of a model, each expression once.
pub(super) fn all(model: &Model, facts: &Facts) -> Vec<Option<BigRational>> {
    let mut fold = Fold { model, facts, done: vec![State::New; model.exprs.len()] };
    (0..model.exprs.len()).map(|e| fold.value(ExprId(e as u32))).collect()
}

#[derive(Clone)]
enum State {
    New,
    /// On the way: an expression that comes back to itself is no constant.
    Running,
    Done(Option<BigRational>),
}

struct Fold<'a> {
    model: &'a Model,
    facts: &'a Facts,
    done: Vec<State>,
}

impl Fold<'_> {
    fn value(&mut self, e: ExprId) -> Option<BigRational> {
        match &self.done[e.0 as usize] {
            State::Done(value) => return value.clone(),
            State::Running => return None,
            State::New => {}
        }
        self.done[e.0 as usize] = State::Running;
        let value = stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.new_value(e));
        self.done[e.0 as usize] = State::Done(value.clone());
        value
    }

    fn new_value(&mut self, e: ExprId) -> Option<BigRational> {
        let units = &self.model.units;
        Some(match &self.model.expr(e).kind {
            ExprKind::Number { value, .. } => match self.facts.implied.get(&e) {
                Some(unit) => value * units.scale(unit),
                None => value.clone(),
            },
            ExprKind::Quantity { value, unit } => value * units.scale(unit),
            ExprKind::Unit(id) => units.scale(&Unit::of(*id)),
            ExprKind::Negate(a) => -self.value(*a)?,
            ExprKind::Binary(op, a, b) => {
                let (a, b) = (self.value(*a)?, self.value(*b)?);
                let value = match op {
                    BinaryOp::Add => a + b,
                    BinaryOp::Subtract => a - b,
                    BinaryOp::Multiply => a * b,
                    BinaryOp::Divide if !b.is_zero() => a / b,
                    _ => return None,
                };
                return Some(value).filter(|v| v.numer().bits() + v.denom().bits() <= MAX_BITS);
            }
            ExprKind::Decl(id) => match self.model.decl(*id).kind {
                DeclKind::Let { value } => self.value(value)?,
                _ => return None,
            },
            _ => return None,
        })
    }
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
