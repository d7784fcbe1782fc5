//! From text to results: the only module that puts the passes together.
//!
//! In: the text of a model, a [`Loader`] for the files that it uses, settings. Out: a [`Checked`] model and its runs.
//! Invariant: the same text and settings give the same diagnostics and results. Absent on purpose: files and streams.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use crate::check::{self, Facts};
use crate::diag::{Code, Diagnostic, any_error};
use crate::exec::{Case, Outcome, Program};
use crate::hir::{self, ClockPart};
use crate::ir;
use crate::output::{self, Results, Tested};
use crate::source::{LoadError, Loader, Origin, SourceMap, Span};
use crate::study::{self, Plan};
use crate::syntax::ast;
use crate::syntax::parse::{self, Incomplete, Parsed};

mod asked;
mod experiment;
mod tables;

pub use asked::{Chosen, Experiment, Replay, swept};
pub use experiment::{How, Ready, Refused, Source, each_run, ready, replay, run_alone, run_plan, variant};

const PRELUDE: &str = include_str!("prelude/units.flow");
const LIBRARY: &[(&str, &str)] = &[("std/si", include_str!("prelude/si.flow"))];
/// More files than this in one model are a mistake.
const MAX_FILES: usize = 1000;

/// What a call puts in place of what the model says.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `--set name=value`: the names and the values, as written.
    pub values: Vec<(String, String)>,
    /// `--scenario`.
    pub scenario: Option<String>,
    /// `--substeps`: rows are kept after each phase.
    pub substeps: bool,
    /// `--from`.
    pub from: Option<String>,
    /// `--to`.
    pub to: Option<String>,
    /// `--step`.
    pub step: Option<String>,
    /// `--members`: what members have is kept in each row.
    pub members: bool,
    /// `--where`: of which of them; the entities and the conditions, as written.
    pub only: Vec<(String, String)>,
    /// `-e`, `--sweep` and their like.
    pub experiment: Option<Experiment>,
}

/// A model that was read and checked.
#[derive(Debug)]
pub struct Checked {
    /// All texts, for rendering diagnostics.
    pub sources: SourceMap,
    /// What the model means.
    pub model: hir::Model,
    /// What is known of it.
    pub facts: Facts,
    /// What is wrong with it.
    pub diagnostics: Vec<Diagnostic>,
    /// A hash over the texts of the model.
    pub hash: String,
    /// The model's name: that of its file.
    pub name: String,
    /// The settings that it was checked with.
    pub settings: Settings,
}

struct Reader<'l> {
    loader: &'l dyn Loader,
    sources: SourceMap,
    /// Each with whether it is the prelude's, and the file that it was read from.
    parsed: Vec<(Parsed, bool, String)>,
    diagnostics: Vec<Diagnostic>,
    /// What may be declared where nothing could be read.
    incomplete: Incomplete,
    hash: Sha256,
    /// Files that have been read, and those that are being read, from the outermost.
    seen: BTreeSet<String>,
    open: Vec<String>,
}

