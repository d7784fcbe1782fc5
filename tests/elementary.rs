//! exp, ln, pow and the normal quantile against a table made with many digits, and what they are at the edges.

#![allow(clippy::disallowed_methods)] // Tests read files and compare with the platform's mathematics.

use flowc::builtins::lanes::{One, Three, Two, normal_quantiles};
use flowc::builtins::{Kernel, exp, ln, normal_quantile, pow};

/// In units in the last place, as the modules' headers state them.
const LARGEST: [(&str, f64); 4] = [("exp", 0.96), ("ln", 0.77), ("pow", 1.08), ("normal_quantile", 3.8)];

fn number(bits: &str) -> f64 {
    f64::from_bits(u64::from_str_radix(bits, 16).expect("bits"))
}

/// How many doubles lie from `a` up to `b`.
fn apart(a: f64, b: f64) -> f64 {
    let place = |x: f64| if x < 0.0 { -((x.to_bits() << 1 >> 1) as i64) } else { x.to_bits() as i64 };
    (place(b) - place(a)) as f64
}

#[test]
fn errors_are_what_the_docs_say() {
    let table = std::fs::read_to_string("tests/tables/elementary.csv").expect("readable");
    for (name, largest) in LARGEST {
        let mut worst: f64 = 0.0;
        let mut rows = 0;
        for row in table.lines().map(|l| l.split(',').collect::<Vec<_>>()).filter(|r| r[0] == name) {
            let [x, y, nearest] = [1, 2, 3].map(|i| number(row[i]));
            let found = match name {
                "exp" => exp(x),
                "ln" => ln(x),
                "pow" => pow(x, y),
                _ => normal_quantile(x),
            };
            let error = (apart(nearest, found) - row[4].parse::<f64>().expect("a number")).abs();
            assert!(error <= largest, "{name}({x:e}, {y:e}) = {found:e} is {error} units off");
            worst = worst.max(error);
            rows += 1;
        }
        // The table has the worst places, so a bound that is larger than need be is seen, too.
        assert!(rows > 600 && worst > largest - 0.05, "{name}: {worst} in {rows} rows");
    }
}

fn same(a: f64, b: f64) -> bool {
    (a.is_nan() && b.is_nan()) || a.to_bits() == b.to_bits()
}

const EDGES: [f64; 34] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    2.0,
    -2.0,
    3.0,
    -3.0,
    0.5,
    -0.5,
    1.5,
    -2.5,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    f64::MAX,
    f64::MIN,
    f64::MIN_POSITIVE,
    -f64::MIN_POSITIVE,
    5e-324,
    -5e-324,
    4_503_599_627_370_495.5,
    4_503_599_627_370_497.0,
    -4_503_599_627_370_497.0,
    9_007_199_254_740_991.0,
    -9_007_199_254_740_991.0,
    9_007_199_254_740_992.0,
    1.0 + f64::EPSILON,
    1.0 - f64::EPSILON / 2.0,
    -1.0 - f64::EPSILON,
    1e300,
    -1e300,
    1e-300,
    1e20,
];

#[test]
fn powers_at_the_edges_are_those_of_libm() {
    for x in EDGES {
        for y in EDGES {
            let (ours, theirs) = (pow(x, y), libm::pow(x, y));
            // Where libm has a special value ours is the same bits; elsewhere both are within a unit or two.
            let close = ours.is_finite() && theirs.is_finite() && apart(theirs, ours).abs() <= 2.0;
            assert!(same(ours, theirs) || (close && theirs != 0.0), "{x:e} to the {y:e}: {ours:e}, {theirs:e}");
        }
        for n in -40..=40 {
            let exact = (0..20).contains(&n).then(|| 2f64.powi(n));
            assert!(exact.is_none_or(|e| pow(2.0, f64::from(n)) == e));
            assert!(pow(-1.5, f64::from(n)).is_sign_negative() == (n % 2 != 0));
        }
    }
    assert!([2.0, 3.0, 10.0].iter().all(|x| pow(*x, 1.0) == *x && pow(*x, 2.0) == x * x && pow(*x, -1.0) == 1.0 / x));
}

#[test]
fn exp_and_ln_at_the_edges() {
    for (x, y) in [
        (0.0, 1.0),
        (-0.0, 1.0),
        (f64::INFINITY, f64::INFINITY),
        (f64::NEG_INFINITY, 0.0),
        (f64::NAN, f64::NAN),
        (709.782712893384, 1.797_693_134_862_273_2e308),
        (709.782712893385, f64::INFINITY),
        (f64::MAX, f64::INFINITY),
        (-745.1332191019412, 0.0),
        (-745.1332191019411, 5e-324),
        (f64::MIN, 0.0),
        (5e-324, 1.0),
    ] {
        let close = apart(y, exp(x)).abs() <= 1.0 && y > 1e300 && y.is_finite();
        assert!(same(exp(x), y) || close, "exp({x}) = {:e}", exp(x));
    }
    for (x, y) in [
        (0.0, f64::NEG_INFINITY),
        (-0.0, f64::NEG_INFINITY),
        (1.0, 0.0),
        (f64::INFINITY, f64::INFINITY),
        (f64::NEG_INFINITY, f64::NAN),
        (-1.0, f64::NAN),
        (-5e-324, f64::NAN),
        (f64::NAN, f64::NAN),
        (5e-324, -744.4400719213812),
        (f64::MAX, 709.782712893384),
    ] {
        assert!(same(ln(x), y), "ln({x}) = {:e}", ln(x));
    }
}

