//! Diagnostics on the terminal and as JSON. The only user of ariadne.

use std::fmt;
use std::io::{self, Write};
use std::ops::Range;

use ariadne::{Color, Config, IndexType, Label, Report, ReportKind, Source};

use super::{Format, Terminal};
use crate::diag::{Diagnostic, Severity};
use crate::source::{FileId, SourceFile, SourceMap, Span};

/// The longest line of source that is drawn.
const LONGEST_LINE: usize = 400;

/// A file as ariadne names it: two texts may have one name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct File(FileId, String);

impl fmt::Display for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.1)
    }
}

/// The texts that reports need, cut into lines once.
#[derive(Default)]
struct Texts(Vec<(File, Source<String>)>);

impl Texts {
    fn hold(&mut self, file: &File, sources: &SourceMap) {
        if !self.0.iter().any(|(held, _)| held == file) {
            let source = sources.file(file.0);
            let lines = Source::from(source.text.clone()).with_display_line_offset(source.first_line - 1);
            self.0.push((file.clone(), lines));
        }
    }
}

impl ariadne::Cache<File> for &mut Texts {
    type Storage = String;

    fn fetch(&mut self, id: &File) -> Result<&Source<String>, impl fmt::Debug> {
        self.0.iter().find(|(file, _)| file == id).map(|(_, source)| source).ok_or("no such file")
    }

    fn display<'a>(&self, id: &'a File) -> Option<impl fmt::Display + 'a> {
        Some(id.to_string())
    }
}

/// Prints diagnostics to standard error.
pub(super) fn print(diagnostics: &[Diagnostic], sources: &SourceMap, terminal: &Terminal) -> io::Result<()> {
    let (mut out, mut texts) = (Vec::new(), Texts::default());
    for diagnostic in diagnostics {
        match terminal.format {
            Format::Human => out.extend(human(diagnostic, sources, &mut texts, terminal.color)),
            Format::Json => out.extend(json(diagnostic, sources)),
        }
    }
    let mut err = io::stderr().lock();
    err.write_all(&out)?;
    err.flush()
}

/// A diagnostic as it looks without colour: what snapshots hold.
pub fn plain(diagnostic: &Diagnostic, sources: &SourceMap) -> String {
    String::from_utf8_lossy(&human(diagnostic, sources, &mut Texts::default(), false)).into_owned()
}

fn human(diagnostic: &Diagnostic, sources: &SourceMap, texts: &mut Texts, color: bool) -> Vec<u8> {
    let place = |span: Span| -> Option<(File, Range<usize>)> {
        let (file, range) = sources.locate(span)?;
        Some((File(file, sources.file(file).name.clone()), range))
    };
    let tint = match diagnostic.severity() {
        Severity::Error => Color::Red,
        Severity::Warning => Color::Yellow,
    };
    let mut out = Vec::new();
    let Some(primary) = place(diagnostic.primary.span) else {
        let _ = writeln!(out, "{}: {}", diagnostic.code, diagnostic.message);
        return out;
    };
    // A line that no screen holds is named and not drawn.
    let drawable = |span: Span| {
        place(span).is_none_or(|(file, range)| {
            let text = &sources.file(file.0).text;
            let start = text[..range.start].rfind('\n').map_or(0, |i| i + 1);
            text[start..].lines().next().is_none_or(|line| line.len() <= LONGEST_LINE)
        })
    };
    if !drawable(diagnostic.primary.span) {
        let (line, column) = sources.position(diagnostic.primary.span).unwrap_or((0, 0));
        let _ = writeln!(out, "{}: {}", diagnostic.code, diagnostic.message);
        let _ = writeln!(out, "   ╭─[ {}:{line}:{column} ]  {}", primary.0, diagnostic.primary.text);
        if let Some(help) = &diagnostic.help {
            let _ = writeln!(out, "   │ Help: {help}");
        }
        let _ = writeln!(out, "───╯");
        return out;
    }
    let config = Config::default().with_color(color).with_index_type(IndexType::Byte);
    let mut report = Report::build(ReportKind::Custom(diagnostic.code.name(), tint), primary)
        .with_config(config)
        .with_message(&diagnostic.message);
    let secondary = diagnostic.secondary.iter().map(|l| (l, Color::Blue));
    let mut labels: Vec<_> = std::iter::once((&diagnostic.primary, tint)).chain(secondary).collect();
    // In the order of the text, or ariadne draws a section for each.
    labels.sort_by_key(|(label, _)| label.span);
    let mut sections = Vec::new();
    for (label, tint) in labels {
        let Some(place) = place(label.span).filter(|_| drawable(label.span)) else { continue };
        texts.hold(&place.0, sources);
        sections.push(place.0.0);
        // Without a message, even an empty one, ariadne would not mark the place.
        report.add_label(Label::new(place).with_color(tint).with_message(&label.text));
    }
    // A note that says how to repeat a run is a line of its own, to be copied.
    let (replay, notes): (Vec<&String>, Vec<&String>) =
        diagnostic.notes.iter().partition(|n| n.starts_with("replay: "));
    for note in notes {
        report.add_note(note);
    }
    if let Some(help) = &diagnostic.help {
        report.add_help(help);
    }
    // Into memory, so that a closed pipe is met where it can be handled.
    let _ = report.finish().write(texts, &mut out);
    sections.dedup();
    let sections: Vec<&SourceFile> = sections.into_iter().map(|file| sources.file(file)).collect();
    if sections.iter().any(|file| file.first_line > 1) {
        out = renumber(&String::from_utf8_lossy(&out), &sections).into_bytes();
    }
    if !color {
        out = without_color(&out);
    }
    for line in replay {
        let _ = writeln!(out, "{line}");
    }
    out
}

