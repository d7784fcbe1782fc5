//! What members had, row by row, as a file.
//!
//! In: the rolls of runs. Out: [`Members`], named and in the units of the model, and a file of them, CSV or JSON. Invariant: one file holds all entities; a column is called as the model calls it from outside, `Product.price`, and
//! is empty where the row is of another entity. Absent on purpose: which members are told, which the run has settled.

use std::io::{self, Write};

use serde_json::Value;

use super::study::{Field, Form, Head, Named, Sheet, five, head, labelled, named, told_apart};
use super::{Labels, Results};
use crate::exec::{Outcome, Roll};
use crate::ir;
use crate::session::Checked;

/// The members of an entity in the rows of a run that were kept, those that were asked for.
#[derive(Clone, Debug)]
pub struct Members {
    /// The entity's name.
    pub entity: String,
    /// Traits, stocks, states, lets, draws, flows, transfers.
    pub columns: Vec<Attribute>,
    /// Row after row, each in order of number.
    pub entries: Vec<Entry>,
    /// Of each entry a value for each column, in its unit; of a label its place among the labels.
    pub values: Vec<f64>,
}

/// Something that members have.
#[derive(Clone, Debug)]
pub struct Attribute {
    /// Its name, `Product.price`; of an array with the label, `Product.price[a]`.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// What its values are called, if they are labels.
    pub labels: Labels,
    /// Its doc.
    pub doc: String,
}

/// A member in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The place of the row among those that were kept.
    pub row: usize,
    /// The number of the member.
    pub number: u32,
    /// The step at whose start it is first seen.
    pub born: u64,
    /// The first step without it; none, if it lives at the end.
    pub retired: Option<u64>,
}

/// Names the rolls of a run, and brings them to the units of the model. Nothing, where members were not asked for; of a run
/// that was not made the columns alone.
pub(super) fn members(checked: &Checked, model: &ir::Model, outcome: &Outcome) -> Vec<Members> {
    let none = Roll::default();
    let of = |(i, roll): (usize, &ir::Roll)| {
        let called = outcome.rolls.get(i).unwrap_or(&none);
        let names: Vec<Named> = roll.columns.iter().map(|c| named(checked, c.origin)).collect();
        let shown = |(i, v): (usize, &f64)| match &names[i % names.len()] {
            column if column.labels.is_some() => *v,
            column => column.shown.of(*v),
        };
        let entry = |(row, number): (&u32, &u32)| {
            let (born, retired) = called.lives.get(*number as usize).copied().unwrap_or_default();
            Entry { row: *row as usize, number: *number, born, retired }
        };
        let values = called.values.iter().enumerate().map(shown).collect();
        let entries = called.rows.iter().zip(&called.numbers).map(entry).collect();
        let attribute = |n: Named| Attribute { name: n.name, unit: n.unit, labels: n.labels, doc: n.doc };
        let entity = checked.model.decl(model.populations[roll.population.0 as usize].decl).name.clone();
        Members { entity, values, entries, columns: names.into_iter().map(attribute).collect() }
    };
    model.rolls.iter().enumerate().map(of).collect()
}

/// A file of members that is being written: cadCAD's five columns, time, what says of which run of an experiment it is, then
/// entity, number, born, retired, and what members have.
pub(super) struct Register<'a> {
    sheet: Sheet<'a>,
    dates: bool,
}

/// Where a row stands: step, substep, time, date.
pub(super) type Moment = (u64, usize, f64, Option<String>);

impl<'a> Register<'a> {
    /// Before the first run. `key` are the columns that say of which design point and arm a row is. Errors: those of `out`.
    pub(super) fn start(
        all: &[Members],
        (clock, dates): (&str, bool),
        key: &[Head],
        manifest: Value,
        (form, out): (Form, &'a mut dyn Write),
    ) -> io::Result<Self> {
        let mut heads = five();
        heads.push(head("time", clock, "The time"));
        heads.extend(dates.then(|| head("date", "", "The date")));
        heads.extend(key.iter().cloned());
        heads.push(head("entity", "", "Whose member it is"));
        heads.push(head("number", "1", "Its number, which lasts"));
        heads.push(head("born", "1", "The step in which it is first seen"));
        heads.push(head("retired", "1", "The first step without it"));
        let columns = all.iter().flat_map(|m| &m.columns);
        heads.extend(columns.map(|c| head(&c.name, &c.unit, &c.doc)));
        told_apart(&mut heads);
        Ok(Register { sheet: Sheet::start(form, out, &[("manifest", manifest)], &heads)?, dates })
    }

    /// The members of a run: of which arm, point (both from 0) and run, and what `key` says of it. In each row the entities in
    /// order of declaration. Errors: those of the file.
    pub(super) fn run(
        &mut self,
        (arm, point, run): (usize, usize, u32),
        key: &[Field],
        moments: &[Moment],
        all: &[Members],
    ) -> io::Result<()> {
        let width: usize = all.iter().map(|m| m.columns.len()).sum();
        let mut next = vec![0; all.len()];
        for (i, (step, substep, time, date)) in moments.iter().enumerate() {
            let mut before = 0;
            for (members, next) in all.iter().zip(&mut next) {
                let columns = &members.columns;
                while let Some(entry) = members.entries.get(*next).filter(|e| e.row == i) {
                    let values = &members.values[*next * columns.len()..(*next + 1) * columns.len()];
                    *next += 1;
                    let mut row = vec![
                        Field::Whole(arm as u64),
                        Field::Whole(point as u64),
                        Field::Whole(run.into()),
                        Field::Whole(*substep as u64),
                        Field::Whole(*step),
                        Field::Number(*time),
                    ];
                    row.extend(self.dates.then(|| Field::Text(date.as_deref().unwrap_or_default())));
                    row.extend_from_slice(key);
                    row.push(Field::Text(&members.entity));
                    row.extend([Field::Whole(entry.number.into()), Field::Whole(entry.born)]);
                    row.push(entry.retired.map_or(Field::Text(""), Field::Whole));
                    row.extend((0..before).map(|_| Field::Text("")));
                    row.extend(values.iter().zip(columns).map(|(v, c)| labelled(*v, &c.labels)));
                    row.extend((before + columns.len()..width).map(|_| Field::Text("")));
                    self.sheet.row(&row)?;
                }
                before += columns.len();
            }
        }
        Ok(())
    }

    /// After the last run. Errors: those of the file.
    pub(super) fn end(self) -> io::Result<()> {
        self.sheet.end()
    }
}

/// What makes the file of a run repeatable, as JSON.
pub fn manifest(results: &Results) -> String {
    let mut text = serde_json::to_string_pretty(&super::json::manifest(results)).unwrap_or_default();
    text.push('\n');
    text
}

/// Writes the members of a run, a row for each kept row and member. Errors: those of `out`.
pub fn write_members(results: &Results, form: Form, out: &mut dyn Write) -> io::Result<()> {
    let replay = &results.replay;
    let which = (replay.arm.as_ref().map_or(0, |a| a.0), replay.point.as_ref().map_or(0, |p| p.0 - 1), replay.run);
    let date = |i: usize| results.dates.as_ref().and_then(|d| d.get(i).cloned());
    let moment = |i: usize| (results.steps[i], results.substeps[i], results.times[i], date(i));
    let moments: Vec<Moment> = (0..results.steps.len()).map(moment).collect();
    let clock = (results.clock.as_str(), results.dates.is_some());
    let mut register = Register::start(&results.members, clock, &[], super::json::manifest(results), (form, out))?;
    register.run(which, &[], &moments, &results.members)?;
    register.end()
}
