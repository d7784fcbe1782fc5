//! What was written: the syntax tree.
//!
//! In: nothing. Out: the types that the parser fills and the formatter's tests, the importers and `hir` read.
//! Invariant: every node knows its span, and no expression is deeper than [`MAX_DEPTH`]. Absent on purpose: meaning.

// Declarations are few and live shortly; what there is much of, expressions, is kept small.
#![allow(clippy::large_enum_variant)]

use num_rational::BigRational;

use crate::source::Span;

/// An expression of more levels than this is refused, so that no pass needs unbounded stack.
pub const MAX_DEPTH: u16 = 1000;

/// A name where it stands.
#[derive(Clone, Debug)]
pub struct Name {
    pub text: String,
    pub span: Span,
}

/// A number as an exact value.
#[derive(Clone, Debug)]
pub struct Number {
    /// The value, a percent sign applied.
    pub value: BigRational,
    pub percent: bool,
    pub span: Span,
}

/// `5 m^2`: number, unit, and at most a power of that unit.
#[derive(Clone, Debug)]
pub struct Quantity {
    pub number: Number,
    pub unit: Name,
    pub power: Option<Number>,
}

/// One file.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// The `//!` lines at the top.
    pub doc: String,
    pub items: Vec<Item>,
}

/// One declaration.
#[derive(Clone, Debug)]
pub struct Item {
    /// The `///` lines before it.
    pub doc: String,
    pub decl: Decl,
    pub span: Span,
}

/// Every declaration of the grammar.
#[derive(Clone, Debug)]
pub enum Decl {
    Use(Text),
    Unit {
        names: Vec<Name>,
        value: Option<Expr>,
        aliases: Vec<Name>,
    },
    Time(Time),
    Record(Expr),
    Index(Index),
    Param {
        head: Head,
        ty: Option<Type>,
        default: Option<Expr>,
        dist: Option<Dist>,
        from: Option<Text>,
        range: Option<Range>,
    },
    Let {
        head: Head,
        ty: Option<Type>,
        value: Expr,
    },
    State {
        head: Head,
        ty: Option<Type>,
        initial: Expr,
        rule: Option<StateRule>,
    },
    Fn {
        name: Name,
        params: Vec<(Name, Option<Type>)>,
        body: Expr,
    },
    Curve {
        name: Name,
        param: (Name, Option<Type>),
        ty: Option<Type>,
        points: Vec<(Expr, Expr)>,
        ends: Option<Name>,
    },
    Series {
        head: Head,
        ty: Type,
        from: Text,
        column: Option<Name>,
        time: Option<Name>,
        mode: Option<Name>,
        by_run: bool,
        clamp: bool,
    },
    Draw {
        head: Head,
        ty: Option<Type>,
        dist: Dist,
        cadence: Option<Cadence>,
    },
    Trait {
        head: Head,
        ty: Option<Type>,
        value: TraitValue,
    },
    Stock {
        head: Head,
        ty: Type,
        opening: Expr,
        options: Vec<StockOption>,
    },
    Conveyor {
        head: Head,
        ty: Type,
        opening: Expr,
        transit: Expr,
        exits: Vec<Exit>,
    },
    Flow {
        head: Head,
        leg: Leg,
        two_way: bool,
        short: Option<Short>,
    },
    Transfer {
        head: Head,
        legs: Vec<Leg>,
        grouped: bool,
        clauses: Vec<Clause>,
    },
    Phases(Vec<Name>),
    Phase {
        name: Name,
        items: Vec<Item>,
    },
    Update {
        head: Head,
        value: Expr,
    },
    Policy {
        head: Head,
        ty: Option<Type>,
        options: Vec<Setting>,
    },
    Entity {
        name: Name,
        at_most: Option<Expr>,
        items: Vec<Item>,
    },
    Spawn {
        entity: Name,
        count: Expr,
        how: Spawn,
    },
    Retire {
        entity: Name,
        when: Expr,
        routes: Vec<(Place, Target)>,
    },
    Conserve {
        unit: Name,
        total: Option<Expr>,
        except: Vec<Exception>,
    },
    Metric {
        head: Head,
        ty: Option<Type>,
        value: Expr,
        window: Option<(Expr, Expr)>,
    },
    Assert(Expr),
    Goal {
        name: Option<Name>,
        optimise: Option<Name>,
        condition: Expr,
        of: Option<Name>,
        share: Option<Expr>,
    },
    Assumption {
        name: Name,
        about: Vec<Path>,
        text: Text,
        source: Option<Text>,
        confidence: Option<Name>,
    },
    Expect {
        value: Expr,
        within: Expr,
        file: Text,
        column: Option<Name>,
        time: Option<Name>,
        shifted: Option<Number>,
    },
    Scenario {
        name: Name,
        settings: Vec<Setting>,
    },
    Experiment {
        name: Name,
        items: Vec<ExperimentItem>,
    },
}

