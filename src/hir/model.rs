//! What is asked of a model: its parts by id, members and their names, dates, and what an expression reads.

use num_rational::BigRational;

use super::*;
use crate::builtins::{Kernel, Memory};

impl Model {
    /// An expression.
    pub fn expr(&self, id: ExprId) -> &Expr {
        &self.exprs[id.0 as usize]
    }

    /// A named value.
    pub fn decl(&self, id: DeclId) -> &Decl {
        &self.decls[id.0 as usize]
    }

    /// Whether two runs with the same settings may differ.
    pub fn has_chance(&self) -> bool {
        self.decls.iter().any(|d| match &d.kind {
            DeclKind::Draw(_) => true,
            DeclKind::Trait(how) => !matches!(**how, Trait::Formula(_)),
            DeclKind::Series(series) => series.by_run,
            // Without a default it is always drawn.
            DeclKind::Param { value, set: None, .. } => matches!(self.expr(*value).kind, ExprKind::Drawn(_)),
            _ => false,
        })
    }

    /// Whether there is a param to sample.
    pub fn has_uncertain(&self) -> bool {
        self.decls.iter().any(|d| matches!(d.kind, DeclKind::Param { dist: Some(_), set: None, .. }))
    }

    /// A function.
    pub fn function(&self, id: FnId) -> &Function {
        &self.fns[id.0 as usize]
    }

    /// All named values with their ids.
    pub fn decls(&self) -> impl Iterator<Item = (DeclId, &Decl)> {
        self.decls.iter().enumerate().map(|(i, d)| (DeclId(i as u32), d))
    }

    /// All flows and transfers, the legs of trades among them.
    pub fn moves(&self) -> impl Iterator<Item = (DeclId, &Decl, &Move)> {
        self.decls().filter_map(|(id, d)| match &d.kind {
            DeclKind::Move(m) => Some((id, d, &**m)),
            _ => None,
        })
    }

    /// Whether an expression is what a transfer moves, or asks for, in a step: an amount, and no rate.
    pub fn is_amount(&self, e: ExprId) -> bool {
        match &self.expr(e).kind {
            ExprKind::Builtin(b, args) if matches!(b.kernel, Kernel::Memory(Memory::Requested)) => {
                args.first().copied().flatten().is_some_and(|a| self.is_amount(a))
            }
            _ => self.named(e).and_then(|id| self.edge(id)).is_some_and(|m| !m.flow),
        }
    }

    /// The metrics and functions of the whole run that a goal looks at.
    pub fn looked_at(&self, e: ExprId) -> Vec<ExprId> {
        let (mut found, mut stack) = (Vec::new(), vec![e]);
        while let Some(e) = stack.pop() {
            let metric = self.named(e).is_some_and(|id| matches!(self.decl(id).kind, DeclKind::Metric { .. }));
            match &self.expr(e).kind {
                // Over members that stand for nothing out here.
                ExprKind::Aggregate(_) => {}
                ExprKind::Builtin(b, _) if b.reducer.is_some() => found.push(e),
                _ if metric => found.push(e),
                _ => stack.extend(self.children(e)),
            }
        }
        found
    }

    /// The declaration as a whole: of a leg its trade, of anything else itself.
    pub fn whole(&self, id: DeclId) -> DeclId {
        match &self.decl(id).kind {
            DeclKind::Move(m) => m.trade.unwrap_or(id),
            _ => id,
        }
    }

    /// What is settled as one: a flow, a transfer, or all legs of a trade.
    pub fn legs(&self, id: DeclId) -> Vec<&Move> {
        match &self.decl(id).kind {
            DeclKind::Move(m) if m.trade.is_none() => vec![m],
            DeclKind::Trade(trade) => trade.legs.iter().filter_map(|leg| self.edge(*leg)).collect(),
            _ => Vec::new(),
        }
    }

    /// An edge of the ledger.
    pub fn edge(&self, id: DeclId) -> Option<&Move> {
        match &self.decl(id).kind {
            DeclKind::Move(m) => Some(m),
            _ => None,
        }
    }

    /// An index.
    #[allow(clippy::should_implement_trait)] // Like `expr` and `decl`: it looks up by id.
    pub fn index(&self, id: IndexId) -> &Index {
        &self.indexes[id.0 as usize]
    }

    /// A name of members.
    pub fn binder(&self, id: BinderId) -> &Binder {
        &self.binders[id.0 as usize]
    }

