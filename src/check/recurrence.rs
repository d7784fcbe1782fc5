//! Arrays that build on themselves, member by member: `x[a] = x[a - 1 else 1] * growth`.
//!
//! Seen as a whole such an array depends on itself; its members do not. A component of the graph of names is taken apart
//! into its members, with every subscript worked out, and sorted again. Absent on purpose: reporting; what does not come
//! apart is a loop of names, and is told as one.

use std::collections::HashMap;

use super::constant::{Env, Fold};
use super::graph::{Node, Sources, read_at, sort};
use super::order::Step;
use super::shape::{Folds, Undecided, tuples};
use super::{Facts, is_dated};
use crate::builtins::{Kernel, Memory};
use crate::hir::{DeclId, DeclKind, DistKind, ExprId, ExprKind, Model, Place, PlaceKind, ShortKind, Timing};

/// A component of more edges than this is told as a loop.
const MOST_EDGES: usize = 20_000_000;

struct Apart<'a> {
    model: &'a Model,
    facts: &'a Facts,
    fold: Fold<'a>,
    /// Where the members of each node of the component begin.
    first: HashMap<Node, usize>,
    /// What the member at hand reads.
    edges: Vec<usize>,
    count: usize,
    sources: &'a Sources,
    /// What takes from and gives to each member of each source.
    users: HashMap<(usize, usize), Users>,
    /// Names mean their value at the start, and nodes are declarations, as [`Node::Let`].
    opening: bool,
}

/// What is at one member of a source, each with its member, in the order of the ledger.
#[derive(Clone, Default)]
struct Users {
    uncapped: Vec<(DeclId, usize)>,
    first: Vec<(DeclId, usize)>,
    capped: Vec<(DeclId, usize)>,
    skip: Vec<(DeclId, usize)>,
}

/// The same at the start, and for metrics: params, openings and metrics that build on their neighbours.
pub(super) fn apart_at_start(model: &Model, facts: &Facts, component: &[usize]) -> Option<Vec<(DeclId, u32)>> {
    let nodes: Vec<Node> = component.iter().map(|i| Node::Let(DeclId(*i as u32))).collect();
    let steps = come_apart(model, facts, &Sources::default(), &nodes, true)?;
    let member = |s: Step| match s.node {
        Node::Let(id) => Some((id, s.member.unwrap_or(0))),
        _ => None,
    };
    Some(steps.into_iter().filter_map(member).collect())
}

/// The members of a component in an order in which they can be worked out, if there is one.
pub(super) fn apart(model: &Model, facts: &Facts, sources: &Sources, component: &[Node]) -> Option<Vec<Step>> {
    come_apart(model, facts, sources, component, false)
}

fn come_apart(model: &Model, facts: &Facts, sources: &Sources, component: &[Node], opening: bool) -> Option<Vec<Step>> {
    let decl = |node: Node| match node {
        Node::Let(id) | Node::Demand(id) | Node::Taken(id) => id,
        Node::Room(s) | Node::Pool(s) | Node::Left(s) => sources.all[s].stock,
    };
    if component.iter().all(|node| facts.shape(decl(*node)).is_none()) {
        return None;
    }
    let (mut first, mut all) = (HashMap::new(), Vec::new());
    for &node in component {
        first.insert(node, all.len());
        all.extend((0..facts.count(decl(node)) as u32).map(|member| (node, member)));
    }
    let mut fold = Fold::new(model, facts);
    fold.rough = true;
    let mut env = fold.env();
    let (users, edges) = (HashMap::new(), Vec::new());
    let mut apart = Apart { model, facts, fold, first, edges, count: 0, sources, users, opening };
    apart.users(component);
    let mut edges = Vec::with_capacity(all.len());
    for &(node, member) in &all {
        apart.node(node, member, &mut env);
        apart.count += apart.edges.len();
        if apart.count > MOST_EDGES {
            return None;
        }
        apart.edges.sort_unstable();
        apart.edges.dedup();
        edges.push(std::mem::take(&mut apart.edges));
    }
    let (order, cycles) = sort(all.len(), |i| edges[i].iter().copied());
    let step = |i: usize| {
        let (node, member) = all[i];
        let plain = facts.shape(decl(node)).is_none();
        Step { node, member: (!plain).then_some(member) }
    };
    cycles.is_empty().then(|| order.into_iter().map(step).collect())
}

