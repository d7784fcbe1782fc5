//! An experiment as files: tables as CSV or JSON, written row by row.

use std::io::{self, Write};

use serde_json::{Value, json as value};

use super::super::json::number;
use super::super::members::{Members, Moment, Register};
use super::super::{Labels, exact};
use super::causes::cause;
use super::{Named, Report, named};
use crate::exec::Outcome;
use crate::ir;
use crate::session::Checked;
use crate::study::{Kind, Plan};

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A header of names, then a line for each row.
    Csv,
    /// A document with `manifest`, `columns` (name, unit, doc) and `rows`, each an array.
    Json,
}

/// A table that is being written.
pub(in crate::output) struct Sheet<'w> {
    form: Form,
    out: &'w mut dyn Write,
    first: bool,
}

/// What stands in a cell.
#[derive(Clone, Copy)]
pub(in crate::output) enum Field<'a> {
    Number(f64),
    Whole(u64),
    Text(&'a str),
}

/// A column: name, unit and doc.
pub(in crate::output) type Head = (String, String, String);

pub(in crate::output) fn head(name: &str, unit: &str, doc: &str) -> Head {
    (name.to_string(), unit.to_string(), doc.to_string())
}

impl<'w> Sheet<'w> {
    /// Before the first row. `more` stands in front of JSON's columns, by name.
    pub(in crate::output) fn start(
        form: Form,
        out: &'w mut dyn Write,
        more: &[(&str, Value)],
        columns: &[Head],
    ) -> io::Result<Self> {
        match form {
            Form::Csv => {
                let mut writer = ::csv::Writer::from_writer(Vec::new());
                writer.write_record(columns.iter().map(|(name, ..)| name))?;
                out.write_all(&writer.into_inner().map_err(|e| io::Error::other(e.to_string()))?)?;
            }
            Form::Json => {
                writeln!(out, "{{")?;
                for (name, part) in more {
                    let text = serde_json::to_string_pretty(part).map_err(io::Error::other)?;
                    writeln!(out, "{}: {text},", value!(name))?;
                }
                let columns: Vec<String> = columns
                    .iter()
                    .map(|(name, unit, doc)| value!({ "name": name, "unit": unit, "doc": doc }).to_string())
                    .collect();
                write!(out, "\"columns\": [\n{}\n],\n\"rows\": [", columns.join(",\n"))?;
            }
        }
        Ok(Sheet { form, out, first: true })
    }

    pub(in crate::output) fn row(&mut self, fields: &[Field]) -> io::Result<()> {
        match self.form {
            Form::Csv => {
                let text = |f: &Field| match f {
                    Field::Number(v) => exact(*v),
                    Field::Whole(n) => n.to_string(),
                    Field::Text(text) => quoted(text),
                };
                for (i, field) in fields.iter().enumerate() {
                    write!(self.out, "{}{}", if i == 0 { "" } else { "," }, text(field))?;
                }
                writeln!(self.out)
            }
            Form::Json => {
                let text = |f: &Field| match f {
                    Field::Number(v) => number(*v),
                    Field::Whole(n) => value!(n),
                    Field::Text("") => Value::Null,
                    Field::Text(text) => value!(text),
                };
                let before = if std::mem::take(&mut self.first) { "\n" } else { ",\n" };
                write!(self.out, "{before}{}", Value::Array(fields.iter().map(text).collect()))
            }
        }
    }

    pub(in crate::output) fn end(self) -> io::Result<()> {
        match self.form {
            Form::Csv => Ok(()),
            Form::Json => writeln!(self.out, "\n]\n}}"),
        }
    }
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_string() }
}

/// A value as a field: a label by its name.
fn field<'a>(stored: f64, named: &'a Named) -> Field<'a> {
    labelled(if named.labels.is_some() { stored } else { named.shown.of(stored) }, &named.labels)
}

/// A value in its unit as a field.
pub(in crate::output) fn labelled<'a>(value: f64, labels: &'a Labels) -> Field<'a> {
    match labels {
        Some(_) if value.is_nan() => Field::Text(""),
        Some(names) => Field::Text(names.get(value as usize).map_or("", String::as_str)),
        None => Field::Number(value),
    }
}

