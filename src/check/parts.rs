//! Labels that are known to be of a part of an index.
//!
//! What is declared to be of a part is checked to stay in it, and so it is believed wherever it is read; so is a condition
//! that says it, `if member(x, Insider) then …`, and what only goes through the part.

use super::members::Check;
use super::shape::failed;
use crate::diag::{Code, Diagnostic};
use crate::hir::{Annotation, AnnotationKind, BinaryOp, Cells, DeclId, DeclKind, ExprId, ExprKind, IndexId};

impl Check<'_> {
    pub(super) fn always_in(&self, index: IndexId, e: ExprId, left: usize) -> bool {
        let Some(left) = left.checked_sub(1) else { return false };
        let inside = |own: IndexId| {
            own == index || (self.model.index(index).root == index && self.model.index(own).root == index)
        };
        match &self.model.expr(e).kind {
            ExprKind::Member(b) => inside(self.model.binder(*b).index),
            ExprKind::Label(_, at) => self.model.members(index).contains(at),
            ExprKind::Error => true,
            // A whole number that is written out.
            ExprKind::Number { value, .. } if self.model.is_numeric(index) => {
                let at = value - num_rational::BigRational::from_integer(self.model.first(index).into());
                let at = if at.is_integer() { num_traits::ToPrimitive::to_u32(&at.to_integer()) } else { None };
                at.is_some_and(|at| self.model.members(index).contains(&at))
            }
            ExprKind::If(c, a, b) => {
                (self.guards(*c, *a, &inside) || self.always_in(index, *a, left)) && self.always_in(index, *b, left)
            }
            // `argmax` gives one of the members that it went through.
            ExprKind::Aggregate(a) if a.builtin.gives_a_member() => {
                a.binders.iter().all(|b| inside(self.model.binder(*b).index))
                    && a.otherwise.is_none_or(|o| self.always_in(index, o, left))
            }
            // A type that is written holds: whatever comes there is checked.
            ExprKind::Decl(id) | ExprKind::Element { decl: id, .. } => {
                let decl = self.model.decl(*id);
                match (decl.ty.as_ref().map(|t| &t.kind), &decl.kind) {
                    (Some(AnnotationKind::Label(own)), _) => inside(*own),
                    (None, DeclKind::Let { value } | DeclKind::Metric { value, .. }) => {
                        self.always_in(index, *value, left)
                    }
                    _ => false,
                }
            }
            ExprKind::Local(i) => self.functions[e.0 as usize].is_some_and(|f| {
                let ty = self.model.function(f).params.get(*i).and_then(|(_, ty)| ty.as_ref());
                matches!(ty.map(|t| &t.kind), Some(AnnotationKind::Label(own)) if inside(*own))
            }),
            ExprKind::Cells { cells, otherwise, .. } => {
                cells.iter().map(|(_, e)| e).chain(otherwise).all(|e| self.always_in(index, *e, left))
            }
            ExprKind::Data(data, _) => {
                matches!(self.model.data[data.0 as usize], Cells::Labels(own, _) if inside(own))
            }
            ExprKind::Builtin(b, args) if b.looks_elsewhere() => {
                args.iter().flatten().all(|e| self.always_in(index, *e, left))
            }
            ExprKind::Match { arms, otherwise, .. } => {
                arms.iter().map(|(_, e)| e).chain(otherwise).all(|e| self.always_in(index, *e, left))
            }
            _ => false,
        }
    }

    /// Whether a condition says that a label is in an index: `member(x, Insider)`.
    pub(super) fn guards(&self, condition: ExprId, label: ExprId, inside: &dyn Fn(IndexId) -> bool) -> bool {
        let text = |e: ExprId| self.sources.text(self.model.expr(e).span);
        match self.model.expr(condition).kind {
            ExprKind::In(x, own) => inside(own) && text(x) == text(label),
            ExprKind::Binary(BinaryOp::And, a, b) => self.guards(a, label, inside) || self.guards(b, label, inside),
            _ => false,
        }
    }

    /// Whether a subscript stands where a condition around it says that it is a member.
    pub(super) fn guarded(&self, decl: DeclId, axis: usize, subscript: ExprId) -> bool {
        let index = self.model.binder(self.model.decl(decl).axes[axis]).index;
        let (mut child, mut found) = (subscript, false);
        while let Some(parent) = self.parents[child.0 as usize] {
            if let ExprKind::If(c, a, _) = self.model.expr(parent).kind {
                found |= child == a && self.guards(c, subscript, &|own| own == index);
            }
            child = parent;
        }
        found
    }

    /// Whatever is declared to be of a part of an index must be of that part.
    pub(super) fn typed(&mut self, e: ExprId, ty: Option<&Annotation>, what: &str) {
        let Some(AnnotationKind::Label(own)) = ty.map(|t| &t.kind) else { return };
        let (part, whole) = (self.model.index(*own), self.model.index(*own).root);
        if whole == *own || self.always_in(*own, e, 50) || failed(self.model, self.facts, e) {
            return;
        }
        let name = &self.model.index(whole).name;
        self.diagnostics.push(
            Diagnostic::new(
                Code::E0201,
                format!("{what} is a member of `{}`, and may come to be another of `{name}`", part.name),
                self.model.expr(e).span,
                format!("this may be any member of `{name}`"),
            )
            .help(format!(
                "let it be of `{name}`, or say what holds outside: `if member(x, {}) then x else …`",
                part.name
            )),
        );
    }
}
