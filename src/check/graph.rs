//! What hangs on what within a step: a graph of names.
//!
//! A `let` is a node, of a move what it asks for and what it gets are two, and each source that capped moves share is three:
//! what it has for them, what those that share it get, and what is left for those that skip. So a source of many moves costs
//! an edge a move, and not one for each two of them. Absent on purpose: members (see [`super::recurrence`]).

use std::collections::HashMap;

use super::is_dated;
use crate::builtins::{Kernel, Memory};
use crate::hir::{DeclId, DeclKind, Descend, ExprId, ExprKind, Model, Move, PlaceKind, ShortKind, Timing};
use crate::source::Span;

/// Something that a step works out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Node {
    /// A `let`, a policy, or a draw.
    Let(DeclId),
    /// What a flow, a transfer or a leg asks for.
    Demand(DeclId),
    /// What a flow or a transfer gets; of a trade, the factor.
    Taken(DeclId),
    /// What a source has for capped moves, by the number of the source.
    Room(usize),
    /// What those get that share it.
    Pool(usize),
    /// What is left for those that skip.
    Left(usize),
}

/// How many nodes a declaration has, and a source.
const KINDS: usize = 3;

/// An edge from what reads to what is read.
#[derive(Clone, Copy)]
pub(super) struct Edge {
    pub to: usize,
    pub span: Span,
    /// Only in row 0, through `previous` without a start.
    pub row_zero: bool,
}

/// A stock in a phase, and what takes from it there: flows, transfers and trades, in their order.
#[derive(Default)]
pub(super) struct Source {
    pub stock: DeclId,
    /// Edges that nothing caps, in and out.
    pub uncapped: Vec<DeclId>,
    pub first: Vec<DeclId>,
    pub capped: Vec<DeclId>,
    pub skip: Vec<DeclId>,
}

/// All sources of a model, by stock and phase.
#[derive(Default)]
pub(super) struct Sources {
    pub all: Vec<Source>,
    known: HashMap<(DeclId, usize), usize>,
}

impl Sources {
    pub(super) fn new(model: &Model) -> Self {
        let mut sources = Self::default();
        for (id, decl, m) in model.moves().filter(|(id, ..)| !is_dated(model, *id)) {
            let phase = decl.phase.unwrap_or(0);
            // An edge that is capped counts at its source alone: what it brings is not counted on.
            let ends: Vec<DeclId> = if m.short.is_some() { takes_from(m).collect() } else { stocks(m).collect() };
            for stock in ends {
                let source = sources.of(stock, phase);
                let (list, id) = match m.short {
                    None => (&mut source.uncapped, id),
                    Some(ShortKind::CappedFirst) => (&mut source.first, model.whole(id)),
                    Some(ShortKind::Capped) => (&mut source.capped, model.whole(id)),
                    Some(ShortKind::OrSkip) => (&mut source.skip, model.whole(id)),
                };
                if list.last() != Some(&id) {
                    list.push(id);
                }
            }
        }
        sources
    }

    fn of(&mut self, stock: DeclId, phase: usize) -> &mut Source {
        let next = self.all.len();
        let at = *self.known.entry((stock, phase)).or_insert(next);
        if at == next {
            self.all.push(Source { stock, ..Source::default() });
        }
        &mut self.all[at]
    }

    /// The number of a source.
    pub(super) fn find(&self, stock: DeclId, phase: usize) -> Option<usize> {
        self.known.get(&(stock, phase)).copied()
    }
}

/// The stocks at the ends of a move.
fn stocks(m: &Move) -> impl Iterator<Item = DeclId> + '_ {
    m.ends().filter_map(|p| match p.kind {
        PlaceKind::Decl(id) => Some(id),
        _ => None,
    })
}

/// The stocks that a move may take from: one, or if it may run either way, both.
pub(super) fn takes_from(m: &Move) -> impl Iterator<Item = DeclId> + '_ {
    stocks(m).take(if m.two_way { 2 } else { usize::from(matches!(m.from.kind, PlaceKind::Decl(_))) })
}

