//! Arrays that build on themselves, member by member: `x[a] = x[a - 1 else 1] * growth`.
//!
//! Seen as a whole such an array depends on itself; its members do not. A component of the graph of names is taken apart
//! into its members, with every subscript worked out, and sorted again. Absent on purpose: reporting; what does not come
//! apart is a loop of names, and is told as one.

use std::collections::HashMap;

use super::constant::{Env, Fold};
use super::order::{KINDS, Node, Step, index, node, rank, read_at, sort};
use super::shape::{Folds, Undecided, tuples};
use super::{Facts, is_dated};
use crate::builtins::{Kernel, Memory};
use crate::hir::{DeclId, DeclKind, ExprId, ExprKind, Model, PlaceKind, ShortKind, Timing};

/// A component of more edges than this is told as a loop.
const MOST_EDGES: usize = 20_000_000;

struct Apart<'a> {
    model: &'a Model,
    facts: &'a Facts,
    fold: Fold<'a>,
    /// Where the members of each node of the component begin.
    first: HashMap<usize, usize>,
    /// What the member at hand reads.
    edges: Vec<usize>,
    count: usize,
    /// The moves at each stock.
    users: HashMap<(DeclId, usize), Vec<User>>,
    /// Names mean their value at the start, and nodes are declarations, as [`Node::Let`].
    opening: bool,
}

/// A move at a stock.
#[derive(Clone, Copy)]
struct User {
    id: DeclId,
    member: u32,
    short: Option<ShortKind>,
    /// It takes from the stock; else it gives.
    takes: bool,
}

/// The same at the start, and for metrics: params, openings and metrics that build on their neighbours.
pub(super) fn apart_at_start(model: &Model, facts: &Facts, component: &[usize]) -> Option<Vec<(DeclId, u32)>> {
    let nodes: Vec<usize> = component.iter().map(|i| i * KINDS).collect();
    let steps = come_apart(model, facts, &nodes, true)?;
    let member = |s: Step| match s.node {
        Node::Let(id) | Node::Demand(id) | Node::Taken(id) => (id, s.member.unwrap_or(0)),
    };
    Some(steps.into_iter().map(member).collect())
}

/// The members of a component in an order in which they can be worked out, if there is one.
pub(super) fn apart(model: &Model, facts: &Facts, component: &[usize]) -> Option<Vec<Step>> {
    come_apart(model, facts, component, false)
}

fn come_apart(model: &Model, facts: &Facts, component: &[usize], opening: bool) -> Option<Vec<Step>> {
    let decl = |i: usize| DeclId((i / KINDS) as u32);
    if component.iter().all(|i| facts.shape(decl(*i)).is_none()) {
        return None;
    }
    let (mut first, mut all) = (HashMap::new(), Vec::new());
    for &i in component {
        first.insert(i, all.len());
        all.extend((0..facts.count(decl(i)) as u32).map(|member| (i, member)));
    }
    let mut fold = Fold::new(model, facts);
    fold.rough = true;
    let mut env = fold.env();
    let mut apart = Apart { model, facts, fold, first, edges: Vec::new(), count: 0, users: HashMap::new(), opening };
    apart.users(component);
    let mut edges = Vec::with_capacity(all.len());
    for &(i, member) in &all {
        apart.node(node(i), member, &mut env);
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
        let (node_index, member) = all[i];
        let plain = facts.shape(decl(node_index)).is_none();
        Step { node: node(node_index), member: (!plain).then_some(member) }
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
        let (Node::Let(id) | Node::Demand(id) | Node::Taken(id)) = node;
        let decl = model.decl(id);
        if let Some(shape) = self.facts.shape(id) {
            decl.axes.iter().zip(shape.members(member as usize)).for_each(|(b, m)| env[b.0 as usize] = m);
        }
        match (&decl.kind, node) {
            (DeclKind::Let { value } | DeclKind::Column { value } | DeclKind::Metric { value, .. }, Node::Let(_)) => {
                self.expr(*value, env)
            }
            (DeclKind::Param { value, set, .. }, Node::Let(_)) => self.expr(set.unwrap_or(*value), env),
            (DeclKind::Stock { opening, set, .. }, Node::Let(_)) => self.expr(set.unwrap_or(*opening), env),
            (DeclKind::State { initial, .. }, Node::Let(_)) => self.expr(*initial, env),
            (DeclKind::Move(m), Node::Demand(_)) => {
                self.expr(m.amount, env);
                if let Timing::When { condition, .. } = m.timing {
                    self.expr(condition, env);
                }
            }
            (DeclKind::Move(m), Node::Taken(_)) => {
                self.edge(Node::Demand(id), Some(member as usize));
                if m.short.is_some() && !is_dated(model, id) {
                    self.shared(id, member, m.short);
                }
            }
            _ => {}
        }
    }

    /// What a capped move gets hangs on what the others want that share its source: as for names, and member by member.
    fn shared(&mut self, own: DeclId, member: u32, short: Option<ShortKind>) {
        let Some(source) = self.stock(own, member, true) else { return };
        for user in self.users.get(&source).cloned().unwrap_or_default() {
            let earlier = (user.id, user.member) < (own, member);
            let hangs = match user.short {
                _ if (user.id, user.member) == (own, member) => false,
                None => true,
                Some(_) if !user.takes || rank(user.short) > rank(short) => false,
                Some(ShortKind::Capped) => true,
                Some(_) => rank(user.short) < rank(short) || earlier,
            };
            if hangs {
                self.edge(Node::Demand(user.id), Some(user.member as usize));
            }
        }
    }

    /// Which moves of the component take from or give to which stock.
    fn users(&mut self, component: &[usize]) {
        for &i in component {
            let Node::Demand(id) = node(i) else { continue };
            let DeclKind::Move(m) = &self.model.decl(id).kind else { continue };
            if is_dated(self.model, id) {
                continue;
            }
            for member in 0..self.facts.count(id) as u32 {
                for takes in [true, false] {
                    if let Some(stock) = self.stock(id, member, takes) {
                        self.users.entry(stock).or_default().push(User { id, member, short: m.short, takes });
                    }
                }
            }
        }
    }

    /// The stock at an end of a member of a move.
    fn stock(&mut self, id: DeclId, member: u32, from: bool) -> Option<(DeclId, usize)> {
        let DeclKind::Move(m) = &self.model.decl(id).kind else { return None };
        let place = if from { &m.from } else { &m.to };
        let PlaceKind::Decl(stock) = place.kind else { return None };
        let mut env = self.fold.env();
        if let Some(shape) = self.facts.shape(id) {
            let axes = &self.model.decl(id).axes;
            axes.iter().zip(shape.members(member as usize)).for_each(|(b, m)| env[b.0 as usize] = m);
        }
        let mut members = Vec::with_capacity(place.at.len());
        for (axis, e) in place.at.iter().enumerate() {
            members.push(self.fold.position(stock, axis, *e, &mut env)??);
        }
        Some((stock, self.facts.shape(stock).map_or(Some(0), |s| s.offset(&members))?))
    }

    /// An edge to a member, or to all.
    fn edge(&mut self, node: Node, member: Option<usize>) {
        let Some(first) = self.first.get(&index(node)).copied() else { return };
        let (Node::Let(id) | Node::Demand(id) | Node::Taken(id)) = node;
        match member {
            Some(member) => self.edges.push(first + member),
            None => self.edges.extend(first..first + self.facts.count(id)),
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
