//! Dimensions and units.
//!
//! In: declared units. Out: [`Dim`], what can be added to what; [`Unit`], how a value is written; exact factors between
//! them; and [`Date`]s, as times of a [`Calendar`]. Invariant: exponents and factors are exact rationals; nothing here
//! compares floats. Absent on purpose: inference (see `check`), which only uses [`Dim`]'s algebra.

mod calendar;
mod display;

pub use calendar::{Calendar, Date};
pub use display::{magnitude, plain};

use std::collections::BTreeMap;

use num_bigint::BigInt;
use num_rational::{BigRational, Ratio};
use num_traits::{CheckedAdd, CheckedMul, One, Signed, ToPrimitive, Zero};

use crate::source::Span;

/// An exponent of a dimension.
pub type Exponent = Ratio<i128>;

/// A unit of a [`Registry`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct UnitId(pub u32);

/// A factor of a dimension.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Atom {
    /// A unit declared without `=`.
    Base(UnitId),
    /// A dimension that inference has still to find.
    Var(u32),
}

/// A product of powers: what a value measures, whatever its scale. The empty product is the plain number.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Dim(Vec<(Atom, Exponent)>);

// An exponent past 128 bits comes from no model of anything; it stays as large as can be, so that it neither panics nor
// makes the dimension vanish.
const HUGE: Exponent = Exponent::new_raw(i128::MAX, 1);

fn add(a: Exponent, b: Exponent) -> Exponent {
    a.checked_add(&b).unwrap_or(HUGE)
}

fn times(a: Exponent, b: Exponent) -> Exponent {
    a.checked_mul(&b).unwrap_or(HUGE)
}

impl Dim {
    /// The plain number.
    pub fn one() -> Self {
        Self::default()
    }

    /// A single factor.
    pub fn atom(atom: Atom) -> Self {
        Self(vec![(atom, Exponent::one())])
    }

    /// Whether it is the plain number.
    pub fn is_one(&self) -> bool {
        self.0.is_empty()
    }

    /// Its factors, ordered.
    pub fn factors(&self) -> &[(Atom, Exponent)] {
        &self.0
    }

    /// The product of two.
    pub fn multiply(&self, other: &Dim) -> Dim {
        let (mut i, mut j) = (0, 0);
        let mut out = Vec::with_capacity(self.0.len() + other.0.len());
        while let (Some(a), Some(b)) = (self.0.get(i), other.0.get(j)) {
            match a.0.cmp(&b.0) {
                std::cmp::Ordering::Less => {
                    out.push(*a);
                    i += 1;
                }
                std::cmp::Ordering::Greater => {
                    out.push(*b);
                    j += 1;
                }
                std::cmp::Ordering::Equal => {
                    let sum = add(a.1, b.1);
                    if !sum.is_zero() {
                        out.push((a.0, sum));
                    }
                    i += 1;
                    j += 1;
                }
            }
        }
        out.extend_from_slice(&self.0[i..]);
        out.extend_from_slice(&other.0[j..]);
        Dim(out)
    }

    /// The quotient of two.
    pub fn divide(&self, other: &Dim) -> Dim {
        self.multiply(&other.power(-Exponent::one()))
    }

    /// To the power `exponent`.
    pub fn power(&self, exponent: Exponent) -> Dim {
        let powers = self.0.iter().map(|(a, e)| (*a, times(*e, exponent)));
        Dim(powers.filter(|(_, e)| !e.is_zero()).collect())
    }

    /// The exponent of one factor.
    pub fn exponent(&self, atom: Atom) -> Exponent {
        self.0.iter().find(|(a, _)| *a == atom).map_or_else(Exponent::zero, |(_, e)| *e)
    }

    /// Its unknowns.
    pub fn vars(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().filter_map(|(a, _)| match a {
            Atom::Var(v) => Some(*v),
            Atom::Base(_) => None,
        })
    }

    /// With each unknown replaced by what `value` knows of it.
    pub fn substitute(&self, value: impl Fn(u32) -> Option<Dim>) -> Dim {
        let mut out = Dim::one();
        for (atom, exponent) in &self.0 {
            let factor = match atom {
                Atom::Var(v) => value(*v).unwrap_or_else(|| Dim::atom(*atom)),
                Atom::Base(_) => Dim::atom(*atom),
            };
            out = out.multiply(&factor.power(*exponent));
        }
        out
    }
}

/// How a value is written: a product of powers of declared units.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Unit {
    /// The units in the order in which they were written.
    pub factors: Vec<(UnitId, Exponent)>,
}

impl Unit {
    /// The unit of plain numbers.
    pub fn one() -> Self {
        Self::default()
    }

    /// One declared unit.
    pub fn of(id: UnitId) -> Self {
        Self { factors: vec![(id, Exponent::one())] }
    }

    /// To the power `exponent`.
    pub fn power(&self, exponent: Exponent) -> Unit {
        let powers = self.factors.iter().map(|(u, e)| (*u, times(*e, exponent)));
        Unit { factors: powers.filter(|(_, e)| !e.is_zero()).collect() }
    }

