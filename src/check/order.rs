//! What is worked out before what, and what depends on itself in one instant.
//!
//! Two graphs: of the opening, where a name means its value at the start, and of the step, where a stock is known and a
//! `let` or a flow has to be worked out. Each is sorted; a component of more than one member is a loop, unless it comes
//! apart member by member (see [`super::recurrence`]).

use super::graph::{Edge, Graph, Node, sort};
use super::{Facts, births, early, loops, recurrence};
use crate::builtins::{Builtin, Kernel, Memory};
use crate::diag::Diagnostic;
use crate::hir::{DeclId, DeclKind, Descend, EntityId, ExprId, ExprKind, Model, Timing};
use crate::source::{SourceMap, Span};

/// A piece of work: all members of a node in their order, or one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// What is worked out.
    pub node: Node,
    /// Which member, by its place in the shape; `None` for all.
    pub member: Option<u32>,
}

/// The order of work.
#[derive(Clone, Debug, Default)]
pub struct Order {
    /// Params, stocks and states at the start: all members, or one of an array that builds on itself.
    pub opening: Vec<(DeclId, Option<u32>)>,
    /// What a newborn opens with, by the number of its entity: traits as they are declared, then stocks and states. Members are
    /// those of the other axes.
    pub births: Vec<Vec<(DeclId, Option<u32>)>>,
    /// Lets and moves of a step. Those of one phase stand in their order among those of the others.
    pub step: Vec<Step>,
    /// The last phase on whose moves and lets a value hangs, by [`DeclId`]; of what hangs on none there is none.
    pub after: Vec<Option<usize>>,
    /// Whether a value hangs on what is drawn in the step, by [`DeclId`].
    pub drawn: Vec<bool>,
}

