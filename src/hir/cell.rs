//! From syntax to meaning: the cells of a file's column, as numbers, labels or conditions.
//!
//! Of a column the first bad cell is told, with how many there are.

use num_rational::BigRational;
use num_traits::One;

use super::data::Misfit;
use super::index::count;
use super::resolve::Resolver;
use super::{Annotation, AnnotationKind, Cells, DataId};
use crate::data::{Decimal, Place, Table};
use crate::diag::{Code, Diagnostic, did_you_mean};
use crate::source::Span;
use crate::units::Unit;

/// A cell as a value.
enum Value {
    Number(Decimal),
    Label(u32),
    Bool(bool),
}

impl<'a> Resolver<'a> {
    pub(super) fn misfit(
        &mut self,
        table: &Table,
        place: Place,
        code: Code,
        message: String,
        label: String,
        help: String,
    ) {
        let column = place.field.and_then(|f| table.header().get(f)).filter(|name| !name.is_empty());
        let label = match column {
            Some(name) if label.is_empty() => format!("column `{name}`"),
            _ => label,
        };
        let diagnostic = Diagnostic::new(code, message, Span::default(), label).help(help);
        self.misfits.push(Misfit { path: table.path.clone(), place, diagnostic });
    }

    /// Reads one cell; of a column the first bad one is reported, with how many there are.
    pub(super) fn cell(
        &mut self,
        into: &mut Column,
        table: &Table,
        row: usize,
        column: usize,
        ty: Option<&Annotation>,
    ) {
        let text = table.cell(row, column);
        match self.parsed(text, ty) {
            Ok(value) => into.push(value),
            Err((message, label, help)) => {
                into.wrong += 1;
                if into.first.is_none() {
                    into.first = Some((table.place(Some(row), Some(column)), message, label, help));
                }
            }
        }
    }

    fn parsed(&self, text: &str, ty: Option<&Annotation>) -> Result<Value, (String, String, String)> {
        let shown = if text.is_empty() { "an empty cell".to_string() } else { format!("`{text}`") };
        let wrong = |fact: String, help: &str| Err((fact, String::new(), help.to_string()));
        match ty.map(|a| &a.kind) {
            Some(AnnotationKind::Label(index)) => match self.label_in(*index, text) {
                Some(at) => Ok(Value::Label(at)),
                None => {
                    let of = &self.model.index(*index).name;
                    let known: Vec<String> = self
                        .model
                        .members(*index)
                        .iter()
                        .take(1000)
                        .map(|m| self.model.member_name(*index, *m))
                        .collect();
                    let help = match did_you_mean(text, known.iter().map(String::as_str)) {
                        Some(meant) => format!("did you mean `{meant}`?"),
                        None => {
                            format!("its members are {}", known.iter().take(8).cloned().collect::<Vec<_>>().join(", "))
                        }
                    };
                    wrong(format!("{shown} is no member of `{of}`"), &help)
                }
            },
            Some(AnnotationKind::Bool) => match text {
                "true" => Ok(Value::Bool(true)),
                "false" => Ok(Value::Bool(false)),
                _ => wrong(format!("{shown} is no condition"), "write `true` or `false`"),
            },
            ty => {
                let unit = match ty {
                    Some(AnnotationKind::Unit(unit)) => self.model.units.name(unit),
                    _ => String::new(),
                };
                let Some(number) = Decimal::parse(text).filter(|n| n.to_f64().is_finite()) else {
                    return Err((format!("{shown} is no number"), String::new(), number_help(text, &unit)));
                };
                if text.ends_with('%')
                    && let Some(AnnotationKind::Unit(unit)) = ty
                {
                    let units = &self.model.units;
                    // A percentage takes the rest of the unit, never its scale: 5% of percent/year is 5.
                    let scales = unit.factors.iter().filter(|(id, _)| units.get(*id).dim.is_one());
                    let scale = units.scale(&Unit { factors: scales.cloned().collect() });
                    let hundredth = BigRational::new(1.into(), 100.into());
                    if scale == hundredth
                        && let Some(number) = Decimal::parse(text.trim_end_matches('%').trim_end())
                    {
                        return Ok(Value::Number(number));
                    }
                    let scaled = !scale.is_one();
                    let amount = unit
                        .factors
                        .iter()
                        .any(|(id, e)| *e > num_traits::Zero::zero() && !units.get(*id).dim.is_one());
                    let name = units.name(unit);
                    if amount && number.to_f64() != 0.0 {
                        return wrong(
                            format!("{text} of what?"),
                            &format!("this column holds {name}: write how much it is"),
                        );
                    }
                    if scaled {
                        // 20% is 2000 bps.
                        let bare = crate::units::plain(crate::units::to_f64(&(number.to_rational() / scale)), 12);
                        return wrong(
                            format!("{text} would be a percentage of {name}"),
                            &format!("this column counts in {name}: write `{bare}`"),
                        );
                    }
                }
                Ok(Value::Number(number))
            }
        }
    }

