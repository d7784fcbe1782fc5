//! How instructions are done: one operation over all lanes of a block, in groups that fill the vector registers.
//!
//! In: instructions, and files of registers. Out: the files, and which lanes are fine. Invariant: the bits of a lane hang on that lane
//! alone; no operation is contracted with another, so all instruction sets give the same bits. A group is loaded, worked out and
//! stored: a result may lie where an operand lay. Absent on purpose: calls, which are done lane after lane (see `block`).

use super::code::{Act, FILES, Inst, Place, Sizes};
use super::graph::Do;

/// How many lanes an instruction does at once; of a block of one lane, one.
pub(super) const GROUP: usize = 16;

/// Files of registers for so many lanes.
pub(super) struct Files {
    /// Each register is a stretch of `lanes` numbers; a row one of a group.
    pub files: [Vec<f64>; FILES],
    pub lanes: usize,
    /// 0 for lanes that a check has stopped in this step, else 1.
    pub fine: Vec<f64>,
}

/// What is done for calls: the call's number, its operands' values by lane are read through the files.
pub(super) type Caller<'a> = &'a mut dyn FnMut(&mut Files, u32, Place);

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

impl Files {
    /// Files of these sizes.
    pub(super) fn new(sizes: &Sizes, lanes: usize) -> Self {
        let group = GROUP.min(lanes);
        let mut files: [Vec<f64>; FILES] = std::array::from_fn(|f| vec![0.0; sizes.0[f] * lanes]);
        files[super::code::File::Row as usize] = vec![0.0; sizes.0[super::code::File::Row as usize] * group];
        Self { files, lanes, fine: vec![1.0; lanes] }
    }

    fn group(&self) -> usize {
        GROUP.min(self.lanes)
    }

    /// One lane of a register.
    #[inline(always)]
    pub(super) fn at(&self, place: Place, lane: usize) -> f64 {
        if place.file() == 0 {
            self.files[0][place.number() * self.group()]
        } else {
            self.files[place.file()][place.number() * self.lanes + lane]
        }
    }

    /// Puts a number into a row.
    pub(super) fn set_row(&mut self, row: usize, value: f64) {
        let group = self.group();
        self.files[0][row * group..(row + 1) * group].fill(value);
    }

    /// The lanes of a register.
    pub(super) fn of(&mut self, place: Place) -> &mut [f64] {
        let lanes = self.lanes;
        &mut self.files[place.file()][place.number() * lanes..(place.number() + 1) * lanes]
    }
}

