//! Warnings: the model runs, and probably not as meant.

use num_rational::BigRational;
use num_traits::{One, Zero};

use super::constant::{constant, nearest_whole, tolerance};
use super::{Facts, Ty};
use crate::builtins::{Kernel, Reading};
use crate::diag::{Code, Diagnostic};
use crate::hir::{
    BinaryOp, Decl, DeclId, DeclKind, Descend, ExprId, ExprKind, Method, Model, Place, PlaceKind, SpawnKind, Timing,
};
use crate::source::{Origin, SourceMap, Span};
use crate::units::{plain, to_f64};

pub(super) fn check(model: &Model, sources: &SourceMap, facts: &Facts, diagnostics: &mut Vec<Diagnostic>) {
    // What a used file declares for others need not be read by each of them.
    let main = sources.files().filter(|(_, f)| f.origin == Origin::Model).map(|(id, _)| id).next();
    let own = |span: Span| sources.locate(span).map(|(file, _)| file) == main;
    for (_, decl) in model.decls() {
        let input = matches!(
            decl.kind,
            DeclKind::Param { .. } | DeclKind::Series(_) | DeclKind::Policy { .. } | DeclKind::Draw(_)
        );
        if input && !decl.read && own(decl.span) {
            diagnostics.push(
                Diagnostic::new(
                    Code::W0101,
                    format!("nothing reads the {} `{}`", decl.word, decl.name),
                    decl.span,
                    "it changes nothing",
                )
                .help("use it or remove it"),
            );
        }
    }
    for function in &model.fns {
        if !function.read && own(function.span) {
            diagnostics.push(
                Diagnostic::new(
                    Code::W0101,
                    format!("nothing calls the function `{}`", function.name),
                    function.span,
                    "it changes nothing",
                )
                .help("use it or remove it"),
            );
        }
    }
    for curve in &model.curves {
        if !curve.read && own(curve.span) {
            diagnostics.push(
                Diagnostic::new(
                    Code::W0101,
                    format!("nothing reads the curve `{}`", curve.name),
                    curve.span,
                    "it changes nothing",
                )
                .help("use it or remove it"),
            );
        }
    }
    for (number, entity) in model.entities.iter().enumerate() {
        if !model.spawns.iter().any(|s| s.entity.0 as usize == number) && own(entity.span) {
            diagnostics.push(
                Diagnostic::new(
                    Code::W0701,
                    format!("no member of `{}` is ever born", entity.name),
                    entity.span,
                    "nothing spawns it",
                )
                .help(format!("say how many there are, `spawn {}: 100 initially`, or how they come", entity.name)),
            );
        }
    }
    for (spawn, per_time) in model.spawns.iter().zip(&facts.per_time) {
        let each_step = matches!(spawn.how, SpawnKind::Rate) && !per_time;
        if let (true, Some(clock)) = (each_step, facts.clock.as_ref().filter(|c| !c.dt.is_one())) {
            let name = &model.entities[spawn.entity.0 as usize].name;
            let unit = model.units.clock().map(|c| model.units.get(c).name.as_str()).unwrap_or_default();
            let dt = plain(to_f64(&clock.dt), 6);
            let text = sources.text(model.expr(spawn.count).span);
            diagnostics.push(
                Diagnostic::new(
                    Code::W0601,
                    format!("members of `{name}` are born each step, and a step is {dt} {unit}"),
                    model.expr(spawn.count).span,
                    "another step would bring another number of them in all",
                )
                .help(format!("say per what: `({text}) / (1 {unit})` does not hang on the step")),
            );
        }
    }
    let mut touched = vec![false; model.decls.len()];
    let filled = model.decls.iter().filter_map(|d| match &d.kind {
        DeclKind::Stock { from, .. } => from.as_ref(),
        _ => None,
    });
    let routes = model.retires.iter().flat_map(|r| &r.routes);
    let routed = routes.flat_map(|(from, to, _)| std::iter::once(from).chain(to.iter().map(|p| &p.place)));
    let ends: Vec<&Place> = model.moves().flat_map(|(_, _, m)| m.ends()).chain(filled).chain(routed).collect();
    let others = ends.iter().filter_map(|p| p.otherwise.as_deref());
    for place in ends.iter().copied().chain(others) {
        if let PlaceKind::Decl(id) = place.kind {
            touched[id.0 as usize] = true;
        }
    }
    for (id, decl) in model.decls() {
        if matches!(decl.kind, DeclKind::Stock { .. }) && !decl.read && !touched[id.0 as usize] {
            diagnostics.push(
                Diagnostic::new(
                    Code::W0401,
                    format!("nothing flows into or out of `{}`, and nothing reads it", decl.name),
                    decl.span,
                    "it stays as it opens",
                )
                .help(match decl.entity {
                    None => "give it a flow; a number that stays is a `param`",
                    Some(_) => "give it a flow; a number that stays is a `trait`",
                }),
            );
        }
    }
    for decl in &model.decls {
        let DeclKind::Metric { value, window } = decl.kind else { continue };
        // What is asked of a time: of `at(x, t)` its second argument, of a window both ends.
        let mut times: Vec<ExprId> = Vec::new();
        let mut stack = vec![value];
        while let Some(e) = stack.pop() {
            match &model.expr(e).kind {
                ExprKind::Builtin(b, args) if b.reducer.is_some() => times.extend(args.iter().skip(1).flatten()),
                _ => stack.extend(model.children(e)),
            }
        }
        for t in times {
            instant(model, facts, t, true, diagnostics);
        }
        if let Some((from, to)) = window {
            // A window may end between two steps; it may not lie where no run comes.
            unreached(model, facts, from, diagnostics);
            unreached(model, facts, to, diagnostics);
        }
    }
    for (_, decl, m) in model.moves() {
        if m.trade.is_some() {
            continue;
        }
        if let (true, PlaceKind::Decl(source)) = (m.flow, m.from.kind) {
            drain(model, facts, source, &decl.name, m.amount, diagnostics);
        }
        if m.flow && m.short.is_some() {
            limited(model, decl, diagnostics);
        }
        if m.flow {
            left_to_chance(model, decl, m.amount, diagnostics);
        }
        timing(model, facts, decl, &m.timing, m.flow || lumps(model, m.amount), diagnostics);
    }
    for decl in &model.decls {
        let DeclKind::Draw(draw) = &decl.kind else { continue };
        if draw.each_step && facts.clock.as_ref().is_some_and(|c| !c.dt.is_one()) {
            drawn_each_step(model, facts, decl, diagnostics);
        }
        if let Some(every) = draw.every {
            instant(model, facts, every, false, diagnostics);
        }
    }
    for decl in &model.decls {
        if let DeclKind::Trade(trade) = &decl.kind {
            timing(model, facts, decl, &trade.timing, false, diagnostics);
        }
    }
}

