//! flowc
pub mod diag;
pub mod source;
pub mod syntax;
pub mod units;
pub mod builtins;
pub mod hir;
pub mod check;
pub mod ir;
pub mod exec;
