//! Text and its tree.
//!
//! In: text. Out: tokens, the syntax tree ([`ast`]), and the text again, laid out ([`fmt`]).

pub mod ast;
pub mod fmt;
pub mod parse;
pub mod token;
