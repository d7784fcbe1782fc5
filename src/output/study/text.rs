//! An experiment as a person reads it: what was run, a table of points, comparisons, goals, failures, and what came out.

use super::super::failure::command;
use super::cases::{Case, misses};
use super::causes::causes;
use super::numbers::{Sign, interval, percent, short};
use super::table::{Table, clip};
use super::{Named, Report};
use crate::check::grouped;
use crate::session::replay;
use crate::study::{Cell, Kind, Paired, Question, Share, Spread};

/// Lines are no wider; a column that is has a line for itself.
pub(super) const WIDTH: usize = 80;

impl Report<'_> {
    /// What came of it, in 80 columns but for commands and what is wider by itself; `seconds` is how long it took.
    pub fn text(&self, seconds: Option<f64>) -> String {
        let mut out = Vec::new();
        self.head(seconds, &mut out);
        let cases = self.cases();
        match &cases[..] {
            [] => {}
            [(_, _, cell)] => self.one(cell, &mut out),
            _ => self.table(&cases, &mut out),
        }
        self.comparisons(&mut out);
        self.goals(&cases, &mut out);
        self.failures(&mut out);
        let said = self.said(&cases);
        if !said.is_empty() {
            out.push(String::new());
            out.extend(said.iter().flat_map(|s| wrapped(s)));
        }
        let mut text = String::new();
        for line in out {
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    fn head(&self, seconds: Option<f64>, out: &mut Vec<String>) {
        let (plan, runs) = (self.plan, self.runs);
        out.push(clip(&super::super::title(self.checked), WIDTH));
        let steps = self.model.clock.steps;
        let name = plan.name.as_ref().map_or(String::new(), |name| format!("{name}: "));
        let mut words =
            vec![format!("{name}{} of {} step{}", plan.shape(), grouped(steps), if steps == 1 { "" } else { "s" })];
        words.push(format!("seed {}", plan.seed));
        if let [arm] = &plan.arms[..] {
            words.extend(arm.scenario.as_ref().map(|scenario| format!("scenario {scenario}")));
        }
        words.extend(plan.sample.map(|sample| format!("sampled by {}", sample.design.name())));
        words.extend(seconds.map(|s| if s < 1.0 { format!("{:.0} ms", s * 1000.0) } else { format!("{s:.1} s") }));
        out.extend(wrapped(&words.iter().map(|w| glued(w)).collect::<Vec<_>>().join(", ")));
        if !runs.whole {
            out.push(format!("stopped after {} of {} runs", grouped(runs.done()), grouped(plan.size())));
        }
    }

    /// Whether another run may come to something else.
    fn chance(&self) -> bool {
        self.model.is_chancy()
    }

    /// One point in one arm: a line for each metric.
    fn one(&self, cell: &Cell, out: &mut Vec<String>) {
        if self.metrics.is_empty() || cell.failed == cell.runs {
            return;
        }
        out.push(String::new());
        let spreads = cell.runs > 1;
        let mut table = Table::new(&["metric", if spreads { "mean" } else { "value" }]);
        if spreads {
            table = Table::new(&["metric", "mean", "5%", "median", "95%", "unit"]);
        }
        for (named, spread) in self.metrics.iter().zip(&cell.metrics) {
            let mut row = vec![named.name.clone(), self.mean(named, spread)];
            if spreads {
                row.extend(
                    spread.quantiles.map(|q| if named.labels.is_some() { String::new() } else { self.value(named, q) }),
                );
            }
            row.push(format!("{}{}", unit(named), without(spread, cell)));
            table.row(row);
        }
        table.lay(1, out);
    }

    fn goals(&self, cases: &[Case], out: &mut Vec<String>) {
        let goals = &self.findings.questions.goals;
        let lines: Vec<String> = goals
            .iter()
            .enumerate()
            .filter(|(_, q)| !matches!(q.kind, Kind::Best { .. }))
            .map(|(i, question)| {
                let shares: Vec<Share> = cases.iter().filter_map(|(_, _, c)| c.goals[i]).collect();
                let met = shares.iter().filter(|s| question.is_met(s)).count();
                let (word, more) = match &shares[..] {
                    [] => ("open  ", self.nobody(question)),
                    [share] => (if met == 1 { "met   " } else { "missed" }, self.share(question, share)),
                    all => (
                        if met == all.len() {
                            "met   "
                        } else if met == 0 {
                            "missed"
                        } else {
                            "partly"
                        },
                        format!("in {met} of {} cases", all.len()),
                    ),
                };
                format!(
                    "{} {} {}",
                    glued(&format!("{word} ")),
                    self.goal(question.number),
                    glued(&format!(" ({more})"))
                )
            })
            .collect();
        if !lines.is_empty() {
            out.push(String::new());
            out.push("goal".to_string());
        }
        for line in &lines {
            let lines = wrapped(line);
            // What goes on stands under what it goes on with.
            out.extend(
                lines.iter().enumerate().map(|(i, l)| format!("{}{l}", if i == 0 { "  " } else { "          " })),
            );
        }
    }

    fn nobody(&self, question: &Question) -> String {
        match &question.kind {
            Kind::Of { arm: None, .. } => "no such arm was run: `compare` it".to_string(),
            _ => "nothing is compared with it".to_string(),
        }
    }

    /// Whether another set of runs may well decide otherwise.
    pub(super) fn is_close(&self, question: &Question, share: &Share) -> bool {
        share.of > 1 && self.chance() && question.is_close(share)
    }

    /// `97.2% of 1,000 runs; 96.1% to 98.1% are likely`.
    fn share(&self, question: &Question, share: &Share) -> String {
        if share.of <= 1 {
            return "one run".to_string();
        }
        let close = if self.is_close(question, share) { ", too close to call" } else { "" };
        let of = format!("{} of {} runs", percent(share.share()), grouped(share.of));
        if !self.chance() {
            return of;
        }
        format!("{of}, 95% interval {} to {}{close}", percent(share.low), percent(share.high))
    }

    fn failures(&self, out: &mut Vec<String>) {
        let failed = self.runs.failed();
        if failed == 0 {
            return;
        }
        out.push(String::new());
        out.push(format!("{} of {} runs failed; means leave them out", grouped(failed), grouped(self.runs.done())));
        const MOST: usize = 6;
        let causes = causes(self.checked, self.model, self.runs);
        let width = causes.first().map_or(1, |c| grouped(c.runs).len());
        for (i, cause) in causes.iter().enumerate() {
            if i == MOST && causes.len() > MOST + 1 {
                out.push(format!("  and {} other reasons", causes.len() - MOST));
                break;
            }
            let (arm, point, first) = &cause.first;
            let case = self.case(*arm, *point);
            let case = if case.is_empty() { String::new() } else { format!(", {case}") };
            let unit = self.checked.model.units.clock().map(|c| self.checked.model.units.get(c).name.clone());
            let time = crate::units::plain(self.model.clock.time(first.step), 9);
            let when = format!("{} {time}", unit.unwrap_or_default());
            let member = super::super::failure::member(self.checked, self.model, &first.kind, first.member);
            let when = member.map_or(when.clone(), |member| format!("{member}, {when}"));
            out.push(format!(
                "  {:>width$}  {}; first in run {}{case}, {when}",
                grouped(cause.runs),
                cause.words,
                first.run
            ));
            let call = replay(self.plan, *arm, *point, first.run).call(&self.checked.settings);
            out.push(format!("  {:>width$}  {}", "", command(&self.checked.name, &call)));
        }
    }

    /// What came out, in sentences.
    fn said(&self, cases: &[Case]) -> Vec<String> {
        let mut said = Vec::new();
        if cases.is_empty() {
            return said;
        }
        if cases.iter().all(|(_, _, c)| c.failed == c.runs) {
            return vec!["Every run failed, so nothing is known.".to_string()];
        }
        if self.plan.runs == 1 && self.chance() {
            said.push("One run each: how much of this is chance shows `--runs 1000`.".to_string());
        }
        let bests = if cases.len() > 1 { self.bests(cases) } else { Vec::new() };
        if !bests.is_empty() {
            said.extend(bests);
        } else if cases.len() > 1 && self.asks() {
            said.push(self.who_meets(cases));
        }
        if self.plan.points.len() == 1 {
            said.extend(self.arms_said());
        }
        said
    }

    /// Whether some goal is a condition that could be judged.
    fn asks(&self) -> bool {
        self.findings.cells.iter().flatten().flatten().any(|c| c.goals.iter().any(Option::is_some))
    }

    /// The cases that some goal asks something of, and those of them that meet all.
    fn asked<'c>(&self, cases: &'c [Case]) -> (Vec<&'c Case<'c>>, Vec<&'c Case<'c>>) {
        let asked: Vec<_> = cases.iter().filter(|c| c.2.goals.iter().any(Option::is_some)).collect();
        let goals = &self.findings.questions.goals;
        let met = asked.iter().copied().filter(|c| c.2.failed < c.2.runs && !misses(goals, c.2)).collect();
        (asked, met)
    }

    fn who_meets(&self, cases: &[Case]) -> String {
        let goals = &self.findings.questions.goals;
        let (asked, met) = self.asked(cases);
        let all: Vec<String> = met.iter().map(|c| self.case(c.0, c.1)).collect();
        let what = if goals.len() == 1 { "the goal" } else { "all goals" };
        match (all.len(), asked.len()) {
            (1, 1) => format!("{} meets {what}.", all[0]),
            (0, 1) => format!("{} does not meet {what}.", self.case(asked[0].0, asked[0].1)),
            (0, n) => format!("None of {n} cases meets {what}."),
            (2, 2) => format!("Both cases meet {what}."),
            (n, of) if n == of => format!("All {n} cases meet {what}."),
            (1, _) => {
                let close = |(q, s): (&Question, &Option<Share>)| s.as_ref().is_some_and(|s| self.is_close(q, s));
                let close = goals.iter().zip(&met[0].2.goals).any(close);
                format!("Only {} meets {what}{}.", all[0], if close { ", and that is too close to call" } else { "" })
            }
            (n, of) if n <= 6 && all.iter().map(String::len).sum::<usize>() < 160 => {
                format!("{n} of {of} cases meet {what}: {}.", all.join("; "))
            }
            (n, of) => format!("{n} of {of} cases meet {what}."),
        }
    }

    /// Of each objective which case does best, and by how much.
    fn bests(&self, cases: &[Case]) -> Vec<String> {
        let findings = &self.findings;
        let (asked, met) = self.asked(cases);
        let one = |best: &crate::study::Best| {
            let question = &findings.questions.goals[best.goal];
            let Kind::Best { largest, .. } = question.kind else { return None };
            let what = self.objective(question.number);
            let (shown, unit) = self.seen(question.number);
            let unit = if unit == "1" { String::new() } else { format!(" {unit}") };
            let number = |m: f64, h: f64| {
                format!("{}{unit}", interval(shown.of(m), shown.of(h), Sign::Less, self.clock() == unit.trim()))
            };
            let superlative = if largest { "largest" } else { "smallest" };
            let Some(first) = &best.first else {
                return Some(if best.candidates == 0 {
                    "No case meets all goals, so none is best.".to_string()
                } else {
                    format!("`{what}` is defined in no case.")
                });
            };
            // What never happens in some runs has no mean to compare.
            let (mean, superlative, what) = if best.by_median {
                let never = if first.median.is_infinite() { "" } else { unit.as_str() };
                let median = format!(
                    "{}{never}",
                    interval(shown.of(first.median), f64::NAN, Sign::Less, self.clock() == unit.trim())
                );
                (median, format!("{superlative} median of"), what)
            } else {
                (number(first.mean.moments.mean, first.mean.half), superlative.to_string(), what)
            };
            // An arm in which nothing hangs on the sweep is one case.
            let others: Vec<_> = best.others.iter().filter(|p| p.point == 0 || !self.still(p.arm)).collect();
            let failed = findings.cells[first.arm][first.point].as_ref().map_or((0, 0), |c| (c.failed, c.runs));
            let mean = match failed {
                (0, _) => mean,
                (failed, runs) => {
                    format!("{mean} ({} of its {} runs failed)", grouped(failed.into()), grouped(runs.into()))
                }
            };
            let case = self.case(first.arm, first.point);
            let here = asked.iter().any(|c| (c.0, c.1) == (first.arm, first.point));
            let who = match (asked.len(), met.len()) {
                (0, _) => format!("{case} gives the {superlative} `{what}`: {mean}"),
                // What the goals compare with meets them, and may be the best.
                (_, 0) => format!("No case meets all goals. Without them {case} gives `{what}` {mean}"),
                (_, n) if !here => format!(
                    "{n} of {} cases meet all goals. {case}, of which nothing is asked, gives the {superlative} `{what}`: {mean}",
                    asked.len()
                ),
                (_, 1) => format!("Only {case} meets all goals; its `{what}` is {mean}"),
                (of, n) if n == of => {
                    let all = if n == 2 { "Both".to_string() } else { format!("All {n}") };
                    format!("{all} cases meet all goals; {case} gives the {superlative} `{what}`: {mean}")
                }
                (of, n) => format!(
                    "{n} of {of} cases meet all goals; of these {case} gives the {superlative} `{what}`: {mean}"
                ),
            };
            if best.by_median {
                let same: Vec<_> = others.iter().copied().take_while(|p| p.median == first.median).collect();
                let names: Vec<String> = same.iter().take(3).map(|p| self.case(p.arm, p.point)).collect();
                let rest = if same.len() > 3 { format!(" and {} more", same.len() - 3) } else { String::new() };
                let more = if same.is_empty() {
                    String::new()
                } else {
                    format!(" It is the same with {}{rest}.", names.join("; "))
                };
                return Some(format!("{who}.{more}"));
            }
            let near: Vec<_> = others.iter().filter(|p| p.lead.as_ref().is_some_and(|l| !self.sure(l))).collect();
            let next = others.first().and_then(|p| Some((p, p.lead.as_ref()?)));
            let more = match next {
                None => String::new(),
                Some((_, lead)) if near.is_empty() => {
                    let by = number(lead.mean.abs(), lead.half);
                    format!(
                        ", {by} {} than the next, {}",
                        if largest { "more" } else { "less" },
                        self.case(others[0].arm, others[0].point)
                    )
                }
                _ => {
                    let names: Vec<String> = near.iter().take(3).map(|p| self.case(p.arm, p.point)).collect();
                    let rest = if near.len() > 3 { format!(" and {} more", near.len() - 3) } else { String::new() };
                    let need = near
                        .iter()
                        .filter_map(|p| p.lead.as_ref()?.runs_for_sign)
                        .max()
                        .filter(|n| *n > u64::from(self.plan.runs));
                    let need = need.map_or(String::new(), |n| format!("; about {} runs would tell", grouped(about(n))));
                    let same = near
                        .iter()
                        .all(|p| p.lead.as_ref().is_some_and(|l| l.mean == 0.0 && (l.sd == 0.0 || l.sd.is_nan())));
                    if same {
                        format!(". It is the same with {}{rest}", names.join("; "))
                    } else {
                        format!(". Not told apart from it: {}{rest}{need}", names.join("; "))
                    }
                }
            };
            Some(format!("{}.", format!("{who}{more}").trim_end_matches('.')))
        };
        findings.best.iter().filter_map(one).collect()
    }

    /// Which metrics an arm moves.
    fn arms_said(&self) -> Vec<String> {
        let findings = &self.findings;
        let base = &self.plan.arms[findings.base].name;
        let arms = findings.cells.iter().enumerate().filter(|(arm, _)| *arm != findings.base);
        let said = arms.filter_map(|(arm, points)| {
            let cell = points.first()?.as_ref()?;
            let pairs = self.metrics.iter().zip(&cell.against).filter(|(m, p)| m.labels.is_none() && p.pairs > 0);
            let (mut moved, mut open) = (Vec::new(), Vec::new());
            for (named, pair) in pairs {
                if self.sure(pair) {
                    let word = if pair.mean > 0.0 { "more" } else { "less" };
                    let size = Paired { mean: pair.mean.abs(), ..*pair };
                    let by = self.amount(named, size.mean, size.half, Sign::Less);
                    let part = relative(&size);
                    let part =
                        if part.is_empty() { String::new() } else { format!(" ({})", part.trim_start_matches('+')) };
                    moved.push(format!("{by}{part} {word} `{}`", named.name));
                } else if pair.mean != 0.0 {
                    let more = pair.runs_for_sign.filter(|n| *n > pair.pairs);
                    let more =
                        more.map_or(String::new(), |n| format!(" (about {} runs would tell)", grouped(about(n))));
                    open.push(format!("`{}`{more}", named.name));
                }
            }
            let name = &self.plan.arms[arm].name;
            let list = |all: &[String]| {
                const MOST: usize = 6;
                let shown = all[..all.len().min(MOST)].join(", ");
                let rest = all.len().saturating_sub(MOST);
                if rest == 0 { shown } else { format!("{shown}, and so on for {rest} other metrics,") }
            };
            Some(match (moved.is_empty(), open.is_empty()) {
                (true, true) => format!("{name} comes to the same as {base}."),
                (true, false) => format!("{name} is not told apart from {base}: {}.", list(&open)),
                (false, true) => format!("{name} gives {} than {base}.", list(&moved)),
                (false, false) => {
                    format!("{name} gives {} than {base}; not sure: {}.", list(&moved), list(&open))
                }
            })
        });
        said.collect()
    }

    /// What an objective is about, as it is written.
    pub(super) fn objective(&self, number: usize) -> String {
        use crate::hir::GoalKind::{Maximize, Minimize};
        let (model, sources) = (&self.checked.model, &self.checked.sources);
        match model.goals.get(number).map(|g| &g.kind) {
            Some(Maximize(e) | Minimize(e)) => {
                sources.text(model.expr(*e).span).split_whitespace().collect::<Vec<_>>().join(" ")
            }
            _ => String::new(),
        }
    }

    pub(super) fn goal_name(&self, question: &Question) -> String {
        let name = self.checked.model.goals.get(question.number).and_then(|g| g.name.clone());
        clip(&name.unwrap_or_else(|| format!("goal {}", question.number + 1)), 20)
    }

    /// A difference of which chance is not the reason.
    pub(super) fn sure(&self, pair: &Paired) -> bool {
        pair.sure() || (!self.chance() && pair.mean != 0.0 && pair.pairs > 0)
    }

    fn clock(&self) -> String {
        let units = &self.checked.model.units;
        units.clock().map(|c| units.get(c).name.clone()).unwrap_or_default()
    }

    /// A mean with its interval, without its unit; of labels the most frequent.
    pub(super) fn mean(&self, named: &Named, spread: &Spread) -> String {
        if let Some(names) = &named.labels {
            let all = spread.n;
            let label = names.get(spread.mode.0 as usize).map_or("—", String::as_str);
            let part = percent(spread.mode.1 as f64 / all as f64);
            return if all == 0 {
                "—".into()
            } else if spread.mode.1 == all {
                label.into()
            } else {
                format!("{label} {part}")
            };
        }
        // What never happened in most runs has no mean to speak of: the median says it.
        if spread.n == 0 && spread.infinite > 0 {
            return short(spread.quantiles[1]);
        }
        if named.unit == "bool" && spread.n == 1 {
            return self.value(named, spread.mean);
        }
        self.bare(named, spread.mean, spread.half, Sign::Less)
    }

    fn bare(&self, named: &Named, mean: f64, half: f64, sign: Sign) -> String {
        if named.unit == "bool" {
            let text = percent(mean.abs());
            let before = if mean < 0.0 {
                "-"
            } else if sign == Sign::Always {
                "+"
            } else {
                ""
            };
            let after = if half > 0.0 { format!(" ± {}", percent(half)) } else { String::new() };
            return format!("{before}{text}{after}");
        }
        interval(named.shown.of(mean), named.shown.of(half), sign, named.unit == self.clock())
    }

    fn amount(&self, named: &Named, mean: f64, half: f64, sign: Sign) -> String {
        format!("{} {}", self.bare(named, mean, half, sign), unit(named)).trim_end().to_string()
    }

    pub(super) fn difference(&self, named: &Named, pair: &Paired) -> String {
        if pair.pairs == 0 { "—".into() } else { self.bare(named, pair.mean, pair.half, Sign::Always) }
    }

    pub(super) fn value(&self, named: &Named, stored: f64) -> String {
        match named.unit.as_str() {
            "bool" if stored == 0.0 => "false".into(),
            "bool" if stored == 1.0 => "true".into(),
            // A year is a date as often as a length of time.
            unit if unit == self.clock() && stored.is_finite() => crate::units::plain(named.shown.of(stored), 6),
            _ => short(named.shown.of(stored)),
        }
    }
}

