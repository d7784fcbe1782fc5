//! Telling of loops: what depends on itself, name by name, and where time could pass.

use super::graph::{Edge, Graph, Node, sort};
use crate::diag::{Code, Diagnostic};
use crate::hir::{DeclId, DeclKind, Model};
use crate::source::{SourceMap, Span};

/// Functions that call themselves.
pub(super) fn recursion(model: &Model, diagnostics: &mut Vec<Diagnostic>) {
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

/// Values that hang on each other in one instant; `row_zero`: only in row 0.
pub(super) fn in_step(
    graph: &Graph,
    sources: &SourceMap,
    cycle: &[usize],
    row_zero: bool,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let model = graph.model;
    // A move's demand and what it gets are two nodes and one name, and a source stands between those that share it.
    let mut path: Vec<(DeclId, Span)> = walk(&graph.edges, cycle)
        .into_iter()
        .filter_map(|(i, span)| match graph.nodes.node(i) {
            Node::Let(id) | Node::Demand(id) | Node::Taken(id) => Some((model.whole(id), span)),
            _ => None,
        })
        .collect();
    path.dedup_by(|later, earlier| {
        let same = later.0 == earlier.0;
        // What it reads says more than that it shares a source.
        if same && earlier.1 == model.decl(earlier.0).span {
            earlier.1 = later.1;
        }
        same
    });
    if path.len() > 1 && path.first().map(|p| p.0) == path.last().map(|p| p.0) {
        let last = path.pop();
        if let (Some((id, span)), Some(first)) = (last, path.first_mut())
            && first.1 == model.decl(id).span
        {
            first.1 = span;
        }
    }
    if let [(id, span)] = path[..]
        && matches!(model.decl(id).kind, DeclKind::Trade(_))
    {
        let (name, read) = (&model.decl(id).name, sources.text(span));
        diagnostics.push(
            Diagnostic::new(
                Code::E0501,
                format!("the trade `{name}` hangs on itself in one instant"),
                span,
                format!("`{read}` is known when all legs have asked"),
            )
            .help(format!(
                "work out what each leg asks from what is known before, or read the row before: `previous({read}, 0)`"
            )),
        );
        return;
    }
    tell(model, sources, &path, row_zero, " in one instant", diagnostics);
}

/// Openings or metrics that hang on each other.
pub(super) fn at_start(
    model: &Model,
    sources: &SourceMap,
    edges: &[Vec<Edge>],
    cycle: &[usize],
    when: &str,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let path: Vec<(DeclId, Span)> = walk(edges, cycle).into_iter().map(|(i, span)| (DeclId(i as u32), span)).collect();
    tell(model, sources, &path, false, when, diagnostics);
}

fn is_set(model: &Model, id: DeclId) -> bool {
    matches!(model.decl(id).kind, DeclKind::Param { set: Some(_), .. } | DeclKind::Stock { set: Some(_), .. })
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
    let first = super::living::short(model, *first);
    let help = if row_zero {
        format!("in row 0 there is no row before: give it a start, `previous({first}, …)`")
    } else if when.is_empty() {
        "write one of them without the others".into()
    } else if when == " at the start" && path.len() == 1 && is_set(model, path[0].0) {
        format!(
            "a setting takes the place of what the model says, and cannot read it: write the value of `{first}` itself"
        )
    } else if when == " at the start" {
        "give one of them an opening that does not read the others".into()
    } else {
        format!(
            "let time pass somewhere: read the row before, `previous({first}, …)`, or make one of them a `state` or a `stock`"
        )
    };
    diagnostics.push(error.note(format!("the loop is {}", names.join(" → "))).help(help));
}
