//! From what a model means to what is computed: declarations. The last reader of units: from here on all values are in
//! stored units.
//!
//! Arrays are taken apart into their members here, so that neither evaluator knows of them: what hangs on the member alone
//! is a constant, a comprehension is a list of those members that are in, and an expression that comes out the same for
//! several members is one expression.

use rustc_hash::FxHashMap as HashMap;

use super::*;
use crate::check::{Facts, Fold, Node, OpeningTotal as Stated, Ty, constant};
use crate::hir::{self, BinaryOp, DeclKind, ExprKind, FnId, PlaceKind, Rule, Timing};
use crate::units::to_f64;

/// Functions that call functions, and arrays of arrays, can write more expressions than memory holds; so many are allowed.
pub(super) const MAX_EXPRS: usize = 30_000_000;

/// A model that comes to too many expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

/// What whoever runs the model wants to say anew for each run.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Uncertain params are drawn, those with a default too.
    pub sampled: bool,
    /// Members of params, stocks and states whose opening comes from [`Expr::Input`].
    pub inputs: Vec<(DeclId, u32)>,
    /// What members have in each row is kept, too.
    pub members: bool,
}

/// What a declaration became: of an array, the first of its members.
#[derive(Clone, Copy)]
pub(super) enum Home {
    Param(u32),
    Cell(u32),
    Let(u32),
    Fact(u32),
    Move(u32),
    Trade(u32),
    Series(u32),
    Draw(u32),
    Population(u32),
    /// Worked out where it is read.
    Inline(hir::ExprId),
    Metric,
    None,
}

/// Cells that remember a value.
#[derive(Clone, Copy, Default)]
pub(super) struct Remembered {
    pub row: Option<CellId>,
    pub previous: Option<CellId>,
    pub initial: Option<CellId>,
    pub total: Option<CellId>,
}

/// What names mean.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Their value at the start.
    Opening,
    /// Their value in a step.
    Step,
    /// A metric: functions of the whole run look at its rows.
    Metric,
    /// Their value behind all that a step does, where the next row begins and members go and are born; or before row 0, where
    /// the first are.
    Ending,
}

pub(super) struct Lower<'a> {
    pub hir: &'a hir::Model,
    pub facts: &'a Facts,
    pub asked_for: &'a Asked,
    pub out: Model,
    pub homes: Vec<Home>,
    pub memory: HashMap<(DeclId, u32), Remembered>,
    /// What hangs on no member, by expression of the model.
    pub done: Vec<Option<ExprId>>,
    /// Expressions that are there already.
    pub known: HashMap<(u8, u64, [u32; 3]), ExprId>,
    /// Lets at the start.
    pub opened: HashMap<(DeclId, u32), ExprId>,
    pub locals: Vec<Vec<ExprId>>,
    /// What functions come to, by their arguments: otherwise one that calls another twice, and so on, is never done.
    pub called: HashMap<(FnId, Vec<ExprId>), ExprId>,
    /// Which expressions of the model hang on an argument of the function around them.
    pub takes: Vec<bool>,
    /// What check has decided of members, it decides here again.
    pub fold: Fold<'a>,
    /// Which expressions of the model doubles might round, or a run would work out.
    pub rounds: Vec<bool>,
    /// The defaults of params that are drawn all the same.
    pub sampled: HashMap<hir::ExprId, DeclId>,
    /// The columns that are samples already, each in the unit of who draws from it.
    pub sampled_data: HashMap<(DeclId, hir::DataId), u32>,
    /// How many values the lists and picks hold together.
    pub gathered: usize,
    /// The members that names stand for, by [`BinderId`].
    pub env: Vec<u32>,
    pub too_large: bool,
    pub mode: Mode,
    pub window: Option<(ExprId, ExprId)>,
    /// The window hangs on the member at hand: what is said of it holds for no other.
    pub own_window: bool,
    /// What names of living members stand for, by [`BinderId`].
    pub bound_to: Vec<Option<Who>>,
    /// The member that is being born: of itself it knows what it opens with.
    pub newborn: Option<Who>,
    /// Values of referred members that are there already.
    pub referred: HashMap<[u32; 4], u32>,
}