    /// The members of an index, as positions in its root.
    pub fn members(&self, id: IndexId) -> Vec<u32> {
        match &self.index(id).members {
            Members::Labels(labels) => (0..labels.len() as u32).collect(),
            Members::Numbers { count, .. } => (0..*count).collect(),
            Members::Part(positions) => positions.clone(),
            // What holds of one of them holds of all: one stands for them.
            Members::Living(_) => vec![0],
            Members::Unknown => Vec::new(),
        }
    }

    /// The least number of an index of numbers; 0 for labels, which count from there.
    pub fn first(&self, id: IndexId) -> i64 {
        match self.index(self.index(id).root).members {
            Members::Numbers { first, .. } => first,
            _ => 0,
        }
    }

    /// Whether the members of an index are numbers.
    pub fn is_numeric(&self, id: IndexId) -> bool {
        matches!(self.index(self.index(id).root).members, Members::Numbers { .. })
    }

    /// The name of a member of a root.
    pub fn member_name(&self, index: IndexId, position: u32) -> String {
        match &self.index(self.index(index).root).members {
            Members::Labels(labels) => labels.get(position as usize).map_or(String::new(), |(name, _)| name.clone()),
            Members::Numbers { first, .. } => (first + i64::from(position)).to_string(),
            _ => String::new(),
        }
    }

    /// The named value that an expression is: of a plain one, or of an array.
    pub fn named(&self, id: ExprId) -> Option<DeclId> {
        match self.expr(id).kind {
            ExprKind::Decl(id) | ExprKind::Element { decl: id, .. } => Some(id),
            _ => None,
        }
    }

    /// Whether an expression reads what a member of an entity has, and not as that member itself.
    pub fn of_another(&self, id: ExprId) -> bool {
        let ExprKind::Element { decl, at, .. } = &self.expr(id).kind else { return false };
        let own = |entity: EntityId| {
            let me = self.entities[entity.0 as usize].me;
            at.first().is_some_and(|e| matches!(self.expr(*e).kind, ExprKind::Member(b) if b == me))
        };
        self.decl(*decl).entity.is_some_and(|entity| !own(entity))
    }

    /// Whether the members of an index live.
    pub fn lives(&self, id: IndexId) -> bool {
        matches!(self.index(id).members, Members::Living(_))
    }

    /// Whether members of an entity retire, so that a reference may name one that is gone.
    pub fn is_mortal(&self, entity: EntityId) -> bool {
        self.retires.iter().any(|r| r.entity == entity)
    }

    /// The time of a date in the clock's unit, exactly; `None` where the clock has no dates.
    pub fn date_value(&self, date: Date) -> Option<BigRational> {
        let clock = self.clock.as_ref()?;
        let (starting, from) = clock.starting?;
        let calendar = self.units.calendar(clock.unit)?;
        Some(self.literal(from)? + calendar.time(starting, date))
    }

    /// The date of a time in the clock's unit.
    pub fn date_of(&self, time: f64) -> Option<Date> {
        let clock = self.clock.as_ref()?;
        let (starting, from) = clock.starting?;
        let calendar = self.units.calendar(clock.unit)?;
        calendar.date(starting, time - crate::units::to_f64(&self.literal(from)?))
    }

    /// Whether the clock's declaration says this part of it, and no setting does.
    pub(crate) fn clock_says(&self, part: ExprId) -> bool {
        let span = self.expr(part).span;
        self.clock.as_ref().is_some_and(|c| c.span.start <= span.start && span.end <= c.span.end)
    }

    /// The clock starts at a number that is written out, as dates need it: files are read before names mean anything.
    pub(crate) fn starts_at_a_number(&self) -> bool {
        let start = self.clock.as_ref().and_then(|c| c.starting);
        start.is_none_or(|(_, from)| self.literal(from).is_some())
    }

