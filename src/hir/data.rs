//! From syntax to meaning: what files say.
//!
//! The tables have been read (see `data`); here their cells become members, numbers and labels. A cell that is wrong is a
//! [`Misfit`]: its place is a line of a file that may be too large to keep, so whoever can read the file again shows it.

use std::collections::BTreeMap;

use num_rational::BigRational;

use super::cell::Column;
use super::index::count;
use super::resolve::{Meaning, Resolver};
use super::{Annotation, AnnotationKind, BinderId, DataId, Expect, ExprId, IndexId, MOST_CELLS, Model};
use crate::data::{Decimal, Place, Table, named};
use crate::diag::{Code, Diagnostic, did_you_mean};
use crate::source::Span;
use crate::syntax::ast;
use crate::units::{Date, Unit, UnitId};

/// The tables that a model reads, each under the place of its path.
#[derive(Default)]
pub struct Tables {
    /// The tables.
    pub tables: Vec<Table>,
    /// Which table a path means; one that could not be read is absent, and has been reported.
    pub by_path: BTreeMap<Span, usize>,
    /// The columns that the header of an index's file names, with their types.
    pub headers: BTreeMap<Span, Vec<ast::Column>>,
    /// Columns whose type could not be read, which has been reported.
    pub broken: Vec<ast::Name>,
}

impl Tables {
    fn table(&self, path: Span) -> Option<&Table> {
        self.by_path.get(&path).map(|i| &self.tables[*i])
    }

    pub(super) fn columns(&self, path: Span) -> &[ast::Column] {
        self.headers.get(&path).map_or(&[], Vec::as_slice)
    }
}

/// Something wrong in a file: the diagnostic, whose place is still to be filled in.
pub struct Misfit {
    /// The file.
    pub path: String,
    /// Where in it.
    pub place: Place,
    /// What is wrong.
    pub diagnostic: Diagnostic,
}

/// Whether the unit that a header gives, and what that means where it is one name, is the one that is wanted.
pub(crate) fn header_says(model: &Model, written: &str, meaning: Option<UnitId>, wanted: &Unit) -> bool {
    let units = &model.units;
    let bare = |s: &str| s.chars().filter(|c| !c.is_whitespace()).collect::<String>();
    let same = |unit: &Unit| units.dim(unit) == units.dim(wanted) && units.scale(unit) == units.scale(wanted);
    bare(written) == bare(&units.name(wanted)) || meaning.is_some_and(|id| same(&Unit::of(id)))
}

impl<'a> Resolver<'a> {
    /// The members that the first column of a file names.
    pub(super) fn labels_of_file(&mut self, file: &'a ast::Text) -> Option<Vec<(String, Span)>> {
        let tables = self.tables;
        let table = tables.table(file.span)?;
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        let mut labels = Vec::with_capacity(table.rows());
        for row in 0..table.rows() {
            let name = table.cell(row, 0);
            let place = table.place(Some(row), Some(0));
            if name.is_empty() {
                let (fact, help) = ("this row names no member", "write a label in the first column");
                self.misfit(table, place, Code::E1004, fact.into(), String::new(), help.into());
                return None;
            }
            if let Some(first) = seen.insert(name, row) {
                let line = table.place(Some(first), None).line;
                self.misfit(
                    table,
                    place,
                    Code::E1004,
                    format!("`{name}` stands twice in this table"),
                    format!("it has stood in line {line} already"),
                    "remove one of the rows, or give it another name".into(),
                );
                return None;
            }
            labels.push((name.to_string(), file.span));
        }
        Some(labels)
    }

    /// A column of an index's file.
    pub(super) fn column_of_file(
        &mut self,
        file: &'a ast::Text,
        name: &ast::Name,
        ty: Option<&Annotation>,
    ) -> Option<DataId> {
        let tables = self.tables;
        let table = tables.table(file.span)?;
        let column = self.find_column(table, file.span, &name.text, name.span, true)?;
        // Where the header is the only one to give a type, that is this one.
        if !self.header_agrees(table, column, ty) {
            return None;
        }
        let mut cells = Column::new(ty);
        for row in 0..table.rows() {
            self.cell(&mut cells, table, row, column, ty);
        }
        self.column(cells, table, &name.text)
    }