impl<'a> Folds<'a> for Apart<'a> {
    fn fold(&mut self) -> &mut Fold<'a> {
        &mut self.fold
    }
}

impl Apart<'_> {
    fn node(&mut self, node: Node, member: u32, env: &mut Env) {
        let model = self.model;
        let at = member as usize;
        let id = match node {
            Node::Let(id) | Node::Demand(id) | Node::Taken(id) => id,
            Node::Room(s) => {
                let users = self.users.get(&(s, at)).cloned().unwrap_or_default();
                return users.uncapped.iter().for_each(|(id, m)| self.edge(Node::Demand(*id), Some(*m)));
            }
            Node::Pool(s) => {
                let users = self.users.get(&(s, at)).cloned().unwrap_or_default();
                self.edge(Node::Room(s), Some(at));
                users.first.iter().for_each(|(id, m)| self.edge(Node::Taken(model.whole(*id)), Some(*m)));
                return users.capped.iter().for_each(|(id, m)| self.edge(Node::Demand(*id), Some(*m)));
            }
            Node::Left(s) => {
                let users = self.users.get(&(s, at)).cloned().unwrap_or_default();
                self.edge(Node::Pool(s), Some(at));
                return users.capped.iter().for_each(|(id, m)| self.edge(Node::Taken(model.whole(*id)), Some(*m)));
            }
        };
        let decl = model.decl(id);
        if let Some(shape) = self.facts.shape(id) {
            decl.axes.iter().zip(shape.members(at)).for_each(|(b, m)| env[b.0 as usize] = m);
        }
        match (&decl.kind, node) {
            (DeclKind::Let { value } | DeclKind::Column { value } | DeclKind::Metric { value, .. }, Node::Let(_)) => {
                self.expr(*value, env)
            }
            (DeclKind::Draw(draw), Node::Let(_)) => {
                draw.dist.args.iter().for_each(|e| self.expr(*e, env));
                // What one part gets is no longer there for those behind it.
                if matches!(draw.dist.kind, DistKind::Multinomial) {
                    (0..at).for_each(|before| self.edge(Node::Let(id), Some(before)));
                }
            }
            (DeclKind::Policy { options, .. }, Node::Let(_)) => {
                options.iter().for_each(|(.., value)| self.expr(*value, env));
            }
            (DeclKind::Param { value, set, dist, .. }, Node::Let(_)) => {
                dist.iter().flat_map(|d| &d.args).for_each(|e| self.expr(*e, env));
                self.expr(set.unwrap_or(*value), env);
            }
            (DeclKind::Stock { opening, set, .. }, Node::Let(_)) => self.expr(set.unwrap_or(*opening), env),
            (DeclKind::State { initial, .. }, Node::Let(_)) => self.expr(*initial, env),
            (DeclKind::Move(m), Node::Demand(_)) => {
                self.expr(m.amount, env);
                m.shares().for_each(|e| self.expr(e, env));
                if let Timing::When { condition, .. } = m.timing {
                    self.expr(condition, env);
                }
            }
            (DeclKind::Move(_), Node::Taken(_)) => self.taken(id, id, at),
            (DeclKind::Trade(trade), Node::Taken(_)) => trade.legs.iter().for_each(|leg| self.taken(id, *leg, at)),
            _ => {}
        }
    }

    /// What a capped move gets hangs on what the others want that share its source: as for names, and member by member.
    fn taken(&mut self, whole: DeclId, leg: DeclId, member: usize) {
        self.edge(Node::Demand(leg), Some(member));
        let Some(m) = self.model.edge(leg) else { return };
        let Some(short) = m.short.filter(|_| !is_dated(self.model, leg)) else { return };
        let places: Vec<&Place> = m.ends().take(if m.two_way { 2 } else { 1 }).collect();
        for (s, at) in places.into_iter().filter_map(|place| self.source(leg, member, place)).collect::<Vec<_>>() {
            let users = self.users.get(&(s, at)).cloned().unwrap_or_default();
            let (room, list) = match short {
                ShortKind::CappedFirst => (Node::Room(s), &users.first[..]),
                ShortKind::Capped => (Node::Pool(s), &[][..]),
                ShortKind::OrSkip => (Node::Left(s), &users.skip[..]),
            };
            self.edge(room, Some(at));
            // Those that are served in turn hang on the one before.
            let before = list.iter().rev().skip_while(|user| **user != (leg, member));
            if let Some((id, m)) = before.copied().find(|(id, m)| (self.model.whole(*id), *m) != (whole, member)) {
                self.edge(Node::Taken(self.model.whole(id)), Some(m));
            }
        }
    }

    /// Which moves are at the sources of the component.
    fn users(&mut self, component: &[Node]) {
        let mut sources: Vec<usize> = component
            .iter()
            .filter_map(|node| match node {
                Node::Room(s) | Node::Pool(s) | Node::Left(s) => Some(*s),
                _ => None,
            })
            .collect();
        sources.sort_unstable();
        sources.dedup();
        for s in sources {
            let source = &self.sources.all[s];
            let ids = source.uncapped.iter().chain(&source.first).chain(&source.capped).chain(&source.skip);
            let legs = ids.flat_map(|id| match &self.model.decl(*id).kind {
                DeclKind::Trade(trade) => trade.legs.clone(),
                _ => vec![*id],
            });
            for leg in legs.collect::<Vec<_>>() {
                let Some(m) = self.model.edge(leg) else { continue };
                let ends = match (m.short, m.two_way) {
                    (None, _) => usize::MAX,
                    (_, true) => 2,
                    (_, false) => 1,
                };
                for member in 0..self.facts.count(leg) {
                    for place in m.ends().take(ends) {
                        let Some((_, at)) = self.source(leg, member, place).filter(|(found, _)| *found == s) else {
                            continue;
                        };
                        let users = self.users.entry((s, at)).or_default();
                        match m.short {
                            None => &mut users.uncapped,
                            Some(ShortKind::CappedFirst) => &mut users.first,
                            Some(ShortKind::Capped) => &mut users.capped,
                            Some(ShortKind::OrSkip) => &mut users.skip,
                        }
                        .push((leg, member));
                    }
                }
            }
        }
    }

    /// The source at an end of a member of a move, and the member of that.
    fn source(&mut self, id: DeclId, member: usize, place: &Place) -> Option<(usize, usize)> {
        let PlaceKind::Decl(stock) = place.kind else { return None };
        let phase = self.model.decl(id).phase.unwrap_or(0);
        let source = self.sources.find(stock, phase)?;
        let mut env = self.fold.env();
        if let Some(shape) = self.facts.shape(id) {
            let axes = &self.model.decl(id).axes;
            axes.iter().zip(shape.members(member)).for_each(|(b, m)| env[b.0 as usize] = m);
        }
        let mut members = Vec::with_capacity(place.at.len());
        for (axis, e) in place.at.iter().enumerate() {
            members.push(self.fold.position(stock, axis, *e, &mut env)??);
        }
        Some((source, self.facts.shape(stock).map_or(Some(0), |s| s.offset(&members))?))
    }

    /// An edge to a member, or to all.
    fn edge(&mut self, node: Node, member: Option<usize>) {
        let Some(first) = self.first.get(&node).copied() else { return };
        let count = match node {
            Node::Let(id) | Node::Demand(id) | Node::Taken(id) => self.facts.count(id),
            Node::Room(s) | Node::Pool(s) | Node::Left(s) => self.facts.count(self.sources.all[s].stock),
        };
        match member {
            Some(member) => self.edges.push(first + member),
            None => self.edges.extend(first..first + count),
        }
    }

    fn read(&self, e: ExprId) -> Option<Node> {
        if !self.opening {
            return read_at(self.model, e).0;
        }
        match &self.model.expr(e).kind {
            ExprKind::Builtin(b, args) => match b.kernel {
                Kernel::Memory(Memory::Total) => None,
                Kernel::Memory(Memory::Previous) if args.get(1).is_some_and(Option::is_some) => None,
                Kernel::Memory(_) => args.first().copied().flatten().and_then(|a| self.model.named(a)).map(Node::Let),
                _ => None,
            },
            _ => self.model.named(e).map(Node::Let),
        }
    }

    fn expr(&mut self, e: ExprId, env: &mut Env) {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.expr_inner(e, env));
    }

    fn expr_inner(&mut self, e: ExprId, env: &mut Env) {
        let model = self.model;
        let kind = &model.expr(e).kind;
        let read = self.read(e);
        match kind {
            // The others are there when one is born.
            ExprKind::Element { at, otherwise, .. } if self.opening && model.of_another(e) => {
                at.iter().chain(otherwise).for_each(|a| self.expr(*a, env));
            }
            ExprKind::Element { decl, at, otherwise } => {
                at.iter().for_each(|a| self.expr(*a, env));
                let there = self.element(*decl, at, read, env);
                if let (false, Some(otherwise)) = (there, otherwise) {
                    self.expr(*otherwise, env);
                }
            }
            ExprKind::Builtin(b, args) if matches!(b.kernel, Kernel::Memory(_)) => {
                if let (Some(node), Some(name)) = (read, args.first().copied().flatten()) {
                    match &model.expr(name).kind {
                        ExprKind::Element { decl, at, .. } => {
                            self.element(*decl, at, Some(node), env);
                        }
                        _ => self.edge(node, None),
                    }
                }
                args.iter().skip(1).flatten().for_each(|a| self.expr(*a, env));
            }
            ExprKind::If(c, a, b) => {
                self.expr(*c, env);
                match self.fold.holds(*c, env) {
                    Some(true) => self.expr(*a, env),
                    Some(false) => self.expr(*b, env),
                    None => {
                        self.expr(*a, env);
                        self.expr(*b, env);
                    }
                }
            }
            ExprKind::Cells { at, cells, otherwise } => {
                let at = env[at.0 as usize];
                let cell = cells.binary_search_by_key(&at, |(p, _)| *p).ok().map(|i| cells[i].1).or(*otherwise);
                cell.into_iter().for_each(|c| self.expr(c, env));
            }
            ExprKind::Match { subject, arms, otherwise } => {
                self.expr(*subject, env);
                let chosen = self.fold.arm(*subject, arms, *otherwise, env);
                match chosen {
                    Some(arm) => arm.into_iter().for_each(|a| self.expr(a, env)),
                    None => model.children(e).into_iter().skip(1).for_each(|c| self.expr(c, env)),
                }
            }
            ExprKind::Aggregate(a) => {
                a.head.into_iter().chain(a.otherwise).for_each(|e| self.expr(e, env));
                tuples(self, a, Undecided::Take, env, &mut |apart, env| {
                    a.binders.iter().filter_map(|b| model.binder(*b).filter).for_each(|f| apart.expr(f, env));
                    apart.expr(a.value, env);
                    true
                });
            }
            ExprKind::Call(id, args) => {
                args.iter().for_each(|a| self.expr(*a, env));
                self.expr(model.function(*id).body, env);
            }
            _ => {
                if let Some(node) = read {
                    self.edge(node, None);
                }
                model.children(e).into_iter().for_each(|c| self.expr(c, env));
            }
        }
    }

    /// The edge to a member; whether it is sure to be there.
    fn element(&mut self, decl: DeclId, at: &[ExprId], read: Option<Node>, env: &mut Env) -> bool {
        let mut members = Vec::with_capacity(at.len());
        for (axis, e) in at.iter().enumerate() {
            match self.fold.position(decl, axis, *e, env) {
                Some(Some(member)) => members.push(member),
                Some(None) => return false,
                None => {
                    if let Some(node) = read {
                        self.edge(node, None);
                    }
                    return false;
                }
            }
        }
        let offset = self.facts.shape(decl).and_then(|s| s.offset(&members));
        if let (Some(node), Some(_)) = (read, offset) {
            self.edge(node, offset);
        }
        offset.is_some()
    }
}