/// Reads and checks a model. `path` is its name within its folder, `text` its bytes.
pub fn check(path: &str, text: &[u8], loader: &dyn Loader, settings: &Settings) -> Checked {
    let mut reader = Reader {
        loader,
        sources: SourceMap::default(),
        parsed: Vec::new(),
        diagnostics: Vec::new(),
        incomplete: Incomplete::default(),
        hash: Sha256::new(),
        seen: BTreeSet::new(),
        open: vec![path.to_string()],
    };
    reader.text("prelude/units.flow", PRELUDE, Origin::Prelude);
    reader.seen.insert(path.to_string());
    reader.file(path, text, Span::default());
    let settings_read = reader.settings(settings);
    let tables = reader.tables();
    let incomplete = reader.incomplete;
    let parsed = std::mem::take(&mut reader.parsed);
    let inputs: Vec<hir::Input> = parsed
        .iter()
        .map(|(p, prelude, _)| hir::Input { file: &p.file, broken: &p.broken, prelude: *prelude })
        .collect();
    let (model, found, misfits) = hir::resolve(&inputs, &settings_read, &tables, incomplete, &reader.sources);
    let mut diagnostics = std::mem::take(&mut reader.diagnostics);
    diagnostics.extend(found);
    diagnostics.extend(misfits.into_iter().map(|m| reader.shown(m.diagnostic, &m.path, m.place)));
    let (facts, found, misfits) = check::check(&model, &reader.sources, !any_error(&diagnostics));
    diagnostics.extend(found);
    diagnostics.extend(misfits.into_iter().map(|m| reader.shown(m.diagnostic, &m.path, m.place)));
    // In the order of the text; two of one place in the order in which they were found.
    diagnostics.sort_by_key(|d| d.primary.span.start);
    diagnostics.dedup();
    let hash = reader.hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
    let name = path.rsplit('/').next().unwrap_or(path).to_string();
    Checked { sources: reader.sources, model, facts, diagnostics, hash, name, settings: settings.clone() }
}