    /// The number of a column that is named in the model.
    fn find_column(&mut self, table: &Table, file: Span, name: &str, span: Span, declares: bool) -> Option<usize> {
        let found = table.find(name);
        if found.is_none() {
            let header: Vec<&str> = table.header().iter().map(|h| named(h).0).collect();
            let error = Diagnostic::new(
                Code::E1002,
                format!("`{}` has no column `{name}`", table.path),
                span,
                if span == file {
                    "each member has a column of its name"
                } else {
                    "nothing in its first line has this name"
                },
            );
            let error = match did_you_mean(name, header.iter().copied()) {
                // What is misspelt stands in the file.
                Some(meant) if span == file => error.help(format!("is `{meant}` in its first line to be `{name}`?")),
                // An index declares its columns: what reads them would have to follow.
                Some(meant) if declares => error.help(format!("did you mean `{meant}`?")),
                Some(meant) => error.help(format!("did you mean `{meant}`?")).fix(span, meant),
                None => error.help(format!("its columns are {}", header.join(", "))),
            };
            let error = if span == file { error } else { error.label(file, "the file") };
            self.report(error);
        }
        found
    }

    /// An array of parameters: a matrix with the members of the second index in its header, or a row for each value.
    pub(super) fn param_of_file(
        &mut self,
        file: &'a ast::Text,
        name: &ast::Name,
        axes: &[BinderId],
        ty: Option<&Annotation>,
        filtered: bool,
    ) -> Option<DataId> {
        let tables = self.tables;
        let table = tables.table(file.span)?;
        let indexes: Vec<IndexId> = axes.iter().map(|b| self.model.binder(*b).index).collect();
        if indexes.iter().any(|i| matches!(self.model.index(*i).members, super::Members::Unknown)) {
            return None;
        }
        let members: Vec<Vec<u32>> = indexes.iter().map(|i| self.model.members(*i)).collect();
        let header = table.header();
        let matrix = indexes.len() == 2 && header.len() > 1 && {
            let known = header[1..].iter().filter(|h| self.member_of(indexes[1], h).is_some()).count();
            // Of two columns one may be misspelt: then no label stands below the first.
            known * 2 > header.len() - 1 || known > 0 && self.member_of(indexes[1], table.cell(0, 1)).is_none()
        };
        if !matrix && header.len() != indexes.len() + 1 {
            let wanted = indexes.iter().map(|i| self.model.index(*i).name.as_str()).collect::<Vec<_>>().join(", ");
            let error = Diagnostic::new(
                Code::E1001,
                format!(
                    "`{}` has {}, and `{}` wants {}",
                    table.path,
                    count(header.len(), "column"),
                    name.text,
                    indexes.len() + 1
                ),
                file.span,
                format!("its columns are {}", header.join(", ")),
            )
            .help(if indexes.len() == 2 {
                format!(
                    "a row for each value ({wanted}, value), or a column for each member of `{}`",
                    self.model.index(indexes[1]).name
                )
            } else {
                format!("a row for each value: {wanted}, value")
            });
            self.report(error);
            return None;
        }
        // Where each cell of the table belongs, in the order of the members.
        let position: Vec<BTreeMap<u32, usize>> =
            members.iter().map(|m| m.iter().enumerate().map(|(i, p)| (*p, i)).collect()).collect();
        let size = members.iter().fold(1, |size: usize, m| size.saturating_mul(m.len()));
        // Said with the array's shape.
        if size > MOST_CELLS {
            return None;
        }
        let mut rows: Vec<Option<(usize, usize)>> = vec![None; size];
        let keys = if matrix { 1 } else { indexes.len() };
        let mut across = vec![0; header.len()];
        if matrix {
            for (column, name) in header.iter().enumerate().skip(1) {
                let Some(at) = self.member_of(indexes[1], name) else {
                    self.no_member(table, table.place(None, Some(column)), indexes[1], name);
                    return None;
                };
                across[column] = position[1].get(&at).copied().unwrap_or(0);
            }
        }
        for row in 0..table.rows() {
            let mut flat = 0;
            for key in 0..keys {
                let text = table.cell(row, key);
                let Some(at) = self.member_of(indexes[key], text) else {
                    self.no_member(table, table.place(Some(row), Some(key)), indexes[key], text);
                    return None;
                };
                flat = flat * members[key].len() + position[key].get(&at).copied().unwrap_or(0);
            }
            let columns = if matrix { 1..header.len() } else { keys..keys + 1 };
            for column in columns {
                let flat = if matrix { flat * members[1].len() + across[column] } else { flat };
                if let Some((first, _)) = rows[flat].replace((row, column)) {
                    let line = table.place(Some(first), None).line;
                    let what = if matrix {
                        format!("`{}`", table.cell(row, 0))
                    } else {
                        self.tuple_name(&indexes, &members, flat)
                    };
                    self.misfit(
                        table,
                        table.place(Some(row), matrix.then_some(0)),
                        Code::E1004,
                        format!("{what} stands twice in this table"),
                        format!("it has stood in line {line} already"),
                        "remove one of the rows".into(),
                    );
                    return None;
                }
            }
        }
        if let Some(missing) = rows.iter().position(Option::is_none).filter(|_| !filtered) {
            // Which members a `where` leaves is known only later.
            let what = self.tuple_name(&indexes, &members, missing);
            let more = rows.iter().filter(|r| r.is_none()).count() - 1;
            let label =
                if more == 0 { String::new() } else { format!("and nothing of {}", count(more, "other member")) };
            let error =
                Diagnostic::new(Code::E1004, format!("`{}` says nothing of {what}", table.path), file.span, label)
                    .help("give each member its value");
            self.report(error);
            return None;
        }
        let mut cells = Column::new(ty);
        let gaps: Vec<usize> = (0..size).filter(|at| rows[*at].is_none()).collect();
        for cell in rows {
            match cell {
                Some((row, column)) => self.cell(&mut cells, table, row, column, ty),
                None => cells.skip(),
            }
        }
        if (keys..header.len()).any(|column| !self.header_agrees(table, column, ty)) {
            return None;
        }
        let data = self.column(cells, table, &name.text)?;
        if !gaps.is_empty() {
            self.model.gaps.push((data, gaps));
        }
        Some(data)
    }

