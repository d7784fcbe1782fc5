//! Every kind of mistake: its page, what its messages look like, and where it is said.
//!
//! A new case is a model `tests/ui/<CODE>/<what is wrong>.flow` with one mistake in it. Models that it uses stand in the
//! folder of its name, data in its comments: below `// flowc: file data/fees.csv` each `// | …` is a line of that file, in
//! which `\xff` is a byte and `\` at the end leaves out the line's end. `INSTA_UPDATE=always cargo test --test diagnostics` writes its snapshot beside it, to be read as
//! a user would: is the headline the fact, does each label say what this piece is, does the help work when pasted?

#![allow(clippy::disallowed_methods)] // Tests read files.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use flowc::source::Origin;
use flowc::{Checked, Code, Diagnostic, MemLoader, Settings, check};

/// A breach of the ledger is a bug of flowc: no model can show it. Of the columns of runs, run 1 has always one.
const NO_EXAMPLE: &[Code] = &[Code::E0906, Code::E0909];

fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The files in a folder whose names end so, in order; none where there is no folder.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut all: Vec<PathBuf> = entries.map(|e| e.expect("a folder can be read").path()).collect();
    all.retain(|p| p.extension().is_some_and(|e| e == ending));
    all.sort();
    all
}

fn stem(path: &Path) -> String {
    path.file_stem().expect("a file has a name").to_string_lossy().into_owned()
}

fn names(codes: &[Code]) -> Vec<&'static str> {
    codes.iter().map(|c| c.name()).collect()
}

/// What is wrong with a model: what `check` finds and, where it finds no error, how its run fails.
struct Found {
    checked: Checked,
    diagnostics: Vec<Diagnostic>,
}

impl Found {
    fn codes(&self) -> Vec<Code> {
        self.diagnostics.iter().map(|d| d.code).collect()
    }

    fn render(&self) -> String {
        self.diagnostics.iter().map(|d| flowc::cli::plain(d, &self.checked.sources)).collect()
    }
}

/// Checks a model called `model.flow`, and runs it if it is sound. Lines `// flowc: …` are the arguments of the call;
/// `// flowc: byte` puts a byte at the end that no character has. `beside` are the files that it may use.
fn find(text: &str, beside: MemLoader) -> Found {
    let mut settings = Settings::default();
    let (mut bytes, mut strict) = (text.as_bytes().to_vec(), false);
    for arguments in text.lines().filter_map(|line| line.trim().strip_prefix("// flowc: ")) {
        let mut words = arguments.split_whitespace();
        while let Some(word) = words.next() {
            let mut value = || words.next().unwrap_or_else(|| panic!("`{word}` wants a value")).to_string();
            match word {
                "--set" => {
                    let value = value();
                    let (name, value) = value.split_once('=').expect("`--set name=value`");
                    settings.values.push((name.into(), value.into()));
                }
                "--from" => settings.from = Some(value()),
                "--to" => settings.to = Some(value()),
                "--step" => settings.step = Some(value()),
                "--scenario" => settings.scenario = Some(value()),
                "--strict" => strict = true,
                "-e" => experiment(&mut settings).name = Some(value()),
                "--sweep" => experiment(&mut settings).sweeps.push(flowc::session::swept(&value()).expect("a sweep")),
                "--runs" => experiment(&mut settings).runs = Some(value()),
                "--compare" => experiment(&mut settings).compare = Some(value()),
                "byte" => bytes.push(0xff),
                // Has been read by `data`.
                "file" => drop(value()),
                other => panic!("`{other}` is no argument that a case may have"),
            }
        }
    }
    let mut checked = check("model.flow", &bytes, &beside, &settings);
    if strict {
        checked.be_strict();
    }
    let mut diagnostics = checked.diagnostics.clone();
    let happens = !checked.model.decls.is_empty();
    if checked.is_sound() && happens {
        match checked.run() {
            Ok(results) => diagnostics.extend(results.failure),
            Err(errors) => diagnostics.extend(errors),
        }
    }
    Found { checked, diagnostics }
}

fn experiment(settings: &mut Settings) -> &mut flowc::session::Experiment {
    settings.experiment.get_or_insert_default()
}

