//! From syntax to meaning: indexes, their members, and the columns of their tables.
//!
//! Members are settled before any expression is resolved, so that a label can be looked up wherever it stands.

use std::collections::BTreeMap;

use num_traits::ToPrimitive;

use super::resolve::{Meaning, Resolver, quoted};
use super::{Annotation, Binder, BinderId, DeclId, DeclKind, ExprId, ExprKind, Index, IndexId, Members};
use crate::diag::{Code, Diagnostic, did_you_mean};
use crate::source::Span;
use crate::syntax::ast::{self, IndexBody};
use crate::syntax::token::OWNED;

/// An index of more members is a slip.
const MOST_MEMBERS: i64 = 10_000_000;

/// An index as it is written, with what a file adds to it.
#[derive(Clone, Copy)]
pub(super) struct Written<'a> {
    pub index: &'a ast::Index,
    pub id: IndexId,
}

impl<'a> Resolver<'a> {
    /// First walk: the index and its columns get their ids.
    pub(super) fn collect_index(&mut self, index: &'a ast::Index, doc: &str, whole: Span, prelude: bool) {
        let id = IndexId(self.model.indexes.len() as u32);
        self.model.indexes.push(Index {
            name: index.name.text.clone(),
            span: index.name.span,
            root: id,
            members: Members::Unknown,
            read: false,
        });
        self.declare(&index.name, Meaning::Index(id), prelude);
        self.indexes.push(Written { index, id });
        for column in self.columns(index) {
            let decl = self.new_decl("column", &column.name, whole, doc);
            self.heads.push(super::resolve::Head::Column(id));
            self.written[decl.0 as usize] = (column.ty.as_ref(), None);
            self.declare(&column.name, Meaning::Decl(decl), prelude);
        }
    }

