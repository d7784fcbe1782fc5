//! From equations to instructions over columns.
//!
//! In: [`Model`]. Out: [`Program`]. What hangs on no member is worked out once, however deep it stands; what hangs on one member as a
//! column of its population; and only what hangs on two at a time is run for each of the first. Invariant: within a moment each
//! expression is worked out once.

use std::ops::Range;

use ordered_float::OrderedFloat;
use rustc_hash::FxHashMap as HashMap;

use super::code::{Inst, Op};
use super::*;
use crate::builtins::lane_fold;
use crate::builtins::lanes::{One, Two};
use crate::exec::lanes::Set;
use crate::ir::{Among, Born, Expr, ExprId, Gather, ListItem, MoveId, Opened, PopId, Spawning, Summed, Unary, Who};

/// The member at hand, and whose it is.
type Frame = Option<(Who, Space)>;

/// Code that is run for each of several members: which one, what is known of it, and the code.
#[derive(Default)]
struct Level {
    at: Frame,
    pins: Vec<(Reg, Reg)>,
    code: Vec<Inst>,
    known: HashMap<(Space, ExprId), Reg>,
}

struct Compiler<'m> {
    model: &'m Model,
    spaces: Vec<Space>,
    constants: HashMap<OrderedFloat<f64>, Reg>,
    minus_zero: Option<Reg>,
    code: Vec<Inst>,
    folds: Vec<Fold>,
    lists: Vec<List>,
    picks: Vec<Pick>,
    levels: Vec<Level>,
    free: HashMap<ExprId, Vec<Who>>,
    /// The population of each name.
    whose: HashMap<Who, u32>,
    /// The columns of newborns, by cell.
    newborn: HashMap<u32, Reg>,
    births: Vec<Births>,
    first: First,
}

/// Where the columns of the model's parts begin.
#[derive(Clone, Copy, Default)]
struct First {
    params: Reg,
    taken: Reg,
    asked: Reg,
    factors: Reg,
    facts: Reg,
    draws: Reg,
    probes: Reg,
    time: Reg,
    numbers: Reg,
    first_rows: Reg,
    alive: Reg,
}

impl<'m> Program<'m> {
    pub(in crate::exec) fn new(model: &'m Model) -> Self {
        Compiler::new(model).program()
    }
}

impl<'m> Compiler<'m> {
    fn new(model: &'m Model) -> Self {
        let space = |of: Option<PopId>| of.map_or(Space::Model, |p| Space::Living(p.0));
        let populations = model.populations.len();
        let mut spaces: Vec<Space> = model.owners.iter().map(|of| space(*of)).collect();
        let mut first = First::default();
        let mut begin = |more: &mut dyn Iterator<Item = Space>| {
            let at = spaces.len() as Reg;
            spaces.extend(more);
            at
        };
        first.params = begin(&mut std::iter::repeat_n(Space::Model, model.params));
        first.taken = begin(&mut model.moves.iter().map(|m| space(m.of)));
        first.asked = begin(&mut model.moves.iter().map(|m| space(m.of)));
        first.factors = begin(&mut model.trades.iter().map(|t| space(t.of)));
        first.facts = begin(&mut model.facts.iter().map(|f| space(f.of)));
        first.draws = begin(&mut model.draws.iter().map(|d| space(d.of)));
        first.probes = begin(&mut std::iter::repeat_n(Space::Model, model.probes.len()));
        first.time = begin(&mut std::iter::repeat_n(Space::Model, 2));
        first.numbers = begin(&mut (0..populations as u32).map(Space::Living));
        first.first_rows = begin(&mut (0..populations as u32).map(Space::Living));
        first.alive = begin(&mut std::iter::repeat_n(Space::Model, populations));
        let mut compiler = Self {
            model,
            spaces,
            constants: HashMap::default(),
            minus_zero: None,
            code: Vec::new(),
            folds: Vec::new(),
            lists: Vec::new(),
            picks: Vec::new(),
            levels: vec![Level::default()],
            free: HashMap::default(),
            whose: HashMap::default(),
            newborn: HashMap::default(),
            births: Vec::new(),
            first,
        };
        for (p, population) in model.populations.iter().enumerate() {
            compiler.whose.insert(population.me, p as u32);
        }
        compiler
    }

