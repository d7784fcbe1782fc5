//! How instructions are done: one operation over all lanes of a block, in groups that fill the vector registers.
//!
//! In: instructions, and registers in one stretch of memory ([`Files`]). Out: the registers. Invariant: the bits of a lane hang on that
//! lane alone; no operation is contracted with another, so all instruction sets give the same bits. A group is loaded, worked out
//! and stored: a result may lie where an operand lay. What is worked out stands in the kernels themselves, not in closures, which
//! would not be of their instruction set. Absent on purpose: calls, which are done lane after lane (see `block`).

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

/// The bit of an offset that says that it is a row: one group for all lanes.
const ROW: u32 = 1 << 31;

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

    fn operand(&self, place: Place, turned: bool) -> u32 {
        let row = if place.file() == File::Row as usize { ROW } else { 0 };
        self.offset(place, turned) as u32 | row
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
        let of = |place: Place| plan.operand(place, turned);
        let call = match inst.act {
            Act::Call(number) => Some((number, inst.to)),
            _ => None,
        };
        let (mut to, mut c) = (of(inst.to), of(inst.c));
        // Checks read and write which lanes are fine.
        if matches!(inst.act, Act::Holds | Act::HoldsIf(_) | Act::Forward | Act::Fine | Act::Finite) {
            (to, c) = (plan.fine as u32, plan.fine as u32);
        }
        let kernel = kernel(set, inst.act, plan.lanes == 1);
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

/// One group of an operand; of a row, its one group.
#[inline(always)]
unsafe fn load<const W: usize>(base: *const f64, operand: u32, k: usize) -> [f64; W] {
    let along = ((operand >> 31) as usize).wrapping_sub(1);
    let at = (operand & !ROW) as usize + (k & along);
    // SAFETY: a register has as many numbers as there are lanes, and `k + W` is no more than that.
    unsafe { *base.add(at).cast::<[f64; W]>() }
}

/// A kernel: for each group the operands that it names, and its result out of them, lane by lane.
macro_rules! kernel {
    ($base:ident, $n:ident, $inst:ident, ($($x:ident),+) => $value:expr) => {
        let mut k = 0;
        while k < $n {
            // SAFETY: as of `load`.
            unsafe {
                $(let $x = load::<W>($base, $inst.$x, k);)+
                let mut out = [0.0; W];
                for l in 0..W {
                    $(let $x = $x[l];)+
                    out[l] = $value;
                }
                *$base.add($inst.to as usize + k).cast::<[f64; W]>() = out;
            }
            k += W;
        }
    };
}

/// The kernel of an operation among these: it is known where the kernel is made.
macro_rules! among {
    ($op:expr, [$($name:ident),*], $kernel:ident) => {
        match $op {
            $(Do::$name => $kernel::<W, { Do::$name as u8 }>,)*
            // No other is asked for.
            _ => nothing,
        }
    };
}

/// All kernels, for one instruction set.
macro_rules! set {
    ($name:ident $(, $features:literal)?) => {
        mod $name {
            use super::{Act, Do, Kernel, Ready, load};

            $(#[target_feature(enable = $features)])?
            unsafe fn copy<const W: usize>(base: *mut f64, n: usize, inst: &Ready) {
                kernel!(base, n, inst, (a) => a);
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn one<const W: usize, const A: u8>(base: *mut f64, n: usize, inst: &Ready) {
                kernel!(base, n, inst, (a) => Do::ALL[A as usize].of([a, 0.0, 0.0]));
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn two<const W: usize, const A: u8>(base: *mut f64, n: usize, inst: &Ready) {
                kernel!(base, n, inst, (a, b) => Do::ALL[A as usize].of([a, b, 0.0]));
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn pair<const W: usize, const A: u8, const B: u8, const TURNED: bool>(
                base: *mut f64,
                n: usize,
                inst: &Ready,
            ) {
                kernel!(base, n, inst, (a, b, c) => {
                    let first = Do::ALL[A as usize].of([a, b, 0.0]);
                    Do::ALL[B as usize].of(if TURNED { [c, first, 0.0] } else { [first, c, 0.0] })
                });
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn select<const W: usize>(base: *mut f64, n: usize, inst: &Ready) {
                kernel!(base, n, inst, (a, b, c) => Do::Select.of([a, b, c]));
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn select_if<const W: usize, const A: u8>(base: *mut f64, n: usize, inst: &Ready) {
                kernel!(base, n, inst, (a, b, c, d) => {
                    if Do::ALL[A as usize].of([a, b, 0.0]) != 0.0 { c } else { d }
                });
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn holds<const W: usize>(base: *mut f64, n: usize, inst: &Ready) {
                kernel!(base, n, inst, (a, c) => if a != 0.0 { c } else { 0.0 });
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn holds_if<const W: usize, const A: u8>(base: *mut f64, n: usize, inst: &Ready) {
                kernel!(base, n, inst, (a, b, c) => if Do::ALL[A as usize].of([a, b, 0.0]) != 0.0 { c } else { 0.0 });
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn forward<const W: usize>(base: *mut f64, n: usize, inst: &Ready) {
                kernel!(base, n, inst, (a, c) => if a < 0.0 { 0.0 } else { c });
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn fine<const W: usize>(base: *mut f64, n: usize, inst: &Ready) {
                kernel!(base, n, inst, (a, c) => {
                    // Without a branch.
                    let (low, high) = (a >= 0.0, a <= f64::MAX);
                    if low & high { c } else { 0.0 }
                });
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn finite<const W: usize>(base: *mut f64, n: usize, inst: &Ready) {
                kernel!(base, n, inst, (a, c) => if a.abs() <= f64::MAX { c } else { 0.0 });
            }

            unsafe fn nothing(_: *mut f64, _: usize, _: &Ready) {}

            fn paired<const W: usize, const B: u8, const TURNED: bool>(first: Do) -> Kernel {
                match first {
                    Do::Add => pair::<W, { Do::Add as u8 }, B, TURNED>,
                    Do::Subtract => pair::<W, { Do::Subtract as u8 }, B, TURNED>,
                    Do::Multiply => pair::<W, { Do::Multiply as u8 }, B, TURNED>,
                    Do::Divide => pair::<W, { Do::Divide as u8 }, B, TURNED>,
                    Do::Min => pair::<W, { Do::Min as u8 }, B, TURNED>,
                    Do::Max => pair::<W, { Do::Max as u8 }, B, TURNED>,
                    _ => nothing,
                }
            }

            fn turned<const W: usize, const TURNED: bool>(first: Do, then: Do) -> Kernel {
                match then {
                    Do::Add => paired::<W, { Do::Add as u8 }, TURNED>(first),
                    Do::Subtract => paired::<W, { Do::Subtract as u8 }, TURNED>(first),
                    Do::Multiply => paired::<W, { Do::Multiply as u8 }, TURNED>(first),
                    Do::Divide => paired::<W, { Do::Divide as u8 }, TURNED>(first),
                    Do::Min => paired::<W, { Do::Min as u8 }, TURNED>(first),
                    Do::Max => paired::<W, { Do::Max as u8 }, TURNED>(first),
                    _ => nothing,
                }
            }

            /// The kernel of an instruction.
            pub(super) fn of<const W: usize>(act: Act) -> Kernel {
                match act {
                    Act::Move => copy::<W>,
                    Act::One(op) => among!(op, [Negate, Not, Abs, Sqrt, Floor, Ceil, Round, Trunc, Exp, Ln], one),
                    Act::Two(op) => among!(
                        op,
                        [
                            Add, Subtract, Multiply, Divide, Min, Max, Less, LessEq, Greater, GreaterEq, Equal, NotEqual,
                            And, Or, Power
                        ],
                        two
                    ),
                    Act::Pair(first, then, false) => turned::<W, false>(first, then),
                    Act::Pair(first, then, true) => turned::<W, true>(first, then),
                    Act::Select => select::<W>,
                    Act::SelectIf(op) => among!(op, [Less, LessEq, Greater, GreaterEq, Equal, NotEqual], select_if),
                    Act::Holds => holds::<W>,
                    Act::HoldsIf(op) => among!(op, [Less, LessEq, Greater, GreaterEq, Equal, NotEqual], holds_if),
                    Act::Forward => forward::<W>,
                    Act::Fine => fine::<W>,
                    Act::Finite => finite::<W>,
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

fn kernel(set: Set, act: Act, alone: bool) -> Kernel {
    // One lane is one number at a time.
    if alone {
        return plain::of::<1>(act);
    }
    match set {
        Set::Plain => plain::of::<GROUP>(act),
        #[cfg(target_arch = "x86_64")]
        Set::Avx2 => avx2::of::<GROUP>(act),
        #[cfg(target_arch = "x86_64")]
        Set::Avx512 => avx512::of::<GROUP>(act),
        #[cfg(not(target_arch = "x86_64"))]
        _ => plain::of::<GROUP>(act),
    }
}

/// Whether files of these sizes have all registers that an instruction names.
pub(super) fn fits(sizes: &Sizes, inst: &Inst) -> bool {
    let has = |p: Place| p.number() < sizes.0[p.file()].max(1);
    [inst.to, inst.a, inst.b, inst.c, inst.d].into_iter().all(has)
}