    /// An expression of numbers alone.
    fn literal(&self, e: ExprId) -> Option<BigRational> {
        match &self.expr(e).kind {
            ExprKind::Number { value, .. } => Some(value.clone()),
            ExprKind::Quantity { value, unit } => Some(value * self.units.scale(unit)),
            ExprKind::Negate(a) => self.literal(*a).map(|v| -v),
            ExprKind::Binary(op, a, b) => {
                let (a, b) = (self.literal(*a)?, self.literal(*b)?);
                match op {
                    BinaryOp::Add => Some(a + b),
                    BinaryOp::Subtract => Some(a - b),
                    BinaryOp::Multiply => Some(a * b),
                    BinaryOp::Divide if !b.is_zero() => Some(a / b),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// The direct parts of an expression.
    pub fn children(&self, id: ExprId) -> Vec<ExprId> {
        match &self.expr(id).kind {
            ExprKind::Negate(a)
            | ExprKind::Not(a)
            | ExprKind::Curve(_, a)
            | ExprKind::In(a, _)
            | ExprKind::NumberOf(a) => {
                vec![*a]
            }
            ExprKind::Binary(_, a, b) => vec![*a, *b],
            ExprKind::Compare(first, rest) => std::iter::once(*first).chain(rest.iter().map(|(_, e)| *e)).collect(),
            ExprKind::If(a, b, c) => vec![*a, *b, *c],
            ExprKind::Builtin(_, args) => args.iter().flatten().copied().collect(),
            ExprKind::Call(_, args) => args.clone(),
            ExprKind::Element { at, otherwise, .. } => at.iter().chain(otherwise).copied().collect(),
            ExprKind::Aggregate(a) => {
                let filters = a.binders.iter().filter_map(|b| self.binder(*b).filter);
                a.head.into_iter().chain(filters).chain([a.value]).chain(a.otherwise).collect()
            }
            ExprKind::Cells { cells, otherwise, .. } => {
                cells.iter().map(|(_, e)| e).chain(otherwise).copied().collect()
            }
            ExprKind::Match { subject, arms, otherwise } => {
                let arms = arms.iter().flat_map(|(patterns, value)| patterns.iter().chain([value]));
                std::iter::once(subject).chain(arms).chain(otherwise).copied().collect()
            }
            ExprKind::Drawn(id) => match &self.decl(*id).kind {
                DeclKind::Param { dist: Some(dist), .. } => dist.args.clone(),
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    /// Calls `visit` with every expression that this one reads, functions included; it says where to go on.
    pub fn reads(&self, start: ExprId, mut visit: impl FnMut(ExprId, &ExprKind) -> Descend) {
        let mut stack = vec![start];
        let mut functions: Vec<FnId> = Vec::new();
        while let Some(e) = stack.pop() {
            let kind = &self.expr(e).kind;
            match (visit(e, kind), kind) {
                (Descend::Stop, _) => return,
                (Descend::Past, _) => {}
                // The name that a function of another moment is given is read at that moment.
                (Descend::Rest, ExprKind::Builtin(_, args)) => {
                    let name = args.first().copied().flatten();
                    stack.extend(name.into_iter().flat_map(|n| self.children(n)));
                    stack.extend(args.iter().skip(1).flatten());
                }
                (_, ExprKind::Call(id, args)) => {
                    if !functions.contains(id) {
                        functions.push(*id);
                        stack.push(self.function(*id).body);
                    }
                    stack.extend(args);
                }
                _ => stack.extend(self.children(e)),
            }
        }
    }
}

impl Goal {
    /// The number that it looks at: what is compared, or is to be as large or as small as can be.
    pub fn seen(&self, model: &Model) -> Option<ExprId> {
        match self.kind {
            GoalKind::Holds(e) => match &model.expr(e).kind {
                ExprKind::Compare(first, rest) if rest.len() == 1 => Some(*first),
                _ => None,
            },
            GoalKind::Of { metric, .. } => Some(metric),
            GoalKind::Maximize(e) | GoalKind::Minimize(e) => Some(e),
        }
    }
}

impl Decl {
    /// The name of some of its members: `paid[team]`, of a leg `swap[team].1`.
    pub fn with_members(&self, members: &str) -> String {
        // Which of those that live it is only a run knows.
        if members.is_empty() {
            return self.name.clone();
        }
        let leg = matches!(&self.kind, DeclKind::Move(m) if m.trade.is_some());
        match self.name.rsplit_once('.').filter(|_| leg) {
            Some((trade, number)) => format!("{trade}[{members}].{number}"),
            None => format!("{}[{members}]", self.name),
        }
    }
}

impl Move {
    /// All ends.
    pub fn ends(&self) -> impl Iterator<Item = &Place> {
        std::iter::once(&self.from).chain(self.to.iter().map(|part| &part.place))
    }

    /// Where it gives all of it; of a split, the first place.
    pub fn target(&self) -> Option<&Place> {
        self.to.first().map(|part| &part.place)
    }

    /// It gives to several places.
    pub fn is_split(&self) -> bool {
        self.to.len() > 1 || self.to.iter().any(|part| part.share.is_some())
    }

    /// The parts that are written out.
    pub fn shares(&self) -> impl Iterator<Item = ExprId> + '_ {
        self.to.iter().filter_map(|part| part.share)
    }
}

/// Where a walk over expressions goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Descend {
    /// Into all parts.
    Into,
    /// Into all arguments but the first, of which only the subscripts.
    Rest,
    /// Not below this one.
    Past,
    /// Nowhere: it is over.
    Stop,
}
