//! What a model means: names resolved, sugar gone, places kept.
//!
//! In: syntax trees. Out: [`Model`]. Invariant: every id points into its table; an expression that could not be resolved is
//! [`ExprKind::Error`] and has been reported. Absent on purpose: units of values and order of evaluation (see `check`).

mod array;
mod asked;
mod cell;
mod data;
mod draw;
mod entity;
mod experiment;
mod expr;
mod index;
mod label;
mod ledger;
mod living;
mod model;
mod phase;
mod resolve;
mod setting;
mod time;
mod units;
mod value;

pub(crate) use data::header_says;
pub use data::{Misfit, Tables};
pub use experiment::{Asked, Axis, Design, Experiment, Values};
pub use living::{Entity, Except, Life, Retire, Spawn, Trait};
pub use model::Descend;
pub use resolve::{Input, Setting, resolve};
pub(crate) use units::bounded as bounded_power;

use num_rational::BigRational;
use num_traits::Zero;

use crate::builtins::draws::Form;
use crate::builtins::{Builtin, Ends, Reading};
use crate::data::Decimal;
use crate::source::Span;
pub use crate::syntax::ast::{BinaryOp, CompareOp, ShortKind, Spawn as SpawnKind};
use crate::syntax::parse::Incomplete;
use crate::units::{Date, Registry, Unit, UnitId};

/// An array of more cells is not worked out.
pub(crate) const MOST_CELLS: usize = 10_000_000;

/// A declaration of a [`Model`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeclId(pub u32);

/// An expression of a [`Model`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExprId(pub u32);

/// A function that the model declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FnId(pub u32);

/// An index: a finite set of members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexId(pub u32);

/// A name that stands for a member: `r` in `r in Recipient`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BinderId(pub u32);

/// A graphical function of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CurveId(pub u32);

/// A kind of members that live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityId(pub u32);

/// Numbers, labels or conditions from a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataId(pub u32);

/// A whole model.
#[derive(Debug, Default)]
pub struct Model {
    /// The `//!` lines.
    pub doc: String,
    /// All units in scope.
    pub units: Registry,
    /// All named values, in the order of the text.
    pub decls: Vec<Decl>,
    /// All functions that are declared.
    pub fns: Vec<Function>,
    /// All expressions.
    pub exprs: Vec<Expr>,
    /// All indexes.
    pub indexes: Vec<Index>,
    /// All names of members, each in one place.
    pub binders: Vec<Binder>,
    /// All graphical functions.
    pub curves: Vec<Curve>,
    /// What was read from files.
    pub data: Vec<Cells>,
    /// Cells that a file leaves out; the array that reads it must leave them out as well.
    pub gaps: Vec<(DataId, Vec<usize>)>,
    /// The clock, if there is one.
    pub clock: Option<Clock>,
    /// What may be declared where nothing could be read.
    pub incomplete: Incomplete,
    /// There may be a clock that could not be read.
    pub clock_unknown: bool,
    /// `record every`.
    pub record: Option<ExprId>,
    /// All `conserve`s.
    pub conserves: Vec<Conserve>,
    /// Members that a call or a scenario sets, and where it says so.
    pub set_members: Vec<(DeclId, Vec<u32>, Span)>,
    /// All assertions.
    pub asserts: Vec<Assert>,
    /// The parts of a step, in their order; where none are declared, a step is one part.
    pub phases: Vec<Phase>,
    /// What a run should come to.
    pub goals: Vec<Goal>,
    /// Named settings.
    pub scenarios: Vec<Scenario>,
    /// What is assumed.
    pub assumptions: Vec<Assumption>,
    /// What is run many times.
    pub experiments: Vec<Experiment>,
    /// The one that the call asks for, by number.
    pub asked: Option<usize>,
    /// The scenario in force.
    pub in_force: Option<String>,
    /// What lives.
    pub entities: Vec<Entity>,
    /// Which members a call wants to see: those for which it holds.
    pub only: Vec<Assert>,
    /// How members are born, in the order of the text.
    pub spawns: Vec<Spawn>,
    /// When they go, in the order of the text.
    pub retires: Vec<Retire>,
}

/// An index.
#[derive(Debug)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// Where the name stands.
    pub span: Span,
    /// The index that its members are of: itself, or for a subset the one at the bottom.
    pub root: IndexId,
    /// Who is in it.
    pub members: Members,
    /// Something reads it or one of its members.
    pub read: bool,
}

