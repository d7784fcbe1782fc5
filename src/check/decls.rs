//! Units of declarations: each right side against what is declared.

use num_traits::Zero;

use super::infer::Infer;
use super::say::unit_of;
use super::{Ty, Typed};
use crate::diag::{Code, Diagnostic};
use crate::hir::{
    AnnotationKind, BinaryOp, Decl, DeclId, DeclKind, ExprId, ExprKind, Move, Place, PlaceKind, Rule, Timing, Trait,
};
use crate::source::Span;
use crate::units::{Dim, Unit};

impl Infer<'_> {
    /// What a move moves, from the stock at its source, or at its target where the source is the cloud.
    pub(super) fn moved(&mut self, m: &Move) -> Typed {
        let unknown = Typed { ty: Ty::Unknown, shown: None };
        let Some(stock) = self.stock_of(m) else { return unknown };
        let held = self.decl(stock);
        let (Ty::Number(dim), Some(unit)) = (held.ty, held.shown) else { return unknown };
        if !m.flow {
            return Typed { ty: Ty::Number(dim), shown: Some(unit) };
        }
        let units = &self.model.units;
        let Some(clock) = units.clock() else { return unknown };
        let shown = Some(units.divide(&unit, &Unit::of(clock)));
        Typed { ty: Ty::Number(dim.divide(&units.time())), shown }
    }

    fn held(&mut self, place: PlaceKind) -> Option<Dim> {
        let PlaceKind::Decl(id) = place else { return None };
        if !matches!(self.model.decl(id).kind, DeclKind::Stock { .. }) {
            return None;
        }
        match self.decl(id).ty {
            Ty::Number(dim) => Some(dim),
            _ => None,
        }
    }

    /// The dimensions of all stocks at its ends.
    pub(super) fn dims(&mut self, m: &Move) -> Vec<Dim> {
        m.ends().filter_map(|p| self.held(p.kind)).collect()
    }

    fn stock_of(&self, m: &Move) -> Option<DeclId> {
        m.ends().find_map(|place| match place.kind {
            PlaceKind::Decl(id) if matches!(self.model.decl(id).kind, DeclKind::Stock { .. }) => Some(id),
            _ => None,
        })
    }

    /// What of a declaration its type does not come from.
    pub(super) fn rest(&mut self, id: DeclId, decl: &Decl) {
        let typed = self.decl(id);
        let said = decl.ty.as_ref().map_or(decl.span, |a| a.span);
        let what = format!("`{}`", decl.name);
        let annotated = decl.ty.as_ref().is_some_and(|a| !matches!(a.kind, AnnotationKind::Unknown));
        let unit = self.unit(&typed);
        match &decl.kind {
            DeclKind::Param { value, set, range, dist } => {
                if annotated {
                    self.right_side(*value, &typed, unit.as_ref(), &what, said);
                }
                if let Some(set) = set {
                    self.right_side(*set, &typed, unit.as_ref(), &what, said);
                }
                self.bounds(*range, &typed, unit.as_ref(), &what, said);
                // What alone says its type has been looked at for that.
                if let Some(dist) = dist
                    && (annotated || !matches!(self.model.expr(*value).kind, ExprKind::Drawn(_)))
                {
                    self.dist(dist, Some((&typed, said)), &decl.name);
                }
            }
            DeclKind::Draw(draw) => {
                if annotated {
                    self.dist(&draw.dist, Some((&typed, said)), &decl.name);
                }
                draw.every.iter().for_each(|e| self.time(*e, "the period of a draw"));
            }
            DeclKind::Stock { opening, set, range, .. } => {
                self.right_side(*opening, &typed, unit.as_ref(), &what, said);
                if let Some(set) = set {
                    self.right_side(*set, &typed, unit.as_ref(), &what, said);
                }
                self.bounds(*range, &typed, unit.as_ref(), &what, said);
                if let Ty::Bool | Ty::Label(_) = typed.ty {
                    let error = Diagnostic::new(
                        Code::E0201,
                        format!("the stock {what} cannot be {}", self.name_of(&typed)),
                        said,
                        "a stock holds an amount",
                    )
                    .help("what is remembered and is no amount is a `state`");
                    self.report(error);
                }
            }
            DeclKind::Let { value } | DeclKind::Column { value } | DeclKind::Metric { value, window: None }
                if annotated =>
            {
                let metric = matches!(decl.kind, DeclKind::Metric { .. });
                self.within_metric(metric, |i| i.right_side(*value, &typed, unit.as_ref(), &what, said));
            }
            DeclKind::Let { .. } | DeclKind::Column { .. } | DeclKind::Series(_) | DeclKind::Population(_) => {}
            DeclKind::Trait(of) => match &**of {
                Trait::Formula(value) if annotated => {
                    self.right_side(*value, &typed, unit.as_ref(), &what, said);
                }
                Trait::Drawn(dist) if annotated => {
                    self.dist(dist, Some((&typed, said)), &decl.name);
                }
                Trait::Formula(_) | Trait::Drawn(_) => {}
                Trait::Pick { binder, who, weight } => {
                    let picked = self.infer(*who);
                    self.expect(*who, &picked, &typed, &what, said);
                    if let Some(filter) = self.model.binder(*binder).filter {
                        self.condition(filter, "what follows `where`");
                    }
                    if let Some(weight) = weight {
                        let found = self.infer(*weight);
                        self.want_number(*weight, &found);
                    }
                }
            },
            DeclKind::Metric { value, window } => {
                if annotated {
                    self.within_metric(true, |i| i.right_side(*value, &typed, unit.as_ref(), &what, said));
                }
                if let Some((from, to)) = window {
                    self.time(*from, "the start of the window");
                    self.time(*to, "the end of the window");
                }
            }
            DeclKind::State { initial, rule } => {
                if annotated {
                    self.right_side(*initial, &typed, unit.as_ref(), &what, said);
                }
                match rule {
                    Some(Rule::Next { value, every }) => {
                        let what = format!("the next value of {what}");
                        self.right_side(*value, &typed, unit.as_ref(), &what, said);
                        every.iter().for_each(|e| self.time(*e, "the period of a state"));
                    }
                    Some(Rule::Rate(rate)) => self.rate(*rate, &typed, &what, said),
                    None => {}
                }
            }
            DeclKind::Move(m) => {
                self.amount(m, &typed, &decl.name);
                self.parts(id, m, &typed);
                // The legs of a trade share its time.
                if m.trade.is_none() {
                    self.timing(&m.timing);
                }
            }
            DeclKind::Trade(trade) => self.timing(&trade.timing),
            DeclKind::Policy { options, .. } => {
                if annotated {
                    for (name, _, value) in options {
                        let what = format!("the option `{name}` of {what}");
                        self.fresh_declaration(|i| i.right_side(*value, &typed, unit.as_ref(), &what, said));
                    }
                } else {
                    self.options_agree(&options.iter().map(|(.., e)| *e).collect::<Vec<_>>());
                }
            }
            DeclKind::Update { state, value } => {
                let state = self.model.decl(*state);
                let said = state.ty.as_ref().map_or(state.span, |a| a.span);
                let what = format!("the new value of `{}`", state.name);
                self.right_side(*value, &typed, unit.as_ref(), &what, said);
            }
            DeclKind::Expect(expect) => self.expected(expect, &typed),
            DeclKind::Unknown => {}
        }
    }

    pub(super) fn within_metric<T>(&mut self, metric: bool, run: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.in_metric, metric);
        let out = run(self);
        self.in_metric = before;
        out
    }

    /// The right side of something whose type is known.
    pub(super) fn right_side(&mut self, e: ExprId, typed: &Typed, unit: Option<&Unit>, what: &str, said: Span) {
        match (&typed.ty, unit) {
            (Ty::Number(_), Some(unit)) => self.place(e, unit, what, said),
            (Ty::Bool, _) => self.condition(e, what),
            (Ty::Label(_), _) => {
                let found = self.infer(e);
                self.expect(e, &found, typed, what, said);
            }
            _ => {
                self.infer(e);
            }
        }
    }

    fn bounds(&mut self, range: Option<(ExprId, ExprId)>, typed: &Typed, unit: Option<&Unit>, what: &str, said: Span) {
        if let Some((low, high)) = range {
            let what = format!("a bound of {what}");
            self.right_side(low, typed, unit, &what, said);
            self.right_side(high, typed, unit, &what, said);
        }
    }

    /// An expression that must be a time.
    fn time(&mut self, e: ExprId, what: &str) {
        let typed = self.infer(e);
        let Some(clock) = self.model.units.clock() else { return };
        let wanted = Typed { ty: Ty::Number(self.model.units.time()), shown: Some(Unit::of(clock)) };
        let said = self.model.clock.as_ref().map_or(self.model.expr(e).span, |c| c.unit_span);
        self.expect(e, &typed, &wanted, what, said);
    }

    fn rate(&mut self, e: ExprId, typed: &Typed, what: &str, said: Span) {
        let found = self.infer(e);
        if let Ty::Bool | Ty::Label(_) = typed.ty {
            let error = Diagnostic::new(
                Code::E0201,
                format!("{what} is {}, and has no rate", self.name_of(typed)),
                self.model.expr(e).span,
                "only a number changes at a rate",
            )
            .help("say its next value: `next …`");
            return self.report(error);
        }
        let (Ty::Number(dim), Some(clock)) = (&typed.ty, self.model.units.clock()) else { return };
        let units = &self.model.units;
        let shown = typed.shown.as_ref().map(|u| units.divide(u, &Unit::of(clock)));
        let wanted = Typed { ty: Ty::Number(dim.divide(&units.time())), shown };
        self.expect(e, &found, &wanted, &format!("the rate of {what}"), said);
    }

    fn timing(&mut self, timing: &Timing) {
        match timing {
            Timing::At(t) => self.time(*t, "the time of a transfer"),
            Timing::Every { period, from, to } => {
                self.time(*period, "the period of a transfer");
                from.iter().chain(to).for_each(|t| self.time(*t, "the time of a transfer"));
            }
            Timing::When { condition, .. } => self.condition(*condition, "what follows `when`"),
            Timing::Always | Timing::Missing => {}
        }
    }

    /// How much a move asks for: a rate for a flow, an amount for a transfer.
    fn amount(&mut self, m: &Move, wanted: &Typed, name: &str) {
        let e = m.amount;
        let found = self.infer(e);
        for place in m.ends() {
            if let PlaceKind::Decl(id) = place.kind {
                let held = self.decl(id);
                self.element(id, &place.at, None, &held);
            }
        }
        let (Ty::Number(want), Ty::Number(have)) = (&wanted.ty, &found.ty) else {
            if let Ty::Bool | Ty::Label(_) = found.ty {
                self.expect(e, &found, wanted, &format!("`{name}`"), self.model.expr(e).span);
            }
            return;
        };
        let (want, have) = (want.clone(), have.clone());
        // Where the ends disagree, one of them is the mistake.
        let dims = self.dims(m);
        if dims.windows(2).any(|d| d[0] != d[1]) {
            return;
        }
        if self.unify(&have, &want) {
            return;
        }
        let have = self.resolve(&have);
        let units = &self.model.units;
        let (span, time) = (self.model.expr(e).span, units.time());
        let clock = units.clock().map(|c| units.get(c).name.clone()).unwrap_or_default();
        let unit = unit_of(units, &want, wanted.shown.as_ref());
        let word = if m.flow { "flow" } else { "transfer" };
        let text = self.sources.text(span).to_string();
        if let ExprKind::Number { value, percent: false } = &self.model.expr(e).kind
            && !value.is_zero()
        {
            let question = if m.flow { "per what?" } else { "of what?" };
            let error = Diagnostic::new(
                Code::E0304,
                format!("the {word} `{name}` is {text} {question}"),
                span,
                "a bare number",
            )
            .help(format!("give it its unit: `{text} {unit}`"))
            .fix(span, format!("{text} {unit}"));
            return self.report(error);
        }
        let rate_for_amount = !m.flow && have == want.divide(&time);
        let amount_for_rate = m.flow && have == want.multiply(&time);
        let origin = self.origin(e, &found);
        let is_stock = |p: &&Place| matches!(p.kind, PlaceKind::Decl(_));
        let stock = m.ends().find(is_stock).map_or(m.from.span, |p| p.span);
        let error = if amount_for_rate {
            let error = Diagnostic::new(
                Code::E0303,
                format!("the flow `{name}` is given an amount, and wants a rate"),
                span,
                origin,
            );
            match self.percent_of(e) {
                Some(at) if span.start <= at.start && at.end <= span.end => {
                    let fixed = format!("{}/{clock}", self.sources.text(at));
                    error.help(format!("say per what: `{fixed}`; or make it a `transfer … each step`")).fix(at, fixed)
                }
                Some(at) => {
                    let share = self.sources.text(at);
                    error
                        .label(at, format!("{share} per what?"))
                        .help(format!("say per what, where it is declared: `{share}/{clock}` or `{share}/year`"))
                }
                None if matches!(self.model.expr(e).kind, ExprKind::Quantity { .. }) => {
                    let fixed = format!("{text}/{clock}");
                    error.help(format!("say per what: `{fixed}`; what moves at once is a `transfer`")).fix(span, fixed)
                }
                None => error.help(format!(
                    "a flow is so much per time: `({text}) / (1 {clock})`; what moves at once is a `transfer`"
                )),
            }
        } else if rate_for_amount {
            Diagnostic::new(
                Code::E0303,
                format!("the transfer `{name}` is given a rate, and wants an amount"),
                span,
                origin,
            )
            .help(match &m.timing {
                Timing::Every { period, .. } => {
                    let period = self.sources.text(self.model.expr(*period).span);
                    format!("what that comes to in each period is `({text}) * ({period})`")
                }
                _ => format!("what moves all the time is a `flow`; what moves in one step is `({text}) * dt`"),
            })
        } else {
            let found_name = self.name_of(&found);
            let stock_name = self.stock_unit(m).unwrap_or_default();
            let trade = self.trade_in(e);
            let literal = matches!(self.model.expr(e).kind, ExprKind::Binary(BinaryOp::Divide, a, _) if matches!(self.model.expr(a).kind, ExprKind::Number { .. }));
            let error = Diagnostic::new(
                Code::E0302,
                format!("the {word} `{name}` moves {unit}, and is given {found_name}"),
                span,
                origin,
            );
            match self.advice(e, &found, wanted) {
                Some((help, Some(fix))) => error.help(help).fix(span, fix),
                Some((help, None)) => error.help(help),
                None if trade.is_some() => {
                    let trade = trade.unwrap_or_default();
                    error.help(format!("`{trade}` is the part of the trade that went through, from 0 to 1; what its first leg moved is `{trade}.1`"))
                }
                // A share of nothing: most often of what flows.
                None if !literal && self.share_of(&have, &want, m) => {
                    let whole = self.sources.text(stock).to_string();
                    error
                        .help(format!("a share of what? `{text} * {whole}` is {unit}"))
                        .fix(span, format!("{text} * {whole}"))
                }
                None => match self.slip(e, &want, &stock_name) {
                    Some(fixed) => error.help(format!("write `{fixed}`")).fix(span, fixed),
                    None => error.help(format!("bring it to {unit}")),
                },
            }
        };
        let held = if m.flow { unit_of(units, &want.multiply(&time), None) } else { unit.clone() };
        let held = self.stock_unit(m).unwrap_or(held);
        let stock_text = self.sources.text(stock).to_string();
        let wants = if m.flow {
            format!("`{stock_text}` holds {held}, so a flow of it is {unit}")
        } else {
            format!("`{stock_text}` holds {held}, so a transfer of it is {held}")
        };
        self.report(error.label(stock, wants));
    }

    /// A trade that an expression reads itself, and not one of its legs.
    fn trade_in(&self, e: ExprId) -> Option<String> {
        let model = self.model;
        let is_trade = |id: &DeclId| matches!(model.decl(*id).kind, DeclKind::Trade(_));
        let mut stack = vec![e];
        while let Some(e) = stack.pop() {
            if let Some(id) = model.named(e).filter(is_trade) {
                return Some(model.decl(id).name.clone());
            }
            stack.extend(model.children(e));
        }
        None
    }

    fn stock_unit(&mut self, m: &Move) -> Option<String> {
        let stock = self.stock_of(m)?;
        let typed = self.decl(stock);
        let Ty::Number(dim) = &typed.ty else { return None };
        Some(unit_of(&self.model.units, &self.resolve(dim), typed.shown.as_ref()))
    }

    /// Whether a rate or a number would be right, were it multiplied by what the stock holds.
    fn share_of(&mut self, have: &Dim, want: &Dim, m: &Move) -> bool {
        let Some(stock) = self.stock_of(m) else { return false };
        match self.decl(stock).ty {
            Ty::Number(dim) => have.multiply(&self.resolve(&dim)) == *want,
            _ => false,
        }
    }

    /// The expression mended, for three slips: a number without its unit before `/ time`, a price that multiplies where it
    /// must divide, and one that is too many.
    fn slip(&mut self, e: ExprId, want: &Dim, stock: &str) -> Option<String> {
        let ExprKind::Binary(op @ (BinaryOp::Multiply | BinaryOp::Divide), a, b) = self.model.expr(e).kind else {
            return None;
        };
        let text = |i: &Self, e: ExprId| i.sources.text(i.model.expr(e).span).to_string();
        let (Ty::Number(da), Ty::Number(db)) = (self.infer(a).ty, self.infer(b).ty) else { return None };
        let (da, db) = (self.resolve(&da), self.resolve(&db));
        let number = matches!(self.model.expr(a).kind, ExprKind::Number { percent: false, .. });
        if op == BinaryOp::Divide && number {
            return Some(format!("{} {stock}/{}", text(self, a), text(self, b)));
        }
        // A price that has no business there.
        if op == BinaryOp::Multiply && (da == *want || db == *want) {
            return Some(text(self, if da == *want { a } else { b }));
        }
        let other = if op == BinaryOp::Multiply { da.divide(&db) } else { da.multiply(&db) };
        let sign = if op == BinaryOp::Multiply { "/" } else { "*" };
        (other == *want).then(|| format!("{} {sign} {}", text(self, a), text(self, b)))
    }

    /// The percentage that is a factor of an expression: most often the place where "per month" was forgotten.
    fn percent_of(&self, e: ExprId) -> Option<Span> {
        let expr = self.model.expr(e);
        match expr.kind {
            ExprKind::Number { percent: true, .. } => Some(expr.span),
            ExprKind::Decl(id) | ExprKind::Element { decl: id, .. } => match self.model.decl(id).kind {
                DeclKind::Param { value, .. } | DeclKind::Let { value } => match self.model.expr(value).kind {
                    ExprKind::Number { percent: true, .. } => Some(self.model.expr(value).span),
                    _ => None,
                },
                _ => None,
            },
            ExprKind::Binary(BinaryOp::Multiply, a, b) => self.percent_of(a).or_else(|| self.percent_of(b)),
            _ => None,
        }
    }

    /// The plain number's type.
    pub(super) fn plain() -> Typed {
        Typed { ty: Ty::Number(Dim::one()), shown: Some(Unit::one()) }
    }
}
