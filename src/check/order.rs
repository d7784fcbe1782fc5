//! What is worked out before what, and what depends on itself in one instant.
//!
//! Two graphs: of the opening, where a name means its value at the start, and of the step, where a stock is known and a
//! `let` or a flow has to be worked out. Each is sorted (Tarjan 1972, without recursion); a component of more than one
//! member is a loop, unless it comes apart member by member (see [`super::recurrence`]).

use super::{Facts, recurrence};
use crate::builtins::{Kernel, Memory};
use crate::diag::{Code, Diagnostic};
use crate::hir::{DeclId, DeclKind, Descend, ExprId, ExprKind, Model, PlaceKind, ShortKind, Timing};
use crate::source::{SourceMap, Span};

/// Something that a step works out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Node {
    /// A `let`.
    Let(DeclId),
    /// What a flow or transfer asks for.
    Demand(DeclId),
    /// What it gets.
    Taken(DeclId),
}

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
    /// Lets and moves of a step.
    pub step: Vec<Step>,
    /// Lets that hang on what moves in the step, by [`DeclId`].
    pub after_moves: Vec<bool>,
}

#[derive(Clone, Copy)]
struct Edge {
    to: usize,
    span: Span,
    /// Only in row 0, through `previous` without a start.
    row_zero: bool,
}

struct Graph<'a> {
    model: &'a Model,
    edges: Vec<Vec<Edge>>,
}

pub(super) const KINDS: usize = 3;

pub(super) fn index(node: Node) -> usize {
    match node {
        Node::Let(id) => id.0 as usize * KINDS,
        Node::Demand(id) => id.0 as usize * KINDS + 1,
        Node::Taken(id) => id.0 as usize * KINDS + 2,
    }
}

pub(super) fn node(index: usize) -> Node {
    let id = DeclId((index / KINDS) as u32);
    [Node::Let(id), Node::Demand(id), Node::Taken(id)][index % KINDS]
}

