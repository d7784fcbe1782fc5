//! From what a model means to what is computed. The last reader of units: from here on all values are in stored units.

use super::*;
use crate::builtins::{Builtin, Kernel, Memory};
use crate::check::{Facts, Node, OpeningTotal as Known, Ty, constant};
use crate::hir::{self, BinaryOp, ClockPart, CompareOp, DeclKind, ExprKind, PlaceKind, Rule, Timing};

/// Functions that call functions can write more expressions than memory holds; this many are allowed.
const MAX_EXPRS: usize = 2_000_000;

/// A model whose functions come to too many expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

/// What a declaration became.
#[derive(Clone, Copy)]
enum Home {
    Param(u32),
    Cell(CellId),
    Let(u32),
    Move(MoveId),
    Metric,
    None,
}

/// Cells that remember a named value.
#[derive(Clone, Copy, Default)]
struct Remembered {
    row: Option<CellId>,
    previous: Option<CellId>,
    initial: Option<CellId>,
    total: Option<CellId>,
}

pub(super) struct Lower<'a> {
    pub(super) hir: &'a hir::Model,
    pub(super) facts: &'a Facts,
    pub(super) out: Model,
    homes: Vec<Home>,
    memory: Vec<Remembered>,
    pub(super) done: Vec<Option<ExprId>>,
    pub(super) locals: Vec<Vec<ExprId>>,
    too_large: bool,
    /// Names mean their value at the start.
    opening: bool,
    pub(super) window: Option<(ExprId, ExprId)>,
}

/// Lowers a model without errors. `None` where a fact is missing: the model has errors or no clock.
pub fn lower(hir: &hir::Model, facts: &Facts) -> Option<Result<Model, TooLarge>> {
    let clock = facts.clock.as_ref()?;
    let out = Model {
        clock: Clock::new(clock.from.clone(), clock.dt.clone(), clock.steps, clock.record),
        exprs: Vec::new(),
        params: 0,
        cells: 0,
        opening: Vec::new(),
        stocks: Vec::new(),
        states: Vec::new(),
        lets: Vec::new(),
        moves: Vec::new(),
        work: Vec::new(),
        updates: Vec::new(),
        rows: Vec::new(),
        shifts: Vec::new(),
        sums: Vec::new(),
        start_bounds: Vec::new(),
        bounds: Vec::new(),
        asserts: Vec::new(),
        totals: Vec::new(),
        probes: Vec::new(),
        metrics: Vec::new(),
        columns: Vec::new(),
        assets: Vec::new(),
    };
    let mut lower = Lower {
        homes: vec![Home::None; hir.decls.len()],
        memory: vec![Remembered::default(); hir.decls.len()],
        done: vec![None; hir.exprs.len()],
        locals: Vec::new(),
        too_large: false,
        opening: false,
        window: None,
        hir,
        facts,
        out,
    };
    lower.homes();
    lower.model();
    Some(if lower.too_large { Err(TooLarge) } else { Ok(lower.out) })
}

