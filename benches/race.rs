//! How near flowc comes to what the machine can do: three models in `.flow` (`models/`) race the same models written by hand as
//! vector loops (`limit/`), in one process, in turns, on the same draws. `cargo bench --bench race`
//!
//! What runs end with is compared first, to 1e-9. Then each round runs every contestant once, and a share is the median over the rounds
//! of a ratio within the round, so that what else the machine does cancels out. With `-- --check` a share below its threshold
//! fails; with `-- ladder`, `market`, `shared`, `waves`, `single` only those race, and `-- --rounds 25` says how often.

// A benchmark reads its command and the clock.
#![allow(clippy::disallowed_methods)]

mod limit;

use std::cell::RefCell;
use std::hint::black_box;
use std::time::Instant;

use flowc::exec::many::{Batch, Layout, Point, run_many};
use flowc::session::{Experiment, Source, ready};
use flowc::study::plan;
use flowc::{MemLoader, Settings, ir};
use limit::{Isa, in_threads, ladder, market, waves};

/// What runs end with agrees to this share of the largest number of its kind.
const AGREEMENT: f64 = 1e-9;
/// A contestant runs as often as fills this many seconds.
const TURN: f64 = 0.05;

fn main() {
    let call = Call::read();
    let isas = Isa::available();
    let names: Vec<&str> = isas.iter().map(|isa| isa.name()).collect();
    println!("instruction sets: {}; million run·steps a second; medians of {} rounds", names.join(", "), call.rounds);
    let mut claims = Vec::new();
    if call.wants("ladder") {
        claims.extend(race_ladder(&call, &isas));
    }
    if call.wants("market") {
        claims.extend(race_market(&call, &isas));
    }
    if call.wants("shared") {
        claims.extend(race_shared(&call, &isas));
    }
    if call.wants("waves") {
        claims.extend(race_waves(&call, &isas));
    }
    if call.wants("single") {
        claims.extend(race_single(&call));
    }
    println!("\n{:<52} {:>7} {:>7}", "", "is", "wanted");
    for claim in &claims {
        let sign = if claim.low { ">=" } else { "<=" };
        let missed = if claim.holds() { "" } else { "  missed" };
        println!("{:<52} {:>7.3} {sign} {:.2}{missed}", claim.what, claim.is, claim.wanted);
    }
    if call.check && !claims.iter().all(Claim::holds) {
        std::process::exit(1);
    }
}

/// What the command says.
struct Call {
    check: bool,
    rounds: usize,
    only: Vec<String>,
}

impl Call {
    fn read() -> Call {
        let mut call = Call { check: false, rounds: 9, only: Vec::new() };
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--check" => call.check = true,
                "--rounds" => call.rounds = args.next().and_then(|n| n.parse().ok()).expect("--rounds wants a number"),
                // What cargo adds.
                "--bench" => {}
                _ => call.only.push(arg),
            }
        }
        call
    }

    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }
}

/// A share that is wanted to be at least so large, or, if not `low`, at most.
struct Claim {
    what: String,
    is: f64,
    wanted: f64,
    low: bool,
}

impl Claim {
    fn holds(&self) -> bool {
        if self.low { self.is >= self.wanted } else { self.is <= self.wanted }
    }
}

/// One contestant: its name, and what it does in a turn.
struct Contestant<'a> {
    name: String,
    turn: Box<dyn FnMut() + 'a>,
}

fn contestant<'a>(name: impl Into<String>, turn: impl FnMut() + 'a) -> Contestant<'a> {
    Contestant { name: name.into(), turn: Box::new(turn) }
}

/// The seconds of each contestant in each round.
struct Times(Vec<(String, Vec<f64>)>);

impl Times {
    fn of(&self, name: &str) -> &[f64] {
        &self.0.iter().find(|(n, _)| n == name).unwrap_or_else(|| panic!("{name} did not race")).1
    }

