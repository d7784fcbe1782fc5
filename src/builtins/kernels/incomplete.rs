//! The incomplete gamma and beta functions, both tails: what CDFs of gamma, beta, Student's t and of counts are made of.
//!
//! In: parameters above 0, and where. Out: the part below and the part above; the smaller is computed, so that it keeps its digits.
//! Against `tests/tables/chance.csv` its relative error is below 2 · 10⁻¹² + 10⁻¹⁵ of the largest parameter, because by so much it
//! hangs on the last digits of what is given (`tests/distributions.rs`). Invariant: constant time for large parameters. Absent on
//! purpose: complex arguments, derivatives.

use super::elementary::{exp, ln};

/// From here on a density is near enough to a normal one to be integrated from where it is to where it is nothing.
const LARGE: f64 = 40.0;
/// What e⁻ᶜᵘᵗ leaves out of an integral is below a last place.
const CUT: f64 = 40.0;

/// The parts of a gamma distribution of shape `a` and scale 1 up to `x` and above it: P(a, x) and Q(a, x) (NIST DLMF 8.2.4).
pub fn gamma_tails(a: f64, x: f64) -> (f64, f64) {
    if x <= 0.0 {
        return (0.0, 1.0);
    }
    if x == f64::INFINITY {
        return (1.0, 0.0);
    }
    if a >= LARGE {
        let density = gamma_density(a, x);
        if density == 0.0 {
            return if x < a { (0.0, 1.0) } else { (1.0, 0.0) };
        }
        let slope = ((a - 1.0) - x) / x;
        let curve = (a - 1.0) / x / x;
        let side = if x < a { -1.0 } else { 1.0 };
        let log = |s: f64| (a - 1.0) * ln_1p_less(side * s / x) + side * s * slope;
        let end = if x < a { x } else { f64::INFINITY };
        let part = a / x * density * tail(-side * slope, curve, end, log);
        return if x < a { (part, 1.0 - part) } else { (1.0 - part, part) };
    }
    if a < 1.0 && x < 1.0 {
        return small_gamma_tails(a, x);
    }
    if x < a + 1.0 {
        let part = gamma_density(a, x) * gamma_series(a, x);
        return (part, 1.0 - part);
    }
    // DLMF 8.9.2, as a continued fraction without divisions (its even part): 1 / (x + 1 − a − (1 − a) / (x + 3 − a − …)).
    let term = |i: f64| (-i * (i - a), x + 2.0 * i + 1.0 - a);
    let rest = a * gamma_density(a, x) / fraction(x + 1.0 - a, term);
    (1.0 - rest, rest)
}

/// xᵃ e⁻ˣ / Γ(a + 1).
pub fn gamma_density(a: f64, x: f64) -> f64 {
    if a < 1.0 {
        return exp(a * ln(x) - x - ln_gamma_1p(a));
    }
    exp(-stirling(a) - deviance(a, x)) / (std::f64::consts::TAU * a).sqrt()
}

/// 1 + x / (a + 1) + x² / (a + 1) (a + 2) + … (DLMF 8.7.1): all its terms are positive.
fn gamma_series(a: f64, x: f64) -> f64 {
    let (mut term, mut sum, mut k) = (1.0, 1.0, 0.0);
    while term > sum * 1e-17 {
        k += 1.0;
        term *= x / (a + k);
        sum += term;
    }
    sum
}

/// For small `a` and `x` neither part may be 1 less the other. By DLMF 8.7.3 the lower one is xᵃ / Γ(a + 1) · (1 + a Σ (−x)ᵏ / k! (a + k)).
fn small_gamma_tails(a: f64, x: f64) -> (f64, f64) {
    let log = a * ln(x) - ln_gamma_1p(a);
    let (mut power, mut sum, mut k) = (1.0, 0.0, 0.0);
    while f64::abs(power) > 1e-18 {
        k += 1.0;
        power *= -x / k;
        sum += power / (a + k);
    }
    let rest = -libm::expm1(log) - exp(log) * a * sum;
    (exp(log) * (1.0 + a * sum), rest)
}

