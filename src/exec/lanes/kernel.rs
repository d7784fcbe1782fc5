//! How instructions are done: one operation over all lanes of a block, in groups that fill the vector registers.
//!
//! In: instructions, and registers in one stretch of memory ([`Files`]). Out: the registers. Invariant: the bits of a lane hang on that
//! lane alone; no operation is contracted with another, so all instruction sets give the same bits. A group is loaded, worked out
//! and stored: a result may lie where an operand lay. A kernel knows which of its operands are rows, and loads those once.
//! What is worked out stands in the kernels themselves, not in closures, which would not be of their instruction set.
//! Absent on purpose: calls, which are done lane after lane (see `block`).

use super::code::{Act, Code, FILES, File, Inst, Place, Sizes};
use super::graph::Do;

/// How many lanes an instruction does at once; of a block of one lane, one.
pub(super) const GROUP: usize = 16;

/// Instruction sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    /// What every machine of its kind has.
    Plain,
    /// 256 bits.
    Avx2,
    /// 512 bits.
    Avx512,
}

impl Set {
    /// The sets that this machine has, the widest last.
    pub fn all() -> Vec<Set> {
        let mut all = vec![Set::Plain];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi2") {
                all.push(Set::Avx2);
            }
            let wide = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq");
            let wide = wide && is_x86_feature_detected!("avx512vl") && is_x86_feature_detected!("avx512bw");
            if wide && is_x86_feature_detected!("bmi2") {
                all.push(Set::Avx512);
            }
        }
        all
    }

    /// The widest of them.
    pub fn widest() -> Set {
        Set::all().last().copied().unwrap_or(Set::Plain)
    }
}

/// A line of the cache: registers begin with one.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line {
    _numbers: [f64; 8],
}

/// Where files and registers lie, for so many lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub lanes: usize,
    /// Where each file begins, and how far its registers lie apart.
    starts: [usize; FILES],
    strides: [usize; FILES],
    fine: usize,
    len: usize,
}

impl Plan {
    pub(super) fn new(sizes: &Sizes, lanes: usize) -> Self {
        let group = GROUP.min(lanes);
        let mut plan = Self { lanes, starts: [0; FILES], strides: [lanes; FILES], fine: 0, len: lanes };
        plan.strides[File::Row as usize] = group;
        for file in 0..FILES {
            // Where nothing lies, what names no register reads the first.
            plan.starts[file] = plan.len;
            plan.len += sizes.0[file].max(1) * plan.strides[file];
            plan.len = plan.len.next_multiple_of(8);
        }
        plan
    }

    /// Where a register lies; in every other step states lie the other way round.
    fn offset(&self, place: Place, turned: bool) -> usize {
        let file = match place.file() {
            f if turned && f == File::Before as usize => File::After as usize,
            f if turned && f == File::After as usize => File::Before as usize,
            f => f,
        };
        self.starts[file] + place.number() * self.strides[file]
    }
}

/// Registers.
pub(super) struct Files {
    lines: Vec<Line>,
    pub plan: Plan,
    /// States lie the other way round.
    pub turned: bool,
}

impl Files {
    pub(super) fn new(plan: Plan) -> Self {
        Self { lines: vec![Line { _numbers: [0.0; 8] }; plan.len.div_ceil(8)], plan, turned: false }
    }

    fn numbers(&self) -> &[f64] {
        // SAFETY: lines are eight numbers each, one after the other, without gaps.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast::<f64>(), self.lines.len() * 8) }
    }

    fn numbers_mut(&mut self) -> &mut [f64] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast::<f64>(), self.lines.len() * 8) }
    }

    /// One lane of a register.
    pub(super) fn at(&self, place: Place, lane: usize) -> f64 {
        let at = self.plan.offset(place, self.turned);
        self.numbers()[if place.file() == File::Row as usize { at } else { at + lane }]
    }

    /// The lanes of a register; of a row its one group.
    pub(super) fn lanes(&self, place: Place) -> &[f64] {
        let at = self.plan.offset(place, self.turned);
        &self.numbers()[at..at + self.plan.strides[place.file()]]
    }

    /// Puts a number into a lane of a register.
    pub(super) fn put(&mut self, place: Place, lane: usize, value: f64) {
        let at = self.plan.offset(place, self.turned);
        self.numbers_mut()[at + lane] = value;
    }

    /// Puts a number into a row.
    pub(super) fn put_row(&mut self, row: usize, value: f64) {
        let (at, group) = (self.plan.offset(Place::new(File::Row, row), false), self.plan.strides[File::Row as usize]);
        self.numbers_mut()[at..at + group].fill(value);
    }

    /// Puts numbers into the registers of a file, from the first on.
    pub(super) fn fill(&mut self, file: File, values: &[f64]) {
        let at = self.plan.starts[file as usize];
        self.numbers_mut()[at..at + values.len()].copy_from_slice(values);
    }

    /// All lanes are fine.
    pub(super) fn all_fine(&mut self) {
        let (at, lanes) = (self.plan.fine, self.plan.lanes);
        self.numbers_mut()[at..at + lanes].fill(1.0);
    }

    /// 1 where a lane is fine, 0 where a check has stopped it.
    pub(super) fn fine(&self) -> &[f64] {
        &self.numbers()[self.plan.fine..self.plan.fine + self.plan.lanes]
    }
}

