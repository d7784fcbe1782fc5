//! What exp, ln, pow and the normal quantile cost beside libm, one value that hangs on the one before; and what blocks of 128 values cost,
//! as the evaluator's lanes are, with each instruction set that this machine has. The counter says values per second.
//! `cargo bench --bench elementary`

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use flowc::builtins::lanes::{Lanes, One, Two, normal_quantiles, uniforms};
use flowc::builtins::{exp, ln, normal_quantile, pow};

fn main() {
    divan::main();
}

/// 128 values between `low` and `high`.
fn lanes(low: f64, high: f64) -> Vec<f64> {
    (0..128).map(|i| low + (high - low) * (f64::from(i) + 0.5) / 128.0).collect()
}

/// Each call waits for the one before, which adds nothing to its argument.
#[inline(always)]
fn alone(bencher: Bencher, xs: &[f64], f: impl Fn(f64) -> f64 + Sync) {
    let xs = xs.to_vec();
    bencher.counter(ItemsCount::new(xs.len())).bench(|| xs.iter().fold(0.0, |last: f64, x| f(x + last * 0.0)));
}

macro_rules! benches {
    ($($name:ident: $low:expr, $high:expr, $f:expr;)*) => {$(
        #[divan::bench]
        fn $name(bencher: Bencher) {
            alone(bencher, &lanes($low, $high), $f);
        }
    )*};
}

benches! {
    one_exp: -20.0, 20.0, exp;
    one_exp_libm: -20.0, 20.0, libm::exp;
    one_ln: 1e-3, 1e3, ln;
    one_ln_libm: 1e-3, 1e3, libm::log;
    one_pow: 0.01, 10.0, |x| pow(x, 2.3);
    one_pow_libm: 0.01, 10.0, |x| libm::pow(x, 2.3);
    one_normal_quantile: 0.0, 1.0, normal_quantile;
}

/// 128 of each.
struct Block {
    x: Vec<f64>,
    y: Vec<f64>,
    u: Vec<f64>,
    runs: Vec<u32>,
    out: Vec<f64>,
}

/// What is measured on blocks.
const WORK: [&str; 10] = [
    "exp",
    "ln",
    "power",
    "max",
    "floor",
    "uniforms",
    "normal quantiles",
    "draw normal",
    "draw lognormal",
    "draw bernoulli",
];

#[inline(always)]
fn work(which: &str, b: &mut Block) {
    let out = &mut b.out[..];
    match which {
        "exp" => One::Exp.fill(&b.x, out),
        "ln" => One::Ln.fill(&b.y, out),
        "power" => Two::Power.fill(&b.y, &b.x, out),
        "max" => Two::Max.fill(&b.x, &b.y, out),
        "floor" => One::Floor.fill(&b.x, out),
        "uniforms" => uniforms(7, 3, &b.runs, out),
        "normal quantiles" => normal_quantiles(&b.u, out),
        "draw normal" => Lanes::Normal.fill([&b.x, &b.y, &b.y], &b.u, out),
        "draw lognormal" => Lanes::Lognormal.fill([&b.y, &b.y, &b.y], &b.u, out),
        _ => Lanes::Bernoulli.fill([&b.u, &b.x, &b.y], &b.u, out),
    }
}

/// A block with an instruction set. Its functions are unsafe to call elsewhere.
macro_rules! sets {
    ($($name:ident, $detected:expr, $feature:literal;)*) => {$(
        #[cfg(target_arch = "x86_64")]
        #[divan::bench(args = WORK)]
        fn $name(bencher: Bencher, which: &str) {
            #[target_feature(enable = $feature)]
            fn go(which: &str, b: &mut Block) {
                work(which, b);
            }
            // SAFETY: it is detected.
            blocks(bencher, which, $detected, |which, b| unsafe { go(which, b) });
        }
    )*};
}

sets! {
    of_128_sse2, true, "sse2";
    of_128_avx2, is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi2"), "avx2,bmi2";
    of_128_avx512, is_x86_feature_detected!("avx512dq") && is_x86_feature_detected!("avx512vl") && is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("bmi2"),
        "avx512f,avx512dq,avx512vl,avx512bw,bmi2";
}

fn blocks(bencher: Bencher, which: &str, there: bool, go: impl Fn(&str, &mut Block) + Sync) {
    if !there {
        return;
    }
    // Uniforms in no order, as they come: what lies in the tails is no run of lanes.
    let mut u = vec![0.0; 128];
    uniforms(1, 1, &(0..128).collect::<Vec<_>>(), &mut u);
    let block = || Block {
        x: lanes(-3.0, 3.0),
        y: lanes(0.01, 10.0),
        u: u.clone(),
        runs: (0..128).collect(),
        out: vec![0.0; 128],
    };
    bencher.counter(ItemsCount::new(128usize)).with_inputs(block).bench_refs(|b| {
        go(black_box(which), b);
        black_box(&b.out);
    });
}
