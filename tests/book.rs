//! The book says what is so: its models check and run, its commands print what stands under them.
//!
//! In a chapter, a block is
//! - `flow`: a whole model, which checks without any diagnostic and runs to its end;
//! - `flow error=E0301`: a model of which `check`, or else the run, says exactly this code;
//! - `flow part`: a fragment, or a file for others to use; it is not run;
//! - `csv NAME.csv`: a file for others to use, under this name;
//! - `python`, `vensim`: how another tool says it; it is not run;
//! - `console`: commands behind `$ `, each followed by what it prints: standard output, then standard error.
//!
//! A `flow` block that begins with `// file: NAME.flow` is put into the folder in which the chapter's commands run, and so
//! is a `csv` block. The models of `examples/` are there too, in a folder of that name.
//! Commands are `flowc …`, `cat FILE` and `echo $?`. With `UPDATE_BOOK=1` the console blocks are written anew.

#![allow(clippy::disallowed_methods)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use flowc::{Code, Diagnostic, MemLoader, Settings, check};

/// A fenced block of a chapter.
struct Block {
    /// The line of its fence, from 1.
    line: usize,
    info: String,
    text: String,
}

/// A chapter and its blocks.
struct Chapter {
    name: String,
    text: String,
    blocks: Vec<Block>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("grammar/reference")
}

fn read(name: &str) -> String {
    let path = folder().join(name);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn blocks(name: &str, text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (i, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(""), Some(block)) => blocks.push(block),
            (Some(info), None) => open = Some(Block { line: i + 1, info: info.into(), text: String::new() }),
            (None, None) => {}
            (_, Some(mut block)) => {
                block.text.push_str(line);
                block.text.push('\n');
                open = Some(block);
            }
        }
    }
    if let Some(block) = open {
        panic!("{name}:{}: this block is never closed", block.line);
    }
    blocks
}

/// The page that a newcomer sees first holds to the same.
const README: &str = "../../README.md";

/// The chapters, in the order of `SUMMARY.md`, and README.md.
fn chapters() -> Vec<Chapter> {
    let summary = read("SUMMARY.md");
    let names = summary.lines().filter_map(|line| {
        let (_, link) = line.split_once("](")?;
        Some(link.split_once(')')?.0.to_string())
    });
    let chapters: Vec<Chapter> = names
        .chain([README.to_string()])
        .map(|name| {
            let text = read(&name);
            Chapter { blocks: blocks(&name, &text), name, text }
        })
        .collect();
    assert!(!chapters.is_empty(), "SUMMARY.md lists no chapters");
    chapters
}

/// The name that a block's fence or first line gives it.
fn file_name(block: &Block) -> Option<&str> {
    if let Some(name) = block.info.strip_prefix("csv ") {
        return Some(name.trim());
    }
    block.info.starts_with("flow").then_some(())?;
    block.text.lines().next()?.strip_prefix("// file: ").map(str::trim)
}

fn codes(diagnostics: &[Diagnostic]) -> Vec<Code> {
    diagnostics.iter().map(|d| d.code).collect()
}

/// What a block's model comes to, where that is not what the block promises.
fn wrong(block: &Block, loader: &MemLoader) -> Option<String> {
    let code = |code| Code::parse(code).unwrap_or_else(|| panic!("there is no code {code}"));
    let wanted = block.info.split_once(" error=").map(|(_, name)| code(name));
    let name = file_name(block).unwrap_or("book.flow");
    let checked = check(name, block.text.as_bytes(), loader, &Settings::default());
    let say = |diagnostics: &[Diagnostic]| -> String {
        diagnostics.iter().map(|d| flowc::cli::plain(d, &checked.sources)).collect()
    };
    if !checked.diagnostics.is_empty() {
        if wanted.is_none_or(|wanted| codes(&checked.diagnostics) != [wanted]) {
            return Some(format!("check says:\n{}", say(&checked.diagnostics)));
        }
        if !checked.is_sound() {
            return None;
        }
    }
    // A warning has been met, and is no error of the run.
    let wanted = wanted.filter(|_| checked.diagnostics.is_empty());
    match (checked.run(), wanted) {
        (Err(errors), Some(wanted)) if codes(&errors) == [wanted] => None,
        (Err(errors), _) => Some(format!("it does not run:\n{}", say(&errors))),
        (Ok(results), wanted) => match (results.failure, wanted) {
            (None, None) => None,
            (None, Some(wanted)) => Some(format!("it checks and runs, and {wanted} was promised")),
            (Some(failure), Some(wanted)) if failure.code == wanted => None,
            (Some(failure), _) => Some(format!("its run fails:\n{}", say(&[failure]))),
        },
    }
}

