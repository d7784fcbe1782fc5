//! What a step works out, as a graph of values: each node is an operation on others, and the same operation on the same values is
//! one node.
//!
//! In: operations, as `step` and `ledger` ask for them. Out: nodes in an order in which they can be worked out, each with what it
//! hangs on. Invariant: a value that is known now is a constant, and what is left out or folded changes no bit.
//! Absent on purpose: registers (see `code`).

use rustc_hash::FxHashMap as HashMap;

use super::program::Base;
use crate::builtins::draws::How;
use crate::builtins::draws::Lanes;
use crate::builtins::kernels::{elementary, plain};
use crate::builtins::{Instant, Item, lanes};
use crate::ir::{self, Binary};

/// A value, by the number of its node.
pub(super) type V = u32;

/// Operations that lanes do side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(super) enum Do {
    Add,
    Subtract,
    Multiply,
    Divide,
    Min,
    Max,
    Less,
    LessEq,
    Greater,
    GreaterEq,
    Equal,
    NotEqual,
    And,
    Or,
    /// The second where the first is not 0, else the third.
    Select,
    Negate,
    Not,
    Abs,
    Sqrt,
    Floor,
    Ceil,
    Round,
    Trunc,
    Exp,
    Ln,
    Power,
}

impl Do {
    /// By number.
    pub(super) const ALL: [Do; 26] = [
        Do::Add,
        Do::Subtract,
        Do::Multiply,
        Do::Divide,
        Do::Min,
        Do::Max,
        Do::Less,
        Do::LessEq,
        Do::Greater,
        Do::GreaterEq,
        Do::Equal,
        Do::NotEqual,
        Do::And,
        Do::Or,
        Do::Select,
        Do::Negate,
        Do::Not,
        Do::Abs,
        Do::Sqrt,
        Do::Floor,
        Do::Ceil,
        Do::Round,
        Do::Trunc,
        Do::Exp,
        Do::Ln,
        Do::Power,
    ];

    /// How many operands it has.
    pub(super) fn operands(self) -> usize {
        match self {
            Do::Select => 3,
            Do::Negate | Do::Not | Do::Abs | Do::Sqrt | Do::Exp | Do::Ln => 1,
            Do::Floor | Do::Ceil | Do::Round | Do::Trunc => 1,
            _ => 2,
        }
    }

    /// What it makes of one lane's values.
    #[inline(always)]
    pub(super) fn of(self, [a, b, c]: [f64; 3]) -> f64 {
        let truth = |b: bool| if b { 1.0 } else { 0.0 };
        match self {
            Do::Add => a + b,
            Do::Subtract => a - b,
            Do::Multiply => a * b,
            Do::Divide => a / b,
            Do::Min => plain::min(a, b),
            Do::Max => plain::max(a, b),
            Do::Less => truth(a < b),
            Do::LessEq => truth(a <= b),
            Do::Greater => truth(a > b),
            Do::GreaterEq => truth(a >= b),
            Do::Equal => truth(a == b),
            Do::NotEqual => truth(a != b),
            Do::And => truth((a != 0.0) & (b != 0.0)),
            Do::Or => truth((a != 0.0) | (b != 0.0)),
            Do::Select => {
                if a != 0.0 {
                    b
                } else {
                    c
                }
            }
            Do::Negate => -a,
            Do::Not => truth(a == 0.0),
            Do::Abs => a.abs(),
            Do::Sqrt => a.sqrt(),
            Do::Floor => plain::floor(a),
            Do::Ceil => plain::ceil(a),
            Do::Round => plain::round(a),
            Do::Trunc => plain::trunc(a),
            Do::Exp => elementary::exp(a),
            Do::Ln => elementary::ln(a),
            Do::Power => elementary::pow(a, b),
        }
    }

    fn of_binary(op: Binary) -> Do {
        match op {
            Binary::Add => Do::Add,
            Binary::Subtract => Do::Subtract,
            Binary::Multiply => Do::Multiply,
            Binary::Divide => Do::Divide,
            Binary::Power => Do::Power,
            Binary::And => Do::And,
            Binary::Or => Do::Or,
            Binary::Less => Do::Less,
            Binary::LessEq => Do::LessEq,
            Binary::Greater => Do::Greater,
            Binary::GreaterEq => Do::GreaterEq,
            Binary::Equal => Do::Equal,
            Binary::NotEqual => Do::NotEqual,
        }
    }
}

