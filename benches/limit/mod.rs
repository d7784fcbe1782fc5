//! What a machine can do: the models of the race written by hand, as loops over lanes that become vector instructions.
//!
//! In: params and numbers of runs. Out: what each run ends with. Each workload is one function over a block of runs, made once for
//! each instruction set and picked when the program starts. Invariant: the operations of the `.flow` model, its kernels and the
//! places of its draws, without fused rounding. Absent on purpose: the checks that flowc makes of every run (nothing below zero,
//! nothing infinite, the ledger's audit): what they cost is part of what is measured.

pub mod ladder;
pub mod market;
pub mod waves;

/// A set of instructions that this processor has. All three are tried: which is fastest hangs on the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// What every processor of its kind has; SSE2 on x86-64.
    Baseline,
    Avx2,
    Avx512,
}

impl Isa {
    /// Those that this processor has.
    pub fn available() -> Vec<Isa> {
        #[allow(unused_mut)]
        let mut all = vec![Isa::Baseline];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi2") {
                all.push(Isa::Avx2);
            }
            if ["f", "dq", "vl", "bw"].iter().all(|part| has_avx512(part)) && all.contains(&Isa::Avx2) {
                all.push(Isa::Avx512);
            }
        }
        all
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Isa::Baseline if cfg!(target_arch = "x86_64") => "SSE2",
            Isa::Baseline => std::env::consts::ARCH,
            Isa::Avx2 => "AVX2",
            Isa::Avx512 => "AVX-512",
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx512(part: &str) -> bool {
    match part {
        "f" => is_x86_feature_detected!("avx512f"),
        "dq" => is_x86_feature_detected!("avx512dq"),
        "vl" => is_x86_feature_detected!("avx512vl"),
        _ => is_x86_feature_detected!("avx512bw"),
    }
}

/// `fn NAME(isa, …)` out of an inlined `BODY(…)`: compiled once for each instruction set.
macro_rules! for_each_isa {
    ($(#[$doc:meta])* $name:ident = $body:ident($($arg:ident: $type:ty),* $(,)?)) => {
        $(#[$doc])*
        pub fn $name(isa: $crate::limit::Isa, $($arg: $type),*) {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,bmi2")]
                fn avx2($($arg: $type),*) {
                    $body($($arg),*)
                }
                #[target_feature(enable = "avx2,bmi2,avx512f,avx512dq,avx512vl,avx512bw")]
                fn avx512($($arg: $type),*) {
                    $body($($arg),*)
                }
                // SAFETY: `Isa::available` gives only what the processor says it has.
                match isa {
                    $crate::limit::Isa::Avx512 => return unsafe { avx512($($arg),*) },
                    $crate::limit::Isa::Avx2 => return unsafe { avx2($($arg),*) },
                    $crate::limit::Isa::Baseline => {}
                }
            }
            let _ = isa;
            $body($($arg),*)
        }
    };
}
pub(crate) use for_each_isa;

/// The smaller, by one instruction.
#[inline(always)]
pub fn least(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

/// The larger.
#[inline(always)]
pub fn most(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

/// Does a part of the work in each of so many threads: `work(first, part)`, where `part` of the results begins at `first`. Parts
/// are whole blocks.
pub fn in_threads<T: Send>(threads: usize, out: &mut [T], block: usize, work: impl Fn(usize, &mut [T]) + Sync) {
    if threads < 2 {
        return work(0, out);
    }
    let part = out.len().div_ceil(threads).next_multiple_of(block);
    std::thread::scope(|scope| {
        for (i, part_out) in out.chunks_mut(part).enumerate() {
            let work = &work;
            scope.spawn(move || work(i * part, part_out));
        }
    });
}