#[test]
fn every_model_in_the_book_does_what_it_says() {
    let (mut failures, mut models) = (Vec::new(), 0);
    for chapter in chapters() {
        let mut loader = MemLoader::default();
        let mut tested = 0;
        for block in &chapter.blocks {
            let place = format!("{}:{}", chapter.name, block.line);
            match block.info.as_str() {
                "flow part" | "python" | "vensim" => {}
                info if info.starts_with("csv ") => {}
                // How to start, in the README only: CI runs both.
                "sh" if chapter.name == README => {}
                "console" => tested += 1,
                info if info == "flow" || info.starts_with("flow error=") => {
                    tested += 1;
                    models += 1;
                    failures.extend(wrong(block, &loader).map(|why| format!("{place}: {why}")));
                }
                info => failures.push(format!("{place}: a block of the kind `{info}` would not be tested")),
            }
            if let Some(name) = file_name(block) {
                loader = loader.with(name, &block.text);
            }
        }
        if tested == 0 {
            failures.push(format!("{}: nothing in this chapter is tested", chapter.name));
        }
    }
    assert!(models > 0, "the book has no models");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_chapter_is_in_the_summary() {
    let listed: BTreeSet<String> = chapters().into_iter().map(|c| c.name).filter(|n| n != README).collect();
    let there: BTreeSet<String> = fs::read_dir(folder())
        .expect("the book has a folder")
        .map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".md") && name != "SUMMARY.md")
        .collect();
    assert_eq!(listed, there);
}

/// Words of a command line: blanks part them, quotes of either kind hold them together.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match quote {
            Some(q) if c == q => quote = None,
            Some(_) => word.get_or_insert_default().push(c),
            None if c == '"' || c == '\'' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(word.take()),
            None => word.get_or_insert_default().push(c),
        }
    }
    assert!(quote.is_none(), "a quote is never closed: {line}");
    words.extend(word);
    words
}

/// The folder in which a chapter's commands run, and how the last one ended.
struct Shell {
    folder: tempfile::TempDir,
    exit: i32,
}

impl Shell {
    fn run(&mut self, line: &str) -> String {
        let words = words(line);
        match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["cat", file] => {
                let path = self.folder.path().join(file);
                fs::read_to_string(&path).unwrap_or_else(|e| panic!("{line}: {e}"))
            }
            ["echo", "$?"] => format!("{}\n", self.exit),
            ["flowc", arguments @ ..] => {
                let output = Command::new(env!("CARGO_BIN_EXE_flowc"))
                    .args(arguments)
                    .current_dir(self.folder.path())
                    .env("COLUMNS", "80")
                    .stdin(Stdio::null())
                    .output()
                    .expect("flowc can be started");
                self.exit = output.status.code().unwrap_or(-1);
                let text = [output.stdout, output.stderr].concat();
                String::from_utf8(text).expect("flowc prints UTF-8").replace(".exe", "")
            }
            _ => panic!("a console block has a command that is not known: {line}"),
        }
    }
}

/// The examples, which are too long to stand in a chapter that reads what they print.
fn examples_into(sandbox: &Path) {
    let folder = sandbox.join("examples");
    fs::create_dir_all(&folder).expect("a folder can be made");
    for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")).expect("examples").flatten() {
        if file.path().extension().is_some_and(|e| e == "flow") {
            fs::copy(file.path(), folder.join(file.file_name())).expect("an example can be copied");
        }
    }
}

/// Lines that differ from the book by blanks at their end only are the same: editors cut those.
fn trimmed(text: &str) -> String {
    text.lines().map(|l| format!("{}\n", l.trim_end())).collect()
}

