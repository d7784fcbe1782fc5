//! Results as a person reads them: at a glance, in 80 columns.

use unicode_width::UnicodeWidthStr;

use super::{Population, Results, Verdict, Way, cell};
use crate::check::{OpeningTotal, grouped};
use crate::units::{magnitude, plain};

const WIDTH: usize = 80;
const SPARK: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The summary of a run.
pub fn summary(results: &Results) -> String {
    let mut out = String::new();
    let mut line = |text: &str| {
        out.push_str(text.trim_end());
        out.push('\n');
    };
    let (first, last) = (results.times.first().copied().unwrap_or(0.0), results.times.last().copied().unwrap_or(0.0));
    let steps = match results.failed_in {
        Some(step) => format!("failed in step {step} of {}", results.length),
        None => format!("{} step{}", results.length, if results.length == 1 { "" } else { "s" }),
    };
    line(&clip(&results.title, WIDTH));
    let dates = match results.dates.as_deref() {
        Some([first, .., last]) => format!(", {first} to {last}"),
        _ => String::new(),
    };
    let scenario = results.scenario.as_ref().map_or(String::new(), |name| format!(", scenario {name}"));
    line(&clip(
        &format!("{} {} to {}, {steps}{dates}{scenario}", results.clock, plain(first, 9), plain(last, 9)),
        WIDTH,
    ));
    let replay = &results.replay;
    let mut which: Vec<String> = Vec::new();
    which.extend(replay.point.as_ref().map(|(point, values)| format!("point {point}, {values}")));
    which.extend(replay.arm.as_ref().map(|(_, arm)| format!("arm {arm}")));
    if results.chance {
        which.push(format!("run {} of seed {}", replay.run, replay.seed));
    }
    if !which.is_empty() {
        line(&clip(&which.join("; "), WIDTH));
    }
    ways(results, &mut line);
    populations(results, &mut line);
    if !results.metrics.is_empty() {
        line("");
        let metrics = some(&results.metrics, |m| m.declaration);
        let name = width(metrics.iter().map(|(m, _)| m.name.as_str()), "metric", 30);
        line("metric");
        for (m, hidden) in metrics {
            if let Some(hidden) = hidden {
                line(&format!("  … {hidden} more"));
                continue;
            }
            let unit =
                if m.unit == "1" || m.unit == "bool" || m.labels.is_some() || m.value.is_nan() { "" } else { &m.unit };
            let value = match m.unit.as_str() {
                _ if m.value.is_nan() => "—".into(),
                _ if m.labels.is_some() => cell(m.value, &m.labels),
                "bool" => {
                    if m.value == 0.0 {
                        "false".into()
                    } else {
                        "true".into()
                    }
                }
                // A year is a date as often as a length of time.
                unit if unit == results.clock => plain(m.value, 7),
                _ => magnitude(m.value, 6),
            };
            line(&format!("  {}  {:>10} {}", pad(&m.name, name), value, clip(unit, 30)));
        }
    }
    if !results.policies.is_empty() {
        line("");
        line("policy");
        let name = width(results.policies.iter().map(|(n, _)| n.as_str()), "policy", 30);
        results.policies.iter().for_each(|(n, option)| line(&clip(&format!("  {}  {option}", pad(n, name)), WIDTH)));
    }
    goals(results, &mut line);
    if !results.ledger.is_empty() {
        line("");
        ledger(results, &mut line);
    }
    const MOST_SHORT: usize = 8;
    for (i, short) in results.short.iter().enumerate() {
        if i == 0 {
            line("");
        }
        if i == MOST_SHORT && results.short.len() > MOST_SHORT + 1 {
            line(&format!("and {} more", results.short.len() - MOST_SHORT));
            break;
        }
        let word = if short.skips { "skipped" } else { "capped" };
        let missed = short.missed.as_ref().map(|(v, unit)| format!(", {} {unit} short in all", magnitude(*v, 4)));
        let (name, n, all) = (&short.name, short.steps, results.length);
        let often = match short.of_members {
            true => format!("{} times, member by member", grouped(n)),
            false => format!("in {n} of {all} steps"),
        };
        line(&clip(&format!("{name} was {word} {often}{}", missed.unwrap_or_default()), WIDTH));
    }
    out
}

