//! Instructions over columns.
//!
//! In: columns. Out: columns. Invariant: a column of the model has one value, which stands for all where it meets a longer one.

use std::ops::Range;

use super::{Drawing, Fold, Inner, Over, Part, Program, Referring, Reg, Space};
use crate::builtins::aggregate::RANK;
use crate::builtins::lanes::{Lanes, One, Two};
use crate::builtins::philox::{Place, uniform};
use crate::builtins::{Instant, Item, LaneFold};
use crate::exec::lanes::Set;
use crate::ir::{self, Binary, How};

/// What an instruction does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    Copy,
    Negate,
    Not,
    Binary(Binary),
    Select,
    One(fn(f64) -> f64),
    Two(fn(f64, f64) -> f64),
    Three(fn(f64, f64, f64) -> f64),
    Ones(One),
    Twos(Two, fn(f64, f64) -> f64),
    Clock(fn([f64; 3], Instant) -> f64),
    Curve(u32),
    Series(u32),
    List(u32),
    Pick(u32),
    Fold(u32),
    /// The second operand of the member of a population that the first refers to, else the third.
    Refer(u32),
}

/// An instruction: its operands and its result, of this space.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inst {
    pub op: Op,
    pub space: Space,
    pub a: Reg,
    pub b: Reg,
    pub c: Reg,
    pub to: Reg,
}

/// The columns of a run.
pub(super) struct Columns<'p> {
    pub program: &'p Program<'p>,
    pub cols: Vec<Vec<f64>>,
    /// How many live of each population, and how many are being born.
    pub alive: Vec<usize>,
    pub newborn: Vec<usize>,
    pub instant: Instant,
    pub run: u32,
    items: Vec<Item>,
    set: Set,
}

/// So many members are done before the next: what has just been worked out for them is near.
const CHUNK: usize = 512;

/// A column's value at a place; one value stands for all.
#[derive(Clone, Copy)]
pub(super) struct View<'c>(&'c [f64], usize);

impl View<'_> {
    #[inline(always)]
    pub fn at(self, i: usize) -> f64 {
        self.0[i & self.1]
    }
}

/// A column as it may be read at any place.
pub(super) fn view(column: &[f64], n: usize) -> View<'_> {
    View(column, if column.len() == 1 && n != 1 { 0 } else { usize::MAX })
}

/// Calls a loop with each operand as what it is, a column or one value, so that the loop has no choice to make.
macro_rules! each {
    ($out:expr, $a:expr, $f:expr) => {{
        let (out, a) = (&mut *$out, $a);
        if a.len() == out.len() {
            out.iter_mut().zip(a).for_each(|(o, a)| *o = $f(*a));
        } else {
            let a = a[0];
            out.iter_mut().for_each(|o| *o = $f(a));
        }
    }};
    ($out:expr, $a:expr, $b:expr, $f:expr) => {{
        let (out, a, b) = (&mut *$out, $a, $b);
        let n = out.len();
        match (a.len() == n, b.len() == n) {
            (true, true) => out.iter_mut().zip(a).zip(b).for_each(|((o, a), b)| *o = $f(*a, *b)),
            (true, false) => {
                let b = b[0];
                out.iter_mut().zip(a).for_each(|(o, a)| *o = $f(*a, b));
            }
            (false, true) => {
                let a = a[0];
                out.iter_mut().zip(b).for_each(|(o, b)| *o = $f(a, *b));
            }
            (false, false) => {
                let value = $f(a[0], b[0]);
                out.fill(value);
            }
        }
    }};
}

impl<'p> Columns<'p> {
    pub(super) fn new(program: &'p Program<'p>, run: u32) -> Self {
        let populations = program.model.populations.len();
        let mut cols: Vec<Vec<f64>> =
            program.spaces.iter().map(|s| if *s == Space::Model { vec![0.0] } else { Vec::new() }).collect();
        for (reg, value) in &program.constants {
            cols[*reg as usize][0] = *value;
        }
        Self {
            program,
            cols,
            alive: vec![0; populations],
            newborn: vec![0; populations],
            instant: program.model.clock.instant(0),
            run,
            items: Vec::new(),
            set: program.set,
        }
    }