/// The numbers of nodes.
#[derive(Clone, Copy)]
pub(super) struct Nodes {
    pub decls: usize,
}

impl Nodes {
    pub(super) fn index(self, node: Node) -> usize {
        let of = |id: DeclId, kind: usize| id.0 as usize * KINDS + kind;
        let source = |s: usize, kind: usize| (self.decls + s) * KINDS + kind;
        match node {
            Node::Let(id) => of(id, 0),
            Node::Demand(id) => of(id, 1),
            Node::Taken(id) => of(id, 2),
            Node::Room(s) => source(s, 0),
            Node::Pool(s) => source(s, 1),
            Node::Left(s) => source(s, 2),
        }
    }

    pub(super) fn node(self, index: usize) -> Node {
        let (at, kind) = (index / KINDS, index % KINDS);
        let id = DeclId(at as u32);
        match at.checked_sub(self.decls) {
            None => [Node::Let(id), Node::Demand(id), Node::Taken(id)][kind],
            Some(s) => [Node::Room(s), Node::Pool(s), Node::Left(s)][kind],
        }
    }
}

/// The graph of a step.
pub(super) struct Graph<'a> {
    pub model: &'a Model,
    pub nodes: Nodes,
    pub sources: Sources,
    pub edges: Vec<Vec<Edge>>,
}

impl<'a> Graph<'a> {
    pub(super) fn new(model: &'a Model) -> Self {
        let (nodes, sources) = (Nodes { decls: model.decls.len() }, Sources::new(model));
        let edges = vec![Vec::new(); (nodes.decls + sources.all.len()) * KINDS];
        let mut graph = Self { model, nodes, sources, edges };
        for (id, decl) in model.decls() {
            match &decl.kind {
                DeclKind::Let { value } => graph.expr(Node::Let(id), decl.phase, *value),
                DeclKind::Policy { options, .. } => {
                    options.iter().for_each(|(.., value)| graph.expr(Node::Let(id), None, *value));
                }
                DeclKind::Draw(draw) => {
                    draw.dist.args.iter().for_each(|e| graph.expr(Node::Let(id), decl.phase, *e));
                }
                DeclKind::Move(m) => {
                    let demand = Node::Demand(id);
                    graph.expr(demand, decl.phase, m.amount);
                    m.shares().for_each(|e| graph.expr(demand, decl.phase, e));
                    if let Timing::When { condition, .. } = m.timing {
                        graph.expr(demand, decl.phase, condition);
                    }
                    if m.trade.is_none() {
                        graph.taken(id, &[id]);
                    }
                }
                DeclKind::Trade(trade) => graph.taken(id, &trade.legs),
                _ => {}
            }
        }
        for s in 0..graph.sources.all.len() {
            graph.source(s);
        }
        graph
    }

    fn edge(&mut self, from: Node, to: Node, span: Span) {
        let (from, to) = (self.nodes.index(from), self.nodes.index(to));
        self.edges[from].push(Edge { to, span, row_zero: false });
    }

    /// What is settled as one gets what its legs ask for, and if it is capped what their sources leave it.
    fn taken(&mut self, id: DeclId, legs: &[DeclId]) {
        let (span, phase) = (self.model.decl(id).span, self.model.decl(id).phase.unwrap_or(0));
        for leg in legs {
            self.edge(Node::Taken(id), Node::Demand(*leg), span);
            let Some(m) = self.model.edge(*leg) else { continue };
            let Some(short) = m.short.filter(|_| !is_dated(self.model, id)) else { continue };
            let sources: Vec<usize> = takes_from(m).filter_map(|stock| self.sources.find(stock, phase)).collect();
            for s in sources {
                let source = &self.sources.all[s];
                let (room, served) = match short {
                    ShortKind::CappedFirst => (Node::Room(s), &source.first[..]),
                    ShortKind::Capped => (Node::Pool(s), &[][..]),
                    ShortKind::OrSkip => (Node::Left(s), &source.skip[..]),
                };
                // Those that are served in turn hang on the one before: they stand in the order of their declarations.
                let before = served.partition_point(|other| *other < id).checked_sub(1);
                let earlier = before.map(|i| served[i]);
                self.edge(Node::Taken(id), room, span);
                if let Some(earlier) = earlier {
                    self.edge(Node::Taken(id), Node::Taken(earlier), span);
                }
            }
        }
    }

