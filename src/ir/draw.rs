//! From what a model means to what is computed: draws, and params that are sampled.
//!
//! The parts of a `multinomial` become binomials, one after the other: each member gets its share of what those before it
//! have left, and the last has all of the rest. So they add up exactly, and each has luck of its own name.

use super::lower::{Home, Lower};
use super::*;
use crate::builtins::draws::{self, Form};
use crate::check::draws::{dist_of, luck, outer};
use crate::hir::{self, Cells, DeclKind, DistKind, ExprKind};
use crate::units::to_f64;

impl Lower<'_> {
    /// All draws, in the order of their declarations.
    pub(super) fn draws(&mut self) {
        let hir = self.hir;
        for (id, decl) in hir.decls() {
            let DeclKind::Draw(draw) = &decl.kind else { continue };
            let (of, phase, mut parts) = (self.of(id), decl.phase, Parts::default());
            self.each(id, |l, origin| {
                let every = draw.every.map(|e| l.period(origin, e));
                let (how, args) = match (draw.dist.kind, &draw.dist.args[..]) {
                    (DistKind::Multinomial, [n, odds]) => l.part(origin, *n, *odds, &mut parts),
                    _ => l.drawn_from(id, &draw.dist),
                };
                let hash = luck(hir, l.facts, id, origin.member as usize);
                l.out.draws.push(Draw { of, origin, hash, how, args, every, phase, rows: false });
            });
        }
    }

    /// How a value is drawn, and its arguments, with its members bound.
    pub(super) fn drawn_from(&mut self, id: DeclId, dist: &hir::Dist) -> (How, Vec<ExprId>) {
        match dist.kind {
            DistKind::Form(form) => (How::Form(form), dist.args.iter().map(|e| self.expr(*e)).collect()),
            DistKind::Truncated(form) => (How::Truncated(form), dist.args.iter().map(|e| self.expr(*e)).collect()),
            DistKind::Empirical(data) => (How::Empirical(self.sample(id, data)), Vec::new()),
            DistKind::Categorical => self.odds(dist.args[0]),
            // It stands in draws only, which have met it.
            DistKind::Multinomial => (How::Categorical(0.0), Vec::new()),
        }
    }

    /// The values of a column, in ascending order: then a value rises with its luck.
    fn sample(&mut self, id: DeclId, data: hir::DataId) -> u32 {
        if let Some(known) = self.sampled_data.get(&(id, data)) {
            return *known;
        }
        let scale = match self.hir.decl(id).ty.as_ref().map(|t| &t.kind) {
            Some(hir::AnnotationKind::Unit(unit)) => Some(self.hir.units.scale(unit)),
            _ => None,
        };
        let mut values: Vec<f64> = match &self.hir.data[data.0 as usize] {
            Cells::Numbers(all) => all
                .iter()
                .map(|v| match &scale {
                    Some(scale) => to_f64(&(v.to_rational() * scale)),
                    None => v.to_f64(),
                })
                .collect(),
            Cells::Labels(_, all) => all.iter().map(|l| f64::from(*l)).collect(),
            Cells::Bools(all) => all.iter().map(|b| f64::from(u8::from(*b))).collect(),
        };
        values.sort_by(f64::total_cmp);
        self.out.samples.push(values);
        let number = self.out.samples.len() as u32 - 1;
        self.sampled_data.insert((id, data), number);
        number
    }

    /// The odds of all members of the root, those that are not in have none.
    fn odds(&mut self, e: hir::ExprId) -> (How, Vec<ExprId>) {
        let hir = self.hir;
        let ExprKind::Aggregate(a) = &hir.expr(e).kind else { return (How::Categorical(0.0), Vec::new()) };
        let Some(binder) = a.binders.first().copied() else { return (How::Categorical(0.0), Vec::new()) };
        let items = self.items(a, |l| (l.env[binder.0 as usize] as usize, l.expr(a.value)));
        let root = hir.index(hir.binder(binder).index).root;
        let zero = self.constant(0.0);
        let mut odds = vec![zero; hir.members(root).len()];
        for ((member, value), condition) in items {
            odds[member] = match condition {
                Some(condition) => self.add(Expr::If(condition, value, zero)),
                None => value,
            };
        }
        (How::Categorical(hir.first(root) as f64), odds)
    }

    /// What a member gets of a whole: a binomial of what is left, with its odds among those that are still to come.
    fn part(&mut self, origin: Origin, n: hir::ExprId, odds: hir::ExprId, parts: &mut Parts) -> (How, Vec<ExprId>) {
        let Some(binomial) = draws::find("binomial").next() else { return (How::Categorical(0.0), Vec::new()) };
        if parts.wholes.is_empty() {
            *parts = self.parts(origin.decl, n, odds);
        }
        let Home::Draw(first) = self.homes[origin.decl.0 as usize] else {
            return (How::Categorical(0.0), Vec::new());
        };
        // Members come in their order, so this is the next of those that share its whole.
        let Some(whole) = parts.wholes.get_mut(parts.of[origin.member as usize]) else {
            return (How::Categorical(0.0), Vec::new());
        };
        let at = whole.done;
        whole.done += 1;
        // What was left before the last of them, and what that one took.
        let left = match whole.left {
            None => {
                // The names of others are bound since their odds were worked out.
                self.bind(origin.decl, origin.member);
                self.expr(n)
            }
            Some((left, before)) => {
                let taken = self.read(self.own(origin.decl), Expr::Draw(first + before));
                self.add(Expr::Binary(Binary::Subtract, left, taken))
            }
        };
        whole.left = Some((left, origin.member));
        let (own, rest) = (whole.odds[at], whole.rests[at]);
        let zero = self.constant(0.0);
        let mut share = self.add(Expr::Binary(Binary::Divide, own, rest));
        if at > 0 {
            // Where nothing is to be had any more, nothing is left either.
            let some = self.add(Expr::Binary(Binary::NotEqual, rest, zero));
            share = self.add(Expr::If(some, share, zero));
        }
        let odd = self.add(Expr::Binary(Binary::GreaterEq, own, zero));
        let undefined = self.constant(f64::NAN);
        let share = self.add(Expr::If(odd, share, undefined));
        (How::Form(binomial as &'static Form), vec![left, share])
    }

    /// The members that share one whole, for each whole.
    fn parts(&mut self, id: DeclId, n: hir::ExprId, odds: hir::ExprId) -> Parts {
        let outer = outer(self.hir, self.facts, id, n);
        let mut parts = Parts::default();
        let mut known: std::collections::BTreeMap<Vec<u32>, usize> = std::collections::BTreeMap::new();
        for member in 0..self.facts.count(id) as u32 {
            let members = self.facts.shape(id).map_or_else(Vec::new, |s| s.members(member as usize));
            let key: Vec<u32> = members.iter().zip(&outer).filter(|(_, outer)| **outer).map(|(m, _)| *m).collect();
            let at = *known.entry(key).or_insert_with(|| {
                parts.wholes.push(Whole::default());
                parts.wholes.len() - 1
            });
            self.bind(id, member);
            let value = self.expr(odds);
            parts.of.push(at);
            parts.wholes[at].odds.push(value);
        }
        for part in &mut parts.wholes {
            let mut rest = None;
            for own in part.odds.iter().rev() {
                rest = Some(match rest {
                    Some(rest) => self.add(Expr::Binary(Binary::Add, *own, rest)),
                    None => *own,
                });
                part.rests.extend(rest);
            }
            part.rests.reverse();
        }
        parts
    }

    /// What a param is where it is sampled, with its members bound.
    pub(super) fn uncertain(&mut self, id: DeclId) -> ExprId {
        let hir = self.hir;
        let decl = hir.decl(id);
        let Some(dist) = dist_of(decl) else { return self.constant(f64::NAN) };
        let members: Vec<u32> = decl.axes.iter().map(|b| self.env[b.0 as usize]).collect();
        let member = self.facts.shape(id).and_then(|s| s.offset(&members)).unwrap_or(0) as u32;
        let origin = Origin { decl: id, member };
        let (how, args) = self.drawn_from(id, dist);
        let hash = luck(hir, self.facts, id, member as usize);
        self.out.uncertain.push(Uncertain { origin, hash, how, args });
        let number = self.out.uncertain.len() as u32 - 1;
        self.add(Expr::Uncertain(number))
    }

    /// Which draws look at cells that hold the row: those cells are written before it is made.
    pub(super) fn mark_rows(&mut self) {
        let mut looks = vec![None; self.out.exprs.len()];
        let cells: std::collections::BTreeSet<u32> =
            self.out.rows.iter().filter(|r| !r.after_moves).map(|r| r.cell.0).collect();
        let marks: Vec<bool> = self
            .out
            .draws
            .iter()
            .map(|d| d.phase.is_none() && d.args.iter().any(|e| self.out.looks(*e, &cells, &mut looks)))
            .collect();
        self.out.draws.iter_mut().zip(marks).for_each(|(draw, rows)| draw.rows = rows);
    }
}

/// How the members of a draw share wholes.
#[derive(Default)]
struct Parts {
    wholes: Vec<Whole>,
    /// The whole of each member.
    of: Vec<usize>,
}

/// The members that share one whole, in their order.
#[derive(Default)]
struct Whole {
    odds: Vec<ExprId>,
    /// The odds of each and of those behind it, together.
    rests: Vec<ExprId>,
    /// How many of them have their part, what was left before the last of these, and that member.
    done: usize,
    left: Option<(ExprId, u32)>,
}

impl Model {
    /// Whether an expression reads one of these cells.
    fn looks(&self, e: ExprId, cells: &std::collections::BTreeSet<u32>, known: &mut [Option<bool>]) -> bool {
        if let Some(known) = known[e.0 as usize] {
            return known;
        }
        // What comes back to itself does so through a cell.
        known[e.0 as usize] = Some(false);
        let mut any = |e: ExprId| stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.looks(e, cells, known));
        let found = match self.expr(e) {
            Expr::Cell(c) => cells.contains(&c.0),
            Expr::Let(l) => any(self.lets[l as usize].value),
            Expr::Of(_, leaf) => any(leaf),
            Expr::Refer(r) => {
                let referred = &self.referred[r as usize];
                any(referred.member) || any(referred.value) || any(referred.otherwise)
            }
            Expr::Gather(g) => {
                let gather = &self.gathers[g as usize];
                let (mut parts, mut open): (Vec<ExprId>, Vec<&Among>) = (Vec::new(), gather.items.iter().collect());
                while let Some(among) = open.pop() {
                    match among {
                        Among::One(item) => parts.extend([Some(item.value), item.condition].into_iter().flatten()),
                        Among::Each { condition, items, .. } => {
                            parts.extend(condition);
                            open.extend(items);
                        }
                    }
                }
                parts.into_iter().chain(gather.head).chain(gather.otherwise).any(any)
            }
            Expr::Unary(_, a) | Expr::One(_, a) | Expr::Curve(_, a) => any(a),
            Expr::Binary(_, a, b) | Expr::Two(_, a, b) => any(a) || any(b),
            Expr::If(a, b, c) | Expr::Three(_, a, b, c) | Expr::Clock(_, [a, b, c]) => any(a) || any(b) || any(c),
            Expr::Many(list) => {
                let list = &self.lists[list as usize];
                let items = list.items.iter().flat_map(|i| [Some(i.value), i.condition]);
                items.chain([list.head, list.otherwise]).flatten().any(any)
            }
            Expr::Pick(pick) => {
                let pick = &self.picks[pick as usize];
                pick.values.iter().copied().chain([pick.at, pick.otherwise]).any(any)
            }
            _ => false,
        };
        known[e.0 as usize] = Some(found);
        found
    }
}
