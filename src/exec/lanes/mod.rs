//! Many runs side by side: each instruction is done for a block of lanes, and a lane holds one run of one point.
//!
//! In: [`ir::Model`](crate::ir::Model), and what sets runs apart. Out: each run's metrics and goals, and its rows' values where
//! they are asked for; or that a run must be done alone. Invariant: a lane has the bits that its run has alone, on any instruction set, in any
//! block. Absent on purpose: failures, which a run alone finds and tells; threads and points (see `exec::many`).

mod block;
mod code;
mod graph;
mod kernel;
mod ledger;
mod program;
mod stages;
mod step;

pub(crate) use block::{Block, Deck, Fitted};
pub(crate) use code::Place;
pub use kernel::Set;
pub use program::Program;
