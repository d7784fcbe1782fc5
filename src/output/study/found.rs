//! What came of an experiment, as JSON.

use serde_json::{Map, Value, json as value};

use super::super::json::number;
use super::{Named, Report};
use crate::study::{Best, Paired, Place, Share, Spread};

impl Report<'_> {
    /// Of each point and arm the metrics, what the arm has more than the one that it is compared with, and the goals; then what
    /// does best. Undefined values are null, infinite ones the texts `inf` and `-inf`.
    pub(super) fn findings_value(&self) -> Value {
        let (findings, plan) = (&self.findings, self.plan);
        let mut cells = Vec::new();
        for (arm, points) in findings.cells.iter().enumerate() {
            for (point, cell) in points.iter().enumerate().filter_map(|(p, c)| Some((p, c.as_ref()?))) {
                let metrics = self.metrics.iter().zip(&cell.metrics).map(|(m, s)| (m.name.clone(), spread(m, s)));
                let mut found = Map::new();
                found.insert("point".into(), value!(point + 1));
                found.insert("arm".into(), value!(plan.arms[arm].name));
                found.insert("swept".into(), Value::Object(self.swept_value(point)));
                found.insert("runs".into(), value!(cell.runs));
                found.insert("failed".into(), value!(cell.failed));
                found.insert("metrics".into(), Value::Object(metrics.collect()));
                if !cell.against.is_empty() {
                    let all = self.metrics.iter().zip(&cell.against).filter(|(m, _)| m.labels.is_none());
                    let mut against: Map<String, Value> = Map::new();
                    against.insert("arm".into(), value!(plan.arms[findings.base].name));
                    against.extend(all.map(|(m, p)| (m.name.clone(), paired(m, p))));
                    found.insert("against".into(), Value::Object(against));
                }
                let goals = findings.questions.goals.iter().zip(&cell.goals);
                let goals = goals.filter_map(|(q, s)| Some((q, s.as_ref()?)));
                let goals: Vec<Value> = goals
                    .map(|(q, s)| {
                        let text = self.goal(q.number);
                        value!({ "goal": text, "met": q.is_met(s), "share": share(s), "wanted": q.share })
                    })
                    .collect();
                found.insert("goals".into(), value!(goals));
                cells.push(Value::Object(found));
            }
        }
        let best: Vec<Value> = findings.best.iter().map(|b| self.best_value(b)).collect();
        value!({ "cells": cells, "best": best })
    }

    fn best_value(&self, best: &Best) -> Value {
        let question = &self.findings.questions.goals[best.goal];
        let (shown, unit) = self.seen(question.number);
        let place = |p: &Place| {
            let lead = p.lead.map(|l| {
                value!({ "pairs": l.pairs, "mean": number(shown.of(l.mean)), "half width": number(shown.of(l.half)) })
            });
            value!({
                "point": p.point + 1, "arm": self.plan.arms[p.arm].name, "swept": self.swept_value(p.point),
                "mean": number(shown.of(p.mean.moments.mean)), "half width": number(shown.of(p.mean.half)),
                "median": number(shown.of(p.median)),
                "more than the best": lead,
            })
        };
        value!({
            "goal": self.goal(question.number), "unit": unit, "candidates": best.candidates, "by": if best.by_median { "median" } else { "mean" },
            "best": best.first.as_ref().map(place), "others": best.others.iter().map(place).collect::<Vec<_>>(),
        })
    }
}

fn spread(named: &Named, s: &Spread) -> Value {
    if let Some(names) = &named.labels {
        let mode = names.get(s.mode.0 as usize);
        return value!({ "n": s.n, "unit": named.unit, "undefined": s.undefined, "most frequent": mode, "times": s.mode.1 });
    }
    let of = |v: f64| number(named.shown.of(v));
    let [q05, q50, q95] = s.quantiles.map(of);
    value!({
        "n": s.n, "unit": named.unit, "infinite": s.infinite, "undefined": s.undefined, "mean": of(s.mean),
        "half width": of(s.half), "sd": of(s.sd), "min": of(s.min), "max": of(s.max), "q05": q05, "q50": q50, "q95": q95,
    })
}

fn paired(named: &Named, p: &Paired) -> Value {
    let of = |v: f64| number(named.shown.of(v));
    value!({
        "pairs": p.pairs, "mean": of(p.mean), "half width": of(p.half), "sd": of(p.sd), "above": p.above, "below": p.below,
        "variance saved": number(p.saved), "runs to see 1%": p.runs_for_percent, "runs to see this": p.runs_for_sign,
    })
}

fn share(s: &Share) -> Value {
    value!({ "met": s.met, "of": s.of, "low": number(s.low), "high": number(s.high) })
}
