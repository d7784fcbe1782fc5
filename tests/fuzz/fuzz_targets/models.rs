//! Any bytes are the choices of the generator of models: what is right by construction checks, runs, and does so again when
//! it is laid out.

#![no_main]

use flowc_fuzz::models::{Kind, chosen};
use flowc_fuzz::{Case, agree, catch_overflow};
use libfuzzer_sys::fuzz_target;

const KIND: Kind = Kind { jumps: true, failures: true, order: true, exact: false, lives: false, closed: false, phases: None };

fuzz_target!(init: catch_overflow(), |bytes: &[u8]| {
    let text = chosen(bytes.to_vec(), KIND).text();
    let case = Case::read(text.as_bytes());
    let checked = case.survive();
    let errors = || checked.diagnostics.iter().map(|d| flowc::cli::plain(d, &checked.sources)).collect::<String>();
    assert!(checked.is_sound(), "a model that is right by construction is refused:\n{}\n{text}", errors());
    case.keep_layout(&checked);
    let outcome = agree(&checked);
    let laid_out = flowc::syntax::fmt::format(&text);
    let again = agree(&Case::read(laid_out.as_bytes()).survive());
    assert_eq!(format!("{outcome:?}"), format!("{again:?}"), "the layout changes the results of\n{text}");
});
