//! Experiments: units and values of what is swept, how many points and runs there are.
//!
//! In: experiments, the shapes of arrays, constants. Out: [`Planned`], every value in stored units, and what is wrong.
//! Invariant: values of a range are `low + i · by`, exact, rounded once. Absent on purpose: which runs there are (`study`).

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{Signed, ToPrimitive, Zero};

use super::constant::{Fold, tolerance};
use super::infer::Infer;
use super::{Facts, Ty};
use crate::diag::{Code, Diagnostic};
use crate::hir::{Axis, DeclKind, Experiment, ExprId, ExprKind, Model, Values};
use crate::source::{SourceMap, Span};
use crate::units::{Unit, magnitude, plain, to_f64};

/// An experiment of more design points than this is refused.
pub const MOST_POINTS: u64 = 1_000_000;

/// An experiment of more runs than this is refused.
pub const MOST_RUNS: u64 = 1_000_000_000_000;

/// What is known of an experiment.
#[derive(Clone, Debug, Default)]
pub struct Planned {
    /// The values of each axis, in order.
    pub axes: Vec<Vec<PlannedValue>>,
    /// How many samples of the uncertain params there are; 0 where there is no `sample`.
    pub samples: u32,
    /// How many runs each sample has, or each point where there are none.
    pub runs: u32,
    /// The seed.
    pub seed: u64,
}

/// A value of something that is swept.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedValue {
    /// As a designer writes it.
    pub text: String,
    /// In stored units; of a whole array each member's; an option by its number.
    pub stored: Vec<f64>,
}

impl Infer<'_> {
    /// What is swept has the unit of its place; how often is a plain number.
    pub(super) fn experiments(&mut self) {
        let model = self.model;
        for experiment in &model.experiments {
            for axis in &experiment.axes {
                let values = match &axis.values {
                    Values::List(values) => values.clone(),
                    Values::Range { low, high, by } => vec![*low, *high, *by],
                    Values::Options(_) => continue,
                };
                let decl = model.decl(axis.decl);
                let typed = self.decl(axis.decl);
                let unit = self.unit(&typed);
                let said = decl.ty.as_ref().map_or(decl.span, |a| a.span);
                for value in values {
                    let what = format!("`{}`", axis.name);
                    self.fresh_declaration(|i| i.right_side(value, &typed, unit.as_ref(), &what, said));
                }
                if let (Values::Range { by, .. }, Ty::Bool) = (&axis.values, &typed.ty) {
                    let error = Diagnostic::new(
                        Code::E0806,
                        format!("`{}` is true or false, and has no range", axis.name),
                        model.expr(*by).span,
                        "so nothing can be added to it",
                    )
                    .help(format!("write `{} in all`", axis.name));
                    self.fresh_declaration(|i| i.report(error));
                }
            }
            let counts = [
                (experiment.sample.map(|s| s.0), "the number of samples"),
                (experiment.runs.map(|r| r.0), "the number of runs"),
                (experiment.seed.map(|s| s.0), "the seed"),
            ];
            for (e, what) in counts {
                let Some(e) = e else { continue };
                self.fresh_declaration(|i| {
                    let found = i.infer(e);
                    i.expect(e, &found, &Self::plain(), what, i.model.expr(e).span);
                });
            }
        }
    }
}

/// Runs that differ in nothing.
pub(super) fn lints(model: &Model, facts: &Facts, diagnostics: &mut Vec<Diagnostic>) {
    let (chance, uncertain) = (model.has_chance(), model.has_uncertain());
    for (experiment, planned) in model.experiments.iter().zip(&facts.experiments) {
        if let Some((_, _, span)) = experiment.sample
            && !uncertain
        {
            let fact = "no param of this model is uncertain, so all samples are the same";
            let warning = Diagnostic::new(Code::W0802, fact, span, "there is nothing to sample");
            diagnostics.push(
                warning
                    .help("give a param a distribution, `param fee = 1% ~ triangular(0%, 1%, 3%)`, or leave this out"),
            );
        } else if let Some((_, span)) = experiment.runs
            && planned.runs > 1
            && !chance
        {
            let fact = "nothing in this model is left to chance, so all runs of a point are the same";
            let warning = Diagnostic::new(Code::W0801, fact, span, "more of the same");
            let help = match (uncertain, experiment.sample) {
                (true, None) => "sample the uncertain params, `sample 512 by sobol`, or leave this out",
                _ => "leave this out",
            };
            diagnostics.push(warning.help(help));
        }
    }
}

struct Experiments<'a> {
    model: &'a Model,
    sources: &'a SourceMap,
    facts: &'a Facts,
    fold: Fold<'a>,
    diagnostics: &'a mut Vec<Diagnostic>,
}