/// What says of which design point and arm a row is.
struct Key {
    heads: Vec<Head>,
}

impl Key {
    /// `point`, `arm`, then what is swept.
    fn new(plan: &Plan) -> Self {
        let mut heads = vec![head("point", "1", "The design point, from 1"), head("arm", "", "The arm")];
        let swept = plan.swept.iter().map(|s| head(&s.name, &s.unit, "Swept"));
        heads.extend(swept);
        Key { heads }
    }

    fn fields<'p>(&self, plan: &'p Plan, arm: usize, point: usize) -> Vec<Field<'p>> {
        let mut fields = vec![Field::Whole(point as u64 + 1), Field::Text(&plan.arms[arm].name)];
        fields.extend((0..plan.swept.len()).map(|s| {
            let swept = plan.value(s, point);
            swept.number.map_or(Field::Text(&swept.text), Field::Number)
        }));
        fields
    }
}

/// The five columns of cadCAD: arms are its simulations, design points its subsets, both from 0; runs count from 1.
const FIVE: [(&str, &str); 5] = [
    ("simulation", "The arm, from 0"),
    ("subset", "The design point, from 0"),
    ("run", "The run, from 1"),
    ("substep", "The phase after which the row stands"),
    ("timestep", "The step"),
];

pub(in crate::output) fn five() -> Vec<Head> {
    FIVE.iter().map(|(name, doc)| head(name, "1", doc)).collect()
}

/// Columns that have the name of one before them say that they are the model's.
pub(in crate::output) fn told_apart(heads: &mut [Head]) {
    for i in 1..heads.len() {
        if heads[..i].iter().any(|h| h.0 == heads[i].0) {
            heads[i].0 = format!("model.{}", heads[i].0);
        }
    }
}