/// What a node is given from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Leaf {
    /// What lasts from step to step, as the step found it.
    State(u32),
    /// What is drawn in this step: the number of the stream.
    Drawn(u32),
    /// What an experiment puts in place.
    Input(u32),
    /// The uniform number behind an uncertain param.
    Luck(u32),
    /// The time, so many halves of a step after its start.
    Time(u8),
    Step,
}

/// Operations that are done lane after lane.
#[derive(Clone, Copy, Debug)]
pub(super) enum Call {
    One(fn(f64) -> f64),
    Two(fn(f64, f64) -> f64),
    Three(fn(f64, f64, f64) -> f64),
    /// So many halves of a step after its start.
    Clock(fn([f64; 3], Instant) -> f64, u8),
    Curve(u32),
    /// The same.
    Series(u32, u8),
    /// The same, of a series with a column for each run.
    OfRun(u32, u8),
    /// The operands: head, then value and condition of each item, then what it is without any. The number of the list.
    Many(u32),
    /// The operands: which, the values, and what it is else.
    Pick,
    /// A quantile at the first operand, of a distribution with the others as parameters: the uncertain param's number.
    Quantile(u32),
    /// A sample of a draw, by its number, with the operands as arguments.
    Sample(u32),
}

impl Call {
    /// So many halves of a step after its start it looks at the clock.
    pub(super) fn halves(self) -> u8 {
        match self {
            Call::Clock(_, halves) | Call::Series(_, halves) | Call::OfRun(_, halves) => halves,
            _ => 0,
        }
    }
}

/// A node.
#[derive(Clone, Copy, Debug)]
pub(super) enum Node {
    Constant(f64),
    Leaf(Leaf),
    Do(Do, [V; 3]),
    Call(u32),
}

/// It is another one in each step.
pub(super) const STEP: u8 = 1;
/// It is another one in each lane.
pub(super) const LANE: u8 = 2;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Constant(u64),
    Leaf(Leaf),
    Do(Do, [V; 3]),
}

/// The graph.
pub(super) struct Graph<'m> {
    pub(super) model: &'m ir::Model,
    pub(super) nodes: Vec<Node>,
    /// What each hangs on: [`STEP`], [`LANE`].
    pub(super) level: Vec<u8>,
    /// It is not below 0 (or it is no number).
    nonnegative: Vec<bool>,
    /// Operations that are done lane after lane, with their operands.
    pub(super) calls: Vec<(Call, Vec<V>)>,
    known: HashMap<Key, V>,
    known_calls: HashMap<(u8, usize, Vec<V>), V>,
    /// States that are never below 0.
    unsigned: Vec<bool>,
    /// What is drawn in bulk, and for which draw.
    pub(super) streams: Vec<(u32, Base)>,
}

impl<'m> Graph<'m> {
    pub(super) fn new(model: &'m ir::Model, unsigned: Vec<bool>) -> Self {
        Self {
            model,
            nodes: Vec::new(),
            level: Vec::new(),
            nonnegative: Vec::new(),
            calls: Vec::new(),
            known: HashMap::default(),
            known_calls: HashMap::default(),
            unsigned,
            streams: Vec::new(),
        }
    }

    fn push(&mut self, node: Node, level: u8, nonnegative: bool) -> V {
        self.nodes.push(node);
        self.level.push(level);
        self.nonnegative.push(nonnegative);
        self.nodes.len() as V - 1
    }

    pub(super) fn constant(&mut self, value: f64) -> V {
        let key = Key::Constant(value.to_bits());
        if let Some(v) = self.known.get(&key) {
            return *v;
        }
        let v = self.push(Node::Constant(value), 0, value >= 0.0);
        self.known.insert(key, v);
        v
    }

    pub(super) fn leaf(&mut self, leaf: Leaf) -> V {
        if let Some(v) = self.known.get(&Key::Leaf(leaf)) {
            return *v;
        }
        let (level, nonnegative) = match leaf {
            Leaf::State(s) => (LANE | STEP, self.unsigned.get(s as usize).copied().unwrap_or(false)),
            Leaf::Drawn(_) => (LANE | STEP, false),
            Leaf::Input(_) | Leaf::Luck(_) => (LANE, false),
            Leaf::Time(_) => (STEP, false),
            Leaf::Step => (STEP, true),
        };
        let v = self.push(Node::Leaf(leaf), level, nonnegative);
        self.known.insert(Key::Leaf(leaf), v);
        v
    }

    /// The value, if it is known now.
    pub(super) fn value(&self, v: V) -> Option<f64> {
        match self.nodes[v as usize] {
            Node::Constant(value) => Some(value),
            _ => None,
        }
    }

    /// Whether it cannot be below 0.
    pub(super) fn is_nonnegative(&self, v: V) -> bool {
        self.nonnegative[v as usize]
    }

