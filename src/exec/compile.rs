//! From equations to instructions.
//!
//! In: [`ir::Model`]. Out: [`Program`]: straight code over a file of registers. The first registers are the model's cells,
//! params and moves, so that reading one costs nothing. What hangs on constants alone is worked out here, what hangs on
//! params alone once a run; the rest is emitted once per step, and each equation at most once in it.
//! Invariant: an instruction does to its operands what the oracle does, in the same order. Absent on purpose: control flow;
//! both arms of `if` are worked out and one is chosen.

mod slopes;

use std::ops::Range;

use ordered_float::OrderedFloat;
use rustc_hash::FxHashMap as HashMap;

use super::program::*;
use crate::builtins::Instant;
use crate::ir::{Binary, Expr, ExprId, Known, Model, MoveId, Opened, Summed, TradeId, Unary, Work};

/// The place of an instruction's result, by what it does to what.
type Key = (u8, usize, Reg, Reg, Reg);

struct Compiler<'m> {
    model: &'m Model,
    registers: Vec<f64>,
    constants: HashMap<OrderedFloat<f64>, Reg>,
    zero_negative: Option<Reg>,
    /// Code that runs once, after the params are known.
    once: Vec<Inst>,
    code: Vec<Inst>,
    many: Vec<Many>,
    picks: Vec<Pick>,
    level: Vec<Level>,
    /// Results that last for the whole run, and those of this moment.
    lasting: HashMap<ExprId, Reg>,
    moment: HashMap<ExprId, Reg>,
    lasting_values: HashMap<Key, Reg>,
    values: HashMap<Key, Reg>,
    lets: HashMap<u32, Reg>,
    first: usize,
    /// The stage whose code is emitted, and what all stages of a step have come to.
    within: Option<slopes::Within>,
    combined: slopes::Found,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Constant,
    Run,
    Step,
    /// Hangs on what moves in the step.
    Moves,
}

impl<'m> Program<'m> {
    /// Compiles a model.
    pub fn new(model: &'m Model) -> Self {
        let members = (!model.populations.is_empty()).then(|| super::members::Program::new(model));
        Self { members, ..Compiler::new(model).program() }
    }
}

impl<'m> Compiler<'m> {
    fn new(model: &'m Model) -> Self {
        let moving = 2 * model.moves.len() + model.trades.len() + model.facts.len();
        let fixed = model.cells + model.params + moving + 2 + model.probes.len() + model.draws.len();
        let mut level = vec![Level::Step; fixed];
        let params = model.cells + model.params;
        level[model.cells..params].fill(Level::Run);
        level[params..params + moving].fill(Level::Moves);
        // A draw of a phase is made as late as what moves in it.
        for (number, _) in model.draws.iter().enumerate().filter(|(_, d)| d.phase.is_some()) {
            level[fixed - model.draws.len() + number] = Level::Moves;
        }
        // A param that no run got to has no value.
        let mut registers = vec![0.0; fixed];
        registers[model.cells..params].fill(f64::NAN);
        Self {
            registers,
            constants: HashMap::default(),
            zero_negative: None,
            once: Vec::new(),
            code: Vec::new(),
            many: Vec::new(),
            picks: Vec::new(),
            level,
            lasting: HashMap::default(),
            moment: HashMap::default(),
            lasting_values: HashMap::default(),
            values: HashMap::default(),
            lets: HashMap::default(),
            first: 0,
            within: None,
            combined: slopes::Found::default(),
            model,
        }
    }

    fn program(mut self) -> Program<'m> {
        let model = self.model;
        let (time, step) = (self.time(), self.time() + 1);
        // Params first: they read only each other. An opening comes before the code that runs once, so it may not rely on it.
        let params = model.cells..model.cells + model.params;
        self.level[params.clone()].fill(Level::Step);
        let mut openings = Vec::new();
        for (to, e, _) in &model.opening {
            let at = self.code.len();
            let value = match model.expr(*e) {
                Expr::Uncertain(u) => {
                    let args = &model.uncertain[u as usize].args;
                    Opening::Uncertain(u, args.iter().map(|e| self.expr(*e)).collect())
                }
                Expr::Input(i) => Opening::Input(i),
                _ => Opening::Reg(self.expr(*e)),
            };
            let to = match to {
                Opened::Param(p) => self.param(*p),
                Opened::Cell(c) => c.0,
            };
            openings.push((at..self.code.len(), value, to));
            self.forget();
        }
        self.level[params].fill(Level::Run);
        let limits = |c: &mut Self, bounds: &[crate::ir::Bound]| -> Vec<Limits> {
            bounds.iter().map(|b| Limits { value: c.expr(b.value), low: c.expr(b.low), high: c.expr(b.high) }).collect()
        };
        let start_bounds = limits(&mut self, &model.start_bounds);
        let totals = model.totals.iter().map(|t| self.expr(t.total)).collect();
        self.forget();
        let draws = (0..model.draws.len()).map(|d| self.draw(d)).collect();
        let dated = self.dated();

