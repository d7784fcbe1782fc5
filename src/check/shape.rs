//! Which members an array has, and how a comprehension goes through members.
//!
//! What follows `where` in a declaration hangs on columns, labels and numbers alone, so an array's members are settled before
//! a run. In: a model whose units are known. Out: a [`Shape`] for each array. Absent on purpose: whether a subscript meets a
//! member (see `members`).

use super::constant::{Env, Fold};
use super::{Facts, Ty};
use crate::diag::{Code, Diagnostic};
use crate::hir::{Aggregate, BinderId, DeclId, DeclKind, ExprId, ExprKind, IndexId, MOST_CELLS, Members, Model};

/// The cells of an array, in the order of its members, the last index the fastest.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    axes: Vec<Axis>,
    /// How many there are.
    pub len: usize,
    /// Where some are left out: the place of each cell of the whole among those that are there, and the other way round.
    partial: Option<(Vec<u32>, Vec<u32>)>,
}

#[derive(Clone, Debug)]
struct Axis {
    members: Vec<u32>,
    /// The place of each member of the root; `ABSENT` where it is not in this index.
    places: Vec<u32>,
    stride: usize,
}

/// No place.
const ABSENT: u32 = u32::MAX;

impl Shape {
    /// The place of the cell of these members (positions in the roots of their indexes); `None` where there is none.
    pub fn offset(&self, members: &[u32]) -> Option<usize> {
        let mut flat = 0;
        for (axis, member) in self.axes.iter().zip(members) {
            let place = *axis.places.get(*member as usize)?;
            if place == ABSENT {
                return None;
            }
            flat += place as usize * axis.stride;
        }
        match &self.partial {
            None => Some(flat),
            Some((places, _)) => Some(places[flat]).filter(|p| *p != ABSENT).map(|p| p as usize),
        }
    }

    /// The members of the cell at this place.
    pub fn members(&self, offset: usize) -> Vec<u32> {
        let mut flat = match &self.partial {
            None => offset,
            Some((_, cells)) => cells[offset] as usize,
        };
        let mut members = Vec::with_capacity(self.axes.len());
        for axis in &self.axes {
            members.push(axis.members[flat / axis.stride]);
            flat %= axis.stride;
        }
        members
    }

    /// Whether it has every member of these indexes.
    pub(super) fn is_whole(&self) -> bool {
        self.partial.is_none()
    }
}

/// The names of members that each expression hangs on, by [`ExprId`].
pub(super) fn free(model: &Model) -> Vec<Vec<BinderId>> {
    let mut free: Vec<Vec<BinderId>> = vec![Vec::new(); model.exprs.len()];
    // Parts are made before what they are parts of.
    for i in 0..model.exprs.len() {
        let e = ExprId(i as u32);
        let mut all: Vec<BinderId> = match &model.expr(e).kind {
            ExprKind::Member(b) => vec![*b],
            ExprKind::Cells { at, .. } => vec![*at],
            ExprKind::Data(_, axes) => axes.clone(),
            _ => Vec::new(),
        };
        for child in model.children(e) {
            all.extend(free[child.0 as usize].iter().copied());
        }
        all.sort_unstable();
        all.dedup();
        if let ExprKind::Aggregate(a) = &model.expr(e).kind {
            all.retain(|b| !a.binders.contains(b));
        }
        free[i] = all;
    }
    free
}

/// Finds the shapes of all arrays.
pub(super) fn shapes(model: &Model, facts: &mut Facts, diagnostics: &mut Vec<Diagnostic>) {
    facts.shapes = vec![None; model.decls.len()];
    // Filters read columns and constant `let`s, which may be over members themselves: those without filters come first.
    let filtered = |id: DeclId| model.decl(id).axes.iter().any(|b| model.binder(*b).filter.is_some());
    let ids: Vec<DeclId> = model.decls().map(|(id, _)| id).filter(|id| !model.decl(*id).axes.is_empty()).collect();
    for pass in [false, true] {
        for &id in ids.iter().filter(|id| filtered(**id) == pass && model.decl(**id).like.is_none()) {
            facts.shapes[id.0 as usize] = shape(model, facts, id, diagnostics);
        }
    }
    for &id in &ids {
        let mut like = id;
        while let Some(next) = model.decl(like).like {
            like = next;
        }
        if like != id {
            facts.shapes[id.0 as usize] = facts.shapes[like.0 as usize].clone();
        }
    }
}

