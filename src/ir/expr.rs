//! From what a model means to what is computed: expressions, with every name of a member bound to one.

use super::lower::{Home, Lower, Mode};
use super::member::Reach;
use super::*;
use crate::builtins::{Builtin, Kernel, Nothing};
use crate::check::{cell, constant};
use crate::hir::{self, Aggregate, BinaryOp, Cells, ClockPart, CompareOp, ExprKind};

impl Lower<'_> {
    /// An expression; one of constants is worked out, and one that is there already is that one.
    pub(super) fn add(&mut self, expr: Expr) -> ExprId {
        let expr = self.folded(expr);
        let id = |e: ExprId| e.0;
        let key = match expr {
            Expr::Constant(v) => (0, v.to_bits(), [0; 3]),
            Expr::Param(p) => (1, u64::from(p), [0; 3]),
            Expr::Cell(c) => (2, u64::from(c.0), [0; 3]),
            Expr::Let(l) => (3, u64::from(l), [0; 3]),
            Expr::Time => (4, 0, [0; 3]),
            Expr::Step => (5, 0, [0; 3]),
            Expr::Taken(m) => (6, u64::from(m.0), [0; 3]),
            Expr::Asked(m) => (7, u64::from(m.0), [0; 3]),
            Expr::Probe(p) => (8, u64::from(p), [0; 3]),
            Expr::Unary(op, a) => (9, op as u64, [id(a), 0, 0]),
            Expr::Binary(op, a, b) => (10, op as u64, [id(a), id(b), 0]),
            Expr::If(a, b, c) => (11, 0, [id(a), id(b), id(c)]),
            Expr::One(f, a) => (12, f as usize as u64, [id(a), 0, 0]),
            Expr::Two(f, a, b) => (13, f as usize as u64, [id(a), id(b), 0]),
            Expr::Three(f, a, b, c) => (14, f as usize as u64, [id(a), id(b), id(c)]),
            Expr::Clock(f, [a, b, c]) => (15, f as usize as u64, [id(a), id(b), id(c)]),
            Expr::Many(l) => (16, u64::from(l), [0; 3]),
            Expr::Pick(p) => (17, u64::from(p), [0; 3]),
            Expr::Curve(c, a) => (18, u64::from(c), [id(a), 0, 0]),
            Expr::Series(s) => (19, u64::from(s), [0; 3]),
            Expr::Factor(t) => (20, u64::from(t.0), [0; 3]),
            Expr::Fact(f) => (21, u64::from(f), [0; 3]),
            Expr::Draw(d) => (22, u64::from(d), [0; 3]),
            Expr::Uncertain(u) => (23, u64::from(u), [0; 3]),
            Expr::Input(i) => (24, u64::from(i), [0; 3]),
            Expr::Of(who, e) => (25, u64::from(who.0), [id(e), 0, 0]),
            Expr::Number(who) => (26, u64::from(who.0), [0; 3]),
            Expr::FirstRow(who) => (27, u64::from(who.0), [0; 3]),
            Expr::Alive(population) => (28, u64::from(population.0), [0; 3]),
            Expr::Refer(r) => (29, u64::from(r), [0; 3]),
            Expr::Gather(g) => (30, u64::from(g), [0; 3]),
        };
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        if self.out.exprs.len() >= super::lower::MAX_EXPRS {
            self.too_large = true;
            return ExprId(0);
        }
        self.out.exprs.push(expr);
        let new = ExprId(self.out.exprs.len() as u32 - 1);
        self.known.insert(key, new);
        new
    }

    pub(super) fn constant(&mut self, value: f64) -> ExprId {
        self.add(Expr::Constant(value))
    }

    fn known(&self, e: ExprId) -> Option<f64> {
        match self.out.exprs.get(e.0 as usize) {
            Some(Expr::Constant(v)) => Some(*v),
            _ => None,
        }
    }

    /// What an expression of constants comes to: as a run would work it out.
    fn folded(&self, expr: Expr) -> Expr {
        let value = match expr {
            Expr::Unary(op, a) => self.known(a).map(|a| match op {
                Unary::Negate => -a,
                Unary::Not => f64::from(u8::from(a == 0.0)),
            }),
            Expr::Binary(op, a, b) => self.known(a).zip(self.known(b)).map(|(a, b)| apply(op, a, b)),
            Expr::If(c, a, b) => match self.known(c) {
                Some(c) => return self.out.exprs[if c != 0.0 { a.0 } else { b.0 } as usize],
                None => None,
            },
            Expr::One(f, a) => self.known(a).map(f),
            Expr::Two(f, a, b) => self.known(a).zip(self.known(b)).map(|(a, b)| f(a, b)),
            Expr::Three(f, a, b, c) => {
                let two = self.known(a).zip(self.known(b));
                two.zip(self.known(c)).map(|((a, b), c)| f(a, b, c))
            }
            Expr::Curve(c, a) => self.known(a).map(|x| self.out.curves[c as usize].at(x)),
            _ => None,
        };
        value.map_or(expr, Expr::Constant)
    }

    /// A named value: of an array, that of a member; of what lives, that of whom is reached.
    pub(super) fn value(&mut self, id: DeclId, member: u32, reach: Reach) -> ExprId {
        let newborn = self.is_newborn(reach);
        let expr = match self.homes[id.0 as usize] {
            // A newborn has nothing but what it opens with.
            Home::Draw(_) | Home::Move(_) | Home::Trade(_) | Home::Fact(_) if newborn => Expr::Constant(f64::NAN),
            Home::Param(p) => Expr::Param(p + member),
            Home::Cell(c) => Expr::Cell(CellId(c + member)),
            Home::Draw(_) if self.mode == Mode::Opening => Expr::Constant(f64::NAN),
            Home::Draw(d) => Expr::Draw(d + member),
            Home::Move(m) => Expr::Taken(MoveId(m + member)),
            Home::Trade(t) => Expr::Factor(TradeId(t + member)),
            Home::Fact(f) => Expr::Fact(f + member),
            Home::Let(l) if self.mode != Mode::Opening && !newborn => Expr::Let(l + member),
            Home::Let(_) => {
                let Some(value) = self.formula(self.hir.decl(id)) else { return self.constant(f64::NAN) };
                if let Some(known) = self.opened.get(&(id, member)) {
                    return *known;
                }
                let out = self.inline(id, member, value);
                self.opened.insert((id, member), out);
                return out;
            }
            Home::Series(s) if self.mode == Mode::Opening && self.out.runs[s as usize] == 0 => {
                let start = self.out.clock.instant(0);
                Expr::Constant(self.out.series[(s + member) as usize].at(start))
            }
            Home::Series(s) => Expr::Series(s + member),
            Home::Population(p) => Expr::Alive(PopId(p)),
            Home::Inline(value) => return self.inline(id, member, value),
            Home::Metric => {
                let before = self.bound(id);
                self.bind(id, member);
                let out = self.metric(id);
                self.restore(id, before);
                return out;
            }
            Home::None => Expr::Constant(f64::NAN),
        };
        match expr {
            Expr::Constant(_) => self.add(expr),
            _ => self.read(reach, expr),
        }
    }

    /// A value that is worked out where it is read, with its own members and none of the arguments around it.
    fn inline(&mut self, id: DeclId, member: u32, value: hir::ExprId) -> ExprId {
        let locals = std::mem::take(&mut self.locals);
        let before = self.bound(id);
        self.bind(id, member);
        let out = self.expr(value);
        self.restore(id, before);
        self.locals = locals;
        out
    }

    fn bound(&self, id: DeclId) -> Vec<u32> {
        self.hir.decl(id).axes.iter().map(|b| self.env[b.0 as usize]).collect()
    }

    fn restore(&mut self, id: DeclId, before: Vec<u32>) {
        self.hir.decl(id).axes.iter().zip(before).for_each(|(b, m)| self.env[b.0 as usize] = m);
    }

    pub(super) fn expr(&mut self, e: hir::ExprId) -> ExprId {
        let sampled = self.mode == Mode::Opening && self.sampled.contains_key(&e);
        if sampled || matches!(self.hir.expr(e).kind, ExprKind::Drawn(_)) {
            return self.expr_inner(e);
        }
        let closed = !self.takes[e.0 as usize]
            && self.facts.free[e.0 as usize].is_empty()
            && !(self.mode == Mode::Metric && self.own_window);
        if closed && let Some(done) = self.done[e.0 as usize] {
            return done;
        }
        let out = match constant(self.facts, e) {
            Some(value) => self.constant(to_f64(&value)),
            None => stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.expr_inner(e)),
        };
        if closed {
            self.done[e.0 as usize] = Some(out);
        }
        out
    }

    fn expr_inner(&mut self, e: hir::ExprId) -> ExprId {
        if self.too_large {
            return ExprId(0);
        }
        let hir = self.hir;
        let opening = self.mode == Mode::Opening;
        if opening && let Some(id) = self.sampled.get(&e).copied() {
            return self.uncertain(id);
        }
        let expr = match &hir.expr(e).kind {
            // Numbers, units and dates are constants, and have been met.
            ExprKind::Number { .. }
            | ExprKind::Quantity { .. }
            | ExprKind::Unit(_)
            | ExprKind::Date(_)
            | ExprKind::Error => Expr::Constant(f64::NAN),
            // A reference is the number of its member.
            ExprKind::NumberOf(member) => return self.expr(*member),
            ExprKind::Drawn(id) => return self.uncertain(*id),
            ExprKind::Infinity => Expr::Constant(f64::INFINITY),
            ExprKind::Pi => Expr::Constant(std::f64::consts::PI),
            ExprKind::Bool(value) => Expr::Constant(f64::from(u8::from(*value))),
            ExprKind::Label(_, at) => Expr::Constant(f64::from(*at)),
            ExprKind::Member(binder) => self.member(*binder),
            ExprKind::Clock(part) => match part {
                ClockPart::Time if opening => Expr::Constant(self.out.clock.start),
                ClockPart::Time => Expr::Time,
                ClockPart::Step if opening => Expr::Constant(0.0),
                ClockPart::Step => Expr::Step,
                ClockPart::Dt => Expr::Constant(self.out.clock.dt),
                ClockPart::Start => Expr::Constant(self.out.clock.start),
                ClockPart::Stop => Expr::Constant(self.out.clock.stop),
            },
            ExprKind::Decl(id) => return self.value(*id, 0, Reach::Model),
            ExprKind::Element { decl, at, otherwise } => {
                return self.element(*decl, at, *otherwise, &mut |l, reach, member| l.value(*decl, member, reach));
            }
            ExprKind::Local(i) => return self.locals.last().and_then(|l| l.get(*i)).copied().unwrap_or(ExprId(0)),
            ExprKind::Negate(a) => Expr::Unary(Unary::Negate, self.expr(*a)),
            ExprKind::Not(a) => Expr::Unary(Unary::Not, self.expr(*a)),
            ExprKind::Binary(op, a, b) => {
                let (a, b) = (self.expr(*a), self.expr(*b));
                Expr::Binary(binary(*op), a, b)
            }
            ExprKind::Compare(first, rest) => return self.chain(*first, rest),
            ExprKind::If(c, a, b) => {
                let c = match self.decided(*c) {
                    Some(holds) => self.constant(f64::from(u8::from(holds))),
                    None => self.expr(*c),
                };
                // Of what is decided by the member alone only one arm is worked out.
                match self.known(c) {
                    Some(c) => return self.expr(if c != 0.0 { *a } else { *b }),
                    None => {
                        let a = self.expr(*a);
                        Expr::If(c, a, self.expr(*b))
                    }
                }
            }
            ExprKind::In(a, index) => {
                let a = self.expr(*a);
                if let Some(population) = self.living(*index) {
                    return self.is_alive(a, population);
                }
                let first = hir.first(*index) as f64;
                let mut any = self.constant(0.0);
                for member in hir.members(*index) {
                    let member = self.constant(first + f64::from(member));
                    let is = self.add(Expr::Binary(Binary::Equal, a, member));
                    any = self.add(Expr::Binary(Binary::Or, any, is));
                }
                return any;
            }
            ExprKind::Cells { at, cells, otherwise } => {
                let at = self.env[at.0 as usize];
                let cell = cells.binary_search_by_key(&at, |(p, _)| *p).ok().map(|i| cells[i].1).or(*otherwise);
                return match cell {
                    Some(cell) => self.expr(cell),
                    None => self.constant(f64::NAN),
                };
            }
            ExprKind::Data(data, axes) => {
                let at = cell(hir, *data, axes, &self.env);
                let implied = self.facts.implied.get(&e);
                Expr::Constant(match (&hir.data[data.0 as usize], at) {
                    (Cells::Numbers(all), Some(at)) => match implied {
                        Some(unit) => to_f64(&(all[at].to_rational() * hir.units.scale(unit))),
                        None => all[at].to_f64(),
                    },
                    (Cells::Labels(_, all), Some(at)) => f64::from(all[at]),
                    (Cells::Bools(all), Some(at)) => f64::from(u8::from(all[at])),
                    (_, None) => f64::NAN,
                })
            }
            ExprKind::Match { subject, arms, otherwise } => {
                if self.rounds[subject.0 as usize]
                    && !self.hangs_on_living(*subject)
                    && let Some(arm) = self.fold.arm(*subject, arms, *otherwise, &mut self.env)
                {
                    return match arm {
                        Some(arm) => self.expr(arm),
                        None => self.constant(f64::NAN),
                    };
                }
                let subject = self.expr(*subject);
                let last = match otherwise {
                    Some(otherwise) => self.expr(*otherwise),
                    None => self.constant(f64::NAN),
                };
                return arms.iter().rev().fold(last, |rest, (patterns, value)| {
                    let no = self.constant(0.0);
                    let fits = patterns.iter().fold(no, |any, pattern| {
                        let pattern = self.expr(*pattern);
                        let is = self.add(Expr::Binary(Binary::Equal, subject, pattern));
                        self.add(Expr::Binary(Binary::Or, any, is))
                    });
                    if self.known(fits) == Some(0.0) {
                        return rest;
                    }
                    let value = self.expr(*value);
                    self.add(Expr::If(fits, value, rest))
                });
            }
            ExprKind::Aggregate(a) => return self.aggregate(a),
            ExprKind::Curve(id, x) => {
                let x = self.expr(*x);
                Expr::Curve(id.0, x)
            }
            ExprKind::Call(id, args) => {
                let args: Vec<ExprId> = args.iter().map(|a| self.expr(*a)).collect();
                let call = (*id, args.clone());
                if let Some(known) = self.called.get(&call) {
                    return *known;
                }
                self.locals.push(args);
                // What a function says of the run it is told by its arguments.
                let mode = if self.mode == Mode::Metric { Mode::Step } else { self.mode };
                let before = std::mem::replace(&mut self.mode, mode);
                let out = self.expr(hir.function(*id).body);
                self.mode = before;
                self.locals.pop();
                self.called.insert(call, out);
                return out;
            }
            ExprKind::Builtin(builtin, args) => match builtin.reducer {
                Some(reducer) if self.mode == Mode::Metric => return self.probe(reducer, args),
                _ => return self.builtin(builtin, args),
            },
        };
        self.add(expr)
    }

    /// `a < b <= c` is `a < b and b <= c`, with b worked out once.
    fn chain(&mut self, first: hir::ExprId, rest: &[(CompareOp, hir::ExprId)]) -> ExprId {
        let mut left = self.expr(first);
        let mut all = None;
        for (op, right) in rest {
            let right = self.expr(*right);
            let one = self.add(Expr::Binary(comparison(*op), left, right));
            all = Some(match all {
                None => one,
                Some(before) => self.add(Expr::Binary(Binary::And, before, one)),
            });
            left = right;
        }
        all.unwrap_or(left)
    }

    /// The place of a member in an array: `None` where only a run knows it, `Some(None)` where there is none.
    pub(super) fn offset(&mut self, decl: DeclId, at: &[hir::ExprId]) -> Option<Option<usize>> {
        let mut members = Vec::with_capacity(at.len());
        for (axis, e) in at.iter().enumerate() {
            let value = self.subscript(decl, axis, *e);
            members.push(self.position(decl, axis, self.known(value)?));
        }
        let members: Option<Vec<u32>> = members.into_iter().collect();
        Some(members.and_then(|m| self.facts.shape(decl).map_or(Some(0), |s| s.offset(&m))))
    }

    /// Whether a condition holds that hangs on the member alone, as check has found it: in doubles `0.1 + 0.2` is more than
    /// `0.3`, and a subscript that was proved would be none.
    fn decided(&mut self, e: hir::ExprId) -> Option<bool> {
        let settled = self.rounds[e.0 as usize] && !self.hangs_on_living(e);
        if settled { self.fold.holds(e, &mut self.env) } else { None }
    }

    /// A subscript; where it hangs on the member alone, the member that check has found.
    fn subscript(&mut self, decl: DeclId, axis: usize, e: hir::ExprId) -> ExprId {
        // Which living member it is, is said apart.
        if self.lives(decl, axis) {
            return self.constant(0.0);
        }
        if self.rounds[e.0 as usize]
            && !self.hangs_on_living(e)
            && let Some(place) = self.fold.position(decl, axis, e, &mut self.env)
        {
            let first = self.hir.first(self.hir.binder(self.hir.decl(decl).axes[axis]).index) as f64;
            return self.constant(place.map_or(f64::NAN, |place| first + f64::from(place)));
        }
        self.expr(e)
    }

    fn position(&self, decl: DeclId, axis: usize, value: f64) -> Option<u32> {
        let index = self.hir.binder(self.hir.decl(decl).axes[axis]).index;
        let at = value - self.hir.first(index) as f64;
        (at >= 0.0 && at < f64::from(u32::MAX) && libm::floor(at) == at).then_some(at as u32)
    }

    /// A value of an array. `read` gives that of a member by its place, of whom is reached.
    pub(super) fn element(
        &mut self,
        decl: DeclId,
        at: &[hir::ExprId],
        otherwise: Option<hir::ExprId>,
        read: &mut dyn FnMut(&mut Self, Reach, u32) -> ExprId,
    ) -> ExprId {
        let place = self.offset(decl, at);
        let lives = self.of(decl).is_some();
        // What is not read is not worked out.
        let otherwise = match otherwise {
            Some(otherwise) if lives || !matches!(place, Some(Some(_))) => Some(self.expr(otherwise)),
            _ => None,
        };
        let reach = self.reach(decl, at, otherwise);
        let otherwise = otherwise.unwrap_or_else(|| self.constant(f64::NAN));
        match place {
            Some(Some(member)) => return read(self, reach, member as u32),
            Some(None) => return otherwise,
            None => {}
        }
        let subscripts: Vec<ExprId> = at.iter().enumerate().map(|(i, e)| self.subscript(decl, i, *e)).collect();
        self.pick(decl, &subscripts, &mut Vec::new(), otherwise, &mut |l, member| read(l, reach, member))
    }

    /// A choice among the members of the first index that is left, and within each among those of the next.
    fn pick(
        &mut self,
        decl: DeclId,
        subscripts: &[ExprId],
        chosen: &mut Vec<u32>,
        otherwise: ExprId,
        read: &mut dyn FnMut(&mut Self, u32) -> ExprId,
    ) -> ExprId {
        let Some(subscript) = subscripts.get(chosen.len()).copied() else {
            return match self.facts.shape(decl).and_then(|s| s.offset(chosen)) {
                Some(member) => read(self, member as u32),
                None => otherwise,
            };
        };
        let axis = chosen.len();
        if let Some(value) = self.known(subscript) {
            let Some(member) = self.position(decl, axis, value) else { return otherwise };
            chosen.push(member);
            let out = self.pick(decl, subscripts, chosen, otherwise, read);
            chosen.pop();
            return out;
        }
        let index = self.hir.binder(self.hir.decl(decl).axes[axis]).index;
        let members = self.hir.members(index);
        let most = members.iter().copied().max().map_or(0, |m| m as usize + 1);
        self.gather(most);
        if self.too_large {
            return otherwise;
        }
        let mut values = vec![otherwise; most];
        for member in members {
            chosen.push(member);
            values[member as usize] = self.pick(decl, subscripts, chosen, otherwise, read);
            chosen.pop();
        }
        let first = self.constant(self.hir.first(index) as f64);
        let at = self.add(Expr::Binary(Binary::Subtract, subscript, first));
        self.out.picks.push(Pick { at, values, otherwise });
        let pick = self.out.picks.len() as u32 - 1;
        self.add(Expr::Pick(pick))
    }

    /// Counts values that a list or a pick holds: they take memory as operations do.
    pub(super) fn gather(&mut self, more: usize) {
        self.gathered = self.gathered.saturating_add(more);
        self.too_large |= self.gathered > super::lower::MAX_EXPRS;
    }

    /// Calls `run` for every member of a comprehension that may be in, and gives with it the condition under which it is.
    pub(super) fn items<T>(&mut self, a: &Aggregate, mut run: impl FnMut(&mut Self) -> T) -> Vec<(T, Option<ExprId>)> {
        let before: Vec<u32> = a.binders.iter().map(|b| self.env[b.0 as usize]).collect();
        let mut out = Vec::new();
        self.nested(a, &a.binders, None, &mut |l, condition| {
            let item = run(l);
            out.push((item, condition));
        });
        a.binders.iter().zip(before).for_each(|(b, m)| self.env[b.0 as usize] = m);
        out
    }

    fn nested(
        &mut self,
        a: &Aggregate,
        binders: &[BinderId],
        condition: Option<ExprId>,
        run: &mut dyn FnMut(&mut Self, Option<ExprId>),
    ) {
        let Some((first, rest)) = binders.split_first() else {
            if let Some(shape) = a.like.and_then(|like| self.facts.shape(like)) {
                let members: Vec<u32> = a.binders.iter().map(|b| self.env[b.0 as usize]).collect();
                if shape.offset(&members).is_none() {
                    return;
                }
            }
            self.gather(1);
            return run(self, condition);
        };
        let binder = self.hir.binder(*first);
        for member in self.hir.members(binder.index) {
            if self.too_large {
                return;
            }
            self.env[first.0 as usize] = member;
            if let Some(both) = self.filtered(binder.filter, condition) {
                self.nested(a, rest, both, run);
            }
        }
    }

    /// The condition under which a member is in, if it may be.
    pub(super) fn filtered(
        &mut self,
        filter: Option<hir::ExprId>,
        condition: Option<ExprId>,
    ) -> Option<Option<ExprId>> {
        let Some(filter) = filter else { return Some(condition) };
        let holds = match self.decided(filter) {
            Some(holds) => self.constant(f64::from(u8::from(holds))),
            None => self.expr(filter),
        };
        match (self.known(holds), condition) {
            (Some(0.0), _) => None,
            (Some(_), _) => Some(condition),
            (None, Some(before)) => Some(Some(self.add(Expr::Binary(Binary::And, before, holds)))),
            (None, None) => Some(Some(holds)),
        }
    }

    /// Whether a function of conditions holds only where each does.
    pub(super) fn each_must_hold(&self, a: &Aggregate) -> bool {
        // Of nothing it is true, of one false value among true ones false: only `all` is.
        let items = [1.0, 0.0].map(|value| Item { member: 0.0, value });
        a.otherwise.is_none()
            && a.builtin.aggregate.is_some_and(|x| x.nothing == Nothing::Is(1.0) && (x.gather)(f64::NAN, &items) == 0.0)
            && a.builtin.signature.result == crate::builtins::Slot::Bool
    }

    fn aggregate(&mut self, a: &Aggregate) -> ExprId {
        let Some(aggregate) = a.builtin.aggregate else { return self.constant(f64::NAN) };
        if a.binders.iter().any(|b| self.living(self.hir.binder(*b).index).is_some()) {
            return self.gather_living(a, aggregate.gather);
        }
        let head = a.head.map(|e| self.expr(e));
        let last = a.binders.last().copied();
        let counted = a.builtin.counts() && matches!(self.hir.expr(a.value).kind, ExprKind::Member(_));
        let items = self.items(a, |l| {
            let member =
                last.map_or(0.0, |b| l.hir.first(l.hir.binder(b).index) as f64 + f64::from(l.env[b.0 as usize]));
            // A member counts as itself, whatever number it is.
            let value = if counted { l.constant(1.0) } else { l.expr(a.value) };
            (member, value)
        });
        let items: Vec<ListItem> =
            items.into_iter().map(|((member, value), condition)| ListItem { member, value, condition }).collect();
        let otherwise = a.otherwise.map(|e| self.expr(e));
        if items.is_empty() {
            return match (otherwise, aggregate.nothing) {
                (Some(otherwise), _) => otherwise,
                (None, Nothing::Is(value)) => self.constant(value),
                (None, Nothing::Undefined) => self.constant(f64::NAN),
            };
        }
        self.out.lists.push(List { gather: aggregate.gather, head, items, otherwise });
        let list = self.out.lists.len() as u32 - 1;
        self.add(Expr::Many(list))
    }

    fn builtin(&mut self, builtin: &'static Builtin, args: &[Option<hir::ExprId>]) -> ExprId {
        if let Kernel::Memory(memory) = builtin.kernel {
            return self.remembered(memory, args);
        }
        let values: Vec<Option<ExprId>> = args.iter().map(|a| a.map(|a| self.expr(a))).collect();
        let at = |i: usize| values.get(i).copied().flatten().unwrap_or(ExprId(0));
        let expr = match builtin.kernel {
            Kernel::One(f) => Expr::One(f, at(0)),
            Kernel::Two(f) => Expr::Two(f, at(0), at(1)),
            Kernel::Three(f) => Expr::Three(f, at(0), at(1), at(2)),
            Kernel::Fold(f) => {
                let mut values = values.iter().flatten().copied();
                let Some(mut folded) = values.next() else { return self.constant(f64::NAN) };
                for value in values {
                    folded = self.add(Expr::Two(f, folded, value));
                }
                return folded;
            }
            Kernel::Round(f) => match values.get(1).copied().flatten() {
                None => Expr::One(f, at(0)),
                Some(to) => {
                    let ratio = self.add(Expr::Binary(Binary::Divide, at(0), to));
                    let whole = self.add(Expr::One(f, ratio));
                    Expr::Binary(Binary::Multiply, whole, to)
                }
            },
            Kernel::Clock(f) => {
                let mut three = [ExprId(0); 3];
                for (i, slot) in three.iter_mut().enumerate() {
                    *slot = match values.get(i).copied().flatten() {
                        Some(value) => value,
                        None => self.constant(f64::NAN),
                    };
                }
                Expr::Clock(f, three)
            }
            Kernel::Memory(_) | Kernel::Run | Kernel::Members | Kernel::Member => Expr::Constant(f64::NAN),
        };
        self.add(expr)
    }
}

fn binary(op: BinaryOp) -> Binary {
    match op {
        BinaryOp::Or => Binary::Or,
        BinaryOp::And => Binary::And,
        BinaryOp::Add => Binary::Add,
        BinaryOp::Subtract => Binary::Subtract,
        BinaryOp::Multiply => Binary::Multiply,
        BinaryOp::Divide => Binary::Divide,
        BinaryOp::Power => Binary::Power,
    }
}

fn comparison(op: CompareOp) -> Binary {
    match op {
        CompareOp::Less => Binary::Less,
        CompareOp::LessEq => Binary::LessEq,
        CompareOp::Greater => Binary::Greater,
        CompareOp::GreaterEq => Binary::GreaterEq,
        CompareOp::Equal => Binary::Equal,
        CompareOp::NotEqual => Binary::NotEqual,
    }
}