        self.forget();
        // Cells that hold the row are written before anything reads them in this moment.
        let row = self.rows(false);
        self.first = self.code.len();
        let bounds = limits(&mut self, &model.bounds);
        let mut asserts = vec![0; model.asserts.len()];
        let mut probes: Vec<Option<ProbeRegs>> = vec![None; model.probes.len()];
        self.watched(false, &mut asserts, &mut probes);
        let watch = self.section();
        let (slopes, done) = self.slopes();
        let phases = (0..model.work.len()).map(|p| self.phase(p)).collect();
        if model.work.len() > 1 {
            // What follows sees the row as it was.
            self.forget();
        }
        let after = self.rows(true);
        self.first = self.code.len();
        self.watched(true, &mut asserts, &mut probes);
        let after_watch = self.section();
        let states = self.new_states(None);
        let sums = model
            .sums
            .iter()
            .filter_map(|s| match s.what {
                Summed::Rate(e) => Some((s.cell.0, self.expr(e))),
                Summed::Move(_) => None,
            })
            .collect();
        let update = self.section();
        // Code from here on runs only for rows that are kept: nothing else may rely on it.
        let columns = model.columns.iter().map(|c| self.expr(c.value)).collect();
        let record = self.section();
        // In a step that failed, only what was known before the moves.
        self.forget();
        let failed_columns =
            model.columns.iter().map(|c| if c.known.at_start() { self.expr(c.value) } else { 0 }).collect();
        let record_failed = self.section();
        self.forget();
        let metrics = model.metrics.iter().map(|m| self.expr(m.value)).collect();
        let goals = model.goals.iter().map(|g| self.expr(g.value)).collect();
        let seen = model.goals.iter().map(|g| g.seen.map(|e| self.expr(e))).collect();
        let finish = self.section();