/// ariadne 0.6 numbers the lines of every text from 1, even where the place above them is numbered otherwise.
fn renumber(drawn: &str, sections: &[&SourceFile]) -> String {
    let plain = |line: &str| String::from_utf8_lossy(&without_color(line.as_bytes())).into_owned();
    let width = drawn.lines().last().map_or(0, |tail| plain(tail).matches('─').count().saturating_sub(2));
    let longest = sections.iter().map(|f| (f.first_line + f.text.matches('\n').count()).to_string().len()).max();
    let room = longest.unwrap_or(0).max(width);
    let (mut out, mut sections, mut section) = (String::new(), sections.iter(), None);
    for line in drawn.lines() {
        let bare = plain(line);
        let bare = bare.trim_start();
        if bare.starts_with("╭─[") || bare.starts_with("├─[") {
            section = sections.next();
        }
        let number = bare.split_once(" │").and_then(|(number, _)| number.parse::<usize>().ok());
        let line = match (section, number) {
            (None, _) => line.to_string(),
            (Some(file), Some(number)) => {
                let right = number + file.first_line - 1;
                line.replacen(&format!("{number:>width$} │"), &format!("{right:>room$} │"), 1)
            }
            _ if bare.starts_with('─') => line.replacen('─', &"─".repeat(room - width + 1), 1),
            _ => format!("{}{line}", " ".repeat(room - width)),
        };
        out.push_str(&line);
        out.push('\n');
    }
    out
}

/// ariadne colours the headline even where it is told not to.
fn without_color(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte == 0x1b && rest.first() == Some(&b'[') {
            let end = rest.iter().position(|b| *b == b'm').map_or(rest.len(), |i| i + 1);
            rest = &rest[end..];
        } else {
            out.push(*byte);
        }
    }
    out
}

fn json(diagnostic: &Diagnostic, sources: &SourceMap) -> Vec<u8> {
    let place = |span: Span| {
        let file = sources.locate(span).map(|(file, _)| sources.file(file).name.as_str());
        let (line, column) = sources.position(span).unwrap_or((0, 0));
        let (end_line, end_column) = sources.position(span.after()).unwrap_or((line, column));
        serde_json::json!({ "file": file, "line": line, "column": column, "end_line": end_line, "end_column": end_column })
    };
    let labels: Vec<serde_json::Value> = std::iter::once(&diagnostic.primary)
        .chain(&diagnostic.secondary)
        .enumerate()
        .map(|(i, l)| serde_json::json!({ "primary": i == 0, "text": l.text, "at": place(l.span) }))
        .collect();
    let fixes: Vec<serde_json::Value> = diagnostic
        .fixes
        .iter()
        .map(|f| serde_json::json!({ "at": place(f.span), "replacement": f.replacement }))
        .collect();
    let severity = match diagnostic.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let line = serde_json::json!({
        "code": diagnostic.code.name(), "severity": severity, "message": diagnostic.message, "labels": labels,
        "notes": diagnostic.notes, "help": diagnostic.help, "fixes": fixes,
    });
    format!("{line}\n").into_bytes()
}