/// Does instructions on this set.
pub(super) fn run(set: Set, insts: &[Inst], files: &mut Files, caller: Caller) {
    // One lane is one number at a time.
    if files.lanes == 1 {
        return plain::run_one(insts, files, caller);
    }
    match set {
        Set::Plain => plain::run(insts, files, caller),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Set::all` says which sets there are, and only those are asked for.
        Set::Avx2 => unsafe { avx2::run(insts, files, caller) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Set::Avx512 => unsafe { avx512::run(insts, files, caller) },
        #[cfg(not(target_arch = "x86_64"))]
        _ => plain::run(insts, files, caller),
    }
}

/// Where files begin, how far their registers lie apart, and how to go along one: rows stand still.
struct Bases {
    start: [*mut f64; FILES],
    stride: [usize; FILES],
    mask: [usize; FILES],
    fine: *mut f64,
}

impl Bases {
    fn new(files: &mut Files) -> Self {
        let (lanes, group) = (files.lanes, files.group());
        let mut bases = Self {
            start: [std::ptr::null_mut(); FILES],
            stride: [lanes; FILES],
            mask: [usize::MAX; FILES],
            fine: files.fine.as_mut_ptr(),
        };
        for (start, file) in bases.start.iter_mut().zip(&mut files.files) {
            *start = file.as_mut_ptr();
        }
        (bases.stride[0], bases.mask[0]) = (group, 0);
        bases
    }

    #[inline(always)]
    unsafe fn of(&self, place: Place) -> (*const f64, usize) {
        let file = place.file();
        // SAFETY: the place was checked against the files' lengths before anything ran.
        unsafe { (self.start[file].add(place.number() * self.stride[file]).cast_const(), self.mask[file]) }
    }
}

type From = (*const f64, usize);

/// One group of an operand.
#[inline(always)]
unsafe fn load<const W: usize>(from: From, k: usize) -> [f64; W] {
    // SAFETY: `k` is a multiple of `W` below the number of lanes, and a register has that many numbers; of a row, the first group.
    unsafe { *from.0.add(k & from.1).cast::<[f64; W]>() }
}

#[inline(always)]
unsafe fn one<const W: usize>(n: usize, to: *mut f64, a: From, f: impl Fn(f64) -> f64) {
    let mut k = 0;
    while k < n {
        // SAFETY: as of `load`.
        unsafe {
            let a = load::<W>(a, k);
            let mut out = [0.0; W];
            for l in 0..W {
                out[l] = f(a[l]);
            }
            *to.add(k).cast::<[f64; W]>() = out;
        }
        k += W;
    }
}

#[inline(always)]
unsafe fn two<const W: usize>(n: usize, to: *mut f64, a: From, b: From, f: impl Fn(f64, f64) -> f64) {
    let mut k = 0;
    while k < n {
        // SAFETY: as of `load`.
        unsafe {
            let (a, b) = (load::<W>(a, k), load::<W>(b, k));
            let mut out = [0.0; W];
            for l in 0..W {
                out[l] = f(a[l], b[l]);
            }
            *to.add(k).cast::<[f64; W]>() = out;
        }
        k += W;
    }
}

#[inline(always)]
unsafe fn three<const W: usize>(n: usize, to: *mut f64, a: From, b: From, c: From, f: impl Fn(f64, f64, f64) -> f64) {
    let mut k = 0;
    while k < n {
        // SAFETY: as of `load`.
        unsafe {
            let (a, b, c) = (load::<W>(a, k), load::<W>(b, k), load::<W>(c, k));
            let mut out = [0.0; W];
            for l in 0..W {
                out[l] = f(a[l], b[l], c[l]);
            }
            *to.add(k).cast::<[f64; W]>() = out;
        }
        k += W;
    }
}

#[inline(always)]
unsafe fn four<const W: usize>(n: usize, to: *mut f64, from: [From; 4], f: impl Fn(f64, f64, f64, f64) -> f64) {
    let mut k = 0;
    while k < n {
        // SAFETY: as of `load`.
        unsafe {
            let [a, b, c, d] = from.map(|from| load::<W>(from, k));
            let mut out = [0.0; W];
            for l in 0..W {
                out[l] = f(a[l], b[l], c[l], d[l]);
            }
            *to.add(k).cast::<[f64; W]>() = out;
        }
        k += W;
    }
}

/// An operation as a function, for each of some: the loop around it is made for that operation.
macro_rules! with {
    ($op:expr, [$($name:ident),*], $f:ident => $body:expr) => {
        match $op {
            $(Do::$name => { let $f = |a: f64, b: f64| Do::$name.of([a, b, 0.0]); $body })*
            // No other is asked for.
            _ => {}
        }
    };
}

#[inline(always)]
fn go<const W: usize>(insts: &[Inst], files: &mut Files, caller: Caller) {
    let n = files.lanes;
    let mut bases = Bases::new(files);
    for inst in insts {
        if let Act::Call(call) = inst.act {
            caller(files, call, inst.to);
            bases = Bases::new(files);
            continue;
        }
        let fine = bases.fine;
        // SAFETY: `Program::new` has checked all places of the code against the sizes of the files, and `W` divides the lanes.
        unsafe {
            let (a, b, c, d) = (bases.of(inst.a), bases.of(inst.b), bases.of(inst.c), bases.of(inst.d));
            let to = bases.of(inst.to).0.cast_mut();
            match inst.act {
                Act::Move => one::<W>(n, to, a, |a| a),
                Act::One(op) => match op {
                    Do::Negate => one::<W>(n, to, a, |a| Do::Negate.of([a, 0.0, 0.0])),
                    Do::Not => one::<W>(n, to, a, |a| Do::Not.of([a, 0.0, 0.0])),
                    Do::Abs => one::<W>(n, to, a, |a| Do::Abs.of([a, 0.0, 0.0])),
                    Do::Sqrt => one::<W>(n, to, a, |a| Do::Sqrt.of([a, 0.0, 0.0])),
                    Do::Floor => one::<W>(n, to, a, |a| Do::Floor.of([a, 0.0, 0.0])),
                    Do::Ceil => one::<W>(n, to, a, |a| Do::Ceil.of([a, 0.0, 0.0])),
                    Do::Round => one::<W>(n, to, a, |a| Do::Round.of([a, 0.0, 0.0])),
                    Do::Trunc => one::<W>(n, to, a, |a| Do::Trunc.of([a, 0.0, 0.0])),
                    Do::Exp => one::<W>(n, to, a, |a| Do::Exp.of([a, 0.0, 0.0])),
                    _ => one::<W>(n, to, a, |a| Do::Ln.of([a, 0.0, 0.0])),
                },
                Act::Two(op) => with!(op,
                    [Add, Subtract, Multiply, Divide, Min, Max, Less, LessEq, Greater, GreaterEq, Equal, NotEqual, And, Or, Power],
                    f => two::<W>(n, to, a, b, f)),
                Act::Pair(first, then, turned) => with!(first, [Add, Subtract, Multiply, Divide, Min, Max], f => {
                    match (then, turned) {
                        (Do::Add, false) => three::<W>(n, to, a, b, c, |a, b, c| f(a, b) + c),
                        (Do::Add, true) => three::<W>(n, to, a, b, c, |a, b, c| c + f(a, b)),
                        (Do::Subtract, false) => three::<W>(n, to, a, b, c, |a, b, c| f(a, b) - c),
                        (Do::Subtract, true) => three::<W>(n, to, a, b, c, |a, b, c| c - f(a, b)),
                        (Do::Multiply, false) => three::<W>(n, to, a, b, c, |a, b, c| f(a, b) * c),
                        (Do::Multiply, true) => three::<W>(n, to, a, b, c, |a, b, c| c * f(a, b)),
                        (Do::Divide, false) => three::<W>(n, to, a, b, c, |a, b, c| f(a, b) / c),
                        (Do::Divide, true) => three::<W>(n, to, a, b, c, |a, b, c| c / f(a, b)),
                        (Do::Min, false) => three::<W>(n, to, a, b, c, |a, b, c| Do::Min.of([f(a, b), c, 0.0])),
                        (Do::Min, true) => three::<W>(n, to, a, b, c, |a, b, c| Do::Min.of([c, f(a, b), 0.0])),
                        (_, false) => three::<W>(n, to, a, b, c, |a, b, c| Do::Max.of([f(a, b), c, 0.0])),
                        (_, true) => three::<W>(n, to, a, b, c, |a, b, c| Do::Max.of([c, f(a, b), 0.0])),
                    }
                }),
                Act::Select => three::<W>(n, to, a, b, c, |a, b, c| Do::Select.of([a, b, c])),
                Act::SelectIf(op) => with!(op, [Less, LessEq, Greater, GreaterEq, Equal, NotEqual],
                    f => four::<W>(n, to, [a, b, c, d], |a, b, c, d| if f(a, b) != 0.0 { c } else { d })),
                Act::Holds => {
                    let old = (fine.cast_const(), usize::MAX);
                    two::<W>(n, fine, a, old, |a, fine| if a != 0.0 { fine } else { 0.0 });
                }
                Act::HoldsIf(op) => {
                    let old = (fine.cast_const(), usize::MAX);
                    with!(op, [Less, LessEq, Greater, GreaterEq, Equal, NotEqual],
                        f => three::<W>(n, fine, a, b, old, |a, b, fine| if f(a, b) != 0.0 { fine } else { 0.0 }));
                }
                Act::Fine => {
                    let old = (fine.cast_const(), usize::MAX);
                    two::<W>(n, fine, a, old, |a, fine| {
                        // Without a branch.
                        let (low, high) = (a >= 0.0, a <= f64::MAX);
                        if low & high { fine } else { 0.0 }
                    });
                }
                Act::Finite => {
                    let old = (fine.cast_const(), usize::MAX);
                    two::<W>(n, fine, a, old, |a, fine| if a.abs() <= f64::MAX { fine } else { 0.0 });
                }
                Act::Call(_) => {}
            }
        }
    }
}

mod plain {
    use super::{Caller, Files, GROUP, Inst};

    pub(super) fn run(insts: &[Inst], files: &mut Files, caller: Caller) {
        super::go::<GROUP>(insts, files, caller);
    }

    pub(super) fn run_one(insts: &[Inst], files: &mut Files, caller: Caller) {
        super::go::<1>(insts, files, caller);
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::{Caller, Files, GROUP, Inst};

    #[target_feature(enable = "avx2,bmi2")]
    pub(super) fn run(insts: &[Inst], files: &mut Files, caller: Caller) {
        super::go::<GROUP>(insts, files, caller);
    }
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use super::{Caller, Files, GROUP, Inst};

    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,bmi2")]
    pub(super) fn run(insts: &[Inst], files: &mut Files, caller: Caller) {
        super::go::<GROUP>(insts, files, caller);
    }
}

/// Whether files of these sizes have all registers that an instruction names.
pub(super) fn fits(sizes: &Sizes, inst: &Inst) -> bool {
    let has = |p: Place| p.number() < sizes.0[p.file()].max(1);
    [inst.to, inst.a, inst.b, inst.c, inst.d].into_iter().all(has)
}