/// The data that a case writes into its comments.
fn data(text: &str) -> MemLoader {
    let mut loader = MemLoader::default();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(path) = line.strip_prefix("// flowc: file ") else { continue };
        let mut bytes = Vec::new();
        while let Some(line) = lines.next_if(|l| l.starts_with("// |")) {
            let line = line.trim_start_matches("// |");
            let (line, end) = line.strip_suffix('\\').map_or((line, "\n"), |l| (l, ""));
            let mut parts = line.strip_prefix(' ').unwrap_or(line).split("\\x");
            bytes.extend(parts.next().unwrap_or_default().bytes());
            for part in parts {
                let (byte, rest) = part.split_at(2);
                bytes.push(u8::from_str_radix(byte, 16).expect("`\\x` and two digits"));
                bytes.extend(rest.bytes());
            }
            bytes.extend(end.bytes());
        }
        loader = loader.with(path, bytes);
    }
    loader
}

/// The ```flow blocks of a section of a page, and the files that its ```csv blocks are.
fn blocks(page: &str, section: &str) -> (Vec<String>, MemLoader) {
    let heading = format!("## {section}");
    let lines = page.lines().skip_while(|l| *l != heading).skip(1).take_while(|l| !l.starts_with("## "));
    let (mut models, mut files) = (Vec::new(), MemLoader::default());
    let mut open: Option<(Option<&str>, String)> = None;
    for line in lines {
        open = match (open, line) {
            (None, "```flow") => Some((None, String::new())),
            (None, line) => line.strip_prefix("```csv ").map(|path| (Some(path), String::new())),
            (Some((None, text)), "```") => {
                models.push(text);
                None
            }
            (Some((Some(path), text)), "```") => {
                files = files.with(path, text);
                None
            }
            (Some((path, text)), line) => Some((path, format!("{text}{line}\n"))),
        }
    }
    assert!(open.is_none(), "a block of `{section}` is never closed");
    (models, files)
}

/// Looks at each of many cases, and fails with all that went wrong.
fn each<T>(cases: impl IntoIterator<Item = T>, test: impl Fn(&T) -> Result<(), String>) {
    let failed: Vec<String> = cases.into_iter().filter_map(|case| test(&case).err()).collect();
    assert!(failed.is_empty(), "{} went wrong\n\n{}", failed.len(), failed.join("\n"));
}

/// `Err` with what is the matter unless `right`.
fn demand(right: bool, matter: impl Fn() -> String) -> Result<(), String> {
    if right { Ok(()) } else { Err(matter()) }
}

#[test]
fn every_code_has_a_page_whose_examples_hold() {
    each(Code::ALL, |code| {
        let page = code.page();
        demand(page.lines().count() >= 8, || format!("{code}: the page says too little"))?;
        if NO_EXAMPLE.contains(code) {
            return Ok(());
        }
        let ((wrong, wrong_files), (right, right_files)) = (blocks(page, "Wrong"), blocks(page, "Right"));
        demand(wrong.len() == 1 && right.len() == 1, || {
            format!("{code}: a page has one wrong example and one right one")
        })?;
        let found = find(&wrong[0], wrong_files);
        let only = !found.codes().is_empty() && found.codes().iter().all(|c| *c == **code);
        demand(only, || format!("{code}: the wrong example gives {:?}\n{}", names(&found.codes()), found.render()))?;
        let found = find(&right[0], right_files);
        demand(found.codes().is_empty(), || format!("{code}: the right example gives\n{}", found.render()))
    });
}

#[test]
fn every_page_belongs_to_a_code() {
    let pages: BTreeSet<String> = files(&folder("src/diag/explain"), "md").iter().map(|p| stem(p)).collect();
    let codes: BTreeSet<String> = Code::ALL.iter().map(|c| c.name().to_string()).collect();
    assert_eq!(pages, codes);
}

