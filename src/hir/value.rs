//! From syntax to meaning: what a declaration with a value says, its members in scope; functions.

use super::ledger::Manner;
use super::resolve::Resolver;
use super::{Annotation, AnnotationKind, BinderId, DeclId, DeclKind, ExprId, ExprKind, FnId, IndexId, Rule, Timing};
use crate::diag::{Code, Diagnostic};
use crate::source::Span;
use crate::syntax::ast;

impl<'a> Resolver<'a> {
    /// Second walk: a declaration that has values, with its members in scope.
    pub(super) fn value_item(&mut self, id: DeclId, item: &'a ast::Item, axes: &[BinderId], keyword: Span) {
        use ast::Decl::*;
        let (ty, kind) = match &item.decl {
            // What stands in no entity has been reported.
            Trait { .. } if self.inside.is_none() => return,
            Trait { ty, value, .. } => self.trait_of(ty.as_ref(), value, axes),
            Param { head, ty, default, dist, from, range } => {
                let ty = self.annotation(ty.as_ref());
                let value = match (default, from) {
                    (Some(default), Some(file)) => {
                        let error = Diagnostic::new(
                            Code::E0001,
                            format!("`{}` has a value and a file", head.name.text),
                            file.span,
                            "a second value",
                        )
                        .label(default.span, "the first")
                        .help("keep one of them");
                        return self.report(error);
                    }
                    (_, Some(file)) if axes.is_empty() => {
                        let error = Diagnostic::new(
                            Code::E0207,
                            format!("`{}` is one value, and a file holds many", head.name.text),
                            file.span,
                            "",
                        )
                        .help(format!("write its value here, `param {0} = …`, or say what it is over: `param {0}[i in Index] from …`", head.name.text));
                        return self.report(error);
                    }
                    (_, Some(file)) => self
                        .param_of_file(
                            file,
                            &head.name,
                            axes,
                            ty.as_ref(),
                            head.binders.iter().any(|b| b.filter.is_some()),
                        )
                        .map(|data| self.add(ExprKind::Data(data, axes.to_vec()), file.span)),
                    (Some(default), None) => Some(self.value(default, axes, ty.as_ref())),
                    (None, None) if dist.is_some() => Some(self.add(ExprKind::Drawn(id), head.name.span)),
                    (None, None) => {
                        {
                            let name = &head.name.text;
                            let error = Diagnostic::new(
                                Code::E0001,
                                format!("the param `{name}` has no value"),
                                item.span,
                                "expected `= …`",
                            )
                            .help(format!("give it a default: `param {name} = …`"));
                            self.report(error);
                        }
                        None
                    }
                };
                let range = self.range(range.as_ref());
                let (ty, dist) = match dist {
                    Some(dist) => match self.dist(dist, axes, ty) {
                        (ty, Some(dist)) => (ty, Some(Box::new(dist))),
                        // What may hang on the mistake stays silent.
                        (ty, None) => return self.model.decls[id.0 as usize].ty = ty,
                    },
                    None => (ty, None),
                };
                let kind = match value {
                    Some(value) => DeclKind::Param { value, set: None, range, dist },
                    _ => DeclKind::Unknown,
                };
                (ty, kind)
            }
            Draw { head, ty, dist, cadence } => {
                let ty = self.annotation(ty.as_ref());
                self.draw(id, &head.name, (ty, dist), cadence.as_ref(), axes, keyword)
            }
            Let { ty, value, .. } => {
                let ty = self.annotation(ty.as_ref());
                let value = self.value(value, axes, ty.as_ref());
                (ty, DeclKind::Let { value })
            }
            State { ty, initial, rule, .. } => {
                let ty = self.annotation(ty.as_ref());
                let label = self.label_type(initial);
                let initial = self.value(initial, axes, ty.as_ref());
                let rule = rule.as_ref().map(|rule| match rule {
                    ast::StateRule::Next { value, every } => {
                        let value = match &ty {
                            Some(_) => self.value(value, axes, ty.as_ref()),
                            None if label.is_some() => self.wanted(value, label),
                            None => self.value(value, axes, None),
                        };
                        Rule::Next { value, every: every.as_ref().map(|e| self.expr(e)) }
                    }
                    ast::StateRule::Rate(value) => Rule::Rate(self.value(value, axes, None)),
                });
                (ty, DeclKind::State { initial, rule })
            }
            Stock { ty, opening, options, .. } => {
                let ty = self.annotation(Some(ty));
                let opening = self.value(opening, axes, ty.as_ref());
                let (mut signed, mut range, mut source) = (false, None, None);
                for option in options {
                    match option {
                        ast::StockOption::Signed(_) => signed = true,
                        ast::StockOption::Within(within) => range = self.range(Some(within)),
                        ast::StockOption::From(place) => source = Some(self.place(place)),
                    }
                }
                (ty, DeclKind::Stock { opening, set: None, from: source, signed, range })
            }
            Flow { leg, two_way, short, .. } => {
                let (short, timing) = (short.map(|s| s.kind), Timing::Always);
                let manner = Manner { flow: true, two_way: *two_way, short, timing, trade: None };
                (None, self.leg(leg, axes, manner))
            }
            Transfer { legs, grouped, clauses, .. } => {
                let in_phase = self.model.decl(id).phase.is_some();
                let (timing, short) = self.clauses(clauses, in_phase);
                if *grouped {
                    return self.trade(id, legs, axes, timing, short);
                }
                let Some(leg) = legs.first() else { return };
                let manner = Manner { flow: false, two_way: false, short, timing, trade: None };
                (None, self.leg(leg, axes, manner))
            }
            Policy { head, ty, options } => {
                let ty = self.annotation(ty.as_ref());
                let options = self.options(&head.name, options, axes, ty.as_ref());
                let kind = if options.is_empty() { DeclKind::Unknown } else { DeclKind::Policy { options, chosen: 0 } };
                (ty, kind)
            }
            Update { head, value } => (None, self.update(&head.name, value, axes)),
            Metric { ty, value, window, .. } => {
                let ty = self.annotation(ty.as_ref());
                let value = self.value(value, axes, ty.as_ref());
                let window = window.as_ref().map(|(from, to)| (self.expr(from), self.expr(to)));
                (ty, DeclKind::Metric { value, window })
            }
            series => return self.series(id, series, axes),
        };
        let decl = &mut self.model.decls[id.0 as usize];
        (decl.ty, decl.kind) = (ty, kind);
    }