impl Lower<'_> {
    pub(super) fn add(&mut self, expr: Expr) -> ExprId {
        if self.out.exprs.len() >= MAX_EXPRS {
            self.too_large = true;
            return ExprId(0);
        }
        self.out.exprs.push(expr);
        ExprId(self.out.exprs.len() as u32 - 1)
    }

    pub(super) fn constant(&mut self, value: f64) -> ExprId {
        self.add(Expr::Constant(value))
    }

    fn cell(&mut self) -> CellId {
        self.out.cells += 1;
        CellId(self.out.cells as u32 - 1)
    }

    /// Gives every declaration its place. Moves stay in the order of declaration, in which the ledger adds them up.
    fn homes(&mut self) {
        let mut moves = 0;
        for (id, decl) in self.hir.decls() {
            self.homes[id.0 as usize] = match &decl.kind {
                DeclKind::Param { .. } => {
                    self.out.params += 1;
                    Home::Param(self.out.params as u32 - 1)
                }
                DeclKind::Stock { signed, .. } => {
                    let cell = self.cell();
                    self.out.stocks.push(Stock { cell, origin: id, signed: *signed });
                    Home::Cell(cell)
                }
                DeclKind::State { .. } => {
                    let cell = self.cell();
                    self.out.states.push((cell, id));
                    Home::Cell(cell)
                }
                DeclKind::Move(_) => {
                    moves += 1;
                    Home::Move(MoveId(moves - 1))
                }
                DeclKind::Metric { .. } => Home::Metric,
                DeclKind::Let { .. } | DeclKind::Unknown => Home::None,
            };
        }
        let lets = self.facts.order.step.iter().filter_map(|n| match n {
            Node::Let(id) => Some(*id),
            _ => None,
        });
        for (i, id) in lets.enumerate() {
            self.homes[id.0 as usize] = Home::Let(i as u32);
        }
    }

    fn model(&mut self) {
        let hir = self.hir;
        self.opening = true;
        for id in self.facts.order.opening.clone() {
            let (e, to) = match (&hir.decl(id).kind, self.homes[id.0 as usize]) {
                (DeclKind::Param { value, set, .. }, Home::Param(p)) => (set.unwrap_or(*value), Opened::Param(p)),
                (DeclKind::Stock { opening, set, .. }, Home::Cell(c)) => (set.unwrap_or(*opening), Opened::Cell(c)),
                (DeclKind::State { initial, .. }, Home::Cell(c)) => (*initial, Opened::Cell(c)),
                _ => continue,
            };
            let value = self.expr(e);
            self.out.opening.push((to, value, id));
        }
        self.opening = false;
        self.done.fill(None);
        for node in self.facts.order.step.clone() {
            match node {
                Node::Let(id) => {
                    let DeclKind::Let { value } = hir.decl(id).kind else { continue };
                    let value = self.expr(value);
                    let after_moves = self.facts.order.after_moves[id.0 as usize];
                    self.out.lets.push(Definition { value, origin: id, after_moves });
                }
                Node::Demand(id) if !self.dated(id) => self.work(id, Work::Demand),
                Node::Taken(id) if !self.dated(id) => self.work(id, Work::Take),
                _ => {}
            }
        }
        for (id, _, m) in hir.moves() {
            self.moved(id, m);
        }
        for (id, decl) in hir.decls() {
            match &decl.kind {
                DeclKind::State { rule, .. } => self.update(id, rule.as_ref()),
                DeclKind::Param { range: Some(range), .. } => {
                    let bound = self.bound(id, *range);
                    self.out.start_bounds.push(bound);
                }
                DeclKind::Stock { range: Some(range), .. } => {
                    let bound = self.bound(id, *range);
                    self.out.bounds.push(bound);
                }
                _ => {}
            }
        }
        for (number, assert) in hir.asserts.iter().enumerate() {
            let after_moves = self.hangs_on_moves(assert.condition);
            let condition = self.expr(assert.condition);
            self.out.asserts.push(Assert { number, condition, after_moves });
        }
        self.conserves();
        for (id, decl) in hir.decls() {
            if matches!(decl.kind, DeclKind::Metric { .. }) {
                let value = self.metric(id);
                self.out.metrics.push(Metric { origin: id, value });
            }
        }
        self.columns();
        // A name's row may be read by a later one's: stocks and states first, then lets in the order of work, then moves.
        let exprs = &self.out.exprs;
        self.out.rows.sort_by_key(|row| match exprs[row.value.0 as usize] {
            Expr::Let(l) => (1, l),
            Expr::Taken(m) => (2, m.0),
            _ => (0, 0),
        });
    }

    pub(super) fn dated(&self, id: DeclId) -> bool {
        crate::check::is_dated(self.hir, id)
    }

    fn work(&mut self, id: DeclId, work: fn(MoveId) -> Work) {
        if let Home::Move(m) = self.homes[id.0 as usize] {
            self.out.work.push(work(m));
        }
    }

    fn stock(&self, place: hir::Place) -> Option<usize> {
        match place.kind {
            PlaceKind::Decl(id) => self.out.stocks.iter().position(|s| s.origin == id),
            _ => None,
        }
    }

    fn moved(&mut self, id: DeclId, m: &hir::Move) {
        let (from, to) = (self.stock(m.from), self.stock(m.to));
        let amount = self.expr(m.amount);
        let (mut condition, mut event) = (None, None);
        match &m.timing {
            Timing::When { condition: c, .. } => condition = Some(self.expr(*c)),
            Timing::At(t) => event = Some(Event { first: self.expr(*t), period: None, last: None }),
            Timing::Every { period, from, to } => {
                let period = self.period(id, *period);
                let first = match from {
                    Some(from) => self.expr(*from),
                    None => self.constant(self.out.clock.start),
                };
                let last = to.as_ref().map(|to| self.expr(*to));
                event = Some(Event { first, period: Some(period), last });
            }
            Timing::Always | Timing::Missing => {}
        }
        let once = matches!(m.timing, Timing::When { once: true, .. });
        self.out.moves.push(Move {
            origin: id,
            flow: m.flow,
            from,
            to,
            amount,
            condition,
            once,
            short: m.short,
            event,
        });
    }

    fn update(&mut self, id: DeclId, rule: Option<&Rule>) {
        let Home::Cell(cell) = self.homes[id.0 as usize] else { return };
        let (value, rate, every) = match rule {
            None => return,
            Some(Rule::Next { value, every }) => (self.expr(*value), false, every.map(|e| self.period(id, e))),
            Some(Rule::Rate(value)) => (self.expr(*value), true, None),
        };
        self.out.updates.push(Update { cell, origin: id, value, rate, every });
    }

    /// A period, which must be a step at least; one that hangs on params is checked when a run starts.
    fn period(&mut self, id: DeclId, e: hir::ExprId) -> ExprId {
        let value = self.expr(e);
        if constant(self.facts, e).is_none() {
            let low = self.constant(self.out.clock.dt * (1.0 - 1e-9));
            let high = self.constant(f64::INFINITY);
            self.out.start_bounds.push(Bound { origin: id, value, low, high });
        }
        value
    }

    fn bound(&mut self, id: DeclId, (low, high): (hir::ExprId, hir::ExprId)) -> Bound {
        let value = self.named(id);
        Bound { origin: id, value, low: self.expr(low), high: self.expr(high) }
    }

    fn conserves(&mut self) {
        let facts = self.facts;
        for (i, known) in facts.conserves.iter().enumerate() {
            if known.total == Some(Known::AtStart)
                && let Some(total) = self.hir.conserves[i].total
            {
                let stocks = self
                    .out
                    .stocks
                    .iter()
                    .enumerate()
                    .filter(|(_, s)| known.stocks.contains(&s.origin))
                    .map(|(n, _)| n)
                    .collect();
                let total = self.expr(total);
                self.out.totals.push(OpeningTotal { conserve: i, stocks, total });
            }
        }
        let mut dims: Vec<&crate::units::Dim> = Vec::new();
        for i in 0..self.out.stocks.len() {
            let Ty::Number(dim) = &facts.decl(self.out.stocks[i].origin).ty else { continue };
            match dims.iter().position(|d| *d == dim) {
                Some(at) => self.out.assets[at].stocks.push(i),
                None => {
                    dims.push(dim);
                    self.out.assets.push(Asset { stocks: vec![i] });
                }
            }
        }
    }

    /// The columns in the order of the results: stocks, states, lets, then what moves.
    fn columns(&mut self) {
        let rank = |kind: &DeclKind| match kind {
            DeclKind::Stock { .. } => Some(0),
            DeclKind::State { .. } => Some(1),
            DeclKind::Let { .. } => Some(2),
            DeclKind::Move(m) if m.flow => Some(3),
            DeclKind::Move(_) => Some(4),
            _ => None,
        };
        let mut ids: Vec<(i32, DeclId)> = self.hir.decls().filter_map(|(id, d)| Some((rank(&d.kind)?, id))).collect();
        ids.sort();
        for (_, id) in ids {
            let after_moves = match self.hir.decl(id).kind {
                DeclKind::Let { .. } => self.facts.order.after_moves[id.0 as usize],
                DeclKind::Move(_) => true,
                _ => false,
            };
            let value = self.named(id);
            self.out.columns.push(Column { origin: id, value, after_moves });
        }
    }

    /// A name as an expression.
    fn named(&mut self, id: DeclId) -> ExprId {
        let expr = match self.homes[id.0 as usize] {
            Home::Param(p) => Expr::Param(p),
            Home::Cell(c) => Expr::Cell(c),
            Home::Move(m) => Expr::Taken(m),
            Home::Let(l) if !self.opening => Expr::Let(l),
            Home::Let(_) => match self.hir.decl(id).kind {
                DeclKind::Let { value } => {
                    // It reads no arguments of the function around it, so that it is worked out once for all.
                    let locals = std::mem::take(&mut self.locals);
                    let out = self.expr(value);
                    self.locals = locals;
                    return out;
                }
                _ => Expr::Constant(f64::NAN),
            },
            Home::Metric => return self.metric(id),
            Home::None => Expr::Constant(f64::NAN),
        };
        self.add(expr)
    }

    /// Whether an expression is known only after this step has moved what it moves.
    pub(super) fn hangs_on_moves(&self, start: hir::ExprId) -> bool {
        let mut stack = vec![start];
        let mut functions = Vec::new();
        while let Some(e) = stack.pop() {
            match &self.hir.expr(e).kind {
                ExprKind::Decl(id) => match self.hir.decl(*id).kind {
                    DeclKind::Let { .. } if self.facts.order.after_moves[id.0 as usize] => return true,
                    DeclKind::Move(_) if !self.dated(*id) => return true,
                    _ => {}
                },
                // The row before and sums so far are known; only a start may hang on something.
                ExprKind::Builtin(b, args) if looks_back(b, args) => stack.extend(args.iter().skip(1).flatten()),
                ExprKind::Call(f, args) => {
                    if !functions.contains(f) {
                        functions.push(*f);
                        stack.push(self.hir.function(*f).body);
                    }
                    stack.extend(args);
                }
                _ => stack.extend(self.hir.children(e)),
            }
        }
        false
    }

    pub(super) fn expr(&mut self, e: hir::ExprId) -> ExprId {
        if self.locals.is_empty()
            && let Some(done) = self.done[e.0 as usize]
        {
            return done;
        }
        let out = match constant(self.facts, e) {
            Some(value) => self.constant(to_f64(&value)),
            None => stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.expr_inner(e)),
        };
        if self.locals.is_empty() {
            self.done[e.0 as usize] = Some(out);
        }
        out
    }

    fn expr_inner(&mut self, e: hir::ExprId) -> ExprId {
        if self.too_large {
            return ExprId(0);
        }
        let hir = self.hir;
        let expr = match &hir.expr(e).kind {
            // Numbers and units are constants, and have been met.
            ExprKind::Number { .. } | ExprKind::Quantity { .. } | ExprKind::Unit(_) | ExprKind::Error => {
                Expr::Constant(f64::NAN)
            }
            ExprKind::Infinity => Expr::Constant(f64::INFINITY),
            ExprKind::Pi => Expr::Constant(std::f64::consts::PI),
            ExprKind::Bool(value) => Expr::Constant(f64::from(u8::from(*value))),
            ExprKind::Clock(part) => match part {
                ClockPart::Time if self.opening => Expr::Constant(self.out.clock.start),
                ClockPart::Time => Expr::Time,
                ClockPart::Step if self.opening => Expr::Constant(0.0),
                ClockPart::Step => Expr::Step,
                ClockPart::Dt => Expr::Constant(self.out.clock.dt),
                ClockPart::Start => Expr::Constant(self.out.clock.start),
                ClockPart::Stop => Expr::Constant(self.out.clock.stop),
            },
            ExprKind::Decl(id) => return self.named(*id),
            ExprKind::Local(i) => return self.locals.last().and_then(|l| l.get(*i)).copied().unwrap_or(ExprId(0)),
            ExprKind::Negate(a) => Expr::Unary(Unary::Negate, self.expr(*a)),
            ExprKind::Not(a) => Expr::Unary(Unary::Not, self.expr(*a)),
            ExprKind::Binary(op, a, b) => {
                let (a, b) = (self.expr(*a), self.expr(*b));
                Expr::Binary(binary(*op), a, b)
            }
            ExprKind::Compare(first, rest) => return self.chain(*first, rest, Self::expr),
            ExprKind::If(c, a, b) => {
                let (c, a) = (self.expr(*c), self.expr(*a));
                Expr::If(c, a, self.expr(*b))
            }
            ExprKind::Call(id, args) => {
                let args = args.iter().map(|a| self.expr(*a)).collect();
                self.locals.push(args);
                let out = self.expr(hir.function(*id).body);
                self.locals.pop();
                return out;
            }
            ExprKind::Builtin(builtin, args) => return self.builtin(builtin, args),
        };
        self.add(expr)
    }

    /// `a < b <= c` is `a < b and b <= c`, with b worked out once.
    pub(super) fn chain(
        &mut self,
        first: hir::ExprId,
        rest: &[(CompareOp, hir::ExprId)],
        part: fn(&mut Self, hir::ExprId) -> ExprId,
    ) -> ExprId {
        let mut left = part(self, first);
        let mut all = None;
        for (op, right) in rest {
            let right = part(self, *right);
            let one = self.add(Expr::Binary(comparison(*op), left, right));
            all = Some(match all {
                None => one,
                Some(before) => self.add(Expr::Binary(Binary::And, before, one)),
            });
            left = right;
        }
        all.unwrap_or(left)
    }

    pub(super) fn builtin(&mut self, builtin: &'static Builtin, args: &[Option<hir::ExprId>]) -> ExprId {
        if let Kernel::Memory(memory) = builtin.kernel {
            return self.remembered(memory, args);
        }
        let values: Vec<Option<ExprId>> = args.iter().map(|a| a.map(|a| self.expr(a))).collect();
        let at = |i: usize| values.get(i).copied().flatten().unwrap_or(ExprId(0));
        let expr = match builtin.kernel {
            Kernel::One(f) => Expr::One(f, at(0)),
            Kernel::Two(f) => Expr::Two(f, at(0), at(1)),
            Kernel::Three(f) => Expr::Three(f, at(0), at(1), at(2)),
            Kernel::Fold(f) => {
                let mut values = values.iter().flatten().copied();
                let Some(mut folded) = values.next() else { return self.constant(f64::NAN) };
                for value in values {
                    folded = self.add(Expr::Two(f, folded, value));
                }
                return folded;
            }
            Kernel::Round(f) => match values.get(1).copied().flatten() {
                None => Expr::One(f, at(0)),
                Some(to) => {
                    let ratio = self.add(Expr::Binary(Binary::Divide, at(0), to));
                    let whole = self.add(Expr::One(f, ratio));
                    Expr::Binary(Binary::Multiply, whole, to)
                }
            },
            Kernel::Clock(f) => {
                let mut three = [ExprId(0); 3];
                for (i, slot) in three.iter_mut().enumerate() {
                    *slot = match values.get(i).copied().flatten() {
                        Some(value) => value,
                        None => self.constant(f64::NAN),
                    };
                }
                Expr::Clock(f, three)
            }
            Kernel::Memory(_) | Kernel::Run => Expr::Constant(f64::NAN),
        };
        self.add(expr)
    }

    /// A value at another moment, through the cells that remember it.
    fn remembered(&mut self, memory: Memory, args: &[Option<hir::ExprId>]) -> ExprId {
        let Some(arg) = args.first().copied().flatten() else { return self.constant(f64::NAN) };
        let ExprKind::Decl(id) = self.hir.expr(arg).kind else { return self.constant(f64::NAN) };
        if self.opening {
            return match (memory, args.get(1).copied().flatten()) {
                (Memory::Previous, Some(start)) => self.expr(start),
                (Memory::Total, _) => self.constant(0.0),
                _ => self.named(id),
            };
        }
        match memory {
            Memory::Requested => match self.homes[id.0 as usize] {
                Home::Move(m) => self.add(Expr::Asked(m)),
                _ => self.constant(f64::NAN),
            },
            Memory::Opening => {
                let cell = self.row_cell(id);
                self.add(Expr::Cell(cell))
            }
            Memory::Initial => {
                // A param has one value for the whole run.
                if matches!(self.homes[id.0 as usize], Home::Param(_)) {
                    return self.named(id);
                }
                let cell = match self.memory[id.0 as usize].initial {
                    Some(cell) => cell,
                    None => {
                        let cell = self.cell();
                        self.memory[id.0 as usize].initial = Some(cell);
                        let (value, after_moves) = self.value_of(id);
                        self.out.rows.push(RowCell { cell, value, after_moves, first: true });
                        cell
                    }
                };
                self.add(Expr::Cell(cell))
            }
            Memory::Total => {
                let cell = match self.memory[id.0 as usize].total {
                    Some(cell) => cell,
                    None => {
                        let cell = self.cell();
                        self.memory[id.0 as usize].total = Some(cell);
                        let what = match self.homes[id.0 as usize] {
                            Home::Move(m) => Summed::Move(m),
                            _ => Summed::Rate(self.named(id)),
                        };
                        self.out.sums.push(Sum { cell, what });
                        cell
                    }
                };
                self.add(Expr::Cell(cell))
            }
            Memory::Previous => {
                let cell = match self.memory[id.0 as usize].previous {
                    Some(cell) => cell,
                    None => {
                        let row = self.row_cell(id);
                        let cell = self.cell();
                        self.memory[id.0 as usize].previous = Some(cell);
                        self.out.shifts.push((cell, row));
                        cell
                    }
                };
                let start = match args.get(1).copied().flatten() {
                    Some(start) => self.expr(start),
                    None => self.named(id),
                };
                let (step, zero) = (self.add(Expr::Step), self.constant(0.0));
                let first = self.add(Expr::Binary(Binary::Equal, step, zero));
                let before = self.add(Expr::Cell(cell));
                self.add(Expr::If(first, start, before))
            }
        }
    }

    /// The cell that holds a name's value of the row.
    fn row_cell(&mut self, id: DeclId) -> CellId {
        if let Some(cell) = self.memory[id.0 as usize].row {
            return cell;
        }
        let cell = self.cell();
        self.memory[id.0 as usize].row = Some(cell);
        let (value, after_moves) = self.value_of(id);
        self.out.rows.push(RowCell { cell, value, after_moves, first: false });
        cell
    }

    fn value_of(&mut self, id: DeclId) -> (ExprId, bool) {
        let after_moves = match self.hir.decl(id).kind {
            DeclKind::Let { .. } => self.facts.order.after_moves[id.0 as usize],
            DeclKind::Move(_) => !self.dated(id),
            _ => false,
        };
        (self.named(id), after_moves)
    }
}

/// Whether a function gives a value of before this step: a sum so far, or the row before where its start is given.
pub(super) fn looks_back(builtin: &Builtin, args: &[Option<hir::ExprId>]) -> bool {
    match builtin.kernel {
        Kernel::Memory(Memory::Total) => true,
        Kernel::Memory(Memory::Previous) => args.get(1).is_some_and(Option::is_some),
        _ => false,
    }
}

pub(super) fn binary(op: BinaryOp) -> Binary {
    match op {
        BinaryOp::Or => Binary::Or,
        BinaryOp::And => Binary::And,
        BinaryOp::Add => Binary::Add,
        BinaryOp::Subtract => Binary::Subtract,
        BinaryOp::Multiply => Binary::Multiply,
        BinaryOp::Divide => Binary::Divide,
        BinaryOp::Power => Binary::Power,
    }
}

pub(super) fn comparison(op: CompareOp) -> Binary {
    match op {
        CompareOp::Less => Binary::Less,
        CompareOp::LessEq => Binary::LessEq,
        CompareOp::Greater => Binary::Greater,
        CompareOp::GreaterEq => Binary::GreaterEq,
        CompareOp::Equal => Binary::Equal,
        CompareOp::NotEqual => Binary::NotEqual,
    }
}
