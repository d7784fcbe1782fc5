//! Exact values of what is constant, for each member where it stands over members.

use std::collections::{BTreeSet, HashMap};

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One, ToPrimitive, Zero};

use super::Facts;
use super::shape::{Undecided, tuples};
use crate::builtins::Kernel;
use crate::hir::{
    Aggregate, BinaryOp, BinderId, Cells, CompareOp, DataId, DeclId, DeclKind, ExprId, ExprKind, Members, Model,
};
use crate::units::{Unit, from_f64, to_f64};

/// What is worked out may not grow past this many bits: beyond, it is computed in doubles. Numbers with their units are
/// always exact, because nothing below knows units.
const MAX_BITS: u64 = 4096;

/// Of more members than this a sum is worked out in doubles: exact numbers take their time.
const MOST_VALUES: usize = 100_000;

/// So many denominators an exact sum may have: each new one makes it longer.
const MOST_DENOMINATORS: usize = 1000;

/// A value that builds on its neighbours comes to an end within this, or is found to be a loop elsewhere.
const DEEPEST: usize = 10_000;

/// So many values of members are kept, so that what builds on two of its neighbours is worked out once for each member.
const MOST_KEPT: usize = 200_000;

/// The members that names stand for, by [`BinderId`], as positions in the root of their index.
pub type Env = Vec<u32>;

/// The exact value of an expression of literals, units and constant `let`s, in stored units; `None` for anything else,
/// params included, because a setting may change them, and what hangs on a member.
pub fn constant(facts: &Facts, e: ExprId) -> Option<BigRational> {
    facts.constants.get(e.0 as usize).cloned().flatten()
}

/// Works out all constants of a model, each expression once.
pub(super) fn all(model: &Model, facts: &Facts) -> Vec<Option<BigRational>> {
    let mut fold = Fold::new(model, facts);
    let mut env = fold.env();
    let closed = |e: usize| facts.free[e].is_empty();
    let all = 0..model.exprs.len();
    all.map(|e| if closed(e) { fold.value(ExprId(e as u32), &mut env) } else { None }).collect()
}

/// The place of these members' cell in the data of a file.
pub fn cell(model: &Model, data: DataId, axes: &[BinderId], env: &[u32]) -> Option<usize> {
    let mut flat = 0usize;
    for axis in axes {
        let at = *env.get(axis.0 as usize)?;
        let (position, len) = match &model.index(model.binder(*axis).index).members {
            Members::Labels(labels) => (at as usize, labels.len()),
            Members::Numbers { count, .. } => (at as usize, *count as usize),
            Members::Part(part) => (part.iter().position(|p| *p == at)?, part.len()),
            Members::Living(_) => (0, 1),
            Members::Unknown => return None,
        };
        flat = flat * len + position;
    }
    let len = match &model.data[data.0 as usize] {
        Cells::Numbers(all) => all.len(),
        Cells::Labels(_, all) => all.len(),
        Cells::Bools(all) => all.len(),
    };
    (flat < len).then_some(flat)
}

#[derive(Clone)]
enum State {
    New,
    /// On the way: an expression that comes back to itself is no constant.
    Running,
    Done(Option<BigRational>),
}

/// Works out constants.
pub(crate) struct Fold<'a> {
    pub model: &'a Model,
    pub facts: &'a Facts,
    done: Vec<State>,
    /// Values of arrays' bodies, by their members.
    kept: HashMap<(ExprId, Vec<u32>), Option<BigRational>>,
    /// Names whose array is being worked out for some member: how deep.
    depth: usize,
    /// Something was too deep: what hangs on it is unknown from here, and may be known from elsewhere.
    cut: bool,
    /// Functions of the language count as well, rounded as a run would; for what only decides which members there are.
    pub rough: bool,
}

impl<'a> Fold<'a> {
    pub(crate) fn new(model: &'a Model, facts: &'a Facts) -> Self {
        Self {
            model,
            facts,
            done: vec![State::New; model.exprs.len()],
            kept: HashMap::new(),
            depth: 0,
            cut: false,
            rough: false,
        }
    }

    /// No name stands for a member.
    pub(super) fn env(&self) -> Env {
        vec![u32::MAX; self.model.binders.len()]
    }