/// An instruction with its kernel, and offsets in place of registers.
#[derive(Clone, Copy)]
pub(super) struct Ready {
    kernel: Kernel,
    to: u32,
    a: u32,
    b: u32,
    c: u32,
    d: u32,
    /// The number of the call and its result, if it is one.
    call: Option<(u32, Place)>,
}

type Kernel = unsafe fn(*mut f64, usize, &Ready);

/// Code ready to be done on an instruction set, in a plan: instructions, in both turns.
pub(super) struct Ripe {
    main: [Vec<Ready>; 2],
    late: [Vec<Ready>; 2],
}

impl Ripe {
    pub(super) fn new(code: &Code, set: Set, plan: &Plan) -> Self {
        let ready = |insts: &[Inst]| {
            [false, true].map(|turned| insts.iter().map(|inst| Ready::new(inst, set, plan, turned)).collect())
        };
        Self { main: ready(&code.main), late: ready(&code.late) }
    }
}

impl Ready {
    fn new(inst: &Inst, set: Set, plan: &Plan, turned: bool) -> Self {
        let of = |place: Place| plan.offset(place, turned) as u32;
        let call = match inst.act {
            Act::Call(number) => Some((number, inst.to)),
            _ => None,
        };
        let (mut to, mut c) = (of(inst.to), of(inst.c));
        // Checks read and write which lanes are fine.
        if matches!(inst.act, Act::Holds | Act::HoldsIf(_) | Act::Forward | Act::Fine | Act::Finite) {
            (to, c) = (plan.fine as u32, plan.fine as u32);
        }
        // Of the operands that it has.
        let operands = match inst.act {
            Act::Call(_) => 0,
            Act::Two(_) | Act::HoldsIf(_) => 2,
            Act::Pair(..) | Act::Select => 3,
            Act::SelectIf(_) => 4,
            _ => 1,
        };
        let places = [inst.a, inst.b, inst.c, inst.d].into_iter().take(operands).enumerate();
        let rows = places.filter(|(_, p)| p.file() == File::Row as usize).fold(0, |rows, (i, _)| rows | 1 << i);
        let kernel = kernel(set, inst.act, rows, plan.lanes == 1);
        Self { kernel, to, a: of(inst.a), b: of(inst.b), c, d: of(inst.d), call }
    }
}

/// Does code: its main part, or what is done when all is known to be fine. `caller` does the calls.
pub(super) fn run(ripe: &Ripe, late: bool, files: &mut Files, caller: &mut dyn FnMut(&mut Files, u32, Place)) {
    let code = if late { &ripe.late } else { &ripe.main };
    let n = files.plan.lanes;
    for inst in &code[usize::from(files.turned)] {
        if let Some((number, to)) = inst.call {
            caller(files, number, to);
            continue;
        }
        let base = files.lines.as_mut_ptr().cast::<f64>();
        // SAFETY: `Program::new` has checked all places against the sizes of which the plan was made, groups divide lanes,
        // and the set is one that `Set::all` found on this machine.
        unsafe { (inst.kernel)(base, n, inst) }
    }
}

/// A kernel: for each group the operands that it names, and its result out of them, lane by lane. Operands whose bit is set in
/// `$rows` are rows: one group for all lanes.
macro_rules! kernel {
    ($base:ident, $n:ident, $inst:ident, $rows:expr, ($($x:ident $bit:literal),+) => $value:expr) => {
        // SAFETY: a register has as many numbers as there are lanes, a row as many as a group, and groups divide lanes.
        unsafe {
            $(
                let $x = $base.add($inst.$x as usize).cast::<[f64; W]>();
                let $x = ($x, if $rows & $bit == 0 { [0.0; W] } else { *$x });
            )+
            let to = $base.add($inst.to as usize).cast::<[f64; W]>();
            for group in 0..$n / W {
                $(let $x = if $rows & $bit == 0 { *$x.0.add(group) } else { $x.1 };)+
                let mut out = [0.0; W];
                for l in 0..W {
                    $(let $x = $x[l];)+
                    out[l] = $value;
                }
                *to.add(group) = out;
            }
        }
    };
}

