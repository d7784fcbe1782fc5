//! Results as JSON: the same values with units and docs, and what makes the run repeatable.

use serde_json::{Map, Value, json as value};

use super::{Goal, Labels, Number, Results, Verdict};

/// A document with `manifest`, `clock`, `params`, `metrics`, `assumptions`, `populations`, `ledger`, `capped`, `skipped`, `scenario`,
/// `policies`, `goals`, `steps`, `substeps`, `time`, `date`, `columns` and, of a failed run, `failure`. Undefined values are null, infinite ones the texts `inf` and `-inf`, because JSON has neither.
pub fn json(results: &Results) -> String {
    let numbers = |numbers: &[Number]| -> Vec<Value> {
        numbers
            .iter()
            .map(|n| value!({ "name": n.name, "value": labelled(n.value, &n.labels), "unit": n.unit, "doc": n.doc }))
            .collect()
    };
    let columns: Vec<Value> = results
        .columns
        .iter()
        .map(|c| {
            let values: Vec<Value> = c.values.iter().map(|v| labelled(*v, &c.labels)).collect();
            value!({ "name": c.name, "kind": c.kind, "unit": c.unit, "doc": c.doc, "values": values })
        })
        .collect();
    let ledger: Vec<Value> = results
        .ledger
        .iter()
        .map(|l| {
            let [opened, inflow, outflow, closed] = l.values.map(number);
            value!({ "unit": l.unit, "opened": opened, "in": inflow, "out": outflow, "closed": closed, "conserved": l.conserved })
        })
        .collect();
    let mut out = Map::new();
    out.insert("manifest".into(), manifest(results));
    if results.chance {
        out.insert("seed".into(), value!(results.replay.seed));
        out.insert("run".into(), value!(results.replay.run));
    }
    out.insert("title".into(), value!(results.title));
    out.insert("clock".into(), value!({ "unit": results.clock, "steps": results.length }));
    out.insert("params".into(), value!(numbers(&results.params)));
    out.insert("metrics".into(), value!(numbers(&results.metrics)));
    if !results.assumptions.is_empty() {
        let all: Vec<Value> = results.assumptions.iter().map(super::asked::json).collect();
        out.insert("assumptions".into(), value!(all));
    }
    if !results.populations.is_empty() {
        let all = results.populations.iter();
        let all: Vec<Value> =
            all.map(|p| value!({ "name": p.name, "born": p.born, "alive": p.alive, "retired": p.retired })).collect();
        out.insert("populations".into(), value!(all));
    }
    out.insert("ledger".into(), value!(ledger));
    let short = |skips: bool| -> Vec<Value> {
        let such = results.short.iter().filter(|s| s.skips == skips);
        such.map(|s| match &s.missed {
            Some((amount, unit)) => {
                value!({ "name": s.name, "steps": s.steps, "short": number(*amount), "unit": unit })
            }
            None => value!({ "name": s.name, "steps": s.steps }),
        })
        .collect()
    };
    out.insert("capped".into(), value!(short(false)));
    out.insert("skipped".into(), value!(short(true)));
    if let Some(scenario) = &results.scenario {
        out.insert("scenario".into(), value!(scenario));
    }
    if !results.policies.is_empty() {
        let all: Map<String, Value> = results.policies.iter().map(|(n, o)| (n.clone(), value!(o))).collect();
        out.insert("policies".into(), Value::Object(all));
    }
    if !results.goals.is_empty() {
        let goal = |g: &Goal| {
            let (verdict, arm) = match &g.verdict {
                Verdict::Met => ("met", None),
                Verdict::Missed => ("missed", None),
                Verdict::Reached => ("reached", None),
                Verdict::Open(arm) => ("open", Some(arm)),
            };
            let (seen, unit) = g.seen.as_ref().map_or((Value::Null, None), |(v, unit)| (number(*v), Some(unit)));
            value!({ "goal": g.text, "verdict": verdict, "value": seen, "unit": unit, "compared with": arm })
        };
        out.insert("goals".into(), value!(results.goals.iter().map(goal).collect::<Vec<_>>()));
    }
    out.insert("steps".into(), value!(results.steps));
    if results.substeps.iter().any(|s| *s > 1) {
        out.insert("substeps".into(), value!(results.substeps));
    }
    out.insert("time".into(), value!(results.times.iter().map(|t| number(*t)).collect::<Vec<_>>()));
    if let Some(dates) = &results.dates {
        out.insert("date".into(), value!(dates));
    }
    out.insert("columns".into(), value!(columns));
    if let Some(failure) = &results.failure {
        out.insert("failure".into(), value!({ "code": failure.code.name(), "message": failure.message }));
    }
    let mut text = serde_json::to_string_pretty(&Value::Object(out)).unwrap_or_default();
    text.push('\n');
    text
}

/// What makes the run repeatable.
pub(super) fn manifest(results: &Results) -> Value {
    let manifest = &results.manifest;
    let settings: Vec<Value> =
        manifest.settings.iter().map(|(option, v)| value!({ "option": option, "value": v })).collect();
    value!({ "flowc": manifest.version, "model": manifest.model, "sha256": manifest.hash, "settings": settings })
}

fn labelled(v: f64, labels: &Labels) -> Value {
    match labels {
        Some(names) if !v.is_nan() => value!(names.get(v as usize)),
        _ => number(v),
    }
}

pub(super) fn number(v: f64) -> Value {
    if v.is_nan() {
        Value::Null
    } else if v.is_infinite() {
        Value::String(if v > 0.0 { "inf" } else { "-inf" }.into())
    } else {
        value!(v)
    }
}