    pub(super) fn one(&mut self, op: Do, a: V) -> V {
        self.op(op, [a, 0, 0])
    }

    pub(super) fn two(&mut self, op: Do, a: V, b: V) -> V {
        self.op(op, [a, b, 0])
    }

    pub(super) fn select(&mut self, c: V, a: V, b: V) -> V {
        self.op(Do::Select, [c, a, b])
    }

    pub(super) fn binary(&mut self, op: Binary, a: V, b: V) -> V {
        self.two(Do::of_binary(op), a, b)
    }

    /// Both conditions.
    pub(super) fn and(&mut self, a: V, b: V) -> V {
        self.two(Do::And, a, b)
    }

    pub(super) fn or(&mut self, a: V, b: V) -> V {
        self.two(Do::Or, a, b)
    }

    pub(super) fn not(&mut self, a: V) -> V {
        self.one(Do::Not, a)
    }

    /// The value, and 0 where it is not above 0.
    pub(super) fn at_least_0(&mut self, v: V) -> V {
        let zero = self.constant(0.0);
        let above = self.two(Do::Greater, v, zero);
        self.select(above, v, zero)
    }

    fn op(&mut self, op: Do, args: [V; 3]) -> V {
        let n = op.operands();
        let known = |v: V| self.value(v);
        if args[..n].iter().all(|v| known(*v).is_some()) {
            let values = args.map(|v| known(v).unwrap_or(0.0));
            return self.constant(op.of(values));
        }
        let mut args = args;
        if let (Do::Select, Node::Do(Do::Select, [c, same, _])) = (op, self.nodes[args[1] as usize])
            && c == args[0]
        {
            args[1] = same;
        }
        // What changes no bit is left out: 1 as a factor or a divisor, arms that are the same or known, conditions that hold.
        match (op, known(args[0]), known(args[1])) {
            (Do::Multiply | Do::Divide, _, Some(1.0)) => return args[0],
            (Do::Multiply, Some(1.0), _) => return args[1],
            (Do::Select, Some(c), _) => return if c != 0.0 { args[1] } else { args[2] },
            (Do::Select, _, _) if args[1] == args[2] => return args[1],
            (Do::And, Some(0.0), _) | (Do::And, _, Some(0.0)) => return self.constant(0.0),
            (Do::Or, Some(c), _) | (Do::Or, _, Some(c)) if c != 0.0 => return self.constant(1.0),
            (Do::And, Some(_), None) | (Do::Or, Some(0.0), None) if self.is_condition(args[1]) => return args[1],
            (Do::And, None, Some(_)) | (Do::Or, None, Some(0.0)) if self.is_condition(args[0]) => return args[0],
            _ => {}
        }
        let key = Key::Do(op, args);
        if let Some(v) = self.known.get(&key) {
            return *v;
        }
        let level = args[..n].iter().fold(0, |l, v| l | self.level[*v as usize]);
        let of = |i: usize| self.nonnegative[args[i] as usize];
        let nonnegative = match op {
            Do::Add | Do::Multiply | Do::Divide | Do::Min => of(0) && of(1),
            Do::Max => of(0) || of(1),
            Do::Select => of(1) && of(2) || self.picks_what_is_above_0(args),
            Do::Sqrt | Do::Floor | Do::Ceil | Do::Round | Do::Trunc => of(0),
            // Of what is at least 1.
            Do::Ln => self.is_at_least_1(args[0]),
            Do::Subtract | Do::Negate => false,
            Do::Power => of(0),
            _ => true,
        };
        let v = self.push(Node::Do(op, args), level, nonnegative);
        self.known.insert(key, v);
        v
    }

    /// A sum of what is not below 0 and a number from 1 up.
    fn is_at_least_1(&self, v: V) -> bool {
        let Node::Do(Do::Add, [a, b, _]) = self.nodes[v as usize] else { return false };
        let large = |v: V| self.value(v).is_some_and(|value| value >= 1.0);
        let rest = |v: V| self.nonnegative[v as usize];
        large(a) && rest(b) || large(b) && rest(a)
    }

    /// `x > 0 ? x : 0`.
    fn picks_what_is_above_0(&self, [c, a, b]: [V; 3]) -> bool {
        matches!(self.nodes[c as usize], Node::Do(Do::Greater, [x, zero, _]) if x == a && self.value(zero) == Some(0.0))
            && self.nonnegative[b as usize]
    }

