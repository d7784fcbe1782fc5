//! How near flowc comes to what can be written by hand where there are members: the Phase-1 market (`models/phase1.flow`) races the
//! same market as structures of arrays, in one process, in turns, on the same draws. `cargo bench --bench populations`
//!
//! What runs end with is compared first, to 1e-9. A share is the median over the rounds of a ratio within the round.

// A benchmark reads its command and the clock.
#![allow(clippy::disallowed_methods)]

use std::hint::black_box;
use std::time::Instant;

use flowc::builtins::draws::{self, Form};
use flowc::builtins::philox::{Place, Stream, key, name_hash};
use flowc::exec::{Case, Program};
use flowc::{MemLoader, Settings, ir};

/// What runs end with agrees to this share of the largest number of its kind.
const AGREEMENT: f64 = 1e-9;
const STEPS: u32 = 60;
const SEED: u64 = 7;

fn main() {
    let rounds = std::env::args().skip_while(|a| a != "--rounds").nth(1).and_then(|n| n.parse().ok()).unwrap_or(5);
    for (products, runs, wanted) in [(3, 20_000, None), (200, 200, Some(0.5)), (100_000, 1, Some(0.5))] {
        race(products, runs, rounds, wanted);
    }
}

fn race(products: u32, runs: u32, rounds: usize, wanted: Option<f64>) {
    let model = model(products);
    let program = Program::new(&model);
    let outcome = |run: u32| program.run(&Case { seed: SEED, run, ..Case::default() });
    let by_hand = Market::new();
    for run in [1, 2] {
        let (own, hand) = (outcome(run), by_hand.run(products, run));
        assert!(own.fault.is_none(), "{:?}", own.fault);
        for (own, hand) in own.metrics.iter().zip(hand) {
            assert!((own - hand).abs() <= AGREEMENT * hand.abs().max(1.0), "{own} and {hand} by hand, run {run}");
        }
    }
    let time = |turn: &dyn Fn(u32) -> f64| {
        let start = Instant::now();
        (1..=runs).for_each(|run| {
            black_box(turn(run));
        });
        start.elapsed().as_secs_f64()
    };
    let mut shares = Vec::new();
    let mut speed = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let hand = time(&|run| by_hand.run(products, run)[0]);
        let own = time(&|run| outcome(run).metrics[0]);
        shares.push(hand / own);
        let steps = f64::from(products) * f64::from(runs) * f64::from(STEPS) / 1e6;
        speed.0.push(steps / own);
        speed.1.push(steps / hand);
    }
    let verdict = wanted.map_or(String::new(), |w| {
        format!("  wanted {w:.2}{}", if median(&mut shares.clone()) < w { "  missed" } else { "" })
    });
    println!(
        "{products:>7} products x {runs:>6} runs: flowc {:>7.3}, by hand {:>7.3} million members and steps a second; share {:.2}{verdict}",
        median(&mut speed.0),
        median(&mut speed.1),
        median(&mut shares),
    );
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn model(products: u32) -> ir::Model {
    let text = include_str!("models/phase1.flow").replace("products = 200", &format!("products = {products}"));
    let checked = flowc::check("phase1.flow", text.as_bytes(), &MemLoader::default(), &Settings::default());
    checked.lower().expect("the model of the race is sound")
}

/// The market written by hand.
struct Market {
    binomial: &'static Form,
    uniform: &'static Form,
    normal: &'static Form,
    /// The keys of the draws.
    keys: Keys,
}

struct Keys {
    quality: u64,
    z: u64,
    pieces: u64,
    wanted: u64,
    ends: [u64; 4],
    faults: u64,
    justly: u64,
    unjustly: u64,
    retracted: u64,
    escalated: u64,
}

const ODDS: [f64; 4] = [0.9, 0.03, 0.02, 0.05];

impl Market {
    fn new() -> Self {
        let form = |name: &str| draws::find(name).next().expect("it is in the table");
        let of = |name: &str, labels: &[&str]| key(SEED, name_hash(&format!("Product.{name}"), labels));
        let ends = ["redeemed", "canceled", "revoked", "expired"].map(|label| of("ends", &[label]));
        let keys = Keys {
            quality: of("quality", &[]),
            z: of("z", &[]),
            pieces: of("pieces", &[]),
            wanted: of("wanted", &[]),
            ends,
            faults: of("faults", &[]),
            justly: of("justly", &[]),
            unjustly: of("unjustly", &[]),
            retracted: of("retracted", &[]),
            escalated: of("escalated", &[]),
        };
        Self { binomial: form("binomial"), uniform: form("uniform"), normal: form("normal"), keys }
    }

