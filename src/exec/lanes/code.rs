//! From graph to code: which values are worked out when and where, in what order, two operations at a time where one hands its
//! result to the other alone.
//!
//! In: steps as graphs. Out: [`Code`]: straight instructions over registers that hold one number per lane. Invariant: every operand
//! of an instruction lies within the file of its kind ([`Sizes`]); two operations in one instruction round twice, as they do apart.
//! Absent on purpose: how an instruction is done (see `kernel`).

use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use super::graph::{Call, Do, Graph, LANE, Leaf, Node, STEP, V};
use super::step::Check;

/// Which file a register lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum File {
    /// The same number in all lanes.
    Row,
    /// Worked out once a run.
    Once,
    /// States as the step found them.
    Before,
    /// As it leaves them.
    After,
    /// States that seldom change, in place.
    Still,
    /// Within a step.
    Temporary,
    /// What is drawn in this step.
    Drawn,
}

pub(super) const FILES: usize = 7;

/// A register: its file, and its number there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(u32);

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{}{}", ["row", "once", "before", "after", "still", "t", "drawn"][self.file()], self.number())
    }
}

impl Place {
    pub(super) fn new(file: File, number: usize) -> Self {
        Self((file as u32) << 28 | number as u32 & 0x0fff_ffff)
    }

    #[inline(always)]
    pub(super) fn file(self) -> usize {
        (self.0 >> 28) as usize
    }

    #[inline(always)]
    pub(super) fn number(self) -> usize {
        (self.0 & 0x0fff_ffff) as usize
    }
}

/// What an instruction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Move,
    One(Do),
    Two(Do),
    /// The second operation on the result of the first and `c`; the other way round where it says so.
    Pair(Do, Do, bool),
    Select,
    /// `c` where the comparison of `a` and `b` holds, else `d`.
    SelectIf(Do),
    /// Lane after lane.
    Call(u32),
    Holds,
    /// The comparison of `a` and `b` holds.
    HoldsIf(Do),
    /// It is not below 0, or no number.
    Forward,
    Fine,
    Finite,
}

/// An instruction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inst {
    pub act: Act,
    pub to: Place,
    pub a: Place,
    pub b: Place,
    pub c: Place,
    pub d: Place,
}

/// Code over lanes.
#[derive(Clone, Debug, Default)]
pub(super) struct Code {
    /// Values that are the same in all lanes: each node, its row, and whether lanes read it.
    pub rows: Vec<(V, usize, bool)>,
    pub main: Vec<Inst>,
    /// What is done when all lanes are known to be fine.
    pub late: Vec<Inst>,
    /// Operands of calls.
    pub calls: Vec<(Call, Vec<Place>)>,
    /// Where the columns are.
    pub columns: Vec<Place>,
}

/// How many registers each file has.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sizes(pub [usize; FILES]);

/// Gives values their places.
pub(super) struct Coder {
    /// The row of each value that is the same in all lanes.
    pub rows: HashMap<V, usize>,
    /// The register of each value that is worked out once a run.
    pub once: HashMap<V, usize>,
    pub sizes: Sizes,
    /// The code that works those out, and how far it has come.
    pub once_code: Code,
    /// Where each state is.
    pub states: Vec<Home>,
}

/// Where a state is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Home {
    Nowhere,
    /// In two files in turn: by number.
    Moving(usize),
    Still(usize),
}

/// What is wanted of a step.
pub(super) struct Wanted<'a> {
    pub checks: &'a [Check],
    /// States and their new values, where they change.
    pub states: &'a [(usize, V)],
    pub columns: &'a [V],
    /// States that move and do not change are handed on.
    pub hand_on: bool,
}

const PLACE: Place = Place(0);

fn is_comparison(op: Do) -> bool {
    matches!(op, Do::Less | Do::LessEq | Do::Greater | Do::GreaterEq | Do::Equal | Do::NotEqual)
}

fn is_arithmetic(op: Do) -> bool {
    matches!(op, Do::Add | Do::Subtract | Do::Multiply | Do::Divide | Do::Min | Do::Max)
}

