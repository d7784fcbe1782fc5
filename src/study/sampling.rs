//! Sampling designs: where each uncertain param stands in each sample.
//!
//! In: a design, how many samples, the params, a seed. Out: per sample the place of each param between its least value, 0,
//! and its greatest, 1, both left out. Invariant: by the random design and the Latin hypercube a param's column hangs on its
//! name and the seed alone, so that one more param leaves the others where they are; by the Sobol sequence params take its
//! dimensions in their order. Absent on purpose: distributions, which make values of these places.

use sobol_burley::NUM_DIMENSIONS;
use sobol_burley::parts::{owen_scramble_rev, sobol_rev};

use crate::builtins::philox::{Place, Stream, key, uniform};
use crate::hir::Design;

/// The Sobol sequence that is used has no more dimensions.
pub const SOBOL_PARAMS: usize = NUM_DIMENSIONS as usize;
/// Nor is it longer.
pub const SOBOL_SAMPLES: u32 = 1 << 16;

/// What a design cannot do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beyond {
    /// More params than the Sobol sequence has dimensions: [`SOBOL_PARAMS`].
    Params,
    /// More samples than it has points: [`SOBOL_SAMPLES`].
    Samples,
}

/// Of each sample the place of each param, strictly between 0 and 1. `params` are the hashes of their names.
///
/// Random: sample `i` is what run `i` would draw. Latin hypercube (McKay, Beckman, Conover 1979): each param has one sample in
/// each of `count` equal parts, somewhere in it, and the parts in an order of its own. Sobol: direction numbers of Joe and Kuo
/// (2008), scrambled as Owen (1995) does by hashes (Burley 2020); a power of two samples is balanced best.
/// Errors: the Sobol sequence has 256 dimensions and 65,536 points.
pub fn design(kind: Design, count: u32, params: &[u64], seed: u64) -> Result<Vec<Vec<f64>>, Beyond> {
    let columns: Vec<Vec<f64>> = match kind {
        Design::Random => params.iter().map(|p| random(count, key(seed, *p))).collect(),
        Design::LatinHypercube => params.iter().map(|p| stratified(count, key(seed, *p))).collect(),
        Design::Sobol if params.len() > SOBOL_PARAMS => return Err(Beyond::Params),
        Design::Sobol if count > SOBOL_SAMPLES => return Err(Beyond::Samples),
        Design::Sobol => {
            let dimension = |(i, p): (usize, &u64)| sobol(count, i as u32, key(seed, 0) as u32, key(seed, *p) as u32);
            params.iter().enumerate().map(dimension).collect()
        }
    };
    Ok((0..count as usize).map(|i| columns.iter().map(|c| c[i]).collect()).collect())
}

fn random(count: u32, key: u64) -> Vec<f64> {
    (1..=count).map(|run| uniform(key, Place { run, step: 0, member: 0 })).collect()
}

fn stratified(count: u32, key: u64) -> Vec<f64> {
    let mut parts: Vec<u32> = (0..count).collect();
    // Fisher and Yates, with a stream that no sample has.
    let mut stream = Stream::new(key, Place { run: 0, step: 1, member: 0 });
    for last in (1..parts.len()).rev() {
        let other = (stream.uniform() * (last + 1) as f64) as usize;
        parts.swap(last, other.min(last));
    }
    let within = random(count, key);
    parts.iter().zip(within).map(|(part, u)| inside((f64::from(*part) + u) / f64::from(count))).collect()
}

/// One dimension of the sequence. All dimensions go through its points in one order, which is itself scrambled.
fn sobol(count: u32, dimension: u32, order: u32, scramble: u32) -> Vec<f64> {
    let point = |i: u32| {
        let index = owen_scramble_rev(i.reverse_bits(), order);
        let bits = owen_scramble_rev(sobol_rev(index, dimension), scramble).reverse_bits();
        (f64::from(bits) + 0.5) / 4_294_967_296.0
    };
    (0..count).map(point).collect()
}

/// A place may be rounded onto an end, where quantiles may be infinite.
fn inside(u: f64) -> f64 {
    u.clamp(f64::EPSILON / 4.0, 1.0 - f64::EPSILON / 2.0)
}
