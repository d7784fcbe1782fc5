//! Why a run failed, in the model's names and units.

mod life;

use crate::check::Ty;
use crate::check::draws::{argument, dist_of};
use crate::diag::{Code, Diagnostic};
use crate::exec::{Drawn, Fault, FaultKind, Outcome, Value};
use crate::hir::{BinderId, DeclId, DeclKind, DistKind, ExprId, ExprKind};
use crate::ir::{self, Method, MoveId, Origin};
use crate::session::{Checked, Replay};
use crate::source::Span;
use crate::units::{Unit, magnitude, plain};

struct Failure<'a> {
    checked: &'a Checked,
    model: &'a ir::Model,
    outcome: &'a Outcome,
    step: u64,
    run: u32,
    /// The member that it is about: `Product #17`.
    member: Option<String>,
}

/// The population that a failure of a member is about.
fn population_of(model: &ir::Model, kind: &FaultKind) -> Option<ir::PopId> {
    match kind {
        FaultKind::Overdraw { stock, .. } | FaultKind::OpensBelowZero { stock, .. } => model.stocks[*stock].of,
        FaultKind::Backward { moved, .. } | FaultKind::Part { moved, .. } | FaultKind::Parts { moved, .. } => {
            model.moves[moved.0 as usize].of
        }
        FaultKind::NotFinite { what, .. } => match what {
            Value::Stock(s) => model.stocks[*s].of,
            Value::State(u) => model.updates[*u].of,
            Value::Move(m) => model.moves[m.0 as usize].of,
            Value::Birth(p, _) => Some(*p),
            Value::Opening(_) => None,
        },
        FaultKind::Draw { what: Drawn::Draw(d), .. } => model.draws[*d as usize].of,
        FaultKind::Draw { what: Drawn::Birth(p, _), .. } => Some(*p),
        FaultKind::Assert { assert } => model.asserts[*assert].of,
        FaultKind::Pick { population, .. } => Some(*population),
        FaultKind::Route { stock, .. } => model.stocks[*stock].of,
        _ => None,
    }
}

/// The member that a run failed in: `Product #17`.
pub(super) fn member(checked: &Checked, model: &ir::Model, kind: &FaultKind, number: Option<u32>) -> Option<String> {
    let population = population_of(model, kind)?;
    let name = &checked.model.decl(model.populations[population.0 as usize].decl).name;
    Some(format!("{name} #{}", number?))
}