/// The kernel of so many operands, some of which are rows: it is known where the kernel is made.
macro_rules! rows {
    ($rows:expr, $kernel:ident, [$($arg:tt)*], 1 $(, $set:literal)*) => {
        if $rows & 1 == 0 { $kernel::<$($arg)*, { 0 $(| $set)* }> } else { $kernel::<$($arg)*, { 1 $(| $set)* }> }
    };
    ($rows:expr, $kernel:ident, $args:tt, 2 $(, $set:literal)*) => {
        if $rows & 2 == 0 { rows!($rows, $kernel, $args, 1 $(, $set)*) } else { rows!($rows, $kernel, $args, 1 $(, $set)*, 2) }
    };
    ($rows:expr, $kernel:ident, $args:tt, 3 $(, $set:literal)*) => {
        if $rows & 4 == 0 { rows!($rows, $kernel, $args, 2 $(, $set)*) } else { rows!($rows, $kernel, $args, 2 $(, $set)*, 4) }
    };
    ($rows:expr, $kernel:ident, $args:tt, 4) => {
        if $rows & 8 == 0 { rows!($rows, $kernel, $args, 3) } else { rows!($rows, $kernel, $args, 3, 8) }
    };
}

/// The kernel of an operation among these: it is known where the kernel is made.
macro_rules! among {
    ($op:expr, $rows:expr, [$($name:ident),*], $kernel:ident, $of:tt) => {
        match $op {
            $(Do::$name => rows!($rows, $kernel, [W, { Do::$name as u8 }], $of),)*
            // No other is asked for.
            _ => nothing,
        }
    };
}