impl Report<'_> {
    /// A row for each run: cadCAD's five columns, point, arm, sample, what is swept, the metrics, whether each goal that is a
    /// condition holds, and why the run failed if it did. Metrics of failed runs are empty. JSON has `findings`, too.
    /// Errors: those of `out`.
    pub fn write_runs(&self, form: Form, out: &mut dyn Write) -> io::Result<()> {
        let (plan, questions) = (self.plan, &self.findings.questions);
        let key = Key::new(plan);
        let mut heads = five();
        heads.extend(key.heads.iter().cloned());
        if plan.sample.is_some() {
            heads.push(head("sample", "1", "The sample of the uncertain params, from 1"));
        }
        heads.extend(self.metrics.iter().map(|m| head(&m.name, &m.unit, &m.doc)));
        let holds: Vec<(usize, String)> = questions
            .goals
            .iter()
            .filter_map(|q| match q.kind {
                Kind::Holds(at) => {
                    let name = self.checked.model.goals[q.number].name.clone();
                    Some((at, format!("goal.{}", name.unwrap_or_else(|| (q.number + 1).to_string()))))
                }
                _ => None,
            })
            .collect();
        heads.extend(holds.iter().map(|(_, name)| head(name, "bool", "The goal holds")));
        heads.push(head("failed", "", "Why the run failed"));
        told_apart(&mut heads);
        let more = [("manifest", self.manifest_value()), ("findings", self.findings_value())];
        let more: &[(&str, Value)] = if form == Form::Json { &more } else { &[] };
        let mut sheet = Sheet::start(form, out, more, &heads)?;
        let width = questions.width;
        let phases = self.model.work.len() as u64;
        for (arm, points) in self.runs.points.iter().enumerate() {
            for (number, point) in points.iter().enumerate() {
                let mut failed = point.failed.iter().peekable();
                for (at, _) in point.done.iter().enumerate().filter(|(_, done)| **done) {
                    let run = at as u32 + 1;
                    let failure = failed.next_if(|f| f.run == run);
                    let step = failure.map_or(self.model.clock.steps, |f| f.step);
                    let mut row = vec![
                        Field::Whole(arm as u64),
                        Field::Whole(number as u64),
                        Field::Whole(run.into()),
                        Field::Whole(if step == 0 { 0 } else { phases }),
                        Field::Whole(step),
                    ];
                    row.extend(key.fields(plan, arm, number));
                    row.extend(plan.sample_of(run).map(|s| Field::Whole(s.into())));
                    let value = |i: usize| point.metrics.get(at * width + i).copied().unwrap_or(f64::NAN);
                    row.extend(questions.metrics.iter().zip(&self.metrics).map(|((_, i), m)| field(value(*i), m)));
                    row.extend(holds.iter().map(|(i, _)| Field::Whole(u64::from(value(*i) == 1.0))));
                    let why = failure.map_or(String::new(), |f| cause(self.checked, self.model, &f.kind));
                    row.push(Field::Text(&why));
                    sheet.row(&row)?;
                }
            }
        }
        sheet.end()
    }

    /// A row for each value, kept row, point and arm: how it spreads over the runs. `n` runs had it as a finite number,
    /// `n_q` is of how many runs, the first, the quantiles are. Labels have no mean, so they are left out.
    /// Errors: those of `out`.
    pub fn write_stats(&self, form: Form, out: &mut dyn Write) -> io::Result<()> {
        let key = Key::new(self.plan);
        let dates = self.checked.model.date_of(self.model.clock.start).is_some();
        let clock = clock_unit(self.checked);
        let mut heads =
            vec![head("variable", "", "What"), head("unit", "", "Its unit"), head("timestep", "1", "The step")];
        heads.push(head("time", &clock, "The time"));
        heads.extend(dates.then(|| head("date", "", "The date")));
        heads.extend(key.heads.iter().cloned());
        heads.push(head("n", "1", "Runs with a finite value"));
        for name in ["mean", "sd", "min", "max", "q05", "q50", "q95"] {
            heads.push(head(name, "", "In the unit of the variable"));
        }
        heads.push(head("n_q", "1", "Runs that the quantiles are of"));
        told_apart(&mut heads);
        let mut sheet = Sheet::start(form, out, &[("manifest", self.manifest_value())], &heads)?;
        let columns: Vec<Named> = self.model.columns.iter().map(|c| named(self.checked, c.origin)).collect();
        for (arm, points) in self.runs.points.iter().enumerate() {
            for (number, point) in points.iter().enumerate() {
                let Some(stats) = &point.stats else { continue };
                let rows = stats.steps.len();
                for (column, named) in columns.iter().enumerate().filter(|(_, c)| c.labels.is_none()) {
                    for (row, step) in stats.steps.iter().enumerate() {
                        let Some(cell) = stats.cells.get(column * rows + row) else { continue };
                        let time = self.model.clock.time(*step);
                        let date = self.checked.model.date_of(time).map_or(String::new(), |d| d.to_string());
                        let mut fields = vec![
                            Field::Text(&named.name),
                            Field::Text(&named.unit),
                            Field::Whole(*step),
                            Field::Number(time),
                        ];
                        fields.extend(dates.then_some(Field::Text(&date)));
                        fields.extend(key.fields(self.plan, arm, number));
                        fields.push(Field::Whole(cell.n));
                        let numbers = [cell.mean, cell.sd, cell.min, cell.max].into_iter().chain(cell.quantiles);
                        fields.extend(numbers.map(|v| Field::Number(named.shown.of(v))));
                        fields.push(Field::Whole(stats.sampled.into()));
                        sheet.row(&fields)?;
                    }
                }
            }
        }
        sheet.end()
    }
}

fn clock_unit(checked: &Checked) -> String {
    let units = &checked.model.units;
    units.clock().map(|c| units.get(c).name.clone()).unwrap_or_default()
}

/// All rows of all runs, as they come: cadCAD's five columns, time, date, point, arm, what is swept, then every value.
pub struct Rows<'a> {
    checked: &'a Checked,
    model: &'a ir::Model,
    plan: &'a Plan,
    key: Key,
    columns: Vec<Named>,
    dates: bool,
    sheet: Sheet<'a>,
}