fn shape(model: &Model, facts: &Facts, id: DeclId, diagnostics: &mut Vec<Diagnostic>) -> Option<Shape> {
    let decl = model.decl(id);
    let mut axes = Vec::new();
    let mut size = 1usize;
    for binder in decl.axes.iter().rev() {
        let index = model.binder(*binder).index;
        if matches!(model.index(index).members, Members::Unknown) {
            return None;
        }
        let members = model.members(index);
        let most = members.iter().copied().max().unwrap_or(0) as usize;
        let mut places = vec![ABSENT; most + 1];
        members.iter().enumerate().for_each(|(place, m)| places[*m as usize] = place as u32);
        let stride = size;
        size = size.saturating_mul(members.len());
        axes.push(Axis { members, places, stride });
    }
    axes.reverse();
    if size > MOST_CELLS {
        diagnostics.push(
            Diagnostic::new(
                Code::E0507,
                format!("`{}` would have {size} cells, and {MOST_CELLS} is the most", decl.name),
                decl.span,
                "",
            )
            .help("let it be over fewer members"),
        );
        return None;
    }
    let mut shape = Shape { axes, len: size, partial: None };
    if decl.axes.iter().all(|b| model.binder(*b).filter.is_none()) {
        return Some(shape);
    }
    let mut fold = Fold::new(model, facts);
    fold.rough = true;
    let mut env = fold.env();
    let (mut places, mut cells) = (vec![ABSENT; size], Vec::new());
    for (flat, place) in places.iter_mut().enumerate() {
        let members = shape.members(flat);
        decl.axes.iter().zip(&members).for_each(|(b, m)| env[b.0 as usize] = *m);
        let mut there = true;
        for filter in decl.axes.iter().filter_map(|b| model.binder(*b).filter) {
            match fold.holds(filter, &mut env) {
                Some(holds) => there &= holds,
                None => {
                    if !failed(model, facts, filter) {
                        diagnostics.push(changing(model, filter));
                    }
                    return None;
                }
            }
        }
        if there {
            *place = cells.len() as u32;
            cells.push(flat as u32);
        }
    }
    shape.len = cells.len();
    shape.partial = Some((places, cells));
    Some(shape)
}

/// Whether an expression holds something that has been reported.
pub(super) fn failed(model: &Model, facts: &Facts, e: ExprId) -> bool {
    let mut found = false;
    model.reads(e, |e, kind| {
        let unknown = matches!(kind, ExprKind::Error)
            || model
                .named(e)
                .is_some_and(|id| matches!(model.decl(id).kind, DeclKind::Unknown) || facts.decl(id).ty == Ty::Unknown);
        found |= unknown;
        if found { crate::hir::Descend::Stop } else { crate::hir::Descend::Into }
    });
    found
}

fn changing(model: &Model, filter: ExprId) -> Diagnostic {
    let mut culprit = None;
    model.reads(filter, |e, _| {
        let constant = model
            .named(e)
            .is_some_and(|id| !matches!(model.decl(id).kind, DeclKind::Let { .. } | DeclKind::Column { .. }));
        if constant && culprit.is_none() {
            culprit = Some(e);
        }
        crate::hir::Descend::Into
    });
    let error = Diagnostic::new(
        Code::E0206,
        "which members an array has is settled before a run",
        model.expr(filter).span,
        "this is known only in a run",
    )
    .help("let it hang on columns, labels and numbers; what changes goes into the value: `if … then … else 0`");
    match culprit.and_then(|e| model.named(e)) {
        Some(id) => {
            let decl = model.decl(id);
            error.label(decl.span, format!("`{}` is a {}, and may be anything", decl.name, decl.word))
        }
        None => error,
    }
}

/// The names of an array's members: `team, 2021`.
pub fn member_names(model: &Model, id: DeclId, members: &[u32]) -> String {
    let indexes: Vec<IndexId> = model.decl(id).axes.iter().map(|b| model.binder(*b).index).collect();
    // Which one of those that live is not known here.
    let known = indexes.iter().zip(members).filter(|(i, _)| !model.lives(**i));
    let names: Vec<String> = known.map(|(i, m)| model.member_name(*i, *m)).collect();
    names.join(", ")
}

/// Whoever goes through members can work out what is constant of them.
pub(super) trait Folds<'a> {
    fn fold(&mut self) -> &mut Fold<'a>;
}

impl<'a> Folds<'a> for Fold<'a> {
    fn fold(&mut self) -> &mut Fold<'a> {
        self
    }
}

/// What becomes of a member of which only a run knows whether it is in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Undecided {
    /// It ends the walk.
    Stop,
    /// It counts as in.
    Take,
}

/// Calls `visit` for all members that a comprehension goes through, in order, with their names bound; `false` where
/// `visit` says so, or a filter that only a run can decide ends it.
pub(super) fn tuples<'a, C: Folds<'a>>(
    context: &mut C,
    a: &Aggregate,
    undecided: Undecided,
    env: &mut Env,
    visit: &mut dyn FnMut(&mut C, &mut Env) -> bool,
) -> bool {
    let before: Vec<u32> = a.binders.iter().map(|b| env[b.0 as usize]).collect();
    let all = nested(context, a, undecided, &a.binders, env, visit);
    a.binders.iter().zip(before).for_each(|(b, m)| env[b.0 as usize] = m);
    all
}

fn nested<'a, C: Folds<'a>>(
    context: &mut C,
    a: &Aggregate,
    undecided: Undecided,
    rest: &[BinderId],
    env: &mut Env,
    visit: &mut dyn FnMut(&mut C, &mut Env) -> bool,
) -> bool {
    let (model, facts) = (context.fold().model, context.fold().facts);
    let Some((first, rest)) = rest.split_first() else {
        if let Some(shape) = a.like.and_then(|like| facts.shape(like)) {
            let members: Vec<u32> = a.binders.iter().map(|b| env[b.0 as usize]).collect();
            if shape.offset(&members).is_none() {
                return true;
            }
        }
        return visit(context, env);
    };
    let binder = model.binder(*first);
    for member in model.members(binder.index) {
        env[first.0 as usize] = member;
        match binder.filter.map(|f| context.fold().holds(f, env)) {
            Some(None) if undecided == Undecided::Stop => return false,
            Some(Some(false)) => continue,
            _ => {}
        }
        if !nested(context, a, undecided, rest, env, visit) {
            return false;
        }
    }
    true
}
