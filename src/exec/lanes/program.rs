//! A model compiled for lanes: the code of each kind of step, what is worked out once a run, and what comes behind the last step.
//!
//! In: [`ir::Model`]. Out: [`Program`], or nothing where a model has what lanes do not do side by side. Invariant: all places of
//! all code lie within the files. Absent on purpose: which lanes hold which runs (see `block`).

use std::sync::OnceLock;

use rustc_hash::FxHashMap as HashMap;

use super::code::{Code, Coder, File, Home, Place, Sizes, Wanted};
use super::graph::{Graph, Leaf, Node, STEP, V, apply};
use super::kernel::fits;
use super::step::{Builder, Check, Kind, Step};
use crate::ir::Model;

/// A model of more expressions than this, or of which steps come to more values, is run one run at a time.
const LARGE: usize = 100_000;
const VALUES: usize = 1_000_000;
/// More kinds of steps than this are not compiled one by one.
const KINDS: usize = 400;
/// Rows of all steps are worked out ahead while there are no more numbers than this.
const TABLE: usize = 2_000_000;

/// What is drawn in bulk for a draw: it hangs on the run and the step alone, so that all points and arms share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    /// A uniform number.
    Uniform,
    /// A standard normal one.
    Normal,
}

/// The code of a kind of step.
pub(super) struct Steps {
    pub kind: Kind,
    pub fast: Code,
    /// The same with shortages trimmed: for a step in which some lane is not fine.
    pub careful: Code,
}

/// A model compiled for lanes.
pub struct Program<'m> {
    pub(super) model: &'m Model,
    pub(super) sizes: Sizes,
    pub(super) once: Code,
    /// Moves that open states, behind the code above, and what must hold then.
    pub(super) open: Code,
    pub(super) inputs: Vec<(usize, Place)>,
    pub(super) luck: Vec<(usize, Place)>,
    pub(super) steps: Vec<Steps>,
    /// Which of them each step is.
    pub(super) kinds: Vec<u16>,
    pub(super) finish: Code,
    /// Rows that are the same in all steps.
    pub(super) constants: Vec<(usize, f64)>,
    /// The values of each step's rows.
    table: Option<Vec<Vec<f64>>>,
    /// The same for steps that are done carefully, once one is.
    careful: OnceLock<Vec<Vec<f64>>>,
    pub(super) streams: Vec<(u32, Base)>,
    /// Nodes of rows, for steps that are not in the table.
    nodes: Rows,
}

/// How rows are worked out.
struct Rows {
    nodes: Vec<(Node, Vec<V>)>,
    calls: Vec<super::graph::Call>,
    row_of: HashMap<V, usize>,
}

/// The steps of a model as graphs.
struct Built<'m> {
    builder: Builder<'m>,
    opened: Step,
    kinds: Vec<u16>,
    /// Each kind, how many steps are of it, and what comes of one, hopefully and carefully.
    steps: Vec<(Kind, u64, Step, Step)>,
    finish: Step,
}

impl<'m> Built<'m> {
    fn new(model: &'m Model, columns: bool, unsigned: &[bool]) -> Option<Self> {
        let (mut builder, opened) = Builder::new(model, unsigned).ok()?;
        let (mut kinds, mut known, mut all) = (Vec::new(), HashMap::default(), Vec::<(Kind, u64)>::new());
        for k in 0..=model.clock.steps {
            // Most steps are of the kind of the one before.
            if let Some(before) = kinds.last().copied().filter(|_| builder.repeats(k, columns)) {
                all[usize::from(before)].1 += 1;
                kinds.push(before);
                continue;
            }
            let mut kind = builder.kind(k).ok()?;
            kind.kept &= columns;
            let next = all.len();
            let number = *known.entry(kind.clone()).or_insert(next);
            if number == next {
                all.push((kind, 0));
                if all.len() > KINDS {
                    return None;
                }
            }
            all[number].1 += 1;
            kinds.push(number as u16);
        }
        let mut steps = Vec::new();
        for (kind, times) in all {
            let fast = builder.step(&kind, false).ok()?;
            let careful = builder.step(&kind, true).ok()?;
            if builder.g.len() > VALUES {
                return None;
            }
            steps.push((kind, times, fast, careful));
        }
        let finish = builder.finish();
        Some(Self { builder, opened, kinds, steps, finish })
    }

    /// Whether a state opens at 0 or above, and stays there if it is there.
    fn keeps_above_0(&self, state: usize) -> bool {
        let above = |step: &Step| self.builder.g.is_nonnegative(step.states[state]);
        above(&self.opened) && self.steps.iter().all(|(_, _, fast, careful)| above(fast) && above(careful))
    }
}

