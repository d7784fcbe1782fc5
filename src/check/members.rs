//! Whether each subscript meets a member, each array value has its cells, and nothing is taken over nothing.
//!
//! Which members there are is settled before a run (see `shape`). So whether `x[a - 1]` exists is decided here, for every
//! member and where it is worked out, once and for all.

use super::Facts;
use super::constant::{Env, Fold};
use super::shape::{Folds, Undecided, failed, member_names, tuples};
use crate::builtins::Nothing;
use crate::diag::{Code, Diagnostic};
use crate::hir::{
    Aggregate, BinaryOp, BinderId, DataId, DeclId, DeclKind, DistKind, EntityId, ExprId, ExprKind, FnId, Members,
    Model, PlaceKind, Rule, SpawnKind,
};
use crate::source::{SourceMap, Span};

/// For so many members one place is looked at.
const MOST_VISITS: usize = 12_000_000;

pub(super) struct Check<'a> {
    pub(super) model: &'a Model,
    pub(super) sources: &'a SourceMap,
    pub(super) facts: &'a Facts,
    pub(super) fold: Fold<'a>,
    /// Who gives each name its members: an array, or the comprehension.
    pub(super) owners: Vec<Option<Owner>>,
    /// What each expression is a part of.
    pub(super) parents: Vec<Option<ExprId>>,
    /// The function that each expression stands in.
    pub(super) functions: Vec<Option<FnId>>,
    /// The entity at whose births each expression is worked out.
    births: Vec<Option<EntityId>>,
    /// The entity for whose living members it is.
    life: Vec<Vec<EntityId>>,
    /// How many members have been looked at for the place at hand.
    pub(super) visits: usize,
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// Who gives a name its members.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Decl(DeclId),
    Aggregate(ExprId),
}

/// Checks that every subscript meets a member, every array value has all its cells, and nothing is taken over nothing.
pub(super) fn check(model: &Model, sources: &SourceMap, facts: &Facts, diagnostics: &mut Vec<Diagnostic>) {
    let mut owners = vec![None; model.binders.len()];
    for (id, decl) in model.decls() {
        decl.axes.iter().for_each(|b| owners[b.0 as usize] = Some(Owner::Decl(id)));
    }
    for (i, expr) in model.exprs.iter().enumerate() {
        if let ExprKind::Aggregate(a) = &expr.kind {
            a.binders.iter().for_each(|b| owners[b.0 as usize] = Some(Owner::Aggregate(ExprId(i as u32))));
        }
    }
    let mut fold = Fold::new(model, facts);
    fold.rough = true;
    let mut parents = vec![None; model.exprs.len()];
    for i in 0..model.exprs.len() {
        let e = ExprId(i as u32);
        model.children(e).into_iter().for_each(|child| parents[child.0 as usize] = Some(e));
    }
    let mut functions = vec![None; model.exprs.len()];
    for (i, function) in model.fns.iter().enumerate() {
        let mut stack = vec![function.body];
        while let Some(e) = stack.pop() {
            functions[e.0 as usize] = Some(FnId(i as u32));
            stack.extend(model.children(e));
        }
    }
    let (births, life) = (super::living::at_birth(model), super::living::in_life(model));
    let mut check = Check {
        model,
        sources,
        facts,
        fold,
        owners,
        parents,
        functions,
        births,
        life,
        visits: 0,
        diagnostics: Vec::new(),
    };
    for (i, expr) in model.exprs.iter().enumerate() {
        let e = ExprId(i as u32);
        match &expr.kind {
            ExprKind::Element { decl, at, otherwise: None } => check.element(*decl, at, expr.span, Some(e)),
            ExprKind::Cells { at, cells, otherwise } => check.cells(e, *at, cells, otherwise.is_some()),
            ExprKind::Aggregate(a) => check.aggregate(e, a),
            ExprKind::Data(data, _) => check.gaps(e, *data),
            _ => {}
        }
    }
    for (id, members, span) in &model.set_members {
        if facts.shape(*id).is_some_and(|s| s.offset(members).is_none()) {
            let name = &model.decl(*id).name;
            check.diagnostics.push(
                Diagnostic::new(
                    Code::E0801,
                    format!("`{name}` has no member `{}`", member_names(model, *id, members)),
                    *span,
                    "its `where` leaves that member out",
                )
                .help("set one of those that it has"),
            );
        }
    }
    for decl in &model.decls {
        let what = format!("`{}`", decl.name);
        let values = match &decl.kind {
            DeclKind::Param { value, set, .. } => vec![*value, set.unwrap_or(*value)],
            DeclKind::Let { value } | DeclKind::Metric { value, .. } => vec![*value],
            DeclKind::Policy { options, .. } => options.iter().map(|(.., e)| *e).collect(),
            DeclKind::State { initial, rule: Some(Rule::Next { value, .. }) } => vec![*initial, *value],
            DeclKind::State { initial, .. } => vec![*initial],
            DeclKind::Draw(draw) if matches!(draw.dist.kind, DistKind::Categorical) => draw.dist.args.clone(),
            _ => Vec::new(),
        };
        if let DeclKind::Update { state, value } = decl.kind {
            check.typed(value, model.decl(state).ty.as_ref(), &what);
        }
        let before = check.diagnostics.len();
        for value in values {
            if check.diagnostics.len() == before {
                check.typed(value, decl.ty.as_ref(), &what);
            }
        }
    }
    for expr in &model.exprs {
        let ExprKind::Call(id, args) = &expr.kind else { continue };
        let function = model.function(*id);
        for ((name, ty), arg) in function.params.iter().zip(args) {
            check.typed(*arg, ty.as_ref(), &format!("the argument `{name}` of `{}`", function.name));
        }
    }
    let filled = model.decls.iter().filter_map(|d| match &d.kind {
        DeclKind::Stock { from, .. } => from.as_ref(),
        _ => None,
    });
    let routes = model.retires.iter().flat_map(|r| &r.routes).flat_map(|(_, to, _)| to.iter().map(|p| &p.place));
    let ends = model.moves().flat_map(|(_, _, m)| m.ends()).chain(filled).chain(routes);
    for place in ends.flat_map(|p| std::iter::once(p).chain(p.otherwise.as_deref())) {
        if let PlaceKind::Decl(id) = place.kind {
            check.element(id, &place.at, place.span, None);
        }
    }
    diagnostics.append(&mut check.diagnostics);
}

