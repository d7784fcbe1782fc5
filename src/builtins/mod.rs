//! Every function of the language, one row each.
//!
//! In: nothing. Out: [`find`] and [`all`]. A row says how a function is called, what its units are, what it computes, and
//! what it is called elsewhere; the checker, both evaluators, the book and completion read it from here.
//! Invariant: nobody outside asks for a function's name. Absent on purpose: user functions (`fn`), distributions.

pub mod aggregate;
mod curve;
pub mod draws;
pub(crate) mod kernels;
pub mod lanes;
pub mod philox;
mod reduce;
mod signature;
mod table;

use std::sync::LazyLock;

pub use aggregate::{Aggregate, Item, Nothing};
pub use curve::{Curve, Ends, Reading, Series};
pub use kernels::elementary::{exp, ln, pow};
pub use kernels::quantile::normal_quantile;
pub use kernels::{event_step, power, repeat, slack};
pub use reduce::{Accumulator, Reducer};
pub use signature::{Param, Signature, Slot};

/// What a function of the clock may see besides its arguments.
#[derive(Clone, Copy, Debug)]
pub struct Instant {
    /// The clock.
    pub time: f64,
    /// The clock at the start of the step. Runge-Kutta's stages lie behind it, and what jumps does so between steps.
    pub row: f64,
    /// The length of a step.
    pub dt: f64,
    /// Where the run starts.
    pub start: f64,
    /// The number of the step.
    pub step: f64,
}

/// Functions that look at another moment than now, or at what a flow asked for. Their argument is a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Memory {
    /// The value in the row before.
    Previous,
    /// The value in the row where this step starts.
    Opening,
    /// The value in row 0.
    Initial,
    /// What has come together since the start.
    Total,
    /// What a flow asked for.
    Requested,
}

/// How a function is computed.
#[derive(Clone, Copy, Debug)]
pub enum Kernel {
    /// Of one argument.
    One(fn(f64) -> f64),
    /// Of two.
    Two(fn(f64, f64) -> f64),
    /// Of three.
    Three(fn(f64, f64, f64) -> f64),
    /// Of any number, from the left.
    Fold(fn(f64, f64) -> f64),
    /// Of one argument and the unit to round to.
    Round(fn(f64) -> f64),
    /// Of up to three arguments and the clock; absent ones are NaN.
    Clock(fn([f64; 3], Instant) -> f64),
    /// Of another moment.
    Memory(Memory),
    /// Of a whole run: only metrics have it.
    Run,
    /// Of the values of many members, and of nothing else.
    Members,
    /// Of a member and an index.
    Member,
}

/// A function of the language.
#[derive(Debug)]
pub struct Builtin {
    /// What it is called with and what comes out, units included.
    pub signature: Signature,
    /// How it is computed.
    pub kernel: Kernel,
    /// What it means in a metric, over all rows of a run.
    pub reducer: Option<Reducer>,
    /// What it makes of the values of many members.
    pub aggregate: Option<Aggregate>,
    /// What it does, in a sentence or two.
    pub doc: &'static str,
    /// A use of it.
    pub example: &'static str,
    /// Its names in other tools, as `tool: name`.
    pub foreign: &'static [&'static str],
}

impl Builtin {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.signature.name
    }

    /// Whether its result is a member.
    pub fn gives_a_member(&self) -> bool {
        self.signature.result == Slot::Label
    }

    /// Whether it gives back its argument as it was at another moment, whatever that is: a label, too, or a condition.
    pub fn looks_elsewhere(&self) -> bool {
        matches!(self.kernel, Kernel::Memory(Memory::Previous | Memory::Opening | Memory::Initial))
            || matches!(self.reducer, Some(Reducer::Final | Reducer::Initial | Reducer::At))
    }

    /// Whether it gives what its argument is in one row, where an undefined value is shown as none.
    pub fn shows_undefined(&self) -> bool {
        matches!(self.reducer, Some(Reducer::Final | Reducer::Initial | Reducer::At))
    }

    /// Whether it counts members or where a condition holds.
    pub fn counts(&self) -> bool {
        self.aggregate.is_some() && self.signature.params.iter().any(|p| p.slot == Slot::Any)
    }
}

/// Functions of many values that lanes fold, from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LaneFold {
    Sum,
    Mean,
    Min,
    Max,
    Product,
    Count,
    Any,
    All,
}

/// By the address of a row's function: what lanes make of it.
static FOLDS: LazyLock<Vec<(usize, LaneFold)>> = LazyLock::new(|| {
    let fold = |b: &Builtin| {
        let fold = match b.name() {
            "sum" => LaneFold::Sum,
            "mean" => LaneFold::Mean,
            "min" => LaneFold::Min,
            "max" => LaneFold::Max,
            "product" => LaneFold::Product,
            "count" => LaneFold::Count,
            "any" => LaneFold::Any,
            "all" => LaneFold::All,
            _ => return None,
        };
        b.aggregate.as_ref().map(|a| (a.gather as usize, fold))
    };
    ALL.iter().filter_map(fold).collect()
});

/// What lanes make of a function of many values.
pub(crate) fn lane_fold(gather: usize) -> Option<LaneFold> {
    FOLDS.iter().find(|(f, _)| *f == gather).map(|(_, fold)| *fold)
}

static ALL: LazyLock<Vec<Builtin>> = LazyLock::new(table::rows);

/// All functions, in the order of the book.
pub fn all() -> &'static [Builtin] {
    &ALL
}

/// What `categorical` makes of the odds of many members: one of them. No expression can call it.
pub fn odds() -> &'static Builtin {
    static ODDS: LazyLock<Builtin> = LazyLock::new(table::odds);
    &ODDS
}

/// The function of this name.
pub fn find(name: &str) -> Option<&'static Builtin> {
    ALL.iter().find(|b| b.name() == name)
}