/// Lowers a model without errors. `None` where a fact is missing: the model has errors or no clock.
pub fn lower(hir: &hir::Model, facts: &Facts, asked: &Asked) -> Option<Result<Model, TooLarge>> {
    let clock = facts.clock.as_ref()?;
    let method = hir.clock.as_ref()?.method.0;
    let out = Model {
        clock: Clock::new(clock.from.clone(), clock.dt.clone(), clock.steps, clock.record, method),
        exprs: Vec::new(),
        lists: Vec::new(),
        picks: Vec::new(),
        curves: Vec::new(),
        series: Vec::new(),
        runs: Vec::new(),
        samples: Vec::new(),
        draws: Vec::new(),
        drawn: Vec::new(),
        uncertain: Vec::new(),
        inputs: Vec::new(),
        params: 0,
        cells: 0,
        owners: Vec::new(),
        holdings: 0,
        opening: Vec::new(),
        stocks: Vec::new(),
        states: Vec::new(),
        lets: Vec::new(),
        moves: Vec::new(),
        parts: Vec::new(),
        trades: Vec::new(),
        facts: Vec::new(),
        work: vec![Vec::new(); hir.phases.len().max(1)],
        substeps: false,
        updates: Vec::new(),
        rows: Vec::new(),
        shifts: Vec::new(),
        sums: Vec::new(),
        start_bounds: Vec::new(),
        bounds: Vec::new(),
        asserts: Vec::new(),
        totals: Vec::new(),
        probes: Vec::new(),
        metrics: Vec::new(),
        goals: Vec::new(),
        columns: Vec::new(),
        expects: Vec::new(),
        assets: Vec::new(),
        populations: Vec::new(),
        whos: Vec::new(),
        spawns: Vec::new(),
        retires: Vec::new(),
        gathers: Vec::new(),
        referred: Vec::new(),
        whose: Vec::new(),
        rolls: Vec::new(),
    };
    let mut lower = Lower {
        homes: vec![Home::None; hir.decls.len()],
        memory: HashMap::default(),
        done: vec![None; hir.exprs.len()],
        known: HashMap::default(),
        opened: HashMap::default(),
        locals: Vec::new(),
        called: HashMap::default(),
        takes: takes(hir),
        fold: Fold::new(hir, facts),
        rounds: rounds(hir),
        sampled: sampled(hir, asked),
        sampled_data: HashMap::default(),
        gathered: 0,
        env: vec![u32::MAX; hir.binders.len()],
        too_large: false,
        mode: Mode::Opening,
        window: None,
        own_window: false,
        bound_to: vec![None; hir.binders.len()],
        newborn: None,
        referred: HashMap::default(),
        hir,
        facts,
        asked_for: asked,
        out,
    };
    lower.out.inputs = asked.inputs.iter().map(|(decl, member)| Origin { decl: *decl, member: *member }).collect();
    lower.fold.rough = true;
    lower.populations();
    lower.homes();
    lower.model();
    lower.mark_rows();
    Some(if lower.too_large { Err(TooLarge) } else { Ok(lower.out) })
}

/// Which expressions hang on an argument of the function that they stand in. Parts are made before what they are parts of.
fn takes(hir: &hir::Model) -> Vec<bool> {
    let mut takes = vec![false; hir.exprs.len()];
    for (i, expr) in hir.exprs.iter().enumerate() {
        let parts = hir.children(hir::ExprId(i as u32));
        takes[i] = matches!(expr.kind, ExprKind::Local(_)) || parts.iter().any(|part| takes[part.0 as usize]);
    }
    takes
}

/// The defaults of uncertain params where all of those are drawn.
fn sampled(hir: &hir::Model, asked: &Asked) -> HashMap<hir::ExprId, DeclId> {
    let default = |(id, decl): (DeclId, &hir::Decl)| match decl.kind {
        DeclKind::Param { value, dist: Some(_), .. } => Some((value, id)),
        _ => None,
    };
    if asked.sampled { hir.decls().filter_map(default).collect() } else { HashMap::default() }
}

