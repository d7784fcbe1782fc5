//! What moves in a step is read before the step has moved it.
//!
//! A dated transfer comes before all that moves in the step, a phase before the phases behind it.

use super::graph::{phase_of, read_at, sort};
use super::is_dated;
use super::living::opens_with;
use crate::builtins::{Kernel, Memory};
use crate::diag::{Code, Diagnostic};
use crate::hir::{Decl, DeclId, DeclKind, Descend, ExprId, ExprKind, Model, Spawn, SpawnKind, Timing};
use crate::source::{SourceMap, Span};

/// What each value hangs on that moves, by [`DeclId`].
pub(super) struct After {
    /// The last phase on whose moves and lets it hangs.
    pub phase: Vec<Option<usize>>,
    /// It hangs on something that moves, dated or not.
    any: Vec<bool>,
    /// It hangs on what is drawn in the step.
    pub drawn: Vec<bool>,
}

impl After {
    pub(super) fn new(model: &Model) -> Self {
        let values = |decl: &Decl| match &decl.kind {
            DeclKind::Let { value } => vec![*value],
            DeclKind::Expect(expect) => vec![expect.value],
            DeclKind::Policy { options, .. } => options.iter().map(|(.., e)| *e).collect(),
            DeclKind::Draw(draw) => draw.dist.args.clone(),
            _ => Vec::new(),
        };
        let read: Vec<Vec<DeclId>> = model
            .decls
            .iter()
            .map(|d| values(d).into_iter().flat_map(|e| reads(model, e).into_iter().map(|(_, id)| id)).collect())
            .collect();
        let moves = |d: &Decl| matches!(d.kind, DeclKind::Move(_) | DeclKind::Trade(_));
        let mut after = Self {
            phase: model
                .decls()
                .map(|(id, d)| match d.kind {
                    _ if moves(d) && !is_dated(model, id) => Some(d.phase.unwrap_or(0)),
                    DeclKind::Let { .. } | DeclKind::Draw(_) => d.phase,
                    _ => None,
                })
                .collect(),
            any: model.decls.iter().map(|d| moves(d) || d.phase.is_some()).collect(),
            drawn: model.decls.iter().map(|d| matches!(d.kind, DeclKind::Draw(_))).collect(),
        };
        let (order, cycles) = sort(read.len(), |i| read[i].iter().map(|id| id.0 as usize));
        // Those that build on each other hang on the same.
        let mut together: Vec<Option<usize>> = vec![None; read.len()];
        for (number, cycle) in cycles.iter().enumerate() {
            cycle.iter().for_each(|i| together[*i] = Some(number));
        }
        for i in order {
            let own = [i];
            let all = together[i].map_or(&own[..], |number| &cycles[number][..]);
            let parts = || all.iter().flat_map(|i| &read[*i]).map(|id| id.0 as usize);
            after.any[i] |= parts().any(|p| after.any[p]);
            after.drawn[i] |= parts().any(|p| after.drawn[p]);
            // What a phase has worked out is a fact, whatever it read.
            if model.decls[i].phase.is_none() {
                after.phase[i] = after.phase[i].max(parts().filter_map(|p| after.phase[p]).max());
            }
        }
        after
    }
}

/// The names that an expression reads at its own moment, with the places.
fn reads(model: &Model, e: ExprId) -> Vec<(ExprId, DeclId)> {
    let mut found = Vec::new();
    model.reads(e, |e, kind| {
        if let (Some(super::Node::Let(id) | super::Node::Demand(id) | super::Node::Taken(id)), _) = read_at(model, e) {
            found.push((e, id));
        }
        match kind {
            ExprKind::Builtin(b, _) if matches!(b.kernel, Kernel::Memory(_)) => Descend::Rest,
            _ => Descend::Into,
        }
    });
    found
}

/// A phase reads what a later one works out.
pub(super) fn phases(model: &Model, sources: &SourceMap, after: &After, diagnostics: &mut Vec<Diagnostic>) {
    for (id, decl) in model.decls() {
        let Some(phase) = decl.phase else { continue };
        let mut parts: Vec<ExprId> = match &decl.kind {
            DeclKind::Let { value } | DeclKind::Update { value, .. } => vec![*value],
            DeclKind::Move(m) => std::iter::once(m.amount).chain(m.shares()).collect(),
            DeclKind::Draw(draw) => draw.dist.args.clone(),
            _ => continue,
        };
        if let DeclKind::Move(m) = &decl.kind
            && let Timing::When { condition, .. } = m.timing
        {
            parts.push(condition);
        }
        let late = |other: &DeclId| after.phase[other.0 as usize].is_some_and(|p| p > phase);
        let Some((e, other)) =
            parts.into_iter().flat_map(|e| reads(model, e)).find(|(_, other)| late(other) && *other != id)
        else {
            continue;
        };
        let (Some(mine), Some(its)) =
            (model.phases.get(phase), after.phase[other.0 as usize].and_then(|p| model.phases.get(p)))
        else {
            continue;
        };
        let read = model.decl(other);
        let own = phase_of(model, super::Node::Taken(other)).is_some();
        let line = sources.position(read.span).map_or(0, |(line, _)| line);
        let (fact, label) = if own {
            (format!("`{}` is not known yet in the phase `{}`", read.name, mine.name), String::new())
        } else {
            (
                format!("`{}` hangs on what is not known yet in the phase `{}`", read.name, mine.name),
                String::from("what it reads is worked out "),
            )
        };
        let where_to = format!("in the phase `{}`, which comes later; declared in line {line}", its.name);
        diagnostics.push(Diagnostic::new(Code::E0505, fact, model.expr(e).span, format!("{label}{where_to}")).help(
            format!(
                "read what it was in the step before, `previous({}, 0)`, or let `{}` come earlier",
                read.name, its.name
            ),
        ));
    }
}