#[test]
fn the_quantile_is_odd_rises_and_ends() {
    for (p, z) in [
        (0.0, f64::NEG_INFINITY),
        (-0.0, f64::NEG_INFINITY),
        (1.0, f64::INFINITY),
        (0.5, 0.0),
        (-1e-300, f64::NAN),
        (1.0 + f64::EPSILON, f64::NAN),
        (f64::INFINITY, f64::NAN),
        (f64::NEG_INFINITY, f64::NAN),
        (f64::NAN, f64::NAN),
    ] {
        assert!(same(normal_quantile(p), z), "{p}: {}", normal_quantile(p));
    }
    assert!(normal_quantile(5e-324).is_finite());
    // Multiples of 2⁻⁵³ have an exact mirror image, and uniforms are among them.
    let unit = f64::EPSILON / 2.0;
    let mut before = f64::NEG_INFINITY;
    for k in (0..100_000).map(|i| 1.0 + f64::from(i) * 45_035_996_273.0) {
        let (low, high) = (normal_quantile(k * unit), normal_quantile(1.0 - k * unit));
        assert!(same(low, -high), "{k}");
        assert!(low > before, "{k}");
        before = low;
    }
}

/// One value or many: the same bits, though the compiler makes vector instructions of the loop.
fn many_as_one(f: impl Fn(f64) -> f64) {
    let xs: Vec<f64> = (0..1_000).map(|i| f64::from(i) * 1.5 - 760.0).chain(EDGES).collect();
    let mut together = vec![0.0; xs.len()];
    xs.iter().zip(&mut together).for_each(|(x, y)| *y = f(*x));
    for (x, y) in xs.iter().zip(&together) {
        assert!(same(f(std::hint::black_box(*x)), *y), "{x:e}");
    }
}

#[test]
fn slices_have_the_bits_of_single_values() {
    many_as_one(exp);
    many_as_one(ln);
    many_as_one(|x| pow(x, 1.7));
    many_as_one(|x| pow(1.7, x));
    many_as_one(|x| normal_quantile(x / 1_000.0));
}

#[test]
fn whole_numbers_are_those_of_libm() {
    let mut xs: Vec<f64> = EDGES.to_vec();
    xs.extend((-400..400).map(|i| f64::from(i) / 8.0));
    xs.extend([0.49999999999999994, -0.49999999999999994, 4_503_599_627_370_495.5, 9e15, 1e-310]);
    let rows = flowc::builtins::all();
    for (name, theirs) in
        [("floor", libm::floor as fn(f64) -> f64), ("ceil", libm::ceil), ("round", libm::round), ("trunc", libm::trunc)]
    {
        let row = rows.iter().find(|r| r.name() == name).expect("a row");
        let Kernel::Round(ours) = row.kernel else { panic!("{name} rounds") };
        for x in &xs {
            assert!(same(ours(*x), theirs(*x)), "{name}({x:e}) = {:e}", ours(*x));
        }
    }
}

/// Each function of the table that has a vector form gives the same there, whatever the length.
#[test]
fn lanes_have_the_bits_of_single_values() {
    let some: Vec<f64> = (0..300).map(|i| f64::from(i) * 5.1 - 760.0).chain(EDGES).collect();
    let other: Vec<f64> = some.iter().rev().map(|x| x * 0.37).collect();
    let third: Vec<f64> = some.iter().map(|x| 3.0 - x).collect();
    let mut forms = 0;
    for row in flowc::builtins::all() {
        for n in [1, 15, 16, 127, 128, 129, some.len()] {
            let (x, y, z) = (&some[some.len() - n..], &other[..n], &third[..n]);
            let mut out = vec![0.0; n];
            let single: Box<dyn Fn(usize) -> f64> = match row.kernel {
                Kernel::One(f) | Kernel::Round(f) if One::of(f).is_some() => {
                    One::of(f).expect("a form").fill(x, &mut out);
                    Box::new(move |i| f(x[i]))
                }
                Kernel::Two(f) | Kernel::Fold(f) if Two::of(f).is_some() => {
                    Two::of(f).expect("a form").fill(x, y, &mut out);
                    Box::new(move |i| f(x[i], y[i]))
                }
                Kernel::Three(f) if Three::of(f).is_some() => {
                    Three::of(f).expect("a form").fill(x, y, z, &mut out);
                    Box::new(move |i| f(x[i], y[i], z[i]))
                }
                _ => continue,
            };
            forms += 1;
            for (i, found) in out.iter().enumerate() {
                assert!(same(single(i), *found), "{}({}, {}, {})", row.name(), x[i], y[i], z[i]);
            }
        }
    }
    // abs sqrt exp ln floor ceil round trunc min max clamp safediv
    assert_eq!(forms, 12 * 7);
    assert_eq!(Two::of(flowc::builtins::power), Some(Two::Power));
    let mut out = vec![0.0; some.len()];
    Two::Power.fill(&some, &other, &mut out);
    assert!((0..some.len()).all(|i| same(out[i], pow(some[i], other[i]))));
}

#[test]
fn quantiles_of_many_are_those_of_each() {
    let unit = f64::EPSILON / 2.0;
    for n in [0, 1, 16, 100, 128, 129, 1_000] {
        let spread = (0..n).map(|i| f64::from(i) * 0.618_033_988_749_894_9 % 1.0);
        let ps: Vec<f64> =
            spread.chain([0.0, -0.0, 1.0, 0.5, 0.925, 0.075, unit, 1.0 - unit, f64::NAN, -1.0, 2.0]).collect();
        let mut out = vec![0.0; ps.len()];
        normal_quantiles(&ps, &mut out);
        for (p, z) in ps.iter().zip(&out) {
            assert!(same(normal_quantile(*p), *z), "{n}: {p}");
        }
        let tails = vec![1e-9; ps.len()];
        normal_quantiles(&tails, &mut out);
        assert!(out.iter().all(|z| same(*z, normal_quantile(1e-9))));
    }
}