impl<'a> Folds<'a> for Check<'a> {
    fn fold(&mut self) -> &mut Fold<'a> {
        &mut self.fold
    }
}

impl Check<'_> {
    /// Whether a subscript always names a member of the axis, as far as a glance tells.
    pub(super) fn fits(&self, decl: DeclId, axis: usize, e: ExprId) -> bool {
        let index = self.model.binder(self.model.decl(decl).axes[axis]).index;
        self.always_in(index, e, 20)
    }

    /// The names of members that decide whether an expression is worked out.
    fn deciding(&self, e: ExprId) -> Vec<BinderId> {
        let (mut child, mut all) = (e, Vec::new());
        while let Some(parent) = self.parents[child.0 as usize] {
            match &self.model.expr(parent).kind {
                ExprKind::If(c, ..) => all.extend(&self.facts.free[c.0 as usize]),
                ExprKind::Match { subject, .. } => all.extend(&self.facts.free[subject.0 as usize]),
                ExprKind::Binary(BinaryOp::And | BinaryOp::Or, a, _) => all.extend(&self.facts.free[a.0 as usize]),
                ExprKind::Cells { at, .. } => all.push(*at),
                _ => {}
            }
            child = parent;
        }
        all
    }

    /// Whether a part of an expression is worked out for these members: it may stand in an arm that is not theirs.
    fn reached(model: &Model, parents: &[Option<ExprId>], fold: &mut Fold, e: ExprId, env: &mut Env) -> bool {
        let mut child = e;
        while let Some(parent) = parents[child.0 as usize] {
            let taken = match &model.expr(parent).kind {
                ExprKind::If(c, a, b) if child != *c => match fold.holds(*c, env) {
                    Some(holds) => child == if holds { *a } else { *b },
                    None => true,
                },
                ExprKind::Match { subject, arms, otherwise } if child != *subject => {
                    fold.arm(*subject, arms, *otherwise, env).is_none_or(|arm| arm == Some(child))
                }
                ExprKind::Cells { at, cells, otherwise } => {
                    let at = env[at.0 as usize];
                    let cell = cells.binary_search_by_key(&at, |(p, _)| *p).ok().map(|i| cells[i].1).or(*otherwise);
                    at == u32::MAX || cell == Some(child)
                }
                ExprKind::Binary(BinaryOp::And, a, b) if child == *b => fold.holds(*a, env) != Some(false),
                ExprKind::Binary(BinaryOp::Or, a, b) if child == *b => fold.holds(*a, env) != Some(true),
                _ => true,
            };
            if !taken {
                return false;
            }
            child = parent;
        }
        true
    }

    /// A subscript: of a value, or (without an expression) of an end of a flow.
    fn element(&mut self, decl: DeclId, at: &[ExprId], span: Span, of: Option<ExprId>) {
        let may_default = of.is_some();
        let Some(shape) = self.facts.shape(decl) else { return };
        // A reference names a member that lives, or one that is gone: see `living`.
        let lives = |axis: usize| {
            let binder = self.model.decl(decl).axes.get(axis);
            binder.is_some_and(|b| self.model.lives(self.model.binder(*b).index))
        };
        let lives: Vec<bool> = (0..at.len()).map(lives).collect();
        // An end must be known before a run.
        let known =
            |e: ExprId| matches!(self.model.expr(e).kind, ExprKind::Member(_) | ExprKind::Label(..) | ExprKind::Error);
        let glance = (0..at.len()).all(|i| {
            lives[i]
                || (self.fits(decl, i, at[i]) || may_default && self.guarded(decl, i, at[i]))
                    && (may_default || known(at[i]))
        });
        if shape.is_whole() && glance {
            return;
        }
        let mut free: Vec<BinderId> = at.iter().flat_map(|e| self.facts.free[e.0 as usize].clone()).collect();
        free.sort_unstable();
        free.dedup();
        let mut deciding: Vec<BinderId> =
            free.iter().copied().chain(of.map_or(Vec::new(), |e| self.deciding(e))).collect();
        deciding.sort_unstable();
        let mut owners: Vec<Owner> = deciding.iter().filter_map(|b| self.owners[b.0 as usize]).collect();
        owners.dedup();
        // The array itself, at its own members: what else would there be.
        if owners == [Owner::Decl(decl)] && glance && at.len() == free.len() {
            return;
        }
        // A comprehension's filter may hang on names outside it.
        let mut more = Vec::new();
        for owner in &owners {
            if let Owner::Aggregate(e) = owner {
                more.extend(self.facts.free[e.0 as usize].iter().filter_map(|b| self.owners[b.0 as usize]));
            }
        }
        more.retain(|o| !owners.contains(o));
        more.dedup();
        let owners: Vec<Owner> = more.into_iter().chain(owners).collect();
        let mut env = self.fold.env();
        let (model, parents) = (self.model, std::mem::take(&mut self.parents));
        self.visits = 0;
        let mut beyond = None;
        let known = self.walk(&owners, &mut env, &mut |fold, env| {
            let mut members = Vec::with_capacity(at.len());
            for (axis, e) in at.iter().enumerate() {
                match fold.position(decl, axis, *e, env) {
                    _ if lives[axis] => members.push(Some(0)),
                    Some(member) => members.push(member),
                    None => return Some(false),
                }
            }
            let inside =
                members.iter().copied().collect::<Option<Vec<u32>>>().is_some_and(|m| shape.offset(&m).is_some());
            if inside || of.is_some_and(|e| !Self::reached(model, &parents, fold, e, env)) {
                return None;
            }
            let names: Vec<String> = free
                .iter()
                .map(|b| {
                    let binder = fold.model.binder(*b);
                    format!("`{}` is {}", binder.name, fold.model.member_name(binder.index, env[b.0 as usize]))
                })
                .collect();
            beyond = Some(names.join(" and "));
            Some(true)
        });
        self.parents = parents;
        if self.too_many(span) {
            return;
        }
        let name = &self.model.decl(decl).name;
        let text = without_end(self.sources.text(span), ']');
        let help = if may_default {
            format!("say what it is there: `{text} else 0]`; or leave those members out: `[… where …]`")
        } else {
            "leave those members out: `[i in Index where …]`".into()
        };
        match known {
            Some(false) => {
                // What only a run knows: a label is always a member of its whole index.
                let whole = shape.is_whole()
                    && at.iter().enumerate().filter(|(i, _)| !lives[*i]).all(|(i, _)| {
                        let index = self.model.binder(self.model.decl(decl).axes[i]).index;
                        self.fits(decl, i, at[i])
                            || (self.model.index(index).root == index && !self.model.is_numeric(index))
                    });
                if !whole {
                    self.diagnostics.push(
                        Diagnostic::new(
                            Code::E0208,
                            format!("`{name}` may have no such member"),
                            span,
                            "only a run knows which member this is",
                        )
                        .help(if may_default {
                            help
                        } else {
                            "an end of a flow is a member that is known before a run".into()
                        }),
                    );
                } else if !may_default {
                    self.diagnostics.push(
                        Diagnostic::new(
                            Code::E0208,
                            "an end of a flow is a member that is known before a run",
                            span,
                            "only a run knows which member this is",
                        )
                        .help("write a flow for each member, and let its amount be 0 where it is another's turn"),
                    );
                }
            }
            Some(true) => {
                let label = match beyond.filter(|b| !b.is_empty()) {
                    Some(where_) => format!("there is none where {where_}"),
                    None if !shape.is_whole() => "its `where` leaves this one out".into(),
                    None => {
                        let axes = self.model.decl(decl).axes.iter().map(|b| self.model.binder(*b).index);
                        let has = axes.map(|index| {
                            let members = self.model.members(index);
                            let name = |m: &u32| self.model.member_name(index, *m);
                            let ends = (members.first().map(name), members.last().map(name));
                            let (first, last) = (ends.0.unwrap_or_default(), ends.1.unwrap_or_default());
                            format!("`{}` goes from {first} to {last}", self.model.index(index).name)
                        });
                        has.collect::<Vec<_>>().join(", ")
                    }
                };
                self.diagnostics
                    .push(Diagnostic::new(Code::E0208, format!("`{name}` has no such member"), span, label).help(help));
            }
            None => {}
        }
    }

    /// Goes through all members of these owners; `visit` ends it with `Some`.
    fn walk(
        &mut self,
        owners: &[Owner],
        env: &mut Env,
        visit: &mut dyn FnMut(&mut Fold, &mut Env) -> Option<bool>,
    ) -> Option<bool> {
        let Some((first, rest)) = owners.split_first() else {
            self.visits += 1;
            // Whoever asked looks at this first.
            return if self.visits > MOST_VISITS { Some(true) } else { visit(&mut self.fold, env) };
        };
        match first {
            Owner::Decl(id) => {
                let shape = self.facts.shape(*id)?;
                let axes = &self.model.decl(*id).axes;
                for offset in 0..shape.len {
                    axes.iter().zip(shape.members(offset)).for_each(|(b, m)| env[b.0 as usize] = m);
                    if let Some(end) = self.walk(rest, env, visit) {
                        return Some(end);
                    }
                }
                None
            }
            Owner::Aggregate(e) => {
                let ExprKind::Aggregate(a) = &self.model.expr(*e).kind else { return None };
                let mut end = None;
                tuples(self, a, Undecided::Take, env, &mut |check, env| {
                    end = check.walk(rest, env, visit);
                    end.is_none()
                });
                end
            }
        }
    }

    /// Whether so many members have been looked at that the rest is left; that is said once.
    fn too_many(&mut self, span: Span) -> bool {
        let too_many = self.visits > MOST_VISITS;
        if too_many && !self.diagnostics.iter().any(|d| d.code == Code::E0507) {
            self.diagnostics.push(
                Diagnostic::new(
                    Code::E0507,
                    format!("this is looked at for more than {} million members", MOST_VISITS / 1_000_000),
                    span,
                    "",
                )
                .help("let arrays and comprehensions be over fewer members"),
            );
        }
        too_many
    }

    fn cells(&mut self, e: ExprId, at: BinderId, cells: &[(u32, ExprId)], otherwise: bool) {
        let index = self.model.binder(at).index;
        let Some(Owner::Decl(id)) = self.owners[at.0 as usize] else { return };
        let Some(shape) = self.facts.shape(id) else { return };
        if shape.is_whole() && (otherwise || cells.len() == self.model.members(index).len()) {
            return;
        }
        let axis = self.model.decl(id).axes.iter().position(|b| *b == at).unwrap_or(0);
        let mut wanted: Vec<u32> = (0..shape.len).map(|o| shape.members(o)[axis]).collect();
        wanted.sort_unstable();
        wanted.dedup();
        if let Some((left_out, cell)) = cells.iter().find(|(m, _)| wanted.binary_search(m).is_err()) {
            let name = self.model.member_name(index, *left_out);
            self.diagnostics.push(
                Diagnostic::new(
                    Code::E0209,
                    format!("`{}` has no member `{name}`", self.model.decl(id).name),
                    self.model.expr(*cell).span,
                    "this cell is for nobody",
                )
                .label(self.model.decl(id).span, "its `where` leaves that member out")
                .help("remove the cell, or let the array have the member"),
            );
        }
        if otherwise {
            return;
        }
        let missing: Vec<String> = wanted
            .iter()
            .filter(|m| cells.binary_search_by_key(*m, |(p, _)| *p).is_err())
            .map(|m| format!("`{}`", self.model.member_name(index, *m)))
            .collect();
        let Some(first) = missing.first() else { return };
        let more = missing.len() - 1;
        let label = if more == 0 {
            format!("`{}` has it, too", self.model.index(index).name)
        } else {
            format!(
                "nor of {}{}",
                missing[1..].iter().take(5).cloned().collect::<Vec<_>>().join(", "),
                if more > 5 { ", …" } else { "" }
            )
        };
        self.diagnostics.push(
            Diagnostic::new(
                Code::E0209,
                format!("this array value says nothing of {first}"),
                self.model.expr(e).span,
                label,
            )
            .help("give each member its cell, or the others one together: `else: 0`"),
        );
    }

    /// What a file leaves out must be left out by the array.
    fn gaps(&mut self, e: ExprId, data: DataId) {
        let Some((_, gaps)) = self.model.gaps.iter().find(|(d, _)| *d == data) else { return };
        let ExprKind::Data(_, axes) = &self.model.expr(e).kind else { return };
        let Some(Owner::Decl(id)) = axes.first().and_then(|b| self.owners[b.0 as usize]) else { return };
        let Some(shape) = self.facts.shape(id) else { return };
        let mut env = self.fold.env();
        for offset in 0..shape.len {
            let members = shape.members(offset);
            axes.iter().zip(&members).for_each(|(b, m)| env[b.0 as usize] = *m);
            if super::cell(self.model, data, axes, &env).is_some_and(|at| gaps.contains(&at)) {
                let name = member_names(self.model, id, &members);
                self.diagnostics.push(
                    Diagnostic::new(
                        Code::E1004,
                        format!("the file says nothing of `{name}`"),
                        self.model.expr(e).span,
                        format!("`{}` has this member", self.model.decl(id).name),
                    )
                    .help("give each member its value"),
                );
                return;
            }
        }
    }

    fn aggregate(&mut self, e: ExprId, a: &Aggregate) {
        let undefined = a.builtin.aggregate.is_some_and(|x| matches!(x.nothing, Nothing::Undefined));
        let unknown = |b: &BinderId| matches!(self.model.index(self.model.binder(*b).index).members, Members::Unknown);
        if !undefined || a.otherwise.is_some() || a.binders.iter().any(unknown) {
            return;
        }
        let filters = || a.binders.iter().filter_map(|b| self.model.binder(*b).filter);
        if a.binders.iter().any(|b| self.model.lives(self.model.binder(*b).index)) {
            return self.nobody(e, a);
        }
        if filters().next().is_none() || filters().any(|f| failed(self.model, self.facts, f)) {
            return;
        }
        // For all that it hangs on, some member is left.
        let mut owners: Vec<Owner> =
            self.facts.free[e.0 as usize].iter().filter_map(|b| self.owners[b.0 as usize]).collect();
        owners.dedup();
        let mut env = self.fold.env();
        self.visits = 0;
        let found = self.walk(&owners, &mut env, &mut |fold, env| {
            let mut any = false;
            let constant = tuples(fold, a, Undecided::Stop, env, &mut |_, _| {
                any = true;
                false
            });
            if any { None } else { Some(constant) }
        });
        if self.too_many(self.model.expr(e).span) {
            return;
        }
        let Some(constant) = found else { return };
        let name = a.builtin.name();
        let span = self.model.expr(e).span;
        let text = without_end(self.sources.text(span), ')');
        let filter = a.binders.iter().filter_map(|b| self.model.binder(*b).filter).next_back();
        let label = if constant { "no member is left here" } else { "a run may come to where no member is left" };
        let mut error = Diagnostic::new(Code::E0211, format!("`{name}` of nothing is undefined"), span, label);
        if let Some(filter) = filter {
            error = error.label(self.model.expr(filter).span, "because of this");
        }
        let index = self.model.binder(a.binders[0]).index;
        let then = match a.builtin.gives_a_member() {
            true => self.model.members(index).first().map_or("0".into(), |m| self.model.member_name(index, *m)),
            false => "0".to_string(),
        };
        self.diagnostics.push(error.help(format!("say what it is then: `{text} else {then})`")));
    }

    /// An aggregate over members that live, where nobody may be left.
    fn nobody(&mut self, e: ExprId, a: &Aggregate) {
        // In a metric of one row what is undefined is left empty.
        let empty = |e: ExprId| match &self.model.expr(e).kind {
            ExprKind::Builtin(b, _) => b.shows_undefined(),
            _ => false,
        };
        let birth = self.births[e.0 as usize].is_some();
        let filtered = a.binders.iter().any(|b| self.model.binder(*b).filter.is_some());
        let filters = || a.binders.iter().filter_map(|b| self.model.binder(*b).filter);
        // Nobody is a member that is gone: whoever reads what that one has says what it is then.
        if a.builtin.gives_a_member()
            || self.parents[e.0 as usize].is_some_and(empty)
            || filters().any(|f| failed(self.model, self.facts, f))
        {
            return;
        }
        let found = super::living::may_be_nobody(self.model, self.facts, (&self.births, &self.life), e);
        let Some(entity) = found else { return };
        let model = self.model;
        let (name, of) = (a.builtin.name(), &model.entities[entity.0 as usize].name);
        let span = model.expr(e).span;
        let text = without_end(self.sources.text(span), ')');
        let label = match (filtered, birth) {
            (true, _) => format!("a run may come to where no {of} is left here"),
            (false, true) => format!("where this is worked out at a birth, no {of} may be there"),
            (false, false) => format!("a run may come to where no {of} is alive"),
        };
        let error = Diagnostic::new(Code::E0211, format!("`{name}` of nothing is undefined"), span, label);
        let filter = filters().next();
        let error = match (filter, model.retires.iter().find(|r| r.entity == entity)) {
            (Some(filter), _) => error.label(model.expr(filter).span, "because of this"),
            (None, Some(retire)) if !birth => error.label(retire.span, "because of this"),
            _ => error,
        };
        // Without bounds a param may be set to 0.
        let open = model.spawns.iter().find_map(|s| match model.expr(s.count).kind {
            ExprKind::Decl(id) if s.entity == entity && matches!(s.how, SpawnKind::Initially) => {
                let unbounded = matches!(model.decl(id).kind, DeclKind::Param { range: None, .. });
                (unbounded && !filtered && !birth && !model.is_mortal(entity)).then(|| &model.decl(id).name)
            }
            _ => None,
        });
        let bounds = open.map_or(String::new(), |p| format!("; or give `{p}` bounds, `in 1 .. 1000`"));
        self.diagnostics.push(error.help(format!("say what it is then: `{text} else 0)`{bounds}")));
    }
}

/// A text without the bracket at its end.
fn without_end(text: &str, bracket: char) -> String {
    text.strip_suffix(bracket).unwrap_or(text).to_string()
}
