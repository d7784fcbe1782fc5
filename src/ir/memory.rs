//! From what a model means to what is computed: values of another moment, and of the whole run.

use super::lower::{Home, Lower, Mode};
use super::member::Reach;
use super::*;
use crate::builtins::Memory;
use crate::check::reads_now;
use crate::hir::{self, DeclKind, ExprKind};

impl Lower<'_> {
    /// A value at another moment, through the cells that remember it.
    pub(super) fn remembered(&mut self, memory: Memory, args: &[Option<hir::ExprId>]) -> ExprId {
        let Some(arg) = args.first().copied().flatten() else { return self.constant(f64::NAN) };
        let start = args.get(1).copied().flatten();
        match &self.hir.expr(arg).kind {
            ExprKind::Decl(id) => self.remember(memory, *id, 0, Reach::Model, start),
            ExprKind::Element { decl, at, otherwise } => {
                self.element(*decl, at, *otherwise, &mut |l, reach, member| {
                    l.remember(memory, *decl, member, reach, start)
                })
            }
            _ => self.constant(f64::NAN),
        }
    }

    fn remember(
        &mut self,
        memory: Memory,
        id: DeclId,
        member: u32,
        reach: Reach,
        start: Option<hir::ExprId>,
    ) -> ExprId {
        if self.mode == Mode::Opening || self.is_newborn(reach) {
            return match (memory, start) {
                (Memory::Previous, Some(start)) => self.expr(start),
                (Memory::Total, _) => self.constant(0.0),
                _ => self.value(id, member, reach),
            };
        }
        let key = (id, member);
        match memory {
            Memory::Requested => match self.homes[id.0 as usize] {
                Home::Move(m) => self.read(reach, Expr::Asked(MoveId(m + member))),
                _ => self.constant(f64::NAN),
            },
            // Behind a step its end is the start of the next; and before row 0 nothing is remembered.
            Memory::Opening if self.mode == Mode::Ending => self.value(id, member, reach),
            Memory::Opening => {
                let cell = self.row_cell(key);
                self.read(reach, Expr::Cell(cell))
            }
            Memory::Initial => {
                // A param has one value for the whole run.
                if matches!(self.homes[id.0 as usize], Home::Param(_) | Home::Inline(_)) {
                    return self.value(id, member, reach);
                }
                let cell = match self.memory.get(&key).and_then(|m| m.initial) {
                    Some(cell) => cell,
                    None => {
                        let of = self.of(id);
                        let cell = self.cell(of);
                        self.memory.entry(key).or_default().initial = Some(cell);
                        let (value, after_moves) = self.value_of(key);
                        self.out.rows.push(RowCell { of, cell, value, after_moves, first: true });
                        cell
                    }
                };
                let initial = self.read(reach, Expr::Cell(cell));
                self.or_now(id, member, reach, initial)
            }
            Memory::Total => {
                let cell = match self.memory.get(&key).and_then(|m| m.total) {
                    Some(cell) => cell,
                    None => {
                        let of = self.of(id);
                        let cell = self.cell(of);
                        self.memory.entry(key).or_default().total = Some(cell);
                        let what = match self.homes[id.0 as usize] {
                            Home::Move(m) => Summed::Move(MoveId(m + member)),
                            _ => Summed::Rate(self.value_of(key).0),
                        };
                        self.out.sums.push(Sum { of, cell, what });
                        cell
                    }
                };
                self.read(reach, Expr::Cell(cell))
            }
            Memory::Previous => {
                let cell = match self.memory.get(&key).and_then(|m| m.previous) {
                    Some(cell) => cell,
                    None => {
                        let row = self.row_cell(key);
                        let cell = self.cell(self.of(id));
                        self.memory.entry(key).or_default().previous = Some(cell);
                        self.out.shifts.push((cell, row));
                        cell
                    }
                };
                let start = match start {
                    Some(start) => self.expr(start),
                    // Its own value in row 0, whatever phases have made of it since.
                    None if self.hir.phases.len() > 1 && self.mode != Mode::Ending && !self.after_moves(id) => {
                        let row = self.row_cell(key);
                        self.read(reach, Expr::Cell(row))
                    }
                    None => self.value(id, member, reach),
                };
                let first = self.first_row(reach);
                let before = self.read(reach, Expr::Cell(cell));
                self.add(Expr::If(first, start, before))
            }
        }
    }

    /// What is remembered of row 0; of the model, where the first members are born before it, what is so far.
    fn or_now(&mut self, id: DeclId, member: u32, reach: Reach, remembered: ExprId) -> ExprId {
        match (self.mode, reach) {
            (Mode::Ending, Reach::Model) => {
                let (first, now) = (self.first_row(reach), self.value(id, member, reach));
                self.add(Expr::If(first, now, remembered))
            }
            _ => remembered,
        }
    }

    /// The cell that holds a name's value of the row.
    fn row_cell(&mut self, key: (DeclId, u32)) -> CellId {
        if let Some(cell) = self.memory.get(&key).and_then(|m| m.row) {
            return cell;
        }
        let of = self.of(key.0);
        let cell = self.cell(of);
        self.memory.entry(key).or_default().row = Some(cell);
        let (value, after_moves) = self.value_of(key);
        self.out.rows.push(RowCell { of, cell, value, after_moves, first: false });
        cell
    }

    /// The value that a row has, whoever is being born at the moment.
    fn value_of(&mut self, (id, member): (DeclId, u32)) -> (ExprId, bool) {
        let newborn = self.newborn.take();
        let value = self.value(id, member, self.own(id));
        self.newborn = newborn;
        (value, self.after_moves(id))
    }

    /// A number of the whole run, with its members bound.
    pub(super) fn metric(&mut self, id: DeclId) -> ExprId {
        let DeclKind::Metric { value, window } = self.hir.decl(id).kind else { return self.constant(f64::NAN) };
        let own = window.is_some_and(|(from, to)| [from, to].iter().any(|e| !self.facts.free[e.0 as usize].is_empty()));
        let window = window.map(|(from, to)| (self.expr(from), self.expr(to)));
        let before = (self.window, self.own_window, self.mode);
        (self.window, self.own_window, self.mode) = (window, own, Mode::Metric);
        let out = self.expr(value);
        (self.window, self.own_window, self.mode) = before;
        out
    }

    /// What a goal asks, of all of the run.
    pub(super) fn asked(&mut self, value: hir::ExprId) -> ExprId {
        let before = (self.window, self.own_window, self.mode);
        (self.window, self.own_window, self.mode) = (None, false, Mode::Metric);
        let out = self.expr(value);
        (self.window, self.own_window, self.mode) = before;
        out
    }

    /// A function of the whole run: its argument is worked out in every row.
    pub(super) fn probe(&mut self, reducer: Reducer, args: &[Option<hir::ExprId>]) -> ExprId {
        let Some(arg) = args.first().copied().flatten() else { return self.constant(f64::NAN) };
        let name = self.hir.named(arg);
        let transfer = self.hir.is_amount(arg);
        let dated = name.is_some_and(|id| self.dated(id));
        let steps_only = (reducer == Reducer::Total && !dated) || self.hangs_on_moves(arg) || self.hangs_on_luck(arg);
        let at = args.get(1).copied().flatten().map(|t| self.expr(t));
        self.mode = Mode::Step;
        let value = self.expr(arg);
        self.mode = Mode::Metric;
        let probe = Probe {
            reducer,
            value,
            after_moves: self.hangs_on_moves(arg),
            steps_only,
            amounts: transfer,
            window: self.window,
            at,
        };
        self.out.probes.push(probe);
        let probe = self.out.probes.len() as u32 - 1;
        self.add(Expr::Probe(probe))
    }

    /// Whether an expression is known only after this step has moved what it moves.
    pub(super) fn hangs_on_moves(&self, start: hir::ExprId) -> bool {
        reads_now(self.hir, start, |id| self.after_moves(id))
    }

    /// Whether an expression hangs on what is drawn in this step: the last row starts none.
    pub(super) fn hangs_on_luck(&self, start: hir::ExprId) -> bool {
        reads_now(self.hir, start, |id| self.facts.order.drawn[id.0 as usize])
    }
}
