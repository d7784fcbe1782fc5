//! Experiments: which runs there are, and what comes of many of them.
//!
//! In: a checked model, the experiment that is asked for, and then the numbers of its runs. Out: a [`Plan`], and answers.
//! Invariant: the same model, experiment and seed give the same plan and the same answers, whatever the number of threads.
//! Absent on purpose: reading models, running them, and text.

mod plan;
mod runs;

pub use plan::{Arm, Plan, Sample, Swept, SweptValue, Variant, plan};
pub use runs::RunSet;