impl<'m> Program<'m> {
    /// Compiles a model; nothing if it has what lanes do not do side by side. With `columns` the values of rows are kept, too.
    pub fn new(model: &'m Model, columns: bool) -> Option<Self> {
        // What lives is run alone, all members at once.
        if !model.populations.is_empty() {
            return None;
        }
        if model.exprs.len() > LARGE || model.substeps {
            return None;
        }
        // States are taken not to fall below 0 as long as nothing says that they may.
        let mut unsigned = vec![true; model.states.len()];
        let Built { builder, mut opened, kinds, steps: built, finish } = loop {
            let built = Built::new(model, columns, &unsigned)?;
            let before = unsigned.clone();
            for ((cell, _), unsigned) in model.states.iter().zip(&mut unsigned) {
                *unsigned &= built.keeps_above_0(cell.0 as usize);
            }
            if unsigned == before {
                break built;
            }
        };
        let g = &builder.g;

        let homes = homes(g, &built, &finish, builder.layout.len, model.clock.steps);
        let mut coder = Coder::new(homes);
        let changes = |step: &Step| -> Vec<(usize, V)> {
            let changed = |(s, v): (usize, &V)| match g.nodes[*v as usize] {
                Node::Leaf(Leaf::State(same)) if same as usize == s => None,
                _ => Some((s, *v)),
            };
            step.states.iter().enumerate().filter_map(changed).collect()
        };
        let mut steps = Vec::new();
        for (kind, _, fast, careful) in &built {
            let mut code = |step: &Step| {
                let mut states = changes(step);
                states.retain(|(s, _)| coder.states[*s] != Home::Nowhere);
                coder.code(g, &Wanted { checks: &step.checks, states: &states, columns: &step.columns, hand_on: true })
            };
            let (fast, careful) = (code(fast), code(careful));
            steps.push(Steps { kind: kind.clone(), fast, careful });
        }
        let wanted = Wanted { checks: &finish.checks, states: &[], columns: &finish.columns, hand_on: false };
        let finish = coder.code(g, &wanted);
        // States open with what is constant or worked out once.
        let mut open = Code::default();
        for (state, v) in std::mem::take(&mut opened.states).into_iter().enumerate() {
            let to = match coder.states[state] {
                Home::Nowhere => continue,
                Home::Moving(n) => Place::new(File::Before, n),
                Home::Still(n) => Place::new(File::Still, n),
            };
            let a = coder.once(g, v);
            open.main.push(super::code::move_inst(to, a));
        }
        for check in &opened.checks {
            let a = coder.once(g, check.value());
            open.main.push(super::code::check_inst(*check, a));
        }
        let leaf = |v: &V| match g.nodes[*v as usize] {
            Node::Leaf(leaf) => Some(leaf),
            _ => None,
        };
        let mut once: Vec<(&V, &usize)> = coder.once.iter().collect();
        once.sort_unstable();
        let (mut inputs, mut luck) = (Vec::new(), Vec::new());
        for (v, n) in once {
            match leaf(v) {
                Some(Leaf::Input(i)) => inputs.push((i as usize, Place::new(File::Once, *n))),
                Some(Leaf::Luck(i)) => luck.push((i as usize, Place::new(File::Once, *n))),
                _ => {}
            }
        }
        let mut rows: Vec<(V, usize)> = coder.rows.iter().map(|(v, r)| (*v, *r)).collect();
        rows.sort_unstable();
        let constants = rows.iter().filter_map(|(v, r)| Some((*r, g.value(*v)?))).collect();
        let nodes = Rows::new(g, &rows);
        let mut sizes = coder.sizes;
        sizes.0[File::Drawn as usize] = g.streams.len();
        let mut program = Self {
            model,
            sizes,
            once: coder.once_code,
            open,
            inputs,
            luck,
            steps,
            kinds,
            finish,
            constants,
            table: None,
            careful: OnceLock::new(),
            streams: g.streams.clone(),
            nodes,
        };
        if !program.is_right() {
            return None;
        }
        program.table = program.table();
        Some(program)
    }

    /// How many numbers are drawn in bulk in a step.
    pub(crate) fn streams(&self) -> usize {
        self.streams.len()
    }

    /// Whether all places lie within the files.
    fn is_right(&self) -> bool {
        let codes = self.steps.iter().flat_map(|s| [&s.fast, &s.careful]).chain([&self.once, &self.open, &self.finish]);
        let inside = |code: &Code| {
            let insts = code.main.iter().chain(&code.late).all(|inst| fits(&self.sizes, inst));
            let has = |p: &Place| p.number() < self.sizes.0[p.file()];
            insts && code.columns.iter().all(has) && code.calls.iter().flat_map(|c| &c.1).all(has)
        };
        let mut codes = codes;
        codes.all(inside)
    }

    fn table(&self) -> Option<Vec<Vec<f64>>> {
        let kind = |k: &u16| &self.steps[usize::from(*k)];
        let numbers: usize = self.kinds.iter().map(|k| kind(k).careful.rows.len()).sum();
        (numbers <= TABLE).then(|| self.kinds.iter().zip(0..).map(|(of, k)| self.rows(k, &kind(of).fast)).collect())
    }