/// The members of an index. A member is known by its position in the root.
#[derive(Clone, Debug)]
pub enum Members {
    /// Labels, with their places.
    Labels(Vec<(String, Span)>),
    /// Whole numbers, one after the other.
    Numbers {
        /// The least.
        first: i64,
        /// How many.
        count: u32,
    },
    /// A part of the root, by position, in its own order.
    Part(Vec<u32>),
    /// Members that are born and retire: a run knows them.
    Living(EntityId),
    /// What could not be read, and has been reported.
    Unknown,
}

/// A name that stands for each member of an index in turn.
#[derive(Debug)]
pub struct Binder {
    /// Its name.
    pub name: String,
    /// What it goes through.
    pub index: IndexId,
    /// Which of them.
    pub filter: Option<ExprId>,
}

/// A graphical function.
#[derive(Debug)]
pub struct Curve {
    /// Its name.
    pub name: String,
    /// Where the name stands.
    pub span: Span,
    /// Its argument's name and type.
    pub argument: (String, Option<Annotation>),
    /// The type of its values.
    pub ty: Option<Annotation>,
    /// Its points.
    pub points: Vec<(ExprId, ExprId)>,
    /// What it is outside them.
    pub ends: Ends,
    /// Something reads it.
    pub read: bool,
}

/// Values from a file, in the order of their members.
#[derive(Debug)]
pub enum Cells {
    /// Numbers, as written; they count in the unit of their place.
    Numbers(Vec<Decimal>),
    /// Labels, by position.
    Labels(IndexId, Vec<u32>),
    /// Conditions.
    Bools(Vec<bool>),
}

/// A part of a step: everything in it reads the state at its start, and lands at once.
#[derive(Clone, Debug)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// Where the name stands.
    pub span: Span,
}

/// `goal …`
#[derive(Clone, Debug)]
pub struct Goal {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// What is asked.
    pub kind: GoalKind,
    /// In which share of the runs a condition should hold.
    pub share: Option<ExprId>,
    /// The whole declaration.
    pub span: Span,
}

/// What a goal asks.
#[derive(Clone, Debug)]
pub enum GoalKind {
    /// That this holds.
    Holds(ExprId),
    /// That a metric is so much of what it is in another arm.
    Of {
        /// The metric.
        metric: ExprId,
        /// How they compare.
        op: CompareOp,
        /// The share.
        share: ExprId,
        /// The other arm.
        arm: String,
    },
    /// That this is as large as can be.
    Maximize(ExprId),
    /// That this is as small as can be.
    Minimize(ExprId),
}

/// `scenario …`
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// Where the name stands.
    pub span: Span,
    /// What it sets, and to what.
    pub settings: Vec<(DeclId, ExprId)>,
    /// All that it sets, policies too, with the one member, if it is one, and where it says so.
    pub sets: Vec<(DeclId, Option<Vec<u32>>, Span)>,
}

/// `assumption …`
#[derive(Clone, Debug)]
pub struct Assumption {
    /// Its name.
    pub name: String,
    /// What it says.
    pub text: String,
    /// What it is about.
    pub about: Vec<String>,
    /// The named values among that.
    pub values: Vec<DeclId>,
    /// Where it comes from.
    pub source: Option<String>,
    /// How sure it is: `low`, `medium` or `high`.
    pub confidence: Option<String>,
}

/// A named value.
#[derive(Debug)]
pub struct Decl {
    /// The keyword that declares it.
    pub word: &'static str,
    /// Its name.
    pub name: String,
    /// Where the name stands.
    pub span: Span,
    /// The whole declaration.
    pub whole: Span,
    /// Its `///` lines.
    pub doc: String,
    /// The type that is written.
    pub ty: Option<Annotation>,
    /// The members that it has a value for; of a plain value there are none.
    pub axes: Vec<BinderId>,
    /// It has the members of this one.
    pub like: Option<DeclId>,
    /// The part of the step that it belongs to, by number.
    pub phase: Option<usize>,
    /// The entity that declares it: its first axis is that one's members.
    pub entity: Option<EntityId>,
    /// What it is.
    pub kind: DeclKind,
    /// Something reads it.
    pub read: bool,
}

/// A type that is written.
#[derive(Clone, Debug)]
pub struct Annotation {
    /// What it says.
    pub kind: AnnotationKind,
    /// Where.
    pub span: Span,
}

