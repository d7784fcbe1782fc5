//! From syntax to meaning: what a call puts in place of what the model says.

use super::resolve::{Meaning, Resolver, Setting};
use super::{BinaryOp, ClockPart, CompareOp, DeclId, DeclKind, ExprKind};
use crate::diag::{Code, Diagnostic, did_you_mean};
use crate::syntax::ast;

impl<'a> Resolver<'a> {
    pub(super) fn setting(&mut self, setting: &'a Setting) {
        match setting {
            Setting::Clock { part, value } => {
                let value = self.expr(value);
                let Some(clock) = &mut self.model.clock else { return };
                match part {
                    ClockPart::Start => clock.from = value,
                    ClockPart::Stop => clock.to = value,
                    _ => clock.step = Some(value),
                }
            }
            Setting::Value { name, at, value } => {
                let found = match self.names.get(&name.text).map(|e| e.meaning) {
                    Some(Meaning::Decl(id)) => Some(id),
                    // It stands in what could not be read, and that has been said.
                    Some(Meaning::Unknown) => return,
                    _ => None,
                };
                let axes = found.map_or(Vec::new(), |id| self.model.decl(id).axes.clone());
                let ty = found.and_then(|id| self.model.decl(id).ty.clone());
                let label = found.and_then(|id| match self.model.decl(id).kind {
                    DeclKind::Param { value, .. } => match self.model.expr(value).kind {
                        ExprKind::Label(root, _) => Some(root),
                        _ => None,
                    },
                    _ => None,
                });
                if !at.is_empty()
                    && let Some(id) = found
                {
                    return self.set_member(id, name, at, value);
                }
                let value = match label.filter(|_| ty.is_none()) {
                    Some(root) => self.wanted(value, Some(root)),
                    None => self.within(&axes, |r| r.value(value, &axes, ty.as_ref())),
                };
                match found.map(|id| &mut self.model.decls[id.0 as usize].kind) {
                    Some(DeclKind::Param { set: Some(_), .. } | DeclKind::Stock { set: Some(_), .. }) => {
                        self.set_twice(format!("`{}`", name.text), name);
                    }
                    Some(DeclKind::Param { set, .. } | DeclKind::Stock { set, .. }) => *set = Some(value),
                    Some(DeclKind::Unknown) => {}
                    Some(_) => self.not_settable(name, found),
                    None => {
                        let compare = self.may_compare();
                        let known: Vec<&str> = self
                            .model
                            .decls
                            .iter()
                            .filter(|d| matches!(d.kind, DeclKind::Param { .. } | DeclKind::Stock { .. }))
                            .map(|d| d.name.as_str())
                            .collect();
                        let meant = if compare { did_you_mean(&name.text, known.iter().copied()) } else { None };
                        let error = Diagnostic::new(
                            Code::E0801,
                            format!("the model has nothing to set called `{}`", name.text),
                            name.span,
                            "no param and no stock has this name",
                        );
                        let help = match meant {
                            Some(meant) => format!("did you mean `{meant}`?"),
                            None if known.is_empty() => "the model has no params".into(),
                            None => format!("it has: {}", known.join(", ")),
                        };
                        self.report(error.help(help));
                    }
                }
            }
        }
    }

    /// What the model works out itself; what could not be read stays silent.
    fn not_settable(&mut self, name: &ast::Name, found: Option<DeclId>) {
        let Some(decl) = found.map(|id| self.model.decl(id)).filter(|d| !matches!(d.kind, DeclKind::Unknown)) else {
            return;
        };
        let why = if decl.word == "column" { "stands in a table" } else { "is worked out by the model" };
        let error = Diagnostic::new(
            Code::E0801,
            format!("`{}` is a {}, and {why}", name.text, decl.word),
            name.span,
            "only params and the openings of stocks can be set",
        )
        .help("make it a `param` to set it from outside");
        self.report(error);
    }

    fn set_twice(&mut self, what: String, name: &ast::Name) {
        let error = Diagnostic::new(Code::E0801, format!("{what} is set twice"), name.span, "and again here");
        self.report(error.help("set it once"));
    }

    /// Puts a value in place of one member's.
    fn set_member(&mut self, id: DeclId, name: &ast::Name, at: &'a [ast::Expr], value: &'a ast::Expr) {
        if self.model.decl(id).axes.len() != at.len() {
            // Said with the array's shape.
            self.subscripts(id, at, name.span);
            return;
        }
        let indexes: Vec<_> = self.model.decl(id).axes.iter().map(|b| self.model.binder(*b).index).collect();
        let members: Vec<u32> = indexes.iter().zip(at).filter_map(|(index, e)| self.key(*index, e)).collect();
        if members.len() != at.len() {
            return;
        }
        let ty = self.model.decl(id).ty.clone();
        let value = self.expr_wanting(value, ty.as_ref());
        let span = self.model.expr(value).span;
        let axes = self.model.decl(id).axes.clone();
        let (DeclKind::Param { value: default, set, .. } | DeclKind::Stock { opening: default, set, .. }) =
            self.model.decl(id).kind
        else {
            return self.not_settable(name, Some(id));
        };
        let mine = |(other, _, _): &&(DeclId, Vec<u32>, crate::source::Span)| *other == id;
        let whole = set.is_some() && !self.model.set_members.iter().any(|s| mine(&s));
        if whole || self.model.set_members.iter().filter(mine).any(|(_, m, _)| *m == members) {
            return self.set_twice(format!("this member of `{}`", name.text), name);
        }
        let mut condition = None;
        for ((axis, index), position) in axes.into_iter().zip(indexes).zip(&members) {
            let member = self.add(ExprKind::Member(axis), span);
            let subscript = match self.model.is_numeric(index) {
                true => {
                    let n = self.model.first(index) + i64::from(*position);
                    ExprKind::Number { value: num_rational::BigRational::from_integer(n.into()), percent: false }
                }
                false => ExprKind::Label(self.model.index(index).root, *position),
            };
            let subscript = self.add(subscript, span);
            let is = self.add(ExprKind::Compare(member, vec![(CompareOp::Equal, subscript)]), span);
            condition = Some(match condition {
                Some(before) => self.add(ExprKind::Binary(BinaryOp::And, before, is), span),
                None => is,
            });
        }
        let Some(condition) = condition else { return };
        self.model.set_members.push((id, members, name.span));
        let new = self.add(ExprKind::If(condition, value, set.unwrap_or(default)), span);
        if let DeclKind::Param { set, .. } | DeclKind::Stock { set, .. } = &mut self.model.decls[id.0 as usize].kind {
            *set = Some(new);
        }
    }
}