/// In lines; what is glued stays together, and so does a number with its interval.
fn wrapped(text: &str) -> Vec<String> {
    let text = text.replace(" ± ", &glued(" ± "));
    super::table::wrapped(&text, WIDTH).into_iter().map(|line| line.replace(GLUE, " ")).collect()
}

const GLUE: char = '\u{1}';

fn glued(text: &str) -> String {
    text.replace(' ', &GLUE.to_string())
}

pub(super) fn unit(named: &Named) -> &str {
    if named.unit == "1" || named.unit == "bool" || named.labels.is_some() { "" } else { &named.unit }
}

/// The mean is not that of all runs that came to an end.
pub(super) fn partial(spread: &Spread) -> bool {
    spread.n > 0 && spread.infinite + spread.undefined > 0
}

/// What a mean leaves out.
fn without(spread: &Spread, cell: &Cell) -> String {
    let mut words = Vec::new();
    if spread.infinite > 0 {
        words.push(format!("infinite in {}", grouped(spread.infinite)));
    }
    if spread.undefined > 0 {
        words.push(format!("undefined in {}", grouped(spread.undefined)));
    }
    if words.is_empty() {
        return String::new();
    }
    format!("  ({} of {} runs)", words.join(", "), grouped((cell.runs - cell.failed).into()))
}

