//! Goals over many runs: in which share a condition holds, and which design point does best.
//!
//! In: questions and the numbers of runs. Out: [`Share`]s and [`Best`]. Invariant: a run that failed misses; what is undefined
//! misses. Absent on purpose: a verdict on chance: what is not told apart is said to be so.

use super::findings::{Best, Cell, Kind, Place, Question, Questions, numbers};
use super::statistics::{Mean, Paired, Share, quantile};
use super::{Plan, RunSet};
use crate::check::{Facts, constant};
use crate::hir::{self, CompareOp, GoalKind};
use crate::ir;
use crate::units::to_f64;

/// What is asked of the runs of a plan, where `model` is one of its models.
pub fn questions(hir: &hir::Model, facts: &Facts, model: &ir::Model, plan: &Plan) -> Questions {
    let metrics = (0..model.metrics.len()).map(|at| (model.metrics[at].origin, at));
    let asked = |origin: &ir::Origin| plan.measures.is_empty() || plan.measures.contains(origin);
    let mut metrics: Vec<(ir::Origin, usize)> = metrics.filter(|(origin, _)| asked(origin)).collect();
    metrics.sort_by_key(|(origin, at)| (plan.measures.iter().position(|m| m == origin), *at));
    let (first, many) = (model.metrics.len(), model.goals.len());
    let number = |e: hir::ExprId| constant(facts, e).map(|v| to_f64(&v));
    let question = |(at, goal): (usize, &ir::Goal)| {
        let asked = hir.goals.get(goal.number)?;
        let kind = match &asked.kind {
            GoalKind::Holds(_) => Kind::Holds(first + at),
            GoalKind::Of { op, share, arm, .. } => Kind::Of {
                at: first + many + at,
                least: matches!(op, CompareOp::Greater | CompareOp::GreaterEq),
                equal: matches!(op, CompareOp::GreaterEq | CompareOp::LessEq),
                part: number(*share)?,
                arm: plan.arms.iter().position(|a| a.name == *arm),
            },
            GoalKind::Maximize(_) => Kind::Best { at: first + at, largest: true },
            GoalKind::Minimize(_) => Kind::Best { at: first + at, largest: false },
        };
        let share = asked.share.map_or(Some(1.0), number)?;
        Some(Question { number: goal.number, kind, share })
    };
    let goals = model.goals.iter().enumerate().filter_map(question).collect();
    Questions { metrics, goals, width: first + 2 * many }
}

/// In how many runs a goal holds.
pub(super) fn met(
    question: &Question,
    width: usize,
    (arm, point): (usize, usize),
    repeats: u32,
    runs: &RunSet,
) -> Option<Share> {
    let here = &runs.points[arm][point];
    let met: Vec<bool> = match &question.kind {
        Kind::Holds(at) => numbers(here, *at, width).iter().map(|v| *v == 1.0).collect(),
        Kind::Of { at, least, equal, part, arm: other } => {
            let there = &runs.points[other.filter(|o| *o != arm)?][point];
            let meets = |(a, b): (&f64, &f64)| {
                let wanted = part * b;
                (if *least { *a > wanted } else { *a < wanted }) || (*equal && *a == wanted)
            };
            numbers(here, *at, width).iter().zip(&numbers(there, *at, width)).map(meets).collect()
        }
        Kind::Best { .. } => return None,
    };
    let made: Vec<Option<bool>> = met.iter().zip(&here.done).map(|(met, done)| done.then_some(*met)).collect();
    Some(Share::of(&made, repeats))
}

impl Question {
    /// Whether so many runs are enough.
    pub fn is_met(&self, share: &Share) -> bool {
        // The share of the text is a double near what is meant: 0.95 · 1,000 runs may be 950 and a bit.
        share.of > 0 && share.met as f64 >= self.share * share.of as f64 * (1.0 - 4.0 * f64::EPSILON)
    }

    /// Whether more runs might change that: what is asked for lies within the interval of the share.
    pub fn is_close(&self, share: &Share) -> bool {
        self.share > 0.0 && self.share < 1.0 && share.low <= self.share && self.share <= share.high
    }
}

/// Which design point and arm does best by each objective, among those that meet the other goals.
pub(super) fn best(questions: &Questions, repeats: u32, cells: &[Vec<Option<Cell>>], runs: &RunSet) -> Vec<Best> {
    let meets = |cell: &Cell| {
        let goals = questions.goals.iter().zip(&cell.goals);
        cell.runs > cell.failed && goals.filter_map(|(q, s)| Some(q.is_met(s.as_ref()?))).all(|met| met)
    };
    let numbers = |p: &Place, at: usize| numbers(&runs.points[p.arm][p.point], at, questions.width);
    let objective = |(goal, question): (usize, &Question)| {
        let Kind::Best { at, largest } = question.kind else { return None };
        let mut places: Vec<Place> = Vec::new();
        let (mut candidates, mut by_median) = (0, false);
        for (arm, points) in cells.iter().enumerate() {
            for (point, cell) in points.iter().enumerate() {
                if !cell.as_ref().is_some_and(meets) {
                    continue;
                }
                candidates += 1;
                let mut place = Place { arm, point, mean: Mean::default(), median: f64::NAN, lead: None };
                let mut all = numbers(&place, at);
                place.mean = Mean::of(&all, repeats);
                all.retain(|x| !x.is_nan());
                all.sort_unstable_by(f64::total_cmp);
                by_median |= all.iter().any(|x| x.is_infinite());
                place.median = quantile(&all, 0.5);
                if !all.is_empty() {
                    places.push(place);
                }
            }
        }
        // Never is later than any time: what is infinite in some runs has its place by the median.
        let key = |p: &Place| if by_median { p.median } else { p.mean.moments.mean };
        let sign = if largest { -1.0 } else { 1.0 };
        let order = |a: &Place, b: &Place| (sign * key(a)).total_cmp(&(sign * key(b)));
        // Of two that are equal the first stands first.
        places.sort_by(|a, b| order(a, b));
        let leader = places.first().map(|p| numbers(p, at)).unwrap_or_default();
        for place in places.iter_mut().skip(1).filter(|_| !by_median) {
            place.lead = Some(Paired::of(&numbers(place, at), &leader, repeats));
        }
        let mut places = places.into_iter();
        Some(Best { goal, first: places.next(), others: places.collect(), candidates, by_median })
    };
    questions.goals.iter().enumerate().filter_map(objective).collect()
}