    /// One run: what is redeemed, what the protocol and buyers hold, and how popular all products are.
    fn run(&self, products: u32, run: u32) -> [f64; 4] {
        let n = products as usize;
        let keys = &self.keys;
        let born = |form: &Form, a: f64, b: f64, key: u64, i: usize| {
            form.sample(&[a, b, 0.0, 0.0], &mut Stream::new(key, Place { run, step: 0, member: i as u32 }))
        };
        let quality: Vec<f64> = (0..n).map(|i| born(self.uniform, 0.0, 1.0, keys.quality, i)).collect();
        let price: Vec<f64> = (0..n)
            .map(|i| flowc::builtins::exp(0.8 * born(self.normal, 0.0, 1.0, keys.z, i)) * 60.0)
            .map(|p| if p < 1000.0 { p } else { 1000.0 })
            .collect();
        let mut supply: Vec<f64> = (0..n).map(|i| born(self.uniform, 500.0, 5100.0, keys.pieces, i).floor()).collect();
        let faulty: Vec<f64> = (0..n).map(|i| 0.25 * 120.0 / (120.0 + price[i]) * (1.0 - quality[i])).collect();
        let mut earned = vec![0.0; n];
        let mut popularity = vec![1.0; n];
        let mut sold = vec![0.0; n];
        let (mut budget, mut protocol, mut redeemed_in_all) = (1e12, 0.0, 0.0);
        let demand = (30.0 * n as f64).floor();
        for step in 0..STEPS {
            let attraction: f64 = popularity.iter().zip(&quality).map(|(p, q)| p * q).sum();
            for i in 0..n {
                let at = Place { run, step, member: i as u32 };
                let binomial = |count: f64, p: f64, key: u64| {
                    self.binomial.sample(&[count, p, 0.0, 0.0], &mut Stream::new(key, at))
                };
                let wanted = binomial(demand, popularity[i] * quality[i] / attraction, keys.wanted);
                let buy = if supply[i] < wanted { supply[i] } else { wanted };
                supply[i] -= buy;
                let mut left = buy;
                let mut ends = [0.0; 4];
                for o in 0..3 {
                    let rest = ODDS[o..].iter().rev().skip(1).fold(ODDS[3], |sum, odds| odds + sum);
                    ends[o] = binomial(left, ODDS[o] / rest, keys.ends[o]);
                    left -= ends[o];
                }
                ends[3] = left;
                let faults = binomial(ends[0], faulty[i], keys.faults);
                let justly = binomial(faults, 0.7, keys.justly);
                let unjustly = binomial(ends[0] - faults, 0.02, keys.unjustly);
                let complaints = justly + unjustly;
                let retracted = binomial(complaints, 0.2, keys.retracted);
                let escalated = binomial(complaints - retracted, 0.3125, keys.escalated);
                let resolved = complaints - retracted - escalated;
                let completed = ends[0] - complaints + retracted;
                let given_up = ends[1] + ends[3];
                supply[i] += ends[1];
                redeemed_in_all += ends[0];
                let (price, pot) = (price[i], price[i] * 1.1);
                let fee = completed * price * 0.005;
                let decided = escalated * (pot + price * 0.1);
                protocol += fee;
                budget += ends[2] * pot + given_up * price * 0.95 + resolved * pot * 0.5 + decided * 0.6
                    - buy * price
                    - escalated * price * 0.1;
                earned[i] += (completed * pot - fee)
                    + (given_up * pot - given_up * price * 0.95)
                    + resolved * pot * 0.5
                    + decided * 0.4
                    - buy * price * 0.1;
                if buy != 0.0 {
                    let better = 1.0 + 0.02 * (ends[0] - complaints) / (1.0 + sold[i]);
                    let worse = (1.0 - 0.3 * complaints / buy) * (1.0 - 0.15 * faults / buy);
                    let next = popularity[i] * better * worse;
                    popularity[i] = if next > 0.01 { next } else { 0.01 };
                }
                sold[i] += buy;
            }
        }
        black_box(&earned);
        [redeemed_in_all, protocol, budget, popularity.iter().sum()]
    }
}