    /// Whether it is 0 or 1.
    fn is_condition(&self, v: V) -> bool {
        use Do::{And, Equal, Greater, GreaterEq, Less, LessEq, Not, NotEqual, Or};
        matches!(
            self.nodes[v as usize],
            Node::Do(Less | LessEq | Greater | GreaterEq | Equal | NotEqual | And | Or | Not, _)
        )
    }

    /// A function of one argument.
    pub(super) fn of_one(&mut self, f: fn(f64) -> f64, a: V) -> V {
        use lanes::One::*;
        let op = match lanes::One::of(f) {
            Some(Abs) => Do::Abs,
            Some(Sqrt) => Do::Sqrt,
            Some(Exp) => Do::Exp,
            Some(Ln) => Do::Ln,
            Some(Floor) => Do::Floor,
            Some(Ceil) => Do::Ceil,
            Some(Round) => Do::Round,
            Some(Trunc) => Do::Trunc,
            None => return self.call(Call::One(f), vec![a]),
        };
        self.one(op, a)
    }

    /// Of two.
    pub(super) fn of_two(&mut self, f: fn(f64, f64) -> f64, a: V, b: V) -> V {
        let op = match lanes::Two::of(f) {
            Some(lanes::Two::Min) => Do::Min,
            Some(lanes::Two::Max) => Do::Max,
            Some(lanes::Two::Power) => Do::Power,
            None => return self.call(Call::Two(f), vec![a, b]),
        };
        self.two(op, a, b)
    }

    /// Of three.
    pub(super) fn of_three(&mut self, f: fn(f64, f64, f64) -> f64, [a, b, c]: [V; 3]) -> V {
        match lanes::Three::of(f) {
            Some(lanes::Three::Clamp) => {
                let below = self.two(Do::Min, a, c);
                self.two(Do::Max, b, below)
            }
            Some(lanes::Three::Safediv) => {
                let zero = self.constant(0.0);
                let none = self.two(Do::Equal, b, zero);
                let quotient = self.two(Do::Divide, a, b);
                self.select(none, c, quotient)
            }
            None => self.call(Call::Three(f), vec![a, b, c]),
        }
    }

    /// What is drawn in bulk for a draw.
    fn stream(&mut self, draw: u32, base: Base) -> V {
        let place = match self.streams.iter().position(|s| *s == (draw, base)) {
            Some(place) => place,
            None => {
                self.streams.push((draw, base));
                self.streams.len() - 1
            }
        };
        self.leaf(Leaf::Drawn(place as u32))
    }

    /// A sample of a draw: no number where its arguments are wrong. And whether it is sure to be finite.
    pub(super) fn sample(&mut self, draw: u32, how: &How, args: &[V]) -> (V, bool) {
        let shape = match how {
            How::Form(form) if form.is_standard() => form.lanes(),
            _ => None,
        };
        let Some(shape) = shape else { return (self.call(Call::Sample(draw), args.to_vec()), false) };
        let (zero, one, nothing) = (self.constant(0.0), self.constant(1.0), self.constant(f64::NAN));
        let (value, mut right) = match shape {
            Lanes::Uniform => {
                let u = self.stream(draw, Base::Uniform);
                let half = self.constant(0.5);
                let width = self.two(Do::Subtract, args[1], args[0]);
                let up = self.two(Do::Multiply, width, u);
                let up = self.two(Do::Add, args[0], up);
                let rest = self.two(Do::Subtract, one, u);
                let down = self.two(Do::Multiply, width, rest);
                let down = self.two(Do::Subtract, args[1], down);
                let lower = self.two(Do::Less, u, half);
                (self.select(lower, up, down), self.two(Do::LessEq, args[0], args[1]))
            }
            Lanes::Normal => {
                let z = self.stream(draw, Base::Normal);
                let off = self.two(Do::Multiply, args[1], z);
                (self.two(Do::Add, args[0], off), self.two(Do::GreaterEq, args[1], zero))
            }
            Lanes::Lognormal => {
                let z = self.stream(draw, Base::Normal);
                let power = self.two(Do::Multiply, args[1], z);
                let factor = self.one(Do::Exp, power);
                let (a, b) = (self.two(Do::Greater, args[0], zero), self.two(Do::GreaterEq, args[1], zero));
                (self.two(Do::Multiply, args[0], factor), self.and(a, b))
            }
            Lanes::Exponential => {
                let u = self.stream(draw, Base::Uniform);
                let rest = self.two(Do::Subtract, one, u);
                let log = self.one(Do::Ln, rest);
                let times = self.one(Do::Negate, log);
                (self.two(Do::Multiply, args[0], times), self.two(Do::GreaterEq, args[0], zero))
            }
            Lanes::Bernoulli => {
                let u = self.stream(draw, Base::Uniform);
                let rest = self.two(Do::Subtract, one, u);
                let (above, below) = (self.two(Do::GreaterEq, args[0], zero), self.two(Do::LessEq, args[0], one));
                (self.two(Do::Less, rest, args[0]), self.and(above, below))
            }
            _ => return (self.call(Call::Sample(draw), args.to_vec()), false),
        };
        let infinite = self.constant(f64::INFINITY);
        for arg in args {
            let size = self.one(Do::Abs, *arg);
            let finite = self.two(Do::Less, size, infinite);
            right = self.and(right, finite);
        }
        // No uniform is so near an end that a formula of moderate numbers comes to more than is finite.
        let moderate = args.iter().all(|a| self.value(*a).is_some_and(|a| a.abs() < 1e300));
        let sure = moderate && shape != Lanes::Lognormal && self.value(right) == Some(1.0);
        (self.select(right, value, nothing), sure)
    }