/// What moves in a step is read by what comes before all of the step.
/// `unborn`: what is not there at a birth, and has been reported.
pub(super) fn before_the_step(
    model: &Model,
    sources: &SourceMap,
    (after, unborn): (&After, &[Span]),
    diagnostics: &mut Vec<Diagnostic>,
) {
    // The first name in an expression that hangs on what moves; `any` move, or only one within the step.
    let find = |start: ExprId, any: bool, drawn: bool| -> Option<(ExprId, DeclId)> {
        let mut found = None;
        model.reads(start, |e, kind| {
            let moves = |id: DeclId| {
                let at = id.0 as usize;
                drawn && after.drawn[at] || if any { after.any[at] } else { after.phase[at].is_some() }
            };
            if let Some(id) = model.named(e).filter(|id| moves(*id)) {
                found = Some((e, id));
                return Descend::Stop;
            }
            match kind {
                ExprKind::Builtin(b, _) if matches!(b.kernel, Kernel::Memory(Memory::Previous | Memory::Total)) => {
                    Descend::Rest
                }
                _ => Descend::Into,
            }
        });
        found
    };
    let mut report = |found: Option<(ExprId, DeclId)>, who: &str| {
        let Some((e, id)) = found else { return };
        let name = &model.decl(id).name;
        let line = sources.position(model.decl(id).span).map_or(0, |(line, _)| line);
        diagnostics.push(
            Diagnostic::new(
                Code::E0505,
                match model.decl(id).kind {
                    DeclKind::Move(_) | DeclKind::Trade(_) => format!("`{name}` has not moved yet when {who} reads it"),
                    _ => format!("`{name}` is not known yet when {who} reads it"),
                },
                model.expr(e).span,
                format!("`{name}` is declared in line {line}"),
            )
            .help(if who.starts_with("the opening") {
                "an opening reads params and other openings".to_string()
            } else if who == "`initial`" {
                "what moves in row 0 is known when it has moved: metrics can ask for it".to_string()
            } else {
                format!("read what it was in the row before: `previous({name}, 0)`")
            }),
        );
    };
    for (id, decl) in model.decls() {
        match &decl.kind {
            // In a phase it has no date, and that has been said.
            DeclKind::Move(m) if is_dated(model, id) && decl.phase.is_none() => {
                let who = format!("the dated transfer `{}`", decl.name);
                report(std::iter::once(m.amount).chain(m.shares()).find_map(|e| find(e, true, false)), &who);
            }
            DeclKind::Draw(draw) if decl.phase.is_none() => {
                let who = format!("the draw `{}`", decl.name);
                report(draw.dist.args.iter().find_map(|e| find(*e, true, false)), &who);
            }
            DeclKind::Stock { .. } | DeclKind::State { .. } | DeclKind::Trait(_) => {
                // Who is born at the end of a step may look back on it.
                let first = |s: &Spawn| Some(s.entity) == decl.entity && matches!(s.how, SpawnKind::Initially);
                if decl.entity.is_some() && !model.spawns.iter().any(first) {
                    continue;
                }
                let found = opens_with(model, decl).into_iter().find_map(|e| find(e, true, true));
                let known = |(e, _): &(ExprId, DeclId)| unborn.contains(&model.expr(*e).span);
                report(found.filter(|f| !known(f)), &format!("the opening of `{}`", decl.name))
            }
            _ => {}
        }
    }
    for spawn in model.spawns.iter().filter(|s| matches!(s.how, SpawnKind::Initially)) {
        let name = &model.entities[spawn.entity.0 as usize].name;
        report(find(spawn.count, true, true), &format!("the opening of `{name}`"));
    }
    // `opening(x)` and `initial(x)` are known before anything moves in the step.
    for expr in &model.exprs {
        if let ExprKind::Builtin(b, args) = &expr.kind
            && matches!(b.kernel, Kernel::Memory(Memory::Opening | Memory::Initial))
            && let Some(arg) = args.first().copied().flatten()
            && !in_metric(model, b.reducer.is_some(), expr.span)
        {
            report(find(arg, false, false), &format!("`{}`", b.name()));
        }
    }
}

/// Whether a place lies in a metric, where `initial` looks back from the end of the run.
fn in_metric(model: &Model, reducer: bool, span: Span) -> bool {
    let within = |whole: Span| whole.start <= span.start && span.end <= whole.end;
    let metric = |d: &Decl| matches!(d.kind, DeclKind::Metric { .. }) && within(d.whole);
    reducer && (model.decls.iter().any(metric) || model.goals.iter().any(|g| within(g.span)))
}
