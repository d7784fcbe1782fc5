//! What is left to chance: draws, and params that are uncertain.
//!
//! In: nothing. Out: [`Draw`], [`Uncertain`], the data that evaluators follow. Absent on purpose: how a value comes about
//! (see [`How`]).

use super::{ExprId, Origin, PopId};
use crate::builtins::draws::How;

/// A draw: a value that chance gives anew in each step, or now and then.
#[derive(Clone, Debug)]
pub struct Draw {
    /// The population that has it; `None` is the model.
    pub of: Option<PopId>,
    pub origin: Origin,
    /// [`name_hash`](crate::builtins::philox::name_hash) of its name and labels. The place of a value is (run, the step in
    /// which it is made, the number of the member, 0 for the model).
    pub hash: u64,
    pub how: How,
    /// As [`How`] says.
    pub args: Vec<ExprId>,
    /// It is made at the start of the run and again each period, and held between; without one it is made in each step.
    pub every: Option<ExprId>,
    /// It is made when this phase starts; without one, when the step does.
    pub phase: Option<usize>,
    /// Its arguments look at cells that hold the row, so these are written before it is made.
    pub rows: bool,
}

/// A param that is sampled. Its place in a random design is (run or number of the sample, step 0, member 0).
#[derive(Clone, Debug)]
pub struct Uncertain {
    pub origin: Origin,
    /// As of a draw.
    pub hash: u64,
    pub how: How,
    pub args: Vec<ExprId>,
}