/// Works out all experiments.
pub(super) fn check(model: &Model, sources: &SourceMap, facts: &mut Facts, diagnostics: &mut Vec<Diagnostic>) {
    let mut planned = Vec::new();
    let mut all = Experiments { model, sources, facts, fold: Fold::new(model, facts), diagnostics };
    // A value may be worked out: it is a number before any run.
    all.fold.rough = true;
    for experiment in &model.experiments {
        planned.push(all.experiment(experiment));
    }
    facts.experiments = planned;
}

impl Experiments<'_> {
    fn experiment(&mut self, experiment: &Experiment) -> Planned {
        let before = self.diagnostics.len();
        let axes: Vec<_> = experiment.axes.iter().map(|axis| self.axis(axis)).collect();
        let count = |x: &mut Self, counted: Option<(ExprId, Span)>, what| {
            counted.map(|(e, span)| x.count(e, span, what, 1, u64::from(u32::MAX)).unwrap_or(1) as u32)
        };
        let samples = count(self, experiment.sample.map(|s| (s.0, s.2)), "the number of samples").unwrap_or(0);
        let runs = count(self, experiment.runs, "the number of runs").unwrap_or(1);
        let seed = experiment.seed.and_then(|(e, span)| self.count(e, span, "the seed", 0, u64::MAX)).unwrap_or(1);
        let planned = Planned { axes, samples, runs, seed };
        if self.diagnostics.len() == before {
            self.sizes(experiment, &planned);
        }
        planned
    }

    /// Those of one zip have one length, and all together are not too many.
    fn sizes(&mut self, experiment: &Experiment, planned: &Planned) {
        let (mut points, mut first): (u64, Option<usize>) = (1, None);
        for (i, axis) in experiment.axes.iter().enumerate() {
            let before = first.filter(|f| experiment.axes[*f].sweep == axis.sweep);
            let n = planned.axes[i].len();
            let Some(before) = before else {
                first = Some(i);
                points = points.saturating_mul(n as u64);
                continue;
            };
            let other = planned.axes[before].len();
            if n != other {
                let values = |n: usize| if n == 1 { "1 value".to_string() } else { format!("{n} values") };
                let error = Diagnostic::new(
                    Code::E0808,
                    format!("`{}` and `{}` are paired, and differ in length", experiment.axes[before].name, axis.name),
                    axis.span,
                    format!("goes through {}", values(n)),
                )
                .label(experiment.axes[before].span, format!("goes through {}", values(other)))
                .help("give both the same number of values; two sweeps of their own meet each value with each");
                return self.diagnostics.push(error);
            }
        }
        let arms = experiment.arms.len().max(1) as u64;
        let each = u64::from(planned.runs) * u64::from(planned.samples.max(1));
        let runs = points.saturating_mul(arms).saturating_mul(each);
        if points > MOST_POINTS || runs > MOST_RUNS || each > u64::from(u32::MAX) {
            let (fact, help) = if points > MOST_POINTS {
                (format!("this comes to {} design points", grouped(points)), "take longer steps, or sweep less at once")
            } else {
                (format!("this comes to {} runs", grouped(runs)), "take fewer runs of each point")
            };
            let limit = if points > MOST_POINTS {
                format!("{} are the most", grouped(MOST_POINTS))
            } else {
                format!("{} are the most, and {} of one point", grouped(MOST_RUNS), grouped(u64::from(u32::MAX)))
            };
            self.diagnostics.push(Diagnostic::new(Code::E0812, fact, experiment.span, limit).help(help));
        }
    }

    fn count(&mut self, e: ExprId, span: Span, what: &str, least: u64, most: u64) -> Option<u64> {
        let Some(value) = self.value(e) else {
            if !self.broken(e) {
                let error = Diagnostic::new(
                    Code::E0810,
                    format!("{what} must be a constant"),
                    span,
                    "this is known only in a run",
                );
                self.diagnostics.push(error.help("write the number itself"));
            }
            return None;
        };
        let whole = value.is_integer().then(|| value.to_integer().to_u64()).flatten();
        let found = whole.filter(|n| (least..=most).contains(n));
        if found.is_none() {
            let shown = plain(to_f64(&value), 12);
            let error = Diagnostic::new(
                Code::E0810,
                format!("{what} cannot be {shown}"),
                span,
                format!("a whole number from {least} to {} is wanted", grouped(most)),
            );
            let help = if what == "the seed" { "for example `seed 7`" } else { "for example `runs 1000`" };
            self.diagnostics.push(error.help(help));
        }
        found
    }

    fn value(&mut self, e: ExprId) -> Option<BigRational> {
        let mut env = self.fold.env();
        self.fold.value(e, &mut env)
    }

    /// Whether something is wrong with it, which has been said.
    fn broken(&self, e: ExprId) -> bool {
        let span = self.model.expr(e).span;
        let within = |d: &Diagnostic| span.start <= d.primary.span.start && d.primary.span.end <= span.end;
        self.diagnostics.iter().any(within) || self.has_error(e)
    }

    fn has_error(&self, e: ExprId) -> bool {
        matches!(self.model.expr(e).kind, ExprKind::Error)
            || self.model.children(e).into_iter().any(|child| self.has_error(child))
    }

    fn axis(&mut self, axis: &Axis) -> Vec<PlannedValue> {
        match &axis.values {
            Values::Options(options) => {
                let DeclKind::Policy { options: all, .. } = &self.model.decl(axis.decl).kind else { return Vec::new() };
                let value = |o: &usize| PlannedValue { text: all[*o].0.clone(), stored: vec![*o as f64] };
                options.iter().map(value).collect()
            }
            Values::List(values) => values.iter().filter_map(|e| self.listed(axis, *e)).collect(),
            Values::Range { low, high, by } => self.range(axis, [*low, *high, *by]).unwrap_or_default(),
        }
    }

    fn listed(&mut self, axis: &Axis, e: ExprId) -> Option<PlannedValue> {
        let mut stored = Vec::new();
        let members: Vec<Vec<u32>> = match (&axis.member, self.facts.shape(axis.decl)) {
            (None, Some(shape)) => (0..shape.len).map(|m| shape.members(m)).collect(),
            // An array without a shape is wrong, and that has been said.
            (None, None) if !self.model.decl(axis.decl).axes.is_empty() => return None,
            _ => vec![axis.member.clone().unwrap_or_default()],
        };
        let mut env = self.fold.env();
        for members in &members {
            let value = match axis.member {
                None if !members.is_empty() => self.fold.bound(axis.decl, members, e, &mut env),
                _ => self.fold.value(e, &mut env),
            };
            let Some(value) = value else {
                return self.unknown(axis, e);
            };
            self.in_bounds(axis, members, &value, self.model.expr(e).span);
            stored.push(to_f64(&value));
        }
        Some(PlannedValue { text: self.text(e), stored })
    }

    fn unknown(&mut self, axis: &Axis, e: ExprId) -> Option<PlannedValue> {
        if !self.broken(e) && self.facts.decl(axis.decl).ty != Ty::Unknown {
            let error = Diagnostic::new(
                Code::E0809,
                format!("a value of `{}` is known only in a run", axis.name),
                self.model.expr(e).span,
                "this is no constant",
            )
            .help("write the value itself: what is swept is known before the first run");
            self.diagnostics.push(error);
        }
        None
    }

    fn range(&mut self, axis: &Axis, [low, high, by]: [ExprId; 3]) -> Option<Vec<PlannedValue>> {
        if axis.member.is_none() && !self.model.decl(axis.decl).axes.is_empty() {
            let decl = self.model.decl(axis.decl);
            let error = Diagnostic::new(
                Code::E0806,
                format!("`{}` is an array, and has no range", axis.name),
                axis.span,
                "all its members are swept at once",
            )
            .help(format!(
                "name one member, `{}[…] in … by …`, or write whole arrays: `{} in {{ … }}`",
                decl.name, decl.name
            ));
            self.diagnostics.push(error);
            return None;
        }
        let mut values = Vec::new();
        for e in [low, high, by] {
            let Some(value) = self.value(e) else {
                self.unknown(axis, e);
                return None;
            };
            values.push(value);
        }
        let [from, to, step] = &values[..] else { return None };
        let span = self.model.expr(low).span.to(self.model.expr(by).span);
        let never = |text: String| {
            Diagnostic::new(Code::E0806, text, span, "this range has no end")
                .help("a range goes from the first value to the second by the third: `0% .. 2% by 0.25%`")
        };
        let [low_text, high_text, by_text] = [low, high, by].map(|e| self.text(e));
        if step.is_zero() || (to - from).is_negative() != step.is_negative() && to != from {
            let fact = format!("from {low_text} by {by_text} one never comes to {high_text}");
            self.diagnostics.push(never(fact));
            return None;
        }
        let last = ((to - from) / step + tolerance()).floor().to_integer();
        if last >= BigInt::from(MOST_POINTS) {
            let fact = format!("from {low_text} to {high_text} there are {} values", grouped_big(&last));
            let error = Diagnostic::new(Code::E0812, fact, span, format!("{} are the most", grouped(MOST_POINTS)));
            self.diagnostics.push(error.help("take longer steps"));
            return None;
        }
        let last = last.to_u64()?;
        let members = axis.member.clone().unwrap_or_default();
        let before = self.diagnostics.len();
        let mut out = Vec::new();
        for i in 0..=last {
            let value = from + step * BigRational::from_integer(i.into());
            // Once is enough.
            if self.diagnostics.len() == before {
                self.in_bounds(axis, &members, &value, span);
            }
            out.push(PlannedValue { text: self.text_of(axis, &value, [low, high, by]), stored: vec![to_f64(&value)] });
        }
        Some(out)
    }

    /// A swept value keeps the bounds that its declaration states, as far as they are known before a run.
    fn in_bounds(&mut self, axis: &Axis, members: &[u32], value: &BigRational, span: Span) {
        let decl = self.model.decl(axis.decl);
        let (range, signed) = match decl.kind {
            DeclKind::Param { range, .. } => (range, true),
            DeclKind::Stock { range, signed, .. } => (range, signed),
            _ => return,
        };
        let unit = self.model.units.name(&self.facts.decl(axis.decl).shown);
        let scale = self.model.units.scale(&self.facts.decl(axis.decl).shown);
        let written = if unit == "1" { String::new() } else { format!(" {unit}") };
        let show = |v: &BigRational| format!("{}{written}", magnitude(to_f64(&(v / &scale)), 12));
        let mut env = self.fold.env();
        decl.axes.iter().zip(members).for_each(|(b, m)| env[b.0 as usize] = *m);
        let bounds =
            range.and_then(|(low, high)| Some((self.fold.value(low, &mut env)?, self.fold.value(high, &mut env)?)));
        let allowed = match bounds {
            Some((low, high)) if *value < low || *value > high => format!("{} to {}", show(&low), show(&high)),
            _ if !signed && value.is_negative() => format!("0{written} and more"),
            _ => return,
        };
        let error = Diagnostic::new(
            Code::E0407,
            format!("`{}` is swept outside its bounds", axis.name),
            span,
            format!("this is {}, and {allowed} is allowed", show(value)),
        )
        .help("change the sweep or the bounds");
        if self.diagnostics.last() != Some(&error) {
            self.diagnostics.push(error);
        }
    }

    /// A value as it is written.
    fn text(&self, e: ExprId) -> String {
        let expr = self.model.expr(e);
        match &expr.kind {
            ExprKind::Label(root, at) => self.model.member_name(*root, *at),
            ExprKind::Bool(value) => value.to_string(),
            kind => {
                let text = self.sources.text(expr.span).split_whitespace().collect::<Vec<_>>().join(" ");
                match (kind, self.facts.implied.get(&e)) {
                    (ExprKind::Number { percent: false, value }, Some(unit)) if !value.is_zero() => {
                        self.with_unit(text, unit)
                    }
                    _ => text,
                }
            }
        }
    }

    fn with_unit(&self, text: String, unit: &Unit) -> String {
        match self.model.units.name(unit).as_str() {
            "1" => text,
            name => format!("{text} {name}"),
        }
    }

    /// A value of a range: in percent where the range is, else in the unit of its place.
    fn text_of(&self, axis: &Axis, value: &BigRational, written: [ExprId; 3]) -> String {
        let percent = |e: &ExprId| matches!(self.model.expr(*e).kind, ExprKind::Number { percent: true, .. });
        if let Some(e) = written.iter().find(|e| percent(e)) {
            let scale = self.facts.implied.get(e).map(|unit| self.model.units.scale(unit));
            let value = scale.map_or_else(|| value.clone(), |scale| value / scale);
            return format!("{}%", plain(to_f64(&(value * BigRational::from_integer(100.into()))), 12));
        }
        let unit = &self.facts.decl(axis.decl).shown;
        // Who writes `50k` reads `60k`.
        let short = |e: &ExprId| {
            let text = self.sources.text(self.model.expr(*e).span);
            let mut word =
                text.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '_' | '-')).chars();
            word.next().is_some_and(|c| matches!(c, 'k' | 'M' | 'B' | 'T'))
                && word.next().is_none_or(|c| !c.is_alphanumeric())
        };
        let number = to_f64(&(value / self.model.units.scale(unit)));
        let number = if written.iter().any(short) { magnitude(number, 12) } else { plain(number, 12) };
        self.with_unit(number, unit)
    }
}

/// A whole number with a comma between thousands.
pub fn grouped(n: u64) -> String {
    grouped_digits(&n.to_string())
}

fn grouped_big(n: &BigInt) -> String {
    grouped_digits(&n.to_string())
}

fn grouped_digits(digits: &str) -> String {
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