/// Finds the order of work; where there are loops, reports them and gives the places of the names that are in one.
pub(super) fn check(
    model: &Model,
    sources: &SourceMap,
    facts: &mut Facts,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Span> {
    let before = diagnostics.len();
    recursion(model, diagnostics);
    if diagnostics.len() > before {
        return Vec::new();
    }
    let step = step_graph(model);
    let n = step.edges.len();
    let (order, components) = sort(n, |i| step.edges[i].iter().map(|e| e.to));
    // What builds on its neighbour, `x[a - 1]`, is no loop.
    let (mut apart, mut cycles) = (Vec::new(), Vec::new());
    for component in components {
        match recurrence::apart(model, facts, &component) {
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
        report_loop(model, sources, &step.edges, cycle, only_row_zero, diagnostics);
    }
    let opening = opening_graph(model);
    let (opening_order, mut opening_cycles) = sort(opening.len(), |i| opening[i].iter().map(|e| e.to));
    let is_apart = |decl: &usize| apart.iter().any(|(c, _)| c.contains(&(decl * KINDS)));
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
            report_opening_loop(model, sources, &opening, cycle, diagnostics);
        }
    }
    let metrics = metric_graph(model);
    let (_, mut metric_cycles) = sort(metrics.len(), |i| metrics[i].iter().map(|e| e.to));
    metric_cycles.retain(|cycle| recurrence::apart_at_start(model, facts, cycle).is_none());
    for cycle in &metric_cycles {
        let path: Vec<(DeclId, Span)> =
            walk(&metrics, cycle).into_iter().map(|(i, span)| (DeclId(i as u32), span)).collect();
        tell(model, sources, &path, false, "", diagnostics);
    }
    if !cycles.is_empty() || !opening_cycles.is_empty() || !metric_cycles.is_empty() {
        let step = cycles.iter().flatten().map(|i| i / KINDS);
        let others = opening_cycles.iter().chain(&metric_cycles).flatten().copied();
        return step.chain(others).map(|i| model.decls[i].span).collect();
    }
    let mut after_moves = vec![false; model.decls.len()];
    let mut reads_moves = vec![false; model.decls.len()];
    let component = |i: usize| apart.iter().find(|(c, _)| c.contains(&i));
    for i in &order {
        let own = [*i];
        // Those that build on each other hang on the same.
        let together = component(*i).map_or(&own[..], |(c, _)| c);
        let (mut after, mut reads) = (false, false);
        for edge in together.iter().flat_map(|i| &step.edges[*i]) {
            let (a, r) = match node(edge.to) {
                Node::Let(other) => (after_moves[other.0 as usize], reads_moves[other.0 as usize]),
                Node::Demand(m) | Node::Taken(m) => (!is_dated(model, m), true),
            };
            after |= a;
            reads |= r;
        }
        if let Node::Let(id) = node(*i) {
            after_moves[id.0 as usize] |= after;
            reads_moves[id.0 as usize] |= reads;
        }
    }
    too_early(model, sources, &after_moves, &reads_moves, diagnostics);
    let used = |i: usize| {
        matches!(
            (node(i), &model.decls[i / KINDS].kind),
            (Node::Let(_), DeclKind::Let { .. }) | (Node::Demand(_) | Node::Taken(_), DeclKind::Move(_))
        )
    };
    let mut steps: Vec<Step> = Vec::new();
    for i in order.into_iter().filter(|i| used(*i)) {
        match component(i) {
            // In the place of the first of them stand all.
            Some((c, inner)) if !steps.iter().any(|s| c.contains(&index(s.node))) => steps.extend(inner),
            Some(_) => {}
            None => steps.push(Step { node: node(i), member: None }),
        }
    }
    let opens = |id: DeclId| {
        matches!(model.decl(id).kind, DeclKind::Param { .. } | DeclKind::Stock { .. } | DeclKind::State { .. })
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
    facts.order = Order { opening: openings, step: steps, after_moves };
    Vec::new()
}

/// Whether a move happens on a date, before the row is recorded.
pub(crate) fn is_dated(model: &Model, id: DeclId) -> bool {
    matches!(&model.decl(id).kind, DeclKind::Move(m) if matches!(m.timing, Timing::At(_) | Timing::Every { .. }))
}

fn step_graph(model: &Model) -> Graph<'_> {
    let mut graph = Graph { model, edges: vec![Vec::new(); model.decls.len() * KINDS] };
    for (id, decl) in model.decls() {
        match &decl.kind {
            DeclKind::Let { value } => graph.expr(index(Node::Let(id)), *value),
            DeclKind::Move(m) => {
                let demand = index(Node::Demand(id));
                graph.expr(demand, m.amount);
                if let Timing::When { condition, .. } = m.timing {
                    graph.expr(demand, condition);
                }
                let taken = index(Node::Taken(id));
                graph.edges[taken].push(Edge { to: demand, span: decl.span, row_zero: false });
                if m.short.is_some() && !is_dated(model, id) {
                    graph.shared(taken, id, m.from.kind, m.short, decl.span);
                }
            }
            _ => {}
        }
    }
    graph
}

impl Graph<'_> {
    /// What a capped move gets hangs on all that leave its source and on what comes in for certain.
    fn shared(&mut self, taken: usize, own: DeclId, source: PlaceKind, short: Option<ShortKind>, span: Span) {
        let edges: Vec<Edge> = self
            .model
            .moves()
            .filter(|(id, _, _)| *id != own && !is_dated(self.model, *id))
            .filter(|(id, _, m)| match m.short {
                None => m.from.kind == source || m.to.kind == source,
                // Those that are served in order hang on the earlier ones of their kind, the rest on all of theirs.
                Some(_) if m.from.kind != source || rank(m.short) > rank(short) => false,
                Some(ShortKind::Capped) => true,
                Some(_) => rank(m.short) < rank(short) || *id < own,
            })
            .map(|(id, _, _)| Edge { to: index(Node::Demand(id)), span, row_zero: false })
            .collect();
        self.edges[taken].extend(edges);
    }

    fn expr(&mut self, from: usize, e: ExprId) {
        let (model, edges) = (self.model, &mut self.edges[from]);
        model.reads(e, |e, kind| {
            let span = model.expr(e).span;
            let (node, row_zero) = read_at(model, e);
            edges.extend(node.map(|node| Edge { to: index(node), span, row_zero }));
            match kind {
                ExprKind::Builtin(b, _) if matches!(b.kernel, Kernel::Memory(_)) => Descend::Rest,
                _ => Descend::Into,
            }
        });
    }
}