/// Params that no assumption is about.
pub fn uncovered(model: &Model) -> Vec<Diagnostic> {
    let covered = |id: DeclId| model.assumptions.iter().any(|a| a.values.contains(&id));
    let params = model.decls().filter(|(id, d)| matches!(d.kind, DeclKind::Param { .. }) && !covered(*id));
    params
        .map(|(_, decl)| {
            Diagnostic::new(
                Code::W0102,
                format!("no assumption is about the param `{}`", decl.name),
                decl.span,
                "why is it what it is?",
            )
            .help(format!("say so: `assumption NAME about {} \"…\" source \"…\" confidence low`", decl.name))
        })
        .collect()
}

/// When something moves; `rightly`: in each step, however long that is.
fn timing(
    model: &Model,
    facts: &Facts,
    decl: &Decl,
    timing: &Timing,
    rightly: bool,
    diagnostics: &mut Vec<Diagnostic>,
) {
    match timing {
        // In a phase nothing else can be said.
        Timing::Always if !rightly && decl.phase.is_none() && facts.clock.as_ref().is_some_and(|c| !c.dt.is_one()) => {
            each_step(model, facts, decl, diagnostics);
        }
        Timing::At(t) => {
            instant(model, facts, *t, true, diagnostics);
        }
        Timing::Every { period, from, .. } => {
            // One word for one transfer: where it begins off the grid, that its period is off, too, is no news.
            let off = from.is_some_and(|t| instant(model, facts, t, true, diagnostics));
            let _ = off || instant(model, facts, *period, false, diagnostics);
        }
        _ => {}
    }
}

/// Whether an amount is what a file says of the step, however long that is.
fn lumps(model: &Model, amount: ExprId) -> bool {
    let mut found = false;
    model.reads(amount, |e, _| {
        let series = model.named(e).map(|id| &model.decl(id).kind);
        found |= matches!(series, Some(DeclKind::Series(s)) if s.reading == Reading::Lumps);
        if found { Descend::Stop } else { Descend::Into }
    });
    found
}