    /// The columns of an index: as written, or as the header of its file says.
    fn columns(&self, index: &'a ast::Index) -> &'a [ast::Column] {
        let tables = self.tables;
        match &index.body {
            IndexBody::Table(columns, _) => columns,
            IndexBody::File(file, columns) if columns.is_empty() => tables.columns(file.span),
            IndexBody::File(_, columns) => columns,
            IndexBody::Numbers(..) | IndexBody::Labels(_) => &[],
        }
    }

    /// Finds the members of all indexes. A subset needs those of the index that it is a part of.
    pub(super) fn finish_indexes(&mut self) {
        let tables = self.tables;
        tables.broken.iter().for_each(|name| self.unknown(name));
        let written = self.indexes.clone();
        let mut waiting: Vec<Written> = Vec::new();
        for w in written {
            match &w.index.parent {
                None => self.root(w),
                Some(_) => waiting.push(w),
            }
        }
        // Each round settles those whose parents are settled; what is left then are circles.
        while !waiting.is_empty() {
            let before = waiting.len();
            let later: Vec<IndexId> = waiting.iter().map(|w| w.id).collect();
            waiting.retain(|w| {
                let parent = w.index.parent.as_ref().and_then(|p| self.index_named(&p.text));
                let ready = parent.is_none_or(|p| !later.contains(&p));
                if ready {
                    self.part(*w, parent);
                }
                !ready
            });
            if waiting.len() == before {
                let name = &waiting[0].index.name;
                let error = Diagnostic::new(Code::E0212, format!("`{}` is a part of itself", name.text), name.span, "")
                    .help("a subset is `index Part in Whole = …`, where `Whole` stands on its own");
                self.report(error);
                break;
            }
        }
    }

    pub(super) fn index_named(&self, name: &str) -> Option<IndexId> {
        match self.names.get(name).map(|e| e.meaning) {
            Some(Meaning::Index(id)) => Some(id),
            _ => None,
        }
    }

    fn root(&mut self, w: Written<'a>) {
        let labels: Vec<(String, Span)> = match &w.index.body {
            IndexBody::Numbers(low, high) => {
                let members = self.numbers(low, high);
                self.model.indexes[w.id.0 as usize].members = members;
                return;
            }
            IndexBody::Labels(names) => names.iter().map(|n| (n.text.clone(), n.span)).collect(),
            IndexBody::Table(_, rows) => rows.iter().map(|(n, _)| (n.text.clone(), n.span)).collect(),
            IndexBody::File(file, _) => match self.labels_of_file(file) {
                Some(labels) => labels,
                None => return,
            },
        };
        if labels.is_empty() {
            let name = &w.index.name;
            let error =
                Diagnostic::new(Code::E0212, format!("the index `{}` has no members", name.text), name.span, "")
                    .help(format!("list them: `index {} = first, second`", quoted(&name.text)));
            return self.report(error);
        }
        let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
        let mut kept = Vec::with_capacity(labels.len());
        for (name, span) in &labels {
            // What a file doubles has been reported with its line.
            match seen.get(name.as_str()) {
                Some(first) if first == span => {}
                Some(first) => {
                    let error = Diagnostic::new(
                        Code::E0212,
                        format!("`{name}` stands twice in `{}`", w.index.name.text),
                        *span,
                        "again here",
                    )
                    .label(*first, "first here")
                    .help("remove one of them");
                    self.diagnostics.push(error);
                }
                None => {
                    seen.insert(name, *span);
                    kept.push((name.clone(), *span));
                }
            }
        }
        for (i, (name, _)) in kept.iter().enumerate() {
            self.labels.entry(name.clone()).or_default().push((w.id, i as u32));
        }
        self.model.indexes[w.id.0 as usize].members = Members::Labels(kept);
    }

    /// `0 .. 99`
    fn numbers(&mut self, low: &'a ast::Expr, high: &'a ast::Expr) -> Members {
        let mut whole = |e: &ast::Expr| {
            let value = super::units::literal(e).filter(|v| v.is_integer()).and_then(|v| v.to_i64());
            if value.is_none() {
                let error = Diagnostic::new(
                    Code::E0212,
                    "an index of numbers goes from one whole number to another",
                    e.span,
                    "this is no whole number that is written out",
                )
                .help("for example `index Age = 0 .. 99`");
                self.report(error);
            }
            value
        };
        let (Some(first), Some(last)) = (whole(low), whole(high)) else { return Members::Unknown };
        let count = last.saturating_sub(first).saturating_add(1);
        if !(1..=MOST_MEMBERS).contains(&count) || first.unsigned_abs() > 1 << 52 {
            let (label, help) = if count < 1 {
                ("it ends before it starts".to_string(), "write the lower number first".to_string())
            } else {
                (format!("{count} members"), format!("{MOST_MEMBERS} members are the most"))
            };
            let error =
                Diagnostic::new(Code::E0212, "this is no index of numbers", low.span.to(high.span), label).help(help);
            self.report(error);
            return Members::Unknown;
        }
        Members::Numbers { first, count: count as u32 }
    }

    /// `index Insider in Category = team, seed`
    fn part(&mut self, w: Written<'a>, parent: Option<IndexId>) {
        let Some(name) = &w.index.parent else { return };
        let Some(parent) = parent else {
            return self.no_index(name);
        };
        self.model.indexes[parent.0 as usize].read = true;
        let root = self.model.index(parent).root;
        self.model.indexes[w.id.0 as usize].root = root;
        let whole = self.model.members(parent);
        if matches!(self.model.index(parent).members, Members::Unknown) {
            return;
        }
        let mut part = Vec::new();
        match &w.index.body {
            IndexBody::Labels(names) => {
                for label in names {
                    match self.label_in(parent, &label.text) {
                        Some(at) if part.contains(&at) => {
                            let error = Diagnostic::new(
                                Code::E0212,
                                format!("`{}` stands twice in `{}`", label.text, w.index.name.text),
                                label.span,
                                "again here",
                            )
                            .help("remove one of them");
                            self.report(error);
                        }
                        Some(at) => part.push(at),
                        None => self.no_label(parent, &label.text, label.span),
                    }
                }
            }
            IndexBody::Numbers(low, high) => {
                let Members::Numbers { first, count } = self.numbers(low, high) else { return };
                let start = self.model.first(root);
                for n in 0..i64::from(count) {
                    let at = first + n - start;
                    match u32::try_from(at).ok().filter(|at| whole.contains(at)) {
                        Some(at) => part.push(at),
                        None => {
                            let error = Diagnostic::new(
                                Code::E0212,
                                format!("{} is no member of `{}`", first + n, name.text),
                                low.span.to(high.span),
                                "a subset has only members of the whole",
                            )
                            .help("let it lie within the whole");
                            return self.report(error);
                        }
                    }
                }
            }
            IndexBody::File(..) | IndexBody::Table(..) => {
                let error = Diagnostic::new(
                    Code::E0212,
                    format!("the subset `{}` has a table of its own", w.index.name.text),
                    w.index.name.span,
                    "a subset names some members of another index",
                )
                .help(format!("list them: `index {} in {} = …`", w.index.name.text, name.text));
                return self.report(error);
            }
        }
        self.model.indexes[w.id.0 as usize].members = Members::Part(part);
    }

    /// What is no index where one is wanted.
    pub(super) fn no_index(&mut self, name: &ast::Name) {
        let entry = self.names.get(&name.text).map(|e| e.meaning);
        if entry == Some(Meaning::Unknown) || (entry.is_none() && self.incomplete.names) {
            return;
        }
        let (code, fact) = match entry {
            None => (Code::E0101, format!("there is no index `{}`", name.text)),
            Some(_) => (Code::E0212, format!("`{}` is no index", name.text)),
        };
        let known: Vec<String> = self.model.indexes.iter().map(|i| i.name.clone()).collect();
        let meant = did_you_mean(&name.text, known.iter().map(String::as_str));
        let error = Diagnostic::new(code, fact, name.span, "an index is wanted here");
        self.report(match meant {
            Some(meant) => error.help(format!("did you mean `{meant}`?")).fix(name.span, meant),
            None if entry.is_none() => {
                error.help(format!("declare it: `index {} = first, second`", quoted(&name.text)))
            }
            // The name is taken.
            None => error.help("an index has a name of its own: `index Group = first, second`"),
        });
        self.unknown(name);
    }

    /// The binder of a declaration or comprehension; its filter is resolved by [`Self::filter`], when its name is in scope.
    pub(super) fn binder(&mut self, binder: &'a ast::Binder) -> BinderId {
        if OWNED.contains(&binder.name.text.as_str()) {
            let error = Diagnostic::new(
                Code::E0104,
                format!("`{}` belongs to the language", binder.name.text),
                binder.name.span,
                "it cannot stand for a member",
            )
            .help("choose another name");
            self.report(error);
        }
        let index = self.index_named(&binder.index.text);
        if index.is_none() {
            self.no_index(&binder.index);
        }
        let index = index.unwrap_or_else(|| self.unknown_index());
        self.model.indexes[index.0 as usize].read = true;
        self.new_binder(&binder.name.text, index)
    }

    pub(super) fn new_binder(&mut self, name: &str, index: IndexId) -> BinderId {
        self.model.binders.push(Binder { name: name.into(), index, filter: None });
        BinderId(self.model.binders.len() as u32 - 1)
    }

    /// An index that could not be found: it has no members, and whoever reads it stays silent.
    fn unknown_index(&mut self) -> IndexId {
        let id = IndexId(self.model.indexes.len() as u32);
        let (name, span) = (String::new(), Span::default());
        self.model.indexes.push(Index { name, span, root: id, members: Members::Unknown, read: true });
        id
    }

    /// Resolves what follows `where`, with the binder and those before it in scope.
    pub(super) fn filter(&mut self, id: BinderId, filter: Option<&'a ast::Expr>) {
        let filter = filter.map(|e| self.expr(e));
        self.model.binders[id.0 as usize].filter = filter;
    }

    /// Second walk: the cells of an index's columns.
    pub(super) fn index_item(&mut self, index: &'a ast::Index, first: DeclId) {
        let columns = self.columns(index);
        let known = self.index_named(&index.name.text).filter(|id| self.model.index(*id).span == index.name.span);
        let types: Vec<Option<Annotation>> = columns.iter().map(|c| self.annotation(c.ty.as_ref())).collect();
        for (i, ty) in types.iter().enumerate() {
            let id = DeclId(first.0 + i as u32);
            self.model.decls[id.0 as usize].ty.clone_from(ty);
        }
        match &index.body {
            IndexBody::Table(_, rows) => {
                let mut cells: Vec<Vec<(u32, ExprId)>> = vec![Vec::new(); columns.len()];
                let mut wrong = false;
                for (label, row) in rows {
                    if row.len() != columns.len() {
                        wrong = true;
                        let error = Diagnostic::new(
                            Code::E0212,
                            format!(
                                "the row `{}` has {}, and the table has {}",
                                label.text,
                                count(row.len(), "cell"),
                                count(columns.len(), "column")
                            ),
                            label.span,
                            "",
                        )
                        .help("give each row a cell for each column: `label | cell | cell`");
                        self.report(error);
                    }
                    let position = known.and_then(|id| self.label_in(id, &label.text));
                    for (i, cell) in row.iter().enumerate().take(columns.len()) {
                        let value = self.expr_wanting(cell, types[i].as_ref());
                        if let Some(position) = position
                            && !cells[i].iter().any(|(p, _)| *p == position)
                        {
                            cells[i].push((position, value));
                        }
                    }
                }
                for (i, cells) in cells.into_iter().enumerate() {
                    let id = DeclId(first.0 + i as u32);
                    let Some(&at) = self.model.decl(id).axes.first() else { continue };
                    let span = columns[i].name.span;
                    let value = if wrong { ExprKind::Error } else { ExprKind::Cells { at, cells, otherwise: None } };
                    let value = self.add(value, span);
                    self.model.decls[id.0 as usize].kind = DeclKind::Column { value };
                }
            }
            IndexBody::File(file, _) => {
                for (i, column) in columns.iter().enumerate() {
                    let id = DeclId(first.0 + i as u32);
                    let Some(&at) = self.model.decl(id).axes.first() else { continue };
                    let Some(data) = self.column_of_file(file, &column.name, types[i].as_ref()) else { continue };
                    let value = self.add(ExprKind::Data(data, vec![at]), column.name.span);
                    self.model.decls[id.0 as usize].kind = DeclKind::Column { value };
                }
            }
            IndexBody::Numbers(..) | IndexBody::Labels(_) => {}
        }
    }

    /// How many declarations an index makes: its columns.
    pub(super) fn column_count(&self, index: &'a ast::Index) -> usize {
        self.columns(index).len()
    }
}

pub(super) fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("one {what}") } else { format!("{n} {what}s") }
}