/// A text between quotes.
#[derive(Clone, Debug)]
pub struct Text {
    pub text: String,
    pub span: Span,
}

/// `time month from 0 to 60 …`
#[derive(Clone, Debug)]
pub struct Time {
    pub unit: Name,
    pub from: Expr,
    pub to: Expr,
    pub step: Option<Expr>,
    pub using: Option<Name>,
    pub starting: Option<Text>,
}

/// `index …`
#[derive(Clone, Debug)]
pub struct Index {
    pub name: Name,
    pub parent: Option<Name>,
    pub body: IndexBody,
}

/// Where an index has its members from.
#[derive(Clone, Debug)]
pub enum IndexBody {
    Numbers(Expr, Expr),
    Labels(Vec<Name>),
    File(Text, Vec<Column>),
    Table(Vec<Column>, Vec<(Name, Vec<Expr>)>),
}

/// A column of a table.
#[derive(Clone, Debug)]
pub struct Column {
    pub name: Name,
    pub ty: Option<Type>,
}

/// A name with its indexes.
#[derive(Clone, Debug)]
pub struct Head {
    pub name: Name,
    pub binders: Vec<Binder>,
}

/// `r in Recipient where …`
#[derive(Clone, Debug)]
pub struct Binder {
    pub name: Name,
    pub index: Name,
    pub filter: Option<Expr>,
}

/// `in lo .. hi`
#[derive(Clone, Debug)]
pub struct Range {
    pub low: Expr,
    pub high: Expr,
}

/// A unit, a label type or `bool`.
#[derive(Clone, Debug)]
pub struct Type {
    pub kind: TypeKind,
    pub span: Span,
}

/// The shapes of a unit expression.
#[derive(Clone, Debug)]
pub enum TypeKind {
    Name(Name),
    Number(Number),
    /// The first factor, then each with its sign; a list, because a tree of a long one would overflow the stack.
    Product(Box<Type>, Vec<(BinaryOp, Type)>),
    Power(Box<Type>, Box<Expr>),
}

/// How a state moves.
#[derive(Clone, Debug)]
pub enum StateRule {
    Next { value: Expr, every: Option<Expr> },
    Rate(Expr),
}

/// `normal(0, 5%)`
#[derive(Clone, Debug)]
pub struct Dist {
    pub name: Name,
    pub args: Vec<Arg>,
    pub span: Span,
}

/// How often a draw is made.
#[derive(Clone, Debug)]
pub enum Cadence {
    EachStep,
    Every(Expr),
}

/// What `conserve` lets cross the boundary: `issue`, `Product.melt`, `Product births`.
#[derive(Clone, Debug)]
pub struct Exception {
    pub name: Name,
    /// Of an entity its flow, or `births` and `deaths`.
    pub field: Option<Name>,
    pub life: Option<Name>,
}

/// What a trait is.
#[derive(Clone, Debug)]
pub enum TraitValue {
    Expr(Expr),
    Dist(Dist),
}

/// What may follow a stock's opening.
#[derive(Clone, Debug)]
pub enum StockOption {
    Signed(Span),
    Within(Range),
    From(Place),
}

/// A way out of a conveyor.
#[derive(Clone, Debug)]
pub struct Exit {
    pub kind: Name,
    pub name: Name,
    pub target: Target,
    pub value: Option<Expr>,
}

/// One end of a flow.
#[derive(Clone, Debug)]
pub struct Place {
    pub kind: PlaceKind,
    pub span: Span,
}

/// What one end of a flow may be.
#[derive(Clone, Debug)]
pub enum PlaceKind {
    Cloud,
    Name { name: Name, subscripts: Vec<Expr> },
    Member { base: Box<Expr>, field: Name, subscripts: Vec<Expr> },
}

/// Where a flow goes.
#[derive(Clone, Debug)]
pub enum Target {
    One(Place, Option<Place>),
    Split(Vec<SplitPart>, Span),
}

/// One target of a split, another in its stead, and what it gets.
pub type SplitPart = (Place, Option<Place>, Part);

/// What one target of a split gets.
#[derive(Clone, Debug)]
pub enum Part {
    Rest,
    Expr(Expr),
}

/// `source -> target = amount`
#[derive(Clone, Debug)]
pub struct Leg {
    pub from: Place,
    pub to: Target,
    pub amount: Expr,
    pub span: Span,
}

/// What happens when a source holds too little, in the order in which it serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ShortKind {
    CappedFirst,
    Capped,
    OrSkip,
}

/// [`ShortKind`] where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Short {
    pub kind: ShortKind,
    pub span: Span,
}

/// A clause of a transfer.
#[derive(Clone, Debug)]
pub struct Clause {
    pub kind: ClauseKind,
    pub span: Span,
}

/// The clauses of a transfer.
#[derive(Clone, Debug)]
pub enum ClauseKind {
    At(Expr),
    Every { period: Expr, from: Option<Expr>, to: Option<Expr> },
    When { condition: Expr, once: bool },
    EachStep,
    Short(ShortKind),
}

