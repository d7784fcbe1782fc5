//! Lowers metrics: functions of the whole run become probes, the rest is worked out when the run is over.

use super::lower::{Lower, binary, looks_back};
use super::{DeclId, Expr, ExprId, Probe, Unary};
use crate::builtins::{Builtin, Reducer};
use crate::check::constant;
use crate::hir::{self, DeclKind, ExprKind};

impl Lower<'_> {
    pub(super) fn metric(&mut self, id: DeclId) -> ExprId {
        let DeclKind::Metric { value, window } = self.hir.decl(id).kind else { return self.constant(f64::NAN) };
        let window = window.map(|(from, to)| (self.expr(from), self.expr(to)));
        let before = std::mem::replace(&mut self.window, window);
        let out = self.metric_expr(value);
        self.window = before;
        out
    }

    /// An expression of a metric: functions of the whole run become probes, the rest is worked out at the end.
    fn metric_expr(&mut self, e: hir::ExprId) -> ExprId {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.metric_inner(e))
    }

    fn metric_inner(&mut self, e: hir::ExprId) -> ExprId {
        if constant(self.facts, e).is_some() {
            return self.expr(e);
        }
        let hir = self.hir;
        let expr = match &hir.expr(e).kind {
            ExprKind::Builtin(builtin, args) => match builtin.reducer {
                Some(reducer) => return self.probe(reducer, args),
                None => return self.metric_builtin(builtin, args),
            },
            ExprKind::Negate(a) => Expr::Unary(Unary::Negate, self.metric_expr(*a)),
            ExprKind::Not(a) => Expr::Unary(Unary::Not, self.metric_expr(*a)),
            ExprKind::Binary(op, a, b) => {
                let (a, b) = (self.metric_expr(*a), self.metric_expr(*b));
                Expr::Binary(binary(*op), a, b)
            }
            ExprKind::Compare(first, rest) => return self.chain(*first, rest, Self::metric_expr),
            ExprKind::If(c, a, b) => {
                let (c, a) = (self.metric_expr(*c), self.metric_expr(*a));
                Expr::If(c, a, self.metric_expr(*b))
            }
            ExprKind::Call(id, args) => {
                let args = args.iter().map(|a| self.metric_expr(*a)).collect();
                self.locals.push(args);
                let out = self.expr(hir.function(*id).body);
                self.locals.pop();
                return out;
            }
            _ => return self.expr(e),
        };
        self.add(expr)
    }

    fn metric_builtin(&mut self, builtin: &'static Builtin, args: &[Option<hir::ExprId>]) -> ExprId {
        // The arguments are worked out as parts of a metric, then put in as if they had been there.
        let values: Vec<Option<ExprId>> = args.iter().map(|a| a.map(|a| self.metric_expr(a))).collect();
        for (arg, value) in args.iter().zip(&values) {
            if let (Some(arg), Some(value)) = (arg, value) {
                self.done[arg.0 as usize] = Some(*value);
            }
        }
        self.builtin(builtin, args)
    }

    fn probe(&mut self, reducer: Reducer, args: &[Option<hir::ExprId>]) -> ExprId {
        let Some(arg) = args.first().copied().flatten() else { return self.constant(f64::NAN) };
        let transfer = matches!(self.hir.expr(arg).kind, ExprKind::Decl(id) if matches!(&self.hir.decl(id).kind, DeclKind::Move(m) if !m.flow));
        let dated = matches!(self.hir.expr(arg).kind, ExprKind::Decl(id) if self.dated(id));
        let steps_only = (reducer == Reducer::Total && !dated) || self.names_a_move(arg);
        let value = self.expr(arg);
        let at = args.get(1).copied().flatten().map(|t| self.metric_expr(t));
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

    /// Whether an expression names something that moves within a step: it has no value in the last row.
    fn names_a_move(&self, start: hir::ExprId) -> bool {
        let mut stack = vec![start];
        let mut functions = Vec::new();
        while let Some(e) = stack.pop() {
            match &self.hir.expr(e).kind {
                ExprKind::Decl(id) if matches!(self.hir.decl(*id).kind, DeclKind::Move(_)) && !self.dated(*id) => {
                    return true;
                }
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
}