/// Which expressions doubles might round, or are worked out elsewhere: what hangs on labels, cells and neighbours is not.
fn rounds(hir: &hir::Model) -> Vec<bool> {
    let whole = |e: &hir::ExprId| match &hir.expr(*e).kind {
        ExprKind::Member(_) => true,
        ExprKind::Number { value, .. } => value.is_integer(),
        _ => false,
    };
    let mut rounds = vec![false; hir.exprs.len()];
    for (i, expr) in hir.exprs.iter().enumerate() {
        let own = match &expr.kind {
            ExprKind::Binary(BinaryOp::And | BinaryOp::Or, ..) => false,
            ExprKind::Binary(BinaryOp::Add | BinaryOp::Subtract, a, b) => !(whole(a) && whole(b)),
            ExprKind::Binary(..) | ExprKind::Builtin(..) | ExprKind::Aggregate(_) | ExprKind::Decl(_) => true,
            ExprKind::Element { decl, .. } => matches!(hir.decl(*decl).kind, DeclKind::Let { .. }),
            _ => false,
        };
        rounds[i] = own || hir.children(hir::ExprId(i as u32)).iter().any(|part| rounds[part.0 as usize]);
    }
    rounds
}

impl Lower<'_> {
    pub(super) fn cell(&mut self, of: Option<PopId>) -> CellId {
        self.out.cells += 1;
        self.out.owners.push(of);
        CellId(self.out.cells as u32 - 1)
    }

    /// Gives every declaration its place. Moves stay in the order of declaration, in which the ledger adds them up.
    fn homes(&mut self) {
        let (mut moves, mut trades, mut facts, mut draws) = (0, 0, 0, 0);
        for (id, decl) in self.hir.decls() {
            let count = self.facts.count(id) as u32;
            self.homes[id.0 as usize] = match &decl.kind {
                DeclKind::Param { .. } => {
                    self.out.params += count as usize;
                    Home::Param(self.out.params as u32 - count)
                }
                DeclKind::Stock { .. } | DeclKind::State { .. } => {
                    let first = self.out.cells as u32;
                    for member in 0..count {
                        let of = self.of(id);
                        let (cell, origin) = (self.cell(of), Origin { decl: id, member });
                        match decl.kind {
                            DeclKind::Stock { signed, .. } => self.out.stocks.push(Stock { of, cell, origin, signed }),
                            _ => self.out.states.push((cell, origin)),
                        }
                    }
                    Home::Cell(first)
                }
                DeclKind::Move(_) => {
                    moves += count;
                    Home::Move(moves - count)
                }
                DeclKind::Trade(_) => {
                    trades += count;
                    Home::Trade(trades - count)
                }
                DeclKind::Let { .. } if decl.phase.is_some() => {
                    facts += count;
                    Home::Fact(facts - count)
                }
                DeclKind::Draw(_) => {
                    draws += count;
                    Home::Draw(draws - count)
                }
                DeclKind::Metric { .. } => Home::Metric,
                DeclKind::Column { value } => Home::Inline(*value),
                DeclKind::Series(series) => self.series(decl, series),
                DeclKind::Let { .. }
                | DeclKind::Policy { .. }
                | DeclKind::Update { .. }
                | DeclKind::Trait(_)
                | DeclKind::Expect(_)
                | DeclKind::Unknown => Home::None,
                DeclKind::Population(entity) => Home::Population(entity.0),
            };
        }
        self.out.holdings = self.out.cells;
        for (id, decl) in self.hir.decls() {
            if let DeclKind::Trait(_) = decl.kind {
                let first = self.out.cells as u32;
                for _ in 0..self.facts.count(id) {
                    self.cell(self.of(id));
                }
                self.homes[id.0 as usize] = Home::Cell(first);
            }
        }
        let mut lets = 0;
        for (id, decl) in self.hir.decls() {
            if self.formula(decl).is_some() {
                self.homes[id.0 as usize] = Home::Let(lets);
                lets += self.facts.count(id) as u32;
            }
        }
        for curve in &self.hir.curves {
            let value = |e: hir::ExprId| constant(self.facts, e).map_or(f64::NAN, |v| to_f64(&v));
            let (xs, ys) = curve.points.iter().map(|(x, y)| (value(*x), value(*y))).unzip();
            self.out.curves.push(Curve { xs, ys, ends: curve.ends });
        }
    }

    fn series(&mut self, decl: &hir::Decl, series: &hir::Series) -> Home {
        let first = self.out.series.len() as u32;
        let times: Vec<f64> = series.times.iter().map(to_f64).collect();
        let scale = match decl.ty.as_ref().map(|t| &t.kind) {
            Some(hir::AnnotationKind::Unit(unit)) => Some(self.hir.units.scale(unit)),
            _ => None,
        };
        for data in &series.values {
            let values = match &self.hir.data[data.0 as usize] {
                hir::Cells::Numbers(all) => all
                    .iter()
                    .map(|v| match &scale {
                        Some(scale) => to_f64(&(v.to_rational() * scale)),
                        None => v.to_f64(),
                    })
                    .collect(),
                hir::Cells::Labels(_, all) => all.iter().map(|l| f64::from(*l)).collect(),
                hir::Cells::Bools(all) => all.iter().map(|b| f64::from(u8::from(*b))).collect(),
            };
            self.out.series.push(Series { times: times.clone(), values, reading: series.reading });
            let first = series.by_run && self.out.series.len() as u32 == first + 1;
            self.out.runs.push(if first { series.values.len() as u32 } else { 0 });
        }
        Home::Series(first)
    }

    /// Runs for each member of a declaration, with its names bound.
    pub(super) fn each(&mut self, id: DeclId, run: impl FnMut(&mut Self, Origin)) {
        self.some(id, 0..self.facts.count(id) as u32, run);
    }

    pub(super) fn some(&mut self, id: DeclId, members: std::ops::Range<u32>, mut run: impl FnMut(&mut Self, Origin)) {
        for member in members {
            self.bind(id, member);
            run(self, Origin { decl: id, member });
        }
    }

    /// Binds the names of a declaration's members.
    pub(super) fn bind(&mut self, id: DeclId, member: u32) {
        if let Some(shape) = self.facts.shape(id) {
            let members = shape.members(member as usize);
            self.hir.decl(id).axes.iter().zip(members).for_each(|(b, m)| self.env[b.0 as usize] = m);
        }
    }

    fn model(&mut self) {
        let hir = self.hir;
        for (id, member) in self.facts.order.opening.clone() {
            let e = match &hir.decl(id).kind {
                DeclKind::Param { value, set, .. } => set.unwrap_or(*value),
                DeclKind::Stock { opening, set, .. } => set.unwrap_or(*opening),
                DeclKind::State { initial, .. } => *initial,
                _ => continue,
            };
            let home = self.homes[id.0 as usize];
            let members = member.map_or(0..self.facts.count(id) as u32, |m| m..m + 1);
            self.some(id, members, |l, origin| {
                let to = match home {
                    Home::Param(p) => Opened::Param(p + origin.member),
                    Home::Cell(c) => Opened::Cell(CellId(c + origin.member)),
                    _ => return,
                };
                let value = match l.asked_for.inputs.iter().position(|i| *i == (origin.decl, origin.member)) {
                    Some(input) => l.add(Expr::Input(input as u32)),
                    None => l.expr(e),
                };
                l.out.opening.push((to, value, origin));
            });
        }
        self.at(Mode::Step);
        for (id, decl) in hir.decls() {
            let Some(value) = self.formula(decl) else { continue };
            let (of, after_moves) = (self.of(id), self.after_moves(id));
            self.each(id, |l, _| {
                let value = l.expr(value);
                l.out.lets.push(Definition { of, value, after_moves });
            });
        }
        for (id, decl) in hir.decls() {
            if let (DeclKind::Let { value }, Home::Fact(_)) = (&decl.kind, self.homes[id.0 as usize]) {
                let of = self.of(id);
                self.each(id, |l, _| {
                    let value = l.expr(*value);
                    l.out.facts.push(Fact { of, value });
                });
            }
        }
        self.draws();
        self.work();
        for (id, _, m) in hir.moves() {
            self.each(id, |l, origin| l.moved(origin, m));
        }
        for (id, decl) in hir.decls() {
            if let DeclKind::Trade(trade) = &decl.kind {
                self.each(id, |l, origin| l.trade(origin, trade));
            }
        }
        for (id, decl) in hir.decls() {
            match &decl.kind {
                DeclKind::State { rule: Some(rule), .. } => self.each(id, |l, origin| l.rule(origin, rule)),
                DeclKind::Update { state, value } => self.each(id, |l, origin| l.update(origin, *state, *value)),
                DeclKind::Param { range: Some(range), .. } => self.each(id, |l, origin| {
                    let bound = l.limits(origin, *range);
                    l.out.start_bounds.push(bound);
                }),
                DeclKind::Stock { range: Some(range), .. } => self.each(id, |l, origin| {
                    let bound = l.limits(origin, *range);
                    l.out.bounds.push(bound);
                }),
                _ => {}
            }
        }
        for (number, assert) in hir.asserts.iter().enumerate() {
            self.assert(number, assert);
        }
        self.conserves();
        for (id, decl) in hir.decls() {
            if matches!(decl.kind, DeclKind::Metric { .. }) {
                self.each(id, |l, origin| {
                    let value = l.metric(origin.decl);
                    l.out.metrics.push(Metric { origin, value });
                });
            }
        }
        self.goals();
        self.columns();
        self.expects();
        self.lives_and_deaths();
        self.rolls();
        // A name's row may be read by a later one's: stocks and states first, then lets in the order of work, then moves.
        let order = self.lets_in_order();
        let exprs = &self.out.exprs;
        let leaf = |e: ExprId| match exprs[e.0 as usize] {
            Expr::Of(_, leaf) => exprs[leaf.0 as usize],
            leaf => leaf,
        };
        self.out.rows.sort_by_key(|row| match leaf(row.value) {
            Expr::Let(l) => (1, order[l as usize]),
            Expr::Fact(f) => (2, f),
            Expr::Taken(m) => (3, m.0),
            Expr::Factor(t) => (4, t.0),
            _ => (0, 0),
        });
    }

    /// The place of each `let` in the order of work.
    fn lets_in_order(&self) -> Vec<u32> {
        let mut order = vec![0; self.out.lets.len()];
        let mut next = 0;
        for step in &self.facts.order.step {
            let Node::Let(id) = step.node else { continue };
            let Home::Let(first) = self.homes[id.0 as usize] else { continue };
            for member in step.member.map_or(0..self.facts.count(id) as u32, |m| m..m + 1) {
                order[(first + member) as usize] = next;
                next += 1;
            }
        }
        order
    }

    pub(super) fn dated(&self, id: DeclId) -> bool {
        crate::check::is_dated(self.hir, id)
    }

    /// An assertion over members is one for each, so that the one that fails can be named.
    fn assert(&mut self, number: usize, assert: &hir::Assert) {
        // The last row starts no step: what is drawn or moved in one is not watched there.
        let condition = assert.condition;
        let after_moves = self.hangs_on_moves(condition) || self.hangs_on_luck(condition);
        let of = assert.entity.map(|e| PopId(e.0));
        if let ExprKind::Aggregate(a) = &self.hir.expr(condition).kind
            && self.each_must_hold(a)
            && let Some(of) = self.one_living(a, of)
        {
            let all = self.items(a, |l| a.binders.iter().map(|b| (*b, l.env[b.0 as usize])).collect::<Vec<_>>());
            let before: Vec<u32> = a.binders.iter().map(|b| self.env[b.0 as usize]).collect();
            for (members, holds) in all {
                members.iter().for_each(|(b, m)| self.env[b.0 as usize] = *m);
                let mut condition = self.expr(a.value);
                if let Some(holds) = holds {
                    let not = self.add(Expr::Unary(Unary::Not, holds));
                    condition = self.add(Expr::Binary(Binary::Or, not, condition));
                }
                self.out.asserts.push(Assert { of, number, members, condition, after_moves });
            }
            a.binders.iter().zip(before).for_each(|(b, m)| self.env[b.0 as usize] = m);
            return;
        }
        let condition = self.expr(condition);
        self.out.asserts.push(Assert { of, number, members: Vec::new(), condition, after_moves });
    }

    /// The number of the stock at an end of a move.
    pub(super) fn stock(&mut self, place: &hir::Place) -> Option<usize> {
        let PlaceKind::Decl(id) = place.kind else { return None };
        let Home::Cell(_) = self.homes[id.0 as usize] else { return None };
        let offset = self.offset(id, &place.at)??;
        // Stocks are numbered in the order of their declarations.
        let first = self.out.stocks.partition_point(|s| s.origin.decl < id);
        Some(first + offset)
    }

    /// The work of each phase, in the order in which it can be done.
    fn work(&mut self) {
        for step in self.facts.order.step.clone() {
            let (id, work): (_, fn(u32) -> Work) = match (step.node, self.hir_home(step.node)) {
                (Node::Demand(id), Home::Move(_)) => (id, |m| Work::Demand(MoveId(m))),
                (Node::Taken(id), Home::Move(_)) => (id, |m| Work::Take(MoveId(m))),
                (Node::Taken(id), Home::Trade(_)) => (id, |t| Work::Trade(TradeId(t))),
                (Node::Let(id), Home::Fact(_)) => (id, Work::Fact),
                (Node::Let(id), Home::Draw(_)) => (id, Work::Draw),
                _ => continue,
            };
            let (Home::Move(first) | Home::Trade(first) | Home::Fact(first) | Home::Draw(first)) =
                self.homes[id.0 as usize]
            else {
                continue;
            };
            if self.dated(id) {
                continue;
            }
            let members = step.member.map_or(0..self.facts.count(id) as u32, |m| m..m + 1);
            let phase = self.hir.decl(id).phase;
            if let (Home::Draw(_), None) = (self.homes[id.0 as usize], phase) {
                self.out.drawn.extend(members.map(|m| first + m));
                continue;
            }
            self.out.work[phase.unwrap_or(0)].extend(members.map(|m| work(first + m)));
        }
    }

    fn hir_home(&self, node: Node) -> Home {
        match node {
            Node::Let(id) | Node::Demand(id) | Node::Taken(id) => self.homes[id.0 as usize],
            _ => Home::None,
        }
    }

    /// The formula of a `let` that is no fact of a phase, or of a policy: that of the option in force.
    pub(super) fn formula(&self, decl: &hir::Decl) -> Option<hir::ExprId> {
        match &decl.kind {
            DeclKind::Let { value } if decl.phase.is_none() => Some(*value),
            DeclKind::Policy { options, chosen } => options.get(*chosen).map(|(.., value)| *value),
            _ => None,
        }
    }

    /// Whether a value is known only after the step has moved what it moves.
    pub(super) fn after_moves(&self, id: DeclId) -> bool {
        self.facts.order.after[id.0 as usize].is_some()
    }

    fn trade(&mut self, origin: Origin, trade: &hir::Trade) {
        let legs = trade.legs.iter().filter_map(|leg| match self.homes[leg.0 as usize] {
            Home::Move(first) => Some(MoveId(first + origin.member)),
            _ => None,
        });
        let legs = legs.collect();
        self.out.trades.push(Trade { of: self.of(origin.decl), origin, legs, short: trade.short });
    }

    /// The places that a move gives to.
    pub(super) fn ends(&mut self, to: &[hir::Part]) -> (u32, u32) {
        let first = self.out.parts.len() as u32;
        for part in to {
            let (to, whose) = (self.stock(&part.place), self.whose(&part.place));
            let share = part.share.map(|e| self.expr(e));
            self.out.parts.push(Part { to, whose, share });
        }
        (first, self.out.parts.len() as u32)
    }

    fn moved(&mut self, origin: Origin, m: &hir::Move) {
        let (from, whose) = (self.stock(&m.from), self.whose(&m.from));
        let parts = self.ends(&m.to);
        let amounts = self.facts.amounts[origin.decl.0 as usize];
        let phase = self.hir.decl(origin.decl).phase.unwrap_or(0);
        let trade = m.trade.and_then(|t| match self.homes[t.0 as usize] {
            Home::Trade(first) => Some(TradeId(first + origin.member)),
            _ => None,
        });
        let amount = self.expr(m.amount);
        let (mut condition, mut event) = (None, None);
        match &m.timing {
            Timing::When { condition: c, .. } => condition = Some(self.expr(*c)),
            Timing::At(t) => event = Some(Event { first: self.expr(*t), period: None, last: None }),
            Timing::Every { period, from, to } => {
                let period = self.period(origin, *period);
                let first = match from {
                    Some(from) => self.expr(*from),
                    None => self.constant(self.out.clock.start),
                };
                let last = to.as_ref().map(|to| self.expr(*to));
                event = Some(Event { first, period: Some(period), last });
            }
            Timing::Always | Timing::Missing => {}
        }
        let once = matches!(m.timing, Timing::When { once: true, .. });
        let (flow, two_way, short) = (m.flow, m.two_way, m.short);
        let moved = Move {
            of: self.of(origin.decl),
            origin,
            flow,
            two_way,
            from,
            whose,
            parts,
            amounts,
            phase,
            trade,
            amount,
            condition,
            once,
            short,
            event,
        };
        self.out.moves.push(moved);
    }

    /// The new value that a phase gives a state.
    fn update(&mut self, origin: Origin, state: DeclId, value: hir::ExprId) {
        let Home::Cell(first) = self.homes[state.0 as usize] else { return };
        let member = match (self.facts.shape(origin.decl), self.facts.shape(state)) {
            (Some(mine), Some(its)) => its.offset(&mine.members(origin.member as usize)),
            _ => Some(0),
        };
        let Some(member) = member else { return };
        let value = self.expr(value);
        let phase = self.hir.decl(origin.decl).phase;
        self.out.updates.push(Update {
            of: self.of(origin.decl),
            cell: CellId(first + member as u32),
            origin,
            value,
            rate: false,
            every: None,
            phase,
        });
    }

    fn rule(&mut self, origin: Origin, rule: &Rule) {
        let Home::Cell(first) = self.homes[origin.decl.0 as usize] else { return };
        let cell = CellId(first + origin.member);
        let (value, rate, every) = match rule {
            Rule::Next { value, every } => (self.expr(*value), false, every.map(|e| self.period(origin, e))),
            Rule::Rate(value) => (self.expr(*value), true, None),
        };
        self.out.updates.push(Update { of: self.of(origin.decl), cell, origin, value, rate, every, phase: None });
    }

    /// A period, which must be a step at least; one that hangs on params is checked when a run starts.
    pub(super) fn period(&mut self, origin: Origin, e: hir::ExprId) -> ExprId {
        let value = self.expr(e);
        if constant(self.facts, e).is_none() {
            let low = self.constant(self.out.clock.dt * (1.0 - 1e-9));
            let high = self.constant(f64::INFINITY);
            let of = self.of(origin.decl).filter(|_| self.hangs_on_living(e));
            self.out.start_bounds.push(Bound { of, origin, value, low, high });
        }
        value
    }

    fn limits(&mut self, origin: Origin, (low, high): (hir::ExprId, hir::ExprId)) -> Bound {
        let value = self.value(origin.decl, origin.member, self.own(origin.decl));
        Bound { of: self.of(origin.decl), origin, value, low: self.expr(low), high: self.expr(high) }
    }

    fn conserves(&mut self) {
        let facts = self.facts;
        for (i, known) in facts.conserves.iter().enumerate() {
            // A stock that opens with what each run brings has proved nothing.
            let brought = known.stocks.iter().any(|s| self.asked_for.inputs.iter().any(|(decl, _)| decl == s));
            if (known.total == Some(Stated::AtStart) || known.total.is_some() && brought)
                && let Some(total) = self.hir.conserves[i].total
            {
                let all = self.out.stocks.iter().enumerate();
                let stocks = all.filter(|(_, s)| known.stocks.contains(&s.origin.decl)).map(|(n, _)| n).collect();
                let total = self.expr(total);
                self.out.totals.push(OpeningTotal { conserve: i, stocks, total });
            }
        }
        let mut dims: Vec<&crate::units::Dim> = Vec::new();
        for i in 0..self.out.stocks.len() {
            let Ty::Number(dim) = &facts.decl(self.out.stocks[i].origin.decl).ty else { continue };
            match dims.iter().position(|d| *d == dim) {
                Some(at) => self.out.assets[at].stocks.push(i),
                None => {
                    dims.push(dim);
                    self.out.assets.push(Asset { stocks: vec![i] });
                }
            }
        }
    }

    /// What goals ask of one run. What compares runs is judged when there are several; of one it wants the number.
    fn goals(&mut self) {
        for (number, goal) in self.hir.goals.iter().enumerate() {
            let value = match goal.kind {
                hir::GoalKind::Holds(e) | hir::GoalKind::Maximize(e) | hir::GoalKind::Minimize(e) => e,
                hir::GoalKind::Of { metric, .. } => metric,
            };
            let mut asked = self.asked(value);
            if let hir::GoalKind::Holds(_) = goal.kind {
                // What is undefined meets no goal, however the goal looks at it.
                for part in self.hir.looked_at(value) {
                    let part = self.asked(part);
                    let defined = self.add(Expr::Binary(Binary::Equal, part, part));
                    asked = self.add(Expr::Binary(Binary::And, asked, defined));
                }
            }
            let value = asked;
            let seen = goal.seen(self.hir).map(|e| self.asked(e));
            self.out.goals.push(Goal { number, value, seen });
        }
    }

    /// What tests compare.
    fn expects(&mut self) {
        for (id, decl) in self.hir.decls() {
            if let DeclKind::Expect(expect) = &decl.kind {
                let known = self.facts.order.after[id.0 as usize].map_or(Known::AtStart, Known::After);
                self.each(id, |l, origin| {
                    let value = l.expr(expect.value);
                    l.out.expects.push(Column { origin, value, known });
                });
            }
        }
    }

    /// The columns in the order of the results: stocks, states, lets, data over time, draws, then what moves.
    fn columns(&mut self) {
        // What members have is theirs; of the model is what is said of all of them.
        self.out.columns = self.columns_of(None);
    }

    /// What is told of the model, or of a member of an entity, which begins with its traits.
    pub(super) fn columns_of(&mut self, entity: Option<hir::EntityId>) -> Vec<Column> {
        let rank = |kind: &DeclKind| match kind {
            DeclKind::Trait(_) => Some(-1),
            DeclKind::Stock { .. } => Some(0),
            DeclKind::State { .. } => Some(1),
            DeclKind::Population(_) => Some(2),
            DeclKind::Let { .. } | DeclKind::Policy { .. } => Some(3),
            DeclKind::Series(_) => Some(4),
            DeclKind::Draw(_) => Some(5),
            DeclKind::Move(m) if m.flow => Some(6),
            DeclKind::Move(_) | DeclKind::Trade(_) => Some(7),
            _ => None,
        };
        let own = self.hir.decls().filter(|(_, d)| d.entity == entity);
        let mut ids: Vec<(i32, DeclId)> = own.filter_map(|(id, d)| Some((rank(&d.kind)?, id))).collect();
        ids.sort();
        let mut columns = Vec::new();
        for (_, id) in ids {
            let known = match self.facts.order.after[id.0 as usize] {
                Some(phase) => Known::After(phase),
                None if self.dated(id) => Known::OnDate,
                None => Known::AtStart,
            };
            let reach = self.own(id);
            self.each(id, |l, origin| {
                let value = l.value(id, origin.member, reach);
                columns.push(Column { origin, value, known });
            });
        }
        columns
    }
}