    /// A column that has been read.
    pub(super) fn column(&mut self, column: Column, table: &Table, name: &str) -> Option<DataId> {
        if let Some((place, message, label, help)) = column.first {
            let more = column.wrong - 1;
            let label = if more == 0 { label } else { format!("and {} of `{name}` below", count(more, "other cell")) };
            self.misfit(table, place, Code::E1003, message, label, help);
            return None;
        }
        self.model.data.push(column.cells);
        Some(DataId(self.model.data.len() as u32 - 1))
    }
}

/// A column on its way.
pub(super) struct Column {
    cells: Cells,
    wrong: usize,
    first: Option<(Place, String, String, String)>,
}

impl Column {
    pub(super) fn new(ty: Option<&Annotation>) -> Self {
        let cells = match ty.map(|a| &a.kind) {
            Some(AnnotationKind::Label(index)) => Cells::Labels(*index, Vec::new()),
            Some(AnnotationKind::Bool) => Cells::Bools(Vec::new()),
            _ => Cells::Numbers(Vec::new()),
        };
        Self { cells, wrong: 0, first: None }
    }

    /// A cell that is not there.
    pub(super) fn skip(&mut self) {
        match &mut self.cells {
            Cells::Numbers(all) => all.push(Decimal::default()),
            Cells::Labels(_, all) => all.push(0),
            Cells::Bools(all) => all.push(false),
        }
    }

    fn push(&mut self, value: Value) {
        match (&mut self.cells, value) {
            (Cells::Numbers(all), Value::Number(n)) => all.push(n),
            (Cells::Labels(_, all), Value::Label(l)) => all.push(l),
            (Cells::Bools(all), Value::Bool(b)) => all.push(b),
            _ => {}
        }
    }
}

/// What is most often wrong with a number in a file: separators of thousands, and the unit of the column.
fn number_help(text: &str, unit: &str) -> String {
    let example = "write a number, such as `1000`, `2.5e-3` or `5%`".to_string();
    if text.is_empty() {
        return "write a number; what is not known is no 0".into();
    }
    let separators = [',', '\'', ' ', '\u{a0}', '\u{202f}'];
    let groups: Vec<&str> = text.trim_start_matches(['$', '€', '£']).split(separators).collect();
    let digits = |s: &&str| s.bytes().all(|b| b.is_ascii_digit());
    let thousands = groups.len() > 1
        && (1..=3).contains(&groups[0].len())
        && digits(&groups[0])
        && groups[1..].iter().all(|g| g.split('.').next().is_some_and(|g| g.len() == 3 && digits(&g)));
    if thousands && Decimal::parse(&groups.concat()).is_some() {
        return format!("write `{}`", groups.concat());
    }
    // Where the comma parts decimals, points may part thousands: `1.234,56`.
    if let (Some((whole, part)), true) = (text.split_once(','), groups.len() == 2)
        && whole.split('.').skip(1).all(|g| g.len() == 3 && digits(&g))
        && let whole = whole.replace('.', "")
        && Decimal::parse(&whole).is_some()
        && digits(&part)
    {
        return format!("decimals stand behind a point: `{whole}.{part}`");
    }
    let bare = text.trim_start_matches(['$', '€', '£']);
    if bare != text && Decimal::parse(bare).is_some() {
        return format!("the column says the unit: write `{bare}`");
    }
    match text.find(|c: char| c.is_alphabetic()).filter(|at| *at > 0) {
        Some(at) if Decimal::parse(text[..at].trim()).is_some() => {
            let written = text[at..].trim();
            if ["k", "M", "B", "T"].contains(&written) {
                return format!("a magnitude is stuck to its number: `{}{written}`", text[..at].trim());
            }
            // Of another scale the number would be another, too.
            if written == unit || written.strip_suffix('s') == Some(unit) {
                return format!("the column says the unit: write `{}`", text[..at].trim());
            }
            if unit.is_empty() || unit == "1" {
                example
            } else {
                format!("this column counts in {unit}: write a number of those")
            }
        }
        _ => example,
    }
}