impl Coder {
    pub(super) fn new(states: Vec<Home>) -> Self {
        let mut sizes = Sizes::default();
        for home in &states {
            match home {
                Home::Nowhere => {}
                Home::Moving(n) => {
                    for file in [File::Before, File::After] {
                        sizes.0[file as usize] = sizes.0[file as usize].max(n + 1);
                    }
                }
                Home::Still(n) => sizes.0[File::Still as usize] = sizes.0[File::Still as usize].max(n + 1),
            }
        }
        Self { rows: HashMap::default(), once: HashMap::default(), sizes, once_code: Code::default(), states }
    }

    /// The row of a value that is the same in all lanes.
    fn row(&mut self, v: V) -> Place {
        let next = self.rows.len();
        let row = *self.rows.entry(v).or_insert(next);
        self.sizes.0[File::Row as usize] = self.rows.len();
        Place::new(File::Row, row)
    }

    /// The register of a value that is worked out once a run.
    pub(super) fn once(&mut self, g: &Graph, v: V) -> Place {
        if g.level[v as usize] == 0 {
            return self.row(v);
        }
        if let Some(n) = self.once.get(&v) {
            return Place::new(File::Once, *n);
        }
        // Its operands first.
        let place = |coder: &mut Self, v: V| stacker::maybe_grow(64 * 1024, 1024 * 1024, || coder.once(g, v));
        let inst = match &g.nodes[v as usize] {
            Node::Do(op, args) => {
                let args: Vec<Place> = args[..op.operands()].iter().map(|v| place(self, *v)).collect();
                Some(plain(*op, &args))
            }
            Node::Call(n) => {
                let (call, args) = &g.calls[*n as usize];
                let args = args.iter().map(|v| place(self, *v)).collect();
                self.once_code.calls.push((*call, args));
                let number = self.once_code.calls.len() as u32 - 1;
                Some(Inst { act: Act::Call(number), to: PLACE, a: PLACE, b: PLACE, c: PLACE, d: PLACE })
            }
            // Inputs are put in place.
            Node::Leaf(_) | Node::Constant(_) => None,
        };
        let n = self.once.len();
        self.once.insert(v, n);
        self.sizes.0[File::Once as usize] = n + 1;
        let to = Place::new(File::Once, n);
        if let Some(inst) = inst {
            self.once_code.main.push(Inst { to, ..inst });
        }
        to
    }

    fn home(&self, state: usize, file: File) -> Place {
        match self.states[state] {
            Home::Moving(n) => Place::new(file, n),
            Home::Still(n) => Place::new(File::Still, n),
            // Nothing reads it.
            Home::Nowhere => PLACE,
        }
    }