/// The diagnostic of a fault.
pub(super) fn explain(
    checked: &Checked,
    model: &ir::Model,
    outcome: &Outcome,
    fault: &Fault,
    replay: &Replay,
) -> Diagnostic {
    let member = member(checked, model, &fault.kind, fault.member);
    let failure = Failure { checked, model, outcome, step: fault.step, run: replay.run, member };
    let diagnostic = match &fault.kind {
        FaultKind::Overdraw { stock, held, inflows, outflows } => failure.overdraw(*stock, *held, *inflows, outflows),
        FaultKind::Backward { moved, value } => failure.backward(*moved, *value),
        FaultKind::Part { moved, part, value } => failure.part(*moved, *part, *value),
        FaultKind::Parts { moved, sum, whole } => failure.parts(*moved, *sum, *whole),
        FaultKind::NotFinite { what, value } => failure.not_finite(*what, *value),
        FaultKind::Draw { what, args, value } => failure.draw(*what, args, *value),
        FaultKind::NoColumn { series, columns, run } => failure.no_column(*series, *columns, *run),
        FaultKind::OpensBelowZero { stock, value } => {
            let origin = model.stocks[*stock].origin;
            let (id, decl) = (origin.decl, checked.model.decl(origin.decl));
            Diagnostic::new(
                Code::E0904,
                format!("`{}` opens below zero", failure.name(origin)),
                decl.whole,
                format!("with {}", failure.amount(id, *value)),
            )
            .help("change its opening, or let the stock be `signed`")
        }
        FaultKind::Bound { start, bound, value, low, high } => {
            let bound = if *start { &model.start_bounds[*bound] } else { &model.bounds[*bound] };
            failure.bound(*start, bound.origin, *value, *low, *high)
        }
        FaultKind::Assert { assert } => failure.assert(&model.asserts[*assert]),
        FaultKind::OpeningTotal { conserve, sum, total } => {
            let conserve = &checked.model.conserves[*conserve];
            let unit = Unit::of(conserve.unit);
            let show = |v: f64| failure.in_unit(v, &unit);
            Diagnostic::new(
                Code::E0405,
                format!("the stocks open with {}, and {} is stated", show(*sum), show(*total)),
                conserve.span,
                "checked at the start of each run, because it hangs on what a call may set",
            )
            .help("change an opening or the total")
        }
        FaultKind::Nobody { .. }
        | FaultKind::Crowded { .. }
        | FaultKind::Births { .. }
        | FaultKind::Route { .. }
        | FaultKind::Unfunded { .. }
        | FaultKind::Pick { .. } => failure.life(&fault.kind),
        FaultKind::Audit { asset, gap } => {
            let id = model.stocks[model.assets[*asset].stocks[0]].origin.decl;
            Diagnostic::new(
                Code::E0906,
                format!(
                    "the ledger of `{}` and its like is off by {}",
                    checked.model.decl(id).name,
                    failure.amount(id, *gap)
                ),
                checked.model.decl(id).whole,
                "nothing that a model says can do this",
            )
            .help("this is a mistake of flowc: please report it with the model")
        }
    };
    let diagnostic = diagnostic.note(format!("replay: {}", command(&checked.name, &replay.call(&checked.settings))));
    // Of one that was never there no row tells.
    let there = population_of(model, &fault.kind).zip(fault.member).filter(|(population, number)| {
        outcome.lives.get(population.0 as usize).is_some_and(|lives| u64::from(*number) < lives.born)
    });
    match there {
        Some((population, number)) => {
            let name = &checked.model.decl(model.populations[population.0 as usize].decl).name;
            let only = format!("--members members.csv --where '{name}: number == {number}'");
            diagnostic.note(format!("with `{only}` it writes what that member had in each row"))
        }
        None => diagnostic,
    }
}

/// A call of `flowc run` as it can be pasted.
pub(crate) fn command(model: &str, arguments: &[(String, String)]) -> String {
    let quote = |v: &str| {
        let plain = v.chars().all(|c| c.is_alphanumeric() || "._-=%/".contains(c));
        if plain { v.to_string() } else { format!("'{v}'") }
    };
    let mut command = format!("flowc run {}", quote(model));
    for (option, value) in arguments {
        command += &format!(" {option} {}", quote(value));
    }
    command
}