    fn source(&mut self, s: usize) {
        let (model, source) = (self.model, std::mem::take(&mut self.sources.all[s]));
        let span = model.decl(source.stock).span;
        for id in &source.uncapped {
            self.edge(Node::Room(s), Node::Demand(*id), span);
        }
        self.edge(Node::Pool(s), Node::Room(s), span);
        for id in &source.first {
            self.edge(Node::Pool(s), Node::Taken(*id), span);
        }
        for id in &source.capped {
            let legs = match &model.decl(*id).kind {
                DeclKind::Trade(trade) => &trade.legs[..],
                _ => std::slice::from_ref(id),
            };
            legs.iter().for_each(|leg| self.edge(Node::Pool(s), Node::Demand(*leg), span));
            self.edge(Node::Left(s), Node::Taken(*id), span);
        }
        self.edge(Node::Left(s), Node::Pool(s), span);
        self.sources.all[s] = source;
    }

    /// What an expression reads. What another phase has worked out is known, or has been reported (see [`super::early`]).
    fn expr(&mut self, from: Node, phase: Option<usize>, e: ExprId) {
        let (model, nodes) = (self.model, self.nodes);
        let edges = &mut self.edges[nodes.index(from)];
        model.reads(e, |e, kind| {
            let span = model.expr(e).span;
            let (node, row_zero) = read_at(model, e);
            let elsewhere = |node: &Node| phase.is_some() && phase_of(model, *node).is_some_and(|p| Some(p) != phase);
            let node = node.filter(|n| !elsewhere(n));
            edges.extend(node.map(|node| Edge { to: nodes.index(node), span, row_zero }));
            match kind {
                ExprKind::Builtin(b, _) if matches!(b.kernel, Kernel::Memory(_)) => Descend::Rest,
                _ => Descend::Into,
            }
        });
    }
}

/// The phase in which a node is worked out; a formula has none.
pub(super) fn phase_of(model: &Model, node: Node) -> Option<usize> {
    match node {
        Node::Let(id) | Node::Demand(id) | Node::Taken(id) => model.decl(id).phase,
        _ => None,
    }
}

/// What an expression itself reads within a step, and whether only in row 0.
pub(super) fn read_at(model: &Model, e: ExprId) -> (Option<Node>, bool) {
    let node = |id: DeclId| match model.decl(id).kind {
        DeclKind::Let { .. } | DeclKind::Policy { .. } | DeclKind::Draw(_) => Some(Node::Let(id)),
        DeclKind::Move(_) | DeclKind::Trade(_) => Some(Node::Taken(model.whole(id))),
        _ => None,
    };
    if let ExprKind::Builtin(b, args) = &model.expr(e).kind
        && let Kernel::Memory(memory) = b.kernel
    {
        let name = args.first().copied().flatten().and_then(|a| model.named(a));
        let Some(id) = name else { return (None, false) };
        let at = match (&model.decl(id).kind, memory) {
            (DeclKind::Move(_), Memory::Requested) => Some(Node::Demand(id)),
            _ => node(id),
        };
        return match memory {
            Memory::Previous if args.get(1).is_none_or(Option::is_none) => (at, true),
            Memory::Opening | Memory::Initial | Memory::Requested => (at, false),
            Memory::Previous | Memory::Total => (None, false),
        };
    }
    (model.named(e).and_then(node), false)
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
