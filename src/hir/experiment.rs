//! From syntax to meaning: experiments. What is swept, which arms are compared, how often.
//!
//! In: the blocks of a model, and what a call asks for, which is read as lines of a block. Out: [`Experiment`]s.
//! Invariant: a line of the call takes the place of the block's lines of its kind. Absent on purpose: the values
//! themselves, which are worked out when their units are known (see `check`).

use super::{DeclId, ExprId};
use crate::source::Span;
use crate::syntax::ast::{self, ExperimentItem};

/// `experiment …`, or what a call asks for.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// Its name; what a call asks for without naming one has none.
    pub name: Option<String>,
    /// Where the name stands; of what has none, where its first line does.
    pub span: Span,
    /// What is swept, in the order of the text. Sweeps cross; those of one number go together.
    pub axes: Vec<Axis>,
    /// Its arms: `None` is the run without a scenario. Without a `compare` there are none.
    pub arms: Vec<(Option<String>, Span)>,
    /// How many samples of the uncertain params there are, and how they are drawn.
    pub sample: Option<(ExprId, Design, Span)>,
    /// How many runs each point, arm and sample has.
    pub runs: Option<(ExprId, Span)>,
    /// The seed.
    pub seed: Option<(ExprId, Span)>,
    /// The metrics that are asked for, each with the one member, if it is one; without a `measure` there are none.
    pub measures: Vec<(DeclId, Option<Vec<u32>>, Span)>,
}

/// Something that is swept.
#[derive(Clone, Debug)]
pub struct Axis {
    /// What.
    pub decl: DeclId,
    /// The one member that is swept, if it is not the whole.
    pub member: Option<Vec<u32>>,
    /// As it is written: `fee`, `share[team]`.
    pub name: String,
    /// Where that stands.
    pub span: Span,
    /// The number of its `sweep`: those of one `sweep zip` share it.
    pub sweep: usize,
    /// What it goes through.
    pub values: Values,
}

/// What a sweep goes through.
#[derive(Clone, Debug)]
pub enum Values {
    /// These, one after the other, each with where it is written.
    List(Vec<ExprId>),
    /// From the first to the second by the third.
    Range {
        /// Where it starts.
        low: ExprId,
        /// Where it ends, if it meets it.
        high: ExprId,
        /// How far it goes each time.
        by: ExprId,
    },
    /// Options of a policy, by number.
    Options(Vec<usize>),
}

/// How uncertain params are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Design {
    /// Each by itself.
    #[default]
    Random,
    /// One from each of n equal parts.
    LatinHypercube,
    /// A scrambled Sobol sequence.
    Sobol,
}

impl Design {
    /// All of them.
    pub const ALL: [Design; 3] = [Design::Random, Design::LatinHypercube, Design::Sobol];

    /// Its name in the language.
    pub fn name(self) -> &'static str {
        match self {
            Design::Random => "random",
            Design::LatinHypercube => "latin_hypercube",
            Design::Sobol => "sobol",
        }
    }
}

/// What a call asks for.
#[derive(Debug, Default)]
pub struct Asked {
    /// `-e NAME`.
    pub name: Option<ast::Name>,
    /// Lines as they stand in a block.
    pub items: Vec<ExperimentItem>,
    /// The run is that of these values: of each choice the number of the axis and of its value.
    pub chosen: Vec<(usize, usize)>,
}