#[test]
fn every_code_is_said_somewhere() {
    fn sources(folder: &Path, out: &mut String) {
        for entry in fs::read_dir(folder).expect("src can be read") {
            let path = entry.expect("src can be read").path();
            match path.extension() {
                _ if path.ends_with("src/diag") => {}
                _ if path.is_dir() => sources(&path, out),
                Some(e) if e == "rs" => *out += &read(&path),
                _ => {}
            }
        }
    }
    let mut text = String::new();
    sources(&folder("src"), &mut text);
    let silent: Vec<_> = Code::ALL.iter().filter(|c| !text.contains(&format!("Code::{c}"))).map(|c| c.name()).collect();
    assert!(silent.is_empty(), "nothing says {silent:?}");
}

/// The cases of a code, and the files that each of them may use: those in the folder of its name.
fn cases(code: Code) -> Vec<(Code, PathBuf)> {
    files(&folder("tests/ui").join(code.name()), "flow").into_iter().map(|path| (code, path)).collect()
}

fn beside(case: &Path) -> MemLoader {
    files(&case.with_extension(""), "flow")
        .iter()
        .fold(data(&read(case)), |loader, path| loader.with(&format!("{}.flow", stem(path)), read(path)))
}

/// Compares what is said of a case with the snapshot beside it.
fn snapshot(case: &Path, found: &Found) -> Result<(), String> {
    let text = format!("{}\n{}", read(case), found.render());
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(case.parent().expect("a case stands in a folder"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let compared = catch_unwind(AssertUnwindSafe(|| settings.bind(|| insta::assert_snapshot!(stem(case), text))));
    compared.map_err(|_| format!("{}: the snapshot differs", shown(case)))
}

fn shown(case: &Path) -> String {
    case.strip_prefix(folder("tests/ui")).unwrap_or(case).display().to_string()
}

#[test]
fn every_case_is_one_mistake_and_says_so() {
    let all = Code::ALL.iter().flat_map(|code| cases(*code));
    each(all, |(code, path)| {
        let found = find(&read(path), beside(path));
        let one = found.codes() == [*code];
        demand(one, || format!("{}: gives {:?}\n{}", shown(path), names(&found.codes()), found.render()))?;
        snapshot(path, &found)
    });
}

#[test]
fn every_code_has_a_case() {
    let without: Vec<_> = Code::ALL.iter().filter(|c| !NO_EXAMPLE.contains(c) && cases(**c).is_empty()).collect();
    assert!(without.is_empty(), "no case in tests/ui for {without:?}");
    for entry in fs::read_dir(folder("tests/ui")).expect("tests/ui can be read") {
        let path = entry.expect("tests/ui can be read").path();
        if !path.is_dir() {
            continue;
        }
        let code = Code::parse(&stem(&path)).unwrap_or_else(|| panic!("{} is no code", path.display()));
        assert!(!cases(code).is_empty(), "{} holds no case", path.display());
        for snapshot in files(&path, "snap") {
            let case = snapshot.with_extension("flow");
            assert!(case.exists(), "{} is the snapshot of no case", snapshot.display());
        }
    }
}

#[test]
fn a_fix_that_is_offered_mends_its_mistake() {
    let all = Code::ALL.iter().flat_map(|code| cases(*code));
    each(all, |(_, path)| {
        let text = read(path);
        let found = find(&text, beside(path));
        for fix in found.diagnostics.iter().flat_map(|d| &d.fixes) {
            let (file, place) =
                found.checked.sources.locate(fix.span).ok_or_else(|| format!("{}: a fix is nowhere", shown(path)))?;
            // What the call or a data file says is not ours to edit here.
            if found.checked.sources.file(file).origin != Origin::Model {
                continue;
            }
            let mended = format!("{}{}{}", &text[..place.start], fix.replacement, &text[place.end..]);
            let found = find(&mended, beside(path));
            demand(found.codes().is_empty(), || {
                format!("{}: with its fix it is\n{mended}\n{}", shown(path), found.render())
            })?;
        }
        Ok(())
    });
}

#[test]
fn five_mistakes_are_five_errors() {
    let path = folder("tests/ui/five.flow");
    let found = find(&read(&path), MemLoader::default());
    assert_eq!(found.codes().len(), 5, "{}", found.render());
    assert!(found.diagnostics.iter().all(Diagnostic::is_error));
    snapshot(&path, &found).expect("the snapshot holds");
}