    /// How fast one is beside another: the median over the rounds.
    fn share(&self, name: &str, of: &str) -> f64 {
        median(self.of(of).iter().zip(self.of(name)).map(|(of, own)| of / own).collect())
    }

    /// The fastest of those that are written by hand and run in one thread.
    fn best_hand(&self) -> &str {
        let hand = self.0.iter().filter(|(name, _)| name.starts_with("by hand, ") && !name.ends_with("threads"));
        let best = hand.min_by(|a, b| median(a.1.clone()).total_cmp(&median(b.1.clone())));
        best.map_or("", |(name, _)| name)
    }
}

/// Races: the first round is not counted, it only says how often a turn has to run.
fn race(call: &Call, title: &str, run_steps: f64, mut contestants: Vec<Contestant>) -> Times {
    let timed = |contestant: &mut Contestant, times: usize| {
        let start = Instant::now();
        (0..times).for_each(|_| (contestant.turn)());
        start.elapsed().as_secs_f64() / times as f64
    };
    let often: Vec<usize> =
        contestants.iter_mut().map(|c| ((TURN / timed(c, 1)).ceil() as usize).clamp(1, 1_000)).collect();
    let mut seconds = vec![Vec::new(); contestants.len()];
    for _ in 0..call.rounds {
        for (i, c) in contestants.iter_mut().enumerate() {
            seconds[i].push(timed(c, often[i]));
        }
    }
    let times = Times(contestants.into_iter().map(|c| c.name).zip(seconds).collect());
    println!("\n{title}");
    let best = times.best_hand().to_string();
    for (name, seconds) in &times.0 {
        let rate = run_steps / median(seconds.clone()) / 1e6;
        println!("  {name:<50} {rate:>8.2}  {:>6.3}", if best.is_empty() { 1.0 } else { times.share(name, &best) });
    }
    times
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { 0.5 * (values[middle - 1] + values[middle]) }
}

/// A model of flowc's, with the points of its experiment `race`.
struct Subject {
    model: ir::Model,
    points: Vec<Vec<f64>>,
    runs: u32,
    seed: u64,
}

impl Subject {
    fn new(path: &str, text: &str) -> Subject {
        let experiment = Experiment { name: Some("race".into()), ..Experiment::default() };
        let settings = Settings { experiment: Some(experiment), ..Settings::default() };
        let source = Source { path, text: text.as_bytes(), loader: &MemLoader::default() };
        let checked = flowc::check(path, source.text, source.loader, &settings);
        assert!(checked.is_sound(), "{:?}", checked.diagnostics);
        let plan = plan(&checked.model, &checked.facts).expect("the experiment has a plan");
        let ready = ready(&source, &settings, &plan, 0).expect("sound");
        let points = (0..plan.points.len()).map(|point| plan.inputs_of(point)).collect();
        Subject { model: ready.model, points, runs: plan.runs, seed: plan.seed }
    }

    /// The two inputs of each point.
    fn pairs(&self) -> Vec<[f64; 2]> {
        self.points.iter().map(|point| [point[0], point[1]]).collect()
    }

    /// Run·steps of the whole experiment.
    fn work(&self) -> f64 {
        self.points.len() as f64 * f64::from(self.runs) * self.model.clock.steps as f64
    }

    /// What comes of some of the points.
    fn run(&self, points: &[Vec<f64>], stats: bool, threads: usize) -> Vec<Point> {
        let Subject { model, runs, seed, .. } = self;
        let (runs, seed, layout) = (*runs, *seed, Layout::default());
        let batch = Batch { model, points, seed, runs, repeats: 1, luck: &[], stats, threads, layout };
        run_many(&batch, &|_| true)
    }
}