    /// The code of a step.
    pub(super) fn code(&mut self, g: &Graph, wanted: &Wanted) -> Code {
        let mut code = Code::default();
        let order = self.needed(g, wanted, &mut code);
        let mut made = Maker::new(g, wanted, &order, &self.states);
        made.fuse(g, &order);
        // States that stand in place are written when all is known to be fine; the others as they are worked out.
        let mut target: HashMap<V, Place> = HashMap::default();
        let mut moves: Vec<(Place, V)> = Vec::new();
        let mut late: Vec<(Place, V)> = Vec::new();
        for &(state, v) in wanted.states {
            let lane_step = g.level[v as usize] == LANE | STEP && !matches!(g.nodes[v as usize], Node::Leaf(_));
            match self.states[state] {
                Home::Nowhere => {}
                Home::Still(_) => late.push((self.home(state, File::Still), v)),
                Home::Moving(_) if lane_step && !target.contains_key(&v) => {
                    target.insert(v, self.home(state, File::After));
                }
                Home::Moving(_) => moves.push((self.home(state, File::After), v)),
            }
        }
        let changed: Vec<usize> = wanted.states.iter().map(|(s, _)| *s).collect();
        let mut same = Vec::new();
        if wanted.hand_on {
            for state in 0..self.states.len() {
                if matches!(self.states[state], Home::Moving(_)) && changed.binary_search(&state).is_err() {
                    same.push(state);
                }
            }
        }
        let mut free: Vec<usize> = Vec::new();
        let mut place: HashMap<V, Place> = HashMap::default();
        let mut checks: HashMap<V, Vec<Check>> = HashMap::default();
        for check in wanted.checks {
            checks.entry(check.value()).or_default().push(*check);
        }
        for check in wanted.checks {
            // What is known before the step begins.
            let v = check.value();
            if g.level[v as usize] != LANE | STEP || matches!(g.nodes[v as usize], Node::Leaf(_)) {
                let a = self.place(g, &place, v);
                code.main.push(check_inst(*check, a));
            }
        }
        for (at, &v) in order.iter().enumerate() {
            if made.swallowed[at] {
                continue;
            }
            let inst = self.inst(g, &place, &made, &mut code, v, at);
            // Operands that nothing reads later free their registers, for this result, too.
            let mut freed = Vec::new();
            for used in &made.uses[at] {
                if made.last[*used as usize] == at
                    && let Some(p) = place.get(used)
                    && p.file() == File::Temporary as usize
                {
                    freed.push(p.number());
                }
            }
            freed.sort_unstable();
            freed.dedup();
            free.extend(freed);
            let to = match target.get(&v) {
                Some(to) => *to,
                None if made.check_only[at] => PLACE,
                None => {
                    let n = free.pop().unwrap_or_else(|| {
                        made.registers += 1;
                        made.registers - 1
                    });
                    if made.last[v as usize] == at {
                        // Only its check reads it.
                        free.push(n);
                    }
                    Place::new(File::Temporary, n)
                }
            };
            place.insert(v, to);
            if made.check_only[at] {
                code.main.push(inst);
            } else {
                code.main.push(Inst { to, ..inst });
                for check in checks.get(&v).into_iter().flatten() {
                    code.main.push(check_inst(*check, to));
                }
            }
        }
        for (to, v) in moves {
            let a = self.place(g, &place, v);
            code.main.push(move_inst(to, a));
        }
        for state in same {
            let (a, to) = (self.home(state, File::Before), self.home(state, File::After));
            code.main.push(move_inst(to, a));
        }
        for (to, v) in late {
            let a = self.place(g, &place, v);
            code.late.push(move_inst(to, a));
        }
        code.columns = wanted.columns.iter().map(|v| self.place(g, &place, *v)).collect();
        // Some values are worked out for others alone.
        let of_insts = code.main.iter().chain(&code.late).flat_map(|i| [i.a, i.b, i.c, i.d]);
        let read =
            of_insts.chain(code.calls.iter().flat_map(|c| c.1.iter().copied())).chain(code.columns.iter().copied());
        let read: HashSet<usize> = read.filter(|p| p.file() == File::Row as usize).map(Place::number).collect();
        code.rows.iter_mut().for_each(|(_, row, is_read)| *is_read = read.contains(row));
        self.sizes.0[File::Temporary as usize] = self.sizes.0[File::Temporary as usize].max(made.registers);
        code
    }

    /// The values to work out, in an order in which they can be; rows and what is worked out once get their places.
    fn needed(&mut self, g: &Graph, wanted: &Wanted, code: &mut Code) -> Vec<V> {
        let mut seen = vec![false; g.len()];
        let roots = wanted.checks.iter().map(|c| c.value());
        let roots = roots.chain(wanted.states.iter().map(|s| s.1)).chain(wanted.columns.iter().copied());
        let mut open: Vec<V> = roots.collect();
        let (mut order, mut rows) = (Vec::new(), Vec::new());
        while let Some(v) = open.pop() {
            if std::mem::replace(&mut seen[v as usize], true) {
                continue;
            }
            let leaf = matches!(g.nodes[v as usize], Node::Leaf(_));
            match g.level[v as usize] {
                0 => {
                    self.row(v);
                    continue;
                }
                LANE => {
                    self.once(g, v);
                    continue;
                }
                STEP => rows.push(v),
                _ if leaf => continue,
                _ => order.push(v),
            }
            match &g.nodes[v as usize] {
                Node::Do(op, args) => open.extend(&args[..op.operands()]),
                Node::Call(n) => open.extend(&g.calls[*n as usize].1),
                _ => {}
            }
        }
        order.sort_unstable();
        rows.sort_unstable();
        code.rows = rows.into_iter().map(|v| (v, self.row(v).number(), false)).collect();
        order
    }