/// The parts of a beta distribution up to `x` and above it: I(x; a, b) and I(y; b, a) (DLMF 8.17.2), where y = 1 − x.
pub fn beta_tails(a: f64, b: f64, x: f64, y: f64) -> (f64, f64) {
    if x <= 0.0 {
        return (0.0, 1.0);
    }
    if y <= 0.0 {
        return (1.0, 0.0);
    }
    if a * y > b * x {
        let part = beta_part(a, b, x, y);
        (part, 1.0 - part)
    } else {
        let rest = beta_part(b, a, y, x);
        (1.0 - rest, rest)
    }
}

/// The part up to `x`, which is below the mean.
fn beta_part(a: f64, b: f64, x: f64, y: f64) -> f64 {
    let density = beta_density(a, b, x, y);
    if density == 0.0 {
        return 0.0;
    }
    if a.min(b) >= LARGE {
        let slope = ((a - 1.0) * y - (b - 1.0) * x) / (x * y);
        let curve = (a - 1.0) / x / x + (b - 1.0) / y / y;
        let log = |s: f64| (a - 1.0) * ln_1p_less(-s / x) + (b - 1.0) * ln_1p_less(s / y) - s * slope;
        return density / (x * y) * tail(slope, curve, x, log);
    }
    // DLMF 8.17.22: I = xᵃ yᵇ / a B(a, b) · 1 / (1 + d₁ / (1 + d₂ / (1 + …))).
    let term = |i: f64| {
        let m = libm::floor(i / 2.0);
        let d = if i == 2.0 * m {
            m / (a + 2.0 * m - 1.0) * ((b - m) / (a + 2.0 * m)) * x
        } else {
            -(a + m) / (a + 2.0 * m) * ((a + b + m) / (a + 2.0 * m + 1.0)) * x
        };
        (d, 1.0)
    };
    (density / a / fraction(1.0, term)).clamp(0.0, 1.0)
}

/// xᵃ yᵇ / B(a, b), where x + y = 1.
pub fn beta_density(a: f64, b: f64, x: f64, y: f64) -> f64 {
    let n = a + b;
    let apart = deviance(a, n * x) + deviance(b, n * y);
    exp(stirling(n) - stirling(a) - stirling(b) - apart) * (a / n * b / std::f64::consts::TAU).sqrt()
}

/// ln B(a, b), by Stirling's formula, so that large parameters do not cancel.
pub fn ln_beta(a: f64, b: f64) -> f64 {
    let n = a + b;
    let apart = a * libm::log1p(b / a) + b * libm::log1p(a / b);
    stirling(a) + stirling(b) - stirling(n) - apart + 0.5 * (ln(n / a / b) + ln(std::f64::consts::TAU))
}

/// The integral over s from 0 to `end` of e to `log(s)`, which is 0 at 0, falls at first by `slope`, ever faster by `curve`, and is
/// nearly concave. Gauss and Legendre's rule of 16 points on three parts.
fn tail(slope: f64, curve: f64, end: f64, log: impl Fn(f64) -> f64) -> f64 {
    let slope = slope.max(0.0);
    let mut length = (2.0 * CUT / (slope + (slope * slope + 2.0 * CUT * curve).sqrt())).min(end);
    // A few times at most: the density leans less, the larger its parameters.
    for _ in 0..64 {
        if length >= end || log(length) <= -CUT {
            break;
        }
        length = (length * 1.25).min(end);
    }
    let part = |from: f64, to: f64| {
        let (middle, half) = (0.5 * (to + from) * length, 0.5 * (to - from) * length);
        let sum = LEGENDRE
            .iter()
            .fold(0.0, |sum, [x, weight]| sum + weight * (exp(log(middle - half * x)) + exp(log(middle + half * x))));
        half * sum
    };
    part(0.5, 1.0) + part(0.125, 0.5) + part(0.0, 0.125)
}

