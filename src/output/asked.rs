//! What came of a model's goals, and its assumptions as a table.

use serde_json::{Value, json as value};
use unicode_width::UnicodeWidthStr;

use super::{Goal, Verdict};
use crate::exec::Outcome;
use crate::hir::{self, DeclKind, GoalKind};
use crate::ir;
use crate::session::Checked;

/// What came of each goal in one run.
pub(super) fn goals(checked: &Checked, model: &ir::Model, outcome: &Outcome) -> Vec<Goal> {
    let value = |number: usize| {
        let at = model.goals.iter().position(|g| g.number == number)?;
        outcome.goals.get(at).copied()
    };
    let verdict = |number: usize, goal: &hir::Goal| match &goal.kind {
        GoalKind::Of { arm, .. } => Verdict::Open(arm.clone()),
        GoalKind::Holds(_) => match value(number) {
            Some(1.0) => Verdict::Met,
            _ => Verdict::Missed,
        },
        GoalKind::Maximize(_) | GoalKind::Minimize(_) => Verdict::Reached,
    };
    let seen = |number: usize| {
        let at = model.goals.iter().position(|g| g.number == number)?;
        let (unit, units) = (checked.facts.goals.get(number)?.as_ref()?, &checked.model.units);
        let value = outcome.seen.get(at).copied().filter(|v| !v.is_nan())?;
        Some((units.shown(unit).of(value), units.name(unit)))
    };
    let goals = checked.model.goals.iter().enumerate();
    goals.map(|(i, goal)| Goal { text: text(checked, goal), verdict: verdict(i, goal), seen: seen(i) }).collect()
}

/// A goal as it is written, without its word.
pub(super) fn text(checked: &Checked, goal: &hir::Goal) -> String {
    let whole = checked.sources.text(goal.span);
    let words: Vec<&str> = whole.split_whitespace().skip(1).collect();
    words.join(" ").trim_end_matches(';').to_string()
}

/// The params that no assumption is about, in the order of the text.
pub fn uncovered(checked: &Checked) -> Vec<&str> {
    let covered = |id: hir::DeclId| checked.model.assumptions.iter().any(|a| a.values.contains(&id));
    let params = checked.model.decls().filter(|(id, d)| matches!(d.kind, DeclKind::Param { .. }) && !covered(*id));
    params.map(|(_, d)| d.name.as_str()).collect()
}

/// The register of assumptions as a table of 80 columns, and the params that it leaves out.
pub fn assumptions(checked: &Checked) -> String {
    let all = &checked.model.assumptions;
    let mut out = String::new();
    let mut line = |text: &str| {
        out.push_str(text.trim_end());
        out.push('\n');
    };
    if all.is_empty() {
        line("no assumptions");
    } else {
        let widest = all.iter().map(|a| a.name.width()).max().unwrap_or(0).clamp("assumption".len(), 32);
        let row = |name: &str, confidence: &str, rest: &str| {
            let pad = " ".repeat(widest.saturating_sub(name.width()));
            format!("{name}{pad}  {confidence:<10}  {rest}")
        };
        line(&row("assumption", "confidence", "about"));
        let room = 80usize.saturating_sub(widest + 14).max(30);
        for a in all {
            let about = if a.about.is_empty() { "—".to_string() } else { a.about.join(", ") };
            let mut texts = wrapped(&about, room);
            texts.extend(wrapped(&a.text, room));
            texts.extend(a.source.iter().flat_map(|s| wrapped(&format!("source: {s}"), room)));
            for (i, text) in texts.iter().enumerate() {
                let (name, confidence) =
                    if i == 0 { (a.name.as_str(), a.confidence.as_deref().unwrap_or("—")) } else { ("", "") };
                line(&row(name, confidence, text));
            }
        }
    }
    let open = uncovered(checked);
    if !open.is_empty() {
        line("");
        for text in wrapped(&format!("no assumption is about: {}", open.join(", ")), 80) {
            line(&text);
        }
    }
    out
}

/// The register as JSON, one assumption a line.
pub fn assumptions_json(checked: &Checked) -> String {
    let all = checked
        .model
        .assumptions
        .iter()
        .map(json)
        .chain(uncovered(checked).into_iter().map(|name| value!({ "uncovered": name })));
    all.map(|a| format!("{a}\n")).collect()
}

/// An assumption as JSON.
pub(super) fn json(a: &hir::Assumption) -> Value {
    value!({ "name": a.name, "text": a.text, "about": a.about, "source": a.source, "confidence": a.confidence })
}

/// Text in lines of at most this width, broken at blanks.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(last) if last.width() + 1 + word.width() <= width => {
                last.push(' ');
                last.push_str(word);
            }
            _ => lines.push(word.to_string()),
        }
    }
    lines
}