/// `name.part[subscripts]`
#[derive(Clone, Debug)]
pub struct Path {
    pub names: Vec<Name>,
    pub subscripts: Vec<Expr>,
    pub span: Span,
}

/// `name = value`
#[derive(Clone, Debug)]
pub struct Setting {
    pub path: Path,
    pub value: Expr,
}

/// How members are born.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spawn {
    Rate,
    Initially,
    UpTo,
}

/// A line of an experiment.
#[derive(Clone, Debug)]
pub enum ExperimentItem {
    Sweep(Axis),
    Zip(Vec<Axis>),
    Compare(Vec<Path>),
    Sample(Expr, Option<Name>),
    Runs(Expr),
    Seed(Expr),
    Measure(Vec<Path>),
}

/// What a sweep goes through.
#[derive(Clone, Debug)]
pub struct Axis {
    pub path: Path,
    pub values: AxisValues,
}

/// The values of a sweep.
#[derive(Clone, Debug)]
pub enum AxisValues {
    All,
    Range { low: Expr, high: Expr, by: Expr },
    List(Vec<Expr>),
}

/// An expression.
#[derive(Clone, Debug)]
pub struct Expr {
    pub kind: ExprKind,
    pub span: Span,
    depth: u16,
}

/// The kinds of expression.
#[derive(Clone, Debug)]
pub enum ExprKind {
    Number(Box<Number>),
    Quantity(Box<Quantity>),
    Date(String),
    Text(String),
    Bool(bool),
    Time,
    Name(String),
    Field(Box<Expr>, Name),
    Subscript {
        base: Box<Expr>,
        subscripts: Vec<Expr>,
        otherwise: Option<Box<Expr>>,
    },
    Negate(Box<Expr>),
    Not(Box<Expr>),
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// A chain `a < b <= c`.
    Compare(Box<Expr>, Vec<(CompareOp, Expr)>),
    If(Box<[Expr; 3]>),
    Call {
        name: Name,
        args: Vec<Arg>,
    },
    Array(Vec<(Option<Expr>, Expr)>),
    Match {
        subject: Box<Expr>,
        arms: Vec<(Vec<Expr>, Expr)>,
    },
    Paren(Box<Expr>),
    /// Stands for an expression of more than [`MAX_DEPTH`] levels.
    TooDeep,
}

/// The operators of two operands, comparisons aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    Or,
    And,
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
}

/// The comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CompareOp {
    Less,
    LessEq,
    Greater,
    GreaterEq,
    Equal,
    NotEqual,
}

/// An argument of a call, with the binders of a comprehension.
#[derive(Clone, Debug)]
pub struct Arg {
    pub name: Option<Name>,
    pub value: Expr,
    pub binders: Vec<Binder>,
    pub otherwise: Option<Expr>,
}

impl Expr {
    /// An expression of this kind; one that would be too deep becomes [`ExprKind::TooDeep`].
    pub fn new(kind: ExprKind, span: Span) -> Self {
        let mut deepest = 0;
        kind.each_child(&mut |child| deepest = deepest.max(child.depth));
        if deepest >= MAX_DEPTH {
            return Self { kind: ExprKind::TooDeep, span, depth: 1 };
        }
        Self { kind, span, depth: deepest + 1 }
    }
}

impl ExprKind {
    /// Calls `visit` with every direct part, in the order of the text.
    pub fn each_child<'e>(&'e self, visit: &mut dyn FnMut(&'e Expr)) {
        use ExprKind::*;
        match self {
            Number(_) | Quantity(_) | Date(_) | Text(_) | Bool(_) | Time | Name(_) | TooDeep => {}
            Field(a, _) | Negate(a) | Not(a) | Paren(a) => visit(a),
            Subscript { base, subscripts, otherwise } => {
                visit(base);
                subscripts.iter().for_each(&mut *visit);
                otherwise.iter().for_each(|e| visit(e));
            }
            Binary(_, a, b) => {
                visit(a);
                visit(b);
            }
            Compare(a, rest) => {
                visit(a);
                rest.iter().for_each(|(_, e)| visit(e));
            }
            If(parts) => parts.iter().for_each(visit),
            Call { args, .. } => args.iter().for_each(|arg| {
                visit(&arg.value);
                arg.binders.iter().filter_map(|b| b.filter.as_ref()).for_each(&mut *visit);
                arg.otherwise.iter().for_each(&mut *visit);
            }),
            Array(cells) => cells.iter().for_each(|(at, value)| {
                at.iter().for_each(&mut *visit);
                visit(value);
            }),
            Match { subject, arms } => {
                visit(subject);
                arms.iter().for_each(|(patterns, value)| {
                    patterns.iter().for_each(&mut *visit);
                    visit(value);
                });
            }
        }
    }
}