    /// Whether the unit that a header gives in brackets, if it gives one, is the one that is declared.
    fn header_agrees(&mut self, table: &Table, column: usize, ty: Option<&Annotation>) -> bool {
        let (_, Some(written)) = named(&table.header()[column]) else { return true };
        if let Some(AnnotationKind::Label(_) | AnnotationKind::Bool | AnnotationKind::Unknown) = ty.map(|a| &a.kind) {
            return true;
        }
        let wanted = match ty.map(|a| &a.kind) {
            Some(AnnotationKind::Unit(unit)) => unit.clone(),
            _ => Unit::one(),
        };
        if header_says(&self.model, written, self.unit_of_header(written), &wanted) {
            return true;
        }
        let name = self.model.units.name(&wanted);
        self.misfit(
            table,
            table.place(None, Some(column)),
            Code::E1002,
            format!("this column is in {written}, and {name} is declared"),
            String::new(),
            format!("declare it in {written}, or write the column in {name}"),
        );
        false
    }

    /// The unit that has this name.
    fn unit_of_header(&self, written: &str) -> Option<UnitId> {
        match self.names.get(written)?.meaning {
            Meaning::Unit(id) => Some(id),
            _ => None,
        }
    }

    fn tuple_name(&self, indexes: &[IndexId], members: &[Vec<u32>], flat: usize) -> String {
        let (mut names, mut rest) = (Vec::new(), flat);
        for (index, members) in indexes.iter().zip(members).rev() {
            names.push(self.model.member_name(*index, members[rest % members.len()]));
            rest /= members.len();
        }
        names.reverse();
        format!("`{}`", names.join(", "))
    }

    fn member_of(&self, index: IndexId, text: &str) -> Option<u32> {
        if !self.model.is_numeric(index) {
            return self.label_in(index, text);
        }
        let n: i64 = text.parse().ok()?;
        let at = u32::try_from(n.checked_sub(self.model.first(index))?).ok()?;
        match &self.model.index(index).members {
            super::Members::Numbers { count, .. } => (at < *count).then_some(at),
            super::Members::Part(part) => part.contains(&at).then_some(at),
            _ => None,
        }
    }

    fn no_member(&mut self, table: &Table, place: Place, index: IndexId, text: &str) {
        let of = self.model.index(index).name.clone();
        let known: Vec<String> =
            self.model.members(index).iter().take(1000).map(|m| self.model.member_name(index, *m)).collect();
        let help = match did_you_mean(text, known.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("its members are {}", known.iter().take(8).cloned().collect::<Vec<_>>().join(", ")),
        };
        let shown = if text.is_empty() { "an empty cell".to_string() } else { format!("`{text}`") };
        self.misfit(table, place, Code::E1004, format!("{shown} is no member of `{of}`"), String::new(), help);
    }

