//! W2 by hand: `models/market.flow`, a block of runs at a time. Draws are made in bulk, a block of each.

use flowc::builtins::lanes::normal_quantiles;
use flowc::builtins::philox::{Place, key, name_hash, uniform};
use flowc::builtins::{exp, ln};

use super::{for_each_isa, least, most};

/// Sellers, buyers, escrow, treasury, price, supply, staked, reputation.
pub const FINALS: usize = 8;
/// Runs of a block: as many as keep all that a step touches in the first cache.
pub const LANES: usize = 128;
const SHARED_LANES: usize = 64;
const STEPS: u32 = 60;
const OPENING: [f64; FINALS] = [200.0, 1_000.0, 0.0, 50_000.0, 1.0, 1e6, 1e5, 0.6];

/// Fee and sigma.
pub type Setting = [f64; 2];

for_each_isa! {
    /// What runs end with under one setting; the first of them has this number.
    run = body(seed: u64, setting: Setting, first: u32, finals: &mut [[f64; FINALS]])
}

for_each_isa! {
    /// What runs end with under each setting, which share what is drawn.
    run_shared = shared_body(seed: u64, settings: &[Setting; 8], first: u32, finals: &mut [[[f64; FINALS]; 8]])
}

/// A number of each lane, where a cache line begins.
#[repr(align(64))]
#[derive(Clone, Copy)]
struct Block<const N: usize>([f64; N]);

struct Drawn<const N: usize> {
    keys: [u64; 3],
    mood: Block<N>,
    news: Block<N>,
    shock: Block<N>,
}

impl<const N: usize> Drawn<N> {
    #[inline(always)]
    fn new(seed: u64) -> Self {
        let keys = ["mood", "news", "scandal"].map(|name| key(seed, name_hash(name, &[])));
        Drawn { keys, mood: Block([0.0; N]), news: Block([0.0; N]), shock: Block([0.0; N]) }
    }

    #[inline(always)]
    fn draw(&mut self, first: u32, step: u32) {
        uniforms(self.keys[0], first, step, &mut self.mood);
        uniforms(self.keys[1], first, step, &mut self.news);
        uniforms(self.keys[2], first, step, &mut self.shock);
        normals(&mut self.mood);
        normals(&mut self.news);
        for u in &mut self.shock.0 {
            *u = if 1.0 - *u < 0.02 { 1.0 } else { 0.0 };
        }
    }
}

#[inline(always)]
fn uniforms<const N: usize>(key: u64, first: u32, step: u32, out: &mut Block<N>) {
    for l in 0..N {
        out.0[l] = uniform(key, Place { run: first.wrapping_add(l as u32), step, member: 0 });
    }
}

#[inline(always)]
fn normals<const N: usize>(u: &mut Block<N>) {
    let from = *u;
    normal_quantiles(&from.0, &mut u.0);
}

#[inline(always)]
fn step(state: [f64; FINALS], fee: f64, sigma: f64, mood: f64, news: f64, shock: f64) -> [f64; FINALS] {
    let [sellers, buyers, escrow, treasury, price, supply, staked, reputation] = state;
    let demand = buyers * 0.8 * exp(0.25 * mood - 0.03125);
    let capacity = sellers * 1.5 * (0.5 * reputation + 0.5);
    let deals = least(demand, capacity);
    let used = deals / most(capacity, 1e-9);
    let settled = escrow * 0.7;
    let fees = settled * fee;
    let next_price = price * exp(sigma * news + (0.002 - 0.5 * sigma * sigma));

    let sellers_in = sellers * 0.04 * used + ln(1.0 + sellers);
    let sellers_out = sellers * 0.03 * (1.0 + shock);
    let buyers_in = buyers * 0.06 * reputation * (1.0 - buyers / 50_000.0);
    let buyers_out = buyers * 0.04 * (1.0 + 2.0 * shock * (1.0 - used));
    let refund = escrow * 0.05 * (1.0 - reputation);
    let emitted = supply * 0.01 * (1.0 - supply / 5e6);
    let burnt = least(supply + emitted, fees * 0.3 / next_price);
    let staked_in = (supply - staked) * 0.02 * used;
    let staked_out = staked * 0.03 * (1.0 + shock);
    let supply_after = supply + emitted - burnt;
    [
        most(0.0, sellers + sellers_in - sellers_out),
        most(0.0, buyers + buyers_in - buyers_out),
        escrow + deals * 20.0 - settled - refund,
        treasury + fees - treasury * 0.03 - shock * treasury * 0.1,
        next_price,
        supply_after,
        least(supply_after, most(0.0, staked + staked_in - staked_out)),
        most(0.0, least(1.0, reputation + 0.1 * (used * (1.0 - shock) - 0.5 * reputation))),
    ]
}

#[inline(always)]
fn step_all<const N: usize>(state: &mut [Block<N>; FINALS], setting: Setting, drawn: &Drawn<N>) {
    let [fee, sigma] = setting;
    for l in 0..N {
        let now: [f64; FINALS] = std::array::from_fn(|i| state[i].0[l]);
        let next = step(now, fee, sigma, drawn.mood.0[l], drawn.news.0[l], drawn.shock.0[l]);
        for i in 0..FINALS {
            state[i].0[l] = next[i];
        }
    }
}

#[inline(always)]
fn body(seed: u64, setting: Setting, first: u32, finals: &mut [[f64; FINALS]]) {
    let mut drawn = Drawn::<LANES>::new(seed);
    for (i, finals) in finals.chunks_mut(LANES).enumerate() {
        let first = first + (i * LANES) as u32;
        let mut state = OPENING.map(|x| Block([x; LANES]));
        for step in 0..STEPS {
            drawn.draw(first, step);
            step_all(&mut state, setting, &drawn);
        }
        for (l, out) in finals.iter_mut().enumerate() {
            *out = std::array::from_fn(|i| state[i].0[l]);
        }
    }
}

#[inline(always)]
fn shared_body(seed: u64, settings: &[Setting; 8], first: u32, finals: &mut [[[f64; FINALS]; 8]]) {
    let mut drawn = Drawn::<SHARED_LANES>::new(seed);
    for (i, finals) in finals.chunks_mut(SHARED_LANES).enumerate() {
        let first = first + (i * SHARED_LANES) as u32;
        let mut states = [OPENING.map(|x| Block([x; SHARED_LANES])); 8];
        for step in 0..STEPS {
            drawn.draw(first, step);
            for (state, setting) in states.iter_mut().zip(*settings) {
                step_all(state, setting, &drawn);
            }
        }
        for (l, out) in finals.iter_mut().enumerate() {
            *out = std::array::from_fn(|s| std::array::from_fn(|i| states[s][i].0[l]));
        }
    }
}
