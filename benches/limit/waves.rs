//! W3 by hand: `models/waves.flow`, one run in plain Rust and a block of runs at a time.

use super::for_each_isa;

/// Healthy, ill, recovered, hares, lynxes.
pub const FINALS: usize = 5;
/// Runs of a block.
pub const LANES: usize = 64;
const STEPS: u32 = 10_000;
const DT: f64 = 0.01;
const OPENING: [f64; FINALS] = [1_000.0, 5.0, 0.0, 50.0, 10.0];

#[inline(always)]
fn derivative(state: [f64; FINALS], contacts: f64, growth: f64) -> [f64; FINALS] {
    let [healthy, ill, _, hares, lynxes] = state;
    let infection = healthy * ill / 1_000.0 * contacts;
    let recovery = ill / 5.0;
    let caught = 0.05 * hares * lynxes / (1.0 + 0.01 * hares);
    let births = growth * hares * (1.0 - hares / 200.0);
    [-infection, infection - recovery, recovery, births - caught, 0.3 * caught - 0.4 * lynxes]
}

/// One step of Runge and Kutta's classic method.
#[inline(always)]
fn step(state: [f64; FINALS], contacts: f64, growth: f64) -> [f64; FINALS] {
    let ahead = |h: f64, k: [f64; FINALS]| -> [f64; FINALS] { std::array::from_fn(|i| state[i] + h * k[i]) };
    let a = derivative(state, contacts, growth);
    let b = derivative(ahead(0.5 * DT, a), contacts, growth);
    let c = derivative(ahead(0.5 * DT, b), contacts, growth);
    let d = derivative(ahead(DT, c), contacts, growth);
    std::array::from_fn(|i| state[i] + DT / 6.0 * (((a[i] + 2.0 * b[i]) + 2.0 * c[i]) + d[i]))
}

/// What one run ends with.
pub fn run_one(contacts: f64, growth: f64) -> [f64; FINALS] {
    (0..STEPS).fold(OPENING, |state, _| step(state, contacts, growth))
}

for_each_isa! {
    /// What each point (contacts, growth) ends with.
    run = body(points: &[[f64; 2]], finals: &mut [[f64; FINALS]])
}

#[inline(always)]
fn body(points: &[[f64; 2]], finals: &mut [[f64; FINALS]]) {
    for (points, finals) in points.chunks(LANES).zip(finals.chunks_mut(LANES)) {
        let (mut contacts, mut growth) = ([0.0; LANES], [0.0; LANES]);
        for (l, [c, g]) in points.iter().enumerate() {
            (contacts[l], growth[l]) = (*c, *g);
        }
        let mut state = OPENING.map(|x| [x; LANES]);
        for _ in 0..STEPS {
            for l in 0..LANES {
                let next = step(std::array::from_fn(|i| state[i][l]), contacts[l], growth[l]);
                for i in 0..FINALS {
                    state[i][l] = next[i];
                }
            }
        }
        for (l, out) in finals.iter_mut().enumerate() {
            *out = std::array::from_fn(|i| state[i][l]);
        }
    }
}