impl Reader<'_> {
    fn text(&mut self, name: &str, text: &str, origin: Origin) {
        let Some(id) = self.sources.add(name, text, origin) else {
            return self.diagnostics.push(Diagnostic::new(
                Code::E0008,
                "the model is larger than 4 GiB",
                Span::default(),
                "",
            ));
        };
        let base = self.sources.base(id);
        let mut parsed = parse::parse(text, base);
        self.diagnostics.append(&mut parsed.diagnostics);
        let (all, more) = (&mut self.incomplete, parsed.incomplete);
        all.clock |= more.clock;
        all.stocks |= more.stocks;
        all.moves |= more.moves;
        all.updates |= more.updates;
        all.names |= more.names;
        let uses: Vec<ast::Text> = parsed
            .file
            .items
            .iter()
            .filter_map(|item| match &item.decl {
                ast::Decl::Use(text) => Some(text.clone()),
                _ => None,
            })
            .collect();
        for used in uses {
            self.used(name, &used);
        }
        self.parsed.push((parsed, origin == Origin::Prelude, name.to_string()));
    }

    fn file(&mut self, name: &str, bytes: &[u8], span: Span) {
        self.hash.update((bytes.len() as u64).to_le_bytes());
        self.hash.update(bytes);
        match std::str::from_utf8(bytes) {
            Ok(text) => self.text(name, text, Origin::Model),
            Err(error) => {
                let line = bytes[..error.valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
                // The readable part stands in the map, so that the place can be shown.
                let readable = String::from_utf8_lossy(bytes).into_owned();
                let at = match self.sources.add(name, readable, Origin::Model) {
                    Some(id) if span == Span::default() => {
                        let base = self.sources.base(id) + error.valid_up_to() as u32;
                        Span::new(base, base)
                    }
                    _ => span,
                };
                let error = Diagnostic::new(
                    Code::E0008,
                    format!("`{name}` is not UTF-8 text"),
                    at,
                    format!("line {line} has a byte that no character has"),
                )
                .help("save the file as UTF-8 in your editor");
                self.diagnostics.push(error);
            }
        }
    }

    fn used(&mut self, by: &str, used: &ast::Text) {
        let (span, before) = (used.span, self.diagnostics.len());
        self.load(by, used, span);
        if self.diagnostics[before..].iter().any(|d| d.primary.span == span) {
            self.incomplete = Incomplete { clock: true, stocks: true, moves: true, updates: true, names: true };
        }
    }

    fn load(&mut self, by: &str, used: &ast::Text, span: Span) {
        if used.text.starts_with("std/") {
            match LIBRARY.iter().find(|(name, _)| *name == used.text) {
                Some((name, text)) => {
                    if self.seen.insert((*name).to_string()) {
                        self.text(name, text, Origin::Prelude);
                    }
                }
                None => {
                    let names: Vec<String> = LIBRARY.iter().map(|(name, _)| format!("`{name}`")).collect();
                    let error = Diagnostic::new(Code::E0105, format!("flowc has no `{}`", used.text), span, "")
                        .help(format!("it has {}", names.join(", ")));
                    self.diagnostics.push(error);
                }
            }
            return;
        }
        if ["", ".", ".."].contains(&used.text.as_str()) {
            let error =
                Diagnostic::new(Code::E0105, "this names no file", span, "").help("for example `use \"tokens.flow\"`");
            return self.diagnostics.push(error);
        }
        let Some(path) = within(by, &used.text) else {
            let error = Diagnostic::new(
                Code::E0105,
                format!("`{}` lies outside the model's folder", used.text),
                span,
                "a model reads only files in its own folder and below",
            )
            .help("move the file there");
            return self.diagnostics.push(error);
        };
        if let Some(at) = self.open.iter().position(|p| *p == path) {
            let cycle: Vec<String> = self.open[at..].iter().chain([&path]).map(|p| format!("`{p}`")).collect();
            let error = Diagnostic::new(Code::E0106, format!("`{path}` comes to use itself"), span, "")
                .note(format!("the files are {}", cycle.join(" → ")))
                .help("put what both need into a third file");
            return self.diagnostics.push(error);
        }
        if !self.seen.insert(path.clone()) {
            return;
        }
        if self.seen.len() > MAX_FILES {
            let error = Diagnostic::new(Code::E0105, format!("this model uses more than {MAX_FILES} files"), span, "");
            return self.diagnostics.push(error.help("use fewer"));
        }
        match self.loader.load(&path) {
            Ok(bytes) => {
                self.open.push(path.clone());
                self.file(&path, &bytes, span);
                self.open.pop();
            }
            Err(error) => {
                let (fact, help) = match error {
                    LoadError::Missing => {
                        (format!("there is no file `{path}`"), "paths are relative to the file that names them")
                    }
                    LoadError::Unreadable(why) => (format!("`{path}` cannot be read: {why}"), "check the file"),
                };
                self.diagnostics.push(Diagnostic::new(Code::E0105, fact, span, "").help(help));
            }
        }
    }

    /// Settings as if they were source: each is a text of its own, so that a message can point into it.
    fn settings(&mut self, settings: &Settings) -> Vec<hir::Setting> {
        let mut read = Vec::new();
        let chosen = settings.experiment.as_ref().and_then(|e| e.chosen.as_ref());
        let scenario = chosen.map_or(&settings.scenario, |chosen| &chosen.scenario);
        if let Some(name) = scenario
            && let Some(id) = self.sources.add("--scenario", name.clone(), Origin::Argument)
        {
            let base = self.sources.base(id);
            let span = Span::new(base, base + name.len() as u32);
            read.push(hir::Setting::Scenario(ast::Name { text: name.trim_matches('`').to_string(), span }));
        }
        for (name, value) in &settings.values {
            let text = format!("{name}={value}");
            let Some(id) = self.sources.add("--set", text, Origin::Argument) else { continue };
            let base = self.sources.base(id);
            match parse::parse_value(value, base + name.len() as u32 + 1) {
                Ok(value) => match self.set_name(name, base) {
                    Ok((name, at)) => read.push(hir::Setting::Value { name, at, value }),
                    Err(error) => self.diagnostics.push(error),
                },
                Err(error) => self.diagnostics.push(error),
            }
        }
        let clock = [
            ("--from", &settings.from, ClockPart::Start),
            ("--to", &settings.to, ClockPart::Stop),
            ("--step", &settings.step, ClockPart::Dt),
        ];
        for (name, value, part) in clock {
            let Some(value) = value else { continue };
            let Some(id) = self.sources.add(name, value.clone(), Origin::Argument) else { continue };
            match parse::parse_value(value, self.sources.base(id)) {
                Ok(value) => read.push(hir::Setting::Clock { part, value }),
                Err(error) => self.diagnostics.push(error),
            }
        }
        for (entity, condition) in &settings.only {
            let text = format!("{entity}: {condition}");
            let Some(id) = self.sources.add("--where", text, Origin::Argument) else { continue };
            let base = self.sources.base(id);
            let span = Span::new(base, base + entity.len() as u32);
            match parse::parse_value(condition, base + entity.len() as u32 + 2) {
                Ok(condition) => {
                    let entity = ast::Name { text: entity.trim_matches('`').to_string(), span };
                    read.push(hir::Setting::Only { entity, condition });
                }
                Err(error) => self.diagnostics.push(error),
            }
        }
        let asked = settings.experiment.as_ref().map(|e| self.experiment(e));
        read.extend(asked.map(hir::Setting::Experiment));
        read
    }
}