    pub(super) fn len(&self, space: Space) -> usize {
        match space {
            Space::Model => 1,
            Space::Living(p) => self.alive[p as usize],
            Space::Newborn(p) => self.newborn[p as usize],
        }
    }

    pub(super) fn col(&self, reg: Reg) -> &[f64] {
        &self.cols[reg as usize]
    }

    /// A value of the model.
    pub(super) fn one(&self, reg: Reg) -> f64 {
        self.cols[reg as usize][0]
    }

    pub(super) fn set(&mut self, reg: Reg, value: f64) {
        self.cols[reg as usize][0] = value;
    }

    /// A column that may be read at any place of a space.
    pub(super) fn view(&self, reg: Reg, n: usize) -> View<'_> {
        view(self.col(reg), n)
    }

    /// What no section has worked out yet for who is there is no number.
    pub(super) fn fit(&mut self) {
        for (reg, space) in self.program.spaces.iter().enumerate() {
            let n = self.len(*space);
            if self.cols[reg].len() != n {
                self.cols[reg].resize(n, f64::NAN);
            }
        }
    }

    pub(super) fn exec(&mut self, range: &Range<usize>) {
        let mut code = &self.program.code[range.clone()];
        while let Some(inst) = code.first() {
            let n = self.len(inst.space);
            let alike = |i: &&Inst| i.space == inst.space && i.op.is_straight();
            let together = if n > CHUNK { code.iter().take_while(alike).count() } else { 0 };
            if together > 1 {
                self.stretch(&code[..together], n);
            } else {
                self.step(inst);
            }
            code = &code[together.max(1)..];
        }
    }

    /// Several instructions, each for some members and then for the next.
    fn stretch(&mut self, code: &[Inst], n: usize) {
        for inst in code {
            self.cols[inst.to as usize].resize(n, 0.0);
        }
        for from in (0..n).step_by(CHUNK) {
            let to = n.min(from + CHUNK);
            for inst in code {
                let mut out = std::mem::take(&mut self.cols[inst.to as usize]);
                let of = |reg: Reg| {
                    let column = self.col(reg);
                    if column.len() == n { &column[from..to] } else { column }
                };
                straight(self.set, inst.op, [of(inst.a), of(inst.b), of(inst.c)], self.instant, &mut out[from..to]);
                self.cols[inst.to as usize] = out;
            }
        }
    }

    /// Makes a draw of all members at once, if it is one that comes from one uniform of each; says whether it was made.
    pub(super) fn drawn(&self, draw: &ir::Draw, drawing: &Drawing, luck: (u64, u32), out: &mut [f64]) -> bool {
        let (Some(p), None, How::Form(form)) = (draw.of, drawing.every, draw.how) else { return false };
        let Some(lanes) = form.lanes().filter(|_| form.is_standard()) else { return false };
        let numbers = self.col(self.program.numbers[p.0 as usize]);
        let n = out.len();
        let mut spread = [[0.0; CHUNK]; 3];
        let mut fine = true;
        for from in (0..n).step_by(CHUNK) {
            let to = n.min(from + CHUNK);
            for (spread, reg) in spread.iter_mut().zip(&drawing.args) {
                let args = self.col(*reg);
                match args.len() == n {
                    true => spread[..to - from].copy_from_slice(&args[from..to]),
                    false => spread.fill(args[0]),
                }
            }
            let args = [&spread[0][..to - from], &spread[1][..to - from], &spread[2][..to - from]];
            drawn(self.set, lanes, args, (luck.0, self.run, luck.1), &numbers[from..to], &mut out[from..to]);
            fine &= out[from..to].iter().fold(true, |all, value| all & (value.abs() < f64::INFINITY));
        }
        // What went wrong is looked at one by one.
        fine
    }

    fn step(&mut self, inst: &Inst) {
        let n = self.len(inst.space);
        let mut out = std::mem::take(&mut self.cols[inst.to as usize]);
        if out.len() != n {
            out.resize(n, 0.0);
        }
        if n > 0 {
            self.fill(inst, &mut out);
        }
        self.cols[inst.to as usize] = out;
    }

    fn fill(&mut self, inst: &Inst, out: &mut [f64]) {
        let n = out.len();
        if let Op::Fold(f) = inst.op {
            return self.fold(f, out);
        }
        let (a, b, c) = (self.col(inst.a), self.col(inst.b), self.col(inst.c));
        match inst.op {
            Op::Curve(curve) => {
                let curve = &self.program.model.curves[curve as usize];
                each!(out, a, |x: f64| curve.at(x));
            }
            Op::Series(s) => out.fill(self.program.model.series_of(s, self.run).at(self.instant)),
            Op::List(l) => self.list(l, out),
            Op::Pick(p) => {
                let pick = &self.program.picks[p as usize];
                let at = self.view(pick.at, n);
                for (i, o) in out.iter_mut().enumerate() {
                    let at = at.at(i);
                    let whole = at >= 0.0 && libm::floor(at) == at;
                    let value = if whole { pick.values.get(at as usize).copied() } else { None };
                    *o = self.view(value.unwrap_or(pick.otherwise), n).at(i);
                }
            }
            Op::Refer(population) => {
                let (a, c) = (view(a, n), view(c, n));
                let numbers = self.col(self.program.numbers[population as usize]);
                let b = view(b, numbers.len());
                for (i, o) in out.iter_mut().enumerate() {
                    *o = match place(numbers, a.at(i)) {
                        Some(at) => b.at(at),
                        None => c.at(i),
                    };
                }
            }
            op => straight(self.set, op, [a, b, c], self.instant, out),
        }
    }

    fn list(&self, list: u32, out: &mut [f64]) {
        let n = out.len();
        let list = &self.program.lists[list as usize];
        let mut items = Vec::with_capacity(list.items.len());
        for (i, o) in out.iter_mut().enumerate() {
            items.clear();
            for (member, value, condition) in &list.items {
                if condition.is_none_or(|c| self.view(c, n).at(i) != 0.0) {
                    items.push(Item { member: *member, value: self.view(*value, n).at(i) });
                }
            }
            *o = match list.otherwise {
                Some(otherwise) if items.is_empty() => self.view(otherwise, n).at(i),
                _ => (list.gather)(list.head.map_or(f64::NAN, |h| self.view(h, n).at(i)), &items),
            };
        }
    }

    /// A function of many values, for each of the places that want it.
    fn fold(&mut self, number: u32, out: &mut [f64]) {
        let program = self.program;
        let fold = &program.folds[number as usize];
        let n = out.len();
        let mut items = std::mem::take(&mut self.items);
        match &fold.over {
            Over::Same(parts) => {
                if fold.head.is_none()
                    && let Some(value) = self.straight(fold, parts)
                {
                    self.items = items;
                    return out.fill(value);
                }
                items.clear();
                self.gather(parts, f64::NAN, &mut items);
                if fold.gather as usize == RANK.gather as usize && n > 1 && !items.is_empty() {
                    self.ranks(fold, &items, out);
                } else {
                    out.iter_mut().enumerate().for_each(|(i, o)| *o = self.folded(fold, i, n, &items));
                }
            }
            Over::Own(inner, parts) => {
                for (i, o) in out.iter_mut().enumerate() {
                    self.enter(inner, i);
                    items.clear();
                    self.gather(parts, f64::NAN, &mut items);
                    *o = self.folded(fold, i, n, &items);
                }
            }
            Over::Referring(them) => self.referring(them, fold, &mut items, out),
        }
        self.items = items;
    }

    fn folded(&self, fold: &Fold, i: usize, n: usize, items: &[Item]) -> f64 {
        match fold.otherwise {
            Some(otherwise) if items.is_empty() => self.view(otherwise, n).at(i),
            _ => (fold.gather)(fold.head.map_or(f64::NAN, |h| self.view(h, n).at(i)), items),
        }
    }

    /// Sums and their like of one column, without a list in between.
    fn straight(&self, fold: &Fold, parts: &[Part]) -> Option<f64> {
        let [Part::Each { population, condition, values }] = parts else { return None };
        let [(_, value, None)] = values[..] else { return None };
        let n = self.alive[*population as usize];
        let (values, condition) = (self.view(value, n), condition.map(|c| self.view(c, n)));
        let mut all = (0..n).filter(|i| condition.is_none_or(|c| c.at(*i) != 0.0)).map(|i| values.at(i));
        match fold.fast? {
            LaneFold::Sum => {
                let Some(first) = all.next() else { return Some(self.nothing(fold, 0.0)) };
                Some(all.fold(first, |sum, v| sum + v))
            }
            LaneFold::Count => {
                let (mut some, mut count) = (false, 0usize);
                all.for_each(|v| (some, count) = (true, count + usize::from(v != 0.0)));
                Some(if some { count as f64 } else { self.nothing(fold, 0.0) })
            }
            _ => None,
        }
    }

    fn nothing(&self, fold: &Fold, value: f64) -> f64 {
        fold.otherwise.map_or(value, |reg| self.one(reg))
    }

    /// The rank of many among the same values: they are sorted once.
    fn ranks(&self, fold: &Fold, items: &[Item], out: &mut [f64]) {
        let n = out.len();
        let head = fold.head.map(|h| self.view(h, n));
        let mut values: Vec<f64> = items.iter().map(|item| item.value).collect();
        let undefined = values.iter().any(|v| v.is_nan());
        values.sort_by(|a, b| b.total_cmp(a));
        for (i, o) in out.iter_mut().enumerate() {
            let head = head.map_or(f64::NAN, |h| h.at(i));
            let greater = values.partition_point(|v| *v > head);
            *o = if undefined || head.is_nan() { f64::NAN } else { 1.0 + greater as f64 };
        }
    }

    /// Those who refer to each member, in order of number.
    fn referring(&self, them: &Referring, fold: &Fold, items: &mut Vec<Item>, out: &mut [f64]) {
        let Referring { own, population, reference, condition, value } = *them;
        let (n, m) = (out.len(), self.alive[population as usize]);
        let own = self.col(self.program.numbers[own as usize]);
        let numbers = self.col(self.program.numbers[population as usize]);
        let (reference, value) = (self.view(reference, m), self.view(value, m));
        let condition = condition.map(|c| self.view(c, m));
        let places: Vec<u32> = (0..m)
            .map(|j| match condition.is_none_or(|c| c.at(j) != 0.0) {
                true => place(own, reference.at(j)).map_or(u32::MAX, |at| at as u32),
                false => u32::MAX,
            })
            .collect();
        if let (Some(LaneFold::Sum), None) = (fold.fast, fold.otherwise) {
            // Begun with its first value, as a sum is.
            let mut begun = vec![false; n];
            out.fill(0.0);
            for (j, at) in places.iter().enumerate().filter(|(_, at)| **at != u32::MAX) {
                let at = *at as usize;
                out[at] = if begun[at] { out[at] + value.at(j) } else { value.at(j) };
                begun[at] = true;
            }
            return;
        }
        let mut starts = vec![0u32; n + 1];
        places.iter().filter(|at| **at != u32::MAX).for_each(|at| starts[*at as usize + 1] += 1);
        (0..n).for_each(|i| starts[i + 1] += starts[i]);
        let mut next = starts.clone();
        let none = Item { member: f64::NAN, value: f64::NAN };
        items.clear();
        items.resize(starts[n] as usize, none);
        for (j, at) in places.iter().enumerate().filter(|(_, at)| **at != u32::MAX) {
            let slot = &mut next[*at as usize];
            items[*slot as usize] = Item { member: numbers[j], value: value.at(j) };
            *slot += 1;
        }
        for (i, o) in out.iter_mut().enumerate() {
            *o = self.folded(fold, i, n, &items[starts[i] as usize..starts[i + 1] as usize]);
        }
    }

    /// Makes a member the one at hand.
    pub(super) fn enter(&mut self, inner: &Inner, i: usize) {
        for (from, to) in &inner.pins {
            let value = self.cols[*from as usize][i];
            self.set(*to, value);
        }
        self.exec(&inner.code);
    }

    /// The values of some parts, in order.
    fn gather(&mut self, parts: &[Part], around: f64, items: &mut Vec<Item>) {
        let named = |member: f64, living: f64| if member.is_nan() { living } else { member };
        for part in parts {
            match part {
                Part::One(member, value, condition) => {
                    if condition.is_none_or(|c| self.one(c) != 0.0) {
                        items.push(Item { member: named(*member, around), value: self.one(*value) });
                    }
                }
                Part::Each { population, condition, values } => {
                    let numbers = self.col(self.program.numbers[*population as usize]);
                    let n = numbers.len();
                    for (i, number) in numbers.iter().enumerate() {
                        if condition.is_some_and(|c| self.view(c, n).at(i) == 0.0) {
                            continue;
                        }
                        for (member, value, condition) in values {
                            if condition.is_none_or(|c| self.view(c, n).at(i) != 0.0) {
                                let value = self.view(*value, n).at(i);
                                items.push(Item { member: named(*member, *number), value });
                            }
                        }
                    }
                }
                Part::Nest { population, condition, inner, parts } => {
                    let n = self.alive[*population as usize];
                    for i in 0..n {
                        if condition.is_some_and(|c| self.view(c, n).at(i) == 0.0) {
                            continue;
                        }
                        let number = self.col(self.program.numbers[*population as usize])[i];
                        self.enter(inner, i);
                        self.gather(parts, number, items);
                    }
                }
            }
        }
    }
}