/// b₀ + a₁ / (b₁ + a₂ / (b₂ + …)) with (aᵢ, bᵢ) = `term(i)`, by Lentz's method as Thompson and Barnett (1986) have it,
/// Coulomb and Bessel functions of complex arguments and order, J. Comput. Phys. 64, appendix III.
fn fraction(first: f64, term: impl Fn(f64) -> (f64, f64)) -> f64 {
    let least = 1e-300;
    let away = |x: f64| if x.abs() < least { least } else { x };
    let mut value = away(first);
    let (mut c, mut d) = (value, 0.0);
    for i in 1..100_000 {
        let (over, next) = term(f64::from(i));
        d = 1.0 / away(next + over * d);
        c = away(next + over / c);
        let change = c * d;
        value *= change;
        if (change - 1.0).abs() < f64::EPSILON {
            break;
        }
    }
    value
}

/// ln Γ(1 + a) for 0 ≤ a < 1, with all digits where it is next to 0.
pub fn ln_gamma_1p(a: f64) -> f64 {
    if a > 0.25 {
        return libm::lgamma(1.0 + a);
    }
    // DLMF 5.7.3.
    let series = ZETA.iter().rev().fold(0.0, |rest, c| c - a * rest);
    a * (1.0 - EULER) - libm::log1p(a) + a * a * series
}

/// By how much ln n! is above Stirling's (n + ½) ln n − n + ½ ln 2π, for any n > 0.
pub fn stirling(n: f64) -> f64 {
    if n < 16.0 {
        return libm::lgamma(n + 1.0) - (n + 0.5) * ln(n) + n - 0.5 * ln(std::f64::consts::TAU);
    }
    let z = 1.0 / (n * n);
    (1.0 / 12.0 - z * (1.0 / 360.0 - z * (1.0 / 1_260.0 - z * (1.0 / 1_680.0 - z * (1.0 / 1_188.0))))) / n
}

/// x ln(x / mean) + mean − x: how unlikely it is to be this far off. As in Loader (2000), Fast and accurate computation of
/// binomial probabilities: what cancels is taken together.
pub fn deviance(x: f64, mean: f64) -> f64 {
    let (off, sum) = (x - mean, x + mean);
    if off.abs() >= 0.1 * sum {
        return x * ln(x / mean) - off;
    }
    // With v = off / sum, x ln((1 + v) / (1 − v)) − off = off · v + 2 x (v³/3 + v⁵/5 + …); at most v = 0.1.
    let v = off / sum;
    off * v + 2.0 * x * v * odd_powers(v * v)
}

/// ln(1 + u) − u.
fn ln_1p_less(u: f64) -> f64 {
    if u.abs() > 0.2 {
        return libm::log1p(u) - u;
    }
    let v = u / (2.0 + u);
    2.0 * v * odd_powers(v * v) - u * v
}

/// z/3 + z²/5 + z³/7 + …, for z of at most 0.0125.
fn odd_powers(z: f64) -> f64 {
    (1..=9).rev().fold(0.0, |rest, i| (rest + 1.0 / f64::from(2 * i + 1)) * z)
}

/// Places and weights of the positive half.
const LEGENDRE: [[f64; 2]; 8] = [
    [0.09501250983763744, 0.1894506104550685],
    [0.2816035507792589, 0.18260341504492358],
    [0.45801677765722737, 0.16915651939500254],
    [0.6178762444026438, 0.14959598881657674],
    [0.755404408355003, 0.12462897125553388],
    [0.8656312023878318, 0.09515851168249279],
    [0.9445750230732326, 0.062253523938647894],
    [0.9894009349916499, 0.027152459411754096],
];

const EULER: f64 = 0.577_215_664_901_532_9;
/// (ζ(k) − 1) / k from k = 2.
const ZETA: [f64; 18] = [
    0.3224670334241132,
    0.0673523010531981,
    0.020580808427784546,
    0.007385551028673986,
    0.0028905103307415234,
    0.001192753911703261,
    0.0005096695247430425,
    0.00022315475845357939,
    9.945751278180853e-05,
    4.492623673813314e-05,
    2.050721277567069e-05,
    9.439488275268397e-06,
    4.374866789907488e-06,
    2.039215753801366e-06,
    9.55141213040742e-07,
    4.492469198764566e-07,
    2.1207184805554665e-07,
    1.0043224823968099e-07,
];