    /// The product of two, each unit once.
    pub fn multiply(&self, other: &Unit) -> Unit {
        self.multiply_where(other, |a, b| a == b)
    }

    fn multiply_where(&self, other: &Unit, same: impl Fn(UnitId, UnitId) -> bool) -> Unit {
        let mut out = self.clone();
        for (id, exponent) in &other.factors {
            match out.factors.iter_mut().find(|(old, _)| same(*old, *id)) {
                Some((_, e)) => *e = add(*e, *exponent),
                None => out.factors.push((*id, *exponent)),
            }
        }
        out.factors.retain(|(_, e)| !e.is_zero());
        out
    }
}

/// A declared unit.
#[derive(Clone, Debug)]
pub struct UnitDef {
    /// Its name.
    pub name: String,
    /// What it measures.
    pub dim: Dim,
    /// How many of its family's base it is.
    pub scale: BigRational,
    /// Where it is declared.
    pub span: Span,
}

/// All declared units, and the clock's.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    units: Vec<UnitDef>,
    clock: Option<(UnitId, UnitId, BigRational)>,
    /// The unit in which a model writes what a base measures.
    written: BTreeMap<UnitId, UnitId>,
}

impl Registry {
    /// Declares a unit without `=`: a dimension of its own.
    pub fn base(&mut self, name: &str, span: Span) -> UnitId {
        let id = UnitId(self.units.len() as u32);
        let dim = Dim::atom(Atom::Base(id));
        self.units.push(UnitDef { name: name.into(), dim, scale: BigRational::one(), span });
        id
    }

    /// Declares a unit of the dimension and scale given.
    pub fn derived(&mut self, name: &str, dim: Dim, scale: BigRational, span: Span) -> UnitId {
        self.units.push(UnitDef { name: name.into(), dim, scale, span });
        UnitId(self.units.len() as u32 - 1)
    }

    /// A unit's declaration.
    pub fn get(&self, id: UnitId) -> &UnitDef {
        &self.units[id.0 as usize]
    }

    /// Makes a unit the clock's: from now on its dimension is stored in it, so that every conversion into it is exact.
    /// `false` when the unit is no power 1 of a single base.
    pub fn set_clock(&mut self, id: UnitId) -> bool {
        let def = self.get(id);
        let [(Atom::Base(base), exponent)] = def.dim.factors() else { return false };
        if !exponent.is_one() {
            return false;
        }
        self.clock = Some((id, *base, def.scale.clone()));
        true
    }

    /// The clock's unit.
    pub fn clock(&self) -> Option<UnitId> {
        self.clock.as_ref().map(|c| c.0)
    }

    /// The dimension of the clock; the plain number where there is none.
    pub fn time(&self) -> Dim {
        self.clock.as_ref().map_or_else(Dim::one, |c| Dim::atom(Atom::Base(c.1)))
    }

    /// How a clock in this unit counts dates: in months where it is a whole number of them, else in days. `None` where it is
    /// no unit of time.
    pub fn calendar(&self, unit: UnitId) -> Option<Calendar> {
        // The prelude's are the first of their names.
        let named = |name: &str| self.units.iter().find(|u| u.name == name);
        let (month, day, unit) = (named("month")?, named("day")?, self.get(unit));
        if unit.dim != day.dim {
            return None;
        }
        let months = &unit.scale / &month.scale;
        Some(if months.is_integer() { Calendar::Months(months) } else { Calendar::Days(&unit.scale / &day.scale) })
    }

    /// What a unit measures.
    pub fn dim(&self, unit: &Unit) -> Dim {
        unit.factors.iter().fold(Dim::one(), |dim, (id, e)| dim.multiply(&self.get(*id).dim.power(*e)))
    }

    /// How many stored ones a unit is.
    pub fn scale(&self, unit: &Unit) -> BigRational {
        let written =
            unit.factors.iter().fold(BigRational::one(), |s, (id, e)| s * rational_power(&self.get(*id).scale, *e));
        match &self.clock {
            Some((_, base, scale)) => {
                let exponent = self.dim(unit).exponent(Atom::Base(*base));
                written / rational_power(scale, exponent)
            }
            None => written,
        }
    }

    /// The product of two units, as one would write it: a family that stands in both is written in the first's unit.
    pub fn multiply(&self, a: &Unit, b: &Unit) -> Unit {
        let same = |a: UnitId, b: UnitId| a == b || (!self.get(b).dim.is_one() && self.get(a).dim == self.get(b).dim);
        let mut out = a.multiply_where(b, same);
        // `bps*TKN` is what nobody writes: a share of something is written in what it is a share of. `percent/year` stays.
        let measures = |id: UnitId| !self.get(id).dim.is_one();
        if out.factors.iter().any(|(id, e)| measures(*id) && e.is_positive()) {
            out.factors.retain(|(id, _)| measures(*id));
        }
        out
    }

    /// The quotient of two units.
    pub fn divide(&self, a: &Unit, b: &Unit) -> Unit {
        self.multiply(a, &b.power(-Exponent::one()))
    }