    fn place(&self, g: &Graph, place: &HashMap<V, Place>, v: V) -> Place {
        if let Some(place) = place.get(&v) {
            return *place;
        }
        match g.nodes[v as usize] {
            Node::Leaf(Leaf::State(s)) => self.home(s as usize, File::Before),
            Node::Leaf(Leaf::Drawn(d)) => Place::new(File::Drawn, d as usize),
            _ => match self.once.get(&v) {
                Some(n) => Place::new(File::Once, *n),
                None => Place::new(File::Row, self.rows.get(&v).copied().unwrap_or(0)),
            },
        }
    }

    /// The instruction of a value.
    fn inst(&self, g: &Graph, place: &HashMap<V, Place>, made: &Maker, code: &mut Code, v: V, at: usize) -> Inst {
        let p = |v: V| self.place(g, place, v);
        match &g.nodes[v as usize] {
            Node::Call(n) => {
                let (call, args) = &g.calls[*n as usize];
                code.calls.push((*call, args.iter().map(|v| p(*v)).collect()));
                let number = code.calls.len() as u32 - 1;
                Inst { act: Act::Call(number), to: PLACE, a: PLACE, b: PLACE, c: PLACE, d: PLACE }
            }
            Node::Do(op, args) => match made.partner[at] {
                Some((inner, first)) => {
                    let Node::Do(before, of) = g.nodes[inner as usize] else { return plain(*op, &[PLACE]) };
                    if *op == Do::Select {
                        let (a, b, c, d) = (p(of[0]), p(of[1]), p(args[1]), p(args[2]));
                        return Inst { act: Act::SelectIf(before), to: PLACE, a, b, c, d };
                    }
                    let other = p(args[if first { 1 } else { 0 }]);
                    Inst {
                        act: Act::Pair(before, *op, !first),
                        to: PLACE,
                        a: p(of[0]),
                        b: p(of[1]),
                        c: other,
                        d: other,
                    }
                }
                None if made.check_only[at] => {
                    Inst { act: Act::HoldsIf(*op), to: PLACE, a: p(args[0]), b: p(args[1]), c: PLACE, d: PLACE }
                }
                None => plain(*op, &args[..op.operands()].iter().map(|v| p(*v)).collect::<Vec<_>>()),
            },
            _ => plain(Do::Abs, &[PLACE]),
        }
    }
}

fn plain(op: Do, args: &[Place]) -> Inst {
    let at = |i: usize| args.get(i).copied().unwrap_or(args[0]);
    let act = match op.operands() {
        3 => Act::Select,
        2 => Act::Two(op),
        _ => Act::One(op),
    };
    Inst { act, to: PLACE, a: at(0), b: at(1), c: at(2), d: at(0) }
}

/// Copies a register.
pub(super) fn move_inst(to: Place, a: Place) -> Inst {
    Inst { act: Act::Move, to, a, b: a, c: a, d: a }
}

/// Checks a register.
pub(super) fn check_inst(check: Check, a: Place) -> Inst {
    let act = match check {
        Check::Holds(_) => Act::Holds,
        Check::Forward(_) => Act::Forward,
        Check::Fine(_) => Act::Fine,
        Check::Finite(_) => Act::Finite,
    };
    Inst { act, to: PLACE, a, b: a, c: a, d: a }
}

/// How values become instructions.
struct Maker {
    /// Where each value is read last, by the place in the order.
    last: Vec<usize>,
    /// What the instruction at each place reads.
    uses: Vec<Vec<V>>,
    /// How often each value is read; what is kept counts twice.
    count: Vec<u32>,
    /// It is done with what reads it.
    swallowed: Vec<bool>,
    /// What is done with it, and whether that is its first operand.
    partner: Vec<Option<(V, bool)>>,
    /// A comparison that is only checked.
    check_only: Vec<bool>,
    registers: usize,
}