/// What an annotation says.
#[derive(Clone, Debug)]
pub enum AnnotationKind {
    /// A unit.
    Unit(Unit),
    /// A condition.
    Bool,
    /// A member of an index.
    Label(IndexId),
    /// What could not be resolved, and has been reported.
    Unknown,
}

/// The kinds of named values.
#[derive(Debug)]
pub enum DeclKind {
    /// A constant of the run.
    Param {
        /// Its default.
        value: ExprId,
        /// What a setting puts in its place.
        set: Option<ExprId>,
        /// The values that it may have.
        range: Option<(ExprId, ExprId)>,
        /// What it is drawn from where it is sampled; without a default, always.
        dist: Option<Box<Dist>>,
    },
    /// A value that chance gives anew.
    Draw(Box<Draw>),
    /// What a member is born with, and keeps.
    Trait(Box<Trait>),
    /// The name of an entity: how many members are alive.
    Population(EntityId),
    /// A column of an index's table.
    Column {
        /// Its cells.
        value: ExprId,
    },
    /// Data over time.
    Series(Box<Series>),
    /// An auxiliary.
    Let {
        /// Its formula.
        value: ExprId,
    },
    /// Memory that is no holding.
    State {
        /// Its value in row 0.
        initial: ExprId,
        /// How it moves.
        rule: Option<Rule>,
    },
    /// A holding.
    Stock {
        /// What it opens with.
        opening: ExprId,
        /// What a setting puts in its place.
        set: Option<ExprId>,
        /// Of an entity: where a newborn's opening is taken from.
        from: Option<Place>,
        /// It may go below zero.
        signed: bool,
        /// The values that it may have.
        range: Option<(ExprId, ExprId)>,
    },
    /// A flow, a transfer, or a leg of a trade.
    Move(Box<Move>),
    /// A trade: transfers that go through together, as far as the poorest of their sources lets them.
    Trade(Box<Trade>),
    /// A choice between formulas, made for the whole run.
    Policy {
        /// Each with its name and where that stands.
        options: Vec<(String, Span, ExprId)>,
        /// The one in force, by number.
        chosen: usize,
    },
    /// The new value of a state, within a phase.
    Update {
        /// The state.
        state: DeclId,
        /// The formula.
        value: ExprId,
    },
    /// A number of the whole run.
    Metric {
        /// Its formula.
        value: ExprId,
        /// From when to when it looks.
        window: Option<(ExprId, ExprId)>,
    },
    /// What another tool says of a value; nothing can read it.
    Expect(Box<Expect>),
    /// What cannot be read or is not built yet: it has been reported, and whoever reads it stays silent.
    Unknown,
}

/// A value that chance gives anew.
#[derive(Debug)]
pub struct Draw {
    /// What it is drawn from.
    pub dist: Dist,
    /// How often; without a period in each step.
    pub every: Option<ExprId>,
    /// `each step` where it is written.
    pub each_step: bool,
}

/// A distribution and its arguments.
#[derive(Debug)]
pub struct Dist {
    /// Which.
    pub kind: DistKind,
    /// Its arguments in the order of their form; behind those of what is truncated its ends. Of `multinomial` how many are
    /// shared out, and the odds of a member; of `categorical` its odds as a function of many members; of `empirical` the data.
    pub args: Vec<ExprId>,
    /// Where its name stands.
    pub name: Span,
    /// All of it.
    pub span: Span,
}

