//! Any bytes are checked, their mistakes shown, and their text laid out.

#![no_main]

use flowc_fuzz::{Case, catch_overflow, crossed, mutated};
use libfuzzer_sys::{Corpus, fuzz_crossover, fuzz_mutator, fuzz_target, fuzzer_mutate};

fuzz_target!(init: catch_overflow(), |bytes: &[u8]| -> Corpus {
    let case = Case::read(bytes);
    if case.is_large() {
        return Corpus::Reject;
    }
    let checked = case.survive();
    case.keep_layout(&checked);
    Corpus::Keep
});

fuzz_mutator!(|data: &mut [u8], size: usize, max: usize, seed: u32| {
    mutated(data, size, max, seed, 40).unwrap_or_else(|| fuzzer_mutate(data, size, max))
});

fuzz_crossover!(|one: &[u8], other: &[u8], out: &mut [u8], seed: u32| { crossed(one, other, out, seed) });