#[test]
fn every_command_in_the_book_prints_what_it_says() {
    let update = std::env::var_os("UPDATE_BOOK").is_some_and(|v| v == "1");
    let (mut failures, mut commands) = (Vec::new(), 0);
    for chapter in chapters() {
        let sandbox = tempfile::tempdir().expect("a temporary folder");
        let mut shell = Shell { folder: sandbox, exit: 0 };
        let mut text = chapter.text.clone();
        examples_into(shell.folder.path());
        for block in &chapter.blocks {
            if let Some(name) = file_name(block) {
                let path = shell.folder.path().join(name);
                fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("a folder can be made");
                fs::write(&path, &block.text).expect("a file can be written");
            }
            if block.info != "console" {
                continue;
            }
            let mut printed = String::new();
            for line in block.text.lines() {
                let Some(command) = line.strip_prefix("$ ") else { continue };
                commands += 1;
                printed += &format!("{line}\n{}", shell.run(command));
            }
            let (printed, said) = (trimmed(&printed), trimmed(&block.text));
            if printed == said {
                continue;
            }
            if update {
                text =
                    text.replacen(&format!("```console\n{}```", block.text), &format!("```console\n{printed}```"), 1);
            } else {
                let place = format!("{}:{}", chapter.name, block.line);
                failures.push(format!("{place}: the book says\n{said}\nand it is\n{printed}"));
            }
        }
        if update && text != chapter.text {
            fs::write(folder().join(&chapter.name), &text).expect("the chapter can be written");
        }
    }
    assert!(commands > 0, "the book has no commands");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The chapter of functions against the table of functions: each is there with its signature, and no other.
#[test]
fn the_chapter_of_functions_is_complete() {
    let text = read("14-functions.md");
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    let mut failures = Vec::new();
    for builtin in flowc::builtins::all() {
        let signature = format!("`{}`", builtin.signature.text);
        match rows.iter().filter(|row| row[0] == signature).count() {
            1 => {}
            n => failures.push(format!("{signature} has {n} rows")),
        }
        let called = format!("{}(", builtin.name());
        let used = blocks("14-functions.md", &text).iter().any(|b| b.info == "flow" && b.text.contains(&called));
        if !used {
            failures.push(format!("no model in the chapter calls `{}`", builtin.name()));
        }
    }
    for row in rows {
        if !flowc::builtins::all().iter().any(|b| row[0] == format!("`{}`", b.signature.text)) {
            failures.push(format!("no function is called as {}", row[0]));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The chapter of distributions against their table: each form is there with its signature, what it says of itself, and a use.
#[test]
fn the_chapter_of_distributions_is_complete() {
    let name = "22-distributions.md";
    let text = read(name);
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| `")).collect();
    let models: String = blocks(name, &text).iter().filter(|b| b.info == "flow").map(|b| b.text.as_str()).collect();
    let mut failures = Vec::new();
    for form in flowc::builtins::draws::forms() {
        let (first, rest) = form.doc.trim_end_matches('.').split_at(1);
        let by_name = if form.by_name { "; *by name*" } else { "" };
        let row = format!(
            "| `{}` | {}{rest}{by_name} | {} |",
            form.signature.text,
            first.to_lowercase(),
            form.foreign.join("; ")
        );
        if rows.iter().filter(|r| **r == row).count() != 1 {
            failures.push(format!("this row is missing: {row}"));
        }
        let params = &form.signature.params;
        let marks = |call: &str| params.iter().filter(|p| call.contains(&format!("{}: ", p.name))).count();
        let opening = format!("~ {}(", form.name());
        let calls = models.match_indices(&opening).map(|(at, _)| &models[at..]);
        let mut calls = calls.map(|rest| rest.split_once(')').map_or(rest, |(call, _)| call));
        if !calls.any(|call| call.split(", ").count() == params.len() && (!form.by_name || marks(call) == params.len()))
        {
            failures.push(format!("no model in the chapter draws from `{}`", form.signature.text));
        }
    }
    if rows.len() != flowc::builtins::draws::forms().len() {
        failures.push(format!("{} rows, {} forms", rows.len(), flowc::builtins::draws::forms().len()));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
