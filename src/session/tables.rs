//! Reads the tables that a model names, and shows places in them.
//!
//! In: the syntax trees and a [`crate::source::Loader`]. Out: [`hir::Tables`]. A file is read once, whatever names it, and
//! only the columns that somebody wants are kept. A place in it is shown by reading it again up to there, so that a
//! message costs nothing while nothing is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use sha2::Digest;

use super::{Reader, within};
use crate::data::{self, Misread, Place, Problem};
use crate::diag::{Code, Diagnostic};
use crate::hir;
use crate::source::{LoadError, Span};
use crate::syntax::ast::{self, Decl, IndexBody};
use crate::syntax::parse;

/// Who wants what of a file.
#[derive(Default)]
struct Wanted {
    /// The places of the paths that mean it.
    paths: Vec<Span>,
    /// Those of indexes whose columns its header names.
    headers: Vec<Span>,
    /// An index has its members from it: where it cannot be read, nobody knows their names.
    members: bool,
    /// The columns that are wanted, or all.
    columns: Option<BTreeSet<String>>,
}

/// The file of an `empirical` distribution, and its columns that are wanted.
fn sampled(dist: &ast::Dist) -> Option<(ast::Text, Option<BTreeSet<String>>)> {
    let text = |arg: &ast::Arg| match &arg.value.kind {
        ast::ExprKind::Text(text) => Some(ast::Text { text: text.clone(), span: arg.value.span }),
        _ => None,
    };
    if dist.name.text != "empirical" {
        return None;
    }
    let file = text(dist.args.first()?)?;
    let column = dist.args.get(1).and_then(|arg| match &arg.value.kind {
        ast::ExprKind::Name(name) => Some(BTreeSet::from([name.clone()])),
        _ => None,
    });
    Some((file, column))
}

/// Feeds what is read into the model's hash.
struct Hashed<'a> {
    inner: Box<dyn Read>,
    hash: &'a mut sha2::Sha256,
}

impl Read for Hashed<'_> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(to)?;
        self.hash.update(&to[..n]);
        Ok(n)
    }
}

