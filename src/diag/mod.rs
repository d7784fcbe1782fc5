//! What is wrong with a model, as data.
//!
//! In: what a pass found. Out: [`Diagnostic`]s that the terminal, JSON and editors render, each in its own way.
//! Invariant: every diagnostic has a [`Code`], and every code a page that explains it. Absent on purpose: rendering.

mod codes;

pub use codes::Code;

use crate::source::Span;

/// How much is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The model cannot run, or a run of it failed.
    Error,
    /// The model runs, and probably not as meant.
    Warning,
}

/// A place and what is to be said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What this piece is.
    pub text: String,
}

/// An edit that mends the mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What to replace; empty to insert.
    pub span: Span,
    /// What to put there.
    pub replacement: String,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its line in the table of codes.
    pub code: Code,
    /// The fact, in lower case.
    pub message: String,
    /// Where the mistake is.
    pub primary: Label,
    /// What else one must see.
    pub secondary: Vec<Label>,
    /// What else one must know.
    pub notes: Vec<String>,
    /// What to do.
    pub help: Option<String>,
    /// Edits that do it.
    pub fixes: Vec<Fix>,
}

impl Diagnostic {
    /// A diagnostic with its headline and its place; an empty label text marks the place without words.
    pub fn new(code: Code, message: impl Into<String>, span: Span, label: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            primary: Label { span, text: label.into() },
            secondary: Vec::new(),
            notes: Vec::new(),
            help: None,
            fixes: Vec::new(),
        }
    }

    /// With another place.
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label { span, text: text.into() });
        self
    }

    /// With a note.
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// With what to do.
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// With an edit that does it.
    pub fn fix(mut self, span: Span, replacement: impl Into<String>) -> Self {
        self.fixes.push(Fix { span, replacement: replacement.into() });
        self
    }

    /// Error or warning.
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }

    /// Whether it is an error.
    pub fn is_error(&self) -> bool {
        self.severity() == Severity::Error
    }
}

/// Whether any of them is an error.
pub fn any_error(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(Diagnostic::is_error)
}

/// The best of `candidates` for a misspelt `name`, if one is near enough to be meant.
pub fn did_you_mean<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let lower = name.to_lowercase();
    let allowed = match name.chars().count() {
        // Any letter is near any other.
        0..=1 => 0,
        2..=4 => 1,
        5..=8 => 2,
        _ => 3,
    };
    candidates
        .into_iter()
        .filter(|c| *c != name)
        .map(|c| {
            let other = c.to_lowercase();
            let distance = strsim::osa_distance(&lower, &other);
            // `fund` for `ecosystem_fund`: a whole word of the right name was meant.
            let part = name.chars().count() > 2 && other.split('_').any(|p| p == lower);
            (if part { distance.min(1) } else { distance }, c)
        })
        .filter(|(distance, c)| *distance <= allowed && *distance < c.chars().count().max(2))
        .min_by_key(|(distance, c)| (*distance, c.len(), *c))
        .map(|(_, c)| c)
}