/// The distributions.
#[derive(Clone, Copy, Debug)]
pub enum DistKind {
    /// One of the table, under one set of parameters.
    Form(&'static Form),
    /// The same between two ends.
    Truncated(&'static Form),
    /// The values of a column.
    Empirical(DataId),
    /// A member of an index.
    Categorical,
    /// The parts of a whole that the members of an index get.
    Multinomial,
}

/// Data over time.
#[derive(Debug)]
pub struct Series {
    /// The time of each row.
    pub times: Vec<BigRational>,
    /// The values of each row, for each member.
    pub values: Vec<DataId>,
    /// What it is between the rows.
    pub reading: Reading,
    /// Outside the rows it is what it is in the first or the last.
    pub clamp: bool,
    /// The values are those of run 1, run 2 …
    pub by_run: bool,
    /// The path of its file, where it stands.
    pub file: Span,
}

/// A value, and what a file says of it.
#[derive(Debug)]
pub struct Expect {
    /// The value.
    pub value: ExprId,
    /// How far the two may be apart.
    pub within: ExprId,
    /// The file's path in the model's folder.
    pub path: String,
    /// The unit that the header gives the column, if it does, with its meaning where it is one name.
    pub unit: Option<(String, Option<UnitId>)>,
    /// Where the header says so.
    pub header: crate::data::Place,
    /// The time of each row.
    pub times: Vec<BigRational>,
    /// Where it stands.
    pub places: Vec<crate::data::Place>,
    /// The values of the rows, in the unit in which the value is shown.
    pub values: DataId,
    /// A row is compared with the row of a run that comes so many steps before its time.
    pub shifted: u64,
}

/// How a state moves.
#[derive(Debug)]
pub enum Rule {
    /// Its value one step on, or one period on.
    Next {
        /// The formula.
        value: ExprId,
        /// The period.
        every: Option<ExprId>,
    },
    /// Its derivative.
    Rate(ExprId),
}

/// An edge of the ledger.
#[derive(Debug)]
pub struct Move {
    /// A flow (per time) and not a transfer (an amount).
    pub flow: bool,
    /// It may run backward.
    pub two_way: bool,
    /// Where it takes.
    pub from: Place,
    /// Where it gives: to one place, or a part to each of several.
    pub to: Vec<Part>,
    /// How much it asks for.
    pub amount: ExprId,
    /// What happens when there is too little.
    pub short: Option<ShortKind>,
    /// When it moves.
    pub timing: Timing,
    /// The trade that it is a leg of.
    pub trade: Option<DeclId>,
}

/// Transfers that go through together.
#[derive(Debug)]
pub struct Trade {
    /// Each of them.
    pub legs: Vec<DeclId>,
    /// What happens when there is too little.
    pub short: Option<ShortKind>,
    /// When they move.
    pub timing: Timing,
}

/// Where a part of what moves goes.
#[derive(Clone, Debug)]
pub struct Part {
    /// Where.
    pub place: Place,
    /// How much of it: a share or an amount. What has none gets what is left.
    pub share: Option<ExprId>,
}

/// An end of a move.
#[derive(Clone, Debug)]
pub struct Place {
    /// What it is.
    pub kind: PlaceKind,
    /// Which member of it.
    pub at: Vec<ExprId>,
    /// Where it goes, or comes from, if the member that a reference names is gone.
    pub otherwise: Option<Box<Place>>,
    /// Where it is written.
    pub span: Span,
}

/// What an end of a move is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlaceKind {
    /// Outside the model.
    Cloud,
    /// A declaration; `check` demands that it is a stock.
    Decl(DeclId),
    /// What could not be resolved.
    Unknown,
}

/// When a move moves.
#[derive(Clone, Debug)]
pub enum Timing {
    /// All the time, or in each step.
    Always,
    /// Once, at an instant.
    At(ExprId),
    /// Again and again.
    Every {
        /// How often.
        period: ExprId,
        /// From when.
        from: Option<ExprId>,
        /// Until when.
        to: Option<ExprId>,
    },
    /// In each step in which a condition holds, or only in the first.
    When {
        /// The condition.
        condition: ExprId,
        /// Only the first time.
        once: bool,
    },
    /// Nothing says when: an error.
    Missing,
}

/// A function that the model declares.
#[derive(Debug)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Where the name stands.
    pub span: Span,
    /// Its arguments.
    pub params: Vec<(String, Option<Annotation>)>,
    /// Its formula.
    pub body: ExprId,
    /// The functions that it calls.
    pub calls: Vec<(FnId, Span)>,
    /// Something calls it.
    pub read: bool,
}

/// How what flows within a step is worked out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// By its rate at the start of the step.
    #[default]
    Euler,
    /// Heun's method: by the mean of the rates at the start and at the end.
    Rk2,
    /// The classic method of four stages (Kutta 1901).
    Rk4,
}