/// What a goal came to at a point: the share of runs, marked where it is missed and where that is not sure.
pub(super) fn verdict(question: &Question, share: &Share, close: bool) -> String {
    let met = question.is_met(share);
    match (share.of, met) {
        (1, true) => "met".into(),
        (1, false) => "missed".into(),
        (_, true) if share.met == share.of && !close => "met".into(),
        (_, met) => {
            let mark = if close { "?" } else { "" };
            format!("{}{mark} {}", if met { "met" } else { "missed" }, percent(share.share()))
        }
    }
}

pub(super) fn relative(pair: &Paired) -> String {
    let part = pair.mean / pair.base.abs() * 100.0;
    if !part.is_finite() || part == 0.0 {
        String::new()
    } else {
        format!("{:+.*}%", if part.abs() < 9.95 { 2 } else { 1 }, part)
    }
}

/// In which share of the pairs.
pub(super) fn part_of(runs: u64, pair: &Paired) -> String {
    if pair.pairs == 0 { String::new() } else { percent(runs as f64 / pair.pairs as f64) }
}

pub(super) fn saved(pair: &Paired) -> String {
    // Where one of the two does not vary there is nothing to save.
    let part = (pair.saved * 100.0).round();
    if part.is_nan() || part == 0.0 { String::new() } else { format!("{part:.0}%") }
}

/// A number of runs that nobody should take to the digit.
fn about(n: u64) -> u64 {
    let mut step = 1;
    while n / step >= 100 {
        step *= 10;
    }
    n.div_ceil(step) * step
}