impl Op {
    /// It looks at one place of its operands for each of its result, and at nothing else.
    fn is_straight(self) -> bool {
        !matches!(self, Op::Curve(_) | Op::Series(_) | Op::List(_) | Op::Pick(_) | Op::Fold(_) | Op::Refer(_))
    }
}

/// A straight instruction, on an instruction set.
fn straight(set: Set, op: Op, operands: [&[f64]; 3], at: Instant, out: &mut [f64]) {
    match set {
        Set::Plain => plain(op, operands, at, out),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Set::all` says which sets there are, and only those are asked for.
        Set::Avx2 => unsafe { avx2(op, operands, at, out) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Set::Avx512 => unsafe { avx512(op, operands, at, out) },
        #[cfg(not(target_arch = "x86_64"))]
        _ => plain(op, operands, at, out),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi2")]
fn avx2(op: Op, operands: [&[f64]; 3], at: Instant, out: &mut [f64]) {
    plain(op, operands, at, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,bmi2")]
fn avx512(op: Op, operands: [&[f64]; 3], at: Instant, out: &mut [f64]) {
    plain(op, operands, at, out);
}

/// What is worked out stands in the loops themselves: a function that they call would not be of their instruction set.
#[inline(always)]
fn plain(op: Op, [a, b, c]: [&[f64]; 3], at: Instant, out: &mut [f64]) {
    let n = out.len();
    let truth = |b: bool| if b { 1.0 } else { 0.0 };
    match op {
        Op::Copy => each!(out, a, |a: f64| a),
        Op::Negate => each!(out, a, |a: f64| -a),
        Op::Not => each!(out, a, |a: f64| truth(a == 0.0)),
        Op::Binary(op) => match op {
            Binary::Add => each!(out, a, b, |a: f64, b: f64| a + b),
            Binary::Subtract => each!(out, a, b, |a: f64, b: f64| a - b),
            Binary::Multiply => each!(out, a, b, |a: f64, b: f64| a * b),
            Binary::Divide => each!(out, a, b, |a: f64, b: f64| a / b),
            Binary::Less => each!(out, a, b, |a: f64, b: f64| truth(a < b)),
            Binary::LessEq => each!(out, a, b, |a: f64, b: f64| truth(a <= b)),
            Binary::Greater => each!(out, a, b, |a: f64, b: f64| truth(a > b)),
            Binary::GreaterEq => each!(out, a, b, |a: f64, b: f64| truth(a >= b)),
            Binary::Equal => each!(out, a, b, |a: f64, b: f64| truth(a == b)),
            Binary::NotEqual => each!(out, a, b, |a: f64, b: f64| truth(a != b)),
            op => each!(out, a, b, |a: f64, b: f64| ir::apply(op, a, b)),
        },
        Op::Select => {
            let (a, b, c) = (view(a, n), view(b, n), view(c, n));
            for (i, o) in out.iter_mut().enumerate() {
                let (yes, no) = (b.at(i), c.at(i));
                *o = if a.at(i) != 0.0 { yes } else { no };
            }
        }
        Op::One(f) => each!(out, a, f),
        Op::Two(f) => each!(out, a, b, f),
        Op::Three(f) => {
            let (a, b, c) = (view(a, n), view(b, n), view(c, n));
            out.iter_mut().enumerate().for_each(|(i, o)| *o = f(a.at(i), b.at(i), c.at(i)));
        }
        Op::Ones(f) if a.len() == n => f.fill(a, out),
        Op::Ones(f) => {
            let mut value = [0.0];
            f.fill(a, &mut value);
            out.fill(value[0]);
        }
        Op::Twos(f, _) if a.len() == n && b.len() == n => f.fill(a, b, out),
        Op::Twos(_, f) => each!(out, a, b, f),
        Op::Clock(f) => {
            let (a, b, c) = (view(a, n), view(b, n), view(c, n));
            out.iter_mut().enumerate().for_each(|(i, o)| *o = f([a.at(i), b.at(i), c.at(i)], at));
        }
        Op::Curve(_) | Op::Series(_) | Op::List(_) | Op::Pick(_) | Op::Fold(_) | Op::Refer(_) => {}
    }
}

/// Values that come from one uniform of each member: the key, the run and the step say which.
fn drawn(set: Set, form: Lanes, args: [&[f64]; 3], luck: (u64, u32, u32), numbers: &[f64], out: &mut [f64]) {
    match set {
        Set::Plain => plain_luck(form, args, luck, numbers, out),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as in `straight`.
        Set::Avx2 => unsafe { avx2_luck(form, args, luck, numbers, out) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as in `straight`.
        Set::Avx512 => unsafe { avx512_luck(form, args, luck, numbers, out) },
        #[cfg(not(target_arch = "x86_64"))]
        _ => plain_luck(form, args, luck, numbers, out),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi2")]
fn avx2_luck(form: Lanes, args: [&[f64]; 3], luck: (u64, u32, u32), numbers: &[f64], out: &mut [f64]) {
    plain_luck(form, args, luck, numbers, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,bmi2")]
fn avx512_luck(form: Lanes, args: [&[f64]; 3], luck: (u64, u32, u32), numbers: &[f64], out: &mut [f64]) {
    plain_luck(form, args, luck, numbers, out);
}

#[inline(always)]
fn plain_luck(form: Lanes, args: [&[f64]; 3], (key, run, step): (u64, u32, u32), numbers: &[f64], out: &mut [f64]) {
    let mut luck = [0.0; CHUNK];
    let luck = &mut luck[..numbers.len()];
    for (luck, number) in luck.iter_mut().zip(numbers) {
        *luck = uniform(key, Place { run, step, member: *number as u32 });
    }
    form.fill(args, luck, out);
}

/// The place of a member by its number: numbers ascend, and while nobody has retired each stands at its own place.
pub(super) fn place(numbers: &[f64], number: f64) -> Option<usize> {
    if !(number >= 0.0 && number <= f64::from(u32::MAX)) {
        return None;
    }
    let guess = number as usize;
    if numbers.get(guess) == Some(&number) {
        return Some(guess);
    }
    let end = guess.min(numbers.len());
    let at = numbers[..end].partition_point(|n| *n < number);
    (numbers.get(at) == Some(&number)).then_some(at)
}
