//! A block of lanes at work: opens, goes step by step, and comes to its metrics.
//!
//! In: a [`Program`], the runs that its lanes hold, and what is drawn ([`Deck`]). Out: metrics, and which lanes must be run alone.
//! Invariant: a lane that a check has stopped is never taken for one that is fine. Absent on purpose: what becomes of those lanes.

use super::code::{Code, File, Place};
use super::graph::{Call, apply};
use super::kernel::{Files, Plan, Ripe, Set, run};
use super::program::{Base, Program};
use crate::builtins::philox::{self, Place as Where, Stream};
use crate::builtins::{Item, lanes};

/// What is drawn in bulk for the runs of a block, in some steps: the same for all points and arms.
pub(crate) struct Deck {
    /// The number of each lane's run.
    pub runs: Vec<u32>,
    first: u64,
    data: Vec<f64>,
    keys: Vec<u64>,
    sample_keys: Vec<u64>,
}

impl Deck {
    /// An empty deck for these runs.
    pub(crate) fn new(program: &Program, seed: u64, runs: Vec<u32>) -> Self {
        let key = |draw: &crate::ir::Draw| philox::key(seed, draw.hash);
        let keys = program.streams.iter().map(|(d, _)| key(&program.model.draws[*d as usize])).collect();
        Self { runs, first: 0, data: Vec::new(), keys, sample_keys: program.model.draws.iter().map(key).collect() }
    }

    /// Draws for the steps from `first` on, so many.
    pub(crate) fn deal(&mut self, fitted: &Fitted, first: u64, steps: u64) {
        let (program, set) = (fitted.program, fitted.set);
        let (lanes, streams) = (self.runs.len(), program.streams.len());
        self.first = first;
        self.data.resize(steps as usize * streams * lanes, 0.0);
        for k in first..first + steps {
            let held = &program.steps[program.kinds[k as usize] as usize].kind.held;
            for (i, (draw, base)) in program.streams.iter().enumerate() {
                if held.contains(draw) {
                    continue;
                }
                let at = ((k - first) as usize * streams + i) * lanes;
                let to = &mut self.data[at..at + lanes];
                fill(set, self.keys[i], &self.runs, k as u32, *base, to);
            }
        }
    }

    fn at(&self, k: u64, streams: usize) -> &[f64] {
        let size = streams * self.runs.len();
        let at = (k - self.first) as usize * size;
        &self.data[at..at + size]
    }
}