    /// The value with these members; memory is kept only of what hangs on none.
    pub(super) fn value(&mut self, e: ExprId, env: &mut Env) -> Option<BigRational> {
        if !self.facts.free[e.0 as usize].is_empty() {
            return stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.new_value(e, env));
        }
        match &self.done[e.0 as usize] {
            State::Done(value) => return value.clone(),
            State::Running => return None,
            State::New => {}
        }
        self.done[e.0 as usize] = State::Running;
        let value = stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.new_value(e, env));
        self.done[e.0 as usize] = State::Done(value.clone());
        value
    }

    /// Whether a constant condition holds.
    pub(crate) fn holds(&mut self, e: ExprId, env: &mut Env) -> Option<bool> {
        self.value(e, env).map(|v| !v.is_zero())
    }

    /// The position of the member that a subscript names; `Some(None)` where it is none.
    pub(crate) fn position(&mut self, decl: DeclId, axis: usize, e: ExprId, env: &mut Env) -> Option<Option<u32>> {
        let index = self.model.binder(self.model.decl(decl).axes[axis]).index;
        // One stands for all that live, wherever it is only a place.
        if let ExprKind::Member(binder) = self.model.expr(e).kind
            && self.model.lives(index)
        {
            return env.get(binder.0 as usize).filter(|at| **at != u32::MAX).map(|at| Some(*at));
        }
        let value = self.value(e, env)?;
        let whole = value - BigRational::from_integer(self.model.first(index).into());
        Some(if whole.is_integer() { whole.to_integer().to_u32() } else { None })
    }

    fn number(&self, e: ExprId, value: BigRational) -> BigRational {
        match self.facts.implied.get(&e) {
            Some(unit) => value * self.model.units.scale(unit),
            None => value,
        }
    }

    fn new_value(&mut self, e: ExprId, env: &mut Env) -> Option<BigRational> {
        let model = self.model;
        let units = &model.units;
        let truth = |b: bool| if b { BigRational::one() } else { BigRational::zero() };
        let whole = |n: i64| BigRational::from_integer(n.into());
        Some(match &model.expr(e).kind {
            ExprKind::Number { value, .. } => self.number(e, value.clone()),
            ExprKind::Quantity { value, unit } => value * units.scale(unit),
            ExprKind::Unit(id) => units.scale(&Unit::of(*id)),
            ExprKind::Date(date) => model.date_value(*date)?,
            ExprKind::Bool(value) => truth(*value),
            ExprKind::Negate(a) => -self.value(*a, env)?,
            ExprKind::Not(a) => truth(!self.holds(*a, env)?),
            // One side may be enough.
            ExprKind::Binary(op @ (BinaryOp::And | BinaryOp::Or), a, b) => {
                let enough = *op == BinaryOp::Or;
                match (self.holds(*a, env), self.holds(*b, env)) {
                    (Some(x), _) | (_, Some(x)) if x == enough => truth(enough),
                    (Some(_), Some(_)) => truth(!enough),
                    _ => return None,
                }
            }
            ExprKind::Binary(op, a, b) => {
                let (a, b) = (self.value(*a, env)?, self.value(*b, env)?);
                let value = match op {
                    BinaryOp::Add => a + b,
                    BinaryOp::Subtract => a - b,
                    BinaryOp::Multiply => a * b,
                    BinaryOp::Divide if !b.is_zero() => a / b,
                    _ => return None,
                };
                return Some(value).filter(|v| v.numer().bits() + v.denom().bits() <= MAX_BITS);
            }
            ExprKind::Compare(first, rest) => {
                let (mut left, mut all) = (self.value(*first, env)?, true);
                for (op, right) in rest {
                    let right = self.value(*right, env)?;
                    all &= match op {
                        CompareOp::Less => left < right,
                        CompareOp::LessEq => left <= right,
                        CompareOp::Greater => left > right,
                        CompareOp::GreaterEq => left >= right,
                        CompareOp::Equal => left == right,
                        CompareOp::NotEqual => left != right,
                    };
                    left = right;
                }
                truth(all)
            }
            ExprKind::If(c, a, b) => {
                let arm = if self.holds(*c, env)? { *a } else { *b };
                self.value(arm, env)?
            }
            // Which one it is a run knows.
            ExprKind::Member(binder) if model.lives(model.binder(*binder).index) => return None,
            ExprKind::Member(binder) => {
                let at = *env.get(binder.0 as usize).filter(|at| **at != u32::MAX)?;
                whole(model.first(model.binder(*binder).index) + i64::from(at))
            }
            ExprKind::Label(_, at) => whole(i64::from(*at)),
            ExprKind::In(a, index) => {
                let value = self.value(*a, env)?;
                let at = value.to_integer() - BigInt::from(model.first(*index));
                truth(value.is_integer() && model.members(*index).iter().any(|m| BigInt::from(*m) == at))
            }
            ExprKind::Cells { at, cells, otherwise } => {
                let at = *env.get(at.0 as usize).filter(|at| **at != u32::MAX)?;
                let cell = cells.binary_search_by_key(&at, |(p, _)| *p).ok().map(|i| cells[i].1).or(*otherwise)?;
                self.value(cell, env)?
            }
            ExprKind::Data(data, axes) => {
                let at = cell(model, *data, axes, env)?;
                match &model.data[data.0 as usize] {
                    Cells::Numbers(all) => self.number(e, all[at].to_rational()),
                    Cells::Labels(_, all) => whole(i64::from(all[at])),
                    Cells::Bools(all) => truth(all[at]),
                }
            }
            ExprKind::Match { subject, arms, otherwise } => {
                let arm = self.arm(*subject, arms, *otherwise, env)??;
                self.value(arm, env)?
            }
            ExprKind::Decl(id) => match model.decl(*id).kind {
                DeclKind::Let { value } | DeclKind::Column { value } => self.value(value, env)?,
                _ => return None,
            },
            ExprKind::Element { decl, at, otherwise } => {
                let (DeclKind::Let { value } | DeclKind::Column { value }) = model.decl(*decl).kind else {
                    return None;
                };
                let mut members = Vec::with_capacity(at.len());
                for (axis, e) in at.iter().enumerate() {
                    members.push(self.position(*decl, axis, *e, env)?);
                }
                let members: Option<Vec<u32>> = members.into_iter().collect();
                match members.filter(|m| self.facts.shape(*decl).is_none_or(|s| s.offset(m).is_some())) {
                    Some(members) => self.bound(*decl, &members, value, env)?,
                    None => self.value((*otherwise)?, env)?,
                }
            }
            ExprKind::Aggregate(a) => self.aggregate(a, env)?,
            ExprKind::Builtin(builtin, args) if self.rough => {
                let mut values = Vec::new();
                for arg in args.iter().flatten() {
                    values.push(to_f64(&self.value(*arg, env)?));
                }
                let value = match (builtin.kernel, &values[..]) {
                    (Kernel::One(f) | Kernel::Round(f), [a]) => f(*a),
                    (Kernel::Round(f), [a, to]) => f(a / to) * to,
                    (Kernel::Two(f), [a, b]) => f(*a, *b),
                    (Kernel::Three(f), [a, b, c]) => f(*a, *b, *c),
                    (Kernel::Fold(f), [first, rest @ ..]) => rest.iter().fold(*first, |a, b| f(a, *b)),
                    _ => return None,
                };
                from_f64(value)?
            }
            _ => return None,
        })
    }

    /// The arm of a `match` that is taken; `Some(None)` where none is, `None` where only a run knows.
    pub(crate) fn arm(
        &mut self,
        subject: ExprId,
        arms: &[(Vec<ExprId>, ExprId)],
        otherwise: Option<ExprId>,
        env: &mut Env,
    ) -> Option<Option<ExprId>> {
        let subject = self.value(subject, env)?;
        for (patterns, value) in arms {
            for pattern in patterns {
                if self.value(*pattern, env)? == subject {
                    return Some(Some(*value));
                }
            }
        }
        Some(otherwise)
    }

    /// The value of an array's body for one member.
    pub(super) fn bound(&mut self, decl: DeclId, members: &[u32], value: ExprId, env: &mut Env) -> Option<BigRational> {
        let key = (value, members.to_vec());
        if let Some(known) = self.kept.get(&key) {
            return known.clone();
        }
        if self.depth >= DEEPEST {
            self.cut = true;
            return None;
        }
        let axes = &self.model.decl(decl).axes;
        let before: Vec<u32> = axes.iter().map(|b| env[b.0 as usize]).collect();
        axes.iter().zip(members).for_each(|(b, m)| env[b.0 as usize] = *m);
        self.depth += 1;
        let out = self.value(value, env);
        self.depth -= 1;
        axes.iter().zip(before).for_each(|(b, m)| env[b.0 as usize] = m);
        if self.kept.len() < MOST_KEPT && (out.is_some() || !self.cut) {
            self.kept.insert(key, out.clone());
        }
        self.cut &= self.depth > 0;
        out
    }

    fn aggregate(&mut self, a: &Aggregate, env: &mut Env) -> Option<BigRational> {
        // How many live is known in a run.
        if a.binders.iter().any(|b| self.model.lives(self.model.binder(*b).index)) {
            return None;
        }
        let exact = a.builtin.aggregate?.exact?;
        let (mut values, mut denominators) = (Vec::new(), BTreeSet::new());
        // A member counts as itself, whatever number it is.
        let counted = a.builtin.counts() && matches!(self.model.expr(a.value).kind, ExprKind::Member(_));
        let all = tuples(self, a, Undecided::Stop, env, &mut |fold, env| {
            if values.len() >= MOST_VALUES {
                return false;
            }
            let value = if counted { Some(BigRational::one()) } else { fold.value(a.value, env) };
            let Some(value) = value else { return false };
            if !denominators.contains(value.denom()) {
                denominators.insert(value.denom().clone());
            }
            values.push(value);
            denominators.len() <= MOST_DENOMINATORS
        });
        if !all {
            return None;
        }
        if values.is_empty()
            && let Some(otherwise) = a.otherwise
        {
            return self.value(otherwise, env);
        }
        exact(&values).filter(|v| v.numer().bits() + v.denom().bits() <= MAX_BITS)
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