/// What an expression itself reads within a step, and whether only in row 0.
pub(super) fn read_at(model: &Model, e: ExprId) -> (Option<Node>, bool) {
    if let ExprKind::Builtin(b, args) = &model.expr(e).kind
        && let Kernel::Memory(memory) = b.kernel
    {
        let name = args.first().copied().flatten().and_then(|a| model.named(a));
        let Some(id) = name else { return (None, false) };
        let at = match (&model.decl(id).kind, memory) {
            (DeclKind::Let { .. }, _) => Some(Node::Let(id)),
            (DeclKind::Move(_), Memory::Requested) => Some(Node::Demand(id)),
            (DeclKind::Move(_), _) => Some(Node::Taken(id)),
            _ => None,
        };
        return match memory {
            Memory::Previous if args.get(1).is_none_or(Option::is_none) => (at, true),
            Memory::Opening | Memory::Initial | Memory::Requested => (at, false),
            Memory::Previous | Memory::Total => (None, false),
        };
    }
    let node = model.named(e).and_then(|id| match model.decl(id).kind {
        DeclKind::Let { .. } => Some(Node::Let(id)),
        DeclKind::Move(_) => Some(Node::Taken(id)),
        _ => None,
    });
    (node, false)
}

/// Who is served before whom.
pub(super) fn rank(short: Option<ShortKind>) -> u8 {
    match short {
        None => 0,
        Some(ShortKind::CappedFirst) => 1,
        Some(ShortKind::Capped) => 2,
        Some(ShortKind::OrSkip) => 3,
    }
}

