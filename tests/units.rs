//! The algebra of dimensions, and numbers that keep their value.

#![allow(clippy::disallowed_methods)] // Tests read files and compare with the platform's mathematics.

use flowc::source::Span;
use flowc::units::{Atom, Dim, Exponent, Registry, Unit, UnitId, from_f64, to_f64};
use num_rational::BigRational;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

fn dim() -> impl Strategy<Value = Dim> {
    let factor = (0u32..4, any::<bool>(), -6i128..7, 1i128..5);
    proptest::collection::vec(factor, 0..5).prop_map(|factors| {
        factors.into_iter().fold(Dim::one(), |dim, (id, var, n, d)| {
            let atom = if var { Atom::Var(id) } else { Atom::Base(UnitId(id)) };
            dim.multiply(&Dim::atom(atom).power(Exponent::new(n, d)))
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn dimensions_are_a_group(a in dim(), b in dim(), c in dim()) {
        prop_assert_eq!(a.multiply(&b), b.multiply(&a));
        prop_assert_eq!(a.multiply(&b).multiply(&c), a.multiply(&b.multiply(&c)));
        prop_assert_eq!(a.multiply(&Dim::one()), a.clone());
        prop_assert!(a.divide(&a).is_one());
        prop_assert_eq!(a.divide(&b).multiply(&b), a);
    }

    #[test]
    fn powers_distribute(a in dim(), b in dim(), n in -4i128..5, d in 1i128..4) {
        let p = Exponent::new(n, d);
        prop_assert_eq!(a.multiply(&b).power(p), a.power(p).multiply(&b.power(p)));
        if n != 0 {
            prop_assert_eq!(a.power(p).power(p.recip()), a);
        }
    }

    #[test]
    fn unknowns_can_be_put_in(a in dim(), b in dim()) {
        // Putting b for every unknown, in a product or in its parts, is the same.
        let put = |d: &Dim| d.substitute(|_| Some(b.clone()));
        prop_assert_eq!(put(&a.multiply(&a)), put(&a).multiply(&put(&a)));
    }

    /// Doubles become exact rationals and come back.
    #[test]
    fn doubles_survive(value in any::<f64>().prop_filter("finite", |v| v.is_finite())) {
        let exact = from_f64(value).expect("finite");
        prop_assert_eq!(to_f64(&exact).to_bits(), (value + 0.0).to_bits());
    }

    /// A decimal fraction is rounded once, as the standard library's parser rounds it.
    #[test]
    fn decimals_round_once(digits in 1u64.., exponent in -340i32..300) {
        let ten = BigRational::from_integer(10.into());
        let exact = BigRational::from_integer(digits.into()) * num_traits::Pow::pow(&ten, exponent);
        let parsed: f64 = format!("{digits}e{exponent}").parse().expect("a number");
        prop_assert_eq!(to_f64(&exact).to_bits(), parsed.to_bits());
    }
}

#[test]
fn scales_are_exact_and_the_clock_stores_time() {
    let mut units = Registry::default();
    let at = Span::default();
    let day = units.base("day", at);
    let year = units.derived("year", units.get(day).dim.clone(), BigRational::new(1461.into(), 4.into()), at);
    let month = units.derived("month", units.get(day).dim.clone(), BigRational::new(487.into(), 16.into()), at);
    assert!(units.set_clock(month));
    assert_eq!(units.scale(&Unit::of(year)), BigRational::from_integer(12.into()));
    assert_eq!(units.shown(&Unit::of(month)).of(3.0), 3.0);
    let per_year = Unit::of(year).power(-Exponent::from_integer(1));
    assert_eq!(units.scale(&per_year), BigRational::new(1.into(), 12.into()));
    assert_eq!(units.name(&per_year), "1/year");
}