    /// The rows of a series: times in the clock's unit, and a column of values for each member.
    pub(super) fn series_of_file(
        &mut self,
        file: &'a ast::Text,
        time: Option<&'a ast::Name>,
        column: Option<&'a ast::Name>,
        by_run: bool,
        axes: &[BinderId],
        ty: Option<&Annotation>,
    ) -> Option<(Vec<BigRational>, Vec<DataId>)> {
        let tables = self.tables;
        let table = tables.table(file.span)?;
        let (clock, columns) = if by_run {
            self.columns_by_run(table, file, time, column, axes)?
        } else {
            self.columns_in_time(table, file, time, column, axes)?
        };
        let times = self.times(table, clock)?;
        let mut data = Vec::new();
        for (column, name) in columns {
            data.push(self.values(table, column, &name, ty)?);
        }
        Some((times, data))
    }

    /// A column as a sample, and the unit that its header gives where the declaration gives none.
    pub(super) fn sample_of_file(
        &mut self,
        file: Span,
        column: Option<(&str, Span)>,
        ty: Option<&Annotation>,
    ) -> (Option<Unit>, Option<DataId>) {
        let tables = self.tables;
        let Some(table) = tables.table(file) else { return (None, None) };
        let column = match column {
            Some((name, span)) => self.find_column(table, file, name, span, false),
            None if table.header().len() == 1 => Some(0),
            None => {
                let error = Diagnostic::new(
                    Code::E1002,
                    format!("`{}` has {}: which one?", table.path, count(table.header().len(), "column")),
                    file,
                    format!("its columns are {}", table.header().join(", ")),
                )
                .help(format!(
                    "name it: `empirical(\"{}\", {})`",
                    table.path,
                    named(&table.header()[0]).0
                ));
                self.report(error);
                None
            }
        };
        let Some(column) = column else { return (None, None) };
        let (name, written) = named(&table.header()[column]);
        let unit = written.filter(|_| ty.is_none()).and_then(|w| self.unit_of_header(w)).map(Unit::of);
        let said = unit.clone().map(|unit| Annotation { kind: AnnotationKind::Unit(unit), span: file });
        let name = name.to_string();
        let data = self.values(table, column, &name, ty.or(said.as_ref()));
        (unit, data)
    }

    /// What a file says of a value at some times. The unit of its numbers is that of the value, which is not known yet.
    pub(super) fn expect_of_file(
        &mut self,
        (value, within): (ExprId, ExprId),
        file: &'a ast::Text,
        time: Option<&'a ast::Name>,
        column: Option<&'a ast::Name>,
        shifted: u64,
    ) -> Option<Expect> {
        let tables = self.tables;
        let table = tables.table(file.span)?;
        let (clock, columns) = self.columns_in_time(table, file, time, column, &[])?;
        let (column, name) = columns.first()?;
        let times = self.times(table, clock)?;
        let open = Annotation { kind: AnnotationKind::Unknown, span: file.span };
        let values = self.values(table, *column, name, Some(&open))?;
        let unit = named(&table.header()[*column]).1;
        let unit = unit.map(|written| (written.to_string(), self.unit_of_header(written)));
        let header = table.place(None, Some(*column));
        let places = (0..table.rows()).map(|row| table.place(Some(row), Some(clock))).collect();
        Some(Expect { value, within, path: table.path.clone(), unit, header, times, places, values, shifted })
    }

    /// The column of times, and those behind it: the first is that of run 1.
    fn columns_by_run(
        &mut self,
        table: &Table,
        file: &'a ast::Text,
        time: Option<&'a ast::Name>,
        column: Option<&'a ast::Name>,
        axes: &[BinderId],
    ) -> Option<(usize, Vec<(usize, String)>)> {
        let twice = column
            .map(|c| (c.span, "one column is that of each run"))
            .or_else(|| (!axes.is_empty()).then_some((file.span, "the columns are those of runs, and not of members")));
        if let Some((span, label)) = twice {
            let error = Diagnostic::new(Code::E0207, "a series `by run` has a column for each run", span, label)
                .help("leave out one of the two: what it is over, or `by run`");
            self.report(error);
            return None;
        }
        let clock = match time {
            Some(name) => self.find_column(table, file.span, &name.text, name.span, false)?,
            None => 0,
        };
        if !self.clock_agrees(table, file, clock) {
            return None;
        }
        let runs: Vec<(usize, String)> =
            table.header().iter().enumerate().skip(clock + 1).map(|(i, name)| (i, name.clone())).collect();
        if runs.is_empty() {
            let fact = format!("`{}` has no column for a run", table.path);
            let error =
                Diagnostic::new(Code::E1002, fact, file.span, "behind the times stand the values of run 1, run 2 …")
                    .help("give it a column for each run");
            self.report(error);
            return None;
        }
        Some((clock, runs))
    }

