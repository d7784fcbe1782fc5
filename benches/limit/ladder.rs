//! W1 by hand: `models/ladder.flow`, a block of points at a time.

use super::{for_each_isa, least, most};

/// Members, and with what circulates, numbers of a run.
const TRANCHES: usize = 11;
pub const FINALS: usize = TRANCHES + 1;
/// Points of a block.
pub const LANES: usize = 64;
const STEPS: u32 = 60;

const SHARE: [f64; TRANCHES] = [0.05, 0.08, 0.12, 0.15, 0.10, 0.03, 0.02, 0.20, 0.10, 0.05, 0.10];
const AT_START: [f64; TRANCHES] = [0.20, 0.10, 0.05, 0.0, 0.0, 0.50, 1.0 / 3.0, 0.02, 0.0, 0.15, 0.0];
const CLIFF: [f64; TRANCHES] = [0.0, 3.0, 6.0, 12.0, 12.0, 0.0, 1.0, 0.0, 9.0, 2.0, 18.0];
const LENGTH: [f64; TRANCHES] = [6.0, 12.0, 18.0, 36.0, 48.0, 3.0, 6.0, 60.0, 24.0, 10.0, 30.0];

for_each_isa! {
    /// What each point (supply, speed) ends with: what is left in each tranche, and what circulates.
    run = body(points: &[[f64; 2]], finals: &mut [[f64; FINALS]])
}

#[inline(always)]
fn body(points: &[[f64; 2]], finals: &mut [[f64; FINALS]]) {
    for (points, finals) in points.chunks(LANES).zip(finals.chunks_mut(LANES)) {
        block(points, finals);
    }
}

#[inline(always)]
fn block(points: &[[f64; 2]], finals: &mut [[f64; FINALS]]) {
    let (mut speed, mut circulating) = ([0.0; LANES], [0.0; LANES]);
    let mut granted = [[0.0; LANES]; TRANCHES];
    for (l, [supply, s]) in points.iter().enumerate() {
        speed[l] = *s;
        for t in 0..TRANCHES {
            granted[t][l] = supply * (SHARE[t] * (1.0 - AT_START[t]));
            circulating[l] += supply * (SHARE[t] * AT_START[t]);
        }
    }
    let mut locked = granted;
    for step in 0..STEPS {
        let end = f64::from(step + 1);
        let mut released = [0.0; LANES];
        for t in 0..TRANCHES {
            let (begun, since, length) = (end >= CLIFF[t], end - CLIFF[t], LENGTH[t]);
            let (granted, locked) = (&granted[t], &mut locked[t]);
            for l in 0..LANES {
                let part = least(1.0, most(0.0, since * speed[l] / length));
                let due = if begun { granted[l] * part } else { 0.0 };
                let release = least(locked[l], most(0.0, due - (granted[l] - locked[l])));
                locked[l] -= release;
                released[l] += release;
            }
        }
        for l in 0..LANES {
            circulating[l] += released[l];
        }
    }
    for (l, out) in finals.iter_mut().enumerate() {
        for t in 0..TRANCHES {
            out[t] = locked[t][l];
        }
        out[TRANCHES] = circulating[l];
    }
}
