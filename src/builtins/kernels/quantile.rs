//! The inverse of the normal distribution's CDF, on the rules of [`super::elementary`]: no table, the same bits everywhere; of
//! many values, no branch.
//!
//! In: a probability. Out: how many standard deviations from the mean it lies; the largest error found among
//! 400,000 is 3.8 units in the last place, down to subnormal probabilities (`tests/elementary.rs`). Invariant: odd about ½, to the bit, where 1 − p is exact.
//! Absent on purpose: mean and deviation, which cost nothing to add.

use super::elementary::ln;

/// √(2π), the slope at ½, in two parts.
const SLOPE: f64 = 2.5066282746310007;
const SLOPE_LOW: f64 = -1.8328579980459167e-16;

/// The `z` below which a standard normal value lies with probability `p`: −inf at 0, inf at 1, NaN outside.
///
/// Two regions, as in Wichura (1988), Algorithm AS 241, Applied Statistics 37(3). With q = p − ½ it is √(2π) q + q³ R(q²) for
/// |q| ≤ 0.425, and outside r − S(r), where r = √(−2 ln p): what is rational is a correction, whose own error counts less.
/// R and S are our own (`tests/tables/quantile_fit.py`): they are within 2⁻⁵⁵ of the quantile.
#[inline(always)]
pub fn normal_quantile(p: f64) -> f64 {
    let q = p - 0.5;
    let z = if q * q <= EDGE { middle(q) } else { outside(p) };
    z.copysign(q)
}

/// [`normal_quantile`] of each, to the bit, in less time: the logarithm and the root of the tails are worked out only for those
/// that lie there, gathered. `out` is as long as `p`.
#[inline(always)]
pub fn normal_quantiles(p: &[f64], out: &mut [f64]) {
    const BLOCK: usize = 128;
    for (p, out) in p.chunks(BLOCK).zip(out.chunks_mut(BLOCK)) {
        let mut all = [0.5; BLOCK];
        all[..p.len()].copy_from_slice(p);
        let mut places = [0u8; BLOCK];
        let mut tails = 0;
        for (i, p) in all.iter().enumerate() {
            places[tails % BLOCK] = i as u8;
            let q = p - 0.5;
            // NaN has no place in the middle.
            tails += 1 - usize::from(q * q <= EDGE);
        }
        let mut gathered = [0.5; BLOCK];
        for (place, p) in places[..tails].iter().zip(&mut gathered) {
            *p = all[usize::from(*place) % BLOCK];
        }
        for group in all.as_chunks_mut::<GROUP>().0 {
            let from = *group;
            for i in 0..GROUP {
                let q = from[i] - 0.5;
                group[i] = middle(q).copysign(q);
            }
        }
        for group in gathered[..tails.next_multiple_of(GROUP)].as_chunks_mut::<GROUP>().0 {
            let from = *group;
            for i in 0..GROUP {
                group[i] = outside(from[i]).copysign(from[i] - 0.5);
            }
        }
        for (place, z) in places[..tails].iter().zip(&gathered) {
            all[usize::from(*place) % BLOCK] = *z;
        }
        out.copy_from_slice(&all[..p.len()]);
    }
}

/// How many values are worked on together.
const GROUP: usize = 16;

/// The size of the quantile next to ½.
#[inline(always)]
fn middle(q: f64) -> f64 {
    let size = q.abs();
    let square = q * q;
    let (numer, denom) = rational(&MIDDLE, EDGE - square);
    size * SLOPE + (size * square * numer / denom + size * SLOPE_LOW)
}

/// The size of the quantile further out.
#[inline(always)]
fn outside(p: f64) -> f64 {
    let tail = if p < 0.5 { p } else { 1.0 - p };
    let r = (-2.0 * ln(tail)).sqrt();
    let (numer, denom) = rational(&OUTSIDE, r);
    let z = if tail == 0.0 { f64::INFINITY } else { r - numer / denom };
    // Comparisons with NaN are false: what is no probability has no tail of at least 0.
    if tail >= 0.0 { z } else { f64::NAN }
}

/// Numerator and denominator.
#[inline(always)]
fn rational<const N: usize>(coefficients: &[[f64; 2]; N], x: f64) -> (f64, f64) {
    coefficients.iter().fold((0.0, 0.0), |(numer, denom), [a, b]| (numer * x + a, denom * x + b))
}

/// 0.425², where the regions meet.
const EDGE: f64 = 0.180625;

/// R in 0.425² − q², so that all is positive and nothing cancels; numerator and denominator, the highest power first.
const MIDDLE: [[f64; 2]; 9] = [
    [625.065325755716, 35509.46431849197],
    [68589.41719144277, 171982.98098265842],
    [241554.1123480686, 253716.09966034183],
    [262872.9905363146, 164325.09658081856],
    [124185.54731017382, 54319.38891351196],
    [29112.399752801004, 9787.108554730306],
    [3525.532128076969, 967.929836053531],
    [210.31989537036725, 49.16893192289104],
    [4.874765941399952, 1.0],
];

/// S in r, likewise.
const OUTSIDE: [[f64; 2]; 12] = [
    [2.5410303916101723e-13, 3.854485749634688e-10],
    [3.193011470477838e-09, 2.312234259193619e-07],
    [1.511966521008938e-06, 3.5778715531004505e-05],
    [0.00019454564612841882, 0.0020889272803751835],
    [0.009526722483592518, 0.053760907342748486],
    [0.20399371724373688, 0.663403056891112],
    [2.061387595277365, 4.22282661227952],
    [10.646147020786737, 15.274375089546314],
    [31.395892135461306, 32.77674779793028],
    [51.13604344144466, 34.55139108669987],
    [29.985284650264326, 13.029411805480416],
    [3.5898116252857344, 1.0],
];