    fn program(mut self) -> Program<'m> {
        let model = self.model;
        let openings = model
            .opening
            .iter()
            .map(|(to, e, _)| {
                self.forget();
                let to = match to {
                    Opened::Param(p) => self.first.params + p,
                    Opened::Cell(c) => c.0,
                };
                let opening = match model.expr(*e) {
                    Expr::Uncertain(u) => {
                        let args = model.uncertain[u as usize].args.iter().map(|e| self.of_model(*e)).collect();
                        Opening::Uncertain(u, args)
                    }
                    Expr::Input(i) => Opening::Input(i),
                    _ => Opening::Reg(self.of_model(*e)),
                };
                (self.section(), opening, to)
            })
            .collect();
        self.forget();
        let start_bounds =
            model.start_bounds.iter().map(|b| [b.value, b.low, b.high].map(|e| self.of_model(e))).collect();
        let limits = model.populations.iter().map(|p| self.of_model(p.limit)).collect();
        let totals = model.totals.iter().map(|t| self.of_model(t.total)).collect();
        let windows = model
            .probes
            .iter()
            .map(|p| {
                let within = p.window.map(|(from, to)| (self.of_model(from), self.of_model(to)));
                Window { within, at: p.at.map(|e| self.of_model(e)) }
            })
            .collect();
        let events: Vec<(MoveId, Reg, Option<Reg>, Option<Reg>)> = model
            .moves
            .iter()
            .enumerate()
            .filter_map(|(i, m)| Some((MoveId(i as u32), m.event?)))
            .map(|(id, event)| {
                let of = |c: &mut Self, e: ExprId| c.of_model(e);
                let first = of(&mut self, event.first);
                let period = event.period.map(|e| of(&mut self, e));
                (id, first, period, event.last.map(|e| of(&mut self, e)))
            })
            .collect();
        let start = self.section();
        let dated = events
            .into_iter()
            .map(|(id, first, period, last)| {
                self.forget();
                let asking = self.asking(id);
                Dated { id, first, period, last, asking }
            })
            .collect();
        let mut drawing = vec![Drawing::default(); model.draws.len()];
        for number in model.drawn.iter().map(|d| *d as usize) {
            self.forget();
            drawing[number] = self.draw(number);
        }
        self.forget();
        let row = self.rows(false);
        self.forget();
        let bounds = model
            .bounds
            .iter()
            .map(|b| {
                let frame = self.frame(b.of);
                [b.value, b.low, b.high].map(|e| self.expr(frame, e))
            })
            .collect();
        let mut asserts = vec![0; model.asserts.len()];
        let mut probed = vec![0; model.probes.len()];
        self.watched(false, &mut asserts, &mut probed);
        let watch = self.section();
        let phases = (0..model.work.len()).map(|phase| self.phase(phase, &mut drawing)).collect();
        self.forget();
        let after = self.rows(true);
        self.forget();
        self.watched(true, &mut asserts, &mut probed);
        let after_watch = self.section();
        self.forget();
        let update = self.news(None);
        let rates = {
            let regs = model
                .sums
                .iter()
                .filter_map(|s| match s.what {
                    Summed::Rate(e) => Some((s.of, e)),
                    Summed::Move(_) => None,
                })
                .map(|(of, e)| {
                    let frame = self.frame(of);
                    self.expr(frame, e)
                })
                .collect();
            Said { code: self.section(), regs }
        };
        self.forget();
        let regs = model.columns.iter().map(|c| self.of_model(c.value)).collect();
        let columns = Said { code: self.section(), regs };
        let rolls = model
            .rolls
            .iter()
            .map(|roll| {
                self.forget();
                let frame = self.frame(Some(roll.population));
                let regs = roll.columns.iter().map(|c| self.expr(frame, c.value)).collect();
                let only = roll.only.iter().map(|e| self.expr(frame, *e)).collect();
                (Said { code: self.section(), regs }, only)
            })
            .collect();
        let retires = model.retires.iter().map(|r| self.retiring(r)).collect();
        let spawns = model
            .spawns
            .iter()
            .map(|s| {
                self.forget();
                let (Spawning::Initially(e) | Spawning::Rate(e) | Spawning::Each(e) | Spawning::UpTo(e)) = s.how;
                let regs = vec![self.of_model(e)];
                Said { code: self.section(), regs }
            })
            .collect();
        for p in 0..model.populations.len() {
            let births = self.birth(p);
            self.births.push(births);
        }
        self.forget();
        let regs = model.metrics.iter().map(|m| self.of_model(m.value)).collect();
        let goals = model.goals.iter().map(|g| self.of_model(g.value)).collect();
        let seen = model.goals.iter().map(|g| g.seen.map(|e| self.of_model(e))).collect();
        let finish = Said { code: self.section(), regs };
        let count = model.populations.len() as Reg;
        let f = self.first;
        let mut constants: Vec<(Reg, f64)> = self.constants.iter().map(|(v, reg)| (*reg, v.0)).collect();
        constants.extend(self.minus_zero.map(|reg| (reg, -0.0)));
        constants.sort_by_key(|(reg, _)| *reg);
        Program {
            model,
            set: Set::widest(),
            code: self.code,
            folds: self.folds,
            lists: self.lists,
            picks: self.picks,
            spaces: self.spaces,
            constants,
            numbers: (f.numbers..f.numbers + count).collect(),
            first_rows: (f.first_rows..f.first_rows + count).collect(),
            alive: (f.alive..f.alive + count).collect(),
            params: f.params,
            taken: f.taken,
            asked: f.asked,
            factors: f.factors,
            draws: f.draws,
            probes: f.probes,
            time: f.time,
            openings,
            start_bounds,
            start,
            totals,
            limits,
            windows,
            drawing,
            dated,
            row,
            bounds,
            asserts,
            probed,
            watch,
            after,
            after_watch,
            phases,
            update,
            rates,
            columns,
            rolls,
            spawns,
            retires,
            births: self.births,
            finish,
            goals,
            seen,
        }
    }

    /// The member that expressions of a population are about.
    fn frame(&self, of: Option<PopId>) -> Frame {
        of.map(|p| (self.model.populations[p.0 as usize].me, Space::Living(p.0)))
    }

    /// The code since the last section.
    fn section(&mut self) -> Range<usize> {
        let code = std::mem::take(&mut self.levels[0].code);
        self.placed(code)
    }

    fn placed(&mut self, code: Vec<Inst>) -> Range<usize> {
        let first = self.code.len();
        self.code.extend(code);
        first..self.code.len()
    }

    /// A new moment: nothing that was worked out holds.
    fn forget(&mut self) {
        self.levels[0].known.clear();
    }

    fn rows(&mut self, after_moves: bool) -> Range<usize> {
        let model = self.model;
        for row in model.rows.iter().filter(|r| r.after_moves == after_moves) {
            let frame = self.frame(row.of);
            let space = frame.map_or(Space::Model, |(_, space)| space);
            let mut value = self.expr(frame, row.value);
            if row.first {
                let first = match row.of {
                    Some(p) => self.first.first_rows + p.0,
                    None => self.constant(0.0),
                };
                let step = self.first.time + 1;
                let is_first = self.emit(Op::Binary(crate::ir::Binary::Equal), space, [step, first, 0]);
                value = self.emit(Op::Select, space, [is_first, value, row.cell.0]);
            }
            self.levels[0].code.push(Inst { op: Op::Copy, space, a: value, b: 0, c: 0, to: row.cell.0 });
        }
        self.section()
    }

    fn watched(&mut self, after_moves: bool, asserts: &mut [Reg], probed: &mut [Reg]) {
        let model = self.model;
        for (i, assert) in model.asserts.iter().enumerate().filter(|(_, a)| a.after_moves == after_moves) {
            let frame = self.frame(assert.of);
            asserts[i] = self.expr(frame, assert.condition);
        }
        for (i, probe) in model.probes.iter().enumerate().filter(|(_, p)| p.after_moves == after_moves) {
            probed[i] = self.of_model(probe.value);
        }
    }

    /// What a draw hangs on.
    fn draw(&mut self, number: usize) -> Drawing {
        let draw = &self.model.draws[number];
        let frame = self.frame(draw.of);
        let every = draw.every.map(|e| self.expr(frame, e));
        let args = draw.args.iter().map(|e| self.expr(frame, *e)).collect();
        Drawing { code: self.section(), args, every }
    }

    fn phase(&mut self, number: usize, drawing: &mut [Drawing]) -> (Vec<Stage>, News) {
        let model = self.model;
        self.forget();
        let mut stages = Vec::new();
        for work in &model.work[number] {
            let mut asking = Asking::default();
            match *work {
                Work::Demand(id) => asking = self.asking(id),
                Work::Fact(f) => {
                    let fact = &model.facts[f as usize];
                    let frame = self.frame(fact.of);
                    let value = self.expr(frame, fact.value);
                    let (space, to) = (frame.map_or(Space::Model, |f| f.1), self.first.facts + f);
                    self.levels[0].code.push(Inst { op: Op::Copy, space, a: value, b: 0, c: 0, to });
                    asking.code = self.section();
                }
                Work::Draw(d) => drawing[d as usize] = self.draw(d as usize),
                Work::Take(_) | Work::Trade(_) => {}
            }
            stages.push(Stage { work: *work, asking });
        }
        // What was read of moves may have been trimmed since.
        self.forget();
        let news = self.news(Some(number));
        (stages, news)
    }

    fn asking(&mut self, id: MoveId) -> Asking {
        let model = self.model;
        let m = &model.moves[id.0 as usize];
        let frame = self.frame(m.of);
        let amount = self.expr(frame, m.amount);
        let condition = m.condition.map(|c| self.expr(frame, c));
        let parts = model.parts(m);
        let shares = parts.iter().filter_map(|p| p.share).map(|e| self.expr(frame, e)).collect();
        let reference = |c: &mut Self, whose: Option<u32>| whose.map(|w| c.expr(frame, model.whose[w as usize].member));
        let from = reference(self, m.whose);
        let to = parts.iter().map(|p| reference(self, p.whose)).collect();
        Asking { code: self.section(), amount, condition, shares, from, to }
    }

    fn news(&mut self, phase: Option<usize>) -> News {
        let model = self.model;
        let mut states = Vec::new();
        for (update, u) in model.updates.iter().enumerate().filter(|(_, u)| u.phase == phase) {
            let frame = self.frame(u.of);
            let value = self.expr(frame, u.value);
            states.push(NewState { update, value, every: u.every.map(|e| self.expr(frame, e)) });
        }
        News { code: self.section(), states }
    }

    fn retiring(&mut self, retire: &crate::ir::Retire) -> Retiring {
        let model = self.model;
        self.forget();
        let frame = self.frame(Some(retire.population));
        let when = self.expr(frame, retire.when);
        let code = self.section();
        let routes = retire
            .routes
            .iter()
            .map(|route| {
                let parts = &model.parts[route.parts.0 as usize..route.parts.1 as usize];
                let regs = parts.iter().filter_map(|p| p.share).map(|e| self.expr(frame, e)).collect();
                let references =
                    parts.iter().map(|p| p.whose.map(|w| self.expr(frame, model.whose[w as usize].member))).collect();
                (Said { code: self.section(), regs }, references)
            })
            .collect();
        Retiring { when: Said { code, regs: vec![when] }, routes }
    }

    fn birth(&mut self, p: usize) -> Births {
        let model = self.model;
        let population = &model.populations[p];
        let space = Space::Newborn(p as u32);
        let frame = Some((population.me, space));
        self.forget();
        self.newborn.clear();
        let mut out = Births { all: Vec::new(), number: self.column(space), first_row: self.column(space) };
        for birth in &population.births {
            let column = self.column(space);
            self.newborn.insert(birth.cell.0, column);
        }
        self.births.push(out.clone());
        for birth in &population.births {
            let to = self.newborn[&birth.cell.0];
            let value = match &birth.value {
                Born::Formula(e) => {
                    let value = self.expr(frame, *e);
                    self.levels[0].code.push(Inst { op: Op::Copy, space, a: value, b: 0, c: 0, to });
                    Birth::Formula(Said { code: self.section(), regs: vec![to] })
                }
                Born::Drawn { args, .. } => {
                    let mut regs = vec![to];
                    regs.extend(args.iter().map(|e| self.expr(frame, *e)).collect::<Vec<_>>());
                    Birth::Drawn(Said { code: self.section(), regs })
                }
                Born::Pick { population: among, who, condition, weight, .. } => {
                    self.whose.insert(*who, among.0);
                    let candidate = Some((*who, Space::Living(among.0)));
                    let own =
                        [condition, weight].into_iter().flatten().any(|e| self.hangs(*e).contains(&population.me));
                    if own {
                        self.levels.push(Level { at: frame, ..Level::default() });
                    }
                    let condition = condition.map(|e| self.expr(candidate, e));
                    let weight = weight.map(|e| self.expr(candidate, e));
                    let inner = own.then(|| self.leave());
                    Birth::Pick { code: self.section(), inner, condition, weight }
                }
            };
            let from = birth.from.and_then(|f| f.whose).map(|w| {
                let regs = vec![self.expr(frame, model.whose[w as usize].member)];
                Said { code: self.section(), regs }
            });
            out.all.push((value, from));
        }
        self.births.pop();
        out
    }

    /// The end of code that is run for each of several members.
    fn leave(&mut self) -> Inner {
        let level = self.levels.pop().unwrap_or_default();
        Inner { pins: level.pins, code: self.placed(level.code) }
    }

    fn column(&mut self, space: Space) -> Reg {
        self.spaces.push(space);
        self.spaces.len() as Reg - 1
    }

    fn constant(&mut self, value: f64) -> Reg {
        if value == 0.0 && value.is_sign_negative() {
            if let Some(reg) = self.minus_zero {
                return reg;
            }
            let reg = self.column(Space::Model);
            self.minus_zero = Some(reg);
            return reg;
        }
        if let Some(reg) = self.constants.get(&OrderedFloat(value)) {
            return *reg;
        }
        let reg = self.column(Space::Model);
        self.constants.insert(OrderedFloat(value), reg);
        reg
    }

    fn emit(&mut self, op: Op, space: Space, [a, b, c]: [Reg; 3]) -> Reg {
        let to = self.column(space);
        let level = self.levels.len() - 1;
        self.levels[level].code.push(Inst { op, space, a, b, c, to });
        to
    }

    /// The members that an expression hangs on.
    fn hangs(&mut self, e: ExprId) -> Vec<Who> {
        if let Some(known) = self.free.get(&e) {
            return known.clone();
        }
        let found = stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.new_hangs(e));
        self.free.insert(e, found.clone());
        found
    }

    fn new_hangs(&mut self, e: ExprId) -> Vec<Who> {
        let model = self.model;
        let parts: Vec<ExprId> = match model.expr(e) {
            Expr::Of(who, _) | Expr::Number(who) | Expr::FirstRow(who) => return vec![who],
            Expr::Unary(_, a) | Expr::One(_, a) | Expr::Curve(_, a) => vec![a],
            Expr::Binary(_, a, b) | Expr::Two(_, a, b) => vec![a, b],
            Expr::If(a, b, c) | Expr::Three(_, a, b, c) | Expr::Clock(_, [a, b, c]) => vec![a, b, c],
            Expr::Many(l) => {
                let list = &model.lists[l as usize];
                let items = list.items.iter().flat_map(|i| [Some(i.value), i.condition]);
                items.chain([list.head, list.otherwise]).flatten().collect()
            }
            Expr::Pick(p) => {
                let pick = &model.picks[p as usize];
                pick.values.iter().copied().chain([pick.at, pick.otherwise]).collect()
            }
            Expr::Refer(r) => vec![model.referred[r as usize].member, model.referred[r as usize].otherwise],
            Expr::Gather(g) => {
                let gather = &model.gathers[g as usize];
                let mut found = self.hangs_of_all(&gather.items);
                for e in gather.head.into_iter().chain(gather.otherwise) {
                    found.extend(self.hangs(e));
                }
                found.sort_unstable();
                found.dedup();
                return found;
            }
            _ => Vec::new(),
        };
        let mut found: Vec<Who> = parts.into_iter().flat_map(|e| self.hangs(e)).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    fn hangs_of_all(&mut self, items: &[Among]) -> Vec<Who> {
        let mut found = Vec::new();
        for item in items {
            match item {
                Among::One(item) => {
                    found.extend(self.hangs(item.value));
                    found.extend(item.condition.into_iter().flat_map(|e| self.hangs(e)));
                }
                Among::Each { who, population, condition, items } => {
                    self.whose.insert(*who, population.0);
                    let mut inside = self.hangs_of_all(items);
                    inside.extend(condition.iter().flat_map(|e| self.hangs(*e)));
                    found.extend(inside.into_iter().filter(|w| w != who));
                }
            }
        }
        found
    }

    fn of_model(&mut self, e: ExprId) -> Reg {
        self.expr(None, e)
    }

    /// The column of an expression about the member of this frame: of its space, or of the model where it hangs on no member of it.
    fn expr(&mut self, frame: Frame, e: ExprId) -> Reg {
        let hangs = self.hangs(e);
        let frame = frame.filter(|(who, _)| hangs.contains(who));
        // What hangs on no member at hand is worked out where it is known, once.
        let deepest =
            (1..self.levels.len()).rev().find(|l| self.levels[*l].at.is_some_and(|(w, _)| hangs.contains(&w)));
        let level = deepest.unwrap_or(0);
        if level + 1 < self.levels.len() {
            let above = self.levels.split_off(level + 1);
            let reg = self.expr(frame, e);
            self.levels.extend(above);
            return reg;
        }
        let space = frame.map_or(Space::Model, |(_, space)| space);
        if let Some(reg) = self.levels[level].known.get(&(space, e)) {
            return *reg;
        }
        let reg = stacker::maybe_grow(64 * 1024, 1024 * 1024, || match (frame, self.levels[level].at) {
            // A value of the member for which the code is run: its column is worked out around it.
            (None, Some(at)) if hangs[..] == [at.0] => {
                let within = self.levels.split_off(level);
                let column = self.expr(Some(at), e);
                self.levels.extend(within);
                if self.spaces[column as usize] == Space::Model {
                    return column;
                }
                let one = self.column(Space::Model);
                self.levels[level].pins.push((column, one));
                one
            }
            _ => self.new_expr(frame, space, e),
        });
        self.levels[level].known.insert((space, e), reg);
        reg
    }

    fn new_expr(&mut self, frame: Frame, space: Space, e: ExprId) -> Reg {
        let model = self.model;
        let f = self.first;
        match model.expr(e) {
            Expr::Constant(value) => self.constant(value),
            Expr::Param(p) => f.params + p,
            Expr::Cell(c) => c.0,
            Expr::Let(l) => self.expr(frame, model.lets[l as usize].value),
            Expr::Time => f.time,
            Expr::Step => f.time + 1,
            Expr::Taken(m) => f.taken + m.0,
            Expr::Asked(m) => f.asked + m.0,
            Expr::Factor(t) => f.factors + t.0,
            Expr::Fact(n) => f.facts + n,
            Expr::Probe(p) => f.probes + p,
            Expr::Draw(d) => f.draws + d,
            Expr::Alive(p) => f.alive + p.0,
            Expr::Uncertain(_) | Expr::Input(_) => self.constant(f64::NAN),
            Expr::Number(who) => match space {
                Space::Newborn(p) => self.births[p as usize].number,
                _ => f.numbers + self.whose.get(&who).copied().unwrap_or(0),
            },
            Expr::FirstRow(who) => match space {
                Space::Newborn(p) => self.births[p as usize].first_row,
                _ => f.first_rows + self.whose.get(&who).copied().unwrap_or(0),
            },
            Expr::Of(who, leaf) => self.leaf(who, space, leaf),
            Expr::Unary(Unary::Negate, a) => self.operation(frame, space, Op::Negate, &[a]),
            Expr::Unary(Unary::Not, a) => self.operation(frame, space, Op::Not, &[a]),
            Expr::Binary(op, a, b) => self.operation(frame, space, Op::Binary(op), &[a, b]),
            Expr::If(c, a, b) => self.operation(frame, space, Op::Select, &[c, a, b]),
            Expr::One(f, a) => match One::of(f) {
                Some(form) => self.operation(frame, space, Op::Ones(form), &[a]),
                None => self.operation(frame, space, Op::One(f), &[a]),
            },
            Expr::Two(f, a, b) => match Two::of(f) {
                Some(form) => self.operation(frame, space, Op::Twos(form, f), &[a, b]),
                None => self.operation(frame, space, Op::Two(f), &[a, b]),
            },
            Expr::Three(f, a, b, c) => self.operation(frame, space, Op::Three(f), &[a, b, c]),
            Expr::Clock(f, args) => self.operation(frame, space, Op::Clock(f), &args),
            Expr::Curve(c, x) => self.operation(frame, space, Op::Curve(c), &[x]),
            Expr::Series(s) => self.emit(Op::Series(s), space, [0; 3]),
            Expr::Many(l) => {
                let list = &model.lists[l as usize];
                let items = list
                    .items
                    .iter()
                    .map(|i| (i.member, self.expr(frame, i.value), i.condition.map(|c| self.expr(frame, c))))
                    .collect();
                let head = list.head.map(|e| self.expr(frame, e));
                let otherwise = list.otherwise.map(|e| self.expr(frame, e));
                self.lists.push(List { gather: list.gather, head, items, otherwise });
                self.emit(Op::List(self.lists.len() as u32 - 1), space, [0; 3])
            }
            Expr::Pick(p) => {
                let pick = &model.picks[p as usize];
                let at = self.expr(frame, pick.at);
                let values = pick.values.iter().map(|e| self.expr(frame, *e)).collect();
                let otherwise = self.expr(frame, pick.otherwise);
                self.picks.push(Pick { at, values, otherwise });
                self.emit(Op::Pick(self.picks.len() as u32 - 1), space, [0; 3])
            }
            Expr::Refer(r) => {
                let referred = &model.referred[r as usize];
                let member = self.expr(frame, referred.member);
                let value = self.of_living(referred.population, referred.value);
                let otherwise = self.expr(frame, referred.otherwise);
                self.emit(Op::Refer(referred.population.0), space, [member, value, otherwise])
            }
            Expr::Gather(g) => self.gather(frame, space, &model.gathers[g as usize]),
        }
    }

    /// A column of a population, wherever it is wanted.
    fn of_living(&mut self, population: PopId, e: ExprId) -> Reg {
        let above = self.levels.split_off(1);
        let frame = self.frame(Some(population));
        let reg = self.expr(frame, e);
        self.levels.extend(above);
        reg
    }

    /// What a member has.
    fn leaf(&mut self, who: Who, space: Space, leaf: ExprId) -> Reg {
        let f = self.first;
        match self.model.expr(leaf) {
            Expr::Cell(c) if matches!(space, Space::Newborn(_)) => self.newborn.get(&c.0).copied().unwrap_or(c.0),
            Expr::Cell(c) => c.0,
            Expr::Let(l) => {
                let population = PopId(self.whose.get(&who).copied().unwrap_or(0));
                self.of_living(population, self.model.lets[l as usize].value)
            }
            Expr::Taken(m) => f.taken + m.0,
            Expr::Asked(m) => f.asked + m.0,
            Expr::Factor(t) => f.factors + t.0,
            Expr::Fact(n) => f.facts + n,
            Expr::Draw(d) => f.draws + d,
            _ => self.constant(f64::NAN),
        }
    }

    fn operation(&mut self, frame: Frame, space: Space, op: Op, operands: &[ExprId]) -> Reg {
        let mut regs = [0; 3];
        for (reg, e) in regs.iter_mut().zip(operands) {
            *reg = self.expr(frame, *e);
        }
        self.emit(op, space, regs)
    }

    fn gather(&mut self, frame: Frame, space: Space, gather: &Gather) -> Reg {
        let head = gather.head.map(|e| self.expr(frame, e));
        let otherwise = gather.otherwise.map(|e| self.expr(frame, e));
        let hangs = self.hangs_of_all(&gather.items);
        let over = match frame.filter(|(who, _)| hangs.contains(who)) {
            None => Over::Same(self.parts(&gather.items)),
            Some(at) => match self.referring(at, gather) {
                Some(them) => Over::Referring(them),
                None => {
                    self.levels.push(Level { at: Some(at), ..Level::default() });
                    let parts = self.parts(&gather.items);
                    Over::Own(self.leave(), parts)
                }
            },
        };
        let fast = lane_fold(gather.gather as usize);
        self.folds.push(Fold { gather: gather.gather, fast, head, otherwise, over });
        self.emit(Op::Fold(self.folds.len() as u32 - 1), space, [0; 3])
    }

    fn parts(&mut self, items: &[Among]) -> Vec<Part> {
        let mut parts = Vec::new();
        for item in items {
            match item {
                Among::One(ListItem { member, value, condition }) => {
                    parts.push(Part::One(*member, self.of_model(*value), condition.map(|c| self.of_model(c))));
                }
                Among::Each { who, population, condition, items } => {
                    self.whose.insert(*who, population.0);
                    let frame = Some((*who, Space::Living(population.0)));
                    let condition = condition.map(|c| self.expr(frame, c));
                    let all: Option<Vec<ListItem>> = items
                        .iter()
                        .map(|item| match item {
                            Among::One(item) => Some(*item),
                            Among::Each { .. } => None,
                        })
                        .collect();
                    let population = population.0;
                    parts.push(match all {
                        Some(all) => {
                            let values = all
                                .iter()
                                .map(|i| {
                                    let condition = i.condition.map(|c| self.expr(frame, c));
                                    (i.member, self.expr(frame, i.value), condition)
                                })
                                .collect();
                            Part::Each { population, condition, values }
                        }
                        None => {
                            self.levels.push(Level { at: frame, ..Level::default() });
                            let parts = self.parts(items);
                            Part::Nest { population, condition, inner: self.leave(), parts }
                        }
                    });
                }
            }
        }
        parts
    }

    /// `… for q in Q where q.owner == the member at hand`: nothing else of it may hang on that member.
    fn referring(&mut self, (me, space): (Who, Space), gather: &Gather) -> Option<Referring> {
        let Space::Living(own) = space else { return None };
        let [Among::Each { who, population, condition: Some(condition), items }] = &gather.items[..] else {
            return None;
        };
        let [Among::One(ListItem { member, value, condition: None })] = &items[..] else { return None };
        let mut all = vec![*condition];
        let (mut reference, mut others) = (None, Vec::new());
        while let Some(e) = all.pop() {
            match self.model.expr(e) {
                Expr::Binary(crate::ir::Binary::And, a, b) => all.extend([b, a]),
                Expr::Binary(crate::ir::Binary::Equal, a, b) if reference.is_none() => {
                    let is_me = |e: ExprId| matches!(self.model.expr(e), Expr::Number(w) if w == me);
                    match (is_me(a), is_me(b)) {
                        (true, _) => reference = Some(b),
                        (_, true) => reference = Some(a),
                        _ => others.push(e),
                    }
                }
                _ => others.push(e),
            }
        }
        let reference = reference?;
        let inside = |c: &mut Self, e: ExprId| c.hangs(e).iter().all(|w| w == who);
        let alone = member.is_nan() && [reference, *value].iter().chain(&others).all(|e| inside(self, *e));
        if !alone || others.len() > 1 {
            return None;
        }
        let population = population.0;
        self.whose.insert(*who, population);
        let frame = Some((*who, Space::Living(population)));
        let reference = self.expr(frame, reference);
        let condition = others.first().map(|e| self.expr(frame, *e));
        Some(Referring { own, population, reference, condition, value: self.expr(frame, *value) })
    }
}