impl Reader<'_> {
    /// What a call asks to be run many times, as if it stood in a block.
    fn experiment(&mut self, experiment: &Experiment) -> hir::Asked {
        let mut asked =
            hir::Asked { chosen: experiment.chosen.as_ref().map(|c| c.values.clone()), ..hir::Asked::default() };
        if let Some(name) = &experiment.name
            && let Some(id) = self.sources.add("-e", name.clone(), Origin::Argument)
        {
            let base = self.sources.base(id);
            let span = Span::new(base, base + name.len() as u32);
            asked.name = Some(ast::Name { text: name.trim_matches('`').to_string(), span });
        }
        for (option, line) in experiment.lines() {
            let length = line.len() as u32;
            let Some(id) = self.sources.add(option, line.clone(), Origin::Argument) else { continue };
            let base = self.sources.base(id);
            if asked.span == Span::default() {
                asked.span = Span::new(base, base + length);
            }
            match parse::parse_lines(&line, base) {
                Ok(items) => asked.items.extend(items),
                Err(error) => self.diagnostics.push(error),
            }
        }
        asked
    }

    /// What a call sets: `fee`, or one member, `share[team]`.
    #[allow(clippy::result_large_err)] // A diagnostic is made once, and then the call ends.
    fn set_name(&self, text: &str, base: u32) -> Result<(ast::Name, Vec<ast::Expr>), Diagnostic> {
        let plain = |text: &str, length: usize| ast::Name {
            text: text.trim().trim_matches('`').to_string(),
            span: Span::new(base, base + length as u32),
        };
        if !text.trim_end().ends_with(']') {
            return Ok((plain(text, text.len()), Vec::new()));
        }
        match parse::parse_value(text, base)?.kind {
            ast::ExprKind::Subscript { base: array, subscripts, otherwise: None } => match &array.kind {
                ast::ExprKind::Name(name) => Ok((plain(name, text.find('[').unwrap_or(text.len())), subscripts)),
                _ => Ok((plain(text, text.len()), Vec::new())),
            },
            _ => Ok((plain(text, text.len()), Vec::new())),
        }
    }
}