/// Compares what runs end with, each with so many numbers.
fn agree(what: &str, hand: &[f64], flowc: &[Point], numbers: usize) {
    let failed = flowc.iter().find_map(|point| point.failed.first());
    assert!(failed.is_none(), "{what}: {failed:?}");
    let flowc: Vec<f64> = flowc.iter().flat_map(|point| &point.metrics).copied().collect();
    assert_eq!(hand.len(), flowc.len(), "{what}: as many numbers");
    for i in 0..numbers {
        let column = |all: &[f64]| all.iter().skip(i).step_by(numbers).copied().collect::<Vec<_>>();
        let (a, b) = (column(hand), column(&flowc));
        let scale = a.iter().fold(0.0, |s: f64, x| s.max(x.abs()));
        for (run, (x, y)) in a.iter().zip(&b).enumerate() {
            let apart = (x - y).abs();
            assert!(apart <= AGREEMENT * scale, "{what}: number {i} of run {run} is {x} by hand, and {y} by flowc");
        }
    }
}

const FLOWC: &str = "flowc";
const WITH_STATS: &str = "flowc, with statistics of every row";
const TWO_THREADS: &str = "flowc, 2 threads";

/// Races hands, each an instruction set and so many threads, with flowc, which may be asked for statistics (of points with one
/// run each they would say nothing) and threads.
fn race_hands<'a>(
    call: &Call,
    title: &str,
    run_steps: f64,
    isas: &[Isa],
    hand: &'a dyn Fn(Isa, usize),
    flow: &'a dyn Fn(bool, usize),
    stats: bool,
) -> Times {
    let mut all = Vec::new();
    for isa in isas {
        all.push(contestant(format!("by hand, {}", isa.name()), move || hand(*isa, 1)));
    }
    let last = *isas.last().expect("there is one at least");
    all.push(contestant(format!("by hand, {}, 2 threads", last.name()), move || hand(last, 2)));
    all.push(contestant(FLOWC, || flow(false, 1)));
    if stats {
        all.push(contestant(WITH_STATS, || flow(true, 1)));
    }
    all.push(contestant(TWO_THREADS, || flow(false, 2)));
    race(call, title, run_steps, all)
}

fn race_ladder(call: &Call, isas: &[Isa]) -> Vec<Claim> {
    let subject = Subject::new("ladder.flow", include_str!("models/ladder.flow"));
    let points = subject.pairs();
    let finals = RefCell::new(vec![[0.0; ladder::FINALS]; points.len()]);
    let hand = |isa: Isa, threads: usize| {
        in_threads(threads, &mut finals.borrow_mut(), ladder::LANES, |first, finals| {
            ladder::run(isa, &points[first..first + finals.len()], finals);
        });
    };
    let flow = |stats, threads| drop(black_box(subject.run(&subject.points, stats, threads)));
    for isa in isas {
        hand(*isa, 1);
        agree("W1", finals.borrow().as_flattened(), &subject.run(&subject.points, false, 1), ladder::FINALS);
    }
    let title = format!("W1, a ladder of releases: 12 stocks, {} points, 60 steps", points.len());
    let times = race_hands(call, &title, subject.work(), isas, &hand, &flow, false);
    vec![at_least("W1", &times, 0.28)]
}

fn race_market(call: &Call, isas: &[Isa]) -> Vec<Claim> {
    let subject = Subject::new("market.flow", include_str!("models/market.flow"));
    let (settings, seed) = (subject.pairs(), subject.seed);
    let finals = RefCell::new(vec![[0.0; market::FINALS]; subject.runs as usize]);
    let one = |isa: Isa, threads: usize, setting: [f64; 2]| {
        in_threads(threads, &mut finals.borrow_mut(), market::LANES, |first, finals| {
            market::run(isa, seed, setting, first as u32 + 1, finals);
        });
    };
    let hand = |isa, threads| settings.iter().for_each(|s| one(isa, threads, *s));
    // Each setting is an experiment of its own, so that no draw serves two.
    let flow = |stats, threads| {
        subject.points.chunks(1).for_each(|point| drop(black_box(subject.run(point, stats, threads))));
    };
    for isa in isas {
        for (setting, point) in settings.iter().zip(subject.points.chunks(1)) {
            one(*isa, 1, *setting);
            agree("W2", finals.borrow().as_flattened(), &subject.run(point, false, 1), market::FINALS);
        }
    }
    let title = format!("W2, a market with chance: 8 stocks and states, 8 settings of {} runs, 60 steps", subject.runs);
    let times = race_hands(call, &title, subject.work(), isas, &hand, &flow, true);
    let added = times.share(FLOWC, WITH_STATS) - 1.0;
    let stats = Claim { what: "W2, what statistics add to the time".into(), is: added, wanted: 0.15, low: false };
    vec![at_least("W2", &times, 0.70), stats]
}