impl Maker {
    fn new(g: &Graph, wanted: &Wanted, order: &[V], homes: &[Home]) -> Self {
        let n = order.len();
        let mut made = Self {
            last: vec![0; g.len()],
            uses: vec![Vec::new(); n],
            count: vec![0; g.len()],
            swallowed: vec![false; n],
            partner: vec![None; n],
            check_only: vec![false; n],
            registers: 0,
        };
        for (at, v) in order.iter().enumerate() {
            made.uses[at] = operands(g, *v);
            made.last[*v as usize] = at;
            for used in &made.uses[at] {
                made.last[*used as usize] = at;
                made.count[*used as usize] += 1;
            }
        }
        let kept = wanted.states.iter().filter(|(s, _)| homes[*s] != Home::Nowhere).map(|s| s.1);
        for v in kept.chain(wanted.columns.iter().copied()) {
            made.last[v as usize] = usize::MAX;
            made.count[v as usize] += 2;
        }
        let mut checked: HashMap<V, (u32, bool)> = HashMap::default();
        for check in wanted.checks {
            let of = checked.entry(check.value()).or_insert((0, true));
            of.0 += 1;
            of.1 &= matches!(check, Check::Holds(_));
        }
        for (at, v) in order.iter().enumerate() {
            let Some((n, holds)) = checked.get(v) else { continue };
            let comparison = matches!(g.nodes[*v as usize], Node::Do(op, _) if is_comparison(op));
            if made.count[*v as usize] == 0 && *n == 1 && *holds && comparison {
                made.check_only[at] = true;
            } else {
                // It is read by its check.
                made.count[*v as usize] += 2;
            }
        }
        made
    }

    /// Joins operations: one whose result only the other reads.
    fn fuse(&mut self, g: &Graph, order: &[V]) {
        let mut at_of: HashMap<V, usize> = HashMap::default();
        for (at, v) in order.iter().enumerate() {
            at_of.insert(*v, at);
        }
        for (at, v) in order.iter().enumerate() {
            let Node::Do(op, args) = g.nodes[*v as usize] else { continue };
            if self.check_only[at] {
                continue;
            }
            let alone = |made: &Self, v: V| {
                let inner = *at_of.get(&v)?;
                let Node::Do(before, _) = g.nodes[v as usize] else { return None };
                (made.count[v as usize] == 1 && made.partner[inner].is_none() && !made.swallowed[inner])
                    .then_some((inner, before))
            };
            let found = match op {
                Do::Select => alone(self, args[0]).filter(|(_, b)| is_comparison(*b)).map(|(i, _)| (i, true)),
                op if is_arithmetic(op) && args[0] != args[1] => {
                    let first = alone(self, args[0]).filter(|(_, b)| is_arithmetic(*b)).map(|(i, _)| (i, true));
                    let second = alone(self, args[1]).filter(|(_, b)| is_arithmetic(*b)).map(|(i, _)| (i, false));
                    match (first, second) {
                        // The later one: the other's result is there already.
                        (Some(a), Some(b)) => Some(if a.0 > b.0 { a } else { b }),
                        (a, b) => a.or(b),
                    }
                }
                _ => None,
            };
            let Some((inner, first)) = found else { continue };
            let v = order[inner];
            self.partner[at] = Some((v, first));
            self.swallowed[inner] = true;
            // What it reads is read here.
            let reads = std::mem::take(&mut self.uses[inner]);
            for used in &reads {
                if self.last[*used as usize] < at {
                    self.last[*used as usize] = at;
                }
            }
            self.uses[at].extend(reads);
        }
    }
}

fn operands(g: &Graph, v: V) -> Vec<V> {
    match &g.nodes[v as usize] {
        Node::Do(op, args) => args[..op.operands()].to_vec(),
        Node::Call(n) => g.calls[*n as usize].1.clone(),
        _ => Vec::new(),
    }
}