/// What came of each goal.
fn goals(results: &Results, line: &mut dyn FnMut(&str)) {
    if results.goals.is_empty() {
        return;
    }
    line("");
    line("goal");
    for goal in &results.goals {
        let seen = goal.seen.as_ref().map_or(String::new(), |(v, unit)| {
            let unit = if unit == "1" { "" } else { unit };
            format!(" ({} {unit}", magnitude(*v, 6)).trim_end().to_string() + ")"
        });
        let (word, more) = match &goal.verdict {
            Verdict::Met => ("met   ", seen),
            Verdict::Missed => ("missed", seen),
            Verdict::Reached => ("so far", seen),
            Verdict::Open(_) => ("open  ", " (asks for a second run)".to_string()),
        };
        let text = format!("  {word}  {}{more}", goal.text);
        line(&clip(&text, WIDTH));
    }
}

/// A line for each stock and state. Names and units take what they need, and the sparkline what is left.
fn ways(results: &Results, line: &mut dyn FnMut(&str)) {
    // Of a model that holds and remembers nothing, what it works out.
    let lets: Vec<Way> =
        if results.stocks.is_empty() && results.states.is_empty() { lets(results) } else { Vec::new() };
    let groups = [("stock", &results.stocks), ("state", &results.states), ("let", &lets)];
    let visible: Vec<&Way> = groups
        .iter()
        .flat_map(|(_, ways)| some(ways, |w| w.declaration))
        .filter(|(_, hidden)| hidden.is_none())
        .map(|(way, _)| way)
        .collect();
    let all = || visible.iter().copied();
    let unit = width(all().map(|s| s.unit.as_str()), "unit", 12);
    let numbers = |way: &Way| {
        way.values.map(|v| match way.unit.as_str() {
            // Labels have no order, so there is no lowest one.
            _ if way.labels.is_some() && v.is_nan() => String::new(),
            _ if way.labels.is_some() => cell(v, &way.labels),
            "bool" => {
                if v == 0.0 {
                    "false".into()
                } else {
                    "true".into()
                }
            }
            _ => magnitude(v, 4),
        })
    };
    let titles = ["opening", "final", "lowest", "highest"];
    let wide: Vec<usize> =
        (0..4).map(|i| all().map(|w| numbers(w)[i].width()).max().unwrap_or(0).max(titles[i].len())).collect();
    // A sparkline needs some room; a name that is cut may look like another.
    let left = WIDTH.saturating_sub(2 + 2 + wide.iter().map(|w| w + 2).sum::<usize>() + unit + 2);
    let name = width(all().map(|s| s.name.as_str()), "stock", left.saturating_sub(10).clamp(10, 30));
    let room = left.saturating_sub(name).clamp(4, 24);
    let row = |first: &str, numbers: &[String; 4], u: &str, spark: &str| {
        let columns: String = numbers.iter().zip(&wide).map(|(n, w)| format!("{n:>w$}  ")).collect();
        format!("{}  {columns}{}  {spark}", pad(first, name + 2), pad(u, unit))
    };
    for (title, ways) in groups {
        if ways.is_empty() {
            continue;
        }
        line("");
        line(&row(title, &titles.map(String::from), "unit", ""));
        for (way, hidden) in some(ways, |w| w.declaration) {
            if let Some(hidden) = hidden {
                line(&format!("  … {hidden} more"));
                continue;
            }
            line(&row(
                &format!("  {}", clip(&way.name, name)),
                &numbers(way),
                &way.unit,
                &spark(results, way.column, room),
            ));
        }
    }
}

/// A line for each population: who was born, who is there, who went, and how many there were over time.
fn populations(results: &Results, line: &mut dyn FnMut(&str)) {
    if results.populations.is_empty() {
        return;
    }
    let all = || results.populations.iter();
    let numbers = |p: &Population| [p.born, p.alive, p.retired].map(grouped);
    let titles = ["born", "alive", "retired"];
    let wide = [0, 1, 2].map(|i| all().map(|p| numbers(p)[i].width()).max().unwrap_or(0).max(titles[i].len()));
    let name = width(all().map(|p| p.name.as_str()), "population", 30);
    let row = |first: &str, numbers: &[String; 3], spark: &str| {
        let columns: String = numbers.iter().zip(wide).map(|(n, w)| format!("{n:>w$}  ")).collect();
        format!("{}  {columns}{spark}", pad(first, name + 2))
    };
    line("");
    line(&row("population", &titles.map(String::from), ""));
    for p in all() {
        let room = WIDTH.saturating_sub(name + 4 + wide.iter().map(|w| w + 2).sum::<usize>()).clamp(4, 24);
        line(&row(&format!("  {}", clip(&p.name, name)), &numbers(p), &spark(results, p.column, room)));
    }
}