    /// Whether the column of times counts in the clock's unit.
    fn clock_agrees(&mut self, table: &Table, file: &ast::Text, column: usize) -> bool {
        let Some(unit) = self.model.clock.as_ref().map(|c| c.unit) else { return true };
        let kind = AnnotationKind::Unit(Unit::of(unit));
        self.header_agrees(table, column, Some(&Annotation { kind, span: file.span }))
    }

    /// The column of times, and those of values with their names: one, or one for each member.
    fn columns_in_time(
        &mut self,
        table: &Table,
        file: &'a ast::Text,
        time: Option<&'a ast::Name>,
        column: Option<&'a ast::Name>,
        axes: &[BinderId],
    ) -> Option<(usize, Vec<(usize, String)>)> {
        let unknown =
            |b: &BinderId| matches!(self.model.index(self.model.binder(*b).index).members, super::Members::Unknown);
        if axes.iter().any(unknown) {
            return None;
        }
        let clock = match time {
            Some(name) => self.find_column(table, file.span, &name.text, name.span, false)?,
            None => 0,
        };
        let mut columns = Vec::new();
        if let [axis] = axes {
            let index = self.model.binder(*axis).index;
            for member in self.model.members(index) {
                let name = self.model.member_name(index, member);
                columns.push((self.find_column(table, file.span, &name, file.span, false)?, name));
            }
        } else if let Some(name) = column {
            columns.push((self.find_column(table, file.span, &name.text, name.span, false)?, name.text.clone()));
        } else if table.header().len() == 2 {
            let other = 1 - clock.min(1);
            columns.push((other, table.header()[other].clone()));
        } else {
            let error = Diagnostic::new(
                Code::E1002,
                format!("`{}` has {}: which one?", table.path, count(table.header().len(), "column")),
                file.span,
                format!("its columns are {}", table.header().join(", ")),
            )
            .help(format!("name it: `column {}`", table.header().last().map_or("name", String::as_str)));
            self.report(error);
            return None;
        }
        self.clock_agrees(table, file, clock).then_some((clock, columns))
    }

    /// The values of a column, from its first row to its last.
    fn values(&mut self, table: &Table, column: usize, name: &str, ty: Option<&Annotation>) -> Option<DataId> {
        if !self.header_agrees(table, column, ty) {
            return None;
        }
        let mut cells = Column::new(ty);
        for row in 0..table.rows() {
            self.cell(&mut cells, table, row, column, ty);
        }
        self.column(cells, table, name)
    }

    fn times(&mut self, table: &Table, column: usize) -> Option<Vec<BigRational>> {
        let mut times: Vec<BigRational> = Vec::with_capacity(table.rows());
        for row in 0..table.rows() {
            let text = table.cell(row, column);
            let place = table.place(Some(row), Some(column));
            let time = match (Date::parse(text), Decimal::parse(text)) {
                (Some(date), _) => match self.date_value(date) {
                    Ok(time) => time,
                    Err(why) => {
                        let (fact, help) = why.unwrap_or_default();
                        if !fact.is_empty() {
                            self.misfit(table, place, Code::E0508, fact, "a date".into(), help);
                        }
                        return None;
                    }
                },
                (None, Some(number)) => number.to_rational(),
                (None, None) if text.len() == 10 && text.matches('-').count() == 2 => {
                    let help = "a date is written 2021-08-04: year, month, day".to_string();
                    let fact = format!("`{text}` is not a date");
                    self.misfit(table, place, Code::E0009, fact, "no calendar has this day".into(), help);
                    return None;
                }
                (None, None) => {
                    let shown = if text.is_empty() { "an empty cell".to_string() } else { format!("`{text}`") };
                    let help = "write a number in the clock's unit, or a date as 2021-08-04".to_string();
                    self.misfit(table, place, Code::E1003, format!("{shown} is no time"), String::new(), help);
                    return None;
                }
            };
            if times.last().is_some_and(|last| *last >= time) {
                let before = table.cell(row - 1, column).to_string();
                let fact = if times.last() == Some(&time) { "the same time twice" } else { "time runs backward" };
                self.misfit(
                    table,
                    place,
                    Code::E1005,
                    format!("{fact}: {text} after {before}"),
                    String::new(),
                    "sort the rows by time, one row for each".into(),
                );
                return None;
            }
            times.push(time);
        }
        Some(times)
    }
}
