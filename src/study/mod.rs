//! Experiments: which runs there are, and what comes of many of them.
//!
//! In: a checked model, the experiment that is asked for, and then the numbers of its runs. Out: a [`Plan`], and answers.
//! Invariant: the same model, experiment and seed give the same plan and the same answers, whatever the number of threads.
//! Absent on purpose: reading models, running them, and text.

mod findings;
mod goals;
mod plan;
mod runs;
mod sampling;
mod statistics;

pub use findings::{Best, Cell, Findings, Kind, Place, Question, Questions, findings};
pub use goals::questions;
pub use plan::{Arm, Plan, Sample, Swept, SweptValue, Variant, plan};
pub use runs::RunSet;
pub use sampling::{Beyond, SOBOL_PARAMS, SOBOL_SAMPLES, design};
pub use statistics::{GROUP, Mean, Moments, Paired, QUANTILES, Share, Spread, quantile, runs_to_see, t_quantile};
