//! Any bytes that are a sound model of a modest size are run by both evaluators.

#![no_main]

use flowc_fuzz::{Case, agree, catch_overflow, crossed, mutated};
use libfuzzer_sys::{Corpus, fuzz_crossover, fuzz_mutator, fuzz_target, fuzzer_mutate};

fuzz_target!(init: catch_overflow(), |bytes: &[u8]| -> Corpus {
    // What is not run is not worth building on; `check` looks at it.
    let case = Case::read(bytes);
    if case.is_large() || agree(&case.survive()).is_none() {
        return Corpus::Reject;
    }
    Corpus::Keep
});

fuzz_mutator!(|data: &mut [u8], size: usize, max: usize, seed: u32| {
    mutated(data, size, max, seed, 85).unwrap_or_else(|| fuzzer_mutate(data, size, max))
});

fuzz_crossover!(|one: &[u8], other: &[u8], out: &mut [u8], seed: u32| { crossed(one, other, out, seed) });