#[inline(always)]
fn numbers(key: u64, runs: &[u32], step: u32, base: Base, to: &mut [f64]) {
    if base == Base::Uniform {
        return lanes::uniforms(key, step, runs, to);
    }
    let mut uniforms = [0.5; 128];
    for (to, runs) in to.chunks_mut(uniforms.len()).zip(runs.chunks(uniforms.len())) {
        let uniforms = &mut uniforms[..runs.len()];
        lanes::uniforms(key, step, runs, uniforms);
        lanes::normal_quantiles(uniforms, to);
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi2")]
fn numbers_avx2(key: u64, runs: &[u32], step: u32, base: Base, to: &mut [f64]) {
    numbers(key, runs, step, base, to);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,bmi2")]
fn numbers_avx512(key: u64, runs: &[u32], step: u32, base: Base, to: &mut [f64]) {
    numbers(key, runs, step, base, to);
}

fn fill(set: Set, key: u64, runs: &[u32], step: u32, base: Base, to: &mut [f64]) {
    match set {
        Set::Plain => numbers(key, runs, step, base, to),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Set::all` says which sets there are, and only those are asked for.
        Set::Avx2 => unsafe { numbers_avx2(key, runs, step, base, to) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Set::Avx512 => unsafe { numbers_avx512(key, runs, step, base, to) },
        #[cfg(not(target_arch = "x86_64"))]
        _ => numbers(key, runs, step, base, to),
    }
}

/// A program for blocks of so many lanes, on an instruction set.
pub(crate) struct Fitted<'p> {
    pub program: &'p Program<'p>,
    set: Set,
    plan: Plan,
    once: Ripe,
    open: Ripe,
    finish: Ripe,
    steps: Vec<(Ripe, Ripe)>,
}

impl<'p> Fitted<'p> {
    /// Lanes: one, or a multiple of a group.
    pub(crate) fn new(program: &'p Program<'p>, set: Set, lanes: usize) -> Self {
        let plan = Plan::new(&program.sizes, lanes);
        let ripe = |code: &Code| Ripe::new(code, set, &plan);
        Self {
            once: ripe(&program.once),
            open: ripe(&program.open),
            finish: ripe(&program.finish),
            steps: program.steps.iter().map(|s| (ripe(&s.fast), ripe(&s.careful))).collect(),
            program,
            set,
            plan,
        }
    }

    /// How many lanes a block has.
    pub(crate) fn lanes(&self) -> usize {
        self.plan.lanes
    }
}

/// After a step that wanted care so many are done carefully, that one included.
const WARY: u32 = 2;

/// A block of lanes.
pub(crate) struct Block {
    files: Files,
    /// 1 where a lane is at work, 0 where it must be run alone or holds nothing.
    pub alive: Vec<f64>,
    /// So many steps are done carefully from the outset.
    wary: u32,
    values: Vec<f64>,
    items: Vec<Item>,
}

impl Block {
    pub(crate) fn new(fitted: &Fitted) -> Self {
        let mut files = Files::new(fitted.plan);
        for (row, value) in &fitted.program.constants {
            files.put_row(*row, *value);
        }
        Self { files, alive: vec![1.0; fitted.plan.lanes], wary: 0, values: Vec::new(), items: Vec::new() }
    }

    /// Opens: `inputs` and `luck` of each lane. Lanes from `used` on hold nothing.
    pub(crate) fn open(
        &mut self,
        fitted: &Fitted,
        deck: &Deck,
        used: usize,
        inputs: impl Fn(usize, usize) -> f64,
        luck: impl Fn(usize, usize) -> f64,
    ) {
        let program = fitted.program;
        self.files.turned = false;
        self.wary = 0;
        for (i, place) in &program.inputs {
            for lane in 0..fitted.plan.lanes {
                self.files.put(*place, lane, inputs(lane, *i));
            }
        }
        for (i, place) in &program.luck {
            for lane in 0..fitted.plan.lanes {
                self.files.put(*place, lane, luck(lane, *i));
            }
        }
        self.files.all_fine();
        self.code(program, deck, 0, &program.once, &fitted.once, false);
        self.code(program, deck, 0, &program.open, &fitted.open, false);
        for (lane, (alive, fine)) in self.alive.iter_mut().zip(self.files.fine()).enumerate() {
            // A run that some series has no column for is told of alone.
            let whole = lane < used && program.model.without_column(deck.runs[lane]).is_none();
            *alive = if whole { *fine } else { 0.0 };
        }
    }

    /// Does steps, as far as the deck goes. `watch` sees the block behind each step whose row is kept, before it lands.
    pub(crate) fn steps(
        &mut self,
        fitted: &Fitted,
        deck: &Deck,
        steps: std::ops::Range<u64>,
        watch: &mut dyn FnMut(&mut Self, u64, &[Place]),
    ) {
        let program = fitted.program;
        let streams = program.streams.len();
        for k in steps {
            let kind = program.kinds[k as usize] as usize;
            let (code, ripe) = (&program.steps[kind], &fitted.steps[kind]);
            if streams > 0 {
                self.files.fill(File::Drawn, deck.at(k, streams));
            }
            self.files.all_fine();
            // Where one step wanted care, the next is likely to.
            let hopes = self.wary == 0;
            let mut done = if hopes { (&code.fast, &ripe.0) } else { (&code.careful, &ripe.1) };
            program.each_row(k, hopes, |row, value| self.files.put_row(row, value));
            self.code(program, deck, k, done.0, done.1, false);
            if hopes && self.stopped() {
                self.wary = WARY;
                self.files.all_fine();
                done = (&code.careful, &ripe.1);
                program.each_row(k, false, |row, value| self.files.put_row(row, value));
                self.code(program, deck, k, done.0, done.1, false);
            }
            if self.wary > 0 {
                self.wary -= 1;
                for (alive, fine) in self.alive.iter_mut().zip(self.files.fine()) {
                    *alive *= fine;
                }
            }
            if code.kind.kept {
                watch(self, k, &done.0.columns);
            }
            self.code(program, deck, k, done.0, done.1, true);
            self.files.turned = !self.files.turned;
        }
    }

    /// What comes behind the last step: a metric, goal or what it looks at, of each lane.
    pub(crate) fn finish<'p>(&mut self, fitted: &Fitted<'p>, deck: &Deck) -> &'p [Place] {
        let program = fitted.program;
        self.files.all_fine();
        self.code(program, deck, program.model.clock.steps, &program.finish, &fitted.finish, false);
        for (alive, fine) in self.alive.iter_mut().zip(self.files.fine()) {
            *alive *= fine;
        }
        &program.finish.columns
    }

    /// One lane of a register.
    pub(crate) fn value(&self, place: Place, lane: usize) -> f64 {
        self.files.at(place, lane)
    }

    /// The lanes of a register; of what is the same in all of them, some.
    pub(crate) fn lanes(&self, place: Place) -> &[f64] {
        self.files.lanes(place)
    }

    /// Whether a lane that is at work is not fine.
    fn stopped(&self) -> bool {
        // Group by group, so that it is done by vectors.
        let groups = self.alive.chunks(16).zip(self.files.fine().chunks(16));
        groups.fold(false, |stopped, (alive, fine)| {
            stopped | alive.iter().zip(fine).fold(false, |stopped, (alive, fine)| stopped | (alive > fine))
        })
    }

    fn code(&mut self, program: &Program, deck: &Deck, k: u64, code: &Code, ripe: &Ripe, late: bool) {
        let (values, items) = (&mut self.values, &mut self.items);
        let model = program.model;
        let mut call = |files: &mut Files, number: u32, to: Place| {
            let (call, args) = &code.calls[number as usize];
            let at = model.clock.stage(k, u64::from(call.halves()));
            for lane in 0..files.plan.lanes {
                values.clear();
                values.extend(args.iter().map(|p| files.at(*p, lane)));
                let value = match call {
                    Call::Sample(draw) => {
                        let how = &model.draws[*draw as usize].how;
                        if how.wrong(values).is_some() {
                            f64::NAN
                        } else {
                            let place = Where { run: deck.runs[lane], step: k as u32, member: 0 };
                            let mut stream = Stream::new(deck.sample_keys[*draw as usize], place);
                            how.sample(&model.samples, values, &mut stream)
                        }
                    }
                    Call::OfRun(series, _) => model.series_of(*series, deck.runs[lane]).at(at),
                    call => apply(model, *call, values, at, items),
                };
                files.put(to, lane, value);
            }
        };
        run(ripe, late, &mut self.files, &mut call);
    }
}
