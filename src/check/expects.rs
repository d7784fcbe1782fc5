//! What other tools say: with which row of a run each row of a file is compared, and how far the two may be apart.
//!
//! Both are settled before a run, so that a test only has to look. Absent on purpose: the comparison (see `output`).

use num_rational::BigRational;
use num_traits::{Signed, ToPrimitive};

use super::constant::{self, constant, nearest_whole};
use super::{Facts, Ty, ends_with_the_steps};
use crate::data::Place;
use crate::diag::{Code, Diagnostic};
use crate::hir::{Decl, DeclId, DeclKind, Expect, ExprKind, Misfit, Model, header_says};
use crate::source::Span;
use crate::units::{Unit, plain, to_f64};

/// What an `expect` compares.
#[derive(Clone, Debug)]
pub struct Compared {
    /// The declaration.
    pub decl: DeclId,
    /// How far the two may be apart.
    pub within: Tolerance,
    /// Rows of the file, and the row of the run that each is compared with. A call that changes the clock may leave some out.
    pub rows: Vec<(usize, u64)>,
}

/// How far a value may be from what a file says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tolerance {
    /// So much, in the unit in which the value is shown.
    Absolute(f64),
    /// This share of what the file says.
    Relative(f64),
}

/// Settles what each `expect` compares.
pub(super) fn check(model: &Model, facts: &mut Facts, diagnostics: &mut Vec<Diagnostic>) -> Vec<Misfit> {
    let mut misfits = Vec::new();
    let mut all = Vec::new();
    for (id, decl) in model.decls() {
        let DeclKind::Expect(expect) = &decl.kind else { continue };
        // Where something is wrong nothing is compared.
        let mut within = Tolerance::Absolute(0.0);
        if matches!(facts.decl(id).ty, Ty::Number(_)) {
            misfits.extend(header(model, facts, id, expect));
            within = tolerance(model, facts, id, expect, diagnostics).unwrap_or(within);
        }
        let rows = rows(model, facts, decl, expect, &mut misfits);
        all.push(Compared { decl: id, within, rows });
    }
    facts.expects = all;
    misfits
}

fn tolerance(
    model: &Model,
    facts: &Facts,
    id: DeclId,
    expect: &Expect,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Tolerance> {
    let expr = model.expr(expect.within);
    let mut wrong = |fact: &str, label: &str| {
        let error = Diagnostic::new(Code::E0804, fact, expr.span, label);
        diagnostics.push(error.help("write a number, `within 1e-6`, or a share of what the file says, `within 0.1%`"));
    };
    let Some(value) = constant(facts, expect.within) else {
        if !matches!(expr.kind, ExprKind::Error) {
            wrong("a tolerance must be a constant", "only a run knows this");
        }
        return None;
    };
    if value.is_negative() {
        wrong("a tolerance below zero is met by nothing", "this is negative");
        return None;
    }
    Some(match expr.kind {
        ExprKind::Number { percent: true, .. } => Tolerance::Relative(to_f64(&value)),
        _ => Tolerance::Absolute(to_f64(&(value / model.units.scale(&facts.decl(id).shown)))),
    })
}

/// The unit that the file's header gives must be the one in which the value is shown.
fn header(model: &Model, facts: &Facts, id: DeclId, expect: &Expect) -> Option<Misfit> {
    let (written, meaning) = expect.unit.as_ref()?;
    let shown = &facts.decl(id).shown;
    if header_says(model, written, *meaning, shown) {
        return None;
    }
    let (name, value) = (model.units.name(shown), &model.decl(id).name);
    // Of another scale only: of another dimension either the column or the formula is the wrong one.
    let scaled = meaning.is_some_and(|unit| model.units.dim(&Unit::of(unit)) == model.units.dim(shown));
    let help = match scaled {
        true => format!("write the column in {name}, or compare a `let value: {written} = {value}`"),
        false => format!("compare what is in {written}, or write the column in {name}"),
    };
    let diagnostic = Diagnostic::new(
        Code::E1002,
        format!("this column is in {written}, and `{value}` is shown in {name}"),
        Span::default(),
        "its header says so",
    )
    .label(model.decl(id).span, format!("this is in {name}"))
    .help(help);
    Some(Misfit { path: expect.path.clone(), place: expect.header, diagnostic })
}

/// With which row of a run each row of the file is compared.
fn rows(model: &Model, facts: &Facts, decl: &Decl, expect: &Expect, misfits: &mut Vec<Misfit>) -> Vec<(usize, u64)> {
    let (Some(clock), Some(written)) = (&facts.clock, &model.clock) else { return Vec::new() };
    let only_steps = ends_with_the_steps(model, expect.value);
    let unit = &model.units.get(written.unit).name;
    let at = |v: &BigRational| {
        let date = model.date_of(to_f64(v)).map_or(String::new(), |d| format!(" ({d})"));
        format!("{unit} {}{date}", plain(to_f64(v), 9))
    };
    let stop = &clock.from + &clock.dt * BigRational::from_integer(clock.steps.into());
    let shifted = BigRational::from_integer(expect.shifted.into());
    let mut rows = Vec::with_capacity(expect.times.len());
    let mut wrong: Vec<(Place, String, String)> = Vec::new();
    for (i, time) in expect.times.iter().enumerate() {
        let (row, off) = nearest_whole(&((time - &clock.from) / &clock.dt - &shifted));
        let row = row.to_u64().filter(|row| *row <= clock.steps && off <= constant::tolerance());
        match row {
            Some(row) if row == clock.steps && only_steps => wrong.push((
                expect.places[i],
                format!("`{}` has no value at {}", decl.name, at(&stop)),
                "it has one for each step, and no step starts in the last row; of rows that hold the step that ended say \
                 `shifted 1 step`"
                    .into(),
            )),
            Some(row) => rows.push((i, row)),
            None => {
                let moment = time - &shifted * &clock.dt;
                let step = plain(to_f64(&clock.dt), 9);
                wrong.push((
                    expect.places[i],
                    format!("a run has no row at {}", at(&moment)),
                    format!("it has one every {step} {unit} from {} to {}: leave this row out", at(&clock.from), at(&stop)),
                ));
            }
        }
    }
    // A call may look at another part of the run, or in other steps: then what there is of it is compared.
    let clock_parts = [Some(written.from), Some(written.to), written.step];
    if clock_parts.into_iter().flatten().any(|e| !model.clock_says(e)) {
        return rows;
    }
    let more = wrong.len().saturating_sub(1);
    if let Some((place, fact, help)) = wrong.into_iter().next() {
        let shift = match expect.shifted {
            0 => String::new(),
            1 => ", shifted 1 step".into(),
            n => format!(", shifted {n} steps"),
        };
        let label = match more {
            0 => format!("this row has nothing to be compared with{shift}"),
            n => format!("this row and {n} more have nothing to be compared with{shift}"),
        };
        let diagnostic = Diagnostic::new(Code::E1006, fact, Span::default(), label)
            .label(decl.span, "compared with this")
            .help(help);
        misfits.push(Misfit { path: expect.path.clone(), place, diagnostic });
    }
    rows
}