    /// The indexes of a function's arguments that are written to be labels.
    pub(super) fn function_labels(&self, id: FnId, n: usize) -> Vec<Option<IndexId>> {
        let types = self.fn_types.get(id.0 as usize).copied().unwrap_or_default();
        let label = |ty: Option<&ast::Type>| match ty.map(|t| &t.kind) {
            Some(ast::TypeKind::Name(name)) => self.index_named(&name.text).map(|id| self.model.index(id).root),
            _ => None,
        };
        (0..n).map(|i| label(types.get(i).and_then(|(_, ty)| ty.as_ref()))).collect()
    }

    pub(super) fn range(&mut self, range: Option<&'a ast::Range>) -> Option<(ExprId, ExprId)> {
        range.map(|r| (self.expr(&r.low), self.expr(&r.high)))
    }

    pub(super) fn function(&mut self, id: usize, params: &'a [(ast::Name, Option<ast::Type>)], body: &'a ast::Expr) {
        let mut resolved: Vec<(String, Option<Annotation>)> = Vec::new();
        for (name, ty) in params {
            if resolved.iter().any(|(other, _)| *other == name.text) {
                let error = Diagnostic::new(
                    Code::E0102,
                    format!("`{}` is declared twice", name.text),
                    name.span,
                    "two arguments have this name",
                )
                .help("give one of them another name");
                self.report(error);
            }
            let ty = self.annotation(ty.as_ref());
            resolved.push((name.text.clone(), ty));
        }
        self.locals = resolved.iter().map(|(n, _)| n.clone()).collect();
        let label = |ty: &Option<Annotation>| match ty.as_ref().map(|a| &a.kind) {
            Some(AnnotationKind::Label(index)) => Some(self.model.index(*index).root),
            _ => None,
        };
        self.local_types = resolved.iter().map(|(_, ty)| label(ty)).collect();
        self.calls.clear();
        let body = self.expr(body);
        self.locals.clear();
        self.local_types.clear();
        let function = &mut self.model.fns[id];
        (function.params, function.body, function.calls) = (resolved, body, std::mem::take(&mut self.calls));
    }
}
