//! The clock: where runs start and end, and in how many steps.

use num_rational::BigRational;
use num_traits::{One, Signed, ToPrimitive, Zero};

use super::constant::{constant, nearest_whole, tolerance};
use super::{ClockFacts, Facts};
use crate::diag::{Code, Diagnostic};
use crate::hir::{ClockPart, Decl, DeclKind, ExprId, ExprKind, Method, Model, Rule, Timing};
use crate::units::{plain, to_f64};

/// A run of more steps than this is a slip of the clock's unit, and would never end.
const MAX_STEPS: u64 = 100_000_000;
/// More recorded numbers than this (800 MB) are not kept.
const MAX_VALUES: u64 = 100_000_000;

pub(super) fn check(model: &Model, facts: &mut Facts, diagnostics: &mut Vec<Diagnostic>) {
    let Some(clock) = &model.clock else {
        return diagnostics.extend(missing(model).filter(|_| !model.clock_unknown));
    };
    if let (Some(phase), (Method::Rk2 | Method::Rk4, Some(span))) = (model.phases.first(), clock.method) {
        let name = clock.method.0.name();
        diagnostics.push(
            Diagnostic::new(
                Code::E0510,
                format!("a model with phases cannot run by `{name}`"),
                span,
                format!("`{name}` looks at a step as a whole, several times"),
            )
            .label(phase.span, "a phase changes what the next one sees, once")
            .help("write `using euler`, with a shorter step; or do without phases")
            .fix(span, "euler"),
        );
    }
    let mut value = |e: ExprId, what: &str| {
        let value = constant(facts, e);
        if value.is_none() && !matches!(model.expr(e).kind, ExprKind::Error) {
            diagnostics.push(
                Diagnostic::new(
                    Code::E0504,
                    format!("{what} must be a constant"),
                    model.expr(e).span,
                    "this is no constant: what a run goes through is known before it",
                )
                .help("write a number; `--from`, `--to` and `--step` change it from outside"),
            );
        }
        value
    };
    let (from, to) = (value(clock.from, "the start of the clock"), value(clock.to, "the end of the clock"));
    let dt = clock.step.map_or_else(|| Some(BigRational::one()), |e| value(e, "the step of the clock"));
    let record = model.record.map(|e| (e, value(e, "the period of `record every`")));
    if let Some((_, start)) = clock.starting
        && !model.starts_at_a_number()
        && constant(facts, start).is_some()
    {
        diagnostics.push(
            Diagnostic::new(
                Code::E0508,
                "a clock with dates starts at a number that is written out",
                model.expr(start).span,
                "this is worked out",
            )
            .help("write the number itself: `from 0`"),
        );
    }
    let (Some(from), Some(to), Some(dt)) = (from, to, dt) else { return };
    let unit = &model.units.get(clock.unit).name;
    let show = |v: &BigRational| format!("{} {unit}", plain(to_f64(v), 12));
    let step_span = clock.step.map_or(clock.span, |e| model.expr(e).span);
    if !dt.is_positive() {
        return diagnostics.push(
            Diagnostic::new(
                Code::E0504,
                "the step of the clock must be longer than nothing",
                step_span,
                format!("this is {}", show(&dt)),
            )
            .help(format!("write for example `step 0.25`, a quarter of a {unit}")),
        );
    }
    // Where a setting gave a part, the setting is what can be wrong.
    let outside =
        |e: ExprId| Some(model.expr(e).span).filter(|s| s.end <= clock.span.start || s.start >= clock.span.end);
    let blame =
        [Some(clock.to), clock.step, Some(clock.from)].into_iter().flatten().find_map(outside).unwrap_or(clock.span);
    let span = &to - &from;
    if !span.is_positive() {
        let end = (model.expr(clock.to).span, format!("it ends at {}", show(&to)));
        let start = (model.expr(clock.from).span, format!("it starts at {}", show(&from)));
        let (first, second) = if blame == start.0 { (start, end) } else { (end, start) };
        return diagnostics.push(
            Diagnostic::new(Code::E0504, "the clock ends before it has started", first.0, first.1)
                .label(second.0, second.1)
                .help("let `to` be later than `from`"),
        );
    }
    let ratio = &span / &dt;
    let (steps, off) = nearest_whole(&ratio);
    if steps.to_u64().is_none_or(|n| n > MAX_STEPS) {
        return diagnostics.push(
            Diagnostic::new(
                Code::E0507,
                format!("this run has {} steps, and {MAX_STEPS} is the most", plain(to_f64(&ratio), 6)),
                blame,
                format!("{} in steps of {}", show(&span), show(&dt)),
            )
            .help("take a longer step, a shorter span, or another unit for the clock"),
        );
    }
    // In the unit in which the step is written, so that what is offered can be typed.
    let typed = |v: &BigRational| match clock.step.map(|e| &model.expr(e).kind) {
        Some(ExprKind::Quantity { unit, .. }) => {
            format!("{} {}", plain(to_f64(&(v / model.units.scale(unit))), 12), model.units.name(unit))
        }
        _ => show(v),
    };
    if off > tolerance() || steps.is_zero() {
        let below = ratio.floor();
        let mut help = String::new();
        for n in [below.clone(), below + BigRational::one()] {
            if n.is_positive() {
                let or = if help.is_empty() { "let it end at" } else { " or at" };
                help += &format!("{or} {}", typed(&(&from + &n * &dt)));
            }
        }
        let whole = if steps.is_zero() { BigRational::one() } else { steps };
        help += &format!(", or take a step of {}", show(&(&span / &whole)));
        return diagnostics.push(
            Diagnostic::new(
                Code::E0503,
                format!("{} is no whole number of steps of {}", show(&span), show(&dt)),
                blame,
                format!("it is {} steps", plain(to_f64(&ratio), 12)),
            )
            .help(help),
        );
    }
    let steps = steps.to_u64().unwrap_or(0);
    let record = match record {
        Some((e, Some(period))) => match rows_between(model, e, &period, &dt, diagnostics) {
            Some(rows) => rows,
            None => return,
        },
        Some((_, None)) => return,
        None => 1,
    };
    let kept = |d: &Decl| {
        use DeclKind::*;
        !matches!(d.kind, Param { .. } | Metric { .. } | Column { .. } | Expect(_))
    };
    let columns: u64 = model.decls().filter(|(_, d)| kept(d)).map(|(id, _)| facts.count(id) as u64).sum();
    let values = (steps / record + 2).saturating_mul(columns);
    if values > MAX_VALUES {
        return diagnostics.push(
            Diagnostic::new(
                Code::E0507,
                format!("this run would keep {values} numbers, and {MAX_VALUES} is the most"),
                blame,
                format!("{steps} steps of {columns} values"),
            )
            .help("keep fewer rows: `record every …`"),
        );
    }
    for (e, what) in periods(model) {
        let Some(period) = constant(facts, e) else { continue };
        if period < &dt * (BigRational::one() - tolerance()) {
            let (fact, help) = if period.is_positive() {
                ("is shorter than a step", "take a shorter step, or a longer period with as much more in it")
            } else {
                ("must be longer than nothing", "write how often it happens, for example `every 3 month`")
            };
            diagnostics.push(
                Diagnostic::new(
                    Code::E0506,
                    format!("{what} {fact}"),
                    model.expr(e).span,
                    format!("this is {}, a step {}", show(&period), show(&dt)),
                )
                .help(help),
            );
        }
    }
    facts.clock = Some(ClockFacts { from, dt, steps, record });
}