/// Finds the order of work; where there are loops, reports them and gives the places of the names that are in one.
pub(super) fn check(
    model: &Model,
    sources: &SourceMap,
    facts: &mut Facts,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Span> {
    let before = diagnostics.len();
    loops::recursion(model, diagnostics);
    if diagnostics.len() > before {
        return Vec::new();
    }
    let unborn = births::too_early(model, sources, diagnostics);
    let before = diagnostics.len();
    let after = early::After::new(model);
    early::phases(model, sources, &after, diagnostics);
    if diagnostics.len() > before {
        return Vec::new();
    }
    let step = Graph::new(model);
    let n = step.edges.len();
    let (order, components) = sort(n, |i| step.edges[i].iter().map(|e| e.to));
    // What builds on its neighbour, `x[a - 1]`, is no loop.
    let (mut apart, mut cycles) = (Vec::new(), Vec::new());
    for component in components {
        let nodes: Vec<Node> = component.iter().map(|i| step.nodes.node(*i)).collect();
        match recurrence::apart(model, facts, &step.sources, &nodes) {
            Some(steps) => apart.push((component, steps)),
            None => cycles.push(component),
        }
    }
    let mut instant = vec![false; n];
    if !cycles.is_empty() {
        let loops = sort(n, |i| step.edges[i].iter().filter(|e| !e.row_zero).map(|e| e.to)).1;
        loops.into_iter().flatten().for_each(|i| instant[i] = true);
    }
    for cycle in &cycles {
        let only_row_zero = !cycle.iter().any(|i| instant[*i]);
        loops::in_step(&step, sources, cycle, only_row_zero, diagnostics);
    }
    let opening = opening_graph(model);
    let (opening_order, mut opening_cycles) = sort(opening.len(), |i| opening[i].iter().map(|e| e.to));
    let value = |i: usize| step.nodes.index(Node::Let(DeclId(i as u32)));
    let is_apart = |decl: &usize| apart.iter().any(|(c, _)| c.contains(&value(*decl)));
    let mut opened = Vec::new();
    opening_cycles.retain(|cycle| {
        let steps = recurrence::apart_at_start(model, facts, cycle);
        let fine = steps.is_some() || cycle.iter().all(is_apart);
        opened.extend(steps.map(|steps| (cycle.clone(), steps)));
        !fine
    });
    // A let that reads itself is a loop of the step, too, and has been reported there.
    if cycles.is_empty() {
        for cycle in &opening_cycles {
            loops::at_start(model, sources, &opening, cycle, " at the start", diagnostics);
        }
    }
    let metrics = metric_graph(model);
    let (_, mut metric_cycles) = sort(metrics.len(), |i| metrics[i].iter().map(|e| e.to));
    metric_cycles.retain(|cycle| recurrence::apart_at_start(model, facts, cycle).is_none());
    for cycle in &metric_cycles {
        loops::at_start(model, sources, &metrics, cycle, "", diagnostics);
    }
    if !cycles.is_empty() || !opening_cycles.is_empty() || !metric_cycles.is_empty() {
        let step = cycles.iter().flatten().filter_map(|i| match step.nodes.node(*i) {
            Node::Let(id) | Node::Demand(id) | Node::Taken(id) => Some(id),
            _ => None,
        });
        let others = opening_cycles.iter().chain(&metric_cycles).flatten().map(|i| DeclId(*i as u32));
        return step.chain(others).map(|id| model.decl(id).span).collect();
    }
    early::before_the_step(model, sources, (&after, &unborn), diagnostics);
    let used = |node: Node| match node {
        Node::Let(id) => {
            matches!(model.decl(id).kind, DeclKind::Let { .. } | DeclKind::Policy { .. } | DeclKind::Draw(_))
        }
        Node::Demand(id) => matches!(model.decl(id).kind, DeclKind::Move(_)),
        Node::Taken(id) => !model.legs(id).is_empty(),
        _ => false,
    };
    let mut together: Vec<Option<usize>> = vec![None; n];
    for (number, (component, _)) in apart.iter().enumerate() {
        component.iter().for_each(|i| together[*i] = Some(number));
    }
    let mut steps: Vec<Step> = Vec::new();
    let mut placed = vec![false; apart.len()];
    for i in order {
        match together[i] {
            // In the place of the first of them stand all.
            Some(number) if !std::mem::replace(&mut placed[number], true) => {
                steps.extend(apart[number].1.iter().filter(|s| used(s.node)));
            }
            Some(_) => {}
            None => {
                let node = step.nodes.node(i);
                steps.extend(used(node).then_some(Step { node, member: None }));
            }
        }
    }
    let opens = |id: DeclId| {
        matches!(
            model.decl(id).kind,
            DeclKind::Param { .. } | DeclKind::Stock { .. } | DeclKind::State { .. } | DeclKind::Trait(_)
        )
    };
    let mut openings: Vec<(DeclId, Option<u32>)> = Vec::new();
    for i in opening_order {
        let id = DeclId(i as u32);
        match opened.iter().find(|(cycle, _)| cycle.contains(&i)) {
            Some((_, steps)) if !openings.iter().any(|(o, _)| steps.iter().any(|(s, _)| s == o)) => {
                openings.extend(steps.iter().filter(|(s, _)| opens(*s)).map(|(s, m)| (*s, Some(*m))));
            }
            Some(_) => {}
            None if opens(id) => openings.push((id, None)),
            None => {}
        }
    }
    let of = |entity: usize| {
        let own = |(id, _): &&(DeclId, Option<u32>)| model.decl(*id).entity == Some(EntityId(entity as u32));
        let mut births: Vec<(DeclId, Option<u32>)> = openings.iter().filter(own).copied().collect();
        let given = |id: DeclId| matches!(model.decl(id).kind, DeclKind::Trait(_));
        births.sort_by_key(|(id, _)| if given(*id) { id.0 } else { u32::MAX });
        births
    };
    let births = (0..model.entities.len()).map(of).collect();
    openings.retain(|(id, _)| model.decl(*id).entity.is_none());
    facts.order = Order { opening: openings, births, step: steps, after: after.phase, drawn: after.drawn };
    Vec::new()
}

/// Whether a move happens on a date, before the row is recorded.
pub(crate) fn is_dated(model: &Model, id: DeclId) -> bool {
    let timing = match &model.decl(id).kind {
        DeclKind::Move(m) => &m.timing,
        DeclKind::Trade(trade) => &trade.timing,
        _ => return false,
    };
    matches!(timing, Timing::At(_) | Timing::Every { .. })
}

/// Whether an expression names something that happens within a step, a move or a `let` of a phase: it has no value in the
/// last row.
pub(super) fn ends_with_the_steps(model: &Model, start: ExprId) -> bool {
    let moves = |id: DeclId| matches!(model.decl(id).kind, DeclKind::Move(_) | DeclKind::Trade(_));
    reads_now(model, start, |id| {
        let drawn = matches!(model.decl(id).kind, DeclKind::Draw(_));
        drawn || (moves(id) && !is_dated(model, id)) || model.decl(id).phase.is_some()
    })
}

/// Whether an expression reads such a name in its own row. The row before and sums so far are known; only a start may hang
/// on something.
pub(crate) fn reads_now(model: &Model, start: ExprId, such: impl Fn(DeclId) -> bool) -> bool {
    // A sum so far, or the row before where its start is given.
    let looks_back = |builtin: &Builtin, args: &[Option<ExprId>]| match builtin.kernel {
        Kernel::Memory(Memory::Total) => true,
        Kernel::Memory(Memory::Previous) => args.get(1).is_some_and(Option::is_some),
        _ => false,
    };
    let mut found = false;
    model.reads(start, |e, kind| {
        found |= model.named(e).is_some_and(&such);
        match kind {
            _ if found => Descend::Stop,
            ExprKind::Builtin(b, args) if looks_back(b, args) => Descend::Rest,
            _ => Descend::Into,
        }
    });
    found
}

/// What each name hangs on at the start, by [`DeclId`].
fn opening_graph(model: &Model) -> Vec<Vec<Edge>> {
    let mut edges = vec![Vec::new(); model.decls.len()];
    for (id, decl) in model.decls() {
        let starts: Vec<ExprId> = match &decl.kind {
            DeclKind::Param { value, set, dist, .. } => {
                let args = dist.iter().flat_map(|d| &d.args).copied();
                args.chain([set.unwrap_or(*value)]).collect()
            }
            DeclKind::Let { value } | DeclKind::Column { value } => vec![*value],
            DeclKind::Policy { options, .. } => options.iter().map(|(.., e)| *e).collect(),
            DeclKind::State { initial, .. } => vec![*initial],
            DeclKind::Stock { opening, set, .. } => vec![set.unwrap_or(*opening)],
            DeclKind::Trait(of) => of.parts(model),
            _ => continue,
        };
        let edges = &mut edges[id.0 as usize];
        let mut read = |start: ExprId| {
            model.reads(start, |e, kind| {
                // The others are there when one is born.
                // What a trait reads of its own member has been looked at: it stands in the order of the text.
                let ordered =
                    |id: DeclId| matches!(decl.kind, DeclKind::Trait(_)) && model.decl(id).entity == decl.entity;
                if let Some(other) = model.named(e)
                    && !model.of_another(e)
                    && !ordered(other)
                {
                    edges.push(Edge { to: other.0 as usize, span: model.expr(e).span, row_zero: false });
                }
                match kind {
                    ExprKind::Builtin(b, args) => match b.kernel {
                        Kernel::Memory(Memory::Previous) if args.get(1).is_some_and(Option::is_some) => Descend::Rest,
                        Kernel::Memory(Memory::Total) => Descend::Past,
                        _ => Descend::Into,
                    },
                    _ => Descend::Into,
                }
            })
        };
        starts.into_iter().for_each(&mut read);
    }
    edges
}

/// Which metrics read which, by [`DeclId`].
fn metric_graph(model: &Model) -> Vec<Vec<Edge>> {
    let mut edges = vec![Vec::new(); model.decls.len()];
    for (id, decl) in model.decls() {
        let DeclKind::Metric { value, .. } = decl.kind else { continue };
        let edges = &mut edges[id.0 as usize];
        model.reads(value, |e, _| {
            if let Some(other) = model.named(e)
                && matches!(model.decl(other).kind, DeclKind::Metric { .. })
            {
                edges.push(Edge { to: other.0 as usize, span: model.expr(e).span, row_zero: false });
            }
            Descend::Into
        });
    }
    edges
}
