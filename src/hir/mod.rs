//! What a model means: names resolved, sugar gone, places kept.
//!
//! In: syntax trees. Out: [`Model`]. Invariant: every id points into its table; an expression that could not be resolved is
//! [`ExprKind::Error`] and has been reported. Absent on purpose: units of values and order of evaluation (see `check`).

mod expr;
mod ledger;
mod resolve;
mod units;

pub use resolve::{Input, Setting, resolve};
pub(crate) use units::bounded as bounded_power;

use num_rational::BigRational;

use crate::builtins::Builtin;
use crate::source::Span;
pub use crate::syntax::ast::{BinaryOp, CompareOp, ShortKind};
use crate::syntax::parse::Incomplete;
use crate::units::{Registry, Unit, UnitId};

/// A declaration of a [`Model`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeclId(pub u32);

/// An expression of a [`Model`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExprId(pub u32);

/// A function that the model declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FnId(pub u32);

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
    /// All assertions.
    pub asserts: Vec<Assert>,
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
    },
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
        /// It may go below zero.
        signed: bool,
        /// The values that it may have.
        range: Option<(ExprId, ExprId)>,
    },
    /// A flow or a transfer.
    Move(Box<Move>),
    /// A number of the whole run.
    Metric {
        /// Its formula.
        value: ExprId,
        /// From when to when it looks.
        window: Option<(ExprId, ExprId)>,
    },
    /// What cannot be read or is not built yet: it has been reported, and whoever reads it stays silent.
    Unknown,
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
    /// Where it takes.
    pub from: Place,
    /// Where it gives.
    pub to: Place,
    /// How much it asks for.
    pub amount: ExprId,
    /// What happens when there is too little.
    pub short: Option<ShortKind>,
    /// When it moves.
    pub timing: Timing,
}

/// An end of a move.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// What it is.
    pub kind: PlaceKind,
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
#[derive(Debug)]
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
    /// The whole declaration.
    pub whole: Span,
    /// Its arguments.
    pub params: Vec<(String, Option<Annotation>)>,
    /// Its formula.
    pub body: ExprId,
    /// The functions that it calls.
    pub calls: Vec<(FnId, Span)>,
    /// Something calls it.
    pub read: bool,
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
    pub except: Vec<(String, Span)>,
    /// The whole declaration.
    pub span: Span,
}

/// `assert …`
#[derive(Debug)]
pub struct Assert {
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
    /// An argument of the function around it, by number.
    Local(usize),
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
    /// What could not be resolved, and has been reported.
    Error,
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

impl Model {
    /// An expression.
    pub fn expr(&self, id: ExprId) -> &Expr {
        &self.exprs[id.0 as usize]
    }

    /// A named value.
    pub fn decl(&self, id: DeclId) -> &Decl {
        &self.decls[id.0 as usize]
    }

    /// A function.
    pub fn function(&self, id: FnId) -> &Function {
        &self.fns[id.0 as usize]
    }

    /// All named values with their ids.
    pub fn decls(&self) -> impl Iterator<Item = (DeclId, &Decl)> {
        self.decls.iter().enumerate().map(|(i, d)| (DeclId(i as u32), d))
    }

    /// All flows and transfers.
    pub fn moves(&self) -> impl Iterator<Item = (DeclId, &Decl, &Move)> {
        self.decls().filter_map(|(id, d)| match &d.kind {
            DeclKind::Move(m) => Some((id, d, &**m)),
            _ => None,
        })
    }

    /// The direct parts of an expression.
    pub fn children(&self, id: ExprId) -> Vec<ExprId> {
        match &self.expr(id).kind {
            ExprKind::Negate(a) | ExprKind::Not(a) => vec![*a],
            ExprKind::Binary(_, a, b) => vec![*a, *b],
            ExprKind::Compare(first, rest) => std::iter::once(*first).chain(rest.iter().map(|(_, e)| *e)).collect(),
            ExprKind::If(a, b, c) => vec![*a, *b, *c],
            ExprKind::Builtin(_, args) => args.iter().flatten().copied().collect(),
            ExprKind::Call(_, args) => args.clone(),
            _ => Vec::new(),
        }
    }
}
