//! From syntax to meaning: labels.
//!
//! A bare label is looked up by the type that is wanted at its place, and only then as the one label of its name. What is
//! wanted beside `==` and in `match` hangs on the other side, so the type of an expression is read off the syntax here,
//! where it is a label's; units are for `check`.

use super::resolve::{Meaning, Resolver};
use super::{Annotation, AnnotationKind, ExprId, ExprKind, IndexId, Members};
use crate::diag::{Code, Diagnostic, did_you_mean};
use crate::source::Span;
use crate::syntax::ast;

/// An expression's label is looked for through so many names.
pub(super) const MOST_NAMES: usize = 50;

impl<'a> Resolver<'a> {
    /// The position of a label in an index.
    pub(super) fn label_in(&self, index: IndexId, name: &str) -> Option<u32> {
        let root = self.model.index(index).root;
        let (_, at) = *self.labels.get(name)?.iter().find(|(id, _)| *id == root)?;
        match &self.model.index(index).members {
            Members::Part(part) => part.contains(&at).then_some(at),
            _ => Some(at),
        }
    }

    /// A label that its index does not have.
    pub(super) fn no_label(&mut self, index: IndexId, name: &str, span: Span) {
        let of = self.model.index(index);
        if matches!(of.members, Members::Unknown) {
            return;
        }
        let known: Vec<String> =
            self.model.members(index).iter().take(1000).map(|m| self.model.member_name(index, *m)).collect();
        let meant = did_you_mean(name, known.iter().map(String::as_str));
        let error = Diagnostic::new(
            Code::E0107,
            format!("`{}` has no member `{name}`", of.name),
            span,
            format!("a member of `{}` is wanted here", of.name),
        );
        let some = known.iter().take(8).cloned().collect::<Vec<_>>().join(", ");
        let more = if known.len() > 8 { ", …" } else { "" };
        let error = match meant {
            Some(meant) => error.help(format!("did you mean `{meant}`?")).fix(span, meant),
            // Most often a letter that nothing binds.
            None if name.chars().count() == 1 && name.chars().all(char::is_alphabetic) => {
                let each = format!("`[{name} in {of}]` or `for {name} in {of}`", of = of.name);
                error.help(format!("its members are {some}{more}; that `{name}` is each of them is written {each}"))
            }
            None => error.help(format!("its members are {some}{more}")),
        };
        self.report(error);
    }

    /// An expression where a value of this type is wanted.
    pub(super) fn expr_wanting(&mut self, e: &'a ast::Expr, ty: Option<&Annotation>) -> ExprId {
        match ty.map(|a| &a.kind) {
            Some(AnnotationKind::Label(index)) => self.wanted(e, Some(*index)),
            _ => self.expr(e),
        }
    }

    /// An expression where a member of this index is wanted, if any is.
    pub(super) fn wanted(&mut self, e: &'a ast::Expr, index: Option<IndexId>) -> ExprId {
        let Some(index) = index else { return self.expr(e) };
        let kind = match &e.kind {
            ast::ExprKind::Paren(inner) => return self.wanted(inner, Some(index)),
            // What is nearer than a label is what it stands for.
            ast::ExprKind::Name(name) if !self.is_near(name) => match self.label_in(index, name) {
                Some(at) => self.label(self.model.index(index).root, at),
                None if !self.model.is_numeric(index) && self.names_only_another_label(index, name) => {
                    self.no_label(index, name, e.span);
                    ExprKind::Error
                }
                None => return self.expr(e),
            },
            // The language's own words may be labels, too.
            ast::ExprKind::Time | ast::ExprKind::Bool(_) => {
                let word = match e.kind {
                    ast::ExprKind::Bool(true) => "true",
                    ast::ExprKind::Bool(false) => "false",
                    _ => "time",
                };
                match self.label_in(index, word) {
                    Some(at) => self.label(self.model.index(index).root, at),
                    None => return self.expr(e),
                }
            }
            // `Recipient.community` is a label, and may still be no member of the part that is wanted.
            ast::ExprKind::Field(base, field)
                if matches!(&base.kind, ast::ExprKind::Name(name) if same_name(&self.model, index, name))
                    && self.label_in(self.model.index(index).root, &field.text).is_some()
                    && self.label_in(index, &field.text).is_none() =>
            {
                self.no_label(index, &field.text, e.span);
                ExprKind::Error
            }
            ast::ExprKind::If(parts) => {
                let [c, a, b] = &**parts;
                let c = self.expr(c);
                let a = self.wanted(a, Some(index));
                ExprKind::If(c, a, self.wanted(b, Some(index)))
            }
            ast::ExprKind::Match { subject, arms } => self.match_arms(subject, arms, e.span, Some(index)),
            _ => return self.expr(e),
        };
        self.add(kind, e.span)
    }

    /// Whether a name is that of a member or an argument in scope.
    fn is_near(&self, name: &str) -> bool {
        let named = self.scope.iter().any(|(n, _)| n == name) || self.locals.iter().any(|l| l == name);
        named || self.myself(name).is_some()
    }

    /// No value has this name, so it was to be a label of this index.
    fn names_only_another_label(&self, index: IndexId, name: &str) -> bool {
        !self.names.contains_key(name)
            && !matches!(self.model.index(index).members, Members::Unknown)
            && !self.incomplete.names
    }