/// What each name hangs on at the start, by [`DeclId`].
fn opening_graph(model: &Model) -> Vec<Vec<Edge>> {
    let mut edges = vec![Vec::new(); model.decls.len()];
    for (id, decl) in model.decls() {
        let start = match &decl.kind {
            DeclKind::Param { value, set, .. } => set.unwrap_or(*value),
            DeclKind::Let { value } | DeclKind::Column { value } => *value,
            DeclKind::State { initial, .. } => *initial,
            DeclKind::Stock { opening, set, .. } => set.unwrap_or(*opening),
            _ => continue,
        };
        let edges = &mut edges[id.0 as usize];
        model.reads(start, |e, kind| {
            if let Some(other) = model.named(e) {
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
        });
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

/// Functions that call themselves.
fn recursion(model: &Model, diagnostics: &mut Vec<Diagnostic>) {
    let (_, cycles) = sort(model.fns.len(), |i| model.fns[i].calls.iter().map(|(f, _)| f.0 as usize));
    for cycle in cycles {
        let first = &model.fns[cycle[0]];
        let span = first.calls.iter().find(|(f, _)| cycle.contains(&(f.0 as usize))).map_or(first.span, |c| c.1);
        let names: Vec<String> =
            cycle.iter().chain(cycle.first()).map(|i| format!("`{}`", model.fns[*i].name)).collect();
        diagnostics.push(
            Diagnostic::new(
                Code::E0204,
                format!("the function `{}` calls itself", first.name),
                span,
                "this call comes back to it",
            )
            .note(format!("the calls are {}", names.join(" → ")))
            .help("a value that builds on its last one is a `state` with a `next` rule"),
        );
    }
}

/// The values on a loop, each once, in the order in which they read each other.
fn walk(edges: &[Vec<Edge>], component: &[usize]) -> Vec<(usize, Span)> {
    // Breadth first from the first member: the shortest way back to it.
    let start = component.iter().copied().min().unwrap_or(0);
    let mut came: Vec<(usize, usize, Span)> = Vec::new();
    let mut queue = vec![start];
    let mut at = 0;
    while let Some(&i) = queue.get(at) {
        at += 1;
        for edge in edges[i].iter().filter(|e| component.contains(&e.to)) {
            if edge.to == start {
                let mut path = vec![(i, edge.span)];
                let mut here = i;
                while let Some((_, from, span)) = came.iter().find(|(to, ..)| *to == here) {
                    path.push((*from, *span));
                    here = *from;
                }
                path.reverse();
                return path;
            }
            if !queue.contains(&edge.to) {
                queue.push(edge.to);
                came.push((edge.to, i, edge.span));
            }
        }
    }
    Vec::new()
}

fn report_loop(
    model: &Model,
    sources: &SourceMap,
    edges: &[Vec<Edge>],
    cycle: &[usize],
    row_zero: bool,
    diagnostics: &mut Vec<Diagnostic>,
) {
    // A move's demand and what it gets are two nodes and one name.
    let mut path: Vec<(DeclId, Span)> =
        walk(edges, cycle).into_iter().map(|(i, span)| (DeclId((i / KINDS) as u32), span)).collect();
    path.dedup_by(|later, earlier| {
        let same = later.0 == earlier.0;
        if same {
            earlier.1 = later.1;
        }
        same
    });
    if path.len() > 1 && path.first().map(|p| p.0) == path.last().map(|p| p.0) {
        path.pop();
    }
    tell(model, sources, &path, row_zero, " in one instant", diagnostics);
}

fn report_opening_loop(
    model: &Model,
    sources: &SourceMap,
    edges: &[Vec<Edge>],
    cycle: &[usize],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let path: Vec<(DeclId, Span)> = walk(edges, cycle).into_iter().map(|(i, span)| (DeclId(i as u32), span)).collect();
    tell(model, sources, &path, false, " at the start", diagnostics);
}

fn tell(
    model: &Model,
    sources: &SourceMap,
    path: &[(DeclId, Span)],
    row_zero: bool,
    when: &str,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let Some((first, first_span)) = path.first() else { return };
    let name = |id: DeclId| format!("`{}`", model.decl(id).name);
    let names: Vec<String> = path.iter().chain(path.first()).map(|(id, _)| name(*id)).collect();
    let message = match path.len() {
        1 => format!("{} depends on itself{when}", names[0]),
        n => format!("{} values depend on each other{when}", n),
    };
    let reads = |i: usize| {
        let next = path[(i + 1) % path.len()].0;
        let line = sources.position(model.decl(next).span).map_or(0, |(line, _)| line);
        if path[i].1 == model.decl(path[i].0).span {
            // Not its text, but its cap makes it hang on the other.
            return format!("what is left for {} hangs on {}, declared in line {line}", name(path[i].0), name(next));
        }
        format!("{} reads {}, declared in line {line}", name(path[i].0), name(next))
    };
    let mut error = Diagnostic::new(Code::E0501, message, *first_span, reads(0));
    for (i, (_, span)) in path.iter().enumerate().skip(1).take(7) {
        error = error.label(*span, reads(i));
    }
    let first = &model.decl(*first).name;
    let help = if row_zero {
        format!("in row 0 there is no row before: give it a start, `previous({first}, …)`")
    } else if when.is_empty() {
        "write one of them without the others".into()
    } else if when == " at the start" {
        "give one of them an opening that does not read the others".into()
    } else {
        format!(
            "let time pass somewhere: read the row before, `previous({first}, …)`, or make one of them a `state` or a `stock`"
        )
    };
    diagnostics.push(error.note(format!("the loop is {}", names.join(" → "))).help(help));
}

/// What moves in a step is read before the step has moved it.
fn too_early(model: &Model, sources: &SourceMap, after: &[bool], reads: &[bool], diagnostics: &mut Vec<Diagnostic>) {
    // The first name in an expression that hangs on what moves; `any` move, or only one within the step.
    let find = |start: ExprId, any: bool| -> Option<(ExprId, DeclId)> {
        let mut found = None;
        model.reads(start, |e, kind| {
            let moves = |id: DeclId| match model.decl(id).kind {
                DeclKind::Move(_) => any || !is_dated(model, id),
                DeclKind::Let { .. } if any => reads[id.0 as usize],
                DeclKind::Let { .. } => after[id.0 as usize],
                _ => false,
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
                format!("`{name}` has not moved yet when {who} reads it"),
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
            DeclKind::Move(m) if is_dated(model, id) => {
                let who = format!("the dated transfer `{}`", decl.name);
                report(find(m.amount, true), &who);
            }
            DeclKind::Stock { opening, set, .. } => {
                report(find(set.unwrap_or(*opening), true), &format!("the opening of `{}`", decl.name))
            }
            DeclKind::State { initial, .. } => report(find(*initial, true), &format!("the opening of `{}`", decl.name)),
            _ => {}
        }
    }
    // `opening(x)` and `initial(x)` are known before anything moves in the step.
    for expr in &model.exprs {
        if let ExprKind::Builtin(b, args) = &expr.kind
            && matches!(b.kernel, Kernel::Memory(Memory::Opening | Memory::Initial))
            && let Some(arg) = args.first().copied().flatten()
            && !in_metric(model, b.reducer.is_some(), expr.span)
        {
            report(find(arg, false), &format!("`{}`", b.name()));
        }
    }
}

/// Whether a place lies in a metric, where `initial` looks back from the end of the run.
fn in_metric(model: &Model, reducer: bool, span: Span) -> bool {
    reducer
        && model.decls.iter().any(|d| {
            matches!(d.kind, DeclKind::Metric { .. }) && d.whole.start <= span.start && span.end <= d.whole.end
        })
}

/// Sorts nodes so that each comes after those that its edges lead to, and finds the components that are loops.
pub(super) fn sort<I: Iterator<Item = usize>>(n: usize, edges: impl Fn(usize) -> I) -> (Vec<usize>, Vec<Vec<usize>>) {
    const NEW: usize = usize::MAX;
    let (mut number, mut low, mut on_stack) = (vec![NEW; n], vec![0; n], vec![false; n]);
    let (mut stack, mut order, mut cycles, mut next) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for root in 0..n {
        if number[root] != NEW {
            continue;
        }
        let mut work: Vec<(usize, Vec<usize>, usize)> = Vec::new();
        let mut enter = |i: usize,
                         work: &mut Vec<(usize, Vec<usize>, usize)>,
                         number: &mut [usize],
                         low: &mut [usize],
                         on_stack: &mut [bool],
                         stack: &mut Vec<usize>| {
            (number[i], low[i], on_stack[i]) = (next, next, true);
            next += 1;
            stack.push(i);
            work.push((i, edges(i).collect(), 0));
        };
        enter(root, &mut work, &mut number, &mut low, &mut on_stack, &mut stack);
        while let Some((i, targets, at)) = work.last_mut() {
            let i = *i;
            if let Some(&to) = targets.get(*at) {
                *at += 1;
                if number[to] == NEW {
                    enter(to, &mut work, &mut number, &mut low, &mut on_stack, &mut stack);
                } else if on_stack[to] {
                    low[i] = low[i].min(number[to]);
                }
                continue;
            }
            let own = targets.contains(&i);
            work.pop();
            if let Some((parent, ..)) = work.last() {
                low[*parent] = low[*parent].min(low[i]);
            }
            if low[i] == number[i] {
                let mut component = Vec::new();
                while let Some(member) = stack.pop() {
                    on_stack[member] = false;
                    component.push(member);
                    if member == i {
                        break;
                    }
                }
                order.extend(component.iter().copied());
                if component.len() > 1 || own {
                    component.sort_unstable();
                    cycles.push(component);
                }
            }
        }
    }
    (order, cycles)
}