/// All kernels, for one instruction set.
macro_rules! set {
    ($name:ident $(, $features:literal)?) => {
        mod $name {
            use super::{Act, Do, Kernel, Ready};

            $(#[target_feature(enable = $features)])?
            unsafe fn copy<const W: usize, const R: u8>(base: *mut f64, n: usize, inst: &Ready) {
                kernel!(base, n, inst, R, (a 1) => a);
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn one<const W: usize, const A: u8, const R: u8>(base: *mut f64, n: usize, inst: &Ready) {
                kernel!(base, n, inst, R, (a 1) => Do::ALL[A as usize].of([a, 0.0, 0.0]));
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn two<const W: usize, const A: u8, const R: u8>(base: *mut f64, n: usize, inst: &Ready) {
                kernel!(base, n, inst, R, (a 1, b 2) => Do::ALL[A as usize].of([a, b, 0.0]));
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn pair<const W: usize, const A: u8, const B: u8, const TURNED: bool, const R: u8>(
                base: *mut f64,
                n: usize,
                inst: &Ready,
            ) {
                kernel!(base, n, inst, R, (a 1, b 2, c 4) => {
                    let first = Do::ALL[A as usize].of([a, b, 0.0]);
                    Do::ALL[B as usize].of(if TURNED { [c, first, 0.0] } else { [first, c, 0.0] })
                });
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn select<const W: usize, const R: u8>(base: *mut f64, n: usize, inst: &Ready) {
                kernel!(base, n, inst, R, (a 1, b 2, c 4) => Do::Select.of([a, b, c]));
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn select_if<const W: usize, const A: u8, const R: u8>(base: *mut f64, n: usize, inst: &Ready) {
                kernel!(base, n, inst, R, (a 1, b 2, c 4, d 8) => {
                    if Do::ALL[A as usize].of([a, b, 0.0]) != 0.0 { c } else { d }
                });
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn holds<const W: usize, const R: u8>(base: *mut f64, n: usize, inst: &Ready) {
                kernel!(base, n, inst, R, (a 1, c 4) => if a != 0.0 { c } else { 0.0 });
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn holds_if<const W: usize, const A: u8, const R: u8>(base: *mut f64, n: usize, inst: &Ready) {
                kernel!(base, n, inst, R, (a 1, b 2, c 4) => if Do::ALL[A as usize].of([a, b, 0.0]) != 0.0 { c } else { 0.0 });
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn forward<const W: usize, const R: u8>(base: *mut f64, n: usize, inst: &Ready) {
                kernel!(base, n, inst, R, (a 1, c 4) => if a < 0.0 { 0.0 } else { c });
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn fine<const W: usize, const R: u8>(base: *mut f64, n: usize, inst: &Ready) {
                kernel!(base, n, inst, R, (a 1, c 4) => {
                    // Without a branch.
                    let (low, high) = (a >= 0.0, a <= f64::MAX);
                    if low & high { c } else { 0.0 }
                });
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn finite<const W: usize, const R: u8>(base: *mut f64, n: usize, inst: &Ready) {
                kernel!(base, n, inst, R, (a 1, c 4) => if a.abs() <= f64::MAX { c } else { 0.0 });
            }

            unsafe fn nothing(_: *mut f64, _: usize, _: &Ready) {}

            fn paired<const W: usize, const B: u8, const TURNED: bool>(first: Do, rows: u8) -> Kernel {
                match first {
                    Do::Add => rows!(rows, pair, [W, { Do::Add as u8 }, B, TURNED], 3),
                    Do::Subtract => rows!(rows, pair, [W, { Do::Subtract as u8 }, B, TURNED], 3),
                    Do::Multiply => rows!(rows, pair, [W, { Do::Multiply as u8 }, B, TURNED], 3),
                    Do::Divide => rows!(rows, pair, [W, { Do::Divide as u8 }, B, TURNED], 3),
                    Do::Min => rows!(rows, pair, [W, { Do::Min as u8 }, B, TURNED], 3),
                    Do::Max => rows!(rows, pair, [W, { Do::Max as u8 }, B, TURNED], 3),
                    _ => nothing,
                }
            }

            fn turned<const W: usize, const TURNED: bool>(first: Do, then: Do, rows: u8) -> Kernel {
                match then {
                    Do::Add => paired::<W, { Do::Add as u8 }, TURNED>(first, rows),
                    Do::Subtract => paired::<W, { Do::Subtract as u8 }, TURNED>(first, rows),
                    Do::Multiply => paired::<W, { Do::Multiply as u8 }, TURNED>(first, rows),
                    Do::Divide => paired::<W, { Do::Divide as u8 }, TURNED>(first, rows),
                    Do::Min => paired::<W, { Do::Min as u8 }, TURNED>(first, rows),
                    Do::Max => paired::<W, { Do::Max as u8 }, TURNED>(first, rows),
                    _ => nothing,
                }
            }

            /// The kernel of an instruction.
            pub(super) fn of<const W: usize>(act: Act, rows: u8) -> Kernel {
                match act {
                    Act::Move => rows!(rows, copy, [W], 1),
                    Act::One(op) => {
                        among!(op, rows, [Negate, Not, Abs, Sqrt, Floor, Ceil, Round, Trunc, Exp, Ln], one, 1)
                    }
                    Act::Two(op) => among!(
                        op,
                        rows,
                        [
                            Add, Subtract, Multiply, Divide, Min, Max, Less, LessEq, Greater, GreaterEq, Equal, NotEqual,
                            And, Or, Power
                        ],
                        two,
                        2
                    ),
                    Act::Pair(first, then, false) => turned::<W, false>(first, then, rows),
                    Act::Pair(first, then, true) => turned::<W, true>(first, then, rows),
                    Act::Select => rows!(rows, select, [W], 3),
                    Act::SelectIf(op) => among!(
                        op,
                        rows,
                        [Less, LessEq, Greater, GreaterEq, Equal, NotEqual],
                        select_if,
                        4
                    ),
                    Act::Holds => rows!(rows, holds, [W], 1),
                    Act::HoldsIf(op) => {
                        among!(op, rows, [Less, LessEq, Greater, GreaterEq, Equal, NotEqual], holds_if, 2)
                    }
                    Act::Forward => rows!(rows, forward, [W], 1),
                    Act::Fine => rows!(rows, fine, [W], 1),
                    Act::Finite => rows!(rows, finite, [W], 1),
                    Act::Call(_) => nothing,
                }
            }
        }
    };
}

set!(plain);
#[cfg(target_arch = "x86_64")]
set!(avx2, "avx2,bmi2");
#[cfg(target_arch = "x86_64")]
set!(avx512, "avx512f,avx512dq,avx512vl,avx512bw,bmi2");

fn kernel(set: Set, act: Act, rows: u8, alone: bool) -> Kernel {
    // One lane is one number at a time.
    if alone {
        return plain::of::<1>(act, rows);
    }
    match set {
        Set::Plain => plain::of::<GROUP>(act, rows),
        #[cfg(target_arch = "x86_64")]
        Set::Avx2 => avx2::of::<GROUP>(act, rows),
        #[cfg(target_arch = "x86_64")]
        Set::Avx512 => avx512::of::<GROUP>(act, rows),
        #[cfg(not(target_arch = "x86_64"))]
        _ => plain::of::<GROUP>(act, rows),
    }
}

/// Whether files of these sizes have all registers that an instruction names.
pub(super) fn fits(sizes: &Sizes, inst: &Inst) -> bool {
    let has = |p: Place| p.number() < sizes.0[p.file()].max(1);
    [inst.to, inst.a, inst.b, inst.c, inst.d].into_iter().all(has)
}