    pub(super) fn call(&mut self, call: Call, args: Vec<V>) -> V {
        let (tag, f) = match call {
            Call::One(f) => (0, f as usize),
            Call::Two(f) => (1, f as usize),
            Call::Three(f) => (2, f as usize),
            Call::Clock(f, halves) => (3 + 16 * halves, f as usize),
            Call::Curve(n) => (4, n as usize),
            Call::Series(n, halves) => (5 + 16 * halves, n as usize),
            Call::OfRun(n, halves) => (11 + 16 * halves, n as usize),
            Call::Many(n) => (6, n as usize),
            Call::Pick => (7, 0),
            Call::Quantile(n) => (8, n as usize),
            Call::Sample(n) => (9, n as usize),
        };
        let key = (tag, f, args);
        if let Some(v) = self.known_calls.get(&key) {
            return *v;
        }
        let args = key.2.clone();
        let extra = match call {
            Call::Clock(..) | Call::Series(..) => STEP,
            Call::Sample(_) | Call::OfRun(..) => LANE | STEP,
            Call::Quantile(_) => LANE,
            _ => 0,
        };
        let level = args.iter().fold(extra, |l, v| l | self.level[*v as usize]);
        let v = if level == 0 {
            let values: Vec<f64> = args.iter().filter_map(|v| self.value(*v)).collect();
            let now = self.model.clock.instant(0);
            let value = apply(self.model, call, &values, now, &mut Vec::new());
            self.constant(value)
        } else {
            self.calls.push((call, args));
            self.push(Node::Call(self.calls.len() as u32 - 1), level, false)
        };
        self.known_calls.insert(key, v);
        v
    }

    /// A value must be worked out anew for another kind of step, unless it hangs on no step.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }
}

/// What an operation that is done lane after lane makes of one lane's values.
pub(super) fn apply(model: &ir::Model, call: Call, args: &[f64], at: Instant, items: &mut Vec<Item>) -> f64 {
    let arg = |i: usize| args.get(i).copied().unwrap_or(f64::NAN);
    match call {
        Call::One(f) => f(arg(0)),
        Call::Two(f) => f(arg(0), arg(1)),
        Call::Three(f) => f(arg(0), arg(1), arg(2)),
        Call::Clock(f, _) => f([arg(0), arg(1), arg(2)], at),
        Call::Curve(c) => model.curves[c as usize].at(arg(0)),
        Call::Series(s, _) => model.series[s as usize].at(at),
        Call::Many(list) => {
            let list = &model.lists[list as usize];
            items.clear();
            for (item, of) in list.items.iter().zip(args[1..].chunks_exact(2)) {
                if of[1] != 0.0 {
                    items.push(Item { member: item.member, value: of[0] });
                }
            }
            if items.is_empty() && list.otherwise.is_some() {
                return args.last().copied().unwrap_or(f64::NAN);
            }
            (list.gather)(arg(0), items)
        }
        Call::Pick => {
            let (at, values) = (arg(0), &args[1..]);
            let whole = at >= 0.0 && at.floor() == at;
            let last = values.len().saturating_sub(1);
            let place = if whole && at < last as f64 { at as usize } else { last };
            values.get(place).copied().unwrap_or(f64::NAN)
        }
        Call::Quantile(u) => {
            let param = &model.uncertain[u as usize];
            match param.how.wrong(&args[1..]) {
                Some(_) => f64::NAN,
                None => param.how.quantile(&model.samples, &args[1..], arg(0)),
            }
        }
        // Chance needs to know which run it is.
        Call::Sample(_) | Call::OfRun(..) => f64::NAN,
    }
}