/// How often transfers and states happen: each time falls into a step of its own, or some would be lost.
fn periods(model: &Model) -> Vec<(ExprId, String)> {
    let every = |timing: &Timing, d: &Decl| match timing {
        Timing::Every { period, .. } => Some((*period, format!("the period of `{}`", d.name))),
        _ => None,
    };
    let period = |d: &Decl| match &d.kind {
        DeclKind::Move(m) if m.trade.is_none() => every(&m.timing, d),
        DeclKind::Trade(trade) => every(&trade.timing, d),
        DeclKind::State { rule: Some(Rule::Next { every: Some(every), .. }), .. } => {
            Some((*every, format!("the period of `{}`", d.name)))
        }
        DeclKind::Draw(draw) => draw.every.map(|every| (every, format!("the period of `{}`", d.name))),
        _ => None,
    };
    model.decls.iter().filter_map(period).collect()
}

fn rows_between(
    model: &Model,
    e: ExprId,
    period: &BigRational,
    dt: &BigRational,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<u64> {
    let span = model.expr(e).span;
    if !period.is_positive() {
        diagnostics.push(
            Diagnostic::new(Code::E0506, "the period of `record every` must be longer than nothing", span, "")
                .help("write for example `record every 1 month`"),
        );
        return None;
    }
    let ratio = period / dt;
    let (whole, off) = nearest_whole(&ratio);
    if off > tolerance() {
        diagnostics.push(
            Diagnostic::new(
                Code::W0503,
                "this period is no whole number of steps",
                span,
                format!("it is {} steps", plain(to_f64(&ratio), 6)),
            )
            .help("rows are kept at the next whole step; make it a multiple of the clock's step"),
        );
        return Some(ratio.ceil().to_u64().unwrap_or(u64::MAX));
    }
    Some(whole.max(BigRational::one()).to_u64().unwrap_or(u64::MAX))
}

/// A model in which something happens has a clock.
fn missing(model: &Model) -> Option<Diagnostic> {
    let decl = model.decls.iter().find(|d| {
        use DeclKind::*;
        matches!(d.kind, Stock { .. } | State { .. } | Draw(_) | Move(_) | Metric { .. } | Expect(_))
    });
    let clocked = || {
        model.exprs.iter().find(|e| matches!(e.kind, ExprKind::Clock(part) if part != ClockPart::Step)).map(|e| e.span)
    };
    let span = decl.map(|d| d.whole).or_else(|| model.asserts.first().map(|a| a.span)).or_else(clocked)?;
    Some(
        Diagnostic::new(Code::E0502, "this model has no clock", span, "this happens in time")
            .help("say how long a run lasts: `time month from 0 to 60`"),
    )
}
