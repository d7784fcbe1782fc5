//! Which values change during a run, and where only those may stand that do not.

use super::say::snippet;
use crate::builtins::Kernel;
use crate::diag::{Code, Diagnostic};
use crate::hir::{ClockPart, DeclId, DeclKind, ExprId, ExprKind, FnId, GoalKind, Model, Rule, Timing};
use crate::source::SourceMap;

const TIME_HELP: &str =
    "write a time that is known at the start, such as `12 month` or a param; for a condition use `when`";

/// Finds what changes during a run.
pub(super) struct Varying<'a> {
    model: &'a Model,
    decls: Vec<Option<bool>>,
    fns: Vec<Option<bool>>,
}

impl<'a> Varying<'a> {
    pub(super) fn new(model: &'a Model) -> Self {
        Self { model, decls: vec![None; model.decls.len()], fns: vec![None; model.fns.len()] }
    }

    /// The part of an expression that changes during a run, if any does.
    pub(super) fn part(&mut self, e: ExprId) -> Option<ExprId> {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.part_inner(e))
    }

    fn part_inner(&mut self, e: ExprId) -> Option<ExprId> {
        match &self.model.expr(e).kind {
            ExprKind::Clock(ClockPart::Time | ClockPart::Step) => Some(e),
            ExprKind::Decl(id) => self.decl(*id).then_some(e),
            ExprKind::Element { decl, .. } if self.decl(*decl) => Some(e),
            ExprKind::Builtin(b, _) if matches!(b.kernel, Kernel::Clock(_) | Kernel::Memory(_) | Kernel::Run) => {
                Some(e)
            }
            ExprKind::Call(id, args) => {
                if self.function(*id) {
                    Some(e)
                } else {
                    args.iter().find_map(|a| self.part(*a))
                }
            }
            _ => self.model.children(e).into_iter().find_map(|child| self.part(child)),
        }
    }

    fn function(&mut self, id: FnId) -> bool {
        if let Some(known) = self.fns[id.0 as usize] {
            return known;
        }
        // A function that calls itself is reported elsewhere; here it must only end.
        self.fns[id.0 as usize] = Some(false);
        let varies = self.part(self.model.function(id).body).is_some();
        self.fns[id.0 as usize] = Some(varies);
        varies
    }

    fn decl(&mut self, id: DeclId) -> bool {
        if let Some(known) = self.decls[id.0 as usize] {
            return known;
        }
        self.decls[id.0 as usize] = Some(false);
        let varies = match &self.model.decl(id).kind {
            DeclKind::Param { .. } | DeclKind::Unknown => false,
            DeclKind::Let { .. } if self.model.decl(id).phase.is_some() => true,
            DeclKind::Let { value } | DeclKind::Column { value } => self.part(*value).is_some(),
            DeclKind::Policy { options, .. } => options.iter().any(|(.., e)| self.part(*e).is_some()),
            DeclKind::Series(_)
            | DeclKind::Draw(_)
            | DeclKind::Trait(_)
            | DeclKind::Population(_)
            | DeclKind::Stock { .. }
            | DeclKind::State { .. }
            | DeclKind::Move(_)
            | DeclKind::Trade(_)
            | DeclKind::Update { .. }
            | DeclKind::Metric { .. }
            | DeclKind::Expect(_) => true,
        };
        self.decls[id.0 as usize] = Some(varies);
        varies
    }
}

pub(super) fn check(model: &Model, sources: &SourceMap, diagnostics: &mut Vec<Diagnostic>) {
    let mut varying = Varying::new(model);
    let mut constant = |e: ExprId, code: Code, what: &str, help: &str| {
        if let Some(part) = varying.part(e) {
            let text = snippet(sources, model.expr(part).span);
            let error = Diagnostic::new(
                code,
                format!("{what} cannot hang on what changes during a run"),
                model.expr(part).span,
                format!("{text} changes"),
            );
            diagnostics.push(error.help(help));
        }
    };
    let param_help = "params read numbers and other params only; what changes is a `let`";
    for decl in &model.decls {
        match &decl.kind {
            DeclKind::Param { value, set, range, dist } => {
                constant(set.unwrap_or(*value), Code::E0206, &format!("the param `{}`", decl.name), param_help);
                // Without a default that has been looked at.
                if let Some(dist) = dist.as_ref().filter(|_| !matches!(model.expr(*value).kind, ExprKind::Drawn(_))) {
                    let what = format!("the param `{}`", decl.name);
                    dist.args.iter().for_each(|e| constant(*e, Code::E0206, &what, param_help));
                }
                for bound in range.iter().flat_map(|(low, high)| [low, high]) {
                    constant(
                        *bound,
                        Code::E0206,
                        "a bound",
                        "write a number or a param; for a bound that moves use `assert`",
                    );
                }
            }
            DeclKind::Stock { range, .. } => {
                for bound in range.iter().flat_map(|(low, high)| [low, high]) {
                    constant(
                        *bound,
                        Code::E0206,
                        "a bound",
                        "write a number or a param; for a bound that moves use `assert`",
                    );
                }
            }
            DeclKind::Column { value } => {
                let help = "a table says what stays; what changes is a `let`, a `state` or a `stock` over the index";
                constant(*value, Code::E0206, &format!("the column `{}`", decl.name), help);
            }
            DeclKind::State { rule: Some(Rule::Next { every: Some(every), .. }), .. } => {
                constant(*every, Code::E0506, "a period", TIME_HELP);
            }
            DeclKind::Draw(draw) => {
                draw.every.iter().for_each(|e| constant(*e, Code::E0506, "a period", TIME_HELP));
            }
            DeclKind::Move(m) if m.trade.is_none() => times(&m.timing, &mut constant),
            DeclKind::Trade(trade) => times(&trade.timing, &mut constant),
            DeclKind::Metric { window: Some((from, to)), .. } => {
                constant(*from, Code::E0506, "the start of a window", TIME_HELP);
                constant(*to, Code::E0506, "the end of a window", TIME_HELP);
            }
            _ => {}
        }
    }
    for conserve in &model.conserves {
        if let Some(total) = conserve.total {
            constant(total, Code::E0206, "a conserved total", "write a number or a param");
        }
    }
    for decl in &model.decls {
        if let DeclKind::Metric { value, .. } = decl.kind {
            metric(model, sources, &mut varying, (value, "a metric is one number"), diagnostics);
        }
    }
    for goal in &model.goals {
        if let Some(share) = goal.share
            && let Some(part) = varying.part(share)
        {
            let text = snippet(sources, model.expr(part).span);
            let error = Diagnostic::new(
                Code::E0206,
                "a share of the runs cannot hang on what changes during a run",
                model.expr(part).span,
                format!("{text} changes"),
            );
            diagnostics.push(error.help("write a number or a param: `in 95% of runs`"));
        }
        match goal.kind {
            GoalKind::Holds(e) | GoalKind::Maximize(e) | GoalKind::Minimize(e) => {
                metric(model, sources, &mut varying, (e, "a goal asks of the whole run"), diagnostics);
            }
            GoalKind::Of { metric: e, share, .. } => {
                metric(model, sources, &mut varying, (e, "a goal asks of the whole run"), diagnostics);
                metric(model, sources, &mut varying, (share, "a goal asks of the whole run"), diagnostics);
            }
        }
    }
    for (id, value) in model.scenarios.iter().flat_map(|s| &s.settings) {
        if let Some(part) = varying.part(*value)
            && let DeclKind::Param { .. } = model.decl(*id).kind
        {
            let text = snippet(sources, model.expr(part).span);
            let error = Diagnostic::new(
                Code::E0206,
                format!("the param `{}` cannot hang on what changes during a run", model.decl(*id).name),
                model.expr(part).span,
                format!("{text} changes"),
            );
            diagnostics.push(error.help(param_help));
        }
    }
}