    /// Notes that the model writes amounts in this unit: the first of a family is how the family is shown.
    pub fn note_written(&mut self, unit: &Unit) {
        for (id, _) in &unit.factors {
            if let [(Atom::Base(base), exponent)] = self.get(*id).dim.factors()
                && exponent.is_one()
            {
                self.written.entry(*base).or_insert(*id);
            }
        }
    }

    /// The unit in which a dimension is shown where nothing says another: time in the clock's, the rest as the model writes
    /// it elsewhere.
    pub fn usual(&self, dim: &Dim) -> Unit {
        let clock = self.clock.as_ref();
        let usual = |base: UnitId| match clock.filter(|c| c.1 == base) {
            Some(clock) => clock.0,
            None => self.written.get(&base).copied().unwrap_or(base),
        };
        let factors = dim.factors().iter().filter_map(|(atom, e)| match atom {
            Atom::Base(id) => Some((usual(*id), *e)),
            Atom::Var(_) => None,
        });
        let mut unit = Unit { factors: factors.collect() };
        // What is counted comes before what it is divided by.
        unit.factors.sort_by_key(|(_, e)| e.is_negative());
        unit
    }

    /// A unit's name, such as `USD/TKN`; `1` for plain numbers.
    pub fn name(&self, unit: &Unit) -> String {
        display::unit(unit, |id| self.get(id).name.as_str())
    }

    /// How a stored value is shown in `unit`.
    pub fn shown(&self, unit: &Unit) -> Shown {
        let scale = self.scale(unit);
        let small = |n: &BigInt| n.to_i64().filter(|n| n.unsigned_abs() < 1 << 53).map(|n| n as f64);
        match (small(scale.numer()), small(scale.denom())) {
            (Some(numer), Some(denom)) => Shown { times: denom, by: numer },
            _ => Shown { times: 1.0, by: to_f64(&scale) },
        }
    }
}

/// Brings stored values to a unit, by a ratio of whole numbers where there is one: 7 months of a clock in years are shown as
/// 7 months again.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    times: f64,
    by: f64,
}

impl Shown {
    /// The value in the unit.
    pub fn of(self, stored: f64) -> f64 {
        stored * self.times / self.by
    }
}

/// `base` to a rational power: exact where that is rational and small, else as near as a double.
fn rational_power(base: &BigRational, exponent: Exponent) -> BigRational {
    if base.is_one() || exponent.is_zero() {
        return BigRational::one();
    }
    if exponent.is_integer()
        && let Some(n) = exponent.numer().to_i32().filter(|n| n.abs() <= 64)
    {
        return num_traits::Pow::pow(base, n);
    }
    let exponent = exponent.to_f64().unwrap_or(0.0);
    let value = libm::pow(to_f64(base), exponent);
    BigRational::from_float(value).filter(|v| !v.is_zero()).unwrap_or_else(BigRational::one)
}

/// The double nearest to an exact value.
pub fn to_f64(value: &BigRational) -> f64 {
    // Small integers, almost all values of real models, need no long division.
    if value.is_integer()
        && let Some(n) = value.numer().to_i64()
        && n.unsigned_abs() < 1 << 53
    {
        return n as f64;
    }
    nearest(value.numer(), value.denom())
}

/// `numer / denom` rounded once, half to even.
fn nearest(numer: &BigInt, denom: &BigInt) -> f64 {
    let negative = numer.is_negative() != denom.is_negative();
    let (n, d) = (numer.magnitude(), denom.magnitude());
    if n.is_zero() {
        return 0.0;
    }
    // Scale so that the quotient has 65 or 66 bits, and say in one bit more whether anything is left over: then rounding
    // it rounds as the exact value would.
    let shift = 65 + d.bits() as i64 - n.bits() as i64;
    let (n, d) = if shift >= 0 { (n << shift as u64, d.clone()) } else { (n.clone(), d << (-shift) as u64) };
    let sticky = !(&n % &d).is_zero();
    let bits = ((&n / &d).to_u128().unwrap_or(u128::MAX) << 1) | u128::from(sticky);
    let exponent = -shift - 1;
    let value = scale_by_two(bits, exponent);
    if negative { -value } else { value }
}

/// `bits · 2^exponent`, rounded once, half to even.
fn scale_by_two(bits: u128, exponent: i64) -> f64 {
    if bits == 0 {
        return 0.0;
    }
    let length = 128 - bits.leading_zeros() as i64;
    let top = exponent + length;
    if top > 1024 {
        return f64::INFINITY;
    }
    // How many bits the result may have: 53, or fewer where it is subnormal.
    let room = (top + 1074).min(53);
    if room < 0 {
        return 0.0;
    }
    let drop = length - room;
    let (kept, exponent) = if drop > 0 {
        let kept = if drop >= 128 { 0 } else { bits >> drop };
        let rest = if drop >= 128 { bits } else { bits & ((1u128 << drop) - 1) };
        let half = 1u128 << (drop - 1);
        let up = rest > half || (rest == half && kept & 1 == 1);
        (kept + u128::from(up), exponent + drop)
    } else {
        (bits, exponent)
    };
    libm::ldexp(kept as f64, exponent as i32)
}

/// The exact value of a finite double.
pub fn from_f64(value: f64) -> Option<BigRational> {
    BigRational::from_float(value)
}
