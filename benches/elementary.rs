//! What exp, ln, pow and the normal quantile cost beside libm: one value that hangs on the one before, and slices of 128, as the
//! evaluator's lanes are. The counter says values per second. `cargo bench --bench elementary`

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use flowc::builtins::philox::{Place, uniform};
use flowc::builtins::{exp, ln, normal_quantile, pow};

fn main() {
    divan::main();
}

/// 128 values between `low` and `high`.
fn lanes(low: f64, high: f64) -> Vec<f64> {
    (0..128).map(|i| low + (high - low) * (f64::from(i) + 0.5) / 128.0).collect()
}

#[inline(always)]
fn slice(bencher: Bencher, xs: &[f64], f: impl Fn(f64) -> f64 + Sync) {
    let xs = xs.to_vec();
    bencher.counter(ItemsCount::new(xs.len())).with_inputs(|| vec![0.0; xs.len()]).bench_refs(|out| {
        black_box(&xs).iter().zip(out.iter_mut()).for_each(|(x, y)| *y = f(*x));
        black_box(out);
    });
}

/// Each call waits for the one before, which adds nothing to its argument.
#[inline(always)]
fn alone(bencher: Bencher, xs: &[f64], f: impl Fn(f64) -> f64 + Sync) {
    let xs = xs.to_vec();
    bencher.counter(ItemsCount::new(xs.len())).bench(|| xs.iter().fold(0.0, |last: f64, x| f(x + last * 0.0)));
}

macro_rules! benches {
    ($($name:ident: $low:expr, $high:expr, $f:expr;)*) => {$(
        mod $name {
            use super::*;

            #[divan::bench]
            fn one(bencher: Bencher) {
                alone(bencher, &lanes($low, $high), $f);
            }

            #[divan::bench]
            fn of_128(bencher: Bencher) {
                slice(bencher, &lanes($low, $high), $f);
            }
        }
    )*};
}

benches! {
    exp_ours: -20.0, 20.0, exp;
    exp_libm: -20.0, 20.0, libm::exp;
    ln_ours: 1e-3, 1e3, ln;
    ln_libm: 1e-3, 1e3, libm::log;
    pow_ours: 0.01, 10.0, |x| pow(x, 2.3);
    pow_libm: 0.01, 10.0, |x| libm::pow(x, 2.3);
    normal_quantile_ours: 0.0, 1.0, normal_quantile;
}

/// One uniform of each of 128 runs.
#[divan::bench]
fn uniform_of_128(bencher: Bencher) {
    bencher.counter(ItemsCount::new(128usize)).with_inputs(|| [0.0; 128]).bench_refs(|out| {
        let key = black_box(7);
        out.iter_mut().zip(0..).for_each(|(u, run)| *u = uniform(key, Place { run, step: 3, member: 0 }));
        black_box(out);
    });
}