impl<'a> Rows<'a> {
    /// Before the first run. Errors: those of `out`.
    pub fn start(report: &'a Report<'a>, form: Form, out: &'a mut dyn Write) -> io::Result<Self> {
        let (checked, model, plan) = (report.checked, report.model, report.plan);
        let key = Key::new(plan);
        let dates = checked.model.date_of(model.clock.start).is_some();
        let mut heads = five();
        heads.push(head("time", &clock_unit(checked), "The time"));
        heads.extend(dates.then(|| head("date", "", "The date")));
        heads.extend(key.heads.iter().cloned());
        let columns: Vec<Named> = model.columns.iter().map(|c| named(checked, c.origin)).collect();
        heads.extend(columns.iter().map(|c| head(&c.name, &c.unit, &c.doc)));
        told_apart(&mut heads);
        let sheet = Sheet::start(form, out, &[("manifest", report.manifest_value())], &heads)?;
        Ok(Rows { checked, model, plan, key, columns, dates, sheet })
    }

    /// The rows of a run. Errors: those of `out`.
    pub fn run(&mut self, (arm, point, run): (usize, usize, u32), outcome: &Outcome) -> io::Result<()> {
        for (i, (step, substep)) in outcome.steps.iter().zip(&outcome.substeps).enumerate() {
            // A row between two others belongs to the step that starts at the first.
            let between = *substep > 0 && *substep < self.model.work.len();
            let time = self.model.clock.time(if between { step.saturating_sub(1) } else { *step });
            let date = self.checked.model.date_of(time).map_or(String::new(), |d| d.to_string());
            let mut row = vec![
                Field::Whole(arm as u64),
                Field::Whole(point as u64),
                Field::Whole(run.into()),
                Field::Whole(*substep as u64),
                Field::Whole(*step),
                Field::Number(time),
            ];
            row.extend(self.dates.then_some(Field::Text(&date)));
            row.extend(self.key.fields(self.plan, arm, point));
            let values = outcome.columns.iter().map(|c| c.get(i).copied().unwrap_or(f64::NAN));
            row.extend(values.zip(&self.columns).map(|(v, c)| field(v, c)));
            self.sheet.row(&row)?;
        }
        Ok(())
    }

    /// After the last run. Errors: those of `out`.
    pub fn end(self) -> io::Result<()> {
        self.sheet.end()
    }
}

/// What members have in all runs, as they come: what says of which run a row is, then the member and what it has.
pub struct Registers<'a> {
    plan: &'a Plan,
    key: Key,
    register: Register<'a>,
}

impl<'a> Registers<'a> {
    /// Before the first run; `of` is a model of the plan that was lowered to tell of its members. Errors: those of `out`.
    pub fn start(
        report: &'a Report<'a>,
        of: (&Checked, &ir::Model),
        form: Form,
        out: &'a mut dyn Write,
    ) -> io::Result<Self> {
        let key = Key::new(report.plan);
        let columns = super::super::members::members(of.0, of.1, &Outcome::default());
        let clock = clock_unit(report.checked);
        let dates = report.checked.model.date_of(report.model.clock.start).is_some();
        let manifest = report.manifest_value();
        let register = Register::start(&columns, (&clock, dates), &key.heads, manifest, (form, out))?;
        Ok(Registers { plan: report.plan, key, register })
    }

    /// The members of a run of this model. Errors: those of `out`.
    pub fn run(
        &mut self,
        (checked, model): (&Checked, &ir::Model),
        which: (usize, usize, u32),
        outcome: &Outcome,
    ) -> io::Result<()> {
        let date = |time: f64| checked.model.date_of(time).map(|d| d.to_string());
        let moment = |(step, substep): (&u64, &usize)| {
            let time = model.clock.time(*step);
            (*step, *substep, time, date(time))
        };
        let moments: Vec<Moment> = outcome.steps.iter().zip(&outcome.substeps).map(moment).collect();
        let all: Vec<Members> = super::super::members::members(checked, model, outcome);
        self.register.run(which, &self.key.fields(self.plan, which.0, which.1), &moments, &all)
    }

    /// After the last run. Errors: those of `out`.
    pub fn end(self) -> io::Result<()> {
        self.register.end()
    }
}