/// What happens each step happens more often the shorter the step is.
fn each_step(model: &Model, facts: &Facts, decl: &Decl, diagnostics: &mut Vec<Diagnostic>) {
    let Some(clock) = &facts.clock else { return };
    let unit = model.units.clock().map(|c| model.units.get(c).name.as_str()).unwrap_or_default();
    let dt = plain(to_f64(&clock.dt), 6);
    diagnostics.push(
        Diagnostic::new(
            Code::W0601,
            format!("`{}` moves once each step, and a step is {dt} {unit}", decl.name),
            decl.span,
            "another step would move another amount in all",
        )
        .help(format!("`every 1 {unit}` does not hang on the step; what moves all the time is a `flow`")),
    );
}

/// What is drawn each step is drawn more often the shorter the step is, and so varies less or more.
fn drawn_each_step(model: &Model, facts: &Facts, decl: &Decl, diagnostics: &mut Vec<Diagnostic>) {
    let Some(clock) = &facts.clock else { return };
    let unit = model.units.clock().map(|c| model.units.get(c).name.as_str()).unwrap_or_default();
    let dt = plain(to_f64(&clock.dt), 6);
    diagnostics.push(
        Diagnostic::new(
            Code::W0601,
            format!("`{}` is drawn anew each step, and a step is {dt} {unit}", decl.name),
            decl.span,
            "another step would bring another amount of luck",
        )
        .help(format!("`every 1 {unit}` does not hang on the step: between two draws the last one holds")),
    );
}

/// An instant, or a period, that lies between two steps.
fn instant(model: &Model, facts: &Facts, e: ExprId, absolute: bool, diagnostics: &mut Vec<Diagnostic>) -> bool {
    let (Some(clock), Some(value)) = (&facts.clock, constant(facts, e)) else { return false };
    if absolute && unreached(model, facts, e, diagnostics) {
        return true;
    }
    let from = if absolute { clock.from.clone() } else { BigRational::zero() };
    let steps = (&value - &from) / &clock.dt;
    let off = nearest_whole(&steps).1 > tolerance();
    if off {
        let next = &from + steps.ceil() * &clock.dt;
        let unit = model.units.clock().map(|c| model.units.get(c).name.as_str()).unwrap_or_default();
        let what = if absolute { "this instant lies" } else { "this period ends" };
        diagnostics.push(
            Diagnostic::new(
                Code::W0503,
                format!("{what} between two steps"),
                model.expr(e).span,
                if absolute {
                    format!("it counts as {} {unit}", plain(to_f64(&next), 12))
                } else {
                    "each falls on the next step".into()
                },
            )
            .help("name the time of a step, or take a shorter step"),
        );
    }
    off
}

/// An instant before the run or after it.
fn unreached(model: &Model, facts: &Facts, e: ExprId, diagnostics: &mut Vec<Diagnostic>) -> bool {
    let (Some(clock), Some(value)) = (&facts.clock, constant(facts, e)) else { return false };
    let end = &clock.from + &clock.dt * BigRational::from_integer(clock.steps.into());
    let unit = model.units.clock().map(|c| model.units.get(c).name.as_str()).unwrap_or_default();
    // A call may look at a part of the run; the model itself may not speak of times that it never has.
    let whole = model.clock.as_ref().is_some_and(|c| [c.from, c.to].iter().all(|e| model.clock_says(*e)));
    let outside = whole && (value < clock.from || value > end);
    if outside {
        let show = |v: &BigRational| plain(to_f64(v), 12);
        diagnostics.push(
            Diagnostic::new(
                Code::W0504,
                "no run reaches this instant",
                model.expr(e).span,
                format!("a run goes from {unit} {} to {unit} {}", show(&clock.from), show(&end)),
            )
            .help("change the time, or how long a run lasts"),
        );
    }
    outside
}

/// A flow that is limited, where steps have stages: these do not know of the limit.
fn limited(model: &Model, decl: &Decl, diagnostics: &mut Vec<Diagnostic>) {
    let Some((method @ (Method::Rk2 | Method::Rk4), Some(span))) = model.clock.as_ref().map(|c| c.method) else {
        return;
    };
    let name = method.name();
    diagnostics.push(
        Diagnostic::new(
            Code::W0505,
            format!("`{}` is limited, and `{name}` looks ahead as if it were not", decl.name),
            decl.span,
            "the limit counts once, at the end of the step",
        )
        .label(span, format!("`{name}` is for flows that are smooth"))
        .help(
            "let it fade out by itself, `min(wanted, stock / (1 month))`; or write `using euler`, with a shorter step",
        ),
    );
}