    pub(super) fn label(&mut self, root: IndexId, at: u32) -> ExprKind {
        self.model.indexes[root.0 as usize].read = true;
        ExprKind::Label(root, at)
    }

    /// A name that no value has: the one label of this name, if there is one.
    pub(super) fn only_label(&mut self, name: &str, span: Span) -> Option<ExprKind> {
        let all = self.labels.get(name)?;
        if let [(root, at)] = all[..] {
            return Some(self.label(root, at));
        }
        let places: Vec<String> =
            all.iter().map(|(id, _)| format!("`{}.{name}`", self.model.index(*id).name)).collect();
        let error = Diagnostic::new(
            Code::E0108,
            format!("`{name}` is a label of {} indexes", all.len()),
            span,
            "nothing here says which is meant",
        )
        .help(format!("say which: {}", places.join(" or ")));
        self.report(error);
        Some(ExprKind::Error)
    }

    /// The index whose member an expression is, as far as the syntax says it.
    pub(super) fn label_type(&self, e: &ast::Expr) -> Option<IndexId> {
        self.label_type_within(e, MOST_NAMES)
    }

    fn label_type_within(&self, e: &ast::Expr, left: usize) -> Option<IndexId> {
        let left = left.checked_sub(1)?;
        match &e.kind {
            ast::ExprKind::Paren(inner) => self.label_type_within(inner, left),
            ast::ExprKind::Name(name) => {
                if let Some((_, binder)) = self.scope.iter().rev().find(|(n, _)| n == name) {
                    let index = self.model.binder(*binder).index;
                    return Some(self.model.index(index).root).filter(|r| !self.model.is_numeric(*r));
                }
                if let Some(i) = self.locals.iter().position(|l| l == name) {
                    return self.local_types.get(i).copied().flatten();
                }
                if let Some(me) = self.myself(name) {
                    return Some(self.model.binder(me).index);
                }
                self.label_type_of(name, left)
            }
            ast::ExprKind::Subscript { base, .. } => match &base.kind {
                ast::ExprKind::Name(name) => self.label_type_of(name, left),
                ast::ExprKind::Field(..) => self.label_type_within(base, left),
                _ => None,
            },
            ast::ExprKind::Field(base, field) => {
                let index = match &base.kind {
                    ast::ExprKind::Name(name) if !self.is_near(name) => self.index_named(name),
                    _ => None,
                };
                match index {
                    Some(index) => match self.living(index) {
                        Some(entity) => self.attribute_label(entity, &field.text, left),
                        None => Some(self.model.index(index).root),
                    },
                    None => {
                        let entity = self.label_type_within(base, left).and_then(|i| self.living(i))?;
                        self.attribute_label(entity, &field.text, left)
                    }
                }
            }
            ast::ExprKind::If(parts) => {
                self.label_type_within(&parts[1], left).or_else(|| self.label_type_within(&parts[2], left))
            }
            ast::ExprKind::Match { arms, .. } => arms.iter().find_map(|(_, value)| self.label_type_within(value, left)),
            // What a function of another moment, and what `argmax` gives, is of the kind of its first argument or member.
            ast::ExprKind::Call { name, args } => {
                let builtin = crate::builtins::find(&name.text)?;
                let first = args.first()?;
                if builtin.gives_a_member() {
                    let binder = first.binders.first().map(|b| b.index.text.clone());
                    let index = match binder {
                        Some(index) => self.index_named(&index),
                        None => self.first_index(&first.value),
                    };
                    return index.map(|i| self.model.index(i).root).filter(|i| !self.model.is_numeric(*i));
                }
                if builtin.looks_elsewhere() { self.label_type_within(&first.value, left) } else { None }
            }
            _ => None,
        }
    }

    fn first_index(&self, e: &ast::Expr) -> Option<IndexId> {
        let ast::ExprKind::Name(name) = &e.kind else { return None };
        let Some(Meaning::Decl(id)) = self.names.get(name).map(|n| n.meaning) else { return None };
        self.model.decl(id).axes.first().map(|b| self.model.binder(*b).index)
    }

    /// The index whose member a named value is.
    pub(super) fn label_type_of(&self, name: &str, left: usize) -> Option<IndexId> {
        let Some(Meaning::Decl(id)) = self.names.get(name).map(|n| n.meaning) else {
            // A label that only one index has.
            return match self.labels.get(name).map(Vec::as_slice) {
                Some([(root, _)]) if !self.names.contains_key(name) => Some(*root),
                _ => None,
            };
        };
        self.label_of_decl(id, left)
    }

    /// The index whose member a declaration's value is.
    pub(super) fn label_of_decl(&self, id: super::DeclId, left: usize) -> Option<IndexId> {
        let left = left.checked_sub(1)?;
        let (ty, value) = self.written.get(id.0 as usize).copied()?;
        if let (None, Some(index)) = (ty, self.picks.get(&id)) {
            return self.index_named(index).map(|id| self.model.index(id).root);
        }
        match ty {
            Some(ast::Type { kind: ast::TypeKind::Name(name), .. }) => {
                self.index_named(&name.text).map(|id| self.model.index(id).root)
            }
            Some(_) => None,
            None => self.label_type_within(value?, left),
        }
    }
}

/// Whether a name is that of an index or of the one that it is a part of.
pub(super) fn same_name(model: &super::Model, index: IndexId, name: &str) -> bool {
    let of = model.index(index);
    of.name == name || model.index(of.root).name == name
}
