//! Tables of points and arms: their metrics and goals, where each metric is lowest and highest, two sweeps as a matrix, and
//! what arms have more than the one that they are compared with.
//!
//! In: what was found. Out: lines. Invariant: a point is told by its values. Absent on purpose: sentences.

use super::numbers::percent;
use super::table::{Table, clip};
use super::text::{WIDTH, part_of, partial, relative, saved, unit, verdict};
use super::{Named, Report};
use crate::check::grouped;
use crate::study::{Cell, Kind, Question};

/// More points and arms than these are summed up.
const MOST_ROWS: usize = 36;
/// So many are where two sweeps cross.
const MOST_CROSSED: usize = 16;
/// A matrix is of so many values of a sweep.
const MOST_VALUES: usize = 16;
/// What a value of any number is called.
const ANY: &str = "any";

/// A design point in an arm: the numbers of arm and point, and what came of it.
pub(super) type Case<'a> = (usize, usize, &'a Cell);

impl Report<'_> {
    /// What was run, points first: the arms of one stand together. An arm in which nothing hangs on what is swept stands
    /// behind them, once.
    pub(super) fn cases(&self) -> Vec<Case<'_>> {
        let still: Vec<bool> = (0..self.plan.arms.len()).map(|arm| self.still(arm)).collect();
        let arms: Vec<usize> = (0..still.len()).collect();
        let (standing, moving): (Vec<usize>, Vec<usize>) = arms.into_iter().partition(|a| still[*a]);
        let moving = (0..self.plan.points.len()).flat_map(|p| moving.iter().map(move |a| (*a, p)));
        let all = moving.chain(standing.iter().map(|a| (*a, 0)));
        all.filter_map(|(a, p)| Some((a, p, self.findings.cells[a][p].as_ref()?))).collect()
    }

    /// Whether an arm comes to the same at all points, where another does not.
    pub(super) fn still(&self, arm: usize) -> bool {
        let same = |arm: &Vec<Option<Cell>>| match &arm[..] {
            [Some(first), rest @ ..] => rest.iter().all(|c| c.as_ref().is_some_and(|c| equal(first, c))),
            _ => false,
        };
        let cells = &self.findings.cells;
        self.plan.points.len() > 1 && same(&cells[arm]) && !cells.iter().all(same)
    }

    /// A point and arm in words: `fee 1%, bear`.
    pub(super) fn case(&self, arm: usize, point: usize) -> String {
        let mut words = Vec::new();
        if self.plan.points.len() > 1 && !self.still(arm) {
            words.push(clip(&self.plan.values_of(point), 60));
        }
        if self.plan.arms.len() > 1 {
            words.push(self.plan.arms[arm].name.clone());
        }
        words.join(", ")
    }

    /// Points and arms, and what came of each.
    pub(super) fn table(&self, cases: &[Case], out: &mut Vec<String>) {
        let most = if self.crossed().is_some() { MOST_CROSSED } else { MOST_ROWS };
        out.push(String::new());
        if cases.len() <= most { self.many(cases, out) } else { self.most(cases, out) }
    }

    /// Two sweeps that cross, each with a number of values that can be seen at once: those of the rows and of the columns.
    fn crossed(&self) -> Option<(usize, usize)> {
        let [a, b] = &self.plan.swept[..] else { return None };
        let (rows, columns) = (a.values.len(), b.values.len());
        let seen = |n: usize| (2..=MOST_VALUES).contains(&n);
        (a.sweep != b.sweep && seen(rows) && seen(columns)).then_some((rows, columns))
    }

    /// The values of what is swept at these points, under its name and its unit, if all have the same.
    fn swept_column(&self, swept: usize, points: &[Option<usize>]) -> Vec<String> {
        let of = &self.plan.swept[swept];
        let after = format!(" {}", of.unit);
        let same = of.values.iter().all(|v| v.number == Some(0.0) || v.text.ends_with(&after));
        let head =
            if same && of.values.iter().any(|v| v.text.ends_with(&after)) { of.unit.clone() } else { String::new() };
        let value = |p: &Option<usize>| match p {
            Some(p) => {
                let text = &self.plan.value(swept, *p).text;
                clip(if head.is_empty() { text } else { text.strip_suffix(&after).unwrap_or(text) }, 24)
            }
            None => ANY.to_string(),
        };
        let cells: Vec<String> = points.iter().map(value).collect();
        [clip(&of.name, 20), clip(&head, 20)].into_iter().chain(cells).collect()
    }

    /// A row for each point and arm, as many metrics beside each other as there is room for.
    fn many(&self, cases: &[Case], out: &mut Vec<String>) {
        let (plan, goals) = (self.plan, &self.findings.questions.goals);
        let points: Vec<Option<usize>> = cases.iter().map(|c| (!self.still(c.0)).then_some(c.1)).collect();
        let mut left: Vec<Vec<String>> = Vec::new();
        if !plan.swept.is_empty() {
            let numbers = points.iter().map(|p| p.map_or(String::new(), |p| (p + 1).to_string()));
            left.push(["point".to_string(), String::new()].into_iter().chain(numbers).collect());
            left.extend((0..plan.swept.len()).map(|s| self.swept_column(s, &points)));
        }
        if plan.arms.len() > 1 {
            let names = cases.iter().map(|c| clip(&plan.arms[c.0].name, 20));
            left.push(["arm".to_string(), String::new()].into_iter().chain(names).collect());
        }
        let mut right: Vec<Vec<String>> = Vec::new();
        for (i, named) in self.metrics.iter().enumerate() {
            let values = cases.iter().map(|(_, _, cell)| {
                let spread = &cell.metrics[i];
                let mark = if partial(spread) { "*" } else { "" };
                format!("{}{mark}", self.mean(named, spread))
            });
            right.push([clip(&named.name, 24), clip(unit(named), 24)].into_iter().chain(values).collect());
        }
        let mut close = false;
        for (i, question) in goals.iter().enumerate().filter(|(_, q)| !matches!(q.kind, Kind::Best { .. })) {
            let shares = cases.iter().map(|(_, _, cell)| match &cell.goals[i] {
                Some(share) => {
                    let near = self.is_close(question, share);
                    close |= near;
                    verdict(question, share, near)
                }
                None => "—".to_string(),
            });
            if cases.iter().any(|c| c.2.goals[i].is_some()) {
                right.push([self.goal_name(question), "goal".to_string()].into_iter().chain(shares).collect());
            }
        }
        if cases.iter().any(|(_, _, c)| c.failed > 0) {
            let failed = cases.iter().map(|c| percent(f64::from(c.2.failed) / f64::from(c.2.runs)));
            right.insert(0, ["failed".to_string(), "of runs".to_string()].into_iter().chain(failed).collect());
        }
        Table::columns(&left, &right, WIDTH, out);
        partly(cases, out);
        if close {
            out.push("? too close to call: with more runs it may be the other".to_string());
        }
        if points.contains(&None) {
            out.push(format!("{ANY}: it comes to the same at all points"));
        }
    }

    /// Many points and arms: for each metric where it is lowest and where highest; where two sweeps cross, a matrix.
    fn most(&self, cases: &[Case], out: &mut Vec<String>) {
        let heads = ["metric", "", "mean", "at"].map(|head| vec![head.to_string(), String::new()]);
        let [mut names, mut ends, mut means, mut places] = heads;
        for (i, named) in self.metrics.iter().enumerate().filter(|(_, m)| m.labels.is_none()) {
            let known: Vec<_> = cases.iter().filter(|c| !c.2.metrics[i].mean.is_nan()).collect();
            let mean = |c: &&Case| c.2.metrics[i].mean;
            // Of equal ones the first.
            let least = known.iter().copied().reduce(|a, b| if mean(&b) < mean(&a) { b } else { a });
            let most = known.iter().copied().reduce(|a, b| if mean(&b) > mean(&a) { b } else { a });
            for (end, case) in [("lowest", least), ("highest", most)] {
                let Some(case) = case else { continue };
                let spread = &case.2.metrics[i];
                let mark = if partial(spread) { "*" } else { "" };
                names.push(if end == "lowest" { clip(&named.name, 24) } else { String::new() });
                ends.push(end.to_string());
                means.push(
                    format!("{}{mark} {}", self.mean(named, spread), clip(unit(named), 20)).trim_end().to_string(),
                );
                places.push(self.case(case.0, case.1));
            }
        }
        Table::columns(&[names, ends, means, places], &[], WIDTH, out);
        partly(cases, out);
        self.matrices(cases, out);
        out.push(format!("of {} points and arms; `-o runs.csv` writes them all", grouped(cases.len() as u64)));
    }

    /// Of what an objective is about, else of the first metric, a matrix for each arm that hangs on what is swept.
    fn matrices(&self, cases: &[Case], out: &mut Vec<String>) {
        let (Some((rows, columns)), goals) = (self.crossed(), &self.findings.questions.goals) else { return };
        let objectives: Vec<String> =
            goals.iter().filter(|q| matches!(q.kind, Kind::Best { .. })).map(|q| self.objective(q.number)).collect();
        let plain = |m: &Named| m.labels.is_none();
        let mut metrics: Vec<usize> = (0..self.metrics.len())
            .filter(|i| plain(&self.metrics[*i]) && objectives.contains(&self.metrics[*i].name))
            .collect();
        if metrics.is_empty() {
            metrics.extend(self.metrics.iter().position(plain));
        }
        let mut missed = false;
        for metric in metrics {
            for arm in (0..self.plan.arms.len()).filter(|a| !self.still(*a)) {
                let named = &self.metrics[metric];
                let cell = |row: usize, column: usize| {
                    let point = row * columns + column;
                    let case = cases.iter().find(|c| c.0 == arm && c.1 == point);
                    case.map_or(String::new(), |(_, _, cell)| {
                        let misses = misses(goals, cell);
                        missed |= misses;
                        format!("{}{}", self.value(named, cell.metrics[metric].mean), if misses { "×" } else { " " })
                    })
                };
                let mut cells: Vec<Vec<String>> = vec![Vec::new(); columns];
                let mut cell = cell;
                for row in 0..rows {
                    cells.iter_mut().enumerate().for_each(|(column, all)| all.push(cell(row, column)));
                }
                let down = self.swept_column(0, &(0..rows).map(|row| Some(row * columns)).collect::<Vec<_>>());
                let across = self.swept_column(1, &(0..columns).map(Some).collect::<Vec<_>>());
                let named_of = |column: &[String]| match &column[1][..] {
                    "" => column[0].clone(),
                    unit => format!("{} ({unit})", column[0]),
                };
                let mut title = format!("{} ({})", named.name, unit(named)).replace(" ()", "");
                if self.plan.arms.len() > 1 {
                    title += &format!(", {}", self.plan.arms[arm].name);
                }
                out.push(String::new());
                out.push(format!("{title}: {} down, {} across", named_of(&down), named_of(&across)));
                let left = [String::new(), String::new()].into_iter().chain(down[2..].iter().cloned()).collect();
                let right: Vec<Vec<String>> = cells
                    .into_iter()
                    .zip(&across[2..])
                    .map(|(cells, head)| [format!("{head} "), String::new()].into_iter().chain(cells).collect())
                    .collect();
                Table::columns(&[left], &right, WIDTH, out);
            }
        }
        if missed {
            out.push("× a goal is missed there".to_string());
        }
    }

    /// What each arm has more than the one that it is compared with.
    pub(super) fn comparisons(&self, out: &mut Vec<String>) {
        let (plan, findings) = (self.plan, &self.findings);
        let base = &plan.arms[findings.base].name;
        for (arm, points) in findings.cells.iter().enumerate().filter(|(arm, _)| *arm != findings.base) {
            let still = self.still(arm) && self.still(findings.base);
            let cells: Vec<(usize, &Cell)> = points
                .iter()
                .enumerate()
                .filter_map(|(p, c)| Some((p, c.as_ref()?)))
                .filter(|c| !c.1.against.is_empty() && (c.0 == 0 || !still))
                .collect();
            let compared: Vec<usize> = (0..self.metrics.len()).filter(|i| self.metrics[*i].labels.is_none()).collect();
            if cells.is_empty() || compared.is_empty() {
                continue;
            }
            out.push(String::new());
            let name = &plan.arms[arm].name;
            let mut pairs: Vec<u64> = cells.iter().flat_map(|(_, c)| &c.against).map(|p| p.pairs).collect();
            pairs.sort_unstable();
            let count = match (pairs.first(), pairs.last()) {
                (Some(least), Some(most)) if least == most => format!(", {} pairs", grouped(*least)),
                (_, Some(most)) => format!(", up to {} pairs", grouped(*most)),
                _ => String::new(),
            };
            let paired = if plan.runs > 1 { format!(", run by run with the same luck{count}") } else { String::new() };
            out.push(format!("{name} against {base}{paired}"));
            if cells.len() * compared.len() > MOST_ROWS {
                self.tallies(&cells, out);
            } else if let [(_, cell)] = &cells[..] {
                let of = |name: &str, of: &dyn Fn(&Named) -> String| {
                    let cells = compared.iter().map(|i| of(&self.metrics[*i]));
                    [name.to_string(), String::new()].into_iter().chain(cells).collect::<Vec<String>>()
                };
                let names = of("metric", &|m| clip(&m.name, 24));
                let units = of("unit", &|m| clip(unit(m), 12));
                let rows: Vec<(usize, &Cell)> = compared.iter().map(|i| (*i, *cell)).collect();
                let mut right = vec![self.differences(["difference", ""], &rows)];
                right.push(units);
                right.extend(self.apart(&rows));
                Table::columns(&[names], &right, WIDTH, out);
            } else {
                let points: Vec<Option<usize>> = cells.iter().map(|c| Some(c.0)).collect();
                let left: Vec<Vec<String>> = (0..plan.swept.len()).map(|s| self.swept_column(s, &points)).collect();
                for (nth, i) in compared.iter().enumerate() {
                    let (named, rows) = (&self.metrics[*i], cells.iter().map(|c| (*i, c.1)).collect::<Vec<_>>());
                    let mut right = vec![self.differences([&clip(&named.name, 24), &clip(unit(named), 24)], &rows)];
                    right.extend(self.apart(&rows));
                    if nth > 0 {
                        out.push(String::new());
                    }
                    Table::columns(&left, &right, WIDTH, out);
                }
            }
        }
    }

    /// What there is more of these metrics in these cells, under these heads.
    fn differences(&self, heads: [&str; 2], rows: &[(usize, &Cell)]) -> Vec<String> {
        let cells = rows.iter().map(|(i, cell)| self.difference(&self.metrics[*i], &cell.against[*i]));
        heads.map(String::from).into_iter().chain(cells).collect()
    }

    /// What else is told of a difference: in percent, in how many pairs, and what it took to see it.
    fn apart(&self, rows: &[(usize, &Cell)]) -> Vec<Vec<String>> {
        let mut out = Vec::new();
        let mut column = |heads: [&str; 2], of: &dyn Fn(&crate::study::Paired) -> String| {
            let cells = rows.iter().map(|(i, cell)| of(&cell.against[*i]));
            out.push(heads.map(String::from).into_iter().chain(cells).collect());
        };
        column(["in %", ""], &relative);
        if self.plan.runs > 1 {
            column(["more", "in"], &|p| part_of(p.above, p));
            column(["less", "in"], &|p| part_of(p.below, p));
            column(["luck", "saves"], &saved);
            column(["runs", "for 1%"], &|p| p.runs_for_percent.map_or(String::new(), grouped));
        }
        out
    }

    /// At how many points an arm has more, and at how many less.
    fn tallies(&self, cells: &[(usize, &Cell)], out: &mut Vec<String>) {
        let mut table = Table::new(&["metric", "more at", "less at", "not sure at"]);
        for (i, named) in self.metrics.iter().enumerate().filter(|(_, m)| m.labels.is_none()) {
            let pairs = || cells.iter().map(|(_, c)| &c.against[i]);
            let more = pairs().filter(|p| self.sure(p) && p.mean > 0.0).count();
            let less = pairs().filter(|p| self.sure(p) && p.mean < 0.0).count();
            let rest = cells.len() - more - less;
            table.row(vec![named.name.clone(), more.to_string(), less.to_string(), rest.to_string()]);
        }
        table.lay(1, out);
    }
}

/// Whether a goal is missed.
pub(super) fn misses(goals: &[Question], cell: &Cell) -> bool {
    goals.iter().zip(&cell.goals).any(|(q, s)| s.as_ref().is_some_and(|s| !q.is_met(s)))
}

/// Two points that came to the same.
fn equal(a: &Cell, b: &Cell) -> bool {
    let numbers = |c: &Cell| -> Vec<u64> {
        let of = |s: &crate::study::Spread| {
            let [low, middle, high] = s.quantiles;
            [s.mean, s.sd, s.min, s.max, low, middle, high].map(f64::to_bits)
        };
        c.metrics.iter().flat_map(of).collect()
    };
    let met = |c: &Cell| -> Vec<Option<u64>> { c.goals.iter().map(|s| s.as_ref().map(|s| s.met)).collect() };
    (a.runs, a.failed) == (b.runs, b.failed) && numbers(a) == numbers(b) && met(a) == met(b)
}

fn partly(cases: &[Case], out: &mut Vec<String>) {
    if cases.iter().any(|(_, _, cell)| cell.metrics.iter().any(partial)) {
        out.push("* only of runs in which it is a finite number".to_string());
    }
}