/// The path of a file that another names, within the model's folder.
fn within(by: &str, path: &str) -> Option<String> {
    if path.is_empty() || path.starts_with('/') || path.contains('\\') || path.contains(':') {
        return None;
    }
    let mut parts: Vec<&str> = by.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

impl Checked {
    /// Whether it has no errors.
    pub fn is_sound(&self) -> bool {
        !any_error(&self.diagnostics)
    }

    /// Adds what is only asked for under strict rules: that of each param somebody says why it is what it is.
    pub fn be_strict(&mut self) {
        self.diagnostics.extend(check::uncovered(&self.model));
    }

    /// Whether an error comes of what the call says, and not of the model alone.
    pub fn call_is_wrong(&self) -> bool {
        self.diagnostics.iter().any(|d| d.is_error() && self.blames_the_call(d))
    }

    /// Whether one of a diagnostic's places lies in what the call says.
    pub fn blames_the_call(&self, diagnostic: &Diagnostic) -> bool {
        let argument = |span: Span| {
            self.sources.locate(span).is_some_and(|(file, _)| self.sources.file(file).origin == Origin::Argument)
        };
        std::iter::once(&diagnostic.primary).chain(&diagnostic.secondary).any(|l| argument(l.span))
    }

    /// The plan of the experiment that the call asks for; none, if it asks for none or something is wrong with it.
    pub fn plan(&self) -> Option<Plan> {
        if self.is_sound() { study::plan(&self.model, &self.facts) } else { None }
    }

    /// What is computed. Errors: the model has errors, no clock, or comes to more than memory holds.
    pub fn lower(&self) -> Result<ir::Model, Vec<Diagnostic>> {
        self.lower_for(&ir::Asked { members: self.settings.members, ..ir::Asked::default() })
    }

    /// What is computed, for runs that bring values with them. Errors: as of [`Checked::lower`].
    pub fn lower_for(&self, asked: &ir::Asked) -> Result<ir::Model, Vec<Diagnostic>> {
        if !self.is_sound() {
            return Err(self.diagnostics.iter().filter(|d| d.is_error()).cloned().collect());
        }
        let top = self.sources.files().find(|(_, f)| f.origin == Origin::Model).map(|(id, _)| self.sources.base(id));
        let place = self.model.decls.first().map_or(Span::new(top.unwrap_or(0), top.unwrap_or(0)), |d| d.whole);
        match ir::lower(&self.model, &self.facts, asked) {
            Some(Ok(mut model)) => {
                model.substeps = self.settings.substeps;
                Ok(model)
            }
            Some(Err(ir::TooLarge)) => {
                let error = Diagnostic::new(
                    Code::E0507,
                    "the functions and arrays of this model come to more than 30 million operations",
                    place,
                    "",
                )
                .help("give parts of functions names, `let part = …`: a `let` is worked out once, a function at every call; let arrays be over fewer members");
                Err(vec![error])
            }
            None => {
                let error = Diagnostic::new(Code::E0502, "this model has no clock, so it cannot run", place, "")
                    .help("say how long a run lasts: `time month from 0 to 60`");
                Err(vec![error])
            }
        }
    }

    /// Runs the model once: run 1 of seed 1.
    pub fn run(&self) -> Result<Results, Vec<Diagnostic>> {
        let model = self.lower()?;
        let outcome = Program::new(&model).run(&Case::default());
        Ok(self.results(&model, &outcome))
    }

    /// Runs the model once and compares it with what its `expect`s read from files.
    pub fn test(&self) -> Result<Tested, Vec<Diagnostic>> {
        if self.is_sound() && self.facts.expects.is_empty() {
            return Ok(Tested::default());
        }
        let mut model = self.lower()?;
        model.columns = std::mem::take(&mut model.expects);
        // As few rows are kept as hold what is compared.
        let rows = self.facts.expects.iter().flat_map(|e| &e.rows);
        model.clock.record = rows.fold(0, |n, (_, row)| greatest_common_divisor(n, *row)).max(1);
        model.substeps = false;
        let outcome = Program::new(&model).run(&Case::default());
        match outcome.fault {
            None => Ok(output::tested(self, &model.clock, &outcome)),
            // The run that fails is shown as any other.
            Some(_) => Ok(Tested { failure: self.run()?.failure, ..Tested::default() }),
        }
    }

    /// What came of a run, with names and units.
    pub fn results(&self, model: &ir::Model, outcome: &Outcome) -> Results {
        self.results_of(model, outcome, Replay::of(&Case::default()))
    }

    /// What came of one run of many.
    pub fn results_of(&self, model: &ir::Model, outcome: &Outcome, replay: Replay) -> Results {
        output::results(self, model, outcome, replay)
    }
}