/// Of a long array its first members are shown, and how many more there are.
fn some<T>(all: &[T], declaration: impl Fn(&T) -> u32) -> Vec<(&T, Option<usize>)> {
    const MOST: usize = 16;
    let mut shown = Vec::new();
    let mut rest = all;
    while let Some(first) = rest.first() {
        let n = rest.iter().take_while(|x| declaration(x) == declaration(first)).count();
        let visible = if n > MOST { MOST - 1 } else { n };
        shown.extend(rest[..visible].iter().map(|x| (x, None)));
        if n > visible {
            shown.push((&rest[visible], Some(n - visible)));
        }
        rest = &rest[n..];
    }
    shown
}

/// The ways of lets through the rows that were kept.
fn lets(results: &Results) -> Vec<Way> {
    let way = |(column, c): (usize, &super::Column)| {
        let known = || c.values.iter().copied().filter(|v| !v.is_nan());
        let (first, last) = (c.values.first().copied()?, c.values.last().copied()?);
        let (low, high) = known().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        let values = if c.labels.is_some() { [first, last, f64::NAN, f64::NAN] } else { [first, last, low, high] };
        let (name, unit, labels) = (c.name.clone(), c.unit.clone(), c.labels.clone());
        Some(Way { name, unit, labels, declaration: c.declaration, values, column })
    };
    results.columns.iter().enumerate().filter(|(_, c)| c.kind == "let").filter_map(way).collect()
}

fn spark(results: &Results, column: usize, room: usize) -> String {
    let values: Vec<f64> = results
        .columns
        .get(column)
        .map(|c| c.values.iter().copied().filter(|v| v.is_finite()).collect())
        .unwrap_or_default();
    let Some(last) = values.len().checked_sub(1) else { return String::new() };
    let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
    // Where nothing changes but by rounding, a flat line says so.
    let flat = high - low <= 1e-12 * high.abs().max(low.abs());
    let marks = room.min(last + 1);
    (0..marks)
        .map(|i| {
            let at = if marks > 1 { i * last / (marks - 1) } else { 0 };
            let part = if flat { 0.0 } else { (values[at] - low) / (high - low) };
            SPARK[((part * 7.0).round() as usize).min(7)]
        })
        .collect()
}

fn ledger(results: &Results, line: &mut dyn FnMut(&str)) {
    let unit = width(results.ledger.iter().map(|l| l.unit.as_str()), "", 20);
    line("ledger");
    for l in &results.ledger {
        let shown = |v: f64| magnitude(if v.abs() <= l.dust { 0.0 } else { v }, 5);
        let [opened, inflow, outflow, closed] = l.values.map(shown);
        let verdict = match (l.conserved, l.total) {
            (true, Some(OpeningTotal::Proved)) => "conserved, total proved",
            (true, Some(OpeningTotal::AtStart)) => "conserved, total checked",
            (true, None) => "conserved",
            (false, _) => "balances",
        };
        line(&clip(
            &format!("  {}  {opened} + {inflow} in - {outflow} out = {closed}  {verdict}", pad(&l.unit, unit)),
            WIDTH,
        ));
    }
}

/// The width of a column: its widest entry, at most `most`.
fn width<'a>(entries: impl Iterator<Item = &'a str>, title: &str, most: usize) -> usize {
    entries.map(UnicodeWidthStr::width).max().unwrap_or(0).max(title.width()).min(most)
}

fn pad(text: &str, width: usize) -> String {
    let text = clip(text, width);
    let missing = width.saturating_sub(text.width());
    format!("{text}{}", " ".repeat(missing))
}

/// Text of at most this width; what is cut ends in `…`.
pub(super) fn clip(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_string();
    }
    let mut out = String::new();
    for c in text.chars() {
        if out.width() + unicode_width::UnicodeWidthChar::width(c).unwrap_or(0) + 1 > width {
            break;
        }
        out.push(c);
    }
    out.push('…');
    out
}
