//! What lives: populations, how their members are born, and where what they hold goes when they retire.
//!
//! In: nothing. Out: the data that evaluators follow. Invariant: whatever has `of: Some(population)` (a cell, let, move, fact,
//! draw, update …) has a value for each living member, and its expressions stand in the scope of that population's own
//! binder. Absent on purpose: how many members there are; a run knows that.

use super::{CellId, Column, DeclId, ExprId, ListItem, Origin};
use crate::builtins::Item;
use crate::builtins::draws::How;

/// A population.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PopId(pub u32);

/// A name that stands for a living member: a population's own, or that of a comprehension. Each is bound in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Who(pub u32);

/// Members that are born and retire. Each has a lasting number, 0, 1, 2 …, never given twice in a run; they are gone
/// through in its order, and a reference to a member is its number.
#[derive(Clone, Debug)]
pub struct Population {
    /// The declaration that stands for how many are alive.
    pub decl: DeclId,
    /// The member that expressions of the population itself are about.
    pub me: Who,
    /// More than so many living members fail the run; worked out once, when the model has opened.
    pub limit: ExprId,
    /// What a newborn opens with, in an order in which it can be worked out: traits, then stocks and states.
    pub births: Vec<Birth>,
    /// Some `retire` is about it, so that a reference to a member may name one that is gone.
    pub mortal: bool,
}

/// What a newborn opens with in one of its cells.
#[derive(Clone, Debug)]
pub struct Birth {
    pub cell: CellId,
    pub origin: Origin,
    pub value: Born,
    /// Of a stock, what it is taken from; else nothing.
    pub from: Option<Funded>,
}

/// Where what a newborn opens with comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Funded {
    /// The stock of the newborn, by number.
    pub stock: usize,
    /// What it is taken from, by number; `None` is the cloud.
    pub from: Option<usize>,
    /// Of a stock of another member: which.
    pub whose: Option<u32>,
}

/// How it comes about.
#[derive(Clone, Debug)]
pub enum Born {
    Formula(ExprId),
    /// Luck of the place (run, step 0, number of the member), whenever it is born.
    Drawn {
        hash: u64,
        how: How,
        args: Vec<ExprId>,
    },
    /// A living member, by one uniform of that place and the cumulated weights, in order of number.
    Pick {
        hash: u64,
        population: PopId,
        /// The candidate.
        who: Who,
        condition: Option<ExprId>,
        /// All weigh the same without one.
        weight: Option<ExprId>,
    },
}

/// `spawn`: members that are born, in order of declaration, behind all that a step does.
#[derive(Clone, Copy, Debug)]
pub struct Spawn {
    pub population: PopId,
    /// Its number in the source.
    pub number: usize,
    pub how: Spawning,
}

/// How many are born. The expressions are the model's.
#[derive(Clone, Copy, Debug)]
pub enum Spawning {
    /// So many before row 0.
    Initially(ExprId),
    /// So many per time: r · dt is added up, and whole ones are born.
    Rate(ExprId),
    /// So many each step, added up in the same way.
    Each(ExprId),
    /// As many as are missing.
    UpTo(ExprId),
}

/// `retire`: members that go, in order of declaration, before any is born.
#[derive(Clone, Debug)]
pub struct Retire {
    pub population: PopId,
    /// Its number in the source.
    pub number: usize,
    /// Worked out for all members before any of them goes.
    pub when: ExprId,
    /// Where each stock of a member goes, every stock once.
    pub routes: Vec<Route>,
}

/// Where a stock of a retiring member goes.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    pub stock: usize,
    /// Among the model's parts, as of a move.
    pub parts: (u32, u32),
    /// The parts are amounts, and no shares.
    pub amounts: bool,
}

/// What is told of each living member in the rows that are kept, where a call asks for it.
#[derive(Clone, Debug)]
pub struct Roll {
    pub population: PopId,
    /// Traits, stocks, states, lets, draws, moves: in the scope of the population's own binder.
    pub columns: Vec<Column>,
    /// Only members for which all of these hold.
    pub only: Vec<ExprId>,
}

/// An end of a move that is a stock of the member which a reference names.
#[derive(Clone, Copy, Debug)]
pub struct Whose {
    pub population: PopId,
    /// The reference, in the scope of what moves.
    pub member: ExprId,
    /// The end in its place if that member is gone: a stock by number (the model's, or the moving member's own), or the cloud.
    /// Without one it cannot be gone; where it is, the run fails.
    pub otherwise: Option<Option<usize>>,
}

/// A value of the member that a reference names.
#[derive(Clone, Copy, Debug)]
pub struct Referred {
    pub population: PopId,
    /// The reference.
    pub member: ExprId,
    /// What is read of it: an expression in the scope of the population's own binder.
    pub value: ExprId,
    /// The value where the member is gone; NaN where it cannot be.
    pub otherwise: ExprId,
}

/// A function of many values, living members among them.
#[derive(Clone, Debug)]
pub struct Gather {
    pub gather: fn(f64, &[Item]) -> f64,
    pub head: Option<ExprId>,
    pub items: Vec<Among>,
    /// The value where nothing is in.
    pub otherwise: Option<ExprId>,
}

/// One of them, or as many as there are living members.
#[derive(Clone, Debug)]
pub enum Among {
    /// A value. Where its member as a number is NaN, it is that of the innermost living one.
    One(ListItem),
    /// For each living member in order of number for which the condition holds, what stands inside.
    Each { who: Who, population: PopId, condition: Option<ExprId>, items: Vec<Among> },
}