impl Failure<'_> {
    fn name(&self, origin: Origin) -> String {
        super::name(self.checked, origin)
    }

    fn in_unit(&self, value: f64, unit: &Unit) -> String {
        let units = &self.checked.model.units;
        let shown = magnitude(units.shown(unit).of(value), 6);
        if units.dim(unit).is_one() && unit.factors.is_empty() {
            shown
        } else {
            format!("{shown} {}", units.name(unit))
        }
    }

    /// A stored value in the unit of its declaration.
    fn amount(&self, id: DeclId, value: f64) -> String {
        let facts = self.checked.facts.decl(id);
        match facts.ty {
            Ty::Bool => if value == 0.0 { "false" } else { "true" }.into(),
            Ty::Label(root) if self.checked.model.lives(root) => format!("#{value}"),
            Ty::Label(root) => self.checked.model.member_name(root, value as u32),
            _ => self.in_unit(value, &facts.shown),
        }
    }

    /// `step 3 (month 3 to month 4), phase settle, of run 1`.
    fn step(&self, phase: Option<usize>) -> String {
        let clock = &self.model.clock;
        let (from, to) = (plain(clock.time(self.step), 9), plain(clock.time(self.step + 1), 9));
        let unit = self.clock();
        let phase = phase.and_then(|p| self.checked.model.phases.get(p));
        let phase = phase.map_or(String::new(), |p| format!(", phase `{}`,", p.name));
        let (step, run) = (self.step, self.run);
        match &self.member {
            Some(member) => format!("{member}, {unit} {from} to {unit} {to} (step {step}){phase} of run {run}"),
            None => format!("step {step} ({unit} {from} to {unit} {to}){phase} of run {run}"),
        }
    }

    /// When a move moves: a dated one at an instant, the others in a step.
    fn moment(&self, m: Option<MoveId>) -> String {
        match m.map(|m| &self.model.moves[m.0 as usize]) {
            Some(m) if m.event.is_some() => self.row(),
            m => self.step(m.map(|m| m.phase)),
        }
    }

    /// `row 3 (month 3) of run 1`.
    fn row(&self) -> String {
        let time = plain(self.model.clock.time(self.step), 9);
        let (step, run, unit) = (self.step, self.run, self.clock());
        match &self.member {
            Some(member) => format!("{member}, {unit} {time} (row {step}) of run {run}"),
            None => format!("row {step} ({unit} {time}) of run {run}"),
        }
    }

    fn clock(&self) -> &str {
        let units = &self.checked.model.units;
        units.clock().map_or("", |c| units.get(c).name.as_str())
    }

    fn whole(&self, m: MoveId) -> (Origin, Span) {
        let origin = self.model.moves[m.0 as usize].origin;
        (origin, self.checked.model.decl(origin.decl).whole)
    }

    fn overdraw(&self, stock: usize, held: f64, inflows: f64, outflows: &[(MoveId, f64)]) -> Diagnostic {
        let origin = self.model.stocks[stock].origin;
        let (id, name) = (origin.decl, self.name(origin));
        let asks =
            |m: MoveId, amount: f64| format!("`{}` asks {}", self.name(self.whole(m).0), self.amount(id, amount));
        let coming =
            if inflows > 0.0 { format!("{} flows in", self.amount(id, inflows)) } else { "nothing flows in".into() };
        let wanted: f64 = outflows.iter().map(|(_, a)| a).sum();
        let mut ordered: Vec<(MoveId, f64)> = outflows.iter().copied().filter(|(_, amount)| *amount > 0.0).collect();
        ordered.sort_by(|a, b| b.1.total_cmp(&a.1));
        let (first, rest) = match ordered.split_first() {
            Some((first, rest)) => (*first, rest),
            None => {
                return Diagnostic::new(
                    Code::E0901,
                    format!("`{name}` holds too little in {}", self.moment(outflows.first().map(|o| o.0))),
                    self.checked.model.decl(id).whole,
                    "",
                );
            }
        };
        let (first_id, span) = self.whole(first.0);
        let mut error = Diagnostic::new(
            Code::E0901,
            format!("`{name}` holds too little in {}", self.moment(outflows.first().map(|o| o.0))),
            span,
            format!("{}; `{name}` holds {} and {coming}", asks(first.0, first.1), self.amount(id, held)),
        );
        // Of an array that drains one stock a few members are enough.
        const MOST: usize = 4;
        for (m, amount) in rest.iter().take(MOST) {
            error = error.label(self.whole(*m).1, asks(*m, *amount));
        }
        if rest.len() > MOST {
            error = error.note(format!("so do {} more", rest.len() - MOST));
        }
        if !rest.is_empty() {
            error = error.note(format!(
                "together {} are asked for, and {} are missing",
                self.amount(id, wanted),
                self.amount(id, wanted - held - inflows)
            ));
        }
        let text = self.checked.sources.text(span).lines().next().unwrap_or_default().to_string();
        let amount = text
            .split_once('=')
            .map_or(String::new(), |(_, amount)| amount.split("//").next().unwrap_or_default().trim().to_string());
        if self.model.moves[first.0.0 as usize].trade.is_some() {
            return error.help("behind the trade, `} capped` lets all of it go through as far as there is enough, and `} or skip` all or nothing");
        }
        let flow = self.checked.model.decl(first_id.decl).word == "flow";
        let capped = if flow && !amount.is_empty() { format!("`… = {amount} capped`") } else { "`capped`".into() };
        let capped = if rest.is_empty() { capped } else { format!("{capped}, on each of them,") };
        error.help(format!(
            "{capped} takes what there is; `or skip` takes all or nothing; a stock that may owe is `signed`"
        ))
    }

    fn backward(&self, m: MoveId, value: f64) -> Diagnostic {
        let (origin, span) = self.whole(m);
        let (id, decl) = (origin.decl, self.checked.model.decl(origin.decl));
        let DeclKind::Move(moved) = &decl.kind else {
            return Diagnostic::new(Code::E0902, format!("`{}` ran backward", decl.name), span, "");
        };
        let amount = self.checked.model.expr(moved.amount).span;
        let text = self.checked.sources.text(amount);
        let error = Diagnostic::new(
            Code::E0902,
            format!("`{}` asks for less than nothing in {}", self.name(origin), self.moment(Some(m))),
            amount,
            format!("this is {}", self.amount(id, value)),
        )
        .help(format!(
            "if it must not run backward, write `max(0, {text})`; if it may, {}",
            match (decl.word, moved.is_split()) {
                ("flow", false) => "write `<->` for `->`".to_string(),
                (word, _) => format!("write a second {word} the other way"),
            }
        ));
        self.ahead(m, self.values(error, [moved.amount], &self.members(origin)))
    }

    /// A message of a flow, which may have found at a stage of its step what the row does not show.
    fn ahead(&self, m: MoveId, error: Diagnostic) -> Diagnostic {
        let method = self.model.clock.method;
        if method == Method::Euler || !self.model.moves[m.0 as usize].flow {
            return error;
        }
        error.note(format!(
            "`{}` looks ahead within the step, where stocks may seem to be below 0: a shorter step looks less far",
            method.name()
        ))
    }

    /// A part of a split that is none.
    fn part(&self, m: MoveId, part: usize, value: f64) -> Diagnostic {
        let (origin, span) = self.whole(m);
        let id = origin.decl;
        let Some(moved) = self.checked.model.edge(id) else {
            return Diagnostic::new(Code::E0907, format!("a part of `{}` is off", self.name(origin)), span, "");
        };
        let share = moved.to.get(part).and_then(|p| p.share);
        let amounts = self.model.moves[m.0 as usize].amounts;
        let shown = match (value.is_finite(), amounts) {
            (false, _) => if value.is_nan() { "no number" } else { "infinite" }.to_string(),
            (true, true) => self.amount(id, value),
            (true, false) => format!("{}%", magnitude(value * 100.0, 6)),
        };
        let label = format!("this is {shown}");
        let fact = if value > 0.0 { "more than the whole" } else { "less than nothing" };
        let fact = if value.is_nan() { "no number" } else { fact };
        let error = Diagnostic::new(
            Code::E0907,
            format!("a part of `{}` is {fact} in {}", self.name(origin), self.moment(Some(m))),
            share.map_or(span, |e| self.checked.model.expr(e).span),
            label,
        )
        .help(if !value.is_finite() {
            "`safediv(a, b, otherwise: 0)` says what a division by 0 is"
        } else if amounts {
            "a part is an amount of 0 or more: `max(0, …)`"
        } else {
            "a share lies between 0% and 100%: `clamp(…, 0, 1)`"
        });
        match share {
            Some(e) => self.values(error, [e], &self.members(origin)),
            None => error,
        }
    }

    /// The parts of a split are more than the whole, or without a rest less.
    fn parts(&self, m: MoveId, sum: f64, whole: f64) -> Diagnostic {
        let (origin, span) = self.whole(m);
        let id = origin.decl;
        let amounts = self.model.moves[m.0 as usize].amounts;
        let show = |v: f64| if amounts { self.amount(id, v) } else { format!("{}%", magnitude(v * 100.0, 12)) };
        let name = self.name(origin);
        let when = self.moment(Some(m));
        let (fact, help) = if sum > whole {
            (
                format!("the parts of `{name}` come to more than what moves in {when}"),
                if amounts {
                    "let the parts come to what moves, or let more move"
                } else {
                    "let the shares add up to 100%, or let the last part be what is left: `rest`"
                },
            )
        } else {
            (
                format!("the parts of `{name}` come to less than what moves in {when}"),
                "let the last part be what is left: `rest`",
            )
        };
        let mut error = Diagnostic::new(
            Code::E0907,
            fact,
            span,
            format!("the parts come to {}, and {} moves", show(sum), show(whole)),
        );
        if let Some(moved) = self.checked.model.edge(id) {
            error = self.values(error, moved.shares(), &self.members(origin));
            error.notes.dedup();
        }
        error.help(help)
    }

    /// Nothing can be drawn from these arguments.
    fn draw(&self, what: Drawn, args: &[f64], value: f64) -> Diagnostic {
        let (origin, how, when) = match what {
            Drawn::Draw(d) => {
                let draw = &self.model.draws[d as usize];
                (draw.origin, draw.how, self.step(draw.phase))
            }
            Drawn::Birth(p, i) => {
                let birth = &self.model.births(p)[i];
                let how = match &birth.value {
                    ir::Born::Drawn { how, .. } => *how,
                    _ => return self.drawn_of_nothing(birth.origin),
                };
                (birth.origin, how, self.row())
            }
            Drawn::Param(u) => {
                (self.model.uncertain[u as usize].origin, self.model.uncertain[u as usize].how, self.row())
            }
        };
        let decl = self.checked.model.decl(origin.decl);
        let Some(dist) = dist_of(decl) else {
            return Diagnostic::new(Code::E0908, format!("`{}` cannot be drawn", decl.name), decl.whole, "");
        };
        let named = |names: &[&str]| -> String {
            let one = |(name, v): (&&str, &f64)| {
                format!("{} is {}", argument(name), self.argument(origin.decl, how, name, *v))
            };
            names.iter().zip(args).map(one).collect::<Vec<_>>().join(", ")
        };
        let given = match (dist.kind, how) {
            (DistKind::Multinomial, _) => match args {
                [left, share] => {
                    let share = if share.is_nan() { "no number".into() } else { magnitude(*share, 6) };
                    format!("{} are left for it, and its share of them is {share}", self.amount(origin.decl, *left))
                }
                _ => String::new(),
            },
            (_, ir::How::Form(form) | ir::How::Truncated(form)) => {
                let params = form.signature.params.iter().map(|p| p.name.as_str());
                named(&params.chain(["the lower end", "the upper"]).collect::<Vec<_>>())
            }
            _ => {
                let shown: Vec<String> = args.iter().take(8).map(|v| plain(*v, 6)).collect();
                format!("the odds are {}", shown.join(", "))
            }
        };
        let no_share = matches!(dist.kind, DistKind::Multinomial) && args.last().is_some_and(|share| share.is_nan());
        let why = if no_share { Some("odds must not be below 0, nor all be 0") } else { how.wrong(args) };
        let why = why.unwrap_or(if value.is_nan() { "no value is possible" } else { "the value is infinite" });
        let error = Diagnostic::new(
            Code::E0908,
            format!("nothing can be drawn for `{}` in {when}: {why}", self.name(origin)),
            dist.span,
            given,
        )
        .help(if why.ends_with("a whole number") {
            "round it down, `floor(…)`; what is `capped` is shared out in fractions, `or skip` moves all or nothing"
        } else {
            "keep what it is drawn from within bounds: `max(0, …)`, `clamp(…, 0, 1)`"
        });
        self.values(error, dist.args.iter().copied(), &self.members(origin))
    }

    /// An argument of a distribution, in the unit of what is drawn where it has that.
    fn argument(&self, id: DeclId, how: ir::How, name: &str, value: f64) -> String {
        if !value.is_finite() {
            return if value.is_nan() { "no number" } else { "infinite" }.into();
        }
        let like = match how {
            ir::How::Form(form) | ir::How::Truncated(form) => {
                let slot = form.signature.params.iter().find(|p| p.name == name).map(|p| &p.slot);
                slot.is_none_or(|slot| *slot == form.signature.result)
            }
            _ => false,
        };
        if like { self.amount(id, value) } else { magnitude(value, 6) }
    }

    /// A series has no column for this run.
    fn no_column(&self, series: u32, columns: u32, run: u32) -> Diagnostic {
        // In the order of their declarations, as they were numbered.
        let mut first = 0;
        let found = self.checked.model.decls.iter().find_map(|decl| {
            let DeclKind::Series(s) = &decl.kind else { return None };
            first += s.values.len() as u32;
            (series < first).then_some((decl, s.file))
        });
        let (name, span) = found.map_or(("a series", Span::default()), |(decl, file)| (decl.name.as_str(), file));
        let some = if columns == 1 { "one column".to_string() } else { format!("{columns} columns") };
        Diagnostic::new(
            Code::E0909,
            format!("`{name}` has no column for run {run}"),
            span,
            format!("behind the times stand {some}, the first for run 1"),
        )
        .help("give the file a column for each run, or run no more than it has")
    }

    fn not_finite(&self, what: Value, value: f64) -> Diagnostic {
        let shown = if value.is_nan() { "no number" } else { "infinite" };
        let why = if value.is_nan() {
            "a division of 0 by 0, or a root or logarithm of a negative number, gives no number"
        } else {
            "a division by 0, or growth without bound, gives infinity"
        };
        let moved = if let Value::Move(m) = what { Some(m) } else { None };
        let (origin, expr) = match what {
            Value::Move(m) => {
                let origin = self.whole(m).0;
                match &self.checked.model.decl(origin.decl).kind {
                    DeclKind::Move(moved) => (origin, Some(moved.amount)),
                    _ => (origin, None),
                }
            }
            Value::Stock(s) => (self.model.stocks[s].origin, None),
            Value::State(u) => {
                let id = self.model.updates[u].origin;
                let rule = match &self.checked.model.decl(id.decl).kind {
                    DeclKind::Update { value, .. } => Some(*value),
                    DeclKind::State {
                        rule: Some(crate::hir::Rule::Next { value, .. } | crate::hir::Rule::Rate(value)),
                        ..
                    } => Some(*value),
                    _ => None,
                };
                (id, rule)
            }
            Value::Birth(p, i) => (self.model.births(p)[i].origin, None),
            Value::Opening(i) => {
                let id = self.model.opening[i].2;
                let opening = match self.checked.model.decl(id.decl).kind {
                    DeclKind::Stock { opening, set, .. } => Some(set.unwrap_or(opening)),
                    DeclKind::State { initial, .. } => Some(initial),
                    _ => None,
                };
                (id, opening)
            }
        };
        let decl = self.checked.model.decl(origin.decl);
        let span = expr.map_or(decl.whole, |e| self.checked.model.expr(e).span);
        let error = Diagnostic::new(
            Code::E0903,
            format!("`{}` becomes {shown} in {}", self.name(origin), self.moment(moved)),
            span,
            format!("this is {shown}"),
        )
        .help(format!("{why}; `safediv(a, b, otherwise: 0)` says what a division by 0 is"));
        let error = match expr {
            Some(e) => self.values(error, [e], &self.members(origin)),
            None => error,
        };
        moved.into_iter().fold(error, |error, m| self.ahead(m, error))
    }

    fn bound(&self, start: bool, origin: Origin, value: f64, low: f64, high: f64) -> Diagnostic {
        let id = origin.decl;
        let decl = self.checked.model.decl(id);
        if !matches!(decl.kind, DeclKind::Param { .. } | DeclKind::Stock { .. }) {
            let (period, step) = (plain(value, 9), plain(self.model.clock.dt, 9));
            let label = format!("it is {period} {0}, a step {step} {0}", self.clock());
            return Diagnostic::new(
                Code::E0904,
                format!("the period of `{}` is shorter than a step", self.name(origin)),
                decl.whole,
                label,
            )
            .help("change the param that it hangs on");
        }
        let [value, low, high] = [value, low, high].map(|v| self.amount(id, v));
        let set = match decl.kind {
            DeclKind::Param { set: Some(set), .. } => Some(self.checked.model.expr(set).span),
            _ => None,
        };
        let when = if start { String::new() } else { format!(" in {}", self.row()) };
        let error = Diagnostic::new(
            Code::E0904,
            format!("`{}` is out of its bounds{when}", self.name(origin)),
            set.unwrap_or(decl.whole),
            format!("it is {value}, and {low} to {high} is allowed"),
        );
        match (set, start) {
            (Some(_), _) => error
                .label(decl.whole, "its bounds are given here")
                .help("set a value within the bounds, or widen them"),
            (None, true) if matches!(decl.kind, DeclKind::Param { dist: Some(_), .. }) => {
                error.help("change what it is drawn from, or widen the bounds")
            }
            (None, true) => error.help("change the default or the bounds"),
            (None, false) => error.help("change the flows that lead there, or widen the bounds"),
        }
    }

    fn assert(&self, asserted: &ir::Assert) -> Diagnostic {
        let model = &self.checked.model;
        let assert = &model.asserts[asserted.number];
        let about: Vec<String> = asserted
            .members
            .iter()
            .map(|(b, m)| {
                let binder = model.binder(*b);
                format!("`{}` {}", binder.name, model.member_name(binder.index, *m))
            })
            .collect();
        let about = if about.is_empty() { String::new() } else { format!(" for {}", about.join(" and ")) };
        let text = self.checked.sources.text(self.checked.model.expr(assert.condition).span);
        let shown = if text.contains('\n') { "an assertion".into() } else { format!("`{text}`") };
        let error = Diagnostic::new(
            Code::E0905,
            format!("{shown} does not hold{about} in {}", self.row()),
            assert.span,
            "asserted here",
        )
        .help("find out what leads there: `-o rows.csv` writes every row up to this one");
        self.values(error, [assert.condition], &asserted.members)
    }

    /// The members that a declaration is about.
    fn members(&self, origin: Origin) -> Vec<(BinderId, u32)> {
        let axes = &self.checked.model.decl(origin.decl).axes;
        match self.checked.facts.shape(origin.decl) {
            Some(shape) => axes.iter().copied().zip(shape.members(origin.member as usize)).collect(),
            None => Vec::new(),
        }
    }

    /// Which value a name stands for, where it is that of no array, or of members that are `known` or written.
    fn origin(&self, kind: &ExprKind, known: &[(BinderId, u32)]) -> Option<Origin> {
        let model = &self.checked.model;
        match kind {
            ExprKind::Decl(decl) => Some(Origin { decl: *decl, member: 0 }),
            ExprKind::Element { decl, at, .. } => {
                let member = |e: &ExprId| match model.expr(*e).kind {
                    ExprKind::Member(b) => known.iter().find(|(k, _)| *k == b).map(|(_, m)| *m),
                    ExprKind::Label(_, at) => Some(at),
                    _ => None,
                };
                let members: Vec<u32> = at.iter().map(member).collect::<Option<_>>()?;
                let member = self.checked.facts.shape(*decl)?.offset(&members)? as u32;
                Some(Origin { decl: *decl, member })
            }
            _ => None,
        }
    }

    /// The values in this row of the names that an expression reads.
    fn values(
        &self,
        error: Diagnostic,
        starts: impl IntoIterator<Item = ExprId>,
        known: &[(BinderId, u32)],
    ) -> Diagnostic {
        let model = &self.checked.model;
        let mut seen: Vec<(DeclId, u32)> = Vec::new();
        let mut time = None;
        let mut stack: Vec<ExprId> = starts.into_iter().collect();
        while let Some(e) = stack.pop() {
            let kind = &model.expr(e).kind;
            if let ExprKind::Clock(crate::hir::ClockPart::Time) = kind {
                let now = plain(self.model.clock.time(self.step), 9);
                time = Some(format!("`time` is {now} {}", self.clock()));
            }
            if let Some(origin) = self.origin(kind, known) {
                seen.push((origin.decl, origin.member));
            }
            stack.extend(model.children(e));
        }
        seen.sort_unstable();
        seen.dedup();
        let values: Vec<String> = seen
            .into_iter()
            .filter_map(|(decl, member)| {
                let is = |o: &Origin| o.decl == decl && o.member == member;
                let value = match self.model.columns.iter().position(|c| is(&c.origin)) {
                    Some(column) => *self.outcome.at_fault.get(column)?,
                    None => {
                        let param = self.model.opening.iter().find_map(|(to, _, origin)| match to {
                            ir::Opened::Param(p) if is(origin) => Some(*p),
                            _ => None,
                        })?;
                        *self.outcome.params.get(param as usize)?
                    }
                };
                let name = self.name(Origin { decl, member });
                (!value.is_nan()).then(|| format!("`{name}` is {}", self.amount(decl, value)))
            })
            .chain(time)
            .collect();
        if values.is_empty() { error } else { error.note(format!("there {}", values.join(", "))) }
    }
}