impl Method {
    /// All of them, by the names that models write.
    pub const ALL: [(&'static str, Method); 3] = [("euler", Method::Euler), ("rk2", Method::Rk2), ("rk4", Method::Rk4)];

    /// The name that models write.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }
}

/// `time …`
#[derive(Debug)]
pub struct Clock {
    /// Its unit.
    pub unit: UnitId,
    /// Where its unit stands.
    pub unit_span: Span,
    /// Where runs start.
    pub from: ExprId,
    /// Where they end.
    pub to: ExprId,
    /// The length of a step.
    pub step: Option<ExprId>,
    /// How steps are made, and where that is said; Euler's, unless it is.
    pub method: (Method, Option<Span>),
    /// The date of the start that is written, and what the model says of that start, whatever a call says.
    pub starting: Option<(Date, ExprId)>,
    /// The whole declaration.
    pub span: Span,
}

/// `conserve …`
#[derive(Debug)]
pub struct Conserve {
    /// What is conserved.
    pub unit: UnitId,
    /// Where the unit stands.
    pub unit_span: Span,
    /// What the stocks open with in all.
    pub total: Option<ExprId>,
    /// Which edges may cross the boundary.
    pub except: Vec<Except>,
    /// The whole declaration.
    pub span: Span,
}

/// `assert …`
#[derive(Debug)]
pub struct Assert {
    /// The entity in which it stands: it must hold of every member.
    pub entity: Option<EntityId>,
    /// What must hold.
    pub condition: ExprId,
    /// The whole declaration.
    pub span: Span,
}

/// An expression.
#[derive(Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands.
    pub span: Span,
}

/// The kinds of expressions.
#[derive(Debug)]
pub enum ExprKind {
    /// A number without a unit.
    Number {
        /// Its value, a percent sign applied.
        value: BigRational,
        /// It has a percent sign.
        percent: bool,
    },
    /// A number with a unit.
    Quantity {
        /// The number.
        value: BigRational,
        /// Its unit.
        unit: Unit,
    },
    /// One of a unit.
    Unit(UnitId),
    /// Infinity, of any unit.
    Infinity,
    /// π.
    Pi,
    /// A condition's constant.
    Bool(bool),
    /// Something of the clock.
    Clock(ClockPart),
    /// A named value.
    Decl(DeclId),
    /// A value of an array.
    Element {
        /// The array.
        decl: DeclId,
        /// Which member, a subscript for each index.
        at: Vec<ExprId>,
        /// What it is where there is no such member.
        otherwise: Option<ExprId>,
    },
    /// An argument of the function around it, by number.
    Local(usize),
    /// The member that a name stands for: a label, or the number itself; of what lives, a reference.
    Member(BinderId),
    /// The lasting number of a living member.
    NumberOf(ExprId),
    /// A label, by position in its index.
    Label(IndexId, u32),
    /// A day.
    Date(Date),
    /// Whether a member is in an index.
    In(ExprId, IndexId),
    /// A function of many members.
    Aggregate(Box<Aggregate>),
    /// `{ team: 1, seed: 2, else: 0 }`: one cell for each member of one index.
    Cells {
        /// The member.
        at: BinderId,
        /// The cells, by the position of their member, in ascending order.
        cells: Vec<(u32, ExprId)>,
        /// The others.
        otherwise: Option<ExprId>,
    },
    /// What a file says of these members.
    Data(DataId, Vec<BinderId>),
    /// `match`
    Match {
        /// What is looked at.
        subject: ExprId,
        /// Patterns and values.
        arms: Vec<(Vec<ExprId>, ExprId)>,
        /// The value where none fits.
        otherwise: Option<ExprId>,
    },
    /// A graphical function.
    Curve(CurveId, ExprId),
    /// The negative.
    Negate(ExprId),
    /// The opposite.
    Not(ExprId),
    /// Two operands.
    Binary(BinaryOp, ExprId, ExprId),
    /// `a < b <= c`: each is compared with the next. One node, so that what stands in the middle has one parent.
    Compare(ExprId, Vec<(CompareOp, ExprId)>),
    /// A choice.
    If(ExprId, ExprId, ExprId),
    /// A function of the language; arguments that are left out are `None`.
    Builtin(&'static Builtin, Vec<Option<ExprId>>),
    /// A function of the model.
    Call(FnId, Vec<ExprId>),
    /// What chance gives a param that has no default.
    Drawn(DeclId),
    /// What could not be resolved, and has been reported.
    Error,
}

/// A function of many members.
#[derive(Debug)]
pub struct Aggregate {
    /// The function.
    pub builtin: &'static Builtin,
    /// Its first argument, where it has two.
    pub head: Option<ExprId>,
    /// What it goes through, the last the fastest.
    pub binders: Vec<BinderId>,
    /// Only the members that this array has.
    pub like: Option<DeclId>,
    /// The value of each.
    pub value: ExprId,
    /// Its value over nothing.
    pub otherwise: Option<ExprId>,
}

/// What the clock knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClockPart {
    /// `time`.
    Time,
    /// `dt`.
    Dt,
    /// `time.start`.
    Start,
    /// `time.stop`.
    Stop,
    /// `time.step`.
    Step,
}