/// The times of a transfer are known at the start.
fn times(timing: &Timing, constant: &mut dyn FnMut(ExprId, Code, &str, &str)) {
    match timing {
        Timing::At(t) => constant(*t, Code::E0506, "the time of a transfer", TIME_HELP),
        Timing::Every { period, from, to } => {
            constant(*period, Code::E0506, "the period of a transfer", TIME_HELP);
            from.iter().chain(to).for_each(|t| constant(*t, Code::E0506, "the time of a transfer", TIME_HELP));
        }
        _ => {}
    }
}

/// In a metric, what changes during a run stands inside a function of the whole run.
fn metric(
    model: &Model,
    sources: &SourceMap,
    varying: &mut Varying,
    (value, who): (ExprId, &str),
    diagnostics: &mut Vec<Diagnostic>,
) {
    // Each with the call through which it is met, if it stands in a function.
    let mut stack: Vec<(ExprId, Option<(ExprId, FnId)>)> = vec![(value, None)];
    let mut functions = Vec::new();
    while let Some((e, within)) = stack.pop() {
        match &model.expr(e).kind {
            ExprKind::Call(id, args) => {
                stack.extend(args.iter().map(|a| (*a, within)));
                if !functions.contains(id) {
                    functions.push(*id);
                    stack.push((model.function(*id).body, within.or(Some((e, *id)))));
                }
            }
            ExprKind::Builtin(b, args) if b.reducer.is_some() => {
                // `at(x, t)`: the time is one of the run.
                for t in args.iter().skip(1).flatten() {
                    if let Some(part) = varying.part(*t) {
                        let text = snippet(sources, model.expr(part).span);
                        let error = Diagnostic::new(
                            Code::E0506,
                            "the time of `at` cannot hang on what changes during a run",
                            model.expr(part).span,
                            format!("{text} does"),
                        )
                        .help("write a time that is known at the start, such as `12 month`");
                        diagnostics.push(error);
                    }
                }
            }
            ExprKind::Decl(id) | ExprKind::Element { decl: id, .. }
                if matches!(model.decl(*id).kind, DeclKind::Metric { .. }) => {}
            kind => {
                let children = model.children(e);
                let element = matches!(kind, ExprKind::Element { decl, .. } if varying.decl(*decl));
                let changes = element || matches!(kind, ExprKind::Decl(_) | ExprKind::Clock(_) | ExprKind::Builtin(..));
                if (children.is_empty()
                    || element
                    || matches!(kind, ExprKind::Builtin(b, _) if matches!(b.kernel, Kernel::Clock(_) | Kernel::Memory(_))))
                    && changes
                    && varying.part(e).is_some()
                {
                    let text = sources.text(model.expr(e).span).to_string();
                    if let Some((call, id)) = within {
                        let function = &model.function(id).name;
                        let error = Diagnostic::new(
                            Code::E0206,
                            format!("`{function}` reads what changes during a run, and {who}"),
                            model.expr(call).span,
                            "its value in which row?",
                        )
                        .label(model.expr(e).span, format!("`{text}` changes"))
                        .help(format!(
                            "give it to `{function}` as an argument: `final({text})`, `mean_over({text})` …"
                        ));
                        diagnostics.push(error);
                        continue;
                    }
                    let error = Diagnostic::new(
                        Code::E0206,
                        format!("`{text}` changes during a run, and {who}"),
                        model.expr(e).span,
                        "its value in which row?",
                    )
                    .help(format!("write `final({text})`, `mean_over({text})`, `max_over({text})` …"));
                    diagnostics.push(error);
                    continue;
                }
                stack.extend(children.into_iter().map(|child| (child, within)));
            }
        }
    }
}