fn race_shared(call: &Call, isas: &[Isa]) -> Vec<Claim> {
    let subject = Subject::new("market.flow", include_str!("models/market.flow"));
    let (settings, seed) = (subject.pairs(), subject.seed);
    let settings: &[_; 8] = settings.first_chunk().expect("eight settings");
    let finals = RefCell::new(vec![[[0.0; market::FINALS]; 8]; subject.runs as usize]);
    let hand = |isa: Isa, threads: usize| {
        in_threads(threads, &mut finals.borrow_mut(), market::LANES, |first, finals| {
            market::run_shared(isa, seed, settings, first as u32 + 1, finals);
        });
    };
    let flow = |stats, threads| drop(black_box(subject.run(&subject.points, stats, threads)));
    for isa in isas {
        hand(*isa, 1);
        for (i, point) in subject.run(&subject.points, false, 1).chunks(1).enumerate() {
            let own: Vec<[f64; market::FINALS]> = finals.borrow().iter().map(|run| run[i]).collect();
            agree("W2, shared draws", own.as_flattened(), point, market::FINALS);
        }
    }
    let title =
        format!("W2, as one sweep whose settings share what is drawn: 8 points of {} runs, 60 steps", subject.runs);
    let times = race_hands(call, &title, subject.work(), isas, &hand, &flow, true);
    vec![at_least("W2, shared draws", &times, 0.50)]
}

fn race_waves(call: &Call, isas: &[Isa]) -> Vec<Claim> {
    let subject = Subject::new("waves.flow", include_str!("models/waves.flow"));
    let points = subject.pairs();
    let finals = RefCell::new(vec![[0.0; waves::FINALS]; points.len()]);
    let hand = |isa: Isa, threads: usize| {
        in_threads(threads, &mut finals.borrow_mut(), waves::LANES, |first, finals| {
            waves::run(isa, &points[first..first + finals.len()], finals);
        });
    };
    let flow = |stats, threads| drop(black_box(subject.run(&subject.points, stats, threads)));
    for isa in isas {
        hand(*isa, 1);
        agree("W3", finals.borrow().as_flattened(), &subject.run(&subject.points, false, 1), waves::FINALS);
    }
    let title = format!("W3, two waves by Runge and Kutta: 5 stocks, {} points, 10,000 steps", points.len());
    let times = race_hands(call, &title, subject.work(), isas, &hand, &flow, false);
    vec![at_least("W3, 1,024 points", &times, 0.42)]
}

fn race_single(call: &Call) -> Vec<Claim> {
    let subject = Subject::new("waves.flow", include_str!("models/waves.flow"));
    let (point, [contacts, growth]) = (&subject.points[..1], subject.pairs()[0]);
    agree("W3, one run", &waves::run_one(contacts, growth), &subject.run(point, false, 1), waves::FINALS);
    let hand = || _ = black_box(waves::run_one(black_box(contacts), black_box(growth)));
    let flow = || drop(black_box(subject.run(point, false, 1)));
    let all = vec![contestant("by hand, plain Rust", hand), contestant(FLOWC, flow)];
    let times = race(call, "W3, one run of it", subject.model.clock.steps as f64, all);
    vec![at_least("W3, one run", &times, 0.15)]
}

fn at_least(what: &str, times: &Times, wanted: f64) -> Claim {
    let hand = times.best_hand();
    let what = format!("{what}, share of what is written {hand}");
    Claim { what, is: times.share(FLOWC, hand), wanted, low: true }
}