    /// The values of a step's rows, hopefully or carefully, given to `put`.
    pub(super) fn each_row(&self, k: u64, hopes: bool, mut put: impl FnMut(usize, f64)) {
        let kind = |k: &u16| &self.steps[usize::from(*k)];
        let code = kind(&self.kinds[k as usize]);
        let code = if hopes { &code.fast } else { &code.careful };
        let all = || self.kinds.iter().zip(0..).map(|(of, k)| self.rows(k, &kind(of).careful)).collect();
        let values = match &self.table {
            None => &self.rows(k, code),
            Some(table) if hopes => &table[k as usize],
            Some(_) => &self.careful.get_or_init(all)[k as usize],
        };
        for ((_, row, _), value) in code.rows.iter().filter(|r| r.2).zip(values) {
            put(*row, *value);
        }
    }

    /// The values of a step's rows that this code reads.
    fn rows(&self, k: u64, code: &Code) -> Vec<f64> {
        let clock = &self.model.clock;
        let rows = &code.rows;
        if rows.is_empty() {
            return Vec::new();
        }
        let mut values: HashMap<V, f64> = HashMap::default();
        let mut scratch = Vec::new();
        let mut out = Vec::with_capacity(rows.len());
        for (v, row, is_read) in rows {
            let (node, args) = &self.nodes.nodes[*row];
            let value_of = |v: &V| match self.nodes.row_of.get(v).map(|r| &self.nodes.nodes[*r].0) {
                Some(Node::Constant(value)) => *value,
                _ => values.get(v).copied().unwrap_or(f64::NAN),
            };
            let args: Vec<f64> = args.iter().map(value_of).collect();
            let at = |i: usize| args.get(i).copied().unwrap_or(0.0);
            let value = match node {
                Node::Constant(value) => *value,
                Node::Leaf(Leaf::Time(halves)) => clock.stage(k, u64::from(*halves)).time,
                Node::Leaf(_) => k as f64,
                Node::Do(op, _) => op.of([at(0), at(1), at(2)]),
                Node::Call(n) => {
                    let call = self.nodes.calls[*n as usize];
                    let instant = clock.stage(k, u64::from(call.halves()));
                    apply(self.model, call, &args, instant, &mut scratch)
                }
            };
            values.insert(*v, value);
            if *is_read {
                out.push(value);
            }
        }
        out
    }
}

impl Rows {
    fn new(g: &Graph, rows: &[(V, usize)]) -> Self {
        let mut nodes = vec![(Node::Constant(0.0), Vec::new()); rows.len()];
        for (v, row) in rows {
            let node = g.nodes[*v as usize];
            let args = match &node {
                Node::Do(op, args) => args[..op.operands()].to_vec(),
                Node::Call(n) => g.calls[*n as usize].1.clone(),
                _ => Vec::new(),
            };
            nodes[*row] = (node, args);
        }
        Self { nodes, calls: g.calls.iter().map(|c| c.0).collect(), row_of: rows.iter().copied().collect() }
    }
}

/// Where each state lives: nowhere if nothing reads it, in place if it seldom changes.
fn homes(g: &Graph, built: &[(Kind, u64, Step, Step)], finish: &Step, len: usize, steps: u64) -> Vec<Home> {
    let mut read = vec![false; len];
    let mut seen = vec![false; g.len()];
    let mut open: Vec<V> = finish.checks.iter().map(|c| c.value()).chain(finish.columns.iter().copied()).collect();
    let mut changed = vec![0; len];
    let mut waiting: Vec<(usize, V)> = Vec::new();
    for (_, times, fast, careful) in built {
        for step in [fast, careful] {
            open.extend(step.checks.iter().map(|c: &Check| c.value()).chain(step.columns.iter().copied()));
            for (s, v) in step.states.iter().enumerate() {
                if !matches!(g.nodes[*v as usize], Node::Leaf(Leaf::State(same)) if same as usize == s) {
                    waiting.push((s, *v));
                }
            }
        }
        for (s, v) in fast.states.iter().enumerate() {
            if !matches!(g.nodes[*v as usize], Node::Leaf(Leaf::State(same)) if same as usize == s) {
                changed[s] += times;
            }
        }
    }
    // What a state becomes is worked out only if somebody reads that state, be it in the next step.
    loop {
        while let Some(v) = open.pop() {
            if std::mem::replace(&mut seen[v as usize], true) {
                continue;
            }
            match &g.nodes[v as usize] {
                Node::Leaf(Leaf::State(s)) => read[*s as usize] = true,
                Node::Do(op, args) => open.extend(&args[..op.operands()]),
                Node::Call(n) => open.extend(&g.calls[*n as usize].1),
                _ => {}
            }
        }
        waiting.retain(|(s, v)| {
            if read[*s] {
                open.push(*v);
            }
            !read[*s]
        });
        if open.is_empty() {
            break;
        }
    }
    let (mut moving, mut still) = (0, 0);
    let next = |n: &mut usize| {
        *n += 1;
        *n - 1
    };
    let home = |s: usize| {
        if !read[s] {
            Home::Nowhere
        } else if changed[s] * 4 > steps {
            Home::Moving(next(&mut moving))
        } else {
            Home::Still(next(&mut still))
        }
    };
    let _ = STEP;
    (0..len).map(home).collect()
}