impl Reader<'_> {
    /// Reads all tables that the model names.
    pub(super) fn tables(&mut self) -> hir::Tables {
        let mut tables = hir::Tables::default();
        for (path, wanted) in self.wanted() {
            let first = wanted.paths[0];
            let table = match self.loader.open(&path) {
                Ok(inner) => {
                    let mut input = Hashed { inner, hash: &mut self.hash };
                    data::read(&path, &mut input, wanted.columns.as_ref())
                }
                Err(error) => {
                    let (fact, help) = match error {
                        LoadError::Missing => {
                            (format!("there is no file `{path}`"), "paths are relative to the file that names them")
                        }
                        LoadError::Unreadable(why) => (format!("`{path}` cannot be read: {why}"), "check the file"),
                    };
                    self.diagnostics.push(Diagnostic::new(Code::E0105, fact, first, "").help(help));
                    self.incomplete.names |= wanted.members;
                    continue;
                }
            };
            match table {
                Ok(table) => {
                    for span in &wanted.headers {
                        let columns = self.header(&path, &table, &mut tables.broken);
                        tables.headers.insert(*span, columns);
                    }
                    wanted.paths.iter().for_each(|span| {
                        tables.by_path.insert(*span, tables.tables.len());
                    });
                    tables.tables.push(table);
                }
                Err(misread) => {
                    let error = self.misread(&path, misread, first);
                    self.diagnostics.push(error);
                    self.incomplete.names |= wanted.members;
                }
            }
        }
        tables
    }

    /// Every file that a declaration reads, under its path in the model's folder.
    fn wanted(&mut self) -> BTreeMap<String, Wanted> {
        let mut all: BTreeMap<String, Wanted> = BTreeMap::new();
        let mut outside = Vec::new();
        for (parsed, _, by) in &self.parsed {
            // Of what stands in a phase only a draw may read a file.
            let phases = parsed.file.items.iter().flat_map(|item| match &item.decl {
                Decl::Phase { items, .. } => &items[..],
                _ => &[],
            });
            let draws = phases.filter(|item| matches!(item.decl, Decl::Draw { .. }));
            for item in parsed.file.items.iter().chain(draws) {
                let sample;
                let (file, columns) = match &item.decl {
                    Decl::Index(ast::Index { body: IndexBody::File(file, columns), .. }) => {
                        let names = columns.iter().map(|c| c.name.text.clone()).collect();
                        (file, if columns.is_empty() { None } else { Some(names) })
                    }
                    Decl::Param { from: Some(file), .. } => (file, None),
                    Decl::Series { head, from, column: Some(column), time, by_run: false, .. }
                        if head.binders.is_empty() =>
                    {
                        let names = [Some(column), time.as_ref()].into_iter().flatten().map(|n| n.text.clone());
                        (from, Some(names.collect()))
                    }
                    Decl::Series { from, .. } => (from, None),
                    Decl::Expect { file, column: Some(column), time, .. } => {
                        let names = [Some(column), time.as_ref()].into_iter().flatten().map(|n| n.text.clone());
                        (file, Some(names.collect()))
                    }
                    Decl::Expect { file, .. } => (file, None),
                    Decl::Draw { dist, .. } | Decl::Param { dist: Some(dist), .. } => match sampled(dist) {
                        Some((file, columns)) => {
                            sample = file;
                            (&sample, columns)
                        }
                        None => continue,
                    },
                    _ => continue,
                };
                let Some(path) = within(by, &file.text).filter(|p| !p.is_empty()) else {
                    outside.push((file.text.clone(), file.span, matches!(&item.decl, Decl::Index(_))));
                    continue;
                };
                let first = !all.contains_key(&path);
                let wanted = all.entry(path).or_default();
                wanted.paths.push(file.span);
                if matches!(&item.decl, Decl::Index(_)) {
                    wanted.members = true;
                    if columns.is_none() {
                        wanted.headers.push(file.span);
                    }
                }
                wanted.columns = match (wanted.columns.take(), columns) {
                    (Some(before), Some(more)) => Some(before.into_iter().chain(more).collect()),
                    (None, Some(columns)) if first => Some(columns),
                    _ => None,
                };
            }
        }
        for (path, span, members) in outside {
            self.incomplete.names |= members;
            let error = if path.is_empty() {
                Diagnostic::new(Code::E0105, "this names no file", span, "")
                    .help("for example `from \"data/prices.csv\"`")
            } else {
                Diagnostic::new(
                    Code::E0105,
                    format!("`{path}` lies outside the model's folder"),
                    span,
                    "a model reads only files in its own folder and below",
                )
                .help("move the file there; parts of a path are separated by `/`")
            };
            self.diagnostics.push(error);
        }
        all
    }

    /// The columns that a header names, each with the type between brackets: `amount [TKN]`. Those without are broken.
    fn header(&mut self, path: &str, table: &data::Table, broken: &mut Vec<ast::Name>) -> Vec<ast::Column> {
        let mut columns = Vec::new();
        for (i, written) in table.header().iter().enumerate().skip(1) {
            // A text of its own, so that what is wrong with a type can be shown.
            let place = table.place(None, Some(i));
            let Some(span) = self.place(path, place) else { continue };
            let (name, ty) = data::named(written);
            let name = ast::Name { text: name.into(), span };
            let Some(ty) = ty else {
                let error = Diagnostic::new(
                    Code::E1002,
                    format!("nothing says what the column `{written}` holds"),
                    span,
                    "a column has a type",
                )
                .help(format!(
                    "write it here, `{written} [TKN]`, or in the model: `from \"{path}\" {{ {written}: TKN }}`"
                ));
                self.diagnostics.push(error);
                broken.push(name);
                continue;
            };
            let field = self.sources.text(span);
            let at = field.find('[').map_or(0, |open| open + 1);
            let at = at + field[at..].find(ty).unwrap_or(0);
            match parse::parse_type(ty, span.start + at as u32) {
                Ok(ty) => columns.push(ast::Column { name, ty: Some(ty) }),
                Err(error) => {
                    self.diagnostics.push(error);
                    broken.push(name);
                }
            }
        }
        columns
    }

    /// A place in a file as a span, for which its line becomes a text of its own.
    fn place(&mut self, path: &str, place: Place) -> Option<Span> {
        let excerpt = self.loader.open(path).ok().and_then(|mut input| data::excerpt(&mut *input, place))?;
        let id = self.sources.excerpt(path, excerpt.text, excerpt.first_line)?;
        let (base, field) = (self.sources.base(id), excerpt.field);
        Some(Span::new(base + field.start as u32, base + field.end as u32))
    }

    /// A diagnostic whose place is a line of a file.
    pub(super) fn shown(&mut self, mut diagnostic: Diagnostic, path: &str, place: Place) -> Diagnostic {
        if let Some(span) = self.place(path, place) {
            diagnostic.primary.span = span;
        }
        diagnostic
    }

    fn misread(&mut self, path: &str, misread: Misread, named: Span) -> Diagnostic {
        let count = |n: usize| if n == 1 { "one field".to_string() } else { format!("{n} fields") };
        let (fact, help): (String, String) = match misread.problem {
            Problem::Unreadable(why) => (format!("`{path}` cannot be read: {why}"), "check the file".into()),
            Problem::NotUtf8 => (
                "this line has a byte that no character has".into(),
                "save the file as UTF-8: in a spreadsheet, \"CSV UTF-8\"".into(),
            ),
            Problem::Empty => (format!("`{path}` is empty"), "its first line names the columns".into()),
            Problem::NoRows => {
                (format!("`{path}` has no rows"), "below the names of the columns stand the values".into())
            }
            Problem::Separator(c) => {
                let name = if c == '\t' { "tabs".to_string() } else { format!("`{c}`") };
                (
                    "the columns are not separated by commas".into(),
                    format!("they are separated by {name}: save the file with commas"),
                )
            }
            Problem::Ragged { wanted, found } => (
                format!("this row has {}, and the header has {wanted}", count(found)),
                if found > wanted {
                    "a field that holds a comma stands between quotes: `\"1,000\"`".into()
                } else {
                    "give it every field; what is empty needs its comma, too".into()
                },
            ),
            Problem::DoubledColumn(name) => {
                (format!("two columns are called `{name}`"), "give each its own name".into())
            }
            Problem::UnnamedColumn => {
                ("this column has no name".into(), "name it in the first line, or remove it".into())
            }
            Problem::OpenQuote => (
                "this quote is never closed".into(),
                "close it, or write it twice if it is part of the text: `\"\"`".into(),
            ),
            Problem::LongRecord => {
                ("this row is longer than 1 MiB".into(), "a quote before it may never be closed".into())
            }
            Problem::TooLarge => (
                format!("`{path}` has more cells than can be kept"),
                "keep fewer columns: name those that are wanted".into(),
            ),
        };
        let error = Diagnostic::new(Code::E1001, fact, named, "here").help(help);
        let shown = self.shown(error, path, misread.place);
        if shown.primary.span == named { shown } else { shown.label(named, "read here") }
    }
}