        // Code that runs once stands behind the rest.
        let once_start = self.code.len();
        self.code.append(&mut self.once);
        Program {
            members: None,
            model,
            params: model.cells..model.cells + model.params,
            once: once_start..self.code.len(),
            code: self.code,
            many: self.many,
            picks: self.picks,
            registers: self.registers,
            time,
            step,
            draws,
            openings,
            start_bounds,
            bounds,
            totals,
            dated,
            row,
            watch,
            asserts,
            slopes,
            done,
            phases,
            after,
            after_watch,
            record,
            record_failed,
            columns,
            failed_columns,
            update,
            states,
            sums,
            probes: probes.into_iter().map(|p| p.unwrap_or(ProbeRegs { value: 0, window: None, at: None })).collect(),
            finish,
            metrics,
            goals,
            seen,
        }
    }

    fn param(&self, p: u32) -> Reg {
        self.model.cells as Reg + p
    }

    fn taken(&self, m: MoveId) -> Reg {
        (self.model.cells + self.model.params) as Reg + m.0
    }

    fn asked(&self, m: MoveId) -> Reg {
        self.taken(m) + self.model.moves.len() as Reg
    }

    fn factor(&self, t: TradeId) -> Reg {
        self.taken(MoveId(2 * self.model.moves.len() as u32)) + t.0
    }

    fn fact(&self, f: u32) -> Reg {
        self.factor(TradeId(self.model.trades.len() as u32)) + f
    }

    fn time(&self) -> Reg {
        self.fact(self.model.facts.len() as u32)
    }

    fn probe(&self, p: u32) -> Reg {
        self.time() + 2 + p
    }

    fn drawn(&self, d: u32) -> Reg {
        self.probe(self.model.probes.len() as u32) + d
    }

    /// The code emitted since the last section ended.
    fn section(&mut self) -> Range<usize> {
        let range = self.first..self.code.len();
        self.first = self.code.len();
        range
    }

    /// A new moment: cells may have changed, so nothing that was worked out from them holds.
    fn forget(&mut self) {
        self.moment.clear();
        self.values.clear();
        self.lets.clear();
        self.first = self.code.len();
    }

    fn forget_moves(&mut self) {
        let level = &self.level;
        let keep = |reg: &mut Reg| level[*reg as usize] < Level::Moves;
        self.moment.retain(|_, reg| keep(reg));
        self.values.retain(|_, reg| keep(reg));
        self.lets.retain(|_, reg| keep(reg));
    }

    fn dated(&mut self) -> Vec<Dated> {
        let model = self.model;
        let mut dated = Vec::new();
        for (i, m) in model.moves.iter().enumerate() {
            let Some(event) = m.event else { continue };
            let (first, period, last) =
                (self.expr(event.first), event.period.map(|e| self.expr(e)), event.last.map(|e| self.expr(e)));
            self.forget();
            let id = MoveId(i as u32);
            let amount = self.expr(m.amount);
            let shares = self.shares(id);
            let stage = Stage { code: self.section(), work: Work::Demand(id), amount, condition: None, shares };
            dated.push(Dated { id, first, period, last, stage });
        }
        dated
    }

    /// What a draw hangs on, at its own moment: whoever makes it may have changed any cell before.
    fn draw(&mut self, number: usize) -> Drawing {
        let draw = &self.model.draws[number];
        let every = draw.every.map(|e| self.expr(e));
        let args = draw.args.iter().map(|e| self.expr(*e)).collect();
        let code = self.section();
        self.forget();
        Drawing { code, args, every }
    }

    /// The parts of a split that are written.
    fn shares(&mut self, id: MoveId) -> Vec<Reg> {
        let model = self.model;
        let parts = model.parts(&model.moves[id.0 as usize]);
        parts.iter().filter_map(|p| p.share).map(|e| self.expr(e)).collect()
    }

    fn rows(&mut self, after_moves: bool) -> Range<usize> {
        self.first = self.code.len();
        let model = self.model;
        for row in model.rows.iter().filter(|r| r.after_moves == after_moves) {
            let mut value = self.expr(row.value);
            if row.first {
                let zero = self.constant(0.0);
                let is_first = self.emit(Op::Binary(Binary::Equal), [self.time() + 1, zero, 0], 2);
                value = self.emit(Op::Select, [is_first, value, row.cell.0], 3);
            }
            self.code.push(Inst { op: Op::Copy, a: value, b: 0, c: 0, to: row.cell.0 });
        }
        self.section()
    }

    fn watched(&mut self, after_moves: bool, asserts: &mut [Reg], probes: &mut [Option<ProbeRegs>]) {
        let model = self.model;
        for (i, assert) in model.asserts.iter().enumerate().filter(|(_, a)| a.after_moves == after_moves) {
            asserts[i] = self.expr(assert.condition);
        }
        for (i, probe) in model.probes.iter().enumerate().filter(|(_, p)| p.after_moves == after_moves) {
            let value = self.expr(probe.value);
            let window = probe.window.map(|(from, to)| (self.expr(from), self.expr(to)));
            probes[i] = Some(ProbeRegs { value, window, at: probe.at.map(|e| self.expr(e)) });
        }
    }

    fn phase(&mut self, number: usize) -> Phase {
        let model = self.model;
        let several = model.work.len() > 1;
        // What the phase before has changed is read anew.
        if several {
            self.forget();
        }
        // What a phase found tells why it failed; that of the first is the row.
        let failed = (number > 0).then(|| self.known(|known| known.at_start() || known.behind(number - 1)));
        let stages = self.stages(&model.work[number]);
        // What was read of moves may have been trimmed since.
        self.forget_moves();
        let states = self.new_states(Some(number));
        let update = self.section();
        let record = (model.substeps && number + 1 < model.work.len()).then(|| {
            self.forget();
            self.known(|known| known.behind(number))
        });
        Phase { stages, update, states, record, failed }
    }

    /// The code of the columns that are known, and their registers.
    fn known(&mut self, known: impl Fn(Known) -> bool) -> (Range<usize>, Vec<Option<Reg>>) {
        let columns = self.model.columns.iter();
        let regs = columns.map(|c| known(c.known).then(|| self.expr(c.value))).collect();
        // What follows may not rely on code that runs only now and then.
        let code = self.section();
        self.forget();
        (code, regs)
    }

    /// The new values that a phase gives, or those of the whole step.
    fn new_states(&mut self, phase: Option<usize>) -> Vec<(usize, NewState)> {
        let updates = self.model.updates.iter().enumerate().filter(|(_, u)| u.phase == phase);
        updates
            .map(|(i, u)| {
                let value = self.combined.rate(i).unwrap_or_else(|| self.expr(u.value));
                let every = u.every.map(|e| self.expr(e));
                (i, NewState { cell: u.cell.0, value, rate: u.rate, every })
            })
            .collect()
    }

    fn stages(&mut self, work: &[Work]) -> Vec<Stage> {
        let model = self.model;
        let mut stages = Vec::with_capacity(work.len());
        for &work in work {
            let mut stage = Stage { code: 0..0, work, amount: 0, condition: None, shares: Vec::new() };
            match work {
                Work::Demand(id) => {
                    let m = &model.moves[id.0 as usize];
                    (stage.amount, stage.shares) = match self.combined.flow(id) {
                        Some(combined) => combined,
                        None => (self.expr(m.amount), self.shares(id)),
                    };
                    stage.condition = m.condition.map(|c| self.expr(c));
                }
                Work::Fact(f) => {
                    let (value, to) = (self.expr(model.facts[f as usize].value), self.fact(f));
                    self.code.push(Inst { op: Op::Copy, a: value, b: 0, c: 0, to });
                }
                Work::Take(_) | Work::Trade(_) | Work::Draw(_) => {}
            }
            stage.code = self.section();
            stages.push(stage);
        }
        stages
    }

    fn constant(&mut self, value: f64) -> Reg {
        // 0 and −0 are equal as keys and not as values.
        if value == 0.0 && value.is_sign_negative() {
            if let Some(reg) = self.zero_negative {
                return reg;
            }
            let reg = self.register(Level::Constant, value);
            self.zero_negative = Some(reg);
            return reg;
        }
        if let Some(reg) = self.constants.get(&OrderedFloat(value)) {
            return *reg;
        }
        let reg = self.register(Level::Constant, value);
        self.constants.insert(OrderedFloat(value), reg);
        reg
    }

    fn register(&mut self, level: Level, value: f64) -> Reg {
        self.registers.push(value);
        self.level.push(level);
        self.registers.len() as Reg - 1
    }

    fn expr(&mut self, e: ExprId) -> Reg {
        if let Some(reg) = self.moment.get(&e).or_else(|| self.lasting.get(&e)) {
            return *reg;
        }
        let reg = stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.new_expr(e));
        // What a name means at a stage does not last.
        let lasts = self.level[reg as usize] < Level::Step && self.within.is_none();
        if lasts { &mut self.lasting } else { &mut self.moment }.insert(e, reg);
        reg
    }

    fn new_expr(&mut self, e: ExprId) -> Reg {
        if let Some(reg) = self.at_stage(e) {
            return reg;
        }
        match self.model.expr(e) {
            Expr::Constant(value) => self.constant(value),
            Expr::Param(p) => self.param(p),
            Expr::Cell(c) => c.0,
            Expr::Let(l) => {
                if let Some(reg) = self.lets.get(&l) {
                    return *reg;
                }
                let reg = self.expr(self.model.lets[l as usize].value);
                self.lets.insert(l, reg);
                reg
            }
            Expr::Time => self.time(),
            Expr::Step => self.time() + 1,
            Expr::Taken(m) => self.taken(m),
            Expr::Asked(m) => self.asked(m),
            Expr::Factor(t) => self.factor(t),
            Expr::Fact(f) => self.fact(f),
            Expr::Probe(p) => self.probe(p),
            Expr::Draw(d) => self.drawn(d),
            // They stand alone in openings.
            Expr::Uncertain(_) | Expr::Input(_) => self.constant(f64::NAN),
            Expr::Of(..) | Expr::Number(_) | Expr::FirstRow(_) | Expr::Alive(_) | Expr::Refer(_) | Expr::Gather(_) => {
                self.constant(f64::NAN)
            }
            Expr::Unary(Unary::Negate, a) => self.operation(Op::Negate, &[a]),
            Expr::Unary(Unary::Not, a) => self.operation(Op::Not, &[a]),
            Expr::Binary(op, a, b) => self.operation(Op::Binary(op), &[a, b]),
            Expr::If(c, a, b) => self.operation(Op::Select, &[c, a, b]),
            Expr::One(f, a) => self.operation(Op::One(f), &[a]),
            Expr::Two(f, a, b) => self.operation(Op::Two(f), &[a, b]),
            Expr::Three(f, a, b, c) => self.operation(Op::Three(f), &[a, b, c]),
            Expr::Clock(f, args) => self.operation(Op::Clock(f), &args),
            Expr::Curve(c, x) => self.operation(Op::Curve(c), &[x]),
            Expr::Series(s) => self.emit(Op::Series(s), [0; 3], 0),
            Expr::Many(list) => {
                let list = &self.model.lists[list as usize];
                let items: Vec<(f64, Reg, Option<Reg>)> = list
                    .items
                    .iter()
                    .map(|i| (i.member, self.expr(i.value), i.condition.map(|c| self.expr(c))))
                    .collect();
                let (head, otherwise) = (list.head.map(|e| self.expr(e)), list.otherwise.map(|e| self.expr(e)));
                let regs = items.iter().flat_map(|(_, v, c)| [Some(*v), *c]).chain([head, otherwise]).flatten();
                let level = self.highest(regs);
                let all = items.iter().all(|(_, _, c)| c.is_none());
                let many = Many { gather: list.gather, head, items, otherwise, all };
                if level == Level::Constant {
                    let value = many.value(&self.registers, &mut Vec::new());
                    return self.constant(value);
                }
                self.many.push(many);
                self.place(Inst { op: Op::Many(self.many.len() as u32 - 1), a: 0, b: 0, c: 0, to: 0 }, level)
            }
            Expr::Pick(pick) => {
                let pick = &self.model.picks[pick as usize];
                let at = self.expr(pick.at);
                let values: Vec<Reg> = pick.values.iter().map(|e| self.expr(*e)).collect();
                let otherwise = self.expr(pick.otherwise);
                let level = self.highest(values.iter().copied().chain([at, otherwise]));
                let pick = Pick { at, values, otherwise };
                if level == Level::Constant {
                    let value = pick.value(&self.registers);
                    return self.constant(value);
                }
                self.picks.push(pick);
                self.place(Inst { op: Op::Pick(self.picks.len() as u32 - 1), a: 0, b: 0, c: 0, to: 0 }, level)
            }
        }
    }

    fn operation(&mut self, op: Op, operands: &[ExprId]) -> Reg {
        let mut regs = [0; 3];
        for (reg, e) in regs.iter_mut().zip(operands) {
            *reg = self.expr(*e);
        }
        self.emit(op, regs, operands.len())
    }

    fn emit(&mut self, op: Op, regs: [Reg; 3], used: usize) -> Reg {
        let [a, b, c] = regs;
        let mut level = regs[..used].iter().map(|r| self.level[*r as usize]).max().unwrap_or(Level::Constant);
        let (mut tag, f) = key(op);
        if matches!(op, Op::Clock(_) | Op::Series(_)) {
            level = level.max(Level::Step);
            tag += self.within.as_ref().map_or(0, |w| w.halves as u8 * 32);
        }
        let at = (tag, f, a, b, c);
        if let Some(reg) = self.values.get(&at).or_else(|| self.lasting_values.get(&at)) {
            return *reg;
        }
        if level == Level::Constant {
            let values = regs.map(|r| self.registers[r as usize]);
            let value = match op {
                Op::Curve(c) => self.model.curves[c as usize].at(values[0]),
                _ => apply(op, values, Instant { time: 0.0, row: 0.0, dt: 0.0, start: 0.0, step: 0.0 }),
            };
            return self.constant(value);
        }
        let to = self.register(level, 0.0);
        let inst = Inst { op, a, b, c, to };
        if level == Level::Run {
            self.once.push(inst);
            self.lasting_values.insert(at, to);
        } else {
            self.code.push(inst);
            self.values.insert(at, to);
        }
        to
    }
}

impl Compiler<'_> {
    fn highest(&self, regs: impl Iterator<Item = Reg>) -> Level {
        regs.map(|r| self.level[r as usize]).max().unwrap_or(Level::Constant)
    }

    /// Emits an instruction that stands for itself: its expression is met only once.
    fn place(&mut self, inst: Inst, level: Level) -> Reg {
        let to = self.register(level, 0.0);
        let inst = Inst { to, ..inst };
        if level == Level::Run { &mut self.once } else { &mut self.code }.push(inst);
        to
    }
}

fn key(op: Op) -> (u8, usize) {
    match op {
        Op::Copy => (0, 0),
        Op::Negate => (1, 0),
        Op::Not => (2, 0),
        Op::Binary(op) => (3, op as usize),
        Op::Select => (4, 0),
        Op::One(f) => (5, f as usize),
        Op::Two(f) => (6, f as usize),
        Op::Three(f) => (7, f as usize),
        Op::Clock(f) => (8, f as usize),
        Op::Curve(c) => (9, c as usize),
        Op::Series(s) => (10, s as usize),
        Op::Many(m) => (11, m as usize),
        Op::Pick(p) => (12, p as usize),
    }
}