/// A flow that hangs on a draw, where steps have stages: these look ahead along what only jumps.
fn left_to_chance(model: &Model, decl: &Decl, amount: ExprId, diagnostics: &mut Vec<Diagnostic>) {
    let Some((method @ (Method::Rk2 | Method::Rk4), Some(span))) = model.clock.as_ref().map(|c| c.method) else {
        return;
    };
    let (mut seen, mut open, mut drawn) = (vec![false; model.decls.len()], vec![amount], None);
    while let Some(e) = open.pop() {
        model.reads(e, |part, kind| {
            let id = model.named(part).filter(|id| !std::mem::replace(&mut seen[id.0 as usize], true));
            match id.map(|id| &model.decl(id).kind) {
                Some(DeclKind::Draw(_)) => drawn = drawn.or(id),
                Some(DeclKind::Let { value }) => open.push(*value),
                Some(DeclKind::Policy { options, chosen }) => open.extend(options.get(*chosen).map(|(.., e)| *e)),
                _ => {}
            }
            match kind {
                // What was in the row before, or is summed up, holds in any case.
                ExprKind::Builtin(b, _) if matches!(b.kernel, Kernel::Memory(_)) => Descend::Rest,
                _ => Descend::Into,
            }
        });
    }
    let Some(drawn) = drawn.map(|id| &model.decl(id).name) else { return };
    let name = method.name();
    diagnostics.push(
        Diagnostic::new(
            Code::W0506,
            format!("`{}` hangs on the draw `{drawn}`, and `{name}` looks ahead as if that went on", decl.name),
            decl.span,
            "what is drawn holds for the whole step",
        )
        .label(span, format!("`{name}` is for flows that are smooth"))
        .help("write `using euler`: with chance in each step, a shorter step is what makes a run more exact"),
    );
}

/// A flow that is a constant share of its source, and takes more than all of it in one step.
fn drain(model: &Model, facts: &Facts, source: DeclId, name: &str, amount: ExprId, diagnostics: &mut Vec<Diagnostic>) {
    let Some(clock) = &facts.clock else { return };
    let Some(rate) = share(model, facts, source, amount) else { return };
    let part = rate * &clock.dt;
    // Beyond this the stages come to more than there is, too (Hairer, Wanner 1996, IV.2: where |R(z)| = 1 on the real axis).
    let (most, label) = match model.clock.as_ref().map(|c| c.method.0).unwrap_or_default() {
        Method::Euler => (BigRational::one(), "the stock is empty within one step"),
        Method::Rk2 => (BigRational::from_integer(2.into()), "the stages of a step miss the way down"),
        Method::Rk4 => (BigRational::new(2785.into(), 1000.into()), "the stages of a step miss the way down"),
    };
    if part > most + tolerance() && matches!(facts.decl(source).ty, Ty::Number(_)) {
        let times = plain(to_f64(&part), 4);
        let stock = &model.decl(source).name;
        diagnostics.push(
            Diagnostic::new(
                Code::W0502,
                format!("`{name}` takes {times} times what `{stock}` holds in each step"),
                model.expr(amount).span,
                label,
            )
            .help("take a shorter step, or check the unit of the rate"),
        );
    }
}

/// The constant by which an expression multiplies the source, where it is such a product.
fn share(model: &Model, facts: &Facts, source: DeclId, e: ExprId) -> Option<BigRational> {
    match &model.expr(e).kind {
        ExprKind::Decl(id) if *id == source => Some(BigRational::one()),
        ExprKind::Binary(BinaryOp::Multiply, a, b) => {
            let of = |x: ExprId, y: ExprId| Some(share(model, facts, source, x)? * number(model, facts, y)?);
            of(*a, *b).or_else(|| of(*b, *a))
        }
        ExprKind::Binary(BinaryOp::Divide, a, b) => {
            let divisor = number(model, facts, *b).filter(|v| !v.is_zero())?;
            Some(share(model, facts, source, *a)? / divisor)
        }
        _ => None,
    }
}

/// A constant, or a param's default.
fn number(model: &Model, facts: &Facts, e: ExprId) -> Option<BigRational> {
    match &model.expr(e).kind {
        ExprKind::Decl(id) => match model.decl(*id).kind {
            DeclKind::Param { value, set, .. } => constant(facts, set.unwrap_or(value)),
            _ => constant(facts, e),
        },
        _ => constant(facts, e),
    }
}
